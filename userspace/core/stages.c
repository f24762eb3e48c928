/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/stages.h"

#include "core/conf.h"

/* Pulses: a host that is alone may be given a peer by a restart in place, over programs that it finds. */
#define ALWAYS	(STAGE_BIT(BT_STAGE_PULSE) | STAGE_BIT(BT_STAGE_ANSWER) | STAGE_BIT(BT_STAGE_WATCH))

/* As ha/datapath.c flags its VIPs. */
static uint32_t stages_of_group(const struct conf_group *g)
{
	uint32_t set = g->mode == MODE_PROXY ? STAGE_BIT(BT_STAGE_STEER) : STAGE_BIT(BT_STAGE_CALLS);

	return g->mode == MODE_CLUSTER ? set | STAGE_BIT(BT_STAGE_CLUSTER) : set;
}

uint32_t stages_of(const struct conf *c)
{
	uint32_t set = c->n_pools ? ALWAYS | STAGE_BIT(BT_STAGE_STEER) : ALWAYS;

	for (uint32_t i = 0; i < c->n_groups; i++)
		set |= stages_of_group(&c->groups[i]);
	return set;
}
