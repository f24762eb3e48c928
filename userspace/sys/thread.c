/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/thread.h"

#include <sched.h>

int thread_start(pthread_t *ret, const char *name, int priority, void *(*run)(void *arg), void *arg, bool *ret_realtime)
{
	struct sched_param prio = { .sched_priority = priority };
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	err = pthread_create(ret, &attr, run, arg);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;
	pthread_setname_np(*ret, name);
	err = priority ? pthread_setschedparam(*ret, SCHED_FIFO | SCHED_RESET_ON_FORK, &prio) : 0;
	if (ret_realtime)
		*ret_realtime = priority && !err;
	return 0;
}

int thread_mutex(pthread_mutex_t *ret)
{
	pthread_mutexattr_t attr;
	int err;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	err = pthread_mutex_init(ret, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
}
