/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence_own: what the fence's two threads share. Nobody else includes it.
 *
 *   fence.c         life and report
 *   fence_doors.c   thread `doors`: does the gate stand on every door? May wait for rtnl.
 *   fence_tables.c  thread `fence`: is the backstop as words and leases say? May wait for others' commits.
 */
#ifndef BATON_FENCE_OWN_H
#define BATON_FENCE_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "ha/fence.h"
#include "sys/nft.h"

#define FENCE_LOOKS_NS	(10 * NS_PER_MS)	/* between two looks at the same, whatever others do */

/*
 * What was last put into the kernel for a group: when its elements end there. 0: there are none.
 * @late_ns: how much later they may end, as they count from when the kernel's lock was had.
 */
struct fence_life {
	uint64_t ready_ns, open_ns, late_ns;
};

struct fence_tables {
	pthread_t thread;
	bool running;
	int kick;
	struct nft *nft;
	_Atomic uint64_t period_ns;
	struct nft_group group[BT_GROUPS_MAX];
	struct fence_life life[BT_GROUPS_MAX];
	struct nft_vip vip[CONF_VIPS_MAX];
	struct nft_door door[CONF_IFACES_MAX];
	struct nft_plan plan;
	uint32_t doors_seq;		/* of the doors that are in the plan */
	bool built, check;
	int err;
	uint32_t rebuilt;
	uint64_t period_at_ns, retry_ns;
};

struct fence_doors {
	pthread_t thread;
	bool running;
	int kick;
	struct doors doors;
	struct door told[CONF_IFACES_MAX];	/* as the others may see them */
	struct nl rtnl;			/* events only */
	_Atomic uint64_t period_ns;
	bool list, look;
	uint64_t looked_ns, period_at_ns;
};

struct fence {
	const struct conf *conf;
	struct dp *dp;
	int done;
	atomic_bool quit;
	struct fence_tables tables;
	struct fence_doors doors;

	pthread_mutex_t lock;		/* guards what follows */
	struct fence_report report;
	uint32_t doors_seq;		/* another one at each change of report.door */
	struct doors_pools pools;	/* for the doors to take, when new */
	bool pools_new;
};

/* An eventfd of our own; wakes whoever polls it. */
void fence_wake(int fd);

int fence_tables_open(struct fence *f);
void fence_tables_turn(struct fence *f);	/* once by the caller, then by the thread alone */
int fence_tables_start(struct fence *f);
void fence_tables_close(struct fence *f, bool remove);

int fence_doors_open(struct fence *f, const struct ha_iface_view *ifaces, uint32_t n_ifaces, uint32_t n_named);
int fence_doors_start(struct fence *f);
void fence_doors_close(struct fence *f, bool remove);

#endif
