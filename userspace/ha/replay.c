/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/replay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>

#include "sys/background.h"
#include "sys/clock.h"
#include "sys/dp_replay.h"

#define PRIORITY	40		/* below the prober: a beat that is late knows nothing */
#define BURST		8		/* given at once, */
#define REST_NS		100000		/* then the server gets its turn */
#define OPEN_MAX	16		/* so many unanswered ones, and it is given one in */
#define SLOW_NS		NS_PER_MS
#define SECOND_NS	NS_PER_MS	/* a writer is done by then */
#define HOLES_MAX	64
#define EVIDENCE_NS	(10 * NS_PER_S)	/* a receipt so old still shows that they come, */
#define EVIDENCE_MAX	4096		/* if it is among so many entries before the window */

struct replayer {
	struct dp *dp;
	int changed;
	struct background bg;		/* its lock guards what follows; a stop waits for nothing that is yet to be given */
	uint32_t asked;			/* bit per slot */
	struct replay_order order[BT_GROUPS_MAX];
	struct replay_report report[BT_GROUPS_MAX];

	/* the thread's own */
	struct replay_order now;	/* under way */
	struct replay_report done;
	struct replay *core;
	struct bt_replay entry;
	uint64_t next;			/* first entry that was not looked at, */
	uint64_t hole[HOLES_MAX];	/* but for these, which were being written */
	uint32_t n_holes;
	uint64_t base;			/* requests without an answer when it began */
	uint32_t given;
};

static void rest(uint64_t ns)
{
	struct timespec t = { .tv_nsec = (long)ns };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* ---- looking -------------------------------------------------------------------------------------- */

static uint64_t from_ns(const struct replay_order *o)
{
	return o->opened_ns > o->window_ns ? o->opened_ns - o->window_ns : 0;
}

/* Back from @top: the oldest number whose entry may be of the window, and whether receipts come at all. */
static uint64_t find_first(struct replayer *r, uint64_t top, bool *ret_shown)
{
	uint64_t slots = dp_replay_slots(r->dp), end = top > slots ? top - slots : 0, from = from_ns(&r->now), at = top, first = top;
	uint64_t oldest = 0;

	*ret_shown = false;
	for (; at > end; at--) {
		if (dp_replay_look(r->dp, at - 1, &r->entry))
			continue;
		*ret_shown |= r->entry.group == r->now.slot && r->entry.kind == BT_REPLAY_RECEIPT;
		if (r->entry.at_ns >= from) {
			first = at - 1;
			oldest = r->entry.at_ns;
		} else if (*ret_shown || r->entry.at_ns + EVIDENCE_NS < from || first - at > EVIDENCE_MAX) {
			break;
		}
	}
	if (at == end && end && oldest > from && first == end)
		r->done.missing_us = (uint32_t)((oldest - from) / NS_PER_US);
	return first;
}

static void note(struct replayer *r, uint64_t number)
{
	int err = dp_replay_get(r->dp, number, &r->entry);

	if (!err && r->entry.group == r->now.slot)
		replay_note(r->core, &r->entry);
	else if (err == -EAGAIN && r->n_holes < HOLES_MAX)
		r->hole[r->n_holes++] = number;
}

static void look(struct replayer *r)
{
	uint64_t top = dp_replay_next(r->dp);
	struct replay_rule rule = {
		.from_ns = from_ns(&r->now), .pulse_ns = r->now.pulse_ns, .doubt_ns = r->now.pulse_ns + r->now.interval_ns,
	};
	uint64_t at = find_first(r, top, &rule.shown), done = dp_replay_done(r->dp, r->now.slot);

	if (getrandom(rule.key, sizeof(rule.key), GRND_NONBLOCK) != sizeof(rule.key))
		rule.key[0] = clock_now_ns();
	replay_begin(r->core, &rule);
	r->n_holes = 0;
	if (at < done) {
		at = done;
		r->done.missing_us = 0;
	}
	for (; at < top; at++)
		note(r, at);
	r->next = top;
}

static void look_again(struct replayer *r)
{
	uint32_t n = r->n_holes;
	uint64_t top = dp_replay_next(r->dp);

	r->n_holes = 0;
	for (uint32_t i = 0; i < n; i++)
		note(r, r->hole[i]);
	for (; r->next < top; r->next++)
		note(r, r->next);
}

/* ---- giving --------------------------------------------------------------------------------------- */

static bool is_busy(struct replayer *r)
{
	return dp_replay_unanswered(r->dp, r->now.slot) > r->base + OPEN_MAX;
}

static void pace(struct replayer *r)
{
	if (r->given % BURST)
		return;
	rest(REST_NS);
	for (uint32_t i = 0; i < BURST && is_busy(r); i++)
		rest(SLOW_NS);
}

/* Who has left the role meanwhile must not be given anything: the gate would send it on. */
static bool may_give(struct replayer *r)
{
	return !atomic_load(&r->bg.quit) && BT_WORD_MODE(atomic_load(&dp_words(r->dp)[r->now.slot])) == BT_OPEN;
}

static void give(struct replayer *r)
{
	const struct replay_row *row;

	while (may_give(r) && (row = replay_next(r->core))) {
		if (dp_replay_get(r->dp, row->number, &r->entry) || dp_replay_inject(r->dp, &r->entry))
			r->done.failed++;
		r->given++;
		r->done.took_us = (uint32_t)((clock_now_ns() - r->now.opened_ns) / NS_PER_US);
		pace(r);
	}
}

static void publish(struct replayer *r)
{
	uint64_t one = 1;

	memcpy(r->done.fates, r->core->fates, sizeof(r->done.fates));
	r->done.doubtful = r->core->doubtful;
	background_lock(&r->bg);
	r->report[r->now.slot] = r->done;
	background_unlock(&r->bg);
	(void)!write(r->changed, &one, sizeof(one));
}

static void replay(struct replayer *r)
{
	uint64_t late = r->now.window_ns > REPLAY_LATE_NS ? r->now.window_ns : REPLAY_LATE_NS;

	r->given = 0;
	r->done = (struct replay_report){ .opened_ns = r->now.opened_ns, .late = clock_now_ns() > r->now.opened_ns + late };
	if (r->done.late) {
		replay_begin(r->core, &(struct replay_rule){});
		publish(r);
		return;
	}
	r->base = dp_replay_unanswered(r->dp, r->now.slot);
	look(r);
	dp_replay_set_done(r->dp, r->now.slot, r->next);	/* before the first is given: whoever goes on after us gives none twice */
	give(r);
	rest(SECOND_NS);
	look_again(r);
	dp_replay_set_done(r->dp, r->now.slot, r->next);
	give(r);
	publish(r);
}

/* ---- the thread ----------------------------------------------------------------------------------- */

static void *run(void *arg)
{
	struct replayer *r = arg;

	background_lock(&r->bg);
	while (!r->bg.quit) {
		uint32_t slot;

		if (!r->asked) {
			background_wait(&r->bg, BACKGROUND_EVER);
			continue;
		}
		slot = (uint32_t)__builtin_ctz(r->asked);
		r->asked &= ~(1u << slot);
		r->now = r->order[slot];
		background_unlock(&r->bg);
		replay(r);
		background_lock(&r->bg);
	}
	background_unlock(&r->bg);
	return NULL;
}

int replay_open(struct replayer **ret, struct dp *dp, int changed)
{
	struct replayer *r = calloc(1, sizeof(*r));
	int err = r ? 0 : -ENOMEM;

	if (!err && !(r->core = calloc(1, sizeof(*r->core))))
		err = -ENOMEM;
	if (!err) {
		r->dp = dp;
		r->changed = changed;
		err = background_start(&r->bg, "replay", PRIORITY, run, r);
	}
	if (err) {
		free(r ? r->core : NULL);
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void replay_close(struct replayer *r)
{
	if (!r)
		return;
	background_stop(&r->bg);
	free(r->core);
	free(r);
}

void replay_ask(struct replayer *r, const struct replay_order *order)
{
	background_lock(&r->bg);
	if (r->order[order->slot].opened_ns != order->opened_ns) {	/* each opening once */
		r->order[order->slot] = *order;
		r->asked |= 1u << order->slot;
		background_wake(&r->bg);
	}
	background_unlock(&r->bg);
}

bool replay_reported(struct replayer *r, uint32_t slot, struct replay_report *ret)
{
	background_lock(&r->bg);
	*ret = r->report[slot];
	background_unlock(&r->bg);
	return ret->opened_ns;
}
