/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hand: what is userspace told of a frame on its way through the steering stage?
 */
#ifndef HAND_H
#define HAND_H

#include "slow.h"
#include "steering.h"

/* @kind: enum bt_slow_kind. 0: userspace has it. */
__noinline int hand_frame(struct xdp_md *ctx, const struct headers *h, const struct steering *s, __u32 kind)
{
	struct slow_note note = { .kind = kind };

	if (!h || !s)
		return -1;
	note.call_id = s->key;
	note.owner = s->pool;
	note.server = s->server;
	note.status = s->m.status;
	note.payload = s->payload;
	return slow_hand(ctx, h, &note);
}

#endif
