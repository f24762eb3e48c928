/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/conf.h"

#define LETTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS	"0123456789"

struct unit {
	const char *suffix;
	uint64_t ns;
};

/* Largest first: the order in which a time looks for a unit to be written in. */
static const struct unit units[] = { { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 } };
#define N_UNITS (sizeof(units) / sizeof(units[0]))

static bool made_of(const char *text, const char *set)
{
	return text[0] && text[strspn(text, set)] == '\0';
}

static bool digits(const char *text, size_t len, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return false;
	*ret = value;
	return len > 0;
}

bool value_uint(const char *text, uint64_t *ret)
{
	return made_of(text, DIGITS) && digits(text, strlen(text), ret);
}

bool value_time(const char *text, uint64_t *ret_ns)
{
	size_t len = strspn(text, DIGITS);
	uint64_t count, ns;

	if (!digits(text, len, &count))
		return false;
	if (count == 0 && text[len] == '\0') {
		*ret_ns = 0;
		return true;
	}
	for (size_t i = 0; i < N_UNITS; i++) {
		if (strcmp(text + len, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(count, units[i].ns, &ns))
			return false;
		*ret_ns = ns;
		return true;
	}
	return false;
}

void value_time_text(uint64_t ns, char *buf, size_t len)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (ns && ns % units[i].ns == 0) {
			snprintf(buf, len, "%" PRIu64 "%s", ns / units[i].ns, units[i].suffix);
			return;
		}
	snprintf(buf, len, "0");
}

static const char *const byte_units[] = { "KiB", "MiB", "GiB" };	/* each 1,024 of the one before */
#define N_BYTE_UNITS (sizeof(byte_units) / sizeof(byte_units[0]))

bool value_bytes(const char *text, uint64_t *ret)
{
	size_t len = strspn(text, DIGITS);
	uint64_t count, unit = 1;

	if (!digits(text, len, &count))
		return false;
	for (size_t i = 0; i < N_BYTE_UNITS; i++) {
		unit *= 1024;
		if (!strcmp(text + len, byte_units[i]))
			return !__builtin_mul_overflow(count, unit, ret);
	}
	return false;
}

void value_bytes_text(uint64_t bytes, char *buf, size_t len)
{
	size_t i = 0;

	for (bytes /= 1024; bytes && bytes % 1024 == 0 && i + 1 < N_BYTE_UNITS; i++)
		bytes /= 1024;
	snprintf(buf, len, "%" PRIu64 "%s", bytes, byte_units[i]);
}

int value_word(const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}

bool value_is_name(const char *text)
{
	return strlen(text) < BT_NAME_MAX && made_of(text, LETTERS DIGITS "._-");
}

/* The kernel's own rule (dev_valid_name): no blank, '/' or ':', neither "." nor "..". */
bool value_is_number(const char *text)
{
	return made_of(text, LETTERS DIGITS "._-+*#") && strlen(text) < BT_NAME_MAX;
}

bool value_is_site(const char *text)
{
	return text[0] && strlen(text) < CONF_SITE_MAX;
}

bool value_is_interface(const char *text)
{
	return text[0] && strlen(text) < IF_NAMESIZE && !strpbrk(text, "/: \t") &&
	       strcmp(text, ".") && strcmp(text, "..");
}

bool value_is_path(const char *text)
{
	size_t len = strlen(text);

	if (text[0] != '/' || strpbrk(text, " \t") || strstr(text, "/../"))
		return false;
	return len < 3 || strcmp(text + len - 3, "/..");
}

bool value_is_host(const char *text)
{
	struct in6_addr ip;

	if (inet_pton(AF_INET, text, &ip) == 1 || inet_pton(AF_INET6, text, &ip) == 1)
		return true;
	if (made_of(text, DIGITS "."))		/* an address gone wrong, not a name */
		return false;
	return made_of(text, LETTERS DIGITS ".-") && !strchr(".-", text[0]) && !strstr(text, "..");
}

bool value_is_url(const char *text)
{
	const char *host = NULL;

	if (!strncmp(text, "http://", 7))
		host = text + 7;
	else if (!strncmp(text, "https://", 8))
		host = text + 8;
	return host && host[0] && !strchr("/:", host[0]) && !strpbrk(host, " \t");
}

bool value_is_unit(const char *text)
{
	size_t len = strlen(text), suffix = strlen(".service");

	return len > suffix && !strcmp(text + len - suffix, ".service") &&
	       made_of(text, LETTERS DIGITS ":_.@\\-");
}

/* One pattern of the guide: a digit, then digits, then X only: 503, 50X, 5XX. */
static bool is_code_pattern(const char *text, bool *ret_wild)
{
	if (!memchr(DIGITS, text[0], 10))
		return false;
	for (int i = 1; i < 3; i++) {
		bool wild = text[i] == 'X';

		if (!wild && (!text[i] || !memchr(DIGITS, text[i], 10) || text[i - 1] == 'X'))
			return false;
	}
	*ret_wild = text[2] == 'X';
	return true;
}

bool value_is_names(const char *text)
{
	char name[64];

	while (*text) {
		size_t n = strcspn(text, " ");

		if (n >= sizeof(name))
			return false;
		memcpy(name, text, n);
		name[n] = '\0';
		if (!value_is_name(name))
			return false;
		text += n;
		text += strspn(text, " ");
	}
	return true;
}

bool value_is_codes(const char *text)
{
	bool wild = false;

	if (!text[0])		/* as the guide writes its default: 503 */
		return true;
	for (;; text += 4) {
		if (wild || !is_code_pattern(text, &wild))	/* a pattern with X ends the list */
			return false;
		if (text[3] == '\0')
			return true;
		if (text[3] != ',')
			return false;
	}
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned value_slips(const char *text, const char *word)
{
	enum { MAX = 64 };
	size_t n = strlen(text), m = strlen(word), row[MAX];

	if (n >= MAX || m >= MAX)
		return VALUE_FAR;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {	/* Levenshtein, one row at a time */
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
				       corner + (text[i - 1] != word[j - 1]));
			corner = above;
		}
	}
	return row[m] < VALUE_FAR && row[m] * 2 < m ? (unsigned)row[m] : VALUE_FAR;
}
