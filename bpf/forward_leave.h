/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward_leave: how does a frame get other Ethernet addresses, and room for another header before IP?
 *
 * VLAN tags stay as they are where it leaves by the interface it came in by; another interface is another network, and
 * they come off.
 */
#ifndef FORWARD_LEAVE_H
#define FORWARD_LEAVE_H

#include "maps_steer.h"
#include "packet.h"

struct hop {
	__u32 ifindex;
	__u8  to[ETH_ALEN];
	__u8  from[ETH_ALEN];
};

static __always_inline struct bt_pool *forward_pool(__u32 pool)
{
	return bpf_map_lookup_elem(&cfg_pool, &pool);
}

static __always_inline struct bt_pool_server *forward_server(struct bt_pool *p, __u32 server)
{
	return &p->server[server == 2];
}

static __always_inline void hop_of(struct hop *hop, const struct bt_pool_server *to)
{
	hop->ifindex = to->ifindex;
	__builtin_memcpy(hop->to, to->next_mac, ETH_ALEN);
	__builtin_memcpy(hop->from, to->our_mac, ETH_ALEN);
}

/* Its tags, 0 to 2, as 4 bytes each: what is between the addresses and the Ethertype. False: they are not there. */
static __always_inline bool leave_tags(struct xdp_md *ctx, __u32 len, __u32 ret[FRAME_TAGS])
{
	__u32 *at = packet_at(ctx, 2 * ETH_ALEN, FRAME_TAGS * sizeof(*at));

	if (!at)
		return !len;
	ret[0] = at[0];
	ret[1] = at[1];
	return true;
}

/*
 * Addressed to the next hop, with @room bytes before the IP packet; what is behind Ethernet then is of @kind (enum
 * frame_kind). Returns where that begins; -1: it cannot be done, and the frame may be spoiled.
 */
__noinline int leave_to(struct xdp_md *ctx, const struct headers *h, const struct hop *hop, __u32 room, __u32 kind)
{
	__u32 tags[FRAME_TAGS] = {}, kept, *at;
	struct ethhdr *eth;
	int shift;

	if (!h || !hop || h->l3 < ETH_HLEN || h->l3 > ETH_HLEN + sizeof(tags))
		return -1;
	kept = hop->ifindex == ctx->ingress_ifindex ? h->l3 - ETH_HLEN : 0;
	if (!leave_tags(ctx, kept, tags))
		return -1;
	shift = (int)h->l3 - (int)(ETH_HLEN + kept) - (int)room;
	if (shift && bpf_xdp_adjust_head(ctx, shift))
		return -1;
	eth = packet_at(ctx, 0, sizeof(*eth));
	at = packet_at(ctx, 2 * ETH_ALEN, sizeof(tags) + sizeof(eth->h_proto));
	if (!eth || !at)
		return -1;
	__builtin_memcpy(eth->h_dest, hop->to, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->from, ETH_ALEN);
	if (kept >= 4)
		at[0] = tags[0];
	if (kept >= 8)
		at[1] = tags[1];
	*(__be16 *)(at + (kept >= 8 ? 2 : kept >= 4)) = kind == FRAME_IP6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	return ETH_HLEN + kept;
}

/* Out by the interface it came in by, or by another one. */
static __always_inline __u32 leave_by(struct xdp_md *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
}

#endif
