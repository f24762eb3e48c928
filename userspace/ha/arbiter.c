/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/arbiter.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/ear.h"
#include "ha/locker.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"

#define TEXT_MAX 160

struct arbiter {
	const struct conf *conf;
	uint64_t turn_ns;
	struct ear *ear[BT_GROUPS_MAX];		/* router */
	struct locker *locker;			/* etcd */
	struct locker_report report;
	uint64_t wanted[BT_GROUPS_MAX];
};

/* ---- router ------------------------------------------------------------------------------------------ */

static int open_ears(struct arbiter *a)
{
	int err = 0;

	for (uint32_t i = 0; i < a->conf->n_groups && !err; i++) {
		const struct conf_group *g = &a->conf->groups[i];

		err = ear_open(&a->ear[i], g->routers, g->n_routers, if_nametoindex(g->dev));
	}
	return err;
}

static uint64_t turn_ears(struct arbiter *a, uint64_t silence_ns)
{
	uint64_t next = LOOP_NEVER;

	for (uint32_t i = 0; i < a->conf->n_groups; i++) {
		uint64_t period = a->conf->groups[i].opt.network_monitoring_timeout_s * NS_PER_S;
		uint64_t at = ear_turn(a->ear[i], silence_ns, period, a->turn_ns);

		next = at < next ? at : next;
	}
	return next;
}

static bool any_ear_is_lost(const struct arbiter *a)
{
	for (uint32_t i = 0; i < a->conf->n_groups; i++)
		if (ear_is_lost(a->ear[i]))
			return true;
	return false;
}

/* ---- etcd -------------------------------------------------------------------------------------------- */

static void log_lock(const struct arbiter *a, uint32_t i, const struct locker_report *was)
{
	const struct locker_report *is = &a->report;
	const char *name = a->conf->groups[i].name;

	if (is->group[i].number && is->group[i].number != was->group[i].number)
		log_event(LOG_INFO, "lock held", "group=%s term=%" PRIu64 " for_ms=%" PRIu64, name, is->group[i].number >> 8,
			  (is->group[i].until_ns - a->turn_ns) / NS_PER_MS);
	else if (was->group[i].number && !is->group[i].number)
		log_event(LOG_INFO, a->wanted[i] ? "lock lost" : "lock let go", "group=%s term=%" PRIu64, name,
			  was->group[i].number >> 8);
	if (strcmp(is->group[i].other, was->group[i].other) && is->group[i].other[0])
		log_event(LOG_INFO, "lock refused", "group=%s held_by=\"%s\"", name, is->group[i].other);
}

static uint64_t turn_locks(struct arbiter *a)
{
	struct locker_report was = a->report;
	uint64_t next = LOOP_NEVER;

	locker_report(a->locker, a->turn_ns, &a->report);
	if (a->report.why[0] && strcmp(a->report.why, was.why))
		log_event(LOG_WARNING, "arbiter", "url=%s error=\"%s\"", a->conf->arbiter_url, a->report.why);
	for (uint32_t i = 0; i < a->conf->n_groups; i++) {
		log_lock(a, i, &was);
		if (a->report.group[i].number && a->report.group[i].until_ns < next)
			next = a->report.group[i].until_ns;
	}
	return next;
}

static bool holds_any(const struct arbiter *a)
{
	for (uint32_t i = 0; i < a->conf->n_groups; i++)
		if (a->report.group[i].number)
			return true;
	return false;
}

void arbiter_want(struct arbiter *a, uint32_t slot, uint64_t number)
{
	if (!a->locker || a->wanted[slot] == number)
		return;
	a->wanted[slot] = number;
	locker_want(a->locker, slot, number);
}

/* ---- either ------------------------------------------------------------------------------------------ */

int arbiter_open(struct arbiter **ret, const struct conf *conf, uint64_t boot, int changed)
{
	struct arbiter *a = calloc(1, sizeof(*a));
	int err = 0;

	if (!a)
		return -ENOMEM;
	a->conf = conf;
	if (conf->arbiter == ARBITER_ROUTER)
		err = open_ears(a);
	else if (conf->arbiter == ARBITER_ETCD)
		err = locker_open(&a->locker, conf, boot, changed);
	if (!err)
		*ret = a;
	else
		arbiter_close(a, false);
	return err;
}

void arbiter_close(struct arbiter *a, bool release)
{
	if (!a)
		return;
	locker_close(a->locker, release);
	for (uint32_t i = 0; i < BT_GROUPS_MAX; i++)
		ear_close(a->ear[i]);
	free(a);
}

uint64_t arbiter_turn(struct arbiter *a, uint64_t silence_ns, uint64_t now_ns)
{
	a->turn_ns = now_ns;
	if (a->locker)
		return turn_locks(a);
	return a->conf->arbiter == ARBITER_ROUTER ? turn_ears(a, silence_ns) : LOOP_NEVER;
}

void arbiter_facts(const struct arbiter *a, uint32_t slot, struct arbiter_facts *ret)
{
	*ret = (struct arbiter_facts){ 0 };
	if (a->conf->arbiter == ARBITER_ROUTER) {
		ret->up = !ear_is_lost(a->ear[slot]);
		ret->ear = ear_hears(a->ear[slot], a->turn_ns);
		ret->ear_ns = ear_heard_ns(a->ear[slot]);
	} else if (a->locker && a->wanted[slot] && a->wanted[slot] == a->report.group[slot].number) {
		ret->up = true;
		ret->lock_number = a->report.group[slot].number;
		ret->lock_until_ns = a->report.group[slot].until_ns;
	} else if (a->locker) {
		ret->up = a->report.up;
	}
}

const char *arbiter_state(const struct arbiter *a)
{
	if (a->conf->arbiter == ARBITER_ROUTER)
		return any_ear_is_lost(a) ? "unreachable" : "reachable";
	if (!a->locker)
		return "none";
	return holds_any(a) ? "holding" : a->report.up ? "reachable" : "unreachable";
}

const char *arbiter_trouble(const struct arbiter *a, char *buf, size_t len)
{
	if (a->locker && a->report.asked && !a->report.up) {
		snprintf(buf, len, "etcd at %.60s does not answer: if the hosts lose each other now, nobody can take over (%.40s)",
			 a->conf->arbiter_url, a->report.why);
		return buf;
	}
	for (uint32_t i = 0; a->conf->arbiter == ARBITER_ROUTER && i < a->conf->n_groups; i++)
		if (ear_is_lost(a->ear[i])) {
			snprintf(buf, len, "no router of group %s answers: if the peer dies now, this host will not take over",
				 a->conf->groups[i].name);
			return buf;
		}
	return NULL;
}

#define NOBODY_FIX "none of the group's answers, so no takeover is possible. Mend the network, or name a router that answers ARP. " \
	"If you know that the peer is dead and this host must serve now: [arbiter] type = none here, systemctl restart batond"

static void router_rows(const struct conf_group *g, const struct ear *ear, arbiter_row_fn *row,
			void *arg)
{
	char text[TEXT_MAX], ip[INET6_ADDRSTRLEN];

	for (uint32_t i = 0; i < g->n_routers; i++) {
		bool ok = ear_router_answers(ear, i);

		snprintf(text, sizeof(text), "%s: router %s %s", g->name, conf_ip_text(&g->routers[i], ip),
			 ok ? "answers" : "does not answer");
		row(arg, ok, text, ok ? "" : ear_is_lost(ear) ? NOBODY_FIX :
		    "another of the group's answers, so a takeover would work; is this one's address right?");
	}
}

void arbiter_rows(const struct arbiter *a, arbiter_row_fn *row, void *arg)
{
	char text[TEXT_MAX];

	for (uint32_t i = 0; a->conf->arbiter == ARBITER_ROUTER && i < a->conf->n_groups; i++)
		router_rows(&a->conf->groups[i], a->ear[i], row, arg);
	if (!a->locker)
		return;
	if (a->report.up)
		snprintf(text, sizeof(text), "etcd answers, cluster %" PRIx64 "; the peer must reach the same one", a->report.cluster);
	else
		snprintf(text, sizeof(text), "etcd does not answer: %.100s", a->report.why);
	row(arg, a->report.up, text, a->report.up ? "" : "without it a host that loses its peer cannot take over: is etcd up, is `url` right, does a firewall drop it?");
}
