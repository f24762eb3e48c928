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
	uint32_t calls;		/* dialogs left with it */
	uint32_t connections;
	uint64_t since_ns, deadline_ns;	/* 0: none */
};

/*
 * New dialogs go to the other server from the next frame on, those known stay with the active one. @reject: new INVITEs
 * are refused instead, nothing moves (the whole pair is to be stopped). -ENOENT: no such pool; -EALREADY; -EHOSTDOWN: the
 * other server does not answer and not @force; @why says it in a sentence.
 */
int steer_drain(struct steer *s, const char *pool, bool reject, bool force, char *why, size_t len);
int steer_undrain(struct steer *s, const char *pool, char *why, size_t len);
int steer_drained(const struct steer *s, const char *pool, struct steer_drained *ret);

#endif
