/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer_view: how do pools look from outside?
 */
#include "steer/steer_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "sys/clock.h"

#define ASKING_NS	(3 * NS_PER_S)	/* a neighbour has three times a second to answer */

uint32_t steer_pools(const struct steer *s)
{
	return s ? s->n : 0;
}

int steer_of_slot(const struct steer *s, uint32_t slot)
{
	for (uint32_t i = 0; i < steer_pools(s); i++)
		if (s->pool[i].slot == slot)
			return (int)i;
	return -ENOENT;
}

const char *steer_cause_text(const struct steered *p)
{
	static const char *const text[ACTIVE_CAUSE__N] = {
		[ACTIVE_START] = "start", [ACTIVE_OPTIONS] = "options", [ACTIVE_SILENT] = "silent", [ACTIVE_REQUEST] = "request",
		[ACTIVE_PULSE] = "pulse",
	};

	if (p->drain.state != STEER_DRAIN_NONE && p->drain.server)
		return "drain";
	return p->kept ? "restart" : text[p->report.cause];
}

static void view_server(const struct steer *s, const struct steered *p, int k, struct steer_server_view *v)
{
	static const char *const states[] = {
		[SERVER_UNKNOWN] = "unknown", [SERVER_ANSWERS] = "answers", [SERVER_SILENT] = "silent",
	};
	static const char *const roles[] = { "unknown", "backup", "primary" };
	const struct hop *hop = &p->hop[k];
	struct sweep_left left;

	memcpy(v->host, p->conf.server[k].host, sizeof(v->host));
	v->at = p->conf.server[k].at;
	v->state = states[p->report.server[k].state];
	v->rtt_us = p->report.server[k].rtt_us;
	v->answered_ns = p->report.server[k].answered_ns;
	v->deaths = p->report.server[k].deaths;
	v->epoch = steer_row(s, p)->server[k].epoch;
	v->role = roles[p->report.server[k].role <= 2 ? p->report.server[k].role : 0];
	v->term = p->report.server[k].term;
	v->ifindex = hop->ifindex;
	memcpy(v->next_mac, hop->next_mac, sizeof(v->next_mac));
	v->mtu = hop->mtu;
	snprintf(v->way, sizeof(v->way), "%s", p->hop_known[k] ? hop->why : "not looked for yet");
	(void)sweep_left(s->sweep, p->slot, (uint8_t)(k + 1), &left);
	v->calls = left.calls;
	v->subscriptions = left.subscriptions;
	v->connections = left.connections;
}

int steer_view(struct steer *s, uint32_t i, struct steer_view *v)
{
	static const char *const forwards[BT_FWD__N] = { [BT_FWD_L2] = "l2", [BT_FWD_IPIP] = "ipip", [BT_FWD_NAT] = "nat" };
	const struct steered *p = &s->pool[i];
	int err;

	memset(v, 0, sizeof(*v));
	memcpy(v->name, p->conf.name, sizeof(v->name));
	v->forward = forwards[p->conf.forward];
	v->slot = p->slot;
	v->active = BT_AIM_ACTIVE(steer_row(s, p)->aim);
	v->cause = steer_cause_text(p);
	v->since_ns = p->active_ns;
	for (int k = 0; k < BT_SERVERS; k++)
		view_server(s, p, k, &v->server[k]);
	err = steer_drained(s, p->conf.name, &v->drained);
	if (!err)
		err = dp_pool_count(s->dp, p->slot, &v->count);
	for (int k = 0; k < BT_SERVERS && !err; k++) {
		v->server[k].packets = v->count.packets[k];
		v->server[k].bytes = v->count.bytes[k];
	}
	return err;
}

const char *steer_trouble(const struct steer *s, uint32_t i, char *buf, size_t len)
{
	const struct steered *p = &s->pool[i];
	uint8_t active = BT_AIM_ACTIVE(steer_row(s, p)->aim);

	if (!active)
		snprintf(buf, len, "no server of the pool answers: what clients send is dropped");
	else if (p->lost_ns[active - 1] && s->turn_ns - p->lost_ns[active - 1] > ASKING_NS)
		snprintf(buf, len, "the active server %s cannot be reached: %s", p->conf.server[active - 1].host,
			 p->hop[active - 1].why);
	else
		return NULL;
	return buf;
}

const char *steer_alone(const struct steer *s, uint32_t i, char *buf, size_t len)
{
	const struct steered *p = &s->pool[i];

	for (int k = 0; k < BT_SERVERS; k++) {
		bool lost = p->lost_ns[k] && s->turn_ns - p->lost_ns[k] > ASKING_NS;

		if (!lost && p->report.server[k].state != SERVER_SILENT)
			continue;
		snprintf(buf, len, "server %s %s%s: %s is alone", p->conf.server[k].host,
			 lost ? "cannot be reached: " : "answers no OPTIONS", lost ? p->hop[k].why : "", p->conf.server[1 - k].host);
		return buf;
	}
	return NULL;
}

/* ---- sampled decisions ----------------------------------------------------------------------------- */

static void on_trace(struct src *src, uint32_t events)
{
	struct steer *s = (struct steer *)((char *)src - offsetof(struct steer, trace_src));

	(void)events;
	(void)dp_traces(s->dp, s->trace_fn, s->trace_arg);
}

static void drop(void *arg, const struct bt_trace *t)
{
	(void)arg;
	(void)t;
}

/* What was sampled before is of nobody's interest. */
int steer_trace(struct steer *s, uint32_t every, steer_trace_fn *fn, void *arg)
{
	int err = 0;

	if (!s)
		return -ENOENT;
	__atomic_store_n(&dp_steer(s->dp)->trace_every, 0, __ATOMIC_RELAXED);
	if (s->trace_every)
		loop_del(s->loop, &s->trace_src);
	s->trace_every = 0;
	if (!every)
		return 0;
	while (dp_traces(s->dp, drop, NULL) > 0)
		;
	s->trace_fn = fn;
	s->trace_arg = arg;
	s->trace_src = (struct src){ .fd = dp_trace_fd(s->dp), .name = "trace", .ready = on_trace };
	err = loop_add(s->loop, &s->trace_src, EPOLLIN);
	if (err)
		return err;
	s->trace_every = every;
	__atomic_store_n(&dp_steer(s->dp)->trace_every, every, __ATOMIC_RELAXED);
	return 0;
}
