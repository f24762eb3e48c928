/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script_check: may every script that the configuration names be run as root?
 *
 * Asked before a configuration is taken; the runner asks again before each run. Blocks on the disk.
 */
#ifndef BATON_SCRIPT_CHECK_H
#define BATON_SCRIPT_CHECK_H

#include "core/conf.h"

/* Tells each that may not as conf_parse() tells its errors; returns how many. */
unsigned script_check(const struct conf *c, const char *file, conf_error_fn *error, void *arg);

#endif
