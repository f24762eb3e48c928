/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * single: which of two servers on one host works, and why?
 *
 * Pure. No preemption: a move needs a cause, and somebody to go to. When both are ill the one that works stays: somebody
 * has to, and it may return. What the kernel has already done (it found no socket of the active server left) is followed.
 * Time:    ages in nanoseconds, computed by the caller from the boot clock.
 * Source:  the guide, Single Host HA Deployment; design §4.4.
 */
#ifndef BATON_SINGLE_H
#define BATON_SINGLE_H

#include <stdbool.h>
#include <stdint.h>

#define SINGLE_SETTLE_NS	UINT64_C(1000000000)	/* after a move, before one that could wait */

struct single_server {
	bool well;		/* process, listener and answers, as far as they are watched */
	bool bound;		/* the kernel has a socket of it to give packets to */
	bool gone;		/* its process has ended or is dying: nothing to wait for */
	const char *reason;	/* stable word of what is wrong with it; "" */
};

struct single_facts {
	uint32_t active;	/* 1 or 2; 0: nobody was chosen yet */
	struct single_server server[2];
	bool fell;		/* since then the kernel gave packets for it to the other */
	uint32_t asked;		/* an operator wants this one; 0: nobody does */
	bool forced;		/* whatever its state */
	bool drains;		/* ... and what began with the other to stay there */
	bool waited;		/* since batond's start: long enough for whoever is slow to be seen */
	uint64_t since_ns;	/* for how long this one has been active */
};

struct single_verdict {
	uint32_t active;	/* as it should be; 0: leave it open */
	const char *why;	/* stable word, when that is another one than before */
	bool drains;		/* ... and what began with that one is left to it */
	const char *stuck;	/* something ought to move but cannot: text for an alarm; NULL */
};

struct single_verdict single_judge(const struct single_facts *f);

/* Why a switchover to @server would be refused, for people; NULL: it can begin. */
const char *single_refusal(const struct single_facts *f, uint32_t server);

bool single_is_able(const struct single_server *s);

#endif
