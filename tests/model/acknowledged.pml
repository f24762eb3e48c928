/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acknowledged: can two gates be open when no gate opens but on the peer's let-go? (Never.)
 *
 * That is every rule of both modes but the unacknowledged openings: the controller's, which witness.pml is about, and the
 * watchdog's (FOUND_DEAD), which only a pair without a witness has: available.pml. No clock, no lease: it must hold without.
 *
 * A controller reads the word, decides, and stores by compare-and-swap; between the two it may be stopped for
 * ever, killed, or started again (apply() and group_decide() in ha/group.c). A kernel may let go at any time
 * by itself (crash in the data path).
 *
 * Also asserted in every state with two terms left and both kernels and one controller alive: the role is not
 * lost. Claim, pulse, answer lead to an open gate.
 */
#include "words.pml"

byte read_word[2], store[2];	/* a decision under way: from, to; store 0: none */

inline forget_all()
{
	read_word[me] = 0;
	store[me] = 0;
}

inline become(word)
{
	w[me] = word;
	say(me);
#ifndef HOLE_BLIND_STORE
	/* Numbers only grow: this compare-and-swap can never succeed any more. */
	if
	:: NUM(read_word[me]) != NUM(w[me]) -> forget_all()
	:: else -> skip
	fi;
#endif
	to = 0;
	after = 0;
	assert(!(MODE(w[0]) == OPEN && MODE(w[1]) == OPEN))
}

inline decide(term)
{
	new_word(0, term);
	if
	:: after != 0 && to != w[me] -> read_word[me] = w[me]; store[me] = to
	:: else -> skip
	fi;
	to = 0;
	after = 0
}

#define IDLE	(store[me] == 0)

#define CLAIM(t) \
	:: d_step { IDLE && (t) > TERM(NUM(w[me])) && MODE(w[me]) != OPEN -> law_CLAIM(); decide(t) } \
	:: d_step { IDLE && (t) > TERM(NUM(w[me])) && MODE(w[me]) == OPEN -> law_RENUMBER(); decide(t) }

#ifdef HOLE_BLIND_STORE
#define STORE_GOES_THROUGH	true
#else
#define STORE_GOES_THROUGH	(w[me] == read_word[me])
#endif

/* Claim, the peer hears it, we hear its answer: an open gate, whatever stood before. */
#ifdef CHECK_PROGRESS
byte kept, top;
inline check_progress()
{
	top = (TERM(NUM(w[0])) > TERM(NUM(w[1])) -> TERM(NUM(w[0])) : TERM(NUM(w[1])));
	kept = w[me];
	law_CLAIM();
	new_word(0, top + 1);
	assert(after == ABOVE && MODE(to) == ARMED && NUM(to) == OWN(top + 1, me));
	w[me] = to;
	law_HEARD_LETGO();
	new_word(NUM(w[me]), 0);
	assert(MODE(to) == OPEN);
	w[me] = kept;
	kept = 0
}
/* The peer, hearing that claim, ends at its number and not open. */
inline check_yields()
{
	top = (TERM(NUM(w[0])) > TERM(NUM(w[1])) -> TERM(NUM(w[0])) : TERM(NUM(w[1])));
	law_HEARD_HIGHER();
	new_word(OWN(top + 1, peer), 0);
	assert(after == THE_PEERS && NUM(to) == OWN(top + 1, peer) && MODE(to) != OPEN && MODE(to) != ARMED);
}
#define PROGRESS \
	:: d_step { TERM(NUM(w[0])) < TERMS - 1 && TERM(NUM(w[1])) < TERMS - 1 && \
		    MODE(w[0]) != OPEN && MODE(w[1]) != OPEN -> check_progress(); check_yields(); to = 0; after = 0; top = 0 }
#else
#define PROGRESS
#endif

active [2] proctype host()
{
	do
	EACH_NUMBER(HEAR)
	EACH_TERM(CLAIM)
	:: d_step { IDLE -> law_ARM(); decide(0) }
	:: d_step { IDLE -> law_LEAVE(); decide(0) }
	:: d_step { IDLE -> law_CLOSE(); decide(0) }
#ifdef HOLE_OPEN_UNACKNOWLEDGED
	:: d_step { IDLE -> law_OPEN_ALONE(); decide(0) }
#endif
#ifdef HOLE_FOUND_DEAD
	:: d_step { law_FOUND_DEAD(); new_word(0, 0); become(to) }
#endif
#ifdef HOLE_RELAY_REOPENS
	:: d_step { MODE(w[me]) == RELAY && MINE(me) -> become(WORD(NUM(w[me]), OPEN)) }
#endif
	:: d_step { !IDLE && STORE_GOES_THROUGH -> to = store[me]; forget_all(); become(to) }
	:: d_step { !IDLE -> forget_all() }			/* too late, killed, or thought better of */
	:: d_step { MODE(w[me]) == OPEN -> law_LEAVE(); new_word(0, 0); become(to) }	/* the kernel itself */
	LIVE_AND_DIE
	PROGRESS
	od
}
