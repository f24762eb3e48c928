// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_relay: a VIP's frame meets a gate that is armed or has let go: who gets it, what opens, what never does?
 *
 * One program plays both hosts of the pair: become() lays one host's maps under it. Marks are made here
 * by the header that the program has them from, of words written out in each test.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/mark.h"
#include "word_table.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define OPTIONS "OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define FIRST "the first of a datagram"

static const uint8_t macs[3][6] = {
	{ 2, 0, 0, 0, 0, 0x50 },			/* the client: as local as a mark */
	{ 0, 0x16, 0x3e, 0, 0, 1 }, { 0, 0x16, 0x3e, 0, 0, 2 },
};

/* One of the two hosts, by its id; what a test leaves out is: no word, no lease, the peer not heard. */
struct host {
	uint8_t id;
	uint64_t word, heard;
	int lease_s;
	uint64_t heard_ago_ns;			/* the peer's word ... */
	bool no_path;				/* ... and on this interface */
	uint64_t path_ago_ns;
	uint32_t path_flags, ifindex;
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

/* Key of the frames that host @from sends. */
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
	if (!h->no_path) {
		pair.path[1].heard_ns = now - h->path_ago_ns;
		memcpy(pair.path[1].peer_mac, macs[other(h->id)], 6);
		memcpy(pair.path[1].my_mac, macs[h->id], 6);
	}
	set("st_pair", 0, &pair);
}

static void become(const struct host *h)
{
	uint64_t now = rig_now();
	struct bt_heard heard = { .word = h->heard, .at_ns = now - h->heard_ago_ns };

	set_node(h->id);
	set_path(h, now);
	set("st_heard", 0, &heard);
	rig_set_word(0, h->word);
	rig_set_lease(0, h->lease_s ? now + h->lease_s * (int64_t)RIG_SEC : 0);
}

static void forget(const char *map, size_t key_size)
{
	uint8_t key[64];

	CHECK(key_size <= sizeof(key), "key");
	while (!bpf_map_get_next_key(rig_map(map), NULL, key))
		bpf_map_delete_elem(rig_map(map), key);
}

static void fresh(const struct host *h)
{
	rig_reset();
	forget("st_neigh", sizeof(struct bt_neigh_key));
	forget("st_frag", sizeof(struct bt_frag_key));
	become(h);
}

static void address(struct packet *p, const uint8_t to[6], const uint8_t from[6])
{
	memcpy(p->data, to, 6);
	memcpy(p->data + 6, from, 6);
}

/* A client's frame to host @to. */
static void client_frame(struct packet *p, const struct packet_spec *spec, uint8_t to)
{
	packet_make(p, spec);
	address(p, macs[to], macs[0]);
}

static const struct packet_spec plain = { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS };
static const struct packet_spec specs[] = {
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 1 },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .vlans = 1 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 2 },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .vlans = 2 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .proto = IPPROTO_TCP },
	{ .from = CLIENT6, .to = RIG_VIP6, .text = "12345678", .proto = IPPROTO_ICMPV6 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .padding = 30 },
	{ .from = CLIENT4, .to = RIG_VIP4, .text = "a tail", .fragmented = true, .frag = 64 },
};

static void mark(uint8_t mac[6], uint32_t kind, uint8_t from, uint64_t word)
{
	struct mark_of of = { kind, rig_name_hash(0), kind == MARK_RELAY ? BT_WORD_NUMBER(word) : 0,
			      boot_of(from), boot_of(other(from)) };

	mark_write(mac, mark_number(key_of(from), &of));
}

/* Host 2 sent it on to host 1, with a mark of that kind and number. */
static void marked_frame(struct packet *p, uint32_t kind, uint64_t word)
{
	uint8_t mac[6];

	mark(mac, kind, 2, word);
	packet_make(p, &plain);
	address(p, macs[1], mac);
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* It leaves for host 2 with that source, and not another byte of it is changed. */
static void expect_sent(const struct packet *in, uint32_t want, const uint8_t source[6], const char *what)
{
	struct packet out, should = *in;
	uint32_t exit = rig_xdp(in, &out, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
	address(&should, macs[2], source);
	CHECK(!memcmp(out.data, macs[2], 6), "%s: not to the peer", what);
	CHECK(!memcmp(out.data + 6, source, 6), "%s: from %02x:%02x:.., not %02x:%02x:..", what, out.data[6],
	      out.data[7], source[0], source[1]);
	CHECK(out.len == in->len && !memcmp(out.data, should.data, in->len), "%s: more than addresses changed", what);
}

/* ---- sent on -------------------------------------------------------------------------------- */

static void test_let_go_is_sent_on(void **state)
{
	static const uint64_t words[] = {
		BT_WORD(7, 1, BT_RELAY), BT_WORD(8, 2, BT_RELAY), BT_WORD(0xffffffff, 1, BT_RELAY),
	};
	struct packet p;
	uint8_t mac[6];

	(void)state;
	for (size_t w = 0; w < N(words); w++)
		for (size_t i = 0; i < N(specs); i++) {
			fresh(&(struct host){ .id = 1, .word = words[w] });
			client_frame(&p, &specs[i], 1);
			mark(mac, MARK_RELAY, 1, words[w]);
			expect_sent(&p, BT_X_VIP_RELAY, mac, "let go");
			CHECK(rig_word(0) == words[w] && !rig_event().kind, "the word moved");
		}
}

static void test_sent_on_only_where_the_peer_is_heard(void **state)
{
	static const uint64_t relay = BT_WORD(7, 1, BT_RELAY), armed = BT_WORD(7, 2, BT_ARMED),
		open = BT_WORD(7, 2, BT_OPEN);
	static const struct { struct host host; uint32_t exit; const char *what; } cases[] = {
		{ { 1, relay, .path_ago_ns = 8 * RIG_INTERVAL_NS }, BT_X_VIP_RELAY, "8 intervals ago" },
		{ { 1, relay, .path_ago_ns = 17 * RIG_INTERVAL_NS }, BT_X_VIP_RELAY_LOST, "17 intervals ago" },
		{ { 1, relay, .no_path = true }, BT_X_VIP_RELAY_LOST, "never" },
		{ { 1, relay, .ifindex = 2 }, BT_X_VIP_RELAY_LOST, "on another interface" },
		{ { .id = 1, .word = armed, .heard = open }, BT_X_VIP_HELPED, "armed" },
		{ { .id = 1, .word = armed, .heard = open, .path_ago_ns = 17 * RIG_INTERVAL_NS }, BT_X_VIP_ARMED, "armed, 17 ago" },
		{ { .id = 1, .word = armed, .heard = open, .no_path = true }, BT_X_VIP_ARMED, "armed, never" },
		{ { .id = 1, .word = armed, .heard = open, .ifindex = 2 }, BT_X_VIP_ARMED, "armed, another interface" },
	};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		fresh(&cases[i].host);
		client_frame(&p, &plain, 1);
		expect(&p, cases[i].exit, cases[i].what);
	}
}

/* Several paths by one interface: the one heard last tells, and any of them knows the peer's address. */
static void test_paths_of_one_interface(void **state)
{
	struct bt_pair pair;
	struct packet p;
	uint8_t mac[6];

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY), .path_ago_ns = RIG_INTERVAL_NS });
	pair = rig_pair();
	pair.path[0] = pair.path[2] = pair.path[1];
	pair.path[0].heard_ns -= 100 * RIG_INTERVAL_NS;
	pair.path[0].peer_mac[5] = 0x77;
	pair.path[2].heard_ns -= 50 * RIG_INTERVAL_NS;
	pair.path[2].peer_mac[5] = 0x78;
	set("st_pair", 0, &pair);
	client_frame(&p, &plain, 1);
	mark(mac, MARK_RELAY, 1, BT_WORD(7, 1, BT_RELAY));
	expect_sent(&p, BT_X_VIP_RELAY, mac, "three paths");
	memcpy(p.data + 6, pair.path[0].peer_mac, 6);
	expect(&p, BT_X_VIP_SENT_ON, "the peer as the first path met it");
}

static void test_help(void **state)
{
	static const uint64_t armed = BT_WORD(7, 2, BT_ARMED), open = BT_WORD(7, 2, BT_OPEN);
	static const struct { struct host host; uint32_t exit; const char *what; } cases[] = {
		{ { .id = 1, .word = armed, .heard = BT_WORD(7, 2, BT_RELAY) }, BT_X_VIP_ARMED, "it has let go" },
		{ { .id = 1, .word = armed, .heard = BT_WORD(7, 2, BT_SHUT) }, BT_X_VIP_ARMED, "it is shut" },
		{ { .id = 1, .word = armed, .heard = open, .heard_ago_ns = 8 * RIG_INTERVAL_NS }, BT_X_VIP_HELPED, "8 intervals ago" },
		{ { .id = 1, .word = armed, .heard = open, .heard_ago_ns = 17 * RIG_INTERVAL_NS }, BT_X_VIP_ARMED, "17 intervals ago" },
		{ { .id = 1, .word = BT_WORD(8, 1, BT_ARMED), .heard = open }, BT_X_VIP_HELPED, "a claim not yet heard" },
		{ { .id = 1, .word = BT_WORD(8, 1, BT_ARMED), .heard = BT_WORD(8, 1, BT_RELAY) }, BT_X_VIP_ARMED, "a claim heard" },
		{ { .id = 1, .word = BT_WORD(7, 2, BT_SHUT), .heard = open }, BT_X_VIP_SHUT, "shut" },
		{ { .id = 1, .word = 0, .heard = open }, BT_X_VIP_SHUT, "zeroed" },
	};
	struct packet p;
	uint8_t mac[6];

	(void)state;
	for (size_t i = 0; i < N(specs); i++)
		for (int leased = 0; leased <= 1; leased++) {
			fresh(&(struct host){ .id = 1, .word = armed, .heard = open, .lease_s = leased * 60 });
			client_frame(&p, &specs[i], 1);
			mark(mac, MARK_HELP, 1, 0);
			expect_sent(&p, BT_X_VIP_HELPED, mac, "help");
			CHECK(rig_word(0) == armed, "the word moved");
		}
	for (size_t i = 0; i < N(cases); i++) {
		fresh(&cases[i].host);
		client_frame(&p, &plain, 1);
		expect(&p, cases[i].exit, cases[i].what);
	}
}

/* However short the interval, a quarter of a second is the present: so long may a whole machine stand still. */
static void test_a_short_silence_ends_no_help(void **state)
{
	static const struct { uint64_t ago_ns; uint32_t helped, relayed; } cases[] = {
		{ 100000000, BT_X_VIP_HELPED, BT_X_VIP_RELAY },
		{ 251000000, BT_X_VIP_ARMED, BT_X_VIP_RELAY_LOST },
	};
	struct bt_node n = *rig_node();
	struct packet p;

	(void)state;
	n.interval_ns = 1;
	for (size_t i = 0; i < N(cases); i++) {
		uint64_t ago = cases[i].ago_ns;

		fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .heard = BT_WORD(7, 2, BT_OPEN),
				      .heard_ago_ns = ago, .path_ago_ns = ago });
		set("cfg_node", 0, &n);
		client_frame(&p, &plain, 1);
		expect(&p, cases[i].helped, "armed");
		fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY), .path_ago_ns = ago });
		set("cfg_node", 0, &n);
		client_frame(&p, &plain, 1);
		expect(&p, cases[i].relayed, "let go");
	}
}

/* Where foreign source addresses do not come through, ours is borne; the peer must not send that on. */
static void test_filtered_network(void **state)
{
	struct packet p;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY), .path_flags = BT_PATH_FILTERED });
	client_frame(&p, &plain, 1);
	expect_sent(&p, BT_X_VIP_RELAY, macs[1], "relay");
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .heard = BT_WORD(7, 2, BT_OPEN),
			      .path_flags = BT_PATH_FILTERED });
	expect_sent(&p, BT_X_VIP_HELPED, macs[1], "help");
}

/* A NIC that hears everything also hears what a switch floods to the owner. */
static void test_flooded(void **state)
{
	static const uint64_t words[] = {
		BT_WORD(7, 1, BT_RELAY), BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED),
	};
	static const uint8_t to[][6] = {
		{ 0, 0x16, 0x3e, 0, 0, 2 }, { 0, 0x16, 0x3e, 0, 0, 3 }, { 255, 255, 255, 255, 255, 255 },
		{ 1, 0, 0x5e, 0, 0, 1 },
	};
	struct bt_neigh_key key;
	struct packet p, out;

	(void)state;
	for (size_t w = 0; w < N(words); w++)
		for (size_t i = 0; i < N(to); i++) {
			fresh(&(struct host){ .id = 1, .word = words[w], .heard = BT_WORD(7, 2, BT_OPEN), .lease_s = 60 });
			client_frame(&p, &plain, 1);
			memcpy(p.data, to[i], 6);
			CHECK(rig_xdp(&p, &out, NULL) == BT_X_VIP_FLOODED, "word %lx, address %zu", words[w], i);
			CHECK(!memcmp(&p, &out, p.len), "changed");
			CHECK(bpf_map_get_next_key(rig_map("st_neigh"), NULL, &key), "counted as a neighbour");
		}
}

/* ---- opened ---------------------------------------------------------------------------------- */

static void check_opened(uint64_t own, uint64_t want)
{
	struct bt_event ev = rig_event();
	struct rig_world w;

	CHECK(rig_word(0) == want, "%lx became %lx, not %lx", own, rig_word(0), want);
	CHECK(ev.kind == BT_EV_WORD && ev.from == own && ev.to == want && !ev.group &&
	      ev.arg == (WORD_HEARD_LETGO | BT_EV_BY_MARK), "event %u, because of %llx", ev.kind, ev.arg);
	rig_world(&w);
	CHECK(w.seen[0].first_ns != 1, "the first frame of an earlier opening was kept");
	CHECK(!w.linger[0], "lingers, though it opened");
}

static void test_mark_opens(void **state)
{
	static const struct { uint64_t own, want; } cases[] = {
		{ BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_OPEN) },
		{ BT_WORD(8, 1, BT_ARMED), BT_WORD(8, 1, BT_OPEN) },
	};
	struct bt_seen seen = { .first_ns = 1 };
	struct rig_world w;
	struct packet p;
	uint8_t mac[6];

	(void)state;
	for (size_t c = 0; c < N(cases); c++)
		for (size_t i = 0; i < N(specs); i++) {
			fresh(&(struct host){ .id = 1, .word = cases[c].own, .lease_s = 60 });
			set("st_seen", 0, &seen);
			mark(mac, MARK_RELAY, 2, cases[c].own);
			client_frame(&p, &specs[i], 1);
			memcpy(p.data + 6, mac, 6);
			expect(&p, BT_X_VIP_TAKEN, "marked");
			check_opened(cases[c].own, cases[c].want);
			expect(&p, BT_X_VIP_ACCEPTED, "marked, again");
			CHECK(rig_word(0) == cases[c].want && !rig_event().kind, "opened twice");
		}
	fresh(&(struct host){ .id = 1, .word = cases[0].own, .lease_s = 60 });
	marked_frame(&p, MARK_RELAY, cases[0].own);
	expect(&p, BT_X_VIP_TAKEN, "marked");
	rig_world(&w);
	CHECK(w.live[0].request[BT_M_OPTIONS] == 1, "what opened was not counted as taken");
}

/* A frame may be late, or recorded and played again: it says what was true for ever, and no more. */
static void test_mark_replayed(void **state)
{
	static const struct { uint64_t own; uint32_t exit; } later[] = {
		{ BT_WORD(8, 1, BT_OPEN), BT_X_VIP_ACCEPTED }, { BT_WORD(8, 1, BT_RELAY), BT_X_VIP_SENT_ON },
		{ BT_WORD(9, 2, BT_ARMED), BT_X_VIP_SENT_ON }, { BT_WORD(9, 1, BT_ARMED), BT_X_VIP_SENT_ON },
		{ BT_WORD(8, 2, BT_SHUT), BT_X_VIP_SHUT },
	};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(later); i++) {
		fresh(&(struct host){ .id = 1, .word = later[i].own, .heard = BT_WORD(7, 2, BT_RELAY), .lease_s = 60 });
		marked_frame(&p, MARK_RELAY, BT_WORD(7, 2, 0));
		expect(&p, later[i].exit, "an old mark");
		CHECK(rig_word(0) == later[i].own && !rig_event().kind, "%lx moved to %lx", later[i].own, rig_word(0));
	}
}

static void open_nothing(const struct packet *p, uint64_t own, int lease_s, const char *what)
{
	struct host host = { .id = 1, .word = own, .heard = BT_WORD(7, 2, BT_OPEN), .lease_s = lease_s,
			     .heard_ago_ns = 20 * RIG_INTERVAL_NS };
	struct rig_world before, after;
	const char *diff;
	uint32_t exit;

	become(&host);
	rig_world(&before);
	exit = rig_xdp(p, NULL, NULL);
	rig_world(&after);
	diff = rig_world_diff(&before, &after);
	CHECK(!diff, "%s at %lx: %s changed (%s)", what, own, diff, rig_xdp_name(exit));
	CHECK(exit == BT_X_VIP_ARMED || exit == BT_X_VIP_SENT_ON, "%s at %lx: %s", what, own, rig_xdp_name(exit));
	CHECK(!rig_event().kind, "%s at %lx: an event", what, own);
}

static void try_mark(uint64_t own, const __u64 key[2], struct mark_of of, const char *what)
{
	struct packet p;
	uint8_t mac[6];

	mark_write(mac, mark_number(key, &of));
	packet_make(&p, &plain);
	address(&p, macs[1], mac);
	open_nothing(&p, own, 60, what);
}

static void test_nothing_else_opens(void **state)
{
	static const uint64_t words[] = { BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED) };
	static const __u64 zero[2];

	(void)state;
	fresh(&(struct host){ .id = 1 });
	for (size_t w = 0; w < N(words); w++) {
		const struct mark_of right = { MARK_RELAY, rig_name_hash(0), BT_WORD_NUMBER(words[w]),
					       RIG_PEER_BOOT, RIG_BOOT };
		struct mark_of of;
#define TRY(field, value, what) of = right, of.field = (value), try_mark(words[w], key_of(2), of, what)
		try_mark(words[w], key_of(1), right, "our own key");
		try_mark(words[w], zero, right, "no key");
		TRY(kind, MARK_HELP, "help of a number");
		TRY(kind, MARK_TEST, "test");
		TRY(name_hash, rig_name_hash(1), "another group");
		TRY(name_hash, 0, "no group");
		TRY(number, right.number + 1, "another owner");
		TRY(number, right.number - 1, "another owner");
		TRY(number, right.number + 256, "the next term");
		TRY(number, right.number - 256, "the last term");
		TRY(number, 0, "no number");
		TRY(boot, RIG_PEER_BOOT + 1, "another life of the peer");
		TRY(boot, RIG_BOOT, "our boot as the peer's");
		TRY(to_boot, RIG_BOOT + 1, "another life of ours");
		TRY(to_boot, 0, "no life of ours");
#undef TRY
	}
}

static void test_no_address_opens(void **state)
{
	static const uint64_t words[] = { BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED) };
	struct packet p;
	uint8_t mac[6];

	(void)state;
	fresh(&(struct host){ .id = 1 });
	for (size_t w = 0; w < N(words); w++) {
		client_frame(&p, &plain, 1);
		open_nothing(&p, words[w], 60, "a client");
		memcpy(p.data + 6, macs[2], 6);
		open_nothing(&p, words[w], 60, "the peer's plain address");
		memcpy(p.data + 6, macs[1], 6);
		open_nothing(&p, words[w], 60, "our own address");
		marked_frame(&p, MARK_HELP, 0);
		open_nothing(&p, words[w], 60, "help");
		mark(mac, MARK_RELAY, 2, words[w]);
		for (int bit = 0; bit < 48; bit++) {
			memcpy(p.data + 6, mac, 6);
			p.data[6 + bit / 8] ^= 1 << bit % 8;
			open_nothing(&p, words[w], 60, "one bit of the mark");
		}
		for (uint64_t i = 0; i < 100; i++) {
			mark_write(p.data + 6, ((i * 0x9e3779b97f4a7c15ULL) & ~1ULL) | 2);
			open_nothing(&p, words[w], 60, "any local address");
		}
	}
}

/* A host whose controller is dead must not take the role; and the frame is not sent to and fro. */
static void test_mark_without_a_lease(void **state)
{
	static const uint64_t words[] = { BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED) };
	struct packet p;

	(void)state;
	fresh(&(struct host){ .id = 1 });
	for (size_t w = 0; w < N(words); w++)
		for (int lease_s = -1; lease_s <= 0; lease_s++) {
			marked_frame(&p, MARK_RELAY, words[w]);
			open_nothing(&p, words[w], lease_s, "the right mark");
			expect(&p, BT_X_VIP_SENT_ON, "no lease");
		}
}

/* Before a peer is believed there are no marks at all. */
static void test_mark_of_nobody(void **state)
{
	struct bt_pair pair = { .nonce = RIG_NONCE };
	struct mark_of of = { MARK_RELAY, rig_name_hash(0), BT_WORD_NUMBER(BT_WORD(7, 2, 0)), 0, RIG_BOOT };
	struct packet p;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .lease_s = 60 });
	set("st_pair", 0, &pair);
	packet_make(&p, &plain);
	address(&p, macs[1], macs[0]);
	mark_write(p.data + 6, mark_number(key_of(2), &of));
	expect(&p, BT_X_VIP_ARMED, "the mark of boot id 0");
	CHECK(rig_word(0) == BT_WORD(7, 2, BT_ARMED), "opened for nobody");
}

/* ---- sent on already ------------------------------------------------------------------------- */

static void test_sent_on_once(void **state)
{
	static const uint64_t heard = BT_WORD(9, 2, BT_OPEN);
	static const uint64_t words[] = {
		BT_WORD(7, 1, BT_RELAY), BT_WORD(8, 2, BT_RELAY), BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED),
	};
	struct bt_neigh_key key;
	struct packet p;

	(void)state;
	for (size_t w = 0; w < N(words); w++) {
		fresh(&(struct host){ .id = 1, .word = words[w], .heard = heard });
		marked_frame(&p, MARK_HELP, 0);
		expect(&p, BT_X_VIP_SENT_ON, "help");
		marked_frame(&p, MARK_RELAY, words[w]);
		expect(&p, BT_X_VIP_SENT_ON, "let go of our number");
		marked_frame(&p, MARK_RELAY, heard);
		expect(&p, BT_X_VIP_SENT_ON, "let go of the number heard");
		memcpy(p.data + 6, macs[2], 6);
		expect(&p, BT_X_VIP_SENT_ON, "the peer's plain address");
		CHECK(bpf_map_get_next_key(rig_map("st_neigh"), NULL, &key), "the peer is no neighbour");
	}
}

/* Help that crossed our letting go is the news that opens the helper. */
static void test_help_goes_back(void **state)
{
	static const uint64_t own = BT_WORD(7, 1, BT_RELAY);
	struct packet p;
	uint8_t mac[6];

	(void)state;
	mark(mac, MARK_RELAY, 1, own);
	fresh(&(struct host){ .id = 1, .word = own, .heard = BT_WORD(7, 1, BT_ARMED) });
	marked_frame(&p, MARK_HELP, 0);
	expect_sent(&p, BT_X_VIP_RELAY, mac, "help, by one who is armed at our number");
	fresh(&(struct host){ .id = 1, .word = own, .heard = BT_WORD(8, 2, BT_OPEN) });
	expect(&p, BT_X_VIP_SENT_ON, "help, by one who is at another number");
	fresh(&(struct host){ .id = 1, .word = own, .heard = BT_WORD(7, 1, BT_ARMED), .no_path = true });
	expect(&p, BT_X_VIP_SENT_ON, "help, by one who is not heard");
	fresh(&(struct host){ .id = 1, .word = own, .heard = BT_WORD(7, 1, BT_ARMED) });
	memcpy(p.data, macs[2], 6);
	expect(&p, BT_X_VIP_SENT_ON, "help, flooded");
}

/* ---- neighbours ------------------------------------------------------------------------------- */

static struct bt_neigh neighbour(const uint8_t mac[6], uint16_t group)
{
	struct bt_neigh_key key = { .group = group };
	struct bt_neigh n = {};

	memcpy(key.mac, mac, 6);
	bpf_map_lookup_elem(rig_map("st_neigh"), &key, &n);
	return n;
}

static void check_neighbour(const struct host *h, const struct packet_spec *spec, const char *what)
{
	struct in6_addr from, to;
	struct bt_neigh n;
	struct packet p;
	uint64_t before;

	fresh(h);
	packet_ip(spec->from, &from);
	packet_ip(spec->to, &to);
	client_frame(&p, spec, 1);
	rig_xdp(&p, NULL, NULL);
	before = rig_now();
	rig_xdp(&p, NULL, NULL);
	n = neighbour(macs[0], 0);
	CHECK(n.packets == 2, "%s: %llu frames", what, n.packets);
	CHECK(n.last_ns >= before && n.last_ns <= rig_now(), "%s: last at %llu", what, n.last_ns);
	CHECK(n.ifindex == 1, "%s: interface %u", what, n.ifindex);
	CHECK(!memcmp(n.ip, &from, 16) && !memcmp(n.vip, &to, 16), "%s: addresses", what);
	CHECK(!neighbour(macs[0], 1).packets, "%s: in the other group", what);
}

static void test_neighbours(void **state)
{
	static const struct { struct host host; const char *what; } cases[] = {
		{ { .id = 1, .word = BT_WORD(7, 1, BT_RELAY) }, "relay" },
		{ { .id = 1, .word = BT_WORD(7, 1, BT_RELAY), .path_ago_ns = 20 * RIG_INTERVAL_NS }, "relay, lost" },
		{ { .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .heard = BT_WORD(7, 2, BT_OPEN) }, "help" },
		{ { .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .heard = BT_WORD(7, 2, BT_SHUT) }, "armed" },
		{ { .id = 1, .word = BT_WORD(7, 1, BT_ARMED) }, "claim" },
	};

	(void)state;
	for (size_t c = 0; c < N(cases); c++)
		for (size_t i = 0; i < N(specs); i++)
			check_neighbour(&cases[c].host, &specs[i], cases[c].what);
}

static void test_no_neighbours(void **state)
{
	static const struct { struct host host; const char *what; } cases[] = {
		{ { .id = 1, .word = BT_WORD(7, 1, BT_OPEN), .lease_s = 60 }, "open" },
		{ { .id = 1, .word = BT_WORD(7, 1, BT_OPEN) }, "no lease" },
		{ { .id = 1, .word = BT_WORD(7, 1, BT_SHUT) }, "shut" },
		{ { .id = 1, .word = BT_WORD(7, 1, BT_RELAY), .no_path = true }, "we do not know our own address there" },
	};
	struct packet p;

	(void)state;
	for (size_t c = 0; c < N(cases); c++) {
		fresh(&cases[c].host);
		client_frame(&p, &plain, 1);
		rig_xdp(&p, NULL, NULL);
		CHECK(!neighbour(macs[0], 0).packets, "%s", cases[c].what);
	}
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
	p.data[6] |= 1;
	expect(&p, BT_X_VIP_RELAY, "from all");
	CHECK(!neighbour(p.data + 6, 0).packets, "a group address is nobody's");
}

/* Whoever forges source addresses gets his frames sent on, and nobody else is the worse for it. */
static void test_a_flood_of_neighbours(void **state)
{
	struct packet p;
	uint32_t verdict;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
	client_frame(&p, &plain, 1);
	for (uint32_t i = 0; i < 3 * BT_NEIGH_MAX; i++) {
		if (i % 64 == 0)
			become(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
		mark_write(p.data + 6, (uint64_t)i << 8 | 2);
		verdict = rig_verdict(&p, NULL);
		CHECK(verdict == XDP_TX, "frame %u of a flood: verdict %u", i, verdict);
	}
	CHECK(neighbour(p.data + 6, 0).packets == 1, "the last one is not known");
}

/* ---- fragments -------------------------------------------------------------------------------- */

static const struct { struct packet_spec first, later; } datagrams[] = {
	{ { .from = CLIENT4, .to = RIG_VIP4, .text = FIRST, .fragmented = true, .frag = PACKET_MORE },
	  { .from = CLIENT4, .to = RIG_VIP4, .text = "last", .fragmented = true, .frag = 64 } },
	{ { .from = CLIENT4, .to = RIG_VIP4, .text = FIRST, .fragmented = true, .frag = PACKET_MORE, .vlans = 2 },
	  { .from = CLIENT4, .to = RIG_VIP4, .text = "middle", .fragmented = true, .frag = PACKET_MORE | 64 } },
	{ { .from = CLIENT6, .to = RIG_VIP6, .text = FIRST, .fragmented = true, .frag = PACKET_MORE },
	  { .from = CLIENT6, .to = RIG_VIP6, .text = "last", .fragmented = true, .frag = 64 } },
	{ { .from = CLIENT6, .to = RIG_VIP6, .text = FIRST, .fragmented = true, .frag = PACKET_MORE, .exts = 2 },
	  { .from = CLIENT6, .to = RIG_VIP6, .text = "last", .fragmented = true, .frag = 64, .exts = 2 } },
};

static void spoil_id(struct packet *p)
{
	bool v6 = p->data[p->l3] >> 4 == 6;

	p->data[v6 ? p->l4 - 1 : p->l3 + 5]++;
}

static void later_fragments(const struct packet_spec *spec, uint64_t word, uint32_t exit)
{
	struct packet p;

	become(&(struct host){ .id = 1, .word = word, .heard = BT_WORD(7, 1, BT_ARMED) });
	client_frame(&p, spec, 1);
	expect(&p, exit, "a later fragment of what began here");
	spoil_id(&p);
	expect(&p, BT_WORD_MODE(word) == BT_RELAY ? BT_X_VIP_RELAY : BT_WORD_MODE(word) == BT_ARMED ?
	       BT_X_VIP_ARMED : BT_X_VIP_SHUT, "of another datagram");
}

static void test_fragments(void **state)
{
	struct packet p;

	(void)state;
	for (size_t i = 0; i < N(datagrams); i++) {
		fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_OPEN), .lease_s = 60 });
		client_frame(&p, &datagrams[i].first, 1);
		expect(&p, BT_X_VIP_ACCEPTED, "the first");
		become(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
		expect(&p, BT_X_VIP_RELAY, "the first, repeated: a datagram of its own");
		later_fragments(&datagrams[i].later, BT_WORD(7, 1, BT_RELAY), BT_X_VIP_FRAGMENT);
		later_fragments(&datagrams[i].later, BT_WORD(8, 2, BT_RELAY), BT_X_VIP_FRAGMENT);
		later_fragments(&datagrams[i].later, BT_WORD(8, 2, BT_ARMED), BT_X_VIP_FRAGMENT);
		later_fragments(&datagrams[i].later, BT_WORD(8, 2, BT_SHUT), BT_X_VIP_SHUT);
	}
}

static uint64_t *only_fragment(struct bt_frag_key *key)
{
	static uint64_t until;

	if (bpf_map_get_next_key(rig_map("st_frag"), NULL, key))
		return NULL;
	CHECK(!bpf_map_lookup_elem(rig_map("st_frag"), key, &until), "st_frag: %s", strerror(errno));
	return &until;
}

static void test_fragments_are_forgotten(void **state)
{
	struct bt_frag_key key;
	uint64_t *until, past;
	struct packet p;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_OPEN), .lease_s = 60 });
	client_frame(&p, &datagrams[0].first, 1);
	expect(&p, BT_X_VIP_ACCEPTED, "the first");
	until = only_fragment(&key);
	CHECK(until && *until > rig_now() && *until <= rig_now() + RIG_SEC, "until %lu", until ? *until : 0);
	past = rig_now() - 1;
	bpf_map_update_elem(rig_map("st_frag"), &key, &past, BPF_ANY);
	become(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
	client_frame(&p, &datagrams[0].later, 1);
	expect(&p, BT_X_VIP_RELAY, "a second later");
}

/* Only what was let in is remembered, and only of datagrams in pieces. */
static void test_fragments_not_begun_here(void **state)
{
	struct bt_frag_key key;
	struct packet p;

	(void)state;
	fresh(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_RELAY) });
	client_frame(&p, &datagrams[0].first, 1);
	expect(&p, BT_X_VIP_RELAY, "a first fragment, let go");
	CHECK(!only_fragment(&key), "remembered though sent on");
	become(&(struct host){ .id = 1, .word = BT_WORD(7, 1, BT_OPEN), .lease_s = 60 });
	client_frame(&p, &plain, 1);
	expect(&p, BT_X_VIP_ACCEPTED, "a whole datagram");
	client_frame(&p, &datagrams[0].later, 1);
	expect(&p, BT_X_VIP_ACCEPTED, "a later fragment");
	CHECK(!only_fragment(&key), "remembered though no first fragment");
	become(&(struct host){ .id = 1, .word = BT_WORD(7, 2, BT_ARMED), .lease_s = 60 });
	client_frame(&p, &datagrams[0].first, 1);
	mark(p.data + 6, MARK_RELAY, 2, BT_WORD(7, 2, 0));
	expect(&p, BT_X_VIP_TAKEN, "a first fragment that opens");
	CHECK(only_fragment(&key), "not remembered though taken");
}

/* ---- where does one frame end? ---------------------------------------------------------------- */

static unsigned sent_twice, kept;

/* Hand the frame to whom it is addressed until somebody keeps or drops it. How often was it sent on? */
static int follow(const struct host *a, const struct host *b, uint32_t *verdict)
{
	struct packet p, out;
	int sent = 0;

	client_frame(&p, &plain, 1);
	for (;; sent++) {
		become(!memcmp(p.data, macs[1], 6) ? a : b);
		*verdict = rig_verdict(&p, &out);
		if (*verdict != XDP_TX || sent > 2)
			return sent;
		p = out;
	}
}

static void frame_ends(const struct host *a, const struct host *b)
{
	uint32_t verdict;
	int sent = follow(a, b, &verdict);

	CHECK(sent <= 2, "A %lx heard %lx, B %lx heard %lx: sent on again and again", a->word, a->heard, b->word,
	      b->heard);
	sent_twice += sent == 2;
	kept += verdict == XDP_PASS;
}

/* Every word that host @id can have with terms up to 2. */
static size_t words_of(uint8_t id, uint64_t *ret)
{
	size_t n = 0;

	ret[n++] = 0;
	for (uint32_t mode = 0; mode < BT_MODE__N; mode++)
		for (uint32_t term = 1; term <= 2; term++)
			for (uint8_t owner = 1; owner <= 2; owner++)
				if (mode != BT_OPEN || owner == id)
					ret[n++] = BT_WORD(term, owner, mode);
	return n;
}

/*
 * Whatever the two words are, and whatever was heard of them, but for one thing: of two hosts one knows the
 * other's number. The law of changes gives that: to come to a number of its own a host hears the other's first.
 */
static void test_at_most_twice(void **state)
{
	uint64_t of_a[32], of_b[32];
	size_t n = words_of(1, of_a);

	(void)state;
	words_of(2, of_b);
	fresh(&(struct host){ .id = 1 });
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			for (size_t heard = 0; heard < 2 * n; heard++)
				for (int leased = 0; leased < 2; leased++) {
					struct host a = { .id = 1, .word = of_a[i], .lease_s = 60 };
					struct host b = { .id = 2, .word = of_b[k], .lease_s = leased * 60 };

					a.heard = of_b[heard < n ? heard : k];
					b.heard = of_a[heard < n ? i : heard - n];
					frame_ends(&a, &b);
				}
	CHECK(sent_twice && kept, "%u sent on twice, %u kept", sent_twice, kept);
}

#define HOST(n, own, told, left) \
	{ .id = n, .word = BT_WORD own, .heard = BT_WORD told, .lease_s = left }

/* The stories that the rules are for: who serves a client that asks A, step by step. */
static void test_who_serves(void **state)
{
	static const struct { struct host a, b; uint32_t exit; int sent; const char *what; } stories[] = {
		{ HOST(1, (7, 1, BT_OPEN), (7, 1, BT_ARMED), 60), HOST(2, (7, 1, BT_ARMED), (7, 1, BT_OPEN), 60),
		  BT_X_VIP_ACCEPTED, 0, "A holds" },
		{ HOST(1, (7, 1, BT_RELAY), (7, 1, BT_ARMED), 60), HOST(2, (7, 1, BT_ARMED), (7, 1, BT_OPEN), 60),
		  BT_X_VIP_TAKEN, 1, "A has let go" },
		{ HOST(1, (7, 1, BT_RELAY), (7, 1, BT_ARMED), 60), HOST(2, (8, 2, BT_OPEN), (7, 1, BT_RELAY), 60),
		  BT_X_VIP_ACCEPTED, 1, "B has opened" },
		{ HOST(1, (8, 2, BT_RELAY), (8, 2, BT_OPEN), 60), HOST(2, (8, 2, BT_OPEN), (8, 2, BT_RELAY), 60),
		  BT_X_VIP_ACCEPTED, 1, "A has heard" },
		{ HOST(1, (8, 2, BT_ARMED), (8, 2, BT_OPEN), 60), HOST(2, (8, 2, BT_OPEN), (8, 2, BT_ARMED), 60),
		  BT_X_VIP_ACCEPTED, 1, "A stands by" },
		{ HOST(1, (8, 2, BT_ARMED), (8, 2, BT_OPEN), 60), HOST(2, (8, 2, BT_RELAY), (8, 2, BT_ARMED), 60),
		  BT_X_VIP_TAKEN, 2, "B lets go" },
		{ HOST(1, (8, 2, BT_RELAY), (8, 2, BT_ARMED), 60), HOST(2, (8, 2, BT_ARMED), (7, 1, BT_OPEN), 60),
		  BT_X_VIP_TAKEN, 1, "B claims, A obeys" },
		{ HOST(1, (9, 1, BT_ARMED), (8, 2, BT_OPEN), 60), HOST(2, (8, 2, BT_OPEN), (8, 2, BT_ARMED), 60),
		  BT_X_VIP_ACCEPTED, 1, "A claims, unheard" },
		{ HOST(1, (9, 1, BT_ARMED), (8, 2, BT_OPEN), 60), HOST(2, (9, 1, BT_RELAY), (9, 1, BT_ARMED), 60),
		  BT_X_VIP_TAKEN, 2, "A claims, B obeys" },
		{ HOST(1, (7, 1, BT_RELAY), (7, 1, BT_ARMED), 60), HOST(2, (7, 1, BT_ARMED), (7, 1, BT_OPEN), -1),
		  BT_X_VIP_SENT_ON, 1, "B is dead" },
		{ HOST(1, (8, 2, BT_RELAY), (8, 2, BT_RELAY), 60), HOST(2, (8, 2, BT_RELAY), (8, 2, BT_RELAY), 60),
		  BT_X_VIP_SENT_ON, 1, "nobody holds" },
	};
	uint64_t before[BT_X__N], after[BT_X__N];
	uint32_t verdict;
	int sent;

	(void)state;
	fresh(&(struct host){ .id = 1 });
	for (size_t i = 0; i < N(stories); i++) {
		rig_xdp_counts(before);
		sent = follow(&stories[i].a, &stories[i].b, &verdict);
		rig_xdp_counts(after);
		CHECK(sent == stories[i].sent, "%s: %d sendings, not %d", stories[i].what, sent, stories[i].sent);
		CHECK(after[stories[i].exit] == before[stories[i].exit] + 1, "%s: verdict %u, but it did not end as %s",
		      stories[i].what, verdict, rig_xdp_name(stories[i].exit));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_let_go_is_sent_on), cmocka_unit_test(test_sent_on_only_where_the_peer_is_heard),
		cmocka_unit_test(test_paths_of_one_interface), cmocka_unit_test(test_help),
		cmocka_unit_test(test_a_short_silence_ends_no_help), cmocka_unit_test(test_filtered_network),
		cmocka_unit_test(test_flooded), cmocka_unit_test(test_mark_opens), cmocka_unit_test(test_mark_replayed),
		cmocka_unit_test(test_nothing_else_opens), cmocka_unit_test(test_no_address_opens),
		cmocka_unit_test(test_mark_without_a_lease), cmocka_unit_test(test_mark_of_nobody),
		cmocka_unit_test(test_sent_on_once), cmocka_unit_test(test_help_goes_back),
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_no_neighbours),
		cmocka_unit_test(test_a_flood_of_neighbours), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragments_are_forgotten), cmocka_unit_test(test_fragments_not_begun_here),
		cmocka_unit_test(test_at_most_twice), cmocka_unit_test(test_who_serves),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
