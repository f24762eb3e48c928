/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic: do the interfaces we need exist, are they up, and have they their carrier?
 *
 * By name: an interface that is deleted and made anew comes back with another index.
 * Errors:  negative errno. Table: NIC_MAX names, -ENOSPC beyond.
 */
#ifndef BATON_NIC_H
#define BATON_NIC_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>

#include "sys/loop.h"
#include "sys/nl.h"

#define NIC_MAX	64	/* one bit each in a mask */

struct nic_link {
	char name[IF_NAMESIZE];
	uint32_t ifindex;	/* 0: not there */
	bool up;
	bool met;		/* in the dump that runs */
};

struct nic {
	struct src src;
	struct loop *loop;
	struct nl ask, events;
	struct nic_link links[NIC_MAX];
	uint32_t n;
	bool stale;		/* the last look failed: look again */
	void (*changed)(void *arg);
	void *arg;
};

/* Name the interfaces with nic_name() first (on a zeroed struct), then open. */
int nic_name(struct nic *nic, const char *name, uint64_t *mask);
int nic_open(struct nic *nic, struct loop *loop, void (*changed)(void *arg), void *arg);
void nic_close(struct nic *nic);
/* Ask the kernel for everything: makes good what events were lost. */
int nic_look(struct nic *nic);
/* What one RTM_NEWLINK or RTM_DELLINK says; @arg is the struct nic. For who reads events of his own. */
int nic_take(const struct nlmsghdr *msg, void *arg);

bool nic_is_up(const struct nic *nic, const char *name);
/* Is that one of the interfaces in @mask? */
bool nic_has(const struct nic *nic, uint64_t mask, uint32_t ifindex);
/* Every interface in @mask. */
bool nic_all_up(const struct nic *nic, uint64_t mask);

#endif
