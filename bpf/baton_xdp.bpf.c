// SPDX-License-Identifier: GPL-2.0
#include "maps.h"

SEC("xdp")
int baton_xdp(struct xdp_md *ctx)
{
	__u32 slot = BT_X_TOTAL;
	struct bt_count *c = bpf_map_lookup_elem(&st_count, &slot);

	if (c) {
		c->packets++;
		c->bytes += ctx->data_end - ctx->data;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
