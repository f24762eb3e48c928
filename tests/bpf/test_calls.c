// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_calls: a VIP's frame was let in, or sent back by the new holder: whose is it, and what is noted of its dialog?
 *
 * This host is 1, its peer 2. As new holder it is open at 8.1 and sends back; as old holder it has let go of 7.1 and is
 * drained at 8.2. Marks are made here by the header that the program has them from. All in a network namespace of its own:
 * the sockets that frames are looked up for are this test's alone.
 */
#include "messages.h"
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/mark.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define HOME4 "127.0.0.1"			/* a VIP too, where this host can have sockets */
#define MEDIA 20000

#define OPEN81 BT_WORD(8, 1, BT_OPEN)
#define NUMBER81 BT_WORD_NUMBER(OPEN81)
#define OPEN82 BT_WORD(8, 2, BT_OPEN)
#define NUMBER82 BT_WORD_NUMBER(OPEN82)

static const uint8_t macs[3][6] = {
	{ 2, 0, 0, 0, 0, 0x50 }, { 0, 0x16, 0x3e, 0, 0, 1 }, { 0, 0x16, 0x3e, 0, 0, 2 },
};

/* ---- one of the two hosts ----------------------------------------------------------------------- */

/* What a test leaves out is: not drained, nothing heard of the peer's flags, all of it heard now. */
struct host {
	uint8_t id;
	uint64_t word, heard;
	uint64_t drain_number;
	enum bt_drain_side side;
	int64_t drain_left_ns;			/* 0: a minute */
	uint32_t peer_flags, path_flags, ifindex;
	uint64_t heard_ago_ns, path_ago_ns;
	bool no_lease;
};

static void set(const char *map, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), &i, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

static uint64_t boot_of(uint8_t id)
{
	return id == 1 ? RIG_BOOT : RIG_PEER_BOOT;
}

static uint8_t other(uint8_t id)
{
	return 3 - id;
}

static const __u64 *key_of(uint8_t from)
{
	return from == 1 ? rig_node()->key_out : rig_node()->key_in;
}

static void set_node(uint8_t id)
{
	struct bt_node n = *rig_node();

	n.pulse_port = htons(RIG_PORT);
	n.my_id = id;
	n.peer_id = other(id);
	n.boot = boot_of(id);
	memcpy(n.key_in, key_of(other(id)), sizeof(n.key_in));
	memcpy(n.key_out, key_of(id), sizeof(n.key_out));
	set("cfg_node", 0, &n);
}

static void set_path(const struct host *h, uint64_t now)
{
	struct bt_pair pair = { .nonce = RIG_NONCE, .peer_boot = boot_of(other(h->id)) };
	struct bt_path path = { .ifindex = h->ifindex ? h->ifindex : 1, .flags = h->path_flags };

	for (uint32_t i = 0; i < 3; i++)
		set("cfg_path", i, &path);
	pair.path[1].heard_ns = now - h->path_ago_ns;
	memcpy(pair.path[1].peer_mac, macs[other(h->id)], 6);
	memcpy(pair.path[1].my_mac, macs[h->id], 6);
	set("st_pair", 0, &pair);
}

static void set_drain(uint32_t slot, uint64_t word, uint64_t until_ns)
{
	struct bt_drain drain = { .word = word, .until_ns = until_ns };

	set("ct_drain", slot, &drain);
}

static void become(const struct host *h)
{
	uint64_t now = rig_now();
	struct bt_heard heard = { .word = h->heard, .at_ns = now - h->heard_ago_ns, .flags = h->peer_flags };

	set_node(h->id);
	set_path(h, now);
	set("st_heard", 0, &heard);
	rig_set_word(0, h->word);
	rig_set_lease(0, h->no_lease ? 0 : now + 60 * RIG_SEC);
	set_drain(0, h->side ? BT_DRAIN(h->drain_number, h->side) : 0,
		  now + (h->drain_left_ns ? h->drain_left_ns : 60 * (int64_t)RIG_SEC));
}

static void forget(const char *map, size_t key_size)
{
	uint8_t key[64];

	CHECK(key_size <= sizeof(key), "key");
	while (!bpf_map_get_next_key(rig_map(map), NULL, key))
		bpf_map_delete_elem(rig_map(map), key);
}

static void set_vip(const char *map, const void *ip, uint16_t group, uint16_t index)
{
	struct bt_vip vip = { .group = group, .index = index, .flags = BT_VIP_CALLS };

	CHECK(!bpf_map_update_elem(rig_map(map), ip, &vip, BPF_ANY), "%s: %s", map, strerror(errno));
}

static void fresh(const struct host *h)
{
	struct bt_steer steer = { .key = { 11, 22 } };
	struct in6_addr ip;
	uint32_t zero = 0;
	struct bt_group g;

	rig_reset();
	forget("st_frag", sizeof(struct bt_frag_key));
	forget("st_young", 8);
	forget("st_dialog", 8);
	for (uint32_t i = 0; i < BT_GROUPS_MAX; i++)
		set_drain(i, 0, 0);
	set("cfg_steer", 0, &steer);
	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &zero, &g), "cfg_group");
	g.port[0].port = htons(5060);
	g.port[0].udp = 1;
	set("cfg_group", 0, &g);
	packet_ip(RIG_VIP4, &ip);
	set_vip("cfg_vip4", ip.s6_addr + 12, 0, RIG_V_SIP4);
	packet_ip(HOME4, &ip);
	set_vip("cfg_vip4", ip.s6_addr + 12, 0, RIG_V_SIP4);
	packet_ip(RIG_VIP6, &ip);
	set_vip("cfg_vip6", &ip, 0, RIG_V_SIP6);
	become(h);
}

static const struct host new_holder = {
	.id = 1, .word = OPEN81, .heard = BT_WORD(7, 2, BT_RELAY), .drain_number = NUMBER81, .side = BT_DRAIN_YOURS,
	.peer_flags = PULSE_F_DRAIN_MINE,
};
static const struct host old_holder = {
	.id = 1, .word = BT_WORD(7, 1, BT_RELAY), .heard = BT_WORD(7, 1, BT_ARMED), .drain_number = NUMBER82, .side = BT_DRAIN_MINE,
	.peer_flags = PULSE_F_DRAIN_YOURS,
};

/* ---- frames ------------------------------------------------------------------------------------- */

static void address(struct packet *p, const uint8_t to[6], const uint8_t from[6])
{
	memcpy(p->data, to, 6);
	memcpy(p->data + 6, from, 6);
}

static void client(struct packet *p, const char *text)
{
	packet_make(p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = text });
	address(p, macs[1], macs[0]);
}

static void leaves(struct packet *p, const char *text)
{
	packet_make(p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = text });
}

static void drain_mark(uint8_t mac[6], uint8_t from, uint64_t number)
{
	struct mark_of of = { MARK_DRAIN, rig_name_hash(0), number, boot_of(from), boot_of(other(from)) };

	mark_write(mac, mark_number(key_of(from), &of));
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* Back to host 2 with our mark of the number we are open at, and not another byte of it is changed. */
static void expect_back(const struct packet *in, const char *what)
{
	struct packet out, should = *in;
	uint32_t exit = rig_xdp(in, &out, NULL);
	uint8_t mac[6];

	CHECK(exit == BT_X_VIP_BACK, "%s: %s, not sent back", what, rig_xdp_name(exit));
	drain_mark(mac, 1, NUMBER81);
	address(&should, macs[2], mac);
	CHECK(out.len == in->len && !memcmp(out.data, should.data, in->len),
	      "%s: to %02x:..:%02x from %02x:..:%02x, or more than addresses changed", what, out.data[0], out.data[5],
	      out.data[6], out.data[11]);
}

static void expect_out(const char *text, uint32_t want, const char *what)
{
	struct packet p;
	uint32_t exit;

	leaves(&p, text);
	exit = rig_tc(&p, NULL);
	CHECK(exit == want, "%s: %s, not %s", what, rig_tc_name(exit), rig_tc_name(want));
}

static void comes_in(const char *text, uint32_t want, const char *what)
{
	struct packet p;

	client(&p, text);
	if (want == BT_X_VIP_BACK)
		expect_back(&p, what);
	else
		expect(&p, want, what);
}

/* The only entry of a table; false: it has none. */
static bool entry(const char *map, struct bt_dialog *ret)
{
	uint64_t key, next;

	if (bpf_map_get_next_key(rig_map(map), NULL, &key))
		return false;
	CHECK(bpf_map_get_next_key(rig_map(map), &key, &next), "%s has more than one entry", map);
	CHECK(!bpf_map_lookup_elem(rig_map(map), &key, ret), "%s: %s", map, strerror(errno));
	return true;
}

/* ---- whose is it? ------------------------------------------------------------------------------- */

static void test_sip_of_a_new_holder(void **state)
{
	static const struct { const char *method; enum tag tag; uint32_t exit; } requests[] = {
		{ "INVITE", UNTAGGED, BT_X_VIP_ACCEPTED }, { "OPTIONS", UNTAGGED, BT_X_VIP_ACCEPTED },
		{ "REGISTER", UNTAGGED, BT_X_VIP_ACCEPTED }, { "SUBSCRIBE", UNTAGGED, BT_X_VIP_ACCEPTED },
		{ "INVITE", TAGGED, BT_X_VIP_BACK }, { "BYE", TAGGED, BT_X_VIP_BACK }, { "ACK", TAGGED, BT_X_VIP_BACK },
		{ "ACK", UNTAGGED, BT_X_VIP_BACK }, { "CANCEL", UNTAGGED, BT_X_VIP_BACK }, { "PRACK", TAGGED, BT_X_VIP_BACK },
		{ "NOTIFY", TAGGED, BT_X_VIP_BACK }, { "OPTIONS", TAGGED, BT_X_VIP_BACK },
	};

	(void)state;
	for (size_t i = 0; i < N(requests); i++) {
		fresh(&new_holder);
		comes_in(request(requests[i].method, requests[i].tag, 1), requests[i].exit, requests[i].method);
		become(&(struct host){ .id = 1, .word = OPEN81 });
		comes_in(request(requests[i].method, requests[i].tag, 2), BT_X_VIP_ACCEPTED, "without a drain");
	}
	fresh(&new_holder);
	comes_in(response(200, "INVITE", 1), BT_X_VIP_BACK, "an answer to what did not leave here");
	comes_in("\r\n\r\n", BT_X_VIP_ACCEPTED, "keepalive");
	comes_in("BYE sip:b@d SIP/2.0\r\nTo: <sip:b@d>;tag=2\r\n\r\n", BT_X_VIP_ACCEPTED, "no Call-ID");
	comes_in("\x01\x02 not SIP", BT_X_VIP_ACCEPTED, "not SIP at the port of SIP");
}

static void test_families_and_tags(void **state)
{
	static const struct { const char *from, *to; int vlans, exts, ihl; } forms[] = {
		{ CLIENT4, RIG_VIP4, 1, 0, 0 }, { CLIENT4, RIG_VIP4, 2, 0, 7 }, { CLIENT6, RIG_VIP6, 0, 0, 0 },
		{ CLIENT6, RIG_VIP6, 2, 2, 0 },
	};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(forms); i++) {
		fresh(&new_holder);
		packet_make(&p, &(struct packet_spec){ .from = forms[i].from, .to = forms[i].to, .vlans = forms[i].vlans,
						       .exts = forms[i].exts, .ihl = forms[i].ihl,
						       .text = request("BYE", TAGGED, 1) });
		address(&p, macs[1], macs[0]);
		expect_back(&p, forms[i].to);
	}
}

/* Begun here since we are open, by either side; of an earlier holding it is the old holder's. */
static void test_what_began_here_stays(void **state)
{
	struct bt_dialog d;

	(void)state;
	fresh(&new_holder);
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "it begins");
	comes_in(request("CANCEL", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "its CANCEL");
	comes_in(request("ACK", TAGGED, 1), BT_X_VIP_ACCEPTED, "its ACK");
	comes_in(request("BYE", TAGGED, 1), BT_X_VIP_ACCEPTED, "its BYE");
	comes_in(request("BYE", TAGGED, 2), BT_X_VIP_BACK, "another's BYE");
	fresh(&new_holder);
	expect_out(request("OPTIONS", UNTAGGED, 3), BT_T_VIP_SENT, "our server asks");
	comes_in(response(200, "OPTIONS", 3), BT_X_VIP_ACCEPTED, "the answer to it");
	CHECK(entry("st_young", &d) && d.kind == BT_D_NONE, "what is no dialog is counted as one");
	fresh(&(struct host){ .id = 1, .word = BT_WORD(6, 1, BT_OPEN) });
	comes_in(request("INVITE", UNTAGGED, 4), BT_X_VIP_ACCEPTED, "at an earlier holding");
	become(&new_holder);
	comes_in(request("BYE", TAGGED, 4), BT_X_VIP_BACK, "of an earlier holding");
}

/* Only to an old holder that says so, is heard and can be reached with a mark; and while batond says so. Else it stays. */
static void test_when_nothing_goes_back(void **state)
{
	struct { struct host host; const char *what; } cases[] = {
		{ new_holder, "the peer does not say that it is drained" }, { new_holder, "the peer was heard too long ago" },
		{ new_holder, "not on this interface for too long" }, { new_holder, "marks are filtered" },
		{ new_holder, "the drain has ended" }, { new_holder, "a drain of the last number" },
		{ new_holder, "a drain of another owner's number" }, { new_holder, "this host is drained itself" },
		{ new_holder, "another interface" },
	};
	struct packet p;

	(void)state;
	cases[0].host.peer_flags = PULSE_F_RUNNING;
	cases[1].host.heard_ago_ns = 17 * RIG_INTERVAL_NS;
	cases[2].host.path_ago_ns = 17 * RIG_INTERVAL_NS;
	cases[3].host.path_flags = BT_PATH_FILTERED;
	cases[4].host.drain_left_ns = -1;
	cases[5].host.drain_number = BT_WORD_NUMBER(BT_WORD(7, 1, 0));
	cases[6].host.drain_number = NUMBER82;
	cases[7].host.side = BT_DRAIN_MINE;
	cases[8].host.ifindex = 2;
	for (size_t i = 0; i < N(cases); i++) {
		fresh(&cases[i].host);
		comes_in(request("BYE", TAGGED, 1), BT_X_VIP_ACCEPTED, cases[i].what);
	}
	fresh(&new_holder);
	client(&p, request("BYE", TAGGED, 1));
	memcpy(p.data, macs[2], 6);
	expect(&p, BT_X_VIP_ACCEPTED, "addressed to another MAC");
	become(&(struct host){ .id = 1, .word = OPEN81, .peer_flags = PULSE_F_DRAIN_MINE });
	set_drain(1, BT_DRAIN(NUMBER81, BT_DRAIN_YOURS), rig_now() + RIG_SEC);
	comes_in(request("BYE", TAGGED, 1), BT_X_VIP_ACCEPTED, "the other group's drain");
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static struct sockaddr_in at(const char *ip, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int socket_at(int type, const char *ip, uint16_t port)
{
	struct sockaddr_in a = at(ip, port);
	int fd = socket(AF_INET, type, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind to %s:%u: %s", ip, port, strerror(errno));
	return fd;
}

static void test_media_is_where_the_socket_is(void **state)
{
	struct packet p;
	int fd;

	(void)state;
	fresh(&new_holder);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = MEDIA, .text = "voice" });
	address(&p, macs[1], macs[0]);
	expect_back(&p, "media, and no socket of this host");
	fd = socket_at(SOCK_DGRAM, "0.0.0.0", MEDIA);
	expect(&p, BT_X_VIP_ACCEPTED, "media, and a socket of this host");
	close(fd);
	expect_back(&p, "its socket is closed");
	become(&(struct host){ .id = 1, .word = OPEN81 });
	expect(&p, BT_X_VIP_ACCEPTED, "without a drain");
}

static void segment(struct packet *p, const char *from, const char *to, uint16_t sport, uint16_t dport, uint8_t flags)
{
	packet_make(p, &(struct packet_spec){ .from = from, .to = to, .proto = IPPROTO_TCP, .sport = sport, .dport = dport });
	p->data[p->l4 + 13] = flags;
	address(p, macs[1], macs[0]);
}

static void test_connections(void **state)
{
	struct sockaddr_in server = at(HOME4, 5060);
	struct packet p;
	int listener, fd;

	(void)state;
	fresh(&new_holder);
	segment(&p, CLIENT4, HOME4, 40000, 5060, 0x10);
	expect_back(&p, "a segment, and no socket");
	listener = socket_at(SOCK_STREAM, HOME4, 5060);
	CHECK(!listen(listener, 1), "listen: %s", strerror(errno));
	expect_back(&p, "a segment, and a listener alone");
	segment(&p, CLIENT4, HOME4, 40000, 5060, 0x04);
	expect_back(&p, "a reset");
	segment(&p, CLIENT4, HOME4, 40000, 5060, 0x02);
	expect(&p, BT_X_VIP_ACCEPTED, "it begins");
	fd = socket_at(SOCK_STREAM, HOME4, 40001);
	CHECK(!connect(fd, (struct sockaddr *)&server, sizeof(server)), "connect: %s", strerror(errno));
	segment(&p, HOME4, HOME4, 40001, 5060, 0x10);
	expect(&p, BT_X_VIP_ACCEPTED, "of a connection of this host");
	segment(&p, HOME4, HOME4, 40002, 5060, 0x10);
	expect_back(&p, "of another");
	close(fd);
	close(listener);
}

/* ---- fragments ---------------------------------------------------------------------------------- */

static void fragment(struct packet *p, const char *from, const char *to, const char *text, bool later)
{
	packet_make(p, &(struct packet_spec){ .from = from, .to = to, .text = text, .fragmented = true,
					      .frag = later ? 64 : PACKET_MORE });
	address(p, macs[1], macs[0]);
}

static void test_fragments_follow_their_first(void **state)
{
	static const char *const ends[][2] = { { CLIENT4, RIG_VIP4 }, { CLIENT6, RIG_VIP6 } };
	struct packet first, later;
	uint8_t mac[6];

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		fresh(&new_holder);
		fragment(&first, ends[v6][0], ends[v6][1], request("BYE", TAGGED, 1), false);
		fragment(&later, ends[v6][0], ends[v6][1], "its end", true);
		expect(&later, BT_X_VIP_ACCEPTED, "a later one, its first unseen");
		expect_back(&first, "the first of a datagram");
		expect_back(&later, "the last of it");
		fragment(&first, ends[v6][0], ends[v6][1], request("INVITE", UNTAGGED, 2), false);
		expect(&first, BT_X_VIP_ACCEPTED, "the first of an INVITE");
		expect(&later, BT_X_VIP_ACCEPTED, "the last of it");
		fresh(&old_holder);
		drain_mark(mac, 2, NUMBER82);
		address(&first, macs[1], mac);
		address(&later, macs[1], mac);
		expect(&first, BT_X_VIP_KEPT, "the first, to the old holder");
		address(&later, macs[1], macs[0]);
		expect(&later, BT_X_VIP_FRAGMENT, "the last, by another way");
	}
}

/* ---- the old holder ----------------------------------------------------------------------------- */

static uint32_t marked(const char *text, const __u64 key[2], struct mark_of of)
{
	struct packet p;

	client(&p, text);
	mark_write(p.data + 6, mark_number(key, &of));
	return rig_xdp(&p, NULL, NULL);
}

static struct mark_of right_mark(void)
{
	return (struct mark_of){ MARK_DRAIN, rig_name_hash(0), NUMBER82, RIG_PEER_BOOT, RIG_BOOT };
}

static void kept(const struct host *h, uint32_t want, const char *what)
{
	uint32_t exit;

	fresh(h);
	exit = marked(request("BYE", TAGGED, 1), key_of(2), right_mark());
	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

static void test_kept_as_long_as_batond_says_so(void **state)
{
	struct { struct host host; uint32_t exit; const char *what; } cases[] = {
		{ old_holder, BT_X_VIP_KEPT, "it has let go" }, { old_holder, BT_X_VIP_KEPT, "it has heard the new holder" },
		{ old_holder, BT_X_VIP_KEPT, "it stands by" }, { old_holder, BT_X_VIP_KEPT, "under way when it ended" },
		{ old_holder, BT_X_VIP_SENT_ON, "the drain has ended" }, { old_holder, BT_X_VIP_SENT_ON, "a drain of another number" },
		{ old_holder, BT_X_VIP_SENT_ON, "it sends back itself" }, { old_holder, BT_X_VIP_SENT_ON, "no drain" },
		{ old_holder, BT_X_VIP_SHUT, "it is shut" }, { old_holder, BT_X_VIP_UNLEASED, "it thinks it is open" },
	};

	(void)state;
	cases[1].host.word = BT_WORD(8, 2, BT_RELAY);
	cases[2].host.word = BT_WORD(8, 2, BT_ARMED);
	cases[3].host.drain_left_ns = -1;
	cases[4].host.drain_left_ns = -(int64_t)BT_DRAIN_GRACE_NS - 1;
	cases[5].host.drain_number = NUMBER82 + 256;
	cases[6].host.side = BT_DRAIN_YOURS;
	cases[7].host.side = BT_DRAIN_NONE;
	cases[8].host.word = BT_WORD(8, 2, BT_SHUT);
	cases[9].host.word = BT_WORD(7, 1, BT_OPEN);
	cases[9].host.no_lease = true;
	for (size_t i = 0; i < N(cases); i++) {
		cases[i].host.heard = i == 1 || i == 2 ? OPEN82 : BT_WORD(7, 1, BT_ARMED);
		kept(&cases[i].host, cases[i].exit, cases[i].what);
	}
}

static void test_no_other_mark_is_kept(void **state)
{
	static const __u64 zero[2];
	struct { struct mark_of of; const __u64 *key; const char *what; } cases[] = {
#define CASE(field, value, name) { .of = { .field = (value) }, .what = name }
		CASE(kind, MARK_RELAY, "relay"), CASE(kind, MARK_HELP, "help"), CASE(kind, MARK_TEST, "test"),
		CASE(name_hash, rig_name_hash(1), "another group"), CASE(number, NUMBER82 + 256, "the next number"),
		CASE(number, NUMBER82 - 256, "the last number"), CASE(number, NUMBER81, "another owner's"),
		CASE(boot, RIG_PEER_BOOT + 1, "another life of the peer"), CASE(to_boot, RIG_BOOT + 1, "another life of ours"),
#undef CASE
		{ .key = key_of(1), .what = "our own key" }, { .key = zero, .what = "no key" },
	};
	uint64_t words[] = { BT_WORD(7, 1, BT_RELAY), BT_WORD(8, 2, BT_ARMED) };
	struct packet p;
	uint8_t mac[6];

	(void)state;
	for (size_t w = 0; w < N(words); w++) {
		struct host h = old_holder;

		h.word = words[w];
		fresh(&h);
		for (size_t i = 0; i < N(cases); i++) {
			struct mark_of of = right_mark(), c = cases[i].of;
			uint32_t exit;

			of.kind = c.kind ? c.kind : of.kind;
			of.name_hash = c.name_hash ? c.name_hash : of.name_hash;
			of.number = c.number ? c.number : of.number;
			of.boot = c.boot ? c.boot : of.boot;
			of.to_boot = c.to_boot ? c.to_boot : of.to_boot;
			exit = marked(request("BYE", TAGGED, 1), cases[i].key ? cases[i].key : key_of(2), of);
			CHECK(exit != BT_X_VIP_KEPT, "%s: kept", cases[i].what);
		}
		drain_mark(mac, 2, NUMBER82);
		for (int bit = 0; bit < 48; bit++) {
			client(&p, request("BYE", TAGGED, 1));
			memcpy(p.data + 6, mac, 6);
			p.data[6 + bit / 8] ^= 1 << bit % 8;
			CHECK(rig_xdp(&p, NULL, NULL) != BT_X_VIP_KEPT, "one bit of the mark turned round: kept");
		}
		memcpy(p.data + 6, macs[2], 6);
		CHECK(rig_xdp(&p, NULL, NULL) != BT_X_VIP_KEPT, "the peer's plain address: kept");
	}
}

/* What leaves in the VIP's name: everything while it is drained, then responses for its linger time, then nothing. */
static void test_what_the_old_holder_says(void **state)
{
	struct host ended = old_holder, sends_back = old_holder, open = old_holder;
	const char *bye = request("BYE", TAGGED, 1), *ok = response(200, "BYE", 1);

	(void)state;
	ended.drain_left_ns = -(int64_t)BT_DRAIN_GRACE_NS - 1;
	sends_back.side = BT_DRAIN_YOURS;
	open.word = BT_WORD(7, 1, BT_OPEN);
	open.no_lease = true;
	fresh(&old_holder);
	expect_out(bye, BT_T_VIP_KEPT, "its server goes on");
	expect_out(ok, BT_T_VIP_KEPT, "its server answers");
	fresh(&ended);
	expect_out(bye, BT_T_VIP_HELD, "after the drain");
	expect_out(request("INVITE", UNTAGGED, 2), BT_T_VIP_HELD, "a call begun after the drain");
	expect_out(ok, BT_T_VIP_HELD, "an answer long after the drain");
	rig_set_linger(0, rig_now() + 10 * RIG_SEC);
	expect_out(ok, BT_T_VIP_LINGER, "an answer soon after the drain");
	expect_out(request("INVITE", UNTAGGED, 2), BT_T_VIP_HELD, "a call begun soon after the drain");
	fresh(&sends_back);
	expect_out(bye, BT_T_VIP_HELD, "who is to send back");
	fresh(&open);
	expect_out(bye, BT_T_VIP_HELD, "who is open and has no lease");
	fresh(&old_holder);
	set_drain(0, 0, 0);
	set_drain(1, BT_DRAIN(NUMBER82, BT_DRAIN_MINE), rig_now() + RIG_SEC);
	expect_out(bye, BT_T_VIP_HELD, "the other group's drain");
}

/* Pulses that the kernel answers say it no longer than batond does. */
static void test_answers_stop_saying_it(void **state)
{
	static const struct { enum bt_drain_side side; int64_t left_ns; uint32_t says; } cases[] = {
		{ BT_DRAIN_MINE, RIG_SEC, PULSE_F_DRAIN_MINE }, { BT_DRAIN_YOURS, RIG_SEC, PULSE_F_DRAIN_YOURS },
		{ BT_DRAIN_REFUSE, RIG_SEC, 0 }, { BT_DRAIN_NONE, RIG_SEC, 0 }, { BT_DRAIN_MINE, -1, 0 }, { BT_DRAIN_YOURS, -1, 0 },
	};
	const uint32_t both = PULSE_F_DRAIN_MINE | PULSE_F_DRAIN_YOURS;
	struct rig_pulse m, a;
	struct packet p, out;
	struct bt_group g;
	uint32_t zero = 0;

	(void)state;
	fresh(&old_holder);
	rig_reset();
	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &zero, &g), "cfg_group");
	g.health |= both;
	set("cfg_group", 0, &g);
	for (size_t i = 0; i < N(cases); i++) {
		set_drain(0, BT_DRAIN(NUMBER82, cases[i].side), rig_now() + cases[i].left_ns);
		m = rig_pulse(1 + i);
		rig_frame(&p, &m, 0, 0);
		CHECK(rig_xdp(&p, &out, NULL) == BT_X_PULSE_ANSWERED && rig_answer(&out, &a), "side %u: no answer", cases[i].side);
		CHECK((a.block[0].flags & both) == cases[i].says, "side %u, %ld ns left: it says %x, not %x", cases[i].side,
		      (long)cases[i].left_ns, a.block[0].flags & both, cases[i].says);
	}
}

/* ---- new calls are refused ---------------------------------------------------------------------- */

static void test_refused(void **state)
{
	struct host h = { .id = 1, .word = OPEN81, .drain_number = NUMBER81, .side = BT_DRAIN_REFUSE };

	(void)state;
	fresh(&(struct host){ .id = 1, .word = OPEN81 });
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "let in before");
	become(&h);
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "sent once more, let in before");
	comes_in(request("INVITE", UNTAGGED, 2), BT_X_VIP_REFUSED, "a new call");
	comes_in(request("INVITE", UNTAGGED, 2), BT_X_VIP_REFUSED, "a new call, sent once more");
	comes_in(request("INVITE", TAGGED, 3), BT_X_VIP_ACCEPTED, "within a call");
	comes_in(request("BYE", TAGGED, 1), BT_X_VIP_ACCEPTED, "its end");
	comes_in(request("OPTIONS", UNTAGGED, 4), BT_X_VIP_ACCEPTED, "a question");
	expect_out(response(486, "INVITE", 1), BT_T_VIP_SENT, "it was not answered");
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_REFUSED, "once more after its end");
	h.drain_number = NUMBER82;
	become(&h);
	comes_in(request("INVITE", UNTAGGED, 5), BT_X_VIP_ACCEPTED, "said of another holding");
}

/* ---- what is noted ------------------------------------------------------------------------------ */

static void test_a_call_from_its_begin_to_its_end(void **state)
{
	struct bt_dialog d;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = OPEN81 });
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "it begins");
	CHECK(entry("st_young", &d) && d.state == BT_D_NEW && d.kind == BT_D_CALL && d.epoch == 8 && d.server == 1 &&
	      d.owner == BT_OWNER_GROUP, "kind %u, state %u, epoch %u of %u", d.kind, d.state, d.epoch, d.server);
	expect_out(response(180, "INVITE", 1), BT_T_VIP_SENT, "it rings");
	CHECK(entry("st_young", &d) && d.state == BT_D_EARLY, "rings: state %u", d.state);
	expect_out(response(200, "INVITE", 1), BT_T_VIP_SENT, "it is answered");
	CHECK(!entry("st_young", &d) && entry("st_dialog", &d) && d.state == BT_D_CONFIRMED, "answered: state %u", d.state);
	comes_in(request("BYE", TAGGED, 1), BT_X_VIP_ACCEPTED, "a client's BYE");
	CHECK(entry("st_dialog", &d) && d.state == BT_D_CONFIRMED, "a client alone ended it: state %u", d.state);
	expect_out(response(200, "BYE", 1), BT_T_VIP_SENT, "the BYE is answered");
	CHECK(entry("st_dialog", &d) && d.state == BT_D_ENDING, "its end was not noted: state %u", d.state);
}

/* Whatever clients send, and whatever our server says to it but that it is a dialog, fills st_young alone. */
static void test_clients_fill_no_dialogs(void **state)
{
	static const struct { const char *method; enum tag tag; int status; } told[] = {
		{ "INVITE", UNTAGGED, 0 }, { "INVITE", UNTAGGED, 100 }, { "INVITE", UNTAGGED, 180 }, { "INVITE", UNTAGGED, 404 },
		{ "INVITE", UNTAGGED, 503 }, { "SUBSCRIBE", UNTAGGED, 489 }, { "INVITE", TAGGED, 481 }, { "INVITE", TAGGED, 500 },
		{ "INFO", TAGGED, 481 }, { "UPDATE", TAGGED, 403 }, { "NOTIFY", TAGGED, 481 }, { "SUBSCRIBE", TAGGED, 481 },
		{ "INVITE", TAGGED, 100 }, { "OPTIONS", TAGGED, 0 },
	};
	struct bt_dialog d;

	(void)state;
	for (size_t i = 0; i < N(told); i++) {
		fresh(&(struct host){ .id = 1, .word = OPEN81 });
		comes_in(request(told[i].method, told[i].tag, 1), BT_X_VIP_ACCEPTED, told[i].method);
		comes_in(request("ACK", TAGGED, 1), BT_X_VIP_ACCEPTED, "ACK");
		if (told[i].status)
			expect_out(response(told[i].status, told[i].method, 1), BT_T_VIP_SENT, told[i].method);
		comes_in(response(200, told[i].method, 1), BT_X_VIP_ACCEPTED, "a client's 200");
		comes_in(request("ACK", TAGGED, 1), BT_X_VIP_ACCEPTED, "ACK");
		CHECK(!entry("st_dialog", &d), "%s%s, answered %d: known as a dialog, state %u", told[i].method,
		      told[i].tag ? " with a To-tag" : "", told[i].status, d.state);
	}
}

/* There is no such dialog, says our server: it is not one that a drain has to wait for. */
static void test_no_such_dialog(void **state)
{
	struct bt_dialog d;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = OPEN81 });
	comes_in(request("INFO", TAGGED, 1), BT_X_VIP_ACCEPTED, "of a dialog that began elsewhere");
	CHECK(entry("st_young", &d) && d.state == BT_D_CONFIRMED, "not noted");
	expect_out(response(481, "INFO", 1), BT_T_VIP_SENT, "there is none");
	CHECK(entry("st_young", &d) && d.state == BT_D_OVER, "state %u after 481", d.state);
	fresh(&(struct host){ .id = 1, .word = OPEN81 });
	comes_in(request("INVITE", UNTAGGED, 1), BT_X_VIP_ACCEPTED, "a call");
	expect_out(response(200, "INVITE", 1), BT_T_VIP_SENT, "answered");
	expect_out(response(481, "CANCEL", 1), BT_T_VIP_SENT, "its CANCEL came too late");
	CHECK(entry("st_dialog", &d) && d.state == BT_D_CONFIRMED, "state %u after the 481 of a CANCEL", d.state);
}

/* ---- no loops ----------------------------------------------------------------------------------- */

static uint32_t sent_thrice, came_home;

/* A client's frame to A, which is where the frame is after each step; how often was it sent on, and by whom? */
static void frame_ends(const struct host *a, const struct host *b, const char *text)
{
	struct host host[3] = { [1] = *a, [2] = *b };
	int by[3] = { 0 }, sent = 0;
	struct packet p, out;
	uint8_t here = 1;

	client(&p, text);
	for (;;) {
		become(&host[here]);
		if (rig_verdict(&p, &out) != XDP_TX)
			break;
		host[here].word = rig_word(0);
		by[here]++;
		CHECK(++sent <= 3, "A %lx drain %d, B %lx drain %d: sent on %d times", a->word, a->side, b->word, b->side, sent);
		here = other(here);
		CHECK(!memcmp(out.data, macs[here], 6), "not to the peer");
		p = out;
	}
	sent_thrice += sent == 3;
	came_home += sent == 2;
	CHECK(by[1] <= 2 && by[2] <= 1, "A %lx, B %lx: sent on %d and %d times", a->word, b->word, by[1], by[2]);
	CHECK(by[1] < 2 || BT_WORD_MODE(a->word) == BT_ARMED, "A %lx sent it on twice, and was not opened by it", a->word);
}

static size_t words_of(uint8_t id, uint64_t ret[32])
{
	size_t n = 0;

	for (uint32_t term = 7; term <= 9; term++)
		for (uint8_t owner = 1; owner <= 2; owner++)
			for (uint8_t mode = BT_ARMED; mode < BT_MODE__N; mode++)
				if (mode != BT_OPEN || owner == id)
					ret[n++] = BT_WORD(term, owner, mode);
	return n;
}

/* Whatever the two words are, and whatever each believes of a drain. What was heard is what is, or the words before. */
static void test_no_frame_loops(void **state)
{
	static const uint64_t numbers[] = { NUMBER81, NUMBER82 };
	uint64_t of_a[32], of_b[32];
	size_t n_a = words_of(1, of_a), n_b = words_of(2, of_b);

	(void)state;
	fresh(&(struct host){ .id = 1 });
	for (size_t i = 0; i < n_a * n_b * N(numbers) * 2 * 9; i++) {
		size_t k = i / 18 / N(numbers);
		uint64_t number = numbers[i / 18 % N(numbers)];
		struct host a = { .id = 1, .word = of_a[k % n_a], .heard = of_b[k / n_a], .drain_number = number,
				  .side = i % 3, .peer_flags = PULSE_F_DRAIN_MINE | PULSE_F_DRAIN_YOURS };
		struct host b = { .id = 2, .word = of_b[k / n_a], .heard = of_a[k % n_a], .drain_number = number,
				  .side = i / 3 % 3, .peer_flags = PULSE_F_DRAIN_MINE | PULSE_F_DRAIN_YOURS };

		if (i / 9 % 2 && BT_WORD_OWNER(a.heard) == 2)	/* it has not heard that B let go */
			a.heard = BT_WORD(BT_WORD_TERM(a.heard), 2, BT_OPEN);
		frame_ends(&a, &b, request("BYE", TAGGED, 1));
	}
	CHECK(sent_thrice && came_home, "%u sent on three times, %u twice: this test meets no drain", sent_thrice, came_home);
}

/* ---- all ---------------------------------------------------------------------------------------- */

static int open_alone(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	CHECK(!unshare(CLONE_NEWNET), "a network namespace: %s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo), "lo: %s", strerror(errno));
	close(fd);
	return rig_open(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_of_a_new_holder), cmocka_unit_test(test_families_and_tags),
		cmocka_unit_test(test_what_began_here_stays), cmocka_unit_test(test_when_nothing_goes_back),
		cmocka_unit_test(test_media_is_where_the_socket_is), cmocka_unit_test(test_connections),
		cmocka_unit_test(test_fragments_follow_their_first), cmocka_unit_test(test_kept_as_long_as_batond_says_so),
		cmocka_unit_test(test_no_other_mark_is_kept), cmocka_unit_test(test_what_the_old_holder_says),
		cmocka_unit_test(test_answers_stop_saying_it), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_a_call_from_its_begin_to_its_end), cmocka_unit_test(test_clients_fill_no_dialogs),
		cmocka_unit_test(test_no_such_dialog), cmocka_unit_test(test_no_frame_loops),
	};

	return cmocka_run_group_tests(tests, open_alone, rig_close);
}
