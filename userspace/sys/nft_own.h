/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_own: what the nft*.c files share among themselves. Nobody else includes it.
 *
 *   nft.c        one batch to the kernel, one answer; did others change the ruleset?
 *   nft_rules.c  what do our tables say?
 *   nft_look.c   are they still what we made?
 */
#ifndef BATON_NFT_OWN_H
#define BATON_NFT_OWN_H

#include <stddef.h>

#include "sys/nft.h"
#include "sys/nl.h"

#include <linux/netfilter.h>	/* after <netinet/in.h> and <net/if.h>: both declare the same */

#define NFT_TABLE	"baton"
#define NFT_FAMILIES	3	/* inet, arp, netdev: in this order */

struct nft {
	struct nl ask;
	char *buf;			/* one batch */
	size_t len, cap;
	uint32_t seq, first, sets;	/* sequence numbers; the batch's first; ids of its sets */
	uint32_t tables;		/* how many of the families were built; the last is netdev */
	uint64_t print;			/* of what was built */
	uint32_t generation;		/* of the whole ruleset, if nobody but us has changed it */
	char why[160];
};

/* The batch: begun, filled by nft_put() and libnftnl, handed over as one. */
void nft_begin(struct nft *nft);
/* Room for one message; what libnftnl adds to it counts when the next one, or the end, is put. */
struct nlmsghdr *nft_put(struct nft *nft, uint16_t type, uint16_t family, uint16_t flags);
int nft_commit(struct nft *nft, const char *what);

/* nft_rules.c */
extern const uint16_t nft_family[NFT_FAMILIES];
void nft_put_tables(struct nft *nft, const struct nft_plan *plan, uint32_t n_families);
void nft_put_removal(struct nft *nft, uint32_t n_families);
void nft_put_elements(struct nft *nft, const struct nft_group *g, uint32_t n_families, bool ready, bool fresh);

/* nft_look.c: a number that changes when somebody changes our tables. */
int nft_fingerprint(struct nft *nft, uint32_t n_families, uint64_t *ret);

#endif
