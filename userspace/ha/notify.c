/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sys/clock.h"

#define TIMEOUT_NS	(30 * NS_PER_S)
#define VAR		208	/* BATON_NAME=value */

void notify_role(struct runner *r, const struct conf *conf, uint32_t slot, enum role role, uint32_t term, const char *cause)
{
	const struct conf_group *g = &conf->groups[slot];
	char number[16], node[VAR], peer[VAR], group[VAR], is[VAR], at[VAR], why[VAR];
	struct runner_job job = {
		.kind = RUN_NOTIFY, .slot = slot, .group = g->name, .path = g->notify, .timeout_ns = TIMEOUT_NS,
		.args = (const char *const[]){ g->name, role_text(role), number, cause, NULL },
		.env = (const char *const[]){ node, peer, group, is, at, why, NULL },
	};

	if (!g->notify[0] || !r)
		return;
	snprintf(number, sizeof(number), "%" PRIu32, term);
	snprintf(node, sizeof(node), "BATON_NODE=%s", conf->name);
	snprintf(peer, sizeof(peer), "BATON_PEER=%s", conf->peer_name);
	snprintf(group, sizeof(group), "BATON_GROUP=%s", g->name);
	snprintf(is, sizeof(is), "BATON_ROLE=%s", role_text(role));
	snprintf(at, sizeof(at), "BATON_TERM=%s", number);
	snprintf(why, sizeof(why), "BATON_CAUSE=%s", cause);
	runner_ask(r, &job);
}

void notify_alarm(struct runner *r, const struct conf *conf, uint32_t slot, const struct notify_alarm *a)
{
	const struct conf_group *g = &conf->groups[slot];
	char node[VAR], peer[VAR], state[VAR], id[VAR], event[VAR];
	struct runner_job job = {
		.kind = RUN_ALARM, .slot = slot, .group = g->name, .path = g->alarm_notify, .timeout_ns = TIMEOUT_NS,
		.args = (const char *const[]){ a->state, a->id, a->text, NULL },
		.env = (const char *const[]){ node, peer, state, id, event, NULL },
	};

	if (!g->alarm_notify[0] || !r)
		return;
	snprintf(node, sizeof(node), "BATON_NODE=%s", conf->name);
	snprintf(peer, sizeof(peer), "BATON_PEER=%s", conf->peer_name);
	snprintf(state, sizeof(state), "BATON_STATE=%s", a->state);
	snprintf(id, sizeof(id), "BATON_ALARM=%s", a->id);
	snprintf(event, sizeof(event), "BATON_EVENT=%s", a->event);
	runner_ask(r, &job);
}
