/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask: what did an operator ask for, and has it come true?
 *
 * A switchover from the primary hands over, from the backup it pulls (a claim). It is done when the
 * new holder serves: by the peer's own pulse, or by our role and addresses.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/word.h"
#include "sys/clock.h"
#include "sys/log.h"

static struct group *find_group(struct ha *ha, const char *name)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (!strcmp(ha->group[i].conf->name, name))
			return &ha->group[i];
	return NULL;
}

static void names_of(const struct ha *ha, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < ha->n_groups && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? ", " : "", ha->group[i].conf->name);
}

bool ask_is_waited_for(const struct ha *ha, const struct group *g)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->asker[i].done && ha->asker[i].groups & 1u << g->slot)
			return true;
	return false;
}

/* Why not, as a sentence; NULL: it can begin. */
static const char *refusal(struct ha *ha, struct group *g, bool force)
{
	struct judge_facts f;
	const char *why;

	facts_of(ha, g, &f);
	if (ha->stopping)
		return "this host is stopping";
	if (ask_is_waited_for(ha, g) || g->hand.done)
		return "a switchover or fence is under way";
	if (g->conf->mode == MODE_SINGLE_HOST)
		return single_impediment(ha, g, force);
	if (g->drain.state != DRAIN_OFF && !force)
		return "a drain is under way: `baton undrain` ends it, --force moves the role all the same";
	if (f.fenced && BT_WORD_MODE(f.word) != BT_OPEN)
		return "this host is fenced by hand: `baton unfence` first";
	if (BT_WORD_MODE(f.word) == BT_OPEN) {
		why = judge_refusal(&f);
		if (why && force && f.said.known && !f.said.fenced && BT_WORD_MODE(f.said.word) == BT_ARMED)
			return NULL;
		return why;
	}
	if (word_is_claim(f.word, ha->me) || BT_WORD_MODE(f.word) == BT_RELAY)
		return "a role change is under way";
	if (!f.running || !f.link_up)
		return "this host is unavailable, its alarms say why";
	if (f.peer != PEER_UP && !force)
		return judge_unready(&f);
	return NULL;
}

static struct asker *free_asker(struct ha *ha)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (!ha->asker[i].done)
			return &ha->asker[i];
	return NULL;
}

static bool refuse(struct ha *ha, struct group *g, bool force, ha_done_fn *done, void *arg)
{
	const char *why = refusal(ha, g, force);
	char text[HA_TEXT];

	if (!why)
		return false;
	snprintf(text, sizeof(text), "group %s: %s", g->conf->name, why);
	done(arg, 1, text);
	return true;
}

static void begin(struct ha *ha, struct asker *a, uint32_t groups, bool force)
{
	a->groups = groups;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		uint64_t word = group_word(ha, g);

		if (!(groups & 1u << i))
			continue;
		g->asked = true;
		chronicle_asked(g);
		g->forced = force;
		g->pushed = BT_WORD_MODE(word) == BT_OPEN && g->conf->mode != MODE_SINGLE_HOST;
		g->asked_number = BT_WORD_NUMBER(word);
		log_event(LOG_INFO, "switchover asked", "group=%s force=%s", g->conf->name, force ? "yes" : "no");
	}
}

void ha_switchover(struct ha *ha, const char *group, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	struct asker *a = free_asker(ha);
	struct group *g = NULL;
	char text[HA_TEXT * 2], names[HA_TEXT];

	if (group && !(g = find_group(ha, group))) {
		names_of(ha, names, sizeof(names));
		snprintf(text, sizeof(text), "no group '%s' here; groups: %s", group, names);
		done(arg, 1, text);
		return;
	}
	if (!a) {
		done(arg, 1, "too many switchovers are waited for already");
		return;
	}
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if ((!g || g->slot == i) && refuse(ha, &ha->group[i], force, done, arg))
			return;
	*a = (struct asker){ .done = done, .arg = arg, .timeout_ns = timeout_ns };
	begin(ha, a, g ? 1u << g->slot : (1u << ha->n_groups) - 1, force);
}

/* The new holder serves: we, with our addresses; or the peer, by its own word. */
static bool moved(struct ha *ha, struct group *g)
{
	struct judge_facts f;

	facts_of(ha, g, &f);
	if (!g->pushed)
		return g->role == ROLE_PRIMARY && g->held && BT_WORD_NUMBER(f.word) > g->asked_number;
	return f.said.fresh && f.said.known && BT_WORD_MODE(f.said.word) == BT_OPEN &&
	       BT_WORD_NUMBER(f.said.word) > g->asked_number;
}

/* Of these groups, what has not begun will not. */
static void withdraw(struct ha *ha, uint32_t groups)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (groups & 1u << i)
			ha->group[i].asked = ha->group[i].forced = false;
}

/* Whoever asked has gone: nobody would know why the role moves an hour later. */
void ha_ask_forget(struct ha *ha, void *arg)
{
	byhand_forget(ha, arg);
	drains_forget(ha, arg);
	examine_forget(ha, arg);
	for (int i = 0; i < ASKERS_MAX; i++) {
		struct asker *a = &ha->asker[i];

		if (!a->done || a->arg != arg)
			continue;
		withdraw(ha, a->groups);
		a->done = NULL;
	}
}

static void finish(struct ha *ha, struct asker *a, int code, const char *text)
{
	ha_done_fn *done = a->done;

	withdraw(ha, a->groups);
	a->done = NULL;
	done(a->arg, code, text);
}

static void check(struct ha *ha, struct asker *a)
{
	char text[HA_TEXT];

	if (!a->deadline_ns)
		a->deadline_ns = ha->turn_ns + a->timeout_ns;
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (a->groups & 1u << i && moved(ha, &ha->group[i])) {
			withdraw(ha, 1u << i);
			a->groups &= ~(1u << i);
		}
	if (!a->groups) {
		finish(ha, a, 0, "done");
	} else if (ha->turn_ns >= a->deadline_ns) {
		snprintf(text, sizeof(text), "begun, but the new holder does not serve after %" PRIu64 " s",
			 a->timeout_ns / NS_PER_S);
		finish(ha, a, 4, text);
	}
}

void ask_turn(struct ha *ha)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->asker[i].done)
			check(ha, &ha->asker[i]);
}

uint64_t ask_deadline(const struct ha *ha)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->asker[i].done)
			return ha->turn_ns + ha->conf->pulse_interval_ns;
	return LOOP_NEVER;
}
