/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lease: until when may this gate stay open without the controller?
 *
 * Pure. The lease is counted from a clock reading taken *before* what justifies it, so that a store
 * delayed by a stop is already in the past:
 *   armed: the departure of a probe that the peer's kernel answered at our number, nothing else;
 *   open, availability mode: that, or the start of the main loop's turn -- but once it has ended, only
 *     after the peer was heard since, or was found dead: whoever slept may have been replaced;
 *   open, witness mode: such a departure; or, with the lock, the start of the turn, but never beyond the
 *     lock's own end, which is counted from the departure of what kept it alive.
 * Time:    boot clock nanoseconds.
 * Source:  design §4.2 Lease; protocol.md H4, H6, H19.
 */
#ifndef BATON_LEASE_H
#define BATON_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct lease_facts {
	uint64_t word;
	uint64_t lease_ns;	/* its length */
	uint64_t until_ns;	/* as it stands now */
	uint64_t turn_ns;	/* start of this turn: what a lease is counted from, */
	uint64_t now_ns;	/* and a look at the clock later: whether one has ended. 0: no later than that */
	uint64_t answered_ns;	/* departure of the newest probe answered at our number; 0: none */
	uint64_t heard_ns;	/* last authentic message on any path; 0: never */
	bool peer_dead;		/* verdict, given on evidence newer than until_ns */
	bool witness;		/* mode: two holders never */
	uint64_t lock_until_ns;	/* witness: end of the lock held for this very number; 0: not held */
};

/* The new end of the lease; facts.until_ns when nothing justifies a later one. */
uint64_t lease_next(const struct lease_facts *f);

/*
 * Does the lease still rest on the lock? Until the peer's answers alone justify it, or it has ended, the
 * lock must not be let go: the peer may be waiting for nothing else. Whatever the mode: a gate that let go and
 * is armed again can be opened by a late let-go of the peer's, within that lease (tests/model).
 */
bool lease_rests_on_lock(const struct lease_facts *f);

#endif
