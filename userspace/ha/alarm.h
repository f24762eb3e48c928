/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alarm: what must a person look at, and since when?
 *
 * An alarm is raised once, however often its cause is seen; it clears by itself when the cause is
 * gone, or by hand. Each rise and fall is logged and handed to the operator's script.
 * Source:  the guide's log events 00-04200, 00-52027 ... 00-52030; Baton's own ids are words.
 * Threads: main only. Full: the newest alarm is logged but not kept, and the log says so.
 */
#ifndef BATON_ALARM_H
#define BATON_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "ha/ha_view.h"
#include "ha/runner.h"

struct alarm {
	char id[64];
	char text[HA_TEXT];
	uint64_t since_ns;
};

struct alarms {
	struct alarm row[HA_ALARMS_MAX];
	uint32_t n;
	bool full;			/* told; what finds no room is told to no script, else it were at each turn */
	struct runner *runner;		/* NULL: no script is run */
	const struct conf *conf;	/* the groups' scripts hear of what concerns the whole host */
};

/* @what: a stable word; @group: or an interface; NULL: the host. @script: alarm-notify, "" for none; NULL: every
 * group's, each once. */
void alarm_set(struct alarms *a, bool on, const char *what, const char *group, const char *text,
	       const char *script, uint64_t now_ns);
int alarm_clear(struct alarms *a, const char *id);	/* -ENOENT */
uint32_t alarm_list(const struct alarms *a, uint64_t now_ns, struct ha_alarm_view ret[HA_ALARMS_MAX]);

#endif
