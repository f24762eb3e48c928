/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/opt_kind.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "core/conf_value.h"
#include "core/rules.h"

#define LINE_MAX_BYTES	256	/* more than any line the reader lets through */
#define ITEM_MAX	(INET6_ADDRSTRLEN + BT_NAME_MAX + 16)

struct kind {
	bool (*set)(const struct opt *o, const struct opt_at *at, const char *text, char *why);
	void (*get)(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		    size_t len);
	bool (*is_text)(const char *text);	/* of kinds that keep the text: is it one? */
	const char *valid;			/* what it may be; NULL: from range or words */
};

static const struct kind kinds[OPT_KIND__N];

__attribute__((format(printf, 2, 3)))
static bool refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY, fmt, ap);
	va_end(ap);
	return false;
}

static bool refuse_as_invalid(const struct opt *o, const char *text, char *why)
{
	char valid[OPTS_TEXT];

	opt_kind_valid(o, valid, sizeof(valid));
	return refuse(why, "'%s', valid is %s", text, valid);
}

static void *field(const struct opt *o, void *obj)
{
	return (char *)obj + o->offset;
}

/* Through memcpy: fields of 1, 2, 4 and 8 bytes, enums and bool among them, in any byte order. */
void opt_kind_store(const struct opt *o, void *obj, uint64_t value)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;
	const void *from = o->size == 1 ? (void *)&u8 : o->size == 2 ? (void *)&u16 :
			   o->size == 4 ? (void *)&u32 : (void *)&value;

	memcpy(field(o, obj), from, o->size);
}

static uint64_t load(const struct opt *o, const void *obj)
{
	const char *at = (const char *)obj + o->offset;
	uint64_t u64 = 0;
	uint32_t u32;
	uint16_t u16;

	if (o->size == 1)
		return *(const uint8_t *)at;
	if (o->size == 2)
		return memcpy(&u16, at, 2), u16;
	if (o->size == 4)
		return memcpy(&u32, at, 4), u32;
	memcpy(&u64, at, 8);
	return u64;
}

/* ---- numbers ---- */

static bool in_range(const struct opt *o, uint64_t value)
{
	return (o->zero && value == 0) || (value >= o->min && value <= o->max);
}

static bool set_uint(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	uint64_t value;

	if (!value_uint(text, &value) || !in_range(o, value))
		return refuse_as_invalid(o, text, why);
	opt_kind_store(o, at->obj, value);
	return true;
}

static void get_uint(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		     size_t len)
{
	uint64_t value = load(o, obj);

	(void)c;
	if (!o->def && (uint32_t)value == (uint32_t)o->unset)
		snprintf(buf, len, "%s", "");
	else
		snprintf(buf, len, "%" PRIu64, value);
}

static bool set_time(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	uint64_t ns;

	if (value_uint(text, &ns) && ns != 0)
		return refuse(why, "'%s' needs a unit: us, ms or s", text);
	if (!value_time(text, &ns) || !in_range(o, ns))
		return refuse_as_invalid(o, text, why);
	opt_kind_store(o, at->obj, ns);
	return true;
}

static void get_time(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		     size_t len)
{
	(void)c;
	value_time_text(load(o, obj), buf, len);
}

static bool set_bytes(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	uint64_t bytes;

	if (!value_bytes(text, &bytes) || !in_range(o, bytes))
		return refuse_as_invalid(o, text, why);
	opt_kind_store(o, at->obj, bytes);
	return true;
}

static void get_bytes(const struct opt *o, const struct conf *c, const void *obj, char *buf, size_t len)
{
	(void)c;
	value_bytes_text(load(o, obj), buf, len);
}

static void valid_range(const struct opt *o, char *buf, size_t len)
{
	const char *off = o->zero && o->min > 0 ? "0 or " : "";
	char low[24], high[24];

	if (o->kind == OPT_TIME || o->kind == OPT_BYTES) {
		void (*write)(uint64_t, char *, size_t) = o->kind == OPT_TIME ? value_time_text : value_bytes_text;

		write(o->min, low, sizeof(low));
		write(o->max, high, sizeof(high));
		snprintf(buf, len, "%s%s .. %s", off, low, high);
		return;
	}
	snprintf(buf, len, "%s%" PRIu64 " .. %" PRIu64 "%s%s", off, o->min, o->max,
		 o->unit ? " " : "", o->unit ? o->unit : "");
}

/* ---- one of some words ---- */

static bool set_index(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	int word = value_word(text, o->words);

	if (word < 0)
		return refuse_as_invalid(o, text, why);
	opt_kind_store(o, at->obj, (uint64_t)word);
	return true;
}

static void get_index(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		      size_t len)
{
	(void)c;
	snprintf(buf, len, "%s", o->words[load(o, obj)]);
}

static void valid_words(const struct opt *o, char *buf, size_t len)
{
	size_t at = 0;

	for (int i = 0; o->words[i] && at < len; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%s", i ? ", " : "", o->words[i]);
}

/* ---- text kept as it is ---- */

static bool set_text(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	const struct kind *kind = &kinds[o->kind];
	size_t max = o->max ? (size_t)o->max : o->size - 1;

	if (o->words ? value_word(text, o->words) < 0 : !kind->is_text(text))
		return refuse_as_invalid(o, text, why);
	if (strlen(text) > max)
		return refuse(why, "'%s' is longer than %zu bytes", text, max);
	memset(field(o, at->obj), 0, o->size);
	memcpy(field(o, at->obj), text, strlen(text));
	return true;
}

static void get_text(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		     size_t len)
{
	(void)c;
	snprintf(buf, len, "%s", (const char *)obj + o->offset);
}

static bool is_ip(const char *text)
{
	struct in6_addr ip;

	return inet_pton(AF_INET, text, &ip) == 1 || inet_pton(AF_INET6, text, &ip) == 1;
}

/* ---- lists and addresses ---- */

static bool refuse_as_full(uint32_t max, const char *what, char *why)
{
	return refuse(why, "more than %u %s", max, what);
}

/* Adds one item to what stands in @buf. */
static void join(char *buf, size_t len, const char *item)
{
	size_t at = strlen(buf);

	snprintf(buf + at, len - at, "%s%s", at ? ", " : "", item);
}

static bool set_path(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf *c = at->conf;

	(void)o;
	if (c->n_paths == BT_PATHS_MAX)
		return refuse_as_full(BT_PATHS_MAX, "paths", why);
	if (!addr_path(text, &c->paths[c->n_paths], why))
		return false;
	c->n_paths++;
	return true;
}

static void get_path(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		     size_t len)
{
	char item[ITEM_MAX];

	(void)o;
	(void)obj;
	buf[0] = '\0';
	for (uint32_t i = 0; i < c->n_paths; i++) {
		snprintf(item, sizeof(item), "%s %s", c->paths[i].dev, c->paths[i].peer_text);
		join(buf, len, item);
	}
}

/* Groups are read one after the other, so a group's VIPs are always the last ones. */
static bool set_vip(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;
	struct conf *c = at->conf;

	(void)o;
	if (c->n_vips == CONF_VIPS_MAX)
		return refuse_as_full(CONF_VIPS_MAX, "VIPs in all groups", why);
	if (!addr_vip(text, &c->vips[c->n_vips], why))
		return false;
	c->n_vips++;
	g->n_vips++;
	return true;
}

static void get_vip(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		    size_t len)
{
	const struct conf_group *g = obj;
	char item[ITEM_MAX];

	(void)o;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_vips; i++) {
		addr_vip_text(&c->vips[g->first_vip + i], item, sizeof(item));
		join(buf, len, item);
	}
}

static bool has_port(const struct conf_port *ports, uint32_t n, const struct conf_port *p)
{
	for (uint32_t i = 0; i < n; i++)
		if (ports[i].port == p->port && ports[i].transport == p->transport)
			return true;
	return false;
}

static bool set_ports(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;
	struct conf_port ports[CONF_PORTS_MAX];
	char copy[LINE_MAX_BYTES], *w[CONF_PORTS_MAX];
	uint32_t n;

	snprintf(copy, sizeof(copy), "%s", text);
	n = addr_words(copy, w, CONF_PORTS_MAX);
	if (n == 0)
		return refuse_as_invalid(o, text, why);
	if (n > CONF_PORTS_MAX)
		return refuse_as_full(CONF_PORTS_MAX, "ports", why);
	for (uint32_t i = 0; i < n; i++) {
		if (!addr_port(w[i], &ports[i], why))
			return false;
		if (has_port(ports, i, &ports[i]))
			return refuse(why, "'%s' stands there twice", w[i]);
	}
	memcpy(g->ports, ports, n * sizeof(ports[0]));
	g->n_ports = n;
	return true;
}

static void get_ports(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		      size_t len)
{
	const struct conf_group *g = obj;
	char item[ITEM_MAX];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_ports; i++) {
		size_t at = strlen(buf);

		addr_port_text(&g->ports[i], item, sizeof(item));
		snprintf(buf + at, len - at, "%s%s", at ? " " : "", item);
	}
}

static bool set_rule(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;

	(void)o;
	if (g->n_rules == BT_RULES_MAX)
		return refuse_as_full(BT_RULES_MAX, "port rules", why);
	if (!addr_rule(text, &g->rules[g->n_rules], why))
		return false;
	g->n_rules++;
	return true;
}

static void get_rule(const struct opt *o, const struct conf *c, const void *obj, char *buf, size_t len)
{
	const struct conf_group *g = obj;
	char item[RULES_TEXT];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_rules; i++) {
		rules_text(&g->rules[i], item);
		join(buf, len, item);
	}
}

static bool set_router(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;
	struct in6_addr ip;

	(void)o;
	if (g->n_routers == CONF_ROUTERS_MAX)
		return refuse_as_full(CONF_ROUTERS_MAX, "routers", why);
	if (!addr_host(text, &ip, why))
		return false;
	for (uint32_t i = 0; i < g->n_routers; i++)
		if (IN6_ARE_ADDR_EQUAL(&g->routers[i], &ip))
			return refuse(why, "'%s' stands there twice", text);
	g->routers[g->n_routers++] = ip;
	return true;
}

static void get_router(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		       size_t len)
{
	const struct conf_group *g = obj;
	char ip[INET6_ADDRSTRLEN];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_routers; i++)
		join(buf, len, conf_ip_text(&g->routers[i], ip));
}

static bool set_route(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;

	(void)o;
	if (g->n_routes == CONF_ROUTES_MAX)
		return refuse_as_full(CONF_ROUTES_MAX, "routes", why);
	if (!addr_route(text, &g->routes[g->n_routes], why))
		return false;
	g->n_routes++;
	return true;
}

static void get_route(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		      size_t len)
{
	const struct conf_group *g = obj;
	char item[2 * ITEM_MAX];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_routes; i++) {
		addr_route_text(&g->routes[i], item, sizeof(item));
		join(buf, len, item);
	}
}

static bool set_service(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_pool *p = at->obj;

	(void)o;
	if (p->n_services == CONF_SERVICES_MAX)
		return refuse_as_full(CONF_SERVICES_MAX, "services", why);
	if (!addr_endpoint(text, &p->service[p->n_services], why))
		return false;
	p->n_services++;
	return true;
}

static void get_service(const struct opt *o, const struct conf *c, const void *obj, char *buf,
			size_t len)
{
	const struct conf_pool *p = obj;
	char item[ITEM_MAX];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < p->n_services; i++) {
		addr_endpoint_text(&p->service[i], item, sizeof(item));
		join(buf, len, item);
	}
}

static bool set_server(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_pool *p = at->obj;
	struct conf_pool_server s = { .host = "" };
	char copy[LINE_MAX_BYTES], *w[2];

	snprintf(copy, sizeof(copy), "%s", text);
	if (p->n_servers == BT_SERVERS)
		return refuse_as_full(BT_SERVERS, "servers, a pool is a pair", why);
	if (addr_words(copy, w, 2) != 2 || !value_is_name(w[0]))
		return refuse_as_invalid(o, text, why);
	if (!addr_endpoint(w[1], &s.at, why))
		return false;
	memcpy(s.host, w[0], strlen(w[0]));	/* fits: value_is_name, zeroed */
	p->server[p->n_servers++] = s;
	return true;
}

static void get_server(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		       size_t len)
{
	const struct conf_pool *p = obj;
	char end[ITEM_MAX], item[2 * ITEM_MAX];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < p->n_servers; i++) {
		addr_endpoint_text(&p->server[i].at, end, sizeof(end));
		snprintf(item, sizeof(item), "%s %s", p->server[i].host, end);
		join(buf, len, item);
	}
}

static bool local_process(const char *text, struct conf_local *ret)
{
	if (!strncmp(text, "pidfile=", 8) && value_is_path(text + 8))
		snprintf(ret->pidfile, sizeof(ret->pidfile), "%s", text + 8);
	else if (!strncmp(text, "unit=", 5) && value_is_unit(text + 5))
		snprintf(ret->unit, sizeof(ret->unit), "%s", text + 5);
	return ret->pidfile[0] || ret->unit[0];
}

static bool set_local(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	struct conf_group *g = at->obj;
	struct conf_local s = { .name = "" };
	struct conf_port port;
	char copy[LINE_MAX_BYTES], *w[3];

	snprintf(copy, sizeof(copy), "%s", text);
	if (g->n_servers == BT_SERVERS)
		return refuse_as_full(BT_SERVERS, "servers, one works and one stands by", why);
	if (addr_words(copy, w, 3) != 3 || !value_is_name(w[0]) || !local_process(w[2], &s))
		return refuse_as_invalid(o, text, why);
	if (!addr_port(w[1], &port, why))
		return false;
	if (port.transport != PORT_UDP_TCP)
		return refuse(why, "'%s': a port alone, sip-port says by which transport", w[1]);
	s.port = port.port;
	memcpy(s.name, w[0], strlen(w[0]));	/* fits: value_is_name, zeroed */
	g->server[g->n_servers++] = s;
	return true;
}

static void get_local(const struct opt *o, const struct conf *c, const void *obj, char *buf, size_t len)
{
	const struct conf_group *g = obj;
	char item[CONF_PATH_MAX + BT_NAME_MAX + 24];

	(void)o;
	(void)c;
	buf[0] = '\0';
	for (uint32_t i = 0; i < g->n_servers; i++) {
		const struct conf_local *s = &g->server[i];

		snprintf(item, sizeof(item), "%s %u %s%s", s->name, s->port, s->unit[0] ? "unit=" : "pidfile=",
			 s->unit[0] ? s->unit : s->pidfile);
		join(buf, len, item);
	}
}

static bool set_endpoint(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	return addr_endpoint(text, field(o, at->obj), why);
}

static void get_endpoint(const struct opt *o, const struct conf *c, const void *obj, char *buf,
			 size_t len)
{
	const struct conf_endpoint *end = (const void *)((const char *)obj + o->offset);

	(void)c;
	addr_endpoint_text(end, buf, len);
}

#define TEXT(fn, what) { set_text, get_text, fn, what }

static const struct kind kinds[OPT_KIND__N] = {
	[OPT_BOOL]	= { set_index, get_index, NULL, NULL },
	[OPT_UINT]	= { set_uint, get_uint, NULL, NULL },
	[OPT_TIME]	= { set_time, get_time, NULL, NULL },
	[OPT_BYTES]	= { set_bytes, get_bytes, NULL, NULL },
	[OPT_ENUM]	= { set_index, get_index, NULL, NULL },
	[OPT_WORD]	= TEXT(NULL, NULL),
	[OPT_NAME]	= TEXT(value_is_name, "1 .. 31 of A-Z a-z 0-9 . _ -"),
	[OPT_IFACE]	= TEXT(value_is_interface, "an interface name"),
	[OPT_FILE]	= TEXT(value_is_path, "an absolute path"),
	[OPT_HOST]	= TEXT(value_is_host, "an IP address or host name"),
	[OPT_IP]	= TEXT(is_ip, "an IP address"),
	[OPT_URL]	= TEXT(value_is_url, "http://HOST or https://HOST"),
	[OPT_UNIT]	= TEXT(value_is_unit, "NAME.service"),
	[OPT_CODES]	= TEXT(value_is_codes, "codes like 503,504 or 487,50X, X only last"),
	[OPT_NAMES]	= TEXT(value_is_names, "names with blanks between them"),
	[OPT_SITE]	= TEXT(value_is_site, "a name of 1 .. 63 bytes"),
	[OPT_PATH]	= { set_path, get_path, NULL, "INTERFACE ADDRESS, one line each" },
	[OPT_VIP]	= { set_vip, get_vip, NULL, "ADDRESS/LENGTH [dev IF], one line each" },
	[OPT_RULE]	= { set_rule, get_rule, NULL, "PORT or FROM-TO, then udp, tcp or both, one line each" },
	[OPT_ROUTER]	= { set_router, get_router, NULL, "an IP address, one line each" },
	[OPT_ROUTE]	= { set_route, get_route, NULL,
			    "NETWORK/LENGTH via GATEWAY, one line each" },
	[OPT_SERVICE]	= { set_service, get_service, NULL, "ADDRESS:PORT or [ADDRESS]:PORT, one line each" },
	[OPT_LOCAL]	= { set_local, get_local, NULL, "NAME PORT pidfile=FILE or NAME PORT unit=NAME.service, two lines" },
	[OPT_SERVER]	= { set_server, get_server, NULL, "NAME ADDRESS:PORT, two lines" },
	[OPT_PORTS]	= { set_ports, get_ports, NULL,
			    "1 .. 65535, each with /udp, /tcp, /tls, /ws or none" },
	[OPT_ENDPOINT]	= { set_endpoint, get_endpoint, NULL, "ADDRESS:PORT or [ADDRESS]:PORT" },
};

bool opt_kind_set(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	if (text[0] == '\0' && o->kind != OPT_CODES)	/* the guide's default is an empty string */
		return refuse(why, "no value");
	return kinds[o->kind].set(o, at, text, why);
}

void opt_kind_get(const struct opt *o, const struct conf *c, const void *obj, char *buf, size_t len)
{
	kinds[o->kind].get(o, c, obj, buf, len);
}

void opt_kind_valid(const struct opt *o, char *buf, size_t len)
{
	if (kinds[o->kind].valid)
		snprintf(buf, len, "%s", kinds[o->kind].valid);
	else if (o->kind == OPT_BOOL)		/* as the guide has it: true, false */
		snprintf(buf, len, "%s, %s", o->words[1], o->words[0]);
	else if (o->words)
		valid_words(o, buf, len);
	else
		valid_range(o, buf, len);
}
