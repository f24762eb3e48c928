/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reload: what of a new configuration can be had without a restart?
 *
 * Parse into a new object; on any error the running one stays as it is. What takes effect without a restart
 * (core/opts says which) is copied over, with the line it stands in; what needs one is named in the log and left
 * alone, and `baton options` shows both: the new object is kept for that.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/opts.h"
#include "core/where.h"
#include "ha/script_check.h"
#include "sys/file.h"
#include "sys/keys.h"
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

/* One section of one kind, as it is now and as it is in the new file. */
struct both {
	struct conf *now, *next;
	enum opt_section section;
	uint32_t i, j;		/* its number in each */
	bool *waits;		/* set where a change wants a restart */
};

static char *field(const struct opt *o, struct conf *c, enum opt_section section, uint32_t i)
{
	switch (section) {
	case SEC_GROUP:
		return (o->section == SEC_TSERVER ? (char *)&c->groups[i].opt : (char *)&c->groups[i]) + o->offset;
	case SEC_TSERVER:
		return (char *)&c->tserver + o->offset;
	case SEC_SYNC:
		return (char *)&c->sync + o->offset;
	case SEC_SITE:
		return (char *)&c->site + o->offset;
	default:
		return (char *)c + o->offset;
	}
}

static void say(int level, const char *what, const struct both *b, const struct opt *o, const char *was, const char *is)
{
	const char *name = opts_instance_name(b->next, b->section, b->j);
	char source[WHERE_TEXT];

	where_text(b->next, where_from(b->next, b->section, b->j, o), source);
	log_event(level, what, "section=\"%s%s%s\" option=%s %s=\"%.100s\" %s=\"%.100s\" source=%s effect=\"%s\"",
		  opts_section_name(b->section), name[0] ? " " : "", name, o->name, level == LOG_WARNING ? "now" : "from",
		  was, level == LOG_WARNING ? "wanted" : "to", is, source, opts_effect_text(o));
}

static unsigned take_one(const struct both *b, const struct opt *o)
{
	char was[512], is[512];
	bool same;

	opts_value_text(o, b->now, b->section, b->i, was, sizeof(was));
	opts_value_text(o, b->next, b->section, b->j, is, sizeof(is));
	same = !strcmp(was, is);
	if (!same && o->effect == AT_RESTART) {
		say(LOG_WARNING, "needs restart", b, o, was, is);
		*b->waits = true;
		return 0;
	}
	*where_slot(&b->now->where, b->section, b->i, o) = where_said(b->next, b->section, b->j, o);
	if (same)
		return 0;
	memcpy(field(o, b->now, b->section, b->i), field(o, b->next, b->section, b->j), o->size);
	say(LOG_INFO, "option changed", b, o, was, is);
	return 1;
}

static unsigned take_section(const struct both *b)
{
	unsigned n = 0;

	for (uint32_t r = 0; r < opts_count(); r++)
		if (opts_shown_in(opts_get(r), b->section))
			n += take_one(b, opts_get(r));
	return n;
}

static void say_section(int level, const char *what, const struct conf *c, enum opt_section section, uint32_t i)
{
	log_event(level, what, "section=\"%s %s\" source=%s:%u", opts_section_name(section),
		  opts_instance_name(c, section, i), c->file, where_said(c, section, i, NULL));
}

static void say_waiting(const char *what, const struct conf *c, enum opt_section section, uint32_t i, bool *waits)
{
	say_section(LOG_WARNING, what, c, section, i);
	*waits = true;
}

/* [interface]: one that comes or goes needs a restart, what both files have is looked at closely. */
static unsigned take_named(struct ha *ha, struct conf *next, enum opt_section section, bool *waits)
{
	struct both b = { ha->conf, next, section, 0, 0, waits };
	unsigned n = 0;

	for (b.i = 0; b.i < opts_instances(b.now, section); b.i++)
		if (opts_instance(next, section, opts_instance_name(b.now, section, b.i), &b.j))
			n += take_section(&b);
		else
			say_waiting("section removed: needs restart", b.now, section, b.i, waits);
	for (b.j = 0; b.j < opts_instances(next, section); b.j++)
		if (!opts_instance(b.now, section, opts_instance_name(next, section, b.j), &b.i))
			say_waiting("section added: needs restart", next, section, b.j, waits);
	return n;
}

static unsigned tell_section(const struct both *b)
{
	char was[512], is[512];
	unsigned n = 0;

	for (uint32_t r = 0; r < opts_count(); r++) {
		if (!opts_shown_in(opts_get(r), b->section))
			continue;
		opts_value_text(opts_get(r), b->now, b->section, b->i, was, sizeof(was));
		opts_value_text(opts_get(r), b->next, b->section, b->j, is, sizeof(is));
		if (!strcmp(was, is))
			continue;
		say(LOG_INFO, "option changed", b, opts_get(r), was, is);
		n++;
	}
	return n;
}

/* [device], [dn] and [pool]: nothing of them needs a restart, so the new table is taken whole; here is what it changes. */
static unsigned tell_changes(struct ha *ha, struct conf *next, enum opt_section section)
{
	struct both b = { ha->conf, next, section, 0, 0, NULL };
	unsigned n = 0;

	for (b.i = 0; b.i < opts_instances(b.now, section); b.i++)
		if (!opts_instance(next, section, opts_instance_name(b.now, section, b.i), &b.j)) {
			say_section(LOG_INFO, "section removed", b.now, section, b.i);
			n++;
		}
	for (b.j = 0; b.j < opts_instances(next, section); b.j++)
		if (opts_instance(b.now, section, opts_instance_name(next, section, b.j), &b.i)) {
			n += tell_section(&b);
		} else {
			say_section(LOG_INFO, "section added", next, section, b.j);
			n++;
		}
	return n;
}

static unsigned take_tables(struct ha *ha, struct conf *next)
{
	unsigned n = tell_changes(ha, next, SEC_DEVICE) + tell_changes(ha, next, SEC_DN) +
		     tell_changes(ha, next, SEC_POOL);
	struct conf *now = ha->conf;

	memcpy(now->devices, next->devices, sizeof(now->devices));
	memcpy(now->where.device, next->where.device, sizeof(now->where.device));
	now->n_devices = next->n_devices;
	memcpy(now->dns, next->dns, sizeof(now->dns));
	memcpy(now->where.dn, next->where.dn, sizeof(now->where.dn));
	now->n_dns = next->n_dns;
	memcpy(now->pools, next->pools, sizeof(now->pools));
	memcpy(now->where.pool, next->where.pool, sizeof(now->where.pool));
	memcpy(now->where.service, next->where.service, sizeof(now->where.service));
	memcpy(now->where.server, next->where.server, sizeof(now->where.server));
	now->n_pools = next->n_pools;
	return n;
}

static unsigned take_all(struct ha *ha, struct conf *next, bool *waits)
{
	static const enum opt_section single[] = { SEC_NODE, SEC_PEER, SEC_ARBITER, SEC_TSERVER, SEC_SYNC, SEC_SITE };
	unsigned n = take_tables(ha, next) + take_named(ha, next, SEC_INTERFACE, waits);

	for (size_t s = 0; s < sizeof(single) / sizeof(single[0]); s++)
		n += take_section(&(struct both){ ha->conf, next, single[s], 0, 0, waits });
	for (uint32_t i = 0; i < ha->n_groups; i++)
		n += take_section(&(struct both){ ha->conf, next, SEC_GROUP, i, i, waits });
	return n;
}

static void on_idle(void *arg, const char *section, const char *name, const char *option, uint32_t line)
{
	const struct conf *conf = arg;

	log_event(LOG_WARNING, "option idle",
		  "section=\"%s%s%s\" option=%s source=%s:%u text=\"read and checked, but nothing in this version acts on it\"",
		  section, name[0] ? " " : "", name, option, conf->file, line);
}

void ha_tell_idle(const struct conf *conf)
{
	opts_each_idle(conf, on_idle, (void *)conf);
}

static int parse(struct ha *ha, struct conf *next, struct errors *e)
{
	char *text = malloc(CONF_BYTES);
	ssize_t n = text ? file_read(ha->opt.conf_file, text, CONF_BYTES) : -ENOMEM;

	if (n < 0)
		on_error(e, ha->opt.conf_file, 0, strerror((int)-n));
	else
		(void)(conf_parse(next, ha->opt.conf_file, text, (size_t)n, on_error, e) ||
		       script_check(next, ha->opt.conf_file, on_error, e));
	ha_set_directories(next, &ha->opt);
	free(text);
	return e->first[0] ? -EINVAL : 0;
}

static const char *misfit(const struct conf *now, const struct conf *next)
{
	if (strcmp(now->name, next->name) || strcmp(now->peer_name, next->peer_name))
		return "names other hosts";
	if (strcmp(now->pin_dir, next->pin_dir) || strcmp(now->run_dir, next->run_dir) || strcmp(now->state_dir, next->state_dir))
		return "names other directories";
	if (!same_shape(now, next))
		return "has other groups";
	for (uint32_t i = 0; i < now->n_groups; i++)
		if (conf_digest(now, &now->groups[i]) != conf_digest(next, &next->groups[i]))
			return "gives a group other VIPs, ports, mode or settings that both hosts must share";
	return NULL;
}

/* Without it no start comes to an end. NULL: all are there. */
static const char *absent_interface(const struct conf *c)
{
	for (uint32_t i = 0; i < c->n_paths; i++)
		if (!if_nametoindex(c->paths[i].dev))
			return c->paths[i].dev;
	for (uint32_t i = 0; i < c->n_vips; i++)
		if ((!i || strcmp(c->vips[i].dev, c->vips[i - 1].dev)) && !if_nametoindex(c->vips[i].dev))
			return c->vips[i].dev;
	return NULL;
}

/* Nor without that. True: it is there; else @why tells. */
static bool has_secret(const struct conf *c, char *why, size_t len)
{
	char secret[KEYS_SECRET_MAX], text[160];
	size_t n;
	int err = conf_is_alone(c) ? 0 : keys_read_secret(c->secret_file, secret, sizeof(secret), &n, text, sizeof(text));

	explicit_bzero(secret, sizeof(secret));
	if (err)
		snprintf(why, len, "secret-file %s %s", c->secret_file, text);
	return !err;
}

bool ha_file_fits(struct ha *ha, char *why, size_t len)
{
	struct conf *next = calloc(1, sizeof(*next));
	struct errors e = { why, len };
	const char *other, *gone;

	why[0] = '\0';
	if (!next) {
		snprintf(why, len, "out of memory");
	} else if (!parse(ha, next, &e)) {
		other = misfit(ha->conf, next);
		gone = absent_interface(next);
		if (gone)
			snprintf(why, len, "%s: there is no interface %s", ha->opt.conf_file, gone);
		else if (other)
			snprintf(why, len, "%s %s: hand over and stop instead (SIGTERM), then start", ha->opt.conf_file, other);
		else
			(void)has_secret(next, why, len);
	}
	free(next);
	return !why[0];
}

int ha_reload(struct ha *ha, char *text, size_t len)
{
	static struct conf_pool pools_were[CONF_POOLS_MAX];
	struct conf *next = calloc(1, sizeof(*next));
	uint32_t n_pools_were = ha->conf->n_pools;
	struct errors e = { text, len };
	bool taken = false, waits = false;
	unsigned n = 0;
	int err, devices_err, pools_err;

	text[0] = '\0';
	err = next ? parse(ha, next, &e) : -ENOMEM;
	if (!err && !same_shape(ha->conf, next)) {
		snprintf(text, len, "%s:0: groups were added, removed or reordered: that needs a restart", ha->opt.conf_file);
		err = -EINVAL;
	}
	if (!err) {
		memcpy(pools_were, ha->conf->pools, sizeof(pools_were));
		n = take_all(ha, next, &waits);
		ha_tell_idle(next);
		taken = true;
		certs_look(ha->certs);
		pulse_retime(ha->pulse, ha->conf->pulse_interval_ns, ha->conf->pulse_misses);
		placer_retime(ha->placer);
		fence_retime(ha->fence);
		health_retime(ha->health);
		single_retime(ha);
		log_set_level(ha->conf->log_level);
		err = datapath_refill(ha);
		if (err)
			snprintf(text, len, "data path: %s", dp_why(ha->dp));
		devices_err = health_reload(ha->health);	/* whatever else failed: it counts devices as the new table does */
		if (devices_err && !err)
			snprintf(text, len, "devices: %s", strerror(-devices_err));
		fence_take_pools(ha->fence);
		pools_err = pools_reload(ha, pools_were, n_pools_were);
		if (pools_err && !err && !devices_err)
			snprintf(text, len, "pools: %s", strerror(-pools_err));
		err = err ? err : devices_err ? devices_err : pools_err;
		if (!err && pools_wait(ha))
			snprintf(text, len, "the program that steers is being loaded: pools are served in a moment");
		if (!err && waits)
			snprintf(text, len, "what needs a restart of batond waits for it, see `baton options`");
	}
	log_event(err ? LOG_ERR : LOG_INFO, "reload", "file=%s result=%s changed=%u", ha->opt.conf_file,
		  err ? "refused" : "done", n);
	free(taken ? ha->wanted : next);
	if (taken)
		ha->wanted = next;
	ha_note_change(ha);
	return err;
}
