/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tos: which type of service has SIP that leaves from a VIP?
 *
 * As its group's sip-ip-tos says: the TOS byte of IPv4, the traffic class of IPv6. SIP is what goes from or to a
 * sip-port of the group, by UDP or TCP, and the later fragments of UDP, which show no port: hardly anything else from a
 * VIP is that long. Of TCP the two ECN bits stay as the kernel set them (RFC 3168: they are TCP's own).
 *
 * Written by helpers, not through packet pointers: a program that writes through those is handed a private copy of every
 * frame of the host, a helper copies what it changes (kernel-notes/tc-rewrites).
 * Source:  the guide, Quality of Service; RFC 791, RFC 2474, RFC 8200 §3.
 */
#ifndef TOS_H
#define TOS_H

#include "maps_tc.h"
#include "parse.h"

#define TOS_ECN	0x03

struct tos_ports {
	__be16 source, dest;
};

static __always_inline bool tos_is_sip(const struct frame *f, const struct bt_group *g)
{
	bool udp = f->h.proto == IPPROTO_UDP;
	struct tos_ports *ports;

	if (udp && f->h.later)
		return true;
	if (!frame_has_l4(f, IPPROTO_UDP) && !frame_has_l4(f, IPPROTO_TCP))
		return false;
	ports = frame_at(f, f->h.l4, sizeof(*ports));
	for (int i = 0; ports && i < BT_PORTS_MAX; i++)
		if (g->port[i].port && (udp ? g->port[i].udp : g->port[i].tcp) &&
		    (ports->source == g->port[i].port || ports->dest == g->port[i].port))
			return true;
	return false;
}

/* The two bytes that IP begins with, before and after. */
union tos_word {
	__u8 byte[2];
	__u16 word;
};

static __always_inline void tos_ip4(struct __sk_buff *skb, __u32 l3, union tos_word was, __u8 tos, __u8 keep)
{
	union tos_word is = was;

	is.byte[1] = (tos & ~keep) | (was.byte[1] & keep);
	if (is.word == was.word || bpf_l3_csum_replace(skb, l3 + offsetof(struct iphdr, check), was.word, is.word, 2))
		return;
	bpf_skb_store_bytes(skb, l3, &is, sizeof(is), 0);
}

/* No checksum covers it. */
static __always_inline void tos_ip6(struct __sk_buff *skb, __u32 l3, union tos_word was, __u8 tos, __u8 keep)
{
	union tos_word is = was;

	tos = (tos & ~keep) | (((was.byte[0] & 0x0f) << 4 | was.byte[1] >> 4) & keep);
	is.byte[0] = (was.byte[0] & 0xf0) | tos >> 4;
	is.byte[1] = tos << 4 | (was.byte[1] & 0x0f);
	if (is.word != was.word)
		bpf_skb_store_bytes(skb, l3, &is, sizeof(is), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline void tos_set(struct __sk_buff *skb, const struct headers *h, __u32 group)
{
	struct frame f = { (void *)(long)skb->data, (void *)(long)skb->data_end, *h };
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &group);
	union tos_word *at, was;
	__u8 keep = h->proto == IPPROTO_TCP ? TOS_ECN : 0;

	if (!g || !(g->tos & BT_TOS_SET) || !tos_is_sip(&f, g))
		return;
	at = frame_at(&f, h->l3, sizeof(*at));
	if (!at)
		return;
	was = *at;
	if (h->kind == FRAME_IP4)
		tos_ip4(skb, h->l3, was, g->tos, keep);
	else if (h->kind == FRAME_IP6)
		tos_ip6(skb, h->l3, was, g->tos, keep);
}

#endif
