// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static void put(struct packet *p, const void *bytes, uint32_t n)
{
	assert(p->len + n <= PACKET_MAX);
	memcpy(p->data + p->len, bytes, n);
	p->len += n;
}

static void put8(struct packet *p, uint8_t v)
{
	put(p, &v, 1);
}

static void put16(struct packet *p, uint16_t v)
{
	v = htons(v);
	put(p, &v, 2);
}

static void set16(struct packet *p, uint32_t off, uint16_t v)
{
	p->data[off] = v >> 8;
	p->data[off + 1] = v & 0xff;
}

static uint16_t get16(const struct packet *p, uint32_t off)
{
	return p->data[off] << 8 | p->data[off + 1];
}

void packet_ip(const char *text, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		assert(inet_pton(AF_INET6, text, ret) == 1);
		return;
	}
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	assert(inet_pton(AF_INET, text, ret->s6_addr + 12) == 1);
}

static void put_ip(struct packet *p, const char *text)
{
	struct in6_addr ip;

	packet_ip(text, &ip);
	if (strchr(text, ':'))
		put(p, &ip, 16);
	else
		put(p, ip.s6_addr + 12, 4);
}

static void put_eth(struct packet *p, int vlans, uint16_t type)
{
	memset(p, 0, sizeof(*p));
	put(p, PACKET_MAC_DST PACKET_MAC_SRC, 12);
	for (int i = 0; i < vlans; i++) {
		put16(p, i + 1 < vlans ? 0x88a8 : 0x8100);
		put16(p, 100 + i);
	}
	put16(p, type);
	p->l3 = p->len;
}

/* One's complement sum of 16-bit big endian words. */
static uint32_t sum16(const uint8_t *b, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? b[i] : b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put_ip4(struct packet *p, const struct packet_spec *s)
{
	int words = s->ihl ? s->ihl : 5;

	put8(p, 0x40 | words);
	put8(p, 0);
	put16(p, 0);			/* total length: later */
	put16(p, 0x1234);
	put16(p,
	      s->fragmented ? (s->frag & PACKET_MORE ? 0x2000 : 0) | (s->frag & 0x1fff) : 0x4000);
	put8(p, 63);
	put8(p, s->proto);
	put16(p, 0);
	put_ip(p, s->from);
	put_ip(p, s->to);
	for (int i = 5; i < words; i++)
		put(p, "\x01\x01\x01\x01", 4);
}

static void put_ip6(struct packet *p, const struct packet_spec *s)
{
	static const uint8_t kinds[] = { 0, 60, 43, 51, 60, 43, 60, 60 };
	int n = s->exts + s->fragmented;

	put(p, "\x60\x00\x00\x00", 4);
	put16(p, 0);			/* payload length: later */
	put8(p, !n ? s->proto : s->exts ? kinds[0] : 44);
	put8(p, 63);
	put_ip(p, s->from);
	put_ip(p, s->to);
	for (int i = 0; i < n; i++) {
		bool frag = s->fragmented && i == n - 1;
		uint8_t next = i == n - 1 ? s->proto : i + 1 < s->exts ? kinds[i + 1] : 44;

		put8(p, next);
		if (frag) {
			put8(p, 0);
			put16(p, (s->frag & 0x1fff) << 3 | !!(s->frag & PACKET_MORE));
			put(p, "\x00\x00\x12\x34", 4);
		} else if (kinds[i] == 51) {
			put8(p, 1);	/* (1 + 2) * 4 = 12 bytes */
			put(p, "\0\0\0\0\0\0\0\0\0\0", 10);
		} else {
			put8(p, i & 1);	/* 8 or 16 bytes */
			put(p, "\x01\x04\0\0\0\0\x01\x06\0\0\0\0\0\0", i & 1 ? 14 : 6);
		}
	}
}

static void put_l4(struct packet *p, const struct packet_spec *s, const void *payload, uint32_t len)
{
	if (s->fragmented && (s->frag & 0x1fff)) {
		p->payload = p->len;
	} else if (s->proto == IPPROTO_UDP) {
		put16(p, s->sport ? s->sport : 5060);
		put16(p, s->dport ? s->dport : 5060);
		put16(p, 8 + len + (s->frag & PACKET_MORE ? 512 : 0));
		put16(p, 0);
		p->payload = p->len;
	} else if (s->proto == IPPROTO_TCP) {
		put16(p, s->sport ? s->sport : 5060);
		put16(p, s->dport ? s->dport : 5060);
		put(p, "\0\0\0\1\0\0\0\1\x50\x10\xff\xff\0\0\0\0", 16);
		p->payload = p->len;
	}
	put(p, payload, len);
}

static uint32_t pseudo_sum(const struct packet *p, uint8_t proto, uint32_t len)
{
	bool v6 = (p->data[p->l3] >> 4) == 6;
	const uint8_t *addrs = p->data + p->l3 + (v6 ? 8 : 12);

	return sum16(addrs, v6 ? 32 : 8, proto + len);
}

static void finish(struct packet *p, bool v6, uint8_t proto)
{
	uint32_t sum;

	if (v6) {
		set16(p, p->l3 + 4, p->len - p->l3 - 40);
	} else {
		set16(p, p->l3 + 2, p->len - p->l3);
		set16(p, p->l3 + 10, ~sum16(p->data + p->l3, (p->data[p->l3] & 15) * 4, 0));
	}
	if (proto != IPPROTO_UDP || p->payload != p->l4 + 8)
		return;
	sum = ~sum16(p->data + p->l4, p->len - p->l4, pseudo_sum(p, proto,
								 p->len - p->l4)) & 0xffff;
	set16(p, p->l4 + 6, sum ? sum : 0xffff);
}

void packet_make(struct packet *p, const struct packet_spec *spec)
{
	struct packet_spec s = *spec;
	bool v6 = strchr(s.from, ':');
	uint32_t len = s.text ? strlen(s.text) : s.payload_len;

	s.proto = s.proto ? s.proto : IPPROTO_UDP;
	put_eth(p, s.vlans, v6 ? 0x86dd : 0x0800);
	if (v6)
		put_ip6(p, &s);
	else
		put_ip4(p, &s);
	p->l4 = p->len;
	put_l4(p, &s, s.text ? (const void *)s.text : s.payload ? s.payload : "", len);
	finish(p, v6, s.proto);
	for (int i = 0; i < s.padding; i++)
		put8(p, 0xee);
}

void packet_arp(struct packet *p, int vlans, uint16_t op, const char *sender, const char *target)
{
	put_eth(p, vlans, 0x0806);
	put(p, "\x00\x01\x08\x00\x06\x04", 6);
	put16(p, op);
	put(p, PACKET_MAC_SRC, 6);
	put_ip(p, sender);
	put(p, "\0\0\0\0\0\0", 6);
	put_ip(p, target);
}

void packet_nd(struct packet *p, int vlans, uint8_t type, const char *from, const char *to,
	       const char *target)
{
	uint8_t body[24] = { type };
	struct in6_addr ip;
	uint32_t sum;

	packet_ip(target, &ip);
	memcpy(body + 8, &ip, 16);
	packet_make(p, &(struct packet_spec){ .vlans = vlans, .from = from, .to = to,
					      .proto = IPPROTO_ICMPV6,
					      .payload = body, .payload_len = sizeof(body) });
	p->data[p->l3 + 7] = 255;
	sum = sum16(p->data + p->l4, sizeof(body), pseudo_sum(p, IPPROTO_ICMPV6, sizeof(body)));
	set16(p, p->l4 + 2, ~sum);
}

bool packet_sums_ok(const struct packet *p)
{
	bool v6 = (p->data[p->l3] >> 4) == 6;
	uint32_t len = get16(p, p->l4 + 4);

	if (!v6 && sum16(p->data + p->l3, (p->data[p->l3] & 15) * 4, 0) != 0xffff)
		return false;
	if (!v6 && !get16(p, p->l4 + 6))
		return true;
	return sum16(p->data + p->l4, len, pseudo_sum(p, IPPROTO_UDP, len)) == 0xffff;
}
