/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_own: what the doctor's files share. Nobody else includes it.
 *
 *   doctor.c        the rows, in order; doctor_pair.c: those that only the main loop knows
 *   examine.c       the thread that looks at the rest, for a disk or the kernel's rtnl lock may be waited for:
 *   doctor_gate.c   XDP, tc, the programs, what TCP needs
 *   doctor_net.c    the host's network: settings, VLANs, bridges, who else manages it
 *   doctor_filter.c packet filters in front of two servers on one host
 *   doctor_host.c   time, priority, memory, secret, disk, supervisor
 */
#ifndef BATON_DOCTOR_OWN_H
#define BATON_DOCTOR_OWN_H

#include "ha/ha_own.h"

struct rows {
	ha_doctor_fn *row;
	void *arg;
};

/* @level: "ok", "warn", "bad"; what is not ok bears a @fix. */
void doctor_say(const struct rows *r, const char *level, const char *check, const char *text, const char *fix);

/* ---- by the main loop ---- */

typedef void doctor_check(struct ha *ha, const struct rows *r);
doctor_check doctor_peer, doctor_paths, doctor_marks, doctor_arbiter, doctor_groups, doctor_fence, doctor_ports, doctor_crash, doctor_idle,
	     doctor_certs, doctor_pools, doctor_single;

/* ---- by the thread: it sees copies, for the main loop may change what they were made of ---- */

struct exam_iface {
	char name[IF_NAMESIZE];
	char xdp[8];			/* native, generic, off */
	char refused[HA_WHY];
	enum conf_xdp wanted;
	bool vip, vip6;			/* one at least is to be held here */
};

#define EXAM_SCRIPTS_MAX	32

struct exam_script {
	const char *name;		/* of the option */
	char path[CONF_PATH_MAX];
};

struct exam_service {
	char pool[BT_NAME_MAX];
	struct in6_addr ip;
};

#define EXAM_WAYS_MAX	4	/* each that is shut costs some time */

/* A VIP with two servers behind it. */
struct exam_way {
	char group[BT_NAME_MAX], dev[IF_NAMESIZE];
	struct in6_addr vip;
	uint16_t sip, own[BT_SERVERS];	/* ports: the VIP's; what goes on in a drained server's calls comes to its own */
};

struct exam_in {
	struct exam_way way[EXAM_WAYS_MAX];
	uint32_t n_ways;
	struct dp_probe probe;		/* where there are any */
	struct exam_script script[EXAM_SCRIPTS_MAX];	/* each path once */
	uint32_t n_scripts;
	struct exam_iface iface[CONF_IFACES_MAX];
	uint32_t n_ifaces;
	bool routed;			/* a group has routes of its own */
	struct exam_service service[CONF_POOLS_MAX];	/* each pool's first, unless it is a VIP */
	uint32_t n_services;
	bool nat4, nat6;		/* a pool is reached so */
	bool alone;			/* without a peer */
	bool realtime;			/* the prober's thread got its priority */
	uint8_t me, peer_id;
	uint64_t key_in[2];		/* of the secret that was read at start */
	char secret_file[CONF_PATH_MAX], state_dir[CONF_PATH_MAX], obj_dir[CONF_PATH_MAX];
};

typedef void exam_check(const struct exam_in *in, const struct rows *r);
exam_check exam_services, exam_forwarding;
exam_check exam_xdp, exam_tcx, exam_objects, exam_tcp;
exam_check exam_settings, exam_rp_filter, exam_vlans, exam_bridges, exam_ipv6, exam_managers;
exam_check exam_realtime, exam_throttling, exam_memory, exam_secret, exam_disk, exam_clock, exam_cores, exam_supervisor, exam_scripts;

exam_check exam_filter;
void exam_copy_ways(const struct ha *ha, struct exam_in *in);

/* What the last examination found; a row of its own where that never came to an end. */
void examine_rows(struct ha *ha, const struct rows *r);

#endif
