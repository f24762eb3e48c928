/* SPDX-License-Identifier: GPL-2.0 */
/*
 * packet: what lies at an offset of the frame, for functions that are verified by themselves? They get the
 * context and offsets (struct headers); packet pointers do not go through (kernel-notes/bpf-global-functions).
 */
#ifndef PACKET_H
#define PACKET_H

#include "parse.h"

static __always_inline void *packet_at(struct xdp_md *ctx, __u32 off, __u32 size)
{
	void *p = (void *)(long)ctx->data;

	barrier_var(off);	/* else a sum may be checked whole, added in parts: no bound to 6.1 */
	if (off > FRAME_REACH)
		return NULL;
	barrier_var(off);	/* else it may come back from the stack, where 6.1 forgets the bound */
	p += off & FRAME_REACH;
	barrier_var(p);
	return p + size > (void *)(long)ctx->data_end ? NULL : p;
}

/* Source and destination as the maps have them: IPv4 as v4-mapped IPv6. */
static __always_inline bool packet_addresses(struct xdp_md *ctx, const struct headers *h,
					     __u8 from[16], __u8 to[16])
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		if (!ip6)
			return false;
		__builtin_memcpy(from, &ip6->saddr, 16);
		__builtin_memcpy(to, &ip6->daddr, 16);
		return true;
	}
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	if (!ip)
		return false;
	__builtin_memset(from, 0, 10);
	__builtin_memset(to, 0, 10);
	from[10] = from[11] = to[10] = to[11] = 0xff;
	__builtin_memcpy(from + 12, &ip->saddr, 4);
	__builtin_memcpy(to + 12, &ip->daddr, 4);
	return true;
}

#endif
