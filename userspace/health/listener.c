/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/when.h"
#include "sys/clock.h"
#include "sys/diag.h"
#include "sys/log.h"

#define NONE		UINT32_MAX
#define SLICE_GAP_NS	(50 * NS_PER_MS)

struct entry {			/* one place where a socket may be expected */
	struct diag_at at;
	bool seen;		/* was there once: it is missed from then on */
	bool dirty;		/* a socket that may have been it has ended */
	uint8_t port;		/* index in the group's list of ports */
};

struct group {
	uint32_t first, n;	/* slice of entries; n = 0: not watched */
	uint32_t missing;	/* index of the entry not found, NONE: all seen are there */
	bool lost, any_seen, dirty;
	uint32_t n_ports;
	uint64_t ports_seen;		/* bit per port of the group: seen on some VIP, by some transport of those it may have */
	uint64_t suspect_ns;	/* first look without it; 0: no suspicion */
	uint64_t look_ns;	/* next look at what is missing */
	uint64_t round_ns;	/* next slice of the periodic round over all entries ... */
	uint32_t at;		/* ... which has come this far */
	uint64_t every_ns;
};

struct listener {
	struct src src;
	struct loop *loop;
	struct nl ask, events;
	struct entry *entries;
	uint32_t n_groups;
	struct group groups[BT_GROUPS_MAX];
	void (*changed)(void *arg);
	void *arg;
};

static bool wants(enum conf_transport transport, uint8_t proto)
{
	if (transport == PORT_UDP_TCP)
		return true;
	return (transport == PORT_UDP) == (proto == IPPROTO_UDP);
}

static uint32_t fill_port(struct entry *e, const struct conf_vip *vip, const struct conf_port *port)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	uint32_t n = 0;

	for (int i = 0; i < 2; i++)
		if (wants(port->transport, protos[i]))
			e[n++].at = (struct diag_at){
				.ip = vip->addr.ip, .port = port->port, .proto = protos[i],
			};
	return n;
}

static uint32_t fill_group(struct group *g, struct entry *entries, uint32_t first,
			   const struct conf *conf, const struct conf_group *cg)
{
	uint32_t at = first, every_s = cg->opt.network_monitoring_timeout_s;

	for (uint32_t v = 0; v < cg->n_vips && cg->listener_auto; v++)
		for (uint32_t p = 0; p < cg->n_ports; p++)
			for (uint32_t n = fill_port(&entries[at], &conf->vips[cg->first_vip + v], &cg->ports[p]); n; n--)
				entries[at++].port = (uint8_t)p;
	*g = (struct group){
		.first = first, .n = at - first, .missing = NONE, .n_ports = cg->n_ports, .round_ns = LOOP_NEVER,
		.look_ns = LOOP_NEVER, .every_ns = (every_s ? every_s : 1) * NS_PER_S,
	};
	return at;
}

/* 1 there, 0 not, negative: the kernel gave no answer, so nothing is known. */
static int look(struct listener *l, const struct entry *e)
{
	int err = l->ask.sock ? 0 : diag_open(&l->ask);

	if (err)
		return err;
	err = diag_there(&l->ask, &e->at);
	if (err == -ENOENT)
		return 0;
	if (err)
		nl_close(&l->ask);	/* a late answer must not be taken for the next one's */
	return err ? err : 1;
}

/* The first seen entry of @g that is not there; @only_dirty: of those an event named. */
static uint32_t find_missing(struct listener *l, struct group *g, bool only_dirty)
{
	for (uint32_t i = g->first; i < g->first + g->n; i++) {
		struct entry *e = &l->entries[i];

		if (!e->seen || (only_dirty && !e->dirty))
			continue;
		if (!look(l, e))
			return i;
		e->dirty = false;
	}
	return NONE;
}

/* One look has ended with @missing (or NONE). The only place that says lost and found. */
static void settle(struct group *g, uint32_t missing, uint64_t now_ns, bool sure)
{
	bool again = missing != NONE && missing == g->missing && g->suspect_ns &&
		     now_ns - g->suspect_ns >= LISTENER_AGAIN_NS;

	if (missing == NONE) {
		g->lost = false;
		g->suspect_ns = 0;
		g->look_ns = LOOP_NEVER;
	} else if (g->lost || again || sure) {
		g->lost = true;
		g->suspect_ns = 0;
		g->look_ns = now_ns + LISTENER_ABSENT_NS;
	} else if (missing != g->missing || !g->suspect_ns) {
		g->suspect_ns = now_ns;
		g->look_ns = now_ns + LISTENER_AGAIN_NS;
	}
	g->missing = missing;
}

/* Again; what was found missing is asked for first, so the usual answer costs one look. */
static void look_again(struct listener *l, struct group *g, uint64_t now_ns, bool sure)
{
	uint32_t i = g->missing;
	int there = i == NONE ? 1 : look(l, &l->entries[i]);

	if (there < 0) {
		g->look_ns = now_ns + LISTENER_ABSENT_NS;
		return;
	}
	if (there)
		i = find_missing(l, g, false);
	settle(g, i, now_ns, sure);
}

static void learn(struct listener *l, struct group *g, uint32_t i, uint64_t now_ns)
{
	struct entry *e = &l->entries[i];
	int there = look(l, e);

	if (there == 1) {
		e->seen = g->any_seen = true;
		g->ports_seen |= 1ULL << e->port;
	} else if (!there && e->seen && g->missing == NONE) {
		settle(g, i, now_ns, false);
	}
}

/* The next slice of a round over all entries: learns new listeners, notices what no event told. */
static void go_round(struct listener *l, struct group *g, uint64_t now_ns)
{
	uint32_t end = g->n - g->at > LISTENER_SLICE ? g->at + LISTENER_SLICE : g->n;

	for (; g->at < end; g->at++)
		learn(l, g, g->first + g->at, now_ns);
	if (g->at < g->n) {
		g->round_ns = now_ns + SLICE_GAP_NS;
		return;
	}
	g->at = 0;
	g->round_ns = now_ns + (g->any_seen ? g->every_ns : LISTENER_ABSENT_NS);
}

static bool may_have_been(const struct entry *e, const struct diag_at *ended)
{
	return e->seen && e->at.port == ended->port &&
	       (!ended->proto || e->at.proto == ended->proto) &&
	       (IN6_IS_ADDR_UNSPECIFIED(&ended->ip) || IN6_ARE_ADDR_EQUAL(&e->at.ip, &ended->ip));
}

static void on_ended(void *arg, const struct diag_at *ended)
{
	struct listener *l = arg;

	for (uint32_t s = 0; s < l->n_groups; s++) {
		struct group *g = &l->groups[s];

		for (uint32_t i = g->first; i < g->first + g->n; i++)
			if (may_have_been(&l->entries[i], ended))
				l->entries[i].dirty = g->dirty = true;
	}
}

static void look_at_dirty(struct listener *l, struct group *g, bool all, uint64_t now_ns)
{
	uint32_t missing;

	if (!all && !g->dirty)
		return;
	g->dirty = false;
	if (g->missing != NONE)
		return;		/* a look is due anyway */
	missing = find_missing(l, g, !all);
	if (missing != NONE)
		settle(g, missing, now_ns, false);
}

static void on_ready(struct src *src, uint32_t events)
{
	struct listener *l = (struct listener *)src;	/* src is its first member */
	int err = diag_events(&l->events, on_ended, l);

	(void)events;
	if (err && err != -EPERM && err != -ENOBUFS)
		log_event(LOG_WARNING, "socket events", "error=\"%s\"", strerror(-err));
	for (uint32_t s = 0; s < l->n_groups; s++)
		look_at_dirty(l, &l->groups[s], err == -ENOBUFS, clock_now_ns());
	l->changed(l->arg);
}

void listener_turn(struct listener *l, uint64_t now_ns)
{
	for (uint32_t s = 0; s < l->n_groups; s++) {
		struct group *g = &l->groups[s];

		if (g->look_ns <= now_ns)
			look_again(l, g, now_ns, false);
		if (g->round_ns <= now_ns)
			go_round(l, g, now_ns);
	}
}

uint64_t listener_next(const struct listener *l)
{
	uint64_t next = LOOP_NEVER;

	for (uint32_t s = 0; s < l->n_groups; s++)
		next = earlier(next, earlier(l->groups[s].look_ns, l->groups[s].round_ns));
	return next;
}

void listener_confirm(struct listener *l, uint32_t slot, uint64_t now_ns)
{
	struct group *g = &l->groups[slot];

	if (g->any_seen && !g->lost)
		look_again(l, g, now_ns, true);
}

enum fact_listener listener_fact(const struct listener *l, uint32_t slot)
{
	const struct group *g = &l->groups[slot];

	if (!g->n)
		return LISTENER_NOT_WATCHED;
	if (!g->any_seen)
		return LISTENER_NEVER_SEEN;
	return g->lost ? LISTENER_LOST : LISTENER_THERE;
}

_Static_assert(CONF_PORTS_MAX <= 64, "a bit for every port");

bool listener_unseen(const struct listener *l, uint32_t slot)
{
	const struct group *g = &l->groups[slot];

	return g->n && (uint32_t)__builtin_popcountll(g->ports_seen) < g->n_ports;
}

uint16_t listener_unseen_port(const struct listener *l, uint32_t slot)
{
	const struct group *g = &l->groups[slot];

	for (uint32_t i = g->first; i < g->first + g->n; i++)
		if (!(g->ports_seen & 1ULL << l->entries[i].port))
			return l->entries[i].at.port;
	return 0;
}

void listener_retime(struct listener *l, const struct conf *conf, uint64_t now_ns)
{
	for (uint32_t s = 0; s < l->n_groups; s++) {
		struct group *g = &l->groups[s];

		g->every_ns = conf->groups[s].opt.network_monitoring_timeout_s * NS_PER_S;
		if (g->n)
			g->round_ns = earlier(g->round_ns, now_ns + g->every_ns);
	}
}

bool listener_is_suspect(const struct listener *l, uint32_t slot)
{
	return l->groups[slot].suspect_ns != 0;
}

const char *listener_missing(const struct listener *l, uint32_t slot, char *buf, uint32_t len)
{
	const struct group *g = &l->groups[slot];
	const struct diag_at *at;
	char ip[INET6_ADDRSTRLEN];

	buf[0] = '\0';
	if (g->missing == NONE)
		return buf;
	at = &l->entries[g->missing].at;
	snprintf(buf, len, conf_is_v4(&at->ip) ? "%s:%u/%s" : "[%s]:%u/%s",
		 conf_ip_text(&at->ip, ip), at->port, at->proto == IPPROTO_UDP ? "udp" : "tcp");
	return buf;
}

/* Each port once, of the groups that are watched. */
static uint32_t collect_ports(const struct conf *conf, uint16_t ret[DIAG_PORTS_MAX])
{
	uint32_t n = 0, i;

	for (uint32_t s = 0; s < conf->n_groups; s++) {
		const struct conf_group *g = &conf->groups[s];

		for (uint32_t p = 0; g->listener_auto && p < g->n_ports; p++) {
			for (i = 0; i < n && ret[i] != g->ports[p].port; i++)
				;
			if (i == n)
				ret[n++] = g->ports[p].port;
		}
	}
	return n;
}

_Static_assert(BT_GROUPS_MAX * CONF_PORTS_MAX <= DIAG_PORTS_MAX, "every port fits the filter");

static int fill_table(struct listener *l, const struct conf *conf)
{
	uint32_t at = 0, most = 0;

	for (uint32_t s = 0; s < conf->n_groups; s++)
		most += conf->groups[s].n_vips * conf->groups[s].n_ports * 2;
	l->entries = calloc(most ? most : 1, sizeof(*l->entries));
	if (!l->entries)
		return -ENOMEM;
	l->n_groups = conf->n_groups;
	for (uint32_t s = 0; s < conf->n_groups; s++)
		at = fill_group(&l->groups[s], l->entries, at, conf, &conf->groups[s]);
	return 0;
}

/* Events first, then the look: what ends in between is told. */
static int begin(struct listener *l, const struct conf *conf)
{
	uint16_t ports[DIAG_PORTS_MAX];
	uint32_t n = collect_ports(conf, ports);
	uint64_t now = clock_now_ns();
	int err = diag_open(&l->ask);

	if (!err)
		err = diag_events_open(&l->events, ports, n);
	if (err)
		return err;
	for (uint32_t s = 0; s < l->n_groups; s++) {
		struct group *g = &l->groups[s];

		for (uint32_t i = 0; i < g->n; i++)
			learn(l, g, g->first + i, now);
		if (g->n)
			g->round_ns = now + (g->any_seen ? g->every_ns : LISTENER_ABSENT_NS);
	}
	l->src = (struct src){ .fd = nl_fd(&l->events), .name = "listener", .ready = on_ready };
	return loop_add(l->loop, &l->src, EPOLLIN);
}

int listener_open(struct listener **ret, struct loop *loop, const struct conf *conf,
		  void (*changed)(void *arg), void *arg)
{
	struct listener *l = calloc(1, sizeof(*l));
	int err = -ENOMEM;

	if (!l)
		return err;
	l->loop = loop;
	l->changed = changed;
	l->arg = arg;
	err = fill_table(l, conf);
	if (!err)
		err = begin(l, conf);
	if (err) {
		listener_close(l);
		return err;
	}
	*ret = l;
	return 0;
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	if (l->src.ready)
		loop_del(l->loop, &l->src);
	nl_close(&l->ask);
	nl_close(&l->events);
	free(l->entries);
	free(l);
}
