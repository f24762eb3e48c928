/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * way: how would this host reach an address: by which interface, next hop, Ethernet address, source?
 *
 * Errors:  negative errno, the kernel's own; -ENETUNREACH: no route; -EADDRINUSE: it is this host's own.
 * Threads: one at a time per struct nl. Blocks: at most one netlink deadline each (sys/nl.h).
 * Source:  rtnetlink(7); include/uapi/linux/neighbour.h: NTF_USE.
 */
#ifndef BATON_WAY_H
#define BATON_WAY_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "sys/nl.h"

struct way {
	uint32_t ifindex;
	struct in6_addr hop;	/* whose Ethernet address is wanted: the gateway, else the address itself; IPv4 v4-mapped */
	struct in6_addr from;	/* source that this host would take; 0: none was told */
	uint32_t mtu;		/* the route's own; 0: as the interface */
};

int way_find(struct nl *nl, const struct in6_addr *to, struct way *ret);

/* As the neighbour table has it: state NUD_*, 0 when it has none. -ENOENT: it does not know that one at all. */
int way_neighbour(struct nl *nl, const struct way *way, uint8_t ret_mac[6], uint16_t *ret_state);
/* As if a packet were to be sent there: unknown is asked for, old is asked again, fresh is left alone. */
int way_use(struct nl *nl, const struct way *way);

struct way_link {
	uint8_t mac[6];
	uint32_t mtu;
	bool up, ethernet;
};
int way_link(struct nl *nl, uint32_t ifindex, struct way_link *ret);

#endif
