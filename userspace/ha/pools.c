/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pools: what do pools mean to the rest of the host: when do they begin and end, what of them is an alarm?
 *
 * The conductor's side of steer/. Where the first pools come to programs that were loaded without any, their stage is loaded by a
 * thread (ha/renew.c), and only then is the kernel told of them: what is for them goes by until then, as it did before.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/opts.h"
#include "core/stages.h"
#include "steer/slow.h"
#include "steer/steer.h"
#include "sys/log.h"

#define ALARM	"pool-unserved"
#define ALONE	"pool-server-silent"

bool pools_wait(const struct ha *ha)
{
	return ha->conf->n_pools && !(ha->stages & STAGE_BIT(BT_STAGE_STEER));
}

static int begin(struct ha *ha, char why[HA_WHY])
{
	ha->steer = NULL;
	if (!pools_wait(ha))
		return steer_open(&ha->steer, ha->loop, ha->conf, ha->dp, why, HA_WHY);
	log_event(LOG_INFO, "pools wait", "text=\"the program that steers is being loaded\"");
	return 0;
}

/* Before frames come in: what is for a service must not reach this host's own sockets. */
int pools_open(struct ha *ha, const struct ha_say *say)
{
	char why[HA_WHY];
	int err = begin(ha, why);

	if (err)
		return ha_fail(say, err, "steering", why);
	err = slow_open(&ha->slow, ha->conf, ha->dp);
	return err ? ha_fail(say, err, "slow path", strerror(-err)) : 0;
}

void pools_close(struct ha *ha)
{
	slow_close(ha->slow);
	steer_close(ha->steer);
	ha->slow = NULL;
	ha->steer = NULL;
}

static void tell(struct ha *ha, const char *what, const char *pool, const char *text)
{
	alarm_set(&ha->alarms, text, what, pool, text ? text : "", NULL, ha->turn_ns);
}

/* One or the other: who is not served needs no word of one server. */
static void tell_trouble(struct ha *ha)
{
	char text[HA_TEXT];

	for (uint32_t i = 0; i < steer_pools(ha->steer); i++) {
		const char *trouble = steer_trouble(ha->steer, i, text, sizeof(text));

		tell(ha, ALARM, ha->conf->pools[i].name, trouble);
		tell(ha, ALONE, ha->conf->pools[i].name, trouble ? NULL : steer_alone(ha->steer, i, text, sizeof(text)));
	}
}

uint64_t pools_turn(struct ha *ha)
{
	uint64_t next = steer_turn(ha->steer, ha->turn_ns);

	tell_trouble(ha);
	return next;
}

static int begin_late(struct ha *ha)
{
	char why[HA_WHY];
	int err = begin(ha, why);

	if (err)
		log_event(LOG_ERR, "steering failed", "error=\"%s\"", why);
	return err;
}

void pools_renewed(struct ha *ha)
{
	if (ha->conf->n_pools && !ha->steer && !pools_wait(ha))
		(void)begin_late(ha);
}

/* The configuration has the new pools already; @was: those before. */
int pools_reload(struct ha *ha, const struct conf_pool *was, uint32_t n_was)
{
	uint32_t i;
	int err;

	err = slow_reload(ha->slow, ha->conf);
	if (err)
		log_event(LOG_ERR, "slow path failed", "error=\"%s\"", strerror(-err));
	for (uint32_t j = 0; j < n_was; j++)
		if (!opts_instance(ha->conf, SEC_POOL, was[j].name, &i)) {
			tell(ha, ALARM, was[j].name, NULL);
			tell(ha, ALONE, was[j].name, NULL);
		}
	if (ha->steer && ha->conf->n_pools)
		return steer_reload(ha->steer, ha->conf);
	steer_close(ha->steer);
	renew_again(ha);
	return begin_late(ha);
}
