/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_observed: questions of a steering node where XDP is off: the real program answers them by hand, over real sockets.
 * Own namespaces; needs root and build/bpf.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/observe_msg.h"
#include "ha/observed.h"
#include "sys/clock.h"
#include "sys/udp.h"
#include "tests/sys/dp_world.h"

#define PORT	4270
#define SHOULD_MS 20000

static struct dp *dp;
static struct observed observed;
static int own;			/* as the pulse thread has one for each path */

static struct sockaddr_in v4(const char *ip)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, ip, &at.sin_addr), 1);
	return at;
}

static int setup(void **state)
{
	struct bt_node node = { .my_id = 1, .peer_id = 2, .pair_id = 9, .n_groups = 1, .boot = 0x77, .pulse_port = htons(PORT),
				.key_observe = { 31, 32 } };
	struct bt_group group = { .name_hash = htonl(7), .name = "sip", .health = 2 };
	struct sockaddr_in any = v4("0.0.0.0"), peer = v4("127.0.0.9");
	bool found;

	(void)state;
	shell("ip link set lo up");
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	OK(dp_set_node(dp, &node));
	OK(dp_set_group(dp, 0, &group));
	atomic_store(&dp_words(dp)[0], BT_WORD(5, 1, BT_OPEN));
	atomic_store(&dp_leases(dp)[0], clock_now_ns() + 600 * NS_PER_S);
	own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(setsockopt(own, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	assert_int_equal(bind(own, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(connect(own, (struct sockaddr *)&peer, sizeof(peer)), 0);
	assert_int_equal(observed_open(&observed, PORT, &own, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	observed_close(&observed);
	close(own);
	OK(dp_remove(dp));
	dp_close(dp);
	return 0;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static struct observe_ask ask_of(const struct in6_addr *at, uint64_t nonce)
{
	return (struct observe_ask){ .key = { 31, 32 }, .pair_id = 9, .name_hash = 7, .at = *at, .nonce = nonce };
}

static void put(int fd, const struct in6_addr *at, uint64_t nonce)
{
	struct udp_addr to = { .ip = *at, .port = PORT };
	struct observe_ask ask = ask_of(at, nonce);
	char msg[OBSERVE_BYTES];

	observe_msg_ask(&ask, msg);
	assert_int_equal(udp_send(fd, &to, msg, sizeof(msg)), 0);
}

static void asked_over(const char *ip, int which)
{
	struct observe_said said = { 0 };
	struct observe_ask ask;
	struct udp_addr from;
	struct in6_addr at;
	char msg[OBSERVE_BYTES + 1];
	uint16_t port;
	int fd = udp_open(!which, &port);
	ssize_t n;

	assert_int_equal(inet_pton(AF_INET6, ip, &at), 1);
	put(fd, &at, 55);
	assert_true(readable(observed.fd[which], SHOULD_MS));
	observed_answer(&observed, observed.fd[which], dp);
	if (!readable(fd, SHOULD_MS))
		fail_msg("no answer from %s (%s)", ip, dp_why(dp));
	n = udp_recv(fd, &from, msg, sizeof(msg));
	ask = ask_of(&at, 55);
	assert_memory_equal(&from.ip, &at, sizeof(at));
	assert_int_equal(from.port, PORT);
	assert_true(observe_msg_answers(msg, (size_t)n, &ask, &said));
	assert_int_equal(said.word, BT_WORD(5, 1, BT_OPEN));
	assert_true(said.flags & OBSERVE_F_OPEN);
	close(fd);
}

static void a_question_is_answered_over_both_families(void **state)
{
	(void)state;
	asked_over("::ffff:127.0.0.51", 0);
	asked_over("::1", 1);
}

/* More particular sockets keep what is theirs, and nobody else gets the port. */
static void the_port_is_shared_with_nobody(void **state)
{
	struct sockaddr_in peer = v4("127.0.0.9"), us = v4("127.0.0.1"), any = v4("0.0.0.0");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), thief = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	(void)state;
	assert_int_equal(setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(thief, (struct sockaddr *)&any, sizeof(any)), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(thief);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = peer.sin_addr },
			      sizeof(peer)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&us, sizeof(us)), 1);	/* the peer's address, another port */
	assert_true(readable(observed.fd[0], SHOULD_MS));
	observed_answer(&observed, observed.fd[0], dp);
	assert_false(readable(observed.fd[0], 0));
	assert_false(readable(fd, 0));
	close(fd);
}

static void a_round_takes_so_many(void **state)
{
	struct in6_addr at;
	char msg[OBSERVE_BYTES + 1];
	struct udp_addr from;
	uint16_t port;
	int fd = udp_open(true, &port), answered = 0;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &at), 1);
	for (uint64_t i = 1; i <= OBSERVED_ROUND + 8; i++)
		put(fd, &at, i);
	observed_answer(&observed, observed.fd[0], dp);
	assert_int_equal(observed.left, 0);
	while (udp_recv(fd, &from, msg, sizeof(msg)) > 0)
		answered++;
	assert_int_equal(answered, OBSERVED_ROUND);
	observed_answer(&observed, observed.fd[0], dp);
	assert_true(udp_recv(fd, &from, msg, sizeof(msg)) < 0);
	observed.left = OBSERVED_ROUND;
	observed_answer(&observed, observed.fd[0], dp);
	while (udp_recv(fd, &from, msg, sizeof(msg)) > 0)
		answered++;
	assert_int_equal(answered, OBSERVED_ROUND + 8);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_question_is_answered_over_both_families, setup, teardown),
		cmocka_unit_test_setup_teardown(the_port_is_shared_with_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_round_takes_so_many, setup, teardown),
	};

	return enter_own_world() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
