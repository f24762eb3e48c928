/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * active: which server of each pool is active?
 *
 * Three witnesses: OPTIONS answered or not (the guide's oos-check and oos-force), a request that came *from* the
 * backup (st_pool_seen), and, where the pool's hosts run batond, what their kernels answer to the pulse questions of
 * observe_wire.h. core/pool.h decides. OPTIONS go to the servers' own addresses, any final answer is life, ICMP errors
 * are none of anything.
 * Threads: `active`, its own, sends, receives and looks; all functions are main's and never wait.
 * Time:    boot clock nanoseconds. Errors: negative errno; a secret that cannot be used is logged.
 * Source:  the guide, Using SIP Proxy; design §4.7.
 */
#ifndef BATON_ACTIVE_H
#define BATON_ACTIVE_H

#include <stdint.h>

#include "baton_abi.h"
#include "core/conf.h"
#include "core/pool.h"	/* struct active_report */

struct dp;
struct active;

/*
 * @changed: an eventfd of the caller's, made readable when an answer to active_report() changes. The pools' rows of cfg_pool are
 * filled before, here and in active_reload(): a pool's slot is found there, and who was active. @dp NULL: nobody's requests are seen.
 */
int active_open(struct active **ret, const struct conf *conf, struct dp *dp, int changed);
void active_close(struct active *a);	/* NULL is fine */
/*
 * A pool of the same name and servers keeps what is known of it, of the same name its deaths. An error: of the first pool
 * whose secret cannot be used; it goes on with OPTIONS alone, the others as configured. -ENOMEM: all stay as they were.
 */
int active_reload(struct active *a, const struct conf *conf);
/* @i: index in conf->pools as last given. */
void active_report(struct active *a, uint32_t i, struct active_report *ret);

struct active_counts {
	uint64_t asked, answered;	/* OPTIONS sent, repetitions among them; answers believed */
	uint64_t observed, told;	/* the same of questions to hosts */
	uint64_t strangers;		/* datagrams that answer nothing that was asked, or not as they should */
};

void active_counts(struct active *a, struct active_counts *ret);

#endif
