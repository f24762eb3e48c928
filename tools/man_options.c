/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * man_options: what has baton.conf(5) to say of each option?
 *
 * Copies the page from stdin to stdout; a line "@options SECTION" becomes that section's options, from the table of
 * core/opts.c. Exit 1 when a section is unknown, or is missing in the page: so the two cannot drift apart.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/opts.h"

#define MARK "@options "

/* scdoc underlines from one '_' to the next. */
static void put(const char *text)
{
	for (; *text; text++) {
		if (*text == '_')
			putchar('\\');
		putchar(*text);
	}
}

static void put_option(const struct opt *o)
{
	char valid[OPTS_TEXT], line[1024];

	opts_valid_text(o, valid);
	snprintf(line, sizeof(line), "*%s*\n\t%s.++\nDefault: %s. Valid: %s. Takes effect: %s.%s\n\n", o->name, o->help,
		 o->required ? "none, required" : opts_default_text(o), valid, opts_effect_text(o),
		 o->idle ? " Checked, but not acted on in this version." : "");
	put(line);
}

static bool put_section(const char *name, bool told[SEC__N])
{
	for (int s = 0; s < SEC__N; s++) {
		if (strcmp(name, opts_section_name(s)))
			continue;
		for (uint32_t row = 0; row < opts_count(); row++)
			if ((int)opts_get(row)->section == s)
				put_option(opts_get(row));
		told[s] = true;
		return true;
	}
	fprintf(stderr, "man_options: there is no section [%s]\n", name);
	return false;
}

int main(void)
{
	bool told[SEC__N] = { false }, well = true;
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, MARK, strlen(MARK))) {
			fputs(line, stdout);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		well &= put_section(line + strlen(MARK), told);
	}
	for (int s = 0; s < SEC__N; s++)
		if (!told[s]) {
			fprintf(stderr, "man_options: the page has no line '" MARK "%s'\n", opts_section_name(s));
			well = false;
		}
	return well ? 0 : 1;
}
