/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_pair: how is it with the other host, the paths to it, the groups and their gates? What the main loop knows. */
#include "ha/doctor_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/opts.h"
#include "core/word.h"
#include "sys/clock.h"

void doctor_peer(struct ha *ha, const struct rows *r)
{
	bool deaf = ha->peer == PEER_UP && !facts_peer_hears_us(ha), up = ha->peer == PEER_UP && !ha->mute && !deaf;
	char text[HA_TEXT];

	if (conf_is_alone(ha->conf))
		return;

	snprintf(text, sizeof(text), "%s is %s%s", ha->conf->peer_name, peer_state_text(ha->mute ? PEER_STALLED : ha->peer),
		 ha->mute ? ": its kernel answers, its batond does not" : deaf ? ", but says that it does not hear this host" : "");
	doctor_say(r, up ? "ok" : "bad", "peer", text, up ? "" : ha->mute ?
	    "there: systemctl status batond; journalctl -u batond; nobody takes over from this host until it runs" : deaf ?
	    "a firewall or switch drops this host's pulses on the way to it; it takes this host for dead" :
	    ha->peer == PEER_UNAUTHENTIC ? "put the same secret-file on both hosts" :
	    "is that host up, is batond running there, is the network between the two whole?");
}

void doctor_paths(struct ha *ha, const struct rows *r)
{
	char text[HA_TEXT];

	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		const struct pulse_path_report *p = &ha->report.path[i];
		bool up = p->heard_ns && !p->silent;

		snprintf(text, sizeof(text), "%s %s: %s, rtt %u us, loss %u.%02u %%, found dead after %u ms", ha->conf->paths[i].dev,
			 ha->conf->paths[i].peer_text, up ? "up" : "down", p->rtt_us, p->loss_ppm / 10000,
			 p->loss_ppm / 100 % 100, (unsigned)(p->detect_ns / NS_PER_MS));
		doctor_say(r, up && p->loss_ppm < 50000 ? "ok" : "warn", "path", text, up ? "" :
		    "is batond running there, UDP pulse-port open, the same secret and pair-id on both?");
	}
	if (ha->report.n_paths == 1)
		doctor_say(r, "warn", "paths", "one heartbeat path only", "a second [peer] path over another network tells a dead link from a dead host");
}

/* Known of a path that is heard for some seconds. */
void doctor_marks(struct ha *ha, const struct rows *r)
{
	char text[HA_TEXT];

	for (uint32_t i = 0; i < ha->report.n_paths; i++) {
		if (ha->report.path[i].marks == MARKS_UNKNOWN)
			continue;
		snprintf(text, sizeof(text), "%s: this network %s frames with foreign source addresses", ha->conf->paths[i].dev,
			 ha->filtered[i] ? "drops" : "carries");
		doctor_say(r, ha->filtered[i] ? "warn" : "ok", "marks", text, ha->filtered[i] ?
		    "hand-over by pulse alone: up to one interval of frames may be lost; allow forged transmits, relax port security, "
		    "or, if XDP is off at the peer, switch it on" : "");
	}
}

static void on_arbiter(void *arg, bool ok, const char *text, const char *fix)
{
	doctor_say(arg, ok ? "ok" : "warn", "arbiter", text, fix);
}

void doctor_arbiter(struct ha *ha, const struct rows *r)
{
	arbiter_rows(ha->arbiter, on_arbiter, (void *)r);
}

static const char *how_to_arm(const struct ha *ha, const struct group *g, const struct judge_facts *f)
{
	if (byhand_is_fenced(g))
		return "it was fenced by hand: `baton unfence GROUP` here, when the reason is gone";
	if (ha->peer != PEER_UP || ha->mute || !facts_peer_hears_us(ha))
		return "see the row `peer`";
	if (g->role == ROLE_PRIMARY)
		return f->said.known && f->said.same_digest ? "`baton doctor` and `baton alarms` on the other host say why" :
		       "give both hosts the same groups, VIPs, ports and mode; then restart batond on the backup";
	return g->service.running ? "a moment after a move this passes by itself; if not, see `baton alarms`" :
	       "see the row `service`";
}

static const char *how_to_serve(const struct service_verdict *v)
{
	switch (v->trouble) {
	case TROUBLE_NIC:
	case TROUBLE_MGMT:
	case TROUBLE_LINK:
		return "see to that interface: its cable, the switch's port, its own address (`ip -s address`)";
	case TROUBLE_VIP:
		return "see to the VIP scripts, and to whoever else manages addresses here: `baton alarms`, `baton events`";
	case TROUBLE_TRAFFIC:
	case TROUBLE_TRUNKS:
	case TROUBLE_MSML:
		return "see to the network between them and this host: `baton devices`, `baton counters`";
	case TROUBLE_NOT_READY:
		return "see to the part that is named";
	default:
		return v->running && !v->reason[0] ? "" : "see to the SIP server of this host: does it run and listen on sip-port?";
	}
}

static void doctor_takeover(struct ha *ha, const struct group *g, const struct judge_facts *f, const struct rows *r)
{
	const char *why = g->role == ROLE_PRIMARY ? judge_refusal(f) : BT_WORD_MODE(f->word) != BT_ARMED ? "not armed" :
			  f->leased ? NULL : "the peer does not answer this host";
	char text[HA_TEXT];

	snprintf(text, sizeof(text), "%s: %s", g->conf->name, why ? why : "a takeover would work");
	doctor_say(r, why ? "bad" : "ok", "takeover", text, why ? how_to_arm(ha, g, f) : "");
}

static void doctor_group(struct ha *ha, const struct group *g, const struct rows *r)
{
	struct judge_facts f;
	uint32_t reserved;
	char text[HA_TEXT], full[HA_TEXT];
	int err = 0;

	facts_of(ha, g, &f);
	snprintf(text, sizeof(text), "%s: %s%s%s%s%s", g->conf->name, g->service.running ? "running" : "unavailable",
		 g->service.reason[0] ? ", " : "", g->service.reason, g->service.detail[0] ? ": " : "", g->service.detail);
	if (g->conf->mode != MODE_SINGLE_HOST || !g->service.running)	/* of two servers on this host their own rows tell */
		doctor_say(r, g->service.running ? g->service.reason[0] ? "warn" : "ok" : "bad", "service", text,
		    how_to_serve(&g->service));
	if (!conf_is_alone(ha->conf))
		doctor_takeover(ha, g, &f, r);
	reserved = store_reserved(ha->store, g->slot, &err);
	snprintf(full, sizeof(full), "%s: make room in state-dir, or mend the disk", strerror(-err));
	snprintf(text, sizeof(text), "%s: term %u of %u reserved on disk", g->conf->name, BT_WORD_TERM(f.word),
		 reserved);
	doctor_say(r, err ? "bad" : "ok", "state-dir", text, err ? full : "");
}

void doctor_groups(struct ha *ha, const struct rows *r)
{
	for (uint32_t i = 0; i < ha->n_groups; i++)
		doctor_group(ha, &ha->group[i], r);
}

/* Only of use where a main process is named. */
void doctor_crash(struct ha *ha, const struct rows *r)
{
	int err = health_crash_events(ha->health);
	char text[HA_TEXT];
	bool named = false, serves = false;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		serves |= ha->group[i].conf->mode != MODE_PROXY;
		named |= ha->group[i].conf->n_servers || ha->group[i].conf->server_pidfile[0] || ha->group[i].conf->server_unit[0];
	}
	if (!serves)
		return;
	if (!named) {
		doctor_say(r, "warn", "crash", "no group names its server: a core dump or a dead worker is not seen",
		    "set server-unit or server-pidfile: without, a crash is noticed when its sockets are gone, after the core is written");
		return;
	}
	snprintf(text, sizeof(text), "the kernel does not tell of crashes: %s", strerror(-err));
	doctor_say(r, err ? "warn" : "ok", "crash", err ? text : "the kernel tells of core dumps and dead workers", err ?
	    "core dumps are looked for, dead workers not; needs CONFIG_PROC_EVENTS, CAP_NET_ADMIN, the host's pid namespace "
	    "and its network namespace (or CAP_SYS_ADMIN to get there)" : "");
}

static void on_idle(void *arg, const char *section, const char *name, const char *option, uint32_t line)
{
	char text[HA_TEXT];

	(void)line;
	snprintf(text, sizeof(text), "[%s%s%.40s] %s is set, but nothing in this version acts on it", section, name[0] ? " " : "", name,
		 option);
	doctor_say(arg, "warn", "option", text, "do not rely on it; `baton options` tells of each whether it acts");
}

void doctor_idle(struct ha *ha, const struct rows *r)
{
	opts_each_idle(ha->conf, on_idle, (void *)r);
}

void doctor_certs(struct ha *ha, const struct rows *r)
{
	static const char *const levels[] = { [CERT_WELL] = "ok", [CERT_WARN] = "warn", [CERT_ALARM] = "bad" };
	char text[HA_TEXT];
	struct certs_report c;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		certs_report(ha->certs, i, &c);
		if (!c.known)
			continue;
		snprintf(text, sizeof(text), "%s: %.*s", ha->group[i].conf->name, (int)sizeof(text) - BT_NAME_MAX - 3, c.text);
		doctor_say(r, levels[c.level], "tls-cert", text, c.level == CERT_WELL ? "" :
			   "put a new one there, on both hosts; it is looked at each minute and by `baton reload`");
	}
}

/* ---- the gate, by what its threads have found ---- */

static void doctor_door(const struct door *door, const struct rows *r)
{
	char text[HA_TEXT], fix[HA_TEXT];

	if (door->err) {
		snprintf(text, sizeof(text), "%s: the gate was taken away and cannot be put back", door->name);
		snprintf(fix, sizeof(fix), "%.150s", door->why);
		doctor_say(r, "bad", "fence", text, fix);
	}
	if (door->moved || !door->ifindex) {
		snprintf(text, sizeof(text), "%s: the interface %s since batond started", door->name,
			 door->moved ? "was renamed or made anew" : "went away");
		doctor_say(r, "bad", "fence", text, "addresses and heartbeat want a restart of batond once it is there");
	}
}

/* A cluster's frames come to an address that is not the interface's. */
static void doctor_hearing(const struct door *door, const struct rows *r)
{
	const struct hearing *h = &door->hearing;
	char text[HA_TEXT];

	if (!h->wanted || !door->ifindex)
		return;
	if (h->err) {
		snprintf(text, sizeof(text), "%s: does not take in frames to the cluster's address: %.90s", door->name, strerror(-h->err));
		doctor_say(r, "bad", "hearing", text, h->err == -EOPNOTSUPP ?
			   "a macvlan gets no unicast but to its own address: the interface below it, or cluster-mac = multicast or igmp" :
			   "ip maddr and bridge fdb show its filters; cluster-mac on both hosts says which address");
		return;
	}
	snprintf(text, sizeof(text), "%s: takes in frames to the cluster's address%s", door->name, h->all ? ", and every other frame" : "");
	doctor_say(r, h->all ? "warn" : "ok", "hearing", text, h->all ?
		   "it is promiscuous: without a filter for further addresses cluster-mac = multicast or igmp spares it that; or somebody "
		   "else asked for it" : "");
}

/* Gates open without asking the backstop: an element must be there before. */
static void doctor_elements(struct ha *ha, const struct group *g, const struct rows *r)
{
	uint64_t word = group_word(ha, g);
	bool open = BT_WORD_MODE(word) == BT_OPEN, leased = dp_leases(ha->dp)[g->slot] > clock_now_ns();
	bool must = leased && (open || BT_WORD_MODE(word) == BT_ARMED);
	bool is_ready = ha->fence_told.ready & 1u << g->slot, is_open = ha->fence_told.open & 1u << g->slot;
	char text[HA_TEXT];

	snprintf(text, sizeof(text), "%s: nftables lets it pass %s", g->conf->name,
		 is_open ? "on every interface" : is_ready ? "where XDP and tc judge" : "nowhere");
	doctor_say(r, must && !(open ? is_open : is_ready) ? "bad" : "ok", "fence", text, "");
}

void doctor_fence(struct ha *ha, const struct rows *r)
{
	const struct fence_report *f = &ha->fence_told;
	char text[HA_TEXT];

	for (uint32_t i = 0; i < f->n_doors; i++) {
		doctor_door(&f->door[i], r);
		doctor_hearing(&f->door[i], r);
	}
	if (f->nft_err) {
		snprintf(text, sizeof(text), "no backstop: %.130s", f->nft_why);
		doctor_say(r, "bad", "fence", text, "nftables' tables baton must be batond's alone: is nf_tables there, does another own them?");
		return;
	}
	doctor_say(r, f->egress ? "ok" : "warn", "fence", f->egress ? "nftables tables baton: inet, arp, netdev" :
	    "nftables tables baton: inet, arp", f->egress ? "" :
	    "this kernel has no egress hook for nftables: packet sockets are held back by tc alone");
	for (uint32_t i = 0; i < ha->n_groups; i++)
		doctor_elements(ha, &ha->group[i], r);
}

/* What operators keep out they may have forgotten. */
void doctor_ports(struct ha *ha, const struct rows *r)
{
	for (uint32_t i = 0; i < ha->n_groups; i++) {
		const char *name = ha->group[i].conf->name;
		struct ha_port_view port[BT_RULES_MAX];
		char text[HA_TEXT], fix[HA_TEXT];
		uint32_t n = rules_view(ha, &ha->group[i], port), held = 0;
		bool all = rules_keep_all_out(ha, &ha->group[i]);

		for (uint32_t p = 0; p < n; p++)
			held += strcmp(port[p].wanted, "enabled") != 0;
		snprintf(text, sizeof(text), "group %s: %u of %u port rules disabled or drained by hand on this host%s", name, held, n,
			 all ? ", all SIP is kept out" : "");
		snprintf(fix, sizeof(fix), "baton port enable all %s", name);
		if (n)
			doctor_say(r, all ? "bad" : held ? "warn" : "ok", "ports", text, held ? fix : "");
	}
}
