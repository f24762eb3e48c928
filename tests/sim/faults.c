/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults: what goes wrong, when, for how long? All drawn from the seed before the hosts are switched on, so
 * that a change of the code does not change the faults. Each has its end; after the last one all is well again.
 */
#include "sim.h"

#include <stdio.h>

#define FAULTS_MAX 64

enum kind {
	F_SWITCHOVER, F_KILL, F_STOP, F_STOP_MID, F_STOP_STORE, F_NAP, F_TERM, F_SERVER, F_CUT, F_CUT_ONE, F_CUT_HOST, F_LOSS, F_DELAY,
	F_FLAP, F_LINK, F_FREEZE, F_FREEZE_CLOCK, F_REBOOT, F_REBOOT_DISK, F_STARVE, F_DISK, F_DISK_FAILS, F_RTNL,
	F_SWIZZLE, F_FENCE, F__N,
	F_ETCD_CUT = F__N, F_ETCD_HANGS,	/* only where there is one */
	F_LATE_TIMERS,				/* only in cluster mode */
	F_RESTART,				/* of one profile */
	F__ALL
};

static const char *const text[F__ALL] = {
	"switchover asked for", "batond killed", "batond stopped", "batond to be stopped in the middle",
	"batond to be stopped at its next store",
	"batond to nap in the middle", "batond told to end", "SIP server gone", "cut both ways", "cut one way",
	"host's cable out at the switch", "loss", "delay", "flapping path", "carrier gone", "host frozen",
	"host frozen, its clock too", "host rebooted", "host rebooted, disk lost", "CPU starved", "slow disk",
	"disk fails", "slow rtnl", "swizzle", "fenced by hand",
	"cut from etcd", "etcd hangs", "late timers", "batond restarted in place"
};

const struct profile profiles[] = {
	{ "calm", "loss to 10 %, doubles, overtaking, jitter, short stops, starvation: nothing may move", 3, P_CALM },
	{ "stranger", "records, forges and replays, and nothing else: nothing may move", 1, P_CALM },
	{ "planned", "switchovers and fences only: every request answered, once", 2, P_LOSSLESS },
	{ "controller", "batond killed, stopped, stopped in the middle, ended and started again", 3, 0 },
	{ "server", "SIP servers die and return", 1, 0 },
	{ "network", "cuts in both and one direction, loss, delay, flapping, carriers", 4, P_NO_LIMIT },
	{ "host", "freezes, reboots, lost disks", 4, P_NO_LIMIT },
	{ "chaos", "everything at once", 6, P_NO_LIMIT },
	{ "flip", "a host dies while the other's controller stands still", 0, P_NO_LIMIT },
	{ "restart", "batond restarted in place while the other's stands still, or is restarted too; messages are lost", 0, P_NO_LIMIT },
	{ "witness", "arbiter etcd, and everything but clocks that stand: two holders never", 0, P_NO_LIMIT | P_WITNESS },
};
uint32_t n_profiles = sizeof(profiles) / sizeof(profiles[0]);

const struct profile *profile;
uint32_t faults_done, moves_allowed;
uint64_t faults_end;

struct fault {
	enum kind kind;
	uint64_t at, for_ns;
	uint32_t h, net, x;
};

static struct fault fault[FAULTS_MAX];
static uint32_t n_faults;

/* ---- one by one ------------------------------------------------------------------------------- */

static void cut(uint32_t net, uint32_t from, uint32_t to, bool on)
{
	way[net][from][to].cut = on;
}

static void loss(uint32_t net, uint32_t ppm)
{
	way[net][0][1].loss_ppm = way[net][1][0].loss_ppm = ppm;
}

static void unplug(uint32_t h, bool on)
{
	for (uint32_t i = 0; i < PORTS; i++)
		if (i != h)
			way[0][h][i].cut = way[0][i][h].cut = on;
}

static void delay(uint32_t net, uint32_t h, uint64_t ns)
{
	way[net][h][!h].delay_ns = ns;
}

static void swizzle(uint32_t x, bool on)
{
	uint32_t i = x % 3, k = (x + 1 + x / 3 % 2) % 3;

	way[0][i][k].cut = on;
}

static void flap(void *arg, uint64_t times)
{
	struct fault *f = arg;

	cut(f->net, 0, 1, times & 1);
	cut(f->net, 1, 0, times & 1);
	if (times)
		sched_at(sim_now + f->for_ns / (f->x + 1), flap, f, times - 1);
}

static void begin_proc(struct fault *f, struct host *h)
{
	switch (f->kind) {
	case F_SWITCHOVER:
		h->proc.ask = h->proc.alive;
		h->proc.force = f->x & 1;
		proc_poke(h);
		break;
	case F_KILL:
		h->restarts = false;
		proc_kill(h);
		break;
	case F_STOP:
		proc_stop(h);
		break;
	case F_STOP_STORE:
		h->proc.stop_at_store = true;
		h->proc.stop_for_ns = f->for_ns;
		break;
	case F_STOP_MID:
	case F_NAP:
		h->proc.stop_in = f->x;
		h->proc.stop_for_ns = f->for_ns;
		break;
	case F_FENCE:
		h->proc.fence = h->proc.alive;
		h->proc.force = f->x & 1;
		proc_poke(h);
		break;
	case F_RESTART:
		h->exec_ns = f->x;
		h->proc.renew = h->proc.alive;
		proc_poke(h);
		break;
	case F_TERM:
		h->restarts = false;
		h->proc.term = h->proc.alive;
		proc_poke(h);
		break;
	default:
		break;
	}
}

static void begin_net(struct fault *f, struct host *h)
{
	switch (f->kind) {
	case F_CUT:
		cut(f->net, 0, 1, true);
		cut(f->net, 1, 0, true);
		break;
	case F_CUT_ONE:
		cut(f->net, f->h, !f->h, true);
		break;
	case F_CUT_HOST:
		unplug(f->h, true);
		break;
	case F_LOSS:
		loss(f->net, f->x);
		break;
	case F_DELAY:
		delay(f->net, f->h, f->x);
		break;
	case F_FLAP:
		flap(f, f->x);
		break;
	case F_LINK:
		host_link(h, f->net, false);
		break;
	case F_SWIZZLE:
		swizzle(f->x, true);
		break;
	default:
		break;
	}
}

static void begin_host(struct fault *f, struct host *h)
{
	switch (f->kind) {
	case F_SERVER:
		host_server(h, false);
		break;
	case F_FREEZE:
	case F_FREEZE_CLOCK:
		if (h->on && !h->frozen)
			host_freeze(h, f->kind == F_FREEZE_CLOCK);
		break;
	case F_REBOOT:
	case F_REBOOT_DISK:
		host_crash(h);
		break;
	case F_STARVE:
		h->starved_ppm = 20000 + f->x % 200000;
		h->starved_ns = f->x;
		break;
	case F_DISK:
		h->disk_ns = f->x;
		break;
	case F_DISK_FAILS:
		h->disk_fails = true;
		break;
	case F_RTNL:
		h->rtnl_ns = f->x;
		break;
	case F_LATE_TIMERS:
		h->late_ppm = 20000 + f->x % 500000;
		h->late_ns = f->x;
		break;
	case F_ETCD_CUT:
		etcd_is_cut[f->h] = true;
		break;
	case F_ETCD_HANGS:
		etcd_hangs = true;
		break;
	default:
		break;
	}
}

/* Until it is lifted: one under way cannot be, nor one whose batond is just not there. */
static void unfence(void *arg, uint64_t unused)
{
	struct fault *f = arg;
	struct host *h = &host[f->h];

	(void)unused;
	if (h->proc.alive) {
		h->proc.unfence = true;
		proc_poke(h);
	}
	if (f->x < 64)
		sched_at(sim_now + 100 * NS_PER_MS, unfence, f, 0);
	f->x += 8;
}

static void end_fault(struct fault *f, struct host *h)
{
	switch (f->kind) {
	case F_KILL:
	case F_TERM:
		h->restarts = true;
		if (h->on && !h->proc.alive)
			proc_start(h);
		break;
	case F_STOP:
		proc_cont(h);
		break;
	case F_STOP_MID:
	case F_NAP:
		h->proc.stop_in = 0;
		break;
	case F_STOP_STORE:
		h->proc.stop_at_store = false;
		break;
	case F_FENCE:
		unfence(f, h->proc.life);
		break;
	case F_SERVER:
		if (h->on && !h->server)
			host_server(h, true);
		break;
	case F_CUT:
		cut(f->net, 0, 1, false);
		cut(f->net, 1, 0, false);
		break;
	case F_CUT_ONE:
		cut(f->net, f->h, !f->h, false);
		break;
	case F_CUT_HOST:
		unplug(f->h, false);
		break;
	case F_LOSS:
		loss(f->net, 0);
		break;
	case F_DELAY:
		delay(f->net, f->h, 30000);
		break;
	case F_LINK:
		host_link(h, f->net, true);
		break;
	case F_SWIZZLE:
		swizzle(f->x, false);
		break;
	case F_FREEZE:
	case F_FREEZE_CLOCK:
		if (h->frozen)
			host_thaw(h);
		break;
	case F_REBOOT:
	case F_REBOOT_DISK:
		if (!h->on)
			host_boot(h, f->kind == F_REBOOT_DISK);
		break;
	case F_STARVE:
		h->starved_ppm = 0;
		break;
	case F_DISK:
		h->disk_ns = 2 * NS_PER_MS;
		break;
	case F_DISK_FAILS:
		h->disk_fails = false;
		break;
	case F_RTNL:
		h->rtnl_ns = 200000;
		break;
	case F_LATE_TIMERS:
		h->late_ppm = 0;
		break;
	case F_ETCD_CUT:
		etcd_is_cut[f->h] = false;
		break;
	case F_ETCD_HANGS:
		etcd_hangs = false;
		break;
	default:
		break;
	}
}

static void on_end(void *arg, uint64_t unused)
{
	struct fault *f = arg;

	(void)unused;
	check_disturbed();
	if (f->kind != F_SWITCHOVER && f->kind != F_RESTART && f->kind != F_STOP_MID && f->kind != F_NAP && f->kind != F_STOP_STORE)
		tell(&host[f->h], "end of: %s", text[f->kind]);
	trace(1000 + f->kind);
	end_fault(f, &host[f->h]);
}

static void on_begin(void *arg, uint64_t unused)
{
	struct fault *f = arg;
	struct host *h = &host[f->h];

	(void)unused;
	tell(h, "FAULT %s, net %u, x %u, for %llu ms", text[f->kind], f->net, f->x,
	     (unsigned long long)(f->for_ns / NS_PER_MS));
	trace(f->kind);
	check_disturbed();
	faults_done++;
	begin_proc(f, h);
	begin_net(f, h);
	begin_host(f, h);
	sched_at(sim_now + f->for_ns, on_end, f, 0);
}

/* ---- the plan --------------------------------------------------------------------------------- */

static uint64_t some_ms(uint64_t from, uint64_t to)
{
	return rng_between(&plan, from * NS_PER_MS, to * NS_PER_MS);
}

/* Mostly short, now and then long: both sides of every deadline must be tried. */
static uint64_t lasting(void)
{
	switch (rng_below(&plan, 5)) {
	case 0:
		return some_ms(1, 40);
	case 3:
		return some_ms(1000, 2500);
	case 1:
		return some_ms(30, 140);
	case 2:
		return some_ms(100, 400);
	default:
		return some_ms(300, 1500);
	}
}

static void draw(struct fault *f, enum kind kind, uint64_t from, uint64_t to)
{
	*f = (struct fault){ .kind = kind, .at = rng_between(&plan, from, to), .for_ns = lasting(),
			     .h = (uint32_t)rng_below(&plan, HOSTS),
			     .net = host[0].conf.n_paths > 1 ? (uint32_t)rng_below(&plan, 2) : 0 };
	switch (kind) {
	case F_SWITCHOVER:
		f->x = rng_one_in(&plan, 4);
		f->for_ns = NS_PER_MS;
		break;
	case F_FENCE:
		f->x = (uint32_t)rng_below(&plan, 2);
		break;
	case F_STOP_MID:
		f->x = (uint32_t)rng_between(&plan, 1, 200);
		break;
	case F_NAP:
		f->x = (uint32_t)rng_between(&plan, 1, 200);
		f->for_ns = some_ms(1, 30);
		break;
	case F_LOSS:
		f->x = (uint32_t)rng_between(&plan, 10000, 950000);
		break;
	case F_DELAY:
		f->x = (uint32_t)rng_between(&plan, 100000, 60 * NS_PER_MS);
		break;
	case F_FLAP:
		f->x = (uint32_t)rng_between(&plan, 1, 8) * 2;
		break;
	case F_SWIZZLE:
		f->x = (uint32_t)rng_below(&plan, 6);
		f->for_ns = some_ms(50, 800);
		break;
	case F_STARVE:
	case F_LATE_TIMERS:
		f->x = (uint32_t)rng_between(&plan, NS_PER_MS, 60 * NS_PER_MS);
		break;
	case F_RESTART:
		f->x = (uint32_t)some_ms(1, 600);
		f->for_ns = NS_PER_MS;
		break;
	case F_DISK:
		f->x = (uint32_t)some_ms(10, 800);
		break;
	case F_RTNL:
		f->x = (uint32_t)some_ms(1, 400);
		break;
	case F_REBOOT:
	case F_REBOOT_DISK:
		f->for_ns = some_ms(100, 1500);
		break;
	default:
		break;
	}
}

static void add(enum kind kind, uint64_t from, uint64_t to)
{
	struct fault *f = &fault[n_faults];

	if (n_faults == FAULTS_MAX)
		return;
	n_faults++;
	draw(f, kind, from, to);
	moves_allowed += kind == F_FLAP ? f->x : 1;
	if (f->at + 2 * f->for_ns > faults_end)	/* a stop may begin when the time to is nearly over */
		faults_end = f->at + 2 * f->for_ns;
	sched_at(f->at, on_begin, f, 0);
}

static void calm(uint64_t from, uint64_t to)
{
	uint32_t n = (uint32_t)rng_below(&plan, 4), nets = host[0].conf.n_paths;

	for (uint32_t i = 0; i < nets; i++)
		for (int a = 0; a < PORTS; a++)
			for (int b = 0; b < PORTS; b++) {
				struct way *w = &way[i][a][b];

				w->loss_ppm = rng_one_in(&plan, 2) ? (uint32_t)rng_below(&plan, 100000) : 0;
				w->dup_ppm = rng_one_in(&plan, 2) ? (uint32_t)rng_below(&plan, 200000) : 0;
				w->reorder_ppm = rng_one_in(&plan, 2) ? (uint32_t)rng_below(&plan, 200000) : 0;
				w->jitter_ns = rng_one_in(&plan, 2) ? rng_below(&plan, 3 * NS_PER_MS) : 0;
			}
	for (uint32_t i = 0; i < n; i++) {
		static const enum kind kinds[] = { F_STOP, F_NAP, F_DISK, F_RTNL, F_DISK_FAILS, F_STARVE };
		struct fault *f = &fault[n_faults];

		add(kinds[rng_below(&plan, 6)], from, to);
		if (f->for_ns > 90 * NS_PER_MS)	/* less than half of a lease */
			f->for_ns = 90 * NS_PER_MS;
		if (f->kind == F_STARVE)
			f->x = f->x % (15 * NS_PER_MS);
	}
	moves_allowed = 0;
}

static void some_of(const enum kind *kinds, uint32_t n_kinds, uint32_t most, uint64_t from, uint64_t to)
{
	uint32_t n = (uint32_t)rng_between(&plan, 1, most);

	for (uint32_t i = 0; i < n; i++)
		add(kinds[rng_below(&plan, n_kinds)], from, to);
}

/* They move nothing by themselves. */
static void late_timers(uint64_t from, uint64_t to)
{
	uint32_t due = moves_allowed;

	add(F_LATE_TIMERS, from, to);
	moves_allowed = due;
}

/* Mostly the one that holds the role. */
static void flip(uint64_t from, uint64_t to)
{
	uint32_t dies = rng_one_in(&plan, 4);
	struct fault *stop = &fault[n_faults], *death;

	add(F_STOP, from, to);
	stop->h = !dies;
	stop->for_ns = some_ms(700, 1500);
	faults_end = stop->at + 2 * stop->for_ns;
	death = &fault[n_faults];
	add(F_REBOOT, stop->at, stop->at + 100 * NS_PER_MS);
	death->h = dies;
}

/* The newest that is heard of the one that begins anew may be what it sent last. Or both begin anew: an upgrade of two hosts at once. */
static void restart(uint64_t from, uint64_t to)
{
	uint32_t h = (uint32_t)rng_below(&plan, HOSTS);
	struct fault *stop = &fault[n_faults], *again;

	add(rng_one_in(&plan, 3) ? F_RESTART : F_STOP, from, to);
	stop->h = !h;
	stop->for_ns = some_ms(200, 1500);
	again = &fault[n_faults];
	add(F_RESTART, stop->at, stop->at + (stop->kind == F_STOP ? 100 : 10) * NS_PER_MS);
	again->h = h;
	for (uint32_t i = (uint32_t)rng_below(&plan, 3); i > 0; i--) {
		struct fault *lost = &fault[n_faults];

		add(F_LOSS, from, stop->at);
		lost->x %= 400000;
		lost->for_ns = stop->at + stop->for_ns - lost->at;
	}
	faults_end = stop->at + 2 * stop->for_ns;
}

#define SOME_OF(kinds, most) some_of(kinds, sizeof(kinds) / sizeof(kinds[0]), most, from, to)

void faults_plan(const struct profile *p, uint64_t from, uint64_t to)
{
	static const enum kind planned[] = { F_SWITCHOVER, F_SWITCHOVER, F_FENCE };
	static const enum kind controller[] = { F_KILL, F_STOP, F_STOP, F_STOP_MID, F_STOP_STORE, F_NAP, F_TERM, F_STARVE };
	static const enum kind server[] = { F_SERVER };
	static const enum kind network[] = { F_CUT, F_CUT_ONE, F_CUT_HOST, F_LOSS, F_DELAY, F_FLAP, F_LINK, F_SWIZZLE };
	static const enum kind hosts[] = { F_FREEZE, F_FREEZE_CLOCK, F_REBOOT, F_REBOOT_DISK };

	static const enum kind witness[] = {
		F_CUT, F_CUT, F_CUT, F_CUT_ONE, F_CUT_HOST, F_LOSS, F_FLAP, F_LINK, F_KILL, F_STOP, F_STOP, F_STOP_MID, F_STOP_STORE,
		F_TERM, F_SERVER, F_FREEZE, F_REBOOT, F_REBOOT_DISK, F_STARVE, F_SWITCHOVER, F_ETCD_CUT, F_ETCD_CUT, F_ETCD_HANGS,
	};

	n_faults = faults_done = moves_allowed = 0;
	faults_end = from;
	if (!strcmp(p->name, "calm"))
		calm(from, to);
	else if (!strcmp(p->name, "planned"))
		some_of(planned, client_ignores_announcements ? 2 : 3, 3, from, to);	/* what is fenced sends nothing on */
	else if (!strcmp(p->name, "controller"))
		SOME_OF(controller, 4);
	else if (!strcmp(p->name, "server"))
		SOME_OF(server, 3);
	else if (!strcmp(p->name, "network"))
		SOME_OF(network, 6);
	else if (!strcmp(p->name, "host"))
		SOME_OF(hosts, 3);
	else if (!strcmp(p->name, "witness"))
		SOME_OF(witness, 14);
	else if (!strcmp(p->name, "flip"))
		flip(from, to);
	else if (!strcmp(p->name, "restart"))
		restart(from, to);
	else if (!strcmp(p->name, "chaos"))
		for (uint32_t i = 0, n = (uint32_t)rng_between(&plan, 2, 14); i < n; i++)
			add((enum kind)rng_below(&plan, F__N), 300 * NS_PER_MS, to);
	for (uint32_t i = 0, n = in_cluster ? (uint32_t)rng_below(&plan, 3) : 0; i < n; i++)
		late_timers(from, to);
	for (uint32_t i = 0; i < n_faults && p->flags & P_LOSSLESS; i++)
		fault[i].x = 0;		/* --force loses what it must */
}
