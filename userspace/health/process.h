/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process: is the SIP server's main process alive?
 *
 * Found once by pidfile or systemd unit, held by a pidfd from then on: its end is told at once, and
 * a number that is used again is not mistaken for it. A live process stays the watched one until it
 * ends or the pidfile names another live one; a number whose process has ended is believed again
 * only when the pidfile has been written anew. Limit: a stale pidfile found at start whose number
 * meanwhile belongs to another program (times on files are wall clock and prove nothing).
 * Time:    boot clock.
 * Blocks:  never, but process_open() up to PROCESS_ASK_NS for the unit's first answer.
 */
#ifndef BATON_PROCESS_H
#define BATON_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/service.h"
#include "sys/loop.h"
#include "sys/proc.h"
#include "sys/unit.h"

#define PROCESS_ABSENT_NS	100000000ULL	/* between looks while there is none */
#define PROCESS_FOLLOW_NS	500000000ULL	/* between looks for a pidfile written anew */
#define PROCESS_ASK_NS		500000000ULL	/* for D-Bus to answer, and between two questions */

struct process {
	struct src src;		/* fd: the pidfd, -1 when none */
	struct loop *loop;
	const char *pidfile, *unit;
	pid_t pid;		/* the watched one, or the last */
	struct proc_pidfile file;	/* as last read */
	bool ended_here;	/* what the pidfile names has ended; not written anew since */
	struct unit ask;
	bool asking;
	uint64_t next_ns, ask_until_ns;
	char why[128];		/* "" while alive */
	void (*changed)(void *arg);
	void *arg;
};

/* @pidfile or @unit, "" for the one not used; both "": not watched. They must outlive it. */
void process_open(struct process *p, struct loop *loop, const char *pidfile, const char *unit,
		  void (*changed)(void *arg), void *arg);
void process_close(struct process *p);
uint64_t process_turn(struct process *p, uint64_t now_ns);

enum fact_process process_fact(const struct process *p);
/* Why it counts as gone: "/run/x.pid: empty", "pid 711 has ended"; "" while alive. */
const char *process_why(const struct process *p);

#endif
