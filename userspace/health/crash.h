/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash: is the SIP server dying while its sockets still stand, or has it lost a worker?
 *
 * A main process that writes its core keeps its sockets until that is done: it counts as ended from the moment
 * the kernel says CoreDumping. The proc connector (sys/procev.h) says when to look; without it there is a look every
 * CRASH_POLL_NS, and workers are not watched. A worker is any descendant of the main process; its end by a signal
 * of a crash makes the server be asked (core/worker.h).
 * Only for groups whose server has a name: server-pidfile or server-unit.
 * Threads: main only; never waits. Time: boot clock. Memory: none of its own.
 */
#ifndef BATON_CRASH_H
#define BATON_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/worker.h"
#include "health/process.h"
#include "sys/loop.h"
#include "sys/proc.h"

#define CRASH_POLL_NS		100000000ULL	/* looks at the main process without the connector, */
#define CRASH_POLL_TOLD_NS	1000000000ULL	/* and with it: it has fallen silent before (kernel-notes/proc-connector.md) */
#define CRASH_SURE_NS		1000000000ULL	/* a server that goes on so long after a worker's death is worth an alarm */
#define CRASH_KEEP_NS		3600000000000ULL	/* how long the alarm stands, if nobody starts the server anew */
#define CRASH_CHILDREN		256
#define CRASH_TEXT		128

struct pinger;
struct procev;

struct crash_group {
	const char *name;
	const struct process *process;	/* NULL: not watched */
	pid_t main;			/* whose story this is; 0: none yet, -1: it has ended */
	uint64_t main_ns;		/* known since then */
	pid_t children[CRASH_CHILDREN];	/* of it, as last looked at */
	uint32_t n_children;
	bool dumping;
	uint64_t look_ns;		/* next look at it */
	uint64_t keen_ns;		/* until then looks follow closely */
	bool answers;			/* it has answered an OPTIONS once */
	uint32_t greetings;		/* so many were sent to find that out */
	uint64_t greet_ns;
	struct worker worker;
	bool died;			/* a worker, and the server was not asked yet */
	pid_t found_pid;		/* the worker that died last, */
	char found_name[PROC_NAME_MAX], found[CRASH_TEXT];
	uint64_t tell_ns, clear_ns;	/* when that becomes an alarm, and when it ends; 0: never */
	bool told;
};

struct crash {
	struct src src;			/* fd: the connector's, -1: there is none */
	struct loop *loop;
	int err;			/* why not */
	struct crash_group groups[BT_GROUPS_MAX];
	uint64_t climb_ns;		/* second in which ... */
	uint32_t climbs;		/* ... so many strangers' ancestors were looked up */
	void (*changed)(void *arg);
	void *arg;
};

/* Without a connector there is polling. */
void crash_open(struct crash *c, struct loop *loop, void (*changed)(void *arg), void *arg);
void crash_close(struct crash *c);
void crash_watch(struct crash *c, uint32_t slot, const char *name, const struct process *process);

/* The kernel tells of a process, by the connector. */
void crash_note(struct crash *c, const struct procev *ev);

/* What is due, questions to the server included (@pinger may be NULL: nobody to ask); returns the next deadline. */
uint64_t crash_turn(struct crash *c, struct pinger *pinger, uint64_t now_ns);

bool crash_is_dumping(const struct crash *c, uint32_t slot);
/* Failed: it lost a worker and has left every question since unanswered. */
enum fact_health crash_answers(const struct crash *c, uint32_t slot);
/* "kamailio (pid 711) was ended by signal 11 (SEGV)"; "" when there is nothing to tell. Lives as long as @c. */
const char *crash_worker(const struct crash *c, uint32_t slot);
/* The same, of the last worker that died, whatever came of it. */
const char *crash_found(const struct crash *c, uint32_t slot);
/* 0, or why the kernel does not tell of crashes. */
int crash_connector(const struct crash *c);

#endif
