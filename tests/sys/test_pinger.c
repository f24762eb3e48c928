/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pinger: real sockets; who answers, who does not, who only pretends to.
 * Run in a network namespace of its own (unshare -n).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/pinger.h"
#include "sys/clock.h"
#include "sys/udp.h"

#define SHOULD_NS	(20 * NS_PER_S)	/* generous: how soon something must be seen */

static struct conf conf;
static struct pinger *pinger;
static int changed;

static struct in6_addr v6_of(const char *text)
{
	struct in6_addr ip;
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, &ip), 1);
	return ip;
}

/* A socket that devices can be made of. */
static int device_at(const char *ip, uint16_t *port)
{
	struct in6_addr at = v6_of(ip);
	int fd = udp_open_at(&at, port);

	assert_true(fd >= 0);
	return fd;
}

static void add_device(const char *name, const char *ip, uint16_t port, uint32_t check_s, uint32_t force_s)
{
	struct conf_device *d = &conf.devices[conf.n_devices++];

	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->contact = (struct conf_endpoint){ .ip = v6_of(ip), .port = port };
	d->oos_check_s = check_s;
	d->oos_force_s = force_s;
}

static int setup(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.n_groups = conf.n_vips = conf.groups[0].n_vips = conf.groups[0].n_ports = 1;
	conf.groups[0].ports[0] = (struct conf_port){ .port = 5060, .transport = PORT_TCP };
	conf.vips[0].addr.ip = v6_of("127.0.0.77");
	changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return changed < 0 || system("ip link set lo up");
}

static int teardown(void **state)
{
	(void)state;
	pinger_close(pinger);
	pinger = NULL;
	close(changed);
	return 0;
}

static void start(void)
{
	assert_int_equal(pinger_open(&pinger, &conf, changed), 0);
}

struct request {
	char text[1500];
	size_t len;
	struct udp_addr from;
};

static bool hears(int fd, struct request *r, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = udp_recv(fd, &r->from, r->text, sizeof(r->text) - 1);
	assert_true(n > 0);
	r->len = (size_t)n;
	r->text[n] = '\0';
	return true;
}

static void expect_question(int fd, struct request *r)
{
	if (!hears(fd, r, (int)(SHOULD_NS / NS_PER_MS)))
		fail_msg("no OPTIONS came");
}

/* What a user agent does: its own first line, the question's headers. */
static void answer_from(int fd, const struct request *r, const char *status)
{
	char text[2000];
	int n = snprintf(text, sizeof(text), "SIP/2.0 %s\r\n%s", status, strstr(r->text, "\r\n") + 2);

	assert_int_equal(udp_send(fd, &r->from, text, (size_t)n), 0);
}

static struct ping_report device(uint32_t i)
{
	struct ping_report r;

	pinger_device(pinger, i, &r);
	return r;
}

static void expect_state(uint32_t i, enum ping_state want)
{
	uint64_t until = clock_now_ns() + SHOULD_NS;

	while (device(i).state != want && clock_now_ns() < until)
		usleep(5000);
	if (device(i).state != want)
		fail_msg("device %u: state %d, not %d", i, device(i).state, want);
}

static void expect_count(const char *what, const uint64_t *count, uint64_t least)
{
	uint64_t until = clock_now_ns() + SHOULD_NS;
	struct pinger_counts c;
	const uint64_t *at = (const uint64_t *)((const char *)&c + ((const char *)count - (const char *)NULL));

	do {
		pinger_counts(pinger, &c);
		usleep(2000);
	} while (*at < least && clock_now_ns() < until);
	if (*at < least)
		fail_msg("%s: %llu, not %llu", what, (unsigned long long)*at, (unsigned long long)least);
}
#define EXPECT_COUNT(field, least) expect_count(#field, &((struct pinger_counts *)NULL)->field, least)

static void who_answers_is_in_service_who_does_not_is_out(void **state)
{
	uint16_t port4, port6;
	int v4 = device_at("127.0.0.50", &port4), v6 = device_at("::1", &port6);
	struct request r;

	(void)state;
	add_device("gw", "127.0.0.50", port4, 300, 1);
	add_device("six", "::1", port6, 300, 1);
	add_device("dead", "127.0.0.51", 9, 1, 1);	/* an ICMP error is no answer */
	add_device("unchecked", "127.0.0.50", port4, 0, 0);
	start();
	expect_question(v4, &r);
	assert_non_null(strstr(r.text, "OPTIONS sip:127.0.0.50:"));
	answer_from(v4, &r, "404 Not Found");
	expect_question(v6, &r);
	answer_from(v6, &r, "200 OK");
	expect_state(0, PING_IN_SERVICE);
	expect_state(1, PING_IN_SERVICE);
	expect_state(2, PING_OUT_OF_SERVICE);
	assert_int_equal(device(0).status, 404);
	assert_int_equal(device(1).status, 200);
	assert_true(device(0).since_ns && device(2).since_ns && device(0).answered_to_ns);
	assert_int_equal(device(3).state, PING_UNKNOWN);
	assert_int_equal(device(3).asked_ns, 0);
	close(v4);
	close(v6);
}

static void forged_and_mutilated_answers_are_no_life(void **state)
{
	uint16_t port, other_port;
	int fd = device_at("127.0.0.50", &port), other = device_at("127.0.0.50", &other_port);
	struct request r, bad;
	char *token;

	(void)state;
	add_device("gw", "127.0.0.50", port, 300, 30);
	start();
	expect_question(fd, &r);
	answer_from(other, &r, "200 OK");		/* who overheard it answers from elsewhere */
	EXPECT_COUNT(strangers, 1);
	bad = r;
	token = strstr(bad.text, "z9hG4bK") + 7;
	*token = *token == '0' ? '1' : '0';
	answer_from(fd, &bad, "200 OK");		/* a guess */
	EXPECT_COUNT(strangers, 2);
	assert_int_equal(udp_send(fd, &r.from, "\r\n\r\n", 4), 0);
	EXPECT_COUNT(strangers, 3);
	bad = r;
	memcpy(strstr(bad.text, "CSeq: ") + 6, "9", 1);
	answer_from(fd, &bad, "200 OK");
	EXPECT_COUNT(malformed, 1);
	bad = r;
	memcpy(strstr(bad.text, "Call-ID: ") + 9, "zz", 2);
	answer_from(fd, &bad, "200 OK");
	EXPECT_COUNT(malformed, 2);
	answer_from(fd, &r, "BAD");
	EXPECT_COUNT(malformed, 3);
	answer_from(fd, &r, "100 Trying");
	EXPECT_COUNT(answered, 1);
	assert_int_equal(device(0).state, PING_UNKNOWN);
	answer_from(fd, &r, "200 OK");
	expect_state(0, PING_IN_SERVICE);
	close(fd);
	close(other);
}

static void a_reload_keeps_what_is_known_of_the_same(void **state)
{
	uint16_t port, new_port;
	int fd = device_at("127.0.0.50", &port), added = device_at("127.0.0.60", &new_port);
	struct conf_device gw;
	struct request r;

	(void)state;
	add_device("gone", "127.0.0.50", port, 0, 0);
	add_device("gw", "127.0.0.50", port, 300, 30);
	start();
	expect_question(fd, &r);
	answer_from(fd, &r, "200 OK");
	expect_state(1, PING_IN_SERVICE);
	gw = conf.devices[1];
	conf.n_devices = 0;
	add_device("new", "127.0.0.60", new_port, 300, 30);
	conf.devices[conf.n_devices++] = gw;
	conf.devices[1].oos_check_s = 1;			/* from 300: acts at once */
	assert_int_equal(pinger_reload(pinger, &conf), 0);
	assert_int_equal(device(1).state, PING_IN_SERVICE);
	assert_int_equal(device(2).asked_ns, 0);		/* there is no third any more */
	expect_question(fd, &r);
	expect_question(added, &r);
	answer_from(added, &r, "200 OK");
	expect_state(0, PING_IN_SERVICE);
	conf.devices[1].contact.port++;				/* the same name somewhere else is somebody else */
	assert_int_equal(pinger_reload(pinger, &conf), 0);
	assert_int_equal(device(1).state, PING_UNKNOWN);
	close(fd);
	close(added);
}

static void the_own_server_is_asked_in_bursts(void **state)
{
	struct in6_addr vip = v6_of("127.0.0.77");
	struct ping_report own;
	struct request r;
	uint64_t since, until;
	uint16_t port;
	int fd = udp_open_at(&vip, &port);

	(void)state;
	assert_true(fd >= 0);
	conf.groups[0].ports[0] = (struct conf_port){ .port = port, .transport = PORT_UDP };
	start();
	expect_question(fd, &r);
	assert_non_null(strstr(r.text, "Max-Forwards: 1\r\n"));
	answer_from(fd, &r, "200 OK");
	EXPECT_COUNT(answered, 1);
	pinger_ask(pinger, 0, 3, 50 * NS_PER_MS, &since);
	assert_false(pinger_burst_ended(pinger, 0));
	for (int i = 0; i < 3; i++)
		expect_question(fd, &r);
	until = clock_now_ns() + SHOULD_NS;
	while (!pinger_burst_ended(pinger, 0) && clock_now_ns() < until)
		usleep(2000);
	assert_true(pinger_burst_ended(pinger, 0));
	pinger_server(pinger, 0, &own);
	assert_true(own.answered_to_ns < since && own.asked_ns >= since);
	pinger_ask(pinger, 0, 3, 10 * NS_PER_S, &since);
	until = clock_now_ns() + SHOULD_NS / 4;		/* repetitions of earlier questions may be waiting here */
	while (!pinger_burst_ended(pinger, 0) && clock_now_ns() < until)
		if (hears(fd, &r, 10))
			answer_from(fd, &r, "503 Busy");
	pinger_server(pinger, 0, &own);
	assert_true(pinger_burst_ended(pinger, 0) && own.answered_to_ns >= since);
	assert_int_equal(own.status, 503);
	close(fd);
}

static void a_server_without_udp_is_not_asked(void **state)
{
	struct ping_report own;
	uint64_t since;

	(void)state;
	start();
	pinger_ask(pinger, 0, 3, 50 * NS_PER_MS, &since);
	assert_true(pinger_burst_ended(pinger, 0));
	pinger_server(pinger, 0, &own);
	assert_int_equal(own.state, PING_UNKNOWN);
	assert_int_equal(own.asked_ns, 0);
}

static uint32_t in_service(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf.n_devices; i++)
		n += device(i).state == PING_IN_SERVICE;
	return n;
}

static void a_thousand_are_asked_one_after_the_other(void **state)
{
	uint16_t port;
	int fd = device_at("127.0.0.50", &port), size = 4 << 20;
	uint64_t began_ns = clock_now_ns(), until = began_ns + 3 * SHOULD_NS;
	struct request r;
	char name[16];

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		add_device(name, "127.0.0.50", port, 5, 5);
	}
	start();
	while (in_service() < 1000 && clock_now_ns() < until)
		for (int i = 0; i < 50 && hears(fd, &r, 100); i++)
			answer_from(fd, &r, "200 OK");
	assert_int_equal(in_service(), 1000);
	assert_true(clock_now_ns() - began_ns > 4 * NS_PER_S);	/* 5 ms apart; never sooner, whatever the machine does */
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_answers_is_in_service_who_does_not_is_out, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_and_mutilated_answers_are_no_life, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reload_keeps_what_is_known_of_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(the_own_server_is_asked_in_bursts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_without_udp_is_not_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand_are_asked_one_after_the_other, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
