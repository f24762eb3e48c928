/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json: what does each verb's document say?
 *
 * One function per verb; what it returns is the caller's to json_decref(), NULL when memory ran out.
 * Layouts are fixed by tests/schema/ and baton(1): what is there is never renamed, only added to.
 */
#ifndef BATON_JSON_H
#define BATON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "sys/log.h"

struct ha;

json_t *doc_status(struct ha *ha);
json_t *doc_alarms(const struct ha *ha, const char *cleared);	/* @cleared: id, or NULL */
json_t *doc_events(void);
json_t *doc_event(const struct log_line *line);
json_t *doc_done(const char *text);				/* switchover, reload */
/* @term 0: every change on record. NULL: there is none of @term, or no memory; @why says which. */
json_t *doc_explain(const struct ha *ha, uint32_t term, char *why, size_t cap);
json_t *doc_neighbours(struct ha *ha, int *ret_err);		/* NULL: negative errno */
/* @ret_why: of the first group that is not ready, "" when all are. */
json_t *doc_ready(struct ha *ha, bool upgrade, char *ret_why, size_t cap);
json_t *doc_doctor(struct ha *ha, unsigned *ret_bad);		/* how many rows are bad */

/*
 * A list of a thousand rows takes longer than the loop may stand: a document leaves the list that is its last
 * key empty, and _vips() or _rows() give what belongs there, in slices. NULL: negative errno, or no memory.
 */
json_t *doc_counters(struct ha *ha, int *ret_err);
json_t *doc_counters_vips(struct ha *ha, uint32_t first, uint32_t n, int *ret_err);
json_t *doc_devices(const struct ha *ha);
json_t *doc_devices_rows(const struct ha *ha, uint32_t first, uint32_t n);
/*
 * @last_read: by a reload; NULL: none since the start. @next: of the sections of either, how many are done, and
 * how many then; @n more at most, and more only to find one that has something to show.
 */
json_t *doc_options(void);
json_t *doc_options_rows(const struct conf *now, const struct conf *last_read, uint32_t *next, uint32_t n);

json_t *doc_calls(struct ha *ha);
/* @done: nothing follows this slice. */
json_t *doc_calls_rows(struct ha *ha, uint64_t *at, bool *done);

/* {"exit":..,"doc":..,"error":..}, one line. Takes @doc; either may be NULL. To be freed by the caller. */
char *reply_line(int exit_code, json_t *doc, const char *error);

#endif
