/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/script_try.h"

#define SECOND_NS	1000000000ull

void script_try_ended(struct script_try *t, int code)
{
	t->runs_now = false;
	t->code = code;
}

void script_try_again(struct script_try *t)
{
	t->failed = false;
	t->runs = 0;
}

/* One that cannot even be killed is not waited for for ever. */
static bool is_over(const struct script_try *t, uint64_t timeout_ns, uint64_t now_ns)
{
	uint64_t took = now_ns - t->began_ns;

	if (t->runs_now)
		return took >= 3 * timeout_ns;
	return took >= timeout_ns || (t->code && took >= SECOND_NS);
}

enum script_step script_try_step(struct script_try *t, bool up, uint32_t vip, uint64_t timeout_ns, uint64_t now_ns)
{
	bool same = t->up == up && t->vip == vip;

	if (vip == SCRIPT_NO_VIP || t->up != up)
		script_try_again(t);
	if (vip == SCRIPT_NO_VIP)
		return SCRIPT_RIGHT;
	if (t->failed)
		return SCRIPT_FAILED;
	if (t->runs_now && !is_over(t, timeout_ns, now_ns))
		return SCRIPT_WAIT;	/* of the other direction, too: they must not meet */
	if (!same)
		t->runs = 0;
	if (t->runs && !is_over(t, timeout_ns, now_ns))
		return SCRIPT_WAIT;
	t->failed = t->runs == SCRIPT_RUNS || (t->runs_now && same);
	if (t->failed)
		return SCRIPT_FAILED;
	t->runs++;
	t->up = up;
	t->vip = vip;
	t->began_ns = now_ns;
	t->runs_now = true;
	t->code = 0;
	return SCRIPT_RUN;
}
