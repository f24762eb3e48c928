/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ready: the guide's readiness, row by row, and that it never says yes where `switchover` says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/ready.h"

#define ME	1
#define PEER	2
#define S	UINT64_C(1000000000)

static struct judge_facts judged;
static char buf[160];

/* A pair that has been whole for an hour. */
static struct ready_facts primary(void)
{
	judged = (struct judge_facts){
		.word = BT_WORD(7, ME, BT_OPEN), .me = ME, .peer_id = PEER, .running = true, .link_up = true, .peer = PEER_UP,
		.leased = true,
		.said = { .fresh = true, .known = true, .same_digest = true, .running = true, .leased = true, .hears_us = true,
			  .word = BT_WORD(7, ME, BT_ARMED) },
	};
	return (struct ready_facts){ .role = ROLE_PRIMARY, .running = true, .judge = &judged, .whole_ns = 3600 * S };
}

static struct ready_facts backup(void)
{
	struct ready_facts f = primary();

	judged.word = BT_WORD(7, PEER, BT_ARMED);
	judged.said.word = BT_WORD(7, PEER, BT_OPEN);
	f.role = ROLE_BACKUP;
	return f;
}

static void expect(const struct ready_facts *f, const char *want)
{
	const char *why = ready_refusal(f, buf, sizeof(buf));

	if (!why != !want || (why && strcmp(why, want)))
		fail_msg("\"%s\", not \"%s\"", why ? why : "ready", want ? want : "ready");
}

static void a_primary_waits_60_s(void **state)
{
	struct ready_facts f = primary();

	(void)state;
	expect(&f, NULL);
	f.whole_ns = 12 * S;
	expect(&f, "the pair is whole for 12 s, not yet for 60");
	assert_null(ready_impediment(&f));	/* a switchover is not refused for it */
	f.whole_ns = READY_AFTER_NS - 1;
	expect(&f, "the pair is whole for 59 s, not yet for 60");
	f.whole_ns = READY_AFTER_NS;
	expect(&f, NULL);
}

static void a_primary_needs_an_armed_peer_and_its_monitors(void **state)
{
	struct ready_facts f = primary();

	(void)state;
	judged.said.word = BT_WORD(7, ME, BT_SHUT);
	expect(&f, "peer is not armed");
	f = primary();
	judged.peer = PEER_DOWN;
	expect(&f, "peer is down");
	f = primary();
	f.running = false;
	expect(&f, "this host is unavailable, its alarms say why");
	assert_null(ready_impediment(&f));
}

static void a_backup_does_not_wait(void **state)
{
	struct ready_facts f = backup();

	(void)state;
	f.whole_ns = 0;
	expect(&f, NULL);
	f.running = false;
	expect(&f, "this host is unavailable, its alarms say why");
	f = backup();
	judged.leased = false;
	expect(&f, "the peer does not answer this host");
	f = backup();
	judged.fenced = true;
	expect(&f, "fenced by hand");
	f = backup();
	judged.word = BT_WORD(7, PEER, BT_SHUT);
	expect(&f, "not armed");
	f = backup();
	judged.peer = PEER_DOWN;
	expect(&f, "the peer is not well");
}

static void nobody_in_between_is(void **state)
{
	struct ready_facts f = backup();

	(void)state;
	f.role = ROLE_CLAIMING;
	expect(&f, "the role is moving");
	f.role = ROLE_YIELDING;
	expect(&f, "the role is moving");
}

static void for_an_upgrade(void **state)
{
	(void)state;
	assert_null(ready_upgrade_refusal(ROLE_BACKUP));
	assert_non_null(ready_upgrade_refusal(ROLE_PRIMARY));
	assert_non_null(ready_upgrade_refusal(ROLE_YIELDING));
	assert_non_null(ready_upgrade_refusal(ROLE_INIT));
}

/* What the 60 seconds count: each of these ends it, a move does not. */
static void whole(void **state)
{
	(void)state;
	primary();
	assert_true(ready_is_whole(&judged));
	judged.word = BT_WORD(7, ME, BT_RELAY);
	judged.said.word = BT_WORD(8, PEER, BT_OPEN);
	judged.said.fresh = false;
	assert_true(ready_is_whole(&judged));
	backup();
	assert_true(ready_is_whole(&judged));
	judged.mute = true;
	assert_false(ready_is_whole(&judged));
	backup();
	judged.peer = PEER_STALLED;
	assert_false(ready_is_whole(&judged));
	backup();
	judged.said.same_digest = false;
	assert_false(ready_is_whole(&judged));
	backup();
	judged.said.running = false;
	assert_false(ready_is_whole(&judged));
	backup();
	judged.said.stopping = true;
	assert_false(ready_is_whole(&judged));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_primary_waits_60_s), cmocka_unit_test(a_primary_needs_an_armed_peer_and_its_monitors),
		cmocka_unit_test(a_backup_does_not_wait), cmocka_unit_test(nobody_in_between_is), cmocka_unit_test(for_an_upgrade),
		cmocka_unit_test(whole),
	};

	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
