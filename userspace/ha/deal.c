/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/deal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sys/background.h"
#include "sys/clock.h"

#define SHARE	32		/* taken at a time: a bit each */
#define SHARES	(DEAL_MAX / SHARE)
#define WAIT_NS	(100 * NS_PER_US)
#define TRIES	20		/* then it is main's to do again */

struct deal {
	deal_fn work;
	void *arg;
	uint32_t n;
	atomic_uint round;		/* what was begun in another one is nobody's any more */

	struct background helper;		/* its lock guards what follows, and is never held while something is done */
	uint32_t next;			/* share that nobody has taken */
	uint32_t done;			/* shares of this round that were gone through */
	uint32_t left[SHARES];		/* of those: what was refused */
};

static uint32_t shares(const struct deal *d)
{
	return (d->n + SHARE - 1) / SHARE;
}

static uint32_t all_of(const struct deal *d, uint32_t share)
{
	uint32_t n = d->n - share * SHARE;

	return n < SHARE ? (1u << n) - 1 : UINT32_MAX;
}

/* Asked before each: a stop finds one under way at most. What of @which is not done: from the first refused one on. */
static uint32_t go_through(struct deal *d, uint32_t round, uint32_t share, uint32_t which)
{
	for (uint32_t i = 0; i < SHARE; i++) {
		if (!(which & 1u << i))
			continue;
		if (atomic_load(&d->round) != round || !d->work(d->arg, share * SHARE + i))
			break;
		which &= ~(1u << i);
	}
	return which;
}

/* With the lock held, which is dropped meanwhile. Is it done, or nobody's any more? */
static bool do_share(struct deal *d, uint32_t share, uint32_t which)
{
	uint32_t round = d->round, left;

	background_unlock(&d->helper);
	left = go_through(d, round, share, which);
	background_lock(&d->helper);
	if (d->round != round)
		return true;
	d->left[share] = left;
	return !left;
}

/* The helper may wait until whatever was full has drained. */
static void persist(struct deal *d, uint32_t share)
{
	uint32_t round = d->round;

	for (int tries = 0; tries < TRIES && d->round == round && !d->helper.quit; tries++) {
		background_wait(&d->helper, background_in(WAIT_NS));
		if (d->round != round || do_share(d, share, d->left[share]))
			return;
	}
}

/* With the lock held, and one left to take. Was it done? */
static bool take_share(struct deal *d, bool may_wait)
{
	uint32_t round = d->round, share = d->next++;
	bool did = do_share(d, share, all_of(d, share));

	if (!did && may_wait)
		persist(d, share);
	d->done += d->round == round;
	return did;
}

static void *help(void *arg)
{
	struct deal *d = arg;

	background_lock(&d->helper);
	while (!d->helper.quit)
		if (d->next < shares(d))
			take_share(d, true);
		else
			background_wait(&d->helper, BACKGROUND_EVER);
	background_unlock(&d->helper);
	return NULL;
}

void deal_start(struct deal *d)
{
	background_lock(&d->helper);
	atomic_fetch_add(&d->round, 1);
	d->next = d->done = 0;
	memset(d->left, 0, sizeof(d->left));
	background_wake(&d->helper);
	background_unlock(&d->helper);
}

void deal_stop(struct deal *d)
{
	background_lock(&d->helper);
	atomic_fetch_add(&d->round, 1);
	d->next = d->done = shares(d);
	memset(d->left, 0, sizeof(d->left));
	background_unlock(&d->helper);
}

/* With the lock held, once all shares were gone through. */
static enum deal_left do_again(struct deal *d, uint32_t max)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < shares(d); i++) {
		if (!d->left[i])
			continue;
		if (taken >= max)
			return DEAL_MORE;
		taken += SHARE;
		if (!do_share(d, i, d->left[i]))
			return DEAL_WAIT;
	}
	return DEAL_NONE;
}

/* Whoever is refused gives way: the helper tries on, and what was full has a CPU to drain by. */
static enum deal_left take_some(struct deal *d, uint32_t max)
{
	for (uint32_t taken = 0; d->next < shares(d); taken += SHARE) {
		if (taken >= max)
			return DEAL_MORE;
		if (!take_share(d, false))
			return DEAL_WAIT;
	}
	return d->done < shares(d) ? DEAL_WAIT : do_again(d, max);
}

enum deal_left deal_take(struct deal *d, uint32_t max)
{
	enum deal_left left;

	background_lock(&d->helper);
	left = take_some(d, max);
	background_unlock(&d->helper);
	return left;
}

int deal_open(struct deal **ret, uint32_t n, const char *name, int priority, deal_fn work, void *arg)
{
	struct deal *d;
	int err;

	if (n > DEAL_MAX)
		return -E2BIG;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->n = n;
	d->work = work;
	d->arg = arg;
	d->next = d->done = shares(d);
	err = background_start(&d->helper, name, priority, help, d);
	if (err) {
		free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void deal_close(struct deal *d)
{
	if (!d)
		return;
	if (d->helper.running)
		deal_stop(d);
	background_stop(&d->helper);
	free(d);
}
