/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hearing: does every door of a cluster's network take in frames to the address that both hosts hear?
 *
 * Told by the form: unicast and multicast addresses go into the NIC's filter, of an IGMP or MLD group the host becomes a member.
 * A NIC that has no filter for further addresses takes in everything: the kernel sees to that, and it is said. A bridge has none that
 * fits (an entry in its table would keep frames from its other ports): it is told to take in everything, the last resort. A
 * macvlan never gets unicast to another address than its own: that is said too.
 * Threads: one at a time. Allocates nothing. Blocks: on the kernel's rtnl lock.
 */
#ifndef BATON_HEARING_H
#define BATON_HEARING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "sys/nl.h"

/* Of one door. */
struct hearing {
	bool wanted;		/* it is on a cluster's network */
	uint32_t groups;	/* whose VIPs were all asked about: bit i: conf->groups[i] */
	bool all;		/* takes in every frame there is */
	int err;		/* why it does not hear, or 0 */
	uint32_t times;		/* how often something was missing, and put back */
};

/* Whose networks is a door on: bit i: that of conf->groups[i], a cluster? */
uint32_t hearing_groups(struct nl *nl, const struct conf *conf, uint32_t ifindex, const char *name);
/*
 * XDP's mode there, as asked for; in mode = cluster `auto` is generic on a veth: its driver has told by the old address whom
 * a frame is for before XDP gives it the new one (kernel-notes/hear-another-address.md).
 */
enum conf_xdp hearing_xdp(const struct conf *conf, const char *name);
/* A veth with xdp-mode = native where a cluster's VIPs are: its server would get none of the frames. */
bool hearing_is_deaf(const struct conf *conf, const char *name);
#define HEARING_VETH "veth, in mode = cluster: its driver keeps what it made of a frame's address before XDP changed it"
/* @groups: bit i: the door is on the network of conf->groups[i], a cluster. Does it hear? What is missing is put back. */
void hearing_look(struct nl *nl, const struct conf *conf, uint32_t ifindex, uint32_t groups, struct hearing *h);
/* It need hear none of them any more. */
void hearing_forget(struct nl *nl, const struct conf *conf, uint32_t ifindex, uint32_t groups);
/* Of an earlier life's VIPs, whose configuration is not known any more: in no form. */
void hearing_forget_vips(struct nl *nl, const struct conf *conf, uint32_t ifindex, const struct in6_addr *ips, uint32_t n);

#endif
