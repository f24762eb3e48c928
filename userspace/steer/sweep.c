/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steer/sweep.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sys/background.h"
#include "sys/clock.h"
#include "sys/dp_steer.h"

#define PERIOD_NS	NS_PER_S
#define SLICE_NS	NS_PER_MS	/* between two slices: others want the CPU, and the table's locks */

struct sweep {
	struct dp *dp;
	struct dp_walk walk;
	struct sweep_report now;	/* the walk under way; both are the thread's own */
	_Atomic uint64_t of_group[BT_GROUPS_MAX];	/* term << 8 | server */
	struct background bg;		/* its lock guards what follows */
	struct sweep_report report;
};

/* False: the sweeper is to end. */
static bool rest(struct sweep *s, uint64_t ns)
{
	uint64_t until = background_in(ns);
	bool go_on;

	background_lock(&s->bg);
	while (!s->bg.quit && background_wait(&s->bg, until))
		;
	go_on = !s->bg.quit;
	background_unlock(&s->bg);
	return go_on;
}

/* A group's entries are the data path's affair: they end by age alone. */
static bool is_owned(struct sweep *s, const struct bt_dialog *d)
{
	if (d->owner & BT_OWNER_GROUP)
		return true;
	return d->owner && d->owner <= BT_POOLS_MAX && dp_pools(s->dp)[d->owner].name_hash;
}

static void add(struct sweep_left *left, const struct bt_dialog *d)
{
	left->calls += d->kind == BT_D_CALL;
	left->subscriptions += d->kind == BT_D_SUBSCRIPTION;
	left->connections += d->kind == BT_D_CONNECTION;
}

static void count_group(struct sweep *s, const struct bt_dialog *d)
{
	uint32_t group = d->owner & ~BT_OWNER_GROUP;
	uint64_t of = group < BT_GROUPS_MAX ? atomic_load(&s->of_group[group]) : 0;

	if (of && d->server == (uint8_t)of && d->epoch >= of >> 8 && dialog_is_left(d, d->epoch))
		add(&s->now.group[group], d);
}

static void count(struct sweep *s, const struct bt_dialog *d)
{
	if (d->owner & BT_OWNER_GROUP) {
		count_group(s, d);
		return;
	}
	if (d->server && d->server <= BT_SERVERS && dialog_is_left(d, dp_pools(s->dp)[d->owner].server[d->server - 1].epoch))
		add(&s->now.left[d->owner][d->server - 1], d);
}

static void look(struct sweep *s, bool young, uint64_t key, const struct bt_dialog *d)
{
	enum dialog_end end = dialog_end(d, is_owned(s, d), (uint32_t)(clock_now_ns() / NS_PER_S));

	if (end == DIALOG_LIVES)
		count(s, d);
	else if (!dp_forget(s->dp, young, key))
		s->now.ended[end]++;
}

/* False: the sweeper is to end, or the table could not be read. */
static bool walk(struct sweep *s, bool young)
{
	memset(&s->walk, 0, sizeof(s->walk));
	while (!s->walk.done) {
		if (dp_walk(s->dp, young, &s->walk))
			return false;
		for (uint32_t i = 0; i < s->walk.n; i++)
			look(s, young, s->walk.key[i], &s->walk.row[i]);
		if (!s->walk.done && !rest(s, SLICE_NS))
			return false;
	}
	return true;
}

static void *run(void *arg)
{
	struct sweep *s = arg;

	do {
		memset(s->now.left, 0, sizeof(s->now.left));
		memset(s->now.group, 0, sizeof(s->now.group));
		if (!walk(s, true) || !walk(s, false))
			continue;
		s->now.rounds++;
		background_lock(&s->bg);
		s->report = s->now;
		background_unlock(&s->bg);
	} while (rest(s, PERIOD_NS));
	return NULL;
}

/* For the maps' life, whoever comes first: Call-IDs that hash alike must not be found by those who send them. */
static int give_key(struct dp *dp)
{
	struct bt_steer *steer = dp_steer(dp);

	if (steer->key[0] | steer->key[1])
		return 0;
	return getrandom(steer->key, sizeof(steer->key), 0) == sizeof(steer->key) ? 0 : -EIO;
}

int sweep_open(struct sweep **ret, struct dp *dp)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->dp = dp;
	err = give_key(dp);
	if (!err)
		err = background_start(&s->bg, "sweeper", 0, run, s);
	if (err) {
		sweep_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

void sweep_close(struct sweep *s)
{
	if (!s)
		return;
	background_stop(&s->bg);
	free(s);
}

void sweep_report(struct sweep *s, struct sweep_report *ret)
{
	background_lock(&s->bg);
	*ret = s->report;
	background_unlock(&s->bg);
}

uint32_t sweep_left(struct sweep *s, uint32_t slot, uint8_t server, struct sweep_left *ret)
{
	uint32_t rounds;

	background_lock(&s->bg);
	*ret = s->report.left[slot][server - 1];
	rounds = s->report.rounds;
	background_unlock(&s->bg);
	return rounds;
}

void sweep_of_group(struct sweep *s, uint32_t group, uint8_t server, uint64_t term)
{
	atomic_store(&s->of_group[group], term << 8 | server);
}

uint32_t sweep_group(struct sweep *s, uint32_t group, struct sweep_left *ret)
{
	uint32_t rounds;

	background_lock(&s->bg);
	*ret = s->report.group[group];
	rounds = s->report.rounds;
	background_unlock(&s->bg);
	return rounds;
}
