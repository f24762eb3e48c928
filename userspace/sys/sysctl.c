/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_setting(const char *path, int flags)
{
	char file[256];
	int fd;

	if (snprintf(file, sizeof(file), "/proc/sys/%s", path) >= (int)sizeof(file))
		return -ENAMETOOLONG;
	fd = open(file, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_read(const char *path, int *ret_value)
{
	int fd = open_setting(path, O_RDONLY), err;
	char text[32], *end;
	ssize_t n;
	long value;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	text[n] = '\0';
	value = strtol(text, &end, 10);
	if (end == text)
		return -EINVAL;
	*ret_value = (int)value;
	return 0;
}

int sysctl_write(const char *path, int value)
{
	int fd = open_setting(path, O_WRONLY), err = 0;

	if (fd < 0)
		return fd;
	if (dprintf(fd, "%d\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}
