/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer_drain: which server keeps its dialogs while new ones go to the other?
 *
 * How far a drain has come stands in the aim, so it outlives a restart; only its deadline begins anew then.
 */
#include "steer/steer_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/log.h"

static struct steered *find(struct steer *s, const char *name, char *why, size_t len)
{
	for (uint32_t i = 0; s && i < s->n; i++)
		if (!strcmp(s->pool[i].conf.name, name))
			return &s->pool[i];
	if (why)
		snprintf(why, len, "no pool '%s' here", name);
	return NULL;
}

static void begin(struct steer *s, struct steered *p, uint8_t server, bool forced)
{
	struct sweep_report r;

	sweep_report(s->sweep, &r);
	p->drain = (struct drain){ .state = STEER_DRAIN_MOVING, .server = server, .forced = forced, .rounds = r.rounds };
}

void drain_recall(struct steer *s, struct steered *p)
{
	uint64_t aim = steer_row(s, p)->aim;

	if (BT_AIM_FLAGS(aim) & BT_AIM_REJECT)
		begin(s, p, 0, true);
	else if (BT_AIM_DRAINING(aim))
		begin(s, p, BT_AIM_DRAINING(aim), BT_AIM_FLAGS(aim) & BT_AIM_FORCED);
	else if (BT_AIM_FLAGS(aim) & BT_AIM_DRAINED && BT_AIM_ACTIVE(aim))
		p->drain = (struct drain){ .state = STEER_DRAIN_DONE, .server = (uint8_t)(3 - BT_AIM_ACTIVE(aim)),
					   .forced = BT_AIM_FLAGS(aim) & BT_AIM_FORCED };
}

/* The drained server is better than none: where the other has died new dialogs go there again. */
uint8_t drain_active(const struct steered *p, uint8_t active)
{
	uint8_t other = (uint8_t)(3 - p->drain.server);

	if (p->drain.state == STEER_DRAIN_NONE || !p->drain.server)
		return active;
	if (p->report.server[other - 1].state == SERVER_SILENT && !p->drain.forced)
		return active;
	return other;
}

/* Counted twice since it began: the walk under way then may have passed by what was still begun there. */
static bool is_counted(const struct drain *d, uint32_t rounds)
{
	return rounds >= d->rounds + 2;
}

static struct sweep_left left(struct steer *s, const struct steered *p, uint32_t *ret_rounds)
{
	struct sweep_left sum = { 0 }, one;

	for (uint8_t k = 1; k <= BT_SERVERS; k++) {
		if (p->drain.server && k != p->drain.server)
			continue;
		*ret_rounds = sweep_left(s->sweep, p->slot, k, &one);
		sum.calls += one.calls;
		sum.subscriptions += one.subscriptions;
		sum.connections += one.connections;
	}
	return sum;
}

static void finish(struct steered *p, const char *how)
{
	p->drain.state = STEER_DRAIN_DONE;
	log_event(LOG_INFO, "pool drained", "pool=%s server=%s how=%s", p->conf.name,
		  p->drain.server ? p->conf.server[p->drain.server - 1].host : "both", how);
}

void drain_turn(struct steer *s, struct steered *p)
{
	struct drain *d = &p->drain;
	struct sweep_left l;
	uint32_t rounds = 0;

	if (d->state == STEER_DRAIN_NONE)
		return;
	if (!d->since_ns) {
		d->since_ns = s->turn_ns;
		d->deadline_ns = p->conf.drain_deadline_ns && d->state == STEER_DRAIN_MOVING ?
				 s->turn_ns + p->conf.drain_deadline_ns : 0;
	}
	if (d->state != STEER_DRAIN_MOVING)
		return;
	l = left(s, p, &rounds);
	if (is_counted(d, rounds) && !(l.calls + l.subscriptions + l.connections))
		finish(p, "empty");
	else if (d->deadline_ns && s->turn_ns >= d->deadline_ns) {
		finish(p, "deadline");
		if (d->server)
			fill_death(s, p, d->server - 1);	/* they are the other's now */
	}
}

static int refusal(const struct steer *s, const struct steered *p, bool reject, bool force, char *why, size_t len)
{
	uint8_t active = BT_AIM_ACTIVE(steer_row(s, p)->aim), other = (uint8_t)(3 - active);
	const char *name = p->conf.name;

	if (p->drain.state != STEER_DRAIN_NONE) {
		snprintf(why, len, "pool %s is being drained already; `baton undrain %s` ends that", name, name);
		return -EALREADY;
	}
	if (!active) {
		snprintf(why, len, "pool %s has no active server", name);
		return -EHOSTDOWN;
	}
	if (!reject && !force && (p->report.server[other - 1].state == SERVER_SILENT || !p->hop[other - 1].ifindex)) {
		snprintf(why, len, "the other server of pool %s, %s, %s; --force goes on", name, p->conf.server[other - 1].host,
			 p->hop[other - 1].ifindex ? "does not answer" : "cannot be reached");
		return -EHOSTDOWN;
	}
	return 0;
}

static void drain(struct steer *s, struct steered *p, bool reject, bool force)
{
	uint8_t active = BT_AIM_ACTIVE(steer_row(s, p)->aim), other = (uint8_t)(3 - active);

	begin(s, p, reject ? 0 : active, force);
	log_event(LOG_INFO, "pool drain", "pool=%s server=%s new=%s", p->conf.name, reject ? "both" : p->conf.server[active - 1].host,
		  reject ? "refused" : p->conf.server[other - 1].host);
	steer_follow(s, p);
}

int steer_drain(struct steer *s, const char *name, bool reject, bool force, char *why, size_t len)
{
	struct steered *p = name ? find(s, name, why, len) : NULL;
	int err = name ? -ENOENT : 0;

	if (!s)
		snprintf(why, len, "the program that steers is not loaded yet");
	if (!s)
		return -EAGAIN;
	if (p)
		err = refusal(s, p, reject, force, why, len);
	for (uint32_t i = 0; !name && i < s->n && !err; i++)
		err = refusal(s, &s->pool[i], reject, force, why, len);
	if (err)
		return err;
	if (p)
		drain(s, p, reject, force);
	for (uint32_t i = 0; !name && i < s->n; i++)
		drain(s, &s->pool[i], reject, force);
	return 0;
}

int steer_undrain(struct steer *s, const char *name, char *why, size_t len)
{
	struct steered *p = find(s, name, why, len);

	if (!p)
		return -ENOENT;
	if (p->drain.state == STEER_DRAIN_NONE) {
		snprintf(why, len, "pool %s is not being drained", name);
		return -EALREADY;
	}
	p->drain = (struct drain){ .state = STEER_DRAIN_NONE };
	log_event(LOG_INFO, "pool undrain", "pool=%s", name);
	steer_follow(s, p);
	return 0;
}

int steer_drained(const struct steer *s, const char *name, struct steer_drained *ret)
{
	const struct steered *p = find((struct steer *)s, name, NULL, 0);
	struct sweep_left l;
	uint32_t rounds = 0;

	if (!p)
		return -ENOENT;
	l = left((struct steer *)s, p, &rounds);
	*ret = (struct steer_drained){
		.state = p->drain.state, .server = p->drain.server,
		.reject = p->drain.state != STEER_DRAIN_NONE && !p->drain.server,
		.counted = p->drain.state != STEER_DRAIN_MOVING || is_counted(&p->drain, rounds),
		.calls = l.calls + l.subscriptions, .connections = l.connections,
		.since_ns = p->drain.since_ns, .deadline_ns = p->drain.deadline_ns,
	};
	return 0;
}
