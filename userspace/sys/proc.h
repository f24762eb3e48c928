/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc: which process does a pidfile name, has it ended, and what does the kernel say of one?
 *
 * A pidfile is written by somebody else: what is in it is either one number in range or refused.
 * Errors:  negative errno.
 */
#ifndef BATON_PROC_H
#define BATON_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Which writing of the file it was: one written anew differs, even with the same number in it. */
struct proc_pidfile {
	uint64_t dev, ino, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;	/* only ever compared for being equal */
};

/* Is the file at @path another one than @old, or gone? */
bool proc_pidfile_changed(const char *path, const struct proc_pidfile *old);

/*
 * The number in the first line of @path. -ENODATA: empty, -EINVAL: no plain file or no number,
 * -ERANGE: no pid can be so large. @ret_file, where given, is filled once the file could be opened.
 */
int proc_pidfile_read(const char *path, pid_t *ret_pid, struct proc_pidfile *ret_file);

/* A descriptor that becomes readable when @pid ends, with all its threads. -ESRCH: there is none. */
int proc_watch(pid_t pid);
/* A zombie, or gone. */
bool proc_has_ended(int pidfd);

#define PROC_NAME_MAX	16	/* TASK_COMM_LEN */

/* 1: its core is being written, 0: not; or -errno. A number may be used again: the caller holds a pidfd. */
int proc_is_dumping(pid_t pid);
/* Of @pid's whole process; also a zombie has one. */
int proc_parent(pid_t pid, pid_t *ret);
/* Those that @pid's first thread has started and not waited for, at most @n: how many; 0 also where the kernel does not say. */
uint32_t proc_children(pid_t pid, pid_t *ret, uint32_t n);
/* What it calls itself, without what would break a line of text; "" when it is gone. */
void proc_name(pid_t pid, char ret[PROC_NAME_MAX]);

#endif
