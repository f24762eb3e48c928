/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/resilience.h"

#include <string.h>

#define ANEW_NS	UINT64_C(1000000000)	/* a peer unheard for so long may be another one now */

void resilience_begin(struct resilience_look *ret)
{
	*ret = (struct resilience_look){ .silent_to_ns = PING_NEVER };
}

void resilience_add(struct resilience_look *look, const struct ping_report *report, uint64_t force_ns)
{
	look->n++;
	look->out += report->state == PING_OUT_OF_SERVICE;
	if (report->silent_to_ns < look->silent_to_ns)
		look->silent_to_ns = report->silent_to_ns;
	if (force_ns > look->force_ns)
		look->force_ns = force_ns;
}

/* Here or there, something answers: what the peer sees is no matter of ours, but worth a look of our own. */
static enum fact_health well(struct resilience *r, const struct resilience_look *look, bool *ret_ask)
{
	*ret_ask = look->n && look->peer_fresh && look->peer_oos && !r->peer_oos;
	r->out = r->failed = false;
	r->base_ns = 0;
	if (look->peer_fresh)
		r->peer_oos = look->peer_oos;
	return look->n ? FACT_WELL : FACT_NOT_WATCHED;
}

/* The peer's view is another one now than the last look allowed for. */
static bool begins_anew(const struct resilience *r, const struct resilience_look *look, uint64_t now_ns)
{
	return !r->base_ns || (look->peer_fresh && (now_ns - r->peer_ns > ANEW_NS || (r->peer_oos && !look->peer_oos)));
}

static uint64_t look_ns(const struct resilience_look *look)
{
	return look->force_ns + look->n * RESILIENCE_PACE_NS + RESILIENCE_GRACE_NS;
}

enum fact_health resilience_turn(struct resilience *r, const struct resilience_look *look, uint64_t now_ns, bool *ret_ask)
{
	uint64_t heard_ns = look->peer_fresh ? now_ns : r->peer_ns;

	if (!look->n || look->out < look->n) {
		r->peer_ns = heard_ns;
		return well(r, look, ret_ask);
	}
	r->out = true;
	*ret_ask = !r->failed && begins_anew(r, look, now_ns);
	if (*ret_ask)
		r->base_ns = now_ns;
	r->peer_ns = heard_ns;
	if (look->peer_fresh)
		r->peer_oos = look->peer_oos;
	if (look->peer_fresh && look->peer_oos)
		r->failed = false;
	else if (look->peer_fresh && look->silent_to_ns >= r->base_ns && now_ns >= r->base_ns + look_ns(look))
		r->failed = true;
	return r->failed ? FACT_FAILED : FACT_WELL;
}

/* Is @name one of the words of @list? */
static bool is_among(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, " ,");

		if (n == len && !memcmp(list, name, n))
			return true;
		list += n;
		list += strspn(list, " ,");
	}
	return false;
}

bool resilience_counts(const struct conf_tserver *opt, const struct conf_device *d, const char *service_type)
{
	if (!d->oos_check_s || strcmp(d->service_type, service_type))
		return false;
	return !opt->geo_location[0] || !strcmp(opt->geo_location, d->geo_location) ||
	       (d->geo_location[0] && is_among(opt->alternative_geo_location, d->geo_location));
}
