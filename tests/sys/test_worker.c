/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_worker: a thread that is given work, told to end, and one that does not end. */
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

#include "sys/clock.h"
#include "sys/worker.h"

struct job {
	struct worker w;
	int asked, done;	/* behind its lock */
	sem_t did, may_end;
};

static void *count(void *arg)
{
	struct job *j = arg;

	worker_lock(&j->w);
	while (!j->w.quit) {
		if (j->done == j->asked) {
			worker_wait(&j->w, WORKER_EVER);
			continue;
		}
		j->done = j->asked;
		sem_post(&j->did);
	}
	worker_unlock(&j->w);
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
	assert_int_equal(worker_start(&j->w, "job", 0, run, j), 0);
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
	worker_lock(&j->w);
	j->asked = n;
	worker_wake(&j->w);
	worker_unlock(&j->w);
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
	worker_stop(&j.w);
	assert_false(j.w.running);
	worker_stop(&j.w);	/* twice is once */
}

static void one_that_was_never_started_has_ended(void **state)
{
	struct worker w = { 0 };

	(void)state;
	worker_stop(&w);
	assert_true(worker_stop_within(&w, NS_PER_S));
}

static void a_wait_ends_with_its_time(void **state)
{
	struct job j;
	uint64_t begun = worker_in(0), until = worker_in(20 * NS_PER_MS);

	(void)state;
	open_job(&j, hang);
	worker_lock(&j.w);
	while (worker_wait(&j.w, until))	/* it may wake for nothing */
		if (worker_in(0) > until + 20 * NS_PER_S)
			fail_msg("woken, and woken, but never told that the time has come");
	worker_unlock(&j.w);
	if (worker_in(0) < until)
		fail_msg("waited %llu ns of 20 ms", (unsigned long long)(worker_in(0) - begun));
	sem_post(&j.may_end);
	worker_stop(&j.w);
}

static void one_that_hangs_is_left_and_may_be_waited_for_again(void **state)
{
	struct job j;

	(void)state;
	open_job(&j, hang);
	assert_false(worker_stop_within(&j.w, NS_PER_MS));
	assert_true(j.w.running);
	assert_true(j.w.quit);
	sem_post(&j.may_end);
	assert_true(worker_stop_within(&j.w, 20 * NS_PER_S));
	assert_false(j.w.running);
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
