/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is raised again and again: is it told once, also when the table is full? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/alarm.h"
#include "sys/log.h"

static uint32_t lines_of(const char *event)
{
	struct log_line line;
	uint32_t n = 0;

	for (uint64_t at = 1; !log_read(at, &line); at = line.seq + 1)
		n += !strncmp(line.text, event, strlen(event));
	return n;
}

static void set(struct alarms *a, int i, bool on)
{
	char group[16];

	snprintf(group, sizeof(group), "g%d", i);
	alarm_set(a, on, "test", group, "text", "", 1);
}

static void a_full_table_is_told_once(void **state)
{
	static struct alarms a;

	(void)state;
	for (int turn = 0; turn < 3; turn++)
		for (int i = 0; i <= HA_ALARMS_MAX; i++)
			set(&a, i, true);
	assert_int_equal(a.n, HA_ALARMS_MAX);
	assert_int_equal(lines_of("alarm raised"), HA_ALARMS_MAX);
	assert_int_equal(lines_of("alarm table full"), 1);
	set(&a, 0, false);
	set(&a, HA_ALARMS_MAX, true);		/* there is room again */
	assert_int_equal(a.n, HA_ALARMS_MAX);
	assert_int_equal(lines_of("alarm raised"), HA_ALARMS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_full_table_is_told_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
