/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arbiter: what does the third party say, whichever it is?
 *
 * none: nothing. router: has one answered in this silence (ear.h)? etcd: is the lock ours (locker.h)?
 * What follows from it core/judge and core/lease decide; here it is only asked and told.
 * Time:    boot clock nanoseconds.
 * Errors:  negative errno.
 * Threads: main only; none of the calls waits for the third party, but arbiter_close().
 * Source:  design §4.3.
 */
#ifndef BATON_ARBITER_H
#define BATON_ARBITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"

struct arbiter;

/* Of one group, as of the last turn. */
struct arbiter_facts {
	bool up;			/* it answers; with router, one of the group's does */
	bool ear;			/* router: one answered in this silence, */
	uint64_t ear_ns;		/* and when it was heard last; 0: none did */
	uint64_t lock_number;		/* etcd: held for this number, 0: not ours ... */
	uint64_t lock_until_ns;		/* ... and until then */
};

/* @boot: of this host's maps. @changed: an eventfd of the caller's that wakes the main loop. */
int arbiter_open(struct arbiter **ret, const struct conf *conf, uint64_t boot, int changed);
/* @release: gates are shut, locks may go. */
void arbiter_close(struct arbiter *a, bool release);

/*
 * Before groups are judged. @silence_ns: 0 while the peer beats; else when it was last heard, 1 for never:
 * another time is another silence. Returns the next deadline.
 */
uint64_t arbiter_turn(struct arbiter *a, uint64_t silence_ns, uint64_t now_ns);
void arbiter_facts(const struct arbiter *a, uint32_t slot, struct arbiter_facts *ret);

/* etcd: from now on the lock is wanted for @number, 0: not any more, and what is held is let go at once. */
void arbiter_want(struct arbiter *a, uint32_t slot, uint64_t number);

const char *arbiter_state(const struct arbiter *a);	/* none, reachable, unreachable, holding */
/* Why it is of no use now, as a sentence; NULL: it is, or it is too early to say. */
const char *arbiter_trouble(const struct arbiter *a, char *buf, size_t len);

/* Rows for doctor. @ok, what was found. */
typedef void arbiter_row_fn(void *arg, bool ok, const char *text, const char *fix);
void arbiter_rows(const struct arbiter *a, arbiter_row_fn *row, void *arg);

#endif
