/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steering node's controller over the real maps: slots and epochs over reloads and restarts, ways to servers as the
 * kernel has them, dialogs counted and swept, a drain that outlives its batond. In a network namespace of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "dp_world.h"
#include "steer/steer_own.h"
#include "sys/clock.h"
#include "sys/dp_own.h"

#define SHOULD_NS	(20 * NS_PER_S)		/* generous: how soon something must be so */

static struct conf conf;
static struct dp *dp;
static struct steer *steer;
static struct loop loop;

static void tell(void *arg, const char *file, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("%s:%u: %s", file, line, text);
}

static void configure(const char *pools)
{
	char text[4096];

	snprintf(text, sizeof(text), "[node]\nname = n\n%s", pools);
	assert_int_equal(conf_parse(&conf, "conf", text, strlen(text), tell, NULL), 0);
}

#define POOL(name, n, more) \
	"[pool " name "]\nservice = 10.9.0.20" n ":5060\nserver = a 10.9.0.1" n ":5060\nserver = b 10.9.0.2" n ":5060\noos-check = 0\noos-force = 0\n" more

static void open_steer(void)
{
	char why[256];

	if (steer_open(&steer, &loop, &conf, dp, why, sizeof(why)))
		fail_msg("steer_open: %s", why);
}

static void begin(const char *pools)
{
	bool found;

	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	assert_false(found);
	assert_int_equal(loop_open(&loop), 0);
	configure(pools);
	open_steer();
}

/* As another batond finds it. */
static void again(const char *pools)
{
	steer_close(steer);
	configure(pools);
	open_steer();
}

static int end(void **state)
{
	(void)state;
	steer_close(steer);
	steer = NULL;
	if (dp)
		(void)dp_remove(dp);
	dp_close(dp);
	dp = NULL;
	loop_close(&loop);
	return 0;
}

struct wait {
	bool (*is)(void);
	bool was;
	uint64_t until_ns;
};

static uint64_t turn(void *arg)
{
	uint64_t now = clock_now_ns(), next = steer_turn(steer, now);
	struct wait *w = arg;

	w->was = w->is();
	if (w->was || now >= w->until_ns)
		loop_stop(&loop);
	return next < now + 20 * NS_PER_MS ? next : now + 20 * NS_PER_MS;
}

static void wait_for(bool (*is)(void), const char *what)
{
	struct wait w = { .is = is, .until_ns = clock_now_ns() + SHOULD_NS };

	loop.turn = turn;
	loop.arg = &w;
	loop.stop = false;
	(void)loop_run(&loop);
	if (!w.was)
		fail_msg("waited %llu s for %s", (unsigned long long)(SHOULD_NS / NS_PER_S), what);
}

static struct steer_view view_of(const char *name)
{
	struct steer_view v;

	for (uint32_t i = 0; i < steer_pools(steer); i++)
		if (!steer_view(steer, i, &v) && !strcmp(v.name, name))
			return v;
	fail_msg("there is no pool %s", name);
	return v;
}

static uint32_t services(void)
{
	static struct dp_place places[2 * BT_SERVICES_MAX];

	return (uint32_t)dp_services(dp, places, 2 * BT_SERVICES_MAX);
}

/* ---- slots --------------------------------------------------------------------------------------- */

static void a_pool_keeps_its_slot(void **state)
{
	uint32_t q, epoch;
	uint64_t key;

	(void)state;
	begin(POOL("p", "1", "") POOL("q", "2", ""));
	assert_int_equal(services(), 8);	/* each place, and each service's address for later fragments */
	assert_int_equal(dp_steer(dp)->n_pools, 2);
	q = view_of("q").slot;
	key = dp_steer(dp)->key[0];
	assert_true(key != 0);
	epoch = dp_pools(dp)[view_of("p").slot].server[0].epoch;

	again(POOL("r", "3", "service = 10.9.0.203:5061\n") POOL("q", "2", ""));
	assert_int_equal(view_of("q").slot, q);
	assert_int_equal(services(), 11);
	assert_true(dp_steer(dp)->key[0] == key);

	configure(POOL("p", "1", "") POOL("q", "2", ""));
	assert_int_equal(steer_reload(steer, &conf), 0);
	assert_int_equal(view_of("q").slot, q);
	assert_int_equal(services(), 8);
	assert_true(dp_pools(dp)[view_of("p").slot].server[0].epoch > epoch);	/* nothing of the p before is its own */
}

static void another_address_is_another_server(void **state)
{
	struct bt_pool *row;
	uint32_t a, b;

	(void)state;
	begin(POOL("p", "1", ""));
	row = &dp_pools(dp)[view_of("p").slot];
	a = row->server[0].epoch;
	b = row->server[1].epoch;
	configure("[pool p]\nservice = 10.9.0.201:5060\nserver = a 10.9.0.11:5060\nserver = b 10.9.0.99:5060\nforward = nat\noos-check = 0\n");
	assert_int_equal(steer_reload(steer, &conf), 0);
	assert_int_equal(row->server[0].epoch, a);
	assert_true(row->server[1].epoch > b);
	assert_int_equal(row->forward, BT_FWD_NAT);
}

static void without_pools_nothing_is_left(void **state)
{
	(void)state;
	begin(POOL("p", "1", ""));
	again("[peer]\nname = m\npath = lo 10.0.0.1\n[group g]\ninterface = lo\nsip-address = 10.0.0.2/24\n");
	assert_null(steer);
	assert_int_equal(services(), 0);
	assert_int_equal(dp_steer(dp)->n_pools, 0);
	assert_int_equal(dp_pools(dp)[1].name_hash, 0);
}

/* ---- ways ---------------------------------------------------------------------------------------- */

static bool a_is_reached(void)
{
	return view_of("p").server[0].ifindex;
}

static bool a_has_moved(void)
{
	return dp_pools(dp)[view_of("p").slot].server[0].next_mac[5] == 0x22;
}

static bool a_is_lost(void)
{
	return !view_of("p").server[0].ifindex;
}

static void ways_follow_the_kernel(void **state)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x11 };
	const struct bt_pool_server *a;

	(void)state;
	shell("ip neigh replace 10.9.0.11 lladdr 02:00:00:00:00:11 dev v0 nud permanent");
	begin(POOL("p", "1", ""));
	wait_for(a_is_reached, "the way to a");
	a = &dp_pools(dp)[view_of("p").slot].server[0];
	assert_int_equal(a->ifindex, ifindex_of("v0"));
	assert_memory_equal(a->next_mac, mac, 6);
	assert_int_equal(a->mtu, 1400);
	assert_int_equal(a->from[15], 1);	/* 10.9.0.1 */
	shell("ip neigh replace 10.9.0.11 lladdr 02:00:00:00:00:22 dev v0 nud permanent");
	wait_for(a_has_moved, "its new Ethernet address");
	shell("ip route add unreachable 10.9.0.11/32");
	wait_for(a_is_lost, "the way to be lost with its route");
	assert_string_equal(view_of("p").server[0].way[0] ? "said" : "", "said");
	shell("ip route del unreachable 10.9.0.11/32");
	wait_for(a_is_reached, "the way to be found again");
}

/* ---- dialogs ------------------------------------------------------------------------------------- */

static void put(enum dp_map map, uint64_t key, const struct bt_dialog *d)
{
	assert_int_equal(bpf_map_update_elem(dp->map[map], &key, d, BPF_ANY), 0);
}

static bool is_there(enum dp_map map, uint64_t key)
{
	struct bt_dialog d;

	return !bpf_map_lookup_elem(dp->map[map], &key, &d);
}

static bool old_ones_are_gone(void)
{
	return !is_there(DP_st_dialog, 2) && !is_there(DP_st_dialog, 3) && !is_there(DP_st_young, 4) && !is_there(DP_st_dialog, 5);
}

static bool two_are_counted(void)
{
	struct steer_view v = view_of("p");

	return v.server[0].calls == 2000 && v.server[0].connections == 1 && v.server[1].calls == 1;
}

static void dialogs_are_counted_and_swept(void **state)
{
	uint32_t now = (uint32_t)(clock_now_ns() / NS_PER_S), slot, e;
	struct bt_dialog d;

	(void)state;
	begin(POOL("p", "1", ""));
	slot = view_of("p").slot;
	e = dp_pools(dp)[slot].server[0].epoch;
	d = (struct bt_dialog){ .epoch = e, .owner = (uint16_t)slot, .server = 1, .kind = BT_D_CALL, .state = BT_D_CONFIRMED,
				.first_s = now, .last_s = now };
	for (uint64_t key = 1000; key < 3000; key++)	/* more than a slice */
		put(DP_st_dialog, key, &d);
	d.epoch = e + 7;
	put(DP_st_dialog, 1, &d);			/* of another life: nobody's */
	d.epoch = e;
	d.last_s = now > 5 * 3600 ? now - 5 * 3600 : 0;
	put(DP_st_dialog, 2, &d);			/* forgotten, if this host has run for so long */
	d.state = BT_D_OVER;
	d.last_s = now > 40 ? now - 40 : 0;
	put(DP_st_dialog, 3, &d);
	d.state = BT_D_NEW;
	d.last_s = now > 200 ? now - 200 : 0;
	put(DP_st_young, 4, &d);			/* never answered */
	d = (struct bt_dialog){ .epoch = 1, .owner = BT_POOLS_MAX, .server = 1, .kind = BT_D_CALL, .state = BT_D_CONFIRMED, .last_s = now };
	put(DP_st_dialog, 5, &d);			/* of no pool */
	d = (struct bt_dialog){ .epoch = e, .owner = (uint16_t)slot, .server = 1, .kind = BT_D_CONNECTION, .state = BT_D_NEW, .last_s = now };
	put(DP_st_dialog, 6, &d);
	d = (struct bt_dialog){ .epoch = dp_pools(dp)[slot].server[1].epoch, .owner = (uint16_t)slot, .server = 2, .kind = BT_D_CALL,
				.state = BT_D_NEW, .last_s = now };
	put(DP_st_young, 7, &d);
	if (now <= 5 * 3600)		/* then nothing can have been silent for so long */
		(void)dp_forget(dp, false, 2);
	wait_for(old_ones_are_gone, "what is over to be deleted");
	wait_for(two_are_counted, "what lives to be counted");
	assert_true(is_there(DP_st_dialog, 1) && is_there(DP_st_dialog, 6) && is_there(DP_st_young, 7));
}

/* ---- drain --------------------------------------------------------------------------------------- */

static bool is_drained(void)
{
	return view_of("p").drained.state == STEER_DRAIN_DONE;
}

static void expect_aim(uint8_t flags, uint8_t draining, uint8_t active)
{
	uint64_t aim = dp_pools(dp)[view_of("p").slot].aim;

	if (BT_AIM_FLAGS(aim) != flags || BT_AIM_DRAINING(aim) != draining || BT_AIM_ACTIVE(aim) != active)
		fail_msg("the aim has flags %u, draining %u, active %u; want %u, %u, %u", BT_AIM_FLAGS(aim), BT_AIM_DRAINING(aim),
			 BT_AIM_ACTIVE(aim), flags, draining, active);
}

static void a_drain_outlives_its_batond(void **state)
{
	struct bt_dialog d;
	char why[256];

	(void)state;
	begin(POOL("p", "1", ""));
	d = (struct bt_dialog){ .epoch = dp_pools(dp)[view_of("p").slot].server[0].epoch, .owner = (uint16_t)view_of("p").slot, .server = 1,
				.kind = BT_D_CALL, .state = BT_D_CONFIRMED, .last_s = (uint32_t)(clock_now_ns() / NS_PER_S) };
	put(DP_st_dialog, 1, &d);
	expect_aim(0, 0, 1);
	assert_int_equal(steer_drain(steer, "x", false, false, why, sizeof(why)), -ENOENT);
	assert_int_equal(steer_drain(steer, "p", false, false, why, sizeof(why)), -EHOSTDOWN);	/* nobody is there */
	assert_int_equal(steer_drain(steer, "p", false, true, why, sizeof(why)), 0);
	expect_aim(BT_AIM_FORCED, 1, 2);
	assert_int_equal(steer_drain(steer, "p", false, true, why, sizeof(why)), -EALREADY);
	again(POOL("p", "1", ""));
	expect_aim(BT_AIM_FORCED, 1, 2);
	assert_int_equal(view_of("p").drained.server, 1);
	assert_int_equal(dp_forget(dp, false, 1), 0);
	wait_for(is_drained, "the drain to end with its last call");
	expect_aim(BT_AIM_DRAINED | BT_AIM_FORCED, 0, 2);
	again(POOL("p", "1", ""));
	expect_aim(BT_AIM_DRAINED | BT_AIM_FORCED, 0, 2);
	assert_int_equal(steer_undrain(steer, "p", why, sizeof(why)), 0);
	assert_int_equal(view_of("p").drained.state, STEER_DRAIN_NONE);
	expect_aim(0, 0, 1);
	assert_int_equal(steer_drain(steer, NULL, true, false, why, sizeof(why)), 0);
	assert_int_equal(BT_AIM_FLAGS(dp_pools(dp)[view_of("p").slot].aim), BT_AIM_REJECT);
}

static void a_deadline_ends_it(void **state)
{
	uint32_t epoch, slot;
	struct bt_dialog d;
	char why[256];

	(void)state;
	begin(POOL("p", "1", "drain-deadline = 1s\n"));
	slot = view_of("p").slot;
	epoch = dp_pools(dp)[slot].server[0].epoch;
	d = (struct bt_dialog){ .epoch = epoch, .owner = (uint16_t)slot, .server = 1, .kind = BT_D_CALL, .state = BT_D_CONFIRMED,
				.last_s = (uint32_t)(clock_now_ns() / NS_PER_S) };
	put(DP_st_dialog, 1, &d);
	assert_int_equal(steer_drain(steer, "p", false, true, why, sizeof(why)), 0);
	wait_for(is_drained, "the deadline");
	assert_int_equal(dp_pools(dp)[slot].server[0].epoch, epoch + 1);	/* the call is the other's now */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, end)
		TEST(a_pool_keeps_its_slot), TEST(another_address_is_another_server), TEST(without_pools_nothing_is_left),
		TEST(ways_follow_the_kernel), TEST(dialogs_are_counted_and_swept), TEST(a_drain_outlives_its_batond),
		TEST(a_deadline_ends_it),
	};

	if (enter_own_world())
		return 1;
	shell("ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 && "
	      "ip link set v0 mtu 1400 up && ip link set v1 up");
	return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
