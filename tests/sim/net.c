/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net: a switch that learns addresses, marks too, and a cable between the two hosts. From every port to every
 * other there is a way with its own loss, delay, doubles and overtaking; a way can be cut in one direction.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdlib.h>

#define LEARNT		32
#define GOOD_LOSS_PPM	100000	/* a way with more loss than this is none, */
#define GOOD_DELAY_NS	(20 * NS_PER_MS)	/* and when delay begins, nothing comes for as long */

struct way way[NETS][PORTS][PORTS];
bool net_filters;

static struct { uint64_t mac, used; uint32_t port; } learnt[LEARNT];
static uint64_t uses;
static struct frame *spare;

struct frame *frame_new(void)
{
	struct frame *f = spare;

	if (!f)
		return malloc(sizeof(*f));
	memcpy(&spare, f->data, sizeof(spare));
	return f;
}

void frame_free(struct frame *f)
{
	memcpy(f->data, &spare, sizeof(spare));
	spare = f;
}

void net_reset(void)
{
	memset(way, 0, sizeof(way));
	memset(learnt, 0, sizeof(learnt));
	uses = 0;
	net_filters = false;
	for (int n = 0; n < NETS; n++)
		for (int a = 0; a < PORTS; a++)
			for (int b = 0; b < PORTS; b++)
				way[n][a][b].delay_ns = 30000;
}

static bool good(const struct way *w)
{
	return !w->cut && w->loss_ppm <= GOOD_LOSS_PPM && w->delay_ns <= GOOD_DELAY_NS;
}

static bool not_dead(const struct way *w)
{
	return !w->cut;
}

static bool some_way(uint32_t from, uint32_t to, bool (*is)(const struct way *w))
{
	for (uint32_t n = 0; n < NETS; n++) {
		const struct host *a = &host[from], *b = &host[to];

		if ((n == 0 || a->conf.n_paths > 1) && is(&way[n][from][to]) && a->on && b->on && !a->frozen &&
		    !b->frozen && a->link[n] && b->link[n])
			return true;
	}
	return false;
}

bool net_works(uint32_t from, uint32_t to)
{
	return some_way(from, to, good);
}

bool net_may_work(uint32_t from, uint32_t to)
{
	return some_way(from, to, not_dead);
}

/* ---- the switch's table ----------------------------------------------------------------------- */

static uint64_t number(const uint8_t *mac)
{
	uint64_t n = 0;

	for (int i = 0; i < 6; i++)
		n = n << 8 | mac[i];
	return n;
}

static void learn(uint32_t port, const uint8_t *mac)
{
	uint64_t n = number(mac);
	int oldest = 0;

	if (mac[0] & 1)
		return;
	for (int i = 0; i < LEARNT; i++) {
		if (learnt[i].mac == n) {
			oldest = i;
			break;
		}
		if (learnt[i].used < learnt[oldest].used)
			oldest = i;
	}
	learnt[oldest].mac = n;
	learnt[oldest].used = ++uses;
	learnt[oldest].port = port;
}

static uint32_t port_of(const uint8_t *mac)
{
	uint64_t n = number(mac);

	for (int i = 0; i < LEARNT && !(mac[0] & 1); i++)
		if (learnt[i].mac == n)
			return learnt[i].port;
	return PORTS;
}

/* ---- on the way ------------------------------------------------------------------------------- */

static void arrive(void *arg, uint64_t where)
{
	uint32_t net = where >> 8, port = where & 0xff;

	trace(where);
	stranger_sees(net, port, arg);
	if (port < HOSTS)
		host_rx(&host[port], net, arg);
	else if (port == PORT_CLIENT)
		client_rx(arg);
	else
		frame_free(arg);
}

static void go(uint32_t net, struct way *w, uint32_t to, const struct frame *f)
{
	uint64_t at = sim_now + w->delay_ns + (w->jitter_ns ? rng_below(&world, w->jitter_ns) : 0);
	struct frame *copy;

	if (w->cut || rng_ppm(&world, w->loss_ppm))
		return;
	if (rng_ppm(&world, w->reorder_ppm))
		at += rng_below(&world, 5 * NS_PER_MS);
	else if (at <= w->last_at)
		at = w->last_at + 100;
	if (at > w->last_at)
		w->last_at = at;
	copy = frame_new();
	copy->len = f->len;
	memcpy(copy->data, f->data, f->len);
	sched_at(at, arrive, copy, (uint64_t)net << 8 | to);
	if (rng_ppm(&world, w->dup_ppm))
		go(net, w, to, f);
}

static bool is_foreign(uint32_t net, uint32_t port, const struct frame *f)
{
	uint8_t own[6];

	if (port >= HOSTS)
		return false;
	host_mac(&host[port], net, own);
	return memcmp(f->data + 6, own, 6) != 0;
}

static bool unplugged(uint32_t net, uint32_t port)
{
	for (uint32_t i = 0; i < PORTS; i++)
		if (i != port && i != PORT_STRANGER && !way[net][port][i].cut)
			return false;
	return true;
}

void net_send(uint32_t net, uint32_t port, struct frame *f)
{
	uint32_t to = net == 0 ? port_of(f->data) : !port;

	if (net_filters && is_foreign(net, port, f)) {
		frame_free(f);
		return;
	}
	if (net == 0 && port != PORT_STRANGER && !unplugged(net, port))	/* to take a host's port is to cut it */
		learn(port, f->data + 6);
	if (to < PORTS && to != port)
		go(net, &way[net][port][to], to, f);
	for (uint32_t i = 0; to == PORTS && i < PORTS; i++)
		if (i != port)
			go(net, &way[net][port][i], i, f);
	frame_free(f);
}

/* ---- making frames ---------------------------------------------------------------------------- */

static uint16_t ip_sum(const void *p, size_t len)
{
	const uint16_t *w = p;
	uint32_t sum = 0;

	for (; len; len -= 2)
		sum += *w++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

void net_udp(struct frame *f, const uint8_t src_mac[6], const uint8_t dst_mac[6], uint32_t src, uint32_t dst,
	     uint16_t sport, uint16_t dport, const void *data, size_t len)
{
	struct ethhdr *eth = (struct ethhdr *)f->data;
	struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons((uint16_t)(28 + len)), .ttl = 64, .protocol = 17,
			    .saddr = htonl(src), .daddr = htonl(dst) };
	struct udphdr udp = { htons(sport), htons(dport), htons((uint16_t)(8 + len)), 0 };

	memcpy(eth->h_dest, dst_mac, 6);
	memcpy(eth->h_source, src_mac, 6);
	eth->h_proto = htons(ETH_P_IP);
	ip.check = ip_sum(&ip, sizeof(ip));
	memcpy(f->data + 14, &ip, sizeof(ip));
	memcpy(f->data + 34, &udp, sizeof(udp));
	memcpy(f->data + 42, data, len);
	f->len = (uint32_t)(42 + len);
}
