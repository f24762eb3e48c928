/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crash: a frame is for an open gate; is there still a server's socket behind it? If not, let go at once.
 *
 * A process that ends, however it ends, loses its sockets at once; its peer is ready and one look-up away. So
 * the kernel hands over by itself, with the very store of a planned hand-over, when
 *
 *   - the frame is for a port and transport that the group's server is configured for;
 *   - nothing has left the VIP for a millisecond: a server that answers is not asked about;
 *   - at the present number this very look-up, of this VIP, has found a socket before. One that never did (a
 *     server in a container, bound to a device, behind DNAT) says nothing, and never will;
 *   - two look-ups, a millisecond apart or more, found none and none between them found one: a server that
 *     only opens its socket anew is not gone;
 *   - the peer could take the role now: heard on the path of this very interface, by which the frames would
 *     go, armed at our number, leased, well, with the same VIPs, and not about to stop.
 *
 * Until the second look-up the frame is dropped, if the peer is ready: the kernel's ICMP error, or reset,
 * would end a request that the client else asks again, of the peer.
 * Later frames take turns with who re-arms: that is the controller's, after a second of health.
 * Time:    boot clock, passed in. Cost: two look-ups in arrays while the server answers; else one of sockets.
 * Source:  design §4.3 Crash; protocol notes H13, H14, H15; kernel-notes/sk-lookup-in-xdp.md.
 */
#ifndef CRASH_H
#define CRASH_H

#include "pulse_pair.h"
#include "relay.h"
#include "word.h"

#define CRASH_QUIET_NS	1000000		/* without a response before anybody asks */
#define CRASH_TWICE_NS	1000000		/* between the two look-ups, at least */
#define CRASH_OLD_NS	1000000000	/* a miss that old is no first one any more */
#define CRASH_FRESH_NS	10000000ULL	/* the peer's pulse: so old, or two intervals */

enum crash_exit {
	CRASH_NONE,
	CRASH_UNHEARD,		/* no socket, perhaps for a moment: the frame must not reach the kernel */
	CRASH_LEFT,		/* the word has changed */
};

/* What is asked about: a frame to a VIP, not a fragment. */
struct crash {
	__u64 now;
	__u32 group;		/* slot */
	__u32 vip;		/* index */
	__u32 bit;		/* of the look-up, bt_listen.found */
	__u32 l3;
	__u32 l4;
	__u32 ip6;
	__u32 tcp;
};

/* ---- which look-up ------------------------------------------------------------------------------ */

/* Of TCP only what begins a connection: the rest is not the listener's. */
static __always_inline bool crash_begins(const struct frame *f)
{
	struct tcphdr *tcp;

	if (f->h.fragment)
		return false;
	if (frame_has_l4(f, IPPROTO_UDP))
		return true;
	if (!frame_has_l4(f, IPPROTO_TCP))
		return false;
	tcp = frame_at(f, f->h.l4, sizeof(*tcp));
	return tcp && tcp->syn && !tcp->ack;
}

/* Bit of the group's port and transport that @f goes to; 0: none. */
static __always_inline __u32 crash_bit(const struct bt_group *g, const struct frame *f)
{
	struct udphdr *udp = frame_at(f, f->h.l4, sizeof(*udp));	/* ports lie alike in TCP */
	bool tcp = f->h.proto == IPPROTO_TCP;

	if (!udp || !udp->dest)
		return 0;
	for (int i = 0; i < BT_PORTS_MAX; i++)
		if (g->port[i].port == udp->dest && (tcp ? g->port[i].tcp : g->port[i].udp))
			return 1u << (2 * i + tcp);
	return 0;
}

static __always_inline bool crash_tuple(struct xdp_md *ctx, const struct crash *c,
					struct bpf_sock_tuple *t)
{
	struct udphdr *udp = packet_at(ctx, c->l4, sizeof(*udp));
	struct ipv6hdr *ip6 = packet_at(ctx, c->l3, sizeof(*ip6));
	struct iphdr *ip = packet_at(ctx, c->l3, sizeof(*ip));

	if (!udp || !ip || (c->ip6 && !ip6))
		return false;
	if (c->ip6) {
		__builtin_memcpy(t->ipv6.saddr, &ip6->saddr, sizeof(t->ipv6.saddr));
		__builtin_memcpy(t->ipv6.daddr, &ip6->daddr, sizeof(t->ipv6.daddr));
		t->ipv6.sport = udp->source;
		t->ipv6.dport = udp->dest;
		return true;
	}
	t->ipv4.saddr = ip->saddr;
	t->ipv4.daddr = ip->daddr;
	t->ipv4.sport = udp->source;
	t->ipv4.dport = udp->dest;
	return true;
}

enum crash_found { CRASH_NO_SOCKET, CRASH_SOCKET, CRASH_NO_TELLING };

/*
 * A socket that is bound to a device, or connected, is there for one interface or one client: what another meets
 * it does not say, and a stranger's frame must not be the miss that moves the role. Fields are read one by one,
 * the first of all at once: the verifier takes no load that is merged with the other function's.
 *
 * A TCP socket that does not listen is of this client's connection, maybe an old one.
 */
static __always_inline enum crash_found crash_tcp(struct xdp_md *ctx, struct bpf_sock_tuple *t,
						  __u32 size)
{
	struct bpf_sock *sk = bpf_skc_lookup_tcp(ctx, t, size, BPF_F_CURRENT_NETNS, 0);
	__u32 device, state;

	if (!sk)
		return CRASH_NO_SOCKET;
	device = sk->bound_dev_if;
	barrier_var(device);
	state = sk->state;
	bpf_sk_release(sk);
	return state == BPF_TCP_LISTEN && !device ? CRASH_SOCKET : CRASH_NO_TELLING;
}

static __always_inline enum crash_found crash_udp(struct xdp_md *ctx, struct bpf_sock_tuple *t,
						  __u32 size)
{
	struct bpf_sock *sk = bpf_sk_lookup_udp(ctx, t, size, BPF_F_CURRENT_NETNS, 0);
	__u32 device, to;

	if (!sk)
		return CRASH_NO_SOCKET;
	device = sk->bound_dev_if;
	barrier_var(device);
	to = sk->dst_port;
	bpf_sk_release(sk);
	return to || device ? CRASH_NO_TELLING : CRASH_SOCKET;
}

static __always_inline enum crash_found crash_socket(struct xdp_md *ctx, const struct crash *c)
{
	struct bpf_sock_tuple t = {};

	if (!crash_tuple(ctx, c, &t))
		return CRASH_NO_TELLING;
	if (c->tcp)
		return c->ip6 ? crash_tcp(ctx, &t, sizeof(t.ipv6)) : crash_tcp(ctx, &t, sizeof(t.ipv4));
	return c->ip6 ? crash_udp(ctx, &t, sizeof(t.ipv6)) : crash_udp(ctx, &t, sizeof(t.ipv4));
}

/* ---- what was found before -------------------------------------------------------------------- */

static __always_inline void crash_found(struct bt_listen *l, __u64 number, __u32 bit)
{
	if (l->number != number) {
		l->found = 0;
		l->number = number;
	}
	if (!(l->found & bit))
		l->found |= bit;
	if (l->miss_ns)
		l->miss_ns = 0;
}

/* Is this miss the second, long enough after the first? Else it may be the first of two. */
static __always_inline bool crash_twice(struct bt_listen *l, __u64 now)
{
	__u64 first = READ_ONCE(l->miss_ns);
	__s64 since = now - first;

	if (first && since < CRASH_OLD_NS)
		return since >= CRASH_TWICE_NS;
	l->miss_ns = now;
	return false;
}

/* ---- who would take over ------------------------------------------------------------------------ */

/* Heard since @after by a path of the interface that the frame came in by, and met there? */
static __always_inline bool crash_way(struct xdp_md *ctx, struct bt_pair *pair, __u64 after)
{
	struct bt_path_st *st;
	struct bt_path *path;
	__u32 key;

	for (__u64 i = 0; i < BT_PATHS_MAX; i++) {	/* 64 bits as in pulse_path() */
		key = i;
		path = bpf_map_lookup_elem(&cfg_path, &key);
		st = pair_path(pair, i);
		if (path && st && path->ifindex == ctx->ingress_ifindex && st->heard_ns > after &&
		    mark_read(st->peer_mac))
			return true;
	}
	return false;
}

/* Did the peer say of the group, since @after, that it could take it? */
static __always_inline bool crash_peer_is_ready(const struct bt_heard *h, const struct bt_group *g,
						__u64 own, __u64 after)
{
	__u32 must = PULSE_F_KNOWN | PULSE_F_RUNNING | PULSE_F_LEASED;
	__u32 must_not = PULSE_F_STOPPING | PULSE_F_FENCED;
	__u64 at = READ_ONCE(h->at_ns);
	__u64 word = READ_ONCE(h->word);
	__u32 flags = READ_ONCE(h->flags);

	return at > after && READ_ONCE(h->digest) == g->digest &&
	       (flags & (must | must_not)) == must && BT_WORD_MODE(word) == BT_ARMED &&
	       BT_WORD_NUMBER(word) == BT_WORD_NUMBER(own) && READ_ONCE(h->at_ns) == at;
}

static __always_inline bool crash_can_leave(struct xdp_md *ctx, const struct crash *c,
					    const struct bt_node *node, __u32 slot,
					    __u64 own)
{
	__u64 after = intervals_ago(c->now, node->interval_ns, 2, CRASH_FRESH_NS);
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	struct bt_heard *h = bpf_map_lookup_elem(&st_heard, &slot);
	struct bt_pair *pair;
	__u32 zero = 0;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	return g && h && pair && crash_peer_is_ready(h, g, own, after) && crash_way(ctx, pair, after);
}

/* ---- the judgement ------------------------------------------------------------------------------ */

/* The word as it was read, open; its look-up found nothing, and has not always. */
static __always_inline enum crash_exit crash_missed(struct xdp_md *ctx, const struct crash *c,
						    struct bt_listen *l, __u32 slot,
						    __u64 *word, __u64 own)
{
	struct bt_node *node = pulse_node();
	bool twice = crash_twice(l, c->now);
	__u32 step;
	__u64 to;

	if (!node || !crash_can_leave(ctx, c, node, slot, own))
		return CRASH_NONE;
	if (!twice)
		return CRASH_UNHEARD;
	step = word_step(BT_WORD_MODE(own), word_whose(own, node->my_id), WORD_LEAVE);
	if ((step & 0xff) != WORD_SAME)
		return CRASH_NONE;
	to = BT_WORD_NUMBER(own) << 24 | (__u64)(step >> 8) << 16;
	word_swap(slot, word, own, to, WORD_LEAVE | BT_EV_BY_LISTENER, c->now);
	return CRASH_LEFT;	/* by us, or by who was faster: the gate must be asked again */
}

/* A function of its own, not static: verified once. Returns enum crash_exit. */
__noinline int crash_judge(struct xdp_md *ctx, const struct crash *c)
{
	enum crash_found found;
	struct bt_listen *l;
	__u64 *word, own;
	__u32 slot, vip;

	if (!c)
		return CRASH_NONE;
	slot = c->group;
	vip = c->vip;
	word = bpf_map_lookup_elem(&st_word, &slot);
	l = bpf_map_lookup_elem(&st_listen, &vip);
	if (!word || !l)
		return CRASH_NONE;
	own = READ_ONCE(*word);		/* before the look-up: what is found is found at this number */
	if (BT_WORD_MODE(own) != BT_OPEN)
		return CRASH_NONE;
	found = crash_socket(ctx, c);
	if (found == CRASH_SOCKET)
		crash_found(l, BT_WORD_NUMBER(own), c->bit);
	if (found != CRASH_NO_SOCKET || l->number != BT_WORD_NUMBER(own) || !(l->found & c->bit))
		return CRASH_NONE;
	return crash_missed(ctx, c, l, slot, word, own);
}

/* A frame for @vip that its group's open gate would let in. */
static __always_inline enum crash_exit crash_in(struct xdp_md *ctx, const struct frame *f,
						const struct bt_vip *vip, __u64 now)
{
	__u32 slot = vip->group;
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &slot);
	struct crash c = {
		.now = now, .group = slot, .vip = vip->index, .l3 = f->h.l3, .l4 = f->h.l4,
		.ip6 = f->h.kind == FRAME_IP6, .tcp = f->h.proto == IPPROTO_TCP,
	};

	if (!g || !(g->flags & BT_GROUP_LISTENER) || !seen ||
	    (__s64)(now - READ_ONCE(seen->response_ns)) < CRASH_QUIET_NS || !crash_begins(f))
		return CRASH_NONE;
	c.bit = crash_bit(g, f);
	return c.bit ? crash_judge(ctx, &c) : CRASH_NONE;
}

#endif
