/* SPDX-License-Identifier: GPL-2.0 */
/*
 * receipt: how does the peer hear that this host's server answered?
 *
 * A copy of each SIP response that leaves over UDP from a VIP whose group is kept for replay. The answer itself is never
 * written to: a word in the control block says that a frame is the copy, the copy alone gets other Ethernet addresses, when it comes by
 * here on its own way out. If anything fails, it is the copy that does not leave.
 *
 * A response that is cut in pieces by the NIC (GSO) is not shown; of one in IP fragments the first is, and that is enough.
 */
#ifndef RECEIPT_H
#define RECEIPT_H

#include "count.h"
#include "maps_tc.h"
#include "mark.h"
#include "vip.h"

#define RECEIPT_COPY	0x42545243u	/* beside the mark, which nobody guesses: a quick first test */

enum receipt_word { RECEIPT_WHAT, RECEIPT_GROUP, RECEIPT_LOW, RECEIPT_HIGH };	/* of the control block */

/* Is an answer with this VIP as its source to be shown? One to a VIP of ours would be taken for a VIP's frame. */
static __always_inline bool receipt_is_due(const struct frame *f, const struct bt_vip *vip, __u32 kind)
{
	return vip->flags & BT_VIP_CLUSTER && sip_is_response(kind) && f->h.proto == IPPROTO_UDP && !f->h.later &&
	       !vip_of(f, false);
}

/* Send a copy on its way. 0. */
__noinline int receipt_send(struct __sk_buff *skb, __u32 group)
{
	struct bt_receipt *way = bpf_map_lookup_elem(&ct_receipt, &group);
	__u64 from;

	if (!way || skb->gso_segs > 1)
		return 0;
	from = READ_ONCE(way->from);
	if (!from || !way->ifindex)
		return 0;
	skb->cb[RECEIPT_WHAT] = RECEIPT_COPY;
	skb->cb[RECEIPT_GROUP] = group;
	skb->cb[RECEIPT_LOW] = from;
	skb->cb[RECEIPT_HIGH] = from >> 32;
	bpf_clone_redirect(skb, way->ifindex, 0);
	skb->cb[RECEIPT_WHAT] = 0;
	return 0;
}

/* Is this frame such a copy? */
static __always_inline struct bt_receipt *receipt_way(struct __sk_buff *skb)
{
	struct bt_receipt *way;
	__u32 group;

	if (skb->cb[RECEIPT_WHAT] != RECEIPT_COPY)
		return NULL;
	group = skb->cb[RECEIPT_GROUP];
	way = bpf_map_lookup_elem(&ct_receipt, &group);
	if (!way || !way->from || way->from != ((__u64)skb->cb[RECEIPT_HIGH] << 32 | skb->cb[RECEIPT_LOW]))
		return NULL;
	return way;
}

static __always_inline enum bt_tc_exit receipt_leaves(struct __sk_buff *skb, const struct bt_receipt *way)
{
	__u8 macs[2 * MARK_BYTES];

	mark_write(macs, way->to);
	mark_write(macs + MARK_BYTES, way->from);
	return bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0) ? BT_T_VIP_HELD : BT_T_RECEIPT_SENT;
}

#endif
