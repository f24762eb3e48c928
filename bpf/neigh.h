/* SPDX-License-Identifier: GPL-2.0 */
/*
 * neigh: who still sends a VIP's frames to us, though we do not hold it?
 *
 * Known by the source address that its frames bear. Whoever forges those costs us an LRU entry each,
 * and himself the frames; batond tells each of the true ones once more where the VIP is.
 */
#ifndef NEIGH_H
#define NEIGH_H

#include "maps.h"
#include "mark.h"
#include "packet.h"

/* One frame of it, as it came. 0. */
__noinline int neigh_count(struct xdp_md *ctx, const struct headers *h, __u64 from, __u32 group,
			   __u64 now)
{
	struct bt_neigh_key key = { .group = group };
	struct bt_neigh news = { .packets = 1, .last_ns = now, .ifindex = ctx->ingress_ifindex }, *n;

	if (!h || from & 1)	/* from all: nobody's address */
		return 0;
	mark_write(key.mac, from);
	n = bpf_map_lookup_elem(&st_neigh, &key);
	if (!n) {
		if (packet_addresses(ctx, h, news.ip, news.vip))
			bpf_map_update_elem(&st_neigh, &key, &news, BPF_ANY);
		return 0;
	}
	__sync_fetch_and_add(&n->packets, 1);
	n->last_ns = now;
	n->ifindex = news.ifindex;
	packet_addresses(ctx, h, n->ip, n->vip);
	return 0;
}

#endif
