/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker: a thread that waits for the work others give it under a lock.
 *
 * What the lock guards is its owner's, and stands beside it. Whoever waits does so in a loop: it may wake for nothing.
 * Errors:  negative errno.
 * Threads: start and stop are the owner's; the rest anybody's.
 */
#ifndef BATON_WORKER_H
#define BATON_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WORKER_EVER	UINT64_MAX

struct worker {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;	/* its holder inherits the priority of whoever waits for it */
	pthread_cond_t work;
	bool quit;		/* guarded by the lock: run() is to return */
};

/* On a zeroed worker. @priority: as thread_start(). If it fails there is nothing to stop. */
int worker_start(struct worker *w, const char *name, int priority, void *(*run)(void *arg), void *arg);

void worker_lock(struct worker *w);
void worker_unlock(struct worker *w);
/* There is work. The lock is held. */
void worker_wake(struct worker *w);

/* The lock is held, and let go meanwhile. @until_ns: CLOCK_MONOTONIC, or WORKER_EVER. False: that time has come. */
bool worker_wait(struct worker *w, uint64_t until_ns);
/* The time in @ns from now, for worker_wait(). */
uint64_t worker_in(uint64_t ns);

/* Tell it to return, and wait for nothing. */
void worker_quit(struct worker *w);
/* Tell it to return, and wait until it has; one that was never started has. */
void worker_stop(struct worker *w);
/* The same, but no longer than @ns. False: it has not returned, and what it uses must stay. */
bool worker_stop_within(struct worker *w, uint64_t ns);

#endif
