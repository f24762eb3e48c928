/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward_nat: how does a packet get another address and port, and all its checksums stay right?
 *
 * Incrementally: what is not touched is not read, and a wrong checksum stays wrong. Of a fragmented datagram the
 * first fragment has the checksum of the whole, the later ones only have addresses.
 * Source:  RFC 3022 §4, RFC 1624; RFC 5508 (ICMP errors).
 */
#ifndef FORWARD_NAT_H
#define FORWARD_NAT_H

#include "csum.h"
#include "packet.h"

/* Of one side of a packet. */
struct nat_side {
	__u8  ip[16];		/* IPv4 as v4-mapped */
	__be16 port;		/* 0: stays */
	__u8  source;		/* the sender's side is changed, not the receiver's */
	__u8  quoted;		/* in an ICMP error: what comes after the ports may be cut off */
};

static __always_inline bool is_ip4(const __u8 ip[16])
{
	const __u32 *word = (const void *)ip;

	return !word[0] && !word[1] && word[2] == bpf_htonl(0xffff);
}

/* Puts @words 16-bit words in place of those at @at; returns the difference. */
static __always_inline __u32 nat_put(__u16 *at, const __u16 *with, __u32 words)
{
	__u32 diff = 0;

	for (__u32 i = 0; i < words; i++) {
		diff = csum_changed(diff, at[i], with[i]);
		at[i] = with[i];
	}
	return diff;
}

/* The address, and in IPv4 the checksum of the header; *@ret_diff: of the address alone. False: it is not there. */
static __always_inline bool nat_address(struct xdp_md *ctx, const struct headers *h, const struct nat_side *side,
					__u32 *ret_diff)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		if (!ip6)
			return false;
		*ret_diff = nat_put((__u16 *)(side->source ? &ip6->saddr : &ip6->daddr), (const __u16 *)side->ip, 8);
		return true;
	}
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	if (!ip)
		return false;
	*ret_diff = nat_put((__u16 *)(side->source ? &ip->saddr : &ip->daddr), (const __u16 *)(side->ip + 12), 2);
	ip->check = csum_with(ip->check, *ret_diff);
	return true;
}

/* Where in its header a protocol keeps a checksum that covers the addresses too; 0: nowhere. */
static __always_inline __u32 nat_check_at(__u32 proto)
{
	if (proto == IPPROTO_UDP)
		return offsetof(struct udphdr, check);
	if (proto == IPPROTO_TCP)
		return offsetof(struct tcphdr, check);
	return proto == IPPROTO_ICMPV6 ? offsetof(struct icmp6hdr, icmp6_cksum) : 0;
}

/* Ports and checksum; @diff of the addresses, *@ret_diff: of what is changed here. False: they are not there. */
static __always_inline bool nat_l4(struct xdp_md *ctx, const struct headers *h, const struct nat_side *side,
				   __u32 diff, __u32 *ret_diff)
{
	__u16 *port, *check, old, port_new = side->port;
	__u32 proto = h->proto, at = nat_check_at(proto);

	*ret_diff = 0;
	if (!at)
		return true;
	if (port_new && proto != IPPROTO_ICMPV6) {
		port = packet_at(ctx, h->l4 + (side->source ? 0 : 2), sizeof(*port));
		if (!port)
			return false;
		*ret_diff = nat_put(port, &port_new, 1);
	}
	check = packet_at(ctx, h->l4 + at, sizeof(*check));
	if (!check)
		return side->quoted;
	old = *check;
	if (!old && proto == IPPROTO_UDP)
		return true;
	diff += *ret_diff;
	*check = proto == IPPROTO_UDP ? csum_udp_with(old, diff) : csum_with(old, diff);
	*ret_diff = csum_changed(*ret_diff, old, *check);
	return true;
}

/*
 * Changes that side. Returns the difference, folded, of all that was changed except the IP header, whose changes
 * even out in IPv4 and whose checksum IPv6 does not have: there the address counts too. -1: a header is cut off.
 */
__noinline int nat_change(struct xdp_md *ctx, const struct headers *h, const struct nat_side *side)
{
	__u32 address, l4 = 0;

	if (!h || !side || !nat_address(ctx, h, side, &address))
		return -1;
	if (!h->later && !nat_l4(ctx, h, side, address, &l4))
		return -1;
	return csum16(h->kind == FRAME_IP6 ? address + l4 : l4);
}

/* One hop less to live. 0, or -1: it has none left, and is as it was. */
__noinline int nat_ttl(struct xdp_md *ctx, const struct headers *h)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (!h)
		return -1;
	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		if (!ip6 || ip6->hop_limit <= 1)
			return -1;
		ip6->hop_limit--;
		return 0;
	}
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	if (!ip || ip->ttl <= 1)
		return -1;
	ip->ttl--;
	ip->check = csum_with(ip->check, csum_changed(0, bpf_htons(0x0100), 0));	/* ttl is the high byte of its word */
	return 0;
}

#endif
