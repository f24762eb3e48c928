/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence: does the gate stand on every door, and does nftables hold what it does not see?
 *
 * Two threads of its own, for others may hold the kernel's rtnl lock, or nftables', for longer than a lease, and
 * neither frames nor the main loop wait for them. `doors` puts back what somebody took off an interface; while a gate
 * is missing the backstop does not count that interface as gated. `fence` keeps the backstop.
 *
 * Per group it keeps two kinds of elements alive in nftables: `ready` while the word is open, armed, or let go within
 * its linger time, until GRACE after the lease; `open` while it is open, until the lease's own end. With the
 * controller dead both end by themselves. Their ends follow from word and lease alone, so a restarted controller
 * goes on where the one before it was.
 *
 * Threads: all calls from main. Allocates only in fence_open(), but for what libnftnl does in its thread.
 */
#ifndef BATON_FENCE_H
#define BATON_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "ha/doors.h"

struct fence;

struct fence_report {
	int nft_err;			/* of the last try to have the tables in place */
	char nft_why[HA_TEXT];
	bool egress;			/* this kernel has nftables' egress hook */
	uint32_t rebuilt;		/* how often the tables were put back after somebody's change */
	uint32_t ready, open;		/* bit per group: its elements are alive */
	struct door door[CONF_IFACES_MAX];
	uint32_t n_doors;
	bool more;			/* doors for which is no room */
};

/*
 * Start the threads; `fence` makes tables and elements as words and leases are then. @ifaces were attached by the caller,
 * the first @n_named are the configuration's. @done: an eventfd of the caller's, made readable at each news.
 * Without nftables this goes on and reports it, but not where xdp-mode is off: nothing would gate there.
 */
int fence_open(struct fence **ret, const struct conf *conf, struct dp *dp, const struct ha_iface_view *ifaces,
	       uint32_t n_ifaces, uint32_t n_named, int done);
const char *fence_why(void);

/* Ends the threads: from then on nobody puts back what is taken down. */
void fence_stop(struct fence *f);
/* @remove: the tables too, and what the doors were told of clusters. */
void fence_close(struct fence *f, bool remove);

/* A word has changed: see to its elements now. */
void fence_kick(struct fence *f);

/* There may be other pools now. */
void fence_take_pools(struct fence *f);

/* network-monitoring-timeout may be another now. */
void fence_retime(struct fence *f);

void fence_report(struct fence *f, struct fence_report *ret);

#endif
