/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pools in virtual time: who is asked when, who is active, who has died?
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/pool.h"

#define MS	UINT64_C(1000000)
#define S	(1000 * MS)
#define START	(100 * S)
#define LOG_MAX	256
#define NUMBER(term, owner) (BT_WORD(term, owner, 0) >> 24)

#define CHECK(cond, ...) do { if (!(cond)) { print_error("%s:%d: at %.3f s: %s\n    ", __FILE__, __LINE__, \
	(double)(now - START) / S, #cond); print_error(__VA_ARGS__); print_error("\n"); fail(); } } while (0)

static struct pool p;
static uint64_t now;
static uint64_t rtt[3];			/* of each server's answers; 0: none comes */
static struct { uint32_t server, serial; uint64_t at; } answer[LOG_MAX];
static uint32_t n_answers;
static struct { uint32_t server; uint64_t at; } asked[LOG_MAX];
static uint32_t n_asked, n_repeated;

static int setup(void **state)
{
	static const struct pool_times times = { .check_ns = 5 * S, .force_ns = 2 * S, .misses = 10 };

	(void)state;
	memset(&p, 0, sizeof(p));
	memset(rtt, 0, sizeof(rtt));
	n_answers = n_asked = n_repeated = 0;
	now = START;
	pool_set(&p, &times, 2, 1, now);
	return 0;
}

static void note(struct pool_do what)
{
	pool_left(&p, what.server, what.serial, now);
	if (what.act == POOL_REPEAT) {
		n_repeated++;
		return;
	}
	assert_true(n_asked < LOG_MAX && n_answers < LOG_MAX);
	asked[n_asked].server = what.server;
	asked[n_asked++].at = now;
	if (!rtt[what.server])
		return;
	answer[n_answers].server = what.server;
	answer[n_answers].serial = what.serial;
	answer[n_answers++].at = now + rtt[what.server];
}

static bool next_answer(uint64_t until, uint32_t *ret)
{
	uint64_t first = until;
	bool found = false;

	for (uint32_t i = 0; i < n_answers; i++)
		if (answer[i].at < first) {
			first = answer[i].at;
			*ret = i;
			found = true;
		}
	return found;
}

/* Step by step, as the thread does, answers first; what is due at @until is not done yet. */
static void run_until(uint64_t until)
{
	struct pool_do what;
	uint64_t due;
	uint32_t i;

	for (;;) {
		due = pool_due(&p);
		if (next_answer(due < until ? due + 1 : until, &i)) {
			now = answer[i].at > now ? answer[i].at : now;
			pool_answered(&p, answer[i].server, answer[i].serial, now);
			answer[i] = answer[--n_answers];
			continue;
		}
		if (due >= until)
			break;
		now = due > now ? due : now;
		while (what = pool_turn(&p, now), what.act != POOL_REST)
			note(what);
	}
	now = until;
}

static void at(double s)
{
	run_until(START + (uint64_t)(s * (double)S));
}

/* "2@5.0 1@7.0": questions from the @first one on. */
static void check_asked(uint32_t first, const char *want)
{
	char got[1024] = "";
	size_t len = 0;

	for (uint32_t i = first; i < n_asked; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%u@%.2f", len ? " " : "", asked[i].server,
					(double)(asked[i].at - START) / (double)S);
	CHECK(!strcmp(got, want), "asked %s, not %s", got, want);
}

static void is(uint32_t active, enum active_cause cause)
{
	CHECK(p.seen.active == active && p.seen.cause == cause, "active %u by cause %u, not %u by %u", p.seen.active,
	      p.seen.cause, active, cause);
}

static void died(uint32_t one, uint32_t two)
{
	CHECK(p.seen.server[0].deaths == one && p.seen.server[1].deaths == two, "deaths %u and %u, not %u and %u",
	      p.seen.server[0].deaths, p.seen.server[1].deaths, one, two);
}

static struct pool_told told(uint32_t term, uint8_t owner, bool open)
{
	return (struct pool_told){ .number = NUMBER(term, owner), .open = open, .running = true };
}

static void tell(uint32_t server, uint32_t term, uint8_t owner, bool open)
{
	struct pool_told t = told(term, owner, open);

	pool_observed(&p, server, now);
	pool_told(&p, server, &t, now);
}

static void silence(uint32_t server)
{
	for (uint32_t i = 0; i <= p.times.misses; i++)
		pool_observed(&p, server, now);
}

/* And a second later, as often as it was asked meanwhile. */
static void still_silent(uint32_t server)
{
	now += 1 * S;
	pool_observed(&p, server, now);
}

/* ---- OPTIONS ------------------------------------------------------------------------------------- */

static void the_configured_primary_is_active_and_asked_first(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 10 * MS;
	is(1, ACTIVE_START);
	at(0.001);
	check_asked(0, "1@0.00");
	at(0.005);
	is(1, ACTIVE_START);
	at(16);
	is(1, ACTIVE_OPTIONS);
	check_asked(0, "1@0.00 2@0.01 1@5.00 2@5.01 1@10.00 2@10.01 1@15.00 2@15.01");
	CHECK(!n_repeated, "%u repeated", n_repeated);
	CHECK(p.seen.server[0].rtt_us == 10000 && p.seen.server[1].state == SERVER_ANSWERS, "rtt %u us, standby %u",
	      p.seen.server[0].rtt_us, p.seen.server[1].state);
	died(0, 0);
}

/* The guide: no answer within oos-check, then both in turn every oos-force, until one begins to respond; then oos-check again. */
static void silent_primary_both_in_turn_until_one_answers(void **state)
{
	(void)state;
	at(5.0001);
	check_asked(0, "1@0.00 2@5.00");
	is(1, ACTIVE_START);
	CHECK(p.seen.server[0].state == SERVER_SILENT, "state %u", p.seen.server[0].state);
	at(9.0001);
	check_asked(0, "1@0.00 2@5.00 1@7.00 2@9.00");
	at(10);
	rtt[2] = 100 * MS;
	at(13.05);			/* asked at 13, has not answered yet */
	is(0, ACTIVE_SILENT);
	at(13.2);
	is(2, ACTIVE_OPTIONS);
	check_asked(3, "2@9.00 1@11.00 2@13.00 1@13.10");
	at(24);
	check_asked(6, "1@13.10 2@18.10 1@18.20 2@23.10 1@23.20");
	is(2, ACTIVE_OPTIONS);
	died(1, 0);
}

static void active_dies_and_the_other_answers(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(6);
	rtt[1] = 0;
	at(15.0);
	is(1, ACTIVE_OPTIONS);
	died(0, 0);
	at(15.01);			/* asked at 10 without an answer: the other at 15 */
	is(2, ACTIVE_SILENT);
	died(1, 0);
	at(60);
	is(2, ACTIVE_SILENT);
	died(1, 0);
	rtt[1] = 1 * MS;		/* it is back: nobody moves for that */
	at(120);
	is(2, ACTIVE_SILENT);
	CHECK(p.seen.server[0].state == SERVER_ANSWERS, "state %u", p.seen.server[0].state);
	rtt[1] = 0;			/* and dies again */
	at(140);
	died(2, 0);
}

static void both_silent_then_the_same_again_is_no_death(void **state)
{
	(void)state;
	rtt[1] = 1 * MS;
	at(6);
	rtt[1] = 0;
	at(16.9);
	is(1, ACTIVE_OPTIONS);
	at(19.1);			/* 2 from 15 to 17, 1 from 17 to 19: neither */
	is(0, ACTIVE_SILENT);
	died(0, 1);			/* the standby, silent since the beginning: what it knew is gone, once */
	rtt[1] = 1 * MS;
	at(30);
	is(1, ACTIVE_OPTIONS);
	at(60);
	died(0, 1);
	at(90);
	died(0, 1);
}

/* One that answers only every other question of the same check lives, and one lost datagram says nothing. */
static void flapping_and_lost_answers_move_nothing(void **state)
{
	(void)state;
	rtt[2] = 1 * MS;
	for (int i = 0; i < 20; i++) {
		at(5 * i + 0.1);
		CHECK(n_asked >= 1, "nothing asked");
		at(5 * i + 4.5);	/* the last of the repetitions is answered */
		pool_answered(&p, 1, p.server[0].serial, now);
		is(1, ACTIVE_OPTIONS);
	}
	CHECK(n_repeated == 20 * 3, "%u repeated, not 0.5, 1.5 and 3.5 s after each", n_repeated);
	died(0, 0);
}

static void a_late_answer_to_the_check_is_none(void **state)
{
	(void)state;
	at(5.5);
	pool_answered(&p, 1, 1, now);
	is(1, ACTIVE_START);
	CHECK(p.seen.server[0].state == SERVER_SILENT, "a late answer made it %u", p.seen.server[0].state);
	CHECK(p.forcing, "it ended the search");
}

/* Slower than oos-force: its answer comes when the other is asked, and ends the search all the same. */
static void a_slow_answer_of_the_run_counts(void **state)
{
	(void)state;
	rtt[2] = 2500 * MS;
	at(7.4);
	is(1, ACTIVE_START);
	at(7.6);
	is(2, ACTIVE_SILENT);
	died(1, 0);
	at(60);
	is(2, ACTIVE_SILENT);
	died(1, 0);
}

static void copies_strangers_and_old_serials(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	CHECK(pool_answered(&p, 1, 1, now), "a copy");
	CHECK(!pool_answered(&p, 1, 0, now), "serial 0");
	CHECK(!pool_answered(&p, 1, 2, now), "a serial that was never asked");
	at(60);
	CHECK(!pool_answered(&p, 1, 1, now), "a serial of a minute ago");
}

static void flapping_servers_make_no_ping_pong(void **state)
{
	uint32_t moves = 0;
	uint8_t was = 1;

	(void)state;
	rtt[2] = 1 * MS;
	for (int i = 0; i < 600; i++) {		/* the first answers one second in two, the other always */
		rtt[1] = i % 2 ? 1 * MS : 0;
		n_asked = 0;
		at(i);
		moves += p.seen.active != was;
		was = p.seen.active;
	}
	CHECK(moves <= 1, "%u moves", moves);
	is(2, ACTIVE_SILENT);
}

static void one_server_alone(void **state)
{
	static const struct pool_times times = { .check_ns = 5 * S, .force_ns = 2 * S, .misses = 10 };

	(void)state;
	memset(&p, 0, sizeof(p));
	pool_set(&p, &times, 1, 1, now);
	at(9.5);
	check_asked(0, "1@0.00 1@5.00 1@7.00 1@9.00");
	is(0, ACTIVE_SILENT);
	rtt[1] = 1 * MS;
	at(20);
	is(1, ACTIVE_OPTIONS);
	check_asked(4, "1@11.00 1@16.00");
	died(0, 0);
}

static void unchecked_pools_ask_nobody_and_new_times_act_at_once(void **state)
{
	static const struct pool_times none = { .misses = 10 }, fast = { .check_ns = 1 * S, .misses = 10 };

	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	pool_set(&p, &none, 2, 1, now);
	CHECK(pool_due(&p) == POOL_NEVER, "due %.3f", (double)pool_due(&p) / S);
	at(30);
	CHECK(n_asked == 2, "%u asked", n_asked);
	is(1, ACTIVE_OPTIONS);
	pool_set(&p, &fast, 2, 1, now);
	at(32.5);
	check_asked(2, "1@30.00 2@30.00 1@31.00 2@31.00 1@32.00 2@32.00");
}

/* A controller that is started again: who was active is asked first, and stays. */
static void begins_with_whom_is_known(void **state)
{
	static const struct pool_times times = { .check_ns = 5 * S, .force_ns = 2 * S, .misses = 10 };

	(void)state;
	memset(&p, 0, sizeof(p));
	pool_set(&p, &times, 2, 2, now);
	is(2, ACTIVE_START);
	rtt[1] = rtt[2] = 1 * MS;
	at(6);
	check_asked(0, "2@0.00 1@0.00 2@5.00 1@5.00");
	is(2, ACTIVE_OPTIONS);
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void request(uint32_t server)
{
	pool_request(&p, server, now, now);
}

static void a_request_from_the_backup_makes_it_active(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	request(1);
	at(1.5);
	request(2);
	is(2, ACTIVE_REQUEST);
	n_asked = 0;
	at(1.6);
	check_asked(0, "2@1.50 1@1.50");
	died(0, 0);
	at(100);
	is(2, ACTIVE_REQUEST);
	died(0, 0);
	request(1);			/* a switchover back, much later: at once */
	is(1, ACTIVE_REQUEST);
	CHECK(p.seen.since_ns == START + 100 * S, "since %.3f", (double)(p.seen.since_ns - START) / S);
}

static void requests_of_before_are_no_news(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	pool_request(&p, 2, START - 1 * S, now);
	for (int i = 0; i < 100; i++) {		/* and it goes on as it did */
		at(1 + i * 0.5);
		request(2);
	}
	is(1, ACTIVE_OPTIONS);
}

static void requests_from_both_make_no_ping_pong(void **state)
{
	uint32_t moves = 0;
	uint8_t was = 1;

	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	for (int i = 0; i < 500; i++) {
		n_asked = 0;
		at(1 + i * 0.3);
		request(1 + (uint32_t)(i % 3 == 0));
		moves += p.seen.active != was;
		was = p.seen.active;
	}
	CHECK(moves == 1, "%u moves", moves);
}

/* So seldom that each is the first after a silence: ever slower, never at every request. */
static void seldom_requests_from_both_are_damped(void **state)
{
	uint32_t moves = 0;
	uint8_t was = 1;

	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	for (int i = 0; i < 500; i++) {
		n_asked = 0;
		at(1 + i * 7.0);
		request(1 + (uint32_t)(i % 2));
		moves += p.seen.active != was;
		was = p.seen.active;
	}
	CHECK(moves >= 1 && moves <= 20, "%u moves in %d requests of both", moves, 500);
}

static void a_request_ends_the_search(void **state)
{
	(void)state;
	at(12);
	is(0, ACTIVE_SILENT);
	request(1);
	is(1, ACTIVE_REQUEST);
	died(0, 1);			/* it did not answer, and another is active */
}

/* ---- pulses -------------------------------------------------------------------------------------- */

static void the_open_gate_is_active_at_once(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	tell(1, 7, 1, false);
	is(1, ACTIVE_OPTIONS);
	tell(2, 7, 2, true);
	is(2, ACTIVE_PULSE);
	CHECK(p.seen.server[0].role == 1 && p.seen.server[1].role == 2 && p.seen.server[1].term == 7, "roles %u %u term %u",
	      p.seen.server[0].role, p.seen.server[1].role, p.seen.server[1].term);
	died(0, 0);
	request(1);			/* whatever else says otherwise */
	is(2, ACTIVE_PULSE);
	rtt[2] = 0;
	for (int i = 0; i < 60; i++) {
		at(2 + i);
		tell(1, 7, 1, false);
		tell(2, 7, 2, true);
	}
	is(2, ACTIVE_PULSE);
	CHECK(p.seen.server[1].state == SERVER_SILENT, "state %u", p.seen.server[1].state);
	died(0, 0);
}

static void a_planned_switchover_is_no_death(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	tell(1, 7, 1, true);
	tell(2, 7, 1, false);
	is(1, ACTIVE_START);
	tell(1, 7, 1, false);		/* nobody, for a moment */
	is(1, ACTIVE_START);
	CHECK(!p.forcing, "a hand-over began a search");
	tell(2, 8, 2, true);
	is(2, ACTIVE_PULSE);
	tell(1, 8, 2, false);
	at(60);
	is(2, ACTIVE_PULSE);
	died(0, 0);
}

static void of_two_the_higher_number(void **state)
{
	(void)state;
	tell(2, 8, 2, true);
	tell(1, 7, 1, true);
	is(2, ACTIVE_PULSE);
	tell(1, 9, 1, true);
	is(1, ACTIVE_PULSE);
	for (int i = 0; i < 100; i++) {
		tell(2, 8, 2, true);
		tell(1, 9, 1, true);
		is(1, ACTIVE_PULSE);
	}
	CHECK(!p.seen.server[0].deaths && !p.seen.server[1].deaths, "a death");
}

static void the_host_dies_and_the_other_opens(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	tell(1, 7, 1, true);
	tell(2, 7, 1, false);
	rtt[1] = 0;
	silence(1);
	is(1, ACTIVE_OPTIONS);
	died(0, 0);
	CHECK(p.forcing, "nobody is asked");
	tell(2, 8, 2, true);
	is(2, ACTIVE_PULSE);
	died(0, 0);
	still_silent(1);
	died(1, 0);
	CHECK(!p.forcing, "the search goes on");
	tell(1, 8, 2, false);		/* booted again */
	at(60);
	is(2, ACTIVE_PULSE);
	died(1, 0);
}

/* The other way round: its silence is known only after the other has opened. */
static void the_other_opens_and_then_the_host_is_silent(void **state)
{
	(void)state;
	tell(1, 7, 1, true);
	tell(2, 8, 2, true);
	is(2, ACTIVE_PULSE);
	died(0, 0);
	silence(1);
	died(0, 0);
	CHECK(!p.seen.server[0].role, "still heard");
	tell(1, 8, 2, false);		/* a moment without answers is no death */
	still_silent(1);
	died(0, 0);
	silence(1);
	died(1, 0);
	still_silent(1);
	died(1, 0);
}

static void server_not_well_after_its_role_has_gone_is_a_death(void **state)
{
	struct pool_told t = told(7, 1, false);

	(void)state;
	tell(1, 7, 1, true);
	tell(1, 7, 1, false);
	tell(2, 8, 2, true);
	died(0, 0);
	t.running = false;
	pool_told(&p, 1, &t, now);
	died(1, 0);
	t.running = true;
	pool_told(&p, 1, &t, now);
	t.running = false;
	pool_told(&p, 1, &t, now);
	died(2, 0);
}

static void a_controller_that_said_it_stops_is_no_death(void **state)
{
	struct pool_told t = told(7, 1, false);

	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	tell(2, 8, 2, true);
	t.stopping = true;
	pool_told(&p, 1, &t, now);
	silence(1);
	at(20);
	is(2, ACTIVE_PULSE);
	died(0, 0);
}

static void pulses_end_and_options_go_on_at_once(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	at(1);
	tell(1, 7, 1, false);
	tell(2, 7, 2, true);
	is(2, ACTIVE_PULSE);
	at(3);
	n_asked = 0;
	rtt[2] = 0;
	silence(2);
	silence(1);
	at(3.001);
	check_asked(0, "2@3.00");
	at(5.1);
	is(1, ACTIVE_SILENT);
	died(0, 1);
	at(6);
	tell(2, 9, 2, true);		/* and come again */
	is(2, ACTIVE_PULSE);
	pool_unobserved(&p, now);	/* and are not asked for any more */
	CHECK(!p.ruled && !p.seen.server[1].role, "ruled %d role %u", p.ruled, p.seen.server[1].role);
}

static void nobody_open_for_long_leaves_it_to_options(void **state)
{
	(void)state;
	rtt[1] = rtt[2] = 1 * MS;
	tell(1, 7, 1, true);
	tell(1, 7, 1, false);
	tell(2, 7, 1, false);
	at(6);
	rtt[1] = 0;
	at(14.9);
	is(1, ACTIVE_OPTIONS);
	at(15.1);
	is(2, ACTIVE_SILENT);
}

static void nine_misses_are_not_ten(void **state)
{
	struct pool_told t = told(7, 1, true);

	(void)state;
	for (int round = 0; round < 100; round++) {
		pool_told(&p, 1, &t, now);
		for (uint32_t i = 0; i < p.times.misses; i++)
			pool_observed(&p, 1, now);
		CHECK(p.seen.server[0].role == 2, "role %u after %u questions", p.seen.server[0].role, p.times.misses);
	}
	pool_observed(&p, 1, now);
	CHECK(p.seen.server[0].role == 0, "role %u after ten without an answer", p.seen.server[0].role);
}

static void a_host_without_the_group_says_nothing(void **state)
{
	(void)state;
	tell(2, 7, 2, true);
	is(2, ACTIVE_PULSE);
	pool_told(&p, 2, NULL, now);
	CHECK(!p.ruled && p.seen.server[1].role == 0, "role %u", p.seen.server[1].role);
	is(2, ACTIVE_PULSE);
	died(0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(the_configured_primary_is_active_and_asked_first), T(silent_primary_both_in_turn_until_one_answers),
		T(active_dies_and_the_other_answers), T(both_silent_then_the_same_again_is_no_death),
		T(flapping_and_lost_answers_move_nothing), T(a_late_answer_to_the_check_is_none),
		T(a_slow_answer_of_the_run_counts), T(copies_strangers_and_old_serials),
		T(flapping_servers_make_no_ping_pong), T(one_server_alone), T(begins_with_whom_is_known),
		T(unchecked_pools_ask_nobody_and_new_times_act_at_once),
		T(a_request_from_the_backup_makes_it_active), T(requests_of_before_are_no_news),
		T(requests_from_both_make_no_ping_pong), T(seldom_requests_from_both_are_damped), T(a_request_ends_the_search),
		T(the_open_gate_is_active_at_once), T(a_planned_switchover_is_no_death), T(of_two_the_higher_number),
		T(the_host_dies_and_the_other_opens), T(the_other_opens_and_then_the_host_is_silent),
		T(server_not_well_after_its_role_has_gone_is_a_death), T(a_controller_that_said_it_stops_is_no_death),
		T(pulses_end_and_options_go_on_at_once), T(nobody_open_for_long_leaves_it_to_options),
		T(nine_misses_are_not_ten), T(a_host_without_the_group_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
