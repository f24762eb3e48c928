/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * available: without a witness, a gate may open although the peer said nothing. For how long can two be open then? (Until
 * one message passes.)
 *
 * Two such openings there are: the watchdog's in the kernel (FOUND_DEAD, bpf/watch.h) and the controller's (OPEN_ALONE,
 * judge_claiming() in core/judge.c). Whether the peer is dead is not asked here, so both may err as they like, at
 * any time, also while the peer claims, hands over, arms or takes a new number.
 *
 * What must hold:
 * - Two are open only if one was opened so since the hosts last heard each other, there and back.
 * - A probe of now that is answered leaves one open, the higher number of two. So does one that cannot be answered, as a path
 *   works in one direction only: who hears the other hold and is not heard itself steps down (core/judge.c, H8).
 *   What follows from such a message is one step here: the 100 ms that are waited before are the simulation's to measure.
 *
 * Late, doubled and reordered messages are in words.pml's channel, and are heard between all of these.
 */
bit answering;			/* within a step: it is the other host's turn */
#define me	(_pid ^ answering)
#define peer	(1 - (_pid ^ answering))
#include "words.pml"

bit alone;			/* a gate was opened alone since each last heard the other */
bit two;			/* within a step: two were open before */
byte higher;			/* within a step: who had the higher number */

#define BOTH_OPEN	(MODE(w[0]) == OPEN && MODE(w[1]) == OPEN)

inline forget_all()
{
	skip
}

inline become(word)
{
	w[me] = word;
	say(me);
	to = 0;
	after = 0;
	assert(!BOTH_OPEN || alone)
}

/* An opening without acknowledgement, if the table has it. */
inline open_alone()
{
	new_word(0, 0);
#ifdef HOLE_FOUND_DEAD_KEEPS_NUMBER
	if
	:: PEERS(me) -> to = WORD(NUM(w[me]), OPEN)
	:: else -> skip
	fi;
#endif
	if
	:: after != 0 && MODE(to) == OPEN -> alone = 1
	:: else -> skip
	fi;
	become(to)
}

#define WANTS(h)	(NUM(w[h]) != 0 && (MODE(w[h]) == OPEN || CLAIMS(h)))

#ifdef HOLE_NO_OWNER
#define HIGHER(a, b)	(TERM(a) > TERM(b))
#else
#define HIGHER(a, b)	((a) > (b))
#endif

/* The peer's word as it stands comes in: word_cause() in bpf/word.h. */
inline hear_now()
{
	if
	:: HIGHER(NUM(w[peer]), NUM(w[me])) && WANTS(peer) -> law_HEARD_HIGHER(); new_word(NUM(w[peer]), 0); become(to)
	:: NUM(w[peer]) == NUM(w[me]) && NUM(w[me]) != 0 && !WANTS(peer) ->
		law_HEARD_LETGO(); new_word(NUM(w[peer]), 0); become(to)
	:: else -> skip
	fi
}

inline before_it()
{
	two = BOTH_OPEN;
	higher = (NUM(w[0]) > NUM(w[1]) -> 0 : 1)
}

inline forget_it()
{
	two = 0;
	higher = 0
}

/* A probe that is answered. */
inline there_and_back()
{
	before_it();
	answering = 1;
	hear_now();
	answering = 0;
	hear_now();
	assert(!BOTH_OPEN);
	assert(!two || MODE(w[higher]) == OPEN);
	alone = 0;
	forget_it()
}

/* A probe that is not: nothing of the one that hears it comes to us, and it knows by our echo of its word. */
inline there()
{
	before_it();
	answering = 1;
	hear_now();
#ifndef HOLE_DEAF_PEER_STAYS
	if
	:: BOTH_OPEN -> law_LEAVE(); new_word(0, 0); become(to)
	:: else -> skip
	fi;
#endif
	answering = 0;
	assert(!BOTH_OPEN);
	assert(!two || MODE(w[0]) == OPEN || MODE(w[1]) == OPEN);
	forget_it()
}

#define CLAIM(t) \
	:: d_step { (t) > TERM(NUM(w[me])) && MODE(w[me]) != OPEN -> law_CLAIM(); new_word(0, t); become(to) } \
	:: d_step { (t) > TERM(NUM(w[me])) && MODE(w[me]) == OPEN -> law_RENUMBER(); new_word(0, t); become(to) }

active [2] proctype host()
{
	do
	EACH_NUMBER(HEAR)
	EACH_TERM(CLAIM)
	:: d_step { MODE(w[me]) != ARMED && MODE(w[me]) != OPEN -> law_ARM(); new_word(0, 0); become(to) }
	:: d_step { MODE(w[me]) == OPEN -> law_LEAVE(); new_word(0, 0); become(to) }
	:: d_step { MODE(w[me]) != SHUT -> law_CLOSE(); new_word(0, 0); become(to) }
	:: d_step { MODE(w[me]) == ARMED && PEERS(me) -> law_FOUND_DEAD(); open_alone() }
	:: d_step { CLAIMS(me) -> law_OPEN_ALONE(); open_alone() }
	:: d_step { ACQUAINTED -> there_and_back() }
	:: d_step { ACQUAINTED -> there() }
	LIVE_AND_DIE
	od
}
