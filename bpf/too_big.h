/* SPDX-License-Identifier: GPL-2.0 */
/*
 * too_big: what is done with a packet that is too long for the way to its server?
 *
 * If it may not be cut its sender is told how long it may be, from the address that it wrote to: fragmentation needed
 * (IPv4), packet too big (IPv6). What may be cut, userspace cuts. Nobody is told about an ICMP error, a later fragment,
 * or what comes from or by an address of many. As in Linux' own answers of this kind there is no brake: each is
 * shorter than the packet that it answers.
 * Source:  RFC 1191, RFC 1812 §4.3.2, RFC 4443 §2.4, §3.2, RFC 8201, RFC 2473 §7.1.
 */
#ifndef TOO_BIG_H
#define TOO_BIG_H

#include "csum.h"
#include "forward_leave.h"
#include "icmp.h"

#define TOLD_QUOTE4	548	/* with its headers 576: what every host takes */
#define TOLD_QUOTE6	1232	/* with its headers 1280 */
#define TOLD_SUM	512	/* bytes that bpf_csum_diff() of 6.1 sums up at once */
#define TOLD_TTL	64
#define TOLD_TOS	0xc0	/* as routers do: RFC 1812 §4.3.2.5 */
#define IP6_MTU_MIN	1280

enum too_big { TOO_BIG_CUT, TOO_BIG_TELL, TOO_BIG_MUTE };

struct told4 {
	struct iphdr ip;
	struct icmphdr icmp;
};

struct told6 {
	struct ipv6hdr ip;
	struct icmp6hdr icmp;
};

/* May it be cut, by whom? */
static __always_inline bool too_big_may_be_cut(struct xdp_md *ctx, const struct headers *h)
{
	struct iphdr *ip;

	if (h->kind == FRAME_IP6)	/* its sender need not go below that: the way must carry it, in pieces */
		return h->end - h->l3 <= IP6_MTU_MIN;
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	return ip && !(ip->frag_off & bpf_htons(IP_DF));
}

/* One host, by an address of one host? */
static __always_inline bool too_big_has_sender(struct xdp_md *ctx, const struct headers *h)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	__u32 first;

	if (!eth || eth->h_dest[0] & 1 || eth->h_source[0] & 1)
		return false;
	if (h->kind == FRAME_IP6) {
		ip6 = packet_at(ctx, h->l3, sizeof(*ip6));
		return ip6 && ip6->saddr.s6_addr[0] && ip6->saddr.s6_addr[0] != 0xff;
	}
	ip = packet_at(ctx, h->l3, sizeof(*ip));
	if (!ip)
		return false;
	first = bpf_ntohl(ip->saddr) >> 24;
	return first && first != 127 && first < 224;
}

static __always_inline bool too_big_is_short(const struct headers *h)
{
	return h->end - h->l3 < (h->kind == FRAME_IP6 ? TOLD_QUOTE6 : TOLD_QUOTE4);
}

/* enum too_big. */
__noinline int too_big_is(struct xdp_md *ctx, const struct headers *h)
{
	if (!h)
		return TOO_BIG_MUTE;
	if (too_big_may_be_cut(ctx, h))
		return TOO_BIG_CUT;
	if (h->later || h->proto == IPPROTO_ICMP || h->proto == IPPROTO_ICMPV6 || too_big_is_short(h))
		return TOO_BIG_MUTE;
	return too_big_has_sender(ctx, h) ? TOO_BIG_TELL : TOO_BIG_MUTE;
}

/* Sum of @size bytes at @off, a multiple of 4; -1: they are not there. */
static __always_inline __s64 told_sum(struct xdp_md *ctx, __u32 off, __u32 size, __u32 seed)
{
	void *at = packet_at(ctx, off, size);

	return at ? bpf_csum_diff(NULL, 0, at, size, seed) : -1;
}

/* The same of more than TOLD_SUM bytes, up to three times as many. */
static __always_inline __s64 told_sum_long(struct xdp_md *ctx, __u32 off, __u32 size)
{
	__s64 sum = told_sum(ctx, off, TOLD_SUM, 0);

	if (sum >= 0 && size > 2 * TOLD_SUM) {
		sum = told_sum(ctx, off + TOLD_SUM, TOLD_SUM, sum);
		off += TOLD_SUM;
		size -= TOLD_SUM;
	}
	return sum < 0 ? sum : told_sum(ctx, off + TOLD_SUM, size - TOLD_SUM, sum);
}

/* The headers of an answer before the packet that it quotes; @off: where they begin; @pool 0: from whom that was for. 0, or -1. */
__noinline int told_write4(struct xdp_md *ctx, __u32 off, __u32 mtu, __u32 pool)
{
	struct bt_pool *p = forward_pool(pool);
	struct told4 *t = packet_at(ctx, off, sizeof(*t) + sizeof(struct iphdr));
	struct iphdr *quoted = (void *)(t + 1);
	__s64 head, sum;

	if (!t)
		return -1;
	*t = (struct told4){
		.ip = { .version = 4, .ihl = sizeof(t->ip) / 4, .tos = TOLD_TOS, .tot_len = bpf_htons(sizeof(*t) + TOLD_QUOTE4),
			.id = bpf_get_prandom_u32(), .ttl = TOLD_TTL, .protocol = IPPROTO_ICMP },
		.icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED, .mtu = bpf_htons(mtu) },
	};
	t->ip.saddr = quoted->daddr;
	if (pool && p)
		__builtin_memcpy(&t->ip.saddr, p->service + 12, sizeof(t->ip.saddr));
	t->ip.daddr = quoted->saddr;
	head = told_sum(ctx, off, sizeof(t->ip), 0);
	sum = told_sum_long(ctx, off + sizeof(t->ip), sizeof(t->icmp) + TOLD_QUOTE4);
	t = packet_at(ctx, off, sizeof(*t));
	if (head < 0 || sum < 0 || !t)
		return -1;
	t->ip.check = ~csum16(head);
	t->icmp.checksum = ~csum16(sum);
	return 0;
}

/* The pseudo header's addresses lie before what it is for. */
__noinline int told_write6(struct xdp_md *ctx, __u32 off, __u32 mtu, __u32 pool)
{
	struct bt_pool *p = forward_pool(pool);
	struct told6 *t = packet_at(ctx, off, sizeof(*t) + sizeof(struct ipv6hdr));
	struct ipv6hdr *quoted = (void *)(t + 1);
	const __u32 len = sizeof(t->icmp) + TOLD_QUOTE6;
	__s64 sum;

	if (!t)
		return -1;
	__builtin_memset(t, 0, sizeof(*t));
	*(__be32 *)&t->ip = bpf_htonl(6u << 28);
	t->ip.payload_len = bpf_htons(len);
	t->ip.nexthdr = IPPROTO_ICMPV6;
	t->ip.hop_limit = TOLD_TTL;
	t->ip.saddr = quoted->daddr;
	if (pool && p)
		__builtin_memcpy(&t->ip.saddr, p->service, sizeof(t->ip.saddr));
	t->ip.daddr = quoted->saddr;
	t->icmp.icmp6_type = ICMPV6_PKT_TOOBIG;
	t->icmp.icmp6_mtu = bpf_htonl(mtu);
	sum = told_sum_long(ctx, off + offsetof(struct ipv6hdr, saddr), 2 * sizeof(struct in6_addr) + len);
	t = packet_at(ctx, off, sizeof(*t));
	if (sum < 0 || !t)
		return -1;
	t->icmp.icmp6_cksum = ~csum16(csum16(sum) + bpf_htons(len) + bpf_htons(IPPROTO_ICMPV6));
	return 0;
}

/* An answer to whom sent it, from the service of @pool (0: from whom it was for): it may be @mtu bytes long. 0, or -1. */
__noinline int too_big_tell(struct xdp_md *ctx, const struct headers *h, __u32 pool, __u32 mtu)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	struct hop hop = { .ifindex = ctx->ingress_ifindex };
	__u32 head;
	int off;

	if (!h || !eth)
		return -1;
	head = h->kind == FRAME_IP6 ? sizeof(struct told6) : sizeof(struct told4);
	__builtin_memcpy(hop.to, eth->h_source, ETH_ALEN);
	__builtin_memcpy(hop.from, eth->h_dest, ETH_ALEN);
	off = leave_to(ctx, h, &hop, head, h->kind);
	if (off < 0)
		return -1;
	if (h->kind != FRAME_IP6) {
		if (told_write4(ctx, off, mtu, pool))
			return -1;
		off += TOLD_QUOTE4;
	} else {
		if (told_write6(ctx, off, mtu < IP6_MTU_MIN ? IP6_MTU_MIN : mtu, pool))
			return -1;
		off += TOLD_QUOTE6;
	}
	return bpf_xdp_adjust_tail(ctx, off - (int)h->len) ? -1 : 0;
}

#endif
