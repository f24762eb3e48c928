/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * where: in which line of the file does this section, this option stand?
 *
 * Pure. 0: nowhere, the default holds; CONF_LINE_ARGS: batond's arguments say it.
 */
#ifndef BATON_WHERE_H
#define BATON_WHERE_H

#include "core/conf.h"
#include "core/opts.h"

#define WHERE_TEXT	(CONF_PATH_MAX + 16)

/* The place that keeps the line of @o, or of the section itself (NULL), in the @i-th section of that kind. */
uint32_t *where_slot(struct conf_where *w, enum opt_section section, uint32_t i, const struct opt *o);
/* As it stands in that very section ... */
uint32_t where_said(const struct conf *c, enum opt_section section, uint32_t i, const struct opt *o);
/* ... or where the value comes from: what a [group] leaves out, [TServer] may say. */
uint32_t where_from(const struct conf *c, enum opt_section section, uint32_t i, const struct opt *o);
/* For people: "FILE:LINE", "default", "arguments". */
void where_text(const struct conf *c, uint32_t line, char buf[WHERE_TEXT]);

#endif
