/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: is what the port rules let in what operators want and this host's role allows?
 *
 * Rules stand in ct_rules, with what operators want of each beside it: so that is found by the next batond with the pins, and is
 * forgotten with them (batond stopped in order, or the host rebooted). What holds is stopped as long as the gate is shut. The gate may be
 * opened by the kernel once it is armed, so what then holds is written before the word.
 * Each host has its own: the peer is told nothing.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/rules.h"
#include "sys/log.h"

static volatile struct bt_rules *table(const struct ha *ha, const struct group *g)
{
	return &dp_rules(ha->dp)[g->slot];
}

static bool is_of(const struct bt_rule *now, const struct conf_rule *c)
{
	return now->from == c->from && now->to == c->to && now->protos == c->protos && now->hand <= BT_RULE_DRAINING;
}

void rules_fill(const struct ha *ha, const struct group *g)
{
	enum bt_mode mode = BT_WORD_MODE(group_word(ha, g));
	struct conf_rule conf[BT_RULES_MAX];
	uint32_t n = rules_of(g->conf, conf);

	for (uint32_t i = 0; i < BT_RULES_MAX; i++) {
		volatile struct bt_rule *at = &table(ha, g)->rule[i];
		struct bt_rule row = { .from = at->from, .to = at->to, .protos = at->protos, .hand = at->hand };

		if (i < n && !(ha->found && is_of(&row, &conf[i])))
			row = (struct bt_rule){ conf[i].from, conf[i].to, conf[i].protos, .hand = BT_RULE_ENABLED };
		else if (i >= n)
			row = (struct bt_rule){ 0 };
		row.state = i < n ? rules_state_of(row.hand, mode) : BT_RULE_STOPPED;
		*at = row;
	}
}

/* What holds with a gate of @mode. */
static void hold(const struct ha *ha, const struct group *g, enum bt_mode mode)
{
	for (uint32_t i = 0; i < BT_RULES_MAX && table(ha, g)->rule[i].from; i++) {
		volatile struct bt_rule *at = &table(ha, g)->rule[i];
		uint8_t state = (uint8_t)rules_state_of(at->hand, mode);

		if (at->state != state)
			at->state = state;
	}
}

void rules_before(const struct ha *ha, const struct group *g, uint64_t next)
{
	if (BT_WORD_MODE(next) != BT_SHUT)
		hold(ha, g, BT_WORD_MODE(next));
}

bool rules_keep_all_out(const struct ha *ha, const struct group *g)
{
	struct bt_rules rules;

	for (uint32_t i = 0; i < BT_RULES_MAX; i++)
		rules.rule[i] = table(ha, g)->rule[i];
	return rules_shut_all(g->conf, &rules);
}

/* Rules that were taken away, or forgotten with the pins, end an alarm, too. */
void rules_follow(struct ha *ha, struct group *g)
{
	char text[HA_TEXT];

	hold(ha, g, BT_WORD_MODE(group_word(ha, g)));
	snprintf(text, sizeof(text), "all SIP ports are disabled by hand on this host; `baton port enable all %s` lets SIP in again",
		 g->conf->name);
	alarm_set(&ha->alarms, rules_keep_all_out(ha, g), "ports", g->conf->name, text, g->conf->alarm_notify, ha->turn_ns);
}

/* ---- asking --------------------------------------------------------------------------------------- */

static bool names(const volatile struct bt_rule *r, uint16_t port)
{
	return r->from && (!port || (port >= r->from && port <= r->to));
}

static void set_one(struct ha *ha, const struct group *g, volatile struct bt_rule *r, enum bt_rule_state want, const struct ha_asker *who)
{
	struct conf_rule c = { r->from, r->to, r->protos };
	enum bt_rule_state was = r->hand;
	char text[RULES_TEXT];

	r->hand = (uint8_t)want;
	if (was == want)
		return;
	rules_text(&c, text);
	log_event(LOG_NOTICE, "port rule", "group=%s rule=\"%s\" from=%s to=%s", g->conf->name, text, rules_state_text(was),
		  rules_state_text(want));
	chronicle_hand(ha, g, text, was, want, who);
}

/* How many rules @port means (0: all), of one group (NULL: of all that have it); @last: the last of them. */
static uint32_t set_all(struct ha *ha, const char *group, uint16_t port, enum bt_rule_state want, const struct ha_asker *who,
			struct conf_rule *last)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];

		for (uint32_t r = 0; r < BT_RULES_MAX && (!group || !strcmp(g->conf->name, group)); r++) {
			volatile struct bt_rule *at = &table(ha, g)->rule[r];

			if (!names(at, port))
				continue;
			*last = (struct conf_rule){ at->from, at->to, at->protos };
			set_one(ha, g, at, want, who);
			n++;
		}
		rules_follow(ha, g);
	}
	return n;
}

int ha_port(struct ha *ha, const char *group, uint16_t port, enum bt_rule_state want, const struct ha_asker *who, char *text, size_t len)
{
	static const char *const done[] = {
		[BT_RULE_STOPPED] = "disabled", [BT_RULE_ENABLED] = "enabled", [BT_RULE_DRAINING] = "draining",
	};
	char rule[RULES_TEXT], which[32] = "";
	struct conf_rule last;
	uint32_t n = set_all(ha, group, port, want, who, &last);

	if (!n) {
		if (port)
			snprintf(which, sizeof(which), " that names port %u", port);
		snprintf(text, len, "%s%s has %s port rule%s; `baton status` shows them", group ? "group " : "no group",
			 group ? group : "", group ? "no" : "a", which);
		return -ENOENT;
	}
	rules_text(&last, rule);
	if (n == 1)
		snprintf(text, len, "port rule %s is %s on %s; the other host's is as it was", rule, done[want], ha->conf->name);
	else
		snprintf(text, len, "%u port rules are %s on %s; the other host's are as they were", n, done[want], ha->conf->name);
	ha_note_change(ha);
	return 0;
}

/* ---- showing -------------------------------------------------------------------------------------- */

uint32_t rules_view(const struct ha *ha, const struct group *g, struct ha_port_view ret[BT_RULES_MAX])
{
	uint32_t n = 0;

	for (; n < BT_RULES_MAX && table(ha, g)->rule[n].from; n++) {
		const volatile struct bt_rule *r = &table(ha, g)->rule[n];

		ret[n] = (struct ha_port_view){ r->from, r->to, rules_protos_text(r->protos), rules_state_text(r->state),
						rules_state_text(r->hand) };
	}
	return n;
}
