/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a VIP's script is run: three times at most, each with its time, and not before what runs has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/script_try.h"

#define S		1000000000ull
#define TIMEOUT		(10 * S)

static struct script_try t;
static uint64_t now;

static int begin(void **state)
{
	(void)state;
	t = (struct script_try){ 0 };
	now = 100 * S;
	return 0;
}

static enum script_step step(bool up, uint32_t vip)
{
	return script_try_step(&t, up, vip, TIMEOUT, now);
}

static void a_state_that_is_right_needs_no_script(void **state)
{
	(void)state;
	assert_int_equal(step(true, SCRIPT_NO_VIP), SCRIPT_RIGHT);
	assert_int_equal(t.runs, 0);
}

static void it_has_its_time_and_three_runs(void **state)
{
	(void)state;
	for (uint32_t run = 1; run <= SCRIPT_RUNS; run++) {
		assert_int_equal(step(true, 0), SCRIPT_RUN);
		assert_int_equal(step(true, 0), SCRIPT_WAIT);
		now += S;
		script_try_ended(&t, 0);	/* well, it says: the state may follow */
		now += TIMEOUT - S - 1;
		assert_int_equal(step(true, 0), SCRIPT_WAIT);
		now++;
	}
	assert_int_equal(step(true, 0), SCRIPT_FAILED);
	now += 1000 * S;
	assert_int_equal(step(true, 0), SCRIPT_FAILED);
}

static void one_that_says_it_failed_is_run_again_after_a_second(void **state)
{
	(void)state;
	assert_int_equal(step(true, 0), SCRIPT_RUN);
	script_try_ended(&t, 1);
	now += S - 1;
	assert_int_equal(step(true, 0), SCRIPT_WAIT);
	now++;
	assert_int_equal(step(true, 0), SCRIPT_RUN);
}

static void one_that_runs_is_waited_for_but_not_for_ever(void **state)
{
	(void)state;
	assert_int_equal(step(true, 0), SCRIPT_RUN);
	now += 3 * TIMEOUT - 1;		/* it was told to end at its time, and has not */
	assert_int_equal(step(true, 0), SCRIPT_WAIT);
	now++;
	assert_int_equal(step(true, 0), SCRIPT_FAILED);
}

static void the_other_direction_waits_for_what_runs_and_begins_anew(void **state)
{
	(void)state;
	for (int i = 0; i < SCRIPT_RUNS; i++) {
		assert_int_equal(step(true, 0), SCRIPT_RUN);
		script_try_ended(&t, 1);
		now += S;
	}
	assert_int_equal(step(true, 0), SCRIPT_FAILED);
	assert_int_equal(step(false, 0), SCRIPT_RUN);
	now += S / 2;
	assert_int_equal(step(true, 0), SCRIPT_WAIT);		/* down still runs */
	script_try_ended(&t, 0);
	assert_int_equal(step(true, 0), SCRIPT_RUN);
	assert_int_equal(t.runs, 1);
}

static void each_vip_has_its_own_runs_and_success_forgets(void **state)
{
	(void)state;
	assert_int_equal(step(true, 0), SCRIPT_RUN);
	script_try_ended(&t, 0);
	assert_int_equal(step(true, 1), SCRIPT_RUN);		/* at once: the first is there */
	assert_int_equal(t.runs, 1);
	script_try_ended(&t, 0);
	assert_int_equal(step(true, SCRIPT_NO_VIP), SCRIPT_RIGHT);
	assert_int_equal(step(true, 0), SCRIPT_RUN);		/* somebody took it away */
	assert_int_equal(t.runs, 1);
}

static void somebody_may_ask_for_more(void **state)
{
	(void)state;
	for (int i = 0; i < SCRIPT_RUNS; i++) {
		step(false, 0);
		script_try_ended(&t, 1);
		now += S;
	}
	assert_int_equal(step(false, 0), SCRIPT_FAILED);
	script_try_again(&t);
	assert_int_equal(step(false, 0), SCRIPT_RUN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, begin)
		TEST(a_state_that_is_right_needs_no_script),
		TEST(it_has_its_time_and_three_runs),
		TEST(one_that_says_it_failed_is_run_again_after_a_second),
		TEST(one_that_runs_is_waited_for_but_not_for_ever),
		TEST(the_other_direction_waits_for_what_runs_and_begins_anew),
		TEST(each_vip_has_its_own_runs_and_success_forgets),
		TEST(somebody_may_ask_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
