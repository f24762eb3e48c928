/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mcast: multicast groups that an interface is to hear, by sockets that themselves hear nothing.
 *
 * A NIC, and a switch that snoops, lets in what some socket of its host has joined. One socket has room for a few (IPv4: 20, as
 * net.ipv4.igmp_max_memberships has it; IPv6: what net.core.optmem_max has room for), so there are as many as it takes. They end
 * with the process, or with the interface.
 * Errors:  negative errno; -ENOBUFS: there are more groups than all sockets have room for.
 * Source:  RFC 3678 §5.1, ip(7), ipv6(7).
 */
#ifndef BATON_MCAST_H
#define BATON_MCAST_H

#include <stdint.h>
#include <netinet/in.h>

#define MCAST_SOCKETS	96	/* 1,024 groups of IPv4, 20 each, and some */

/* All 0: nothing joined. */
struct mcast {
	int fd[MCAST_SOCKETS];
	uint32_t n;
};

/* @group: IPv4 as v4-mapped. Joined already: 0. */
int mcast_join(struct mcast *m, uint32_t ifindex, const struct in6_addr *group);
/* All of them. */
void mcast_leave(struct mcast *m);

#endif
