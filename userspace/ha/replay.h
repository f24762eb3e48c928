/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay: the peer died and our gate opened: put what it left unanswered before our server.
 *
 * core/replay.h says which; they come in as live frames through the open gate, like any other, in their order, a few at a time: no more
 * than the server answers, or one a millisecond where it does not. A millisecond later what another CPU was still writing
 * follows. An opening is replayed once, and only while clients have not yet repeated their requests by themselves.
 * Threads: one of its own, SCHED_FIFO below the prober, woken by replay_ask(); the others are main's and never wait.
 * Time:    boot clock. Errors: negative errno.
 */
#ifndef BATON_HA_REPLAY_H
#define BATON_HA_REPLAY_H

#include "core/replay.h"
#include "sys/dp.h"

#define REPLAY_LATE_NS	400000000ULL	/* RFC 3261 T1 is 500 ms: then clients repeat by themselves */

struct replayer;

struct replay_order {
	uint32_t slot;
	uint64_t opened_ns;	/* when the gate opened */
	uint64_t window_ns;	/* requests so long before that */
	uint64_t pulse_ns;	/* the dead was last heard */
	uint64_t interval_ns;	/* between two pulses */
};

/* What was done after the opening at @opened_ns. */
struct replay_report {
	uint64_t opened_ns;	/* 0: nothing yet */
	uint32_t fates[REPLAY_FATE__N];
	uint32_t doubtful;
	uint32_t failed;	/* frames that the kernel did not take */
	uint32_t missing_us;	/* of the window, for which the ring was too short */
	uint32_t took_us;	/* from the opening until the last was given */
	bool late;		/* nothing was done: too long after the opening */
};

/* @changed: an eventfd of the caller's, made readable when there is a report. */
int replay_open(struct replayer **ret, struct dp *dp, int changed);
void replay_close(struct replayer *r);
void replay_ask(struct replayer *r, const struct replay_order *order);
/* Of the last opening of group @slot; false: none was replayed. */
bool replay_reported(struct replayer *r, uint32_t slot, struct replay_report *ret);

#endif
