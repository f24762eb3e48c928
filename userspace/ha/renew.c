/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * renew: are the programs that work those of this build?
 *
 * After a start over pins of an earlier life the programs pinned there serve on, and leases are renewed at
 * once. A thread of ordinary priority then compares them with the object files, and loads and puts in place
 * newer ones (sys/dp_load.c). If it fails the old ones serve on, and an alarm tells.
 */
#include "ha/ha_own.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#define AFTER_NS	NS_PER_S	/* the start has come to rest: CPUs are the data path's again */

static void *run(void *arg)
{
	struct renewal *r = arg;
	uint64_t one = 1;

	r->err = dp_renew(r->dp, r->obj_dir, &r->changed);
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
	r->dp = ha->dp;
	r->obj_dir = ha->opt.obj_dir;
	r->wake = ha->store_src.fd;
	err = thread_start(&r->thread, "renew", 0, run, r, NULL);
	r->running = !err;
	if (err)
		log_event(LOG_ERR, "programs", "result=kept error=\"no thread: %s\"", strerror(-err));
}

void renew_stop(struct ha *ha)
{
	if (ha->renewal.running)
		pthread_join(ha->renewal.thread, NULL);
	ha->renewal.running = false;
}

void renew_turn(struct ha *ha)
{
	struct renewal *r = &ha->renewal;
	char text[HA_TEXT];

	if (ha->found && !r->begun && ha->turn_ns - ha->started_ns > AFTER_NS)
		start(ha);
	if (!r->running || !atomic_load(&r->done))
		return;
	renew_stop(ha);
	snprintf(text, sizeof(text), "this build's programs could not be put in place, the earlier ones serve on: %.80s", r->why);
	alarm_set(&ha->alarms, r->err != 0, "programs-old", NULL, text, NULL, ha->turn_ns);
	if (r->err)
		log_event(LOG_ERR, "programs", "result=kept error=\"%s\"", r->why);
	else
		watch_renewed(ha);
	if (!r->err)
		log_event(LOG_INFO, "programs", "result=%s", r->changed ? "renewed" : "unchanged");
	ha_note_change(ha);
}
