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
#include <string.h>
#include <unistd.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_written), cmocka_unit_test(a_full_stderr_costs_the_line_not_the_time),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
