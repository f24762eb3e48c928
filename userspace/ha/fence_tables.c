/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence_tables: is the backstop in nftables as words and leases say?
 *
 * Whoever loads a large ruleset holds the kernel's commit lock meanwhile, and this thread waits: so elements that
 * XDP and tc only need to be there have a second of life in hand, and nobody waits for this thread.
 */
#include "ha/fence_own.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "core/when.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define PRIORITY	25	/* below the placer's */
#define GRACE_NS	NS_PER_S
#define WATCHED_NS	(600 * NS_PER_S)
#define LOOK_NS		(250 * NS_PER_MS)	/* between two questions whether others changed the ruleset */

/* ---- how long may they live ----------------------------------------------------------------------- */

/* By word and lease alone. What lingers has no lease any more: it ends by its own time, or soon after us. */
static struct fence_life wanted(const struct fence *f, uint32_t i, uint64_t now_ns)
{
	uint64_t word = atomic_load(&dp_words(f->dp)[i]), lease = atomic_load(&dp_leases(f->dp)[i]);
	const volatile struct bt_drain *drain = &dp_drains(f->dp)[i];
	struct fence_life life = { 0 };

	switch (BT_WORD_MODE(word)) {
	case BT_OPEN:
		life.open_ns = lease;
		life.ready_ns = lease + GRACE_NS;
		break;
	case BT_ARMED:
		life.ready_ns = lease + GRACE_NS;
		if (f->conf->groups[i].mode == MODE_CLUSTER)	/* the watchdog may open it long after we were stopped */
			life.ready_ns = now_ns + WATCHED_NS;
		break;
	case BT_RELAY:
	case BT_SHUT:
		life.ready_ns = earlier(atomic_load(&dp_lingers(f->dp)[i]), now_ns + f->conf->lease_ns + GRACE_NS);
		break;
	}
	if (BT_DRAIN_SIDE(drain->word) == BT_DRAIN_MINE)	/* what began here still comes and goes */
		life.ready_ns = later(life.ready_ns, drain->until_ns + BT_DRAIN_GRACE_NS + GRACE_NS);
	life.open_ns = life.open_ns > now_ns ? life.open_ns : 0;
	life.ready_ns = life.ready_ns > now_ns ? life.ready_ns : 0;
	return life;
}

static uint32_t ms_left(uint64_t end_ns, uint64_t now_ns)
{
	return end_ns > now_ns ? (uint32_t)((end_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* Into or out of the kernel at once; longer only when what is left there is less than @low_ns. */
static bool is_due(uint64_t has_ns, uint64_t late_ns, uint64_t want_ns, uint64_t low_ns, uint64_t now_ns)
{
	if (has_ns <= now_ns)
		return want_ns || (has_ns && has_ns + late_ns > now_ns);
	return !want_ns || (want_ns > has_ns && has_ns - now_ns < low_ns);
}

static uint64_t open_low_ns(const struct fence *f)
{
	return f->conf->lease_ns * 5 / 8;
}

static void set_life(struct fence_tables *t, uint32_t i, const struct fence_life *want, uint64_t now_ns)
{
	t->life[i] = *want;
	t->group[i].ready_ms = ms_left(want->ready_ns, now_ns);
	t->group[i].open_ms = ms_left(want->open_ns, now_ns);
}

/* Whoever held the lock meanwhile must not have them live longer than word and lease allow. */
static void note_late(struct fence_tables *t, uint32_t ready, uint32_t open, uint64_t since_ns)
{
	uint64_t late_ns = clock_now_ns() - since_ns;

	for (uint32_t i = 0; i < t->plan.n_groups; i++) {
		uint32_t bit = 1u << i;

		if ((ready & open & bit) || ((ready | open) & bit && late_ns > t->life[i].late_ns))
			t->life[i].late_ns = late_ns;
	}
}

/* ---- tables ----------------------------------------------------------------------------------------- */

static void plan_doors(struct fence *f)
{
	struct fence_tables *t = &f->tables;

	t->plan.n_doors = 0;
	pthread_mutex_lock(&f->lock);
	t->doors_seq = f->doors_seq;
	for (uint32_t i = 0; i < f->report.n_doors; i++) {
		const struct door *door = &f->report.door[i];
		struct nft_door *to = &t->door[t->plan.n_doors];

		if (!door->ifindex)
			continue;
		*to = (struct nft_door){ .ifindex = door->ifindex, .gated = door->gated };
		memcpy(to->name, door->name, sizeof(to->name));
		t->plan.n_doors++;
	}
	pthread_mutex_unlock(&f->lock);
}

static void build(struct fence *f)
{
	struct fence_tables *t = &f->tables;
	uint64_t now_ns;

	plan_doors(f);
	now_ns = clock_now_ns();
	for (uint32_t i = 0; i < t->plan.n_groups; i++) {
		struct fence_life want = wanted(f, i, now_ns);

		set_life(t, i, &want, now_ns);
	}
	t->err = nft_build(t->nft, &t->plan);
	note_late(t, UINT32_MAX, UINT32_MAX, now_ns);
	t->built = !t->err;
	t->retry_ns = now_ns + (t->err == -ENOENT ? FENCE_LOOKS_NS : NS_PER_S);	/* -ENOENT: a door went meanwhile */
}

/* All anew in this very turn. */
static void note_change_by_others(struct fence_tables *t, int err)
{
	if (err != -ENOENT && err != -ESTALE)
		return;
	t->built = false;
	t->retry_ns = 0;
	t->rebuilt++;
}

static void refresh(struct fence *f, uint64_t now_ns)
{
	struct fence_tables *t = &f->tables;
	uint32_t ready = 0, open = 0;
	int err;

	for (uint32_t i = 0; i < t->plan.n_groups; i++) {
		struct fence_life want = wanted(f, i, now_ns), *has = &t->life[i];
		bool ready_due = is_due(has->ready_ns, has->late_ns, want.ready_ns, GRACE_NS, now_ns);
		bool open_due = is_due(has->open_ns, has->late_ns, want.open_ns, open_low_ns(f), now_ns);

		if (!ready_due)
			want.ready_ns = has->ready_ns;
		if (!open_due)
			want.open_ns = has->open_ns;
		want.late_ns = has->late_ns;
		set_life(t, i, &want, now_ns);
		ready |= (uint32_t)ready_due << i;
		open |= (uint32_t)open_due << i;
	}
	err = ready | open ? nft_refresh(t->nft, &t->plan, ready, open) : 0;
	note_late(t, ready, open, now_ns);
	note_change_by_others(t, err);
	if (err && t->built) {	/* nobody knows what is there now: all anew, soon */
		t->err = err;
		t->built = false;
		t->retry_ns = now_ns + FENCE_LOOKS_NS;
	}
}

static bool doors_changed(struct fence *f)
{
	bool changed;

	pthread_mutex_lock(&f->lock);
	changed = f->doors_seq != f->tables.doors_seq;
	pthread_mutex_unlock(&f->lock);
	return changed;
}

/* ---- the thread ------------------------------------------------------------------------------------- */

static void publish(struct fence *f, uint64_t now_ns)
{
	struct fence_tables *t = &f->tables;
	struct fence_report *r = &f->report;
	uint32_t ready = 0, open = 0;
	bool egress = nft_has_egress(t->nft), news;

	for (uint32_t i = 0; i < t->plan.n_groups && t->built; i++) {
		ready |= (uint32_t)(t->life[i].ready_ns > now_ns) << i;
		open |= (uint32_t)(t->life[i].open_ns > now_ns) << i;
	}
	pthread_mutex_lock(&f->lock);
	news = r->nft_err != t->err || r->egress != egress || r->rebuilt != t->rebuilt || r->ready != ready || r->open != open;
	r->nft_err = t->err;
	r->egress = egress;
	r->rebuilt = t->rebuilt;
	r->ready = ready;
	r->open = open;
	if (t->err)
		snprintf(r->nft_why, sizeof(r->nft_why), "%s", nft_why(t->nft));
	pthread_mutex_unlock(&f->lock);
	if (news)
		fence_wake(f->done);
}

void fence_tables_turn(struct fence *f)
{
	struct fence_tables *t = &f->tables;
	uint64_t now_ns = clock_now_ns();

	if (now_ns >= t->period_at_ns || t->period_at_ns > now_ns + t->period_ns) {	/* it may be a shorter one now */
		t->period_at_ns = now_ns + t->period_ns;
		t->check = true;
	}
	if (t->built && doors_changed(f))
		build(f);
	t->check |= t->built && nft_changed(t->nft);
	if (t->built && t->check) {
		t->check = false;
		note_change_by_others(t, nft_check(t->nft));
	}
	now_ns = clock_now_ns();
	if (t->built)
		refresh(f, now_ns);
	if (!t->built && now_ns >= t->retry_ns)
		build(f);
	publish(f, clock_now_ns());
}

/* When the first element runs low; what has run low and was not renewed is looked at again after a while. */
static uint64_t next_ns(const struct fence *f, uint64_t now_ns)
{
	const struct fence_tables *t = &f->tables;
	uint64_t next = now_ns + LOOK_NS, again = now_ns + f->conf->lease_ns / 4;

	for (uint32_t i = 0; i < t->plan.n_groups; i++) {
		const struct fence_life *l = &t->life[i];
		uint64_t ready = l->ready_ns > now_ns + GRACE_NS ? l->ready_ns - GRACE_NS : again;
		uint64_t open = l->open_ns > now_ns + open_low_ns(f) ? l->open_ns - open_low_ns(f) : again;

		next = earlier(next, earlier(l->ready_ns ? ready : next, l->open_ns ? open : next));
		if (t->built && l->open_ns && l->open_ns <= now_ns && l->open_ns + l->late_ns > now_ns)
			return now_ns;		/* the kernel may have it still */
	}
	return t->built ? next : earlier(next, t->retry_ns > now_ns ? t->retry_ns : again);
}

static int wait_ms(const struct fence *f)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t ns = next_ns(f, now_ns) - now_ns;

	return (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void *run(void *arg)
{
	struct fence *f = arg;
	struct pollfd pfd = { .fd = f->tables.kick, .events = POLLIN };
	uint64_t n;

	while (!atomic_load(&f->quit)) {
		fence_tables_turn(f);
		(void)poll(&pfd, 1, wait_ms(f));
		(void)!read(pfd.fd, &n, sizeof(n));
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void make_plan(struct fence *f)
{
	struct fence_tables *t = &f->tables;
	const struct conf *c = f->conf;

	t->plan = (struct nft_plan){ .group = t->group, .n_groups = c->n_groups, .vip = t->vip, .n_vips = c->n_vips,
				     .door = t->door };
	for (uint32_t i = 0; i < c->n_groups; i++) {
		const struct conf_group *from = &c->groups[i];
		struct nft_group *to = &t->group[i];

		memcpy(to->name, from->name, sizeof(to->name));
		for (uint32_t v = from->first_vip; v < from->first_vip + from->n_vips; v++) {
			t->vip[v] = (struct nft_vip){ c->vips[v].addr.ip, i };
			to->ip4 |= conf_is_v4(&t->vip[v].ip);
			to->ip6 |= !conf_is_v4(&t->vip[v].ip);
		}
	}
}

int fence_tables_open(struct fence *f)
{
	struct fence_tables *t = &f->tables;

	t->period_ns = f->conf->tserver.network_monitoring_timeout_s * NS_PER_S;
	make_plan(f);
	t->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->kick < 0 ? -errno : nft_open(&t->nft, f->conf->n_vips);
}

int fence_tables_start(struct fence *f)
{
	int err = thread_start(&f->tables.thread, "fence", PRIORITY, run, f, NULL);

	f->tables.running = !err;
	return err;
}

void fence_tables_close(struct fence *f, bool remove)
{
	if (remove && f->tables.nft)
		(void)nft_remove(f->tables.nft);
	nft_close(f->tables.nft);
	if (f->tables.kick >= 0)
		close(f->tables.kick);
}
