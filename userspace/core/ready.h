/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready: would it be safe now to move the role by hand, or to take this host down for an upgrade?
 *
 * Pure. Two questions: what `switchover` without --force is refused for (an impediment: it would go wrong now), and the
 * guide's readiness, which `ready` and HTTP tell: that, every monitor well, and for a primary 60 s since the pair
 * became whole. A move before those 60 s works, but the next failure would find a host that has just come back.
 * The guide's third condition, that all calls are synchronised, follows with the peer link.
 * Source:  the guide, 'Readiness for Switchover or Upgrade'; options.md.
 */
#ifndef BATON_READY_H
#define BATON_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/judge.h"
#include "core/role.h"

#define READY_AFTER_NS	UINT64_C(60000000000)

struct ready_facts {
	enum role role;
	bool running;			/* the server and every monitor are well */
	const struct judge_facts *judge;
	uint64_t whole_ns;		/* for how long ready_is_whole() has been true */
};

/* The peer is there, alive, of the same settings, and its server well: what the guide's HA link stands for. A move leaves it so. */
bool ready_is_whole(const struct judge_facts *f);

/* NULL: a switchover would be begun. */
const char *ready_impediment(const struct ready_facts *f);

/* NULL: ready; else why not, perhaps in @buf. */
const char *ready_refusal(const struct ready_facts *f, char *buf, size_t len);
const char *ready_upgrade_refusal(enum role role);

#endif
