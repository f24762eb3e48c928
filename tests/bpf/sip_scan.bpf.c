// SPDX-License-Identifier: GPL-2.0
/*
 * sip_scan: the scanner alone: what does it read of a payload, and what does that cost?
 *
 * scan: the frame is the payload, behind SCAN_OFF bytes; where it ends, the key and the salt stand in map sip,
 * which gets what was read. quick: the same of sip_quick(), with what it returns. pass: the same program without a scanner,
 * for what it costs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/sip_quick.h"
#include "tests/bpf/sip_scan.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scan_case);
} sip SEC(".maps");

SIP_SCAN(xdp_md)
SIP_QUICK(xdp_md)

SEC("xdp")
int scan(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct scan_case *c = bpf_map_lookup_elem(&sip, &zero);

	if (!c)
		return XDP_ABORTED;
	sip_scan(ctx, SCAN_OFF, c->end, &c->msg);
	return XDP_PASS;
}

SEC("xdp")
int quick(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct scan_case *c = bpf_map_lookup_elem(&sip, &zero);

	if (!c)
		return XDP_ABORTED;
	c->quick = sip_quick(ctx, SCAN_OFF, c->end, &c->msg);
	return XDP_PASS;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct scan_case *c = bpf_map_lookup_elem(&sip, &zero);

	return c && c->end < SCAN_OFF && ctx->data_end - ctx->data < SCAN_OFF ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
