/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resilience: has this host lost all its trunks (or all its media servers), and the peer has not?
 *
 * All out of service is evidence at once: the peer is told, and looks for itself. It is a verdict only when each was asked
 * once more in vain and the peer has had the time of such a look, and says nothing of the kind: what both see
 * moves nothing, whoever saw it first. Told no more by the peer, or heard of it anew: the look begins again.
 * Without a fresh peer nothing is decided: there is nobody to take the role.
 * Pure. Time: boot clock nanoseconds, passed in.
 * Source:  the guide, switchover-on-trunks-oos, switchover-on-msml-oos, 'Enhanced HA Resilience for Network Disruptions'.
 */
#ifndef BATON_RESILIENCE_H
#define BATON_RESILIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/ping.h"
#include "core/service.h"

#define RESILIENCE_GRACE_NS	UINT64_C(1000000000)	/* for pulses and a busy host, on top of the peer's look */
#define RESILIENCE_PACE_NS	UINT64_C(1000000)	/* between two devices that are asked out of turn */

/* The devices that count, as they are now. */
struct resilience_look {
	uint32_t n, out;		/* checked ones; of those, out of service */
	uint64_t silent_to_ns;		/* each was asked at this moment or later and had its whole time */
	uint64_t force_ns;		/* the longest oos-force */
	bool peer_fresh, peer_oos;	/* it is heard; it says that all are out of service there */
};

struct resilience {
	bool out, failed;		/* evidence; verdict */
	bool peer_oos;			/* as last heard */
	uint64_t base_ns;		/* what is asked since then counts */
	uint64_t peer_ns;		/* last heard */
};

void resilience_begin(struct resilience_look *ret);
void resilience_add(struct resilience_look *look, const struct ping_report *report, uint64_t force_ns);

/* *@ret_ask: each of them is to be asked now, out of turn. */
enum fact_health resilience_turn(struct resilience *r, const struct resilience_look *look, uint64_t now_ns, bool *ret_ask);

/*
 * Does @d count for a group: of that type, checked, and, where the group has a geo-location, there or in one of the
 * alternatives? (The guide's strict matching; without one of its own every place counts.)
 */
bool resilience_counts(const struct conf_tserver *opt, const struct conf_device *d, const char *service_type);

#endif
