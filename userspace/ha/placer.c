/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/placer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/when.h"
#include "ha/route.h"
#include "sys/background.h"
#include "sys/diag.h"
#include "sys/clock.h"
#include "sys/raw.h"

#define PRIORITY	30	/* below the main loop; a takeover is not finished without us */
#define RETRY_NS	(100 * NS_PER_MS)
#define REST_NS		(200 * NS_PER_MS)
#define FAULT_LOOKS	3
#define AT_ONCE_MAX	5	/* times in a row that somebody else's change is mended at once: then the period is soon enough */

struct slot {
	const struct conf_group *conf;
	const struct vip *vips;
	struct announce *announce;
	enum place want, is;
	bool asked;			/* want is newer than is */
	bool told;			/* asked at least once: until then nothing is known to be wrong */
	bool repairs;			/* what is asked for is to mend somebody else's change */
	bool news;			/* somebody may have changed the addresses */
	uint32_t at_once;		/* so many times may be mended at once */
	uint64_t every_ns, next;	/* periodic look; by CLOCK_MONOTONIC */
	struct fault fault;
	struct often often;
	struct place_report report;
	bool *present;
};

struct placer {
	struct nl nl, diag;
	struct dp *dp;
	struct vip_script *script;
	int done;
	struct background bg;
	bool look;
	struct slot slot[BT_GROUPS_MAX];
	uint32_t n;
	bool present[CONF_VIPS_MAX];	/* slots have slices of it */
	bool found[CONF_VIPS_MAX];	/* the thread's own, while it looks */
};

static int note(struct place_report *r, int err, const char *what, const char *why)
{
	if (err)
		snprintf(r->why, sizeof(r->why), "%s: %.120s", what, why);
	return err;
}

static bool by_script(const struct slot *s)
{
	return s->conf->opt.control_vip_scripts;
}

static bool is_resident(const struct slot *s)
{
	return conf_is_resident(s->conf);
}

static bool gate_serves(const struct placer *p, const struct slot *s)
{
	uint32_t slot = (uint32_t)(s - p->slot);

	return BT_WORD_MODE(atomic_load(&dp_words(p->dp)[slot])) == BT_OPEN && atomic_load(&dp_leases(p->dp)[slot]) > clock_now_ns();
}

/* XDP is what answers for them. Many share one interface. */
static bool gate_stands(const struct placer *p, const struct slot *s)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < s->conf->n_vips; i++) {
		if (s->vips[i].ifindex != seen && !dp_xdp_stands(p->dp, s->vips[i].ifindex))
			return false;
		seen = s->vips[i].ifindex;
	}
	return true;
}

/* Is the gate of resident VIPs as the role wants it? "": yes. While the role moves either will do. */
static const char *gate_trouble(const struct placer *p, const struct slot *s, enum place want)
{
	if (!is_resident(s) || (want != PLACE_HELD && want != PLACE_ABSENT))
		return "";
	if (want == PLACE_ABSENT)
		return gate_serves(p, s) ? "the gate is open, though the role is not held" : "";
	if (!gate_stands(p, s))
		return "XDP, which alone answers for the VIPs, is missing on their interface";
	return gate_serves(p, s) ? "" : "the gate is not open, or its lease has ended";
}

/* By the last look. The next one is soon enough: until then the kernel has better to do, a role moves. */
static bool all_there(const struct slot *s)
{
	for (uint32_t i = 0; i < s->conf->n_vips; i++)
		if (!s->present[i])
			return false;
	return true;
}

/* -EINPROGRESS is no failure: the operator's script is at work. */
static int have_script_do(struct placer *p, const struct slot *s, bool up, struct place_report *r)
{
	int err = vip_present(&p->nl, s->vips, s->conf->n_vips, p->found);

	if (err)
		return note(r, err, "cannot see", vip_why());
	err = vip_script_step(p->script, (uint32_t)(s - p->slot), s->vips, p->found, up);
	return err == -EINPROGRESS ? err : note(r, err, up ? "sip-vip-script-up failed" : "sip-vip-script-down failed", vip_script_why());
}

/* One group as it is wanted; each step is idempotent. What failed is in @r. */
static int carry_out(struct placer *p, const struct slot *s, enum place want, struct place_report *r)
{
	const struct conf_group *c = s->conf;
	uint32_t ifindex = s->vips[0].ifindex;
	int err = 0;

	if (is_resident(s) && !all_there(s))
		err = note(r, vip_add(&p->nl, s->vips, c->n_vips), "cannot add", vip_why());

	if (want == PLACE_KEPT)
		return err;
	if (want == PLACE_HELD) {
		if (!by_script(s) && !is_resident(s))
			err = note(r, vip_add(&p->nl, s->vips, c->n_vips), "cannot add", vip_why());
		if (!err && c->n_routes)
			err = note(r, route_add(&p->nl, s->vips, c->n_vips, c->routes, c->n_routes, ifindex),
				   "cannot add route", route_why());
		return err || !by_script(s) ? err : have_script_do(p, s, true, r);
	}
	if (c->n_routes && !err)
		err = note(r, route_del(&p->nl, c->routes, c->n_routes, ifindex), "cannot remove route", route_why());
	if (want == PLACE_ABSENT && !err && by_script(s))
		err = have_script_do(p, s, false, r);
	else if (want == PLACE_ABSENT && !err && !is_resident(s))
		err = note(r, vip_del(&p->nl, s->vips, c->n_vips), "cannot remove", vip_why());
	return err;
}

static bool is_ours(void *arg, const struct in6_addr *local)
{
	const struct slot *s = arg;

	for (uint32_t i = 0; i < s->conf->n_vips; i++)
		if (!memcmp(&s->vips[i].ip, local, sizeof(*local)))
			return true;
	return false;
}

/* Before the VIP's routes go: a reset has a way to travel. */
static void end_connections(struct placer *p, struct slot *s, struct place_report *r)
{
	r->end_err = p->diag.sock ? diag_end_tcp(&p->diag, is_ours, s, &r->ended) : -EOPNOTSUPP;
}

enum sight { SIGHT_UNKNOWN, SIGHT_WRONG, SIGHT_RIGHT };

/* Is everything there that must be, and nothing that must not? While the role moves either will do. */
static enum sight see(struct placer *p, const struct slot *s, enum place want, bool *found)
{
	bool ok = true, there = want == PLACE_HELD || is_resident(s);

	if (vip_present(&p->nl, s->vips, s->conf->n_vips, found))
		return SIGHT_UNKNOWN;	/* the next look will tell */
	for (uint32_t i = 0; i < s->conf->n_vips && (there || want == PLACE_ABSENT); i++)
		ok &= found[i] == there;
	return ok ? SIGHT_RIGHT : SIGHT_WRONG;
}

/* vip_del() leaves an address of another prefix length, which is nobody's but whoever put it there: not for the guide. */
static enum sight see_result(struct placer *p, const struct slot *s, enum place want, int *err, struct place_report *r)
{
	enum sight sight = SIGHT_RIGHT;

	if (!*err && is_resident(s) && all_there(s)) {
		memcpy(p->found, s->present, s->conf->n_vips * sizeof(*s->present));
		return sight;
	}
	sight = see(p, s, want, p->found);
	if (*err || sight != SIGHT_WRONG || want != PLACE_ABSENT || is_resident(s) || !s->conf->opt.sip_iptakeover_monitoring)
		return sight;
	*err = note(r, vip_evict(&p->nl, s->vips, s->conf->n_vips), "cannot remove", vip_why());
	return see(p, s, want, p->found);
}

static void weigh(struct slot *s, bool well)
{
	struct fault_rule rule = { FAULT_LOOKS, s->every_ns };

	fault_look(&s->fault, &rule, well, clock_now_ns());
	s->report.failed = s->fault.failed;
}

/* After -EAGAIN the answer may still come and would be taken for that of the next request. */
static void reopen_if_late(struct placer *p, int err)
{
	struct nl fresh;

	if (err != -EAGAIN || nl_open(&fresh, NETLINK_ROUTE, 0))
		return;
	nl_close(&p->nl);
	p->nl = fresh;
}

/* With the lock held; it is dropped while the kernel works. */
static void work(struct placer *p, struct slot *s, bool repair)
{
	enum place want = s->want;
	struct place_report r = { 0 };
	uint64_t one = 1;
	bool lets = want == PLACE_LINGER && s->is != PLACE_LINGER;
	enum sight sight;
	bool under_way;
	int err;

	s->asked = false;
	s->repairs |= repair;
	background_unlock(&p->bg);
	if (lets)
		end_connections(p, s, &r);
	/* A link that was down has lost its IPv6 routes; there already costs nothing. */
	err = is_resident(s) ? 0 : note(&r, vip_route_add(&p->nl, s->vips, s->conf->n_vips), "cannot add local route", vip_why());
	if (!err)
		err = carry_out(p, s, want, &r);
	reopen_if_late(p, err);
	sight = see_result(p, s, want, &err, &r);
	under_way = err == -EINPROGRESS;
	background_lock(&p->bg);
	memcpy(s->present, p->found, s->conf->n_vips * sizeof(*s->present));
	s->is = want;
	if (!under_way && (err || (repair && sight == SIGHT_WRONG)))
		weigh(s, false);
	s->report.err = under_way ? 0 : err;
	memcpy(s->report.why, r.why, sizeof(r.why));
	s->report.settled = !err && !s->asked;
	if (s->repairs && !err) {
		s->repairs = false;
		s->report.repaired++;
		often_note(&s->often, clock_now_ns());
	}
	if (lets) {
		s->report.lets++;
		s->report.ended = r.ended;
		s->report.end_err = r.end_err;
	}
	if (err)
		s->asked = true;
	(void)!write(p->done, &one, sizeof(one));
}

/* @routine: the periodic look, by which it is judged; else somebody may have changed something this very moment. */
static void look(struct placer *p, struct slot *s, bool routine)
{
	enum place is = s->is;
	const char *trouble;
	enum sight sight;

	background_unlock(&p->bg);
	if (!is_resident(s))
		vip_route_add(&p->nl, s->vips, s->conf->n_vips);
	if (routine)
		announce_learn(s->announce);
	sight = see(p, s, is, p->found);
	trouble = routine ? gate_trouble(p, s, is) : "";
	background_lock(&p->bg);
	memcpy(s->present, p->found, s->conf->n_vips * sizeof(*s->present));
	if (s->asked)
		return;
	if (routine && sight != SIGHT_UNKNOWN)
		weigh(s, sight == SIGHT_RIGHT && !trouble[0]);
	if (sight == SIGHT_RIGHT && is_resident(s))
		snprintf(s->report.why, sizeof(s->report.why), "%s", trouble);
	if (sight != SIGHT_WRONG)
		return;
	if (!routine)
		s->at_once--;
	work(p, s, true);
}

/* Whoever takes an address away each time it is put back finds it put back at the period only. */
static bool look_is_due(struct slot *s, bool everything, uint64_t now, bool *routine)
{
	bool news = s->news && s->at_once;

	*routine = everything || now >= s->next;
	s->news = false;
	if (!*routine)
		return news;
	s->next = now + s->every_ns;
	if (s->at_once < AT_ONCE_MAX)
		s->at_once++;
	return true;
}

/* Every group that was asked for something; true when one has to be tried again. */
static bool round_of_work(struct placer *p, bool everything)
{
	bool again = false, routine;

	for (uint32_t i = 0; i < p->n && !p->bg.quit; i++) {
		struct slot *s = &p->slot[i];

		if (!s->told)
			continue;
		if (s->asked)
			work(p, s, false);
		else if (look_is_due(s, everything, background_in(0), &routine))
			look(p, s, routine);
		s->report.often = often_is(&s->often, clock_now_ns());
		again |= s->asked;
	}
	return again;
}

/* One that was asked for something, and could not, is tried again and not looked at: its time may be long past. */
static uint64_t next_look(const struct placer *p)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < p->n; i++)
		if (p->slot[i].told && !p->slot[i].asked)
			next = earlier(next, p->slot[i].next);
	return next;
}

/* Announcements pause or have ended: nobody is to wait for their socket when this process is killed. */
static void rest(struct placer *p)
{
	background_unlock(&p->bg);
	raw_rest(REST_NS / 2);
	background_lock(&p->bg);
}

static bool has_news(const struct placer *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->slot[i].told && ((p->slot[i].news && p->slot[i].at_once) || p->slot[i].asked))
			return true;
	return false;
}

static void *run(void *arg)
{
	struct placer *p = arg;
	bool again, everything;

	background_lock(&p->bg);
	while (!p->bg.quit) {
		everything = p->look;
		p->look = false;
		again = round_of_work(p, everything);
		rest(p);
		if (!p->bg.quit && !p->look && (again || !has_news(p)))
			background_wait(&p->bg, earlier(next_look(p), background_in(again ? RETRY_NS : REST_NS)));
	}
	background_unlock(&p->bg);
	return NULL;
}

int placer_open(struct placer **ret, const struct conf *conf, struct dp *dp, struct vip_script *script, int done)
{
	struct placer *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->done = done;
	p->dp = dp;
	p->script = script;
	p->n = conf->n_groups;
	for (uint32_t i = 0; i < p->n; i++) {
		p->slot[i].conf = &conf->groups[i];
		p->slot[i].present = &p->present[conf->groups[i].first_vip];
		p->slot[i].every_ns = conf->groups[i].opt.network_monitoring_timeout_s * NS_PER_S;
		p->slot[i].next = background_in(p->slot[i].every_ns);
		p->slot[i].at_once = AT_ONCE_MAX;
	}
	err = nl_open(&p->nl, NETLINK_ROUTE, 0);
	if (!err && diag_open(&p->diag))
		memset(&p->diag, 0, sizeof(p->diag));	/* connections then end by themselves, later */
	if (!err)
		err = background_start(&p->bg, "placer", PRIORITY, run, p);
	if (err) {
		placer_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

void placer_close(struct placer *p)
{
	if (!p)
		return;
	background_stop(&p->bg);
	if (p->nl.sock)
		nl_close(&p->nl);
	if (p->diag.sock)
		nl_close(&p->diag);
	free(p);
}

void placer_know(struct placer *p, uint32_t slot, const struct vip *vips, struct announce *announce)
{
	background_lock(&p->bg);
	p->slot[slot].vips = vips;
	p->slot[slot].announce = announce;
	background_unlock(&p->bg);
}

void placer_ask(struct placer *p, uint32_t slot, enum place want)
{
	background_lock(&p->bg);
	p->slot[slot].want = want;
	p->slot[slot].repairs = false;
	p->slot[slot].asked = p->slot[slot].told = true;
	p->slot[slot].report.settled = false;
	fault_anew(&p->slot[slot].fault);
	background_wake(&p->bg);
	background_unlock(&p->bg);
}

void placer_look(struct placer *p)
{
	background_lock(&p->bg);
	p->look = true;
	background_wake(&p->bg);
	background_unlock(&p->bg);
}

void placer_news(struct placer *p, uint32_t slot)
{
	background_lock(&p->bg);
	p->slot[slot].news = true;
	background_wake(&p->bg);
	background_unlock(&p->bg);
}

void placer_retime(struct placer *p)
{
	background_lock(&p->bg);
	for (uint32_t i = 0; i < p->n; i++) {
		struct slot *s = &p->slot[i];

		s->every_ns = s->conf->opt.network_monitoring_timeout_s * NS_PER_S;
		s->next = earlier(s->next, background_in(s->every_ns));
	}
	background_wake(&p->bg);
	background_unlock(&p->bg);
}

void placer_report(struct placer *p, uint32_t slot, struct place_report *ret)
{
	background_lock(&p->bg);
	*ret = p->slot[slot].report;
	background_unlock(&p->bg);
}

bool placer_present(struct placer *p, uint32_t slot, uint32_t i)
{
	bool present;

	background_lock(&p->bg);
	present = p->slot[slot].present[i];
	background_unlock(&p->bg);
	if (is_resident(&p->slot[slot]))
		present &= gate_serves(p, &p->slot[slot]);
	return present;
}

void placer_again(struct placer *p, uint32_t slot)
{
	vip_script_again(p->script, slot);
	background_lock(&p->bg);
	p->slot[slot].asked = p->slot[slot].told;
	background_wake(&p->bg);
	background_unlock(&p->bg);
}
