/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf_addr.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_value.h"

#define LINE_MAX_BYTES 256	/* more than any line the reader lets through */

static const char *const transports[] = {
	[PORT_UDP_TCP] = "", [PORT_UDP] = "udp", [PORT_TCP] = "tcp",
	[PORT_TLS] = "tls", [PORT_WS] = "ws", NULL
};

/* Says why and answers false, so that a check is one line. */
__attribute__((format(printf, 2, 3)))
static bool refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY, fmt, ap);
	va_end(ap);
	return false;
}

bool conf_is_v4(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip);
}

const char *conf_ip_text(const struct in6_addr *ip, char *buf)
{
	if (conf_is_v4(ip))
		return inet_ntop(AF_INET, &ip->s6_addr[12], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, ip, buf, INET6_ADDRSTRLEN);
}

static uint32_t v4_of(const struct in6_addr *ip)
{
	return ntohl(ip->s6_addr32[3]);
}

static bool any_ip(const char *text, struct in6_addr *ret, char *why)
{
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, 0xff } };

	if (inet_pton(AF_INET, text, &ip.s6_addr[12]) != 1) {
		if (inet_pton(AF_INET6, text, &ip) != 1)
			return refuse(why, "'%s' is no IPv4 or IPv6 address", text);
		if (IN6_IS_ADDR_V4MAPPED(&ip))
			return refuse(why, "'%s' is an IPv4 address, write it as one", text);
	}
	*ret = ip;
	return true;
}

/* What kind of address can be no host's, or NULL. */
static const char *not_a_host(const struct in6_addr *ip)
{
	uint32_t v4 = v4_of(ip);

	if (conf_is_v4(ip)) {
		if (v4 >> 24 == 0)
			return "unspecified";
		if (v4 >> 24 == 127)
			return "loopback";
		if (v4 == INADDR_BROADCAST)
			return "broadcast";
		return v4 >> 28 == 14 ? "multicast" : v4 >> 28 == 15 ? "reserved" : NULL;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		return "unspecified";
	if (IN6_IS_ADDR_LOOPBACK(ip))
		return "loopback";
	return IN6_IS_ADDR_MULTICAST(ip) ? "multicast" : NULL;
}

bool addr_host(const char *text, struct in6_addr *ret, char *why)
{
	struct in6_addr ip;
	const char *kind;

	if (!any_ip(text, &ip, why))
		return false;
	kind = not_a_host(&ip);
	if (kind)
		return refuse(why, "'%s' is a%s %s address", text, kind[0] == 'u' ? "n" : "", kind);
	*ret = ip;
	return true;
}

/* Splits "IP/LEN" in place. */
static bool cut_prefix_len(char *text, struct in6_addr *ip, uint8_t *ret_len, char *why,
			   bool (*read_ip)(const char *, struct in6_addr *, char *))
{
	char *slash = strchr(text, '/');
	uint64_t len, max;

	if (!slash)
		return refuse(why, "'%s' needs its prefix length, as in 192.0.2.10/24", text);
	*slash = '\0';
	if (!read_ip(text, ip, why))
		return false;
	max = conf_is_v4(ip) ? 32 : 128;
	if (!value_uint(slash + 1, &len) || len > max)
		return refuse(why, "prefix length '%s' of %s: valid is 0 .. %u", slash + 1, text,
			      (unsigned)max);
	*ret_len = (uint8_t)len;
	return true;
}

static bool is_link_local(const struct in6_addr *ip)
{
	return conf_is_v4(ip) ? v4_of(ip) >> 16 == 0xa9fe : IN6_IS_ADDR_LINKLOCAL(ip);
}

/* All host bits 0, or for IPv4 all 1: names the network or everyone in it, no host. */
static bool is_network_or_broadcast(const struct conf_addr *a)
{
	uint32_t host = a->prefix_len < 32 ? v4_of(&a->ip) & (0xffffffffu >> a->prefix_len) : 0;

	if (!conf_is_v4(&a->ip) || a->prefix_len >= 31)
		return false;
	return host == 0 || host == 0xffffffffu >> a->prefix_len;
}

static bool host_with_len(char *text, struct conf_addr *ret, char *why)
{
	struct conf_addr a = { .prefix_len = 0 };

	if (!cut_prefix_len(text, &a.ip, &a.prefix_len, why, addr_host))
		return false;
	if (a.prefix_len == 0)
		return refuse(why, "prefix length 0 of %s names no network", text);
	if (is_link_local(&a.ip))
		return refuse(why, "'%s' is a link-local address", text);
	if (is_network_or_broadcast(&a))
		return refuse(why, "%s/%u is the network's own or broadcast address", text,
			      a.prefix_len);
	*ret = a;
	return true;
}

uint32_t addr_words(char *text, char **words, uint32_t max)
{
	uint32_t n = 0;
	char *save = NULL;

	for (char *w = strtok_r(text, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n < max)
			words[n] = w;
		n++;
	}
	return n;
}

static uint32_t copy_words(const char *text, char *copy, char **words, uint32_t max)
{
	snprintf(copy, LINE_MAX_BYTES, "%s", text);
	return addr_words(copy, words, max);
}

bool addr_vip(const char *text, struct conf_vip *ret, char *why)
{
	char copy[LINE_MAX_BYTES], *w[3];
	uint32_t n = copy_words(text, copy, w, 3);
	struct conf_vip vip = { .dev = "" };

	if (n != 1 && !(n == 3 && !strcmp(w[1], "dev")))
		return refuse(why, "write ADDRESS/LENGTH or ADDRESS/LENGTH dev INTERFACE");
	if (n == 3 && !value_is_interface(w[2]))
		return refuse(why, "'%s' is no interface name", w[2]);
	if (!host_with_len(w[0], &vip.addr, why))
		return false;
	if (n == 3)
		memcpy(vip.dev, w[2], strlen(w[2]));	/* fits: value_is_interface, zeroed */
	*ret = vip;
	return true;
}

void addr_vip_text(const struct conf_vip *vip, char *buf, size_t len)
{
	char ip[INET6_ADDRSTRLEN];

	snprintf(buf, len, "%s/%u dev %s", conf_ip_text(&vip->addr.ip, ip), vip->addr.prefix_len,
		 vip->dev);
}

static bool port_number(const char *text, uint16_t *ret, char *why)
{
	uint64_t port;

	if (!value_uint(text, &port) || port < 1 || port > 65535)
		return refuse(why, "port '%s': valid is 1 .. 65535", text);
	*ret = (uint16_t)port;
	return true;
}

bool addr_port(const char *text, struct conf_port *ret, char *why)
{
	char copy[LINE_MAX_BYTES], *slash;
	struct conf_port port = { .transport = PORT_UDP_TCP };
	int word = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		word = value_word(slash + 1, transports);
		if (word <= 0)
			return refuse(why, "transport '%s': valid is udp, tcp, tls, ws", slash + 1);
	}
	if (!port_number(copy, &port.port, why))
		return false;
	port.transport = (enum conf_transport)word;
	*ret = port;
	return true;
}

void addr_port_text(const struct conf_port *port, char *buf, size_t len)
{
	const char *transport = transports[port->transport];

	snprintf(buf, len, "%u%s%s", port->port, transport[0] ? "/" : "", transport);
}

bool addr_rule(const char *text, struct conf_rule *ret, char *why)
{
	static const char *const words[] = { "", "udp", "tcp", "both", NULL };	/* its place: BT_RULE_* */
	char copy[LINE_MAX_BYTES], *w[2], *dash;
	struct conf_rule rule;
	int protos;

	snprintf(copy, sizeof(copy), "%s", text);
	if (addr_words(copy, w, 2) != 2)
		return refuse(why, "'%s': write PORT or FROM-TO, then udp, tcp or both", text);
	dash = strchr(w[0], '-');
	if (dash)
		*dash = '\0';
	protos = value_word(w[1], words);
	if (protos <= 0)
		return refuse(why, "'%s': valid is udp, tcp, both", w[1]);
	if (!port_number(w[0], &rule.from, why) || !port_number(dash ? dash + 1 : w[0], &rule.to, why))
		return false;
	if (rule.to < rule.from)
		return refuse(why, "'%s': the range runs backwards", text);
	rule.protos = (uint8_t)protos;
	*ret = rule;
	return true;
}

bool addr_endpoint(const char *text, struct conf_endpoint *ret, char *why)
{
	char copy[LINE_MAX_BYTES], *ip = copy, *colon;
	struct conf_endpoint end;

	snprintf(copy, sizeof(copy), "%s", text);
	colon = strrchr(copy, ':');
	if (!colon)
		return refuse(why, "write ADDRESS:PORT or [ADDRESS]:PORT");
	*colon = '\0';
	if (copy[0] == '[' && colon[-1] == ']') {
		ip++;
		colon[-1] = '\0';
	} else if (strchr(copy, ':')) {
		return refuse(why, "put the IPv6 address in brackets: [ADDRESS]:PORT");
	}
	if (!addr_host(ip, &end.ip, why) || !port_number(colon + 1, &end.port, why))
		return false;
	*ret = end;
	return true;
}

void addr_endpoint_text(const struct conf_endpoint *end, char *buf, size_t len)
{
	char ip[INET6_ADDRSTRLEN];

	snprintf(buf, len, conf_is_v4(&end->ip) ? "%s:%u" : "[%s]:%u", conf_ip_text(&end->ip, ip),
		 end->port);
}

static bool has_host_bits(const struct conf_addr *net)
{
	unsigned first = conf_is_v4(&net->ip) ? 96 + net->prefix_len : net->prefix_len;

	for (unsigned bit = first; bit < 128; bit++)
		if (net->ip.s6_addr[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

bool addr_route(const char *text, struct conf_route *ret, char *why)
{
	char copy[LINE_MAX_BYTES], *w[3];
	struct conf_route route;

	if (copy_words(text, copy, w, 3) != 3 || strcmp(w[1], "via"))
		return refuse(why, "write NETWORK/LENGTH via GATEWAY");
	if (!cut_prefix_len(w[0], &route.net.ip, &route.net.prefix_len, why, any_ip) ||
	    !addr_host(w[2], &route.via, why))
		return false;
	if (conf_is_v4(&route.net.ip) != conf_is_v4(&route.via))
		return refuse(why, "%s and %s are of different families", w[0], w[2]);
	if (has_host_bits(&route.net))
		return refuse(why, "%s/%u has bits set behind its prefix", w[0],
			      route.net.prefix_len);
	*ret = route;
	return true;
}

void addr_route_text(const struct conf_route *route, char *buf, size_t len)
{
	char net[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];

	snprintf(buf, len, "%s/%u via %s", conf_ip_text(&route->net.ip, net), route->net.prefix_len,
		 conf_ip_text(&route->via, via));
}

bool addr_path(const char *text, struct conf_path *ret, char *why)
{
	char copy[LINE_MAX_BYTES], *w[2];
	struct conf_path path = { .dev = "" };

	if (copy_words(text, copy, w, 2) != 2)
		return refuse(why, "write INTERFACE ADDRESS-OF-PEER");
	if (!value_is_interface(w[0]))
		return refuse(why, "'%s' is no interface name", w[0]);
	if (!addr_host(w[1], &path.peer, why))
		return false;
	memcpy(path.dev, w[0], strlen(w[0]));		/* fits: value_is_interface, zeroed */
	snprintf(path.peer_text, sizeof(path.peer_text), "%s", w[1]);
	*ret = path;
	return true;
}
