/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_pair: is it from the peer as it lives now, and new? The books of boots, nonces, sequence
 * numbers and Ethernet addresses, under one lock. The reasoning is the essay in pulse.h.
 */
#ifndef PULSE_PAIR_H
#define PULSE_PAIR_H

#include "pulse_check.h"

/* Is @seq new? Without changing anything. Numbers start from 1. */
static __always_inline bool window_is_new(__u64 top, __u64 bits, __u64 seq)
{
	__u64 age = top - seq;

	return seq > top || (age < PULSE_WINDOW && !(bits >> age & 1));
}

static __always_inline void window_add(__u64 *top, __u64 *bits, __u64 seq)
{
	__u64 step = seq - *top;

	if (seq <= *top) {
		*bits |= 1ULL << (*top - seq);
		return;
	}
	*bits = step < PULSE_WINDOW ? *bits << step | 1 : 1;
	*top = seq;
}

/* The peer lives anew: nothing of its old life counts. When its host was heard stays. */
static __always_inline void pair_rebirth(struct bt_pair *pair, __u64 boot, __u64 nonce)
{
	for (int i = 0; i < BT_PATHS_MAX; i++) {
		pair->path[i].probe_top = 0;
		pair->path[i].probe_bits = 0;
		pair->path[i].answer_top = 0;
		pair->path[i].answer_bits = 0;
		pair->path[i].answer_ns = 0;
	}
	pair->peer_boot = boot;
	pair->nonce = nonce;
	pair->boots++;
}

static __always_inline __u64 pair_heard_ns(const struct bt_pair *pair)
{
	__u64 newest = 0;

	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (pair->path[i].heard_ns > newest)
			newest = pair->path[i].heard_ns;
	return newest;
}

/* Could one host have it? Frames made by hand, where XDP is off, bear zeros (sys/dp_hand.c). */
static __always_inline bool mac_is_plain(__u64 mac)
{
	return mac && !(mac & 1);
}

/*
 * Where the peer is met on this path, and as whom it means us. Nothing but the newest message tells:
 * an older one may be of before a move.
 */
static __always_inline void pair_learn(struct bt_path_st *st, const struct pulse *m)
{
	if (!mac_is_plain(m->from_mac) || !mac_is_plain(m->to_mac))
		return;
	if (mark_read(st->peer_mac) != m->from_mac)
		mark_write(st->peer_mac, m->from_mac);
	if (mark_read(st->my_mac) != m->to_mac)
		mark_write(st->my_mac, m->to_mac);
}

/* Is the source address the peer's test mark? Asked before the lock: SipHash is not for under it. */
static __always_inline bool pulse_is_marked(const struct pulse *m, const struct bt_node *node)
{
	struct mark_of of = {
		.kind = MARK_TEST, .boot = bpf_be64_to_cpu(m->head.boot), .to_boot = node->boot,
	};

	if ((m->from_mac & MARK_FIRST_MASK) != MARK_FIRST || m->from_mac == m->peer_mac)
		return false;
	return m->from_mac == mark_number(node->key_in, &of);
}

/* Believed: enter it in the books of its path. */
static __always_inline void pair_believe(struct bt_pair *pair, struct bt_path_st *st,
					 struct pulse *m)
{
	__u64 seq = bpf_be64_to_cpu(m->head.seq);

	m->newest = seq > (m->answer ? st->answer_top : st->probe_top);
	if (m->answer)
		window_add(&st->answer_top, &st->answer_bits, seq);
	else
		window_add(&st->probe_top, &st->probe_bits, seq);
	if (m->newest) {
		pair->peer_nonce = bpf_be64_to_cpu(m->head.nonce);
		st->peer_heard_ms = bpf_ntohl(m->head.heard_ms);
		st->peer_flags = bpf_ntohl(m->head.flags);
		if (m->answer)
			st->answer_ns = m->now;
		if (!m->marked)
			pair_learn(st, m);
	}
	if (m->marked)
		st->marked_ns = m->now;
	m->marked_ns = st->marked_ns;
	st->heard_ns = m->now;
	m->believed = 1;
}

/*
 * Freshness and range, then the books; all under the lock, so that a message is judged by what the
 * one before it left. @fresh: a nonce to renew with, 0 when none was drawn.
 */
static __always_inline enum bt_xdp_exit pair_judge(struct bt_pair *pair, struct bt_path_st *st,
						   struct pulse *m,
						   __u64 boot, __u64 fresh, bool in_range)
{
	bool to_us = m->head.to_boot == bpf_cpu_to_be64(boot);
	bool known = m->head.boot == bpf_cpu_to_be64(pair->peer_boot);
	bool proves = pair->nonce && m->head.echo == bpf_cpu_to_be64(pair->nonce);
	__u64 seq = bpf_be64_to_cpu(m->head.seq);

	m->nonce = pair->nonce;
	m->old_boot = pair->peer_boot;
	m->heard_ns = pair_heard_ns(pair);
	if (!to_us || (!known && !(proves && fresh))) {
		if (m->answer)
			return BT_X_PULSE_BOOT;
		return in_range ? BT_X_PULSE_UNBELIEVED : BT_X_PULSE_RANGE;
	}
	if (known && !(m->answer ? window_is_new(st->answer_top, st->answer_bits, seq)
				 : window_is_new(st->probe_top, st->probe_bits, seq)))
		return BT_X_PULSE_REPLAY;
	if (!in_range)
		return BT_X_PULSE_RANGE;
	if (!known) {
		pair_rebirth(pair, bpf_be64_to_cpu(m->head.boot), fresh);
		m->reborn = 1;
		m->nonce = fresh;
	}
	pair_believe(pair, st, m);
	return m->answer ? BT_X_PULSE_HEARD : BT_X_PULSE_ANSWERED;
}

/* 0 only if it must not be drawn because the boot is the believed one. */
static __always_inline __u64 pulse_fresh_nonce(const struct bt_pair *pair, const struct pulse *m)
{
	__u64 nonce;

	if (m->head.boot == bpf_cpu_to_be64(READ_ONCE(pair->peer_boot)))
		return 0;
	nonce = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	return nonce ? nonce : 1;
}

/*
 * The books of path @i, NULL beyond the last. Bound and address are made here and not again where
 * they are used: 6.1 loses the bound of what was on the stack meanwhile.
 */
static __always_inline struct bt_path_st *pair_path(struct bt_pair *pair, __u32 i)
{
	struct bt_path_st *st;

	barrier_var(i);
	if (i >= BT_PATHS_MAX)
		return NULL;
	st = &pair->path[i];
	barrier_var(st);
	return st;
}

static __always_inline enum bt_xdp_exit pulse_judge(struct xdp_md *ctx, struct pulse *m,
						    const struct bt_node *node)
{
	bool in_range = pulse_range(ctx, m);
	struct bt_path_st *st;
	enum bt_xdp_exit exit;
	struct bt_pair *pair;
	__u32 zero = 0;
	__u64 fresh;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	st = pair ? pair_path(pair, m->path) : NULL;
	if (!st)
		return BT_X_BROKEN;
	fresh = pulse_fresh_nonce(pair, m);
	m->peer_mac = mark_read(st->peer_mac);
	m->marked = pulse_is_marked(m, node);
	bpf_spin_lock(&pair->lock);
	exit = pair_judge(pair, st, m, node->boot, fresh, in_range);
	bpf_spin_unlock(&pair->lock);
	return exit;
}

#endif
