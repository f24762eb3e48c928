/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_filter: would a packet filter of this host keep calls from a server that is drained?
 *
 * What goes on in them comes to the server's own port, behind XDP, so a filter that knows the VIP's port alone drops it, and nobody
 * hears of that. Rules are not read, there are too many kinds: a datagram is let come in, to the VIP's port, which shows that its
 * sender gets in at all, and to those ports.
 * Blocks:  some DP_PROBE_NS for each VIP: the examiner's thread alone.
 */
#include "ha/doctor_own.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/single.h"
#include "ha/sockets.h"
#include "sys/clock.h"
#include "sys/dp_probe.h"
#include "sys/raw.h"

#define SENDERS	3	/* neighbours of the VIP by number; one may be this host's own address, or the net's broadcast */

/* ---- main ---- */

static void copy_way(const struct conf *c, const struct conf_group *g, uint32_t vip, struct exam_way *ret)
{
	*ret = (struct exam_way){ .vip = c->vips[vip].addr.ip, .sip = g->ports[0].port };
	memcpy(ret->group, g->name, sizeof(ret->group));
	memcpy(ret->dev, c->vips[vip].dev, sizeof(ret->dev));
	for (uint32_t k = 0; k < BT_SERVERS; k++)
		ret->own[k] = sockets_port(g, k);
}

void exam_copy_ways(const struct ha *ha, struct exam_in *in)
{
	const struct conf *c = ha->conf;

	in->n_ways = 0;
	if (!single_prober(ha, &in->probe))
		return;
	for (uint32_t i = 0; i < c->n_groups; i++) {
		const struct conf_group *g = &c->groups[i];

		if (!single_is(&ha->group[i]) || (g->ports[0].transport != PORT_UDP_TCP && g->ports[0].transport != PORT_UDP))
			continue;
		for (uint32_t v = 0; v < g->n_vips && in->n_ways < EXAM_WAYS_MAX; v++)
			copy_way(c, g, g->first_vip + v, &in->way[in->n_ways++]);
	}
}

/* ---- the thread ---- */

static bool interface_of(const struct exam_way *w, struct dp_probe_way *ret)
{
	int fd = raw_asker(), err = fd < 0 ? fd : 0;

	ret->ifindex = if_nametoindex(w->dev);
	if (!err)
		err = ret->ifindex ? raw_mac(fd, ret->ifindex, ret->mac) : -1;
	if (fd >= 0)
		close(fd);
	return !err;
}

/* Another port each time, or a filter that knows connections would answer for the one before. */
static bool comes_in(const struct exam_in *in, struct dp_probe_way *way, uint16_t port)
{
	way->from.port = (uint16_t)(32768 + clock_now_ns() / 1000 % 28000);
	way->to.port = port;
	return dp_probe_run(&in->probe, way) == 1;
}

/* A sender who may come to the VIP's port. */
static bool find_sender(const struct exam_in *in, const struct exam_way *w, struct dp_probe_way *way)
{
	way->to.ip = w->vip;
	for (uint8_t i = 1; i <= SENDERS; i++) {
		way->from.ip = w->vip;
		way->from.ip.s6_addr[15] ^= i;
		if (comes_in(in, way, w->sip))
			return true;
	}
	return false;
}

/* Lists the ports that are shut; @n: how many were asked. */
static bool list_shut(const struct exam_in *in, const struct exam_way *w, struct dp_probe_way *way, char *text, size_t len)
{
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t k = 0; k < BT_SERVERS && n < len; k++)
		if ((!k || w->own[k] != w->own[0]) && !comes_in(in, way, w->own[k]))
			n += (size_t)snprintf(text + n, len - n, "%s%u", n ? ", " : "", w->own[k]);
	return n > 0 && comes_in(in, way, w->sip);
}

static void look_at(const struct exam_in *in, const struct exam_way *w, const struct rows *r)
{
	char text[HA_TEXT], fix[HA_WHY], vip[INET6_ADDRSTRLEN], shut[32] = "";
	struct dp_probe_way way;
	bool bad = false;

	conf_ip_text(&w->vip, vip);
	if (!interface_of(w, &way) || !find_sender(in, w, &way)) {
		snprintf(text, sizeof(text), "%s: not found out: a trial datagram did not get to %s port %u either",
			 w->group, vip, w->sip);
	} else {
		bad = list_shut(in, w, &way, shut, sizeof(shut));
		snprintf(text, sizeof(text), bad ? "%s: a filter lets UDP to %s port %u in, but not to %s" :
			 "%s: UDP comes in to %s port %u and to the servers' own", w->group, vip, w->sip, shut);
	}
	snprintf(fix, sizeof(fix), "let UDP to %s in at port %s too: what goes on in the calls of a server that is drained comes there, and is lost",
		 vip, shut);
	doctor_say(r, bad ? "warn" : "ok", "filter", text, bad ? fix : "");
}

void exam_filter(const struct exam_in *in, const struct rows *r)
{
	for (uint32_t i = 0; i < in->n_ways; i++)
		look_at(in, &in->way[i], r);
}
