/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/background.h"
#include "sys/clock.h"
#include "sys/socks.h"

#define LOOK_NS		(100 * NS_PER_MS)	/* a worker that comes or goes is found by this alone */
#define SOON_NS		(20 * NS_PER_MS)	/* a process has none yet: it is about to start */
#define PROTOS		2

static const uint8_t protos[PROTOS] = { IPPROTO_UDP, IPPROTO_TCP };

/* What main asks for and is told. */
struct asked {
	pid_t pid;
	struct sockets_report report;
};

/* The thread's own, of one server. */
struct server {
	pid_t pid;			/* for which all below holds */
	uint64_t cookie[SOCKS_MAX];	/* all at its port, as last seen */
	uint32_t n;
	bool known;
	uint64_t rows_had;		/* bit per row of the group: this process once had a socket there */
	uint64_t mine[SOCKS_MAX];	/* cookies told to the kernel */
	uint32_t n_mine;
};

struct sockets {
	const struct conf *conf;
	struct dp_local *l;
	int changed;
	struct background bg;		/* its lock: of the next two */
	bool news;
	struct asked asked[BT_GROUPS_MAX][BT_SERVERS];
	struct server server[BT_GROUPS_MAX][BT_SERVERS];
	uint32_t first_row[BT_GROUPS_MAX];
	bool found[BT_GROUPS_MAX][BT_SERVERS];	/* known before the thread begins */
	struct socks_one one[SOCKS_MAX];	/* the thread's */
};

_Static_assert(BT_LOCAL_ROWS <= 64, "rows_had");

static bool is_single(const struct conf_group *g)
{
	return g->mode == MODE_SINGLE_HOST;
}

static bool wants(const struct conf_group *g, uint8_t proto)
{
	enum conf_transport t = g->ports[0].transport;

	return t == PORT_UDP_TCP || (t == PORT_UDP) == (proto == IPPROTO_UDP);
}

static bool shares_port(const struct conf_group *g)
{
	return g->server[0].port == g->server[1].port;
}

/* ---- the thread: whose are they, and where do they go ------------------------------------------------ */

static bool fits(const struct socks_one *one, const struct in6_addr *vip, uint8_t proto, bool exact)
{
	bool any = IN6_IS_ADDR_UNSPECIFIED(&one->ip);

	if (!one->pid || one->proto != proto)
		return false;
	if (exact)
		return IN6_ARE_ADDR_EQUAL(&one->ip, vip);
	return any && (one->family == AF_INET6 ? !one->v6only || !conf_is_v4(vip) : conf_is_v4(vip));
}

/* How many of them fit; those that could not be had are left out. */
static int fill_row(struct sockets *s, uint32_t row, uint32_t server, const struct in6_addr *vip, uint8_t proto, bool exact, uint32_t n)
{
	uint32_t at = 0;
	int err = 0;

	for (uint32_t i = 0; i < n && at < BT_LOCAL_SOCKS; i++) {
		int fd = fits(&s->one[i], vip, proto, exact) ? socks_take(&s->one[i]) : -ENOENT;
		int put = fd < 0 ? fd : dp_local_place(s->l, row, server + 1, at, fd);

		if (fd >= 0)
			close(fd);
		at += !put;
		err = put && put != -ENOENT && put != -ESTALE && put != -ESRCH ? put : err;
	}
	return at ? (int)at : err;
}

/* Sockets of the VIP's own address go before those of any address, as the kernel has it. */
static int fill_vip(struct sockets *s, const struct conf_group *g, struct server *sv, uint32_t server, uint32_t v, int p, uint32_t n)
{
	uint32_t bit = v * PROTOS + (uint32_t)p, row = s->first_row[g->slot] + bit;
	const struct in6_addr *vip = &s->conf->vips[g->first_vip + v].addr.ip;
	int got = fill_row(s, row, server, vip, protos[p], true, n);

	if (!got)
		got = fill_row(s, row, server, vip, protos[p], false, n);
	if (got > 0) {
		sv->rows_had |= 1ull << bit;
		return dp_local_end(s->l, row, server + 1, (uint32_t)got) ? -EIO : got;
	}
	return got;
}

/* A process that serves elsewhere and never did here is no loss here. */
static void end_rows(struct sockets *s, const struct conf_group *g, const struct server *sv, uint32_t server)
{
	for (uint32_t bit = 0; bit < g->n_vips * PROTOS; bit++)
		if (!(sv->rows_had & 1ull << bit))
			(void)dp_local_end(s->l, s->first_row[g->slot] + bit, server + 1, 0);
}

static void tell_cookies(struct sockets *s, struct server *sv, uint32_t server, uint32_t n)
{
	for (uint32_t i = 0; i < sv->n_mine; i++)
		(void)dp_local_know(s->l, sv->mine[i], 0);
	sv->n_mine = 0;
	for (uint32_t i = 0; i < n; i++)
		if (s->one[i].pid && !dp_local_know(s->l, s->one[i].cookie, server + 1))
			sv->mine[sv->n_mine++] = s->one[i].cookie;
}

static int fill(struct sockets *s, const struct conf_group *g, struct server *sv, uint32_t server, uint32_t n)
{
	int total = 0, err = 0;

	for (uint32_t v = 0; v < g->n_vips; v++)
		for (int p = 0; p < PROTOS; p++) {
			int got = wants(g, protos[p]) ? fill_vip(s, g, sv, server, v, p, n) : 0;

			total += got > 0 ? got : 0;
			err = got < 0 ? got : err;
		}
	if (shares_port(g))
		tell_cookies(s, sv, server, n);
	if (total)
		end_rows(s, g, sv, server);
	return err ? err : total;
}

static bool same_as_before(const struct sockets *s, const struct server *sv, uint32_t n)
{
	bool same = sv->known && sv->n == n;

	for (uint32_t i = 0; i < n && same; i++)
		same = sv->cookie[i] == s->one[i].cookie;
	return same;
}

static void explain(const struct conf_group *g, uint32_t server, int err, struct sockets_report *r)
{
	const struct conf_local *c = &g->server[server];

	r->why[0] = '\0';
	if (err == -EPERM || err == -EACCES)
		snprintf(r->why, sizeof(r->why), "the sockets of server %s may not be had (pidfd_getfd): batond needs CAP_SYS_PTRACE", c->name);
	else if (err == -E2BIG)
		snprintf(r->why, sizeof(r->why), "more than %d sockets wait at port %u", SOCKS_MAX, c->port);
	else if (err < 0)
		snprintf(r->why, sizeof(r->why), "the sockets of server %s: %s", c->name, strerror(-err));
	else if (!err)
		snprintf(r->why, sizeof(r->why), "server %s has no socket for a VIP at port %u%s", c->name, c->port,
			 shares_port(g) ? ": does each of the two set SO_REUSEPORT?" : "");
}

static void set_report(struct sockets *s, uint32_t slot, uint32_t server, const struct sockets_report *r)
{
	struct sockets_report *told = &s->asked[slot][server].report;
	uint64_t one = 1;
	bool news;

	background_lock(&s->bg);
	news = told->pid != r->pid || told->n != r->n || strcmp(told->why, r->why);
	*told = *r;
	background_unlock(&s->bg);
	if (news)
		(void)!write(s->changed, &one, sizeof(one));
}

/* True: it has none yet. */
static bool look_at(struct sockets *s, uint32_t slot, uint32_t server, pid_t pid)
{
	const struct conf_group *g = &s->conf->groups[slot];
	struct server *sv = &s->server[slot][server];
	struct sockets_report r = { .pid = pid };
	int n = socks_list(g->server[server].port, s->one), got = n;

	if (sv->pid != pid) {
		sv->known = false;
		sv->rows_had = 0;
		sv->pid = pid;
	}
	if (n >= 0 && same_as_before(s, sv, (uint32_t)n))
		return false;
	if (n > 0)
		got = socks_owned(pid, s->one, (uint32_t)n);
	if (got > 0)
		got = fill(s, g, sv, server, (uint32_t)n);
	sv->known = got > 0;
	sv->n = n > 0 ? (uint32_t)n : 0;
	for (uint32_t i = 0; i < sv->n; i++)
		sv->cookie[i] = s->one[i].cookie;
	r.n = got > 0 ? (uint32_t)got : 0;
	explain(g, server, got, &r);
	set_report(s, slot, server, &r);
	return got <= 0;
}

static bool look(struct sockets *s)
{
	bool soon = false;

	for (uint32_t slot = 0; slot < s->conf->n_groups; slot++)
		for (uint32_t k = 0; k < BT_SERVERS; k++) {
			pid_t pid;

			background_lock(&s->bg);
			pid = s->asked[slot][k].pid;
			background_unlock(&s->bg);
			if (pid)
				soon |= look_at(s, slot, k, pid);
		}
	return soon;
}

static bool wait_for(struct sockets *s, uint64_t ns)
{
	uint64_t until = background_in(ns);
	bool quit;

	background_lock(&s->bg);
	while (!s->bg.quit && !s->news && background_wait(&s->bg, until))
		;
	s->news = false;
	quit = s->bg.quit;
	background_unlock(&s->bg);
	return !quit;
}

static void *run(void *arg)
{
	struct sockets *s = arg;
	bool soon;

	do {
		soon = look(s);
	} while (wait_for(s, soon ? SOON_NS : LOOK_NS));
	return NULL;
}

/* ---- main -------------------------------------------------------------------------------------------- */

void sockets_watch(struct sockets *s, uint32_t slot, uint32_t server, pid_t pid)
{
	struct asked *a = &s->asked[slot][server];

	if (a->pid == pid)	/* nobody else writes it */
		return;
	background_lock(&s->bg);
	a->pid = pid;
	s->news = true;
	background_wake(&s->bg);
	background_unlock(&s->bg);
}

void sockets_report(struct sockets *s, uint32_t slot, uint32_t server, struct sockets_report *ret)
{
	background_lock(&s->bg);
	*ret = s->asked[slot][server].report;
	background_unlock(&s->bg);
}

uint16_t sockets_port(const struct conf_group *g, uint32_t k)
{
	return shares_port(g) || g->server[k].port == g->ports[0].port ? 0 : g->server[k].port;
}

/* @row: of the VIP's port, over UDP. */
static int set_server_ways(struct sockets *s, const struct conf_group *g, const struct in6_addr *vip, uint32_t row)
{
	uint16_t sip = g->ports[0].port;
	struct bt_local_way any = { .row = 1 + row, .group = (uint16_t)g->slot, .stands_for = BT_LOCAL_ANY, .port = htons(sip) };
	int err = dp_local_set_way(s->l, vip, 0, IPPROTO_UDP, &any);

	for (uint32_t k = 0; k < BT_SERVERS && !err; k++) {
		struct bt_local_way way = { .group = (uint16_t)g->slot, .port = htons(sip) };

		way.servers = shares_port(g) ? 3 : (uint8_t)(1 << k);
		way.stands_for = sockets_port(g, k) ? (uint8_t)(k + 1) : 0;
		way.row = way.stands_for ? 1 + row : 0;
		if (g->server[k].port != sip)
			err = dp_local_set_way(s->l, vip, g->server[k].port, IPPROTO_UDP, &way);
	}
	return err;
}

static uint8_t servers_at(const struct conf_group *g, uint16_t port)
{
	return (uint8_t)((g->server[0].port == port) | (g->server[1].port == port) << 1);
}

static int set_ways(struct sockets *s, const struct conf_group *g, uint32_t v)
{
	const struct in6_addr *vip = &s->conf->vips[g->first_vip + v].addr.ip;
	uint16_t sip = g->ports[0].port;
	int err = set_server_ways(s, g, vip, s->first_row[g->slot] + v * PROTOS);

	for (int p = 0; p < PROTOS && !err; p++) {
		struct bt_local_way way = {
			.row = 1 + s->first_row[g->slot] + v * PROTOS + (uint32_t)p, .group = (uint16_t)g->slot,
			.servers = servers_at(g, sip), .port = htons(sip), .own = { htons(sockets_port(g, 0)), htons(sockets_port(g, 1)) },
		};

		if (wants(g, protos[p]))
			err = dp_local_set_way(s->l, vip, sip, protos[p], &way);
	}
	return err;
}

/* Those of an earlier life are the same: with other ports the pins would not have been taken over. */
static int set_all_ways(struct sockets *s)
{
	uint32_t row = 0;
	int err = 0;

	for (uint32_t i = 0; i < s->conf->n_groups && !err; i++) {
		const struct conf_group *g = &s->conf->groups[i];

		if (!is_single(g))
			continue;
		s->first_row[i] = row;
		row += g->n_vips * PROTOS;
		for (uint32_t v = 0; v < g->n_vips && !err; v++)
			err = set_ways(s, g, v);
	}
	return err;
}

static void find(struct sockets *s, const struct conf_group *g, uint32_t server)
{
	bool *found = &s->found[g->slot][server];

	for (uint32_t i = 0; i < g->n_vips * PROTOS && !*found; i++)
		*found = dp_local_has_any(s->l, s->first_row[g->slot] + i, server + 1);
}

static void find_all(struct sockets *s)
{
	for (uint32_t i = 0; i < s->conf->n_groups * BT_SERVERS; i++)
		if (is_single(&s->conf->groups[i / BT_SERVERS]))
			find(s, &s->conf->groups[i / BT_SERVERS], i % BT_SERVERS);
}

bool sockets_found(const struct sockets *s, uint32_t slot, uint32_t server)
{
	return s->found[slot][server];
}

int sockets_open(struct sockets **ret, const struct conf *conf, struct dp_local *l, int changed)
{
	struct sockets *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->conf = conf;
	s->l = l;
	s->changed = changed;
	err = set_all_ways(s);
	find_all(s);
	if (!err)
		err = background_start(&s->bg, "sockets", 0, run, s);
	if (err) {
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void sockets_close(struct sockets *s)
{
	if (!s)
		return;
	background_stop(&s->bg);
	free(s);
}
