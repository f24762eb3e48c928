// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_xdp: what does each case cost over a program that only passes?
 *
 * Prints one line `name ns` per case: the least of 15 runs of 4,000 repeats of one frame, less the
 * least of XDP_PASS in the same rounds. A pulse is believed only once, so an answer cannot be
 * repeated; it is run alone, and the same frame again, which is then a replay. What is printed for
 * it is the cost of the replay, repeated, and what the answer took more than the replay did when
 * both ran alone. liveness_counting: what a counted frame of a VIP costs more than one that is not SIP's transport.
 * steer_*: INVITEs of a known dialog to a pool's service; nat and ipip change what would be seen next, so they, and l2
 * to be compared with, are run alone: what they cost more. clock, lookup: of what the rest is made.
 */
#include "rig.h"
#include "tools/bench/steering.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#define RUNS	15
#define REPEAT	4000
#define SINGLES	2000

static uint32_t time_ns(int fd, const struct packet *p, int repeat)
{
	uint8_t out[PACKET_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		    .data_out = out,
		    .data_size_out = sizeof(out), .repeat = repeat);
	int err = bpf_prog_test_run_opts(fd, &opts);

	CHECK(!err, "test run: %s", strerror(errno));
	return opts.duration;
}

static int small_fd(const struct bpf_insn *insns, size_t n)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "small", "GPL", insns, n, NULL);

	CHECK(fd >= 0, "a small program does not load: %s", strerror(errno));
	return fd;
}

static int pass_fd(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return small_fd(insns, 2);
}

static int over_pass(const char *name, int pass, int fd, const struct packet *p)
{
	uint32_t best = UINT32_MAX, base = UINT32_MAX, ns;

	for (int i = 0; i < RUNS; i++) {
		ns = time_ns(pass, p, REPEAT);
		base = ns < base ? ns : base;
		ns = time_ns(fd, p, REPEAT);
		best = ns < best ? ns : best;
	}
	printf("%-24s %d\n", name, (int)best - (int)base);
	return (int)best - (int)base;
}

static int repeated(const char *name, int pass, const struct packet *p)
{
	return over_pass(name, pass, rig_prog("xdp"), p);
}

/* How much longer an answer takes than a replay, each run alone. */
static int answer_over_replay(void)
{
	uint32_t answer = UINT32_MAX, replay = UINT32_MAX, ns;
	struct rig_pulse m;
	struct packet p;

	for (int i = 0; i < SINGLES; i++) {
		m = rig_pulse(i + 2);
		m.block[0].word = BT_WORD(7, 1, BT_ARMED);
		rig_frame(&p, &m, 0, 0);
		ns = time_ns(rig_prog("xdp"), &p, 1);
		answer = ns < answer ? ns : answer;
		ns = time_ns(rig_prog("xdp"), &p, 1);
		replay = ns < replay ? ns : replay;
	}
	return (int)answer - (int)replay;
}

/* ---- what it is made of ------------------------------------------------------------------------- */

static int clock_fd(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_boot_ns },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return small_fd(insns, 3);
}

/* One look into a hash map of four-byte keys, which has it. */
static int lookup_fd(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4, .imm = 7 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = rig_map("cfg_vip4") },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return small_fd(insns, sizeof(insns) / sizeof(insns[0]));
}

/* ---- steering -------------------------------------------------------------------------------------- */

#define POOL		1
#define SERVICE4	"10.77.0.200"
#define ALONE		2000

static void set(const char *map, const void *key, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), key, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

static void service(const char *ip, uint8_t server)
{
	struct bt_service4_key key = { .port = htons(5060) };
	struct bt_service value = { .pool = POOL, .server = server, .first = 1 };
	struct in6_addr mapped;

	packet_ip(ip, &mapped);
	memcpy(&key.ip, mapped.s6_addr + 12, 4);
	set("cfg_service4", &key, &value);
}

/*
 * Frames go back out of lo, where test runs come in; from no Ethernet address, or a frame that is run again would
 * be one that comes back, and is dropped.
 */
static void pool_open(enum bt_forward forward)
{
	struct bt_steer steer = { .key = { 1, 2 }, .tick_s = 1, .n_pools = 1, .new_max = 1000 };
	struct bt_pool pool = { .aim = BT_AIM(1, 0, 0, 1), .name_hash = 1, .forward = forward, .port = htons(5060) };
	uint32_t zero = 0, slot = POOL;
	struct in6_addr ip;

	packet_ip(SERVICE4, &ip);
	memcpy(pool.service, &ip, 16);
	for (int i = 0; i < BT_SERVERS; i++) {
		struct bt_pool_server *s = &pool.server[i];

		*s = (struct bt_pool_server){ .ifindex = 1, .epoch = 1, .next_mac = { 2, 0, 0, 0, 1, 1 + i },
					      .port = htons(5060), .mtu = 1500 };
		packet_ip(i ? "10.77.0.12" : "10.77.0.11", &ip);
		memcpy(s->ip, &ip, 16);
		packet_ip(RIG_US4, &ip);
		memcpy(s->from, &ip, 16);
		service(i ? "10.77.0.12" : "10.77.0.11", (uint8_t)(i + 1));
	}
	service(SERVICE4, 0);
	set("cfg_pool", &slot, &pool);
	set("cfg_steer", &zero, &steer);
}

/* The frame of an INVITE to the service, and its dialog known where it has a Call-ID. */
static void invite(struct packet *p, const struct invite_spec *spec)
{
	struct invite_spec first = *spec;
	char text[INVITE_MAX];

	first.to_tag = NULL;
	for (int i = 0; i < 2; i++) {
		packet_make(p, &(struct packet_spec){ .from = "10.77.0.50", .to = SERVICE4, .payload = text,
						      .payload_len = (uint32_t)invite_make(text, i ? spec : &first, NULL) });
		time_ns(rig_prog("xdp"), p, 1);
	}
}

/* ns of one run by itself. */
static int alone(const struct packet *p)
{
	uint32_t best = UINT32_MAX, ns;

	for (int i = 0; i < ALONE; i++) {
		ns = time_ns(rig_prog("xdp"), p, 1);
		best = ns < best ? ns : best;
	}
	return (int)best;
}

static void steering(int pass)
{
	const struct invite_spec plain = { .len = BENCH_INVITE, .call_id = "a84b4c76e66710-0815@bench.example", .to_tag = "a6c85cf" };
	struct packet p;
	int l2;

	pool_open(BT_FWD_L2);
	packet_make(&p, &(struct packet_spec){ .from = "10.77.0.50", .to = RIG_US4, .text = "anything at all, sixteen" });
	repeated("steer_not_ours", pass, &p);
	invite(&p, &plain);
	repeated("steer_invite_563", pass, &p);
	l2 = alone(&p);
	invite(&p, &(struct invite_spec){ .len = 1300, .before = 800, .call_id = plain.call_id, .to_tag = plain.to_tag });
	repeated("steer_call_id_at_800", pass, &p);
	invite(&p, &(struct invite_spec){ .len = 1400 });
	repeated("steer_1400_no_call_id", pass, &p);
	pool_open(BT_FWD_NAT);
	invite(&p, &plain);
	printf("%-24s %d\n", "steer_nat_extra", alone(&p) - l2);
	pool_open(BT_FWD_IPIP);
	printf("%-24s %d\n", "steer_ipip_extra", alone(&p) - l2);
}

int main(void)
{
	struct rig_pulse m = rig_pulse(1);
	struct packet p;
	int pass, replay, bare;

	rig_open(NULL);
	pass = pass_fd();
	rig_believe();
	rig_open_gate(0);
	packet_make(&p, &(struct packet_spec){ .from = "10.77.0.50", .to = RIG_US4,
					       .text = "anything at all, sixteen" });
	repeated("not_ours", pass, &p);
	packet_make(&p, &(struct packet_spec){ .from = "10.77.0.50", .to = RIG_VIP4, .proto = 132,
					       .text = "sctp" });
	bare = repeated("vip_gate_only", pass, &p);
	packet_make(&p, &(struct packet_spec){ .from = "10.77.0.50", .to = RIG_VIP4,
					       .text = "OPTIONS sip:x@y SIP/2.0\r\n" });
	printf("%-24s %d\n", "liveness_counting", repeated("vip_accepted_counted", pass, &p) - bare);
	rig_frame(&p, &m, 0, 0);
	replay = repeated("pulse_replay", pass, &p);
	printf("%-24s %d\n", "pulse_answer_1_group", replay + answer_over_replay());
	steering(pass);
	over_pass("clock", pass, clock_fd(), &p);
	over_pass("lookup", pass, lookup_fd(), &p);
	rig_close(NULL);
	return 0;
}
