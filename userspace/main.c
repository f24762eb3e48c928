/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batond: the controller, one per host. This file is the table of contents: read the
 * configuration, build the parts in order, run, take down.
 *
 * Exit: 0 after an orderly stop or a good -n; 1 when something is wrong (one line on stderr); 2 usage.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/conf.h"
#include "ctl/ctl.h"
#include "ctl/http.h"
#include "ha/ha.h"
#include "ha/script_check.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/journal.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/spawn.h"

#define CONF_FILE	"/etc/baton/baton.conf"
#define CONF_BYTES	(1 << 20)
#define PRIORITY	40	/* below the prober's: it must never wait for us */

struct life {
	struct loop loop;
	struct ha *ha;
	struct ctl *ctl;
	struct http *http;
	struct src signals;
	char self[PATH_MAX];	/* this program's file, or what has been put in its place */
	bool again;		/* to be started once more, in place */
	uint64_t watchdog_ns;	/* period; 0: nobody watches */
	uint64_t watchdog_at_ns;
};

static void print_error(void *arg, const char *file, unsigned line, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s:%u: %s\n", file, line, text);
}

static struct conf *read_conf(const char *path)
{
	char *text = malloc(CONF_BYTES);
	struct conf *conf = calloc(1, sizeof(*conf));
	ssize_t n = text && conf ? file_read(path, text, CONF_BYTES) : -ENOMEM;

	if (n < 0)
		fprintf(stderr, "batond: %s: %s\n", path, strerror((int)-n));
	if (n < 0 || conf_parse(conf, path, text, (size_t)n, print_error, NULL) + script_check(conf, path, print_error, NULL)) {
		free(conf);
		conf = NULL;
	}
	free(text);
	return conf;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: batond [-c FILE] [-n] [--run-dir DIR] [--state-dir DIR] [--pin-dir DIR]\n"
		    "  -c FILE   configuration, default " CONF_FILE "\n"
		    "  -n        check the configuration and exit\n"
		    "  --version, --help; see batond(8)\n");
}

struct options {
	struct ha_options ha;
	bool check_only;
};

/* Returns an exit code, or -1 to go on. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'n' },
		{ "run-dir", required_argument, NULL, 'r' }, { "state-dir", required_argument, NULL, 's' },
		{ "pin-dir", required_argument, NULL, 'p' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->ha.conf_file = optarg; break;
		case 'n': o->check_only = true; break;
		case 'r': o->ha.run_dir = optarg; break;
		case 's': o->ha.state_dir = optarg; break;
		case 'p': o->ha.pin_dir = optarg; break;
		case 'V': puts("batond " BATON_VERSION); return 0;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "batond: unexpected word '%s'\n", argv[optind]);
	usage(stderr);
	return 2;
}

/* Beside the binary in a build tree, ../lib/baton of it once installed: wherever that may be. */
static const char *find_objects(char buf[PATH_MAX], char ret_self[PATH_MAX])
{
	static const char *const places[] = { "bpf", "../lib/baton" };
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	strcpy(ret_self, self);
	for (size_t i = 0; strrchr(self, '/') && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(buf, PATH_MAX, "%.*s/%s", (int)(strrchr(self, '/') - self), self, places[i]);
		if (!access(buf, R_OK))
			return buf;
	}
	return BATON_LIBEXEC;
}

/* Nothing is given up before it is sure that there is something to go on with. */
static void restart(struct life *life)
{
	char why[512];

	if (!ha_file_fits(life->ha, why, sizeof(why)))
		log_event(LOG_ERR, "restart refused", "why=\"%s\"", why);
	else if (access(life->self, X_OK))
		log_event(LOG_ERR, "restart refused", "file=%s why=\"%s\"", life->self, strerror(errno));
	else if (!ha_restart(life->ha))
		life->again = true;
	if (life->again)	/* what else is asked of it waits for the next */
		loop_del(&life->loop, &life->signals);
}

static void on_signal(struct src *src, uint32_t events)
{
	struct life *life = (struct life *)((char *)src - offsetof(struct life, signals));
	struct signalfd_siginfo si;
	char text[256];

	(void)events;
	while (!life->again && read(src->fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGUSR1) {
			restart(life);
		} else if (si.ssi_signo == SIGHUP) {
			ha_reload(life->ha, text, sizeof(text));
		} else {
			sd_notify(0, "STOPPING=1");
			ha_stop(life->ha);
		}
	}
}

static int open_signals(struct life *life)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);	/* before any thread is made: all inherit it */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);	/* whoever started us may have ignored it: then no script's end could be told */
	life->signals = (struct src){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .name = "signals", .ready = on_signal };
	return life->signals.fd < 0 ? -errno : loop_add(&life->loop, &life->signals, EPOLLIN);
}

static uint64_t turn(void *arg)
{
	struct life *life = arg;
	uint64_t now = clock_now_ns(), next = ha_turn(life->ha, now), at = ctl_turn(life->ctl, now);
	uint64_t http = http_turn(life->http, now);

	if (ha_stopped(life->ha) || ha_left(life->ha))
		loop_stop(&life->loop);
	if (life->watchdog_ns && now >= life->watchdog_at_ns) {
		sd_notify(0, "WATCHDOG=1");
		life->watchdog_at_ns = now + life->watchdog_ns / 3;
	}
	at = http < at ? http : at;
	return at < next ? at : next;
}

/* Whoever keeps the loop from renewing leases is named: half a lease late, and the peer may claim. */
static void on_slow(void *arg, const char *name, uint64_t took_ns)
{
	(void)arg;
	log_event(LOG_WARNING, "slow", "handler=%s took_ms=%llu", name, (unsigned long long)(took_ns / NS_PER_MS));
}

static void changed(void *arg)
{
	struct life *life = arg;

	ctl_changed(life->ctl);
	http_changed(life->http);
}

/* Memory comes last: to lock it takes tens of milliseconds on a busy host. */
static void lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		log_event(LOG_WARNING, "memory not locked", "error=\"%s\"", strerror(errno));
}

/* The main loop renews leases and carries out takeovers: it must not wait behind ordinary work. */
static void be_prompt(void)
{
	struct sched_param prio = { .sched_priority = PRIORITY };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &prio))
		log_event(LOG_WARNING, "no realtime priority", "error=\"%s\"", strerror(errno));
}

/*
 * Over pins of an earlier life a start is short, and their leases run out meanwhile. Without, programs are
 * loaded: long work that must not starve anybody, though the service manager may have started us in real time.
 */
static void set_priority(const char *pin_dir)
{
	struct sched_param none = { 0 };
	char meta[CONF_PATH_MAX + 8];

	snprintf(meta, sizeof(meta), "%s/meta", pin_dir);
	if (!access(meta, F_OK))
		be_prompt();
	else
		sched_setscheduler(0, SCHED_OTHER, &none);
}

static int fail(const char *what, const char *why)
{
	log_event(LOG_ERR, "start failed", "what=%s error=\"%s\"", what, why);
	return 1;
}

static int live(struct life *life, struct conf *conf, const struct ha_options *opt)
{
	char why[512], run_dir[CONF_PATH_MAX];
	uint64_t usec = 0;
	int err;

	snprintf(run_dir, sizeof(run_dir), "%s", opt->run_dir ? opt->run_dir : conf->run_dir);
	set_priority(opt->pin_dir ? opt->pin_dir : conf->pin_dir);
	err = ctl_lock(run_dir, why, sizeof(why));
	if (!err)
		err = http_open(&life->http, conf, why, sizeof(why));
	if (!err)
		err = ha_open(&life->ha, &life->loop, conf, opt, why, sizeof(why));
	else
		free(conf);
	if (err) {
		http_close(life->http);
		return fail("batond", why);
	}
	ha_turn(life->ha, clock_now_ns());	/* pins found: their leases may have little time left */
	if (ctl_open(&life->ctl, &life->loop, life->ha, run_dir, why, sizeof(why))) {
		ha_close(life->ha);
		http_close(life->http);
		return fail("control socket", why);
	}
	if (http_start(life->http, life->ha, why, sizeof(why)))
		log_event(LOG_ERR, "no http", "error=\"%s\"", why);	/* its thread is worth no role */
	ha_on_change(life->ha, changed, life);
	be_prompt();
	lock_memory();
	if (sd_watchdog_enabled(0, &usec) > 0)
		life->watchdog_ns = usec * NS_PER_US;
	sd_notify(0, "READY=1");
	life->loop.turn = turn;
	life->loop.slow = on_slow;
	life->loop.slow_ns = ha_conf(life->ha)->lease_ns / 10;
	life->loop.arg = life;
	err = loop_run(&life->loop);
	ha_on_change(life->ha, NULL, NULL);
	ctl_close(life->ctl);
	ha_close(life->ha);
	if (!life->again)		/* its thread may want a CPU first: another start does not wait for it */
		http_close(life->http);
	log_event(LOG_INFO, "stopped", "error=%d", -err);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .ha = { .conf_file = CONF_FILE, .version = BATON_VERSION } };
	char objects[PATH_MAX];
	struct life life = { 0 };
	struct conf *conf;
	int code;

	if (argc > 2 && !strcmp(argv[1], SPAWN_WORD))
		return spawn_child(argv + 2);	/* started by ourselves, to become a script */
	code = read_options(argc, argv, &o);
	if (code >= 0)
		return code;
	conf = read_conf(o.ha.conf_file);
	if (!conf || o.check_only) {
		free(conf);
		return conf ? 0 : 1;
	}
	log_set_level(conf->log_level);
	if (journal_is_stderr())
		(void)journal_open(JOURNAL_SOCKET);	/* else stderr it is */
	o.ha.obj_dir = find_objects(objects, life.self);
	if (clock_check())
		return fail("clock", "a time namespace shifts CLOCK_BOOTTIME against the kernel's: leases would lie");
	if (loop_open(&life.loop) || open_signals(&life))
		return fail("event loop", strerror(errno));
	code = live(&life, conf, &o.ha);
	loop_close(&life.loop);
	if (life.again && !code) {	/* priority and blocked signals stay, every descriptor but stdio is closed */
		execv(life.self, argv);
		return fail(life.self, strerror(errno));
	}
	return code;
}
