/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawn: start an operator's script as if nobody in particular had, and never wait for it.
 *
 * No shell. The script has a session of its own, ordinary priority, directory / and umask 022, no signal blocked or
 * ignored, nothing of our environment or descriptors; stdin is empty, stdout and stderr come back through a pipe.
 * One that outlives us goes on: what it prints stays in the pipe, which holds 64 KB.
 * What is started first is this very program (spawn_child()): it looks at the script's file and becomes it. A disk that
 * hangs so hangs the child, which can be ended, and not whoever calls.
 * A script must be a regular executable file of root's, and nobody else may be able to write it, or to put another in
 * its place: every directory of its resolved path is root's, and open to others only with the sticky bit.
 * Errors:  negative errno.  Source: keepalived's enable_script_security and CVE-2018-19046; execve(2), setsid(2).
 */
#ifndef BATON_SPAWN_H
#define BATON_SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SPAWN_ARGS_MAX	8
#define SPAWN_ENV_MAX	12
#define SPAWN_WORD	"--run-script"	/* first argument by which main() knows to call spawn_child() */
#define SPAWN_REFUSED	126		/* exit code: the script was not run, its output says why */

struct spawn {
	pid_t pid;	/* and its session's */
	int pidfd;	/* readable when it has ended */
	int out;	/* what it prints; never blocks */
};

struct spawn_end {
	bool by_signal;
	int code;	/* exit code or signal */
};

/* Why @path must not be run, in @why ("is writable by others"); 0: it may, and @ret_real is where it really is. */
int spawn_check(const char *path, char ret_real[PATH_MAX], char *why, size_t len);

/* @args: what follows the program's name, @env: "NAME=value" beside PATH and LANG; both NULL-terminated. */
int spawn_script(const char *path, const char *const *args, const char *const *env, struct spawn *ret);

/* To all of its session's first process group. Only before spawn_reap() was true. */
void spawn_signal(const struct spawn *s, int number);

/* Has it ended? Then it is gone, its descriptors too. */
bool spawn_reap(struct spawn *s, struct spawn_end *ret);

/* One child that has ended and is not reaped, whoever started it; 0: none. A start in place inherits those of the last life. */
pid_t spawn_ended(void);
void spawn_forget(pid_t pid);

/* The child's part: @argv begins with the script. Returns an exit code when it could not become it. */
int spawn_child(char **argv);

#endif
