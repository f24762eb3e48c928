/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t file_read(const char *path, void *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;
	char more;

	if (fd < 0)
		return -errno;
	while (len < cap && (n = read(fd, (char *)buf + len, cap - len)) > 0)
		len += (size_t)n;
	n = len < cap ? n : read(fd, &more, 1);
	n = n < 0 ? -errno : n > 0 ? -EFBIG : (ssize_t)len;
	close(fd);
	return n;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0)
			return -errno;
	}
	return fsync(fd) ? -errno : 0;
}

static int write_new(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode), err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int file_replace(const char *dir, const char *name, const void *data, size_t len, mode_t mode)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	char tmp[NAME_MAX];

	if (dirfd < 0)
		return -errno;
	snprintf(tmp, sizeof(tmp), "%.200s.new", name);
	err = write_new(dirfd, tmp, data, len, mode);
	if (!err && renameat(dirfd, tmp, dirfd, name))
		err = -errno;
	if (!err && fsync(dirfd))
		err = -errno;
	if (err)
		unlinkat(dirfd, tmp, 0);
	close(dirfd);
	return err;
}

int file_remove(const char *dir, const char *name)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (dirfd < 0)
		return -errno;
	if ((unlinkat(dirfd, name, 0) && errno != ENOENT) || fsync(dirfd))
		err = -errno;
	close(dirfd);
	return err;
}
