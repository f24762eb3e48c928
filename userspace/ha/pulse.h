/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse: is the peer alive, asked on every path, on time?
 *
 * A thread of its own (SCHED_FIFO, memory locked by main): sends probes, feeds core/detect with what
 * the kernel heard, and wakes the main loop when the answer to "is it dead" changes. Where XDP is off
 * it is the responder too: what comes in goes through the very same XDP program by hand. Once a second and
 * path one probe more bears the test mark (core/marks.h).
 *
 * Threads: pulse_open/close/kick/report/departure from main. Allocates nothing after pulse_open().
 * Errors:  negative errno, the path named in pulse_why().
 */
#ifndef BATON_HA_PULSE_H
#define BATON_HA_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/marks.h"
#include "sys/dp.h"

struct pulse;

struct pulse_path_report {
	uint64_t heard_ns;
	uint64_t asked_ns;		/* when a probe last came: by its controller, the kernel only answers */
	uint64_t unauth_ns;
	uint32_t peer_heard_ms;		/* how long ago the peer says it heard us here */
	uint32_t rtt_us;
	uint32_t loss_ppm;
	uint64_t detect_ns;		/* silence asked for at present */
	bool silent;			/* for longer than that, with enough punctual probes */
	bool missed;			/* silent, or on the way there: a probe is unanswered, nothing heard since */
	enum marks_seen marks;		/* do foreign source addresses come through to the peer? */
};

struct pulse_report {
	struct pulse_path_report path[BT_PATHS_MAX];
	uint32_t n_paths;
	uint64_t looked_ns;		/* when the kernel's times in it were read */
	uint32_t boots;			/* boot ids of the peer believed so far */
	bool realtime;			/* the thread got SCHED_FIFO */
	uint64_t late;			/* probes that left late, in all */
};

/* Take the pulse port on every path, before anything on this host is touched: another batond has it. */
int pulse_open(struct pulse **ret, const struct conf *conf);
/* Begin, once the maps are filled. @changed: an eventfd the caller owns, made readable when any path's
 * silence begins or ends; with arbiter router also when a first beat is missed. */
int pulse_start(struct pulse *p, struct dp *dp, int changed);
void pulse_close(struct pulse *p);
const char *pulse_why(void);

/* Send a probe now, besides the schedule: the word has changed. */
void pulse_kick(struct pulse *p);

/* New interval and misses, from the next probe on. */
void pulse_retime(struct pulse *p, uint64_t interval_ns, uint32_t misses);

/* What our probes say of the group's health, PULSE_F_RUNNING and the like. */
void pulse_say_health(struct pulse *p, uint32_t slot, uint32_t flags);

void pulse_report(struct pulse *p, struct pulse_report *ret);

/* When probe @seq of @path left, 0: forgotten. */
uint64_t pulse_departure_ns(struct pulse *p, uint32_t path, uint64_t seq);

#endif
