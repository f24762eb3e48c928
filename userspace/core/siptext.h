/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siptext: a SIP message as it came, read by its lines, and messages made of pieces of it.
 *
 * What is copied stays byte for byte as it was, so that whoever compares finds his own words. Messages come from the
 * network: siptext_read() refuses what is not whole, has no end, or has two of what there is one of. Slices point into the
 * message and are not NUL-ended.
 * Pure: nothing is allocated. Errors: false, and a writer that did not find room returns 0.
 * Source:  RFC 3261 §7.3, §20, §25.1; §8.2.6 and §18.2.1 (answers), RFC 3581 (rport), §17.1.1.3 (ACK), §16.6, §16.11 (proxy).
 */
#ifndef BATON_SIPTEXT_H
#define BATON_SIPTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#define SIPTEXT_COOKIE	"z9hG4bK"
#define SIPTEXT_PORT	5060

struct siptext_slice {
	const char *at;			/* NULL: not there */
	size_t len;
};

enum siptext_name {
	SIPTEXT_OTHER, SIPTEXT_VIA, SIPTEXT_FROM, SIPTEXT_TO, SIPTEXT_CALL_ID, SIPTEXT_CSEQ, SIPTEXT_ROUTE,
	SIPTEXT_MAX_FORWARDS, SIPTEXT_NAME__N
};

struct siptext {
	struct siptext_slice all;
	size_t start, head;		/* bytes: the start line; all until after the empty line */
	uint16_t status;		/* of a response; 0: a request */
	struct siptext_slice method, uri;
	struct siptext_slice first[SIPTEXT_NAME__N];	/* value of the first header of that name */
	uint32_t cseq, max_forwards;
	struct siptext_slice cseq_method;
};

struct siptext_via {
	struct siptext_slice whole;	/* "SIP/2.0/UDP host:port;..." alone, without those that follow behind a comma */
	struct siptext_slice host, branch, received;
	uint16_t port;			/* 0: none is named */
	uint16_t rport;			/* with a value */
	bool wants_rport;		/* the parameter is there */
};

/* Where a URI leads by itself. */
struct siptext_uri {
	struct siptext_slice host;	/* without the brackets of an IPv6 address */
	uint16_t port;			/* 0: none is named */
	bool udp;			/* neither sips: nor another transport */
};

bool siptext_read(struct siptext *ret, const char *data, size_t len);
bool siptext_same(struct siptext_slice a, struct siptext_slice b);
bool siptext_is(struct siptext_slice a, const char *text);

/* The @i-th Via of all, from 0. */
bool siptext_via(const struct siptext *m, uint32_t i, struct siptext_via *ret);
/* The @i-th Route of all. */
bool siptext_route(const struct siptext *m, uint32_t i, struct siptext_slice *ret);
/* Numeric host, IPv4 as v4-mapped. */
bool siptext_ip(struct siptext_slice host, struct in6_addr *ret);
/* Of the request line, of a Route's value ("<sip:...>, ..."). */
bool siptext_uri(struct siptext_slice text, struct siptext_uri *ret);
/* Where an answer goes: received and rport of the @i-th Via, else what it names itself. False: not numeric. */
bool siptext_back(const struct siptext *m, uint32_t i, struct in6_addr *ret_ip, uint16_t *ret_port);

/* Where a message came from, for received and rport. */
struct siptext_from {
	struct in6_addr ip;
	uint16_t port;
};

/* The ACK to a final answer other than 2xx; what sent @invite would send it. */
size_t siptext_ack(char *buf, size_t cap, const struct siptext *invite, const struct siptext *answer);
/* @contact ("sip:10.0.0.1:5060") may be NULL; @tag goes to To if it has none. */
size_t siptext_answer(char *buf, size_t cap, const struct siptext *request, uint16_t status, const char *contact,
		      const char *tag, const struct siptext_from *from);
/* The request with @via ("SIP/2.0/UDP ...") on top, one hop less to go; @drop_route: without its first Route. */
size_t siptext_pass_on(char *buf, size_t cap, const struct siptext *request, const char *via, bool drop_route,
		       const struct siptext_from *from);
/* The answer without its first Via. */
size_t siptext_pass_back(char *buf, size_t cap, const struct siptext *answer);
const char *siptext_reason(uint16_t status);

#endif
