/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/ha_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/word.h"
#include "core/when.h"
#include "sys/clock.h"
#include "sys/log.h"

#define STOP_NS		(2 * NS_PER_S)	/* for the peer to take the role up when we stop */
#define DEAF_NS		NS_PER_S	/* a cut that heals is over by then */
#define ROUNDS		4		/* changes a turn makes before others get their turn */

void ha_note_change(struct ha *ha)
{
	if (ha->changed)
		ha->changed(ha->changed_arg);
}

void ha_on_change(struct ha *ha, void (*changed)(void *arg), void *arg)
{
	ha->changed = changed;
	ha->changed_arg = arg;
}

/* ---- the peer, as one --------------------------------------------------------------------------- */

static void note_unheard(struct ha *ha)
{
	if (ha->peer != PEER_UP || facts_peer_hears_us(ha))
		ha->unheard_ns = 0;
	else if (!ha->unheard_ns)
		ha->unheard_ns = ha->turn_ns;
}

/* What a takeover would meet is told before it is needed. */
static void alarm_half_a_peer(struct ha *ha)
{
	bool deaf = ha->unheard_ns && ha->turn_ns - ha->unheard_ns >= DEAF_NS, mute = facts_peer_is_mute(ha);

	alarm_set(&ha->alarms, mute, "peer-stalled", NULL, "the peer's kernel answers, but its batond does not: dead or stopped. "
		  "Nobody takes over from this host until it runs again there", NULL, ha->turn_ns);
	alarm_set(&ha->alarms, deaf, "peer-deaf", NULL, "pulses of the peer arrive, but it says that ours do not: something on "
		  "the way to it drops them. It takes this host for dead", NULL, ha->turn_ns);
	if (mute != ha->mute)
		ha_note_change(ha);
	ha->mute = mute;
}

static void note_peer(struct ha *ha)
{
	enum peer_state was = ha->peer;
	char age[24] = "never";
	uint64_t heard_ns;

	pulse_report(ha->pulse, &ha->report);
	facts_note_links(ha);
	ha->peer = facts_peer(ha);
	datapath_note_marks(ha);
	note_unheard(ha);
	alarm_half_a_peer(ha);
	if (ha->peer == was)
		return;
	ha->peer_since_ns = ha->turn_ns;
	heard_ns = facts_heard_ns(ha);
	if (heard_ns)		/* a pulse may be younger than this turn */
		snprintf(age, sizeof(age), "%" PRIu64, heard_ns < ha->turn_ns ? (ha->turn_ns - heard_ns) / NS_PER_MS : 0);
	log_event(ha->peer == PEER_UP ? LOG_INFO : LOG_WARNING, "peer change", "peer=%s from=%s to=%s heard_ago_ms=%s",
		  ha->conf->peer_name, peer_state_text(was), peer_state_text(ha->peer), age);
	alarm_set(&ha->alarms, ha->peer == PEER_DOWN, "peer-down", NULL, "nothing is heard from the peer on any path",
		  NULL, ha->turn_ns);
	alarm_set(&ha->alarms, ha->peer == PEER_UNAUTHENTIC, "peer-unauthentic", NULL,
		  "only pulses with a wrong MAC are heard: do both hosts have the same secret?", NULL, ha->turn_ns);
	ha_note_change(ha);
}

/* ---- a peer that cannot be believed -------------------------------------------------------------- */

static bool serves(const struct ha *ha, const struct group *g)
{
	return BT_WORD_MODE(group_word(ha, g)) == BT_OPEN && dp_leases(ha->dp)[g->slot] > ha->turn_ns;
}

/* Its pulses prove nothing, but whether it holds the VIP can be seen. */
static bool must_ask(const struct ha *ha, const struct group *g)
{
	return ha->peer == PEER_UNAUTHENTIC && !ha->stopping && !serves(ha, g);
}

/* Before groups are judged: what is heard now counts now. Returns when to ask next. */
static uint64_t ask_for_vips(struct ha *ha)
{
	uint64_t next = LOOP_NEVER;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		bool must = must_ask(ha, g);
		uint64_t at_ns;

		if (must && !vip_ask_is_on(g->vip_ask))
			log_event(LOG_INFO, "vip asked for", "group=%s", g->conf->name);
		at_ns = vip_ask_turn(g->vip_ask, must, ha->turn_ns);
		next = at_ns < next ? at_ns : next;
	}
	return next;
}

/* ---- the third party ------------------------------------------------------------------------------ */

static uint64_t hear_arbiter(struct ha *ha)
{
	uint64_t next = arbiter_turn(ha->arbiter, facts_silence_ns(ha), ha->turn_ns);
	char text[HA_TEXT];
	const char *trouble = arbiter_trouble(ha->arbiter, text, sizeof(text));

	alarm_set(&ha->alarms, trouble != NULL, "arbiter-unreachable", NULL, trouble ? trouble : "", NULL, ha->turn_ns);
	return next;
}

/* ---- monitors ------------------------------------------------------------------------------------- */

static void tell_monitors(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const struct group *g = &ha->group[i];
		const volatile struct bt_heard *h = &dp_heard(ha->dp)[i];
		struct place_report placed;
		struct health_input in = {
			.primary = serves(ha, g), .primary_ns = g->moved_ns,
			.peer_fresh = h->at_ns && h->at_ns + facts_fresh_ns(ha) > ha->turn_ns, .peer_flags = h->flags,
			.peer_heard = ha->peer == PEER_UP, .unready = g->conf->opt.backup_init_check ? facts_unready(ha, g) : 0,
		};

		placer_report(ha->placer, i, &placed);
		if (g->conf->opt.sip_iptakeover_monitoring)
			in.vip = placed.failed ? FACT_FAILED : FACT_WELL;
		health_tell(ha->health, i, &in);
	}
}

/* Whoever it was: the placer knows what is wanted. */
static void look_after_vips(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		uint32_t news = health_vip_news(ha->health, i);

		if (news == g->vip_news)
			continue;
		g->vip_news = news;
		placer_news(ha->placer, i);
	}
}

static void say_evidence(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		uint32_t evidence = health_evidence(ha->health, i) | byscript_evidence(ha, g);

		if (evidence == g->evidence)
			continue;
		g->evidence = evidence;
		group_say(ha, g);
		pulse_kick(ha->pulse);
	}
}

/* ---- one turn ------------------------------------------------------------------------------------ */

static void turn_group(struct ha *ha, struct group *g)
{
	group_follow(ha, g);
	group_want_lock(ha, g);
	for (int i = 0; i < ROUNDS && group_decide(ha, g); i++) {
		group_renew_lease(ha, g);	/* an open gate without a lease serves nobody */
		group_follow(ha, g);
	}
	group_renew_lease(ha, g);
	rules_follow(ha, g);
	group_placed(ha, g);
}

/* A claim, a hand-over and a role on the ground are watched closely; else leases set the pace. */
static uint64_t group_deadline(const struct ha *ha, const struct group *g)
{
	uint64_t word = group_word(ha, g);
	bool moving = word_is_claim(word, ha->me) || BT_WORD_MODE(word) == BT_RELAY || g->nobody_ns || ha->unheard_ns || ha->leaving ||
		      (BT_WORD_MODE(word) == BT_ARMED && dp_leases(ha->dp)[g->slot] <= ha->turn_ns) || ha->stopping;
	/* The peer claims at half a lease: ten steps leave it room for a stall of two fifths. */
	uint64_t step = moving ? ha->conf->pulse_interval_ns : ha->conf->lease_ns / 10;

	if (ha->conf->arbiter == ARBITER_ETCD && step > facts_fresh_ns(ha))
		step = facts_fresh_ns(ha);	/* the holder asks for the lock before the other does, */
	if (ha->conf->arbiter == ARBITER_ETCD && facts_unconfirmed_ns(ha, g) > ha->turn_ns)
		return earlier(ha->turn_ns + step, facts_unconfirmed_ns(ha, g));	/* and at once when it may */
	return ha->turn_ns + step;
}

static uint64_t next_deadline(struct ha *ha)
{
	uint64_t next = earlier(earlier(ask_deadline(ha), byhand_deadline(ha)), drains_deadline(ha));

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		next = earlier(next, group_deadline(ha, &ha->group[i]));
		next = earlier(next, announce_turn(ha->group[i].announce, ha->turn_ns));
	}
	return next;
}

/* A certificate that ends moves no role: the peer's would not be better for it. */
static void tell_certs(struct ha *ha)
{
	uint64_t version = certs_version(ha->certs, ha->turn_ns);
	struct certs_report r;

	if (version == ha->certs_told)
		return;
	ha->certs_told = version;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const struct conf_group *c = ha->group[i].conf;

		certs_report(ha->certs, i, &r);
		alarm_set(&ha->alarms, r.known && r.level == CERT_ALARM, "tls-cert", c->name, r.text, c->alarm_notify, ha->turn_ns);
	}
	ha_note_change(ha);
}

uint64_t ha_turn(struct ha *ha, uint64_t now_ns)
{
	uint64_t health_ns, asked_ns, strays_ns, arbiter_ns, exam_ns, pools_ns, single_ns;

	ha->turn_ns = now_ns;
	sources_take_events(ha);	/* why a word changed, before it is read: what woke us may be something else */
	tell_monitors(ha);
	health_ns = health_turn(ha->health, now_ns);	/* first: what it finds is judged in this turn */
	single_ns = single_turn(ha);
	say_evidence(ha);
	look_after_vips(ha);
	note_peer(ha);
	asked_ns = ask_for_vips(ha);
	arbiter_ns = hear_arbiter(ha);
	watch_turn(ha);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		turn_group(ha, &ha->group[i]);
	guard_follow(ha);
	ask_turn(ha);
	renew_turn(ha);
	byhand_turn(ha);
	drains_turn(ha);
	byscript_turn(ha);
	replays_turn(ha);
	chronicle_turn(ha);
	alarm_turn(&ha->alarms, ha->store, now_ns);
	exam_ns = examine_turn(ha);
	tell_certs(ha);
	strays_ns = neighbours_turn(ha);
	pools_ns = pools_turn(ha);
	asked_ns = earlier(asked_ns, earlier(single_ns, earlier(exam_ns, pools_ns)));
	return earlier(earlier(next_deadline(ha), arbiter_ns), earlier(strays_ns, earlier(health_ns, asked_ns)));
}

/* ---- stopping ------------------------------------------------------------------------------------ */

void ha_stop(struct ha *ha)
{
	if (ha->stopping)
		return;
	ha->stopping = true;
	ha->stop_ns = ha->turn_ns;
	log_event(LOG_INFO, "stopping", "node=%s", ha->conf->name);
	watch_close(ha);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		group_say(ha, &ha->group[i]);
	pulse_kick(ha->pulse);
}

/* Shut is not enough: our kernel must go on saying so until the peer has heard it and is open. */
static bool taken_up(const struct ha *ha, const struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];

	return ha->peer != PEER_UP || BT_WORD_MODE(h->word) == BT_OPEN || !(h->flags & PULSE_F_RUNNING) ||
	       h->flags & (PULSE_F_STOPPING | PULSE_F_FENCED);
}

bool ha_stopped(const struct ha *ha)
{
	if (!ha->stopping)
		return false;
	if (byscript_leaving(ha))
		return false;
	if (ha->turn_ns - ha->stop_ns > STOP_NS)
		return true;
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (BT_WORD_MODE(group_word(ha, &ha->group[i])) != BT_SHUT || !taken_up(ha, &ha->group[i]))
			return false;
	return true;
}
