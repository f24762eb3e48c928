/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_answer: the probe becomes its own answer, in place: head, addresses, checksums.
 *
 * Source:  kernel-notes/xdp-answer-in-place.md; RFC 768, RFC 8200 §8.1 for the IPv6 checksum.
 */
#ifndef PULSE_ANSWER_H
#define PULSE_ANSWER_H

#include "packet_sum.h"
#include "pulse_check.h"

#define MARKED_NS 10000000000ULL	/* a test mark this young shows that marks come through */

/* An unbelieved message shows nothing of the path: nobody knows whose it is. */
static __always_inline __u32 answer_flags(const struct pulse *m)
{
	__u32 flags = m->believed ? 0 : PULSE_H_STRANGER;

	if (m->marked_ns && m->now - m->marked_ns < MARKED_NS)
		flags |= PULSE_H_MARKED;
	return flags;
}

static __always_inline bool answer_head(struct xdp_md *ctx, const struct pulse *m,
					const struct bt_node *node)
{
	struct pulse_head *head = packet_at(ctx, m->at, sizeof(*head));

	if (!head)
		return false;
	head->type = PULSE_ANSWER;
	head->from = node->my_id;
	head->to = node->peer_id;
	head->boot = bpf_cpu_to_be64(node->boot);
	head->to_boot = m->head.boot;
	head->nonce = bpf_cpu_to_be64(m->nonce);
	head->echo = m->head.nonce;
	head->flags = bpf_htonl(answer_flags(m));
	head->heard_ms = m->believed ? 0 : bpf_htonl(age_of(m->heard_ns, m->now, NS_PER_MS));
	head->mac = bpf_cpu_to_be64(pulse_mac(ctx, m->at, m->groups, node->key_out[0],
					      node->key_out[1]));
	return true;
}

/* Back to where it came from; a test mark is nobody's address, so that is where its sender is met else. */
static __always_inline void answer_macs(struct ethhdr *eth, const struct pulse *m)
{
	mark_write(eth->h_dest, m->marked ? m->peer_mac : m->from_mac);
	mark_write(eth->h_source, m->to_mac);
}

static __always_inline bool answer_ip4(struct xdp_md *ctx, __u32 l3)
{
	struct iphdr *ip = packet_at(ctx, l3, sizeof(*ip));
	__u32 sum = 0, *word = (void *)ip;
	__be32 addr;

	if (!ip)
		return false;
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->ttl = PULSE_TTL;
	ip->check = 0;
	for (int i = 0; i < 5; i++)
		sum += (word[i] & 0xffff) + (word[i] >> 16);
	ip->check = csum_fold(sum);
	return true;
}

/* Of the datagram whose @len bytes of payload begin at @at. Over IPv4 it may go without a checksum; the MAC guards more. */
static __always_inline bool answer_udp(struct xdp_md *ctx, __u32 at, __u32 len, __u64 pseudo, bool v6)
{
	struct udphdr *udp = packet_at(ctx, at - sizeof(*udp), sizeof(*udp));
	__be16 port;

	if (!udp)
		return false;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	udp->check = 0;
	if (!v6)
		return true;
	pseudo += packet_sum(ctx, at, len);
	pseudo += (__u64)udp->source + udp->dest + udp->len;
	udp->check = csum_fold(pseudo);
	if (!udp->check)
		udp->check = 0xffff;
	return true;
}

static __always_inline bool answer_ip6(struct xdp_md *ctx, __u32 l3, __u64 *pseudo)
{
	struct ipv6hdr *ip = packet_at(ctx, l3, sizeof(*ip));
	struct in6_addr addr;

	if (!ip)
		return false;
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->hop_limit = PULSE_TTL;
	*pseudo = (__u64)ip->payload_len + bpf_htons(IPPROTO_UDP);
	for (int i = 0; i < 4; i++)
		*pseudo += (__u64)ip->saddr.s6_addr32[i] + ip->daddr.s6_addr32[i];
	return true;
}

/* Turn the probe, its blocks already rewritten, into its answer. */
static __always_inline bool pulse_answer(struct xdp_md *ctx, const struct frame *f,
					 const struct pulse *m,
					 const struct bt_node *node)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	bool v6 = f->h.kind == FRAME_IP6;
	__u64 pseudo = 0;

	if (!eth || !answer_head(ctx, m, node))
		return false;
	answer_macs(eth, m);
	if (v6 ? !answer_ip6(ctx, f->h.l3, &pseudo) : !answer_ip4(ctx, f->h.l3))
		return false;
	return answer_udp(ctx, m->at, PULSE_HEAD_BYTES + m->groups * PULSE_GROUP_BYTES, pseudo, v6);
}

#endif
