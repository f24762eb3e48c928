/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_check: is this datagram a pulse as the peer made it? Length, version, pair, MAC, range; nothing
 * is written here.
 *
 * Source:  include/pulse_wire.h.
 */
#ifndef PULSE_CHECK_H
#define PULSE_CHECK_H

#include "gate.h"
#include "maps.h"
#include "mark.h"
#include "packet.h"
#include "pulse_wire.h"
#include "siphash.h"

#define PULSE_TTL	64
#define PULSE_HASHED	(PULSE_HEAD_BYTES - 8)	/* of the head */

/* One message on its way through the stages. Offsets are from the start of the frame. */
struct pulse {
	struct pulse_head head;	/* as it came */
	__u64 now;
	__u64 nonce;		/* ours, after judging */
	__u64 heard_ns;		/* when we last believed the peer before this message */
	__u64 old_boot;
	__u64 from_mac;		/* of the frame, as mark_read() has it */
	__u64 to_mac;
	__u64 peer_mac;		/* learnt of this path before this message; 0: not yet */
	__u64 marked_ns;	/* when this path last brought a test mark, after judging */
	__u32 at;		/* where the head lies */
	__u32 path;
	__u32 groups;
	__u32 answer;		/* it is one */
	__u32 believed;
	__u32 newest;		/* believed, and none newer came by this path */
	__u32 reborn;		/* first of a new life of the peer */
	__u32 marked;		/* its source address is the peer's test mark */
};

static __always_inline struct bt_node *pulse_node(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cfg_node, &zero);
}

/*
 * SipHash of all after the mac field of the pulse at @at; 0 when it is not all there, which
 * pulse_length() has excluded. Functions that are not static are verified once by themselves,
 * however many ways lead to them: that keeps the verifier's work additive.
 */
__noinline __u64 pulse_mac(struct xdp_md *ctx, __u32 at, __u32 groups, __u64 k0, __u64 k1)
{
	struct siphash s = siphash_begin(k0, k1);
	__u64 *word = packet_at(ctx, at, PULSE_HEAD_BYTES);

	if (!word)
		return 0;
	for (int i = 1; i < PULSE_HEAD_BYTES / 8; i++)
		siphash_word(&s, word[i]);
	at += PULSE_HEAD_BYTES;
	for (__u32 i = 0; i < PULSE_GROUPS_MAX; i++, at += PULSE_GROUP_BYTES) {
		if (i >= groups)
			break;
		word = packet_at(ctx, at, PULSE_GROUP_BYTES);
		if (!word)
			return 0;
		for (int k = 0; k < PULSE_GROUP_BYTES / 8; k++)
			siphash_word(&s, word[k]);
	}
	return siphash_end(&s, 0, PULSE_HASHED + groups * PULSE_GROUP_BYTES);
}

static __always_inline bool path_is(const struct bt_path *path, __u32 ifindex,
				    const struct in6_addr *from)
{
	const __u32 *a = (const __u32 *)path->peer, *b = from->s6_addr32;

	return path->ifindex == ifindex && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] &&
	       a[3] == b[3];
}

/* Index of the configured path from @from on @ifindex; BT_PATHS_MAX: none. */
static __always_inline __u32 pulse_path(__u32 ifindex, const struct in6_addr *from)
{
	struct bt_path *path;
	__u32 key;
	__u64 i;	/* beside the key and of 64 bits: 6.1 follows no narrower counter through the stack */

	for (i = 0; i < BT_PATHS_MAX; i++) {
		key = i;
		path = bpf_map_lookup_elem(&cfg_path, &key);
		if (path && ifindex && path_is(path, ifindex, from))
			break;
	}
	return i;
}

/* Of the source as the maps have it; IPv4 as v4-mapped. */
static __always_inline bool pulse_source(struct xdp_md *ctx, const struct frame *f,
					 struct in6_addr *from)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (f->h.kind == FRAME_IP6) {
		ip6 = packet_at(ctx, f->h.l3, sizeof(*ip6));
		if (ip6)
			*from = ip6->saddr;
		return ip6;
	}
	ip = packet_at(ctx, f->h.l3, sizeof(*ip));
	if (ip)
		*from = (struct in6_addr){ .s6_addr32 = { 0, 0, bpf_htonl(0xffff), ip->saddr } };
	return ip;
}

static __always_inline bool pulse_macs(struct xdp_md *ctx, struct pulse *m)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));

	if (!eth)
		return false;
	m->from_mac = mark_read(eth->h_source);
	m->to_mac = mark_read(eth->h_dest);
	return true;
}

/* Plain headers only, and exactly as long as its number of groups says. Fills head, at, groups. */
static __always_inline bool pulse_length(struct xdp_md *ctx, const struct frame *f, struct pulse *m)
{
	__u32 plain = f->h.kind == FRAME_IP4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct udphdr *udp = packet_at(ctx, f->h.l4, sizeof(*udp));
	struct pulse_head *head;
	__u32 len;

	if (f->h.fragment || f->h.l4 - f->h.l3 != plain || !udp ||
	    bpf_ntohs(udp->len) != f->h.end - f->h.l4)
		return false;
	m->at = f->h.l4 + sizeof(*udp);
	len = f->h.end - m->at;
	head = packet_at(ctx, m->at, sizeof(*head));
	if (!head || f->h.end < m->at)
		return false;
	m->head = *head;
	m->groups = m->head.n_groups;
	m->answer = m->head.type == PULSE_ANSWER;
	return m->groups <= PULSE_GROUPS_MAX &&
	       len == PULSE_HEAD_BYTES + m->groups * PULSE_GROUP_BYTES;
}

static __always_inline bool pulse_version(const struct pulse *m)
{
	return m->head.magic == bpf_htons(PULSE_MAGIC) && m->head.version == PULSE_VERSION &&
	       (m->head.type == PULSE_PROBE || m->head.type == PULSE_ANSWER);
}

static __always_inline bool pulse_pair(const struct pulse *m, const struct bt_node *node)
{
	return m->head.pair_id == node->pair_id && m->head.from == node->peer_id &&
	       m->head.to == node->my_id && m->head.from != m->head.to;
}

/* Could @owner's host have this word? @sender: the only one that may be open in it. */
static __always_inline bool word_is_sane(__u64 word, __u8 sender, __u8 other)
{
	__u8 owner = BT_WORD_OWNER(word), mode = BT_WORD_MODE(word);

	if (BT_WORD_REST(word) || mode >= BT_MODE__N)
		return false;
	if (!owner)
		return word == 0;
	if (mode == BT_OPEN && owner != sender)
		return false;
	return (owner == sender || owner == other) && BT_WORD_TERM(word);
}

static __always_inline bool pulse_group_in_range(struct xdp_md *ctx, __u32 off, __u32 from,
						 __u32 to)
{
	struct pulse_group *g = packet_at(ctx, off, sizeof(*g));

	return g && g->name_hash && !(bpf_ntohl(g->flags) & ~PULSE_F__ALL) &&
	       word_is_sane(bpf_be64_to_cpu(g->word), from, to) &&
	       word_is_sane(bpf_be64_to_cpu(g->echo), to, from);
}

/* Every field of every block. Verified once by itself, as it looks at each block in many ways. 1: all in range. */
__noinline int pulse_range(struct xdp_md *ctx, const struct pulse *m)
{
	if (!m || !m->groups || !m->head.seq || !m->head.boot ||
	    bpf_ntohl(m->head.flags) & ~PULSE_H__ALL)
		return 0;
	for (__u32 i = 0; i < PULSE_GROUPS_MAX; i++) {
		if (i >= m->groups)
			break;
		if (!pulse_group_in_range(ctx, m->at + PULSE_HEAD_BYTES + i * PULSE_GROUP_BYTES,
					  m->head.from, m->head.to))
			return 0;
	}
	return 1;
}

/* @unit_ns since @then, at most one below PULSE_NEVER; a @then of another CPU may lie ahead. */
static __always_inline __u32 age_of(__u64 then, __u64 now, __u32 unit_ns)
{
	__u64 age = now - then;

	if (!then)
		return PULSE_NEVER;
	if (now <= then)
		return 0;
	if (age <= 0xffffffff)		/* nearly always; half the price of the other division */
		return (__u32)age / unit_ns;
	age /= unit_ns;
	return age < PULSE_NEVER ? age : PULSE_NEVER - 1;
}

#endif
