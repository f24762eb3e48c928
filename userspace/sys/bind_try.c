/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/bind_try.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t fill(struct sockaddr_storage *to, const struct in6_addr *ip, uint16_t port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (!IN6_IS_ADDR_V4MAPPED(ip)) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		six->sin6_addr = *ip;
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	memcpy(&four->sin_addr, &ip->s6_addr[12], 4);
	return sizeof(*four);
}

/*
 * Bound to the loopback device the socket is in the way of everybody who would be in a server's way, but no lookup for a
 * frame finds it: neither the stack's nor that of the XDP program. It never listens, and is never read.
 */
static int take(int fd, const struct sockaddr_storage *at, socklen_t len)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof("lo")) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    (at->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    bind(fd, (const struct sockaddr *)at, len))
		return -errno;
	return 0;
}

int bind_try(const struct in6_addr *ip, uint16_t port, uint8_t proto)
{
	struct sockaddr_storage at;
	socklen_t len = fill(&at, ip, port);
	int type = proto == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM, err;
	int fd = socket(at.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	err = take(fd, &at, len);
	close(fd);
	return err;
}
