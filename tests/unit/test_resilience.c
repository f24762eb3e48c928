/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two hosts and the same trunks, in virtual time: who gives up, and who must not?
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/resilience.h"

#define MS	UINT64_C(1000000)
#define S	(1000 * MS)
#define STEP	(20 * MS)
#define TRUNKS	3
#define CHECK	(5 * S)
#define FORCE	(2 * S)

static struct host {
	struct ping trunk[TRUNKS];
	struct resilience r;
	enum fact_health fact;
	bool cut[TRUNKS];		/* nothing of it arrives here */
	bool said;			/* evidence, as the other hears it: a step later */
	uint32_t falls;			/* how often it became unavailable */
} host[2];
static uint64_t now;
static uint64_t phase_ns;	/* the second asks so much later */
static bool linked;

static void start(void)
{
	for (int h = 0; h < 2; h++)
		for (uint32_t i = 0; i < TRUNKS; i++)
			ping_set(&host[h].trunk[i], CHECK, FORCE, now + (uint64_t)h * phase_ns + i * 5 * MS);
}

static int setup(void **state)
{
	(void)state;
	memset(host, 0, sizeof(host));
	now = 100 * S;
	linked = true;
	phase_ns = 1700 * MS;
	return 0;
}

static void turn_pings(struct host *h)
{
	bool changed = false;

	for (uint32_t i = 0; i < TRUNKS; i++) {
		enum ping_act act = ping_turn(&h->trunk[i], now, &changed);

		if (act != PING_REST && !h->cut[i])
			ping_answered(&h->trunk[i], h->trunk[i].serial, 200, now, &changed);
	}
}

static void turn_host(struct host *h, const struct host *peer)
{
	enum fact_health was = h->fact;
	struct resilience_look look;
	bool ask = false;

	turn_pings(h);
	resilience_begin(&look);
	look.peer_fresh = linked;
	look.peer_oos = linked && peer->said;
	for (uint32_t i = 0; i < TRUNKS; i++)
		resilience_add(&look, &h->trunk[i].seen, FORCE);
	h->fact = resilience_turn(&h->r, &look, now, &ask);
	for (uint32_t i = 0; ask && i < TRUNKS; i++)
		ping_hurry(&h->trunk[i], now + i * RESILIENCE_PACE_NS);
	h->falls += h->fact == FACT_FAILED && was != FACT_FAILED;
}

static void run(uint64_t ns)
{
	for (uint64_t end = now + ns; now < end; now += STEP) {
		turn_host(&host[0], &host[1]);
		turn_host(&host[1], &host[0]);
		host[0].said = host[0].r.out;
		host[1].said = host[1].r.out;
	}
}

static void cut(struct host *h, bool off)
{
	for (uint32_t i = 0; i < TRUNKS; i++)
		h->cut[i] = off;
}

static void nobody_falls(const char *when)
{
	if (host[0].falls || host[1].falls)
		fail_msg("%s: fell %u and %u times", when, host[0].falls, host[1].falls);
}

static void all_out_here_alone_is_a_verdict_after_one_more_check(void **state)
{
	uint64_t cut_ns, out_ns = 0;

	(void)state;
	start();
	run(20 * S);
	cut(&host[0], true);
	cut_ns = now;
	while (host[0].fact != FACT_FAILED && now < cut_ns + 60 * S) {
		run(STEP);
		if (host[0].r.out && !out_ns)
			out_ns = now;
	}
	assert_int_equal(host[0].fact, FACT_FAILED);
	assert_true(out_ns <= cut_ns + CHECK + FORCE + 2 * STEP);
	assert_true(now >= out_ns + FORCE + RESILIENCE_GRACE_NS);
	assert_true(now <= out_ns + FORCE + RESILIENCE_GRACE_NS + 200 * MS);
	assert_int_equal(host[1].fact, FACT_WELL);
	cut(&host[0], false);
	run(FORCE + 200 * MS);
	assert_int_equal(host[0].fact, FACT_WELL);
	run(60 * S);
	assert_int_equal(host[0].falls, 1);
	assert_int_equal(host[1].falls, 0);
}

static void one_that_answers_is_enough(void **state)
{
	(void)state;
	start();
	run(20 * S);
	cut(&host[0], true);
	host[0].cut[1] = false;
	run(60 * S);
	assert_false(host[0].r.out);
	nobody_falls("one trunk is left");
}

static void one_that_comes_back_in_the_last_check_is_enough(void **state)
{
	(void)state;
	start();
	run(20 * S);
	cut(&host[0], true);
	while (!host[0].r.out)
		run(STEP);
	host[0].cut[2] = false;
	run(60 * S);
	nobody_falls("it came back for the last check");
}

/* Whatever the phases of their questions: the other has the time to see the same. */
static void what_both_see_moves_nothing_in_either_order(void **state)
{
	for (uint64_t shift = 0; shift < 15 * S; shift += 130 * MS)
		for (int first = 0; first < 2; first++) {
			char when[64];

			setup(state);
			phase_ns = shift * 7 % (5 * S);
			start();
			run(15 * S + shift % (5 * S));
			cut(&host[first], true);
			run(shift % (500 * MS));
			cut(&host[!first], true);
			run(60 * S);
			assert_true(host[0].r.out && host[1].r.out);
			snprintf(when, sizeof(when), "shift %llu ms, first %d", (unsigned long long)(shift / MS), first);
			nobody_falls(when);
			cut(&host[first], false);		/* and back, within a look of each other */
			run(shift % (FORCE - 200 * MS));
			cut(&host[!first], false);
			run(60 * S);
			nobody_falls("both came back");
		}
}

/* The second dies long after the first fell: the first is well again, the second stays. */
static void when_the_other_follows_nobody_is_unavailable(void **state)
{
	(void)state;
	start();
	run(20 * S);
	cut(&host[0], true);
	run(30 * S);
	assert_int_equal(host[0].fact, FACT_FAILED);
	cut(&host[1], true);
	run(30 * S);
	assert_int_equal(host[0].fact, FACT_WELL);
	assert_int_equal(host[1].fact, FACT_WELL);
	run(300 * S);
	assert_int_equal(host[0].falls + host[1].falls, 1);
	cut(&host[0], false);				/* one side recovers for good: the other gives up, after a look */
	run(30 * S);
	assert_int_equal(host[0].fact, FACT_WELL);
	assert_int_equal(host[1].fact, FACT_FAILED);
}

static void without_a_peer_nothing_is_decided(void **state)
{
	(void)state;
	start();
	run(20 * S);
	linked = false;
	cut(&host[0], true);
	run(60 * S);
	nobody_falls("no peer");
	assert_true(host[0].r.out);
	linked = true;					/* it may be a new one that has not looked yet */
	run(FORCE);
	nobody_falls("the peer is just back");
	run(10 * S);
	assert_int_equal(host[0].fact, FACT_FAILED);
	linked = false;
	run(10 * S);
	assert_int_equal(host[0].fact, FACT_FAILED);	/* a lost pulse does not heal trunks */
}

static void nothing_to_check_is_not_watched(void **state)
{
	struct resilience_look look;
	bool ask = false;

	(void)state;
	resilience_begin(&look);
	look.peer_fresh = look.peer_oos = true;
	assert_int_equal(resilience_turn(&host[0].r, &look, now, &ask), FACT_NOT_WATCHED);
	assert_false(ask);
	assert_false(host[0].r.out);
}

/* The time is over, but a question never left: silence proves nothing. */
static void who_was_not_asked_once_more_is_not_given_up(void **state)
{
	struct resilience_look look = { .n = 1, .out = 1, .silent_to_ns = now - S, .force_ns = FORCE, .peer_fresh = true };
	bool ask = false;

	(void)state;
	assert_int_equal(resilience_turn(&host[0].r, &look, now, &ask), FACT_WELL);
	assert_true(ask);
	for (int i = 0; i < 100; i++)
		assert_int_equal(resilience_turn(&host[0].r, &look, now += 200 * MS, &ask), FACT_WELL);
	look.silent_to_ns = now;
	assert_int_equal(resilience_turn(&host[0].r, &look, now += 200 * MS, &ask), FACT_FAILED);
}

static void places_count_strictly(void **state)
{
	struct conf_tserver opt = { 0 };
	struct conf_device d = { .service_type = "trunk", .oos_check_s = 5 };

	(void)state;
	assert_true(resilience_counts(&opt, &d, "trunk"));
	assert_false(resilience_counts(&opt, &d, "msml"));
	strcpy(opt.geo_location, "east");
	assert_false(resilience_counts(&opt, &d, "trunk"));
	strcpy(d.geo_location, "east");
	assert_true(resilience_counts(&opt, &d, "trunk"));
	strcpy(d.geo_location, "west");
	assert_false(resilience_counts(&opt, &d, "trunk"));
	strcpy(opt.alternative_geo_location, "north west");
	assert_true(resilience_counts(&opt, &d, "trunk"));
	strcpy(opt.alternative_geo_location, "north westend");
	assert_false(resilience_counts(&opt, &d, "trunk"));
	strcpy(d.geo_location, "north");
	assert_true(resilience_counts(&opt, &d, "trunk"));
	d.oos_check_s = 0;
	assert_false(resilience_counts(&opt, &d, "trunk"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_out_here_alone_is_a_verdict_after_one_more_check, setup),
		cmocka_unit_test_setup(one_that_answers_is_enough, setup),
		cmocka_unit_test_setup(one_that_comes_back_in_the_last_check_is_enough, setup),
		cmocka_unit_test_setup(what_both_see_moves_nothing_in_either_order, setup),
		cmocka_unit_test_setup(when_the_other_follows_nobody_is_unavailable, setup),
		cmocka_unit_test_setup(without_a_peer_nothing_is_decided, setup),
		cmocka_unit_test_setup(nothing_to_check_is_not_watched, setup),
		cmocka_unit_test_setup(who_was_not_asked_once_more_is_not_given_up, setup),
		cmocka_unit_test_setup(places_count_strictly, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
