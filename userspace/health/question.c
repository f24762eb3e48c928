/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/question.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf.h"
#include "core/ping.h"
#include "sys/sipmsg.h"

#define TOKEN_TEXT	32		/* token, id and serial in hexadecimal */
#define WHERE_TEXT	(INET6_ADDRSTRLEN + 8)

static const char *where(const struct udp_addr *at, char buf[WHERE_TEXT])
{
	char text[INET6_ADDRSTRLEN];

	conf_ip_text(&at->ip, text);
	snprintf(buf, WHERE_TEXT, conf_is_v4(&at->ip) ? "%s:%u" : "[%s]:%u", text, at->port);
	return buf;
}

static void write_token(const uint64_t key[2], uint32_t id, uint32_t serial, char buf[TOKEN_TEXT + 1])
{
	snprintf(buf, TOKEN_TEXT + 1, "%016" PRIx64 "%08" PRIx32 "%08" PRIx32, ping_token(key, id, serial), id, serial);
}

/* One Call-ID for all questions to one: no serial is 0. */
static void write_call_id(const uint64_t key[2], uint32_t id, char buf[TOKEN_TEXT + 1])
{
	write_token(key, id, 0, buf);
}

int question_write(const uint64_t key[2], const struct question_ask *q, char *buf, size_t cap)
{
	char to[WHERE_TEXT], from[WHERE_TEXT], token[TOKEN_TEXT + 1], id[TOKEN_TEXT + 1], branch[TOKEN_TEXT + 8];
	struct sipmsg_ask ask = { .to = to, .from = from, .branch = branch, .call_id = id, .tag = id + TOKEN_TEXT / 2,
				  .cseq = q->serial, .max_forwards = q->max_forwards };

	where(&q->to, to);
	where(&q->from, from);
	write_token(key, q->id, q->serial, token);
	write_call_id(key, q->id, id);
	snprintf(branch, sizeof(branch), SIPMSG_COOKIE "%s", token);
	return sipmsg_options(buf, cap, &ask);
}

static bool read_hex(const char *text, size_t n, uint64_t *ret)
{
	char digits[17] = "", *end;

	memcpy(digits, text, n);
	*ret = strtoull(digits, &end, 16);
	return end == digits + n;
}

bool question_of(const uint64_t key[2], const char *in, size_t len, uint32_t *ret_id, uint32_t *ret_serial)
{
	uint64_t token, id, serial;
	const char *text;
	size_t n = 0;

	text = sipmsg_branch_of(in, len, &n);
	if (!text || n != TOKEN_TEXT || !read_hex(text, 16, &token) || !read_hex(text + 16, 8, &id) || !read_hex(text + 24, 8, &serial))
		return false;
	*ret_id = (uint32_t)id;
	*ret_serial = (uint32_t)serial;
	return token == ping_token(key, *ret_id, *ret_serial);
}

bool question_status(const uint64_t key[2], uint32_t id, uint32_t serial, const char *in, size_t len, uint16_t *ret)
{
	char token[TOKEN_TEXT + 1], call_id[TOKEN_TEXT + 1];
	struct sipmsg_answer a = { 0 };

	write_token(key, id, serial, token);
	write_call_id(key, id, call_id);
	if (sipmsg_parse_answer(in, len, &a) || strcmp(a.method, "OPTIONS") || a.cseq != serial || strcmp(a.call_id, call_id) ||
	    strncmp(a.branch, SIPMSG_COOKIE, strlen(SIPMSG_COOKIE)) || strcmp(a.branch + strlen(SIPMSG_COOKIE), token))
		return false;
	*ret = a.status;
	return true;
}
