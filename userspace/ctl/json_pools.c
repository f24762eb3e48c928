/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/json_pools.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "ctl_wire.h"
#include "ha/ha_view.h"
#include "steer/slow.h"
#include "steer/steer.h"
#include "sys/clock.h"

#define ENDPOINT_TEXT	(INET6_ADDRSTRLEN + 32)

static const char *const rungs[BT_R__N + 1] = {
#define NAME(name, what) #name,
	BT_RUNGS(NAME)
#undef NAME
	"NONE",
};

static const struct { const char *name, *what; } exits[BT_S__N] = {
#define NAME(name, what) { #name, what },
	BT_STEER_EXITS(NAME)
#undef NAME
};

static const char *const methods[BT_M__N] = {
#define NAME(name) #name,
	BT_METHODS(NAME)
#undef NAME
};

static void put(json_t *o, const char *key, json_t *value)
{
	(void)json_object_set_new(o, key, value);	/* fails for want of memory only */
}

static json_t *number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

/* NEW_BRAKED as people read it: new-braked. */
static json_t *word(const char *name)
{
	char buf[32];
	size_t n = 0;

	for (; name[n] && n < sizeof(buf) - 1; n++)
		buf[n] = name[n] == '_' ? '-' : (char)tolower((unsigned char)name[n]);
	buf[n] = '\0';
	return json_string(buf);
}

static json_t *endpoint(const struct conf_endpoint *at)
{
	char buf[ENDPOINT_TEXT];

	addr_endpoint_text(at, buf, sizeof(buf));
	return json_string(buf);
}

static json_t *mac(const uint8_t m[6])
{
	char buf[18];

	snprintf(buf, sizeof(buf), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_string(buf);
}

/* Not before a moment that is still to come. */
static json_t *seconds_since(uint64_t at_ns)
{
	uint64_t now_ns = clock_now_ns();

	return at_ns ? number(now_ns > at_ns ? (now_ns - at_ns) / NS_PER_S : 0) : json_null();
}

static json_t *seconds_until(uint64_t at_ns)
{
	uint64_t now_ns = clock_now_ns();

	return at_ns ? number(at_ns > now_ns ? (at_ns - now_ns) / NS_PER_S : 0) : json_null();
}

/* ---- pools ----------------------------------------------------------------------------------------- */

static json_t *server(const struct steer_server_view *v)
{
	char dev[IF_NAMESIZE] = "";
	json_t *o = json_object();

	put(o, "name", json_string(v->host));
	put(o, "address", endpoint(&v->at));
	put(o, "state", json_string(v->state));
	put(o, "answered_s", seconds_since(v->answered_ns));
	put(o, "rtt_us", json_integer(v->rtt_us));
	put(o, "deaths", json_integer(v->deaths));
	put(o, "epoch", json_integer(v->epoch));
	put(o, "role", json_string(v->role));
	put(o, "term", json_integer(v->term));
	put(o, "reachable", json_boolean(v->ifindex));
	put(o, "why", json_string(v->ifindex ? "" : v->way));
	put(o, "interface", json_string(v->ifindex && if_indextoname(v->ifindex, dev) ? dev : ""));
	put(o, "mac", v->ifindex ? mac(v->next_mac) : json_string(""));
	put(o, "mtu", json_integer(v->ifindex ? v->mtu : 0));
	put(o, "calls", json_integer(v->calls));
	put(o, "subscriptions", json_integer(v->subscriptions));
	put(o, "connections", json_integer(v->connections));
	put(o, "packets", number(v->packets));
	put(o, "bytes", number(v->bytes));
	return o;
}

static const char *name_of(const struct steer_view *v, uint8_t number_of_server)
{
	return number_of_server ? v->server[number_of_server - 1].host : "";
}

static json_t *drain(const struct steer_view *v)
{
	static const char *const states[] = {
		[STEER_DRAIN_NONE] = "none", [STEER_DRAIN_MOVING] = "moving", [STEER_DRAIN_DONE] = "done",
	};
	const struct steer_drained *d = &v->drained;
	bool on = d->state != STEER_DRAIN_NONE;
	json_t *o = json_object();

	put(o, "state", json_string(states[d->state]));
	put(o, "server", json_string(on ? name_of(v, d->server) : ""));
	put(o, "reject", json_boolean(d->reject));
	put(o, "calls", json_integer(on ? d->calls : 0));
	put(o, "connections", json_integer(on ? d->connections : 0));
	put(o, "since_s", on ? seconds_since(d->since_ns) : json_null());
	put(o, "deadline_s", on ? seconds_until(d->deadline_ns) : json_null());
	return o;
}

static json_t *pool_rungs(const struct bt_pool_count *c)
{
	json_t *a = json_array(), *o;

	for (int r = 0; r < BT_R__N; r++) {
		o = json_object();
		put(o, "name", word(rungs[r]));
		put(o, "packets", number(c->rung[r]));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *pool(const struct ha *ha, uint32_t i)
{
	const struct conf_pool *c = &ha_conf(ha)->pools[i];
	const struct conf_group *g = conf_group_at(ha_conf(ha), &c->service[0].ip);
	json_t *o = json_object(), *services = json_array(), *servers = json_array();
	struct steer_view v;

	if (steer_view(ha_steer(ha), i, &v)) {
		json_decref(services);
		json_decref(servers);
		json_decref(o);
		return NULL;
	}
	for (uint32_t j = 0; j < c->n_services; j++)
		json_array_append_new(services, endpoint(&c->service[j]));
	for (int k = 0; k < BT_SERVERS; k++)
		json_array_append_new(servers, server(&v.server[k]));
	put(o, "name", json_string(v.name));
	put(o, "services", services);
	put(o, "group", json_string(g ? g->name : ""));
	put(o, "forward", json_string(v.forward));
	put(o, "active", json_string(name_of(&v, v.active)));
	put(o, "cause", json_string(v.cause));
	put(o, "since_s", seconds_since(v.since_ns));
	put(o, "servers", servers);
	put(o, "drain", drain(&v));
	put(o, "back", number(v.count.back));
	put(o, "rungs", pool_rungs(&v.count));
	return o;
}

json_t *doc_pools(const struct ha *ha)
{
	json_t *doc = json_pack("{s:i}", "schema", CTL_SCHEMA);

	put(doc, "node", json_string(ha_conf(ha)->name));
	put(doc, "pools", json_array());
	return doc;
}

json_t *doc_pools_rows(const struct ha *ha, uint32_t first, uint32_t n)
{
	json_t *rows = json_array(), *one;

	for (uint32_t i = first; i < steer_pools(ha_steer(ha)) && i < first + n; i++) {
		one = pool(ha, i);
		if (!one) {
			json_decref(rows);
			return NULL;
		}
		json_array_append_new(rows, one);
	}
	return rows;
}

/* ---- sampled decisions ----------------------------------------------------------------------------- */

static json_t *from_wire(const uint8_t ip[16], __be16 port)
{
	struct conf_endpoint at = { .port = ntohs(port) };

	memcpy(&at.ip, ip, sizeof(at.ip));
	return endpoint(&at);
}

static json_t *protocol(uint8_t proto)
{
	char buf[8];

	snprintf(buf, sizeof(buf), "%u", proto);
	return json_string(proto == IPPROTO_UDP ? "udp" : proto == IPPROTO_TCP ? "tcp" : buf);
}

static json_t *message(const struct bt_trace *t)
{
	char status[8];

	snprintf(status, sizeof(status), "%u", t->status);
	return json_string(t->status ? status : t->method < BT_M__N ? methods[t->method] : "");
}

static void put_pool(json_t *o, const struct ha *ha, const struct bt_trace *t)
{
	int i = steer_of_slot(ha_steer(ha), t->pool);
	const struct conf_pool *p = i < 0 ? NULL : &ha_conf(ha)->pools[i];

	put(o, "pool", json_string(p ? p->name : ""));
	put(o, "server", json_string(p && t->server && t->server <= BT_SERVERS ? p->server[t->server - 1].host : ""));
}

json_t *doc_trace(const struct ha *ha, const struct bt_trace *t)
{
	json_t *doc = json_pack("{s:i}", "schema", CTL_SCHEMA);
	char hash[17] = "";

	if (t->call_id)
		snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)t->call_id);
	put(doc, "boot_us", number(t->at_ns / NS_PER_US));
	put_pool(doc, ha, t);
	put(doc, "exit", word(t->exit < BT_S__N ? exits[t->exit].name : "?"));
	put(doc, "rung", word(rungs[t->rung < BT_R__N ? t->rung : BT_R__N]));
	put(doc, "protocol", protocol(t->proto));
	put(doc, "from", from_wire(t->from, t->from_port));
	put(doc, "to", from_wire(t->to, t->to_port));
	put(doc, "message", message(t));
	put(doc, "call_id", json_string(hash));
	put(doc, "bytes", json_integer(t->len));
	return doc;
}

/* ---- counters -------------------------------------------------------------------------------------- */

json_t *doc_steer_counters(struct ha *ha, int *ret_err)
{
	struct bt_count counts[BT_S__N];
	json_t *a, *o;

	*ret_err = ha_steer_counts(ha, counts);
	if (*ret_err)
		return NULL;
	a = json_array();
	for (int i = 0; i < BT_S__N; i++) {
		o = json_object();
		put(o, "name", word(exits[i].name));
		put(o, "packets", number(counts[i].packets));
		put(o, "bytes", number(counts[i].bytes));
		put(o, "text", json_string(exits[i].what));
		json_array_append_new(a, o);
	}
	return a;
}

static struct slow_counts slow_counts_of(const struct ha *ha)
{
	struct slow_counts c;

	ha_slow_counts(ha, &c);
	return c;
}

json_t *doc_slow_counters(const struct ha *ha)
{
	struct slow_counts c = slow_counts_of(ha);
	json_t *a = json_array(), *o;
	const struct { const char *name, *text; uint64_t n; } rows[] = {
		{ "kept", "INVITEs, for as long as they may have to go elsewhere", c.kept },
		{ "overflowed", "refused INVITEs that went to the other server", c.overflowed },
		{ "not-kept", "refusals given back to the client: their INVITE was not known any more", c.not_kept },
		{ "rejected", "new INVITEs answered with shutdown-sip-reject-code", c.rejected },
		{ "cut", "packets too long for IPIP, sent in parts", c.cut },
		{ "sent-on", "requests of servers sent on by their URI", c.sent_on },
		{ "malformed", "frames and answers that were not understood: left alone", c.malformed },
		{ "failed", "could not be sent", c.failed },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		o = json_object();
		put(o, "name", json_string(rows[i].name));
		put(o, "times", number(rows[i].n));
		put(o, "text", json_string(rows[i].text));
		json_array_append_new(a, o);
	}
	return a;
}
