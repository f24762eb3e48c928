/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/judge.h"

#include <stddef.h>

#define FIRST_START_NS	UINT64_C(1000000000)	/* for the preferred host to lead when both are new */
#define BOTH_ILL_NS	UINT64_C(1000000000)	/* for one of two that are ill to get well */
#define VIP_SILENT_NS	UINT64_C(300000000)	/* so long no answer: nobody has the VIP */
#define VIP_SECOND_NS	UINT64_C(900000000)	/* the same, for whoever lets another go first */

#define IN_VAIN_NS	UINT64_C(1000000000)	/* so long gone without a takeover: somebody must look */

static const struct judgement stay;

uint64_t judge_higher(uint64_t a, uint64_t b)
{
	return BT_WORD_NUMBER(a) >= BT_WORD_NUMBER(b) ? a : b;
}

static struct judgement change(const struct judge_facts *f, enum word_cause cause, const char *why)
{
	struct judgement j = { .cause = cause, .why = why };
	uint64_t next;

	if (!word_next(f->word, cause, f->me, f->seen, &next))
		return (struct judgement){ .stuck = "the change this needs is not allowed, or terms are used up" };
	if (cause == WORD_ARM)		/* the kernel may then open at the next term */
		j.need_term = BT_WORD_TERM(next) + 1;
	else if (cause == WORD_CLAIM || cause == WORD_RENUMBER)
		j.need_term = BT_WORD_TERM(next);
	if (j.need_term <= f->term_on_disk)
		j.need_term = 0;
	return j;
}

static bool peer_armed_at(const struct judge_facts *f)
{
	return f->said.known && BT_WORD_MODE(f->said.word) == BT_ARMED &&
	       BT_WORD_NUMBER(f->said.word) == BT_WORD_NUMBER(f->word);
}

const char *judge_unready(const struct judge_facts *f)
{
	if (f->peer == PEER_NONE)
		return "there is no other host";
	if (f->peer != PEER_UP)
		return f->peer == PEER_DOWN ? "peer is down" : f->peer == PEER_STALLED ? "peer is stalled" :
		       f->peer == PEER_UNAUTHENTIC ? "peer is unauthentic" : "peer not heard yet";
	if (!f->said.fresh || !f->said.known)
		return "peer says nothing of this group";
	if (!f->said.same_digest)
		return "peer has other VIPs or settings for this group";
	if (f->said.stopping)
		return "peer is stopping";
	if (f->said.fenced)
		return "peer is fenced by hand";
	if (!f->said.running)
		return "the peer is unavailable, its alarms say why";
	if (!peer_armed_at(f))
		return f->mute ? "peer's controller is dead or stopped" : "peer is not armed";
	if (!f->said.leased)
		return f->mute ? "peer's controller is dead or stopped" : "peer's lease has ended";
	return NULL;
}

const char *judge_refusal(const struct judge_facts *f)
{
	const char *why = judge_unready(f);

	return why || !f->said.elsewhere ? why : "peer is not heard on the group's own interface";
}

/* Two that ask must not both find silence: an armed backup and the preferred host come first. */
static bool vip_is_silent(const struct judge_facts *f)
{
	bool first = f->prefers_me || BT_WORD_MODE(f->word) == BT_ARMED;

	return f->vip_silent_ns >= (first ? VIP_SILENT_NS : VIP_SECOND_NS);
}

/* Nothing is heard of it, be it its fault or ours. */
static bool nothing_heard(const struct judge_facts *f)
{
	return f->peer == PEER_DOWN || f->peer == PEER_NONE || (f->peer == PEER_UNAUTHENTIC && vip_is_silent(f));
}

bool judge_peer_is_gone(const struct judge_facts *f)
{
	return nothing_heard(f) && (f->arbiter != ARBITER_ROUTER || f->ear);
}

static const char *gone_why(const struct judge_facts *f)
{
	if (f->peer == PEER_UNAUTHENTIC)
		return "vip-silent";
	if (f->peer == PEER_NONE)
		return "alone";
	return BT_WORD_NUMBER(f->seen) ? "peer-lost" : "alone";
}

/*
 * Alone, even a host whose server is ill holds the role: somebody has to, and the server may return.
 * With a lock the other may be well and cut off: it is left to it.
 */
static bool may_serve(const struct judge_facts *f)
{
	return f->link_up && (f->running || (judge_peer_is_gone(f) && f->arbiter != ARBITER_ETCD));
}

/* ---- witness mode -------------------------------------------------------------------------- */

static uint64_t number_to_claim(const struct judge_facts *f)
{
	uint64_t next;

	return word_next(f->word, WORD_CLAIM, f->me, f->seen, &next) ? BT_WORD_NUMBER(next) : 0;
}

uint64_t judge_lock_wanted(const struct judge_facts *f)
{
	if (f->arbiter != ARBITER_ETCD || f->stopping || f->fenced || !f->running || !f->link_up)
		return 0;
	if (BT_WORD_MODE(f->word) == BT_OPEN)
		return f->unsure ? BT_WORD_NUMBER(f->word) : 0;
	if (!judge_peer_is_gone(f))
		return 0;
	return word_is_claim(f->word, f->me) ? BT_WORD_NUMBER(f->word) : number_to_claim(f);
}

/* The lock comes before the claim: a host that cannot get it must not turn a healthy peer away. */
static bool may_claim_alone(const struct judge_facts *f)
{
	return judge_peer_is_gone(f) &&
	       (f->arbiter != ARBITER_ETCD || (f->lock_number && f->lock_number == number_to_claim(f)));
}

/* Clocks differ by less than a tenth. */
static bool may_open_alone(const struct judge_facts *f)
{
	if (!judge_peer_is_gone(f))
		return false;
	if (f->arbiter != ARBITER_ETCD)
		return true;
	return f->lock_number == BT_WORD_NUMBER(f->word) &&
	       f->claim_age_ns >= f->longest_lease_ns + f->longest_lease_ns / 10;
}

/* ---- claims -------------------------------------------------------------------------------- */

bool judge_nobody_holds(const struct judge_facts *f)
{
	if (!f->said.fresh || !f->said.known)
		return false;		/* an old word proves nothing either way */
	if (BT_WORD_MODE(f->word) == BT_OPEN || word_is_claim(f->word, f->me))
		return false;
	return BT_WORD_MODE(f->said.word) != BT_OPEN &&
	       !(word_is_claim(f->said.word, f->peer_id) && f->said.leased);
}

static bool both_new(const struct judge_facts *f)
{
	return !BT_WORD_NUMBER(f->word) && !BT_WORD_NUMBER(f->seen) && f->said.known && !BT_WORD_NUMBER(f->said.word);
}

/* One of us first; and when both are new the preferred one has its disk to wait for. */
static uint64_t patience(const struct judge_facts *f)
{
	if (f->prefers_me)
		return f->patience_ns;
	return both_new(f) && f->patience_ns < FIRST_START_NS ? FIRST_START_NS : 2 * f->patience_ns;
}

static bool lies_on_the_ground(const struct judge_facts *f)
{
	return f->running && f->link_up && judge_nobody_holds(f) && f->nobody_ns > patience(f) &&
	       f->peer != PEER_UNAUTHENTIC;
}

/* Neither is fit, perhaps for a reason both share: a server that is well itself is better than none. */
static bool must_serve(const struct judge_facts *f)
{
	return f->able && f->link_up && f->said.fresh && f->said.known &&
	       (!f->said.running || f->said.stopping || f->said.fenced);
}

static bool lies_there_for_good(const struct judge_facts *f)
{
	return must_serve(f) && judge_nobody_holds(f) && f->nobody_ns > BOTH_ILL_NS + patience(f) &&
	       f->peer != PEER_UNAUTHENTIC;
}

/* Causes to claim that hold in every mode that does not hold the role already. */
static struct judgement judge_claim(const struct judge_facts *f)
{
	if (f->stopping || f->fenced)
		return stay;
	if (!may_serve(f))
		return lies_there_for_good(f) ? change(f, WORD_CLAIM, "nobody-holds") : stay;
	if (may_claim_alone(f))
		return change(f, WORD_CLAIM, gone_why(f));
	if (f->peer == PEER_STALLED && f->said.known && BT_WORD_MODE(f->said.word) == BT_OPEN)
		return change(f, WORD_CLAIM, "peer-stalled");
	/* Pulled, but never back: in relay this host has just let go, perhaps for that very asking. */
	if (f->asked && BT_WORD_MODE(f->word) != BT_RELAY && (f->peer == PEER_UP || (f->forced && !nothing_heard(f))))
		return change(f, WORD_CLAIM, "switchover");
	if (both_new(f) && f->said.fresh && f->prefers_me)
		return change(f, WORD_CLAIM, "first-start");
	if (lies_on_the_ground(f))
		return change(f, WORD_CLAIM, "nobody-holds");
	return stay;
}

static struct judgement judge_arm(const struct judge_facts *f)
{
	struct judgement j = judge_claim(f);

	if (j.cause || f->stopping || f->fenced)
		return j;
	if (f->running && f->link_up && f->said.fresh && !f->said.known)	/* it can never let go */
		return (struct judgement){ .stuck = "the peer is up, but has no such group: nobody may serve it" };
	if (word_whose(f->word, f->me) != WORD_PEERS)
		return j;
	if (!f->running || !f->link_up || !f->settled)
		return stay;
	if (f->said.known && !f->said.same_digest)
		return (struct judgement){ .stuck = "peer has other VIPs or settings for this group: not armed" };
	return change(f, WORD_ARM, "rearmed");
}

static struct judgement judge_relay(const struct judge_facts *f)
{
	struct judgement j = judge_arm(f);

	if (j.cause || j.stuck)
		return j;
	/* Clients may not have heard of the move: whoever stops sends on for a second, too, if somebody is there. */
	if (f->stopping && (f->rested || nothing_heard(f)))
		return change(f, WORD_CLOSE, "stop");
	if (f->rested && f->fenced)	/* shut says "let go" as relay does: the peer may open all the same */
		return change(f, WORD_CLOSE, "fence");
	if (f->rested && word_whose(f->word, f->me) == WORD_PEERS && (!f->running || !f->link_up))
		return change(f, WORD_CLOSE, f->running ? "link-down" : "service-unavailable");
	return stay;
}

static struct judgement judge_backup(const struct judge_facts *f)
{
	struct judgement j;

	if (f->stopping)
		return change(f, WORD_CLOSE, "stop");
	if (f->fenced)
		return change(f, WORD_CLOSE, "fence");
	j = judge_claim(f);
	if (j.cause)
		return j;
	if (!f->running)
		return change(f, WORD_CLOSE, "service-unavailable");
	if (!f->link_up)
		return change(f, WORD_CLOSE, "link-down");
	if (f->said.fresh && f->said.known && !f->said.same_digest)
		return change(f, WORD_CLOSE, "digest-differs");
	return stay;
}

static struct judgement judge_claiming(const struct judge_facts *f)
{
	if (f->fenced)
		return change(f, WORD_CLOSE, "fence");
	if (f->stopping || !(may_serve(f) || must_serve(f)))
		return change(f, WORD_CLOSE, f->stopping ? "stop" : f->link_up ? "service-unavailable" : "link-down");
	if (may_open_alone(f))
		return change(f, WORD_OPEN_ALONE, gone_why(f));
	/* Acknowledged only at our own number: a peer that remembers a higher one never says ours. */
	if (f->said.fresh && f->said.known && BT_WORD_NUMBER(f->said.word) > BT_WORD_NUMBER(f->word) &&
	    BT_WORD_MODE(f->said.word) != BT_OPEN && !word_is_claim(f->said.word, f->peer_id))
		return change(f, WORD_CLAIM, "renumber");
	/* A late pulse made the claim pointless when the peer is open at a lower number and well;
	 * it has let go by now or will at the next probe, so just wait. */
	return stay;
}

/* Away from here in any case: to the peer if it can take the role, else to nobody. */
static struct judgement judge_away(const struct judge_facts *f, const char *why)
{
	return change(f, judge_unready(f) ? WORD_CLOSE : WORD_LEAVE, why);
}

static struct judgement judge_ill(const struct judge_facts *f)
{
	const char *why = f->link_up ? "service-unavailable" : "link-down";

	if (!judge_unready(f))
		return change(f, WORD_LEAVE, why);
	if (f->peer == PEER_NONE)
		return (struct judgement){ .stuck = "unavailable, and there is no other host: it stays" };
	return (struct judgement){ .stuck = "unavailable here, but the peer cannot take the role (`baton status` says why): it stays" };
}

/* With a lock, a gate that is open without a lease has lost its role and does not know. */
static bool two_hold(const struct judge_facts *f)
{
	return f->said.fresh && f->said.known && BT_WORD_MODE(f->said.word) == BT_OPEN &&
	       (f->said.leased || f->arbiter != ARBITER_ETCD);
}

static struct judgement judge_open(const struct judge_facts *f)
{
	const struct peer_facts *p = &f->said;

	if (f->stopping || f->fenced)
		return judge_away(f, f->fenced ? "fence" : "stop");
	if (two_hold(f) && !p->hears_us)
		return change(f, WORD_CLOSE, "not-heard");	/* only this side knows of both, ill or well */
	if (f->fence_asked && !judge_unready(f))
		return change(f, WORD_LEAVE, "fence");
	if (f->moved)
		return change(f, WORD_RENUMBER, f->moved);
	if (!f->running || !f->link_up)
		return judge_ill(f);
	if (f->asked && (!judge_refusal(f) || (f->forced && peer_armed_at(f) && !f->said.fenced)))
		return change(f, WORD_LEAVE, f->drains ? "drain" : "switchover");
	if (p->fresh && p->known && BT_WORD_NUMBER(p->word) > BT_WORD_NUMBER(f->word) &&
	    BT_WORD_MODE(p->word) != BT_OPEN && !word_is_claim(p->word, f->peer_id))
		return change(f, WORD_RENUMBER, "renumber");
	return stay;
}

/* Nothing is heard of the peer, and yet nobody here serves: why? */
static const char *in_vain(const struct judge_facts *f)
{
	bool serves = BT_WORD_MODE(f->word) == BT_OPEN && f->leased;

	if (serves || !nothing_heard(f) || f->gone_ns < IN_VAIN_NS || f->stopping)
		return NULL;
	if (f->arbiter == ARBITER_ROUTER && !f->ear)
		return "the peer is not heard, but no router answers either: this host may be deaf, so it does not take over";
	if (f->arbiter == ARBITER_ETCD && !f->arbiter_up)
		return "the peer is not heard, and the arbiter does not answer: without its lock nobody may serve";
	return NULL;
}

static struct judgement judge_word(const struct judge_facts *f)
{
	switch (BT_WORD_MODE(f->word)) {
	case BT_OPEN:
		return judge_open(f);
	case BT_RELAY:
		return judge_relay(f);
	case BT_ARMED:
		return word_whose(f->word, f->me) == WORD_MINE ? judge_claiming(f) : judge_backup(f);
	default:
		return judge_arm(f);
	}
}

struct judgement judge(const struct judge_facts *f)
{
	struct judgement j = judge_word(f);

	if (!j.cause && !j.stuck)
		j.stuck = in_vain(f);
	return j;
}

uint32_t judge_owed_term(const struct judge_facts *f)
{
	uint32_t term = BT_WORD_TERM(f->word);

	switch (word_whose(f->word, f->me)) {
	case WORD_MINE:
		return term;
	case WORD_PEERS:	/* armed, the kernel may open at the next */
		return BT_WORD_MODE(f->word) == BT_ARMED && term != UINT32_MAX ? term + 1 : 0;
	default:
		return 0;
	}
}

const char *peer_state_text(enum peer_state s)
{
	static const char *const text[] = {
		[PEER_UNKNOWN] = "unknown", [PEER_UP] = "up", [PEER_STALLED] = "stalled",
		[PEER_UNAUTHENTIC] = "unauthentic", [PEER_DOWN] = "down", [PEER_NONE] = "none",
	};

	return text[s];
}
