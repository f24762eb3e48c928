/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_read: which section, key and value stands in which line?
 *
 * Pure. libinih takes the lines apart, but it tells no line numbers, forgets every error but the
 * first, folds indented lines into the one before, cuts lines at 200 and names at 50 bytes and
 * takes ':' for '='. So each line is cleaned and judged here before it gets to see it, and what
 * is wrong is told and left out; reading goes on with the next line.
 *
 * Comments: from ';' or '#' at the start of a line or after a blank, to its end.
 * Refused:  control characters and NUL bytes, lines longer than CONF_LINE_MAX without blanks and
 *           comment, anything that is neither [section] nor name = value.
 */
#ifndef BATON_CONF_READ_H
#define BATON_CONF_READ_H

#include <stddef.h>

#define CONF_LINE_MAX	197	/* INI_MAX_LINE without CR, LF and NUL */
#define CONF_WORD_MAX	48	/* what inih keeps of a section or a name */

struct conf_sink {
	void (*section)(void *arg, unsigned line, const char *name);
	void (*key)(void *arg, unsigned line, const char *key, const char *value);
	void (*error)(void *arg, unsigned line, const char *text);
	void *arg;
};

void conf_read(const char *text, size_t len, const struct conf_sink *sink);

#endif
