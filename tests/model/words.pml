/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words: two hosts' words, what their kernels make of what they hear, and a channel that does anything.
 *
 * Included by acknowledged.pml, witness.pml and available.pml. The changes themselves are law.pml, made of
 * include/word_table.h; what stands here is who may take which change when, and each place names the C
 * function that holds the same condition.
 *
 * Channel: what a host has ever said stays said. Every word it ever had is in a set, and the peer may hear
 *        any of them at any time, any number of times, or never: lost, doubled, reordered, replayed and late
 *        without bound are all the same thing then. A mark (bpf/mark.h) says "let go of n", which a pulse of
 *        the same moment says too, so both are one fact. A host that stands still simply takes no step.
 * Lives: a pulse and a mark name the boot ids of sender and receiver (bpf/pulse.h). So what was said *to* an
 *        earlier life is void at once, and what was said *by* one until the receiver believes the next.
 *        That it believes lives in their order only is the nonce's work, and is taken for granted here. Who
 *        is not yet believed is told nothing (PULSE_H_STRANGER in include/pulse_wire.h).
 * Steps: a kernel takes one message in as one step. A CPU that loses its turn in the midst of it for as long as
 *        its peer needs to reboot is not in here; nor is one that has read "open" and accepts late (H32).
 * Wider than C, so that the proof does not lean on it: controllers claim, arm, leave and close whenever the
 *        table lets them, whatever core/judge.c thinks; a claim takes any number above the own word's, whatever
 *        was seen or is on disk; no kernel asks for a lease before it opens.
 * Bound: numbers are (1,A) (1,B) (2,A) ... as 1, 2, 3 ...: up to TERMS terms, and at most one reboot a host.
 */
#ifndef TERMS
#define TERMS	3
#endif
#define TOP	(2 * TERMS)

/* Modes as in include/baton_abi.h, numbers-after as in include/word_table.h. */
#define SHUT	0
#define ARMED	1
#define OPEN	2
#define RELAY	3

#define SAME		1
#define THE_PEERS	2
#define NEXT		3
#define ABOVE		4

#define WORD(n, mode)	((n) * 4 + (mode))
#define MODE(word)	((word) & 3)
#define NUM(word)	((word) >> 2)
#define TERM(n)		(((n) + 1) / 2)
#define OWN(term, host)	(2 * (term) - 1 + (host))

#ifndef me
#define me	_pid			/* 0: A, 1: B */
#define peer	(1 - _pid)
#endif

/* word_whose() in bpf/word.h and core/word.c. */
#define NOBODYS(h)	(NUM(w[h]) == 0)
#define MINE(h)		(NUM(w[h]) != 0 && NUM(w[h]) % 2 != (h))
#define PEERS(h)	(NUM(w[h]) != 0 && NUM(w[h]) % 2 == (h))
#define CLAIMS(h)	(MODE(w[h]) == ARMED && MINE(h))

byte w[2];			/* the words */
short wants[2];			/* bit n: said, "n is mine, open or claimed" */
short letgo[2];			/* bit n: said, "n is neither open nor claimed by me" */
#if defined(REBOOT_A) || defined(REBOOT_B)
bit rebooted[2];
bit old_believed[2];		/* this host has not yet believed the peer's present life */
short old_wants[2];		/* said by a host's earlier life to the peer's present one */
short old_letgo[2];
#define LIVES
#endif
#ifdef HOLE_MARK_WITHOUT_BOOTS
short marks[2];			/* frames sent on in any life */
#endif

byte to, after;			/* between the statements of one step; 0 outside */

#include "law.pml"
#if LAW_CAUSES != 9
#error word_table.h has a cause that the model does not know, or has lost one
#endif

/* Nothing is told to a life that is not yet believed: answer_flags() in bpf/pulse_answer.h. */
#if defined(LIVES) && !defined(HOLE_NO_BOOT_IDS) && !defined(HOLE_RECEIVER_BOOT_ONLY) && \
    !defined(HOLE_SENDER_BOOT_ONLY) && !defined(HOLE_ANSWERED_UNBELIEVED)
#define TO_BELIEVED_ONLY
#endif

/* Does each believe the other's present life? */
#ifdef TO_BELIEVED_ONLY
#define ACQUAINTED	(!old_believed[0] && !old_believed[1])
#else
#define ACQUAINTED	true
#endif

/* What @h says from now on: word_is_claim() and word_lets_go() in core/word.c. */
inline say(h)
{
	if
	:: NUM(w[h]) == 0 -> skip
#ifdef TO_BELIEVED_ONLY	/* what it says is for a life that has ended */
	:: NUM(w[h]) != 0 && old_believed[h] -> skip
#endif
	:: NUM(w[h]) != 0 && (MODE(w[h]) == OPEN || CLAIMS(h)) -> wants[h] = wants[h] | (1 << NUM(w[h]))
	:: else -> letgo[h] = letgo[h] | (1 << NUM(w[h]))
	fi
#ifdef HOLE_NO_OWNER	/* nobody can tell a claim from a backup that obeys one */
	; if
	:: CLAIMS(h) -> letgo[h] = letgo[h] | (1 << NUM(w[h]))
	:: else -> skip
	fi
#endif
#ifdef HOLE_MARK_WITHOUT_BOOTS
	; if
	:: MODE(w[h]) == RELAY -> marks[h] = marks[h] | (1 << NUM(w[h]))
	:: else -> skip
	fi
#endif
}

/* The word after law_X(): number_after() in core/word.c, word_after() in bpf/word.h. @heard for
 * THE_PEERS, @term for ABOVE. Terms beyond the bound are "used up". */
inline new_word(heard, term)
{
	if
	:: after == SAME -> to = WORD(NUM(w[me]), to)
	:: after == THE_PEERS -> to = WORD(heard, to)
	:: after == NEXT && TERM(NUM(w[me])) < TERMS -> to = WORD(OWN(TERM(NUM(w[me])) + 1, me), to)
	:: after == ABOVE && (term) > TERM(NUM(w[me])) -> to = WORD(OWN((term), me), to)
	:: else -> to = w[me]
	fi
}

#ifdef LIVES
#define SAYS_WANTS(n)	((old_believed[me] -> old_wants[peer] : wants[peer]) >> (n) & 1)
#define SAYS_LETGO(n)	((old_believed[me] -> old_letgo[peer] : letgo[peer]) >> (n) & 1)
#else
#define SAYS_WANTS(n)	(wants[peer] >> (n) & 1)
#define SAYS_LETGO(n)	(letgo[peer] >> (n) & 1)
#endif

/* word_cause() in bpf/word.h. */
#ifdef HOLE_NO_OWNER
#define HEARS_HIGHER(n)	(TERM(n) > TERM(NUM(w[me])) && SAYS_WANTS(n))
#else
#define HEARS_HIGHER(n)	((n) > NUM(w[me]) && SAYS_WANTS(n))
#endif

#ifdef HOLE_NO_OWNER
#define LETS_GO(n)	(TERM(n) == TERM(NUM(w[me])) && SAYS_LETGO(n))
#else
#define LETS_GO(n)	((n) == NUM(w[me]) && SAYS_LETGO(n))
#endif
#if defined(HOLE_PLAIN_MAC)	/* a frame with the peer's own address is always about */
#define HEARS_LETGO(n)	(LETS_GO(n) || ((n) == NUM(w[me]) && PEERS(me)))
#elif defined(HOLE_MARK_WITHOUT_BOOTS)
#define HEARS_LETGO(n)	(LETS_GO(n) || ((n) == NUM(w[me]) && (marks[peer] >> (n) & 1)))
#else
#define HEARS_LETGO(n)	LETS_GO(n)
#endif

/* One pulse or mark in: word_hear() in bpf/word.h. */
#define HEAR(n) \
	:: d_step { HEARS_HIGHER(n) -> law_HEARD_HIGHER(); new_word(n, 0); become(to) } \
	:: d_step { HEARS_LETGO(n) -> law_HEARD_LETGO(); new_word(n, 0); become(to) }

/* A life ends with all memory, and the disk. pair_rebirth() and pair_judge() in bpf/pulse_pair.h. */
inline forget_lives()
{
#if defined(HOLE_NO_BOOT_IDS)
	skip;
#elif defined(HOLE_RECEIVER_BOOT_ONLY)
	wants[peer] = 0;
	letgo[peer] = 0;
	say(peer);
#else
	old_wants[me] = wants[me];
	old_letgo[me] = letgo[me];
	old_believed[peer] = 1;
	wants[me] = 0;
	letgo[me] = 0;
#ifndef HOLE_SENDER_BOOT_ONLY
	wants[peer] = 0;
	letgo[peer] = 0;
	old_wants[peer] = 0;
	old_letgo[peer] = 0;
	old_believed[me] = 0;
#endif
#ifndef TO_BELIEVED_ONLY
	say(peer)
#endif
#endif
}

#if defined(REBOOT_A) && defined(REBOOT_B)
#define MAY_REBOOT	true
#elif defined(REBOOT_A)
#define MAY_REBOOT	me == 0
#elif defined(REBOOT_B)
#define MAY_REBOOT	me == 1
#endif

#ifdef LIVES
#define LIVE_AND_DIE \
	:: d_step { MAY_REBOOT && !rebooted[me] -> rebooted[me] = 1; w[me] = 0; forget_all(); forget_lives() } \
	:: d_step { old_believed[me] -> old_believed[me] = 0; old_wants[peer] = 0; old_letgo[peer] = 0; say(me) }
#else
#define LIVE_AND_DIE
#endif

#define TERMS_1(X)	X(1)
#define TERMS_2(X)	TERMS_1(X) X(2)
#define TERMS_3(X)	TERMS_2(X) X(3)
#define TERMS_4(X)	TERMS_3(X) X(4)
#define TERMS_5(X)	TERMS_4(X) X(5)
#define NUMBERS_1(X)	X(1) X(2)
#define NUMBERS_2(X)	NUMBERS_1(X) X(3) X(4)
#define NUMBERS_3(X)	NUMBERS_2(X) X(5) X(6)
#define NUMBERS_4(X)	NUMBERS_3(X) X(7) X(8)
#define NUMBERS_5(X)	NUMBERS_4(X) X(9) X(10)
#define UP_TO(what, n)	what##n
#define UPTO(what, n)	UP_TO(what, n)
#define EACH_TERM	UPTO(TERMS_, TERMS)
#define EACH_NUMBER	UPTO(NUMBERS_, TERMS)
