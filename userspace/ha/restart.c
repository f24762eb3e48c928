/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restart: how does this controller go away so that the next one finds everything, and nothing moves?
 *
 * Pins, programs, addresses and settings stay. Without an arbiter open gates get one lease of RESTART_NS, once; the
 * kernel's answers go on saying PULSE_F_RESTART (it stands in the group's row) until the next controller has
 * looked at its server. Should none come, the peer claims when less than half of an ordinary lease is left.
 *
 * Nor may it go before the peer's kernel knows of that lease. Whoever asks nothing hears nothing of one whose controller is away,
 * and goes by what was told last: two that are started again at once would be two holders (bpf/watch.h).
 * Source:  design §2 G3; protocol.md H17.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/word.h"
#include "sys/clock.h"
#include "sys/log.h"

#define RESTART_NS	(2 * NS_PER_S)
#define TOLD_NS		(200 * NS_PER_MS)	/* so long it is said again and again; then the peer is no better off for our staying */

/* Where XDP is off batond itself answers pulses: without it the peer hears nothing at once. */
static const char *answers_by_hand(const struct ha *ha)
{
	if (conf_is_alone(ha->conf))
		return NULL;
	for (uint32_t i = 0; i < ha->conf->n_paths; i++)
		if (conf_xdp_of(ha->conf, ha->conf->paths[i].dev) != XDP_OFF)
			return NULL;
	return "on every path XDP is off, so nobody would answer the peer meanwhile: hand over and stop instead (SIGTERM)";
}

static const char *hindrance(const struct ha *ha)
{
	if (ha->stopping)
		return "batond is being stopped";
	if (dp_objects_fit(ha->opt.obj_dir))
		return dp_why(ha->dp);
	return answers_by_hand(ha);
}

/* The base is a clock read before anything that justifies it, as for every lease. */
static void extend(struct ha *ha, struct group *g, uint64_t now)
{
	_Atomic uint64_t *lease = &dp_leases(ha->dp)[g->slot];
	uint64_t until = atomic_load(lease);

	if (ha->conf->arbiter == ARBITER_NONE && BT_WORD_MODE(group_word(ha, g)) == BT_OPEN && until > now &&
	    until < now + RESTART_NS)
		atomic_store(lease, now + RESTART_NS);
}

/* An interval later, for what left with the lease may have been put together before. */
static bool is_told(const struct ha *ha, const struct group *g)
{
	return BT_WORD_MODE(group_word(ha, g)) != BT_OPEN || atomic_load(&dp_leases(ha->dp)[g->slot]) <= ha->turn_ns ||
	       facts_answered_ns(ha, g) > ha->leaving_ns + ha->conf->pulse_interval_ns;
}

bool ha_left(const struct ha *ha)
{
	if (!ha->leaving)
		return false;
	if (ha->peer != PEER_UP || ha->turn_ns > ha->leaving_ns + TOLD_NS)
		return true;
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (!is_told(ha, &ha->group[i]))
			return false;
	return true;
}

int ha_restart(struct ha *ha)
{
	uint64_t now = clock_now_ns();
	const char *why = hindrance(ha);

	if (why) {
		log_event(LOG_ERR, "restart refused", "why=\"%s\"", why);
		return -EBUSY;
	}
	ha->leaving = true;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		group_say(ha, &ha->group[i]);
		extend(ha, &ha->group[i], now);
	}
	ha->leaving_ns = clock_now_ns();
	pulse_kick(ha->pulse);
	log_event(LOG_INFO, "restarting", "node=%s", ha->conf->name);
	return 0;
}
