/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PID_TOP		4194304	/* PID_MAX_LIMIT of 64-bit kernels */
#define FIRST_LINE	64
#define STATUS_MAX	4096	/* of /proc/PID/status, 1.5 KB */
#define CHILDREN_MAX	4096	/* 512 of them, and more where numbers are small */
#define STAT_MAX	512	/* so far the name and the parent come for sure */

static struct proc_pidfile writing_of(const struct stat *st)
{
	return (struct proc_pidfile){
		.dev = st->st_dev, .ino = st->st_ino, .size = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec, .mtime_ns = st->st_mtim.tv_nsec,
		.ctime_s = st->st_ctim.tv_sec, .ctime_ns = st->st_ctim.tv_nsec,
	};
}

bool proc_pidfile_changed(const char *path, const struct proc_pidfile *old)
{
	struct proc_pidfile now;
	struct stat st;

	if (stat(path, &st))
		return true;
	now = writing_of(&st);
	return memcmp(&now, old, sizeof(now)) != 0;
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r'))
		s++;
	return s;
}

/* Blanks, digits, blanks, end of line or text. Later lines are the server's own business. */
static int parse_pid(const char *s, const char *end, pid_t *ret)
{
	long pid = 0;

	s = skip_blanks(s, end);
	if (s == end || *s < '0' || *s > '9')
		return -EINVAL;
	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		pid = pid * 10 + (*s - '0');
		if (pid > PID_TOP)
			return -ERANGE;
	}
	s = skip_blanks(s, end);
	if ((s < end && *s != '\n') || !pid)
		return -EINVAL;
	*ret = (pid_t)pid;
	return 0;
}

static int read_pid(int fd, pid_t *ret_pid, struct proc_pidfile *ret_file)
{
	char buf[FIRST_LINE];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (ret_file)
		*ret_file = writing_of(&st);
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	n = pread(fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return n ? -errno : -ENODATA;
	return parse_pid(buf, buf + n, ret_pid);
}

int proc_pidfile_read(const char *path, pid_t *ret_pid, struct proc_pidfile *ret_file)
{
	/* Non-blocking: a FIFO must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0)
		return -errno;
	err = read_pid(fd, ret_pid, ret_file);
	close(fd);
	return err;
}

int proc_watch(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

bool proc_has_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLIN;
}

/* As text. None of these files waits for the process's memory, as cmdline would while a core is written. */
static int read_proc(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, cap - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? (int)n : 0;
}

int proc_is_dumping(pid_t pid)
{
	char buf[STATUS_MAX];
	const char *at;
	int err = read_proc(pid, "status", buf, sizeof(buf));

	if (err)
		return err;
	at = strstr(buf, "\nCoreDumping:");
	return at && strtol(at + sizeof("\nCoreDumping:") - 1, NULL, 10) == 1;
}

/* The name may contain anything, a bracket too: what is behind the last one counts. */
int proc_parent(pid_t pid, pid_t *ret)
{
	char buf[STAT_MAX];
	const char *at;
	int parent, err = read_proc(pid, "stat", buf, sizeof(buf));

	if (err)
		return err;
	at = strrchr(buf, ')');
	if (!at || sscanf(at, ") %*c %d", &parent) != 1)
		return -EINVAL;
	*ret = parent;
	return 0;
}

uint32_t proc_children(pid_t pid, pid_t *ret, uint32_t n)
{
	char name[40], buf[CHILDREN_MAX], *at = buf, *end;
	uint32_t i = 0;

	snprintf(name, sizeof(name), "task/%d/children", (int)pid);
	if (read_proc(pid, name, buf, sizeof(buf)))
		return 0;
	while (i < n) {
		long child = strtol(at, &end, 10);

		if (end == at || *end != ' ')	/* the last one may have been cut off: the kernel ends each with a blank */
			break;
		ret[i++] = (pid_t)child;
		at = end;
	}
	return i;
}

void proc_name(pid_t pid, char ret[PROC_NAME_MAX])
{
	char buf[PROC_NAME_MAX + 1] = "";	/* with the end of its line */

	if (read_proc(pid, "comm", buf, sizeof(buf)))
		buf[0] = '\0';
	snprintf(ret, PROC_NAME_MAX, "%.*s", (int)strcspn(buf, "\n"), buf);
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')	/* a char is signed: above ASCII is below blank */
			*c = '?';
}
