/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_steer: what is told to the kernel of pools, and what it tells of them? A part of dp.
 *
 * Errors:  as dp.h.
 * Threads: as dp.h; dp_walk() and dp_forget() by any one thread, the others by main.
 */
#ifndef BATON_DP_STEER_H
#define BATON_DP_STEER_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "baton_abi.h"

struct dp;

/* Mapped: what is stored there holds from the next frame on. Of pools, slot 0 is never one. */
struct bt_steer *dp_steer(struct dp *dp);
struct bt_pool *dp_pools(struct dp *dp);
const volatile struct bt_pool_seen *dp_pools_seen(struct dp *dp);
/* Who is active: one store. */
void dp_aim(struct dp *dp, uint32_t slot, uint64_t aim);

struct dp_place {
	struct in6_addr ip;	/* IPv4 as v4-mapped */
	__be16 port;
	struct bt_service is;
};

int dp_set_service(struct dp *dp, const struct dp_place *p);
int dp_del_service(struct dp *dp, const struct dp_place *p);	/* not there: 0 */
/* All of both families; how many, @max at most. */
int dp_services(struct dp *dp, struct dp_place *ret, uint32_t max);

/* Summed over CPUs. */
int dp_pool_count(struct dp *dp, uint32_t slot, struct bt_pool_count *ret);
int dp_steer_counts(struct dp *dp, struct bt_count ret[BT_S__N]);

/*
 * One slice of the dialogs in a table, one system call; begin with all 0. What comes or goes meanwhile may be missing or
 * be told twice. @done: that was the last.
 */
#define DP_WALK	512

struct dp_walk {
	bool begun, done;
	uint32_t at;		/* the kernel's */
	uint32_t n;
	uint64_t key[DP_WALK];
	struct bt_dialog row[DP_WALK];
};

int dp_walk(struct dp *dp, bool young, struct dp_walk *w);
int dp_forget(struct dp *dp, bool young, uint64_t key);		/* not there: 0 */

/* Descriptor of ev_trace for epoll; dp_traces() hands some of what waits there to @fn. Returns how many. */
typedef void dp_trace_fn(void *arg, const struct bt_trace *t);
int dp_trace_fd(struct dp *dp);
int dp_traces(struct dp *dp, dp_trace_fn *fn, void *arg);

#endif
