/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/unit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX	512	/* looked at; a main process comes early */

static int on_answer(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct unit *u = arg;
	uint32_t pid;
	int r;

	(void)error;
	u->state = -sd_bus_message_get_errno(m);
	if (u->state)
		return 0;
	r = sd_bus_message_read(m, "v", "u", &pid);
	if (r < 0)
		u->state = r;
	else if (!pid)
		u->state = -ESRCH;
	else
		u->pid = (pid_t)pid;
	return 0;
}

static int send_question(struct unit *u, const char *name)
{
	char *path;
	int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path);

	if (r < 0)
		return r;
	r = sd_bus_call_method_async(u->bus, NULL, "org.freedesktop.systemd1", path,
				     "org.freedesktop.DBus.Properties", "Get", on_answer, u,
				     "ss", "org.freedesktop.systemd1.Service", "MainPID");
	free(path);
	return r < 0 ? r : 0;
}

int unit_ask(struct unit *u, const char *name)
{
	int r;

	unit_forget(u);
	r = sd_bus_open_system(&u->bus);
	if (r >= 0)
		r = send_question(u, name);
	if (r < 0)
		unit_forget(u);
	else
		u->state = -EAGAIN;
	return r < 0 ? r : 0;
}

int unit_answer(struct unit *u, pid_t *ret_pid)
{
	int r = 1;

	if (!u->bus)
		return -ENOTCONN;
	while (r > 0 && u->state == -EAGAIN)
		r = sd_bus_process(u->bus, NULL);
	if (r < 0 && u->state == -EAGAIN)
		u->state = r == -EAGAIN ? -ECONNABORTED : r;
	if (u->state == 0)
		*ret_pid = u->pid;
	r = u->state;
	if (r != -EAGAIN)
		unit_forget(u);
	return r;
}

/* Not flushed: that would wait for a bus which may be the very reason for giving up. */
void unit_forget(struct unit *u)
{
	if (u->bus)
		sd_bus_close(u->bus);
	sd_bus_unref(u->bus);
	*u = (struct unit){ 0 };
}

static pid_t parent_of(pid_t pid)
{
	char path[32], line[64];
	int ppid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "PPid: %d", &ppid) == 1)
			break;
	fclose(f);
	return ppid;
}

static bool is_among(pid_t pid, const pid_t *pids, int n)
{
	for (int i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static int read_members(const char *path, pid_t *ret_pids)
{
	FILE *f = fopen(path, "re");
	int n = 0;

	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (n < MEMBERS_MAX && fscanf(f, "%d", &ret_pids[n]) == 1)
		n += ret_pids[n] > 0;	/* 0: of another pid namespace */
	fclose(f);
	return n;
}

int unit_from_cgroup(const char *root, const char *name, pid_t *ret_pid)
{
	pid_t pids[MEMBERS_MAX];
	char path[PATH_MAX];
	int n;

	if (strchr(name, '/') ||
	    snprintf(path, sizeof(path), "%s/system.slice/%s/cgroup.procs", root, name) >= PATH_MAX)
		return -EINVAL;
	n = read_members(path, pids);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (!is_among(parent_of(pids[i]), pids, n)) {
			*ret_pid = pids[i];
			return 0;
		}
	return -ESRCH;
}
