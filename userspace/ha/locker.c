/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/locker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/background.h"
#include "sys/clock.h"
#include "sys/etcd.h"

#define LOOK_NS		NS_PER_S
#define FAILURES	2	/* in a row: one may have been a lost packet */

struct slot {
	struct lock lock;
	char key[LOCK_KEY_MAX];
	char other[LOCK_VALUE_MAX];
};

struct locker {
	struct etcd *etcd;	/* the thread's own */
	char node[BT_NAME_MAX];
	uint64_t boot;
	int changed;
	struct background bg;	/* its lock guards what follows */
	bool alone;		/* nobody will join the thread: it cleans up itself */
	struct slot slot[BT_GROUPS_MAX];
	uint32_t n, turn;
	uint64_t look_ns;	/* when to look next, unless something else is asked before */
	uint32_t failures;
	bool asked;
	uint64_t cluster;
	char why[160];
};

/* ---- one step, without the mutex: it may take as long as etcd is given ------------------------------ */

static enum lock_result result_of(int err)
{
	return !err ? LOCK_DONE : err == -EEXIST ? LOCK_REFUSED : LOCK_UNSURE;
}

/* Ours already, from before a restart or with another number: then it is put anew. */
static int take(struct locker *l, const struct slot *s, const char *value, struct etcd_seen *seen)
{
	uint64_t lease = s->lock.lease_id;
	int err = etcd_put_if(l->etcd, s->key, value, lease, 0, seen);

	if (err == -EEXIST && lock_value_is_mine(seen->value, l->boot))
		err = etcd_put_if(l->etcd, s->key, value, lease, seen->mod_revision, seen);
	return err;
}

static int take_step(struct locker *l, const struct slot *s, struct lock_answer *a, char other[LOCK_VALUE_MAX])
{
	struct etcd_seen seen = { 0 };
	char value[LOCK_VALUE_MAX];
	int err;

	a->number = s->lock.wanted;
	lock_value(value, l->node, a->number, l->boot);
	err = take(l, s, value, &seen);
	snprintf(other, LOCK_VALUE_MAX, "%.*s", LOCK_VALUE_MAX - 1, err == -EEXIST ? seen.value : "");
	return err;
}

/* @s is a copy. The departure is read before anything leaves. */
static int step_of(struct locker *l, const struct slot *s, enum lock_step step, struct lock_answer *a,
		   char other[LOCK_VALUE_MAX])
{
	int err = 0;

	a->sent_ns = clock_now_ns();
	if (step == LOCK_GRANT)
		err = etcd_grant(l->etcd, LOCK_TTL_S, &a->lease_id, &a->ttl_s);
	else if (step == LOCK_TAKE)
		err = take_step(l, s, a, other);
	else if (step == LOCK_RENEW)
		err = etcd_renew(l->etcd, s->lock.lease_id, &a->ttl_s);
	else if (step == LOCK_DROP)
		err = etcd_revoke(l->etcd, s->lock.lease_id);
	a->result = err == -ENOENT && step == LOCK_RENEW ? LOCK_REFUSED : result_of(err);
	return err;
}

/* ---- with the mutex held ---------------------------------------------------------------------------- */

static void tell(struct locker *l)
{
	uint64_t one = 1;

	(void)!write(l->changed, &one, sizeof(one));
}

/* An answer that says no is an answer. */
static void note_answer(struct locker *l, int err)
{
	bool answered = !err || err == -EEXIST || err == -ENOENT;
	bool was_up = l->asked && l->failures < FAILURES;

	l->failures = answered ? 0 : l->failures + 1;
	l->asked |= answered || l->failures >= FAILURES;
	l->cluster = etcd_cluster(l->etcd);
	snprintf(l->why, sizeof(l->why), "%.*s", (int)sizeof(l->why) - 1, answered ? "" : etcd_why(l->etcd));
	l->look_ns = clock_now_ns() + LOOK_NS;
	if (was_up != (l->asked && l->failures < FAILURES))
		tell(l);
}

static void work_on(struct locker *l, struct slot *s, enum lock_step step)
{
	char other[LOCK_VALUE_MAX] = "";
	struct slot before = *s;
	struct lock_answer a = { 0 };
	int err;

	background_unlock(&l->bg);
	err = step_of(l, &before, step, &a, other);
	background_lock(&l->bg);
	lock_done(&s->lock, step, &a, clock_now_ns());
	if (step == LOCK_TAKE || step == LOCK_DROP)
		memcpy(s->other, other, sizeof(other));
	note_answer(l, err);
	tell(l);
}

static void look(struct locker *l)
{
	struct etcd_seen seen;
	char key[LOCK_KEY_MAX];
	int err;

	memcpy(key, l->slot[0].key, sizeof(key));
	background_unlock(&l->bg);
	err = etcd_look(l->etcd, key, &seen);
	background_lock(&l->bg);
	note_answer(l, err);
}

/* One group after the other: none waits for ever behind another one's retries. */
static bool work_once(struct locker *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct slot *s = &l->slot[(l->turn + i) % l->n];
		enum lock_step step = lock_step(&s->lock, clock_now_ns());

		if (step == LOCK_REST)
			continue;
		l->turn = (l->turn + i + 1) % l->n;
		work_on(l, s, step);
		return true;
	}
	return false;
}

static uint64_t next_ns(const struct locker *l)
{
	uint64_t next = l->look_ns;

	for (uint32_t i = 0; i < l->n; i++)
		if (lock_deadline(&l->slot[i].lock) < next)
			next = lock_deadline(&l->slot[i].lock);
	return next;
}

static void wait_until(struct locker *l, uint64_t at_ns)
{
	uint64_t now = clock_now_ns();

	background_wait(&l->bg, background_in(at_ns > now ? at_ns - now : 0));
}

static void dispose(struct locker *l)
{
	etcd_close(l->etcd);
	free(l);
}

static void *run(void *arg)
{
	struct locker *l = arg;
	bool alone;

	background_lock(&l->bg);
	while (!l->bg.quit) {
		if (work_once(l))
			continue;
		if (clock_now_ns() >= l->look_ns)
			look(l);
		else
			wait_until(l, next_ns(l));
	}
	alone = l->alone;
	background_unlock(&l->bg);
	if (alone)
		dispose(l);
	return NULL;
}

/* ---- main's side ------------------------------------------------------------------------------------ */

void locker_want(struct locker *l, uint32_t slot, uint64_t number)
{
	background_lock(&l->bg);
	if (number != l->slot[slot].lock.wanted) {
		lock_want(&l->slot[slot].lock, number);
		background_wake(&l->bg);
	}
	background_unlock(&l->bg);
}

void locker_report(struct locker *l, uint64_t now_ns, struct locker_report *ret)
{
	background_lock(&l->bg);
	ret->asked = l->asked;
	ret->up = l->asked && l->failures < FAILURES;
	ret->cluster = l->cluster;
	memcpy(ret->why, l->why, sizeof(ret->why));
	for (uint32_t i = 0; i < l->n; i++) {
		ret->group[i].number = lock_held(&l->slot[i].lock, now_ns);
		ret->group[i].until_ns = ret->group[i].number ? l->slot[i].lock.until_ns : 0;
		memcpy(ret->group[i].other, l->slot[i].other, sizeof(ret->group[i].other));
	}
	background_unlock(&l->bg);
}

int locker_open(struct locker **ret, const struct conf *conf, uint64_t boot, int changed)
{
	struct locker *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	memcpy(l->node, conf->name, sizeof(l->node));
	l->boot = boot;
	l->changed = changed;
	l->n = conf->n_groups;
	for (uint32_t i = 0; i < l->n; i++)
		lock_key(l->slot[i].key, conf->pair_id, conf->groups[i].name);
	err = etcd_open(&l->etcd, conf->arbiter_url);
	if (!err)
		err = background_start(&l->bg, "locker", 0, run, l);
	if (err) {
		etcd_close(l->etcd);
		free(l);
		return err;
	}
	*ret = l;
	return 0;
}

/* The thread has ended: this is as if it were it. One that does not answer is not asked again. */
static void release_all(struct locker *l)
{
	bool answers = true;

	for (uint32_t i = 0; i < l->n && answers; i++)
		if (l->slot[i].lock.lease_id)
			answers = !etcd_revoke(l->etcd, l->slot[i].lock.lease_id);
}

void locker_close(struct locker *l, bool release)
{
	if (!l)
		return;
	background_lock(&l->bg);
	l->alone = !release;
	l->changed = -1;
	background_unlock(&l->bg);
	if (!release) {		/* the process ends or is replaced, perhaps in a hurry: an etcd that hangs must not hold it up */
		pthread_detach(l->bg.thread);
		background_quit(&l->bg);
		return;
	}
	background_stop(&l->bg);
	release_all(l);
	dispose(l);
}
