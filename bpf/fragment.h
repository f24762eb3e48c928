/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fragment: was this datagram begun here? Its first fragment was let in by the open gate; the others
 * follow it, though the gate has let go meanwhile. The peer has no use for half a datagram.
 *
 * Time:    boot clock; a datagram not whole after a second is forgotten (RFC 791 allows more; a sender
 *          on the same network needs less).
 * Cost:    none for frames that are no fragments.
 * Source:  RFC 791 §3.2, RFC 8200 §4.5: which fragments belong together; protocol notes H24.
 */
#ifndef FRAGMENT_H
#define FRAGMENT_H

#include "maps.h"
#include "packet.h"

#define FRAGMENT_NS	1000000000ULL

static __always_inline bool fragment_key(struct xdp_md *ctx, const struct headers *h,
					 struct bt_frag_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->id = h->id;
	if (h->kind == FRAME_IP4)	/* RFC 8200 leaves the protocol out */
		key->proto = h->proto;
	return packet_addresses(ctx, h, key->from, key->to);
}

/* A first fragment was let in. 0. */
__noinline int fragment_begin(struct xdp_md *ctx, const struct headers *h, __u64 now)
{
	__u64 until = (now + FRAGMENT_NS) & ~BT_FRAG_BACK;
	struct bt_frag_key key;

	if (h && fragment_key(ctx, h, &key))
		bpf_map_update_elem(&st_frag, &key, &until, BPF_ANY);
	return 0;
}

/* Is this later fragment of such a datagram? */
__noinline int fragment_is_ours(struct xdp_md *ctx, const struct headers *h, __u64 now)
{
	struct bt_frag_key key;
	__u64 *until;

	if (!h || !fragment_key(ctx, h, &key))
		return 0;
	until = bpf_map_lookup_elem(&st_frag, &key);
	return until && now < READ_ONCE(*until) && !(READ_ONCE(*until) & BT_FRAG_BACK);
}

/* Its first was sent back to the old holder: the others follow. 0. */
__noinline int fragment_sent_back(struct xdp_md *ctx, const struct headers *h, __u64 now)
{
	__u64 until = (now + FRAGMENT_NS) | BT_FRAG_BACK;
	struct bt_frag_key key;

	if (h && fragment_key(ctx, h, &key))
		bpf_map_update_elem(&st_frag, &key, &until, BPF_ANY);
	return 0;
}

/* Was the first of this later fragment sent back? */
__noinline int fragment_goes_back(struct xdp_md *ctx, const struct headers *h, __u64 now)
{
	struct bt_frag_key key;
	__u64 *until;

	if (!h || !fragment_key(ctx, h, &key))
		return 0;
	until = bpf_map_lookup_elem(&st_frag, &key);
	return until && now < READ_ONCE(*until) && READ_ONCE(*until) & BT_FRAG_BACK;
}

#endif
