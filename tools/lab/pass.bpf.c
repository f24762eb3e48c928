// SPDX-License-Identifier: GPL-2.0
/*
 * pass: what the switch side of every veth carries. Frames that a host sends back from XDP
 * (XDP_TX) are lost when the veth at the other end runs no XDP program.
 */
#include <linux/bpf.h>

__attribute__((section("xdp"), used))
int lab_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
