/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xdp: the very XDP program, compiled for this machine. Its own symbols are made local (sim.mk): tc has the same. */
#include "bpf/baton_xdp.bpf.c"

#include "tests/sim/maps_list.h"

void sim_xdp_learn(void);
int sim_xdp_run(struct xdp_md *ctx);
int sim_xdp_arm(void);

void sim_xdp_learn(void)
{
	MAPS_OF_TC(LEARN_MAP)
	MAPS_OF_XDP(LEARN_MAP)
	kernel_learn(&ev_ring, "ev_ring", BPF_MAP_TYPE_RINGBUF, 0, 0, 0);
	kernel_learn(&ev_slow, "ev_slow", BPF_MAP_TYPE_RINGBUF, 0, 0, 0);
	kernel_learn(&ev_trace, "ev_trace", BPF_MAP_TYPE_RINGBUF, 0, 0, 0);
}

int sim_stage(struct xdp_md *ctx, __u32 i)
{
	static int (*const stage[BT_STAGE__N])(struct xdp_md *) = {
		[BT_STAGE_PULSE] = baton_pulse, [BT_STAGE_STEER] = baton_steer, [BT_STAGE_CALLS] = baton_calls,
		[BT_STAGE_ANSWER] = baton_answer, [BT_STAGE_CLUSTER] = baton_cluster,
	};

	return stage[i](ctx);
}

int sim_xdp_run(struct xdp_md *ctx)
{
	return baton_xdp(ctx);
}

int sim_xdp_arm(void)
{
	return baton_watch(NULL);
}
