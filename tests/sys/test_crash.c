/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_crash: real core dumps and real dead workers; what is noticed, and is it before the process has ended?
 * Run in a network namespace of its own (unshare -n), so the connector's socket is made in the initial one.
 * Where this kernel has no connector, or its cores go elsewhere, those tests say so and are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/crash.h"
#include "sys/clock.h"
#include "sys/proc.h"
#include "sys/procev.h"

#define SHOULD_NS	(10 * NS_PER_S)	/* generous: a busy machine */
#define QUIET_NS	(300 * NS_PER_MS)
#define CORE_MB		256		/* a second and more to write */

struct bed {
	struct loop loop;
	struct crash crash;
	struct process process;
	char dir[64], pidfile[96];
	unsigned changes;
	uint64_t until_ns;
	bool (*wanted)(struct bed *bed);
	pid_t server;
	int order, told;	/* pipes to the server and from it */
};

static void on_change(void *arg)
{
	((struct bed *)arg)->changes++;
}

static uint64_t turn(void *arg)
{
	struct bed *bed = arg;
	uint64_t now = clock_now_ns(), next = process_turn(&bed->process, now), at = crash_turn(&bed->crash, NULL, now);

	if ((bed->wanted && bed->wanted(bed)) || now >= bed->until_ns)
		loop_stop(&bed->loop);
	next = at < next ? at : next;
	return next < bed->until_ns ? next : bed->until_ns;
}

static bool run(struct bed *bed, bool (*wanted)(struct bed *bed), uint64_t ns)
{
	bed->wanted = wanted;
	bed->until_ns = clock_now_ns() + ns;
	bed->loop.stop = false;
	assert_int_equal(loop_run(&bed->loop), 0);
	return wanted && wanted(bed);
}

static bool is_dumping(struct bed *bed) { return crash_is_dumping(&bed->crash, 0); }
static bool is_gone(struct bed *bed) { return process_fact(&bed->process) == PROCESS_GONE; }
static bool has_alarm(struct bed *bed) { return crash_worker(&bed->crash, 0)[0]; }
static bool has_none(struct bed *bed) { return !crash_worker(&bed->crash, 0)[0]; }
static bool has_found(struct bed *bed) { return bed->crash.groups[0].found[0]; }

static void put_pid(struct bed *bed, pid_t pid)
{
	FILE *f = fopen(bed->pidfile, "w");

	assert_non_null(f);
	fprintf(f, "%d\n", (int)pid);
	fclose(f);
}

/* What a server does by order: D: dump, W: a worker that dumps, K: one that is killed, G: a worker's worker that dumps. */
static void die_dumping(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void obey(char order, int told)
{
	pid_t pid;

	if (order == 'D' || !order)	/* /dev/zero orders it at once */
		die_dumping();
	pid = fork();
	if (pid) {
		if (write(told, &pid, sizeof(pid)) != sizeof(pid))
			_exit(9);
		return;		/* not waited for: whose it was is known as long as it is a zombie */
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (order == 'G' && fork())
		for (;;)
			pause();
	if (order == 'K')
		raise(SIGKILL);
	if (order == 'X')
		_exit(1);
	die_dumping();
}

static void serve(struct bed *bed, int orders, int told, size_t core_mb)
{
	struct rlimit limit = { core_mb ? RLIM_INFINITY : 0, RLIM_INFINITY };
	char order = 0, *mem;

	if (chdir(bed->dir) || setrlimit(RLIMIT_CORE, &limit))
		_exit(9);
	mem = mmap(NULL, (core_mb + 1) << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(mem, 1, core_mb << 20);
	if (write(told, &order, 1) != 1)
		_exit(9);
	while (read(orders, &order, 1) == 1)
		obey(order, told);
	_exit(0);
}

/* One that can leave a core of @core_mb, 0: none is written. */
static void start(struct bed *bed, size_t core_mb)
{
	int orders[2], told[2];
	char c;

	assert_true(!pipe2(orders, O_CLOEXEC) && !pipe2(told, O_CLOEXEC));
	bed->server = fork();
	if (!bed->server) {
		close(orders[1]);
		serve(bed, orders[0], told[1], core_mb);
	}
	close(orders[0]);
	close(told[1]);
	bed->order = orders[1];
	bed->told = told[0];
	assert_int_equal(read(bed->told, &c, 1), 1);
	put_pid(bed, bed->server);
}

static void order(struct bed *bed, char what)
{
	assert_int_equal(write(bed->order, &what, 1), 1);
}

static pid_t order_worker(struct bed *bed, char what)
{
	pid_t pid = 0;

	order(bed, what);
	assert_int_equal(read(bed->told, &pid, sizeof(pid)), sizeof(pid));
	return pid;
}

static void end(struct bed *bed)
{
	if (bed->server <= 0)
		return;
	kill(bed->server, SIGKILL);
	waitpid(bed->server, NULL, 0);
	close(bed->order);
	close(bed->told);
	bed->server = 0;
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	strcpy(bed->dir, "/tmp/he-crash-XXXXXX");
	assert_non_null(mkdtemp(bed->dir));
	snprintf(bed->pidfile, sizeof(bed->pidfile), "%s/pid", bed->dir);
	assert_int_equal(loop_open(&bed->loop), 0);
	bed->loop.turn = turn;
	bed->loop.arg = bed;
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	char command[96];

	end(bed);
	crash_close(&bed->crash);
	process_close(&bed->process);
	loop_close(&bed->loop);
	snprintf(command, sizeof(command), "rm -r %s", bed->dir);
	free(bed);
	return system(command);
}

static void begin(struct bed *bed)
{
	process_open(&bed->process, &bed->loop, bed->pidfile, "", on_change, bed);
	crash_open(&bed->crash, &bed->loop, on_change, bed);
	crash_watch(&bed->crash, 0, "sip", &bed->process);
}

static void need_connector(struct bed *bed)
{
	if (!crash_connector(&bed->crash))
		return;
	printf("skipped: this kernel does not tell of crashes: %s\n", strerror(-crash_connector(&bed->crash)));
	skip();
}

/* A pattern that begins with | hands the core to a program, which may be done at once. */
static void need_core_file(void)
{
	char pattern[128] = "";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, pattern, sizeof(pattern) - 1);

	close(fd);
	if (n > 1 && pattern[0] != '|')
		return;
	printf("skipped: cores go to %s", n > 1 ? pattern : "nowhere\n");
	skip();
}

static bool dump_is_told_in_time(struct bed *bed)
{
	uint64_t at = clock_now_ns();

	order(bed, 'D');
	if (!run(bed, is_dumping, SHOULD_NS) || proc_has_ended(bed->process.src.fd))
		return false;
	printf("signal to `dumping`, %s: %llu us\n", bed->crash.src.fd < 0 ? "looked for" : "told",
	       (unsigned long long)(clock_now_ns() - at) / 1000);
	return true;
}

/* Again, should this machine have stood still for as long as the dump took. */
static void expect_dump_told_in_time(struct bed *bed)
{
	int tries = 3;

	while (!dump_is_told_in_time(bed) && --tries) {
		end(bed);
		start(bed, CORE_MB);
		run(bed, NULL, QUIET_NS);
	}
	if (!tries)
		fail_msg("none of three core dumps was seen before the process had ended");
	if (!run(bed, is_gone, 6 * SHOULD_NS))
		fail_msg("the end of the dump was not seen");
	run(bed, NULL, QUIET_NS / 10);
	assert_false(is_dumping(bed));
}

static void test_dump_is_told(void **state)
{
	struct bed *bed = *state;

	need_core_file();
	start(bed, CORE_MB);
	begin(bed);
	need_connector(bed);
	run(bed, NULL, QUIET_NS / 10);
	assert_false(is_dumping(bed));
	bed->crash.groups[0].look_ns = UINT64_MAX;	/* no look of its own accord */
	expect_dump_told_in_time(bed);
	assert_true(bed->changes >= 2);
}

static void test_dump_is_found_without_the_connector(void **state)
{
	struct bed *bed = *state;

	need_core_file();
	start(bed, CORE_MB);
	begin(bed);
	crash_close(&bed->crash);
	expect_dump_told_in_time(bed);
}

/* What only crashes, without a core: the end of the process says it all. */
static void test_no_core_no_dump(void **state)
{
	struct bed *bed = *state;

	start(bed, 0);
	begin(bed);
	order(bed, 'D');
	assert_true(run(bed, is_gone, SHOULD_NS));
	run(bed, NULL, QUIET_NS);
	assert_false(is_dumping(bed));
	assert_true(has_none(bed));
}

/* The number of a server that has ended, at once used again by one that dumps: not ours, though its end is not noted yet. */
static void test_dump_of_a_number_used_again(void **state)
{
	struct bed *bed = *state;
	pid_t pid;
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1 };
	uint64_t until = clock_now_ns() + SHOULD_NS;

	need_core_file();
	start(bed, 0);
	begin(bed);
	run(bed, NULL, QUIET_NS / 10);
	pid = bed->server;
	end(bed);
	if (!syscall(SYS_clone3, &args, sizeof(args)))
		serve(bed, open("/dev/zero", O_RDONLY), open("/dev/null", O_WRONLY), CORE_MB);
	bed->server = pid;
	while (proc_is_dumping(pid) != 1 && clock_now_ns() < until)
		poll(NULL, 0, 1);
	bed->crash.groups[0].look_ns = 0;
	crash_turn(&bed->crash, NULL, clock_now_ns());
	if (is_dumping(bed))
		fail_msg("another process of number %d dumps, and the server is said to", (int)pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	bed->server = 0;
}

static void expect_worker(struct bed *bed, char what, const char *signal)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "(pid %d)", (int)order_worker(bed, what));
	if (!run(bed, has_alarm, SHOULD_NS))
		fail_msg("no alarm for the worker %s that did '%c'", pid, what);
	if (!strstr(crash_worker(&bed->crash, 0), signal) || (what != 'G' && !strstr(crash_worker(&bed->crash, 0), pid)))
		fail_msg("expected %s and signal %s, told is: %s", pid, signal, crash_worker(&bed->crash, 0));
}

static void test_workers(void **state)
{
	static const struct { char what; const char *signal; } rows[] = { { 'W', "SEGV" }, { 'K', "KILL" }, { 'G', "SEGV" } };
	struct bed *bed = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(bed, 0);
		if (!i)
			begin(bed);
		need_connector(bed);
		if (!run(bed, has_none, SHOULD_NS))	/* it is another server now */
			fail_msg("the alarm outlived the server: %s", crash_worker(&bed->crash, 0));
		expect_worker(bed, rows[i].what, rows[i].signal);
		end(bed);
		run(bed, is_gone, SHOULD_NS);
		assert_true(has_alarm(bed));	/* it tells why the server ended */
	}
}

/* A server that ends at once after its worker: no alarm for that, the end has its own. */
static void test_no_alarm_when_the_server_ends(void **state)
{
	struct bed *bed = *state;

	start(bed, 0);
	begin(bed);
	need_connector(bed);
	order_worker(bed, 'W');
	assert_true(run(bed, has_found, SHOULD_NS));
	bed->crash.groups[0].tell_ns = clock_now_ns() + NS_PER_S;	/* however late we were */
	end(bed);
	assert_true(run(bed, is_gone, SHOULD_NS));
	run(bed, NULL, 1200 * NS_PER_MS);
	if (has_alarm(bed))
		fail_msg("alarm of a server that has ended: %s", crash_worker(&bed->crash, 0));
}

static void fork_and_crash(int n, int by)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct rlimit none = { 0, 0 };

			setrlimit(RLIMIT_CORE, &none);
			signal(by, SIG_DFL);	/* not the handler of the test program */
			if (by)
				raise(by);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

/* Strangers crash; our server's children end in an orderly way; a forger tells stories. */
static void test_what_is_nothing_to_us(void **state)
{
	struct bed *bed = *state;

	start(bed, 0);
	begin(bed);
	need_connector(bed);
	fork_and_crash(20, SIGSEGV);
	order_worker(bed, 'X');
	run(bed, NULL, QUIET_NS);
	if (has_found(bed) || is_dumping(bed))
		fail_msg("taken for ours: %s", bed->crash.groups[0].found);
}

static void on_any(void *arg, const struct procev *ev)
{
	(void)ev;
	++*(unsigned *)arg;
}

/* Forks, execs and orderly ends are kept back by the kernel: the descriptor does not become readable. */
static void test_ordinary_life_does_not_wake_us(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	unsigned woken = 0;
	uint64_t began;
	char buf[512];
	int err = procev_open(&pfd.fd, PROCEV_SIGNAL(SIGSEGV));

	(void)state;
	if (err) {
		printf("skipped: this kernel does not tell of crashes: %s\n", strerror(-err));
		skip();
	}
	began = clock_now_ns();
	fork_and_crash(300, 0);
	printf("fork, exit, wait with the connector: %llu us each\n", (unsigned long long)(clock_now_ns() - began) / 300000);
	fork_and_crash(5, SIGTERM);
	/* A machine that others use: their crashes may be told. Far fewer than ours would be. */
	while (poll(&pfd, 1, 0) == 1 && recv(pfd.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		woken++;
	if (woken > 50)
		fail_msg("woken %u times by 305 orderly ends", woken);
	assert_int_equal(procev_read(pfd.fd, on_any, &woken), 0);
	procev_close(pfd.fd);
	began = clock_now_ns();
	fork_and_crash(300, 0);
	printf("fork, exit, wait without: %llu us each\n", (unsigned long long)(clock_now_ns() - began) / 300000);
}

struct story {
	struct nlmsghdr nl;
	struct cn_msg cn;
	struct { uint32_t what, cpu; uint64_t at; int32_t pid, tgid, parent, parent_tgid; uint32_t more[2]; } ev;
} __attribute__((packed));

static void on_pid(void *arg, const struct procev *ev)
{
	int *found = arg;

	if (ev->pid == 0x7ffffff0)
		(*found)++;
}

/* By unicast, from one who may: only the kernel is believed. */
static void test_a_forged_story(void **state)
{
	struct story s = {
		.nl = { .nlmsg_len = sizeof(s), .nlmsg_type = NLMSG_DONE },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(s.ev) },
		.ev = { .what = 0x40000000, .pid = 0x7ffffff0, .tgid = 0x7ffffff0 },
	};
	struct sockaddr_nl at;
	socklen_t len = sizeof(at);
	int ours = -1, theirs = -1, found = 0, err = procev_open(&ours, 0);

	(void)state;
	if (err || procev_open(&theirs, 0)) {
		printf("skipped: this kernel does not tell of crashes: %s\n", strerror(-err));
		skip();
	}
	assert_int_equal(getsockname(ours, (void *)&at, &len), 0);
	if (sendto(theirs, &s, sizeof(s), 0, (void *)&at, len) != sizeof(s))
		fail_msg("the forgery was not delivered: %s", strerror(errno));
	assert_int_equal(poll(&(struct pollfd){ .fd = ours, .events = POLLIN }, 1, 5000), 1);
	assert_int_equal(procev_read(ours, on_pid, &found), 0);
	procev_close(ours);
	procev_close(theirs);
	if (found)
		fail_msg("a message of another program was believed");
}

/* As when its parent has waited for it before the kernel told of it: then the news names no parent. */
static void test_children_are_known(void **state)
{
	struct bed *bed = *state;
	pid_t children[4] = { 0 };
	struct procev ev = { .kind = PROCEV_END, .signal = SIGKILL };
	int pipes[2];
	char c;

	assert_int_equal(pipe(pipes), 0);
	bed->server = fork();
	if (!bed->server) {
		for (int i = 0; i < 3; i++)
			if (!fork())
				for (;;)
					pause();
		if (write(pipes[1], "r", 1) != 1)
			_exit(9);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	put_pid(bed, bed->server);
	begin(bed);
	need_connector(bed);
	assert_int_equal(proc_children(bed->server, children, 4), 3);
	assert_int_equal(proc_children(bed->server, children, 2), 2);
	assert_int_equal(proc_children(0x7ffffff0, children, 4), 0);
	run(bed, NULL, QUIET_NS / 10);
	crash_close(&bed->crash);
	ev.pid = 0x7ffffff0;
	crash_note(&bed->crash, &ev);
	assert_false(has_found(bed));
	ev.pid = children[1];
	crash_note(&bed->crash, &ev);
	assert_true(has_found(bed));
	for (int i = 0; i < 3; i++)
		kill(children[i], SIGKILL);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_cost_of_a_look(void **state)
{
	uint64_t began = clock_now_ns();

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(proc_is_dumping(getpid()), 0);
	printf("a look at /proc/PID/status: %llu us\n", (unsigned long long)(clock_now_ns() - began) / 1000000);
	assert_int_equal(proc_is_dumping(0x7ffffff0), -ENOENT);
}

static void test_parent_and_name(void **state)
{
	char name[PROC_NAME_MAX];
	pid_t parent = 0;

	(void)state;
	assert_int_equal(proc_parent(getpid(), &parent), 0);
	assert_int_equal(parent, getppid());
	assert_int_equal(proc_parent(0x7ffffff0, &parent), -ENOENT);
	pthread_setname_np(pthread_self(), "a) R 1 \"\n\xff");
	assert_int_equal(proc_parent(getpid(), &parent), 0);
	assert_int_equal(parent, getppid());
	proc_name(getpid(), name);
	assert_string_equal(name, "a) R 1 ?");
	pthread_setname_np(pthread_self(), "test_crash");
	proc_name(0x7ffffff0, name);
	assert_string_equal(name, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_dump_is_told), T(test_dump_is_found_without_the_connector), T(test_no_core_no_dump),
		T(test_dump_of_a_number_used_again), T(test_workers),
		T(test_children_are_known), T(test_no_alarm_when_the_server_ends), T(test_what_is_nothing_to_us),
		cmocka_unit_test(test_ordinary_life_does_not_wake_us), cmocka_unit_test(test_a_forged_story),
		cmocka_unit_test(test_cost_of_a_look), cmocka_unit_test(test_parent_and_name),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
