/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt_kind: how is a value of each shape read, written back, and described?
 *
 * Pure; part of opts, nobody else includes it.
 */
#ifndef BATON_OPT_KIND_H
#define BATON_OPT_KIND_H

#include "core/opts.h"

bool opt_kind_set(const struct opt *o, const struct opt_at *at, const char *text, char *why);
void opt_kind_get(const struct opt *o, const struct conf *c, const void *obj, char *buf,
		  size_t len);
void opt_kind_valid(const struct opt *o, char *buf, size_t len);
/* Keep @value in the number's field, whatever its width. */
void opt_kind_store(const struct opt *o, void *obj, uint64_t value);

#endif
