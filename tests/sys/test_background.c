/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_background: a thread that is given work, told to end, and one that does not end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <time.h>

#include "sys/background.h"
#include "sys/clock.h"

struct job {
	struct background bg;
	int asked, done;	/* behind its lock */
	sem_t did, may_end;
};

static void *count(void *arg)
{
	struct job *j = arg;

	background_lock(&j->bg);
	while (!j->bg.quit) {
		if (j->done == j->asked) {
			background_wait(&j->bg, BACKGROUND_EVER);
			continue;
		}
		j->done = j->asked;
		sem_post(&j->did);
	}
	background_unlock(&j->bg);
	return NULL;
}

static void *hang(void *arg)
{
	sem_wait(&((struct job *)arg)->may_end);
	return NULL;
}

static void open_job(struct job *j, void *(*run)(void *arg))
{
	memset(j, 0, sizeof(*j));
	sem_init(&j->did, 0, 0);
	sem_init(&j->may_end, 0, 0);
	assert_int_equal(background_start(&j->bg, "job", 0, run, j), 0);
}

static bool comes_soon(sem_t *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 20;
	return !sem_clockwait(s, CLOCK_MONOTONIC, &until);
}

static void ask(struct job *j, int n)
{
	background_lock(&j->bg);
	j->asked = n;
	background_wake(&j->bg);
	background_unlock(&j->bg);
}

static void does_what_it_is_woken_for_and_ends_when_told(void **state)
{
	struct job j;

	(void)state;
	open_job(&j, count);
	for (int n = 1; n <= 100; n++) {
		ask(&j, n);
		if (!comes_soon(&j.did))
			fail_msg("asked %d times, it has done %d", n, j.done);
	}
	background_stop(&j.bg);
	assert_false(j.bg.running);
	background_stop(&j.bg);	/* twice is once */
}

static void one_that_was_never_started_has_ended(void **state)
{
	struct background w = { 0 };

	(void)state;
	background_stop(&w);
	assert_true(background_stop_within(&w, NS_PER_S));
}

static void a_wait_ends_with_its_time(void **state)
{
	struct job j;
	uint64_t begun = background_in(0), until = background_in(20 * NS_PER_MS);

	(void)state;
	open_job(&j, hang);
	background_lock(&j.bg);
	while (background_wait(&j.bg, until))	/* it may wake for nothing */
		if (background_in(0) > until + 20 * NS_PER_S)
			fail_msg("woken, and woken, but never told that the time has come");
	background_unlock(&j.bg);
	if (background_in(0) < until)
		fail_msg("waited %llu ns of 20 ms", (unsigned long long)(background_in(0) - begun));
	sem_post(&j.may_end);
	background_stop(&j.bg);
}

static void one_that_hangs_is_left_and_may_be_waited_for_again(void **state)
{
	struct job j;

	(void)state;
	open_job(&j, hang);
	assert_false(background_stop_within(&j.bg, NS_PER_MS));
	assert_true(j.bg.running);
	assert_true(j.bg.quit);
	sem_post(&j.may_end);
	assert_true(background_stop_within(&j.bg, 20 * NS_PER_S));
	assert_false(j.bg.running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_what_it_is_woken_for_and_ends_when_told),
		cmocka_unit_test(one_that_was_never_started_has_ended),
		cmocka_unit_test(a_wait_ends_with_its_time),
		cmocka_unit_test(one_that_hangs_is_left_and_may_be_waited_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
