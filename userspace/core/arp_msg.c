/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/arp_msg.h"

#include <string.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>

#define ARP_REQUEST	1
#define ARP_REPLY	2
#define NS_TYPE		135
#define NA_R		0x80
#define NA_O		0x20
#define NEXT_ICMP6	58

struct arp {
	uint16_t hw, proto;
	uint8_t hw_len, proto_len;
	uint16_t op;
	uint8_t from_mac[6];
	struct in_addr from;
	uint8_t to_mac[6];
	struct in_addr to;
} __attribute__((packed));

struct ip6 {
	uint32_t version;
	uint16_t len;
	uint8_t next, hops;
	struct in6_addr src, dst;
} __attribute__((packed));

struct nd {
	uint8_t type, code;
	uint16_t sum;
	uint8_t flags, zero[3];
	struct in6_addr target;
} __attribute__((packed));

struct na {
	struct nd nd;
	uint8_t opt_type, opt_len;	/* target link-layer address, in units of 8 bytes */
	uint8_t opt_mac[6];
} __attribute__((packed));

_Static_assert(sizeof(struct ethhdr) + sizeof(struct ip6) + sizeof(struct na) == ARP_MSG_MAX,
	       "longest frame");

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 0x02, [15] = 1 } };

static void put_ether(uint8_t *buf, const uint8_t *to, const uint8_t *from, uint16_t proto)
{
	struct ethhdr eth;

	memcpy(eth.h_dest, to, 6);
	memcpy(eth.h_source, from, 6);
	eth.h_proto = htons(proto);
	memcpy(buf, &eth, sizeof(eth));
}

static size_t put_arp(uint8_t *buf, const uint8_t *frame_to, const struct arp *arp)
{
	put_ether(buf, frame_to, arp->from_mac, ETH_P_ARP);
	memcpy(buf + ETH_HLEN, arp, sizeof(*arp));
	return ETH_HLEN + sizeof(*arp);
}

static struct arp make_arp(uint16_t op, const uint8_t *mac, struct in_addr from, struct in_addr to)
{
	struct arp arp = {
		.hw = htons(1), .proto = htons(ETH_P_IP), .hw_len = 6, .proto_len = 4,
		.op = htons(op), .from = from, .to = to,
	};

	memcpy(arp.from_mac, mac, sizeof(arp.from_mac));
	return arp;
}

size_t arp_msg_gratuitous(uint8_t *buf, const uint8_t *mac, struct in_addr ip, bool reply)
{
	struct arp arp = make_arp(reply ? ARP_REPLY : ARP_REQUEST, mac, ip, ip);

	if (reply)
		memcpy(arp.to_mac, mac, sizeof(arp.to_mac));
	return put_arp(buf, broadcast, &arp);
}

size_t arp_msg_ask(uint8_t *buf, const uint8_t *mac, struct in_addr ip, struct in_addr router,
		   const uint8_t *to)
{
	struct arp arp = make_arp(ARP_REQUEST, mac, ip, router);

	return put_arp(buf, to ? to : broadcast, &arp);
}

/* One's complement sum of big-endian words; @len is even everywhere here. */
static uint32_t sum_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* RFC 4443 §2.3: over a pseudo header and the message with a checksum of 0. */
static uint16_t icmp6_sum(const struct ip6 *ip, const void *message)
{
	uint16_t len = ntohs(ip->len);
	uint32_t sum = len + NEXT_ICMP6;

	sum = sum_words(sum, &ip->src, 2 * sizeof(ip->src));
	sum = sum_words(sum, message, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static struct ip6 make_ip6(const struct in6_addr *src, const struct in6_addr *dst, size_t len)
{
	return (struct ip6){
		.version = htonl(6u << 28), .len = htons((uint16_t)len), .next = NEXT_ICMP6,
		.hops = 255,	/* RFC 4861 §7.1: proof that no router sent it on */
		.src = *src, .dst = *dst,
	};
}

/* Behind the Ethernet header; the message's checksum, in the same place of each, is filled in. */
static size_t put_ip6(uint8_t *buf, const struct ip6 *ip6, void *message)
{
	uint16_t sum = icmp6_sum(ip6, message);
	size_t len = ntohs(ip6->len);

	memcpy((uint8_t *)message + offsetof(struct nd, sum), &sum, sizeof(sum));
	memcpy(buf + ETH_HLEN, ip6, sizeof(*ip6));
	memcpy(buf + ETH_HLEN + sizeof(*ip6), message, len);
	return ETH_HLEN + sizeof(*ip6) + len;
}

size_t arp_msg_na(uint8_t *buf, const uint8_t *mac, const struct in6_addr *ip, bool router,
		  const struct in6_addr *dst, const uint8_t *to)
{
	struct ip6 ip6 = make_ip6(ip, dst ? dst : &all_nodes, sizeof(struct na));
	struct na na = {
		.nd = { .type = ARP_MSG_NA, .flags = NA_O | (router ? NA_R : 0), .target = *ip },
		.opt_type = 2, .opt_len = 1,
	};

	memcpy(na.opt_mac, mac, sizeof(na.opt_mac));
	put_ether(buf, to ? to : all_nodes_mac, mac, ETH_P_IPV6);
	return put_ip6(buf, &ip6, &na);
}

size_t arp_msg_probe(uint8_t *buf, const uint8_t *mac, struct in_addr ip)
{
	struct arp arp = make_arp(ARP_REQUEST, mac, (struct in_addr){ 0 }, ip);

	return put_arp(buf, broadcast, &arp);
}

/* To the group that only those with the same last three bytes listen to (RFC 4291 §2.7.1). */
size_t arp_msg_solicit(uint8_t *buf, const uint8_t *mac, const struct in6_addr *ip)
{
	struct in6_addr group = { .s6_addr = { 0xff, 0x02, [11] = 1, 0xff } }, nobody = { 0 };
	uint8_t group_mac[6] = { 0x33, 0x33, 0xff };
	struct nd nd = { .type = NS_TYPE, .target = *ip };
	struct ip6 ip6;

	memcpy(&group.s6_addr[13], &ip->s6_addr[13], 3);
	memcpy(&group_mac[3], &ip->s6_addr[13], 3);
	ip6 = make_ip6(&nobody, &group, sizeof(nd));
	put_ether(buf, group_mac, mac, ETH_P_IPV6);
	return put_ip6(buf, &ip6, &nd);
}

void arp_msg_from(uint8_t *buf, const uint8_t *from)
{
	memcpy(buf + 6, from, 6);
}

size_t arp_msg_tell(uint8_t *buf, const uint8_t *from, const uint8_t *to, const uint8_t *mac, const struct in6_addr *ip)
{
	struct in_addr v4;
	size_t len;

	memcpy(&v4, &ip->s6_addr[12], sizeof(v4));
	len = IN6_IS_ADDR_V4MAPPED(ip) ? arp_msg_gratuitous(buf, mac, v4, true)
				       : arp_msg_na(buf, mac, ip, false, NULL, to);
	put_ether(buf, to, from, IN6_IS_ADDR_V4MAPPED(ip) ? ETH_P_ARP : ETH_P_IPV6);
	return len;
}
