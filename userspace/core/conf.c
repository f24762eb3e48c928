/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "core/conf_check.h"
#include "core/conf_read.h"
#include "core/conf_value.h"
#include "core/opts.h"
#include "core/where.h"

#define TEXT_MAX 512

struct parse {
	struct conf *conf;
	const char *file;
	conf_error_fn *error;
	void *arg;
	unsigned errors;
	/* The section being read; obj is NULL if it was refused and its keys are passed over. */
	enum opt_section section;
	uint32_t instance;		/* of its kind */
	void *obj;
	bool in_section;		/* a [section] line was seen at all */
};

static void on_error(void *arg, unsigned line, const char *text)
{
	struct parse *p = arg;

	p->errors++;
	p->error(p->arg, p->file, line, text);
}

__attribute__((format(printf, 3, 4)))
static void fail(struct parse *p, unsigned line, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	on_error(p, line, text);
}

static struct opt_at at_section(struct parse *p)
{
	return (struct opt_at){ .conf = p->conf, .obj = p->obj };
}

/* ---- sections ---- */

/* Sections with a name stand in tables; one shape for all of them. */
struct slot {
	char *names;			/* name of the first, the others follow at @stride */
	size_t stride;
	uint32_t *n;
	uint32_t max;
};

#define SLOT(table, count, limit) \
	(struct slot){ (table)[0].name, sizeof((table)[0]), &(count), limit }

static struct slot slot_of(struct parse *p, enum opt_section section)
{
	struct conf *c = p->conf;

	switch (section) {
	case SEC_INTERFACE:
		return SLOT(c->ifaces, c->n_ifaces, CONF_IFACES_MAX);
	case SEC_DEVICE:
		return SLOT(c->devices, c->n_devices, CONF_DEVICES_MAX);
	case SEC_DN:
		return SLOT(c->dns, c->n_dns, CONF_DNS_MAX);
	case SEC_POOL:
		return SLOT(c->pools, c->n_pools, CONF_POOLS_MAX);
	default:
		return SLOT(c->groups, c->n_groups, BT_GROUPS_MAX);
	}
}

/* Every struct of a named section begins with its name, so name and object are one address. */
_Static_assert(offsetof(struct conf_iface, name) == 0, "name first");
_Static_assert(offsetof(struct conf_group, name) == 0, "name first");
_Static_assert(offsetof(struct conf_device, name) == 0, "name first");
_Static_assert(offsetof(struct conf_dn, name) == 0, "name first");
_Static_assert(offsetof(struct conf_pool, name) == 0, "name first");

static bool is_taken(struct parse *p, const struct slot *s, const char *kind, const char *name,
		     unsigned line)
{
	for (uint32_t i = 0; i < *s->n; i++)
		if (!strcmp(s->names + i * s->stride, name)) {
			fail(p, line, "[%s %s] stands already in line %u", kind, name,
			     where_said(p->conf, p->section, i, NULL));
			return true;
		}
	return false;
}

static bool is_named_well(enum opt_section section, const char *name, const char **ret_valid)
{
	*ret_valid = section == SEC_INTERFACE ? "an interface name" :
		     section == SEC_DN ? "1 .. 31 of A-Z a-z 0-9 . _ - + * #" : "1 .. 31 of A-Z a-z 0-9 . _ -";
	return section == SEC_INTERFACE ? value_is_interface(name) :
	       section == SEC_DN ? value_is_number(name) : value_is_name(name);
}

static void open_named(struct parse *p, unsigned line, const char *name)
{
	const char *kind = opts_section_name(p->section);
	struct slot s = slot_of(p, p->section);
	const char *valid;

	if (!is_named_well(p->section, name, &valid)) {
		fail(p, line, "[%s %s]: '%s' is no name, valid is %s", kind, name, name, valid);
		return;
	}
	if (is_taken(p, &s, kind, name, line))
		return;
	if (*s.n == s.max) {
		fail(p, line, "more than %u [%s] sections", s.max, kind);
		return;
	}
	p->obj = s.names + *s.n * s.stride;
	p->instance = *s.n;
	memcpy(p->obj, name, strlen(name));	/* fits and is zeroed, see value_is_name */
	(*s.n)++;
	if (p->section == SEC_GROUP)
		((struct conf_group *)p->obj)->first_vip = p->conf->n_vips;
	opts_defaults(p->section, &(struct opt_at){ p->conf, p->obj });
}

static void *single_object(struct conf *c, enum opt_section section)
{
	switch (section) {
	case SEC_TSERVER:
		return &c->tserver;
	case SEC_SYNC:
		return &c->sync;
	case SEC_SITE:
		return &c->site;
	default:
		return c;
	}
}

static void open_single(struct parse *p, unsigned line)
{
	uint32_t before = where_said(p->conf, p->section, 0, NULL);

	if (before) {
		fail(p, line, "[%s] stands already in line %u", opts_section_name(p->section), before);
		return;
	}
	p->obj = single_object(p->conf, p->section);
	p->instance = 0;
}

static void fail_unknown_section(struct parse *p, unsigned line, const char *kind, const char *full)
{
	for (int s = 0; s < SEC__N; s++)
		if (value_slips(kind, opts_section_name(s)) < VALUE_FAR ||
		    !strcasecmp(kind, opts_section_name(s))) {
			fail(p, line, "unknown section [%s]; did you mean [%s%s]?", full,
			     opts_section_name(s), opts_section_is_named(s) ? " NAME" : "");
			return;
		}
	fail(p, line, "unknown section [%s]", full);
}

static bool find_section(const char *kind, enum opt_section *ret)
{
	for (int s = 0; s < SEC__N; s++)
		if (!strcmp(kind, opts_section_name(s))) {
			*ret = s;
			return true;
		}
	return false;
}

static void on_section(void *arg, unsigned line, const char *full)
{
	struct parse *p = arg;
	size_t len = strcspn(full, " \t");
	const char *name = full + len + strspn(full + len, " \t");
	char kind[CONF_WORD_MAX + 1];

	p->in_section = true;
	p->obj = NULL;
	snprintf(kind, sizeof(kind), "%.*s", (int)len, full);
	if (!find_section(kind, &p->section))
		fail_unknown_section(p, line, kind, full);
	else if (opts_section_is_named(p->section) && !name[0])
		fail(p, line, "[%s] needs a name: [%s NAME]", kind, kind);
	else if (!opts_section_is_named(p->section) && name[0])
		fail(p, line, "[%s] takes no name", kind);
	else if (opts_section_is_named(p->section))
		open_named(p, line, name);
	else
		open_single(p, line);
	if (p->obj)
		*where_slot(&p->conf->where, p->section, p->instance, NULL) = line;
}

/* ---- keys ---- */

/* The option of that name in another section, or NULL. */
static const struct opt *find_elsewhere(const char *key)
{
	const struct opt *o = NULL;

	for (int s = 0; s < SEC__N && !o; s++)
		o = opts_find(s, key);
	return o;
}

static void fail_unknown_key(struct parse *p, unsigned line, const char *key)
{
	const char *section = opts_section_name(p->section);
	const struct opt *near = opts_nearest(p->section, key);
	const struct opt *other = find_elsewhere(key);

	if (other)
		fail(p, line, "unknown key '%s' in [%s]; it belongs in [%s]", key, section,
		     opts_section_name(other->section));
	else if (near)
		fail(p, line, "unknown key '%s' in [%s]; did you mean '%s'?", key, section,
		     near->name);
	else
		fail(p, line, "unknown key '%s' in [%s]", key, section);
}

static void remember_item(struct parse *p, const struct opt *o, unsigned line)
{
	if (o->kind == OPT_VIP)
		p->conf->where.vip[p->conf->n_vips - 1] = line;
	if (o->kind == OPT_PATH)
		p->conf->where.path[p->conf->n_paths - 1] = line;
	if (o->kind == OPT_RULE)
		p->conf->where.rule[p->instance][p->conf->groups[p->instance].n_rules - 1] = line;
	if (o->kind == OPT_SERVICE)
		p->conf->where.service[p->instance][p->conf->pools[p->instance].n_services - 1] = line;
	if (o->kind == OPT_SERVER)
		p->conf->where.server[p->instance][p->conf->pools[p->instance].n_servers - 1] = line;
}

static void set_key(struct parse *p, const struct opt *o, unsigned line, const char *value)
{
	uint32_t *first = where_slot(&p->conf->where, p->section, p->instance, o);
	struct opt_at at = at_section(p);
	char why[CONF_WHY];

	if (p->section == SEC_GROUP && o->section == SEC_TSERVER)
		at.obj = &((struct conf_group *)p->obj)->opt;
	if (p->section == SEC_TSERVER && o->section == SEC_SITE)
		at.obj = &p->conf->site;
	if (*first && !opts_is_list(o)) {
		fail(p, line, "%s: stands already in line %u", o->name, *first);
		return;
	}
	if (!*first)
		*first = line;		/* even if refused below: it is not missing */
	if (opts_set(o, &at, value, why))
		remember_item(p, o, line);
	else
		fail(p, line, "%s: %s", o->name, why);
}

static void on_key(void *arg, unsigned line, const char *key, const char *value)
{
	struct parse *p = arg;
	const struct opt *o;

	if (!p->in_section)
		fail(p, line, "'%s' stands before any [section]", key);
	if (!p->obj)
		return;
	o = opts_find(p->section, key);
	if (o)
		set_key(p, o, line, value);
	else
		fail_unknown_key(p, line, key);
}

/* ---- after the last line ---- */

/* What the group does not say for itself, [TServer] says; it may stand further down. */
static void inherit(struct conf *c, uint32_t i)
{
	struct conf_group *g = &c->groups[i];


	for (uint32_t row = 0; row < opts_count(); row++) {
		const struct opt *o = opts_get(row);

		if (o->section == SEC_TSERVER && !where_said(c, SEC_GROUP, i, o))
			memcpy((char *)&g->opt + o->offset, (const char *)&c->tserver + o->offset,
			       o->size);
	}
}

static void finish_groups(struct parse *p)
{
	struct conf *c = p->conf;

	for (uint32_t i = 0; i < c->n_groups; i++) {
		struct conf_group *g = &c->groups[i];

		inherit(c, i);
		g->slot = i;
		if (g->mode == MODE_PROXY || g->mode == MODE_SINGLE_HOST) {	/* none is here, or each of two is watched by itself (ha/single.c) */
			g->listen_of_servers = g->listener_auto;
			g->listener_auto = false;
			if (g->mode == MODE_PROXY)
				g->sip_hang_timeout_ns = 0;
		}
		if (g->mode == MODE_CLUSTER && !where_said(c, SEC_GROUP, i, opts_find(SEC_GROUP, "vip-placement")))
			g->placement = PLACE_RESIDENT;
		for (uint32_t v = 0; v < g->n_vips; v++)
			if (!c->vips[g->first_vip + v].dev[0])
				memcpy(c->vips[g->first_vip + v].dev, g->dev, sizeof(g->dev));
	}
}

/* A pool may say for itself what [TServer] says for all. */
static void finish_pools(struct conf *c)
{
	for (uint32_t row = 0; row < opts_count(); row++) {
		const struct opt *o = opts_get(row), *all = o->section == SEC_POOL ? opts_find(SEC_TSERVER, o->name) : NULL;

		for (uint32_t i = 0; all && i < c->n_pools; i++)
			if (!where_said(c, SEC_POOL, i, o))
				memcpy((char *)&c->pools[i] + o->offset, (const char *)&c->tserver + all->offset, o->size);
	}
	for (uint32_t i = 0; i < c->n_pools; i++)
		if (!c->pools[i].group[0])
			memcpy(c->pools[i].group, c->pools[i].name, sizeof(c->pools[i].group));
}

unsigned conf_parse(struct conf *ret, const char *file, const char *text, size_t len,
		    conf_error_fn *error, void *arg)
{
	struct parse p = { .conf = ret, .file = file, .error = error, .arg = arg };
	struct conf_sink sink = { on_section, on_key, on_error, &p };

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->file, sizeof(ret->file), "%s", file);
	for (int s = 0; s < SEC__N; s++)
		if (!opts_section_is_named(s))
			opts_defaults(s, &(struct opt_at){ ret, single_object(ret, s) });
	conf_read(text, len, &sink);
	finish_groups(&p);
	finish_pools(ret);
	conf_check(ret, on_error, &p);
	return p.errors;
}
