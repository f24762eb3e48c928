/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ping: when is a SIP element asked with OPTIONS, and does it live?
 *
 * Every `check`; a question that has no final answer after `force` puts it out of service, and then it is asked every
 * `force`. Until then the question is repeated as RFC 3261 has it, so one lost datagram says nothing. An answer
 * that is read after the verdict comes too late; a provisional one or an ICMP error is none. A burst asks at its own pace and judges nothing.
 * Pure. Time: boot clock nanoseconds, passed in; whoever calls has read what arrived before he asks what is due.
 * Source:  the guide, oos-check and oos-force; RFC 3261 §17.1.2 (timer E).
 */
#ifndef BATON_PING_H
#define BATON_PING_H

#include <stdbool.h>
#include <stdint.h>

#define PING_NEVER	UINT64_MAX
#define PING_KEPT	8	/* questions whose answers are still known; of a burst at most so many */

enum ping_state { PING_UNKNOWN, PING_IN_SERVICE, PING_OUT_OF_SERVICE };

struct ping_report {
	enum ping_state state;
	uint64_t since_ns;	/* when it became that; 0: PING_UNKNOWN */
	uint64_t asked_ns;	/* departure of the newest OPTIONS; 0: none yet */
	uint64_t answered_ns;	/* arrival of the newest final answer; 0: none ever */
	uint64_t answered_to_ns;	/* departure of the newest OPTIONS that was answered; 0: none ever */
	uint64_t silent_to_ns;	/* departure of the newest OPTIONS that had its whole time and no answer; 0: none ever */
	uint32_t unanswered;	/* OPTIONS in a row without an answer, the one under way not among them */
	uint32_t rtt_us;	/* of the last answer */
	uint16_t status;	/* its code */
};

struct ping {
	uint64_t check_ns, force_ns;	/* check 0: not checked */
	uint64_t next_ns;		/* not before: the first question, or one out of turn */
	uint64_t run_ns;		/* departure of the oldest OPTIONS since the last answer; 0: none */
	uint64_t again_ns, wait_ns;	/* the newest is repeated then, and after so much more */
	uint64_t left_ns[PING_KEPT];	/* departures, by serial */
	uint32_t serial;		/* of the newest OPTIONS, from 1 */
	bool open;			/* it has no answer yet */
	bool leaving;			/* and was not said to have left */
	bool hurry;			/* next_ns is out of turn */
	uint32_t burst_left;		/* questions to come */
	bool burst;			/* those, and a gap after the last */
	uint64_t burst_gap_ns, burst_since_ns;
	struct ping_report seen;
};

enum ping_act { PING_REST, PING_ASK, PING_REPEAT };

/* New times act at once. @first_ns: of the first question, if there was none. @check_ns 0: forget and stop. */
void ping_set(struct ping *p, uint64_t check_ns, uint64_t force_ns, uint64_t first_ns);

/* One question out of turn, not before @at_ns. */
void ping_hurry(struct ping *p, uint64_t at_ns);
/* @times (1 .. PING_KEPT) questions @gap_ns apart, the first at @now_ns. */
void ping_burst(struct ping *p, uint32_t times, uint64_t gap_ns, uint64_t now_ns);

/* What an answer must show: nobody makes it who has not seen the question. @key: random, of this process. @id: of whom is asked. */
uint64_t ping_token(const uint64_t key[2], uint32_t id, uint32_t serial);

uint64_t ping_due(const struct ping *p);
/*
 * What is to be sent now: the OPTIONS numbered p->serial, new or again. *@changed is set, never cleared, when
 * the state changes or a burst ends.
 */
enum ping_act ping_turn(struct ping *p, uint64_t now_ns, bool *changed);
/* It has really left by now; of one that is repeated the first time counts. */
void ping_left(struct ping *p, uint32_t serial, uint64_t now_ns);
/* A final or provisional answer to @serial; false: to nothing that was asked lately. */
bool ping_answered(struct ping *p, uint32_t serial, uint16_t status, uint64_t now_ns, bool *changed);

#endif
