/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases: never longer than what justifies them, never revived by whoever slept.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "baton_abi.h"
#include "core/lease.h"

#define MS UINT64_C(1000000)

static struct lease_facts open_at(uint64_t now)
{
	return (struct lease_facts){
		.word = BT_WORD(7, 1, BT_OPEN), .lease_ns = 250 * MS, .until_ns = now + 100 * MS, .turn_ns = now, .heard_ns = now,
	};
}

static void open_renews_by_its_turn(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	assert_int_equal(lease_next(&f), 1250 * MS);
}

static void whoever_slept_needs_news(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.until_ns = 900 * MS;
	f.heard_ns = 899 * MS;
	assert_int_equal(lease_next(&f), 900 * MS);
	f.heard_ns = 900 * MS;			/* in the very moment it ended is not since */
	assert_int_equal(lease_next(&f), 900 * MS);
	f.heard_ns = 901 * MS;			/* a higher number would have shut us in that message */
	assert_int_equal(lease_next(&f), 1250 * MS);
	f.heard_ns = 0;
	f.peer_dead = true;
	assert_int_equal(lease_next(&f), 1250 * MS);
}

/* The gate is open while now < until, so at until it has ended. */
static void it_has_ended_when_its_time_has_come(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.until_ns = f.turn_ns;
	f.heard_ns = f.turn_ns - 1;
	assert_int_equal(lease_next(&f), f.until_ns);
	f.until_ns = f.turn_ns + 1;
	assert_int_equal(lease_next(&f), 1250 * MS);
}

static void armed_lives_by_answers_alone(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.word = BT_WORD(7, 2, BT_ARMED);
	assert_int_equal(lease_next(&f), f.until_ns);
	f.answered_ns = 990 * MS;
	assert_int_equal(lease_next(&f), 1240 * MS);	/* from the departure, not from now */
	f.peer_dead = true;
	f.answered_ns = 0;
	assert_int_equal(lease_next(&f), f.until_ns);
}

static void it_never_shrinks_nor_grows_when_shut(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.until_ns = 2000 * MS;
	assert_int_equal(lease_next(&f), 2000 * MS);
	f.word = BT_WORD(7, 2, BT_ARMED);
	f.answered_ns = 990 * MS;		/* an answer of before: a later one has been counted */
	assert_int_equal(lease_next(&f), 2000 * MS);
	f.word = BT_WORD(7, 1, BT_RELAY);
	f.answered_ns = 1990 * MS;
	assert_int_equal(lease_next(&f), 2000 * MS);
	f.word = BT_WORD(7, 1, BT_SHUT);
	assert_int_equal(lease_next(&f), 2000 * MS);
	f.until_ns = 1100 * MS;			/* less than a lease from now on: it stays so */
	assert_int_equal(lease_next(&f), 1100 * MS);
	f.word = BT_WORD(7, 1, BT_RELAY);
	assert_int_equal(lease_next(&f), 1100 * MS);
}

/* Stopped in its turn for less than a lease: what it would give is not past yet, but what it had has ended meanwhile. */
static void whoever_was_stopped_in_its_turn_revives_nothing(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.until_ns = 1225 * MS;
	f.heard_ns = 998 * MS;
	f.now_ns = 1224 * MS;
	assert_int_equal(lease_next(&f), 1250 * MS);
	f.now_ns = 1225 * MS;
	assert_int_equal(lease_next(&f), 1225 * MS);
	f.heard_ns = 1226 * MS;
	f.now_ns = 1227 * MS;
	assert_int_equal(lease_next(&f), 1250 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_renews_by_its_turn), cmocka_unit_test(whoever_slept_needs_news),
		cmocka_unit_test(it_has_ended_when_its_time_has_come), cmocka_unit_test(whoever_was_stopped_in_its_turn_revives_nothing),
		cmocka_unit_test(armed_lives_by_answers_alone), cmocka_unit_test(it_never_shrinks_nor_grows_when_shut),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
