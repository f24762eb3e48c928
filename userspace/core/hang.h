/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hang: does the group's SIP server take requests and answer none, and is that its own fault?
 *
 * Pure; one instance per group, told what is counted and heard, says what is to be asked.
 * Requests coming in and no response going out for sip-hang-timeout is no verdict: scanners are dropped in silence. It only
 * asks, three OPTIONS to the own server and the peer (PULSE_F_ASKING) to do the same with its own. Hung is who leaves
 * those unanswered too although it ever answered one since it started, while the peer's server answers: what both
 * share, a slow database behind them, moves nothing. Hung it is until it answers an OPTIONS. Where only who serves blocks
 * on that database the role moves once: a server that hung within HANG_DOUBT_NS is no proof against the peer's.
 * Stale: an answer counts only if the peer gave it to this asking. ASKING is not said before the peer is heard with
 *        ANSWERS clear; a peer that missed that the last asking ended clears it then.
 * Limit: a server that never answers OPTIONS cannot be found hung (hang_says.mute tells).
 * Time:  boot clock nanoseconds. Source: design §4.5.
 */
#ifndef BATON_HANG_H
#define BATON_HANG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/service.h"

#define HANG_REQUESTS	3			/* fewer without a response prove nothing */
#define HANG_ASKS	3			/* OPTIONS of one asking ... */
#define HANG_GAP_NS	UINT64_C(50000000)	/* ... and the time each has */
#define HANG_AGAIN_NS	UINT64_C(1000000000)	/* between askings while nothing has changed */
#define HANG_DOUBT_NS	UINT64_C(60000000000)	/* a server that hung so lately is no better than the peer's */
#define HANG_MUTE_NS	UINT64_C(16000000000)	/* three of the OPTIONS that go to it all the while have had their time */

enum hang_state { HANG_CALM, HANG_SUSPECT, HANG_HUNG };

struct hang_seen {
	uint64_t timeout_ns;		/* sip-hang-timeout; 0: off */
	bool primary;
	uint64_t requests;		/* SIP requests that came in, ever */
	uint64_t response_ns;		/* when the last SIP response left, */
	uint64_t request_ns;		/* and when the first request after it came in; not above that: none yet, or not known */
	bool peer_fresh;
	uint32_t peer_flags;		/* PULSE_F_* */
	uint64_t answered_to_ns;	/* departure of the newest OPTIONS that the own server answered; 0: none ever */
	bool ended;			/* the last asking is over: answered, or its time is up */
};

struct hang_says {
	enum fact_health answers;
	uint32_t evidence;		/* PULSE_F_ASKING, PULSE_F_ANSWERS */
	uint32_t ask;			/* so many OPTIONS are to leave now, HANG_GAP_NS apart; then hang_asked() */
	bool mute;			/* it has never answered an OPTIONS */
	uint64_t next_ns;		/* look again then; UINT64_MAX: when something happens */
};

struct hang {
	enum hang_state state;
	bool there;			/* there is a server, */
	uint64_t there_ns;		/* since then */
	bool primary;
	uint64_t primary_ns;		/* first turn as such */
	uint64_t response_ns, requests;	/* as they stood when it last answered or was asked */
	uint64_t looked_ns;		/* last turn */
	uint64_t since_ns;		/* a request is unanswered since then; 0: none */
	uint64_t begun_ns;		/* of the asking: its first OPTIONS */
	uint64_t asked_ns;		/* departure of the last ones' first */
	uint64_t again_ns;		/* not before */
	uint32_t asked;			/* OPTIONS sent since begun_ns */
	bool silent;			/* as many as an asking has went unanswered, */
	bool peer_was_clear;		/* and the peer has said since that it does not know yet: ASKING is said */
	bool helping, helped;		/* the peer asks; our server answers */
	uint64_t over_ns;		/* it was found hung until then; 0: never */
	bool mute;
};

/* Is there a server at all? One that comes anew is a stranger. Starts out as there since ever. */
void hang_init(struct hang *h);
void hang_note_server(struct hang *h, bool there, uint64_t now_ns);

void hang_turn(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *ret);
/* What hang_turn() wanted left at @since_ns, the first of them. */
void hang_asked(struct hang *h, uint64_t since_ns);

#endif
