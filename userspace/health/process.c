/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/process.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys/clock.h"

#define CGROUP_ROOT	"/sys/fs/cgroup"
#define ASK_LOOK_NS	(5 * NS_PER_MS)		/* between looks for D-Bus's answer */

static void say(struct process *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct process *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
}

static void let_go(struct process *p)
{
	if (p->src.fd < 0)
		return;
	loop_del(p->loop, &p->src);
	close(p->src.fd);
	p->src.fd = -1;
}

static void on_ready(struct src *src, uint32_t events);

/* Watch @fd, a pidfd of @pid, instead of what was watched. */
static void hold(struct process *p, pid_t pid, int fd)
{
	let_go(p);
	p->src.fd = fd;
	p->pid = pid;
	p->ended_here = false;
	p->why[0] = '\0';
	if (loop_add(p->loop, &p->src, EPOLLIN)) {
		say(p, "pid %d cannot be watched: %s", (int)pid, strerror(errno));
		close(fd);
		p->src.fd = -1;
	}
}

/* Take up @pid if it lives; otherwise what is watched stays. */
static void follow(struct process *p, pid_t pid, const char *source)
{
	int fd = proc_watch(pid);

	if (fd >= 0 && !proc_has_ended(fd)) {
		hold(p, pid, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (p->src.fd >= 0)
		return;
	p->ended_here = true;	/* should the number be used again, it is not ours */
	say(p, "%s: pid %d: %s", source, (int)pid, strerror(fd < 0 ? -fd : ESRCH));
}

static const char *pidfile_trouble(int err)
{
	return err == -ENODATA ? "empty" : err == -EINVAL ? "holds no process number" :
	       err == -ERANGE ? "number too large" : strerror(-err);
}

static void look_at_pidfile(struct process *p)
{
	struct proc_pidfile file = { 0 };
	pid_t pid = 0;
	int err;

	if ((p->src.fd >= 0 || p->ended_here) && !proc_pidfile_changed(p->pidfile, &p->file))
		return;
	err = proc_pidfile_read(p->pidfile, &pid, &file);
	p->file = file;
	p->ended_here = false;
	if (!err && (p->src.fd < 0 || pid != p->pid))
		follow(p, pid, p->pidfile);
	else if (err && p->src.fd < 0)
		say(p, "%s: %s", p->pidfile, pidfile_trouble(err));
}

static void take_unit_answer(struct process *p, int err, pid_t pid)
{
	p->asking = false;
	unit_forget(&p->ask);
	if (err && err != -ESRCH)	/* D-Bus is not there, or silent */
		err = unit_from_cgroup(CGROUP_ROOT, p->unit, &pid);
	if (!err)
		follow(p, pid, p->unit);
	else
		say(p, "%s: %s", p->unit, err == -ESRCH ? "no main process" : strerror(-err));
}

static void ask_unit(struct process *p, uint64_t now_ns)
{
	int err = unit_ask(&p->ask, p->unit);

	p->ask_until_ns = now_ns + PROCESS_ASK_NS;
	p->asking = !err;
	if (err)
		take_unit_answer(p, err, 0);
}

static void unit_turn(struct process *p, uint64_t now_ns)
{
	pid_t pid = 0;
	int err;

	if (!p->asking && p->src.fd < 0 && now_ns >= p->ask_until_ns)
		ask_unit(p, now_ns);
	if (!p->asking)
		return;
	err = unit_answer(&p->ask, &pid);
	if (err != -EAGAIN || now_ns >= p->ask_until_ns)
		take_unit_answer(p, err, pid);
}

static uint64_t next_look(const struct process *p, uint64_t now_ns)
{
	if (p->pidfile[0])
		return now_ns + (p->src.fd < 0 ? PROCESS_ABSENT_NS : PROCESS_FOLLOW_NS);
	if (p->asking)
		return now_ns + ASK_LOOK_NS;
	return p->src.fd < 0 ? p->ask_until_ns : LOOP_NEVER;	/* asked for again when it ends */
}

static void look(struct process *p, uint64_t now_ns)
{
	if (p->pidfile[0])
		look_at_pidfile(p);
	else
		unit_turn(p, now_ns);
	p->next_ns = next_look(p, now_ns);
}

static void on_ready(struct src *src, uint32_t events)
{
	struct process *p = (struct process *)src;	/* src is its first member */

	(void)events;
	let_go(p);
	p->ended_here = true;
	say(p, "pid %d has ended", (int)p->pid);
	p->ask_until_ns = 0;
	look(p, clock_now_ns());	/* a restart may already have left its number */
	p->changed(p->arg);
}

static void wait_for_unit(struct process *p)
{
	while (p->asking) {
		poll(NULL, 0, 1);
		look(p, clock_now_ns());
	}
}

void process_open(struct process *p, struct loop *loop, const char *pidfile, const char *unit,
		  void (*changed)(void *arg), void *arg)
{
	*p = (struct process){
		.src = { .fd = -1, .name = "process", .ready = on_ready },
		.loop = loop, .pidfile = pidfile, .unit = unit, .changed = changed, .arg = arg,
		.next_ns = LOOP_NEVER,
	};
	if (!pidfile[0] && !unit[0])
		return;
	look(p, clock_now_ns());
	wait_for_unit(p);
}

void process_close(struct process *p)
{
	if (!p->loop)
		return;
	let_go(p);
	unit_forget(&p->ask);
	p->loop = NULL;
}

uint64_t process_turn(struct process *p, uint64_t now_ns)
{
	if (p->next_ns <= now_ns)
		look(p, now_ns);
	return p->next_ns;
}

enum fact_process process_fact(const struct process *p)
{
	if (!p->pidfile[0] && !p->unit[0])
		return PROCESS_NOT_WATCHED;
	return p->src.fd < 0 ? PROCESS_GONE : PROCESS_ALIVE;
}

const char *process_why(const struct process *p)
{
	return p->why;
}
