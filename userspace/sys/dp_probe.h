/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_probe: does a datagram that comes in by an interface get as far as where its socket is chosen?
 *
 * A frame is put before the stack as if the interface had received it. Whatever filters packets on this host sees it; baton_lookup
 * counts what comes through and gives it to nobody, so an ICMP error goes to the sender that was named.
 * Errors:  negative errno.
 * Blocks:  DP_PROBE_NS at most, where it does not come through.
 * Threads: any one at a time.
 * Source:  kernel-notes/live-frames.md, kernel-notes/sk-lookup.md.
 */
#ifndef BATON_DP_PROBE_H
#define BATON_DP_PROBE_H

#include <stdint.h>

#include "sys/udp.h"

#define DP_PROBE_NS	UINT64_C(100000000)	/* another CPU may take it in (RPS) */

struct dp_probe {
	int map, pass;		/* of dp_local_prober() */
};

struct dp_probe_way {
	uint32_t ifindex;
	uint8_t mac[6];		/* the interface's */
	struct udp_addr from, to;
};

/* 1: it came through; 0: not. */
int dp_probe_run(const struct dp_probe *p, const struct dp_probe_way *way);

#endif
