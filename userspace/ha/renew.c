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

int renew_start(struct ha *ha, const struct ha_say *say)
{
	struct renewal *r = &ha->renewal;
	int err;

	if (!ha->found)
		return 0;
	r->dp = ha->dp;
	r->obj_dir = ha->opt.obj_dir;
	r->wake = ha->store_src.fd;
	err = thread_start(&r->thread, "renew", 0, run, r, NULL);
	r->running = !err;
	return err ? ha_fail(say, err, "thread to renew programs", strerror(-err)) : 0;
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

	if (!r->running || !atomic_load(&r->done))
		return;
	renew_stop(ha);
	snprintf(text, sizeof(text), "this build's programs could not be put in place, the earlier ones serve on: %.80s", r->why);
	alarm_set(&ha->alarms, r->err != 0, "programs-old", NULL, text, "", ha->turn_ns);
	if (r->err)
		log_event(LOG_ERR, "programs", "result=kept error=\"%s\"", r->why);
	else
		log_event(LOG_INFO, "programs", "result=%s", r->changed ? "renewed" : "unchanged");
	ha_note_change(ha);
}
