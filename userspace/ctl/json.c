/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/opts.h"
#include "core/where.h"
#include "ctl/json_pools.h"
#include "ctl_wire.h"
#include "ha/ha_view.h"
#include "ha/single.h"
#include "sys/clock.h"

#define VALUE_MAX	4096	/* of an option; a list of a thousand VIPs is cut, `status` has them all */

/* Never NULL for want of valid UTF-8: what came from outside is shown with '?', not withheld. */
static json_t *text(const char *s)
{
	char clean[1024];
	json_t *t = json_string(s ? s : "");
	size_t n = 0;

	if (t)
		return t;
	for (; s[n] && n < sizeof(clean) - 1; n++)
		clean[n] = (s[n] & 0x80) ? '?' : s[n];
	clean[n] = '\0';
	return json_string(clean);
}

static json_t *document(void)
{
	return json_pack("{s:i}", "schema", CTL_SCHEMA);
}

static void put(json_t *o, const char *key, json_t *value)
{
	/* Fails only for want of memory; the document is then refused as a whole by its reader. */
	(void)json_object_set_new(o, key, value);
}

static json_t *number_u64(uint64_t n)
{
	return json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n));
}

char *reply_line(int exit_code, json_t *doc, const char *error)
{
	json_t *reply = json_pack("{s:i}", "exit", exit_code);
	char *compact, *line = NULL;

	if (doc)
		put(reply, "doc", doc);
	if (error)
		put(reply, "error", text(error));
	compact = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	if (compact && asprintf(&line, "%s\n", compact) < 0)
		line = NULL;
	free(compact);
	return line;
}

json_t *doc_done(const char *what)
{
	json_t *doc = document();

	put(doc, "text", text(what));
	return doc;
}

/* ---- status ---- */

static json_t *status_path(const struct ha_path_view *p)
{
	json_t *o = json_object();

	put(o, "interface", text(p->interface));
	put(o, "address", text(p->address));
	put(o, "state", text(p->state));
	return o;
}

static json_t *status_peer(const struct ha_view *v)
{
	json_t *o = json_object(), *paths = json_array();

	put(o, "name", text(v->peer_name));
	put(o, "state", text(v->peer_state));
	put(o, "rtt_us", json_integer(v->rtt_us));
	for (uint32_t i = 0; i < v->n_paths; i++)
		json_array_append_new(paths, status_path(&v->paths[i]));
	put(o, "paths", paths);
	return o;
}

static json_t *group_peer(const struct ha_group_view *g)
{
	json_t *o = json_object();

	put(o, "role", text(g->peer_role));
	put(o, "term", json_integer(g->peer_term));
	put(o, "gate", text(g->peer_gate));
	return o;
}

static json_t *group_interfaces(const struct ha_group_view *g)
{
	json_t *a = json_array(), *o;

	for (uint32_t i = 0; i < g->n_ifaces; i++) {
		o = json_object();
		put(o, "name", text(g->ifaces[i].name));
		put(o, "xdp", text(g->ifaces[i].xdp));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *group_vips(const struct ha *ha, const struct ha_group_view *g)
{
	const struct conf *conf = ha_conf(ha);
	json_t *a = json_array(), *o;
	char ip[INET6_ADDRSTRLEN], with_len[INET6_ADDRSTRLEN + 4];

	for (uint32_t i = g->first_vip; i < g->first_vip + g->n_vips; i++) {
		snprintf(with_len, sizeof(with_len), "%s/%u", conf_ip_text(&conf->vips[i].addr.ip, ip),
			 conf->vips[i].addr.prefix_len);
		o = json_object();
		put(o, "address", text(with_len));
		put(o, "present", json_boolean(ha_vip_present(ha, i)));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *group_ports(const struct ha_group_view *g)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; i < g->n_ports; i++) {
		const struct ha_port_view *p = &g->ports[i];
		json_t *o = json_object();

		put(o, "from", json_integer(p->from));
		put(o, "to", json_integer(p->to));
		put(o, "transport", text(p->protos));
		put(o, "state", text(p->state));
		put(o, "wanted", text(p->wanted));
		json_array_append_new(ports, o);
	}
	return ports;
}

static json_t *group_servers(const struct ha_server_view *servers, uint32_t n)
{
	json_t *a = json_array(), *o;

	for (uint32_t i = 0; i < n; i++) {
		o = json_object();
		put(o, "name", text(servers[i].name));
		put(o, "role", text(servers[i].role));
		put(o, "service", text(servers[i].service));
		put(o, "reason", text(servers[i].reason));
		put(o, "port", json_integer(servers[i].port));
		put(o, "pid", json_integer(servers[i].pid));
		put(o, "sockets", json_integer(servers[i].sockets));
		put(o, "answers", text(servers[i].answers));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *group_ready(const struct ha_group_view *g)
{
	json_t *o = json_object();

	put(o, "switchover", json_boolean(g->ready_switchover));
	put(o, "upgrade", json_boolean(g->ready_upgrade));
	put(o, "reason", text(g->ready_reason));
	return o;
}

static json_t *status_group(const struct ha *ha, const struct ha_group_view *g, uint32_t i)
{
	struct ha_server_view servers[BT_SERVERS];
	uint32_t n;
	json_t *o = json_object();

	put(o, "name", text(g->name));
	put(o, "mode", text(g->mode));
	put(o, "role", text(g->role));
	put(o, "reason", text(g->reason));
	put(o, "service", text(g->service));
	put(o, "service_reason", text(g->service_reason));
	put(o, "gate", text(g->gate));
	put(o, "term", json_integer(g->term));
	put(o, "owner", text(g->owner));
	put(o, "lease_left_ms", json_integer(g->lease_left_ms));
	put(o, "fenced", json_boolean(g->fenced));
	put(o, "listener", text(g->listener));
	put(o, "peer", group_peer(g));
	put(o, "interfaces", group_interfaces(g));
	put(o, "vips", group_vips(ha, g));
	put(o, "ports", group_ports(g));
	put(o, "ready", group_ready(g));
	n = ha_servers(ha, i, servers);
	if (n)
		put(o, "servers", group_servers(servers, n));
	return o;
}

static json_t *status_arbiter(const struct ha_view *v)
{
	json_t *o = json_object();

	put(o, "type", text(v->arbiter_type));
	put(o, "state", text(v->arbiter_state));
	return o;
}

json_t *doc_status(struct ha *ha)
{
	static struct ha_view v;	/* large, and there is one thread here */
	json_t *doc = document(), *groups = json_array();

	ha_view(ha, &v);
	put(doc, "node", text(v.node));
	put(doc, "version", text(v.version));
	put(doc, "pid", json_integer(v.pid));
	put(doc, "uptime_s", number_u64(v.uptime_s));
	put(doc, "peer", status_peer(&v));
	put(doc, "arbiter", status_arbiter(&v));
	put(doc, "realtime", json_boolean(v.realtime));
	for (uint32_t i = 0; i < v.n_groups; i++)
		json_array_append_new(groups, status_group(ha, &v.groups[i], i));
	put(doc, "groups", groups);
	put(doc, "alarms", json_integer(v.alarms));
	return doc;
}

/* ---- ready ---- */

static json_t *ready_group(const struct ha_group_view *g)
{
	json_t *o = json_object();

	put(o, "name", text(g->name));
	put(o, "role", text(g->role));
	put(o, "switchover", json_boolean(!g->unready[0]));
	put(o, "switchover_reason", text(g->unready));
	put(o, "upgrade", json_boolean(!g->unready_upgrade[0]));
	put(o, "upgrade_reason", text(g->unready_upgrade));
	return o;
}

json_t *doc_ready(struct ha *ha, bool upgrade, char *ret_why, size_t cap)
{
	static struct ha_view v;
	json_t *doc = document(), *groups = json_array();

	ret_why[0] = '\0';
	ha_view(ha, &v);
	for (uint32_t i = 0; i < v.n_groups; i++) {
		const char *why = upgrade ? v.groups[i].unready_upgrade : v.groups[i].unready;

		json_array_append_new(groups, ready_group(&v.groups[i]));
		if (why[0] && !ret_why[0])
			snprintf(ret_why, cap, "%s is not ready for %s: %s", v.groups[i].name,
				 upgrade ? "an upgrade" : "a switchover", why);
	}
	put(doc, "node", text(v.node));
	put(doc, "asked", text(upgrade ? "upgrade" : "switchover"));
	put(doc, "ready", json_boolean(!ret_why[0]));
	put(doc, "groups", groups);
	return doc;
}

/* ---- alarms, doctor ---- */

json_t *doc_alarms(const struct ha *ha, const char *cleared)
{
	struct ha_alarm_view alarms[HA_ALARMS_MAX];
	uint32_t n = ha_alarms(ha, alarms);
	json_t *doc = document(), *a = json_array(), *o;

	if (cleared)
		put(doc, "cleared", text(cleared));
	for (uint32_t i = 0; i < n; i++) {
		o = json_object();
		put(o, "id", text(alarms[i].id));
		put(o, "text", text(alarms[i].text));
		put(o, "event", text(alarms[i].event));
		put(o, "since_s", number_u64(alarms[i].since_s));
		put(o, "before_boot", json_boolean(alarms[i].before_boot));
		json_array_append_new(a, o);
	}
	put(doc, "alarms", a);
	return doc;
}

struct doctor {
	json_t *checks;
	unsigned bad;
};

static void doctor_row(void *arg, const char *level, const char *check, const char *what, const char *fix)
{
	struct doctor *d = arg;
	json_t *o = json_object();

	if (!strcmp(level, "bad"))
		d->bad++;
	put(o, "level", text(level));
	put(o, "check", text(check));
	put(o, "text", text(what));
	put(o, "fix", text(fix));
	json_array_append_new(d->checks, o);
}

json_t *doc_doctor(struct ha *ha, unsigned *ret_bad)
{
	struct doctor d = { .checks = json_array() };
	json_t *doc = document();

	ha_doctor(ha, doctor_row, &d);
	put(doc, "bad", json_integer(d.bad));
	put(doc, "checks", d.checks);
	*ret_bad = d.bad;
	return doc;
}

/* ---- events ---- */

static const char *level_text(int level)
{
	return level <= LOG_ERR ? "err" : level == LOG_WARNING ? "warn" : level <= LOG_INFO ? "info" : "debug";
}

/*
 * UTC for people, reckoned back from now: the log itself keeps boot time, and a clock that was
 * stepped since then shows the time that would have been right.
 */
static const char *utc_text(uint64_t at_ns, char buf[40])
{
	uint64_t now_ns = clock_now_ns(), ago_ns = now_ns > at_ns ? now_ns - at_ns : 0;
	struct timespec wall;
	struct tm tm;
	int64_t ns;
	time_t s;

	clock_gettime(CLOCK_REALTIME, &wall);
	ns = (int64_t)wall.tv_sec * (int64_t)NS_PER_S + wall.tv_nsec - (int64_t)ago_ns;
	s = (time_t)(ns / (int64_t)NS_PER_S);
	strftime(buf, 24, "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	snprintf(buf + strlen(buf), 16, ".%03dZ", (int)(ns / (int64_t)NS_PER_MS % 1000));
	return buf;
}

static json_t *event(json_t *o, const struct log_line *line)
{
	char utc[40];

	put(o, "seq", number_u64(line->seq));
	put(o, "boot_ms", number_u64(line->at_ns / NS_PER_MS));
	put(o, "time", text(utc_text(line->at_ns, utc)));
	put(o, "level", text(level_text(line->level)));
	put(o, "text", text(line->text));
	return o;
}

json_t *doc_event(const struct log_line *line)
{
	return event(document(), line);
}

json_t *doc_events(void)
{
	json_t *doc = document(), *a = json_array();
	struct log_line line = { 0 };
	int left = LOG_KEEP;	/* a log that grows meanwhile must not keep us here */

	while (left-- && !log_read(line.seq + 1, &line))
		json_array_append_new(a, event(json_object(), &line));
	put(doc, "events", a);
	return doc;
}

/* ---- devices ---- */

static json_t *endpoint(const struct in6_addr *ip, uint16_t port)
{
	char where[INET6_ADDRSTRLEN], both[INET6_ADDRSTRLEN + 8];

	snprintf(both, sizeof(both), conf_is_v4(ip) ? "%s:%u" : "[%s]:%u", conf_ip_text(ip, where), port);
	return text(both);
}

static void put_ping(json_t *o, const struct ha_ping_view *v)
{
	put(o, "state", text(v->state));
	put(o, "since_s", v->since_s < 0 ? json_null() : json_integer(v->since_s));
	put(o, "status", v->status ? json_integer(v->status) : json_null());
	put(o, "rtt_us", v->status ? json_integer(v->rtt_us) : json_null());
	put(o, "unanswered", json_integer(v->unanswered));
}

static json_t *device(const struct ha *ha, uint32_t i)
{
	const struct conf_device *d = &ha_conf(ha)->devices[i];
	struct ha_ping_view v;
	json_t *o = json_object();

	ha_device(ha, i, &v);
	put(o, "name", text(d->name));
	put(o, "contact", endpoint(&d->contact.ip, d->contact.port));
	put(o, "type", text(d->service_type));
	put(o, "geo_location", text(d->geo_location));
	put(o, "oos_check_s", json_integer(d->oos_check_s));
	put(o, "oos_force_s", json_integer(d->oos_force_s ? d->oos_force_s : d->oos_check_s));
	put_ping(o, &v);
	return o;
}

static json_t *server(const struct ha *ha, uint32_t i)
{
	struct ha_ping_view v;
	json_t *o = json_object();

	ha_server(ha, i, &v);
	put(o, "group", text(ha_conf(ha)->groups[i].name));
	put_ping(o, &v);
	return o;
}

json_t *doc_devices(const struct ha *ha)
{
	json_t *doc = document(), *servers = json_array();
	uint64_t strangers, malformed;

	for (uint32_t i = 0; i < ha_conf(ha)->n_groups; i++)
		json_array_append_new(servers, server(ha, i));
	ha_ping_refused(ha, &strangers, &malformed);
	put(doc, "node", text(ha_conf(ha)->name));
	put(doc, "strangers", number_u64(strangers));
	put(doc, "malformed", number_u64(malformed));
	put(doc, "servers", servers);
	put(doc, "devices", json_array());
	return doc;
}

json_t *doc_devices_rows(const struct ha *ha, uint32_t first, uint32_t n)
{
	json_t *devices = json_array();

	for (uint32_t i = first; i < ha_conf(ha)->n_devices && i < first + n; i++)
		json_array_append_new(devices, device(ha, i));
	return devices;
}

/* ---- neighbours ---- */

#define NEIGHBOURS_SHOWN 512	/* more are counted: a document must not hold the loop up */

struct strays {
	json_t *rows;
	unsigned more;
};

static void on_neighbour(void *arg, const struct ha_neighbour_view *v)
{
	char mac[18], ip[INET6_ADDRSTRLEN];
	struct strays *s = arg;
	json_t *o;

	if (json_array_size(s->rows) == NEIGHBOURS_SHOWN) {
		s->more++;
		return;
	}
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4],
		 v->mac[5]);
	o = json_object();
	put(o, "group", text(v->group));
	put(o, "mac", text(mac));
	put(o, "ip", text(conf_ip_text(&v->ip, ip)));
	put(o, "vip", text(conf_ip_text(&v->vip, ip)));
	put(o, "interface", text(v->interface));
	put(o, "packets", number_u64(v->packets));
	put(o, "last_ms", number_u64(v->last_ms));
	json_array_append_new(s->rows, o);
}

json_t *doc_neighbours(struct ha *ha, int *ret_err)
{
	struct strays s = { .rows = json_array() };
	json_t *doc;
	int err = ha_neighbours(ha, on_neighbour, &s);

	if (err) {
		json_decref(s.rows);
		*ret_err = err;
		return NULL;
	}
	doc = document();
	put(doc, "node", text(ha_conf(ha)->name));
	put(doc, "neighbours", s.rows);
	put(doc, "more", json_integer(s.more));
	return doc;
}

/* ---- counters ---- */

/* VIP_ACCEPTED and XDP_PASS as people read them: vip-accepted, pass. */
static json_t *word(const char *name, const char *prefix)
{
	char buf[32];
	size_t n = 0, skip = strncmp(name, prefix, strlen(prefix)) ? 0 : strlen(prefix);

	for (const char *p = name + skip; *p && n < sizeof(buf) - 1; p++)
		buf[n++] = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	buf[n] = '\0';
	return json_string(buf);
}

struct way_out {
	const char *name, *verdict, *what;
};

static const struct way_out xdp_exits[BT_X__N] = {
#define WAY_OUT(name, verdict, what) [BT_X_##name] = { #name, #verdict, what },
	BT_XDP_EXITS(WAY_OUT)
#undef WAY_OUT
};

static const struct way_out tc_exits[BT_T__N] = {
#define WAY_OUT(name, verdict, what) [BT_T_##name] = { #name, #verdict, what },
	BT_TC_EXITS(WAY_OUT)
#undef WAY_OUT
};

/* Row 0 is the total. */
static json_t *counters_hook(const struct way_out *ways, const struct bt_count *counts, int n)
{
	json_t *hook = json_object(), *exits = json_array(), *o;

	put(hook, "total", number_u64(counts[0].packets));
	put(hook, "total_bytes", number_u64(counts[0].bytes));
	for (int i = 1; i < n; i++) {
		o = json_object();
		put(o, "name", word(ways[i].name, ""));
		put(o, "verdict", word(ways[i].verdict, "XDP_"));
		put(o, "packets", number_u64(counts[i].packets));
		put(o, "bytes", number_u64(counts[i].bytes));
		put(o, "text", text(ways[i].what));
		json_array_append_new(exits, o);
	}
	put(hook, "exits", exits);
	return hook;
}

static json_t *age_ms(uint64_t at_ns)
{
	uint64_t now_ns = clock_now_ns();

	if (!at_ns)
		return json_null();
	return number_u64(now_ns > at_ns ? (now_ns - at_ns) / NS_PER_MS : 0);
}

static json_t *live_direction(const struct bt_live *l)
{
	static const char *const methods[] = {
#define METHOD(name) #name,
		BT_METHODS(METHOD)
#undef METHOD
	};
	static const char *const classes[] = { "1xx", "2xx", "3xx", "4xx", "5xx", "6xx" };
	json_t *o = json_object(), *requests = json_object(), *responses = json_object();

	for (int i = 0; i < BT_M__N; i++)
		put(requests, methods[i], number_u64(l->request[i]));
	for (int i = 0; i < 6; i++)
		put(responses, classes[i], number_u64(l->response[i]));
	put(o, "requests", requests);
	put(o, "responses", responses);
	put(o, "keepalive", number_u64(l->keepalive));
	put(o, "other", number_u64(l->other));
	put(o, "last_request_ms", age_ms(l->request_ns));
	put(o, "last_response_ms", age_ms(l->response_ns));
	return o;
}

static json_t *counters_vip(const struct conf *conf, const struct conf_group *g, uint32_t i,
			    const struct bt_live live[BT_DIR__N])
{
	char ip[INET6_ADDRSTRLEN];
	json_t *o = json_object();

	put(o, "address", text(conf_ip_text(&conf->vips[i].addr.ip, ip)));
	put(o, "group", text(g->name));
	put(o, "in", live_direction(&live[BT_IN]));
	put(o, "out", live_direction(&live[BT_OUT]));
	return o;
}

static const struct conf_group *group_of_vip(const struct conf *conf, uint32_t vip)
{
	const struct conf_group *g = conf->groups;

	while (g < conf->groups + conf->n_groups - 1 && vip - g->first_vip >= g->n_vips)
		g++;
	return g;
}

json_t *doc_counters_vips(struct ha *ha, uint32_t first, uint32_t n, int *ret_err)
{
	const struct conf *conf = ha_conf(ha);
	struct bt_live live[BT_DIR__N];
	json_t *vips = json_array();
	int err = 0;

	for (uint32_t i = first; i < conf->n_vips && i < first + n; i++) {
		err = ha_live(ha, i, live);
		if (err)
			break;
		json_array_append_new(vips, counters_vip(conf, group_of_vip(conf, i), i, live));
	}
	if (!err)
		return vips;
	json_decref(vips);
	*ret_err = err;
	return NULL;
}

/* Mode single-host alone. */
static void put_local(const struct ha *ha, json_t *doc)
{
	static const char *const rows[BT_L__N][2] = {
#define LOCAL_ROW(name, what) [BT_L_##name] = { #name, what },
		BT_LOCAL_EXITS(LOCAL_ROW)
#undef LOCAL_ROW
	};
	struct bt_count counts[BT_L__N];
	json_t *a, *o;

	if (!ha_local_counts(ha, counts))
		return;
	a = json_array();
	for (int i = 0; i < BT_L__N; i++) {
		o = json_object();
		put(o, "name", word(rows[i][0], ""));
		put(o, "packets", number_u64(counts[i].packets));
		put(o, "text", text(rows[i][1]));
		json_array_append_new(a, o);
	}
	put(doc, "local", a);
}

/* Mode cluster alone. */
static void put_replay(const struct ha *ha, json_t *doc)
{
	struct bt_replay_at at;
	json_t *o;

	if (!ha_replay_counts(ha, &at))
		return;
	o = json_object();
	put(o, "requests", number_u64(at.kept));
	put(o, "receipts", number_u64(at.receipts));
	put(o, "too_long", number_u64(at.too_long));
	put(o, "overrun", number_u64(at.overrun));
	put(doc, "replay", o);
}

/* Mode cluster alone. */
static void put_watchdog(struct ha *ha, json_t *doc)
{
	uint64_t looks, late;
	json_t *o;

	if (!ha_watch_counts(ha, &looks, &late))
		return;
	o = json_object();
	put(o, "looks", number_u64(looks));
	put(o, "late", number_u64(late));
	put(doc, "watchdog", o);
}

json_t *doc_counters(struct ha *ha, int *ret_err)
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];
	int err = ha_counts(ha, xdp, tc);
	json_t *doc, *steering = NULL;

	if (!err)
		steering = doc_steer_counters(ha, &err);
	if (err) {
		*ret_err = err;
		return NULL;
	}
	doc = document();
	put(doc, "xdp", counters_hook(xdp_exits, xdp, BT_X__N));
	put(doc, "tc", counters_hook(tc_exits, tc, BT_T__N));
	put(doc, "steering", steering);
	put(doc, "userspace", doc_slow_counters(ha));
	put_local(ha, doc);
	put_replay(ha, doc);
	put_watchdog(ha, doc);
	put(doc, "vips", json_array());
	return doc;
}

/* ---- options ---- */

/* What is running, and what the last reload read; NULL: nothing since the start. */
struct options {
	const struct conf *now, *wanted;
};

/* One section of one kind, by its number in each of the two; NONE: it is not there. */
struct place {
	enum opt_section section;
	uint32_t now, wanted;
};

#define NONE UINT32_MAX

static void value_of(const struct opt *o, const struct conf *c, enum opt_section section, uint32_t i, char value[VALUE_MAX],
		     char source[WHERE_TEXT])
{
	if (i == NONE) {
		value[0] = '\0';
		snprintf(source, WHERE_TEXT, "no such section");
		return;
	}
	opts_value_text(o, c, section, i, value, VALUE_MAX);
	where_text(c, where_from(c, section, i, o), source);
}

static json_t *wanted(const struct opt *o, const struct options *both, const struct place *at, const char *now)
{
	char value[VALUE_MAX], source[WHERE_TEXT];
	json_t *w;

	if (!both->wanted)
		return json_null();
	value_of(o, both->wanted, at->section, at->wanted, value, source);
	if (!strcmp(value, now))
		return json_null();
	w = json_object();
	put(w, "value", text(value));
	put(w, "source", text(source));
	return w;
}

static json_t *option(const struct opt *o, const struct options *both, const struct place *at, const char *label)
{
	char value[VALUE_MAX], source[WHERE_TEXT], valid[OPTS_TEXT];
	json_t *row = json_object();

	value_of(o, both->now, at->section, at->now, value, source);
	opts_valid_text(o, valid);
	put(row, "section", text(label));
	put(row, "name", text(o->name));
	put(row, "value", text(value));
	put(row, "default", text(opts_default_text(o)));
	put(row, "source", text(source));
	put(row, "valid", text(valid));
	put(row, "effect", text(opts_effect_text(o)));
	put(row, "acts", json_boolean(!o->idle));
	put(row, "wanted", wanted(o, both, at, value));
	put(row, "help", text(o->help));
	return row;
}

static void options_of(json_t *rows, const struct options *both, const struct place *at)
{
	const char *name = at->now != NONE ? opts_instance_name(both->now, at->section, at->now) :
			   opts_instance_name(both->wanted, at->section, at->wanted);
	char label[64];

	snprintf(label, sizeof(label), "%s%s%s", opts_section_name(at->section), name[0] ? " " : "", name);
	for (uint32_t row = 0; row < opts_count(); row++)
		if (opts_shown_in(opts_get(row), at->section))
			json_array_append_new(rows, option(opts_get(row), both, at, label));
}

/* The @k-th section: of each kind those that run, then those that were read later. False: there is none. */
static bool place_at(const struct options *both, uint32_t k, struct place *ret)
{
	for (int s = 0; s < SEC__N; s++) {
		uint32_t now = opts_instances(both->now, s), wanted = both->wanted ? opts_instances(both->wanted, s) : 0;

		*ret = (struct place){ s, k < now ? k : NONE, k < now ? NONE : k - now };
		if (k < now + wanted)
			return true;
		k -= now + wanted;
	}
	return false;
}

/* Each once: what runs, beside what was read of it; what was read and does not run by itself. */
static void options_at(json_t *rows, const struct options *both, struct place *at)
{
	uint32_t running;

	if (at->now == NONE) {
		if (!opts_instance(both->now, at->section, opts_instance_name(both->wanted, at->section, at->wanted), &running))
			options_of(rows, both, at);
		return;
	}
	if (both->wanted)
		opts_instance(both->wanted, at->section, opts_instance_name(both->now, at->section, at->now), &at->wanted);
	options_of(rows, both, at);
}

json_t *doc_options_rows(const struct conf *now, const struct conf *last_read, uint32_t *next, uint32_t n)
{
	const struct options both = { now, last_read };
	json_t *rows = json_array();
	struct place at;

	for (uint32_t i = 0; (i < n || !json_array_size(rows)) && place_at(&both, *next, &at); i++) {
		options_at(rows, &both, &at);
		++*next;
	}
	return rows;
}

json_t *doc_options(void)
{
	json_t *doc = document();

	put(doc, "options", json_array());
	return doc;
}
