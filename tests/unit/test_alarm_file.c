/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are alarms read back as they were written, and is anything else refused as a whole? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/alarm_file.h"

#define BOOT	"0f2a7b1c-0000-4000-8000-5d1f0a9b3c4d"
#define NOW	5000000000ull

static char buf[ALARM_FILE_MAX];
static struct alarm_row back[ALARM_ROWS];
static uint32_t n_back;

static size_t write_two(void)
{
	const struct alarm_row rows[] = {
		{ .id = "peer-down", .text = "nothing is heard from the peer on any path", .since_ns = 1234 },
		{ .id = "00-52029 sip", .text = "cannot add: 10.77.0.100 on eth0", .since_ns = NOW, .by_hand = true },
	};

	return alarm_file_write(BOOT, rows, 2, buf);
}

static int read_back(size_t len, const char *boot)
{
	n_back = 77;
	return alarm_file_read(buf, len, boot, NOW, back, &n_back);
}

static void what_was_written_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_back(write_two(), BOOT), 0);
	assert_int_equal(n_back, 2);
	assert_string_equal(back[0].id, "peer-down");
	assert_string_equal(back[0].text, "nothing is heard from the peer on any path");
	assert_int_equal(back[0].since_ns, 1234);
	assert_false(back[0].by_hand);
	assert_string_equal(back[1].id, "00-52029 sip");
	assert_true(back[1].by_hand);
	assert_int_equal(back[1].since_ns, NOW);
	assert_int_equal(read_back(alarm_file_write(BOOT, NULL, 0, buf), BOOT), 0);
	assert_int_equal(n_back, 0);
}

static void times_of_an_earlier_boot_mean_nothing(void **state)
{
	(void)state;
	assert_int_equal(read_back(write_two(), "another-boot"), 0);
	assert_int_equal(n_back, 2);
	assert_int_equal(back[0].since_ns, 0);
	assert_int_equal(back[1].since_ns, 0);
	assert_true(back[1].by_hand);
}

static void a_full_table_fits(void **state)
{
	static struct alarm_row rows[ALARM_ROWS];
	size_t len;

	(void)state;
	for (int i = 0; i < ALARM_ROWS; i++) {
		memset(rows[i].id, 'i', ALARM_ID - 1);
		memset(rows[i].text, 't', ALARM_TEXT - 1);
		rows[i].since_ns = NOW;
		rows[i].by_hand = true;
	}
	len = alarm_file_write(BOOT, rows, ALARM_ROWS, buf);
	assert_int_equal(read_back(len, BOOT), 0);
	assert_int_equal(n_back, ALARM_ROWS);
	assert_memory_equal(back, rows, sizeof(rows));
}

/* A text of somebody else's must not make a line of its own. */
static void control_characters_do_not_survive(void **state)
{
	const struct alarm_row row = { .id = "a\tb", .text = "one\nraised 1 two\tthree\x1b" };

	(void)state;
	assert_int_equal(read_back(alarm_file_write(BOOT, &row, 1, buf), BOOT), 0);
	assert_int_equal(n_back, 1);
	assert_string_equal(back[0].id, "a?b");
	assert_string_equal(back[0].text, "one?raised 1 two?three?");
}

static void anything_else_is_refused(void **state)
{
	size_t len = write_two();

	(void)state;
	for (size_t at = 0; at < len; at++) {
		char was = buf[at];

		for (int bit = 0; bit < 8; bit++) {
			buf[at] = (char)(was ^ 1 << bit);
			if (read_back(len, BOOT) != -EBADMSG)
				fail_msg("byte %zu of %zu with bit %d turned was taken", at, len, bit);
			assert_int_equal(n_back, 77);
		}
		buf[at] = was;
	}
	for (size_t cut = 0; cut < len; cut++)
		if (read_back(cut, BOOT) != -EBADMSG)
			fail_msg("the first %zu of %zu bytes were taken", cut, len);
	assert_int_equal(read_back(len, BOOT), 0);
	assert_int_equal(alarm_file_read(buf, len, BOOT, NOW - 1, back, &n_back), -EBADMSG);	/* raised in the future */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(times_of_an_earlier_boot_mean_nothing),
		cmocka_unit_test(a_full_table_fits),
		cmocka_unit_test(control_characters_do_not_survive),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
