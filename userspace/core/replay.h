/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay: which of the requests that came before a gate opened are to be given to this host's server, and which were answered?
 *
 * The dead holder's answers were shown as copies (receipts). With them, each request of the window without a final answer is given; where
 * none are shown, those that came after the last pulse of the dead. 100 Trying is no answer; another provisional one is none either, but
 * its client has seen it: such a request counts as doubtful, as does, without receipts, one that the dead may have had time to
 * answer. Left out: repetitions (same Call-ID, CSeq and branch: given once), an INVITE whose CANCEL came (it must not ring
 * after that; the CANCEL itself is given, and gets 481 as it would after a repetition), whatever the kernel did not keep: ACK, responses.
 * A request that cannot be read is known by its bytes alone: no answer is found for it, and it is given as where no receipts are.
 *
 * Pure, no allocation; entries in any order, those of one opening. Room for REPLAY_ROWS requests; what is beyond is counted as full.
 * Time:    boot clock nanoseconds, as in struct bt_replay.
 * Source:  RFC 3261 §8.1.1, §17.1.3, §17.2.3 (what is the same transaction), §9.1 (CANCEL); design §4.3, issue 6.
 */
#ifndef BATON_REPLAY_H
#define BATON_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

#define REPLAY_ROWS	4096
#define REPLAY_SEATS	16384		/* transactions: of requests, of answers; a power of two */

struct replay_rule {
	uint64_t from_ns;	/* requests of before that are too old */
	uint64_t pulse_ns;	/* the dead was last heard */
	uint64_t doubt_ns;	/* where no receipts are: it may have answered what came before that */
	bool shown;		/* receipts of this group are known to come; one that is noted shows it too */
	__u64 key[2];		/* random: nobody can make two transactions look like one */
};

enum replay_fate { REPLAY_GIVEN, REPLAY_ANSWERED, REPLAY_CANCELLED, REPLAY_TWICE, REPLAY_OLD, REPLAY_FULL, REPLAY_FATE__N };

/* A request, and what became of it. */
struct replay_row {
	uint64_t number;	/* of its entry */
	uint64_t at_ns;
	uint64_t transaction;
	bool readable, invite;
	bool doubtful;		/* given, and its client may have seen an answer */
};

struct replay_seat {
	uint64_t transaction;
	uint32_t opening;	/* of another one: free */
	uint32_t flags;
};

struct replay {
	struct replay_rule rule;
	uint32_t opening;
	uint32_t n, next;	/* rows; the first that is not decided */
	uint32_t n_seats;
	uint32_t fates[REPLAY_FATE__N];
	uint32_t doubtful;	/* of those given */
	struct replay_row row[REPLAY_ROWS];
	struct replay_seat seat[REPLAY_SEATS];
};

/* A new opening. @r: zeroed once, before the first. */
void replay_begin(struct replay *r, const struct replay_rule *rule);
/* An entry of the ring, numbered e->seq - 1. */
void replay_note(struct replay *r, const struct bt_replay *e);
/* The next to be given, in the order in which they were noted; all that is known by now counts. NULL: none is left. */
const struct replay_row *replay_next(struct replay *r);

#endif
