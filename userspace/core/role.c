/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/role.h"

#include <assert.h>

#include "core/word.h"

enum edge_kind { EDGE_HOLE = 0, EDGE_IGNORE, EDGE_GO };

struct edge {
	enum edge_kind kind;
	enum role to;
	uint32_t acts;
};

#define IGNORE		{ .kind = EDGE_IGNORE }
#define GO(role, a)	{ .kind = EDGE_GO, .to = ROLE_##role, .acts = (a) }
#define HOLD		(ACT_VIP_ADD | ACT_ANNOUNCE | ACT_NOTIFY)
#define SILENT		(ACT_ANNOUNCE_STOP | ACT_QUIET)
#define DROP		(ACT_ANNOUNCE_STOP | ACT_VIP_DEL | ACT_NOTIFY)

/* The whole machine. Read down a block to see one role's life. */
static const struct edge edges[ROLE__N][EV__N] = {
	[ROLE_INIT] = {
		[EV_NEW]      = IGNORE,
		[EV_SHUT]     = GO(BACKUP, DROP),	/* a restart may find an address of an earlier life */
		[EV_ARMED]    = GO(BACKUP, DROP),
		[EV_CLAIM]    = GO(CLAIMING, ACT_NOTIFY),
		[EV_OPEN]     = GO(PRIMARY, HOLD),
		[EV_REOPENED] = GO(PRIMARY, HOLD),
		[EV_RELAY]    = GO(YIELDING, SILENT | ACT_NOTIFY),
	},
	[ROLE_BACKUP] = {
		[EV_SHUT]     = IGNORE,
		[EV_ARMED]    = IGNORE,
		[EV_CLAIM]    = GO(CLAIMING, ACT_NOTIFY),
		[EV_OPEN]     = GO(PRIMARY, HOLD),
		[EV_REOPENED] = GO(PRIMARY, HOLD),
		[EV_RELAY]    = GO(YIELDING, SILENT | ACT_NOTIFY),	/* open and gone between two looks */
	},
	[ROLE_CLAIMING] = {
		[EV_SHUT]     = GO(BACKUP, DROP),
		[EV_ARMED]    = GO(BACKUP, DROP),
		[EV_CLAIM]    = IGNORE,
		[EV_OPEN]     = GO(PRIMARY, HOLD),
		[EV_REOPENED] = GO(PRIMARY, HOLD),
		[EV_RELAY]    = GO(YIELDING, SILENT | ACT_NOTIFY),
	},
	[ROLE_PRIMARY] = {
		[EV_SHUT]     = GO(BACKUP, DROP),
		[EV_ARMED]    = GO(BACKUP, DROP),
		[EV_CLAIM]    = GO(CLAIMING, SILENT | ACT_NOTIFY),
		[EV_OPEN]     = IGNORE,
		[EV_REOPENED] = GO(PRIMARY, HOLD),
		[EV_RELAY]    = GO(YIELDING, SILENT | ACT_NOTIFY),
	},
	[ROLE_YIELDING] = {	/* the address stays while the old server may answer what it had accepted */
		[EV_SHUT]     = GO(BACKUP, DROP),
		[EV_ARMED]    = GO(BACKUP, DROP),
		[EV_CLAIM]    = GO(CLAIMING, ACT_NOTIFY),
		[EV_OPEN]     = GO(PRIMARY, HOLD),
		[EV_REOPENED] = GO(PRIMARY, HOLD),
		[EV_RELAY]    = IGNORE,
	},
};

struct role_step role_next(enum role from, enum role_event ev)
{
	const struct edge *e = &edges[from][ev];

	assert(e->kind != EDGE_HOLE);
	if (e->kind == EDGE_IGNORE)
		return (struct role_step){ .to = from };
	return (struct role_step){ .to = e->to, .acts = e->acts };
}

enum role_event role_event_of(uint64_t word, uint8_t me, uint64_t number)
{
	switch (BT_WORD_MODE(word)) {
	case BT_OPEN:
		return number && number != BT_WORD_NUMBER(word) ? EV_REOPENED : EV_OPEN;
	case BT_ARMED:
		return word_whose(word, me) == WORD_MINE ? EV_CLAIM : EV_ARMED;
	case BT_RELAY:
		return EV_RELAY;
	default:
		return BT_WORD_NUMBER(word) ? EV_SHUT : EV_NEW;
	}
}

const char *role_text(enum role r)
{
	static const char *const text[ROLE__N] = {
		[ROLE_INIT] = "init", [ROLE_BACKUP] = "backup", [ROLE_CLAIMING] = "claiming",
		[ROLE_PRIMARY] = "primary", [ROLE_YIELDING] = "yielding",
	};

	return text[r];
}

const char *role_event_text(enum role_event ev)
{
	static const char *const text[EV__N] = {
		[EV_NEW] = "new", [EV_SHUT] = "shut", [EV_ARMED] = "armed", [EV_CLAIM] = "claim",
		[EV_OPEN] = "open", [EV_REOPENED] = "reopened", [EV_RELAY] = "relay",
	};

	return text[ev];
}
