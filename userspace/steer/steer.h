/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer: the pools of this node: what is configured, who is active, what the kernel is told.
 *
 * Joins the files of this room: active.h (which server is active), hops (how to reach it), slow.h (frames that the
 * kernel left to us), and writes the maps. All functions are main's and never wait.
 * Time:    boot clock nanoseconds. Errors: negative errno.
 * Source:  design §4.7; the guide, Using SIP Proxy.
 */
#ifndef BATON_STEER_H
#define BATON_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"

struct dp;
struct loop;
struct steer;

/* @conf without [pool] sections: *@ret is NULL, which all functions take. @why (@len bytes): what went wrong. */
int steer_open(struct steer **ret, struct loop *loop, const struct conf *conf, struct dp *dp, char *why, size_t len);
void steer_close(struct steer *s);
/* The new configuration's pools; on an error all stay as they were. */
int steer_reload(struct steer *s, const struct conf *conf);
/* Returns when it wants to be called again. */
uint64_t steer_turn(struct steer *s, uint64_t now_ns);

/* How far a pool's drain has come. */
enum steer_drain { STEER_DRAIN_NONE, STEER_DRAIN_MOVING, STEER_DRAIN_DONE };

struct steer_drained {
	enum steer_drain state;
	uint8_t server;		/* that keeps its dialogs: 1 or 2; both (@reject): 0 */
	bool reject;		/* new INVITEs are refused */
	bool counted;		/* else what is left was last counted before it began */
	uint32_t calls;		/* dialogs left with it */
	uint32_t connections;
	uint64_t since_ns, deadline_ns;	/* 0: none */
};

/*
 * New dialogs go to the other server from the next frame on, those known stay with the active one. @reject: new INVITEs
 * are refused instead, nothing moves (the whole pair is to be stopped). @pool NULL: all of them, or none. -ENOENT: no such pool; -EALREADY; -EHOSTDOWN: the
 * other server does not answer and not @force; @why says it in a sentence.
 */
int steer_drain(struct steer *s, const char *pool, bool reject, bool force, char *why, size_t len);
int steer_undrain(struct steer *s, const char *pool, char *why, size_t len);
int steer_drained(const struct steer *s, const char *pool, struct steer_drained *ret);

/* ---- what is to be seen ---- */

struct steer_server_view {
	char host[BT_NAME_MAX];
	struct conf_endpoint at;
	const char *state;		/* unknown, answers, silent */
	uint32_t rtt_us;		/* 0: not measured */
	uint64_t answered_ns;		/* 0: never */
	uint32_t deaths, epoch;
	const char *role;		/* of its batond: unknown, backup, primary */
	uint32_t term;
	uint32_t ifindex;		/* the way to it; 0: none is known, @way says why */
	uint8_t next_mac[6];
	uint16_t mtu;
	char way[80];
	uint32_t calls, subscriptions, connections;	/* of its present life, as last counted */
	uint64_t packets, bytes;
};

struct steer_view {
	char name[BT_NAME_MAX];
	const char *forward;		/* l2, ipip, nat */
	uint32_t slot;
	uint8_t active;			/* 1, 2; 0: none */
	const char *cause;
	uint64_t since_ns;
	struct steer_server_view server[BT_SERVERS];
	struct steer_drained drained;
	struct bt_pool_count count;
};

/* @i: as in conf->pools; how many there are. */
uint32_t steer_pools(const struct steer *s);
int steer_of_slot(const struct steer *s, uint32_t slot);	/* its @i; -ENOENT */
int steer_view(struct steer *s, uint32_t i, struct steer_view *ret);
/* One sentence, when a pool's clients are not served; else NULL. */
const char *steer_trouble(const struct steer *s, uint32_t i, char *buf, size_t len);
/* The same, when one of the two is not there: the next death leaves nobody. */
const char *steer_alone(const struct steer *s, uint32_t i, char *buf, size_t len);

/* One decision in @every of each CPU is handed to @fn, until @every is 0. */
typedef void steer_trace_fn(void *arg, const struct bt_trace *t);
int steer_trace(struct steer *s, uint32_t every, steer_trace_fn *fn, void *arg);

#endif
