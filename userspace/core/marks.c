/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/marks.h"

#include <arpa/inet.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "bpf/mark.h"

#define TTL	64
#define TOS	0xc0	/* CS6, as the other probes */

static uint32_t sum_bytes(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

/* RFC 1071; never 0, which in UDP means that there is none. */
static __be16 fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return htons((uint16_t)(sum ? sum : 0xffff));
}

static size_t put_eth(uint8_t *at, const struct bt_node *node, uint64_t peer_boot, const struct marks_way *way, bool v4)
{
	struct mark_of of = { .kind = MARK_TEST, .boot = node->boot, .to_boot = peer_boot };
	struct ethhdr eth = { .h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6) };

	memcpy(eth.h_dest, way->to_mac, sizeof(eth.h_dest));
	mark_write(eth.h_source, mark_number(node->key_out, &of));
	memcpy(at, &eth, sizeof(eth));
	return sizeof(eth);
}

static size_t put_ip4(uint8_t *at, const struct marks_way *way, size_t len)
{
	struct iphdr ip = {
		.version = 4, .ihl = sizeof(ip) / 4, .tos = TOS, .ttl = TTL, .protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(struct udphdr) + len)),
		.frag_off = htons(0x4000),	/* don't */
	};

	memcpy(&ip.saddr, &way->from->s6_addr[12], sizeof(ip.saddr));
	memcpy(&ip.daddr, &way->to->s6_addr[12], sizeof(ip.daddr));
	ip.check = fold(sum_bytes(0, &ip, sizeof(ip)));
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t put_ip6(uint8_t *at, const struct marks_way *way, size_t len)
{
	struct ipv6hdr ip = {
		.version = 6, .priority = TOS >> 4, .nexthdr = IPPROTO_UDP, .hop_limit = TTL,
		.payload_len = htons((uint16_t)(sizeof(struct udphdr) + len)),
	};

	memcpy(&ip.saddr, way->from, sizeof(ip.saddr));
	memcpy(&ip.daddr, way->to, sizeof(ip.daddr));
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip);
}

static void put_udp(uint8_t *at, const struct marks_way *way, const void *msg, size_t len)
{
	struct udphdr udp = {
		.source = htons(way->port), .dest = htons(way->port), .len = htons((uint16_t)(sizeof(udp) + len)),
	};
	uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof(udp) + len);

	sum = sum_bytes(sum, way->from, sizeof(*way->from));	/* the ffff of a mapped address ... */
	sum = sum_bytes(sum, way->to, sizeof(*way->to));	/* ... is a zero in this arithmetic */
	sum = sum_bytes(sum, &udp, sizeof(udp));
	udp.check = fold(sum_bytes(sum, msg, len));
	memcpy(at, &udp, sizeof(udp));
	memcpy(at + sizeof(udp), msg, len);
}

size_t marks_frame(const struct bt_node *node, uint64_t peer_boot, const struct marks_way *way, const void *msg,
		   size_t len, void *buf)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(way->to);
	uint8_t *at = buf;

	at += put_eth(at, node, peer_boot, way, v4);
	at += v4 ? put_ip4(at, way, len) : put_ip6(at, way, len);
	put_udp(at, way, msg, len);
	return (size_t)(at - (uint8_t *)buf) + sizeof(struct udphdr) + len;
}

uint64_t marks_receipt(const struct bt_node *node, uint64_t peer_boot, __be32 name_hash)
{
	struct mark_of of = { .kind = MARK_RECEIPT, .name_hash = name_hash, .boot = node->boot, .to_boot = peer_boot };

	return mark_number(node->key_out, &of);
}

uint64_t marks_number(const uint8_t mac[6])
{
	return mark_read(mac);
}

void marks_note(struct marks *m, bool heard, bool flag, uint64_t now_ns)
{
	if (!heard) {		/* what was found out stays */
		m->since_ns = 0;
		return;
	}
	if (flag) {
		*m = (struct marks){ .seen = MARKS_COME };
		return;
	}
	if (!m->since_ns)
		m->since_ns = now_ns;
	if (now_ns - m->since_ns > MARKS_NONE_NS)
		m->seen = MARKS_NONE;
}
