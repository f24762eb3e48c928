/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are the frames, byte for byte, those of RFC 826, RFC 5227 and RFC 4861? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <arpa/inet.h>

#include "core/arp_msg.h"

static const uint8_t mac[6] = { 0x02, 0x42, 0xac, 0x11, 0x00, 0x02 };
static const uint8_t router_mac[6] = { 0x02, 0x42, 0xac, 0x11, 0x00, 0x01 };

static void same(const uint8_t *got, size_t got_len, const uint8_t *want, size_t want_len)
{
	if (got_len != want_len)
		fail_msg("frame has %zu bytes, not %zu", got_len, want_len);
	for (size_t i = 0; i < want_len; i++)
		if (got[i] != want[i])
			fail_msg("byte %zu is %02x, not %02x", i, got[i], want[i]);
}

static struct in_addr v4(const char *text)
{
	struct in_addr ip;

	assert_int_equal(inet_pton(AF_INET, text, &ip), 1);
	return ip;
}

static struct in6_addr v6(const char *text)
{
	struct in6_addr ip;

	assert_int_equal(inet_pton(AF_INET6, text, &ip), 1);
	return ip;
}

static void gratuitous_request(void **state)
{
	static const uint8_t want[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x08, 0x06,
		0x00, 0x01,  0x08, 0x00,  6, 4,  0x00, 0x01,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
		0, 0, 0, 0, 0, 0,  10, 77, 0, 100,
	};
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_gratuitous(buf, mac, v4("10.77.0.100"), false), want, sizeof(want));
}

/* The frame is its sender's, what it says is about another: only so the neighbour's switch is not misled. */
static void told_by_a_third(void **state)
{
	static const uint8_t from[6] = { 0x02, 0, 0, 0, 0, 0xa }, to[6] = { 0x02, 0, 0, 0, 0, 0xc };
	static const uint8_t want[] = {
		0x02, 0, 0, 0, 0, 0xc,  0x02, 0, 0, 0, 0, 0xa,  0x08, 0x06,
		0x00, 0x01,  0x08, 0x00,  6, 4,  0x00, 0x02,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
	};
	struct in6_addr ip4 = v6("::ffff:10.77.0.100"), ip6 = v6("2001:db8::64");
	uint8_t buf[ARP_MSG_MAX], all[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_tell(buf, from, to, mac, &ip4), want, sizeof(want));
	assert_int_equal(arp_msg_na(all, mac, &ip6, false, NULL, NULL), 86);
	memcpy(all, to, 6);			/* the advertisement to all nodes, but in a frame for one */
	memcpy(all + 6, from, 6);
	same(buf, arp_msg_tell(buf, from, to, mac, &ip6), all, 86);
}

static void gratuitous_reply(void **state)
{
	static const uint8_t want[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x08, 0x06,
		0x00, 0x01,  0x08, 0x00,  6, 4,  0x00, 0x02,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
	};
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_gratuitous(buf, mac, v4("10.77.0.100"), true), want, sizeof(want));
}

static void asks_a_router(void **state)
{
	uint8_t want[] = {
		0x02, 0x42, 0xac, 0x11, 0x00, 0x01,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x08, 0x06,
		0x00, 0x01,  0x08, 0x00,  6, 4,  0x00, 0x01,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  10, 77, 0, 100,
		0, 0, 0, 0, 0, 0,  10, 77, 0, 1,
	};
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_ask(buf, mac, v4("10.77.0.100"), v4("10.77.0.1"), router_mac), want, sizeof(want));
	memset(want, 0xff, 6);
	same(buf, arp_msg_ask(buf, mac, v4("10.77.0.100"), v4("10.77.0.1"), NULL), want, sizeof(want));
}

/* The checksums below were computed by another program. */
static void advertises_to_all(void **state)
{
	static const uint8_t want[] = {
		0x33, 0x33, 0, 0, 0, 1,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x86, 0xdd,
		0x60, 0, 0, 0,  0, 32,  58, 255,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		136, 0, 0xab, 0x5a,  0x20, 0, 0, 0,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		2, 1,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,
	};
	struct in6_addr ip = v6("fd00:77::100");
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_na(buf, mac, &ip, false, NULL, NULL), want, sizeof(want));
}

static void advertises_to_a_router(void **state)
{
	uint8_t want[] = {
		0x02, 0x42, 0xac, 0x11, 0x00, 0x01,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x86, 0xdd,
		0x60, 0, 0, 0,  0, 32,  58, 255,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		136, 0, 0x2c, 0xe5,  0xa0, 0, 0, 0,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		2, 1,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,
	};
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct in6_addr ip = v6("fd00:77::100"), router = v6("fd00:77::1");
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_na(buf, mac, &ip, true, &router, router_mac), want, sizeof(want));
	memcpy(want, all_nodes, sizeof(all_nodes));	/* its MAC not known: everybody gets the frame */
	same(buf, arp_msg_na(buf, mac, &ip, true, &router, NULL), want, sizeof(want));
}

/* What it says stays: a cluster's address is spoken of, and nobody's own. */
static void from_another_station(void **state)
{
	struct in6_addr ip = v6("fd00:77::100");
	uint8_t plain[ARP_MSG_MAX], buf[ARP_MSG_MAX];
	size_t len = arp_msg_na(plain, mac, &ip, false, NULL, NULL);

	(void)state;
	memcpy(buf, plain, len);
	arp_msg_from(buf, router_mac);
	assert_memory_equal(buf + 6, router_mac, 6);
	memcpy(plain + 6, router_mac, 6);
	assert_memory_equal(buf, plain, len);
}

static void probes(void **state)
{
	static const uint8_t want[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x08, 0x06,
		0x00, 0x01,  0x08, 0x00,  6, 4,  0x00, 0x01,
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0, 0, 0, 0,
		0, 0, 0, 0, 0, 0,  10, 77, 0, 100,
	};
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_probe(buf, mac, v4("10.77.0.100")), want, sizeof(want));
}

static void solicits_of_nobody(void **state)
{
	static const uint8_t want[] = {
		0x33, 0x33, 0xff, 0, 1, 0,  0x02, 0x42, 0xac, 0x11, 0x00, 0x02,  0x86, 0xdd,
		0x60, 0, 0, 0,  0, 24,  58, 255,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 1, 0,
		135, 0, 0x7b, 0x30,  0, 0, 0, 0,
		0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
	};
	struct in6_addr ip = v6("fd00:77::100");
	uint8_t buf[ARP_MSG_MAX];

	(void)state;
	same(buf, arp_msg_solicit(buf, mac, &ip), want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gratuitous_request),
		cmocka_unit_test(gratuitous_reply), cmocka_unit_test(told_by_a_third),
		cmocka_unit_test(asks_a_router),
		cmocka_unit_test(advertises_to_all),
		cmocka_unit_test(advertises_to_a_router),
		cmocka_unit_test(from_another_station),
		cmocka_unit_test(probes),
		cmocka_unit_test(solicits_of_nobody),
	};

	return cmocka_run_group_tests_name("arp_msg", tests, NULL, NULL);
}
