/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hang: a pair and its SIP servers in virtual time. Each server may be made to answer late, to drop what it does
 * not like, or to hang; each host counts what comes in and goes out, asks its own server, and hears the other's flags.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/hang.h"
#include "pulse_wire.h"

#define US	UINT64_C(1000)
#define MS	UINT64_C(1000000)
#define SEC	(1000 * MS)
#define TICK	(500 * US)
#define LOOK	(25 * MS)		/* the main loop comes by at least so often */
#define OWN	(5 * SEC)		/* between two OPTIONS that go to the own server all the while */
#define TIMEOUT	(300 * MS)

struct server {
	bool hung, drops_options, drops_requests;
	uint64_t delay;
};

struct host {
	struct hang hang;
	struct hang_seen seen;
	struct hang_says says;
	struct server server;
	uint32_t said;			/* flags on their way to the other */
	uint64_t look_ns, own_ns;
	uint64_t left_ns, gap_ns;	/* a burst: its first, */
	uint32_t left, burst;		/* how many still leave, of how many */
	uint64_t reply_ns, reply_to_ns;	/* an answer on its way */
	uint64_t answer_ns;		/* a response on its way */
	uint32_t askings;
	uint64_t failed_ns;		/* first verdict; 0: none */
};

struct world {
	struct host host[2];		/* 0 is the primary */
	uint64_t now, period, next_request_ns;
	bool deaf;			/* nothing is heard between them */
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000 * SEC;
	w->period = 10 * MS;
	for (int i = 0; i < 2; i++) {
		hang_init(&w->host[i].hang);
		w->host[i].seen = (struct hang_seen){ .timeout_ns = TIMEOUT, .primary = !i };
		w->host[i].server.delay = MS;
	}
}

/* ---- servers and the pinger ------------------------------------------------------------------------- */

static void send_options(struct host *h, uint64_t now)
{
	if (h->server.hung || h->server.drops_options)
		return;
	h->reply_ns = now + h->server.delay;
	h->reply_to_ns = now;
}

static void ping(struct host *h, uint64_t now)
{
	if (now >= h->own_ns) {
		h->own_ns = now + OWN;
		send_options(h, now);
	}
	if (h->left && now >= h->left_ns + (h->burst - h->left) * h->gap_ns) {
		h->left--;
		send_options(h, now);
	}
	if (h->reply_ns && now >= h->reply_ns && !h->server.hung) {
		h->seen.answered_to_ns = h->reply_to_ns;
		h->reply_ns = 0;
		h->look_ns = now;	/* it wakes the loop */
	}
	if (h->burst && !h->seen.ended &&
	    (h->seen.answered_to_ns >= h->left_ns || now >= h->left_ns + h->burst * h->gap_ns)) {
		h->seen.ended = true;
		h->look_ns = now;
	}
}

static void serve(struct host *h, uint64_t now, bool request)
{
	if (request) {
		h->seen.requests++;
		if (h->seen.request_ns <= h->seen.response_ns)
			h->seen.request_ns = now;
		if (!h->server.drops_requests && !h->answer_ns)
			h->answer_ns = now + h->server.delay;
	}
	if (h->server.hung || !h->answer_ns || now < h->answer_ns)
		return;
	h->answer_ns = 0;
	h->seen.response_ns = now;
}

/* ---- the hosts ---------------------------------------------------------------------------------------- */

static void look(struct world *w, struct host *h)
{
	hang_turn(&h->hang, &h->seen, w->now, &h->says);
	if (h->says.ask) {
		h->left_ns = w->now;
		h->left = h->burst = h->says.ask;
		h->gap_ns = HANG_GAP_NS;
		h->seen.ended = false;
		h->askings++;
		hang_asked(&h->hang, w->now);
	}
	if (h->says.answers == FACT_FAILED && !h->failed_ns)
		h->failed_ns = w->now;
	h->look_ns = w->now + LOOK < h->says.next_ns ? w->now + LOOK : h->says.next_ns;
}

static void tick(struct world *w)
{
	bool request = w->period && w->now >= w->next_request_ns;

	w->now += TICK;
	if (request)
		w->next_request_ns = w->now + w->period;
	for (int i = 0; i < 2; i++) {
		struct host *h = &w->host[i];

		ping(h, w->now);
		serve(h, w->now, request && h->seen.primary);
		h->seen.peer_fresh = !w->deaf;
		h->seen.peer_flags = w->host[1 - i].said;
		if (w->now >= h->look_ns)
			look(w, h);
	}
	for (int i = 0; i < 2; i++)
		w->host[i].said = w->host[i].says.evidence;
}

static void run(struct world *w, uint64_t ns)
{
	for (uint64_t end = w->now + ns; w->now < end; )
		tick(w);
}

static void want_no_verdict(const struct world *w, const char *what)
{
	for (int i = 0; i < 2; i++)
		if (w->host[i].failed_ns)
			fail_msg("%s: host %d found its server hung %ld ms ago, after %u askings", what, i,
				 (long)((w->now - w->host[i].failed_ns) / MS), w->host[i].askings);
}

/* ---- hung --------------------------------------------------------------------------------------------- */

/* Whenever it falls: the verdict comes after the time and an asking, and one look at most. */
static void test_hung(void **state)
{
	struct world w;

	(void)state;
	for (uint64_t at = 0; at < 60 * MS; at += 3 * MS) {
		uint64_t hung, took;

		world_init(&w);
		run(&w, 2 * SEC + at);
		want_no_verdict(&w, "all is well");
		hung = w.now;
		w.host[0].server.hung = true;
		run(&w, 2 * SEC);
		if (!w.host[0].failed_ns)
			fail_msg("hung at +%ld ms: no verdict", (long)(at / MS));
		took = w.host[0].failed_ns - hung;
		if (took < TIMEOUT + HANG_ASKS * HANG_GAP_NS || took > TIMEOUT + HANG_ASKS * HANG_GAP_NS + w.period + 5 * MS)
			fail_msg("hung at +%ld ms: the verdict took %ld ms", (long)(at / MS), (long)(took / MS));
		if (w.host[1].failed_ns)
			fail_msg("the backup's server was found hung too");
	}
}

static void test_recovers(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].server.hung = true;
	run(&w, SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
	w.host[0].seen.primary = false;		/* the role has moved */
	w.host[1].seen.primary = true;
	run(&w, 10 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
	assert_int_equal(w.host[0].says.evidence, 0);
	w.host[0].server.hung = false;
	run(&w, HANG_AGAIN_NS + 10 * MS);
	assert_int_equal(w.host[0].says.answers, FACT_WELL);
	run(&w, 60 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_WELL);
	assert_int_equal(w.host[1].says.answers, FACT_WELL);
}

/* Another process under the same name answers for itself alone. */
static void test_started_anew(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].server.hung = true;
	run(&w, SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
	hang_note_server(&w.host[0].hang, false, w.now);
	run(&w, 100 * MS);
	assert_int_equal(w.host[0].says.answers, FACT_NOT_WATCHED);
	hang_note_server(&w.host[0].hang, true, w.now);
	w.host[0].failed_ns = 0;
	run(&w, 3 * SEC);	/* it hangs from the start: nothing is known of it */
	want_no_verdict(&w, "a server that has never answered");
}

/* ---- not hung, or not its fault ----------------------------------------------------------------------------- */

static void test_both_hang(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].server.hung = w.host[1].server.hung = true;
	run(&w, 60 * SEC);
	want_no_verdict(&w, "both servers hang");
	assert_true(w.host[0].says.evidence & PULSE_F_ASKING);
	w.host[1].server.hung = false;		/* the peer's is back, ours is not */
	run(&w, 2 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
}

/*
 * What is behind both stands still for a minute: whoever serves blocks, and is well again some seconds after it serves no
 * more. The idle one answers OPTIONS all the while.
 */
static void test_shared_behind_them(void **state)
{
	struct world w;
	uint32_t moves = 0;
	uint64_t moved_ns, well_ns = 0;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	moved_ns = w.now;
	for (uint64_t end = w.now + 60 * SEC; w.now < end; ) {
		struct host *holder = &w.host[!w.host[0].seen.primary], *other = &w.host[!!w.host[0].seen.primary];

		holder->server.hung = true;
		other->server.hung = moves && w.now < moved_ns + 3 * SEC;
		tick(&w);
		if (other->says.answers == FACT_FAILED)
			well_ns = w.now;
		if (holder->says.answers != FACT_FAILED || w.now < well_ns + SEC)	/* not armed yet */
			continue;
		holder->seen.primary = false;
		other->seen.primary = true;
		moved_ns = w.now;
		moves++;
	}
	if (moves != 1)
		fail_msg("the role moved %u times in 60 s, to and fro", moves);
	w.host[0].server.hung = false;		/* the other hangs by itself, long after */
	run(&w, HANG_DOUBT_NS);
	assert_int_equal(w.host[1].says.answers, FACT_FAILED);
}

static void test_scanners(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.host[0].server.drops_requests = true;
	run(&w, 60 * SEC);
	want_no_verdict(&w, "the server drops what comes in, but answers OPTIONS");
	if (!w.host[0].askings || w.host[0].askings > 61)
		fail_msg("asked %u times in a minute", w.host[0].askings);
	w.host[0].server.hung = true;		/* under the same scan */
	run(&w, 3 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
}

static void test_slow(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.host[0].server.delay = w.host[1].server.delay = 290 * MS;
	run(&w, 30 * SEC);
	want_no_verdict(&w, "every answer takes 290 ms");
}

static void test_never_answers_options(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.host[0].server.drops_options = true;
	run(&w, HANG_MUTE_NS - SEC);
	assert_false(w.host[0].says.mute);
	run(&w, 2 * SEC);
	assert_true(w.host[0].says.mute);
	w.host[0].server.hung = true;
	run(&w, 10 * SEC);
	want_no_verdict(&w, "a server that drops OPTIONS");
	assert_false(w.host[1].says.mute);
	w.host[0].server = (struct server){ .delay = MS };
	run(&w, 6 * SEC);
	assert_false(w.host[0].says.mute);
}

static void test_peer_never_answers(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[1].server.drops_options = true;
	w.host[0].server.hung = true;
	run(&w, 20 * SEC);
	want_no_verdict(&w, "the peer's server answers no OPTIONS");
}

static void test_deaf(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].server.hung = w.deaf = true;
	run(&w, 20 * SEC);
	want_no_verdict(&w, "nothing is heard of the peer");
}

static void test_too_few(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].server.hung = true;
	w.period = 0;
	for (int i = 0; i < 20; i++) {		/* and then one that is answered: by whom is not asked here */
		w.host[0].seen.requests += 2;
		w.host[0].seen.request_ns = w.now;
		run(&w, 5 * SEC);
		w.host[0].seen.response_ns = w.now;
		run(&w, LOOK);
	}
	want_no_verdict(&w, "two requests were unanswered");
}

static void test_off(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.host[0].seen.timeout_ns = 0;
	run(&w, SEC);
	w.host[0].server.hung = true;
	run(&w, 5 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_NOT_WATCHED);
	assert_int_equal(w.host[0].askings, 0);
	w.host[0].server.hung = false;
	run(&w, 6 * SEC);
	w.host[0].seen.timeout_ns = SEC;	/* reload */
	w.host[0].server.hung = true;
	run(&w, SEC + 100 * MS);
	want_no_verdict(&w, "a second has hardly passed");
	run(&w, 200 * MS);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
	w.host[0].seen.timeout_ns = 0;
	run(&w, LOOK);
	assert_int_equal(w.host[0].says.answers, FACT_NOT_WATCHED);
}

/* ---- what the hosts tell each other --------------------------------------------------------------------------- */

/* The peer said ANSWERS to an earlier asking, and its controller stands still since: its kernel goes on saying so. */
static void test_stale_answer(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run(&w, SEC);
	for (uint64_t end = w.now + 20 * SEC; w.now < end; ) {
		w.host[1].said = PULSE_F_ANSWERS;
		w.host[1].look_ns = UINT64_MAX;
		w.host[0].server.hung = true;
		tick(&w);
		w.host[1].said = w.host[1].says.evidence = PULSE_F_ANSWERS;
	}
	want_no_verdict(&w, "ANSWERS was there before the asking");
	assert_false(w.host[0].says.evidence & PULSE_F_ASKING);
	w.host[1].look_ns = 0;			/* it runs again, hears nobody ask, and clears it: then it is asked */
	run(&w, 2 * SEC);
	assert_int_equal(w.host[0].says.answers, FACT_FAILED);
}

static void test_helper(void **state)
{
	struct world w;
	struct host *b = &w.host[1];

	(void)state;
	world_init(&w);
	run(&w, SEC);
	w.host[0].look_ns = UINT64_MAX;		/* its flags are told by hand */
	run(&w, 100 * MS);
	assert_int_equal(b->says.evidence, 0);
	assert_int_equal(b->askings, 0);
	w.host[0].says.evidence = PULSE_F_ASKING;
	run(&w, 2 * LOOK);
	assert_int_equal(b->says.evidence, PULSE_F_ANSWERS);
	assert_int_equal(b->askings, 1);
	b->server.hung = true;			/* it is asked again as long as the other asks */
	run(&w, HANG_AGAIN_NS + 250 * MS);
	assert_int_equal(b->says.evidence, 0);
	b->server.hung = false;
	run(&w, HANG_AGAIN_NS + 250 * MS);
	assert_int_equal(b->says.evidence, PULSE_F_ANSWERS);
	w.host[0].says.evidence = 0;
	run(&w, LOOK + MS);
	assert_int_equal(b->says.evidence, 0);
	b->server.hung = true;
	w.host[0].says.evidence = PULSE_F_ASKING;	/* what it answered before is no answer to this */
	run(&w, SEC);
	assert_int_equal(b->says.evidence, 0);
	assert_int_equal(b->says.answers, FACT_WELL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hung),
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_started_anew),
		cmocka_unit_test(test_both_hang),
		cmocka_unit_test(test_shared_behind_them),
		cmocka_unit_test(test_scanners),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_never_answers_options),
		cmocka_unit_test(test_peer_never_answers),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_stale_answer),
		cmocka_unit_test(test_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
