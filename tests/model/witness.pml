/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * witness: can two gates accept, open and leased, when a lock lets one open that has no acknowledgement? (Never.)
 *
 * Time goes in ticks that both hosts and etcd share; between two ticks anything may happen, in any order, or
 * nothing: lost links, stopped controllers and stopped kernels are steps not taken.
 *
 * Leases count down: lease[h] is what is left of it. It is counted from the departure of a probe that the
 * peer's kernel answered at the same number, or, if open, from the turn's beginning but never beyond the lock
 * (lease_next() in core/lease.c). What a controller has worked out and not yet stored grows old with the
 * clock; so does an answer that is on its way. The best case is kept of each (answered now, a probe that left
 * now), because a worse one is never dangerous: a lease only ever permits.
 *
 * The watchdog's opening (FOUND_DEAD) is not in here: beside a lock no timer is armed.
 *
 * Stopped between reading and storing: of the changes of the word only the opening without acknowledgement
 * rests on something that can become false, so only it is told apart into decision and compare-and-swap.
 *
 * Bound: L ticks a lease, E the lock's time to live, W the wait after the claim.
 */
#include "words.pml"

#ifndef L
#define L	1
#endif
#ifndef E
#define E	2
#endif
#ifndef W
#define W	1
#endif

byte lease[2];			/* left, as the gate reads it */
byte due[2];			/* left of what the controller will store, some time */
byte answered[2 * (TOP + 1)];	/* [me * (TOP + 1) + n]: left of a lease by the peer's answer at n */
byte waited[2];			/* ticks since the claim stood in the own word */
bit decided[2];			/* to open this claim alone */
byte lock;			/* etcd's view: 0 nobody, 1 A, 2 B */
byte ttl;
byte held[2];			/* the holder's view: left until the deadline it counts with */

#define ANSWERED(h, n)	answered[(h) * (TOP + 1) + (n)]
#define ACCEPTS(h)	(MODE(w[h]) == OPEN && lease[h] > 0)

inline forget_all()
{
	lease[me] = 0;
	due[me] = 0;
	waited[me] = 0;
	decided[me] = 0;
	held[me] = 0;
	for (to : 0 .. TOP) {
		ANSWERED(me, to) = 0
	}
	to = 0
}

/* The peer's probe of just now may be answered with this word. group_take()'s `same` in bpf/pulse_group.h. */
#ifdef HOLE_CONFIRMS_OLD
#define CONFIRMS(h, n)	(ACQUAINTED && (NUM(w[h]) == (n) || (CLAIMS(h) && NUM(w[1 - (h)]) == (n))))
#else
#define CONFIRMS(h, n)	(ACQUAINTED && NUM(w[h]) == (n))
#endif

#define ONE_ANSWER(n) \
	if \
	:: CONFIRMS(0, n) -> ANSWERED(1, n) = L \
	:: else -> skip \
	fi; \
	if \
	:: CONFIRMS(1, n) -> ANSWERED(0, n) = L \
	:: else -> skip \
	fi; \
	if \
	:: NUM(w[0]) > n -> ANSWERED(0, n) = 0 \
	:: else -> skip \
	fi; \
	if \
	:: NUM(w[1]) > n -> ANSWERED(1, n) = 0 \
	:: else -> skip \
	fi;

/* What follows from the two words as they stand, and what must never be. */
inline settle()
{
	EACH_NUMBER(ONE_ANSWER)
	to = 0;
	after = 0;
	assert(!(ACCEPTS(0) && ACCEPTS(1)))
}

inline become(word)
{
	if
	:: word != w[me] -> waited[me] = 0; decided[me] = 0
	:: else -> skip
	fi;
	w[me] = word;
	say(me);
	settle()
}

inline older(x)
{
	if
	:: x > 0 -> x = x - 1
	:: else -> skip
	fi
}

#ifdef HOLE_COUNTED_FROM_STORE
#define DUE_AGES(h)	skip
#else
#define DUE_AGES(h)	older(due[h])
#endif
#ifdef HOLE_FROZEN_CLOCK	/* a hypervisor stops A and its clock */
#define A_AGES		skip
#else
#define A_AGES		older(lease[0])
#endif

#define TICK_ANSWER(n)	older(ANSWERED(0, n)); older(ANSWERED(1, n));

inline tick()
{
	A_AGES; older(lease[1]);
	DUE_AGES(0); DUE_AGES(1);
	EACH_NUMBER(TICK_ANSWER)
	older(ttl);
	older(held[0]); older(held[1]);
	if
	:: ttl == 0 -> lock = 0
	:: else -> skip
	fi;
	if
	:: CLAIMS(0) && waited[0] < W -> waited[0]++
	:: else -> skip
	fi;
	if
	:: CLAIMS(1) && waited[1] < W -> waited[1]++
	:: else -> skip
	fi;
	settle()
}

#ifdef HOLE_ROUTER
#define HELD(h)	L		/* whoever reaches the router "holds" it */
#else
#define HELD(h)	held[h]
#endif
#if defined(HOLE_BEYOND_THE_LOCK)
#define BY_LOCK	(HELD(me) > 0 -> L : 0)
#elif defined(HOLE_OPEN_BY_OWN_TURN)
#define BY_LOCK	L
#else
#define BY_LOCK	(HELD(me) < L -> HELD(me) : L)
#endif

#if defined(HOLE_LOCK_LET_GO_EARLY)
#define RESTS_ON_LOCK	false
#elif defined(HOLE_LOCK_LET_GO_UNLESS_OPEN)	/* relay, armed: a late let-go opens it within that lease */
#define RESTS_ON_LOCK	(MODE(w[me]) == OPEN && lease[me] > ANSWERED(me, NUM(w[me])))
#else
#define RESTS_ON_LOCK	(lease[me] > ANSWERED(me, NUM(w[me])))
#endif

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

	/* The unacknowledged opening: judge_claiming() in core/judge.c; that the verdict is "dead" is not asked. */
	:: d_step { CLAIMS(me) && waited[me] >= W && HELD(me) > 0 && !decided[me] -> decided[me] = 1 }
	:: d_step { decided[me] -> law_OPEN_ALONE(); new_word(0, 0); become(to) }

#ifdef HOLE_FOUND_DEAD	/* the watchdog opens beside a lock: its lease is written before the word, and never asked back */
	:: d_step { MODE(w[me]) == ARMED && PEERS(me) && TERM(NUM(w[me])) < TERMS ->
		law_FOUND_DEAD(); new_word(0, 0); lease[me] = L; become(to) }
#endif

	/* The lease, reckoned ... */
	:: d_step { MODE(w[me]) == ARMED || MODE(w[me]) == OPEN ->
		if
		:: ANSWERED(me, NUM(w[me])) > due[me] -> due[me] = ANSWERED(me, NUM(w[me]))
		:: else -> skip
		fi }
	:: d_step { MODE(w[me]) == OPEN && BY_LOCK > due[me] -> due[me] = BY_LOCK }
#ifdef HOLE_ARMED_BY_OWN_HEALTH
	:: d_step { MODE(w[me]) == ARMED -> due[me] = L }
#endif
	/* ... and stored. */
	:: d_step { due[me] > lease[me] -> lease[me] = due[me]; due[me] = 0; settle() }
	:: d_step { due[me] > 0 -> due[me] = 0 }

	/* etcd. A keep-alive counts from its departure; its answer may be lost. */
	:: d_step { lock == 0 -> lock = me + 1; ttl = E; held[me] = E }
	:: d_step { lock == me + 1 -> ttl = E; held[me] = E }
	:: d_step { lock == me + 1 -> ttl = E }
	/* Let go by a controller that is not in the midst of something: lease_rests_on_lock() in core/lease.c. */
	:: d_step { lock == me + 1 && due[me] == 0 && !decided[me] && !RESTS_ON_LOCK ->
		lock = 0; ttl = 0; held[me] = 0 }
	LIVE_AND_DIE
	od
}

active proctype clock()
{
	do
	:: d_step { true -> tick() }
	od
}
