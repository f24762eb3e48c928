/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * byhand: may this host serve the group at all, by its operators' word?
 *
 *	off      -> handing    fence asked while the gate is open here: the peer takes the role first
 *	handing  -> shutting   the peer serves, or --force and it cannot
 *	handing  -> off        not taken up in time, or whoever asked went away: as if nothing had been asked
 *	off      -> shutting   fence asked while the peer serves, or --force
 *	shutting -> on         on disk, and the gate is shut: now it is reported done
 *	on       -> lifting    unfence asked
 *	lifting  -> off        gone from the disk
 *
 * From shutting until off this host neither arms nor claims, also when the peer dies: that is what was
 * asked for, and an alarm says so.
 */
#include "ha/ha_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/word.h"
#include "sys/clock.h"
#include "sys/log.h"

#define NOBODY_NS	NS_PER_S	/* unserved for so long, while fenced here: a person must know */
#define DEFAULT_NS	(10 * NS_PER_S)	/* for the peer to take the role, and for the disk */

bool byhand_is_fenced(const struct group *g)
{
	return g->hand.state >= HAND_SHUTTING;
}

/* The kernel may have opened the gate in the moment it was asked for: then the peer comes first again. */
static bool opened_meanwhile(const struct ha *ha, const struct group *g)
{
	return g->hand.state == HAND_SHUTTING && !g->hand.forced && BT_WORD_MODE(group_word(ha, g)) == BT_OPEN;
}

void byhand_facts(const struct ha *ha, const struct group *g, struct judge_facts *f)
{
	f->fence_asked = g->hand.state == HAND_HANDING || opened_meanwhile(ha, g);
	f->fenced = byhand_is_fenced(g) && !opened_meanwhile(ha, g);
}

static bool peer_serves(const struct judge_facts *f)
{
	return f->said.fresh && f->said.known && BT_WORD_MODE(f->said.word) == BT_OPEN && f->said.leased;
}

static void go(struct ha *ha, struct group *g, enum hand_state to, const char *why)
{
	static const char *const text[] = {
		[HAND_OFF] = "off", [HAND_HANDING] = "handing-over", [HAND_SHUTTING] = "shutting",
		[HAND_ON] = "on", [HAND_LIFTING] = "lifting",
	};

	log_event(LOG_INFO, "fence", "group=%s from=%s to=%s why=\"%s\"", g->conf->name, text[g->hand.state], text[to], why);
	g->hand.state = to;
	if (to == HAND_SHUTTING || to == HAND_LIFTING)
		store_ask_fence(ha->store, g->slot, to == HAND_SHUTTING);
	group_say(ha, g);
	pulse_kick(ha->pulse);
	ha_note_change(ha);
}

static void answer(struct group *g, int code, const char *what)
{
	ha_done_fn *done = g->hand.done;
	char text[HA_TEXT + BT_NAME_MAX + 16];

	g->hand.done = NULL;
	snprintf(text, sizeof(text), "group %s: %s", g->conf->name, what);
	if (done)
		done(g->hand.arg, code, text);
}

/* ---- asking --------------------------------------------------------------------------------------- */

static struct group *find_group(struct ha *ha, const char *name)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (!strcmp(ha->group[i].conf->name, name))
			return &ha->group[i];
	return NULL;
}

/* Why not, as a sentence; NULL: it can begin. */
static const char *refusal(const struct ha *ha, const struct group *g, const struct judge_facts *f, bool force)
{
	if (ha->stopping)
		return "this host is stopping";
	if (g->hand.state != HAND_OFF)
		return "a fence is under way already";
	if (ask_is_waited_for(ha, g))
		return "a switchover is under way";
	if (force)
		return NULL;
	if (BT_WORD_MODE(f->word) == BT_OPEN)
		return judge_unready(f);
	if (word_is_claim(f->word, ha->me))
		return "this host is just claiming the role";
	return peer_serves(f) ? NULL : "the peer does not serve it";
}

static void begin(struct ha *ha, struct group *g, const struct judge_facts *f, bool force)
{
	bool hand = BT_WORD_MODE(f->word) == BT_OPEN && !judge_unready(f);

	g->hand.forced = force;
	g->hand.number = BT_WORD_NUMBER(f->word);
	g->hand.until_ns = 0;
	chronicle_asked(g);
	go(ha, g, hand ? HAND_HANDING : HAND_SHUTTING, force ? "asked, with force" : "asked");
}

static void refuse(const struct group *g, const char *why, ha_done_fn *done, void *arg)
{
	char text[HA_TEXT * 2];

	snprintf(text, sizeof(text), "group %s: %s%s", g->conf->name, why,
		 strstr(why, "under way") || strstr(why, "stopping") ? "" : ": nobody would serve (--force fences all the same)");
	done(arg, 1, text);
}

void ha_fence(struct ha *ha, const char *name, bool force, ha_done_fn *done, void *arg)
{
	struct group *g = find_group(ha, name);
	struct judge_facts f;
	const char *why;

	if (!g) {
		done(arg, 1, "no such group here");
		return;
	}
	facts_of(ha, g, &f);
	why = g->hand.state == HAND_ON ? NULL : refusal(ha, g, &f, force);
	if (why) {
		refuse(g, why, done, arg);
		return;
	}
	g->hand.done = done;
	g->hand.arg = arg;
	if (g->hand.state == HAND_ON)
		answer(g, 0, "fenced already");
	else
		begin(ha, g, &f, force);
}

void ha_unfence(struct ha *ha, const char *name, ha_done_fn *done, void *arg)
{
	struct group *g = find_group(ha, name);

	if (!g) {
		done(arg, 1, "no such group here");
		return;
	}
	if (g->hand.done || g->hand.state == HAND_HANDING || g->hand.state == HAND_LIFTING) {
		done(arg, 1, "a fence or unfence is under way");
		return;
	}
	g->hand.done = done;
	g->hand.arg = arg;
	g->hand.until_ns = 0;
	if (g->hand.state == HAND_OFF)
		answer(g, 0, "was not fenced");
	else
		go(ha, g, HAND_LIFTING, "asked");
}

/* Nobody is told any more; what only began to be handed over is left as it was. */
void byhand_forget(struct ha *ha, const void *arg)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];

		if (!g->hand.done || g->hand.arg != arg)
			continue;
		g->hand.done = NULL;
		if (g->hand.state == HAND_HANDING)
			go(ha, g, HAND_OFF, "whoever asked went away");
	}
}

/* ---- each turn ------------------------------------------------------------------------------------ */

static bool late(const struct ha *ha, const struct group *g)
{
	return ha->turn_ns >= g->hand.until_ns;
}

static void turn_handing(struct ha *ha, struct group *g, const struct judge_facts *f)
{
	bool open = BT_WORD_MODE(f->word) == BT_OPEN;

	if (!open && peer_serves(f) && BT_WORD_NUMBER(f->said.word) > g->hand.number) {
		go(ha, g, HAND_SHUTTING, "the peer serves");
	} else if (g->hand.forced && (late(ha, g) || (open && judge_unready(f)))) {
		go(ha, g, HAND_SHUTTING, "forced: the peer has not taken the role");
	} else if (late(ha, g)) {
		go(ha, g, HAND_OFF, "the peer has not taken the role");
		answer(g, 1, "the peer has not taken the role: not fenced");
	}
}

static void turn_shutting(struct ha *ha, struct group *g, const struct judge_facts *f)
{
	int err = 0;
	bool on_disk = store_fenced(ha->store, g->slot, &err);
	char text[HA_TEXT];

	if (opened_meanwhile(ha, g) && !on_disk && late(ha, g)) {
		store_ask_fence(ha->store, g->slot, false);
		go(ha, g, HAND_OFF, "the peer has not taken the role");
		answer(g, 1, "the peer has not taken the role: not fenced");
	} else if (err) {
		snprintf(text, sizeof(text), "cannot write to state-dir: %s: not fenced", strerror(-err));
		go(ha, g, HAND_OFF, text);
		answer(g, 1, text);
	} else if (on_disk && BT_WORD_MODE(f->word) == BT_SHUT) {
		go(ha, g, HAND_ON, "shut, and on disk");
		answer(g, 0, "fenced: this host will not serve it before `baton unfence`");
	} else if (late(ha, g)) {
		answer(g, 4, "the fence is not finished yet, and goes on");
	}
}

static void turn_lifting(struct ha *ha, struct group *g)
{
	int err = 0;
	bool on_disk = store_fenced(ha->store, g->slot, &err);
	char text[HA_TEXT];

	if (err) {
		snprintf(text, sizeof(text), "cannot write to state-dir: %s: it stays fenced", strerror(-err));
		go(ha, g, HAND_ON, text);
		answer(g, 1, text);
	} else if (!on_disk) {
		go(ha, g, HAND_OFF, "gone from the disk");
		answer(g, 0, "not fenced any more");
	} else if (late(ha, g)) {
		answer(g, 4, "the fence is not lifted yet: the disk does not answer");
	}
}

/* Who was fenced for good reason must not be forgotten when the other one falls. */
static void tell_nobody(struct ha *ha, struct group *g, const struct judge_facts *f)
{
	bool unserved = byhand_is_fenced(g) && !peer_serves(f) && BT_WORD_MODE(f->word) != BT_OPEN;
	char text[HA_TEXT];

	if (!unserved)
		g->hand.nobody_ns = 0;
	else if (!g->hand.nobody_ns)
		g->hand.nobody_ns = ha->turn_ns;
	snprintf(text, sizeof(text), "nobody serves: this host is fenced by hand, and the peer %s; `baton unfence %s` lets it serve",
		 f->peer == PEER_UP ? "does not hold the role" : f->peer == PEER_STALLED ? "is stalled" :
		 "is not heard", g->conf->name);
	alarm_set(&ha->alarms, unserved && ha->turn_ns - g->hand.nobody_ns >= NOBODY_NS, "fenced", g->conf->name, text,
		  g->conf->alarm_notify, ha->turn_ns);
}

void byhand_turn(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		struct judge_facts f;

		if (g->hand.state == HAND_OFF && !g->hand.nobody_ns)
			continue;
		facts_of(ha, g, &f);
		if (!g->hand.until_ns)
			g->hand.until_ns = ha->turn_ns + DEFAULT_NS;
		if (g->hand.state == HAND_HANDING)
			turn_handing(ha, g, &f);
		else if (g->hand.state == HAND_SHUTTING)
			turn_shutting(ha, g, &f);
		else if (g->hand.state == HAND_LIFTING)
			turn_lifting(ha, g);
		tell_nobody(ha, g, &f);
	}
}

/* At the start: what an operator had asked an earlier life. */
void byhand_recall(struct ha *ha, struct group *g)
{
	int err;

	if (!store_fenced(ha->store, g->slot, &err))
		return;
	g->hand.state = HAND_ON;
	log_event(LOG_WARNING, "fence", "group=%s from=off to=on why=\"found in state-dir: fenced by hand\"", g->conf->name);
}

uint64_t byhand_deadline(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (ha->group[i].hand.state != HAND_OFF && ha->group[i].hand.state != HAND_ON)
			return ha->turn_ns + ha->conf->pulse_interval_ns;
	return LOOP_NEVER;
}
