// SPDX-License-Identifier: GPL-2.0
/*
 * watch_look: one look of the watchdog at a time that the test says, as its timer takes one at the time that it is.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/watch.h"
#include "tests/bpf/watch_look.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct look_case);
} look_case SEC(".maps");

SEC("xdp")
int look(struct xdp_md *ctx)
{
	struct look_case *c;
	struct bt_watch *timer;
	__u32 zero = 0;

	(void)ctx;
	c = bpf_map_lookup_elem(&look_case, &zero);
	timer = bpf_map_lookup_elem(&st_watch, &zero);
	if (!c || !timer)
		return XDP_ABORTED;
	c->next = watch_look(timer, c->now);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
