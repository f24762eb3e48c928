/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the marked probe a frame that the peer's kernel takes for one; and when do marks count as coming through? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <arpa/inet.h>

#include "bpf/mark.h"
#include "core/marks.h"

#define S UINT64_C(1000000000)

static const struct bt_node node = { .boot = 0x1111222233334444, .key_out = { 5, 6 }, .key_in = { 7, 8 } };
static const uint8_t peer_mac[6] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 };

static struct in6_addr ip(const char *text)
{
	struct in6_addr to = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (strchr(text, ':'))
		assert_int_equal(inet_pton(AF_INET6, text, &to), 1);
	else
		assert_int_equal(inet_pton(AF_INET, text, &to.s6_addr[12]), 1);
	return to;
}

/* Of a part that has its checksum in it: 0xffff if that is right. */
static uint32_t sum(uint32_t start, const uint8_t *p, size_t len)
{
	uint32_t s = start;

	for (size_t i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void check_frame(const char *from_text, const char *to_text, size_t head, size_t addresses, size_t each)
{
	struct in6_addr from = ip(from_text), to = ip(to_text);
	struct marks_way way = { .from = &from, .to = &to, .port = 4270, .to_mac = peer_mac };
	struct mark_of of = { .kind = MARK_TEST, .boot = node.boot, .to_boot = 0x99 };
	uint8_t buf[MARKS_HEAD_MAX + 256];
	char msg[113];			/* an odd length: the checksum has a last half word */
	size_t len, l4 = head - 8;

	memset(msg, 0xa7, sizeof(msg));
	len = marks_frame(&node, 0x99, &way, msg, sizeof(msg), buf);
	assert_int_equal(len, head + sizeof(msg));
	assert_memory_equal(buf, peer_mac, 6);
	if (mark_read(buf + 6) != mark_number(node.key_out, &of))
		fail_msg("source %012llx is not the mark (lowest byte first)", mark_read(buf + 6));
	assert_memory_equal(buf + addresses, from.s6_addr + 16 - each, each);
	assert_memory_equal(buf + addresses + each, to.s6_addr + 16 - each, each);
	if (each == 4)
		assert_int_equal(sum(0, buf + 14, 20), 0xffff);
	assert_int_equal(sum(17 + (uint32_t)(len - l4) + sum(0, buf + addresses, 2 * each), buf + l4, len - l4), 0xffff);
	assert_int_equal(buf[l4] << 8 | buf[l4 + 1], 4270);
	assert_int_equal(buf[l4 + 2] << 8 | buf[l4 + 3], 4270);
	assert_memory_equal(buf + head, msg, sizeof(msg));
}

static void frames(void **state)
{
	(void)state;
	check_frame("10.77.0.1", "10.77.0.2", 14 + 20 + 8, 14 + 12, 4);
	check_frame("fd77::1", "fd77::2", 14 + 40 + 8, 14 + 8, 16);
}

struct step {
	uint64_t at;
	bool heard, flag;
	enum marks_seen want;
};

static void walk(const struct step *steps, size_t n)
{
	struct marks m = { 0 };

	for (size_t i = 0; i < n; i++) {
		marks_note(&m, steps[i].heard, steps[i].flag, steps[i].at);
		if (m.seen != steps[i].want)
			fail_msg("step %zu: %d, not %d", i, m.seen, steps[i].want);
	}
}

static void come_through(void **state)
{
	static const struct step steps[] = {
		{ 100 * S, true, false, MARKS_UNKNOWN }, { 102 * S, true, true, MARKS_COME },
		{ 200 * S, true, true, MARKS_COME }, { 201 * S, true, false, MARKS_COME },
		{ 205 * S, true, false, MARKS_COME }, { 206 * S + 1, true, false, MARKS_NONE },
		{ 207 * S, true, true, MARKS_COME },
	};

	(void)state;
	walk(steps, sizeof(steps) / sizeof(steps[0]));
}

/* Silence is no evidence: the five seconds begin anew, and what was found out stays. */
static void silence_says_nothing(void **state)
{
	static const struct step steps[] = {
		{ 100 * S, true, false, MARKS_UNKNOWN }, { 104 * S, false, false, MARKS_UNKNOWN },
		{ 106 * S, true, false, MARKS_UNKNOWN }, { 110 * S, true, false, MARKS_UNKNOWN },
		{ 112 * S, true, false, MARKS_NONE }, { 113 * S, false, false, MARKS_NONE },
		{ 113 * S, false, true, MARKS_NONE }, { 114 * S, true, false, MARKS_NONE },
	};

	(void)state;
	walk(steps, sizeof(steps) / sizeof(steps[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames), cmocka_unit_test(come_through), cmocka_unit_test(silence_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
