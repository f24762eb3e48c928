/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When is an entry of the dialog tables over?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/dialog.h"

#define NOW	1000000u

static const struct {
	uint8_t kind, state;
	uint32_t lives_s;	/* silent so long it lives; a second more, and it is */
	enum dialog_end end;
} rows[] = {
	{ BT_D_CALL, BT_D_NEW, 180, DIALOG_NEVER_BEGUN },
	{ BT_D_CALL, BT_D_EARLY, 180, DIALOG_NEVER_BEGUN },
	{ BT_D_CALL, BT_D_CONFIRMED, 4 * 3600, DIALOG_SILENT },
	{ BT_D_CALL, BT_D_ENDING, 32, DIALOG_OVER },
	{ BT_D_CALL, BT_D_OVER, 32, DIALOG_OVER },
	{ BT_D_SUBSCRIPTION, BT_D_NEW, 2 * 3600, DIALOG_SILENT },
	{ BT_D_SUBSCRIPTION, BT_D_CONFIRMED, 2 * 3600, DIALOG_SILENT },
	{ BT_D_CONNECTION, BT_D_NEW, 2 * 3600 + 750, DIALOG_SILENT },
	{ BT_D_CONNECTION, BT_D_CONFIRMED, 2 * 3600 + 750, DIALOG_SILENT },
	{ BT_D_CONNECTION, BT_D_ENDING, 32, DIALOG_OVER },
};

static void each_is_silent_for_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bt_dialog d = { .kind = rows[i].kind, .state = rows[i].state, .first_s = 1 };

		d.last_s = NOW - rows[i].lives_s;
		if (dialog_end(&d, true, NOW) != DIALOG_LIVES)
			fail_msg("kind %u, state %u: silent for %u s it is over (%d)", d.kind, d.state, rows[i].lives_s,
				 dialog_end(&d, true, NOW));
		d.last_s--;
		if (dialog_end(&d, true, NOW) != rows[i].end)
			fail_msg("kind %u, state %u: silent for %u s it is %d, not %d", d.kind, d.state, rows[i].lives_s + 1,
				 dialog_end(&d, true, NOW), rows[i].end);
	}
}

static void without_a_pool_it_is_nobodys(void **state)
{
	struct bt_dialog d = { .kind = BT_D_CALL, .state = BT_D_CONFIRMED, .last_s = NOW };

	(void)state;
	assert_int_equal(dialog_end(&d, false, NOW), DIALOG_ORPHAN);
	assert_int_equal(dialog_end(&d, true, NOW), DIALOG_LIVES);
}

/* The kernel reads a later tick than the sweeper did. */
static void one_that_is_ahead_of_us_lives(void **state)
{
	struct bt_dialog d = { .kind = BT_D_CALL, .state = BT_D_NEW, .first_s = NOW, .last_s = NOW + 1 };

	(void)state;
	assert_int_equal(dialog_end(&d, true, NOW), DIALOG_LIVES);
}

static void a_drain_waits_for_what_goes_on(void **state)
{
	struct bt_dialog d = { .kind = BT_D_CALL, .epoch = 7 };

	(void)state;
	for (d.state = BT_D_NEW; d.state < BT_D_STATE__N; d.state++) {
		assert_int_equal(dialog_is_left(&d, 7), d.state < BT_D_ENDING);
		assert_false(dialog_is_left(&d, 8));	/* its server died: it is the other's */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_silent_for_its_time), cmocka_unit_test(without_a_pool_it_is_nobodys),
		cmocka_unit_test(one_that_is_ahead_of_us_lives), cmocka_unit_test(a_drain_waits_for_what_goes_on),
	};

	return cmocka_run_group_tests_name("dialog", tests, NULL, NULL);
}
