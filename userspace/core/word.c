/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/word.h"

struct change {
	uint8_t to;		/* enum bt_mode */
	uint8_t after;		/* enum word_after; 0: a hole, the change is refused */
};

static const struct change table[BT_MODE__N][WORD_WHOSE__N][WORD_CAUSE__N] = {
#define ROW(mode, whose, cause, to_mode, number) \
	[BT_##mode][WORD_##whose][WORD_##cause] = { BT_##to_mode, WORD_##number },
	WORD_TABLE(ROW)
#undef ROW
};

enum word_whose word_whose(uint64_t word, uint8_t me)
{
	if (!BT_WORD_OWNER(word))
		return WORD_NOBODYS;
	return BT_WORD_OWNER(word) == me ? WORD_MINE : WORD_PEERS;
}

bool word_is_claim(uint64_t word, uint8_t sender)
{
	return BT_WORD_MODE(word) == BT_ARMED && BT_WORD_OWNER(word) == sender;
}

bool word_lets_go(uint64_t word, uint8_t sender, uint64_t number)
{
	return BT_WORD_NUMBER(word) == number && BT_WORD_MODE(word) != BT_OPEN && !word_is_claim(word, sender);
}

bool word_is_sound(uint64_t word, uint8_t sender, uint8_t other)
{
	uint8_t owner = BT_WORD_OWNER(word), mode = BT_WORD_MODE(word);

	if (BT_WORD_REST(word) || mode >= BT_MODE__N)
		return false;
	if (!owner)
		return word == 0;
	if (!BT_WORD_TERM(word) || (owner != sender && owner != other))
		return false;
	return mode != BT_OPEN || owner == sender;
}

static bool number_after(enum word_after after, uint64_t word, uint8_t me, uint64_t other,
			 uint32_t *term, uint8_t *owner)
{
	uint32_t top = BT_WORD_TERM(word);

	*term = top;
	*owner = BT_WORD_OWNER(word);
	if (after == WORD_SAME)
		return true;
	if (after == WORD_THE_PEERS) {
		*term = BT_WORD_TERM(other);
		*owner = BT_WORD_OWNER(other);
		return true;
	}
	if (after == WORD_ABOVE && BT_WORD_TERM(other) > top)
		top = BT_WORD_TERM(other);
	*term = top + 1;
	*owner = me;
	return top != UINT32_MAX;	/* a term never wraps */
}

bool word_next(uint64_t word, enum word_cause cause, uint8_t me, uint64_t other, uint64_t *ret_word)
{
	const struct change *c;
	uint32_t term;
	uint8_t owner;

	if (BT_WORD_MODE(word) >= BT_MODE__N || (unsigned)cause >= WORD_CAUSE__N)
		return false;
	c = &table[BT_WORD_MODE(word)][word_whose(word, me)][cause];
	if (!c->after || !number_after(c->after, word, me, other, &term, &owner))
		return false;
	*ret_word = BT_WORD(term, owner, c->to);
	return true;
}

const char *word_mode_text(uint64_t word)
{
	static const char *const text[BT_MODE__N] = {
		[BT_SHUT] = "shut", [BT_ARMED] = "armed", [BT_OPEN] = "open", [BT_RELAY] = "relay",
	};

	return BT_WORD_MODE(word) < BT_MODE__N ? text[BT_WORD_MODE(word)] : "unsound";
}

const char *word_cause_text(enum word_cause cause)
{
	static const char *const text[WORD_CAUSE__N] = {
		[WORD_HEARD_HIGHER] = "heard-higher", [WORD_HEARD_LETGO] = "heard-letgo",
		[WORD_ARM] = "arm", [WORD_CLAIM] = "claim", [WORD_OPEN_ALONE] = "open-alone",
		[WORD_FOUND_DEAD] = "found-dead",
		[WORD_LEAVE] = "leave", [WORD_RENUMBER] = "renumber", [WORD_CLOSE] = "close",
	};

	return (unsigned)cause < WORD_CAUSE__N && text[cause] ? text[cause] : "none";
}
