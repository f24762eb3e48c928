/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * single: two servers of one group on this host: which works, and who tells the kernel?
 *
 * The servers are watched as a pair's are (health/), each as a group of its own made for that: process, listener at its own
 * port, crash, and hang; the evidence that in a pair goes by pulses passes between the two here. core/single.h judges, one
 * store into ct_local moves the traffic. The group's word is this host's alone and stays open; a move makes it a new term,
 * as soon as that is on disk. If the kernel was quicker (the active server's last socket closed), it is followed.
 * Threads: main; the sockets are another's (ha/sockets.c).
 */
#include "ha/single.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/single.h"
#include "core/when.h"
#include "ha/ha_own.h"
#include "ha/sockets.h"
#include "sys/clock.h"
#include "sys/dp_local.h"
#include "sys/log.h"

#define FIRST_NS	(2 * NS_PER_S)	/* for the preferred server to be seen at the start */
#define ALARM		"server-down"

struct server {
	struct service_verdict verdict;
	struct sockets_report sockets;
	pid_t pid;
};

struct pair {
	bool used;
	struct server server[BT_SERVERS];
	uint64_t since_ns;		/* of this one, by us; 0: an earlier life */
	struct single_move move;
	uint32_t from;			/* who was active before */
	bool other_process;		/* what was drained in an earlier life is no more: another has its place */
};

struct single {
	struct ha *ha;
	struct dp_local *l;
	struct sockets *sockets;
	struct src news;
	struct conf *conf;		/* each server as a group of its own: slot * BT_SERVERS + server */
	struct health *watch;
	struct pair pair[BT_GROUPS_MAX];
	uint64_t started_ns;
};

_Static_assert(BT_GROUPS_MAX / BT_SERVERS >= 1, "a server is a group of the watch's");

bool single_is(const struct group *g)
{
	return g->conf->mode == MODE_SINGLE_HOST;
}

static uint32_t watched_as(uint32_t slot, uint32_t server)
{
	return slot * BT_SERVERS + server;
}

static volatile struct bt_local *role_of(const struct single *s, uint32_t slot)
{
	return &dp_local_roles(s->l)[slot];
}

static volatile struct bt_local_seen *seen_of(const struct single *s, uint32_t slot)
{
	return &dp_local_seen(s->l)[slot];
}

static uint64_t aim_of(const struct ha *ha, const struct group *g)
{
	return ha->single && single_is(g) ? role_of(ha->single, g->slot)->aim : 0;
}

static uint32_t active_of(const struct ha *ha, const struct group *g)
{
	return BT_LOCAL_ACTIVE(aim_of(ha, g));
}

const char *single_name(const struct group *g, uint32_t server)
{
	return single_is(g) && server >= 1 && server <= BT_SERVERS ? g->conf->server[server - 1].name : "";
}

const char *single_active(const struct ha *ha, const struct group *g)
{
	return single_name(g, active_of(ha, g));
}

void single_moved(const struct ha *ha, const struct group *g, struct single_move *ret)
{
	const struct pair *p = ha->single ? &ha->single->pair[g->slot] : NULL;
	uint32_t active = active_of(ha, g);

	*ret = (struct single_move){ 0 };
	if (!p || !p->move.at_ns || !active)
		return;
	*ret = p->move;
	ret->first_ns = seen_of(ha->single, g->slot)->first_ns[active - 1];
}

/* ---- what is known ----------------------------------------------------------------------------------- */

static bool has_ended(const struct service_verdict *v)
{
	return v->trouble == TROUBLE_NOT_RUNNING || v->trouble == TROUBLE_GONE || v->trouble == TROUBLE_CORE_DUMP;
}

/* Of a process that is another than the one whose sockets were found, none is known yet; an orphan has none to compare. */
static struct single_server facts_of_server(const struct server *sv)
{
	return (struct single_server){
		.well = !sv->verdict.unfit, .gone = has_ended(&sv->verdict), .reason = sv->verdict.reason,
		.bound = sv->sockets.n && (sv->pid ? sv->pid == sv->sockets.pid : sv->verdict.orphaned),
	};
}

static void pair_facts(const struct single *s, const struct group *g, struct single_facts *f)
{
	const struct pair *p = &s->pair[g->slot];
	const volatile struct bt_local_seen *seen = seen_of(s, g->slot);

	*f = (struct single_facts){
		.active = BT_LOCAL_ACTIVE(role_of(s, g->slot)->aim), .forced = g->forced, .drains = g->drain.state == DRAIN_MOVING,
		.waited = s->ha->turn_ns >= s->started_ns + FIRST_NS, .since_ns = s->ha->turn_ns - p->since_ns,
	};
	if (f->active > BT_SERVERS)
		f->active = 0;
	for (uint32_t k = 0; k < BT_SERVERS; k++)
		f->server[k] = facts_of_server(&p->server[k]);
	f->fell = f->active && seen->fell_from == f->active;
	f->asked = g->asked && f->active ? 3 - f->active : 0;
}

const char *single_impediment(const struct ha *ha, const struct group *g, bool force)
{
	struct single_facts f;

	if (!ha->single)
		return "the servers are not watched";
	if (ha->stopping)
		return "this host is stopping";
	if (ask_is_waited_for(ha, g) || g->moved)
		return "a switchover is under way";
	if ((g->drain.state != DRAIN_OFF || BT_LOCAL_DRAINED(aim_of(ha, g))) && !force)
		return "a drain is under way: `baton undrain` ends it, --force moves the role all the same";
	pair_facts(ha->single, g, &f);
	if (force && f.active)
		return NULL;
	return single_refusal(&f, f.active ? 3 - f.active : 1);
}

/* ---- moving ------------------------------------------------------------------------------------------ */

/* The old one's first packet is forgotten after the store: the next it gets is of its next turn. */
static void note_move(struct single *s, struct group *g, uint32_t from, uint64_t now_ns, bool by_kernel)
{
	volatile struct bt_local_seen *seen = seen_of(s, g->slot);
	struct pair *p = &s->pair[g->slot];

	p->move = (struct single_move){ .at_ns = by_kernel && seen->fell_ns ? seen->fell_ns : now_ns, .by_kernel = by_kernel,
					.last_ns = seen->given_ns[from - 1] };
	p->from = from;
	p->since_ns = s->ha->turn_ns;
	seen->fell_from = 0;
	seen->first_ns[from - 1] = 0;
}

static void move(struct single *s, struct group *g, const struct single_facts *f, const struct single_verdict *v)
{
	uint64_t now_ns = clock_now_ns();

	volatile struct bt_local *role = role_of(s, g->slot);

	if (seen_of(s, g->slot)->fell_from == v->active)
		seen_of(s, g->slot)->fell_from = 0;	/* of an earlier turn of its */
	role->aim = BT_LOCAL(BT_LOCAL_TURN(role->aim) + 1, v->drains ? f->active : 0, v->active);
	s->pair[g->slot].other_process = false;
	log_event(LOG_INFO, "server change", "group=%s from=%s to=%s why=%s by=%s", g->conf->name,
		  f->active ? g->conf->server[f->active - 1].name : "nobody", g->conf->server[v->active - 1].name, v->why,
		  f->fell ? "kernel" : "controller");
	g->asked = g->forced = false;
	if (f->active) {
		note_move(s, g, f->active, now_ns, f->fell);
		snprintf(g->moved_why, sizeof(g->moved_why), "%s", v->why);
		g->moved = true;
	}
	ha_note_change(s->ha);
}

/* ---- draining ---------------------------------------------------------------------------------------- */

void single_drain(const struct ha *ha, const struct group *g, uint32_t server)
{
	volatile struct bt_local *role = role_of(ha->single, g->slot);

	role->aim = BT_LOCAL(BT_LOCAL_TURN(role->aim), server, BT_LOCAL_ACTIVE(role->aim));
	ha->single->pair[g->slot].other_process = false;
}

uint32_t single_drained(const struct ha *ha, const struct group *g)
{
	return BT_LOCAL_DRAINED(aim_of(ha, g));
}

/* One that was prepared alone, when batond ended, drains nobody: it is asked anew. */
void single_drain_facts(const struct ha *ha, const struct group *g, uint32_t *server, struct drain_servers *ret)
{
	uint32_t active = active_of(ha, g), drained = BT_LOCAL_DRAINED(aim_of(ha, g));
	struct single_facts f;
	bool ended;

	*ret = (struct drain_servers){ 0 };
	if (!ha->single || !active)
		return;
	ended = ha->single->pair[g->slot].other_process;
	pair_facts(ha->single, g, &f);
	if (!*server && (f.waited || ended) && drained) {
		ret->found = drained != active;
		*server = drained;
	}
	if (*server < 1 || *server > BT_SERVERS)
		return;
	ret->able = single_is_able(&f.server[*server - 1]) && !ended;
	ret->back = *server == active;
	ret->left = drained == *server && active != drained && !g->moved;
}

/* Turns change hands: the one before is the other's. */
uint32_t single_counted(const struct ha *ha, const struct group *g, uint32_t *ret_turn)
{
	uint64_t aim = aim_of(ha, g);
	uint32_t active = BT_LOCAL_ACTIVE(aim), drained = BT_LOCAL_DRAINED(aim);

	*ret_turn = BT_LOCAL_TURN(aim) - (drained && drained != active);
	return drained ? drained : active;
}

/* ---- alarms ------------------------------------------------------------------------------------------ */

static void describe(const struct group *g, const struct pair *p, uint32_t k, char *text, size_t len)
{
	const struct server *sv = &p->server[k];
	const struct service_verdict *v = &sv->verdict;

	text[0] = '\0';
	if (v->unfit)
		snprintf(text, len, "%s: %.90s", g->conf->server[k].name, v->detail[0] ? v->detail : service_text(v->trouble));
	else if (!facts_of_server(sv).bound)
		snprintf(text, len, "%s: %.120s", g->conf->server[k].name, sv->sockets.why[0] ? sv->sockets.why : "its sockets are not found yet");
}

static void tell(struct single *s, struct group *g, const struct single_facts *f, const char *stuck)
{
	const struct pair *p = &s->pair[g->slot];
	char one[HA_TEXT] = "", text[HA_TEXT];
	uint32_t ill = BT_SERVERS;

	for (uint32_t k = 0; k < BT_SERVERS; k++)
		if (!single_is_able(&f->server[k]) && (ill == BT_SERVERS || k + 1 == f->active))
			ill = k;
	if (ill < BT_SERVERS && f->waited)
		describe(g, p, ill, one, sizeof(one));
	snprintf(text, sizeof(text), "%.120s%s", one, stuck ? "; the other is not well either" : "");
	alarm_set(&s->ha->alarms, one[0] != '\0', ALARM, g->conf->name, text, g->conf->alarm_notify, s->ha->turn_ns);
}

/* ---- the turn ---------------------------------------------------------------------------------------- */

/* What pulses carry between hosts. */
static void tell_watch(struct single *s, const struct group *g)
{
	uint32_t active = BT_LOCAL_ACTIVE(role_of(s, g->slot)->aim);

	for (uint32_t k = 0; k < BT_SERVERS; k++) {
		struct health_input in = {
			.primary = active == k + 1, .primary_ns = s->pair[g->slot].since_ns, .peer_fresh = true, .peer_heard = true,
			.peer_flags = health_evidence(s->watch, watched_as(g->slot, 1 - k)),
		};

		health_tell(s->watch, watched_as(g->slot, k), &in);
	}
}

static void look(struct single *s, const struct group *g)
{
	struct pair *p = &s->pair[g->slot];

	for (uint32_t k = 0; k < BT_SERVERS; k++) {
		p->server[k].pid = health_server_pid(s->watch, watched_as(g->slot, k));
		sockets_watch(s->sockets, g->slot, k, p->server[k].pid);
		sockets_report(s->sockets, g->slot, k, &p->server[k].sockets);
	}
}

/* Until the term of the last move is on disk the next waits, unless nobody works. */
static void turn_pair(struct single *s, struct group *g)
{
	struct single_verdict v;
	struct single_facts f;

	look(s, g);
	pair_facts(s, g, &f);
	v = single_judge(&f);
	if (v.active && v.active != f.active)
		move(s, g, &f, &v);
	tell(s, g, &f, v.stuck);
}

uint64_t single_turn(struct ha *ha)
{
	struct single *s = ha->single;
	uint64_t next;

	if (!s || !s->watch)
		return LOOP_NEVER;
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (single_is(&ha->group[i]))
			tell_watch(s, &ha->group[i]);
	next = health_turn(s->watch, ha->turn_ns);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (single_is(&ha->group[i]))
			turn_pair(s, &ha->group[i]);
	return next;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static bool shares_port(const struct conf_group *g)
{
	return g->server[0].port == g->server[1].port;
}

static uint64_t hang_timeout_of(const struct conf_group *g)
{
	return shares_port(g) ? 0 : g->sip_hang_timeout_ns;
}

/* With one port for both, a question to it is the active server's: neither listener nor answers tell of one alone. */
static void make_watched(const struct conf_group *g, uint32_t k, struct conf_group *ret)
{
	*ret = *g;
	snprintf(ret->name, sizeof(ret->name), "%.15s/%.14s", g->name, g->server[k].name);
	ret->mode = MODE_TAKEOVER;
	ret->ports[0].port = g->server[k].port;
	ret->alias_port = g->ports[0].port;
	ret->listener_auto = g->listen_of_servers && !shares_port(g);
	ret->sip_hang_timeout_ns = hang_timeout_of(g);
	memcpy(ret->server_pidfile, g->server[k].pidfile, sizeof(ret->server_pidfile));
	memcpy(ret->server_unit, g->server[k].unit, sizeof(ret->server_unit));
	ret->opt.sip_pass_check = ret->opt.sip_nic_monitoring = ret->opt.tlib_nic_monitoring = false;
	ret->opt.sip_iptakeover_monitoring = ret->opt.backup_init_check = false;
	ret->opt.switchover_on_trunks_oos = ret->opt.switchover_on_msml_oos = false;
}

static struct conf *make_conf(const struct conf *c)
{
	struct conf *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	*w = *c;
	w->n_devices = w->n_pools = 0;
	w->n_groups = c->n_groups * BT_SERVERS;
	for (uint32_t i = 0; i < c->n_groups; i++)
		for (uint32_t k = 0; k < BT_SERVERS; k++)
			make_watched(&c->groups[i], k, &w->groups[watched_as(i, k)]);
	return w;
}

/* Nothing else that the servers' monitors go by can change without a restart. */
void single_retime(struct ha *ha)
{
	for (uint32_t i = 0; ha->single && ha->single->conf && i < ha->conf->n_groups; i++)
		for (uint32_t k = 0; k < BT_SERVERS; k++)
			ha->single->conf->groups[watched_as(i, k)].sip_hang_timeout_ns = hang_timeout_of(&ha->conf->groups[i]);
}

static void on_verdict(void *arg, uint32_t slot, const struct service_verdict *v)
{
	struct single *s = arg;
	struct server *sv = &s->pair[slot / BT_SERVERS].server[slot % BT_SERVERS];

	sv->verdict = *v;	/* of which process, the turn will see */
	sv->pid = s->watch ? health_server_pid(s->watch, slot) : 0;
	ha_note_change(s->ha);
}

static void on_news(struct src *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));	/* the turn looks */
}

bool single_prober(const struct ha *ha, struct dp_probe *ret)
{
	if (!ha->single)
		return false;
	dp_local_prober(ha->single->l, ret);
	return true;
}

static bool is_wanted(const struct conf *c)
{
	for (uint32_t i = 0; i < c->n_groups; i++)
		if (c->groups[i].mode == MODE_SINGLE_HOST)
			return true;
	return false;
}

static int open_news(struct single *s)
{
	s->news = (struct src){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .name = "sockets", .ready = on_news };
	return s->news.fd < 0 ? -errno : loop_add(s->ha->loop, &s->news, EPOLLIN);
}

/* Its calls went with its sockets. */
static void find_drained(struct single *s)
{
	for (uint32_t i = 0; i < s->ha->conf->n_groups; i++) {
		uint32_t drained = BT_LOCAL_DRAINED(role_of(s, i)->aim);

		if (drained >= 1 && drained <= BT_SERVERS)
			s->pair[i].other_process = !sockets_found(s->sockets, i, drained - 1);
	}
}

int single_open(struct ha *ha, const struct ha_say *say)
{
	struct single *s;
	int err;

	if (!is_wanted(ha->conf))
		return 0;
	s = ha->single = calloc(1, sizeof(*s));
	if (!s)
		return ha_fail(say, -ENOMEM, "single host", strerror(ENOMEM));
	s->ha = ha;
	s->news.fd = -1;
	err = dp_local_open(&s->l, ha->dp, ha->opt.obj_dir);
	if (err)
		return ha_fail(say, err, "data path", dp_why(ha->dp));
	err = open_news(s);
	if (!err)
		err = sockets_open(&s->sockets, ha->conf, s->l, s->news.fd);
	if (!err)
		find_drained(s);
	return err ? ha_fail(say, err, "single host", strerror(-err)) : 0;
}

int single_watch(struct ha *ha, const struct ha_say *say)
{
	struct single *s = ha->single;
	int err;

	if (!s)
		return 0;
	s->conf = make_conf(ha->conf);
	if (!s->conf)
		return ha_fail(say, -ENOMEM, "single host", strerror(ENOMEM));
	err = health_open(&s->watch, ha->loop, s->conf, ha->dp, on_verdict, s);
	s->started_ns = clock_now_ns();
	return err ? ha_fail(say, err, "servers' monitors", strerror(-err)) : 0;
}

void single_close(struct ha *ha)
{
	struct single *s = ha->single;

	if (!s)
		return;
	health_close(s->watch);
	sockets_close(s->sockets);
	if (s->news.fd >= 0) {
		loop_del(ha->loop, &s->news);
		close(s->news.fd);
	}
	dp_local_close(s->l);
	free(s->conf);
	free(s);
	ha->single = NULL;
}

/* ---- from outside ------------------------------------------------------------------------------------- */

static void view_server(const struct single *s, const struct group *g, uint32_t k, struct ha_server_view *v)
{
	static const char *const states[] = {
		[PING_UNKNOWN] = "unknown", [PING_IN_SERVICE] = "in-service", [PING_OUT_OF_SERVICE] = "out-of-service",
	};
	const struct conf_local *c = &g->conf->server[k];
	const struct pair *p = &s->pair[g->slot];
	struct single_server f = facts_of_server(&p->server[k]);
	uint64_t aim = role_of(s, g->slot)->aim;
	uint32_t active = BT_LOCAL_ACTIVE(aim);
	bool drained = BT_LOCAL_DRAINED(aim) == k + 1;
	struct ping_report ping;

	health_server(s->watch, watched_as(g->slot, k), &ping);
	*v = (struct ha_server_view){
		.role = !active ? "none" : active == k + 1 ? "active" : drained ? "draining" : "standby", .port = c->port, .pid = p->server[k].pid,
		.service = single_is_able(&f) ? "running" : "unavailable", .sockets = p->server[k].sockets.n,
		.answers = shares_port(g->conf) ? "unknown" : states[ping.state],
	};
	memcpy(v->name, c->name, sizeof(v->name));
	describe(g, p, k, v->reason, sizeof(v->reason));
}

uint32_t ha_servers(const struct ha *ha, uint32_t group, struct ha_server_view ret[BT_SERVERS])
{
	const struct group *g = &ha->group[group];

	if (!ha->single || !ha->single->watch || !single_is(g))
		return 0;
	for (uint32_t k = 0; k < BT_SERVERS; k++)
		view_server(ha->single, g, k, &ret[k]);
	return BT_SERVERS;
}

bool ha_local_counts(const struct ha *ha, struct bt_count ret[BT_L__N])
{
	return ha->single && !dp_local_counts(ha->single->l, ret);
}
