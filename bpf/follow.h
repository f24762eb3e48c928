/* SPDX-License-Identifier: GPL-2.0 */
/*
 * follow: where did the first fragment of this datagram go? The others have no ports and no Call-ID.
 *
 * Time:    ticks: a datagram that is not whole after two is forgotten.
 * Cost:    none for frames that are no fragments.
 * Source:  RFC 791 §3.2, RFC 8200 §4.5: which fragments belong together.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "fragment.h"
#include "steering.h"

#define FOLLOW_TICKS	2

/* A first fragment goes to a server, or (@back) came from one. 0. */
__noinline int follow_note(struct xdp_md *ctx, const struct headers *h, const struct steering *s, __u32 back)
{
	struct bt_steer *cfg = steer_config();
	struct bt_follow follow = {};
	struct bt_frag_key key;

	if (!h || !s || !cfg || !fragment_key(ctx, h, &key))
		return 0;
	follow.noted_s = cfg->tick_s;
	follow.pool = s->pool;
	follow.server = s->server;
	follow.back = back;
	bpf_map_update_elem(&st_follow, &key, &follow, BPF_ANY);
	return 0;
}

/* Fills pool and server of a later fragment. 1: as its first one; 2: that came from this server; 0: not known. */
__noinline int follow_find(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_follow *follow;
	struct bt_frag_key key;

	if (!h || !s || !cfg || !fragment_key(ctx, h, &key))
		return 0;
	follow = bpf_map_lookup_elem(&st_follow, &key);
	if (!follow || cfg->tick_s - follow->noted_s > FOLLOW_TICKS)
		return 0;
	s->pool = follow->pool;
	s->server = follow->server;
	return follow->back ? 2 : 1;
}

#endif
