/* SPDX-License-Identifier: GPL-2.0 */
/*
 * relay: a VIP's frame met a gate that is armed or has let go; whose is it, then?
 *
 *   the peer's mark that it let go of our number	an armed and leased gate opens by it and takes the frame
 *   the holder's mark of drain			taken, if this host is being drained at that number (drain.h); else it ends
 *   any other frame that the peer sent on		ends here; but help that crossed the letting go: below
 *   a client's, to a gate that has let go		sent on to the peer with our mark
 *   a client's, to an armed gate or a claim		sent on with the mark of help, to a holder heard open
 *
 * No loops. What bears the peer's mark, or its plain address, is never sent on by us: so one host sends a
 * frame on, and the other ends it. One exception: an armed host helps, and the holder has let go in that
 * moment. If it has heard that the helper is at its own number the frame goes back with the relay mark: it is
 * the news that opens the helper, who knows that mark and ends it whatever else he may be by then. So a
 * frame is sent on twice at most; while a host is drained once more, for what the open gate sends back to it ends
 * there: a mark of drain is known by the words alone, whether or not this host still says that it is drained.
 *
 * Why the peer's plain address shows nothing: a frame may wait in a queue, come from a program on the holder
 * whose VIP was taken away, or be forged (protocol notes H1). It is only not sent on: where marks are
 * filtered, relay and help bear it.
 *
 * A cluster's frames both hosts hear: an armed host helps nobody, and one that has let go sends on only until the peer is heard
 * open. What came to a host's own address alone, from a neighbour that knows the VIP from other days, goes as above.
 *
 * Only Ethernet addresses change. TTL and hop limit stay: neighbour discovery wants 255.
 * Time:    boot clock, passed in.
 * Source:  design §4.2, §4.3 No loops; protocol notes H1, H9, H13, H14, H21, H29, H33.
 */
#ifndef RELAY_H
#define RELAY_H

#include "drain.h"
#include "fragment.h"
#include "neigh.h"
#include "pulse_pair.h"
#include "word.h"

/*
 * A peer not heard for so long does not get the frame. Long, for nothing is lost by sending to a dead one, while
 * one that lives may be unheard as long as a whole machine stands still.
 */
#define SEND_INTERVALS	16
#define SEND_MIN_NS	250000000ULL

/* A frame before a gate that does not simply let it in, on its way through the stages. */
struct meeting {
	__u64 now;
	__u64 word;		/* ours, as it was read once */
	__u32 group;		/* slot */
	__u32 leased;
	__u64 from;		/* its Ethernet addresses, as mark_read() has them */
	__u64 to;
	__u64 my_mac;		/* ours on its interface; 0: no pulse ever came by it */
	__u64 peer_mac;		/* the peer's; 0: none came lately */
	__u64 heard;		/* the peer's word */
	__u64 heard_ns;
	__u64 fresh_ns;		/* what was heard before that is too old to send anything to */
	__u32 name_hash;
	__u32 peer_id;
	__u32 sender;		/* enum sender */
	__u32 filtered;		/* foreign source addresses do not come through */
	__u32 flags;		/* PULSE_F_* of the peer */
	__u32 zero;
	__u64 drainer;		/* SENDER_DRAINER: the number in its mark */
	__u64 cluster;		/* Ethernet address that both hosts hear; 0: it is no cluster's */
};

enum sender { SENDER_CLIENT, SENDER_PEER, SENDER_HELPER, SENDER_LETGO, SENDER_DRAINER };

/* Boot clock @n intervals before @now; 0 at its beginning. */
static __always_inline __u64 intervals_ago(__u64 now, __u64 interval_ns, __u64 n, __u64 min_ns)
{
	__u64 ns = interval_ns * n > min_ns ? interval_ns * n : min_ns;

	return now > ns ? now - ns : 0;
}

/* Where is the peer met by the frame's interface, as whom does it mean us, is the frame its own? */
static __always_inline void way_find(struct meeting *m, __u32 ifindex, struct bt_pair *pair)
{
	struct bt_path_st *st;
	struct bt_path *path;
	__u64 newest = 0;
	__u32 key;

	for (__u64 i = 0; i < BT_PATHS_MAX; i++) {	/* 64 bits as in pulse_path() */
		key = i;
		path = bpf_map_lookup_elem(&cfg_path, &key);
		st = pair_path(pair, i);
		if (!path || !st || path->ifindex != ifindex || !st->heard_ns)
			continue;
		if (mark_read(st->peer_mac) == m->from)
			m->sender = SENDER_PEER;
		if (st->heard_ns <= newest)
			continue;
		newest = st->heard_ns;
		m->my_mac = mark_read(st->my_mac);
		m->peer_mac = newest > m->fresh_ns ? mark_read(st->peer_mac) : 0;
		m->filtered = path->flags & BT_PATH_FILTERED;
	}
}

/* A mark of this pair as both live now, the peer's or ours; 0: no peer is believed. */
__noinline __u64 mark_now(__u32 ours, __u32 kind, __u32 name_hash, __u64 number)
{
	struct mark_of of = { .kind = kind, .name_hash = name_hash, .number = number };
	struct bt_node *node = pulse_node();
	struct bt_pair *pair;
	__u64 peer_boot;
	__u32 zero = 0;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	peer_boot = pair ? READ_ONCE(pair->peer_boot) : 0;
	if (!node || !peer_boot)
		return 0;
	of.boot = ours ? node->boot : peer_boot;
	of.to_boot = ours ? peer_boot : node->boot;
	return mark_number(ours ? node->key_out : node->key_in, &of);
}

/* The number at which the peer opens by our letting go of @number; 0: terms have run out. */
static __always_inline __u64 drainer_next(const struct meeting *m, __u64 number)
{
	__u32 term = number >> 8;

	return term == 0xffffffff ? 0 : ((__u64)term + 1) << 8 | m->peer_id;
}

/* A mark of drain can only be of the number that the peer has, or opens at before we have heard it. 0: none. */
static __always_inline __u64 drainer_number(const struct meeting *m)
{
	__u64 own = BT_WORD_NUMBER(m->word), heard = BT_WORD_NUMBER(m->heard);
	__u64 next = drainer_next(m, own);

	if (m->from == mark_now(0, MARK_DRAIN, m->name_hash, own))
		return own;
	if (heard != own && m->from == mark_now(0, MARK_DRAIN, m->name_hash, heard))
		return heard;
	if (next && m->from == mark_now(0, MARK_DRAIN, m->name_hash, next))
		return next;
	return 0;
}

/* Reckoned only for addresses that could be marks: six hashes at most. */
static __always_inline enum sender mark_sender(const struct meeting *m)
{
	__u64 own = BT_WORD_NUMBER(m->word), heard = BT_WORD_NUMBER(m->heard);

	if ((m->from & MARK_FIRST_MASK) != MARK_FIRST)
		return SENDER_CLIENT;
	if (m->from == mark_now(0, MARK_RELAY, m->name_hash, own))
		return SENDER_LETGO;
	if (m->from == mark_now(0, MARK_HELP, m->name_hash, 0))
		return SENDER_HELPER;
	if (heard != own && m->from == mark_now(0, MARK_RELAY, m->name_hash, heard))
		return SENDER_PEER;
	return SENDER_CLIENT;
}

/* First stage: from whom, to whom, what is known of the peer? 0, or -1: a map of ours is unfilled. */
__noinline int meeting_read(struct xdp_md *ctx, struct meeting *m)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	struct bt_node *node = pulse_node();
	struct bt_group *group;
	struct bt_heard *heard;
	struct bt_pair *pair;
	__u32 slot, zero = 0;

	if (!m || !eth || !node)
		return -1;
	slot = m->group;
	pair = bpf_map_lookup_elem(&st_pair, &zero);
	group = bpf_map_lookup_elem(&cfg_group, &slot);
	heard = bpf_map_lookup_elem(&st_heard, &slot);
	if (!pair || !group || !heard)
		return -1;
	m->from = mark_read(eth->h_source);
	m->to = mark_read(eth->h_dest);
	m->heard = READ_ONCE(heard->word);
	m->heard_ns = READ_ONCE(heard->at_ns);
	m->flags = READ_ONCE(heard->flags);
	m->name_hash = group->name_hash;
	m->peer_id = node->peer_id;
	m->fresh_ns = intervals_ago(m->now, node->interval_ns, SEND_INTERVALS, SEND_MIN_NS);
	way_find(m, ctx->ingress_ifindex, pair);
	if (m->sender == SENDER_CLIENT)
		m->sender = mark_sender(m);
	if (m->sender == SENDER_CLIENT && (m->from & MARK_FIRST_MASK) == MARK_FIRST)
		m->drainer = drainer_number(m);
	if (m->drainer)
		m->sender = SENDER_DRAINER;
	return 0;
}

/* The mark is as good as a pulse that says so. Are we open then? Whoever opened us: the frame is ours. */
__noinline int letgo_opens(const struct meeting *m)
{
	struct bt_node *node = pulse_node();
	__u64 *word, heard;
	__u32 slot;

	if (!m || !node || !m->leased)
		return 0;
	slot = m->group;
	word = bpf_map_lookup_elem(&st_word, &slot);
	if (!word)
		return 0;
	heard = BT_WORD_NUMBER(m->word) << 24 | (__u64)BT_RELAY << 16;
	heard = word_hear(slot, word, heard, node, true, BT_EV_BY_MARK, m->now);
	return BT_WORD_MODE(heard) == BT_OPEN;
}

/*
 * Armed: may we help? Only whom we heard hold the VIP. A claim too: until it is acknowledged the holder serves,
 * and if it has let go by then, for us, the frame comes back with the mark that opens us.
 */
static __always_inline bool helps(const struct meeting *m)
{
	return BT_WORD_MODE(m->heard) == BT_OPEN && m->heard_ns > m->fresh_ns;
}

/* Help that crossed our letting go, and a helper who will know the mark: see No loops. */
static __always_inline bool goes_back(const struct meeting *m)
{
	return BT_WORD_MODE(m->word) == BT_RELAY && m->peer_mac && m->to == m->my_mac &&
	       BT_WORD_NUMBER(m->heard) == BT_WORD_NUMBER(m->word);
}

/*
 * A cluster's: heard to be open, and some time has passed since we let go? Not before: what waited here while the peer
 * opened, and already met him armed, must be sent on. He ends what he has had (cluster.h).
 */
static __always_inline bool peer_takes_in(const struct meeting *m)
{
	__u32 slot = m->group;
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	__u64 *until = bpf_map_lookup_elem(&st_linger, &slot);
	__u64 since;

	if (!g || !until || !helps(m) || BT_WORD_NUMBER(m->heard) < BT_WORD_NUMBER(m->word))
		return false;
	since = READ_ONCE(*until) - g->linger_ms * NS_PER_MS;
	return (__s64)(m->now - since) >= (__s64)BT_TWIN_NS;
}

/* A client's, to the address that both hosts hear. */
static __always_inline enum bt_xdp_exit cluster_exit(const struct meeting *m)
{
	if (BT_WORD_MODE(m->word) == BT_RELAY && m->peer_mac && !peer_takes_in(m))
		return BT_X_VIP_RELAY;
	return BT_X_VIP_HEARD;
}

/* Where does a frame go that is not taken? */
static __always_inline enum bt_xdp_exit meeting_exit(const struct meeting *m)
{
	if (m->sender == SENDER_DRAINER && drain_keeps(m->group, m->drainer, m->now))
		return BT_X_VIP_KEPT;
	if (m->sender == SENDER_HELPER && goes_back(m))
		return BT_X_VIP_RELAY;
	if (m->sender != SENDER_CLIENT)
		return BT_X_VIP_SENT_ON;
	if (m->cluster && m->to != m->my_mac)
		return cluster_exit(m);
	if (m->my_mac && m->to != m->my_mac)
		return BT_X_VIP_FLOODED;
	if (BT_WORD_MODE(m->word) == BT_RELAY)
		return m->peer_mac ? BT_X_VIP_RELAY : BT_X_VIP_RELAY_LOST;
	return m->peer_mac && helps(m) ? BT_X_VIP_HELPED : BT_X_VIP_ARMED;
}

/* Last stage: address it to the peer, in the name of its exit. 0, or -1: it cannot be. */
__noinline int meeting_send(struct xdp_md *ctx, const struct meeting *m, __u32 kind)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u64 source;

	if (!m || !eth)
		return -1;
	source = m->my_mac;
	if (!m->filtered)
		source = mark_now(1, kind, m->name_hash, kind == MARK_HELP ? 0 : BT_WORD_NUMBER(m->word));
	if (!source)
		return -1;
	mark_write(eth->h_source, source);
	mark_write(eth->h_dest, m->peer_mac);
	return 0;
}

/* A VIP's frame before a gate armed or in relay, whose word and lease @gate was read from. */
static __always_inline enum bt_xdp_exit relay_in(struct xdp_md *ctx, const struct headers *h,
						 const struct gate *gate, __u32 group, __u64 cluster, __u64 now)
{
	struct meeting m = { .now = now, .word = gate->word, .group = group, .leased = gate->leased, .cluster = cluster };
	enum bt_xdp_exit exit;

	if (h->later && fragment_is_ours(ctx, h, now))
		return BT_X_VIP_FRAGMENT;
	if (meeting_read(ctx, &m))
		return BT_X_BROKEN;
	if (m.sender == SENDER_LETGO && letgo_opens(&m))
		return BT_X_VIP_TAKEN;
	exit = meeting_exit(&m);
	if (m.sender == SENDER_CLIENT && m.to == m.my_mac)
		neigh_count(ctx, h, m.from, group, now);
	if ((exit == BT_X_VIP_RELAY || exit == BT_X_VIP_HELPED) &&
	    meeting_send(ctx, &m, exit == BT_X_VIP_HELPED ? MARK_HELP : MARK_RELAY))
		return BT_X_VIP_RELAY_LOST;
	return exit;
}

#endif
