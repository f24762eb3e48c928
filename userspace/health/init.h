/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * init: is everything here that a takeover by this backup would need (backup-init-check)?
 *
 * Collects the parts: some the conductor sees, some the other monitors; the SIP ports it tries itself
 * (backup-sip-port-check): where nobody listens a socket is bound and closed at once, once a
 * network-monitoring-timeout and only until each could be bound once. What follows is core/init_check's to say.
 * A listener that is there counts as the watched server's: whose it is the kernel does not say. One on UDP must answer
 * OPTIONS, too.
 * Blocks:  a few netlink answers of a lookup a turn, while ports are tried.
 */
#ifndef BATON_INIT_H
#define BATON_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/init_check.h"
#include "sys/nl.h"

#define INIT_DETAIL	96

/* What others know. */
struct init_seen {
	bool primary, peer_heard;
	bool server_answers;	/* the last OPTIONS to the own server were answered */
	uint32_t missing;	/* INIT_BIT of parts that the caller knows of */
};

struct init {
	const struct conf *conf;
	const struct conf_group *group;
	struct init_check check;
	struct init_verdict verdict;
	struct nl ask;
	bool ports_tried;	/* each could be opened, or has its listener */
	uint32_t at;		/* the next to be tried: VIP, port, UDP or TCP */
	uint64_t try_ns;
	bool looked, serves_udp;	/* at the address where the own server is asked */
	uint64_t look_ns;
	char port[INIT_DETAIL];	/* the one that could not, and why; "" */
};

void init_open(struct init *i, const struct conf *conf, const struct conf_group *group);
void init_close(struct init *i);

/* Tries ports that are due; returns when there is more to do. */
uint64_t init_turn(struct init *i, uint64_t now_ns);

/* FACT_NOT_WATCHED: off, a primary, or still within its time. */
enum fact_health init_fact(struct init *i, const struct init_seen *seen, uint64_t now_ns);

/* What is missing, in a few words; "" when nothing is. */
const char *init_missing(const struct init *i);

#endif
