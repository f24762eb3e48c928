/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socks: which sockets wait for packets at a port, and which of them are a process's, its children's included?
 *
 * Waiting: a TCP listener, or a UDP socket that is not connected. They are listed by sock_diag; whose they are say the
 * descriptors of /proc/PID/fd, and pidfd_getfd(2) gives us one of our own: it must be closed soon, for it keeps the
 * socket open when its process dies.
 * Errors:  negative errno; -EPERM from socks_take(): CAP_SYS_PTRACE is missing, or Yama forbids it.
 * Blocks:  several netlink answers, and a look at every descriptor of the processes: for a thread of its own.
 * Source:  kernel-notes/pidfd-getfd.md, kernel-notes/sock-diag.md.
 */
#ifndef BATON_SOCKS_H
#define BATON_SOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>

#define SOCKS_MAX	128	/* at one port */

struct socks_one {
	struct in6_addr ip;	/* v4-mapped for IPv4; all zero: any */
	uint8_t family, proto;
	bool v6only;
	uint32_t inode;
	uint64_t cookie;
	pid_t pid;		/* socks_owned(): who has it, 0: none of those asked for, */
	int fd;			/* and as which descriptor */
};

/* @ret[SOCKS_MAX]; returns how many there are, or -E2BIG. */
int socks_list(uint16_t port, struct socks_one *ret);
/* Fills pid and fd of those that @root or a descendant has. Returns how many, or why /proc could not be read. */
int socks_owned(pid_t root, struct socks_one *one, uint32_t n);
/* A descriptor of that very socket. -ESTALE: the process has another there by now. */
int socks_take(const struct socks_one *one);

#endif
