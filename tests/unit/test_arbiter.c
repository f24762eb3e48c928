/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With a third party: the rules that judge and lease follow then, one by one; each row of the protocol notes'
 * table that ends in two holders is here as what must not be done.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/judge.h"
#include "core/lease.h"

#define ME 1
#define PEER 2
#define MS UINT64_C(1000000)
#define NUMBER(term, owner) BT_WORD_NUMBER(BT_WORD(term, owner, BT_SHUT))

/* An armed backup whose peer has just been found dead; it may claim 8. */
static struct judge_facts bereft(enum conf_arbiter arbiter)
{
	return (struct judge_facts){
		.word = BT_WORD(7, PEER, BT_ARMED), .seen = BT_WORD(7, PEER, BT_SHUT), .me = ME, .peer_id = PEER,
		.running = true, .link_up = true, .rested = true, .settled = true, .term_on_disk = 8, .peer = PEER_DOWN,
		.said = { .known = true, .same_digest = true, .running = true, .word = BT_WORD(7, PEER, BT_OPEN) },
		.patience_ns = 30 * MS, .arbiter = arbiter, .arbiter_up = true, .leased = true,
		.longest_lease_ns = 250 * MS,
	};
}

/* The same, its claim standing for long enough and the lock in hand. */
static struct judge_facts claiming(void)
{
	struct judge_facts f = bereft(ARBITER_ETCD);

	f.word = BT_WORD(8, ME, BT_ARMED);
	f.lock_number = NUMBER(8, ME);
	f.claim_age_ns = 275 * MS;
	return f;
}

/* A holder that has lost its peer. */
static struct judge_facts holder(void)
{
	struct judge_facts f = bereft(ARBITER_ETCD);

	f.word = BT_WORD(7, ME, BT_OPEN);
	f.seen = BT_WORD(7, ME, BT_SHUT);
	f.said.word = BT_WORD(7, ME, BT_ARMED);
	return f;
}

static void expect(const struct judge_facts *f, enum word_cause cause)
{
	struct judgement j = judge(f);

	if (j.cause != cause)
		fail_msg("%s, not %s; stuck: %s", word_cause_text(j.cause), word_cause_text(cause), j.stuck ? j.stuck : "-");
}

static void expect_wanted(const struct judge_facts *f, uint64_t number)
{
	uint64_t got = judge_lock_wanted(f);

	if (got != number)
		fail_msg("wants the lock for term %lu, not %lu", got >> 8, number >> 8);
}

/* ---- router ------------------------------------------------------------------------------------------- */

static void a_deaf_host_neither_claims_nor_opens(void **state)
{
	struct judge_facts f = bereft(ARBITER_ROUTER);

	(void)state;
	expect(&f, 0);
	f.ear = true;
	expect(&f, WORD_CLAIM);
	f.word = BT_WORD(8, ME, BT_ARMED);
	expect(&f, WORD_OPEN_ALONE);
	f.ear = false;
	expect(&f, 0);
	f.asked = f.forced = true;		/* nor when told to: its claim would turn a healthy peer away */
	f.word = BT_WORD(7, PEER, BT_ARMED);
	expect(&f, 0);
	f = bereft(ARBITER_NONE);		/* who has no ear test has the hole */
	expect(&f, WORD_CLAIM);
}

static void silence_for_a_vip_is_nothing_to_the_deaf(void **state)
{
	struct judge_facts f = bereft(ARBITER_ROUTER);

	(void)state;
	f.peer = PEER_UNAUTHENTIC;
	f.vip_silent_ns = 1000 * MS;
	expect(&f, 0);
	assert_false(judge_peer_is_gone(&f));
	f.ear = true;
	expect(&f, WORD_CLAIM);
}

static void whoever_hears_the_peer_needs_no_router(void **state)
{
	struct judge_facts f = bereft(ARBITER_ROUTER);

	(void)state;
	f.peer = PEER_STALLED;
	f.said.fresh = true;
	expect(&f, WORD_CLAIM);
	f.peer = PEER_UP;
	f.asked = true;
	expect(&f, WORD_CLAIM);
}

/* It is alone and hears nothing: it keeps what it has. Its lease, once ended, is another matter. */
static void a_holder_keeps_its_role_without_a_router(void **state)
{
	struct judge_facts f = holder();

	(void)state;
	f.arbiter = ARBITER_ROUTER;
	f.gone_ns = 60000 * MS;
	expect(&f, 0);
	assert_null(judge(&f).stuck);
	assert_false(judge_peer_is_gone(&f));	/* so whoever slept does not renew on this verdict */
}

static void why_nobody_takes_over_is_told(void **state)
{
	struct judge_facts f = bereft(ARBITER_ROUTER);

	(void)state;
	f.gone_ns = 900 * MS;			/* an answer may yet come */
	assert_null(judge(&f).stuck);
	f.gone_ns = 1000 * MS;
	assert_non_null(strstr(judge(&f).stuck, "no router answers"));
	f = bereft(ARBITER_ETCD);
	f.gone_ns = 1000 * MS;
	assert_null(judge(&f).stuck);		/* etcd answers: another has the lock, and serves */
	f.arbiter_up = false;
	assert_non_null(strstr(judge(&f).stuck, "the arbiter does not answer"));
	f = holder();
	f.gone_ns = 1000 * MS;
	f.arbiter_up = false;
	assert_null(judge(&f).stuck);
	f.leased = false;
	assert_non_null(strstr(judge(&f).stuck, "the arbiter does not answer"));
}

/* ---- etcd: the lock ----------------------------------------------------------------------------------- */

static void nobody_wants_the_lock_while_the_pair_hears_itself(void **state)
{
	struct judge_facts f = bereft(ARBITER_ETCD);

	(void)state;
	f.peer = PEER_UP;
	expect_wanted(&f, 0);
	f.word = BT_WORD(8, ME, BT_ARMED);	/* nor for a claim that the peer will acknowledge */
	expect_wanted(&f, 0);
	f = holder();
	f.peer = PEER_UP;
	expect_wanted(&f, 0);
}

static void the_holder_wants_it_early_the_other_at_its_verdict(void **state)
{
	struct judge_facts f = holder();

	(void)state;
	f.peer = PEER_UP;			/* half of the misses: no verdict yet */
	f.unsure = true;
	expect_wanted(&f, NUMBER(7, ME));
	f = bereft(ARBITER_ETCD);
	f.unsure = true;
	f.peer = PEER_UP;
	expect_wanted(&f, 0);
	f.peer = PEER_DOWN;
	expect_wanted(&f, NUMBER(8, ME));
	f.word = BT_WORD(8, ME, BT_ARMED);
	expect_wanted(&f, NUMBER(8, ME));
	f.seen = BT_WORD(9, PEER, BT_SHUT);
	expect_wanted(&f, NUMBER(8, ME));
	f.word = BT_WORD(7, PEER, BT_SHUT);
	expect_wanted(&f, NUMBER(10, ME));
	f = bereft(ARBITER_ROUTER);
	f.ear = true;
	expect_wanted(&f, 0);
}

/* The other may be well, and cut off: it gets the chance. */
static void the_ill_leave_the_lock_to_the_other(void **state)
{
	struct judge_facts f;

	(void)state;
	for (int i = 0; i < 5; i++) {
		f = i & 1 ? holder() : bereft(ARBITER_ETCD);
		f.unsure = true;
		f.running = i / 2 != 0;
		f.link_up = i / 2 != 1;
		f.stopping = i == 4;
		expect_wanted(&f, 0);
	}
	f = bereft(ARBITER_ETCD);
	f.running = false;
	f.lock_number = NUMBER(8, ME);
	expect(&f, WORD_CLOSE);			/* without an arbiter it would claim */
	f = bereft(ARBITER_ETCD);
	f.fenced = true;
	expect_wanted(&f, 0);
}

static void the_lock_comes_before_the_claim(void **state)
{
	struct judge_facts f = bereft(ARBITER_ETCD);

	(void)state;
	expect(&f, 0);
	f.lock_number = NUMBER(7, ME);		/* of another number */
	expect(&f, 0);
	f.lock_number = NUMBER(8, ME);
	expect(&f, WORD_CLAIM);
}

/* ---- etcd: opening alone ------------------------------------------------------------------------------ */

static void a_claim_opens_with_lock_and_wait_and_verdict(void **state)
{
	struct judge_facts f = claiming();

	(void)state;
	expect(&f, WORD_OPEN_ALONE);
	f.lock_number = 0;
	expect(&f, 0);
	f.lock_number = NUMBER(9, ME);
	expect(&f, 0);
	f = claiming();
	f.peer = PEER_UP;
	f.said.fresh = true;
	expect(&f, 0);
}

/* Row 'no wait of one lease after the claim': an older holder's lease may rest on what our kernel said before. */
static void no_opening_before_every_older_lease_has_ended(void **state)
{
	struct judge_facts f = claiming();

	(void)state;
	f.claim_age_ns = 275 * MS - 1;
	expect(&f, 0);
	f.claim_age_ns = 0;
	expect(&f, 0);
	f.claim_age_ns = 275 * MS;
	f.longest_lease_ns = 2000 * MS;		/* the peer's is longer than ours */
	expect(&f, 0);
	f.claim_age_ns = 2200 * MS;
	expect(&f, WORD_OPEN_ALONE);
}

/* A higher number heard in between has made our kernel shut: there is no claim any more. */
static void a_higher_number_ends_the_wait(void **state)
{
	struct judge_facts f = claiming();

	(void)state;
	f.word = BT_WORD(9, PEER, BT_SHUT);
	f.settled = false;
	expect(&f, 0);
	expect_wanted(&f, NUMBER(10, ME));
}

static void a_leaseless_holder_does_not_move_the_one_with_the_lock(void **state)
{
	struct judge_facts f = holder();

	(void)state;
	f.peer = PEER_UP;
	f.said.fresh = true;
	f.said.word = BT_WORD(6, PEER, BT_OPEN);
	expect(&f, 0);
	f.said.leased = true;
	expect(&f, WORD_CLOSE);
	f.said.leased = false;
	f.arbiter = ARBITER_NONE;
	expect(&f, WORD_CLOSE);
}

/* ---- laws over everything ----------------------------------------------------------------------------- */

static const uint64_t words[] = {
	0, BT_WORD(7, ME, BT_SHUT), BT_WORD(7, PEER, BT_SHUT), BT_WORD(8, ME, BT_ARMED), BT_WORD(7, PEER, BT_ARMED),
	BT_WORD(8, ME, BT_OPEN), BT_WORD(8, ME, BT_RELAY), BT_WORD(7, PEER, BT_RELAY),
};

static void check_laws(const struct judge_facts *f)
{
	bool deaf = f->peer == PEER_DOWN || f->peer == PEER_UNAUTHENTIC;
	struct judgement j = judge(f);
	uint64_t to, wanted = judge_lock_wanted(f);

	if (wanted && (f->arbiter != ARBITER_ETCD || !f->running || !f->link_up || f->stopping || f->fenced))
		fail_msg("a host that could not serve wants the lock");
	if (wanted && BT_WORD_MODE(f->word) != BT_OPEN && !judge_peer_is_gone(f))
		fail_msg("wants the lock although the peer is %s", peer_state_text(f->peer));
	if (wanted && (uint8_t)wanted != ME)
		fail_msg("wants the lock for a number of the peer's");
	if (j.cause && !word_next(f->word, j.cause, f->me, f->seen, &to))
		fail_msg("%s of %s is not allowed by the table", word_cause_text(j.cause), word_mode_text(f->word));
	if (j.cause == WORD_OPEN_ALONE && f->arbiter == ARBITER_ETCD &&
	    (f->lock_number != BT_WORD_NUMBER(f->word) || f->claim_age_ns < 275 * MS))
		fail_msg("opens alone without lock or wait");
	if (j.cause == WORD_OPEN_ALONE && f->arbiter == ARBITER_ROUTER && !f->ear)
		fail_msg("opens alone, perhaps deaf");
	if (j.cause == WORD_CLAIM && f->peer == PEER_DOWN && f->arbiter == ARBITER_ROUTER && !f->ear && !f->said.fresh)
		fail_msg("claims, perhaps deaf");
	if (j.cause == WORD_CLAIM && deaf && f->arbiter == ARBITER_ETCD && !f->said.fresh && !f->forced &&
	    f->lock_number != BT_WORD_NUMBER(to))
		fail_msg("claims without the lock for it");
}

static void laws_hold_over_all_facts(void **state)
{
	(void)state;
	for (size_t w = 0; w < 8 * 8; w++)
		for (enum peer_state s = PEER_UNKNOWN; s <= PEER_DOWN; s++)
			for (unsigned bits = 0; bits < 1u << 14; bits++) {
				struct judge_facts f = {
					.word = words[w / 8], .seen = BT_WORD(7, PEER, BT_SHUT), .me = ME, .peer_id = PEER,
					.running = bits & 1, .link_up = bits & 2, .settled = bits & 4,
					.stopping = bits & 8, .asked = bits & 16, .forced = bits & 32,
					.term_on_disk = 9, .peer = s, .patience_ns = 30 * MS,
					.said = { .fresh = bits & 64, .known = bits & 128, .same_digest = true,
						  .running = bits & 1, .leased = bits & 256, .word = words[w % 8] },
					.nobody_ns = bits & 512 && bits & 64 ? 100 * MS : 0, .vip_silent_ns = 300 * MS,
					.arbiter = bits & 1024 ? ARBITER_ETCD : ARBITER_ROUTER, .ear = bits & 2048,
					.unsure = bits & 512, .claim_age_ns = bits & 4096 ? 275 * MS : 274 * MS,
					.lock_number = !(bits & 8192) ? 0 : NUMBER(bits & 512 ? 9 : 8, ME),
					.longest_lease_ns = 250 * MS, .fenced = (bits & 0x303) == 0x303,
				};

				check_laws(&f);
			}
}

/* ---- leases ------------------------------------------------------------------------------------------- */

static struct lease_facts open_at(uint64_t now)
{
	return (struct lease_facts){
		.word = BT_WORD(7, ME, BT_OPEN), .lease_ns = 250 * MS, .until_ns = now + 100 * MS, .turn_ns = now,
		.heard_ns = now, .witness = true,
	};
}

/* Row 'lease counted from the store, not from the probe'. */
static void a_witness_lease_counts_from_the_probe(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	assert_int_equal(lease_next(&f), 1100 * MS);	/* a turn in order justifies nothing */
	f.answered_ns = 900 * MS;
	assert_int_equal(lease_next(&f), 1150 * MS);
	f.peer_dead = true;				/* nor does a verdict */
	f.answered_ns = 0;
	f.until_ns = 900 * MS;
	assert_int_equal(lease_next(&f), 900 * MS);
}

static void with_the_lock_it_never_outlives_it(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.lock_until_ns = 2000 * MS;
	assert_int_equal(lease_next(&f), 1250 * MS);
	f.lock_until_ns = 1200 * MS;
	assert_int_equal(lease_next(&f), 1200 * MS);
	f.lock_until_ns = 999 * MS;			/* whoever slept over its end has nothing left */
	assert_int_equal(lease_next(&f), 1100 * MS);
	f.until_ns = 500 * MS;
	assert_true(lease_next(&f) <= f.turn_ns);
	f.lock_until_ns = 2000 * MS;			/* but the lock of now is the lock of now */
	assert_int_equal(lease_next(&f), 1250 * MS);
}

/* Row 'armed lease renewed on own health alone'. */
static void armed_has_nothing_of_the_lock(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.word = BT_WORD(8, ME, BT_ARMED);
	f.lock_until_ns = 2000 * MS;
	assert_int_equal(lease_next(&f), 0);		/* nor what it had justified while open */
	f.answered_ns = 840 * MS;
	assert_int_equal(lease_next(&f), 1090 * MS);
	f.answered_ns = 990 * MS;
	assert_int_equal(lease_next(&f), 1240 * MS);
}

static void availability_mode_knows_no_lock(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	f.witness = false;
	assert_int_equal(lease_next(&f), 1250 * MS);
}

/* Let go too early, and the other, its claim long standing, opens while our lease still runs. */
static void the_lock_stays_while_the_gate_rests_on_it(void **state)
{
	struct lease_facts f = open_at(1000 * MS);

	(void)state;
	assert_true(lease_rests_on_lock(&f));
	f.answered_ns = 849 * MS;
	assert_true(lease_rests_on_lock(&f));
	f.answered_ns = 850 * MS;			/* now the answer alone would justify it */
	assert_false(lease_rests_on_lock(&f));
	f.answered_ns = 0;
	f.until_ns = 1000 * MS;				/* it has ended */
	assert_false(lease_rests_on_lock(&f));
	f.until_ns = 1100 * MS;
	f.word = BT_WORD(7, ME, BT_RELAY);		/* armed again, a late let-go opens it, leased */
	assert_true(lease_rests_on_lock(&f));
	f.word = BT_WORD(8, 3 - ME, BT_ARMED);
	assert_true(lease_rests_on_lock(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deaf_host_neither_claims_nor_opens), cmocka_unit_test(silence_for_a_vip_is_nothing_to_the_deaf),
		cmocka_unit_test(whoever_hears_the_peer_needs_no_router),
		cmocka_unit_test(a_holder_keeps_its_role_without_a_router), cmocka_unit_test(why_nobody_takes_over_is_told),
		cmocka_unit_test(nobody_wants_the_lock_while_the_pair_hears_itself),
		cmocka_unit_test(the_holder_wants_it_early_the_other_at_its_verdict),
		cmocka_unit_test(the_ill_leave_the_lock_to_the_other), cmocka_unit_test(the_lock_comes_before_the_claim),
		cmocka_unit_test(a_claim_opens_with_lock_and_wait_and_verdict),
		cmocka_unit_test(no_opening_before_every_older_lease_has_ended),
		cmocka_unit_test(a_higher_number_ends_the_wait),
		cmocka_unit_test(a_leaseless_holder_does_not_move_the_one_with_the_lock),
		cmocka_unit_test(laws_hold_over_all_facts),
		cmocka_unit_test(a_witness_lease_counts_from_the_probe), cmocka_unit_test(with_the_lock_it_never_outlives_it),
		cmocka_unit_test(armed_has_nothing_of_the_lock), cmocka_unit_test(availability_mode_knows_no_lock),
		cmocka_unit_test(the_lock_stays_while_the_gate_rests_on_it),
	};

	return cmocka_run_group_tests_name("arbiter", tests, NULL, NULL);
}
