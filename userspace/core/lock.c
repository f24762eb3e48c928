/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_NS	UINT64_C(100000000)	/* somebody else has it, or no answer came */
#define S_NS		UINT64_C(1000000000)

void lock_want(struct lock *l, uint64_t number)
{
	if (number != l->wanted && number)
		l->next_ns = 0;
	l->wanted = number;
}

uint64_t lock_held(const struct lock *l, uint64_t now_ns)
{
	return l->held == l->wanted && now_ns < l->until_ns ? l->held : 0;
}

static void forget(struct lock *l)
{
	l->lease_id = l->held = l->until_ns = 0;
}

enum lock_step lock_step(struct lock *l, uint64_t now_ns)
{
	if (l->lease_id && now_ns >= l->until_ns)
		forget(l);
	if (!l->wanted)
		return l->lease_id ? LOCK_DROP : LOCK_REST;
	if (now_ns < l->next_ns)
		return LOCK_REST;
	if (!l->lease_id)
		return LOCK_GRANT;
	if (l->held != l->wanted)
		return LOCK_TAKE;
	return now_ns >= l->renew_ns ? LOCK_RENEW : LOCK_REST;
}

uint64_t lock_deadline(const struct lock *l)
{
	uint64_t at = l->next_ns;

	if (!l->wanted)
		return l->lease_id ? 0 : UINT64_MAX;
	if (l->lease_id && l->held == l->wanted && l->renew_ns > at)
		at = l->renew_ns;
	return at;
}

/* The lease was made or renewed. */
static void prolong(struct lock *l, const struct lock_answer *a)
{
	l->until_ns = a->sent_ns + a->ttl_s * S_NS / 10 * 9;
	l->renew_ns = a->sent_ns + a->ttl_s * S_NS / 5;
}

static bool ttl_is_sound(const struct lock_answer *a)
{
	return a->ttl_s && a->ttl_s <= LOCK_TTL_MAX_S;
}

static void granted(struct lock *l, const struct lock_answer *a, uint64_t now_ns)
{
	if (a->result != LOCK_DONE || !a->lease_id || !ttl_is_sound(a)) {
		l->next_ns = now_ns + RETRY_NS;
		return;
	}
	l->lease_id = a->lease_id;
	prolong(l, a);
}

static void taken(struct lock *l, const struct lock_answer *a, uint64_t now_ns)
{
	if (a->result == LOCK_DONE) {
		l->held = a->number;
		return;
	}
	l->held = 0;
	l->next_ns = now_ns + RETRY_NS;
	if (a->result == LOCK_UNSURE)
		forget(l);
}

static void renewed(struct lock *l, const struct lock_answer *a, uint64_t now_ns)
{
	if (a->result == LOCK_DONE && ttl_is_sound(a))
		prolong(l, a);
	else if (a->result == LOCK_UNSURE)
		l->next_ns = now_ns + RETRY_NS;
	else
		forget(l);	/* it has ended there, or soon will */
}

void lock_done(struct lock *l, enum lock_step step, const struct lock_answer *a, uint64_t now_ns)
{
	switch (step) {
	case LOCK_GRANT:
		granted(l, a, now_ns);
		break;
	case LOCK_TAKE:
		taken(l, a, now_ns);
		break;
	case LOCK_RENEW:
		renewed(l, a, now_ns);
		break;
	case LOCK_DROP:
		forget(l);	/* also when it went wrong: it ends by itself */
		break;
	case LOCK_REST:
		break;
	}
}

size_t lock_key(char buf[LOCK_KEY_MAX], uint8_t pair_id, const char *group)
{
	return (size_t)snprintf(buf, LOCK_KEY_MAX, "baton/%u/%s", pair_id, group);
}

size_t lock_value(char buf[LOCK_VALUE_MAX], const char *node, uint64_t number, uint64_t boot)
{
	return (size_t)snprintf(buf, LOCK_VALUE_MAX, "%s %" PRIu64 " %016" PRIx64, node, number >> 8, boot);
}

bool lock_value_is_mine(const char *value, uint64_t boot)
{
	const char *last = strrchr(value, ' ');
	char mine[20];

	snprintf(mine, sizeof(mine), "%016" PRIx64, boot);
	return last && !strcmp(last + 1, mine);
}
