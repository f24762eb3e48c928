/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doors: on which interfaces could a VIP be reached, and does our gate stand on each?
 *
 * Linux is a weak host: it takes in on any interface what is for an address of another. So a door is not only what
 * the configuration names, but every Ethernet interface with an address inside a VIP's network, and those where pools' frames come in. A door once found
 * stays one until its interface goes. One without XDP or tc is not *gated*: there the backstop alone decides.
 * Threads: one at a time. Allocates nothing after doors_open().
 */
#ifndef BATON_DOORS_H
#define BATON_DOORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "ha/ha_view.h"
#include "ha/hearing.h"
#include "sys/dp.h"
#include "sys/iface.h"

struct door {
	uint32_t ifindex;		/* 0: the interface is gone */
	char name[IF_NAMESIZE];
	bool named;			/* by the configuration */
	bool off;			/* xdp-mode = off */
	bool moved;			/* came back under another number: addresses and heartbeat do not know it */
	bool gated;			/* XDP and tc were seen in place */
	enum dp_mode mode;		/* of XDP, when last attached */
	uint8_t mac[6];			/* that the kernel's own answers about VIPs bear here */
	uint32_t clusters;		/* bit per group: a cluster on whose network it is, */
	struct hearing hearing;		/* and whether it takes in what comes to their addresses */
	uint32_t first_ifindex;		/* that the rest of batond knows */
	uint32_t repairs;		/* how often the gate was put back, */
	uint64_t retry_ns;		/* when to try again after a failure */
	int err;			/* of the last try */
	char why[128];			/* the gate cannot be put back because ... */
	char refused[HA_WHY];		/* generic, although native was asked for first, because ...; "": it was not */
};

/* Frames of pools come in where a service's address is, and their servers' where these are reached. */
struct doors_pools {
	struct in6_addr service[CONF_POOLS_MAX * CONF_SERVICES_MAX], server[CONF_POOLS_MAX * BT_SERVERS];
	uint32_t n_services, n_servers;
};

#define DOORS_NETS	(CONF_VIPS_MAX + CONF_POOLS_MAX * CONF_SERVICES_MAX)

/* What a VIP's length says of its network. */
struct iface_net doors_net(const struct conf_addr *addr);
void doors_of_pools(const struct conf *conf, struct doors_pools *ret);

struct doors {
	const struct conf *conf;
	struct dp *dp;
	struct nl nl;
	struct iface_net nets[DOORS_NETS];
	uint32_t n_nets;
	struct doors_pools pools;
	struct door door[CONF_IFACES_MAX];
	uint32_t n;
	bool more;			/* there are doors for which is no room */
};

/* Names of the interfaces with an address inside a VIP's network, as they are now; for the start. */
int doors_find(const struct conf *conf, struct iface *ret, uint32_t max, uint32_t *ret_n);

/* @ifaces: those attached by the caller, of which the first @n_named are the configuration's. */
int doors_open(struct doors *d, const struct conf *conf, struct dp *dp, const struct ha_iface_view *ifaces, uint32_t n,
	       uint32_t n_named);
void doors_close(struct doors *d);
/* For good: the doors need hear no cluster any more. */
void doors_forget(struct doors *d);

/* Other pools than those of doors_open(). */
void doors_take_pools(struct doors *d, const struct doors_pools *pools);

/* Interfaces come and go, get addresses and names: look again at which there are. True: something is new. */
bool doors_list(struct doors *d);
/* Does the gate stand on each? @deep: tc too, which takes a dump, and its own Ethernet address. True: something is new. */
bool doors_look(struct doors *d, bool deep);
/* Put back what is missing; true: something was. */
bool doors_repair(struct doors *d, uint64_t now_ns);

#endif
