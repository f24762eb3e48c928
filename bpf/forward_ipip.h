/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward_ipip: how does a packet travel in another one to a server of another network?
 *
 * IPv4 or IPv6 in IPv4 or IPv6; the server takes the outer header off and has the service's address on its loopback. The
 * inner packet keeps its addresses and loses one hop; class of service and ECN are copied to the outer one. May it not be
 * cut, neither may the outer one; IPv6 in IPv4 may be, for what an ICMP error about the outer packet says nobody here hears.
 * Bytes:   bt_pool_server.mtu is of the outer packet.
 * Source:  RFC 2003, RFC 2473, RFC 4213 §3.2.1, RFC 6040 (normal mode), RFC 6864 (identification).
 */
#ifndef FORWARD_IPIP_H
#define FORWARD_IPIP_H

#include "forward_leave.h"
#include "forward_nat.h"
#include "maps_steer.h"

#define IPIP_TTL	64

/* What of the inner header the outer one says too. */
struct ipip_inner {
	__u16 len;
	__u8  tos;
	__u8  proto;		/* as the outer header names the inner packet */
	__be16 frag_off;	/* of an IPv4 header: DF, or nothing */
	__be16 id;
};

/* How long the outer header is. */
static __always_inline __u32 ipip_room(const struct bt_pool_server *to)
{
	return is_ip4(to->ip) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline bool ipip_read(struct xdp_md *ctx, const struct headers *h, struct ipip_inner *ret)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	*ret = (struct ipip_inner){ .len = h->end - h->l3, .proto = IPPROTO_IPIP };
	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		if (!ip6)
			return false;
		ret->proto = IPPROTO_IPV6;
		ret->tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	} else {
		ip = packet_at(ctx, h->l3, sizeof(*ip));
		if (!ip)
			return false;
		ret->tos = ip->tos;
		ret->frag_off = ip->frag_off & bpf_htons(IP_DF);
	}
	if (!ret->frag_off)
		ret->id = bpf_get_prandom_u32();	/* may be cut: its pieces must be known */
	return true;
}

static __always_inline bool ipip_write4(struct xdp_md *ctx, __u32 off, const struct ipip_inner *in,
					const struct bt_pool_server *to)
{
	struct iphdr *ip = packet_at(ctx, off, sizeof(*ip));
	__u16 *word = (void *)ip;
	__u32 sum = 0;

	if (!ip)
		return false;
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = in->tos;
	ip->tot_len = bpf_htons(in->len + sizeof(*ip));
	ip->id = in->id;
	ip->frag_off = in->frag_off;
	ip->ttl = IPIP_TTL;
	ip->protocol = in->proto;
	ip->check = 0;
	__builtin_memcpy(&ip->saddr, to->from + 12, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, to->ip + 12, sizeof(ip->daddr));
	for (int i = 0; i < 10; i++)
		sum += word[i];
	ip->check = ~csum16(sum);
	return true;
}

static __always_inline bool ipip_write6(struct xdp_md *ctx, __u32 off, const struct ipip_inner *in,
					const struct bt_pool_server *to)
{
	struct ipv6hdr *ip = packet_at(ctx, off, sizeof(*ip));

	if (!ip)
		return false;
	*(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)in->tos << 20);
	ip->payload_len = bpf_htons(in->len);
	ip->nexthdr = in->proto;
	ip->hop_limit = IPIP_TTL;
	__builtin_memcpy(&ip->saddr, to->from, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, to->ip, sizeof(ip->daddr));
	return true;
}

/* Into an outer packet to that server. 0, or -1: it cannot be done. */
__noinline int ipip_wrap(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 server)
{
	struct bt_pool *p = forward_pool(pool);
	struct bt_pool_server *to;
	struct ipip_inner in;
	struct hop hop;
	bool ip4;
	int off;

	if (!h || !p || !ipip_read(ctx, h, &in))
		return -1;
	to = forward_server(p, server);
	ip4 = is_ip4(to->ip);
	hop_of(&hop, to);
	off = leave_to(ctx, h, &hop, ipip_room(to), ip4 ? FRAME_IP4 : FRAME_IP6);
	if (off < 0)
		return -1;
	return (ip4 ? ipip_write4(ctx, off, &in, to) : ipip_write6(ctx, off, &in, to)) ? 0 : -1;
}

#endif
