/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drains: what began on this host stays here until it ends, while the peer serves what is new.
 *
 * core/drain.h says which step is next; here the kernel is told (ct_drain, turn by turn), pulses say it, the role is
 * moved as by a switchover, and at the end connections and addresses go, which until then stay. Of two servers on this host
 * (ha/single.c) nothing goes with it: connections stay with their server by themselves.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/when.h"
#include "core/word.h"
#include "steer/steer.h"
#include "steer/sweep.h"
#include "sys/clock.h"
#include "sys/log.h"

#define HEARD_INTERVALS	16
/* Longer than the kernel waits (bpf/relay.h): what has ended cannot be taken up again, and machines stand still at times. */
#define HEARD_NS	(2 * NS_PER_S)
#define ROUNDS		2		/* a count under way when the state began says nothing */

/* What the kernel is told of hosts. With two servers here there is one, and the frames of both are its own. */
static uint32_t side_of(const struct group *g, enum drain_state state)
{
	return single_is(g) && state != DRAIN_REFUSING ? BT_DRAIN_NONE : drain_side(state);
}

bool drains_stays(const struct group *g)
{
	return side_of(g, g->drain.state) == BT_DRAIN_MINE;
}

bool drains_opens(const struct group *g, uint64_t word)
{
	return drain_side(g->drain.state) == BT_DRAIN_YOURS && g->drain.number == BT_WORD_NUMBER(word);
}

/* ---- what is known ------------------------------------------------------------------------------ */

static bool has_xdp(const struct ha *ha, const char *dev)
{
	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		if (!strcmp(ha->ifaces[i].name, dev))
			return ha->ifaces[i].xdp && strcmp(ha->ifaces[i].xdp, "off");
	return false;
}

/* Frames can be sent on by @dev, and are known for what they are. */
static bool marks_pass(const struct ha *ha, const char *dev)
{
	for (uint32_t i = 0; i < ha->report.n_paths; i++)
		if (!strcmp(ha->conf->paths[i].dev, dev) && !ha->filtered[i] && ha->report.path[i].heard_ns)
			return has_xdp(ha, dev);
	return false;
}

static bool marked(const struct ha *ha, const struct group *g)
{
	const struct conf_vip *vips = &ha->conf->vips[g->conf->first_vip];
	bool all = true;

	for (uint32_t i = 0; i < g->conf->n_vips; i++)
		all &= marks_pass(ha, vips[i].dev);
	return all;
}

static bool peer_heard(const struct ha *ha, const volatile struct bt_heard *h)
{
	return h->at_ns && h->at_ns + later(HEARD_INTERVALS * ha->conf->pulse_interval_ns, HEARD_NS) > ha->turn_ns;
}

/* From which term (of two servers here: turn) on what a server has is counted, and which: of an earlier holding nothing goes on here. */
static uint64_t counted_from(const struct ha *ha, const struct group *g, uint8_t *ret_server)
{
	uint64_t word = group_word(ha, g);
	uint32_t turn;

	*ret_server = ha->me;
	if (single_is(g)) {
		*ret_server = (uint8_t)single_counted(ha, g, &turn);
		return turn;
	}
	if (g->drain.state == DRAIN_ON || g->drain.state == DRAIN_MOVING)
		return (g->drain.number >> 8) - 1;
	return BT_WORD_MODE(word) == BT_OPEN ? BT_WORD_TERM(word) : UINT32_MAX;
}

static void count(const struct ha *ha, const struct group *g)
{
	uint8_t server;
	uint64_t from = counted_from(ha, g, &server);

	sweep_of_group(ha->sweep, g->slot, server, from);
}

void drains_left(const struct ha *ha, const struct group *g, struct sweep_left *ret)
{
	*ret = (struct sweep_left){ 0 };
	if (ha->sweep)
		sweep_group(ha->sweep, g->slot, ret);
}

static void note_left(struct ha *ha, struct group *g)
{
	struct drain_run *d = &g->drain;
	struct sweep_left left;
	uint32_t rounds;

	if (!ha->sweep)
		return;
	count(ha, g);
	rounds = sweep_group(ha->sweep, g->slot, &left);
	if (rounds - d->rounds < ROUNDS || left.calls + left.subscriptions + left.connections)
		d->empty_ns = 0;
	else if (!d->empty_ns)
		d->empty_ns = ha->turn_ns;
}

static bool empty(const struct ha *ha, const struct group *g)
{
	return g->drain.empty_ns &&
	       ha->turn_ns - g->drain.empty_ns >= g->conf->opt.graceful_shutdown_sip_timeout_s * NS_PER_S;
}

static void drain_facts_of(const struct ha *ha, const struct group *g, struct drain_facts *f)
{
	const volatile struct bt_heard *h = &dp_heard(ha->dp)[g->slot];
	const struct drain_run *d = &g->drain;
	uint32_t flags = h->flags;

	*f = (struct drain_facts){
		.state = d->state, .number = d->number, .word = group_word(ha, g), .me = ha->me, .peer_id = ha->peer_id,
		.age_ns = ha->turn_ns - d->since_ns, .deadline_ns = g->conf->drain_deadline_ns, .empty = empty(ha, g),
		.ended = d->ended, .running = g->service.running, .link_up = health_link_up(ha->health, g->conf->dev),
		.stopping = ha->stopping, .fenced = byhand_is_fenced(g), .marked = marked(ha, g), .peer_heard = peer_heard(ha, h),
	};
	if (!f->peer_heard)
		return;
	f->mine = flags & PULSE_F_DRAIN_MINE;
	f->yours = flags & PULSE_F_DRAIN_YOURS;
	f->peer_running = flags & PULSE_F_RUNNING;
	f->peer_word = h->word;
}

/* ---- whoever waits ------------------------------------------------------------------------------ */

static void answer(struct group *g, int code, const char *what)
{
	ha_done_fn *done = g->drain.done;
	char text[HA_TEXT + BT_NAME_MAX + 16];

	g->drain.done = NULL;
	snprintf(text, sizeof(text), "group %s: %s", g->conf->name, what);
	if (done)
		done(g->drain.arg, code, text);
}

static void left_text(const struct ha *ha, const struct group *g, char *text, size_t len)
{
	struct sweep_left left;

	drains_left(ha, g, &left);
	snprintf(text, len, "%u calls, %u subscriptions and %u TCP connections are left on %s", left.calls, left.subscriptions,
		 left.connections, single_is(g) ? single_name(g, g->drain.server) : ha->conf->name);
}

static void answer_begun(const struct ha *ha, struct group *g)
{
	char left[HA_TEXT], text[HA_TEXT], who[BT_NAME_MAX + 8] = "the peer";

	if (!g->drain.done || g->drain.to_the_end)
		return;
	left_text(ha, g, left, sizeof(left));
	if (single_is(g))
		snprintf(who, sizeof(who), "server %s", single_active(ha, g));
	if (g->drain.state == DRAIN_REFUSING)
		snprintf(text, sizeof(text), "new INVITEs are refused; %.110s", left);
	else
		snprintf(text, sizeof(text), "%s serves; %.110s", who, left);
	answer(g, 0, text);
}

static void answer_end(struct group *g, const char *why)
{
	char text[HA_TEXT];
	bool done = !strcmp(why, "none-left");

	snprintf(text, sizeof(text), done ? "drained: nothing is left" : "the drain has ended: %s", why);
	answer(g, done ? 0 : 1, text);
}

static void answer_late(const struct ha *ha, struct group *g)
{
	char text[HA_TEXT];

	if (!g->drain.done || !g->drain.timeout_ns)
		return;
	if (!g->drain.until_ns)
		g->drain.until_ns = ha->turn_ns + g->drain.timeout_ns;
	if (ha->turn_ns < g->drain.until_ns)
		return;
	left_text(ha, g, text, sizeof(text));
	answer(g, 4, text);
}

/* ---- steps -------------------------------------------------------------------------------------- */

static void tell_kernel(const struct ha *ha, const struct group *g)
{
	const struct drain_run *d = &g->drain;

	if (d->state != DRAIN_OFF)
		dp_set_drain(ha->dp, g->slot, BT_DRAIN(d->number, side_of(g, d->state)), ha->turn_ns + ha->conf->lease_ns);
}

/* Before it moves, and at the end; in between the move itself says it. */
static void tell_server(const struct ha *ha, const struct group *g)
{
	if (!single_is(g))
		return;
	if (g->drain.state == DRAIN_ASKED)
		single_drain(ha, g, g->drain.server);
	if (g->drain.state == DRAIN_OFF)
		single_drain(ha, g, 0);
}

/* What is under way when it ends is still taken; then nothing is said any more. */
static void untell_kernel(const struct ha *ha, const struct group *g)
{
	volatile struct bt_drain *in_force = &dp_drains(ha->dp)[g->slot];

	if (in_force->word && in_force->until_ns + BT_DRAIN_GRACE_NS < ha->turn_ns)
		dp_set_drain(ha->dp, g->slot, 0, 0);
}

static void finish(struct ha *ha, struct group *g, enum drain_state from)
{
	struct bt_drain in_force = { .word = dp_drains(ha->dp)[g->slot].word };

	if (side_of(g, from) != BT_DRAIN_MINE)
		in_force.word = 0;
	dp_set_drain(ha->dp, g->slot, in_force.word, in_force.word ? ha->turn_ns : 0);
	if (from == DRAIN_ASKED || (from == DRAIN_MOVING && BT_WORD_MODE(group_word(ha, g)) == BT_OPEN))
		g->asked = false;
	g->drain.releases = side_of(g, from) == BT_DRAIN_MINE;
	if (g->drain.releases)
		atomic_store(&dp_lingers(ha->dp)[g->slot], ha->turn_ns + g->conf->linger_ns);
	answer_end(g, g->drain.why);
}

static void enter(struct ha *ha, struct group *g, enum drain_state to, const char *why)
{
	struct drain_run *d = &g->drain;
	enum drain_state from = d->state;
	char left[HA_TEXT];

	left_text(ha, g, left, sizeof(left));
	log_event(to == DRAIN_OFF && strcmp(why, "none-left") ? LOG_NOTICE : LOG_INFO, "drain",
		  "group=%s from=%s to=%s why=%s left=\"%s\"", g->conf->name, drain_text(from), drain_text(to), why, left);
	d->state = to;
	d->since_ns = ha->turn_ns;
	d->empty_ns = 0;
	d->ended = d->told = false;
	if (ha->sweep && (from == DRAIN_OFF || to == DRAIN_ON)) {
		struct sweep_left any;

		count(ha, g);
		d->rounds = sweep_group(ha->sweep, g->slot, &any);
	}
	snprintf(d->why, sizeof(d->why), "%s", why);
	tell_server(ha, g);
	tell_kernel(ha, g);
	if (to == DRAIN_MOVING)
		g->asked = true;
	if (to == DRAIN_ON || to == DRAIN_REFUSING)
		answer_begun(ha, g);
	if (to == DRAIN_OFF)
		finish(ha, g, from);
	group_say(ha, g);
	pulse_kick(ha->pulse);
	ha_note_change(ha);
}

/* Over: TCP peers are told, and the addresses go, as they would have at once. */
static void release(struct ha *ha, struct group *g)
{
	struct place_report r;

	if (g->role != ROLE_BACKUP && g->role != ROLE_YIELDING) {
		g->drain.releases = g->role == ROLE_CLAIMING;
		return;
	}
	placer_report(ha->placer, g->slot, &r);
	if (g->drain.since_ns == ha->turn_ns)
		placer_ask(ha->placer, g->slot, PLACE_LINGER);
	else if (r.settled) {
		g->drain.releases = false;
		if (g->role == ROLE_BACKUP)
			placer_ask(ha->placer, g->slot, PLACE_ABSENT);
	}
}

/* Of a pair that is stopped: nothing more begins, and what had begun is over. */
static void tell_drained(struct ha *ha, struct group *g, const struct drain_facts *f)
{
	if (g->drain.state != DRAIN_REFUSING || g->drain.told || !f->empty)
		return;
	g->drain.told = true;
	log_event(LOG_NOTICE, "drained", "group=%s text=\"nothing is left: its servers can be stopped\"", g->conf->name);
	answer(g, 0, "drained: nothing is left");
	ha_note_change(ha);
}

static struct drain_step next_server(const struct ha *ha, struct group *g, const struct drain_facts *f)
{
	struct drain_servers s;

	if (g->drain.state == DRAIN_OFF)
		g->drain.server = 0;
	single_drain_facts(ha, g, &g->drain.server, &s);
	s.state = f->state;
	s.age_ns = f->age_ns;
	s.deadline_ns = f->deadline_ns;
	s.empty = f->empty;
	s.ended = f->ended;
	s.stopping = f->stopping;
	if (f->state == DRAIN_OFF && g->drain.server && !s.found)
		single_drain(ha, g, 0);
	return drain_next_server(&s);
}

static void turn(struct ha *ha, struct group *g)
{
	enum drain_state was = g->drain.state;
	struct drain_facts f;
	struct drain_step step;

	note_left(ha, g);
	drain_facts_of(ha, g, &f);
	if (was == DRAIN_OFF)
		g->drain.number = drain_number(f.word, ha->me);
	f.number = g->drain.number;
	step = single_is(g) && was != DRAIN_REFUSING ? next_server(ha, g, &f) : drain_next(&f);
	if (step.to != was)
		enter(ha, g, step.to, step.why);
	tell_drained(ha, g, &f);
	answer_late(ha, g);
	if (g->drain.state != DRAIN_OFF)
		tell_kernel(ha, g);
	else
		untell_kernel(ha, g);
	if (g->drain.releases)
		release(ha, g);
}

/* ---- pools: steer/ drains them, here is who waits for it ---------------------------------------------- */

static void pool_answer(struct pool_wait *w, int code, const char *what)
{
	ha_done_fn *done = w->done;
	char text[HA_TEXT + BT_NAME_MAX];

	w->done = NULL;
	snprintf(text, sizeof(text), "%s%s: %s", w->pool[0] ? "pool " : "all pools", w->pool, what);
	done(w->arg, code, text);
}

/* Of the pools that are waited for together: what is left of all, and the state of whoever is farthest from the end. */
static struct steer_drained drained(const struct ha *ha, const struct pool_wait *w)
{
	struct steer_drained sum = { .state = STEER_DRAIN_NONE, .counted = true }, r;

	for (uint32_t i = 0; i < ha->conf->n_pools; i++) {
		const char *name = ha->conf->pools[i].name;

		if ((w->pool[0] && strcmp(name, w->pool)) || steer_drained(ha->steer, name, &r) || r.state == STEER_DRAIN_NONE)
			continue;
		sum.state = sum.state == STEER_DRAIN_MOVING ? sum.state : r.state;
		sum.counted &= r.counted;
		sum.calls += r.calls;
		sum.connections += r.connections;
	}
	return sum;
}

/* Nobody is told what was counted before it began: who hears of none stops his server. */
static void pool_turn(struct ha *ha, struct pool_wait *w)
{
	struct steer_drained r = drained(ha, w);
	char text[HA_TEXT];

	if (!w->until_ns)
		w->until_ns = ha->turn_ns + w->timeout_ns;
	snprintf(text, sizeof(text), "%u dialogs and %u TCP connections are left", r.calls, r.connections);
	if (r.state == STEER_DRAIN_NONE)
		pool_answer(w, 1, "the drain has ended");
	else if (r.state == STEER_DRAIN_DONE)
		pool_answer(w, 0, "drained: nothing is left");
	else if (r.counted && (!w->timeout_ns || ha->turn_ns >= w->until_ns))
		pool_answer(w, w->timeout_ns ? 4 : 0, text);
}

static void drain_pool(struct ha *ha, const char *pool, bool reject, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	struct pool_wait *w = NULL;
	char why[HA_WHY];

	for (int i = 0; i < ASKERS_MAX && !w; i++)
		if (!ha->pool_wait[i].done)
			w = &ha->pool_wait[i];
	if (!w) {
		done(arg, 1, "too many drains are waited for already");
		return;
	}
	if (steer_drain(ha->steer, pool, reject, force, why, sizeof(why))) {
		done(arg, 1, why);
		return;
	}
	*w = (struct pool_wait){ .done = done, .arg = arg, .timeout_ns = timeout_ns };
	snprintf(w->pool, sizeof(w->pool), "%s", pool ? pool : "");
}

static const char *find_pool(const struct ha *ha, const char *name)
{
	for (uint32_t i = 0; i < ha->conf->n_pools; i++)
		if (!strcmp(ha->conf->pools[i].name, name))
			return ha->conf->pools[i].name;
	return NULL;
}

void drains_turn(struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (ha->group[i].conf->mode != MODE_PROXY)
			turn(ha, &ha->group[i]);
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->pool_wait[i].done)
			pool_turn(ha, &ha->pool_wait[i]);
}

uint64_t drains_deadline(const struct ha *ha)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (ha->group[i].drain.state == DRAIN_ASKED || ha->group[i].drain.state == DRAIN_MOVING)
			return ha->turn_ns + ha->conf->pulse_interval_ns;
	return LOOP_NEVER;
}

int drains_open(struct ha *ha, const struct ha_say *say)
{
	bool any = false;
	int err = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++)
		any |= ha->conf->groups[i].mode != MODE_PROXY;
	if (any)
		err = sweep_open(&ha->sweep, ha->dp);
	return err ? ha_fail(say, err, "drain", strerror(-err)) : 0;
}

void drains_close(struct ha *ha)
{
	sweep_close(ha->sweep);
	ha->sweep = NULL;
}

/* ---- asking ------------------------------------------------------------------------------------- */

/* Why not, as a sentence; NULL: it can begin. */
static const char *refusal(struct ha *ha, struct group *g, bool reject, char *buf, size_t len)
{
	struct judge_facts f;

	facts_of(ha, g, &f);
	if (g->conf->mode == MODE_PROXY)
		return "groups with mode = proxy are not drained so; a pool is drained by its own name";
	if (ha->stopping)
		return "this host is stopping";
	if (g->drain.state != DRAIN_OFF || g->drain.done)
		return "a drain is under way already; `baton undrain` ends it";
	if (ask_is_waited_for(ha, g) || g->hand.done)
		return "a switchover or fence is under way";
	if (BT_WORD_MODE(f.word) != BT_OPEN) {
		snprintf(buf, len, "this host does not hold the role: a drain is asked of its holder (%s)", ha->conf->peer_name);
		return buf;
	}
	if (reject)
		return NULL;
	if (single_is(g))
		return single_impediment(ha, g, false);
	if (judge_refusal(&f))
		return judge_refusal(&f);
	if (!marked(ha, g))
		return "the peer could send nothing back: frames with a foreign source address do not come through on every "
		       "interface of the VIPs, or no path lies there; `baton switchover` moves the role all the same";
	return NULL;
}

static void no_such(const struct ha *ha, const char *name, char *text, size_t len)
{
	size_t n = (size_t)(name ? snprintf(text, len, "no group or pool '%s' here; there are:", name) :
			    snprintf(text, len, "no group but with mode = proxy, and no pool here; there are:"));

	for (uint32_t i = 0; i < ha->n_groups && n < len; i++)
		n += (size_t)snprintf(text + n, len - n, " %s", ha->group[i].conf->name);
	for (uint32_t i = 0; i < ha->conf->n_pools && n < len; i++)
		n += (size_t)snprintf(text + n, len - n, " %s", ha->conf->pools[i].name);
}

static void begin(struct ha *ha, struct group *g, bool reject, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	uint32_t turn;

	g->drain.done = done;
	g->drain.arg = arg;
	g->drain.to_the_end = timeout_ns;
	g->drain.timeout_ns = timeout_ns;
	g->drain.until_ns = 0;
	if (single_is(g))
		g->drain.server = single_counted(ha, g, &turn);
	if (reject || single_is(g))
		g->drain.number = BT_WORD_NUMBER(group_word(ha, g));
	else
		g->drain.number = drain_number(group_word(ha, g), ha->peer_id);
	chronicle_asked(g);
	enter(ha, g, reject ? DRAIN_REFUSING : DRAIN_ASKED, "asked");
}

/* One of those that are drained together; whoever asked hears of all at once, and the worst of their codes. */
static void on_one(void *arg, int code, const char *what)
{
	struct drain_all *all = arg;
	size_t n = strlen(all->text);
	ha_done_fn *done = all->done;

	snprintf(all->text + n, sizeof(all->text) - n, "%s%s", n ? "; " : "", what);
	if (code == 1 || !all->code)
		all->code = code;
	if (--all->left)
		return;
	all->done = NULL;
	if (done)
		done(all->arg, all->code, all->text);
}

static bool is_asked(const struct group *g, const char *name)
{
	return name ? !strcmp(g->conf->name, name) : g->conf->mode != MODE_PROXY;
}

void ha_drain(struct ha *ha, const char *name, bool reject, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg)
{
	char buf[HA_WHY], text[HA_WHY + BT_NAME_MAX + 16];
	uint32_t n = 0;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];
		const char *why = is_asked(g, name) ? refusal(ha, g, reject, buf, sizeof(buf)) : NULL;

		n += is_asked(g, name);
		if (!why)
			continue;
		snprintf(text, sizeof(text), "group %s: %s", g->conf->name, why);
		done(arg, 1, text);
		return;
	}
	if (!n && (name ? !!find_pool(ha, name) : !!ha->conf->n_pools)) {
		drain_pool(ha, name, reject, force, timeout_ns, done, arg);
	} else if (!n) {
		no_such(ha, name, text, sizeof(text));
		done(arg, 1, text);
	} else {	/* nobody waits for another: refusal() had found it */
		ha->drain_all = (struct drain_all){ .done = done, .arg = arg, .left = n };
		for (uint32_t i = 0; i < ha->n_groups; i++)
			if (is_asked(&ha->group[i], name))
				begin(ha, &ha->group[i], reject, timeout_ns, n > 1 ? on_one : done, n > 1 ? &ha->drain_all : arg);
	}
}

static int undrain_all_pools(struct ha *ha, char *text, size_t len)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ha->conf->n_pools; i++)
		n += !steer_undrain(ha->steer, ha->conf->pools[i].name, text, len);
	if (ha->conf->n_pools > 1)
		snprintf(text, len, n ? "%u pools: all goes to the active servers again" : "no pool is being drained", n);
	else if (n)
		snprintf(text, len, "pool %s: all goes to the active server again", ha->conf->pools[0].name);
	return n ? 0 : -EALREADY;
}

static int undrain_pool(struct ha *ha, const char *name, char *text, size_t len)
{
	int err;

	if (!name)
		return undrain_all_pools(ha, text, len);
	err = steer_undrain(ha->steer, name, text, len);
	if (!err)
		snprintf(text, len, "pool %s: all goes to the active server again", name);
	return err;
}

/* Of an earlier life of ours: its servers have not been judged yet. */
static void take_up(const struct ha *ha, struct group *g)
{
	uint32_t drained = single_is(g) && g->drain.state == DRAIN_OFF ? single_drained(ha, g) : 0;

	if (!drained)
		return;
	g->drain.server = drained;
	g->drain.state = DRAIN_ON;
	g->drain.since_ns = ha->turn_ns;
}

static bool undrain_group(struct group *g, char *text, size_t len)
{
	size_t n = strlen(text);
	bool on = g->drain.state != DRAIN_OFF;

	snprintf(text + n, len - n, "%sgroup %s: %s", n ? "; " : "", g->conf->name,
		 !on ? "no drain is under way" : g->drain.state == DRAIN_REFUSING ? "new INVITEs are taken again" :
		 single_is(g) ? "all goes to the active server again" : "all goes to the holder of the role again");
	g->drain.ended |= on;
	return on;
}

int ha_undrain(struct ha *ha, const char *name, char *text, size_t len)
{
	uint32_t n = 0, ended = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < ha->n_groups; i++)
		if (is_asked(&ha->group[i], name)) {
			n++;
			take_up(ha, &ha->group[i]);
			ended += undrain_group(&ha->group[i], text, len);
		}
	if (n)
		return ended ? 0 : -EALREADY;
	if (name ? !!find_pool(ha, name) : !!ha->conf->n_pools)
		return undrain_pool(ha, name, text, len);
	no_such(ha, name, text, len);
	return -ENOENT;
}

/* It goes on: nobody is told. What had not begun to move does not. */
void drains_forget(struct ha *ha, const void *arg)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->pool_wait[i].arg == arg)
			ha->pool_wait[i].done = NULL;
	if (ha->drain_all.done && ha->drain_all.arg == arg) {
		ha->drain_all.done = NULL;
		arg = &ha->drain_all;
	}
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		struct group *g = &ha->group[i];

		if (!g->drain.done || g->drain.arg != arg)
			continue;
		g->drain.done = NULL;
		g->drain.ended |= g->drain.state == DRAIN_ASKED;
	}
}
