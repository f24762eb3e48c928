/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/udp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill(union any *to, const struct udp_addr *from)
{
	memset(to, 0, sizeof(*to));
	if (!IN6_IS_ADDR_V4MAPPED(&from->ip)) {
		to->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(from->port), .sin6_addr = from->ip };
		return sizeof(to->v6);
	}
	to->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(from->port) };
	memcpy(&to->v4.sin_addr, &from->ip.s6_addr[12], 4);
	return sizeof(to->v4);
}

static void take(struct udp_addr *to, const union any *from)
{
	memset(to, 0, sizeof(*to));
	if (from->sa.sa_family == AF_INET6) {
		to->ip = from->v6.sin6_addr;
		to->port = ntohs(from->v6.sin6_port);
		return;
	}
	to->ip.s6_addr[10] = to->ip.s6_addr[11] = 0xff;
	memcpy(&to->ip.s6_addr[12], &from->v4.sin_addr, 4);
	to->port = ntohs(from->v4.sin_port);
}

int udp_asker(bool v4)
{
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int bind_to(int fd, const union any *at, socklen_t len, uint16_t *ret_port)
{
	union any is;
	struct udp_addr own;
	socklen_t is_len = sizeof(is);

	if (bind(fd, &at->sa, len) || getsockname(fd, &is.sa, &is_len))
		return -errno;
	take(&own, &is);
	*ret_port = own.port;
	return 0;
}

int udp_open(bool v4, uint16_t *ret_port)
{
	union any any = { .sa.sa_family = v4 ? AF_INET : AF_INET6 };
	int fd = udp_asker(v4), one = 1, err = 0;

	if (fd < 0)
		return fd;
	if (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)))
		err = -errno;
	if (!err)
		err = bind_to(fd, &any, v4 ? sizeof(any.v4) : sizeof(any.v6), ret_port);
	if (err)
		close(fd);
	return err ? err : fd;
}

int udp_open_at(const struct in6_addr *ip, uint16_t *ret_port)
{
	struct udp_addr at = { .ip = *ip };
	union any any;
	socklen_t len = fill(&any, &at);
	bool v4 = any.sa.sa_family == AF_INET;
	int fd = udp_asker(v4), one = 1, err = 0;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND, &one, sizeof(one)))
		err = -errno;
	if (!err)
		err = bind_to(fd, &any, len, ret_port);
	if (err)
		close(fd);
	return err ? err : fd;
}

int udp_send(int fd, const struct udp_addr *to, const void *data, size_t len)
{
	union any any;
	socklen_t any_len = fill(&any, to);

	return sendto(fd, data, len, MSG_NOSIGNAL, &any.sa, any_len) < 0 ? -errno : 0;
}

ssize_t udp_recv(int fd, struct udp_addr *ret_from, void *buf, size_t cap)
{
	union any from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, cap, 0, &from.sa, &len);

	if (n < 0)
		return -errno;
	take(ret_from, &from);
	return n;
}

int udp_source(int fd, const struct udp_addr *to, struct in6_addr *ret)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	union any any;
	socklen_t len = fill(&any, to);
	struct udp_addr own;

	connect(fd, &nobody, sizeof(nobody));	/* or the last answer would be kept */
	if (connect(fd, &any.sa, len))
		return -errno;
	len = sizeof(any);
	if (getsockname(fd, &any.sa, &len))
		return -errno;
	take(&own, &any);
	*ret = own.ip;
	return 0;
}
