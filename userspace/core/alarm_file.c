/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/alarm_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "bpf/siphash.h"

#define HEAD		"baton-alarms 1\nboot "
#define CHECK_LEN	(sizeof("check 0123456789abcdef\n") - 1)

/* Not against people, who may write this file anyway, but against half-written and rotten ones. */
static uint64_t check_of(const char *text, size_t len)
{
	static const __u64 key[2] = { 0x616c61, 0x726d73 };

	return siphash(key, text, len);
}

static void put_clean(char *buf, size_t *at, const char *text, char end)
{
	for (; *text; text++)
		buf[(*at)++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
	buf[(*at)++] = end;
}

/* "raised 1234 ID<tab>TEXT". */
static void put_row(char *buf, size_t *at, const struct alarm_row *row)
{
	*at += (size_t)snprintf(buf + *at, ALARM_FILE_MAX - *at, "%s %" PRIu64 " ", row->by_hand ? "cleared" : "raised", row->since_ns);
	put_clean(buf, at, row->id, '\t');
	put_clean(buf, at, row->text, '\n');
}

size_t alarm_file_write(const char *boot, const struct alarm_row *rows, uint32_t n, char buf[ALARM_FILE_MAX])
{
	size_t at = (size_t)snprintf(buf, ALARM_FILE_MAX, HEAD "%.*s\n", ALARM_BOOT - 1, boot);

	for (uint32_t i = 0; i < n && i < ALARM_ROWS; i++)
		put_row(buf, &at, &rows[i]);
	return at + (size_t)snprintf(buf + at, ALARM_FILE_MAX - at, "check %016" PRIx64 "\n", check_of(buf, at));
}

/* What stands before @end in the line from @at on, into @ret; what follows, NULL: too long, or there is no @end. */
static const char *take(const char *at, const char *stop, char end, char *ret, size_t cap)
{
	const char *to = at ? memchr(at, end, (size_t)(stop - at)) : NULL;
	size_t len = to ? (size_t)(to - at) : cap;

	if (len >= cap || memchr(at, '\n', len))
		return NULL;
	memcpy(ret, at, len);
	ret[len] = '\0';
	return to + 1;
}

static const char *take_row(const char *at, const char *stop, struct alarm_row *row)
{
	char state[10], since[24];

	*row = (struct alarm_row){ 0 };
	at = take(at, stop, ' ', state, sizeof(state));
	at = take(at, stop, ' ', since, sizeof(since));
	at = take(at, stop, '\t', row->id, sizeof(row->id));
	at = take(at, stop, '\n', row->text, sizeof(row->text));
	if (!at || !row->id[0])
		return NULL;
	row->by_hand = !strcmp(state, "cleared");
	row->since_ns = strtoull(since, NULL, 10);
	return at;
}

static bool is_whole(const char *text, size_t len)
{
	char check[CHECK_LEN + 1];

	if (len <= CHECK_LEN || len > ALARM_FILE_MAX || memchr(text, '\0', len))
		return false;
	snprintf(check, sizeof(check), "check %016" PRIx64 "\n", check_of(text, len - CHECK_LEN));
	return !memcmp(check, text + len - CHECK_LEN, CHECK_LEN) && !memcmp(text, HEAD, sizeof(HEAD) - 1 < len ? sizeof(HEAD) - 1 : len);
}

/* Whatever the boot clock said in an earlier boot, it means nothing now. */
static int place_in_time(struct alarm_row *rows, uint32_t n, bool this_boot, uint64_t now_ns)
{
	for (uint32_t i = 0; i < n; i++) {
		if (this_boot && rows[i].since_ns > now_ns)
			return -EBADMSG;
		if (!this_boot)
			rows[i].since_ns = 0;
	}
	return 0;
}

int alarm_file_read(const char *text, size_t len, const char *boot, uint64_t now_ns, struct alarm_row ret[ALARM_ROWS],
		    uint32_t *ret_n)
{
	const char *stop = text + len - CHECK_LEN, *at;
	struct alarm_row rows[ALARM_ROWS];
	char was[ALARM_BOOT], again[ALARM_FILE_MAX];
	uint32_t n = 0;

	if (!is_whole(text, len))
		return -EBADMSG;
	at = take(text + sizeof(HEAD) - 1, stop, '\n', was, sizeof(was));
	while (at && at < stop && n < ALARM_ROWS)
		at = take_row(at, stop, &rows[n++]);
	/* What we would have written is the only spelling there is. */
	if (at != stop || alarm_file_write(was, rows, n, again) != len || memcmp(again, text, len) ||
	    place_in_time(rows, n, !strcmp(was, boot), now_ns))
		return -EBADMSG;
	memcpy(ret, rows, n * sizeof(rows[0]));
	*ret_n = n;
	return 0;
}
