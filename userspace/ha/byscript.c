/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * byscript: with control-vip-scripts, what is the peer asked to do, what does it ask of us, and when may we go?
 *
 * control-remote-vip-scripts: whoever serves asks a peer whose SIP server does not run to run its down script. That
 * host's batond has done so when it let go; this is for an address that came back, or a script that failed then: it
 * is run once more a term, and never where the role is held.
 * Source:  the guide, control-remote-vip-scripts; PULSE_F_VIP_DOWN.
 */
#include "ha/ha_own.h"

#include "core/word.h"
#include "sys/clock.h"
#include "sys/log.h"

#define HURRY_NS	(1 * NS_PER_S)
#define LEAVE_NS	(15 * NS_PER_S)	/* for the down scripts when we stop; TimeoutStopSec is 20 s */

static bool is_on(const struct group *g)
{
	return g->conf->opt.control_vip_scripts;
}

static bool is_fresh(const struct ha *ha, const volatile struct bt_heard *h)
{
	return h->at_ns && h->at_ns + facts_fresh_ns(ha) > ha->turn_ns;
}

static bool has_address(const struct ha *ha, const struct group *g)
{
	for (uint32_t i = 0; i < g->conf->n_vips; i++)
		if (placer_present(ha->placer, g->slot, i))
			return true;
	return false;
}

uint32_t byscript_evidence(const struct ha *ha, const struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];

	return is_on(g) && g->conf->opt.control_remote_vip_scripts && g->role == ROLE_PRIMARY && is_fresh(ha, h) &&
	       !(h->flags & PULSE_F_RUNNING) ? PULSE_F_VIP_DOWN : 0;
}

static void hear(struct ha *ha, struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint32_t term = BT_WORD_TERM(h->word);

	if (!is_on(g) || !is_fresh(ha, h) || !(h->flags & PULSE_F_VIP_DOWN) || g->role != ROLE_BACKUP || term == g->down_term ||
	    !has_address(ha, g))
		return;
	g->down_term = term;
	log_event(LOG_INFO, "vip script asked", "group=%s by=%s term=%u state=down", g->conf->name, ha->conf->peer_name, term);
	placer_again(ha->placer, g->slot);
}

/* While it is yielding the address stays; whoever stops has no time for that. */
static void hurry(struct ha *ha, struct group *g)
{
	if (!is_on(g) || !ha->stopping || ha->turn_ns - ha->stop_ns < HURRY_NS || g->role != ROLE_YIELDING || g->hurried)
		return;
	g->hurried = true;
	placer_ask(ha->placer, g->slot, PLACE_ABSENT);
}

void byscript_turn(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		hear(ha, &ha->group[i]);
		hurry(ha, &ha->group[i]);
	}
}

bool byscript_leaving(const struct ha *ha)
{
	struct place_report r;
	bool leaving = false;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const struct group *g = &ha->group[i];

		placer_report(ha->placer, i, &r);
		leaving |= is_on(g) && g->role != ROLE_PRIMARY && !r.err && has_address(ha, g);
	}
	return leaving && ha->turn_ns - ha->stop_ns < LEAVE_NS;
}

bool byscript_left(const struct ha *ha)
{
	bool left = false;

	for (uint32_t i = 0; ha->placer && i < ha->n_groups; i++) {
		const struct group *g = &ha->group[i];

		if (!is_on(g) || !has_address(ha, g))
			continue;
		log_event(LOG_ERR, "vip left behind", "group=%s text=\"sip-vip-script-down has not removed it: the gate stays, and stays shut\"",
			  g->conf->name);
		left = true;
	}
	return left;
}
