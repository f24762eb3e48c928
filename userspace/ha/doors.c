/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/clock.h"
#include "sys/way.h"

#define RETRY_NS	NS_PER_S
#define DUMP_TRIES	3

/* ---- networks ----------------------------------------------------------------------------------- */

static bool known_net(const struct iface_net *nets, uint32_t n, const struct iface_net *net)
{
	for (uint32_t i = 0; i < n; i++)
		if (nets[i].bits == net->bits && !memcmp(&nets[i].ip, &net->ip, sizeof(net->ip)))
			return true;
	return false;
}

/* Cut off what is behind the prefix, so that the VIPs of one network name one. */
struct iface_net doors_net(const struct conf_addr *addr)
{
	struct iface_net net = { addr->ip, (uint8_t)(addr->prefix_len + (conf_is_v4(&addr->ip) ? 96 : 0)) };

	for (uint32_t bit = net.bits; bit < 128; bit++)
		net.ip.s6_addr[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return net;
}

static uint32_t make_nets(const struct conf *conf, const struct doors_pools *pools, struct iface_net *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->n_vips; i++) {
		struct iface_net net = doors_net(&conf->vips[i].addr);

		if (!known_net(ret, n, &net))
			ret[n++] = net;
	}
	for (uint32_t i = 0; i < pools->n_services; i++) {
		struct iface_net net = { pools->service[i], 128 };

		if (!known_net(ret, n, &net))
			ret[n++] = net;
	}
	return n;
}

void doors_of_pools(const struct conf *conf, struct doors_pools *ret)
{
	ret->n_services = ret->n_servers = 0;
	for (uint32_t i = 0; i < conf->n_pools; i++) {
		for (uint32_t j = 0; j < conf->pools[i].n_services; j++)
			ret->service[ret->n_services++] = conf->pools[i].service[j].ip;
		for (uint32_t k = 0; k < conf->pools[i].n_servers; k++)
			ret->server[ret->n_servers++] = conf->pools[i].server[k].at.ip;
	}
}

static int find_nets(struct nl *nl, const struct iface_net *nets, uint32_t n_nets, struct iface *ret, uint32_t max,
		     uint32_t *ret_n, bool *ret_more)
{
	int err = -EINTR;

	*ret_n = 0;
	*ret_more = false;
	for (int i = 0; i < DUMP_TRIES && err == -EINTR && n_nets; i++)
		err = iface_in_nets(nl, nets, n_nets, ret, max, ret_n, ret_more);
	return n_nets ? err : 0;
}

/* Where there is no way yet, one may come: the next look will tell. */
static void add_way(struct nl *nl, const struct in6_addr *server, struct iface *ret, uint32_t max, uint32_t *n, bool *more)
{
	struct way_link link;
	struct way way;

	if (way_find(nl, server, &way) || way_link(nl, way.ifindex, &link) || !link.ethernet)
		return;
	for (uint32_t i = 0; i < *n; i++)
		if (ret[i].ifindex == way.ifindex)
			return;
	*more |= *n == max;
	if (*n == max)
		return;
	ret[*n].ifindex = way.ifindex;
	*n += if_indextoname(way.ifindex, ret[*n].name) != NULL;
}

static int find(struct nl *nl, const struct iface_net *nets, uint32_t n_nets, const struct doors_pools *pools,
		struct iface *ret, uint32_t max, uint32_t *ret_n, bool *ret_more)
{
	int err = find_nets(nl, nets, n_nets, ret, max, ret_n, ret_more);

	for (uint32_t i = 0; i < pools->n_servers && !err; i++)
		add_way(nl, &pools->server[i], ret, max, ret_n, ret_more);
	return err;
}

int doors_find(const struct conf *conf, struct iface *ret, uint32_t max, uint32_t *ret_n)
{
	static struct iface_net nets[DOORS_NETS];	/* at start only */
	static struct doors_pools pools;
	bool more;
	struct nl nl;
	int err = nl_open(&nl, NETLINK_ROUTE, 0);

	if (err)
		return err;
	doors_of_pools(conf, &pools);
	err = find(&nl, nets, make_nets(conf, &pools, nets), &pools, ret, max, ret_n, &more);
	nl_close(&nl);
	return err;
}

void doors_take_pools(struct doors *d, const struct doors_pools *pools)
{
	d->pools = *pools;
	d->n_nets = make_nets(d->conf, &d->pools, d->nets);
}

/* ---- which doors are there ------------------------------------------------------------------------ */

static struct door *door_of(struct doors *d, uint32_t ifindex)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->door[i].ifindex == ifindex)
			return &d->door[i];
	return NULL;
}

static void add(struct doors *d, uint32_t ifindex, const char *name, bool named)
{
	struct door *door = &d->door[d->n++];

	*door = (struct door){ .ifindex = ifindex, .first_ifindex = ifindex, .named = named };
	snprintf(door->name, sizeof(door->name), "%s", name);
	door->off = conf_xdp_of(d->conf, name) == XDP_OFF;
}

/* What the configuration names is looked for by name, and where that is gone, by its old number: it was renamed. */
static uint32_t named_ifindex(const struct door *door)
{
	char name[IF_NAMESIZE];
	uint32_t ifindex = if_nametoindex(door->name);

	return ifindex ? ifindex : if_indextoname(door->first_ifindex, name) ? door->first_ifindex : 0;
}

/* The pin of a link that went with its interface goes with nothing: a host makes and removes many in its life. */
static void unpin_gone(struct doors *d, uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	if (!ifindex || if_indextoname(ifindex, name))
		return;
	(void)dp_detach(d->dp, ifindex);
	(void)dp_del_door(d->dp, ifindex);
}

static bool follow_named(struct doors *d, struct door *door)
{
	uint32_t ifindex = named_ifindex(door);
	bool same = ifindex == door->ifindex;

	door->moved = ifindex && ifindex != door->first_ifindex;
	if (same)
		return false;
	unpin_gone(d, door->ifindex);
	door->ifindex = ifindex;
	memset(door->mac, 0, sizeof(door->mac));
	door->gated = false;
	door->retry_ns = 0;
	if (!ifindex)
		door->err = 0;	/* nothing to gate; its link is another's affair */
	return true;
}

/* One that was found goes with its interface; under a new name it is the same. */
static bool follow_found(struct doors *d, struct door *door)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(door->ifindex, name)) {
		unpin_gone(d, door->ifindex);
		door->ifindex = 0;
		return true;
	}
	if (!strcmp(name, door->name))
		return false;
	memcpy(door->name, name, sizeof(name));
	return true;
}

static bool follow(struct doors *d)
{
	bool news = false;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		struct door *door = &d->door[i];

		news |= door->named ? follow_named(d, door) : follow_found(d, door);
		if (door->named || door->ifindex)
			d->door[n++] = *door;
	}
	d->n = n;
	return news;
}

static void add_new(struct doors *d, const struct iface *one)
{
	if (d->n < CONF_IFACES_MAX)
		add(d, one->ifindex, one->name, false);
	else
		d->more = true;
}

static void place_clusters(struct doors *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		d->door[i].clusters = hearing_groups(&d->nl, d->conf, d->door[i].ifindex, d->door[i].name);
}

bool doors_list(struct doors *d)
{
	struct iface found[CONF_IFACES_MAX];
	bool news = follow(d), more = false;
	uint32_t n = 0;

	if (find(&d->nl, d->nets, d->n_nets, &d->pools, found, CONF_IFACES_MAX, &n, &more))
		n = 0;		/* the next look will tell */
	else
		d->more = more;
	for (uint32_t i = 0; i < n; i++) {
		if (door_of(d, found[i].ifindex))
			continue;
		add_new(d, &found[i]);
		news = true;
	}
	place_clusters(d);
	return news;
}

/* ---- is the gate on them? ------------------------------------------------------------------------- */

static bool stands(const struct doors *d, const struct door *door, bool deep)
{
	if (door->off || !door->ifindex)
		return false;
	return dp_xdp_stands(d->dp, door->ifindex) && (deep ? dp_tc_stands(door->ifindex) : door->gated);
}

/* An interface whose address the program does not know is one by which it answers nothing. */
static bool tell_mac(struct doors *d, struct door *door)
{
	struct way_link link;

	if (!door->ifindex || way_link(&d->nl, door->ifindex, &link) || !link.ethernet ||
	    !memcmp(door->mac, link.mac, sizeof(door->mac)) || dp_set_door(d->dp, door->ifindex, link.mac))
		return false;
	memcpy(door->mac, link.mac, sizeof(door->mac));
	return true;
}

/* A cluster's frames come to an address that is not the interface's. */
static bool hear(struct doors *d, struct door *door)
{
	struct hearing was = door->hearing;

	if (door->ifindex && !door->off)
		hearing_look(&d->nl, d->conf, door->ifindex, door->clusters, &door->hearing);
	return memcmp(&was, &door->hearing, sizeof(was));
}

bool doors_look(struct doors *d, bool deep)
{
	bool news = false;

	for (uint32_t i = 0; i < d->n; i++) {
		struct door *door = &d->door[i];
		bool was = door->gated;

		door->gated = stands(d, door, deep);
		news |= door->gated != was;
		news |= deep && tell_mac(d, door);
		news |= deep && hear(d, door);
		if (door->gated)
			door->err = 0;
	}
	return news;
}

static void note_refusal(struct door *door, enum conf_xdp want, const char *why)
{
	door->refused[0] = '\0';
	if (!door->err && want == XDP_AUTO && door->mode == DP_GENERIC)
		snprintf(door->refused, sizeof(door->refused), "%s", why);
}

static void repair(struct doors *d, struct door *door, uint64_t now_ns)
{
	enum conf_xdp want = hearing_xdp(d->conf, door->name);

	door->err = dp_repair(d->dp, door->ifindex, want == XDP_GENERIC ? DP_GENERIC : DP_NATIVE, want == XDP_AUTO,
			      &door->mode);
	door->gated = !door->err;
	door->repairs += !door->err;
	door->retry_ns = now_ns + RETRY_NS;
	note_refusal(door, want, dp_why(d->dp));
	if (door->err)
		snprintf(door->why, sizeof(door->why), "%.127s", dp_why(d->dp));
}

bool doors_repair(struct doors *d, uint64_t now_ns)
{
	bool news = false;

	for (uint32_t i = 0; i < d->n; i++) {
		struct door *door = &d->door[i];

		if (door->gated || door->off || !door->ifindex || (door->err && now_ns < door->retry_ns))
			continue;
		repair(d, door, now_ns);
		news = true;
	}
	return news;
}

static enum dp_mode mode_of(const char *text)
{
	return !strcmp(text, "native") ? DP_NATIVE : !strcmp(text, "generic") ? DP_GENERIC : DP_OFF;
}

/* Addresses of interfaces that went while nobody looked. */
static void forget_gone(struct dp *dp)
{
	uint32_t known[BT_DOORS_MAX];
	int n = dp_doors(dp, known, BT_DOORS_MAX);
	char name[IF_NAMESIZE];

	for (int i = 0; i < n; i++)
		if (!if_indextoname(known[i], name))
			(void)dp_del_door(dp, known[i]);
}

int doors_open(struct doors *d, const struct conf *conf, struct dp *dp, const struct ha_iface_view *ifaces, uint32_t n,
	       uint32_t n_named)
{
	int err = nl_open(&d->nl, NETLINK_ROUTE, 0);

	if (err)
		return err;
	d->conf = conf;
	d->dp = dp;
	doors_of_pools(conf, &d->pools);
	d->n_nets = make_nets(conf, &d->pools, d->nets);
	forget_gone(dp);
	for (uint32_t i = 0; i < n; i++) {
		add(d, if_nametoindex(ifaces[i].name), ifaces[i].name, i < n_named);
		d->door[i].mode = mode_of(ifaces[i].xdp);
		memcpy(d->door[i].refused, ifaces[i].refused, sizeof(d->door[i].refused));
	}
	place_clusters(d);
	return 0;
}

void doors_forget(struct doors *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->door[i].ifindex && d->door[i].clusters)
			hearing_forget(&d->nl, d->conf, d->door[i].ifindex, d->door[i].clusters);
}

void doors_close(struct doors *d)
{
	if (d->nl.sock)
		nl_close(&d->nl);
}
