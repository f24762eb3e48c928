/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner: who runs the operator's scripts, and what became of them?
 *
 * A thread of its own, at ordinary priority: nothing that decides waits for a script, for the disk it lies on, or for
 * what it prints. Scripts of one lane run one after the other, in the order they were asked for; lanes do not wait for
 * each other. At the time-out the script's process group gets SIGTERM, 2 s later SIGKILL.
 * Output goes to the log by lines: printable, cut, RUNNER_LINES a run; the rest is read and counted.
 * Full:    of a full lane the oldest that waits is left out, as it is the newest that still matters; the log says which.
 * Threads: runner_ask() and runner_forget() from any.
 */
#ifndef BATON_RUNNER_H
#define BATON_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"

#define RUNNER_LINES	32	/* of one run */

enum runner_kind { RUN_NOTIFY, RUN_ALARM, RUN_VIP, RUN__N };

struct runner;

/* From the runner's thread, which holds its lock: do not call back. @code: 0 well, else exit code or 128 + signal, -1: left out. */
typedef void runner_done_fn(void *arg, uint32_t tag, int code);

struct runner_job {
	enum runner_kind kind;
	uint32_t slot;			/* of the group: a lane is a kind and a slot */
	const char *group;		/* for the log */
	const char *path;
	const char *const *args;	/* NULL-terminated, as in sys/spawn.h; copied */
	const char *const *env;
	uint64_t timeout_ns;
	runner_done_fn *done;		/* NULL: nobody wants to know */
	void *arg;
	uint32_t tag;
};

int runner_open(struct runner **ret);

/* @grace_ns: so long what was asked for may still be run; what runs then is left alone. */
void runner_close(struct runner *r, uint64_t grace_ns);

/* Never waits. -E2BIG: longer than any job may be; -ENOBUFS: no room, the log has it. */
int runner_ask(struct runner *r, const struct runner_job *job);

/* No done() with this @arg any more. */
void runner_forget(struct runner *r, const void *arg);

#endif
