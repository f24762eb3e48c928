/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_active: real sockets for two servers and their hosts; who is asked, who is believed, who is active?
 * Own namespaces; needs root and build/bpf.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/siphash.h"
#include "core/observe_msg.h"
#include "steer/active.h"
#include "sys/clock.h"
#include "sys/dp.h"
#include "sys/dp_steer.h"
#include "sys/keys.h"
#include "sys/udp.h"
#include "tests/sys/dp_world.h"

#define SHOULD_NS	(20 * NS_PER_S)	/* generous: how soon something must be seen */
#define PULSE_PORT	4270

static struct conf conf;
static struct active *active;
static int changed;
static int sip[2], host[2];		/* sockets of the servers, and of their hosts' kernels */
static char secret_file[] = "/tmp/baton-active-XXXXXX";
static uint64_t key[2];

static struct in6_addr v6_of(const char *text)
{
	struct in6_addr ip;
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, &ip), 1);
	return ip;
}

static void make_secret(void)
{
	char secret[32];
	int fd = mkstemp(secret_file);

	memset(secret, 'k', sizeof(secret));
	assert_true(fd >= 0 && write(fd, secret, sizeof(secret)) == sizeof(secret) && !fchmod(fd, 0600));
	close(fd);
	assert_int_equal(keys_derive_observe(secret, sizeof(secret), key), 0);
}

/* A host's kernel: any port will do, so that both can be here. */
static void make_server(struct conf_pool *c, int k, const char *ip)
{
	struct in6_addr at = v6_of(ip);
	uint16_t port;

	c->server[k].at.ip = at;
	sip[k] = udp_open_at(&at, &c->server[k].at.port);
	assert_true(sip[k] >= 0);
	snprintf(c->server[k].host, sizeof(c->server[k].host), "%c", 'a' + k);
	host[k] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	port = PULSE_PORT;
	assert_int_equal(bind(host[k], (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
			 .sin_addr.s_addr = at.s6_addr32[3] }, sizeof(struct sockaddr_in)), 0);
}

static int setup(void **state)
{
	struct conf_pool *c = &conf.pools[0];

	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.n_pools = 1;
	conf.pulse_interval_ns = 60 * NS_PER_MS;
	conf.pulse_misses = 50;		/* three seconds: the machine may stand still for a while */
	*c = (struct conf_pool){ .name = "sales", .n_servers = 2, .oos_check_s = 300, .oos_force_s = 30, .pair_id = 9,
				 .pulse_port = PULSE_PORT, .group = "sip" };
	shell("ip link set lo up");
	make_server(c, 0, "127.0.0.51");
	make_server(c, 1, "127.0.0.52");
	changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return changed < 0;
}

static int teardown(void **state)
{
	(void)state;
	active_close(active);
	active = NULL;
	close(changed);
	for (int k = 0; k < 2; k++) {
		close(sip[k]);
		close(host[k]);
	}
	return 0;
}

static void start(struct dp *dp)
{
	assert_int_equal(active_open(&active, &conf, dp, changed), 0);
}

static struct active_report report(void)
{
	struct active_report r;

	active_report(active, 0, &r);
	return r;
}

/* ---- the servers --------------------------------------------------------------------------------- */

struct datagram {
	char data[1500];
	size_t len;
	struct udp_addr from;
};

static bool hears(int fd, struct datagram *d, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = udp_recv(fd, &d->from, d->data, sizeof(d->data) - 1);
	assert_true(n > 0);
	d->len = (size_t)n;
	d->data[n] = '\0';
	return true;
}

static void expect_question(int k, struct datagram *d)
{
	if (!hears(sip[k], d, (int)(SHOULD_NS / NS_PER_MS)))
		fail_msg("server %d was not asked", k + 1);
	if (strncmp(d->data, "OPTIONS sip:127.0.0.5", 21))
		fail_msg("server %d was sent: %s", k + 1, d->data);
}

static void answer(int k, const struct datagram *d, const char *status)
{
	char text[2000];
	int n = snprintf(text, sizeof(text), "SIP/2.0 %s\r\n%s", status, strstr(d->data, "\r\n") + 2);

	assert_int_equal(udp_send(sip[k], &d->from, text, (size_t)n), 0);
}

static void expect_active(uint8_t want, enum active_cause cause)
{
	uint64_t until = clock_now_ns() + SHOULD_NS;
	struct active_report r = report();

	for (; (r.active != want || r.cause != cause) && clock_now_ns() < until; r = report())
		usleep(2000);
	if (r.active != want || r.cause != cause)
		fail_msg("server %u by cause %d, not %u by %d", r.active, r.cause, want, cause);
}

static void expect_changed(void)
{
	struct pollfd p = { .fd = changed, .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, (int)(SHOULD_NS / NS_PER_MS)) != 1)
		fail_msg("nobody was told");
	assert_int_equal(read(changed, &n, sizeof(n)), sizeof(n));
}

/* ---- their hosts --------------------------------------------------------------------------------- */

struct role {
	uint32_t term;
	uint8_t flags;
	uint64_t key[2];
};

static struct observe answer_of(const struct datagram *d, int k, const struct role *role)
{
	__u64 mac_key[2] = { role->key[0], role->key[1] };
	struct observe m;

	memcpy(&m, d->data, sizeof(m));
	m.type = OBSERVE_ANSWER;
	m.from = (uint8_t)(k + 1);
	m.flags = role->flags;
	m.word = htobe64(BT_WORD(role->term, k + 1, role->flags & OBSERVE_F_OPEN ? BT_OPEN : BT_SHUT));
	m.mac = htobe64(siphash(mac_key, (char *)&m + sizeof(m.mac), sizeof(m) - sizeof(m.mac)));
	return m;
}

static struct role says(uint32_t term, bool open)
{
	return (struct role){ .term = term, .key = { key[0], key[1] },
			      .flags = OBSERVE_F_KNOWN | OBSERVE_F_RUNNING | (open ? OBSERVE_F_OPEN : 0) };
}

/* Answer what waits; @last (may be NULL) gets the last answer. Returns how many. */
static uint32_t serve(int k, const struct role *role, struct observe *last)
{
	struct datagram d;
	struct observe m;
	uint32_t n = 0;

	while (hears(host[k], &d, 0)) {
		if (d.len != OBSERVE_BYTES)
			fail_msg("a question of %zu bytes", d.len);
		m = answer_of(&d, k, role);
		assert_int_equal(udp_send(host[k], &d.from, &m, sizeof(m)), 0);
		if (last)
			*last = m;
		n++;
	}
	return n;
}

/* Both hosts live until the report is so; NULL: that host is dead. */
static void live(const struct role *one, const struct role *two, uint8_t want, enum active_cause cause)
{
	uint64_t until = clock_now_ns() + SHOULD_NS;
	struct active_report r;

	do {
		if (one)
			serve(0, one, NULL);
		if (two)
			serve(1, two, NULL);
		usleep(1000);
		r = report();
	} while ((r.active != want || r.cause != cause) && clock_now_ns() < until);
	if (r.active != want || r.cause != cause)
		fail_msg("server %u by cause %d, not %u by %d", r.active, r.cause, want, cause);
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void the_primary_is_asked_first_and_then_the_standby(void **state)
{
	struct datagram d;

	(void)state;
	start(NULL);
	expect_question(0, &d);
	assert_int_equal(report().active, 1);
	assert_int_equal(report().cause, ACTIVE_START);
	assert_false(hears(sip[1], &d, 0));
	answer(0, &d, "100 Trying");
	answer(0, &d, "404 Not Found");		/* whatever it says, it lives */
	expect_active(1, ACTIVE_OPTIONS);
	expect_changed();
	assert_int_equal(report().server[0].state, SERVER_ANSWERS);
	expect_question(1, &d);
	assert_int_equal(report().server[1].state, SERVER_UNKNOWN);
	assert_false(hears(host[0], &d, 0));		/* no secret-file: hosts are not asked */
}

static void a_silent_primary_gives_way_and_is_dead(void **state)
{
	struct datagram d;

	(void)state;
	conf.pools[0].oos_check_s = conf.pools[0].oos_force_s = 1;
	start(NULL);
	expect_question(1, &d);
	answer(1, &d, "200 OK");
	expect_active(2, ACTIVE_SILENT);
	assert_int_equal(report().server[0].deaths, 1);
	assert_int_equal(report().server[1].deaths, 0);
	assert_int_equal(report().server[0].state, SERVER_SILENT);
}

static void forged_answers_are_no_life(void **state)
{
	struct datagram d, bad;
	struct active_counts c;
	uint64_t until = clock_now_ns() + SHOULD_NS;

	(void)state;
	start(NULL);
	expect_question(0, &d);
	answer(1, &d, "200 OK");			/* from the other one's address */
	bad = d;
	*(strstr(bad.data, "z9hG4bK") + 7) ^= 1;
	answer(0, &bad, "200 OK");
	bad = d;
	memcpy(strstr(bad.data, "Call-ID: ") + 9, "zz", 2);
	answer(0, &bad, "200 OK");
	do {
		usleep(2000);
		active_counts(active, &c);
	} while (c.strangers < 3 && clock_now_ns() < until);
	assert_int_equal(c.strangers, 3);
	assert_int_equal(report().server[0].state, SERVER_UNKNOWN);
	answer(0, &d, "200 OK");
	expect_active(1, ACTIVE_OPTIONS);
}

static void the_open_gate_is_active(void **state)
{
	struct role shut, open;

	(void)state;
	snprintf(conf.pools[0].secret_file, sizeof(conf.pools[0].secret_file), "%s", secret_file);
	start(NULL);
	shut = says(7, false);
	open = says(7, true);
	live(&shut, &open, 2, ACTIVE_PULSE);
	expect_changed();
	assert_int_equal(report().server[1].role, 2);
	assert_int_equal(report().server[1].term, 7);
	assert_int_equal(report().server[0].deaths + report().server[1].deaths, 0);
	open = says(8, true);
	shut = says(8, false);
	live(&open, &shut, 1, ACTIVE_PULSE);		/* a switchover: nobody died */
	assert_int_equal(report().server[0].deaths + report().server[1].deaths, 0);
	live(NULL, &shut, 1, ACTIVE_PULSE);
	open = says(9, true);
	live(NULL, &open, 2, ACTIVE_PULSE);		/* a death */
	for (uint64_t until = clock_now_ns() + SHOULD_NS; !report().server[0].deaths && clock_now_ns() < until; usleep(1000))
		serve(1, &open, NULL);
	assert_int_equal(report().server[0].deaths, 1);
	assert_int_equal(report().server[1].deaths, 0);
}

/* Each is told from where it should come, and is worth nothing. */
static void what_is_no_answer_of_now_is_refused(void **state)
{
	struct role open = says(7, true), wrong = open, shut = says(7, false);
	struct active_counts before, c;
	struct observe old;
	struct datagram d;
	uint64_t until = clock_now_ns() + SHOULD_NS;
	bool fresh;

	(void)state;
	snprintf(conf.pools[0].secret_file, sizeof(conf.pools[0].secret_file), "%s", secret_file);
	start(NULL);
	wrong.key[1]++;
	while (!serve(1, &wrong, NULL) && clock_now_ns() < until)		/* another key */
		usleep(1000);
	live(&open, NULL, 1, ACTIVE_START);
	while (report().server[0].role != 2 && clock_now_ns() < until) {	/* an answer for keeps, of the second host */
		serve(0, &open, NULL);
		usleep(1000);
	}
	assert_int_equal(report().server[0].role, 2);
	assert_int_equal(report().server[1].role, 0);
	do {
		fresh = hears(host[1], &d, 100);
	} while (!fresh && clock_now_ns() < until);
	assert_true(fresh);
	open = says(99, true);
	old = answer_of(&d, 1, &open);
	active_counts(active, &before);
	assert_int_equal(udp_send(host[0], &d.from, &old, sizeof(old)), 0);	/* right, but from the other host */
	do {
		serve(0, &shut, NULL);
		usleep(1000);
		active_counts(active, &c);
	} while (c.strangers == before.strangers && clock_now_ns() < until);
	assert_true(c.strangers > before.strangers);
	assert_int_equal(report().server[1].role, 0);
	while (!report().server[1].role && clock_now_ns() < until) {
		serve(0, &shut, NULL);
		serve(1, &shut, NULL);
		usleep(1000);
	}
	active_counts(active, &before);
	assert_int_equal(udp_send(host[1], &d.from, &old, sizeof(old)), 0);	/* late: a newer question is answered */
	do {
		serve(0, &shut, NULL);
		serve(1, &shut, NULL);
		usleep(1000);
		active_counts(active, &c);
	} while (c.strangers < before.strangers + 1 && clock_now_ns() < until);
	assert_true(c.strangers >= before.strangers + 1);
	assert_int_equal(report().server[1].role, 1);
	assert_int_equal(report().server[1].term, 7);
}

static void when_pulses_end_options_are_asked_at_once(void **state)
{
	struct role open = says(7, true);
	struct datagram d;

	(void)state;
	snprintf(conf.pools[0].secret_file, sizeof(conf.pools[0].secret_file), "%s", secret_file);
	start(NULL);
	expect_question(0, &d);
	answer(0, &d, "200 OK");
	live(NULL, &open, 2, ACTIVE_PULSE);
	expect_question(1, &d);		/* as active */
	answer(1, &d, "200 OK");
	while (hears(sip[1], &d, 0))
		;
	for (uint64_t until = clock_now_ns() + SHOULD_NS; report().server[1].role && clock_now_ns() < until; )
		usleep(1000);
	assert_int_equal(report().server[1].role, 0);
	expect_question(1, &d);		/* oos-check is five minutes: this one is out of turn */
}

/* What the data path notes of a server's own requests. */
static void a_request_from_the_backup_makes_it_active(void **state)
{
	struct bt_pool_seen seen = { 0 };
	struct datagram d;
	struct dp *dp;
	uint32_t slot = 3;
	bool found;
	int fd;

	(void)state;
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	snprintf((char *)dp_pools(dp)[slot].name, BT_NAME_MAX, "sales");
	dp_pools(dp)[slot].name_hash = conf_name_hash("sales");
	start(dp);
	expect_question(0, &d);
	answer(0, &d, "200 OK");
	expect_active(1, ACTIVE_OPTIONS);
	fd = bpf_obj_get(PINS "/st_pool_seen");
	assert_true(fd >= 0);
	seen.request_ns[1] = clock_now_ns();
	assert_int_equal(bpf_map_update_elem(fd, &slot, &seen, 0), 0);
	close(fd);
	expect_active(2, ACTIVE_REQUEST);
	assert_int_equal(report().server[0].deaths, 0);
	active_close(active);
	active = NULL;
	OK(dp_remove(dp));
	dp_close(dp);
}

static void a_reload_keeps_what_is_known_of_the_same(void **state)
{
	struct datagram d;

	(void)state;
	conf.pools[0].oos_check_s = conf.pools[0].oos_force_s = 1;
	start(NULL);
	expect_question(1, &d);
	answer(1, &d, "200 OK");
	expect_active(2, ACTIVE_SILENT);
	conf.pools[1] = conf.pools[0];
	snprintf(conf.pools[0].name, sizeof(conf.pools[0].name), "support");
	conf.n_pools = 2;
	assert_int_equal(active_reload(active, &conf), 0);
	assert_int_equal(report().active, 1);			/* of the new one */
	conf.pools[0] = conf.pools[1];
	conf.n_pools = 1;
	assert_int_equal(active_reload(active, &conf), 0);
	assert_int_equal(report().active, 2);
	assert_int_equal(report().server[0].deaths, 1);
	snprintf(conf.pools[0].secret_file, sizeof(conf.pools[0].secret_file), "/nowhere/secret");
	assert_int_equal(active_reload(active, &conf), -ENOENT);
	assert_int_equal(report().active, 2);
	conf.pools[0].server[1].at.port++;			/* another server: nothing is known of it */
	conf.pools[0].secret_file[0] = '\0';
	assert_int_equal(active_reload(active, &conf), 0);
	assert_int_equal(report().active, 1);
	assert_int_equal(report().server[0].deaths, 1);	/* but whoever counts them counts on */
}

static int group_setup(void **state)
{
	(void)state;
	make_secret();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return unlink(secret_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_primary_is_asked_first_and_then_the_standby), T(a_silent_primary_gives_way_and_is_dead),
		T(forged_answers_are_no_life), T(the_open_gate_is_active), T(what_is_no_answer_of_now_is_refused),
		T(when_pulses_end_options_are_asked_at_once), T(a_request_from_the_backup_makes_it_active),
		T(a_reload_keeps_what_is_known_of_the_same),
	};

	return enter_own_world() ? 1 : cmocka_run_group_tests(tests, group_setup, group_teardown);
}
