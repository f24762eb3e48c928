/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two servers on one host: who works, and does anything move without a cause? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/single.h"

static const struct single_server well = { .well = true, .bound = true, .reason = "" };
static const struct single_server dead = { .gone = true, .reason = "process-gone" };
static const struct single_server hung = { .bound = true, .reason = "server-hung" };
static const struct single_server unbound = { .well = true, .reason = "" };

static struct single_facts both(uint32_t active, struct single_server a, struct single_server b)
{
	return (struct single_facts){ .active = active, .server = { a, b }, .since_ns = 10 * SINGLE_SETTLE_NS, .waited = true };
}

static void expect(struct single_facts f, uint32_t active, const char *why)
{
	struct single_verdict v = single_judge(&f);

	if (v.active != active)
		fail_msg("active %u became %u, expected %u (%s)", f.active, v.active, active, v.why ? v.why : "no reason");
	if (why)
		assert_string_equal(v.why ? v.why : "none", why);
	else
		assert_null(v.why);
}

static void the_first_start(void **state)
{
	struct single_facts f = both(0, dead, well);

	(void)state;
	expect(both(0, well, well), 1, "first-start");
	expect(f, 2, "first-start");
	f.waited = false;
	expect(f, 0, NULL);		/* the preferred one gets its time */
	expect(both(0, dead, unbound), 0, NULL);
	assert_non_null(single_judge(&(struct single_facts){ .waited = true }).stuck);
}

static void nothing_moves_without_a_cause(void **state)
{
	(void)state;
	expect(both(1, well, well), 1, NULL);
	expect(both(2, well, well), 2, NULL);	/* the preferred one is back: nobody is preempted */
	expect(both(2, dead, well), 2, NULL);
	assert_null(single_judge(&(struct single_facts){ .active = 2, .server = { dead, well } }).stuck);
}

static void a_crash_moves_it_at_once(void **state)
{
	struct single_facts f = both(1, dead, well);

	(void)state;
	expect(f, 2, "process-gone");
	f.since_ns = 0;
	expect(f, 2, "process-gone");
	expect(both(2, well, dead), 1, "process-gone");
	expect(both(1, dead, dead), 1, NULL);
	assert_non_null(single_judge(&(struct single_facts){ .active = 1, .server = { dead, dead } }).stuck);
	expect(both(1, dead, unbound), 1, NULL);	/* a process without a socket serves nobody */
}

static void what_the_kernel_did_is_followed(void **state)
{
	struct single_facts f = both(1, well, well);

	(void)state;
	f.fell = true;
	f.since_ns = 0;
	expect(f, 2, "listener-lost");
	f.server[1] = dead;
	expect(f, 1, NULL);
}

static void what_may_pass_is_given_time(void **state)
{
	struct single_facts f = both(1, hung, well);

	(void)state;
	expect(f, 2, "server-hung");
	f.since_ns = SINGLE_SETTLE_NS - 1;
	expect(f, 1, NULL);
	expect(both(1, hung, hung), 1, NULL);	/* what both share moves nothing */
	expect(both(1, unbound, well), 2, "listener-lost");
}

static void whom_a_new_life_finds_active_is_given_time(void **state)
{
	struct single_facts f = both(2, well, unbound);

	(void)state;
	expect(f, 1, "listener-lost");
	f.waited = false;
	expect(f, 2, NULL);
	f.server[1] = dead;
	expect(f, 1, "process-gone");
	f.server[1] = unbound;
	f.fell = true;
	expect(f, 1, "listener-lost");
}

static void an_operator_asks(void **state)
{
	struct single_facts f = both(1, well, well);

	(void)state;
	f.asked = 2;
	expect(f, 2, "switchover");
	assert_false(single_judge(&f).drains);
	f.drains = true;
	expect(f, 2, "drain");
	assert_true(single_judge(&f).drains);
	f.server[0] = dead;
	expect(f, 2, "process-gone");
	assert_false(single_judge(&f).drains);	/* nothing is left to it */
	f.server[0] = well;
	f.drains = false;
	f.server[1] = hung;
	expect(f, 1, NULL);
	f.forced = true;
	expect(f, 2, "switchover");
	f.asked = 1;
	expect(f, 1, NULL);
}

static void refusals_are_told(void **state)
{
	struct single_facts f = both(1, well, well);

	(void)state;
	assert_null(single_refusal(&f, 2));
	assert_string_equal(single_refusal(&f, 1), "that server is active already");
	f.server[1] = dead;
	assert_string_equal(single_refusal(&f, 2), "the other server does not run");
	f.server[1] = hung;
	assert_string_equal(single_refusal(&f, 2), "the other server is unavailable, its alarm says why");
	f.server[1] = unbound;
	assert_string_equal(single_refusal(&f, 2), "the other server has no socket open where its packets would go");
	f.active = 0;
	assert_string_equal(single_refusal(&f, 2), "no server is active yet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_start),
		cmocka_unit_test(nothing_moves_without_a_cause),
		cmocka_unit_test(a_crash_moves_it_at_once),
		cmocka_unit_test(what_the_kernel_did_is_followed),
		cmocka_unit_test(what_may_pass_is_given_time),
		cmocka_unit_test(whom_a_new_life_finds_active_is_given_time),
		cmocka_unit_test(an_operator_asks),
		cmocka_unit_test(refusals_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
