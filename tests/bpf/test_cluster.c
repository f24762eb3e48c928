// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_cluster: both hosts hear a frame: who takes it, with which address, and is none taken twice or lost around a move?
 *
 * This host is 1. Marks are made here by the header that the program has them from.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/mark.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define OPTIONS "OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define LOOPBACK 1		/* test runs arrive there */
#define INTERVAL_NS (10 * RIG_SEC)	/* so long that copies are looked for however slow a test is */
#define JUST_NOW (-60 * RIG_SEC)	/* ago: still just now however slow a test is */
#define WINDOW_NS (2 * BT_TWIN_NS + 2 * INTERVAL_NS)

static const uint8_t heard_by[6] = { 2, 0xbf, 10, 77, 0, 100 }, own[6] = { 0, 0x16, 0x3e, 0, 0, 1 },
	peer[6] = { 0, 0x16, 0x3e, 0, 0, 2 }, client[6] = { 2, 0, 0, 0, 0, 0x50 }, stranger[6] = { 0, 0x16, 0x3e, 0, 0, 9 };

static const struct packet_spec specs[] = {
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 1 },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .vlans = 2 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .proto = IPPROTO_TCP },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .proto = IPPROTO_TCP },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = "1234567890123456", .proto = IPPROTO_ICMPV6 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .padding = 30 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = "a tail of some length", .fragmented = true, .frag = 64 },
};

static void set(const char *map, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), &i, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

static void set_vips(void)
{
	struct bt_vip vip = { .flags = BT_VIP_CLUSTER | BT_VIP_CALLS };
	struct in6_addr ip;

	memcpy(vip.mac, heard_by, 6);
	packet_ip(RIG_VIP4, &ip);
	CHECK(!bpf_map_update_elem(rig_map("cfg_vip4"), &ip.s6_addr[12], &vip, BPF_ANY), "VIP");
	vip.index = RIG_V_SIP6;
	packet_ip(RIG_VIP6, &ip);
	CHECK(!bpf_map_update_elem(rig_map("cfg_vip6"), &ip, &vip, BPF_ANY), "VIP");
}

static void forget_twins(void)
{
	uint64_t key;

	while (!bpf_map_get_next_key(rig_map("st_twin"), NULL, &key))
		bpf_map_delete_elem(rig_map("st_twin"), &key);
}

/* The peer was heard a moment ago, by the interface of test runs, with this word; we let go @ago_ns ago. */
static void world(uint64_t word, uint64_t heard, uint64_t ago_ns)
{
	struct bt_pair pair = { .nonce = RIG_NONCE, .peer_boot = RIG_PEER_BOOT };
	uint64_t now = rig_now();
	struct bt_heard h = { .word = heard, .at_ns = now };
	struct bt_node node = *rig_node();
	struct bt_door door = { 0 };

	rig_reset();
	node.pulse_port = htons(RIG_PORT);
	node.interval_ns = INTERVAL_NS;
	set("cfg_node", 0, &node);
	forget_twins();
	set_vips();
	memcpy(door.mac, own, 6);
	set("cfg_door", LOOPBACK, &door);
	pair.path[0].heard_ns = now;
	memcpy(pair.path[0].peer_mac, peer, 6);
	memcpy(pair.path[0].my_mac, own, 6);
	set("st_pair", 0, &pair);
	set("st_heard", 0, &h);
	rig_set_word(0, word);
	rig_set_lease(0, now + 60 * RIG_SEC);
	rig_set_linger(0, now - ago_ns + (uint64_t)RIG_LINGER_MS * 1000000);
}

static void make(struct packet *p, const struct packet_spec *spec, const uint8_t to[6], const uint8_t from[6])
{
	packet_make(p, spec);
	memcpy(p->data, to, 6);
	memcpy(p->data + 6, from, 6);
}

static void mark(uint8_t mac[6], uint32_t kind, uint8_t from, uint64_t word)
{
	struct mark_of of = { kind, rig_name_hash(0), kind == MARK_HELP ? 0 : BT_WORD_NUMBER(word),
			      from == 1 ? RIG_BOOT : RIG_PEER_BOOT, from == 1 ? RIG_PEER_BOOT : RIG_BOOT };

	mark_write(mac, mark_number(from == 1 ? rig_node()->key_out : rig_node()->key_in, &of));
}

/* However slow a test is: a packet that was noted was noted just now. */
static void notes_are_young(void)
{
	uint64_t key, note, now = rig_now() + RIG_SEC, *prev = NULL;

	for (; !bpf_map_get_next_key(rig_map("st_twin"), prev, &key); prev = &key) {
		CHECK(!bpf_map_lookup_elem(rig_map("st_twin"), &key, &note), "a note has gone");
		note = (now & ~1ULL) | (note & 1);	/* its way */
		bpf_map_update_elem(rig_map("st_twin"), &key, &note, BPF_EXIST);
	}
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit;

	if (want == BT_X_VIP_TWIN)
		notes_are_young();
	exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* It comes out with this destination and source, and not another byte of it is changed. */
static void expect_out(const struct packet *p, uint32_t want, const uint8_t to[6], const uint8_t from[6], const char *what)
{
	struct packet out;
	uint32_t exit = rig_xdp(p, &out, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
	CHECK(!memcmp(out.data, to, 6), "%s: goes to %02x:%02x:..:%02x", what, out.data[0], out.data[1], out.data[5]);
	CHECK(!memcmp(out.data + 6, from, 6), "%s: comes from %02x:%02x:..:%02x", what, out.data[6], out.data[7], out.data[11]);
	CHECK(out.len == p->len && !memcmp(out.data + 12, p->data + 12, p->len - 12), "%s: more than addresses changed", what);
}

/* ---- who takes it ----------------------------------------------------------------------------------- */

static void test_the_open_gate_gives_it_its_own_address(void **state)
{
	struct packet p;
	uint32_t loopback = LOOPBACK;

	(void)state;
	for (size_t i = 0; i < N(specs); i++) {
		world(BT_WORD(7, 1, BT_OPEN), BT_WORD(7, 1, BT_ARMED), 0);
		make(&p, &specs[i], heard_by, client);
		expect_out(&p, BT_X_VIP_ACCEPTED, own, client, "to the cluster's address");
		forget_twins();
		make(&p, &specs[i], own, client);
		expect_out(&p, BT_X_VIP_ACCEPTED, own, client, "to our own");
		forget_twins();
		make(&p, &specs[i], stranger, client);
		expect_out(&p, BT_X_VIP_ACCEPTED, stranger, client, "to another's, as the stack will see");
	}
	bpf_map_delete_elem(rig_map("cfg_door"), &loopback);
	make(&p, &specs[0], heard_by, client);
	p.data[p.len - 5] ^= 1;
	expect(&p, BT_X_BROKEN, "an interface whose address is not known");
}

static void test_the_other_only_hears_it(void **state)
{
	static const struct { uint64_t word, heard; uint32_t exit; } cases[] = {
		{ BT_WORD(7, 2, BT_ARMED), BT_WORD(7, 2, BT_OPEN), BT_X_VIP_HEARD },
		{ BT_WORD(7, 2, BT_ARMED), BT_WORD(7, 2, BT_SHUT), BT_X_VIP_HEARD },
		{ BT_WORD(8, 1, BT_ARMED), BT_WORD(7, 2, BT_OPEN), BT_X_VIP_HEARD },
		{ BT_WORD(7, 2, BT_SHUT), BT_WORD(7, 2, BT_OPEN), BT_X_VIP_SHUT },
	};
	struct packet p;

	(void)state;
	for (size_t c = 0; c < N(cases); c++)
		for (size_t i = 0; i < N(specs); i++) {
			world(cases[c].word, cases[c].heard, 0);
			make(&p, &specs[i], heard_by, client);
			expect(&p, cases[c].exit, "not open");
			CHECK(rig_word(0) == cases[c].word, "the word moved");
		}
	world(BT_WORD(7, 1, BT_OPEN), 0, 0);
	rig_set_lease(0, 0);
	expect(&p, BT_X_VIP_UNLEASED, "open, but its lease has ended");
}

/* A neighbour that knows the VIP by a host's own address, from days of takeover: the other does not hear that. */
static void test_what_came_to_one_host_alone(void **state)
{
	struct packet p;
	uint8_t m[6];

	(void)state;
	world(BT_WORD(7, 2, BT_ARMED), BT_WORD(7, 2, BT_OPEN), 0);
	make(&p, &specs[0], own, client);
	mark(m, MARK_HELP, 1, 0);
	expect_out(&p, BT_X_VIP_HELPED, peer, m, "armed");
	world(BT_WORD(7, 1, BT_RELAY), BT_WORD(8, 2, BT_OPEN), RIG_SEC);
	mark(m, MARK_RELAY, 1, BT_WORD(7, 1, BT_RELAY));
	expect_out(&p, BT_X_VIP_RELAY, peer, m, "let go");
}

/* ---- around a move ---------------------------------------------------------------------------------- */

static void test_sent_on_until_the_peer_is_heard_open(void **state)
{
	static const uint64_t let_go = BT_WORD(7, 1, BT_RELAY), claimed = BT_WORD(8, 2, BT_RELAY);
	static const struct { uint64_t word, heard, ago_ns; bool sent; const char *what; } cases[] = {
		{ let_go, BT_WORD(7, 1, BT_ARMED), 0, true, "just now" },
		{ let_go, BT_WORD(7, 1, BT_ARMED), RIG_SEC, true, "a second ago, nobody took it" },
		{ let_go, BT_WORD(8, 2, BT_OPEN), JUST_NOW, true, "taken, but some frames were met armed" },
		{ let_go, BT_WORD(8, 2, BT_OPEN), 2 * BT_TWIN_NS, false, "taken" },
		{ let_go, BT_WORD(5, 2, BT_OPEN), RIG_SEC, true, "what was heard is old" },
		{ claimed, BT_WORD(8, 2, BT_ARMED), RIG_SEC, true, "claimed" },
		{ claimed, BT_WORD(8, 2, BT_OPEN), RIG_SEC, false, "claimed and taken" },
	};
	struct packet p;
	uint8_t m[6];

	(void)state;
	make(&p, &specs[0], heard_by, client);
	for (size_t i = 0; i < N(cases); i++) {
		world(cases[i].word, cases[i].heard, cases[i].ago_ns);
		mark(m, MARK_RELAY, 1, cases[i].word);
		if (cases[i].sent)
			expect_out(&p, BT_X_VIP_RELAY, peer, m, cases[i].what);
		else
			expect(&p, BT_X_VIP_HEARD, cases[i].what);
	}
}

static void test_a_silent_peer_gets_nothing(void **state)
{
	struct bt_node node = *rig_node();
	struct bt_pair pair;
	struct packet p;

	(void)state;
	world(BT_WORD(7, 1, BT_RELAY), BT_WORD(7, 1, BT_ARMED), 0);
	pair = rig_pair();
	pair.path[0].heard_ns -= 17 * RIG_INTERVAL_NS;
	set("st_pair", 0, &pair);
	node.interval_ns = RIG_INTERVAL_NS;
	set("cfg_node", 0, &node);
	make(&p, &specs[0], heard_by, client);
	expect(&p, BT_X_VIP_HEARD, "the peer is silent");
}

static void test_the_mark_opens_and_its_frame_is_taken_once(void **state)
{
	static const uint64_t armed = BT_WORD(7, 2, BT_ARMED);
	struct packet direct, sent_on;
	uint8_t m[6];

	(void)state;
	for (size_t i = 0; i < N(specs); i++) {
		world(armed, BT_WORD(7, 2, BT_OPEN), 0);
		make(&direct, &specs[i], heard_by, client);
		expect(&direct, BT_X_VIP_HEARD, "still armed");
		mark(m, MARK_RELAY, 2, armed);
		make(&sent_on, &specs[i], own, m);
		expect_out(&sent_on, BT_X_VIP_TAKEN, own, m, "the mark");
		CHECK(rig_word(0) == BT_WORD(8, 1, BT_OPEN), "it is not open");
		expect(&direct, BT_X_VIP_TWIN, "directly, late");
		expect(&sent_on, BT_X_VIP_TWIN, "sent on once more");
	}
}

static void test_of_two_copies_one_is_taken(void **state)
{
	struct packet direct, sent_on, other;
	uint8_t m[6];

	(void)state;
	mark(m, MARK_RELAY, 2, BT_WORD(7, 2, BT_RELAY));
	for (size_t i = 0; i < N(specs); i++)
		for (uint32_t back = 1; back <= 9; back++) {
			world(BT_WORD(8, 1, BT_OPEN), BT_WORD(7, 2, BT_RELAY), 0);
			make(&direct, &specs[i], heard_by, client);
			make(&sent_on, &specs[i], own, m);
			other = direct;
			other.data[other.len - specs[i].padding - back] ^= 0x20;	/* a checksum would not tell: it may be 0 */
			expect(&direct, BT_X_VIP_ACCEPTED, "directly");
			expect(&sent_on, BT_X_VIP_TWIN, "sent on");
			expect(&other, BT_X_VIP_ACCEPTED, "one byte is another");
			expect(&other, BT_X_VIP_TWIN, "that again");
		}
}

/* A long one, whose bytes are all looked at. */
static void test_long_ones(void **state)
{
	static char text[1400];
	struct packet a, b;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "MESSAGE sip:x SIP/2.0\r\n", 23);
	for (uint32_t at = 100; at < sizeof(text); at += 163) {
		world(BT_WORD(8, 1, BT_OPEN), BT_WORD(7, 2, BT_RELAY), 0);
		make(&a, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .payload = text, .payload_len = sizeof(text) },
		     heard_by, client);
		b = a;
		b.data[b.payload + at] = 'y';
		expect(&a, BT_X_VIP_ACCEPTED, "long");
		expect(&b, BT_X_VIP_ACCEPTED, "long, one byte is another");
		expect(&a, BT_X_VIP_TWIN, "long, again");
	}
}

/* Later nobody sends on: what comes twice was sent twice. */
static void test_later_twins_are_two(void **state)
{
	struct bt_seen seen = { .first_ns = rig_now() - WINDOW_NS };
	struct packet p;

	(void)state;
	world(BT_WORD(8, 1, BT_OPEN), BT_WORD(8, 1, BT_ARMED), 0);
	make(&p, &specs[0], heard_by, client);
	expect(&p, BT_X_VIP_ACCEPTED, "the first");
	expect(&p, BT_X_VIP_TWIN, "the second");
	set("st_seen", 0, &seen);
	expect(&p, BT_X_VIP_ACCEPTED, "after the window");
	expect(&p, BT_X_VIP_ACCEPTED, "after the window, again");
}

/* The old holder was heard late, and sends on: he says that he has let go. */
static void test_sent_on_for_longer(void **state)
{
	struct bt_heard heard = { .word = BT_WORD(7, 2, BT_RELAY) };
	struct bt_seen seen = { .first_ns = rig_now() - WINDOW_NS };
	struct packet direct, sent_on;
	uint8_t m[6];

	(void)state;
	mark(m, MARK_RELAY, 2, BT_WORD(7, 2, BT_RELAY));
	for (size_t i = 0; i < N(specs); i++) {
		make(&direct, &specs[i], heard_by, client);
		make(&sent_on, &specs[i], own, m);
		world(BT_WORD(8, 1, BT_OPEN), heard.word, 0);
		set("st_seen", 0, &seen);
		heard.at_ns = rig_now() + RIG_SEC;	/* however slow a test is */
		set("st_heard", 0, &heard);
		expect(&direct, BT_X_VIP_ACCEPTED, "directly");
		expect(&direct, BT_X_VIP_ACCEPTED, "a client repeats it");
		expect(&sent_on, BT_X_VIP_TWIN, "sent on");
		forget_twins();
		expect(&sent_on, BT_X_VIP_ACCEPTED, "sent on, and that first");
		expect(&direct, BT_X_VIP_TWIN, "directly, late");
		forget_twins();
		heard.at_ns = rig_now() - RIG_SEC;
		set("st_heard", 0, &heard);
		expect(&direct, BT_X_VIP_ACCEPTED, "he is silent");
		expect(&sent_on, BT_X_VIP_ACCEPTED, "he is silent, and nobody notes it");
	}
}

/* Pulses may be so slow that the old holder sends on for seconds: what a client repeats by RFC 3261 comes before that. */
static void test_a_repetition_is_no_copy(void **state)
{
	uint64_t key, t1 = rig_now() - RIG_SEC / 2;
	struct packet p;

	(void)state;
	world(BT_WORD(8, 1, BT_OPEN), BT_WORD(8, 1, BT_ARMED), 0);
	make(&p, &specs[0], heard_by, client);
	expect(&p, BT_X_VIP_ACCEPTED, "the first");
	expect(&p, BT_X_VIP_TWIN, "its copy");
	CHECK(!bpf_map_get_next_key(rig_map("st_twin"), NULL, &key), "nothing was noted");
	bpf_map_update_elem(rig_map("st_twin"), &key, &t1, BPF_ANY);
	expect(&p, BT_X_VIP_ACCEPTED, "repeated after 500 ms");
}

/* A host that opens a second time does not take a packet for one of the first. */
static void test_an_old_note_says_nothing(void **state)
{
	uint64_t key, old = rig_now() - WINDOW_NS;
	struct packet p;

	(void)state;
	world(BT_WORD(8, 1, BT_OPEN), BT_WORD(8, 1, BT_ARMED), 0);
	make(&p, &specs[0], heard_by, client);
	expect(&p, BT_X_VIP_ACCEPTED, "the first");
	CHECK(!bpf_map_get_next_key(rig_map("st_twin"), NULL, &key), "nothing was noted");
	bpf_map_update_elem(rig_map("st_twin"), &key, &old, BPF_ANY);
	expect(&p, BT_X_VIP_ACCEPTED, "long ago");
	expect(&p, BT_X_VIP_TWIN, "and once more");
}

/* ---- drain ------------------------------------------------------------------------------------------ */

static void set_drain(uint64_t number, enum bt_drain_side side, uint32_t peer_flags)
{
	struct bt_drain d = { BT_DRAIN(number, side), rig_now() + 60 * RIG_SEC };
	struct bt_heard h = { .word = BT_WORD(7, 2, BT_ARMED), .at_ns = rig_now(), .flags = peer_flags };
	struct bt_steer steer = { .key = { 1, 2 }, .tick_s = 10, .new_max = 100 };

	set("ct_drain", 0, &d);
	set("st_heard", 0, &h);
	set("cfg_steer", 0, &steer);
}

static void test_what_began_with_the_old_holder(void **state)
{
	static const struct packet_spec bye = { .from = CLIENT4, .to = RIG_VIP4,
		.text = "BYE sip:x SIP/2.0\r\nCall-ID: began-there\r\nTo: <sip:x@y>;tag=1\r\nCSeq: 2 BYE\r\n\r\n" };
	uint64_t open = BT_WORD(8, 1, BT_OPEN), armed = BT_WORD(8, 2, BT_ARMED);
	struct packet p;
	uint8_t m[6];

	(void)state;
	world(open, BT_WORD(7, 2, BT_ARMED), 0);
	set_drain(BT_WORD_NUMBER(open), BT_DRAIN_YOURS, PULSE_F_DRAIN_MINE);
	make(&p, &bye, heard_by, client);
	mark(m, MARK_DRAIN, 1, open);
	expect_out(&p, BT_X_VIP_BACK, peer, m, "open: back to who is drained");

	world(armed, BT_WORD(8, 2, BT_OPEN), 0);
	set_drain(BT_WORD_NUMBER(armed), BT_DRAIN_MINE, 0);
	expect(&p, BT_X_VIP_HEARD, "drained: directly");
	mark(m, MARK_DRAIN, 2, armed);
	make(&p, &bye, own, m);
	expect_out(&p, BT_X_VIP_KEPT, own, m, "drained: sent back");
}

/* ---- who says who has it ---------------------------------------------------------------------------- */

#define ARP_SENDER_MAC	8	/* behind the Ethernet header and its tags */
#define ND_OPTION	24	/* behind ICMPv6's beginning: reserved and target */

static void make_arp(struct packet *p, int vlans, uint16_t op, const char *target, const uint8_t says[6])
{
	packet_arp(p, vlans, op, RIG_VIP4, target);
	memcpy(p->data + 14 + 4 * vlans + ARP_SENDER_MAC, says, 6);
}

/* With the option that tells an Ethernet address, unless there is none to tell. */
static void make_nd(struct packet *p, int vlans, uint8_t type, const char *from, const uint8_t *says)
{
	uint8_t body[ND_OPTION + 8] = { type };
	struct in6_addr ip;

	packet_ip(type == 135 ? CLIENT6 : RIG_VIP6, &ip);
	memcpy(body + 8, &ip, 16);
	body[ND_OPTION] = type == 135 ? 1 : 2;
	body[ND_OPTION + 1] = 1;
	memcpy(body + ND_OPTION + 2, says ? says : own, 6);
	packet_make(p, &(struct packet_spec){ .vlans = vlans, .from = from, .to = type == 135 ? "ff02::1:ff00:50" : "ff02::1",
					      .proto = IPPROTO_ICMPV6, .payload = body,
					      .payload_len = says ? sizeof(body) : ND_OPTION });
	p->data[p->l3 + 7] = 255;
}

static void expect_claim(const struct packet *p, uint32_t want, const char *what, const char *says)
{
	uint32_t exit = rig_tc(p, NULL);

	CHECK(exit == want, "%s that says %s: %s, not %s", what, says, rig_tc_name(exit), rig_tc_name(want));
}

static void claim_all(int vlans, const uint8_t says[6], const char *name, uint32_t want)
{
	struct packet p;

	make_arp(&p, vlans, 1, RIG_VIP4, says);
	expect_claim(&p, want, "gratuitous ARP", name);
	make_arp(&p, vlans, 2, CLIENT4, says);
	expect_claim(&p, want, "ARP reply", name);
	make_arp(&p, vlans, 1, CLIENT4, says);
	expect_claim(&p, want, "ARP request in the VIP's name", name);
	make_nd(&p, vlans, 136, RIG_VIP6, says);
	expect_claim(&p, want, "NA", name);
	make_nd(&p, vlans, 136, RIG_US6, says);
	expect_claim(&p, want, "NA from another address", name);
	make_nd(&p, vlans, 135, RIG_VIP6, says);
	expect_claim(&p, want, "NS in the VIP's name", name);
}

/* The stack knows nothing of the cluster's address: what it says of a VIP would send everybody to one host alone. */
static void test_nobody_says_another_address_than_the_clusters(void **state)
{
	static const uint64_t open = BT_WORD(7, 1, BT_OPEN), armed = BT_WORD(7, 2, BT_ARMED);
	struct packet p;

	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++) {
		world(open, armed, 0);
		claim_all(vlans, heard_by, "the cluster's address", BT_T_ARP_SENT);
		claim_all(vlans, own, "the interface's own, open", BT_T_ARP_HELD);
		claim_all(vlans, peer, "the peer's, open", BT_T_ARP_HELD);
		make_nd(&p, vlans, 136, RIG_VIP6, NULL);
		expect_claim(&p, BT_T_ARP_HELD, "NA", "none, so that of its frame, open");
		world(armed, open, 0);
		claim_all(vlans, heard_by, "the cluster's address, but armed", BT_T_ARP_HELD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_open_gate_gives_it_its_own_address),
		cmocka_unit_test(test_the_other_only_hears_it),
		cmocka_unit_test(test_what_came_to_one_host_alone),
		cmocka_unit_test(test_sent_on_until_the_peer_is_heard_open),
		cmocka_unit_test(test_a_silent_peer_gets_nothing),
		cmocka_unit_test(test_the_mark_opens_and_its_frame_is_taken_once),
		cmocka_unit_test(test_of_two_copies_one_is_taken),
		cmocka_unit_test(test_long_ones),
		cmocka_unit_test(test_sent_on_for_longer),
		cmocka_unit_test(test_later_twins_are_two),
		cmocka_unit_test(test_a_repetition_is_no_copy),
		cmocka_unit_test(test_an_old_note_says_nothing),
		cmocka_unit_test(test_what_began_with_the_old_holder),
		cmocka_unit_test(test_nobody_says_another_address_than_the_clusters),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
