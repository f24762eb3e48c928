/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client: OPTIONS to the VIP at a steady pace, and what became of each. It has a neighbour table with one row,
 * which announcements change unless they are ignored, and asks anew when nothing has answered for a while.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <stdlib.h>

#define REQUESTS_MAX	65536
#define STALE_NS	(150 * NS_PER_MS)

struct request {
	uint64_t at;
	uint8_t accepted[HOSTS], answers;
};

struct client_tally tally;
bool client_ignores_announcements;

static struct request *req;
static uint32_t n_req, sent_life;
static uint64_t every, last_answer, asked_at;
static uint8_t vip_mac[6];
static bool knows, stopped;

static const uint8_t my_mac[6] = { 0x00, 0x16, 0x3e, 0x00, 0x00, PORT_CLIENT + 1 };

static void ask(void)
{
	struct frame *f = frame_new();
	uint8_t arp[28] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint32_t mine = htonl(host_ip(PORT_CLIENT, 0)), vip = htonl(VIP_IP);

	memset(f->data, 0xff, 6);
	memcpy(f->data + 6, my_mac, 6);
	f->data[12] = 0x08;
	f->data[13] = 0x06;
	memcpy(arp + 8, my_mac, 6);
	memcpy(arp + 14, &mine, 4);
	memcpy(arp + 24, &vip, 4);
	memcpy(f->data + 14, arp, sizeof(arp));
	f->len = 42;
	asked_at = sim_now;
	net_send(0, PORT_CLIENT, f);
}

static void send_one(void)
{
	static const char text[] = "OPTIONS sip:baton@10.0.0.100 SIP/2.0\r\nVia: x\r\n";
	uint8_t body[64] = { 0 };
	struct frame *f;

	if (n_req == REQUESTS_MAX)
		return;
	f = frame_new();
	memcpy(body, text, sizeof(text) - 1);
	memcpy(body + 60, &n_req, 4);
	req[n_req++] = (struct request){ .at = sim_now };
	tally.sent++;
	net_udp(f, my_mac, vip_mac, host_ip(PORT_CLIENT, 0), VIP_IP, 5062, SIP_PORT, body, sizeof(body));
	net_send(0, PORT_CLIENT, f);
}

static void tick(void *arg, uint64_t life)
{
	uint64_t quiet = sim_now - last_answer;

	(void)arg;
	if (life != sent_life || stopped)
		return;
	if ((!knows || quiet > STALE_NS) && sim_now - asked_at > 50 * NS_PER_MS)
		ask();
	if (knows)
		send_one();
	sched_at(sim_now + every, tick, NULL, life);
}

void client_reset(uint64_t every_ns)
{
	if (!req)
		req = malloc(REQUESTS_MAX * sizeof(*req));
	n_req = 0;
	sent_life++;
	every = every_ns;
	last_answer = asked_at = 0;
	knows = stopped = client_ignores_announcements = false;
	memset(&tally, 0, sizeof(tally));
	sched_at(100 * NS_PER_MS, tick, NULL, sent_life);
}

void client_stop(void)
{
	stopped = true;
}

uint64_t client_last_answer(void)
{
	return last_answer;
}

static void arp_in(const struct frame *f)
{
	uint32_t sender, target;
	bool answer = f->data[21] == 2 && !memcmp(f->data, my_mac, 6);

	memcpy(&sender, f->data + 28, 4);
	memcpy(&target, f->data + 38, 4);
	if (ntohl(sender) != VIP_IP || (!answer && (client_ignores_announcements || !knows)))
		return;
	memcpy(vip_mac, f->data + 22, 6);
	knows = true;
}

void client_rx(struct frame *f)
{
	struct iphdr *ip = (struct iphdr *)(f->data + 14);
	uint32_t id;

	if (f->data[12] == 0x08 && f->data[13] == 0x06 && f->len >= 42) {
		arp_in(f);
	} else if (f->data[12] == 0x08 && f->data[13] == 0 && f->len >= 106 && ntohl(ip->saddr) == VIP_IP &&
		   !memcmp(f->data, my_mac, 6)) {
		memcpy(&id, f->data + 42 + 60, 4);
		last_answer = sim_now;
		if (id < n_req && !req[id].answers++)
			tally.answered++;
		else
			tally.twice++;
	}
	frame_free(f);
}

void client_accepted(struct host *h, uint32_t id)
{
	check_accept(h);
	if (id >= n_req)
		return;
	tally.accepted++;
	if (!req[id].accepted[h->port]++ && req[id].accepted[!h->port]) {
		tally.both++;
		check_accepts(h, id);
	}
}

void client_count_lost(uint64_t sent_before)
{
	tally.lost = 0;
	for (uint32_t i = 0; i < n_req && req[i].at < sent_before; i++)
		if (!req[i].answers) {
			if (!tally.lost)
				tell(NULL, "request %u of %llu us was never answered (accepted by a: %u, b: %u)", i,
				     (unsigned long long)req[i].at / 1000, req[i].accepted[0], req[i].accepted[1]);
			tally.lost++;
		}
}
