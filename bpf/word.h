/* SPDX-License-Identifier: GPL-2.0 */
/*
 * word: when does the kernel change a group's word, and what must be done in the same moment?
 *
 * Decided from one reading, then compare-and-swap from that very reading: whoever was faster wins, and
 * the next pulse or frame decides anew.
 * Time:    boot clock, passed in.
 * Source:  design §4.2; include/word_table.h is the whole law of changes.
 */
#ifndef WORD_H
#define WORD_H

#include "event.h"
#include "gate.h"
#include "word_table.h"

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

/* @own changed by @cause; @own itself when the table says no, or the terms have run out. @heard: the peer's, if that is the cause. */
static __always_inline __u64 word_change(__u64 own, enum word_cause cause, __u64 heard, __u8 my_id)
{
	__u32 step = word_step(BT_WORD_MODE(own), word_whose(own, my_id), cause);
	__u64 mode = step >> 8;

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

/* Our word after @heard. */
static __always_inline __u64 word_after(__u64 own, __u64 heard, __u8 my_id, __u8 peer_id,
					bool leased)
{
	enum word_cause cause = word_cause(own, heard, peer_id);

	/* A host whose controller is dead must not take the role. */
	if (cause == WORD_HEARD_LETGO && !leased)
		return own;
	return word_change(own, cause, heard, my_id);
}

/* Let go for the peer: SIP responses to what we had accepted may still leave for a while. */
static __always_inline void linger_begin(__u32 slot, __u64 now)
{
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	__u64 *until = bpf_map_lookup_elem(&st_linger, &slot);

	if (g && until)
		*until = now + g->linger_ms * NS_PER_MS;
}

/* The first frame of an earlier opening is no longer of interest. */
static __always_inline void first_forget(__u32 slot)
{
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &slot);

	if (seen)
		seen->first_ns = 0;
}

/*
 * Change the word from @own to @to, which the table allows; returns it as it then stands: @to, or what
 * somebody else was faster with. @why: enum word_cause | BT_EV_BY_*.
 */
static __always_inline __u64 word_swap(__u32 slot, __u64 *word, __u64 own, __u64 to, __u64 why,
				       __u64 now)
{
	__u64 seen;

	if (BT_WORD_MODE(own) == BT_OPEN)
		linger_begin(slot, now);	/* before the store: no response falls between */
	else if (BT_WORD_MODE(to) == BT_OPEN)
		first_forget(slot);		/* before it too: the first frame notes itself */
	seen = __sync_val_compare_and_swap(word, own, to);
	if (seen != own)
		return seen;
	event_emit(BT_EV_WORD, slot, now, own, to, why);
	return to;
}

/* Change our word by what the peer's says; returns it as it then stands. @by: BT_EV_BY_*; 0: a pulse. */
static __always_inline __u64 word_hear(__u32 slot, __u64 *word, __u64 heard,
				       const struct bt_node *node, bool leased, __u64 by,
				       __u64 now)
{
	__u64 own = READ_ONCE(*word), to;

	to = word_after(own, heard, node->my_id, node->peer_id, leased);
	if (to == own)
		return own;
	return word_swap(slot, word, own, to, word_cause(own, heard, node->peer_id) | by, now);
}

#endif
