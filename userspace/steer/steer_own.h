/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer_own: what steer's files share. Nobody else includes it.
 *
 *   steer.c        life, and each turn: who is active, what follows from it
 *   steer_fill.c   which pool has which slot, and what the kernel is told of it
 *   steer_drain.c  which server keeps its dialogs while new ones go to the other?
 *   steer_view.c   how do pools look from outside?
 */
#ifndef BATON_STEER_OWN_H
#define BATON_STEER_OWN_H

#include "steer/active.h"
#include "steer/hops.h"
#include "steer/steer.h"
#include "steer/sweep.h"
#include "sys/dp.h"
#include "sys/dp_steer.h"
#include "sys/loop.h"

struct drain {
	enum steer_drain state;
	uint8_t server;		/* 0: both, new INVITEs are refused */
	bool forced;
	uint64_t since_ns, deadline_ns;	/* 0: set in the next turn; none */
	uint32_t rounds;	/* of the sweeper, when it began */
};

struct steered {
	struct conf_pool conf;
	uint32_t slot;
	struct active_report report;
	uint8_t kept;		/* active when an earlier life ended, until this one knows better; 0: none */
	uint8_t told;		/* active, as last logged */
	bool told_once;
	uint64_t active_ns;	/* since when it is */
	enum active_state state[BT_SERVERS];	/* as last logged */
	uint32_t deaths[BT_SERVERS];		/* of the report, those that its epoch counts */
	struct hop hop[BT_SERVERS];
	bool hop_known[BT_SERVERS];
	uint64_t lost_ns[BT_SERVERS];	/* since when no way is known; 0: one is */
	struct drain drain;
};

struct steer {
	struct loop *loop;
	struct dp *dp;
	struct active *active;
	struct hops *hops;
	struct sweep *sweep;
	struct src active_src, hops_src, trace_src;
	bool hops_news;
	struct steered pool[BT_POOLS_MAX];
	uint32_t n;
	uint64_t turn_ns;
	uint32_t trace_every;
	steer_trace_fn *trace_fn;
	void *trace_arg;
};

static inline struct bt_pool *steer_row(const struct steer *s, const struct steered *p)
{
	return &dp_pools(s->dp)[p->slot];
}

/* steer.c: what a report or a drain means for the kernel */
void steer_follow(struct steer *s, struct steered *p);

/* steer_view.c */
const char *steer_cause_text(const struct steered *p);

/* steer_fill.c */
int fill_key(struct steer *s);
/* Pools as @conf has them, each in its slot, in the order of the configuration; on an error @s is as it was. */
int fill_pools(struct steer *s, const struct conf *conf);
void fill_hop(struct steer *s, struct steered *p, int server);
void fill_aim(struct steer *s, struct steered *p, uint8_t active, uint8_t draining, uint8_t flags);
void fill_silent(struct steer *s, struct steered *p, int server, bool silent);
void fill_death(struct steer *s, struct steered *p, int server);	/* what it knew is gone */

/* steer_drain.c */
void drain_recall(struct steer *s, struct steered *p);		/* as the aim of an earlier life says */
void drain_turn(struct steer *s, struct steered *p);
uint8_t drain_active(const struct steered *p, uint8_t active);	/* who is active instead */

#endif
