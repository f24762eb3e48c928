/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr: which address of which interface does a message of rtnetlink speak of?
 *
 * RTM_NEWADDR, RTM_DELADDR, and what a dump of addresses is made of.
 * Source:  rtnetlink(7).
 */
#ifndef BATON_ADDR_H
#define BATON_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <libmnl/libmnl.h>

#include "sys/nl.h"

struct addr {
	struct in6_addr ip;	/* v4-mapped for IPv4 */
	uint32_t ifindex;
	uint8_t length;		/* of its prefix */
};

/* False: none of IPv4 or IPv6, or one that lost duplicate detection: that is listed, but dead. */
bool addr_read(const struct nlmsghdr *nlh, struct addr *ret);

/* Every address of this host. -EINTR: they changed meanwhile, ask again. */
int addr_dump(struct nl *nl, mnl_cb_t each, void *arg);

#endif
