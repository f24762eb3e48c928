/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/journal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ENTRY_BYTES	4096
#define FIELDS_MAX	24

static int sock = -1;
static struct sockaddr_un to = { .sun_family = AF_UNIX };

struct entry {
	char buf[ENTRY_BYTES];
	size_t len;
	uint32_t fields;
	bool has_event;
};

bool journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

int journal_open(const char *path)
{
	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return sock < 0 ? -errno : 0;
}

void journal_close(void)
{
	if (sock >= 0)
		close(sock);
	sock = -1;
}

static void put(struct entry *e, char c)
{
	if (e->len < sizeof(e->buf))
		e->buf[e->len++] = c;
}

/* A line's end would end the field, and what follows be taken for another. */
static void put_text(struct entry *e, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(e, (unsigned char)text[i] < ' ' ? '?' : text[i]);
}

static void put_field(struct entry *e, const char *name, const char *value, size_t len)
{
	put_text(e, name, strlen(name));
	put(e, '=');
	put_text(e, value, len);
	put(e, '\n');
}

static bool is_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static void put_pair(struct entry *e, const char *key, size_t key_len, const char *value, size_t len)
{
	if (e->fields++ >= FIELDS_MAX)
		return;
	e->has_event |= key_len == 5 && !memcmp(key, "event", 5);
	put_text(e, "BATON_", 6);
	for (size_t i = 0; i < key_len; i++)
		put(e, key[i] == '-' ? '_' : key[i] >= 'a' ? (char)(key[i] - 'a' + 'A') : key[i]);
	put(e, '=');
	put_text(e, value, len);
	put(e, '\n');
}

/* key=value, key="value with blanks"; anything else is text, and stands in MESSAGE alone. */
static void put_pairs(struct entry *e, const char *at)
{
	while (*at) {
		const char *key = at, *value;
		size_t key_len, len;

		while (is_key(*at))
			at++;
		key_len = (size_t)(at - key);
		if (!key_len || *at != '=') {
			at += strcspn(at, " ");
			at += *at == ' ';
			continue;
		}
		value = ++at;
		len = *value == '"' ? strcspn(++value, "\"") : strcspn(value, " ");
		put_pair(e, key, key_len, value, len);
		at = value + len;
		at += *at == '"';
		at += *at == ' ';
	}
}

/* FNV-1a, twice: nobody's secret, but the same on every host and in every version. */
static uint64_t hash(const char *text, uint64_t from)
{
	for (; *text; text++)
		from = (from ^ (unsigned char)*text) * 0x100000001b3ull;
	return from;
}

bool journal_send(int priority, const char *event, const char *text)
{
	struct entry e = { .len = 0 };
	char number[40];

	if (sock < 0)
		return false;
	put_field(&e, "MESSAGE", text, strlen(text));
	put_field(&e, "PRIORITY", number, (size_t)snprintf(number, sizeof(number), "%d", priority));
	put_field(&e, "SYSLOG_IDENTIFIER", "batond", 6);
	snprintf(number, sizeof(number), "%016llx%016llx", (unsigned long long)hash(event, 0xcbf29ce484222325ull),
		 (unsigned long long)hash(event, 0x6261746f6e645f31ull));
	put_field(&e, "MESSAGE_ID", number, strlen(number));
	put_field(&e, "BATON_KIND", event, strlen(event));
	put_pairs(&e, text + (strncmp(text, event, strlen(event)) ? 0 : strlen(event) + (text[strlen(event)] == ' ')));
	if (!e.has_event)
		put_field(&e, "BATON_EVENT", event, strlen(event));
	return sendto(sock, e.buf, e.len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) >= 0;
}
