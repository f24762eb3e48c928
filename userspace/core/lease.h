/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lease: until when may this gate stay open without the controller?
 *
 * Pure. The lease is counted from a clock reading taken *before* what justifies it, so that a store
 * delayed by a stop is already in the past:
 *   armed: the departure of a probe that the peer's kernel answered at our number, nothing else;
 *   open (no arbiter): that, or the start of the main loop's turn -- but once it has ended, only
 *     after the peer was heard since, or was found dead: whoever slept may have been replaced.
 * Time:    boot clock nanoseconds.
 * Source:  design §4.2 Lease; protocol.md H4, H6.
 */
#ifndef BATON_LEASE_H
#define BATON_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct lease_facts {
	uint64_t word;
	uint64_t lease_ns;	/* its length */
	uint64_t until_ns;	/* as it stands now */
	uint64_t turn_ns;	/* start of this turn */
	uint64_t answered_ns;	/* departure of the newest probe answered at our number; 0: none */
	uint64_t heard_ns;	/* last authentic message on any path; 0: never */
	bool peer_dead;		/* verdict, given on evidence newer than until_ns */
};

/* The new end of the lease; facts.until_ns when nothing justifies a later one. */
uint64_t lease_next(const struct lease_facts *f);

#endif
