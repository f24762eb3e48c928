/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cli_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void put_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void *or_die(void *memory)
{
	if (memory)
		return memory;
	fputs("baton: out of memory\n", stderr);
	exit(1);
}

/* Continuation bytes of UTF-8 take no column. */
static size_t columns_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void add_row(struct table *t, va_list ap)
{
	size_t w;

	if (t->rows == t->cap) {
		t->cap = t->cap * 2 + 16;
		t->cells = or_die(realloc(t->cells, t->cap * sizeof(*t->cells)));
	}
	for (size_t i = 0; i < t->columns; i++) {
		t->cells[t->rows][i] = or_die(strdup(va_arg(ap, const char *)));
		w = columns_of(t->cells[t->rows][i]);
		if (w > t->width[i])
			t->width[i] = w;
	}
	t->rows++;
}

void table_open(struct table *t, size_t columns, ...)
{
	va_list ap;

	*t = (struct table){ .columns = columns };
	va_start(ap, columns);
	add_row(t, ap);
	va_end(ap);
}

void table_add(struct table *t, ...)
{
	va_list ap;

	va_start(ap, t);
	add_row(t, ap);
	va_end(ap);
}

static void print_row(const struct table *t, char *const *cells)
{
	for (size_t i = 0; i < t->columns; i++) {
		put_clean(cells[i]);
		if (i + 1 < t->columns)		/* no blanks at the end of a line */
			printf("%*s", (int)(t->width[i] - columns_of(cells[i]) + 2), "");
	}
	putchar('\n');
}

void table_print(struct table *t)
{
	for (size_t r = 0; r < t->rows; r++) {
		if (t->rows > 1)
			print_row(t, t->cells[r]);
		for (size_t i = 0; i < t->columns; i++)
			free(t->cells[r][i]);
	}
	free(t->cells);
	t->cells = NULL;
	t->rows = 0;
}
