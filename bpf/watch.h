/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch: is the peer dead, so that this host's gate must open now, whoever is scheduled or not?
 *
 * A timer's callback looks every interval, and exactly when silence is long enough. Peer dead is one fact: it is asked once a
 * look, then every group with BT_GROUP_WATCH that is armed at the peer's number and whose server is well opens, by the
 * table and by compare-and-swap as everywhere. Then the controller finds its word open, as after a let-go.
 *
 * What makes silence a verdict:
 *   - on every path nothing came for that path's time;
 *   - this host's receiving side keeps up, or frames of a peer that lives may wait in it. Clients' frames show it (ear.h). Paths that fell
 *     silent together are one: it is shown for all by one. If nothing shows it, then only time counts in which this host looked on time,
 *     and half an interval more is waited: about as long as the controller, whose last probe gets that (core/detect);
 *   - somebody asks. A kernel answers probes, but says nothing by itself: if our prober stands still, and the peer's too, two
 *     hosts that live are silent. So either as many probes as that time is long have left on time in it, or so much time has passed that no
 *     lease which the peer had can run any more: then its gate is shut, whatever became of it;
 *   - no frame with a wrong MAC explains it; and, if asked for, a router was heard since: this host is not deaf.
 * All are moments before which there is no verdict, so the latest of them is when to look; when a client's frame or a probe may bring
 * it nearer, soon.
 *
 * The timer is never cancelled: one whose generation is not batond's any more looks no more. A newer program that is armed takes it
 * over, with what it has seen.
 * Time:    boot clock, passed in: tests have their own. Another CPU may have stamped what lies ahead of it.
 * Source:  design §4.2, §4.3; protocol.md H12; kernel-notes/bpf-timer.md.
 */
#ifndef WATCH_H
#define WATCH_H

#include "ear.h"
#include "maps_cluster.h"
#include "pulse_wire.h"
#include "word.h"

#define WATCH_NEVER	(~0ULL)
#define WATCH_SOON_NS	20000ULL	/* between two looks at least */
#define WATCH_AGAIN_NS	250000ULL	/* between two, while it may be shown any time that a silence is one */
#define WATCH_TOGETHER	2		/* intervals: paths that fell silent within so many */
#define WATCH_UNAUTH_NS	1000000000ULL	/* a wrong MAC younger than this explains a silence */
#define WATCH_ROUTER_NS	1500000000ULL	/* so long an answer is good for */
#define WATCH_CLOCK	7		/* CLOCK_BOOTTIME */

#ifndef EBUSY
#define EBUSY	16
#define EINVAL	22
#endif

/* What all groups are judged by. */
struct watch {
	__u64 now;
	__u64 fair_ns;		/* since when this host looks on time */
	__u64 interval_ns;
	__u64 newest;		/* last message of the peer by any path; 0: none ever came */
	__u64 quiet;		/* when silence is long enough on all paths, shown or not */
	__u64 shown;		/* last message by a path whose silence is shown to be one */
	__u64 unauth_ns;	/* last frame with a wrong MAC */
	bool asks;		/* probes leave on time */
};

static __always_inline __u64 watch_later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static __always_inline bool watch_is_young(__u64 at, __u64 age, __u64 now)
{
	return at && now < at + age;
}

static __always_inline bool watch_votes(const struct bt_watch_own *own, __u64 i)
{
	return READ_ONCE(own->votes) & 1u << i;
}

/* What is known of a path by itself. False: how long it may be silent is not. */
static __always_inline bool watch_hear(struct watch *w, const struct bt_watch *timer, const struct bt_watch_own *own,
				       const struct bt_path_st *st, __u64 i)
{
	__u64 heard = READ_ONCE(st->heard_ns), detect = READ_ONCE(own->detect_ns[i]);

	w->newest = watch_later(w->newest, heard);
	w->unauth_ns = watch_later(w->unauth_ns, READ_ONCE(st->unauth_ns));
	if (heard || watch_votes(own, i))
		w->quiet = watch_later(w->quiet, heard + detect);
	if (!watch_votes(own, i))
		return true;
	if (ear_shows(timer, i, heard + detect, w->interval_ns))
		w->shown = watch_later(w->shown, heard);
	return detect;
}

/* When its silence is a verdict. */
static __always_inline __u64 watch_path(const struct watch *w, const struct bt_watch *timer, const struct bt_watch_own *own,
					const struct bt_path_st *st, __u64 i)
{
	__u64 heard = READ_ONCE(st->heard_ns), detect = READ_ONCE(own->detect_ns[i]), at;

	if (!watch_votes(own, i))
		return heard ? heard + detect : 0;
	at = ear_shows(timer, i, heard + detect, w->interval_ns);
	if (!at && w->shown && heard <= w->shown + WATCH_TOGETHER * w->interval_ns)
		at = heard + detect;
	if (!at)
		at = watch_later(heard, w->fair_ns) + detect + w->interval_ns / 2;
	if (w->asks && READ_ONCE(own->asking_ns[i]) + w->interval_ns < heard)
		at = watch_later(at, w->now + WATCH_AGAIN_NS);
	return at;
}

static __always_inline __u64 watch_paths(struct watch *w, const struct bt_watch *timer, const struct bt_watch_own *own,
					 struct bt_pair *pair)
{
	bool known = true;
	__u64 at = 0;

	for (__u64 i = 0; i < BT_PATHS_MAX; i++)
		known &= watch_hear(w, timer, own, &pair->path[i], i);
	for (__u64 i = 0; i < BT_PATHS_MAX; i++)
		at = watch_later(at, watch_path(w, timer, own, &pair->path[i], i));
	return known ? at : WATCH_NEVER;
}

/* When the peer will be found dead if nothing comes till then; WATCH_NEVER: not by what is known now. */
static __always_inline __u64 watch_verdict(struct watch *w, const struct bt_watch *timer, const struct bt_watch_own *own,
					   struct bt_pair *pair)
{
	__u64 at = watch_paths(w, timer, own, pair), patience = READ_ONCE(own->patience_ns), router = READ_ONCE(own->router_ns);

	if (!w->newest || !READ_ONCE(own->votes) || at == WATCH_NEVER)
		return WATCH_NEVER;
	if (!w->asks && !patience)
		return WATCH_NEVER;
	if (!w->asks)
		at = watch_later(at, w->newest + patience);
	/* Whoever stood still has not seen what forger it has: it gets the time anew. */
	if (w->unauth_ns)
		at = watch_later(at, watch_later(w->unauth_ns, w->fair_ns) + WATCH_UNAUTH_NS);
	if (READ_ONCE(own->flags) & BT_WATCH_ROUTER &&
	    (router <= w->newest || !watch_is_young(router, WATCH_ROUTER_NS, w->now)))
		return WATCH_NEVER;
	return at;
}

/* The peer's last word on its lease, and a tenth for two clocks: nobody asked it since. */
static __always_inline bool watch_lease_runs(const struct bt_heard *h, __u64 now)
{
	__u64 left = READ_ONCE(h->lease_left_us) * 1000ULL;

	return watch_is_young(READ_ONCE(h->at_ns), left + left / 10, now);
}

static __always_inline bool watch_may(const struct bt_group *g)
{
	return g->flags & BT_GROUP_WATCH &&
	       (g->health & (PULSE_F_RUNNING | PULSE_F_FENCED | PULSE_F_STOPPING)) == PULSE_F_RUNNING;
}

/*
 * The lease first, or the gate would open without one. Who was faster made another word of it, which must not live by a lease that was
 * meant for an opening.
 */
static __always_inline void watch_open(__u32 slot, __u64 *word, __u64 was, __u64 to, __u64 lease_ns, __u64 now)
{
	__u64 *lease = bpf_map_lookup_elem(&ct_lease, &slot), before;

	if (!lease)
		return;
	before = READ_ONCE(*lease);
	if (before < now + lease_ns)
		__sync_val_compare_and_swap(lease, before, now + lease_ns);
	if (word_swap(slot, word, was, to, WORD_FOUND_DEAD | BT_EV_BY_WATCH, now) != to)
		__sync_val_compare_and_swap(lease, now + lease_ns, before);
}

/* The peer is dead: one group. A function of its own, not static: verified once. */
__noinline int watch_group(__u32 group, __u64 now, __u64 lease_ns, __u32 asks, __u32 my_id)
{
	__u32 slot = group;
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	__u64 *word = bpf_map_lookup_elem(&st_word, &slot), was, to;
	struct bt_heard *h = bpf_map_lookup_elem(&st_heard, &slot);

	if (!g || !word || !h || !watch_may(g))
		return 0;
	was = READ_ONCE(*word);
	to = word_change(was, WORD_FOUND_DEAD, 0, my_id);
	if (to == was || (!asks && watch_lease_runs(h, now)))
		return 0;
	watch_open(slot, word, was, to, lease_ns, now);
	return 0;
}

static __always_inline void watch_groups(const struct watch *w, const struct bt_watch_own *own)
{
	__u64 lease_ns = READ_ONCE(own->lease_ns);
	struct bt_node *node;
	__u32 zero = 0;

	node = bpf_map_lookup_elem(&cfg_node, &zero);
	if (!node || !node->my_id || !node->boot)
		return;
	for (__u64 i = 0; i < BT_GROUPS_MAX; i++)
		watch_group(i, w->now, lease_ns, w->asks, node->my_id);
}

/* After a look that came late, what was silent till then counts for nothing by itself. */
static __always_inline void watch_note(struct bt_watch *timer, __u64 interval_ns, __u64 now)
{
	timer->looks++;
	if (now <= timer->due_ns + interval_ns / 2)
		return;
	timer->late++;
	timer->fair_ns = now;
}

/* There is no verdict yet. Returns in how many nanoseconds one may be. */
static __always_inline __u64 watch_wait(const struct watch *w, __u64 at)
{
	__u64 next = w->interval_ns;

	if (at == WATCH_NEVER)
		return next;
	if (w->now < w->quiet)
		at = w->quiet;
	else if (w->asks && next > WATCH_AGAIN_NS)
		next = WATCH_AGAIN_NS;
	return at - w->now < next ? at - w->now : next;
}

/* One look. Returns when to look again, nanoseconds from @now; 0: no more. */
static __always_inline __u64 watch_look(struct bt_watch *timer, __u64 now)
{
	__u64 at, interval_ns, next;
	struct watch w = {};
	struct bt_watch_own *own;
	struct bt_pair *pair;
	__u32 zero = 0;

	own = bpf_map_lookup_elem(&ct_watch, &zero);
	pair = bpf_map_lookup_elem(&st_pair, &zero);
	if (!own || !pair)
		return 0;
	next = interval_ns = READ_ONCE(own->interval_ns);
	if (!timer->generation || READ_ONCE(own->generation) != timer->generation || !interval_ns)
		return 0;
	watch_note(timer, interval_ns, now);
	w.now = now;
	w.interval_ns = interval_ns;
	w.fair_ns = timer->fair_ns;
	w.asks = watch_is_young(READ_ONCE(own->asked_ns), 2 * interval_ns, now);
	at = watch_verdict(&w, timer, own, pair);
	if (now >= at)
		watch_groups(&w, own);
	else
		next = watch_wait(&w, at);
	if (next < WATCH_SOON_NS)
		next = WATCH_SOON_NS;
	timer->due_ns = now + next;
	return next;
}

static int watch_fire(void *map, __u32 *key, struct bt_watch *timer)
{
	__u64 next = watch_look(timer, bpf_ktime_get_boot_ns());

	(void)map;
	(void)key;
	if (next)
		bpf_timer_start(&timer->timer, next, 0);
	return 0;
}

/* By batond, when it has said by what to judge. Returns 0, or an errno. A timer that runs goes on, with this program's callback. */
static __always_inline int watch_arm(void)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct bt_watch_own *own;
	struct bt_watch *timer;
	__u32 zero = 0;
	long err;

	own = bpf_map_lookup_elem(&ct_watch, &zero);
	timer = bpf_map_lookup_elem(&st_watch, &zero);
	if (!own || !timer || !own->generation || !own->interval_ns)
		return EINVAL;
	err = bpf_timer_init(&timer->timer, &st_watch, WATCH_CLOCK);
	if (err && err != -EBUSY)
		return -err;
	if (now > timer->due_ns + own->interval_ns / 2)
		timer->fair_ns = now;
	timer->due_ns = now + own->interval_ns;
	timer->generation = own->generation;
	err = bpf_timer_set_callback(&timer->timer, watch_fire);
	return err ? -err : -bpf_timer_start(&timer->timer, own->interval_ns, 0);
}

#endif
