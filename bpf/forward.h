/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward: how does a frame come to a server of its pool, and back to the client?
 *
 *   L2	the service's address is on the servers' loopback: only the Ethernet addresses change, TTL stays
 *   IPIP	the same, in another packet to the server's own address (forward_ipip.h)
 *   NAT	the service's address becomes the server's, the first service's port the server's (forward_nat.h);
 *		what the servers send passes here too, and gets the service's back
 *
 * Answers of the first two do not pass here. IPIP and NAT take one hop off.
 * Returned is enum bt_steer_exit | verdict << 8.
 * Source:  design §4.7; RFC 1812 §5.2, §5.3.1.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "forward_icmp.h"
#include "forward_ipip.h"
#include "forward_leave.h"
#include "forward_nat.h"
#include "maps_steer.h"
#include "slow.h"
#include "too_big.h"

#define FORWARD_WAY(exit, verdict)	((exit) | (verdict) << 8)

#define FORWARD_INET	2	/* AF_INET, AF_INET6: what bpf_fib_lookup() wants to be told */
#define FORWARD_INET6	10

/* Addressed to the server's next hop. 0, or -1. */
__noinline int forward_leave(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct hop hop;

	if (!h || !p)
		return -1;
	hop_of(&hop, forward_server(p, server));
	return leave_to(ctx, h, &hop, 0, h->kind) < 0 ? -1 : 0;
}

/* The server in place of the service: its port in place of the first service's. */
static __always_inline void forward_as_server(struct nat_side *side, struct bt_pool *p, const struct bt_pool_server *to,
					      __be16 port, bool source)
{
	*side = (struct nat_side){ .source = source, .quoted = source, .port = port == p->port ? to->port : 0 };
	__builtin_memcpy(side->ip, to->ip, sizeof(side->ip));
}

/* The service in place of the server. */
static __always_inline void forward_as_service(struct nat_side *side, struct bt_pool *p, const struct bt_pool_server *from,
					       __be16 port)
{
	*side = (struct nat_side){ .source = true, .port = port == from->port ? p->port : 0 };
	__builtin_memcpy(side->ip, p->service, sizeof(side->ip));
}

/* Of what is at layer 4, UDP or TCP: one of its ports; 0: there is none in this frame. */
static __always_inline __be16 forward_port(struct xdp_md *ctx, const struct headers *h, bool source)
{
	__be16 *port;

	if (h->later || (h->proto != IPPROTO_UDP && h->proto != IPPROTO_TCP))
		return 0;
	port = packet_at(ctx, h->l4 + (source ? 0 : 2), sizeof(*port));
	return port ? *port : 0;
}

/* Destination: the server. 0, or -1. */
__noinline int forward_translate(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct nat_side side;

	if (!h || !p || is_ip4(forward_server(p, server)->ip) != (h->kind == FRAME_IP4))
		return -1;
	forward_as_server(&side, p, forward_server(p, server), forward_port(ctx, h, false), false);
	return nat_change(ctx, h, &side) < 0 ? -1 : 0;
}

static __always_inline int forward_tell(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 mtu)
{
	return too_big_tell(ctx, h, pool, mtu) ? FORWARD_WAY(BT_S_BROKEN, XDP_DROP) : FORWARD_WAY(BT_S_TOLD, XDP_TX);
}

/* To userspace, which cuts it. */
__noinline int forward_hand(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct slow_note note = { .kind = BT_SLOW_BIG, .owner = pool, .server = server };

	return slow_hand(ctx, h, &note) ? FORWARD_WAY(BT_S_SLOW_FULL, XDP_DROP) : FORWARD_WAY(BT_S_HANDED_BIG, XDP_DROP);
}

/* Bytes that the way takes of what it can carry. */
static __always_inline __u32 forward_room(const struct bt_pool *p, const struct bt_pool_server *to)
{
	return p->forward == BT_FWD_IPIP ? ipip_room(to) : 0;
}

static __always_inline bool forward_fits(const struct headers *h, const struct bt_pool *p, const struct bt_pool_server *to)
{
	return p->forward == BT_FWD_L2 || !to->mtu || h->end - h->l3 + forward_room(p, to) <= to->mtu;
}

/* Too long for the way to its server. What NAT may cut, the host's routing does. */
__noinline int forward_big(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct bt_pool_server *to;
	int what;

	if (!h || !p)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	to = forward_server(p, server);
	what = too_big_is(ctx, h);
	if (what == TOO_BIG_TELL && to->mtu > forward_room(p, to))
		return forward_tell(ctx, h, 0, to->mtu - forward_room(p, to));
	if (what != TOO_BIG_CUT)
		return FORWARD_WAY(BT_S_TOO_BIG, XDP_DROP);
	if (p->forward == BT_FWD_IPIP)
		return forward_hand(ctx, h, pool, server);
	if (forward_translate(ctx, h, pool, server))
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	return FORWARD_WAY(BT_S_SENT, XDP_PASS);
}

/* Makes of the frame what its way wants. 0, or -1. */
static __always_inline int forward_shape(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server, __u32 form)
{
	if (form == BT_FWD_IPIP)
		return ipip_wrap(ctx, h, pool, server);
	if (form == BT_FWD_NAT && forward_translate(ctx, h, pool, server))
		return -1;
	return forward_leave(ctx, h, pool, server);
}

/*
 * The way of nearly all frames by L2: out where it came in, tags as they are. It was looked at for loops before. -1: it
 * wants forward_to().
 */
static __always_inline int forward_at_once(struct xdp_md *ctx, const struct bt_pool *p, const struct bt_pool_server *to)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));

	if (p->forward != BT_FWD_L2 || !eth || !to->ifindex || to->ifindex != ctx->ingress_ifindex)
		return -1;
	__builtin_memcpy(eth->h_dest, to->next_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, to->our_mac, ETH_ALEN);
	return FORWARD_WAY(BT_S_SENT, XDP_TX);
}

/* A client's frame, to the server 1 or 2. */
__noinline int forward_to(struct xdp_md *ctx, struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct bt_pool_server *to;

	if (!p || !h)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	to = forward_server(p, server);
	if (h->broken || h->deep || (h->kind != FRAME_IP4 && h->kind != FRAME_IP6))
		return FORWARD_WAY(BT_S_MALFORMED, XDP_DROP);
	if (!to->ifindex)
		return FORWARD_WAY(BT_S_NO_NEXT_HOP, XDP_DROP);
	if (!forward_fits(h, p, to))
		return forward_big(ctx, h, pool, server);
	if (p->forward != BT_FWD_L2 && nat_ttl(ctx, h))
		return FORWARD_WAY(BT_S_TTL, XDP_DROP);
	if (forward_shape(ctx, h, pool, server, p->forward))
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	return FORWARD_WAY(BT_S_SENT, leave_by(ctx, to->ifindex));
}

/*
 * An ICMP error about a packet that the server sent in the service's name, before it is sent on with forward_to(): by NAT the
 * quoted packet becomes what the server knows. 0, or -1: it is none.
 */
__noinline int forward_icmp(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct frame quoted;
	struct nat_side side;

	if (!p || !h)
		return -1;
	if (p->forward != BT_FWD_NAT)
		return 0;
	if (!icmp_about(ctx, h, &quoted))
		return -1;
	forward_as_server(&side, p, forward_server(p, server), forward_port(ctx, &quoted.h, true), true);
	return is_ip4(side.ip) != (h->kind == FRAME_IP4) ? -1 : icmp_translate(ctx, h, &quoted.h, &side);
}

static __always_inline bool back_ask(struct xdp_md *ctx, const struct headers *h, const __u8 service[16],
				     struct bpf_fib_lookup *fib)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	fib->ifindex = ctx->ingress_ifindex;
	fib->l4_protocol = h->proto;
	fib->tot_len = h->end - h->l3;
	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		if (!ip6)
			return false;
		fib->family = FORWARD_INET6;
		fib->flowinfo = *(__be32 *)ip6 & bpf_htonl(0x0fffffff);
		__builtin_memcpy(fib->ipv6_src, service, 16);
		__builtin_memcpy(fib->ipv6_dst, &ip6->daddr, 16);
		return true;
	}
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	if (!ip)
		return false;
	fib->family = FORWARD_INET;
	fib->tos = ip->tos;
	__builtin_memcpy(&fib->ipv4_src, service + 12, 4);
	fib->ipv4_dst = ip->daddr;
	return true;
}

/*
 * Where does this host's routing send it, as the service's? Returns BPF_FIB_LKUP_RET_*, negative: no answer; FRAG_NEEDED:
 * the MTU is in hop->ifindex. What came tagged came by a VLAN device, and XDP cannot send by one: as if no neighbour were known.
 */
__noinline int back_find(struct xdp_md *ctx, const struct headers *h, __u32 pool, struct hop *hop)
{
	struct bt_pool *p = forward_pool(pool);
	struct bpf_fib_lookup fib = {};
	long ret;

	if (!h || !hop || !p || !back_ask(ctx, h, p->service, &fib))
		return -1;
	ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	hop->ifindex = ret == BPF_FIB_LKUP_RET_FRAG_NEEDED ? fib.mtu_result : fib.ifindex;
	if (ret)
		return ret;
	__builtin_memcpy(hop->to, fib.dmac, ETH_ALEN);
	__builtin_memcpy(hop->from, fib.smac, ETH_ALEN);
	return h->l3 == ETH_HLEN ? BPF_FIB_LKUP_RET_SUCCESS : BPF_FIB_LKUP_RET_NO_NEIGH;
}

/* Source: the service. 0, or -1. */
__noinline int back_translate(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct nat_side side;

	if (!h || !p || is_ip4(p->service) != (h->kind == FRAME_IP4))
		return -1;
	forward_as_service(&side, p, forward_server(p, server), forward_port(ctx, h, true));
	return nat_change(ctx, h, &side) < 0 ? -1 : 0;
}

/* Too long for the way to the client. */
static __always_inline int back_tell(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 mtu)
{
	if (too_big_is(ctx, h) != TOO_BIG_TELL)
		return FORWARD_WAY(BT_S_TOO_BIG, XDP_DROP);
	return forward_tell(ctx, h, pool, mtu);
}

/*
 * A frame of a NAT pool's server to anybody else. What is for this host itself, or all if it does not route, is not
 * touched.
 */
__noinline int forward_back(struct xdp_md *ctx, struct headers *h, __u32 pool, __u32 server)
{
	struct hop hop = {};
	int found;

	if (!h)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	if (h->broken || h->deep)
		return FORWARD_WAY(BT_S_MALFORMED, XDP_DROP);
	found = back_find(ctx, h, pool, &hop);
	if (found < 0)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	if (found == BPF_FIB_LKUP_RET_NOT_FWDED || found == BPF_FIB_LKUP_RET_FWD_DISABLED)
		return FORWARD_WAY(BT_S_NOT_OURS, XDP_PASS);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED && too_big_is(ctx, h) != TOO_BIG_CUT)
		return back_tell(ctx, h, pool, hop.ifindex);
	if (found == BPF_FIB_LKUP_RET_SUCCESS && nat_ttl(ctx, h))
		return FORWARD_WAY(BT_S_TTL, XDP_DROP);
	if (back_translate(ctx, h, pool, server))
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	if (found != BPF_FIB_LKUP_RET_SUCCESS)
		return FORWARD_WAY(BT_S_BACK_PASSED, XDP_PASS);
	if (leave_to(ctx, h, &hop, 0, h->kind) < 0)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	return FORWARD_WAY(BT_S_BACK, leave_by(ctx, hop.ifindex));
}

#endif
