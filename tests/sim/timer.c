/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer: bpf_timer of the simulated kernels: callbacks on the host's clock, whoever's process stands still.
 *
 * A callback runs a little late, and much later while the host's soft interrupts are held up (F_LATE_TIMERS). On a host that does not
 * run it waits, and runs when the host goes on: late, as it will find. Power off and new maps end it.
 */
#include "sim.h"

#include <errno.h>

#include "shim/bpf/bpf_helpers.h"

struct rng interrupts;

void kernel_timers_end(struct host *h)
{
	for (int i = 0; i < TIMERS_MAX; i++)
		h->kernel.timer[i] = (struct timer){ .gen = h->kernel.timer[i].gen + 1 };
}

static struct timer *timer_at(struct host *h, const void *at)
{
	for (int i = 0; i < TIMERS_MAX; i++)
		if (h->kernel.timer[i].at == at)
			return &h->kernel.timer[i];
	return NULL;
}

static uint64_t lateness(const struct host *h)
{
	uint64_t ns = 1000 + rng_below(&interrupts, 20000);

	if (rng_ppm(&interrupts, h->late_ppm))
		ns += rng_below(&interrupts, h->late_ns);
	return ns;
}

static struct host *host_of(const struct timer *t)
{
	const char *at = (const char *)t;

	return at >= (const char *)&host[1] ? &host[1] : &host[0];
}

static void call(struct host *h, struct timer *t)
{
	uint32_t key;
	void *value;

	kernel_element(h, t->map, t->at, &key, &value);
	t->armed = false;
	check_word(h);
	kernel_of = h;
	t->fn(t->map, &key, value);
	kernel_of = NULL;
	check_word_of_timer(h);
}

static void due(void *arg, uint64_t gen)
{
	struct timer *t = arg;
	struct host *h = host_of(t);

	if (t->gen != gen || !t->armed || !h->on || h->frozen)
		return;
	if (host_now(h) < t->due)	/* the clock stood meanwhile */
		sched_at(host_sim_time(h, t->due), due, t, gen);
	else
		call(h, t);
}

static void wait_for(struct host *h, struct timer *t)
{
	sched_at(host_sim_time(h, t->due) + lateness(h), due, t, ++t->gen);
}

/* Before what lies in the NIC's queue, or after it: as it happens. */
void kernel_timers_go_on(struct host *h)
{
	for (int i = 0; i < TIMERS_MAX; i++) {
		struct timer *t = &h->kernel.timer[i];

		if (t->armed && host_now(h) >= t->due && rng_one_in(&interrupts, 2))
			call(h, t);
		else if (t->armed)
			wait_for(h, t);
	}
}

/* ---- helpers ---------------------------------------------------------------------------------- */

long bpf_timer_init(struct bpf_timer *timer, void *map, __u64 flags)
{
	struct timer *t = timer_at(kernel_of, timer);

	if (flags != 7)		/* CLOCK_BOOTTIME: every *_ns is of that clock */
		return -EINVAL;
	if (t)
		return -EBUSY;
	t = timer_at(kernel_of, NULL);
	if (!t)
		return -ENOMEM;
	*t = (struct timer){ .at = timer, .map = map, .gen = t->gen };
	return 0;
}

long bpf_timer_set_callback(struct bpf_timer *timer, void *fn)
{
	struct timer *t = timer_at(kernel_of, timer);

	if (!t)
		return -EINVAL;
	t->fn = (int (*)(void *, void *, void *))fn;
	return 0;
}

long bpf_timer_start(struct bpf_timer *timer, __u64 nsecs, __u64 flags)
{
	struct timer *t = timer_at(kernel_of, timer);

	if (!t || !t->fn || flags)
		return -EINVAL;
	t->due = host_now(kernel_of) + nsecs;
	t->armed = true;
	wait_for(kernel_of, t);
	return 0;
}
