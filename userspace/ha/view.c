/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view: how does the conductor look from outside?
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/opts.h"
#include "core/ready.h"
#include "core/word.h"
#include "ha/single.h"
#include "steer/slow.h"
#include "steer/steer.h"
#include "steer/sweep.h"
#include "sys/clock.h"
#include "sys/dp_steer.h"

const struct conf *ha_wanted(const struct ha *ha)
{
	return ha->wanted;
}

struct steer *ha_steer(const struct ha *ha)
{
	return ha->steer;
}

const struct conf *ha_conf(const struct ha *ha)
{
	return ha->conf;
}

bool ha_vip_present(const struct ha *ha, uint32_t vip_index)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const struct group *g = &ha->group[i];
		uint32_t at = vip_index - g->conf->first_vip;

		if (vip_index >= g->conf->first_vip && at < g->conf->n_vips)
			return placer_present(ha->placer, g->slot, at);
	}
	return false;
}

static const char *owner_name(const struct ha *ha, uint64_t word)
{
	if (BT_WORD_OWNER(word) == ha->me)
		return ha->conf->name;
	return BT_WORD_OWNER(word) == ha->peer_id ? ha->conf->peer_name : "";
}

static const char *peer_role(const struct ha *ha, const struct judge_facts *f)
{
	if (!f->said.known)
		return "unknown";
	return role_text(role_next(ROLE_INIT, role_event_of(f->said.word, ha->peer_id, 0)).to);
}

static void view_ready(const struct ha *ha, const struct group *g, const struct judge_facts *f, struct ha_group_view *v)
{
	struct ready_facts r = {
		.role = g->role, .running = g->service.running, .judge = f,
		.whole_ns = g->whole_ns ? clock_now_ns() - g->whole_ns : 0,
	};
	const char *now = ready_impediment(&r), *upgrade = ready_upgrade_refusal(g->role), *why;
	char buf[HA_TEXT];

	why = ready_refusal(&r, buf, sizeof(buf));
	if (g->conf->mode == MODE_SINGLE_HOST) {
		now = why = single_impediment(ha, g, false);
		upgrade = "mode single-host: upgrade the server that stands by, switch over, then upgrade the other";
	}
	v->ready_switchover = !now;
	v->ready_upgrade = !upgrade;
	snprintf(v->ready_reason, sizeof(v->ready_reason), "%s", now ? now : "");
	snprintf(v->unready, sizeof(v->unready), "%s", why ? why : "");
	snprintf(v->unready_upgrade, sizeof(v->unready_upgrade), "%s", upgrade ? upgrade : "");
}

/* Of two servers on this host the group's is the one that gets its requests. */
static void view_server_of(const struct ha *ha, const struct group *g, struct ha_group_view *v)
{
	struct ha_server_view servers[BT_SERVERS];
	uint32_t n = ha_servers(ha, g->slot, servers), k = 0;

	if (!n || !g->service.running)
		return;
	while (k < n && strcmp(servers[k].role, "active"))
		k++;
	if (k < n && !strcmp(servers[k].service, "running"))
		return;
	v->service = "unavailable";
	snprintf(v->service_reason, sizeof(v->service_reason), "%s", k < n ? servers[k].reason : "no server is active yet");
}

static void view_group(struct ha *ha, const struct group *g, struct ha_group_view *v)
{
	uint64_t until = dp_leases(ha->dp)[g->slot], now = clock_now_ns();
	struct judge_facts f;

	facts_of(ha, g, &f);
	memcpy(v->name, g->conf->name, sizeof(v->name));
	memcpy(v->reason, g->reason, sizeof(v->reason));
	v->mode = conf_mode_text(g->conf->mode);
	v->role = role_text(g->role);
	v->service = g->service.running ? "running" : "unavailable";
	snprintf(v->service_reason, sizeof(v->service_reason), "%s%s%s", g->service.reason, g->service.detail[0] ? ": " : "",
		 g->service.detail);
	view_server_of(ha, g, v);
	v->gate = word_mode_text(f.word);
	v->term = BT_WORD_TERM(f.word);
	snprintf(v->owner, sizeof(v->owner), "%s", owner_name(ha, f.word));
	v->lease_left_ms = until > now ? (int64_t)((until - now) / NS_PER_MS) : 0;
	v->fenced = byhand_is_fenced(g);
	v->listener = g->conf->listener_auto ? "auto" : "off";
	v->peer_role = peer_role(ha, &f);
	v->peer_term = f.said.known ? BT_WORD_TERM(f.said.word) : 0;
	v->peer_gate = f.said.known ? word_mode_text(f.said.word) : "unknown";
	v->first_vip = g->conf->first_vip;
	v->n_vips = g->conf->n_vips;
	memcpy(v->ifaces, ha->ifaces, sizeof(v->ifaces));
	v->n_ifaces = ha->n_ifaces;
	v->n_ports = rules_view(ha, g, v->ports);
	view_ready(ha, g, &f, v);
}

static void view_path(const struct ha *ha, uint32_t i, struct ha_path_view *v)
{
	const struct pulse_path_report *r = &ha->report.path[i];
	const struct conf_path *c = &ha->conf->paths[i];

	memcpy(v->interface, c->dev, sizeof(v->interface));
	memcpy(v->address, c->peer_text, sizeof(v->address));
	v->state = !health_link_up(ha->health, c->dev) ? "link-down" : r->silent || !r->heard_ns ? "down" : "up";
}

void ha_view(struct ha *ha, struct ha_view *v)
{
	memset(v, 0, sizeof(*v));
	pulse_report(ha->pulse, &ha->report);
	memcpy(v->node, ha->conf->name, sizeof(v->node));
	v->version = ha->opt.version;
	v->pid = getpid();
	v->uptime_s = (clock_now_ns() - ha->started_ns) / NS_PER_S;
	memcpy(v->peer_name, ha->conf->peer_name, sizeof(v->peer_name));
	v->peer_state = conf_is_alone(ha->conf) ? "none" : ha->peer == PEER_UNKNOWN ? "down" : peer_state_text(ha->peer);
	v->n_paths = ha->report.n_paths;
	for (uint32_t i = 0; i < v->n_paths; i++) {
		view_path(ha, i, &v->paths[i]);
		if (!v->rtt_us)
			v->rtt_us = ha->report.path[i].rtt_us;
	}
	v->arbiter_type = opts_arbiter_text(ha->conf->arbiter);
	v->arbiter_state = arbiter_state(ha->arbiter);
	v->realtime = ha->report.realtime;
	v->n_groups = ha->n_groups;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct judge_facts f;

		view_group(ha, &ha->group[i], &v->groups[i]);
		facts_of(ha, &ha->group[i], &f);
		if (f.peer == PEER_STALLED || ha->mute)
			v->peer_state = peer_state_text(PEER_STALLED);
	}
	v->alarms = alarm_count(&ha->alarms);
}

uint32_t ha_alarms(const struct ha *ha, struct ha_alarm_view ret[HA_ALARMS_MAX])
{
	return alarm_list(&ha->alarms, clock_now_ns(), ret);
}

int ha_alarm_clear(struct ha *ha, const char *id)
{
	return alarm_clear(&ha->alarms, id);
}

int ha_counts(struct ha *ha, struct bt_count ret_xdp[BT_X__N], struct bt_count ret_tc[BT_T__N])
{
	return dp_counts(ha->dp, ret_xdp, ret_tc);
}

int ha_steer_counts(struct ha *ha, struct bt_count ret[BT_S__N])
{
	return dp_steer_counts(ha->dp, ret);
}

void ha_slow_counts(const struct ha *ha, struct slow_counts *ret)
{
	slow_counts(ha->slow, ret);
}

int ha_live(struct ha *ha, uint32_t vip_index, struct bt_live ret[BT_DIR__N])
{
	return dp_live(ha->dp, vip_index, ret);
}

/* ---- who answers OPTIONS ---- */

static void view_ping(const struct ping_report *r, bool checked, struct ha_ping_view *v)
{
	static const char *const states[] = {
		[PING_UNKNOWN] = "unknown", [PING_IN_SERVICE] = "in-service", [PING_OUT_OF_SERVICE] = "out-of-service",
	};

	v->state = checked ? states[r->state] : "not-checked";
	v->since_s = r->since_ns ? (int64_t)((clock_now_ns() - r->since_ns) / NS_PER_S) : -1;
	v->status = r->status;
	v->rtt_us = (int)r->rtt_us;
	v->unanswered = r->unanswered;
}

void ha_device(const struct ha *ha, uint32_t i, struct ha_ping_view *ret)
{
	struct ping_report r;

	health_device(ha->health, i, &r);
	view_ping(&r, ha->conf->devices[i].oos_check_s, ret);
}

void ha_server(const struct ha *ha, uint32_t group, struct ha_ping_view *ret)
{
	struct ping_report r;

	health_server(ha->health, group, &r);
	view_ping(&r, r.asked_ns, ret);
}

void ha_ping_refused(const struct ha *ha, uint64_t *ret_strangers, uint64_t *ret_malformed)
{
	health_refused(ha->health, ret_strangers, ret_malformed);
}

/* ---- drain ------------------------------------------------------------------------------------------ */

void ha_drain_view(struct ha *ha, uint32_t group, struct ha_drain_view *ret)
{
	const struct group *g = &ha->group[group];
	const struct drain_run *d = &g->drain;
	uint64_t deadline = g->conf->drain_deadline_ns, age = ha->turn_ns - d->since_ns;
	struct sweep_left left;

	drains_left(ha, g, &left);
	*ret = (struct ha_drain_view){
		.state = drain_text(d->state), .since_s = d->since_ns ? age / NS_PER_S : 0, .calls = left.calls,
		.subscriptions = left.subscriptions, .connections = left.connections, .deadline_left_s = -1,
		.drained = d->state == DRAIN_REFUSING && d->told,
	};
	memcpy(ret->reason, d->why, sizeof(ret->reason));
	if (d->state == DRAIN_ON && deadline)
		ret->deadline_left_s = age < deadline ? (int64_t)((deadline - age) / NS_PER_S) : 0;
}

void ha_pool_drain_view(struct ha *ha, uint32_t pool, struct ha_pool_drain_view *ret)
{
	static const char *const states[] = { [STEER_DRAIN_NONE] = "off", [STEER_DRAIN_MOVING] = "draining", [STEER_DRAIN_DONE] = "drained" };
	const struct conf_pool *p = &ha->conf->pools[pool];
	struct steer_drained r = { 0 };

	(void)steer_drained(ha->steer, p->name, &r);	/* none of that name runs yet: not drained */
	*ret = (struct ha_pool_drain_view){
		.state = states[r.state], .server = r.server ? p->server[r.server - 1].host : "", .reject = r.reject,
		.dialogs = r.calls, .connections = r.connections, .deadline_left_s = -1,
		.since_s = r.since_ns ? (ha->turn_ns - r.since_ns) / NS_PER_S : 0,
	};
	if (r.deadline_ns)
		ret->deadline_left_s = r.deadline_ns > ha->turn_ns ? (int64_t)((r.deadline_ns - ha->turn_ns) / NS_PER_S) : 0;
}

/* ---- dialogs ---------------------------------------------------------------------------------------- */

#define CALLS_OLD	(UINT64_C(1) << 32)	/* of a listing's place: st_dialog; else st_young. Below: the kernel's */
#define CALLS_BEGUN	(UINT64_C(1) << 33)

static const char *host_name(const struct ha *ha, uint8_t id)
{
	return id == ha->me ? ha->conf->name : id == ha->peer_id ? ha->conf->peer_name : "";
}

/* Slots are steer's: the name in the map tells. */
static const struct conf_pool *pool_of(const struct ha *ha, uint32_t slot)
{
	for (uint32_t i = 0; i < ha->conf->n_pools; i++)
		if (!strcmp(ha->conf->pools[i].name, (const char *)dp_pools(ha->dp)[slot].name))
			return &ha->conf->pools[i];
	return NULL;
}

/* False: its owner is no more. */
static bool call_view(const struct ha *ha, uint64_t key, const struct bt_dialog *d, struct ha_call_view *ret)
{
	static const char *const kinds[BT_D__N] = { "none", "call", "subscription", "connection" };
	static const char *const states[BT_D_STATE__N] = { "new", "early", "confirmed", "ending", "over" };
	uint32_t i = d->owner & ~BT_OWNER_GROUP, now_s = (uint32_t)(clock_now_ns() / NS_PER_S);
	const char *of = NULL, *server = "";

	*ret = (struct ha_call_view){ .id = key, .pool = !(d->owner & BT_OWNER_GROUP) };
	if (!ret->pool && i < ha->n_groups) {
		of = ha->group[i].conf->name;
		server = single_is(&ha->group[i]) ? single_name(&ha->group[i], d->server) : host_name(ha, d->server);
	} else if (ret->pool && i && i <= BT_POOLS_MAX && d->server && d->server <= BT_SERVERS) {
		const struct conf_pool *p = pool_of(ha, i);

		of = p ? p->name : NULL;
		server = p ? p->server[d->server - 1].host : "";
	}
	if (!of || d->kind == BT_D_NONE || d->kind >= BT_D__N || d->state >= BT_D_STATE__N)
		return false;
	snprintf(ret->of, sizeof(ret->of), "%s", of);
	snprintf(ret->server, sizeof(ret->server), "%s", server);
	ret->kind = kinds[d->kind];
	ret->state = states[d->state];
	ret->age_s = now_s > d->first_s ? now_s - d->first_s : 0;
	ret->seen_s = now_s > d->last_s ? now_s - d->last_s : 0;
	return true;
}

int ha_calls(struct ha *ha, uint64_t *at, ha_call_fn *fn, void *arg)
{
	static struct dp_walk walk;
	bool old = *at & CALLS_OLD;
	struct ha_call_view v;
	int err;

	walk = (struct dp_walk){ .begun = *at & CALLS_BEGUN, .at = (uint32_t)*at };
	err = dp_walk(ha->dp, !old, &walk);
	if (err)
		return err;
	for (uint32_t i = 0; i < walk.n; i++)
		if (call_view(ha, walk.key[i], &walk.row[i], &v))
			fn(arg, &v);
	*at = walk.done ? CALLS_OLD : (*at & CALLS_OLD) | CALLS_BEGUN | walk.at;
	return !(walk.done && old);
}
