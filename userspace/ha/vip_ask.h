/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_ask: does anybody on the network answer for the group's VIPs?
 *
 * For when the peer cannot be believed: whoever has the address answers, whatever its key. Every
 * 50 ms the group's first IPv4 VIP is asked for, or with IPv6 VIPs only the first of those (who_has.h).
 * Answers are fetched when the next question is due.
 * Time:    boot clock. A gap in our own asking is no silence of others: it begins anew.
 * Errors:  negative errno. A question that cannot be sent (no carrier) is none: nobody is called
 *          silent then.
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
