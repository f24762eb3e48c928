/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/announce.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "core/arp_msg.h"
#include "core/cluster_mac.h"
#include "core/when.h"
#include "ha/deal.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/raw.h"
#include "sys/sysctl.h"
#include "sys/thread.h"

#define TICKS_PER_S	100	/* so often, at most, a paced round wakes up */
#define SLICE		256	/* frames of the first round in one turn; */
#define MANY		128	/* VIPs: more than so many are told of by two threads, */
#define FOLLOW		32	/* and so many frames at a time are what follows */
#define PRIORITY	30	/* of the second: as the placer, which has not much to do then */
#define RETRY_NS	(1 * NS_PER_MS)	/* a full queue has drained by then */

_Static_assert(BT_VIPS_MAX <= DEAL_MAX, "every VIP of a group is dealt out");

/* When each round begins, after the start. A round that is late by then is left out. */
static const uint64_t round_at_ns[] = {
	0, 100 * NS_PER_MS, 500 * NS_PER_MS, 1 * NS_PER_S, 2 * NS_PER_S, 5 * NS_PER_S, 10 * NS_PER_S,
};
#define ROUNDS	((uint32_t)(sizeof(round_at_ns) / sizeof(round_at_ns[0])))

struct port {			/* an interface with VIPs of ours, as found at the start */
	uint32_t ifindex;
	int err;		/* why nothing can be sent there, or 0 */
	uint8_t mac[6];
	bool forwards;		/* IPv6 router: the R flag of advertisements */
};

struct router {
	struct in6_addr ip;
	uint32_t ifindex;	/* where the neighbour table has it; 0: nowhere */
	uint8_t mac[6];
};

struct announce {
	const struct vip *vips;
	uint32_t n;
	const enum conf_cluster_mac *cluster;		/* NULL: VIPs are where their interface is */
	struct router routers[CONF_ROUTERS_MAX];	/* as this announcement goes by them */
	struct router learnt[CONF_ROUTERS_MAX];		/* by announce_learn(), behind the lock */
	pthread_mutex_t lock;
	uint32_t n_routers;
	struct port ports[CONF_IFACES_MAX];
	uint32_t n_ports;
	uint32_t rate;
	int fd;
	struct nl nl;
	bool running;
	uint64_t start_ns, next_ns;
	uint32_t round;
	uint32_t at;		/* next frame of the round: kind * n + index of the VIP */

	struct deal *deal;	/* many VIPs: their first broadcasts, by two threads; NULL: one is enough */
	bool dealing;
};

/*
 * A round is a table of frames: every VIP in its first kind, then in the next. Kind 0 is the broadcast
 * that matters most, kinds 1.. are the routers, the last is the ARP reply for those who want that form.
 */
static uint32_t frames_per_round(const struct announce *a)
{
	return a->n * (a->n_routers + 2);
}

static struct port *port_of(struct announce *a, uint32_t ifindex)
{
	for (uint32_t i = 0; i < a->n_ports; i++)
		if (a->ports[i].ifindex == ifindex)
			return &a->ports[i];
	return NULL;
}

static struct in_addr v4_of(const struct in6_addr *ip)
{
	struct in_addr v4;

	memcpy(&v4, &ip->s6_addr[12], sizeof(v4));
	return v4;
}

/* NULL: not known on that interface. */
static const uint8_t *mac_of(const struct router *r, const struct port *p)
{
	return r->ifindex == p->ifindex ? r->mac : NULL;
}

static size_t make_v4(const struct announce *a, const struct port *p, const struct vip *v, const uint8_t *mac,
		      uint32_t kind, uint8_t *buf)
{
	const struct router *r;

	if (kind == 0 || kind == a->n_routers + 1)
		return arp_msg_gratuitous(buf, mac, v4_of(&v->ip), kind != 0);
	r = &a->routers[kind - 1];
	if (!conf_is_v4(&r->ip))
		return 0;
	return arp_msg_ask(buf, mac, v4_of(&v->ip), v4_of(&r->ip), mac_of(r, p));
}

static size_t make_v6(const struct announce *a, const struct port *p, const struct vip *v, const uint8_t *mac,
		      uint32_t kind, uint8_t *buf)
{
	const struct router *r;

	if (kind == 0)
		return arp_msg_na(buf, mac, &v->ip, p->forwards, NULL, NULL);
	if (kind == a->n_routers + 1)
		return 0;	/* has one form only */
	r = &a->routers[kind - 1];
	if (conf_is_v4(&r->ip))
		return 0;
	return arp_msg_na(buf, mac, &v->ip, p->forwards, &r->ip, mac_of(r, p));
}

static size_t make_of(const struct announce *a, const struct port *p, const struct vip *v, uint32_t kind, uint8_t *buf)
{
	uint8_t mac[6];
	size_t len;

	memcpy(mac, p->mac, sizeof(mac));
	if (a->cluster)
		cluster_mac(*a->cluster, &v->ip, mac);
	len = conf_is_v4(&v->ip) ? make_v4(a, p, v, mac, kind, buf) : make_v6(a, p, v, mac, kind, buf);
	if (len)
		arp_msg_from(buf, p->mac);
	return len;
}

/* Frame number @at of a round; 0: there is none. @ret_port: where it leaves. */
static size_t make_frame(struct announce *a, uint32_t at, uint8_t *buf, struct port **ret_port)
{
	const struct vip *v = &a->vips[at % a->n];
	struct port *p = port_of(a, v->ifindex);

	if (!p || p->err)
		return 0;
	*ret_port = p;
	return make_of(a, p, v, at / a->n, buf);
}

/* Frames that go out together, all by one interface. */
struct slice {
	uint8_t bytes[RAW_BATCH][ARP_MSG_MAX];
	struct iovec frames[RAW_BATCH];
	uint32_t after[RAW_BATCH];	/* where the round stands when this frame is gone */
	uint32_t n;
	struct port *port;
};

static void fill_slice(struct announce *a, struct slice *s, uint32_t max)
{
	uint32_t end = frames_per_round(a);
	struct port *p;

	s->n = 0;
	for (uint32_t at = a->at; at < end && s->n < max && s->n < RAW_BATCH; at++) {
		size_t len = make_frame(a, at, s->bytes[s->n], &p);

		if (!len)
			continue;
		if (s->n && p != s->port)
			return;
		s->port = p;
		s->frames[s->n] = (struct iovec){ .iov_base = s->bytes[s->n], .iov_len = len };
		s->after[s->n++] = at + 1;
	}
	if (!s->n)
		a->at = end;	/* nothing but frames that do not exist */
}

/*
 * Send up to @budget frames of the present round. How many went, or -EAGAIN when the queue is full.
 * An interface that refuses for another reason is left alone until the next start.
 */
static int send_some(struct announce *a, uint32_t budget)
{
	static struct slice s;
	uint32_t gone = 0;
	int sent;

	while (gone < budget && a->at < frames_per_round(a)) {
		fill_slice(a, &s, budget - gone);
		if (!s.n)
			break;
		sent = raw_send_now(s.port->ifindex, s.frames, s.n);
		if (sent == -EAGAIN || sent == -ENOBUFS)
			return -EAGAIN;
		if (sent < 0)
			s.port->err = sent;
		else
			a->at = s.after[sent - 1];
		gone += sent > 0 ? (uint32_t)sent : 0;
	}
	return (int)gone;
}

/* The newest round that is due, or the first that is not: what was missed is not made up for. */
static uint64_t next_round(struct announce *a, uint64_t now_ns)
{
	uint64_t since_ns = now_ns - a->start_ns;

	a->at = 0;
	a->round++;
	while (a->round + 1 < ROUNDS && round_at_ns[a->round + 1] <= since_ns)
		a->round++;
	if (a->round >= ROUNDS) {
		a->running = false;
		return LOOP_NEVER;
	}
	return later(now_ns, a->start_ns + round_at_ns[a->round]);
}

/* Frames of one turn. The first broadcasts are as fast as the interface takes them, but leases are renewed between turns. */
static uint32_t budget_of(const struct announce *a)
{
	uint32_t tick = a->rate / TICKS_PER_S;

	if (!a->round)
		return a->deal ? FOLLOW : SLICE;
	return tick ? tick : 1;
}

/* The first broadcasts of many: what follows them gives way to the first requests, which have the same CPUs to come by. */
static uint64_t deal_on(struct announce *a, uint64_t now_ns)
{
	enum deal_left left = deal_take(a->deal, SLICE);

	if (left == DEAL_MORE)
		return now_ns;
	if (left == DEAL_WAIT)
		return now_ns + RETRY_NS;
	a->dealing = false;
	a->at = a->n;
	return now_ns + RETRY_NS;
}

static uint64_t go_on(struct announce *a, uint64_t now_ns)
{
	int sent;

	if (a->dealing)
		return deal_on(a, now_ns);
	sent = send_some(a, budget_of(a));
	if (a->at >= frames_per_round(a))
		return next_round(a, now_ns);
	if (sent == -EAGAIN || (!a->round && a->deal))
		return now_ns + RETRY_NS;
	return a->round ? now_ns + budget_of(a) * NS_PER_S / a->rate : now_ns;
}

/* In either thread. What another start will find out, or the rest of the round, is not tried again. */
static bool tell_first(void *arg, uint32_t i)
{
	struct announce *a = arg;
	uint8_t bytes[ARP_MSG_MAX];
	struct iovec frame = { .iov_base = bytes };
	const struct port *found;
	struct port p = { 0 };
	int sent;

	pthread_mutex_lock(&a->lock);
	found = port_of(a, a->vips[i].ifindex);
	if (found)
		p = *found;
	pthread_mutex_unlock(&a->lock);
	if (!found || p.err)
		return true;
	frame.iov_len = make_of(a, &p, &a->vips[i], 0, bytes);
	sent = raw_send_now(p.ifindex, &frame, 1);
	return sent != -EAGAIN && sent != -ENOBUFS;
}

uint64_t announce_turn(struct announce *a, uint64_t now_ns)
{
	if (!a->running)
		return LOOP_NEVER;
	if (now_ns >= a->next_ns)
		a->next_ns = go_on(a, now_ns);
	return a->next_ns;
}

void announce_stop(struct announce *a)
{
	a->running = a->dealing = false;
	if (a->deal)
		deal_stop(a->deal);
}

struct learning {
	struct announce *a;
	struct router found[CONF_ROUTERS_MAX];
};

/* One neighbour of the kernel's table: is it a router of ours, and usable? */
static int on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	size_t len = nd->ndm_family == AF_INET ? 4 : 16;
	const struct nlattr *attr, *mac = NULL, *dst = NULL;
	struct learning *l = arg;

	mnl_attr_for_each(attr, nlh, sizeof(*nd)) {
		if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6)
			mac = attr;
		else if (mnl_attr_get_type(attr) == NDA_DST && mnl_attr_get_payload_len(attr) == len)
			dst = attr;
	}
	if (!mac || !dst || nd->ndm_state & (NUD_FAILED | NUD_INCOMPLETE) ||
	    !port_of(l->a, (uint32_t)nd->ndm_ifindex))
		return MNL_CB_OK;
	memcpy(&ip.s6_addr[16 - len], mnl_attr_get_payload(dst), len);
	for (uint32_t i = 0; i < l->a->n_routers; i++) {
		if (memcmp(&l->found[i].ip, &ip, sizeof(ip)))
			continue;
		l->found[i].ifindex = (uint32_t)nd->ndm_ifindex;
		memcpy(l->found[i].mac, mnl_attr_get_payload(mac), 6);
	}
	return MNL_CB_OK;
}

/* A router that is not found is told by broadcast: worse for everybody else, as good for it. */
void announce_learn(struct announce *a)
{
	char buf[MNL_NLMSG_HDRLEN + sizeof(struct ndmsg)] __attribute__((aligned(8)));
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct learning l = { .a = a };

	if (!a->n_routers)
		return;
	for (uint32_t i = 0; i < a->n_routers; i++)
		l.found[i].ip = a->learnt[i].ip;
	req->nlmsg_type = RTM_GETNEIGH;
	mnl_nlmsg_put_extra_header(req, sizeof(struct ndmsg));
	if (nl_dump(&a->nl, req, on_neighbour, &l))
		return;		/* what was known is better than nothing */
	pthread_mutex_lock(&a->lock);
	memcpy(a->learnt, l.found, sizeof(a->learnt));
	pthread_mutex_unlock(&a->lock);
}

static void take_routers(struct announce *a)
{
	pthread_mutex_lock(&a->lock);
	memcpy(a->routers, a->learnt, sizeof(a->routers));
	pthread_mutex_unlock(&a->lock);
}

static bool forwards(uint32_t ifindex)
{
	char dev[IF_NAMESIZE], path[64];
	int value;

	if (!if_indextoname(ifindex, dev))
		return false;
	snprintf(path, sizeof(path), "net/ipv6/conf/%s/forwarding", dev);
	return !sysctl_read(path, &value) && value;
}

/* MACs are read anew each time: a bond takes over its members'. */
static int look_at_ports(struct announce *a)
{
	int err = 0;

	for (uint32_t i = 0; i < a->n_ports; i++) {
		struct port p = { .ifindex = a->ports[i].ifindex };

		p.err = raw_mac(a->fd, p.ifindex, p.mac);
		p.forwards = forwards(p.ifindex);
		err = err ? err : p.err;
		pthread_mutex_lock(&a->lock);
		a->ports[i] = p;
		pthread_mutex_unlock(&a->lock);
	}
	return err;
}

static uint64_t first_round(struct announce *a, uint64_t now_ns)
{
	if (a->deal) {
		deal_start(a->deal);
		a->dealing = true;
	}
	return go_on(a, now_ns);
}

/* A cluster's VIPs are where they were: what is told is for who has just come, and takes no CPU from the first requests. */
int announce_start(struct announce *a, uint64_t now_ns)
{
	int err = look_at_ports(a);

	take_routers(a);
	a->running = true;
	a->start_ns = now_ns;
	a->round = a->at = 0;
	a->next_ns = a->cluster ? next_round(a, now_ns) : first_round(a, now_ns);
	for (uint32_t i = 0; i < a->n_ports && !err; i++)
		err = a->ports[i].err;
	return err;
}

static int add_ports(struct announce *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (port_of(a, a->vips[i].ifindex))
			continue;
		if (a->n_ports == CONF_IFACES_MAX)
			return -E2BIG;
		a->ports[a->n_ports++].ifindex = a->vips[i].ifindex;
	}
	return 0;
}

int announce_open(struct announce **ret, const struct vip *vips, uint32_t n, const struct in6_addr *routers,
		  uint32_t n_routers, uint32_t rate)
{
	struct announce *a;
	int err;

	if (n_routers > CONF_ROUTERS_MAX)
		return -E2BIG;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->vips = vips;
	a->n = n;
	a->rate = rate ? rate : 1;
	for (; a->n_routers < n_routers; a->n_routers++)
		a->learnt[a->n_routers].ip = routers[a->n_routers];
	thread_mutex(&a->lock);
	err = a->fd = raw_asker();
	if (err >= 0)
		err = nl_open(&a->nl, NETLINK_ROUTE, 0);
	if (!err)
		err = add_ports(a);
	if (err) {
		announce_close(a);
		return err;
	}
	announce_learn(a);
	if (n > MANY)
		(void)deal_open(&a->deal, n, "announce", PRIORITY, tell_first, a);	/* without: by main alone */
	*ret = a;
	return 0;
}

void announce_cluster(struct announce *a, const enum conf_cluster_mac *form)
{
	a->cluster = form;
}

void announce_close(struct announce *a)
{
	if (!a)
		return;
	deal_close(a->deal);
	nl_close(&a->nl);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}
