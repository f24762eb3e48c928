/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence_doors: does the gate stand on every door? Looks, repairs, and says so.
 *
 * rtnetlink tells of links, addresses and tc at once; that XDP was detached from a link nobody tells, so the pins are
 * asked ten times a second. All of this takes the kernel's rtnl lock, which others may hold for seconds: hence a
 * thread that nobody waits for.
 */
#include "ha/fence_own.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include <sys/eventfd.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define PRIORITY	24	/* below the tables': what is missing is missing for them first */
#define TICK_NS		(100 * NS_PER_MS)
#define RTNL_GROUPS	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_TC)

/* When it will be tried again is no news: for what cannot be gated the tables would be made anew each second. */
static void view(struct fence_doors *d)
{
	memcpy(d->told, d->doors.door, d->doors.n * sizeof(*d->told));
	for (uint32_t i = 0; i < d->doors.n; i++)
		d->told[i].retry_ns = 0;
}

static void publish(struct fence *f)
{
	const struct doors *d = &f->doors.doors;
	struct fence_report *r = &f->report;
	bool news;

	view(&f->doors);
	pthread_mutex_lock(&f->lock);
	news = r->n_doors != d->n || r->more != d->more || memcmp(r->door, f->doors.told, d->n * sizeof(*r->door));
	if (news) {
		memcpy(r->door, f->doors.told, d->n * sizeof(*r->door));
		r->n_doors = d->n;
		r->more = d->more;
		f->doors_seq++;
	}
	pthread_mutex_unlock(&f->lock);
	if (!news)
		return;
	fence_wake(f->tables.kick);
	fence_wake(f->done);
}

static void take_pools(struct fence *f)
{
	struct fence_doors *d = &f->doors;

	pthread_mutex_lock(&f->lock);
	if (f->pools_new) {
		doors_take_pools(&d->doors, &f->pools);
		d->look = d->list = true;
	}
	f->pools_new = false;
	pthread_mutex_unlock(&f->lock);
}

/* What is gated no more is told first: then there is time to put the gate back. */
static void turn(struct fence *f)
{
	struct fence_doors *d = &f->doors;
	uint64_t now_ns = clock_now_ns();
	bool deep;

	take_pools(f);
	if (now_ns >= d->period_at_ns || d->period_at_ns > now_ns + d->period_ns) {	/* it may be a shorter one now */
		d->period_at_ns = now_ns + d->period_ns;
		d->look = d->list = true;
	}
	deep = d->look && now_ns - d->looked_ns >= FENCE_LOOKS_NS;
	if (deep) {
		d->looked_ns = now_ns;
		d->look = false;
		if (d->list)
			(void)doors_list(&d->doors);
		d->list = false;
	}
	doors_look(&d->doors, deep);
	publish(f);
	doors_repair(&d->doors, clock_now_ns());
	publish(f);
}

static int on_rtnl(const struct nlmsghdr *nlh, void *arg)
{
	struct fence_doors *d = arg;

	d->look = true;
	d->list |= nlh->nlmsg_type == RTM_NEWLINK || nlh->nlmsg_type == RTM_DELLINK ||
		   nlh->nlmsg_type == RTM_NEWADDR || nlh->nlmsg_type == RTM_DELADDR;
	return MNL_CB_OK;
}

static void read_events(struct fence_doors *d)
{
	if (nl_events(&d->rtnl, on_rtnl, d) == -ENOBUFS)
		d->look = d->list = true;
}

static void *run(void *arg)
{
	struct fence *f = arg;
	struct fence_doors *d = &f->doors;
	struct pollfd fds[] = { { .fd = d->kick, .events = POLLIN }, { .fd = nl_fd(&d->rtnl), .events = POLLIN } };

	uint64_t n;

	while (!atomic_load(&f->quit)) {
		turn(f);
		(void)poll(fds, 2, (int)((d->look ? FENCE_LOOKS_NS : TICK_NS) / NS_PER_MS));
		(void)!read(d->kick, &n, sizeof(n));
		read_events(d);
	}
	return NULL;
}

int fence_doors_open(struct fence *f, const struct ha_iface_view *ifaces, uint32_t n_ifaces, uint32_t n_named)
{
	struct fence_doors *d = &f->doors;
	int err;

	d->period_ns = f->conf->tserver.network_monitoring_timeout_s * NS_PER_S;
	d->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = d->kick < 0 ? -errno : nl_open(&d->rtnl, NETLINK_ROUTE, RTNL_GROUPS);	/* before the first look */
	if (!err)
		err = doors_open(&d->doors, f->conf, f->dp, ifaces, n_ifaces, n_named);
	if (err)
		return err;
	doors_look(&d->doors, true);
	publish(f);
	return 0;
}

int fence_doors_start(struct fence *f)
{
	int err = thread_start(&f->doors.thread, "doors", PRIORITY, run, f, NULL);

	f->doors.running = !err;
	return err;
}

void fence_doors_close(struct fence *f, bool remove)
{
	if (remove)
		doors_forget(&f->doors.doors);
	doors_close(&f->doors.doors);
	if (f->doors.rtnl.sock)
		nl_close(&f->doors.rtnl);
	if (f->doors.kick >= 0)
		close(f->doors.kick);
}
