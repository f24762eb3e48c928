/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opts: which options are there, what may they be, and when does a change take effect?
 *
 * One table, opts.c. Parser, defaults, ranges, `baton options` and baton.conf(5) all come from
 * it; names, defaults and ranges of the guide's options are the guide's own.
 *
 * Pure. Errors: false and one sentence in @why (CONF_WHY bytes); nothing is changed then.
 * Source:  design §3.3, the guide's HA Configuration Options.
 */
#ifndef BATON_OPTS_H
#define BATON_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"

#define OPTS_MAX	128	/* rows; asserted in opts.c */
#define OPTS_TEXT	160	/* of `valid` */

/* Shape of the value; opt_kind.c has one reader and one writer for each. */
enum opt_kind {
	OPT_BOOL,	/* one of two words */
	OPT_UINT,	/* plain number */
	OPT_TIME,	/* number with us, ms or s */
	OPT_BYTES,	/* number with KiB, MiB or GiB */
	OPT_ENUM,	/* one of `words`, kept as its index */
	OPT_WORD,	/* one of `words`, kept as text */
	OPT_NAME, OPT_IFACE, OPT_FILE, OPT_HOST, OPT_IP, OPT_URL, OPT_UNIT, OPT_CODES, OPT_NAMES, OPT_SITE,	/* text */
	OPT_PATH, OPT_VIP, OPT_RULE, OPT_ROUTER, OPT_ROUTE, OPT_SERVICE, OPT_LOCAL, OPT_SERVER,	/* lists, one line each */
	OPT_PORTS,	/* list in one line */
	OPT_ENDPOINT,	/* ADDRESS:PORT */
	OPT_KIND__N
};

enum opt_effect { AT_RESTART, AT_ONCE, AT_NEXT_CALL, AT_NEXT_TARGET, AT_LINK_UP };

struct opt {
	enum opt_section section;
	const char *name;
	enum opt_kind kind;
	const char *def;		/* as it would be written; NULL: none */
	int64_t unset;			/* number kept while there is no default and no line */
	uint64_t min, max;		/* of numbers and times (ns); max of texts: bytes, or 0 */
	bool zero;			/* 0 is valid though below min: it means off */
	const char *const *words;
	const char *unit;		/* of a plain number; NULL: it counts things */
	enum opt_effect effect;
	bool required;
	bool idle;			/* read and checked, but this version does not act on it */
	size_t offset, size;		/* field in the section's struct */
	const char *help;
};

/* What a section's options are written into; @obj is struct conf, conf_group ... by section. */
struct opt_at {
	struct conf *conf;
	void *obj;
};

uint32_t opts_count(void);
const struct opt *opts_get(uint32_t row);
/* NULL if [section] has no such option. A [group] also has those of [TServer], and that, as in the guide, those of [site]. */
const struct opt *opts_find(enum opt_section section, const char *name);
/* The option of that section whose name is nearest to a misspelt one, or NULL. */
const struct opt *opts_nearest(enum opt_section section, const char *name);
/* Has a section of that kind a value of @o? A [group] has its own of every option of [TServer]. */
bool opts_shown_in(const struct opt *o, enum opt_section section);
uint32_t opts_row(const struct opt *o);
uint32_t opts_place(const struct opt *o, enum opt_section section);	/* among those of @section, from 0 */
bool opts_is_list(const struct opt *o);		/* may stand in several lines */

const char *opts_arbiter_text(enum conf_arbiter arbiter);	/* "none" ... */

const char *opts_section_name(enum opt_section section);
bool opts_section_is_named(enum opt_section section);	/* [group NAME], not [node] */

bool opts_set(const struct opt *o, const struct opt_at *at, const char *text, char *why);
/* Every option of @section that has a default gets it. */
void opts_defaults(enum opt_section section, const struct opt_at *at);

/* For people: "500us .. 1s", "true, false"; "at once"; "none" or the default itself. */
void opts_valid_text(const struct opt *o, char buf[OPTS_TEXT]);
const char *opts_effect_text(const struct opt *o);
const char *opts_default_text(const struct opt *o);

/* How many sections of the option's kind @c has, and what the i-th is called ("" if unnamed). */
uint32_t opts_instances(const struct conf *c, enum opt_section section);
const char *opts_instance_name(const struct conf *c, enum opt_section section, uint32_t i);
/* The one of that name; false: there is none. */
bool opts_instance(const struct conf *c, enum opt_section section, const char *name, uint32_t *ret);
/*
 * The present value in the @i-th section of kind @section, as it would be written; lists joined by
 * ", ", cut where @buf ends, "" when unset. @section is the option's own, or SEC_GROUP for an
 * option of [TServer] as that group has it.
 */
void opts_value_text(const struct opt *o, const struct conf *c, enum opt_section section,
		     uint32_t i, char *buf, size_t len);

/*
 * Every idle option that the file speaks of, with its line: told so that nothing asked for is passed over in
 * silence. @name of the section is "" where it has none.
 */
typedef void opts_idle_fn(void *arg, const char *section, const char *name, const char *option, uint32_t line);
void opts_each_idle(const struct conf *c, opts_idle_fn *fn, void *arg);

#endif
