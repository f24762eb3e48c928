/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a door hear every VIP of a cluster, whatever an earlier life, with fewer of them, had told its filter? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/cluster_mac.h"
#include "ha/hearing.h"
#include "sys/hear.h"
#include "vip_lab.h"

#define VIPS 32

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	return 0;
}

static void make_conf(struct conf *c, struct conf_group *g, struct conf_vip *vips)
{
	for (uint32_t i = 0; i < VIPS; i++) {
		vips[i].addr.ip = vp_ip("10.77.0.100");
		vips[i].addr.ip.s6_addr[15] = (uint8_t)(100 + i);
	}
	g->mode = MODE_CLUSTER;
	g->cluster_mac = CLUSTER_UNICAST;
	g->n_vips = VIPS;
	c->groups[0] = *g;
	c->n_groups = 1;
	memcpy(c->vips, vips, VIPS * sizeof(*vips));
	c->n_vips = VIPS;
}

/* How many of its VIPs does it not hear? What is looked for is there afterwards. */
static uint32_t missing(struct nl *nl, const struct conf *c, uint32_t ifindex)
{
	uint32_t n = 0;
	uint8_t mac[6];

	for (uint32_t i = 0; i < VIPS; i++) {
		cluster_mac(CLUSTER_UNICAST, &c->vips[i].addr.ip, mac);
		n += hear_add(nl, ifindex, mac) != -EEXIST;
	}
	return n;
}

static void a_vip_that_is_new(void **state)
{
	static struct conf_vip vips[VIPS];
	static struct conf_group g;
	static struct conf c;
	uint32_t ifindex = if_nametoindex("vp-a");
	struct hearing h = { .wanted = false };
	uint8_t mac[6];
	struct nl nl;

	(void)state;
	make_conf(&c, &g, vips);
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, 0), 0);
	assert_int_equal(missing(&nl, &c, ifindex), VIPS);
	cluster_mac(CLUSTER_UNICAST, &c.vips[VIPS - 1].addr.ip, mac);
	assert_int_equal(hear_del(&nl, ifindex, mac), 0);
	hearing_look(&nl, &c, ifindex, 1, &h);
	assert_int_equal(h.err, 0);
	assert_int_equal(missing(&nl, &c, ifindex), 0);
	hearing_forget(&nl, &c, ifindex, 1);
	assert_int_equal(missing(&nl, &c, ifindex), VIPS);
	nl_close(&nl);
}

/* Killed, and started again with a configuration that knows nothing of them. */
static void vips_of_an_earlier_life(void **state)
{
	static struct conf_vip vips[VIPS];
	static struct in6_addr ips[VIPS];
	static struct conf_group g;
	static struct conf c, other;
	uint32_t ifindex = if_nametoindex("vp-a");
	struct hearing h = { .wanted = false };
	struct in6_addr group;
	struct nl nl;

	(void)state;
	make_conf(&c, &g, vips);
	for (uint32_t i = 0; i < VIPS; i++)
		ips[i] = vips[i].addr.ip;
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, 0), 0);
	hearing_look(&nl, &c, ifindex, 1, &h);
	hearing_forget_vips(&nl, &other, ifindex, ips, VIPS);
	assert_int_equal(missing(&nl, &c, ifindex), VIPS);
	hearing_forget(&nl, &c, ifindex, 1);
	c.groups[0].cluster_mac = CLUSTER_IGMP;
	h = (struct hearing){ .wanted = false };
	hearing_look(&nl, &c, ifindex, 1, &h);
	hearing_forget_vips(&nl, &other, ifindex, ips, VIPS);
	assert_true(cluster_group(CLUSTER_IGMP, &ips[0], &group));
	if (hear_join(&nl, ifindex, &group))
		fail_msg("still a member of the group of a VIP that nobody has any more");
	nl_close(&nl);
}

static bool takes_all(struct nl *nl, uint32_t ifindex)
{
	struct hear_link link = { .kind = "" };

	assert_int_equal(hear_link(nl, ifindex, &link), 0);
	assert_string_equal(link.kind, "bridge");
	return link.told;
}

/* One life of batond, or of two where the first was killed: it looks, it stops. */
static bool takes_all_afterwards(struct nl *nl, const struct conf *c, uint32_t ifindex, int lives)
{
	struct hearing h;

	while (lives--) {
		h = (struct hearing){ .wanted = false };
		hearing_look(nl, c, ifindex, 1, &h);
		if (h.err || !takes_all(nl, ifindex))
			fail_msg("a cluster's bridge does not take in everything: error %d", h.err);
	}
	hearing_forget(nl, c, ifindex, 1);
	return takes_all(nl, ifindex);
}

static void a_bridge_is_left_as_it_was_found(void **state)
{
	static struct conf_vip vips[VIPS];
	static struct conf_group g;
	static struct conf c;
	uint32_t ifindex;
	struct nl nl;

	(void)state;
	make_conf(&c, &g, vips);
	snprintf(c.run_dir, sizeof(c.run_dir), "/tmp/baton-hearing.%d", getpid());
	assert_int_equal(mkdir(c.run_dir, 0700), 0);
	vp_run("ip link add vp-br type bridge");
	ifindex = if_nametoindex("vp-br");
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, 0), 0);
	if (takes_all_afterwards(&nl, &c, ifindex, 1) || takes_all_afterwards(&nl, &c, ifindex, 2))
		fail_msg("a bridge that batond made promiscuous is so when batond has stopped");
	vp_run("ip link set vp-br promisc on");
	if (!takes_all_afterwards(&nl, &c, ifindex, 1))
		fail_msg("a bridge that somebody else had made promiscuous is not so any more when batond has stopped");
	nl_close(&nl);
	if (rmdir(c.run_dir))
		fail_msg("a note is left in %s: %s", c.run_dir, strerror(errno));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_vip_that_is_new, fresh),
		cmocka_unit_test_setup(vips_of_an_earlier_life, fresh),
		cmocka_unit_test_setup(a_bridge_is_left_as_it_was_found, fresh),
	};

	return cmocka_run_group_tests_name("hearing", tests, NULL, NULL);
}
