/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_slow: the frames that the data path leaves to userspace, and the dialogs that it moves. A part of dp.
 *
 * Errors:  negative errno, as dp.h. -ENOENT: no such dialog or pool.
 * Threads: a struct dp_slow is one thread's; the others are any thread's.
 */
#ifndef BATON_DP_SLOW_H
#define BATON_DP_SLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

struct dp;
struct dp_slow;

int dp_slow_open(struct dp_slow **ret, struct dp *dp);
void dp_slow_close(struct dp_slow *s);		/* NULL is fine */
int dp_slow_fd(const struct dp_slow *s);	/* readable: something waits */
/* Hands at most @max to @fn, which must not keep the pointer. How many. */
typedef void dp_slow_fn(void *arg, const struct bt_slow *slow);
int dp_slow_read(struct dp_slow *s, uint32_t max, dp_slow_fn *fn, void *arg);

/* A copy of its row. -ENOENT too for a slot that no pool has. */
int dp_pool_get(struct dp *dp, uint32_t slot, struct bt_pool *ret);
int dp_dialog_get(struct dp *dp, uint64_t key, struct bt_dialog *ret, bool *ret_young);
/* It must be there: what was deleted meanwhile is not made anew. */
int dp_dialog_set(struct dp *dp, uint64_t key, bool young, const struct bt_dialog *d);

#endif
