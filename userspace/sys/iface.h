/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iface: which Ethernet interfaces of this host have an address inside certain networks, and what do they do with frames?
 *
 * Errors:  negative errno; -EINTR: addresses changed while they were read, ask again.
 * Threads: one at a time per struct nl. Blocks: at most one netlink deadline (sys/nl.h).
 * Source:  rtnetlink(7), netdevice(7).
 */
#ifndef BATON_IFACE_H
#define BATON_IFACE_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>
#include <netinet/in.h>

#include "sys/nl.h"

struct iface_net {
	struct in6_addr ip;	/* v4-mapped for IPv4 */
	uint8_t bits;		/* of these 128 that must be the same */
};

struct iface {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
};

/* What an interface does with frames; all 0 where it is gone. */
struct iface_traits {
	uint32_t mtu;
	bool rx_vlan;		/* takes VLAN tags out of frames that come in */
};

/* @fd: any socket of this network namespace. Takes the kernel's rtnl lock. */
void iface_traits(int fd, const char *name, struct iface_traits *ret);

/* Are there bridges, and do frames bridged here pass iptables and nftables (br_netfilter)? Takes rtnl. */
bool iface_bridge_filters(int fd);

/* Each once, in order of their numbers. At most @max: @ret_more tells that there are others. */
int iface_in_nets(struct nl *nl, const struct iface_net *nets, uint32_t n_nets, struct iface *ret, uint32_t max,
		  uint32_t *ret_n, bool *ret_more);

#endif
