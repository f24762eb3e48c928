/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/alarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ha/notify.h"
#include "sys/clock.h"
#include "sys/log.h"

static struct alarm *find(struct alarms *a, const char *id)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!strcmp(a->row[i].id, id))
			return &a->row[i];
	return NULL;
}

static bool told_already(const struct conf *conf, uint32_t group)
{
	for (uint32_t i = 0; i < group; i++)
		if (!strcmp(conf->groups[i].alarm_notify, conf->groups[group].alarm_notify))
			return true;
	return false;
}

/* The first group that names a script stands for it: what it is told, by whichever group, it is told in order. */
static void tell(const struct alarms *a, const char *script, const char *state, const char *id, const char *text)
{
	const struct notify_alarm n = { state, id, id, text };

	for (uint32_t i = 0; a->conf && i < a->conf->n_groups; i++)
		if (!told_already(a->conf, i) && (!script || !strcmp(script, a->conf->groups[i].alarm_notify)))
			notify_alarm(a->runner, a->conf, i, &n);
}

static void drop(struct alarms *a, struct alarm *row)
{
	*row = a->row[--a->n];
	a->full = false;
}

static void raise_alarm(struct alarms *a, const char *id, const char *text, const char *script, uint64_t now_ns)
{
	struct alarm *row;

	if (a->n == HA_ALARMS_MAX) {
		if (!a->full)
			log_event(LOG_ERR, "alarm table full", "id=\"%s\" text=\"%s\" kept=%u", id, text, a->n);
		a->full = true;
		return;
	}
	log_event(LOG_ERR, "alarm raised", "id=\"%s\" text=\"%s\"", id, text);
	tell(a, script, "raised", id, text);
	row = &a->row[a->n++];
	snprintf(row->id, sizeof(row->id), "%s", id);
	snprintf(row->text, sizeof(row->text), "%s", text);
	row->since_ns = now_ns;
}

void alarm_set(struct alarms *a, bool on, const char *what, const char *group, const char *text,
	       const char *script, uint64_t now_ns)
{
	struct alarm *row;
	char id[64];

	snprintf(id, sizeof(id), "%s%s%s", what, group ? " " : "", group ? group : "");
	row = find(a, id);
	if (on && !row) {
		raise_alarm(a, id, text, script, now_ns);
	} else if (on) {
		snprintf(row->text, sizeof(row->text), "%s", text);
	} else if (row) {
		log_event(LOG_INFO, "alarm cleared", "id=\"%s\"", id);
		tell(a, script, "cleared", id, row->text);
		drop(a, row);
	}
}

int alarm_clear(struct alarms *a, const char *id)
{
	struct alarm *row = find(a, id);

	if (!row)
		return -ENOENT;
	log_event(LOG_INFO, "alarm cleared", "id=\"%s\" by=operator", id);
	drop(a, row);
	return 0;
}

uint32_t alarm_list(const struct alarms *a, uint64_t now_ns, struct ha_alarm_view ret[HA_ALARMS_MAX])
{
	for (uint32_t i = 0; i < a->n; i++) {
		memcpy(ret[i].id, a->row[i].id, sizeof(ret[i].id));
		memcpy(ret[i].text, a->row[i].text, sizeof(ret[i].text));
		ret[i].since_s = (now_ns - a->row[i].since_ns) / NS_PER_S;
	}
	return a->n;
}
