/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_network: real interfaces, real addresses; what do the guide's NIC monitors say of them, and when?
 * Run in a network namespace of its own (unshare -n).
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
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/network.h"
#include "sys/clock.h"
#include "sys/resolve.h"

#define SHOULD_NS	(20 * NS_PER_S)	/* generous: how soon a fact must be there */
#define QUIET_NS	(300 * NS_PER_MS)
#define LONG_S		3600		/* a period that never comes: only events tell */

struct bed {
	struct loop loop;
	struct conf conf;
	struct network *network;
	uint64_t until_ns;
	bool (*true_now)(const struct bed *bed);
	enum fact_health nic, management;	/* as wanted */
	uint32_t news;
};

static uint64_t turn(void *arg)
{
	struct bed *bed = arg;
	uint64_t now = clock_now_ns(), next = network_turn(bed->network, now);

	if (now >= bed->until_ns || (bed->true_now && bed->true_now(bed)))
		loop_stop(&bed->loop);
	return next < bed->until_ns ? next : bed->until_ns;
}

static void changed(void *arg)
{
	(void)arg;	/* the turn that follows looks */
}

static void run(struct bed *bed, uint64_t ns, bool (*true_now)(const struct bed *bed))
{
	bed->until_ns = clock_now_ns() + ns;
	bed->true_now = true_now;
	bed->loop.stop = false;
	assert_int_equal(loop_run(&bed->loop), 0);
}

static bool facts_are_so(const struct bed *bed)
{
	return network_nic(bed->network, 0) == bed->nic && network_management(bed->network, 0) == bed->management;
}

static void expect(struct bed *bed, enum fact_health nic, enum fact_health management)
{
	bed->nic = nic;
	bed->management = management;
	run(bed, SHOULD_NS, facts_are_so);
	if (!facts_are_so(bed))
		fail_msg("expected nic=%d management=%d, they are %d and %d", nic, management,
			 network_nic(bed->network, 0), network_management(bed->network, 0));
}

static bool news_have_come(const struct bed *bed)
{
	return network_vip_news(bed->network, 0) >= bed->news;
}

static void expect_news(struct bed *bed, uint32_t n)
{
	bed->news = n;
	run(bed, SHOULD_NS, news_have_come);
	if (network_vip_news(bed->network, 0) != n)
		fail_msg("expected %u pieces of news, there are %u", n, network_vip_news(bed->network, 0));
}

static void shell(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static void ip_of(struct in6_addr *ret, const char *text)
{
	assert_int_equal(inet_pton(AF_INET6, text, ret), 1);
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct conf_group *g = &bed->conf.groups[0];

	bed->conf.n_groups = bed->conf.n_vips = g->n_vips = 1;
	strcpy(g->name, "sip");
	strcpy(g->dev, "nw-a");
	g->opt.network_monitoring_timeout_s = LONG_S;
	ip_of(&bed->conf.vips[0].addr.ip, "::ffff:10.9.0.100");
	bed->conf.n_paths = 2;
	strcpy(bed->conf.paths[0].dev, "nw-a");
	ip_of(&bed->conf.paths[0].peer, "::ffff:10.9.0.2");
	strcpy(bed->conf.paths[1].dev, "nw-m");
	ip_of(&bed->conf.paths[1].peer, "::ffff:10.10.0.2");
	assert_int_equal(loop_open(&bed->loop), 0);
	bed->loop.turn = turn;
	bed->loop.arg = bed;
	*state = bed;
	shell("ip link set lo up; ip link add nw-a type veth peer name nw-b; ip link add nw-m type veth peer name nw-n; "
	      "for i in a b m n; do ip link set nw-$i up; done; "
	      "ip addr add 10.9.0.1/24 dev nw-a; ip addr add 10.10.0.1/24 dev nw-m");
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	network_close(bed->network);
	loop_close(&bed->loop);
	free(bed);
	return system("ip link del nw-a 2>&-; ip link del nw-m 2>&-; true");
}

static struct conf_tserver *options(struct bed *bed)
{
	return &bed->conf.groups[0].opt;
}

static void begin(struct bed *bed)
{
	assert_int_equal(network_open(&bed->network, &bed->loop, &bed->conf, changed, bed), 0);
}

static void watch_sip(struct bed *bed, const char *address)
{
	options(bed)->sip_nic_monitoring = true;
	snprintf(options(bed)->sip_nic_address, sizeof(options(bed)->sip_nic_address), "%s", address);
	begin(bed);
}

static void test_off_costs_nothing(void **state)
{
	struct bed *bed = *state;

	begin(bed);
	assert_null(bed->network);
	assert_int_equal(network_nic(bed->network, 0), FACT_NOT_WATCHED);
	assert_int_equal(network_management(bed->network, 0), FACT_NOT_WATCHED);
	assert_int_equal(network_vip_news(bed->network, 0), 0);
	assert_int_equal(network_turn(bed->network, 1), LOOP_NEVER);
	network_retime(bed->network);
}

/* Well again counts after a period without fault, so that one is short here; the fault itself comes by event. */
static void test_sip_nic(void **state)
{
	struct bed *bed = *state;

	options(bed)->network_monitoring_timeout_s = 1;
	watch_sip(bed, "10.9.0.1");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip link set nw-b down");		/* carrier */
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	shell("ip link set nw-b up");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr del 10.9.0.1/24 dev nw-a");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	shell("ip addr add 10.9.0.1/24 dev nw-a");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
}

static void test_the_right_address_in_the_wrong_place(void **state)
{
	shell("ip addr del 10.9.0.1/24 dev nw-a; ip addr add 10.9.0.1/24 dev nw-m");
	watch_sip(*state, "10.9.0.1");
	expect(*state, FACT_FAILED, FACT_NOT_WATCHED);
}

static void test_events_alone_tell(void **state)
{
	struct bed *bed = *state;

	watch_sip(bed, "10.9.0.1");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr add 10.9.0.7/24 dev nw-a; ip addr add 10.9.0.100/32 dev nw-a; ip addr del 10.10.0.1/24 dev nw-m");
	run(bed, QUIET_NS, NULL);		/* nothing of this is watched */
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr flush dev nw-a");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
}

/* The socket that the thread asks by: the one of rtnetlink that hears no events. */
static int find_asker(void)
{
	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_nl at = { 0 };
		socklen_t len = sizeof(at);

		if (!getsockname(fd, (void *)&at, &len) && at.nl_family == AF_NETLINK && !at.nl_groups)
			return fd;
	}
	return -1;
}

static bool is_failed(const struct bed *bed)
{
	return network_nic(bed->network, 0) == FACT_FAILED;
}

/* A list that could not be had, as when somebody holds the kernel's rtnl lock, says nothing of our address. */
static void test_a_look_that_fails_is_no_fault(void **state)
{
	struct bed *bed = *state;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	watch_sip(bed, "10.9.0.1");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	assert_true(dup2(null, find_asker()) >= 0);
	shell("ip addr add 10.9.0.7/24 dev nw-a");
	run(bed, 4 * QUIET_NS, is_failed);
	if (is_failed(bed))
		fail_msg("no look at the addresses came to an end, and ours is said to be gone");
	shell("ip addr flush dev nw-a");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	close(null);
}

static void test_without_address_the_link_alone(void **state)
{
	struct bed *bed = *state;

	watch_sip(bed, "");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr flush dev nw-a");
	run(bed, QUIET_NS, NULL);
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip link set nw-a down");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
}

static void test_management_nic(void **state)
{
	struct bed *bed = *state;

	options(bed)->network_monitoring_timeout_s = 1;
	options(bed)->tlib_nic_monitoring = true;
	begin(bed);
	expect(bed, FACT_NOT_WATCHED, FACT_WELL);
	shell("ip link set nw-b down");		/* not the management's */
	run(bed, QUIET_NS, NULL);
	expect(bed, FACT_NOT_WATCHED, FACT_WELL);
	shell("ip addr add fd00:9::1/64 dev nw-m nodad; ip addr del 10.10.0.1/24 dev nw-m");	/* the path is IPv4 */
	expect(bed, FACT_NOT_WATCHED, FACT_FAILED);
	shell("ip addr add 10.10.0.9/24 dev nw-m");
	expect(bed, FACT_NOT_WATCHED, FACT_WELL);
	shell("ip link set nw-m down");
	expect(bed, FACT_NOT_WATCHED, FACT_FAILED);
}

static void test_one_nic_for_all_has_no_management_nic(void **state)
{
	struct bed *bed = *state;

	bed->conf.n_paths = 1;
	options(bed)->tlib_nic_monitoring = options(bed)->sip_nic_monitoring = true;
	begin(bed);
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip link set nw-a down");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
}

static void test_news_of_a_vip(void **state)
{
	struct bed *bed = *state;

	options(bed)->sip_iptakeover_monitoring = true;
	begin(bed);
	run(bed, QUIET_NS, NULL);
	shell("ip addr add 10.9.0.99/24 dev nw-a");
	run(bed, QUIET_NS, NULL);
	expect_news(bed, 0);
	shell("ip addr add 10.9.0.100/32 dev nw-a");
	expect_news(bed, 1);
	shell("ip addr del 10.9.0.100/32 dev nw-a");
	expect_news(bed, 2);
}

static void test_a_name(void **state)
{
	struct bed *bed = *state;

	strcpy(bed->conf.groups[0].dev, "lo");
	options(bed)->network_monitoring_timeout_s = 1;
	watch_sip(bed, "localhost");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr flush dev lo");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	shell("ip addr add 127.0.0.1/8 dev lo");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
}

/* No resolver can be reached in this namespace: nobody waits for that, the link is watched as if none were named. */
static void test_a_name_that_nobody_knows(void **state)
{
	struct bed *bed = *state;
	uint64_t begun = clock_now_ns();

	watch_sip(bed, "no-such-host.invalid");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip link set nw-a down");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	network_close(bed->network);
	bed->network = NULL;
	assert_true(clock_now_ns() - begun < SHOULD_NS);
}

/* At once: what only a look can find is found long before the old period is over. */
static void test_the_period_is_changed_at_once(void **state)
{
	struct bed *bed = *state;

	watch_sip(bed, "10.9.0.1");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip addr flush dev nw-a");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	shell("ip addr add 10.9.0.1/24 dev nw-a");
	run(bed, QUIET_NS + NS_PER_S, NULL);
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	options(bed)->network_monitoring_timeout_s = 1;
	network_retime(bed->network);
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
}

static void test_an_interface_made_anew(void **state)
{
	struct bed *bed = *state;

	options(bed)->network_monitoring_timeout_s = 1;
	watch_sip(bed, "10.9.0.1");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
	shell("ip link del nw-a");
	expect(bed, FACT_FAILED, FACT_NOT_WATCHED);
	shell("ip link add nw-a type veth peer name nw-b; ip link set nw-a up; ip link set nw-b up; ip addr add 10.9.0.1/24 dev nw-a");
	expect(bed, FACT_WELL, FACT_NOT_WATCHED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_off_costs_nothing), T(test_sip_nic), T(test_the_right_address_in_the_wrong_place),
		T(test_events_alone_tell), T(test_a_look_that_fails_is_no_fault), T(test_without_address_the_link_alone),
		T(test_management_nic), T(test_one_nic_for_all_has_no_management_nic), T(test_news_of_a_vip), T(test_a_name),
		T(test_a_name_that_nobody_knows), T(test_the_period_is_changed_at_once), T(test_an_interface_made_anew),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
