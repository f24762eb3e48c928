/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * health: is this host's SIP server well, and can it be reached? Monitors bring facts, core/service
 * judges, one report per group goes up when the verdict changes.
 *
 * Monitors: process (pidfd; server-pidfile or server-unit), listener (sock_diag, destroy events
 * included), crash (proc connector, CoreDumping), nic (link and carrier of the group's interface, by rtnetlink),
 * network (what the guide's options ask for of NICs and addresses).
 * Threads: main only. Blocks: never longer than one netlink answer.
 */
#ifndef BATON_HEALTH_H
#define BATON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/conf.h"
#include "core/ping.h"
#include "core/service.h"
#include "sys/loop.h"

struct dp;
struct health;

/* What the conductor knows and a monitor needs to know of a group. */
struct health_input {
	bool primary;		/* the gate is open here */
	uint64_t primary_ns;	/* since then */
	bool peer_fresh;	/* what the peer said of the group is of the present */
	uint32_t peer_flags;	/* PULSE_F_*, as last heard; 0: never */
	bool peer_heard;	/* by any path */
	uint32_t unready;	/* INIT_BIT (core/init_check.h) of the conductor's parts that a takeover would miss */
	enum fact_health vip;	/* are the addresses as the role wants them? */
};

/* @slot: index in conf.groups. Called on every change of verdict, its reason or its alarm. */
typedef void health_report_fn(void *arg, uint32_t slot, const struct service_verdict *verdict);

/* Starts every monitor and reports once per group before it returns. @conf and @dp must outlive it. @dp: NULL: no counters. */
int health_open(struct health **ret, struct loop *loop, const struct conf *conf, struct dp *dp,
		health_report_fn *report, void *arg);
void health_close(struct health *h);

/* Before each turn. */
void health_tell(struct health *h, uint32_t slot, const struct health_input *in);

/* PULSE_F_ASKING ... PULSE_F_PASS: what our pulses are to say of what is seen here. */
uint32_t health_evidence(const struct health *h, uint32_t slot);

/* 0, or why the kernel does not tell of core dumps and dead workers, so that they are looked for. */
int health_crash_events(const struct health *h);
/* Grows whenever a VIP was added or removed here, by whomever; stays 0 without sip-iptakeover-monitoring. */
uint32_t health_vip_news(const struct health *h, uint32_t slot);

/* network-monitoring-timeout may be another now. */
void health_retime(struct health *h);

/* The server's process; 0: none, or not watched. */
pid_t health_server_pid(const struct health *h, uint32_t slot);

/* Periodic look (pidfile appeared, unit restarted, resync); returns the next deadline. */
uint64_t health_turn(struct health *h, uint64_t now_ns);

/* Is the carrier of @dev there, by the newest rtnetlink fact? One not in the configuration: false. */
bool health_link_up(const struct health *h, const char *dev);

/* conf.devices are others now. */
int health_reload(struct health *h);

/* Does it answer? @i: index in conf.devices. */
void health_device(const struct health *h, uint32_t i, struct ping_report *ret);
void health_server(const struct health *h, uint32_t slot, struct ping_report *ret);
/* Datagrams that came instead of answers. */
void health_refused(const struct health *h, uint64_t *ret_strangers, uint64_t *ret_malformed);

#endif
