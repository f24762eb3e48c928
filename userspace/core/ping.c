/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ping.h"

#include <string.h>

#include "core/when.h"
#include "bpf/siphash.h"

#define MS	UINT64_C(1000000)
#define T1_NS	(500 * MS)		/* RFC 3261 */
#define T2_NS	(4000 * MS)

static uint64_t *departure(struct ping *p, uint32_t serial)
{
	return &p->left_ns[serial % PING_KEPT];
}

static uint64_t asked_ns(const struct ping *p)
{
	return p->left_ns[p->serial % PING_KEPT];
}

void ping_set(struct ping *p, uint64_t check_ns, uint64_t force_ns, uint64_t first_ns)
{
	uint32_t serial = p->serial;

	if (!check_ns) {
		memset(p, 0, sizeof(*p));
		p->serial = serial;	/* an answer to an old question is not one to a new */
		return;
	}
	if (!p->check_ns)
		p->next_ns = first_ns;
	p->check_ns = check_ns;
	p->force_ns = force_ns ? force_ns : check_ns;
}

void ping_hurry(struct ping *p, uint64_t at_ns)
{
	if (!p->check_ns || !p->seen.asked_ns)
		return;			/* not checked, or about to be asked for the first time */
	p->hurry = true;
	p->next_ns = at_ns;
}

void ping_burst(struct ping *p, uint32_t times, uint64_t gap_ns, uint64_t now_ns)
{
	p->burst = true;
	p->burst_left = times > PING_KEPT ? PING_KEPT : times;
	p->burst_gap_ns = gap_ns;
	p->burst_since_ns = now_ns;
}

static bool judged(const struct ping *p)
{
	return p->seen.state == PING_OUT_OF_SERVICE;
}

static uint64_t question_due(const struct ping *p)
{
	uint64_t turn;

	if (p->burst && !p->burst_left)
		return PING_NEVER;
	if (p->burst)
		return asked_ns(p) < p->burst_since_ns ? p->burst_since_ns : asked_ns(p) + p->burst_gap_ns;
	if (!p->seen.asked_ns)
		return p->next_ns;
	turn = asked_ns(p) + (p->open ? p->force_ns : p->check_ns);
	return p->hurry ? earlier(turn, p->next_ns) : turn;
}

uint64_t ping_token(const uint64_t key[2], uint32_t id, uint32_t serial)
{
	__u64 k[2] = { key[0], key[1] }, word = (__u64)id << 32 | serial;

	return siphash(k, &word, sizeof(word));
}

uint64_t ping_due(const struct ping *p)
{
	uint64_t due;

	if (!p->check_ns && !p->burst)
		return PING_NEVER;
	due = question_due(p);
	if (p->run_ns && !judged(p))
		due = earlier(due, p->run_ns + p->force_ns);
	if (p->burst && !p->burst_left)
		due = earlier(due, asked_ns(p) + p->burst_gap_ns);
	if (p->open && !p->burst)
		due = earlier(due, p->again_ns);
	return due;
}

static void become(struct ping *p, enum ping_state state, uint64_t now_ns, bool *changed)
{
	if (p->seen.state == state)
		return;
	p->seen.state = state;
	p->seen.since_ns = now_ns;
	*changed = true;
}

/* The newest question is followed by another: was it given its time? */
static void close_question(struct ping *p, uint64_t now_ns)
{
	bool whole = now_ns >= asked_ns(p) + p->force_ns;

	if (!p->open)
		return;
	if (whole)
		p->seen.silent_to_ns = asked_ns(p);
	if (whole || p->burst)
		p->seen.unanswered++;
}

static enum ping_act ask(struct ping *p, uint64_t now_ns)
{
	close_question(p, now_ns);
	p->serial++;
	*departure(p, p->serial) = p->seen.asked_ns = now_ns;
	p->open = p->leaving = true;
	p->hurry = false;
	if (!p->run_ns)
		p->run_ns = now_ns;
	p->wait_ns = T1_NS;
	p->again_ns = now_ns + T1_NS;
	if (p->burst)
		p->burst_left--;
	return PING_ASK;
}

static enum ping_act repeat(struct ping *p, uint64_t now_ns)
{
	p->wait_ns = earlier(2 * p->wait_ns, T2_NS);
	p->again_ns = now_ns + p->wait_ns;
	return PING_REPEAT;
}

enum ping_act ping_turn(struct ping *p, uint64_t now_ns, bool *changed)
{
	if (now_ns < ping_due(p))
		return PING_REST;
	if (p->run_ns && now_ns >= p->run_ns + p->force_ns)
		become(p, PING_OUT_OF_SERVICE, now_ns, changed);
	if (p->burst && !p->burst_left && now_ns >= asked_ns(p) + p->burst_gap_ns) {
		p->burst = false;
		p->again_ns = now_ns + p->wait_ns;
		*changed = true;
	}
	if (now_ns >= question_due(p))
		return ask(p, now_ns);
	if (p->open && !p->burst && now_ns >= p->again_ns)
		return repeat(p, now_ns);
	return PING_REST;
}

void ping_left(struct ping *p, uint32_t serial, uint64_t now_ns)
{
	if (serial != p->serial || !p->leaving)
		return;
	p->leaving = false;
	if (p->run_ns == asked_ns(p))
		p->run_ns = now_ns;
	*departure(p, serial) = p->seen.asked_ns = now_ns;
}

static void note_life(struct ping *p, uint32_t serial, uint16_t status, uint64_t now_ns)
{
	uint64_t left_ns = *departure(p, serial);

	p->seen.answered_ns = now_ns;
	p->seen.answered_to_ns = left_ns;
	p->seen.status = status;
	p->seen.rtt_us = (uint32_t)((now_ns - left_ns) / 1000);
	p->seen.unanswered = 0;
	p->open = p->open && serial != p->serial;
	p->run_ns = p->open ? *departure(p, serial + 1) : 0;
}

bool ping_answered(struct ping *p, uint32_t serial, uint16_t status, uint64_t now_ns, bool *changed)
{
	uint64_t left_ns = *departure(p, serial);

	if (!serial || serial > p->serial || p->serial - serial >= PING_KEPT || !p->seen.asked_ns || !left_ns)
		return false;
	if (status < 200 || left_ns <= p->seen.answered_to_ns || left_ns <= p->seen.silent_to_ns || now_ns < left_ns)
		return true;		/* provisional, another copy, or too late */
	note_life(p, serial, status, now_ns);
	become(p, PING_IN_SERVICE, now_ns, changed);
	if (p->burst && left_ns >= p->burst_since_ns) {
		p->burst = false;
		*changed = true;
	}
	return true;
}
