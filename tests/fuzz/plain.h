/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plain: what RFC 3261 §7.3 and §25.1 say that stands in a message; read slowly, line by line.
 *
 * It shares no code and no method with bpf/sip.h: lines are copied and unfolded first, quotations and <...> are taken
 * out of To before it is cut at each ';'. It refuses nothing but what has no start line of SIP/2.0, and tells for each
 * field whether another reader may see another thing there.
 */
#ifndef FUZZ_PLAIN_H
#define FUZZ_PLAIN_H

#include "ref.h"

/* What is in doubt; the scanner has to be UNSURE of each but the last two. */
#define DOUBT_LINES	(1u << 0)	/* a CR or NUL alone, or a blank behind the start line: where lines end */
#define DOUBT_TWICE	(1u << 1)	/* Call-ID, To or CSeq comes twice */
#define DOUBT_ID	(1u << 2)	/* Call-ID: empty, of two words, no colon, too long, not ended */
#define DOUBT_TO	(1u << 3)	/* To: empty, no colon, a quotation or <...> or tag without its end */
#define DOUBT_CSEQ	(1u << 4)
#define DOUBT_CUT	(1u << 5)	/* no blank line ends the headers: more may have been meant */
#define DOUBT_LONG	(1u << 6)	/* longer than the scanner need look, or control characters in To */

void plain_read(const char *text, size_t len, struct ref *ret, unsigned int *ret_doubt);

#endif
