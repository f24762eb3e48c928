/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who_has: ask one network for one address, and hear whoever says of himself that he has it.
 *
 * The question is an ARP probe, or a solicitation in the form of duplicate address detection: of no
 * address, so it claims nothing, changes no neighbour's table, and passes a gate that is shut. Who says
 * that he has the address, asked or not, has answered. A flood of answers wakes nobody: they are
 * fetched when asked for, a few of them kept.
 * Errors:  negative errno. A question that cannot be sent (-ENETDOWN: no carrier) is none.
 * Source:  RFC 5227 §1.1, RFC 4861 §4.3, §7.2.4, RFC 4862 §5.4; kernel-notes/address-probes.md.
 * Threads: main only. Blocks: never.
 */
#ifndef BATON_WHO_HAS_H
#define BATON_WHO_HAS_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

struct who_has {
	struct in6_addr ip;	/* IPv4 as v4-mapped */
	uint32_t ifindex;
	int fd;
};

int who_has_open(struct who_has *w, const struct in6_addr *ip, uint32_t ifindex);
void who_has_close(struct who_has *w);
int who_has_ask(const struct who_has *w);
/* Did anybody say so since the last time this was asked? */
bool who_has_heard(const struct who_has *w);

#endif
