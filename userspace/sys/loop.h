/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop: which of our descriptors is ready, and which of our deadlines has come?
 *
 * One epoll, one thread. A source lives in its owner and may die in its own handler.
 * Time:    deadlines are boot clock nanoseconds (sys/clock.h); LOOP_NEVER is none.
 * Errors:  negative errno.
 */
#ifndef BATON_LOOP_H
#define BATON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_BATCH	32
#define LOOP_NEVER	UINT64_MAX

struct src {
	int fd;
	const char *name;
	void (*ready)(struct src *src, uint32_t events);	/* EPOLL* bits */
};

struct loop {
	int epfd;
	int timerfd;
	bool stop;
	int at, n;
	struct src *batch[LOOP_BATCH];
	/* Called once before every wait; returns the next deadline. The loop's owner decides there. */
	uint64_t (*turn)(void *arg);
	/* Told when one handler or the turn ("turn") took longer than slow_ns, or the CPU came that much
	 * later than the deadline ("wakeup"); NULL: not measured. */
	void (*slow)(void *arg, const char *name, uint64_t took_ns);
	uint64_t slow_ns;
	void *arg;
};

int loop_open(struct loop *l);
void loop_close(struct loop *l);

/* @src stays the caller's and must outlive its registration. @events: EPOLLIN, EPOLLOUT ... */
int loop_add(struct loop *l, struct src *src, uint32_t events);
int loop_mod(struct loop *l, struct src *src, uint32_t events);
/* Safe from any handler, its own included: @src is not called again. Does not close the fd. */
void loop_del(struct loop *l, struct src *src);

/* Until loop_stop() or an error of epoll itself. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
