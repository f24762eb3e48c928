// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_answer: who asks for a VIP that is open here and that the kernel's own program answers for, what does he get, byte by byte?
 *
 * Every answer is compared with one that is made here, whole; every odd question must be held back, and a sound one beside it be answered.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#define CLIENT4	"10.77.0.50"
#define CLIENT6	"fd00::50"
#define GROUP6	"ff02::1:ff00:64"	/* solicited-node address of RIG_VIP6 */
#define OWN	PACKET_MAC_DST
#define CLIENT	PACKET_MAC_SRC
#define SHARED	"\x02\xba\x00\x00\x00\x64"
#define ALL	"\xff\xff\xff\xff\xff\xff"
#define GROUP_MAC "\x33\x33\xff\x00\x00\x64"
#define STRANGE	"\x02\x00\x00\x00\x00\x77"
#define N(a)	(sizeof(a) / sizeof((a)[0]))

enum { NS = 135, NA = 136 };

static void set_vip(const char *map, const void *key, uint16_t index, bool cluster)
{
	struct bt_vip vip = { .index = index, .flags = BT_VIP_ANSWERED | (cluster ? BT_VIP_CLUSTER : 0) };

	if (cluster)
		memcpy(vip.mac, SHARED, 6);
	CHECK(!bpf_map_update_elem(rig_map(map), key, &vip, 0), "%s", map);
}

static void set_door(const char *mac)
{
	struct bt_door door = { 0 };
	uint32_t ifindex = 1;

	if (!mac) {
		bpf_map_delete_elem(rig_map("cfg_door"), &ifindex);
		return;
	}
	memcpy(door.mac, mac, 6);
	CHECK(!bpf_map_update_elem(rig_map("cfg_door"), &ifindex, &door, 0), "cfg_door");
}

/* Open, answered for, and the interface's address is known. */
static void enter(bool cluster)
{
	struct in6_addr ip;

	rig_reset();
	packet_ip(RIG_VIP4, &ip);
	set_vip("cfg_vip4", ip.s6_addr + 12, RIG_V_SIP4, cluster);
	packet_ip(RIG_VIP6, &ip);
	set_vip("cfg_vip6", &ip, RIG_V_SIP6, cluster);
	set_door(OWN);
	rig_open_gate(0);
}

static void held(const struct packet *p, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == BT_X_ARP_HELD_BACK, "%s: %s, not held back", what, rig_xdp_name(exit));
}

/* What comes back is @want: headers up to @l3 but for the two addresses as they came. */
static void answered(const struct packet *p, const struct packet *want, const char *what)
{
	struct packet out;
	uint32_t exit = rig_xdp(p, &out, NULL);

	CHECK(exit == BT_X_ARP_ANSWERED, "%s: %s, not answered", what, rig_xdp_name(exit));
	CHECK(out.len == want->len, "%s: answer of %u bytes, not %u", what, out.len, want->len);
	for (uint32_t i = 0; i < out.len; i++)
		CHECK(out.data[i] == want->data[i], "%s: byte %u of the answer is %02x, not %02x (IP or ARP begins at %u)", what, i,
		      out.data[i], want->data[i], want->l3);
}

static void ask_arp(struct packet *p, int vlans, const char *eth_dest, const char *sender)
{
	packet_arp(p, vlans, 1, sender, RIG_VIP4);
	memcpy(p->data, eth_dest, 6);
}

static void want_arp(struct packet *p, int vlans, const char *says, const char *sender)
{
	packet_arp(p, vlans, 2, RIG_VIP4, sender);
	memcpy(p->data, CLIENT OWN, 12);
	memcpy(p->data + p->l3 + 8, says, 6);
	memcpy(p->data + p->l3 + 18, CLIENT, 6);
}

static void test_arp(void **state)
{
	static const char *const dests[] = { ALL, OWN };
	struct packet p, want;

	(void)state;
	for (int i = 0; i < 3 * 2 * 2; i++) {
		int vlans = i % 3, cluster = i / 3 % 2;
		const char *dest = dests[i / 6];

		enter(cluster);
		want_arp(&want, vlans, cluster ? SHARED : OWN, CLIENT4);
		ask_arp(&p, vlans, dest, CLIENT4);
		answered(&p, &want, "ARP request");
		want_arp(&want, vlans, cluster ? SHARED : OWN, "0.0.0.0");
		ask_arp(&p, vlans, dest, "0.0.0.0");
		answered(&p, &want, "ARP probe (RFC 5227)");
	}
	enter(true);
	want_arp(&want, 0, SHARED, CLIENT4);
	ask_arp(&p, 0, SHARED, CLIENT4);
	answered(&p, &want, "ARP request by unicast to the cluster's address");
	memset(p.data + p.len, 0, 18);
	p.len += 18;
	memset(want.data + want.len, 0, 18);
	want.len += 18;
	answered(&p, &want, "with Ethernet's padding");
}

static void test_odd_arp(void **state)
{
	struct packet p, q;
	uint32_t exit;

	(void)state;
	enter(false);
	ask_arp(&p, 0, ALL, CLIENT4);
	for (uint32_t len = 14; len < p.len; len++) {
		q = p;
		q.len = len;
		exit = rig_xdp(&q, NULL, NULL);
		CHECK(exit == BT_X_TRUNCATED, "ARP cut to %u: %s", len, rig_xdp_name(exit));
	}
	ask_arp(&q, 0, STRANGE, CLIENT4);
	held(&q, "ARP request to another host's address");
	ask_arp(&q, 0, SHARED, CLIENT4);
	held(&q, "ARP request to an address that is not this VIP's");
	q = p;
	memcpy(q.data + q.l3 + 8, ALL, 6);
	held(&q, "ARP request whose sender is everybody");
	memset(q.data + q.l3 + 8, 0, 6);
	held(&q, "ARP request whose sender is nobody");
	packet_arp(&q, 0, 2, CLIENT4, RIG_VIP4);
	exit = rig_xdp(&q, NULL, NULL);
	CHECK(exit == BT_X_ARP_PASSED, "a reply to the VIP: %s: it is the stack's", rig_xdp_name(exit));
	packet_arp(&q, 0, 3, CLIENT4, RIG_VIP4);
	exit = rig_xdp(&q, NULL, NULL);
	CHECK(exit == BT_X_ARP_PASSED, "RARP: %s: no question of who has it", rig_xdp_name(exit));
}

/* ---- neighbour discovery ------------------------------------------------------------------------- */

static uint16_t sum_of(const struct packet *p, uint32_t len)
{
	uint32_t sum = len + IPPROTO_ICMPV6;

	for (uint32_t i = 0; i < 32; i += 2)
		sum += (uint32_t)p->data[p->l3 + 8 + i] << 8 | p->data[p->l3 + 9 + i];
	for (uint32_t i = 0; i < len; i += 2)
		sum += (uint32_t)p->data[p->l4 + i] << 8 | p->data[p->l4 + 1 + i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void sign(struct packet *p)
{
	uint32_t len = p->len - p->l4;
	uint16_t sum;

	p->data[p->l4 + 2] = p->data[p->l4 + 3] = 0;
	sum = sum_of(p, len);
	p->data[p->l4 + 2] = (uint8_t)(sum >> 8);
	p->data[p->l4 + 3] = (uint8_t)sum;
}

struct nd {
	int type, vlans, exts;
	uint8_t flags;
	const char *from, *to, *target;
	const char *options;
	uint32_t n_options;
	const char *dest, *source;	/* Ethernet's */
};

static void make_nd(struct packet *p, const struct nd *nd)
{
	uint8_t body[24 + 512] = { (uint8_t)nd->type, 0, 0, 0, nd->flags };
	struct in6_addr target;

	packet_ip(nd->target ? nd->target : RIG_VIP6, &target);
	memcpy(body + 8, &target, 16);
	if (nd->n_options)
		memcpy(body + 24, nd->options, nd->n_options);
	packet_make(p, &(struct packet_spec){ .vlans = nd->vlans, .exts = nd->exts, .from = nd->from, .to = nd->to,
					      .proto = IPPROTO_ICMPV6, .payload = body, .payload_len = 24 + nd->n_options });
	p->data[p->l3 + 7] = 255;
	memcpy(p->data, nd->dest, 6);
	memcpy(p->data + 6, nd->source, 6);
	sign(p);
}

#define LINK	"\x01\x01" CLIENT
#define NONCE	"\x0e\x01\x01\x02\x03\x04\x05\x06"

static void want_nd(struct packet *p, int vlans, const char *says, const char *to, const char *dest)
{
	char option[8] = "\x02\x01";
	bool all = !strcmp(to, "ff02::1");

	memcpy(option + 2, says, 6);
	make_nd(p, &(struct nd){ .type = NA, .vlans = vlans, .flags = all ? 0x20 : 0x60, .from = RIG_VIP6, .to = to,
				 .options = option, .n_options = 8, .dest = dest, .source = OWN });
}

static void test_ns(void **state)
{
	static const struct {
		const char *what, *to, *dest, *options;
		uint32_t n;
	} asks[] = {
		{ "NS by multicast", GROUP6, GROUP_MAC, LINK, 8 },
		{ "NS by multicast, without its address", GROUP6, GROUP_MAC, "", 0 },
		{ "NS by unicast", RIG_VIP6, OWN, LINK, 8 },
		{ "NS by unicast, without its address", RIG_VIP6, OWN, "", 0 },
		{ "NS with a nonce before", GROUP6, GROUP_MAC, NONCE LINK, 16 },
		{ "NS with seven nonces", GROUP6, GROUP_MAC, NONCE NONCE NONCE NONCE NONCE NONCE NONCE LINK, 64 },
		{ "NS with an option of two units", GROUP6, GROUP_MAC, "\x0f\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" LINK, 24 },
	};
	struct packet p, want;

	(void)state;
	for (uint32_t i = 0; i < N(asks) * 3 * 2; i++) {
		uint32_t k = i % N(asks);
		int vlans = (int)(i / N(asks)) % 3;
		bool cluster = i / N(asks) / 3;

		enter(cluster);
		make_nd(&p, &(struct nd){ .type = NS, .vlans = vlans, .from = CLIENT6, .to = asks[k].to, .options = asks[k].options,
					  .n_options = asks[k].n, .dest = asks[k].dest, .source = CLIENT });
		want_nd(&want, vlans, cluster ? SHARED : OWN, CLIENT6, CLIENT);
		answered(&p, &want, asks[k].what);
		p.data[p.l3 + 1] |= 0x0e;	/* traffic class and flow label are the question's own */
		p.data[p.l3 + 3] = 0x55;
		answered(&p, &want, "with a flow label");
		make_nd(&p, &(struct nd){ .type = NS, .vlans = vlans, .from = "::", .to = GROUP6, .options = NONCE,
					  .n_options = i & 1 ? 8 : 0, .dest = GROUP_MAC, .source = CLIENT });
		want_nd(&want, vlans, cluster ? SHARED : OWN, "ff02::1", "\x33\x33\x00\x00\x00\x01");
		answered(&p, &want, "duplicate address detection");
	}
	enter(true);
	make_nd(&p, &(struct nd){ .type = NS, .from = CLIENT6, .to = RIG_VIP6, .dest = SHARED, .source = STRANGE, .options = LINK,
				  .n_options = 8 });
	want_nd(&want, 0, SHARED, CLIENT6, CLIENT);
	answered(&p, &want, "NS to the cluster's address, of one who names another address than his frame bears");
}

static void odd(const struct nd *nd, const char *what)
{
	struct packet p;

	make_nd(&p, nd);
	held(&p, what);
}

static void test_odd_ns(void **state)
{
	static const char nonces[] = NONCE NONCE NONCE NONCE NONCE NONCE NONCE NONCE NONCE;
	const struct nd good = { .type = NS, .from = CLIENT6, .to = GROUP6, .options = LINK, .n_options = 8, .dest = GROUP_MAC,
				 .source = CLIENT };
	struct packet p, q, want;
	struct nd bad = good;

	(void)state;
	enter(false);
	make_nd(&p, &good);
	want_nd(&want, 0, OWN, CLIENT6, CLIENT);
	answered(&p, &want, "a sound one");
	for (uint32_t i = p.l3 + 8; i < p.len; i++) {	/* whose checksum is wrong by one bit, wherever it is, but for the target */
		if (i >= p.l4 && i < p.l4 + 24 && i != p.l4 + 2 && i != p.l4 + 5)
			continue;
		q = p;
		q.data[i] ^= 0x10;
		held(&q, "wrong checksum");
	}
	bad.to = "ff02::1";
	odd(&bad, "to all nodes");
	bad.to = "ff02::1:ff00:65";
	odd(&bad, "to the group of another address");
	bad.to = CLIENT6;
	odd(&bad, "to another host");
	bad = good;
	bad.from = "ff02::1";
	odd(&bad, "from a group");
	bad = good;
	bad.dest = STRANGE;
	odd(&bad, "to another host's Ethernet address");
	bad = good;
	bad.n_options = 0;
	bad.source = "\x03\x00\x00\x00\x00\x02";
	odd(&bad, "from a group's Ethernet address");
	bad = good;
	bad.options = "\x01\x01\x33\x33\x00\x00\x00\x01";
	odd(&bad, "who is everybody");
	bad.options = "\x01\x00\x02\x00\x00\x00\x00\x02";
	odd(&bad, "option of no length");
	bad.options = "\x01\x02\x02\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00";
	bad.n_options = 16;
	odd(&bad, "source address of 14 bytes");
	bad.options = "\x0e\x02\x02\x00\x00\x00\x00\x02";
	bad.n_options = 8;
	odd(&bad, "option longer than the message");
	bad.options = nonces;
	bad.n_options = 72;
	odd(&bad, "nine options");
	bad = good;
	bad.exts = 1;
	odd(&bad, "behind an extension header");
	bad = good;
	bad.from = "::";
	odd(&bad, "duplicate address detection with a source address");
	bad.n_options = 0;
	bad.to = RIG_VIP6;
	bad.dest = OWN;
	odd(&bad, "duplicate address detection by unicast");
	make_nd(&q, &good);
	q.data[q.l3 + 5] -= 4;
	sign(&q);
	held(&q, "four bytes of an option are missing");
	answered(&p, &want, "the sound one");
}

/* An NS that ends early is none, and passes as any other frame that cannot be read; cut behind the target it contradicts itself. */
static void test_cut_ns(void **state)
{
	struct packet p, q;
	uint32_t exit;

	(void)state;
	enter(false);
	make_nd(&p, &(struct nd){ .type = NS, .from = CLIENT6, .to = GROUP6, .options = LINK, .n_options = 8, .dest = GROUP_MAC,
				  .source = CLIENT });
	for (uint32_t len = 14; len < p.len; len++) {
		q = p;
		q.len = len;
		exit = rig_xdp(&q, NULL, NULL);
		CHECK(exit != BT_X_ARP_ANSWERED && exit != BT_X_ARP_PASSED, "NS cut to %u: %s", len, rig_xdp_name(exit));
	}
	q = p;
	q.data[q.l3 + 7] = 64;
	exit = rig_xdp(&q, NULL, NULL);
	CHECK(exit == BT_X_NOT_OURS, "NS from afar: %s", rig_xdp_name(exit));
	q = p;
	q.data[q.l4 + 1] = 1;
	sign(&q);
	exit = rig_xdp(&q, NULL, NULL);
	CHECK(exit == BT_X_NOT_OURS, "NS with a code: %s", rig_xdp_name(exit));
}

/* ---- when ---------------------------------------------------------------------------------------- */

static void ask_both(struct packet p[2])
{
	ask_arp(&p[0], 0, ALL, CLIENT4);
	make_nd(&p[1], &(struct nd){ .type = NS, .from = CLIENT6, .to = GROUP6, .options = LINK, .n_options = 8, .dest = GROUP_MAC,
				     .source = CLIENT });
}

static void both(uint32_t want, const char *what)
{
	struct packet p[2];

	ask_both(p);
	for (int i = 0; i < 2; i++) {
		uint32_t exit = rig_xdp(&p[i], NULL, NULL);

		CHECK(exit == want, "%s, %s: %s, not %s", i ? "NS" : "ARP", what, rig_xdp_name(exit), rig_xdp_name(want));
	}
}

static void test_gate(void **state)
{
	static const uint64_t words[] = { 0, BT_WORD(7, 2, BT_SHUT), BT_WORD(7, 2, BT_ARMED), BT_WORD(7, 1, BT_RELAY) };

	(void)state;
	enter(false);
	both(BT_X_ARP_ANSWERED, "open and leased");
	rig_set_lease(0, 1);
	both(BT_X_ARP_HELD_BACK, "open, lease ended");
	rig_set_lease(0, rig_now() + 60 * RIG_SEC);
	both(BT_X_ARP_ANSWERED, "leased again");
	for (size_t i = 0; i < N(words); i++) {
		rig_set_word(0, words[i]);
		both(BT_X_ARP_HELD_BACK, "gate not open");
	}
	rig_open_gate(0);
	set_door(NULL);
	both(BT_X_ARP_HELD_BACK, "own address not known");
	set_door(OWN);
	both(BT_X_ARP_ANSWERED, "own address known again");
	rig_reset();
	rig_open_gate(0);
	both(BT_X_ARP_PASSED, "not answered for by the kernel's program");
}

/* Others' claims are seen and told as ever, and are no questions to be answered. */
static void test_conflict(void **state)
{
	struct packet p;
	uint32_t exit;

	(void)state;
	enter(true);
	packet_arp(&p, 0, 1, RIG_VIP4, RIG_VIP4);
	memcpy(p.data, ALL, 6);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_ARP_CONFLICT, "gratuitous request of another host: %s", rig_xdp_name(exit));
	CHECK(rig_event().kind == BT_EV_CONFLICT, "no event of it");
	packet_arp(&p, 0, 2, RIG_VIP4, CLIENT4);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_ARP_CONFLICT, "reply in the VIP's name: %s", rig_xdp_name(exit));
	make_nd(&p, &(struct nd){ .type = NA, .from = CLIENT6, .to = "ff02::1", .dest = "\x33\x33\x00\x00\x00\x01", .source = STRANGE });
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_ARP_CONFLICT, "advertisement of the VIP: %s", rig_xdp_name(exit));
	make_nd(&p, &(struct nd){ .type = NS, .from = RIG_VIP6, .to = GROUP6, .dest = GROUP_MAC, .source = STRANGE });
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_ARP_CONFLICT, "solicitation from the VIP: %s", rig_xdp_name(exit));
	both(BT_X_ARP_ANSWERED, "meanwhile others");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp), cmocka_unit_test(test_odd_arp), cmocka_unit_test(test_ns), cmocka_unit_test(test_odd_ns),
		cmocka_unit_test(test_cut_ns), cmocka_unit_test(test_gate), cmocka_unit_test(test_conflict),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
