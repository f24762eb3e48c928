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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/word.h"
#include "ha/route.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/log.h"

/* Where to say what failed. */
struct say {
	char *why;
	size_t len;
};

static int fail(const struct say *say, int err, const char *what, const char *detail)
{
	snprintf(say->why, say->len, "%s: %s", what, detail);
	return err;
}

static uint64_t random_id(void)
{
	uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			id = 0;
	return id;
}

/* ---- the data path --------------------------------------------------------------------------- */

static int make_node(struct ha *ha, uint64_t boot, struct bt_node *node, const struct say *say)
{
	char secret[KEYS_SECRET_MAX], text[160];
	uint64_t in[2], out[2];
	size_t len;
	int err = keys_read_secret(ha->conf->secret_file, secret, sizeof(secret), &len, text, sizeof(text));

	if (err) {
		snprintf(say->why, say->len, "secret-file %s %s", ha->conf->secret_file, text);
		return err;
	}
	err = keys_derive(secret, len, ha->peer_id, ha->me, in);
	if (!err)
		err = keys_derive(secret, len, ha->me, ha->peer_id, out);
	explicit_bzero(secret, sizeof(secret));
	if (err)
		return fail(say, err, "keys", strerror(-err));
	*node = (struct bt_node){
		.my_id = ha->me, .peer_id = ha->peer_id, .pair_id = ha->conf->pair_id,
		.n_groups = (uint8_t)ha->n_groups, .pulse_port = htons(ha->conf->pulse_port),
		.n_paths = (uint16_t)ha->conf->n_paths, .boot = boot,
		.key_in = { in[0], in[1] }, .key_out = { out[0], out[1] },
	};
	return 0;
}

static void make_group(const struct ha *ha, const struct conf_group *c, struct bt_group *ret)
{
	*ret = (struct bt_group){
		.name_hash = htonl(conf_name_hash(c->name)), .digest = htonl(conf_digest(ha->conf, c)),
		.linger_ms = (uint32_t)(c->linger_ns / NS_PER_MS),
	};
	memcpy(ret->name, c->name, sizeof(ret->name));
}

/* Pins are only good for the configuration they were made for: slots and VIP indexes are theirs. */
static bool pins_fit(struct ha *ha)
{
	struct bt_group have, want;
	struct bt_node node;

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

static int open_dp(struct ha *ha, const struct say *say)
{
	const char *pins = ha->conf->pin_dir;
	int err = dp_open(&ha->dp, ha->opt.obj_dir, pins, ha->opt.version, &ha->found);

	if (err)
		return fail(say, err, "data path", dp_why(ha->dp));
	if (!ha->found || pins_fit(ha))
		return 0;
	log_event(LOG_WARNING, "pins discarded", "pin-dir=%s why=\"made for another configuration\"", pins);
	err = dp_remove(ha->dp);
	dp_close(ha->dp);
	ha->dp = NULL;
	if (!err)
		err = dp_open(&ha->dp, ha->opt.obj_dir, pins, ha->opt.version, &ha->found);
	return err ? fail(say, err, "data path", dp_why(ha->dp)) : 0;
}

static int fill_vips(struct ha *ha, const struct group *g)
{
	int err = 0;

	for (uint32_t i = 0; i < g->conf->n_vips && !err; i++) {
		struct bt_vip vip = { .group = (uint16_t)g->slot, .index = (uint16_t)(g->conf->first_vip + i) };

		err = dp_set_vip(ha->dp, &g->vips[i].ip, &vip);
	}
	return err;
}

static int fill_paths(struct ha *ha)
{
	int err = 0;

	for (uint32_t i = 0; i < BT_PATHS_MAX && !err; i++) {
		struct bt_path path = { 0 };

		if (i < ha->conf->n_paths) {
			path.ifindex = if_nametoindex(ha->conf->paths[i].dev);
			memcpy(path.peer, &ha->conf->paths[i].peer, sizeof(path.peer));
		}
		err = dp_set_path(ha->dp, i, &path);
	}
	return err;
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

static int fill_dp(struct ha *ha, const struct say *say)
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
		err = fill_group(ha, i);
		if (!err)
			err = fill_vips(ha, &ha->group[i]);
	}
	explicit_bzero(&node, sizeof(node));
	return err ? fail(say, err, "data path", dp_why(ha->dp)) : 0;
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

/* Every interface a VIP or a pulse may come in by. */
static void collect_ifaces(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->conf->n_paths; i++)
		iface_of(ha, ha->conf->paths[i].dev);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		iface_of(ha, ha->group[i].conf->dev);
	for (uint32_t i = 0; i < ha->conf->n_vips; i++)
		iface_of(ha, ha->conf->vips[i].dev);
}

static int check_ifaces(const struct ha *ha, const struct say *say)
{
	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		if (!if_nametoindex(ha->ifaces[i].name)) {
			snprintf(say->why, say->len, "no interface %s on this host", ha->ifaces[i].name);
			return -ENODEV;
		}
	return 0;
}

static int attach_one(struct ha *ha, struct ha_iface_view *view, const struct say *say)
{
	static const char *const text[] = { [DP_OFF] = "off", [DP_NATIVE] = "native", [DP_GENERIC] = "generic" };
	enum conf_xdp want = conf_xdp_of(ha->conf, view->name);
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
	log_event(mode == DP_NATIVE ? LOG_INFO : LOG_WARNING, "xdp attached", "interface=%s mode=%s", view->name, view->xdp);
	return 0;
}

static int attach_all(struct ha *ha, const struct say *say)
{
	int err = 0;

	for (uint32_t i = 0; i < ha->n_ifaces && !err; i++)
		err = attach_one(ha, &ha->ifaces[i], say);
	return err;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int make_group_vips(struct ha *ha, struct group *g, const struct say *say)
{
	const struct conf_vip *c = &ha->conf->vips[g->conf->first_vip];

	g->vips = calloc(g->conf->n_vips, sizeof(*g->vips));
	if (!g->vips)
		return fail(say, -ENOMEM, "group", g->conf->name);
	for (uint32_t i = 0; i < g->conf->n_vips; i++) {
		const char *dev = c[i].dev[0] ? c[i].dev : g->conf->dev;

		g->vips[i] = (struct vip){ .ip = c[i].addr.ip, .ifindex = if_nametoindex(dev) };
		if (!g->vips[i].ifindex) {
			snprintf(say->why, say->len, "group %s: no interface %s on this host", g->conf->name, dev);
			return -ENODEV;
		}
	}
	return 0;
}

static int make_groups(struct ha *ha, const struct say *say)
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
		if (err)
			snprintf(say->why, say->len, "group %s: cannot announce: %s", g->conf->name, strerror(-err));
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

/* Before anything else: what an earlier life left behind. An open gate keeps what is its own. */
static int place_first(struct ha *ha, struct group *g, const struct say *say)
{
	int err = holds(ha, g) ? 0 : vip_del(&ha->nl, g->vips, g->conf->n_vips);

	if (!err)
		err = vip_route_add(&ha->nl, g->vips, g->conf->n_vips);
	if (err)
		snprintf(say->why, say->len, "group %s: %s", g->conf->name, vip_why());
	return err;
}

/* ---- sources of the loop ---------------------------------------------------------------------- */

static void drain_eventfd(struct src *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));	/* that we woke is all that matters: the turn looks */
}

static int open_eventfd(struct ha *ha, struct src *src, const char *name)
{
	src->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	src->name = name;
	src->ready = drain_eventfd;
	return src->fd < 0 ? -errno : loop_add(ha->loop, src, EPOLLIN);
}

static void on_kernel_event(void *arg, const struct bt_event *ev)
{
	struct ha *ha = arg;
	struct group *g = &ha->group[ev->group % BT_GROUPS_MAX];

	if (ev->kind == BT_EV_BOOT)
		log_event(LOG_INFO, "peer boot", "peer=%s boot=%016llx", ha->conf->peer_name, ev->to);
	if (ev->kind == BT_EV_CONFLICT && g->conf)
		log_event(LOG_ERR, "vip conflict", "group=%s mac=%012llx", g->conf->name, ev->arg);
	if (ev->kind == BT_EV_WORD && g->conf)
		log_event(LOG_DEBUG, "word change", "group=%s by=kernel from=%#llx to=%#llx", g->conf->name, ev->from, ev->to);
}

static void on_ring(struct src *src, uint32_t events)
{
	struct ha *ha = (struct ha *)((char *)src - offsetof(struct ha, event_src));

	(void)events;
	dp_events(ha->dp, on_kernel_event, ha);
}

static void on_health(void *arg, uint32_t slot, const struct service_verdict *v)
{
	struct ha *ha = arg;
	struct group *g = &ha->group[slot];

	g->service = *v;
	log_event(v->running ? LOG_INFO : LOG_WARNING, "service change", "group=%s service=%s reason=%s", g->conf->name,
		  v->running ? "running" : "unavailable", v->reason[0] ? v->reason : "none");
	alarm_set(&ha->alarms, v->orphaned, "main-process-gone", g->conf->name,
		  "the SIP server's main process is gone, its listener still serves: nothing is moved",
		  g->conf->alarm_notify, clock_now_ns());
	alarm_set(&ha->alarms, !v->running && v->server_ill, "service-unavailable", g->conf->name, v->reason,
		  g->conf->alarm_notify, clock_now_ns());
	alarm_set(&ha->alarms, !v->running && !v->server_ill, "00-52027", g->conf->name, v->reason,
		  g->conf->alarm_notify, clock_now_ns());
	if (ha->pulse)
		group_say(ha, g);
	if (v->running && ha->placer)
		placer_look(ha->placer);	/* a link that came back has lost IPv6 addresses and routes */
	ha_note_change(ha);
}

static int open_sources(struct ha *ha, const struct say *say)
{
	int err = open_eventfd(ha, &ha->pulse_src, "pulse");

	if (!err)
		err = open_eventfd(ha, &ha->store_src, "store");
	if (!err)
		err = open_eventfd(ha, &ha->placer_src, "placer");
	ha->event_src = (struct src){ .fd = dp_events_fd(ha->dp), .name = "kernel", .ready = on_ring };
	if (!err)
		err = loop_add(ha->loop, &ha->event_src, EPOLLIN);
	return err ? fail(say, err, "event loop", strerror(-err)) : 0;
}

/* ---- building --------------------------------------------------------------------------------- */

/* The first role is what an earlier life left, by disk or by pins, whatever the word says. */
static void note_restart(const struct ha *ha, struct group *g)
{
	g->intent_number = BT_WORD_NUMBER(group_word(ha, g));
	snprintf(g->intent, sizeof(g->intent), "%s", g->intent_number ? "restart" : "");
}

static int open_store(struct ha *ha, const struct say *say)
{
	int err = store_open(&ha->store, ha->conf, ha->store_src.fd);

	if (err)
		return fail(say, err, "store", store_why());
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		if (!ha->found)
			recall(ha, &ha->group[i]);
		note_restart(ha, &ha->group[i]);
	}
	return 0;
}

static int place_all(struct ha *ha, const struct say *say)
{
	int err = nl_open(&ha->nl, NETLINK_ROUTE, 0);

	if (err)
		return fail(say, err, "netlink", strerror(-err));
	for (uint32_t i = 0; i < ha->n_groups && !err; i++)
		err = place_first(ha, &ha->group[i], say);
	if (err)
		return err;
	err = placer_open(&ha->placer, ha->conf, ha->placer_src.fd);
	if (err)
		return fail(say, err, "placer", strerror(-err));
	for (uint32_t i = 0; i < ha->n_groups; i++)
		placer_know(ha->placer, i, ha->group[i].vips);
	return 0;
}

static int tune_all(struct ha *ha, const struct say *say)
{
	char devs[CONF_IFACES_MAX][IF_NAMESIZE];
	int err;

	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		memcpy(devs[i], ha->ifaces[i].name, IF_NAMESIZE);
	err = tune_set(ha->conf->run_dir, devs, ha->n_ifaces);
	return err ? fail(say, err, "host settings", tune_why()) : 0;
}

static int watch_all(struct ha *ha, const struct say *say)
{
	int err = health_open(&ha->health, ha->loop, ha->conf, on_health, ha);

	if (err)
		return fail(say, err, "health monitors", strerror(-err));
	err = pulse_open(&ha->pulse, ha->conf, ha->dp, ha->pulse_src.fd);
	if (err)
		return fail(say, err, "pulse", pulse_why());
	for (uint32_t i = 0; i < ha->n_groups; i++)
		group_say(ha, &ha->group[i]);
	return 0;
}

static int build(struct ha *ha, const struct say *say)
{
	int err = make_groups(ha, say);

	if (!err)
		err = open_dp(ha, say);
	if (!err)
		err = open_sources(ha, say);
	if (!err)
		err = place_all(ha, say);
	if (!err)
		err = open_store(ha, say);
	collect_ifaces(ha);
	if (!err)
		err = check_ifaces(ha, say);
	if (!err)
		err = tune_all(ha, say);
	if (!err)
		err = fill_dp(ha, say);
	if (!err)
		err = attach_all(ha, say);
	if (!err)
		err = watch_all(ha, say);
	if (err)
		return err;
	ha_tell_idle(ha->conf);
	pulse_report(ha->pulse, &ha->report);
	log_event(LOG_INFO, "started", "node=%s version=%s groups=%u pins=%s realtime=%s", ha->conf->name,
		  ha->opt.version, ha->n_groups, ha->found ? "found" : "new", ha->report.realtime ? "yes" : "no");
	return 0;
}

static void set_directories(struct conf *c, const struct ha_options *opt)
{
	if (opt->run_dir)
		snprintf(c->run_dir, sizeof(c->run_dir), "%s", opt->run_dir);
	if (opt->state_dir)
		snprintf(c->state_dir, sizeof(c->state_dir), "%s", opt->state_dir);
	if (opt->pin_dir)
		snprintf(c->pin_dir, sizeof(c->pin_dir), "%s", opt->pin_dir);
}

int ha_open(struct ha **ret, struct loop *loop, struct conf *conf, const struct ha_options *opt, char *why, size_t len)
{
	struct say say = { why, len };
	struct ha *ha = calloc(1, sizeof(*ha));
	int err;

	if (!ha) {
		free(conf);
		return fail(&say, -ENOMEM, "start", "out of memory");
	}
	set_directories(conf, opt);
	ha->loop = loop;
	ha->conf = conf;
	ha->opt = *opt;
	ha->me = conf_my_id(conf);
	ha->peer_id = conf_peer_id(conf);
	ha->n_groups = conf->n_groups;
	ha->started_ns = ha->turn_ns = clock_now_ns();
	ha->peer = PEER_UNKNOWN;
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

static void close_source(struct ha *ha, struct src *src, bool own)
{
	if (src->fd < 0)
		return;
	loop_del(ha->loop, src);
	if (own)
		close(src->fd);
}

static void leave_network(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];

		if (!g->vips || !ha->nl.sock)
			continue;
		if (g->conf->n_routes)
			route_del(&ha->nl, g->conf->routes, g->conf->n_routes, g->vips[0].ifindex);
		vip_del(&ha->nl, g->vips, g->conf->n_vips);
		vip_route_del(&ha->nl, g->vips, g->conf->n_vips);
	}
}

void ha_close(struct ha *ha)
{
	/* A start that failed must not take away what a running life had left in order. */
	bool ours = ha->pulse || (ha->dp && !ha->found);

	pulse_close(ha->pulse);
	health_close(ha->health);
	placer_close(ha->placer);
	if (ours)
		leave_network(ha);
	if (ours && ha->dp)
		dp_remove(ha->dp);
	if (ours)
		tune_restore(ha->conf->run_dir);
	store_close(ha->store);
	close_source(ha, &ha->event_src, false);
	close_source(ha, &ha->pulse_src, true);
	close_source(ha, &ha->store_src, true);
	close_source(ha, &ha->placer_src, true);
	dp_close(ha->dp);
	if (ha->nl.sock)
		nl_close(&ha->nl);
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		announce_close(ha->group[i].announce);
		free(ha->group[i].vips);
	}
	free(ha->conf);
	free(ha);
}
