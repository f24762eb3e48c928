// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_local: in whose name does leave what one of two servers of this host sends?
 *
 * Each frame goes through baton_tc, as by an interface, and through baton_lo, as by the loopback. What leaves must be, byte
 * by byte, the frame that a server at the VIP's own port would have sent.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define REQUEST "OPTIONS sip:x@10.77.0.50 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define RESPONSE "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define PORT 5060		/* the VIP's */
#define UDP_CHECK 6		/* offsets in a UDP header */

static const uint16_t own_port[1 + BT_SERVERS] = { 0, 5061, 5062 };

enum { ON_TC = 1, ON_LO = 2, ON_BOTH = 3 };
enum { NOT_COUNTED = BT_L__N };

static struct bpf_object *lookup;

/* ---- what batond would have said ------------------------------------------------------------------- */

static void set_way(const char *vip, uint16_t port, const struct bt_local_way *way)
{
	struct bt_local_key key = { .port = htons(port), .proto = IPPROTO_UDP };
	struct in6_addr ip;

	packet_ip(vip, &ip);
	memcpy(key.ip, &ip, sizeof(key.ip));
	CHECK(!bpf_map_update_elem(rig_map("cfg_local"), &key, way, BPF_ANY), "%s port %u: %s", vip, port, strerror(errno));
}

static void set_vip(const char *text, uint32_t index)
{
	struct bt_vip vip = { .group = 0, .index = index, .flags = BT_VIP_LOCAL };
	struct in6_addr ip;
	bool v6 = strchr(text, ':');

	packet_ip(text, &ip);
	CHECK(!bpf_map_update_elem(rig_map(v6 ? "cfg_vip6" : "cfg_vip4"), v6 ? ip.s6_addr : ip.s6_addr + 12, &vip, BPF_ANY), "%s", text);
}

static void set_active(uint32_t active)
{
	struct bt_local own = { BT_LOCAL(1, 0, active) };
	uint32_t group = 0;

	CHECK(!bpf_map_update_elem(rig_map("ct_local"), &group, &own, BPF_ANY), "ct_local");
}

/* Servers at ports of their own; @at_vip: who stands at the VIP's, a bit for each. */
static void fresh(uint32_t active, uint8_t at_vip)
{
	static const char *const vips[] = { RIG_VIP4, RIG_VIP6 };

	rig_reset();
	rig_open_gate(0);
	rig_open_gate(1);
	set_active(active);
	for (uint32_t v = 0; v < N(vips); v++) {
		set_vip(vips[v], v ? RIG_V_SIP6 : RIG_V_SIP4);
		set_way(vips[v], PORT, &(struct bt_local_way){ .row = 1 + v, .servers = at_vip, .port = htons(PORT) });
		for (uint8_t s = 1; s <= BT_SERVERS; s++)
			set_way(vips[v], own_port[s], &(struct bt_local_way){ .servers = s, .port = htons(PORT) });
	}
}

/* ---- one frame -------------------------------------------------------------------------------------- */

static int prog_lo(void)
{
	return bpf_program__fd(bpf_object__find_program_by_name(lookup, "baton_lo"));
}

static bool same(const struct packet *a, const struct packet *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static void check_counted(const uint64_t *before, uint32_t counted, const char *what)
{
	uint64_t after[BT_L__N];

	rig_local_counts(after);
	for (uint32_t i = 0; i < BT_L__N; i++)
		CHECK(after[i] == before[i] + (i == counted), "%s: counter %u moved by %d, what was due is %u", what, i,
		      (int)(after[i] - before[i]), counted);
}

/* NULL: it may not leave. */
static void check_tc(const struct packet *in, const struct packet *want, uint32_t exit, const char *what)
{
	struct packet out;
	uint32_t got = rig_tc_frame(in, &out, NULL);

	CHECK(got == exit, "%s: %s, not %s", what, rig_tc_name(got), rig_tc_name(exit));
	CHECK(!want || same(&out, want), "%s: left otherwise than it should: from port %u, sum %02x%02x, should %u, %02x%02x", what,
	      out.data[in->l4] << 8 | out.data[in->l4 + 1], out.data[in->l4 + 6], out.data[in->l4 + 7],
	      want->data[in->l4] << 8 | want->data[in->l4 + 1], want->data[in->l4 + 6], want->data[in->l4 + 7]);
}

static void check_lo(const struct packet *in, const struct packet *want, const char *what)
{
	struct packet out;
	int verdict = (int)rig_run(prog_lo(), in, &out);

	CHECK(verdict == (want ? TC_ACT_UNSPEC : TC_ACT_SHOT), "%s: verdict %d on the loopback", what, verdict);
	CHECK(!want || same(&out, want), "%s: on the loopback left otherwise than it should", what);
}

static void check(const struct packet *in, const struct packet *want, uint32_t counted, uint32_t on, const char *what)
{
	uint64_t before[BT_L__N];

	rig_local_counts(before);
	if (on & ON_TC) {
		check_tc(in, want, want ? BT_T_VIP_SENT : BT_T_VIP_HELD, what);
		check_counted(before, counted, what);
	}
	rig_local_counts(before);
	if (on & ON_LO) {
		check_lo(in, want, what);
		check_counted(before, counted, what);
	}
}

/* Both families. It leaves from port @want; 0: it may not. */
static void expect(struct packet_spec spec, uint16_t want, uint32_t counted, uint32_t on, const char *what)
{
	struct packet in, out;

	for (int v6 = 0; v6 <= 1; v6++) {
		spec.from = v6 ? RIG_VIP6 : RIG_VIP4;
		spec.to = v6 ? CLIENT6 : CLIENT4;
		packet_make(&in, &spec);
		if (want) {
			struct packet_spec as = spec;

			as.sport = want;
			packet_make(&out, &as);
		}
		check(&in, want ? &out : NULL, counted, on, what);
	}
}

/* ---- whose is it, and what becomes of it ------------------------------------------------------------- */

static void test_ports_of_their_own(void **state)
{
	static const struct {
		const char *text, *what;
		bool answer;
	} said[] = {
		{ REQUEST, "a request", false }, { RESPONSE, "a response", true }, { "SIP/2.0 486 Busy Here\r\n\r\n", "a refusal", true },
		{ "\r\n\r\n", "a keep-alive", false }, { "sip/2.0 200 OK\r\n", "no answer", false }, { "", "nothing", false },
	};

	(void)state;
	for (uint32_t active = 1; active <= BT_SERVERS; active++) {
		fresh(active, 0);
		for (uint32_t s = 1; s <= BT_SERVERS; s++)
			for (size_t i = 0; i < N(said); i++) {
				bool leaves = said[i].answer || s == active;

				expect((struct packet_spec){ .sport = own_port[s], .text = said[i].text }, leaves ? PORT : 0,
				       leaves ? BT_L_RENAMED : BT_L_HELD, ON_BOTH, said[i].what);
			}
	}
}

/* A move is one store: the frame before it and the frame behind it. */
static void test_a_move(void **state)
{
	struct packet_spec one = { .sport = 5061, .text = REQUEST }, two = { .sport = 5062, .text = REQUEST };

	(void)state;
	fresh(1, 0);
	expect(one, PORT, BT_L_RENAMED, ON_BOTH, "of the active one");
	expect(two, 0, BT_L_HELD, ON_BOTH, "of the one that stands by");
	set_active(2);
	expect(one, 0, BT_L_HELD, ON_BOTH, "of the one that was active");
	expect(two, PORT, BT_L_RENAMED, ON_BOTH, "of the one that is now");
	set_active(0);
	expect(one, PORT, BT_L_RENAMED, ON_BOTH, "nobody is known to be active: 1");
	expect(two, PORT, BT_L_RENAMED, ON_BOTH, "nobody is known to be active: 2");
}

/* One of them stands at the VIP's port itself. */
static void test_at_the_port_of_the_vip(void **state)
{
	struct packet_spec request = { .sport = PORT, .text = REQUEST }, response = { .sport = PORT, .text = RESPONSE };

	(void)state;
	fresh(2, 2);
	expect(request, PORT, BT_L_SENT, ON_BOTH, "of the active one");
	expect(response, PORT, BT_L_SENT, ON_BOTH, "an answer of the active one");
	expect((struct packet_spec){ .sport = 5061, .text = REQUEST }, 0, BT_L_HELD, ON_BOTH, "of the other, from its own port");
	fresh(1, 2);
	expect(request, 0, BT_L_HELD, ON_BOTH, "of the one that stands by");
	expect(response, PORT, BT_L_SENT, ON_BOTH, "an answer of the one that stands by");
	fresh(1, 3);
	expect(request, PORT, BT_L_SENT, ON_BOTH, "both stand there, and whose the socket is was not told");
}

static void test_not_of_a_server(void **state)
{
	(void)state;
	fresh(1, 0);
	expect((struct packet_spec){ .sport = PORT, .text = REQUEST }, PORT, NOT_COUNTED, ON_BOTH, "nobody is known at the VIP's port");
	expect((struct packet_spec){ .sport = 5063, .text = REQUEST }, 5063, NOT_COUNTED, ON_BOTH, "a port of nobody");
	expect((struct packet_spec){ .sport = 53, .dport = 5062, .text = REQUEST }, 53, NOT_COUNTED, ON_BOTH, "to a server's port");
	for (int i = 1; i <= BT_SERVERS; i++)
		expect((struct packet_spec){ .sport = own_port[i], .text = REQUEST, .proto = IPPROTO_TCP }, own_port[i], NOT_COUNTED, ON_BOTH,
		       "TCP has the VIP's port already, or is somebody else's");
	expect((struct packet_spec){ .text = "\x13\xc6\x13\xc6 twelve", .proto = IPPROTO_ICMP }, PORT, NOT_COUNTED, ON_BOTH, "ICMP");
}

/* Other addresses have ports of the same numbers. */
static void test_not_of_the_vip(void **state)
{
	static const struct {
		const char *from, *to;
		uint32_t exit;
	} frames[] = {
		{ RIG_US4, CLIENT4, BT_T_NOT_OURS }, { RIG_US6, CLIENT6, BT_T_NOT_OURS }, { RIG_OTHER4, CLIENT4, BT_T_VIP_SENT },
		{ RIG_OTHER6, CLIENT6, BT_T_VIP_SENT }, { CLIENT4, RIG_US4, BT_T_NOT_OURS },
	};
	uint64_t before[BT_L__N];
	struct packet p;

	(void)state;
	fresh(1, 0);
	rig_local_counts(before);
	for (size_t i = 0; i < N(frames); i++)
		for (int s = 1; s <= BT_SERVERS; s++) {
			packet_make(&p, &(struct packet_spec){ .from = frames[i].from, .to = frames[i].to, .sport = own_port[s], .text = REQUEST });
			check_tc(&p, &p, frames[i].exit, frames[i].from);
			check_lo(&p, &p, frames[i].from);
		}
	check_counted(before, NOT_COUNTED, "of other addresses");
}

/* The gate comes first: what it holds is neither renamed nor counted here. */
static void test_a_shut_gate(void **state)
{
	(void)state;
	fresh(1, 0);
	rig_set_word(0, BT_WORD(7, 2, BT_SHUT));
	expect((struct packet_spec){ .sport = 5061, .text = RESPONSE }, 0, NOT_COUNTED, ON_TC, "a shut gate");
}

/* ---- how frames look ---------------------------------------------------------------------------------- */

static void test_headers(void **state)
{
	(void)state;
	fresh(1, 0);
	for (int vlans = 1; vlans <= 2; vlans++) {
		expect((struct packet_spec){ .vlans = vlans, .sport = 5061, .text = REQUEST }, PORT, BT_L_RENAMED, ON_TC, "tagged");
		expect((struct packet_spec){ .vlans = vlans, .sport = 5062, .text = REQUEST }, 0, BT_L_HELD, ON_TC, "tagged");
	}
	for (int exts = 1; exts <= 6; exts++) {		/* of IPv6; IPv4 gets options */
		struct packet_spec spec = { .exts = exts, .ihl = 5 + exts, .sport = 5061, .text = REQUEST };

		expect(spec, PORT, BT_L_RENAMED, ON_TC, "options, extension headers");
		spec.sport = 5062;
		expect(spec, 0, BT_L_HELD, ON_TC, "options, extension headers");
	}
}

static void test_options_on_the_loopback(void **state)
{
	struct packet_spec spec = { .from = RIG_VIP4, .to = CLIENT4, .sport = 5061, .text = RESPONSE };
	struct packet in, out;

	(void)state;
	fresh(2, 0);
	for (spec.ihl = 5; spec.ihl <= 15; spec.ihl++) {
		spec.sport = 5061;
		packet_make(&in, &spec);
		spec.sport = PORT;
		packet_make(&out, &spec);
		check(&in, &out, BT_L_RENAMED, ON_LO, "an answer with IPv4 options");
	}
}

/* The first piece has the ports and the sum of the whole, later ones have neither. */
static void test_fragments(void **state)
{
	struct packet_spec spec = { .fragmented = true, .frag = PACKET_MORE, .sport = 5061, .text = RESPONSE };
	struct packet in, out;

	(void)state;
	fresh(2, 0);
	expect(spec, PORT, BT_L_RENAMED, ON_TC, "a first fragment");
	spec.text = REQUEST;
	expect(spec, 0, BT_L_HELD, ON_TC, "a first fragment of a request");
	spec.text = "\x13\xc5\x13\xc6\x01\x02\x03\x04 looks like a header";
	spec.frag = 64;
	expect(spec, PORT, NOT_COUNTED, ON_TC, "a later fragment");
	spec.frag = 64 | PACKET_MORE;
	expect(spec, PORT, NOT_COUNTED, ON_TC, "a fragment in the middle");

	spec = (struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .fragmented = true, .frag = 64, .text = spec.text };
	packet_make(&in, &spec);
	check(&in, &in, NOT_COUNTED, ON_LO, "a later fragment");
	spec.frag = PACKET_MORE;
	spec.sport = 5061;
	spec.text = RESPONSE;
	packet_make(&in, &spec);
	spec.sport = PORT;
	packet_make(&out, &spec);
	check(&in, &out, BT_L_RENAMED, ON_LO, "a first fragment");
}

/* 0 is no checksum and stays so; what adds up to 0 is said as 0xffff. */
static void test_no_sum(void **state)
{
	struct packet_spec spec = { .from = RIG_VIP4, .to = CLIENT4, .sport = 5061, .text = RESPONSE };
	struct packet in, out;

	(void)state;
	fresh(1, 0);
	packet_make(&in, &spec);
	spec.sport = PORT;
	packet_make(&out, &spec);
	memset(in.data + in.l4 + UDP_CHECK, 0, 2);
	memset(out.data + out.l4 + UDP_CHECK, 0, 2);
	check(&in, &out, BT_L_RENAMED, ON_BOTH, "no checksum");
}

static void test_every_sum(void **state)
{
	char text[] = RESPONSE "  ";
	struct packet_spec spec = { .payload = text, .payload_len = sizeof(text) - 1 };
	uint32_t ffff = 0;

	(void)state;
	fresh(1, 0);
	spec.from = RIG_VIP4;
	spec.to = CLIENT4;
	for (uint32_t word = 0; word < 65536; word++) {
		struct packet in, out;

		text[sizeof(text) - 3] = (char)(word >> 8);
		text[sizeof(text) - 2] = (char)word;
		spec.sport = PORT;
		packet_make(&out, &spec);
		if (out.data[out.l4 + UDP_CHECK] != 0xff && word % 997)
			continue;	/* all that are near the edge, and some of the others */
		ffff += out.data[out.l4 + UDP_CHECK] == 0xff && out.data[out.l4 + UDP_CHECK + 1] == 0xff;
		spec.sport = 5061;
		packet_make(&in, &spec);
		check(&in, &out, BT_L_RENAMED, ON_BOTH, "a checksum");
	}
	CHECK(ffff, "no frame's sum was 0xffff");
}

/* At every length that the kernel runs tc on: nothing leaves broken by an interface, nothing is written beyond the end. */
static void test_cut(void **state)
{
	static const char *const from[] = { RIG_VIP4, RIG_VIP6 }, *const to[] = { CLIENT4, CLIENT6 };
	uint64_t before[BT_L__N];
	struct packet p;

	(void)state;
	fresh(1, 0);
	for (int v6 = 0; v6 <= 1; v6++) {
		packet_make(&p, &(struct packet_spec){ .from = from[v6], .to = to[v6], .sport = 5061, .text = REQUEST });
		for (p.len--; p.len >= p.l3 + (v6 ? 40 : 20); p.len--) {
			rig_local_counts(before);
			check_tc(&p, NULL, BT_T_VIP_HELD, "cut");
			check_counted(before, NOT_COUNTED, "cut");
			if (p.len < p.l4 + 8)
				check_lo(&p, &p, "cut before the end of its header");
			else
				CHECK((int)rig_run(prog_lo(), &p, NULL) == TC_ACT_UNSPEC, "cut at %u: held on the loopback", p.len);
		}
	}
}

static int open_both(void **state)
{
	int err = rig_open(state);

	lookup = rig_object("lookup");
	return err;
}

static int close_both(void **state)
{
	bpf_object__close(lookup);
	return rig_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_of_their_own), cmocka_unit_test(test_a_move), cmocka_unit_test(test_at_the_port_of_the_vip),
		cmocka_unit_test(test_not_of_a_server), cmocka_unit_test(test_not_of_the_vip), cmocka_unit_test(test_a_shut_gate),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_options_on_the_loopback), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_no_sum), cmocka_unit_test(test_every_sum), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("local", tests, open_both, close_both);
}
