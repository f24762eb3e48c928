/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/socks.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/diag.h"
#include "sys/proc.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define DESCENDANTS	512

struct listing {
	uint16_t port;
	uint8_t proto;
	struct socks_one *ret;
	uint32_t n;
	bool more;
};

static void read_one(const struct inet_diag_msg *m, const struct nlmsghdr *msg, uint8_t proto, struct socks_one *ret)
{
	const struct nlattr *attr;

	*ret = (struct socks_one){ .family = m->idiag_family, .proto = proto, .inode = m->idiag_inode, .fd = -1,
				   .cookie = m->id.idiag_cookie[0] | (uint64_t)m->id.idiag_cookie[1] << 32 };
	if (m->idiag_family == AF_INET6) {
		memcpy(&ret->ip, m->id.idiag_src, sizeof(ret->ip));
	} else if (m->id.idiag_src[0]) {
		ret->ip.s6_addr[10] = ret->ip.s6_addr[11] = 0xff;
		memcpy(&ret->ip.s6_addr[12], m->id.idiag_src, 4);
	}
	mnl_attr_for_each(attr, msg, sizeof(*m))
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(attr) == 1)
			ret->v6only = mnl_attr_get_u8(attr);
}

static int on_sock(const struct nlmsghdr *msg, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(msg);
	struct listing *l = arg;

	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*m) || ntohs(m->id.idiag_sport) != l->port || m->id.idiag_dport || !m->idiag_inode)
		return MNL_CB_OK;
	l->more |= l->n == SOCKS_MAX;
	if (l->n < SOCKS_MAX)
		read_one(m, msg, l->proto, &l->ret[l->n++]);
	return MNL_CB_OK;
}

static int list_kind(struct nl *nl, uint8_t family, uint8_t proto, struct listing *l)
{
	char buf[256];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *ask = mnl_nlmsg_put_extra_header(req, sizeof(*ask));
	uint32_t before = l->n;
	int err = -EINTR;

	req->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	ask->sdiag_family = family;
	ask->sdiag_protocol = l->proto = proto;
	ask->idiag_states = 1u << (proto == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE);
	for (int i = 0; i < 3 && err == -EINTR; i++) {	/* the table changed meanwhile: once more */
		l->n = before;
		err = nl_dump(nl, req, on_sock, l);
	}
	return err;
}

int socks_list(uint16_t port, struct socks_one *ret)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 }, protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	struct listing l = { .port = port, .ret = ret };
	struct nl nl;
	int err = diag_open(&nl);

	if (err)
		return err;
	for (int i = 0; i < 4 && !err; i++)
		err = list_kind(&nl, families[i / 2], protos[i % 2], &l);
	nl_close(&nl);
	if (err)
		return err;
	return l.more ? -E2BIG : (int)l.n;
}

/* ---- whose ----------------------------------------------------------------------------------------- */

static uint32_t note_owner(pid_t pid, int fd, const char *link, struct socks_one *one, uint32_t n)
{
	uint32_t inode;
	char tail;

	if (sscanf(link, "socket:[%u%c", &inode, &tail) != 2 || tail != ']')
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (one[i].inode == inode && !one[i].pid) {
			one[i].pid = pid;
			one[i].fd = fd;
			return 1;
		}
	return 0;
}

/* How many of @one it has that nobody before it had. */
static int look_at(pid_t pid, struct socks_one *one, uint32_t n)
{
	char path[64], link[64];
	const struct dirent *entry;
	int found = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return -errno;
	while ((entry = readdir(d))) {
		ssize_t len = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = '\0';
		found += (int)note_owner(pid, atoi(entry->d_name), link, one, n);
	}
	closedir(d);
	return found;
}

/* Breadth first: most servers' sockets are the first process's too. */
int socks_owned(pid_t root, struct socks_one *one, uint32_t n)
{
	static __thread pid_t pids[DESCENDANTS];
	uint32_t n_pids = 1;
	int found = 0, err = 0;

	pids[0] = root;
	for (uint32_t i = 0; i < n_pids && (uint32_t)found < n; i++) {
		int got = look_at(pids[i], one, n);

		if (got < 0 && !i)
			err = got;
		found += got > 0 ? got : 0;
		n_pids += proc_children(pids[i], &pids[n_pids], DESCENDANTS - n_pids);
	}
	return found ? found : err;
}

static bool is_it(int fd, uint64_t cookie)
{
	socklen_t len = sizeof(cookie);
	uint64_t is = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_COOKIE, &is, &len) && is == cookie;
}

int socks_take(const struct socks_one *one)
{
	int pidfd = proc_watch(one->pid), fd;

	if (pidfd < 0)
		return pidfd;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, one->fd, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	if (fd >= 0 && !is_it(fd, one->cookie)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}
