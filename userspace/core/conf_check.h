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

typedef void conf_blame_fn(void *arg, unsigned line, const char *text);

void conf_check(const struct conf *c, conf_blame_fn *blame, void *arg);
/* The part of it that looks at pools, and at the groups in whose name they serve. */
void conf_check_pools(const struct conf *c, conf_blame_fn *blame, void *arg);
/* And at port rules. */
void conf_check_rules(const struct conf *c, conf_blame_fn *blame, void *arg);

#endif
