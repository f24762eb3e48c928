/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steer/steer_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/log.h"

/* ---- who is active --------------------------------------------------------------------------------- */

/* Until its answer is more than a beginning, what the life before knew is better. */
static uint8_t believed(struct steered *p)
{
	if (p->report.cause != ACTIVE_START)
		p->kept = 0;
	return p->kept ? p->kept : p->report.active;
}

static const char *host_of(const struct steered *p, uint8_t server)
{
	return server ? p->conf.server[server - 1].host : "none";
}

static void tell_active(struct steer *s, struct steered *p, uint8_t active)
{
	if (p->told_once && p->told == active)
		return;
	p->active_ns = s->turn_ns;
	log_event(active ? LOG_INFO : LOG_ERR, "pool active", "pool=%s server=%s from=%s cause=%s", p->conf.name,
		  host_of(p, active), p->told_once ? host_of(p, p->told) : "start", steer_cause_text(p));
	p->told = active;
	p->told_once = true;
}

static void tell_servers(struct steered *p)
{
	static const char *const text[] = { [SERVER_ANSWERS] = "answers", [SERVER_SILENT] = "silent" };

	for (int k = 0; k < BT_SERVERS; k++) {
		enum active_state state = p->report.server[k].state;

		if (state != SERVER_UNKNOWN && state != p->state[k])
			log_event(state == SERVER_ANSWERS ? LOG_INFO : LOG_WARNING, "pool server", "pool=%s server=%s state=%s rtt_us=%u",
				  p->conf.name, p->conf.server[k].host, text[state], p->report.server[k].rtt_us);
		p->state[k] = state;
	}
}

/* First the aim: an entry that is found stale is given to whoever is active then. */
void steer_follow(struct steer *s, struct steered *p)
{
	uint8_t active = drain_active(p, believed(p)), flags = 0, draining = 0;

	if (p->drain.state != STEER_DRAIN_NONE && !p->drain.server)
		flags |= BT_AIM_REJECT;
	else if (p->drain.state == STEER_DRAIN_DONE && active != p->drain.server)
		flags |= BT_AIM_DRAINED;
	else if (p->drain.state == STEER_DRAIN_MOVING && p->report.server[p->drain.server - 1].state != SERVER_SILENT)
		draining = p->drain.server;
	if (p->drain.state != STEER_DRAIN_NONE && p->drain.server && p->drain.forced)
		flags |= BT_AIM_FORCED;
	fill_aim(s, p, active, active != draining ? draining : 0, flags);
	for (int k = 0; k < BT_SERVERS; k++)
		fill_silent(s, p, k, p->report.server[k].state == SERVER_SILENT);
	for (int k = 0; k < BT_SERVERS; k++)
		for (; p->deaths[k] != p->report.server[k].deaths; p->deaths[k]++)
			fill_death(s, p, k);
	tell_active(s, p, active);
	tell_servers(p);
}

static void ask_active(struct steer *s, uint32_t i)
{
	active_report(s->active, i, &s->pool[i].report);
}

/* ---- how to reach them ----------------------------------------------------------------------------- */

static void tell_hop(struct steered *p, int k, const struct hop *hop)
{
	const uint8_t *m = hop->next_mac;

	if (hop->ifindex)
		log_event(LOG_INFO, "pool way", "pool=%s server=%s ifindex=%u mac=%02x:%02x:%02x:%02x:%02x:%02x mtu=%u", p->conf.name,
			  p->conf.server[k].host, hop->ifindex, m[0], m[1], m[2], m[3], m[4], m[5], hop->mtu);
	else
		log_event(LOG_WARNING, "pool way", "pool=%s server=%s why=\"%s\"", p->conf.name, p->conf.server[k].host, hop->why);
}

static void take_hops(struct steer *s)
{
	struct hop hop;

	s->hops_news = false;
	for (uint32_t i = 0; i < s->n * BT_SERVERS; i++) {
		struct steered *p = &s->pool[i / BT_SERVERS];
		int k = (int)(i % BT_SERVERS);

		if (!hops_get(s->hops, i, &hop))
			return;		/* of a list before; the next news are of this */
		if (!p->hop_known[k] || p->hop[k].ifindex != hop.ifindex || memcmp(p->hop[k].next_mac, hop.next_mac, 6))
			tell_hop(p, k, &hop);
		if (hop.ifindex || !p->lost_ns[k])
			p->lost_ns[k] = hop.ifindex ? 0 : s->turn_ns;
		p->hop_known[k] = true;
		p->hop[k] = hop;
		fill_hop(s, p, k);
	}
}

/* ---- each turn ------------------------------------------------------------------------------------- */

uint64_t steer_turn(struct steer *s, uint64_t now_ns)
{
	uint64_t next;

	if (!s)
		return LOOP_NEVER;
	s->turn_ns = now_ns;
	next = (now_ns / NS_PER_S + 1) * NS_PER_S;
	__atomic_store_n(&dp_steer(s->dp)->tick_s, (uint32_t)(now_ns / NS_PER_S), __ATOMIC_RELAXED);
	if (s->hops_news)
		take_hops(s);
	for (uint32_t i = 0; i < s->n; i++) {
		ask_active(s, i);
		drain_turn(s, &s->pool[i]);
		steer_follow(s, &s->pool[i]);
	}
	return next;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void on_hops(struct src *src, uint32_t events)
{
	struct steer *s = (struct steer *)((char *)src - offsetof(struct steer, hops_src));
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));
	s->hops_news = true;
}

static void on_active(struct src *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));	/* the turn that follows looks */
}

static int open_source(struct steer *s, struct src *src, const char *name, void (*ready)(struct src *src, uint32_t events))
{
	*src = (struct src){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .name = name, .ready = ready };
	return src->fd < 0 ? -errno : loop_add(s->loop, src, EPOLLIN);
}

static void close_source(struct steer *s, struct src *src)
{
	if (src->fd < 0)
		return;
	loop_del(s->loop, src);
	close(src->fd);
}

/* What an earlier life left of a pool: who was active, which drain was under way. */
static void recall(struct steer *s, uint32_t i)
{
	struct steered *p = &s->pool[i];

	drain_recall(s, p);
	p->kept = p->drain.server ? p->drain.server : BT_AIM_ACTIVE(steer_row(s, p)->aim);	/* as if nothing were drained */
	ask_active(s, i);
	steer_follow(s, p);
}

static int begin(struct steer *s, const struct conf *conf, const char **ret_what)
{
	int err = open_source(s, &s->hops_src, "hops", on_hops);

	*ret_what = "steering";
	if (!err)
		err = open_source(s, &s->active_src, "active", on_active);
	if (!err)
		err = fill_key(s);
	if (!err)
		err = hops_open(&s->hops, s->hops_src.fd);
	if (!err)
		err = sweep_open(&s->sweep, s->dp);
	if (err)
		return err;
	*ret_what = "pools";
	err = fill_pools(s, conf);
	if (!err)
		err = active_open(&s->active, conf, s->dp, s->active_src.fd);
	for (uint32_t i = 0; i < s->n && !err; i++)
		recall(s, i);
	return err;
}

/* A node that has none now may have had some: what is left of them goes. */
static int forget_all(struct dp *dp)
{
	static const struct conf none;	/* large, and all 0 */
	struct steer *s;
	int err;

	if (!dp_steer(dp)->n_pools)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->dp = dp;
	err = fill_pools(s, &none);
	free(s);
	return err;
}

int steer_open(struct steer **ret, struct loop *loop, const struct conf *conf, struct dp *dp, char *why, size_t len)
{
	const char *what = "pools";
	struct steer *s;
	int err;

	*ret = NULL;
	if (!conf->n_pools) {
		err = forget_all(dp);
		if (err)
			snprintf(why, len, "pools of an earlier life: %s", strerror(-err));
		return err;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(why, len, "pools: out of memory");
		return -ENOMEM;
	}
	s->loop = loop;
	s->dp = dp;
	s->hops_src.fd = s->active_src.fd = s->trace_src.fd = -1;
	s->turn_ns = clock_now_ns();
	err = begin(s, conf, &what);
	if (err) {
		snprintf(why, len, "%s: %s", what, strerror(-err));
		steer_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

void steer_close(struct steer *s)
{
	if (!s)
		return;
	(void)steer_trace(s, 0, NULL, NULL);
	sweep_close(s->sweep);
	hops_close(s->hops);
	active_close(s->active);
	close_source(s, &s->hops_src);
	close_source(s, &s->active_src);
	free(s);
}

/* A new one finds its answers in the turn that follows. */
int steer_reload(struct steer *s, const struct conf *conf)
{
	int err = fill_pools(s, conf), active_err;

	if (err)
		return err;
	active_err = active_reload(s->active, conf);
	for (uint32_t i = 0; i < s->n; i++) {
		ask_active(s, i);
		steer_follow(s, &s->pool[i]);
	}
	return active_err;
}
