/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool: which of a pool's two servers is active, and who is asked when?
 *
 * START    The configured primary, until something is known: nothing waits for a first answer. A controller that is started
 *          again begins with the server that was active.
 * OPTIONS  The guide's algorithm. The active server is asked; answered within `check`, it is asked again when that has passed
 *          since the last question. Unanswered within `check`, it is silent: now both are asked in turn, the other first, every
 *          `force`, until one answers a question of this run, be it late; that one is active, and is asked again
 *          after `check`. Until then the last active one stays what it was; when both have let `force` pass, none is active.
 *          Cause SILENT when another than before answered, OPTIONS when none was active or the first answer came.
 *          Each question is repeated as RFC 3261 has it: one lost datagram says nothing.
 *          The standby is asked besides, once the active one has answered: that is for the report and for deaths alone,
 *          and makes nobody active.
 * REQUEST  A request came from the server that is not active: it is. Unless it speaks all the time: it must have been mute for
 *          `check` before, and the active one must have sent none since it began. So of two that both send requests the first to
 *          begin stays; and after one such move the next waits for a hold of `check`, doubled up to 64 times while they
 *          follow each other closely.
 * PULSE    A host that says its gate is open makes its server active, at once, whatever OPTIONS and requests say; of two the
 *          higher number. When all hosts that are heard say that they are not, the active one stays, and OPTIONS decide
 *          on. When the active one's host falls silent, and nobody else says open, both servers are asked in turn at once, the active first.
 *          A host is silent when `misses` questions in a row had no answer: whoever asks late waits late, and blames nobody.
 *
 * Deaths: what a server knew is gone when it is dead and another is active, once until it is seen to live again. Dead is: its
 *          host is heard and says that its server is not well (not the holder); or was heard and is not for a whole second, though
 *          it did not say that it is being stopped; or, where no host was heard, its server is silent to OPTIONS. A mere
 *          change of roles, its host heard and well, is none; nor is a moment without answers.
 *
 * Pure. Time: boot clock nanoseconds, passed in; whoever calls has read what arrived before he asks what is due.
 * Source:  the guide, Using SIP Proxy, SIP Proxy-based HA Workflow; RFC 3261 §17.1.2 (timer E); design §4.7.
 */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

#define POOL_NEVER	UINT64_MAX
#define POOL_KEPT	8	/* questions of each server whose answers are still known */
#define POOL_HOLD_MAX	64	/* times `check` */
#define POOL_DEAD_NS	UINT64_C(1000000000)	/* silence of a host that is a death */

enum active_cause { ACTIVE_START, ACTIVE_OPTIONS, ACTIVE_SILENT, ACTIVE_REQUEST, ACTIVE_PULSE, ACTIVE_CAUSE__N };
enum active_state { SERVER_UNKNOWN, SERVER_ANSWERS, SERVER_SILENT };

struct active_report {
	uint8_t active;			/* 1, 2; 0: none is known to live */
	enum active_cause cause;
	uint64_t since_ns;
	struct {
		enum active_state state;	/* to OPTIONS */
		uint64_t asked_ns, answered_ns;	/* 0: never */
		uint32_t rtt_us;
		uint32_t deaths;	/* times it was found dead: what it knew is gone */
		uint8_t role;		/* of its batond: 0 not heard, 1 backup, 2 primary */
		uint32_t term;
	} server[BT_SERVERS];
};

struct pool_times {
	uint64_t check_ns;		/* 0: nobody is asked with OPTIONS */
	uint64_t force_ns;		/* 0: as check */
	uint32_t misses;		/* unanswered questions of pulses that make a host silent */
};

/* What a host told of its group. */
struct pool_told {
	uint64_t number;		/* of its word */
	bool open;			/* and leased */
	bool running, stopping;
};

struct pool_server {
	uint32_t serial;		/* of the newest OPTIONS, from 1 */
	uint64_t left_ns[POOL_KEPT];	/* departures, by serial */
	uint64_t until_ns;		/* the newest has until then */
	uint64_t again_ns, wait_ns;	/* it is repeated then, and after so much more */
	uint64_t answered_to_ns, silent_to_ns;	/* newest departure that was answered; that had its whole time */
	uint64_t request_ns, begun_ns;	/* its last request; the first after a silence */
	struct pool_told told;
	uint64_t heard_ns;		/* when its host was last heard */
	uint32_t unheard;		/* questions of pulses since its host's last answer */
	bool open;			/* the newest OPTIONS has no answer yet */
	bool leaving;			/* and was not said to have left */
	bool wanted;			/* is to be asked now */
	bool heard;			/* its host, and it is not silent */
	bool fell_silent;		/* was heard, and did not say that it would stop */
	bool buried;			/* its death was counted */
};

struct pool {
	struct pool_times times;
	uint32_t n_servers;
	bool forcing;			/* both are asked in turn */
	bool ruled;			/* by pulses */
	bool changed;			/* what is seen; the caller clears it */
	uint32_t turn;			/* forcing: server whose turn it is, from 1 */
	uint32_t checked;		/* server asked every `check`: the last active one */
	uint64_t due_ns;		/* of the next step: end of check or force */
	uint64_t run_ns;		/* forcing: since */
	uint64_t start_ns;
	uint64_t moved_ns, hold_ns;	/* last move by a request, and how long the next waits */
	struct pool_server server[BT_SERVERS];
	struct active_report seen;
};

enum pool_act { POOL_REST, POOL_ASK, POOL_REPEAT };

struct pool_do {
	enum pool_act act;
	uint32_t server;		/* from 1 */
	uint32_t serial;
};

/* @p zeroed: the beginning, with @first active: 1, the configured primary, unless somebody knows better. Else the times alone change. */
void pool_set(struct pool *p, const struct pool_times *times, uint32_t n_servers, uint32_t first, uint64_t now_ns);

uint64_t pool_due(const struct pool *p);
/* One thing that is to be sent now, until POOL_REST. */
struct pool_do pool_turn(struct pool *p, uint64_t now_ns);
/* It has really left by now; of one that is repeated the first time counts. */
void pool_left(struct pool *p, uint32_t server, uint32_t serial, uint64_t now_ns);
/* A final answer to OPTIONS @serial of @server; false: to nothing that was asked lately. */
bool pool_answered(struct pool *p, uint32_t server, uint32_t serial, uint64_t now_ns);

/* When its last request came, as often as somebody looks. One of before the beginning is no news. */
void pool_request(struct pool *p, uint32_t server, uint64_t request_ns, uint64_t now_ns);

/* Its host is about to be asked once more: had the questions before this one no answer? */
void pool_observed(struct pool *p, uint32_t server, uint64_t now_ns);
/* Its host has answered, later than any answer before. NULL: it has no such group, so says nothing. */
void pool_told(struct pool *p, uint32_t server, const struct pool_told *told, uint64_t now_ns);
/* Hosts are not asked any more. */
void pool_unobserved(struct pool *p, uint64_t now_ns);

#endif
