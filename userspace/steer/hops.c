/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steer/hops.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/eventfd.h>

#include "sys/nl.h"
#include "sys/thread.h"
#include "sys/way.h"

#define LOOK_MS		1000	/* a neighbour is asked again before its answer is too old */
#define REST_MS		20	/* between two looks, whatever others do to routes and neighbours */
#define RTNL_GROUPS	(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)
/* An address in one of these was confirmed once and has not been found wrong. */
#define NUD_USABLE	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
#define NUD_FRESH	(NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP | NUD_PROBE)

struct hops {
	struct nl nl, events;
	int changed, kick;
	atomic_bool quit;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;	/* guards what follows */
	uint32_t serial, seen;	/* of what is wanted; of what was looked at */
	uint32_t n;
	struct in6_addr want[HOPS_MAX];
	struct hop hop[HOPS_MAX];
};

static void wake(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

/* ---- one server ---------------------------------------------------------------------------------- */

static void no_way(struct hop *ret, const char *what, const char *why)
{
	*ret = (struct hop){ .ifindex = 0 };
	snprintf(ret->why, sizeof(ret->why), "%s%s%s", what, why[0] ? ": " : "", why);
}

static void find_link(struct hops *h, const struct way *way, struct hop *ret)
{
	struct way_link link;
	int err = way_link(&h->nl, way->ifindex, &link);
	uint32_t mtu;

	if (err || !link.ethernet || !link.up) {
		no_way(ret, err ? "interface" : link.ethernet ? "the interface to it is down" : "the way to it is no Ethernet",
		       err ? strerror(-err) : "");
		return;
	}
	mtu = way->mtu && way->mtu < link.mtu ? way->mtu : link.mtu;
	ret->mtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
	memcpy(ret->our_mac, link.mac, sizeof(ret->our_mac));
	ret->ifindex = way->ifindex;
	ret->from = way->from;
}

static void find_one(struct hops *h, const struct in6_addr *to, struct hop *ret)
{
	struct way way;
	uint16_t state = 0;
	int err = way_find(&h->nl, to, &way);

	*ret = (struct hop){ .ifindex = 0 };
	if (err) {
		no_way(ret, err == -EADDRINUSE ? "it is an address of this host" : "no route",
		       err == -EADDRINUSE || err == -ENETUNREACH ? "" : strerror(-err));
		return;
	}
	err = way_neighbour(&h->nl, &way, ret->next_mac, &state);
	if (err || !(state & NUD_FRESH))
		(void)way_use(&h->nl, &way);
	if (!err && state & NUD_USABLE)
		find_link(h, &way, ret);
	else
		no_way(ret, "the next hop does not answer ARP or neighbour solicitations", "");
}

/* ---- all of them --------------------------------------------------------------------------------- */

static bool publish(struct hops *h, uint32_t serial, const struct hop *found, uint32_t n)
{
	bool news = false;

	pthread_mutex_lock(&h->lock);
	if (serial == h->serial) {
		news = h->seen != serial || memcmp(h->hop, found, n * sizeof(*found));
		memcpy(h->hop, found, n * sizeof(*found));
		h->seen = serial;
	}
	pthread_mutex_unlock(&h->lock);
	return news;
}

static void look(struct hops *h)
{
	static struct in6_addr want[HOPS_MAX];	/* the thread's own, and there is one */
	static struct hop found[HOPS_MAX];
	uint32_t serial, n;

	pthread_mutex_lock(&h->lock);
	serial = h->serial;
	n = h->n;
	memcpy(want, h->want, n * sizeof(*want));
	pthread_mutex_unlock(&h->lock);
	for (uint32_t i = 0; i < n && !atomic_load(&h->quit); i++)
		find_one(h, &want[i], &found[i]);
	if (publish(h, serial, found, n))
		wake(h->changed);
}

static int on_event(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	(void)arg;
	return MNL_CB_OK;
}

static void *run(void *arg)
{
	struct hops *h = arg;
	struct pollfd fds[] = { { .fd = h->kick, .events = POLLIN }, { .fd = nl_fd(&h->events), .events = POLLIN } };
	uint64_t n;

	while (!atomic_load(&h->quit)) {
		look(h);
		(void)poll(fds, 1, REST_MS);
		(void)poll(fds, 2, LOOK_MS);
		(void)!read(h->kick, &n, sizeof(n));
		(void)nl_events(&h->events, on_event, NULL);	/* whatever it was: all is looked at again */
	}
	return NULL;
}

int hops_open(struct hops **ret, int changed)
{
	struct hops *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->changed = changed;
	h->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = h->kick < 0 ? -errno : thread_mutex(&h->lock);
	if (!err)
		err = nl_open(&h->events, NETLINK_ROUTE, RTNL_GROUPS);	/* before the first look */
	if (!err)
		err = nl_open(&h->nl, NETLINK_ROUTE, 0);
	if (!err)
		err = thread_start(&h->thread, "hops", 0, run, h, NULL);
	h->running = !err;
	if (err) {
		hops_close(h);
		return err;
	}
	*ret = h;
	return 0;
}

void hops_close(struct hops *h)
{
	if (!h)
		return;
	atomic_store(&h->quit, true);
	if (h->kick >= 0)
		wake(h->kick);
	if (h->running)
		pthread_join(h->thread, NULL);
	if (h->nl.sock)
		nl_close(&h->nl);
	if (h->events.sock)
		nl_close(&h->events);
	if (h->kick >= 0)
		close(h->kick);
	free(h);
}

void hops_want(struct hops *h, const struct in6_addr *servers, uint32_t n)
{
	pthread_mutex_lock(&h->lock);
	memcpy(h->want, servers, n * sizeof(*servers));
	h->n = n;
	h->serial++;
	pthread_mutex_unlock(&h->lock);
	wake(h->kick);
}

bool hops_get(struct hops *h, uint32_t i, struct hop *ret)
{
	bool seen;

	pthread_mutex_lock(&h->lock);
	seen = h->seen == h->serial && i < h->n;
	if (seen)
		*ret = h->hop[i];
	pthread_mutex_unlock(&h->lock);
	return seen;
}
