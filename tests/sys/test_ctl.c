/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real control socket before a conductor made of cardboard: what is told, what is refused, and
 * that a client can do nothing to the loop. The loop is turned by hand, so time is ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl_wire.h"
#include "ha/ha_view.h"
#include "ha/single.h"
#include "steer/slow.h"
#include "steer/steer.h"
#include "sys/clock.h"
#include "sys/log.h"

/* ---- the conductor ---- */

struct ha {
	struct conf conf;
	const struct conf *wanted;
	int switchovers, fences, unfences, reloads, forgotten, asked;	/* asked: anything at all */
	char group[BT_NAME_MAX];
	bool force, answer_later, reload_fails, reload_waits;
	uint64_t timeout_ns;
	ha_done_fn *done;
	void *done_arg;
	unsigned bad_checks;
	int count_err;
	char reason[32];
	struct history history;
	unsigned strays;
};

static struct ha ha;

void ha_view(struct ha *h, struct ha_view *ret)
{
	h->asked++;
	memset(ret, 0, sizeof(*ret));
	strcpy(ret->node, "a");
	strcpy(ret->peer_name, "b");
	ret->version = "0.1.0";
	ret->pid = getpid();
	ret->peer_state = "up";
	ret->arbiter_type = ret->arbiter_state = "none";
	ret->n_groups = h->conf.n_groups;
	for (uint32_t i = 0; i < ret->n_groups; i++) {
		struct ha_group_view *g = &ret->groups[i];

		strcpy(g->name, h->conf.groups[i].name);
		memcpy(g->reason, h->reason, sizeof(g->reason));
		g->mode = "takeover";
		g->role = "primary";
		g->service = "running";
		g->gate = "open";
		g->listener = "auto";
		g->peer_role = "backup";
		g->peer_gate = "armed";
		g->term = 7;
		g->lease_left_ms = 238;
		g->first_vip = h->conf.groups[i].first_vip;
		g->n_vips = h->conf.groups[i].n_vips;
	}
}

const struct conf *ha_conf(const struct ha *h) { return &h->conf; }
struct steer *ha_steer(const struct ha *h) { (void)h; return NULL; }
uint32_t steer_pools(const struct steer *s) { (void)s; return 0; }
int steer_of_slot(const struct steer *s, uint32_t slot) { (void)s; (void)slot; return -ENOENT; }
int steer_view(struct steer *s, uint32_t i, struct steer_view *ret) { (void)s; (void)i; (void)ret; return -ENOENT; }
int steer_trace(struct steer *s, uint32_t every, steer_trace_fn *fn, void *arg) { (void)s; (void)every; (void)fn; (void)arg; return -ENOENT; }

int ha_steer_counts(struct ha *h, struct bt_count ret[BT_S__N])
{
	(void)h;
	memset(ret, 0, BT_S__N * sizeof(*ret));
	return 0;
}
void ha_slow_counts(const struct ha *h, struct slow_counts *ret)
{
	(void)h;
	memset(ret, 0, sizeof(*ret));
}
const struct conf *ha_wanted(const struct ha *h) { return h->wanted; }
bool ha_vip_present(const struct ha *h, uint32_t vip) { (void)h; return vip == 0; }

uint32_t ha_alarms(const struct ha *h, struct ha_alarm_view ret[HA_ALARMS_MAX])
{
	(void)h;
	ret[0] = (struct ha_alarm_view){ .id = "00-52029 sip", .text = "NIC \xff down", .since_s = 3 };
	return 1;
}

int ha_alarm_clear(struct ha *h, const char *id)
{
	h->asked++;
	return strcmp(id, "00-52029 sip") ? -ENOENT : 0;
}

static const struct ha_ping_view pinged = { .state = "unknown", .since_s = -1 };

void ha_device(const struct ha *h, uint32_t i, struct ha_ping_view *ret) { (void)h; (void)i; *ret = pinged; }
void ha_server(const struct ha *h, uint32_t i, struct ha_ping_view *ret) { (void)h; (void)i; *ret = pinged; }
void ha_ping_refused(const struct ha *h, uint64_t *s, uint64_t *m) { (void)h; *s = *m = 0; }

int ha_counts(struct ha *h, struct bt_count x[BT_X__N], struct bt_count t[BT_T__N])
{
	if (h->count_err)
		return h->count_err;
	memset(x, 0, BT_X__N * sizeof(*x));
	memset(t, 0, BT_T__N * sizeof(*t));
	x[BT_X_TOTAL].packets = x[BT_X_VIP_ACCEPTED].packets = 5;
	t[BT_T_TOTAL].bytes = t[BT_T_VIP_SENT].bytes = 77;
	return 0;
}

bool ha_replay_counts(const struct ha *h, struct bt_replay_at *ret)
{
	(void)h;
	*ret = (struct bt_replay_at){ .kept = 4, .receipts = 3, .too_long = 2, .overrun = 1 };
	return true;
}

bool ha_watch_counts(struct ha *h, uint64_t *ret_looks, uint64_t *ret_late)
{
	(void)h;
	*ret_looks = 900;
	*ret_late = 7;
	return true;
}

bool ha_local_counts(const struct ha *h, struct bt_count ret[BT_L__N]) { (void)h; (void)ret; return false; }
uint32_t ha_servers(const struct ha *h, uint32_t group, struct ha_server_view ret[BT_SERVERS])
{
	(void)h, (void)group, (void)ret;
	return 0;
}

int ha_live(struct ha *h, uint32_t vip, struct bt_live ret[BT_DIR__N])
{
	(void)h;
	memset(ret, 0, BT_DIR__N * sizeof(*ret));
	ret[BT_IN].request[BT_M_INVITE] = 3 + vip;
	ret[BT_OUT].response[1] = 2;
	ret[BT_OUT].response_ns = clock_now_ns() - 2 * NS_PER_S;
	return 0;
}

void ha_switchover(struct ha *h, const char *group, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	h->asked++;
	h->switchovers++;
	snprintf(h->group, sizeof(h->group), "%s", group ? group : "*");
	h->force = force;
	h->timeout_ns = timeout_ns;
	h->done = done;
	h->done_arg = arg;
	if (!h->answer_later)
		done(arg, CTL_DONE, "sip: b holds it now");
}

int ha_neighbours(struct ha *h, ha_neighbour_fn *fn, void *arg)
{
	struct ha_neighbour_view v = { .group = "sip", .mac = { 2, 0, 0, 0, 0, 0xc }, .interface = "eth0", .packets = 9 };

	h->asked++;
	inet_pton(AF_INET6, "::ffff:10.77.0.9", &v.ip);
	inet_pton(AF_INET6, "2001:db8::64", &v.vip);
	for (unsigned i = 0; i < h->strays; i++)
		fn(arg, &v);
	return h->count_err;
}

const struct history *ha_history(const struct ha *h)
{
	((struct ha *)h)->asked++;
	return &h->history;
}

void ha_fence(struct ha *h, const char *group, bool force, ha_done_fn *done, void *arg)
{
	h->asked++;
	h->fences++;
	snprintf(h->group, sizeof(h->group), "%s", group);
	h->force = force;
	h->done = done;
	h->done_arg = arg;
	if (!h->answer_later)
		done(arg, CTL_DONE, "group sip: fenced");
}

void ha_unfence(struct ha *h, const char *group, ha_done_fn *done, void *arg)
{
	h->asked++;
	h->unfences++;
	snprintf(h->group, sizeof(h->group), "%s", group);
	done(arg, CTL_REFUSED, "cannot write");
}

void ha_drain(struct ha *h, const char *name, bool reject, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	h->asked++;
	snprintf(h->group, sizeof(h->group), "%s%s", name ? name : "*", reject ? " refusing" : "");
	h->force = force;
	h->timeout_ns = timeout_ns;
	done(arg, CTL_DONE, "group sip: the peer serves");
}

int ha_undrain(struct ha *h, const char *name, char *text, size_t len)
{
	h->asked++;
	snprintf(h->group, sizeof(h->group), "%s", name ? name : "*");
	snprintf(text, len, "group sip: no drain is under way");
	return -EALREADY;
}

int ha_port(struct ha *h, const char *group, uint16_t port, enum bt_rule_state want, const struct ha_asker *who, char *text, size_t len)
{
	h->asked++;
	snprintf(h->group, sizeof(h->group), "%s %u %d", group ? group : "*", port, want);
	if (who->uid != getuid() || who->pid != getpid())
		fail_msg("asked by uid %u, pid %d; said to be uid %u, pid %d", getuid(), getpid(), who->uid, who->pid);
	snprintf(text, len, "port rule 5060 both is as asked");
	return port == 7 ? -ENOENT : 0;
}

void ha_drain_view(struct ha *h, uint32_t group, struct ha_drain_view *ret)
{
	(void)h, (void)group;
	*ret = (struct ha_drain_view){ .state = "draining", .reason = "peer-serves", .calls = 2, .deadline_left_s = -1 };
}

void ha_pool_drain_view(struct ha *h, uint32_t pool, struct ha_pool_drain_view *ret)
{
	(void)h, (void)pool;
	*ret = (struct ha_pool_drain_view){ .state = "off", .server = "", .deadline_left_s = 7 };
}

/* Three slices, the second empty, of two rows each. */
int ha_calls(struct ha *h, uint64_t *at, ha_call_fn *fn, void *arg)
{
	(void)h;
	for (uint64_t i = 0; i < 2 && *at != 1; i++)
		fn(arg, &(struct ha_call_view){ .of = "sip", .id = *at * 2 + i, .kind = "call", .state = "new", .server = "a" });
	return ++*at < 3;
}

void ha_ask_forget(struct ha *h, void *arg)
{
	h->forgotten += arg == h->done_arg;
	h->done = NULL;
}

int ha_reload(struct ha *h, char *text, size_t len)
{
	h->asked++;
	h->reloads++;
	if (!h->reload_fails) {
		snprintf(text, len, "%s", h->reload_waits ? "x waits" : "");
		return 0;
	}
	snprintf(text, len, "baton.conf:3: unknown key 'nmae'");
	return -EINVAL;
}

void ha_examine(struct ha *h, void (*done)(void *arg), void *arg)
{
	(void)h;
	done(arg);
}

void ha_doctor(struct ha *h, ha_doctor_fn *row, void *arg)
{
	row(arg, "ok", "arp_ignore", "1 on eth0", "");
	for (unsigned i = 0; i < h->bad_checks; i++)
		row(arg, "bad", "rp_filter", "1 on eth0", "sysctl -w net.ipv4.conf.eth0.rp_filter=0");
}

/* ---- the host's group `baton` ---- */

#define FAKE_GID 54321
static bool group_exists;

struct group *getgrnam(const char *name)
{
	static struct group g = { .gr_gid = FAKE_GID };

	return group_exists && !strcmp(name, CTL_GROUP) ? &g : NULL;
}

/* ---- the loop, turned by hand ---- */

static struct loop loop;
static struct ctl *ctl;
static char dir[64];
static uint64_t now_ns;

static void step(void)
{
	struct epoll_event ev[LOOP_BATCH];
	int n;

	now_ns++;
	ctl_turn(ctl, now_ns);
	n = epoll_wait(loop.epfd, ev, LOOP_BATCH, 0);
	loop.n = n > 0 ? n : 0;
	for (int i = 0; i < loop.n; i++)
		loop.batch[i] = ev[i].data.ptr;
	for (loop.at = 0; loop.at < loop.n; loop.at++)
		if (loop.batch[loop.at])
			loop.batch[loop.at]->ready(loop.batch[loop.at], ev[loop.at].events);
	loop.at = loop.n = 0;
	ctl_turn(ctl, now_ns);
}

static void steps(int n)
{
	while (n--)
		step();
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_usec = 500000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, CTL_SOCKET);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		fail_msg("connect %s: %s", addr.sun_path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say_text(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

/* One line, turning the loop as long as it takes; NULL at the end. */
static json_t *hear(int fd)
{
	static char buf[4 << 20];
	size_t n = 0;
	json_t *root;

	for (int turns = 0; turns < 20000; ) {
		ssize_t r = recv(fd, buf + n, 1, MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EAGAIN))
			return NULL;
		if (r < 0) {
			step();
			turns++;
			continue;
		}
		if (buf[n++] == '\n') {
			root = json_loadb(buf, n, 0, NULL);
			assert_non_null(root);
			return root;
		}
	}
	fail_msg("no line after 20000 turns, %zu bytes so far", n);
	return NULL;
}

static int exit_of(const json_t *reply)
{
	assert_non_null(reply);
	return (int)json_integer_value(json_object_get(reply, "exit"));
}

static const char *error_of(const json_t *reply)
{
	const char *s = json_string_value(json_object_get(reply, "error"));

	return s ? s : "";
}

static json_t *ask_bytes(const void *bytes, size_t len)
{
	int fd = dial();
	json_t *reply;

	say(fd, bytes, len);
	reply = hear(fd);
	assert_null(hear(fd));		/* one answer, then it hangs up */
	close(fd);
	return reply;
}

static json_t *ask(const char *line)
{
	char with_newline[CTL_REQUEST_MAX + 2];

	return ask_bytes(with_newline, (size_t)snprintf(with_newline, sizeof(with_newline), "%s\n", line));
}

static void refused(const char *line, int code, const char *part)
{
	int asked = ha.asked;
	json_t *reply = ask(line);

	if (exit_of(reply) != code || !strstr(error_of(reply), part))
		fail_msg("%s: exit %d, error '%s'; wanted %d and '%s'", line, exit_of(reply), error_of(reply), code, part);
	if (ha.asked != asked)
		fail_msg("%s: refused, but the conductor was asked", line);
	json_decref(reply);
}

static void conf_make(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->name, "a");
	c->n_groups = 2;
	strcpy(c->groups[0].name, "sip");
	strcpy(c->groups[1].name, "web");
	c->groups[0].n_vips = 2;
	c->groups[1].first_vip = 2;
	c->groups[1].n_vips = 1;
	c->n_vips = 3;
	for (uint32_t i = 0; i < 3; i++) {
		c->vips[i].addr.prefix_len = 24;
		memcpy(&c->vips[i].addr.ip, (uint8_t[16]){ [10] = 0xff, 0xff, 10, 77, 0, (uint8_t)(100 + i) }, 16);
	}
}

/* Whose counters are longer than CTL_BACKLOG_MAX. */
static void many_vips(struct conf *c)
{
	c->groups[0].n_vips = c->groups[1].first_vip = 1000;
	c->n_vips = 1001;
}

static int setup(void **state)
{
	char why[256] = "";

	(void)state;
	memset(&ha, 0, sizeof(ha));
	conf_make(&ha.conf);
	group_exists = true;
	now_ns = clock_now_ns();
	strcpy(dir, "/tmp/ct-ctl.XXXXXX");
	if (!mkdtemp(dir) || loop_open(&loop))
		return -1;
	if (ctl_open(&ctl, &loop, &ha, dir, why, sizeof(why)))
		fail_msg("%s", why);
	return 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	ctl_close(ctl);
	loop_close(&loop);
	snprintf(path, sizeof(path), "%s/%s", dir, CTL_LOCK);
	unlink(path);
	return rmdir(dir);	/* and nothing of ours is left in it */
}

/* ---- documents ---- */

static void test_status(void **state)
{
	json_t *reply = ask("{\"verb\":\"status\"}"), *doc = json_object_get(reply, "doc"), *group, *vip;

	(void)state;
	assert_int_equal(exit_of(reply), 0);
	assert_int_equal(json_integer_value(json_object_get(doc, "schema")), CTL_SCHEMA);
	assert_string_equal(json_string_value(json_object_get(doc, "node")), "a");
	group = json_array_get(json_object_get(doc, "groups"), 0);
	assert_string_equal(json_string_value(json_object_get(group, "gate")), "open");
	assert_int_equal(json_integer_value(json_object_get(group, "lease_left_ms")), 238);
	vip = json_array_get(json_object_get(group, "vips"), 1);
	assert_string_equal(json_string_value(json_object_get(vip, "address")), "10.77.0.101/24");
	assert_true(json_is_false(json_object_get(vip, "present")));
	json_decref(reply);
}

static void test_counters(void **state)
{
	json_t *reply = ask("{\"verb\":\"counters\"}"), *doc = json_object_get(reply, "doc"), *row, *vips, *out;
	json_int_t age;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json_object_get(doc, "xdp"), "exits")), BT_X__N - 1);
	row = json_array_get(json_object_get(json_object_get(doc, "xdp"), "exits"), BT_X_VIP_ACCEPTED - 1);
	assert_string_equal(json_string_value(json_object_get(row, "name")), "vip-accepted");
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), "pass");
	assert_int_equal(json_integer_value(json_object_get(row, "packets")), 5);
	row = json_array_get(json_object_get(json_object_get(doc, "tc"), "exits"), BT_T_VIP_SENT - 1);
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), "unspec");
	vips = json_object_get(doc, "vips");
	assert_int_equal(json_array_size(vips), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(vips, 2), "group")), "web");
	row = json_object_get(json_object_get(json_array_get(vips, 2), "in"), "requests");
	assert_int_equal(json_integer_value(json_object_get(row, "INVITE")), 5);
	out = json_object_get(json_array_get(vips, 0), "out");
	age = json_integer_value(json_object_get(out, "last_response_ms"));
	assert_in_range(age, 2000, 60000);
	assert_true(json_is_null(json_object_get(out, "last_request_ms")));
	row = json_object_get(doc, "watchdog");
	assert_int_equal(json_integer_value(json_object_get(row, "looks")), 900);
	assert_int_equal(json_integer_value(json_object_get(row, "late")), 7);
	json_decref(reply);
	ha.count_err = -ENOENT;
	refused("{\"verb\":\"counters\"}", CTL_REFUSED, "No such file");
}

static void test_alarms(void **state)
{
	json_t *reply = ask("{\"verb\":\"alarms\"}");
	json_t *row = json_array_get(json_object_get(json_object_get(reply, "doc"), "alarms"), 0);

	(void)state;
	/* not UTF-8: shown all the same */
	assert_string_equal(json_string_value(json_object_get(row, "text")), "NIC ? down");
	json_decref(reply);
	reply = ask("{\"verb\":\"alarms\",\"clear\":\"00-52029 sip\"}");
	assert_int_equal(exit_of(reply), 0);
	json_decref(reply);
	reply = ask("{\"verb\":\"alarms\",\"clear\":\"nonsense\"}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_non_null(strstr(error_of(reply), "no alarm 'nonsense'"));
	json_decref(reply);
}

static void test_doctor(void **state)
{
	json_t *reply = ask("{\"verb\":\"doctor\"}");

	(void)state;
	assert_int_equal(exit_of(reply), 0);
	json_decref(reply);
	ha.bad_checks = 2;
	reply = ask("{\"verb\":\"doctor\"}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_string_equal(error_of(reply), "2 checks are bad");
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "doc"), "checks")), 3);
	json_decref(reply);
}

static void test_options(void **state)
{
	json_t *reply = ask("{\"verb\":\"options\"}"), *rows, *row;
	int of_group = 0;
	size_t i;

	(void)state;
	assert_int_equal(exit_of(reply), 0);
	rows = json_object_get(json_object_get(reply, "doc"), "options");
	json_array_foreach(rows, i, row)
		of_group += !strcmp(json_string_value(json_object_get(row, "section")), "group web") &&
			    !strcmp(json_string_value(json_object_get(row, "name")), "sip-pass-check");
	assert_int_equal(of_group, 1);
	json_decref(reply);
}

/* A thousand devices are more than one slice. Each has its rows once, also one that a reload has brought and one it took. */
static void test_many_devices(void **state)
{
	static struct conf wanted;
	unsigned contacts[1001] = { 0 };
	json_t *reply, *row;
	size_t i;

	(void)state;
	wanted = ha.conf;
	ha.conf.n_devices = wanted.n_devices = 1000;
	for (unsigned d = 0; d < 1000; d++) {
		snprintf(ha.conf.devices[d].name, sizeof(ha.conf.devices[d].name), "d%u", d);
		snprintf(wanted.devices[d].name, sizeof(wanted.devices[d].name), "d%u", d + 1);
	}
	ha.wanted = &wanted;
	reply = ask("{\"verb\":\"options\"}");
	assert_int_equal(exit_of(reply), 0);
	json_array_foreach(json_object_get(json_object_get(reply, "doc"), "options"), i, row) {
		const char *section = json_string_value(json_object_get(row, "section"));
		unsigned d;

		if (sscanf(section, "device d%u", &d) == 1 && !strcmp(json_string_value(json_object_get(row, "name")), "contact"))
			contacts[d]++;
	}
	for (unsigned d = 0; d <= 1000; d++)
		if (contacts[d] != 1)
			fail_msg("the contact of d%u is there %u times", d, contacts[d]);
	json_decref(reply);
	reply = ask("{\"verb\":\"devices\"}");
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "doc"), "devices")), 1000);
	json_decref(reply);
}

static void test_reload(void **state)
{
	json_t *reply = ask("{\"verb\":\"reload\"}");

	(void)state;
	assert_int_equal(exit_of(reply), 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "doc"), "text")), "configuration reloaded");
	json_decref(reply);
	ha.reload_waits = true;
	reply = ask("{\"verb\":\"reload\"}");
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "doc"), "text")), "configuration reloaded; x waits");
	json_decref(reply);
	ha.reload_fails = true;
	reply = ask("{\"verb\":\"reload\"}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_string_equal(error_of(reply), "baton.conf:3: unknown key 'nmae'");
	assert_int_equal(ha.reloads, 3);
	json_decref(reply);
}

/* ---- switchover ---- */

static void test_switchover(void **state)
{
	json_t *reply = ask("{\"verb\":\"switchover\",\"group\":\"web\",\"force\":true,\"timeout_s\":2.5}");

	(void)state;
	assert_int_equal(exit_of(reply), 0);
	assert_string_equal(ha.group, "web");
	assert_true(ha.force);
	assert_int_equal(ha.timeout_ns, 2500000000);
	json_decref(reply);
	reply = ask("{\"verb\":\"switchover\"}");
	assert_string_equal(ha.group, "*");
	assert_false(ha.force);
	assert_int_equal(ha.timeout_ns, CTL_TIMEOUT_S * NS_PER_S);
	json_decref(reply);
	refused("{\"verb\":\"switchover\",\"group\":\"nogroup\"}", CTL_REFUSED, "no group 'nogroup' here; groups: sip web");
}

static void test_fence(void **state)
{
	json_t *reply = ask("{\"verb\":\"fence\",\"group\":\"web\",\"force\":true}");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(reply, "exit")), CTL_DONE);
	json_decref(reply);
	assert_int_equal(ha.fences, 1);
	assert_string_equal(ha.group, "web");
	assert_true(ha.force);
	reply = ask("{\"verb\":\"unfence\",\"group\":\"sip\"}");
	assert_int_equal(json_integer_value(json_object_get(reply, "exit")), CTL_REFUSED);
	assert_string_equal(json_string_value(json_object_get(reply, "error")), "cannot write");
	json_decref(reply);
	assert_int_equal(ha.unfences, 1);
	refused("{\"verb\":\"fence\"}", CTL_USAGE, "fence needs \"group\"");
	refused("{\"verb\":\"unfence\"}", CTL_USAGE, "unfence needs \"group\"");
	refused("{\"verb\":\"unfence\",\"group\":\"sip\",\"force\":true}", CTL_USAGE, "does not take \"force\"");
	refused("{\"verb\":\"fence\",\"group\":\"nogroup\"}", CTL_REFUSED, "no group 'nogroup' here; groups: sip web");
	assert_int_equal(ha.fences + ha.unfences, 2);
}

static void test_port(void **state)
{
	static const struct { const char *request, *asked; } good[] = {
		{ "{\"verb\":\"port\",\"do\":\"disable\",\"port\":5060,\"group\":\"web\"}", "web 5060 0" },
		{ "{\"verb\":\"port\",\"do\":\"enable\",\"port\":65535}", "* 65535 1" },
		{ "{\"verb\":\"port\",\"do\":\"drain\",\"port\":\"all\",\"group\":\"sip\"}", "sip 0 2" },
	};
	int asked = ha.asked;
	json_t *reply;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		reply = ask(good[i].request);
		assert_int_equal(exit_of(reply), CTL_DONE);
		assert_string_equal(ha.group, good[i].asked);
		json_decref(reply);
	}
	reply = ask("{\"verb\":\"port\",\"do\":\"drain\",\"port\":7}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_string_equal(error_of(reply), "port rule 5060 both is as asked");
	json_decref(reply);
	assert_int_equal(ha.asked, asked + 4);
	refused("{\"verb\":\"port\",\"do\":\"drain\"}", CTL_USAGE, "port needs \"do\" and \"port\"");
	refused("{\"verb\":\"port\",\"port\":5060}", CTL_USAGE, "port needs \"do\" and \"port\"");
	refused("{\"verb\":\"port\",\"do\":\"open\",\"port\":5060}", CTL_USAGE, "enable, disable or drain");
	refused("{\"verb\":\"port\",\"do\":1,\"port\":5060}", CTL_USAGE, "enable, disable or drain");
	refused("{\"verb\":\"port\",\"do\":\"drain\",\"port\":0}", CTL_USAGE, "a port, 1 to 65535");
	refused("{\"verb\":\"port\",\"do\":\"drain\",\"port\":65536}", CTL_USAGE, "a port, 1 to 65535");
	refused("{\"verb\":\"port\",\"do\":\"drain\",\"port\":\"5060\"}", CTL_USAGE, "a port, 1 to 65535");
	refused("{\"verb\":\"port\",\"do\":\"drain\",\"port\":5060,\"group\":\"nogroup\"}", CTL_REFUSED, "no group 'nogroup' here");
	assert_int_equal(ha.asked, asked + 4);
}

static void test_neighbours(void **state)
{
	json_t *reply, *doc, *row;

	(void)state;
	ha.strays = 515;
	reply = ask("{\"verb\":\"neighbours\"}");
	doc = json_object_get(reply, "doc");
	row = json_array_get(json_object_get(doc, "neighbours"), 511);
	assert_int_equal(json_array_size(json_object_get(doc, "neighbours")), 512);
	assert_int_equal(json_integer_value(json_object_get(doc, "more")), 3);
	assert_string_equal(json_string_value(json_object_get(row, "mac")), "02:00:00:00:00:0c");
	assert_string_equal(json_string_value(json_object_get(row, "ip")), "10.77.0.9");
	assert_string_equal(json_string_value(json_object_get(row, "vip")), "2001:db8::64");
	json_decref(reply);
	ha.count_err = -EPERM;
	reply = ask("{\"verb\":\"neighbours\"}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_string_equal(error_of(reply), "cannot read the data path's neighbours: Operation not permitted");
	json_decref(reply);
}

static void test_explain(void **state)
{
	struct history_change *c;
	json_t *reply = ask("{\"verb\":\"explain\"}");

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "doc"), "changes")), 0);
	json_decref(reply);
	for (uint32_t term = 1; term <= 120; term++) {
		c = history_add(&ha.history);
		strcpy(c->group, "sip");
		strcpy(c->cause, "\xff\x1b");	/* a disk is outside, too */
		c->term = term;
		for (int i = 0; i < HISTORY_STEP__N; i++)
			history_note(c, i, term * 1000 + 100 - i, HISTORY_BY_PULSE);
	}
	reply = ask("{\"verb\":\"explain\"}");
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "doc"), "changes")), HISTORY_MAX);
	json_decref(reply);
	reply = ask("{\"verb\":\"explain\",\"term\":21}");
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "doc"), "changes")), 1);
	json_decref(reply);
	reply = ask("{\"verb\":\"explain\",\"term\":20}");
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_string_equal(error_of(reply), "no role change of term 20 is on record here; terms that are: "
			    "120, 119, 118, 117, 116, 115, 114, 113, 112, 111 ...");
	json_decref(reply);
	refused("{\"verb\":\"explain\",\"term\":0}", CTL_USAGE, "\"term\" must be");
	refused("{\"verb\":\"explain\",\"term\":4294967296}", CTL_USAGE, "\"term\" must be");
	refused("{\"verb\":\"explain\",\"term\":\"7\"}", CTL_USAGE, "\"term\" must be");
	refused("{\"verb\":\"explain\",\"group\":\"sip\"}", CTL_USAGE, "does not take \"group\"");
}

static void test_switchover_later(void **state)
{
	int fd = dial();
	json_t *reply;

	(void)state;
	ha.answer_later = true;
	say_text(fd, "{\"verb\":\"switchover\"}\n");
	steps(3);
	now_ns += 60 * NS_PER_S;	/* waits as long as the conductor does */
	steps(3);
	assert_non_null(ha.done);
	ha.done(ha.done_arg, CTL_UNFINISHED, "sip: begun, b not open after 10 s");
	reply = hear(fd);
	assert_int_equal(exit_of(reply), CTL_UNFINISHED);
	assert_non_null(strstr(error_of(reply), "begun"));
	assert_int_equal(ha.forgotten, 0);
	json_decref(reply);
	close(fd);
}

static void test_switchover_client_gone(void **state)
{
	int fd = dial();

	(void)state;
	ha.answer_later = true;
	say_text(fd, "{\"verb\":\"switchover\"}\n");
	steps(3);
	close(fd);
	steps(3);
	assert_int_equal(ha.forgotten, 1);
}

/* ---- streams ---- */

static void test_watch(void **state)
{
	int fd = dial();
	json_t *reply;

	(void)state;
	say_text(fd, "{\"verb\":\"watch\"}\n");
	json_decref(hear(fd));
	steps(5);
	assert_int_equal(recv(fd, &reply, 1, MSG_DONTWAIT), -1);	/* nothing new, nothing said */
	strcpy(ha.reason, "peer-lost");
	ctl_changed(ctl);
	reply = hear(fd);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(
		json_object_get(reply, "doc"), "groups"), 0), "reason")), "peer-lost");
	json_decref(reply);
	now_ns += NS_PER_S;
	json_decref(hear(fd));		/* alive once a second */
	close(fd);
}

static void test_slow_watcher_is_cut(void **state)
{
	int fd = dial(), asked, i;
	json_t *reply;

	(void)state;
	say_text(fd, "{\"verb\":\"watch\"}\n");
	steps(3);
	for (i = 0; i < 10000; i++) {
		asked = ha.asked;
		ctl_changed(ctl);
		step();
		if (ha.asked == asked)
			break;
	}
	assert_in_range(i, 10, 9999);	/* nobody watches any more */
	while ((reply = hear(fd)))	/* whole lines, then the end */
		json_decref(reply);
	close(fd);
}

static void test_events(void **state)
{
	json_t *reply, *events;
	int fd = dial();

	(void)state;
	say_text(fd, "{\"verb\":\"events\",\"follow\":true}\n");
	steps(3);
	log_event(LOG_INFO, "role change", "group=sip to=%s", "claiming");
	while ((reply = hear(fd)) && !strstr(json_string_value(json_object_get(json_object_get(reply, "doc"), "text")),
					      "to=claiming"))
		json_decref(reply);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "doc"), "level")), "info");
	json_decref(reply);
	close(fd);
	steps(3);
	reply = ask("{\"verb\":\"events\"}");
	events = json_object_get(json_object_get(reply, "doc"), "events");
	assert_in_range(json_array_size(events), 1, LOG_KEEP);
	json_decref(reply);
}

/* Who does not read loses lines of the log, not its place; nothing piles up meanwhile. */
static void test_slow_follower_loses_lines(void **state)
{
	json_int_t last = 0, seq = 0;
	int fd = dial();
	json_t *reply;
	char pad[400];

	(void)state;
	memset(pad, 'x', sizeof(pad) - 1);
	pad[sizeof(pad) - 1] = '\0';
	say_text(fd, "{\"verb\":\"events\",\"follow\":true}\n");
	steps(3);
	for (int i = 0; i < 4 * LOG_KEEP; i++) {
		log_event(LOG_INFO, "noise", "i=%d %s", i, pad);
		step();
	}
	log_event(LOG_INFO, "the end", " ");
	do {
		reply = hear(fd);
		assert_non_null(reply);
		seq = json_integer_value(json_object_get(json_object_get(reply, "doc"), "seq"));
		assert_true(seq > last);
		last = seq;
		if (strstr(json_string_value(json_object_get(json_object_get(reply, "doc"), "text")), "the end"))
			break;
		json_decref(reply);
	} while (1);
	json_decref(reply);
	close(fd);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
	(void)state;
	refused("", CTL_USAGE, "not JSON");
	refused("status", CTL_USAGE, "not JSON");
	refused("[]", CTL_USAGE, "a request is a JSON object");
	refused("{}", CTL_USAGE, "needs \"verb\"");
	refused("{\"verb\":7}", CTL_USAGE, "needs \"verb\"");
	refused("{\"verb\":\"statsu\"}", CTL_USAGE, "unknown verb 'statsu'");
	refused("{\"verb\":\"status\",\"verb\":\"reload\"}", CTL_USAGE, "not JSON");
	refused("{\"verb\":\"status\"} {\"verb\":\"reload\"}", CTL_USAGE, "not JSON");
	refused("{\"verb\":\"status\",\"group\":\"sip\"}", CTL_USAGE, "status does not take \"group\"");
	refused("{\"verb\":\"switchover\",\"gruop\":\"sip\"}", CTL_USAGE, "does not take \"gruop\"");
	refused("{\"verb\":\"switchover\",\"group\":\"\"}", CTL_USAGE, "a group's name");
	refused("{\"verb\":\"switchover\",\"group\":\"0123456789012345678901234567890123456789\"}", CTL_USAGE, "a group's name");
	refused("{\"verb\":\"switchover\",\"group\":\"sip\\u0000\"}", CTL_USAGE, "not JSON");
	refused("{\"verb\":\"switchover\",\"force\":1}", CTL_USAGE, "true or false");
	refused("{\"verb\":\"switchover\",\"timeout_s\":0}", CTL_USAGE, "a number of seconds");
	refused("{\"verb\":\"switchover\",\"timeout_s\":-1}", CTL_USAGE, "a number of seconds");
	refused("{\"verb\":\"switchover\",\"timeout_s\":3601}", CTL_USAGE, "a number of seconds");
	refused("{\"verb\":\"switchover\",\"timeout_s\":1e999}", CTL_USAGE, "not JSON");
	refused("{\"verb\":\"switchover\",\"timeout_s\":99999999999999999999999}", CTL_USAGE, "not JSON");
	refused("{\"verb\":\"switchover\",\"timeout_s\":\"1\"}", CTL_USAGE, "a number of seconds");
	refused("{\"verb\":\"status\",\"\xff\":1}", CTL_USAGE, "not JSON");
	assert_int_equal(ha.switchovers + ha.reloads, 0);
}

static void test_hostile_bytes(void **state)
{
	char bytes[CTL_REQUEST_MAX + 64];
	json_t *reply;

	(void)state;
	memset(bytes, '[', sizeof(bytes));
	bytes[CTL_REQUEST_MAX - 1] = '\n';
	reply = ask_bytes(bytes, CTL_REQUEST_MAX);		/* as deep as a line can be */
	assert_int_equal(exit_of(reply), CTL_USAGE);
	json_decref(reply);
	memset(bytes, 'x', sizeof(bytes));
	reply = ask_bytes(bytes, sizeof(bytes));		/* no end in sight */
	assert_string_equal(error_of(reply), "request longer than 4096 bytes");
	json_decref(reply);
	memset(bytes, 0, 16);
	bytes[16] = '\n';
	reply = ask_bytes(bytes, 17);
	assert_int_equal(exit_of(reply), CTL_USAGE);
	json_decref(reply);
	assert_int_equal(ha.asked, 0);
}

/* Every prefix of a good request, then the client goes: nobody is asked, no place is lost. */
static void test_partial_lines(void **state)
{
	static const char line[] = "{\"verb\":\"reload\"}";

	(void)state;
	for (size_t n = 0; n < sizeof(line); n++) {
		int fd = dial();

		say(fd, line, n);
		steps(2);
		close(fd);
		steps(2);
	}
	assert_int_equal(ha.asked, 0);
	test_reload(state);
}

static void test_byte_by_byte(void **state)
{
	static const char line[] = "{\"verb\":\"status\"}\n";
	int fd = dial();
	json_t *reply;

	(void)state;
	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		say(fd, line + n, 1);
		step();
	}
	reply = hear(fd);
	assert_int_equal(exit_of(reply), 0);
	json_decref(reply);
	close(fd);
}

static void test_silent_client(void **state)
{
	int fd = dial();
	json_t *reply;

	(void)state;
	steps(3);
	now_ns += CTL_REQUEST_S * NS_PER_S;
	reply = hear(fd);
	assert_string_equal(error_of(reply), "no complete request within 2 s");
	assert_int_equal(exit_of(reply), CTL_USAGE);
	json_decref(reply);
	assert_null(hear(fd));
	close(fd);
}

static void test_seventeenth_client(void **state)
{
	int fds[CTL_CLIENTS_MAX], fd;
	json_t *reply;

	(void)state;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		fds[i] = dial();
		step();
	}
	fd = dial();
	reply = hear(fd);
	assert_int_equal(exit_of(reply), CTL_REFUSED);
	assert_non_null(strstr(error_of(reply), "too many clients"));
	json_decref(reply);
	close(fd);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		close(fds[i]);
	steps(3);
	test_status(state);		/* every place is free again */
}

static void test_answer_larger_than_backlog(void **state)
{
	json_t *reply, *vips, *in;
	int fd = dial();

	(void)state;
	many_vips(&ha.conf);
	say_text(fd, "{\"verb\":\"counters\"}\n");
	reply = hear(fd);
	vips = json_object_get(json_object_get(reply, "doc"), "vips");
	assert_int_equal(json_array_size(vips), 1001);
	for (size_t i = 0; i < 1001; i++) {
		in = json_object_get(json_object_get(json_array_get(vips, i), "in"), "requests");
		assert_int_equal(json_integer_value(json_object_get(in, "INVITE")), 3 + i);	/* in order, none twice */
		assert_string_equal(json_string_value(json_object_get(json_array_get(vips, i), "group")),
				    i < 1000 ? "sip" : "web");
	}
	assert_null(hear(fd));
	json_decref(reply);
	close(fd);
}

static void test_answer_never_read(void **state)
{
	char byte;
	ssize_t n;
	int fd = dial();

	(void)state;
	many_vips(&ha.conf);
	say_text(fd, "{\"verb\":\"counters\"}\n");
	steps(3);
	now_ns += CTL_STALL_S * NS_PER_S;
	steps(3);
	while ((n = recv(fd, &byte, 1, MSG_DONTWAIT)) > 0)
		;
	assert_int_equal(n, 0);		/* cut off, the rest was dropped */
	close(fd);
}

/* ---- who may ask ---- */

/* Asks in a child of that uid and those gids; the exit code of its answer, or -1. */
static int ask_as(uid_t uid, gid_t gid, gid_t extra)
{
	int status = -1, done = 0;
	pid_t pid = fork();

	if (!pid) {
		char buf[4096];
		json_t *reply;
		ssize_t n;
		int fd;

		if (setgroups(extra ? 1 : 0, &extra) || setgid(gid) || setuid(uid))
			_exit(99);
		fd = dial();
		say_text(fd, "{\"verb\":\"status\"}\n");
		n = recv(fd, buf, sizeof(buf), 0);
		reply = n > 0 ? json_loadb(buf, (size_t)n, 0, NULL) : NULL;
		_exit(reply ? exit_of(reply) : 98);
	}
	for (int i = 0; i < 3000 && !done; i++) {
		step();
		usleep(1000);
		done = waitpid(pid, &status, WNOHANG);
	}
	return done == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The doors opened wide on purpose: the credentials alone must do. */
static void open_doors(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, CTL_SOCKET);
	assert_int_equal(chmod(dir, 0755) | chmod(path, 0666), 0);
}

static void test_only_root_and_group(void **state)
{
	(void)state;
	open_doors();
	assert_int_equal(ask_as(0, 0, 0), 0);
	assert_int_equal(ask_as(65534, FAKE_GID, 0), 0);
	assert_int_equal(ask_as(65534, 65534, FAKE_GID), 0);
	assert_int_equal(ha.asked, 3);
	assert_int_equal(ask_as(65534, 65534, 0), CTL_REFUSED);
	assert_int_equal(ask_as(65534, 65534, FAKE_GID + 1), CTL_REFUSED);
	assert_int_equal(ha.asked, 3);
}

static void test_without_a_group(void **state)
{
	(void)state;
	ctl_close(ctl);
	group_exists = false;
	assert_int_equal(ctl_open(&ctl, &loop, &ha, dir, (char[256]){ 0 }, 256), 0);
	open_doors();
	assert_int_equal(ask_as(0, 0, 0), 0);
	assert_int_equal(ask_as(65534, FAKE_GID, FAKE_GID), CTL_REFUSED);
}

/* ---- the run-dir ---- */

static void test_modes(void **state)
{
	char path[160];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", dir, CTL_SOCKET);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, FAKE_GID);
}

static void test_second_one(void **state)
{
	char why[256] = "", expect[256];
	struct ctl *other;

	(void)state;
	assert_int_equal(ctl_open(&other, &loop, &ha, dir, why, sizeof(why)), -EADDRINUSE);
	snprintf(expect, sizeof(expect), "another batond (pid %d) uses %s", getpid(), dir);
	assert_string_equal(why, expect);
	test_status(state);		/* the first has kept its socket */
}

static void test_stale_socket(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char why[256] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ctl_close(ctl);
	ctl = NULL;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, CTL_SOCKET);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);			/* as kill -9 leaves it */
	assert_int_equal(ctl_open(&ctl, &loop, &ha, dir, why, sizeof(why)), 0);
	test_status(state);
}

/* In a child, for the lock lives as long as its process: the errno, negated, as exit code. */
static int lock_in_child(const char *where, char expect_why[256])
{
	char why[256] = "";
	int status, err;
	pid_t pid = fork();

	if (!pid) {
		err = ctl_lock(where, why, sizeof(why));
		_exit(expect_why && strcmp(why, expect_why) ? 255 : -err);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void test_lock(void **state)
{
	char made[96], why[256] = "", expect[256];
	struct stat st;

	(void)state;
	snprintf(made, sizeof(made), "%s/run", dir);
	assert_int_equal(lock_in_child(made, NULL), 0);	/* makes the directory; gone with its process */
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_gid, FAKE_GID);
	assert_int_equal(ctl_lock(made, why, sizeof(why)), 0);
	snprintf(expect, sizeof(expect), "another batond (pid %d) uses %s", getpid(), made);
	assert_int_equal(lock_in_child(made, expect), EADDRINUSE);
	snprintf(why, sizeof(why), "%s/%s", made, CTL_LOCK);
	assert_int_equal(unlink(why) | rmdir(made), 0);
}

static void test_bad_run_dirs(void **state)
{
	char where[200], why[256] = "";
	struct ctl *other;

	(void)state;
	assert_int_equal(ctl_open(&other, &loop, &ha, "/proc/nothing/here", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/proc/nothing/here"));
	assert_int_equal(ctl_open(&other, &loop, &ha, "/dev/null", why, sizeof(why)), -ENOTDIR);
	assert_int_equal(ctl_lock("/tmp", why, sizeof(why)), -EPERM);	/* anyone can write there */
	assert_non_null(strstr(why, "writable by no one else"));
	snprintf(where, sizeof(where), "%s/%0120d", dir, 0);
	assert_int_equal(ctl_open(&other, &loop, &ha, where, why, sizeof(why)), -ENAMETOOLONG);
	assert_int_equal(rmdir(where), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_status), T(test_counters), T(test_alarms), T(test_doctor), T(test_options), T(test_many_devices), T(test_reload),
		T(test_neighbours), T(test_explain), T(test_fence), T(test_port), T(test_switchover), T(test_switchover_later), T(test_switchover_client_gone),
		T(test_watch), T(test_slow_watcher_is_cut), T(test_events), T(test_slow_follower_loses_lines),
		T(test_refusals), T(test_hostile_bytes), T(test_partial_lines), T(test_byte_by_byte),
		T(test_silent_client), T(test_seventeenth_client), T(test_answer_larger_than_backlog),
		T(test_answer_never_read), T(test_only_root_and_group), T(test_without_a_group), T(test_modes),
		T(test_second_one), T(test_stale_socket), T(test_lock), T(test_bad_run_dirs),
	};

	log_set_level("err");	/* what it logs here is kept, not printed */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
