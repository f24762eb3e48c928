/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_health: real servers, real sockets, real interfaces; what is reported, when, and how often?
 * Run in a network namespace of its own (unshare -n).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/init_check.h"
#include "health/health.h"
#include "sys/clock.h"

#define VIP	"::ffff:127.0.0.77"
#define SHOULD_NS	(10 * NS_PER_S)	/* generous: how soon a report must be there */
#define QUIET_NS	(150 * NS_PER_MS)	/* how long "nothing happens" is watched */

struct bed {
	struct loop loop;
	struct conf conf;
	struct health *health;
	struct service_verdict now;	/* as last reported */
	unsigned reports;
	bool ever_ill, ever_orphaned;
	unsigned want_reports;
	bool want_running;
	const char *want_reason;
	uint64_t until_ns, at_ns;	/* at: of the last report */
	void (*hook)(struct bed *bed);	/* called before the turn that hook_in counts down to */
	int hook_in, fd;
	char dir[64], pidfile[96];
};

static pid_t servers[32];
static int n_servers;

static void on_report(void *arg, uint32_t slot, const struct service_verdict *v)
{
	struct bed *bed = arg;

	assert_int_equal(slot, 0);
	bed->now = *v;
	bed->reports++;
	bed->at_ns = clock_now_ns();
	bed->ever_ill |= !v->running;
	bed->ever_orphaned |= v->orphaned;
}

static bool as_wanted(const struct bed *bed)
{
	return bed->want_reason && bed->now.running == bed->want_running && !strcmp(bed->now.reason, bed->want_reason);
}

static uint64_t turn(void *arg)
{
	struct bed *bed = arg;
	uint64_t now = clock_now_ns(), next;

	if (bed->hook && !--bed->hook_in)
		bed->hook(bed);
	next = health_turn(bed->health, now);
	if (as_wanted(bed) || now >= bed->until_ns)
		loop_stop(&bed->loop);
	return next < bed->until_ns ? next : bed->until_ns;
}

static void run(struct bed *bed, uint64_t ns)
{
	bed->until_ns = clock_now_ns() + ns;
	bed->loop.stop = false;
	assert_int_equal(loop_run(&bed->loop), 0);
}

static void expect(struct bed *bed, bool running, const char *reason)
{
	bed->want_running = running;
	bed->want_reason = reason;
	if (!as_wanted(bed))
		run(bed, SHOULD_NS);
	if (!as_wanted(bed))
		fail_msg("expected running=%d \"%s\", last report running=%d \"%s\"", running, reason,
			 bed->now.running, bed->now.reason);
}

static void expect_quiet(struct bed *bed, uint64_t ns)
{
	unsigned before = bed->reports;

	bed->want_reason = NULL;
	run(bed, ns);
	if (bed->reports != before)
		fail_msg("expected no report, got running=%d \"%s\"", bed->now.running, bed->now.reason);
}

static void set_vip(struct bed *bed, const char *ip, uint16_t port, enum conf_transport transport)
{
	struct conf_group *g = &bed->conf.groups[0];

	inet_pton(AF_INET6, ip, &bed->conf.vips[0].addr.ip);
	g->ports[0] = (struct conf_port){ .port = port, .transport = transport };
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct conf_group *g = &bed->conf.groups[0];

	strcpy(bed->dir, "/tmp/he-health-XXXXXX");
	assert_non_null(mkdtemp(bed->dir));
	snprintf(bed->pidfile, sizeof(bed->pidfile), "%s/pid", bed->dir);
	bed->conf.n_groups = bed->conf.n_vips = g->n_vips = g->n_ports = 1;
	strcpy(g->name, "sip");
	strcpy(g->dev, "lo");
	g->listener_auto = true;
	g->opt.network_monitoring_timeout_s = 1;
	set_vip(bed, VIP, 5060, PORT_UDP_TCP);
	assert_int_equal(loop_open(&bed->loop), 0);
	bed->loop.turn = turn;
	bed->loop.arg = bed;
	*state = bed;
	return system("ip link set lo up");
}

static void end_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	while (n_servers)
		end_server(servers[--n_servers]);
	health_close(bed->health);
	loop_close(&bed->loop);
	unlink(bed->pidfile);
	rmdir(bed->dir);
	free(bed);
	return 0;
}

static void watch_pidfile(struct bed *bed)
{
	snprintf(bed->conf.groups[0].server_pidfile, CONF_PATH_MAX, "%s", bed->pidfile);
}

static void begin(struct bed *bed)
{
	assert_int_equal(health_open(&bed->health, &bed->loop, &bed->conf, NULL, on_report, bed), 0);
	assert_int_equal(bed->reports, 1);
}

static void put_pidfile(struct bed *bed, const char *text)
{
	int fd = open(bed->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void put_pid(struct bed *bed, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", (int)pid);
	put_pidfile(bed, text);
}

/* @ip as v4-mapped or IPv6 text; "::" is dual stack. */
static int bound(const char *ip, uint16_t port, int type)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1, off = 0;

	inet_pton(AF_INET6, ip, &a.sin6_addr);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
	if (bind(fd, (void *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(fd, 8))) {
		perror(ip);
		_exit(9);
	}
	return fd;
}

/* A process with @body run in it, ready when @body has written one byte. */
static pid_t start(void (*body)(int ready_fd, const void *arg), const void *arg)
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		body(fds[1], arg);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	servers[n_servers++] = pid;
	return pid;
}

static void say_ready(int fd)
{
	if (write(fd, "r", 1) != 1)
		_exit(8);
}

struct place { const char *ip; uint16_t port; bool udp, tcp; };

static void serve(int ready_fd, const void *arg)
{
	const struct place *at = arg;

	if (at->udp)
		bound(at->ip, at->port, SOCK_DGRAM);
	if (at->tcp)
		bound(at->ip, at->port, SOCK_STREAM);
	say_ready(ready_fd);
	for (;;)
		pause();
}

static const struct place both = { VIP, 5060, true, true }, udp_only = { VIP, 5060, true, false };

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Kill a server 21 times; print how long the report took. */
static void measure_kill(struct bed *bed, const char *what, const char *reason)
{
	uint64_t took[21], killed;
	bool pidfile = bed->conf.groups[0].server_pidfile[0];

	for (int i = 0; i < 21; i++) {
		pid_t pid = start(serve, &both);

		if (pidfile)
			put_pid(bed, pid);
		if (!bed->health)
			begin(bed);
		expect(bed, true, "");
		killed = clock_now_ns();
		kill(pid, SIGKILL);
		expect(bed, false, reason);
		took[i] = bed->at_ns - killed;
		end_server(pid);
		n_servers--;
	}
	qsort(took, 21, sizeof(took[0]), by_time);
	printf("kill -9 to report, %s: median %llu us, worst %llu us\n", what,
	       (unsigned long long)took[10] / 1000, (unsigned long long)took[20] / 1000);
	if (took[5] > 50 * NS_PER_MS)		/* a quarter of them: on a busy machine the others wait for a CPU */
		fail_msg("quartile %llu us from kill to report", (unsigned long long)took[5] / 1000);
	assert_false(bed->ever_orphaned);
}

static void test_kill_with_pidfile(void **state)
{
	watch_pidfile(*state);
	measure_kill(*state, "process and listener", "process-gone");
}

static void test_kill_by_listener_alone(void **state)
{
	measure_kill(*state, "listener alone", "listener-lost");
}

static void test_never_seen(void **state)
{
	struct bed *bed = *state;

	begin(bed);
	expect(bed, true, "listener-not-seen-yet");
	start(serve, &udp_only);
	expect(bed, true, "");
	assert_false(bed->ever_ill);
}

static void test_not_running_at_start(void **state)
{
	struct bed *bed = *state;
	pid_t pid;

	watch_pidfile(bed);
	begin(bed);
	expect(bed, false, "process-not-running");
	pid = start(serve, &both);
	put_pid(bed, pid);
	expect(bed, true, "");
	assert_false(bed->ever_orphaned);
}

/* UDP and TCP were both seen: one of them gone is a loss. The server obeys one byte: close that one. */
struct closer { int fd; bool udp; };

static void serve_and_close(int ready_fd, const void *arg)
{
	const struct closer *c = arg;
	int udp = bound(VIP, 5060, SOCK_DGRAM), tcp = bound(VIP, 5060, SOCK_STREAM);
	char byte;

	say_ready(ready_fd);
	if (read(c->fd, &byte, 1) != 1)
		_exit(7);
	close(c->udp ? udp : tcp);
	for (;;)
		pause();
}

static void lose_one(struct bed *bed, bool udp)
{
	struct closer c = { .udp = udp };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	c.fd = fds[0];
	put_pid(bed, start(serve_and_close, &c));
	watch_pidfile(bed);
	begin(bed);
	expect(bed, true, "");
	assert_int_equal(write(fds[1], "x", 1), 1);
	expect(bed, false, "listener-lost");
	assert_true(bed->now.unfit);
	close(fds[0]);
	close(fds[1]);
}

static void test_lose_udp(void **state) { lose_one(*state, true); }
static void test_lose_tcp(void **state) { lose_one(*state, false); }

static void test_sibling_still_listens(void **state)
{
	struct bed *bed = *state;
	pid_t first = start(serve, &both), second = start(serve, &both);

	begin(bed);
	expect(bed, true, "");
	end_server(first);
	expect_quiet(bed, QUIET_NS);
	kill(second, SIGKILL);
	expect(bed, false, "listener-lost");
}

/* Closes and binds again, 20 times, the gap well below LISTENER_AGAIN_NS. */
static void reload_often(int ready_fd, const void *arg)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(5060) };
	int fd = bound(VIP, 5060, SOCK_DGRAM);

	(void)arg;
	inet_pton(AF_INET6, VIP, &a.sin6_addr);
	say_ready(ready_fd);
	usleep(50000);
	for (int i = 0; i < 20; i++) {
		int next = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

		setsockopt(next, SOL_IP, IP_FREEBIND, &on, sizeof(on));
		close(fd);
		while (bind(next, (void *)&a, sizeof(a)))
			;
		fd = next;
		usleep(10000);
	}
	for (;;)
		pause();
}

static void test_reload_moves_nothing(void **state)
{
	struct bed *bed = *state;

	start(reload_often, NULL);
	begin(bed);
	expect(bed, true, "");
	expect_quiet(bed, 400 * NS_PER_MS);
}

/*
 * Events are queued before the loop runs, so its first turn knows of nothing, then the kernel's news are
 * read and looked into, and the second turn comes before any second look: what @hook does then is in between.
 */
static void between_the_looks(struct bed *bed, void (*hook)(struct bed *bed))
{
	usleep(20000);
	bed->hook = hook;
	bed->hook_in = 2;
}

static void bind_again(struct bed *bed)
{
	bed->fd = bound(VIP, 5060, SOCK_DGRAM);
}

static void test_one_look_is_not_enough(void **state)
{
	struct bed *bed = *state;

	bind_again(bed);
	begin(bed);
	expect(bed, true, "");
	close(bed->fd);
	between_the_looks(bed, bind_again);
	expect_quiet(bed, 50 * NS_PER_MS);
	assert_true(bed->hook_in < 0);
	close(bed->fd);
	expect(bed, false, "listener-lost");
	bind_again(bed);
	expect(bed, true, "");
	close(bed->fd);
}

static void close_sibling(struct bed *bed)
{
	close(bed->fd);
}

/* The last socket goes a moment after the main process: a crash, and no orphan alarm on the way. */
static void test_no_orphan_alarm_in_a_crash(void **state)
{
	struct bed *bed = *state;
	pid_t pid = start(serve, &udp_only);

	bind_again(bed);
	watch_pidfile(bed);
	put_pid(bed, pid);
	begin(bed);
	expect(bed, true, "");
	end_server(pid);
	between_the_looks(bed, close_sibling);
	expect(bed, false, "process-gone");
	assert_false(bed->ever_orphaned);
	assert_int_equal(bed->reports, 2);
}

static void fork_and_serve(int ready_fd, const void *arg)
{
	const struct place *at = arg;

	bound(at->ip, at->port, SOCK_DGRAM);
	bound(at->ip, at->port, SOCK_STREAM);
	if (!fork()) {
		if (write(ready_fd, "r", 1) != 1)
			_exit(8);
		usleep(1500000);	/* outlives its parent, then ends by itself */
		_exit(0);
	}
	for (;;)
		pause();
}

static void test_orphaned(void **state)
{
	struct bed *bed = *state;
	pid_t parent = start(fork_and_serve, &both);

	watch_pidfile(bed);
	put_pid(bed, parent);
	begin(bed);
	expect(bed, true, "");
	kill(parent, SIGKILL);
	expect(bed, true, "main-process-gone");
	assert_true(bed->now.orphaned);
	assert_false(bed->ever_ill);
	expect(bed, false, "process-gone");	/* the child ends too */
	assert_int_equal(bed->reports, 3);
}

/* It serves first and writes its pidfile later: a start, not an orphan. */
static void test_late_pidfile(void **state)
{
	struct bed *bed = *state;
	pid_t pid;

	watch_pidfile(bed);
	begin(bed);
	expect(bed, false, "process-not-running");
	pid = start(serve, &both);
	expect(bed, true, "");
	expect_quiet(bed, 100 * NS_PER_MS);	/* it has a second; machines stand still */
	put_pid(bed, pid);
	expect_quiet(bed, 1100 * NS_PER_MS);
	assert_false(bed->ever_orphaned);
}

static void test_never_a_pidfile(void **state)
{
	struct bed *bed = *state;

	watch_pidfile(bed);
	begin(bed);
	expect(bed, false, "process-not-running");
	start(serve, &both);
	expect(bed, true, "main-process-gone");
	assert_true(bed->now.orphaned);
}

static void test_pidfile_follows_restart(void **state)
{
	struct bed *bed = *state;
	pid_t old = start(serve, &both), new = start(serve, &both);

	watch_pidfile(bed);
	put_pid(bed, old);
	begin(bed);
	expect(bed, true, "");
	put_pid(bed, new);
	expect_quiet(bed, 700 * NS_PER_MS);
	kill(old, SIGKILL);			/* no longer the watched one */
	expect_quiet(bed, QUIET_NS);
	kill(new, SIGKILL);
	expect(bed, false, "process-gone");
}

/* A process with this very number (clone3 with set_tid), which is no server of ours. */
static pid_t reuse_number(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1,
	};
	long got = syscall(SYS_clone3, &args, sizeof(args));

	if (!got)
		for (;;)
			pause();
	assert_int_equal(got, pid);
	servers[n_servers++] = (pid_t)got;
	return (pid_t)got;
}

/* The number in an untouched pidfile is used again: not ours, until the file is written anew. */
static void test_number_used_again(void **state)
{
	struct bed *bed = *state;
	pid_t pid = start(serve, &both);

	watch_pidfile(bed);
	put_pid(bed, pid);
	begin(bed);
	expect(bed, true, "");
	end_server(pid);
	n_servers--;
	expect(bed, false, "process-gone");
	reuse_number(pid);
	expect_quiet(bed, 300 * NS_PER_MS);
	put_pid(bed, pid);
	expect(bed, false, "listener-lost");	/* a process again, without a socket */
}

static void test_number_stale_at_start(void **state)
{
	struct bed *bed = *state;
	pid_t pid = start(serve, &both);

	watch_pidfile(bed);
	put_pid(bed, pid);
	end_server(pid);
	n_servers--;
	begin(bed);
	expect(bed, false, "process-not-running");
	reuse_number(pid);
	expect_quiet(bed, 300 * NS_PER_MS);
}

static void test_pidfile_junk(void **state)
{
	static const char *const junk[] = { "", "\n", "abc\n", "-1\n", "0\n", "99999999999999999999\n", "12x\n" };
	struct bed *bed = *state;
	pid_t pid = start(serve, &both);

	watch_pidfile(bed);
	put_pid(bed, pid);
	begin(bed);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		put_pidfile(bed, junk[i]);
		expect_quiet(bed, 20 * NS_PER_MS);
	}
	expect_quiet(bed, 600 * NS_PER_MS);	/* a live process is not given up for a file */
	kill(pid, SIGKILL);
	expect(bed, false, "process-gone");
}

static void test_many_strangers(void **state)
{
	struct bed *bed = *state;
	pid_t pid = start(serve, &both);
	int fd;

	begin(bed);
	expect(bed, true, "");
	for (int i = 0; i < 10000; i++) {
		fd = bound("::1", 0, SOCK_DGRAM);
		close(fd);
	}
	expect_quiet(bed, QUIET_NS);
	kill(pid, SIGKILL);
	expect(bed, false, "listener-lost");
}

/* More news, of the other transport, than the buffer holds: the last are lost, the server's own among them. */
static void test_lost_news(void **state)
{
	struct bed *bed = *state;
	pid_t pid = start(serve, &both);

	set_vip(bed, VIP, 5060, PORT_TCP);
	bed->conf.groups[0].opt.network_monitoring_timeout_s = 3600;
	begin(bed);
	expect(bed, true, "");
	for (int i = 0; i < 40000; i++)
		close(bound(VIP, 5060, SOCK_DGRAM));
	usleep(100000);
	end_server(pid);
	usleep(20000);
	expect(bed, false, "listener-lost");
}

static void serve_at(struct bed *bed, const char *vip, const struct place *at, enum conf_transport transport)
{
	pid_t pid = start(serve, at);

	set_vip(bed, vip, at->port, transport);
	begin(bed);
	expect(bed, true, "");
	kill(pid, SIGKILL);
	expect(bed, false, "listener-lost");
}

static void test_ipv6(void **state)
{
	static const struct place at = { "fd00::77", 5060, true, false };

	assert_int_equal(system("ip addr add fd00::77/128 dev lo nodad"), 0);
	serve_at(*state, "fd00::77", &at, PORT_UDP_TCP);
}

static void test_dual_stack_wildcard(void **state)
{
	static const struct place at = { "::", 5061, false, true };

	serve_at(*state, VIP, &at, PORT_TLS);
}

static void test_other_transport_is_not_ours(void **state)
{
	struct bed *bed = *state;

	set_vip(bed, VIP, 5060, PORT_TCP);
	start(serve, &udp_only);
	begin(bed);
	expect(bed, true, "listener-not-seen-yet");
}

static void use_dev(struct bed *bed, const char *dev)
{
	bed->conf.groups[0].listener_auto = false;
	snprintf(bed->conf.groups[0].dev, IF_NAMESIZE, "%s", dev);
	strcpy(bed->conf.paths[0].dev, "lo");
	bed->conf.n_paths = 1;
}

static void shell(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static void test_link(void **state)
{
	struct bed *bed = *state;

	shell("ip link add he-a type veth peer name he-b && ip link set he-a up && ip link set he-b up");
	use_dev(bed, "he-a");
	begin(bed);
	expect(bed, true, "");
	assert_true(health_link_up(bed->health, "he-a") && health_link_up(bed->health, "lo"));
	assert_false(health_link_up(bed->health, "he-none"));
	shell("ip link set he-b down");		/* carrier */
	expect(bed, false, "link-down");
	assert_false(bed->now.unfit);
	shell("ip link set he-b up");
	expect(bed, true, "");
	shell("ip link set he-a down");
	expect(bed, false, "link-down");
	shell("ip link set he-a up");
	expect(bed, true, "");
	shell("ip link del he-a");
	expect(bed, false, "link-down");
	shell("ip link add he-a type veth peer name he-b && ip link set he-a up && ip link set he-b up");
	expect(bed, true, "");
	shell("ip link set he-a name he-c");	/* while up */
	expect(bed, false, "link-down");
	expect_quiet(bed, QUIET_NS);
	assert_false(health_link_up(bed->health, "he-a"));
	shell("ip link del he-c");
}

/* Often, for the interface's ordinary news follow so closely that a reader may see both at once. */
static void join_and_leave(int ready_fd, const void *arg)
{
	(void)arg;
	say_ready(ready_fd);
	for (int i = 0; i < 100; i++)
		if (system("ip link set he-a nomaster 2>&- && ip link set he-a master he-br 2>&-"))
			_exit(6);
}

/* Leaving a bridge sends an RTM_DELLINK of another family: the interface itself stays. */
static void test_leaving_a_bridge(void **state)
{
	struct bed *bed = *state;

	shell("ip link add he-br type bridge && ip link set he-br up && "
	      "ip link add he-a type veth peer name he-b && ip link set he-a up && ip link set he-b up && "
	      "ip link set he-a master he-br");
	use_dev(bed, "he-a");
	begin(bed);
	expect(bed, true, "");
	start(join_and_leave, NULL);
	expect_quiet(bed, 600 * NS_PER_MS);
	shell("ip link del he-a && ip link del he-br");
	expect(bed, false, "link-down");
}

static void test_missing_interface(void **state)
{
	struct bed *bed = *state;

	use_dev(bed, "he-none");
	begin(bed);
	expect(bed, false, "link-down");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- backup-init-check ---- */

static void tell_backup(struct bed *bed, uint32_t unready)
{
	health_tell(bed->health, 0, &(struct health_input){ .peer_heard = true, .unready = unready });
}

static void begin_checked(struct bed *bed)
{
	struct conf_tserver *o = &bed->conf.groups[0].opt;

	o->backup_init_check = o->backup_sip_port_check = true;
	o->backup_init_check_timeout_s = 1;
	begin(bed);
	tell_backup(bed, 0);
}

/* Bound, not listening: no lookup finds it, and no server could open the port. */
static int stranger(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5060), .sin_addr.s_addr = htonl(INADDR_ANY) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && !bind(fd, (void *)&at, sizeof(at)));
	return fd;
}

static void expect_detail(const struct bed *bed, const char *detail)
{
	if (strcmp(bed->now.detail, detail))
		fail_msg("detail is \"%s\", not \"%s\"", bed->now.detail, detail);
}

static void test_init_port_taken(void **state)
{
	struct bed *bed = *state;
	int fd = stranger();

	begin_checked(bed);
	assert_true(bed->now.running);		/* it has its time */
	expect(bed, false, "not-ready");
	expect_detail(bed, "port 127.0.0.77:5060/tcp: Address already in use");
	assert_true(bed->now.unfit);
	close(fd);
	expect(bed, true, "listener-not-seen-yet");
	expect_detail(bed, "");
	tell_backup(bed, INIT_BIT(INIT_PATHS));	/* ready once is enough */
	expect_quiet(bed, 1500 * NS_PER_MS);
}

static void test_init_part_of_the_conductor(void **state)
{
	struct bed *bed = *state;

	start(serve, &both);
	begin_checked(bed);
	tell_backup(bed, INIT_BIT(INIT_DIGEST) | INIT_BIT(INIT_PATHS));
	expect(bed, false, "not-ready");
	expect_detail(bed, init_part_text(INIT_DIGEST));
	tell_backup(bed, INIT_BIT(INIT_PATHS));
	bed->want_reason = NULL;
	run(bed, 50 * NS_PER_MS);
	expect_detail(bed, init_part_text(INIT_PATHS));
	health_tell(bed->health, 0, &(struct health_input){ .primary = true, .peer_heard = true, .unready = INIT_BIT(INIT_PATHS) });
	expect(bed, true, "");			/* the last one alive: a primary is not judged */
	expect_quiet(bed, 1500 * NS_PER_MS);
}

/* A socket that is there and a server that says nothing: no takeover would help. */
static void test_init_server_does_not_answer(void **state)
{
	struct bed *bed = *state;

	start(serve, &both);
	begin_checked(bed);
	expect(bed, false, "not-ready");
	expect_detail(bed, init_part_text(INIT_SERVER));
}

static void test_init_off(void **state)
{
	struct bed *bed = *state;
	int fd = stranger();

	bed->conf.groups[0].opt.backup_init_check_timeout_s = 1;
	bed->conf.groups[0].opt.backup_sip_port_check = true;
	begin(bed);
	tell_backup(bed, INIT_BIT(INIT_DIGEST));
	expect_quiet(bed, 1500 * NS_PER_MS);
	close(fd);
}

/* Each of these leaves the port alone: the guide's scripts, the option itself, no listener to look for. */
static void test_init_port_not_asked(void **state)
{
	struct bed *bed = *state;
	struct conf_group *g = &bed->conf.groups[0];
	int fd = stranger();

	for (int i = 0; i < 3; i++) {
		bed->reports = 0;
		begin_checked(bed);
		g->opt.control_vip_scripts = i == 0;
		g->opt.backup_sip_port_check = i != 1;
		g->listener_auto = i != 2;
		expect_quiet(bed, 1200 * NS_PER_MS);
		health_close(bed->health);
		bed->health = NULL;
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kill_with_pidfile), T(test_kill_by_listener_alone), T(test_never_seen),
		T(test_not_running_at_start), T(test_lose_udp), T(test_lose_tcp), T(test_sibling_still_listens),
		T(test_reload_moves_nothing), T(test_orphaned), T(test_pidfile_follows_restart),
		T(test_pidfile_junk), T(test_number_used_again), T(test_number_stale_at_start),
		 T(test_late_pidfile), T(test_never_a_pidfile), T(test_many_strangers), T(test_lost_news),
		T(test_one_look_is_not_enough), T(test_no_orphan_alarm_in_a_crash), T(test_ipv6), T(test_dual_stack_wildcard),
		T(test_other_transport_is_not_ours), T(test_link), T(test_leaving_a_bridge),
		T(test_missing_interface),
		T(test_init_port_taken),
		T(test_init_part_of_the_conductor),
		T(test_init_server_does_not_answer), T(test_init_off),
		T(test_init_port_not_asked),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
