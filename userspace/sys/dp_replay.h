/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_replay: the ring of requests and receipts, and frames put before the open gate once more.
 *
 * The ring is as long as it was made: pins that are found keep theirs. An entry that the kernel writes while it is read is not
 * returned; nobody waits.
 * Errors:  negative errno; dp_why() has the words.
 * Threads: dp_replay_want() before dp_open(); those that set main's; the others any one thread's.
 */
#ifndef BATON_DP_REPLAY_H
#define BATON_DP_REPLAY_H

#include "sys/dp.h"

/* How many entries a ring that is made anew has; 1 if nobody asks. */
void dp_replay_want(uint32_t slots);
uint32_t dp_replay_slots(const struct dp *dp);
/* Requests are kept, and what is overwritten younger than @window_ns is counted. 0: none are kept. */
int dp_set_replay(struct dp *dp, uint64_t window_ns);
int dp_set_receipt(struct dp *dp, uint32_t slot, const struct bt_receipt *way);

/* Number of the entry that comes next. */
uint64_t dp_replay_next(const struct dp *dp);
void dp_replay_counts(const struct dp *dp, struct bt_replay_at *ret);

/* Of a group: entries below the number belong to an opening that has been. Kept with the pins: the next batond knows it too. */
uint64_t dp_replay_done(const struct dp *dp, uint32_t slot);
void dp_replay_set_done(struct dp *dp, uint32_t slot, uint64_t number);

/* A whole entry, or what stands before its frame. -ENOENT: overwritten by a later one; -EAGAIN: not written yet. */
int dp_replay_get(const struct dp *dp, uint64_t number, struct bt_replay *ret);
int dp_replay_look(const struct dp *dp, uint64_t number, struct bt_replay *ret);

/* Let its frame come in once more by the interface that it came by, through the XDP program. One system call. */
int dp_replay_inject(struct dp *dp, const struct bt_replay *e);

/* Requests that came in to the group and have no final response yet, of all CPUs at this moment. One system call. */
uint64_t dp_replay_unanswered(struct dp *dp, uint32_t slot);

#endif
