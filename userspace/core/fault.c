/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/fault.h"

#define DOUBLED_MAX	5

static uint64_t hold_ns(const struct fault *f, const struct fault_rule *rule)
{
	uint32_t doubled = f->times ? f->times - 1 : 0;

	return rule->looks * rule->apart_ns << (doubled < DOUBLED_MAX ? doubled : DOUBLED_MAX);
}

/* A timer is early by a little now and then. */
static bool counts(const struct fault *f, const struct fault_rule *rule, uint64_t now_ns)
{
	return !f->bad || now_ns - f->bad_ns >= rule->apart_ns - rule->apart_ns / 4;
}

static bool found_wrong(struct fault *f, const struct fault_rule *rule, uint64_t now_ns)
{
	f->good_ns = 0;
	if (f->failed || !counts(f, rule, now_ns))
		return false;
	f->bad_ns = now_ns;
	if (++f->bad < rule->looks)
		return false;
	f->failed = true;
	f->times = f->over_ns && now_ns - f->over_ns < FAULT_FORGET_NS ? f->times + 1 : 1;
	return true;
}

bool fault_look(struct fault *f, const struct fault_rule *rule, bool well, uint64_t now_ns)
{
	if (!well)
		return found_wrong(f, rule, now_ns);
	f->bad = 0;
	if (!f->failed)
		return false;
	if (!f->good_ns)
		f->good_ns = now_ns;
	if (now_ns - f->good_ns < hold_ns(f, rule))
		return false;
	f->failed = false;
	f->good_ns = 0;
	f->over_ns = now_ns;
	return true;
}

void fault_anew(struct fault *f)
{
	f->bad = 0;
	f->good_ns = 0;
}

uint64_t fault_due(const struct fault *f, const struct fault_rule *rule)
{
	return f->failed && f->good_ns ? f->good_ns + hold_ns(f, rule) : FAULT_NEVER;
}

void often_note(struct often *o, uint64_t now_ns)
{
	o->at[o->next] = now_ns;
	o->next = (o->next + 1) % OFTEN_N;
}

bool often_is(struct often *o, uint64_t now_ns)
{
	uint64_t oldest = o->at[o->next], newest = o->at[(o->next + OFTEN_N - 1) % OFTEN_N];

	if (oldest && now_ns - oldest < OFTEN_NS)
		o->is = true;
	else if (now_ns - newest >= OFTEN_NS)
		o->is = false;
	return o->is;
}
