/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts as root runs them: what they get, in what order, when they are ended, and which are not run at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/where.h"
#include "ha/runner.h"
#include "ha/script_check.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/spawn.h"

static char dir[] = "/tmp/baton-runner-XXXXXX";
static struct runner *r;
static char text[65536];

/* ---- scripts and what they leave ---------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char path[4][64];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", dir, name);
	return path[at];
}

static const char *script(const char *name, const char *body)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s\n%s\n", dir, body);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static const char *content(const char *name)
{
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static bool is_there(const char *name)
{
	return !access(path_of(name), F_OK);
}

/* The n-th kept line that begins with @event and has @word in it, or NULL. */
static const char *line_with(const char *event, const char *word)
{
	static struct log_line line;

	for (uint64_t at = 1; !log_read(at, &line); at = line.seq + 1)
		if (!strncmp(line.text, event, strlen(event)) && strstr(line.text, word))
			return line.text;
	return NULL;
}

static uint32_t lines_with(const char *event, const char *word)
{
	struct log_line line;
	uint32_t n = 0;

	for (uint64_t at = 1; !log_read(at, &line); at = line.seq + 1)
		n += !strncmp(line.text, event, strlen(event)) && strstr(line.text, word);
	return n;
}

/* Generous: it is over as soon as it is so. */
#define WAIT_FOR(what) do { \
	for (int tries_ = 0; !(what) && tries_ < 2000; tries_++) \
		usleep(10000); \
	if (!(what)) \
		fail_msg("in 20 s never: %s", #what); \
} while (0)

static int ask_in(enum runner_kind kind, const char *path, uint64_t timeout_ns, const char *const *args, const char *const *env)
{
	static const char *const none[] = { NULL };
	struct runner_job job = { .kind = kind, .group = "sip", .path = path, .args = args ? args : none,
				  .env = env ? env : none, .timeout_ns = timeout_ns };

	return runner_ask(r, &job);
}

static int ask(const char *path)
{
	return ask_in(RUN_NOTIFY, path, 30 * NS_PER_S, NULL, NULL);
}

static int begin(void **state)
{
	(void)state;
	return runner_open(&r);
}

static int end(void **state)
{
	(void)state;
	runner_close(r, 0);
	return 0;
}

/* ---- what a script gets ------------------------------------------------------------------------- */

static void nothing_is_inherited(void **state)
{
	int fd = dup2(STDERR_FILENO, 77);		/* without CLOEXEC: somebody forgot it */
	static const char *const args[] = { "sip", "two words; $(touch no)", NULL };
	static const char *const env[] = { "BATON_GROUP=sip", NULL };
	unsigned long blocked, ignored;
	char pid[32];

	(void)state;
	setenv("LEAKED", "yes", 1);
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	script("gets", "tr '\\0' '\\n' < /proc/$$/environ | sort > env\n"
	       "ls -l /proc/$$/fd > fds; umask > mask; echo \"$2\" > arg; grep -E 'Sig(Blk|Ign)' /proc/self/status > signals\n"
	       "ps -o sid= -p $$ | tr -d ' ' > sid; echo $$ > pid; cat > input; touch done");
	assert_int_equal(ask_in(RUN_NOTIFY, path_of("gets"), 30 * NS_PER_S, args, env), 0);
	WAIT_FOR(is_there("done"));
	assert_string_equal(content("env"), "BATON_GROUP=sip\nLANG=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
	assert_null(strstr(content("fds"), " 77 -> "));
	assert_string_equal(content("mask"), "0022\n");
	assert_string_equal(content("arg"), "two words; $(touch no)\n");
	assert_int_equal(sscanf(content("signals"), "SigBlk: %lx SigIgn: %lx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & 0x7fffffff, 0);		/* above: libc's own */
	assert_string_equal(content("input"), "");
	snprintf(pid, sizeof(pid), "%s", content("pid"));
	assert_string_equal(content("sid"), pid);		/* leads a session of its own */
	signal(SIGPIPE, SIG_DFL);
	close(fd);
}

static void what_it_prints_is_logged_by_lines(void **state)
{
	const char *line;

	(void)state;
	ask(script("says", "printf 'one \\033[31m\"two\"\\tthree\\n' >&2; printf 'no end'; exit 3"));
	WAIT_FOR(lines_with("script ended", "/says"));
	line = line_with("script output", "/says");
	assert_non_null(line);
	assert_non_null(strstr(line, "what=notify group=\"sip\""));
	assert_non_null(line_with("script output", "line=\"one ?[31m'two' three\""));
	assert_non_null(line_with("script output", "line=\"no end\""));
	assert_non_null(strstr(line_with("script ended", "/says"), " code=3 "));
}

/* ---- order and time ----------------------------------------------------------------------------- */

static void one_lane_is_one_after_the_other_and_stops_no_other(void **state)
{
	(void)state;
	script("slow", "while [ ! -e go ]; do sleep 0.02; done; echo slow >> order");
	script("next", "echo next >> order");
	script("other", "touch passed");	/* now: whoever starts has what we write open for a moment, and it cannot be run */
	ask_in(RUN_NOTIFY, path_of("slow"), 60 * NS_PER_S, NULL, NULL);
	ask_in(RUN_NOTIFY, path_of("next"), 60 * NS_PER_S, NULL, NULL);
	ask_in(RUN_ALARM, path_of("other"), 60 * NS_PER_S, NULL, NULL);
	WAIT_FOR(is_there("passed"));
	assert_string_equal(content("order"), "");
	close(open(path_of("go"), O_CREAT | O_WRONLY, 0600));
	WAIT_FOR(strstr(content("order"), "next"));
	assert_string_equal(content("order"), "slow\nnext\n");
}

static void its_whole_group_is_ended_at_the_time_out(void **state)
{
	char pid[32];

	(void)state;
	ask_in(RUN_NOTIFY, script("deaf", "trap '' TERM; sleep 600 & echo $! > child; wait; wait; while :; do sleep 1; done"),
	       NS_PER_S, NULL, NULL);
	WAIT_FOR(lines_with("script ended", "/deaf"));
	assert_non_null(line_with("script timed out", "signal=TERM"));
	assert_non_null(line_with("script timed out", "signal=KILL"));
	assert_non_null(strstr(line_with("script ended", "/deaf"), "signal=9 timed_out=yes"));
	snprintf(pid, sizeof(pid), "%s", content("child"));
	WAIT_FOR(kill(atoi(pid), 0));
}

static void a_flood_is_cut_off(void **state)
{
	(void)state;
	script("flood", "exec yes 0123456789");
	script("long", "head -c 5000 /dev/zero | tr '\\0' x; echo");
	ask_in(RUN_NOTIFY, path_of("flood"), 2 * NS_PER_S, NULL, NULL);
	ask_in(RUN_NOTIFY, path_of("long"), 30 * NS_PER_S, NULL, NULL);
	WAIT_FOR(lines_with("script output", "/long"));
	assert_int_equal(lines_with("script output", "/flood"), RUNNER_LINES);
	assert_null(strstr(line_with("script ended", "/flood"), "lines_left_out=0"));
	assert_int_equal(lines_with("script output", "/long"), 1);
	assert_non_null(strstr(line_with("script output", "/long"), "xxx...\""));
}

static void a_full_lane_leaves_the_oldest_out(void **state)
{
	static const char *const env[] = { NULL };
	char number[12];

	(void)state;
	unlink(path_of("go2"));
	ask(script("block", "touch blocked; while [ ! -e go2 ]; do sleep 0.02; done"));
	WAIT_FOR(is_there("blocked"));
	script("count", "echo $1 >> counted");
	for (int i = 1; i <= 10; i++) {
		snprintf(number, sizeof(number), "%d", i);
		assert_int_equal(ask_in(RUN_NOTIFY, path_of("count"), 30 * NS_PER_S, (const char *const[]){ number, NULL }, env), 0);
	}
	assert_int_equal(lines_with("script left out", "/count"), 2);
	close(open(path_of("go2"), O_CREAT | O_WRONLY, 0600));
	WAIT_FOR(strstr(content("counted"), "10\n"));
	assert_string_equal(content("counted"), "3\n4\n5\n6\n7\n8\n9\n10\n");
}

static void one_that_is_too_long_is_refused(void **state)
{
	static char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(ask_in(RUN_NOTIFY, path_of("next"), NS_PER_S, (const char *const[]){ big, NULL }, NULL), -E2BIG);
}

/* ---- which are not run -------------------------------------------------------------------------- */

static char blamed[1024];

static void blame(void *arg, const char *file, unsigned line, const char *why)
{
	(void)arg;
	snprintf(blamed, sizeof(blamed), "%s:%u: %s", file, line, why);
}

static unsigned check(const char *path)
{
	static struct conf c;

	blamed[0] = '\0';
	memset(&c, 0, sizeof(c));
	c.n_groups = 1;
	*where_slot(&c.where, SEC_GROUP, 0, opts_find(SEC_GROUP, "notify")) = 7;
	snprintf(c.groups[0].notify, sizeof(c.groups[0].notify), "%s", path);
	return script_check(&c, "f.conf", blame, NULL);
}

static void refused(const char *path, const char *why)
{
	char want[512];

	assert_int_equal(check(path), 1);
	snprintf(want, sizeof(want), "f.conf:7: notify: %s %s", path, why);
	assert_string_equal(blamed, want);
}

static void only_roots_own_files_are_run(void **state)
{
	char path[64], inner[80];

	(void)state;
	snprintf(path, sizeof(path), "%s", script("owned", "touch ran"));
	assert_int_equal(check(path), 0);
	assert_int_equal(chmod(path, 0775), 0);
	refused(path, "is writable by others than root");
	assert_int_equal(chmod(path, 0644), 0);
	refused(path, "is not executable");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chown(path, 1, 0), 0);
	refused(path, "is not owned by root");
	refused(dir, "is not a regular file");
	refused(path_of("nowhere"), "No such file or directory");
	assert_int_equal(mkfifo(path_of("fifo"), 0700), 0);
	refused(path_of("fifo"), "is not a regular file");

	/* A directory whose owner may put another file there; by a link that itself looks well. */
	assert_int_equal(mkdir(path_of("open"), 0755), 0);
	script("open/inner", "touch ran");
	assert_int_equal(symlink(path_of("open/inner"), path_of("link")), 0);
	assert_int_equal(check(path_of("link")), 0);
	assert_int_equal(chmod(path_of("open"), 0777), 0);
	assert_int_equal(check(path_of("link")), 1);
	assert_non_null(strstr(blamed, "/open is writable by others, who could put another file there"));
	snprintf(inner, sizeof(inner), "%s", path_of("open"));
	assert_int_equal(chmod(inner, 0755), 0);
	assert_int_equal(chown(inner, 1, 0), 0);
	assert_int_equal(check(path_of("link")), 1);
	assert_non_null(strstr(blamed, "/open is not root's"));
}

/* It was well when the configuration was read. */
static void it_is_looked_at_again_before_the_run(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s", script("turned", "touch ran"));
	assert_int_equal(chmod(path, 0777), 0);
	ask(path);
	WAIT_FOR(lines_with("script not run", "/turned"));
	assert_non_null(line_with("script output", "refused: is writable by others than root"));
	unlink(path);
	assert_int_equal(mkfifo(path, 0755), 0);
	ask(path);
	WAIT_FOR(lines_with("script not run", "/turned") == 2);
	ask(script("shellless", ""));
	close(open(path_of("plain"), O_CREAT | O_WRONLY, 0755));
	ask(path_of("plain"));
	WAIT_FOR(lines_with("script not run", "/plain"));
	assert_non_null(line_with("script output", "no #! in its first line"));
	assert_false(is_there("ran"));
}

/* ---- the end ------------------------------------------------------------------------------------ */

static void what_was_asked_for_is_still_run_at_the_end(void **state)
{
	(void)state;
	script("last", "echo $1 >> at-end");
	ask_in(RUN_NOTIFY, path_of("last"), 30 * NS_PER_S, (const char *const[]){ "1", NULL }, NULL);
	ask_in(RUN_NOTIFY, path_of("last"), 30 * NS_PER_S, (const char *const[]){ "2", NULL }, NULL);
	runner_close(r, 20 * NS_PER_S);
	assert_string_equal(content("at-end"), "1\n2\n");
	assert_int_equal(runner_open(&r), 0);
}

/* As when batond is stopped, or started again in place, while a script runs. */
static void one_that_is_left_behind_goes_on(void **state)
{
	(void)state;
	ask(script("left", "touch left-began; while [ ! -e go3 ]; do sleep 0.02; done; echo one; echo two; touch left-ended"));
	WAIT_FOR(is_there("left-began"));
	runner_close(r, 0);
	close(open(path_of("go3"), O_CREAT | O_WRONLY, 0600));
	WAIT_FOR(is_there("left-ended"));
	assert_int_equal(runner_open(&r), 0);
}

static void children_of_an_earlier_life_are_buried(void **state)
{
	pid_t stranger = fork();

	(void)state;
	if (!stranger)
		_exit(0);
	assert_true(stranger > 0);
	script("any", "exit 0");
	for (int i = 0; !kill(stranger, 0) && i < 400; i++) {	/* each time a script has ended they are looked for */
		ask(path_of("any"));
		usleep(50000);
	}
	if (!kill(stranger, 0))
		fail_msg("in 20 s nobody waited for child %d", (int)stranger);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)
		TEST(nothing_is_inherited),
		TEST(what_it_prints_is_logged_by_lines),
		TEST(one_lane_is_one_after_the_other_and_stops_no_other),
		TEST(its_whole_group_is_ended_at_the_time_out),
		TEST(a_flood_is_cut_off),
		TEST(a_full_lane_leaves_the_oldest_out),
		TEST(one_that_is_too_long_is_refused),
		TEST(only_roots_own_files_are_run),
		TEST(it_is_looked_at_again_before_the_run),
		TEST(what_was_asked_for_is_still_run_at_the_end),
		TEST(one_that_is_left_behind_goes_on),
		TEST(children_of_an_earlier_life_are_buried),
	};

	if (argc > 2 && !strcmp(argv[1], SPAWN_WORD))
		return spawn_child(argv + 2);
	log_set_level("debug");
	assert_non_null(mkdtemp(dir));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
