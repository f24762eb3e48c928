// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_rules: what the gate would let in, may it come to this port?
 *
 * Host 1 is open at 7.1; the rules of each test stand in ct_rules before its frames come.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define BOTH (BT_RULE_UDP | BT_RULE_TCP)

#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static void set(const char *map, const void *key, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), key, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

struct row {
	uint16_t from, to;
	uint8_t protos, state;
};

static void set_rules(const struct row *row, size_t n)
{
	struct bt_rules rules = { 0 };
	uint32_t zero = 0;

	for (size_t i = 0; i < n; i++)
		rules.rule[i] = (struct bt_rule){ .from = row[i].from, .to = row[i].to, .protos = row[i].protos, .state = row[i].state };
	set("ct_rules", &zero, &rules);
}

#define RULES(...) set_rules((const struct row[]){ __VA_ARGS__ }, N(((const struct row[]){ __VA_ARGS__ })))

static void forget(const char *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(rig_map(map), NULL, key))
		bpf_map_delete_elem(rig_map(map), key);
}

/* Open, no rule; @flags of both VIPs of group sip. */
static void fresh(uint32_t flags)
{
	struct bt_vip vip = { .group = 0, .index = RIG_V_SIP4, .flags = flags };
	struct bt_steer steer = { .key = { 11, 22 } };
	struct in6_addr ip;
	uint32_t zero = 0;
	struct bt_group g;

	rig_reset();
	forget("st_frag");
	forget("st_young");
	forget("st_dialog");
	set("cfg_steer", &zero, &steer);
	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &zero, &g), "cfg_group");
	g.port[0] = (struct bt_port){ htons(5060), 1, 1 };
	set("cfg_group", &zero, &g);
	packet_ip(RIG_VIP4, &ip);
	set("cfg_vip4", ip.s6_addr + 12, &vip);
	packet_ip(RIG_VIP6, &ip);
	vip.index = RIG_V_SIP6;
	set("cfg_vip6", &ip, &vip);
	rig_open_gate(0);
	set_rules(NULL, 0);
}

static void expect(const struct packet_spec *spec, uint32_t want, const char *what)
{
	struct packet p;
	uint32_t exit;

	packet_make(&p, spec);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

static void udp(uint16_t port, const char *text, uint32_t want, const char *what)
{
	expect(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = port, .text = text }, want, what);
	expect(&(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6, .dport = port, .text = text, .exts = 1 }, want, what);
}

static void tcp_of(const char *from, const char *to, uint16_t port, uint8_t flags, uint32_t want, const char *what)
{
	struct packet p;
	uint32_t exit;

	packet_make(&p, &(struct packet_spec){ .from = from, .to = to, .dport = port, .proto = IPPROTO_TCP, .text = "x" });
	p.data[p.l4 + 13] = flags;
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == want, "%s, flags %#x: %s, not %s", what, flags, rig_xdp_name(exit), rig_xdp_name(want));
}

static void tcp(uint16_t port, uint8_t flags, uint32_t want, const char *what)
{
	tcp_of(CLIENT4, RIG_VIP4, port, flags, want, what);
	tcp_of(CLIENT6, RIG_VIP6, port, flags, want, what);
}

static const char *sip(const char *method, const char *to_tag, unsigned int id)
{
	static char text[4][600];
	static int next;
	char *t = text[next++ % 4];

	snprintf(t, sizeof(text[0]), "%s sip:b@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@c>;tag=1\r\n"
		 "To: <sip:b@d>%s\r\nCall-ID: %08x@c\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", method, to_tag, id, method);
	return t;
}

#define OPTIONS "OPTIONS sip:b@d SIP/2.0\r\n\r\n"

static void test_without_rules_everything_comes_in(void **state)
{
	(void)state;
	fresh(0);
	udp(9, "x", BT_X_VIP_ACCEPTED, "a VIP without rules, UDP");
	tcp(9, SYN, BT_X_VIP_ACCEPTED, "a VIP without rules, SYN");
	fresh(BT_VIP_RULES);
	udp(5060, OPTIONS, BT_X_VIP_RULED_OUT, "an empty table, UDP");
	tcp(5060, SYN, BT_X_VIP_RULED_OUT, "an empty table, SYN");
}

static void test_ranges_and_transports(void **state)
{
	(void)state;
	fresh(BT_VIP_RULES);
	RULES({ 5060, 5080, BT_RULE_UDP, BT_RULE_ENABLED }, { 6000, 6000, BT_RULE_TCP, BT_RULE_ENABLED },
	      { 65000, 65535, BOTH, BT_RULE_ENABLED });
	udp(5059, OPTIONS, BT_X_VIP_RULED_OUT, "below the range");
	udp(5060, OPTIONS, BT_X_VIP_ACCEPTED, "its first port");
	udp(5070, OPTIONS, BT_X_VIP_ACCEPTED, "in it");
	udp(5080, OPTIONS, BT_X_VIP_ACCEPTED, "its last port");
	udp(5081, OPTIONS, BT_X_VIP_RULED_OUT, "above the range");
	tcp(5060, SYN, BT_X_VIP_RULED_OUT, "TCP where UDP is named");
	udp(6000, OPTIONS, BT_X_VIP_RULED_OUT, "UDP where TCP is named");
	tcp(6000, SYN, BT_X_VIP_ACCEPTED, "TCP where TCP is named");
	udp(65535, OPTIONS, BT_X_VIP_ACCEPTED, "the last port of all, UDP");
	tcp(65535, SYN, BT_X_VIP_ACCEPTED, "the last port of all, TCP");
	udp(1, OPTIONS, BT_X_VIP_RULED_OUT, "the first port of all");
	expect(&(struct packet_spec){ .from = CLIENT4, .to = RIG_OTHER4, .dport = 9, .text = "x" }, BT_X_VIP_SHUT, "another group");
}

static void test_the_first_rule_counts(void **state)
{
	(void)state;
	fresh(BT_VIP_RULES);
	RULES({ 5060, 5060, BT_RULE_UDP, BT_RULE_STOPPED }, { 5000, 6000, BOTH, BT_RULE_ENABLED });
	udp(5060, OPTIONS, BT_X_VIP_RULED_OUT, "stopped, though a later rule would let it in");
	udp(5061, OPTIONS, BT_X_VIP_ACCEPTED, "beside it");
	tcp(5060, SYN, BT_X_VIP_ACCEPTED, "the first is not about TCP");
	RULES({ 5000, 6000, BOTH, BT_RULE_ENABLED }, { 5060, 5060, BT_RULE_UDP, BT_RULE_STOPPED });
	udp(5060, OPTIONS, BT_X_VIP_ACCEPTED, "the other order");
}

/* The last of the table is looked at, too. */
static void test_all_sixteen(void **state)
{
	struct row rule[BT_RULES_MAX];

	(void)state;
	fresh(BT_VIP_RULES);
	for (uint16_t i = 0; i < BT_RULES_MAX; i++)
		rule[i] = (struct row){ (uint16_t)(7000 + i), (uint16_t)(7000 + i), BOTH, BT_RULE_ENABLED };
	set_rules(rule, BT_RULES_MAX);
	for (uint16_t i = 0; i < BT_RULES_MAX; i++)
		udp((uint16_t)(7000 + i), OPTIONS, BT_X_VIP_ACCEPTED, "each of sixteen rules");
	udp(7000 + BT_RULES_MAX, OPTIONS, BT_X_VIP_RULED_OUT, "after the last");
}

/* What is stopped takes nothing; what no rule names lets go on what this host may have begun itself. */
static void test_tcp_that_goes_on(void **state)
{
	static const uint8_t goes_on[] = { ACK, SYN | ACK, RST, RST | ACK, ACK | 0x01 };

	(void)state;
	for (size_t i = 0; i < N(goes_on); i++) {
		fresh(BT_VIP_RULES);
		RULES({ 5060, 5060, BOTH, BT_RULE_STOPPED }, { 5061, 5061, BOTH, BT_RULE_DRAINING });
		tcp(5060, goes_on[i], BT_X_VIP_RULED_OUT, "stopped");
		tcp(5061, goes_on[i], BT_X_VIP_ACCEPTED, "draining");
		tcp(40000, goes_on[i], BT_X_VIP_ACCEPTED, "no rule names it");
	}
	tcp(5060, SYN, BT_X_VIP_RULED_OUT, "stopped");
	tcp(5061, SYN, BT_X_VIP_RULE_DRAINS, "draining");
	tcp(5061, SYN | 0xc0, BT_X_VIP_RULE_DRAINS, "draining, SYN with ECN");
	tcp(40000, SYN, BT_X_VIP_RULED_OUT, "no rule names it");
}

static void test_what_has_no_port_comes_in(void **state)
{
	(void)state;
	fresh(BT_VIP_RULES);
	RULES({ 5060, 5060, BOTH, BT_RULE_STOPPED });
	expect(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_ICMP, .text = "12345678" }, BT_X_VIP_ACCEPTED,
	       "ICMP");
	expect(&(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6, .proto = IPPROTO_ICMPV6, .text = "12345678" }, BT_X_VIP_ACCEPTED,
	       "ICMPv6");
	expect(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = 132, .text = "123456789012" }, BT_X_VIP_ACCEPTED, "SCTP");
}

static uint32_t entries(const char *map)
{
	uint8_t key[64], *prev = NULL;
	uint32_t n = 0;

	for (; !bpf_map_get_next_key(rig_map(map), prev, key); prev = key)
		n++;
	return n;
}

/* A first fragment ruled out begins nothing: when the gate has let go, the others find no datagram of ours. */
static void test_fragments(void **state)
{
	static const struct { const char *from, *to; } of[] = { { CLIENT4, RIG_VIP4 }, { CLIENT6, RIG_VIP6 } };

	(void)state;
	for (size_t i = 0; i < N(of); i++)
		for (int in = 0; in < 2; in++) {
			struct packet_spec first = { .from = of[i].from, .to = of[i].to, .text = "12345678", .fragmented = true,
						     .frag = PACKET_MORE, .dport = in ? 5060 : 5061 };
			struct packet_spec last = first;

			last.frag = 2;
			fresh(BT_VIP_RULES);
			RULES({ 5060, 5060, BOTH, BT_RULE_ENABLED });
			expect(&first, in ? BT_X_VIP_ACCEPTED : BT_X_VIP_RULED_OUT, "first fragment");
			CHECK(entries("st_frag") == (uint32_t)in, "%u datagrams noted, not %d", entries("st_frag"), in);
			expect(&last, BT_X_VIP_ACCEPTED, "a later fragment, gate open");
			rig_set_word(0, BT_WORD(7, 1, BT_RELAY));
			expect(&last, in ? BT_X_VIP_FRAGMENT : BT_X_VIP_RELAY_LOST, "a later fragment, gate not open");
		}
	fresh(BT_VIP_RULES);
	RULES({ 5060, 5060, BOTH, BT_RULE_DRAINING });
	expect(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP, .fragmented = true, .frag = PACKET_MORE,
				      .payload = "\x13\xc4\x13\xc4\0\0\0\1", .payload_len = 8 }, BT_X_VIP_ACCEPTED,
	       "a whole TCP header that begins nothing");
}

/* Cut before its flags, it may be a SYN. */
static void test_half_a_tcp_header(void **state)
{
	static const struct { uint8_t state; uint32_t exit; } rows[] = {
		{ BT_RULE_ENABLED, BT_X_VIP_ACCEPTED }, { BT_RULE_STOPPED, BT_X_VIP_RULED_OUT },
		{ BT_RULE_DRAINING, BT_X_VIP_RULE_DRAINS },
	};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint32_t exit;

		fresh(BT_VIP_RULES);
		RULES({ 5060, 5060, BOTH, rows[i].state });
		packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP, .fragmented = true,
						       .frag = PACKET_MORE });
		p.len = p.l4 + 8;
		p.data[p.l3 + 2] = 0, p.data[p.l3 + 3] = 28;
		exit = rig_xdp(&p, NULL, NULL);
		CHECK(exit == rows[i].exit, "state %u: %s, not %s", rows[i].state, rig_xdp_name(exit), rig_xdp_name(rows[i].exit));
	}
}

/* Who is kept out is not counted as one who was let in. */
static void test_counts(void **state)
{
	struct rig_world before, after;

	(void)state;
	fresh(BT_VIP_RULES);
	RULES({ 5060, 5060, BOTH, BT_RULE_STOPPED });
	rig_world(&before);
	udp(5060, OPTIONS, BT_X_VIP_RULED_OUT, "stopped");
	rig_world(&after);
	CHECK(!rig_world_diff(&before, &after), "%s has changed", rig_world_diff(&before, &after));
}

static void test_a_gate_that_is_not_open_is_not_asked(void **state)
{
	static const struct { uint64_t word; uint32_t exit; } rows[] = {
		{ BT_WORD(7, 1, BT_SHUT), BT_X_VIP_SHUT }, { BT_WORD(7, 1, BT_RELAY), BT_X_VIP_RELAY_LOST },
		{ BT_WORD(7, 2, BT_ARMED), BT_X_VIP_ARMED },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		fresh(BT_VIP_RULES);
		rig_set_word(0, rows[i].word);
		udp(9, "x", rows[i].exit, "a port that no rule names");
	}
}

/* ---- draining, SIP over UDP --------------------------------------------------------------------- */

static void test_a_drained_port_begins_no_dialog(void **state)
{
	static const struct { const char *method, *tag; uint32_t exit; } rows[] = {
		{ "INVITE", "", BT_X_VIP_REFUSED }, { "SUBSCRIBE", "", BT_X_VIP_RULE_DRAINS }, { "REFER", "", BT_X_VIP_RULE_DRAINS },
		{ "INVITE", ";tag=2", BT_X_VIP_ACCEPTED }, { "BYE", ";tag=2", BT_X_VIP_ACCEPTED },
		{ "SUBSCRIBE", ";tag=2", BT_X_VIP_ACCEPTED }, { "ACK", "", BT_X_VIP_ACCEPTED }, { "CANCEL", "", BT_X_VIP_ACCEPTED },
		{ "OPTIONS", "", BT_X_VIP_ACCEPTED }, { "REGISTER", "", BT_X_VIP_ACCEPTED }, { "MESSAGE", "", BT_X_VIP_ACCEPTED },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		fresh(BT_VIP_RULES | BT_VIP_CALLS);
		RULES({ 5060, 5080, BT_RULE_UDP, BT_RULE_DRAINING });
		udp(5060, sip(rows[i].method, rows[i].tag, 1), rows[i].exit, rows[i].method);
		udp(5070, sip(rows[i].method, rows[i].tag, 1), rows[i].exit, "a port of the rule that is no sip-port");
		RULES({ 5060, 5080, BT_RULE_UDP, BT_RULE_ENABLED });
		udp(5060, sip(rows[i].method, rows[i].tag, 2), BT_X_VIP_ACCEPTED, "enabled again");
	}
	RULES({ 5060, 5080, BT_RULE_UDP, BT_RULE_DRAINING });
	udp(5060, "\r\n\r\n", BT_X_VIP_ACCEPTED, "a keepalive");
	udp(5060, "\x80\x00 not SIP", BT_X_VIP_ACCEPTED, "not SIP");
	udp(5060, "INVITE sip:b@d SIP/2.0\r\nTo: <sip:b@d>\r\n\r\n", BT_X_VIP_ACCEPTED, "an INVITE without a Call-ID: a server refuses it");
}

/* Its INVITE was let in before: repeated, it is no new one. */
static void test_what_began_before_goes_on(void **state)
{
	(void)state;
	fresh(BT_VIP_RULES | BT_VIP_CALLS);
	RULES({ 5060, 5060, BT_RULE_UDP, BT_RULE_ENABLED });
	udp(5060, sip("INVITE", "", 1), BT_X_VIP_ACCEPTED, "a call begins");
	udp(5060, sip("SUBSCRIBE", "", 2), BT_X_VIP_ACCEPTED, "a subscription begins");
	RULES({ 5060, 5060, BT_RULE_UDP, BT_RULE_DRAINING });
	udp(5060, sip("INVITE", "", 1), BT_X_VIP_ACCEPTED, "the INVITE once more");
	udp(5060, sip("SUBSCRIBE", "", 2), BT_X_VIP_ACCEPTED, "the SUBSCRIBE once more");
	udp(5060, sip("ACK", ";tag=2", 1), BT_X_VIP_ACCEPTED, "its ACK");
	udp(5060, sip("BYE", ";tag=2", 1), BT_X_VIP_ACCEPTED, "its BYE");
	udp(5060, sip("INVITE", "", 3), BT_X_VIP_REFUSED, "another call");
}

/* What ends here is wanted of no server. */
static void test_what_ends_here_is_not_waited_for(void **state)
{
	struct bt_due due[256] = { 0 };
	uint32_t zero = 0;
	int64_t wants = 0;
	struct rig_world w;

	(void)state;
	fresh(BT_VIP_RULES | BT_VIP_CALLS);
	RULES({ 5060, 5060, BT_RULE_UDP, BT_RULE_DRAINING });
	udp(5060, sip("SUBSCRIBE", "", 1), BT_X_VIP_RULE_DRAINS, "a subscription");
	rig_world(&w);
	CHECK(!bpf_map_lookup_elem(rig_map("st_due"), &zero, due), "st_due");
	for (size_t i = 0; i < N(due); i++)
		wants += (int64_t)due[i].wants;
	wants += (int64_t)w.seen[0].wants;
	CHECK(!wants, "%d answers are waited for", (int)wants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_rules_everything_comes_in), cmocka_unit_test(test_ranges_and_transports),
		cmocka_unit_test(test_the_first_rule_counts), cmocka_unit_test(test_all_sixteen),
		cmocka_unit_test(test_tcp_that_goes_on), cmocka_unit_test(test_what_has_no_port_comes_in),
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_half_a_tcp_header), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_a_gate_that_is_not_open_is_not_asked), cmocka_unit_test(test_a_drained_port_begins_no_dialog),
		cmocka_unit_test(test_what_began_before_goes_on), cmocka_unit_test(test_what_ends_here_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
