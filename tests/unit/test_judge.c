/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the conductor is told to do: laws over all combinations of facts, and the stories of the design.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/judge.h"

#define ME 1
#define PEER 2
#define MS UINT64_C(1000000)

/* A well pair: peer open at 7, this host its armed backup. */
static struct judge_facts backup(void)
{
	return (struct judge_facts){
		.word = BT_WORD(7, PEER, BT_ARMED), .seen = BT_WORD(7, PEER, BT_SHUT), .me = ME, .peer_id = PEER,
		.running = true, .link_up = true, .rested = true, .settled = true, .term_on_disk = 8, .peer = PEER_UP,
		.said = { .fresh = true, .known = true, .same_digest = true, .running = true, .leased = true,
			  .hears_us = true, .word = BT_WORD(7, PEER, BT_OPEN) },
		.patience_ns = 30 * MS,
	};
}

/* A well pair seen from the other side. */
static struct judge_facts primary(void)
{
	struct judge_facts f = backup();

	f.word = BT_WORD(7, ME, BT_OPEN);
	f.seen = BT_WORD(7, ME, BT_SHUT);
	f.said.word = BT_WORD(7, ME, BT_ARMED);
	return f;
}

static void expect(const struct judge_facts *f, enum word_cause cause, const char *why)
{
	struct judgement j = judge(f);

	if (j.cause != cause)
		fail_msg("%s, not %s (%s); stuck: %s", word_cause_text(j.cause), word_cause_text(cause),
			 why ? why : "-", j.stuck ? j.stuck : "-");
	if (why && strcmp(j.why, why))
		fail_msg("%s for '%s', not for '%s'", word_cause_text(cause), j.why, why);
}

static void a_well_pair_stays(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	expect(&f, 0, NULL);
	f = primary();
	expect(&f, 0, NULL);
}

static void death_is_claimed_then_opened(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.peer = PEER_DOWN;
	expect(&f, WORD_CLAIM, "peer-lost");
	assert_int_equal(judge(&f).need_term, 0);	/* was written when we armed */
	f.word = BT_WORD(8, ME, BT_ARMED);
	expect(&f, WORD_OPEN_ALONE, "peer-lost");
	f.peer = PEER_UP;				/* heard again: only let-go opens now */
	expect(&f, 0, NULL);
}

static void terms_go_to_disk_first(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.term_on_disk = 7;
	f.peer = PEER_DOWN;
	assert_int_equal(judge(&f).need_term, 8);
	f = backup();
	f.word = BT_WORD(7, PEER, BT_SHUT);
	f.term_on_disk = 0;
	expect(&f, WORD_ARM, "rearmed");
	assert_int_equal(judge(&f).need_term, 8);	/* the kernel may open at 8 once armed */
}

static void illness_hands_over_only_to_a_ready_peer(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.running = false;
	expect(&f, WORD_LEAVE, "service-unavailable");
	f.said.running = false;
	expect(&f, 0, NULL);
	assert_non_null(judge(&f).stuck);
	f.said.running = true;
	f.said.leased = false;
	expect(&f, 0, NULL);
	f.said.leased = true;
	f.said.word = BT_WORD(7, ME, BT_SHUT);
	expect(&f, 0, NULL);
}

static void an_ill_backup_is_not_armed(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.running = false;
	expect(&f, WORD_CLOSE, "service-unavailable");
	f.word = BT_WORD(7, PEER, BT_SHUT);
	expect(&f, 0, NULL);
	f.peer = PEER_STALLED;			/* a stalled holder serves still; an ill backup would not */
	expect(&f, 0, NULL);
	f.peer = PEER_DOWN;			/* the only host alive: somebody has to */
	expect(&f, WORD_CLAIM, "peer-lost");
	f.link_up = false;			/* nobody could reach it */
	expect(&f, 0, NULL);
}

static void no_preemption(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.prefers_me = true;
	f.nobody_ns = 0;
	expect(&f, 0, NULL);
}

static void first_start(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = f.seen = f.said.word = 0;
	f.prefers_me = true;
	expect(&f, WORD_CLAIM, "first-start");
	f.prefers_me = false;
	expect(&f, 0, NULL);
	f.nobody_ns = 999 * MS;			/* the preferred one may wait for its disk */
	expect(&f, 0, NULL);
	f.nobody_ns = 1001 * MS;
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.nobody_ns = 0;
	f.peer = PEER_UNKNOWN;
	f.said.fresh = f.said.known = false;
	expect(&f, 0, NULL);
	f.peer = PEER_DOWN;
	expect(&f, WORD_CLAIM, "alone");
}

static void a_role_on_the_ground_is_picked_up_once(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = BT_WORD(7, ME, BT_RELAY);
	f.said.word = BT_WORD(7, ME, BT_SHUT);
	f.nobody_ns = 29 * MS;
	f.prefers_me = true;
	expect(&f, 0, NULL);
	f.nobody_ns = 31 * MS;
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.prefers_me = false;			/* the other one first */
	expect(&f, 0, NULL);
	f.nobody_ns = 61 * MS;
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.running = false;
	expect(&f, 0, NULL);
}

/*
 * A switch that both management NICs hang on dies: one lets go to the other, which closes at that moment for the same
 * reason. Both servers are well.
 */
static void of_two_that_are_ill_one_that_is_able_serves(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = BT_WORD(7, ME, BT_RELAY);
	f.said.word = BT_WORD(7, ME, BT_SHUT);
	f.prefers_me = f.able = true;
	f.running = f.said.running = false;
	f.nobody_ns = 1000 * MS;		/* one of them may get well */
	f.rested = false;
	expect(&f, 0, NULL);
	f.nobody_ns = 1031 * MS;
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.able = false;				/* its server is what is ill */
	expect(&f, 0, NULL);
	f.able = f.said.running = true;		/* the peer will */
	expect(&f, 0, NULL);
	f.said.stopping = true;			/* ... not */
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.link_up = false;
	expect(&f, 0, NULL);
	f.link_up = true;
	f.said.word = BT_WORD(7, PEER, BT_OPEN);
	expect(&f, 0, NULL);
}

static void its_claim_stands_and_the_role_stays(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = BT_WORD(8, ME, BT_ARMED);
	f.said.word = BT_WORD(7, ME, BT_SHUT);
	f.able = true;
	f.running = f.said.running = false;
	expect(&f, 0, NULL);
	f.said.running = true;
	expect(&f, WORD_CLOSE, "service-unavailable");
	f = primary();
	f.able = true;
	f.running = f.said.running = false;
	expect(&f, 0, NULL);
	f.said.running = true;
	expect(&f, WORD_LEAVE, "service-unavailable");
}

/* A while on the ground that ended in this very look is no cause: somebody was quicker. */
static void a_role_picked_up_meanwhile_is_left(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.nobody_ns = 10000 * MS;
	expect(&f, 0, NULL);
	f.word = BT_WORD(7, ME, BT_RELAY);
	f.said.word = BT_WORD(8, PEER, BT_ARMED);	/* a claim, and alive */
	expect(&f, 0, NULL);
	f.said.word = BT_WORD(7, ME, BT_SHUT);
	f.said.fresh = false;
	expect(&f, 0, NULL);
}

/* Killed between claiming and opening: its kernel says "claim" for ever, and can never open. */
static void a_claim_without_a_lease_is_nobodys(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = BT_WORD(8, PEER, BT_RELAY);
	f.said.word = BT_WORD(8, PEER, BT_ARMED);
	assert_false(judge_nobody_holds(&f));
	f.said.leased = false;
	assert_true(judge_nobody_holds(&f));
	f.nobody_ns = 61 * MS;
	expect(&f, WORD_CLAIM, "nobody-holds");
	f.word = BT_WORD(8, ME, BT_ARMED);		/* our own claim is ours to end */
	assert_false(judge_nobody_holds(&f));
}

static void what_was_handed_over_is_not_pulled_back(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.asked = true;
	f.word = BT_WORD(7, ME, BT_RELAY);
	f.said.word = BT_WORD(7, ME, BT_ARMED);
	expect(&f, 0, NULL);
	f.word = BT_WORD(8, PEER, BT_RELAY);
	f.said.word = BT_WORD(8, PEER, BT_OPEN);
	f.settled = false;
	expect(&f, 0, NULL);
}

static void rearming_waits_for_health(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = BT_WORD(8, PEER, BT_RELAY);
	f.said.word = BT_WORD(8, PEER, BT_OPEN);
	f.term_on_disk = 9;
	f.settled = f.rested = false;
	expect(&f, 0, NULL);
	f.running = false;
	expect(&f, 0, NULL);			/* the old server may still answer what it had accepted */
	f.rested = true;
	expect(&f, WORD_CLOSE, "service-unavailable");
	f.running = f.settled = true;
	expect(&f, WORD_ARM, "rearmed");
	f.said.same_digest = false;
	expect(&f, 0, NULL);
	assert_non_null(judge(&f).stuck);
}

static void operators_words(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.asked = true;
	expect(&f, WORD_LEAVE, "switchover");
	f.said.same_digest = false;
	expect(&f, 0, NULL);
	f.forced = true;
	expect(&f, WORD_LEAVE, "switchover");
	f = backup();
	f.asked = true;
	expect(&f, WORD_CLAIM, "switchover");
}

static void stopping(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.stopping = true;
	expect(&f, WORD_LEAVE, "stop");
	f.peer = PEER_DOWN;
	expect(&f, WORD_CLOSE, "stop");
	f = backup();
	f.word = BT_WORD(7, PEER, BT_RELAY);
	f.stopping = true;
	f.rested = false;
	expect(&f, 0, NULL);			/* clients may not have heard of the move yet: sent on a second more */
	f.rested = true;
	expect(&f, WORD_CLOSE, "stop");
	f.rested = false;
	f.peer = PEER_DOWN;
	expect(&f, WORD_CLOSE, "stop");
	f = backup();
	f.stopping = true;
	expect(&f, WORD_CLOSE, "stop");
	f.peer = PEER_DOWN;
	f.word = BT_WORD(7, PEER, BT_SHUT);
	expect(&f, 0, NULL);
}

static void both_open(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.said.word = BT_WORD(6, PEER, BT_OPEN);
	expect(&f, 0, NULL);			/* the lower one will hear us */
	f.said.hears_us = false;
	expect(&f, WORD_CLOSE, "not-heard");	/* only we know of both */
	f.running = false;
	expect(&f, WORD_CLOSE, "not-heard");	/* also with a server that is ill: the peer serves */
}

/* Its kernel answers, its controller does not: an open gate is claimed, anything else needs no move. */
static void only_a_stalled_holder_is_claimed_from(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.peer = PEER_STALLED;
	expect(&f, WORD_CLAIM, "peer-stalled");
	f.said.known = false;
	expect(&f, 0, NULL);
	f.said.known = true;
	f.said.word = BT_WORD(7, ME, BT_ARMED);
	expect(&f, 0, NULL);
}

/* A number above ours that is neither open nor claimed: ours would never be heard, so we go above it. */
static void a_dead_higher_number_is_gone_beyond(void **state)
{
	struct judge_facts open = primary(), claim = primary();

	(void)state;
	claim.word = BT_WORD(7, ME, BT_ARMED);
	open.seen = claim.seen = open.said.word = claim.said.word = BT_WORD(9, PEER, BT_SHUT);
	open.term_on_disk = claim.term_on_disk = 9;
	expect(&open, WORD_RENUMBER, "renumber");
	assert_int_equal(judge(&open).need_term, 10);
	expect(&claim, WORD_CLAIM, "renumber");
	assert_int_equal(judge(&claim).need_term, 10);
	open.said.word = claim.said.word = BT_WORD(9, PEER, BT_ARMED);	/* a claim: our kernel obeys it */
	expect(&open, 0, NULL);
	expect(&claim, 0, NULL);
	open.said.word = claim.said.word = BT_WORD(9, PEER, BT_SHUT);
	open.said.fresh = claim.said.fresh = false;
	expect(&open, 0, NULL);
	expect(&claim, 0, NULL);
}

static void a_backup_disarms_with_a_reason(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.link_up = false;
	expect(&f, WORD_CLOSE, "link-down");
	f = backup();
	f.said.same_digest = false;
	expect(&f, WORD_CLOSE, "digest-differs");
	f = backup();
	f.word = BT_WORD(8, ME, BT_ARMED);
	f.link_up = false;
	expect(&f, WORD_CLOSE, "link-down");
	f.stopping = true;
	expect(&f, WORD_CLOSE, "stop");
}

/* H13: a hand-over that need not be is not begun where frames cannot be sent on. */
static void not_heard_where_the_clients_are(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.asked = f.said.elsewhere = true;
	assert_null(judge_unready(&f));
	assert_string_equal(judge_refusal(&f), "peer is not heard on the group's own interface");
	expect(&f, 0, NULL);
	f.forced = true;
	expect(&f, WORD_LEAVE, "switchover");
	f.asked = f.forced = f.running = false;		/* no service at all is worse */
	expect(&f, WORD_LEAVE, "service-unavailable");
}

static void unready_for_each_reason(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	assert_null(judge_unready(&f));
	f.said.stopping = true;
	assert_string_equal(judge_unready(&f), "peer is stopping");
	f = primary();
	f.said.word = BT_WORD(6, ME, BT_ARMED);		/* armed, but at an older number: it would not hear the let-go */
	assert_string_equal(judge_unready(&f), "peer is not armed");
	f.asked = f.forced = true;
	expect(&f, 0, NULL);
	f = primary();
	f.said.fresh = false;
	assert_string_equal(judge_unready(&f), "peer says nothing of this group");
}

/* Both were new, but the peer has meanwhile got a number: then it leads, or led. */
static void a_peer_with_a_number_is_not_new(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = f.seen = 0;
	f.prefers_me = true;
	expect(&f, 0, NULL);
}

static void what_the_disk_owes(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	assert_int_equal(judge_owed_term(&f), 8);	/* armed at 7, the kernel opens at 8 */
	f.word = BT_WORD(7, PEER, BT_SHUT);
	assert_int_equal(judge_owed_term(&f), 0);
	f.word = BT_WORD(9, ME, BT_OPEN);
	assert_int_equal(judge_owed_term(&f), 9);
	f.word = 0;
	assert_int_equal(judge_owed_term(&f), 0);
}

static void a_peer_without_the_group_is_an_alarm(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.said.known = false;
	f.word = BT_WORD(7, ME, BT_SHUT);
	f.nobody_ns = 10000 * MS;
	expect(&f, 0, NULL);
	assert_non_null(judge(&f).stuck);
	f.said.fresh = false;
	assert_null(judge(&f).stuck);
}

static void an_old_word_closes_nothing(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.said.word = BT_WORD(6, PEER, BT_OPEN);
	f.said.hears_us = false;
	f.said.fresh = false;
	expect(&f, 0, NULL);
}

static void unauthentic_peer_moves_nothing(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.peer = PEER_UNAUTHENTIC;
	f.said.fresh = false;
	f.nobody_ns = 10000 * MS;
	expect(&f, 0, NULL);
}

/* Whoever forges pulses must not keep a dead peer's role from us; but who holds the VIP answers for it. */
static void an_unauthentic_peer_whose_vip_is_silent_is_gone(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.peer = PEER_UNAUTHENTIC;
	f.said.fresh = false;
	f.vip_silent_ns = 299 * MS;
	expect(&f, 0, NULL);
	f.vip_silent_ns = 300 * MS;
	expect(&f, WORD_CLAIM, "vip-silent");
	f.word = BT_WORD(8, ME, BT_ARMED);
	expect(&f, WORD_OPEN_ALONE, "vip-silent");
	f.vip_silent_ns = 0;			/* somebody answered meanwhile */
	expect(&f, 0, NULL);
	f.vip_silent_ns = 10000 * MS;
	f.peer = PEER_UP;			/* heard again: its word counts, not its silence */
	expect(&f, 0, NULL);
}

/* Two with different keys, both new: not both may find silence at once. */
static void of_two_that_ask_the_preferred_one_comes_first(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.word = f.seen = 0;
	f.peer = PEER_UNAUTHENTIC;
	f.said = (struct peer_facts){ 0 };
	f.term_on_disk = 1;
	f.vip_silent_ns = 899 * MS;
	expect(&f, 0, NULL);
	f.prefers_me = true;
	f.vip_silent_ns = 300 * MS;
	expect(&f, WORD_CLAIM, "vip-silent");
	f.prefers_me = false;
	f.vip_silent_ns = 900 * MS;
	expect(&f, WORD_CLAIM, "vip-silent");
}

static void a_fenced_host_shuts_and_stays_shut(void **state)
{
	struct judge_facts f = backup();

	(void)state;
	f.fenced = true;
	expect(&f, WORD_CLOSE, "fence");
	f.peer = PEER_DOWN;
	expect(&f, WORD_CLOSE, "fence");
	f.word = BT_WORD(8, ME, BT_ARMED);		/* its claim was under way */
	expect(&f, WORD_CLOSE, "fence");
	f.word = BT_WORD(7, PEER, BT_SHUT);
	f.settled = true;
	expect(&f, 0, NULL);				/* the peer is dead: nobody serves, as it was told */
	f.peer = PEER_UP;
	expect(&f, 0, NULL);
	f.asked = f.forced = true;
	expect(&f, 0, NULL);
	f.said.word = BT_WORD(7, PEER, BT_SHUT);
	f.nobody_ns = 10000 * MS;
	expect(&f, 0, NULL);
}

static void a_fence_hands_over_before_it_shuts(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.fence_asked = true;
	expect(&f, WORD_LEAVE, "fence");
	f.said.running = false;
	expect(&f, 0, NULL);				/* it would leave nobody: not without --force */
	f.fence_asked = false;
	f.fenced = true;
	expect(&f, WORD_CLOSE, "fence");
	f.said.running = true;
	expect(&f, WORD_LEAVE, "fence");
	f.word = BT_WORD(8, PEER, BT_RELAY);
	f.said.word = BT_WORD(8, PEER, BT_OPEN);
	f.rested = f.settled = false;
	expect(&f, 0, NULL);				/* the old server may still answer what it had accepted */
	f.rested = f.settled = true;
	expect(&f, WORD_CLOSE, "fence");
}

static void nothing_is_handed_to_a_fenced_peer(void **state)
{
	struct judge_facts f = primary();

	(void)state;
	f.said.fenced = true;
	assert_string_equal(judge_unready(&f), "peer is fenced by hand");
	f.asked = f.forced = true;
	expect(&f, 0, NULL);
	f.asked = f.forced = false;
	f.running = false;
	expect(&f, 0, NULL);
	assert_non_null(judge(&f).stuck);
}

/* ---- laws over everything ----------------------------------------------------------------------- */

static const uint64_t words[] = {
	0, BT_WORD(7, ME, BT_SHUT), BT_WORD(7, PEER, BT_SHUT), BT_WORD(7, ME, BT_ARMED), BT_WORD(7, PEER, BT_ARMED),
	BT_WORD(7, ME, BT_OPEN), BT_WORD(7, ME, BT_RELAY), BT_WORD(7, PEER, BT_RELAY),
};

static void check_laws(const struct judge_facts *f)
{
	struct judgement j = judge(f);
	uint64_t to;

	if (!j.cause)
		return;
	if (!word_next(f->word, j.cause, f->me, f->seen, &to))
		fail_msg("%s of %s is not allowed by the table", word_cause_text(j.cause), word_mode_text(f->word));
	if (!j.why)
		fail_msg("%s without a reason", word_cause_text(j.cause));
	if (f->peer == PEER_UNAUTHENTIC && !f->vip_silent_ns && judge_peer_is_gone(f))
		fail_msg("takes an unauthentic peer for gone although nobody found the VIP silent");
	if (j.cause == WORD_OPEN_ALONE && !judge_peer_is_gone(f))
		fail_msg("opens alone although the peer is %s", peer_state_text(f->peer));
	if (j.cause == WORD_CLAIM && (f->peer == PEER_UNKNOWN || f->peer == PEER_UNAUTHENTIC) && !judge_peer_is_gone(f) && !f->forced &&
	    word_whose(f->word, f->me) != WORD_MINE && !f->nobody_ns)
		fail_msg("claims on no evidence, peer %s", peer_state_text(f->peer));
	if (j.cause == WORD_CLAIM && !f->link_up)
		fail_msg("claims with the link down: %s", j.why);
	if (j.cause == WORD_ARM && (!f->running || !f->settled || !f->link_up))
		fail_msg("arms while ill");
	if (f->fenced && j.cause != WORD_CLOSE && j.cause != WORD_LEAVE)
		fail_msg("%s while fenced", word_cause_text(j.cause));
	if (f->said.fenced && j.cause == WORD_LEAVE)
		fail_msg("hands over to a fenced peer: %s", j.why);
	if (f->stopping && j.cause != WORD_CLOSE && j.cause != WORD_LEAVE)
		fail_msg("%s while stopping", word_cause_text(j.cause));
	if (!j.need_term && (BT_WORD_MODE(to) == BT_ARMED || BT_WORD_MODE(to) == BT_OPEN) && BT_WORD_OWNER(to) == f->me &&
	    BT_WORD_TERM(to) > f->term_on_disk && BT_WORD_NUMBER(to) != BT_WORD_NUMBER(f->word))
		fail_msg("uses term %u, only %u is on disk", BT_WORD_TERM(to), f->term_on_disk);
}

static void laws_hold_over_all_facts(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		for (size_t p = 0; p < sizeof(words) / sizeof(words[0]); p++)
			for (enum peer_state s = PEER_UNKNOWN; s <= PEER_DOWN; s++)
				for (unsigned bits = 0; bits < 1u << 15; bits++, n++) {
					struct judge_facts f = {
						.word = words[w], .seen = BT_WORD(7, PEER, BT_SHUT), .me = ME, .peer_id = PEER,
						.running = bits & 1, .link_up = bits & 2, .settled = bits & 4,
						.stopping = bits & 8, .asked = bits & 16, .forced = bits & 32,
						.fenced = bits & 16384, .fence_asked = bits & 4,
						.prefers_me = bits & 64, .term_on_disk = bits & 128 ? 8 : 7, .peer = s,
						.said = { .fresh = bits & 256, .known = bits & 512, .same_digest = bits & 1024,
							  .running = bits & 2048, .leased = bits & 1, .hears_us = bits & 4,
							  .fenced = bits & 4096,
							  .word = words[p] },
						.nobody_ns = bits & 4096 ? 100 * MS : 0, .patience_ns = 30 * MS,
						.vip_silent_ns = bits & 8192 ? 300 * MS : 0,
					};

					check_laws(&f);
				}
	assert_int_equal(n, 8 * 8 * 5 * 32768);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_pair_stays), cmocka_unit_test(death_is_claimed_then_opened),
		cmocka_unit_test(terms_go_to_disk_first), cmocka_unit_test(illness_hands_over_only_to_a_ready_peer),
		cmocka_unit_test(an_ill_backup_is_not_armed), cmocka_unit_test(no_preemption), cmocka_unit_test(first_start),
		cmocka_unit_test(a_role_on_the_ground_is_picked_up_once),
		cmocka_unit_test(of_two_that_are_ill_one_that_is_able_serves),
		cmocka_unit_test(its_claim_stands_and_the_role_stays),
		cmocka_unit_test(a_role_picked_up_meanwhile_is_left), cmocka_unit_test(a_claim_without_a_lease_is_nobodys),
		cmocka_unit_test(what_was_handed_over_is_not_pulled_back),
		cmocka_unit_test(rearming_waits_for_health),
		cmocka_unit_test(operators_words), cmocka_unit_test(stopping), cmocka_unit_test(both_open),
		cmocka_unit_test(only_a_stalled_holder_is_claimed_from), cmocka_unit_test(a_dead_higher_number_is_gone_beyond),
		cmocka_unit_test(a_backup_disarms_with_a_reason), cmocka_unit_test(unready_for_each_reason),
		cmocka_unit_test(not_heard_where_the_clients_are),
		cmocka_unit_test(a_peer_with_a_number_is_not_new), cmocka_unit_test(an_old_word_closes_nothing),
		cmocka_unit_test(what_the_disk_owes), cmocka_unit_test(a_peer_without_the_group_is_an_alarm),
		cmocka_unit_test(unauthentic_peer_moves_nothing),
		cmocka_unit_test(an_unauthentic_peer_whose_vip_is_silent_is_gone),
		cmocka_unit_test(of_two_that_ask_the_preferred_one_comes_first),
		cmocka_unit_test(a_fenced_host_shuts_and_stays_shut), cmocka_unit_test(a_fence_hands_over_before_it_shuts),
		cmocka_unit_test(nothing_is_handed_to_a_fenced_peer),
		cmocka_unit_test(laws_hold_over_all_facts),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
