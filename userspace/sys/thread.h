/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thread: start one with a name, a priority and a stack small enough to be locked in memory.
 *
 * Errors:  negative errno when there is no thread; a refused priority is told, not an error.
 */
#ifndef BATON_THREAD_H
#define BATON_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#define THREAD_STACK	(256 * 1024)
#define THREAD_NAME	16

/* @priority: SCHED_FIFO 1..99, 0 for an ordinary thread. @ret_realtime may be NULL. */
int thread_start(pthread_t *ret, const char *name, int priority, void *(*run)(void *arg), void *arg, bool *ret_realtime);

/* A mutex whose holder inherits the priority of whoever waits for it. */
int thread_mutex(pthread_mutex_t *ret);

#endif
