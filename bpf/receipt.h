/* SPDX-License-Identifier: GPL-2.0 */
/*
 * receipt: how does the peer hear that this host's server answered?
 *
 * Each SIP response that leaves over UDP from a VIP whose group is kept for replay is shown to the peer, behind the answer: a
 * host that dies between the two has answered once more than the peer knows, and what it replays is answered twice. The other way
 * round it would have shown an answer that nobody got. So what goes out first is the answer, a clone of the frame that came by; the frame
 * itself, when the clone is out, gets other Ethernet addresses and becomes the receipt. Before that nothing is written to it,
 * and if there can be no clone it leaves as the answer that it is: if anything fails, it is the receipt that does not leave.
 *
 * The clone comes by here on its own way out. A word in the control block says that it was judged, beside the receipt's mark, which nobody guesses.
 *
 * A response that is cut in pieces by the NIC (GSO) is not shown; of one in IP fragments the first is, and that is enough.
 * Source:  kernel-notes/clone-redirect.md.
 */
#ifndef RECEIPT_H
#define RECEIPT_H

#include <linux/pkt_cls.h>

#include "count.h"
#include "maps_tc.h"
#include "mark.h"
#include "vip.h"

/* Beside the mark: a quick first test. */
#define RECEIPT_ANSWER	0x4254414eu	/* it is an answer, and was judged and counted */
#define RECEIPT_COPY	0x42545243u	/* it is a receipt */
#define RECEIPT_PERHAPS	2		/* NET_XMIT_CN: the queue dropped something, this clone or another */

enum receipt_word { RECEIPT_WHAT, RECEIPT_GROUP, RECEIPT_LOW, RECEIPT_HIGH };	/* of the control block */

/* Is an answer with this VIP as its source to be shown? One to a VIP of ours would be taken for a VIP's frame. */
static __always_inline bool receipt_is_due(const struct frame *f, const struct bt_vip *vip, __u32 kind)
{
	return vip->flags & BT_VIP_CLUSTER && sip_is_response(kind) && f->h.proto == IPPROTO_UDP && !f->h.later &&
	       !vip_of(f, false);
}

/* What this frame was found to be when it came by before, a RECEIPT_ word; 0: it did not. */
static __always_inline __u32 receipt_known(struct __sk_buff *skb)
{
	__u32 what = skb->cb[RECEIPT_WHAT], group = skb->cb[RECEIPT_GROUP];
	struct bt_receipt *way;

	if (what != RECEIPT_ANSWER && what != RECEIPT_COPY)
		return 0;
	way = bpf_map_lookup_elem(&ct_receipt, &group);
	if (!way || !way->from || way->from != ((__u64)skb->cb[RECEIPT_HIGH] << 32 | skb->cb[RECEIPT_LOW]))
		return 0;
	return what;
}

/* Send a clone on its way. 0, or what stood in its way: then this frame is the answer still, unless it is RECEIPT_PERHAPS. */
static __always_inline int receipt_answer(struct __sk_buff *skb, __u32 group, __u64 from)
{
	int err;

	skb->cb[RECEIPT_WHAT] = RECEIPT_ANSWER;
	skb->cb[RECEIPT_GROUP] = group;
	skb->cb[RECEIPT_LOW] = from;
	skb->cb[RECEIPT_HIGH] = from >> 32;
	err = bpf_clone_redirect(skb, skb->ifindex, 0);
	skb->cb[RECEIPT_WHAT] = 0;
	return err;
}

static __always_inline bool receipt_address(struct __sk_buff *skb, const struct bt_receipt *way, __u64 from)
{
	__u8 macs[2 * MARK_BYTES];

	mark_write(macs, way->to);
	mark_write(macs + MARK_BYTES, from);
	return !bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

static __always_inline int receipt_counted(__u32 exit, __u32 len)
{
	count_exit(&st_count_tc, BT_T_TOTAL, len);
	count_exit(&st_count_tc, exit, len);
	return exit == BT_T_RECEIPT_SENT ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* An answer of @group's that was let go: send it, and show it. A function of its own: verified once. What is to be done with the frame. */
__noinline int receipt_send(struct __sk_buff *skb, __u32 group)
{
	struct bt_receipt *way = bpf_map_lookup_elem(&ct_receipt, &group);
	__u64 from;
	int err;

	if (!way || skb->gso_segs > 1)
		return TC_ACT_UNSPEC;
	from = READ_ONCE(way->from);
	if (!from || !way->ifindex)
		return TC_ACT_UNSPEC;
	err = receipt_answer(skb, group, from);
	if (err)	/* a second answer into a full queue helps nobody, and of one that was perhaps dropped there is no receipt */
		return err == RECEIPT_PERHAPS ? TC_ACT_STOLEN : TC_ACT_UNSPEC;
	if (!receipt_address(skb, way, from))
		return receipt_counted(BT_T_VIP_HELD, skb->len);
	if (way->ifindex == skb->ifindex)
		return receipt_counted(BT_T_RECEIPT_SENT, skb->len);
	skb->cb[RECEIPT_WHAT] = RECEIPT_COPY;	/* it is counted where it leaves */
	return bpf_redirect(way->ifindex, 0);
}

#endif
