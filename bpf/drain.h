/* SPDX-License-Identifier: GPL-2.0 */
/*
 * drain: after a planned move, does the old holder keep what began with it?
 *
 * batond of both hosts writes ct_drain before the role moves, so that it is in force with the very frame that the new
 * gate takes: both name the number at which the new holder will be open. Any other number, of either word, and there
 * is no drain.
 * Time:    boot clock, passed in.
 * Source:  design §4.7; core/drain.h decides when.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include "gate.h"
#include "pulse_wire.h"

/* What batond says; 0: nothing, or it has stopped saying so. */
static __always_inline __u64 drain_read(__u32 group, __u64 now, __u64 grace_ns)
{
	struct bt_drain *drain = bpf_map_lookup_elem(&ct_drain, &group);

	return drain && now < READ_ONCE(drain->until_ns) + grace_ns ? READ_ONCE(drain->word) : 0;
}

/* Is anything said of the group at all? */
static __always_inline bool drain_is_on(__u32 group)
{
	struct bt_drain *drain = bpf_map_lookup_elem(&ct_drain, &group);

	return drain && READ_ONCE(drain->word);
}

/* Open at that very number: do we send back, or refuse? */
static __always_inline bool drain_is(__u32 group, __u64 word, enum bt_drain_side side, __u64 now)
{
	return BT_WORD_MODE(word) == BT_OPEN && drain_read(group, now, 0) == BT_DRAIN(BT_WORD_NUMBER(word), side);
}

/* Is this host, whose gate is not open, being drained by a holder at @number? */
static __always_inline bool drain_keeps(__u32 group, __u64 number, __u64 now)
{
	return drain_read(group, now, BT_DRAIN_GRACE_NS) == BT_DRAIN(number, BT_DRAIN_MINE);
}

/* The same, whatever the number. */
static __always_inline bool drain_keeps_any(__u32 group, __u64 now)
{
	return BT_DRAIN_SIDE(drain_read(group, now, BT_DRAIN_GRACE_NS)) == BT_DRAIN_MINE;
}

/* What our pulses may say of it: @flags as batond has them, which may have stopped since. */
static __always_inline __u32 drain_flags(__u32 group, __u32 flags, __u64 now)
{
	__u32 side = BT_DRAIN_SIDE(drain_read(group, now, 0));

	if (side != BT_DRAIN_MINE)
		flags &= ~PULSE_F_DRAIN_MINE;
	if (side != BT_DRAIN_YOURS)
		flags &= ~PULSE_F_DRAIN_YOURS;
	return flags;
}

#endif
