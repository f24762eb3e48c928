/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detection in virtual time: a little world of one path whose loss, delay and death are told.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/detect.h"

#define MS UINT64_C(1000000)

struct world {
	struct detect d;
	struct bt_path_st st;
	uint64_t now, seq, interval;
	uint64_t rtt;
	uint32_t rng;
};

static void world_init(struct world *w, uint64_t interval, uint32_t misses)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000 * MS;
	w->seq = 5000;
	w->interval = interval;
	w->rtt = 40000;
	w->rng = 12345;
	detect_init(&w->d, interval, misses, w->seq + 1);
}

static bool lost(struct world *w, uint32_t percent)
{
	w->rng = w->rng * 1664525 + 1013904223;
	return (w->rng >> 8) % 100 < percent;
}

static void answered(struct world *w, uint64_t seq, uint64_t at)
{
	uint64_t ahead = seq - w->st.answer_top;

	w->st.answer_bits = ahead < 64 ? w->st.answer_bits << ahead | 1 : 1;
	w->st.answer_top = seq;
	w->st.answer_ns = w->st.heard_ns = at;
}

/* One beat; true when the path counts as silent just before the probe leaves. */
static bool beat(struct world *w, bool alive, uint32_t loss, bool punctual)
{
	bool silent = false;

	if (punctual) {		/* whoever comes late looks at nothing */
		detect_heard(&w->d, &w->st);
		silent = detect_is_silent(&w->d, w->st.heard_ns, w->now);
	}
	detect_sent(&w->d, ++w->seq, w->now, punctual);
	if (alive && !lost(w, loss) && !lost(w, loss))
		answered(w, w->seq, w->now + w->rtt);
	w->now += w->interval;
	return silent;
}

static void live_for(struct world *w, unsigned beats, uint32_t loss)
{
	for (unsigned i = 0; i < beats; i++)
		if (beat(w, true, loss, true))
			fail_msg("silent in beat %u of a living path with %u %% loss", i, loss);
}

static uint64_t die(struct world *w)
{
	uint64_t died = w->now;

	for (int i = 0; i < 1000; i++)
		if (beat(w, false, 0, true))
			return w->now - w->interval - died;
	fail_msg("never found dead");
	return 0;
}

static void death_is_found_in_time(void **state)
{
	struct world w;
	uint64_t t;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 2000, 0);
	t = die(&w);
	if (t < 30 * MS || t > 33 * MS)
		fail_msg("3 ms x 10 found dead after %lu us", t / 1000);
	world_init(&w, MS, 3);
	live_for(&w, 2000, 0);
	t = die(&w);
	if (t < 3 * MS || t > 4 * MS)
		fail_msg("1 ms x 3 found dead after %lu us", t / 1000);
}

static void ten_percent_loss_moves_nothing(void **state)
{
	struct world w;
	uint64_t t;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 200000, 10);
	t = die(&w);
	if (t <= 30 * MS || t > 120 * MS)
		fail_msg("with 10 %% loss found dead after %lu us, wanted more than 30 ms, at most 4 x", t / 1000);
}

static void late_prober_gives_no_verdict(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	for (int i = 0; i < 200; i++)
		if (beat(&w, false, 0, i % 8 != 0))	/* late every 8th time: never 10 punctual in a row */
			fail_msg("verdict at beat %d by a prober that was late", i);
}

/* A stopped prober that wakes has 1 s of silence behind it, and no right to speak of it. */
static void waking_up_proves_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	for (int i = 0; i < 9; i++)
		assert_false(beat(&w, false, 0, true));
	w.now += 1000 * MS;
	assert_false(detect_is_silent(&w.d, w.st.heard_ns, w.now));
	assert_false(beat(&w, false, 0, false));
	for (int i = 0; i < 9; i++)
		assert_false(beat(&w, false, 0, true));
}

/* Each of the probes has had its time: beats sent close together are no more proof than one. */
static void probes_in_a_bunch_prove_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	for (int i = 0; i < 9; i++)
		assert_false(beat(&w, false, 0, true));
	for (int i = 0; i < 10; i++)	/* besides the schedule: the word has changed */
		detect_sent(&w.d, ++w.seq, w.now, true);
	if (detect_is_silent(&w.d, w.st.heard_ns, w.st.heard_ns + 27 * MS))
		fail_msg("found dead in 27 ms, with ten probes that had no time to be answered");
}

/* Its probes of before anybody was there are no loss; nor is a number that was never sent an answer. */
static void a_peer_that_comes_late_is_no_loss(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	for (int i = 0; i < 60; i++)
		beat(&w, false, 0, true);
	for (int i = 0; i < 10; i++)
		beat(&w, true, 0, true);
	assert_int_equal(w.d.loss_ppm, 0);
	w.st.answer_top = w.seq + 100;
	detect_heard(&w.d, &w.st);
	assert_true(w.d.answered_seq <= w.seq);
}

/* What was heard in the moment a probe left does not answer it, nor is it silence since. */
static void heard_as_it_left_is_heard(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	for (int i = 0; i < 11; i++)
		beat(&w, false, 0, true);
	w.st.heard_ns = w.now - 10 * w.interval;
	assert_false(detect_is_silent(&w.d, w.st.heard_ns, w.now));
}

static void slow_answers_stretch_and_shrink_back(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	assert_int_equal(detect_time_ns(&w.d), 30 * MS);
	w.rtt = 28 * MS;
	beat(&w, true, 0, true);
	w.rtt = 40000;
	w.now += 27 * MS;
	beat(&w, true, 0, true);
	beat(&w, true, 0, true);
	if (detect_time_ns(&w.d) <= 36 * MS)
		fail_msg("a wait of 28 ms left the detection time at %lu us", detect_time_ns(&w.d) / 1000);
	for (int i = 0; i < 20000; i++)
		beat(&w, true, 0, true);
	assert_int_equal(detect_time_ns(&w.d), 30 * MS);
}

/* The whole machine stood still: the answers were late, but so were we. */
static void our_own_stall_does_not_stretch(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	w.rtt = 28 * MS;
	beat(&w, true, 0, true);
	w.rtt = 40000;
	w.now += 27 * MS;
	beat(&w, true, 0, false);
	live_for(&w, 10, 0);
	assert_int_equal(detect_time_ns(&w.d), 30 * MS);
}

static void stretch_has_a_ceiling(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	w.d.wait_ns = 10000 * MS;
	assert_int_equal(detect_time_ns(&w.d), 120 * MS);
	w.d.wait_ns = 0;
	w.d.loss_ppm = 999999;
	assert_int_equal(detect_time_ns(&w.d), 120 * MS);
}

static void peers_own_probes_are_life(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3 * MS, 10);
	live_for(&w, 100, 0);
	for (int i = 0; i < 300; i++) {
		if (beat(&w, false, 0, true))
			fail_msg("silent although the peer's own probes come in, beat %d", i);
		w.st.heard_ns = w.now - MS;
	}
}

static void departures_are_remembered(void **state)
{
	struct world w;
	uint64_t at;

	(void)state;
	world_init(&w, 3 * MS, 10);
	at = w.now;
	beat(&w, true, 0, true);
	assert_int_equal(detect_departure_ns(&w.d, w.seq), at);
	live_for(&w, 5, 0);
	assert_int_equal(detect_departure_ns(&w.d, w.seq - 5), at);	/* each its own, not the newest one's */
	live_for(&w, DETECT_PROBES - 5, 0);
	assert_int_equal(detect_departure_ns(&w.d, w.seq - DETECT_PROBES), 0);
	assert_int_equal(detect_departure_ns(&w.d, w.seq + 1), 0);
	assert_int_equal(detect_departure_ns(&w.d, 0), 0);
}

/* Stopped in the middle of a beat that had begun on time: for so long nobody asked, and silence meant nothing. */
static void whoever_stood_still_has_not_asked(void **state)
{
	struct asking a = {};
	uint64_t now = 1000 * MS, first = now + 3 * MS;	/* the first of all follows none */

	(void)state;
	for (int i = 0; i <= 20; i++, now += 3 * MS)
		asking_note(&a, now, 3 * MS, true);
	if (asking_since(&a, 20) != first || asking_since(&a, 1) != now - 3 * MS)
		fail_msg("20 beats on time: since %lu, not %lu", asking_since(&a, 20), first);
	if (asking_since(&a, 21) || asking_since(&a, 0) || asking_since(&a, DETECT_BEATS + 1))
		fail_msg("so many beats there were not");
	now += 2 * MS;		/* late by less than an interval: within what two beats on time may be apart */
	asking_note(&a, now, 3 * MS, true);
	if (asking_since(&a, 21) != first)
		fail_msg("5 ms between two probes that should be 3 apart: one did not count");
	asking_note(&a, now += 6 * MS + 1, 3 * MS, true);
	if (asking_since(&a, 22) || asking_since(&a, 21) != first)
		fail_msg("nothing left for more than two intervals, and the beat counts");
	asking_note(&a, now += 3 * MS, 3 * MS, false);
	if (asking_since(&a, 22))
		fail_msg("a beat that began late counts");
	asking_note(&a, now += 3 * MS, 3 * MS, true);
	if (asking_since(&a, 22) != first || asking_since(&a, 1) != now)
		fail_msg("a late beat makes those before and behind it count for nothing: since %lu", asking_since(&a, 22));
}

static void beats_are_remembered_as_long_as_wanted(void **state)
{
	struct asking a = {};
	uint64_t now = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		asking_note(&a, now += 3 * MS, 3 * MS, true);
	if (asking_since(&a, DETECT_BEATS) != now - (DETECT_BEATS - 1) * 3 * MS)
		fail_msg("the oldest that is remembered is %lu ms old", (now - asking_since(&a, DETECT_BEATS)) / MS);
}

/* ---- the moment of the verdict ------------------------------------------------------------------- */

/* The last answered beat was one interval before the first of @beats unanswered ones. Returns when that was. */
static uint64_t falls_silent(struct world *w, unsigned beats, uint64_t heard_after)
{
	uint64_t last;

	world_init(w, 3 * MS, 10);
	live_for(w, 100, 0);
	last = w->now - w->interval;
	w->st.heard_ns = last + heard_after;	/* its own probes come in any part of an interval */
	for (unsigned i = 0; i < beats; i++)
		if (beat(w, false, 0, true))
			fail_msg("silent at beat %u of %u", i, beats);
	return last;
}

static void expect_verdict(const struct world *w, uint64_t last, uint64_t want, const char *what)
{
	uint64_t at = detect_verdict_ns(&w->d, w->st.heard_ns);

	if (at != last + want)
		fail_msg("%s: a verdict %ld us after the last answered beat, wanted %lu", what, (long)(at - last) / 1000, want / 1000);
	if (detect_is_silent(&w->d, w->st.heard_ns, at - 1) || !detect_is_silent(&w->d, w->st.heard_ns, at))
		fail_msg("%s: silent before %lu us, or not then", what, want / 1000);
}

/* Half an interval after the tenth probe; but the silence itself is never shorter than 30 ms. */
static void silence_is_a_verdict_between_two_beats(void **state)
{
	static const struct { uint64_t heard_us, verdict_us; } rows[] = {
		{ 40, 31500 }, { 900, 31500 }, { 1500, 31500 }, { 1501, 31501 }, { 2200, 32200 }, { 2990, 32990 },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t last = falls_silent(&w, 10, rows[i].heard_us * 1000);

		expect_verdict(&w, last, rows[i].verdict_us * 1000, "ten beats on time");
	}
}

static void nine_probes_are_none(void **state)
{
	struct world w;

	(void)state;
	falls_silent(&w, 9, 40000);
	if (detect_verdict_ns(&w.d, w.st.heard_ns) != UINT64_MAX || detect_is_silent(&w.d, w.st.heard_ns, w.now + 1000 * MS))
		fail_msg("nine probes unanswered, and a verdict %lu us after the peer was heard",
			 (detect_verdict_ns(&w.d, w.st.heard_ns) - w.st.heard_ns) / 1000);
}

/* However late, but before the verdict: an answer under way to any of the ten. */
static void an_answer_under_way_is_waited_for(void **state)
{
	struct world w;
	uint64_t last;

	(void)state;
	last = falls_silent(&w, 10, 40000);
	if (detect_is_silent(&w.d, w.st.heard_ns, last + 31499000))
		fail_msg("silent before the tenth probe has had half an interval");
	answered(&w, w.seq - 9, last + 31499000);
	detect_heard(&w.d, &w.st);
	if (detect_verdict_ns(&w.d, w.st.heard_ns) != UINT64_MAX || detect_is_silent(&w.d, w.st.heard_ns, last + 60 * MS))
		fail_msg("heard 31.5 ms after the last answered beat, and a verdict at %lu us", (detect_verdict_ns(&w.d, w.st.heard_ns) - last) / 1000);
	if (detect_time_ns(&w.d) <= 40 * MS)
		fail_msg("28.5 ms for an answer left the detection time at %lu us", detect_time_ns(&w.d) / 1000);
}

/* Punctual is what leaves half an interval late: its answer may be as late. */
static void the_last_probe_has_its_time(void **state)
{
	struct world w;
	uint64_t last;

	(void)state;
	last = falls_silent(&w, 9, 40000);
	w.now += 1400000;
	beat(&w, false, 0, true);
	expect_verdict(&w, last, 30 * MS + 1400000 + 1500000, "a tenth beat 1.4 ms late");
}

/* What leaves besides the schedule neither stands for a beat nor asks for time of its own. */
static void what_leaves_besides_moves_no_verdict(void **state)
{
	struct world w;
	uint64_t last;

	(void)state;
	last = falls_silent(&w, 10, 40000);
	detect_sent(&w.d, ++w.seq, last + 31 * MS, true);
	expect_verdict(&w, last, 31500000, "one besides, after ten");
	last = falls_silent(&w, 9, 40000);
	detect_sent(&w.d, ++w.seq, last + 28 * MS, true);
	expect_verdict(&w, last, 31500000, "one besides, after nine");
}

/* A late one in between: ten more on time. Its own half interval counts for nothing. */
static void who_was_late_counts_anew(void **state)
{
	struct world w;
	uint64_t first;

	(void)state;
	falls_silent(&w, 5, 40000);
	beat(&w, false, 0, false);
	first = w.now;
	for (int i = 0; i < 9; i++)
		assert_false(beat(&w, false, 0, true));
	if (detect_verdict_ns(&w.d, w.st.heard_ns) != UINT64_MAX)
		fail_msg("nine on time after a late one, and a verdict");
	assert_false(beat(&w, false, 0, true));
	expect_verdict(&w, first, 28500000, "ten on time after a late one");
}

/* By jitter, by loss: silence of the stretched time, shown by as many probes as loss asks for. */
static void a_stretched_time_is_waited_for(void **state)
{
	struct world w;
	uint64_t last;

	(void)state;
	last = falls_silent(&w, 10, 40000);
	w.d.wait_ns = 48 * MS;
	for (int i = 0; i < 4; i++)
		assert_false(beat(&w, false, 0, true));
	w.d.wait_ns = 24 * MS;
	expect_verdict(&w, last, 3 * MS + 36 * MS - 1500000, "answers that took 24 ms");
	w.st.heard_ns = last + 2 * MS;
	expect_verdict(&w, last, 38 * MS, "the same, heard 2 ms after that beat");
	w.d.wait_ns = 0;
	w.d.loss_ppm = 160000;
	w.st.heard_ns = last + 40000;
	expect_verdict(&w, last, 12 * 3 * MS + 1500000, "16 % loss: twelve probes");
}

/* A beat is missed when it has had most of an interval, whenever the question is put. */
static void a_beat_is_missed_before_the_next(void **state)
{
	struct world w;
	uint64_t last;

	(void)state;
	last = falls_silent(&w, 1, 40000);
	if (detect_missed_one(&w.d, w.st.heard_ns, last + 3 * MS + 2200000))
		fail_msg("a probe is missed 2.2 ms after it left");
	if (!detect_missed_one(&w.d, w.st.heard_ns, last + 3 * MS + 2250000))
		fail_msg("a probe is not missed 2.25 ms after it left");
	if (detect_missed_one(&w.d, last + 3 * MS + MS, last + 60 * MS))
		fail_msg("a probe is missed, and the peer was heard since");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(death_is_found_in_time), cmocka_unit_test(ten_percent_loss_moves_nothing),
		cmocka_unit_test(late_prober_gives_no_verdict), cmocka_unit_test(waking_up_proves_nothing),
		cmocka_unit_test(probes_in_a_bunch_prove_nothing), cmocka_unit_test(a_peer_that_comes_late_is_no_loss),
		cmocka_unit_test(heard_as_it_left_is_heard), cmocka_unit_test(slow_answers_stretch_and_shrink_back), cmocka_unit_test(our_own_stall_does_not_stretch), cmocka_unit_test(stretch_has_a_ceiling),
		cmocka_unit_test(peers_own_probes_are_life), cmocka_unit_test(departures_are_remembered),
		cmocka_unit_test(whoever_stood_still_has_not_asked), cmocka_unit_test(beats_are_remembered_as_long_as_wanted),
		cmocka_unit_test(silence_is_a_verdict_between_two_beats), cmocka_unit_test(nine_probes_are_none),
		cmocka_unit_test(an_answer_under_way_is_waited_for), cmocka_unit_test(the_last_probe_has_its_time),
		cmocka_unit_test(what_leaves_besides_moves_no_verdict), cmocka_unit_test(who_was_late_counts_anew),
		cmocka_unit_test(a_stretched_time_is_waited_for), cmocka_unit_test(a_beat_is_missed_before_the_next),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
