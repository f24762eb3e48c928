/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolve: which addresses has a host of this name?
 *
 * The resolver may wait for many seconds, so it is asked in a thread of its own for which nobody waits, not even
 * whoever gives the question up.
 * Errors:  negative errno; -ENOENT: no such name, or nobody who knows could be asked.
 */
#ifndef BATON_RESOLVE_H
#define BATON_RESOLVE_H

#include <stdint.h>
#include <netinet/in.h>

#define RESOLVE_MAX	8	/* addresses; more are left out */

struct resolve;

int resolve_start(struct resolve **ret, const char *name);
/* How many addresses (v4-mapped for IPv4) are in @ret; -EAGAIN: no answer yet. */
int resolve_poll(const struct resolve *r, struct in6_addr ret[RESOLVE_MAX]);
void resolve_close(struct resolve *r);

#endif
