/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/lease.h"

#include "core/when.h"
#include "baton_abi.h"

static uint64_t by_answer(const struct lease_facts *f)
{
	return f->answered_ns ? f->answered_ns + f->lease_ns : 0;
}

static uint64_t by_lock(const struct lease_facts *f)
{
	uint64_t until = f->turn_ns + f->lease_ns;

	return until < f->lock_until_ns ? until : f->lock_until_ns;
}

static uint64_t lease_open(const struct lease_facts *f)
{
	bool ended = later(f->turn_ns, f->now_ns) >= f->until_ns;

	if (f->witness)
		return later(f->until_ns, later(by_answer(f), by_lock(f)));
	/* Heard since the end: a higher number would have shut us in that very message. */
	if (ended && !f->peer_dead && f->heard_ns <= f->until_ns)
		return f->until_ns;
	return later(f->until_ns, f->turn_ns + f->lease_ns);
}

uint64_t lease_next(const struct lease_facts *f)
{
	switch (BT_WORD_MODE(f->word)) {
	case BT_OPEN:
		return lease_open(f);
	case BT_ARMED:
		/* What turns or the lock had justified while open, armed does not live by. */
		return f->witness ? by_answer(f) : later(f->until_ns, by_answer(f));
	default:
		return f->until_ns;
	}
}

bool lease_rests_on_lock(const struct lease_facts *f)
{
	return f->until_ns > f->turn_ns && f->until_ns > by_answer(f);
}
