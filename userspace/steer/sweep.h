/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep: how many dialogs has each server, and which entries are over?
 *
 * A thread walks both tables in slices and deletes what core/dialog.h says is over. Threads: all functions are main's and
 * wait for nothing.
 */
#ifndef BATON_SWEEP_H
#define BATON_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"
#include "core/dialog.h"

struct dp;
struct sweep;

struct sweep_left {
	uint32_t calls, subscriptions, connections;	/* of the server's present life, not about to end */
};

struct sweep_report {
	uint32_t rounds;		/* whole walks so far: a count is of the last one */
	struct sweep_left left[1 + BT_POOLS_MAX][BT_SERVERS];
	struct sweep_left group[BT_GROUPS_MAX];
	uint64_t ended[DIALOG_END__N];	/* deleted so far, by reason */
};

/*
 * Of a group: what host @server has that began at @term or later. Without this nothing is counted of it. sweep_group()
 * returns the rounds.
 */
void sweep_of_group(struct sweep *s, uint32_t group, uint8_t server, uint64_t term);
uint32_t sweep_group(struct sweep *s, uint32_t group, struct sweep_left *ret);

int sweep_open(struct sweep **ret, struct dp *dp);
void sweep_close(struct sweep *s);
void sweep_report(struct sweep *s, struct sweep_report *ret);
/* Of one server. Returns the rounds. */
uint32_t sweep_left(struct sweep *s, uint32_t slot, uint8_t server, struct sweep_left *ret);

#endif
