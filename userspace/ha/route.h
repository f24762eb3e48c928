/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route: do the group's `route = NET via GW` lines leave with the VIP as source?
 *
 * While this host is primary each stands in the main table with the group's first VIP of its family
 * as preferred source, marked with VIP_RTPROT. They come after the addresses and go before them: the
 * kernel refuses a source that is not there, and with the VIP's local route standing it does not
 * take them along when the address goes (kernel-notes/local-route.md).
 * An operator's own route to the same net stands back meanwhile, and counts again afterwards.
 * Errors:  negative errno; which route and the kernel's words in route_why(). -EADDRNOTAVAIL: the group
 *          has no VIP of the route's family. Already there, or already gone, counts as done.
 * Threads: as vip.h. Blocks: at most one netlink deadline (sys/nl.h).
 */
#ifndef BATON_ROUTE_H
#define BATON_ROUTE_H

#include <stdint.h>

#include "core/conf.h"
#include "ha/vip.h"

int route_add(struct nl *nl, const struct vip *vips, uint32_t n_vips, const struct conf_route *routes,
	      uint32_t n_routes, uint32_t ifindex);
int route_del(struct nl *nl, const struct conf_route *routes, uint32_t n_routes, uint32_t ifindex);
/* "10.88.0.0/16 via 10.77.0.1 on eth0: Nexthop has invalid gateway" of the last failure. */
const char *route_why(void);

#endif
