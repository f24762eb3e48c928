/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stage: where does a frame go on that baton_xdp does not finish itself?
 *
 * A stage is a program of its own, entered by tail call: the verifier checks it by itself, and hosts that do not
 * use it do not pay for it: batond does not even load it (userspace/core/stages.c says who enters which; a new way in is a line
 * there, too). It counts the exit of the frame; if it is missing, baton_xdp goes on after the call and counts BROKEN.
 */
#ifndef STAGE_H
#define STAGE_H

#include "maps_steer.h"

/* What decide() returns for such a frame: beyond every exit. */
#define STAGE_EXIT(id)	(BT_X__N + (id))

static __always_inline bool stage_tell(__u64 now, __u32 group, __u32 vip, __u32 exit)
{
	struct bt_stage *stage;
	__u32 zero = 0;

	stage = bpf_map_lookup_elem(&st_stage, &zero);
	if (!stage)
		return false;
	*stage = (struct bt_stage){ .now_ns = now, .group = group, .vip = vip, .exit = exit };
	return true;
}

static __always_inline struct bt_stage *stage_told(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&st_stage, &zero);
}

/* Comes back only if it is another one, or missing. A number known to the compiler makes it a plain jump: 25 ns less. */
#define STAGE_ENTER(ctx, exit, id) do { \
	if ((exit) == STAGE_EXIT(id)) \
		bpf_tail_call_static(ctx, &stages, id); \
} while (0)

/* Are frames looked at that are for no VIP? */
static __always_inline bool stage_steers(void)
{
	struct bt_steer *steer;
	__u32 zero = 0;

	steer = bpf_map_lookup_elem(&cfg_steer, &zero);
	return steer && steer->n_pools;
}

#endif
