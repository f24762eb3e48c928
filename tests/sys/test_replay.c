// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_replay: requests that came while the gate was armed are put before this host's server when it opens: by the real kernel, as live
 * frames. What replay, replay-window and replay-memory come to in the kernel. A cable of two interfaces in a network namespace of its own; the
 * server is a socket.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "ha/replay.h"
#include "sys/clock.h"
#include "sys/dp_replay.h"
#include "tests/sys/dp_world.h"

#define VIP	"10.77.0.100"
#define CLIENT	"10.77.0.50"
#define SLOTS	128
#define WAIT_MS	10000

static const uint8_t heard_by[6] = { 0x02, 0x5a, 0, 0, 0, 1 };	/* the cluster's address */
static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 0x11 };
static struct dp *dp;
static struct replayer *replayer;
static int changed, server;

/* ---- world --------------------------------------------------------------------------------------- */

static int listen_at_vip(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(5060) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 4 << 20;

	inet_pton(AF_INET, VIP, &a.sin_addr);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)));
	OK(bind(fd, (void *)&a, sizeof(a)));
	return fd;
}

static void fill(void)
{
	struct bt_vip vip = { .flags = BT_VIP_CLUSTER };
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	struct bt_node node = { .my_id = 1, .peer_id = 2, .boot = 7, .interval_ns = NS_PER_MS };

	OK(dp_set_node(dp, &node));
	for (uint32_t i = 0; i < 2; i++) {
		struct bt_group g = { .name_hash = i + 1, .flags = BT_GROUP_CLUSTER | BT_GROUP_REPLAY };

		OK(dp_set_group(dp, i, &g));
		memcpy(vip.mac, heard_by, sizeof(vip.mac));
		vip.group = (uint16_t)i;
		vip.index = (uint16_t)i;
		inet_pton(AF_INET, i ? "10.77.0.101" : VIP, &ip.s6_addr[12]);
		OK(dp_set_vip(dp, &ip, &vip));
		atomic_store(&dp_words(dp)[i], BT_WORD(4, 2, BT_ARMED));
	}
	OK(dp_set_door(dp, ifindex_of("own"), own_mac));
	OK(dp_set_replay(dp, NS_PER_S));
}

static int set_up(void **state)
{
	enum dp_mode mode = *state ? *(enum dp_mode *)*state : DP_NATIVE;
	bool found;

	shell("ip link set lo up; ip link add own address 02:00:00:00:00:11 type veth peer name wire && ip addr add 10.77.0.1/24 dev own && ip addr add " VIP "/32 dev lo && "
	      "ip link set own up && ip link set wire up && sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.own.rp_filter=0");
	server = listen_at_vip();
	dp_replay_want(SLOTS);
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	fill();
	OK(dp_attach(dp, ifindex_of("own"), mode, false, &mode));
	changed = eventfd(0, EFD_CLOEXEC);
	OK(replay_open(&replayer, dp, changed));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	replay_close(replayer);
	dp_replay_want(1);
	(void)dp_remove(dp);
	dp_close(dp);
	close(server);
	close(changed);
	shell("ip link del own; ip addr del " VIP "/32 dev lo");
	return 0;
}

/* ---- frames -------------------------------------------------------------------------------------- */

struct __attribute__((packed)) frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	char text[512];
};

static uint16_t sum_of(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t make_request(struct frame *f, const char *vip, int cseq)
{
	size_t n = (size_t)snprintf(f->text, sizeof(f->text), "OPTIONS sip:x@" VIP " SIP/2.0\r\nVia: SIP/2.0/UDP " CLIENT ";branch=z9hG4bK%d\r\n"
				    "From: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: %d OPTIONS\r\n\r\n", cseq, cseq);

	f->eth = (struct ethhdr){ .h_source = { 0, 0x16, 0x3e, 0, 0, 9 }, .h_proto = htons(ETH_P_IP) };
	memcpy(f->eth.h_dest, heard_by, 6);
	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .id = htons((uint16_t)cseq),
				.tot_len = htons((uint16_t)(sizeof(f->ip) + sizeof(f->udp) + n)) };
	inet_pton(AF_INET, CLIENT, &f->ip.saddr);
	inet_pton(AF_INET, vip, &f->ip.daddr);
	f->ip.check = sum_of(&f->ip, sizeof(f->ip));
	f->udp = (struct udphdr){ htons(40000), htons(5060), htons((uint16_t)(sizeof(f->udp) + n)), 0 };
	return offsetof(struct frame, text) + n;
}

static uint64_t kept(void)
{
	struct bt_replay_at at;

	dp_replay_counts(dp, &at);
	return at.kept;
}

/* Over the cable, and wait until the data path has it. */
static void send_request(const char *vip, int cseq)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex_of("wire") };
	uint64_t before = kept(), until = clock_now_ns() + WAIT_MS * NS_PER_MS;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct frame f;
	size_t n = make_request(&f, vip, cseq);

	assert_int_equal(sendto(fd, &f, n, 0, (void *)&to, sizeof(to)), n);
	close(fd);
	while (kept() == before && clock_now_ns() < until)
		usleep(100);
	if (kept() == before)
		fail_msg("request %d was not kept", cseq);
}

/* ---- openings ------------------------------------------------------------------------------------ */

static void ask(uint64_t opened_ns, uint64_t window_ns, uint64_t pulse_ns)
{
	struct replay_order order = { .opened_ns = opened_ns, .window_ns = window_ns, .pulse_ns = pulse_ns, .interval_ns = NS_PER_MS };

	atomic_store(&dp_leases(dp)[0], clock_now_ns() + 60 * NS_PER_S);
	atomic_store(&dp_words(dp)[0], BT_WORD(5, 1, BT_OPEN));
	replay_ask(replayer, &order);
	replay_ask(replayer, &order);	/* told twice, done once */
}

static struct replay_report reported(void)
{
	struct pollfd wake = { .fd = changed, .events = POLLIN };
	struct replay_report r = {};
	uint64_t n;

	if (poll(&wake, 1, WAIT_MS) != 1)
		fail_msg("no report within %d ms", WAIT_MS);
	assert_int_equal(read(changed, &n, sizeof(n)), sizeof(n));
	assert_true(replay_reported(replayer, 0, &r));
	return r;
}

static struct replay_report open_gate(uint64_t opened_ns, uint64_t window_ns, uint64_t pulse_ns)
{
	ask(opened_ns, window_ns, pulse_ns);
	return reported();
}

/* What the server gets, in this order, and nothing else. */
static void expect(int from, int to)
{
	struct pollfd in = { .fd = server, .events = POLLIN };
	char text[600], want[32];
	ssize_t n;

	for (int i = from; i <= to; i++) {
		if (poll(&in, 1, WAIT_MS) != 1)
			fail_msg("request %d did not come to the server", i);
		n = recv(server, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		snprintf(want, sizeof(want), "CSeq: %d OPTIONS", i);
		if (!strstr(text, want))
			fail_msg("the server got, instead of %s: %s", want, text);
	}
	if (poll(&in, 1, 50) == 1 && (n = recv(server, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		fail_msg("the server got one more: %s", text);
	}
}

static void test_given_in_order_and_once(void **state)
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];
	struct replay_report r;
	uint64_t now;

	(void)state;
	for (int i = 1; i <= 40; i++) {
		send_request(VIP, i);
		send_request("10.77.0.101", 1000 + i);	/* of the other group */
		if (i == 7)
			send_request(VIP, i);		/* its client repeats it */
	}
	expect(1, 0);
	now = clock_now_ns();
	r = open_gate(now, 60 * NS_PER_S, now - 60 * NS_PER_S);
	expect(1, 40);
	if (r.fates[REPLAY_GIVEN] != 40 || r.fates[REPLAY_TWICE] != 1 || r.failed || r.late || r.missing_us)
		fail_msg("given %u, twice %u, failed %u", r.fates[REPLAY_GIVEN], r.fates[REPLAY_TWICE], r.failed);
	OK(dp_counts(dp, xdp, tc));
	assert_int_equal(xdp[BT_X_VIP_ACCEPTED].packets, 40);
	assert_int_equal(xdp[BT_X_VIP_COPIED].packets, 81);
}

static void test_after_the_last_pulse(void **state)
{
	struct replay_report r;
	uint64_t pulse;

	(void)state;
	send_request(VIP, 1);
	send_request(VIP, 2);
	pulse = clock_now_ns();
	send_request(VIP, 3);
	send_request(VIP, 4);
	r = open_gate(clock_now_ns(), 60 * NS_PER_S, pulse);
	expect(3, 4);
	assert_int_equal(r.fates[REPLAY_OLD], 2);
}

static void test_not_too_late(void **state)
{
	struct replay_report r;

	(void)state;
	send_request(VIP, 1);
	r = open_gate(clock_now_ns() - 2 * NS_PER_S, NS_PER_S, 0);
	expect(1, 0);
	assert_true(r.late);
	assert_int_equal(r.fates[REPLAY_GIVEN], 0);
}

/* Ends the replay when its first request has come. Of SLOTS, how many are there in the end? */
static int stop_amid(uint64_t opened_ns)
{
	struct replay_order order = { .opened_ns = opened_ns, .window_ns = 60 * NS_PER_S, .interval_ns = NS_PER_MS };
	struct pollfd in = { .fd = server, .events = POLLIN };
	char text[2048];
	int n = 0;

	atomic_store(&dp_words(dp)[0], BT_WORD(4, 2, BT_ARMED));
	for (int i = 1; i <= SLOTS; i++)
		send_request(VIP, i);
	atomic_store(&dp_leases(dp)[0], clock_now_ns() + 60 * NS_PER_S);
	atomic_store(&dp_words(dp)[0], BT_WORD(5, 1, BT_OPEN));
	replay_ask(replayer, &order);
	if (poll(&in, 1, WAIT_MS) != 1)
		fail_msg("no request came to the server");
	replay_close(replayer);
	while (poll(&in, 1, 100) == 1 && recv(server, text, sizeof(text), 0) > 0)
		n++;
	OK(replay_open(&replayer, dp, changed));
	return n;
}

/* batond that ends in the middle does not wait for the rest: nobody renews its lease meanwhile. On a busy machine the rest may be given. */
static void test_a_stop_waits_for_nothing(void **state)
{
	int n = SLOTS;

	(void)state;
	for (int i = 0; i < 20 && n == SLOTS; i++)
		n = stop_amid(clock_now_ns());
	if (n >= SLOTS)
		fail_msg("%d requests, each of them, were given before the replay ended", n);
}

static void test_a_ring_that_was_too_short(void **state)
{
	struct replay_report r;

	(void)state;
	for (int i = 1; i <= SLOTS + 10; i++)
		send_request(VIP, i);
	r = open_gate(clock_now_ns(), 60 * NS_PER_S, 0);
	expect(11, SLOTS + 10);
	if (!r.missing_us)
		fail_msg("%u given, and nobody says that ten were overwritten", r.fates[REPLAY_GIVEN]);
}

/* Pins that are found keep their ring, whatever is wanted now; programs made anew take it as it is. */
static void test_pins_keep_their_size(void **state)
{
	bool found = false, changed_programs;

	(void)state;
	assert_int_equal(dp_replay_slots(dp), SLOTS);
	replay_close(replayer);
	replayer = NULL;
	dp_close(dp);
	dp_replay_want(2 * SLOTS);
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	assert_true(found);
	assert_int_equal(dp_replay_slots(dp), SLOTS);
	OK(dp_renew(dp, OBJ, ALL_STAGES, &changed_programs));
	send_request(VIP, 1);
	OK(replay_open(&replayer, dp, changed));
	open_gate(clock_now_ns(), 60 * NS_PER_S, 0);
	expect(1, 1);
}

/* A batond that is started again, whose gate opens once more within the window. */
static void test_the_next_batond_gives_none_twice(void **state)
{
	bool found = false;

	(void)state;
	for (int i = 1; i <= 3; i++)
		send_request(VIP, i);
	open_gate(clock_now_ns(), 60 * NS_PER_S, 0);
	expect(1, 3);
	replay_close(replayer);
	replayer = NULL;
	dp_close(dp);
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	assert_true(found);
	OK(replay_open(&replayer, dp, changed));
	atomic_store(&dp_words(dp)[0], BT_WORD(6, 2, BT_ARMED));
	send_request("10.77.0.101", 1000);
	send_request(VIP, 4);
	open_gate(clock_now_ns(), 60 * NS_PER_S, 0);
	expect(4, 4);
}

/* A batond that is killed while it gives leaves nothing to the next one. */
static void test_what_is_begun_counts_as_done(void **state)
{
	struct pollfd in = { .fd = server, .events = POLLIN };
	uint64_t done;

	(void)state;
	for (int i = 1; i <= 100; i++)
		send_request(VIP, i);
	ask(clock_now_ns(), 60 * NS_PER_S, 0);
	if (poll(&in, 1, WAIT_MS) != 1)
		fail_msg("the first request did not come to the server");
	done = dp_replay_done(dp, 0);
	if (done != dp_replay_next(dp))
		fail_msg("the first is given, and done are %llu of %llu", (unsigned long long)done, (unsigned long long)dp_replay_next(dp));
	assert_int_equal(reported().fates[REPLAY_GIVEN], 100);
}

/* Where XDP stands in the stack, what is put before it passes there once. */
static void test_behind_the_driver(void **state)
{
	(void)state;
	for (int i = 1; i <= 5; i++)
		send_request(VIP, i);
	open_gate(clock_now_ns(), 60 * NS_PER_S, 0);
	expect(1, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	enum dp_mode generic = DP_GENERIC;
	const struct CMUnitTest tests[] = {
		TEST(given_in_order_and_once), TEST(after_the_last_pulse), TEST(not_too_late), TEST(a_ring_that_was_too_short),
		TEST(a_stop_waits_for_nothing), TEST(pins_keep_their_size), TEST(the_next_batond_gives_none_twice),
		TEST(what_is_begun_counts_as_done),
		{ "test_behind_the_driver", test_behind_the_driver, set_up, tear_down, &generic },
	};

	return enter_own_world() ? 1 : cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
