/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/where.h"

#include <stdio.h>

static uint32_t *first_of(struct conf_where *w, enum opt_section section, uint32_t i)
{
	switch (section) {
	case SEC_INTERFACE:
		return w->iface[i];
	case SEC_GROUP:
		return w->group[i];
	case SEC_DEVICE:
		return w->device[i];
	case SEC_DN:
		return w->dn[i];
	case SEC_POOL:
		return w->pool[i];
	default:
		return w->single[section];
	}
}

uint32_t *where_slot(struct conf_where *w, enum opt_section section, uint32_t i, const struct opt *o)
{
	uint32_t *first;

	if (o && section == SEC_TSERVER)
		section = o->section;	/* the sites' options may stand there: they have one place */
	first = first_of(w, section, i);
	return o ? &first[1 + opts_place(o, section)] : first;
}

uint32_t where_said(const struct conf *c, enum opt_section section, uint32_t i, const struct opt *o)
{
	return *where_slot((struct conf_where *)&c->where, section, i, o);
}

uint32_t where_from(const struct conf *c, enum opt_section section, uint32_t i, const struct opt *o)
{
	uint32_t line = where_said(c, section, i, o);

	if (!line && section == SEC_POOL)
		o = opts_find(SEC_TSERVER, o->name);
	return line || !o || o->section != SEC_TSERVER ? line : where_said(c, SEC_TSERVER, 0, o);
}

void where_text(const struct conf *c, uint32_t line, char buf[WHERE_TEXT])
{
	if (!line)
		snprintf(buf, WHERE_TEXT, "default");
	else if (line == CONF_LINE_ARGS)
		snprintf(buf, WHERE_TEXT, "arguments");
	else
		snprintf(buf, WHERE_TEXT, "%s:%u", c->file, line);
}
