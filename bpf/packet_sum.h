/* SPDX-License-Identifier: GPL-2.0 */
/*
 * packet_sum: what do some bytes of the frame sum up to, for a checksum that is made anew?
 *
 * In words as they lie in memory, not folded: csum.h.
 */
#ifndef PACKET_SUM_H
#define PACKET_SUM_H

#include "csum.h"
#include "packet.h"

#define PACKET_SUM_MAX	1024	/* a pulse with every group fits */

/* Of @len bytes, a multiple of 8. 0: they are not all there. */
__noinline __u64 packet_sum(struct xdp_md *ctx, __u32 off, __u32 len)
{
	__u64 sum = 0;
	__u32 *half;

	for (__u32 at = 0; at < PACKET_SUM_MAX; at += 8) {
		if (at >= len)
			break;
		half = packet_at(ctx, off + at, 8);
		if (!half)
			return 0;
		sum += (__u64)half[0] + half[1];
	}
	return sum;
}

#endif
