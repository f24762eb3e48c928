/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ha: the conductor. Facts go to core, its answers to the word, the word to roles, roles to actions.
 *
 * Each turn of the main loop: renew leases, follow each group's word (the kernel may have moved it),
 * judge, change the word by compare-and-swap, follow again until nothing moves. Only here does a
 * role change, and only here is it logged.
 * Time:    boot clock nanoseconds.
 * Errors:  negative errno, a sentence in @why.
 * Threads: main only.
 */
#ifndef BATON_HA_H
#define BATON_HA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ha/ha_view.h"
#include "sys/loop.h"

struct ha_options {
	const char *conf_file;
	const char *obj_dir;		/* where baton_*.bpf.o are */
	const char *run_dir;		/* overrides of the configuration, as batond got them; NULL: none */
	const char *state_dir;
	const char *pin_dir;
	const char *version;
};

/* @conf is taken over (heap) and freed by ha_close(). Everything is built, filled, then attached. */
int ha_open(struct ha **ret, struct loop *loop, struct conf *conf, const struct ha_options *opt, char *why, size_t len);

/* After an orderly stop: addresses, routes, programs and pins go, settings are restored. */
void ha_close(struct ha *ha);

/* Called by the loop before it waits; returns the next deadline. */
uint64_t ha_turn(struct ha *ha, uint64_t now_ns);

/*
 * Before this program is started again in place: ha_close() will leave all as it is, for the next one to find. -EBUSY: it
 * could not go on with it; the log says why, and nothing has changed.
 */
int ha_restart(struct ha *ha);
/* Would what stands in the file now find pins that are made for it? False: @why. */
bool ha_file_fits(struct ha *ha, char *why, size_t len);
bool ha_left(const struct ha *ha);	/* and may go: the peer knows how long its gates live */

/* Begin an orderly stop: hand the role to a healthy peer first (the guide's rule). */
void ha_stop(struct ha *ha);
bool ha_stopped(const struct ha *ha);

/* Called whenever a view would read differently. */
void ha_on_change(struct ha *ha, void (*changed)(void *arg), void *arg);

#endif
