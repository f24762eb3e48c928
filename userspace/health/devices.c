/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/devices.h"

#include <string.h>

#include "pulse_wire.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"

#define AGAIN_NS	(100 * NS_PER_MS)	/* while all of a kind are out of service */
#define TOLD_ONE_BY_ONE	10			/* more of them at once push everything else out of the log */

static const struct {
	const char *service_type, *option;
	uint32_t flag;
} kinds[DEVICES__N] = {
	[DEVICES_TRUNKS] = { "trunk", "switchover-on-trunks-oos", PULSE_F_TRUNKS_OOS },
	[DEVICES_MSML]	 = { "msml", "switchover-on-msml-oos", PULSE_F_MSML_OOS },
};

static bool is_on(const struct conf_tserver *opt, enum devices_kind kind)
{
	return kind == DEVICES_TRUNKS ? opt->switchover_on_trunks_oos : opt->switchover_on_msml_oos;
}

static void tell(const struct conf_device *c, const struct ping_report *r)
{
	char where[INET6_ADDRSTRLEN];

	log_event(r->state == PING_OUT_OF_SERVICE ? LOG_WARNING : LOG_INFO, "device",
		  "name=%s contact=\"%s %u\" type=%s state=%s status=%u", c->name, conf_ip_text(&c->contact.ip, where),
		  c->contact.port, c->service_type, r->state == PING_OUT_OF_SERVICE ? "out-of-service" : "in-service", r->status);
}

static void tell_changes(struct devices *d)
{
	uint32_t changes = 0;

	for (uint32_t i = 0; i < d->conf->n_devices; i++) {
		struct ping_report r;

		pinger_device(d->pinger, i, &r);
		if (r.state != d->was[i] && r.state != PING_UNKNOWN && changes++ < TOLD_ONE_BY_ONE)
			tell(&d->conf->devices[i], &r);
		d->was[i] = (uint8_t)r.state;
	}
	if (changes > TOLD_ONE_BY_ONE)
		log_event(LOG_WARNING, "devices", "text=\"%u more have changed; `baton devices` has them all\"", changes - TOLD_ONE_BY_ONE);
}

static uint64_t force_ns(const struct conf_device *c)
{
	return (c->oos_force_s ? c->oos_force_s : c->oos_check_s) * NS_PER_S;
}

static void look_at(struct devices *d, uint32_t slot, enum devices_kind kind)
{
	struct resilience_look *look = &d->look[slot][kind];
	bool fresh = look->peer_fresh, oos = look->peer_oos;

	resilience_begin(look);
	look->peer_fresh = fresh;
	look->peer_oos = oos;
	for (uint32_t i = 0; i < d->conf->n_devices; i++) {
		const struct conf_device *c = &d->conf->devices[i];
		struct ping_report r;

		if (!resilience_counts(&d->conf->groups[slot].opt, c, kinds[kind].service_type))
			continue;
		pinger_device(d->pinger, i, &r);
		resilience_add(look, &r, force_ns(c));
	}
}

/* One after the other: a thousand at once would be a burst. */
static void ask_each(struct devices *d, uint32_t slot, enum devices_kind kind, uint64_t now_ns)
{
	uint64_t at_ns = now_ns;

	for (uint32_t i = 0; i < d->conf->n_devices; i++)
		if (resilience_counts(&d->conf->groups[slot].opt, &d->conf->devices[i], kinds[kind].service_type)) {
			pinger_hurry(d->pinger, i, at_ns);
			at_ns += RESILIENCE_PACE_NS;
		}
}

static void tell_story(const struct devices *d, uint32_t slot, enum devices_kind kind, const struct resilience *was)
{
	const struct resilience *r = &d->story[slot][kind];
	const char *group = d->conf->groups[slot].name;

	if (r->out != was->out)
		log_event(r->out ? LOG_WARNING : LOG_INFO, "out of service", "group=%s type=%s all=%s devices=%u", group,
			  kinds[kind].service_type, r->out ? "yes" : "no", d->look[slot][kind].n);
	if (r->out && r->peer_oos != (was->out && was->peer_oos))	/* it may have been out before this host was */
		log_event(LOG_INFO, "out of service", "group=%s type=%s peer=%s text=\"%s\"", group, kinds[kind].service_type, d->conf->peer_name,
			  r->peer_oos ? "the peer sees the same: nothing is moved" : "the peer does not see the same any more");
}

static void turn_one(struct devices *d, uint32_t slot, enum devices_kind kind, bool look, uint64_t now_ns)
{
	struct resilience *r = &d->story[slot][kind], was = *r;
	bool ask = false;

	if (look || r->out)
		look_at(d, slot, kind);
	d->fact[slot][kind] = resilience_turn(r, &d->look[slot][kind], now_ns, &ask);
	if (ask)
		ask_each(d, slot, kind, now_ns);
	tell_story(d, slot, kind, &was);
}

/* An option that can have no effect is told, as one that is not built. */
static void warn_in_vain(const struct devices *d)
{
	for (uint32_t s = 0; s < d->conf->n_groups; s++)
		for (int k = 0; k < DEVICES__N; k++)
			if (is_on(&d->conf->groups[s].opt, k) && !d->look[s][k].n)
				log_event(LOG_WARNING, "nothing to check", "group=%s option=%s text=\"no [device] of service-type = %s with "
					  "oos-check%s: this option does nothing\"", d->conf->groups[s].name, kinds[k].option,
					  kinds[k].service_type, d->conf->groups[s].opt.geo_location[0] ? " at the geo-location" : "");
}

void devices_changed(struct devices *d)
{
	memset(d->was, 0, sizeof(d->was));
	for (uint32_t i = 0; i < d->conf->n_devices; i++) {
		struct ping_report r;

		pinger_device(d->pinger, i, &r);
		d->was[i] = (uint8_t)r.state;
	}
	for (uint32_t s = 0; s < d->conf->n_groups; s++)
		for (int k = 0; k < DEVICES__N; k++)
			look_at(d, s, k);
	warn_in_vain(d);
	d->news = true;
}

void devices_open(struct devices *d, const struct conf *conf, struct pinger *pinger)
{
	d->conf = conf;
	d->pinger = pinger;
	devices_changed(d);
}

void devices_news(struct devices *d)
{
	d->news = true;
}

void devices_hear(struct devices *d, uint32_t slot, bool peer_fresh, uint32_t peer_flags)
{
	for (int k = 0; k < DEVICES__N; k++) {
		d->look[slot][k].peer_fresh = peer_fresh;
		d->look[slot][k].peer_oos = peer_flags & kinds[k].flag;
	}
}

uint64_t devices_turn(struct devices *d, uint64_t now_ns)
{
	uint64_t next = LOOP_NEVER;

	if (d->news)
		tell_changes(d);
	for (uint32_t s = 0; s < d->conf->n_groups; s++)
		for (int k = 0; k < DEVICES__N; k++) {
			turn_one(d, s, k, d->news, now_ns);
			if (d->story[s][k].out && !d->story[s][k].failed)
				next = now_ns + AGAIN_NS;
		}
	d->news = false;
	return next;
}

enum fact_health devices_fact(const struct devices *d, uint32_t slot, enum devices_kind kind)
{
	return is_on(&d->conf->groups[slot].opt, kind) ? d->fact[slot][kind] : FACT_NOT_WATCHED;
}

uint32_t devices_evidence(const struct devices *d, uint32_t slot)
{
	uint32_t flags = 0;

	for (int k = 0; k < DEVICES__N; k++)
		if (d->story[slot][k].out)
			flags |= kinds[k].flag;
	return flags;
}
