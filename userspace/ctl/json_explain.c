/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_explain: how is a role change told to a program?
 */
#include "ctl/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/role.h"
#include "core/rules.h"
#include "core/word.h"
#include "ctl_wire.h"
#include "ha/ha_view.h"
#include "pulse_wire.h"

#define NS_PER_S	INT64_C(1000000000)
#define TERMS_SHOWN	10

/* Our own records; but a disk is outside, so what is no UTF-8 is shown with '?'. */
static json_t *text(const char *s)
{
	json_t *t = json_string(s);
	char clean[128];
	size_t n = 0;

	for (; !t && s[n] && n < sizeof(clean) - 1; n++)
		clean[n] = (s[n] & 0x80) ? '?' : s[n];
	clean[n] = '\0';
	return t ? t : json_string(clean);
}

static void put(json_t *o, const char *key, json_t *value)
{
	(void)json_object_set_new(o, key, value);	/* fails for want of memory only */
}

static json_t *number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *age(uint32_t n)
{
	return n == HISTORY_NEVER ? json_null() : json_integer(n);
}

static json_t *since(uint64_t at_ns, uint64_t begin_ns)
{
	return at_ns ? json_integer(((int64_t)at_ns - (int64_t)begin_ns) / 1000) : json_null();
}

static json_t *utc(int64_t wall_ns)
{
	time_t s = (time_t)(wall_ns / NS_PER_S);
	char buf[48];
	struct tm tm;

	strftime(buf, 24, "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	snprintf(buf + strlen(buf), 16, ".%03dZ", (int)(wall_ns / 1000000 % 1000));
	return json_string(buf);
}

static json_t *peer_then(const struct history_evidence *e)
{
	json_t *o = json_object();

	put(o, "state", text(e->peer));
	put(o, "said_us_ago", age(e->said_us));
	put(o, "gate", text(e->said ? word_mode_text(e->said) : "unknown"));
	put(o, "term", json_integer(BT_WORD_TERM(e->said)));
	put(o, "lease_left_us", json_integer(e->lease_left_us));
	put(o, "service", text(e->flags & PULSE_F_RUNNING ? "running" : "unavailable"));
	put(o, "fenced", json_boolean(e->flags & PULSE_F_FENCED));
	put(o, "stopping", json_boolean(e->flags & PULSE_F_STOPPING));
	put(o, "answers", json_boolean(e->flags & PULSE_F_ANSWERS));
	put(o, "no_sip", json_boolean(e->flags & PULSE_F_NO_SIP));
	put(o, "last_response_ms", age(e->resp_age_ms));
	return o;
}

static json_t *then(const struct history_evidence *e)
{
	json_t *o = json_object(), *paths = json_array(), *p;

	put(o, "service", text(e->running ? "running" : "unavailable"));
	put(o, "service_reason", text(e->service));
	put(o, "peer", peer_then(e));
	for (uint32_t i = 0; i < e->n_paths; i++) {
		p = json_object();
		put(p, "interface", text(e->path[i].dev));
		put(p, "link", text(e->path[i].link_up ? "up" : "down"));
		put(p, "heard_us_ago", age(e->path[i].heard_us));
		put(p, "detect_us", json_integer(e->path[i].detect_us));
		put(p, "loss_ppm", json_integer(e->path[i].loss_ppm));
		json_array_append_new(paths, p);
	}
	put(o, "paths", paths);
	return o;
}

/* The step not yet told that came first; HISTORY_STEP__N: none left. */
static int next_step(const struct history_change *c, uint32_t told)
{
	int next = HISTORY_STEP__N;

	for (int i = 0; i < HISTORY_STEP__N; i++)
		if (c->step[i].ns && !(told & 1u << i) && (next == HISTORY_STEP__N || c->step[i].ns < c->step[next].ns))
			next = i;
	return next;
}

static json_t *steps(const struct history_change *c)
{
	uint64_t begin_ns = history_begin_ns(c);
	json_t *a = json_array(), *o;
	uint32_t told = 0;
	int i;

	while ((i = next_step(c, told)) < HISTORY_STEP__N) {
		told |= 1u << i;
		o = json_object();
		put(o, "step", text(history_step_word((enum history_step)i)));
		put(o, "at_us", since(c->step[i].ns, begin_ns));
		put(o, "by", text(history_by_text(c->step[i].by)));
		put(o, "text", text(history_step_text((enum history_step)i)));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *outage(const struct history_change *c)
{
	uint64_t begin_ns = history_begin_ns(c);
	json_t *o = json_object();
	int64_t us = 0;
	bool measured = history_outage(c, &us);

	put(o, "measured", json_boolean(measured));
	put(o, "outage_us", measured ? json_integer(us) : json_null());
	put(o, "last_at_us", since(c->last_ns, begin_ns));
	put(o, "first_at_us", since(c->first_ns, begin_ns));
	put(o, "unanswered", age(c->unanswered));
	put(o, "relayed", number(c->relayed));
	put(o, "helped", number(c->helped));
	put(o, "taken", number(c->taken));
	return o;
}

/* null: nothing that belongs to it was to be replayed. */
static json_t *replay(const struct history_replay *r)
{
	json_t *o;

	if (r->state == HISTORY_REPLAY_NONE)
		return json_null();
	o = json_object();
	put(o, "replayed", json_integer(r->given));
	put(o, "doubtful", json_integer(r->doubtful));
	put(o, "answered", json_integer(r->answered));
	put(o, "cancelled", json_integer(r->cancelled));
	put(o, "lost", json_integer(r->lost));
	put(o, "missing_us", json_integer(r->missing_us));
	put(o, "took_us", json_integer(r->took_us));
	put(o, "late", json_boolean(r->state == HISTORY_REPLAY_LATE));
	return o;
}

static json_t *change(const struct history_change *c)
{
	json_t *o = json_object();

	put(o, "group", text(c->group));
	put(o, "term", json_integer(c->term));
	put(o, "owner", text(c->owner));
	put(o, "cause", text(c->cause));
	put(o, "from", text(role_text((enum role)c->from)));
	put(o, "to", text(role_text((enum role)c->to)));
	put(o, "time", utc(c->wall_ns));
	put(o, "boot_ms", number(history_begin_ns(c) / 1000000));
	put(o, "then", then(&c->then));
	put(o, "steps", steps(c));
	put(o, "outage", outage(c));
	put(o, "replay", replay(&c->replay));
	return o;
}

/* Port rules changed by hand, newest first. */
static json_t *hands(const struct history *h)
{
	const struct history_hand *hand;
	json_t *a = json_array(), *o;

	for (uint32_t i = 0; (hand = history_get_hand(h, i)); i++) {
		o = json_object();
		put(o, "group", text(hand->group));
		put(o, "rule", text(hand->rule));
		put(o, "from", text(rules_state_text((enum bt_rule_state)hand->from)));
		put(o, "to", text(rules_state_text((enum bt_rule_state)hand->to)));
		put(o, "uid", json_integer(hand->uid));
		put(o, "pid", json_integer(hand->pid));
		put(o, "time", utc(hand->wall_ns));
		put(o, "boot_ms", number(hand->at_ns / 1000000));
		json_array_append_new(a, o);
	}
	return a;
}

/* Newest first, each once. */
static void list_terms(const struct history *h, char *buf, size_t cap)
{
	size_t n = 0;
	uint32_t last = 0, shown = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < h->n && shown < TERMS_SHOWN && n < cap; i++) {
		uint32_t term = history_get(h, i)->term;

		if (term == last)
			continue;
		n += (size_t)snprintf(buf + n, cap - n, "%s%" PRIu32, shown ? ", " : "", term);
		last = term;
		shown++;
	}
	if (shown == TERMS_SHOWN && n < cap)
		snprintf(buf + n, cap - n, " ...");
}

json_t *doc_explain(const struct ha *ha, uint32_t term, char *why, size_t cap)
{
	const struct history *h = ha_history(ha);
	json_t *doc, *changes = json_array();
	char terms[160];

	for (uint32_t i = 0; i < h->n; i++)
		if (!term || history_get(h, i)->term == term)
			json_array_append_new(changes, change(history_get(h, i)));
	if (term && !json_array_size(changes)) {
		list_terms(h, terms, sizeof(terms));
		snprintf(why, cap, "no role change of term %" PRIu32 " is on record here; terms that are: %s", term,
			 terms[0] ? terms : "none yet");
		json_decref(changes);
		return NULL;
	}
	doc = json_pack("{s:i, s:o, s:o}", "schema", CTL_SCHEMA, "node", text(ha_conf(ha)->name), "changes", changes);
	if (!doc)
		snprintf(why, cap, "out of memory");
	else if (!term && history_get_hand(h, 0))
		put(doc, "port_changes", hands(h));
	return doc;
}
