/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_local: which of two servers on this host gets what comes to a VIP's port? The kernel's part of `mode = single-host`.
 *
 * An object of its own (baton_lookup), loaded only where such a group is configured, on the maps that dp.c has pinned. Its
 * link on this network namespace and its maps are pinned beside the others (local-*): they go on without us. A link that is
 * found is given the new program in one step.
 * Errors:  negative errno; what the kernel said is left in dp_why().
 * Threads: dp_local_place(), dp_local_empty() and dp_local_know() any one thread, the rest main.
 */
#ifndef BATON_DP_LOCAL_H
#define BATON_DP_LOCAL_H

#include <stdint.h>
#include <netinet/in.h>

#include "sys/dp.h"
#include "sys/dp_probe.h"

struct dp_local;

int dp_local_open(struct dp_local **ret, struct dp *dp, const char *obj_dir);
/* What is pinned goes on. NULL is fine. */
void dp_local_close(struct dp_local *l);
/* Take all down that dp_local_open() put up, in this life or an earlier one; dp_local_close() is still due. */
int dp_local_remove(struct dp *dp);

/* Its descriptors are ours, and closed with us. */
void dp_local_prober(struct dp_local *l, struct dp_probe *ret);

int dp_local_set_way(struct dp_local *l, const struct in6_addr *ip, uint16_t port, uint8_t proto, const struct bt_local_way *way);

/* Of BT_GROUPS_MAX. */
volatile struct bt_local *dp_local_roles(struct dp_local *l);
volatile struct bt_local_seen *dp_local_seen(struct dp_local *l);

/* Socket @fd becomes the i-th of @server (1 or 2) in @row; the descriptor may be closed then. */
int dp_local_place(struct dp_local *l, uint32_t row, uint32_t server, uint32_t i, int fd);
/* Places from @i on are empty, and the row has so many. */
int dp_local_end(struct dp_local *l, uint32_t row, uint32_t server, uint32_t i);
/* One at least of those is open still: one that was closed has left its place. */
bool dp_local_has_any(struct dp_local *l, uint32_t row, uint32_t server);
/* The socket with this cookie is of @server; 0: of none. */
int dp_local_know(struct dp_local *l, uint64_t cookie, uint32_t server);

/* Summed over CPUs; zeros for NULL. */
int dp_local_counts(struct dp_local *l, struct bt_count ret[BT_L__N]);

#endif
