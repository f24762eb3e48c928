/* SPDX-License-Identifier: GPL-2.0 */
/*
 * replay: which requests may want to be given to this host's server, should the holder die, and which has he answered?
 *
 * One ring for all groups: SIP requests over UDP that the holder is to answer, and his answers (receipts, baton_tc),
 * as they come. Userspace pairs them when there is need; here nothing is read but the first bytes. A datagram in pieces is not kept:
 * a piece alone is nothing, and its sender repeats the whole.
 *
 * Writers take numbers by one addition. An entry is not to be believed while its `seq` is 0, or when it changed under the
 * reader. Two writers meet in one slot only if one stands still while the whole ring goes round.
 *
 * A receipt is believed by its mark alone: whoever could forge one would have a request forgotten.
 * Time:    boot clock, passed in.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "count.h"
#include "maps_cluster.h"
#include "relay.h"

#define REPLAY_HEAD	BT_REPLAY_FRAME	/* of a receipt that is longer so much is enough */

static __always_inline void replay_overwrites(const struct bt_replay *e, const struct bt_replay_own *own, struct bt_replay_at *at,
					      __u64 now)
{
	if (READ_ONCE(e->seq) && (__s64)(now - e->at_ns) < (__s64)own->window_ns)
		__sync_fetch_and_add(&at->overrun, 1);
}

/* Copy @len bytes of the frame into the next slot. A function of its own: verified once. 1, or 0: it is not kept. */
__noinline int replay_write(struct xdp_md *ctx, __u64 now, __u32 group, __u32 kind, __u32 len)
{
	struct bt_replay_own *own;
	struct bt_replay_at *at;
	struct bt_replay *e;
	__u32 slot, zero = 0;
	__u64 number;

	own = bpf_map_lookup_elem(&cfg_replay, &zero);
	at = bpf_map_lookup_elem(&st_replay_at, &zero);
	if (!own || !at || !own->slots)
		return 0;
	number = __sync_fetch_and_add(&at->next, 1);
	slot = number % own->slots;
	e = bpf_map_lookup_elem(&st_replay, &slot);
	len--;			/* of a comparison with 0 6.1 learns nothing */
	barrier_var(len);	/* one register: what is checked is what is used */
	if (!e || len >= BT_REPLAY_FRAME)
		return 0;
	len++;
	replay_overwrites(e, own, at, now);
	__sync_lock_test_and_set(&e->seq, 0);
	e->at_ns = now;
	e->ifindex = ctx->ingress_ifindex;
	e->group = group;
	e->len = len;
	e->kind = kind;
	if (bpf_xdp_load_bytes(ctx, 0, e->frame, len))
		return 0;
	__sync_lock_test_and_set(&e->seq, number + 1);
	__sync_fetch_and_add(kind == BT_REPLAY_REQUEST ? &at->kept : &at->receipts, 1);
	return 1;
}

static __always_inline bool replay_fits(__u32 len)
{
	struct bt_replay_at *at;
	__u32 zero = 0;

	if (len <= BT_REPLAY_FRAME)
		return true;
	at = bpf_map_lookup_elem(&st_replay_at, &zero);
	if (at)
		__sync_fetch_and_add(&at->too_long, 1);
	return false;
}

/* Only what a host that might open needs: it is armed, claims, or has just let go. */
static __always_inline bool replay_is_wanted(__u32 slot)
{
	struct bt_group *group;
	__u64 *word;
	__u32 mode;

	group = bpf_map_lookup_elem(&cfg_group, &slot);
	word = bpf_map_lookup_elem(&st_word, &slot);
	if (!group || !word || !(group->flags & BT_GROUP_REPLAY))
		return false;
	mode = BT_WORD_MODE(READ_ONCE(*word));
	return mode == BT_ARMED || mode == BT_RELAY;
}

/* What a UDP datagram begins with; SIP_NOT for all else. */
static __always_inline __u32 replay_kind(const struct frame *f)
{
	struct frame_payload payload;

	if (!frame_has_l4(f, IPPROTO_UDP) || !frame_payload(f, &payload))
		return SIP_NOT;
	return sip_read(f, &payload);
}

/* For a VIP whose gate is not open here, and nothing else became of it. */
static __always_inline enum bt_xdp_exit replay_in(struct xdp_md *ctx, const struct frame *f, __u32 group, __u64 now)
{
	__u32 kind, len = f->h.len;

	if (f->h.fragment || !replay_is_wanted(group))
		return BT_X_VIP_HEARD;
	kind = replay_kind(f);
	if (kind >= BT_M__N || kind == BT_M_ACK || !replay_fits(len))
		return BT_X_VIP_HEARD;
	return replay_write(ctx, now, group, BT_REPLAY_REQUEST, len) ? BT_X_VIP_COPIED : BT_X_VIP_HEARD;
}

/* Could it be a receipt? From a VIP, and to nobody of ours, with an address that may be a mark. NULL: it is none. */
static __always_inline struct bt_vip *receipt_vip(const struct frame *f)
{
	struct ethhdr *eth = frame_at(f, 0, sizeof(*eth));
	struct bt_vip *vip;

	if (!eth || (eth->h_source[0] & MARK_FIRST_MASK) != MARK_FIRST)
		return NULL;
	vip = vip_of(f, true);
	return vip && vip->flags & BT_VIP_CLUSTER ? vip : NULL;
}

static __always_inline bool receipt_is_marked(const struct frame *f, __u32 slot)
{
	struct ethhdr *eth = frame_at(f, 0, sizeof(*eth));
	struct bt_group *group;
	__u64 mark;

	group = bpf_map_lookup_elem(&cfg_group, &slot);
	if (!eth || !group || !(group->flags & BT_GROUP_REPLAY))
		return false;
	mark = mark_now(0, MARK_RECEIPT, group->name_hash, 0);
	return mark && mark == mark_read(eth->h_source);
}

/* From a VIP, its source address may be a mark. NOT_OURS: it is none, so this frame is like any other. */
static __always_inline enum bt_xdp_exit receipt_in(struct xdp_md *ctx, const struct frame *f, __u32 group)
{
	__u32 len = f->h.len < REPLAY_HEAD ? f->h.len : REPLAY_HEAD;

	if (!receipt_is_marked(f, group))
		return BT_X_NOT_OURS;
	if (sip_is_response(replay_kind(f)))
		replay_write(ctx, bpf_ktime_get_boot_ns(), group, BT_REPLAY_RECEIPT, len);
	return BT_X_RECEIPT;
}

#endif
