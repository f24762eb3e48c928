// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_word: does the kernel change the word by the table, and by nothing else?
 *
 * Every mode and owner of our word meets every mode and owner of the peer's, with a lower, the same
 * and a higher number, by probe and by answer, with and without a lease. What should come out is
 * worked out here from the rows of word_table.h as an array, and the two conditions of a pulse.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "word_table.h"

struct row {
	enum bt_mode mode;
	enum word_whose whose;
	enum word_cause cause;
	enum bt_mode to;
	enum word_after after;
};

static const struct row rows[] = {
#define ROW(mode, whose, cause, to, after) { BT_##mode, WORD_##whose, WORD_##cause, BT_##to, WORD_##after },
	WORD_TABLE(ROW)
#undef ROW
};

#define N(a) (sizeof(a) / sizeof((a)[0]))
static unsigned used[N(rows)], changes, refusals;

static enum word_cause cause_of(uint64_t own, uint64_t heard)
{
	bool open = BT_WORD_MODE(heard) == BT_OPEN;
	bool claim = BT_WORD_MODE(heard) == BT_ARMED && BT_WORD_OWNER(heard) == 2;

	if (open || claim)
		return heard >> 24 > own >> 24 ? WORD_HEARD_HIGHER : 0;
	return heard >> 24 == own >> 24 ? WORD_HEARD_LETGO : 0;
}

static uint64_t apply(const struct row *r, uint64_t own, uint64_t heard)
{
	switch (r->after) {
	case WORD_SAME:
		return BT_WORD(BT_WORD_TERM(own), BT_WORD_OWNER(own), r->to);
	case WORD_THE_PEERS:
		return BT_WORD(BT_WORD_TERM(heard), BT_WORD_OWNER(heard), r->to);
	case WORD_NEXT:
		return BT_WORD_TERM(own) == UINT32_MAX ? own : BT_WORD(BT_WORD_TERM(own) + 1, 1,
								       r->to);
	default:
		fail_msg("the kernel has no business with row %ld", (long)(r - rows));
	}
	return own;
}

static uint64_t expected(uint64_t own, uint64_t heard, bool leased)
{
	enum word_whose whose = !BT_WORD_OWNER(own) ? WORD_NOBODYS : BT_WORD_OWNER(own) == 1 ? WORD_MINE : WORD_PEERS;
	enum word_cause cause = cause_of(own, heard);

	if (cause == WORD_HEARD_LETGO && !leased)
		return own;
	for (size_t i = 0; i < N(rows); i++)
		if (rows[i].mode == BT_WORD_MODE(own) && rows[i].whose == whose &&
		    rows[i].cause == cause) {
			used[i]++;
			return apply(&rows[i], own, heard);
		}
	return own;
}

static void check_linger(uint64_t own, uint64_t now_word, uint64_t linger)
{
	uint64_t now = rig_now(), until = RIG_LINGER_MS * 1000000ULL;

	if (BT_WORD_MODE(own) == BT_OPEN && BT_WORD_MODE(now_word) == BT_RELAY)
		CHECK(linger > now + until - RIG_SEC && linger <= now + until,
		      "lingers until %lu at %lu", linger, now);
	else
		CHECK(!linger, "lingers, though %016lx -> %016lx", own, now_word);
}

/* Whoever opens forgets the first frame of an earlier opening. */
static void check_first(bool opened)
{
	struct bt_seen seen;
	uint32_t zero = 0;

	bpf_map_lookup_elem(rig_map("st_seen"), &zero, &seen);
	CHECK((seen.first_ns == 0) == opened, "%s, first frame at %llu",
	      opened ? "opened" : "not opened", seen.first_ns);
}

static void meet(uint64_t own, uint64_t heard, bool leased, uint8_t type)
{
	static uint64_t seq = 10;
	struct rig_pulse m = rig_pulse(++seq);
	uint64_t want = expected(own, heard, leased), got, linger;
	struct bt_seen seen = { .first_ns = 1 };
	uint32_t zero = 0, exit;
	struct bt_event ev;
	struct packet p;

	bpf_map_update_elem(rig_map("st_seen"), &zero, &seen, BPF_ANY);
	rig_set_word(0, own);
	rig_set_lease(0, leased ? rig_now() + 60 * RIG_SEC : rig_now() - 1);
	rig_set_linger(0, 0);
	m.type = type;
	m.block[0].word = heard;
	rig_frame(&p, &m, 0, 0);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == (type == PULSE_PROBE ? BT_X_PULSE_ANSWERED : BT_X_PULSE_HEARD), "%s",
	      rig_xdp_name(exit));
	got = rig_word(0);
	CHECK(got == want, "own %016lx heard %016lx leased %d: %016lx, not %016lx", own, heard,
	      leased, got, want);
	bpf_map_lookup_elem(rig_map("st_linger"), &zero, &linger);
	check_linger(own, got, linger);
	ev = rig_event();
	CHECK((got != own) == (ev.kind == BT_EV_WORD), "word %s, event %u",
	      got != own ? "changed" : "stayed", ev.kind);
	CHECK(!ev.kind || (ev.from == own && ev.to == got && ev.group == 0 && ev.at_ns),
	      "event says %llx -> %llx", ev.from, ev.to);
	CHECK(!ev.kind || ev.arg == cause_of(own, heard), "event says because of %llx", ev.arg);
	check_first(got != own && BT_WORD_MODE(got) == BT_OPEN);
	got == own ? refusals++ : changes++;
}

/* Could the peer say this of itself? Else the pulse is refused, which test_pulse shows. */
static bool peer_may_say(uint64_t word)
{
	if (!BT_WORD_OWNER(word))
		return !word;
	return BT_WORD_TERM(word) && (BT_WORD_MODE(word) != BT_OPEN || BT_WORD_OWNER(word) == 2);
}

static void meet_all(uint64_t own)
{
	static const uint32_t terms[] = { 0, 1, 5, 6, 7, 8, 9, UINT32_MAX - 1, UINT32_MAX };

	for (uint32_t mode = 0; mode < BT_MODE__N; mode++)
		for (uint8_t owner = 0; owner <= 2; owner++)
			for (size_t t = 0; t < N(terms); t++) {
				uint64_t heard = BT_WORD(terms[t], owner, mode);

				if (!peer_may_say(heard))
					continue;
				for (int leased = 0; leased <= 1; leased++) {
					meet(own, heard, leased, PULSE_PROBE);
					meet(own, heard, leased, PULSE_ANSWER);
				}
			}
}

static void test_every_meeting(void **state)
{
	static const uint32_t terms[] = { 0, 7, UINT32_MAX };

	(void)state;
	rig_reset();
	rig_believe();
	for (uint32_t mode = 0; mode < BT_MODE__N; mode++)
		for (uint8_t owner = 0; owner <= 2; owner++)
			for (size_t t = 0; t < N(terms); t++)
				meet_all(BT_WORD(terms[t], owner, mode));
	CHECK(changes > 100 && refusals > 100, "%u changes, %u refusals", changes, refusals);
	for (size_t i = 0; i < N(rows); i++)
		CHECK(rows[i].cause > WORD_HEARD_LETGO || used[i],
		      "row %zu of the table was never met", i);
}

/* A claim is acknowledged by the very answer to the probe that brings it. */
static void test_claim_is_answered(void **state)
{
	struct rig_pulse m = rig_pulse(2), a;
	struct packet p, out;

	(void)state;
	rig_reset();
	rig_believe();
	rig_open_gate(0);
	m.block[0].word = BT_WORD(8, 2, BT_ARMED);
	rig_frame(&p, &m, 0, 0);
	CHECK(rig_xdp(&p, &out, NULL) == BT_X_PULSE_ANSWERED && rig_answer(&out, &a), "the claim");
	CHECK(a.block[0].word == BT_WORD(8, 2, BT_RELAY), "acknowledged with %lx", a.block[0].word);
	CHECK(a.block[0].echo == m.block[0].word, "echo %lx", a.block[0].echo);
}

/* A hand-over from end to end, as the backup sees it. */
static void test_hand_over(void **state)
{
	struct rig_pulse m = rig_pulse(2);
	struct packet p, vip;

	(void)state;
	rig_reset();
	rig_believe();
	rig_set_word(0, BT_WORD(7, 2, BT_ARMED));
	rig_set_lease(0, rig_now() + 60 * RIG_SEC);
	packet_make(&vip, &(struct packet_spec){ .from = "10.77.0.50", .to = RIG_VIP4,
						 .text = "OPTIONS sip:a SIP/2.0\r\n" });
	vip.data[11] = 0x50;	/* not the peer's own address */
	CHECK(rig_xdp(&vip, NULL, NULL) == BT_X_VIP_ARMED, "backup");
	m.block[0].word = BT_WORD(7, 2, BT_OPEN);
	rig_frame(&p, &m, 0, 0);
	rig_xdp(&p, NULL, NULL);
	CHECK(rig_xdp(&vip, NULL, NULL) == BT_X_VIP_HELPED, "the holder holds");
	m.seq++;
	m.block[0].word = BT_WORD(7, 2, BT_RELAY);
	rig_frame(&p, &m, 0, 0);
	rig_xdp(&p, NULL, NULL);
	CHECK(rig_word(0) == BT_WORD(8, 1, BT_OPEN), "let go, yet our word is %lx", rig_word(0));
	CHECK(rig_xdp(&vip, NULL, NULL) == BT_X_VIP_ACCEPTED, "the new holder");
	CHECK(rig_xdp(&p, NULL, NULL) == BT_X_PULSE_REPLAY && rig_word(0) == BT_WORD(8, 1, BT_OPEN),
	      "repeated");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_meeting), cmocka_unit_test(test_claim_is_answered),
		cmocka_unit_test(test_hand_over),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
