/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: one line per event, key=value, to stderr; the last ones kept for `baton events`.
 *
 * Format:  `event key=value ...`, values with blanks quoted by the caller with "%s" in quotes.
 *          Once sys/journal is open, lines go there with their fields. What finds no room there goes to stderr too,
 *          under systemd ($JOURNAL_STREAM) with its priority prefix <N> (sd-daemon(3)).
 * Levels:  LOG_ERR someone must act, LOG_WARNING we coped, LOG_INFO state changed, LOG_DEBUG the rest.
 * Threads: any. Allocates nothing. A reader of stderr that stands still costs lines, never time: they
 *          are left out while there is no room (a shared stderr cannot be set O_NONBLOCK).
 */
#ifndef BATON_LOG_H
#define BATON_LOG_H

#include <stdint.h>
#include <syslog.h>

#define LOG_LINE_MAX	512
#define LOG_KEEP	1024

struct log_line {
	uint64_t seq;		/* from 1, never reused */
	uint64_t at_ns;		/* boot clock */
	int level;
	char text[LOG_LINE_MAX];	/* "role change group=sip from=..." */
};

/* "err", "warn", "info", "debug". -EINVAL otherwise, nothing changed. */
int log_set_level(const char *name);

void log_event(int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Copy the oldest kept line with seq >= @from that is at least LOG_INFO. Returns 0, or -ENOENT
 * when there is none yet.
 */
int log_read(uint64_t from, struct log_line *ret_line);

/* Called after each line of LOG_INFO or graver; from the thread that logged. NULL: none. */
void log_set_hook(void (*hook)(void *arg), void *arg);

#endif
