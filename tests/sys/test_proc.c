/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proc: pidfiles written by nobody's friend, processes that end, units of a systemd that is silent. */
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
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/proc.h"
#include "sys/unit.h"

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/he-proc-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pid", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void put(const char *where, const void *bytes, size_t len)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void test_pidfile_contents(void **state)
{
	static const struct { const char *text; size_t len; int err; pid_t pid; } rows[] = {
#define ROW(t, e, p) { t, sizeof(t) - 1, e, p }
		ROW("711\n", 0, 711), ROW("711", 0, 711), ROW("  711 \r\n", 0, 711), ROW("0711\n", 0, 711),
		ROW("711\n/var/lib/x\n5060\n", 0, 711), ROW("4194304\n", 0, 4194304),
		ROW("", -ENODATA, 0), ROW("\n", -EINVAL, 0), ROW("\n711\n", -EINVAL, 0), ROW("   ", -EINVAL, 0),
		ROW("0\n", -EINVAL, 0), ROW("-711\n", -EINVAL, 0), ROW("+711\n", -EINVAL, 0),
		ROW("0x2c7\n", -EINVAL, 0), ROW("711 712\n", -EINVAL, 0), ROW("711x\n", -EINVAL, 0),
		ROW("711\0\n", -EINVAL, 0), ROW("\0\0\0\0", -EINVAL, 0), ROW("pid\n", -EINVAL, 0),
		ROW("4194305\n", -ERANGE, 0), ROW("4294967297\n", -ERANGE, 0),
		ROW("18446744073709551617\n", -ERANGE, 0),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = 0;
		int err;

		put(path, rows[i].text, rows[i].len);
		err = proc_pidfile_read(path, &pid, NULL);
		if (err != rows[i].err || pid != rows[i].pid)
			fail_msg("\"%s\": got %d, pid %d; expected %d, pid %d", rows[i].text, err, (int)pid,
				 rows[i].err, (int)rows[i].pid);
	}
}

static void test_pidfile_huge(void **state)
{
	static char digits[1 << 16];
	pid_t pid = 0;

	(void)state;
	memset(digits, '1', sizeof(digits));
	put(path, digits, sizeof(digits));
	assert_int_equal(proc_pidfile_read(path, &pid, NULL), -ERANGE);
	memset(digits, ' ', sizeof(digits));
	put(path, digits, sizeof(digits));
	assert_int_equal(proc_pidfile_read(path, &pid, NULL), -EINVAL);
	assert_int_equal(pid, 0);
}

/* Neither a FIFO without a writer nor a device may hold us up. */
static void test_pidfile_is_no_file(void **state)
{
	pid_t pid = 0;

	(void)state;
	assert_int_equal(proc_pidfile_read(path, &pid, NULL), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	assert_int_equal(proc_pidfile_read(path, &pid, NULL), -EINVAL);
	assert_int_equal(proc_pidfile_read("/dev/zero", &pid, NULL), -EINVAL);
	assert_int_equal(proc_pidfile_read(dir, &pid, NULL), -EINVAL);
	alarm(0);
	assert_int_equal(pid, 0);
}

static void test_pidfile_written_anew(void **state)
{
	struct proc_pidfile file;
	char other[144];
	pid_t pid;

	(void)state;
	put(path, "711\n", 4);
	assert_int_equal(proc_pidfile_read(path, &pid, &file), 0);
	assert_false(proc_pidfile_changed(path, &file));
	usleep(20000);			/* more than a tick of the file system's clock */
	put(path, "711\n", 4);
	assert_true(proc_pidfile_changed(path, &file));
	assert_int_equal(proc_pidfile_read(path, &pid, &file), 0);
	snprintf(other, sizeof(other), "%s.new", path);
	put(other, "711\n", 4);
	assert_int_equal(rename(other, path), 0);
	assert_true(proc_pidfile_changed(path, &file));
	unlink(path);
	assert_true(proc_pidfile_changed(path, &file));
}

static void test_watch(void **state)
{
	pid_t pid = fork();
	struct pollfd pfd = { .events = POLLIN };
	uint64_t killed;

	(void)state;
	if (!pid)
		for (;;)
			pause();
	pfd.fd = proc_watch(pid);
	assert_true(pfd.fd >= 0);
	assert_false(proc_has_ended(pfd.fd));
	killed = clock_now_ns();
	kill(pid, SIGKILL);
	assert_int_equal(poll(&pfd, 1, 2000), 1);
	printf("kill -9 to pidfd: %llu us\n", (unsigned long long)(clock_now_ns() - killed) / 1000);
	assert_true(proc_has_ended(pfd.fd));	/* a zombie already counts: nobody has waited for it */
	close(pfd.fd);
	pfd.fd = proc_watch(pid);
	assert_true(pfd.fd >= 0 && proc_has_ended(pfd.fd));
	close(pfd.fd);
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_watch(pid), -ESRCH);
}

static void *name_thread(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	return NULL;
}

static void test_watch_refuses(void **state)
{
	pid_t tid = 0;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, name_thread, &tid), 0);
	pthread_join(t, NULL);
	assert_true(proc_watch(tid) < 0);
	assert_int_equal(proc_watch(0), -EINVAL);
	assert_int_equal(proc_watch(-1), -EINVAL);
}

static void put_cgroup(const char *name, const char *text)
{
	char slice[96], unit[160], procs[200];

	snprintf(slice, sizeof(slice), "%s/system.slice", dir);
	snprintf(unit, sizeof(unit), "%s/%s", slice, name);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", unit);
	mkdir(slice, 0700);
	mkdir(unit, 0700);
	put(procs, text, strlen(text));
}

/* The parent is told from its child by /proc, whatever the order; strangers' zeros are passed over. */
static void test_unit_from_cgroup(void **state)
{
	pid_t child = fork(), pid = 0;
	char text[64];

	(void)state;
	if (!child)
		for (;;)
			pause();
	snprintf(text, sizeof(text), "0\n%d\n%d\n", (int)child, (int)getpid());
	put_cgroup("sip.service", text);
	assert_int_equal(unit_from_cgroup(dir, "sip.service", &pid), 0);
	assert_int_equal(pid, getpid());
	put_cgroup("empty.service", "");
	assert_int_equal(unit_from_cgroup(dir, "empty.service", &pid), -ESRCH);
	put_cgroup("junk.service", "pid one\n");
	assert_int_equal(unit_from_cgroup(dir, "junk.service", &pid), -ESRCH);
	assert_int_equal(unit_from_cgroup(dir, "none.service", &pid), -ESRCH);
	assert_int_equal(unit_from_cgroup(dir, "../../sip.service", &pid), -EINVAL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static int bus_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char address[160];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/bus", dir);
	snprintf(address, sizeof(address), "unix:path=%s", a.sun_path);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int answer_after(struct unit *u, pid_t *pid, uint64_t within_ns)
{
	uint64_t until = clock_now_ns() + within_ns;
	int err;

	do {
		err = unit_answer(u, pid);
		poll(NULL, 0, 1);
	} while (err == -EAGAIN && clock_now_ns() < until);
	return err;
}

/* A bus that takes the connection and says nothing costs no time at all. */
static void test_unit_silent_bus(void **state)
{
	struct unit u = { 0 };
	int fd = bus_socket();
	pid_t pid = 0;
	uint64_t from = clock_now_ns();

	(void)state;
	assert_int_equal(unit_ask(&u, "sip.service"), 0);
	assert_int_equal(unit_answer(&u, &pid), -EAGAIN);
	assert_true(clock_now_ns() - from < 5 * NS_PER_S);	/* who waits for a bus waits 25 */
	assert_int_equal(answer_after(&u, &pid, 50 * NS_PER_MS), -EAGAIN);
	unit_forget(&u);
	close(fd);
	assert_true(clock_now_ns() - from < 10 * NS_PER_S);
	assert_true(unit_ask(&u, "sip.service") < 0 || answer_after(&u, &pid, NS_PER_S) != -EAGAIN);
	unit_forget(&u);
}

/* What systemd says: the path names the unit, the answer is a variant of one number. */
static int say_main_pid(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *interface, *property;

	(void)error;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.7");
	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get") ||
	    strcmp(sd_bus_message_get_path(m), "/org/freedesktop/systemd1/unit/sip_2done_2eservice") ||
	    sd_bus_message_read(m, "ss", &interface, &property) < 0 ||
	    strcmp(interface, "org.freedesktop.systemd1.Service") || strcmp(property, "MainPID"))
		return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit", "no such unit");
	return sd_bus_reply_method_return(m, "v", "u", *(uint32_t *)arg);
}

static void be_systemd(int listener, uint32_t main_pid)
{
	int fd = accept(listener, NULL, NULL);
	sd_bus *bus = NULL;
	sd_id128_t id = { .bytes = { 1 } };

	alarm(10);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
	    sd_bus_add_filter(bus, NULL, say_main_pid, &main_pid) < 0 || sd_bus_start(bus) < 0)
		_exit(9);
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			_exit(0);
		if (!r)
			sd_bus_wait(bus, UINT64_MAX);
	}
}

static int ask_systemd(const char *name, uint32_t main_pid, pid_t *ret_pid)
{
	int fd = bus_socket(), err;
	struct unit u = { 0 };
	char socket_path[96];
	pid_t server = fork();

	if (!server)
		be_systemd(fd, main_pid);
	err = unit_ask(&u, name);
	if (!err)
		err = answer_after(&u, ret_pid, 3 * NS_PER_S);
	unit_forget(&u);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	close(fd);
	snprintf(socket_path, sizeof(socket_path), "%s/bus", dir);
	unlink(socket_path);
	return err;
}

static void test_unit_answers(void **state)
{
	pid_t pid = 0;
	int err;

	(void)state;
	assert_int_equal(ask_systemd("sip-one.service", 711, &pid), 0);
	assert_int_equal(pid, 711);
	pid = 0;
	assert_int_equal(ask_systemd("sip-one.service", 0, &pid), -ESRCH);
	err = ask_systemd("other.service", 711, &pid);
	assert_true(err && err != -EAGAIN && err != -ESRCH);
	assert_int_equal(pid, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pidfile_contents), T(test_pidfile_huge), T(test_pidfile_is_no_file),
		T(test_pidfile_written_anew), T(test_watch), T(test_watch_refuses), T(test_unit_from_cgroup),
		T(test_unit_silent_bus), T(test_unit_answers),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
