// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_observe: who holds the gate, asked by a node that steers to the pair?
 *
 * Answered or refused, a question changes nothing of the pair: the whole state is compared before and after each.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "bpf/siphash.h"
#include "core/observe_msg.h"

#define STRANGER4	"192.0.2.9"
#define STRANGER6	"2001:db8::9"
#define NONCE		0x0badcafe12345678ULL

struct way {
	const char *from, *to;
};

static const struct way ways[] = {
	{ STRANGER4, RIG_US4 }, { STRANGER6, RIG_US6 }, { RIG_PEER4, RIG_US4 }, { RIG_PEER6, RIG_US6 },
};

static struct observe_ask ask_of(const struct way *way)
{
	const struct bt_node *node = rig_node();
	struct observe_ask ask = {
		.key = { node->key_observe[0], node->key_observe[1] }, .pair_id = node->pair_id,
		.name_hash = ntohl(rig_name_hash(0)), .nonce = NONCE,
	};

	packet_ip(way->to, &ask.at);
	return ask;
}

static void frame(struct packet *p, const struct way *way, const void *payload, uint32_t len, int vlans)
{
	packet_make(p, &(struct packet_spec){ .from = way->from, .to = way->to, .vlans = vlans, .sport = 41234,
					      .dport = RIG_PORT, .payload = payload, .payload_len = len });
}

static void question(struct packet *p, const struct way *way, const struct observe_ask *ask, int vlans)
{
	char msg[OBSERVE_BYTES];

	observe_msg_ask(ask, msg);
	frame(p, way, msg, sizeof(msg), vlans);
}

/* Run it; nothing of the pair may have changed. */
static uint32_t unmoved(const struct packet *in, struct packet *out, const char *what)
{
	struct rig_world before, after;
	const char *diff;
	uint32_t exit;

	rig_world(&before);
	exit = rig_xdp(in, out, NULL);
	rig_world(&after);
	diff = rig_world_diff(&before, &after);
	CHECK(!diff, "%s: %s, and %s changed", what, rig_xdp_name(exit), diff);
	CHECK(!rig_event().kind, "%s: %s, and there is an event", what, rig_xdp_name(exit));
	return exit;
}

static void refused(const struct packet *in, uint32_t want, const char *what)
{
	uint32_t exit = unmoved(in, NULL, what);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

static struct observe_said answered(const struct way *way, const struct observe_ask *ask, const char *what)
{
	struct observe_said said = { 0 };
	struct packet in, out;
	uint32_t exit;

	question(&in, way, ask, 0);
	exit = unmoved(&in, &out, what);
	CHECK(exit == BT_X_PULSE_OBSERVED, "%s: %s", what, rig_xdp_name(exit));
	CHECK(observe_msg_nonce(out.data + out.payload, OBSERVE_BYTES) == ask->nonce, "%s: another nonce", what);
	CHECK(observe_msg_answers(out.data + out.payload, OBSERVE_BYTES, ask, &said), "%s: the answer is refused", what);
	return said;
}

static void set_up(void)
{
	rig_reset();
	rig_believe();
	rig_open_gate(0);
}

/* The frame of an answer, layer by layer. */
static void check_frame(const struct packet *in, const struct packet *out, bool v6)
{
	uint32_t ip = v6 ? 16 : 4, src = in->l3 + (v6 ? 8 : 12);

	CHECK(out->len == in->len, "answer of %u bytes to a question of %u", out->len, in->len);
	CHECK(!memcmp(out->data, in->data + 6, 6) && !memcmp(out->data + 6, in->data, 6), "MACs not swapped");
	CHECK(!memcmp(out->data + 12, in->data + 12, in->l3 - 12), "tags changed");
	CHECK(!memcmp(out->data + src, in->data + src + ip, ip) && !memcmp(out->data + src + ip, in->data + src, ip),
	      "addresses not swapped");
	CHECK(!memcmp(out->data + out->l4, in->data + in->l4 + 2, 2) &&
	      !memcmp(out->data + out->l4 + 2, in->data + in->l4, 2), "ports not swapped");
	CHECK(packet_sums_ok(out), "a checksum is wrong");
}

static void any_address_with_the_key_is_answered(void **state)
{
	struct packet in, out;
	struct observe_said said;
	uint32_t exit;

	(void)state;
	set_up();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		for (int vlans = 0; vlans <= 2; vlans++) {
			struct observe_ask ask = ask_of(&ways[i]);

			question(&in, &ways[i], &ask, vlans);
			exit = unmoved(&in, &out, ways[i].from);
			CHECK(exit == BT_X_PULSE_OBSERVED, "from %s, %d tags: %s", ways[i].from, vlans, rig_xdp_name(exit));
			check_frame(&in, &out, i & 1);
			CHECK(observe_msg_answers(out.data + out.payload, OBSERVE_BYTES, &ask, &said), "from %s: refused",
			      ways[i].from);
			CHECK(said.from == 1 && said.word == rig_word(0), "host %u word %lx", said.from, said.word);
		}
}

static void open_is_said_of_an_open_and_leased_gate_alone(void **state)
{
	static const enum bt_mode modes[] = { BT_SHUT, BT_ARMED, BT_OPEN, BT_RELAY };
	struct observe_ask ask = ask_of(&ways[0]);
	struct observe_said said;

	(void)state;
	set_up();
	for (int leased = 0; leased <= 1; leased++)
		for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
			bool open = leased && modes[i] == BT_OPEN;

			rig_set_word(0, BT_WORD(9, 1, modes[i]));
			rig_set_lease(0, leased ? rig_now() + 60 * RIG_SEC : rig_now() - 1);
			said = answered(&ways[0], &ask, "mode and lease");
			CHECK(said.word == BT_WORD(9, 1, modes[i]), "word %lx in mode %d", said.word, modes[i]);
			CHECK(said.flags == (OBSERVE_F_KNOWN | OBSERVE_F_RUNNING | (open ? OBSERVE_F_OPEN : 0)),
			      "flags %x in mode %d, leased %d", said.flags, modes[i], leased);
		}
}

static void health_and_other_groups(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]);
	struct bt_group group;
	struct observe_said said;
	uint32_t slot = 1;

	(void)state;
	set_up();
	rig_set_word(1, BT_WORD(3, 2, BT_ARMED));
	bpf_map_lookup_elem(rig_map("cfg_group"), &slot, &group);
	group.health = PULSE_F_STOPPING;
	bpf_map_update_elem(rig_map("cfg_group"), &slot, &group, 0);
	ask.name_hash = ntohl(rig_name_hash(1));
	said = answered(&ways[0], &ask, "the second group");
	CHECK(said.word == BT_WORD(3, 2, BT_ARMED) && said.flags == (OBSERVE_F_KNOWN | OBSERVE_F_STOPPING),
	      "word %lx flags %x", said.word, said.flags);
	ask.name_hash = 0x12345678;
	said = answered(&ways[0], &ask, "a group that is not here");
	CHECK(!said.word && !said.flags, "word %lx flags %x of a group that is not here", said.word, said.flags);
}

static void wrong_key_pair_or_address_is_refused(void **state)
{
	struct observe_ask good = ask_of(&ways[0]), ask = good;
	const struct bt_node *node = rig_node();
	struct packet p;

	(void)state;
	set_up();
	ask.key[0] ^= 1;
	question(&p, &ways[0], &ask, 0);
	refused(&p, BT_X_PULSE_MAC, "another key");
	memcpy(ask.key, node->key_in, sizeof(ask.key));
	question(&p, &ways[2], &ask, 0);
	refused(&p, BT_X_PULSE_MAC, "the key of pulses, from the peer's address");
	ask = good;
	ask.pair_id++;
	question(&p, &ways[0], &ask, 0);
	refused(&p, BT_X_PULSE_PAIR, "another pair");
	ask = good;
	packet_ip(RIG_PEER4, &ask.at);
	question(&p, &ways[0], &ask, 0);
	refused(&p, BT_X_PULSE_RANGE, "led here, for the other host");
	ask = good;
	ask.nonce = 0;
	question(&p, &ways[0], &ask, 0);
	refused(&p, BT_X_PULSE_RANGE, "without a nonce");
	answered(&ways[0], &good, "the witness");
}

/* Fields that a question has no business to fill: signed rightly, refused all the same. */
static void a_question_that_tells_is_refused(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]);
	const struct bt_node *node = rig_node();
	struct observe msg;
	struct packet p;

	(void)state;
	set_up();
	for (int i = 0; i < 6; i++) {
		__u64 key[2] = { node->key_observe[0], node->key_observe[1] };

		observe_msg_ask(&ask, &msg);
		switch (i) {
		case 0: msg.word = 1; break;
		case 1: msg.from = 2; break;
		case 2: msg.flags = OBSERVE_F_OPEN; break;
		case 3: msg.zero = 1; break;
		case 4: msg.zero2 = 1; break;
		case 5: msg.name_hash = 0; break;
		}
		msg.mac = __builtin_bswap64(siphash(key, (char *)&msg + 8, sizeof(msg) - 8));
		frame(&p, &ways[0], &msg, sizeof(msg), 0);
		refused(&p, BT_X_PULSE_RANGE, "a field that is not a question's");
	}
}

/* Our own answer, and one sent back to us: an answer is no question, whoever sends it. */
static void answers_are_not_answered(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]);
	struct packet in, out, back;
	struct observe msg;

	(void)state;
	set_up();
	question(&in, &ways[0], &ask, 0);
	CHECK(unmoved(&in, &out, "a question") == BT_X_PULSE_OBSERVED, "no answer");
	memcpy(&msg, out.data + out.payload, sizeof(msg));
	frame(&back, &ways[2], &msg, sizeof(msg), 0);
	refused(&back, BT_X_PULSE_LENGTH, "an answer, from the peer's address");
	frame(&back, &ways[0], &msg, sizeof(msg), 0);
	refused(&back, BT_X_PULSE_STRANGER, "an answer, from a stranger");
	CHECK(unmoved(&in, NULL, "the same question again") == BT_X_PULSE_OBSERVED, "a repeated question has no answer");
}

static void every_length(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]);
	uint8_t payload[300] = { 0 };
	struct packet p;

	(void)state;
	set_up();
	observe_msg_ask(&ask, payload);
	for (uint32_t len = 0; len <= sizeof(payload); len++) {
		if (len == OBSERVE_BYTES)
			continue;
		frame(&p, &ways[0], payload, len, 0);
		refused(&p, len < OBSERVE_BYTES ? BT_X_PULSE_STRANGER : BT_X_PULSE_LENGTH, "length");
	}
	frame(&p, &ways[0], payload, OBSERVE_BYTES, 0);
	p.data[p.l4 + 5]++;		/* UDP says one byte more than there is */
	refused(&p, BT_X_PULSE_LENGTH, "a UDP length that lies");
	answered(&ways[0], &ask, "the witness");
}

static void every_bit(void **state)
{
	struct observe_ask ask;
	struct packet good, p;
	uint32_t exit;

	(void)state;
	set_up();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		ask = ask_of(&ways[i]);
		question(&good, &ways[i], &ask, 0);
		for (uint32_t bit = 0; bit < OBSERVE_BYTES * 8; bit++) {
			p = good;
			p.data[p.payload + bit / 8] ^= 1 << bit % 8;
			exit = unmoved(&p, NULL, "one bit");
			CHECK(exit != BT_X_PULSE_OBSERVED && exit != BT_X_PULSE_ANSWERED && exit != BT_X_PULSE_HEARD,
			      "bit %u flipped, from %s: %s", bit, ways[i].from, rig_xdp_name(exit));
		}
		answered(&ways[i], &ask, "the witness");
	}
}

/* The observer's side: what of an answer is changed on its way is not believed. */
static void every_bit_of_the_answer(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]), other = ask;
	struct observe_said said;
	struct packet in, out;
	uint8_t msg[OBSERVE_BYTES];

	(void)state;
	set_up();
	question(&in, &ways[0], &ask, 0);
	CHECK(unmoved(&in, &out, "a question") == BT_X_PULSE_OBSERVED, "no answer");
	for (uint32_t bit = 0; bit < OBSERVE_BYTES * 8; bit++) {
		memcpy(msg, out.data + out.payload, sizeof(msg));
		msg[bit / 8] ^= 1 << bit % 8;
		CHECK(!observe_msg_answers(msg, sizeof(msg), &ask, &said), "bit %u flipped is believed", bit);
	}
	memcpy(msg, out.data + out.payload, sizeof(msg));
	for (uint32_t len = 0; len < OBSERVE_BYTES; len++)
		CHECK(!observe_msg_answers(msg, len, &ask, &said), "%u bytes are believed", len);
	other.nonce++;
	CHECK(!observe_msg_answers(msg, sizeof(msg), &other, &said), "the answer to another question is believed");
	CHECK(observe_msg_answers(msg, sizeof(msg), &ask, &said), "the witness");
}

static void fragments_and_options_are_refused(void **state)
{
	struct observe_ask ask = ask_of(&ways[0]);
	char msg[OBSERVE_BYTES];
	struct packet p;

	(void)state;
	set_up();
	observe_msg_ask(&ask, msg);
	packet_make(&p, &(struct packet_spec){ .from = STRANGER4, .to = RIG_US4, .dport = RIG_PORT, .ihl = 7,
					       .payload = msg, .payload_len = sizeof(msg) });
	refused(&p, BT_X_PULSE_LENGTH, "IP options");
	packet_make(&p, &(struct packet_spec){ .from = STRANGER4, .to = RIG_US4, .dport = RIG_PORT, .fragmented = true,
					       .frag = PACKET_MORE, .payload = msg, .payload_len = sizeof(msg) });
	refused(&p, BT_X_PULSE_LENGTH, "a first fragment");
	packet_make(&p, &(struct packet_spec){ .from = STRANGER4, .to = RIG_US4, .dport = RIG_PORT, .padding = 9,
					       .payload = msg, .payload_len = sizeof(msg) });
	CHECK(unmoved(&p, NULL, "padding") == BT_X_PULSE_OBSERVED, "a padded frame has no answer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_address_with_the_key_is_answered),
		cmocka_unit_test(open_is_said_of_an_open_and_leased_gate_alone),
		cmocka_unit_test(health_and_other_groups), cmocka_unit_test(wrong_key_pair_or_address_is_refused),
		cmocka_unit_test(a_question_that_tells_is_refused), cmocka_unit_test(answers_are_not_answered),
		cmocka_unit_test(every_length), cmocka_unit_test(every_bit), cmocka_unit_test(every_bit_of_the_answer),
		cmocka_unit_test(fragments_and_options_are_refused),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
