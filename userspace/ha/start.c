/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * start: build the conductor in an order that can be undone, and take it down in the reverse.
 *
 * Nothing is attached before every map is filled; nothing is attached at all when an address of an
 * earlier life could not be removed. Pinned maps of this pair that are still good are taken over
 * with all they hold: then nothing moves.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/where.h"
#include "core/word.h"
#include "ha/route.h"
#include "sys/clock.h"
#include "sys/dp_local.h"
#include "sys/log.h"

#define SCRIPTS_NS	(2 * NS_PER_S)	/* for the last notify to be run; one that hangs runs on without us */

int ha_fail(const struct ha_say *say, int err, const char *what, const char *detail)
{
	snprintf(say->why, say->len, "%s: %s", what, detail);
	return err;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int make_group_vips(struct ha *ha, struct group *g, const struct ha_say *say)
{
	const struct conf_vip *c = &ha->conf->vips[g->conf->first_vip];

	g->vips = calloc(g->conf->n_vips, sizeof(*g->vips));
	if (!g->vips)
		return ha_fail(say, -ENOMEM, "group", g->conf->name);
	for (uint32_t i = 0; i < g->conf->n_vips; i++) {
		const char *dev = c[i].dev[0] ? c[i].dev : g->conf->dev;

		g->vips[i] = (struct vip){ .ip = c[i].addr.ip, .ifindex = if_nametoindex(dev),
					   .home = conf_is_resident(g->conf) ? if_nametoindex("lo") : 0 };
		if (!g->vips[i].ifindex) {
			snprintf(say->why, say->len, "group %s: no interface %s on this host", g->conf->name, dev);
			return -ENODEV;
		}
	}
	return 0;
}

static int make_groups(struct ha *ha, const struct ha_say *say)
{
	int err = 0;

	for (uint32_t i = 0; i < ha->n_groups && !err; i++) {
		struct group *g = &ha->group[i];

		g->conf = &ha->conf->groups[i];
		g->slot = i;
		g->ill_ns = g->moved_ns = 0;
		err = make_group_vips(ha, g, say);
		if (err)
			break;
		err = announce_open(&g->announce, g->vips, g->conf->n_vips, g->conf->routers, g->conf->n_routers,
				    g->conf->announce_rate);
		if (!err && g->conf->mode == MODE_CLUSTER)
			announce_cluster(g->announce, &g->conf->cluster_mac);
		if (!err)
			err = vip_ask_open(&g->vip_ask, g->vips, g->conf->n_vips);
		if (err)
			snprintf(say->why, say->len, "group %s: cannot announce or ask: %s", g->conf->name, strerror(-err));
	}
	return err;
}

/* What the disk remembers is let go of: a word, shut. A file refused means to learn from the peer. */
static void recall(struct ha *ha, struct group *g)
{
	struct term_record rec;
	uint64_t word;
	int err = store_loaded(ha->store, g->slot, &rec);

	if (err == -EBADMSG || err == -ERANGE)
		alarm_set(&ha->alarms, true, "state-file", g->conf->name, err == -ERANGE ?
			  "the term on disk is impossibly high: refused, the number is learnt from the peer" :
			  "the state file is corrupt: refused, the number is learnt from the peer",
			  g->conf->alarm_notify, clock_now_ns());
	if (err)
		return;
	word = rec.reserved > BT_WORD_TERM(rec.seen) ? BT_WORD(rec.reserved, ha->me, BT_SHUT) : rec.seen;
	if (!BT_WORD_OWNER(word))
		word = 0;
	atomic_store(&dp_words(ha->dp)[g->slot], word);
	g->seen = word;
}

static bool holds(const struct ha *ha, const struct group *g)
{
	return BT_WORD_MODE(group_word(ha, g)) == BT_OPEN;
}

/*
 * Before anything else: what an earlier life left behind. An open gate keeps what is its own; resident VIPs stay where a gate was
 * found that they are behind, and come back behind the one that is attached (place_residents()).
 */
static int place_first(struct ha *ha, struct group *g, const struct ha_say *say)
{
	bool resident = conf_is_resident(g->conf), stay = holds(ha, g) || g->conf->opt.control_vip_scripts || (resident && ha->found);
	int err = stay ? 0 : vip_del(&ha->nl, g->vips, g->conf->n_vips);

	if (!err && !resident)
		err = vip_route_add(&ha->nl, g->vips, g->conf->n_vips);
	if (err)
		snprintf(say->why, say->len, "group %s: %s", g->conf->name, vip_why());
	return err;
}

/* ---- building --------------------------------------------------------------------------------- */

/* The first role is what an earlier life left, by disk or by pins, whatever the word says. */
static void note_restart(const struct ha *ha, struct group *g)
{
	g->intent_number = BT_WORD_NUMBER(group_word(ha, g));
	snprintf(g->intent, sizeof(g->intent), "%s", g->intent_number ? "restart" : "");
}

static int open_store(struct ha *ha, const struct ha_say *say)
{
	int err = store_open(&ha->store, ha->conf, ha->found, ha->store_src.fd);

	if (err)
		return ha_fail(say, err, "store", store_why());
	alarm_recall(&ha->alarms, ha->started_ns);
	err = chronicle_open(ha);
	if (err)
		return ha_fail(say, err, "history", strerror(-err));
	err = neighbours_open(ha);
	if (err)
		return ha_fail(say, err, "neighbours", strerror(-err));
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		if (!ha->found)
			recall(ha, &ha->group[i]);
		note_restart(ha, &ha->group[i]);
		byhand_recall(ha, &ha->group[i]);
	}
	return 0;
}

static int place_all(struct ha *ha, const struct ha_say *say)
{
	int err = nl_open(&ha->nl, NETLINK_ROUTE, 0);

	if (err)
		return ha_fail(say, err, "netlink", strerror(-err));
	for (uint32_t i = 0; i < ha->n_groups && !err; i++)
		err = place_first(ha, &ha->group[i], say);
	if (err)
		return err;
	err = vip_script_open(&ha->vip_script, ha->conf, ha->runner);
	if (err)
		return ha_fail(say, err, "vip scripts", strerror(-err));
	err = placer_open(&ha->placer, ha->conf, ha->dp, ha->vip_script, ha->placer_src.fd);
	if (err)
		return ha_fail(say, err, "placer", strerror(-err));
	for (uint32_t i = 0; i < ha->n_groups; i++)
		placer_know(ha->placer, i, ha->group[i].vips, ha->group[i].announce);
	return 0;
}

/* The gate stands now. */
static void place_residents(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (conf_is_resident(ha->group[i].conf))
			placer_ask(ha->placer, i, PLACE_KEPT);
}

/* An address on lo joins no group: whoever asks for it by IPv6 would not be heard by the interface he asks. */
static int join_groups(struct ha *ha, const struct ha_say *say)
{
	struct in6_addr asked = { .s6_addr = { 0xff, 0x02, [11] = 1, 0xff } };
	int err = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		for (uint32_t v = 0; v < ha->group[i].conf->n_vips && conf_is_resident(ha->group[i].conf) && !err; v++) {
			const struct vip *vip = &ha->group[i].vips[v];

			memcpy(&asked.s6_addr[13], &vip->ip.s6_addr[13], 3);
			err = conf_is_v4(&vip->ip) ? 0 : mcast_join(&ha->solicited, vip->ifindex, &asked);
		}
	return err ? ha_fail(say, err, "groups that IPv6 asks for VIPs", strerror(-err)) : 0;
}

static int tune_all(struct ha *ha, const struct ha_say *say)
{
	char devs[CONF_IFACES_MAX][IF_NAMESIZE];
	int err;

	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		memcpy(devs[i], ha->ifaces[i].name, IF_NAMESIZE);
	err = tune_set(ha->conf->run_dir, devs, ha->n_ifaces);
	return err ? ha_fail(say, err, "host settings", tune_why()) : 0;
}

static int ask_arbiter(struct ha *ha, const struct ha_say *say)
{
	struct bt_node node;
	int err = dp_get_node(ha->dp, &node);

	if (!err)
		err = arbiter_open(&ha->arbiter, ha->conf, node.boot, ha->arbiter_src.fd);
	explicit_bzero(&node, sizeof(node));
	return err ? ha_fail(say, err, "arbiter", strerror(-err)) : 0;
}

static int watch_all(struct ha *ha, const struct ha_say *say)
{
	int err = health_open(&ha->health, ha->loop, ha->conf, ha->dp, sources_on_health, ha);

	if (err)
		return ha_fail(say, err, "health monitors", strerror(-err));
	err = single_watch(ha, say);
	if (err)
		return err;
	err = conf_is_alone(ha->conf) ? 0 : pulse_start(ha->pulse, ha->dp, ha->pulse_src.fd);
	if (err)
		return ha_fail(say, err, "pulse", pulse_why());
	ha->listening_ns = clock_now_ns();
	ha->ran = true;
	for (uint32_t i = 0; i < ha->n_groups; i++)
		group_say(ha, &ha->group[i]);
	return 0;
}

/* The port is this host's only lock that no other batond can have under another directory's name. */
static int take_port(struct ha *ha, const struct ha_say *say)
{
	int err = pulse_open(&ha->pulse, ha->conf);	/* without a peer there is no path: nothing is taken, nothing sent */

	return err ? ha_fail(say, err, "pulse", pulse_why()) : 0;
}

static int open_runner(struct ha *ha, const struct ha_say *say)
{
	int err = runner_open(&ha->runner);

	ha->alarms.runner = ha->runner;
	return err ? ha_fail(say, err, "runner", strerror(-err)) : 0;
}

static int build(struct ha *ha, const struct ha_say *say)
{
	int err = make_groups(ha, say);

	if (!err)
		err = datapath_ifaces(ha, say);
	if (!err)
		err = datapath_check_ifaces(ha, say);
	if (!err)
		err = take_port(ha, say);
	if (!err)
		err = datapath_open(ha, say);
	if (!err)
		err = sources_open(ha, say);
	if (!err)
		err = open_runner(ha, say);
	if (!err)
		err = place_all(ha, say);
	if (!err)
		err = open_store(ha, say);
	if (!err)
		err = tune_all(ha, say);
	if (!err)
		err = datapath_fill(ha, say);
	if (!err)
		err = pools_open(ha, say);
	if (!err)
		err = single_open(ha, say);
	if (!err)
		err = drains_open(ha, say);
	if (!err)
		err = replays_open(ha, say);
	if (!err)
		err = datapath_attach(ha, say);
	if (!err)
		err = join_groups(ha, say);
	if (!err)
		place_residents(ha);
	if (!err)
		err = ask_arbiter(ha, say);
	if (!err)
		err = guard_open(ha, say);
	if (!err)
		err = watch_all(ha, say);
	if (!err)
		err = watch_open(ha, say);
	if (!err && (err = certs_open(&ha->certs, ha->conf)))
		err = ha_fail(say, err, "thread", strerror(-err));
	if (!err && (err = examine_open(ha)))
		err = ha_fail(say, err, "thread", strerror(-err));
	if (err)
		return err;
	ha_tell_idle(ha->conf);
	pulse_report(ha->pulse, &ha->report);
	log_event(LOG_INFO, "started", "node=%s version=%s groups=%u pools=%u pins=%s realtime=%s", ha->conf->name,
		  ha->opt.version, ha->n_groups, ha->conf->n_pools, ha->found ? "found" : "new", ha->report.realtime ? "yes" : "no");
	return 0;
}

static void set_directory(struct conf *c, const char *name, char field[CONF_PATH_MAX], const char *dir)
{
	if (!dir)
		return;
	snprintf(field, CONF_PATH_MAX, "%s", dir);
	*where_slot(&c->where, SEC_NODE, 0, opts_find(SEC_NODE, name)) = CONF_LINE_ARGS;
}

void ha_set_directories(struct conf *c, const struct ha_options *opt)
{
	set_directory(c, "run-dir", c->run_dir, opt->run_dir);
	set_directory(c, "state-dir", c->state_dir, opt->state_dir);
	set_directory(c, "pin-dir", c->pin_dir, opt->pin_dir);
}

int ha_open(struct ha **ret, struct loop *loop, struct conf *conf, const struct ha_options *opt, char *why, size_t len)
{
	struct ha_say say = { why, len };
	struct ha *ha = calloc(1, sizeof(*ha));
	int err;

	if (!ha) {
		free(conf);
		return ha_fail(&say, -ENOMEM, "start", "out of memory");
	}
	ha_set_directories(conf, opt);
	ha->loop = loop;
	ha->conf = conf;
	ha->alarms.conf = conf;
	ha->opt = *opt;
	ha->me = conf_my_id(conf);
	ha->peer_id = conf_peer_id(conf);
	ha->n_groups = conf->n_groups;
	ha->started_ns = ha->turn_ns = clock_now_ns();
	ha->peer = conf_is_alone(conf) ? PEER_NONE : PEER_UNKNOWN;
	ha->peer_since_ns = ha->started_ns;
	ha->arbiter_src.fd = ha->fence_src.fd = -1;
	ha->pulse_src.fd = ha->store_src.fd = ha->placer_src.fd = ha->event_src.fd = -1;
	err = build(ha, &say);
	if (err) {
		ha_close(ha);
		return err;
	}
	*ret = ha;
	return 0;
}

/* ---- taking down ------------------------------------------------------------------------------ */

static void leave_network(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];

		if (!g->vips || !ha->nl.sock)
			continue;
		if (g->conf->n_routes)
			route_del(&ha->nl, g->conf->routes, g->conf->n_routes, g->vips[0].ifindex);
		if (!g->conf->opt.control_vip_scripts)
			vip_del(&ha->nl, g->vips, g->conf->n_vips);
		if (!conf_is_resident(g->conf))
			vip_route_del(&ha->nl, g->vips, g->conf->n_vips);
	}
}

void ha_close(struct ha *ha)
{
	/* Another start follows, or one has failed: neither must take away what a running life had left in order. */
	bool ours = !ha->leaving && (ha->ran || (ha->dp && !ha->found)) && !byscript_left(ha);

	renew_stop(ha);
	pools_close(ha);
	examine_close(ha);		/* it uses the next one's programs */
	single_close(ha);
	drains_close(ha);
	replays_close(ha);
	if (ours && ha->dp)
		watch_close(ha);
	certs_close(ha->certs, ha->leaving);
	pulse_close(ha->pulse);
	health_close(ha->health);
	placer_close(ha->placer);
	vip_script_close(ha->vip_script);
	runner_close(ha->runner, ours ? SCRIPTS_NS : 0);
	fence_stop(ha->fence);		/* or it would put back what is taken down here */
	if (ours)
		leave_network(ha);
	if (ours && ha->dp)
		dp_local_remove(ha->dp);
	if (ours && ha->dp)
		dp_remove(ha->dp);
	arbiter_close(ha->arbiter, ours);	/* no gate of ours is left that could rest on a lock */
	if (ours)
		tune_restore(ha->conf->run_dir);
	chronicle_close(ha);
	neighbours_close(ha);
	fence_close(ha->fence, ours);	/* last of all that holds frames back */
	store_close(ha->store);
	sources_close(ha);
	mcast_leave(&ha->solicited);
	dp_close(ha->dp);
	if (ha->nl.sock)
		nl_close(&ha->nl);
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		announce_close(ha->group[i].announce);
		vip_ask_close(ha->group[i].vip_ask);
		free(ha->group[i].vips);
	}
	free(ha->wanted);
	free(ha->conf);
	free(ha);
}
