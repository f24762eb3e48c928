/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fault: when is a fault said, when is it taken back, and how often at most? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/fault.h"

#define MS	UINT64_C(1000000)
#define S	(1000 * MS)

static const struct fault_rule thrice = { 3, S }, once = { 1, S };

static void test_three_looks_apart(void **state)
{
	struct fault f = { 0 };

	(void)state;
	assert_false(fault_look(&f, &thrice, false, 10 * S));
	for (int i = 1; i <= 7; i++)	/* between two periods: the same fault, seen more often */
		assert_false(fault_look(&f, &thrice, false, 10 * S + i * 100 * MS));
	assert_false(fault_look(&f, &thrice, false, 11 * S));
	assert_false(f.failed);
	assert_true(fault_look(&f, &thrice, false, 12 * S - MS));	/* a timer may be early by a little */
	assert_true(f.failed);
	assert_false(fault_look(&f, &thrice, false, 20 * S));
}

static void test_one_good_look_between(void **state)
{
	struct fault f = { 0 };

	(void)state;
	for (uint64_t t = 1; t < 100; t++)
		assert_false(fault_look(&f, &thrice, t % 3 == 0, t * S));
	assert_false(f.failed);
}

static void test_one_look_is_enough_where_the_rule_says_so(void **state)
{
	struct fault f = { 0 };

	(void)state;
	assert_true(fault_look(&f, &once, false, 5 * S));
	assert_int_equal(fault_due(&f, &once), FAULT_NEVER);
}

static void test_taken_back_after_being_well_for_as_long(void **state)
{
	struct fault f = { 0 };

	(void)state;
	assert_true(fault_look(&f, &once, false, 5 * S));
	assert_false(fault_look(&f, &once, true, 6 * S));
	assert_int_equal(fault_due(&f, &once), 7 * S);
	assert_false(fault_look(&f, &once, false, 6 * S + 900 * MS));	/* ill again: from the beginning */
	assert_false(fault_look(&f, &once, true, 7 * S));
	assert_false(fault_look(&f, &once, true, 7 * S + 999 * MS));
	assert_true(f.failed);
	assert_true(fault_look(&f, &once, true, 8 * S));
	assert_false(f.failed);
	assert_int_equal(fault_due(&f, &once), FAULT_NEVER);
}

/* Ill for a moment, well again as soon as that counts: how many changes are told in an hour? */
static void test_what_flaps_settles(void **state)
{
	struct fault f = { 0 };
	uint32_t told = 0;

	(void)state;
	for (uint64_t t = S; t < 3600 * S; t += 100 * MS)
		told += fault_look(&f, &once, t % (40 * S) > S, t);
	/* 31 s of the last ones are held back: every second flap is told at most */
	assert_in_range(told, 20, 190);
	assert_int_equal(f.times > 5, 1);
}

static void test_a_long_time_forgives(void **state)
{
	struct fault f = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(fault_look(&f, &once, false, (i * 100 + 1) * S));
		fault_look(&f, &once, true, (i * 100 + 2) * S);
		assert_int_equal(fault_due(&f, &once), (i * 100 + 2 + (1 << i)) * S);
		assert_true(fault_look(&f, &once, true, (i * 100 + 50) * S));
	}
	assert_int_equal(f.times, 3);
	assert_true(fault_look(&f, &once, false, 251 * S + FAULT_FORGET_NS));
	assert_int_equal(f.times, 1);
}

static void test_another_wish_starts_anew_but_forgives_nothing(void **state)
{
	struct fault f = { 0 };

	(void)state;
	fault_look(&f, &thrice, false, 1 * S);
	fault_look(&f, &thrice, false, 2 * S);
	fault_anew(&f);
	assert_false(fault_look(&f, &thrice, false, 3 * S));
	fault_look(&f, &thrice, false, 4 * S);
	assert_true(fault_look(&f, &thrice, false, 5 * S));
	fault_anew(&f);
	assert_true(f.failed);
	fault_look(&f, &thrice, true, 6 * S);
	fault_anew(&f);
	assert_false(fault_look(&f, &thrice, true, 9 * S));
	assert_true(fault_look(&f, &thrice, true, 12 * S));
}

static void test_often(void **state)
{
	struct often o = { 0 };

	(void)state;
	for (int i = 0; i < OFTEN_N; i++) {
		assert_false(often_is(&o, (100 + i) * S));
		often_note(&o, (100 + i) * S);
	}
	assert_true(often_is(&o, 105 * S));
	assert_true(often_is(&o, 163 * S));		/* the newest is 59 s old */
	assert_false(often_is(&o, 165 * S));
	often_note(&o, 166 * S);
	assert_false(often_is(&o, 166 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_looks_apart), cmocka_unit_test(test_one_good_look_between),
		cmocka_unit_test(test_one_look_is_enough_where_the_rule_says_so),
		cmocka_unit_test(test_taken_back_after_being_well_for_as_long), cmocka_unit_test(test_what_flaps_settles),
		cmocka_unit_test(test_a_long_time_forgives),
		cmocka_unit_test(test_another_wish_starts_anew_but_forgives_nothing), cmocka_unit_test(test_often),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
