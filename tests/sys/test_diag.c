/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_diag: does the kernel's lookup agree with what is bound, and does it tell of every socket that ends? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/diag.h"

#define PORT	5060

enum how { V4, V6_DUAL, V6_ONLY };

static const char *const how_name[] = { "IPv4", "dual stack", "v6only" };

static struct nl ask, events;

static int setup(void **state)
{
	static const uint16_t ports[] = { 5080, PORT, 5061 };

	(void)state;
	if (system("ip link set lo up"))
		return -1;
	assert_int_equal(diag_open(&ask), 0);
	return diag_events_open(&events, ports, 3);
}

static int teardown(void **state)
{
	(void)state;
	nl_close(&ask);
	nl_close(&events);
	return 0;
}

static int bind_v4(const char *ip, uint16_t port, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	inet_pton(AF_INET, ip, &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static int bind_v6(const char *ip, uint16_t port, int type, int only)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1;

	inet_pton(AF_INET6, ip, &a.sin6_addr);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static int listener(enum how how, const char *ip, uint16_t port, int type)
{
	int fd = how == V4 ? bind_v4(ip, port, type) : bind_v6(ip, port, type, how == V6_ONLY);

	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static struct diag_at place(const char *ip, uint16_t port, int type)
{
	struct diag_at at = { .port = port, .proto = type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP };

	assert_int_equal(inet_pton(AF_INET6, ip, &at.ip), 1);
	return at;
}

static int there(const char *ip, uint16_t port, int type)
{
	struct diag_at at = place(ip, port, type);

	return diag_there(&ask, &at);
}

/* Bound like this, asked for that: found or not. Addresses need not be on any interface. */
static void test_lookup(void **state)
{
	static const struct { enum how how; const char *bound, *asked; bool found; } rows[] = {
		{ V4, "10.77.0.100", "::ffff:10.77.0.100", true },
		{ V4, "10.77.0.100", "::ffff:10.77.0.101", false },
		{ V4, "0.0.0.0", "::ffff:10.77.0.100", true },
		{ V4, "0.0.0.0", "fd00::64", false },
		{ V6_DUAL, "::", "::ffff:10.77.0.100", true },
		{ V6_DUAL, "::", "fd00::64", true },
		{ V6_DUAL, "::ffff:10.77.0.100", "::ffff:10.77.0.100", true },
		{ V6_ONLY, "::", "::ffff:10.77.0.100", false },
		{ V6_ONLY, "::", "fd00::64", true },
		{ V6_ONLY, "fd00::64", "fd00::64", true },
		{ V6_ONLY, "fd00::64", "fd00::65", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int tcp = 0; tcp <= 1; tcp++) {
			int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
			int fd = listener(rows[i].how, rows[i].bound, PORT, type);
			int err = there(rows[i].asked, PORT, type);

			if (err != (rows[i].found ? 0 : -ENOENT))
				fail_msg("%s %s bound to %s, asked for %s: %d", how_name[rows[i].how],
					 tcp ? "tcp" : "udp", rows[i].bound, rows[i].asked, err);
			assert_int_equal(there(rows[i].asked, PORT + 1, type), -ENOENT);
			assert_int_equal(there(rows[i].asked, PORT, tcp ? SOCK_DGRAM : SOCK_STREAM), -ENOENT);
			close(fd);
			assert_int_equal(there(rows[i].asked, PORT, type), -ENOENT);
		}
}

/* Neither a bound TCP socket that does not listen nor a connected UDP socket takes what comes. */
static void test_not_listening(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int tcp = bind_v4("127.0.0.1", PORT, SOCK_STREAM), udp = bind_v4("127.0.0.1", PORT, SOCK_DGRAM);

	(void)state;
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(connect(udp, (void *)&to, sizeof(to)), 0);
	assert_int_equal(there("::ffff:127.0.0.1", PORT, SOCK_STREAM), -ENOENT);
	assert_int_equal(there("::ffff:127.0.0.1", PORT, SOCK_DGRAM), -ENOENT);
	close(tcp);
	close(udp);
}

static void test_reuseport_sibling(void **state)
{
	int a = listener(V4, "127.0.0.1", PORT, SOCK_DGRAM), b = listener(V4, "127.0.0.1", PORT, SOCK_DGRAM);

	(void)state;
	close(a);
	assert_int_equal(there("::ffff:127.0.0.1", PORT, SOCK_DGRAM), 0);
	close(b);
	assert_int_equal(there("::ffff:127.0.0.1", PORT, SOCK_DGRAM), -ENOENT);
}

/* Documented limit: a socket bound to a device is not what the lookup without a device finds. */
static void test_bound_to_device(void **state)
{
	int fd = listener(V4, "127.0.0.1", PORT, SOCK_DGRAM);

	(void)state;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	assert_int_equal(there("::ffff:127.0.0.1", PORT, SOCK_DGRAM), -ENOENT);
	close(fd);
}

struct heard {
	unsigned n;
	struct diag_at last;
};

static void on_ended(void *arg, const struct diag_at *ended)
{
	struct heard *h = arg;

	h->n++;
	h->last = *ended;
}

/* What comes within @ms, until the first. */
static struct heard hear(int ms)
{
	struct pollfd pfd = { .fd = nl_fd(&events), .events = POLLIN };
	struct heard h = { 0 };

	if (poll(&pfd, 1, ms) == 1)
		assert_int_equal(diag_events(&events, on_ended, &h), 0);
	return h;
}

static void test_destroy_events(void **state)
{
	static const struct { enum how how; const char *bound, *told; } rows[] = {
		{ V4, "10.77.0.100", "::ffff:10.77.0.100" }, { V4, "0.0.0.0", "::" },
		{ V6_DUAL, "::", "::" }, { V6_DUAL, "::ffff:10.77.0.100", "::ffff:10.77.0.100" },
		{ V6_ONLY, "fd00::64", "fd00::64" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int tcp = 0; tcp <= 1; tcp++) {
			int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
			struct diag_at want = place(rows[i].told, PORT, type);
			struct heard h;

			close(listener(rows[i].how, rows[i].bound, PORT, type));
			h = hear(2000);
			if (h.n != 1 || memcmp(&h.last.ip, &want.ip, 16) || h.last.port != PORT ||
			    h.last.proto != want.proto)
				fail_msg("%s bound to %s: heard %u, last port %u proto %u",
					 how_name[rows[i].how], rows[i].bound, h.n, h.last.port, h.last.proto);
		}
}

/* The kernel keeps other ports and connections, a busy server's thousands, away from us. */
static void test_strangers_do_not_wake(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int server = listener(V4, "127.0.0.1", PORT, SOCK_STREAM);

	(void)state;
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	for (int i = 0; i < 10000; i++)
		close(listener(V4, "127.0.0.1", 0, SOCK_DGRAM));
	for (int i = 0; i < 200; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct linger reset = { .l_onoff = 1 };
		int call;

		assert_int_equal(connect(fd, (void *)&to, sizeof(to)), 0);
		call = accept(server, NULL, NULL);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		close(call);
	}
	assert_int_equal(hear(100).n, 0);
	close(server);
	assert_int_equal(hear(2000).n, 1);
}

static void test_lost_events_are_told(void **state)
{
	int bytes = 1, err = 0;
	struct heard h = { 0 };

	(void)state;
	assert_int_equal(setsockopt(nl_fd(&events), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	for (int i = 0; i < 500; i++)
		close(listener(V4, "127.0.0.1", PORT, SOCK_DGRAM));
	usleep(100000);
	for (int i = 0; i < 10 && !err; i++)
		err = diag_events(&events, on_ended, &h);
	assert_int_equal(err, -ENOBUFS);
	while (hear(50).n)
		;
	close(listener(V4, "127.0.0.1", PORT, SOCK_DGRAM));
	assert_int_equal(hear(2000).n, 1);	/* and it goes on */
}

static void test_too_many_ports(void **state)
{
	static uint16_t ports[DIAG_PORTS_MAX + 1];
	struct nl nl;

	(void)state;
	for (uint16_t i = 0; i <= DIAG_PORTS_MAX; i++)
		ports[i] = 20000 + i;
	assert_int_equal(diag_events_open(&nl, ports, DIAG_PORTS_MAX + 1), -E2BIG);
	nl_close(&events);
	assert_int_equal(diag_events_open(&events, ports, DIAG_PORTS_MAX), 0);
	close(listener(V4, "127.0.0.1", 20000, SOCK_DGRAM));
	assert_int_equal(hear(2000).last.port, 20000);
	close(listener(V4, "127.0.0.1", 20000 + DIAG_PORTS_MAX - 1, SOCK_DGRAM));
	assert_int_equal(hear(2000).last.port, 20000 + DIAG_PORTS_MAX - 1);
	close(listener(V4, "127.0.0.1", 20000 + DIAG_PORTS_MAX, SOCK_DGRAM));
	assert_int_equal(hear(100).n, 0);
}

static void test_cost(void **state)
{
	uint64_t from = clock_now_ns();

	(void)state;
	for (int i = 0; i < 2000; i++)
		assert_int_equal(there("::ffff:10.77.0.100", PORT, i & 1 ? SOCK_DGRAM : SOCK_STREAM), -ENOENT);
	printf("one look-up: %llu ns\n", (unsigned long long)(clock_now_ns() - from) / 2000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- ending connections ---- */

#define PAIRS	300	/* more than one round */

/* A connection from 127.0.0.1 to @ip, by a socket of @how's family; its server's end. */
static int connect_to(int listener, const char *ip, int *ret_client)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one;

	inet_pton(AF_INET, ip, &a.sin_addr);
	if (connect(fd, (void *)&a, sizeof(a)))
		fail_msg("connect to %s: %s", ip, strerror(errno));
	one = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(one >= 0);
	*ret_client = fd;
	return one;
}

static int error_of(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

static bool is_vip(void *arg, const struct in6_addr *local)
{
	struct in6_addr vip;

	inet_pton(AF_INET6, arg, &vip);
	return !memcmp(&vip, local, sizeof(vip));
}

static void test_only_ours_end(void **state)
{
	static int client[PAIRS], server[PAIRS];
	int v4 = bind_v4("127.0.0.2", PORT, SOCK_STREAM), other = bind_v4("127.0.0.3", PORT, SOCK_STREAM), c, s;
	struct diag_at at = { .port = PORT, .proto = IPPROTO_TCP };
	uint32_t ended = 7;

	(void)state;
	inet_pton(AF_INET6, "::ffff:127.0.0.2", &at.ip);
	assert_int_equal(listen(v4, PAIRS), 0);
	assert_int_equal(listen(other, 8), 0);
	s = connect_to(other, "127.0.0.3", &c);
	for (int i = 0; i < PAIRS; i++)
		server[i] = connect_to(v4, "127.0.0.2", &client[i]);
	assert_int_equal(diag_can_end(&ask), 0);
	assert_int_equal(error_of(client[0]), EAGAIN);		/* the question ended nothing */
	assert_int_equal(diag_end_tcp(&ask, is_vip, (void *)"::ffff:127.0.0.2", &ended), 0);
	assert_int_equal(ended, PAIRS);
	for (int i = 0; i < PAIRS; i++)
		if (error_of(client[i]) != ECONNRESET || error_of(server[i]) != ECONNABORTED)
			fail_msg("of %d connections the %d-th lives on", PAIRS, i);
	assert_int_equal(error_of(c), EAGAIN);
	assert_int_equal(error_of(s), EAGAIN);
	assert_int_equal(diag_there(&ask, &at), 0);		/* its listener serves who comes later */
	assert_int_equal(diag_end_tcp(&ask, is_vip, (void *)"::ffff:127.0.0.2", &ended), 0);
	assert_int_equal(ended, 0);
	for (int i = 0; i < PAIRS; i++) {
		close(client[i]);
		close(server[i]);
	}
	close(v4);
	close(other);
	close(c);
	close(s);
}

/* A server's dual-stack socket has the v4-mapped address, and is found under the other family. */
static void test_dual_stack_ends(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int l = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0, c, s;
	uint32_t ended;

	(void)state;
	setsockopt(l, SOL_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(l, (void *)&any, sizeof(any)), 0);
	assert_int_equal(listen(l, 8), 0);
	s = connect_to(l, "127.0.0.2", &c);
	assert_int_equal(diag_end_tcp(&ask, is_vip, (void *)"::ffff:127.0.0.2", &ended), 0);
	assert_int_equal(ended, 1);
	assert_int_equal(error_of(c), ECONNRESET);
	assert_int_equal(error_of(s), ECONNABORTED);
	close(l);
	close(c);
	close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lookup), T(test_not_listening), T(test_reuseport_sibling), T(test_bound_to_device),
		T(test_destroy_events), T(test_strangers_do_not_wake), T(test_lost_events_are_told),
		T(test_too_many_ports), T(test_cost), T(test_only_ours_end), T(test_dual_stack_ends),
	};

	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
