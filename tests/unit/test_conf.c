/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a whole configuration understood, and is every fault told, with its line, all in one run? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/conf.h"

/* Nine lines with nothing wrong; tests put theirs behind them, in [group g], from line 10. */
#define GOOD \
	"[node]\n" \
	"name = a\n" \
	"[peer]\n" \
	"name = b\n" \
	"path = eth0 10.77.0.2\n" \
	"[group g]\n" \
	"interface = eth0\n" \
	"sip-address = 10.77.0.100/24\n" \
	"\n"
/* The same without the [group], for tests that bring their own from line 6. */
#define PAIR "[node]\nname = a\n[peer]\nname = b\npath = eth0 10.77.0.2\n"
#define VALID_GROUP "[group g]\ninterface = eth0\nsip-address = 10.77.0.100/24\n"

static struct conf conf;

struct told {
	char text[16384];
	size_t at;
};

static void tell(void *arg, const char *file, unsigned line, const char *text)
{
	struct told *t = arg;

	if (t->at < sizeof(t->text))
		t->at += (size_t)snprintf(t->text + t->at, sizeof(t->text) - t->at, "%s:%u: %s\n",
					  file, line, text);
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* @want: every error, one a line; "" when there is none. */
static void expect_bytes(const char *text, size_t len, const char *want)
{
	static struct told told;
	unsigned n;

	told.at = 0;
	told.text[0] = '\0';
	n = conf_parse(&conf, "conf", text, len, tell, &told);
	if (strcmp(told.text, want))
		fail_msg("of\n%.*s\ngot\n%swant\n%s", (int)len, text, told.text, want);
	assert_int_equal(n, count_lines(want));
}

static void expect(const char *text, const char *want)
{
	expect_bytes(text, strlen(text), want);
}

static const char *ip(const struct in6_addr *addr)
{
	static char buf[INET6_ADDRSTRLEN];

	return conf_ip_text(addr, buf);
}

/* ---- what is right ---- */

static size_t read_file(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		fail_msg("%s: run from the top of the tree", path);
	n = fread(buf, 1, len, f);
	fclose(f);
	return n;
}

static void example_file_is_understood(void **state)
{
	static char text[16384];
	size_t len = read_file("conf/baton.conf.example", text, sizeof(text));
	const struct conf_group *g = &conf.groups[0];

	(void)state;
	expect_bytes(text, len, "");
	assert_string_equal(conf.name, "a");
	assert_int_equal(conf.pair_id, 1);
	assert_string_equal(conf.secret_file, "/etc/baton/secret");
	assert_int_equal(conf.http_port, 0);
	assert_string_equal(conf.peer_name, "b");
	assert_int_equal(conf.n_paths, 1);
	assert_string_equal(conf.paths[0].dev, "eth0");
	assert_string_equal(ip(&conf.paths[0].peer), "10.77.0.2");
	assert_int_equal(conf.pulse_interval_ns, 3000000);
	assert_int_equal(conf.pulse_misses, 10);
	assert_int_equal(conf.lease_ns, 250000000);
	assert_true(conf.tserver.sip_pass_check);
	assert_int_equal(conf.n_groups, 1);
	assert_string_equal(g->name, "sip");
	assert_int_equal(g->mode, MODE_TAKEOVER);
	assert_int_equal(g->n_vips, 1);
	assert_string_equal(ip(&conf.vips[0].addr.ip), "10.77.0.100");
	assert_int_equal(conf.vips[0].addr.prefix_len, 24);
	assert_string_equal(conf.vips[0].dev, "eth0");
	assert_int_equal(g->ports[0].port, 5060);
	assert_int_equal(g->ports[0].transport, PORT_UDP_TCP);
	assert_string_equal(ip(&g->routers[0]), "10.77.0.1");
	assert_int_equal(g->routes[0].net.prefix_len, 16);
	assert_string_equal(g->server_pidfile, "/run/kamailio/kamailio.pid");
	assert_true(g->listener_auto);
	assert_int_equal(g->linger_ns, 32000000000);
	assert_int_equal(g->drain_deadline_ns, 0);
	assert_int_equal(g->announce_rate, 500);
	assert_true(g->opt.sip_pass_check);
	assert_int_equal(conf.n_devices, 1);
	assert_int_equal(conf.devices[0].contact.port, 5060);
	assert_int_equal(conf.n_pools, 0);	/* there, but as a comment: it would lead frames */
}

static void little_is_enough(void **state)
{
	const struct conf_group *g = &conf.groups[0];

	(void)state;
	expect(GOOD, "");
	assert_int_equal(conf.pulse_port, 4270);
	assert_int_equal(conf.tserver.sip_ip_tos, -1);
	assert_int_equal(g->n_ports, 1);
	assert_int_equal(g->ports[0].port, 5060);
	assert_int_equal(g->sip_hang_timeout_ns, 300000000);
	assert_int_equal(g->opt.backup_init_check_timeout_s, 60);
	assert_string_equal(g->prefer, "");
}

static void lists_keep_their_order(void **state)
{
	(void)state;
	expect(GOOD "sip-address = fd00::64/64 dev eth1\n"
	       "sip-port = 5060/udp 5061/tls 8080/ws\n"
	       "router = 10.77.0.1\nrouter = fd00::1\n"
	       "[group h]\ninterface = eth2\nsip-address = 10.78.0.1/16\n", "");
	assert_int_equal(conf.n_vips, 3);
	assert_string_equal(ip(&conf.vips[1].addr.ip), "fd00::64");
	assert_string_equal(conf.vips[1].dev, "eth1");
	assert_int_equal(conf.groups[0].n_vips, 2);
	assert_int_equal(conf.groups[1].first_vip, 2);
	assert_string_equal(conf.vips[2].dev, "eth2");
	assert_int_equal(conf.groups[0].n_routers, 2);
	assert_string_equal(ip(&conf.groups[0].routers[1]), "fd00::1");
	assert_int_equal(conf.groups[0].n_ports, 3);
	assert_int_equal(conf.groups[0].ports[2].transport, PORT_WS);
}

/* [TServer] may stand anywhere; what a group says for itself is its own. */
static void groups_inherit_from_tserver(void **state)
{
	(void)state;
	expect(GOOD "sip-pass-check = false\nsip-ip-tos = 0\n[group h]\ninterface = eth0\n"
		    "sip-address = 10.77.0.101/24\n[TServer]\nsip-pass-check = true\n"
		    "network-monitoring-timeout = 7\nsip-ip-tos = 184\n",
	       "");
	assert_false(conf.groups[0].opt.sip_pass_check);
	assert_int_equal(conf.groups[0].opt.sip_ip_tos, 0);
	assert_int_equal(conf.groups[0].opt.network_monitoring_timeout_s, 7);
	assert_true(conf.groups[1].opt.sip_pass_check);
	assert_int_equal(conf.groups[1].opt.sip_ip_tos, 184);
}

/* ---- traps of libinih and of text files ---- */

static void indented_lines_are_lines(void **state)
{
	(void)state;
	expect("  [node]\n\tname = a\n   log-level = debug\n [peer]\n  name=b\n"
	       "\tpath =  eth0\t10.77.0.2\n[group g]\n interface = eth0\n"
	       " sip-address = 10.77.0.100/24\n",
	       "");
	assert_string_equal(conf.name, "a");
	assert_string_equal(conf.log_level, "debug");
}

static void comments_are_no_values(void **state)
{
	(void)state;
	expect("; one\n# two\n" GOOD "listener = off # three\nlinger = 5s\t; four\n  ; five\n"
	       "notify = /opt/a;b#c\n", "");
	assert_false(conf.groups[0].listener_auto);
	assert_int_equal(conf.groups[0].linger_ns, 5000000000);
	assert_string_equal(conf.groups[0].notify, "/opt/a;b#c");
}

static void line_ends_do_not_matter(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf[node]\r\nname = a\r\n[peer]\r\nname = b\r\npath = eth0 10.77.0.2\r\n"
	       "[group g]\r\ninterface = eth0\r\nsip-address = 10.77.0.100/24", "");
	assert_string_equal(conf.peer_name, "b");
	assert_int_equal(conf.n_vips, 1);
}

static void lines_too_long_are_told(void **state)
{
	static char text[2048];
	char path[300];

	(void)state;
	memset(path, 'x', sizeof(path));
	snprintf(text, sizeof(text), GOOD "notify = /%.*s\nlinger = 1s\n", 187, path);
	expect(text, "");		/* 197 bytes */
	assert_int_equal(strlen(conf.groups[0].notify), 188);
	snprintf(text, sizeof(text), GOOD "notify = /%.*s\nlinger = 1\n", 188, path);
	expect(text, "conf:10: line longer than 197 bytes\n"
		     "conf:11: linger: '1' needs a unit: us, ms or s\n");
	snprintf(text, sizeof(text), GOOD "; %.*s\nlinger = 1s ; %.*s\n", 300, path, 300, path);
	expect(text, "");		/* comments may be long */
}

static void bytes_that_are_no_text_are_told(void **state)
{
	static const char nul[] = GOOD "lin\0ger = 1s\nlinger = 2s\n";

	(void)state;
	expect_bytes(nul, sizeof(nul) - 1, "conf:10: NUL byte in the line\n");
	assert_int_equal(conf.groups[0].linger_ns, 2000000000);
	expect(GOOD "linger = 1s\x01\nnotify = /a\x7f\nlisten\rer = off\n",
	       "conf:10: control character 0x01 in the line\n"
	       "conf:11: control character 0x7f in the line\n"
	       "conf:12: control character 0x0d in the line\n");
}

static void lines_of_no_shape_are_told(void **state)
{
	(void)state;
	expect(GOOD
	       "linger\nlinger: 1s\n= 1s\n[group\n[group h] x\n[ node ]\n[]\nlinger : x = 1s\n",
	       "conf:10: neither [section] nor name = value\n"
	       "conf:11: neither [section] nor name = value\n"
	       "conf:12: no name before the '='\n"
	       "conf:13: a section is written [name] and nothing behind it\n"
	       "conf:14: a section is written [name] and nothing behind it\n"
	       "conf:15: section name is empty or has blanks at its ends\n"
	       "conf:16: section name is empty or has blanks at its ends\n"
	       "conf:17: ':' in the name; write name = value\n");
	expect(GOOD "a-name-that-is-longer-than-all-that-libinih-keeps-of-it = 1\n",
	       "conf:10: name before the '=' is too long\n");
}

static void empty_file_tells_what_is_missing(void **state)
{
	(void)state;
	expect("", "conf:0: [node] has no 'name'\n"
		   "conf:0: [peer] has no 'name'\n"
		   "conf:0: [peer] has no 'path'\n"
		   "conf:0: no [group NAME]: there is nothing to do\n");
	expect("[node]\n[peer]\n[group g]\n[device d]\n[pool p]\n",
	       "conf:1: [node] has no 'name'\n"
	       "conf:2: [peer] has no 'name'\n"
	       "conf:2: [peer] has no 'path'\n"
	       "conf:3: [group g] has no 'interface'\n"
	       "conf:3: [group g] has no 'sip-address'\n"
	       "conf:4: [device d] has no 'contact'\n"
	       "conf:5: [pool p] has no 'service'\n"
	       "conf:5: [pool p] has no 'server'\n");
}

/* ---- names ---- */

static void unknown_keys_and_sections_are_told(void **state)
{
	(void)state;
	expect("early = 1\n" GOOD "lingr = 1s\nfrobnicate = 1\nnetwork-monitoring-timout = 1\n"
	       "[nodes]\nname = x\n[tserver]\n[frob x]\n[groups h]\nlinger = x\n",
	       "conf:1: 'early' stands before any [section]\n"
	       "conf:11: unknown key 'lingr' in [group]; did you mean 'linger'?\n"
	       "conf:12: unknown key 'frobnicate' in [group]\n"
	       "conf:13: unknown key 'network-monitoring-timout' in [group]; did you mean "
	       "'network-monitoring-timeout'?\n"
	       "conf:14: unknown section [nodes]; did you mean [node]?\n"
	       "conf:16: unknown section [tserver]; did you mean [TServer]?\n"
	       "conf:17: unknown section [frob x]\n"
	       "conf:18: unknown section [groups h]; did you mean [group NAME]?\n");
}

/* The options of [TServer] may be repeated in [group], nowhere else; not the other way round. */
static void keys_belong_to_their_section(void **state)
{
	(void)state;
	expect(GOOD "[TServer]\nlinger = 1s\n[device d]\ncontact = 10.0.0.1:5060\n"
		    "sip-pass-check = true\n",
	       "conf:11: unknown key 'linger' in [TServer]; it belongs in [group]\n"
	       "conf:14: unknown key 'sip-pass-check' in [device]; it belongs in [TServer]\n");
}

static void what_stands_twice_is_told(void **state)
{
	(void)state;
	expect(GOOD "linger = 1s\nlinger = 1s\nsip-pass-check = true\nsip-pass-check = true\n"
	       "[node]\nname = c\n[group g]\nlinger = x\n",
	       "conf:11: linger: stands already in line 10\n"
	       "conf:13: sip-pass-check: stands already in line 12\n"
	       "conf:14: [node] stands already in line 1\n"
	       "conf:16: [group g] stands already in line 6\n");
	assert_string_equal(conf.name, "a");
}

static void section_names_have_rules(void **state)
{
	(void)state;
	expect(GOOD "[group]\n[node x]\n[group a b]\n[interface a/b]\n"
		    "[device 12345678901234567890123456789012]\n[group \xc3\xa4]\n",
	       "conf:10: [group] needs a name: [group NAME]\n"
	       "conf:11: [node] takes no name\n"
	       "conf:12: [group a b]: 'a b' is no name, valid is 1 .. 31 of A-Z a-z 0-9 . _ -\n"
	       "conf:13: [interface a/b]: 'a/b' is no name, valid is an interface name\n"
	       "conf:14: [device 12345678901234567890123456789012]: "
	       "'12345678901234567890123456789012' is no name, valid is 1 .. 31 of A-Z a-z 0-9 . "
	       "_ -\n"
	       "conf:15: [group \xc3\xa4]: '\xc3\xa4' is no name, valid is 1 .. 31 of A-Z a-z "
	       "0-9 . _ -\n");
}

static void tables_have_an_end(void **state)
{
	static char text[65536];
	size_t at = (size_t)snprintf(text, sizeof(text), GOOD);

	(void)state;
	for (int i = 0; i < 16; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at,
			"[group g%d]\ninterface = eth0\nsip-address = 10.77.1.%d/24\n", i, i + 1);
	expect(text, "conf:55: more than 16 [group] sections\n");
	at = (size_t)snprintf(text, sizeof(text), GOOD);
	for (int i = 0; i < 1024; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "sip-address = 10.78.%d.%d/16\n", 1 + i / 250, 1 + i % 250);
	expect(text, "conf:1033: sip-address: more than 1024 VIPs in all groups\n");
	expect("[node]\nname=a\n[peer]\nname=b\npath=e1 10.0.0.1\npath=e2 10.0.0.2\n"
	       "path=e3 10.0.0.3\npath=e4 10.0.0.4\npath=e5 10.0.0.5\n" VALID_GROUP,
	       "conf:9: path: more than 4 paths\n");
}

/* ---- what must fit together ---- */

static void names_of_the_pair_differ(void **state)
{
	(void)state;
	expect("[node]\nname = a\n[peer]\nname = a\npath = eth0 10.77.0.2\n" VALID_GROUP,
	       "conf:4: name: 'a' is this host's own name in line 2\n");
}

static void paths_are_two_ways(void **state)
{
	(void)state;
	expect(PAIR
	       "path = eth0 fd00::2\npath = eth1 10.77.0.2\npath = eth2 10.79.0.2\n" VALID_GROUP,
	       "conf:6: path: interface eth0 is already the path in line 5\n"
	       "conf:7: path: address 10.77.0.2 is already the path in line 5\n");
}

static void lease_outlives_four_pulses(void **state)
{
	(void)state;
	expect(PAIR "lease = 50ms\npulse-interval = 13ms\n" VALID_GROUP,
	       "conf:6: lease: 50ms is less than 4 x pulse-interval (13ms): it is renewed by "
	       "answered pulses and would end when a few are lost\n");
	expect(PAIR "pulse-interval = 100ms\n" VALID_GROUP,
	       "conf:6: lease: 250ms is less than 4 x pulse-interval (100ms): it is renewed by "
	       "answered pulses and would end when a few are lost\n");
	expect(PAIR "lease = 52ms\npulse-interval = 13ms\n" VALID_GROUP, "");
}

#define ALONE	"[node]\nname = h\n[group sip]\ninterface = eth0\nsip-address = 10.0.0.100/24\nmode = single-host\n"
#define TWO	"server = a 5061 pidfile=/run/a\nserver = b 5062 unit=b.service\n"

/* Lines of ALONE: 3 [group sip], 6 mode; TWO: 7 and 8. */
static void a_single_host_has_two_servers(void **state)
{
	(void)state;
	expect(ALONE TWO, "");
	expect(ALONE "server = a 5060 pidfile=/run/a\nserver = b 5060 pidfile=/run/b\n", "");
	expect(ALONE, "conf:3: [group sip] has no 'server' line, mode = single-host needs two\n");
	expect(ALONE "server = a 5061 pidfile=/run/a\n", "conf:7: [group sip] has one 'server' line, mode = single-host needs two\n");
	expect(ALONE TWO "server = c 5063 pidfile=/run/c\n", "conf:9: server: more than 2 servers, one works and one stands by\n");
	expect(ALONE "server = a 5061 pidfile=/run/a\nserver = a 5062 pidfile=/run/b\n", "conf:7: server: both are called 'a'\n");
	expect(ALONE "server = a 5061 pidfile=/run/a\nserver = b 5062 pidfile=/run/a\n",
	       "conf:7: server: 'a' and 'b' name the same process, /run/a\n");
	expect(ALONE TWO "sip-port = 5060 5070\n",
	       "conf:9: sip-port: 2 ports, mode = single-host serves one: each server has one of its own behind it; make a group for each\n");
	expect(ALONE TWO "prefer = a\n", "conf:9: prefer: names a host, but with mode = single-host there is one: the first 'server' line is preferred\n");
	expect(ALONE TWO "server-unit = a.service\n", "conf:9: server-unit: with mode = single-host each 'server' line names its own process\n");
	expect(ALONE TWO "[arbiter]\ntype = etcd\n", "conf:9: [arbiter]: with mode = single-host there is nobody to arbitrate between\n");
	expect(GOOD "server = a 5061 pidfile=/run/a\n",
	       "conf:10: server: belongs to mode = single-host; of a pair's server, server-pidfile or server-unit\n");
}

static void a_single_host_has_no_peer(void **state)
{
	(void)state;
	expect(GOOD "mode = single-host\n" TWO,
	       "conf:3: [peer]: [group g] in line 6 has mode = single-host, which has no peer: its two servers stand on this host; "
	       "a batond of its own (other run-, state- and pin-dir) can do both\n");
	expect(ALONE TWO "[group other]\ninterface = eth0\nsip-address = 10.0.0.101/24\n",
	       "conf:6: mode: single-host has no peer, so all groups of the file have it or none\n"
	       "conf:0: [peer] has no 'name'\nconf:0: [peer] has no 'path'\n");
}

static void a_cluster_is_resident(void **state)
{
	(void)state;
	expect(GOOD "mode = cluster\n", "");
	assert_int_equal(conf.groups[0].placement, PLACE_RESIDENT);
	expect(GOOD "mode = cluster\ncluster-mac = igmp\nvip-placement = resident\n", "");
	assert_int_equal(conf.groups[0].cluster_mac, CLUSTER_IGMP);
	expect(GOOD "mode = cluster\nvip-placement = netlink\n",
	       "conf:11: vip-placement: in mode = cluster it is resident, the VIPs live on both hosts\n");
	expect(GOOD "cluster-mac = igmp\n", "conf:10: cluster-mac: [group g] has not mode = cluster\n");
	expect(GOOD "mode = cluster\nsip-address = 10.78.0.100/24 dev eth1\n[interface eth1]\nxdp-mode = off\n",
	       "conf:11: sip-address: eth1 has xdp-mode = off; in mode = cluster both hosts hear every frame, and XDP alone says "
	       "whose it is\n");
	expect(GOOD "vip-placement = resident\n", "");
	assert_int_equal(conf.groups[0].placement, PLACE_RESIDENT);
	expect(GOOD "vip-placement = resident\nsip-address = 10.78.0.100/24 dev eth1\n[interface eth1]\nxdp-mode = off\n",
	       "conf:11: sip-address: eth1 has xdp-mode = off; VIPs that are on both hosts (vip-placement = resident) are answered for "
	       "by XDP alone\n");
	expect(GOOD "vip-placement = resident\ncontrol-vip-scripts = true\nsip-vip-script-up = /x\nsip-vip-script-down = /x\n",
	       "conf:11: control-vip-scripts: with vip-placement = resident the VIPs live on both hosts, scripts have nothing to place\n");
	expect(GOOD "mode = proxy\nvip-placement = resident\n",
	       "conf:11: vip-placement: resident is for mode = takeover and mode = cluster, [group g] has mode = proxy\n"
	       "conf:10: mode: 'proxy' wants a [pool] whose service is a VIP of [group g]; there is none\n");
	expect(GOOD "mode = cluster\ncontrol-vip-scripts = true\nsip-vip-script-up = /x\nsip-vip-script-down = /x\n",
	       "conf:11: control-vip-scripts: in mode = cluster the VIPs live on both hosts, scripts have nothing to place\n");
}

static void a_router_that_is_asked_is_named(void **state)
{
	(void)state;
	expect(GOOD "[arbiter]\ntype = router\n",
	       "conf:6: [group g] has no 'router', but [arbiter] type = router in line 11 asks one before a claim\n");
	expect(GOOD "router = 10.77.0.9\n[arbiter]\ntype = router\n", "");
	expect(GOOD "router = 10.77.0.9\n[arbiter]\ntype = router\n[group h]\ninterface = eth0\nsip-address = 10.77.0.101/24\n",
	       "conf:13: [group h] has no 'router', but [arbiter] type = router in line 12 asks one before a claim\n");
	expect(GOOD "[arbiter]\ntype = none\n", "");
	expect(GOOD "[arbiter]\ntype = etcd\n", "");
}

static void nic_address_is_no_vip(void **state)
{
	(void)state;
	expect(GOOD "sip-nic-address = 10.77.0.100\n",
	       "conf:10: sip-nic-address: 10.77.0.100 is the VIP in line 8; this one must be there in every role\n");
	expect(GOOD "[TServer]\nsip-nic-address = 10.77.0.100\n",
	       "conf:11: sip-nic-address: 10.77.0.100 is the VIP in line 8; this one must be there in every role\n");
	expect(GOOD "sip-nic-address = 10.77.0.1\n", "");
	expect(GOOD "sip-nic-address = sip-a.example\n", "");
}

static void preferred_host_is_of_the_pair(void **state)
{
	(void)state;
	expect(GOOD "prefer = c\n", "conf:10: prefer: 'c' is neither 'a' nor 'b'\n");
	expect(GOOD "prefer = b\n", "");
	assert_false(conf_prefers_me(&conf, &conf.groups[0]));
	expect(GOOD, "");
	assert_true(conf_prefers_me(&conf, &conf.groups[0]));
}

static void server_is_named_once(void **state)
{
	(void)state;
	expect(GOOD "server-unit = a.service\nserver-pidfile = /run/a.pid\n",
	       "conf:11: server-pidfile: the server is already named in line 10\n");
	expect(GOOD "server-pidfile = /run/a.pid\nserver-unit = a.service\n",
	       "conf:11: server-unit: the server is already named in line 10\n");
}

static void vips_are_nobody_elses(void **state)
{
	(void)state;
	expect(GOOD "sip-address = 10.77.0.2/24\n[group h]\ninterface = eth1\n"
		    "sip-address = 10.77.0.100/25\n",
	       "conf:10: sip-address: 10.77.0.2 is the peer's own address in line 5\n"
	       "conf:13: sip-address: 10.77.0.100 stands already in line 8\n");
}

static void addresses_that_no_host_has_are_refused(void **state)
{
	(void)state;
	expect(GOOD
	       "sip-address = 10.77.0.101\nsip-address = 10.77.0.101/33\n"
	       "sip-address = fd00::1/129\nsip-address = 0.0.0.0/24\nsip-address = 127.0.0.1/8\n"
	       "sip-address = 224.0.0.5/24\nsip-address = 169.254.1.1/16\n"
	       "sip-address = fe80::1/64\nsip-address = ff02::1/64\nsip-address = ::1/64\n"
	       "sip-address = ::/64\nsip-address = ::ffff:10.0.0.1/64\n"
	       "sip-address = 10.77.0.0/24\nsip-address = 10.77.0.255/24\n"
	       "sip-address = 10.77.0.1/0\nsip-address = 10.77.0.1/24 eth1\n"
	       "sip-address = 10.77.0.1/24 dev a/b\nsip-address = x/24\n"
	       "sip-address = 10.77.0.1/\nsip-address = 10.77.0.1/+8\n",
	       "conf:10: sip-address: '10.77.0.101' needs its prefix length, as in 192.0.2.10/24\n"
	       "conf:11: sip-address: prefix length '33' of 10.77.0.101: valid is 0 .. 32\n"
	       "conf:12: sip-address: prefix length '129' of fd00::1: valid is 0 .. 128\n"
	       "conf:13: sip-address: '0.0.0.0' is an unspecified address\n"
	       "conf:14: sip-address: '127.0.0.1' is a loopback address\n"
	       "conf:15: sip-address: '224.0.0.5' is a multicast address\n"
	       "conf:16: sip-address: '169.254.1.1' is a link-local address\n"
	       "conf:17: sip-address: 'fe80::1' is a link-local address\n"
	       "conf:18: sip-address: 'ff02::1' is a multicast address\n"
	       "conf:19: sip-address: '::1' is a loopback address\n"
	       "conf:20: sip-address: '::' is an unspecified address\n"
	       "conf:21: sip-address: '::ffff:10.0.0.1' is an IPv4 address, write it as one\n"
	       "conf:22: sip-address: 10.77.0.0/24 is the network's own or broadcast address\n"
	       "conf:23: sip-address: 10.77.0.255/24 is the network's own or broadcast address\n"
	       "conf:24: sip-address: prefix length 0 of 10.77.0.1 names no network\n"
	       "conf:25: sip-address: write ADDRESS/LENGTH or ADDRESS/LENGTH dev INTERFACE\n"
	       "conf:26: sip-address: 'a/b' is no interface name\n"
	       "conf:27: sip-address: 'x' is no IPv4 or IPv6 address\n"
	       "conf:28: sip-address: prefix length '' of 10.77.0.1: valid is 0 .. 32\n"
	       "conf:29: sip-address: prefix length '+8' of 10.77.0.1: valid is 0 .. 32\n");
	expect(GOOD "sip-address = 10.78.0.0/31\nsip-address = 10.78.0.9/32\n"
		    "sip-address = fd00::9/128\n",
	       "");
}

static void routes_and_ports_have_a_shape(void **state)
{
	(void)state;
	expect(GOOD "route = 10.88.0.1/16 via 10.77.0.1\nroute = 10.88.0.0/16 via fd00::1\n"
		    "route = 10.88.0.0/16\nroute = 10.88.0.0 via 10.77.0.1\nrouter = 10.77.0.1\n"
		    "router = 10.77.0.1\nsip-port = 5060 5060/tcp 5060\n[group h]\n"
		    "interface = e\nsip-address = 10.79.0.1/24\nsip-port = 5060/sctp\n[group i]\n"
		    "interface = e\nsip-address = 10.79.0.2/24\nsip-port = 65536\n",
	       "conf:10: route: 10.88.0.1/16 has bits set behind its prefix\n"
	       "conf:11: route: 10.88.0.0 and fd00::1 are of different families\n"
	       "conf:12: route: write NETWORK/LENGTH via GATEWAY\n"
	       "conf:13: route: '10.88.0.0' needs its prefix length, as in 192.0.2.10/24\n"
	       "conf:15: router: '10.77.0.1' stands there twice\n"
	       "conf:16: sip-port: '5060' stands there twice\n"
	       "conf:20: sip-port: transport 'sctp': valid is udp, tcp, tls, ws\n"
	       "conf:24: sip-port: port '65536': valid is 1 .. 65535\n");
	expect(GOOD "route = 0.0.0.0/0 via 10.77.0.1\nroute = ::/0 via fd00::1\n", "");
}

static void devices_and_pools_are_checked(void **state)
{
	(void)state;
	expect(GOOD
	       "[device d]\ncontact = fd00::50:5060\n[device e]\ncontact = [fd00::50]:5060\n"
	       "[device f]\ncontact = 10.0.0.1\n[pool p]\nservice = 10.77.0.200:0\nserver = a\n"
	       "server = a 10.77.0.1:5060\nserver = b 10.77.0.2:5060\nserver = c 10.77.0.3:5060\n"
	       "forward = l3\n",
	       "conf:11: contact: put the IPv6 address in brackets: [ADDRESS]:PORT\n"
	       "conf:15: contact: write ADDRESS:PORT or [ADDRESS]:PORT\n"
	       "conf:17: service: port '0': valid is 1 .. 65535\n"
	       "conf:18: server: 'a', valid is NAME ADDRESS:PORT, two lines\n"
	       "conf:21: server: more than 2 servers, a pool is a pair\n"
	       "conf:22: forward: 'l3', valid is l2, ipip, nat\n");
	assert_string_equal(ip(&conf.devices[1].contact.ip), "fd00::50");
}

#define POOL	"[pool p]\nservice = 10.77.0.200:5060\nserver = a 10.77.0.1:5060\nserver = b 10.77.0.2:5060\n"

static void pools_lead_to_one_place(void **state)
{
	(void)state;
	expect(GOOD POOL "service = 10.77.0.200:5061\n"
	       "[pool q]\nservice = 10.77.0.200:5060\nserver = a 10.77.0.1:5060\nserver = b 10.77.0.2:5061\n"
	       "[pool r]\nservice = 10.77.0.201:5060\nserver = a 10.77.0.200:5060\n"
	       "[pool s]\nservice = 10.77.0.100:5060\nserver = a 10.77.0.201:5060\nserver = b [fd00::1]:5060\nforward = ipip\n",
	       "conf:16: service: 10.77.0.200:5060 is already a service of [pool p] in line 11\n"
	       "conf:17: server: 10.77.0.1:5060 is already a server of [pool p] in line 12\n"
	       "conf:18: server: forward = l2 changes no port: it must be 5060, as the service has it in line 16\n"
	       "conf:21: server: [pool r] has one alone; a pool is a pair, name both\n"
	       "conf:21: server: 10.77.0.200:5060 is already a service of [pool p] in line 11\n"
	       "conf:24: server: 10.77.0.201:5060 is already a service of [pool r] in line 20\n"
	       "conf:25: server: the service in line 23 is IPv4, this is IPv6\n"
	       "conf:23: service: 10.77.0.100 is a VIP of [group g] in line 6, whose mode is not proxy; a VIP that pools serve "
	       "at wants mode = proxy\n");
}

static void the_servers_of_a_pool_have_names_of_their_own(void **state)
{
	(void)state;
	expect(GOOD "[pool p]\nservice = 10.77.0.200:5060\nserver = a 10.77.0.1:5060\nserver = a 10.77.0.2:5060\n",
	       "conf:13: server: 'a' is the name of the other in line 12; nobody could tell them apart\n");
}

static void nat_brings_every_answer_back(void **state)
{
	(void)state;
	expect(GOOD "[pool p]\nservice = 10.77.0.200:5060\nservice = 10.77.0.200:5070\nservice = 10.77.0.201:5061\n"
	       "server = a 10.77.0.1:5070\nserver = b 10.77.0.2:5080\nforward = nat\n",
	       "conf:12: service: port 5070 is the server's in line 14, where the first service's is translated to it: answers "
	       "could be of either\n"
	       "conf:13: service: forward = nat wants one address for all services, that of line 11 is 10.77.0.200\n");
	expect(GOOD "[pool p]\nservice = 10.77.0.200:5060\nservice = 10.77.0.200:5061\nserver = a 10.77.0.1:5070\n"
	       "server = b 10.77.0.2:5080\nforward = nat\n", "");
}

/* A node of pools has no peer it would need a secret for. */
static void pools_alone_are_enough(void **state)
{
	(void)state;
	expect("[node]\nname = n\n" POOL, "");
	assert_true(conf_is_alone(&conf));
	expect("[node]\nname = n\n[peer]\nname = m\npath = eth0 10.77.0.9\n" POOL,
	       "conf:3: [peer] without a [group]: two nodes that serve pools together have a group with mode = proxy, whose VIPs "
	       "the services are\n");
	expect(GOOD POOL, "");
	assert_false(conf_is_alone(&conf));
}

static void a_pair_of_steering_nodes_has_vips(void **state)
{
	(void)state;
	expect(PAIR VALID_GROUP "mode = proxy\nserver-pidfile = /run/x.pid\n" POOL,
	       "conf:10: server-pidfile: [group g] has mode = proxy, its SIP servers are those of the pools\n"
	       "conf:9: mode: 'proxy' wants a [pool] whose service is a VIP of [group g]; there is none\n");
	expect(PAIR VALID_GROUP "mode = proxy\n" POOL "service = 10.77.0.100:5060\n", "");
	expect(PAIR VALID_GROUP "mode = proxy\n[pool p]\nservice = 10.77.0.100:5060\nserver = a 10.77.0.1:5060\n"
	       "server = b 10.77.0.100:5060\n",
	       "conf:13: server: 10.77.0.100:5060 is already a service of [pool p] in line 11\n"
	       "conf:13: server: 10.77.0.100 is a VIP of [group g]; name the server's own address\n");
}

static void a_pool_says_it_or_tserver_does(void **state)
{
	(void)state;
	expect(GOOD "[TServer]\nshutdown-sip-reject-code = 486\nsip-error-codes-overflow = 50X\n" POOL
	       "[pool q]\nservice = 10.77.0.202:5060\nserver = a 10.77.0.3:5060\nserver = b 10.77.0.4:5060\n"
	       "shutdown-sip-reject-code = 503\ngroup = sip\n", "");
	assert_int_equal(conf.pools[0].shutdown_sip_reject_code, 486);
	assert_string_equal(conf.pools[0].sip_error_codes_overflow, "50X");
	assert_string_equal(conf.pools[0].group, "p");
	assert_int_equal(conf.pools[0].graceful_shutdown_sip_timeout_s, 4);
	assert_int_equal(conf.pools[1].shutdown_sip_reject_code, 503);
	assert_string_equal(conf.pools[1].group, "sip");
}

static void sites_are_checked(void **state)
{
	(void)state;
	expect(GOOD
	       "[site]\ndr-forward = on\ndr-peer-trunk = gw\n[device gv]\ncontact = 10.0.0.1:5060\n"
	       "[dn 70 01]\n[dn +497001]\ndr-forward = oos\nsca-preferred-site =\n[TServer]\ndr-forward = oos\n",
	       "conf:11: dr-forward: 'on', valid is off, no-agent, oos\n"
	       "conf:15: [dn 70 01]: '70 01' is no name, valid is 1 .. 31 of A-Z a-z 0-9 . _ - + * #\n"
	       "conf:18: sca-preferred-site: no value\n"
	       "conf:20: dr-forward: stands already in line 11\n"
	       "conf:12: dr-peer-trunk: there is no [device gw]\n");
	expect(GOOD "[TServer]\ndr-peer-trunk = gw\n[device gw]\ncontact = 10.0.0.1:5060\n",
	       "conf:11: dr-peer-trunk: [device gw] in line 12 is no trunk, its service-type is device\n");
	expect(GOOD "[TServer]\ndr-peer-trunk = gw\n[device gw]\ncontact = 10.0.0.1:5060\nservice-type = trunk\n", "");
	assert_string_equal(conf.site.dr_peer_trunk, "gw");
	assert_string_equal(conf.site.dr_forward, "off");
	assert_true(conf.devices[0].dr_oosp_transfer_enabled);
}

/* ---- what follows from it ---- */

static void both_hosts_agree_on_ids(void **state)
{
	(void)state;
	expect(GOOD, "");
	assert_int_equal(conf_my_id(&conf), 1);
	assert_int_equal(conf_peer_id(&conf), 2);
	expect("[node]\nname = b\n[peer]\nname = a\npath = eth0 10.77.0.1\n" VALID_GROUP, "");
	assert_int_equal(conf_my_id(&conf), 2);
	assert_int_equal(conf_peer_id(&conf), 1);
}

static uint32_t digest_of(const char *text)
{
	expect(text, "");
	return conf_digest(&conf, &conf.groups[conf.n_groups - 1]);
}

#define DIGEST(lines) digest_of(PAIR "[group g]\n" lines)

static void digest_is_of_what_must_be_shared(void **state)
{
	uint32_t base =
		DIGEST("interface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
		       "sip-port = 5060 5061/tls\n");

	(void)state;
	/* other order, interface, priority: the same */
	assert_int_equal(base,
			 DIGEST("sip-port = 5061/tls 5060\nprefer = b\nsip-address = fd00::1/64\n"
				"sip-address = 10.1.0.1/24 dev e7\ninterface = e1\nlinger = 1s\n"));
	/* the arbiter must be the same one, and with a lock the lease */
	assert_int_equal(base, DIGEST("interface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
				      "sip-port = 5060 5061/tls\n[arbiter]\ntype = none\nurl = http://10.9.9.9:2379\n"));
#define WITH(arbiter, lease) digest_of(PAIR lease arbiter "[group g]\ninterface = e0\nsip-address = 10.1.0.1/24\n" \
				       "router = 10.1.0.9\n")
	assert_int_equal(WITH("", ""), WITH("", "lease = 1s\n"));
	assert_int_not_equal(WITH("", ""), WITH("[arbiter]\ntype = router\n", ""));
	assert_int_not_equal(WITH("", ""), WITH("[arbiter]\ntype = etcd\n", ""));
	assert_int_not_equal(WITH("[arbiter]\ntype = etcd\n", "lease = 1s\n"), WITH("[arbiter]\ntype = etcd\n", ""));
	assert_int_equal(WITH("[arbiter]\ntype = etcd\nurl = http://10.1.1.1:2379\n", ""),
			 WITH("[arbiter]\ntype = etcd\nurl = http://10.2.2.2:2379\n", ""));
	/* another group before it: the same */
	assert_int_equal(
		base,
		digest_of(PAIR
			  "[group f]\ninterface = e\nsip-address = 10.2.0.1/24\n[group g]\n"
			  "interface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
			  "sip-port = 5060 5061/tls\n"));
	/* the mode, and in a cluster what address the frames come to */
	assert_int_not_equal(base, DIGEST("mode = cluster\ninterface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
					  "sip-port = 5060 5061/tls\n"));
	assert_int_not_equal(DIGEST("mode = cluster\ninterface = e0\nsip-address = 10.1.0.1/24\n"),
			     DIGEST("mode = cluster\ncluster-mac = igmp\ninterface = e0\nsip-address = 10.1.0.1/24\n"));
	assert_int_not_equal(DIGEST("interface = e0\nsip-address = 10.1.0.1/24\n"),
			     DIGEST("vip-placement = resident\ninterface = e0\nsip-address = 10.1.0.1/24\n"));
	assert_int_equal(DIGEST("mode = cluster\ninterface = e0\nsip-address = 10.1.0.1/24\n"),
			 DIGEST("mode = cluster\nvip-placement = resident\ninterface = e0\nsip-address = 10.1.0.1/24\n"));
	/* VIP, length, port, transport: another */
	assert_int_not_equal(
		base,
		DIGEST("interface = e0\nsip-address = 10.1.0.1/24\nsip-port = 5060 5061/tls\n"));
	assert_int_not_equal(
		base, DIGEST("interface = e0\nsip-address = 10.1.0.1/25\nsip-address = fd00::1/64\n"
			     "sip-port = 5060 5061/tls\n"));
	assert_int_not_equal(
		base, DIGEST("interface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
			     "sip-port = 5060 5062/tls\n"));
	assert_int_not_equal(
		base, DIGEST("interface = e0\nsip-address = 10.1.0.1/24\nsip-address = fd00::1/64\n"
			     "sip-port = 5060 5061/tcp\n"));
}

/* Low half of SipHash-2-4("sip"), zero key: 0x2385a03526f39538 by an independent program. */
static void name_hash_is_that_of_the_wire(void **state)
{
	(void)state;
	assert_int_equal(conf_name_hash("sip"), 0x26f39538);
	assert_int_not_equal(conf_name_hash("sip"), conf_name_hash("sips"));
}

static void interfaces_choose_their_xdp(void **state)
{
	(void)state;
	expect(GOOD "[interface eth0]\nxdp-mode = generic\n[interface eth1.7]\nxdp-mode = off\n",
	       "");
	assert_int_equal(conf_xdp_of(&conf, "eth0"), XDP_GENERIC);
	assert_int_equal(conf_xdp_of(&conf, "eth1.7"), XDP_OFF);
	assert_int_equal(conf_xdp_of(&conf, "eth9"), XDP_AUTO);
}

/* Parsing is a function of its text: nothing is left over from the time before. */
static void nothing_is_remembered(void **state)
{
	static struct conf first;

	(void)state;
	expect(GOOD, "");
	first = conf;
	expect(GOOD "linger = 1s\nrouter = 10.77.0.9\n[TServer]\nsip-pass-check = true\n", "");
	expect(GOOD, "");
	assert_memory_equal(&first, &conf, sizeof(conf));
}

/* ---- anything at all ---- */

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static size_t damage(char *text, size_t len, size_t cap, uint32_t *seed)
{
	size_t at = draw(seed) % len, n = 1 + draw(seed) % 24;

	switch (draw(seed) % 4) {
	case 0:			/* another byte */
		text[at] = (char)draw(seed);
		return len;
	case 1:			/* a piece gone */
		n = n < len - at ? n : len - at - 1;
		memmove(text + at, text + at + n, len - at - n);
		return len - n;
	case 2:			/* a piece twice */
		n = n < len - at ? n : len - at;
		if (len + n > cap)
			return len;
		memmove(text + at + n, text + at, len - at);
		return len + n;
	default:		/* the end gone */
		return draw(seed) % 8 ? len : 1 + at;
	}
}

static void count_one(void *arg, const char *file, unsigned line, const char *text)
{
	unsigned *n = arg;

	assert_string_equal(file, "damaged");
	assert_true(line <= 4000 && text[0]);
	++*n;
}

/* Damaged files end in errors or a whole configuration, never in a crash (SAN=1 looks closer). */
static void damaged_files_do_no_harm(void **state)
{
	static char good[16384], text[32768];
	size_t good_len = read_file("conf/baton.conf.example", good, sizeof(good));
	uint32_t seed = 20;
	unsigned whole = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		size_t len = good_len;
		unsigned told = 0, n;
		char *exact;

		memcpy(text, good, good_len);
		for (uint32_t hits = 1 + draw(&seed) % 8; hits; hits--)
			len = damage(text, len, sizeof(text), &seed);
		exact = malloc(len);		/* reading behind the end is seen by ASan */
		assert_non_null(exact);
		memcpy(exact, text, len);
		n = conf_parse(&conf, "damaged", exact, len, count_one, &told);
		free(exact);
		assert_int_equal(n, told);
		assert_true(n ||
			    (conf.n_groups && conf.n_vips && conf.name[0] && conf.peer_name[0]));
		whole += n == 0;
	}
	assert_in_range(whole, 1, 3999);	/* both happened */
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(example_file_is_understood), TEST(little_is_enough),
		TEST(lists_keep_their_order), TEST(groups_inherit_from_tserver),
		TEST(indented_lines_are_lines), TEST(comments_are_no_values),
		TEST(line_ends_do_not_matter), TEST(lines_too_long_are_told),
		TEST(bytes_that_are_no_text_are_told), TEST(lines_of_no_shape_are_told),
		TEST(empty_file_tells_what_is_missing), TEST(unknown_keys_and_sections_are_told),
		TEST(keys_belong_to_their_section), TEST(what_stands_twice_is_told),
		TEST(section_names_have_rules), TEST(tables_have_an_end),
		TEST(names_of_the_pair_differ), TEST(paths_are_two_ways),
		TEST(lease_outlives_four_pulses), TEST(a_single_host_has_two_servers), TEST(a_single_host_has_no_peer),
		TEST(nic_address_is_no_vip), TEST(preferred_host_is_of_the_pair), TEST(server_is_named_once),
		TEST(vips_are_nobody_elses), TEST(addresses_that_no_host_has_are_refused),
		TEST(routes_and_ports_have_a_shape), TEST(devices_and_pools_are_checked),
		TEST(pools_lead_to_one_place), TEST(the_servers_of_a_pool_have_names_of_their_own), TEST(nat_brings_every_answer_back), TEST(pools_alone_are_enough),
		TEST(a_pair_of_steering_nodes_has_vips), TEST(a_pool_says_it_or_tserver_does), TEST(sites_are_checked),
		TEST(a_cluster_is_resident), TEST(a_router_that_is_asked_is_named), TEST(both_hosts_agree_on_ids), TEST(digest_is_of_what_must_be_shared),
		TEST(name_hash_is_that_of_the_wire), TEST(interfaces_choose_their_xdp),
		TEST(nothing_is_remembered), TEST(damaged_files_do_no_harm),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
