/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify: what are the operator's scripts told? Words as arguments, the same and more in BATON_* variables.
 *
 * Never waits: the runner's thread does the rest. Threads: main.
 */
#ifndef BATON_NOTIFY_H
#define BATON_NOTIFY_H

#include <stdint.h>

#include "core/conf.h"
#include "core/role.h"
#include "ha/runner.h"

/* GROUP ROLE TERM CAUSE to the group's `notify`, if it has one. */
void notify_role(struct runner *r, const struct conf *conf, uint32_t slot, enum role role, uint32_t term, const char *cause);

struct notify_alarm {
	const char *state;	/* raised, cleared */
	const char *id, *event, *text;
};

/* STATE ID TEXT to the `alarm-notify` of that group, if it has one. */
void notify_alarm(struct runner *r, const struct conf *conf, uint32_t slot, const struct notify_alarm *a);

#endif
