/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/rules.h"

#include <stdio.h>

static uint8_t protos_of(enum conf_transport transport)
{
	return transport == PORT_UDP_TCP ? BT_RULE_UDP | BT_RULE_TCP : transport == PORT_UDP ? BT_RULE_UDP : BT_RULE_TCP;
}

uint32_t rules_of(const struct conf_group *g, struct conf_rule ret[BT_RULES_MAX])
{
	uint32_t n = 0;

	for (; n < g->n_rules; n++)
		ret[n] = g->rules[n];
	for (; !g->n_rules && g->mode == MODE_CLUSTER && n < g->n_ports; n++)
		ret[n] = (struct conf_rule){ g->ports[n].port, g->ports[n].port, protos_of(g->ports[n].transport) };
	return n;
}

bool rules_overlap(const struct conf_rule *a, const struct conf_rule *b)
{
	return a->protos & b->protos && a->from <= b->to && b->from <= a->to;
}

static uint8_t named(const struct conf_rule *rules, uint32_t n, uint16_t port)
{
	uint8_t protos = 0;

	for (uint32_t i = 0; i < n; i++)
		if (port >= rules[i].from && port <= rules[i].to)
			protos |= rules[i].protos;
	return protos;
}

bool rules_cover(const struct conf_rule *rules, uint32_t n, const struct conf_port *port)
{
	uint8_t want = protos_of(port->transport);

	return (named(rules, n, port->port) & want) == want;
}

enum bt_rule_state rules_state_of(enum bt_rule_state hand, enum bt_mode mode)
{
	return mode == BT_SHUT ? BT_RULE_STOPPED : hand;
}

/* Which transports of @port do operators let in, as the first rule has it? */
static uint8_t let_in(const struct bt_rules *rules, uint16_t port)
{
	uint8_t seen = 0, in = 0;

	for (int i = 0; i < BT_RULES_MAX; i++) {
		const struct bt_rule *r = &rules->rule[i];

		if (!r->from || port < r->from || port > r->to)
			continue;
		if (r->hand != BT_RULE_STOPPED)
			in |= r->protos & (uint8_t)~seen;
		seen |= r->protos;
	}
	return in;
}

bool rules_shut_all(const struct conf_group *g, const struct bt_rules *rules)
{
	for (uint32_t i = 0; i < g->n_ports; i++)
		if (let_in(rules, g->ports[i].port) & protos_of(g->ports[i].transport))
			return false;
	return rules->rule[0].from;	/* else it has no rules */
}

const char *rules_state_text(enum bt_rule_state state)
{
	static const char *const text[] = {
		[BT_RULE_STOPPED] = "stopped", [BT_RULE_ENABLED] = "enabled", [BT_RULE_DRAINING] = "draining",
	};

	return (unsigned)state < sizeof(text) / sizeof(text[0]) ? text[state] : "unsound";
}

const char *rules_protos_text(uint8_t protos)
{
	return protos == BT_RULE_UDP ? "udp" : protos == BT_RULE_TCP ? "tcp" : "both";
}

void rules_text(const struct conf_rule *r, char buf[RULES_TEXT])
{
	if (r->from == r->to)
		snprintf(buf, RULES_TEXT, "%u %s", r->from, rules_protos_text(r->protos));
	else
		snprintf(buf, RULES_TEXT, "%u-%u %s", r->from, r->to, rules_protos_text(r->protos));
}
