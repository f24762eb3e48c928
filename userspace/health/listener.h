/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listener: is there still a socket for each sip-port of each VIP where one has been seen?
 *
 * Where none was ever seen nothing can be lost (containers, DNAT). Lost means: two look-ups, at
 * least LISTENER_AGAIN_NS apart, found nothing (a reload closes and reopens in between); or one, when
 * the caller knows that the process is gone. News of closed sockets only says when to look.
 * Time:    boot clock. Errors: negative errno.
 * Memory:  one table, made in listener_open(); nothing afterwards.
 */
#ifndef BATON_LISTENER_H
#define BATON_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/service.h"
#include "sys/loop.h"

#define LISTENER_AGAIN_NS	1000000ULL	/* between the two look-ups */
#define LISTENER_ABSENT_NS	100000000ULL	/* between look-ups while there is none */
#define LISTENER_SLICE		256		/* look-ups in one turn of a periodic round */

struct listener;

/* @changed: a fact may be another now. Looks once at everything before it returns. */
int listener_open(struct listener **ret, struct loop *loop, const struct conf *conf,
		  void (*changed)(void *arg), void *arg);
void listener_close(struct listener *l);

/* What is due by @now_ns, and when there will be more to do. */
void listener_turn(struct listener *l, uint64_t now_ns);
uint64_t listener_next(const struct listener *l);

/* network-monitoring-timeout may be another now. */
void listener_retime(struct listener *l, const struct conf *conf, uint64_t now_ns);

/* The process is gone: one look is enough, now. */
void listener_confirm(struct listener *l, uint32_t slot, uint64_t now_ns);

enum fact_listener listener_fact(const struct listener *l, uint32_t slot);
/* The configuration has a port of which no socket was ever seen, on none of the VIPs. */
bool listener_unseen(const struct listener *l, uint32_t slot);
uint16_t listener_unseen_port(const struct listener *l, uint32_t slot);	/* the first such; 0: none */
/* One look found nothing and the second is still to come. */
bool listener_is_suspect(const struct listener *l, uint32_t slot);
/* "10.77.0.100:5060/udp", the first that is missing; "" when none is. */
const char *listener_missing(const struct listener *l, uint32_t slot, char *buf, uint32_t len);

#endif
