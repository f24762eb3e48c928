/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of the lock service, and for how long the lock is ours by our own clock. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/lock.h"

#define MS UINT64_C(1000000)
#define T0 (1000 * MS)
#define N8 (8 << 8 | 1)
#define N9 (9 << 8 | 1)

static struct lock l;

static int fresh(void **state)
{
	(void)state;
	l = (struct lock){ 0 };
	return 0;
}

static void expect_step(enum lock_step want, uint64_t now)
{
	static const char *const text[] = { "rest", "grant", "take", "renew", "drop" };
	enum lock_step got = lock_step(&l, now);

	if (got != want)
		fail_msg("%lu ms: %s, not %s", now / MS, text[got], text[want]);
}

static void answer(enum lock_step step, enum lock_result result, uint64_t sent, uint64_t now)
{
	struct lock_answer a = { .result = result, .sent_ns = sent, .number = l.wanted, .lease_id = 77, .ttl_s = 2 };

	lock_done(&l, step, &a, now);
}

/* Held for 8 since T0 + 10 ms, the lease asked for at T0. */
static void hold(void)
{
	lock_want(&l, N8);
	expect_step(LOCK_GRANT, T0);
	answer(LOCK_GRANT, LOCK_DONE, T0, T0 + 5 * MS);
	expect_step(LOCK_TAKE, T0 + 5 * MS);
	assert_int_equal(lock_held(&l, T0 + 5 * MS), 0);
	answer(LOCK_TAKE, LOCK_DONE, T0 + 5 * MS, T0 + 10 * MS);
	assert_int_equal(lock_held(&l, T0 + 10 * MS), N8);
}

static void in_peace_nothing_is_asked(void **state)
{
	(void)state;
	expect_step(LOCK_REST, T0);
	assert_int_equal(lock_deadline(&l), UINT64_MAX);
}

static void it_ends_a_tenth_early_from_the_departure(void **state)
{
	(void)state;
	hold();
	assert_int_equal(l.until_ns, T0 + 1800 * MS);
	assert_int_equal(lock_held(&l, T0 + 1800 * MS - 1), N8);
	assert_int_equal(lock_held(&l, T0 + 1800 * MS), 0);
	expect_step(LOCK_REST, T0 + 399 * MS);
	assert_int_equal(lock_deadline(&l), T0 + 400 * MS);
	expect_step(LOCK_RENEW, T0 + 400 * MS);
	answer(LOCK_RENEW, LOCK_DONE, T0 + 400 * MS, T0 + 890 * MS);	/* a slow answer */
	assert_int_equal(l.until_ns, T0 + 2200 * MS);
	expect_step(LOCK_RENEW, T0 + 890 * MS);
}

static void renewing_is_tried_until_the_end(void **state)
{
	(void)state;
	hold();
	answer(LOCK_RENEW, LOCK_UNSURE, T0 + 400 * MS, T0 + 900 * MS);
	assert_int_equal(lock_held(&l, T0 + 900 * MS), N8);
	expect_step(LOCK_REST, T0 + 999 * MS);
	expect_step(LOCK_RENEW, T0 + 1000 * MS);
	answer(LOCK_RENEW, LOCK_UNSURE, T0 + 1000 * MS, T0 + 1799 * MS);
	expect_step(LOCK_GRANT, T0 + 1899 * MS);
	assert_int_equal(lock_held(&l, T0 + 1899 * MS), 0);
}

static void a_lease_that_is_gone_is_nobodys(void **state)
{
	(void)state;
	hold();
	answer(LOCK_RENEW, LOCK_REFUSED, T0 + 400 * MS, T0 + 401 * MS);
	assert_int_equal(lock_held(&l, T0 + 401 * MS), 0);
	expect_step(LOCK_GRANT, T0 + 401 * MS);
}

static void somebody_else_has_it(void **state)
{
	(void)state;
	lock_want(&l, N8);
	answer(LOCK_GRANT, LOCK_DONE, T0, T0);
	answer(LOCK_TAKE, LOCK_REFUSED, T0, T0);
	assert_int_equal(lock_held(&l, T0), 0);
	expect_step(LOCK_REST, T0 + 99 * MS);
	expect_step(LOCK_TAKE, T0 + 100 * MS);
	expect_step(LOCK_GRANT, T0 + 1800 * MS);	/* the lease has ended by then */
}

/* It may still be carried out: then what it makes must end by itself, never be kept alive by us. */
static void what_may_have_been_taken_is_not_kept_alive(void **state)
{
	(void)state;
	lock_want(&l, N8);
	answer(LOCK_GRANT, LOCK_DONE, T0, T0);
	answer(LOCK_TAKE, LOCK_UNSURE, T0, T0 + 500 * MS);
	assert_int_equal(l.lease_id, 0);
	assert_int_equal(lock_held(&l, T0 + 500 * MS), 0);
	expect_step(LOCK_REST, T0 + 599 * MS);
	expect_step(LOCK_GRANT, T0 + 600 * MS);
}

static void another_number_is_another_lock(void **state)
{
	(void)state;
	hold();
	lock_want(&l, N9);
	assert_int_equal(lock_held(&l, T0 + 10 * MS), 0);
	expect_step(LOCK_TAKE, T0 + 10 * MS);
	answer(LOCK_TAKE, LOCK_DONE, T0 + 10 * MS, T0 + 12 * MS);
	assert_int_equal(lock_held(&l, T0 + 12 * MS), N9);
}

static void let_go_at_once_and_once(void **state)
{
	(void)state;
	hold();
	lock_want(&l, 0);
	assert_int_equal(lock_held(&l, T0 + 10 * MS), 0);
	assert_int_equal(lock_deadline(&l), 0);
	expect_step(LOCK_DROP, T0 + 10 * MS);
	answer(LOCK_DROP, LOCK_UNSURE, T0 + 10 * MS, T0 + 510 * MS);
	expect_step(LOCK_REST, T0 + 510 * MS);
	lock_want(&l, N8);
	expect_step(LOCK_GRANT, T0 + 510 * MS);
}

static void wanted_no_more_while_it_was_being_taken(void **state)
{
	struct lock_answer a = { .result = LOCK_DONE, .number = N8, .sent_ns = T0 };

	(void)state;
	lock_want(&l, N8);
	answer(LOCK_GRANT, LOCK_DONE, T0, T0);
	lock_want(&l, 0);
	lock_done(&l, LOCK_TAKE, &a, T0 + 5 * MS);
	assert_int_equal(lock_held(&l, T0 + 5 * MS), 0);
	expect_step(LOCK_DROP, T0 + 5 * MS);
}

static void what_no_sound_server_says_is_not_believed(void **state)
{
	struct lock_answer a = { .result = LOCK_DONE, .sent_ns = T0, .lease_id = 1, .ttl_s = UINT64_MAX };

	(void)state;
	lock_want(&l, N8);
	lock_done(&l, LOCK_GRANT, &a, T0);
	assert_int_equal(l.lease_id, 0);
	expect_step(LOCK_REST, T0);
	a.ttl_s = 0;
	lock_done(&l, LOCK_GRANT, &a, T0);
	assert_int_equal(l.lease_id, 0);
	l = (struct lock){ 0 };
	hold();
	a.ttl_s = 1ull << 40;
	lock_done(&l, LOCK_RENEW, &a, T0 + 400 * MS);
	assert_int_equal(lock_held(&l, T0 + 400 * MS), 0);
}

static void keys_and_values(void **state)
{
	char buf[LOCK_VALUE_MAX], key[LOCK_KEY_MAX];

	(void)state;
	lock_key(key, 7, "sip");
	assert_string_equal(key, "baton/7/sip");
	lock_value(buf, "a", N8, 0x12);
	assert_string_equal(buf, "a 8 0000000000000012");
	assert_true(lock_value_is_mine(buf, 0x12));
	assert_false(lock_value_is_mine(buf, 0x2));
	assert_false(lock_value_is_mine("", 0x12));
	assert_false(lock_value_is_mine("a 8 00000000000000120", 0x12));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(in_peace_nothing_is_asked), TEST(it_ends_a_tenth_early_from_the_departure),
		TEST(renewing_is_tried_until_the_end), TEST(a_lease_that_is_gone_is_nobodys), TEST(somebody_else_has_it),
		TEST(what_may_have_been_taken_is_not_kept_alive), TEST(another_number_is_another_lock),
		TEST(let_go_at_once_and_once), TEST(wanted_no_more_while_it_was_being_taken),
		TEST(what_no_sound_server_says_is_not_believed), TEST(keys_and_values),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
