/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/background.h"
#include "sys/file.h"

struct slot {
	char name[BT_NAME_MAX];
	int loaded;			/* result of reading */
	struct term_record at_start;
	struct term_record wanted;
	bool waits;
	uint32_t reserved;
	int err;
	bool fence_wanted, fence_waits;
	bool fenced;			/* on disk */
	int fence_err;
};

struct store {
	char dir[CONF_PATH_MAX];
	int done;
	bool untried;		/* whether the directory takes anything is not known yet */
	struct background bg;
	struct slot slot[BT_GROUPS_MAX];
	uint32_t n;
	size_t history_waits;		/* bytes, 0: none */
	char history[HISTORY_BYTES], writing[HISTORY_BYTES];
	size_t alarms_wait;
	char alarms[ALARM_FILE_MAX];
};

_Static_assert(ALARM_FILE_MAX <= HISTORY_BYTES, "both are written from the same place");

static char why[CONF_PATH_MAX + 128];

const char *store_why(void)
{
	return why;
}

static int write_one(const struct store *s, const char *group, const struct term_record *rec)
{
	char text[TERM_FILE_MAX], name[BT_NAME_MAX + 8];
	size_t len = term_file_write(group, rec, text);

	snprintf(name, sizeof(name), "term.%s", group);
	return file_replace(s->dir, name, text, len, 0600);
}

static int write_fence(const struct store *s, const char *group, bool on)
{
	static const char text[] = "an operator keeps this group shut on this host; `baton unfence` ends that\n";
	char name[BT_NAME_MAX + 8];

	snprintf(name, sizeof(name), "fence.%s", group);
	return on ? file_replace(s->dir, name, text, sizeof(text) - 1, 0600) : file_remove(s->dir, name);
}

/* With the lock held: one group that waits, or NULL. */
static struct slot *next_waiting(struct store *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->slot[i].waits || s->slot[i].fence_waits)
			return &s->slot[i];
	return NULL;
}

/* With the lock held; it is dropped while the disk works. */
static void fence_one(struct store *s, struct slot *slot)
{
	bool on = slot->fence_wanted;
	int err;

	slot->fence_waits = false;
	background_unlock(&s->bg);
	err = write_fence(s, slot->name, on);
	background_lock(&s->bg);
	slot->fence_err = err;
	if (!err)
		slot->fenced = on;
}

static void term_one(struct store *s, struct slot *slot)
{
	struct term_record rec = slot->wanted;
	int err;

	slot->waits = false;
	background_unlock(&s->bg);
	err = write_one(s, slot->name, &rec);
	background_lock(&s->bg);
	slot->err = err;
	if (!err && rec.reserved > slot->reserved)
		slot->reserved = rec.reserved;
}

/* A term first: a role may be waiting for it. */
static void work_one(struct store *s, struct slot *slot)
{
	uint64_t one = 1;

	if (slot->waits)
		term_one(s, slot);
	else
		fence_one(s, slot);
	(void)!write(s->done, &one, sizeof(one));
}

/* With the lock held; it is dropped while the disk works. Nobody waits for it, and a lost one is no harm. */
static void history_one(struct store *s)
{
	size_t len = s->history_waits;

	memcpy(s->writing, s->history, len);
	s->history_waits = 0;
	background_unlock(&s->bg);
	(void)file_replace(s->dir, "history", s->writing, len, 0600);
	background_lock(&s->bg);
}

/* The same: without it a restart raises them anew. */
static void alarms_one(struct store *s)
{
	size_t len = s->alarms_wait;

	memcpy(s->writing, s->alarms, len);
	s->alarms_wait = 0;
	background_unlock(&s->bg);
	(void)file_replace(s->dir, "alarms", s->writing, len, 0600);
	background_lock(&s->bg);
}

static int probe(const struct store *s)
{
	return file_replace(s->dir, "probe", "writable\n", 9, 0600);
}

/* What failed is told as a write that failed: by the alarm, when a term is wanted, and by the doctor. */
static void try_now(struct store *s)
{
	int err = s->untried ? probe(s) : 0;

	background_lock(&s->bg);
	for (uint32_t i = 0; i < s->n && err; i++)
		s->slot[i].err = err;
	background_unlock(&s->bg);
}

static void *run(void *arg)
{
	struct store *s = arg;
	struct slot *slot;

	try_now(s);
	background_lock(&s->bg);
	for (;;) {
		while ((slot = next_waiting(s)) || s->history_waits || s->alarms_wait) {
			if (slot)
				work_one(s, slot);
			else if (s->alarms_wait)
				alarms_one(s);
			else
				history_one(s);
		}
		if (s->bg.quit)
			break;
		background_wait(&s->bg, BACKGROUND_EVER);
	}
	background_unlock(&s->bg);
	return NULL;
}

static void load(struct store *s, struct slot *slot)
{
	char path[CONF_PATH_MAX + BT_NAME_MAX + 8], text[TERM_FILE_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/term.%s", s->dir, slot->name);
	n = file_read(path, text, sizeof(text));
	slot->loaded = n == -ENOENT ? -ENOENT : n < 0 ? -EBADMSG :
		       term_file_read(slot->name, text, (size_t)n, &slot->at_start);
	if (!slot->loaded)
		slot->reserved = slot->at_start.reserved;
	snprintf(path, sizeof(path), "%s/fence.%s", s->dir, slot->name);
	slot->fenced = !access(path, F_OK) || errno != ENOENT;
}

/*
 * A disk that takes nothing must be known now, not when the role has to move. But while leases of an earlier
 * life run out nobody waits for fsync: then the thread tries it, first of all.
 */
static int try_directory(struct store *s, bool hurry)
{
	int err;

	if (mkdir(s->dir, 0750) && errno != EEXIST)
		err = -errno;
	else
		err = !hurry ? probe(s) : access(s->dir, W_OK) ? -errno : 0;
	if (err)
		snprintf(why, sizeof(why), "state-dir %s: cannot write: %s", s->dir, strerror(-err));
	s->untried = hurry;
	return err;
}

int store_open(struct store **ret, const struct conf *conf, bool hurry, int done)
{
	struct store *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	memcpy(s->dir, conf->state_dir, sizeof(s->dir));
	s->done = done;
	s->n = conf->n_groups;
	err = try_directory(s, hurry);
	if (err) {
		free(s);
		return err;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		memcpy(s->slot[i].name, conf->groups[i].name, sizeof(s->slot[i].name));
		load(s, &s->slot[i]);
	}
	err = background_start(&s->bg, "store", 0, run, s);
	if (err) {
		snprintf(why, sizeof(why), "no thread for state-dir: %s", strerror(-err));
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	background_stop(&s->bg);
	free(s);
}

int store_loaded(const struct store *s, uint32_t slot, struct term_record *ret)
{
	if (!s->slot[slot].loaded)
		*ret = s->slot[slot].at_start;
	return s->slot[slot].loaded;
}

void store_ask(struct store *s, uint32_t slot, const struct term_record *rec)
{
	background_lock(&s->bg);
	s->slot[slot].wanted = *rec;
	s->slot[slot].waits = true;
	background_wake(&s->bg);
	background_unlock(&s->bg);
}

uint32_t store_reserved(struct store *s, uint32_t slot, int *ret_err)
{
	uint32_t reserved;

	background_lock(&s->bg);
	reserved = s->slot[slot].reserved;
	*ret_err = s->slot[slot].err;
	background_unlock(&s->bg);
	return reserved;
}

void store_ask_fence(struct store *s, uint32_t slot, bool on)
{
	background_lock(&s->bg);
	s->slot[slot].fence_wanted = on;
	s->slot[slot].fence_waits = true;
	s->slot[slot].fence_err = 0;
	background_wake(&s->bg);
	background_unlock(&s->bg);
}

bool store_fenced(struct store *s, uint32_t slot, int *ret_err)
{
	bool fenced;

	background_lock(&s->bg);
	fenced = s->slot[slot].fenced;
	*ret_err = s->slot[slot].fence_err;
	background_unlock(&s->bg);
	return fenced;
}

void store_ask_history(struct store *s, const void *data, size_t len)
{
	background_lock(&s->bg);
	memcpy(s->history, data, len);
	s->history_waits = len;
	background_wake(&s->bg);
	background_unlock(&s->bg);
}

void store_ask_alarms(struct store *s, const void *data, size_t len)
{
	background_lock(&s->bg);
	memcpy(s->alarms, data, len);
	s->alarms_wait = len;
	background_wake(&s->bg);
	background_unlock(&s->bg);
}
