/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Laws of the role table, over all edges.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include "baton_abi.h"
#include "core/role.h"

#define LAW(ok, what) \
	do { if (!(ok)) fail_msg("%s --%s--> %s, acts=%#x: %s", role_text(r), role_event_text(e), role_text(s.to), s.acts, what); } while (0)

static void every_edge_keeps_the_laws(void **state)
{
	unsigned edges = 0;

	(void)state;
	for (enum role r = 0; r < ROLE__N; r++)
		for (enum role_event e = r == ROLE_INIT ? EV_NEW : EV_SHUT; e < EV__N; e++, edges++) {
			struct role_step s = role_next(r, e);
			bool moves = s.to != r || s.acts;

			LAW(s.to != ROLE_PRIMARY || !moves || (s.acts & ACT_VIP_ADD && s.acts & ACT_ANNOUNCE),
			    "a new holder must have the address and tell the neighbours");
			LAW(s.to != ROLE_BACKUP || !moves || s.acts & ACT_VIP_DEL, "a backup must not keep the address");
			LAW(r != ROLE_PRIMARY || s.to == ROLE_PRIMARY || s.acts & ACT_ANNOUNCE_STOP,
			    "whoever held must stop telling neighbours");
			LAW(r != ROLE_PRIMARY || s.to == ROLE_PRIMARY || s.acts & (ACT_QUIET | ACT_VIP_DEL), "the VIP's routes must go");
			LAW(!(s.acts & ACT_ANNOUNCE) || s.to == ROLE_PRIMARY, "only a primary announces");
			LAW(!(s.acts & ACT_VIP_ADD && s.acts & ACT_VIP_DEL), "adds and removes at once");
			LAW(s.to == r || s.acts & ACT_NOTIFY, "a role change nobody is told of");
			LAW(s.to != ROLE_INIT || r == ROLE_INIT, "nobody becomes new again");
			LAW((e == EV_OPEN || e == EV_REOPENED) == (s.to == ROLE_PRIMARY), "primary means open, open means primary");
			LAW(e != EV_RELAY || s.to == ROLE_YIELDING, "relay means yielding");
			LAW(e != EV_CLAIM || s.to == ROLE_CLAIMING, "a claim means claiming");
		}
	assert_int_equal(edges, EV__N + (ROLE__N - 1) * (EV__N - 1));
}

static void reopened_is_not_ignored(void **state)
{
	(void)state;
	assert_int_equal(role_next(ROLE_PRIMARY, EV_OPEN).acts, 0);
	assert_true(role_next(ROLE_PRIMARY, EV_REOPENED).acts & ACT_ANNOUNCE);
}

static void words_read_as_events(void **state)
{
	(void)state;
	assert_int_equal(role_event_of(0, 1, 0), EV_NEW);
	assert_int_equal(role_event_of(BT_WORD(3, 2, BT_SHUT), 1, 0), EV_SHUT);
	assert_int_equal(role_event_of(BT_WORD(3, 2, BT_ARMED), 1, 0), EV_ARMED);
	assert_int_equal(role_event_of(BT_WORD(3, 1, BT_ARMED), 1, 0), EV_CLAIM);
	assert_int_equal(role_event_of(BT_WORD(3, 1, BT_OPEN), 1, 0), EV_OPEN);
	assert_int_equal(role_event_of(BT_WORD(3, 1, BT_OPEN), 1, BT_WORD_NUMBER(BT_WORD(3, 1, 0))), EV_OPEN);
	assert_int_equal(role_event_of(BT_WORD(5, 1, BT_OPEN), 1, BT_WORD_NUMBER(BT_WORD(3, 1, 0))), EV_REOPENED);
	assert_int_equal(role_event_of(BT_WORD(5, 2, BT_RELAY), 1, 7), EV_RELAY);
}

static void all_have_names(void **state)
{
	(void)state;
	for (enum role r = 0; r < ROLE__N; r++)
		assert_non_null(role_text(r));
	for (enum role_event e = 0; e < EV__N; e++)
		assert_non_null(role_event_text(e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_edge_keeps_the_laws), cmocka_unit_test(reopened_is_not_ignored),
		cmocka_unit_test(words_read_as_events), cmocka_unit_test(all_have_names),
	};

	return cmocka_run_group_tests_name("role", tests, NULL, NULL);
}
