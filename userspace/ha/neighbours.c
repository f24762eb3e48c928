/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * neighbours: who still sends to us what the peer holds, has he been told, and when had all moved on?
 *
 * The host that does not hold a VIP is the one that knows: its kernel counts whoever sends VIP frames to it
 * (bpf/neigh.h). It tells him by unicast, at most once a second and `announce-rate` frames a second in all, where
 * the VIP is: at the peer's Ethernet address, as the peer's own pulses bear it on that interface. That is true,
 * said by a third party; so it is said only while the peer is heard to hold the group. No gate has a hole for it:
 * the frames go past the egress hooks, by a socket that nothing else uses (raw_send_past_the_gate()).
 * A takeover is complete when the old holder has got no such frame for a second.
 * Source:  design §4.3; kernel-notes/third-party-arp.md.
 * Threads: main only. Blocks: never.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arp_msg.h"
#include "core/cluster_mac.h"
#include "core/word.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/raw.h"

#define LOOK_NS		(200 * NS_PER_MS)
#define IDLE_NS		NS_PER_S		/* when the last look found nobody */
#define TELL_NS		NS_PER_S		/* the same neighbour no sooner again */
#define COMPLETE_NS	NS_PER_S		/* so long no frame: everybody has moved on */
#define SETTLE_NS	(50 * NS_PER_MS)
#define FORGET_NS	(60 * NS_PER_S)
#define FORGET_MAX	64			/* in one look */

struct neighbours {
	uint64_t looked_ns, told_ns;
	bool tell;			/* in this look */
	uint32_t rows, budget;
	uint64_t newest_ns[BT_GROUPS_MAX];
	struct bt_pair pair;
	uint32_t ifindex[BT_PATHS_MAX];	/* of the paths, in this look: three system calls each */
	struct bt_neigh_key forget[FORGET_MAX];
	uint32_t n_forget;
};

int neighbours_open(struct ha *ha)
{
	struct neighbours *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	ha->neighbours = n;
	return 0;
}

void neighbours_close(struct ha *ha)
{
	free(ha->neighbours);
}

static bool is_open(const struct ha *ha, const struct group *g)
{
	return BT_WORD_MODE(group_word(ha, g)) == BT_OPEN;
}

/* Only what is true now is told: by its fresh word the peer holds it, and we do not. */
static bool peer_holds(const struct ha *ha, const struct group *g)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];

	return !is_open(ha, g) && h->at_ns && h->at_ns + facts_fresh_ns(ha) > clock_now_ns() &&
	       BT_WORD_MODE(h->word) == BT_OPEN && h->flags & PULSE_F_LEASED;
}

/* Where the peer is met on that interface; NULL: it is not, lately. */
static const struct bt_path_st *way_of(const struct ha *ha, uint32_t ifindex)
{
	static const uint8_t none[6];

	for (uint32_t i = 0; i < ha->conf->n_paths; i++) {
		const struct bt_path_st *p = &ha->neighbours->pair.path[i];

		if (ha->neighbours->ifindex[i] == ifindex && memcmp(p->peer_mac, none, 6) &&
		    p->heard_ns + facts_fresh_ns(ha) > ha->turn_ns)
			return p;
	}
	return NULL;
}

/* Where the VIP is: with the peer, or where both hosts hear it. */
static void place_of(const struct group *g, const struct bt_path_st *way, const struct in6_addr *vip, uint8_t ret[6])
{
	memcpy(ret, way->peer_mac, 6);
	if (g->conf->mode == MODE_CLUSTER)
		cluster_mac(g->conf->cluster_mac, vip, ret);
}

static void tell(struct ha *ha, const struct group *g, const struct bt_neigh_key *who, const struct bt_neigh *what)
{
	const struct bt_path_st *way = way_of(ha, what->ifindex);
	uint8_t frame[ARP_MSG_MAX], place[6];
	struct in6_addr vip;
	struct iovec iov = { .iov_base = frame };

	if (!way)
		return;
	memcpy(&vip, what->vip, sizeof(vip));
	place_of(g, way, &vip, place);
	iov.iov_len = arp_msg_tell(frame, way->my_mac, who->mac, place, &vip);
	if (raw_send_past_the_gate(what->ifindex, &iov, 1) == 1)
		ha->neighbours->budget--;
}

static void forget(struct neighbours *n, const struct bt_neigh_key *who)
{
	if (n->n_forget < FORGET_MAX)
		n->forget[n->n_forget++] = *who;
}

static void on_row(void *arg, const struct bt_neigh_key *who, const struct bt_neigh *what)
{
	struct ha *ha = arg;
	struct neighbours *n = ha->neighbours;
	struct group *g = &ha->group[who->group % BT_GROUPS_MAX];

	if (!g->conf || is_open(ha, g) || what->last_ns + FORGET_NS < ha->turn_ns) {
		forget(n, who);		/* of an open gate they are guests, not strays */
		return;
	}
	n->rows++;
	if (what->last_ns > n->newest_ns[g->slot])
		n->newest_ns[g->slot] = what->last_ns;
	/* Who sent in the very moment of the move has mostly heard the announcement since. */
	if (n->tell && n->budget && what->last_ns > n->told_ns && peer_holds(ha, g) &&
	    what->last_ns > chronicle_moving_away(ha, g) + SETTLE_NS)
		tell(ha, g, who, what);
}

/* All rate is the groups' together: neighbours are the network's, whoever tells them. */
static uint32_t budget_of(const struct ha *ha)
{
	uint32_t rate = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		rate += ha->group[i].conf->announce_rate;
	return rate;
}

static void note_complete(struct ha *ha, struct group *g)
{
	uint64_t since = chronicle_moving_away(ha, g), newest = ha->neighbours->newest_ns[g->slot];

	if (!since || is_open(ha, g))
		return;
	if (newest < since)
		newest = since;
	if (ha->turn_ns < newest + COMPLETE_NS)
		return;
	chronicle_complete(ha, g, newest);
	log_event(LOG_INFO, "takeover complete", "group=%s term=%" PRIu32 " last_stray_ms=%" PRIu64, g->conf->name,
		  BT_WORD_TERM(group_word(ha, g)), (newest - since) / NS_PER_MS);
}

static void look(struct ha *ha)
{
	struct neighbours *n = ha->neighbours;

	n->looked_ns = ha->turn_ns;
	n->tell = ha->turn_ns >= n->told_ns + TELL_NS && !dp_pair(ha->dp, &n->pair);
	for (uint32_t i = 0; i < ha->conf->n_paths && n->tell; i++)
		n->ifindex[i] = if_nametoindex(ha->conf->paths[i].dev);
	n->budget = budget_of(ha);
	n->rows = n->n_forget = 0;
	if (dp_neighbours(ha->dp, on_row, ha))
		return;			/* not known: nothing is complete by that */
	if (n->tell && n->rows)
		n->told_ns = ha->turn_ns;
	for (uint32_t i = 0; i < n->n_forget; i++)
		dp_neighbour_forget(ha->dp, &n->forget[i]);
	for (uint32_t i = 0; i < ha->n_groups; i++)
		note_complete(ha, &ha->group[i]);
}

/* Somebody may be astray: soon after a move, or as the last look showed. */
static uint64_t pace(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (ha->turn_ns < ha->group[i].moved_ns + FORGET_NS)
			return LOOK_NS;
	return ha->neighbours->rows ? LOOK_NS : IDLE_NS;
}

/* Returns when to look again. */
uint64_t neighbours_turn(struct ha *ha)
{
	struct neighbours *n = ha->neighbours;

	if (ha->turn_ns >= n->looked_ns + pace(ha))
		look(ha);
	return n->looked_ns + pace(ha);
}

/* ---- for those who ask ------------------------------------------------------------------------------ */

struct telling {
	struct ha *ha;
	ha_neighbour_fn *fn;
	void *arg;
};

static void on_view(void *arg, const struct bt_neigh_key *who, const struct bt_neigh *what)
{
	struct telling *t = arg;
	struct group *g = &t->ha->group[who->group % BT_GROUPS_MAX];
	struct ha_neighbour_view v = { .packets = what->packets };
	uint64_t now = clock_now_ns();

	if (!g->conf || is_open(t->ha, g) || what->last_ns + FORGET_NS < now)
		return;
	snprintf(v.group, sizeof(v.group), "%s", g->conf->name);
	memcpy(v.mac, who->mac, sizeof(v.mac));
	memcpy(&v.ip, what->ip, sizeof(v.ip));
	memcpy(&v.vip, what->vip, sizeof(v.vip));
	if (!if_indextoname(what->ifindex, v.interface))
		v.interface[0] = '\0';
	v.last_ms = now > what->last_ns ? (now - what->last_ns) / NS_PER_MS : 0;
	t->fn(t->arg, &v);
}

int ha_neighbours(struct ha *ha, ha_neighbour_fn *fn, void *arg)
{
	struct telling t = { ha, fn, arg };

	return dp_neighbours(ha->dp, on_view, &t);
}
