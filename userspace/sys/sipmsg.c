/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/sipmsg.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/time.h>
#include <osipparser2/osip_parser.h>

static void say_nothing(const char *file, int line, osip_trace_level_t level, const char *fmt, va_list ap)
{
	(void)file;
	(void)line;
	(void)level;
	(void)fmt;
	(void)ap;
}

/* It would write what it thinks of a bad message to stdout. Its tables are made once: another thread may be reading them. */
static bool failed;

static void open_once(void)
{
	osip_trace_initialize_func(TRACE_LEVEL0, say_nothing);
	failed = parser_init();
}

int sipmsg_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_once);
	return failed ? -ENOMEM : 0;
}

/* ---- asking ---- */

/* "sip:10.77.0.50:5060" with @fmt around it, as a header of @m. */
__attribute__((format(printf, 3, 4)))
static int put(osip_message_t *m, int (*set)(osip_message_t *, const char *), const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	return set(m, text) ? -EINVAL : 0;
}

static int put_uri(osip_message_t *m, const char *to)
{
	char text[128];
	osip_uri_t *uri;

	snprintf(text, sizeof(text), "sip:%s", to);
	if (osip_uri_init(&uri))
		return -ENOMEM;
	osip_message_set_uri(m, uri);
	return osip_uri_parse(uri, text) ? -EINVAL : 0;
}

static int set_max_forwards(osip_message_t *m, const char *value)
{
	return osip_message_set_header(m, "Max-Forwards", value);
}

static int put_first_line(osip_message_t *m, const char *to)
{
	char *method = strdup("OPTIONS"), *version = strdup("SIP/2.0");

	osip_message_set_method(m, method);
	osip_message_set_version(m, version);
	return method && version ? put_uri(m, to) : -ENOMEM;
}

static int fill(osip_message_t *m, const struct sipmsg_ask *a)
{
	int err = put_first_line(m, a->to);

	if (!err)
		err = put(m, osip_message_set_via, "SIP/2.0/UDP %s;rport;branch=%s", a->from, a->branch);
	if (!err)
		err = put(m, osip_message_set_from, "<sip:baton@%s>;tag=%s", a->from, a->tag);
	if (!err)
		err = put(m, osip_message_set_to, "<sip:%s>", a->to);
	if (!err)
		err = put(m, osip_message_set_call_id, "%s", a->call_id);
	if (!err)
		err = put(m, osip_message_set_cseq, "%u OPTIONS", a->cseq);
	if (!err)
		err = put(m, osip_message_set_contact, "<sip:baton@%s>", a->from);
	if (!err)
		err = put(m, set_max_forwards, "%u", a->max_forwards);
	if (!err)
		err = put(m, osip_message_set_accept, "application/sdp");
	if (!err)
		err = put(m, osip_message_set_content_length, "0");
	return err;
}

static int write_out(osip_message_t *m, char *buf, size_t cap)
{
	char *text = NULL;
	size_t len = 0;
	int n;

	if (osip_message_to_str(m, &text, &len))
		return -EINVAL;
	n = len <= cap ? (int)len : -EMSGSIZE;
	if (n > 0)
		memcpy(buf, text, len);
	osip_free(text);
	return n;
}

int sipmsg_options(char *buf, size_t cap, const struct sipmsg_ask *ask)
{
	osip_message_t *m;
	int n;

	if (osip_message_init(&m))
		return -ENOMEM;
	n = fill(m, ask);
	if (!n)
		n = write_out(m, buf, cap);
	osip_message_free(m);
	return n;
}

/* ---- an answer ---- */

/* With the empty line that ends them; 0: there is none in the first SIPMSG_MAX bytes. */
static size_t headers_len(const char *data, size_t len)
{
	size_t most = len < SIPMSG_MAX ? len : SIPMSG_MAX;
	const char *end = memmem(data, most, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

/* What we look at. libosip refuses a whole message for one header it does not like; of the others none matters. */
static bool is_wanted(const char *line, size_t len)
{
	static const char *const names[] = { "via", "v", "call-id", "i", "cseq" };
	const char *colon = memchr(line, ':', len);
	size_t n = colon ? (size_t)(colon - line) : 0;

	while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	for (size_t i = 0; n && i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && !strncasecmp(names[i], line, n))
			return true;
	return false;
}

/* First line, wanted headers with the lines they go on in, and the empty line. @n: with all of them. */
static size_t keep_wanted(char *to, const char *data, size_t n)
{
	bool keep = true, first = true;
	size_t kept = 0;

	for (const char *at = data, *next; at < data + n - 2; at = next) {
		next = (const char *)memmem(at, (size_t)(data + n - at), "\r\n", 2) + 2;
		if (!first && *at != ' ' && *at != '\t')
			keep = is_wanted(at, (size_t)(next - at));
		if (keep) {
			memcpy(to + kept, at, (size_t)(next - at));
			kept += (size_t)(next - at);
		}
		first = false;
	}
	memcpy(to + kept, "\r\n", 3);	/* it reads strings */
	return kept + 2;
}

static bool copy(char *ret, size_t cap, const char *text)
{
	return text && (size_t)snprintf(ret, cap, "%s", text) < cap;
}

static bool take_branch(const osip_message_t *m, struct sipmsg_answer *ret)
{
	char name[] = "branch";
	osip_via_t *via = osip_list_get(&m->vias, 0);
	osip_generic_param_t *branch = NULL;

	return via && !osip_via_param_get_byname(via, name, &branch) && branch &&
	       copy(ret->branch, sizeof(ret->branch), branch->gvalue);
}

static bool take_cseq(const osip_message_t *m, struct sipmsg_answer *ret)
{
	char *end;
	unsigned long n;

	if (!m->cseq || !m->cseq->number || !isdigit((unsigned char)m->cseq->number[0]))
		return false;
	n = strtoul(m->cseq->number, &end, 10);
	ret->cseq = (uint32_t)n;
	return !*end && n <= UINT32_MAX && copy(ret->method, sizeof(ret->method), m->cseq->method);
}

/* "abc" and "abc@host" are two parts to libosip. */
static bool take_call_id(const osip_message_t *m, struct sipmsg_answer *ret)
{
	const osip_call_id_t *id = m->call_id;
	int n;

	if (!id || !id->number)
		return false;
	n = snprintf(ret->call_id, sizeof(ret->call_id), "%s%s%s", id->number, id->host ? "@" : "", id->host ? id->host : "");
	return n > 0 && (size_t)n < sizeof(ret->call_id);
}

static bool take(const osip_message_t *m, struct sipmsg_answer *ret)
{
	if (!MSG_IS_RESPONSE(m) || m->status_code < 100 || m->status_code > 699)
		return false;
	ret->status = (uint16_t)m->status_code;
	return take_branch(m, ret) && take_cseq(m, ret) && take_call_id(m, ret);
}

int sipmsg_parse_answer(const char *data, size_t len, struct sipmsg_answer *ret)
{
	size_t n = headers_len(data, len);
	struct sipmsg_answer a = { 0 };
	char text[SIPMSG_MAX + 1];
	osip_message_t *m;
	bool ok;

	if (!n)
		return len > SIPMSG_MAX ? -EMSGSIZE : -EBADMSG;
	if (n < 12 || memcmp(data, "SIP/2.0 ", 8) || memchr(data, '\0', n))
		return -EBADMSG;
	n = keep_wanted(text, data, n);
	if (osip_message_init(&m))
		return -ENOMEM;
	ok = !osip_message_parse(m, text, n) && take(m, &a);
	osip_message_free(m);
	if (!ok)
		return -EBADMSG;
	*ret = a;
	return 0;
}

const char *sipmsg_branch_of(const char *data, size_t len, size_t *ret_len)
{
	size_t cookie = sizeof(SIPMSG_COOKIE) - 1, n = 0;
	const char *at = memmem(data, len < SIPMSG_MAX ? len : SIPMSG_MAX, SIPMSG_COOKIE, cookie);

	if (!at)
		return NULL;
	at += cookie;
	while (at + n < data + len && isalnum((unsigned char)at[n]))
		n++;
	*ret_len = n;
	return at;
}
