/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers: does the group's SIP server answer what comes in? sip-hang-timeout.
 *
 * Joins core/hang with the counters of the data path (st_seen, mapped: no system call), the pinger, which asks the own
 * server, and what the peer says. One per group; it helps the peer to find out the same about its server.
 * Only where the server can be asked: a group with a UDP port.
 * Threads: main only; never waits. Time: boot clock.
 */
#ifndef BATON_ANSWERS_H
#define BATON_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/hang.h"

struct dp;
struct health_input;
struct pinger;

struct answers {
	const struct conf_group *conf;
	uint32_t slot;
	struct dp *dp;
	struct pinger *pinger;
	bool can_ask;
	struct hang hang;
	struct hang_says says;
	uint32_t asked;			/* OPTIONS that led to the verdict */
	bool told_shared;		/* of this asking: the peer's server does not answer either */
};

/* @dp or @pinger NULL: it is not watched. All must outlive it. */
void answers_open(struct answers *a, const struct conf_group *conf, uint32_t slot, struct dp *dp, struct pinger *pinger);

/* Is there a server: its process, its listener? */
void answers_note_server(struct answers *a, bool there, uint64_t now_ns);
/* Returns the next deadline. */
uint64_t answers_turn(struct answers *a, const struct health_input *in, uint64_t now_ns);

enum fact_health answers_fact(const struct answers *a);
uint32_t answers_evidence(const struct answers *a);
/* It has never answered an OPTIONS: that it hangs could not be told. */
bool answers_is_mute(const struct answers *a);
/* What the verdict rests on, for people. */
void answers_detail(const struct answers *a, char *buf, size_t cap);

#endif
