/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stranger: somebody on the clients' network who records pulses and marked frames, and sends them again: as they
 * were, bent, cut short, from the peer's address or his own. Nothing of it may move anything (S7).
 */
#include "sim.h"

#include <linux/if_ether.h>

#define KEPT 256

static struct frame kept[KEPT];
static uint32_t n_kept, at, life;
static bool on;

static void forge(struct frame *f)
{
	/* His own address: taking a host's port on the switch from it is another matter (a cut). */
	memcpy(f->data + 6, (const uint8_t[6]){ 0x00, 0x16, 0x3e, 0x00, 0x00, PORT_STRANGER + 1 }, 6);
	switch (rng_below(&world, 8)) {
	case 0:
		f->data[42 + rng_below(&world, f->len - 42)] ^= (uint8_t)(1 + rng_below(&world, 255));
		break;
	case 1:
		f->len = (uint32_t)(43 + rng_below(&world, f->len - 43));
		break;
	case 2:
		for (uint32_t i = 42 + 8; i < f->len; i++)
			f->data[i] = (uint8_t)rng_next(&world);
		break;
	case 3:		/* from a mark that is none, to the VIP's holder */
		f->data[6] = 0x02;
		for (int i = 7; i < 12; i++)
			f->data[i] = (uint8_t)rng_next(&world);
		break;
	}
}

/* A client's request, sent to one host with the plain address of the other: a third host may, a cron job does. */
static void from_the_peer(void)
{
	static const char body[64] = "OPTIONS sip:baton@10.0.0.100 SIP/2.0\r\nVia: y\r\n";
	uint32_t to = (uint32_t)rng_below(&world, HOSTS);
	struct frame *f = frame_new();
	uint8_t mac[6], peers[6];

	host_mac(&host[to], 0, mac);
	host_mac(&host[!to], 0, peers);
	net_udp(f, peers, mac, host_ip(!to, 0), VIP_IP, 5070, SIP_PORT, body, sizeof(body));
	memset(f->data + f->len - 4, 0xff, 4);		/* no request of the client's */
	net_send(0, PORT_STRANGER, f);
}

static void act(void *arg, uint64_t of_life)
{
	const struct frame *k;
	struct frame *f;

	(void)arg;
	if (of_life != life)
		return;
	sched_at(sim_now + 100000 + rng_below(&world, 4 * NS_PER_MS), act, NULL, life);
	if (rng_one_in(&world, 8))
		from_the_peer();
	if (!n_kept)
		return;
	k = &kept[rng_below(&world, n_kept)];
	f = frame_new();
	*f = *k;
	forge(f);
	if (f->len >= 43)
		net_send(0, PORT_STRANGER, f);
	else
		frame_free(f);
}

/* A mirror port: he sees all that goes to the hosts. */
void stranger_sees(uint32_t net, uint32_t to, const struct frame *f)
{
	if (!on || net || to >= HOSTS || f->len < 60 || f->data[12] != 0x08 || f->data[13] || !rng_one_in(&world, 16))
		return;
	kept[n_kept < KEPT ? at++ : rng_below(&world, KEPT)] = *f;	/* of all times alike, about */
	if (n_kept < KEPT)
		n_kept++;
}

bool stranger_is_there(void)
{
	return on;
}

void stranger_reset(bool active)
{
	n_kept = at = 0;
	on = active;
	life++;
	if (active)
		sched_at(300 * NS_PER_MS, act, NULL, life);
}
