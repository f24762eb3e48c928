/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * word: which changes of a group's word are allowed, and what do they lead to?
 *
 * Pure: a const table unfolded from include/word_table.h, the same rows the kernel's program uses.
 * The word is {term:32, owner:8, mode:8, 0:16} (baton_abi.h); (term, owner) is its number.
 *
 * Errors:  a change that is not in the table is refused; nothing is written then.
 * Source:  design §4.2.
 */
#ifndef BATON_WORD_H
#define BATON_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"
#include "word_table.h"

enum word_whose word_whose(uint64_t word, uint8_t me);

/* Armed with its own sender's number: wants the role. */
bool word_is_claim(uint64_t word, uint8_t sender);

/* At @number and neither open nor claimed by its sender: that number is let go, for ever. */
bool word_lets_go(uint64_t word, uint8_t sender, uint64_t number);

/* Could @sender of the pair {@sender, @other} honestly say this? */
bool word_is_sound(uint64_t word, uint8_t sender, uint8_t other);

/*
 * What @cause makes of @word on host @me. @other: the word heard (WORD_THE_PEERS takes its number),
 * or the highest word ever seen (WORD_ABOVE goes beyond it). False: not allowed, or terms are used up.
 */
bool word_next(uint64_t word, enum word_cause cause, uint8_t me, uint64_t other, uint64_t *ret_word);

const char *word_mode_text(uint64_t word);		/* "shut" ... as in status */
const char *word_cause_text(enum word_cause cause);	/* "heard-higher" ... */

#endif
