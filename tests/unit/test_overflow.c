/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overflow: which answers lead an INVITE elsewhere, how long it is kept, and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/kept.h"
#include "core/overflow.h"

#define SEC	1000000000ULL

static uint32_t count(const uint64_t set[OVERFLOW_WORDS])
{
	uint32_t n = 0;

	for (int i = 0; i < OVERFLOW_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(set[i]);
	return n;
}

static void patterns_of_the_guide(void **state)
{
	static const struct {
		const char *text;
		uint32_t n;
		uint16_t in[3], out[3];
	} rows[] = {
		{ "", 1, { 503 }, { 502, 504, 603 } },
		{ "503", 1, { 503 }, { 300, 699, 504 } },
		{ "503,504", 2, { 503, 504 }, { 500, 505, 404 } },
		{ "487,50X", 11, { 487, 500, 509 }, { 486, 510, 499 } },
		{ "487,5XX", 101, { 487, 500, 599 }, { 600, 499, 488 } },
		{ "300,699", 2, { 300, 699 }, { 301, 698, 200 } },
		{ "2XX", 0, { 0 }, { 200, 299, 300 } },
	};
	uint64_t set[OVERFLOW_WORDS];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!overflow_parse(rows[i].text, set) || count(set) != rows[i].n)
			fail_msg("'%s': %u statuses, not %u", rows[i].text, count(set), rows[i].n);
		for (int j = 0; j < 3; j++) {
			if (rows[i].in[j] && !overflow_has(set, rows[i].in[j]))
				fail_msg("'%s' has no %u", rows[i].text, rows[i].in[j]);
			if (overflow_has(set, rows[i].out[j]))
				fail_msg("'%s' has %u", rows[i].text, rows[i].out[j]);
		}
	}
	assert_false(overflow_has(set, 0));
	assert_false(overflow_has(set, 700));
	assert_false(overflow_has(set, 65535));
}

static void bad_patterns_change_nothing(void **state)
{
	static const char *const bad[] = { "5X3", "XXX", "50", "5033", "503,", ",503", "50X,503", "503;504", "503, 504", "5 3", "X03",
					   "abc" };
	uint64_t set[OVERFLOW_WORDS] = { 42 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (overflow_parse(bad[i], set) || set[0] != 42)
			fail_msg("'%s' was taken", bad[i]);
}

static struct kept *kept;

static int setup(void **state)
{
	(void)state;
	kept = calloc(1, sizeof(*kept));
	if (kept)
		kept_clear(kept);
	return !kept;
}

static int teardown(void **state)
{
	(void)state;
	free(kept);
	return 0;
}

static struct kept_invite *put(uint64_t id, uint64_t at_s, const char *text)
{
	return kept_put(kept, id, at_s * SEC, text, strlen(text));
}

static void an_invite_is_kept_until_timer_b(void **state)
{
	struct kept_invite *v = put(7, 100, "one");

	(void)state;
	assert_non_null(v);
	assert_ptr_equal(kept_find(kept, 7, 100 * SEC), v);
	assert_null(kept_find(kept, 8, 100 * SEC));
	assert_null(kept_find(kept, 0, 100 * SEC));
	assert_ptr_equal(kept_find(kept, 7, 132 * SEC - 1), v);
	assert_null(kept_find(kept, 7, 132 * SEC));
	put(7, 140, "two");
	assert_int_equal(kept_find(kept, 7, 141 * SEC)->len, 3);
	assert_null(kept_put(kept, 9, 0, "x", BT_SLOW_FRAME + 1));
}

static void where_it_went_stays_known(void **state)
{
	struct kept_invite *v = put(7, 100, "one");

	(void)state;
	v->server = 1;
	v->now = 2;
	assert_ptr_equal(put(7, 101, "one"), v);
	assert_int_equal(v->at_ns, 100 * SEC);	/* a retransmission makes it no younger */
	assert_ptr_equal(put(7, 102, "with credentials"), v);
	assert_int_equal(v->at_ns, 102 * SEC);
	assert_int_equal(v->server, 1);
	assert_int_equal(v->now, 2);
	put(7, 200, "one");			/* another call by then */
	assert_int_equal(kept_find(kept, 7, 200 * SEC)->server, 0);
}

/* 64 bits of the index alike for many: rows are chains. */
static void the_oldest_makes_room(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3 * KEPT_MAX; i++)
		assert_non_null(put(i * (i % 3 ? 1 : KEPT_ROWS) + (i << 40), 10, "x"));
	for (uint64_t i = 1; i <= 3 * KEPT_MAX; i++) {
		uint64_t id = i * (i % 3 ? 1 : KEPT_ROWS) + (i << 40);
		bool there = kept_find(kept, id, 11 * SEC);

		if (there != (i > 2 * KEPT_MAX))
			fail_msg("INVITE %u of %u: %d", (unsigned)i, 3 * KEPT_MAX, there);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_of_the_guide),
		cmocka_unit_test(bad_patterns_change_nothing),
		cmocka_unit_test_setup_teardown(an_invite_is_kept_until_timer_b, setup, teardown),
		cmocka_unit_test_setup_teardown(where_it_went_stays_known, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_makes_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
