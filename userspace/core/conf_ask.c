/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_ask: what follows from the configuration, so that both hosts come to the same answer?
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/siphash.h"
#include "core/conf.h"
#include "core/opts.h"

/* Names and settings are no secrets: the hash only has to be the same on both hosts. */
static const __u64 no_key[2];

uint8_t conf_my_id(const struct conf *c)
{
	return strcmp(c->name, c->peer_name) < 0 ? 1 : 2;
}

uint8_t conf_peer_id(const struct conf *c)
{
	return (uint8_t)(3 - conf_my_id(c));
}

bool conf_is_alone(const struct conf *c)
{
	bool alone = !c->peer_name[0] && !c->n_paths;

	for (uint32_t i = 0; i < c->n_groups; i++)
		alone &= c->groups[i].mode == MODE_SINGLE_HOST;
	return alone;
}

const struct conf_group *conf_group_at(const struct conf *c, const struct in6_addr *ip)
{
	for (uint32_t i = 0; i < c->n_groups; i++) {
		const struct conf_group *g = &c->groups[i];

		for (uint32_t v = g->first_vip; v < g->first_vip + g->n_vips; v++)
			if (IN6_ARE_ADDR_EQUAL(&c->vips[v].addr.ip, ip))
				return g;
	}
	return NULL;
}

bool conf_prefers_me(const struct conf *c, const struct conf_group *g)
{
	return g->prefer[0] ? !strcmp(g->prefer, c->name) : conf_my_id(c) == 1;
}

enum conf_xdp conf_xdp_of(const struct conf *c, const char *dev)
{
	for (uint32_t i = 0; i < c->n_ifaces; i++)
		if (!strcmp(c->ifaces[i].name, dev))
			return c->ifaces[i].xdp;
	return XDP_AUTO;
}

/* First 32 bits of the hash; 0 means "unused" on the wire and in maps. */
static uint32_t hash_of(const void *data, size_t len)
{
	uint32_t hash = (uint32_t)siphash(no_key, data, len);

	return hash ? hash : 1;
}

const char *conf_mode_text(enum conf_mode mode)
{
	return opts_find(SEC_GROUP, "mode")->words[mode];
}

uint32_t conf_name_hash(const char *name)
{
	return hash_of(name, strlen(name));
}

/* The settings both hosts must share are hashed as records of bytes, in an order of their own. */
#define VIP_BYTES	17	/* address, prefix length */
#define PORT_BYTES	3	/* port, transport */
#define RULE_BYTES	5	/* from, to, transports */
#define HEAD_BYTES	14	/* mode, number of VIPs, arbiter, lease */

static int by_bytes_vip(const void *a, const void *b)
{
	return memcmp(a, b, VIP_BYTES);
}

static int by_bytes_port(const void *a, const void *b)
{
	return memcmp(a, b, PORT_BYTES);
}

static int by_bytes_rule(const void *a, const void *b)
{
	return memcmp(a, b, RULE_BYTES);
}

static size_t put_vips(uint8_t *to, const struct conf_vip *vips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		memcpy(to + i * VIP_BYTES, &vips[i].addr.ip, 16);
		to[i * VIP_BYTES + 16] = vips[i].addr.prefix_len;
	}
	qsort(to, n, VIP_BYTES, by_bytes_vip);
	return (size_t)n * VIP_BYTES;
}

static size_t put_ports(uint8_t *to, const struct conf_port *ports, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		to[i * PORT_BYTES] = (uint8_t)(ports[i].port >> 8);
		to[i * PORT_BYTES + 1] = (uint8_t)ports[i].port;
		to[i * PORT_BYTES + 2] = (uint8_t)ports[i].transport;
	}
	qsort(to, n, PORT_BYTES, by_bytes_port);
	return (size_t)n * PORT_BYTES;
}

/* No two overlap, so their order means nothing. */
static size_t put_rules(uint8_t *to, const struct conf_rule *rules, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t bytes[RULE_BYTES] = {
			(uint8_t)(rules[i].from >> 8), (uint8_t)rules[i].from, (uint8_t)(rules[i].to >> 8), (uint8_t)rules[i].to,
			rules[i].protos,
		};

		memcpy(to + i * RULE_BYTES, bytes, RULE_BYTES);
	}
	qsort(to, n, RULE_BYTES, by_bytes_rule);
	return (size_t)n * RULE_BYTES;
}

/* Mode single-host alone: in the order that they have. */
static size_t put_servers(uint8_t *to, const struct conf_group *g)
{
	for (uint32_t i = 0; i < g->n_servers; i++) {
		to[2 * i] = (uint8_t)(g->server[i].port >> 8);
		to[2 * i + 1] = (uint8_t)g->server[i].port;
	}
	return 2 * g->n_servers;
}

uint32_t conf_digest(const struct conf *c, const struct conf_group *g)
{
	uint8_t buf[HEAD_BYTES + CONF_VIPS_MAX * VIP_BYTES + CONF_PORTS_MAX * PORT_BYTES + BT_RULES_MAX * RULE_BYTES + BT_SERVERS * 2];
	size_t len = HEAD_BYTES;

	buf[0] = (uint8_t)g->mode;
	if (g->mode == MODE_CLUSTER)
		buf[0] |= (uint8_t)(g->cluster_mac << 4);
	else if (g->placement == PLACE_RESIDENT)
		buf[0] |= 0x80;
	for (int i = 0; i < 4; i++)
		buf[1 + i] = (uint8_t)(g->n_vips >> (8 * i));
	buf[5] = (uint8_t)c->arbiter;
	for (int i = 0; i < 8; i++)	/* the lock's rules go by the longer of the two leases */
		buf[6 + i] = c->arbiter == ARBITER_ETCD ? (uint8_t)(c->lease_ns >> (8 * i)) : 0;
	len += put_vips(buf + len, &c->vips[g->first_vip], g->n_vips);
	len += put_ports(buf + len, g->ports, g->n_ports);
	len += put_rules(buf + len, g->rules, g->n_rules);
	len += put_servers(buf + len, g);
	return hash_of(buf, len);
}

const char *conf_script_path(const struct conf_group *g, enum conf_script which)
{
	const char *const path[SCRIPT__N] = {
		[SCRIPT_NOTIFY] = g->notify, [SCRIPT_ALARM] = g->alarm_notify,
		[SCRIPT_UP] = g->opt.sip_vip_script_up, [SCRIPT_DOWN] = g->opt.sip_vip_script_down,
	};

	return path[which];
}

const char *conf_script_name(enum conf_script which)
{
	static const char *const name[SCRIPT__N] = {
		[SCRIPT_NOTIFY] = "notify", [SCRIPT_ALARM] = "alarm-notify",
		[SCRIPT_UP] = "sip-vip-script-up", [SCRIPT_DOWN] = "sip-vip-script-down",
	};

	return name[which];
}
