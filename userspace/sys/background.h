/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * background: a thread that waits for the work others give it under a lock.
 *
 * What the lock guards is its owner's, and stands beside it. Whoever waits does so in a loop: it may wake for nothing.
 * Errors:  negative errno.
 * Threads: start and stop are the owner's; the rest anybody's.
 */
#ifndef BATON_BACKGROUND_H
#define BATON_BACKGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BACKGROUND_EVER	UINT64_MAX

struct background {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;	/* its holder inherits the priority of whoever waits for it */
	pthread_cond_t work;
	atomic_bool quit;	/* run() is to return. Set with the lock held; whoever is long at work looks without */
};

/* On a zeroed background. @priority: as thread_start(). If it fails there is nothing to stop. */
int background_start(struct background *b, const char *name, int priority, void *(*run)(void *arg), void *arg);

void background_lock(struct background *b);
void background_unlock(struct background *b);
/* There is work. The lock is held. */
void background_wake(struct background *b);

/* The lock is held, and let go meanwhile. @until_ns: CLOCK_MONOTONIC, or BACKGROUND_EVER. False: that time has come. */
bool background_wait(struct background *b, uint64_t until_ns);
/* The time in @ns from now, for background_wait(). */
uint64_t background_in(uint64_t ns);

/* Tell it to return, and wait for nothing. */
void background_quit(struct background *b);
/* Tell it to return, and wait until it has; one that was never started has. */
void background_stop(struct background *b);
/* The same, but no longer than @ns. False: it has not returned, and what it uses must stay. */
bool background_stop_within(struct background *b, uint64_t ns);

#endif
