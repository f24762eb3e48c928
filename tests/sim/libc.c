/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libc: what batond's own object files call of libc and pthread, for tasks instead of threads. sim.mk renames the
 * calls (renames); everything here is called sim_NAME after the function it stands for.
 */
#include "sim.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libc_names.h"

/* ---- memory ----------------------------------------------------------------------------------- */

void *sim_malloc(size_t size)
{
	return sim_calloc(1, size);
}

void sim_free(void *p)
{
	if (!task_proc())
		free(p);
}

/* ---- time ------------------------------------------------------------------------------------- */

int sim_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t now = host_now(task_proc()->host);

	(void)id;
	*ts = (struct timespec){ (time_t)(now / NS_PER_S), (long)(now % NS_PER_S) };
	return 0;
}

/* ---- threads ---------------------------------------------------------------------------------- */

/* Tasks change hands only where they wait, so a lock is held by another only while its holder waits. */
int sim_pthread_mutex_lock(pthread_mutex_t *m)
{
	int *held = (int *)m;

	while (*held)
		task_sleep(10000);
	*held = 1;
	return 0;
}

int sim_pthread_mutex_unlock(pthread_mutex_t *m)
{
	*(int *)m = 0;
	return 0;
}

int sim_pthread_mutex_init(pthread_mutex_t *m, const void *attr)
{
	(void)attr;
	memset(m, 0, sizeof(*m));
	return 0;
}

int sim_pthread_cond_init(pthread_cond_t *c, const void *attr)
{
	(void)attr;
	memset(c, 0, sizeof(*c));
	return 0;
}

static int wait_until(pthread_cond_t *c, pthread_mutex_t *m, uint64_t deadline_ns)
{
	struct host *h = task_proc()->host;

	sim_pthread_mutex_unlock(m);
	task_set_cond(me, c);
	task_block(deadline_ns);
	task_set_cond(me, NULL);
	sim_pthread_mutex_lock(m);
	return deadline_ns != NEVER && host_now(h) >= deadline_ns ? ETIMEDOUT : 0;
}

int sim_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return wait_until(c, m, NEVER);
}

int sim_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t id, const struct timespec *ts)
{
	(void)id;
	return wait_until(c, m, (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec);
}

int sim_pthread_cond_broadcast(pthread_cond_t *c)
{
	struct proc *p = task_proc();

	for (uint32_t i = 0; i < p->n_tasks; i++)
		if (task_cond(p->task[i]) == c)
			task_wake(p->task[i]);
	return 0;
}

int sim_pthread_cond_signal(pthread_cond_t *c)
{
	return sim_pthread_cond_broadcast(c);
}

int sim_pthread_join(pthread_t thread, void **ret)
{
	struct task *t = (struct task *)thread;

	(void)ret;
	while (!task_ended(t))
		task_sleep(50000);
	return 0;
}

int sim_pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t id, const struct timespec *ts)
{
	struct task *t = (struct task *)thread;
	uint64_t until_ns = (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec;

	(void)ret;
	(void)id;
	while (!task_ended(t) && host_now(task_proc()->host) < until_ns)
		task_sleep(50000);
	return task_ended(t) ? 0 : ETIMEDOUT;
}

int sim_pthread_detach(pthread_t thread)
{
	(void)thread;
	return 0;
}

/* ---- descriptors ------------------------------------------------------------------------------ */

struct fd *fd_of(int fd);
struct fd *fd_of(int fd)
{
	struct proc *p = task_proc();

	return fd >= 3 && fd < PROC_FDS && p->fd[fd].kind ? &p->fd[fd] : NULL;
}

int fd_open(enum fd_kind kind);
int fd_open(enum fd_kind kind)
{
	struct proc *p = task_proc();

	for (int i = 3; i < PROC_FDS; i++)
		if (!p->fd[i].kind) {
			p->fd[i] = (struct fd){ .kind = kind };
			return i;
		}
	errno = EMFILE;
	return -1;
}

int sim_eventfd(unsigned initial, int flags)
{
	int fd = fd_open(FD_EVENT);

	(void)flags;
	if (fd >= 0)
		fd_of(fd)->count = initial;
	return fd;
}

int sim_close(int fd)
{
	struct fd *f = fd_of(fd);

	if (f)
		f->kind = FD_FREE;
	return f ? 0 : -1;
}

ssize_t sim_read(int fd, void *buf, size_t len)
{
	struct fd *f = fd_of(fd);

	if (!f || f->kind != FD_EVENT || !f->count || len < 8) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(buf, &f->count, 8);
	f->count = 0;
	return 8;
}

ssize_t sim_write(int fd, const void *buf, size_t len)
{
	struct fd *f = fd_of(fd);
	uint64_t n;

	if (!f || f->kind != FD_EVENT || len < 8) {
		errno = EBADF;
		return -1;
	}
	memcpy(&n, buf, 8);
	f->count += n;
	task_wake(f->waiter);
	return 8;
}

int sim_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask)
{
	uint64_t until = ts ? host_now(task_proc()->host) + (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec : NEVER;
	int ready = 0;

	(void)mask;
	for (int round = 0; round < 2 && !ready; round++) {
		if (round) {
			for (nfds_t i = 0; i < n; i++)
				fd_of(fds[i].fd)->waiter = me;
			if (host_now(task_proc()->host) < until)
				task_block(until);
		}
		for (nfds_t i = 0; i < n; i++) {
			struct fd *f = fd_of(fds[i].fd);

			fds[i].revents = f->kind == FD_EVENT && f->count ? POLLIN : 0;
			ready += fds[i].revents != 0;
		}
	}
	return ready;
}

/* ---- the pulse sockets ------------------------------------------------------------------------ */

unsigned sim_if_nametoindex(const char *name)
{
	return !strcmp(name, "eth0") ? 2 : !strcmp(name, "eth1") ? 3 : 0;
}

char *sim_if_indextoname(unsigned i, char *name)
{
	strcpy(name, i == 2 ? "eth0" : "eth1");
	return name;
}

int sim_socket(int family, int type, int proto)
{
	(void)family;
	(void)type;
	(void)proto;
	return fd_open(FD_PULSE);
}

int sim_setsockopt(int fd, int level, int opt, const void *val, socklen_t len)
{
	(void)len;
	if (level == SOL_SOCKET && opt == SO_BINDTODEVICE)
		fd_of(fd)->ifindex = sim_if_nametoindex(val);
	return 0;
}

int sim_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)fd;
	(void)sa;
	(void)len;
	return 0;
}

int sim_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)len;
	fd_of(fd)->peer = ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
	return 0;
}

int sim_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(host_ip(task_proc()->host->port, fd_of(fd)->ifindex - 2)) };

	memcpy(sa, &sin, sizeof(sin));
	*len = sizeof(sin);
	return 0;
}

ssize_t sim_send(int fd, const void *buf, size_t len, int flags)
{
	struct host *h = task_proc()->host;
	struct fd *f = fd_of(fd);
	uint32_t net = f->ifindex - 2;
	uint8_t mine[6], peers[6];
	struct frame *frame;

	(void)flags;
	if (!h->link[net]) {
		errno = ENETUNREACH;
		return -1;
	}
	frame = frame_new();
	host_mac(h, net, mine);
	host_mac(&host[!h->port], net, peers);
	net_udp(frame, mine, peers, host_ip(h->port, net), f->peer, PULSE_PORT, PULSE_PORT, buf, len);
	host_tx(h, net, frame);
	return (ssize_t)len;
}

ssize_t sim_recv(int fd, void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	(void)len;
	(void)flags;
	errno = EAGAIN;		/* XDP takes pulses before a socket sees them */
	return -1;
}

/* ---- the rest --------------------------------------------------------------------------------- */

ssize_t sim_getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)rng_next(&world);
	return (ssize_t)len;
}

int sim_mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	errno = EEXIST;
	return -1;
}

int sim_unlink(const char *path)
{
	struct disk_file *f = host_file(task_proc()->host, path, false);

	if (f)
		f->name[0] = '\0';
	return f ? 0 : -1;
}

int sim_access(const char *path, int mode)
{
	struct host *h = task_proc()->host;
	bool there = !strcmp(path, h->conf.state_dir) || host_file(h, path, false);

	errno = there ? EROFS : ENOENT;
	return there && !(mode & W_OK && h->disk_fails) ? 0 : -1;
}

int sim_rename(const char *from, const char *to)
{
	struct disk_file *f = host_file(task_proc()->host, from, false);

	errno = ENOENT;
	if (!f)
		return -1;
	sim_unlink(to);
	snprintf(f->name, sizeof(f->name), "%s", to);
	return 0;
}

int sim_getpid(void)
{
	return (int)task_proc()->life;
}
