/* SPDX-License-Identifier: GPL-2.0 */
/*
 * answer: somebody asks who has a VIP that is open here and that the stack does not answer for: what does he get?
 *
 * A VIP with BT_VIP_ANSWERED may be on both hosts, so the host's own stack cannot be left to say who has it. The question becomes
 * its answer in place: ARP, also to a probe, or a neighbour advertisement, to all nodes where somebody means to take the
 * address. It names bt_vip.mac of a cluster, else the interface's own address; the frame's source is always the latter.
 * Only what the kernel would have answered is: short, contradictory or odd questions, and those that another host's Ethernet address
 * was asked, get nothing and go no further.
 * Source:  RFC 826, RFC 5227 §2.1.1; RFC 4861 §4.3, §4.4, §7.1.1, §7.2.4, RFC 4862 §5.4.3.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "maps_cluster.h"
#include "mark.h"
#include "packet_sum.h"
#include "vip.h"

#define ARP_REPLY	2
#define ND_HOP_LIMIT	255
#define ND_TO_SENDER	0x40000000	/* solicited, */
#define ND_OVERRIDE	0x20000000	/* and what was known before is old */
#define ND_SOURCE_LINK	1
#define ND_TARGET_LINK	2
#define ND_OPTIONS_MAX	8
#define ND_ASK_MAX	256
#define ND_ALL_NODES	0x010000003333ULL	/* 33:33:00:00:00:01, as mark_read() has it */
#define ND_BAD		(1ULL << 63)

struct frame_na {		/* as it is sent: one option */
	struct icmp6hdr head;
	struct in6_addr target;
	__u8 option, units;
	__u8 mac[ETH_ALEN];
};

/* Addresses that the answer is made of, as numbers (mark_read()). */
struct answer {
	__u64 own;		/* the interface's */
	__u64 says;		/* what is told: this, or the cluster's */
	__u64 to;		/* whoever asked */
};

/* One station's, and not nobody's. */
static __always_inline bool answer_is_station(__u64 mac)
{
	return mac && !(mac & (1 | ND_BAD));
}

/* Asked of all, or of this interface, or of the address that the VIP's frames come to. */
static __always_inline bool answer_asked_us(const struct answer *a, const __u8 dest[ETH_ALEN])
{
	__u64 mac = mark_read(dest);

	return mac & 1 || mac == a->own || mac == a->says;
}

static __always_inline bool answer_arp(struct xdp_md *ctx, const struct headers *h, struct answer *a)
{
	struct frame_arp *arp = packet_at(ctx, h->l3, sizeof(*arp));
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u8 vip[4];

	if (!arp || !eth || !answer_asked_us(a, eth->h_dest))
		return false;
	a->to = mark_read(arp->sender_mac);
	if (!answer_is_station(a->to))
		return false;
	arp->op = bpf_htons(ARP_REPLY);
	__builtin_memcpy(vip, arp->target_ip, sizeof(vip));
	__builtin_memcpy(arp->target_ip, arp->sender_ip, sizeof(vip));
	__builtin_memcpy(arp->sender_ip, vip, sizeof(vip));
	mark_write(arp->target_mac, a->to);
	mark_write(arp->sender_mac, a->says);
	mark_write(eth->h_dest, a->to);
	mark_write(eth->h_source, a->own);
	return true;
}

/* Source link-layer address among the options from @off to @end; 0: there is none; ND_BAD: they are not sound. */
__noinline __u64 nd_source_link(struct xdp_md *ctx, __u32 off, __u32 end)
{
	__u64 mac = 0;
	__u8 *option;

	for (int i = 0; i < ND_OPTIONS_MAX && off < end; i++) {
		option = packet_at(ctx, off, 8);
		if (!option || !option[1] || (option[0] == ND_SOURCE_LINK && option[1] != 1))
			return ND_BAD;
		if (option[0] == ND_SOURCE_LINK)
			mac = mark_read(option + 2);
		off += option[1] * 8;
	}
	return off == end ? mac : ND_BAD;
}

/* Sum of the header's part that ICMPv6 covers; 0: it cannot be read. */
static __always_inline __u64 nd_pseudo_sum(struct xdp_md *ctx, __u32 l3)
{
	struct ipv6hdr *ip = packet_at(ctx, l3, sizeof(*ip));
	__u64 sum;

	if (!ip)
		return 0;
	sum = (__u64)ip->payload_len + bpf_htons(IPPROTO_ICMPV6);
	for (int i = 0; i < 4; i++)
		sum += (__u64)ip->saddr.s6_addr32[i] + ip->daddr.s6_addr32[i];
	return sum;
}

static __always_inline bool ip6_is_any(const struct in6_addr *ip)
{
	return !(ip->s6_addr32[0] | ip->s6_addr32[1] | ip->s6_addr32[2] | ip->s6_addr32[3]);
}

/* The group of those whose addresses end as @target does. */
static __always_inline bool ip6_is_group_of(const struct in6_addr *ip, const struct in6_addr *target)
{
	return ip->s6_addr32[0] == bpf_htonl(0xff020000) && !ip->s6_addr32[1] && ip->s6_addr32[2] == bpf_htonl(1) &&
	       ip->s6_addr32[3] == (target->s6_addr32[3] | bpf_htonl(0xff000000));
}

static __always_inline bool ip6_is_same(const struct in6_addr *a, const struct in6_addr *b)
{
	return a->s6_addr32[0] == b->s6_addr32[0] && a->s6_addr32[1] == b->s6_addr32[1] &&
	       a->s6_addr32[2] == b->s6_addr32[2] && a->s6_addr32[3] == b->s6_addr32[3];
}

/* A sound solicitation: who asks, by IP and by Ethernet, and of whom? */
static __always_inline bool nd_asked(struct xdp_md *ctx, const struct headers *h, struct answer *a, struct in6_addr *who,
				     struct in6_addr *target)
{
	__u32 len = h->end - h->l4, first = h->l4 + sizeof(struct frame_nd);
	struct frame_nd *nd;
	struct ipv6hdr *ip;
	struct ethhdr *eth;
	__u64 link;

	if (h->l4 != h->l3 + sizeof(*ip) || len < sizeof(*nd) || len > ND_ASK_MAX || len % 8)
		return false;
	if (csum_fold(nd_pseudo_sum(ctx, h->l3) + packet_sum(ctx, h->l4, len)))
		return false;
	link = nd_source_link(ctx, first, h->end);
	eth = packet_at(ctx, 0, sizeof(*eth));
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	nd = packet_at(ctx, h->l4, sizeof(*nd));
	if (!eth || !ip || !nd || !answer_asked_us(a, eth->h_dest) || ip->saddr.s6_addr[0] == 0xff)
		return false;
	*who = ip->saddr;
	*target = nd->target;
	a->to = link ?: mark_read(eth->h_source);	/* bad options are no station's */
	if (ip6_is_group_of(&ip->daddr, target))
		return !ip6_is_any(who) ? answer_is_station(a->to) : !link;
	return ip6_is_same(&ip->daddr, target) && !ip6_is_any(who) && answer_is_station(a->to);
}

/* Nobody's address yet: whoever asks means to take the VIP, and every host is told. */
static __always_inline void nd_head(struct ethhdr *eth, struct ipv6hdr *ip, const struct answer *a, const struct in6_addr *who,
				    const struct in6_addr *target)
{
	bool all = ip6_is_any(who);

	mark_write(eth->h_dest, all ? ND_ALL_NODES : a->to);
	mark_write(eth->h_source, a->own);
	*(__be32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(sizeof(struct frame_na));
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = ND_HOP_LIMIT;
	ip->saddr = *target;
	ip->daddr = *who;
	if (!all)
		return;
	ip->daddr.s6_addr[0] = 0xff;
	ip->daddr.s6_addr[1] = 0x02;
	ip->daddr.s6_addr[15] = 0x01;
}

static __always_inline void nd_body(struct frame_na *na, const struct answer *a, const struct in6_addr *target, bool all)
{
	__builtin_memset(&na->head, 0, sizeof(na->head));
	na->head.icmp6_type = ND_ADVERT;
	na->head.icmp6_dataun.un_data32[0] = bpf_htonl(all ? ND_OVERRIDE : ND_OVERRIDE | ND_TO_SENDER);
	na->target = *target;
	na->option = ND_TARGET_LINK;
	na->units = 1;
	mark_write(na->mac, a->says);
}

static __always_inline bool answer_nd(struct xdp_md *ctx, const struct headers *h, struct answer *a)
{
	__u32 l4 = h->l3 + sizeof(struct ipv6hdr), end = l4 + sizeof(struct frame_na);
	struct in6_addr who, target;
	struct frame_na *na;
	struct ipv6hdr *ip;
	struct ethhdr *eth;

	if (!nd_asked(ctx, h, a, &who, &target) || bpf_xdp_adjust_tail(ctx, (int)end - (int)h->len))
		return false;
	eth = packet_at(ctx, 0, sizeof(*eth));
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	na = packet_at(ctx, l4, sizeof(*na));
	if (!eth || !ip || !na)
		return false;
	nd_head(eth, ip, a, &who, &target);
	nd_body(na, a, &target, ip6_is_any(&who));
	na->head.icmp6_cksum = csum_fold(nd_pseudo_sum(ctx, h->l3) + packet_sum(ctx, l4, sizeof(*na)));
	return true;
}

/* What is told of @vip by the interface that the frame came in by. */
static __always_inline bool answer_macs_of(struct xdp_md *ctx, const struct bt_vip *vip, struct answer *ret)
{
	__u32 ifindex = ctx->ingress_ifindex;
	struct bt_door *door = bpf_map_lookup_elem(&cfg_door, &ifindex);

	if (!door || !vip)
		return false;
	ret->own = mark_read(door->mac);
	ret->says = vip->flags & BT_VIP_CLUSTER ? mark_read(vip->mac) : ret->own;
	return true;
}

/* The VIP asked for. */
static __always_inline struct bt_vip *answer_vip(struct xdp_md *ctx, const struct headers *h)
{
	struct frame_arp *arp;
	struct frame_nd *nd;

	if (h->kind == FRAME_ARP) {
		arp = packet_at(ctx, h->l3, sizeof(*arp));
		return arp ? vip_by_ip4(arp->target_ip) : NULL;
	}
	nd = packet_at(ctx, h->l4, sizeof(*nd));
	return nd ? vip_by_ip6(&nd->target) : NULL;
}

/* The gate was read, and is open. */
static __always_inline enum bt_xdp_exit answer_in(struct xdp_md *ctx, const struct headers *h)
{
	struct answer a;
	bool sent;

	if (!answer_macs_of(ctx, answer_vip(ctx, h), &a))
		return BT_X_ARP_HELD_BACK;
	sent = h->kind == FRAME_ARP ? answer_arp(ctx, h, &a) : answer_nd(ctx, h, &a);
	return sent ? BT_X_ARP_ANSWERED : BT_X_ARP_HELD_BACK;
}

#endif
