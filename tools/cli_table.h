/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_table: how wide must each column be?
 *
 * Rows are kept until table_print(), which prints and frees them; a table without rows prints nothing.
 */
#ifndef BATON_CLI_TABLE_H
#define BATON_CLI_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS	9

struct table {
	size_t columns, rows, cap;
	size_t width[TABLE_COLUMNS];
	char *(*cells)[TABLE_COLUMNS];
};

/* Titles, then cells: as many `const char *` as there are columns, copied. */
void table_open(struct table *t, size_t columns, ...);
void table_add(struct table *t, ...);
void table_print(struct table *t);

/* Control characters would be obeyed by a terminal: shown as '?'. */
void put_clean(const char *text);

#endif
