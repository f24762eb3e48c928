// SPDX-License-Identifier: GPL-2.0
/*
 * baton_xdp: what may come in? Parse, decide, count, return.
 *
 * Every frame is counted once as total and once by the way it went (enum bt_xdp_exit). What takes longer goes on
 * in a stage (stage.h): a program of its own here below, which counts that exit itself.
 */
#include "answer.h"
#include "calls.h"
#include "cluster.h"
#include "conflict.h"
#include "count.h"
#include "crash.h"
#include "ear.h"
#include "gate.h"
#include "maps.h"
#include "maps_cluster.h"
#include "parse.h"
#include "pulse.h"
#include "relay.h"
#include "replay.h"
#include "rules.h"
#include "stage.h"
#include "steer.h"
#include "vip.h"
#include "watch.h"

const volatile struct bt_stamp stamp = { BT_STAMP_MARK, BT_ABI, BT_LAYOUT_HASH };

const volatile __u32 verdicts[BT_X__N] = {
#define VERDICT(name, verdict, text) [BT_X_##name] = verdict,
	BT_XDP_EXITS(VERDICT)
#undef VERDICT
};

/* The gate's answer, and where that is not the last word the peer's. */
static __always_inline enum bt_xdp_exit vip_exit(struct xdp_md *ctx, const struct frame *f,
						 const struct bt_vip *vip, bool cluster, __u64 now)
{
	__u32 group = vip->group;
	enum crash_exit crash = CRASH_NONE;
	enum bt_xdp_exit exit;
	struct gate gate;

	if (!gate_read(group, now, &gate))
		return BT_X_BROKEN;
	if (gate_is_open(&gate))
		crash = crash_in(ctx, f, vip, now);
	if (crash == CRASH_UNHEARD)
		return BT_X_VIP_UNHEARD;
	if (crash == CRASH_LEFT && !gate_read(group, now, &gate))
		return BT_X_BROKEN;
	exit = gate_exit(&gate);
	if (exit == BT_X_VIP_ARMED || exit == BT_X_VIP_RELAY_LOST)
		exit = relay_in(ctx, &f->h, &gate, group, cluster ? mark_read(vip->mac) : 0, now);
	return exit;
}

/* What the gate let in: do the port rules, too? BT_X_TOTAL: they do. Constants: what the verifier does not know it would follow everywhere. */
static __always_inline __u32 vip_ruled(struct xdp_md *ctx, const struct frame *f, const struct bt_vip *vip)
{
	int exit;

	if (!(vip->flags & BT_VIP_RULES))
		return BT_X_TOTAL;
	exit = rules_ask(ctx, &f->h, vip->group);
	if (exit == BT_X_TOTAL)
		return BT_X_TOTAL;
	return exit == BT_X_VIP_RULE_DRAINS ? BT_X_VIP_RULE_DRAINS : BT_X_VIP_RULED_OUT;
}

/* The gate let it in: to this host's server, or is there more to be asked? */
static __always_inline __u32 vip_goes_on(const struct frame *f, const struct bt_vip *vip, enum bt_xdp_exit exit,
					 __u32 kind, __u64 now)
{
	__u32 stage = BT_STAGE_STEER;

	if (!(vip->flags & BT_VIP_STEERED)) {
		if (!(vip->flags & BT_VIP_CALLS) || !calls_wanted(f, vip, kind))
			return exit;
		stage = BT_STAGE_CALLS;
	}
	return stage_tell(now, vip->group, 1 + vip->index, exit) ? STAGE_EXIT(stage) : BT_X_BROKEN;
}

/* @cluster: both hosts hear it; known to the compiler. */
static __always_inline __u32 vip_in(struct xdp_md *ctx, const struct frame *f, const struct bt_vip *vip, bool cluster)
{
	struct frame_payload payload;
	enum bt_xdp_exit exit;
	__u32 kind = SIP_NOT, ruled;
	__u64 now;

	if (!frame_payload(f, &payload))
		return BT_X_VIP_MALFORMED;
	now = bpf_ktime_get_boot_ns();
	exit = vip_exit(ctx, f, vip, cluster, now);
	if (cluster)
		exit = cluster_in(ctx, &f->h, vip, exit, now);
	if (cluster && exit == BT_X_VIP_HEARD) {
		ear_hears(ctx, now);
		return replay_in(ctx, f, vip->group, now);
	}
	if (exit != BT_X_VIP_ACCEPTED && exit != BT_X_VIP_TAKEN && exit != BT_X_VIP_KEPT)
		return exit;
	ruled = vip_ruled(ctx, f, vip);
	if (ruled != BT_X_TOTAL)
		return ruled;
	if (exit != BT_X_VIP_KEPT)
		seen_accept(vip->group, now);
	if (f->h.fragment && !f->h.later)
		fragment_begin(ctx, &f->h, now);
	if (live_is_counted(f)) {
		kind = sip_read(f, &payload);
		live_count(f, vip, BT_IN, kind, now);
	}
	return vip_goes_on(f, vip, exit, kind, now);
}

/* A UDP datagram to the pulse port? */
static __always_inline bool is_pulse(const struct frame *f, const struct bt_node *node)
{
	struct udphdr *udp;

	if (!node->pulse_port || !frame_has_l4(f, IPPROTO_UDP))
		return false;
	udp = frame_at(f, f->h.l4, sizeof(*udp));
	return udp && f->h.end - f->h.l4 >= sizeof(*udp) && udp->dest == node->pulse_port;
}

/* Its UDP header is not whole. */
static __always_inline bool is_cut(const struct frame *f)
{
	return frame_has_l4(f, IPPROTO_UDP) &&
	       (!frame_at(f, f->h.l4, sizeof(struct udphdr)) || f->h.end - f->h.l4 < sizeof(struct udphdr));
}

/* Not for a VIP: a pulse, a pool's, or none of our business. */
static __always_inline __u32 host_in(const struct frame *f)
{
	struct bt_node *node = pulse_node();
	struct bt_vip *vip;

	if (f->h.broken || f->h.deep)
		return BT_X_TRUNCATED;
	if (node && is_cut(f))
		return BT_X_TRUNCATED;
	if (node && is_pulse(f, node))
		return STAGE_EXIT(BT_STAGE_PULSE);
	vip = receipt_vip(f);
	if (vip)
		return stage_tell(0, vip->group, 1 + vip->index, BT_X_RECEIPT) ? STAGE_EXIT(BT_STAGE_CLUSTER) : BT_X_BROKEN;
	if (!stage_steers())
		return BT_X_NOT_OURS;
	return stage_tell(0, 0, 0, 0) ? STAGE_EXIT(BT_STAGE_STEER) : BT_X_BROKEN;
}

static __always_inline __u32 decide(struct xdp_md *ctx, const struct frame *f)
{
	struct bt_vip *vip;
	struct who_has who;

	if (who_has_read(&who, f))
		return who_has_in(&who);
	vip = vip_of(f, false);
	if (!vip)
		return host_in(f);
	if (vip->flags & BT_VIP_CLUSTER)
		return stage_tell(0, 0, 0, BT_X_VIP_HEARD) ? STAGE_EXIT(BT_STAGE_CLUSTER) : BT_X_BROKEN;
	return vip_in(ctx, f, vip, false);
}

__noinline int read_frame(struct xdp_md *ctx, struct headers *ret)
{
	if (ret)
		frame_read(ret, (void *)(long)ctx->data, (void *)(long)ctx->data_end,
			   ctx->data_end - ctx->data);
	return 0;
}

static __always_inline void read_headers(struct xdp_md *ctx, struct headers *ret)
{
	if (!frame_read_plain(ret, (void *)(long)ctx->data, (void *)(long)ctx->data_end))
		read_frame(ctx, ret);
}

static __always_inline int leave_as(__u32 exit, __u32 len)
{
	count_exit(&st_count, exit, len);
	return exit < BT_X__N ? verdicts[exit] : XDP_DROP;
}

static __always_inline int leave(struct xdp_md *ctx, __u32 exit)
{
	return leave_as(exit, ctx->data_end - ctx->data);
}

SEC("xdp")
int baton_xdp(struct xdp_md *ctx)
{
	struct frame f = {};
	__u32 exit;

	count_exit(&st_count, BT_X_TOTAL, ctx->data_end - ctx->data);
	read_headers(ctx, &f.h);
	f.data = (void *)(long)ctx->data;
	f.data_end = (void *)(long)ctx->data_end;
	exit = decide(ctx, &f);
	if (exit >= BT_X__N) {
		STAGE_ENTER(ctx, exit, BT_STAGE_STEER);
		STAGE_ENTER(ctx, exit, BT_STAGE_PULSE);
		STAGE_ENTER(ctx, exit, BT_STAGE_CALLS);
		STAGE_ENTER(ctx, exit, BT_STAGE_CLUSTER);
		STAGE_ENTER(ctx, exit, BT_STAGE_ANSWER);
		exit = BT_X_BROKEN;
	}
	return leave(ctx, exit);
}

/* A stage: a datagram to the pulse port, whose UDP header is whole. */
SEC("xdp")
int baton_pulse(struct xdp_md *ctx)
{
	struct bt_node *node = pulse_node();
	struct frame f = {};

	read_frame(ctx, &f.h);
	f.data = (void *)(long)ctx->data;
	f.data_end = (void *)(long)ctx->data_end;
	return leave(ctx, node ? pulse_in(ctx, &f, node) : BT_X_BROKEN);
}

/* A stage: is it for, or from, a pool? */
SEC("xdp")
int baton_steer(struct xdp_md *ctx)
{
	struct headers h = {};

	count_exit(&st_count, BT_X_STEERED, ctx->data_end - ctx->data);
	read_headers(ctx, &h);
	return steer_in(ctx, &h);
}

/* A stage: a VIP's that was let in: is it of a dialog, and of which host's? */
SEC("xdp")
int baton_calls(struct xdp_md *ctx)
{
	struct bt_stage *stage = stage_told();
	struct headers h = {};

	read_frame(ctx, &h);
	return leave(ctx, stage ? calls_in(ctx, &h, stage) : BT_X_BROKEN);
}

/* A stage: for a VIP of a cluster; or perhaps the copy of an answer of the other host. */
SEC("xdp")
int baton_cluster(struct xdp_md *ctx)
{
	struct bt_stage *stage = stage_told();
	struct frame f = {};
	struct bt_vip *vip;
	__u32 exit;

	if (!stage)
		return leave(ctx, BT_X_BROKEN);
	read_frame(ctx, &f.h);
	f.data = (void *)(long)ctx->data;
	f.data_end = (void *)(long)ctx->data_end;
	if (stage->exit == BT_X_RECEIPT) {
		exit = receipt_in(ctx, &f, stage->group);
		if (exit == BT_X_NOT_OURS && stage_steers())
			bpf_tail_call_static(ctx, &stages, BT_STAGE_STEER);
		return leave(ctx, exit);
	}
	vip = vip_of(&f, false);
	exit = vip ? vip_in(ctx, &f, vip, true) : BT_X_BROKEN;
	if (exit >= BT_X__N) {
		STAGE_ENTER(ctx, exit, BT_STAGE_CALLS);
		exit = BT_X_BROKEN;
	}
	return leave(ctx, exit);
}

/* A stage: ARP or NS for a VIP with BT_VIP_ANSWERED, whose gate is open here. */
SEC("xdp")
int baton_answer(struct xdp_md *ctx)
{
	struct headers h = {};

	read_frame(ctx, &h);
	return leave_as(answer_in(ctx, &h), h.len);	/* an answer may be longer */
}

/* No frame's: batond runs it, and the watchdog looks from then on. Returns 0, or why not: an errno. */
SEC("xdp")
int baton_watch(struct xdp_md *ctx)
{
	(void)ctx;
	return watch_arm();
}

char LICENSE[] SEC("license") = "GPL";
