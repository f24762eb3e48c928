/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF	"/proc/self/exe"

/* ---- may it be run ------------------------------------------------------------------------------ */

static int refuse(char *why, size_t len, int err, const char *what, const char *text)
{
	snprintf(why, len, "%s%s%s", what, what[0] ? " " : "", text);
	return err;
}

static int check_directory(const char *dir, char *why, size_t len)
{
	struct stat st;

	if (stat(dir, &st))
		return refuse(why, len, -errno, dir, strerror(errno));
	if (st.st_uid)
		return refuse(why, len, -EPERM, dir, "is not root's: its owner could put another file there");
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX))
		return refuse(why, len, -EPERM, dir, "is writable by others, who could put another file there");
	return 0;
}

/* From the file upwards: what is left of a path after each slash is cut off. */
static int check_directories(const char *real, char *why, size_t len)
{
	char dir[PATH_MAX];
	char *slash;
	int err = 0;

	snprintf(dir, sizeof(dir), "%s", real);
	while (!err && (slash = strrchr(dir, '/'))) {
		*slash = '\0';
		err = check_directory(dir[0] ? dir : "/", why, len);
	}
	return err;
}

int spawn_check(const char *path, char ret_real[PATH_MAX], char *why, size_t len)
{
	struct stat st;

	if (!realpath(path, ret_real) || stat(ret_real, &st))
		return refuse(why, len, -errno, "", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(why, len, -EACCES, "", "is not a regular file");
	if (st.st_uid)
		return refuse(why, len, -EPERM, "", "is not owned by root");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(why, len, -EPERM, "", "is writable by others than root");
	if (!(st.st_mode & S_IXUSR))
		return refuse(why, len, -EACCES, "", "is not executable");
	return check_directories(ret_real, why, len);
}

/* ---- the child ---------------------------------------------------------------------------------- */

/* Under systemd we are hard to kill by the OOM killer; a script has no such right. */
static void be_killable(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "0", 1);
	close(fd);
}

static void be_ordinary(void)
{
	struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_OTHER, &none);
	setpriority(PRIO_PROCESS, 0, 0);
	be_killable();
	umask(022);
	close_range(3, ~0u, 0);
	(void)!chdir("/");
}

int spawn_child(char **argv)
{
	char real[PATH_MAX], why[PATH_MAX + 80];

	be_ordinary();
	if (spawn_check(argv[0], real, why, sizeof(why))) {
		fprintf(stderr, "refused: %s\n", why);
		return SPAWN_REFUSED;
	}
	execve(real, argv, environ);
	fprintf(stderr, "not run: %s\n", errno == ENOEXEC ? "no program, and no #! in its first line" : strerror(errno));
	return SPAWN_REFUSED;
}

/* ---- the parent --------------------------------------------------------------------------------- */

static int start(struct spawn *s, int out, char *const *argv, char *const *env)
{
	struct sched_param ordinary = { 0 };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSCHEDULER |
				 POSIX_SPAWN_SETSID);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setschedpolicy(&attr, SCHED_OTHER);
	posix_spawnattr_setschedparam(&attr, &ordinary);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
	err = posix_spawn(&s->pid, SELF, &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -err;
}

/* Who writes can read it as well: a script that we leave behind is ended by no SIGPIPE at the next thing it says. */
static int open_output(int ends[2])
{
	char path[32];
	int both;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	both = open(path, O_RDWR | O_CLOEXEC);
	if (both >= 0) {
		close(ends[1]);
		ends[1] = both;
	}
	return 0;
}

int spawn_script(const char *path, const char *const *args, const char *const *env, struct spawn *ret)
{
	char *argv[SPAWN_ARGS_MAX + 4] = { (char *)"baton-script", (char *)SPAWN_WORD, (char *)path };
	char *envp[SPAWN_ENV_MAX + 3] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  (char *)"LANG=C" };
	struct spawn s = { .pidfd = -1 };
	int ends[2], err;

	for (int i = 0; i < SPAWN_ARGS_MAX && args[i]; i++)
		argv[i + 3] = (char *)args[i];
	for (int i = 0; i < SPAWN_ENV_MAX && env[i]; i++)
		envp[i + 2] = (char *)env[i];
	if (open_output(ends))
		return -errno;
	err = start(&s, ends[1], argv, envp);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return err;
	}
	s.out = ends[0];
	(void)fcntl(s.out, F_SETFL, O_NONBLOCK);
	s.pidfd = (int)syscall(SYS_pidfd_open, s.pid, 0);	/* -1: the owner looks now and then */
	*ret = s;
	return 0;
}

void spawn_signal(const struct spawn *s, int number)
{
	kill(-s->pid, number);
}

bool spawn_reap(struct spawn *s, struct spawn_end *ret)
{
	int status;
	pid_t pid = waitpid(s->pid, &status, WNOHANG);

	if (!pid || (pid < 0 && errno == EINTR))
		return false;
	*ret = (struct spawn_end){ .code = -1 };	/* somebody else has reaped it */
	if (pid > 0)
		*ret = (struct spawn_end){ .by_signal = WIFSIGNALED(status),
					   .code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) };
	close(s->out);
	if (s->pidfd >= 0)
		close(s->pidfd);
	return true;
}

pid_t spawn_ended(void)
{
	siginfo_t si = { 0 };

	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) ? 0 : si.si_pid;
}

void spawn_forget(pid_t pid)
{
	waitpid(pid, NULL, WNOHANG);
}
