/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/worker.h"

/* Deaths in a row do not put the verdict off: the one under way is reached first. */
uint32_t worker_died(struct worker *w, const struct worker_heard *heard)
{
	if (w->state != WORKER_QUIET)
		w->more = true;
	return w->state == WORKER_QUIET && heard->answered_to_ns ? WORKER_ASKS : 0;
}

static uint32_t answered(struct worker *w)
{
	uint32_t asks = w->more ? WORKER_ASKS : 0;

	w->state = WORKER_QUIET;
	w->more = false;
	return asks;
}

uint32_t worker_turn(struct worker *w, const struct worker_heard *heard, uint64_t now_ns)
{
	if (w->state == WORKER_QUIET)
		return 0;
	if (heard->answered_to_ns >= w->since_ns)
		return answered(w);
	if (!heard->over)
		return 0;
	w->state = WORKER_ILL;
	return now_ns >= w->again_ns;
}

void worker_asked(struct worker *w, uint64_t since_ns, uint64_t now_ns)
{
	if (w->state == WORKER_QUIET) {
		w->state = WORKER_ASKING;
		w->since_ns = since_ns;
	}
	w->again_ns = now_ns + WORKER_AGAIN_NS;
}

enum fact_health worker_fact(const struct worker *w)
{
	return w->state == WORKER_ILL ? FACT_FAILED : FACT_NOT_WATCHED;
}
