/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_pools: how does a person read pools, and what became of a frame?
 */
#ifndef BATON_CLI_POOLS_H
#define BATON_CLI_POOLS_H

#include <jansson.h>

void show_pools(const json_t *doc);
void show_trace(const json_t *doc);	/* a line of it */

#endif
