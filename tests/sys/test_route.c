/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the group's routes leave with the VIP as source, and come and go without a trace? */
#include "vip_lab.h"

#include "ha/route.h"

static struct nl nl;
static struct vip vips[2];

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	vips[0] = vp_vip("10.77.0.100", "vp-a");
	vips[1] = vp_vip("fd00:77::100", "vp-a");
	return nl_open(&nl, NETLINK_ROUTE, 0);
}

static int done(void **state)
{
	(void)state;
	nl_close(&nl);
	return 0;
}

static struct conf_route via(const char *net, uint8_t len, const char *gw)
{
	return (struct conf_route){ .net = { .ip = vp_ip(net), .prefix_len = len }, .via = vp_ip(gw) };
}

static void source_is_the_vip(void **state)
{
	struct conf_route r[] = { via("10.88.0.0", 16, "10.77.0.2"), via("fd00:88::", 32, "fd00:77::2") };
	uint32_t dev = vips[0].ifindex;

	(void)state;
	assert_int_equal(vip_add(&nl, vips, 2), 0);
	assert_int_equal(route_add(&nl, vips, 2, r, 2, dev), 0);
	assert_int_equal(route_add(&nl, vips, 2, r, 2, dev), 0);
	vp_says("ip route get 10.88.1.1", "via 10.77.0.2 dev vp-a src 10.77.0.100");
	vp_says("ip -6 route get fd00:88::1", "via fd00:77::2 dev vp-a proto 98 src fd00:77::100");
	vp_says("ip route show proto 98", "10.88.0.0/16 via 10.77.0.2 dev vp-a src 10.77.0.100");
	assert_int_equal(route_del(&nl, r, 2, dev), 0);
	vp_says_not("ip route show", "10.88.0.0");
	vp_says_not("ip -6 route show", "fd00:88");
	assert_int_equal(route_del(&nl, r, 2, dev), 0);
}

static void the_operators_own_stands_back(void **state)
{
	struct conf_route r[] = { via("10.88.0.0", 16, "10.77.0.2"), via("fd00:88::", 32, "fd00:77::2") };

	(void)state;
	vp_run("ip route add 10.88.0.0/16 via 10.77.0.9 && ip -6 route add fd00:88::/32 via fd00:77::9");
	assert_int_equal(vip_add(&nl, vips, 2), 0);
	assert_int_equal(route_add(&nl, vips, 2, r, 2, vips[0].ifindex), 0);
	vp_says("ip route get 10.88.1.1", "via 10.77.0.2 dev vp-a src 10.77.0.100");
	vp_says("ip -6 route get fd00:88::1", "via fd00:77::2 dev vp-a proto 98 src fd00:77::100");
	assert_int_equal(route_del(&nl, r, 2, vips[0].ifindex), 0);
	vp_says("ip route get 10.88.1.1", "via 10.77.0.9 dev vp-a src 10.77.0.1 ");
	vp_says("ip -6 route get fd00:88::1", "via fd00:77::9 dev vp-a");
}

/* Why route_del() must not be left out: the local route keeps the source alive for the kernel. */
static void with_the_local_route_it_outlives_the_address(void **state)
{
	struct conf_route r = via("10.88.0.0", 16, "10.77.0.2");

	(void)state;
	assert_int_equal(vip_add(&nl, vips, 1), 0);
	assert_int_equal(route_add(&nl, vips, 1, &r, 1, vips[0].ifindex), 0);
	assert_int_equal(vip_del(&nl, vips, 1), 0);
	vp_says_not("ip route show", "10.88.0.0");	/* without it the kernel cleans up by itself */
	assert_int_equal(vip_route_add(&nl, vips, 1), 0);
	assert_int_equal(vip_add(&nl, vips, 1), 0);
	assert_int_equal(route_add(&nl, vips, 1, &r, 1, vips[0].ifindex), 0);
	assert_int_equal(vip_del(&nl, vips, 1), 0);
	vp_says("ip route show", "10.88.0.0/16 via 10.77.0.2 dev vp-a proto 98 src 10.77.0.100");
}

static void errors_name_the_route(void **state)
{
	struct conf_route r[] = { via("10.88.0.0", 16, "10.99.0.1"), via("10.89.0.0", 16, "10.77.0.2") };
	struct conf_route r6 = via("fd00:88::", 32, "fd00:77::2");

	(void)state;
	assert_int_equal(vip_add(&nl, vips, 1), 0);
	assert_int_equal(route_add(&nl, vips, 1, r, 2, vips[0].ifindex), -ENETUNREACH);
	assert_string_equal(route_why(), "10.88.0.0/16 via 10.99.0.1 on vp-a: Nexthop has invalid gateway");
	vp_says("ip route show", "10.89.0.0/16");	/* the rest was tried */
	assert_int_equal(route_add(&nl, vips, 1, &r6, 1, vips[0].ifindex), -EADDRNOTAVAIL);
	assert_string_equal(route_why(), "fd00:88::/32 via fd00:77::2 on vp-a: the group has no virtual address of this family");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(source_is_the_vip, fresh, done),
		cmocka_unit_test_setup_teardown(the_operators_own_stands_back, fresh, done),
		cmocka_unit_test_setup_teardown(with_the_local_route_it_outlives_the_address, fresh, done),
		cmocka_unit_test_setup_teardown(errors_name_the_route, fresh, done),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
