/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only what a router says after the question of this silence counts, and not for ever. */
#include "vip_lab.h"

#include "ha/ear.h"
#include "sys/clock.h"
#include "sys/raw.h"

#define MS	NS_PER_MS
#define PERIOD	(1000 * MS)

static struct ear *ear;
static uint64_t now;	/* ear has no clock of its own */
static uint64_t silence;	/* when the peer was last heard, in it */

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	vp_lab_wait_link();
	now = 1000 * NS_PER_S;
	silence = 0;
	return 0;
}

static int done(void **state)
{
	(void)state;
	ear_close(ear);
	ear = NULL;
	return 0;
}

static void open_for(const char *first, const char *second)
{
	struct in6_addr routers[] = { vp_ip(first), vp_ip(second ? second : first) };

	assert_int_equal(ear_open(&ear, routers, second ? 2 : 1, if_nametoindex("vp-a")), 0);
}

/* Turns as the main loop makes them, at each deadline; every question gets 3 real ms to be answered. */
static void pass(uint64_t ms)
{
	uint64_t end = now + ms * MS;

	while (now < end) {
		uint64_t next = ear_turn(ear, silence, PERIOD, now);

		if (next <= now)
			fail_msg("the next turn is due %lu ns ago", now - next);
		usleep(3000);
		now = next < end ? next : end;
	}
	ear_turn(ear, silence, PERIOD, now);
}

static void the_router_is_heard_within_a_millisecond_or_two(void **state)
{
	(void)state;
	open_for("10.77.0.2", NULL);
	pass(100);
	assert_false(ear_hears(ear, now));	/* nobody asked */
	silence = now;
	now += 3 * MS;
	assert_true(ear_turn(ear, silence, PERIOD, now) <= now + MS);
	assert_false(ear_hears(ear, now));
	usleep(3000);
	now += MS;
	ear_turn(ear, silence, PERIOD, now);
	assert_true(ear_hears(ear, now));
}

static void an_answer_of_before_is_none(void **state)
{
	(void)state;
	open_for("10.77.0.2", NULL);
	pass(3000);				/* asked and answered in peace, lately */
	assert_true(ear_router_answers(ear, 0));
	vp_peer_run("ip addr del 10.77.0.2/24 dev vp-b");
	silence = now;
	pass(300);
	assert_false(ear_hears(ear, now));
	vp_peer_run("ip addr add 10.77.0.2/24 dev vp-b");
	pass(700);
	assert_true(ear_hears(ear, now));
	vp_peer_run("ip addr del 10.77.0.2/24 dev vp-b");
	silence = now;				/* it was heard meanwhile: another silence, another question */
	pass(300);
	assert_false(ear_hears(ear, now));
}

static void what_came_before_the_question_is_not_its_answer(void **state)
{
	(void)state;
	open_for("10.77.0.2", NULL);
	pass(10);
	vp_run("ip neigh flush dev vp-a; ping -c 1 -W 1 10.77.0.2 > /dev/null");	/* ARP of the router's, not fetched */
	vp_peer_run("ip addr del 10.77.0.2/24 dev vp-b");
	silence = now;
	pass(300);
	assert_false(ear_hears(ear, now));
}

static void it_grows_old_in_a_long_silence(void **state)
{
	(void)state;
	open_for("10.77.0.2", NULL);
	silence = now;
	pass(5000);
	assert_true(ear_hears(ear, now));
	vp_peer_run("ip addr del 10.77.0.2/24 dev vp-b");
	pass(1000);
	assert_true(ear_hears(ear, now));	/* two questions may be lost */
	pass(1500);
	assert_false(ear_hears(ear, now));
}

static void one_of_several_is_enough(void **state)
{
	(void)state;
	open_for("10.77.0.9", "10.77.0.2");
	silence = now;
	pass(20);
	assert_true(ear_hears(ear, now));
	silence = 0;
	pass(5000);
	assert_false(ear_router_answers(ear, 0));
	assert_true(ear_router_answers(ear, 1));
	assert_false(ear_is_lost(ear));
	vp_peer_run("ip addr del 10.77.0.2/24 dev vp-b");
	pass(5000);
	assert_true(ear_is_lost(ear));
}

static void a_router_of_ipv6_too(void **state)
{
	(void)state;
	open_for("fd00:77::2", NULL);
	silence = now;
	pass(20);
	assert_true(ear_hears(ear, now));
	vp_peer_run("ip addr del fd00:77::2/64 dev vp-b");
	silence = now + 1;
	pass(1000);
	assert_false(ear_hears(ear, now));
}

static void a_question_claims_nothing(void **state)
{
	(void)state;
	vp_run("ip addr add 10.77.0.100/32 dev vp-a");	/* the VIP is here, and must not be told of */
	open_for("10.77.0.2", NULL);
	pass(3000);
	silence = now;
	pass(1000);
	vp_enter(vp_there);
	vp_says_not("ip neigh show dev vp-b", "10.77.0.100");
	vp_says_not("ip neigh show dev vp-b", "0.0.0.0");
	vp_enter(vp_here);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
	const struct CMUnitTest tests[] = {
		TEST(the_router_is_heard_within_a_millisecond_or_two), TEST(an_answer_of_before_is_none),
		TEST(what_came_before_the_question_is_not_its_answer), TEST(it_grows_old_in_a_long_silence),
		TEST(one_of_several_is_enough), TEST(a_router_of_ipv6_too), TEST(a_question_claims_nothing),
	};

	return cmocka_run_group_tests_name("ear", tests, NULL, NULL);
}
