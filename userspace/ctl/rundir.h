/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rundir: is this run-dir ours, and ours alone?
 *
 * Errors:  negative errno, with one line in @why that names the path.
 * Source:  fcntl(2) on open file description locks, unix(7).
 */
#ifndef BATON_RUNDIR_H
#define BATON_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

/* Who beside root may ask: the gid of group `baton`, false when there is no such group. May block in NSS. */
bool rundir_group(gid_t *ret);

/*
 * The listening socket, non-blocking, 0660 root:baton. @addr gets its name, to be unlinked at the
 * end. Returns the descriptor.
 */
int rundir_listen(const char *run_dir, struct sockaddr_un *addr, char *why, size_t len);

#endif
