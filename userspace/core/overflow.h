/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overflow: which final answers to an initial INVITE lead it to another server?
 *
 * Source:  the guide, sip-error-codes-overflow; options.md.
 */
#ifndef BATON_OVERFLOW_H
#define BATON_OVERFLOW_H

#include <stdbool.h>
#include <stdint.h>

#define OVERFLOW_FIRST	300
#define OVERFLOW_LAST	699
#define OVERFLOW_WORDS	7	/* struct bt_pool.overflow: bit (status - 300) */

/* @text as value_is_codes() takes it; "" is 503. Else false and nothing is written. */
bool overflow_parse(const char *text, uint64_t ret[OVERFLOW_WORDS]);
bool overflow_has(const uint64_t set[OVERFLOW_WORDS], uint16_t status);

#endif
