// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_learn: at which Ethernet address is the peer met on each path, and do foreign source addresses
 * come through? Believed pulses in; the books and the answers' addresses out.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "bpf/mark.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MARKED_NS (10 * RIG_SEC)

static const uint8_t burnt_in[6] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 };
static const uint8_t local[6] = { 0x06, 1, 2, 3, 4, 5 };

/* The mark that the peer must bear, made from its side. */
static void mark_of(uint8_t mac[6], uint32_t kind, uint64_t boot, uint64_t to_boot)
{
	struct mark_of of = { .kind = kind, .boot = boot, .to_boot = to_boot };

	mark_write(mac, mark_number(rig_node()->key_in, &of));
}

/* @m by @path from @mac; NULL: the one frames have. Returns the exit. */
static uint32_t send_from(const struct rig_pulse *m, uint32_t path, const uint8_t *mac, struct packet *out)
{
	struct packet p;

	rig_frame(&p, m, path, 0);
	if (mac)
		memcpy(p.data + 6, mac, 6);
	return rig_xdp(&p, out, NULL);
}

static void believed(uint64_t seq, uint32_t path, const uint8_t *mac, struct packet *out)
{
	struct rig_pulse m = rig_pulse(seq);
	uint32_t exit = send_from(&m, path, mac, out);

	CHECK(exit == BT_X_PULSE_ANSWERED, "probe %lu: %s", seq, rig_xdp_name(exit));
}

static void met_at(uint32_t path, const void *peer, const void *me, const char *what)
{
	struct bt_path_st st = rig_pair().path[path];

	CHECK(!memcmp(st.peer_mac, peer, 6) && !memcmp(st.my_mac, me, 6),
	      "%s: peer at %012llx, we at %012llx (lowest byte first)", what, mark_read(st.peer_mac),
	      mark_read(st.my_mac));
}

static void test_each_path_learns(void **state)
{
	static const uint8_t none[6];

	(void)state;
	rig_reset();
	believed(1, 0, NULL, NULL);
	met_at(0, PACKET_MAC_SRC, PACKET_MAC_DST, "first probe");
	met_at(1, none, none, "another path");
	believed(2, 0, burnt_in, NULL);
	met_at(0, burnt_in, PACKET_MAC_DST, "another NIC");
	believed(3, 0, local, NULL);
	met_at(0, local, PACKET_MAC_DST, "a locally administered address, but no mark");
	believed(1, 2, burnt_in, NULL);
	met_at(2, burnt_in, PACKET_MAC_DST, "third path");
	met_at(0, local, PACKET_MAC_DST, "first path, the third having spoken");
	believed(5, 0, burnt_in, NULL);
	believed(4, 0, local, NULL);
	met_at(0, burnt_in, PACKET_MAC_DST, "a late probe");
}

/* An answer tells as much as a probe. */
static void test_answers_teach(void **state)
{
	struct rig_pulse m = rig_pulse(1);

	(void)state;
	rig_reset();
	m.type = PULSE_ANSWER;
	CHECK(send_from(&m, 0, burnt_in, NULL) == BT_X_PULSE_HEARD, "an answer");
	met_at(0, burnt_in, PACKET_MAC_DST, "by an answer");
}

/* Of a message that is not believed nothing is learnt, nor of addresses no host has. */
static void test_what_teaches_nothing(void **state)
{
	static const uint8_t none[6], group[6] = { 1, 2, 3, 4, 5, 6 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t *const not_a_host[] = { none, group, all };
	struct rig_pulse m;

	(void)state;
	rig_reset();
	believed(1, 0, burnt_in, NULL);
	m = rig_pulse(1);
	CHECK(send_from(&m, 0, local, NULL) == BT_X_PULSE_REPLAY, "a replay");
	m = rig_pulse(2);
	m.key[0]++;
	CHECK(send_from(&m, 0, local, NULL) == BT_X_PULSE_MAC, "a wrong key");
	m = rig_pulse(2);
	m.to_boot++;
	CHECK(send_from(&m, 0, local, NULL) == BT_X_PULSE_UNBELIEVED, "to another life");
	met_at(0, burnt_in, PACKET_MAC_DST, "refused messages");
	for (size_t i = 0; i < N(not_a_host); i++) {
		believed(2 + i, 0, not_a_host[i], NULL);
		met_at(0, burnt_in, PACKET_MAC_DST, "not a host's address");
	}
}

static void test_mark(void **state)
{
	struct rig_pulse a;
	struct packet out;
	uint8_t mark[6];

	(void)state;
	rig_reset();
	believed(1, 0, burnt_in, NULL);
	believed(1, 2, burnt_in, NULL);
	CHECK(!rig_pair().path[0].marked_ns, "marked without a mark");
	mark_of(mark, MARK_TEST, RIG_PEER_BOOT, RIG_BOOT);
	believed(2, 0, mark, &out);
	met_at(0, burnt_in, PACKET_MAC_DST, "after a mark");
	CHECK(rig_pair().path[0].marked_ns == rig_pair().path[0].heard_ns && !rig_pair().path[2].marked_ns,
	      "mark noted at %lu, heard at %lu; third path %lu", (long)rig_pair().path[0].marked_ns,
	      (long)rig_pair().path[0].heard_ns, (long)rig_pair().path[2].marked_ns);
	CHECK(!memcmp(out.data, burnt_in, 6) && !memcmp(out.data + 6, PACKET_MAC_DST, 6),
	      "the answer to a marked probe goes elsewhere than to the peer");
	CHECK(rig_answer(&out, &a) && a.flags == PULSE_H_MARKED, "answer's flags %x", a.flags);
	believed(3, 0, burnt_in, &out);
	CHECK(rig_answer(&out, &a) && a.flags == PULSE_H_MARKED, "flags of the next answer %x", a.flags);
	believed(2, 2, burnt_in, &out);
	CHECK(rig_answer(&out, &a) && !a.flags, "flags of another path's answer %x", a.flags);
}

/* Ten seconds after the last mark nothing is said of it any more. */
static void test_mark_grows_old(void **state)
{
	struct bt_pair pair;
	struct rig_pulse a;
	struct packet out;
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	believed(1, 0, NULL, NULL);
	for (int young = 0; young < 2; young++) {
		pair = rig_pair();
		pair.path[0].marked_ns = rig_now() - MARKED_NS + (young ? RIG_SEC : 0);
		bpf_map_update_elem(rig_map("st_pair"), &zero, &pair, 0);
		believed(2 + young, 0, NULL, &out);
		CHECK(rig_answer(&out, &a) && a.flags == (young ? PULSE_H_MARKED : 0), "%s: flags %x",
		      young ? "9 s old" : "10 s old", a.flags);
	}
}

/* Only the mark of these two lives, of this kind, made with the peer's key, is one. */
static void test_other_marks(void **state)
{
	static const struct { const char *what; uint32_t kind; uint64_t boot, to_boot; } other[] = {
		{ "a relay mark", MARK_RELAY, RIG_PEER_BOOT, RIG_BOOT },
		{ "a help mark", MARK_HELP, RIG_PEER_BOOT, RIG_BOOT },
		{ "of an older life of the peer", MARK_TEST, RIG_PEER_BOOT - 1, RIG_BOOT },
		{ "to an older life of ours", MARK_TEST, RIG_PEER_BOOT, RIG_BOOT - 1 },
		{ "our own way round", MARK_TEST, RIG_BOOT, RIG_PEER_BOOT },
	};
	uint8_t mac[6];

	(void)state;
	for (size_t i = 0; i < N(other); i++) {
		rig_reset();
		believed(1, 0, burnt_in, NULL);
		mark_of(mac, other[i].kind, other[i].boot, other[i].to_boot);
		believed(2, 0, mac, NULL);
		CHECK(!rig_pair().path[0].marked_ns, "%s counts as a test mark", other[i].what);
	}
}

/* No address to answer to: taken in all the same. */
static void test_mark_comes_first(void **state)
{
	static const uint8_t none[6];
	struct rig_pulse m = rig_pulse(1);
	uint32_t exit;
	uint8_t mark[6];

	(void)state;
	rig_reset();
	mark_of(mark, MARK_TEST, RIG_PEER_BOOT, RIG_BOOT);
	exit = send_from(&m, 0, mark, NULL);
	CHECK(exit == BT_X_PULSE_HEARD, "a marked probe of a peer that was met nowhere: %s", rig_xdp_name(exit));
	met_at(0, none, none, "only marks were heard");
	CHECK(rig_pair().path[0].heard_ns && rig_pair().path[0].marked_ns, "it was not taken in");
}

static void test_peer_flags(void **state)
{
	struct rig_pulse m = rig_pulse(1);

	(void)state;
	rig_reset();
	m.flags = PULSE_H_MARKED;
	CHECK(send_from(&m, 0, NULL, NULL) == BT_X_PULSE_ANSWERED, "a probe with flags");
	CHECK(rig_pair().path[0].peer_flags == m.flags, "flags kept: %x", rig_pair().path[0].peer_flags);
	believed(2, 0, NULL, NULL);
	CHECK(!rig_pair().path[0].peer_flags, "flags after one without: %x", rig_pair().path[0].peer_flags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_path_learns), cmocka_unit_test(test_answers_teach),
		cmocka_unit_test(test_what_teaches_nothing), cmocka_unit_test(test_mark),
		cmocka_unit_test(test_mark_grows_old), cmocka_unit_test(test_other_marks),
		cmocka_unit_test(test_mark_comes_first), cmocka_unit_test(test_peer_flags),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
