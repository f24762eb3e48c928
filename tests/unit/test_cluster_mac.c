/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cluster_mac: the guide's addresses for IPv4, and for IPv6 such as no NIC has and no router forwards. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/cluster_mac.h"
#include "core/conf_addr.h"

static struct in6_addr ip_of(const char *text)
{
	struct in6_addr ip;
	char why[CONF_WHY];

	if (!addr_host(text, &ip, why))
		fail_msg("%s: %s", text, why);
	return ip;
}

static void expect_mac(enum conf_cluster_mac form, const char *vip, const char *want)
{
	struct in6_addr ip = ip_of(vip);
	char is[20];
	uint8_t m[6];

	cluster_mac(form, &ip, m);
	snprintf(is, sizeof(is), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	if (strcmp(is, want))
		fail_msg("form %d of %s is %s, expected %s", (int)form, vip, is, want);
}

static void expect_group(const char *vip, const char *want)
{
	struct in6_addr ip = ip_of(vip), group;
	char is[INET6_ADDRSTRLEN];

	assert_true(cluster_group(CLUSTER_IGMP, &ip, &group));
	conf_ip_text(&group, is);
	if (strcmp(is, want))
		fail_msg("the group of %s is %s, expected %s", vip, is, want);
	assert_false(cluster_group(CLUSTER_UNICAST, &ip, &group));
	assert_false(cluster_group(CLUSTER_MULTICAST, &ip, &group));
}

static void ipv4_is_as_in_the_guide(void **state)
{
	(void)state;
	expect_mac(CLUSTER_UNICAST, "10.77.0.100", "02:bf:0a:4d:00:64");
	expect_mac(CLUSTER_MULTICAST, "10.77.0.100", "03:bf:0a:4d:00:64");
	expect_mac(CLUSTER_IGMP, "10.77.0.100", "01:00:5e:7f:00:64");
	expect_mac(CLUSTER_IGMP, "192.168.254.255", "01:00:5e:7f:fe:ff");
	expect_group("10.77.0.100", "239.255.0.100");
}

static void ipv6_goes_by_a_hash(void **state)
{
	(void)state;
	expect_mac(CLUSTER_UNICAST, "fd00:77::64", "02:bf:7a:20:ee:d1");
	expect_mac(CLUSTER_MULTICAST, "fd00:77::64", "03:bf:7a:20:ee:d1");
	expect_mac(CLUSTER_IGMP, "fd00:77::64", "33:33:fa:20:ee:d1");
	expect_group("fd00:77::64", "ff15::fa20:eed1");
	expect_mac(CLUSTER_UNICAST, "fd00:77::65", "02:bf:79:20:ed:3e");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_as_in_the_guide), cmocka_unit_test(ipv6_goes_by_a_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
