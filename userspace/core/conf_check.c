/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf_check_own.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "core/conf_value.h"
#include "core/where.h"

#define TEXT_MAX 512

void blame(const struct check *k, unsigned line, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->blame(k->arg, line, text);
}

static unsigned line_of(const struct check *k, enum opt_section section, uint32_t i, const char *name)
{
	return where_said(k->c, section, i, opts_find(section, name));
}

static unsigned peer_line(const struct check *k, const char *name)
{
	return line_of(k, SEC_PEER, 0, name);
}

static unsigned group_line(const struct check *k, const struct conf_group *g, const char *name)
{
	return line_of(k, SEC_GROUP, (uint32_t)(g - k->c->groups), name);
}

/* ---- what must be there ---- */

static void check_required(const struct check *k, const struct opt *o)
{
	for (uint32_t i = 0; i < opts_instances(k->c, o->section); i++) {
		const char *name = opts_instance_name(k->c, o->section, i);

		if (!where_said(k->c, o->section, i, o))
			blame(k, where_said(k->c, o->section, i, NULL), "[%s%s%s] has no '%s'",
			      opts_section_name(o->section), name[0] ? " " : "", name, o->name);
	}
}

static void check_missing(const struct check *k)
{
	bool pools = k->c->n_pools && !k->c->n_groups;
	bool alone = pools || conf_check_single(k);	/* these need neither peer nor secret */

	for (uint32_t row = 0; row < opts_count(); row++)
		if (opts_get(row)->required && !(alone && opts_get(row)->section == SEC_PEER))
			check_required(k, opts_get(row));
	if (pools && where_said(k->c, SEC_PEER, 0, NULL))
		blame(k, where_said(k->c, SEC_PEER, 0, NULL), "[peer] without a [group]: two nodes that serve pools together "
		      "have a group with mode = proxy, whose VIPs the services are");
	if (!k->c->n_groups && !k->c->n_pools)
		blame(k, 0, "no [group NAME]: there is nothing to do");
}

/* ---- the pair ---- */

static void check_names(const struct check *k)
{
	if (k->c->name[0] && !strcmp(k->c->name, k->c->peer_name))
		blame(k, peer_line(k, "name"), "name: '%s' is this host's own name in line %u",
		      k->c->peer_name, line_of(k, SEC_NODE, 0, "name"));
}

/* Two paths that share a NIC fail together: a verdict must not take them for two. */
static void check_path_pair(const struct check *k, uint32_t i, uint32_t j)
{
	const struct conf_path *a = &k->c->paths[i], *b = &k->c->paths[j];

	if (!strcmp(a->dev, b->dev))
		blame(k, k->c->where.path[j], "path: interface %s is already the path in line %u", b->dev,
		      k->c->where.path[i]);
	else if (IN6_ARE_ADDR_EQUAL(&a->peer, &b->peer))
		blame(k, k->c->where.path[j], "path: address %s is already the path in line %u",
		      b->peer_text, k->c->where.path[i]);
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
			blame(k, where_said(k->c, SEC_GROUP, i, NULL), "[group %s] has no 'router', but [arbiter] type = router in "
			      "line %u asks one before a claim", k->c->groups[i].name,
			      line_of(k, SEC_ARBITER, 0, "type"));
}

/* ---- groups ---- */

static void check_resident_iface(const struct check *k, const struct conf_group *g, const char *dev, unsigned line, const char *name)
{
	if (conf_xdp_of(k->c, dev) == XDP_OFF)
		blame(k, line, g->mode == MODE_CLUSTER ?
		      "%s: %s has xdp-mode = off; in mode = cluster both hosts hear every frame, and XDP alone says whose it is" :
		      "%s: %s has xdp-mode = off; VIPs that are on both hosts (vip-placement = resident) are answered for by XDP alone",
		      name, dev);
}

/* Its addresses are on both hosts all the time: nothing can come and go with the role, and XDP alone tells who is meant. */
static void check_resident(const struct check *k, const struct conf_group *g)
{
	unsigned line = group_line(k, g, "vip-placement");

	if (g->placement != PLACE_RESIDENT)
		return;
	if (g->mode != MODE_CLUSTER && g->mode != MODE_TAKEOVER)
		blame(k, line, "vip-placement: resident is for mode = takeover and mode = cluster, [group %s] has mode = %s", g->name,
		      conf_mode_text(g->mode));
	if (g->opt.control_vip_scripts)
		blame(k, where_from(k->c, SEC_GROUP, (uint32_t)(g - k->c->groups), opts_find(SEC_GROUP, "control-vip-scripts")),
		      "control-vip-scripts: %s the VIPs live on both hosts, scripts have nothing to place",
		      g->mode == MODE_CLUSTER ? "in mode = cluster" : "with vip-placement = resident");
	check_resident_iface(k, g, g->dev, group_line(k, g, "interface"), "interface");
	for (uint32_t v = g->first_vip; v < g->first_vip + g->n_vips; v++)
		if (strcmp(k->c->vips[v].dev, g->dev))
			check_resident_iface(k, g, k->c->vips[v].dev, k->c->where.vip[v], "sip-address");
}

static void check_cluster(const struct check *k, const struct conf_group *g)
{
	unsigned placement = group_line(k, g, "vip-placement"), mac = group_line(k, g, "cluster-mac");

	if (g->mode != MODE_CLUSTER) {
		if (mac)
			blame(k, mac, "cluster-mac: [group %s] has not mode = cluster", g->name);
		return;
	}
	if (placement && g->placement == PLACE_NETLINK)
		blame(k, placement, "vip-placement: in mode = cluster it is resident, the VIPs live on both hosts");
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

static void check_scripts(const struct check *k, const struct conf_group *g)
{
	uint32_t line = where_from(k->c, SEC_GROUP, (uint32_t)(g - k->c->groups), opts_find(SEC_GROUP, "control-vip-scripts"));

	for (int s = SCRIPT_UP; g->opt.control_vip_scripts && s <= SCRIPT_DOWN; s++)
		if (!conf_script_path(g, s)[0])
			blame(k, line, "control-vip-scripts: [group %s] has no '%s'", g->name, conf_script_name(s));
}

/* It must be there whatever the role: an address that comes and goes with it is no sign of a NIC. */
static void check_nic_address(const struct check *k, const struct conf_group *g)
{
	unsigned line = group_line(k, g, "sip-nic-address");
	char why[CONF_WHY];
	struct in6_addr ip;

	if (!g->opt.sip_nic_address[0] || !addr_host(g->opt.sip_nic_address, &ip, why))
		return;		/* a name */
	for (uint32_t v = 0; v < k->c->n_vips; v++)
		if (IN6_ARE_ADDR_EQUAL(&k->c->vips[v].addr.ip, &ip))
			blame(k, line ? line : line_of(k, SEC_TSERVER, 0, "sip-nic-address"),
			      "sip-nic-address: %s is the VIP in line %u; this one must be there in every role",
			      g->opt.sip_nic_address, k->c->where.vip[v]);
}

static void check_groups(const struct check *k)
{
	for (uint32_t i = 0; i < k->c->n_groups; i++) {
		check_cluster(k, &k->c->groups[i]);
		check_resident(k, &k->c->groups[i]);
		check_prefer(k, &k->c->groups[i]);
		check_server(k, &k->c->groups[i]);
		check_nic_address(k, &k->c->groups[i]);
		check_scripts(k, &k->c->groups[i]);
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
			blame(k, k->c->where.vip[j], "sip-address: %s stands already in line %u", ip,
			      k->c->where.vip[i]);
			break;
		}
	for (uint32_t i = 0; i < k->c->n_paths; i++)
		if (IN6_ARE_ADDR_EQUAL(&k->c->paths[i].peer, vip))
			blame(k, k->c->where.vip[j],
			      "sip-address: %s is the peer's own address in line %u", ip,
			      k->c->where.path[i]);
}

/* ---- sites ---- */

static void check_trunk(const struct check *k)
{
	const char *name = k->c->site.dr_peer_trunk;
	unsigned line = line_of(k, SEC_SITE, 0, "dr-peer-trunk");
	uint32_t i = 0;

	while (name[0] && i < k->c->n_devices && strcmp(k->c->devices[i].name, name))
		i++;
	if (!name[0])
		return;
	if (i == k->c->n_devices)
		blame(k, line, "dr-peer-trunk: there is no [device %s]", name);
	else if (strcmp(k->c->devices[i].service_type, "trunk"))
		blame(k, line, "dr-peer-trunk: [device %s] in line %u is no trunk, its service-type is %s", name,
		      where_said(k->c, SEC_DEVICE, i, NULL), k->c->devices[i].service_type);
}

void conf_check(const struct conf *c, conf_blame_fn *fn, void *arg)
{
	struct check k = { .c = c, .blame = fn, .arg = arg };

	check_missing(&k);
	check_names(&k);
	check_paths(&k);
	check_ports(&k);
	check_lease(&k);
	check_arbiter(&k);
	check_groups(&k);
	check_trunk(&k);
	conf_check_pools(c, fn, arg);
	conf_check_rules(c, fn, arg);
	for (uint32_t i = 0; i < c->n_vips; i++)
		check_vip(&k, i);
}
