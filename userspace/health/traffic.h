/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic: does SIP come in by the group's VIPs, or at least from the devices that are checked? sip-pass-check.
 *
 * Joins core/pass with the counters of the data path (st_live: one system call a VIP) and the pinger's reports. The
 * counters are looked at once a second, TRAFFIC_SLICE of them a turn; all at once before a verdict.
 * Threads: main only; never waits. Time: boot clock.
 */
#ifndef BATON_TRAFFIC_H
#define BATON_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/pass.h"

#define TRAFFIC_SLICE	64

struct dp;
struct health_input;
struct pinger;

struct traffic {
	const struct conf *conf;
	uint32_t slot;
	struct dp *dp;
	struct pinger *pinger;
	struct pass pass;
	struct pass_says says;
	uint64_t look_ns;		/* of the next round over the counters, */
	uint32_t at;			/* and which VIP it has come to */
	uint64_t sip_ns, device_ns;	/* last signs found */
	bool warned;			/* no device is checked */
};

/* @dp or @pinger NULL: what they would show is not seen. All must outlive it. */
void traffic_open(struct traffic *t, const struct conf *conf, uint32_t slot, struct dp *dp, struct pinger *pinger);

/* Returns the next deadline. */
uint64_t traffic_turn(struct traffic *t, const struct health_input *in, uint64_t now_ns);

enum fact_health traffic_fact(const struct traffic *t);
uint32_t traffic_evidence(const struct traffic *t);
/* What the verdict rests on, for people. */
void traffic_detail(const struct traffic *t, char *buf, size_t cap);

#endif
