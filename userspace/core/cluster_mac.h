/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cluster_mac: by which Ethernet address do both hosts of a cluster hear a VIP?
 *
 * Pure. Both hosts, and everybody else who knows the VIP, come to the same answer.
 *
 *             10.1.2.3             IPv6, h: 32-bit hash of the address
 *   unicast   02:bf:0a:01:02:03    02:bf:h
 *   multicast 03:bf:0a:01:02:03    03:bf:h
 *   igmp      01:00:5e:7f:02:03    33:33:h'     of the groups 239.255.2.3 and ff15::h', h' = h with its highest bit set
 *
 * Two VIPs may have the same one (igmp: 10.1.2.3 and 10.9.2.3): both hosts hear the frames of both, and what is whose the IP
 * address says. Another pair's hosts then hear frames that are not theirs, and drop them.
 * Source:  the guide's NLB cluster; RFC 1112 §6.4, RFC 2365 (239.255/16), RFC 2464 §7, RFC 3307 §4.3 (groups with that bit).
 */
#ifndef BATON_CLUSTER_MAC_H
#define BATON_CLUSTER_MAC_H

#include "core/conf.h"

void cluster_mac(enum conf_cluster_mac form, const struct in6_addr *vip, uint8_t ret[6]);

/* The multicast group whose address that is, IPv4 as v4-mapped; false: the form has none. */
bool cluster_group(enum conf_cluster_mac form, const struct in6_addr *vip, struct in6_addr *ret);

#endif
