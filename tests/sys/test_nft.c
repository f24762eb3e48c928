/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backstop's tables on the real kernel: what passes, what ends by itself, what others have is left alone. */
#include "vip_lab.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "sys/nft.h"
#include "sys/nft_own.h"
#include "sys/clock.h"
#include "sys/raw.h"

#define VIP	"10.77.0.100"
#define VIP6	"fd00:77::100"
#define MS	NS_PER_MS

static struct nft *nft;
static struct nft_group group[2];
static struct nft_vip vip[1024];
static struct nft_door door[2];
static struct nft_plan plan;

#define OK(call) do { \
	int ok_err = (call); \
	if (ok_err) \
		fail_msg("%s: %s (%s)", #call, strerror(-ok_err), nft_why(nft)); \
} while (0)

static void set_vip(uint32_t i, const char *text, uint32_t of)
{
	vip[i] = (struct nft_vip){ vp_ip(text), of };
}

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	vp_run("sysctl -qw net.ipv6.conf.vp-a.accept_dad=0");
	vp_run("ip addr add " VIP "/32 dev vp-a && ip addr add " VIP6 "/128 dev vp-a nodad");
	vp_peer_run("ip neigh flush dev vp-b");
	group[0] = (struct nft_group){ .name = "sip", .ip4 = true, .ip6 = true };
	group[1] = (struct nft_group){ .name = "web-2", .ip4 = true };
	set_vip(0, VIP, 0);
	set_vip(1, VIP6, 0);
	set_vip(2, "10.77.0.102", 1);
	door[0] = (struct nft_door){ if_nametoindex("vp-a"), "vp-a", false };
	plan = (struct nft_plan){ group, 2, vip, 3, door, 1 };
	return nft_open(&nft, 3);
}

static int done(void **state)
{
	(void)state;
	nft_close(nft);
	nft = NULL;
	return 0;
}

static bool peer_reaches(const char *address)
{
	char cmd[128];
	int status;

	snprintf(cmd, sizeof(cmd), "ping -q -c 1 -W 0.3 %s >/dev/null 2>&1", address);
	vp_enter(vp_there);
	status = system(cmd);
	vp_enter(vp_here);
	return !status;
}

/* Does the peer reach both VIPs, with nothing learnt before? */
static void expect_served(bool want, const char *when)
{
	static const char *const all[] = { VIP, VIP6 };

	for (int i = 0; i < 2; i++) {
		vp_peer_run("ip neigh flush dev vp-b");
		if (peer_reaches(all[i]) != want)
			fail_msg("%s: %s was %sanswered", when, all[i], want ? "not " : "");
	}
}

static void says(const char *cmd, const char *words)
{
	char out[65536];

	vp_output(cmd, out, sizeof(out));
	if (!strstr(out, words))
		fail_msg("'%s' does not say '%s' but:\n%s", cmd, words, out);
}

static void build_with(uint32_t ready_ms, uint32_t open_ms, bool gated)
{
	group[0].ready_ms = ready_ms;
	group[0].open_ms = open_ms;
	door[0].gated = gated;
	OK(nft_build(nft, &plan));
}

static void what_passes(void **state)
{
	(void)state;
	expect_served(true, "without tables");
	build_with(0, 0, false);
	expect_served(false, "shut");
	assert_true(peer_reaches("10.77.0.1"));
	build_with(60000, 0, false);
	expect_served(false, "ready, interface not gated");
	build_with(60000, 0, true);
	expect_served(true, "ready, interface gated");
	build_with(60000, 60000, false);
	expect_served(true, "open, interface not gated");
	build_with(0, 0, true);
	expect_served(false, "shut, interface gated");
	assert_true(nft_has_egress(nft));
}

/* Each direction by itself: a neighbour that is known already asks nobody. */
static void nothing_leaves_in_the_name_of_a_vip(void **state)
{
	(void)state;
	build_with(0, 0, true);
	if (!system("ping -q -c 1 -W 0.3 -I " VIP " 10.77.0.2 >/dev/null 2>&1"))
		fail_msg("a ping from " VIP " was answered although it is shut");
	build_with(0, 60000, false);
	vp_run("ping -q -c 1 -W 1 -I " VIP " 10.77.0.2 >/dev/null");
}

static void loopback_is_free(void **state)
{
	(void)state;
	build_with(0, 0, false);
	vp_run("ping -q -c 1 -W 1 " VIP " >/dev/null && ping -q -c 1 -W 1 " VIP6 " >/dev/null");
}

/* An announcement, as ha/announce.c sends it: through a packet socket, past `arp output`. */
static void send_announcement(void)
{
	uint8_t frame[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
			      0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 77, 0, 100,
			      0, 0, 0, 0, 0, 0, 10, 77, 0, 100 };
	struct iovec iov = { frame, sizeof(frame) };
	int fd = raw_open();

	(void)raw_send(fd, if_nametoindex("vp-a"), &iov, 1);	/* a frame that a hook drops is -ENOBUFS */
	close(fd);
}

static bool peer_hears_announcement(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, 96) };
	bool heard;
	int fd;

	vp_enter(vp_there);
	fd = raw_listen(if_nametoindex("vp-b"), 0x0806, all, 1);
	vp_enter(vp_here);
	send_announcement();
	usleep(50000);
	heard = raw_heard(fd, 16);
	close(fd);
	return heard;
}

static void packet_sockets_meet_the_egress_hook(void **state)
{
	(void)state;
	build_with(0, 0, false);
	if (peer_hears_announcement())
		fail_msg("an announcement left through a packet socket although the VIP is shut");
	build_with(0, 60000, false);
	if (!peer_hears_announcement())
		fail_msg("no announcement left although the VIP is open");
}

static void sleep_ms(uint32_t ms)
{
	usleep(ms * 1000);
}

/* Before 6.12 adding an element that is there leaves its timeout as it was. */
static void refresh_extends_and_the_end_comes_by_itself(void **state)
{
	(void)state;
	build_with(0, 2000, false);
	for (int i = 0; i < 5; i++) {
		sleep_ms(500);
		OK(nft_refresh(nft, &plan, 0, 1));
	}
	expect_served(true, "2.5 s on, refreshed to live 2 s");
	sleep_ms(2300);
	expect_served(false, "2.3 s after the last refresh");
	OK(nft_refresh(nft, &plan, 0, 1));
	expect_served(true, "put back after its end");
	group[0].open_ms = 0;
	OK(nft_refresh(nft, &plan, 0, 1));
	expect_served(false, "taken out");
	OK(nft_refresh(nft, &plan, 3, 3));
}

/* This kernel may extend by adding alone; of older ones the batch itself shows that they are served (H16). */
static void refresh_adds_deletes_and_adds(void **state)
{
	static const uint16_t want[] = { NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM };
	uint32_t n = 0;

	(void)state;
	group[1].open_ms = 700;
	nft_begin(nft);
	nft_put_elements(nft, &group[1], 1, false, false);
	nft_put(nft, NFT_MSG_NEWTABLE, 0, 0);		/* the end of what counts */
	for (struct nlmsghdr *m = (void *)nft->buf; n < 3; m = (void *)((char *)m + NLMSG_ALIGN(m->nlmsg_len))) {
		uint16_t type = m->nlmsg_type & 0xff;

		if (m->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;	/* the batch's beginning */
		if (type != want[n])
			fail_msg("message %u of a refresh is of type %u, not %u", n, type, want[n]);
		n++;
	}
}

static void what_others_do_is_noticed(void **state)
{
	static const char *const harm[] = {
		"nft flush ruleset", "nft delete table inet baton", "nft delete table arp baton", "nft delete table netdev baton",
		"nft flush chain inet baton in", "nft flush map inet baton vip4", "nft 'delete element arp baton vip4 { " VIP " }'",
		"nft 'add element inet baton gated { \"lo\" }'", "nft insert rule inet baton in accept",
		"nft flush chain netdev baton group_sip",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		build_with(0, 60000, false);
		assert_int_equal(nft_check(nft), 0);
		nft_changed(nft);
		vp_run(harm[i]);
		if (!nft_changed(nft))
			fail_msg("'%s' was not told of", harm[i]);
		if (!nft_check(nft))
			fail_msg("'%s' was not seen", harm[i]);
	}
	build_with(0, 60000, false);
	vp_run("nft flush ruleset");
	assert_int_equal(nft_refresh(nft, &plan, 0, 1), -ENOENT);
	build_with(0, 60000, false);
	assert_int_equal(nft_check(nft), 0);
	expect_served(true, "put back");
}

static void our_own_changes_are_told_apart(void **state)
{
	(void)state;
	build_with(0, 60000, false);
	nft_changed(nft);
	OK(nft_refresh(nft, &plan, 1, 1));
	build_with(0, 60000, false);
	assert_false(nft_changed(nft));
	vp_run("nft add table inet other");
	OK(nft_refresh(nft, &plan, 1, 1));
	assert_true(nft_changed(nft));
	assert_false(nft_changed(nft));
	OK(nft_check(nft));
}

/* What a listing shows of others, byte for byte. */
static void others(char *buf, size_t len)
{
	vp_output("for t in 'inet op' 'ip op' 'netdev op'; do nft -a list table $t; done", buf, len);
}

static void the_operators_tables_stay_as_they_are(void **state)
{
	char before[16384], after[16384];

	(void)state;
	vp_run("nft 'table inet op { set s { type ipv4_addr; elements = { 192.0.2.1 }; }; "
	       "chain c { type filter hook input priority 0; ip saddr @s counter drop; }; }; "
	       "table ip op { chain c { type nat hook postrouting priority 100; masquerade; }; }; "
	       "table netdev op { chain c { type filter hook egress device vp-a priority 5; accept; }; }'");
	others(before, sizeof(before));
	assert_non_null(strstr(before, "192.0.2.1"));
	build_with(60000, 60000, true);
	OK(nft_refresh(nft, &plan, 3, 3));
	OK(nft_remove(nft));
	others(after, sizeof(after));
	if (strcmp(before, after))
		fail_msg("before:\n%s\nafter:\n%s", before, after);
	vp_output("nft list tables | grep baton", after, sizeof(after));
	assert_string_equal(after, "");
	OK(nft_remove(nft));	/* there is nothing: fine */
}

static void a_thousand_vips(void **state)
{
	uint64_t begin, build_ns, refresh_ns;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		char text[32];

		snprintf(text, sizeof(text), i % 2 ? "10.99.%u.%u" : "fd99::%x:%x", i / 250, i % 250 + 1);
		set_vip(i + 3, text, i % 2);
	}
	group[1].ip6 = true;
	plan.n_vips = 1003;
	nft_close(nft);
	assert_int_equal(nft_open(&nft, plan.n_vips), 0);
	begin = clock_now_ns();
	build_with(60000, 60000, false);
	build_ns = clock_now_ns() - begin;
	begin = clock_now_ns();
	for (int i = 0; i < 100; i++)
		OK(nft_refresh(nft, &plan, 3, 3));
	refresh_ns = (clock_now_ns() - begin) / 100;
	print_message("1003 VIPs: built in %lu us, refreshed in %lu us\n", build_ns / 1000, refresh_ns / 1000);
	says("nft get element inet baton vip4 '{ 10.99.3.250 }'", "goto group_web-2");
	says("nft get element netdev baton vip6 '{ fd99::3:f9 }'", "goto group_sip");
	expect_served(true, "among a thousand others");
	assert_int_equal(nft_check(nft), 0);
}

/* An operator who saves everything and loads it again must not find that ours does not parse. */
static void a_saved_listing_loads_again(void **state)
{
	(void)state;
	group[0].ip6 = false;
	build_with(60000, 60000, true);
	says("nft list table inet baton", "iif @gated meta protocol @ready_sip accept");
	says("nft list table inet baton", VIP " : goto group_sip");
	says("nft list table arp baton", "arp operation request arp daddr ip vmap @vip4");
	says("nft list table netdev baton", "hook egress device \"vp-a\"");
	vp_run("nft list table arp baton >/tmp/test_nft.$$ && nft -c -f /tmp/test_nft.$$ && rm /tmp/test_nft.$$");
}

static void a_door_that_is_gone_is_told(void **state)
{
	(void)state;
	snprintf(door[1].name, IF_NAMESIZE, "nowhere");
	door[1].ifindex = 4711;
	plan.n_doors = 2;
	if (nft_build(nft, &plan))	/* since 6.16 a chain may wait for its device */
		assert_non_null(strstr(nft_why(nft), "No such file"));
	plan.n_doors = 1;
	build_with(0, 0, false);
	vp_run("ip link del vp-a");	/* before 6.16 it takes its chain along */
	plan.n_doors = 0;
	OK(nft_build(nft, &plan));
	says("nft list tables", "inet baton");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
		T(what_passes), T(nothing_leaves_in_the_name_of_a_vip), T(loopback_is_free),
		T(packet_sockets_meet_the_egress_hook), T(refresh_extends_and_the_end_comes_by_itself), T(refresh_adds_deletes_and_adds),
		T(what_others_do_is_noticed), T(our_own_changes_are_told_apart), T(the_operators_tables_stay_as_they_are),
		T(a_thousand_vips), T(a_saved_listing_loads_again), T(a_door_that_is_gone_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
