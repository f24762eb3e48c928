/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check_own: what the conf_check*.c files share. Nobody else includes it.
 */
#ifndef BATON_CONF_CHECK_OWN_H
#define BATON_CONF_CHECK_OWN_H

#include "core/conf_check.h"

struct check {
	const struct conf *c;
	conf_blame_fn *blame;
	void *arg;
};

/* A sentence about @line; 0: no line is to blame. */
void blame(const struct check *k, unsigned line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* conf_check_single.c: groups with mode = single-host. True: the file has some, and no other groups. */
bool conf_check_single(const struct check *k);

#endif
