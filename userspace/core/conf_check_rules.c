/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check_rules: is it plain from each group's port rules what they let in, and is that all of its SIP?
 */
#include "core/conf_addr.h"
#include "core/conf_check_own.h"
#include "core/rules.h"
#include "core/where.h"

static void check_mode(const struct check *k, uint32_t i)
{
	const struct conf_group *g = &k->c->groups[i];
	const char *why = g->mode == MODE_PROXY ? "mode = proxy: the services of its pools say which ports are let in" :
			  "mode = single-host: its servers have the only ports that are let in";

	if (g->mode == MODE_PROXY || g->mode == MODE_SINGLE_HOST)
		blame(k, k->c->where.rule[i][0], "port-rule: [group %s] has %s", g->name, why);
}

static void check_overlap(const struct check *k, uint32_t i)
{
	const struct conf_group *g = &k->c->groups[i];
	char one[RULES_TEXT], other[RULES_TEXT];

	for (uint32_t b = 1; b < g->n_rules; b++)
		for (uint32_t a = 0; a < b; a++) {
			if (!rules_overlap(&g->rules[a], &g->rules[b]))
				continue;
			rules_text(&g->rules[b], one);
			rules_text(&g->rules[a], other);
			blame(k, k->c->where.rule[i][b], "port-rule: %s overlaps %s in line %u", one, other,
			      k->c->where.rule[i][a]);
			break;
		}
}

/* A port that no rule names can never be served. */
static void check_cover(const struct check *k, uint32_t i)
{
	unsigned line = where_said(k->c, SEC_GROUP, i, opts_find(SEC_GROUP, "sip-port"));
	const struct conf_group *g = &k->c->groups[i];
	char port[32];

	for (uint32_t p = 0; p < g->n_ports; p++) {
		if (rules_cover(g->rules, g->n_rules, &g->ports[p]))
			continue;
		addr_port_text(&g->ports[p], port, sizeof(port));
		blame(k, line ? line : k->c->where.rule[i][0], "sip-port: %s is let in by no port-rule%s", port,
		      g->ports[p].transport == PORT_UDP_TCP ? " for UDP and TCP both" : "");
	}
}

void conf_check_rules(const struct conf *c, conf_blame_fn *fn, void *arg)
{
	struct check k = { .c = c, .blame = fn, .arg = arg };

	for (uint32_t i = 0; i < c->n_groups; i++) {
		if (!c->groups[i].n_rules)
			continue;
		check_mode(&k, i);
		check_overlap(&k, i);
		check_cover(&k, i);
	}
}
