/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/when.h"
#include "sys/bind_try.h"
#include "sys/clock.h"
#include "sys/diag.h"
#include "sys/loop.h"

#define SLICE		16		/* ports looked at in a turn */
#define AGAIN_NS	NS_PER_S	/* between two looks for the server */
#define SLICE_GAP_NS	(20 * NS_PER_MS)

/* Every VIP has every port twice: UDP, then TCP. */
static uint32_t n_entries(const struct conf_group *g)
{
	return g->n_vips * g->n_ports * 2;
}

static bool entry(const struct init *i, uint32_t at, struct diag_at *ret)
{
	const struct conf_group *g = i->group;
	const struct conf_port *port = &g->ports[at / 2 % g->n_ports];
	bool udp = at % 2 == 0;

	*ret = (struct diag_at){
		.ip = i->conf->vips[g->first_vip + at / 2 / g->n_ports].addr.ip, .port = port->port,
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
	};
	return port->transport == PORT_UDP_TCP || (port->transport == PORT_UDP) == udp;
}

/*
 * With scripts the guide switches it off; without a listener to look for (containers, SO_BINDTODEVICE) nothing could
 * tell the server from a stranger.
 */
static bool tries_ports(const struct conf_group *g)
{
	return g->opt.backup_sip_port_check && !g->opt.control_vip_scripts && g->listener_auto &&
	       (g->mode == MODE_TAKEOVER || g->mode == MODE_CLUSTER);
}

static bool ports_are_due(const struct init *i)
{
	return tries_ports(i->group) && !i->ports_tried;
}

void init_open(struct init *i, const struct conf *conf, const struct conf_group *group)
{
	*i = (struct init){ .conf = conf, .group = group, .verdict = { .first = INIT__N } };
}

void init_close(struct init *i)
{
	nl_close(&i->ask);
}

static bool somebody_listens(struct init *i, const struct diag_at *at)
{
	int err = i->ask.sock ? 0 : diag_open(&i->ask);

	if (!err)
		err = diag_there(&i->ask, at);
	if (err && err != -ENOENT && i->ask.sock)
		nl_close(&i->ask);	/* a late answer must not be taken for the next one's */
	return err != -ENOENT;		/* not known: left alone, a server may be there */
}

static void name_port(struct init *i, const struct diag_at *at, int err)
{
	bool v4 = conf_is_v4(&at->ip);
	char ip[INET6_ADDRSTRLEN];

	snprintf(i->port, sizeof(i->port), "port %s%s%s:%u/%s: %.32s", v4 ? "" : "[", conf_ip_text(&at->ip, ip), v4 ? "" : "]",
		 at->port, at->proto == IPPROTO_UDP ? "udp" : "tcp", strerror(-err));
}

/* Out of descriptors says nothing of the port: it is asked again. */
static bool try_one(struct init *i, uint32_t at_index)
{
	struct diag_at at;
	int err;

	if (!entry(i, at_index, &at) || somebody_listens(i, &at))
		return true;
	err = bind_try(&at.ip, at.port, at.proto);
	if (err)
		name_port(i, &at, err);
	return !err;
}

static void try_slice(struct init *i, uint64_t now_ns)
{
	uint32_t every_s = i->group->opt.network_monitoring_timeout_s, n = n_entries(i->group);
	uint32_t end = n - i->at > SLICE ? i->at + SLICE : n;

	while (i->at < end && try_one(i, i->at))
		i->at++;
	if (i->at == n) {
		i->ports_tried = true;
		i->port[0] = '\0';
	}
	i->try_ns = now_ns + (i->at == end ? SLICE_GAP_NS : (every_s ? every_s : 1) * NS_PER_S);
}

/* Where the own server is asked (health/pinger.h): its first VIP and UDP port. */
static bool asked_at(const struct init *i, struct diag_at *ret)
{
	for (uint32_t p = 0; p < i->group->n_ports && i->group->listener_auto; p++)
		if (entry(i, 2 * p, ret))
			return true;
	return false;
}

static void look_for_server(struct init *i, uint64_t now_ns)
{
	struct diag_at at;

	i->serves_udp = asked_at(i, &at) && somebody_listens(i, &at);
	i->looked = true;
	i->look_ns = now_ns + AGAIN_NS;
}

uint64_t init_turn(struct init *i, uint64_t now_ns)
{
	uint64_t next = i->verdict.next_ns ? i->verdict.next_ns : LOOP_NEVER;

	if (!i->group->opt.backup_init_check || !i->check.backup || i->check.done)
		return next;
	if (now_ns >= i->look_ns)
		look_for_server(i, now_ns);
	if (ports_are_due(i) && now_ns >= i->try_ns)
		try_slice(i, now_ns);
	return earlier(earlier(next, i->look_ns), ports_are_due(i) ? i->try_ns : LOOP_NEVER);
}

static void forget(struct init *i)
{
	i->ports_tried = i->looked = false;
	i->at = 0;
	i->try_ns = i->look_ns = 0;
	i->port[0] = '\0';
}

enum fact_health init_fact(struct init *i, const struct init_seen *seen, uint64_t now_ns)
{
	struct init_facts f = {
		.primary = seen->primary, .peer_heard = seen->peer_heard, .missing = seen->missing, .now_ns = now_ns,
		.timeout_ns = i->group->opt.backup_init_check_timeout_s * NS_PER_S,
	};

	if (!i->group->opt.backup_init_check)
		return FACT_NOT_WATCHED;
	if (seen->primary)		/* the next time it is a backup everything is looked at anew */
		forget(i);
	if (ports_are_due(i))
		f.missing |= INIT_BIT(INIT_PORTS);
	if (!i->looked || (i->serves_udp && !seen->server_answers))
		f.missing |= INIT_BIT(INIT_SERVER);
	i->verdict = init_judge(&i->check, &f);
	return i->verdict.fact;
}

const char *init_missing(const struct init *i)
{
	if (i->verdict.first == INIT_PORTS && i->port[0])
		return i->port;
	return init_part_text(i->verdict.first);
}
