/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/alarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ha/notify.h"
#include "ha/store.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#define SETTLE_NS	(10 * NS_PER_S)	/* within that, whatever stands is seen again */
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"

_Static_assert(HA_ALARMS_MAX == ALARM_ROWS && HA_TEXT == ALARM_TEXT, "the table and its file hold the same");

static struct alarm_row *find(struct alarms *a, const char *id)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!strcmp(a->row[i].id, id))
			return &a->row[i];
	return NULL;
}

/* The number of the log event that goes with it: the guide has pairs, and one that nothing but a person ends. */
static void event_of(const char *id, bool raised, char ret[ALARM_ID])
{
	static const char *const pairs[][2] = { { "00-52027", "00-52028" }, { "00-52029", "00-52030" } };

	snprintf(ret, ALARM_ID, "%.*s", (int)strcspn(id, " "), id);
	for (uint32_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !raised; i++)
		if (!strcmp(ret, pairs[i][0]))
			snprintf(ret, ALARM_ID, "%s", pairs[i][1]);
}

/* ---- who is told -------------------------------------------------------------------------------- */

static bool told_already(const struct conf *conf, uint32_t group)
{
	for (uint32_t i = 0; i < group; i++)
		if (!strcmp(conf->groups[i].alarm_notify, conf->groups[group].alarm_notify))
			return true;
	return false;
}

/* The first group that names a script stands for it: what it is told, by whichever group, it is told in order. */
static void tell(const struct alarms *a, const char *script, const char *state, const struct alarm_row *row, const char *event)
{
	const struct notify_alarm n = { state, row->id, event, row->text };

	for (uint32_t i = 0; a->conf && i < a->conf->n_groups; i++)
		if (!told_already(a->conf, i) && (!script || !strcmp(script, a->conf->groups[i].alarm_notify)))
			notify_alarm(a->runner, a->conf, i, &n);
}

/* Of an id as "00-52029 sip"; an interface's has none. */
static const char *group_of(const struct alarms *a, const char *id, const char **ret_script)
{
	const char *blank = strchr(id, ' ');

	*ret_script = NULL;
	for (uint32_t i = 0; blank && a->conf && i < a->conf->n_groups; i++)
		if (!strcmp(blank + 1, a->conf->groups[i].name)) {
			*ret_script = a->conf->groups[i].alarm_notify;
			return blank + 1;
		}
	return "";
}

/* ---- rise and fall ------------------------------------------------------------------------------ */

static void drop(struct alarms *a, struct alarm_row *row)
{
	*row = a->row[--a->n];
	a->full = false;
	a->changed = true;
}

static void log_alarm(const struct alarms *a, const struct alarm_row *row, bool raised, const char *event, const char *by)
{
	const char *script, *group = group_of(a, row->id, &script);

	log_event(raised ? LOG_ERR : LOG_INFO, raised ? "alarm raised" : "alarm cleared", "id=\"%s\" event=%s%s%s%s%s%s%s%s", row->id,
		  event, group[0] ? " group=" : "", group, by ? " by=" : "", by ? by : "", raised ? " text=\"" : "",
		  raised ? row->text : "", raised ? "\"" : "");
}

static void raise_alarm(struct alarms *a, const char *id, const char *text, const char *script, uint64_t now_ns)
{
	struct alarm_row *row;
	char event[ALARM_ID];

	if (a->n == HA_ALARMS_MAX) {
		if (!a->full)
			log_event(LOG_ERR, "alarm table full", "id=\"%s\" text=\"%s\" kept=%u", id, text, a->n);
		a->full = true;
		return;
	}
	row = &a->row[a->n++];
	*row = (struct alarm_row){ .since_ns = now_ns };
	snprintf(row->id, sizeof(row->id), "%s", id);
	snprintf(row->text, sizeof(row->text), "%s", text);
	event_of(id, true, event);
	log_alarm(a, row, true, event, NULL);
	tell(a, script, "raised", row, event);
	a->changed = true;
}

static void clear(struct alarms *a, struct alarm_row *row, const char *script, const char *by)
{
	char event[ALARM_ID];

	event_of(row->id, false, event);
	log_alarm(a, row, false, event, by);
	tell(a, script, "cleared", row, event);
}

/* Nobody but the operator was told of what was cleared by hand, so nobody is told of its end. */
static void end(struct alarms *a, struct alarm_row *row, const char *script, const char *by)
{
	if (!row->by_hand)
		clear(a, row, script, by);
	drop(a, row);
}

void alarm_set(struct alarms *a, bool on, const char *what, const char *group, const char *text,
	       const char *script, uint64_t now_ns)
{
	struct alarm_row *row;
	char id[ALARM_ID];

	snprintf(id, sizeof(id), "%s%s%s", what, group ? " " : "", group ? group : "");
	row = find(a, id);
	if (on && !row) {
		raise_alarm(a, id, text, script, now_ns);
	} else if (on) {
		snprintf(row->text, sizeof(row->text), "%s", text);
		row->unsure = false;
	} else if (row && !row->unsure) {	/* that it is not seen yet is no news right after a start */
		end(a, row, script, NULL);
	}
}

int alarm_clear(struct alarms *a, const char *id)
{
	struct alarm_row *row = find(a, id);
	const char *script;

	if (!row || row->by_hand)
		return -ENOENT;
	group_of(a, id, &script);
	clear(a, row, script, "operator");
	row->by_hand = true;
	a->changed = true;
	return 0;
}

/* ---- what is seen ------------------------------------------------------------------------------- */

uint32_t alarm_list(const struct alarms *a, uint64_t now_ns, struct ha_alarm_view ret[HA_ALARMS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		const struct alarm_row *row = &a->row[i];

		if (row->by_hand)
			continue;
		memcpy(ret[n].id, row->id, sizeof(ret[n].id));
		memcpy(ret[n].text, row->text, sizeof(ret[n].text));
		event_of(row->id, true, ret[n].event);
		ret[n].before_boot = !row->since_ns;
		ret[n++].since_s = (now_ns - row->since_ns) / NS_PER_S;
	}
	return n;
}

uint32_t alarm_count(const struct alarms *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++)
		n += !a->row[i].by_hand;
	return n;
}

/* ---- across a restart --------------------------------------------------------------------------- */

static void read_boot(char ret[ALARM_BOOT])
{
	ssize_t n = file_read(BOOT_ID, ret, ALARM_BOOT - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, " \n")] = '\0';
	if (!ret[0])
		snprintf(ret, ALARM_BOOT, "unknown");
}

void alarm_recall(struct alarms *a, uint64_t now_ns)
{
	char path[CONF_PATH_MAX + 8];
	ssize_t n;
	int err;

	read_boot(a->boot);
	snprintf(path, sizeof(path), "%s/alarms", a->conf->state_dir);
	n = file_read(path, a->file, sizeof(a->file));
	if (n == -ENOENT)
		return;
	err = n < 0 ? (int)n : alarm_file_read(a->file, (size_t)n, a->boot, now_ns, a->row, &a->n);
	if (err)
		log_event(LOG_WARNING, "alarms refused", "file=%s error=\"%s\" text=\"which alarms stood before this start is not known\"",
			  path, err == -EBADMSG ? "damaged, or of another version" : strerror(-err));
	for (uint32_t i = 0; i < a->n; i++)
		a->row[i].unsure = true;
	a->settled_ns = a->n ? now_ns + SETTLE_NS : 0;
}

/* From the end: what is dropped is replaced by the last. */
static void settle(struct alarms *a)
{
	const char *script;

	for (uint32_t i = a->n; i-- > 0;) {
		if (!a->row[i].unsure)
			continue;
		group_of(a, a->row[i].id, &script);
		end(a, &a->row[i], script, "restart");
	}
	a->settled_ns = 0;
}

void alarm_turn(struct alarms *a, struct store *store, uint64_t now_ns)
{
	if (a->settled_ns && now_ns >= a->settled_ns)
		settle(a);
	if (!a->changed)
		return;
	a->changed = false;
	store_ask_alarms(store, a->file, alarm_file_write(a->boot, a->row, a->n, a->file));
}
