/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_value: is this text a number, a time, a name ... and how is it written back?
 *
 * Pure. Every reader writes its result only when it answers true; no sign, no blanks, no
 * fractions, no leading junk is let through, and what would overflow is refused.
 *
 * Units:   times are nanoseconds here and carry us, ms or s in the text.
 */
#ifndef BATON_CONF_VALUE_H
#define BATON_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool value_uint(const char *text, uint64_t *ret);
/* "3ms", "500us", "1s"; a bare number is a time only if it is 0. */
bool value_time(const char *text, uint64_t *ret_ns);
/* The largest unit that divides it: "3ms", "0". */
void value_time_text(uint64_t ns, char *buf, size_t len);

/* "64KiB", "16MiB", "1GiB"; and the largest unit that divides it. */
bool value_bytes(const char *text, uint64_t *ret);
void value_bytes_text(uint64_t bytes, char *buf, size_t len);

/* Index of @text in the NULL-ended @words, or -1. */
int value_word(const char *text, const char *const *words);

bool value_is_name(const char *text);		/* A-Za-z0-9._-, fits BT_NAME_MAX */
bool value_is_number(const char *text);		/* a directory number: a name, and + * # */
bool value_is_site(const char *text);		/* any text that fits CONF_SITE_MAX, blanks only inside */
bool value_is_interface(const char *text);	/* as the kernel takes them, fits IF_NAMESIZE */
bool value_is_path(const char *text);		/* absolute, no "..", no blanks */
bool value_is_host(const char *text);		/* IP address or host name */
bool value_is_url(const char *text);		/* http:// or https:// and a host */
bool value_is_unit(const char *text);		/* of systemd, NAME.service */
bool value_is_names(const char *text);		/* "east west", each as value_is_name() has it */
bool value_is_codes(const char *text);		/* "503,50X": the guide's error code patterns */

/*
 * How many slips of the pen (letters wrong, missing or too many) make @text of @word? VALUE_FAR if
 * more than two, or so many that little of the word is left.
 */
#define VALUE_FAR	3
unsigned value_slips(const char *text, const char *word);

#endif
