/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_value.h"

#define TEXT_MAX 512

struct check {
	const struct conf *c;
	const struct conf_where *w;
	conf_blame_fn *blame;
	void *arg;
};

__attribute__((format(printf, 3, 4)))
static void blame(const struct check *k, unsigned line, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->blame(k->arg, line, text);
}

const struct conf_lines *conf_lines_of(const struct conf_where *w, enum opt_section section,
				       uint32_t i)
{
	switch (section) {
	case SEC_INTERFACE:
		return &w->iface[i];
	case SEC_GROUP:
		return &w->group[i];
	case SEC_DEVICE:
		return &w->device[i];
	case SEC_POOL:
		return &w->pool[i];
	default:
		return &w->single[section];
	}
}

static unsigned line_of(const struct conf_lines *lines, enum opt_section section, const char *name)
{
	return lines->option[opts_row(opts_find(section, name))];
}

static unsigned peer_line(const struct check *k, const char *name)
{
	return line_of(&k->w->single[SEC_PEER], SEC_PEER, name);
}

static unsigned group_line(const struct check *k, const struct conf_group *g, const char *name)
{
	return line_of(&k->w->group[g - k->c->groups], SEC_GROUP, name);
}

/* ---- what must be there ---- */

static void check_required(const struct check *k, const struct opt *o)
{
	for (uint32_t i = 0; i < opts_instances(k->c, o->section); i++) {
		const struct conf_lines *lines = conf_lines_of(k->w, o->section, i);
		const char *name = opts_instance_name(k->c, o->section, i);

		if (!lines->option[opts_row(o)])
			blame(k, lines->section, "[%s%s%s] has no '%s'",
			      opts_section_name(o->section), name[0] ? " " : "", name, o->name);
	}
}

static void check_missing(const struct check *k)
{
	for (uint32_t row = 0; row < opts_count(); row++)
		if (opts_get(row)->required)
			check_required(k, opts_get(row));
	if (k->c->n_groups == 0)
		blame(k, 0, "no [group NAME]: there is nothing to do");
}

/* ---- the pair ---- */

static void check_names(const struct check *k)
{
	if (k->c->name[0] && !strcmp(k->c->name, k->c->peer_name))
		blame(k, peer_line(k, "name"), "name: '%s' is this host's own name in line %u",
		      k->c->peer_name, line_of(&k->w->single[SEC_NODE], SEC_NODE, "name"));
}

/* Two paths that share a NIC fail together: a verdict must not take them for two. */
static void check_path_pair(const struct check *k, uint32_t i, uint32_t j)
{
	const struct conf_path *a = &k->c->paths[i], *b = &k->c->paths[j];

	if (!strcmp(a->dev, b->dev))
		blame(k, k->w->path[j], "path: interface %s is already the path in line %u", b->dev,
		      k->w->path[i]);
	else if (IN6_ARE_ADDR_EQUAL(&a->peer, &b->peer))
		blame(k, k->w->path[j], "path: address %s is already the path in line %u",
		      b->peer_text, k->w->path[i]);
}

static void check_paths(const struct check *k)
{
	for (uint32_t j = 1; j < k->c->n_paths; j++)
		for (uint32_t i = 0; i < j; i++)
			check_path_pair(k, i, j);
}

static void check_ports(const struct check *k)
{
	if (k->c->http_port && k->c->http_port == k->c->link_port)
		blame(k, peer_line(k, "link-port"), "link-port: %u is the http-port too",
		      k->c->link_port);
}

static void check_lease(const struct check *k)
{
	char lease[24], interval[24];
	unsigned line = peer_line(k, "lease");

	if (k->c->lease_ns >= 4 * k->c->pulse_interval_ns)
		return;
	value_time_text(k->c->lease_ns, lease, sizeof(lease));
	value_time_text(k->c->pulse_interval_ns, interval, sizeof(interval));
	blame(k, line ? line : peer_line(k, "pulse-interval"),
	      "lease: %s is less than 4 x pulse-interval (%s): it is renewed by answered pulses "
	      "and would end when a few are lost", lease, interval);
}

/* Each group is claimed by itself: each needs somebody to ask. */
static void check_arbiter(const struct check *k)
{
	for (uint32_t i = 0; k->c->arbiter == ARBITER_ROUTER && i < k->c->n_groups; i++)
		if (!k->c->groups[i].n_routers)
			blame(k, k->w->group[i].section, "[group %s] has no 'router', but [arbiter] type = router in "
			      "line %u asks one before a claim", k->c->groups[i].name,
			      line_of(&k->w->single[SEC_ARBITER], SEC_ARBITER, "type"));
}

/* ---- groups ---- */

static void check_mode(const struct check *k, const struct conf_group *g)
{
	static const char *const modes[] = {
		[MODE_CLUSTER] = "cluster",
		[MODE_PROXY] = "proxy",
		[MODE_SINGLE_HOST] = "single-host",
	};

	if (g->mode != MODE_TAKEOVER)
		blame(k, group_line(k, g, "mode"),
		      "mode: '%s' is not built yet, this version does takeover", modes[g->mode]);
}

static void check_prefer(const struct check *k, const struct conf_group *g)
{
	const struct conf *c = k->c;

	if (!g->prefer[0] || !c->name[0] || !c->peer_name[0])
		return;
	if (strcmp(g->prefer, c->name) && strcmp(g->prefer, c->peer_name))
		blame(k, group_line(k, g, "prefer"), "prefer: '%s' is neither '%s' nor '%s'",
		      g->prefer, c->name, c->peer_name);
}

static void check_server(const struct check *k, const struct conf_group *g)
{
	unsigned pidfile = group_line(k, g, "server-pidfile");
	unsigned unit = group_line(k, g, "server-unit");
	bool unit_first = unit < pidfile;

	if (pidfile && unit)
		blame(k, unit_first ? pidfile : unit, "%s: the server is already named in line %u",
		      unit_first ? "server-pidfile" : "server-unit", unit_first ? unit : pidfile);
}

static void check_groups(const struct check *k)
{
	for (uint32_t i = 0; i < k->c->n_groups; i++) {
		check_mode(k, &k->c->groups[i]);
		check_prefer(k, &k->c->groups[i]);
		check_server(k, &k->c->groups[i]);
	}
}

/* ---- VIPs ---- */

static void check_vip(const struct check *k, uint32_t j)
{
	const struct in6_addr *vip = &k->c->vips[j].addr.ip;
	char ip[INET6_ADDRSTRLEN];

	conf_ip_text(vip, ip);
	for (uint32_t i = 0; i < j; i++)
		if (IN6_ARE_ADDR_EQUAL(&k->c->vips[i].addr.ip, vip)) {
			blame(k, k->w->vip[j], "sip-address: %s stands already in line %u", ip,
			      k->w->vip[i]);
			break;
		}
	for (uint32_t i = 0; i < k->c->n_paths; i++)
		if (IN6_ARE_ADDR_EQUAL(&k->c->paths[i].peer, vip))
			blame(k, k->w->vip[j],
			      "sip-address: %s is the peer's own address in line %u", ip,
			      k->w->path[i]);
}

void conf_check(const struct conf *c, const struct conf_where *w, conf_blame_fn *fn, void *arg)
{
	struct check k = { .c = c, .w = w, .blame = fn, .arg = arg };

	check_missing(&k);
	check_names(&k);
	check_paths(&k);
	check_ports(&k);
	check_lease(&k);
	check_arbiter(&k);
	check_groups(&k);
	for (uint32_t i = 0; i < c->n_vips; i++)
		check_vip(&k, i);
}
