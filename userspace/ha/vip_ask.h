/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_ask: does anybody on the network answer for the group's VIPs?
 *
 * For when the peer cannot be believed: whoever has the address answers, whatever its key. Every
 * 50 ms an ARP probe for the group's first IPv4 VIP, or with IPv6 VIPs only a solicitation in the
 * form of duplicate address detection: neither claims anything, and both pass a gate that is shut.
 * Who says of himself that he has the VIP, asked or not, has answered. Answers are fetched when the
 * next question is due: a flood of them wakes nobody.
 * Time:    boot clock. A gap in our own asking is no silence of others: it begins anew.
 * Errors:  negative errno. A question that cannot be sent (no carrier) is none: nobody is called
 *          silent then.
 * Source:  RFC 5227 §1.1, RFC 4861 §4.3, §7.2.4, RFC 4862 §5.4; kernel-notes/address-probes.md.
 * Threads: main only. Blocks: never.
 */
#ifndef BATON_VIP_ASK_H
#define BATON_VIP_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "ha/vip.h"

struct vip_ask;

/* One per group. */
int vip_ask_open(struct vip_ask **ret, const struct vip *vips, uint32_t n);
void vip_ask_close(struct vip_ask *a);

/* Fetch answers, ask when it is time to; returns the next deadline. Not @wanted: LOOP_NEVER. */
uint64_t vip_ask_turn(struct vip_ask *a, bool wanted, uint64_t now_ns);
bool vip_ask_is_on(const struct vip_ask *a);
/* For how long, as of the last turn, nobody has answered; 0: somebody did, or not asked enough. */
uint64_t vip_ask_silent_ns(const struct vip_ask *a);

#endif
