/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ha_own: what the conductor's files share. Private to the conductor's files.
 */
#ifndef BATON_HA_OWN_H
#define BATON_HA_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/drain.h"
#include "core/history.h"
#include "core/judge.h"
#include "core/role.h"
#include "ha/alarm.h"
#include "ha/announce.h"
#include "ha/arbiter.h"
#include "ha/certs.h"
#include "ha/fence.h"
#include "ha/ha.h"
#include "ha/placer.h"
#include "ha/pulse.h"
#include "ha/runner.h"
#include "ha/store.h"
#include "ha/tune.h"
#include "ha/vip.h"
#include "ha/vip_ask.h"
#include "health/health.h"
#include "sys/dp.h"
#include "sys/dp_probe.h"
#include "sys/mcast.h"
#include "pulse_wire.h"
#include "sys/nl.h"

#define ASKERS_MAX	8
#define REASON_MAX	32

struct asker {
	ha_done_fn *done;	/* NULL: free */
	void *arg;
	uint64_t deadline_ns;	/* 0: set in the next turn from timeout_ns */
	uint64_t timeout_ns;
	uint32_t groups;	/* bit per slot still to move */
};

/* How far an operator's fence has come; byhand.c. From HAND_SHUTTING on this host serves no more. */
enum hand_state { HAND_OFF, HAND_HANDING, HAND_SHUTTING, HAND_ON, HAND_LIFTING };

struct by_hand {
	enum hand_state state;
	bool forced;
	uint64_t number;	/* our word's, when it was asked */
	uint64_t until_ns;	/* so long somebody waits; 0: set in the next turn */
	uint64_t nobody_ns;	/* since when nobody serves, while fenced here; 0: somebody does */
	ha_done_fn *done;	/* NULL: nobody waits */
	void *arg;
};

/* How far a drain has come; drains.c. */
struct drain_run {
	enum drain_state state;
	bool ended;		/* undrain was asked */
	bool releases;		/* over: connections end, then addresses go */
	bool told;		/* refusing: that nothing is left is on record */
	uint64_t number;	/* at which the new holder is open; refusing: ours */
	uint32_t server;	/* of two servers here: the one that is drained */
	uint64_t since_ns;	/* of the state */
	uint64_t empty_ns;	/* since when nothing has been left; 0: something is, or it is not counted yet */
	uint32_t rounds;	/* whole counts when the state began */
	char why[32];		/* of the last step */
	ha_done_fn *done;	/* NULL: nobody waits */
	void *arg;
	bool to_the_end;	/* waits until nothing is left; else until it has begun */
	uint64_t timeout_ns, until_ns;	/* 0: set in the next turn; without a timeout: of the whole drain */
};

/* Who waits until a pool is drained. */
struct pool_wait {
	ha_done_fn *done;	/* NULL: free */
	void *arg;
	uint64_t timeout_ns, until_ns;
	char pool[BT_NAME_MAX];	/* "": all */
};

/* Whoever drains all groups at once. */
struct drain_all {
	ha_done_fn *done;	/* NULL: nobody, or he has gone */
	void *arg;
	uint32_t left;
	int code;
	char text[BT_GROUPS_MAX * (HA_TEXT + BT_NAME_MAX + 24)];
};

/* What a role change leaves behind until it is on record; chronicle.c. */
struct past {
	uint64_t serial, base_serial;	/* of the record under way; for which the counters' base stands */
	uint64_t asked_ns, announced_ns;
	bool disk_waited;		/* a claim waits for its term */
	uint64_t decided_ns, decided;	/* when this host changed the word last, and to what */
	struct history_evidence then;	/* what it knew */
	struct history_at kernel[HISTORY_STEP__N];	/* steps that the kernel made since told_ns, by its ring */
	uint64_t told_ns;
	uint64_t counted_ns, relayed, helped, taken;
};

/* One group on this host. Owner: struct ha. */
struct group {
	const struct conf_group *conf;
	uint32_t slot;
	struct vip *vips;
	__be32 digest;
	struct announce *announce;
	struct vip_ask *vip_ask;
	struct service_verdict service;
	uint32_t evidence;	/* PULSE_F_*, of what the monitors see, as our pulses say it */

	enum role role;
	uint64_t number;	/* of the word when the role was last settled; 0: not yet */
	uint64_t fenced_word;	/* as the fence was last told of */
	char reason[REASON_MAX];	/* of the last role change */
	char intent[REASON_MAX];	/* why this host last changed the word itself, */
	uint64_t intent_number;	/* and to which number: at another it explains nothing; 0: at any */
	const char *stuck;
	bool hurried;		/* its down script was asked for because we stop */
	uint32_t down_term;	/* at which the peer last had our down script run */
	uint64_t seen;		/* word with the highest number ever seen */
	uint64_t moved_ns;	/* last role change, or start */
	uint64_t alone_ns;	/* turn in which this host last opened without the peer's word */
	uint64_t whole_ns;	/* since when the pair has been whole, as ready_is_whole() has it; 0: it is not */
	uint64_t ill_ns;	/* last moment the service or link was seen ill */
	uint64_t nobody_ns;	/* since when nobody was seen to hold or claim; 0: somebody does */
	uint64_t asked_term;	/* reserved in a request under way */

	bool asked, forced;	/* by an operator, until this host has changed the word for it */
	bool moved;		/* another server of this host works now, its term is due */
	char moved_why[REASON_MAX];
	bool pushed;		/* asked while it was open here: away; else: to this host */
	uint64_t asked_number;	/* the word's then: whoever serves at a higher one is the new holder */
	struct by_hand hand;
	struct drain_run drain;
	struct past past;
	bool held;		/* addresses are as the role wants them, by the kernel's word */
	uint32_t repaired, lets;	/* of the placer's report, as last logged */
	uint32_t vip_news;	/* as the placer was last told of */
	bool vip_failed;	/* of the placer's report, as last logged */
	char vip_why[160];	/* what was last wrong with the VIPs; "" when they are well */
	uint64_t retry_ns;	/* when to try the disk again */
	uint64_t peer_until_ns;	/* end of the peer's lease, about, by our clock */
	uint64_t renewed_ns;	/* when that was last seen to move on */
	uint64_t ended_ns;	/* since when it is seen ended; 0: it runs */
	uint64_t peer_lease_ns;	/* the longest that was ever seen left of it */
	uint64_t claimed_number;	/* of our claim that stands, and since when it surely does */
	uint64_t claimed_ns;
	uint64_t lock_number;	/* for which the lock is wanted; what it is merely kept for justifies no lease */
	struct bt_receipt receipts;	/* where copies of answers go, as the kernel was last told, if it was */
	bool receipts_set;
	uint64_t replayed_ns;	/* opening whose replay was last told */
	uint64_t unsure_ns;	/* open: when the peer last did not confirm our number; 0: never */
};

/* The thread that puts this build's programs in place of an earlier one's. */
struct renewal {
	pthread_t thread;
	bool begun, running, changed, failed;
	atomic_bool done;
	int err, wake;
	char why[256];
	struct dp *dp;
	const char *obj_dir;
	uint32_t stages;
};

struct ha {
	struct loop *loop;
	struct conf *conf;
	struct conf *wanted;	/* as last read by a reload, for those to whom it is shown; NULL: never */
	struct ha_options opt;
	uint8_t me, peer_id;
	struct dp *dp;
	struct nl nl;
	struct health *health;
	struct pulse *pulse;
	struct store *store;
	struct chronicle *chronicle;
	struct neighbours *neighbours;
	struct placer *placer;
	struct sweep *sweep;	/* NULL: no group whose dialogs are known */
	struct runner *runner;
	struct vip_script *vip_script;
	struct arbiter *arbiter;
	struct fence *fence;
	struct fence_report fence_told;	/* as last told */
	struct mcast solicited;	/* groups that IPv6 asks for VIPs which are on lo */
	struct certs *certs;	/* NULL: no group names one */
	uint64_t certs_told;	/* version of the reports that alarms stand for */
	struct alarms alarms;
	struct src pulse_src, store_src, placer_src, arbiter_src, fence_src, event_src;
	struct group group[BT_GROUPS_MAX];
	uint32_t n_groups;
	struct asker asker[ASKERS_MAX];
	struct pool_wait pool_wait[ASKERS_MAX];
	struct drain_all drain_all;
	struct renewal renewal;
	uint32_t stages;	/* of the XDP program, that stand: none is ever taken away from pins that are gone on with */
	struct examiner *examiner;
	struct replayer *replayer;	/* NULL: no group in mode cluster */
	uint64_t ways_ns;	/* when it was last looked where receipts go */
	struct steer *steer;	/* NULL: no pools, or the program for them does not stand yet */
	struct single *single;	/* NULL: no group with mode = single-host */
	struct slow *slow;	/* frames that the kernel leaves to us */
	struct ha_iface_view ifaces[CONF_IFACES_MAX];
	uint32_t n_ifaces, n_named;	/* the first are the configuration's, the others were found */

	bool ran;		/* the start came to its end */
	bool found;		/* pinned maps of an earlier life were taken over */
	uint64_t started_ns;
	uint64_t listening_ns;	/* since when a peer would be heard: loading the programs takes its time */
	uint64_t turn_ns;	/* start of this turn */
	struct pulse_report report;
	bool filtered[BT_PATHS_MAX];	/* as the kernel has it */
	bool unlinked[BT_PATHS_MAX];	/* the path's own link was down in the last turn */
	uint64_t linked_ns[BT_PATHS_MAX];	/* when it last came back; 0: it never did */
	enum peer_state peer;
	uint64_t peer_since_ns;	/* when it became that */
	bool mute;		/* it is up, but its controller asks nothing */
	uint64_t found_dead_ns;	/* when the kernel's watchdog last found it dead, and opened a gate */
	uint64_t silent_asker_ns;	/* since when it was seen so, turn by turn; 0: it asks */
	uint64_t unheard_ns;	/* since when the peer, heard here, says that it does not hear us; 0: it does */
	bool leaving;		/* another start follows at once, */
	uint64_t leaving_ns;	/* since when the kernel says so */
	bool stopping;
	uint64_t stop_ns;
	void (*changed)(void *arg);
	void *changed_arg;
};

/* Where to say what failed at the start. */
struct ha_say {
	char *why;
	size_t len;
};

/* start.c: "WHAT: DETAIL"; returns @err. */
int ha_fail(const struct ha_say *say, int err, const char *what, const char *detail);

/* datapath.c: maps, then attachments */
int datapath_open(struct ha *ha, const struct ha_say *say);
int datapath_fill(struct ha *ha, const struct ha_say *say);
void datapath_note_marks(struct ha *ha);	/* what is found out of the networks between the hosts */
int datapath_refill(struct ha *ha);	/* what a reload may have changed */
int datapath_attach(struct ha *ha, const struct ha_say *say);
int datapath_ifaces(struct ha *ha, const struct ha_say *say);	/* every interface a VIP or a pulse may come in by */
int datapath_check_ifaces(const struct ha *ha, const struct ha_say *say);

/* renew.c: programs of this build in place of those found */
void renew_stop(struct ha *ha);
void renew_turn(struct ha *ha);
/* What the configuration needs may not stand: try, though it may have failed before. */
void renew_again(struct ha *ha);

/* watch.c: the kernel's watchdog, as batond tells it what it knows */
bool watch_is_wanted(const struct conf *conf, const struct conf_group *g);
int watch_open(struct ha *ha, const struct ha_say *say);
void watch_close(struct ha *ha);
void watch_renewed(struct ha *ha);	/* other programs work now */
void watch_turn(struct ha *ha);

/* sources.c: what wakes the loop */
int sources_open(struct ha *ha, const struct ha_say *say);
void sources_close(struct ha *ha);
void sources_take_events(struct ha *ha);	/* what the kernel has to tell; no system call when it has nothing */
void sources_on_health(void *arg, uint32_t slot, const struct service_verdict *verdict);

/* facts.c: what core is told */
enum peer_state facts_peer(const struct ha *ha);
bool facts_peer_is_gone(const struct ha *ha, const struct group *g);
uint32_t facts_unready(const struct ha *ha, const struct group *g);	/* INIT_BIT of what is missing */
void facts_of(const struct ha *ha, const struct group *g, struct judge_facts *ret);
uint64_t facts_heard_ns(const struct ha *ha);
uint64_t facts_answered_ns(const struct ha *ha, const struct group *g);
uint64_t facts_fresh_ns(const struct ha *ha);
uint64_t facts_silence_ns(const struct ha *ha);
uint32_t facts_votes(const struct ha *ha);	/* bit per path that has one; 0: none has, or a link is too new to tell */
void facts_note_links(struct ha *ha);	/* once a turn, before facts_peer() */
bool facts_unconfirmed(const struct ha *ha, const struct group *g);
/* The moment from which on it will be so, if no more is answered. */
uint64_t facts_unconfirmed_ns(const struct ha *ha, const struct group *g);
bool facts_peer_is_mute(struct ha *ha);
bool facts_peer_hears_us(const struct ha *ha);	/* by its newest message; that may be older than ours to it */

/* group.c: what one group does */
uint64_t group_word(const struct ha *ha, const struct group *g);
void group_renew_lease(struct ha *ha, struct group *g);
void group_want_lock(struct ha *ha, struct group *g);
void group_follow(struct ha *ha, struct group *g);	/* role after word, actions */
void group_note_lost(struct group *g, uint64_t from);	/* the kernel found no listener and let go of word @from */
void group_note_dead(struct ha *ha, struct group *g, const struct bt_event *ev);	/* the kernel found the peer dead and opened */
bool group_decide(struct ha *ha, struct group *g);	/* judge, change the word; true: it changed */
void group_tell_vip(struct ha *ha, struct group *g, const struct place_report *r);	/* the VIPs' one alarm */
void group_placed(struct ha *ha, struct group *g);	/* what the placer achieved */
void group_say(struct ha *ha, const struct group *g);	/* health into our pulses */

/* ask.c: what operators ask for */
void ask_turn(struct ha *ha);
uint64_t ask_deadline(const struct ha *ha);
bool ask_is_waited_for(const struct ha *ha, const struct group *g);

/* chronicle.c: what `explain` tells */
int chronicle_open(struct ha *ha);
void chronicle_close(struct ha *ha);
void chronicle_asked(struct group *g);
void chronicle_decided(struct ha *ha, struct group *g, uint64_t to);
void chronicle_kernel(struct ha *ha, struct group *g, const struct bt_event *ev);
void chronicle_moved(struct ha *ha, struct group *g, enum role from, uint64_t word);
void chronicle_announced(struct ha *ha, struct group *g);
uint64_t chronicle_moving_away(struct ha *ha, const struct group *g);	/* since when the peer holds what was ours; 0: complete, or never was */
void chronicle_complete(struct ha *ha, struct group *g, uint64_t at_ns);
void chronicle_hand(struct ha *ha, const struct group *g, const char *rule, enum bt_rule_state from, enum bt_rule_state to,
		    const struct ha_asker *who);	/* of a port rule */
bool chronicle_replayed(struct ha *ha, struct group *g, const struct history_replay *done);	/* false: no record yet */
void chronicle_turn(struct ha *ha);

/* neighbours.c: who has not moved to the new holder */
int neighbours_open(struct ha *ha);
void neighbours_close(struct ha *ha);
uint64_t neighbours_turn(struct ha *ha);

/* replays.c: what the dead peer left unanswered */
bool replays_wants(const struct conf_group *c);
void replays_want(const struct ha *ha);		/* before the maps are made */
int replays_fill(struct ha *ha);
int replays_open(struct ha *ha, const struct ha_say *say);
void replays_close(struct ha *ha);
void replays_opened(struct ha *ha, struct group *g, uint64_t opened_ns);
void replays_passed(struct ha *ha, struct group *g);
void replays_turn(struct ha *ha);

/* drains.c: drain and undrain */
int drains_open(struct ha *ha, const struct ha_say *say);
void drains_close(struct ha *ha);
void drains_turn(struct ha *ha);
uint64_t drains_deadline(const struct ha *ha);
void drains_forget(struct ha *ha, const void *arg);
bool drains_stays(const struct group *g);	/* addresses and connections stay, whatever the role wants */
bool drains_opens(const struct group *g, uint64_t word);	/* the role came to us by a drain of the peer's */
struct sweep_left;
void drains_left(const struct ha *ha, const struct group *g, struct sweep_left *ret);

/* byhand.c: fence and unfence */
void byhand_recall(struct ha *ha, struct group *g);
void byhand_turn(struct ha *ha);
uint64_t byhand_deadline(const struct ha *ha);
void byhand_facts(const struct ha *ha, const struct group *g, struct judge_facts *f);
bool byhand_is_fenced(const struct group *g);
void byhand_forget(struct ha *ha, const void *arg);

/* rules.c: port rules */
void rules_fill(const struct ha *ha, const struct group *g);	/* before frames are met, and after the word is known */
void rules_before(const struct ha *ha, const struct group *g, uint64_t next);	/* the word is about to be that */
void rules_follow(struct ha *ha, struct group *g);
bool rules_keep_all_out(const struct ha *ha, const struct group *g);	/* operators have disabled all SIP ports */
uint32_t rules_view(const struct ha *ha, const struct group *g, struct ha_port_view ret[BT_RULES_MAX]);

/* byscript.c: control-vip-scripts */
uint32_t byscript_evidence(const struct ha *ha, const struct group *g);
void byscript_turn(struct ha *ha);
bool byscript_leaving(const struct ha *ha);	/* stopping: a down script has work to do yet */
bool byscript_left(const struct ha *ha);	/* and has left an address behind */

/* guard.c: the fence, as the main loop sees it */
int guard_open(struct ha *ha, const struct ha_say *say);
void guard_follow(struct ha *ha);	/* what the fence has to say since the last turn, and what it must be told */

/* examine.c: what doctor has to look for in a thread */
int examine_open(struct ha *ha);
void examine_close(struct ha *ha);
uint64_t examine_turn(struct ha *ha);
void examine_forget(struct ha *ha, const void *arg);

/* pools.c: steer/, as the conductor sees it */
int pools_open(struct ha *ha, const struct ha_say *say);
void pools_close(struct ha *ha);
uint64_t pools_turn(struct ha *ha);
int pools_reload(struct ha *ha, const struct conf_pool *was, uint32_t n_was);
/* Are there pools whose frames have no program yet? The kernel is told of none until then. */
bool pools_wait(const struct ha *ha);
/* The programs are others: it may stand now. */
void pools_renewed(struct ha *ha);

/* single.c: groups with mode = single-host */
int single_open(struct ha *ha, const struct ha_say *say);	/* before frames come in */
int single_watch(struct ha *ha, const struct ha_say *say);
void single_retime(struct ha *ha);	/* sip-hang-timeout may be another now */
void single_close(struct ha *ha);
uint64_t single_turn(struct ha *ha);
bool single_is(const struct group *g);
/* Why a switchover to the other server would be refused, for people; NULL: it can begin. */
const char *single_impediment(const struct ha *ha, const struct group *g, bool force);
/* Which server works: its name; "": none yet, or none of this kind. */
const char *single_active(const struct ha *ha, const struct group *g);
/* The last move between servers: when, by the kernel?, the last packet of the old one and the first of the new (0: none yet). */
struct single_move {
	uint64_t at_ns, last_ns, first_ns;
	bool by_kernel;
};
void single_moved(const struct ha *ha, const struct group *g, struct single_move *ret);
/* From now on its dialogs are its own, whoever is active; 0: nobody's are. */
void single_drain(const struct ha *ha, const struct group *g, uint32_t server);
/* False: there is no such group. */
bool single_prober(const struct ha *ha, struct dp_probe *ret);
/* Whom the kernel drains, by us or an earlier life of ours; 0: nobody. */
uint32_t single_drained(const struct ha *ha, const struct group *g);
/* What the drain of @ret's server is judged by; whether one was found, and of whom, when @server is 0. */
void single_drain_facts(const struct ha *ha, const struct group *g, uint32_t *server, struct drain_servers *ret);
/* Of whose dialogs, and from which of its turns on, is what is left counted? */
uint32_t single_counted(const struct ha *ha, const struct group *g, uint32_t *ret_turn);
/* Its name; "": none, or none of this kind. */
const char *single_name(const struct group *g, uint32_t server);

/* start.c: what batond's arguments say goes before what the file says */
void ha_set_directories(struct conf *c, const struct ha_options *opt);

/* reload.c: what was asked for and nothing here does yet goes to the log */
void ha_tell_idle(const struct conf *conf);

void ha_note_change(struct ha *ha);

#endif
