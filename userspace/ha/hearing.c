/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/hearing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cluster_mac.h"
#include "ha/doors.h"
#include "sys/file.h"
#include "sys/hear.h"

#define NETS_MAX	32	/* of one group that are looked for; its VIPs' own interfaces are besides */
#define ASKED_AT_ONCE	16	/* VIPs that one look asks about; all when one was missing, and the first time: an earlier life had others */

/* ---- which doors ---------------------------------------------------------------------------------- */

/* VIPs of one network name it once. */
static uint32_t nets_of(const struct conf *c, const struct conf_group *g, struct iface_net *ret, uint32_t max)
{
	uint32_t n = 0, i;

	for (uint32_t v = 0; v < g->n_vips && n < max; v++) {
		ret[n] = doors_net(&c->vips[g->first_vip + v].addr);
		for (i = 0; i < n && memcmp(&ret[i], &ret[n], sizeof(ret[n])); i++)
			;
		n += i == n;
	}
	return n;
}

static bool is_at(struct nl *nl, const struct conf *c, const struct conf_group *g, uint32_t ifindex, const char *name)
{
	struct iface_net nets[NETS_MAX];
	struct iface found[CONF_IFACES_MAX];
	uint32_t n = 0;
	bool more;

	for (uint32_t v = 0; v < g->n_vips; v++)
		if (!strcmp(c->vips[g->first_vip + v].dev, name))
			return true;
	if (iface_in_nets(nl, nets, nets_of(c, g, nets, NETS_MAX), found, CONF_IFACES_MAX, &n, &more))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (found[i].ifindex == ifindex)
			return true;
	return false;
}

uint32_t hearing_groups(struct nl *nl, const struct conf *conf, uint32_t ifindex, const char *name)
{
	uint32_t groups = 0;

	for (uint32_t i = 0; i < conf->n_groups && ifindex; i++)
		if (conf->groups[i].mode == MODE_CLUSTER && is_at(nl, conf, &conf->groups[i], ifindex, name))
			groups |= 1u << i;
	return groups;
}

static bool is_veth(const char *name)
{
	struct hear_link link = { .kind = "" };
	struct nl nl;

	if (nl_open(&nl, NETLINK_ROUTE, 0))
		return false;
	(void)hear_link(&nl, if_nametoindex(name), &link);
	nl_close(&nl);
	return !strcmp(link.kind, "veth");
}

enum conf_xdp hearing_xdp(const struct conf *conf, const char *name)
{
	enum conf_xdp want = conf_xdp_of(conf, name);
	bool cluster = false;

	for (uint32_t i = 0; i < conf->n_groups; i++)
		cluster |= conf->groups[i].mode == MODE_CLUSTER;
	return want == XDP_AUTO && cluster && is_veth(name) ? XDP_GENERIC : want;
}

static bool is_for_cluster(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_groups; i++)
		for (uint32_t v = 0; v < c->groups[i].n_vips; v++)
			if (c->groups[i].mode == MODE_CLUSTER && !strcmp(c->vips[c->groups[i].first_vip + v].dev, name))
				return true;
	return false;
}

bool hearing_is_deaf(const struct conf *conf, const char *name)
{
	return conf_xdp_of(conf, name) == XDP_NATIVE && is_for_cluster(conf, name) && is_veth(name);
}

/* ---- one VIP on one door -------------------------------------------------------------------------- */

static int add(struct nl *nl, const struct conf_group *g, const struct in6_addr *vip, uint32_t ifindex)
{
	struct in6_addr group;
	uint8_t mac[6];

	if (cluster_group(g->cluster_mac, vip, &group))
		return hear_join(nl, ifindex, &group);
	cluster_mac(g->cluster_mac, vip, mac);
	return hear_add(nl, ifindex, mac);
}

static void del(struct nl *nl, enum conf_cluster_mac form, const struct in6_addr *vip, uint32_t ifindex)
{
	struct in6_addr group;
	uint8_t mac[6];

	cluster_mac(form, vip, mac);
	if (cluster_group(form, vip, &group))
		(void)hear_leave(nl, ifindex, &group);
	else
		(void)hear_del(nl, ifindex, mac);
}

static int unheard(enum conf_cluster_mac form, const struct hear_link *link)
{
	return form == CLUSTER_UNICAST && !strcmp(link->kind, "macvlan") ? -EOPNOTSUPP : 0;
}

/* ---- all ------------------------------------------------------------------------------------------ */

static bool is_bridge(const struct hear_link *link)
{
	return !strcmp(link->kind, "bridge");
}

/*
 * A bridge that takes in everything may do so for somebody else: what was told here is noted, beyond a kill -9, before it is told.
 * The note has the interface's number: another one of that name is not meant.
 */
static void note_name(uint32_t ifindex, char name[32])
{
	snprintf(name, 32, "promiscuous.%u", ifindex);
}

static bool is_noted(const struct conf *c, uint32_t ifindex)
{
	char path[CONF_PATH_MAX + 40], name[32], byte;

	note_name(ifindex, name);
	snprintf(path, sizeof(path), "%s/%s", c->run_dir, name);
	return file_read(path, &byte, sizeof(byte)) >= 0;
}

static int tell_all(struct nl *nl, const struct conf *c, uint32_t ifindex)
{
	char name[32];
	int err;

	note_name(ifindex, name);
	err = file_replace(c->run_dir, name, "1", 1, 0600);
	if (err)
		return err;
	err = hear_all(nl, ifindex, true);
	if (err)
		(void)file_remove(c->run_dir, name);
	return err;
}

static void untell_all(struct nl *nl, const struct conf *c, uint32_t ifindex)
{
	char name[32];

	if (!is_noted(c, ifindex) || hear_all(nl, ifindex, false))
		return;
	note_name(ifindex, name);
	(void)file_remove(c->run_dir, name);
}

/* Every @step-th of a group's VIPs. True: one was missing. */
static bool add_some(struct nl *nl, const struct conf *c, const struct conf_group *g, uint32_t ifindex, uint32_t step, int *err)
{
	bool missing = false;
	int r;

	for (uint32_t i = 0; i < g->n_vips; i += step) {
		r = add(nl, g, &c->vips[g->first_vip + i].addr.ip, ifindex);
		missing |= !r;
		if (r && r != -EEXIST)
			*err = r;
	}
	return missing;
}

static void look_group(struct nl *nl, const struct conf *c, const struct conf_group *g, uint32_t ifindex,
		       const struct hear_link *link, bool known, struct hearing *h)
{
	int err = unheard(g->cluster_mac, link);

	if (!err && is_bridge(link) && g->cluster_mac == CLUSTER_UNICAST)
		err = link->told ? 0 : tell_all(nl, c, ifindex);
	else if (!err && add_some(nl, c, g, ifindex, known ? 1 + g->n_vips / ASKED_AT_ONCE : 1, &err)) {
		if (known)
			add_some(nl, c, g, ifindex, 1, &err);
		h->times++;
	}
	if (err)
		h->err = err;
}

void hearing_look(struct nl *nl, const struct conf *conf, uint32_t ifindex, uint32_t groups, struct hearing *h)
{
	struct hear_link link;

	h->err = 0;
	h->wanted = groups;
	if (!groups)
		return;
	h->err = hear_link(nl, ifindex, &link);
	for (uint32_t i = 0; i < conf->n_groups && !h->err; i++)
		if (groups & 1u << i)
			look_group(nl, conf, &conf->groups[i], ifindex, &link, h->groups & 1u << i, h);
	h->groups = h->err ? 0 : groups;
	if (!hear_link(nl, ifindex, &link))
		h->all = link.all;
}

void hearing_forget(struct nl *nl, const struct conf *conf, uint32_t ifindex, uint32_t groups)
{
	struct hear_link link;

	if (hear_link(nl, ifindex, &link))
		return;
	for (uint32_t i = 0; i < conf->n_groups; i++) {
		const struct conf_group *g = &conf->groups[i];

		if (!(groups & 1u << i))
			continue;
		if (is_bridge(&link) && g->cluster_mac == CLUSTER_UNICAST)
			untell_all(nl, conf, ifindex);
		for (uint32_t v = 0; v < g->n_vips; v++)
			del(nl, g->cluster_mac, &conf->vips[g->first_vip + v].addr.ip, ifindex);
	}
}

void hearing_forget_vips(struct nl *nl, const struct conf *conf, uint32_t ifindex, const struct in6_addr *ips, uint32_t n)
{
	static const enum conf_cluster_mac forms[] = { CLUSTER_UNICAST, CLUSTER_MULTICAST, CLUSTER_IGMP };
	struct hear_link link;

	if (hear_link(nl, ifindex, &link))
		return;
	if (is_bridge(&link))
		untell_all(nl, conf, ifindex);
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++)
		for (uint32_t v = 0; v < n; v++)
			del(nl, forms[f], &ips[v], ifindex);
}
