/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cli_show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli_explain.h"
#include "tools/cli_pools.h"
#include "tools/cli_table.h"

#define VIPS_SHOWN	16	/* of a group; the rest is counted */
#define LINE_CAP	1024

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key, const char *value)
{
	return !strcmp(str(o, key), value);
}

static void __attribute__((format(printf, 2, 3))) add(char line[LINE_CAP], const char *fmt, ...)
{
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, LINE_CAP - n, fmt, ap);
	va_end(ap);
}

static bool colour(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb");
}

/* ---- status ---- */

enum holder { HOLDER_US, HOLDER_PEER, HOLDER_PEER_ONCE, HOLDER_NOBODY };

/* Of a group with mode = single-host: the server that gets its requests and takes them; NULL: none does. */
static const json_t *serving(const json_t *group)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(group, "servers"), i, s)
		if (is(s, "role", "active") && is(s, "service", "running"))
			return s;
	return NULL;
}

static bool is_single(const json_t *group)
{
	return json_array_size(json_object_get(group, "servers"));
}

/* What a peer that is not heard said last is no news of who holds. */
static enum holder holder(const json_t *doc, const json_t *group)
{
	const json_t *peer = json_object_get(doc, "peer");

	if (is(group, "gate", "open") && num(group, "lease_left_ms") > 0)
		return HOLDER_US;
	if (!is(json_object_get(group, "peer"), "gate", "open"))
		return HOLDER_NOBODY;
	return is(peer, "state", "down") || is(peer, "state", "unauthentic") ? HOLDER_PEER_ONCE : HOLDER_PEER;
}

static bool all_held(const json_t *doc)
{
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(doc, "groups"), i, group)
		if (holder(doc, group) > HOLDER_PEER || (is_single(group) && !serving(group)))
			return false;
	return true;
}

/* A node of pools alone has no group and no peer. */
static bool steers_only(const json_t *doc)
{
	return !json_array_size(json_object_get(doc, "groups"));
}

/* "sip: this host (a) holds the VIP. Peer b is up. No alarms." */
static void headline(const json_t *doc, char line[LINE_CAP])
{
	const json_t *peer = json_object_get(doc, "peer"), *group;
	json_int_t alarms = num(doc, "alarms");
	size_t i;

	line[0] = '\0';
	json_array_foreach(json_object_get(doc, "groups"), i, group) {
		add(line, "%s%s: ", i ? ", " : "", str(group, "name"));
		if (is_single(group) && !serving(group))
			add(line, "SERVED BY NOBODY on %s", str(doc, "node"));
		else if (is_single(group) && holder(doc, group) == HOLDER_US)
			add(line, "served here (%s) by %s", str(doc, "node"), str(serving(group), "name"));
		else if (holder(doc, group) == HOLDER_US)
			add(line, "held here (%s)", str(doc, "node"));
		else if (holder(doc, group) == HOLDER_PEER)
			add(line, "held by the peer (%s)", str(peer, "name"));
		else if (holder(doc, group) == HOLDER_PEER_ONCE)
			add(line, "HELD BY NOBODY that %s hears of; by the peer (%s) when last heard", str(doc, "node"), str(peer, "name"));
		else
			add(line, "HELD BY NOBODY that %s knows of", str(doc, "node"));
	}
	if (steers_only(doc))
		add(line, "%s only steers: `baton pools` tells who is active. ", str(doc, "node"));
	else if (is(peer, "state", "none"))
		add(line, ". ");
	else
		add(line, ". Peer %s is %s. ", str(peer, "name"), str(peer, "state"));
	if (alarms)
		add(line, "%" JSON_INTEGER_FORMAT " alarm%s: see `baton alarms`.", alarms, alarms == 1 ? "" : "s");
	else
		add(line, "No alarms.");
}

static void show_headline(const json_t *doc)
{
	bool well = all_held(doc) && !num(doc, "alarms") && (steers_only(doc) || is(json_object_get(doc, "peer"), "state", "up") ||
							    is(json_object_get(doc, "peer"), "state", "none"));
	char line[LINE_CAP];

	headline(doc, line);
	if (colour())
		fputs(well ? "\033[1;32m" : "\033[1;31m", stdout);
	put_clean(line);
	puts(colour() ? "\033[0m" : "");
}

/* What a peer that is down said last may be long past. */
static void add_group(struct table *t, const json_t *doc, const json_t *g)
{
	const json_t *peer = json_object_get(g, "peer"), *ready = json_object_get(g, "ready");
	char service[LINE_CAP] = "", term[LINE_CAP] = "", there[LINE_CAP] = "", lease[LINE_CAP] = "", go[LINE_CAP] = "";

	add(term, "%" JSON_INTEGER_FORMAT "%s%s", num(g, "term"), *str(g, "owner") ? " of " : "", str(g, "owner"));
	if (is_single(g))		/* nobody else could have it: it does not end */
		add(lease, "-");
	else
		add(lease, "%" JSON_INTEGER_FORMAT " ms", num(g, "lease_left_ms"));
	add(service, "%s%s%s", str(g, "service"), *str(g, "service_reason") ? ": " : "", str(g, "service_reason"));
	if (is_single(g))
		add(there, "-");
	else
		add(there, "%s%s, %s", is(json_object_get(doc, "peer"), "state", "down") ? "last heard: " : "", str(peer, "role"), str(peer, "gate"));
	add(go, "%s%s", is_true(ready, "switchover") ? "yes" : "no: ",
	    is_true(ready, "switchover") ? "" : str(ready, "reason"));
	table_add(t, str(g, "name"), str(g, "role"), *str(g, "reason") ? str(g, "reason") : "-",
		  is_true(g, "fenced") ? "fenced" : str(g, "gate"), lease, term, service, there, go);
}

static void show_groups(const json_t *doc)
{
	struct table t;
	const json_t *g;
	size_t i;

	table_open(&t, 9, "GROUP", "ROLE", "WHY", "GATE", "LEASE", "TERM", "SERVER", "ON THE PEER", "MAY SWITCH");
	json_array_foreach(json_object_get(doc, "groups"), i, g)
		add_group(&t, doc, g);
	table_print(&t);
}

static void show_vips_of(struct table *t, const json_t *g)
{
	const json_t *vips = json_object_get(g, "vips"), *v;
	size_t i, more = 0, missing = 0;
	char rest[LINE_CAP] = "", there[LINE_CAP] = "";

	json_array_foreach(vips, i, v) {
		if (i < VIPS_SHOWN)
			table_add(t, str(v, "address"), str(g, "name"), is_true(v, "present") ? "yes" :
				  is(g, "mode", "cluster") ? "on lo, not served" : "no");
		else
			more++, missing += !is_true(v, "present");
	}
	if (!more)
		return;
	add(rest, "and %zu more", more);
	add(there, "%zu yes, %zu no", more - missing, missing);
	table_add(t, rest, str(g, "name"), there);
}

static void show_vips(const json_t *doc)
{
	struct table t;
	const json_t *g;
	size_t i;

	table_open(&t, 3, "VIP", "GROUP", "ON THIS HOST");
	json_array_foreach(json_object_get(doc, "groups"), i, g)
		show_vips_of(&t, g);
	table_print(&t);
}

/* An alarm must name the server; here its name stands beside it. */
static const char *unnamed_reason(const json_t *server)
{
	size_t len = strlen(str(server, "name"));
	const char *reason = str(server, "reason");

	return !strncmp(reason, str(server, "name"), len) && !strncmp(reason + len, ": ", 2) ? reason + len + 2 : reason;
}

/* Of groups with mode = single-host. */
static void show_servers(const json_t *doc)
{
	const json_t *g, *s;
	struct table t;
	size_t i, k, n = 0;

	table_open(&t, 6, "SERVER", "GROUP", "ROLE", "STATE", "PORT", "PID");
	json_array_foreach(json_object_get(doc, "groups"), i, g)
		json_array_foreach(json_object_get(g, "servers"), k, s) {
			char port[LINE_CAP] = "", pid[LINE_CAP] = "", state[LINE_CAP] = "";

			add(port, "%" JSON_INTEGER_FORMAT, num(s, "port"));
			if (num(s, "pid"))
				add(pid, "%" JSON_INTEGER_FORMAT, num(s, "pid"));
			add(state, "%s%s%s", str(s, "service"), *str(s, "reason") ? ": " : "", unnamed_reason(s));
			table_add(&t, str(s, "name"), str(g, "name"), str(s, "role"), state, port, *pid ? pid : "-");
			n++;
		}
	table_print(&t);
	if (n)
		puts("");
}

/* What operators want of a port rule, by the verb. */
static const char *rule_text(const json_t *p)
{
	return is(p, "wanted", "enabled") ? "-" : is(p, "wanted", "stopped") ? "disabled" : "draining";
}

/* Most groups have none. */
static void show_ports(const json_t *doc)
{
	const json_t *g, *p;
	struct table t;
	size_t i, k, n = 0;

	table_open(&t, 5, "PORT RULE", "TRANSPORT", "GROUP", "STATE", "BY HAND");
	json_array_foreach(json_object_get(doc, "groups"), i, g)
		json_array_foreach(json_object_get(g, "ports"), k, p) {
			char range[LINE_CAP] = "";

			add(range, "%" JSON_INTEGER_FORMAT, num(p, "from"));
			if (num(p, "to") != num(p, "from"))
				add(range, "-%" JSON_INTEGER_FORMAT, num(p, "to"));
			table_add(&t, range, str(p, "transport"), str(g, "name"), str(p, "state"), rule_text(p));
			n++;
		}
	table_print(&t);
	if (n)
		puts("");
}

static void show_paths(const json_t *doc)
{
	const json_t *p, *g, *x;
	struct table t;
	size_t i, k;

	table_open(&t, 3, "HEARTBEAT PATH", "PEER'S ADDRESS", "STATE");
	json_array_foreach(json_object_get(json_object_get(doc, "peer"), "paths"), i, p)
		table_add(&t, str(p, "interface"), str(p, "address"), str(p, "state"));
	table_print(&t);
	if (i)
		puts("");
	table_open(&t, 3, "GATE ON", "GROUP", "XDP");
	json_array_foreach(json_object_get(doc, "groups"), i, g)
		json_array_foreach(json_object_get(g, "interfaces"), k, x)
			table_add(&t, str(x, "name"), str(g, "name"), str(x, "xdp"));
	table_print(&t);
}

static void show_node(const json_t *doc)
{
	const json_t *arbiter = json_object_get(doc, "arbiter"), *peer = json_object_get(doc, "peer");
	json_int_t up = num(doc, "uptime_s");
	char line[LINE_CAP] = "";

	add(line, "node %s, batond %s, pid %" JSON_INTEGER_FORMAT ", up %" JSON_INTEGER_FORMAT " d %02d:%02d:%02d",
	    str(doc, "node"), str(doc, "version"), num(doc, "pid"), up / 86400, (int)(up / 3600 % 24),
	    (int)(up / 60 % 60), (int)(up % 60));
	if (!steers_only(doc) && !is(peer, "state", "none"))
		add(line, "; round trip %" JSON_INTEGER_FORMAT " us; real-time %s; arbiter %s%s%s",
		    num(peer, "rtt_us"), is_true(doc, "realtime") ? "yes" : "no",
		    str(arbiter, "type"), is(arbiter, "type", "none") ? "" : " ", is(arbiter, "type", "none") ? "" : str(arbiter, "state"));
	put_clean(line);
	puts("");
}

static void show_status(const json_t *doc)
{
	show_headline(doc);
	puts("");
	if (steers_only(doc)) {
		show_node(doc);
		return;
	}
	show_groups(doc);
	puts("");
	show_servers(doc);
	show_vips(doc);
	puts("");
	show_ports(doc);
	show_paths(doc);
	puts("");
	show_node(doc);
}

/* A line whenever something other than the lease has changed. */
static void show_watch(const json_t *doc)
{
	static char last[LINE_CAP];
	char line[LINE_CAP];
	const json_t *g, *s;
	size_t i, k;
	time_t now = time(NULL);
	char at[16] = "";

	headline(doc, line);
	json_array_foreach(json_object_get(doc, "groups"), i, g) {
		add(line, " [%s %s %s term=%" JSON_INTEGER_FORMAT " why=%s server=%s", str(g, "name"), str(g, "role"),
		    str(g, "gate"), num(g, "term"), *str(g, "reason") ? str(g, "reason") : "-", str(g, "service"));
		json_array_foreach(json_object_get(g, "servers"), k, s)
			add(line, " %s=%s/%s", str(s, "name"), str(s, "role"), str(s, "service"));
		json_array_foreach(json_object_get(g, "ports"), k, s)
			if (!is(s, "wanted", "enabled"))
				add(line, " port %" JSON_INTEGER_FORMAT "=%s", num(s, "from"), rule_text(s));
		add(line, "]");
	}
	if (!strcmp(line, last))
		return;
	strcpy(last, line);
	strftime(at, sizeof(at), "%H:%M:%S ", localtime(&now));
	fputs(at, stdout);
	put_clean(line);
	puts("");
}

/* ---- the other verbs ---- */

static void show_text(const json_t *doc)
{
	put_clean(str(doc, "text"));
	puts("");
}

static void show_event(const json_t *e)
{
	printf("%s %-5s ", str(e, "time"), str(e, "level"));
	show_text(e);
}

static void show_events(const json_t *doc)
{
	const json_t *events = json_object_get(doc, "events"), *e;
	size_t i;

	if (!events) {		/* one of a stream */
		show_event(doc);
		return;
	}
	json_array_foreach(events, i, e)
		show_event(e);
}

static void show_alarms(const json_t *doc)
{
	const json_t *a;
	struct table t;
	size_t i;

	if (*str(doc, "cleared")) {
		fputs("cleared: ", stdout);
		put_clean(str(doc, "cleared"));
		puts("");
	}
	if (!json_array_size(json_object_get(doc, "alarms"))) {
		puts("no alarms");
		return;
	}
	table_open(&t, 3, "ALARM", "FOR", "WHAT IS WRONG");
	json_array_foreach(json_object_get(doc, "alarms"), i, a) {
		char since[LINE_CAP] = "";

		if (json_is_true(json_object_get(a, "before_boot")))
			add(since, "before the last boot");
		else
			add(since, "%" JSON_INTEGER_FORMAT " s", num(a, "since_s"));
		table_add(&t, str(a, "id"), since, str(a, "text"));
	}
	table_print(&t);
}

static void show_neighbours(const json_t *doc)
{
	const json_t *n;
	struct table t;
	size_t i;

	if (!json_array_size(json_object_get(doc, "neighbours"))) {
		printf("nobody sends frames for a VIP that %s does not hold\n", str(doc, "node"));
		return;
	}
	table_open(&t, 7, "NEIGHBOUR", "LAST FROM", "FOR VIP", "GROUP", "INTERFACE", "FRAMES", "LAST ONE");
	json_array_foreach(json_object_get(doc, "neighbours"), i, n) {
		char packets[LINE_CAP] = "", last[LINE_CAP] = "";

		add(packets, "%" JSON_INTEGER_FORMAT, num(n, "packets"));
		add(last, "%.1f s ago", (double)num(n, "last_ms") / 1e3);
		table_add(&t, str(n, "mac"), str(n, "ip"), str(n, "vip"), str(n, "group"), str(n, "interface"), packets, last);
	}
	table_print(&t);
	if (num(doc, "more"))
		printf("and %" JSON_INTEGER_FORMAT " more\n", num(doc, "more"));
}

static void add_ping(char since[LINE_CAP], char status[LINE_CAP], char rtt[LINE_CAP], const json_t *d)
{
	bool answered = json_is_integer(json_object_get(d, "status"));

	if (json_is_integer(json_object_get(d, "since_s")))
		add(since, "%" JSON_INTEGER_FORMAT " s", num(d, "since_s"));
	if (answered)
		add(status, "%" JSON_INTEGER_FORMAT, num(d, "status"));
	if (answered)
		add(rtt, "%.1f ms", (double)num(d, "rtt_us") / 1e3);
}

static void show_devices(const json_t *doc)
{
	const json_t *d;
	struct table t;
	size_t i;

	table_open(&t, 8, "DEVICE", "CONTACT", "TYPE", "PLACE", "STATE", "FOR", "ANSWERED", "AFTER");
	json_array_foreach(json_object_get(doc, "servers"), i, d) {
		char since[LINE_CAP] = "", status[LINE_CAP] = "", rtt[LINE_CAP] = "";

		add_ping(since, status, rtt, d);
		table_add(&t, "own server", str(d, "group"), "group", "", str(d, "state"), since, status, rtt);
	}
	json_array_foreach(json_object_get(doc, "devices"), i, d) {
		char since[LINE_CAP] = "", status[LINE_CAP] = "", rtt[LINE_CAP] = "";

		add_ping(since, status, rtt, d);
		table_add(&t, str(d, "name"), str(d, "contact"), str(d, "type"), str(d, "geo_location"), str(d, "state"), since,
			  status, rtt);
	}
	table_print(&t);
	if (num(doc, "malformed"))
		printf("%" JSON_INTEGER_FORMAT " answers could not be read\n", num(doc, "malformed"));
}

static void add_age(char cell[LINE_CAP], const json_t *o, const char *key)
{
	add(cell, "%" JSON_INTEGER_FORMAT " s", num(o, key));
}

static void show_drains(const json_t *doc)
{
	const json_t *g;
	struct table t;
	size_t i;

	table_open(&t, 7, "GROUP", "DRAIN", "FOR", "REASON", "CALLS", "SUBSCRIPTIONS", "CONNECTIONS");
	json_array_foreach(json_object_get(doc, "groups"), i, g) {
		char since[LINE_CAP] = "", calls[LINE_CAP] = "", subscriptions[LINE_CAP] = "", connections[LINE_CAP] = "";

		add_age(since, g, "since_s");
		add(calls, "%" JSON_INTEGER_FORMAT, num(g, "calls"));
		add(subscriptions, "%" JSON_INTEGER_FORMAT, num(g, "subscriptions"));
		add(connections, "%" JSON_INTEGER_FORMAT, num(g, "connections"));
		table_add(&t, str(g, "name"), is_true(g, "drained") ? "drained" : str(g, "drain"), since, str(g, "reason"), calls,
			  subscriptions, connections);
	}
	table_print(&t);
}

static void show_pool_drains(const json_t *doc)
{
	const json_t *p;
	struct table t;
	size_t i;

	table_open(&t, 6, "POOL", "DRAIN", "FOR", "KEPT BY", "DIALOGS", "CONNECTIONS");
	json_array_foreach(json_object_get(doc, "pools"), i, p) {
		char since[LINE_CAP] = "", dialogs[LINE_CAP] = "", connections[LINE_CAP] = "";

		add_age(since, p, "since_s");
		add(dialogs, "%" JSON_INTEGER_FORMAT, num(p, "dialogs"));
		add(connections, "%" JSON_INTEGER_FORMAT, num(p, "connections"));
		table_add(&t, str(p, "name"), str(p, "drain"), since, is_true(p, "reject") ? "both" : str(p, "server"), dialogs,
			  connections);
	}
	table_print(&t);
}

static void show_calls(const json_t *doc)
{
	const json_t *c;
	struct table t;
	size_t i;

	if (json_array_size(json_object_get(doc, "groups")))
		show_drains(doc);
	if (json_array_size(json_object_get(doc, "pools")))
		show_pool_drains(doc);
	if (!json_array_size(json_object_get(doc, "calls")))
		return;
	putchar('\n');
	table_open(&t, 7, "ID", "OF", "KIND", "STATE", "SERVER", "AGE", "SEEN");
	json_array_foreach(json_object_get(doc, "calls"), i, c) {
		char of[LINE_CAP] = "", age[LINE_CAP] = "", seen[LINE_CAP] = "";

		add(of, "%s%s", str(c, "group"), str(c, "pool"));
		add_age(age, c, "age_s");
		add_age(seen, c, "seen_s");
		table_add(&t, str(c, "id"), of, str(c, "kind"), str(c, "state"), str(c, "server"), age, seen);
	}
	table_print(&t);
}

static void show_ready(const json_t *doc)
{
	const json_t *g;
	struct table t;
	size_t i;

	table_open(&t, 4, "GROUP", "ROLE", "SWITCHOVER", "UPGRADE");
	json_array_foreach(json_object_get(doc, "groups"), i, g) {
		char move[LINE_CAP] = "", upgrade[LINE_CAP] = "";

		add(move, "%s%s", is_true(g, "switchover") ? "ready" : "no: ", str(g, "switchover_reason"));
		add(upgrade, "%s%s", is_true(g, "upgrade") ? "ready" : "no: ", str(g, "upgrade_reason"));
		table_add(&t, str(g, "name"), str(g, "role"), move, upgrade);
	}
	table_print(&t);
}

static void show_doctor(const json_t *doc)
{
	const json_t *c;
	struct table t;
	size_t i;

	table_open(&t, 3, "IS", "CHECK", "FOUND");
	json_array_foreach(json_object_get(doc, "checks"), i, c) {
		table_add(&t, str(c, "level"), str(c, "check"), str(c, "text"));
		if (*str(c, "fix"))
			table_add(&t, "", "  to mend it:", str(c, "fix"));
	}
	table_print(&t);
}

static const char *or_dash(const char *value)
{
	return *value ? value : "-";
}

static void show_options(const json_t *doc)
{
	const json_t *o;
	struct table t;
	size_t i;

	table_open(&t, 8, "SECTION", "OPTION", "VALUE", "DEFAULT", "FROM", "ACTS", "TAKES EFFECT", "VALID");
	json_array_foreach(json_object_get(doc, "options"), i, o) {
		const json_t *wanted = json_object_get(o, "wanted");
		char note[LINE_CAP] = "";

		table_add(&t, str(o, "section"), str(o, "name"), or_dash(str(o, "value")), or_dash(str(o, "default")),
			  str(o, "source"), json_is_true(json_object_get(o, "acts")) ? "yes" : "not yet", str(o, "effect"),
			  str(o, "valid"));
		if (!json_is_object(wanted))
			continue;
		add(note, "wanted: %s", or_dash(str(wanted, "value")));
		table_add(&t, "", "", note, "", str(wanted, "source"), "", "needs restart", "");
	}
	table_print(&t);
}

static void show_hook(const char *name, const json_t *hook)
{
	char packets[LINE_CAP] = "", bytes[LINE_CAP] = "";
	const json_t *e;
	struct table t;
	size_t i;

	table_open(&t, 5, name, "VERDICT", "PACKETS", "BYTES", "MEANING");
	json_array_foreach(json_object_get(hook, "exits"), i, e) {
		if (!num(e, "packets"))
			continue;
		packets[0] = bytes[0] = '\0';
		add(packets, "%" JSON_INTEGER_FORMAT, num(e, "packets"));
		add(bytes, "%" JSON_INTEGER_FORMAT, num(e, "bytes"));
		table_add(&t, str(e, "name"), strcmp(str(e, "name"), "steered") ? str(e, "verdict") : "below", packets, bytes, str(e, "text"));
	}
	packets[0] = bytes[0] = '\0';
	add(packets, "%" JSON_INTEGER_FORMAT, num(hook, "total"));
	add(bytes, "%" JSON_INTEGER_FORMAT, num(hook, "total_bytes"));
	table_add(&t, "total", "", packets, bytes, "ways out not shown were not taken");
	table_print(&t);
}

static json_int_t sum(const json_t *counts)
{
	json_int_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)counts, key, value)
		n += json_integer_value(value);
	return n;
}

static void add_live(char to[LINE_CAP], const json_t *dir, const char *what, const char *last)
{
	const json_t *age = json_object_get(dir, last);

	add(to, "%" JSON_INTEGER_FORMAT, sum(json_object_get(dir, what)));
	if (json_is_integer(age))
		add(to, " (%" JSON_INTEGER_FORMAT ".%03d s ago)", json_integer_value(age) / 1000,
		    (int)(json_integer_value(age) % 1000));
}

static void show_steering(const json_t *rows)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_open(&t, 4, "STEERING", "PACKETS", "BYTES", "MEANING");
	json_array_foreach(rows, i, r) {
		char packets[LINE_CAP] = "", bytes[LINE_CAP] = "";

		add(packets, "%" JSON_INTEGER_FORMAT, num(r, "packets"));
		add(bytes, "%" JSON_INTEGER_FORMAT, num(r, "bytes"));
		if (num(r, "packets"))
			table_add(&t, str(r, "name"), packets, bytes, str(r, "text"));
	}
	table_print(&t);
	puts("");
}

/* What happened at least once: how often is @key's number. */
static void show_happened(const json_t *rows, const char *title, const char *unit, const char *key)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_open(&t, 3, title, unit, "MEANING");
	json_array_foreach(rows, i, r) {
		char times[LINE_CAP] = "";

		add(times, "%" JSON_INTEGER_FORMAT, num(r, key));
		if (num(r, key))
			table_add(&t, str(r, "name"), times, str(r, "text"));
	}
	table_print(&t);
	puts("");
}

static void show_kept(const json_t *replay)
{
	static const char *const rows[][2] = {
		{ "requests", "kept in case the holder dies" },
		{ "receipts", "answers of the holder, shown to this host" },
		{ "too_long", "requests too long to be kept" },
		{ "overrun", "overwritten within the window: replay-memory is too small" },
	};
	json_int_t total = 0;
	struct table t;

	table_open(&t, 3, "FOR REPLAY", "TIMES", "MEANING");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char times[LINE_CAP] = "";

		total += num(replay, rows[i][0]);
		add(times, "%" JSON_INTEGER_FORMAT, num(replay, rows[i][0]));
		if (num(replay, rows[i][0]))
			table_add(&t, rows[i][0], times, rows[i][1]);
	}
	table_print(&t);
	if (total)
		puts("");
}

static void show_watchdog(const json_t *watchdog)
{
	json_int_t looks = num(watchdog, "looks"), late = num(watchdog, "late");

	printf("The kernel's watchdog has looked at the peer %" JSON_INTEGER_FORMAT " times, %" JSON_INTEGER_FORMAT
	       " of them (%.2f %%) too late to judge by.\n\n", looks, late, looks ? 100.0 * (double)late / (double)looks : 0.0);
}

static bool any(const json_t *rows, const char *count)
{
	const json_t *r;
	size_t i;

	json_array_foreach(rows, i, r)
		if (num(r, count))
			return true;
	return false;
}

static void show_counters(const json_t *doc)
{
	const json_t *v;
	struct table t;
	size_t i;

	show_hook("XDP, IN", json_object_get(doc, "xdp"));
	puts("");
	show_hook("TC, OUT", json_object_get(doc, "tc"));
	puts("");
	if (any(json_object_get(doc, "steering"), "packets"))
		show_steering(json_object_get(doc, "steering"));
	if (any(json_object_get(doc, "userspace"), "times"))
		show_happened(json_object_get(doc, "userspace"), "BY USERSPACE", "TIMES", "times");
	if (any(json_object_get(doc, "local"), "packets"))
		show_happened(json_object_get(doc, "local"), "BOTH SERVERS", "PACKETS", "packets");
	if (json_object_get(doc, "replay"))
		show_kept(json_object_get(doc, "replay"));
	if (json_object_get(doc, "watchdog"))
		show_watchdog(json_object_get(doc, "watchdog"));
	table_open(&t, 6, "VIP", "GROUP", "REQUESTS IN", "RESPONSES OUT", "REQUESTS OUT", "RESPONSES IN");
	json_array_foreach(json_object_get(doc, "vips"), i, v) {
		const json_t *in = json_object_get(v, "in"), *out = json_object_get(v, "out");
		char cell[4][LINE_CAP] = { "", "", "", "" };

		add_live(cell[0], in, "requests", "last_request_ms");
		add_live(cell[1], out, "responses", "last_response_ms");
		add_live(cell[2], out, "requests", "last_request_ms");
		add_live(cell[3], in, "responses", "last_response_ms");
		table_add(&t, str(v, "address"), str(v, "group"), cell[0], cell[1], cell[2], cell[3]);
	}
	table_print(&t);
}

/* Without a term the daemon sends everything: the newest is what is asked for at three in the morning. */
static void show_newest(const json_t *doc)
{
	show_explain(doc, false);
}

void show(enum ctl_verb verb, const json_t *doc)
{
	static void (*const shows[CTL_VERB__N])(const json_t *doc) = {
		[CTL_STATUS]	 = show_status,
		[CTL_WATCH]	 = show_watch,
		[CTL_SWITCHOVER] = show_text,
		[CTL_READY]	 = show_ready,
		[CTL_DEVICES]	 = show_devices,
		[CTL_NEIGHBOURS] = show_neighbours,
		[CTL_EXPLAIN]	 = show_newest,
		[CTL_FENCE]	 = show_text,
		[CTL_UNFENCE]	 = show_text,
		[CTL_DRAIN]	 = show_text,
		[CTL_UNDRAIN]	 = show_text,
		[CTL_PORT]	 = show_text,
		[CTL_CALLS]	 = show_calls,
		[CTL_EVENTS]	 = show_events,
		[CTL_COUNTERS]	 = show_counters,
		[CTL_POOLS]	 = show_pools,
		[CTL_TRACE]	 = show_trace,
		[CTL_OPTIONS]	 = show_options,
		[CTL_ALARMS]	 = show_alarms,
		[CTL_DOCTOR]	 = show_doctor,
		[CTL_RELOAD]	 = show_text,
	};

	if (shows[verb])
		shows[verb](doc);
}
