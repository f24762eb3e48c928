/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * law: include/word_table.h as Promela, so that the model cannot drift from what kernel and controller obey.
 *
 * Prints one inline per cause: given the word w[me], which mode (to) and which number (after) follow? after
 * is 0 where the table has no row. A cause, mode or number that the model does not know is a syntax error there.
 */
#include <stdio.h>
#include <string.h>

#include "word_table.h"

struct row { const char *mode, *whose, *cause, *to, *after; };

static const struct row rows[] = {
#define ROW(mode, whose, cause, to, after) { #mode, #whose, #cause, #to, #after },
	WORD_TABLE(ROW)
#undef ROW
};

#define ROWS	(sizeof(rows) / sizeof(rows[0]))

static int seen_before(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(rows[k].cause, rows[i].cause))
			return 1;
	return 0;
}

static void print_cause(const char *cause)
{
	printf("inline law_%s()\n{\n\tif\n", cause);
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].cause, cause))
			printf("\t:: MODE(w[me]) == %s && %s(me) -> to = %s; after = %s\n",
			       rows[i].mode, rows[i].whose, rows[i].to, rows[i].after);
	printf("\t:: else -> after = 0\n\tfi\n}\n\n");
}

int main(void)
{
	int causes = 0;

	printf("/* Made by tests/model/law.c of include/word_table.h. */\n\n");
	for (size_t i = 0; i < ROWS; i++) {
		if (seen_before(i))
			continue;
		print_cause(rows[i].cause);
		causes++;
	}
	printf("#define LAW_CAUSES %d\n", causes);
	return 0;
}
