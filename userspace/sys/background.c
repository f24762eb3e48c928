/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/background.h"

#include <errno.h>
#include <time.h>

#include "sys/clock.h"
#include "sys/thread.h"

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };
}

int background_start(struct background *b, const char *name, int priority, void *(*run)(void *arg), void *arg)
{
	int err = thread_mutex(&b->lock);

	if (!err)
		err = -pthread_cond_init(&b->work, NULL);
	if (!err)
		err = thread_start(&b->thread, name, priority, run, arg, NULL);
	b->running = !err;
	return err;
}

void background_lock(struct background *b)
{
	pthread_mutex_lock(&b->lock);
}

void background_unlock(struct background *b)
{
	pthread_mutex_unlock(&b->lock);
}

void background_wake(struct background *b)
{
	pthread_cond_signal(&b->work);
}

bool background_wait(struct background *b, uint64_t until_ns)
{
	struct timespec ts = timespec_of(until_ns);

	if (until_ns == BACKGROUND_EVER)
		return !pthread_cond_wait(&b->work, &b->lock);
	return pthread_cond_clockwait(&b->work, &b->lock, CLOCK_MONOTONIC, &ts) != ETIMEDOUT;
}

uint64_t background_in(uint64_t ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec + ns;
}

void background_quit(struct background *b)
{
	background_lock(b);
	b->quit = true;
	background_wake(b);
	background_unlock(b);
}

void background_stop(struct background *b)
{
	if (!b->running)
		return;
	background_quit(b);
	pthread_join(b->thread, NULL);
	b->running = false;
}

bool background_stop_within(struct background *b, uint64_t ns)
{
	struct timespec until = timespec_of(background_in(ns));

	if (!b->running)
		return true;
	background_quit(b);
	b->running = pthread_clockjoin_np(b->thread, NULL, CLOCK_MONOTONIC, &until);
	return !b->running;
}
