/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replays: what of the replay is the conductor's: how long is the ring, where do receipts go, which opening is one of a dead
 * peer's, and what came of it?
 */
#include "ha/ha_own.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/marks.h"
#include "ha/replay.h"
#include "sys/clock.h"
#include "sys/dp_replay.h"
#include "sys/log.h"

#define WAYS_NS		(100 * NS_PER_MS)	/* between two looks at where receipts go */
#define TELL_NS		NS_PER_S		/* so long a report waits for its record */
#define REPEAT_NS	(500 * NS_PER_MS)	/* RFC 3261 T1 */

bool replays_wants(const struct conf_group *c)
{
	return c->mode == MODE_CLUSTER && c->replay;
}

/* ---- the ring ------------------------------------------------------------------------------------ */

static uint32_t slots_of(const struct conf *conf)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < conf->n_groups; i++)
		if (conf->groups[i].mode == MODE_CLUSTER)
			bytes += conf->groups[i].replay_memory;
	return bytes < sizeof(struct bt_replay) ? 1 : (uint32_t)(bytes / sizeof(struct bt_replay));
}

void replays_want(const struct ha *ha)
{
	dp_replay_want(slots_of(ha->conf));
}

static uint64_t detect_ns(const struct ha *ha)
{
	uint64_t ns = ha->conf->pulse_interval_ns * ha->conf->pulse_misses;

	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (ha->report.path[i].detect_ns > ns)
			ns = ha->report.path[i].detect_ns;
	return ns;
}

/* What the kernel counts as lost when it is overwritten: the longest window of all. */
int replays_fill(struct ha *ha)
{
	uint64_t window = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const struct conf_group *c = ha->group[i].conf;
		uint64_t ns = c->replay_window_ns ? c->replay_window_ns : 2 * detect_ns(ha);

		if (replays_wants(c) && ns > window)
			window = ns;
	}
	return dp_set_replay(ha->dp, window);
}

static void tell_size(const struct ha *ha)
{
	uint32_t have = dp_replay_slots(ha->dp), want = slots_of(ha->conf);

	if (have != want)
		log_event(LOG_WARNING, "replay memory kept", "bytes=%llu wanted=%llu text=\"the maps of an earlier life are gone on with: "
			  "stop batond in order and start it for another size\"", (unsigned long long)have * sizeof(struct bt_replay),
			  (unsigned long long)want * sizeof(struct bt_replay));
}

int replays_open(struct ha *ha, const struct ha_say *say)
{
	bool any = false;
	int err;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		any |= ha->group[i].conf->mode == MODE_CLUSTER;
	if (!any)
		return 0;
	tell_size(ha);
	err = replay_open(&ha->replayer, ha->dp, ha->store_src.fd);
	return err ? ha_fail(say, err, "thread", strerror(-err)) : 0;
}

void replays_close(struct ha *ha)
{
	replay_close(ha->replayer);
}

/* ---- receipts ------------------------------------------------------------------------------------ */

/* A path where the peer is met and foreign source addresses come through; best by the group's own interface. -1: none. */
static int path_for(const struct ha *ha, const struct group *g, const struct bt_pair *pair)
{
	static const uint8_t unknown[sizeof(pair->path[0].peer_mac)];
	int best = -1;

	for (uint32_t i = 0; i < ha->conf->n_paths; i++) {
		if (ha->filtered[i] || !pair->path[i].heard_ns || !memcmp(pair->path[i].peer_mac, unknown, sizeof(unknown)))
			continue;
		if (!strcmp(ha->conf->paths[i].dev, g->conf->dev))
			return (int)i;
		if (best < 0)
			best = (int)i;
	}
	return best;
}

static void make_way(const struct ha *ha, const struct group *g, const struct bt_pair *pair, struct bt_receipt *ret)
{
	int i = path_for(ha, g, pair);
	struct bt_node node;
	struct bt_path path;

	if (ha->peer != PEER_UP || !replays_wants(g->conf) || !pair->peer_boot || i < 0 || dp_get_path(ha->dp, (uint32_t)i, &path) ||
	    dp_get_node(ha->dp, &node))
		return;
	*ret = (struct bt_receipt){
		.from = marks_receipt(&node, pair->peer_boot, htonl(conf_name_hash(g->conf->name))),
		.to = marks_number(pair->path[i].peer_mac), .ifindex = path.ifindex,
	};
	explicit_bzero(&node, sizeof(node));
}

static void follow_ways(struct ha *ha)
{
	struct bt_pair pair;

	if (!ha->replayer || ha->turn_ns < ha->ways_ns + WAYS_NS || dp_pair(ha->dp, &pair))
		return;
	ha->ways_ns = ha->turn_ns;
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		struct bt_receipt way = {};

		make_way(ha, g, &pair, &way);
		if (g->receipts_set && !memcmp(&way, &g->receipts, sizeof(way)))
			continue;
		g->receipts_set = !dp_set_receipt(ha->dp, g->slot, &way);
		g->receipts = way;
	}
}

/* ---- openings ------------------------------------------------------------------------------------ */

/*
 * From one detection before the dead was last heard: that is twice the detection, if the gate opened by it. An opening that came
 * later does not go back further than clients wait before they repeat.
 */
static uint64_t window_ns(const struct ha *ha, const struct group *g, uint64_t pulse_ns, uint64_t opened_ns)
{
	uint64_t detect = detect_ns(ha), since = opened_ns - pulse_ns + detect, most = 2 * detect > REPEAT_NS ? 2 * detect : REPEAT_NS;

	if (g->conf->replay_window_ns)
		return g->conf->replay_window_ns;
	return since < most ? since : most;
}

/* The gate opened because the peer is dead, by whoever found it so. */
void replays_opened(struct ha *ha, struct group *g, uint64_t opened_ns)
{
	struct replay_order order = { .slot = g->slot, .opened_ns = opened_ns, .pulse_ns = facts_heard_ns(ha),
				      .interval_ns = ha->conf->pulse_interval_ns };

	if (!ha->replayer || !replays_wants(g->conf) || !order.pulse_ns)
		return;		/* whoever was never heard has left nothing */
	if (order.pulse_ns > opened_ns)
		order.pulse_ns = opened_ns;
	order.window_ns = window_ns(ha, g, order.pulse_ns, opened_ns);
	replay_ask(ha->replayer, &order);
}

/* The gate opened for any other reason: what came before is not to be replayed when a peer dies later. */
void replays_passed(struct ha *ha, struct group *g)
{
	if (ha->replayer)
		dp_replay_set_done(ha->dp, g->slot, dp_replay_next(ha->dp));
}

bool ha_replay_counts(const struct ha *ha, struct bt_replay_at *ret)
{
	if (ha->replayer)
		dp_replay_counts(ha->dp, ret);
	return ha->replayer;
}

static void tell(struct ha *ha, struct group *g)
{
	struct history_replay done;
	struct replay_report r;

	if (!replay_reported(ha->replayer, g->slot, &r) || r.opened_ns == g->replayed_ns)
		return;
	done = (struct history_replay){
		.state = r.late ? HISTORY_REPLAY_LATE : HISTORY_REPLAY_DONE, .given = r.fates[REPLAY_GIVEN] - r.failed,
		.doubtful = r.doubtful, .answered = r.fates[REPLAY_ANSWERED], .cancelled = r.fates[REPLAY_CANCELLED],
		.lost = r.failed + r.fates[REPLAY_FULL], .missing_us = r.missing_us, .took_us = r.took_us,
	};
	if (!chronicle_replayed(ha, g, &done) && ha->turn_ns < r.opened_ns + TELL_NS)
		return;
	g->replayed_ns = r.opened_ns;
	log_event(LOG_INFO, "replayed", "group=%s requests=%u doubtful=%u answered=%u cancelled=%u lost=%u missing_us=%u took_us=%u late=%s",
		  g->conf->name, done.given, done.doubtful, done.answered, done.cancelled, done.lost, done.missing_us, done.took_us,
		  r.late ? "yes" : "no");
	ha_note_change(ha);
}

void replays_turn(struct ha *ha)
{
	if (!ha->replayer)
		return;
	follow_ways(ha);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		tell(ha, &ha->group[i]);
}
