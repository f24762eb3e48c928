/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce: do the neighbours know who holds the VIPs now?
 *
 * IPv4: gratuitous ARP, request and reply form, broadcast; and by unicast to each router.
 * IPv6: unsolicited neighbour advertisement with override flag to ff02::1, and by unicast.
 * The first round of all VIPs goes out at once; of more than 128 the first form does, by two threads at a time, and the rest
 * follows, 32 frames a millisecond. Then rounds after 100 ms, 500 ms, 1 s, 2 s, 5 s, 10 s at no more than announce-rate
 * frames a second; a round whose time passed while an earlier one was still going out is left out. Frames leave by AF_PACKET.
 * A router found in the neighbour table is told by unicast, another one by a broadcast meant for it.
 * Errors:  negative errno. announce_start() says the first interface that could not be used (-ENETDOWN,
 *          -EOPNOTSUPP: no MAC, -ENODEV); the VIPs of the others are announced all the same.
 * Source:  RFC 5227 §3, RFC 4861 §7.2.6, RFC 9131.
 * Threads: main, but for announce_learn(); `announce` helps, where there are many VIPs. Blocks: never (a full queue is retried in
 *          the next turn), but for announce_learn(), which may wait for the kernel's rtnl lock.
 */
#ifndef BATON_ANNOUNCE_H
#define BATON_ANNOUNCE_H

#include <stdint.h>
#include <netinet/in.h>

#include "core/conf.h"
#include "ha/vip.h"

struct announce;

/* One per group. @vips stays the caller's. */
int announce_open(struct announce **ret, const struct vip *vips, uint32_t n, const struct in6_addr *routers,
		  uint32_t n_routers, uint32_t rate);
void announce_close(struct announce *a);
/* The VIPs are a cluster's, @form stays the caller's: told is the address that both hosts hear, never from it, and from the second round on. */
void announce_cluster(struct announce *a, const enum conf_cluster_mac *form);

/* Where are the routers now? Done once by announce_open(); from one other thread every now and then. */
void announce_learn(struct announce *a);

/* First round now, the rest from announce_turn(). Starts over when already running. */
int announce_start(struct announce *a, uint64_t now_ns);
void announce_stop(struct announce *a);
/* Send what is due; returns the next deadline, or LOOP_NEVER. */
uint64_t announce_turn(struct announce *a, uint64_t now_ns);

#endif
