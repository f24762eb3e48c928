/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vip: is one of our virtual addresses meant, and may this host answer for it?
 *
 * ARP and neighbour discovery are read as one thing: somebody asks who has an address, somebody
 * says that he has it. Questions for a VIP reach the kernel only while the gate is open; answers
 * always do. XDP does not know our MAC, but a NIC does not hear itself: who says from outside that
 * he has a VIP that is open here is another host.
 * Source:  RFC 826, RFC 5227 (probes), RFC 4861 §4.3, §4.4; design §4.2 Every door.
 */
#ifndef VIP_H
#define VIP_H

#include "gate.h"
#include "maps_tc.h"
#include "parse.h"

/* Whose address is @key? NULL: nobody's of ours. */
static __always_inline struct bt_vip *vip_by_ip4(const void *addr)
{
	__be32 key = *(const __be32 *)addr;

	return bpf_map_lookup_elem(&cfg_vip4, &key);
}

static __always_inline struct bt_vip *vip_by_ip6(const struct in6_addr *addr)
{
	struct bt_ip6 key;

	__builtin_memcpy(&key, addr, sizeof(key));
	return bpf_map_lookup_elem(&cfg_vip6, &key);
}

/* The VIP that the IP packet of @f goes to (@source false) or comes from. */
static __always_inline struct bt_vip *vip_of(const struct frame *f, bool source)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (f->h.kind == FRAME_IP4) {
		ip = frame_at(f, f->h.l3, sizeof(*ip));
		return ip ? vip_by_ip4(source ? &ip->saddr : &ip->daddr) : NULL;
	}
	if (f->h.kind == FRAME_IP6) {
		ip6 = frame_at(f, f->h.l3, sizeof(*ip6));
		return ip6 ? vip_by_ip6(source ? &ip6->saddr : &ip6->daddr) : NULL;
	}
	return NULL;
}

/* Who asks for, or speaks of, which VIP. */
struct who_has {
	struct bt_vip *target;	/* asked for; or spoken to, when it is an answer */
	struct bt_vip *sender;	/* of whom the sender says: that is me */
	bool asks;
	__u8 mac[ETH_ALEN];	/* the sender's */
};

static __always_inline void arp_read(struct who_has *who, const struct frame_arp *arp)
{
	who->target = vip_by_ip4(arp->target_ip);
	who->sender = vip_by_ip4(arp->sender_ip);
	who->asks = arp->op == bpf_htons(ARP_REQUEST);
	__builtin_memcpy(who->mac, arp->sender_mac, ETH_ALEN);
}

static __always_inline void nd_read(struct who_has *who, const struct frame *f,
				    const struct frame_nd *nd)
{
	struct ipv6hdr *ip = frame_at(f, f->h.l3, sizeof(*ip));
	struct ethhdr *eth = frame_at(f, 0, sizeof(*eth));

	if (!ip || !eth)
		return;
	who->asks = nd->head.icmp6_type == ND_SOLICIT;
	who->target = vip_by_ip6(who->asks ? &nd->target : &ip->daddr);
	who->sender = vip_by_ip6(who->asks ? &ip->saddr : &nd->target);
	__builtin_memcpy(who->mac, eth->h_source, ETH_ALEN);
}

/* Is @f a question or an answer about who has a VIP? */
static __always_inline bool who_has_read(struct who_has *who, const struct frame *f)
{
	struct frame_arp *arp;
	struct frame_nd *nd;

	__builtin_memset(who, 0, sizeof(*who));
	if (f->h.kind == FRAME_ARP) {
		arp = frame_at(f, f->h.l3, sizeof(*arp));
		if (arp)
			arp_read(who, arp);
	} else {
		nd = frame_nd(f);
		if (nd)
			nd_read(who, f, nd);
	}
	if (who->target)
		return true;
	barrier();	/* else clang may take both pointers together, which the verifier refuses */
	return who->sender;
}

#endif
