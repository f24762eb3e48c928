/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl: who asks on the control socket, may they, and did they take their answer?
 *
 * Shows and asks; decides nothing. A client is served without ever being waited for: whatever it
 * does (says nothing, reads nothing, goes away, sends rubbish), the loop goes on.
 * Time:    deadlines start in the turn after what caused them; the clock is the caller's.
 * Errors:  negative errno, with one line for the log in @why.
 * Threads: main only. Log lines of other threads arrive through an eventfd.
 * Source:  design §3.4; the wire itself is include/ctl_wire.h.
 */
#ifndef BATON_CTL_H
#define BATON_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "sys/loop.h"

struct ctl;
struct ha;

/*
 * Make @run_dir (0750, if missing) and take its lock for the life of this process. To be called
 * before anything else is touched. -EADDRINUSE: another batond holds it; @why names its pid.
 */
int ctl_lock(const char *run_dir, char *why, size_t len);

/*
 * Listen on @run_dir/control.sock. A socket file that nobody listens on is replaced; one that is
 * alive gives -EADDRINUSE. Takes the hook of sys/log.h until ctl_close(). @ha is only asked once
 * a client does. NULL is fine to close.
 */
int ctl_open(struct ctl **ret, struct loop *loop, struct ha *ha, const char *run_dir, char *why, size_t len);
void ctl_close(struct ctl *ctl);

/* Ends overdue clients, tells watchers what changed; returns the next deadline, or LOOP_NEVER. */
uint64_t ctl_turn(struct ctl *ctl, uint64_t now_ns);

/* The status document is no longer what it was: watchers are told in the next turn. NULL is fine. */
void ctl_changed(struct ctl *ctl);

#endif
