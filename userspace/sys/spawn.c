/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int spawn_script(const char *path, const char *const *args)
{
	struct sched_param ordinary = { 0 };
	char *argv[SPAWN_ARGS_MAX + 2] = { (char *)path };
	posix_spawnattr_t attr;
	sigset_t none, all;
	pid_t pid;
	int err;

	for (int i = 0; i < SPAWN_ARGS_MAX && args[i]; i++)
		argv[i + 1] = (char *)args[i];
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSCHEDULER);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setschedpolicy(&attr, SCHED_OTHER);
	posix_spawnattr_setschedparam(&attr, &ordinary);
	err = posix_spawn(&pid, path, NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -err;
}

bool spawn_reap(int *ret_pid, int *ret_code)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	if (pid <= 0)
		return false;
	*ret_pid = pid;
	*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}
