/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs: what is answered to a request that is known to be good?
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json.h"
#include "ctl/json_pools.h"
#include "ha/ha_view.h"
#include "steer/steer.h"
#include "sys/log.h"

#define WHY_MAX		256
#define FOLLOW_ROOM	(32 * 1024)	/* log lines wait in the log, not in a client's buffer */
/* About half a millisecond of each list: a thousand rows take longer than the loop may stand. */
#define VIPS_A_TURN	16
#define PLACES_A_TURN	8		/* sections of the configuration */
#define DEVICES_A_TURN	64
#define POOLS_A_TURN	4
#define LIST_END	"]}}\n"		/* what closes the list that is a document's last key */

/* A document, or the one reason that leaves none. */
static void client_answer_doc(struct client *c, json_t *doc)
{
	if (doc)
		client_answer(c, CTL_DONE, doc, NULL);
	else
		client_answer(c, CTL_REFUSED, NULL, "out of memory");
}

static void client_follow(struct client *c)
{
	struct log_line line;

	while (!client_is_free(c) && client_unsent(c) < FOLLOW_ROOM && !log_read(c->next_line, &line)) {
		c->next_line = line.seq + 1;
		client_say(c, CTL_DONE, doc_event(&line), NULL);
	}
}

/* Who asked for what, beside what then happened. */
static void log_request(const struct client *c, const char *verb, const char *what, bool force)
{
	log_event(LOG_INFO, "control", "verb=%s arg=\"%s\" force=%s uid=%u pid=%d", verb, what, force ? "yes" : "no",
		  c->who.uid, c->who.pid);
}

static void on_switched(void *arg, int exit_code, const char *text)
{
	struct client *c = arg;

	if (exit_code == CTL_DONE)
		client_answer(c, CTL_DONE, doc_done(text), NULL);
	else
		client_answer(c, exit_code, NULL, text);
}

static bool group_exists(const struct conf *conf, const char *name, char *why, size_t cap)
{
	int n = snprintf(why, cap, "no group '%s' here; groups:", name);

	for (uint32_t i = 0; i < conf->n_groups; i++) {
		if (!strcmp(conf->groups[i].name, name))
			return true;
		if (n > 0 && (size_t)n < cap)
			n += snprintf(why + n, cap - (size_t)n, " %s", conf->groups[i].name);
	}
	return false;
}

/* A node that only steers has no role to ask about or to move: to say yes would be a lie. */
static bool has_groups(struct client *c)
{
	if (ha_conf(c->ctl->ha)->n_groups)
		return true;
	client_answer(c, CTL_REFUSED, NULL, "there is no [group] on this node, it only steers: see `baton pools`");
	return false;
}

static void verb_switchover(struct client *c, const struct request *r)
{
	char why[BT_GROUPS_MAX * (BT_NAME_MAX + 1) + 64];
	const char *group = r->group[0] ? r->group : NULL;

	if (!has_groups(c))
		return;

	if (group && !group_exists(ha_conf(c->ctl->ha), group, why, sizeof(why))) {
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	log_request(c, "switchover", r->group, r->force);
	c->state = WAITING;
	client_wants(c);
	if (!client_is_free(c))
		ha_switchover(c->ctl->ha, group, r->force, r->timeout_ns ? r->timeout_ns : CTL_TIMEOUT_S * 1000000000ULL,
			      on_switched, c);
}

/* Fence and unfence. */
static void verb_by_hand(struct client *c, const struct request *r)
{
	char why[BT_GROUPS_MAX * (BT_NAME_MAX + 1) + 64];
	bool on = r->verb == CTL_FENCE;

	if (!group_exists(ha_conf(c->ctl->ha), r->group, why, sizeof(why))) {
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	log_request(c, on ? "fence" : "unfence", r->group, r->force);
	c->state = WAITING;
	client_wants(c);
	if (client_is_free(c))
		return;
	if (on)
		ha_fence(c->ctl->ha, r->group, r->force, on_switched, c);
	else
		ha_unfence(c->ctl->ha, r->group, on_switched, c);
}

static void verb_drain(struct client *c, const struct request *r)
{
	log_request(c, r->reject ? "drain-reject" : "drain", r->group, r->force);
	c->state = WAITING;
	client_wants(c);
	if (!client_is_free(c))
		ha_drain(c->ctl->ha, r->group[0] ? r->group : NULL, r->reject, r->force, r->timeout_ns, on_switched, c);
}

static void verb_undrain(struct client *c, const struct request *r)
{
	char text[WHY_MAX];
	int err;

	log_request(c, "undrain", r->group, false);
	err = ha_undrain(c->ctl->ha, r->group[0] ? r->group : NULL, text, sizeof(text));
	if (err)
		client_answer(c, CTL_REFUSED, NULL, text);
	else
		client_answer_doc(c, doc_done(text));
}

static void verb_port(struct client *c, const struct request *r)
{
	static const char *const did[] = {
		[BT_RULE_STOPPED] = "port-disable", [BT_RULE_ENABLED] = "port-enable", [BT_RULE_DRAINING] = "port-drain",
	};
	char why[BT_GROUPS_MAX * (BT_NAME_MAX + 1) + 64], what[BT_NAME_MAX + 16];

	if (!has_groups(c))
		return;
	if (r->group[0] && !group_exists(ha_conf(c->ctl->ha), r->group, why, sizeof(why))) {
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	snprintf(what, sizeof(what), "%u%s%s", r->port, r->group[0] ? " " : "", r->group);
	log_request(c, did[r->rule], what, false);
	if (ha_port(c->ctl->ha, r->group[0] ? r->group : NULL, r->port, r->rule, &(struct ha_asker){ c->who.uid, c->who.pid }, why, sizeof(why)))
		client_answer(c, CTL_REFUSED, NULL, why);
	else
		client_answer_doc(c, doc_done(why));
}

static void verb_explain(struct client *c, const struct request *r)
{
	char why[WHY_MAX];
	json_t *doc = doc_explain(c->ctl->ha, r->term, why, sizeof(why));

	if (doc)
		client_answer(c, CTL_DONE, doc, NULL);
	else
		client_answer(c, CTL_REFUSED, NULL, why);
}

static void verb_neighbours(struct client *c, const struct request *r)
{
	char why[WHY_MAX];
	int err = 0;
	json_t *doc = doc_neighbours(c->ctl->ha, &err);

	(void)r;
	if (doc) {
		client_answer(c, CTL_DONE, doc, NULL);
		return;
	}
	snprintf(why, sizeof(why), "cannot read the data path's neighbours: %s", strerror(-err));
	client_answer(c, CTL_REFUSED, NULL, why);
}

static void verb_status(struct client *c, const struct request *r)
{
	(void)r;
	client_answer_doc(c, doc_status(c->ctl->ha));
}

static void verb_ready(struct client *c, const struct request *r)
{
	char why[WHY_MAX];
	json_t *doc;

	if (!r->upgrade && !has_groups(c))
		return;
	doc = doc_ready(c->ctl->ha, r->upgrade, why, sizeof(why));
	client_answer(c, why[0] ? CTL_REFUSED : CTL_DONE, doc, why[0] ? why : NULL);
}

static void verb_watch(struct client *c, const struct request *r)
{
	(void)r;
	c->state = WATCHING;
	client_say(c, CTL_DONE, doc_status(c->ctl->ha), NULL);
}

static void verb_events(struct client *c, const struct request *r)
{
	if (!r->follow) {
		client_answer_doc(c, doc_events());
		return;
	}
	c->state = FOLLOWING;
	c->next_line = 0;
	atomic_fetch_add(&c->ctl->followers, 1);
	client_wants(c);
	client_follow(c);
}

/* The next rows, or the end of the line. What fails now can no longer be said: half a line tells it. */
static void client_list(struct client *c)
{
	json_t *rows = c->rows(c);
	char *text = json_array_size(rows) ? json_dumps(rows, JSON_COMPACT) : NULL;
	bool first = !c->listed;

	if (text) {
		text[0] = ',';	/* [a,b] is pushed as a,b or ,a,b */
		c->listed = true;
		client_push(c, text + first, strlen(text) - 1 - first);
	} else if (rows && !json_array_size(rows)) {
		c->state = LEAVING;
		client_push(c, LIST_END, strlen(LIST_END));
	} else {
		client_close(c);
	}
	free(text);
	json_decref(rows);
}

/* All of @doc but its last key, an empty list; that follows by and by. Takes @doc. */
static void client_begin_list(struct client *c, json_t *doc, client_rows_fn *rows)
{
	char *line = reply_line(CTL_DONE, doc, NULL);

	c->state = LISTING;
	c->rows = rows;
	c->next_row = 0;
	c->listed = false;
	if (line)
		client_push(c, line, strlen(line) - strlen(LIST_END));
	else
		client_close(c);
	free(line);
}

static json_t *next_vips(struct client *c)
{
	int err = 0;
	json_t *vips = doc_counters_vips(c->ctl->ha, c->next_row, VIPS_A_TURN, &err);

	c->next_row += (uint32_t)json_array_size(vips);
	return vips;
}

static json_t *next_devices(struct client *c)
{
	json_t *devices = doc_devices_rows(c->ctl->ha, c->next_row, DEVICES_A_TURN);

	c->next_row += (uint32_t)json_array_size(devices);
	return devices;
}

static json_t *next_options(struct client *c)
{
	return doc_options_rows(ha_conf(c->ctl->ha), ha_wanted(c->ctl->ha), &c->next_row, PLACES_A_TURN);
}

static json_t *next_calls(struct client *c)
{
	return doc_calls_rows(c->ctl->ha, &c->place, &c->done);
}

static void verb_calls(struct client *c, const struct request *r)
{
	(void)r;
	c->place = 0;
	c->done = false;
	client_begin_list(c, doc_calls(c->ctl->ha), next_calls);
}

static void verb_counters(struct client *c, const struct request *r)
{
	char why[WHY_MAX];
	int err = 0;
	json_t *doc = doc_counters(c->ctl->ha, &err);

	(void)r;
	if (doc) {
		client_begin_list(c, doc, next_vips);
		return;
	}
	snprintf(why, sizeof(why), "cannot read the data path's counters: %s", strerror(-err));
	client_answer(c, CTL_REFUSED, NULL, why);
}

static void verb_options(struct client *c, const struct request *r)
{
	(void)r;
	client_begin_list(c, doc_options(), next_options);
}

static void verb_devices(struct client *c, const struct request *r)
{
	(void)r;
	client_begin_list(c, doc_devices(c->ctl->ha), next_devices);
}

static json_t *next_pools(struct client *c)
{
	json_t *pools = doc_pools_rows(c->ctl->ha, c->next_row, POOLS_A_TURN);

	c->next_row += (uint32_t)json_array_size(pools);
	return pools;
}

static void verb_pools(struct client *c, const struct request *r)
{
	(void)r;
	client_begin_list(c, doc_pools(c->ctl->ha), next_pools);
}

/* ---- trace ---- */

/* Whoever does not read fast enough misses some, as the kernel's ring has it too. */
static void on_trace(void *arg, const struct bt_trace *t)
{
	struct ctl *ctl = arg;

	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		struct client *c = &ctl->clients[i];

		if (!client_is_free(c) && c->state == TRACING && client_unsent(c) < FOLLOW_ROOM)
			client_say(c, CTL_DONE, doc_trace(ctl->ha, t), NULL);
	}
}

/* The closest look that anybody wants; nobody: none. */
int verb_trace_retime(struct ctl *ctl)
{
	uint32_t every = 0;

	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		const struct client *c = &ctl->clients[i];

		if (!client_is_free(c) && c->state == TRACING && (!every || c->every < every))
			every = c->every;
	}
	return steer_trace(ha_steer(ctl->ha), every, on_trace, ctl);
}

static void verb_trace(struct client *c, const struct request *r)
{
	if (!ha_steer(c->ctl->ha)) {
		client_answer(c, CTL_REFUSED, NULL, "this host has no pools");
		return;
	}
	c->state = TRACING;
	c->every = r->every;
	if (verb_trace_retime(c->ctl))
		client_answer(c, CTL_REFUSED, NULL, "the data path's samples cannot be read");
	else
		client_wants(c);
}

static void verb_alarms(struct client *c, const struct request *r)
{
	char why[WHY_MAX];

	if (!r->clear[0]) {
		client_answer_doc(c, doc_alarms(c->ctl->ha, NULL));
		return;
	}
	if (ha_alarm_clear(c->ctl->ha, r->clear)) {
		snprintf(why, sizeof(why), "no alarm '%s'; `baton alarms` lists them", r->clear);
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	log_request(c, "alarms-clear", r->clear, false);
	client_answer_doc(c, doc_alarms(c->ctl->ha, r->clear));
}

static void on_examined(void *arg)
{
	struct client *c = arg;
	char why[WHY_MAX];
	unsigned bad = 0;
	json_t *doc = doc_doctor(c->ctl->ha, &bad);

	if (!doc || !bad) {
		client_answer_doc(c, doc);
		return;
	}
	snprintf(why, sizeof(why), "%u check%s bad", bad, bad == 1 ? " is" : "s are");
	client_answer(c, CTL_REFUSED, doc, why);
}

static void verb_doctor(struct client *c, const struct request *r)
{
	(void)r;
	c->state = WAITING;
	client_wants(c);
	if (!client_is_free(c))
		ha_examine(c->ctl->ha, on_examined, c);
}

static void verb_reload(struct client *c, const struct request *r)
{
	char why[CONF_PATH_MAX + WHY_MAX] = "", text[sizeof(why) + 32];

	(void)r;
	log_request(c, "reload", "", false);
	if (ha_reload(c->ctl->ha, why, sizeof(why))) {
		client_answer(c, CTL_REFUSED, NULL, why[0] ? why : "the configuration was refused");
		return;
	}
	snprintf(text, sizeof(text), "configuration reloaded%s%s", why[0] ? "; " : "", why);
	client_answer_doc(c, doc_done(text));
}

/* A verb without a row is one that request_read() refuses as not built. */
static void (*const verbs[CTL_VERB__N])(struct client *c, const struct request *r) = {
	[CTL_STATUS]	 = verb_status,
	[CTL_READY]	 = verb_ready,
	[CTL_WATCH]	 = verb_watch,
	[CTL_SWITCHOVER] = verb_switchover,
	[CTL_FENCE]	 = verb_by_hand,
	[CTL_UNFENCE]	 = verb_by_hand,
	[CTL_DRAIN]	 = verb_drain,
	[CTL_UNDRAIN]	 = verb_undrain,
	[CTL_PORT]	 = verb_port,
	[CTL_CALLS]	 = verb_calls,
	[CTL_EVENTS]	 = verb_events,
	[CTL_EXPLAIN]	 = verb_explain,
	[CTL_DEVICES]	 = verb_devices,
	[CTL_NEIGHBOURS] = verb_neighbours,
	[CTL_COUNTERS]	 = verb_counters,
	[CTL_POOLS]	 = verb_pools,
	[CTL_TRACE]	 = verb_trace,
	[CTL_OPTIONS]	 = verb_options,
	[CTL_ALARMS]	 = verb_alarms,
	[CTL_DOCTOR]	 = verb_doctor,
	[CTL_RELOAD]	 = verb_reload,
};

void verb_obey(struct client *c, const struct request *r)
{
	verbs[r->verb](c, r);
}

void verb_go_on(struct client *c)
{
	if (c->state == FOLLOWING)
		client_follow(c);
	else if (c->state == LISTING && !client_unsent(c))
		client_list(c);
}
