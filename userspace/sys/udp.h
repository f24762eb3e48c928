/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udp: datagrams to many from one socket, and where one would leave from.
 *
 * Sockets are not connected: an ICMP error reaches nobody. Addresses are 16 bytes, IPv4 v4-mapped, as everywhere here.
 * Errors:  negative errno. -EAGAIN: nothing there; on sending: the queue is full.
 * Blocks:  never.
 * Source:  ip(7), ipv6(7), udp(7).
 */
#ifndef BATON_UDP_H
#define BATON_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <netinet/in.h>

struct udp_addr {
	struct in6_addr ip;
	uint16_t port;		/* host order */
};

/* Any address and a port of the kernel's choice; close(2) ends it. */
int udp_open(bool v4, uint16_t *ret_port);
/* The same on @ip, be it there yet or not. */
int udp_open_at(const struct in6_addr *ip, uint16_t *ret_port);

int udp_send(int fd, const struct udp_addr *to, const void *data, size_t len);
ssize_t udp_recv(int fd, struct udp_addr *ret_from, void *buf, size_t cap);

/* The source address of a datagram to @to; @fd: of udp_asker(), its family @to's. */
int udp_asker(bool v4);
int udp_source(int fd, const struct udp_addr *to, struct in6_addr *ret);

#endif
