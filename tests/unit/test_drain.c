/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_drain: each step of a drain, and what ends it. Every case is a state in which the drain goes on, with one fact changed;
 * then whole drains of two sides that hear each other's flags and words.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/drain.h"
#include "pulse_wire.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define SEC UINT64_C(1000000000)
#define CHECK(cond, ...) do { if (!(cond)) { \
	print_error("%s:%d: %s\n    ", __FILE__, __LINE__, #cond); print_error(__VA_ARGS__); print_error("\n"); fail(); } } while (0)

#define HELD BT_WORD(7, 1, BT_OPEN)		/* host 1 holds, and is drained; host 2 opens at 8.2 */
#define STANDS_BY BT_WORD(7, 1, BT_ARMED)
#define LET_GO BT_WORD(7, 1, BT_RELAY)
#define TAKEN BT_WORD(8, 2, BT_OPEN)
#define BEHIND BT_WORD(8, 2, BT_ARMED)

/* Goes on in @state, and would for ever. */
static struct drain_facts sound(enum drain_state state)
{
	bool old = state == DRAIN_ASKED || state == DRAIN_MOVING || state == DRAIN_ON;
	struct drain_facts f = {
		.state = state, .number = BT_WORD_NUMBER(TAKEN), .me = old ? 1 : 2, .peer_id = old ? 2 : 1, .running = true,
		.link_up = true, .marked = true, .peer_heard = true, .peer_running = true, .mine = !old, .yours = old,
		.age_ns = SEC,
	};

	f.word = state == DRAIN_ON ? BEHIND : old ? HELD : state == DRAIN_READY || state == DRAIN_OFF ? STANDS_BY : TAKEN;
	f.peer_word = state == DRAIN_ON ? TAKEN : old ? STANDS_BY : state == DRAIN_READY || state == DRAIN_OFF ? HELD : BEHIND;
	if (state == DRAIN_ASKED)
		f.yours = false;
	if (state == DRAIN_OFF)
		f.mine = false;
	return f;
}

static void expect(const struct drain_facts *f, enum drain_state to, const char *why, const char *what)
{
	struct drain_step step = drain_next(f);

	CHECK(step.to == to, "%s, %s: goes to %s, not %s", drain_text(f->state), what, drain_text(step.to), drain_text(to));
	CHECK((!why && to == f->state) || (step.why && why && !strcmp(step.why, why)), "%s, %s: because of %s, not %s",
	      drain_text(f->state), what, step.why ? step.why : "nothing", why ? why : "nothing");
}

/* Each changes one fact of a sound state. */
#define FACT(name, what_state, change, goes_to, because) \
	do { \
		struct drain_facts f = sound(what_state); \
		change; \
		expect(&f, goes_to, because, name); \
	} while (0)
#define ENDS(name, state, change, because) FACT(name, state, change, DRAIN_OFF, because)
#define STAYS(name, state, change) FACT(name, state, change, state, NULL)

static void test_nothing_happens_by_itself(void **state)
{
	(void)state;
	for (int s = 0; s < DRAIN_STATE__N; s++) {
		struct drain_facts f = sound(s);

		expect(&f, s, NULL, "nothing new");
	}
}

static void test_the_old_holder_is_unfit(void **state)
{
	static const enum drain_state states[] = { DRAIN_ASKED, DRAIN_MOVING, DRAIN_ON };

	(void)state;
	for (size_t i = 0; i < N(states); i++) {
		ENDS("undrain", states[i], f.ended = true, "undrain");
		ENDS("stop", states[i], f.stopping = true, "stop");
		ENDS("fence", states[i], f.fenced = true, "fence");
		ENDS("the peer is not heard", states[i], f.peer_heard = f.yours = false; f.peer_word = 0, "peer-lost");
		ENDS("its server died", states[i], f.running = false, "service-unavailable");
		ENDS("its link is down", states[i], f.link_up = false, "link-down");
		ENDS("marks do not come through any more", states[i], f.marked = false, "marks-filtered");
	}
}

static void test_asked(void **state)
{
	(void)state;
	FACT("the peer agrees", DRAIN_ASKED, f.yours = true, DRAIN_MOVING, "peer-agrees");
	STAYS("it agrees, and does not stand by", DRAIN_ASKED, f.yours = true; f.peer_word = BT_WORD(7, 1, BT_SHUT));
	STAYS("it agrees at another number", DRAIN_ASKED, f.yours = true; f.peer_word = BT_WORD(6, 2, BT_ARMED));
	STAYS("it thinks", DRAIN_ASKED, f.age_ns = 2 * SEC);
	ENDS("it does not agree", DRAIN_ASKED, f.age_ns = 2 * SEC + 1, "peer-does-not-agree");
	ENDS("the role has moved", DRAIN_ASKED, f.word = LET_GO, "role-moved");
	ENDS("another holding", DRAIN_ASKED, f.word = BT_WORD(9, 1, BT_OPEN), "role-moved");
}

static void test_moving(void **state)
{
	(void)state;
	STAYS("it has let go", DRAIN_MOVING, f.word = LET_GO);
	STAYS("it has let go, and the peer says nothing more", DRAIN_MOVING, f.word = LET_GO; f.yours = false);
	FACT("the peer is open", DRAIN_MOVING, f.word = LET_GO; f.peer_word = TAKEN, DRAIN_ON, "peer-serves");
	FACT("and it was heard", DRAIN_MOVING, f.word = BEHIND; f.peer_word = TAKEN, DRAIN_ON, "peer-serves");
	ENDS("the peer takes its word back before", DRAIN_MOVING, f.yours = false, "peer-does-not-agree");
	ENDS("the role came back", DRAIN_MOVING, f.word = BT_WORD(9, 1, BT_OPEN), "role-moved");
	ENDS("a claim of ours", DRAIN_MOVING, f.word = BT_WORD(9, 1, BT_ARMED), "role-moved");
	ENDS("the peer is open at another number", DRAIN_MOVING, f.word = BT_WORD(9, 2, BT_ARMED); f.peer_word =
	     BT_WORD(9, 2, BT_OPEN), "role-moved");
	STAYS("it takes its time", DRAIN_MOVING, f.word = LET_GO; f.age_ns = 10 * SEC);
	ENDS("nobody takes it up", DRAIN_MOVING, f.word = LET_GO; f.age_ns = 10 * SEC + 1, "not-taken-up");
}

static void test_on(void **state)
{
	(void)state;
	ENDS("nothing is left", DRAIN_ON, f.empty = true, "none-left");
	STAYS("just before its deadline", DRAIN_ON, f.deadline_ns = 60 * SEC; f.age_ns = 60 * SEC - 1);
	ENDS("its deadline", DRAIN_ON, f.deadline_ns = 60 * SEC; f.age_ns = 60 * SEC, "deadline");
	STAYS("no deadline", DRAIN_ON, f.age_ns = UINT64_MAX);
	ENDS("the peer sends nothing back any more", DRAIN_ON, f.yours = false, "ended-by-peer");
	ENDS("the peer has let go", DRAIN_ON, f.peer_word = BT_WORD(8, 2, BT_RELAY), "role-moved");
	ENDS("the peer holds it by another number", DRAIN_ON, f.peer_word = BT_WORD(10, 2, BT_OPEN), "role-moved");
	ENDS("this host claims", DRAIN_ON, f.word = BT_WORD(9, 1, BT_ARMED), "role-moved");
	ENDS("this host holds it again", DRAIN_ON, f.word = BT_WORD(9, 1, BT_OPEN), "role-moved");
}

static void test_off_becomes_ready(void **state)
{
	(void)state;
	FACT("the holder asks", DRAIN_OFF, f.mine = true, DRAIN_READY, "peer-asks");
	STAYS("it does not stand by", DRAIN_OFF, f.mine = true; f.word = BT_WORD(7, 1, BT_SHUT));
	STAYS("who asks holds nothing", DRAIN_OFF, f.mine = true; f.peer_word = LET_GO);
	STAYS("it stands by at another number", DRAIN_OFF, f.mine = true; f.word = BT_WORD(6, 1, BT_ARMED));
	STAYS("both are drained", DRAIN_OFF, f.mine = f.yours = true);
	STAYS("its server is not well", DRAIN_OFF, f.mine = true; f.running = false);
	STAYS("it is fenced", DRAIN_OFF, f.mine = f.fenced = true);
	STAYS("it is stopping", DRAIN_OFF, f.mine = f.stopping = true);
	STAYS("marks do not come through", DRAIN_OFF, f.mine = true; f.marked = false);
	STAYS("terms have run out", DRAIN_OFF, f.mine = true; f.word = BT_WORD(UINT32_MAX, 1, BT_ARMED);
	      f.peer_word = BT_WORD(UINT32_MAX, 1, BT_OPEN));
}

static void test_ready(void **state)
{
	(void)state;
	FACT("open by it", DRAIN_READY, f.word = TAKEN, DRAIN_BACK, "opened");
	FACT("open by it, and the peer is silent", DRAIN_READY, f.word = TAKEN; f.peer_heard = f.mine = false, DRAIN_BACK, "opened");
	ENDS("open at another number", DRAIN_READY, f.word = BT_WORD(9, 2, BT_OPEN), "role-moved");
	ENDS("a claim", DRAIN_READY, f.word = BT_WORD(8, 2, BT_ARMED), "role-moved");
	ENDS("the holder asks no more", DRAIN_READY, f.mine = false, "ended-by-peer");
	ENDS("the holder is not heard", DRAIN_READY, f.peer_heard = f.mine = false, "peer-lost");
	ENDS("undrain", DRAIN_READY, f.ended = true, "undrain");
	ENDS("its server died", DRAIN_READY, f.running = false, "service-unavailable");
}

static void test_back(void **state)
{
	(void)state;
	ENDS("it has let go", DRAIN_BACK, f.word = BT_WORD(8, 2, BT_RELAY), "role-moved");
	ENDS("it holds by another number", DRAIN_BACK, f.word = BT_WORD(9, 2, BT_OPEN), "role-moved");
	ENDS("undrain", DRAIN_BACK, f.ended = true, "undrain");
	ENDS("the old holder is not heard", DRAIN_BACK, f.peer_heard = f.mine = f.peer_running = false, "peer-lost");
	ENDS("the old holder has ended it", DRAIN_BACK, f.mine = false, "ended-by-peer");
	ENDS("the old holder's server died", DRAIN_BACK, f.peer_running = false, "peer-unavailable");
	ENDS("marks do not come through any more", DRAIN_BACK, f.marked = false, "marks-filtered");
	STAYS("its own server died: that moves the role as ever", DRAIN_BACK, f.running = false);
	STAYS("no deadline of its own", DRAIN_BACK, f.deadline_ns = SEC; f.age_ns = 100 * SEC);
}

static void test_refusing(void **state)
{
	(void)state;
	STAYS("alone", DRAIN_REFUSING, f.peer_heard = f.peer_running = f.mine = false);
	STAYS("nothing is left", DRAIN_REFUSING, f.empty = true; f.deadline_ns = SEC; f.age_ns = 100 * SEC);
	ENDS("undrain", DRAIN_REFUSING, f.ended = true, "undrain");
	ENDS("the role has moved", DRAIN_REFUSING, f.word = BT_WORD(8, 2, BT_RELAY), "role-moved");
}

/* Who keeps and who sends back is never both, and pulses say what the kernel is told. */
static void test_sides(void **state)
{
	(void)state;
	for (int s = 0; s < DRAIN_STATE__N; s++) {
		uint32_t says = drain_says(s), side = drain_side(s);

		CHECK(!!(says & PULSE_F_DRAIN_MINE) == (side == BT_DRAIN_MINE), "%s: side %u, says %x", drain_text(s), side, says);
		CHECK(!!(says & PULSE_F_DRAIN_YOURS) == (side == BT_DRAIN_YOURS), "%s: side %u, says %x", drain_text(s), side, says);
		CHECK(!(says & ~(uint32_t)(PULSE_F_DRAIN_MINE | PULSE_F_DRAIN_YOURS)), "%s says %x", drain_text(s), says);
	}
	CHECK(drain_number(HELD, 2) == BT_WORD_NUMBER(TAKEN), "the next number is %lx", drain_number(HELD, 2));
	CHECK(!drain_number(BT_WORD(UINT32_MAX, 1, BT_OPEN), 2), "a number after the last term");
}

/* ---- two sides ---------------------------------------------------------------------------------- */

/* One step of each, as it hears the other; the flags it says are those of its state. */
static void both_turn(struct drain_facts side[2])
{
	for (int i = 0; i < 2; i++) {
		struct drain_facts *f = &side[i], *peer = &side[1 - i];
		uint32_t says = f->peer_heard ? drain_says(peer->state) : 0;

		f->mine = says & PULSE_F_DRAIN_MINE;
		f->yours = says & PULSE_F_DRAIN_YOURS;
		f->peer_word = f->peer_heard ? peer->word : 0;
		f->peer_running = f->peer_heard && peer->running;
		if (f->state == DRAIN_OFF)
			f->number = drain_number(f->word, f->me);
		f->state = drain_next(f).to;
	}
}

/* A drain that goes as it should, as far as both sides being in it. */
static void drained(struct drain_facts side[2])
{
	side[0] = sound(DRAIN_ASKED);
	side[1] = sound(DRAIN_OFF);
	for (int i = 0; i < 3; i++)
		both_turn(side);
	CHECK(side[0].state == DRAIN_MOVING && side[1].state == DRAIN_READY, "%s, %s", drain_text(side[0].state),
	      drain_text(side[1].state));
	side[0].word = LET_GO;
	both_turn(side);
	side[1].word = TAKEN;
	both_turn(side);
	side[0].word = BEHIND;
	both_turn(side);
	CHECK(side[0].state == DRAIN_ON && side[1].state == DRAIN_BACK, "%s, %s", drain_text(side[0].state), drain_text(side[1].state));
}

static void both_off(struct drain_facts side[2], const char *what)
{
	for (int i = 0; i < 2; i++)
		both_turn(side);
	CHECK(side[0].state == DRAIN_OFF && side[1].state == DRAIN_OFF, "%s: %s, %s", what, drain_text(side[0].state),
	      drain_text(side[1].state));
}

static void test_whatever_ends_it_ends_it_on_both(void **state)
{
	struct drain_facts side[2];

	(void)state;
	drained(side);
	side[0].empty = true;
	both_off(side, "nothing is left");
	for (int i = 0; i < 2; i++) {
		drained(side);
		side[i].ended = true;
		both_off(side, i ? "undrain on the new holder" : "undrain on the old holder");
		drained(side);
		side[i].peer_heard = false;
		both_off(side, i ? "the new holder is deaf" : "the old holder is deaf");
		drained(side);
		side[i].marked = false;
		both_off(side, i ? "marks do not come through to the old holder" : "marks do not come through to the new holder");
		drained(side);
		side[i].state = DRAIN_OFF;
		both_off(side, i ? "the new holder's controller began anew" : "the old holder's controller began anew");
	}
	drained(side);
	side[0].running = false;
	both_off(side, "the old holder's server died");
}

/* Of two servers on one host: goes on in @state, and would for ever. */
static struct drain_servers sound_server(enum drain_state state)
{
	return (struct drain_servers){
		.state = state, .age_ns = state == DRAIN_ON ? SEC : DRAIN_PREPARE_NS - 1, .able = true, .back = state == DRAIN_ASKED,
	};
}

static void expect_server(const struct drain_servers *f, enum drain_state to, const char *why)
{
	struct drain_step step = drain_next_server(f);

	CHECK(step.to == to, "%s: goes to %s, not %s", drain_text(f->state), drain_text(step.to), drain_text(to));
	CHECK(to == f->state || !strcmp(step.why, why), "%s: because of %s, not %s", drain_text(f->state), step.why, why);
}

#define SERVER(state, change, goes_to, because) \
	do { \
		struct drain_servers f = sound_server(state); \
		change; \
		expect_server(&f, goes_to, because); \
	} while (0)

static void test_a_server_is_drained(void **state)
{
	static const enum drain_state states[] = { DRAIN_ASKED, DRAIN_MOVING, DRAIN_ON };

	(void)state;
	for (size_t i = 0; i < N(states); i++) {
		SERVER(states[i], (void)f, states[i], NULL);
		SERVER(states[i], f.ended = true, DRAIN_OFF, "undrain");
		SERVER(states[i], f.stopping = true, DRAIN_OFF, "stop");
		SERVER(states[i], f.able = false, DRAIN_OFF, "service-unavailable");
	}
	SERVER(DRAIN_ASKED, f.age_ns = DRAIN_PREPARE_NS, DRAIN_MOVING, "prepared");
	SERVER(DRAIN_ASKED, f.back = false, DRAIN_OFF, "role-moved");
	SERVER(DRAIN_MOVING, f.left = true, DRAIN_ON, "other-serves");
	SERVER(DRAIN_MOVING, f.age_ns = 10 * SEC, DRAIN_MOVING, NULL);
	SERVER(DRAIN_MOVING, f.age_ns = 10 * SEC + 1, DRAIN_OFF, "not-taken-up");
	SERVER(DRAIN_ON, f.empty = true, DRAIN_OFF, "none-left");
	SERVER(DRAIN_ON, f.deadline_ns = SEC + 1, DRAIN_ON, NULL);
	SERVER(DRAIN_ON, f.deadline_ns = SEC, DRAIN_OFF, "deadline");
	SERVER(DRAIN_ON, f.back = true; f.able = false, DRAIN_OFF, "role-moved");
	SERVER(DRAIN_OFF, (void)f, DRAIN_OFF, NULL);
	SERVER(DRAIN_OFF, f.found = true, DRAIN_ON, "restart");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_happens_by_itself), cmocka_unit_test(test_the_old_holder_is_unfit),
		cmocka_unit_test(test_asked), cmocka_unit_test(test_moving), cmocka_unit_test(test_on),
		cmocka_unit_test(test_off_becomes_ready), cmocka_unit_test(test_ready), cmocka_unit_test(test_back),
		cmocka_unit_test(test_refusing), cmocka_unit_test(test_sides), cmocka_unit_test(test_a_server_is_drained),
		cmocka_unit_test(test_whatever_ends_it_ends_it_on_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
