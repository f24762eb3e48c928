/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_observe: somebody who is not of the pair, but has its secret, asks who holds the gate.
 *
 * Told and forgotten: nothing is written but the answer, so no question moves the pair in any way. It comes from any address,
 * and costs who sends it as much as us: one SipHash of 48 bytes when its MAC is wrong, two and as many bytes back when it is
 * right. No rate is kept for that reason; a flood is dropped as cheaply as any other.
 * Source:  include/observe_wire.h.
 */
#ifndef PULSE_OBSERVE_H
#define PULSE_OBSERVE_H

#include "observe_wire.h"
#include "pulse_answer.h"
#include "pulse_group.h"

static __always_inline bool is_observer(struct xdp_md *ctx, const struct frame *f)
{
	struct observe *q = packet_at(ctx, f->h.l4 + sizeof(struct udphdr), sizeof(*q));

	return q && q->type == OBSERVE_QUESTION;
}

/* Plain headers only, and exactly so long. */
static __always_inline bool observe_length(struct xdp_md *ctx, const struct frame *f)
{
	__u32 plain = f->h.kind == FRAME_IP4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct udphdr *udp = packet_at(ctx, f->h.l4, sizeof(*udp));

	return udp && !f->h.fragment && f->h.l4 - f->h.l3 == plain && bpf_ntohs(udp->len) == sizeof(*udp) + OBSERVE_BYTES &&
	       f->h.end - f->h.l4 == sizeof(*udp) + OBSERVE_BYTES;
}

static __always_inline __u64 observe_mac(struct observe *q, const struct bt_node *node)
{
	struct siphash s = siphash_begin(node->key_observe[0], node->key_observe[1]);
	__u64 *word = (void *)q;

	for (int i = 1; i < OBSERVE_BYTES / 8; i++)
		siphash_word(&s, word[i]);
	return bpf_cpu_to_be64(siphash_end(&s, 0, OBSERVE_BYTES - 8));
}

/* Is it this host's own address that is asked, not one that somebody led here? */
static __always_inline bool observe_is_here(struct xdp_md *ctx, const struct observe *q, __u32 l3, __u32 v6)
{
	const __u32 *at = (const __u32 *)q->at;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (!v6) {
		ip = packet_at(ctx, l3, sizeof(*ip));
		return ip && !at[0] && !at[1] && at[2] == bpf_htonl(0xffff) && at[3] == ip->daddr;
	}
	ip6 = packet_at(ctx, l3, sizeof(*ip6));
	return ip6 && at[0] == ip6->daddr.s6_addr32[0] && at[1] == ip6->daddr.s6_addr32[1] &&
	       at[2] == ip6->daddr.s6_addr32[2] && at[3] == ip6->daddr.s6_addr32[3];
}

static __always_inline bool observe_range(const struct observe *q)
{
	return q->name_hash && q->nonce && !q->word && !q->from && !q->flags && !q->zero && !q->zero2;
}

static __always_inline enum bt_xdp_exit observe_check(struct xdp_md *ctx, struct observe *q, const struct bt_node *node,
						      __u32 l3, __u32 v6)
{
	if (q->magic != bpf_htons(PULSE_MAGIC) || q->version != OBSERVE_VERSION)
		return BT_X_PULSE_VERSION;
	if (!node->my_id || !node->boot)
		return BT_X_BROKEN;
	if (q->pair_id != node->pair_id)
		return BT_X_PULSE_PAIR;
	if (q->mac != observe_mac(q, node))
		return BT_X_PULSE_MAC;
	return observe_range(q) && observe_is_here(ctx, q, l3, v6) ? BT_X_PULSE_OBSERVED : BT_X_PULSE_RANGE;
}

/* What we are in the group; nothing of one that we do not have. */
static __always_inline void observe_tell(struct observe *q)
{
	__u32 slot = group_slot(q->name_hash, 0);
	struct bt_group *group = bpf_map_lookup_elem(&cfg_group, &slot);
	struct gate gate;

	if (!group || group->name_hash != q->name_hash || !gate_read(slot, bpf_ktime_get_boot_ns(), &gate))
		return;
	q->word = bpf_cpu_to_be64(gate.word);
	q->flags = OBSERVE_F_KNOWN | (gate_is_open(&gate) ? OBSERVE_F_OPEN : 0) |
		   (group->health & PULSE_F_RUNNING ? OBSERVE_F_RUNNING : 0) |
		   (group->health & PULSE_F_STOPPING ? OBSERVE_F_STOPPING : 0);
}

static __always_inline bool observe_back(struct xdp_md *ctx, __u32 l3, __u32 at, __u32 v6)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u64 sum = 0, mac;

	if (!eth)
		return false;
	mac = mark_read(eth->h_source);
	__builtin_memcpy(eth->h_source, eth->h_dest, sizeof(eth->h_source));
	mark_write(eth->h_dest, mac);
	if (v6 ? !answer_ip6(ctx, l3, &sum) : !answer_ip4(ctx, l3))
		return false;
	return answer_udp(ctx, at, OBSERVE_BYTES, sum, v6);
}

/* Verified once by itself. Returns the exit; OBSERVED: the frame has become the answer. */
__noinline int pulse_observe(struct xdp_md *ctx, __u32 l3, __u32 at, __u32 v6)
{
	struct bt_node *node = pulse_node();
	enum bt_xdp_exit exit;
	struct observe *q;

	q = packet_at(ctx, at, sizeof(*q));
	if (!q || !node)
		return BT_X_BROKEN;
	exit = observe_check(ctx, q, node, l3, v6);
	if (exit != BT_X_PULSE_OBSERVED)
		return exit;
	q->type = OBSERVE_ANSWER;
	q->from = node->my_id;
	observe_tell(q);
	q->mac = observe_mac(q, node);
	return observe_back(ctx, l3, at, v6) ? exit : BT_X_BROKEN;
}

static __always_inline enum bt_xdp_exit observe_in(struct xdp_md *ctx, const struct frame *f)
{
	if (!observe_length(ctx, f))
		return BT_X_PULSE_LENGTH;
	return pulse_observe(ctx, f->h.l3, f->h.l4 + sizeof(struct udphdr), f->h.kind == FRAME_IP6);
}

#endif
