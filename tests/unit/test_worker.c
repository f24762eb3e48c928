/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_worker: a worker has died; when is the server asked, and what is made of its answers? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/worker.h"

#define MS	UINT64_C(1000000)
#define T0	(5000 * MS)

static const struct worker_heard well = { .answered_to_ns = T0 - 100 * MS, .over = true };

#define EXPECT(w, fact, what) do { \
	if (worker_fact(&(w)) != (fact)) \
		fail_msg("%s: fact %d, expected %d, state %d", what, worker_fact(&(w)), fact, (w).state); \
} while (0)

/* As the caller does it: what is wanted is asked, at @now. */
static void die(struct worker *w, const struct worker_heard *heard, uint64_t now, uint32_t expected)
{
	uint32_t asks = worker_died(w, heard);

	if (asks != expected)
		fail_msg("%u questions after a death, expected %u", asks, expected);
	if (asks)
		worker_asked(w, now, now);
}

static void turn(struct worker *w, uint64_t answered_to, bool over, uint64_t now, uint32_t expected)
{
	struct worker_heard heard = { answered_to, over };
	uint32_t asks = worker_turn(w, &heard, now);

	if (asks != expected)
		fail_msg("%u questions at %llu ms, expected %u", asks, (unsigned long long)((now - T0) / MS), expected);
	if (asks)
		worker_asked(w, now, now);
}

static void test_it_goes_on(void **state)
{
	struct worker w = { 0 };

	(void)state;
	turn(&w, well.answered_to_ns, true, T0 - MS, 0);
	die(&w, &well, T0, WORKER_ASKS);
	turn(&w, well.answered_to_ns, false, T0 + MS, 0);
	EXPECT(w, FACT_NOT_WATCHED, "while it is asked");
	turn(&w, T0, true, T0 + 2 * MS, 0);
	EXPECT(w, FACT_NOT_WATCHED, "answered");
	turn(&w, T0, true, T0 + 9000 * MS, 0);
	EXPECT(w, FACT_NOT_WATCHED, "long after");
}

static void test_it_answers_no_more_until_it_does(void **state)
{
	struct worker w = { 0 };

	(void)state;
	die(&w, &well, T0, WORKER_ASKS);
	turn(&w, well.answered_to_ns, false, T0 + 149 * MS, 0);
	turn(&w, well.answered_to_ns, true, T0 + 150 * MS, 0);
	EXPECT(w, FACT_FAILED, "three unanswered");
	turn(&w, well.answered_to_ns, true, T0 + 999 * MS, 0);
	turn(&w, well.answered_to_ns, true, T0 + 1000 * MS, 1);
	turn(&w, well.answered_to_ns, true, T0 + 1999 * MS, 0);
	EXPECT(w, FACT_FAILED, "asked again");
	turn(&w, well.answered_to_ns, true, T0 + 2000 * MS, 1);
	turn(&w, T0 + 2000 * MS, true, T0 + 2010 * MS, 0);
	EXPECT(w, FACT_NOT_WATCHED, "answered again");
}

/* A late answer to a question of before is none. */
static void test_an_old_answer(void **state)
{
	struct worker w = { 0 };

	(void)state;
	die(&w, &well, T0, WORKER_ASKS);
	turn(&w, T0 - 1, true, T0 + 160 * MS, 0);
	EXPECT(w, FACT_FAILED, "answered to what was asked before");
}

static void test_never_answered_cannot_be_judged(void **state)
{
	static const struct worker_heard never = { .over = true };
	struct worker w = { 0 };

	(void)state;
	die(&w, &never, T0, 0);
	turn(&w, 0, true, T0 + 1000 * MS, 0);
	EXPECT(w, FACT_NOT_WATCHED, "a server without OPTIONS");
}

/* The first answer may have left before the second died; but a row of deaths does not put the verdict off. */
static void test_two_die(void **state)
{
	struct worker w = { 0 };

	(void)state;
	die(&w, &well, T0, WORKER_ASKS);
	die(&w, &well, T0 + MS, 0);
	turn(&w, T0, true, T0 + 2 * MS, WORKER_ASKS);
	turn(&w, T0, true, T0 + 152 * MS, 0);
	EXPECT(w, FACT_FAILED, "the second one's questions");
	w = (struct worker){ 0 };
	die(&w, &well, T0, WORKER_ASKS);
	for (uint64_t at = 10 * MS; at < 150 * MS; at += 10 * MS)
		die(&w, &well, T0 + at, 0);
	turn(&w, well.answered_to_ns, true, T0 + 150 * MS, 0);
	EXPECT(w, FACT_FAILED, "deaths in a row");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_goes_on), cmocka_unit_test(test_it_answers_no_more_until_it_does),
		cmocka_unit_test(test_an_old_answer), cmocka_unit_test(test_never_answered_cannot_be_judged),
		cmocka_unit_test(test_two_die),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
