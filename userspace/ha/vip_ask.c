/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/vip_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <unistd.h>

#include "core/arp_msg.h"
#include "core/conf.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/raw.h"

#define EVERY_NS	(50 * NS_PER_MS)
#define GAP_NS		(2 * EVERY_NS)	/* so late, and somebody may have come and gone unasked */
#define ENOUGH		5		/* questions without an answer: one or two may be lost */
#define READS		16		/* answers looked at; one says it all */

struct vip_ask {
	struct vip vip;
	int fd;
	bool on;
	uint64_t since_ns;	/* the asking began, or somebody answered */
	uint64_t next_ns;
	uint32_t open;		/* questions since then */
	uint64_t silent_ns;
};

/* Four bytes of an address as filters compare them: in host order. */
static uint32_t word_of(const struct in6_addr *ip, int i)
{
	__be32 word;

	memcpy(&word, &ip->s6_addr[4 * i], sizeof(word));
	return ntohl(word);
}

/* Go on only if what stands behind the Ethernet header at @at is @value; else @skip instructions on. */
#define UNLESS(size, at, value, skip) \
	BPF_STMT(BPF_LD | (size) | BPF_ABS, ETH_HLEN + (at)), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

/* ARP for IPv4, question or answer, whose sender is the VIP. */
static int listen_v4(const struct vip *v)
{
	struct sock_filter code[] = {
		UNLESS(BPF_H, 2, ETH_P_IP, 3),
		UNLESS(BPF_W, 14, word_of(&v->ip, 3), 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return raw_listen(v->ifindex, ETH_P_ARP, code, sizeof(code) / sizeof(code[0]));
}

/* Neighbour advertisements of the VIP that no router has sent on. */
static int listen_v6(const struct vip *v)
{
	struct sock_filter code[] = {
		UNLESS(BPF_B, 6, IPPROTO_ICMPV6, 13),
		UNLESS(BPF_B, 7, 255, 11),
		UNLESS(BPF_B, 40, ARP_MSG_NA, 9),
		UNLESS(BPF_W, 48, word_of(&v->ip, 0), 7),
		UNLESS(BPF_W, 52, word_of(&v->ip, 1), 5),
		UNLESS(BPF_W, 56, word_of(&v->ip, 2), 3),
		UNLESS(BPF_W, 60, word_of(&v->ip, 3), 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return raw_listen(v->ifindex, ETH_P_IPV6, code, sizeof(code) / sizeof(code[0]));
}

static const struct vip *pick(const struct vip *vips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (conf_is_v4(&vips[i].ip))
			return &vips[i];
	return &vips[0];
}

int vip_ask_open(struct vip_ask **ret, const struct vip *vips, uint32_t n)
{
	struct vip_ask *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->vip = *pick(vips, n);
	a->fd = conf_is_v4(&a->vip.ip) ? listen_v4(&a->vip) : listen_v6(&a->vip);
	if (a->fd < 0) {
		err = a->fd;
		free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void vip_ask_close(struct vip_ask *a)
{
	if (!a)
		return;
	close(a->fd);
	free(a);
}

static void start_over(struct vip_ask *a, uint64_t now_ns)
{
	a->since_ns = now_ns;
	a->silent_ns = 0;
	a->open = 0;
}

static int ask(const struct vip_ask *a)
{
	uint8_t buf[ARP_MSG_MAX], mac[6];
	struct iovec frame = { .iov_base = buf };
	struct in_addr v4;
	int err;

	if (!raw_link_up(a->fd, a->vip.ifindex))
		return -ENETDOWN;
	err = raw_mac(a->fd, a->vip.ifindex, mac);
	if (err)
		return err;
	memcpy(&v4, &a->vip.ip.s6_addr[12], sizeof(v4));
	frame.iov_len = conf_is_v4(&a->vip.ip) ? arp_msg_probe(buf, mac, v4) :
			arp_msg_solicit(buf, mac, &a->vip.ip);
	err = raw_send(a->fd, a->vip.ifindex, &frame, 1);
	return err < 0 ? err : 0;
}

static void begin(struct vip_ask *a, uint64_t now_ns)
{
	a->on = true;
	a->next_ns = now_ns;
	raw_heard(a->fd, READS);	/* what was said unasked is old by now */
	start_over(a, now_ns);
}

uint64_t vip_ask_turn(struct vip_ask *a, bool wanted, uint64_t now_ns)
{
	if (!wanted) {
		a->on = false;
		a->silent_ns = 0;
		return LOOP_NEVER;
	}
	if (!a->on)
		begin(a, now_ns);
	if (now_ns < a->next_ns)
		return a->next_ns;
	if (raw_heard(a->fd, READS) || now_ns > a->next_ns + GAP_NS)
		start_over(a, now_ns);
	if (a->open >= ENOUGH)
		a->silent_ns = now_ns - a->since_ns;
	if (ask(a))
		start_over(a, now_ns);
	else
		a->open++;
	a->next_ns = now_ns + EVERY_NS;
	return a->next_ns;
}

bool vip_ask_is_on(const struct vip_ask *a)
{
	return a->on;
}

uint64_t vip_ask_silent_ns(const struct vip_ask *a)
{
	return a->silent_ns;
}
