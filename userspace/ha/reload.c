/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reload: what of a new configuration can be had without a restart?
 *
 * Parse into a new object; on any error the running one stays as it is. What takes effect at once
 * (core/opts says which) is copied over; what needs a restart is named in the log and left alone.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/opts.h"
#include "sys/file.h"
#include "sys/log.h"

#define CONF_BYTES	(1 << 20)

struct errors {
	char *first;
	size_t len;
};

static void on_error(void *arg, const char *file, unsigned line, const char *text)
{
	struct errors *e = arg;

	log_event(LOG_ERR, "configuration refused", "at=%s:%u error=\"%s\"", file, line, text);
	if (!e->first[0])
		snprintf(e->first, e->len, "%s:%u: %s", file, line, text);
}

/* Same groups in the same slots? Otherwise options have no common place to go to. */
static bool same_shape(const struct conf *a, const struct conf *b)
{
	if (a->n_groups != b->n_groups)
		return false;
	for (uint32_t i = 0; i < a->n_groups; i++)
		if (strcmp(a->groups[i].name, b->groups[i].name))
			return false;
	return true;
}

static char *field(const struct opt *o, struct conf *c, enum opt_section section, uint32_t i)
{
	struct conf_group *g = &c->groups[i];

	switch (section) {
	case SEC_GROUP:
		return (o->section == SEC_TSERVER ? (char *)&g->opt : (char *)g) + o->offset;
	case SEC_TSERVER:
		return (char *)&c->tserver + o->offset;
	case SEC_SYNC:
		return (char *)&c->sync + o->offset;
	default:
		return (char *)c + o->offset;
	}
}

static unsigned take_one(const struct opt *o, struct conf *now, struct conf *next, enum opt_section section, uint32_t i)
{
	char was[512], is[512];

	opts_value_text(o, now, section, i, was, sizeof(was));
	opts_value_text(o, next, section, i, is, sizeof(is));
	if (!strcmp(was, is))
		return 0;
	if (o->effect == AT_RESTART) {
		log_event(LOG_WARNING, "needs restart", "section=\"%s %s\" option=%s now=\"%.100s\" wanted=\"%.100s\"",
			  opts_section_name(section), opts_instance_name(next, section, i), o->name, was, is);
		return 0;
	}
	memcpy(field(o, now, section, i), field(o, next, section, i), o->size);
	log_event(LOG_INFO, "option changed", "section=\"%s %s\" option=%s from=\"%.100s\" to=\"%.100s\"",
		  opts_section_name(section), opts_instance_name(next, section, i), o->name, was, is);
	return 1;
}

static bool of_conf(enum opt_section s)
{
	return s == SEC_NODE || s == SEC_PEER || s == SEC_ARBITER || s == SEC_TSERVER || s == SEC_SYNC ||
	       s == SEC_GROUP;
}

static unsigned take_all(struct ha *ha, struct conf *next)
{
	unsigned n = 0;

	for (uint32_t r = 0; r < opts_count(); r++) {
		const struct opt *o = opts_get(r);

		if (of_conf(o->section) && o->section != SEC_GROUP)
			n += take_one(o, ha->conf, next, o->section, 0);
		for (uint32_t i = 0; (o->section == SEC_GROUP || o->section == SEC_TSERVER) && i < ha->n_groups; i++)
			n += take_one(o, ha->conf, next, SEC_GROUP, i);
	}
	return n;
}

static void on_idle(void *arg, const char *section, const char *name, const char *option)
{
	(void)arg;
	log_event(LOG_WARNING, "option idle", "section=\"%s%s%s\" option=%s text=\"read and checked, but nothing in this version acts on it\"",
		  section, name[0] ? " " : "", name, option);
}

void ha_tell_idle(const struct conf *conf)
{
	opts_each_idle(conf, on_idle, NULL);
}

static int parse(struct ha *ha, struct conf *next, struct errors *e)
{
	char *text = malloc(CONF_BYTES);
	ssize_t n = text ? file_read(ha->opt.conf_file, text, CONF_BYTES) : -ENOMEM;

	if (n < 0)
		on_error(e, ha->opt.conf_file, 0, strerror((int)-n));
	else
		conf_parse(next, ha->opt.conf_file, text, (size_t)n, on_error, e);
	free(text);
	return e->first[0] ? -EINVAL : 0;
}

int ha_reload(struct ha *ha, char *text, size_t len)
{
	struct conf *next = calloc(1, sizeof(*next));
	struct errors e = { text, len };
	unsigned n = 0;
	int err;

	text[0] = '\0';
	err = next ? parse(ha, next, &e) : -ENOMEM;
	if (!err && !same_shape(ha->conf, next)) {
		snprintf(text, len, "%s:0: groups were added, removed or reordered: that needs a restart", ha->opt.conf_file);
		err = -EINVAL;
	}
	if (!err) {
		n = take_all(ha, next);
		pulse_retime(ha->pulse, ha->conf->pulse_interval_ns, ha->conf->pulse_misses);
		log_set_level(ha->conf->log_level);
		err = datapath_refill(ha);
		if (err)
			snprintf(text, len, "data path: %s", dp_why(ha->dp));
	}
	log_event(err ? LOG_ERR : LOG_INFO, "reload", "file=%s result=%s changed=%u", ha->opt.conf_file,
		  err ? "refused" : "done", n);
	free(next);
	ha_note_change(ha);
	return err;
}
