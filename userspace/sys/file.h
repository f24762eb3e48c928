/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: small files, read whole, replaced whole, removed for good.
 *
 * Errors:  negative errno, unchanged. Blocks on the disk: file_replace() and file_remove() wait for fsync, so they are not for the event path.
 */
#ifndef BATON_FILE_H
#define BATON_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Read @path whole. -EFBIG when it has more than @cap bytes. Returns its length. */
ssize_t file_read(const char *path, void *buf, size_t cap);

/* Replace @dir/@name by @data: after 0 is returned it is on the disk, on error the old one is. */
int file_replace(const char *dir, const char *name, const void *data, size_t len, mode_t mode);

/* Remove @dir/@name: after 0 is returned it stays gone. Not there is well, too. */
int file_remove(const char *dir, const char *name);

#endif
