/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip: are the virtual addresses on this host's interfaces?
 *
 * All addresses of a group go in one netlink batch and count as done when the kernel has
 * acknowledged each. Always /32 or /128 without prefix route (design §3.3); IPv6 with nodad;
 * IPv4 labelled IFNAME:baton (cut to IFNAMSIZ); IPv6 deprecated (preferred lifetime 0), so that the
 * host never picks it for traffic of its own. Already there, or already gone, counts as done; when one
 * fails the others are still tried, and the first error is returned. vip_del() removes what vip_add()
 * made: the same address with another prefix length is somebody else's, and vip_present() still sees it.
 * One that is resident stands on lo, IPv4 of scope host: where the interface it would leave by has no address of its own the kernel
 * looks for a source on all others, and takes none of that scope.
 * The local route (type local, table local, no address) lets servers bind and be served before the
 * address is there; it stays when the address goes. A link that goes down takes IPv6 addresses and
 * routes along: call vip_route_add(), and vip_add() where due, when it is back.
 * Errors:  negative errno; which address and the kernel's own words (extended ack) in vip_why().
 * Threads: one at a time: main before the placer starts and after it ended, else the placer. Blocks: at most one netlink deadline (sys/nl.h) after the kernel has carried the
 *          batch out: 16 ms for 1000 IPv4 addresses; many IPv6 ones: kernel-notes/vip-addresses.md.
 */
#ifndef BATON_VIP_H
#define BATON_VIP_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "sys/nl.h"

/* rtm_protocol of every route that is ours: `ip route show table all proto 98` lists them. */
#define VIP_RTPROT	98

struct vip {
	struct in6_addr ip;	/* v4-mapped for IPv4 */
	uint32_t ifindex;	/* where it is announced, and where it stands unless ... */
	uint32_t home;		/* ... this is another: lo, for a VIP that is on both hosts; 0: it is not */
	uint8_t length;		/* of the prefix it was found with; 0: that of vip_add() */
};

int vip_add(struct nl *nl, const struct vip *vips, uint32_t n);
int vip_del(struct nl *nl, const struct vip *vips, uint32_t n);
/* Remove them whatever their prefix length: also what somebody else has put there. One dump. */
int vip_evict(struct nl *nl, const struct vip *vips, uint32_t n);
int vip_route_add(struct nl *nl, const struct vip *vips, uint32_t n);
int vip_route_del(struct nl *nl, const struct vip *vips, uint32_t n);
/* Does the kernel have them? Fills ret_present[n]; one dump. */
int vip_present(struct nl *nl, const struct vip *vips, uint32_t n, bool *ret_present);
/*
 * Remove what vip_add() and vip_route_add() of an earlier life made for @ips, on whatever interface: the configuration
 * may have lost them since. For the start. -E2BIG: there is more than one call removes.
 */
int vip_forget(struct nl *nl, const struct in6_addr *ips, uint32_t n);
/* "10.77.0.100 on eth0: Address already assigned" of the last failure. */
const char *vip_why(void);

#endif
