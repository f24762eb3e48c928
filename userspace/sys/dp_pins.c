// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_pins: is the pin directory ours alone, and what lies in it?
 *
 * Who can put a pin there gives batond his map for ours, and with it the gate. So every directory
 * from the root down to it must belong to root and be writable by root only; a sticky one (as
 * /sys/fs/bpf itself) may be written by others, for they can neither rename nor remove in it what
 * is root's. After that check the path cannot change under us and names can be used safely.
 */
#include "sys/dp_own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define META_MAX	1024

int dp_pin_path(char path[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool on_bpffs(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* May someone other than root change what the directory @fd holds of ours? */
static int check_owner(int fd, const char *dir, const char *step)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dp_fail(-errno, "pin-dir %s: %s", dir, step);
	if (st.st_uid != 0)
		return dp_refuse(-EPERM, "pin-dir %s: %s belongs to uid %u, not to root", dir, step, st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return dp_refuse(-EPERM, "pin-dir %s: %s can be written by others (mode %04o)",
				 dir, step, st.st_mode & 07777);
	return 0;
}

/* One step down from @parent to @step, made if it is missing. Returns a descriptor. */
static int step_into(int parent, const char *dir, const char *step)
{
	int fd = openat(parent, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR || errno == ELOOP)
		return dp_refuse(-EPERM, "pin-dir %s: %s is not a directory of its own", dir, step);
	if (errno != ENOENT)
		return dp_fail(-errno, "pin-dir %s: %s", dir, step);
	if (!on_bpffs(parent))
		return dp_refuse(-ENOENT, "pin-dir %s: no bpf file system there; "
				 "mount -t bpf bpf /sys/fs/bpf", dir);
	if (mkdirat(parent, step, 0700) < 0)
		return dp_fail(-errno, "pin-dir %s: cannot make %s", dir, step);
	fd = openat(parent, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : dp_fail(-errno, "pin-dir %s: %s", dir, step);
}

/* What holds for the last step only: on bpffs, closed to all others. */
static int check_last(int fd, const char *dir)
{
	struct stat st;

	if (!on_bpffs(fd))
		return dp_refuse(-ENOENT, "pin-dir %s is not on a bpf file system; "
				 "mount -t bpf bpf /sys/fs/bpf", dir);
	if (fstat(fd, &st) < 0)
		return dp_fail(-errno, "pin-dir %s", dir);
	if ((st.st_mode & 07777) != 0700)
		return dp_refuse(-EPERM, "pin-dir %s has mode %04o, must be 0700", dir, st.st_mode & 07777);
	return 0;
}

int dp_pins_open(const char *dir)
{
	char path[PATH_MAX], *rest = NULL;
	int fd, next, err;

	if (dir[0] != '/' || strlen(dir) >= sizeof(path))
		return dp_refuse(-EINVAL, "pin-dir %s: must be an absolute path", dir);
	strcpy(path, dir);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return dp_fail(-errno, "pin-dir %s: /", dir);
	err = check_owner(fd, dir, "/");
	for (char *step = strtok_r(path, "/", &rest); step && !err; step = strtok_r(NULL, "/", &rest)) {
		next = step_into(fd, dir, step);
		err = next < 0 ? next : check_owner(next, dir, step);
		if (next >= 0) {
			close(fd);
			fd = next;
		}
	}
	if (!err)
		err = check_last(fd, dir);
	close(fd);
	return err;
}

int dp_pins_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err;

	if (fd < 0)
		return dp_fail(-errno, "pin-dir %s", dir);
	if (!syscall(SYS_flock, fd, LOCK_EX | LOCK_NB))	/* the header of flock() has the name of one of ours */
		return fd;
	err = errno == EWOULDBLOCK ? dp_refuse(-EBUSY, "pin-dir %s is in use by another batond", dir)
				   : dp_fail(-errno, "lock pin-dir %s", dir);
	close(fd);
	return err;
}

int dp_pins_each(struct dp *dp, int (*fn)(struct dp *dp, const char *name))
{
	struct dirent *entry;
	DIR *d = opendir(dp->dir);
	int err = 0;

	if (!d)
		return dp_fail(-errno, "pin-dir %s", dp->dir);
	while (!err && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			err = fn(dp, entry->d_name);
	closedir(d);
	return err;
}

bool dp_link_name(const char *name, uint32_t *ret_ifindex)
{
	char tail;

	return sscanf(name, "link-%" SCNu32 "%c", ret_ifindex, &tail) == 1;
}

static bool is_program(const char *name)
{
	for (int i = 0; i < DP_PROG__N; i++)
		if (!strcmp(name, dp_prog_makes[i].pin) || !strcmp(name, dp_prog_makes[i].next))
			return true;
	return !strcmp(name, DP_STAGES_NEXT);
}

/* A directory of somebody else's, named by mistake, must not be emptied. */
static int check_known(struct dp *dp, const char *name)
{
	uint32_t ifindex;

	if (dp_link_name(name, &ifindex) || dp_map_index(name) >= 0 || is_program(name) ||
	    !strncmp(name, DP_LOCAL_PINS, strlen(DP_LOCAL_PINS)))
		return 0;
	return dp_refuse(-EPROTO, "pin-dir %s holds %s, which is not Baton's; name another directory",
			 dp->dir, name);
}

int dp_unpin(struct dp *dp, const char *name)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dp->dir, name);

	if (!err && unlink(path) < 0 && errno != ENOENT)
		err = -errno;
	return err ? dp_fail(err, "unpin %s/%s", dp->dir, name) : 0;
}

int dp_pins_discard(struct dp *dp)
{
	int err = dp_pins_each(dp, check_known);

	if (!err)
		err = dp_unpin(dp, "meta");
	return err ? err : dp_pins_each(dp, dp_unpin);
}

/* Does the descriptor @fd, from a pin named meta, hold one struct bt_meta? Another ABI's may be of another size. */
static int read_meta(int fd, struct bt_meta *ret)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	uint8_t value[META_MAX];

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size < offsetof(struct bt_meta, programs) ||
	    info.value_size > sizeof(value))
		return -EPROTO;
	if (bpf_map_lookup_elem(fd, &zero, value) < 0)
		return -errno;
	memcpy(ret, value, info.value_size < sizeof(*ret) ? info.value_size : sizeof(*ret));
	return 0;
}

int dp_pins_meta(const struct dp *dp, struct bt_meta *ret)
{
	struct bt_meta meta = {};
	char path[PATH_MAX];
	int err = dp_pin_path(path, dp->dir, "meta"), fd;

	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = read_meta(fd, &meta);
	close(fd);
	if (err)
		return err;
	if (meta.magic && meta.magic != BT_MAGIC)
		return -EPROTO;
	*ret = meta;
	return meta.magic ? 0 : -ENOENT;
}
