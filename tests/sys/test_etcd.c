/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debian's etcd, started here on this namespace's loopback with a directory of its own; and servers that
 * answer nonsense, too much, or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/conf.h"
#include "ha/locker.h"
#include "sys/clock.h"
#include "sys/etcd.h"

#define URL	"http://127.0.0.1:23790"
#define KEY	"baton/1/sip"
#define MS	NS_PER_MS

static char dir[] = "/tmp/baton-etcd-XXXXXX";
static pid_t pid;
static struct etcd *e;

static void run(const char *cmd)
{
	int status = system(cmd);

	if (status)
		fail_msg("'%s' ended with %d", cmd, status);
}

/* Half a second is all it has for an answer, also on a busy machine with a slow disk: where we may, it goes first and has none. */
static void be_quick(void)
{
	(void)setpriority(PRIO_PROCESS, 0, -20);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("etcd", dir, "tmpfs", 0, "size=512m"))
		fprintf(stderr, "its data are on disk: %s\n", strerror(errno));
}

static void start_etcd(void)
{
	char log[64];

	snprintf(log, sizeof(log), "%s/log", dir);
	pid = fork();
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen(log, "a", stderr) || !freopen(log, "a", stdout))
		_exit(1);
	be_quick();
	execlp("etcd", "etcd", "--data-dir", dir, "--listen-client-urls", URL, "--advertise-client-urls", URL,
	       "--listen-peer-urls", "http://127.0.0.1:23800", "--initial-advertise-peer-urls", "http://127.0.0.1:23800",
	       "--initial-cluster", "default=http://127.0.0.1:23800", NULL);
	_exit(1);
}

static void wait_for_etcd(void)
{
	struct etcd_seen seen;
	int err = -1;

	for (int i = 0; i < 600 && err; i++) {
		usleep(100000);
		err = etcd_look(e, KEY, &seen);
	}
	if (err)
		fail_msg("etcd does not come up: %s", etcd_why(e));
}

static int set_up(void **state)
{
	(void)state;
	run("ip link set lo up");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(etcd_open(&e, URL), 0);
	start_etcd();
	wait_for_etcd();
	return 0;
}

static int tear_down(void **state)
{
	char cmd[64];

	(void)state;
	etcd_close(e);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	run(cmd);
	return 0;
}

static uint64_t grant(void)
{
	uint64_t lease = 0, ttl = 0;
	int err = etcd_grant(e, LOCK_TTL_S, &lease, &ttl);

	if (err || !lease || ttl < LOCK_TTL_S || ttl > 10)
		fail_msg("granted: %d %s, ttl %lu", err, etcd_why(e), ttl);
	return lease;
}

/* ---- the client ---------------------------------------------------------------------------------------- */

static void one_holder_at_a_time(void **state)
{
	uint64_t mine = grant(), others = grant();
	struct etcd_seen seen;

	(void)state;
	assert_int_equal(etcd_put_if(e, KEY, "a 8 12", mine, 0, &seen), 0);
	assert_int_equal(etcd_put_if(e, KEY, "b 9 34", others, 0, &seen), -EEXIST);
	assert_string_equal(seen.value, "a 8 12");
	assert_true(seen.mod_revision > 0);
	assert_int_equal(etcd_put_if(e, KEY, "b 9 34", others, seen.mod_revision + 1, &seen), -EEXIST);
	assert_int_equal(etcd_put_if(e, KEY, "a 9 12", mine, seen.mod_revision, &seen), 0);
	assert_int_equal(etcd_look(e, KEY, &seen), 0);
	assert_string_equal(seen.value, "a 9 12");
	assert_true(etcd_cluster(e) != 0);
	assert_int_equal(etcd_revoke(e, mine), 0);
	assert_int_equal(etcd_look(e, KEY, &seen), 0);
	assert_int_equal(seen.mod_revision, 0);
	assert_int_equal(etcd_put_if(e, KEY, "b 9 34", others, 0, &seen), 0);
	assert_int_equal(etcd_revoke(e, others), 0);
}

static void a_lease_ends_when_nobody_renews_it(void **state)
{
	uint64_t lease = grant(), ttl;
	struct etcd_seen seen;

	(void)state;
	assert_int_equal(etcd_put_if(e, KEY, "a 8 12", lease, 0, &seen), 0);
	for (int i = 0; i < 8; i++) {
		usleep(500000);
		assert_int_equal(etcd_renew(e, lease, &ttl), 0);
		assert_int_equal(ttl, LOCK_TTL_S);
	}
	for (int i = 0; i < 60 && !etcd_look(e, KEY, &seen) && seen.mod_revision; i++)
		usleep(100000);
	assert_int_equal(seen.mod_revision, 0);
	assert_int_equal(etcd_renew(e, lease, &ttl), -ENOENT);
	assert_int_equal(etcd_revoke(e, lease), -ENOENT);
	assert_int_equal(etcd_put_if(e, KEY, "a 8 12", lease, 0, &seen), -ENOENT);
}

static uint64_t ms_of(int (*ask)(void), int want)
{
	uint64_t from = clock_now_ns();
	int err = ask();

	if (err != want)
		fail_msg("%d, not %d: %s", err, want, etcd_why(e));
	return (clock_now_ns() - from) / MS;
}

static int look(void)
{
	struct etcd_seen seen;

	return etcd_look(e, KEY, &seen);
}

static void a_hanging_etcd_costs_half_a_second(void **state)
{
	uint64_t took;

	(void)state;
	kill(pid, SIGSTOP);
	took = ms_of(look, -ETIMEDOUT);
	if (took < 400 || took > 5000)
		fail_msg("gave up after %lu ms", took);
	kill(pid, SIGCONT);
	wait_for_etcd();
}

/* ---- servers that are none ------------------------------------------------------------------------------- */

struct liar {
	int fd;
	uint16_t port;
	const char *body;	/* NULL: endless */
	const char *status;
	pthread_t thread;
};

static void *lie(void *arg)
{
	struct liar *l = arg;
	char buf[4096];

	for (;;) {
		int fd = accept(l->fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		(void)!read(fd, buf, sizeof(buf));
		if (l->body) {
			dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
				l->status ? l->status : "200 OK", strlen(l->body), l->body);
		} else {
			dprintf(fd, "HTTP/1.1 200 OK\r\n\r\n");
			memset(buf, '[', sizeof(buf));
			while (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) > 0)
				;
		}
		close(fd);
	}
}

static void start_lying(struct liar *l)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(l->fd, 8), 0);
	assert_int_equal(getsockname(l->fd, (struct sockaddr *)&at, &len), 0);
	l->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&l->thread, NULL, lie, l), 0);
}

static void stop_lying(struct liar *l)
{
	shutdown(l->fd, SHUT_RDWR);
	pthread_join(l->thread, NULL);
	close(l->fd);
}

/* Every call gets @body; none may take it for a yes. Returns the error of a put. */
static int ask_all(const char *body, const char *status)
{
	struct liar l = { .body = body, .status = status };
	uint64_t lease = 0, ttl = 0;
	struct etcd_seen seen;
	struct etcd *liar;
	char url[64];
	int err;

	start_lying(&l);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", l.port);
	assert_int_equal(etcd_open(&liar, url), 0);
	if (!etcd_grant(liar, 2, &lease, &ttl))
		fail_msg("a lease out of '%.60s'", body ? body : "an endless answer");
	if (!etcd_renew(liar, 77, &ttl))
		fail_msg("renewed by '%.60s'", body ? body : "an endless answer");
	err = etcd_put_if(liar, KEY, "a 8 12", 77, 0, &seen);
	if (!err)
		fail_msg("a lock out of '%.60s'", body ? body : "an endless answer");
	assert_true(etcd_why(liar)[0]);
	etcd_close(liar);
	stop_lying(&l);
	return err;
}

static void nonsense_is_no_lock(void **state)
{
	static const char *const bodies[] = {
		"", "ok", "[]", "{", "{}", "null", "{\"succeeded\":1}", "{\"succeeded\":\"true\"}", "{\"succeeded\":true}",
		"{\"succeeded\":true,\"responses\":[]}", "{\"succeeded\":false}", "{\"ID\":77,\"TTL\":2}",
		"{\"ID\":\"0\",\"TTL\":\"2\"}", "{\"ID\":\"-7\",\"TTL\":\"2\"}", "{\"ID\":\"99999999999999999999999\",\"TTL\":\"2\"}",
		"{\"ID\":\"7x\",\"TTL\":\"2\"}", "{\"ID\":\"7\"}", "{\"result\":{\"ID\":\"78\",\"TTL\":\"2\"}}",
		"{\"result\":{\"ID\":\"77\",\"TTL\":2}}", "{\"result\":[]}", "{\"succeeded\":true,\"succeeded\":true}",
		"{\"responses\":[{\"response_range\":{\"kvs\":[{\"value\":\"!!!\"}]}}]}", "\"\xff\xfe\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (ask_all(bodies[i], NULL) != -EPROTO)
			fail_msg("'%s' is not called unreadable", bodies[i]);
}

static void an_endless_answer_is_cut(void **state)
{
	char deep[12001];

	(void)state;
	assert_int_equal(ask_all(NULL, NULL), -EPROTO);
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(ask_all(deep, NULL), -EPROTO);
}

static void an_error_is_told_in_plain_letters(void **state)
{
	struct liar l = { .body = "{\"error\":\"no \\u0007\\n\\\"leader\"}", .status = "503 Service Unavailable" };
	struct etcd_seen seen;
	struct etcd *liar;
	char url[64];

	(void)state;
	start_lying(&l);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", l.port);
	assert_int_equal(etcd_open(&liar, url), 0);
	assert_int_equal(etcd_look(liar, KEY, &seen), -EIO);
	assert_string_equal(etcd_why(liar), "HTTP 503: no ???leader");
	etcd_close(liar);
	stop_lying(&l);
}

static void a_strange_value_is_nobodys(void **state)
{
	struct liar l = { .body = "{\"header\":{},\"kvs\":[{\"value\":\"YSA4IAEK\",\"mod_revision\":\"3\"}]}" };
	struct etcd_seen seen;
	struct etcd *liar;
	char url[64];

	(void)state;
	start_lying(&l);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", l.port);
	assert_int_equal(etcd_open(&liar, url), 0);
	assert_int_equal(etcd_look(liar, KEY, &seen), 0);
	assert_string_equal(seen.value, "");
	assert_int_equal(seen.mod_revision, 3);
	etcd_close(liar);
	stop_lying(&l);
}

/* ---- the thread ------------------------------------------------------------------------------------------- */

static struct conf conf_of(const char *node, const char *url)
{
	struct conf c = { .pair_id = 9, .n_groups = 2, .arbiter = ARBITER_ETCD };

	snprintf(c.name, sizeof(c.name), "%s", node);
	snprintf(c.arbiter_url, sizeof(c.arbiter_url), "%s", url);
	strcpy(c.groups[0].name, "sip");
	strcpy(c.groups[1].name, "fax");
	return c;
}

static struct locker *open_locker(const char *node, const char *url, uint64_t boot)
{
	static struct conf c;
	struct locker *l;

	c = conf_of(node, url);
	assert_int_equal(locker_open(&l, &c, boot, -1), 0);
	return l;
}

/* Until @l holds group @slot for @number, at most @ms; how long it took. */
static uint64_t wait_held(struct locker *l, uint32_t slot, uint64_t number, uint64_t ms)
{
	uint64_t from = clock_now_ns(), now = from;
	struct locker_report r;

	do {
		locker_report(l, now, &r);
		if (r.group[slot].number == number)
			return (now - from) / MS;
		usleep(1000);
		now = clock_now_ns();
	} while (now - from < ms * MS);
	fail_msg("group %u: held for %lu, not %lu, after %lu ms: %s %s", slot, r.group[slot].number >> 8, number >> 8, ms,
		 r.why, r.group[slot].other);
	return 0;
}

static void two_hosts_one_lock(void **state)
{
	struct locker *a = open_locker("a", URL, 0x11), *b = open_locker("b", URL, 0x22);
	struct locker_report r;
	uint64_t took;

	(void)state;
	locker_want(a, 0, 8 << 8 | 1);
	took = wait_held(a, 0, 8 << 8 | 1, 20000);
	print_message("lock taken after %lu ms\n", took);
	locker_want(b, 0, 9 << 8 | 2);
	locker_want(b, 1, 3 << 8 | 2);
	wait_held(b, 1, 3 << 8 | 2, 20000);
	usleep(3000000);			/* longer than its time to live: it is kept alive */
	wait_held(a, 0, 8 << 8 | 1, 1000);	/* nor could it be had again: b waits for it */
	locker_report(b, clock_now_ns(), &r);
	assert_int_equal(r.group[0].number, 0);
	assert_true(r.up);
	assert_string_equal(r.group[0].other, "a 8 0000000000000011");
	locker_want(a, 0, 0);
	wait_held(b, 0, 9 << 8 | 2, 20000);
	locker_want(a, 1, 5 << 8 | 1);
	locker_close(b, true);
	wait_held(a, 1, 5 << 8 | 1, 1000);	/* let go of, not timed out */
	locker_close(a, true);
}

static void a_restarted_host_goes_on_with_its_own(void **state)
{
	struct locker *a = open_locker("a", URL, 0x11);
	struct locker_report r;

	(void)state;
	locker_want(a, 0, 8 << 8 | 1);
	wait_held(a, 0, 8 << 8 | 1, 20000);
	locker_close(a, false);			/* killed: the key stands */
	a = open_locker("a", URL, 0x33);	/* not the same life: its kernel knows nothing any more */
	locker_want(a, 0, 8 << 8 | 1);
	usleep(300000);
	locker_report(a, clock_now_ns(), &r);
	assert_int_equal(r.group[0].number, 0);
	locker_close(a, true);
	a = open_locker("a", URL, 0x11);
	locker_want(a, 0, 8 << 8 | 1);
	wait_held(a, 0, 8 << 8 | 1, 800);
	locker_close(a, true);
}

static void a_hanging_etcd_ends_the_lock_by_our_clock(void **state)
{
	struct locker *a = open_locker("a", URL, 0x11);
	struct locker_report r;
	uint64_t from, at;

	(void)state;
	locker_want(a, 0, 8 << 8 | 1);
	wait_held(a, 0, 8 << 8 | 1, 20000);
	kill(pid, SIGSTOP);
	from = clock_now_ns();
	for (at = from; locker_report(a, at, &r), r.group[0].number; at = clock_now_ns()) {
		if (at - from > 1800 * MS)
			fail_msg("held %lu ms after the last answer", (at - from) / MS);
		usleep(1000);
	}
	for (int i = 0; i < 2000 && r.up; i++) {
		usleep(10000);
		locker_report(a, clock_now_ns(), &r);
	}
	assert_false(r.up);
	assert_true(r.why[0]);
	from = clock_now_ns();
	for (int i = 0; i < 1000; i++) {	/* main never waits for it */
		locker_want(a, 0, (uint64_t)(i % 2 + 8) << 8 | 1);
		locker_report(a, clock_now_ns(), &r);
	}
	if (clock_now_ns() - from > 5000 * MS)
		fail_msg("1000 questions to the thread took %lu ms", (clock_now_ns() - from) / MS);
	kill(pid, SIGCONT);
	locker_want(a, 0, 10 << 8 | 1);
	wait_held(a, 0, 10 << 8 | 1, 30000);	/* what is left of the old one ends by itself at the latest */
	from = clock_now_ns();
	kill(pid, SIGSTOP);
	locker_close(a, true);
	if (clock_now_ns() - from > 10000 * MS)
		fail_msg("closing took %lu ms", (clock_now_ns() - from) / MS);
	kill(pid, SIGCONT);
}

static void garbage_gives_no_lock(void **state)
{
	struct liar l = { .body = "{\"ID\":\"7\",\"TTL\":\"2\",\"result\":{}}" };
	struct locker_report r;
	struct locker *a;
	char url[64];

	(void)state;
	start_lying(&l);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", l.port);
	a = open_locker("a", url, 0x11);
	locker_want(a, 0, 8 << 8 | 1);
	usleep(1000000);
	locker_report(a, clock_now_ns(), &r);
	assert_int_equal(r.group[0].number, 0);
	assert_true(r.why[0] || r.up);
	locker_close(a, true);
	stop_lying(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holder_at_a_time), cmocka_unit_test(a_lease_ends_when_nobody_renews_it),
		cmocka_unit_test(a_hanging_etcd_costs_half_a_second),
		cmocka_unit_test(nonsense_is_no_lock), cmocka_unit_test(an_endless_answer_is_cut),
		cmocka_unit_test(an_error_is_told_in_plain_letters), cmocka_unit_test(a_strange_value_is_nobodys),
		cmocka_unit_test(two_hosts_one_lock), cmocka_unit_test(a_restarted_host_goes_on_with_its_own),
		cmocka_unit_test(a_hanging_etcd_ends_the_lock_by_our_clock),
		cmocka_unit_test(garbage_gives_no_lock),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("etcd", tests, set_up, tear_down);
}
