/* SPDX-License-Identifier: GPL-2.0-or-later */
/* messages: SIP messages of a dialog, as short as they may be. Four may be in use at a time. */
#ifndef TEST_MESSAGES_H
#define TEST_MESSAGES_H

#include <stdio.h>

enum tag { UNTAGGED, TAGGED };

/* A message of dialog @id; @first: its first line, @cseq: the method of its CSeq. */
static inline const char *sip(const char *first, const char *cseq, enum tag tag, unsigned int id)
{
	static char text[4][1024];
	static int next;
	char *t = text[next++ % 4];

	snprintf(t, sizeof(text[0]), "%s\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@c>;tag=1\r\nTo: <sip:b@d>%s\r\n"
		 "Call-ID: %08x@c\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", first, tag == TAGGED ? ";tag=2" : "", id, cseq);
	return t;
}

static inline const char *request(const char *method, enum tag tag, unsigned int id)
{
	char first[64];

	snprintf(first, sizeof(first), "%s sip:b@10.77.0.100 SIP/2.0", method);
	return sip(first, method, tag, id);
}

static inline const char *response(int status, const char *cseq, unsigned int id)
{
	char first[64];

	snprintf(first, sizeof(first), "SIP/2.0 %d X", status);
	return sip(first, cseq, TAGGED, id);
}

#endif
