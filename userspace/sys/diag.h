/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diag: does a socket take what is sent to this address and port, which one has just gone, and let
 * this connection be gone.
 *
 * The question is put to the kernel's own receive lookup (sock_diag without dump), so wildcards,
 * dual stack, IPV6_V6ONLY and SO_REUSEPORT are judged as for a packet; a socket bound to a device is
 * not found.
 * Errors:  negative errno; see sys/nl.h for its deadline.
 * Blocks:  at most one netlink answer; diag_end_tcp() for one a connection. Source: kernel-notes/sock-diag.md.
 */
#ifndef BATON_DIAG_H
#define BATON_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "sys/nl.h"

#define DIAG_PORTS_MAX	240	/* what one jump of a classic BPF program can reach over */

struct diag_at {
	struct in6_addr ip;	/* v4-mapped for IPv4; all zero: any of either family */
	uint16_t port;		/* host order */
	uint8_t proto;		/* IPPROTO_UDP or IPPROTO_TCP */
};

/* For diag_there(). */
int diag_open(struct nl *nl);
/* 0: a listener takes it, -ENOENT: none does, other: not known. */
int diag_there(struct nl *nl, const struct diag_at *at);

/*
 * Be told of sockets that end, if their local port is one of @ports and they were not connected;
 * the kernel keeps everything else from us. -E2BIG: more than DIAG_PORTS_MAX.
 */
int diag_events_open(struct nl *nl, const uint16_t *ports, uint32_t n);
typedef void diag_ended_fn(void *arg, const struct diag_at *ended);
/* Hand over what waits. -ENOBUFS: some were lost, so look at everything. */
int diag_events(struct nl *nl, diag_ended_fn *ended, void *arg);

/*
 * End every TCP connection whose local address is @ours, listeners not: the peer gets a reset, the program here
 * ECONNABORTED. @ret_ended is written on errors too. -EOPNOTSUPP: a kernel without CONFIG_INET_DIAG_DESTROY.
 */
typedef bool diag_ours_fn(void *arg, const struct in6_addr *local);
int diag_end_tcp(struct nl *nl, diag_ours_fn *ours, void *arg, uint32_t *ret_ended);
/* Could it? 0, or -EOPNOTSUPP. Ends nothing. */
int diag_can_end(struct nl *nl);

#endif
