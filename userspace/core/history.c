/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/history.h"

#include <errno.h>
#include <string.h>

#include "bpf/siphash.h"
#include "core/role.h"

#define MAGIC	"batonhis"
#define VERSION	2

_Static_assert(sizeof(struct history_change) % 8 == 0 && sizeof(struct history_hand) % 8 == 0, "rows follow one another");

static const struct {
	const char *word, *text;
} steps[HISTORY_STEP__N] = {
#define STEP(name, word, text) [HISTORY_##name] = { word, text },
	HISTORY_STEPS(STEP)
#undef STEP
};

const char *history_step_word(enum history_step step)
{
	return steps[step].word;
}

const char *history_step_text(enum history_step step)
{
	return steps[step].text;
}

const char *history_by_text(uint32_t by)
{
	static const char *const text[HISTORY_BY__N] = { "controller", "pulse", "mark", "listener", "watchdog" };

	return by < HISTORY_BY__N ? text[by] : "unknown";
}

struct history_change *history_add(struct history *h)
{
	struct history_change *c = &h->row[++h->serial % HISTORY_MAX];

	if (h->n < HISTORY_MAX)
		h->n++;
	memset(c, 0, sizeof(*c));
	return c;
}

struct history_change *history_of(struct history *h, uint64_t serial)
{
	if (!serial || serial > h->serial || h->serial - serial >= h->n)
		return NULL;
	return &h->row[serial % HISTORY_MAX];
}

const struct history_change *history_get(const struct history *h, uint32_t i)
{
	return i < h->n ? &h->row[(h->serial - i) % HISTORY_MAX] : NULL;
}

static uint32_t hands_kept(const struct history *h)
{
	return h->hands < HISTORY_HANDS ? (uint32_t)h->hands : HISTORY_HANDS;
}

struct history_hand *history_add_hand(struct history *h)
{
	struct history_hand *hand = &h->hand[++h->hands % HISTORY_HANDS];

	memset(hand, 0, sizeof(*hand));
	return hand;
}

const struct history_hand *history_get_hand(const struct history *h, uint32_t i)
{
	return i < hands_kept(h) ? &h->hand[(h->hands - i) % HISTORY_HANDS] : NULL;
}

bool history_note(struct history_change *c, enum history_step step, uint64_t at_ns, enum history_by by)
{
	if (c->step[step].ns || !at_ns)
		return false;
	c->step[step] = (struct history_at){ .ns = at_ns, .by = by };
	return true;
}

uint64_t history_begin_ns(const struct history_change *c)
{
	uint64_t begin = 0;

	for (int i = 0; i < HISTORY_STEP__N; i++)
		if (c->step[i].ns && (!begin || c->step[i].ns < begin))
			begin = c->step[i].ns;
	return begin;
}

bool history_outage(const struct history_change *c, int64_t *ret_us)
{
	if (!c->last_ns || !c->first_ns)
		return false;
	*ret_us = ((int64_t)c->first_ns - (int64_t)c->last_ns) / 1000;
	return true;
}

/* ---- on disk ------------------------------------------------------------------------------------ */

/* Against half-written and rotten files, not against people. */
static uint64_t check_of(const void *rows, size_t len)
{
	static const __u64 key[2] = { 0x686973, 0x746f7279 };

	return siphash(key, rows, len);
}

size_t history_write(const struct history *h, void *buf)
{
	struct history_head head = { .version = VERSION, .size = sizeof(struct history_change), .n = h->n, .n_hands = hands_kept(h) };
	char *rows = (char *)buf + sizeof(head), *row = rows;

	for (uint32_t i = h->n; i--; row += sizeof(struct history_change))
		memcpy(row, history_get(h, i), sizeof(struct history_change));
	for (uint32_t i = head.n_hands; i--; row += sizeof(struct history_hand))
		memcpy(row, history_get_hand(h, i), sizeof(struct history_hand));
	memcpy(head.magic, MAGIC, sizeof(head.magic));
	head.check = check_of(rows, (size_t)(row - rows));
	memcpy(buf, &head, sizeof(head));
	return sizeof(head) + (size_t)(row - rows);
}

static bool ends(const char *text, size_t cap)
{
	return memchr(text, '\0', cap);
}

/* What the check lets pass was ours; a later version of ours may still have meant something else. */
static bool is_sound(const struct history_change *c)
{
	bool ok = ends(c->group, sizeof(c->group)) && ends(c->owner, sizeof(c->owner)) && ends(c->cause, sizeof(c->cause)) &&
		  ends(c->then.service, sizeof(c->then.service)) && ends(c->then.peer, sizeof(c->then.peer)) &&
		  c->from < ROLE__N && c->to < ROLE__N && c->then.n_paths <= BT_PATHS_MAX &&
		  c->replay.state < HISTORY_REPLAY__N;

	for (int i = 0; i < HISTORY_STEP__N; i++)
		ok = ok && c->step[i].by < HISTORY_BY__N;
	for (int i = 0; i < BT_PATHS_MAX; i++)
		ok = ok && ends(c->then.path[i].dev, sizeof(c->then.path[i].dev));
	return ok;
}

static bool hand_is_sound(const struct history_hand *hand)
{
	return ends(hand->group, sizeof(hand->group)) && ends(hand->rule, sizeof(hand->rule)) && hand->from <= BT_RULE_DRAINING &&
	       hand->to <= BT_RULE_DRAINING;
}

/* A file that an older build wrote has none. */
static bool all_hands_are_sound(const char *hands, uint32_t n)
{
	struct history_hand hand;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(&hand, hands + i * sizeof(hand), sizeof(hand));
		if (!hand_is_sound(&hand))
			return false;
	}
	return true;
}

static void take_hands(struct history *h, const char *hands, uint32_t n)
{
	h->hands = 0;
	for (uint32_t i = 0; i < n; i++)
		memcpy(history_add_hand(h), hands + i * sizeof(struct history_hand), sizeof(struct history_hand));
}

int history_read(struct history *h, const void *buf, size_t len)
{
	const char *rows = (const char *)buf + sizeof(struct history_head), *hands;
	struct history_change row;
	struct history_head head;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (memcmp(head.magic, MAGIC, sizeof(head.magic)) || head.version != VERSION || head.size != sizeof(row) ||
	    head.n_hands > HISTORY_HANDS || head.n > HISTORY_MAX ||
	    len != sizeof(head) + head.n * sizeof(row) + head.n_hands * sizeof(struct history_hand) ||
	    head.check != check_of(rows, len - sizeof(head)))
		return -EBADMSG;
	hands = rows + head.n * sizeof(row);
	if (!all_hands_are_sound(hands, head.n_hands))
		return -EBADMSG;
	for (uint32_t i = 0; i < head.n; i++) {
		memcpy(&row, rows + i * sizeof(row), sizeof(row));
		if (!is_sound(&row))
			return -EBADMSG;
	}
	h->serial = h->n = 0;
	for (uint32_t i = 0; i < head.n; i++)
		memcpy(history_add(h), rows + i * sizeof(row), sizeof(row));
	take_hands(h, hands, head.n_hands);
	return 0;
}
