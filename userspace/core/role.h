/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role: what must be done on this host now that the word reads differently?
 *
 * Pure: role x what the word shows -> role + actions. The word is the truth and the kernel may have
 * moved it, even twice, since anybody looked; so every role has an answer to everything it can show.
 * The conductor (ha/ha.c) carries actions out in bit order and logs the move.
 *
 * Errors:  none. A hole in the table is what cannot happen: a number never goes back to none.
 * Source:  design §4.4; the guide, "IP Address Takeover".
 */
#ifndef BATON_ROLE_H
#define BATON_ROLE_H

#include <stdint.h>

enum role { ROLE_INIT, ROLE_BACKUP, ROLE_CLAIMING, ROLE_PRIMARY, ROLE_YIELDING, ROLE__N };

/* What the word shows. */
enum role_event {
	EV_NEW,		/* no number yet */
	EV_SHUT,
	EV_ARMED,	/* the peer's number */
	EV_CLAIM,	/* armed, own number */
	EV_OPEN,
	EV_REOPENED,	/* open as before, but at another number: it was lost and won back, or renumbered */
	EV_RELAY,
	EV__N
};

/* Carried out in this order: be silent before letting go, hold before telling. */
enum role_act {
	ACT_ANNOUNCE_STOP = 1 << 0,
	ACT_QUIET	= 1 << 1,	/* the VIP's own routes go, addresses stay as they are */
	ACT_VIP_DEL	= 1 << 2,	/* routes, then addresses */
	ACT_VIP_ADD	= 1 << 3,	/* addresses, then routes */
	ACT_ANNOUNCE	= 1 << 4,	/* gratuitous ARP, unsolicited NA */
	ACT_NOTIFY	= 1 << 5,	/* the operator's script */
};
#define ROLE_ACTS_N 6

struct role_step {
	enum role to;
	uint32_t acts;		/* enum role_act bits */
};

struct role_step role_next(enum role from, enum role_event ev);

/* What @word shows host @me whose role was settled when the number was @number (0: not yet). */
enum role_event role_event_of(uint64_t word, uint8_t me, uint64_t number);

const char *role_text(enum role r);		/* init backup claiming primary yielding */
const char *role_event_text(enum role_event ev);

#endif
