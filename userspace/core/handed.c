/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/handed.h"

#include <string.h>

#define IP4_HEAD	20
#define IP6_HEAD	40
#define UDP_HEAD	8
#define IP4_FRAGMENT	0x3fff		/* MF and offset */
#define IP4_OFFSET	0x1fff
#define PROTO_UDP	17

static uint32_t be16_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* The IP packet; its length is its own, not the frame's. */
static const uint8_t *packet_of(const struct bt_slow *s, size_t *ret_len)
{
	const uint8_t *ip = s->frame + s->l3;
	size_t room, len;

	if (s->len > BT_SLOW_FRAME || s->l3 + IP4_HEAD > s->len)
		return NULL;
	room = s->len - s->l3;
	if (ip[0] >> 4 == 6)
		len = room < IP6_HEAD ? SIZE_MAX : IP6_HEAD + be16_at(ip + 4);
	else
		len = ip[0] >> 4 == 4 ? be16_at(ip + 2) : SIZE_MAX;
	*ret_len = len;
	return len > room ? NULL : ip;
}

static void end_v4(struct kept_end *e, const uint8_t *ip, const uint8_t *port)
{
	*e = (struct kept_end){ .ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } }, .port = (uint16_t)be16_at(port) };
	memcpy(&e->ip.s6_addr[12], ip, 4);
}

static void end_v6(struct kept_end *e, const uint8_t *ip, const uint8_t *port)
{
	memcpy(&e->ip, ip, 16);
	e->port = (uint16_t)be16_at(port);
}

/* @cut: it may go on in other fragments. */
static bool take_udp(const uint8_t *udp, const uint8_t *end, bool cut, struct handed *ret)
{
	size_t len;

	if (end - udp < UDP_HEAD)
		return false;
	len = be16_at(udp + 4);
	if (cut && len > (size_t)(end - udp))
		len = (size_t)(end - udp);
	if (len < UDP_HEAD || len > (size_t)(end - udp))
		return false;
	ret->text = (const char *)udp + UDP_HEAD;
	ret->len = len - UDP_HEAD;
	return true;
}

static bool udp_v4(const uint8_t *ip, size_t len, bool cut, struct handed *ret)
{
	size_t head = (size_t)(ip[0] & 15) * 4;

	if (head < IP4_HEAD || head > len || ip[9] != PROTO_UDP || be16_at(ip + 6) & (cut ? IP4_OFFSET : IP4_FRAGMENT) ||
	    !take_udp(ip + head, ip + len, cut, ret))
		return false;
	end_v4(&ret->from, ip + 12, ip + head);
	end_v4(&ret->to, ip + 16, ip + head + 2);
	return true;
}

/* Behind extension headers: where the data path found the payload. */
static bool udp_v6(const struct bt_slow *s, const uint8_t *ip, size_t len, bool cut, struct handed *ret)
{
	const uint8_t *udp = s->frame + s->payload - UDP_HEAD;

	if (s->payload < s->l3 + IP6_HEAD + UDP_HEAD || s->payload > s->l3 + len || !take_udp(udp, ip + len, cut, ret))
		return false;
	end_v6(&ret->from, ip + 8, udp);
	end_v6(&ret->to, ip + 24, udp + 2);
	return true;
}

/* What is answered must not come to this host's own loopback, nor to many: the kernel has not looked at that source. */
static bool is_a_host(const struct in6_addr *ip)
{
	uint8_t first = ip->s6_addr[12];

	if (!IN6_IS_ADDR_V4MAPPED(ip))
		return !IN6_IS_ADDR_MULTICAST(ip) && !IN6_IS_ADDR_LOOPBACK(ip) && !IN6_IS_ADDR_UNSPECIFIED(ip);
	return first && first != 127 && first < 224;
}

static bool read_udp(const struct bt_slow *s, bool cut, struct handed *ret)
{
	size_t len;
	const uint8_t *ip = packet_of(s, &len);

	if (!ip || !(ip[0] >> 4 == 4 ? udp_v4(ip, len, cut, ret) : udp_v6(s, ip, len, cut, ret)))
		return false;
	return is_a_host(&ret->from.ip);
}

bool handed_udp(const struct bt_slow *s, struct handed *ret)
{
	return read_udp(s, false, ret);
}

bool handed_head(const struct bt_slow *s, struct handed *ret)
{
	return read_udp(s, true, ret);
}

/* RFC 1624: one hop less is 0x100 more in its checksum. */
static void age_v4(uint8_t *ip)
{
	uint32_t sum = be16_at(ip + 10) + 0x100;

	sum = (sum & 0xffff) + (sum >> 16);
	ip[8]--;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

bool handed_ip(const struct bt_slow *s, struct handed_ip *ret)
{
	const uint8_t *ip = packet_of(s, &ret->len);

	if (!ip || ret->len < IP4_HEAD)
		return false;
	ret->v4 = ip[0] >> 4 == 4;
	if (ip[ret->v4 ? 8 : 7] <= 1)
		return false;
	memcpy(ret->packet, ip, ret->len);
	if (ret->v4)
		age_v4(ret->packet);
	else
		ret->packet[7]--;
	return true;
}
