/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * active: which server of each pool is active?
 *
 * Three witnesses: OPTIONS answered or not (the guide's oos-check and oos-force); a request that came *from* the
 * backup; and, where the pool's hosts run batond, the word that their kernels tell.
 * Threads: its own send and receive; all functions are main's and never wait. core/pool.h decides.
 * Time:    boot clock nanoseconds. Errors: negative errno.
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

/* @changed: an eventfd of the caller's, made readable when an answer to active_report() changes. */
int active_open(struct active **ret, const struct conf *conf, struct dp *dp, int changed);
void active_close(struct active *a);
int active_reload(struct active *a, const struct conf *conf);
uint64_t active_turn(struct active *a, uint64_t now_ns);
/* @i: index in conf->pools as last given. */
void active_report(struct active *a, uint32_t i, struct active_report *ret);

#endif
