/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sched: what happens next? A heap of events, and tasks: the threads of the simulated batonds, each with a
 * stack of its own, of which one at most runs, from one wait to the next, in no time at all.
 *
 * Wake-ups come a little late, as the host's state has it (host_wake_latency). A stopped process' tasks
 * and a frozen host's run when that has ended.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STACK_BYTES	(256 * 1024)
#define POOL		64

uint64_t sim_now;
struct task *me;

/* ---- events ----------------------------------------------------------------------------------- */

struct event {
	uint64_t at, seq;
	void (*fn)(void *arg, uint64_t a);
	void *arg;
	uint64_t a;
};

static struct event *heap;
static uint32_t heap_n, heap_cap;
static uint64_t next_seq;

static bool before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sched_at(uint64_t when, void (*fn)(void *arg, uint64_t a), void *arg, uint64_t a)
{
	struct event e = { when < sim_now ? sim_now : when, next_seq++, fn, arg, a };
	uint32_t i;

	if (heap_n == heap_cap) {
		heap_cap = heap_cap ? heap_cap * 2 : 1024;
		heap = realloc(heap, heap_cap * sizeof(*heap));
	}
	for (i = heap_n++; i && before(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
}

static struct event pop(void)
{
	struct event top = heap[0], last = heap[--heap_n];
	uint32_t i = 0, kid;

	while ((kid = 2 * i + 1) < heap_n) {
		if (kid + 1 < heap_n && before(&heap[kid + 1], &heap[kid]))
			kid++;
		if (!before(&heap[kid], &last))
			break;
		heap[i] = heap[kid];
		i = kid;
	}
	heap[i] = last;
	return top;
}

bool sched_step(uint64_t until)
{
	struct event e;

	if (!heap_n || heap[0].at > until)
		return false;
	e = pop();
	sim_now = e.at;
	e.fn(e.arg, e.a);
	return true;
}

/* ---- switching stacks ------------------------------------------------------------------------- */

void sim_switch(void **save_sp, void *load_sp);

#if defined(__x86_64__)
__asm__(".text\n.globl sim_switch\n.type sim_switch, @function\nsim_switch:\n"
	"	pushq %rbp\n	pushq %rbx\n	pushq %r12\n	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	movq %rsp, (%rdi)\n	movq %rsi, %rsp\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n	popq %r12\n	popq %rbx\n	popq %rbp\n	ret\n"
	".size sim_switch, . - sim_switch\n");

static void *first_sp(char *stack, void (*entry)(void))
{
	void **sp = (void **)(stack + STACK_BYTES);

	*--sp = NULL;			/* where entry() would return to: never */
	*--sp = (void *)entry;
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	return sp;
}
#elif defined(__aarch64__)
__asm__(".text\n.globl sim_switch\n.type sim_switch, %function\nsim_switch:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp]\n	stp x21, x22, [sp, #16]\n	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n	stp x27, x28, [sp, #64]\n	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n	stp d10, d11, [sp, #112]\n	stp d12, d13, [sp, #128]\n	stp d14, d15, [sp, #144]\n"
	"	mov x2, sp\n	str x2, [x0]\n	mov sp, x1\n"
	"	ldp x19, x20, [sp]\n	ldp x21, x22, [sp, #16]\n	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n	ldp x27, x28, [sp, #64]\n	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n	ldp d10, d11, [sp, #112]\n	ldp d12, d13, [sp, #128]\n	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n	ret\n");

static void *first_sp(char *stack, void (*entry)(void))
{
	uint64_t *sp = (uint64_t *)(stack + STACK_BYTES) - 20;

	memset(sp, 0, 160);
	sp[11] = (uint64_t)entry;
	return sp;
}
#else
#error "the simulation needs a stack switch for this machine: twenty lines, see above"
#endif

/* ---- tasks ------------------------------------------------------------------------------------ */

struct task {
	struct proc *proc;
	const char *name;
	void *sp;
	char *stack;
	void *(*run)(void *arg);
	void *arg;
	uint64_t gen;		/* of the present wait: older events are void */
	uint64_t deadline_ns;
	bool used, waits, pending, ended;
	bool held_up;		/* woken while its process stood still */
	bool realtime;
	void *cond;
};

static struct task pool[POOL];
static void *scheduler_sp;

static void entry(void)
{
	me->run(me->arg);
	me->ended = true;
	for (;;)
		sim_switch(&me->sp, scheduler_sp);
}

static void run(struct task *t)
{
	t->waits = t->pending = false;
	t->gen++;
	me = t;
	sim_switch(&scheduler_sp, t->sp);
	me = NULL;
}

static bool stands_still(const struct task *t)
{
	return t->proc->stopped || t->proc->host->frozen || !t->proc->host->on;
}

static void on_run(void *arg, uint64_t gen)
{
	struct task *t = arg;

	if (!t->used || t->ended || t->gen != gen || !t->pending)
		return;
	if (stands_still(t)) {
		t->held_up = true;
		return;
	}
	run(t);
}

static void soon(struct task *t)
{
	t->pending = true;
	sched_at(sim_now + host_wake_latency(t->proc->host, t->realtime), on_run, t, t->gen);
}

void task_wake(struct task *t)
{
	if (t && t->used && !t->ended && t->waits && !t->pending)
		soon(t);
}

static void on_deadline(void *arg, uint64_t gen)
{
	struct task *t = arg;

	if (!t->used || t->ended || t->gen != gen || !t->waits || t->pending)
		return;
	if (t->proc->host->frozen)
		return;		/* host_thaw() looks at deadlines again */
	if (host_now(t->proc->host) < t->deadline_ns)
		sched_at(host_sim_time(t->proc->host, t->deadline_ns), on_deadline, t, gen);
	else
		soon(t);
}

/* After a stop or a freeze: whoever was woken meanwhile, or would have been. */
void task_go_on(struct task *t);
void task_go_on(struct task *t)
{
	if (!t->used || t->ended)
		return;
	if (t->held_up) {
		t->held_up = false;
		soon(t);
	} else if (t->waits && !t->pending && t->deadline_ns != NEVER) {
		sched_at(host_sim_time(t->proc->host, t->deadline_ns), on_deadline, t, t->gen);
	}
}

void task_block(uint64_t deadline_ns)
{
	struct task *t = me;

	t->waits = true;
	t->deadline_ns = deadline_ns;
	if (deadline_ns != NEVER)
		sched_at(host_sim_time(t->proc->host, deadline_ns), on_deadline, t, t->gen);
	sim_switch(&t->sp, scheduler_sp);
}

void task_sleep(uint64_t ns)
{
	struct host *h = me->proc->host;
	uint64_t until = host_now(h) + ns;

	while (host_now(h) < until)
		task_block(until);
}

static void cont_later(void *arg, uint64_t life)
{
	struct proc *p = arg;

	if (p->life == life && p->alive)
		proc_cont(p->host);
}

static void stop_here(struct task *t, const char *where)
{
	struct proc *p = t->proc;

	tell(p->host, "FAULT stopped %s, for %llu us", where, (unsigned long long)p->stop_for_ns / 1000);
	proc_stop(p->host);
	sched_at(sim_now + p->stop_for_ns, cont_later, p, p->life);
	t->waits = t->pending = t->held_up = true;
	t->deadline_ns = NEVER;
	sim_switch(&t->sp, scheduler_sp);
}

/* Main is between two of its steps. */
void task_point(void)
{
	if (!me || me != me->proc->task[0] || !me->proc->stop_in || --me->proc->stop_in)
		return;
	stop_here(me, "in the middle of its work");
}

void task_point_of_store(void)
{
	if (!me->proc->stop_at_store)
		return;
	me->proc->stop_at_store = false;
	stop_here(me, "between deciding and storing a word");
}

static struct task *unused(void)
{
	for (int i = 0; i < POOL; i++)
		if (!pool[i].used)
			return &pool[i];
	fprintf(stderr, "sim: more than %d tasks\n", POOL);
	abort();
}

struct task *task_start(struct proc *p, const char *name, void *(*fn)(void *arg), void *arg)
{
	struct task *t = unused();
	char *stack = t->stack;
	uint64_t gen = t->gen;

	if (!stack)
		stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*t = (struct task){ .proc = p, .name = name, .stack = stack, .run = fn, .arg = arg, .gen = gen + 1,
			    .used = true, .waits = true, .deadline_ns = NEVER, .realtime = !strcmp(name, "pulse") };
	t->sp = first_sp(stack, entry);
	if (p->n_tasks == TASKS_MAX) {
		fprintf(stderr, "sim: a batond with more than %d threads\n", TASKS_MAX);
		abort();
	}
	p->task[p->n_tasks++] = t;
	soon(t);
	return t;
}

void task_forget(struct task *t);
void task_forget(struct task *t)
{
	t->used = false;
	t->gen++;
}

struct proc *task_proc(void)
{
	return me ? me->proc : NULL;
}

bool task_ended(const struct task *t)
{
	return t->ended;
}

void *task_cond(const struct task *t)
{
	return t->cond;
}

void task_set_cond(struct task *t, void *cond)
{
	t->cond = cond;
}

void sched_reset(void)
{
	heap_n = 0;
	next_seq = 0;
	sim_now = 0;
	me = NULL;
	for (int i = 0; i < POOL; i++) {
		pool[i].used = false;
		pool[i].gen++;
	}
}
