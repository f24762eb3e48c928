/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/observed.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "observe_wire.h"
#include "sys/dp.h"

#define BUFFER	(64 * 1024)	/* what waits beyond this is lost: questions come again */

union any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct asked {
	union any from;
	socklen_t from_len;
	struct in6_addr ip, to;		/* IPv4 as v4-mapped */
	uint32_t ifindex;
	char msg[OBSERVE_BYTES + 1];
	size_t len;
};

/* ---- the port ------------------------------------------------------------------------------------ */

static void share(const int *own, uint32_t n, int yes)
{
	for (uint32_t i = 0; i < n; i++)
		(void)setsockopt(own[i], SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

static int take_port(bool v4, uint16_t port)
{
	union any any = { .sa.sa_family = v4 ? AF_INET : AF_INET6 };
	int fd = socket(any.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, size = BUFFER, err = 0;

	if (fd < 0)
		return -errno;
	if (v4)
		any.v4.sin_port = htons(port);
	else
		any.v6.sin6_port = htons(port);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if ((!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &any.sa, v4 ? sizeof(any.v4) : sizeof(any.v6)))
		err = -errno;
	if (err)
		close(fd);
	else
		share(&fd, 1, 0);
	return err ? err : fd;
}

int observed_open(struct observed *o, uint16_t port, const int *own, uint32_t n)
{
	*o = (struct observed){ .port = port, .left = OBSERVED_ROUND };
	share(own, n, 1);
	o->fd[0] = take_port(true, port);
	o->fd[1] = take_port(false, port);
	share(own, n, 0);
	if (o->fd[0] >= 0)
		return 0;
	n = (uint32_t)-o->fd[0];
	observed_close(o);
	return -(int)n;
}

void observed_close(struct observed *o)
{
	for (int i = 0; i < 2; i++) {
		if (o->fd[i] >= 0)
			close(o->fd[i]);
		o->fd[i] = -1;
	}
}

/* ---- a question ---------------------------------------------------------------------------------- */

static void map_v4(struct in6_addr *to, struct in_addr ip)
{
	memset(to, 0, sizeof(*to));
	to->s6_addr[10] = to->s6_addr[11] = 0xff;
	memcpy(&to->s6_addr[12], &ip, sizeof(ip));
}

/* Where it was sent to, and came in. */
static bool read_place(struct msghdr *m, struct asked *q)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = (const void *)CMSG_DATA(c);

			map_v4(&q->to, info->ipi_addr);
			map_v4(&q->ip, q->from.v4.sin_addr);
			q->ifindex = (uint32_t)info->ipi_ifindex;
			return true;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = (const void *)CMSG_DATA(c);

			q->to = info->ipi6_addr;
			q->ip = q->from.v6.sin6_addr;
			q->ifindex = (uint32_t)info->ipi6_ifindex;
			return true;
		}
	}
	return false;
}

/* -errno when there is nothing more; 0: not a question. */
static int read_question(int fd, struct asked *q)
{
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct iovec iov = { q->msg, sizeof(q->msg) };
	struct msghdr m = { .msg_name = &q->from, .msg_namelen = sizeof(q->from), .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	q->len = (size_t)n;
	q->from_len = m.msg_namelen;
	return n == OBSERVE_BYTES && (uint8_t)q->msg[offsetof(struct observe, type)] == OBSERVE_QUESTION && read_place(&m, q);
}

static size_t put_source(struct cmsghdr *c, const struct asked *q)
{
	struct in6_pktinfo v6 = { .ipi6_addr = q->to, .ipi6_ifindex = q->ifindex };
	struct in_pktinfo v4 = { .ipi_spec_dst.s_addr = q->to.s6_addr32[3] };
	bool is_v4 = q->from.sa.sa_family == AF_INET;
	size_t len = is_v4 ? sizeof(v4) : sizeof(v6);

	c->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), is_v4 ? (void *)&v4 : (void *)&v6, len);
	return CMSG_SPACE(len);
}

static void send_answer(int fd, struct asked *q, size_t len)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { .room = { 0 } };
	struct iovec iov = { q->msg, len };
	struct msghdr m = { .msg_name = &q->from, .msg_namelen = q->from_len, .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = &control, .msg_controllen = put_source(&control.head, q) };

	(void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void observed_answer(struct observed *o, int fd, struct dp *dp)
{
	struct asked q;
	int got, len;

	for (; o->left; o->left--) {
		got = read_question(fd, &q);
		if (got < 0)
			return;
		if (!got)
			continue;
		len = dp_pulse_by_hand(dp, q.ifindex, &q.ip, &q.to, o->port, q.msg, q.len, sizeof(q.msg));
		if (len > 0)
			send_answer(fd, &q, (size_t)len);
	}
}
