/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/init_check.h"

static enum init_part first_of(uint32_t missing)
{
	return missing ? (enum init_part)__builtin_ctz(missing) : INIT__N;
}

/* A new backup, and one that hears its peer anew, has its time from now on. */
static void begin(struct init_check *c, const struct init_facts *f)
{
	if (!c->backup)
		*c = (struct init_check){ .backup = true, .since_ns = f->now_ns };
	if (f->peer_heard && !c->peer_heard)
		c->since_ns = f->now_ns;
	c->peer_heard = f->peer_heard;
}

struct init_verdict init_judge(struct init_check *c, const struct init_facts *f)
{
	uint32_t missing = f->peer_heard ? f->missing : f->missing & ~INIT_OF_PEER;
	struct init_verdict v = { .fact = FACT_NOT_WATCHED, .first = INIT__N };

	if (f->primary) {
		*c = (struct init_check){ 0 };
		return v;
	}
	begin(c, f);
	c->done |= !missing && f->peer_heard;
	if (c->done || !missing) {
		v.fact = FACT_WELL;
		return v;
	}
	v.first = first_of(missing);
	if (f->now_ns - c->since_ns >= f->timeout_ns)
		v.fact = FACT_FAILED;
	else
		v.next_ns = c->since_ns + f->timeout_ns;
	return v;
}

const char *init_part_text(enum init_part part)
{
	static const char *const text[INIT__N + 1] = {
#define INIT_TEXT(name, words) [INIT_##name] = words,
		INIT_PARTS(INIT_TEXT)
#undef INIT_TEXT
		[INIT__N] = "",
	};

	return text[part];
}
