/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/when.h"
#include "health/pinger.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/proc.h"
#include "sys/procev.h"

/* Nobody ends a worker by these in an orderly way, but for KILL: that is also the kernel's, out of memory. */
#define CRASHES		(PROCEV_SIGNAL(SIGSEGV) | PROCEV_SIGNAL(SIGABRT) | PROCEV_SIGNAL(SIGBUS) | PROCEV_SIGNAL(SIGILL) | \
			 PROCEV_SIGNAL(SIGFPE) | PROCEV_SIGNAL(SIGSYS) | PROCEV_SIGNAL(SIGKILL))
#define KEEN_NS		(200 * NS_PER_MS)	/* the kernel tells before it begins to dump */
#define KEEN_LOOK_NS	(2 * NS_PER_MS)
#define ASK_LOOK_NS	(10 * NS_PER_MS)	/* while questions are under way */
#define GREET_NS	NS_PER_S
#define GREETINGS	15			/* questions to a new server, until it answers one */
#define GENERATIONS	8			/* a worker's worker ... */
#define CLIMBS_MAX	200			/* in a second: others' crashes must not cost the loop its time */

/* Its number is its own only while its pidfd says that it lives. */
static bool lives(const struct crash_group *g)
{
	return g->process && g->process->src.fd >= 0 && !proc_has_ended(g->process->src.fd);
}

/* Another main process is another story. The end of one is told by health/process; its alarm stays. */
static void follow(struct crash_group *g)
{
	if (!lives(g)) {
		g->dumping = false;
		g->keen_ns = 0;
		g->worker = (struct worker){ 0 };
		if (g->main)
			g->main = -1;
		return;
	}
	if (g->main == g->process->pid)
		return;
	*g = (struct crash_group){ .name = g->name, .process = g->process, .main = g->process->pid, .main_ns = clock_now_ns() };
}

static void look_at_children(struct crash_group *g)
{
	g->n_children = proc_children(g->main, g->children, CRASH_CHILDREN);
}

static void look(const struct crash *c, struct crash_group *g, uint64_t now_ns)
{
	if (!g->dumping && proc_is_dumping(g->main) == 1 && lives(g)) {	/* so the number was its own all the while */
		g->dumping = true;
		log_event(LOG_ERR, "core dump", "group=%s pid=%d", g->name, (int)g->main);
	}
	if (c->src.fd >= 0 && now_ns >= g->keen_ns)
		look_at_children(g);
	g->look_ns = now_ns + (now_ns < g->keen_ns ? KEEN_LOOK_NS : c->src.fd < 0 ? CRASH_POLL_NS : CRASH_POLL_TOLD_NS);
}

/* Is @pid a descendant of @g's main process, by way of its parent @parent? */
static bool descends(struct crash *c, const struct crash_group *g, pid_t parent)
{
	for (int i = 0; i < GENERATIONS && parent > 1; i++) {
		if (parent == g->main)
			return true;
		if (c->climbs >= CLIMBS_MAX)
			return false;
		c->climbs++;
		if (proc_parent(parent, &parent))
			return false;
	}
	return false;
}

/* A main process that waits for its workers may be faster than the news, which then does not know whose it was. */
static bool was_seen(const struct crash_group *g, pid_t pid)
{
	for (uint32_t i = 0; i < g->n_children; i++)
		if (g->children[i] == pid)
			return true;
	return pid == g->found_pid;
}

static bool is_worker(struct crash *c, const struct crash_group *g, const struct procev *ev)
{
	return ev->parent ? descends(c, g, ev->parent) : was_seen(g, ev->pid);
}

static void describe(struct crash_group *g, const struct procev *ev)
{
	char name[PROC_NAME_MAX], how[48] = "has crashed";

	proc_name(ev->pid, name);
	if (name[0] || ev->pid != g->found_pid)	/* at its end it may be gone: then as it was called when the dump began */
		memcpy(g->found_name, name, sizeof(name));
	g->found_pid = ev->pid;
	if (ev->kind == PROCEV_END)
		snprintf(how, sizeof(how), "was ended by signal %d (%s)", ev->signal, sigabbrev_np(ev->signal));
	snprintf(g->found, sizeof(g->found), "%s (pid %d) %s", g->found_name[0] ? g->found_name : "a process",
		 (int)ev->pid, how);
}

/* A crash is told twice: when the core begins, by which the server is asked at once, and at its end, which knows more. */
static void note_worker(struct crash_group *g, const struct procev *ev, uint64_t now_ns)
{
	g->died = true;
	describe(g, ev);
	if (!g->tell_ns)
		g->tell_ns = now_ns + CRASH_SURE_NS;
	if (ev->kind == PROCEV_END)
		log_event(LOG_ERR, "worker died", "group=%s pid=%d signal=%s text=\"%s\"", g->name, (int)ev->pid,
			  sigabbrev_np(ev->signal), g->found);
}

void crash_note(struct crash *c, const struct procev *ev)
{
	uint64_t now = clock_now_ns();

	for (uint32_t s = 0; s < BT_GROUPS_MAX; s++) {
		struct crash_group *g = &c->groups[s];

		follow(g);
		if (g->main <= 0)
			continue;
		if (ev->pid == g->main) {
			g->keen_ns = now + KEEN_NS;
			look(c, g, now);
		} else if (is_worker(c, g, ev)) {
			note_worker(g, ev, now);
		}
	}
}

static void on_event(void *arg, const struct procev *ev)
{
	crash_note(arg, ev);
}

static void on_ready(struct src *src, uint32_t events)
{
	struct crash *c = (struct crash *)src;	/* src is its first member */

	(void)events;
	if (procev_read(src->fd, on_event, c) == -ENOBUFS)	/* something was not told: look at all */
		for (uint32_t s = 0; s < BT_GROUPS_MAX; s++)
			c->groups[s].look_ns = 0;
	c->changed(c->arg);
}

void crash_open(struct crash *c, struct loop *loop, void (*changed)(void *arg), void *arg)
{
	*c = (struct crash){ .src = { .fd = -1, .name = "crash", .ready = on_ready }, .loop = loop, .changed = changed, .arg = arg };
	c->err = procev_open(&c->src.fd, CRASHES);
	if (!c->err)
		c->err = loop_add(loop, &c->src, EPOLLIN);
	if (c->err && c->src.fd >= 0) {
		procev_close(c->src.fd);
		c->src.fd = -1;
	}
}

void crash_close(struct crash *c)
{
	if (!c->loop || c->src.fd < 0)
		return;
	loop_del(c->loop, &c->src);
	procev_close(c->src.fd);
	c->src.fd = -1;
}

void crash_watch(struct crash *c, uint32_t slot, const char *name, const struct process *process)
{
	c->groups[slot].name = name;
	c->groups[slot].process = process_fact(process) == PROCESS_NOT_WATCHED ? NULL : process;
	follow(&c->groups[slot]);
	c->groups[slot].main_ns = 0;	/* who runs when we begin is taken to have run for ever */
}

/* What an earlier server answered says nothing of this one. */
static struct worker_heard heard_of(const struct crash_group *g, struct pinger *pinger, uint32_t slot)
{
	struct ping_report r;

	pinger_server(pinger, slot, &r);
	return (struct worker_heard){
		.answered_to_ns = r.answered_to_ns > g->main_ns ? r.answered_to_ns : 0, .over = pinger_burst_ended(pinger, slot),
	};
}

/* Whether it answers at all is asked as soon as it is there: the pinger's own turn may be seconds away. */
static uint64_t greet(struct crash_group *g, struct pinger *pinger, uint32_t slot, uint64_t now_ns)
{
	uint64_t since;

	if (g->answers || g->greetings == GREETINGS)
		return LOOP_NEVER;
	g->answers = heard_of(g, pinger, slot).answered_to_ns;
	if (g->answers) {
		log_event(LOG_INFO, "server answers", "group=%s pid=%d to=OPTIONS", g->name, (int)g->main);
		return LOOP_NEVER;
	}
	if (now_ns >= g->greet_ns) {
		pinger_ask(pinger, slot, 1, WORKER_GAP_NS, &since);
		g->greetings++;
		g->greet_ns = now_ns + GREET_NS;
	}
	return g->greet_ns;
}

static uint64_t ask(struct crash_group *g, struct pinger *pinger, uint32_t slot, uint64_t now_ns)
{
	struct worker_heard heard;
	uint32_t asks;
	uint64_t since;

	if (g->worker.state == WORKER_QUIET && !g->died)
		return greet(g, pinger, slot, now_ns);
	heard = heard_of(g, pinger, slot);
	asks = worker_turn(&g->worker, &heard, now_ns);
	if (g->died && !asks)
		asks = worker_died(&g->worker, &heard);
	if (asks) {
		pinger_ask(pinger, slot, asks, WORKER_GAP_NS, &since);
		worker_asked(&g->worker, since, now_ns);
	}
	return g->worker.state == WORKER_QUIET ? LOOP_NEVER : now_ns + ASK_LOOK_NS;
}

/* A server that ends after its worker has an alarm of its own. */
static uint64_t tell(struct crash_group *g, uint64_t now_ns)
{
	if (g->tell_ns && now_ns >= g->tell_ns) {
		g->told = true;
		g->tell_ns = 0;
		g->clear_ns = now_ns + CRASH_KEEP_NS;
	}
	if (g->told && now_ns >= g->clear_ns)
		g->told = false;
	return g->tell_ns ? g->tell_ns : g->told ? g->clear_ns : LOOP_NEVER;
}

static uint64_t group_turn(struct crash *c, uint32_t slot, struct pinger *pinger, uint64_t now_ns)
{
	struct crash_group *g = &c->groups[slot];
	uint64_t next;

	follow(g);
	if (g->main <= 0)
		g->tell_ns = 0;
	next = tell(g, now_ns);
	if (g->main <= 0)
		return next;
	if (now_ns >= g->look_ns)
		look(c, g, now_ns);
	if (pinger)
		next = earlier(next, ask(g, pinger, slot, now_ns));
	g->died = false;
	return earlier(next, g->look_ns);
}

uint64_t crash_turn(struct crash *c, struct pinger *pinger, uint64_t now_ns)
{
	uint64_t next = LOOP_NEVER;

	if (now_ns - c->climb_ns >= NS_PER_S) {
		c->climb_ns = now_ns;
		c->climbs = 0;
	}
	for (uint32_t s = 0; s < BT_GROUPS_MAX; s++)
		if (c->groups[s].process)
			next = earlier(next, group_turn(c, s, pinger, now_ns));
	return next;
}

bool crash_is_dumping(const struct crash *c, uint32_t slot)
{
	return c->groups[slot].dumping;
}

enum fact_health crash_answers(const struct crash *c, uint32_t slot)
{
	return worker_fact(&c->groups[slot].worker);
}

const char *crash_worker(const struct crash *c, uint32_t slot)
{
	return c->groups[slot].told ? c->groups[slot].found : "";
}

const char *crash_found(const struct crash *c, uint32_t slot)
{
	return c->groups[slot].found;
}

int crash_connector(const struct crash *c)
{
	return c->err;
}
