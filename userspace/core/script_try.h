/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script_try: is the script that shall change a VIP's state to be run, run again, or given up?
 *
 * Pure. A run has `timeout` to change the state; one that says by its exit code that it failed is not waited for any
 * longer than a second. After SCRIPT_RUNS it has failed, and is not run again before the other direction was asked
 * for, the state was right after all, or somebody says so.
 * Source:  the guide, vip-state-change-timeout.
 */
#ifndef BATON_SCRIPT_TRY_H
#define BATON_SCRIPT_TRY_H

#include <stdbool.h>
#include <stdint.h>

#define SCRIPT_RUNS	3
#define SCRIPT_NO_VIP	UINT32_MAX

struct script_try {
	bool up;		/* direction of the last run */
	uint32_t vip;		/* for which it was */
	uint32_t runs;
	uint64_t began_ns;
	bool runs_now;		/* began, and has not ended */
	int code;		/* with which it ended */
	bool failed;
};

enum script_step {
	SCRIPT_RIGHT,		/* nothing to do */
	SCRIPT_RUN,		/* now; counted as begun */
	SCRIPT_WAIT,
	SCRIPT_FAILED,
};

/* @vip: the first whose state is not as wanted, SCRIPT_NO_VIP: all are. */
enum script_step script_try_step(struct script_try *t, bool up, uint32_t vip, uint64_t timeout_ns, uint64_t now_ns);
void script_try_ended(struct script_try *t, int code);
void script_try_again(struct script_try *t);

#endif
