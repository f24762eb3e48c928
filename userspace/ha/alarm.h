/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alarm: what must a person look at, and since when?
 *
 * An alarm is raised once, however often its cause is seen; it clears by itself when the cause is
 * gone, or by hand: then it stays away until the cause has gone and come again. Each rise and fall is logged and handed
 * to the operator's script. A restart forgets none: what stood is kept, and told to nobody a second time; what is not
 * seen again within SETTLE_NS of the start is cleared then, as ever.
 * Source:  the guide's log events 00-04200, 00-52027 ... 00-52030; Baton's own ids are words.
 * Threads: main only. Full: the newest alarm is logged but not kept, and the log says so.
 */
#ifndef BATON_ALARM_H
#define BATON_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/alarm_file.h"
#include "core/conf.h"
#include "ha/ha_view.h"
#include "ha/runner.h"

struct store;

struct alarms {
	struct alarm_row row[HA_ALARMS_MAX];
	uint32_t n;
	bool full;			/* told; what finds no room is told to no script, else it were at each turn */
	bool changed;			/* since it was last asked to be written */
	uint64_t settled_ns;		/* when what was not seen again since the start is over; 0: it is past */
	char boot[ALARM_BOOT];
	char file[ALARM_FILE_MAX];
	struct runner *runner;		/* NULL: no script is run */
	const struct conf *conf;	/* the groups' scripts hear of what concerns the whole host */
};

/* @what: a stable word; @group: or an interface; NULL: the host. @script: alarm-notify, "" for none; NULL: every
 * group's, each once. */
void alarm_set(struct alarms *a, bool on, const char *what, const char *group, const char *text,
	       const char *script, uint64_t now_ns);
int alarm_clear(struct alarms *a, const char *id);	/* by hand; -ENOENT */
uint32_t alarm_list(const struct alarms *a, uint64_t now_ns, struct ha_alarm_view ret[HA_ALARMS_MAX]);
uint32_t alarm_count(const struct alarms *a);

/* Before any alarm_set(): what STATE_DIR/alarms remembers. */
void alarm_recall(struct alarms *a, uint64_t now_ns);
/* Once a turn: what is over since the start, what is to be written. */
void alarm_turn(struct alarms *a, struct store *store, uint64_t now_ns);

#endif
