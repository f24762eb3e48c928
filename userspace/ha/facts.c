/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts: what does the conductor know, in the words core judges by?
 *
 * Reads only: maps, the prober's report, health. Decides nothing but which age is called fresh. What it keeps
 * for that: when links came back.
 */
#include "ha/ha_own.h"

#include <string.h>

#include "core/init_check.h"
#include "core/word.h"
#include "sys/clock.h"

#define LISTEN_NS	NS_PER_S		/* before a peer never heard counts as down */
#define UNHEARD_MS	100			/* design §4.4: so long, and whoever hears steps down */
#define LINK_NS		NS_PER_S		/* for whoever is behind a link that has just come back to be heard */
#define SETTLE_NS	NS_PER_S		/* of health, before arming after a move */
#define UNAUTH_NS	NS_PER_S		/* a wrong MAC younger than this explains a silence */
#define UNSURE_NS	NS_PER_S		/* a path that flaps must not take and leave the lock each time */
#define MUTE_NS		(2 * NS_PER_S)		/* no probe so long: intervals end at 1 s ... */
#define MUTE_SEEN_NS	NS_PER_S		/* ... and seen so for so long, and the peer's controller is gone */
#define PATIENCE	10			/* intervals a role may lie on the ground */

/* The prober's report may be a beat old; the kernel notes at once what each group was told. */
uint64_t facts_heard_ns(const struct ha *ha)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (dp_heard(ha->dp)[i].at_ns > newest)
			newest = dp_heard(ha->dp)[i].at_ns;

	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (ha->report.path[i].heard_ns > newest)
			newest = ha->report.path[i].heard_ns;
	return newest;
}

/* Pulses this young speak of the present: two intervals, or half of what silence is given. */
uint64_t facts_fresh_ns(const struct ha *ha)
{
	uint64_t fresh = 2 * ha->conf->pulse_interval_ns;

	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (ha->report.path[i].detect_ns / 2 > fresh)
			fresh = ha->report.path[i].detect_ns / 2;
	return fresh;
}

/* By the time of the report: a host that stood still has an old one, and may not call old what it has not looked at. */
static bool unauthentic(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (ha->report.path[i].unauth_ns && ha->report.path[i].unauth_ns + UNAUTH_NS > ha->report.looked_ns)
			return true;
	return false;
}

static bool any_link(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (health_link_up(ha->health, ha->conf->paths[i].dev))
			return true;
	return false;
}

/* A path whose own link is down has no vote, unless none has a link: a cable from host to host loses it with the peer. */
static bool votes(const struct ha *ha, uint32_t i)
{
	return health_link_up(ha->health, ha->conf->paths[i].dev) || !any_link(ha);
}

/* Silent on every path that has a vote. */
static bool all_silent(const struct ha *ha)
{
	uint64_t reported = 0;
	bool silent = true;

	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		if (ha->report.path[i].heard_ns > reported)
			reported = ha->report.path[i].heard_ns;
		if (votes(ha, i))
			silent &= ha->report.path[i].silent;
	}
	return silent && facts_heard_ns(ha) <= reported;
}

/*
 * When the peer was last heard, if a beat of it is missed by now on every path that has a vote (1: it
 * never was); 0 while it beats. A later one is another silence.
 */
uint64_t facts_silence_ns(const struct ha *ha)
{
	uint64_t heard = facts_heard_ns(ha), reported = 0;

	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		if (ha->report.path[i].heard_ns > reported)
			reported = ha->report.path[i].heard_ns;
		if (votes(ha, i) && !ha->report.path[i].missed)
			return 0;
	}
	return heard > reported ? 0 : heard ? heard : 1;
}

void facts_note_links(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		bool up = health_link_up(ha->health, ha->conf->paths[i].dev);

		if (up && ha->unlinked[i])
			ha->linked_ns[i] = ha->turn_ns;
		ha->unlinked[i] = !up;
	}
}

/*
 * The silence by such a path is as old as the link's loss: it is given time anew, and a switch's port may need it. Once
 * the peer was heard there the link is as good as any.
 */
static bool link_is_new(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (!ha->unlinked[i] && ha->report.path[i].heard_ns < ha->linked_ns[i] && ha->turn_ns - ha->linked_ns[i] < LINK_NS)
			return true;
	return false;
}

uint32_t facts_votes(const struct ha *ha)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < ha->report.n_paths && !link_is_new(ha); i++)
		bits |= votes(ha, i) ? 1u << i : 0;
	return bits;
}

/*
 * The kernel's verdict, by which a gate is open: ours comes when the prober has looked and this loop has its turn. It is good for the
 * lease that came with it.
 */
static bool found_dead(const struct ha *ha)
{
	return ha->found_dead_ns && facts_heard_ns(ha) <= ha->found_dead_ns &&
	       ha->turn_ns < ha->found_dead_ns + ha->conf->lease_ns;
}

/* While a host starts its links may not be up yet: without one, whom it never heard it knows nothing of. */
enum peer_state facts_peer(const struct ha *ha)
{
	if (conf_is_alone(ha->conf))
		return PEER_NONE;
	if (!all_silent(ha) && !found_dead(ha))
		return facts_heard_ns(ha) ? PEER_UP : PEER_UNKNOWN;
	if (unauthentic(ha))
		return PEER_UNAUTHENTIC;
	if (!facts_heard_ns(ha) && (!any_link(ha) || ha->turn_ns < ha->listening_ns + LISTEN_NS))
		return PEER_UNKNOWN;
	return link_is_new(ha) ? PEER_UNKNOWN : PEER_DOWN;
}

/* It speaks for all its paths; what a path said that died since is no news. */
bool facts_peer_hears_us(const struct ha *ha)
{
	const struct pulse_path_report *newest = &ha->report.path[0];

	for (uint32_t i = 1; i < ha->report.n_paths; i++)
		if (ha->report.path[i].heard_ns > newest->heard_ns)
			newest = &ha->report.path[i];
	return newest->peer_heard_ms < UNHEARD_MS;
}

/* A link that was away, or a controller of ours that stood still, makes its last question old, too. */
static bool asks_nothing(const struct ha *ha)
{
	uint64_t asked = ha->started_ns;

	if (ha->peer != PEER_UP)
		return false;
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (ha->report.path[i].asked_ns > asked)
			asked = ha->report.path[i].asked_ns;
	return ha->turn_ns > asked + MUTE_NS;
}

/*
 * Its kernel answers, its controller asks nothing: dead, stopped or starved. No role moves by this: who is open
 * is judged by his lease, which ends much earlier. It is what a person must know of the other host.
 */
bool facts_peer_is_mute(struct ha *ha)
{
	if (!asks_nothing(ha))
		ha->silent_asker_ns = 0;
	else if (!ha->silent_asker_ns)
		ha->silent_asker_ns = ha->turn_ns;
	return ha->silent_asker_ns && ha->turn_ns - ha->silent_asker_ns >= MUTE_SEEN_NS;
}

/* When a cut heals, whoever is heard first has not heard us yet: it gets the time to. */
static bool hears_us(const struct ha *ha)
{
	return !ha->unheard_ns || ha->turn_ns - ha->unheard_ns < UNHEARD_MS * NS_PER_MS;
}

/* Its pulses come by another interface only: what a relay sent on by the group's own would not arrive. */
static bool heard_elsewhere(const struct ha *ha, const struct group *g)
{
	bool path = false;

	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		if (strcmp(ha->conf->paths[i].dev, g->conf->dev))
			continue;
		path = true;
		if (ha->report.path[i].heard_ns && !ha->report.path[i].silent)
			return false;
	}
	return path;
}

static void peer_said(const struct ha *ha, const struct group *g, struct peer_facts *ret)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint32_t flags = h->flags;

	*ret = (struct peer_facts){
		.fresh = h->at_ns && h->at_ns + facts_fresh_ns(ha) > clock_now_ns(),
		.known = h->at_ns && flags & PULSE_F_KNOWN,
		.same_digest = g->digest == h->digest,
		.running = flags & PULSE_F_RUNNING,
		.leased = flags & PULSE_F_LEASED,
		.stopping = flags & PULSE_F_STOPPING,
		.fenced = flags & PULSE_F_FENCED,
		.hears_us = hears_us(ha),
		.elsewhere = heard_elsewhere(ha, g),
		.word = h->word,
	};
}

/*
 * The peer's kernel answers that it is open, but nobody renews the lease there. Less than half of ours is
 * left, and less than has passed since it was renewed: else it is merely shorter than ours.
 */
static bool stalled(const struct ha *ha, const struct group *g, const struct peer_facts *said)
{
	uint64_t left = dp_heard(ha->dp)[g->slot].lease_left_us * NS_PER_US;

	if (!said->fresh || !said->known || BT_WORD_MODE(said->word) != BT_OPEN)
		return false;
	if (!left)	/* whoever opened just now says so a message before he says that he is leased */
		return g->ended_ns && ha->turn_ns - g->ended_ns >= facts_fresh_ns(ha);
	return left < ha->conf->lease_ns / 2 && left < ha->turn_ns - g->renewed_ns;
}

uint64_t facts_answered_ns(const struct ha *ha, const struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint32_t path, zeros = 0;
	uint64_t seq;

	do {	/* both of one message: the kernel writes seq 0, path, seq; a 0 that stays is none yet */
		seq = h->same_seq;
		path = h->same_path;
	} while (seq != h->same_seq || path != h->same_path || (!seq && zeros++ < 8));
	return pulse_departure_ns(ha->pulse, path, seq);
}

/* For half of what silence is given, no answer said that the peer is at our number. It gets that time at the start. */
uint64_t facts_unconfirmed_ns(const struct ha *ha, const struct group *g)
{
	uint64_t since = facts_answered_ns(ha, g);

	if (since < ha->listening_ns)
		since = ha->listening_ns;
	return since + facts_fresh_ns(ha) + 1;
}

bool facts_unconfirmed(const struct ha *ha, const struct group *g)
{
	return ha->turn_ns >= facts_unconfirmed_ns(ha, g);
}

static void arbiter_said(const struct ha *ha, const struct group *g, struct judge_facts *f)
{
	uint64_t number = BT_WORD_NUMBER(f->word);
	struct arbiter_facts said;

	arbiter_facts(ha->arbiter, g->slot, &said);
	f->arbiter = ha->conf->arbiter;
	f->arbiter_up = said.up;
	f->ear = said.ear;
	f->lock_number = said.lock_number;
	f->leased = dp_leases(ha->dp)[g->slot] > ha->turn_ns;
	f->unsure = g->unsure_ns && ha->turn_ns - g->unsure_ns < UNSURE_NS;
	f->longest_lease_ns = g->peer_lease_ns > ha->conf->lease_ns ? g->peer_lease_ns : ha->conf->lease_ns;
	f->gone_ns = ha->turn_ns - ha->peer_since_ns;
	if (g->claimed_number == number && ha->turn_ns > g->claimed_ns)
		f->claim_age_ns = ha->turn_ns - g->claimed_ns;
}

void facts_of(const struct ha *ha, const struct group *g, struct judge_facts *f)
{
	int err;

	*f = (struct judge_facts){
		.word = group_word(ha, g), .seen = g->seen, .me = ha->me, .peer_id = ha->peer_id,
		.running = g->service.running || !g->service.unfit, .able = g->service.able,
		.link_up = health_link_up(ha->health, g->conf->dev),
		.stopping = ha->stopping, .asked = g->asked, .forced = g->forced,
		.drains = g->drain.state == DRAIN_MOVING, .moved = g->moved ? g->moved_why : NULL,
		.prefers_me = conf_prefers_me(ha->conf, g->conf),
		.term_on_disk = store_reserved(ha->store, g->slot, &err),
		.peer = ha->peer, .mute = ha->mute,
		.patience_ns = PATIENCE * ha->conf->pulse_interval_ns,
		.vip_silent_ns = vip_ask_silent_ns(g->vip_ask),
	};
	byhand_facts(ha, g, f);
	arbiter_said(ha, g, f);
	peer_said(ha, g, &f->said);
	f->rested = ha->turn_ns - g->moved_ns >= SETTLE_NS;
	f->settled = f->rested && ha->turn_ns - g->ill_ns >= SETTLE_NS;
	if (f->peer == PEER_UP && stalled(ha, g, &f->said))
		f->peer = PEER_STALLED;
}

/* ---- what a takeover would miss ------------------------------------------------------------------- */

static bool attached(const struct ha *ha)
{
	const struct fence_report *f = &ha->fence_told;

	for (uint32_t i = 0; i < f->n_doors; i++)
		if (f->door[i].err || (f->door[i].named && (f->door[i].moved || !f->door[i].ifindex)))
			return false;
	return true;
}

static bool every_path_up(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (!ha->report.path[i].heard_ns || ha->report.path[i].silent || !health_link_up(ha->health, ha->conf->paths[i].dev))
			return false;
	return true;
}

uint32_t facts_unready(const struct ha *ha, const struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	bool same = h->at_ns && h->flags & PULSE_F_KNOWN && h->digest == g->digest;

	return (attached(ha) ? 0 : INIT_BIT(INIT_DATA_PATH)) | (same ? 0 : INIT_BIT(INIT_DIGEST)) |
	       (every_path_up(ha) ? 0 : INIT_BIT(INIT_PATHS)) | (facts_peer_hears_us(ha) ? 0 : INIT_BIT(INIT_ANSWERING));
}

bool facts_peer_is_gone(const struct ha *ha, const struct group *g)
{
	struct judge_facts f;

	facts_of(ha, g, &f);
	return judge_peer_is_gone(&f);
}
