/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker: a process of the server has crashed; does the server still answer?
 *
 * Some servers put a new one in its place and go on, some end all others, some stand still: so it is asked. No
 * answer to any of WORKER_ASKS OPTIONS, of a server that has answered some before: ill, until it answers again. One
 * that never answered OPTIONS cannot be judged by them.
 * Pure. Time: boot clock nanoseconds, as given.
 */
#ifndef BATON_WORKER_H
#define BATON_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/service.h"

#define WORKER_ASKS		3
#define WORKER_GAP_NS		50000000ULL	/* between two of them */
#define WORKER_AGAIN_NS		1000000000ULL	/* while ill: asked again so often */

enum worker_state { WORKER_QUIET, WORKER_ASKING, WORKER_ILL };

struct worker {
	enum worker_state state;
	bool more;		/* another one died since: what is answered now may be of before */
	uint64_t since_ns;	/* the questions left from then on: an answer to an older one says nothing */
	uint64_t again_ns;	/* next question while ill */
};

/* What is known of the questions. */
struct worker_heard {
	uint64_t answered_to_ns;	/* departure of the newest question that was answered; 0: none ever */
	bool over;			/* all were asked, and the last had its time */
};

/* How many questions to ask now; then call worker_asked(). */
uint32_t worker_died(struct worker *w, const struct worker_heard *heard);
uint32_t worker_turn(struct worker *w, const struct worker_heard *heard, uint64_t now_ns);
void worker_asked(struct worker *w, uint64_t since_ns, uint64_t now_ns);

enum fact_health worker_fact(const struct worker *w);

#endif
