/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * judge: given all that is known, should this host change the group's word, how, and why?
 *
 * Pure: facts in, at most one change out; the conductor makes it by compare-and-swap and asks again.
 * Availability mode (arbiter none or router): an unacknowledged claim is opened on the verdict 'peer dead'
 * alone; with router, only by a host that is not deaf: a router answered in this silence.
 * Witness mode (etcd): claimed only with the lock in hand, and opened when the claim has stood for a whole
 * lease and a tenth: since then our kernel confirms no older holder, so every older lease has ended.
 * No preemption: a claim needs a cause.
 * Time:    ages in nanoseconds, computed by the caller from the boot clock.
 * Source:  design §4.3, §4.4.
 */
#ifndef BATON_JUDGE_H
#define BATON_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/word.h"

enum peer_state {
	PEER_UNKNOWN,		/* just started, has not listened long enough */
	PEER_UP,
	PEER_STALLED,		/* its kernel answers, its controller does not renew the lease */
	PEER_UNAUTHENTIC,	/* only frames of this pair with a wrong MAC are heard */
	PEER_DOWN,
	PEER_NONE,		/* mode single-host: there is none, and never will be */
};

/* What the peer last said of the group. */
struct peer_facts {
	bool fresh;		/* said no more than a few intervals ago */
	bool known;		/* it has the group */
	bool same_digest;
	bool running, leased, stopping;
	bool fenced;		/* shut by hand there */
	bool hears_us;		/* heard us within the last 100 ms */
	bool elsewhere;		/* heard, but not on the group's own interface, though a path lies there */
	uint64_t word;		/* meaningless unless known */
};

struct judge_facts {
	uint64_t word;
	uint64_t seen;		/* word with the highest number this host ever saw or used */
	uint8_t me, peer_id;
	bool running;		/* the local SIP server is well, and so are the monitors */
	bool able;		/* the server is, whatever the monitors say */
	bool link_up;		/* clients can reach the group's interface */
	bool rested;		/* a second since the last move: the old server has said what it had to */
	bool settled;		/* and well all that time */
	bool stopping;
	bool fenced;		/* an operator keeps this host shut: it neither arms nor claims */
	bool fence_asked;	/* ... wants to, once the peer has taken the role */
	bool asked, forced;	/* the operator wants the role moved */
	bool drains;		/* ... and what began here to stay here */
	const char *moved;	/* mode single-host: another server works, and why: a new term is due; NULL */
	bool prefers_me;	/* leads when both are new */
	uint32_t term_on_disk;	/* terms up to this may be used */
	enum peer_state peer;
	bool mute;		/* ... but its controller has asked nothing for seconds: worth a reason, moves nothing */
	struct peer_facts said;
	uint64_t nobody_ns;	/* for how long judge_nobody_holds() has been true */
	uint64_t patience_ns;	/* 10 intervals: how long a role may lie on the ground */
	uint64_t vip_silent_ns;	/* for how long nobody has answered for the VIP, though asked; 0: not known */

	enum conf_arbiter arbiter;
	bool arbiter_up;	/* it answers */
	bool ear;		/* router: one of the group's answered a question asked in this silence */
	bool leased;		/* our own gate's lease runs */
	bool unsure;		/* open: for half of the misses no probe was answered at our number */
	uint64_t lock_number;	/* etcd: the number this host holds the lock for, now; 0: it does not */
	uint64_t claim_age_ns;	/* our claim has stood in our word at least so long */
	uint64_t longest_lease_ns;	/* of this host and the peer, the longer one */
	uint64_t gone_ns;	/* for how long the peer has been found gone */
};

struct judgement {
	enum word_cause cause;	/* 0: leave it as it is */
	const char *why;	/* stable word for the log: peer-lost, switchover ... */
	uint32_t need_term;	/* must be on disk before the change; 0: nothing missing */
	const char *stuck;	/* something ought to move but cannot: text for an alarm; NULL */
};

struct judgement judge(const struct judge_facts *f);

/*
 * May this host go by it that the peer serves nobody? It is dead; or it cannot be told from who
 * forges it, and nobody answers for the VIP. With router: and this host itself can hear. In witness
 * mode it is a reason to ask for the lock, and no more.
 */
bool judge_peer_is_gone(const struct judge_facts *f);

/* Would a planned hand-over to the peer be taken up now? NULL: yes; else why not, for people. */
const char *judge_unready(const struct judge_facts *f);

/* The same for a hand-over that need not be: where frames cannot be sent on to the peer, none is begun. */
const char *judge_refusal(const struct judge_facts *f);

/*
 * Is the role seen lying on the ground? A claim that gets no lease is nobody's: its controller died
 * between claiming and opening, and its kernel would say so for ever. False while the peer's word is old.
 */
bool judge_nobody_holds(const struct judge_facts *f);

/*
 * The number this host wants the lock for, 0: for none. While the pair hears itself nobody wants it; the
 * holder after half of the misses, the other at its verdict. Whoever is ill leaves it to the other.
 */
uint64_t judge_lock_wanted(const struct judge_facts *f);

/* What must be on disk for the word as it stands, and for what the kernel may make of it; 0: nothing. */
uint32_t judge_owed_term(const struct judge_facts *f);

/* The word with the higher number. */
uint64_t judge_higher(uint64_t a, uint64_t b);

const char *peer_state_text(enum peer_state s);

#endif
