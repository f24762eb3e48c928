/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_http: the real HTTP server before a conductor made of cardboard: what is shown, what is refused, and that no client
 * keeps another from being answered. In a network namespace of its own.
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
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/http.h"
#include "ha/ha_view.h"
#include "sys/clock.h"

#define PORT		8099
#define CROWD		300
#define ANSWER_MS	10000	/* generous: an answer takes a millisecond */

/* ---- the conductor ---- */

struct ha { int unused; };

static struct ha ha;
static struct conf conf;
static const char *unready = "";
static uint64_t invites;

void ha_view(struct ha *h, struct ha_view *v)
{
	struct ha_group_view *g = v->groups;

	(void)h;
	memset(v, 0, sizeof(*v));
	strcpy(v->node, "a");
	strcpy(v->peer_name, "b");
	v->version = "0.1.0";
	v->peer_state = "up";
	v->arbiter_type = v->arbiter_state = "none";
	v->n_groups = 1;
	strcpy(g->name, "sip");
	g->role = "primary";
	g->service = "running";
	g->gate = "open";
	g->peer_role = "backup";
	g->peer_gate = "armed";
	g->term = 7;
	g->n_vips = conf.n_vips;
	snprintf(g->unready, sizeof(g->unready), "%s", unready);
	snprintf(g->unready_upgrade, sizeof(g->unready_upgrade), "a primary never is");
}

bool ha_vip_present(const struct ha *h, uint32_t vip) { (void)h; return vip == 0; }

uint32_t ha_alarms(const struct ha *h, struct ha_alarm_view ret[HA_ALARMS_MAX])
{
	(void)h;
	ret[0] = (struct ha_alarm_view){ .id = "00-52029 \"sip\"", .text = "<script>alert(1)</script> & \xff", .since_s = 3 };
	return 1;
}

int ha_counts(struct ha *h, struct bt_count x[BT_X__N], struct bt_count t[BT_T__N])
{
	(void)h;
	memset(x, 0, BT_X__N * sizeof(*x));
	memset(t, 0, BT_T__N * sizeof(*t));
	x[BT_X_VIP_ACCEPTED].packets = 5;
	return 0;
}

int ha_live(struct ha *h, uint32_t vip, struct bt_live ret[BT_DIR__N])
{
	(void)h;
	memset(ret, 0, BT_DIR__N * sizeof(*ret));
	ret[BT_IN].request[BT_M_INVITE] = invites + vip;
	return 0;
}

/* ---- a client ---- */

static struct http *http;
static char answer[1 << 20];

static int dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (void *)&at, sizeof(at)))
		fail_msg("connect: %s", strerror(errno));
	return fd;
}

/* Until the server closes; what it said is in answer[]. */
static void hear(int fd)
{
	size_t n = 0;
	ssize_t got;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	do {
		if (poll(&p, 1, ANSWER_MS) != 1)
			fail_msg("no answer in %d ms; so far: %.*s", ANSWER_MS, (int)n, answer);
		got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n < sizeof(answer) - 1);
	answer[n] = '\0';
}

static void ask(const char *request)
{
	int fd = dial();

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	hear(fd);
	close(fd);
}

static void get(const char *what)
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", what);
	ask(request);
}

static void expect_status(const char *code)
{
	if (strncmp(answer, "HTTP/1.1 ", 9) || strncmp(answer + 9, code, 3))
		fail_msg("status %s wanted, got: %.200s", code, answer);
}

static void expect_text(const char *text)
{
	if (!strstr(answer, text))
		fail_msg("\"%s\" is not in: %s", text, answer);
}

static void turn(uint64_t later_ns)
{
	http_turn(http, clock_now_ns() + later_ns);
}

static int setup(void **state)
{
	char why[256] = "";

	(void)state;
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.http_address, "127.0.0.1");
	conf.http_port = PORT;
	conf.n_vips = 40;
	for (uint32_t i = 0; i < conf.n_vips; i++) {
		inet_pton(AF_INET6, "::ffff:10.0.0.0", &conf.vips[i].addr.ip);
		conf.vips[i].addr.ip.s6_addr[15] = (uint8_t)i;
	}
	unready = "";
	invites = 3;
	if (system("ip link set lo up") || http_open(&http, &conf, why, sizeof(why)) || http_start(http, &ha, why, sizeof(why)))
		fail_msg("cannot start: %s", why);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_close(http);
	return 0;
}

/* ---- what is shown ---- */

static void readiness(void **state)
{
	(void)state;
	get("/server?sipServer");
	expect_status("200");
	expect_text("application/json");
	expect_text("{\"schema\":1,\"sipServer\":{\"node\":\"a\",\"switchover\":1,\"upgrade\":0,\"groups\":[{\"name\":\"sip\","
		    "\"role\":\"primary\",\"service\":\"SERVICE_RUNNING\",\"switchover\":1,\"switchoverReason\":\"\","
		    "\"upgrade\":0,\"upgradeReason\":\"a primary never is\"}]}}");
	unready = "peer is \"down\"";
	http_changed(http);
	turn(NS_PER_S);
	get("/server?sipServer");
	expect_text("\"switchover\":0,\"switchoverReason\":\"peer is \\\"down\\\"\"");
}

static void metrics(void **state)
{
	(void)state;
	for (int i = 1; i < 4; i++)
		turn(i * NS_PER_S);	/* 40 VIPs are read in three turns */
	get("/metrics");
	expect_status("200");
	expect_text("version=0.0.4");
	expect_text("\nbaton_role{group=\"sip\",role=\"primary\"} 1\n");
	expect_text("\nbaton_role{group=\"sip\",role=\"backup\"} 0\n");
	expect_text("\nbaton_term{group=\"sip\"} 7\n");
	expect_text("\nbaton_alarm{id=\"00-52029 \\\"sip\\\"\"} 1\n");
	expect_text("\nbaton_packets_total{hook=\"xdp\",exit=\"vip-accepted\",verdict=\"pass\"} 5\n");
	expect_text("\nbaton_vip_present{vip=\"10.0.0.1\",group=\"sip\"} 0\n");
	expect_text("\nbaton_sip_requests_total{vip=\"10.0.0.39\",group=\"sip\",direction=\"in\",method=\"INVITE\"} 42\n");
	invites = 100;
	for (int i = 4; i < 12; i++)
		turn(i * NS_PER_S);
	get("/metrics");
	expect_text("\nbaton_sip_requests_total{vip=\"10.0.0.39\",group=\"sip\",direction=\"in\",method=\"INVITE\"} 139\n");
}

static void page(void **state)
{
	(void)state;
	get("/");
	expect_status("200");
	expect_text("&lt;script&gt;alert(1)&lt;/script&gt; &amp; ?");
	expect_text("00-52029 &quot;sip&quot;");
	expect_text("default-src 'none'");
	assert_null(strstr(answer, "<script"));
	assert_null(strstr(answer, "http://"));
}

static void nothing_for_seconds(void **state)
{
	uint64_t until = clock_now_ns() + HTTP_STALE_NS + NS_PER_S / 2;

	(void)state;
	while (clock_now_ns() < until)
		usleep(100000);
	get("/server?sipServer");
	expect_status("503");
	turn(0);
	get("/server?sipServer");
	expect_status("200");
}

/* ---- what is refused ---- */

static void other_paths(void **state)
{
	static const char *const paths[] = { "/server", "/server?other", "/metrics/", "/../etc/passwd", "/%2e%2e/", "//", "/x?sipServer" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(paths[i]);
		expect_status("404");
	}
}

static void other_methods(void **state)
{
	(void)state;
	ask("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
	expect_status("405");
	expect_text("Allow: GET, HEAD");
	ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	expect_status("405");
	ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	expect_status("200");
	assert_null(strstr(answer, "baton_role"));
}

/* Whatever it is, the next one is answered. */
static void junk(void **state)
{
	static char big[1 << 18];
	int fd;

	(void)state;
	srandom(7);
	for (int round = 0; round < 200; round++) {
		size_t n = (size_t)random() % 600;

		for (size_t i = 0; i < n; i++)
			big[i] = round & 1 ? (char)random() : " /\r\n:GET HTTP1.%?&=\0\xff"[random() % 22];
		fd = dial();
		send(fd, big, n, MSG_NOSIGNAL);
		close(fd);
	}
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	fd = dial();
	send(fd, big, sizeof(big), MSG_NOSIGNAL | MSG_DONTWAIT);	/* a line without an end */
	hear(fd);
	close(fd);
	assert_null(strstr(answer, " 200 "));
	turn(0);
	get("/metrics");
	expect_status("200");
}

/* Three hundred who say half a request and then a byte now and then: whoever asks is answered all the same. */
static void slow_ones(void **state)
{
	int fds[CROWD];

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial();
		send(fds[i], "GET / HT", 8, MSG_NOSIGNAL);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < CROWD; i++)
			send(fds[i], "x", 1, MSG_NOSIGNAL);	/* most were ended long ago */
		turn(0);	/* on a busy machine this takes seconds */
		get("/metrics");
		expect_status("200");
	}
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void port_taken(void **state)
{
	struct http *second = http;
	char why[256] = "";

	(void)state;
	assert_int_equal(http_open(&second, &conf, why, sizeof(why)), -EADDRINUSE);
	assert_null(second);
	assert_string_equal(why, "default: http-port: cannot listen on 127.0.0.1:8099: Address already in use");
	strcpy(conf.http_address, "2001:db8::1");
	assert_int_equal(http_open(&second, &conf, why, sizeof(why)), -EADDRNOTAVAIL);
	assert_string_equal(why, "default: http-port: cannot listen on [2001:db8::1]:8099: Cannot assign requested address");
	conf.http_port = 0;
	assert_int_equal(http_open(&second, &conf, why, sizeof(why)), 0);
	assert_null(second);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(readiness), T(metrics), T(page), T(nothing_for_seconds), T(other_paths), T(other_methods), T(junk), T(slow_ones),
		T(port_taken),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
