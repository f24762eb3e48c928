/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/answers.h"

#include <inttypes.h>
#include <stdio.h>

#include "health/health.h"
#include "health/pinger.h"
#include "sys/clock.h"
#include "sys/dp.h"
#include "sys/log.h"

static bool serves_udp(const struct conf_group *g)
{
	for (uint32_t i = 0; i < g->n_ports; i++)
		if (g->ports[i].transport == PORT_UDP || g->ports[i].transport == PORT_UDP_TCP)
			return true;
	return false;
}

void answers_open(struct answers *a, const struct conf_group *conf, uint32_t slot, struct dp *dp, struct pinger *pinger)
{
	*a = (struct answers){ .conf = conf, .slot = slot, .dp = dp, .pinger = pinger };
	a->can_ask = dp && pinger && serves_udp(conf);
	hang_init(&a->hang);
}

void answers_note_server(struct answers *a, bool there, uint64_t now_ns)
{
	hang_note_server(&a->hang, there, now_ns);
}

/* Of two servers on one host each is asked by itself: as a group of its own, which has not that mode (ha/single.c). */
static uint64_t timeout_of(const struct conf_group *g)
{
	return g->mode == MODE_SINGLE_HOST ? 0 : g->sip_hang_timeout_ns;
}

static void look(const struct answers *a, const struct health_input *in, struct hang_seen *seen)
{
	const volatile struct bt_seen *counted = &dp_seen(a->dp)[a->conf->slot];
	struct ping_report own;

	pinger_server(a->pinger, a->slot, &own);
	*seen = (struct hang_seen){
		.timeout_ns = timeout_of(a->conf), .primary = in->primary, .requests = counted->requests,
		.response_ns = counted->response_ns, .request_ns = counted->asked_ns, .peer_fresh = in->peer_fresh,
		.peer_flags = in->peer_flags, .answered_to_ns = own.answered_to_ns,
		.ended = pinger_burst_ended(a->pinger, a->slot),
	};
}

static void tell_verdict(struct answers *a, const struct hang_seen *seen, enum hang_state was, uint64_t now_ns)
{
	char text[SERVICE_DETAIL];

	if (a->hang.state == HANG_HUNG && was != HANG_HUNG) {
		a->asked = a->hang.asked;
		answers_detail(a, text, sizeof(text));
		log_event(LOG_WARNING, "server hung", "group=%s silent_ms=%" PRIu64 " asked=%u text=\"%s\"", a->conf->name,
			  (now_ns - seen->response_ns) / NS_PER_MS, a->asked, text);
	} else if (was == HANG_HUNG && a->hang.state != HANG_HUNG) {
		log_event(LOG_INFO, "server recovered", "group=%s", a->conf->name);
	}
}

/* Once for each asking that came to nothing. */
static void tell_shared(struct answers *a)
{
	bool shared = a->hang.state == HANG_SUSPECT && a->hang.asked > HANG_ASKS;

	if (shared && !a->told_shared)
		log_event(LOG_WARNING, "server silent", "group=%s text=\"it answers neither requests nor OPTIONS, but that the "
			  "peer's server does is not known: nothing is moved\"", a->conf->name);
	a->told_shared = shared;
}

static void tell_mute(const struct answers *a, bool was)
{
	if (a->says.mute && !was)
		log_event(LOG_WARNING, "options unanswered", "group=%s text=\"the SIP server answers no OPTIONS: that it hangs could "
			  "not be told; let it answer those to the VIP from this host\"", a->conf->name);
}

uint64_t answers_turn(struct answers *a, const struct health_input *in, uint64_t now_ns)
{
	enum hang_state was = a->hang.state;
	bool was_mute = a->says.mute;
	struct hang_seen seen;
	uint64_t since_ns;

	if (!a->can_ask)
		return UINT64_MAX;
	look(a, in, &seen);
	hang_turn(&a->hang, &seen, now_ns, &a->says);
	if (a->says.ask) {
		pinger_ask(a->pinger, a->slot, a->says.ask, HANG_GAP_NS, &since_ns);
		hang_asked(&a->hang, since_ns);
	}
	if (a->hang.state == HANG_SUSPECT && was == HANG_CALM)
		log_event(LOG_DEBUG, "server asked", "group=%s silent_ms=%" PRIu64, a->conf->name,
			  (now_ns - seen.response_ns) / NS_PER_MS);
	tell_verdict(a, &seen, was, now_ns);
	tell_shared(a);
	tell_mute(a, was_mute);
	return a->says.next_ns;
}

enum fact_health answers_fact(const struct answers *a)
{
	return a->says.answers;
}

uint32_t answers_evidence(const struct answers *a)
{
	return a->says.evidence;
}

bool answers_is_mute(const struct answers *a)
{
	return a->says.mute;
}

void answers_detail(const struct answers *a, char *buf, size_t cap)
{
	snprintf(buf, cap, "%u OPTIONS of this host unanswered, the peer's server answers", a->asked);
}
