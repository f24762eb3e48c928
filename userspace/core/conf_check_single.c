/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check_single: is a group with `mode = single-host` one that one host can carry alone?
 *
 * Two servers stand on this host and nobody else is asked: what speaks of a peer or of the other way to move a VIP
 * has no meaning there, and is refused rather than passed over.
 */
#include "core/conf_check_own.h"

#include <string.h>

#include "core/where.h"

static unsigned group_line(const struct check *k, uint32_t i, const char *name)
{
	return where_said(k->c, SEC_GROUP, i, name ? opts_find(SEC_GROUP, name) : NULL);
}

static void refuse_option(const struct check *k, uint32_t i, const char *name, const char *why)
{
	unsigned line = group_line(k, i, name);

	if (line)
		blame(k, line, "%s: %s", name, why);
}

static void check_idle_here(const struct check *k, uint32_t i)
{
	static const struct {
		const char *name, *why;
	} rows[] = {
		{ "prefer", "names a host, but with mode = single-host there is one: the first 'server' line is preferred" },
		{ "server-pidfile", "with mode = single-host each 'server' line names its own process" },
		{ "server-unit", "with mode = single-host each 'server' line names its own process" },
		{ "replay", "belongs to mode = cluster" },
		{ "replay-window", "belongs to mode = cluster" },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		refuse_option(k, i, rows[r].name, rows[r].why);
	if (k->c->groups[i].placement == PLACE_RESIDENT)
		refuse_option(k, i, "vip-placement", "nobody else has the address of a single-host group: it is not resident on two hosts");
	if (k->c->groups[i].opt.backup_init_check)
		refuse_option(k, i, "backup-init-check", "with mode = single-host there is no backup host to be checked");
	if (k->c->groups[i].opt.control_vip_scripts)
		refuse_option(k, i, "control-vip-scripts", "with mode = single-host the VIP stays where it is: no script places it");
}

static void check_servers(const struct check *k, uint32_t i)
{
	const struct conf_group *g = &k->c->groups[i];
	const struct conf_local *a = &g->server[0], *b = &g->server[1];
	unsigned line = group_line(k, i, "server");

	if (g->n_servers != BT_SERVERS)
		blame(k, line ? line : group_line(k, i, NULL), "[group %s] has %s 'server' line, mode = single-host needs two", g->name,
		      g->n_servers ? "one" : "no");
	if (g->n_servers != BT_SERVERS)
		return;
	if (!strcmp(a->name, b->name))
		blame(k, line, "server: both are called '%s'", a->name);
	if ((a->pidfile[0] && !strcmp(a->pidfile, b->pidfile)) || (a->unit[0] && !strcmp(a->unit, b->unit)))
		blame(k, line, "server: '%s' and '%s' name the same process, %s", a->name, b->name, a->pidfile[0] ? a->pidfile : a->unit);
}

static void check_group(const struct check *k, uint32_t i)
{
	const struct conf_group *g = &k->c->groups[i];

	check_idle_here(k, i);
	check_servers(k, i);
	if (g->n_ports > 1)
		blame(k, group_line(k, i, "sip-port"), "sip-port: %u ports, mode = single-host serves one: each server has one of its own "
		      "behind it; make a group for each", g->n_ports);
	if (g->n_vips * 2 > BT_LOCAL_ROWS)
		blame(k, group_line(k, i, "sip-address"), "sip-address: %u VIPs, mode = single-host serves %u", g->n_vips, BT_LOCAL_ROWS / 2);
}

/* All of one host share its table of doors. */
static uint32_t count_vips(const struct conf *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_groups; i++)
		n += c->groups[i].mode == MODE_SINGLE_HOST ? c->groups[i].n_vips : 0;
	return n;
}

bool conf_check_single(const struct check *k)
{
	const struct conf *c = k->c;
	uint32_t n = 0, first = 0;

	for (uint32_t i = 0; i < c->n_groups; i++) {
		if (c->groups[i].mode == MODE_SINGLE_HOST) {
			first = n++ ? first : i;
			check_group(k, i);
		} else {
			refuse_option(k, i, "server", "belongs to mode = single-host; of a pair's server, server-pidfile or server-unit");
		}
	}
	if (n && where_said(c, SEC_PEER, 0, NULL))
		blame(k, where_said(c, SEC_PEER, 0, NULL), "[peer]: [group %s] in line %u has mode = single-host, which has no peer: its two servers "
		      "stand on this host; a batond of its own (other run-, state- and pin-dir) can do both", c->groups[first].name,
		      where_said(c, SEC_GROUP, first, NULL));
	else if (n && n < c->n_groups)
		blame(k, group_line(k, first, "mode"), "mode: single-host has no peer, so all groups of the file have it or none");
	if (n && c->arbiter != ARBITER_NONE)
		blame(k, where_said(c, SEC_ARBITER, 0, NULL), "[arbiter]: with mode = single-host there is nobody to arbitrate between");
	if (n > BT_GROUPS_MAX / BT_SERVERS)
		blame(k, where_said(c, SEC_GROUP, BT_GROUPS_MAX / BT_SERVERS, NULL), "[group]: %u with mode = single-host, one batond serves %d",
		      n, BT_GROUPS_MAX / BT_SERVERS);
	if (n > 1 && count_vips(c) * 2 > BT_LOCAL_ROWS)
		blame(k, group_line(k, first, "sip-address"), "sip-address: %u VIPs in groups with mode = single-host, together they serve %u",
		      count_vips(c), BT_LOCAL_ROWS / 2);
	return n && n == c->n_groups;
}
