/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: by what does the kernel's watchdog judge that the peer is dead?
 *
 * Here is written what the main loop knows: which paths have a vote, whether a router answered in this silence, how long a lease is.
 * The prober writes, beat by beat, that it asks and how long silence must be (ha/pulse.c). What was written last holds on while this
 * process stands still, and while it is started again: the timer is in the kernel, and pinned.
 * With etcd, and in mode takeover, there is none: no gate may open without the lock, or before the peer's frames are taken.
 * Source:  design §4.3; bpf/watch.h.
 */
#include "ha/ha_own.h"

#include <errno.h>

#include "core/when.h"
#include "sys/clock.h"
#include "sys/log.h"

#define INTERVAL_NS	NS_PER_MS	/* at least: whoever looks more often is late by less */

bool watch_is_wanted(const struct conf *conf, const struct conf_group *g)
{
	return g->mode == MODE_CLUSTER && (conf->arbiter == ARBITER_NONE || conf->arbiter == ARBITER_ROUTER);
}

static bool any_wanted(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (watch_is_wanted(ha->conf, ha->group[i].conf))
			return true;
	return false;
}

static void put(volatile __u64 *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* A path where batond itself must hear is silent when it stands still: then silence says nothing for good. */
static bool kernel_hears(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->conf->n_paths; i++)
		if (conf_xdp_of(ha->conf, ha->conf->paths[i].dev) == XDP_OFF)
			return false;
	return true;
}

/* The longest lease that the peer was ever seen to have, ours if it was shorter, and a tenth for two clocks. */
static uint64_t patience_ns(const struct ha *ha)
{
	uint64_t longest = ha->conf->lease_ns;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		longest = later(longest, ha->group[i].peer_lease_ns);
	return kernel_hears(ha) ? longest + longest / 10 : 0;
}

/* Of the groups that it may open the one whose routers answered least lately; 0: one's did not. */
static uint64_t router_ns(const struct ha *ha)
{
	uint64_t least = UINT64_MAX;
	struct arbiter_facts said;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		if (!watch_is_wanted(ha->conf, ha->group[i].conf))
			continue;
		arbiter_facts(ha->arbiter, i, &said);
		least = said.ear_ns < least ? said.ear_ns : least;
	}
	return least;
}

static void say(struct ha *ha)
{
	volatile struct bt_watch_own *own = dp_watch_own(ha->dp);

	put(&own->interval_ns, later(ha->conf->pulse_interval_ns, INTERVAL_NS));
	put(&own->lease_ns, ha->conf->lease_ns);
	put(&own->patience_ns, patience_ns(ha));
	own->flags = ha->conf->arbiter == ARBITER_ROUTER ? BT_WATCH_ROUTER : 0;
}

/* Each arming has a generation of its own: what an earlier one left ends, or is taken over, within the call. */
static int arm(struct ha *ha)
{
	volatile struct bt_watch_own *own = dp_watch_own(ha->dp);
	uint64_t generation = own->generation + 1;

	put(&own->generation, generation ? generation : 1);
	return dp_arm(ha->dp);
}

/* What an earlier life said of votes and routers holds on until this one has looked. */
int watch_open(struct ha *ha, const struct ha_say *say_why)
{
	int err;

	if (!any_wanted(ha)) {
		put(&dp_watch_own(ha->dp)->generation, 0);
		return 0;
	}
	say(ha);
	err = arm(ha);
	return err ? ha_fail(say_why, err, "watchdog", dp_why(ha->dp)) : 0;
}

void watch_close(struct ha *ha)
{
	put(&dp_watch_own(ha->dp)->generation, 0);
}

void watch_renewed(struct ha *ha)
{
	int err = any_wanted(ha) && !ha->stopping ? arm(ha) : 0;

	if (err)
		log_event(LOG_ERR, "watchdog", "result=\"not armed\" error=\"%s\"", dp_why(ha->dp));
}

bool ha_watch_counts(struct ha *ha, uint64_t *ret_looks, uint64_t *ret_late)
{
	return any_wanted(ha) && !dp_watched(ha->dp, ret_looks, ret_late);
}

void watch_turn(struct ha *ha)
{
	volatile struct bt_watch_own *own = dp_watch_own(ha->dp);

	if (!any_wanted(ha))
		return;
	say(ha);
	put(&own->router_ns, ha->conf->arbiter == ARBITER_ROUTER ? router_ns(ha) : 0);
	own->votes = facts_votes(ha);
}
