/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check_pools: can every frame for a service be led to one server, and every answer back?
 */
#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "core/conf_check_own.h"
#include "core/where.h"

/* The j-th service or server of the i-th pool, and where it stands. */
struct place {
	const struct conf_endpoint *at;
	const char *what;	/* "service", "server" */
	uint32_t pool, line;
};

static uint32_t places_of(const struct conf_pool *p)
{
	return p->n_services + p->n_servers;
}

static struct place place_of(const struct check *k, uint32_t i, uint32_t j)
{
	const struct conf_pool *p = &k->c->pools[i];

	if (j < p->n_services)
		return (struct place){ &p->service[j], "service", i, k->c->where.service[i][j] };
	j -= p->n_services;
	return (struct place){ &p->server[j].at, "server", i, k->c->where.server[i][j] };
}

static bool same(const struct conf_endpoint *a, const struct conf_endpoint *b)
{
	return a->port == b->port && IN6_ARE_ADDR_EQUAL(&a->ip, &b->ip);
}

/* What stands twice leads to two places. */
static bool stands_twice(const struct check *k, const struct place *one, const struct place *other)
{
	char text[INET6_ADDRSTRLEN + 32], ip[INET6_ADDRSTRLEN];

	addr_endpoint_text(one->at, text, sizeof(text));
	if (same(one->at, other->at))
		blame(k, one->line, "%s: %s is already a %s of [pool %s] in line %u", one->what, text, other->what,
		      k->c->pools[other->pool].name, other->line);
	else if (strcmp(one->what, other->what) && IN6_ARE_ADDR_EQUAL(&one->at->ip, &other->at->ip))
		blame(k, one->line, "%s: %s is the address of a %s in line %u; a server has one of its own", one->what,
		      conf_ip_text(&one->at->ip, ip), other->what, other->line);
	else
		return false;
	return true;
}

static void check_place(const struct check *k, uint32_t i, uint32_t j)
{
	struct place one = place_of(k, i, j);

	for (uint32_t p = 0; p <= i; p++)
		for (uint32_t q = 0; q < (p < i ? places_of(&k->c->pools[p]) : j); q++) {
			struct place other = place_of(k, p, q);

			if (stands_twice(k, &one, &other))
				return;
		}
}

/* Every forward keeps the family: what comes in as IPv4 leaves as IPv4. */
static void check_families(const struct check *k, uint32_t i)
{
	const struct conf_pool *p = &k->c->pools[i];

	for (uint32_t j = 1; j < places_of(p); j++) {
		struct place one = place_of(k, i, j), first = place_of(k, i, 0);

		if (conf_is_v4(&one.at->ip) != conf_is_v4(&first.at->ip))
			blame(k, one.line, "%s: the service in line %u is IPv%d, this is IPv%d", one.what, first.line,
			      conf_is_v4(&first.at->ip) ? 4 : 6, conf_is_v4(&one.at->ip) ? 4 : 6);
	}
}

/* Only NAT changes ports, and that of the first service alone. */
static void check_server_ports(const struct check *k, uint32_t i)
{
	const struct conf_pool *p = &k->c->pools[i];

	for (uint32_t s = 0; s < p->n_servers && p->forward != BT_FWD_NAT; s++)
		if (p->server[s].at.port != p->service[0].port)
			blame(k, k->c->where.server[i][s], "server: forward = %s changes no port: it must be %u, as the service has it in line %u",
			      p->forward == BT_FWD_L2 ? "l2" : "ipip", p->service[0].port, k->c->where.service[i][0]);
	for (uint32_t j = 1; j < p->n_services && p->forward == BT_FWD_NAT; j++)
		for (uint32_t s = 0; s < p->n_servers; s++)
			if (p->service[j].port == p->server[s].at.port)
				blame(k, k->c->where.service[i][j], "service: port %u is the server's in line %u, where the first service's is "
				      "translated to it: answers could be of either", p->service[j].port, k->c->where.server[i][s]);
}

/* An answer from a server bears the address of the first service again. */
static void check_nat(const struct check *k, uint32_t i)
{
	const struct conf_pool *p = &k->c->pools[i];
	char ip[INET6_ADDRSTRLEN];

	for (uint32_t j = 1; j < p->n_services && p->forward == BT_FWD_NAT; j++)
		if (!IN6_ARE_ADDR_EQUAL(&p->service[j].ip, &p->service[0].ip))
			blame(k, k->c->where.service[i][j], "service: forward = nat wants one address for all services, that of line %u is %s",
			      k->c->where.service[i][0], conf_ip_text(&p->service[0].ip, ip));
}

static void check_vips(const struct check *k, uint32_t i)
{
	const struct conf_pool *p = &k->c->pools[i];

	for (uint32_t j = 0; j < places_of(p); j++) {
		struct place one = place_of(k, i, j);
		const struct conf_group *g = conf_group_at(k->c, &one.at->ip);
		char ip[INET6_ADDRSTRLEN];

		if (g && j >= p->n_services)
			blame(k, one.line, "server: %s is a VIP of [group %s]; name the server's own address",
			      conf_ip_text(&one.at->ip, ip), g->name);
		else if (g && g->mode != MODE_PROXY)
			blame(k, one.line, "service: %s is a VIP of [group %s] in line %u, whose mode is not proxy; a VIP that "
			      "pools serve at wants mode = proxy", conf_ip_text(&one.at->ip, ip), g->name,
			      where_said(k->c, SEC_GROUP, (uint32_t)(g - k->c->groups), NULL));
	}
}

static void check_pool(const struct check *k, uint32_t i)
{
	const struct conf_pool *p = &k->c->pools[i];

	if (p->n_servers == 2 && !strcmp(p->server[0].host, p->server[1].host))
		blame(k, k->c->where.server[i][1], "server: '%s' is the name of the other in line %u; nobody could tell them apart",
		      p->server[1].host, k->c->where.server[i][0]);
	if (p->n_servers == 1)
		blame(k, k->c->where.server[i][0], "server: [pool %s] has one alone; a pool is a pair, name both", p->name);
	for (uint32_t j = 0; j < places_of(p); j++)
		check_place(k, i, j);
	if (!p->n_services)
		return;		/* said already */
	check_families(k, i);
	check_server_ports(k, i);
	check_nat(k, i);
	check_vips(k, i);
}

static bool serves(const struct conf *c, const struct conf_group *g)
{
	for (uint32_t i = 0; i < c->n_pools; i++)
		for (uint32_t j = 0; j < c->pools[i].n_services; j++)
			if (conf_group_at(c, &c->pools[i].service[j].ip) == g)
				return true;
	return false;
}

/* In mode = proxy the servers are elsewhere. */
static void check_group(const struct check *k, uint32_t i)
{
	static const char *const own[] = { "server-pidfile", "server-unit" };
	const struct conf_group *g = &k->c->groups[i];

	if (g->mode != MODE_PROXY)
		return;
	for (size_t o = 0; o < sizeof(own) / sizeof(own[0]); o++) {
		uint32_t line = where_said(k->c, SEC_GROUP, i, opts_find(SEC_GROUP, own[o]));

		if (line)
			blame(k, line, "%s: [group %s] has mode = proxy, its SIP servers are those of the pools", own[o], g->name);
	}
	if (g->opt.backup_init_check)
		blame(k, where_from(k->c, SEC_GROUP, i, opts_find(SEC_GROUP, "backup-init-check")),
		      "backup-init-check: [group %s] has mode = proxy, and with it no SIP server that could be ready", g->name);
	if (conf_xdp_of(k->c, g->dev) == XDP_OFF)
		blame(k, where_said(k->c, SEC_GROUP, i, opts_find(SEC_GROUP, "interface")),
		      "interface: %s has xdp-mode = off; mode = proxy steers by XDP alone", g->dev);
	if (!serves(k->c, g))
		blame(k, where_said(k->c, SEC_GROUP, i, opts_find(SEC_GROUP, "mode")),
		      "mode: 'proxy' wants a [pool] whose service is a VIP of [group %s]; there is none", g->name);
}

void conf_check_pools(const struct conf *c, conf_blame_fn *fn, void *arg)
{
	struct check k = { .c = c, .blame = fn, .arg = arg };

	for (uint32_t i = 0; i < c->n_groups; i++)
		check_group(&k, i);
	for (uint32_t i = 0; i < c->n_pools; i++)
		check_pool(&k, i);
}
