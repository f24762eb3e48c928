/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procev: which process of this machine begins to write its core, and which one was ended by a signal?
 *
 * The kernel's proc connector. It lives in the initial network namespace alone and counts by the initial pid
 * namespace; from another network namespace its socket is made there by a thread of a moment (setns, CAP_SYS_ADMIN).
 * A filter in the kernel keeps every other fork and exit from waking us.
 * Believed is the kernel only (nl_pid 0).
 * Errors:  negative errno; when the kernel does not acknowledge there is nothing to be told: -EOPNOTSUPP.
 * Source:  drivers/connector/cn_proc.c, <linux/cn_proc.h>.
 */
#ifndef BATON_PROCEV_H
#define BATON_PROCEV_H

#include <stdint.h>
#include <sys/types.h>

#define PROCEV_SIGNAL(n)	(UINT64_C(1) << (n))
#define PROCEV_BATCH		64	/* messages in one procev_read() */

enum procev_kind { PROCEV_DUMP, PROCEV_END };

struct procev {
	enum procev_kind kind;
	pid_t pid, parent;	/* whole processes, as /proc numbers them; parent 0: it had been waited for before this was told */
	int signal;		/* PROCEV_END: what ended it */
};

typedef void procev_fn(void *arg, const struct procev *ev);

/* @signals: mask of PROCEV_SIGNAL(): an end by another one is not told. *ret_fd does not block. */
int procev_open(int *ret_fd, uint64_t signals);
void procev_close(int fd);

/* What there is to be told, at most a batch of it. -ENOBUFS: some of it is lost; the socket goes on. */
int procev_read(int fd, procev_fn *fn, void *arg);

#endif
