/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf_read.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct reading {
	const char *at, *end;		/* what is left of the file */
	unsigned line;			/* the one read last, from 1 */
	const struct conf_sink *sink;
};

struct span {
	const char *start;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trimmed(struct span s)
{
	while (s.len && is_blank(s.start[s.len - 1]))
		s.len--;
	while (s.len && is_blank(s.start[0])) {
		s.start++;
		s.len--;
	}
	return s;
}

static struct span without_comment(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.start[i] == ';' || s.start[i] == '#') &&
		    (i == 0 || is_blank(s.start[i - 1])))
			s.len = i;
	return s;
}

/* The next line without its LF or CR LF. */
static struct span take_line(struct reading *r)
{
	const char *lf = memchr(r->at, '\n', (size_t)(r->end - r->at));
	struct span s = { r->at, (size_t)((lf ? lf : r->end) - r->at) };

	r->at = lf ? lf + 1 : r->end;
	r->line++;
	if (s.len && s.start[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* A byte that no text file should have, or -1. */
static int control_byte(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.start[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return c;
	}
	return -1;
}

/* NULL if inih will see in it what we see. */
static const char *wrong_section(struct span s)
{
	if (s.start[s.len - 1] != ']' || memchr(s.start, ']', s.len) != s.start + s.len - 1)
		return "a section is written [name] and nothing behind it";
	if (s.len - 2 > CONF_WORD_MAX)
		return "section name is too long";
	if (s.len == 2 || is_blank(s.start[1]) || is_blank(s.start[s.len - 2]))
		return "section name is empty or has blanks at its ends";
	return NULL;
}

static const char *wrong_key(struct span s)
{
	const char *equals = memchr(s.start, '=', s.len);
	struct span name;

	if (!equals)
		return "neither [section] nor name = value";
	name = trimmed((struct span){ s.start, (size_t)(equals - s.start) });
	if (name.len == 0)
		return "no name before the '='";
	if (name.len > CONF_WORD_MAX)
		return "name before the '=' is too long";
	if (memchr(name.start, ':', name.len))
		return "':' in the name; write name = value";
	return NULL;
}

/* True with the error told if @s must not reach inih, whose line holds @num bytes. */
static bool is_refused(struct reading *r, struct span s, int num)
{
	int max = num - 3 < CONF_LINE_MAX ? num - 3 : CONF_LINE_MAX;	/* CR, LF, NUL */
	char text[80];
	const char *wrong;

	if (s.len > (size_t)max) {
		snprintf(text, sizeof(text), "line longer than %d bytes", max);
		wrong = text;
	} else {
		wrong = s.start[0] == '[' ? wrong_section(s) : wrong_key(s);
	}
	if (wrong)
		r->sink->error(r->sink->arg, r->line, wrong);
	return wrong != NULL;
}

static void tell_control_byte(struct reading *r, int byte)
{
	char text[80];

	if (byte == 0)
		snprintf(text, sizeof(text), "NUL byte in the line");
	else
		snprintf(text, sizeof(text), "control character 0x%02x in the line",
			 (unsigned)byte);
	r->sink->error(r->sink->arg, r->line, text);
}

/* inih never says where a section begins, so sections are told from here. */
static void tell_section(struct reading *r, struct span s)
{
	char name[CONF_WORD_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)(s.len - 2), s.start + 1);
	r->sink->section(r->sink->arg, r->line, name);
}

/* The fgets of inih: the next line that is neither empty nor wrong. */
static char *next_line(char *str, int num, void *stream)
{
	struct reading *r = stream;

	while (r->at < r->end) {
		struct span s = take_line(r);
		int byte = control_byte(s);

		if (byte >= 0) {
			tell_control_byte(r, byte);
			continue;
		}
		s = trimmed(without_comment(s));
		if (s.len == 0 || is_refused(r, s, num))
			continue;
		if (s.start[0] == '[')
			tell_section(r, s);
		snprintf(str, (size_t)num, "%.*s", (int)s.len, s.start);
		return str;
	}
	return NULL;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;

	(void)section;		/* told by tell_section(), where empty ones are seen too */
	r->sink->key(r->sink->arg, r->line, name, value);
	return 1;
}

void conf_read(const char *text, size_t len, const struct conf_sink *sink)
{
	struct reading r = { .at = text, .end = text + len, .sink = sink };
	int line;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		r.at += 3;
	line = ini_parse_stream(next_line, &r, on_key, &r);
	if (line)	/* it and we differ on what a line is: never guess */
		sink->error(sink->arg, r.line, "libinih could not read the file");
}
