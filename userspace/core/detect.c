/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/detect.h"

#include <string.h>

#include "core/when.h"

#define LOSS_WEIGHT	256	/* probes a loss estimate looks back, about */
#define DECAY_SHIFT	11	/* wait_ns loses 1/2048 per probe: halves in about 1400 */

/* So many unanswered probes in a row have a chance below 1e-9 at this loss: n > 9 / -log10(loss). */
static const struct { uint32_t loss_ppm; uint32_t misses; } enough[] = {
	{ 1000, 3 }, { 5600, 4 }, { 15800, 5 }, { 31600, 6 }, { 51700, 7 }, { 74900, 8 }, { 100000, 9 },
	{ 125800, 10 }, { 152000, 11 }, { 177800, 12 }, { 203000, 13 }, { 227600, 14 }, { 251100, 15 },
	{ 273800, 16 }, { 316200, 18 }, { 354800, 20 }, { 390600, 22 }, { 438000, 25 }, { 500000, 30 },
	{ 595600, 40 }, { 660600, 50 }, { 707900, 60 }, { 772200, 80 },
};

void detect_init(struct detect *d, uint64_t interval_ns, uint32_t misses, uint64_t first_seq)
{
	memset(d, 0, sizeof(*d));
	d->interval_ns = interval_ns;
	d->misses = misses;
	d->newest_seq = first_seq - 1;
	d->streak_seq = first_seq;
	d->answered_seq = first_seq - 1;
}

void detect_sent(struct detect *d, uint64_t seq, uint64_t now_ns, bool punctual)
{
	d->sent_ns[seq % DETECT_PROBES] = now_ns;
	d->newest_seq = seq;
	if (!punctual)
		d->streak_seq = seq + 1;	/* whoever was late knows nothing of the others */
	d->wait_ns -= d->wait_ns >> DECAY_SHIFT;
}

uint64_t detect_departure_ns(const struct detect *d, uint64_t seq)
{
	if (!seq || seq > d->newest_seq || seq + DETECT_PROBES <= d->newest_seq)
		return 0;
	return d->sent_ns[seq % DETECT_PROBES];
}

void asking_note(struct asking *a, uint64_t now_ns, uint64_t interval_ns, bool punctual)
{
	if (punctual && now_ns - a->newest_ns <= 2 * interval_ns)
		a->at_ns[a->n++ % DETECT_BEATS] = now_ns;
	a->newest_ns = now_ns;
}

uint64_t asking_since(const struct asking *a, uint64_t n)
{
	return n && n <= a->n && n <= DETECT_BEATS ? a->at_ns[(a->n - n) % DETECT_BEATS] : 0;
}

/* Probes (from, to] have an answer or never will: @bits, as of @to, tell which. */
static void note_loss(struct detect *d, uint64_t from, uint64_t to, uint64_t bits)
{
	uint64_t n = to - from;
	uint32_t lost = 0;

	if (n > PULSE_BITS)
		n = PULSE_BITS;
	for (uint64_t i = 0; i < n; i++)
		lost += !(bits >> i & 1);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t sample = i < lost ? 1000000 : 0;

		d->loss_ppm = (uint32_t)(((uint64_t)d->loss_ppm * (LOSS_WEIGHT - 1) + sample) / LOSS_WEIGHT);
	}
}

/* A stall lets many answers in at once: the oldest of them waited longest and tells its length. */
static uint64_t oldest_answered(uint64_t from, uint64_t to, uint64_t bits)
{
	for (uint64_t seq = to - from > PULSE_BITS ? to - PULSE_BITS + 1 : from + 1; seq < to; seq++)
		if (bits >> (to - seq) & 1)
			return seq;
	return to;
}

/* The longest wait among the newly answered. What left before we were late ourselves tells of us. */
static void note_wait(struct detect *d, const struct bt_path_st *st)
{
	uint64_t seq = oldest_answered(d->answered_seq, st->answer_top, st->answer_bits), sent;

	if (seq < d->streak_seq)
		return;
	sent = detect_departure_ns(d, seq);
	if (sent && st->answer_ns > sent && st->answer_ns - sent > d->wait_ns)
		d->wait_ns = st->answer_ns - sent;
}

static void note_rtt(struct detect *d, const struct bt_path_st *st)
{
	uint64_t sent = detect_departure_ns(d, st->answer_top), rtt;

	if (!sent || st->answer_ns <= sent)
		return;
	rtt = st->answer_ns - sent;
	d->rtt_ns = d->rtt_ns ? (d->rtt_ns * 15 + rtt) / 16 : rtt;
}

void detect_heard(struct detect *d, const struct bt_path_st *st)
{
	if (st->answer_top <= d->answered_seq || st->answer_top > d->newest_seq)
		return;
	note_wait(d, st);
	note_rtt(d, st);
	if (d->heard_once)	/* what went unanswered before the peer was there is no loss */
		note_loss(d, d->answered_seq, st->answer_top, st->answer_bits);
	d->heard_once = true;
	d->answered_seq = st->answer_top;
}

static uint32_t misses_for_loss(uint32_t loss_ppm)
{
	size_t i, last = sizeof(enough) / sizeof(enough[0]) - 1;

	for (i = 0; i < last; i++)
		if (loss_ppm <= enough[i].loss_ppm)
			break;
	return enough[i].misses;
}

static uint32_t misses_now(const struct detect *d)
{
	uint32_t n = misses_for_loss(d->loss_ppm), cap = d->misses * DETECT_STRETCH;

	if (n < d->misses)
		n = d->misses;
	return n < cap ? n : cap;
}

uint64_t detect_time_ns(const struct detect *d)
{
	uint64_t t = d->interval_ns * misses_now(d), cap = d->interval_ns * d->misses * DETECT_STRETCH;
	uint64_t wait = d->wait_ns + d->wait_ns / 2;

	if (t < wait)
		t = wait;
	return t < cap ? t : cap;
}

/* The oldest of the punctual probes that have left since the peer was last heard; one beyond the newest: there is none. */
static uint64_t first_unanswered(const struct detect *d, uint64_t heard_ns)
{
	uint64_t seq = d->newest_seq + 1;

	for (; seq > d->streak_seq && seq - 1 + DETECT_PROBES > d->newest_seq; seq--) {
		uint64_t sent = d->sent_ns[(seq - 1) % DETECT_PROBES];

		if (!sent || sent <= heard_ns)
			break;
	}
	return seq;
}

/* The quarter: timers fire some microseconds apart, and a whole interval later is no better. */
bool detect_missed_one(const struct detect *d, uint64_t heard_ns, uint64_t now_ns)
{
	uint64_t first = first_unanswered(d, heard_ns);

	return first <= d->newest_seq && now_ns >= d->sent_ns[first % DETECT_PROBES] + d->interval_ns - d->interval_ns / 4;
}

/*
 * Counted from the first unanswered, which left up to an interval after the peer was heard, half an interval less is enough; but
 * silence itself is never shorter than the time asked for, and the last probe, too, has had half an interval: so much on top the
 * kernel's watchdog waits, too (bpf/watch.h).
 */
uint64_t detect_verdict_ns(const struct detect *d, uint64_t heard_ns)
{
	uint64_t half = d->interval_ns / 2, time = detect_time_ns(d), first = first_unanswered(d, heard_ns), at;
	uint64_t last = first + misses_now(d) - 1;

	if (last > d->newest_seq)
		return UINT64_MAX;
	at = later(d->sent_ns[first % DETECT_PROBES] + time - half, d->sent_ns[last % DETECT_PROBES] + half);
	return later(at, heard_ns + time);
}

bool detect_is_silent(const struct detect *d, uint64_t heard_ns, uint64_t now_ns)
{
	return now_ns >= detect_verdict_ns(d, heard_ns);
}
