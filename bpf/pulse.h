/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse: is this message from the peer as it lives now, what does it tell, and what do we answer?
 *
 * Order: length, version, pair, MAC, freshness, range; then, and only then, anything is written
 *        (but for unauth_ns, which says that somebody with another key is there). A refused message
 *        changes nothing else.
 *
 * Whom to believe. A life of a host is a boot id, as long as its maps; a restarted controller goes
 * on with it. We keep the peer's believed boot, and a nonce of our own that has been believed by
 * nobody yet. What is asked of a message before it is believed:
 *
 *   1. it is for this life of ours: to_boot is our boot;
 *   2. it is of the peer's believed life: boot is the believed one; or of a new life, that shows
 *      with echo = our present nonce that it was sent after that nonce was made. Then that boot
 *      becomes the believed one, its windows start empty, what we had heard of each group is forgotten, and
 *      the nonce is renewed;
 *   3. its sequence number is new: one window per path for probes, one for answers.
 *
 * Why a retired life cannot come back: all it ever sent echoes nonces that were ours before the one
 * that was renewed when its successor was believed. Why a message of a life that *we* have left
 * behind is nothing worth: it names that life in to_boot, and the MAC covers it. So neither side
 * can be told by a late or replayed message what was true only before somebody lost his memory
 * (hole H9 of the protocol notes).
 *
 * How two hosts meet. Every authentic probe is answered, believed or not, with our boot and nonce;
 * the answer names the probe's boot, nonce and number, so it is worth something to its sender
 * alone. A sends a probe that knows nothing (to_boot 0, echo 0). B does not believe it, and
 * answers. The answer has to_boot = A's boot and echo = A's present nonce: A believes B, and its
 * next probe has B's boot and nonce: B believes A. One and a half round trips, started by either,
 * by both at once, or by only one whose controller lives: the other's kernel is enough. After one
 * reboots (A): B answers A's new probes without believing, A believes B, A's next probe is
 * believed. B's own probes still name A's old life; A must answer them too, though it may already
 * believe B (by an answer), or a B whose probes alone get through would never learn of A's new
 * life. So to_boot other than ours is no reason to stay silent to a probe; it is one to take
 * nothing in. After both reboot: as in the beginning.
 *
 * A late probe of a former life that echoes the
 * nonce of just then (made, sent, its host died, the new life not yet believed) can be believed
 * once; the new life's next probe echoes the renewed nonce and replaces it. It says nothing that
 * was not true when its number was made.
 *
 * Why no word is told to a life that is not yet believed (PULSE_H_STRANGER). What we say of our word is true
 * for ever, but what makes us say it may have been the peer's former life, to which we listen until we
 * believe the next. Told "number n is let go" the new life would open n; a late "let go of n" of the old
 * one, which had the same n before it lost its memory, would then open us. So we speak to nobody whose
 * predecessor we still listen to. It costs a meeting one more probe. (Found by tests/model.)
 *
 * What the answers to replays give away: an attacker with a recorded probe learns that we live. A
 * replay of a believed life gets none.
 * The nonce need not be secret, only new: who could use a foreseen one cannot make a MAC.
 *
 * The answer's lease. An answer at our own number is told on as same_seq / same_path: the departure
 * of that probe is what a lease is counted from. Its two halves are written under the pair's lock,
 * so they belong together; a reader without lock reads path, seq, path, seq until they agree.
 *
 * Where the peer is met. Who sends VIP frames on must know the peer's Ethernet address on the very
 * interface, and who receives such a frame its own: both are learnt from the newest believed
 * message of each path, whose source may instead be a test mark (mark.h). That shows that this
 * network lets foreign source addresses through, which our messages tell the peer for ten seconds;
 * it is nobody's address, so it is neither learnt nor answered to. The addresses are outside the
 * MAC: who can change a frame on its way can divert what is sent on, as he could divert the frame.
 *
 * Time:    boot clock, read once per pulse.
 * Source:  include/pulse_wire.h; design §4.1, §4.2; protocol notes H3, H9, H22, H23.
 */
#ifndef PULSE_H
#define PULSE_H

#include "ear.h"
#include "pulse_pair.h"
#include "pulse_group.h"
#include "pulse_answer.h"
#include "pulse_observe.h"

/* The frame of a wrong MAC is all that is remembered of it. */
static __always_inline void pulse_unauthentic(const struct pulse *m)
{
	struct bt_path_st *st;
	struct bt_pair *pair;
	__u32 zero = 0;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	st = pair ? pair_path(pair, m->path) : NULL;
	if (st)
		st->unauth_ns = m->now;
}

static __always_inline enum bt_xdp_exit pulse_check(struct xdp_md *ctx, const struct frame *f,
						    struct pulse *m,
						    const struct bt_node *node)
{
	__u64 mac;

	if (!pulse_length(ctx, f, m))
		return BT_X_PULSE_LENGTH;
	if (!pulse_version(m))
		return BT_X_PULSE_VERSION;
	if (!node->my_id || !node->boot)
		return BT_X_BROKEN;
	if (!pulse_pair(m, node))
		return BT_X_PULSE_PAIR;
	m->now = bpf_ktime_get_boot_ns();
	mac = pulse_mac(ctx, m->at, m->groups, node->key_in[0], node->key_in[1]);
	if (m->head.mac != bpf_cpu_to_be64(mac)) {
		pulse_unauthentic(m);
		return BT_X_PULSE_MAC;
	}
	return pulse_judge(ctx, m, node);
}

/* A UDP datagram to the pulse port. @f as parsed, without its pointers. */
static __always_inline enum bt_xdp_exit pulse_in(struct xdp_md *ctx, const struct frame *f,
						 const struct bt_node *node)
{
	struct pulse m = {};
	struct in6_addr from;
	enum bt_xdp_exit exit;

	if (is_observer(ctx, f))
		return observe_in(ctx, f);
	if (!pulse_source(ctx, f, &from) || !pulse_macs(ctx, &m))
		return BT_X_BROKEN;
	m.path = pulse_path(ctx->ingress_ifindex, &from);
	if (m.path >= BT_PATHS_MAX)
		return BT_X_PULSE_STRANGER;
	exit = pulse_check(ctx, f, &m, node);
	if (m.believed)
		ear_is(ctx, m.path, node->interval_ns);
	if (m.reborn) {
		heard_forget();
		event_emit(BT_EV_BOOT, 0, m.now, m.old_boot, bpf_be64_to_cpu(m.head.boot), 0);
	}
	if (!m.believed && exit != BT_X_PULSE_UNBELIEVED)
		return exit;
	if (!pulse_groups(ctx, &m))
		return BT_X_BROKEN;
	if (m.answer)
		return exit;
	if (m.marked && !m.peer_mac)	/* nobody knows where to */
		return m.believed ? BT_X_PULSE_HEARD : BT_X_PULSE_BOOT;
	return pulse_answer(ctx, f, &m, node) ? exit : BT_X_BROKEN;
}

#endif
