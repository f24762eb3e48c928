// SPDX-License-Identifier: GPL-2.0
#include "maps_tc.h"
#include <linux/pkt_cls.h>

SEC("tc")
int baton_tc(struct __sk_buff *skb)
{
	__u32 slot = BT_T_TOTAL;
	struct bt_count *c = bpf_map_lookup_elem(&st_count_tc, &slot);

	if (c) {
		c->packets++;
		c->bytes += skb->len;
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
