// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_local_calls: two servers of one host, one of them drained: which of them gets a message, and whose is its dialog?
 *
 * Each story is told twice: to baton_xdp and baton_tc, for clients of the network, and to baton_lo, for those of this host. A
 * message that is the drained server's gets the port that stands for it, and not another byte of it is changed but the sum.
 */
#include "messages.h"
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define OTHERS4 "10.77.0.120"	/* VIP of another group of this host, with two servers of its own */
#define PORT 5060
#define NOBODYS 0		/* stands for the server that is drained, where both have the VIP's port */
#define UDP_DEST 2		/* offsets in a UDP header */
#define UDP_CHECK 6

enum { NETWORK, LOOPBACK, HOOKS };

static const uint16_t own_port[1 + BT_SERVERS] = { 0, 5061, 5062 };
static struct bpf_object *lookup;
static int hook;
static bool v6;

/* ---- what batond would have said ------------------------------------------------------------------- */

static void set(const char *map, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), &i, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

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
	struct bt_vip vip = { .group = 0, .index = (uint16_t)index, .flags = BT_VIP_LOCAL | BT_VIP_CALLS };
	struct in6_addr ip;
	bool six = strchr(text, ':');

	packet_ip(text, &ip);
	CHECK(!bpf_map_update_elem(rig_map(six ? "cfg_vip6" : "cfg_vip4"), six ? ip.s6_addr : ip.s6_addr + 12, &vip, BPF_ANY), "%s", text);
}

static void aim(uint32_t turn, uint32_t drained, uint32_t active)
{
	struct bt_local own = { BT_LOCAL(turn, drained, active) };
	struct bt_drain wanted = { .word = drained ? BT_DRAIN(1, BT_DRAIN_NONE) : 0 };

	set("ct_local", 0, &own);
	set("ct_drain", 0, &wanted);
}

static void forget(const char *map)
{
	uint64_t key;

	while (!bpf_map_get_next_key(rig_map(map), NULL, &key))
		bpf_map_delete_elem(rig_map(map), &key);
}

static void set_ways(const char *vip, uint32_t row, bool shared)
{
	struct bt_local_way at = { .row = 1 + row, .servers = shared ? 3 : 0, .port = htons(PORT) };
	struct bt_local_way any = { .row = 1 + row, .stands_for = BT_LOCAL_ANY, .port = htons(PORT) };

	for (uint8_t s = 1; s <= BT_SERVERS && !shared; s++) {
		at.own[s - 1] = htons(own_port[s]);
		set_way(vip, own_port[s], &(struct bt_local_way){ .row = 1 + row, .servers = s, .stands_for = s, .port = htons(PORT) });
	}
	set_way(vip, PORT, &at);
	set_way(vip, NOBODYS, &any);
}

static void fresh(uint32_t turn, uint32_t drained, uint32_t active, bool shared)
{
	struct bt_steer steer = { .key = { 11, 22 } };
	struct bt_group g;
	uint32_t zero = 0;

	rig_reset();
	rig_open_gate(0);
	forget("st_young");
	forget("st_dialog");
	set("cfg_steer", 0, &steer);
	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &zero, &g), "cfg_group");
	g.port[0].port = htons(PORT);
	g.port[0].udp = g.port[0].tcp = 1;
	set("cfg_group", 0, &g);
	set_vip(RIG_VIP4, RIG_V_SIP4);
	set_vip(RIG_VIP6, RIG_V_SIP6);
	set_ways(RIG_VIP4, 0, shared);
	set_ways(RIG_VIP6, 1, shared);
	aim(turn, drained, active);
}

/* ---- messages --------------------------------------------------------------------------------------- */

static int prog_lo(void)
{
	return bpf_program__fd(bpf_object__find_program_by_name(lookup, "baton_lo"));
}

static uint16_t dest(const struct packet *p)
{
	return (uint16_t)(p->data[p->l4 + UDP_DEST] << 8 | p->data[p->l4 + UDP_DEST + 1]);
}

/* In its way in, and out. */
static void comes_through(const struct packet *in, struct packet *out, const char *what)
{
	uint32_t exit;
	int verdict;

	*out = *in;
	if (hook == NETWORK) {
		exit = rig_xdp(in, out, NULL);
		CHECK(exit == BT_X_VIP_ACCEPTED, "%s: %s", what, rig_xdp_name(exit));
	} else {
		verdict = (int)rig_run(prog_lo(), in, out);
		CHECK(verdict == TC_ACT_UNSPEC, "%s: verdict %d", what, verdict);
	}
	out->l3 = in->l3;
	out->l4 = in->l4;
	out->payload = in->payload;
}

/* A frame for VIP:5060 comes out for @port, and is else as it was. */
static void expect_port(const struct packet *in, uint16_t port, const char *what)
{
	struct packet out, as;

	comes_through(in, &out, what);
	CHECK(dest(&out) == port, "%s, %s: for port %u, not %u", hook == NETWORK ? "network" : "loopback", what, dest(&out), port);
	CHECK(out.len == in->len && packet_sums_ok(&out), "%s: longer, or its sum is wrong", what);
	as = out;
	memcpy(as.data + in->l4 + UDP_DEST, in->data + in->l4 + UDP_DEST, 2);
	memcpy(as.data + in->l4 + UDP_CHECK, in->data + in->l4 + UDP_CHECK, 2);
	CHECK(!memcmp(as.data, in->data, in->len), "%s: more than the port was changed", what);
}

static void in(const char *text, uint16_t port, const char *what)
{
	struct packet p;

	packet_make(&p, &(struct packet_spec){ .from = v6 ? CLIENT6 : CLIENT4, .to = v6 ? RIG_VIP6 : RIG_VIP4, .sport = 40000, .text = text });
	expect_port(&p, port, what);
}

/* @server sends it; true: it may leave. */
static void out(uint32_t server, const char *text, bool leaves, const char *what)
{
	struct packet p, as = {};
	bool left;

	packet_make(&p, &(struct packet_spec){ .from = v6 ? RIG_VIP6 : RIG_VIP4, .to = v6 ? CLIENT6 : CLIENT4, .sport = own_port[server],
					       .dport = 40000, .text = text });
	if (hook == NETWORK)
		left = rig_tc(&p, NULL) == BT_T_VIP_SENT;
	else
		left = (int)rig_run(prog_lo(), &p, &as) == TC_ACT_UNSPEC;
	as.l4 = p.l4;
	CHECK(hook == NETWORK || !left || dest(&as) == 40000, "%s: to port %u", what, dest(&as));
	CHECK(left == leaves, "%s: %s", what, left ? "left" : "held");
}

static void each(void (*story)(void))
{
	for (hook = 0; hook < HOOKS; hook++)
		for (v6 = false;; v6 = true) {
			story();
			if (v6)
				break;
		}
}

/* Entries of that turn and server, in both tables. */
static uint32_t noted(uint32_t turn, uint32_t server, uint8_t kind)
{
	static const char *const maps[] = { "st_young", "st_dialog" };
	uint64_t key, *at = NULL;
	struct bt_dialog d;
	uint32_t n = 0;

	for (size_t m = 0; m < N(maps); m++, at = NULL)
		while (!bpf_map_get_next_key(rig_map(maps[m]), at, &key)) {
			at = &key;
			if (!bpf_map_lookup_elem(rig_map(maps[m]), &key, &d))
				n += d.epoch == turn && d.server == server && d.kind == kind;
		}
	return n;
}

/* ---- stories ---------------------------------------------------------------------------------------- */

/* Server 1 began call 1 and is drained then. */
static void begin_and_drain(bool shared)
{
	fresh(6, 0, 1, shared);
	in(request("INVITE", UNTAGGED, 1), PORT, "before the drain");
	out(1, response(200, "INVITE", 1), true, "its answer");
	in(request("INVITE", UNTAGGED, 2), PORT, "one that rings");
	aim(7, 1, 2);
}

static void whose(void)
{
	static const struct { const char *method; enum tag tag; bool old; } requests[] = {
		{ "INVITE", UNTAGGED, false }, { "OPTIONS", UNTAGGED, false }, { "REGISTER", UNTAGGED, false },
		{ "SUBSCRIBE", UNTAGGED, false }, { "MESSAGE", UNTAGGED, false }, { "INVITE", TAGGED, true }, { "BYE", TAGGED, true },
		{ "ACK", TAGGED, true }, { "ACK", UNTAGGED, true }, { "CANCEL", UNTAGGED, true }, { "PRACK", TAGGED, true },
		{ "NOTIFY", TAGGED, true }, { "OPTIONS", TAGGED, true },
	};

	for (size_t i = 0; i < N(requests); i++) {
		begin_and_drain(false);
		in(request(requests[i].method, requests[i].tag, 9), requests[i].old ? 5061 : PORT, requests[i].method);
		aim(7, 0, 2);
		in(request(requests[i].method, requests[i].tag, 8), PORT, "the drain has ended");
	}
	begin_and_drain(false);
	in(response(200, "OPTIONS", 9), 5061, "an answer to what the active one did not ask");
	in("\r\n\r\n", PORT, "keep-alive");
	in("BYE sip:b@d SIP/2.0\r\nTo: <sip:b@d>;tag=2\r\n\r\n", PORT, "no Call-ID");
	in("\x01\x02 not SIP", PORT, "not SIP");
	begin_and_drain(true);
	in(request("BYE", TAGGED, 1), NOBODYS, "both at the VIP's port");
	in(request("INVITE", UNTAGGED, 9), PORT, "new, both at the VIP's port");
}

static void test_whose(void **state)
{
	(void)state;
	each(whose);
}

static void a_call(void)
{
	begin_and_drain(false);
	CHECK(noted(6, 1, BT_D_CALL) == 2, "%u calls of server 1", noted(6, 1, BT_D_CALL));
	in(request("INVITE", UNTAGGED, 2), 5061, "it rings there: a repetition");
	in(request("INVITE", TAGGED, 1), 5061, "a re-INVITE");
	out(1, request("BYE", TAGGED, 1), true, "the drained one ends a call");
	in(response(200, "BYE", 1), 5061, "the answer to that");
	out(1, response(486, "INVITE", 2), true, "it refuses the one that rings");
	in(request("INVITE", UNTAGGED, 2), PORT, "anew: the refused one is over");
	in(request("INVITE", UNTAGGED, 3), PORT, "a new one");
	out(2, response(200, "INVITE", 3), true, "the other takes it");
	in(request("ACK", TAGGED, 3), PORT, "a call of the active one");
	out(2, request("OPTIONS", UNTAGGED, 4), true, "the active one asks");
	in(response(200, "OPTIONS", 4), PORT, "the answer to that");
	CHECK(noted(7, 2, BT_D_CALL) == 2, "%u calls of server 2", noted(7, 2, BT_D_CALL));
	out(1, request("INVITE", UNTAGGED, 6), true, "the drained one has more to ask");
	CHECK(noted(6, 1, BT_D_CALL) == 2, "%u calls of server 1, one of them begun since", noted(6, 1, BT_D_CALL));
	aim(7, 0, 2);
	out(1, request("BYE", TAGGED, 1), false, "it stands by: a request");
	out(1, response(200, "BYE", 1), true, "it stands by: an answer");
	in(request("BYE", TAGGED, 3), PORT, "no drain any more");
}

static void test_a_call(void **state)
{
	(void)state;
	each(a_call);
}

/* Until the other becomes active all is said to be the drained one's: what is on its way then arrives there. */
static void prepared(void)
{
	fresh(6, 1, 1, false);
	in(request("INVITE", UNTAGGED, 1), 5061, "new, while it is prepared");
	in(request("REGISTER", UNTAGGED, 2), 5061, "outside of any dialog");
	in("\r\n\r\n", PORT, "keep-alive");
	out(1, response(200, "INVITE", 1), true, "its answer");
	out(2, request("OPTIONS", UNTAGGED, 4), false, "the other stands by");
	CHECK(noted(6, 1, BT_D_CALL) == 1, "%u calls of server 1", noted(6, 1, BT_D_CALL));
	aim(7, 1, 2);
	in(request("BYE", TAGGED, 1), 5061, "of the call that began meanwhile");
}

static void test_prepared(void **state)
{
	(void)state;
	each(prepared);
}

/* The other way round, two turns later: what is known of an earlier turn is not the active one's. */
static void back(void)
{
	begin_and_drain(false);
	in(request("INVITE", UNTAGGED, 3), PORT, "new");
	out(2, response(200, "INVITE", 3), true, "its answer");
	aim(8, 2, 1);
	in(request("BYE", TAGGED, 3), 5062, "a call of server 2");
	in(request("BYE", TAGGED, 1), 5062, "of an earlier turn: it has gone on there, if anywhere");
	in(request("INVITE", UNTAGGED, 5), PORT, "new");
	in(request("ACK", TAGGED, 5), PORT, "and known");
}

static void test_back(void **state)
{
	(void)state;
	each(back);
}

static void between(const char *from, uint16_t sport, const char *to, const char *text, uint16_t port, const char *what)
{
	struct packet p, is;

	packet_make(&p, &(struct packet_spec){ .from = from, .to = to, .sport = sport, .dport = PORT, .text = text });
	comes_through(&p, &is, what);
	CHECK(dest(&is) == port, "%s: for port %u, not %u", what, dest(&is), port);
}

/* What goes from one VIP of this host to another is noted of both: it leaves the one group, and comes in to the other. */
static void test_two_groups(void **state)
{
	struct bt_local others = { BT_LOCAL(3, 1, 2) };

	(void)state;
	hook = LOOPBACK;
	begin_and_drain(false);
	set_way(OTHERS4, PORT, &(struct bt_local_way){ .row = 3, .group = 1, .port = htons(PORT), .own = { htons(5071), htons(5072) } });
	set("ct_local", 1, &others);
	between(RIG_VIP4, 5062, OTHERS4, request("INVITE", UNTAGGED, 5), PORT, "the active one calls the other group's active one");
	between(OTHERS4, PORT, RIG_VIP4, response(200, "INVITE", 5), PORT, "the answer to that");
	between(RIG_VIP4, 5062, OTHERS4, request("ACK", TAGGED, 5), PORT, "its ACK");
	between(RIG_VIP4, 5061, OTHERS4, request("INFO", TAGGED, 1), 5071, "the drained one, in a call of its own with the other's drained one");
	between(OTHERS4, PORT, RIG_VIP4, response(200, "INFO", 1), 5061, "the answer to that");
}

/* The first has the port and the sum of the whole; the others follow it by themselves. */
static void test_fragments(void **state)
{
	struct packet_spec spec = { .from = CLIENT4, .to = RIG_VIP4, .fragmented = true, .frag = PACKET_MORE, .sport = 40000 };
	struct packet p, is;
	uint32_t sum;

	(void)state;
	hook = NETWORK;
	begin_and_drain(false);
	spec.text = request("BYE", TAGGED, 1);
	packet_make(&p, &spec);
	comes_through(&p, &is, "a first fragment");
	CHECK(dest(&is) == 5061, "a first fragment: for port %u", dest(&is));
	sum = (uint32_t)(p.data[p.l4 + 6] << 8 | p.data[p.l4 + 7]) + 0xffff - (5061 - PORT);
	sum = (sum & 0xffff) + (sum >> 16);
	CHECK((uint32_t)(is.data[p.l4 + 6] << 8 | is.data[p.l4 + 7]) == sum, "its sum, which is the whole datagram's");
	spec.frag = 64;
	spec.text = "its end";
	packet_make(&p, &spec);
	comes_through(&p, &is, "a later fragment");
	CHECK(!memcmp(p.data, is.data, p.len), "a later fragment was changed");
}

static void segment(uint16_t from, uint16_t to, uint8_t flags)
{
	struct packet p, is;

	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP, .sport = from, .dport = to });
	p.data[p.l4 + 13] = flags;
	comes_through(&p, &is, "a segment");
	CHECK(!memcmp(p.data, is.data, p.len), "a segment was changed");
}

/* They stay where they are; how many are left on the drained one is counted by what is heard of them. */
static void test_connections(void **state)
{
	(void)state;
	hook = NETWORK;
	begin_and_drain(false);
	segment(40000, PORT, 0x10);
	segment(40001, PORT, 0x02);
	segment(40001, PORT, 0x10);
	segment(PORT, 40002, 0x10);
	CHECK(noted(6, 1, BT_D_CONNECTION) == 1, "%u connections on server 1", noted(6, 1, BT_D_CONNECTION));
	CHECK(noted(7, 2, BT_D_CONNECTION) == 1, "%u connections on server 2", noted(7, 2, BT_D_CONNECTION));
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
		cmocka_unit_test(test_whose), cmocka_unit_test(test_a_call), cmocka_unit_test(test_prepared), cmocka_unit_test(test_back),
		cmocka_unit_test(test_two_groups), cmocka_unit_test(test_fragments), cmocka_unit_test(test_connections),
	};

	return cmocka_run_group_tests_name("local_calls", tests, open_both, close_both);
}
