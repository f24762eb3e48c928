/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * locker: is the lock in etcd this host's?
 *
 * A thread of its own speaks with etcd, as core/lock says: a hanging etcd hangs nothing else. While no
 * lock is wanted it only looks, once a second, whether etcd answers.
 * Threads: all calls from main, none waits for etcd but locker_close(), at most two answers long.
 * Source:  design §4.3; sys/etcd.h.
 */
#ifndef BATON_LOCKER_H
#define BATON_LOCKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/lock.h"

struct locker;

struct locker_report {
	bool up;			/* etcd answered the last question */
	bool asked;			/* it has had the time to */
	uint64_t cluster;
	char why[160];			/* the last failure; "" after a success */
	struct {
		uint64_t number, until_ns;	/* held for; 0: not */
		char other[LOCK_VALUE_MAX];	/* who has it instead, "" nobody */
	} group[BT_GROUPS_MAX];
};

/* @boot: of this host's maps. @changed: an eventfd of the caller's, readable when the report reads differently. */
int locker_open(struct locker **ret, const struct conf *conf, uint64_t boot, int changed);
/* @release: let go of what is held, at most two answers long; else it stands until it ends by itself, and nothing is waited for. */
void locker_close(struct locker *l, bool release);
void locker_want(struct locker *l, uint32_t slot, uint64_t number);
void locker_report(struct locker *l, uint64_t now_ns, struct locker_report *ret);

#endif
