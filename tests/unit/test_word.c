/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Laws of the word, over every mode, owner and cause; and the table of design §4.2 row by row.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/word.h"

#define ME 1
#define PEER 2

static const uint8_t owners[] = { 0, ME, PEER };

#define LAW(ok, fmt, ...) \
	do { if (!(ok)) fail_msg(fmt, __VA_ARGS__); } while (0)

/* Words a host can be in: no number means shut, open and own claims are one's own. */
static bool possible(uint8_t mode, uint8_t owner)
{
	if (!owner)
		return mode == BT_SHUT;
	return mode != BT_OPEN || owner == ME;
}

static void each_change(void (*law)(uint64_t from, enum word_cause c, uint64_t other, uint64_t to))
{
	uint64_t to;
	unsigned n = 0;

	for (uint8_t mode = 0; mode < BT_MODE__N; mode++)
		for (size_t o = 0; o < 3; o++)
			for (enum word_cause c = 1; c < WORD_CAUSE__N; c++)
				for (uint32_t term = 4; term <= 6; term++) {
					uint64_t from = BT_WORD(owners[o] ? 5 : 0, owners[o], mode);
					uint64_t other = BT_WORD(term, PEER, BT_OPEN);

					if (!possible(mode, owners[o]) || !word_next(from, c, ME, other, &to))
						continue;
					law(from, c, other, to);
					n++;
				}
	assert_true(n > 60);	/* the walk saw the table */
}

static void law_only_these_open(uint64_t from, enum word_cause c, uint64_t other, uint64_t to)
{
	(void)other;
	if (BT_WORD_MODE(to) != BT_OPEN || BT_WORD_MODE(from) == BT_OPEN)
		return;
	LAW(BT_WORD_MODE(from) == BT_ARMED && (c == WORD_HEARD_LETGO || c == WORD_OPEN_ALONE || c == WORD_FOUND_DEAD),
	    "%s --%s--> open: only an armed gate may open", word_mode_text(from), word_cause_text(c));
}

static void law_let_go_is_for_ever(uint64_t from, enum word_cause c, uint64_t other, uint64_t to)
{
	(void)other;
	if (BT_WORD_MODE(from) != BT_RELAY && BT_WORD_MODE(from) != BT_SHUT)
		return;
	if (BT_WORD_NUMBER(from) != BT_WORD_NUMBER(to))
		return;
	LAW(BT_WORD_MODE(to) != BT_OPEN, "%s --%s--> open again at the same number", word_mode_text(from), word_cause_text(c));
	LAW(BT_WORD_MODE(to) != BT_ARMED || word_whose(to, ME) == WORD_PEERS,
	    "%s --%s--> a claim at a number already let go", word_mode_text(from), word_cause_text(c));
}

static void law_open_is_mine(uint64_t from, enum word_cause c, uint64_t other, uint64_t to)
{
	(void)other;
	LAW(BT_WORD_MODE(to) != BT_OPEN || BT_WORD_OWNER(to) == ME, "%s --%s--> open with owner %u",
	    word_mode_text(from), word_cause_text(c), BT_WORD_OWNER(to));
}

static void law_numbers_never_sink(uint64_t from, enum word_cause c, uint64_t other, uint64_t to)
{
	if (c == WORD_HEARD_HIGHER)	/* the caller made sure that it is higher */
		return;
	LAW(BT_WORD_NUMBER(to) >= BT_WORD_NUMBER(from), "%s --%s--> number %#llx from %#llx", word_mode_text(from),
	    word_cause_text(c), (unsigned long long)BT_WORD_NUMBER(to), (unsigned long long)BT_WORD_NUMBER(from));
	if (c == WORD_CLAIM || c == WORD_RENUMBER)
		LAW(BT_WORD_NUMBER(to) > BT_WORD_NUMBER(other) && BT_WORD_OWNER(to) == ME,
		    "%s --%s--> number %#llx is not above %#llx", word_mode_text(from), word_cause_text(c),
		    (unsigned long long)BT_WORD_NUMBER(to), (unsigned long long)BT_WORD_NUMBER(other));
}

static void law_words_stay_sound(uint64_t from, enum word_cause c, uint64_t other, uint64_t to)
{
	(void)other;
	LAW(word_is_sound(to, ME, PEER), "%s --%s--> %#llx is not sound", word_mode_text(from), word_cause_text(c),
	    (unsigned long long)to);
}

static void laws_hold(void **state)
{
	(void)state;
	each_change(law_only_these_open);
	each_change(law_let_go_is_for_ever);
	each_change(law_open_is_mine);
	each_change(law_numbers_never_sink);
	each_change(law_words_stay_sound);
}

/* Every number heard that is higher ends an open gate, whatever else holds. */
static void higher_number_shuts(void **state)
{
	uint64_t to;

	(void)state;
	for (uint8_t mode = 0; mode < BT_MODE__N; mode++)
		for (size_t o = 0; o < 3; o++) {
			uint64_t from = BT_WORD(owners[o] ? 5 : 0, owners[o], mode), other = BT_WORD(6, PEER, BT_OPEN);

			if (!possible(mode, owners[o]))
				continue;
			LAW(word_next(from, WORD_HEARD_HIGHER, ME, other, &to), "%s of %u does not obey a higher number",
			    word_mode_text(from), owners[o]);
			LAW(BT_WORD_NUMBER(to) == BT_WORD_NUMBER(other) && BT_WORD_MODE(to) != BT_OPEN &&
			    BT_WORD_MODE(to) != BT_ARMED, "%s of %u becomes %s", word_mode_text(from), owners[o], word_mode_text(to));
		}
}

static void rows_of_the_design(void **state)
{
	static const struct { uint64_t from; enum word_cause cause; uint64_t other, to; } rows[] = {
		{ BT_WORD(7, ME, BT_OPEN), WORD_HEARD_HIGHER, BT_WORD(8, PEER, BT_ARMED), BT_WORD(8, PEER, BT_RELAY) },
		{ BT_WORD(7, PEER, BT_ARMED), WORD_HEARD_LETGO, 0, BT_WORD(8, ME, BT_OPEN) },
		{ BT_WORD(8, ME, BT_ARMED), WORD_HEARD_LETGO, 0, BT_WORD(8, ME, BT_OPEN) },
		{ BT_WORD(7, PEER, BT_RELAY), WORD_ARM, 0, BT_WORD(7, PEER, BT_ARMED) },
		{ BT_WORD(7, ME, BT_RELAY), WORD_CLAIM, BT_WORD(9, PEER, BT_SHUT), BT_WORD(10, ME, BT_ARMED) },
		{ BT_WORD(7, ME, BT_ARMED), WORD_CLAIM, BT_WORD(9, PEER, BT_SHUT), BT_WORD(10, ME, BT_ARMED) },
		{ BT_WORD(7, ME, BT_OPEN), WORD_LEAVE, 0, BT_WORD(7, ME, BT_RELAY) },
		{ BT_WORD(7, ME, BT_OPEN), WORD_RENUMBER, BT_WORD(9, PEER, BT_SHUT), BT_WORD(10, ME, BT_OPEN) },
		{ 0, WORD_CLAIM, 0, BT_WORD(1, ME, BT_ARMED) },
	};
	uint64_t to = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		LAW(word_next(rows[i].from, rows[i].cause, ME, rows[i].other, &to), "row %zu refused", i);
		LAW(to == rows[i].to, "row %zu: %#lx, not %#lx", i, to, rows[i].to);
	}
}

static void not_in_the_table(void **state)
{
	static const struct { uint64_t from; enum word_cause cause; } rows[] = {
		{ BT_WORD(7, ME, BT_RELAY), WORD_ARM },		/* own number: that would be a claim */
		{ BT_WORD(7, ME, BT_RELAY), WORD_OPEN_ALONE },
		{ BT_WORD(7, PEER, BT_ARMED), WORD_OPEN_ALONE },
		{ BT_WORD(7, ME, BT_SHUT), WORD_HEARD_LETGO },
		{ BT_WORD(7, PEER, BT_RELAY), WORD_HEARD_LETGO },
		{ BT_WORD(7, ME, BT_OPEN), WORD_CLAIM },
		{ 0, WORD_ARM },
	};
	uint64_t to = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		LAW(!word_next(rows[i].from, rows[i].cause, ME, 0, &to) && to == 42, "row %zu was allowed", i);
}

static void terms_never_wrap(void **state)
{
	uint64_t to = 42;

	(void)state;
	assert_false(word_next(BT_WORD(UINT32_MAX, PEER, BT_ARMED), WORD_HEARD_LETGO, ME, 0, &to));
	assert_false(word_next(BT_WORD(3, ME, BT_RELAY), WORD_CLAIM, ME, BT_WORD(UINT32_MAX, PEER, BT_SHUT), &to));
	assert_int_equal(to, 42);
}

static void let_go_and_claims(void **state)
{
	(void)state;
	assert_true(word_lets_go(BT_WORD(7, PEER, BT_RELAY), PEER, BT_WORD_NUMBER(BT_WORD(7, PEER, 0))));
	assert_true(word_lets_go(BT_WORD(8, ME, BT_SHUT), PEER, BT_WORD_NUMBER(BT_WORD(8, ME, 0))));
	assert_false(word_lets_go(BT_WORD(7, PEER, BT_OPEN), PEER, BT_WORD_NUMBER(BT_WORD(7, PEER, 0))));
	assert_false(word_lets_go(BT_WORD(7, PEER, BT_ARMED), PEER, BT_WORD_NUMBER(BT_WORD(7, PEER, 0))));
	assert_false(word_lets_go(BT_WORD(7, PEER, BT_RELAY), PEER, BT_WORD_NUMBER(BT_WORD(7, ME, 0))));
	assert_true(word_is_claim(BT_WORD(9, PEER, BT_ARMED), PEER));
	assert_false(word_is_claim(BT_WORD(9, ME, BT_ARMED), PEER));
}

static void unsound_words(void **state)
{
	(void)state;
	assert_true(word_is_sound(0, PEER, ME));
	assert_false(word_is_sound(BT_WORD(0, PEER, BT_SHUT), PEER, ME));
	assert_false(word_is_sound(BT_WORD(3, 0, BT_SHUT), PEER, ME));
	assert_false(word_is_sound(BT_WORD(3, 9, BT_SHUT), PEER, ME));
	assert_false(word_is_sound(BT_WORD(3, ME, BT_OPEN), PEER, ME));
	assert_false(word_is_sound(BT_WORD(3, PEER, 7), PEER, ME));
	assert_false(word_is_sound(BT_WORD(3, PEER, BT_OPEN) | 1, PEER, ME));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(laws_hold), cmocka_unit_test(higher_number_shuts),
		cmocka_unit_test(rows_of_the_design), cmocka_unit_test(not_in_the_table),
		cmocka_unit_test(terms_never_wrap), cmocka_unit_test(let_go_and_claims), cmocka_unit_test(unsound_words),
	};

	return cmocka_run_group_tests_name("word", tests, NULL, NULL);
}
