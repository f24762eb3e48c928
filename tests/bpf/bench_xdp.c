// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_xdp: what does each case cost over a program that only passes?
 *
 * Prints one line `name ns` per case: the least of 15 runs of 4,000 repeats of one frame, less the
 * least of XDP_PASS in the same rounds. A pulse is believed only once, so an answer cannot be
 * repeated; it is run alone, and the same frame again, which is then a replay. What is printed for
 * it is the cost of the replay, repeated, and what the answer took more than the replay did when
 * both ran alone. liveness_counting: what a counted frame of a VIP costs more than one that is not SIP's transport.
 */
#include "rig.h"

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

static int pass_fd(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", insns, 2, NULL);

	CHECK(fd >= 0, "XDP_PASS does not load: %s", strerror(errno));
	return fd;
}

static int repeated(const char *name, int pass, const struct packet *p)
{
	uint32_t best = UINT32_MAX, base = UINT32_MAX, ns;

	for (int i = 0; i < RUNS; i++) {
		ns = time_ns(pass, p, REPEAT);
		base = ns < base ? ns : base;
		ns = time_ns(rig_prog("xdp"), p, REPEAT);
		best = ns < best ? ns : best;
	}
	printf("%-24s %d\n", name, (int)best - (int)base);
	return (int)best - (int)base;
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
	rig_close(NULL);
	return 0;
}
