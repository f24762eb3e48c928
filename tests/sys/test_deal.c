/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is each thing done once, by whichever thread, is what was refused done again, and does a stop end it at once? */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ha/deal.h"

#define N	1000

static pthread_t test_thread;
static atomic_uint done[N], helped, refused;
static atomic_bool refuse;
static sem_t helper_is_in, helper_may_go;
static bool hold;

/* The first thing that the helper is to do lasts until the test lets it go. */
static bool work(void *arg, uint32_t i)
{
	(void)arg;
	if (!pthread_equal(pthread_self(), test_thread)) {
		atomic_fetch_add(&helped, 1);
		if (hold) {
			sem_post(&helper_is_in);
			sem_wait(&helper_may_go);
		}
	}
	if (atomic_load(&refuse)) {
		atomic_fetch_add(&refused, 1);
		return false;
	}
	atomic_fetch_add(&done[i], 1);
	return true;
}

static struct deal *fresh(uint32_t n, bool holds)
{
	struct deal *d;

	test_thread = pthread_self();
	hold = holds;
	atomic_store(&refuse, false);
	atomic_store(&helped, 0);
	atomic_store(&refused, 0);
	for (uint32_t i = 0; i < N; i++)
		atomic_store(&done[i], 0);
	sem_init(&helper_is_in, 0, 0);
	sem_init(&helper_may_go, 0, 0);
	assert_int_equal(deal_open(&d, n, "deal", 0, work, NULL), 0);
	return d;
}

static void take_all(struct deal *d, const char *when)
{
	for (int i = 0; i < 10000; i++) {
		if (deal_take(d, 64) == DEAL_NONE)
			return;
		usleep(1000);
	}
	fail_msg("%s: something is left after 10 s", when);
}

static void expect_once(uint32_t n, const char *when)
{
	for (uint32_t i = 0; i < N; i++)
		if (done[i] != (i < n))
			fail_msg("%s: number %u of %u was done %u times", when, i, n, done[i]);
}

static void each_is_done_once(void **state)
{
	static const uint32_t numbers[] = { 1, 31, 32, 33, 129, N };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct deal *d = fresh(numbers[i], false);

		assert_int_equal(deal_take(d, 64), DEAL_NONE);
		expect_once(0, "not begun");
		deal_start(d);
		take_all(d, "begun");
		expect_once(numbers[i], "begun");
		deal_close(d);
	}
}

/* Main does not wait for the helper, and says so. */
static void what_the_helper_is_at_is_waited_for(void **state)
{
	struct deal *d = fresh(N, true);
	enum deal_left left;

	(void)state;
	deal_start(d);
	sem_wait(&helper_is_in);
	while ((left = deal_take(d, 64)) == DEAL_MORE)
		;
	assert_int_equal(left, DEAL_WAIT);
	hold = false;
	sem_post(&helper_may_go);
	take_all(d, "helper let go");
	expect_once(N, "helper let go");
	deal_close(d);
}

static void a_stop_finds_one_under_way_at_most(void **state)
{
	struct deal *d = fresh(N, true);

	(void)state;
	deal_start(d);
	sem_wait(&helper_is_in);
	deal_stop(d);
	hold = false;
	sem_post(&helper_may_go);
	deal_close(d);		/* waits for it */
	if (helped != 1)
		fail_msg("the helper did %u things after it was stopped in the first", helped - 1);
}

/* Nor does what was begun before a new start count for it. */
static void a_start_is_anew(void **state)
{
	struct deal *d = fresh(N, true);

	(void)state;
	deal_start(d);
	sem_wait(&helper_is_in);
	deal_start(d);
	hold = false;
	sem_post(&helper_may_go);
	take_all(d, "begun again");
	for (uint32_t i = 0; i < N; i++)
		if (!done[i] || done[i] > 2)
			fail_msg("number %u was done %u times by two starts", i, done[i]);
	deal_close(d);
}

static void what_was_refused_is_done_again(void **state)
{
	struct deal *d = fresh(N, false);

	(void)state;
	atomic_store(&refuse, true);
	deal_start(d);
	for (int i = 0; i < 20; i++) {
		assert_int_not_equal(deal_take(d, 64), DEAL_NONE);
		usleep(1000);
	}
	atomic_store(&refuse, false);
	take_all(d, "no longer refused");
	expect_once(N, "no longer refused");
	deal_close(d);
}

static void main_gives_way_when_refused(void **state)
{
	struct deal *d = fresh(N, true);

	(void)state;
	deal_start(d);
	sem_wait(&helper_is_in);
	atomic_store(&refuse, true);
	assert_int_equal(deal_take(d, N), DEAL_WAIT);
	if (refused != 1)
		fail_msg("main was refused %u times in one go", refused);
	atomic_store(&refuse, false);
	hold = false;
	sem_post(&helper_may_go);
	take_all(d, "no longer refused");
	expect_once(N, "no longer refused");
	deal_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_done_once),
		cmocka_unit_test(what_the_helper_is_at_is_waited_for),
		cmocka_unit_test(a_stop_finds_one_under_way_at_most),
		cmocka_unit_test(a_start_is_anew),
		cmocka_unit_test(what_was_refused_is_done_again),
		cmocka_unit_test(main_gives_way_when_refused),
	};

	return cmocka_run_group_tests_name("deal", tests, NULL, NULL);
}
