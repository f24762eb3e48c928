/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chronicle: what of a role change is put on record, and when is it written down?
 *
 * A record begins when a role leaves rest (init, backup, primary), goes on until it rests again, and takes
 * what belongs to it for a minute more: addresses, the peer's gate, the first frame. What was known is
 * copied at the decision itself; everything else after the acts, so that nothing waits for a record. A start
 * that finds things as they were is no change.
 * The kernel's own time of a change comes by its ring, perhaps after the change was seen: then it is put right.
 * Threads: main only. The store thread writes the file, at most once a second but at once when a role has come to rest.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/when.h"
#include "core/word.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#define GOES_ON_NS	(60 * NS_PER_S)		/* what belongs to a record */
#define PACE_NS		NS_PER_S
#define SLACK_NS	NS_PER_MS		/* kernel's and controller's readings of one moment differ by less */

struct chronicle {
	struct history history;
	bool dirty, rests;			/* changed since it was written; a role came to rest since */
	uint64_t written_ns;
	char file[HISTORY_BYTES];		/* as it is read and handed on */
};

const struct history *ha_history(const struct ha *ha)
{
	return &ha->chronicle->history;
}

/* ---- file ----------------------------------------------------------------------------------------- */

/* A record is worth less than a start: what cannot be read is put aside. */
static void put_aside(const struct ha *ha, const char *path, int err)
{
	char bad[CONF_PATH_MAX + 16];

	snprintf(bad, sizeof(bad), "%s.bad", path);
	log_event(LOG_WARNING, "history refused", "file=%s error=\"%s\" kept=%s", path,
		  err == -EBADMSG ? "damaged, or of another version" : strerror(-err), rename(path, bad) ? "no" : bad);
	(void)ha;
}

static void load(struct ha *ha)
{
	struct chronicle *c = ha->chronicle;
	char path[CONF_PATH_MAX + 10];
	ssize_t n;
	int err;

	snprintf(path, sizeof(path), "%s/history", ha->conf->state_dir);
	n = file_read(path, c->file, sizeof(c->file));
	if (n == -ENOENT)
		return;
	err = n < 0 ? (int)n : history_read(&c->history, c->file, (size_t)n);
	if (err)
		put_aside(ha, path, err);
}

int chronicle_open(struct ha *ha)
{
	ha->chronicle = calloc(1, sizeof(*ha->chronicle));
	if (!ha->chronicle)
		return -ENOMEM;
	load(ha);
	return 0;
}

static void write_down(struct ha *ha)
{
	struct chronicle *c = ha->chronicle;

	c->dirty = c->rests = false;
	c->written_ns = ha->turn_ns;
	store_ask_history(ha->store, c->file, history_write(&c->history, c->file));
}

void chronicle_close(struct ha *ha)
{
	if (ha->chronicle && ha->store && ha->chronicle->dirty)
		write_down(ha);
	free(ha->chronicle);
}

/* ---- what was known ------------------------------------------------------------------------------- */

static uint32_t age_us(uint64_t at_ns, uint64_t now_ns)
{
	uint64_t us = now_ns > at_ns ? (now_ns - at_ns) / NS_PER_US : 0;

	return !at_ns || us >= HISTORY_NEVER ? HISTORY_NEVER : (uint32_t)us;
}

/* The kernel hears while the prober stands still; but of two paths it does not say by which. */
static void know_path(const struct ha *ha, uint32_t i, uint64_t now_ns, struct history_path *p)
{
	const struct pulse_path_report *r = &ha->report.path[i];
	uint64_t heard = ha->report.n_paths == 1 ? facts_heard_ns(ha) : 0;

	memcpy(p->dev, ha->conf->paths[i].dev, sizeof(p->dev));
	p->heard_us = age_us(later(r->heard_ns, heard), now_ns);
	p->detect_us = (uint32_t)(r->detect_ns / NS_PER_US);
	p->loss_ppm = r->loss_ppm;
	p->link_up = health_link_up(ha->health, ha->conf->paths[i].dev);
}

static void know(const struct ha *ha, const struct group *g, uint64_t now_ns, struct history_evidence *e)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];

	memset(e, 0, sizeof(*e));
	e->said_us = age_us(h->at_ns, now_ns);
	e->said = h->at_ns ? h->word : 0;
	e->lease_left_us = h->lease_left_us;
	e->flags = h->flags;
	e->resp_age_ms = h->at_ns ? h->resp_age_ms : HISTORY_NEVER;
	e->running = g->service.running;
	snprintf(e->service, sizeof(e->service), "%.22s%s%.68s", g->service.reason ? g->service.reason : "",
		 g->service.detail[0] ? ": " : "", g->service.detail);
	snprintf(e->peer, sizeof(e->peer), "%s", peer_state_text(ha->peer));
	e->n_paths = ha->report.n_paths;
	for (uint32_t i = 0; i < e->n_paths; i++)
		know_path(ha, i, now_ns, &e->path[i]);
}

/* ---- moments -------------------------------------------------------------------------------------- */

void chronicle_asked(struct group *g)
{
	g->past.asked_ns = clock_now_ns();
}

/* This host has just changed the word itself. */
void chronicle_decided(struct ha *ha, struct group *g, uint64_t to)
{
	struct past *p = &g->past;

	p->decided_ns = clock_now_ns();
	p->decided = to;
	know(ha, g, p->decided_ns, &p->then);
}

static struct history_change *record_of(struct ha *ha, const struct group *g)
{
	struct history_change *c = history_of(&ha->chronicle->history, g->past.serial);
	uint64_t begin_ns = c ? history_begin_ns(c) : 0;

	return c && ha->turn_ns < begin_ns + GOES_ON_NS ? c : NULL;
}

static void note(struct ha *ha, struct history_change *c, enum history_step step, uint64_t at_ns, enum history_by by)
{
	ha->chronicle->dirty |= history_note(c, step, at_ns, by);
}

/* Which step is it to have this word? -1: none. */
static int step_of(uint64_t word, uint8_t me)
{
	switch (BT_WORD_MODE(word)) {
	case BT_OPEN:
		return HISTORY_OPENED;
	case BT_RELAY:
		return HISTORY_LET_GO;
	case BT_SHUT:
		return HISTORY_SHUT;
	default:
		return word_is_claim(word, me) ? HISTORY_CLAIMED : -1;
	}
}

static enum history_by by_of(uint64_t arg)
{
	if (arg & BT_EV_BY_LISTENER)
		return HISTORY_BY_LISTENER;
	if (arg & BT_EV_BY_WATCH)
		return HISTORY_BY_WATCH;
	return arg & BT_EV_BY_MARK ? HISTORY_BY_MARK : HISTORY_BY_PULSE;
}

/* It was seen before the ring told of it: the kernel's own time and reason take the place of ours. */
static bool put_right(struct ha *ha, struct history_change *c, int step, const struct bt_event *ev)
{
	struct history_at *at = &c->step[step];

	if (!at->ns || at->by != HISTORY_BY_PULSE || at->ns + SLACK_NS < ev->at_ns || BT_WORD_NUMBER(ev->to) > c->number)
		return false;
	*at = (struct history_at){ .ns = ev->at_ns, .by = by_of(ev->arg) };
	if (at->by == HISTORY_BY_LISTENER)
		snprintf(c->cause, sizeof(c->cause), "listener-lost");
	ha->chronicle->dirty = true;
	return true;
}

/* By the ring: the kernel changed the word, and when. A new number in the same mode is no step. */
void chronicle_kernel(struct ha *ha, struct group *g, const struct bt_event *ev)
{
	struct history_change *c = record_of(ha, g);
	int step = step_of(ev->to, ha->me);

	if (step < 0 || step == step_of(ev->from, ha->me))
		return;
	if (c && ev->at_ns <= g->past.told_ns && put_right(ha, c, step, ev))
		return;
	g->past.kernel[step] = (struct history_at){ .ns = ev->at_ns, .by = by_of(ev->arg) };
}

/* What was decided earlier has been told already, or moved no role: re-arming. */
static bool decided_now(const struct ha *ha, const struct past *p)
{
	return p->decided_ns >= ha->turn_ns;
}

/* All that was done to the word since the last move: several steps, if nobody looked for a while. */
static void note_word(struct ha *ha, struct group *g, struct history_change *c, uint64_t word)
{
	struct past *p = &g->past;
	int step = step_of(word, ha->me), decided = step_of(p->decided, ha->me);

	if (decided_now(ha, p) && decided >= 0)
		note(ha, c, (enum history_step)decided, p->decided_ns, HISTORY_BY_CONTROLLER);
	for (int i = 0; i < HISTORY_STEP__N; i++)
		if (p->kernel[i].ns > p->told_ns)
			note(ha, c, (enum history_step)i, p->kernel[i].ns, (enum history_by)p->kernel[i].by);
	if (step >= 0)		/* the ring will tell, or is full */
		note(ha, c, (enum history_step)step, ha->turn_ns, HISTORY_BY_PULSE);
	memset(p->kernel, 0, sizeof(p->kernel));
	p->told_ns = clock_now_ns();
}

/* @server: of this host, which it is all about; "" where the host is. */
static void name_owner(const struct ha *ha, struct history_change *c, uint64_t word, const char *server)
{
	const char *name = BT_WORD_OWNER(word) == ha->me ? ha->conf->name :
			   BT_WORD_OWNER(word) ? ha->conf->peer_name : "";

	if (c->number == BT_WORD_NUMBER(word))
		return;
	snprintf(c->owner, sizeof(c->owner), "%s", server[0] ? server : name);
	c->number = BT_WORD_NUMBER(word);
	c->term = BT_WORD_TERM(word);
	ha->chronicle->dirty = true;
}

static int64_t wall_ns(uint64_t at_ns)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);		/* for people; nothing is decided by it */
	return (int64_t)wall.tv_sec * (int64_t)NS_PER_S + wall.tv_nsec - (int64_t)(clock_now_ns() - at_ns);
}

/* When what was done was decided: by us in this turn, or by the kernel's watchdog, perhaps long before we could look. */
static uint64_t known_ns(const struct ha *ha, const struct past *p)
{
	const struct history_at *at = &p->kernel[HISTORY_OPENED];

	return at->by == HISTORY_BY_WATCH && at->ns > p->told_ns ? at->ns : ha->turn_ns;
}

static struct history_change *begin(struct ha *ha, struct group *g, enum role from)
{
	struct history_change *c = history_add(&ha->chronicle->history);
	struct past *p = &g->past;

	p->serial = ha->chronicle->history.serial;
	memcpy(c->group, g->conf->name, sizeof(c->group));
	snprintf(c->cause, sizeof(c->cause), "%s", g->reason);
	c->from = from;
	c->unanswered = HISTORY_NEVER;
	if (decided_now(ha, p))
		c->then = p->then;
	else
		know(ha, g, known_ns(ha, p), &c->then);
	if (p->asked_ns && p->asked_ns + GOES_ON_NS > ha->turn_ns)
		history_note(c, HISTORY_ASKED, p->asked_ns, HISTORY_BY_CONTROLLER);
	p->asked_ns = 0;
	return c;
}

static bool at_rest(enum role role)
{
	return role != ROLE_CLAIMING && role != ROLE_YIELDING;
}

/* The host kept the role, another of its servers works. */
static bool is_of_servers(const struct group *g, const struct history_change *c)
{
	return g->conf->mode == MODE_SINGLE_HOST && c->from == ROLE_PRIMARY && c->to == ROLE_PRIMARY;
}

static void note_server(struct ha *ha, const struct group *g, struct history_change *c)
{
	struct single_move m;

	single_moved(ha, g, &m);
	if (m.at_ns)
		note(ha, c, HISTORY_OPENED, m.at_ns, m.by_kernel ? HISTORY_BY_LISTENER : HISTORY_BY_CONTROLLER);
}

/* The role has moved, and what had to be done at once is done. */
void chronicle_moved(struct ha *ha, struct group *g, enum role from, uint64_t word)
{
	struct history_change *c = record_of(ha, g);

	if (from == ROLE_INIT && (g->role == ROLE_BACKUP || !strcmp(g->reason, "restart")))
		return;
	if (!c || at_rest(from))
		c = begin(ha, g, from);
	c->to = g->role;
	name_owner(ha, c, word, single_active(ha, g));
	if (g->past.disk_waited && word_is_claim(g->past.decided, ha->me))
		note(ha, c, HISTORY_DISK, g->past.decided_ns, HISTORY_BY_CONTROLLER);
	g->past.disk_waited = false;
	if (is_of_servers(g, c))
		note_server(ha, g, c);
	note_word(ha, g, c, word);
	if (!history_begin_ns(c))
		history_note(c, HISTORY_SHUT, ha->turn_ns, HISTORY_BY_PULSE);
	if (!c->wall_ns)
		c->wall_ns = wall_ns(history_begin_ns(c));
	if (c->step[HISTORY_LET_GO].by == HISTORY_BY_LISTENER)
		snprintf(c->cause, sizeof(c->cause), "listener-lost");
	ha->chronicle->dirty = true;
	ha->chronicle->rests |= at_rest(g->role);
}

void chronicle_announced(struct ha *ha, struct group *g)
{
	g->past.announced_ns = clock_now_ns();
	(void)ha;
}

/* No role moves by it, but whoever asks why no call comes in must find it. */
void chronicle_hand(struct ha *ha, const struct group *g, const char *rule, enum bt_rule_state from, enum bt_rule_state to,
		    const struct ha_asker *who)
{
	struct history_hand *hand = history_add_hand(&ha->chronicle->history);

	memcpy(hand->group, g->conf->name, sizeof(hand->group));
	snprintf(hand->rule, sizeof(hand->rule), "%s", rule);
	hand->from = from;
	hand->to = to;
	hand->uid = who->uid;
	hand->pid = who->pid;
	hand->at_ns = clock_now_ns();
	hand->wall_ns = wall_ns(hand->at_ns);
	ha->chronicle->dirty = true;
}

uint64_t chronicle_moving_away(struct ha *ha, const struct group *g)
{
	const struct history_change *c = record_of(ha, g);

	return c && c->from == ROLE_PRIMARY && !c->step[HISTORY_COMPLETE].ns ? c->step[HISTORY_PEER_OPEN].ns : 0;
}

/* On the old holder: the last stale neighbour has moved on. */
void chronicle_complete(struct ha *ha, struct group *g, uint64_t at_ns)
{
	struct history_change *c = record_of(ha, g);

	if (c)
		note(ha, c, HISTORY_COMPLETE, at_ns, HISTORY_BY_CONTROLLER);
}

bool chronicle_replayed(struct ha *ha, struct group *g, const struct history_replay *done)
{
	struct history_change *c = record_of(ha, g);

	if (!c || c->to != ROLE_PRIMARY || c->replay.state)
		return false;
	c->replay = *done;
	ha->chronicle->dirty = true;
	return true;
}

/* ---- what comes later ------------------------------------------------------------------------------- */

/* Of two servers the kernel knows what each got. */
static void measure_servers(struct ha *ha, const struct group *g, struct history_change *c)
{
	struct single_move m;

	single_moved(ha, g, &m);
	if (c->first_ns || !m.first_ns || !m.last_ns)
		return;
	c->last_ns = m.last_ns;
	c->first_ns = m.first_ns;
	ha->chronicle->dirty = true;
}

/* New owner: the old one's last frame by its own word, our first by our kernel's. */
static void measure(struct ha *ha, struct group *g, struct history_change *c)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint64_t first = dp_seen(ha->dp)[g->slot].first_ns, opened = c->step[HISTORY_OPENED].ns, last = h->accept_ns;

	if (c->first_ns || !opened)
		return;
	if (last > c->last_ns) {
		c->last_ns = last;
		ha->chronicle->dirty = true;
	}
	if (h->at_ns > opened && last && c->unanswered == HISTORY_NEVER)
		c->unanswered = h->unanswered;
	if (first && first + SLACK_NS >= opened) {
		c->first_ns = first;
		ha->chronicle->dirty = true;
	}
}

static void turn_old(struct ha *ha, struct group *g, struct history_change *c)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	uint64_t word = h->word, last = dp_seen(ha->dp)[g->slot].accept_ns;

	if (last > c->last_ns && !c->step[HISTORY_PEER_OPEN].ns)
		c->last_ns = last;
	if (BT_WORD_MODE(word) != BT_OPEN || BT_WORD_NUMBER(word) < c->number)
		return;
	note(ha, c, HISTORY_PEER_OPEN, h->at_ns, HISTORY_BY_PULSE);
	name_owner(ha, c, word, "");
}

/* The host's own counters: several groups that move at once share them. */
static void count(struct ha *ha, struct group *g, struct history_change *c)
{
	struct bt_count x[BT_X__N], t[BT_T__N];
	struct past *p = &g->past;

	if (ha->turn_ns < p->counted_ns + PACE_NS || dp_counts(ha->dp, x, t))
		return;
	p->counted_ns = ha->turn_ns;
	if (c && p->base_serial == p->serial) {
		c->relayed = x[BT_X_VIP_RELAY].packets - p->relayed;
		c->helped = x[BT_X_VIP_HELPED].packets - p->helped;
		c->taken = x[BT_X_VIP_TAKEN].packets - p->taken;
		return;
	}
	p->relayed = x[BT_X_VIP_RELAY].packets;
	p->helped = x[BT_X_VIP_HELPED].packets;
	p->taken = x[BT_X_VIP_TAKEN].packets;
}

static void turn_group(struct ha *ha, struct group *g)
{
	struct history_change *c = record_of(ha, g);
	struct past *p = &g->past;

	if (c && p->base_serial != p->serial) {
		p->base_serial = p->serial;	/* counted from the last look before it began */
		p->counted_ns = ha->turn_ns;
	}
	count(ha, g, c);
	if (!c)
		return;
	if (p->announced_ns && c->to == ROLE_PRIMARY)
		note(ha, c, HISTORY_ANNOUNCED, p->announced_ns, HISTORY_BY_CONTROLLER);
	p->announced_ns = 0;
	if (g->held && at_rest(g->role) && !conf_is_resident(g->conf))
		note(ha, c, g->role == ROLE_PRIMARY ? HISTORY_HELD : HISTORY_RELEASED, clock_now_ns(), HISTORY_BY_CONTROLLER);
	if (is_of_servers(g, c))
		measure_servers(ha, g, c);
	else if (c->to == ROLE_PRIMARY)
		measure(ha, g, c);
	else if (c->from == ROLE_PRIMARY)
		turn_old(ha, g, c);
}

void chronicle_turn(struct ha *ha)
{
	struct chronicle *c = ha->chronicle;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		turn_group(ha, &ha->group[i]);
	if (c->dirty && (c->rests || ha->turn_ns >= c->written_ns + PACE_NS))
		write_down(ha);
}
