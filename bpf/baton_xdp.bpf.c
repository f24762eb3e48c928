// SPDX-License-Identifier: GPL-2.0
/*
 * baton_xdp: what may come in? Parse, decide, count, return.
 *
 * Every frame is counted once as total and once by the way it went (enum bt_xdp_exit).
 */
#include "conflict.h"
#include "count.h"
#include "crash.h"
#include "gate.h"
#include "maps.h"
#include "parse.h"
#include "pulse.h"
#include "relay.h"
#include "vip.h"

const volatile struct bt_stamp stamp = { BT_STAMP_MARK, BT_ABI, BT_LAYOUT_HASH };

const volatile __u32 verdicts[BT_X__N] = {
#define VERDICT(name, verdict, text) [BT_X_##name] = verdict,
	BT_XDP_EXITS(VERDICT)
#undef VERDICT
};

/* The gate's answer, and where that is not the last word the peer's. */
static __always_inline enum bt_xdp_exit vip_exit(struct xdp_md *ctx, const struct frame *f,
						 const struct bt_vip *vip, __u64 now)
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
		exit = relay_in(ctx, &f->h, &gate, group, now);
	return exit;
}

static __always_inline enum bt_xdp_exit vip_in(struct xdp_md *ctx, const struct frame *f,
					       const struct bt_vip *vip)
{
	struct frame_payload payload;
	enum bt_xdp_exit exit;
	__u64 now;

	if (!frame_payload(f, &payload))
		return BT_X_VIP_MALFORMED;
	now = bpf_ktime_get_boot_ns();
	exit = vip_exit(ctx, f, vip, now);
	if (exit != BT_X_VIP_ACCEPTED && exit != BT_X_VIP_TAKEN)
		return exit;
	seen_accept(vip->group, now);
	if (f->h.fragment && !f->h.later)
		fragment_begin(ctx, &f->h, now);
	if (live_is_counted(f))
		live_count(f, vip, BT_IN, sip_read(f, &payload), now);
	return exit;
}

/* Not for a VIP: a pulse, or none of our business. */
static __always_inline enum bt_xdp_exit host_in(struct xdp_md *ctx, const struct frame *f)
{
	struct bt_node *node = pulse_node();
	struct udphdr *udp;

	if (f->h.broken || f->h.deep)
		return BT_X_TRUNCATED;
	if (!node || !frame_has_l4(f, IPPROTO_UDP))
		return BT_X_NOT_OURS;
	udp = frame_at(f, f->h.l4, sizeof(*udp));
	if (!udp || f->h.end - f->h.l4 < sizeof(*udp))
		return BT_X_TRUNCATED;
	if (!node->pulse_port || udp->dest != node->pulse_port)
		return BT_X_NOT_OURS;
	return pulse_in(ctx, f, node);
}

static __always_inline enum bt_xdp_exit decide(struct xdp_md *ctx, const struct frame *f)
{
	struct bt_vip *vip;
	struct who_has who;

	if (who_has_read(&who, f))
		return who_has_in(&who);
	vip = vip_of(f, false);
	return vip ? vip_in(ctx, f, vip) : host_in(ctx, f);
}

__noinline int read_frame(struct xdp_md *ctx, struct headers *ret)
{
	if (ret)
		frame_read(ret, (void *)(long)ctx->data, (void *)(long)ctx->data_end,
			   ctx->data_end - ctx->data);
	return 0;
}

SEC("xdp")
int baton_xdp(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data, exit;
	struct frame f = {};

	count_exit(&st_count, BT_X_TOTAL, len);
	read_frame(ctx, &f.h);
	f.data = (void *)(long)ctx->data;
	f.data_end = (void *)(long)ctx->data_end;
	exit = decide(ctx, &f);
	count_exit(&st_count, exit, len);
	return exit < BT_X__N ? verdicts[exit] : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
