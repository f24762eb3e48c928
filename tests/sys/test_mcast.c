/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does the interface hear the groups that mcast joins, as many as there are, and no longer than it is wanted? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "sys/mcast.h"
#include "vip_lab.h"

#define MANY 1024

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	return 0;
}

static int groups(const char *word)
{
	char cmd[128], out[32];

	snprintf(cmd, sizeof(cmd), "ip maddr show dev vp-a | grep -c '%s'", word);
	vp_output(cmd, out, sizeof(out));
	return atoi(out);
}

static void joins_and_leaves(void **state)
{
	struct in6_addr v4 = vp_ip("239.255.1.2"), v6 = vp_ip("ff02::1:ff00:1234");
	uint32_t ifindex = if_nametoindex("vp-a");
	struct mcast m = { .n = 0 };

	(void)state;
	assert_int_equal(mcast_join(&m, ifindex, &v6), 0);
	assert_int_equal(mcast_join(&m, ifindex, &v4), 0);
	assert_int_equal(mcast_join(&m, ifindex, &v4), 0);
	vp_says("ip maddr show dev vp-a", "239.255.1.2");
	vp_says("ip maddr show dev vp-a", "01:00:5e:7f:01:02");
	vp_says("ip maddr show dev vp-a", "33:33:ff:00:12:34");
	mcast_leave(&m);
	vp_says_not("ip maddr show dev vp-a", "239.255.1.2");
	vp_says_not("ip maddr show dev vp-a", "33:33:ff:00:12:34");
	assert_true(mcast_join(&m, 9999, &v6) < 0);
	assert_true(mcast_join(&m, 9999, &v4) < 0);
	mcast_leave(&m);
}

static void a_thousand_of_each(void **state)
{
	struct in6_addr v4 = vp_ip("239.255.0.0"), v6 = vp_ip("ff02::1:ff77:0");
	uint32_t ifindex = if_nametoindex("vp-a");
	struct mcast m = { .n = 0 };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		v4.s6_addr[14] = v6.s6_addr[14] = (uint8_t)(i >> 8);
		v4.s6_addr[15] = v6.s6_addr[15] = (uint8_t)i;
		assert_int_equal(mcast_join(&m, ifindex, &v6), 0);
	}
	assert_int_equal(groups("ff02::1:ff77:"), MANY);
	mcast_leave(&m);
	for (uint32_t i = 0; i < MANY; i++) {
		v4.s6_addr[14] = (uint8_t)(i >> 8);
		v4.s6_addr[15] = (uint8_t)i;
		assert_int_equal(mcast_join(&m, ifindex, &v4), 0);
	}
	assert_int_equal(groups("239.255."), MANY);
	mcast_leave(&m);
	assert_int_equal(groups("239.255."), 0);
	for (uint32_t i = 0; i < MANY; i++) {	/* by turns */
		v4.s6_addr[14] = v6.s6_addr[14] = (uint8_t)(i >> 8);
		v4.s6_addr[15] = v6.s6_addr[15] = (uint8_t)i;
		assert_int_equal(mcast_join(&m, ifindex, &v6), 0);
		assert_int_equal(mcast_join(&m, ifindex, &v4), 0);
	}
	mcast_leave(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(joins_and_leaves, fresh), cmocka_unit_test_setup(a_thousand_of_each, fresh),
	};

	return cmocka_run_group_tests_name("mcast", tests, NULL, NULL);
}
