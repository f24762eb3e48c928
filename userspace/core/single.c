/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/single.h"

#include <stddef.h>

bool single_is_able(const struct single_server *s)
{
	return s->well && s->bound;
}

static const struct single_server *of(const struct single_facts *f, uint32_t server)
{
	return &f->server[server == 2];
}

static struct single_verdict go(uint32_t server, const char *why)
{
	return (struct single_verdict){ .active = server, .why = why };
}

static struct single_verdict stay(const struct single_facts *f, const char *stuck)
{
	return (struct single_verdict){ .active = f->active, .stuck = stuck };
}

/* The preferred one gets its time to be seen; where nobody is, it is waited for. */
static struct single_verdict judge_first(const struct single_facts *f)
{
	if (single_is_able(&f->server[0]))
		return go(1, "first-start");
	if (f->waited && single_is_able(&f->server[1]))
		return go(2, "first-start");
	return stay(f, f->waited ? "no server of the group is well: nobody gets its requests" : NULL);
}

/*
 * Dead, it has nothing to lose; what may pass is given time, or two that are ill in turn would throw the role about. So is one whose
 * sockets were not looked for yet: batond has just begun, and found it active.
 */
static bool is_urgent(const struct single_facts *f)
{
	return f->fell || of(f, f->active)->gone || (f->waited && f->since_ns >= SINGLE_SETTLE_NS);
}

static const char *cause_of(const struct single_facts *f)
{
	const struct single_server *now = of(f, f->active);

	if (!now->well && now->reason && now->reason[0])
		return now->reason;
	return "listener-lost";
}

static struct single_verdict judge_asked(const struct single_facts *f)
{
	struct single_verdict v = go(f->asked, f->drains ? "drain" : "switchover");

	if (!f->forced && single_refusal(f, f->asked))
		return stay(f, NULL);
	v.drains = f->drains;
	return v;
}

struct single_verdict single_judge(const struct single_facts *f)
{
	uint32_t other = 3 - f->active;
	bool ill;

	if (!f->active)
		return judge_first(f);
	ill = f->fell || !single_is_able(of(f, f->active));
	if (ill && single_is_able(of(f, other)))
		return is_urgent(f) ? go(other, cause_of(f)) : stay(f, NULL);
	if (f->asked && f->asked != f->active)
		return judge_asked(f);
	if (ill)
		return stay(f, "the active server is ill, but the other is not well either: it stays");
	return stay(f, NULL);
}

const char *single_refusal(const struct single_facts *f, uint32_t server)
{
	const struct single_server *to = of(f, server);

	if (!f->active)
		return "no server is active yet";
	if (server == f->active)
		return "that server is active already";
	if (!to->well)
		return to->gone ? "the other server does not run" : "the other server is unavailable, its alarm says why";
	return to->bound ? NULL : "the other server has no socket open where its packets would go";
}
