/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calls: a VIP's frame was let in: which dialog is it of, and is that one this host's?
 *
 * Ordinarily it is; dialogs are noted, and that is all. While this host sends back what began with the old holder:
 *
 *   SIP (UDP)	a request that begins something is ours; what goes on is ours if it began here since we are open;
 *		else it is the old holder's: nothing needs to be known of what was before
 *   TCP	what begins a connection is ours, and what a socket of this host has; else the old holder's
 *   UDP	to another port (media of the server): ours where a socket of this host is; else the old holder's
 *   fragments	as their first
 *   the rest	ours: what cannot be read belongs to the holder
 *
 * At a port whose rule drains (rules.h) nothing begins: a new INVITE is refused as while the pair is being stopped, other requests
 * that begin a dialog end here. What is outside of any (OPTIONS, REGISTER) begins nothing, and goes on.
 *
 * Of two servers on this host see local_calls.h.
 *
 * And only if the old holder says, in pulses as young as frames that are sent on to it must see, that it is being
 * drained, and only marked: where marks do not come through, there is no drain.
 * Time:    boot clock, the entry's reading.
 * Source:  design §4.7; bpf/relay.h No loops; kernel-notes/sk-lookup-in-xdp.md.
 */
#ifndef CALLS_H
#define CALLS_H

#include "call_table.h"
#include "count.h"
#include "drain.h"
#include "crash.h"
#include "csum.h"
#include "fragment.h"
#include "local_calls.h"
#include "relay.h"
#include "rules.h"
#include "slow.h"
#include "stage.h"

int sip_scan(struct xdp_md *ctx, __u32 off, __u32 end, struct sip_msg *m);	/* steer.h */

enum calls_whose { CALLS_OURS, CALLS_THEIRS, CALLS_REFUSED, CALLS_DRAINED };

/* ---- does the entry go on here? ----------------------------------------------------------------- */

static __always_inline bool calls_wanted(const struct frame *f, const struct bt_vip *vip, __u32 kind)
{
	return (kind < SIP_KEEPALIVE && f->h.proto == IPPROTO_UDP) || drain_is_on(vip->group);
}

/* ---- the message -------------------------------------------------------------------------------- */

/* Is the destination port one of the group's for SIP over UDP? */
static __always_inline bool calls_port_is_sip(const struct bt_group *g, __be16 port)
{
	for (int i = 0; i < BT_PORTS_MAX; i++)
		if (port && g->port[i].port == port && g->port[i].udp)
			return true;
	return false;
}

/* The UDP payload, or its first fragment's. */
static __always_inline void calls_read(struct xdp_md *ctx, const struct headers *h, __u32 group, struct sip_msg *m)
{
	if (call_key(group, m))
		sip_scan(ctx, h->l4 + sizeof(struct udphdr), h->end, m);
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static __always_inline bool calls_tuple4(struct xdp_md *ctx, const struct headers *h, struct bpf_sock_tuple *t)
{
	struct udphdr *udp = packet_at(ctx, h->l4, sizeof(*udp));	/* ports lie alike in TCP */
	struct iphdr *ip = packet_at(ctx, h->l3, sizeof(*ip));

	if (!udp || !ip)
		return false;
	t->ipv4.saddr = ip->saddr;
	t->ipv4.daddr = ip->daddr;
	t->ipv4.sport = udp->source;
	t->ipv4.dport = udp->dest;
	return true;
}

static __always_inline bool calls_tuple6(struct xdp_md *ctx, const struct headers *h, struct bpf_sock_tuple *t)
{
	struct udphdr *udp = packet_at(ctx, h->l4, sizeof(*udp));
	struct ipv6hdr *ip = packet_at(ctx, h->l3, sizeof(*ip));

	if (!udp || !ip)
		return false;
	__builtin_memcpy(t->ipv6.saddr, &ip->saddr, sizeof(t->ipv6.saddr));
	__builtin_memcpy(t->ipv6.daddr, &ip->daddr, sizeof(t->ipv6.daddr));
	t->ipv6.sport = udp->source;
	t->ipv6.dport = udp->dest;
	return true;
}

static __always_inline bool calls_has_udp(struct xdp_md *ctx, struct bpf_sock_tuple *t, __u32 size)
{
	struct bpf_sock *sk = bpf_sk_lookup_udp(ctx, t, size, BPF_F_CURRENT_NETNS, 0);

	if (sk)
		bpf_sk_release(sk);
	return sk;
}

static __always_inline bool calls_has_tcp(struct xdp_md *ctx, struct bpf_sock_tuple *t, __u32 size)
{
	struct bpf_sock *sk = bpf_skc_lookup_tcp(ctx, t, size, BPF_F_CURRENT_NETNS, 0);
	__u32 state;

	if (!sk)
		return false;
	state = sk->state;
	bpf_sk_release(sk);
	return state != BPF_TCP_LISTEN;
}

static __always_inline int calls_has(struct xdp_md *ctx, struct bpf_sock_tuple *t, __u32 size, bool tcp)
{
	return tcp ? calls_has_tcp(ctx, t, size) : calls_has_udp(ctx, t, size);
}

/* A function of its own: a socket of this host that this very frame is for, listeners of TCP not? */
__noinline int calls_has_socket(struct xdp_md *ctx, const struct headers *h)
{
	struct bpf_sock_tuple t = {};
	bool tcp;

	if (!h)
		return 1;
	tcp = h->proto == IPPROTO_TCP;
	if (h->kind == FRAME_IP6)
		return calls_tuple6(ctx, h, &t) ? calls_has(ctx, &t, sizeof(t.ipv6), tcp) : 1;
	return calls_tuple4(ctx, h, &t) ? calls_has(ctx, &t, sizeof(t.ipv4), tcp) : 1;
}

/* ---- whose is it? ------------------------------------------------------------------------------- */

static __always_inline enum calls_whose calls_whose_sip(const struct sip_msg *m, const struct call *c)
{
	if (!call_is_told(m) || !call_goes_on(m))
		return CALLS_OURS;
	return call_is_of(call_known(m->call_id), c->term, c->host) ? CALLS_OURS : CALLS_THEIRS;
}

/* It begins a dialog; what was let in before goes on. */
static __always_inline bool calls_begins(const struct sip_msg *m, const struct call *c)
{
	struct bt_dialog *d;

	if (!call_is_told(m) || begins_what(m) == BT_D_NONE)
		return false;
	d = call_known(m->call_id);
	return !call_is_of(d, c->term, c->host) || d->state == BT_D_OVER;
}

/* Nothing new: what becomes of it? INVITEs alone are refused while the pair is being stopped; a drained port keeps out the others, too. */
static __always_inline enum calls_whose calls_whose_new(const struct sip_msg *m, const struct call *c, bool port_drains)
{
	if (!calls_begins(m, c))
		return CALLS_OURS;
	if (m->method == BT_M_INVITE)
		return CALLS_REFUSED;
	return port_drains ? CALLS_DRAINED : CALLS_OURS;
}

static __always_inline enum calls_whose calls_whose_tcp(struct xdp_md *ctx, const struct headers *h)
{
	struct tcphdr *tcp = packet_at(ctx, h->l4, sizeof(*tcp));

	if (!tcp || (tcp->syn && !tcp->ack))
		return CALLS_OURS;
	return calls_has_socket(ctx, h) ? CALLS_OURS : CALLS_THEIRS;
}

/* ---- what becomes of it ------------------------------------------------------------------------- */

/* Back to the old holder, if it takes it. 0, or -1: it stays. A function of its own: verified once. */
__noinline int calls_back(struct xdp_md *ctx, __u32 group, __u64 word, __u64 now)
{
	struct meeting m = { .now = now, .word = word, .group = group };

	if (meeting_read(ctx, &m))
		return -1;
	if (!(m.flags & PULSE_F_DRAIN_MINE) || m.heard_ns <= m.fresh_ns || m.filtered || !m.peer_mac || m.to != m.my_mac)
		return -1;
	return meeting_send(ctx, &m, MARK_DRAIN);
}

/* It had been counted as a request to this host's server: the old holder's answers. */
static __always_inline void calls_uncount(const struct sip_msg *m, __u32 group)
{
	struct bt_due *due = bpf_map_lookup_elem(&st_due, &group);

	if (due && !m->status && m->method != BT_M_ACK)
		due->wants--;
}

static __always_inline __u32 calls_sent_back(struct xdp_md *ctx, const struct headers *h, const struct bt_stage *stage,
					     __u64 word)
{
	if (calls_back(ctx, stage->group, word, stage->now_ns))
		return stage->exit;
	if (h->fragment && !h->later)
		fragment_sent_back(ctx, h, stage->now_ns);
	return BT_X_VIP_BACK;
}

/* Key of a connection, the same for both directions: ours is the VIP's end. */
static __always_inline __u64 calls_tcp_key(const struct bt_steer *steer, __u32 group, const __u8 far[16], __be16 far_port,
					   const __u8 vip[16], __be16 vip_port)
{
	struct siphash s = siphash_begin(steer->key[0], steer->key[1]);
	__u64 word[2];

	siphash_word(&s, (__u64)(BT_OWNER_GROUP | group) << 32 | (__u64)far_port << 16 | vip_port);
	__builtin_memcpy(word, far, sizeof(word));
	siphash_word(&s, word[0]);
	siphash_word(&s, word[1]);
	__builtin_memcpy(word, vip, sizeof(word));
	siphash_word(&s, word[0]);
	siphash_word(&s, word[1]);
	return siphash_end(&s, 0, 40);
}

static __always_inline bool calls_is_own_port(__u32 group, __be16 port)
{
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &group);

	return g && g->port[0].port == port;
}

/* Of two servers: one that is not known did not begin since, and is the drained one's. */
static __always_inline void calls_note_local(__u64 key, const struct call *c, bool begins, bool ends)
{
	struct call old = *c;

	if (begins) {
		call_make(key, call_known(key), c, BT_D_CONNECTION, BT_D_CONFIRMED);
		return;
	}
	local_leave(&old);
	call_note_tcp(key, &old, ends);
}

/* A function of its own: a segment of a connection that this host keeps. 0. */
__noinline int calls_note_tcp(struct xdp_md *ctx, const struct headers *h, const struct call *c)
{
	struct tcphdr *tcp;
	struct bt_steer *steer;
	__u8 from[16], to[16];
	__be16 sport, dport;
	__u32 zero = 0;
	bool begins, ends;
	__u64 key;

	if (!h || !c)
		return 0;
	steer = bpf_map_lookup_elem(&cfg_steer, &zero);
	tcp = packet_at(ctx, h->l4, sizeof(*tcp));
	if (!steer || !tcp)
		return 0;
	sport = tcp->source;
	dport = tcp->dest;
	begins = tcp->syn && !tcp->ack;
	ends = tcp->fin || tcp->rst;
	if (!packet_addresses(ctx, h, from, to))
		return 0;
	key = calls_tcp_key(steer, c->group, from, sport, to, dport);
	if (!c->drained)
		call_note_tcp(key, c, ends);
	else if (calls_is_own_port(c->group, dport))
		calls_note_local(key, c, begins, ends);
	return 0;
}

/* Taken: what does it tell of dialogs? */
static __always_inline __u32 calls_taken(struct xdp_md *ctx, const struct headers *h, const struct bt_stage *stage,
					 const struct sip_msg *m, const struct call *c)
{
	if (call_is_told(m))
		call_note(m, c);
	else if ((c->keeps || c->drained) && h->proto == IPPROTO_TCP)
		calls_note_tcp(ctx, h, c);
	return stage->exit;
}

/* Of what is not read as SIP. */
static __always_inline enum calls_whose calls_whose_other(struct xdp_md *ctx, const struct headers *h, bool sip_port, __u64 now)
{
	if (h->later)
		return fragment_goes_back(ctx, h, now) ? CALLS_THEIRS : CALLS_OURS;
	if (h->proto == IPPROTO_TCP)
		return calls_whose_tcp(ctx, h);
	if (h->proto != IPPROTO_UDP || sip_port)
		return CALLS_OURS;
	return calls_has_socket(ctx, h) ? CALLS_OURS : CALLS_THEIRS;
}

/* Full: the client asks again. */
static __always_inline __u32 calls_refuse(struct xdp_md *ctx, const struct headers *h, __u32 group, const struct sip_msg *m)
{
	struct slow_note note = {
		.call_id = m->call_id, .kind = BT_SLOW_REJECT, .owner = BT_OWNER_GROUP | group,
		.payload = h->l4 + sizeof(struct udphdr),
	};

	slow_hand(ctx, h, &note);
	return BT_X_VIP_REFUSED;
}

/* To the port that stands for the server that is drained. 0, or -1: it stays. A function of its own: verified once. */
__noinline int calls_to_drained(struct xdp_md *ctx, const struct headers *h, __u32 drained)
{
	struct bt_local_key key = { .proto = IPPROTO_UDP };
	struct udphdr *udp;
	__u8 from[16];
	__be16 port;

	if (!h)
		return -1;
	udp = packet_at(ctx, h->l4, sizeof(*udp));
	if (!udp || !packet_addresses(ctx, h, from, key.ip))
		return -1;
	key.port = udp->dest;
	if (!local_port(&key, drained, &port))
		return -1;
	udp = packet_at(ctx, h->l4, sizeof(*udp));
	if (!udp)
		return -1;
	if (udp->check)
		udp->check = csum_udp_with(udp->check, csum_changed(0, udp->dest, port));
	udp->dest = port;
	return 0;
}

/* Whose, as the drain stands; outside of one ours. */
static __always_inline enum calls_whose calls_whose(struct xdp_md *ctx, const struct headers *h, const struct sip_msg *m,
						    const struct call *c, __u64 own, bool sip_port, bool port_drains)
{
	enum calls_whose whose = CALLS_OURS;

	if (c->keeps)
		return CALLS_OURS;
	if (port_drains || drain_is(c->group, own, BT_DRAIN_REFUSE, c->now))
		whose = calls_whose_new(m, c, port_drains);
	if (whose != CALLS_OURS || !drain_is(c->group, own, BT_DRAIN_YOURS, c->now))
		return whose;
	return m->flags ? calls_whose_sip(m, c) : calls_whose_other(ctx, h, sip_port, c->now);
}

/* Who this host is in the group. False: a map of ours is unfilled. */
static __always_inline bool calls_begin(const struct bt_stage *stage, struct call *c, __u64 *ret_own)
{
	struct bt_node *node = pulse_node();
	__u64 *word;

	c->now = stage->now_ns;
	c->group = stage->group;
	c->keeps = stage->exit == BT_X_VIP_KEPT;
	word = bpf_map_lookup_elem(&st_word, &c->group);
	if (!node || !word)
		return false;
	*ret_own = READ_ONCE(*word);
	c->term = BT_WORD_TERM(*ret_own);
	c->host = node->my_id;
	local_call(c, 0);
	return true;
}

/* Does it go to a port of the group for SIP over UDP? */
static __always_inline bool calls_is_sip(struct xdp_md *ctx, const struct headers *h, __u32 group)
{
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &group);
	struct udphdr *udp = packet_at(ctx, h->l4, sizeof(*udp));

	return g && udp && h->proto == IPPROTO_UDP && !h->later && calls_port_is_sip(g, udp->dest);
}

/* The way out of a frame that the gate let in as stage->exit says. */
static __always_inline __u32 calls_in(struct xdp_md *ctx, const struct headers *h, const struct bt_stage *stage)
{
	struct sip_msg m = {};
	struct call c = {};
	bool sip_port, drains;
	__u64 own;
	__u32 exit;

	if (!calls_begin(stage, &c, &own))
		return BT_X_BROKEN;
	sip_port = calls_is_sip(ctx, h, c.group);
	drains = rules_drain(ctx, h, c.group);
	if (sip_port || drains)
		calls_read(ctx, h, c.group, &m);
	switch (calls_whose(ctx, h, &m, &c, own, sip_port, drains)) {
	case CALLS_REFUSED:
		return calls_refuse(ctx, h, c.group, &m);
	case CALLS_DRAINED:
		calls_uncount(&m, c.group);
		return BT_X_VIP_RULE_DRAINS;
	case CALLS_THEIRS:
		exit = calls_sent_back(ctx, h, stage, own);
		if (exit == BT_X_VIP_BACK)
			calls_uncount(&m, c.group);
		return exit;
	default:
		if (sip_port && local_is_drained(&m, &c) && !calls_to_drained(ctx, h, c.drained))
			local_leave(&c);
		return calls_taken(ctx, h, stage, &m, &c);
	}
}

#endif
