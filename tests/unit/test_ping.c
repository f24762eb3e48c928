/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pings in virtual time: when is it asked, what is life, what is none?
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/ping.h"

#define MS	UINT64_C(1000000)
#define S	(1000 * MS)
#define START	(100 * S)

static struct ping p;
static uint64_t now;
static uint32_t asked, repeated;
static bool changed;
static uint64_t rtt;		/* of who answers; 0: nobody */
static uint16_t status;

static int setup(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	asked = repeated = 0;
	changed = false;
	rtt = 0;
	status = 200;
	now = START;
	return 0;
}

/* Step by step, as the thread does, answers first; what is due at @until is not done yet. */
static void run_until(uint64_t until)
{
	uint64_t answer_at = 0;
	uint32_t to = 0;

	for (;;) {
		uint64_t due = ping_due(&p);

		if (to && answer_at <= due && answer_at < until) {
			now = answer_at > now ? answer_at : now;
			ping_answered(&p, to, status, now, &changed);
			to = 0;
			continue;
		}
		if (due >= until)
			break;
		now = due > now ? due : now;
		switch (ping_turn(&p, now, &changed)) {
		case PING_ASK:
			asked++;
			ping_left(&p, p.serial, now);
			if (rtt) {
				to = p.serial;
				answer_at = now + rtt;
			}
			break;
		case PING_REPEAT:
			repeated++;
			ping_left(&p, p.serial, now);
			break;
		case PING_REST:
			break;
		}
	}
	now = until;
}

static void who_answers_is_asked_every_check(void **state)
{
	(void)state;
	rtt = 3 * MS;
	ping_set(&p, 5 * S, 2 * S, START);
	run_until(START + 60 * S);
	assert_int_equal(asked, 12);
	assert_int_equal(repeated, 0);
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
	assert_int_equal(p.seen.since_ns, START + 3 * MS);
	assert_int_equal(p.seen.rtt_us, 3000);
	assert_int_equal(p.seen.status, 200);
	assert_int_equal(p.seen.answered_to_ns, START + 55 * S);
}

static void who_does_not_is_out_after_force_and_asked_every_force(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 2 * S, START);
	run_until(START + 2 * S);
	assert_int_equal(p.seen.state, PING_UNKNOWN);
	run_until(START + 2 * S + 1);
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
	assert_int_equal(p.seen.since_ns, START + 2 * S);
	assert_int_equal(asked, 2);
	assert_int_equal(p.seen.unanswered, 1);
	assert_int_equal(p.seen.silent_to_ns, START);
	assert_true(changed);
	run_until(START + 20 * S);
	assert_int_equal(asked, 10);
	assert_int_equal(p.seen.unanswered, 9);
}

static void death_is_seen_after_check_and_force_and_life_at_the_next_question(void **state)
{
	(void)state;
	rtt = MS;
	ping_set(&p, 5 * S, 3 * S, START);
	run_until(START + 6 * S);	/* the second was answered at 5 s */
	rtt = 0;
	run_until(START + 13 * S);
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
	run_until(START + 13 * S + 1);
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
	assert_int_equal(p.seen.since_ns, START + 13 * S);
	rtt = MS;
	run_until(START + 17 * S);
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
	assert_int_equal(p.seen.since_ns, START + 16 * S + MS);
	assert_int_equal(p.seen.unanswered, 0);
}

/* RFC 3261 §17.1.2: after 0.5, 1.5, 3.5 and 7.5 s, then every 4. */
static void a_question_is_repeated_as_the_rfc_has_it(void **state)
{
	static const uint64_t at_ms[] = { 500, 1500, 3500, 7500, 11500, 15500 };

	(void)state;
	ping_set(&p, 60 * S, 20 * S, START);
	for (uint32_t i = 0; i < 6; i++) {
		run_until(START + at_ms[i] * MS);
		assert_int_equal(repeated, i);
		run_until(START + at_ms[i] * MS + 1);
		assert_int_equal(repeated, i + 1);
	}
	assert_int_equal(asked, 1);
	ping_answered(&p, p.serial, 200, now, &changed);
	run_until(START + 59 * S);
	assert_int_equal(repeated, 6);
}

/* Repetitions do not make it younger. */
static void the_verdict_comes_force_after_the_first_departure(void **state)
{
	(void)state;
	ping_set(&p, 60 * S, 30 * S, START);
	run_until(START + 30 * S + 1);
	assert_int_equal(repeated, 9);
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
	assert_int_equal(p.seen.silent_to_ns, START);
}

static void any_final_answer_is_life_a_provisional_none(void **state)
{
	static const uint16_t final[] = { 200, 302, 401, 404, 483, 500, 503, 603, 699 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		setup(state);
		rtt = MS;
		status = final[i];
		ping_set(&p, 5 * S, 5 * S, START);
		run_until(START + S);
		assert_int_equal(p.seen.state, PING_IN_SERVICE);
		assert_int_equal(p.seen.status, final[i]);
	}
	setup(state);
	rtt = MS;
	status = 100;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + 11 * S);
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
	assert_int_equal(p.seen.answered_ns, 0);
}

static void answers_to_nothing_asked_are_told_from_copies(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 5 * S, START);
	assert_false(ping_answered(&p, 0, 200, now, &changed));
	assert_false(ping_answered(&p, 1, 200, now, &changed));
	run_until(START + 1);
	assert_true(ping_answered(&p, 1, 200, START + MS, &changed));
	assert_true(ping_answered(&p, 1, 500, START + 2 * MS, &changed));
	assert_int_equal(p.seen.status, 200);
	assert_false(ping_answered(&p, 2, 200, now, &changed));
	run_until(START + 50 * S);
	assert_false(ping_answered(&p, 1, 200, now, &changed));
}

/* Always a second too late: out of service for good, not in and out by turns. */
static void an_answer_after_the_verdict_comes_too_late(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 2 * S, START);
	run_until(START + 3 * S);
	assert_true(ping_answered(&p, 1, 200, now, &changed));
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
	assert_true(ping_answered(&p, 2, 200, now, &changed));
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
}

/* The process stood still for a minute: what arrived meanwhile is read first, and late is not its fault. */
static void whoever_slept_blames_nobody(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + 1);
	now = START + 60 * S;
	assert_true(ping_answered(&p, 1, 200, now, &changed));
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
	assert_int_equal(ping_turn(&p, now, &changed), PING_ASK);
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
}

static void new_times_act_at_once(void **state)
{
	(void)state;
	rtt = MS;
	ping_set(&p, 300 * S, 30 * S, START);
	run_until(START + 20 * S);
	assert_int_equal(asked, 1);
	ping_set(&p, 5 * S, 0, START + 99 * S);
	assert_int_equal(p.force_ns, 5 * S);	/* not given: as often as checked */
	run_until(START + 31 * S);
	assert_int_equal(asked, 4);
	ping_set(&p, 0, 5 * S, 0);
	assert_int_equal(p.seen.state, PING_UNKNOWN);
	assert_int_equal(p.seen.since_ns, 0);
	assert_int_equal(ping_due(&p), PING_NEVER);
	assert_false(ping_answered(&p, 4, 200, now, &changed));
	ping_set(&p, 5 * S, 5 * S, START + 40 * S);
	run_until(START + 41 * S);
	assert_int_equal(asked, 5);
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
}

static void a_burst_asks_at_its_own_pace_and_ends_a_gap_after_the_last(void **state)
{
	(void)state;
	rtt = MS;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + S);
	rtt = 0;
	changed = false;
	ping_burst(&p, 3, 50 * MS, now);
	run_until(START + S + 150 * MS);
	assert_int_equal(asked, 4);
	assert_true(p.burst);
	assert_false(changed);
	run_until(START + S + 150 * MS + 1);
	assert_false(p.burst);
	assert_true(changed);
	assert_true(p.seen.answered_to_ns < START + S);
	assert_int_equal(p.seen.unanswered, 2);		/* the third still has its time */
	assert_int_equal(p.seen.state, PING_IN_SERVICE);
	run_until(START + 6 * S + 1);			/* five from the first without an answer */
	assert_int_equal(p.seen.state, PING_OUT_OF_SERVICE);
}

static void a_burst_ends_with_its_first_answer(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + S);
	changed = false;
	ping_burst(&p, 3, 50 * MS, now);
	run_until(START + S + 60 * MS);
	assert_true(ping_answered(&p, 1, 200, now, &changed));	/* of before the burst */
	assert_true(p.burst);
	assert_true(ping_answered(&p, 2, 200, now, &changed));
	assert_false(p.burst);
	assert_true(changed);
	assert_true(p.seen.answered_to_ns >= START + S);
}

/* The thread came late to send: silence is counted from the real departure. */
static void a_burst_waits_for_what_left_late(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + S);
	ping_burst(&p, 1, 50 * MS, now);
	assert_int_equal(ping_turn(&p, now, &changed), PING_ASK);
	ping_left(&p, p.serial, now + 200 * MS);
	ping_left(&p, p.serial, now + 900 * MS);
	changed = false;
	run_until(START + S + 250 * MS);
	assert_true(p.burst);
	run_until(START + S + 250 * MS + 1);
	assert_false(p.burst);
	assert_true(changed);
}

static void one_out_of_turn_cuts_no_other_short(void **state)
{
	(void)state;
	ping_set(&p, 5 * S, 5 * S, START);
	run_until(START + S);
	ping_hurry(&p, now + 10 * MS);
	run_until(START + 2 * S);
	assert_int_equal(asked, 2);
	assert_int_equal(p.seen.unanswered, 0);
	assert_int_equal(p.seen.silent_to_ns, 0);
	run_until(START + 6 * S + 11 * MS);
	assert_int_equal(p.seen.silent_to_ns, START + S + 10 * MS);
	assert_int_equal(p.seen.since_ns, START + 5 * S);
}

static void tokens_differ_by_whom_and_when(void **state)
{
	static const uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 };
	uint64_t t = ping_token(key, 7, 9);

	(void)state;
	assert_true(t != ping_token(key, 7, 10));
	assert_true(t != ping_token(key, 8, 9));
	assert_true(t != ping_token(other, 7, 9));
	assert_true(t == ping_token(key, 7, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_answers_is_asked_every_check, setup),
		cmocka_unit_test_setup(who_does_not_is_out_after_force_and_asked_every_force, setup),
		cmocka_unit_test_setup(death_is_seen_after_check_and_force_and_life_at_the_next_question, setup),
		cmocka_unit_test_setup(a_question_is_repeated_as_the_rfc_has_it, setup),
		cmocka_unit_test_setup(the_verdict_comes_force_after_the_first_departure, setup),
		cmocka_unit_test_setup(any_final_answer_is_life_a_provisional_none, setup),
		cmocka_unit_test_setup(answers_to_nothing_asked_are_told_from_copies, setup),
		cmocka_unit_test_setup(an_answer_after_the_verdict_comes_too_late, setup),
		cmocka_unit_test_setup(whoever_slept_blames_nobody, setup),
		cmocka_unit_test_setup(new_times_act_at_once, setup),
		cmocka_unit_test_setup(a_burst_asks_at_its_own_pace_and_ends_a_gap_after_the_last, setup),
		cmocka_unit_test_setup(a_burst_ends_with_its_first_answer, setup),
		cmocka_unit_test_setup(a_burst_waits_for_what_left_late, setup),
		cmocka_unit_test_setup(one_out_of_turn_cuts_no_other_short, setup),
		cmocka_unit_test_setup(tokens_differ_by_whom_and_when, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
