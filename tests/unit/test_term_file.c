/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file: what was written is read; anything else is refused and leaves the record alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "baton_abi.h"
#include "core/term_file.h"

static const struct term_record rec = { .reserved = 8, .seen = BT_WORD(7, 1, BT_SHUT) };

static void round_trip(void **state)
{
	char text[TERM_FILE_MAX];
	struct term_record got = { 0 };
	size_t len = term_file_write("sip", &rec, text);

	(void)state;
	assert_int_equal(term_file_read("sip", text, len, &got), 0);
	assert_int_equal(got.reserved, 8);
	assert_int_equal(got.seen, rec.seen);
	assert_int_equal(term_file_read("other", text, len, &got), -EBADMSG);
}

static void every_cut_and_every_flip_is_refused(void **state)
{
	char text[TERM_FILE_MAX], bad[TERM_FILE_MAX];
	struct term_record got = { .reserved = 42 };
	size_t len = term_file_write("sip", &rec, text);

	(void)state;
	for (size_t n = 0; n < len; n++)
		if (term_file_read("sip", text, n, &got) != -EBADMSG)
			fail_msg("the first %zu bytes of %zu were believed", n, len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(bad, text, len);
		bad[bit / 8] ^= (char)(1 << bit % 8);
		if (!term_file_read("sip", bad, len, &got))
			fail_msg("believed with bit %zu flipped", bit);
	}
	assert_int_equal(got.reserved, 42);
}

static void a_jump_is_refused(void **state)
{
	struct term_record high = { .reserved = 0xffffffff, .seen = rec.seen }, got = { .reserved = 42 };
	char text[TERM_FILE_MAX];
	size_t len = term_file_write("sip", &high, text);

	(void)state;
	assert_int_equal(term_file_read("sip", text, len, &got), -ERANGE);
	high = (struct term_record){ .reserved = 3, .seen = BT_WORD(0x80000001u, 2, BT_SHUT) };
	len = term_file_write("sip", &high, text);
	assert_int_equal(term_file_read("sip", text, len, &got), -ERANGE);
	assert_int_equal(got.reserved, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(every_cut_and_every_flip_is_refused),
		cmocka_unit_test(a_jump_is_refused),
	};

	return cmocka_run_group_tests_name("term_file", tests, NULL, NULL);
}
