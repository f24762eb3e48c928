/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hops: by which interface and to which Ethernet address do frames for each server leave?
 *
 * A thread asks the kernel (route, neighbour, interface) at each of its events and once a second, and has it ask
 * neighbours whose answer is old: XDP cannot wait for one.
 * Threads: all functions are main's and never wait for the kernel.
 * Errors:  negative errno.
 */
#ifndef BATON_HOPS_H
#define BATON_HOPS_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "baton_abi.h"

#define HOPS_MAX	(BT_POOLS_MAX * BT_SERVERS)

struct hops;

struct hop {
	uint32_t ifindex;	/* 0: no way is known, @why */
	uint8_t next_mac[6], our_mac[6];
	struct in6_addr from;	/* our address on that way */
	uint16_t mtu;
	char why[80];
};

/* @changed: an eventfd of the caller's, made readable when an answer to hops_get() changes. */
int hops_open(struct hops **ret, int changed);
void hops_close(struct hops *h);
/* Whose ways are wanted: @i of hops_get() is the place in this list. */
void hops_want(struct hops *h, const struct in6_addr *servers, uint32_t n);
/* False: not looked at yet since hops_want(). */
bool hops_get(struct hops *h, uint32_t i, struct hop *ret);

#endif
