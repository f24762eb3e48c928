/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_init_check: whose readiness is judged, from when on, and what is told to be missing? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/init_check.h"

#define S	UINT64_C(1000000000)
#define T0	(1000 * S)
#define PORTS	INIT_BIT(INIT_PORTS)
#define DIGEST	INIT_BIT(INIT_DIGEST)

static struct init_check check;

static int fresh(void **state)
{
	(void)state;
	memset(&check, 0, sizeof(check));
	return 0;
}

/* A backup whose peer is heard, @at after its start. */
static struct init_verdict look(uint64_t at, uint32_t missing)
{
	struct init_facts f = { .peer_heard = true, .missing = missing, .timeout_ns = 60 * S, .now_ns = T0 + at };

	return init_judge(&check, &f);
}

static struct init_verdict look_alone(uint64_t at, uint32_t missing)
{
	struct init_facts f = { .missing = missing, .timeout_ns = 60 * S, .now_ns = T0 + at };

	return init_judge(&check, &f);
}

static void serve(uint64_t at, uint32_t missing)
{
	struct init_facts f = { .primary = true, .peer_heard = true, .missing = missing, .timeout_ns = 60 * S, .now_ns = T0 + at };
	struct init_verdict v = init_judge(&check, &f);

	if (v.fact != FACT_NOT_WATCHED || v.next_ns || v.first != INIT__N)
		fail_msg("a primary was judged: fact=%d first=%d next=%llu", v.fact, v.first, (unsigned long long)v.next_ns);
}

static void expect(struct init_verdict v, enum fact_health fact, enum init_part first)
{
	if (v.fact != fact || v.first != first)
		fail_msg("fact=%d, wanted %d; missing \"%s\", wanted \"%s\"", v.fact, fact, init_part_text(v.first), init_part_text(first));
}

static void it_has_its_time(void **state)
{
	(void)state;
	expect(look(0, PORTS), FACT_NOT_WATCHED, INIT_PORTS);
	assert_int_equal(look(10 * S, PORTS).next_ns, T0 + 60 * S);
	expect(look(60 * S - 1, PORTS), FACT_NOT_WATCHED, INIT_PORTS);
	expect(look(60 * S, PORTS), FACT_FAILED, INIT_PORTS);
	assert_int_equal(look(61 * S, PORTS).next_ns, 0);
}

static void later_is_well(void **state)
{
	(void)state;
	look(0, PORTS);
	expect(look(70 * S, PORTS), FACT_FAILED, INIT_PORTS);
	expect(look(71 * S, 0), FACT_WELL, INIT__N);
}

/* What breaks afterwards has its own monitor; a path that goes down must not cost the pair its backup. */
static void once_ready_is_enough(void **state)
{
	(void)state;
	look(0, DIGEST);
	expect(look(1 * S, 0), FACT_WELL, INIT__N);
	expect(look(2 * S, PORTS | DIGEST), FACT_WELL, INIT__N);
	expect(look(900 * S, PORTS | DIGEST), FACT_WELL, INIT__N);
}

static void all_at_once(void **state)
{
	(void)state;
	look(0, PORTS);
	look(1 * S, DIGEST);
	expect(look(60 * S, PORTS), FACT_FAILED, INIT_PORTS);
}

static void a_primary_is_not_judged(void **state)
{
	(void)state;
	look(0, PORTS);
	serve(59 * S, PORTS);
	serve(600 * S, PORTS);
	expect(look(601 * S, PORTS), FACT_NOT_WATCHED, INIT_PORTS);
	expect(look(661 * S, PORTS), FACT_FAILED, INIT_PORTS);
	serve(662 * S, PORTS);
}

static void ready_is_asked_anew_of_every_new_backup(void **state)
{
	(void)state;
	look(0, 0);
	serve(10 * S, 0);
	look(20 * S, PORTS);
	expect(look(80 * S, PORTS), FACT_FAILED, INIT_PORTS);
}

/* Its peer dead, nothing that only a peer can show makes the last host unfit; what is its own does. */
static void without_a_peer(void **state)
{
	(void)state;
	look_alone(0, INIT_OF_PEER);
	expect(look_alone(600 * S, INIT_OF_PEER), FACT_WELL, INIT__N);
	expect(look_alone(601 * S, INIT_OF_PEER | PORTS), FACT_FAILED, INIT_PORTS);
}

static void a_peer_that_comes_is_given_its_time(void **state)
{
	(void)state;
	look_alone(0, INIT_OF_PEER);
	expect(look(600 * S, INIT_OF_PEER), FACT_NOT_WATCHED, INIT_DIGEST);
	expect(look(659 * S, INIT_OF_PEER), FACT_NOT_WATCHED, INIT_DIGEST);
	expect(look(660 * S, INIT_OF_PEER), FACT_FAILED, INIT_DIGEST);
	expect(look(661 * S, 0), FACT_WELL, INIT__N);
	expect(look_alone(662 * S, INIT_OF_PEER | PORTS), FACT_WELL, INIT__N);	/* it was ready */
}

static void each_part_has_words(void **state)
{
	(void)state;
	for (int p = 0; p < INIT__N; p++) {
		fresh(NULL);
		expect(look(0, INIT_BIT(p)), FACT_NOT_WATCHED, p);
		assert_true(strlen(init_part_text(p)) > 10);
	}
	assert_string_equal(init_part_text(INIT__N), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_has_its_time, fresh),
		cmocka_unit_test_setup(later_is_well, fresh),
		cmocka_unit_test_setup(once_ready_is_enough, fresh),
		cmocka_unit_test_setup(all_at_once, fresh),
		cmocka_unit_test_setup(a_primary_is_not_judged, fresh),
		cmocka_unit_test_setup(ready_is_asked_anew_of_every_new_backup, fresh),
		cmocka_unit_test_setup(without_a_peer, fresh),
		cmocka_unit_test_setup(a_peer_that_comes_is_given_its_time, fresh),
		cmocka_unit_test_setup(each_part_has_words, fresh),
	};

	return cmocka_run_group_tests_name("init_check", tests, NULL, NULL);
}
