/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_explain: what happened to the role, as one would tell it to a person who was just woken up?
 */
#ifndef BATON_CLI_EXPLAIN_H
#define BATON_CLI_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

/* The newest change of @doc, or @all of them, newest first. */
void show_explain(const json_t *doc, bool all);

#endif
