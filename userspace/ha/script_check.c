/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/script_check.h"

#include <stdio.h>

#include "core/where.h"
#include "sys/spawn.h"

static uint32_t line_of(const struct conf *c, uint32_t group, enum conf_script which)
{
	return where_from(c, SEC_GROUP, group, opts_find(SEC_GROUP, conf_script_name(which)));
}

static unsigned check_one(const struct conf *c, uint32_t group, enum conf_script which, const char *file, conf_error_fn *error, void *arg)
{
	const char *path = conf_script_path(&c->groups[group], which);
	char real[PATH_MAX], why[PATH_MAX + 80], text[2 * PATH_MAX];

	if (!path[0] || !spawn_check(path, real, why, sizeof(why)))
		return 0;
	snprintf(text, sizeof(text), "%s: %s %s", conf_script_name(which), path, why);
	error(arg, file, line_of(c, group, which), text);
	return 1;
}

/* One line of [TServer] is the same line in every group: told once. */
static bool told(const struct conf *c, uint32_t group, enum conf_script which)
{
	for (uint32_t i = 0; i < group; i++)
		if (line_of(c, i, which) == line_of(c, group, which))
			return true;
	return false;
}

unsigned script_check(const struct conf *c, const char *file, conf_error_fn *error, void *arg)
{
	unsigned bad = 0;

	for (uint32_t i = 0; i < c->n_groups; i++)
		for (int which = 0; which < SCRIPT__N; which++)
			if (!told(c, i, which))
				bad += check_one(c, i, which, file, error, arg);
	return bad;
}
