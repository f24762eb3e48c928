// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_pulse: is the peer believed when, and only when, it should be; and what is answered?
 *
 * Whatever is refused must change nothing: the whole state is compared before and after, and a good
 * pulse afterwards shows that it could have moved.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "bpf/siphash.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* SipHash-2-4 of the paper: key 00..0f, message 00..0e; and the first of the reference vectors. */
static void test_siphash(void **state)
{
	static const __u64 key[2] = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };
	static const struct { unsigned len; __u64 hash; } vectors[] = {
		{ 0, 0x726fdb47dd0e0e31ULL }, { 1, 0x74f839c593dc67fdULL }, { 2,
				0x0d6c8009d9a94f5aULL },
		{ 7, 0xab0200f58b01d137ULL }, { 8, 0x93f5f5799a932462ULL }, { 15,
				0xa129ca6149be45e5ULL },
		{ 63, 0x958a324ceb064572ULL },
	};
	unsigned char msg[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(msg); i++)
		msg[i] = i;
	for (size_t i = 0; i < N(vectors); i++) {
		__u64 h = siphash(key, msg, vectors[i].len);

		CHECK(h == vectors[i].hash, "of %u bytes: %016llx, not %016llx", vectors[i].len, h,
		      vectors[i].hash);
	}
}

/* As Python 3.11 hashes bytes 00, 01 ... with the key 0. */
static void test_siphash13(void **state)
{
	static const __u64 key[2];
	static const struct { unsigned len; __u64 hash; } vectors[] = {
		{ 1, 0x68a914128e01e473ULL }, { 2, 0x010bac45c41e3669ULL }, { 7, 0x2f098ab0c751325aULL },
		{ 8, 0xead411e67ebe2eeaULL }, { 15, 0xf30eb725bb91c9eaULL }, { 63, 0x385d3e39e5f37359ULL },
	};
	unsigned char msg[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(msg); i++)
		msg[i] = i;
	for (size_t i = 0; i < N(vectors); i++) {
		__u64 h = siphash13(key, msg, vectors[i].len);

		CHECK(h == vectors[i].hash, "of %u bytes: %016llx, not %016llx", vectors[i].len, h, vectors[i].hash);
	}
}

static void send_as(const struct rig_pulse *m, uint32_t path, uint32_t want, const char *what)
{
	struct packet p;
	uint32_t exit;

	rig_frame(&p, m, path, 0);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* The same, and nothing may have changed but what unauth_ns says. */
static void refused(const struct packet *p, uint32_t want, const char *what)
{
	struct rig_world before, after;
	const char *diff;
	uint32_t exit;

	while (rig_event().kind)
		;
	rig_world(&before);
	exit = rig_xdp(p, NULL, NULL);
	rig_world(&after);
	CHECK(!want || exit == want, "%s: %s, not %s", what, rig_xdp_name(exit),
	      rig_xdp_name(want));
	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (exit == BT_X_PULSE_MAC)
			after.pair.path[i].unauth_ns = before.pair.path[i].unauth_ns;
	diff = rig_world_diff(&before, &after);
	CHECK(!diff, "%s: refused as %s, yet %s changed", what, rig_xdp_name(exit), diff);
	CHECK(!rig_event().kind, "%s: refused, yet there is an event", what);
}

static void refused_pulse(const struct rig_pulse *m, uint32_t want, const char *what)
{
	struct packet p;

	rig_frame(&p, m, 0, 0);
	refused(&p, want, what);
}

/* What was refused before could have been believed: this one is. */
static void witness(uint64_t seq)
{
	struct rig_pulse m = rig_pulse(seq);
	struct rig_world before, after;

	rig_world(&before);
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "witness");
	rig_world(&after);
	CHECK(rig_world_diff(&before, &after), "a good pulse moved nothing");
}

/* The frame of an answer, layer by layer. */
static void check_frame(const struct packet *in, struct packet *out, uint32_t path)
{
	uint32_t ip = path == 1 ? 16 : 4, src = in->l3 + (path == 1 ? 8 : 12);

	CHECK(out->len == in->len, "answer of %u bytes to a probe of %u", out->len, in->len);
	CHECK(!memcmp(out->data, in->data + 6, 6) && !memcmp(out->data + 6, in->data, 6),
	      "MACs not swapped");
	CHECK(!memcmp(out->data + 12, in->data + 12, in->l3 - 12), "tags changed");
	CHECK(!memcmp(out->data + src, in->data + src + ip, ip) && !memcmp(out->data + src + ip,
			in->data + src, ip),
	      "addresses not swapped");
	CHECK(!memcmp(out->data + out->l4, in->data + in->l4 + 2, 2) &&
	      !memcmp(out->data + out->l4 + 2,
	      in->data + in->l4, 2), "ports not swapped");
	CHECK(out->data[out->l3 + (path == 1 ? 7 : 8)] == 64, "TTL is not 64");
	CHECK(packet_sums_ok(out), "a checksum is wrong");
}

static void test_answer(void **state)
{
	struct rig_pulse m, a;
	struct packet in, out;
	struct bt_pair pair;

	(void)state;
	for (uint32_t path = 0; path < 3; path++)
		for (int vlans = 0; vlans <= 2; vlans++) {
			rig_reset();
			rig_open_gate(0);
			m = rig_pulse(41);
			rig_frame(&in, &m, path, vlans);
			CHECK(rig_xdp(&in, &out, NULL) == BT_X_PULSE_ANSWERED, "path %u vlans %d",
			      path, vlans);
			check_frame(&in, &out, path);
			CHECK(rig_answer(&out, &a), "MAC of the answer is wrong");
			pair = rig_pair();
			CHECK(a.type == PULSE_ANSWER && a.from == 1 && a.to == 2 &&
			      a.pair_id == 7 && a.n_groups == 1 &&
			      a.version == PULSE_VERSION && a.magic == PULSE_MAGIC, "head");
			CHECK(a.seq == 41 && a.boot == RIG_BOOT && a.to_boot == RIG_PEER_BOOT &&
			      a.echo == m.nonce,
			      "seq %lu boot %lx to %lx echo %lx", a.seq, a.boot, a.to_boot, a.echo);
			CHECK(a.nonce == pair.nonce && a.nonce != RIG_NONCE && a.nonce, "nonce %lx",
			      a.nonce);
			CHECK(a.heard_ms == 0 && a.flags == 0, "just heard, yet %u ms", a.heard_ms);
		}
}

static void test_answer_tells_our_groups(void **state)
{
	struct bt_seen seen = { .requests = 0x1234567890ULL, .wants = 0x100000007, .finals = 0x100000004 };
	struct rig_pulse m = rig_pulse(1), a;
	struct packet in, out;
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	rig_set_lease(0, rig_now() + 200000000);
	seen.response_ns = rig_now() - 50000000;
	seen.accept_ns = rig_now() - 7000000;
	bpf_map_update_elem(rig_map("st_seen"), &zero, &seen, 0);
	m.n_groups = 3;			/* another order than ours, and a stranger among them */
	m.block[1] = m.block[0];
	m.block[0].name_hash = rig_name_hash(1);
	m.block[2] = m.block[0];
	m.block[2].name_hash = htonl(0xdeadbeef);
	m.block[1].word = BT_WORD(7, 1, BT_ARMED);
	rig_frame(&in, &m, 0, 0);
	CHECK(rig_xdp(&in, &out, NULL) == BT_X_PULSE_ANSWERED && rig_answer(&out, &a),
	      "three groups");

	CHECK(a.block[1].name_hash == rig_name_hash(0) && a.block[1].word == BT_WORD(7, 1,
			BT_OPEN) &&
	      a.block[1].echo == BT_WORD(7, 1,
					 BT_ARMED) && a.block[1].digest == RIG_DIGEST, "our word %lx echo %lx",
	      a.block[1].word, a.block[1].echo);
	CHECK(a.block[1].lease_left_us > 150000 && a.block[1].lease_left_us <= 200000, "%u us",
	      a.block[1].lease_left_us);
	CHECK(a.block[1].resp_age_ms >= 50 && a.block[1].resp_age_ms < 90, "%u ms",
	      a.block[1].resp_age_ms);
	CHECK(a.block[1].requests == 0x34567890, "requests %x", a.block[1].requests);
	CHECK(a.block[1].accept_age_us >= 7000 && a.block[1].accept_age_us < 47000, "accepted %u us ago",
	      a.block[1].accept_age_us);
	CHECK(a.block[1].unanswered == 3, "%u unanswered", a.block[1].unanswered);
	CHECK(a.block[0].accept_age_us == PULSE_NEVER && !a.block[0].unanswered,
	      "the other group accepted %u us ago, %u unanswered", a.block[0].accept_age_us, a.block[0].unanswered);
	CHECK(a.block[1].flags == (PULSE_F_KNOWN | PULSE_F_RUNNING | PULSE_F_VIP | PULSE_F_LEASED),
	      "flags %x",
	      a.block[1].flags);
	CHECK(a.block[0].name_hash == rig_name_hash(1) && a.block[0].word == 0 &&
	      a.block[0].lease_left_us == 0 &&
	      a.block[0].resp_age_ms == PULSE_NEVER && !(a.block[0].flags & PULSE_F_LEASED), "the other group");
	CHECK(!memcmp(&a.block[2], &(struct rig_block){ .name_hash = htonl(0xdeadbeef) },
		      sizeof(a.block[2])),
	      "a group that we do not have");
}

static void test_heard(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct rig_world w;
	uint64_t before;

	(void)state;
	rig_reset();
	rig_believe();
	m.block[0].word = BT_WORD(3, 2, BT_SHUT);
	m.block[0].echo = BT_WORD(2, 1, BT_RELAY);
	before = rig_now();
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "a probe");
	rig_world(&w);
	CHECK(w.heard[0].word == m.block[0].word && w.heard[0].echo == m.block[0].echo,
	      "word or echo");
	CHECK(w.heard[0].at_ns >= before && w.heard[0].at_ns <= rig_now(), "at %lu",
	      (long)w.heard[0].at_ns);
	CHECK(w.heard[0].lease_left_us == 1000 && w.heard[0].resp_age_ms == 5 &&
	      w.heard[0].flags == PULSE_F_KNOWN &&
	      ntohl(w.heard[0].digest) == 0x0a0b0c0d && w.heard[0].requests == 9, "details");
	CHECK(w.heard[0].unanswered == 4 && w.heard[0].accept_ns == w.heard[0].at_ns - 2000000,
	      "%u unanswered, accepted %ld us before", w.heard[0].unanswered,
	      (long)(w.heard[0].at_ns - w.heard[0].accept_ns) / 1000);
	CHECK(w.heard[0].same_seq == 0, "a probe is no answer");
	CHECK(w.pair.path[0].heard_ns == w.heard[0].at_ns && w.pair.path[0].peer_heard_ms == 3 &&
	      w.pair.path[0].probe_top == 2 && w.pair.path[0].probe_bits == 3 && w.pair.peer_nonce == 0x77, "books");
	CHECK(!w.pair.path[1].heard_ns && !w.heard[1].at_ns, "another path or group moved");
}

/* Ages and counts at their ends: never, before our clock began, more answers than requests. */
static void test_ends_of_ages(void **state)
{
	struct bt_seen seen = { .wants = 4, .finals = 5, .accept_ns = rig_now() + RIG_SEC };
	struct rig_pulse m = rig_pulse(2), a;
	struct packet in, out;
	struct rig_world w;
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	rig_believe();
	m.block[0].accept_age_us = PULSE_NEVER;
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "never");
	rig_world(&w);
	CHECK(!w.heard[0].accept_ns, "never is not %lu", (long)w.heard[0].accept_ns);
	m.seq = 3;
	m.block[0].accept_age_us = PULSE_NEVER - 1;
	bpf_map_update_elem(rig_map("st_seen"), &zero, &seen, 0);
	rig_frame(&in, &m, 0, 0);
	CHECK(rig_xdp(&in, &out, NULL) == BT_X_PULSE_ANSWERED && rig_answer(&out, &a), "a probe");
	rig_world(&w);
	CHECK(!w.heard[0].accept_ns || w.heard[0].accept_ns == w.heard[0].at_ns - (PULSE_NEVER - 1) * 1000ULL,
	      "an age of 71 minutes became %lu", (long)w.heard[0].accept_ns);
	CHECK(a.block[0].accept_age_us == 0, "another CPU's clock is ahead: %u us", a.block[0].accept_age_us);
	CHECK(a.block[0].unanswered == 0, "%u unanswered of 4 with 5 answers", a.block[0].unanswered);
}

/* What a lease may be counted from: the newest probe answered at our own number. */
static void test_same_seq(void **state)
{
	struct rig_pulse m = rig_pulse(9);
	struct rig_world w;

	(void)state;
	rig_reset();
	rig_believe();
	rig_open_gate(0);
	m.type = PULSE_ANSWER;
	m.block[0].word = BT_WORD(6, 2, BT_ARMED);
	send_as(&m, 2, BT_X_PULSE_HEARD, "an answer at a lower number");
	rig_world(&w);
	CHECK(w.heard[0].same_seq == 0 && w.pair.path[2].answer_top == 9 &&
	      w.pair.path[2].answer_ns, "lower number");
	m.seq = 10;
	m.block[0].word = BT_WORD(7, 1, BT_ARMED);
	send_as(&m, 2, BT_X_PULSE_HEARD, "an answer at our number");
	rig_world(&w);
	CHECK(w.heard[0].same_seq == 10 && w.heard[0].same_path == 2, "seq %lu path %u",
	      (long)w.heard[0].same_seq,
	      w.heard[0].same_path);
	m.seq = 8;	/* late, in the window: believed, but no news */
	send_as(&m, 2, BT_X_PULSE_HEARD, "a late answer");
	rig_world(&w);
	CHECK(w.heard[0].same_seq == 10, "a late answer took same_seq back to %lu",
	      (long)w.heard[0].same_seq);
	m.type = PULSE_PROBE;
	m.seq = 11;
	m.block[0].word = BT_WORD(8, 2, BT_SHUT);	/* higher, but neither open nor claimed */
	send_as(&m, 2, BT_X_PULSE_ANSWERED, "a probe");
	rig_world(&w);
	CHECK(w.heard[0].same_seq == 10 && w.heard[0].word == m.block[0].word,
	      "a probe moved same_seq");
}

/* The slower path's older news: the lower number does not come back. */
static void test_slow_path(void **state)
{
	struct rig_pulse m = rig_pulse(5);
	struct rig_world w;

	(void)state;
	rig_reset();
	rig_believe();
	m.block[0].word = BT_WORD(9, 2, BT_RELAY);
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "fast path");
	m.block[0].word = BT_WORD(8, 2, BT_ARMED);
	send_as(&m, 1, BT_X_PULSE_ANSWERED, "slow path");
	rig_world(&w);
	CHECK(w.heard[0].word == BT_WORD(9, 2, BT_RELAY), "slow path brought back %lx",
	      (long)w.heard[0].word);
	CHECK(w.pair.path[1].heard_ns > w.pair.path[0].heard_ns, "it was heard all the same");
}

static void test_window(void **state)
{
	static const struct { uint64_t seq; bool new; } steps[] = {
		{ 1, false }, { 2, true }, { 2, false }, { 100, true }, { 100, false }, { 99,
				true }, { 99, false },
		{ 37, true }, { 37, false }, { 36, false }, { 2, false }, { 101, true }, { 38,
				true }, { 37, false },
		{ 164, true }, { 101, false }, { 100, false }, { 228, true }, { 164, false }, { 165,
				true },
		{ ~0ULL - 1, true }, { 228, false }, { ~0ULL, true }, { ~0ULL, false },
	};
	struct rig_pulse m;
	char what[32];

	(void)state;
	for (int type = PULSE_PROBE; type <= PULSE_ANSWER; type++) {
		rig_reset();
		rig_believe();
		for (size_t i = type == PULSE_PROBE ? 0 : 1; i < N(steps); i++) {
			m = rig_pulse(steps[i].seq);
			m.type = type;
			snprintf(what, sizeof(what), "step %zu", i);
			if (!steps[i].new)
				refused_pulse(&m, BT_X_PULSE_REPLAY, what);
			else
				send_as(&m, 0,
					type == PULSE_PROBE ? BT_X_PULSE_ANSWERED : BT_X_PULSE_HEARD, what);
		}
		m = rig_pulse(2);
		m.type = type;
		send_as(&m, 1, type == PULSE_PROBE ? BT_X_PULSE_ANSWERED : BT_X_PULSE_HEARD,
			"other paths have their own");
	}
}

/* Every length of payload, the rest consistent; with what a valid pulse would have there. */
static void test_every_length(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct packet whole, p;
	uint8_t payload[2000];

	(void)state;
	rig_reset();
	rig_believe();
	rig_frame(&whole, &m, 0, 0);
	memset(payload, 0, sizeof(payload));
	memcpy(payload, whole.data + whole.payload, whole.len - whole.payload);
	for (uint32_t len = 0; len <= 2000; len++) {
		if (len == PULSE_HEAD_BYTES + PULSE_GROUP_BYTES)
			continue;
		packet_make(&p, &(struct packet_spec){ .from = RIG_PEER4, .to = RIG_US4,
						       .dport = RIG_PORT,
						       .payload = payload, .payload_len = len });
		refused(&p, BT_X_PULSE_LENGTH, "length");
	}
	witness(2);
}

static void test_group_count(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct packet p;

	(void)state;
	rig_reset();
	rig_believe();
	for (int n = 0; n < 256; n++) {		/* the count lies */
		m = rig_pulse(2);
		rig_frame(&p, &m, 0, 0);
		p.data[p.payload + offsetof(struct pulse_head, n_groups)] = n;
		if (n != 1)
			refused(&p, BT_X_PULSE_LENGTH, "a count that does not fit");
	}
	for (uint32_t n = 1; n <= PULSE_GROUPS_MAX + 1; n++) {	/* the count is true */
		m = rig_pulse(n + 1);
		m.n_groups = n;
		for (uint32_t i = 1; i < n; i++) {
			m.block[i] = m.block[0];
			m.block[i].name_hash = htonl(0x100 + i);
		}
		if (n <= PULSE_GROUPS_MAX)
			send_as(&m, 0, BT_X_PULSE_ANSWERED, "groups");
		else
			refused_pulse(&m, BT_X_PULSE_LENGTH, "one group too many");
	}
	m = rig_pulse(40);
	m.n_groups = 0;
	refused_pulse(&m, BT_X_PULSE_RANGE, "no group");
	witness(41);
}

static void test_every_bit(void **state)
{
	struct packet good, p;
	struct rig_pulse m;
	uint32_t bits;

	(void)state;
	for (int type = PULSE_PROBE; type <= PULSE_ANSWER; type++) {
		rig_reset();
		rig_believe();
		rig_open_gate(0);
		m = rig_pulse(2);
		m.type = type;
		m.block[0].word = BT_WORD(8, 2, BT_OPEN);	/* would close us */
		rig_frame(&good, &m, 0, 0);
		bits = (good.len - good.payload) * 8;
		for (uint32_t bit = 0; bit < bits; bit++) {
			p = good;
			p.data[p.payload + bit / 8] ^= 1 << bit % 8;
			refused(&p, 0, "one bit");
		}
		CHECK(rig_word(0) == BT_WORD(7, 1, BT_OPEN), "word %lx", rig_word(0));
		refused(&p, BT_X_PULSE_MAC, "the last bit");
		CHECK(rig_pair().path[0].unauth_ns, "a wrong MAC left no trace");
		send_as(&m, 0, type == PULSE_PROBE ? BT_X_PULSE_ANSWERED : BT_X_PULSE_HEARD,
			"unspoilt");
		CHECK(rig_word(0) == BT_WORD(8, 2, BT_RELAY), "unspoilt, it closes us: %lx",
		      rig_word(0));
	}
}

struct bad {
	const char *what;
	uint32_t exit;
	size_t off, size;
	uint64_t value;
};

#define HEAD(field, value, exit) { #field " " #value, BT_X_PULSE_##exit, offsetof(struct rig_pulse, field), \
	sizeof(((struct rig_pulse *)0)->field), value }
#define BLOCK(field, value) { #field " " #value, BT_X_PULSE_RANGE, offsetof(struct rig_pulse, block[0].field), \
	sizeof(((struct rig_pulse *)0)->block[0].field), value }

/* Signed with the right key, and still refused. */
static void test_refusals(void **state)
{
	static const struct bad bad[] = {
		HEAD(magic, 0, VERSION), HEAD(version, 0, VERSION), HEAD(version, PULSE_VERSION + 1,
				VERSION), HEAD(type, 0, VERSION),
		HEAD(type, 3, VERSION), HEAD(pair_id, 8, PAIR), HEAD(from, 1, PAIR), HEAD(from, 3,
				PAIR),
		HEAD(to, 2, PAIR), HEAD(to, 0, PAIR), HEAD(key[0], 1, MAC), HEAD(key[1], 1, MAC),
		HEAD(seq, 1, REPLAY), HEAD(seq, 0, RANGE), HEAD(flags, 8, RANGE), HEAD(boot, 0,
				RANGE),
		BLOCK(name_hash, 0), BLOCK(flags, 0x40000), BLOCK(flags, 0x80000000),
		BLOCK(word, 1), BLOCK(word, 0x8000), BLOCK(word, BT_WORD(9, 2,
				BT_MODE__N)), BLOCK(word, BT_WORD(9, 3, BT_SHUT)),
		BLOCK(word, BT_WORD(9, 1, BT_OPEN)), BLOCK(word, BT_WORD(9, 0,
				BT_SHUT)), BLOCK(word, BT_WORD(0, 2, BT_SHUT)),
		BLOCK(word, BT_WORD(0, 0, BT_ARMED)), BLOCK(word, BT_WORD(0, 0, BT_OPEN)),
		BLOCK(echo, 1), BLOCK(echo, BT_WORD(9, 2, BT_OPEN)), BLOCK(echo, BT_WORD(9, 1, 77)),
		BLOCK(echo, BT_WORD(9, 7, BT_SHUT)),
	};
	struct rig_pulse m;

	(void)state;
	rig_reset();
	rig_believe();
	rig_open_gate(0);
	for (size_t i = 0; i < N(bad); i++) {
		m = rig_pulse(2);
		memcpy((char *)&m + bad[i].off, &bad[i].value, bad[i].size);
		refused_pulse(&m, bad[i].exit, bad[i].what);
	}
	witness(2);
}

/* A wrong field in the last of many blocks is found, and the first ones were not taken in before. */
static void test_range_of_last_block(void **state)
{
	struct rig_pulse m = rig_pulse(2);

	(void)state;
	rig_reset();
	rig_believe();
	rig_open_gate(0);
	m.n_groups = PULSE_GROUPS_MAX;
	for (int i = 1; i < PULSE_GROUPS_MAX; i++)
		m.block[i] = m.block[0];
	m.block[0].word = BT_WORD(8, 2, BT_OPEN);
	m.block[PULSE_GROUPS_MAX - 1].word = 1;
	refused_pulse(&m, BT_X_PULSE_RANGE, "last of 16 blocks");
	CHECK(rig_word(0) == BT_WORD(7, 1, BT_OPEN), "the first block was taken in");
	m.block[PULSE_GROUPS_MAX - 1].word = 0;
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "all sound");
	CHECK(rig_word(0) == BT_WORD(8, 2, BT_RELAY), "word %lx", rig_word(0));
}

static void test_headers(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct bt_path elsewhere = { .ifindex = 2 };
	struct packet good, p;
	struct in6_addr ip;
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	rig_believe();
	rig_frame(&good, &m, 0, 0);
	p = good;
	p.data[p.l3 + 6] = 0x20;		/* more fragments */
	refused(&p, BT_X_PULSE_LENGTH, "first fragment");
	p = good;
	p.data[p.l4 + 5]++;
	refused(&p, BT_X_PULSE_LENGTH, "udp len one more");
	p = good;
	p.data[p.l4 + 5]--;
	refused(&p, BT_X_PULSE_LENGTH, "udp len one less");
	packet_make(&p, &(struct packet_spec){ .from = RIG_PEER4, .to = RIG_US4, .dport = RIG_PORT,
					       .ihl = 6,
		    .payload = good.data + good.payload, .payload_len = good.len - good.payload });
	refused(&p, BT_X_PULSE_LENGTH, "IP options");
	packet_make(&p, &(struct packet_spec){ .from = RIG_PEER6, .to = RIG_US6, .dport = RIG_PORT,
					       .exts = 1,
		    .payload = good.data + good.payload, .payload_len = good.len - good.payload });
	refused(&p, BT_X_PULSE_LENGTH, "extension header");
	packet_make(&p, &(struct packet_spec){ .from = "10.77.0.3", .to = RIG_US4,
					       .dport = RIG_PORT,
		    .payload = good.data + good.payload, .payload_len = good.len - good.payload });
	refused(&p, BT_X_PULSE_STRANGER, "from another address");
	packet_ip(RIG_PEER4, &ip);
	memcpy(elsewhere.peer, &ip, 16);
	bpf_map_update_elem(rig_map("cfg_path"), &zero, &elsewhere, 0);
	refused(&good, BT_X_PULSE_STRANGER, "by another interface");
	elsewhere.ifindex = 1;
	bpf_map_update_elem(rig_map("cfg_path"), &zero, &elsewhere, 0);
	witness(2);
}

/* Our own message, sent back to us, and our answer turned round. */
static void test_reflection(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct packet in, out;

	(void)state;
	rig_reset();
	rig_believe();
	m.from = 1, m.to = 2, m.boot = RIG_BOOT, m.to_boot = RIG_PEER_BOOT;
	m.key[0] = rig_node()->key_out[0], m.key[1] = rig_node()->key_out[1];
	refused_pulse(&m, BT_X_PULSE_PAIR, "our own probe");
	m.from = 2, m.to = 1;
	refused_pulse(&m, BT_X_PULSE_MAC, "signed with the other direction's key");
	m = rig_pulse(2);
	rig_frame(&in, &m, 0, 0);
	CHECK(rig_xdp(&in, &out, NULL) == BT_X_PULSE_ANSWERED, "a probe");
	memcpy(out.data + out.l3, in.data + in.l3,
	       20 + 8);	/* as if it came from the peer's address */
	refused(&out, BT_X_PULSE_PAIR, "our own answer");
	witness(3);
}

static void unfilled(uint8_t my_id, uint64_t boot)
{
	struct rig_pulse m = rig_pulse(2);
	struct bt_node n = *rig_node();
	uint32_t zero = 0;

	n.pulse_port = htons(RIG_PORT);
	n.my_id = my_id;
	n.boot = boot;
	bpf_map_update_elem(rig_map("cfg_node"), &zero, &n, 0);
	refused_pulse(&m, BT_X_BROKEN, "cfg_node not filled");
}

static void test_unfilled(void **state)
{
	(void)state;
	rig_reset();
	unfilled(0, RIG_BOOT);
	unfilled(1, 0);
	rig_reset();
	witness(2);
}

/* Both new: who knows nothing is answered, and believed when it echoes. */
static void test_meeting(void **state)
{
	struct rig_pulse m = rig_pulse(1), a;
	struct rig_world before, after;
	struct packet p, out;
	struct bt_event ev;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	m.to_boot = 0;
	m.echo = 0;
	m.block[0].word = BT_WORD(8, 2, BT_OPEN);
	rig_frame(&p, &m, 0, 0);
	rig_world(&before);
	CHECK(rig_xdp(&p, &out, NULL) == BT_X_PULSE_UNBELIEVED, "knows nothing");
	rig_world(&after);
	CHECK(!rig_world_diff(&before, &after), "not believed, yet %s changed",
	      rig_world_diff(&before, &after));
	CHECK(rig_answer(&out, &a) && a.boot == RIG_BOOT && a.nonce == RIG_NONCE &&
	      a.to_boot == RIG_PEER_BOOT &&
	      a.echo == m.nonce && a.heard_ms == PULSE_NEVER, "what it is told: heard %u ms ago", a.heard_ms);
	CHECK(a.flags == PULSE_H_STRANGER && a.block[0].word == 0 && a.block[0].flags == 0,
	      "a life not believed is told of our groups: word %lx", (long)a.block[0].word);

	m = rig_pulse(2);
	m.echo = a.nonce;
	m.to_boot = a.boot;
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "echoes");
	ev = rig_event();
	CHECK(ev.kind == BT_EV_BOOT && ev.from == 0 && ev.to == RIG_PEER_BOOT, "event %u", ev.kind);
	CHECK(rig_pair().boots == 1 && rig_pair().peer_boot == RIG_PEER_BOOT &&
	      rig_pair().nonce != RIG_NONCE, "books");
	m.seq = 1;		/* the first one, late, from before it knew us: believed boot, not for us */
	m.to_boot = m.echo = 0;
	refused_pulse(&m, BT_X_PULSE_UNBELIEVED, "late first probe");
	refused_pulse(&m, BT_X_PULSE_UNBELIEVED, "and again");
}

/* Only our probes get through: the peer is believed by its answer. */
static void test_meeting_by_answer(void **state)
{
	struct rig_pulse m = rig_pulse(17);
	struct rig_world w;

	(void)state;
	rig_reset();
	m.type = PULSE_ANSWER;
	m.echo = RIG_NONCE + 1;
	refused_pulse(&m, BT_X_PULSE_BOOT, "an answer to another nonce");
	m.echo = 0;
	refused_pulse(&m, BT_X_PULSE_BOOT, "an answer to no nonce");
	m.echo = RIG_NONCE;
	m.to_boot = RIG_BOOT + 1;
	refused_pulse(&m, BT_X_PULSE_BOOT, "an answer to an earlier life of ours");
	m.to_boot = RIG_BOOT;
	m.flags = PULSE_H_STRANGER;	/* with a word that ought not to be there */
	send_as(&m, 0, BT_X_PULSE_HEARD, "an answer to our probe");
	rig_world(&w);
	CHECK(w.heard[0].at_ns == 0 && w.heard[0].word == 0, "heard of who does not believe us: %lx",
	      (long)w.heard[0].word);
	CHECK(rig_pair().peer_boot == RIG_PEER_BOOT && rig_pair().path[0].answer_top == 17,
	      "books");
	refused_pulse(&m, BT_X_PULSE_REPLAY, "its duplicate");
}

static void test_no_nonce_no_belief(void **state)
{
	struct bt_pair none = { .nonce = 0 };
	struct rig_pulse m = rig_pulse(1);
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	bpf_map_update_elem(rig_map("st_pair"), &zero, &none, 0);
	m.echo = 0;
	refused_pulse(&m, BT_X_PULSE_UNBELIEVED, "echo 0 of a nonce that was never made");
}

/* The peer dies and lives again: its old life is over for good. */
static void test_peer_reborn(void **state)
{
	struct rig_pulse old = rig_pulse(50), new = rig_pulse(1);
	struct rig_world w;
	struct bt_event ev;
	uint64_t nonce;

	(void)state;
	rig_reset();
	rig_believe();
	old.block[0].word = BT_WORD(5, 2, BT_RELAY);
	send_as(&old, 0, BT_X_PULSE_ANSWERED, "old life");
	old.seq = 7;
	send_as(&old, 1, BT_X_PULSE_ANSWERED, "old life, second path");

	new.boot = RIG_PEER_BOOT + 1;
	new.echo = 0, new.to_boot = 0;
	refused_pulse(&new, BT_X_PULSE_UNBELIEVED, "new life, knows nothing");
	new.to_boot = RIG_BOOT;
	new.echo = RIG_NONCE;
	refused_pulse(&new, BT_X_PULSE_UNBELIEVED, "new life, an echo that was used up");
	nonce = new.echo = rig_pair().nonce;
	new.to_boot = RIG_BOOT - 1;
	refused_pulse(&new, BT_X_PULSE_UNBELIEVED, "right echo, but for an earlier life of ours");
	new.to_boot = RIG_BOOT;
	send_as(&new, 0, BT_X_PULSE_ANSWERED, "new life, right echo");
	rig_world(&w);
	ev = rig_event();
	CHECK(ev.kind == BT_EV_BOOT && ev.from == RIG_PEER_BOOT && ev.to == RIG_PEER_BOOT + 1,
	      "event %u", ev.kind);
	CHECK(w.pair.boots == 2 && w.pair.nonce != nonce && w.pair.path[0].probe_top == 1 &&
	      w.pair.path[1].probe_top == 0 && w.pair.path[1].heard_ns, "boots %u tops %ld %ld", w.pair.boots,
	      (long)w.pair.path[0].probe_top, (long)w.pair.path[1].probe_top);
	CHECK(w.heard[0].word == 0 && w.heard[0].at_ns,
	      "what the old life said is still there: %lx", (long)w.heard[0].word);

	old.seq = 51;		/* late frames of the old life, with every echo that it can have had */
	refused_pulse(&old, BT_X_PULSE_UNBELIEVED, "old life's probe");
	old.echo = nonce;
	refused_pulse(&old, BT_X_PULSE_UNBELIEVED, "old life's probe, last nonce that it knew");
	old.type = PULSE_ANSWER;
	refused_pulse(&old, BT_X_PULSE_BOOT, "old life's answer");
	new.seq = 2;
	send_as(&new, 0, BT_X_PULSE_ANSWERED, "the new life goes on");
}

/* A dead life's probe overtakes its successor's: believed once, replaced by the next true one. */
static void test_dead_mans_probe(void **state)
{
	struct rig_pulse dead = rig_pulse(1), live = rig_pulse(1);

	(void)state;
	rig_reset();
	dead.boot = RIG_PEER_BOOT - 1;
	send_as(&dead, 0, BT_X_PULSE_ANSWERED, "echoes the nonce of just then");
	send_as(&live, 0, BT_X_PULSE_UNBELIEVED, "the same echo is used up");
	live.seq = 2;
	live.echo = rig_pair().nonce;
	send_as(&live, 0, BT_X_PULSE_ANSWERED, "with what it was answered");
	dead.seq = 2;
	refused_pulse(&dead, BT_X_PULSE_UNBELIEVED, "the dead do not come back");
	CHECK(rig_pair().peer_boot == RIG_PEER_BOOT && rig_pair().boots == 2, "boots %u",
	      rig_pair().boots);
}

/* We were reborn and believe the peer by its answer, before it knows of our new life. */
static void test_we_reborn(void **state)
{
	struct rig_pulse m = rig_pulse(300), a;
	struct packet p, out;

	(void)state;
	rig_reset();
	m.type = PULSE_ANSWER;
	send_as(&m, 0, BT_X_PULSE_HEARD, "answer to our first probe");
	m = rig_pulse(301);
	m.to_boot = RIG_BOOT - 7;		/* our former life */
	m.echo = 0x1234;
	m.block[0].word = BT_WORD(8, 2, BT_OPEN);
	refused_pulse(&m, BT_X_PULSE_UNBELIEVED, "its probe to our former life");
	rig_frame(&p, &m, 0, 0);
	CHECK(rig_xdp(&p, &out, NULL) == BT_X_PULSE_UNBELIEVED && rig_answer(&out, &a) &&
	      a.boot == RIG_BOOT &&
	      a.echo == m.nonce && a.to_boot == m.boot && a.heard_ms < 1000, "it learns of our new life");
	m.to_boot = RIG_BOOT;
	m.echo = a.nonce;
	send_as(&m, 0, BT_X_PULSE_ANSWERED, "and is believed, still the same life of its own");
	CHECK(rig_pair().boots == 1, "boots %u", rig_pair().boots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_siphash13), cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answer_tells_our_groups), cmocka_unit_test(test_heard),
		cmocka_unit_test(test_ends_of_ages),
		cmocka_unit_test(test_same_seq), cmocka_unit_test(test_slow_path), cmocka_unit_test(test_window),
		cmocka_unit_test(test_every_length), cmocka_unit_test(test_group_count), cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_range_of_last_block),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_reflection), cmocka_unit_test(test_unfilled),
		cmocka_unit_test(test_meeting), cmocka_unit_test(test_meeting_by_answer),
		cmocka_unit_test(test_no_nonce_no_belief), cmocka_unit_test(test_peer_reborn),
		cmocka_unit_test(test_dead_mans_probe), cmocka_unit_test(test_we_reborn),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
