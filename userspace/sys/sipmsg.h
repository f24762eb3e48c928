/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sipmsg: how is an OPTIONS request written, and what does an answer say?
 *
 * libosip2 writes and reads; what it reads comes from the network: at most SIPMSG_MAX bytes, headers only (a body is cut
 * off before it looks), and nothing with a NUL in them.
 * Threads: any; libosip2 keeps nothing but tables that sipmsg_open() makes. Allocates while it works.
 * Errors:  negative errno. -EBADMSG: not a SIP answer, or one without what it needs; -EMSGSIZE: too long.
 * Source:  RFC 3261 §8.1.1, §8.1.3, §11; RFC 3581 (rport).
 */
#ifndef BATON_SIPMSG_H
#define BATON_SIPMSG_H

#include <stddef.h>
#include <stdint.h>

#define SIPMSG_MAX	4096	/* headers of an answer */
#define SIPMSG_TEXT	128	/* branch, Call-ID */
#define SIPMSG_COOKIE	"z9hG4bK"	/* what a branch begins with */

/* Texts as they stand in the message: "10.77.0.50:5060", "[fd00::50]:5060". */
struct sipmsg_ask {
	const char *to, *from;	/* address and port of the one asked, and of us */
	const char *branch, *call_id, *tag;
	uint32_t cseq, max_forwards;
};

struct sipmsg_answer {
	uint16_t status;	/* 100 .. 699 */
	uint32_t cseq;
	char method[16];	/* of the CSeq */
	char branch[SIPMSG_TEXT], call_id[SIPMSG_TEXT];
};

/* Before anything else here; more than once does nothing. */
int sipmsg_open(void);

/* Length of what was written to @buf, no NUL behind it. */
int sipmsg_options(char *buf, size_t cap, const struct sipmsg_ask *ask);
int sipmsg_parse_answer(const char *data, size_t len, struct sipmsg_answer *ret);

/* The branch's text behind its cookie in the first Via that has one, found without reading the rest; NULL: none. Not NUL-ended. */
const char *sipmsg_branch_of(const char *data, size_t len, size_t *ret_len);

#endif
