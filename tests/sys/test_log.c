/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A log that nobody reads must not hold up the loop that renews leases.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/journal.h"
#include "sys/log.h"

static int pipe_fd[2], real_stderr;

/* stderr becomes a pipe; @full: with no room left in it. The pipe itself blocks, as a shared one does. */
static void become_stderr(bool full)
{
	char page[4096];

	memset(page, 'x', sizeof(page));
	assert_int_equal(pipe(pipe_fd), 0);
	fcntl(pipe_fd[1], F_SETFL, O_NONBLOCK);
	while (full && write(pipe_fd[1], page, sizeof(page)) > 0)
		;
	fcntl(pipe_fd[1], F_SETFL, 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(pipe_fd[1], STDERR_FILENO);
}

static void restore_stderr(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void a_line_is_written(void **state)
{
	char got[LOG_LINE_MAX] = "";

	(void)state;
	become_stderr(false);
	log_event(LOG_INFO, "hello", "to=%s", "world");
	assert_true(read(pipe_fd[0], got, sizeof(got) - 1) > 0);
	restore_stderr();
	assert_non_null(strstr(got, "hello to=world\n"));
}

static void a_full_stderr_costs_the_line_not_the_time(void **state)
{
	struct log_line line = { 0 };

	(void)state;
	alarm(2);		/* a write that waits is ended by it, and with it this test */
	become_stderr(true);
	for (int i = 0; i < 3; i++)
		log_event(LOG_INFO, "lost", "n=%d", i);
	restore_stderr();
	alarm(0);
	while (!log_read(line.seq + 1, &line))
		;
	assert_string_equal(line.text, "lost n=2");	/* `baton events` has it still */
}

/* A journald of ours: its socket, in a directory of its own. */
static struct sockaddr_un journal = { .sun_family = AF_UNIX };
static char journal_dir[] = "/tmp/baton-log-XXXXXX";

static int become_journald(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_non_null(mkdtemp(journal_dir));
	snprintf(journal.sun_path, sizeof(journal.sun_path), "%s/socket", journal_dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&journal, sizeof(journal)), 0);
	assert_int_equal(journal_open(journal.sun_path), 0);
	return fd;
}

static void leave_journald(int fd)
{
	journal_close();
	close(fd);
	unlink(journal.sun_path);
	rmdir(journal_dir);
	strcpy(journal_dir, "/tmp/baton-log-XXXXXX");
}

static void what_a_line_says_are_fields_of_the_journal(void **state)
{
	char got[4096], id[64] = "";
	int fd = become_journald();
	ssize_t n;

	(void)state;
	log_event(LOG_ERR, "alarm raised", "id=\"00-52029 sip\" event=%s group=sip some-thing=1 text=\"a=b; %s\"", "00-52029",
		  "two\nPRIORITY=0");
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_int_equal(sscanf(strstr(got, "MESSAGE_ID="), "MESSAGE_ID=%32[0-9a-f]", id), 1);
	assert_int_equal(strlen(id), 32);
	memmove(strstr(got, "MESSAGE_ID="), strstr(got, "BATON_KIND="), strlen(strstr(got, "BATON_KIND=")) + 1);
	assert_string_equal(got, "MESSAGE=alarm raised id=\"00-52029 sip\" event=00-52029 group=sip some-thing=1 text=\"a=b; two?PRIORITY=0\"\n"
			    "PRIORITY=3\nSYSLOG_IDENTIFIER=batond\n"
			    "BATON_KIND=alarm raised\nBATON_ID=00-52029 sip\nBATON_EVENT=00-52029\nBATON_GROUP=sip\n"
			    "BATON_SOME_THING=1\nBATON_TEXT=a=b; two?PRIORITY=0\n");
	log_event(LOG_ERR, "alarm raised", "id=x");
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, id));		/* the same kind has the same id, */
	assert_non_null(strstr(got, "BATON_EVENT=alarm raised\n"));
	log_event(LOG_INFO, "role change", "group=sip");
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_null(strstr(got, id));			/* another another */
	leave_journald(fd);
}

/* Its socket has no room, or it is gone: no time is lost, and the line goes where it always went. */
static void a_journald_that_stands_still_holds_nothing_up(void **state)
{
	char got[65536] = "", last[32];
	int fd = become_journald();
	ssize_t n;
	int null = open("/dev/null", O_WRONLY), out = dup(STDERR_FILENO);

	(void)state;
	alarm(60);			/* blocked, the test would end here */
	dup2(null, STDERR_FILENO);
	for (int i = 0; i < 2000; i++)
		log_event(LOG_INFO, "filling", "n=%d", i);
	dup2(out, STDERR_FILENO);
	close(out);
	close(null);
	become_stderr(false);
	log_event(LOG_INFO, "over", "n=1");
	journal_close();
	leave_journald(fd);
	assert_int_equal(journal_open(journal.sun_path), 0);
	log_event(LOG_INFO, "gone", "n=2");
	journal_close();
	n = read(pipe_fd[0], got, sizeof(got) - 1);
	restore_stderr();
	alarm(0);
	assert_true(n > 0);
	snprintf(last, sizeof(last), "over n=1\ngone n=2\n");
	assert_string_equal(got, last);
}

static void another_stream_is_not_the_journal(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(journal_is_stderr());
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(journal_is_stderr());
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_false(journal_is_stderr());
	unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_written), cmocka_unit_test(a_full_stderr_costs_the_line_not_the_time),
		cmocka_unit_test(what_a_line_says_are_fields_of_the_journal),
		cmocka_unit_test(a_journald_that_stands_still_holds_nothing_up), cmocka_unit_test(another_stream_is_not_the_journal),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
