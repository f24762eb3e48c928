// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_dp: the data path against the real kernel: it comes, outlives its controller, is found again,
 * and goes. Own network and mount namespace with a bpf file system of its own, so nothing of this
 * host is touched and nothing is left. Needs root and build/bpf.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/sys/dp_world.h"

#define FRAMES	20
#define OTHER	"build/tests/sys/other-bpf"

/* Frames of a private ethertype out of @name, which the other end of the cable receives. */
static void send_frames(const char *name, int n)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex_of(name), .sll_halen = ETH_ALEN,
	};
	uint8_t frame[ETH_ZLEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	for (int i = 0; i < n; i++)
		if (sendto(fd, frame, sizeof(frame), 0, (void *)&to, sizeof(to)) != sizeof(frame))
			fail_msg("send on %s: %s", name, strerror(errno));
	close(fd);
	usleep(50000);	/* the receiving end works in a softirq of its own */
}

static struct dp *open_dp(bool want_found)
{
	struct dp *dp = NULL;
	bool found = !want_found;

	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	if (found != want_found)
		fail_msg("pins %s", found ? "found where there should be none" : "not found");
	return dp;
}

static uint64_t frames_in(struct dp *dp)
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];

	OK(dp_counts(dp, xdp, tc));
	return xdp[BT_X_TOTAL].packets;
}

static uint64_t frames_out(struct dp *dp)
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];

	OK(dp_counts(dp, xdp, tc));
	return tc[BT_T_TOTAL].packets;
}

static enum dp_mode attach(struct dp *dp, const char *name, enum dp_mode want, bool any)
{
	enum dp_mode mode = DP_OFF;

	OK(dp_attach(dp, ifindex_of(name), want, any, &mode));
	return mode;
}

static __u32 xdp_prog_id(const char *name)
{
	__u32 id = 0;

	OK(bpf_xdp_query_id((int)ifindex_of(name), 0, &id));
	return id;
}

static __u32 link_id(const char *name)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PINS "/link-%u", ifindex_of(name));
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
	return info.id;
}

static int set_up(void **state)
{
	(void)state;
	shell("ip link add dp-a type veth peer name dp-b && ip link set dp-a up && ip link set dp-b up");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	shell("ip link del dp-a; rm -rf " PINS);
	return 0;
}

static void test_what_is_set_can_be_read(void **state)
{
	struct bt_node node = { .my_id = 1, .peer_id = 2, .boot = 0x1234, .key_in = { 1, 2 } }, got;
	struct bt_group group = { .name_hash = htonl(7), .name = "sip" }, got_group;
	struct bt_pair pair;
	struct dp *dp = open_dp(false);

	(void)state;
	OK(dp_set_node(dp, &node));
	OK(dp_get_node(dp, &got));
	assert_memory_equal(&node, &got, sizeof(node));
	OK(dp_set_group(dp, 3, &group));
	OK(dp_get_group(dp, 3, &got_group));
	assert_memory_equal(&group, &got_group, sizeof(group));
	OK(dp_set_nonce(dp, 99));
	OK(dp_pair(dp, &pair));
	assert_int_equal(pair.nonce, 99);
	REFUSED(dp_get_group(dp, BT_GROUPS_MAX, &got_group), ENOENT, "group");
	dp_close(dp);
}

static int slot_of(__be32 name_hash)
{
	int fd = bpf_obj_get(PINS "/cfg_gidx");
	__u32 slot;
	int err = bpf_map_lookup_elem(fd, &name_hash, &slot);

	close(fd);
	return err ? -1 : (int)slot;
}

static void test_name_hash_leads_to_the_present_slot_only(void **state)
{
	struct bt_group sip = { .name_hash = htonl(7) }, web = { .name_hash = htonl(8) }, none = {};
	struct dp *dp = open_dp(false);

	(void)state;
	OK(dp_set_group(dp, 3, &sip));
	assert_int_equal(slot_of(sip.name_hash), 3);
	OK(dp_set_group(dp, 3, &web));
	assert_int_equal(slot_of(sip.name_hash), -1);
	assert_int_equal(slot_of(web.name_hash), 3);
	OK(dp_set_group(dp, 3, &none));
	assert_int_equal(slot_of(web.name_hash), -1);
	dp_close(dp);
}

static bool vip_in(const char *map, const void *key)
{
	struct bt_vip vip = {};
	int fd = bpf_obj_get(map);
	bool is = !bpf_map_lookup_elem(fd, key, &vip) && vip.group == 2 && vip.index == 5;

	close(fd);
	return is;
}

static void test_vips_go_to_the_map_of_their_family(void **state)
{
	struct bt_vip vip = { .group = 2, .index = 5 };
	struct in6_addr v4, v6;
	struct dp *dp = open_dp(false);

	(void)state;
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &v4);
	inet_pton(AF_INET6, "2001:db8::7", &v6);
	OK(dp_set_vip(dp, &v4, &vip));
	OK(dp_set_vip(dp, &v6, &vip));
	assert_true(vip_in(PINS "/cfg_vip4", &v4.s6_addr[12]));
	assert_true(vip_in(PINS "/cfg_vip6", &v6));
	OK(dp_del_vip(dp, &v4));
	assert_false(vip_in(PINS "/cfg_vip4", &v4.s6_addr[12]));
	REFUSED(dp_del_vip(dp, &v4), ENOENT, "VIP");
	dp_close(dp);
}

static void test_addresses_of_interfaces(void **state)
{
	static const uint8_t one[6] = { 2, 0, 0, 0, 0, 1 }, two[6] = { 2, 0, 0, 0, 0, 2 };
	uint32_t known[BT_DOORS_MAX] = { 0 };
	struct bt_door door;
	uint32_t key = 7;
	struct dp *dp;
	bool found;
	int fd;

	(void)state;
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	OK(dp_set_door(dp, 7, one));
	OK(dp_set_door(dp, 7, two));
	OK(dp_set_door(dp, 9, one));
	fd = bpf_obj_get(PINS "/cfg_door");
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &door), 0);
	assert_memory_equal(door.mac, two, 6);
	close(fd);
	assert_int_equal(dp_doors(dp, known, BT_DOORS_MAX), 2);
	assert_int_equal(known[0] + known[1], 7 + 9);
	OK(dp_del_door(dp, 7));
	OK(dp_del_door(dp, 7));
	assert_int_equal(dp_doors(dp, known, BT_DOORS_MAX), 1);
	assert_int_equal(known[0], 9);
	for (uint32_t i = 0; i < BT_DOORS_MAX - 1; i++)
		OK(dp_set_door(dp, 100 + i, one));
	assert_int_equal(dp_doors(dp, known, BT_DOORS_MAX), BT_DOORS_MAX);
	REFUSED(dp_set_door(dp, 8, one), E2BIG, "address of interface");
	dp_close(dp);
}

static void test_native_counts_both_ways(void **state)
{
	struct dp *dp = open_dp(false);
	uint64_t in, out;

	(void)state;
	assert_int_equal(attach(dp, "dp-a", DP_NATIVE, false), DP_NATIVE);
	in = frames_in(dp);
	out = frames_out(dp);
	send_frames("dp-b", FRAMES);
	send_frames("dp-a", FRAMES);
	assert_true(frames_in(dp) >= in + FRAMES);	/* the kernel's own ND may add some */
	assert_true(frames_out(dp) >= out + FRAMES);
	dp_close(dp);
}

static void test_outlives_its_controller_and_is_found_again(void **state)
{
	struct bt_node node = { .my_id = 2, .boot = 0xfeed }, got;
	struct dp *dp = open_dp(false);
	uint64_t in;

	(void)state;
	OK(dp_set_node(dp, &node));
	dp_words(dp)[4] = BT_WORD(7, 2, BT_OPEN);
	dp_leases(dp)[4] = 41;
	dp_lingers(dp)[4] = 42;
	attach(dp, "dp-a", DP_NATIVE, false);
	in = frames_in(dp);
	dp_close(dp);

	send_frames("dp-b", FRAMES);
	dp = open_dp(true);
	assert_true(frames_in(dp) >= in + FRAMES);
	OK(dp_get_node(dp, &got));
	assert_memory_equal(&node, &got, sizeof(node));
	assert_true(dp_words(dp)[4] == BT_WORD(7, 2, BT_OPEN));
	assert_true(dp_leases(dp)[4] == 41 && dp_lingers(dp)[4] == 42);
	dp_close(dp);
}

static bool tc_has(__u32 id)
{
	char command[128];

	snprintf(command, sizeof(command), "tc filter show dev dp-a egress | grep -q 'baton_tc.* id %u '", id);
	return shell_true(command);
}

static __u32 pinned_id(const char *path)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
	return info.id;
}

/* The program that the pinned array holds for this stage; 0: none. */
static __u32 pinned_at(__u32 stage)
{
	__u32 id = 0;
	int fd = bpf_obj_get(PINS "/stages");

	if (fd < 0 || (bpf_map_lookup_elem(fd, &stage, &id) && errno != ENOENT))
		fail_msg("stages: %s", strerror(errno));
	close(fd);
	return id;
}

static __u32 pinned_stage(void)
{
	return pinned_at(BT_STAGE_PULSE);
}

static void test_what_is_found_is_not_loaded_again(void **state)
{
	struct dp *dp = open_dp(false);
	__u32 link, prog, tc = pinned_id(PINS "/prog-tc");
	bool changed = true;

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	link = link_id("dp-a");
	prog = xdp_prog_id("dp-a");
	dp_close(dp);

	dp = open_dp(true);
	attach(dp, "dp-a", DP_NATIVE, false);
	OK(dp_renew(dp, OBJ, ALL_STAGES, &changed));
	assert_false(changed);
	assert_int_equal(link_id("dp-a"), link);
	assert_int_equal(xdp_prog_id("dp-a"), prog);
	assert_true(tc_has(tc));
	dp_close(dp);
}

/* The same objects, but for a byte at the end that nobody reads: another build. */
static void make_other_objects(const char *break_tc)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf %s && mkdir -p %s && cp " OBJ "/*.o %s && echo >> %s/baton_xdp.bpf.o; %s",
		 OTHER, OTHER, OTHER, OTHER, break_tc);
	shell(command);
}

static void test_new_program_takes_the_old_ones_place(void **state)
{
	static const struct { const char *dev; enum dp_mode mode; } on[] = { { "dp-a", DP_NATIVE }, { "dp-b", DP_GENERIC } };
	struct dp *dp = open_dp(false);
	__u32 link[2], prog, tc, stage;
	bool changed = false;
	uint64_t in;

	(void)state;
	for (int i = 0; i < 2; i++) {
		attach(dp, on[i].dev, on[i].mode, false);
		link[i] = link_id(on[i].dev);
	}
	prog = xdp_prog_id("dp-a");
	tc = pinned_id(PINS "/prog-tc");
	stage = pinned_stage();
	assert_int_not_equal(stage, 0);
	in = frames_in(dp);
	dp_words(dp)[4] = BT_WORD(7, 2, BT_OPEN);
	make_other_objects("true");
	OK(dp_renew(dp, OTHER, ALL_STAGES, &changed));
	assert_true(changed);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(link_id(on[i].dev), link[i]);		/* the same attachment ... */
		assert_int_not_equal(xdp_prog_id(on[i].dev), prog);	/* ... of another program */
		assert_int_equal(attach(dp, on[i].dev, on[i].mode, false), on[i].mode);
	}
	assert_false(tc_has(tc));
	assert_true(tc_has(pinned_id(PINS "/prog-tc")));
	assert_int_not_equal(pinned_stage(), 0);
	assert_int_not_equal(pinned_stage(), stage);
	assert_int_equal(access(PINS "/next-stages", F_OK), -1);
	send_frames("dp-b", FRAMES);
	assert_true(frames_in(dp) >= in + FRAMES && dp_words(dp)[4] == BT_WORD(7, 2, BT_OPEN));
	prog = xdp_prog_id("dp-a");
	stage = pinned_stage();
	dp_close(dp);

	assert_int_equal(pinned_stage(), stage);	/* nobody but the pin holds it */
	dp = open_dp(true);	/* the next life finds the new ones */
	attach(dp, "dp-a", DP_NATIVE, false);
	assert_int_equal(xdp_prog_id("dp-a"), prog);
	OK(dp_renew(dp, OTHER, ALL_STAGES, &changed));
	assert_false(changed);
	dp_close(dp);
}

static struct dp *open_with(uint32_t stages, bool want_found)
{
	struct dp *dp = NULL;
	bool found = !want_found;

	OK(dp_open(&dp, OBJ, PINS, VERSION, stages, &found));
	assert_int_equal(found, want_found);
	return dp;
}

static void expect_stages(const struct dp *dp, uint32_t want)
{
	if (dp_stages(dp) != want)
		fail_msg("the stages %#x stand, expected %#x", dp_stages(dp), want);
	for (__u32 i = 0; i < BT_STAGE__N; i++)
		if (!!pinned_at(i) != (want >> i & 1))
			fail_msg("the pinned array holds %s for stage %u of %#x", pinned_at(i) ? "a program" : "nothing", i, want);
}

static void expect_renewed(struct dp *dp, const char *objects, uint32_t stages, bool want)
{
	bool changed = !want;

	OK(dp_renew(dp, objects, stages, &changed));
	if (changed != want)
		fail_msg("programs of %s with the stages %#x: %s", objects, stages, changed ? "renewed" : "as before");
}

struct sender {
	pthread_t thread;
	atomic_bool ends;
	uint64_t sent;
};

static void *send_on(void *arg)
{
	struct sender *s = arg;

	for (; !atomic_load(&s->ends); s->sent += FRAMES)
		send_frames("dp-b", FRAMES);
	return NULL;
}

/* The same sender all the while, and not one of its frames passes by. */
static void expect_seen_while_renewed(struct dp *dp, uint32_t stages)
{
	struct sender s = { .sent = 0 };
	uint64_t before = frames_in(dp);

	OK(pthread_create(&s.thread, NULL, send_on, &s));
	expect_renewed(dp, OBJ, stages, true);
	atomic_store(&s.ends, true);
	pthread_join(s.thread, NULL);
	for (int ms = 0; ms < 5000 && frames_in(dp) < before + s.sent; ms++)
		usleep(1000);
	if (frames_in(dp) < before + s.sent)
		fail_msg("%lu frames of %lu were seen while a stage came", (unsigned long)(frames_in(dp) - before), (unsigned long)s.sent);
}

static void test_stages_that_nobody_wants_are_left_out(void **state)
{
	const uint32_t few = 1u << BT_STAGE_PULSE | 1u << BT_STAGE_CALLS, more = 1u << BT_STAGE_STEER;
	struct dp *dp = open_with(few, false);
	__u32 prog;

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	expect_stages(dp, few);
	expect_renewed(dp, OBJ, few, false);
	dp_close(dp);

	dp = open_with(few | more, true);	/* the next life wants more, and finds what there is */
	expect_stages(dp, few);
	prog = xdp_prog_id("dp-a");
	expect_seen_while_renewed(dp, more);
	assert_int_not_equal(xdp_prog_id("dp-a"), prog);
	expect_stages(dp, few | more);
	expect_renewed(dp, OBJ, few, false);
	make_other_objects("true");
	expect_renewed(dp, OTHER, few, true);	/* another build: what stood before is not given up */
	expect_stages(dp, few | more);
	dp_close(dp);
}

static void test_a_program_that_cannot_be_loaded_replaces_nothing(void **state)
{
	struct dp *dp = open_dp(false);
	bool changed;
	__u32 prog;

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	prog = xdp_prog_id("dp-a");
	make_other_objects("head -c 3000 " OBJ "/baton_tc.bpf.o > " OTHER "/baton_tc.bpf.o");
	assert_true(dp_renew(dp, OTHER, ALL_STAGES, &changed) < 0);
	REFUSED(dp_renew(dp, "build/nowhere", ALL_STAGES, &changed), ENOENT, "build/nowhere/baton_xdp.bpf.o");
	assert_int_equal(xdp_prog_id("dp-a"), prog);
	assert_true(tc_has(pinned_id(PINS "/prog-tc")));
	OK(dp_renew(dp, OBJ, ALL_STAGES, &changed));
	assert_false(changed);
	dp_close(dp);
}

/* Installed under a batond that runs on: a stage that it comes to need is not taken from there. */
static void test_objects_of_another_abi_replace_nothing(void **state)
{
	const uint32_t few = 1u << BT_STAGE_PULSE | 1u << BT_STAGE_CALLS;
	struct dp *dp = open_with(few, false);
	bool changed;
	__u32 prog;

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	prog = xdp_prog_id("dp-a");
	make_other_objects("/usr/bin/python3 -c 'p = \"" OTHER "/baton_xdp.bpf.o\"; d = bytearray(open(p, \"rb\").read());"
			   " d[d.index(b\"" BT_STAMP_MARK "\") + 8] = 99; open(p, \"wb\").write(d)'");
	REFUSED(dp_renew(dp, OTHER, ALL_STAGES, &changed), EPROTO, "ABI 99");
	assert_int_equal(xdp_prog_id("dp-a"), prog);
	expect_stages(dp, few);
	dp_close(dp);
}

/* XDP has the new program already when the way out refuses it: both go back to the old ones. */
static void test_half_a_replacement_is_undone(void **state)
{
	struct dp *dp = open_dp(false);
	__u32 prog, tc = pinned_id(PINS "/prog-tc"), stage = pinned_stage();
	bool changed;

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	prog = xdp_prog_id("dp-a");
	make_other_objects("cp " OBJ "/baton_tc.bpf.o " OTHER "/baton_tc.bpf.o");
	unlink(PINS "/prog-tc");
	OK(mkdir(PINS "/prog-tc", 0700));	/* cannot be renamed over */
	assert_true(dp_renew(dp, OTHER, ALL_STAGES, &changed) < 0);
	assert_int_equal(xdp_prog_id("dp-a"), prog);
	assert_true(tc_has(tc));
	assert_int_equal(access(PINS "/next-tc", F_OK), -1);
	assert_int_equal(pinned_stage(), stage);
	assert_int_equal(access(PINS "/next-stages", F_OK), -1);
	assert_int_equal(pinned_id(PINS "/prog-xdp"), prog);	/* was renamed over already */
	rmdir(PINS "/prog-tc");
	dp_close(dp);
}

static void test_generic_stays_generic(void **state)
{
	struct dp *dp = open_dp(false);
	enum dp_mode mode = DP_OFF;
	uint64_t in;

	(void)state;
	assert_int_equal(attach(dp, "dp-a", DP_GENERIC, false), DP_GENERIC);
	in = frames_in(dp);
	send_frames("dp-b", FRAMES);
	assert_true(frames_in(dp) >= in + FRAMES);
	assert_int_equal(attach(dp, "dp-a", DP_NATIVE, true), DP_GENERIC);
	REFUSED(dp_attach(dp, ifindex_of("dp-a"), DP_NATIVE, false, &mode), EBUSY, "generic mode");
	assert_int_equal(mode, DP_OFF);
	dp_close(dp);
}

static void test_native_refused_falls_back_only_if_it_may(void **state)
{
	struct dp *dp = open_dp(false);
	enum dp_mode mode = DP_OFF;

	(void)state;
	shell("ip link set dp-b mtu 9000");	/* of the peer: what veth looks at */
	REFUSED(dp_attach(dp, ifindex_of("dp-a"), DP_NATIVE, false, &mode), ERANGE, "MTU too big");
	assert_int_equal(xdp_prog_id("dp-a"), 0);
	assert_int_equal(attach(dp, "dp-a", DP_NATIVE, true), DP_GENERIC);
	dp_close(dp);
}

/* A program of somebody else's, in the place of ours. */
static int load_foreign(enum bpf_prog_type type, const char *name, int verdict)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(type, name, "GPL", insns, 2, NULL);

	if (fd < 0)
		fail_msg("load %s: %s", name, strerror(errno));
	return fd;
}

static void test_foreign_xdp_is_named_and_left_alone(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_XDP, "their_xdp", XDP_PASS);
	struct dp *dp = open_dp(false);
	enum dp_mode mode;
	__u32 id;

	(void)state;
	OK(bpf_xdp_attach((int)ifindex_of("dp-a"), foreign, XDP_FLAGS_DRV_MODE, NULL));
	id = xdp_prog_id("dp-a");
	REFUSED(dp_attach(dp, ifindex_of("dp-a"), DP_NATIVE, true, &mode), EBUSY, "their_xdp");
	assert_int_equal(xdp_prog_id("dp-a"), id);
	dp_close(dp);
	close(foreign);
}

static void attach_foreign_tc(__u32 priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex_of("dp-a"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = priority);

	opts.prog_fd = load_foreign(BPF_PROG_TYPE_SCHED_CLS, "their_tc", -1);
	bpf_tc_hook_create(&hook);
	OK(bpf_tc_attach(&hook, &opts));
	close(opts.prog_fd);
}

static void test_foreign_filter_is_named_and_left_alone(void **state)
{
	struct dp *dp = open_dp(false);
	enum dp_mode mode;

	(void)state;
	attach_foreign_tc(1);
	REFUSED(dp_attach(dp, ifindex_of("dp-a"), DP_NATIVE, true, &mode), EBUSY, "their_tc");
	assert_int_equal(xdp_prog_id("dp-a"), 0);	/* not half a data path */
	OK(dp_detach(dp, ifindex_of("dp-a")));
	shell("tc filter show dev dp-a egress | grep -q their_tc");
	dp_close(dp);
}

static void test_detach_takes_ours_only(void **state)
{
	struct dp *dp = open_dp(false);

	(void)state;
	attach_foreign_tc(2);
	attach(dp, "dp-a", DP_NATIVE, false);
	shell("tc filter show dev dp-a egress | grep -q baton_tc");
	OK(dp_detach(dp, ifindex_of("dp-a")));
	assert_int_equal(xdp_prog_id("dp-a"), 0);
	assert_false(shell_true("tc filter show dev dp-a egress | grep -q baton_tc"));
	shell("tc filter show dev dp-a egress | grep -q their_tc");
	OK(dp_detach(dp, ifindex_of("dp-a")));	/* nothing there: nothing to do */
	dp_close(dp);
}

static void test_interface_that_came_back_is_attached_anew(void **state)
{
	char again[192];
	struct dp *dp = open_dp(false);

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	snprintf(again, sizeof(again), "ip link del dp-a && ip link add dp-a index %u type veth peer name dp-b "
		 "&& ip link set dp-a up && ip link set dp-b up", ifindex_of("dp-a"));
	shell(again);
	assert_int_equal(xdp_prog_id("dp-a"), 0);
	assert_int_equal(attach(dp, "dp-a", DP_NATIVE, false), DP_NATIVE);
	assert_int_not_equal(xdp_prog_id("dp-a"), 0);
	dp_close(dp);
}

static void test_remove_leaves_nothing(void **state)
{
	struct dp *dp = open_dp(false);

	(void)state;
	attach(dp, "dp-a", DP_NATIVE, false);
	attach(dp, "dp-b", DP_GENERIC, false);
	dp_close(dp);

	dp = open_dp(true);	/* another life than the one that attached */
	OK(dp_remove(dp));
	dp_close(dp);
	assert_int_equal(access(PINS, F_OK), -1);
	assert_int_equal(xdp_prog_id("dp-a"), 0);
	assert_int_equal(xdp_prog_id("dp-b"), 0);
	assert_false(shell_true("tc filter show dev dp-a egress | grep -q baton_tc"));
}

static void test_remove_copes_with_an_interface_that_is_gone(void **state)
{
	struct dp *dp = open_dp(false);

	attach(dp, "dp-a", DP_NATIVE, false);
	shell("ip link del dp-a");
	OK(dp_remove(dp));
	dp_close(dp);
	assert_int_equal(access(PINS, F_OK), -1);
	set_up(state);	/* for tear_down() */
}

static void change_meta(struct bt_meta *meta)
{
	int fd = bpf_obj_get(PINS "/meta");
	__u32 zero = 0;

	assert_true(fd >= 0);
	if (meta->magic)
		OK(bpf_map_update_elem(fd, &zero, meta, BPF_ANY));
	else
		OK(bpf_map_lookup_elem(fd, &zero, meta));
	close(fd);
}

static void test_pins_in_use_are_refused(void **state)
{
	struct dp *dp = open_dp(false), *none = NULL;
	bool found;

	(void)state;
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EBUSY, "in use by another");
	dp_close(dp);
	dp_close(open_dp(true));
}

static void test_pins_of_another_abi_are_refused(void **state)
{
	struct dp *dp = open_dp(false), *none = NULL;
	struct bt_meta meta = {};
	bool found;

	(void)state;
	dp_close(dp);
	change_meta(&meta);
	assert_string_equal(meta.version, VERSION);
	meta.layout++;
	change_meta(&meta);
	REFUSED(dp_open(&none, OBJ, PINS, "9.9", ALL_STAGES, &found), EPROTO, "made by batond " VERSION);
	meta.layout--;
	meta.abi++;
	change_meta(&meta);
	REFUSED(dp_open(&none, OBJ, PINS, "9.9", ALL_STAGES, &found), EPROTO, "made by batond " VERSION);
	meta.magic ^= 1;
	change_meta(&meta);
	REFUSED(dp_open(&none, OBJ, PINS, "9.9", ALL_STAGES, &found), EPROTO, "not a map of Baton's");
	assert_null(none);
	assert_int_equal(access(PINS "/st_word", F_OK), 0);	/* refused, not removed */
}

static void test_a_map_of_another_make_is_refused(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct dp *dp = open_dp(false), *none = NULL;
	bool found;
	int fd;

	(void)state;
	dp_close(dp);
	unlink(PINS "/st_word");
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPROTO, "st_word is missing");
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "st_word", 4, 8, 2 * BT_GROUPS_MAX, &opts);
	OK(bpf_obj_pin(fd, PINS "/st_word"));
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPROTO, "st_word");
	close(fd);
}

static void test_what_a_crash_left_is_made_anew(void **state)
{
	struct dp *dp = open_dp(false);

	(void)state;
	dp_words(dp)[0] = BT_WORD(7, 2, BT_OPEN);
	dp_close(dp);
	unlink(PINS "/meta");
	dp = open_dp(false);
	assert_true(dp_words(dp)[0] == 0);
	dp_close(dp);
	dp_close(open_dp(true));
}

static void test_a_directory_of_others_is_not_emptied(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "theirs", 4, 8, 1, NULL);
	struct dp *none = NULL;
	bool found;

	(void)state;
	mkdir(PINS, 0700);
	OK(bpf_obj_pin(fd, PINS "/theirs"));
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPROTO, "theirs");
	assert_int_equal(access(PINS "/theirs", F_OK), 0);
	close(fd);
}

static void test_pin_dir_must_be_ours_alone(void **state)
{
	struct dp *none = NULL;
	bool found;

	(void)state;
	mkdir(PINS, 0700);
	chmod(PINS, 0755);
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPERM, "mode 0755");
	chmod(PINS, 0700);
	OK(chown(PINS, 65534, 0));
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPERM, "uid 65534");
	OK(chown(PINS, 0, 0));
	chmod(PINS, 0777);	/* as a parent: whoever may write there can rename what is below */
	REFUSED(dp_open(&none, OBJ, PINS "/a", VERSION, ALL_STAGES, &found), EPERM, "written by others");
	rmdir(PINS);
	OK(symlink("/tmp", PINS));
	REFUSED(dp_open(&none, OBJ, PINS, VERSION, ALL_STAGES, &found), EPERM, "not a directory");
	unlink(PINS);
	REFUSED(dp_open(&none, OBJ, "dp-test", VERSION, ALL_STAGES, &found), EINVAL, "absolute");
	REFUSED(dp_open(&none, OBJ, "/tmp", VERSION, ALL_STAGES, &found), ENOENT, "mount -t bpf");
	REFUSED(dp_open(&none, OBJ, "/run/dp-test/a", VERSION, ALL_STAGES, &found), ENOENT, "mount -t bpf");
}

static void test_pin_dir_is_made_for_root_alone(void **state)
{
	struct stat st;

	(void)state;
	dp_close(open_dp(false));
	OK(stat(PINS, &st));
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_missing_objects_are_named(void **state)
{
	struct dp *none = NULL;
	bool found;

	(void)state;
	REFUSED(dp_open(&none, "build/nowhere", PINS, VERSION, ALL_STAGES, &found), ENOENT, "build/nowhere/baton_xdp.bpf.o");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_set_can_be_read),
		TEST(name_hash_leads_to_the_present_slot_only),
		TEST(vips_go_to_the_map_of_their_family), TEST(addresses_of_interfaces),
		TEST(native_counts_both_ways),
		TEST(outlives_its_controller_and_is_found_again),
		TEST(what_is_found_is_not_loaded_again),
		TEST(new_program_takes_the_old_ones_place),
		TEST(stages_that_nobody_wants_are_left_out),
		TEST(a_program_that_cannot_be_loaded_replaces_nothing),
		TEST(objects_of_another_abi_replace_nothing),
		TEST(half_a_replacement_is_undone),
		TEST(generic_stays_generic),
		TEST(native_refused_falls_back_only_if_it_may),
		TEST(foreign_xdp_is_named_and_left_alone),
		TEST(foreign_filter_is_named_and_left_alone),
		TEST(detach_takes_ours_only),
		TEST(interface_that_came_back_is_attached_anew),
		TEST(remove_leaves_nothing),
		TEST(remove_copes_with_an_interface_that_is_gone),
		TEST(pins_in_use_are_refused),
		TEST(pins_of_another_abi_are_refused),
		TEST(a_map_of_another_make_is_refused),
		TEST(what_a_crash_left_is_made_anew),
		TEST(a_directory_of_others_is_not_emptied),
		TEST(pin_dir_must_be_ours_alone),
		TEST(pin_dir_is_made_for_root_alone),
		TEST(missing_objects_are_named),
	};

	return enter_own_world() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
