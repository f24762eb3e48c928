/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ha_view: what others may see of the conductor, and ask of it. Views are copies; text is for people
 * and JSON alike. ctl/ includes this and nothing else of ha/.
 *
 * Threads: main only.
 */
#ifndef BATON_HA_VIEW_H
#define BATON_HA_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <net/if.h>

#include "baton_abi.h"
#include "core/conf.h"
#include "core/history.h"

#define HA_TEXT		160
#define HA_WHY		240
#define HA_ALARMS_MAX	64

struct ha;

struct ha_path_view {
	char interface[IF_NAMESIZE];
	char address[INET6_ADDRSTRLEN];
	const char *state;		/* up, down, link-down */
};

struct ha_iface_view {
	char name[IF_NAMESIZE];
	const char *xdp;		/* native, generic, off */
	char refused[HA_WHY];		/* generic because native was refused so; "": it was not */
};

struct ha_port_view {
	uint16_t from, to;
	const char *protos;		/* udp tcp both */
	const char *state, *wanted;	/* stopped enabled draining: what holds, what operators want */
};

struct ha_group_view {
	char name[BT_NAME_MAX];
	const char *mode;		/* takeover ... */
	const char *role;		/* init backup claiming primary yielding */
	char reason[32];		/* of the last role change */
	const char *service;		/* running, unavailable */
	char service_reason[HA_TEXT];
	const char *gate;		/* shut armed open relay */
	uint32_t term;
	char owner[BT_NAME_MAX];	/* "" when nobody */
	int64_t lease_left_ms;		/* 0 when ended */
	bool fenced;
	const char *listener;		/* auto, off */
	const char *peer_role;		/* of this group there; "unknown" */
	uint32_t peer_term;
	const char *peer_gate;
	bool ready_switchover, ready_upgrade;
	char ready_reason[HA_TEXT];	/* "" when a switchover would be begun now */
	char unready[HA_TEXT];		/* the guide's readiness for a switchover: "" when ready; else why not */
	char unready_upgrade[HA_TEXT];	/* for an upgrade */
	uint32_t first_vip, n_vips;	/* slice of conf.vips; ha_vip_present() tells each */
	struct ha_iface_view ifaces[CONF_IFACES_MAX];
	uint32_t n_ifaces;
	struct ha_port_view ports[BT_RULES_MAX];
	uint32_t n_ports;
};

struct ha_view {
	char node[BT_NAME_MAX];
	const char *version;
	int pid;
	uint64_t uptime_s;
	char peer_name[BT_NAME_MAX];
	const char *peer_state;		/* up stalled unauthentic down; none: a node of pools alone */
	uint32_t rtt_us;		/* 0: not measured */
	struct ha_path_view paths[BT_PATHS_MAX];
	uint32_t n_paths;
	const char *arbiter_type, *arbiter_state;
	bool realtime;
	struct ha_group_view groups[BT_GROUPS_MAX];
	uint32_t n_groups;
	uint32_t alarms;
};

void ha_view(struct ha *ha, struct ha_view *ret);
const struct conf *ha_conf(const struct ha *ha);
struct steer *ha_steer(const struct ha *ha);		/* steer/steer.h; NULL: this node has no pools */
const struct conf *ha_wanted(const struct ha *ha);	/* what the last reload read; NULL: none since the start */
bool ha_vip_present(const struct ha *ha, uint32_t vip_index);	/* index in ha_conf()->vips */

struct ha_alarm_view {
	char id[64];			/* "00-52029 sip" */
	char text[HA_TEXT];
	char event[64];			/* "00-52029": the log event's number, or the id's word */
	uint64_t since_s;		/* seconds ago, */
	bool before_boot;		/* or before the last boot, so many seconds at least */
};
uint32_t ha_alarms(const struct ha *ha, struct ha_alarm_view ret[HA_ALARMS_MAX]);
int ha_alarm_clear(struct ha *ha, const char *id);	/* -ENOENT */

int ha_counts(struct ha *ha, struct bt_count ret_xdp[BT_X__N], struct bt_count ret_tc[BT_T__N]);
int ha_steer_counts(struct ha *ha, struct bt_count ret[BT_S__N]);
struct slow_counts;
void ha_slow_counts(const struct ha *ha, struct slow_counts *ret);
int ha_live(struct ha *ha, uint32_t vip_index, struct bt_live ret[BT_DIR__N]);

/* Who sent VIP frames here in the last minute, although this host does not hold them. */
struct ha_neighbour_view {
	char group[BT_NAME_MAX];
	uint8_t mac[6];
	struct in6_addr ip, vip;	/* of the last frame; IPv4 v4-mapped */
	char interface[IF_NAMESIZE];
	uint64_t packets, last_ms;	/* so long ago */
};
typedef void ha_neighbour_fn(void *arg, const struct ha_neighbour_view *v);
int ha_neighbours(struct ha *ha, ha_neighbour_fn *fn, void *arg);

/* Does it answer OPTIONS? */
struct ha_ping_view {
	const char *state;		/* in-service out-of-service unknown not-checked */
	int64_t since_s;		/* so long ago; -1: never changed */
	int status, rtt_us;		/* of the last answer; 0: there was none */
	uint32_t unanswered;		/* OPTIONS in a row without an answer */
};
void ha_device(const struct ha *ha, uint32_t i, struct ha_ping_view *ret);	/* index in ha_conf()->devices */
void ha_server(const struct ha *ha, uint32_t group, struct ha_ping_view *ret);	/* the group's own, on this host */
/* Datagrams that answered nothing asked, and answers that could not be read. */
void ha_ping_refused(const struct ha *ha, uint64_t *ret_strangers, uint64_t *ret_malformed);

/* The last role changes; valid until the next turn. */
const struct history *ha_history(const struct ha *ha);

/*
 * Ask for a switchover of @group (NULL: every group); on the backup it pulls. @done is called once,
 * perhaps before this returns, with the exit code of the CLI (0 done, 1 refused, 4 begun but not
 * finished within @timeout_ns) and one line of text. ha_ask_forget() drops the callback (client gone).
 */
typedef void ha_done_fn(void *arg, int exit_code, const char *text);
void ha_switchover(struct ha *ha, const char *group, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg);
/*
 * Keep this host from serving @group until ha_unfence(), restarts and reboots included. The peer takes the role first; without
 * a peer that can only @force does it. Reported done when it is on disk and the gate is shut.
 */
void ha_fence(struct ha *ha, const char *group, bool force, ha_done_fn *done, void *arg);
void ha_unfence(struct ha *ha, const char *group, ha_done_fn *done, void *arg);
void ha_ask_forget(struct ha *ha, void *arg);

/*
 * Move the role of @group (NULL: every group) to the peer, but leave here what began here. Called back once: when the
 * peer serves, or, with a @timeout_ns, when nothing is left here (4: something is). @reject: nothing moves, new INVITEs are
 * refused: the pair is to be stopped. @force: of a pool whose other server does not answer.
 */
void ha_drain(struct ha *ha, const char *group, bool reject, bool force, uint64_t timeout_ns, ha_done_fn *done, void *arg);
/* End it at once, on either host. 0, or -EALREADY: none is under way; @text says which. */
int ha_undrain(struct ha *ha, const char *group, char *text, size_t len);

/* Who asks on the control socket, as the kernel says. */
struct ha_asker {
	uint32_t uid;
	int pid;
};

/*
 * The port rules of @group (NULL: of all groups) that name @port (0: every rule), on this host: what is wanted of them from now on. 0, or
 * -ENOENT: there is none. @text says which.
 */
int ha_port(struct ha *ha, const char *group, uint16_t port, enum bt_rule_state want, const struct ha_asker *who, char *text, size_t len);

struct ha_drain_view {
	const char *state;		/* off asked moving draining ready sending-back refusing */
	char reason[32];		/* of the last step; "": there was none */
	uint64_t since_s;
	uint32_t calls, subscriptions, connections;	/* that are known on this host */
	int64_t deadline_left_s;	/* -1: none */
	bool drained;			/* refusing: nothing is left */
};
void ha_drain_view(struct ha *ha, uint32_t group, struct ha_drain_view *ret);

struct ha_pool_drain_view {
	const char *state;		/* off draining drained */
	const char *server;		/* host of the one that keeps what it has; "" none, or both (reject) */
	bool reject;
	uint64_t since_s;
	uint32_t dialogs, connections;	/* left with it */
	int64_t deadline_left_s;	/* -1: none */
};
void ha_pool_drain_view(struct ha *ha, uint32_t pool, struct ha_pool_drain_view *ret);	/* index in ha_conf()->pools */

/* One dialog or connection that the data path knows. */
struct ha_call_view {
	char of[BT_NAME_MAX];		/* group or pool */
	bool pool;
	uint64_t id;			/* SipHash of its Call-ID, or of addresses and ports */
	const char *kind, *state;
	char server[BT_NAME_MAX];	/* host; of a pool: server's host */
	uint32_t age_s, seen_s;
};
typedef void ha_call_fn(void *arg, const struct ha_call_view *v);
/* The next slice from *@at on, which begins as 0; more: 1, that was the last: 0. */
int ha_calls(struct ha *ha, uint64_t *at, ha_call_fn *fn, void *arg);

/*
 * Re-read the configuration. 0, and in @text what waits for a restart, if anything does; or -EINVAL with the first error in
 * @text (all are logged): nothing changed.
 */
/* How often the kernel's watchdog has looked since the maps are, and how often too late to judge; false: there is none. */
bool ha_watch_counts(struct ha *ha, uint64_t *ret_looks, uint64_t *ret_late);
/* Requests kept for replay since the maps are; false: no group here is of mode cluster. */
bool ha_replay_counts(const struct ha *ha, struct bt_replay_at *ret);
int ha_reload(struct ha *ha, char *text, size_t len);

/*
 * Look at this host, then call @done: once, when ha_doctor() has something to tell that is of now. ha_ask_forget() drops it.
 */
void ha_examine(struct ha *ha, void (*done)(void *arg), void *arg);
/* One row of `baton doctor`. @level: "ok", "warn", "bad". @fix may be "". */
typedef void ha_doctor_fn(void *arg, const char *level, const char *check, const char *text, const char *fix);
void ha_doctor(struct ha *ha, ha_doctor_fn *row, void *arg);

#endif
