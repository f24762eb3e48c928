/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does every row of the table of options keep its word: default, range, text, manual page? */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/conf_addr.h"
#include "core/conf_value.h"
#include "core/opts.h"
#include "core/where.h"

static struct conf conf;

/* One section of each kind, with nothing in it but defaults. */
static void empty_conf(void)
{
	memset(&conf, 0, sizeof(conf));
	conf.n_ifaces = conf.n_groups = conf.n_devices = conf.n_dns = conf.n_pools = 1;
}

static void *object_of(enum opt_section section)
{
	void *objects[SEC__N] = {
		[SEC_NODE] = &conf, [SEC_PEER] = &conf, [SEC_ARBITER] = &conf,
		[SEC_INTERFACE] = &conf.ifaces[0], [SEC_TSERVER] = &conf.tserver, [SEC_SYNC] = &conf.sync,
		[SEC_SITE] = &conf.site, [SEC_GROUP] = &conf.groups[0], [SEC_DEVICE] = &conf.devices[0],
		[SEC_DN] = &conf.dns[0], [SEC_POOL] = &conf.pools[0],
	};

	return objects[section];
}

static struct opt_at at_of(const struct opt *o)
{
	return (struct opt_at){ .conf = &conf, .obj = object_of(o->section) };
}

static const char *value_of(const struct opt *o)
{
	static char buf[512];

	opts_value_text(o, &conf, o->section, 0, buf, sizeof(buf));
	return buf;
}

static const char *full_name(const struct opt *o)
{
	static char buf[96];

	snprintf(buf, sizeof(buf), "[%s] %s", opts_section_name(o->section), o->name);
	return buf;
}

static void takes(const struct opt *o, const char *text, const char *printed)
{
	struct opt_at at = at_of(o);
	char why[CONF_WHY] = "";

	empty_conf();
	if (!opts_set(o, &at, text, why))
		fail_msg("%s = %s: refused: %s", full_name(o), text, why);
	if (strcmp(value_of(o), printed))
		fail_msg("%s = %s: written back as %s, want %s", full_name(o), text, value_of(o),
			 printed);
}

static void refuses(const struct opt *o, const char *text)
{
	static struct conf before;
	struct opt_at at = at_of(o);
	char why[CONF_WHY] = "";

	empty_conf();
	before = conf;
	if (opts_set(o, &at, text, why))
		fail_msg("%s = '%s': taken as %s", full_name(o), text, value_of(o));
	if (!why[0])
		fail_msg("%s = '%s': refused without a word", full_name(o), text);
	if (memcmp(&before, &conf, sizeof(conf)))
		fail_msg("%s = '%s': refused, but something was changed", full_name(o), text);
}

static void number_text(const struct opt *o, uint64_t value, char *buf, size_t len)
{
	if (o->kind == OPT_TIME)
		snprintf(buf, len, "%" PRIu64 "us", value / 1000);
	else if (o->kind == OPT_BYTES)
		snprintf(buf, len, "%" PRIu64 "KiB", value / 1024);
	else
		snprintf(buf, len, "%" PRIu64, value);
}

static void printed_number(const struct opt *o, uint64_t value, char *buf, size_t len)
{
	if (o->kind == OPT_TIME)
		value_time_text(value, buf, len);
	else if (o->kind == OPT_BYTES)
		value_bytes_text(value, buf, len);
	else
		snprintf(buf, len, "%" PRIu64, value);
}

static void number_at(const struct opt *o, uint64_t value, bool valid)
{
	char text[32], printed[32];

	number_text(o, value, text, sizeof(text));
	printed_number(o, value, printed, sizeof(printed));
	if (valid)
		takes(o, text, !o->def && value == (uint64_t)o->unset ? "" : printed);
	else
		refuses(o, text);
}

static bool is_number(const struct opt *o)
{
	return o->kind == OPT_UINT || o->kind == OPT_TIME || o->kind == OPT_BYTES;
}

#define FOR_EACH_OPT(o) for (const struct opt *o = opts_get(0); o; o = opts_get(opts_row(o) + 1))

/* ---- laws over all rows ---- */

static void rows_are_whole(void **state)
{
	char valid[OPTS_TEXT];

	(void)state;
	FOR_EACH_OPT(o) {
		opts_valid_text(o, valid);
		if (!o->help || !o->help[0] || !valid[0] || strlen(valid) >= OPTS_TEXT - 1)
			fail_msg("%s has no help or no valid values", full_name(o));
		if (opts_find(o->section, o->name) != o)
			fail_msg("%s is there twice", full_name(o));
		if (o->section == SEC_TSERVER && opts_find(SEC_GROUP, o->name) != o)
			fail_msg("%s is hidden by the [group]'s own", full_name(o));
		if (o->required && o->def)
			fail_msg("%s is required and has a default", full_name(o));
	}
}

static void defaults_are_valid(void **state)
{
	(void)state;
	FOR_EACH_OPT(o) {
		struct opt_at at = at_of(o);

		if (o->def)
			takes(o, o->def, o->def);
		empty_conf();
		opts_defaults(o->section, &at);
		if (o->kind != OPT_ENDPOINT && strcmp(value_of(o), o->def ? o->def : ""))
			fail_msg("%s: default is %s, want %s", full_name(o), value_of(o),
				 opts_default_text(o));
	}
}

static void numbers_keep_their_range(void **state)
{
	(void)state;
	FOR_EACH_OPT(o) {
		uint64_t step = o->kind == OPT_TIME ? 1000 : o->kind == OPT_BYTES ? 1024 : 1;

		if (!is_number(o))
			continue;
		number_at(o, o->min, true);
		number_at(o, o->max, true);
		number_at(o, o->max + step, false);
		if (o->min > 0)
			number_at(o, 0, o->zero);
		if (o->min > step)
			number_at(o, o->min - step, false);
	}
}

static void numbers_have_one_shape(void **state)
{
	static const char *const wrong[] = {
		"", "x", "-1", "+5", "0x10", "1.5", "1 s", "5s5", "5S", "5min", "1e3", "s", "5 5",
		"99999999999999999999", "18446744073709551617", "18446744073709552s",
		"999999999999999999999us",
	};

	(void)state;
	FOR_EACH_OPT(o)
		for (size_t i = 0; is_number(o) && i < sizeof(wrong) / sizeof(wrong[0]); i++)
			refuses(o, wrong[i]);
}

/* The guide's numbers are plain, Baton's times carry their unit: never one for the other. */
static void units_are_not_guessed(void **state)
{
	char text[32];

	(void)state;
	FOR_EACH_OPT(o) {
		if (!is_number(o))
			continue;
		snprintf(text, sizeof(text), o->kind != OPT_UINT ? "%" PRIu64 : "%" PRIu64 "s",
			 o->kind != OPT_UINT ? o->max : o->min);
		refuses(o, text);
	}
}

static void words_are_taken_as_written(void **state)
{
	(void)state;
	FOR_EACH_OPT(o) {
		for (int i = 0; o->words && o->words[i]; i++)
			takes(o, o->words[i], o->words[i]);
		if (o->words) {
			refuses(o, "");
			refuses(o, "x");
			refuses(o, "True");
			refuses(o, "1");
		}
	}
}

static void times_are_read_and_written(void **state)
{
	static const char *const texts[] = { "0", "1us", "999us", "1ms", "1001us", "3s", "90s" };
	char buf[32];
	uint64_t ns = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(value_time(texts[i], &ns));
		value_time_text(ns, buf, sizeof(buf));
		assert_string_equal(buf, texts[i]);
	}
	assert_true(value_time("1000us", &ns));
	assert_int_equal(ns, 1000000);
	assert_false(value_time("5", &ns));
	assert_false(value_time("0x", &ns));
	assert_int_equal(ns, 1000000);		/* untouched when refused */
}

/* ---- every other shape: some that are right, some that are wrong ---- */

struct shape {
	enum opt_kind kind;
	const char *text;
	const char *printed;	/* NULL: must be refused */
};

static const struct shape shapes[] = {
	{ OPT_NAME, "a", "a" },
	{ OPT_NAME, "A.b_c-9", "A.b_c-9" },
	{ OPT_NAME, "1234567890123456789012345678901", "1234567890123456789012345678901" },
	{ OPT_NAME, "12345678901234567890123456789012", NULL },
	{ OPT_NAME, "a b", NULL },
	{ OPT_NAME, "a/b", NULL },
	{ OPT_NAME, "", NULL },
	{ OPT_IFACE, "eth0.100", "eth0.100" },
	{ OPT_IFACE, "123456789012345", "123456789012345" },
	{ OPT_IFACE, "1234567890123456", NULL },
	{ OPT_IFACE, "..", NULL },
	{ OPT_IFACE, "a:1", NULL },
	{ OPT_FILE, "/a/b-c.d", "/a/b-c.d" },
	{ OPT_FILE, "a/b", NULL },
	{ OPT_FILE, "/a/../b", NULL },
	{ OPT_FILE, "/a/..", NULL },
	{ OPT_FILE, "/a b", NULL },
	{ OPT_HOST, "10.0.0.1", "10.0.0.1" },
	{ OPT_HOST, "fd00::1", "fd00::1" },
	{ OPT_HOST, "sip.example.com", "sip.example.com" },
	{ OPT_HOST, "10.0.0.256", NULL },
	{ OPT_HOST, "a..b", NULL },
	{ OPT_HOST, "-a", NULL },
	{ OPT_HOST, "a_b", NULL },
	{ OPT_IP, "::1", "::1" },
	{ OPT_IP, "localhost", NULL },
	{ OPT_URL, "http://10.0.0.1:2379", "http://10.0.0.1:2379" },
	{ OPT_URL, "https://etcd/x", "https://etcd/x" },
	{ OPT_URL, "ftp://etcd", NULL },
	{ OPT_URL, "http://", NULL },
	{ OPT_URL, "http://:2379", NULL },
	{ OPT_UNIT, "kamailio.service", "kamailio.service" },
	{ OPT_UNIT, "a@b\\x2d.service", "a@b\\x2d.service" },
	{ OPT_UNIT, "kamailio", NULL },
	{ OPT_UNIT, ".service", NULL },
	{ OPT_UNIT, "../a.service", NULL },
	{ OPT_SITE, "East Coast", "East Coast" },
	{ OPT_SITE, "", NULL },
	{ OPT_SITE, "1234567890123456789012345678901234567890123456789012345678901234", NULL },
	{ OPT_CODES, "", "" },
	{ OPT_CODES, "503", "503" },
	{ OPT_CODES, "503,504", "503,504" },
	{ OPT_CODES, "487,50X", "487,50X" },
	{ OPT_CODES, "487,5XX", "487,5XX" },
	{ OPT_CODES, "5X3", NULL },
	{ OPT_CODES, "XXX", NULL },
	{ OPT_CODES, "50X,503", NULL },
	{ OPT_CODES, "50", NULL },
	{ OPT_CODES, "5034", NULL },
	{ OPT_CODES, "503,", NULL },
	{ OPT_CODES, ",503", NULL },
	{ OPT_CODES, "503, 504", NULL },
	{ OPT_NAMES, "", NULL },
	{ OPT_NAMES, "east", "east" },
	{ OPT_NAMES, "north-east west", "north-east west" },
	{ OPT_NAMES, "east,west", NULL },
	{ OPT_NAMES, "east w/st", NULL },
	{ OPT_PATH, "eth0 10.0.0.2", "eth0 10.0.0.2" },
	{ OPT_PATH, "eth0  fe80::2", "eth0 fe80::2" },
	{ OPT_PATH, "10.0.0.2", NULL },
	{ OPT_PATH, "eth0 127.0.0.1", NULL },
	{ OPT_PATH, "eth0 10.0.0.2 x", NULL },
	{ OPT_VIP, "10.0.0.9/24 dev eth1", "10.0.0.9/24 dev eth1" },
	{ OPT_VIP, "10.0.0.9/24 via eth1", NULL },
	{ OPT_RULE, "5060-5080  udp", "5060-5080 udp" },
	{ OPT_RULE, "5060 both", "5060 both" },
	{ OPT_RULE, "1-65535 tcp", "1-65535 tcp" },
	{ OPT_RULE, "7-7 tcp", "7 tcp" },
	{ OPT_RULE, "5060", NULL },
	{ OPT_RULE, "5060 tls", NULL },
	{ OPT_RULE, "5060 udp tcp", NULL },
	{ OPT_RULE, "5080-5060 udp", NULL },
	{ OPT_RULE, "0-5060 udp", NULL },
	{ OPT_RULE, "5060-65536 udp", NULL },
	{ OPT_RULE, "-5060 udp", NULL },
	{ OPT_RULE, "5060- udp", NULL },
	{ OPT_RULE, "5060-5070-5080 udp", NULL },
	{ OPT_ROUTER, "10.0.0.1", "10.0.0.1" },
	{ OPT_ROUTER, "10.0.0.1/24", NULL },
	{ OPT_ROUTER, "255.255.255.255", NULL },
	{ OPT_ROUTE, "10.8.0.0/16 via 10.0.0.1", "10.8.0.0/16 via 10.0.0.1" },
	{ OPT_ROUTE, "10.8.0.0/16 dev eth0", NULL },
	{ OPT_SERVICE, "10.77.0.200:5060", "10.77.0.200:5060" }, { OPT_SERVICE, "[fd00::1]:5060", "[fd00::1]:5060" },
	{ OPT_SERVICE, "10.77.0.200", NULL },
	{ OPT_LOCAL, "a 5061 pidfile=/run/a.pid", "a 5061 pidfile=/run/a.pid" },
	{ OPT_LOCAL, "b  5062 unit=b.service", "b 5062 unit=b.service" },
	{ OPT_LOCAL, "a 5061", NULL }, { OPT_LOCAL, "a 5061 pidfile=run/a", NULL }, { OPT_LOCAL, "a 0 unit=a.service", NULL },
	{ OPT_LOCAL, "a 5061/tcp unit=a.service", NULL },
	{ OPT_SERVER, "a 10.0.0.1:5060", "a 10.0.0.1:5060" },
	{ OPT_SERVER, "a [fd00::1]:5060", "a [fd00::1]:5060" },
	{ OPT_SERVER, "10.0.0.1:5060", NULL },
	{ OPT_PORTS, "5060", "5060" },
	{ OPT_PORTS, "5060  5060/tcp 5061/tls 8080/ws", "5060 5060/tcp 5061/tls 8080/ws" },
	{ OPT_PORTS, "1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8" },
	{ OPT_PORTS, "1 2 3 4 5 6 7 8 9", NULL },
	{ OPT_PORTS, "0", NULL },
	{ OPT_PORTS, "5060,5061", NULL },
	{ OPT_PORTS, "5060/", NULL },
	{ OPT_PORTS, "", NULL },
	{ OPT_ENDPOINT, "10.0.0.1:5060", "10.0.0.1:5060" },
	{ OPT_ENDPOINT, "[fd00::1]:5060", "[fd00::1]:5060" },
	{ OPT_ENDPOINT, "fd00::1", NULL },
	{ OPT_ENDPOINT, "[fd00::1]", NULL },
	{ OPT_ENDPOINT, "[10.0.0.1:5060", NULL },
	{ OPT_ENDPOINT, ":5060", NULL },
	{ OPT_ENDPOINT, "10.0.0.1:", NULL },
};

static void other_shapes_are_kept(void **state)
{
	(void)state;
	FOR_EACH_OPT(o) {
		unsigned tried = 0;

		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
			if (shapes[i].kind != o->kind)
				continue;
			if (shapes[i].printed)
				takes(o, shapes[i].text, shapes[i].printed);
			else
				refuses(o, shapes[i].text);
			tried++;
		}
		if (!tried && !is_number(o) && !o->words)
			fail_msg("%s: no value of its shape is tried here", full_name(o));
	}
}

/* ---- the guide ---- */

struct guide_row {
	const char *name, *def, *valid, *effect;
};

static const struct guide_row guide[] = {
	{ "backup-init-check", "false", "true, false", "restart" },
	{ "backup-init-check-timeout", "60", "15 .. 3600 s", "restart" },
	{ "backup-sip-port-check", "true", "true, false", "restart" },
	{ "control-vip-scripts", "false", "true, false", "restart" },
	{ "control-remote-vip-scripts", "true", "true, false", "restart" },
	{ "ha-max-calls-sync-at-once", "500", "200 .. 1000", "link up" },
	{ "network-monitoring-timeout", "1", "1 .. 30 s", "at once" },
	{ "sip-error-codes-overflow", "none", "codes like 503,504 or 487,50X, X only last",
	  "next call" },
	{ "sip-iptakeover-monitoring", "false", "true, false", "restart" },
	{ "sip-nic-address", "none", "an IP address or host name", "restart" },
	{ "sip-nic-monitoring", "false", "true, false", "restart" },
	{ "sip-pass-check", "false", "true, false", "at once" },
	{ "sip-vip-script-down", "none", "an absolute path", "restart" },
	{ "sip-vip-script-up", "none", "an absolute path", "restart" },
	{ "switchover-on-msml-oos", "false", "true, false", "next call" },
	{ "switchover-on-trunks-oos", "false", "true, false", "next call" },
	{ "tlib-nic-monitoring", "false", "true, false", "restart" },
	{ "vip-state-change-timeout", "10", "3 .. 60 s", "at once" },
	{ "shutdown-sip-reject-code", "603", "300 .. 603", "at once" },
	{ "graceful-shutdown-sip-timeout", "4", "0 .. 32 s", "at once" },
	{ "dr-forward", "off", "off, no-agent, oos", "at once" },
	{ "dr-peer-trunk", "none", "1 .. 31 of A-Z a-z 0-9 . _ -", "at once" },
	{ "dr-peer-location", "none", "a name of 1 .. 63 bytes", "next target detection" },
};

static void guides_options_are_the_guides(void **state)
{
	char valid[OPTS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(guide) / sizeof(guide[0]); i++) {
		const struct opt *o = opts_find(SEC_TSERVER, guide[i].name);

		if (!o)
			fail_msg("[TServer] has no %s", guide[i].name);
		opts_valid_text(o, valid);
		assert_string_equal(opts_default_text(o), guide[i].def);
		assert_string_equal(valid, guide[i].valid);
		assert_string_equal(opts_effect_text(o), guide[i].effect);
	}
}

static void slips_of_the_pen_are_seen(void **state)
{
	(void)state;
	assert_string_equal(opts_nearest(SEC_PEER, "pulse-intervall")->name, "pulse-interval");
	assert_string_equal(opts_nearest(SEC_GROUP, "routr")->name, "router");
	assert_string_equal(opts_nearest(SEC_GROUP, "sip-adress")->name, "sip-address");
	assert_string_equal(opts_nearest(SEC_GROUP, "sip_pass_check")->name, "sip-pass-check");
	assert_null(opts_nearest(SEC_GROUP, "x"));
	assert_null(opts_nearest(SEC_NODE, "pulse-interval"));
	FOR_EACH_OPT(o) {
		char slip[64];

		snprintf(slip, sizeof(slip), "%c%s", o->name[0], o->name);
		if (opts_nearest(o->section, slip) != o)
			fail_msg("%s: not found in '%s'", full_name(o), slip);
	}
}

static void errors_name_the_value_and_the_range(void **state)
{
	struct opt_at at = { &conf, &conf };
	char why[CONF_WHY], long_path[82] = "";

	(void)state;
	assert_false(opts_set(opts_find(SEC_PEER, "pulse-interval"), &at, "2s", why));
	assert_string_equal(why, "'2s', valid is 500us .. 1s");
	assert_false(opts_set(opts_find(SEC_PEER, "lease"), &at, "250", why));
	assert_string_equal(why, "'250' needs a unit: us, ms or s");
	assert_false(opts_set(opts_find(SEC_NODE, "pair-id"), &at, "256", why));
	assert_string_equal(why, "'256', valid is 1 .. 255");
	assert_false(opts_set(opts_find(SEC_NODE, "http-port"), &at, "65536", why));
	assert_string_equal(why, "'65536', valid is 0 or 1 .. 65535");
	assert_false(opts_set(opts_find(SEC_NODE, "log-level"), &at, "loud", why));
	assert_string_equal(why, "'loud', valid is err, warn, info, debug");
	assert_false(opts_set(opts_find(SEC_NODE, "name"), &at, "", why));
	assert_string_equal(why, "no value");
	memset(long_path, '/', sizeof(long_path) - 1);
	assert_false(opts_set(opts_find(SEC_NODE, "run-dir"), &at, long_path, why));
	assert_non_null(strstr(why, "' is longer than 80 bytes"));
}

static void values_are_cut_where_the_buffer_ends(void **state)
{
	const struct opt *o = opts_find(SEC_GROUP, "router");
	struct opt_at at = { &conf, &conf.groups[0] };
	char why[CONF_WHY], buf[16];

	(void)state;
	empty_conf();
	assert_true(opts_set(o, &at, "10.77.0.1", why));
	assert_true(opts_set(o, &at, "10.77.0.2", why));
	opts_value_text(o, &conf, SEC_GROUP, 0, buf, sizeof(buf));
	assert_string_equal(buf, "10.77.0.1, 10.7");
}

static void groups_show_their_own_tserver_options(void **state)
{
	const struct opt *o = opts_find(SEC_TSERVER, "network-monitoring-timeout");
	char buf[16];

	(void)state;
	empty_conf();
	conf.tserver.network_monitoring_timeout_s = 3;
	conf.groups[0].opt.network_monitoring_timeout_s = 4;
	opts_value_text(o, &conf, SEC_TSERVER, 0, buf, sizeof(buf));
	assert_string_equal(buf, "3");
	opts_value_text(o, &conf, SEC_GROUP, 0, buf, sizeof(buf));
	assert_string_equal(buf, "4");
}

static void collect(void *arg, const char *section, const char *name, const char *option, uint32_t line)
{
	char *buf = arg;
	size_t at = strlen(buf);

	snprintf(buf + at, 1024 - at, "%u [%s %s] %s\n", line, section, name, option);
}

static void no_error(void *arg, const char *file, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("%s:%u: %s", file, line, text);
}

/* Also where the value is the default: who writes it down counts on it. */
static void idle_options_are_told_with_their_line(void **state)
{
	static const char text[] =
		"[node]\nname = a\n[peer]\nname = b\npath = eth0 10.77.0.2\n"
		"[group g]\ninterface = eth0\nsip-address = 10.77.0.100/24\nannounce-rate = 7\n"
		"ha-max-calls-sync-at-once = 500\n"
		"[TServer]\ndr-forward = oos\nha-max-calls-sync-at-once = 500\n"
		"[dn +49*7#]\nhg-preferred-site = East Coast\n";
	char buf[1024] = "";

	(void)state;
	assert_int_equal(conf_parse(&conf, "f", text, strlen(text), no_error, NULL), 0);
	opts_each_idle(&conf, collect, buf);
	assert_string_equal(buf, "13 [TServer ] ha-max-calls-sync-at-once\n12 [site ] dr-forward\n"
			    "10 [group g] ha-max-calls-sync-at-once\n15 [dn +49*7#] hg-preferred-site\n");
	assert_string_equal(conf.site.dr_forward, "oos");
}

static void lines_find_room(void **state)
{
	(void)state;
	for (int s = 0; s < SEC__N; s++) {
		uint32_t n = 0, room = s == SEC_GROUP || !opts_section_is_named(s) ? CONF_LINES_WIDE : CONF_LINES;
		bool seen[CONF_LINES_WIDE] = { false };

		FOR_EACH_OPT(o) {
			if (!opts_shown_in(o, s))
				continue;
			n++;
			assert_true(opts_place(o, s) + 1 < room);
			if (seen[opts_place(o, s)])
				fail_msg("%s: its line is kept where another's is", full_name(o));
			seen[opts_place(o, s)] = true;
		}
		if (n + 1 > room)
			fail_msg("[%s] has %u options: raise CONF_LINES", opts_section_name(s), n);
	}
}

static void values_tell_where_they_come_from(void **state)
{
	static const char text[] =
		"[node]\nname = a\n[peer]\nname = b\npath = eth0 10.77.0.2\n"
		"[group g]\ninterface = eth0\nsip-address = 10.77.0.100/24\nvip-state-change-timeout = 7\n"
		"[TServer]\nvip-state-change-timeout = 9\nnetwork-monitoring-timeout = 9\n"
		"[group h]\ninterface = eth0\nsip-address = 10.77.0.101/24\nsip-address = 10.77.0.102/24\n";
	const struct opt *vip = opts_find(SEC_GROUP, "vip-state-change-timeout");
	const struct opt *net = opts_find(SEC_GROUP, "network-monitoring-timeout");
	char where[WHERE_TEXT];

	(void)state;
	assert_int_equal(conf_parse(&conf, "/etc/f", text, strlen(text), no_error, NULL), 0);
	assert_int_equal(where_from(&conf, SEC_GROUP, 0, vip), 9);
	assert_int_equal(where_from(&conf, SEC_GROUP, 1, vip), 11);
	assert_int_equal(where_said(&conf, SEC_GROUP, 1, vip), 0);
	assert_int_equal(where_from(&conf, SEC_GROUP, 0, net), 12);
	assert_int_equal(where_from(&conf, SEC_TSERVER, 0, net), 12);
	assert_int_equal(where_from(&conf, SEC_GROUP, 1, opts_find(SEC_GROUP, "sip-address")), 15);
	assert_int_equal(where_said(&conf, SEC_GROUP, 1, NULL), 13);
	where_text(&conf, 12, where);
	assert_string_equal(where, "/etc/f:12");
	where_text(&conf, where_from(&conf, SEC_NODE, 0, opts_find(SEC_NODE, "pin-dir")), where);
	assert_string_equal(where, "default");
}

/* ---- the manual page ---- */

static const char *text_of_section(const char *page, enum opt_section section, char *buf, size_t len)
{
	char heading[64];
	const char *start, *end;

	snprintf(heading, sizeof(heading), "\n.SS [%s%c", opts_section_name(section), opts_section_is_named(section) ? ' ' : ']');
	start = strstr(page, heading);
	if (!start)
		fail_msg("baton.conf(5) has no heading for [%s]", opts_section_name(section));
	start += strlen(heading);
	end = strstr(start, "\n.S");
	snprintf(buf, len, "%.*s", (int)(end ? end - start : (ptrdiff_t)strlen(start)), start);
	return buf;
}

/* The page as it was built, beside this program. */
static void manual_page_tells_every_option(void **state)
{
	static char page[131072], part[131072];
	char path[512] = "", entry[128];
	FILE *f;

	(void)state;
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 64) > 0);
	strcpy(strstr(path, "/tests/unit/"), "/man/baton.conf.5");
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s is not built", path);
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	fclose(f);
	FOR_EACH_OPT(o) {
		snprintf(entry, sizeof(entry), "\n\\fB%s\\fR\n", o->name);
		if (!strstr(text_of_section(page, o->section, part, sizeof(part)), entry))
			fail_msg("%s does not tell of %s", path, full_name(o));
	}
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_are_whole), TEST(defaults_are_valid), TEST(numbers_keep_their_range),
		TEST(numbers_have_one_shape), TEST(units_are_not_guessed),
		TEST(words_are_taken_as_written), TEST(times_are_read_and_written),
		TEST(other_shapes_are_kept),
		TEST(guides_options_are_the_guides), TEST(slips_of_the_pen_are_seen),
		TEST(errors_name_the_value_and_the_range),
		TEST(values_are_cut_where_the_buffer_ends),
		TEST(groups_show_their_own_tserver_options), TEST(idle_options_are_told_with_their_line),
		TEST(lines_find_room), TEST(values_tell_where_they_come_from),
		TEST(manual_page_tells_every_option),
	};

	return cmocka_run_group_tests_name("opts", tests, NULL, NULL);
}
