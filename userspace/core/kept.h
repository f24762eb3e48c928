/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept: the initial INVITEs that were sent to a server of a pool, for as long as one may have to go to another.
 *
 * One of each Call-ID; the newest KEPT_MAX at most: a further one takes the oldest one's place. It is forgotten when its
 * transaction must be over (timer B). Whether it went elsewhere stays known as long: an INVITE does so once.
 * Time:    nanoseconds, the caller's. Pure; memory is the caller's.
 * Source:  the guide, sip-error-codes-overflow; RFC 3261 §17.1.1.2 (timer B).
 */
#ifndef BATON_KEPT_H
#define BATON_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "baton_abi.h"

#define KEPT_MAX	4096
#define KEPT_ROWS	4096		/* of the index, a power of two */
#define KEPT_NS		(32 * 1000000000ULL)
#define KEPT_NONE	UINT32_MAX

/* Who has it, beside the servers 1 and 2. */
#define KEPT_FIRST	0			/* whoever it was sent to first */
#define KEPT_BACK	(BT_SERVERS + 1)	/* its client was told the refusal: it goes nowhere any more */

struct kept_end {
	struct in6_addr ip;		/* IPv4 as v4-mapped */
	uint16_t port;
};

struct kept_invite {
	uint64_t call_id;		/* 0: unused */
	uint64_t at_ns;
	struct kept_end from, to;	/* the client, the service */
	uint32_t next;			/* in its row of the index */
	uint16_t owner;
	uint8_t server;			/* that refused it, 1, 2; 0: none has yet */
	uint8_t now;			/* who has it: a server, KEPT_* */
	uint16_t len;
	char text[BT_SLOW_FRAME];
};

struct kept {
	uint32_t row[KEPT_ROWS], oldest;
	struct kept_invite invite[KEPT_MAX];
};

void kept_clear(struct kept *k);
/*
 * Keep it, unless that very one is kept. One of the same Call-ID with other words takes its place (credentials): then
 * it is still known where it went. NULL: too long.
 */
struct kept_invite *kept_put(struct kept *k, uint64_t call_id, uint64_t now_ns, const char *text, size_t len);
struct kept_invite *kept_find(struct kept *k, uint64_t call_id, uint64_t now_ns);

#endif
