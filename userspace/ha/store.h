/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: is what must outlive us on disk before it is relied on?
 *
 * A thread of its own writes, because a disk may take longer than a lease; the main loop asks,
 * goes on, and is woken when the answer is there. Per group STATE_DIR/term.GROUP, and STATE_DIR/fence.GROUP
 * while an operator keeps the group shut here: that there is such a file says it all, whatever is in it. And one STATE_DIR/history,
 * written when nothing else waits.
 * Threads: all calls from main. Allocates only in store_open().
 */
#ifndef BATON_STORE_H
#define BATON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/alarm_file.h"
#include "core/conf.h"
#include "core/history.h"
#include "core/term_file.h"

struct store;

/* Reads what is there; @done: an eventfd of the caller's, made readable after each write. The directory must be writable. */
int store_open(struct store **ret, const struct conf *conf, bool hurry, int done);
void store_close(struct store *s);	/* waits for a write under way */
const char *store_why(void);		/* names the file; set by store_open() */

/* What was read at start: 0, -ENOENT (new), -EBADMSG or -ERANGE (refused, the peer's number counts). */
int store_loaded(const struct store *s, uint32_t slot, struct term_record *ret);

/* Have @rec written soon; a newer request replaces one that waits. */
void store_ask(struct store *s, uint32_t slot, const struct term_record *rec);

/* The highest term known to be on disk, and the error of the last write (0: well). */
uint32_t store_reserved(struct store *s, uint32_t slot, int *ret_err);

/* Have STATE_DIR/history replaced by @data soon, HISTORY_BYTES at most; when nothing else waits. */
void store_ask_history(struct store *s, const void *data, size_t len);

/* The same for STATE_DIR/alarms, ALARM_FILE_MAX at most. */
void store_ask_alarms(struct store *s, const void *data, size_t len);

/* The same for a fence by hand, on or off. */
void store_ask_fence(struct store *s, uint32_t slot, bool on);

/* Is it on disk? A file that could not be looked for counts as one. @ret_err: of the last write, 0: well. */
bool store_fenced(struct store *s, uint32_t slot, int *ret_err);

#endif
