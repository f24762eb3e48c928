/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow: what is done with the frames that the kernel leaves to userspace (ring ev_slow)?
 *
 * Kept INVITEs and the final answers that lead them elsewhere (sip-error-codes-overflow), new INVITEs that are refused
 * (shutdown-sip-reject-code), packets that must be cut for IPIP, requests of a server to its own service.
 * Threads: one of its own; all functions are main's and never wait.
 * Source:  the guide, sip-error-codes-overflow, shutdown-sip-reject-code; RFC 3261 §17.1.1.3 (ACK), §16.11 (stateless proxy).
 */
#ifndef BATON_SLOW_H
#define BATON_SLOW_H

#include <stdint.h>

#include "core/conf.h"

struct dp;
struct slow;

/* Errors: negative errno. NULL is a slow that does nothing: all functions take it. */
int slow_open(struct slow **ret, const struct conf *conf, struct dp *dp);
void slow_close(struct slow *s);
int slow_reload(struct slow *s, const struct conf *conf);

struct slow_counts {
	uint64_t kept, overflowed, not_kept;	/* INVITEs; answers that led one elsewhere; whose INVITE was not there any more */
	uint64_t rejected, cut, sent_on;
	uint64_t malformed, failed;		/* not understood; could not be sent */
};

void slow_counts(const struct slow *s, struct slow_counts *ret);

#endif
