/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slow: how does a frame get to userspace that must finish it (ring ev_slow)?
 *
 * Copies and new INVITEs leave the second half of the ring to frames that are nowhere else: a flood of requests
 * makes no answer, and no packet to be cut, be lost.
 * Source:  bpf_xdp_load_bytes() (5.18), bpf_ringbuf_query() (5.8).
 */
#ifndef SLOW_H
#define SLOW_H

#include "maps_steer.h"
#include "parse.h"

struct slow_note {
	__u64 call_id;		/* as in struct bt_slow, all of them */
	__u32 kind;
	__u32 owner;
	__u32 server;
	__u32 status;
	__u32 payload;
};

/* May this kind use the ring as full as it is? */
static __always_inline bool slow_has_room(__u32 kind)
{
	if (kind != BT_SLOW_KEEP && kind != BT_SLOW_REJECT)
		return true;
	return bpf_ringbuf_query(&ev_slow, BPF_RB_AVAIL_DATA) < BT_SLOW_BYTES / 2;
}

/* Tells no more than struct bt_slow has room for; userspace sees by `len` that the frame was longer. */
static __always_inline long slow_copy(struct xdp_md *ctx, struct bt_slow *slow, __u32 len)
{
	if (len > BT_SLOW_FRAME)
		len = BT_SLOW_FRAME;
	barrier_var(len);	/* one register: what is checked is what is used */
	if (len < ETH_HLEN || len > BT_SLOW_FRAME)
		return -1;
	return bpf_xdp_load_bytes(ctx, 0, slow->frame, len);
}

/* 0: userspace has it; -1: the ring has no room for it. */
__noinline int slow_hand(struct xdp_md *ctx, const struct headers *h, const struct slow_note *n)
{
	struct bt_slow *slow;

	if (!h || !n || !slow_has_room(n->kind))
		return -1;
	slow = bpf_ringbuf_reserve(&ev_slow, sizeof(*slow), 0);
	if (!slow)
		return -1;
	slow->call_id = n->call_id;
	slow->kind = n->kind;
	slow->ifindex = ctx->ingress_ifindex;
	slow->owner = n->owner;
	slow->server = n->server;
	slow->zero = 0;
	slow->status = n->status;
	slow->l3 = h->l3;
	slow->payload = n->payload;
	slow->len = h->len > 0xffff ? 0xffff : h->len;
	slow->zero2 = 0;
	if (slow_copy(ctx, slow, h->len)) {
		bpf_ringbuf_discard(slow, 0);
		return -1;
	}
	bpf_ringbuf_submit(slow, 0);
	return 0;
}

#endif
