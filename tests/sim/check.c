/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check: is every promise kept? After every event, and before whoever changed a word goes on.
 *
 * S1 S2  Two gates open and leased, only where one was opened alone by a host that could hear nothing, and never for
 *        more than 300 ms once a way between them works again, be it in one direction, and both kernels run. A
 *        host whose life the other has not learnt of yet, because it cannot be heard, hears nothing either.
 * S3     No gate serves longer than a lease after its controller's main loop last began a turn, or 2 s after it left for a restart; none that was stopped
 *        lives again before the peer was heard; an armed one lives by the peer's answers alone.
 * S4     When quiet: one host serves; there role, address and gate agree, and on the other one, too.
 * S5     The address that both hosts of a cluster hear is nobody's source, or a switch would learn where it lives; and no stack
 *        sees it.
 * S6     The word changes as include/word_table.h has it, by those who may; numbers grow; a number that was
 *        let go is never open again. A timer's callback opens, and does nothing else.
 *        Own numbers are on disk before they are used.
 * L1     (Where no stranger makes the peer seem unauthentic.) Somebody serves within 700 ms of the last change for the worse or better, if a host is fit to; once all faults have
 *        ended the client is answered.
 * L3     In mode cluster the kernel answers the peer's death, whether its controller runs or not: within 200 ms, or as soon as
 *        nobody can hold a lease any more if nobody asks. None watches while it is being stopped in order.
 * L4     A prober that is on time has found a silence within three quarters of an interval of the time asked for.
 * L2     No more moves of the role than faults; none when there is nothing to move for.
 * G4     Nothing is lost nor accepted by both hosts in a planned switchover.
 */
#include "sim.h"

#include "core/role.h"
#include "core/term_file.h"
#include "core/word.h"
#include "ha/ha_own.h"
#include "pulse_wire.h"

#define OVERLAP_NS	(300 * NS_PER_MS)
#define GAP_NS		(700 * NS_PER_MS)
#define GAP_WITNESS_NS	(60 * NS_PER_S)		/* without a lock it may be as long as the faults are */
#define WATCH_NS	(200 * NS_PER_MS)	/* as long as detection may take, and a little */
#define UNASKED_NS	(450 * NS_PER_MS)	/* a lease more */
#define RESTART_NS	(2 * NS_PER_S)		/* design G3: the lease of a planned restart */
#define VOTES_NS	(100 * NS_PER_MS)	/* some turns of the main loop */
#define SILENT_NS	(25 * NS_PER_MS)	/* a prober that comes so late lets a whole detection go by, nearly */
#define CALM_NS		(300 * NS_PER_MS)	/* beats for a verdict, and what is left of trouble at the start of them */
#define DETECT_NS	(150 * NS_PER_MS)	/* what a verdict goes by is no older than this: 4 x 10 x 3 ms, and a little */

uint32_t moves;

static struct {
	uint64_t word, left_open, opened_at;
	bool alone, excused;
	uint64_t deaf_at;	/* when the peer last had no way to it, */
	uint64_t way_at;	/* and when it last had one, be it bad */
	uint64_t lease;
	uint64_t disk_at;	/* when its disk last failed: tried again a second later */
	uint64_t watch_at;	/* when its watchdog last opened the gate, its clock */
	uint64_t due_at;	/* since when its watchdog should open it */
	bool link[NETS];
	uint64_t link_at;	/* when a link of its last came or went, its clock */
	uint64_t heard;		/* when its kernel last heard the peer, */
	uint64_t late;		/* and how many of its prober's beats were late by then */
	uint64_t troubled_at;	/* when its prober last may have come late, or was another */
} st[HOSTS];

static uint64_t overlap_at, no_way_at, gap_at;
static int holder;

void check_reset(void)
{
	memset(st, 0, sizeof(st));
	overlap_at = no_way_at = gap_at = 0;
	holder = -1;
	moves = 0;
}

void check_boot(struct host *h, bool disk_lost)
{
	struct host *other = &host[!h->port];

	st[h->port].word = 0;
	st[h->port].alone = false;
	st[h->port].lease = st[h->port].watch_at = 0;
	if (disk_lost)
		st[h->port].left_open = 0;
	(void)other;
}

/* ---- S6: the word ----------------------------------------------------------------------------- */

enum who { CONTROLLER, KERNEL, TIMER };

static const char *const who_text[] = { "controller", "kernel", "watchdog" };

static bool is_due_to(enum word_cause c, enum who who)
{
	switch (c) {
	case WORD_HEARD_HIGHER:
	case WORD_HEARD_LETGO:
		return who == KERNEL;
	case WORD_FOUND_DEAD:
		return who == TIMER;
	case WORD_LEAVE:
		return who != TIMER;
	default:
		return who == CONTROLLER;
	}
}

static bool number_fits(enum word_after after, uint64_t from, uint64_t to, uint8_t me_id)
{
	switch (after) {
	case WORD_SAME:
		return BT_WORD_NUMBER(from) == BT_WORD_NUMBER(to);
	case WORD_THE_PEERS:
		return BT_WORD_OWNER(to) != me_id && BT_WORD_NUMBER(to) > BT_WORD_NUMBER(from);
	case WORD_NEXT:
		return BT_WORD_OWNER(to) == me_id && BT_WORD_TERM(to) == BT_WORD_TERM(from) + 1;
	case WORD_ABOVE:
		return BT_WORD_OWNER(to) == me_id && BT_WORD_TERM(to) > BT_WORD_TERM(from);
	}
	return false;
}

struct row { enum bt_mode mode, to; enum word_whose whose; enum word_cause cause; enum word_after after; };

static enum word_cause cause_of(uint64_t from, uint64_t to, uint8_t me_id, enum who who)
{
	static const struct row rows[] = {
#define ROW(m, w, c, t, a) { BT_##m, BT_##t, WORD_##w, WORD_##c, WORD_##a },
		WORD_TABLE(ROW)
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (r->mode == BT_WORD_MODE(from) && r->to == BT_WORD_MODE(to) && r->whose == word_whose(from, me_id) &&
		    number_fits(r->after, from, to, me_id) && is_due_to(r->cause, who))
			return r->cause;
	}
	return 0;
}

static void note_open(struct host *h, uint64_t to, enum word_cause cause)
{
	uint32_t i = h->port;

	if (cause == WORD_RENUMBER)
		return;
	if (BT_WORD_NUMBER(to) <= st[i].left_open)
		violated("S6", "host %s opens %s again, a number that was let go", h->name, word_text(to));
	st[i].alone = cause == WORD_OPEN_ALONE || cause == WORD_FOUND_DEAD;
	if (cause == WORD_FOUND_DEAD)
		st[i].watch_at = host_now(h);
	if (cause == WORD_FOUND_DEAD && host_lease(h) < host_now(h) + h->conf.lease_ns)
		violated("L3", "host %s: its watchdog opens the gate, and gives a lease of %lld us", h->name,
			 ((long long)host_lease(h) - (long long)host_now(h)) / 1000);
	st[i].excused = st[i].alone && sim_now - st[i].deaf_at < DETECT_NS;
	st[i].opened_at = sim_now;
	if (st[i].alone)
		tell(h, "opened alone, %s", st[i].excused ? "and could hear nothing" : "although it could hear the peer");
}

/* Own numbers, and those the kernel may take by itself, are on disk before they can be in a word. */
static void check_disk(struct host *h, uint64_t to)
{
	struct disk_file *f = host_file(h, "/state/term.sip", false);
	struct term_record rec = { 0 };
	uint32_t owed = BT_WORD_OWNER(to) == h->id ? BT_WORD_TERM(to) : BT_WORD_MODE(to) == BT_ARMED ? BT_WORD_TERM(to) + 1 : 0;

	if (f)
		term_file_read("sip", f->data, f->len, &rec);
	if (owed > rec.reserved)
		violated("S6", "host %s: %s, and only %u terms are on its disk", h->name, word_text(to), rec.reserved);
}

static void changed(struct host *h, uint64_t to, enum who who)
{
	uint64_t from = st[h->port].word;
	enum word_cause cause = cause_of(from, to, h->id, who);

	st[h->port].word = to;
	trace(to);
	tell(h, "word %s -> %s by %s", word_text(from), word_text(to), who_text[who]);
	if (!cause && !(from == 0 && BT_WORD_MODE(to) == BT_SHUT && !h->proc.ha))	/* recalled from disk */
		violated("S6", "host %s: the %s made %s of %s, which no row of the word's table allows", h->name,
			 who_text[who], word_text(to), word_text(from));
	if (cause)
		check_disk(h, to);
	if (BT_WORD_MODE(from) == BT_OPEN && BT_WORD_NUMBER(from) > st[h->port].left_open &&
	    (BT_WORD_MODE(to) != BT_OPEN || BT_WORD_NUMBER(to) != BT_WORD_NUMBER(from)))
		st[h->port].left_open = BT_WORD_NUMBER(from);
	if (BT_WORD_MODE(to) == BT_OPEN)
		note_open(h, to, cause);
}

void check_word(struct host *h)
{
	uint64_t w = h->on ? host_word(h) : 0;

	if (w != st[h->port].word)
		changed(h, w, CONTROLLER);
}

void check_word_of_kernel(struct host *h)
{
	if (host_word(h) != st[h->port].word)
		changed(h, host_word(h), KERNEL);
}

void check_word_of_timer(struct host *h)
{
	if (host_word(h) != st[h->port].word)
		changed(h, host_word(h), TIMER);
	else
		return;
	if (!in_cluster || profile->flags & P_WITNESS)
		violated("L3", "host %s: its watchdog opens, %s", h->name, in_cluster ? "beside a lock" : "and the mode is takeover");
}

/* ---- S1, S2: one holder ------------------------------------------------------------------------ */

static void check_overlap(void)
{
	uint64_t since;

	if (!host_serves(&host[0]) || !host_serves(&host[1])) {
		if (overlap_at)
			tell(NULL, "overlap over after %llu us", (unsigned long long)(sim_now - overlap_at) / 1000);
		overlap_at = 0;
		return;
	}
	if (!overlap_at) {
		overlap_at = sim_now;
		tell(NULL, "both gates are open and leased: a %s, b %s", word_text(st[0].word), word_text(st[1].word));
	}
	if (profile->flags & P_WITNESS)
		violated("S1", "both gates are open and leased (a %s, b %s), in witness mode", word_text(st[0].word),
			 word_text(st[1].word));
	if (!(st[0].alone && st[0].excused) && !(st[1].alone && st[1].excused))
		violated("S1", "both gates are open and leased (a %s, b %s), and neither was opened alone by a host that could hear nothing",
			 word_text(st[0].word), word_text(st[1].word));
	since = overlap_at > no_way_at ? overlap_at : no_way_at;
	if (sim_now - since > OVERLAP_NS)
		violated("S2", "both gates are open and leased (a %s, b %s), for %llu ms with a way between the hosts",
			 word_text(st[0].word), word_text(st[1].word), (unsigned long long)(sim_now - since) / NS_PER_MS);
}

/*
 * There is a way, and what comes is believed: it names the present life of the one that hears. And something does come: the
 * other's controller probes, or its kernel answers probes that reach it.
 */
static bool hears(struct host *from, struct host *to)
{
	bool starved = from->starved_ppm && from->starved_ns >= SILENT_NS;
	bool probes = from->proc.alive && !from->proc.stopped && from->proc.ha && !starved;
	const struct bt_pair *pair = kernel_map(from, "st_pair");
	const struct bt_node *node = kernel_map(to, "cfg_node");

	return net_works(from->port, to->port) && pair->peer_boot == node->boot &&
	       (probes || net_works(to->port, from->port));
}

static void note_ways(void)
{
	bool to_b = hears(&host[0], &host[1]), to_a = hears(&host[1], &host[0]);

	if (!to_a)
		st[0].deaf_at = sim_now;
	if (!to_b)
		st[1].deaf_at = sim_now;
	for (uint32_t i = 0; i < HOSTS; i++)	/* what stands sees no time pass */
		if (net_may_work(!i, i) || (host[i].frozen && host[i].clock_stands))
			st[i].way_at = sim_now;
	if (!to_a && !to_b)
		no_way_at = sim_now;
}

/* ---- S3: leases -------------------------------------------------------------------------------- */

static uint64_t newest_heard(struct host *h)
{
	const struct bt_pair *pair = kernel_map(h, "st_pair");
	uint64_t newest = 0;

	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (pair->path[i].heard_ns > newest)
			newest = pair->path[i].heard_ns;
	return newest;
}

/* Before it began anew in place a batond has given its gate so much, once. */
static bool is_extended(const struct host *h)
{
	return h->again_at && host_now(h) < h->again_at + RESTART_NS;
}

/* The lease was renewed, from @was: was that anybody's right? */
static void lease_renewed(struct host *h, uint64_t was)
{
	uint64_t now = host_now(h), until = host_lease(h), watch_at = st[h->port].watch_at;

	if (watch_at && until == watch_at + h->conf.lease_ns)
		return;		/* what the watchdog may give, once */
	if (until > h->proc.turn_at + h->conf.lease_ns && !(is_extended(h) && until <= h->again_at + RESTART_NS))
		violated("S3", "host %s: a lease that ends %llu us later than one counted from the start of the turn", h->name,
			 (unsigned long long)(until - h->proc.turn_at - h->conf.lease_ns) / 1000);
	if (!(profile->flags & P_WITNESS) &&	/* there the lock gives that right, too */
	    BT_WORD_MODE(st[h->port].word) == BT_OPEN && BT_WORD_MODE(host_word(h)) == BT_OPEN && was && was <= now &&
	    was + NS_PER_MS < until - h->conf.lease_ns && newest_heard(h) <= was && sim_now - st[h->port].deaf_at > DETECT_NS)
		violated("S3", "host %s: a lease that ended %llu us ago lives again, and the peer was not heard since", h->name,
			 (unsigned long long)(now - was) / 1000);
}

static void check_lease(struct host *h)
{
	uint64_t now = host_now(h), until = host_lease(h);
	uint32_t i = h->port;
	uint64_t since = h->proc.turn_at > st[i].watch_at ? h->proc.turn_at : st[i].watch_at;

	if (until != st[i].lease)
		lease_renewed(h, st[i].lease);
	st[i].lease = until;
	if (host_serves(h) && now > since + h->conf.lease_ns && !is_extended(h))
		violated("S3", "host %s serves %llu ms after its main loop last began a turn, or its watchdog opened; the lease is %llu ms", h->name,
			 (unsigned long long)(now - since) / NS_PER_MS,
			 (unsigned long long)h->conf.lease_ns / NS_PER_MS);
	if (st[i].alone && BT_WORD_MODE(host_word(h)) == BT_OPEN && now >= until && !h->frozen && !h->starved_ppm &&
	    sim_now - st[i].opened_at > 40 * NS_PER_MS && sim_now - st[i].opened_at < 60 * NS_PER_MS &&
	    now - h->proc.turn_at < 30 * NS_PER_MS)
		violated("L1", "host %s opened its gate alone %llu ms ago and has no lease", h->name,
			 (unsigned long long)(sim_now - st[i].opened_at) / NS_PER_MS);
	if (BT_WORD_MODE(host_word(h)) == BT_ARMED && !h->frozen && !is_extended(h) && now + NS_PER_MS < until &&
	    sim_now - st[i].way_at > h->conf.lease_ns + 80 * NS_PER_MS)
		violated("S3", "host %s is armed and leased, %llu ms after the peer had a way to it", h->name,
			 (unsigned long long)(sim_now - st[i].way_at) / NS_PER_MS);
}

/* ---- L2: moves --------------------------------------------------------------------------------- */

static void note_holder(void)
{
	bool a = host_serves(&host[0]), b = host_serves(&host[1]);
	int now = a && !b ? 0 : b && !a ? 1 : holder;

	if (now == holder)
		return;
	if (holder >= 0) {
		moves++;
		tell(NULL, "the role moved to %s: move %u", host[now].name, moves);
		if (!(profile->flags & P_NO_LIMIT) && moves > moves_allowed)
			violated("L2", "move %u of the role; %u faults were made, and no more than %u moves are due", moves,
				 faults_done, moves_allowed);
	}
	holder = now;
}

/* ---- L1: somebody ------------------------------------------------------------------------------- */

void check_disturbed(void)
{
	gap_at = sim_now;
}

/* All that a host needs to take the role, within the time it is given. */
static bool is_fit(const struct host *h)
{
	const struct proc *p = &h->proc;

	return h->on && !h->frozen && p->alive && !p->stopped && p->ha && !p->ha->stopping && h->server && h->link[0] &&
	       (!st[h->port].disk_at || sim_now - st[h->port].disk_at > 1100 * NS_PER_MS) && h->disk_ns <= 20 * NS_PER_MS && !h->starved_ppm &&
	       p->ha->group[0].hand.state == HAND_OFF && host_now(h) > p->ha->started_ns + NS_PER_S;
}

static void check_gap(void)
{
	for (int i = 0; i < HOSTS; i++)
		if (host[i].disk_fails)
			st[i].disk_at = sim_now;
	if (stranger_is_there() || host_serves(&host[0]) || host_serves(&host[1]) || (!is_fit(&host[0]) && !is_fit(&host[1])))
		gap_at = sim_now;
	else if (sim_now - gap_at > (profile->flags & P_WITNESS ? GAP_WITNESS_NS : GAP_NS))
		violated("L1", "nobody has served for %llu ms (a %s, b %s), although %s is fit to", 
			 (unsigned long long)(sim_now - gap_at) / NS_PER_MS, word_text(st[0].word), word_text(st[1].word),
			 is_fit(&host[0]) ? "a" : "b");
}

/* The peer is gone, and this host's watchdog has all that it needs. */
static bool watch_is_due(struct host *h)
{
	const struct bt_group *g = kernel_map(h, "cfg_group");
	const struct bt_watch_own *own = kernel_map(h, "ct_watch");
	const struct bt_watch *timer = kernel_map(h, "st_watch");

	return h->on && !h->frozen && !h->late_ppm && g->flags & BT_GROUP_WATCH && own->generation &&
	       own->generation == timer->generation && own->votes && !(own->flags & BT_WATCH_ROUTER) &&
	       (g->health & (PULSE_F_RUNNING | PULSE_F_FENCED | PULSE_F_STOPPING)) == PULSE_F_RUNNING &&
	       BT_WORD_MODE(st[h->port].word) == BT_ARMED && word_whose(st[h->port].word, h->id) == WORD_PEERS &&
	       newest_heard(h) && !host[!h->port].on;
}

/* A path whose own link is down has no vote, unless none has a link. The main loop has turned since it knows of it. */
static void check_votes(struct host *h)
{
	const struct bt_watch_own *own = kernel_map(h, "ct_watch");
	uint32_t down = h->link[0] ? 1 : 0;

	if (memcmp(st[h->port].link, h->link, sizeof(h->link)))
		st[h->port].link_at = host_now(h);
	memcpy(st[h->port].link, h->link, sizeof(h->link));
	if (h->conf.n_paths == 2 && h->link[0] != h->link[1] && own->generation && h->proc.ha && !h->proc.stopped &&
	    h->proc.turn_at > st[h->port].link_at + VOTES_NS && own->votes & 1u << down)
		violated("L3", "host %s: path %u, whose link is down, has a vote in what its watchdog judges by", h->name, down);
}

/* Who asks nothing waits for longer than any lease that the peer's main loop gives, by the slower of two clocks. */
static void check_patience(struct host *h)
{
	const struct bt_watch_own *own = kernel_map(h, "ct_watch");
	uint64_t longest = host[!h->port].conf.lease_ns;

	if (own->generation && own->patience_ns < longest + longest / 10)
		violated("L3", "host %s: without a question its watchdog waits %llu us; a lease of the peer's runs for %llu", h->name,
			 (unsigned long long)own->patience_ns / 1000, (unsigned long long)longest / 1000);
}

/* What its kernel opened by the controller knows from its next turn on, before its own prober finds it: other groups wait for that. */
static void check_told(struct host *h)
{
	uint64_t opened = st[h->port].watch_at;
	const struct ha *ha = h->proc.ha;

	if (ha && !h->proc.stopped && BT_WORD_MODE(st[h->port].word) == BT_OPEN && opened > ha->started_ns &&
	    h->proc.turn_at > opened + NS_PER_MS && h->proc.turn_at < opened + h->conf.lease_ns && host_now(h) > h->proc.turn_at &&
	    newest_heard(h) <= opened && ha->peer == PEER_UP)
		violated("L3", "host %s: its watchdog found the peer dead %llu us before this turn, and its controller takes it to be up", h->name,
			 (unsigned long long)(h->proc.turn_at - opened) / 1000);
}

static void check_watch(struct host *h)
{
	bool asks = h->proc.alive && !h->proc.stopped && h->proc.ha && !h->starved_ppm;

	if (h->proc.ha && h->proc.ha->stopping && ((const struct bt_watch_own *)kernel_map(h, "ct_watch"))->generation)
		violated("L3", "host %s is being stopped in order, and its watchdog could still open the gate", h->name);
	check_votes(h);
	check_patience(h);
	check_told(h);
	if (stranger_is_there() || !watch_is_due(h))
		st[h->port].due_at = sim_now;
	else if (sim_now - st[h->port].due_at > (asks ? WATCH_NS : UNASKED_NS))
		violated("L3", "host %s has stood at %s for %llu ms since its peer's host died, and its watchdog has not opened the gate",
			 h->name, word_text(st[h->port].word), (unsigned long long)(sim_now - st[h->port].due_at) / NS_PER_MS);
}

/* ---- L4: the prober ----------------------------------------------------------------------------- */

/* As many beats as silence is long have left on time since the peer was heard on this path, and so much time has passed. */
static bool silence_is_due(struct host *h, const struct pulse_report *r, uint32_t i)
{
	const struct bt_watch_own *own = kernel_map(h, "ct_watch");
	uint64_t heard = ((const struct bt_pair *)kernel_map(h, "st_pair"))->path[i].heard_ns;
	uint64_t slack = h->conf.pulse_interval_ns - h->conf.pulse_interval_ns / 4;

	return heard == r->path[i].heard_ns && own->asking_ns[i] > heard && host_now(h) > heard + own->detect_ns[i] + slack;
}

static void check_prober(struct host *h)
{
	struct pulse_report r;
	uint32_t i = h->port;

	if (!h->proc.alive || h->proc.stopped || !h->proc.ha || h->frozen || h->starved_ppm || is_extended(h))
		st[i].troubled_at = sim_now;
	if (sim_now - st[i].troubled_at < CALM_NS)
		return;
	pulse_report(h->proc.ha->pulse, &r);
	if (newest_heard(h) != st[i].heard)
		st[i].late = r.late;
	st[i].heard = newest_heard(h);
	for (uint32_t path = 0; path < r.n_paths && r.late == st[i].late; path++)
		if (silence_is_due(h, &r, path) && !r.path[path].silent)
			violated("L4", "host %s: path %u has been silent for %llu us, %llu are enough, and its prober has not found it", h->name,
				 path, (unsigned long long)(host_now(h) - r.path[path].heard_ns) / 1000,
				 (unsigned long long)r.path[path].detect_ns / 1000);
}

void check_event(void)
{
	note_ways();
	for (int i = 0; i < HOSTS; i++) {
		if (!host[i].on)
			continue;
		check_word(&host[i]);
		check_lease(&host[i]);
		check_watch(&host[i]);
		check_prober(&host[i]);
	}
	check_overlap();
	check_gap();
	note_holder();
}

void check_accept(struct host *h)
{
	if (h->kernel.attached && !host_serves(h))
		violated("S3", "host %s lets a frame in, %s, and its lease ended %llu us ago", h->name, word_text(host_word(h)),
			 (unsigned long long)(host_now(h) - host_lease(h)) / 1000);
}

void check_address(struct host *h, uint32_t net, const struct frame *f, bool out)
{
	const uint8_t *cluster = host_cluster_mac(h);
	uint8_t own[6];

	host_mac(h, net, own);
	if (cluster && out && !memcmp(f->data + 6, cluster, 6))
		violated("S5", "host %s sends a frame whose source is the address that both hosts hear", h->name);
	if (cluster && !out && memcmp(f->data, own, 6))
		violated("S5", "host %s: its stack got a frame of the VIP to %02x:%02x:%02x:%02x:%02x:%02x", h->name, f->data[0],
			 f->data[1], f->data[2], f->data[3], f->data[4], f->data[5]);
}

void check_accepts(struct host *h, uint32_t id)
{
	if (profile->flags & P_LOSSLESS)
		violated("G4", "request %u was accepted by both hosts, last by %s", id, h->name);
}

/* ---- S4, L1: peace ----------------------------------------------------------------------------- */

static void check_agreement(struct host *h)
{
	const struct group *g;
	bool open = host_serves(h);

	if (!h->proc.ha) {
		violated("L1", "host %s: batond does not run", h->name);
		return;
	}
	g = &h->proc.ha->group[0];
	if (open != (g->role == ROLE_PRIMARY) || (in_cluster ? !h->vip_addr : open != h->vip_addr))
		violated("S4", "host %s in peace: gate %s (%s), role %s, address %s", h->name, open ? "serves" : "does not serve",
			 word_text(st[h->port].word), role_text(g->role), h->vip_addr ? "there" : "not there");
}

void check_quiet(void)
{
	uint64_t silent = sim_now - client_last_answer();

	if (host_serves(&host[0]) == host_serves(&host[1]))
		violated("L1", "%llu ms after the last fault: %s serves (a %s, b %s)",
			 (unsigned long long)(sim_now - faults_end) / NS_PER_MS, host_serves(&host[0]) ? "both host" : "no host",
			 word_text(st[0].word), word_text(st[1].word));
	for (int i = 0; i < HOSTS; i++)
		check_agreement(&host[i]);
	if (silent > 100 * NS_PER_MS)
		violated("L1", "in peace, the client has not been answered for %llu ms", (unsigned long long)silent / NS_PER_MS);
}

void check_end(void)
{
	client_count_lost(sim_now);
	if ((profile->flags & P_LOSSLESS) && (tally.lost || tally.twice || tally.both))
		violated("G4", "of %llu requests %llu were not answered, %llu answered twice, %llu accepted by both hosts",
			 (unsigned long long)tally.sent, (unsigned long long)tally.lost, (unsigned long long)tally.twice,
			 (unsigned long long)tally.both);
}
