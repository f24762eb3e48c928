// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_tc: what may leave in a VIP's name?
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define REQUEST "OPTIONS sip:x@10.77.0.50 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define RESPONSE "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"

static const struct state {
	const char *what;
	uint64_t word;
	int lease_s, linger_s;
	uint32_t request, response, arp, reset;
} states[] = {
	{ "zeroed map", 0, 60, 0, BT_T_VIP_HELD, BT_T_VIP_HELD, BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "shut, lingering", BT_WORD(7, 2, BT_SHUT), 60, 60, BT_T_VIP_HELD, BT_T_VIP_LINGER,
	  BT_T_ARP_HELD, BT_T_VIP_RESET },
	{ "shut, lingered", BT_WORD(7, 2, BT_SHUT), 60, -1, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "armed again, lingering", BT_WORD(7, 2, BT_ARMED), 60, 60, BT_T_VIP_HELD, BT_T_VIP_LINGER,
	  BT_T_ARP_HELD, BT_T_VIP_RESET },
	{ "armed again, lingered", BT_WORD(7, 2, BT_ARMED), 60, -1, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "armed, never held", BT_WORD(7, 2, BT_ARMED), 60, 0, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "open, leased", BT_WORD(7, 1, BT_OPEN), 60, 0, BT_T_VIP_SENT, BT_T_VIP_SENT,
	  BT_T_ARP_SENT, BT_T_VIP_SENT },
	{ "open, lease ended", BT_WORD(7, 1, BT_OPEN), -1, 60, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "relay, lingering", BT_WORD(7, 1, BT_RELAY), 60, 60, BT_T_VIP_HELD, BT_T_VIP_LINGER,
	  BT_T_ARP_HELD, BT_T_VIP_RESET },
	{ "relay at the peer's, lingering", BT_WORD(8, 2, BT_RELAY), 60, 60, BT_T_VIP_HELD,
	  BT_T_VIP_LINGER, BT_T_ARP_HELD, BT_T_VIP_RESET },
	{ "relay, lingering, no lease", BT_WORD(7, 1, BT_RELAY), -1, 60, BT_T_VIP_HELD,
	  BT_T_VIP_LINGER, BT_T_ARP_HELD, BT_T_VIP_RESET },
	{ "relay, lingered", BT_WORD(7, 1, BT_RELAY), 60, -1, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
	{ "relay, never", BT_WORD(7, 1, BT_RELAY), 60, 0, BT_T_VIP_HELD, BT_T_VIP_HELD,
	  BT_T_ARP_HELD, BT_T_VIP_HELD },
};

static uint64_t in_s(int s)
{
	return s ? rig_now() + s * (int64_t)RIG_SEC : 0;
}

static void enter(const struct state *s)
{
	rig_reset();
	rig_set_word(0, s->word);
	rig_set_lease(0, in_s(s->lease_s));
	rig_set_linger(0, in_s(s->linger_s));
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_tc(p, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_tc_name(exit), rig_tc_name(want));
}

static void send_all(const struct state *s, const char *vip, const char *client, int vlans)
{
	struct packet p;

	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = REQUEST });
	expect(&p, s->request, s->what);
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = RESPONSE });
	expect(&p, s->response, s->what);
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = RESPONSE,
					       .proto = IPPROTO_TCP });
	expect(&p, s->response, s->what);
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = "12345678",
					       .proto = IPPROTO_ICMP });
	expect(&p, s->request, s->what);
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = RESPONSE,
					       .fragmented = true, .frag = 64 });
	expect(&p, s->response, "a later fragment, perhaps of a response: alone it is nothing");
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = REQUEST,
					       .fragmented = true, .frag = PACKET_MORE });
	expect(&p, s->request, "the first fragment of a request");
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .text = RESPONSE, .proto = IPPROTO_ICMP,
					       .fragmented = true, .frag = 64 });
	expect(&p, s->request, "a later fragment of something else");
}

/* A reset says nothing but "connect again"; half a header says nothing at all. */
static void send_reset(const struct state *s, const char *vip, const char *client, int vlans)
{
	struct packet p;

	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .proto = IPPROTO_TCP });
	p.data[p.l4 + 13] = 0x14;	/* RST, ACK */
	expect(&p, s->reset, s->what);
	p.data[p.l4 + 13] = 0x12;	/* SYN, ACK */
	expect(&p, s->request, s->what);
	packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = vip, .to = client,
					       .proto = IPPROTO_TCP, .text = "0123456789abc\x14",
					       .fragmented = true, .frag = 64 });
	expect(&p, s->request, "a later fragment is no reset");
}

static void test_gate(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(states); i++)
		for (int vlans = 0; vlans <= 2; vlans++) {
			enter(&states[i]);
			send_all(&states[i], RIG_VIP4, CLIENT4, vlans);
			send_all(&states[i], RIG_VIP6, CLIENT6, vlans);
			send_reset(&states[i], RIG_VIP4, CLIENT4, vlans);
			send_reset(&states[i], RIG_VIP6, CLIENT6, vlans);
		}
}

static void test_claims(void **state)
{
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(states); i++)
		for (int vlans = 0; vlans <= 2; vlans++) {
			enter(&states[i]);
			packet_arp(&p, vlans, 1, RIG_VIP4, RIG_VIP4);
			expect(&p, states[i].arp, "gratuitous ARP, request form");
			packet_arp(&p, vlans, 2, RIG_VIP4, RIG_VIP4);
			expect(&p, states[i].arp, "gratuitous ARP, reply form");
			packet_arp(&p, vlans, 2, RIG_VIP4, CLIENT4);
			expect(&p, states[i].arp, "ARP reply");
			packet_arp(&p, vlans, 1, RIG_VIP4, CLIENT4);
			expect(&p, states[i].arp, "ARP request in the VIP's name");
			packet_nd(&p, vlans, 136, RIG_VIP6, "ff02::1", RIG_VIP6);
			expect(&p, states[i].arp, "unsolicited NA");
			packet_nd(&p, vlans, 136, RIG_US6, CLIENT6, RIG_VIP6);
			expect(&p, states[i].arp, "NA from another address");
			packet_nd(&p, vlans, 135, RIG_VIP6, "ff02::1:ff00:50", CLIENT6);
			expect(&p, states[i].arp, "NS in the VIP's name");
		}
}

/* The VIP's address is missing here, yet we hold it: a program of ours must not be served elsewhere. */
static void test_to_our_own(void **state)
{
	static const char *const to[] = { RIG_VIP4, RIG_VIP6 }, *const from[] = { RIG_US4, RIG_US6 },
		*const vip[] = { RIG_OTHER4, RIG_OTHER6 };
	struct packet p;

	(void)state;
	for (int i = 0; i < 6; i++) {
		int v6 = i & 1;

		rig_reset();
		rig_open_gate(0);
		packet_make(&p, &(struct packet_spec){ .vlans = i / 2, .from = from[v6], .to = to[v6],
						       .text = REQUEST });
		expect(&p, BT_T_VIP_OWN, "from our own address");
		packet_make(&p, &(struct packet_spec){ .vlans = i / 2, .from = vip[v6], .to = to[v6],
						       .text = REQUEST });
		expect(&p, BT_T_VIP_OWN, "from another VIP");
		rig_set_lease(0, in_s(-1));
		expect(&p, BT_T_VIP_HELD, "from another VIP, and not ours either");
		rig_set_word(0, BT_WORD(7, 1, BT_RELAY));
		packet_make(&p, &(struct packet_spec){ .vlans = i / 2, .from = from[v6], .to = to[v6],
						       .text = REQUEST });
		expect(&p, BT_T_NOT_OURS, "to the VIP of another host");
	}
}

/* Never drop what is not a VIP's. */
static void test_not_ours(void **state)
{
	struct packet p;

	(void)state;
	rig_reset();
	packet_make(&p, &(struct packet_spec){ .from = RIG_US4, .to = CLIENT4, .text = REQUEST });
	expect(&p, BT_T_NOT_OURS, "our own address");
	packet_make(&p, &(struct packet_spec){ .from = RIG_US4, .to = RIG_VIP4, .text = REQUEST });
	expect(&p, BT_T_NOT_OURS, "to a VIP");
	packet_make(&p, &(struct packet_spec){ .from = RIG_US6, .to = RIG_VIP6, .exts = 6,
					       .text = REQUEST });
	expect(&p, BT_T_NOT_OURS, "six extension headers");
	packet_make(&p, &(struct packet_spec){ .from = RIG_US6, .to = RIG_VIP6, .exts = 7,
					       .text = REQUEST });
	expect(&p, BT_T_TRUNCATED, "seven extension headers");
	packet_arp(&p, 0, 1, RIG_US4, RIG_VIP4);
	expect(&p, BT_T_NOT_OURS, "asking for the VIP");
	packet_arp(&p, 0, 1, "0.0.0.0", RIG_VIP4);
	expect(&p, BT_T_NOT_OURS, "probing for the VIP");
	packet_nd(&p, 0, 136, RIG_US6, CLIENT6, RIG_US6);
	expect(&p, BT_T_NOT_OURS, "our own NA");
	packet_make(&p, &(struct packet_spec){ .from = RIG_US4, .to = CLIENT4, .text = REQUEST,
					       .vlans = 3 });
	expect(&p, BT_T_TRUNCATED, "three tags");
}

/* At every length that the kernel runs tc on: a VIP's stays held, another's passes. */
static void test_truncated(void **state)
{
	static const char *const from[] = { RIG_VIP4, RIG_US4 };
	struct packet p;

	(void)state;
	rig_reset();
	for (int i = 0; i < 2; i++) {
		packet_make(&p, &(struct packet_spec){ .from = from[i], .to = CLIENT4,
						       .text = REQUEST });
		expect(&p, i ? BT_T_NOT_OURS : BT_T_VIP_HELD, "whole");
		for (p.len--; p.len >= 14 + 20; p.len--)
			expect(&p, i ? BT_T_TRUNCATED : BT_T_VIP_HELD, "cut");
	}
}

static void test_counts(void **state)
{
	struct rig_world w;
	struct packet p;
	uint64_t before;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	before = rig_now();
	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = RESPONSE });
	expect(&p, BT_T_VIP_SENT, "a response");
	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = REQUEST });
	expect(&p, BT_T_VIP_SENT, "a request");
	rig_world(&w);
	CHECK(w.live[1].response[1] == 1 && w.live[1].response_ns >= before, "2xx not counted");
	CHECK(w.live[1].request[BT_M_OPTIONS] == 1 && !w.live[0].request[BT_M_OPTIONS],
	      "direction");
	CHECK(w.seen[0].response_ns >= before && !w.seen[0].requests, "what pulses tell");
	rig_set_word(0, BT_WORD(8, 2, BT_SHUT));
	expect(&p, BT_T_VIP_HELD, "shut");
	rig_world(&w);
	CHECK(w.live[1].request[BT_M_OPTIONS] == 1, "what is held is not counted as sent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate), cmocka_unit_test(test_claims), cmocka_unit_test(test_to_our_own),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
