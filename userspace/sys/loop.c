/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"

int loop_open(struct loop *l)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	l->stop = false;
	l->at = l->n = 0;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->timerfd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epfd < 0 || l->timerfd < 0)
		return -errno;
	/* The timer's event carries no source: it only ends the wait. */
	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->timerfd, &ev) ? -errno : 0;
}

void loop_close(struct loop *l)
{
	close(l->timerfd);
	close(l->epfd);
}

static int control(struct loop *l, int op, struct src *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(l->epfd, op, src->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *l, struct src *src, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, src, events);
}

int loop_mod(struct loop *l, struct src *src, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, src, events);
}

void loop_del(struct loop *l, struct src *src)
{
	(void)control(l, EPOLL_CTL_DEL, src, 0);
	for (int i = l->at; i < l->n; i++)	/* it may already wait further down this batch */
		if (l->batch[i] == src)
			l->batch[i] = NULL;
}

static int set_deadline(struct loop *l, uint64_t at_ns)
{
	struct itimerspec it = { 0 };

	if (at_ns != LOOP_NEVER) {
		if (!at_ns)
			at_ns = 1;	/* all zero would disarm */
		it.it_value.tv_sec = (time_t)(at_ns / 1000000000ULL);
		it.it_value.tv_nsec = (long)(at_ns % 1000000000ULL);
	}
	return timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &it, NULL) ? -errno : 0;
}

static int wait_batch(struct loop *l, uint32_t events[LOOP_BATCH])
{
	struct epoll_event ev[LOOP_BATCH];
	uint64_t ticks;
	int n = epoll_wait(l->epfd, ev, LOOP_BATCH, -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		l->batch[i] = ev[i].data.ptr;
		events[i] = ev[i].events;
		if (!l->batch[i] && read(l->timerfd, &ticks, sizeof(ticks)) < 0)
			continue;	/* the deadline was moved meanwhile */
	}
	return n;
}

static void tell_slow(struct loop *l, const char *name, uint64_t began)
{
	uint64_t now = clock_now_ns();

	if (l->slow && now > began + l->slow_ns)
		l->slow(l->arg, name, now - began);
}

static void serve(struct loop *l, struct src *src, uint32_t events)
{
	const char *name = src->name;	/* it may die in its handler */
	uint64_t began = clock_now_ns();

	src->ready(src, events);
	tell_slow(l, name, began);
}

static uint64_t take_turn(struct loop *l)
{
	uint64_t began = clock_now_ns(), next = l->turn ? l->turn(l->arg) : LOOP_NEVER;

	tell_slow(l, "turn", began);
	return next;
}

int loop_run(struct loop *l)
{
	uint32_t events[LOOP_BATCH];
	uint64_t due;
	int err;

	while (!l->stop) {
		due = take_turn(l);
		err = set_deadline(l, due);
		if (err || l->stop)
			return err;
		l->n = wait_batch(l, events);
		if (l->n < 0)
			return l->n;
		if (due != LOOP_NEVER)
			tell_slow(l, "wakeup", due);
		for (l->at = 0; l->at < l->n; l->at++)
			if (l->batch[l->at])
				serve(l, l->batch[l->at], events[l->at]);
		l->at = l->n = 0;
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
