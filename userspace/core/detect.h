/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detect: has this heartbeat path fallen silent for too long?
 *
 * Pure: told when probes left and what the kernel heard; the clock is passed in. One instance per path.
 *
 * Silent means: nothing authentic was heard, by the kernel's time stamps, for the time asked for, and at least
 * `misses` probes *sent on time* since then are unanswered, of which the last has had half an interval. That may be between
 * two beats: detect_verdict_ns() tells when. A prober that was itself late gives no verdict: its count starts anew. The time
 * asked for stretches, at most x4:
 *   - to 1.5 x the longest recent wait for an answer, our own stalls left out (shrinks back slowly),
 *   - with the measured loss, so that loss^misses stays below 1e-9.
 * Time:    boot clock nanoseconds.
 * Source:  design §4.1, §4.3; anchors: many small beats beat few.
 */
#ifndef BATON_DETECT_H
#define BATON_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

#define DETECT_PROBES	256	/* remembered; must exceed 4 x the greatest misses */
#define DETECT_BEATS	256	/* more than there are in the longest detection time: 50 misses, stretched */
#define DETECT_STRETCH	4
#define PULSE_BITS	64	/* answers remembered by the kernel, bt_path_st.answer_bits */

struct detect {
	uint64_t interval_ns;
	uint32_t misses;
	uint64_t sent_ns[DETECT_PROBES];	/* by sequence number, 0: not sent */
	uint64_t newest_seq;
	uint64_t streak_seq;	/* first probe of the present run of punctual ones */
	uint64_t answered_seq;	/* newest answered probe we took note of */
	uint64_t wait_ns;	/* longest recent wait for an answer, decaying */
	uint64_t rtt_ns;	/* smoothed, 0: none yet */
	uint32_t loss_ppm;	/* unanswered probes, smoothed */
	bool heard_once;
};

void detect_init(struct detect *d, uint64_t interval_ns, uint32_t misses, uint64_t first_seq);

/* Probe @seq (one more than the last) left at @now. @punctual: it left when it was due. */
void detect_sent(struct detect *d, uint64_t seq, uint64_t now_ns, bool punctual);

/* What the kernel has on this path now; call before asking. */
void detect_heard(struct detect *d, const struct bt_path_st *st);

/* The silence asked for at present, never below interval x misses nor above x4 that. */
uint64_t detect_time_ns(const struct detect *d);

/*
 * From when on it is silent, if nothing more is heard; UINT64_MAX: too few probes are unanswered. @heard_ns: last authentic
 * message on this path, 0: never. What leaves besides does not make it later.
 */
uint64_t detect_verdict_ns(const struct detect *d, uint64_t heard_ns);
bool detect_is_silent(const struct detect *d, uint64_t heard_ns, uint64_t now_ns);

/* Has as much as one punctual probe gone unanswered, and nothing been heard since it left? */
bool detect_missed_one(const struct detect *d, uint64_t heard_ns, uint64_t now_ns);

/* How often was somebody asked on time, of late? */
struct asking {
	uint64_t at_ns[DETECT_BEATS];	/* when the newest beats on time had sent their probes */
	uint64_t n, newest_ns;
};

/*
 * A beat's probes have left. Whoever is stopped between looking and sending has begun on time, and asked nothing meanwhile: such a beat
 * does not count either.
 */
void asking_note(struct asking *a, uint64_t now_ns, uint64_t interval_ns, bool punctual);

/* When the oldest of the newest @n such beats had; 0: there were not so many. */
uint64_t asking_since(const struct asking *a, uint64_t n);

/* When probe @seq left; 0 when that is forgotten or it was never sent. */
uint64_t detect_departure_ns(const struct detect *d, uint64_t seq);

#endif
