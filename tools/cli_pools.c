/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cli_pools.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/cli_table.h"

#define CELL	256

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void __attribute__((format(printf, 2, 3))) add(char cell[CELL], const char *fmt, ...)
{
	size_t n = strlen(cell);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cell + n, CELL - n, fmt, ap);
	va_end(ap);
}

static const char *join(char cell[CELL], const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		add(cell, "%s%s", i ? " " : "", json_string_value(one));
	return cell;
}

static const char *drain_text(char cell[CELL], const json_t *d)
{
	const char *state = str(d, "state");

	if (!strcmp(state, "none"))
		add(cell, "no");
	else if (json_is_true(json_object_get(d, "reject")))
		add(cell, "new INVITEs are refused, %s", strcmp(state, "moving") ? "nothing is left" : "`baton undrain` ends that");
	else
		add(cell, "%s: %s", str(d, "server"), state);
	if (!strcmp(state, "moving"))
		add(cell, ", left %" JSON_INTEGER_FORMAT " + %" JSON_INTEGER_FORMAT " TCP", num(d, "calls"), num(d, "connections"));
	if (json_is_integer(json_object_get(d, "deadline_s")))
		add(cell, ", for %" JSON_INTEGER_FORMAT " s", num(d, "deadline_s"));
	return cell;
}

static void table_of_pools(const json_t *pools)
{
	const json_t *p;
	struct table t;
	size_t i;

	table_open(&t, 8, "POOL", "SERVICE", "FORWARD", "GROUP", "ACTIVE", "BY", "FOR", "DRAIN");
	json_array_foreach(pools, i, p) {
		char services[CELL] = "", since[CELL] = "", drain[CELL] = "";

		if (json_is_integer(json_object_get(p, "since_s")))
			add(since, "%" JSON_INTEGER_FORMAT " s", num(p, "since_s"));
		table_add(&t, str(p, "name"), join(services, json_object_get(p, "services")), str(p, "forward"), str(p, "group"),
			  str(p, "active")[0] ? str(p, "active") : "NOBODY", str(p, "cause"), since,
			  drain_text(drain, json_object_get(p, "drain")));
	}
	table_print(&t);
}

static void add_server(struct table *t, const json_t *p, const json_t *s)
{
	bool active = !strcmp(str(p, "active"), str(s, "name"));
	char state[CELL] = "", way[CELL] = "", role[CELL] = "", calls[CELL] = "", packets[CELL] = "";

	add(state, "%s", str(s, "state"));
	if (num(s, "rtt_us"))
		add(state, ", %.1f ms", (double)num(s, "rtt_us") / 1e3);
	if (num(s, "deaths"))
		add(state, ", died %" JSON_INTEGER_FORMAT "x", num(s, "deaths"));
	add(way, "%s", str(s, "why"));
	if (json_is_true(json_object_get(s, "reachable")))
		add(way, "%s %s", str(s, "interface"), str(s, "mac"));
	add(role, "%s", str(s, "role"));
	if (num(s, "term"))
		add(role, ", term %" JSON_INTEGER_FORMAT, num(s, "term"));
	add(calls, "%" JSON_INTEGER_FORMAT " + %" JSON_INTEGER_FORMAT " + %" JSON_INTEGER_FORMAT, num(s, "calls"),
	    num(s, "subscriptions"), num(s, "connections"));
	add(packets, "%" JSON_INTEGER_FORMAT, num(s, "packets"));
	table_add(t, str(p, "name"), str(s, "name"), str(s, "address"), active ? "active" : "", state, role, way, calls, packets);
}

static void table_of_servers(const json_t *pools)
{
	const json_t *p, *s;
	struct table t;
	size_t i, k;

	table_open(&t, 9, "POOL", "SERVER", "ADDRESS", "", "OPTIONS", "ITS BATOND", "NEXT HOP", "CALLS + SUBSCR + TCP", "FRAMES");
	json_array_foreach(pools, i, p)
		json_array_foreach(json_object_get(p, "servers"), k, s)
			add_server(&t, p, s);
	table_print(&t);
}

/* Rungs that nobody stood on are left out. */
static void table_of_rungs(const json_t *pools)
{
	const json_t *p, *r;
	struct table t;
	size_t i, k;

	table_open(&t, 3, "POOL", "DECIDED BY", "FRAMES");
	json_array_foreach(pools, i, p)
		json_array_foreach(json_object_get(p, "rungs"), k, r) {
			char packets[CELL] = "";

			add(packets, "%" JSON_INTEGER_FORMAT, num(r, "packets"));
			if (num(r, "packets"))
				table_add(&t, str(p, "name"), str(r, "name"), packets);
		}
	if (t.rows > 1)
		putchar('\n');
	table_print(&t);
}

void show_pools(const json_t *doc)
{
	const json_t *pools = json_object_get(doc, "pools");

	if (!json_array_size(pools)) {
		printf("%s has no pools\n", str(doc, "node"));
		return;
	}
	table_of_pools(pools);
	putchar('\n');
	table_of_servers(pools);
	table_of_rungs(pools);
}

void show_trace(const json_t *doc)
{
	char line[4 * CELL];

	snprintf(line, sizeof(line), "%12.6f %s %-11s %-12s %s %s -> %s %s %s %s", (double)num(doc, "boot_us") / 1e6, str(doc, "pool"),
		 str(doc, "exit"), str(doc, "rung"), str(doc, "protocol"), str(doc, "from"), str(doc, "to"), str(doc, "message"),
		 str(doc, "call_id"), str(doc, "server")[0] ? str(doc, "server") : "-");
	put_clean(line);
	putchar('\n');
}
