/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pool.h"

#include <stddef.h>

#include "core/when.h"

#define MS	UINT64_C(1000000)
#define T1_NS	(500 * MS)		/* RFC 3261 */
#define T2_NS	(4000 * MS)
#define MUTE_NS	(5000 * MS)		/* instead of `check` where nobody is asked */

static struct pool_server *server_of(struct pool *p, uint32_t server)
{
	return &p->server[server - 1];
}

/* Of a pool of one it is that one. */
static uint32_t other_of(const struct pool *p, uint32_t server)
{
	return p->n_servers < BT_SERVERS ? 1 : 3 - server;
}

static uint64_t check_ns(const struct pool *p)
{
	return p->times.check_ns ? p->times.check_ns : MUTE_NS;
}

static uint64_t *departure(struct pool_server *s, uint32_t serial)
{
	return &s->left_ns[serial % POOL_KEPT];
}

/* ---- deaths -------------------------------------------------------------------------------------- */

static bool is_dead(const struct pool *p, uint32_t server, uint64_t now_ns)
{
	const struct pool_server *s = &p->server[server - 1];

	if (s->heard)
		return !s->told.running && !s->told.open;
	return (s->fell_silent && now_ns - s->heard_ns >= POOL_DEAD_NS) || p->seen.server[server - 1].state == SERVER_SILENT;
}

/* Not while it is searched who is active: whoever is then found is none of the dead. */
static void bury(struct pool *p, uint64_t now_ns)
{
	for (uint32_t i = 1; i <= p->n_servers; i++) {
		struct pool_server *s = server_of(p, i);

		if (!is_dead(p, i, now_ns)) {
			s->buried = false;
			continue;
		}
		if (s->buried || p->forcing || !p->seen.active || p->seen.active == i)
			continue;
		s->buried = true;
		p->seen.server[i - 1].deaths++;
		p->changed = true;
	}
}

/* ---- who is active ------------------------------------------------------------------------------- */

static void judge_server(struct pool *p, uint32_t server, enum active_state state)
{
	if (p->seen.server[server - 1].state == state)
		return;
	p->seen.server[server - 1].state = state;
	p->changed = true;
}

static void become(struct pool *p, uint32_t server, enum active_cause cause, uint64_t now_ns)
{
	p->checked = server ? server : p->checked;
	if (p->seen.active == server)
		return;
	p->seen.active = (uint8_t)server;
	p->seen.cause = cause;
	p->seen.since_ns = now_ns;
	p->changed = true;
}

/* The active one alone is asked, every `check`, at @due_ns first. What was found of it before does not count. */
static void check_from(struct pool *p, uint64_t due_ns, uint64_t now_ns)
{
	p->forcing = false;
	p->run_ns = now_ns;
	p->due_ns = due_ns;
}

/* It is not known which one is active: both in turn, @first first. */
static void force(struct pool *p, uint32_t first, uint64_t now_ns)
{
	if (!p->times.check_ns)
		return;
	p->forcing = true;
	p->run_ns = now_ns;
	p->turn = first;
	p->due_ns = now_ns + p->times.force_ns;
	server_of(p, first)->wanted = true;
}

/* ---- OPTIONS ------------------------------------------------------------------------------------- */

void pool_set(struct pool *p, const struct pool_times *times, uint32_t n_servers, uint32_t first, uint64_t now_ns)
{
	bool asked = p->times.check_ns;

	p->times = *times;
	if (!p->times.force_ns)
		p->times.force_ns = times->check_ns;
	p->n_servers = n_servers;
	if (!p->seen.since_ns) {
		p->start_ns = p->seen.since_ns = now_ns;
		p->seen.cause = ACTIVE_START;
		p->seen.active = (uint8_t)first;
		p->checked = first;
		p->hold_ns = check_ns(p);
	}
	if (!asked)
		p->due_ns = now_ns;
	if (!times->check_ns)
		p->forcing = false;
	for (uint32_t i = 1; i <= n_servers && !times->check_ns; i++)
		server_of(p, i)->open = server_of(p, i)->wanted = false;
}

static uint64_t server_due(const struct pool_server *s)
{
	if (s->wanted)
		return 0;
	return s->open ? earlier(s->again_ns, s->until_ns) : POOL_NEVER;
}

uint64_t pool_due(const struct pool *p)
{
	uint64_t due = p->due_ns;

	if (!p->times.check_ns)
		return POOL_NEVER;
	for (uint32_t i = 0; i < p->n_servers; i++)
		due = earlier(due, server_due(&p->server[i]));
	return due;
}

/* It has until the next step: what the standby is asked, too, so that it may be asked anew then. */
static struct pool_do ask(struct pool *p, uint32_t server, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);

	s->wanted = false;
	s->open = s->leaving = true;
	s->serial++;
	*departure(s, s->serial) = p->seen.server[server - 1].asked_ns = now_ns;
	s->until_ns = p->due_ns;
	s->wait_ns = T1_NS;
	s->again_ns = now_ns + T1_NS;
	return (struct pool_do){ POOL_ASK, server, s->serial };
}

static void expire(struct pool *p, uint32_t server, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);

	if (!s->open || now_ns < s->until_ns)
		return;
	s->open = false;
	s->silent_to_ns = *departure(s, s->serial);
	judge_server(p, server, SERVER_SILENT);
}

static bool was_silent_in_this_run(const struct pool *p, uint32_t server)
{
	const struct pool_server *s = &p->server[server - 1];

	return s->silent_to_ns >= p->run_ns && s->silent_to_ns > s->answered_to_ns;
}

/* End of `check` or of `force`. */
static void step(struct pool *p, uint64_t now_ns)
{
	uint32_t other = other_of(p, p->forcing ? p->turn : p->checked);

	if (p->forcing) {
		if (was_silent_in_this_run(p, p->turn) && was_silent_in_this_run(p, other) && !p->ruled)
			become(p, 0, ACTIVE_SILENT, now_ns);
		p->turn = other;
		server_of(p, other)->wanted = true;
		p->due_ns = now_ns + p->times.force_ns;
	} else if (was_silent_in_this_run(p, p->checked) && !p->ruled) {
		force(p, other, now_ns);
	} else {
		server_of(p, p->checked)->wanted = true;
		p->due_ns = now_ns + p->times.check_ns;
	}
}

struct pool_do pool_turn(struct pool *p, uint64_t now_ns)
{
	if (now_ns < pool_due(p))
		return (struct pool_do){ .act = POOL_REST };
	for (uint32_t i = 1; i <= p->n_servers; i++)
		expire(p, i, now_ns);
	if (now_ns >= p->due_ns)
		step(p, now_ns);
	bury(p, now_ns);
	for (uint32_t i = 1; i <= p->n_servers; i++)
		if (server_of(p, i)->wanted)
			return ask(p, i, now_ns);
	for (uint32_t i = 1; i <= p->n_servers; i++) {
		struct pool_server *s = server_of(p, i);

		if (!s->open || now_ns < s->again_ns)
			continue;
		s->wait_ns = earlier(2 * s->wait_ns, T2_NS);
		s->again_ns = now_ns + s->wait_ns;
		return (struct pool_do){ POOL_REPEAT, i, s->serial };
	}
	return (struct pool_do){ .act = POOL_REST };
}

/* Time begins when it has left: of the question, and of the step that it was asked for. */
void pool_left(struct pool *p, uint32_t server, uint32_t serial, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);
	uint64_t late_ns = now_ns - *departure(s, serial);

	if (serial != s->serial || !s->leaving)
		return;
	s->leaving = false;
	*departure(s, serial) = p->seen.server[server - 1].asked_ns = now_ns;
	s->again_ns += late_ns;
	if (server == (p->forcing ? p->turn : p->checked))
		s->until_ns = p->due_ns += late_ns;
}

static void note_life(struct pool *p, uint32_t server, uint64_t left_ns, uint64_t now_ns)
{
	p->server[server - 1].answered_to_ns = left_ns;
	p->server[server - 1].fell_silent = false;
	p->seen.server[server - 1].answered_ns = now_ns;
	p->seen.server[server - 1].rtt_us = (uint32_t)((now_ns - left_ns) / 1000);
	judge_server(p, server, SERVER_ANSWERS);
}

/* The answer that ends the run makes active; any other only shows that the server lives. Then the standby's turn has come. */
static void decide_by_answer(struct pool *p, uint32_t server, uint64_t now_ns)
{
	uint32_t other = other_of(p, server);

	if (p->forcing) {
		become(p, server, p->seen.active ? ACTIVE_SILENT : ACTIVE_OPTIONS, now_ns);
		check_from(p, now_ns + p->times.check_ns, now_ns);
	}
	if (server == p->seen.active && p->seen.cause == ACTIVE_START) {
		p->seen.cause = ACTIVE_OPTIONS;
		p->changed = true;
	}
	if (server == p->checked && other != server && !server_of(p, other)->open)
		server_of(p, other)->wanted = true;
}

bool pool_answered(struct pool *p, uint32_t server, uint32_t serial, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);
	uint64_t left_ns = *departure(s, serial);
	bool of_run = p->forcing && left_ns >= p->run_ns;

	if (!serial || serial > s->serial || s->serial - serial >= POOL_KEPT || !left_ns)
		return false;
	if (left_ns <= s->answered_to_ns || now_ns < left_ns || (!of_run && left_ns <= s->silent_to_ns))
		return true;		/* another copy, or too late */
	s->open = s->open && serial != s->serial;
	note_life(p, server, left_ns, now_ns);
	if (of_run || !p->forcing)
		decide_by_answer(p, server, now_ns);
	bury(p, now_ns);
	return true;
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void move_by_request(struct pool *p, uint32_t server, uint64_t now_ns)
{
	bool close = p->moved_ns && now_ns - p->moved_ns < 4 * p->hold_ns;

	p->hold_ns = close ? earlier(2 * p->hold_ns, POOL_HOLD_MAX * check_ns(p)) : check_ns(p);
	p->moved_ns = now_ns;
	become(p, server, ACTIVE_REQUEST, now_ns);
	check_from(p, now_ns, now_ns);
	bury(p, now_ns);
}

void pool_request(struct pool *p, uint32_t server, uint64_t request_ns, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server), *active;

	if (request_ns <= s->request_ns)
		return;
	if (request_ns - s->request_ns >= check_ns(p))
		s->begun_ns = request_ns;
	s->request_ns = request_ns;
	if (s->begun_ns < p->start_ns || server == p->seen.active || p->ruled)
		return;
	active = p->seen.active ? server_of(p, p->seen.active) : NULL;
	if (active && (s->begun_ns <= active->request_ns || (p->moved_ns && now_ns - p->moved_ns < p->hold_ns)))
		return;
	move_by_request(p, server, now_ns);
}

/* ---- pulses -------------------------------------------------------------------------------------- */

/* 0: nobody says so. */
static uint32_t holder(const struct pool *p)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i <= p->n_servers; i++) {
		const struct pool_server *s = &p->server[i - 1];

		if (s->heard && s->told.open && (!found || s->told.number > p->server[found - 1].told.number))
			found = i;
	}
	return found;
}

static void decide_by_pulses(struct pool *p, uint64_t now_ns)
{
	uint32_t found = holder(p);

	p->ruled = found;
	if (found && found != p->seen.active) {
		become(p, found, ACTIVE_PULSE, now_ns);
		check_from(p, now_ns, now_ns);
	} else if (found && p->forcing) {
		check_from(p, now_ns, now_ns);
	}
	bury(p, now_ns);
}

static void note_role(struct pool *p, uint32_t server)
{
	const struct pool_server *s = &p->server[server - 1];
	uint8_t role = !s->heard ? 0 : s->told.open ? 2 : 1;
	uint32_t term = s->heard ? (uint32_t)(s->told.number >> 8) : 0;

	if (p->seen.server[server - 1].role == role && p->seen.server[server - 1].term == term)
		return;
	p->seen.server[server - 1].role = role;
	p->seen.server[server - 1].term = term;
	p->changed = true;
}

static void fall_silent(struct pool *p, uint32_t server, bool of_itself, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);

	if (!s->heard)
		return;
	s->heard = false;
	s->fell_silent = of_itself && !s->told.stopping;
	note_role(p, server);
	decide_by_pulses(p, now_ns);
	if (server == p->seen.active && !p->forcing)
		force(p, server, now_ns);
}

void pool_observed(struct pool *p, uint32_t server, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);

	if (s->unheard >= p->times.misses)
		fall_silent(p, server, true, now_ns);
	if (s->unheard < UINT32_MAX)
		s->unheard++;
	bury(p, now_ns);
}

void pool_told(struct pool *p, uint32_t server, const struct pool_told *told, uint64_t now_ns)
{
	struct pool_server *s = server_of(p, server);

	s->unheard = 0;
	if (!told) {
		fall_silent(p, server, false, now_ns);
		return;
	}
	s->told = *told;
	s->heard_ns = now_ns;
	s->heard = true;
	s->fell_silent = false;
	note_role(p, server);
	decide_by_pulses(p, now_ns);
}

void pool_unobserved(struct pool *p, uint64_t now_ns)
{
	for (uint32_t i = 1; i <= p->n_servers; i++)
		fall_silent(p, i, false, now_ns);
}
