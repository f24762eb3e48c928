/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * health: is this host's SIP server well, and can it be reached? Monitors bring facts, core/service
 * judges, one report per group goes up when the verdict changes.
 *
 * Monitors: process (pidfd; server-pidfile or server-unit), listener (sock_diag, destroy events
 * included), nic (link and carrier of the group's interface, by rtnetlink).
 * Threads: main only. Blocks: never longer than one netlink answer.
 */
#ifndef BATON_HEALTH_H
#define BATON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/service.h"
#include "sys/loop.h"

struct health;

/* @slot: index in conf.groups. Called on every change of verdict, its reason or its alarm. */
typedef void health_report_fn(void *arg, uint32_t slot, const struct service_verdict *verdict);

/* Starts every monitor and reports once per group before it returns. @conf must outlive it. */
int health_open(struct health **ret, struct loop *loop, const struct conf *conf,
		health_report_fn *report, void *arg);
void health_close(struct health *h);

/* Periodic look (pidfile appeared, unit restarted, resync); returns the next deadline. */
uint64_t health_turn(struct health *h, uint64_t now_ns);

/* Is the carrier of @dev there, by the newest rtnetlink fact? One not in the configuration: false. */
bool health_link_up(const struct health *h, const char *dev);

#endif
