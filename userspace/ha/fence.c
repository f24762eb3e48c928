/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/fence_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

static char why[HA_TEXT + 96];

const char *fence_why(void)
{
	return why;
}

void fence_wake(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static int fail(int err, const char *what)
{
	snprintf(why, sizeof(why), "%s: %s", what, strerror(-err));
	return err;
}

static const char *ungated(const struct fence *f)
{
	for (uint32_t i = 0; i < f->doors.doors.n; i++)
		if (f->doors.doors.door[i].off)
			return f->doors.doors.door[i].name;
	return NULL;
}

/*
 * The first turns are the threads': a restarted controller is in a hurry, and finds elements that live on. But an
 * interface that nothing else gates must not be served for a moment without tables.
 */
static int begin(struct fence *f)
{
	const char *off = ungated(f);
	int err;

	if (off)
		fence_tables_turn(f);
	if (off && !f->tables.built) {
		snprintf(why, sizeof(why), "interface %s has xdp-mode = off and nftables cannot gate it: %.150s", off,
			 nft_why(f->tables.nft));
		return f->tables.err;
	}
	err = fence_tables_start(f);
	if (!err)
		err = fence_doors_start(f);
	return err ? fail(err, "thread") : 0;
}

int fence_open(struct fence **ret, const struct conf *conf, struct dp *dp, const struct ha_iface_view *ifaces,
	       uint32_t n_ifaces, uint32_t n_named, int done)
{
	struct fence *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return fail(-ENOMEM, "fence");
	f->conf = conf;
	f->dp = dp;
	f->done = done;
	f->tables.kick = f->doors.kick = -1;
	err = thread_mutex(&f->lock);
	if (!err)
		err = fence_doors_open(f, ifaces, n_ifaces, n_named);
	if (!err)
		err = fence_tables_open(f);
	err = err ? fail(err, "netlink") : begin(f);
	if (err) {
		fence_close(f, false);
		return err;
	}
	*ret = f;
	return 0;
}

void fence_stop(struct fence *f)
{
	if (!f)
		return;
	atomic_store(&f->quit, true);
	fence_wake(f->doors.kick);
	fence_wake(f->tables.kick);
	if (f->doors.running)
		pthread_join(f->doors.thread, NULL);
	if (f->tables.running)
		pthread_join(f->tables.thread, NULL);
	f->doors.running = f->tables.running = false;
}

void fence_close(struct fence *f, bool remove)
{
	if (!f)
		return;
	fence_stop(f);
	fence_tables_close(f, remove);
	fence_doors_close(f, remove);
	free(f);
}

void fence_kick(struct fence *f)
{
	fence_wake(f->tables.kick);
}

void fence_take_pools(struct fence *f)
{
	pthread_mutex_lock(&f->lock);
	doors_of_pools(f->conf, &f->pools);
	f->pools_new = true;
	pthread_mutex_unlock(&f->lock);
	fence_wake(f->doors.kick);
}

void fence_retime(struct fence *f)
{
	f->doors.period_ns = f->tables.period_ns = f->conf->tserver.network_monitoring_timeout_s * NS_PER_S;
}

void fence_report(struct fence *f, struct fence_report *ret)
{
	pthread_mutex_lock(&f->lock);
	*ret = f->report;
	pthread_mutex_unlock(&f->lock);
}
