/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reasons: why the scanner and libosip2 may read a message differently. README.md shows this list; sip_diff looks
 * there for each name. In the order in which they are asked.
 */
#ifndef FUZZ_REASONS_H
#define FUZZ_REASONS_H

#define REASONS(X) \
	X(UNSURE, "the scanner is not sure, and plain.c knows why it is not of this field: nobody acts on what it read") \
	X(REFUSED, "libosip2 refuses the message, most often for a header or URI that the scanner does not read; plain.c compares") \
	X(START, "libosip2 takes a start line that is not one of SIP/2.0 to the letter") \
	X(PHRASE, "a status line that ends behind the code: libosip2 seeks the blank and the phrase in the lines that follow") \
	X(QUOTE, "libosip2 sees a quotation mark in a parameter of To only behind '=', so a ;tag= within it is one to it") \
	X(FOLDED, "a fold between a header's name and its colon, which RFC 3261 does not know (HCOLON)") \
	X(BARE, "a blank line right behind the start line: the scanner's headers end there, libosip2 goes on")

enum reason {
#define REASON_ENUM(name, text) R_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
	R__N
};

#endif
