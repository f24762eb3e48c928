/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are the host's settings as needed while we live, and as they were when we are gone? */
#include "vip_lab.h"

#include <netinet/if_ether.h>

#include "ha/tune.h"
#include "sys/sysctl.h"

static char run_dir[] = "/tmp/vp-tune-XXXXXX";
static const char dev[1][IF_NAMESIZE] = { "vp-a" };

#define IGNORE		"net/ipv4/conf/vp-a/arp_ignore"
#define ANNOUNCE	"net/ipv4/conf/vp-a/arp_announce"
#define BIND4		"net/ipv4/ip_nonlocal_bind"
#define BIND6		"net/ipv6/ip_nonlocal_bind"

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	strcpy(strrchr(run_dir, '-') + 1, "XXXXXX");
	return mkdtemp(run_dir) ? 0 : -1;
}

static int done(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", run_dir);
	return system(cmd);
}

static void is(const char *path, int want)
{
	int got = -1;

	assert_int_equal(sysctl_read(path, &got), 0);
	if (got != want)
		fail_msg("%s is %d, not %d", path, got, want);
}

static void sets_and_gives_back(void **state)
{
	(void)state;
	assert_int_equal(sysctl_write(ANNOUNCE, 1), 0);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	is(IGNORE, 1);
	is(ANNOUNCE, 2);
	is(BIND4, 1);
	is(BIND6, 1);
	assert_int_equal(tune_restore(run_dir), 0);
	is(IGNORE, 0);
	is(ANNOUNCE, 1);
	is(BIND4, 0);
	is(BIND6, 0);
	assert_int_equal(tune_restore(run_dir), 0);	/* nothing kept any more */
}

/* kill -9, started again, stopped in order: what is given back is what the first life found. */
static void a_crash_does_not_lose_the_old_values(void **state)
{
	(void)state;
	assert_int_equal(sysctl_write(ANNOUNCE, 1), 0);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	assert_int_equal(tune_restore(run_dir), 0);
	is(IGNORE, 0);
	is(ANNOUNCE, 1);
	is(BIND4, 0);
}

static void leaves_what_others_changed_meanwhile(void **state)
{
	(void)state;
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	assert_int_equal(sysctl_write(IGNORE, 3), 0);
	assert_int_equal(tune_restore(run_dir), 0);
	is(IGNORE, 3);
	is(ANNOUNCE, 0);
}

static void a_vanished_interface_does_not_matter(void **state)
{
	(void)state;
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	vp_run("ip link del vp-a");
	assert_int_equal(tune_restore(run_dir), 0);
	is(BIND4, 0);
}

static void dotted_names_are_no_trap(void **state)
{
	static const char vlan[1][IF_NAMESIZE] = { "vp-a.7" };

	(void)state;
	vp_run("ip link set vp-a name vp-a.7");
	assert_int_equal(tune_set(run_dir, vlan, 1), 0);
	is("net/ipv4/conf/vp-a.7/arp_ignore", 1);
	assert_int_equal(tune_restore(run_dir), 0);
	is("net/ipv4/conf/vp-a.7/arp_ignore", 0);
}

static void errors_name_the_setting_and_change_nothing(void **state)
{
	static const char two[2][IF_NAMESIZE] = { "vp-a", "vp-none" };

	(void)state;
	assert_int_equal(tune_set(run_dir, two, 2), -ENOENT);
	assert_string_equal(tune_why(), "net/ipv4/conf/vp-none/arp_ignore: No such file or directory");
	is(IGNORE, 0);
	assert_int_equal(tune_set("/tmp/vp-no-such-dir", dev, 1), -ENOENT);
	assert_string_equal(tune_why(), "/tmp/vp-no-such-dir/settings.new: No such file or directory");
	is(IGNORE, 0);
}

static void a_spoilt_file_is_passed_over(void **state)
{
	char cmd[192];

	(void)state;
	snprintf(cmd, sizeof(cmd), "printf 'nonsense\\nnet/ipv4/conf/../ip_forward 1 0\\n%s 0' > %s/settings",
		 IGNORE, run_dir);
	vp_run(cmd);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	assert_int_equal(tune_restore(run_dir), 0);
	is("net/ipv4/ip_forward", 0);
	is(IGNORE, 0);
}

struct told {
	uint32_t rows, bad;
	char last[256];
};

static void on_row(void *arg, bool ok, const char *name, const char *wanted, const char *found)
{
	struct told *t = arg;

	t->rows++;
	if (ok)
		return;
	t->bad++;
	snprintf(t->last, sizeof(t->last), "%s wanted %s found %s", name, wanted, found);
}

static struct told rows(void)
{
	struct told t = { 0 };

	tune_rows(dev, 1, on_row, &t);
	assert_int_equal(t.rows, 4);
	return t;
}

static void doctor_hears_what_the_kernel_goes_by(void **state)
{
	(void)state;
	assert_int_equal(rows().bad, 4);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	assert_int_equal(rows().bad, 0);
	assert_int_equal(sysctl_write("net/ipv4/conf/all/arp_ignore", 2), 0);
	assert_int_equal(rows().bad, 1);
	assert_string_equal(rows().last, "net.ipv4.conf.vp-a.arp_ignore wanted 1 found 2 by net.ipv4.conf.all");
	assert_int_equal(sysctl_write("net/ipv4/conf/all/arp_ignore", 1), 0);
	assert_int_equal(rows().bad, 0);
}

/* Why tune_rows() minds: a /32 is no subnet, so with 2 it is kept silent unless the host has one there. */
static void all_arp_ignore_2_may_silence_the_vip(void **state)
{
	struct vip v = vp_vip("10.77.0.100", "vp-a");
	struct nl nl;
	int fd;

	(void)state;
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, 0), 0);
	assert_int_equal(vip_add(&nl, &v, 1), 0);
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	vp_run("ip addr del 10.77.0.1/24 dev vp-a && ip route add 10.77.0.0/24 dev vp-a");
	fd = vp_bind_udp("10.77.0.100", 5060);
	assert_true(fd >= 0);
	assert_int_equal(sysctl_write("net/ipv4/conf/all/arp_ignore", 2), 0);
	assert_false(vp_peer_asks(fd, "10.77.0.100", 5060, false));
	assert_int_equal(sysctl_write("net/ipv4/conf/all/arp_ignore", 0), 0);
	assert_true(vp_peer_asks(fd, "10.77.0.100", 5060, false));
	close(fd);
	nl_close(&nl);
}

/* Does the peer hear an ARP request from the VIP within 200 ms? */
static bool peer_hears_claim(int tap)
{
	struct pollfd pfd = { .fd = tap, .events = POLLIN };
	uint8_t f[2048];

	while (poll(&pfd, 1, 200) == 1)
		if (recv(tap, f, sizeof(f), 0) >= 42 && !memcmp(f + 28, (uint8_t[]){ 10, 77, 0, 100 }, 4))
			return true;
	return false;
}

/* A backup whose server speaks from the VIP has to ask for the next hop: not in the VIP's name. */
static void a_backup_claims_nothing_by_its_own_arp(void **state)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = vp_ip("10.77.0.9"), .sin6_port = htons(9) };
	struct vip v = vp_vip("10.77.0.100", "vp-a");
	struct nl nl;
	int fd, tap;

	(void)state;
	vp_enter(vp_there);
	tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));
	vp_enter(vp_here);
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, 0), 0);
	assert_int_equal(vip_route_add(&nl, &v, 1), 0);
	fd = vp_bind_udp("10.77.0.100", 5060);
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_true(peer_hears_claim(tap));	/* the kernel's default does it */
	assert_int_equal(tune_set(run_dir, dev, 1), 0);
	vp_run("ip neigh flush dev vp-a");
	for (int i = 0; i < 10 && peer_hears_claim(tap); i++)
		;	/* what was on its way */
	to.sin6_addr = vp_ip("10.77.0.10");
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_false(peer_hears_claim(tap));
	close(fd);
	close(tap);
	nl_close(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sets_and_gives_back, fresh, done),
		cmocka_unit_test_setup_teardown(a_crash_does_not_lose_the_old_values, fresh, done),
		cmocka_unit_test_setup_teardown(leaves_what_others_changed_meanwhile, fresh, done),
		cmocka_unit_test_setup_teardown(a_vanished_interface_does_not_matter, fresh, done),
		cmocka_unit_test_setup_teardown(dotted_names_are_no_trap, fresh, done),
		cmocka_unit_test_setup_teardown(errors_name_the_setting_and_change_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(a_spoilt_file_is_passed_over, fresh, done),
		cmocka_unit_test_setup_teardown(doctor_hears_what_the_kernel_goes_by, fresh, done),
		cmocka_unit_test_setup_teardown(a_backup_claims_nothing_by_its_own_arp, fresh, done),
		cmocka_unit_test_setup_teardown(all_arp_ignore_2_may_silence_the_vip, fresh, done),
	};

	return cmocka_run_group_tests_name("tune", tests, NULL, NULL);
}
