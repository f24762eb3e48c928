/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hear: does an interface take in frames that come to another Ethernet address than its own?
 *
 * All of it is the kernel's own state: it outlives the process, and going down and up (but for IPv6 groups, which go with the
 * interface's addresses). What is asked for twice is there once.
 * Errors:  negative errno, the kernel's own; -EEXIST: it was there already.
 * Threads: one at a time per struct nl. Blocks: at most one netlink deadline each (sys/nl.h).
 * Source:  bridge(8) fdb, rtnetlink(7); include/uapi/linux/neighbour.h: NTF_SELF; kernel-notes/hear-another-address.md.
 */
#ifndef BATON_HEAR_H
#define BATON_HEAR_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "sys/nl.h"

/* Further unicast or multicast addresses; -EOPNOTSUPP: this kind of interface has none. */
int hear_add(struct nl *nl, uint32_t ifindex, const uint8_t mac[6]);
int hear_del(struct nl *nl, uint32_t ifindex, const uint8_t mac[6]);

/* Member of a multicast group, IPv4 as v4-mapped; neighbours are told (IGMP, MLD). */
int hear_join(struct nl *nl, uint32_t ifindex, const struct in6_addr *group);
int hear_leave(struct nl *nl, uint32_t ifindex, const struct in6_addr *group);

/* Every frame there is: the last resort. */
int hear_all(struct nl *nl, uint32_t ifindex, bool on);

struct hear_link {
	char kind[16];		/* "bridge", "macvlan", ...; "": a NIC */
	bool all;		/* it hears every frame, whoever asked for it */
	bool told;		/* by hear_all(), or by somebody's `ip link set promisc on` */
};

int hear_link(struct nl *nl, uint32_t ifindex, struct hear_link *ret);

#endif
