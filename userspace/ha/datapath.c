/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath: what must the kernel know before the first frame comes, and where does it meet frames?
 *
 * Opens the maps (pinned ones that were made for this configuration are taken over), fills them, then
 * attaches. Who we are, whom we believe, which VIPs are whose; keys are wiped from memory when filled in.
 */
#include "ha/ha_own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/cluster_mac.h"
#include "core/rules.h"
#include "core/stages.h"
#include "ha/hearing.h"
#include "sys/clock.h"
#include "sys/dp_local.h"
#include "sys/keys.h"
#include "sys/log.h"

static uint64_t random_id(void)
{
	uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			id = 0;
	return id;
}

static int make_node(struct ha *ha, uint64_t boot, struct bt_node *node, const struct ha_say *say)
{
	char secret[KEYS_SECRET_MAX], text[160];
	uint64_t in[2], out[2], observe[2];
	size_t len;
	int err;

	*node = (struct bt_node){ .my_id = ha->me, .peer_id = ha->peer_id, .pair_id = ha->conf->pair_id, .boot = boot,
				  .n_groups = (uint8_t)ha->n_groups };
	if (conf_is_alone(ha->conf))
		return 0;	/* no pulse is meant for us: no port, no key */
	err = keys_read_secret(ha->conf->secret_file, secret, sizeof(secret), &len, text, sizeof(text));

	if (err) {
		snprintf(say->why, say->len, "secret-file %s %s", ha->conf->secret_file, text);
		return err;
	}
	err = keys_derive(secret, len, ha->peer_id, ha->me, in);
	if (!err)
		err = keys_derive(secret, len, ha->me, ha->peer_id, out);
	if (!err)
		err = keys_derive_observe(secret, len, observe);
	explicit_bzero(secret, sizeof(secret));
	if (err)
		return ha_fail(say, err, "keys", strerror(-err));
	*node = (struct bt_node){
		.my_id = ha->me, .peer_id = ha->peer_id, .pair_id = ha->conf->pair_id,
		.n_groups = (uint8_t)ha->n_groups, .pulse_port = htons(ha->conf->pulse_port),
		.n_paths = (uint16_t)ha->conf->n_paths, .boot = boot,
		.key_in = { in[0], in[1] }, .key_out = { out[0], out[1] },
		.interval_ns = ha->conf->pulse_interval_ns, .key_observe = { observe[0], observe[1] },
	};
	return 0;
}

/* "5060" is UDP and TCP; TLS and WebSocket listen as TCP does. */
static struct bt_port make_port(const struct conf_port *c)
{
	return (struct bt_port){
		.port = htons(c->port), .udp = c->transport == PORT_UDP_TCP || c->transport == PORT_UDP,
		.tcp = c->transport != PORT_UDP,
	};
}

static __u32 make_tos(const struct conf_group *c)
{
	return c->opt.sip_ip_tos < 0 ? 0 : BT_TOS_SET | (__u32)c->opt.sip_ip_tos;
}

/* What of bt_group.flags a reload may change. */
static __u32 replay_flag(const struct conf_group *c)
{
	return replays_wants(c) ? BT_GROUP_REPLAY : 0;
}

static void make_group(const struct ha *ha, const struct conf_group *c, struct bt_group *ret)
{
	*ret = (struct bt_group){
		.name_hash = htonl(conf_name_hash(c->name)), .digest = htonl(conf_digest(ha->conf, c)),
		.linger_ms = (uint32_t)(c->linger_ns / NS_PER_MS),
		.flags = (c->listener_auto && c->mode != MODE_PROXY ? BT_GROUP_LISTENER : 0) |
			 (watch_is_wanted(ha->conf, c) ? BT_GROUP_WATCH : 0), .tos = make_tos(c),
	};
	ret->flags |= replay_flag(c);
	if (c->mode == MODE_CLUSTER)
		ret->flags |= BT_GROUP_CLUSTER;
	for (uint32_t i = 0; i < c->n_ports; i++)
		ret->port[i] = make_port(&c->ports[i]);
	memcpy(ret->name, c->name, sizeof(ret->name));
}

/*
 * Pins are only good for the configuration they were made for: slots and VIP indexes are theirs. The same groups need the same
 * stages; pools alone may have come since, and wait for theirs (ha/pools.c).
 */
static bool pins_fit(struct ha *ha)
{
	struct bt_group have, want;
	struct bt_node node;

	if (stages_of(ha->conf) & ~dp_stages(ha->dp) & ~STAGE_BIT(BT_STAGE_STEER))
		return false;
	if (dp_get_node(ha->dp, &node) || node.n_groups != ha->n_groups || node.my_id != ha->me ||
	    node.peer_id != ha->peer_id || !node.boot)
		return false;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		make_group(ha, &ha->conf->groups[i], &want);
		if (dp_get_group(ha->dp, i, &have) || have.name_hash != want.name_hash || have.digest != want.digest)
			return false;
	}
	return true;
}

static bool was_cluster(struct ha *ha)
{
	struct bt_group have;

	for (uint32_t i = 0; i < BT_GROUPS_MAX; i++)
		if (!dp_get_group(ha->dp, i, &have) && have.flags & BT_GROUP_CLUSTER)
			return true;
	return false;
}

static void forget_hearing(struct ha *ha, struct nl *nl, const struct in6_addr *ips, uint32_t n)
{
	uint32_t known[BT_DOORS_MAX];
	int doors = was_cluster(ha) ? dp_doors(ha->dp, known, BT_DOORS_MAX) : 0;

	for (int i = 0; i < doors; i++)
		hearing_forget_vips(nl, ha->conf, known[i], ips, n);
}

/* The new configuration may not name its VIPs: nobody else would ever take them from the interfaces. */
static int forget_vips(struct ha *ha, const struct ha_say *say)
{
	static struct in6_addr ips[2 * BT_VIPS_MAX];
	int n = dp_vips(ha->dp, ips, 2 * BT_VIPS_MAX), err;
	struct nl nl;

	if (n < 0)
		return ha_fail(say, n, "data path", dp_why(ha->dp));
	err = nl_open(&nl, NETLINK_ROUTE, 0);
	if (err)
		return ha_fail(say, err, "netlink", strerror(-err));
	err = vip_forget(&nl, ips, (uint32_t)n);
	forget_hearing(ha, &nl, ips, (uint32_t)n);
	nl_close(&nl);
	return err ? ha_fail(say, err, "address of an earlier life", vip_why()) : 0;
}

/* Their gate stands until nothing is left that it has to hold: whatever ends this, the next start begins here again. */
static int discard_pins(struct ha *ha, const struct ha_say *say)
{
	int err = forget_vips(ha, say);

	if (err)
		return err;
	(void)dp_local_remove(ha->dp);
	err = dp_remove(ha->dp);
	return err ? ha_fail(say, err, "data path", dp_why(ha->dp)) : 0;
}

static int find_or_load(struct ha *ha, const struct ha_say *say)
{
	const char *pins = ha->conf->pin_dir;
	int err = dp_open(&ha->dp, ha->opt.obj_dir, pins, ha->opt.version, stages_of(ha->conf), &ha->found);

	if (err)
		return ha_fail(say, err, "data path", dp_why(ha->dp));
	if (!ha->found || pins_fit(ha))
		return 0;
	log_event(LOG_WARNING, "pins discarded", "pin-dir=%s why=\"made for another configuration\"", pins);
	err = discard_pins(ha, say);
	dp_close(ha->dp);
	ha->dp = NULL;
	if (err)
		return err;
	err = dp_open(&ha->dp, ha->opt.obj_dir, pins, ha->opt.version, stages_of(ha->conf), &ha->found);
	return err ? ha_fail(say, err, "data path", dp_why(ha->dp)) : 0;
}

int datapath_open(struct ha *ha, const struct ha_say *say)
{
	int err;

	replays_want(ha);
	err = find_or_load(ha, say);
	ha->stages = err ? 0 : dp_stages(ha->dp);
	return err;
}

static __u32 vip_flags(const struct group *g)
{
	struct conf_rule rules[BT_RULES_MAX];

	return (g->conf->mode == MODE_PROXY ? BT_VIP_STEERED : BT_VIP_CALLS) | (rules_of(g->conf, rules) ? BT_VIP_RULES : 0) |
	       (g->conf->mode == MODE_SINGLE_HOST ? BT_VIP_LOCAL : 0);
}

static void make_vip(const struct group *g, uint32_t i, struct bt_vip *ret)
{
	*ret = (struct bt_vip){ .group = (uint16_t)g->slot, .index = (uint16_t)(g->conf->first_vip + i), .flags = vip_flags(g) };
	if (conf_is_resident(g->conf))
		ret->flags |= BT_VIP_ANSWERED;
	if (g->conf->mode != MODE_CLUSTER)
		return;
	ret->flags |= BT_VIP_CLUSTER;
	cluster_mac(g->conf->cluster_mac, &g->vips[i].ip, ret->mac);
}

static int fill_vips(struct ha *ha, const struct group *g)
{
	int err = 0;

	for (uint32_t i = 0; i < g->conf->n_vips && !err; i++) {
		struct bt_vip vip;

		make_vip(g, i, &vip);
		err = dp_set_vip(ha->dp, &g->vips[i].ip, &vip);
	}
	return err;
}

static int fill_paths(struct ha *ha)
{
	int err = 0;

	for (uint32_t i = 0; i < BT_PATHS_MAX && !err; i++) {
		struct bt_path path = { 0 }, before = { 0 };

		if (i < ha->conf->n_paths) {
			path.ifindex = if_nametoindex(ha->conf->paths[i].dev);
			memcpy(path.peer, &ha->conf->paths[i].peer, sizeof(path.peer));
		}
		if (!dp_get_path(ha->dp, i, &before) && before.ifindex == path.ifindex)
			path.flags = before.flags;	/* what an earlier life found out of the network */
		ha->filtered[i] = path.flags & BT_PATH_FILTERED;
		err = dp_set_path(ha->dp, i, &path);
	}
	return err;
}

/* Nothing is known of a path until it is heard for a while: then what was found out before stays. */
void datapath_note_marks(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		enum marks_seen seen = ha->report.path[i].marks;
		struct bt_path path;

		if (seen == MARKS_UNKNOWN || ha->filtered[i] == (seen == MARKS_NONE) || dp_get_path(ha->dp, i, &path))
			continue;
		path.flags = seen == MARKS_NONE ? path.flags | BT_PATH_FILTERED : path.flags & ~BT_PATH_FILTERED;
		if (dp_set_path(ha->dp, i, &path))
			continue;
		ha->filtered[i] = seen == MARKS_NONE;
		log_event(ha->filtered[i] ? LOG_WARNING : LOG_INFO, ha->filtered[i] ? "path filtered" : "path not filtered",
			  "interface=%s text=\"frames with foreign source addresses %s\"", ha->conf->paths[i].dev,
			  ha->filtered[i] ? "are dropped: a hand-over is known by pulses alone" : "come through");
	}
}

/* What an earlier life said of its server stays until this one has looked: a start may yet be refused. */
static int fill_group(struct ha *ha, uint32_t slot)
{
	struct bt_group row, before = { 0 };
	int err = ha->found ? dp_get_group(ha->dp, slot, &before) : 0;

	if (err)
		return err;
	make_group(ha, ha->group[slot].conf, &row);
	ha->group[slot].digest = row.digest;
	row.health = before.health;
	return dp_set_group(ha->dp, slot, &row);
}

int datapath_fill(struct ha *ha, const struct ha_say *say)
{
	struct bt_node node = { .boot = random_id() };
	int err = ha->found ? dp_get_node(ha->dp, &node) : 0;

	if (!err)
		err = make_node(ha, node.boot, &node, say);
	if (err)
		return err;
	err = dp_set_node(ha->dp, &node);
	if (!err && !ha->found)
		err = dp_set_nonce(ha->dp, random_id());
	if (!err)
		err = fill_paths(ha);
	for (uint32_t i = 0; i < ha->n_groups && !err; i++) {
		rules_fill(ha, &ha->group[i]);
		err = fill_group(ha, i);
		if (!err)
			err = fill_vips(ha, &ha->group[i]);
	}
	if (!err)
		err = replays_fill(ha);
	explicit_bzero(&node, sizeof(node));
	return err ? ha_fail(say, err, "data path", dp_why(ha->dp)) : 0;
}

/* After a reload: what the kernel goes by and may have changed. */
int datapath_refill(struct ha *ha)
{
	struct bt_node node;
	struct bt_group row;
	int err = dp_get_node(ha->dp, &node);

	if (!err && node.interval_ns != ha->conf->pulse_interval_ns) {
		node.interval_ns = ha->conf->pulse_interval_ns;
		err = dp_set_node(ha->dp, &node);
	}
	explicit_bzero(&node, sizeof(node));
	for (uint32_t i = 0; i < ha->n_groups && !err; i++) {
		err = dp_get_group(ha->dp, i, &row);
		row.linger_ms = (uint32_t)(ha->group[i].conf->linger_ns / NS_PER_MS);
		row.tos = make_tos(ha->group[i].conf);
		row.flags = (row.flags & ~BT_GROUP_REPLAY) | replay_flag(ha->group[i].conf);
		if (!err)
			err = dp_set_group(ha->dp, i, &row);
	}
	return err ? err : replays_fill(ha);
}

static struct ha_iface_view *iface_of(struct ha *ha, const char *dev)
{
	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		if (!strcmp(ha->ifaces[i].name, dev))
			return &ha->ifaces[i];
	if (ha->n_ifaces == CONF_IFACES_MAX)
		return NULL;
	snprintf(ha->ifaces[ha->n_ifaces].name, IF_NAMESIZE, "%s", dev);
	return &ha->ifaces[ha->n_ifaces++];
}

/* What the configuration names first; then what else of this host reaches a VIP's network. */
static int add_doors(struct ha *ha)
{
	struct iface found[CONF_IFACES_MAX];
	uint32_t n = 0;
	int err = doors_find(ha->conf, found, CONF_IFACES_MAX, &n);

	ha->n_named = ha->n_ifaces;
	for (uint32_t i = 0; i < n; i++)
		if (!iface_of(ha, found[i].name))
			log_event(LOG_ERR, "too many interfaces", "interface=%s room=%d", found[i].name, CONF_IFACES_MAX);
	return err;
}

/* Every interface a VIP or a pulse may come in by. */
int datapath_ifaces(struct ha *ha, const struct ha_say *say)
{
	int err;

	for (uint32_t i = 0; i < ha->conf->n_paths; i++)
		iface_of(ha, ha->conf->paths[i].dev);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		iface_of(ha, ha->group[i].conf->dev);
	for (uint32_t i = 0; i < ha->conf->n_vips; i++)
		iface_of(ha, ha->conf->vips[i].dev);
	err = add_doors(ha);
	return err ? ha_fail(say, err, "list of addresses", strerror(-err)) : 0;
}

int datapath_check_ifaces(const struct ha *ha, const struct ha_say *say)
{
	for (uint32_t i = 0; i < ha->n_ifaces; i++) {
		const char *name = ha->ifaces[i].name;

		if (!if_nametoindex(name)) {
			snprintf(say->why, say->len, "no interface %s on this host", name);
			return -ENODEV;
		}
		if (hearing_is_deaf(ha->conf, name)) {
			snprintf(say->why, say->len, "[interface %s] xdp-mode = native on a " HEARING_VETH "; auto or generic", name);
			return -EINVAL;
		}
	}
	return 0;
}

static int attach_one(struct ha *ha, struct ha_iface_view *view, const struct ha_say *say)
{
	static const char *const text[] = { [DP_OFF] = "off", [DP_NATIVE] = "native", [DP_GENERIC] = "generic" };
	enum conf_xdp want = hearing_xdp(ha->conf, view->name);
	enum dp_mode mode = DP_OFF;
	int err = 0;

	if (want != XDP_OFF)
		err = dp_attach(ha->dp, if_nametoindex(view->name), want == XDP_GENERIC ? DP_GENERIC : DP_NATIVE,
				want == XDP_AUTO, &mode);
	if (err) {
		snprintf(say->why, say->len, "interface %s: %s", view->name, dp_why(ha->dp));
		return err;
	}
	view->xdp = text[mode];
	if (mode == DP_GENERIC && want == XDP_AUTO)
		snprintf(view->refused, sizeof(view->refused), "%s", dp_why(ha->dp));
	else if (want == XDP_GENERIC && conf_xdp_of(ha->conf, view->name) == XDP_AUTO)
		snprintf(view->refused, sizeof(view->refused), "%s", HEARING_VETH);
	log_event(mode == DP_NATIVE ? LOG_INFO : LOG_WARNING, "xdp attached", "interface=%s mode=%s", view->name, view->xdp);
	return 0;
}

/* An interface that was only found cannot forbid the start: the backstop holds it, and the fence goes on trying. */
static void attach_found(struct ha *ha, struct ha_iface_view *view)
{
	char why[HA_TEXT] = "";

	view->xdp = "off";
	if (attach_one(ha, view, &(struct ha_say){ why, sizeof(why) }))
		log_event(LOG_ERR, "xdp missing", "interface=%s error=\"%s\"", view->name, why);
}

int datapath_attach(struct ha *ha, const struct ha_say *say)
{
	int err = 0;

	for (uint32_t i = 0; i < ha->n_named && !err; i++)
		err = attach_one(ha, &ha->ifaces[i], say);
	for (uint32_t i = ha->n_named; i < ha->n_ifaces && !err; i++)
		attach_found(ha, &ha->ifaces[i]);
	return err;
}
