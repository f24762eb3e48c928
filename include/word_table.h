/* SPDX-License-Identifier: GPL-2.0 */
/*
 * word_table: every change of the word that is allowed, and nothing else.
 * Data only: core/word.c and bpf/gate.h both unfold it, so kernel and controller cannot drift apart.
 *
 * Row: mode, whose number, cause -> mode, number after. A pair (mode, cause) that is not here is
 * refused. NOBODY is the number 0 of a host that has heard of no term.
 *
 * Why it holds: relay and shut never become open again with the same number, so "I have let go of
 * number n" is true for ever and may be late, repeated or replayed; a gate opens only after the
 * peer's word stood, not open, at or above a number that makes the peer's old one useless.
 */
#ifndef WORD_TABLE_H
#define WORD_TABLE_H

enum word_whose { WORD_NOBODYS, WORD_MINE, WORD_PEERS, WORD_WHOSE__N };

enum word_cause {
	WORD_HEARD_HIGHER = 1,	/* kernel: a pulse shows a higher number, open or claimed */
	WORD_HEARD_LETGO,	/* kernel: a pulse shows this number, neither open nor a claim */
	WORD_ARM,		/* controller: healthy, and term + 1 is on disk */
	WORD_CLAIM,		/* controller: wants the role; the number is on disk */
	WORD_OPEN_ALONE,	/* controller: claim not acknowledged, peer found dead */
	WORD_FOUND_DEAD,	/* kernel, without a witness: nothing came from the peer by any path; term + 1 is on disk */
	WORD_LEAVE,		/* kernel or controller: hand over */
	WORD_RENUMBER,		/* controller: the peer, not open, has a higher number */
	WORD_CLOSE,		/* controller: fence, stop, ill health */
	WORD_CAUSE__N
};

enum word_after {
	WORD_SAME = 1,		/* the number it had */
	WORD_THE_PEERS,		/* the number heard */
	WORD_NEXT,		/* (term + 1, me) */
	WORD_ABOVE,		/* own number above every one seen */
};

/*	 mode	whose	 cause		-> mode	 number */
#define WORD_TABLE(X) \
	X(SHUT,	 NOBODYS, HEARD_HIGHER,	   SHUT,  THE_PEERS) \
	X(SHUT,	 MINE,	  HEARD_HIGHER,	   SHUT,  THE_PEERS) \
	X(SHUT,	 PEERS,	  HEARD_HIGHER,	   SHUT,  THE_PEERS) \
	X(ARMED, MINE,	  HEARD_HIGHER,	   SHUT,  THE_PEERS) \
	X(ARMED, PEERS,	  HEARD_HIGHER,	   SHUT,  THE_PEERS) \
	X(OPEN,	 MINE,	  HEARD_HIGHER,	   RELAY, THE_PEERS) \
	X(RELAY, MINE,	  HEARD_HIGHER,	   RELAY, THE_PEERS) \
	X(RELAY, PEERS,	  HEARD_HIGHER,	   RELAY, THE_PEERS) \
	X(ARMED, PEERS,	  HEARD_LETGO,	   OPEN,  NEXT) \
	X(ARMED, MINE,	  HEARD_LETGO,	   OPEN,  SAME) \
	X(SHUT,	 PEERS,	  ARM,		   ARMED, SAME) \
	X(RELAY, PEERS,	  ARM,		   ARMED, SAME) \
	X(SHUT,	 NOBODYS, CLAIM,	   ARMED, ABOVE) \
	X(SHUT,	 MINE,	  CLAIM,	   ARMED, ABOVE) \
	X(SHUT,	 PEERS,	  CLAIM,	   ARMED, ABOVE) \
	X(ARMED, MINE,	  CLAIM,	   ARMED, ABOVE) \
	X(ARMED, PEERS,	  CLAIM,	   ARMED, ABOVE) \
	X(RELAY, MINE,	  CLAIM,	   ARMED, ABOVE) \
	X(RELAY, PEERS,	  CLAIM,	   ARMED, ABOVE) \
	X(ARMED, MINE,	  OPEN_ALONE,	   OPEN,  SAME) \
	X(ARMED, PEERS,	  FOUND_DEAD,	   OPEN,  NEXT) \
	X(OPEN,	 MINE,	  LEAVE,	   RELAY, SAME) \
	X(OPEN,	 MINE,	  RENUMBER,	   OPEN,  ABOVE) \
	X(SHUT,	 NOBODYS, CLOSE,	   SHUT,  SAME) \
	X(SHUT,	 MINE,	  CLOSE,	   SHUT,  SAME) \
	X(SHUT,	 PEERS,	  CLOSE,	   SHUT,  SAME) \
	X(ARMED, MINE,	  CLOSE,	   SHUT,  SAME) \
	X(ARMED, PEERS,	  CLOSE,	   SHUT,  SAME) \
	X(OPEN,	 MINE,	  CLOSE,	   SHUT,  SAME) \
	X(RELAY, MINE,	  CLOSE,	   SHUT,  SAME) \
	X(RELAY, PEERS,	  CLOSE,	   SHUT,  SAME)

#endif
