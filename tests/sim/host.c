/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host: power, clock, NICs and the little of an IP stack that matters: ARP, the VIP, a SIP server.
 *
 * Every host has a boot clock of its own: it begins at its boot, runs a little fast or slow, and stands when
 * the hypervisor that freezes the host stops it too.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdio.h>
#include <stdlib.h>

struct host host[HOSTS];

void task_go_on(struct task *t);

/* ---- clock ------------------------------------------------------------------------------------ */

uint64_t host_now(const struct host *h)
{
	uint64_t d = sim_now - h->since_sim;

	if (h->frozen && h->clock_stands)
		return h->since_host;
	return h->since_host + d + (uint64_t)((int64_t)d / 1000000 * h->drift_ppm);
}

uint64_t host_sim_time(const struct host *h, uint64_t host_ns)
{
	uint64_t now = host_now(h), d;

	if (host_ns <= now)
		return sim_now;
	d = host_ns - now;
	return sim_now + d - (uint64_t)((int64_t)d / 1000000 * h->drift_ppm * 99 / 100) + 1;
}

uint64_t host_wake_latency(struct host *h, bool realtime)
{
	uint64_t ns = 2000 + rng_below(&world, 30000);

	if (rng_ppm(&world, realtime ? h->starved_ppm / 8 : h->starved_ppm))
		ns += rng_below(&world, h->starved_ns);
	return ns;
}

/* ---- addresses -------------------------------------------------------------------------------- */

void host_mac(const struct host *h, uint32_t net, uint8_t mac[6])
{
	const uint8_t own[6] = { 0x00, 0x16, 0x3e, 0x00, (uint8_t)net, (uint8_t)(h->port + 1) };

	memcpy(mac, own, 6);
}

const uint8_t *host_cluster_mac(struct host *h)
{
	const uint32_t ip = htonl(VIP_IP);
	const struct bt_vip *vip = h->kernel.attached ? kernel_map_get(h, "cfg_vip4", &ip) : NULL;

	return vip && vip->flags & BT_VIP_CLUSTER ? vip->mac : NULL;
}

uint32_t host_ip(uint32_t port, uint32_t net)
{
	return 0x0a000001u + (net << 16) + port;
}

/* ---- power ------------------------------------------------------------------------------------ */

uint64_t host_word(struct host *h)
{
	uint64_t *w = kernel_map(h, "st_word");

	return w[0];
}

uint64_t host_lease(struct host *h)
{
	uint64_t *l = kernel_map(h, "ct_lease");

	return l[0];
}

bool host_serves(struct host *h)
{
	return h->on && !h->frozen && h->kernel.attached && BT_WORD_MODE(host_word(h)) == BT_OPEN &&
	       host_now(h) < host_lease(h);
}

static void start_batond(void *arg, uint64_t boot)
{
	struct host *h = arg;

	if (h->on && h->boots == boot && !h->proc.alive)
		proc_start(h);
}

void host_boot(struct host *h, bool disk_lost)
{
	h->on = true;
	h->frozen = false;
	h->boots++;
	h->since_sim = sim_now;
	h->since_host = 20 * NS_PER_S + rng_below(&world, NS_PER_S);
	h->vip_addr = h->vip_route = false;
	h->link[0] = h->link[1] = true;
	h->server = true;
	h->server_life++;
	kernel_boot(h);
	for (int i = 0; i < FILES_MAX && disk_lost; i++)
		h->file[i].name[0] = '\0';
	check_boot(h, disk_lost);
	sched_at(sim_now + rng_below(&world, 3 * NS_PER_MS), start_batond, h, h->boots);
}

static void drop_queue(struct host *h)
{
	for (uint32_t i = 0; i < h->queued; i++)
		frame_free(h->queue[i]);
	h->queued = 0;
}

void host_crash(struct host *h)
{
	proc_kill(h);
	h->on = false;
	h->frozen = false;
	h->server = false;
	h->server_life++;
	h->vip_addr = h->vip_route = false;
	kernel_boot(h);
	drop_queue(h);
}

void host_freeze(struct host *h, bool clock_stands)
{
	uint64_t now = host_now(h);

	h->since_host = now;
	h->since_sim = sim_now;
	h->frozen = true;
	h->clock_stands = clock_stands;
}

/* What lies in the NIC's queue comes first or last, as it happens. */
void host_thaw(struct host *h)
{
	uint64_t now = host_now(h);

	h->since_host = now;
	h->since_sim = sim_now;
	h->frozen = false;
	for (uint32_t i = 0; i < h->proc.n_tasks; i++)
		task_go_on(h->proc.task[i]);
	kernel_timers_go_on(h);
	for (uint32_t i = 0; i < h->queued; i++)
		host_rx(h, h->queue_net[i], h->queue[i]);
	h->queued = 0;
}

void host_server(struct host *h, bool well)
{
	h->server = well;
	h->server_life++;
	h->server_at = host_now(h);
	proc_poke(h);
}

void host_link(struct host *h, uint32_t net, bool up)
{
	h->link[net] = up;
	proc_poke(h);
}

struct disk_file *host_file(struct host *h, const char *name, bool make)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (!strcmp(h->file[i].name, name))
			return &h->file[i];
	for (int i = 0; i < FILES_MAX && make; i++)
		if (!h->file[i].name[0]) {
			strncpy(h->file[i].name, name, sizeof(h->file[i].name) - 1);
			return &h->file[i];
		}
	return NULL;
}

/* ---- frames out ------------------------------------------------------------------------------- */

void host_tx(struct host *h, uint32_t net, struct frame *f)
{
	if (!h->on || !h->link[net] || !kernel_tc(h, net + 2, f)) {
		frame_free(f);
		return;
	}
	check_address(h, net, f, true);
	net_send(net, h->port, f);
}

/* ---- the stack -------------------------------------------------------------------------------- */

struct arp {
	struct ethhdr eth;
	uint16_t hardware, protocol;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t smac[6];
	uint32_t sip;
	uint8_t tmac[6];
	uint32_t tip;
} __attribute__((packed));

static void arp_in(struct host *h, uint32_t net, struct frame *f)
{
	struct arp *a = (struct arp *)f->data;
	bool mine;

	if (f->len < sizeof(*a) || a->op != htons(1)) {
		frame_free(f);
		return;
	}
	mine = ntohl(a->tip) == host_ip(h->port, net) || (net == 0 && h->vip_addr && ntohl(a->tip) == VIP_IP);
	if (!mine || a->sip == a->tip) {
		frame_free(f);
		return;
	}
	uint32_t asked = a->tip;

	memcpy(a->eth.h_dest, a->smac, 6);
	host_mac(h, net, a->eth.h_source);
	a->op = htons(2);
	memcpy(a->tmac, a->smac, 6);
	a->tip = a->sip;
	host_mac(h, net, a->smac);
	a->sip = asked;
	host_tx(h, net, f);
}

struct answer {
	struct host *host;
	uint64_t server_life, boot;
	uint8_t mac[6];
	uint32_t to, id;
	uint16_t port;
};

static void respond(void *arg, uint64_t unused)
{
	static const char text[] = "SIP/2.0 200 OK\r\n";
	struct answer *a = arg;
	struct host *h = a->host;
	uint8_t mac[6], body[64] = { 0 };
	struct frame *f;

	(void)unused;
	if (h->on && h->frozen) {	/* goes on when the host does */
		sched_at(sim_now + NS_PER_MS, respond, arg, 0);
		return;
	}
	if (h->on && h->server && h->server_life == a->server_life && h->boots == a->boot) {
		f = frame_new();
		memcpy(body, text, sizeof(text) - 1);
		memcpy(body + 60, &a->id, 4);
		host_mac(h, 0, mac);
		net_udp(f, mac, a->mac, VIP_IP, a->to, SIP_PORT, a->port, body, sizeof(body));
		host_tx(h, 0, f);
	}
	free(a);
}

static void request_in(struct host *h, struct frame *f)
{
	struct ethhdr *eth = (struct ethhdr *)f->data;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	struct answer *a;
	uint32_t id;

	if (!h->server || (!h->vip_addr && !h->vip_route) || f->len < 14 + 20 + 8 + 64)
		return;
	memcpy(&id, (char *)(udp + 1) + 60, 4);
	a = malloc(sizeof(*a));
	*a = (struct answer){ .host = h, .server_life = h->server_life, .boot = h->boots, .to = ntohl(ip->saddr),
			      .id = id, .port = ntohs(udp->source) };
	/* Answers go to whom the neighbour table names: marks are nobody's address. */
	memcpy(a->mac, (const uint8_t[6]){ 0x00, 0x16, 0x3e, 0x00, 0x00, PORT_CLIENT + 1 }, 6);
	sched_at(sim_now + h->service_ns / 2 + rng_below(&world, h->service_ns), respond, a, 0);
}

static void stack_in(struct host *h, uint32_t net, struct frame *f)
{
	struct ethhdr *eth = (struct ethhdr *)f->data;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	uint32_t id;

	if (eth->h_proto == htons(ETH_P_ARP)) {
		raw_saw(h, net, f);
		arp_in(h, net, f);
		return;
	}
	if (eth->h_proto == htons(ETH_P_IP) && f->len >= 34 && ntohl(ip->daddr) == VIP_IP) {
		memcpy(&id, f->data + 14 + 20 + 8 + 60, 4);
		check_address(h, net, f, false);
		client_accepted(h, id);
		request_in(h, f);
	}
	frame_free(f);
}

/* What batond told the NIC to take, it takes. */
static bool for_me(struct host *h, uint32_t net, const struct frame *f)
{
	const uint8_t *cluster = net == 0 ? host_cluster_mac(h) : NULL;
	uint8_t mac[6];

	host_mac(h, net, mac);
	return (f->data[0] & 1) || !memcmp(f->data, mac, 6) || (cluster && !memcmp(f->data, cluster, 6));
}

static void host_reflect(struct host *h, uint32_t net, struct frame *f)
{
	check_address(h, net, f, true);
	net_send(net, h->port, f);
}

void host_rx(struct host *h, uint32_t net, struct frame *f)
{
	uint32_t verdict;

	if (!h->on || !h->link[net] || !for_me(h, net, f)) {
		frame_free(f);
		return;
	}
	if (h->frozen) {
		if (h->queued == NIC_QUEUE) {
			frame_free(f);
			return;
		}
		h->queue_net[h->queued] = (uint8_t)net;
		h->queue[h->queued++] = f;
		return;
	}
	verdict = kernel_xdp(h, net + 2, f);
	if (verdict == XDP_PASS)
		stack_in(h, net, f);
	else if (verdict == XDP_TX)
		host_reflect(h, net, f);
	else
		frame_free(f);
}

/* ---- beginning -------------------------------------------------------------------------------- */

static void conf_error(void *arg, const char *file, unsigned line, const char *text)
{
	(void)arg;
	violated("setup", "%s:%u: %s", file, line, text);
}

static void make_conf(struct host *h, uint32_t paths)
{
	char text[1024];
	int peer = h->id == 1 ? 2 : 1, n;

	n = snprintf(text, sizeof(text),
		     "[node]\nname = %s\npair-id = 7\nsecret-file = /secret\nstate-dir = /state\n"
		     "[peer]\nname = %s\npath = eth0 10.0.0.%d\n%s"
		     "pulse-interval = 3ms\npulse-misses = 10\nlease = 250ms\n"
		     "[TServer]\nnetwork-monitoring-timeout = 1\n"
		     "[group sip]\nmode = %s\ninterface = eth0\nsip-address = 10.0.0.100/24\nsip-port = 5060\n"
		     "linger = 500ms\n",
		     h->name, h->id == 1 ? "b" : "a", peer,
		     paths < 2 ? "" : h->id == 1 ? "path = eth1 10.1.0.2\n" : "path = eth1 10.1.0.1\n",
		     in_cluster ? "cluster" : "takeover");
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", profile->flags & P_WITNESS ? "[arbiter]\ntype = etcd\n" : "");
	conf_parse(&h->conf, "baton.conf", text, (size_t)n, conf_error, NULL);
}

void host_reset(uint32_t paths)
{
	for (int i = 0; i < HOSTS; i++) {
		struct host *h = &host[i];

		proc_kill(h);
		drop_queue(h);
		for (int k = 0; k < FILES_MAX; k++)
			h->file[k].name[0] = '\0';
		h->id = (uint8_t)(i + 1);
		h->port = (uint8_t)i;
		h->name[0] = (char)('a' + i);
		h->name[1] = '\0';
		h->on = h->frozen = false;
		h->starved_ppm = 0;
		h->starved_ns = 0;
		h->late_ppm = 0;
		h->late_ns = 0;
		h->boots = 0;
		h->server_life = 0;
		h->service_ns = 500000;
		h->disk_ns = 2 * NS_PER_MS;
		h->rtnl_ns = 200000;
		h->disk_fails = false;
		h->restarts = true;
		h->exec_ns = h->again_at = 0;
		h->drift_ppm = 0;
		make_conf(h, paths);
	}
}
