/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gate: has this host, now, the right to take or to send a VIP's frame?
 *
 * The word and the lease are read once each; a frame is accepted by the reading of them, however
 * late the CPU then goes on. What cannot be read is shut.
 * Time:    boot clock, passed in.
 * Source:  design §4.2. When the word changes: word.h.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>

#include "maps_tc.h"

#define READ_ONCE(x)	(*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define NS_PER_MS	1000000ULL

struct gate {
	__u64 word;
	bool leased;
};

/* False: there is no such group, so nothing is allowed. */
static __always_inline bool gate_read(__u32 group, __u64 now, struct gate *gate)
{
	__u64 *word = bpf_map_lookup_elem(&st_word, &group);
	__u64 *lease = bpf_map_lookup_elem(&ct_lease, &group);

	if (!word || !lease)
		return false;
	gate->word = READ_ONCE(*word);
	gate->leased = now < READ_ONCE(*lease);
	return true;
}

static __always_inline bool gate_is_open(const struct gate *gate)
{
	return BT_WORD_MODE(gate->word) == BT_OPEN && gate->leased;
}

static __always_inline bool group_is_open(__u32 group, __u64 now)
{
	struct gate gate;

	return gate_read(group, now, &gate) && gate_is_open(&gate);
}

/* The way out of XDP for a frame to a VIP; of one that is armed or has let go relay.h says more. */
static __always_inline enum bt_xdp_exit gate_exit(const struct gate *gate)
{
	switch (BT_WORD_MODE(gate->word)) {
	case BT_OPEN:
		return gate->leased ? BT_X_VIP_ACCEPTED : BT_X_VIP_UNLEASED;
	case BT_ARMED:
		return BT_X_VIP_ARMED;
	case BT_RELAY:
		return BT_X_VIP_RELAY_LOST;
	}
	return BT_X_VIP_SHUT;
}

/*
 * May an answer still leave, although the gate has let go? Armed again, or shut by hand, too: a host is that a
 * second later, while its server may need five for an answer.
 */
static __always_inline bool gate_lingers(__u32 group, const struct gate *gate, __u64 now)
{
	__u64 *until = bpf_map_lookup_elem(&st_linger, &group);

	return BT_WORD_MODE(gate->word) != BT_OPEN && until && now < READ_ONCE(*until);
}

#endif
