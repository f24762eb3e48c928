/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_bind_try: is what it says what a server would meet, and is it in nobody's way? In a network namespace of its own. */
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
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/bind_try.h"
#include "sys/diag.h"

#define PORT	5060
#define VIP	"::ffff:10.9.9.9"	/* nobody's: as on a backup, with ip_nonlocal_bind */
#define VIP6	"2001:db8::9"

static int setup(void **state)
{
	(void)state;
	return system("ip link set lo up && sysctl -qw net.ipv4.ip_nonlocal_bind=1 net.ipv6.ip_nonlocal_bind=1");
}

static int try_ip(const char *ip, uint8_t proto)
{
	struct in6_addr a;

	inet_pton(AF_INET6, ip, &a);
	return bind_try(&a, PORT, proto);
}

/* A stranger's or a server's socket, by its options. */
static int open_port(const char *ip, int type, int option)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	inet_pton(AF_INET, ip, &at.sin_addr);
	if (option)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on)), 0);
	if (!bind(fd, (void *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -errno;
}

static void free_ports_open(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(try_ip(VIP, IPPROTO_UDP), 0);
		assert_int_equal(try_ip(VIP, IPPROTO_TCP), 0);
		assert_int_equal(try_ip(VIP6, IPPROTO_UDP), 0);
		assert_int_equal(try_ip(VIP6, IPPROTO_TCP), 0);
	}
}

static void taken_ports_do_not(void **state)
{
	static const char *const at[] = { "10.9.9.9", "0.0.0.0" };
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd = open_port(at[i], SOCK_DGRAM, 0);
		assert_true(fd >= 0);
		if (try_ip(VIP, IPPROTO_UDP) != -EADDRINUSE)
			fail_msg("UDP was said to be free while a stranger has %s", at[i]);
		assert_int_equal(try_ip(VIP, IPPROTO_TCP), 0);
		close(fd);
		fd = open_port(at[i], SOCK_STREAM, 0);	/* bound, not listening: the lookup for frames does not find it */
		assert_true(fd >= 0);
		if (try_ip(VIP, IPPROTO_TCP) != -EADDRINUSE)
			fail_msg("TCP was said to be free while a stranger has %s", at[i]);
		close(fd);
	}
}

static void an_address_that_cannot_be_had(void **state)
{
	(void)state;
	assert_int_equal(system("sysctl -qw net.ipv4.ip_nonlocal_bind=0"), 0);
	assert_int_equal(try_ip(VIP, IPPROTO_UDP), -EADDRNOTAVAIL);
	assert_int_equal(system("sysctl -qw net.ipv4.ip_nonlocal_bind=1"), 0);
}

static atomic_bool stop;
static atomic_ulong tries;

static void *try_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		try_ip(VIP, IPPROTO_UDP);
		try_ip(VIP, IPPROTO_TCP);
		atomic_fetch_add(&tries, 1);
	}
	return NULL;
}

static void begin_trying(pthread_t *thread)
{
	atomic_store(&stop, false);
	atomic_store(&tries, 0);
	assert_int_equal(pthread_create(thread, NULL, try_on, NULL), 0);
	while (atomic_load(&tries) < 10)
		;
}

/* However often it is tried, a server that reuses addresses can always open its port. */
static void in_no_servers_way(void **state)
{
	static const int options[] = { SO_REUSEADDR, SO_REUSEPORT };
	pthread_t thread;

	(void)state;
	begin_trying(&thread);
	for (int i = 0; i < 4000; i++) {
		int type = i & 1 ? SOCK_STREAM : SOCK_DGRAM, fd = open_port("10.9.9.9", type, options[i >> 1 & 1]);

		if (fd < 0)
			fail_msg("a server with %s could not open its %s port: %s", options[i >> 1 & 1] == SO_REUSEADDR ? "SO_REUSEADDR" :
				 "SO_REUSEPORT", type == SOCK_STREAM ? "TCP" : "UDP", strerror(-fd));
		if (type == SOCK_STREAM)
			assert_int_equal(listen(fd, 4), 0);
		close(fd);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

/* The lookup that finds a frame's socket, batond's monitor and the XDP program use it too, never finds the one that is tried. */
static void found_by_no_lookup(void **state)
{
	struct diag_at at = { .port = PORT };
	pthread_t thread;
	struct nl nl;

	(void)state;
	inet_pton(AF_INET6, VIP, &at.ip);
	assert_int_equal(diag_open(&nl), 0);
	begin_trying(&thread);
	for (int i = 0; i < 4000; i++) {
		at.proto = i & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		if (!diag_there(&nl, &at))
			fail_msg("a lookup found the socket that is only tried, in look %d", i);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	nl_close(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_ports_open),
		cmocka_unit_test(taken_ports_do_not),
		cmocka_unit_test(an_address_that_cannot_be_had),
		cmocka_unit_test(in_no_servers_way),
		cmocka_unit_test(found_by_no_lookup),
	};

	return cmocka_run_group_tests_name("bind_try", tests, setup, NULL);
}
