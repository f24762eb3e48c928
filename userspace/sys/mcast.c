// SPDX-License-Identifier: GPL-2.0-or-later
#include "sys/mcast.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

static int another(struct mcast *m, int family)
{
	int fd;

	if (m->n == MCAST_SOCKETS)
		return -ENOBUFS;
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	m->fd[m->n++] = fd;
	return 0;
}

static int join_by(int fd, uint32_t ifindex, const struct in6_addr *group)
{
	struct group_req req = { .gr_interface = ifindex };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = *group };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	int level = IN6_IS_ADDR_V4MAPPED(group) ? IPPROTO_IP : IPPROTO_IPV6;

	memcpy(&v4.sin_addr, &group->s6_addr[12], sizeof(v4.sin_addr));
	if (level == IPPROTO_IP)
		memcpy(&req.gr_group, &v4, sizeof(v4));
	else
		memcpy(&req.gr_group, &v6, sizeof(v6));
	return setsockopt(fd, level, MCAST_JOIN_GROUP, &req, sizeof(req)) && errno != EADDRINUSE ? -errno : 0;
}

/* A socket may be full, or of the other family: the newest first. */
int mcast_join(struct mcast *m, uint32_t ifindex, const struct in6_addr *group)
{
	int err = -ENOBUFS;

	for (uint32_t i = m->n; i && err; i--)
		err = join_by(m->fd[i - 1], ifindex, group);
	if (!err)
		return 0;
	err = another(m, IN6_IS_ADDR_V4MAPPED(group) ? AF_INET : AF_INET6);
	return err ? err : join_by(m->fd[m->n - 1], ifindex, group);
}

void mcast_leave(struct mcast *m)
{
	while (m->n)
		close(m->fd[--m->n]);
}
