/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drain.h"

#include <stddef.h>

#include "pulse_wire.h"

#define AGREE_NS	UINT64_C(2000000000)	/* for the peer to say that it takes part: some pulses, and its turn */
#define MOVE_NS		UINT64_C(10000000000)	/* for the role to move */

static const struct {
	const char *text;
	uint32_t side, says;
} states[DRAIN_STATE__N] = {
	[DRAIN_OFF]	 = { "off", BT_DRAIN_NONE, 0 },
	[DRAIN_ASKED]	 = { "asked", BT_DRAIN_MINE, PULSE_F_DRAIN_MINE },
	[DRAIN_MOVING]	 = { "moving", BT_DRAIN_MINE, PULSE_F_DRAIN_MINE },
	[DRAIN_ON]	 = { "draining", BT_DRAIN_MINE, PULSE_F_DRAIN_MINE },
	[DRAIN_READY]	 = { "ready", BT_DRAIN_YOURS, PULSE_F_DRAIN_YOURS },
	[DRAIN_BACK]	 = { "sending-back", BT_DRAIN_YOURS, PULSE_F_DRAIN_YOURS },
	[DRAIN_REFUSING] = { "refusing", BT_DRAIN_REFUSE, 0 },
};

const char *drain_text(enum drain_state state)
{
	return states[state].text;
}

uint32_t drain_side(enum drain_state state)
{
	return states[state].side;
}

uint32_t drain_says(enum drain_state state)
{
	return states[state].says;
}

uint64_t drain_number(uint64_t word, uint8_t opener)
{
	return BT_WORD_TERM(word) == UINT32_MAX ? 0 : BT_WORD_NUMBER(BT_WORD(BT_WORD_TERM(word) + 1, opener, 0));
}

static struct drain_step stay(const struct drain_facts *f)
{
	return (struct drain_step){ f->state, NULL };
}

static struct drain_step go(enum drain_state to, const char *why)
{
	return (struct drain_step){ to, why };
}

static bool open_at(uint64_t word, uint64_t number)
{
	return BT_WORD_MODE(word) == BT_OPEN && BT_WORD_NUMBER(word) == number;
}

/* Armed as its backup at the number that the other is open at. */
static bool armed_for(uint64_t backup, uint64_t holder)
{
	return BT_WORD_MODE(backup) == BT_ARMED && BT_WORD_MODE(holder) == BT_OPEN &&
	       BT_WORD_NUMBER(backup) == BT_WORD_NUMBER(holder);
}

/* This host holds the role still, at the number that it is to let go. */
static bool still_holds(const struct drain_facts *f)
{
	return BT_WORD_MODE(f->word) == BT_OPEN && drain_number(f->word, f->peer_id) == f->number;
}

static const char *unfit(const struct drain_facts *f)
{
	if (f->ended)
		return "undrain";
	if (f->stopping)
		return "stop";
	if (f->fenced)
		return "fence";
	if (!f->peer_heard)
		return "peer-lost";
	if (!f->running || !f->link_up)
		return f->running ? "link-down" : "service-unavailable";
	return f->marked ? NULL : "marks-filtered";
}

static struct drain_step next_off(const struct drain_facts *f)
{
	if (f->mine && !f->yours && !unfit(f) && armed_for(f->word, f->peer_word) && drain_number(f->word, f->me))
		return go(DRAIN_READY, "peer-asks");
	return stay(f);
}

static struct drain_step next_asked(const struct drain_facts *f)
{
	if (unfit(f))
		return go(DRAIN_OFF, unfit(f));
	if (!still_holds(f))
		return go(DRAIN_OFF, "role-moved");
	if (f->yours && armed_for(f->peer_word, f->word))
		return go(DRAIN_MOVING, "peer-agrees");
	return f->age_ns > AGREE_NS ? go(DRAIN_OFF, "peer-does-not-agree") : stay(f);
}

static struct drain_step next_moving(const struct drain_facts *f)
{
	if (unfit(f))
		return go(DRAIN_OFF, unfit(f));
	if (open_at(f->peer_word, f->number))
		return go(DRAIN_ON, "peer-serves");
	if (BT_WORD_NUMBER(f->word) > f->number || (BT_WORD_MODE(f->word) == BT_OPEN && !still_holds(f)))
		return go(DRAIN_OFF, "role-moved");
	if (still_holds(f) && !f->yours)
		return go(DRAIN_OFF, "peer-does-not-agree");
	return f->age_ns > MOVE_NS ? go(DRAIN_OFF, "not-taken-up") : stay(f);
}

static struct drain_step next_on(const struct drain_facts *f)
{
	if (unfit(f))
		return go(DRAIN_OFF, unfit(f));
	if (!open_at(f->peer_word, f->number) || BT_WORD_NUMBER(f->word) > f->number)
		return go(DRAIN_OFF, "role-moved");
	if (!f->yours)
		return go(DRAIN_OFF, "ended-by-peer");
	if (f->empty)
		return go(DRAIN_OFF, "none-left");
	if (f->deadline_ns && f->age_ns >= f->deadline_ns)
		return go(DRAIN_OFF, "deadline");
	return stay(f);
}

static struct drain_step next_ready(const struct drain_facts *f)
{
	if (open_at(f->word, f->number))
		return go(DRAIN_BACK, "opened");
	if (unfit(f))
		return go(DRAIN_OFF, unfit(f));
	if (!f->mine)
		return go(DRAIN_OFF, "ended-by-peer");
	if (BT_WORD_MODE(f->word) != BT_ARMED || drain_number(f->word, f->me) != f->number)
		return go(DRAIN_OFF, "role-moved");
	return stay(f);
}

/* Whether this host's own server is well, and what it may do else, matters no more than without a drain. */
static struct drain_step next_back(const struct drain_facts *f)
{
	if (!open_at(f->word, f->number))
		return go(DRAIN_OFF, "role-moved");
	if (f->ended)
		return go(DRAIN_OFF, "undrain");
	if (!f->peer_heard)
		return go(DRAIN_OFF, "peer-lost");
	if (!f->mine)
		return go(DRAIN_OFF, "ended-by-peer");
	if (!f->marked)
		return go(DRAIN_OFF, "marks-filtered");
	return f->peer_running ? stay(f) : go(DRAIN_OFF, "peer-unavailable");
}

/* The deadline is for who waits; whom to refuse is an operator's to end. */
static struct drain_step next_refusing(const struct drain_facts *f)
{
	if (f->ended)
		return go(DRAIN_OFF, "undrain");
	return open_at(f->word, f->number) ? stay(f) : go(DRAIN_OFF, "role-moved");
}

struct drain_step drain_next(const struct drain_facts *f)
{
	static struct drain_step (*const next[DRAIN_STATE__N])(const struct drain_facts *f) = {
		[DRAIN_OFF] = next_off, [DRAIN_ASKED] = next_asked, [DRAIN_MOVING] = next_moving, [DRAIN_ON] = next_on,
		[DRAIN_READY] = next_ready, [DRAIN_BACK] = next_back, [DRAIN_REFUSING] = next_refusing,
	};

	return next[f->state](f);
}

static const char *unfit_server(const struct drain_servers *f)
{
	if (f->ended)
		return "undrain";
	if (f->stopping)
		return "stop";
	return f->able ? NULL : "service-unavailable";
}

/* What the kernel has let in before it was told has reached its socket. */
static struct drain_step server_prepared(const struct drain_servers *f)
{
	if (unfit_server(f))
		return go(DRAIN_OFF, unfit_server(f));
	if (!f->back)
		return go(DRAIN_OFF, "role-moved");
	return go(f->age_ns >= DRAIN_PREPARE_NS ? DRAIN_MOVING : DRAIN_ASKED, "prepared");
}

static struct drain_step server_moving(const struct drain_servers *f)
{
	if (unfit_server(f))
		return go(DRAIN_OFF, unfit_server(f));
	if (f->left)
		return go(DRAIN_ON, "other-serves");
	return go(f->age_ns > MOVE_NS ? DRAIN_OFF : DRAIN_MOVING, "not-taken-up");
}

static struct drain_step server_on(const struct drain_servers *f)
{
	if (f->back)
		return go(DRAIN_OFF, "role-moved");
	if (unfit_server(f))
		return go(DRAIN_OFF, unfit_server(f));
	if (f->empty)
		return go(DRAIN_OFF, "none-left");
	return go(f->deadline_ns && f->age_ns >= f->deadline_ns ? DRAIN_OFF : DRAIN_ON, "deadline");
}

struct drain_step drain_next_server(const struct drain_servers *f)
{
	switch (f->state) {
	case DRAIN_ASKED:
		return server_prepared(f);
	case DRAIN_MOVING:
		return server_moving(f);
	case DRAIN_ON:
		return server_on(f);
	default:
		return go(f->found ? DRAIN_ON : DRAIN_OFF, "restart");
	}
}
