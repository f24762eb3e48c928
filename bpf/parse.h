/* SPDX-License-Identifier: GPL-2.0 */
/*
 * parse: where does each header of this frame begin, and do its lengths agree with the frame?
 *
 * Ethernet, up to two VLAN tags, IPv4 with options, IPv6 with up to six extension headers,
 * fragments of both, ARP. Nothing is judged here: `broken` says that a header ends early or a
 * length contradicts another, `deep` that there are more headers than we follow.
 * Bytes:   offsets from the start of the frame; lengths of the IP packet, not of the frame, which
 *          Ethernet may have padded.
 * Source:  IEEE 802.1Q, RFC 791, RFC 8200, RFC 826, RFC 4861.
 */
#ifndef PARSE_H
#define PARSE_H

#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME_TAGS	2
#define FRAME_EXTS	6
#define FRAME_REACH	0x7fff		/* the verifier wants a bound; no header is further in */

#define ARP_ETHERNET	1
#define ARP_REQUEST	1
#define ND_SOLICIT	135
#define ND_ADVERT	136

#define IP_DF		0x4000
#define IP_MF		0x2000
#define IP_OFFSET	0x1fff
#define IP6_OFFSET	0xfff8
#define IP6_MF		0x0001

enum frame_kind { FRAME_OTHER, FRAME_IP4, FRAME_IP6, FRAME_ARP };

struct headers {
	__u32 kind;		/* enum frame_kind; not OTHER: the header at l3 is whole */
	__u32 len;		/* of the frame */
	__u32 l3;		/* IP or ARP header */
	__u32 l4;		/* what IP carries; 0: not reached */
	__u32 end;		/* where the IP packet says that it ends */
	__u32 proto;		/* of what is at l4 */
	__be32 id;		/* of the datagram, if this is a fragment */
	bool fragment;		/* first or later */
	bool later;		/* fragment without a layer 4 header */
	bool broken;
	bool deep;
};

struct frame {
	void *data, *data_end;
	struct headers h;
};

struct frame_tag {
	__be16 tci;
	__be16 ethertype;
};

struct frame_ext {		/* RFC 8200 §4, as far as all kinds agree; at least 8 bytes */
	__u8 next;
	__u8 len;
	__be16 offset;		/* fragment header only */
	__be32 id;
};

struct frame_arp {		/* RFC 826 for Ethernet and IPv4 */
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 op;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
};

struct frame_nd {		/* RFC 4861 §4.3, §4.4: NS and NA, without their options */
	struct icmp6hdr head;
	struct in6_addr target;
};

/* What lies at @off, or NULL when the frame ends before @off + @size. */
static __always_inline void *frame_at(const struct frame *f, __u32 off, __u32 size)
{
	void *p;

	barrier_var(off);	/* else a sum may be checked whole, added in parts: no bound to 6.1 */
	if (off > FRAME_REACH)
		return NULL;
	p = f->data + off;
	barrier_var(p);		/* one register: what is checked is what is used */
	return p + size > f->data_end ? NULL : p;
}

static __always_inline bool frame_is_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* Sets l3 and returns what begins there; 0 when the frame ends before that is known. */
static __always_inline __be16 frame_read_l2(struct frame *f)
{
	struct ethhdr *eth = frame_at(f, 0, sizeof(*eth));
	struct frame_tag *tag;
	__be16 type;

	if (!eth)
		return 0;
	type = eth->h_proto;
	f->h.l3 = sizeof(*eth);
	for (int i = 0; i < FRAME_TAGS && frame_is_tag(type); i++) {
		tag = frame_at(f, f->h.l3, sizeof(*tag));
		if (!tag)
			return 0;
		type = tag->ethertype;
		f->h.l3 += sizeof(*tag);
	}
	f->h.deep = frame_is_tag(type);
	return type;
}

static __always_inline void frame_read_ip4(struct frame *f)
{
	struct iphdr *ip = frame_at(f, f->h.l3, sizeof(*ip));
	__u32 head, total, frag;

	f->h.broken = true;
	if (!ip)
		return;
	head = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	frag = bpf_ntohs(ip->frag_off);
	f->h.kind = FRAME_IP4;
	f->h.proto = ip->protocol;
	f->h.id = ip->id;
	f->h.fragment = frag & (IP_MF | IP_OFFSET);
	f->h.later = frag & IP_OFFSET;
	f->h.l4 = f->h.l3 + head;
	f->h.end = f->h.l3 + total;
	f->h.broken = ip->version != 4 || head < sizeof(*ip) || total < head || f->h.end > f->h.len;
}

/* One bit per protocol number below 64: a chain is followed without a branch for each kind, or the verifier goes every way. */
#define EXT_BIT(proto)	(1ULL << (proto))
#define EXT_KINDS	(EXT_BIT(IPPROTO_HOPOPTS) | EXT_BIT(IPPROTO_ROUTING) | EXT_BIT(IPPROTO_DSTOPTS) | \
			 EXT_BIT(IPPROTO_AH) | EXT_BIT(IPPROTO_FRAGMENT))

static __always_inline __u32 frame_is_in(__u64 kinds, __u32 proto)
{
	return kinds >> (proto & 63) & (proto >> 6 ? 0 : 1);
}

static __always_inline bool frame_is_ext(__u8 proto)
{
	return frame_is_in(EXT_KINDS, proto);
}

/* RFC 8200 §4.5 and RFC 4302 §2.2 count otherwise than the rest: 8 bytes always, and units of four. */
static __always_inline __u32 frame_ext_size(__u8 proto, __u8 len)
{
	__u32 is_fragment = frame_is_in(EXT_BIT(IPPROTO_FRAGMENT), proto), is_ah = frame_is_in(EXT_BIT(IPPROTO_AH), proto);

	return ((len & (is_fragment - 1)) + 1 + is_ah) << (3 - is_ah);
}

/* What a chain has said of fragments so far: each 0 or not. */
struct frame_pieces {
	__u32 fragment, later;
	__be32 id;
};

static __always_inline void frame_note_piece(struct frame_pieces *p, __u8 proto, const struct frame_ext *ext)
{
	__u32 mask = 0 - frame_is_in(EXT_BIT(IPPROTO_FRAGMENT), proto);

	p->fragment |= ext->offset & bpf_htons(IP6_OFFSET | IP6_MF) & mask;
	p->later |= ext->offset & bpf_htons(IP6_OFFSET) & mask;
	p->id = (p->id & ~mask) | (ext->id & mask);
}

/* Follow the chain from @proto at @off; leaves l4 0 when it is too long. */
static __always_inline void frame_read_exts(struct frame *f, __u8 proto, __u32 off)
{
	struct frame_pieces pieces = {};
	struct frame_ext *ext;
	bool cut = false;

	for (int i = 0; i < FRAME_EXTS && frame_is_ext(proto) && !pieces.later; i++) {
		ext = frame_at(f, off, sizeof(*ext));
		cut = !ext;
		if (cut)
			break;
		frame_note_piece(&pieces, proto, ext);
		off += frame_ext_size(proto, ext->len);
		proto = ext->next;
	}
	f->h.fragment = pieces.fragment;
	f->h.later = pieces.later;
	f->h.id = pieces.id;
	f->h.broken |= cut;
	if (cut)
		return;
	f->h.proto = proto;
	f->h.deep = frame_is_ext(proto) && !f->h.later;
	f->h.l4 = f->h.deep ? 0 : off;
	f->h.broken |= off > f->h.end;
}

static __always_inline void frame_read_ip6(struct frame *f)
{
	struct ipv6hdr *ip = frame_at(f, f->h.l3, sizeof(*ip));

	f->h.broken = true;
	if (!ip)
		return;
	f->h.kind = FRAME_IP6;
	f->h.end = f->h.l3 + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	f->h.broken = ip->version != 6 || f->h.end > f->h.len;
	frame_read_exts(f, ip->nexthdr, f->h.l3 + sizeof(*ip));
}

/* Only ARP between Ethernet and IPv4 addresses can be about a VIP. */
static __always_inline void frame_read_arp(struct frame *f)
{
	struct frame_arp *arp = frame_at(f, f->h.l3, sizeof(*arp));

	f->h.broken = !arp;
	if (arp && arp->hardware == bpf_htons(ARP_ETHERNET) &&
	    arp->protocol == bpf_htons(ETH_P_IP) &&
	    arp->hardware_len == ETH_ALEN && arp->protocol_len == sizeof(__be32))
		f->h.kind = FRAME_ARP;
}

/*
 * Find the headers of data .. data_end, the first part of a frame of @len bytes. Each program calls
 * it in a function of its own that is not static: the verifier checks such a one once, by itself,
 * and knows nothing of what it returns, so that ways through here do not multiply with ways through
 * the rest.
 */
static __always_inline void frame_read(struct headers *ret, void *data, void *data_end, __u32 len)
{
	struct frame frame = { .data = data, .data_end = data_end, .h.len = len }, *f = &frame;
	__be16 type = frame_read_l2(f);

	if (type == bpf_htons(ETH_P_IP))
		frame_read_ip4(f);
	else if (type == bpf_htons(ETH_P_IPV6))
		frame_read_ip6(f);
	else if (type == bpf_htons(ETH_P_ARP))
		frame_read_arp(f);
	else if (!type)
		f->h.broken = true;
	*ret = f->h;
}

/*
 * The same for what nearly every frame is: IPv4 behind a bare Ethernet header, no options, no fragment, whole. False: it
 * is not, and frame_read() must look. Small enough to stand in the program itself: 14 ns for every frame.
 */
static __always_inline bool frame_read_plain(struct headers *ret, void *data, void *data_end)
{
	__u32 len = data_end - data, total;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) || *(__u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || sizeof(*eth) + total > len)
		return false;
	*ret = (struct headers){
		.kind = FRAME_IP4, .len = len, .l3 = sizeof(*eth), .l4 = sizeof(*eth) + sizeof(*ip),
		.end = sizeof(*eth) + total, .proto = ip->protocol, .id = ip->id,
	};
	return true;
}

static __always_inline bool frame_has_l4(const struct frame *f, __u8 proto)
{
	return f->h.l4 && f->h.proto == proto && !f->h.later && !f->h.broken;
}

/* Payload of UDP or TCP, as far as this frame has it. */
struct frame_payload {
	__u32 off;
	__u32 len;
	bool known;	/* of this frame there is one that begins here */
};

static __always_inline bool frame_udp_payload(const struct frame *f, struct frame_payload *p)
{
	struct udphdr *udp = frame_at(f, f->h.l4, sizeof(*udp));
	__u32 room = f->h.end - f->h.l4, len;

	if (!udp || room < sizeof(*udp))
		return false;
	len = bpf_ntohs(udp->len);
	if (f->h.fragment)
		len = room;
	if (len < sizeof(*udp) || len > room)
		return false;
	*p = (struct frame_payload){ f->h.l4 + sizeof(*udp), len - sizeof(*udp), true };
	return true;
}

/* A first fragment may lawfully end inside the TCP header. */
static __always_inline bool frame_tcp_payload(const struct frame *f, struct frame_payload *p)
{
	struct tcphdr *tcp = frame_at(f, f->h.l4, sizeof(*tcp));
	__u32 room = f->h.end - f->h.l4, head;

	if (!tcp || room < sizeof(*tcp))
		return f->h.fragment;
	head = tcp->doff * 4;
	if (head < sizeof(*tcp) || head > room)
		return f->h.fragment;
	*p = (struct frame_payload){ f->h.l4 + head, room - head, true };
	return true;
}

/* False: a length contradicts. Not UDP or TCP, or a later fragment: true and nothing known. */
static __always_inline bool frame_payload(const struct frame *f, struct frame_payload *p)
{
	*p = (struct frame_payload){};
	if (frame_has_l4(f, IPPROTO_UDP))
		return frame_udp_payload(f, p);
	if (frame_has_l4(f, IPPROTO_TCP))
		return frame_tcp_payload(f, p);
	return !f->h.broken;
}

/* A neighbour solicitation or advertisement that the kernel would take (hop limit 255), or NULL. */
static __always_inline struct frame_nd *frame_nd(const struct frame *f)
{
	struct frame_nd *nd;
	struct ipv6hdr *ip;

	if (f->h.kind != FRAME_IP6 || !frame_has_l4(f, IPPROTO_ICMPV6) || f->h.fragment)
		return NULL;
	ip = frame_at(f, f->h.l3, sizeof(*ip));
	nd = frame_at(f, f->h.l4, sizeof(*nd));
	if (!ip || !nd || ip->hop_limit != 255 || nd->head.icmp6_code)
		return NULL;
	return nd->head.icmp6_type == ND_SOLICIT || nd->head.icmp6_type == ND_ADVERT ? nd : NULL;
}

#endif
