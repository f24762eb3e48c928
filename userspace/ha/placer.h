/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * placer: are the addresses on the interfaces as the roles want them?
 *
 * A thread of its own: the kernel's rtnl lock is shared with everybody on the host (containers,
 * network managers) and may be held for longer than a lease. It is asked and goes to work; it also
 * looks by itself every `network-monitoring-timeout` and mends what somebody else changed, which is
 * the guide's VIP monitoring. Neither frames nor the lease wait for it: with the local route an open
 * gate serves before the address is there.
 *
 * VIPs that are resident stay on lo in every role: only their absence is mended, and instead of the addresses the gate is watched:
 * it must be open, leased and on the VIPs' interfaces where the role holds them, and not open where it does not.
 *
 * Whoever lets go ends the TCP connections of the VIPs: their peers get a reset, while the gate still lets one out, and
 * connect again at once, to the new holder.
 * Threads: all calls from main. Allocates only in placer_open().
 */
#ifndef BATON_PLACER_H
#define BATON_PLACER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "ha/announce.h"
#include "ha/vip.h"
#include "ha/vip_script.h"
#include "sys/dp.h"

struct placer;

enum place {
	PLACE_ABSENT,
	PLACE_QUIET,		/* addresses stay as they are, the VIP's own routes go: claiming */
	PLACE_LINGER,		/* the same, and TCP connections of the VIPs end: the role was let go */
	PLACE_KEPT,		/* addresses, routes and connections stay as they are: let go, but what began here goes on here */
	PLACE_HELD,		/* addresses, then routes */
};

struct place_report {
	bool settled;		/* what was last asked for is confirmed by the kernel */
	int err;		/* of the last try, 0: well */
	char why[160];		/* names the address and the kernel's words */
	uint32_t repaired;	/* how often somebody else's change was mended, */
	bool often;		/* and that again and again of late */
	bool failed;		/* not as the role wants it look after look, though mended, or beyond mending */
	uint32_t lets, ended;	/* how often the role was let go, TCP connections ended by the last time, */
	int end_err;		/* and what stood in the way; 0: nothing */
};

/* @script: for groups with control-vip-scripts, whose addresses the operator's scripts place. @done: an eventfd of the caller's, made readable after each piece of work. */
int placer_open(struct placer **ret, const struct conf *conf, struct dp *dp, struct vip_script *script, int done);
void placer_close(struct placer *p);

/*
 * Before any ask: the addresses of @slot, and who announces them: it is told where the routers are at
 * each look. Both stay the caller's.
 */
void placer_know(struct placer *p, uint32_t slot, const struct vip *vips, struct announce *announce);

void placer_ask(struct placer *p, uint32_t slot, enum place want);
/* Look at everything now: a link has come back. */
void placer_look(struct placer *p);
/* Somebody may have added or removed an address of @slot: look now, and mend it, unless that is in vain. */
void placer_news(struct placer *p, uint32_t slot);
/* network-monitoring-timeout may be another now. */
void placer_retime(struct placer *p);

/* A script that has failed may be run again. */
void placer_again(struct placer *p, uint32_t slot);

void placer_report(struct placer *p, uint32_t slot, struct place_report *ret);
/* Is the i-th address of @slot there, by the last look? Of one that is resident: may it be reached here, too? */
bool placer_present(struct placer *p, uint32_t slot, uint32_t i);

#endif
