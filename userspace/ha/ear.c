/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/ear.h"

#include <errno.h>
#include <stdlib.h>

#include "core/conf.h"
#include "ha/who_has.h"
#include "sys/clock.h"

#define FIRST_GAP_NS	(5 * NS_PER_MS)		/* between the first two questions of a silence; then doubling, to */
#define LAST_GAP_NS	(500 * NS_PER_MS)
#define FRESH_NS	(3 * LAST_GAP_NS)	/* so long an answer is good for: two questions may be lost */
#define LOOK_NS		(50 * NS_PER_MS)	/* in peace an answer is fetched so long after the question */
#define ENOUGH		3			/* questions in peace that went unanswered */

struct router {
	struct who_has at;
	uint64_t heard_ns;
	uint32_t unanswered;	/* questions since it was heard */
};

struct ear {
	struct router router[CONF_ROUTERS_MAX];
	uint32_t n;
	uint64_t silence_ns;	/* which one; 0: none */
	uint64_t began_ns;	/* when it was noticed */
	uint64_t asked_ns;
	uint64_t next_ns;	/* the next question */
	uint64_t gap_ns;
};

int ear_open(struct ear **ret, const struct in6_addr *routers, uint32_t n, uint32_t ifindex)
{
	struct ear *e = calloc(1, sizeof(*e));
	int err = e ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && !err; i++) {
		err = who_has_open(&e->router[i].at, &routers[i], ifindex);
		e->n += !err;
	}
	if (!err)
		*ret = e;
	else
		ear_close(e);
	return err;
}

void ear_close(struct ear *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->n; i++)
		who_has_close(&e->router[i].at);
	free(e);
}

static void fetch(struct ear *e, uint64_t now_ns)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (who_has_heard(&e->router[i].at)) {
			e->router[i].heard_ns = now_ns;
			e->router[i].unanswered = 0;
		}
}

/* What is fetched in this turn was said before the question, which leaves after it: it does not count. */
static void begin(struct ear *e, uint64_t now_ns)
{
	e->began_ns = e->next_ns = now_ns;
	e->gap_ns = FIRST_GAP_NS;
}

static void ask(struct ear *e, uint64_t period_ns, uint64_t now_ns)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (!who_has_ask(&e->router[i].at) && e->router[i].unanswered < UINT32_MAX)
			e->router[i].unanswered++;
	e->asked_ns = now_ns;
	e->next_ns = now_ns + (e->silence_ns ? e->gap_ns : period_ns);
	if (e->gap_ns < LAST_GAP_NS)
		e->gap_ns *= 2;
}

/* An answer is wanted as soon as it is there: looked for ever more rarely. */
static uint64_t look_ns(const struct ear *e, uint64_t now_ns)
{
	uint64_t step = (now_ns - e->began_ns) / 4;

	if (!e->silence_ns)
		return now_ns < e->asked_ns + LOOK_NS ? e->asked_ns + LOOK_NS : e->next_ns;
	if (ear_hears(e, now_ns))
		return e->next_ns;
	return now_ns + (step < NS_PER_MS ? NS_PER_MS : step < LOOK_NS ? step : LOOK_NS);
}

uint64_t ear_turn(struct ear *e, uint64_t silence_ns, uint64_t period_ns, uint64_t now_ns)
{
	uint64_t look;

	if (silence_ns && silence_ns != e->silence_ns)
		begin(e, now_ns);
	e->silence_ns = silence_ns;
	fetch(e, now_ns);
	if (now_ns >= e->next_ns)
		ask(e, period_ns, now_ns);
	look = look_ns(e, now_ns);
	return look < e->next_ns ? look : e->next_ns;
}

uint64_t ear_heard_ns(const struct ear *e)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < e->n; i++)
		if (e->silence_ns && e->router[i].heard_ns > e->began_ns && e->router[i].heard_ns > newest)
			newest = e->router[i].heard_ns;
	return newest;
}

bool ear_hears(const struct ear *e, uint64_t now_ns)
{
	uint64_t at = ear_heard_ns(e);

	return at && now_ns - at < FRESH_NS;
}

bool ear_router_answers(const struct ear *e, uint32_t i)
{
	return e->router[i].unanswered < ENOUGH;
}

bool ear_is_lost(const struct ear *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (ear_router_answers(e, i))
			return false;
	return e->n > 0;
}
