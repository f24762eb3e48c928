/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_calls: which dialogs and connections are known, and how far has each drain come?
 */
#include "ctl/json.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl_wire.h"
#include "ha/ha_view.h"

static json_t *group_row(struct ha *ha, uint32_t i)
{
	struct ha_drain_view v;
	json_t *o = json_object();

	ha_drain_view(ha, i, &v);
	json_object_set_new(o, "name", json_string(ha_conf(ha)->groups[i].name));
	json_object_set_new(o, "drain", json_string(v.state));
	json_object_set_new(o, "reason", json_string(v.reason));
	json_object_set_new(o, "since_s", json_integer((json_int_t)v.since_s));
	json_object_set_new(o, "calls", json_integer(v.calls));
	json_object_set_new(o, "subscriptions", json_integer(v.subscriptions));
	json_object_set_new(o, "connections", json_integer(v.connections));
	json_object_set_new(o, "deadline_left_s", v.deadline_left_s < 0 ? json_null() : json_integer(v.deadline_left_s));
	json_object_set_new(o, "drained", json_boolean(v.drained));
	return o;
}

static json_t *pool_row(struct ha *ha, uint32_t i)
{
	struct ha_pool_drain_view v;
	json_t *o = json_object();

	ha_pool_drain_view(ha, i, &v);
	json_object_set_new(o, "name", json_string(ha_conf(ha)->pools[i].name));
	json_object_set_new(o, "drain", json_string(v.state));
	json_object_set_new(o, "server", json_string(v.server));
	json_object_set_new(o, "reject", json_boolean(v.reject));
	json_object_set_new(o, "since_s", json_integer((json_int_t)v.since_s));
	json_object_set_new(o, "dialogs", json_integer(v.dialogs));
	json_object_set_new(o, "connections", json_integer(v.connections));
	json_object_set_new(o, "deadline_left_s", v.deadline_left_s < 0 ? json_null() : json_integer(v.deadline_left_s));
	return o;
}

json_t *doc_calls(struct ha *ha)
{
	json_t *doc = json_object(), *groups = json_array(), *pools = json_array();

	for (uint32_t i = 0; i < ha_conf(ha)->n_pools; i++)
		json_array_append_new(pools, pool_row(ha, i));

	for (uint32_t i = 0; i < ha_conf(ha)->n_groups; i++)
		json_array_append_new(groups, group_row(ha, i));
	json_object_set_new(doc, "schema", json_integer(CTL_SCHEMA));
	json_object_set_new(doc, "node", json_string(ha_conf(ha)->name));
	json_object_set_new(doc, "groups", groups);
	json_object_set_new(doc, "pools", pools);
	json_object_set_new(doc, "calls", json_array());
	return doc;
}

static void on_call(void *arg, const struct ha_call_view *v)
{
	json_t *o = json_object();
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, v->id);
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, v->pool ? "pool" : "group", json_string(v->of));
	json_object_set_new(o, "kind", json_string(v->kind));
	json_object_set_new(o, "state", json_string(v->state));
	json_object_set_new(o, "server", json_string(v->server));
	json_object_set_new(o, "age_s", json_integer(v->age_s));
	json_object_set_new(o, "seen_s", json_integer(v->seen_s));
	json_array_append_new(arg, o);
}

/* Slices may be empty between others: only at the end an empty one is given. */
json_t *doc_calls_rows(struct ha *ha, uint64_t *at, bool *done)
{
	json_t *rows = json_array();
	int more = 1;

	while (!*done && more > 0 && !json_array_size(rows)) {
		more = ha_calls(ha, at, on_call, rows);
		*done = !more;
	}
	if (more >= 0)
		return rows;
	json_decref(rows);
	return NULL;
}
