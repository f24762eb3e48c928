/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of role changes: a ring that forgets the oldest, and a file that is believed whole or not at all.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/history.h"
#include "core/role.h"

static struct history h, got;
static char file[HISTORY_BYTES + 1], bad[HISTORY_BYTES + 1];

static void fill_hands(uint32_t n)
{
	for (uint32_t i = 1; i <= n; i++) {
		struct history_hand *hand = history_add_hand(&h);

		snprintf(hand->group, sizeof(hand->group), "sip");
		snprintf(hand->rule, sizeof(hand->rule), "%u both", i);
		hand->from = BT_RULE_ENABLED;
		hand->to = BT_RULE_DRAINING;
		hand->at_ns = i;
	}
}

static void fill(uint32_t n)
{
	memset(&h, 0, sizeof(h));
	for (uint32_t i = 1; i <= n; i++) {
		struct history_change *c = history_add(&h);

		snprintf(c->group, sizeof(c->group), "sip");
		snprintf(c->cause, sizeof(c->cause), "peer-lost");
		c->term = i;
		c->from = ROLE_BACKUP;
		c->to = ROLE_PRIMARY;
		history_note(c, HISTORY_OPENED, 1000 + i, HISTORY_BY_MARK);
	}
}

static void the_newest_hundred_are_kept(void **state)
{
	(void)state;
	fill(0);
	assert_null(history_get(&h, 0));
	assert_null(history_of(&h, 0));
	fill(250);
	assert_int_equal(h.n, HISTORY_MAX);
	for (uint32_t i = 0; i < HISTORY_MAX; i++)
		if (history_get(&h, i)->term != 250 - i)
			fail_msg("the %u-th newest of 250 has term %u", i, history_get(&h, i)->term);
	assert_null(history_get(&h, HISTORY_MAX));
	assert_int_equal(history_of(&h, 151)->term, 151);
	assert_null(history_of(&h, 150));		/* its row is another's now */
	assert_null(history_of(&h, 251));
}

static void what_is_written_is_read(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 99, 100, 137 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t len;

		fill(sizes[s]);
		len = history_write(&h, file);
		memset(&got, 0xff, sizeof(got));
		assert_int_equal(history_read(&got, file, len), 0);
		assert_int_equal(got.n, h.n);
		for (uint32_t i = 0; i < h.n; i++)
			if (memcmp(history_get(&got, i), history_get(&h, i), sizeof(struct history_change)))
				fail_msg("of %u records the %u-th newest came back changed", sizes[s], i);
		history_add(&got);
		assert_non_null(history_of(&got, got.serial));
	}
}

static void the_newest_hands_are_kept_and_read(void **state)
{
	static const uint32_t sizes[] = { 0, 1, HISTORY_HANDS, HISTORY_HANDS + 3 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint32_t n = sizes[s] < HISTORY_HANDS ? sizes[s] : HISTORY_HANDS;

		fill(2);
		fill_hands(sizes[s]);
		memset(&got, 0xff, sizeof(got));
		assert_int_equal(history_read(&got, file, history_write(&h, file)), 0);
		assert_int_equal(history_get(&got, 0)->term, 2);
		for (uint32_t i = 0; i < n; i++)
			if (history_get_hand(&h, i)->at_ns != sizes[s] - i ||
			    memcmp(history_get_hand(&got, i), history_get_hand(&h, i), sizeof(struct history_hand)))
				fail_msg("of %u the %u-th newest is %s", sizes[s], i, history_get_hand(&got, i)->rule);
		assert_null(history_get_hand(&got, n));
	}
}

static void every_cut_and_every_flip_is_refused(void **state)
{
	size_t len;

	(void)state;
	fill(2);
	fill_hands(2);
	len = history_write(&h, file);
	memset(&got, 0, sizeof(got));
	got.serial = 42;
	for (size_t n = 0; n < len; n++)
		if (history_read(&got, file, n) != -EBADMSG)
			fail_msg("the first %zu bytes of %zu were believed", n, len);
	if (history_read(&got, file, len + 1) != -EBADMSG)
		fail_msg("believed with a byte too many");
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(bad, file, len);
		bad[bit / 8] ^= (char)(1 << bit % 8);
		if (history_read(&got, bad, len) != -EBADMSG)
			fail_msg("believed with bit %zu of byte %zu flipped", bit % 8, bit / 8);
	}
	assert_int_equal(got.serial, 42);
}

/* The check is right, the meaning is not: another build of ours wrote it. */
static void a_record_without_sense_is_refused(void **state)
{
	(void)state;
	fill(1);
	h.row[1].to = ROLE__N;
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
	fill(1);
	memset(h.row[1].owner, 'x', sizeof(h.row[1].owner));
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
	fill(1);
	h.row[1].step[HISTORY_HELD].by = HISTORY_BY__N;
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
	fill(1);
	h.row[1].then.n_paths = BT_PATHS_MAX + 1;
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
	fill(1);
	fill_hands(1);
	h.hand[1].to = BT_RULE_DRAINING + 1;
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
	fill(1);
	fill_hands(1);
	memset(h.hand[1].rule, 'x', sizeof(h.hand[1].rule));
	assert_int_equal(history_read(&got, file, history_write(&h, file)), -EBADMSG);
}

static void the_first_time_of_a_step_counts(void **state)
{
	struct history_change *c;

	(void)state;
	fill(1);
	c = history_of(&h, 1);
	assert_false(history_note(c, HISTORY_OPENED, 5, HISTORY_BY_PULSE));
	assert_int_equal(c->step[HISTORY_OPENED].ns, 1001);
	assert_int_equal(c->step[HISTORY_OPENED].by, HISTORY_BY_MARK);
	assert_false(history_note(c, HISTORY_HELD, 0, HISTORY_BY_PULSE));
	assert_int_equal(history_begin_ns(c), 1001);
	assert_true(history_note(c, HISTORY_ASKED, 900, HISTORY_BY_CONTROLLER));
	assert_int_equal(history_begin_ns(c), 900);
}

static void an_outage_needs_both_ends(void **state)
{
	struct history_change *c;
	int64_t us = 7;

	(void)state;
	fill(1);
	c = history_of(&h, 1);
	c->last_ns = 5000000;
	assert_false(history_outage(c, &us));
	assert_int_equal(us, 7);
	c->first_ns = 6500000;
	assert_true(history_outage(c, &us));
	assert_int_equal(us, 1500);
	c->first_ns = 4900000;			/* they overlapped as the clock sees it: no gap */
	assert_true(history_outage(c, &us));
	assert_int_equal(us, -100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_hundred_are_kept), cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_newest_hands_are_kept_and_read),
		cmocka_unit_test(every_cut_and_every_flip_is_refused), cmocka_unit_test(a_record_without_sense_is_refused),
		cmocka_unit_test(the_first_time_of_a_step_counts), cmocka_unit_test(an_outage_needs_both_ends),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
