/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * renew: are the programs that work those of this build?
 *
 * After a start over pins of an earlier life the programs pinned there serve on, and leases are renewed at
 * once. A thread of ordinary priority then compares them with the object files, and loads and puts in place
 * newer ones (sys/dp_load.c). If it fails the old ones serve on, and an alarm tells. The same, at once, where the configuration
 * came to need a stage that they were loaded without.
 */
#include "ha/ha_own.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/stages.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#define AFTER_NS	NS_PER_S	/* the start has come to rest: CPUs are the data path's again */
#define ALARM		"programs-old"

static void *run(void *arg)
{
	struct renewal *r = arg;
	uint64_t one = 1;

	r->err = dp_renew(r->dp, r->obj_dir, r->stages, &r->changed);
	if (r->err)
		snprintf(r->why, sizeof(r->why), "%s", dp_why(r->dp));
	atomic_store(&r->done, true);
	(void)!write(r->wake, &one, sizeof(one));
	return NULL;
}

static void start(struct ha *ha)
{
	struct renewal *r = &ha->renewal;
	int err;

	r->begun = true;
	atomic_store(&r->done, false);
	r->dp = ha->dp;
	r->stages = stages_of(ha->conf);
	r->obj_dir = ha->opt.obj_dir;
	r->wake = ha->store_src.fd;
	err = thread_start(&r->thread, "renew", 0, run, r, NULL);
	r->running = !err;
	r->failed = err;
	if (err)
		log_event(LOG_ERR, "programs", "result=kept error=\"no thread: %s\"", strerror(-err));
}

void renew_stop(struct ha *ha)
{
	if (ha->renewal.running)
		pthread_join(ha->renewal.thread, NULL);
	ha->renewal.running = false;
}

static void take_new(struct ha *ha)
{
	ha->stages = dp_stages(ha->dp);
	watch_renewed(ha);
	log_event(LOG_INFO, "programs", "result=%s", ha->renewal.changed ? "renewed" : "unchanged");
	pools_renewed(ha);
}

/* What only a stage was asked for is over with the wish for it; whether the programs are this build's is still to be seen. */
static void forget_failure(struct ha *ha)
{
	alarm_set(&ha->alarms, false, ALARM, NULL, "", NULL, ha->turn_ns);
	ha->renewal.begun = false;
}

void renew_again(struct ha *ha)
{
	struct renewal *r = &ha->renewal;

	if (r->failed && r->stages & ~ha->stages && !(stages_of(ha->conf) & ~ha->stages))
		forget_failure(ha);
	r->failed = false;
}

static bool is_due(const struct ha *ha)
{
	const struct renewal *r = &ha->renewal;

	if (r->running)
		return false;
	if (stages_of(ha->conf) & ~ha->stages)
		return !r->failed && !ha->stopping && !ha->leaving;
	return ha->found && !r->begun && ha->turn_ns - ha->started_ns > AFTER_NS;
}

void renew_turn(struct ha *ha)
{
	struct renewal *r = &ha->renewal;
	char text[HA_TEXT];

	if (is_due(ha))
		start(ha);
	if (!r->running || !atomic_load(&r->done))
		return;
	renew_stop(ha);
	r->failed = r->err;
	snprintf(text, sizeof(text), "%s: %.80s", pools_wait(ha) ? "the program that steers could not be loaded, pools are not served" :
		 "this build's programs could not be put in place, the earlier ones serve on", r->why);
	alarm_set(&ha->alarms, r->err != 0, ALARM, NULL, text, NULL, ha->turn_ns);
	if (r->err)
		log_event(LOG_ERR, "programs", "result=kept error=\"%s\"", r->why);
	else
		take_new(ha);
	ha_note_change(ha);
}
