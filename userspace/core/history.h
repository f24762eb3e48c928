/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history: what is remembered of the last role changes, and of port rules changed by hand; how does it lie on disk?
 *
 * Pure: a ring of HISTORY_MAX fixed-size records, the newest known by its serial number; and one of hands. On disk: a
 * header with a check over the records, oldest first, those of hands last, in this host's byte order; they never travel.
 * Time:    steps by the boot clock, compared only with each other; wall_ns is for people alone.
 * Errors:  -EBADMSG for anything that history_write() did not write; the history is untouched then.
 */
#ifndef BATON_HISTORY_H
#define BATON_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton_abi.h"

#define HISTORY_MAX	100
#define HISTORY_NEVER	UINT32_MAX	/* of an age: there was none */

/* Name and words for people, in the order in which they are told when they happen at once. */
#define HISTORY_STEPS(X) \
	X(ASKED,     "asked",     "an operator asked for it") \
	X(DISK,      "disk",      "the new term was on disk") \
	X(CLAIMED,   "claimed",   "this host claimed the role") \
	X(LET_GO,    "let-go",    "this host's gate let go: frames are sent on to the peer") \
	X(OPENED,    "opened",    "this host's gate opened") \
	X(SHUT,      "shut",      "this host's gate shut") \
	X(ANNOUNCED, "announced", "the network was told that the VIPs are here") \
	X(HELD,      "held",      "the addresses were on the interfaces") \
	X(PEER_OPEN, "peer-open", "the peer's gate was seen open") \
	X(RELEASED,  "released",  "the addresses were gone from the interfaces") \
	X(COMPLETE,  "complete",  "no neighbour sent to the old holder any more")

enum history_step {
#define HISTORY_ENUM(name, word, text) HISTORY_##name,
	HISTORY_STEPS(HISTORY_ENUM)
#undef HISTORY_ENUM
	HISTORY_STEP__N
};

enum history_by { HISTORY_BY_CONTROLLER, HISTORY_BY_PULSE, HISTORY_BY_MARK, HISTORY_BY_LISTENER, HISTORY_BY_WATCH, HISTORY_BY__N };

struct history_at {
	uint64_t ns;			/* boot clock; 0: did not happen */
	uint32_t by;			/* enum history_by */
	uint32_t zero;
};

/* A heartbeat path at the moment of the decision. */
struct history_path {
	char dev[16];
	uint32_t heard_us;		/* last believed message so long ago; HISTORY_NEVER */
	uint32_t detect_us;		/* silence asked for */
	uint32_t loss_ppm;
	uint32_t link_up;
};

/* What this host knew then. */
struct history_evidence {
	uint64_t said;			/* the peer's word, 0: none heard */
	uint32_t said_us;		/* so long ago; HISTORY_NEVER */
	uint32_t lease_left_us;		/* as the peer said */
	uint32_t flags;			/* PULSE_F_*, as the peer said */
	uint32_t resp_age_ms;		/* since the peer's VIP last answered, as it said; HISTORY_NEVER */
	uint32_t running;		/* this host's SIP server is well, */
	uint32_t n_paths;
	char service[96];		/* if not, why */
	char peer[16];			/* up, stalled, unauthentic, down, unknown */
	struct history_path path[BT_PATHS_MAX];
};

enum history_replay_state { HISTORY_REPLAY_NONE, HISTORY_REPLAY_DONE, HISTORY_REPLAY_LATE, HISTORY_REPLAY__N };

/* What the dead peer left unanswered and our server was given (core/replay.h). */
struct history_replay {
	uint32_t state;			/* enum history_replay_state; LATE: too long after the opening, nothing was given */
	uint32_t given;
	uint32_t doubtful;		/* of those: their clients may have seen an answer before */
	uint32_t answered;		/* by the dead: left out */
	uint32_t cancelled;		/* INVITEs whose CANCEL came: left out */
	uint32_t lost;			/* to be given, but there was no room, or the kernel did not take them */
	uint32_t missing_us;		/* of the window, for which the ring was too short */
	uint32_t took_us;		/* from the opening until the last was given */
};

struct history_change {
	char group[BT_NAME_MAX];
	char owner[BT_NAME_MAX];	/* of the term that came of it */
	char cause[32];
	uint32_t term;
	uint32_t from, to;		/* enum role */
	uint32_t unanswered;		/* requests the old holder still owed an answer: seen twice at most */
	uint64_t number;		/* the word's that came of it */
	int64_t wall_ns;		/* of the first step, for people */
	struct history_at step[HISTORY_STEP__N];
	struct history_evidence then;
	uint64_t last_ns;		/* last VIP frame that the old holder let in; 0: not known */
	uint64_t first_ns;		/* first that the new one let in */
	struct history_replay replay;
	uint64_t relayed, helped, taken;	/* VIP frames sent on as old holder, as armed host; taken from one */
};

#define HISTORY_HANDS	32

/* `baton port`: a rule, and what is wanted of it from then on. */
struct history_hand {
	char group[BT_NAME_MAX];
	char rule[24];			/* "5060-5080 both" */
	uint32_t from, to;		/* enum bt_rule_state */
	uint32_t uid;			/* who asked, */
	int32_t pid;
	uint64_t at_ns;			/* and when */
	int64_t wall_ns;
};

struct history {
	struct history_hand hand[HISTORY_HANDS];	/* of number i, from 1: hand[i % HISTORY_HANDS] */
	uint64_t hands;			/* ever; the last HISTORY_HANDS are kept */
	uint64_t serial;		/* of the newest; the first ever has 1 */
	uint32_t n;
	struct history_change row[HISTORY_MAX];		/* of serial s: row[s % HISTORY_MAX] */
};

struct history_head {
	char magic[8];
	uint32_t version, size, n, n_hands;
	uint64_t check;
};

#define HISTORY_BYTES	(sizeof(struct history_head) + HISTORY_MAX * sizeof(struct history_change) + \
			 HISTORY_HANDS * sizeof(struct history_hand))

/* A new record, all zero; the oldest goes. Its serial is h->serial. */
struct history_change *history_add(struct history *h);
/* NULL: none, or gone. */
struct history_change *history_of(struct history *h, uint64_t serial);
/* The i-th, 0 the newest; NULL: there are fewer. */
const struct history_change *history_get(const struct history *h, uint32_t i);

struct history_hand *history_add_hand(struct history *h);	/* all zero; the oldest goes */
const struct history_hand *history_get_hand(const struct history *h, uint32_t i);	/* 0 the newest; NULL: there are fewer */

/* The first time counts; true if this was it. */
bool history_note(struct history_change *c, enum history_step step, uint64_t at_ns, enum history_by by);
uint64_t history_begin_ns(const struct history_change *c);	/* of the earliest step, 0: none */
/* From the old holder's last frame to the new one's first; 0 or less: no gap. False: not measured. */
bool history_outage(const struct history_change *c, int64_t *ret_us);

size_t history_write(const struct history *h, void *buf);	/* HISTORY_BYTES at most */
int history_read(struct history *h, const void *buf, size_t len);

const char *history_step_word(enum history_step step);
const char *history_step_text(enum history_step step);
const char *history_by_text(uint32_t by);

#endif
