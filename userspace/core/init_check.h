/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * init_check: is a backup as ready as a takeover needs it, and if not, since when and for want of what?
 *
 * Pure; the guide's backup-init-check. Asked of a backup only: from the moment it became one every part must have
 * been there at once within the timeout. That once is enough until it is a backup anew: what breaks later has a
 * monitor of its own. What only a peer can show is asked while one is heard, and has its time from then on: a
 * peer that is dead must not make its last successor unfit.
 * Time:    boot clock, passed in.
 * Source:  options.md backup-init-check, backup-init-check-timeout; the guide, 'Verifying Initialization Status'.
 */
#ifndef BATON_INIT_CHECK_H
#define BATON_INIT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/service.h"

/* The first that is missing is told. The peer link and the calls' synchronisation will be two more. */
#define INIT_PARTS(X) \
	X(DATA_PATH,	"the data path is not attached to every interface") \
	X(DIGEST,	"the peer has other VIPs or settings for this group") \
	X(PATHS,	"a heartbeat path is down") \
	X(ANSWERING,	"the peer does not hear this host's data path") \
	X(MONITORS,	"a monitor is not well") \
	X(PORTS,	"a SIP port cannot be opened") \
	X(SERVER,	"the SIP server does not answer OPTIONS")

enum init_part {
#define INIT_ENUM(name, text) INIT_##name,
	INIT_PARTS(INIT_ENUM)
#undef INIT_ENUM
	INIT__N
};
#define INIT_BIT(part)	(1u << (part))
#define INIT_OF_PEER	(INIT_BIT(INIT_DIGEST) | INIT_BIT(INIT_PATHS) | INIT_BIT(INIT_ANSWERING))

struct init_facts {
	bool primary;		/* it serves: not asked */
	bool peer_heard;
	uint32_t missing;	/* INIT_BIT of every part that is not there now */
	uint64_t timeout_ns, now_ns;
};

/* All zero: begins with the first look. */
struct init_check {
	bool backup, peer_heard, done;
	uint64_t since_ns;	/* the parts have their time from then on */
};

struct init_verdict {
	enum fact_health fact;	/* not watched: a primary, or still within its time */
	enum init_part first;	/* of what is missing; INIT__N: nothing */
	uint64_t next_ns;	/* the time is over then; 0: nothing runs out */
};

struct init_verdict init_judge(struct init_check *c, const struct init_facts *f);

const char *init_part_text(enum init_part part);

#endif
