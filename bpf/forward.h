/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward: how does a frame come to a server of its pool, and back to the client?
 *
 * L2: the service's address is on the servers' loopback, only the Ethernet addresses change; answers do not pass here.
 * What is returned is enum bt_steer_exit | verdict << 8.
 * Source:  design §4.7.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "maps_steer.h"
#include "packet.h"

#define FORWARD_WAY(exit, verdict)	((exit) | (verdict) << 8)

static __always_inline struct bt_pool_server *forward_server(__u32 pool, __u32 server)
{
	struct bt_pool *p = bpf_map_lookup_elem(&cfg_pool, &pool);

	return p ? &p->server[server == 2] : NULL;
}

/* Out by the interface it came in by, or by another one. */
static __always_inline int forward_out(struct xdp_md *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
}

/* A client's frame, to the server 1 or 2. */
__noinline int forward_to(struct xdp_md *ctx, struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool_server *to = forward_server(pool, server);
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));

	if (!to || !eth || !h)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	if (!to->ifindex)
		return FORWARD_WAY(BT_S_NO_NEXT_HOP, XDP_DROP);
	__builtin_memcpy(eth->h_dest, to->next_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, to->our_mac, ETH_ALEN);
	return FORWARD_WAY(BT_S_SENT, forward_out(ctx, to->ifindex));
}

/* A frame of a NAT pool's server, to a client. */
__noinline int forward_back(struct xdp_md *ctx, struct headers *h, __u32 pool, __u32 server)
{
	if (!forward_server(pool, server) || !h || !packet_at(ctx, h->l3, 1))
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	return FORWARD_WAY(BT_S_NOT_OURS, XDP_PASS);
}

#endif
