/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cluster: what is different for a frame that both hosts hear?
 *
 *   the open gate takes it, and gives it the interface's own address: the stack drops what came to another (TCP always)
 *   an armed one drops it, perhaps with a copy kept (replay.h): the holder has it too, no help is needed
 *   one that has let go sends it on, marked, while the peer may not be open: relay.h
 *
 * So around a move the new holder may meet a frame twice, directly and sent on. For some milliseconds behind the first that
 * its gate lets in it notes all, by a hash of the whole IP packet (relaying changes nothing in it), and the second ends. By the
 * whole, for neither an IPv4 id nor a checksum tells two apart: both may be 0, or left to a NIC. A packet that is really sent twice,
 * byte for byte, within these milliseconds loses its second: so may any network, and nothing repeats itself that fast. Where pulses
 * are so slow that the window is longer than SIP waits before it repeats, it is the note that ends before that.
 *
 * A host that is not scheduled is heard late: the old holder then sends on for longer. So all is noted as long as he says that he has
 * let go and is not armed again; but behind the first milliseconds a second one ends only if it came the other way.
 * Time:    boot clock, passed in.
 * Cost:    one look-up; behind an opening a hash of up to TWIN_BYTES, 0.3 ns a byte.
 * Source:  protocol notes H29; kernel-notes/hear-another-address.md.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "maps_cluster.h"
#include "mark.h"
#include "packet.h"
#include "pulse_pair.h"
#include "relay.h"
#include "siphash.h"

#define TWIN_WORDS	192	/* of 8 bytes: what an Ethernet frame holds; a longer one is known by so much and its length */
#define TWIN_BYTES	(8 * TWIN_WORDS)
#define TWIN_APART_NS	400000000ULL	/* two copies at most: after T1 (RFC 3261, 500 ms) the same bytes are a repetition */

/* A frame to the address that both hear gets the interface's own. 0, or -1: that is not known. */
__noinline int cluster_address(struct xdp_md *ctx, __u64 heard_by)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u32 ifindex = ctx->ingress_ifindex;
	struct bt_door *door;

	if (!eth)
		return -1;
	if (mark_read(eth->h_dest) != heard_by)
		return 0;
	door = bpf_map_lookup_elem(&cfg_door, &ifindex);
	if (!door)
		return -1;
	__builtin_memcpy(eth->h_dest, door->mac, ETH_ALEN);
	return 0;
}

/*
 * How long a second copy may come behind the first frame that the gate let in: the old holder sends on until he has heard of
 * the opening, but never for less than BT_TWIN_NS.
 */
static __always_inline __u64 twin_window(void)
{
	struct bt_node *node = pulse_node();

	return node ? 2 * BT_TWIN_NS + 2 * node->interval_ns : 0;
}

/* What is a second copy? */
enum twin {
	TWIN_NONE,
	TWIN_ANY,		/* that comes again */
	TWIN_OTHER_WAY,		/* that comes directly and sent on */
};

/* He has let go, and may not have heard that we are open. Who is silent by now has gone. */
static __always_inline bool twin_peer_relays(__u32 group, __u64 now)
{
	struct bt_heard *heard = bpf_map_lookup_elem(&st_heard, &group);

	return heard && BT_WORD_MODE(READ_ONCE(heard->word)) == BT_RELAY &&
	       (__s64)(now - READ_ONCE(heard->at_ns)) < (__s64)TWIN_APART_NS;
}

static __always_inline enum twin twin_possible(__u32 group, __u64 now)
{
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &group);
	__u64 first = seen ? READ_ONCE(seen->first_ns) : 1;

	if (!first || (__s64)(now - first) < (__s64)twin_window())
		return TWIN_ANY;
	return twin_peer_relays(group, now) ? TWIN_OTHER_WAY : TWIN_NONE;
}

static __always_inline __u64 twin_words(struct xdp_md *ctx, const struct headers *h, struct siphash *s)
{
	__u32 off = h->l3;
	__u64 *word, n;

	for (n = 0; n < TWIN_WORDS; n++) {
		word = packet_at(ctx, off, sizeof(*word));
		if (!word || off + sizeof(*word) > h->end)
			break;
		siphash_word(s, *word);
		off += sizeof(*word);
	}
	return n;
}

/* What is left behind the last whole word: fewer than 8 bytes. */
static __always_inline __u64 twin_tail(struct xdp_md *ctx, const struct headers *h, __u64 n)
{
	__u32 off = h->l3 + (n << 3);
	__u64 tail = 0;
	__u8 *byte;

	for (int i = 0; i < 7; i++) {
		byte = packet_at(ctx, off, 1);
		if (!byte || off >= h->end)
			break;
		tail = tail << 8 | *byte;
		off++;
	}
	return tail;
}

static __always_inline bool twin_is_of(__u64 first, __u64 second, enum twin what)
{
	__u64 window = twin_window();

	if (what == TWIN_OTHER_WAY)
		return ((first ^ second) & 1) && (__s64)(second - first) < (__s64)TWIN_APART_NS;
	return (__s64)(second - first) < (__s64)(window < TWIN_APART_NS ? window : TWIN_APART_NS);
}

/* The lowest bit of a note: did it come directly? */
static __always_inline __u64 twin_way(struct xdp_md *ctx, __u64 heard_by)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));

	return eth && mark_read(eth->h_dest) == heard_by;
}

/* A function of its own: was this very packet let in a moment ago? Else it is noted: @note is the time, and its way. */
__noinline int twin_is_second(struct xdp_md *ctx, const struct headers *h, __u64 note, __u32 what)
{
	struct bt_steer *steer;
	struct siphash s;
	__u64 key, n, *at;
	__u32 zero = 0;

	steer = bpf_map_lookup_elem(&cfg_steer, &zero);
	if (!steer || !h)
		return 0;
	s = siphash_begin(steer->key[0], steer->key[1]);
	n = twin_words(ctx, h, &s);
	siphash_word(&s, twin_tail(ctx, h, n));
	key = siphash_end(&s, 0, h->end - h->l3);
	if (!bpf_map_update_elem(&st_twin, &key, &note, BPF_NOEXIST))
		return 0;
	at = bpf_map_lookup_elem(&st_twin, &key);
	if (at && twin_is_of(READ_ONCE(*at), note, what))
		return 1;
	bpf_map_update_elem(&st_twin, &key, &note, BPF_ANY);
	return 0;
}

/* The gate's answer about a frame of a cluster's; what it lets in is made ready for the stack. */
static __always_inline enum bt_xdp_exit cluster_in(struct xdp_md *ctx, const struct headers *h, const struct bt_vip *vip,
						   enum bt_xdp_exit exit, __u64 now)
{
	bool taken = exit == BT_X_VIP_ACCEPTED || exit == BT_X_VIP_TAKEN;
	enum twin what = taken ? twin_possible(vip->group, now) : TWIN_NONE;
	__u64 heard_by = mark_read(vip->mac);

	if (what && twin_is_second(ctx, h, (now & ~1ULL) | twin_way(ctx, heard_by), what))
		return BT_X_VIP_TWIN;
	if ((taken || exit == BT_X_VIP_FRAGMENT || exit == BT_X_VIP_KEPT) && cluster_address(ctx, heard_by))
		return BT_X_BROKEN;
	return exit;
}

#endif
