/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/journal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_line kept[LOG_KEEP];
static uint64_t newest;
static int max_level = LOG_INFO;
static void (*hook_fn)(void *arg);
static void *hook_arg;

int log_set_level(const char *name)
{
	static const struct { const char *name; int level; } levels[] = {
		{ "err", LOG_ERR }, { "warn", LOG_WARNING }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(name, levels[i].name)) {
			max_level = levels[i].level;
			return 0;
		}
	return -EINVAL;
}

void log_set_hook(void (*hook)(void *arg), void *arg)
{
	hook_fn = hook;
	hook_arg = arg;
}

/* A pipe or socket with room takes a line whole; one without belongs to a reader that stands still. */
static bool stderr_has_room(void)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) > 0;
}

static void print_line(int level, const char *event, const char *text)
{
	char line[LOG_LINE_MAX + 16];
	int n = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof(line), "<%d>%s\n", level, text)
					 : snprintf(line, sizeof(line), "%s\n", text);

	if (journal_send(level, event, text))
		return;
	if (!stderr_has_room() || write(STDERR_FILENO, line, (size_t)n) < 0)
		return;		/* nowhere to complain; `baton events` still has the line */
}

static void keep_line(int level, const char *text)
{
	struct log_line *l = &kept[++newest % LOG_KEEP];

	l->seq = newest;
	l->at_ns = clock_now_ns();
	l->level = level;
	memcpy(l->text, text, sizeof(l->text));
}

void log_event(int level, const char *event, const char *fmt, ...)
{
	char text[LOG_LINE_MAX] = "";
	int n = snprintf(text, sizeof(text), "%s ", event);
	va_list ap;

	if (level > max_level && level > LOG_INFO)
		return;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);

	if (level <= max_level)
		print_line(level, event, text);
	if (level > LOG_INFO)
		return;
	pthread_mutex_lock(&lock);
	keep_line(level, text);
	pthread_mutex_unlock(&lock);
	if (hook_fn)
		hook_fn(hook_arg);
}

int log_read(uint64_t from, struct log_line *ret_line)
{
	uint64_t seq;
	int err = -ENOENT;

	pthread_mutex_lock(&lock);
	seq = newest >= LOG_KEEP ? newest - LOG_KEEP + 1 : 1;
	if (seq < from)
		seq = from;
	if (seq <= newest) {
		*ret_line = kept[seq % LOG_KEEP];
		err = 0;
	}
	pthread_mutex_unlock(&lock);
	return err;
}
