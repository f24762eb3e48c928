/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/traffic.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/when.h"
#include "health/health.h"
#include "health/pinger.h"
#include "sys/clock.h"
#include "sys/dp.h"
#include "sys/log.h"

void traffic_open(struct traffic *t, const struct conf *conf, uint32_t slot, struct dp *dp, struct pinger *pinger)
{
	*t = (struct traffic){ .conf = conf, .slot = slot, .dp = dp, .pinger = pinger };
}

static void look_at_devices(struct traffic *t)
{
	struct ping_report r;

	for (uint32_t i = 0; t->pinger && i < t->conf->n_devices; i++) {
		if (!t->conf->devices[i].oos_check_s)
			continue;
		pinger_device(t->pinger, i, &r);
		t->device_ns = later(t->device_ns, r.answered_ns);
	}
}

/* The next @n VIPs of the group. */
static void look_at_vips(struct traffic *t, uint32_t n)
{
	const struct conf_group *g = &t->conf->groups[t->slot];
	struct bt_live live[BT_DIR__N];

	for (; t->dp && n && t->at < g->n_vips; n--, t->at++) {
		if (dp_live(t->dp, g->first_vip + t->at, live))
			continue;
		t->sip_ns = later(t->sip_ns, later(live[BT_IN].request_ns, live[BT_IN].response_ns));
	}
}

static void look(struct traffic *t, uint64_t now_ns)
{
	bool due = now_ns >= t->says.next_ns;

	if (due || now_ns >= t->look_ns) {
		t->at = 0;
		t->look_ns = now_ns + NS_PER_S;
		look_at_devices(t);
	}
	look_at_vips(t, due ? UINT32_MAX : TRAFFIC_SLICE);
}

static void warn(struct traffic *t, bool any)
{
	if (!any && !t->warned)
		log_event(LOG_WARNING, "no checked device", "group=%s text=\"sip-pass-check acts on traffic alone: a quiet night moves "
			  "the role; the guide asks for at least one [device] with oos-check\"", t->conf->groups[t->slot].name);
	t->warned = !any;
}

static void tell(const struct traffic *t, bool was_failed)
{
	char text[SERVICE_DETAIL];

	if (was_failed || t->says.traffic != FACT_FAILED)
		return;
	traffic_detail(t, text, sizeof(text));
	log_event(LOG_WARNING, "no sip", "group=%s period_ms=%" PRIu64 " doubled=%u text=\"%s\"", t->conf->groups[t->slot].name,
		  t->pass.period_ns / NS_PER_MS, t->pass.doubled, text);
}

uint64_t traffic_turn(struct traffic *t, const struct health_input *in, uint64_t now_ns)
{
	bool was_failed = t->says.traffic == FACT_FAILED, any;
	struct pass_seen seen = {
		.on = t->conf->groups[t->slot].opt.sip_pass_check, .period_ns = pass_period_ns(t->conf, &any),
		.primary = in->primary, .primary_ns = in->primary_ns, .peer_fresh = in->peer_fresh, .peer_flags = in->peer_flags,
	};

	if (seen.on) {
		look(t, now_ns);
		warn(t, any);
	}
	seen.sip_ns = t->sip_ns;
	seen.device_ns = t->device_ns;
	pass_turn(&t->pass, &seen, now_ns, &t->says);
	tell(t, was_failed);
	return seen.on && t->look_ns < t->says.next_ns ? t->look_ns : t->says.next_ns;
}

enum fact_health traffic_fact(const struct traffic *t)
{
	return t->says.traffic;
}

uint32_t traffic_evidence(const struct traffic *t)
{
	return t->says.evidence;
}

void traffic_detail(const struct traffic *t, char *buf, size_t cap)
{
	uint64_t s = (t->pass.period_ns << t->pass.doubled) / NS_PER_S;

	snprintf(buf, cap, "no SIP message came in for %" PRIu64 " s, %s", s,
		 t->warned ? "and no device is checked" : "and no checked device answered");
}
