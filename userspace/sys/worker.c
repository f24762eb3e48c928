/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/worker.h"

#include <errno.h>
#include <time.h>

#include "sys/clock.h"
#include "sys/thread.h"

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };
}

int worker_start(struct worker *w, const char *name, int priority, void *(*run)(void *arg), void *arg)
{
	int err = thread_mutex(&w->lock);

	if (!err)
		err = -pthread_cond_init(&w->work, NULL);
	if (!err)
		err = thread_start(&w->thread, name, priority, run, arg, NULL);
	w->running = !err;
	return err;
}

void worker_lock(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
}

void worker_unlock(struct worker *w)
{
	pthread_mutex_unlock(&w->lock);
}

void worker_wake(struct worker *w)
{
	pthread_cond_signal(&w->work);
}

bool worker_wait(struct worker *w, uint64_t until_ns)
{
	struct timespec ts = timespec_of(until_ns);

	if (until_ns == WORKER_EVER)
		return !pthread_cond_wait(&w->work, &w->lock);
	return pthread_cond_clockwait(&w->work, &w->lock, CLOCK_MONOTONIC, &ts) != ETIMEDOUT;
}

uint64_t worker_in(uint64_t ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec + ns;
}

void worker_quit(struct worker *w)
{
	worker_lock(w);
	w->quit = true;
	worker_wake(w);
	worker_unlock(w);
}

void worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	worker_quit(w);
	pthread_join(w->thread, NULL);
	w->running = false;
}

bool worker_stop_within(struct worker *w, uint64_t ns)
{
	struct timespec until = timespec_of(worker_in(ns));

	if (!w->running)
		return true;
	worker_quit(w);
	w->running = pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &until);
	return !w->running;
}
