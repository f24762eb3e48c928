/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does the kernel hold exactly what vip says it holds? Run in a network namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>

#include "ha/vip.h"
#include "sys/clock.h"
#include "vip_lab.h"

static struct nl nl;

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	return nl_open(&nl, NETLINK_ROUTE, 0);
}

static int done(void **state)
{
	(void)state;
	nl_close(&nl);
	return 0;
}

static void is_present(const struct vip *v, bool want)
{
	bool present = !want;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(vip_present(&nl, v, 1, &present), 0);
	if (present != want)
		fail_msg("%s is %s", conf_ip_text(&v->ip, text), present ? "there" : "not there");
}

static void adds_and_deletes_both_families(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	is_present(&v[0], false);
	assert_int_equal(vip_add(&nl, v, 2), 0);
	is_present(&v[0], true);
	is_present(&v[1], true);
	assert_int_equal(vip_add(&nl, v, 2), 0);	/* again: done already */
	assert_int_equal(vip_del(&nl, v, 2), 0);
	is_present(&v[0], false);
	is_present(&v[1], false);
	assert_int_equal(vip_del(&nl, v, 2), 0);
}

static void looks_as_promised(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	vp_says("ip -4 addr show dev vp-a", "inet 10.77.0.100/32 scope global noprefixroute vp-a:baton");
	vp_says("ip -6 addr show dev vp-a", "fd00:77::100/128 scope global nodad deprecated noprefixroute");
	vp_says_not("ip -6 addr show dev vp-a to fd00:77::100", "tentative");
	vp_says_not("ip -6 route show", "fd00:77::100");
}

static void labels_fit_long_names(void **state)
{
	struct vip v;

	(void)state;
	vp_run("ip link add vp-123456789ab type veth peer name vp-12345678");
	v = vp_vip("10.77.0.101", "vp-123456789ab");
	assert_int_equal(vip_add(&nl, &v, 1), 0);
	vp_says("ip -4 addr show dev vp-123456789ab", "vp-123456789ab\n");
	vp_run("ip link set vp-123456789ab name vp-new");
	v.ip = vp_ip("10.77.0.103");
	assert_int_equal(vip_add(&nl, &v, 1), 0);
	vp_says("ip -4 addr show dev vp-new", "vp-new:baton\n");
	v = vp_vip("10.77.0.102", "vp-12345678");
	assert_int_equal(vip_add(&nl, &v, 1), 0);
	vp_says("ip -4 addr show dev vp-12345678", "vp-12345678:bat\n");
}

/* The host's own traffic keeps its own source address. */
static void is_never_picked_as_source(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	vp_says("ip route get 10.77.0.9", "src 10.77.0.1 ");
	vp_says("ip -6 route get fd00:77::9", "src fd00:77::1 ");
}

static struct vip at_home(const char *text)
{
	struct vip v = vp_vip(text, "vp-a");

	v.home = if_nametoindex("lo");
	return v;
}

/* On lo, where nobody asks for it; not even an interface without an address of its own borrows it. */
static void resident_ones_stand_on_lo(void **state)
{
	struct vip v[] = { at_home("10.77.0.100"), at_home("fd00:77::100") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_add(&nl, v, 2), 0);
	is_present(&v[0], true);
	is_present(&v[1], true);
	vp_says("ip -4 addr show dev lo", "10.77.0.100/32 scope host noprefixroute lo:baton");
	vp_says("ip -6 addr show dev lo", "fd00:77::100/128 scope global nodad deprecated noprefixroute");
	vp_says("ip -6 addr show dev lo", "preferred_lft 0sec");
	vp_says_not("ip addr show dev vp-a", "::100");
	vp_says_not("ip addr show dev vp-a", "0.100");
	vp_says("ip route get 10.77.0.9", "src 10.77.0.1 ");
	vp_says("ip -6 route get fd00:77::9", "src fd00:77::1 ");
	vp_run("ip addr flush dev vp-a scope global && ip route add 10.77.0.0/24 dev vp-a");
	vp_says_not("ip route get 10.77.0.9", "10.77.0.100");
	assert_int_equal(vip_del(&nl, v, 2), 0);
	is_present(&v[0], false);
	is_present(&v[1], false);
	vp_says("ip addr show dev lo", "127.0.0.1/8");
}

static void resident_ones_are_evicted_and_forgotten(void **state)
{
	struct vip v[] = { at_home("10.77.0.100"), at_home("fd00:77::100") };
	struct in6_addr ips[] = { v[0].ip, v[1].ip };

	(void)state;
	vp_run("ip addr add 10.77.0.100/24 dev lo");
	assert_int_equal(vip_evict(&nl, v, 2), 0);
	is_present(&v[0], false);
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_forget(&nl, ips, 2), 0);
	is_present(&v[0], false);
	is_present(&v[1], false);
}

/* Neither does taking the VIP away take anything else along. */
static void leaves_other_addresses_alone(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.1", "vp-a"), vp_vip("10.77.0.2", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_del(&nl, v, 2), 0);
	vp_says("ip -4 addr show dev vp-a", "10.77.0.1/24");
	vp_says("ip route show", "10.77.0.0/24 dev vp-a");
}

static void route_survives_the_address(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_del(&nl, v, 2), 0);
	vp_says("ip route show table local proto 98", "local 10.77.0.100 dev vp-a scope host");
	vp_says("ip -6 route show table local proto 98", "local fd00:77::100 dev vp-a");
	assert_int_equal(vip_route_del(&nl, v, 2), 0);
	vp_says_not("ip route show table local", "10.77.0.100");
	vp_says_not("ip -6 route show table local", "fd00:77::100");
	assert_int_equal(vip_route_del(&nl, v, 2), 0);
}

/* The other order: the kernel's own local route is there first and must not be taken for ours. */
static void route_del_spares_the_address(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_del(&nl, v, 2), 0);
	vp_says("ip route show table local", "local 10.77.0.100 dev vp-a proto kernel");
	vp_says("ip -6 route show table local", "local fd00:77::100 dev vp-a proto kernel");
	is_present(&v[0], true);
}

/* So the host that gives the role away keeps a bound server alive, in whatever order it was set up. */
static void route_outlives_an_address_that_came_first(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_del(&nl, v, 2), 0);
	vp_says("ip route show table local proto 98", "local 10.77.0.100 dev vp-a");
	vp_says("ip -6 route show table local proto 98", "local fd00:77::100 dev vp-a");
}

/* What the caller has to repair when an interface comes back. */
static void link_down_takes_ipv6_along(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a") };

	(void)state;
	assert_int_equal(vip_add(&nl, v, 2), 0);
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	vp_run("ip link set vp-a down && ip link set vp-a up");
	is_present(&v[0], true);
	is_present(&v[1], false);
	vp_says("ip route show table local proto 98", "local 10.77.0.100 dev vp-a");
	vp_says_not("ip -6 route show table local", "fd00:77::100");
	assert_int_equal(vip_route_add(&nl, v, 2), 0);
	assert_int_equal(vip_add(&nl, v, 2), 0);
	vp_says("ip -6 route show table local proto 98", "local fd00:77::100 dev vp-a");
	is_present(&v[1], true);
}

static void one_refusal_does_not_stop_the_rest(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("10.77.0.101", "vp-a"),
			   vp_vip("10.77.0.102", "vp-a") };

	(void)state;
	v[1].ifindex = 9999;
	assert_int_equal(vip_add(&nl, v, 3), -ENODEV);
	assert_string_equal(vip_why(), "10.77.0.101 on #9999: ipv4: Device not found");
	is_present(&v[0], true);
	is_present(&v[2], true);
}

/* The kernel's own words: an IPv6 address where IPv6 is off. */
static void names_address_and_reason(void **state)
{
	struct vip v = vp_vip("fd00:77::100", "vp-a");

	(void)state;
	vp_run("echo 1 > /proc/sys/net/ipv6/conf/vp-a/disable_ipv6");
	assert_int_equal(vip_add(&nl, &v, 1), -EACCES);
	assert_string_equal(vip_why(), "fd00:77::100 on vp-a: ipv6: IPv6 is disabled on this device");
}

static void fill(struct vip *v, uint32_t n)
{
	char text[32];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "10.99.%u.%u", i / 250, i % 250 + 1);
		v[i] = vp_vip(text, "vp-a");
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The best of five, in time of a CPU: our cost and the kernel's, not what else this machine is doing. */
static void a_thousand_at_once(void **state)
{
	static struct vip v[1000];
	static bool present[1000];
	uint64_t t, best_ns = UINT64_MAX;

	(void)state;
	fill(v, 1000);
	for (int tries = 0; tries < 5; tries++) {
		t = cpu_ns();
		assert_int_equal(vip_add(&nl, v, 1000), 0);
		t = cpu_ns() - t;
		best_ns = t < best_ns ? t : best_ns;
		assert_int_equal(vip_present(&nl, v, 1000, present), 0);
		for (int i = 0; i < 1000; i++)
			if (!present[i])
				fail_msg("address %d of 1000 is missing", i);
		assert_int_equal(vip_del(&nl, v, 1000), 0);
	}
	if (best_ns > 200 * NS_PER_MS)
		fail_msg("adding 1000 addresses took %.1f ms at best", best_ns / 1e6);
}

/* A host that is not primary: a server binds to the VIP, is served, and stays silent to ARP. */
static void served_by_route_alone(void **state)
{
	struct vip v = vp_vip("10.77.0.100", "vp-a");
	int fd;

	(void)state;
	assert_int_equal(vp_bind_udp("10.77.0.100", 5060), -EADDRNOTAVAIL);
	assert_int_equal(vip_route_add(&nl, &v, 1), 0);
	vp_run("echo 1 > /proc/sys/net/ipv4/conf/vp-a/arp_ignore");
	fd = vp_bind_udp("10.77.0.100", 5060);
	if (fd < 0)
		fail_msg("bind to the VIP with its local route: %s", strerror(-fd));
	if (vp_peer_asks(fd, "10.77.0.100", 5060, false))
		fail_msg("ARP for the VIP was answered although the address is not there");
	if (!vp_peer_asks(fd, "10.77.0.100", 5060, true))
		fail_msg("a frame for the VIP, delivered to our MAC, was not served");
	assert_int_equal(vip_add(&nl, &v, 1), 0);
	if (!vp_peer_asks(fd, "10.77.0.100", 5060, false))
		fail_msg("ARP for the VIP was not answered although the address is there");
	close(fd);
}

/* Whoever starts with another configuration knows no more than what the addresses were. */
static void forgets_what_an_earlier_life_made(void **state)
{
	struct vip v[] = { vp_vip("10.77.0.100", "vp-a"), vp_vip("fd00:77::100", "vp-a"), vp_vip("10.77.0.101", "vp-a") };
	struct in6_addr ips[] = { v[0].ip, v[1].ip, vp_ip("10.77.0.1") };

	(void)state;
	assert_int_equal(vip_route_add(&nl, v, 3), 0);
	assert_int_equal(vip_add(&nl, v, 3), 0);
	assert_int_equal(vip_forget(&nl, ips, 3), 0);
	is_present(&v[0], false);
	is_present(&v[1], false);
	vp_says_not("ip route show table local proto 98", "10.77.0.100");
	vp_says_not("ip -6 route show table local proto 98", "fd00:77::100");
	is_present(&v[2], true);			/* not asked for */
	vp_says("ip route show table local proto 98", "10.77.0.101");
	vp_says("ip addr show dev vp-a", "10.77.0.1/24");	/* asked for, but not ours by its length */
	vp_run("ip link set vp-a down");	/* takes the route, not the address */
	assert_int_equal(vip_forget(&nl, &v[2].ip, 1), 0);
	is_present(&v[2], false);
	assert_int_equal(vip_forget(&nl, ips, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(adds_and_deletes_both_families, fresh, done),
		cmocka_unit_test_setup_teardown(looks_as_promised, fresh, done),
		cmocka_unit_test_setup_teardown(labels_fit_long_names, fresh, done),
		cmocka_unit_test_setup_teardown(is_never_picked_as_source, fresh, done),
		cmocka_unit_test_setup_teardown(resident_ones_stand_on_lo, fresh, done),
		cmocka_unit_test_setup_teardown(resident_ones_are_evicted_and_forgotten, fresh, done),
		cmocka_unit_test_setup_teardown(leaves_other_addresses_alone, fresh, done),
		cmocka_unit_test_setup_teardown(route_survives_the_address, fresh, done),
		cmocka_unit_test_setup_teardown(route_del_spares_the_address, fresh, done),
		cmocka_unit_test_setup_teardown(route_outlives_an_address_that_came_first, fresh, done),
		cmocka_unit_test_setup_teardown(link_down_takes_ipv6_along, fresh, done),
		cmocka_unit_test_setup_teardown(one_refusal_does_not_stop_the_rest, fresh, done),
		cmocka_unit_test_setup_teardown(names_address_and_reason, fresh, done),
		cmocka_unit_test_setup_teardown(a_thousand_at_once, fresh, done),
		cmocka_unit_test_setup_teardown(served_by_route_alone, fresh, done),
		cmocka_unit_test_setup_teardown(forgets_what_an_earlier_life_made, fresh, done),
	};

	return cmocka_run_group_tests_name("vip", tests, NULL, NULL);
}
