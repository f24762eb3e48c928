/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deal: who does which of many like things, when two threads do them at once?
 *
 * Each takes the next few that nobody has taken. What was refused main does again, in its own time.
 * Errors:  negative errno when there is no thread.
 * Threads: main, and a helper of its own. Blocks: never; deal_close() until the helper has done what it is at.
 */
#ifndef BATON_DEAL_H
#define BATON_DEAL_H

#include <stdbool.h>
#include <stdint.h>

#define DEAL_MAX	1024	/* things */

struct deal;

/* Do thing @i, in either thread; false: it was refused, later may do. */
typedef bool (*deal_fn)(void *arg, uint32_t i);

/* @n: DEAL_MAX at most. */
int deal_open(struct deal **ret, uint32_t n, const char *name, int priority, deal_fn work, void *arg);
void deal_close(struct deal *d);

/* All of them, from the first. */
void deal_start(struct deal *d);
/* Whatever is not begun is not done: the helper ends the one it is at. */
void deal_stop(struct deal *d);

/* DEAL_MORE: main has done its @max. DEAL_WAIT: what is left is under way, or was refused just now. */
enum deal_left { DEAL_NONE, DEAL_MORE, DEAL_WAIT };
enum deal_left deal_take(struct deal *d, uint32_t max);

#endif
