/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check: do the values fit together, and if not, which line is to blame?
 *
 * Pure; part of conf, nobody else includes it.
 */
#ifndef BATON_CONF_CHECK_H
#define BATON_CONF_CHECK_H

#include "core/conf.h"
#include "core/opts.h"

/* Where a section and its options stand; 0: nowhere. A list option keeps its first line. */
struct conf_lines {
	unsigned section;
	unsigned option[OPTS_MAX];
};

struct conf_where {
	struct conf_lines single[SEC__N];	/* of sections without a name */
	struct conf_lines iface[CONF_IFACES_MAX];
	struct conf_lines group[BT_GROUPS_MAX];
	struct conf_lines device[CONF_DEVICES_MAX];
	struct conf_lines pool[CONF_POOLS_MAX];
	unsigned vip[CONF_VIPS_MAX];		/* as in conf.vips */
	unsigned path[BT_PATHS_MAX];
};

typedef void conf_blame_fn(void *arg, unsigned line, const char *text);

/* Lines of the @i-th section of that kind. */
const struct conf_lines *conf_lines_of(const struct conf_where *w, enum opt_section section,
				       uint32_t i);

void conf_check(const struct conf *c, const struct conf_where *w, conf_blame_fn *blame, void *arg);

#endif
