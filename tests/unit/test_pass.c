/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pass: a pair in virtual time. Two instances hear each other's flags and pass the role between them as the
 * conductor would: whoever fails gives it to the other.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/pass.h"
#include "pulse_wire.h"

#define MS	UINT64_C(1000000)
#define SEC	(1000 * MS)
#define STEP	(20 * MS)
#define PERIOD	(10 * SEC)
#define MOVES_MAX 64

struct side {
	struct pass pass;
	struct pass_seen seen;
	struct pass_says says;
	uint32_t said;			/* its flags, as the other hears them */
	bool sees_device;
};

struct world {
	struct side side[2];
	int holder;
	uint64_t now, begun;
	uint64_t held_ms[MOVES_MAX];	/* how long each hold that ended lasted */
	uint32_t moves;
	bool stays;			/* nobody can take the role */
};

static void give(struct world *w, int to)
{
	for (int i = 0; i < 2; i++)
		w->side[i].seen.primary = i == to;
	w->side[to].seen.primary_ns = w->now;
	w->holder = to;
	w->begun = w->now;
}

static void turn(struct world *w, int i)
{
	struct side *s = &w->side[i];

	s->seen.peer_flags = w->side[1 - i].said;
	if (s->sees_device)
		s->seen.device_ns = w->now;
	pass_turn(&s->pass, &s->seen, w->now, &s->says);
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000 * SEC;
	for (int i = 0; i < 2; i++)
		w->side[i].seen = (struct pass_seen){ .on = true, .period_ns = PERIOD, .peer_fresh = true };
	give(w, 0);
	for (int i = 0; i < 2; i++)
		turn(w, i);
}

/* To the next step, or to a deadline that comes before it, as the main loop does. */
static void step(struct world *w)
{
	uint64_t next = w->now + STEP;

	for (int i = 0; i < 2; i++)
		if (w->side[i].says.next_ns > w->now && w->side[i].says.next_ns < next)
			next = w->side[i].says.next_ns;
	w->now = next;
	for (int i = 0; i < 2; i++)
		turn(w, i);
	for (int i = 0; i < 2; i++)
		w->side[i].said = w->side[i].says.evidence;
	if (w->side[w->holder].says.traffic != FACT_FAILED || w->stays)
		return;
	if (w->moves < MOVES_MAX)
		w->held_ms[w->moves] = (w->now - w->begun) / MS;
	w->moves++;
	give(w, 1 - w->holder);
	turn(w, 1 - w->holder);		/* who gave it up says so before the other has it */
	w->side[1 - w->holder].said = w->side[1 - w->holder].says.evidence;
}

static void run(struct world *w, uint64_t ns)
{
	for (uint64_t end = w->now + ns; w->now < end; )
		step(w);
}

static void want_holds(const struct world *w, const uint32_t *factors, uint32_t n)
{
	if (w->moves != n)
		fail_msg("%u moves, expected %u; the last hold took %lu ms", w->moves, n,
			 w->moves ? (long)w->held_ms[(w->moves - 1) % MOVES_MAX] : 0);
	for (uint32_t i = 0; i < n; i++)
		if (w->held_ms[i] != factors[i] * PERIOD / MS)
			fail_msg("hold %u took %lu ms, not %u periods of %lu ms", i + 1, (long)w->held_ms[i], factors[i],
				 (long)(PERIOD / MS));
}

/* Hours: 1, 2, 4 and 4 for ever, each hold to the millisecond. */
static void test_both_blind(void **state)
{
	uint32_t factors[40] = { 1, 2, 4 };
	struct world w;

	(void)state;
	for (int i = 3; i < 40; i++)
		factors[i] = 4;
	world_init(&w);
	run(&w, (1 + 2 + 38 * 4) * PERIOD + PERIOD);
	want_holds(&w, factors, 40);
}

/* Where one sees, the role comes to rest; what happens after is counted from one again. */
static void test_one_sees(void **state)
{
	const uint32_t until[] = { 1 };
	struct world w;

	(void)state;
	world_init(&w);
	w.side[1].sees_device = true;
	run(&w, 3600 * SEC);
	want_holds(&w, until, 1);
	assert_int_equal(w.holder, 1);
	assert_int_equal(PULSE_F_PASS(w.side[1].says.evidence), 0);
}

static void test_traffic_resets(void **state)
{
	const uint32_t factors[] = { 1, 2, 4 };
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, 7 * PERIOD + PERIOD);		/* b's second hold began a period ago, at x4 */
	want_holds(&w, factors, 3);
	assert_int_equal(PULSE_F_PASS(w.side[w.holder].says.evidence), 2);
	w.side[w.holder].seen.sip_ns = w.now;
	w.begun = w.now;			/* from the sign on: 1, 2, 4 once more */
	w.moves = 0;
	run(&w, 7 * PERIOD + PERIOD);
	want_holds(&w, factors, 3);
}

/* The other host's devices answer again: that is a sign too, and the blind holder gives the role back after one period. */
static void test_backup_sees_again(void **state)
{
	const uint32_t factors[] = { 1, 1 };
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, PERIOD + 10 * MS);
	assert_int_equal(w.holder, 1);
	run(&w, PERIOD / 4);
	assert_int_equal(PULSE_F_PASS(w.side[1].says.evidence), 1);
	w.side[0].sees_device = true;
	run(&w, 10 * PERIOD);
	want_holds(&w, factors, 2);
	assert_int_equal(w.holder, 0);
	assert_false(w.side[1].says.evidence & PULSE_F_NO_SIP && w.side[0].says.evidence & PULSE_F_NO_SIP);
}

/* The verdict outlives the role a moment, so that the host that gave it up does not claim it at once, and no longer. */
static void test_hand_over(void **state)
{
	struct world w;
	uint64_t moved;

	(void)state;
	world_init(&w);
	while (!w.moves)
		step(&w);
	moved = w.now;
	for (; w.now < moved + PASS_HANDOVER_NS - STEP; step(&w))
		assert_int_equal(w.side[0].says.traffic, FACT_FAILED);
	run(&w, 3 * STEP);
	assert_int_equal(w.side[0].says.traffic, FACT_WELL);
	assert_true(w.side[0].says.evidence & PULSE_F_NO_SIP);
	assert_int_equal(w.side[1].says.traffic, FACT_WELL);
}

/* Nobody takes it: the verdict stands, and falls with the first sign. */
static void test_no_taker(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.stays = true;
	run(&w, 20 * PERIOD);
	assert_int_equal(w.side[0].says.traffic, FACT_FAILED);
	w.side[0].seen.sip_ns = w.now;
	run(&w, STEP);
	assert_int_equal(w.side[0].says.traffic, FACT_WELL);
	assert_int_equal(w.side[0].says.evidence, 0);
}

/* The role is moved for another reason: an old verdict of the other does not lengthen what follows. */
static void test_other_reason(void **state)
{
	const uint32_t factors[] = { 1 };
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, PERIOD + PERIOD / 2);		/* a gave it to b; b is at x2 */
	give(&w, 0);				/* an operator takes it back */
	w.moves = 0;
	run(&w, PERIOD + 10 * MS);
	want_holds(&w, factors, 1);
}

static void test_at_once(void **state)
{
	const uint32_t factors[] = { 1 };
	struct world w;

	(void)state;
	world_init(&w);
	w.side[0].seen.on = w.side[1].seen.on = false;
	run(&w, 100 * PERIOD);
	assert_int_equal(w.moves, 0);
	assert_int_equal(w.side[0].says.traffic, FACT_NOT_WATCHED);
	w.side[0].seen.on = w.side[1].seen.on = true;
	w.begun = w.now + STEP;			/* not from the hold's beginning: nobody looked until now */
	run(&w, PERIOD + 2 * STEP);
	want_holds(&w, factors, 1);
	w.side[0].seen.on = w.side[1].seen.on = false;
	run(&w, STEP);
	assert_int_equal(w.side[0].says.evidence | w.side[1].says.evidence, 0);
}

static uint64_t period_s(const struct conf_device *devices, uint32_t n, bool *ret_any)
{
	static struct conf conf;

	conf.n_devices = n;
	memcpy(conf.devices, devices, n * sizeof(*devices));
	return pass_period_ns(&conf, ret_any) / SEC;
}

static void test_period(void **state)
{
	const struct conf_device d[] = {
		{ .oos_check_s = 0, .oos_force_s = 30 },	/* not checked */
		{ .oos_check_s = 1, .oos_force_s = 1 },
		{ .oos_check_s = 7, .oos_force_s = 6 },
		{ .oos_check_s = 9, .oos_force_s = 0 },
	};
	bool any;

	(void)state;
	assert_int_equal(period_s(d, 0, &any), PASS_PERIOD_S);
	assert_false(any);
	assert_int_equal(period_s(d, 1, &any), PASS_PERIOD_S);
	assert_false(any);
	assert_int_equal(period_s(d, 2, &any), 6);
	assert_true(any);
	assert_int_equal(period_s(d, 3, &any), 13);
	assert_int_equal(period_s(d, 4, &any), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_blind),
		cmocka_unit_test(test_one_sees),
		cmocka_unit_test(test_traffic_resets),
		cmocka_unit_test(test_backup_sees_again),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_no_taker),
		cmocka_unit_test(test_other_reason),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
