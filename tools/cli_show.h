/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_show: how does a person read a verb's document at three in the morning?
 *
 * The most important thing in the first line, then tables. Whatever the daemon relays from outside
 * is shown without control characters. Colour only on a terminal, and not with $NO_COLOR.
 */
#ifndef BATON_CLI_SHOW_H
#define BATON_CLI_SHOW_H

#include <jansson.h>

#include "ctl_wire.h"

/* One document of @verb; for streams one call per line. */
void show(enum ctl_verb verb, const json_t *doc);

#endif
