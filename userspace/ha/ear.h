/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ear: can this host hear at all? One of the group's routers answers, or nothing here is deaf but the peer.
 *
 * In peace each router is asked now and then, so that it is known beforehand which will answer. When
 * the peer has missed its first beat the question is asked at once, and only what is heard after that
 * counts: the answer is there when the verdict is. It grows old: a host may go deaf later in the same
 * silence, so it is asked again as long as the silence lasts.
 * Time:    boot clock nanoseconds.
 * Errors:  negative errno.
 * Threads: main only. Blocks: never.
 * Source:  design §4.3 Verdict; protocol.md H5, H11.
 */
#ifndef BATON_EAR_H
#define BATON_EAR_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

struct ear;

/* One per group. */
int ear_open(struct ear **ret, const struct in6_addr *routers, uint32_t n, uint32_t ifindex);
void ear_close(struct ear *e);

/*
 * @silence_ns: 0 while the peer beats; then questions are @period_ns apart. Else when it was last heard:
 * another time is another silence. Returns the next deadline.
 */
uint64_t ear_turn(struct ear *e, uint64_t silence_ns, uint64_t period_ns, uint64_t now_ns);

/* In this silence, and lately: did a router answer? False while there is none. */
bool ear_hears(const struct ear *e, uint64_t now_ns);
/* When a router was last heard in this silence; 0: none was, or there is none. */
uint64_t ear_heard_ns(const struct ear *e);
/* Has the @i-th router answered lately, silence or not? True as long as it has not been asked enough. */
bool ear_router_answers(const struct ear *e, uint32_t i);
/* Does none? */
bool ear_is_lost(const struct ear *e);

#endif
