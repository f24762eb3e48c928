/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: what is the main process of a systemd unit?
 *
 * Asked over D-Bus without ever waiting; where D-Bus does not answer, the unit's cgroup tells.
 * Errors:  negative errno. Blocks: never, but for the connect and the local files.
 */
#ifndef BATON_UNIT_H
#define BATON_UNIT_H

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

struct unit {			/* all zero: nothing asked */
	sd_bus *bus;
	pid_t pid;
	int state;		/* -EAGAIN until the answer is there */
};

/* Send the question; what was asked before is forgotten. */
int unit_ask(struct unit *u, const char *name);
/* -EAGAIN: not yet. -ESRCH: it has no main process now. 0 or any other error ends the asking. */
int unit_answer(struct unit *u, pid_t *ret_pid);
void unit_forget(struct unit *u);

/*
 * The first process of @name's cgroup that is no other one's child; @root is where cgroups are
 * mounted. -ESRCH: none, or no such cgroup.
 */
int unit_from_cgroup(const char *root, const char *name, pid_t *ret_pid);

#endif
