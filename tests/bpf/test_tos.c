// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_tos: does SIP leave from a VIP with its group's type of service, and is nothing else touched?
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>

#define RESPONSE "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"

/* Group "sip": 5060 by both, 5061 by TCP alone. */
static void set_tos(uint32_t tos)
{
	struct bt_group g;
	uint32_t slot = 0;

	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &slot, &g), "cfg_group");
	g.tos = tos;
	g.port[0] = (struct bt_port){ htons(5060), 1, 1 };
	g.port[1] = (struct bt_port){ htons(5061), 0, 1 };
	CHECK(!bpf_map_update_elem(rig_map("cfg_group"), &slot, &g, BPF_ANY), "cfg_group");
}

static uint8_t tos_of(const struct packet *p)
{
	const uint8_t *ip = p->data + p->l3;

	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void put_tos(struct packet *p, uint8_t tos)
{
	uint8_t *ip = p->data + p->l3;
	uint32_t sum = 0;

	if (ip[0] >> 4 == 6) {
		ip[0] = 0x60 | tos >> 4;
		ip[1] = (uint8_t)(tos << 4 | 0x0b);	/* a flow label that must stay */
		return;
	}
	ip[1] = tos;
	ip[10] = ip[11] = 0;
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

/* With @was in, @want comes out, all sums are right and no other byte differs. */
static void expect(const struct packet_spec *spec, uint8_t was, uint8_t want, uint32_t exit, const char *what)
{
	struct packet in, out, same;
	uint32_t got;

	packet_make(&in, spec);
	put_tos(&in, was);
	got = rig_tc_frame(&in, &out, NULL);
	CHECK(got == exit, "%s: %s, not %s", what, rig_tc_name(got), rig_tc_name(exit));
	out.l3 = in.l3;
	out.l4 = in.l4;
	out.payload = in.payload;
	CHECK(tos_of(&out) == want, "%s, %s to %s: left with 0x%02x, want 0x%02x", what, spec->from, spec->to, tos_of(&out), want);
	same = in;
	put_tos(&same, want);
	CHECK(out.len == in.len && !memcmp(out.data, same.data, in.len), "%s: something else was changed, or a checksum is wrong",
	      what);
}

static void both(struct packet_spec spec, uint8_t was, uint8_t want, const char *what)
{
	for (spec.vlans = 0; spec.vlans <= 1; spec.vlans++)
		for (int v6 = 0; v6 <= 1; v6++) {
			spec.from = v6 ? RIG_VIP6 : RIG_VIP4;
			spec.to = v6 ? CLIENT6 : CLIENT4;
			expect(&spec, was, want, BT_T_VIP_SENT, what);
		}
}

static void open_with(uint32_t tos)
{
	rig_reset();
	rig_open_gate(0);
	rig_open_gate(1);
	set_tos(tos);
}

static void test_unset(void **state)
{
	(void)state;
	open_with(0);
	both((struct packet_spec){ .text = RESPONSE }, 0x10, 0x10, "no sip-ip-tos");
	open_with(0x60);	/* without the bit: no controller writes this, it must mean nothing */
	both((struct packet_spec){ .text = RESPONSE }, 0x10, 0x10, "sip-ip-tos not set");
}

static void test_every_value(void **state)
{
	(void)state;
	for (int tos = 0; tos < 256; tos++) {
		open_with(BT_TOS_SET | (uint32_t)tos);
		both((struct packet_spec){ .text = RESPONSE }, (uint8_t)(tos * 7 + 3), (uint8_t)tos, "UDP: the whole byte");
		both((struct packet_spec){ .text = RESPONSE, .proto = IPPROTO_TCP }, 0x02, (uint8_t)((tos & 0xfc) | 2),
		     "TCP: all but the ECN bits");
	}
}

static void test_what_is_sip(void **state)
{
	struct packet_spec spec = { .from = RIG_VIP4, .to = CLIENT4, .text = RESPONSE };

	(void)state;
	open_with(BT_TOS_SET | 0xb8);
	both((struct packet_spec){ .text = RESPONSE, .sport = 40000, .dport = 5060, .proto = IPPROTO_TCP }, 0, 0xb8, "a connection to a trunk");
	both((struct packet_spec){ .text = "\x80rtp", .sport = 20000, .dport = 30000 }, 0, 0, "media");
	both((struct packet_spec){ .text = RESPONSE, .sport = 5061, .dport = 30000 }, 0, 0, "UDP from a port of TCP alone");
	both((struct packet_spec){ .text = RESPONSE, .sport = 5061, .dport = 30000, .proto = IPPROTO_TCP }, 0, 0xb8, "TLS");
	both((struct packet_spec){ .text = "12345678", .proto = IPPROTO_ICMP }, 0, 0, "ICMP");
	both((struct packet_spec){ .text = RESPONSE, .fragmented = true, .frag = PACKET_MORE }, 0, 0xb8, "a first fragment");
	both((struct packet_spec){ .text = RESPONSE, .fragmented = true, .frag = 64 }, 0, 0xb8, "a later fragment");
	spec.from = RIG_OTHER4;
	expect(&spec, 0, 0, BT_T_VIP_SENT, "another group's VIP");
	spec.from = RIG_US4;
	expect(&spec, 0, 0, BT_T_NOT_OURS, "the host's own address");
	spec.from = RIG_VIP4;
	spec.ihl = 8;
	expect(&spec, 0, 0xb8, BT_T_VIP_SENT, "IPv4 with options");
}

static void test_gate(void **state)
{
	struct packet_spec spec = { .from = RIG_VIP4, .to = CLIENT4, .text = RESPONSE };

	(void)state;
	open_with(BT_TOS_SET | 0xb8);
	rig_set_word(0, BT_WORD(8, 2, BT_SHUT));
	rig_set_linger(0, rig_now() + 60 * RIG_SEC);
	expect(&spec, 0, 0xb8, BT_T_VIP_LINGER, "an answer of who has let go");
	rig_set_linger(0, 0);
	expect(&spec, 0, 0, BT_T_VIP_HELD, "what does not leave");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unset), cmocka_unit_test(test_every_value), cmocka_unit_test(test_what_is_sip),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
