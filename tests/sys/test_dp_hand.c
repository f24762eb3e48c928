// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_dp_hand: pulses answered by hand, where XDP is off: the real program judges and answers them,
 * and what it writes is read through dp. Own namespaces; needs root and build/bpf.
 */
#include <errno.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "bpf/siphash.h"
#include "core/pulse_msg.h"
#include "tests/sys/dp_world.h"

#define PORT	4270
#define NONCE	77
#define MY_BOOT	0x1001
#define SLOT	3

static const struct bt_node me = {
	.my_id = 1, .peer_id = 2, .pair_id = 9, .n_groups = 1, .n_paths = 2, .boot = MY_BOOT,
	.key_in = { 11, 12 }, .key_out = { 21, 22 },
};
static const struct bt_node peer = {
	.my_id = 2, .peer_id = 1, .pair_id = 9, .n_groups = 1, .n_paths = 2, .boot = 0x2002,
	.key_in = { 21, 22 }, .key_out = { 11, 12 },
};

struct link {
	struct in6_addr from, to;
};

static struct link link_of(const char *from, const char *to)
{
	struct link l;

	assert_int_equal(inet_pton(AF_INET6, from, &l.from), 1);
	assert_int_equal(inet_pton(AF_INET6, to, &l.to), 1);
	return l;
}

static struct link v4(void)
{
	return link_of("::ffff:10.77.0.2", "::ffff:10.77.0.1");
}

static struct link v6(void)
{
	return link_of("2001:db8::2", "2001:db8::1");
}

static void set_path(struct dp *dp, uint32_t i, struct link l)
{
	struct bt_path path = { .ifindex = ifindex_of("dp-a") };

	memcpy(path.peer, &l.from, sizeof(path.peer));
	OK(dp_set_path(dp, i, &path));
}

static int set_up(void **state)
{
	struct bt_group group = { .name_hash = htonl(7), .name = "sip" };
	struct bt_node node = me;
	struct dp *dp;
	bool found;

	shell("ip link add dp-a type veth peer name dp-b && ip link set dp-a up && ip link set dp-b up");
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	node.pulse_port = htons(PORT);
	OK(dp_set_node(dp, &node));
	OK(dp_set_nonce(dp, NONCE));
	OK(dp_set_group(dp, SLOT, &group));
	set_path(dp, 0, v4());
	set_path(dp, 1, v6());
	*state = dp;
	return 0;
}

static int tear_down(void **state)
{
	OK(dp_remove(*state));
	dp_close(*state);
	shell("ip link del dp-a");
	return 0;
}

/* What the peer would send. @to_boot and @echo are what it knows of us. */
static size_t make_probe(uint8_t *buf, uint64_t seq, uint64_t to_boot, uint64_t echo)
{
	struct pulse_say say = {
		.node = &peer, .seq = seq, .to_boot = to_boot, .nonce = 55, .echo = echo,
		.heard_ms = PULSE_NEVER, .n_groups = 1,
		.group[0] = {
			.name_hash = htonl(7), .word = BT_WORD(4, 2, BT_SHUT), .resp_age_ms = PULSE_NEVER,
			.flags = PULSE_F_KNOWN,
		},
	};

	return pulse_msg_probe(&say, buf);
}

static int by_hand(struct dp *dp, struct link l, void *msg, size_t len)
{
	return dp_pulse_by_hand(dp, ifindex_of("dp-a"), &l.from, &l.to, PORT, msg, len, PULSE_MSG_MAX);
}

static void check_answered(struct dp *dp, struct link l, uint64_t seq)
{
	uint8_t msg[PULSE_MSG_MAX];
	size_t len = make_probe(msg, seq, 0, 0);
	struct pulse_head head;
	int got = by_hand(dp, l, msg, len);

	if (got != (int)len)
		fail_msg("answer of %d bytes to a probe of %zu (%s)", got, len, dp_why(dp));
	memcpy(&head, msg, sizeof(head));
	assert_int_equal(head.type, PULSE_ANSWER);
	assert_true(head.from == me.my_id && head.to == peer.my_id);
	assert_int_equal(be64toh(head.seq), seq);
	assert_int_equal(be64toh(head.boot), MY_BOOT);
	assert_int_equal(be64toh(head.nonce), NONCE);
	assert_true(be64toh(head.mac) == siphash(me.key_out, msg + sizeof(head.mac), len - sizeof(head.mac)));
}

static void test_probe_is_answered_over_ipv4(void **state)
{
	check_answered(*state, v4(), 1);
}

static void test_probe_is_answered_over_ipv6(void **state)
{
	check_answered(*state, v6(), 1);
}

static uint64_t count_of(struct dp *dp, enum bt_xdp_exit exit)
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];

	OK(dp_counts(dp, xdp, tc));
	return xdp[exit].packets;
}

static void test_wrong_mac_is_counted_and_not_answered(void **state)
{
	uint8_t msg[PULSE_MSG_MAX];
	size_t len = make_probe(msg, 1, 0, 0);

	msg[len - 1] ^= 1;
	assert_int_equal(by_hand(*state, v4(), msg, len), 0);
	assert_int_equal(count_of(*state, BT_X_PULSE_MAC), 1);
}

static void test_stranger_is_not_answered(void **state)
{
	uint8_t msg[PULSE_MSG_MAX];
	size_t len = make_probe(msg, 1, 0, 0);

	assert_int_equal(by_hand(*state, link_of("::ffff:10.77.0.9", "::ffff:10.77.0.1"), msg, len), 0);
	assert_int_equal(count_of(*state, BT_X_PULSE_STRANGER), 1);
}

/* The newest event of a new life of the peer. */
static void on_event(void *arg, const struct bt_event *ev)
{
	struct bt_event *boot = arg;

	if (ev->kind == BT_EV_BOOT)
		*boot = *ev;
}

static void test_what_the_program_believed_is_read(void **state)
{
	struct dp *dp = *state;
	uint8_t msg[PULSE_MSG_MAX];
	struct bt_event boot = {};
	struct bt_pair pair;

	assert_true(by_hand(dp, v4(), msg, make_probe(msg, 1, MY_BOOT, NONCE)) > 0);
	OK(dp_pair(dp, &pair));
	assert_int_equal(pair.peer_boot, peer.boot);
	assert_true(dp_heard(dp)[SLOT].word == BT_WORD(4, 2, BT_SHUT));
	assert_true(dp_heard(dp)[SLOT].at_ns > 0);
	OK(dp_events(dp, on_event, &boot));
	assert_int_equal(boot.to, peer.boot);
}

/* Not a pulse, but the same way in: a request to the VIP. */
static void ask_vip(struct dp *dp)
{
	char msg[] = "OPTIONS sip:vip SIP/2.0\r\n\r\n";
	struct link l = link_of("::ffff:10.77.0.9", "::ffff:10.77.0.100");

	assert_int_equal(dp_pulse_by_hand(dp, ifindex_of("dp-a"), &l.from, &l.to, 5060, msg, sizeof(msg) - 1,
					  sizeof(msg)), 0);
}

static void test_a_store_opens_the_gate_and_requests_are_seen(void **state)
{
	struct link l = link_of("::ffff:10.77.0.9", "::ffff:10.77.0.100");
	struct bt_vip vip = { .group = SLOT, .index = 6 };
	struct bt_live live[BT_DIR__N];
	struct dp *dp = *state;

	OK(dp_set_vip(dp, &l.to, &vip));
	ask_vip(dp);
	assert_int_equal(count_of(dp, BT_X_VIP_SHUT), 1);
	dp_words(dp)[SLOT] = BT_WORD(1, 1, BT_OPEN);
	ask_vip(dp);
	assert_int_equal(count_of(dp, BT_X_VIP_UNLEASED), 1);
	dp_leases(dp)[SLOT] = UINT64_MAX;
	ask_vip(dp);
	assert_int_equal(count_of(dp, BT_X_VIP_ACCEPTED), 1);

	OK(dp_live(dp, vip.index, live));
	assert_int_equal(live[BT_IN].request[BT_M_OPTIONS], 1);
	assert_true(live[BT_IN].request_ns > 0 && live[BT_IN].response_ns == 0);
	assert_int_equal(live[BT_OUT].request[BT_M_OPTIONS], 0);
}

static void test_impossible_runs_are_refused(void **state)
{
	uint8_t msg[2048] = {};
	struct link l = v4();

	REFUSED(by_hand(*state, l, msg, sizeof(msg)), EMSGSIZE, "2048 bytes");
	REFUSED(dp_pulse_by_hand(*state, 9999, &l.from, &l.to, PORT, msg, 104, sizeof(msg)), ENODEV, "9999");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probe_is_answered_over_ipv4),
		TEST(probe_is_answered_over_ipv6),
		TEST(wrong_mac_is_counted_and_not_answered),
		TEST(stranger_is_not_answered),
		TEST(what_the_program_believed_is_read),
		TEST(a_store_opens_the_gate_and_requests_are_seen),
		TEST(impossible_runs_are_refused),
	};

	return enter_own_world() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
