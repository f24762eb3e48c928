/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/kept.h"

#include <string.h>

void kept_clear(struct kept *k)
{
	for (uint32_t i = 0; i < KEPT_ROWS; i++)
		k->row[i] = KEPT_NONE;
	for (uint32_t i = 0; i < KEPT_MAX; i++)
		k->invite[i].call_id = 0;
	k->oldest = 0;
}

/* Call-IDs are hashes: their low bits are as good as any. */
static uint32_t *row_of(struct kept *k, uint64_t call_id)
{
	return &k->row[call_id % KEPT_ROWS];
}

static void drop(struct kept *k, uint32_t i)
{
	uint32_t *at = row_of(k, k->invite[i].call_id);

	if (!k->invite[i].call_id)
		return;
	while (*at != i)
		at = &k->invite[*at].next;
	*at = k->invite[i].next;
	k->invite[i].call_id = 0;
}

static bool is_live(const struct kept_invite *v, uint64_t now_ns)
{
	return now_ns < v->at_ns + KEPT_NS;
}

static struct kept_invite *find(struct kept *k, uint64_t call_id)
{
	for (uint32_t i = *row_of(k, call_id); i != KEPT_NONE; i = k->invite[i].next)
		if (k->invite[i].call_id == call_id)
			return &k->invite[i];
	return NULL;
}

struct kept_invite *kept_find(struct kept *k, uint64_t call_id, uint64_t now_ns)
{
	struct kept_invite *v = call_id ? find(k, call_id) : NULL;

	return v && is_live(v, now_ns) ? v : NULL;
}

static struct kept_invite *take_oldest(struct kept *k, uint64_t call_id)
{
	uint32_t i = k->oldest, *row = row_of(k, call_id);
	struct kept_invite *v = &k->invite[i];

	drop(k, i);
	k->oldest = (i + 1) % KEPT_MAX;
	v->call_id = call_id;
	v->server = v->now = 0;
	v->next = *row;
	*row = i;
	return v;
}

struct kept_invite *kept_put(struct kept *k, uint64_t call_id, uint64_t now_ns, const char *text, size_t len)
{
	struct kept_invite *v;

	if (!call_id || len > sizeof(v->text))
		return NULL;
	v = find(k, call_id);
	if (v && !is_live(v, now_ns)) {
		drop(k, (uint32_t)(v - k->invite));
		v = NULL;
	}
	if (v && v->len == len && !memcmp(v->text, text, len))
		return v;
	if (!v)
		v = take_oldest(k, call_id);
	v->at_ns = now_ns;
	v->len = (uint16_t)len;
	memcpy(v->text, text, len);
	return v;
}
