/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc: one life of a batond: its memory, its descriptors, its main loop; and the signals that stop or end it.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "ha/ha.h"
#include "ha/ha_own.h"

#define ARENA_BYTES	(16u << 20)

void task_go_on(struct task *t);
void task_forget(struct task *t);

/* ---- memory: gone with the process ------------------------------------------------------------ */

void *sim_calloc(size_t n, size_t size)
{
	struct proc *p = task_proc();
	size_t bytes = (n * size + 15) & ~(size_t)15;
	char *at;

	if (!p)
		return calloc(n, size);
	if (p->used + bytes > ARENA_BYTES)
		return NULL;
	at = p->arena + p->used;
	p->used += bytes;
	return memset(at, 0, bytes);
}

/* ---- main ------------------------------------------------------------------------------------- */

static struct fd *ready_fd(struct proc *p)
{
	for (int i = 0; i < PROC_FDS; i++) {
		struct fd *fd = &p->fd[i];

		if (fd->src && ((fd->kind == FD_EVENT && fd->count) || (fd->kind == FD_RING && p->host->kernel.ring_n)))
			return fd;
	}
	return NULL;
}

static void asked_done(void *arg, int code, const char *text)
{
	struct proc *p = arg;

	tell(p->host, "answered: %d %s", code, text);
}

static void take_requests(struct proc *p)
{
	if (p->again)
		return;
	if (p->term)
		ha_stop(p->ha);
	if (p->ask) {
		p->ask = false;
		ha_switchover(p->ha, NULL, p->force, 5 * NS_PER_S, asked_done, p);
	}
	if (p->fence)
		ha_fence(p->ha, "sip", p->force, asked_done, p);
	if (p->unfence)
		ha_unfence(p->ha, "sip", asked_done, p);
	if (p->renew && !ha_restart(p->ha)) {
		p->again = true;
		p->host->again_at = host_now(p->host);
	}
	p->fence = p->unfence = p->renew = false;
}

static bool has_requests(const struct proc *p)
{
	if (p->again)
		return false;
	return p->ask || p->fence || p->unfence || p->renew || (p->term && p->ha && !p->ha->stopping);
}

/* As loop_run() of userspace/sys/loop.c does it: turn, wait, handlers. */
static void run_loop(struct proc *p)
{
	struct fd *fd;
	uint64_t next;

	for (;;) {
		p->turn_at = host_now(p->host);
		next = ha_turn(p->ha, p->turn_at);
		if (ha_stopped(p->ha) || ha_left(p->ha))
			return;
		if (!ready_fd(p) && !has_requests(p) && host_now(p->host) < next)
			task_block(next);
		while ((fd = ready_fd(p)))
			fd->src->ready(fd->src, EPOLLIN);
		take_requests(p);
	}
}

static void *main_run(void *arg)
{
	static const struct ha_options opt = { .conf_file = "/etc/baton.conf", .obj_dir = "/obj", .version = "sim" };
	struct proc *p = arg;
	struct conf *conf = sim_calloc(1, sizeof(*conf));
	int err;

	*conf = p->host->conf;
	err = ha_open(&p->ha, &p->loop, conf, &opt, p->why, sizeof(p->why));
	if (err) {
		tell(p->host, "batond does not start: %s", p->why);
	} else {
		run_loop(p);
		ha_close(p->ha);
		tell(p->host, "batond has ended in order");
	}
	proc_end(p);
	return NULL;
}

/* ---- lives ------------------------------------------------------------------------------------ */

static void restart(void *arg, uint64_t life)
{
	struct host *h = arg;

	if (h->on && h->restarts && !h->proc.alive && h->proc.life == life)
		proc_start(h);
}

void proc_start(struct host *h)
{
	struct proc *p = &h->proc;

	if (!p->arena)
		p->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*p = (struct proc){ .host = h, .alive = true, .life = p->life + 1, .arena = p->arena, .turn_at = p->turn_at };
	tell(h, "batond starts");
	task_start(p, "main", main_run, p);
}

static void over(struct proc *p)
{
	for (uint32_t i = 0; i < p->n_tasks; i++)
		task_forget(p->task[i]);
	p->n_tasks = 0;
	p->alive = p->stopped = false;
	p->ha = NULL;
	p->dp = NULL;
	p->health = NULL;
}

void proc_kill(struct host *h)
{
	if (h->proc.alive)
		over(&h->proc);
}

/* By itself: as systemd has it, it is started again if it must be; or it has begun anew. */
void proc_end(struct proc *p)
{
	uint64_t life = p->life, ns = p->again ? p->host->exec_ns : 200 * NS_PER_MS;

	over(p);
	sched_at(sim_now + ns, restart, p->host, life);
}

void proc_stop(struct host *h)
{
	h->proc.stopped = h->proc.alive;
}

void proc_cont(struct host *h)
{
	struct proc *p = &h->proc;

	p->stopped = false;
	for (uint32_t i = 0; i < p->n_tasks; i++)
		task_go_on(p->task[i]);
}

void proc_poke(struct host *h)
{
	if (h->proc.alive && h->proc.n_tasks)
		task_wake(h->proc.task[0]);
}
