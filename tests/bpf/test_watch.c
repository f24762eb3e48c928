// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_watch: does the watchdog open a gate when the peer is dead, and never otherwise?
 *
 * The decision itself runs in the kernel at times that the test says (watch_look.bpf.c), on the real programs' maps. A state is
 * made in which everything speaks for it; then one thing at a time speaks against. Last the timer itself, by the clock.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "watch_look.h"
#include "word_table.h"

#define OBJECT		"build/tests/bpf/watch_look.bpf.o"
#define MS		1000000ULL
#define NOW		(1000000 * MS)	/* of the made state */
#define LEASE		(250 * MS)
#define PATIENCE	(275 * MS)
#define ARMED		BT_WORD(7, 2, BT_ARMED)
#define OPENED		BT_WORD(8, 1, BT_OPEN)
#define GRACE		(3 * MS / 2)	/* half an interval comes on top of what silence must be, where nothing shows that it is one */
#define QUIET		(NOW - GRACE)	/* and where something does */
#define BEHIND		250000ULL	/* so long after a frame what lay behind it in its queue was met */
#define AGAIN		250000ULL	/* between two looks while a frame may show that silence is one */
#define ASKS_NOT	(NOW - 20 * MS)	/* the newest probe left then: nobody asks any more */

static struct bpf_object *obj;

/* All that is judged by. */
struct state {
	struct bt_watch_own own;
	struct bt_watch timer;
	struct bt_pair pair;
	struct bt_group group[2];
	struct bt_heard heard[2];
	uint64_t word[2], lease[2];
	struct bt_node node;
};

static void set(const char *map, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), &i, value, BPF_ANY), "%s[%u]: %s", map, i, strerror(errno));
}

static void get(const char *map, uint32_t i, void *ret)
{
	CHECK(!bpf_map_lookup_elem(rig_map(map), &i, ret), "%s[%u]: %s", map, i, strerror(errno));
}

static void make_group(struct state *s, uint32_t i)
{
	get("cfg_group", i, &s->group[i]);
	s->group[i].flags = BT_GROUP_WATCH;
	s->group[i].health = PULSE_F_RUNNING;
	s->word[i] = ARMED;
	s->lease[i] = NOW - 5 * RIG_SEC;	/* armed gates live by answers: none came for long */
	s->heard[i] = (struct bt_heard){ .word = BT_WORD(7, 2, BT_OPEN), .at_ns = NOW - 30 * MS, .lease_left_us = 250000,
					 .flags = PULSE_F_KNOWN | PULSE_F_RUNNING | PULSE_F_LEASED };
}

/* Two paths of three were heard 30 ms ago, just as long as they may be silent; the third needs 40 and had them. */
static struct state dead(void)
{
	struct state s = {
		.own = { .generation = 5, .interval_ns = 3 * MS, .detect_ns = { 30 * MS - GRACE, 30 * MS - GRACE, 40 * MS - GRACE },
			 .lease_ns = LEASE,
			 .asking_ns = { NOW - 30 * MS, NOW - 31 * MS, NOW - 40 * MS }, .asked_ns = NOW - MS, .patience_ns = PATIENCE, .votes = 7 },
		.timer = { .generation = 5, .due_ns = NOW, .fair_ns = NOW - RIG_SEC },
		.pair = { .nonce = RIG_NONCE, .path = { { .heard_ns = NOW - 30 * MS }, { .heard_ns = NOW - 31 * MS },
							{ .heard_ns = NOW - 40 * MS } } },
		.node = *rig_node(),
	};

	make_group(&s, 0);
	make_group(&s, 1);
	return s;
}

static void put(const struct state *s)
{
	set("ct_watch", 0, &s->own);
	set("st_watch", 0, &s->timer);
	set("st_pair", 0, &s->pair);
	set("cfg_node", 0, &s->node);
	for (uint32_t i = 0; i < 2; i++) {
		set("cfg_group", i, &s->group[i]);
		set("st_heard", i, &s->heard[i]);
		set("st_word", i, &s->word[i]);
		set("ct_lease", i, &s->lease[i]);
	}
	while (rig_event().kind)
		;
}

static uint64_t look(uint64_t now, uint32_t repeat)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "look"));
	int map = bpf_object__find_map_fd_by_name(obj, "look_case");
	struct look_case c = { .now = now };
	char frame[64] = "";
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = repeat);
	uint32_t zero = 0;

	CHECK(!bpf_map_update_elem(map, &zero, &c, BPF_ANY), "%s", strerror(errno));
	CHECK(!bpf_prog_test_run_opts(fd, &opts) && opts.retval == XDP_PASS, "test run: %u, %s", opts.retval, strerror(errno));
	CHECK(!bpf_map_lookup_elem(map, &zero, &c), "%s", strerror(errno));
	return c.next;
}

static uint64_t lease(uint32_t slot)
{
	uint64_t until;

	get("ct_lease", slot, &until);
	return until;
}

static struct bt_watch timer(void)
{
	struct bt_watch t;

	get("st_watch", 0, &t);
	return t;
}

/* Does an event that waits tell of group 0? */
static bool told_of_first(void)
{
	struct bt_event ev;

	while ((ev = rig_event()).kind)
		if (!ev.group)
			return true;
	return false;
}

static uint64_t look_at(const struct state *s, uint64_t now)
{
	put(s);
	return look(now, 1);
}

#define OPENS(s, now, ...) do { \
	look_at(s, now); \
	CHECK(rig_word(0) == OPENED, __VA_ARGS__); \
} while (0)

#define STAYS(s, now, ...) do { \
	look_at(s, now); \
	CHECK(rig_word(0) == (s)->word[0], __VA_ARGS__); \
	CHECK(lease(0) == (s)->lease[0], __VA_ARGS__); \
	CHECK(!told_of_first(), __VA_ARGS__); \
} while (0)

/* The change that is meant to be the reason is undone: then it opens. */
#define NEEDS(change, ...) do { \
	struct state made_ = dead(), *d = &made_; \
	OPENS(d, NOW, "everything speaks for it, before: " __VA_ARGS__); \
	change; \
	STAYS(d, NOW, __VA_ARGS__); \
} while (0)

static void test_opens(void **state)
{
	struct state s = dead();
	struct bt_event ev;
	struct bt_seen seen = { .first_ns = 1 };

	(void)state;
	set("st_seen", 0, &seen);
	OPENS(&s, NOW, "%016lx", rig_word(0));
	CHECK(rig_word(1) == OPENED, "one look opens every group: %016lx", rig_word(1));
	CHECK(lease(0) == NOW + LEASE && lease(1) == NOW + LEASE, "leases %llu %llu", lease(0) - NOW, lease(1) - NOW);
	ev = rig_event();
	CHECK(ev.kind == BT_EV_WORD && ev.group == 0 && ev.at_ns == NOW && ev.from == ARMED && ev.to == OPENED &&
	      ev.arg == (WORD_FOUND_DEAD | BT_EV_BY_WATCH), "event %u of %u: %llx -> %llx, %llx", ev.kind, ev.group, ev.from, ev.to, ev.arg);
	get("st_seen", 0, &seen);
	CHECK(!seen.first_ns, "the first frame of an earlier opening is still noted");
	look(NOW + 3 * MS, 1);
	CHECK(rig_word(0) == OPENED && lease(0) == NOW + LEASE, "no lease twice: %llu", lease(0) - NOW);
	s = dead();
	s.lease[0] = NOW + 2 * LEASE;
	OPENS(&s, NOW, "%016lx", rig_word(0));
	CHECK(lease(0) == NOW + 2 * LEASE, "a longer lease was cut");
}

static void test_silence(void **state)
{
	(void)state;
	NEEDS(d->pair.path[0].heard_ns++, "heard one nanosecond later on one path");
	NEEDS(d->pair.path[2].heard_ns++, "the path that may be silent longer");
	NEEDS(d->pair.path[1].heard_ns = NOW + 1, "heard by another CPU while this one looked");
	NEEDS(d->own.detect_ns[1] += 2 * MS, "its time has stretched");
	NEEDS(d->own.detect_ns[1] = 0, "its time is not known");
	NEEDS(memset(d->pair.path, 0, sizeof(d->pair.path)), "never heard at all");
	NEEDS(d->own.votes = 0, "no path has a vote");
	NEEDS((d->own.votes = 6, d->pair.path[0].heard_ns = NOW - 28 * MS), "heard by a path that has no vote");
}

/* A path without a vote speaks only by what it hears. */
static void test_votes(void **state)
{
	struct state s = dead();

	(void)state;
	s.own.votes = 1;
	s.own.detect_ns[1] = 0;
	s.pair.path[2].heard_ns = 0;
	OPENS(&s, NOW, "paths without a vote hold it back: %016lx", rig_word(0));
	s = dead();
	s.pair.path[2].heard_ns = 0;
	OPENS(&s, NOW, "a path that was never heard: %016lx", rig_word(0));
}

static void test_own_lateness(void **state)
{
	struct state s = dead();

	(void)state;
	NEEDS(d->timer.fair_ns = NOW - 39 * MS, "looked on time since 39 ms, path 2 needs 40");
	OPENS(&s, NOW + 3 * MS / 2, "half an interval late is on time: %016lx", rig_word(0));
	STAYS(&s, NOW + 3 * MS / 2 + 1, "a look that came late");
	CHECK(timer().late == 1 && timer().looks == 1 && timer().fair_ns == NOW + 3 * MS / 2 + 1, "late %llu of %llu, fair since %llu",
	      timer().late, timer().looks, timer().fair_ns);
	s.own.asked_ns = NOW + RIG_SEC;
	set("ct_watch", 0, &s.own);
	/* On time from then on: the longest of the paths' times later, and not before. */
	for (uint64_t now = NOW + 3 * MS / 2 + 1, next, left = 40 * MS; left; now += next, left -= next) {
		CHECK(rig_word(0) == ARMED, "opened %lu ns too early", left);
		next = look(now, 1);
		CHECK(next == (left < AGAIN ? left : AGAIN), "%lu ns before its time the next look is in %lu", left, next);
		if (left == next)
			look(now + next, 1);
	}
	CHECK(rig_word(0) == OPENED, "%016lx", rig_word(0));
}

/* A client's frame on the queue by which pulses come shows that nothing waits there: no more is waited. */
static void test_shown(void **state)
{
	struct state s = dead();

	(void)state;
	STAYS(&s, QUIET, "nothing shows that silence is one");
	for (int i = 0; i < 3; i++)
		s.timer.ear[i].heard_ns = QUIET - GRACE;
	OPENS(&s, QUIET, "shown on all paths: %016lx", rig_word(0));
	STAYS(&s, QUIET - 1, "not silent for long enough");
	s.timer.fair_ns = QUIET;
	s.timer.due_ns = QUIET - 2 * GRACE;
	OPENS(&s, QUIET, "a look that came late, of a host whose receiver did not stand still: %016lx", rig_word(0));
	s.own.asking_ns[0] = 0;
	STAYS(&s, QUIET, "and nobody asked");
	s = dead();
	s.timer.ear[0].heard_ns = s.timer.ear[2].heard_ns = QUIET - GRACE - 1;
	STAYS(&s, QUIET, "shown too long ago");
	OPENS(&s, NOW, "%016lx", rig_word(0));
	for (int i = 0; i < 3; i++)
		s.timer.ear[i].heard_ns = QUIET;
	STAYS(&s, QUIET + BEHIND - 1, "a pulse may lie behind the frame in its queue");
	CHECK(look_at(&s, QUIET + BEHIND - 100000) == 100000, "and is looked for too soon or late");
	OPENS(&s, QUIET + BEHIND, "%016lx", rig_word(0));
}

/* Paths that fell silent together are one. */
static void test_shown_by_one(void **state)
{
	struct state s = dead();

	(void)state;
	s.timer.ear[0].heard_ns = QUIET - MS;
	OPENS(&s, QUIET, "path 0 shows it for those that were silent before: %016lx", rig_word(0));
	s = dead();
	s.timer.ear[2].heard_ns = QUIET - MS;
	STAYS(&s, QUIET, "path 2 was silent long before the others");
	s.own.detect_ns[2] -= 4 * MS;
	s.pair.path[2].heard_ns += 4 * MS;
	s.own.asking_ns[2] += 4 * MS;
	OPENS(&s, QUIET, "two intervals before: %016lx", rig_word(0));
	s.own.detect_ns[2]++;
	s.pair.path[2].heard_ns--;
	STAYS(&s, QUIET, "two intervals and a nanosecond before");
	s = dead();
	s.timer.ear[0].heard_ns = QUIET - MS;
	s.own.votes = 6;
	STAYS(&s, QUIET, "a path without a vote shows nothing");
}

/* Exactly when silence is long enough; once an interval else. */
static void test_when_to_look(void **state)
{
	struct state s = dead();
	uint64_t next;

	(void)state;
	next = look_at(&s, NOW - 10 * MS);
	CHECK(next == 3 * MS && timer().due_ns == NOW - 7 * MS, "long before: in %lu", next);
	next = look_at(&s, QUIET - 2 * MS);
	CHECK(next == 2 * MS && timer().due_ns == QUIET, "just before it is silent for long enough: in %lu", next);
	next = look_at(&s, QUIET - 5);
	CHECK(next >= 1000 && next <= 100000, "5 ns before: in %lu", next);
	next = look_at(&s, QUIET);
	CHECK(next == AGAIN, "a client's frame may come at any time: in %lu", next);
	s.own.asked_ns = ASKS_NOT;
	next = look_at(&s, QUIET);
	CHECK(next == 3 * MS, "but it would show nothing where nobody asks: in %lu", next);
	s = dead();
	next = look_at(&s, NOW - 5);
	CHECK(next >= 1000 && next <= 100000, "5 ns before its time: in %lu", next);
	next = look_at(&s, NOW);
	CHECK(next == 3 * MS, "when it is over: in %lu", next);
}

static void test_generation(void **state)
{
	struct state s = dead();

	(void)state;
	NEEDS(d->own.generation = 6, "batond has armed it anew");
	NEEDS(d->own.generation = 0, "batond wants no verdict");
	NEEDS(d->timer.generation = d->own.generation = 0, "never armed");
	NEEDS(d->own.interval_ns = 0, "nothing was said");
	s.own.generation = 6;
	CHECK(!look_at(&s, NOW) && !timer().looks, "outdated, and yet it goes on looking");
}

/* Two hosts whose probers stand still are silent, and live. */
static void test_nobody_asks(void **state)
{
	struct state s = dead();

	(void)state;
	NEEDS(d->own.asking_ns[2] -= 3 * MS + 1, "of as many probes as path 2 must be silent one left more than an interval before its silence began");
	NEEDS(d->own.asking_ns[0] = 0, "so many never left on time");
	NEEDS(d->own.asked_ns = ASKS_NOT, "our prober stands still, the peer's lease may run");
	s.own.asked_ns = ASKS_NOT;
	s.timer.due_ns = NOW + PATIENCE;
	STAYS(&s, NOW - 30 * MS + PATIENCE - 1, "a nanosecond before a lease's end");
	OPENS(&s, NOW - 30 * MS + PATIENCE, "after every lease's end: %016lx", rig_word(0));
	/* What it told last was nearly over: it may have been renewed since. */
	s.heard[0].lease_left_us = 0;
	STAYS(&s, NOW - 30 * MS + PATIENCE - 1, "a nanosecond before a lease's end that nobody told of");
	memset(s.own.asking_ns, 0, sizeof(s.own.asking_ns));
	OPENS(&s, NOW - 30 * MS + PATIENCE, "when probes once began does not matter: %016lx", rig_word(0));
	/* Its controller was being restarted: a lease of 2 s, told in the last pulse. */
	s.heard[0].lease_left_us = 2000000;
	s.timer.due_ns = NOW + 4 * RIG_SEC;
	STAYS(&s, NOW - 30 * MS + 2200 * MS - 1, "its longer lease may run");
	CHECK(rig_word(1) == OPENED, "the other group's peer told no such lease: %016lx", rig_word(1));
	OPENS(&s, NOW - 30 * MS + 2200 * MS, "its longer lease has ended: %016lx", rig_word(0));
	s.own.patience_ns = 0;
	STAYS(&s, NOW + 3 * RIG_SEC, "a host where batond itself must hear");
}

static void test_unauthentic(void **state)
{
	struct state s = dead();

	(void)state;
	NEEDS(d->pair.path[2].unauth_ns = NOW - RIG_SEC + 1, "a wrong MAC explains it");
	s.pair.path[2].unauth_ns = NOW - RIG_SEC;
	OPENS(&s, NOW, "a second old: %016lx", rig_word(0));
	s.timer.fair_ns = NOW - 40 * MS;
	STAYS(&s, NOW, "and a host that stood still in that second");
}

static void test_router(void **state)
{
	struct state s = dead();

	(void)state;
	NEEDS(d->own.flags = BT_WATCH_ROUTER, "no router ever answered");
	NEEDS((d->own.flags = BT_WATCH_ROUTER, d->own.router_ns = NOW - 30 * MS), "a router's answer as old as the last pulse");
	s.own.flags = BT_WATCH_ROUTER;
	s.own.router_ns = NOW - 30 * MS + 1;
	OPENS(&s, NOW, "a router answered since: %016lx", rig_word(0));
	s.timer.due_ns = NOW + 3 * RIG_SEC;
	STAYS(&s, NOW + 1500 * MS, "an answer that is too old");
}

static void test_own_health(void **state)
{
	(void)state;
	NEEDS(d->group[0].health = 0, "its server is ill");
	NEEDS(d->group[0].health |= PULSE_F_FENCED, "fenced by hand");
	NEEDS(d->group[0].health |= PULSE_F_STOPPING, "being stopped");
	NEEDS(d->group[0].flags = 0, "no group of a cluster, or there is a witness");
	NEEDS(d->node.my_id = 0, "nobody is known");
	NEEDS(d->node.boot = 0, "maps half filled");
	for (uint32_t i = 0; i < 2; i++) {
		struct state s = dead();

		s.group[i].health = 0;
		look_at(&s, NOW);
		CHECK(rig_word(i) == ARMED && rig_word(1 - i) == OPENED, "each group for itself: %016lx %016lx", rig_word(0), rig_word(1));
	}
}

/* By the table: armed at the peer's number, and nothing else. */
static void test_words(void **state)
{
	static const uint8_t owners[] = { 0, 1, 2 };

	(void)state;
	for (int mode = 0; mode < BT_MODE__N; mode++)
		for (int i = 0; i < 3; i++) {
			struct state s = dead();

			s.word[0] = BT_WORD(owners[i] ? 7 : 0, owners[i], mode);
			if (mode != BT_ARMED || owners[i] != 2)
				STAYS(&s, NOW, "mode %d of %d: %016lx", mode, owners[i], rig_word(0));
			else
				OPENS(&s, NOW, "%016lx", rig_word(0));
		}
	NEEDS(d->word[0] = BT_WORD(0xffffffff, 2, BT_ARMED), "terms have run out");
}

/* ---- a race ------------------------------------------------------------------------------------- */

static _Atomic uint64_t *words, *leases;
static atomic_bool over;
static atomic_ulong claimed, opened, torn, left;

static void *map_of(const char *name)
{
	void *at = mmap(NULL, BT_GROUPS_MAX * 8, PROT_READ | PROT_WRITE, MAP_SHARED, rig_map(name), 0);

	CHECK(at != MAP_FAILED, "%s: %s", name, strerror(errno));
	return at;
}

/* What the watchdog decided on the armed word comes soon; so does the lease that it takes back. */
static void watch_claim(uint64_t claim)
{
	for (int i = 0; i < 300; i++)
		if (atomic_load(words) != claim) {
			atomic_fetch_add(&torn, 1);
			return;
		}
	for (int i = 0; i < 2000 && atomic_load(leases) > NOW; i++)
		usleep(1000);
	if (atomic_load(leases) > NOW)
		atomic_fetch_add(&left, 1);
}

/* Each turn at a term of its own: an earlier turn's decision fits no later word. */
static void *controller(void *unused)
{
	for (uint32_t turn = 1; !atomic_load(&over); turn++) {
		uint64_t armed = BT_WORD(turn, 2, BT_ARMED), claim = BT_WORD(turn + 1, 1, BT_ARMED), was = armed;

		atomic_store(leases, 0);
		atomic_store(words, armed);
		for (unsigned i = 0; i < turn % 97 * 7; i++)
			atomic_signal_fence(memory_order_seq_cst);
		if (atomic_compare_exchange_strong(words, &was, claim)) {
			atomic_fetch_add(&claimed, 1);
			watch_claim(claim);
		} else {
			atomic_fetch_add(was == BT_WORD(turn + 1, 1, BT_OPEN) && atomic_load(leases) == NOW + LEASE ? &opened : &torn, 1);
		}
	}
	return unused;
}

static void test_against_a_claim(void **state)
{
	struct state s = dead();
	pthread_t thread;

	(void)state;
	s.group[1].flags = 0;
	put(&s);
	words = map_of("st_word");
	leases = map_of("ct_lease");
	CHECK(!pthread_create(&thread, NULL, controller, NULL), "no thread");
	for (int i = 0; i < 300 && (atomic_load(&claimed) < 300 || atomic_load(&opened) < 300); i++) {
		s.timer.due_ns = NOW;
		set("st_watch", 0, &s.timer);
		look(NOW, 1000);
		while (rig_event().kind)
			;
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	CHECK(!torn, "%lu times one reading made two changes, or an opening had no lease; claimed %lu, opened %lu", torn, claimed, opened);
	CHECK(!left, "%lu claims of %lu live by a lease meant for an opening", left, claimed);
	CHECK(claimed && opened, "claimed %lu, opened %lu: no race was run", claimed, opened);
}

/* ---- the timer itself --------------------------------------------------------------------------- */

static uint32_t arm(void)
{
	char frame[64] = "";
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	CHECK(!bpf_prog_test_run_opts(rig_prog("watch"), &opts), "run of the arming program: %s", strerror(errno));
	return opts.retval;
}

/* Polls for seconds: how fast is the bench's business. */
static bool comes(bool (*is)(uint64_t x), uint64_t x)
{
	for (int i = 0; i < 20000 && !is(x); i++)
		usleep(1000);
	return is(x);
}

static bool looked(uint64_t n)
{
	return timer().looks >= n;
}

static bool is_open(uint64_t unused)
{
	(void)unused;
	return rig_word(0) == OPENED;
}

/* Everything speaks for it, but the peer is heard until far ahead. */
static struct state alive(void)
{
	struct state s = dead();
	uint64_t now = rig_now();

	s.own.interval_ns = 20 * MS;	/* no machine is so slow for seconds */
	s.own.asked_ns = now + 3600 * RIG_SEC;
	for (int i = 0; i < 3; i++) {
		s.own.detect_ns[i] = 30 * MS;
		s.pair.path[i].heard_ns = s.own.asking_ns[i] = now + 3600 * RIG_SEC;
	}
	s.timer = (struct bt_watch){ };
	return s;
}

static void hear_no_more(struct state *s)
{
	for (int i = 0; i < 3; i++)
		s->pair.path[i].heard_ns = rig_now() - 20 * MS;
	set("st_pair", 0, &s->pair);
}

static void test_the_timer(void **state)
{
	struct state s = alive();
	uint64_t looks, fair, before;

	(void)state;
	s.own.generation = 0;
	put(&s);
	CHECK(arm() == EINVAL, "armed by nothing");
	s.own.generation = 9;
	put(&s);
	CHECK(!arm(), "not armed");
	CHECK(comes(looked, 5), "%llu looks", timer().looks);
	CHECK(rig_word(0) == ARMED, "opened while the peer is heard: %016lx", rig_word(0));

	/* Armed anew: it goes on, and what it has seen stays, unless it stood still. */
	before = rig_now();
	fair = timer().fair_ns;
	s.own.generation = 10;
	set("ct_watch", 0, &s.own);
	CHECK(!arm() && timer().generation == 10, "not armed anew");
	CHECK(timer().fair_ns == fair || timer().late || rig_now() - before > s.own.interval_ns / 2, "begins anew, though it was on time");
	looks = timer().looks;
	CHECK(comes(looked, looks + 5), "%llu looks, no more", timer().looks);

	/* Told to judge nothing: it ends by itself, and can be armed again. */
	s.own.generation = 0;
	set("ct_watch", 0, &s.own);
	for (int i = 0; i < 50 && timer().looks != looks; i++) {	/* five of its looks a time */
		looks = timer().looks;
		usleep(100000);
	}
	CHECK(timer().looks == looks, "looks on");
	s.own.generation = 11;
	set("ct_watch", 0, &s.own);
	CHECK(!arm() && comes(looked, looks + 5), "%llu looks after %lu", timer().looks, looks);

	hear_no_more(&s);
	CHECK(comes(is_open, 0), "%016lx after %llu looks, %llu late", rig_word(0), timer().looks, timer().late);
	s.own.generation = 0;
	set("ct_watch", 0, &s.own);
}

static int open_look(void **state)
{
	struct bpf_map *map;
	int err = rig_open(state);

	obj = bpf_object__open(OBJECT);
	CHECK(obj, "%s: %s (run from the top, after make)", OBJECT, strerror(errno));
	bpf_object__for_each_map(map, obj)
		if (!bpf_map__is_internal(map) && strcmp(bpf_map__name(map), "look_case"))
			CHECK(!bpf_map__reuse_fd(map, rig_map(bpf_map__name(map))), "reuse %s", bpf_map__name(map));
	CHECK(!bpf_object__load(obj), "%s does not load: %s", OBJECT, strerror(errno));
	return err;
}

static int close_look(void **state)
{
	bpf_object__close(obj);
	return rig_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens), cmocka_unit_test(test_silence), cmocka_unit_test(test_votes),
		cmocka_unit_test(test_own_lateness), cmocka_unit_test(test_shown), cmocka_unit_test(test_shown_by_one), cmocka_unit_test(test_when_to_look), cmocka_unit_test(test_generation),
		cmocka_unit_test(test_nobody_asks), cmocka_unit_test(test_unauthentic), cmocka_unit_test(test_router),
		cmocka_unit_test(test_own_health), cmocka_unit_test(test_words), cmocka_unit_test(test_against_a_claim),
		cmocka_unit_test(test_the_timer),
	};

	return cmocka_run_group_tests_name("watch", tests, open_look, close_look);
}
