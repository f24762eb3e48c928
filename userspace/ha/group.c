/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group: one group's word, lease, role and addresses.
 *
 * The one place where a role moves (group_follow) and the one where this host changes a word
 * (group_decide). What the kernel confirmed is what is reported.
 */
#include "ha/ha_own.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/lease.h"
#include "core/ready.h"
#include "core/word.h"
#include "ha/notify.h"
#include "sys/clock.h"
#include "sys/log.h"

#define ALONE_LEASE_NS	(30 * 86400 * NS_PER_S)	/* nobody else could hold it: our death is no reason to shut */
#define STALE_NS	(20 * NS_PER_MS)	/* a turn that began so long ago was interrupted */

uint64_t group_word(const struct ha *ha, const struct group *g)
{
	return atomic_load(&dp_words(ha->dp)[g->slot]);
}

/* ---- lease and lock --------------------------------------------------------------------------- */

static void lease_facts_of(const struct ha *ha, const struct group *g, struct lease_facts *f)
{
	struct arbiter_facts said;

	arbiter_facts(ha->arbiter, g->slot, &said);
	*f = (struct lease_facts){
		.word = group_word(ha, g), .lease_ns = conf_is_alone(ha->conf) ? ALONE_LEASE_NS : ha->conf->lease_ns,
		.until_ns = atomic_load(&dp_leases(ha->dp)[g->slot]),
		.turn_ns = ha->turn_ns, .heard_ns = facts_heard_ns(ha),
		.answered_ns = facts_answered_ns(ha, g),
		/* The verdict that opened the gate in this very turn is one to lease it by: asked again it may want more. */
		.peer_dead = facts_peer_is_gone(ha, g) || g->alone_ns == ha->turn_ns,
		.witness = ha->conf->arbiter == ARBITER_ETCD,
	};
	if (g->lock_number == BT_WORD_NUMBER(f->word) && said.lock_number == g->lock_number)
		f->lock_until_ns = said.lock_until_ns;
	f->now_ns = clock_now_ns();	/* last: whoever was stopped in this turn must see what has ended meanwhile */
}

void group_renew_lease(struct ha *ha, struct group *g)
{
	struct lease_facts f;
	uint64_t until;

	lease_facts_of(ha, g, &f);
	until = lease_next(&f);
	if (until != f.until_ns)
		atomic_store(&dp_leases(ha->dp)[g->slot], until);
}

/* What is wanted no more renews no lease, but is kept as long as the gate rests on what it had renewed. */
void group_want_lock(struct ha *ha, struct group *g)
{
	struct judge_facts f;
	struct lease_facts l;

	if (ha->conf->arbiter != ARBITER_ETCD)
		return;
	if (BT_WORD_MODE(group_word(ha, g)) == BT_OPEN && facts_unconfirmed(ha, g))
		g->unsure_ns = ha->turn_ns;
	facts_of(ha, g, &f);
	g->lock_number = judge_lock_wanted(&f);
	lease_facts_of(ha, g, &l);
	if (g->lock_number || !lease_rests_on_lock(&l))
		arbiter_want(ha->arbiter, g->slot, g->lock_number);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* Clients of the old holder that said nothing would wait for an answer for ever. */
static void tell_ended(struct group *g, const struct place_report *r)
{
	if (r->lets == g->lets)
		return;
	g->lets = r->lets;
	if (r->end_err)
		log_event(LOG_WARNING, "tcp not ended", "group=%s error=\"%s\" text=\"clients of TCP find out by themselves\"",
			  g->conf->name, strerror(-r->end_err));
	if (r->ended)
		log_event(LOG_INFO, "tcp ended", "group=%s connections=%u", g->conf->name, r->ended);
}

/* Three reasons, one alarm: it stands while any of them does. Only with sip-iptakeover-monitoring the first is the service's, too. */
void group_tell_vip(struct ha *ha, struct group *g, const struct place_report *r)
{
	bool failed = g->service.trouble == TROUBLE_VIP || r->failed;
	char text[HA_TEXT];

	if (r->why[0] || !failed)	/* what was wrong with them is wanted as long as the failure stands */
		snprintf(g->vip_why, sizeof(g->vip_why), "%s", r->why);
	if (failed)
		snprintf(text, sizeof(text), "vip-failed: %s%s%.120s", service_text(TROUBLE_VIP), g->vip_why[0] ? ": " : "", g->vip_why);
	else if (r->err)
		snprintf(text, sizeof(text), "%s", r->why);
	else
		snprintf(text, sizeof(text), "somebody else changes the VIPs again and again, mended %u times so far: who manages "
			 "addresses on this host?", r->repaired);
	alarm_set(&ha->alarms, failed || r->err || r->often, service_event(TROUBLE_VIP), g->conf->name, text,
		  g->conf->alarm_notify, ha->turn_ns);
}

/* The guide's two log events; the alarm is raised and cleared by what follows from them. */
static void tell_failed(struct group *g, const struct place_report *r)
{
	if (!g->conf->opt.sip_iptakeover_monitoring || r->failed == g->vip_failed)
		return;
	g->vip_failed = r->failed;
	log_event(r->failed ? LOG_ERR : LOG_INFO, r->failed ? "vip failed" : "vip well", "event=%s group=%s role=%s why=\"%s\"",
		  r->failed ? "00-52029" : "00-52030", g->conf->name, role_text(g->role), r->why);
}

static void tell_repaired(struct ha *ha, struct group *g, const struct place_report *r)
{
	if (r->repaired == g->repaired)
		return;
	if (!r->often)		/* else the alarm says it */
		log_event(LOG_WARNING, "vip repaired", "group=%s role=%s times=%u", g->conf->name, role_text(g->role), r->repaired);
	g->repaired = r->repaired;
	if (g->role == ROLE_PRIMARY)
		announce_start(g->announce, ha->turn_ns);
}

/* What the placer has to say since the last turn. */
void group_placed(struct ha *ha, struct group *g)
{
	bool was = g->held;
	struct place_report r;

	placer_report(ha->placer, g->slot, &r);
	g->held = r.settled;
	group_tell_vip(ha, g, &r);
	tell_failed(g, &r);
	tell_repaired(ha, g, &r);
	tell_ended(g, &r);
	if (g->held == was)
		return;
	group_say(ha, g);
	ha_note_change(ha);
}

/* ---- what a role change does ------------------------------------------------------------------ */

static void announce(struct ha *ha, struct group *g)
{
	int err = announce_start(g->announce, ha->turn_ns);

	if (err)
		log_event(LOG_ERR, "announce failed", "group=%s error=\"%s\"", g->conf->name, strerror(-err));
}

static void act(struct ha *ha, struct group *g, enum role_act a)
{
	switch (a) {
	case ACT_ANNOUNCE_STOP:
		announce_stop(g->announce);
		break;
	case ACT_QUIET:
		placer_ask(ha->placer, g->slot, drains_stays(g) ? PLACE_KEPT : g->role == ROLE_YIELDING ? PLACE_LINGER : PLACE_QUIET);
		break;
	case ACT_VIP_DEL:
		placer_ask(ha->placer, g->slot, drains_stays(g) ? PLACE_KEPT : PLACE_ABSENT);
		break;
	case ACT_VIP_ADD:
		placer_ask(ha->placer, g->slot, PLACE_HELD);
		break;
	case ACT_ANNOUNCE:	/* at once: the local route serves before the address is there */
		announce(ha, g);
		chronicle_announced(ha, g);
		break;
	case ACT_NOTIFY:
		notify_role(ha->runner, ha->conf, g->slot, g->role, BT_WORD_TERM(group_word(ha, g)), g->reason);
		break;
	}
}

/* The watchdog opens, and nobody has told of it: the ring was full. */
static bool was_found_dead(const struct ha *ha, const struct group *g)
{
	return ha->peer == PEER_DOWN && watch_is_wanted(ha->conf, g->conf);
}

/* Why the word reads as it does: what we meant ourselves, or what the peer's word made of it. */
static const char *reason_of(const struct ha *ha, const struct group *g, enum role_event ev, uint64_t word)
{
	if (g->intent[0] && (!g->intent_number || g->intent_number == BT_WORD_NUMBER(word)))
		return g->intent;
	switch (ev) {
	case EV_OPEN:
	case EV_REOPENED:
		return was_found_dead(ha, g) ? "peer-lost" : drains_opens(g, word) ? "drain" : "peer-let-go";
	case EV_RELAY:
		/* At our own number and not by us: only the listener's loss makes the kernel do that. */
		return g->role == ROLE_PRIMARY && word_whose(word, ha->me) == WORD_MINE ? "listener-lost" : "higher-number";
	case EV_SHUT:
		return "higher-number";
	default:
		return "restart";
	}
}

static void move_role(struct ha *ha, struct group *g, enum role_event ev, struct role_step step, uint64_t word)
{
	enum role from = g->role;

	g->role = step.to;
	g->number = BT_WORD_NUMBER(word);
	g->moved_ns = ha->turn_ns;
	snprintf(g->reason, sizeof(g->reason), "%s", reason_of(ha, g, ev, word));
	for (int i = 0; i < ROLE_ACTS_N; i++)
		if (step.acts & 1u << i)
			act(ha, g, 1u << i);
	log_event(LOG_INFO, "role change", "group=%s from=%s to=%s why=%s term=%" PRIu32 " owner=%s gate=%s",
		  g->conf->name, role_text(from), role_text(g->role), g->reason, BT_WORD_TERM(word),
		  BT_WORD_OWNER(word) == ha->me ? ha->conf->name :
		  BT_WORD_OWNER(word) ? ha->conf->peer_name : "nobody", word_mode_text(word));
	group_say(ha, g);
	pulse_kick(ha->pulse);
	chronicle_moved(ha, g, from, word);
	ha_note_change(ha);
}

static void note_numbers(struct ha *ha, struct group *g, uint64_t word)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];

	g->seen = judge_higher(g->seen, word);
	if (h->at_ns)
		g->seen = judge_higher(g->seen, h->word);
}

/*
 * Renewed by more than the way of two messages differs. The time is read first: what is left then is no older.
 * One that has ended has no time left to tell, and whoever slept meanwhile has not seen it end.
 */
static void note_peer_lease(struct ha *ha, struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint64_t at = h->at_ns, left = h->lease_left_us * NS_PER_US, until = at + left;

	if (at && left > g->peer_lease_ns)
		g->peer_lease_ns = left;
	if (!at || left)
		g->ended_ns = 0;
	else if (!g->ended_ns)
		g->ended_ns = ha->turn_ns;
	if (at && left && until > g->peer_until_ns + NS_PER_MS) {
		g->peer_until_ns = until;
		g->renewed_ns = ha->turn_ns;
	}
}

/* The kernel let go for us; the peer's kernel may have taken it further before we look. */
void group_note_lost(struct group *g, uint64_t from)
{
	if (g->role != ROLE_PRIMARY || g->number != BT_WORD_NUMBER(from))
		return;		/* of an earlier life or role */
	snprintf(g->intent, sizeof(g->intent), "listener-lost");
	g->intent_number = 0;
}

/* A verdict of this host's, as if we had claimed by it; what it rests on is told as for a claim. */
void group_note_dead(struct ha *ha, struct group *g, const struct bt_event *ev)
{
	uint64_t heard = facts_heard_ns(ha), at = ev->at_ns;

	snprintf(g->intent, sizeof(g->intent), "peer-lost");
	g->intent_number = BT_WORD_NUMBER(ev->to);
	ha->found_dead_ns = at;
	log_event(LOG_INFO, "found dead", "group=%s by=watchdog peer_heard_us_ago=%" PRIu64 " term=%u opened_us_ago=%" PRIu64,
		  g->conf->name, at > heard ? (at - heard) / NS_PER_US : 0, BT_WORD_TERM(ev->to),
		  (clock_now_ns() - at) / NS_PER_US);
}

/* The clock is read after the word: it has stood at least since then. */
static void note_claim(const struct ha *ha, struct group *g, uint64_t word)
{
	if (!word_is_claim(word, ha->me) || g->claimed_number == BT_WORD_NUMBER(word))
		return;
	g->claimed_number = BT_WORD_NUMBER(word);
	g->claimed_ns = clock_now_ns();
}

void group_follow(struct ha *ha, struct group *g)
{
	uint64_t word = group_word(ha, g);
	enum role_event ev = role_event_of(word, ha->me, g->number);
	struct role_step step = role_next(g->role, ev);

	note_numbers(ha, g, word);
	note_claim(ha, g, word);
	note_peer_lease(ha, g);
	if (step.to != g->role || step.acts)
		move_role(ha, g, ev, step, word);
	else if (!g->number)
		g->number = BT_WORD_NUMBER(word);
	/* An intent lives until the word shows a role that ends it. */
	if (g->role == ROLE_PRIMARY || g->role == ROLE_BACKUP)
		g->intent[0] = '\0';
}

/* ---- changing the word ------------------------------------------------------------------------ */

static void ask_disk(struct ha *ha, struct group *g, uint32_t term)
{
	struct term_record rec = {
		.reserved = term, .seen = BT_WORD(BT_WORD_TERM(g->seen), BT_WORD_OWNER(g->seen), BT_SHUT),
	};
	int err = 0;
	char text[HA_TEXT];

	store_reserved(ha->store, g->slot, &err);
	if (err) {
		snprintf(text, sizeof(text), "state-dir %.80s: cannot write term %u: %s", ha->conf->state_dir, term, strerror(-err));
		alarm_set(&ha->alarms, true, "state-dir", g->conf->name, text, g->conf->alarm_notify, ha->turn_ns);
		if (ha->turn_ns < g->retry_ns)
			return;
		g->retry_ns = ha->turn_ns + NS_PER_S;
		g->asked_term = 0;
	}
	if (g->asked_term == term)
		return;		/* under way */
	g->asked_term = term;
	store_ask(ha->store, g->slot, &rec);
}

static void note_stuck(struct ha *ha, struct group *g, const char *stuck)
{
	if (g->stuck == stuck)
		return;
	alarm_set(&ha->alarms, stuck != NULL, "stuck", g->conf->name, stuck ? stuck : "", g->conf->alarm_notify, ha->turn_ns);
	g->stuck = stuck;
	ha_note_change(ha);
}

static void linger(struct ha *ha, struct group *g)
{
	atomic_store(&dp_lingers(ha->dp)[g->slot], ha->turn_ns + g->conf->linger_ns);
}

/* What a claim rests on; whoever asks in the morning why the role moved finds it here. */
static void log_claim(const struct ha *ha, const struct group *g, const struct judge_facts *f, const struct judgement *j)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint64_t heard = facts_heard_ns(ha);
	char age[24] = "never";

	if (heard)
		snprintf(age, sizeof(age), "%" PRIu64, (clock_now_ns() - heard) / NS_PER_US);
	log_event(LOG_INFO, "claim", "group=%s why=%s peer_heard_us_ago=%s peer_said=%s peer_term=%u peer_lease_left_us=%u",
		  g->conf->name, j->why, age, f->said.known ? word_mode_text(f->said.word) : "nothing",
		  BT_WORD_TERM(f->said.word), h->lease_left_us);
}

/*
 * Whoever was stopped since the turn began would go by a silence of then. Asked once more just before the store. If the
 * stop comes after it: a claim is harmless, and opens by itself only after the next asking; while a claim stands our
 * kernel tells it to a peer that is there, and takes its answer.
 */
static bool is_still_silent(const struct ha *ha, const struct judge_facts *f)
{
	if (f->peer != PEER_DOWN && f->peer != PEER_UNAUTHENTIC)
		return true;
	/* That nobody answered for the VIP is news of this turn's beginning, too. */
	if (f->peer == PEER_UNAUTHENTIC && clock_now_ns() - ha->turn_ns > STALE_NS)
		return false;
	return facts_peer(ha) == f->peer;
}

static bool apply(struct ha *ha, struct group *g, const struct judge_facts *f, const struct judgement *j)
{
	uint64_t next, was = f->word;

	if (!word_next(f->word, j->cause, ha->me, f->seen, &next))
		return false;
	if (j->cause == WORD_LEAVE)
		linger(ha, g);
	if (j->cause == WORD_OPEN_ALONE)
		dp_forget_first(ha->dp, g->slot);	/* before the store: the first frame notes itself */
	rules_before(ha, g, next);
	if (!is_still_silent(ha, f))
		return false;
	if (!atomic_compare_exchange_strong(&dp_words(ha->dp)[g->slot], &was, next))
		return false;	/* the kernel was quicker: judge anew */
	chronicle_decided(ha, g, next);
	if (j->cause == WORD_OPEN_ALONE)
		g->alone_ns = ha->turn_ns;
	if (j->cause == WORD_OPEN_ALONE && f->peer == PEER_DOWN)
		replays_opened(ha, g, clock_now_ns());
	else if (BT_WORD_MODE(next) == BT_OPEN && BT_WORD_MODE(f->word) != BT_OPEN)
		replays_passed(ha, g);
	if (j->cause != WORD_OPEN_ALONE || !g->intent[0])	/* the claim's reason is the opening's */
		snprintf(g->intent, sizeof(g->intent), "%s", j->why);
	g->intent_number = j->cause == WORD_LEAVE ? 0 : BT_WORD_NUMBER(next);	/* the peer takes it further */
	if (j->cause == WORD_LEAVE || j->cause == WORD_CLAIM)
		g->asked = g->forced = false;	/* once: or the role would be moved again and again */
	if (j->cause == WORD_RENUMBER)
		g->moved = false;
	pulse_kick(ha->pulse);
	if (j->cause == WORD_CLAIM)
		log_claim(ha, g, f, j);
	log_event(LOG_DEBUG, "word change", "group=%s cause=%s why=%s from=%#" PRIx64 " to=%#" PRIx64, g->conf->name,
		  word_cause_text(j->cause), j->why, f->word, next);
	return true;
}

/* Before judging, not after: a while that has just ended must not be judged by. */
static void note_nobody(struct ha *ha, struct group *g, struct judge_facts *f)
{
	if (!judge_nobody_holds(f))
		g->nobody_ns = 0;
	else if (!g->nobody_ns)
		g->nobody_ns = ha->turn_ns;
	f->nobody_ns = g->nobody_ns ? ha->turn_ns - g->nobody_ns : 0;
}

static void note_whole(const struct ha *ha, struct group *g, const struct judge_facts *f)
{
	if (!ready_is_whole(f))
		g->whole_ns = 0;
	else if (!g->whole_ns)
		g->whole_ns = ha->turn_ns;
}

bool group_decide(struct ha *ha, struct group *g)
{
	struct judge_facts f;
	struct judgement j;

	facts_of(ha, g, &f);
	if (!f.running || !f.link_up)
		g->ill_ns = ha->turn_ns;
	note_nobody(ha, g, &f);
	note_whole(ha, g, &f);
	j = judge(&f);
	note_stuck(ha, g, j.stuck);
	if (j.need_term && j.cause == WORD_CLAIM)
		g->past.disk_waited = true;
	if (j.need_term)
		ask_disk(ha, g, j.need_term);
	else if (judge_owed_term(&f) > f.term_on_disk)	/* pins were found, but the disk is new */
		ask_disk(ha, g, judge_owed_term(&f));
	if (!j.cause || j.need_term)
		return false;
	alarm_set(&ha->alarms, false, "state-dir", g->conf->name, "", g->conf->alarm_notify, ha->turn_ns);
	return apply(ha, g, &f, &j);
}

void group_say(struct ha *ha, const struct group *g)
{
	uint32_t flags = (g->service.running ? PULSE_F_RUNNING : 0) | (ha->stopping ? PULSE_F_STOPPING : 0) |
			 (ha->leaving ? PULSE_F_RESTART : 0) |
			 (byhand_is_fenced(g) ? PULSE_F_FENCED : 0) | drain_says(g->drain.state) |
			 (g->role == ROLE_PRIMARY && g->held ? PULSE_F_VIP : 0) | g->evidence;
	struct bt_group row;

	pulse_say_health(ha->pulse, g->slot, flags);
	if (dp_get_group(ha->dp, g->slot, &row) || row.health == flags)
		return;
	row.health = flags;
	dp_set_group(ha->dp, g->slot, &row);
}
