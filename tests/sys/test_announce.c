/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What does the peer of a veth see, and what does its neighbour table make of it? */
#include "vip_lab.h"

#include <netinet/if_ether.h>
#include <netpacket/packet.h>

#include "core/arp_msg.h"
#include "ha/announce.h"
#include "sys/raw.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/raw.h"

#define MS	NS_PER_MS
#define T0	(1000 * NS_PER_S)	/* announce has no clock of its own: the tests' starts here */

static int tap;		/* sees every frame that reaches the peer */

struct seen {
	uint32_t requests, replies, asks_broadcast, asks_unicast, na_all, na_unicast, other;
	bool router_flag;
};

static int fresh(void **state)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int bytes = 8 << 20;

	(void)state;
	vp_lab_fresh();
	vp_run("echo 0 > /proc/sys/net/ipv6/conf/vp-a/router_solicitations");
	vp_enter(vp_there);
	tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sll_ifindex = (int)if_nametoindex("vp-b");
	setsockopt(tap, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	assert_int_equal(bind(tap, (struct sockaddr *)&at, sizeof(at)), 0);
	vp_enter(vp_here);
	return 0;
}

static int done(void **state)
{
	(void)state;
	raw_rest(0);	/* the next one has another network namespace */
	return close(tap);
}

static void count_arp(struct seen *s, const uint8_t *f)
{
	bool all = f[0] == 0xff;

	if (memcmp(f + 28, (uint8_t[]){ 10, 77, 0 }, 3) || f[31] < 100)
		return;		/* the kernel's own */
	if (memcmp(f + 28, f + 38, 4))
		*(all ? &s->asks_broadcast : &s->asks_unicast) += 1;
	else
		*(f[21] == 1 ? &s->requests : &s->replies) += 1;
}

static struct seen look(void)
{
	struct seen s = { 0 };
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	uint8_t f[2048] = { 0 };

	while (recvfrom(tap, f, sizeof(f), 0, (struct sockaddr *)&from, &len) > 0) {
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (f[12] == 8 && f[13] == 6) {
			count_arp(&s, f);
		} else if (f[12] == 0x86 && f[54] == 136 && f[77] == 0x64) {
			*(f[0] == 0x33 ? &s.na_all : &s.na_unicast) += 1;
			s.router_flag = f[58] & 0x80;
		}
	}
	return s;
}

static void expect(const char *when, uint32_t got, uint32_t want, const char *what)
{
	if (got != want)
		fail_msg("%s: %u %s, not %u", when, got, what, want);
}

static struct announce *start(const struct vip *v, uint32_t n, const char *router,
			      const char *router6, uint32_t rate)
{
	struct in6_addr routers[2] = {
		vp_ip(router ? router : "10.77.0.2"), vp_ip(router6 ? router6 : "fd00:77::2"),
	};
	struct announce *a;

	assert_int_equal(announce_open(&a, v, n, routers, router ? 2 : 0, rate), 0);
	assert_int_equal(announce_start(a, T0), 0);
	return a;
}

static void many_at(struct vip v[500])
{
	char text[32];

	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "10.77.0.%d", 100 + i % 150);
		v[i] = vp_vip(text, "vp-a");
	}
}

static void see_more(struct seen *s)
{
	struct seen more = look();

	s->requests += more.requests;
	s->replies += more.replies;
}

/* Another thread sends some, and may be kept from it: a turn that brings nothing is followed by a longer rest. */
static void take_turns(struct announce *a, struct seen *s, uint64_t *ms, uint32_t requests, uint32_t replies)
{
	for (int tries = 0; tries < 1000 && (s->requests < requests || s->replies < replies); tries++) {
		uint32_t had = s->requests + s->replies;

		announce_turn(a, T0 + *ms * MS);
		*ms += *ms < 90;
		see_more(s);
		usleep(s->requests + s->replies > had ? 1000 : 20000);
	}
	see_more(s);
}

/* The broadcasts, that is; the other form follows in portions, and gives way to the first requests. */
static void first_round_of_many_is_at_once(void **state)
{
	static struct vip v[500];
	struct seen s = { 0 };
	struct announce *a;
	uint64_t ms = 0;

	(void)state;
	many_at(v);
	a = start(v, 500, NULL, NULL, 10);
	announce_turn(a, T0);
	see_more(&s);
	expect("broadcasts under way", s.replies, 0, "replies");
	take_turns(a, &s, &ms, 500, 1);
	expect("first round", s.requests, 500, "requests");
	if (s.replies > 32 * (ms + 1))
		fail_msg("%u replies in %u ms, more than 32 in each", s.replies, (unsigned)ms);
	take_turns(a, &s, &ms, 500, 500);
	expect("first round", s.requests, 500, "requests");
	expect("first round", s.replies, 500, "replies");
	announce_close(a);
}

/* Nothing fits into a queue of one byte. It is not taken away: meanwhile a frame would be lost, and called sent. */
static void what_a_full_queue_refused_is_sent_again(void **state)
{
	static struct vip v[500];
	struct seen s = { 0 };
	struct announce *a;
	uint64_t ms = 0;

	(void)state;
	many_at(v);
	vp_run("tc qdisc add dev vp-a root bfifo limit 1");
	a = start(v, 500, NULL, NULL, 10);
	for (; ms < 10; ms++)
		announce_turn(a, T0 + ms * MS);
	expect("refused", look().requests, 0, "requests");
	vp_run("tc qdisc change dev vp-a root bfifo limit 1000000");
	take_turns(a, &s, &ms, 500, 500);
	expect("no longer refused", s.requests, 500, "requests");
	expect("no longer refused", s.replies, 500, "replies");
	announce_close(a);
}

static void neighbour_learns_the_new_owner(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::64", "vp-a") };
	struct announce *a;
	char mac[32];

	(void)state;
	vp_peer_run("ip neigh add 10.77.0.100 dev vp-b lladdr 02:00:00:00:00:09 nud reachable && "
		    "ip neigh add fd00:77::64 dev vp-b lladdr 02:00:00:00:00:09 nud reachable");
	a = start(v, 2, NULL, NULL, 500);
	vp_output("ip -br link show vp-a | awk '{printf \"%s\", $3}'", mac, sizeof(mac));
	vp_enter(vp_there);
	vp_says("ip neigh show 10.77.0.100 dev vp-b", mac);
	vp_says("ip neigh show fd00:77::64 dev vp-b", mac);
	vp_enter(vp_here);
	announce_close(a);
}

/* By whoever is neither the old nor the new owner's address: ARP at once, an advertisement as well. */
static void neighbour_believes_a_third_party(void **state)
{
	static const uint8_t owner[6] = { 0x02, 0, 0, 0, 0, 0x77 };
	static const char *const ips[] = { "::ffff:10.77.0.100", "fd00:77::64" };
	uint8_t from[6], to[6], frame[ARP_MSG_MAX];
	struct iovec iov = { .iov_base = frame };
	struct in6_addr ip;
	char mac[32];
	int fd = raw_asker();

	(void)state;
	assert_true(fd >= 0);
	vp_peer_run("ip neigh add 10.77.0.100 dev vp-b lladdr 02:00:00:00:00:09 nud reachable && "
		    "ip neigh add fd00:77::64 dev vp-b lladdr 02:00:00:00:00:09 nud reachable");
	assert_int_equal(raw_mac(fd, if_nametoindex("vp-a"), from), 0);
	vp_enter(vp_there);
	vp_output("ip -br link show vp-b | awk '{printf \"%s\", $3}'", mac, sizeof(mac));
	vp_enter(vp_here);
	assert_int_equal(sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4], &to[5]), 6);
	for (int i = 0; i < 2; i++) {
		inet_pton(AF_INET6, ips[i], &ip);
		iov.iov_len = arp_msg_tell(frame, from, to, owner, &ip);
		assert_int_equal(raw_send_past_the_gate(if_nametoindex("vp-a"), &iov, 1), 1);
	}
	vp_enter(vp_there);
	vp_says("ip neigh show 10.77.0.100 dev vp-b", "02:00:00:00:00:77");
	vp_says("ip neigh show fd00:77::64 dev vp-b", "02:00:00:00:00:77");
	vp_enter(vp_here);
	close(fd);
	raw_rest(0);		/* the next test has another namespace */
}

static void routers_are_told_by_unicast_when_known(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::64", "vp-a") };
	struct announce *a;
	struct seen s;

	(void)state;
	a = start(v, 2, "10.77.0.2", "fd00:77::2", 500);
	s = look();
	expect("router unknown", s.asks_broadcast, 1, "ARP requests for the router to all");
	expect("router unknown", s.na_all, 2, "advertisements to all nodes' MAC");
	announce_close(a);
	vp_run("ip neigh replace 10.77.0.2 dev vp-a lladdr 02:00:00:00:00:22 && "
	       "ip neigh replace fd00:77::2 dev vp-a lladdr 02:00:00:00:00:22");
	a = start(v, 2, "10.77.0.2", "fd00:77::2", 500);
	s = look();
	expect("router known", s.asks_broadcast, 0, "ARP requests for the router to all");
	expect("router known", s.asks_unicast, 1, "ARP requests for the router alone");
	expect("router known", s.na_unicast, 1, "advertisements for the router alone");
	expect("router known", s.na_all, 1, "advertisements to all nodes");
	vp_run("ip neigh del 10.77.0.2 dev vp-a");
	announce_start(a, T0);
	expect("router gone, not looked at again", look().asks_unicast, 1, "ARP requests for the router alone");
	announce_learn(a);
	announce_start(a, T0);
	expect("router gone, looked at again", look().asks_broadcast, 1, "ARP requests for the router to all");
	announce_close(a);
}

static void router_flag_follows_forwarding(void **state)
{
	struct vip v = vp_vip("fd00:77::64", "vp-a");
	struct announce *a = start(&v, 1, NULL, NULL, 500);

	(void)state;
	assert_false(look().router_flag);
	vp_run("echo 1 > /proc/sys/net/ipv6/conf/vp-a/forwarding");
	assert_int_equal(announce_start(a, T0), 0);
	assert_true(look().router_flag);
	announce_close(a);
}

/* Row: a moment, and how many rounds must have begun by then. */
static void rounds_come_on_time_and_end(void **state)
{
	static const struct { uint64_t at_ms; uint32_t rounds; } rows[] = {
		{ 0, 1 }, { 99, 1 }, { 100, 2 }, { 499, 2 }, { 501, 3 }, { 1001, 4 }, { 2001, 5 }, { 4999, 5 },
		{ 5001, 6 }, { 10001, 7 }, { 60000, 7 },
	};
	struct vip v = vp_vip("10.77.0.100", "vp-a");
	struct announce *a = start(&v, 1, NULL, NULL, 1000);
	uint32_t seen = 0, row = 0;
	uint64_t next = 0;
	char when[32];

	(void)state;
	for (uint64_t ms = 0; row < sizeof(rows) / sizeof(rows[0]); ms++) {
		next = announce_turn(a, T0 + ms * MS);
		if (ms != rows[row].at_ms)
			continue;
		seen += look().requests;
		snprintf(when, sizeof(when), "after %u ms", (unsigned)ms);
		expect(when, seen, rows[row++].rounds, "rounds");
	}
	assert_true(next == LOOP_NEVER);
	announce_close(a);
}

static void later_rounds_keep_to_the_rate(void **state)
{
	static struct vip v[100];
	char text[32];
	struct announce *a;
	struct seen s;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "10.77.0.%d", 100 + i);
		v[i] = vp_vip(text, "vp-a");
	}
	a = start(v, 100, NULL, NULL, 500);
	(void)look();
	for (uint64_t ms = 100; ms < 200; ms++)
		announce_turn(a, T0 + ms * MS);
	s = look();
	expect("0.1 s at 500 frames/s", s.requests + s.replies, 50, "frames");
	for (uint64_t ms = 200; ms < 60000; ms++)
		announce_turn(a, T0 + ms * MS);
	s = look();
	/* 6 rounds of 200 frames, one of them begun above; 0.4 s each, so none is late: all of them. */
	expect("in the end", s.requests + s.replies, 6 * 200 - 50, "frames");
	assert_true(announce_turn(a, T0 + 61000 * MS) == LOOP_NEVER);
	announce_close(a);
}

/* A deadline in the past would be told as a main loop that got no CPU. */
static void a_round_that_comes_late_is_due_now(void **state)
{
	static struct vip v[100];
	char text[32];
	struct announce *a;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "10.77.0.%d", 100 + i);
		v[i] = vp_vip(text, "vp-a");
	}
	a = start(v, 100, NULL, NULL, 250);	/* a round takes 0.8 s */
	for (uint64_t ms = 0; ms < 60000; ms++) {
		uint64_t now = T0 + ms * MS, next = announce_turn(a, now);

		if (next < now)
			fail_msg("after %u ms: due %u ms ago", (unsigned)ms, (unsigned)((now - next) / MS));
	}
	announce_close(a);
}

static void stopped_means_silent(void **state)
{
	struct vip v = vp_vip("10.77.0.100", "vp-a");
	struct announce *a = start(&v, 1, NULL, NULL, 1000);

	(void)state;
	(void)look();
	announce_stop(a);
	assert_true(announce_turn(a, T0 + 200 * MS) == LOOP_NEVER);
	expect("stopped", look().requests, 0, "requests");
	announce_close(a);
}

static void an_unusable_interface_is_named_and_the_rest_announced(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("10.77.0.101", "vp-a"),
			   vp_vip("10.77.0.102", "vp-a") };
	struct announce *a;

	(void)state;
	v[1].ifindex = 9999;
	v[2].ifindex = if_nametoindex("lo");
	assert_int_equal(announce_open(&a, v, 3, NULL, 0, 100), 0);
	assert_int_equal(announce_start(a, T0), -ENODEV);
	expect("one interface missing", look().requests, 1, "requests");
	announce_close(a);
	assert_int_equal(announce_open(&a, v + 2, 1, NULL, 0, 100), 0);
	assert_int_equal(announce_start(a, T0), -EOPNOTSUPP);
	announce_close(a);
	vp_run("ip link set vp-a down");
	assert_int_equal(announce_open(&a, v, 1, NULL, 0, 100), 0);
	assert_int_equal(announce_start(a, T0), -ENETDOWN);
	announce_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_round_of_many_is_at_once, fresh, done),
		cmocka_unit_test_setup_teardown(what_a_full_queue_refused_is_sent_again, fresh, done),
		cmocka_unit_test_setup_teardown(neighbour_learns_the_new_owner, fresh, done),
		cmocka_unit_test_setup_teardown(neighbour_believes_a_third_party, fresh, done),
		cmocka_unit_test_setup_teardown(routers_are_told_by_unicast_when_known, fresh, done),
		cmocka_unit_test_setup_teardown(router_flag_follows_forwarding, fresh, done),
		cmocka_unit_test_setup_teardown(rounds_come_on_time_and_end, fresh, done),
		cmocka_unit_test_setup_teardown(later_rounds_keep_to_the_rate, fresh, done),
		cmocka_unit_test_setup_teardown(a_round_that_comes_late_is_due_now, fresh, done),
		cmocka_unit_test_setup_teardown(stopped_means_silent, fresh, done),
		cmocka_unit_test_setup_teardown(an_unusable_interface_is_named_and_the_rest_announced, fresh, done),
	};

	return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}
