/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gate: has this host, now, the right to take or to send a VIP's frame; and when does the word
 * change?
 *
 * The word and the lease are read once each; a frame is accepted by the reading of them, however
 * late the CPU then goes on. What cannot be read is shut.
 * Time:    boot clock, passed in.
 * Source:  design §4.2; include/word_table.h is the whole law of changes.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>

#include "maps_tc.h"
#include "word_table.h"

#define READ_ONCE(x)	(*(volatile __typeof__(x) *)&(x))
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

/* The way out of XDP for a frame to a VIP of @group. */
static __always_inline enum bt_xdp_exit gate_exit(__u32 group, __u64 now)
{
	struct gate gate;

	if (!gate_read(group, now, &gate))
		return BT_X_BROKEN;
	switch (BT_WORD_MODE(gate.word)) {
	case BT_OPEN:
		return gate.leased ? BT_X_VIP_ACCEPTED : BT_X_VIP_UNLEASED;
	case BT_ARMED:
		return BT_X_VIP_ARMED;
	case BT_RELAY:
		return BT_X_VIP_RELAY_LOST;
	}
	return BT_X_VIP_SHUT;
}

/* May a SIP response still leave, although the gate has let go? */
static __always_inline bool gate_lingers(__u32 group, const struct gate *gate, __u64 now)
{
	__u64 *until = bpf_map_lookup_elem(&st_linger, &group);

	return BT_WORD_MODE(gate->word) == BT_RELAY && until && now < READ_ONCE(*until);
}

#define WORD_KEY(mode, whose, cause) \
	(((mode) * WORD_WHOSE__N + (whose)) * WORD_CAUSE__N + (cause))
#define WORD_STEP(mode, after) ((mode) << 8 | (after))

/* The table's answer as WORD_STEP(); 0: no such row, refused. */
static __always_inline __u32 word_step(__u32 mode, enum word_whose whose, enum word_cause cause)
{
	switch (WORD_KEY(mode, whose, cause)) {
#define WORD_ROW(mode, whose, cause, to, after) \
	case WORD_KEY(BT_##mode, WORD_##whose, WORD_##cause): \
		return WORD_STEP(BT_##to, WORD_##after);
	WORD_TABLE(WORD_ROW)
#undef WORD_ROW
	}
	return 0;
}

static __always_inline enum word_whose word_whose(__u64 word, __u8 my_id)
{
	if (!BT_WORD_OWNER(word))
		return WORD_NOBODYS;
	return BT_WORD_OWNER(word) == my_id ? WORD_MINE : WORD_PEERS;
}

/* What does the peer's word @heard mean to our word @own? 0: nothing. */
static __always_inline enum word_cause word_cause(__u64 own, __u64 heard, __u8 peer_id)
{
	bool claim = BT_WORD_MODE(heard) == BT_ARMED && BT_WORD_OWNER(heard) == peer_id;
	bool wants = BT_WORD_MODE(heard) == BT_OPEN || claim;

	if (BT_WORD_NUMBER(heard) > BT_WORD_NUMBER(own) && wants)
		return WORD_HEARD_HIGHER;
	if (BT_WORD_NUMBER(heard) == BT_WORD_NUMBER(own) && !wants)
		return WORD_HEARD_LETGO;
	return 0;
}

/* Our word after @heard; @own itself when the table says no, or the terms have run out. */
static __always_inline __u64 word_after(__u64 own, __u64 heard, __u8 my_id, __u8 peer_id,
					bool leased)
{
	enum word_cause cause = word_cause(own, heard, peer_id);
	__u32 step = word_step(BT_WORD_MODE(own), word_whose(own, my_id), cause);
	__u64 mode = step >> 8;

	/* A host whose controller is dead must not take the role. */
	if (cause == WORD_HEARD_LETGO && !leased)
		return own;
	switch (step & 0xff) {
	case WORD_SAME:
		return BT_WORD_NUMBER(own) << 24 | mode << 16;
	case WORD_THE_PEERS:
		return BT_WORD_NUMBER(heard) << 24 | mode << 16;
	case WORD_NEXT:
		if (BT_WORD_TERM(own) == 0xffffffff)
			return own;
		return BT_WORD(BT_WORD_TERM(own) + 1, my_id, mode);
	}
	return own;
}

#endif
