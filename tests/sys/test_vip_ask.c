/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds an address is heard, whoever does not is silent, and we ourselves are never taken for silence. */
#include "vip_lab.h"

#include "ha/vip_ask.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/raw.h"

#define MS	NS_PER_MS

static struct vip_ask *ask;
static uint64_t now;	/* vip_ask has no clock of its own */

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	vp_lab_wait_link();
	now = 1000 * NS_PER_S;
	return 0;
}

static int done(void **state)
{
	(void)state;
	vip_ask_close(ask);
	ask = NULL;
	return 0;
}

static void open_for(const char *first, const char *second)
{
	struct vip vips[] = { vp_vip(first, "vp-a"), vp_vip(second, "vp-a") };

	assert_int_equal(vip_ask_open(&ask, vips, 2), 0);
}

/* So many questions, 50 ms apart by our clock; each may be answered within the 10 ms it really gets. */
static uint64_t ask_times(int n)
{
	for (int i = 0; i < n; i++) {
		assert_int_equal(vip_ask_turn(ask, true, now), now + 50 * MS);
		usleep(10000);
		now += 50 * MS;
	}
	vip_ask_turn(ask, true, now);
	return vip_ask_silent_ns(ask) / MS;
}

static void expect_silent(uint64_t got_ms, uint64_t want_ms)
{
	if (got_ms != want_ms)
		fail_msg("silent for %lu ms, not %lu", got_ms, want_ms);
}

static void nobody_is_silent_after_five_questions(void **state)
{
	(void)state;
	open_for("10.77.0.100", "10.77.0.101");
	expect_silent(ask_times(4), 0);
	now += 50 * MS;
	expect_silent(ask_times(1), 300);
	vip_ask_turn(ask, true, now + 10 * MS);
	expect_silent(vip_ask_silent_ns(ask) / MS, 300);	/* between two questions it still holds */
}

static void the_holder_is_heard(const char *vip, const char *take)
{
	char cmd[128];

	expect_silent(ask_times(8), 400);
	snprintf(cmd, sizeof(cmd), "ip addr %s %s dev vp-b", take, vip);
	now += 50 * MS;
	vp_peer_run(cmd);
	expect_silent(ask_times(2), 0);
	now += 50 * MS;
	expect_silent(ask_times(8), 0);
}

static void who_has_the_ipv4_address_is_heard(void **state)
{
	(void)state;
	open_for("fd00:77::100", "10.77.0.100");	/* IPv4 first, wherever it stands */
	vp_peer_run("echo 1 > /proc/sys/net/ipv4/conf/vp-b/arp_ignore");
	the_holder_is_heard("10.77.0.100/32", "add");
}

static void who_has_the_ipv6_address_is_heard(void **state)
{
	(void)state;
	open_for("fd00:77::100", "fd00:77::101");
	vp_peer_run("ip addr add fd00:77::101/128 dev vp-b nodad");	/* not the one that is asked for */
	the_holder_is_heard("fd00:77::100/128 nodad", "add");
}

static void other_answers_are_none(void **state)
{
	(void)state;
	open_for("10.77.0.100", "10.77.0.101");
	vp_peer_run("ip addr add 10.77.0.101/32 dev vp-b");
	vp_run("ping -c 1 -W 1 10.77.0.2 > /dev/null && ip neigh flush dev vp-a");
	expect_silent(ask_times(3), 0);
	vp_run("ping -c 1 -W 1 10.77.0.2 > /dev/null");
	now += 50 * MS;
	expect_silent(ask_times(3), 350);
}

static void no_neighbour_learns_from_a_question(void **state)
{
	(void)state;
	open_for("10.77.0.100", "10.77.0.101");
	ask_times(5);
	vp_enter(vp_there);
	vp_says_not("ip neigh show dev vp-b", "10.77.0.100");
	vp_says_not("ip neigh show dev vp-b", "0.0.0.0");
	vp_enter(vp_here);
}

static void a_question_not_sent_is_no_silence(void **state)
{
	(void)state;
	open_for("10.77.0.100", "10.77.0.101");
	expect_silent(ask_times(6), 300);
	vp_peer_run("ip link set vp-b down");		/* our carrier goes, and the kernel says so */
	usleep(1200000);
	now += 50 * MS;
	ask_times(1);
	now += 50 * MS;
	expect_silent(ask_times(10), 0);
	vp_peer_run("ip link set vp-b up");
	vp_lab_wait_link();
	now += 50 * MS;
	expect_silent(ask_times(3), 0);
	now += 50 * MS;
	assert_true(ask_times(5) > 0);
}

static void after_a_gap_it_begins_anew(void **state)
{
	(void)state;
	open_for("10.77.0.100", "10.77.0.101");
	expect_silent(ask_times(6), 300);
	now += 200 * MS;
	expect_silent(ask_times(4), 0);
	assert_int_equal(vip_ask_turn(ask, false, now), LOOP_NEVER);
	assert_false(vip_ask_is_on(ask));
	expect_silent(vip_ask_silent_ns(ask), 0);
	expect_silent(ask_times(4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_is_silent_after_five_questions, fresh, done),
		cmocka_unit_test_setup_teardown(who_has_the_ipv4_address_is_heard, fresh, done),
		cmocka_unit_test_setup_teardown(who_has_the_ipv6_address_is_heard, fresh, done),
		cmocka_unit_test_setup_teardown(other_answers_are_none, fresh, done),
		cmocka_unit_test_setup_teardown(no_neighbour_learns_from_a_question, fresh, done),
		cmocka_unit_test_setup_teardown(a_question_not_sent_is_no_silence, fresh, done),
		cmocka_unit_test_setup_teardown(after_a_gap_it_begins_anew, fresh, done),
	};

	return cmocka_run_group_tests_name("vip_ask", tests, NULL, NULL);
}
