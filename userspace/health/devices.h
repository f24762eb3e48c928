/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * devices: what do the pings of the [device]s say of this host (switchover-on-trunks-oos, switchover-on-msml-oos)?
 *
 * Looks at them when the pinger has news, and while all of a kind are out of service; core/resilience decides.
 * Every change of a device is logged, of many at once the first few.
 * Threads: main only; never waits. Time: boot clock.
 */
#ifndef BATON_DEVICES_H
#define BATON_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/resilience.h"
#include "health/pinger.h"

enum devices_kind { DEVICES_TRUNKS, DEVICES_MSML, DEVICES__N };

struct devices {
	const struct conf *conf;
	struct pinger *pinger;
	bool news;
	struct resilience_look look[BT_GROUPS_MAX][DEVICES__N];
	struct resilience story[BT_GROUPS_MAX][DEVICES__N];
	enum fact_health fact[BT_GROUPS_MAX][DEVICES__N];
	uint8_t was[CONF_DEVICES_MAX];	/* enum ping_state, as last told */
};

void devices_open(struct devices *d, const struct conf *conf, struct pinger *pinger);
/* The configuration has other devices now, and the pinger knows. */
void devices_changed(struct devices *d);
void devices_news(struct devices *d);

/* Before devices_turn(): is the peer heard, and what does it say (PULSE_F_*)? */
void devices_hear(struct devices *d, uint32_t slot, bool peer_fresh, uint32_t peer_flags);
/* Returns the next deadline. */
uint64_t devices_turn(struct devices *d, uint64_t now_ns);

/* FACT_NOT_WATCHED: the option is off, or there is nothing to ask. */
enum fact_health devices_fact(const struct devices *d, uint32_t slot, enum devices_kind kind);
/* PULSE_F_TRUNKS_OOS, PULSE_F_MSML_OOS: be the options on or off. */
uint32_t devices_evidence(const struct devices *d, uint32_t slot);

#endif
