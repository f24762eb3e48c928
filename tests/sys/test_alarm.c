/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is raised again and again: is it told once, also when the table is full? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ha/alarm.h"
#include "sys/clock.h"
#include "sys/file.h"
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

static struct ha_alarm_view view[HA_ALARMS_MAX];

/* Its cause is told at every turn. */
static void what_a_person_cleared_stays_away_until_it_comes_again(void **state)
{
	static struct alarms a;
	uint32_t raised = lines_of("alarm raised"), cleared = lines_of("alarm cleared");

	(void)state;
	alarm_set(&a, true, "00-52029", "sip", "text", "", NS_PER_S);
	assert_int_equal(alarm_clear(&a, "00-52029 sip"), 0);
	assert_int_equal(alarm_clear(&a, "00-52029 sip"), -ENOENT);
	for (int turn = 0; turn < 3; turn++)
		alarm_set(&a, true, "00-52029", "sip", "text", "", 2 * NS_PER_S);
	assert_int_equal(alarm_count(&a), 0);
	assert_int_equal(alarm_list(&a, 2 * NS_PER_S, view), 0);
	assert_int_equal(lines_of("alarm raised"), raised + 1);
	assert_int_equal(lines_of("alarm cleared"), cleared + 1);
	alarm_set(&a, false, "00-52029", "sip", "", "", 3 * NS_PER_S);
	assert_int_equal(lines_of("alarm cleared"), cleared + 1);	/* it was told before */
	alarm_set(&a, true, "00-52029", "sip", "text", "", 4 * NS_PER_S);
	assert_int_equal(alarm_list(&a, 9 * NS_PER_S, view), 1);
	assert_int_equal(view[0].since_s, 5);
	assert_int_equal(lines_of("alarm raised"), raised + 2);
}

static void its_end_has_the_guides_own_number(void **state)
{
	static struct alarms a;
	struct log_line line, last = { 0 };

	(void)state;
	alarm_set(&a, true, "00-52027", "sip", "text", "", NS_PER_S);
	alarm_list(&a, NS_PER_S, view);
	assert_string_equal(view[0].event, "00-52027");
	alarm_set(&a, false, "00-52027", "sip", "", "", NS_PER_S);
	for (uint64_t at = 1; !log_read(at, &line); at = line.seq + 1)
		last = line;
	assert_string_equal(last.text, "alarm cleared id=\"00-52027 sip\" event=00-52028");
}

/* ---- across a restart: no store is needed to see what is read, and what becomes of it ------------- */

static char dir[] = "/tmp/baton-alarm-XXXXXX";
static struct conf conf;

static void life(struct alarms *a, uint64_t now_ns)
{
	memset(a, 0, sizeof(*a));
	a->conf = &conf;
	alarm_recall(a, now_ns);
}

/* What alarm_turn() asks the store to write. */
static void write_down(struct alarms *a)
{
	size_t len = alarm_file_write(a->boot, a->row, a->n, a->file);

	assert_int_equal(file_replace(dir, "alarms", a->file, len, 0600), 0);
	a->changed = false;
}

static void a_restart_tells_nothing_twice(void **state)
{
	static struct alarms a;
	uint32_t raised, cleared;

	(void)state;
	life(&a, NS_PER_S);
	assert_int_equal(a.n, 0);
	alarm_set(&a, true, "peer-down", NULL, "text", NULL, 2 * NS_PER_S);
	alarm_set(&a, true, "stuck", "sip", "text", "", 2 * NS_PER_S);
	alarm_set(&a, true, "nftables", NULL, "text", NULL, 2 * NS_PER_S);
	alarm_clear(&a, "nftables");
	write_down(&a);
	raised = lines_of("alarm raised");
	cleared = lines_of("alarm cleared");

	life(&a, 5 * NS_PER_S);
	assert_int_equal(alarm_list(&a, 6 * NS_PER_S, view), 2);
	assert_int_equal(view[0].since_s, 4);
	assert_false(view[0].before_boot);
	alarm_set(&a, false, "peer-down", NULL, "", NULL, 6 * NS_PER_S);	/* not looked yet */
	alarm_set(&a, true, "peer-down", NULL, "seen again", NULL, 7 * NS_PER_S);
	alarm_set(&a, true, "nftables", NULL, "seen again", NULL, 7 * NS_PER_S);
	alarm_turn(&a, NULL, 8 * NS_PER_S);
	assert_int_equal(alarm_count(&a), 2);
	assert_int_equal(lines_of("alarm raised"), raised);
	assert_int_equal(lines_of("alarm cleared"), cleared);
	alarm_set(&a, false, "peer-down", NULL, "", NULL, 9 * NS_PER_S);
	assert_int_equal(lines_of("alarm cleared"), cleared + 1);
	assert_int_equal(alarm_count(&a), 1);		/* stuck, which nobody has seen since */
}

static void a_boot_makes_times_unknown_and_rot_is_refused(void **state)
{
	static struct alarms a;
	size_t len;

	(void)state;
	life(&a, 30 * NS_PER_S);
	len = alarm_file_write("another-boot", a.row, a.n, a.file);
	assert_int_equal(file_replace(dir, "alarms", a.file, len, 0600), 0);
	life(&a, 3 * NS_PER_S);
	assert_int_equal(alarm_list(&a, 3 * NS_PER_S, view), 2);
	assert_true(view[0].before_boot);
	a.file[len / 2] ^= 1;
	assert_int_equal(file_replace(dir, "alarms", a.file, len, 0600), 0);
	life(&a, 3 * NS_PER_S);
	assert_int_equal(a.n, 0);
	assert_int_equal(lines_of("alarms refused"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table_is_told_once),
		cmocka_unit_test(what_a_person_cleared_stays_away_until_it_comes_again),
		cmocka_unit_test(its_end_has_the_guides_own_number),
		cmocka_unit_test(a_restart_tells_nothing_twice),
		cmocka_unit_test(a_boot_makes_times_unknown_and_rot_is_refused),
	};

	assert_non_null(mkdtemp(dir));
	snprintf(conf.state_dir, sizeof(conf.state_dir), "%s", dir);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
