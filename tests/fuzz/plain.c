// SPDX-License-Identifier: GPL-2.0-or-later
#include "plain.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENDS_BEFORE	8	/* line ends before the start line */
#define SHORTEST	16
#define START_MAX	1440
#define ID_MAX		256
#define DIGITS_MAX	12
#define METHOD_MAX	47
#define BLANKS_MAX	12	/* in a row */
#define TO_SIGNS_MAX	30
#define STEPS_MAX	190	/* words and control characters of all headers */

struct line {
	char text[REF_TEXT];	/* without its end, folds as blanks */
	size_t len;
	bool ended;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ';
}

/* To the next LF; returns where the line after it begins. */
static size_t add_line(const char *text, size_t len, size_t at, struct line *l)
{
	const char *end = memchr(text + at, '\n', len - at);
	size_t n = (end ? (size_t)(end - text) : len) - at;

	memcpy(l->text + l->len, text + at, n);
	l->len += n;
	l->ended = end;
	if (end && n && l->text[l->len - 1] == '\r')
		l->len--;
	l->text[l->len] = 0;
	return at + n + !!end;
}

/* With all lines that begin with a blank behind it. */
static size_t add_folded(const char *text, size_t len, size_t at, struct line *l)
{
	at = add_line(text, len, at, l);
	while (l->len && l->ended && at < len && is_blank(text[at]))
		at = add_line(text, len, at, l);
	return at;
}

static bool read_status(const char *s, struct ref *ret)
{
	if (strncmp(s, "SIP/2.0 ", 8) || s[8] < '1' || s[8] > '6' || !isdigit((unsigned char)s[9]) || !isdigit((unsigned char)s[10]) ||
	    (s[11] && s[11] != ' '))
		return false;
	ret->status = atoi(s + 8);
	return true;
}

/* Method, anything, SIP/2.0. Of a method's characters only the first is looked at, and that it is no version. */
static bool read_request(const char *s, size_t len, struct ref *ret)
{
	const char *blank = strchr(s, ' ');

	if (!blank || blank == s || s[0] == 0x7f || (unsigned char)s[0] > 0x7e || strcmp(s + len - strlen(" SIP/2.0"), " SIP/2.0"))
		return false;
	ret->request = true;
	memcpy(ret->method, s, blank - s);
	ret->method[blank - s] = 0;
	return true;
}

static bool read_start(const struct line *l, struct ref *ret)
{
	if (!l->ended || l->len < strlen(" SIP/2.0") || l->len > START_MAX)
		return false;
	for (size_t i = 0; i < l->len; i++)
		if (is_control(l->text[i]))
			return false;
	return strncmp(l->text, "SIP/", 4) ? read_request(l->text, l->len, ret) : read_status(l->text, ret);
}

static bool is_name(const struct line *l, size_t len, const char *name, const char *compact)
{
	return (len == strlen(name) && !strncasecmp(l->text, name, len)) ||
	       (compact && len == 1 && !strncasecmp(l->text, compact, 1));
}

/* The value without the blanks around it; NULL: no colon. */
static char *value_of(struct line *l, size_t name_len)
{
	char *at = l->text + name_len, *end = l->text + l->len;

	while (is_blank(*at))
		at++;
	if (*at++ != ':')
		return NULL;
	while (is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		*--end = 0;
	return at;
}

static unsigned int read_id(const char *value, struct ref *ret)
{
	if (!value || !*value || strlen(value) > ID_MAX)
		return DOUBT_ID;
	for (const char *c = value; *c; c++)
		if (is_control(*c) || *c == ' ')
			return DOUBT_ID;
	strcpy(ret->id, value);
	return 0;
}

/* @to without what stands in quotations and in <...>; returns whether each of them has its end. */
static bool outside(const char *to, char *ret)
{
	char until = 0;

	for (; *to; to++) {
		if (until == '"' && *to == '\\' && to[1]) {
			to++;
		} else if (until) {
			until = *to == until ? 0 : until;
		} else {
			until = *to == '"' ? '"' : *to == '<' ? '>' : 0;
			*ret++ = until ? 'x' : *to;
		}
	}
	*ret = 0;
	return !until;
}

/* "tag" EQUAL token, where only the token's first character is looked at. */
static unsigned int read_tag(const char *behind, struct ref *ret)
{
	behind += strspn(behind, " \t");
	if (*behind != '=')
		return DOUBT_TO;
	behind += 1 + strspn(behind + 1, " \t");
	if (!*behind || is_control(*behind))
		return DOUBT_TO;
	ret->to_tag = true;
	return 0;
}

static unsigned int read_to(const char *value, struct ref *ret)
{
	char text[REF_TEXT], *next, *param;
	bool whole;

	if (!value || !*value)
		return DOUBT_TO;
	whole = outside(value, text);
	next = text;
	strsep(&next, ";");
	while ((param = strsep(&next, ";"))) {
		param += strspn(param, " \t");
		if (strcspn(param, " \t=") == 3 && !strncasecmp(param, "tag", 3))
			return read_tag(param + 3, ret);
	}
	return whole ? 0 : DOUBT_TO;
}

static unsigned int read_cseq(const char *value, struct ref *ret)
{
	size_t digits = value ? strspn(value, "0123456789") : 0;
	const char *method = value + digits;

	if (!digits || digits > DIGITS_MAX || !is_blank(*method) || strtoull(value, NULL, 10) > 0x7fffffff)
		return DOUBT_CSEQ;
	method += strspn(method, " \t");
	if (strlen(method) > METHOD_MAX)
		return DOUBT_CSEQ;
	for (const char *c = method; *c; c++)
		if (is_control(*c) || *c == ' ')
			return DOUBT_CSEQ;
	memcpy(ret->number, value, digits);
	ret->number[digits] = 0;
	strcpy(ret->cseq_method, method);
	return 0;
}

/* More than the scanner need look at, in a field that it reads. */
static unsigned int long_of(const char *value)
{
	size_t blanks = 0, signs = 0;

	for (const char *c = value; *c; c++) {
		blanks = is_blank(*c) ? blanks + 1 : 0;
		signs += is_blank(*c) || strchr("<>;\"\\", *c);
		if (blanks > BLANKS_MAX || (is_control(*c) && *c != '\t'))
			return DOUBT_LONG;
	}
	return signs + strlen(value) / 6 > TO_SIGNS_MAX ? DOUBT_LONG : 0;
}

static unsigned int seen(bool *field)
{
	unsigned int doubt = *field ? DOUBT_TWICE : 0;

	*field = true;
	return doubt;
}

static unsigned int read_header(struct line *l, struct ref *ret)
{
	size_t n = strcspn(l->text, " \t:");
	unsigned int cut = l->ended ? 0 : ~0u, doubt;
	char *value;

	if (n == l->len && cut)
		return 0;
	doubt = long_of(l->text) | (l->len > 200 ? DOUBT_LONG : 0);
	value = value_of(l, n);
	if (is_name(l, n, "Call-ID", "i"))
		return (doubt & ~(l->len <= 64 ? DOUBT_LONG : 0)) | seen(&ret->call_id) | read_id(value, ret) | (cut & DOUBT_ID);
	if (is_name(l, n, "To", "t"))
		return doubt | seen(&ret->to) | read_to(value, ret) | (cut & (ret->to_tag ? 0 : DOUBT_TO));
	if (is_name(l, n, "CSeq", NULL))
		return doubt | seen(&ret->cseq) | read_cseq(value, ret) | (cut & DOUBT_CSEQ);
	return 0;
}

static unsigned int read_headers(const char *text, size_t len, size_t at, struct ref *ret)
{
	static struct line l;
	unsigned int doubt = 0;
	size_t steps = 0;

	if (at < len && is_blank(text[at]))
		doubt |= DOUBT_LINES;
	while (at < len) {
		size_t begin = at;

		l.len = 0;
		at = add_folded(text, len, at, &l);
		if (!l.len && l.ended)
			return doubt | (steps > STEPS_MAX ? DOUBT_LONG : 0);
		if (memchr(l.text, '\r', l.len) || memchr(l.text, 0, l.len))
			doubt |= DOUBT_LINES;
		for (size_t i = begin; i < at; i++)
			steps += is_control(text[i]);
		steps += (at - begin) / 8 + 1;
		doubt |= read_header(&l, ret);
	}
	return doubt | DOUBT_CUT;
}

void plain_read(const char *text, size_t len, struct ref *ret, unsigned int *ret_doubt)
{
	static struct line start;
	size_t at = 0;

	ret->parsed = ret->request = ret->call_id = ret->to = ret->to_tag = ret->cseq = false;
	ret->status = 0;
	ret->id[0] = ret->number[0] = ret->method[0] = ret->cseq_method[0] = 0;
	*ret_doubt = start.len = 0;
	while (at < len && at < ENDS_BEFORE && (text[at] == '\r' || text[at] == '\n'))
		at++;
	if (len - at < SHORTEST)
		return;
	at = add_line(text, len, at, &start);
	ret->parsed = read_start(&start, ret);
	if (ret->parsed)
		*ret_doubt = read_headers(text, len, at, ret);
}
