// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_xdp: which way does each frame go that is not a pulse? Frames in, exit and verdict out.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#define OPTIONS "OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"

/* A gate's state and what it means to a frame for its VIP. */
static const struct state {
	const char *what;
	uint64_t word;
	int lease_s;
	uint32_t exit, arp;
} states[] = {
	{ "zeroed map",		0,			  60,
	  BT_X_VIP_SHUT,	 BT_X_ARP_HELD_BACK },
	{ "shut",		BT_WORD(7, 2, BT_SHUT),	  60,
	  BT_X_VIP_SHUT,	 BT_X_ARP_HELD_BACK },
	{ "armed",		BT_WORD(7, 2, BT_ARMED),  60,
	  BT_X_VIP_ARMED,	 BT_X_ARP_HELD_BACK },
	{ "claim",		BT_WORD(7, 1, BT_ARMED),  60,
	  BT_X_VIP_ARMED,	 BT_X_ARP_HELD_BACK },
	{ "relay",		BT_WORD(7, 1, BT_RELAY),  60,
	  BT_X_VIP_RELAY_LOST, BT_X_ARP_HELD_BACK },
	{ "open, leased",	BT_WORD(7, 1, BT_OPEN),	  60, BT_X_VIP_ACCEPTED, BT_X_ARP_PASSED },
	{ "open, lease ended",	BT_WORD(7, 1, BT_OPEN),	  -1, BT_X_VIP_UNLEASED,
	  BT_X_ARP_HELD_BACK },
	{ "open, never leased",	BT_WORD(7, 1, BT_OPEN),	   0, BT_X_VIP_UNLEASED,
	  BT_X_ARP_HELD_BACK },
	{ "mode out of range",	BT_WORD(7, 1, 99),	  60,
	  BT_X_VIP_SHUT,	 BT_X_ARP_HELD_BACK },
};
#define N(a) (sizeof(a) / sizeof((a)[0]))

static void enter(const struct state *s)
{
	rig_reset();
	rig_set_word(0, s->word);
	rig_set_lease(0, s->lease_s ? rig_now() + s->lease_s * (int64_t)RIG_SEC : 0);
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

static void test_gate(void **state)
{
	static const struct packet_spec specs[] = {
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 1 },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 2 },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .vlans = 2 },
		{ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP, .text = OPTIONS },
		{ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_ICMP, .text = "12345678" },
		{ .from = CLIENT4, .to = RIG_VIP4, .proto = 132, .text = "12345678" },
		{ .from = CLIENT4, .to = RIG_VIP4, .dport = RIG_PORT,
		  .text = "the pulse port is the VIP's too" },
		{ .from = RIG_PEER4, .to = RIG_VIP4, .dport = RIG_PORT,
		  .text = "from the peer even" },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .padding = 30 },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = "first", .fragmented = true,
		  .frag = PACKET_MORE },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = "middle", .fragmented = true,
		  .frag = PACKET_MORE | 64 },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = "last", .fragmented = true, .frag = 64 },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = "half a TCP header",
		  .proto = IPPROTO_TCP,
		  .fragmented = true, .frag = 1 },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = "first", .fragmented = true,
		  .frag = PACKET_MORE },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = "last", .fragmented = true, .frag = 64 },
	};
	struct packet p;
	char what[64];

	(void)state;
	for (size_t s = 0; s < N(states); s++)
		for (size_t i = 0; i < N(specs); i++) {
			enter(&states[s]);
			packet_make(&p, &specs[i]);
			snprintf(what, sizeof(what), "frame %zu, %s", i, states[s].what);
			expect(&p, states[s].exit, what);
		}
}

static void test_groups_are_apart(void **state)
{
	struct packet p;

	(void)state;
	rig_reset();
	rig_open_gate(1);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS });
	expect(&p, BT_X_VIP_SHUT, "VIP of the other group");
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_OTHER4,
					       .text = OPTIONS });
	expect(&p, BT_X_VIP_ACCEPTED, "VIP of the open group");
}

static void test_not_ours(void **state)
{
	static const struct packet_spec specs[] = {
		{ .from = CLIENT4, .to = RIG_US4, .text = OPTIONS },
		{ .from = CLIENT6, .to = RIG_US6, .text = OPTIONS },
		{ .from = RIG_VIP4, .to = RIG_US4, .text = OPTIONS },
		{ .from = CLIENT4, .to = "224.0.0.1", .proto = 2, .text = "igmp" },
		{ .from = CLIENT4, .to = RIG_US4, .proto = IPPROTO_TCP, .dport = RIG_PORT,
		  .text = "TCP is no pulse" },
		{ .from = CLIENT4, .to = RIG_US4, .dport = RIG_PORT, .fragmented = true, .frag = 64,
		  .text = "tail" },
	};
	struct packet p;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(specs); i++) {
		packet_make(&p, &specs[i]);
		expect(&p, BT_X_NOT_OURS, specs[i].text);
	}
	packet_make(&p, &specs[0]);
	p.data[12] = 0x88, p.data[13] = 0xcc;	/* LLDP */
	expect(&p, BT_X_NOT_OURS, "another ethertype");
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_US4, .vlans = 3,
					       .text = OPTIONS });
	expect(&p, BT_X_TRUNCATED, "three VLAN tags");
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_US4, .dport = RIG_PORT,
					       .text = "hello" });
	expect(&p, BT_X_PULSE_STRANGER, "pulse port, no configured path");
}

static void test_ihl(void **state)
{
	struct packet p;
	struct rig_world w;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (int ihl = 5; ihl <= 15; ihl++) {
		packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .ihl = ihl,
						       .text = OPTIONS });
		expect(&p, BT_X_VIP_ACCEPTED, "options");
	}
	rig_world(&w);
	CHECK(w.live[0].request[BT_M_OPTIONS] == 11, "%d of 11 OPTIONS found behind IP options",
	      (int)w.live[0].request[BT_M_OPTIONS]);
	for (int ihl = 0; ihl < 5; ihl++) {
		packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4,
						       .text = OPTIONS });
		p.data[p.l3] = 0x40 | ihl;
		expect(&p, BT_X_VIP_MALFORMED, "ihl below 5");
	}
}

static void test_exts(void **state)
{
	struct packet p;
	struct rig_world w;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (int exts = 0; exts <= 6; exts++) {
		packet_make(&p, &(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6,
						       .exts = exts, .text = OPTIONS });
		expect(&p, BT_X_VIP_ACCEPTED, "extension headers");
	}
	rig_world(&w);
	CHECK(w.live[2].request[BT_M_OPTIONS] == 7,
	      "%d of 7 OPTIONS found behind extension headers",
	      (int)w.live[2].request[BT_M_OPTIONS]);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6, .exts = 7,
					       .text = OPTIONS });
	expect(&p, BT_X_VIP_ACCEPTED, "seven: gated by destination all the same");
	packet_make(&p, &(struct packet_spec){ .from = CLIENT6, .to = RIG_US6, .exts = 7,
					       .text = OPTIONS });
	expect(&p, BT_X_TRUNCATED, "seven, not a VIP's");
	rig_set_word(0, 0);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6, .exts = 7,
					       .text = OPTIONS });
	expect(&p, BT_X_VIP_SHUT, "seven, shut");
}

/* A frame that ends at any byte: passed while nothing says VIP, malformed from then on. */
static void test_truncated(void **state)
{
	static const struct packet_spec specs[] = {
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 2, .ihl = 8 },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS },
		{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .exts = 6, .vlans = 1 },
		{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .proto = IPPROTO_TCP },
		{ .from = CLIENT4, .to = RIG_US4, .text = OPTIONS, .dport = RIG_PORT },
	};
	struct packet p, cut;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(specs); i++) {
		bool vip = strcmp(specs[i].to, RIG_US4);
		uint32_t base;

		packet_make(&p, &specs[i]);
		base = p.l3 + (strchr(specs[i].to, ':') ? 40 : 20);
		for (uint32_t len = 14; len < p.len; len++) {
			cut = p;
			cut.len = len;
			expect(&cut, vip && len >= base ? BT_X_VIP_MALFORMED : BT_X_TRUNCATED,
			       "cut");
		}
		expect(&p, vip ? BT_X_VIP_ACCEPTED : BT_X_PULSE_STRANGER, "the whole frame");
	}
}

struct lie {
	const char *what;
	struct packet_spec spec;
	uint32_t l3_off, l4_off;	/* the one that is not 0 is where value goes */
	uint16_t value;
};

static void test_lengths_that_lie(void **state)
{
	static const struct packet_spec v4 = { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS };
	static const struct packet_spec v6 = { .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS };
	static const struct packet_spec tcp = { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS,
						.proto = IPPROTO_TCP };
	const struct lie lies[] = {
		{ "tot_len 0", v4, 2, 0, 0 }, { "tot_len below the header", v4, 2, 0, 19 },
		{ "tot_len above the frame", v4, 2, 0, 1400 }, { "tot_len without room for UDP", v4,
								 2, 0, 27 },
		{ "payload_len 0", v6, 4, 0, 0 }, { "payload_len above the frame", v6, 4, 0, 1400 },
		{ "udp len 0", v4, 0, 4, 0 }, { "udp len 7", v4, 0, 4, 7 }, { "udp len above IP",
				v4, 0, 4, 900 },
		{ "udp len above IP", v6, 0, 4, 900 }, { "doff 4", tcp, 0, 12, 0x4010 },
		{ "tot_len within the TCP header", tcp, 2, 0, 39 }, { "version 6 in IPv4", v4, 0, 0,
								      0 },
	};
	struct packet p;
	uint32_t off;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(lies); i++) {
		packet_make(&p, &lies[i].spec);
		expect(&p, BT_X_VIP_ACCEPTED, "before the lie");
		off = lies[i].l4_off ? p.l4 + lies[i].l4_off : p.l3 + lies[i].l3_off;
		p.data[off] = lies[i].l3_off || lies[i].l4_off ? lies[i].value >> 8 : 0x65;
		if (lies[i].l3_off || lies[i].l4_off)
			p.data[off + 1] = lies[i].value & 0xff;
		expect(&p, BT_X_VIP_MALFORMED, lies[i].what);
	}
}

static void test_arp(void **state)
{
	struct packet p;

	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++)
		for (size_t s = 0; s < N(states); s++) {
			enter(&states[s]);
			packet_arp(&p, vlans, 1, CLIENT4, RIG_VIP4);
			expect(&p, states[s].arp, states[s].what);
			packet_arp(&p, vlans, 1, "0.0.0.0", RIG_VIP4);
			expect(&p, states[s].arp, "ARP probe");
			packet_arp(&p, vlans, 2, CLIENT4, RIG_VIP4);
			expect(&p, BT_X_ARP_PASSED, "a reply passes in any state");
			packet_arp(&p, vlans, 1, CLIENT4, RIG_US4);
			expect(&p, BT_X_NOT_OURS, "ARP for the host itself");
			packet_nd(&p, vlans, 135, CLIENT6, "ff02::1:ff00:64", RIG_VIP6);
			expect(&p, states[s].arp, "NS by multicast");
			packet_nd(&p, vlans, 135, CLIENT6, RIG_VIP6, RIG_VIP6);
			expect(&p, states[s].arp, "NS by unicast");
			packet_nd(&p, vlans, 135, "::", "ff02::1:ff00:64", RIG_VIP6);
			expect(&p, states[s].arp, "DAD");
			packet_nd(&p, vlans, 136, CLIENT6, RIG_VIP6, CLIENT6);
			expect(&p, BT_X_ARP_PASSED, "NA to the VIP passes in any state");
			packet_nd(&p, vlans, 135, CLIENT6, "ff02::1:ff00:1", RIG_US6);
			expect(&p, BT_X_NOT_OURS, "NS for the host itself");
			packet_nd(&p, vlans, 135, CLIENT6, RIG_VIP6, RIG_VIP6);
			p.data[p.l3 + 7] = 64;
			expect(&p, states[s].exit, "NS from afar is a frame like any other");
		}
}

static void test_conflict(void **state)
{
	struct bt_event ev;
	struct packet p;

	(void)state;
	rig_reset();
	packet_arp(&p, 0, 2, RIG_VIP4, RIG_VIP4);
	expect(&p, BT_X_ARP_PASSED, "the peer's announcement, reply form, while shut");
	packet_arp(&p, 0, 1, RIG_VIP4, RIG_VIP4);
	expect(&p, BT_X_ARP_HELD_BACK, "the peer's announcement, request form, while shut");
	CHECK(!rig_event().kind, "no conflict while shut");

	rig_open_gate(0);
	expect(&p, BT_X_ARP_CONFLICT, "announcement of a VIP open here");
	ev = rig_event();
	CHECK(ev.kind == BT_EV_CONFLICT && ev.group == 0 && ev.arg == 0x020000000002ULL,
	      "event %u arg %llx", ev.kind,
	      (unsigned long long)ev.arg);
	packet_arp(&p, 0, 2, RIG_VIP4, CLIENT4);
	expect(&p, BT_X_ARP_CONFLICT, "a reply to somebody in our VIP's name");
	CHECK(!rig_event().kind, "a second event within the second");
	packet_arp(&p, 0, 1, RIG_VIP4, RIG_OTHER4);
	expect(&p, BT_X_ARP_HELD_BACK, "a conflict does not open another gate");
	packet_nd(&p, 0, 136, CLIENT6, "ff02::1", RIG_VIP6);
	expect(&p, BT_X_ARP_CONFLICT, "NA for a VIP open here");
	rig_set_lease(0, 1);
	expect(&p, BT_X_ARP_PASSED, "NA while the lease has ended");
}

static void test_conflict_again_after_a_second(void **state)
{
	struct bt_seen seen = { .conflict_ns = rig_now() - RIG_SEC };
	struct packet p;
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	bpf_map_update_elem(rig_map("st_seen"), &zero, &seen, 0);
	packet_arp(&p, 0, 1, RIG_VIP4, CLIENT4);
	expect(&p, BT_X_ARP_CONFLICT, "one second later");
	CHECK(rig_event().kind == BT_EV_CONFLICT, "no event a second after the last");
}

static void test_other_arp(void **state)
{
	struct packet p, q;

	(void)state;
	rig_reset();
	packet_arp(&p, 0, 1, CLIENT4, RIG_VIP4);
	for (uint32_t len = 14; len < p.len; len++) {
		q = p;
		q.len = len;
		expect(&q, BT_X_TRUNCATED, "cut ARP");
	}
	expect(&p, BT_X_ARP_HELD_BACK, "whole ARP");
	for (uint32_t off = 0; off < 6; off++) {	/* hardware, protocol and their lengths */
		q = p;
		q.data[q.l3 + off] ^= 0x40;
		expect(&q, BT_X_NOT_OURS, "another kind of ARP");
	}
}

/* A VIP whose group is out of range: nothing to ask, so nothing comes in. */
static void test_broken(void **state)
{
	struct bt_vip vip = { .group = BT_GROUPS_MAX };
	struct in6_addr ip;
	struct packet p;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	packet_ip(RIG_VIP4, &ip);
	bpf_map_update_elem(rig_map("cfg_vip4"), ip.s6_addr + 12, &vip, 0);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS });
	expect(&p, BT_X_BROKEN, "group out of range");
}

/* Before cfg_node is filled there is no pulse port, and port 0 is not it. */
static void test_no_pulse_port(void **state)
{
	struct bt_node none = { .my_id = 0 };
	uint32_t zero = 0;
	struct packet p;

	(void)state;
	rig_reset();
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_US4, .dport = 1,
					       .text = OPTIONS });
	p.data[p.l4 + 3] = 0;
	expect(&p, BT_X_NOT_OURS, "port 0");
	bpf_map_update_elem(rig_map("cfg_node"), &zero, &none, 0);
	expect(&p, BT_X_NOT_OURS, "port 0, nothing configured");
}

/* Random bytes behind a right Ethernet header: rig_xdp() checks the sum every time. */
static void test_noise(void **state)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8 };
	struct packet p = { .len = 0 };

	(void)state;
	rig_reset();
	rig_open_gate(0);
	srandom(1);
	for (int i = 0; i < 5000; i++) {
		p.len = 14 + random() % 120;
		for (uint32_t k = 0; k < p.len; k++)
			p.data[k] = random();
		p.data[12] = types[i % N(types)] >> 8;
		p.data[13] = types[i % N(types)] & 0xff;
		p.data[14] = i & 1 ? 0x45 : 0x60;
		rig_xdp(&p, NULL, NULL);
		if (p.len >= 14 + 40)	/* the kernel refuses to run tc on less */
			rig_tc(&p, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate), cmocka_unit_test(test_groups_are_apart), cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_ihl), cmocka_unit_test(test_exts), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_lengths_that_lie), cmocka_unit_test(test_arp), cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_conflict_again_after_a_second), cmocka_unit_test(test_other_arp),
		cmocka_unit_test(test_broken), cmocka_unit_test(test_no_pulse_port),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
