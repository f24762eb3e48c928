/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/hang.h"

#include "pulse_wire.h"

#define NEVER	UINT64_MAX

void hang_init(struct hang *h)
{
	*h = (struct hang){ .there = true };
}

void hang_note_server(struct hang *h, bool there, uint64_t now_ns)
{
	if (there == h->there)
		return;
	*h = (struct hang){ .there = there, .there_ns = there ? now_ns : 0 };
}

void hang_asked(struct hang *h, uint64_t since_ns)
{
	h->asked_ns = since_ns;
	if (!h->begun_ns)
		h->begun_ns = since_ns;
}

static void ask(struct hang *h, struct hang_says *says, uint32_t times, uint64_t now_ns)
{
	says->ask = times;
	h->asked += times;
	h->again_ns = now_ns + HANG_AGAIN_NS;
}

/* To any OPTIONS since the asking began. */
static bool has_answered(const struct hang *h, const struct hang_seen *seen)
{
	return h->begun_ns && seen->answered_to_ns >= h->begun_ns;
}

static bool ever_answered(const struct hang *h, const struct hang_seen *seen)
{
	return seen->answered_to_ns && seen->answered_to_ns >= h->there_ns;
}

/* From here on requests are counted anew. @pause_ns: nobody is asked before. */
static void calm_down(struct hang *h, const struct hang_seen *seen, uint64_t pause_ns)
{
	h->state = HANG_CALM;
	h->requests = seen->requests;
	h->response_ns = seen->response_ns;
	h->since_ns = h->begun_ns = h->asked_ns = 0;
	h->again_ns = pause_ns;
	h->asked = 0;
	h->silent = h->peer_was_clear = h->helping = h->helped = false;
}

/* ---- on the primary: does anything leave? ---------------------------------------------------------- */

/*
 * Since when is a request unanswered? By the kernel's stamp, no earlier than the last look, which knew of none: the
 * kernel notes responses once a millisecond, so after one that it did not a request may look unanswered for ever.
 */
static uint64_t unanswered_since(const struct hang *h, const struct hang_seen *seen, uint64_t now_ns)
{
	uint64_t since = seen->request_ns;

	if (since <= seen->response_ns || since > now_ns)
		return now_ns;
	return since > h->looked_ns ? since : h->looked_ns;
}

static void count(struct hang *h, const struct hang_seen *seen, uint64_t now_ns)
{
	if (h->helping || seen->response_ns != h->response_ns) {
		calm_down(h, seen, 0);
		if (seen->request_ns > seen->response_ns)	/* after that response: no more is known of their number */
			h->since_ns = unanswered_since(h, seen, now_ns);
	} else if (seen->requests == h->requests) {
		h->since_ns = 0;
	} else if (!h->since_ns) {
		h->since_ns = unanswered_since(h, seen, now_ns);
	}
}

/* To this asking: it did not before. */
static bool peer_answers(struct hang *h, const struct hang_seen *seen)
{
	bool answers = seen->peer_flags & PULSE_F_ANSWERS;

	h->peer_was_clear |= seen->peer_fresh && !answers;
	return seen->peer_fresh && answers && h->peer_was_clear;
}

static void watch(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *says)
{
	count(h, seen, now_ns);
	if (!h->since_ns)
		return;
	says->next_ns = h->since_ns + seen->timeout_ns;
	if (says->next_ns < h->again_ns)
		says->next_ns = h->again_ns;
	if (now_ns < says->next_ns)
		return;
	says->next_ns = now_ns + HANG_GAP_NS;
	if (seen->requests - h->requests < HANG_REQUESTS)
		return;
	h->state = HANG_SUSPECT;
	peer_answers(h, seen);
	ask(h, says, HANG_ASKS, now_ns);
}

/* Unanswered: a reason only where an answer was to be expected, and where the peer would do better. */
static void weigh_silence(struct hang *h, const struct hang_seen *seen, bool peer_is_well, uint64_t now_ns,
			  struct hang_says *says)
{
	if (!ever_answered(h, seen)) {
		calm_down(h, seen, now_ns + HANG_AGAIN_NS);
	} else if (peer_is_well) {
		h->state = HANG_HUNG;
		h->again_ns = now_ns + HANG_AGAIN_NS;
	} else if (now_ns >= h->again_ns) {
		ask(h, says, HANG_ASKS, now_ns);
	}
}

static void suspect(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *says)
{
	bool peer_is_well = peer_answers(h, seen);

	if (!seen->primary || seen->response_ns != h->response_ns) {
		calm_down(h, seen, 0);
		return;
	}
	if (has_answered(h, seen)) {
		calm_down(h, seen, now_ns + HANG_AGAIN_NS);
		return;
	}
	h->silent |= seen->ended;
	if (h->silent)
		weigh_silence(h, seen, peer_is_well, now_ns, says);
	if (h->state == HANG_SUSPECT)
		says->next_ns = h->again_ns;
}

/* ---- hung ---------------------------------------------------------------------------------------------- */

static void hung(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *says)
{
	if (has_answered(h, seen)) {
		calm_down(h, seen, 0);
		h->over_ns = now_ns;
		return;
	}
	if (now_ns >= h->again_ns)
		ask(h, says, 1, now_ns);
	says->next_ns = h->again_ns;
}

/* ---- on the backup: the peer wants to know ------------------------------------------------------------- */

/* Idle it answers again; under the peer's traffic it would hang as it did: the role would go to and fro. */
static bool vouches(const struct hang *h, uint64_t now_ns)
{
	return !h->over_ns || now_ns >= h->over_ns + HANG_DOUBT_NS;
}

static void help(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *says)
{
	bool wanted = seen->peer_fresh && seen->peer_flags & PULSE_F_ASKING;

	if (!wanted || !h->helping) {
		calm_down(h, seen, 0);
		h->helping = wanted;
		if (!wanted)
			return;
		ask(h, says, HANG_ASKS, now_ns);
		says->next_ns = h->again_ns;
		return;
	}
	/* What left since the last asking; while it runs the one before it speaks. */
	if (h->asked_ns && seen->answered_to_ns >= h->asked_ns)
		h->helped = vouches(h, now_ns);
	else if (seen->ended)
		h->helped = false;
	if (now_ns >= h->again_ns)
		ask(h, says, HANG_ASKS, now_ns);
	says->next_ns = h->again_ns;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static void note_mute(struct hang *h, const struct hang_seen *seen, uint64_t now_ns)
{
	if (seen->primary && !h->primary)
		h->primary_ns = now_ns;
	h->primary = seen->primary;
	if (ever_answered(h, seen))
		h->mute = false;
	else if (h->primary && now_ns >= h->primary_ns + HANG_MUTE_NS && now_ns >= h->there_ns + HANG_MUTE_NS)
		h->mute = true;
}

static uint32_t evidence(const struct hang *h)
{
	return (h->state == HANG_SUSPECT && h->peer_was_clear ? PULSE_F_ASKING : 0) | (h->helped ? PULSE_F_ANSWERS : 0);
}

void hang_turn(struct hang *h, const struct hang_seen *seen, uint64_t now_ns, struct hang_says *ret)
{
	*ret = (struct hang_says){ .next_ns = NEVER };
	if (!seen->timeout_ns)
		calm_down(h, seen, 0);
	if (!seen->timeout_ns || !h->there)
		return;
	note_mute(h, seen, now_ns);
	if (h->state == HANG_HUNG)
		hung(h, seen, now_ns, ret);
	else if (h->state == HANG_SUSPECT)
		suspect(h, seen, now_ns, ret);
	else if (seen->primary)
		watch(h, seen, now_ns, ret);
	else
		help(h, seen, now_ns, ret);
	h->looked_ns = now_ns;
	ret->answers = h->state == HANG_HUNG ? FACT_FAILED : FACT_WELL;
	ret->evidence = evidence(h);
	ret->mute = h->mute;
}
