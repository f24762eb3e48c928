/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft: the backstop's own nftables: `inet baton`, `arp baton`, `netdev baton`, and nothing else.
 *
 * A packet from or to a VIP, an ARP request for one, or a claim of one passes where the group's set
 * `open_NAME` has its protocol, and on gated interfaces also where `ready_NAME` has it; else it is
 * dropped. Those elements have a timeout and end by themselves. Tables are not owned by the socket:
 * they outlive a kill -9. Nothing but VIPs is ever matched, no other table is ever touched.
 * Refresh: add, delete, add of an element in one batch, as before 6.12 adding does not extend it.
 * Errors:  negative errno; what failed, in nft_why(). -EAGAIN: no answer within NFT_DEADLINE_MS.
 * Threads: one at a time per struct nft.
 * Blocks:  for as long as others hold the kernel's commit lock, plus the deadline. Never call it from
 *          a thread that somebody waits for.
 * Source:  nft(8), libnftnl; kernel-notes/nft-set-timeout.md, nft-tables.md, netdev-egress.md.
 */
#ifndef BATON_NFT_H
#define BATON_NFT_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <net/if.h>

#include "baton_abi.h"

#define NFT_DEADLINE_MS	500

struct nft;

struct nft_group {
	char name[BT_NAME_MAX];
	bool ip4, ip6;			/* has VIPs of this family */
	uint32_t ready_ms, open_ms;	/* how long these elements are to live; 0: none */
};

struct nft_vip {
	struct in6_addr ip;		/* v4-mapped for IPv4 */
	uint32_t group;			/* index of nft_plan.group */
};

/* An interface that frames of VIPs use. */
struct nft_door {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	bool gated;			/* XDP and tc judge there: ready is enough */
};

struct nft_plan {
	const struct nft_group *group;
	uint32_t n_groups;
	const struct nft_vip *vip;
	uint32_t n_vips;
	const struct nft_door *door;
	uint32_t n_doors;
};

/* Sockets only; the kernel is asked for nothing yet. @ret is freed by nft_close(). */
int nft_open(struct nft **ret, uint32_t n_vips);
void nft_close(struct nft *nft);
const char *nft_why(const struct nft *nft);

/* Make all tables anew, elements included, in one step: whatever was there gives way at that moment. */
int nft_build(struct nft *nft, const struct nft_plan *plan);
/* As the groups say now; bit i of a mask: group i's set. -ENOENT: tables are gone or maimed. */
int nft_refresh(struct nft *nft, const struct nft_plan *plan, uint32_t ready_mask, uint32_t open_mask);
/* Is everything there as nft_build() left it? -ESTALE: no. Elements with a timeout are not looked at. */
int nft_check(struct nft *nft);
int nft_remove(struct nft *nft);

/* False: this kernel has no egress hook (before 5.16), or there is no door. */
bool nft_has_egress(const struct nft *nft);

/*
 * Has anybody but us changed the ruleset, ours or another's, since we last asked? One small question that waits for
 * no lock. To be told by multicast would be quicker, but makes the kernel write a message for every rule that
 * anybody loads, inside his commit.
 */
bool nft_changed(struct nft *nft);

#endif
