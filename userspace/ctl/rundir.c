/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl_wire.h"

static int __attribute__((format(printf, 4, 5)))
fail(int err, char *why, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, len, fmt, ap);
	va_end(ap);
	return err;
}

bool rundir_group(gid_t *ret)
{
	const struct group *g = getgrnam(CTL_GROUP);

	if (!g)
		return false;
	*ret = g->gr_gid;
	return true;
}

/* Best effort: without the group, or without the right to give away, root alone may ask. */
static void give_to_group(const char *path)
{
	gid_t gid;

	if (rundir_group(&gid) && chown(path, (uid_t)-1, gid))
		return;
}

/* A directory that others can write to would let them put their socket in the place of ours. */
static int dir_check(const char *dir, char *why, size_t len)
{
	struct stat st;

	if (stat(dir, &st))
		return fail(-errno, why, len, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(-ENOTDIR, why, len, "%s: not a directory", dir);
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return fail(-EPERM, why, len, "%s: must belong to uid %u and be writable by no one else (mode is %04o, uid %u)",
			    dir, (unsigned)geteuid(), (unsigned)st.st_mode & 07777, (unsigned)st.st_uid);
	return 0;
}

static int dir_make(const char *dir, char *why, size_t len)
{
	if (!mkdir(dir, 0700)) {
		give_to_group(dir);
		if (chmod(dir, 0750))	/* whatever the umask is */
			return fail(-errno, why, len, "%s: %s", dir, strerror(errno));
	} else if (errno != EEXIST) {
		return fail(-errno, why, len, "cannot make %s: %s", dir, strerror(errno));
	}
	return dir_check(dir, why, len);
}

static int in_use(const char *dir, long pid, char *why, size_t len)
{
	if (pid <= 0)		/* just started, or its queue is full: it has not said who it is */
		return fail(-EADDRINUSE, why, len, "another batond uses %s", dir);
	return fail(-EADDRINUSE, why, len, "another batond (pid %ld) uses %s", pid, dir);
}

static long read_pid(int fd)
{
	char text[24] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static int write_pid(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
}

/* The descriptor is kept open on purpose and by nobody: the lock ends with the process, not before. */
int ctl_lock(const char *run_dir, char *why, size_t len)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd, err = dir_make(run_dir, why, len);

	if (err)
		return err;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", run_dir, CTL_LOCK) >= sizeof(path))
		return fail(-ENAMETOOLONG, why, len, "%s: name too long", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(-errno, why, len, "%s: %s", path, strerror(errno));
	if (!fcntl(fd, F_OFD_SETLK, &whole)) {
		err = write_pid(fd);
		if (!err)
			return 0;
		fail(err, why, len, "%s: %s", path, strerror(-err));
	} else {
		err = errno == EAGAIN || errno == EACCES ? in_use(run_dir, read_pid(fd), why, len)
					   : fail(-errno, why, len, "%s: %s", path, strerror(errno));
	}
	close(fd);
	return err;
}

/* The pid that listens on @addr, 0 when nobody does. */
static long listener_pid(const struct sockaddr_un *addr)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	if (fd < 0)
		return 0;
	/* EAGAIN: somebody listens, but its queue is full. */
	alive = !connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN;
	if (alive && (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) || who.pid <= 0))
		who.pid = -1;
	close(fd);
	return alive ? who.pid : 0;
}

static int name_socket(const char *run_dir, struct sockaddr_un *addr, char *why, size_t len)
{
	int n;

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s", run_dir, CTL_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(addr->sun_path))
		return fail(-ENAMETOOLONG, why, len, "%s: too long for a socket's name (at most %zu bytes with /%s)",
			    run_dir, sizeof(addr->sun_path) - 1, CTL_SOCKET);
	return 0;
}

/* Nobody can connect before listen(), so the mode is right by the time it matters. */
static int bind_and_listen(int fd, const struct sockaddr_un *addr)
{
	if (unlink(addr->sun_path) && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return -errno;
	give_to_group(addr->sun_path);
	if (chmod(addr->sun_path, 0660) || listen(fd, CTL_CLIENTS_MAX))
		return -errno;
	return 0;
}

int rundir_listen(const char *run_dir, struct sockaddr_un *addr, char *why, size_t len)
{
	int fd, err = dir_make(run_dir, why, len);
	long pid;

	if (!err)
		err = name_socket(run_dir, addr, why, len);
	if (err)
		return err;
	pid = listener_pid(addr);
	if (pid)
		return in_use(run_dir, pid, why, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, why, len, "control socket: %s", strerror(errno));
	err = bind_and_listen(fd, addr);
	if (err) {
		close(fd);
		return fail(err, why, len, "%s: %s", addr->sun_path, strerror(-err));
	}
	return fd;
}
