/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_host: will this host let batond be in time, keep its secret and its numbers, and start it again? */
#include "ha/doctor_own.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/file.h"
#include "sys/keys.h"
#include "sys/spawn.h"
#include "sys/sysctl.h"

#define SHARE_LEAST	50		/* per cent of a CPU that real-time tasks must have */
#define DISK_LEAST	(1024 * 1024)	/* the history, and terms replaced by a new file each */

void exam_realtime(const struct exam_in *in, const struct rows *r)
{
	bool prompt = (sched_getscheduler(getpid()) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
	bool prober = in->realtime || in->alone, ok = prober && prompt;

	doctor_say(r, ok ? "ok" : "bad", "realtime", ok ? in->alone ? "the main loop runs SCHED_FIFO" : "prober and main loop run SCHED_FIFO" : prompt ?
		   "the prober has no realtime priority: busy CPUs make probes late" :
		   "the main loop has no realtime priority: busy CPUs let leases end", ok ? "" :
		   "give batond CAP_SYS_NICE or LimitRTPRIO=50 (with RT_GROUP_SCHED its cgroup wants cpu.rt_runtime_us), then restart it");
}

/* Never more than the period; -1: no limit. */
void exam_throttling(const struct exam_in *in, const struct rows *r)
{
	int runtime = -1, period = 1000000, share;
	char text[HA_TEXT];

	(void)in;
	(void)sysctl_read("kernel/sched_rt_runtime_us", &runtime);
	(void)sysctl_read("kernel/sched_rt_period_us", &period);
	share = runtime < 0 || period <= 0 ? 100 : (int)((int64_t)runtime * 100 / period);
	snprintf(text, sizeof(text), "real-time tasks may use %d %% of a CPU (kernel.sched_rt_runtime_us = %d)", share, runtime);
	doctor_say(r, !share ? "bad" : share < SHARE_LEAST ? "warn" : "ok", "throttling", text, share >= SHARE_LEAST ? "" :
		   "sysctl -w kernel.sched_rt_runtime_us=950000: below, probes and leases are throttled when the host is busy");
}

/* "VmLck:	   51200 kB" */
static long locked_kb(void)
{
	char text[4096];
	ssize_t n = file_read("/proc/self/status", text, sizeof(text) - 1);
	const char *at;

	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nVmLck:");
	return at ? atol(at + 7) : -1;
}

void exam_memory(const struct exam_in *in, const struct rows *r)
{
	bool locked = locked_kb() > 0;

	(void)in;
	doctor_say(r, locked ? "ok" : "warn", "memory", locked ? "locked in memory" :
		   "not locked in memory: a page that has to be read back may cost a lease", locked ? "" :
		   "LimitMEMLOCK=infinity, or CAP_IPC_LOCK, then restart batond");
}

/* 0; -ESTALE: it is another one than at start. @why: what is wrong with the file itself. */
static int check_secret(const struct exam_in *in, char *why, size_t len)
{
	char secret[KEYS_SECRET_MAX];
	uint64_t key[2] = { 0 };
	size_t n = 0;
	int err = keys_read_secret(in->secret_file, secret, sizeof(secret), &n, why, len);

	if (!err)
		err = keys_derive(secret, n, in->peer_id, in->me, key);
	if (!err && memcmp(key, in->key_in, sizeof(key)))
		err = -ESTALE;
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(key, sizeof(key));
	return err;
}

void exam_secret(const struct exam_in *in, const struct rows *r)
{
	char text[HA_TEXT], fix[CONF_PATH_MAX + 64], why[96] = "cannot be used";
	int err = in->alone ? 0 : check_secret(in, why, sizeof(why));

	if (in->alone)
		return;
	if (!err) {
		doctor_say(r, "ok", "secret", "for root alone, and the one that batond started with", "");
		return;
	}
	if (err == -ESTALE) {
		doctor_say(r, "bad", "secret", "the file has been changed since batond started: the next start will not understand a peer with the old one",
			   "put the same bytes on both hosts, then restart the backup's batond, and the primary's at once after it");
		return;
	}
	snprintf(text, sizeof(text), "the secret-file %s", why);
	snprintf(fix, sizeof(fix), "chown root %.120s; chmod 600 there, or batond will not start again", in->secret_file);
	doctor_say(r, "bad", "secret", text, fix);
}

void exam_disk(const struct exam_in *in, const struct rows *r)
{
	struct statvfs fs;
	char text[HA_TEXT];
	bool full, readonly;

	if (statvfs(in->state_dir, &fs)) {
		snprintf(text, sizeof(text), "state-dir: %s", strerror(errno));
		doctor_say(r, "bad", "disk", text, "make it again, for root alone (0700): without it no new term can be taken");
		return;
	}
	readonly = fs.f_flag & ST_RDONLY;
	full = (uint64_t)fs.f_bavail * fs.f_frsize < DISK_LEAST || (fs.f_files && !fs.f_favail);
	snprintf(text, sizeof(text), readonly ? "state-dir is on a file system that is read-only" : "state-dir has %" PRIu64 " MB left",
		 (uint64_t)fs.f_bavail * fs.f_frsize >> 20);
	doctor_say(r, full || readonly ? "bad" : "ok", "disk", text, readonly ?
		   "mount it read-write: no new term can be taken" : full ? "make room there: no new term can be taken when it is full" : "");
}

/* Said, because everybody asks. */
void exam_clock(const struct exam_in *in, const struct rows *r)
{
	char text[HA_TEXT], source[32] = "unknown";
	ssize_t n = file_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, sizeof(source) - 1);
	bool shifted = clock_check();

	(void)in;
	source[n > 0 ? n : 0] = '\0';
	source[strcspn(source, "\n")] = '\0';
	snprintf(text, sizeof(text), shifted ? "a time namespace shifts batond's boot clock against the kernel's" :
		 "neither NTP nor a right wall clock is needed: all goes by the boot clock (%s)", n > 0 ? source : "source unknown");
	doctor_say(r, shifted ? "bad" : "ok", "clock", text, shifted ? "start batond outside of it: leases would lie" : "");
}

void exam_cores(const struct exam_in *in, const struct rows *r)
{
	char pattern[128], text[HA_TEXT];
	ssize_t n = file_read("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern) - 1);

	(void)in;
	if (n < 0)
		return;
	pattern[n] = '\0';
	pattern[strcspn(pattern, " \n")] = '\0';
	snprintf(text, sizeof(text), pattern[0] == '|' ? "go to %.100s: a crashed SIP server keeps its sockets until that has read the core" :
		 "go to a file, %.100s", pattern + (pattern[0] == '|'));
	doctor_say(r, "ok", "cores", text, "");
}

void exam_supervisor(const struct exam_in *in, const struct rows *r)
{
	uint64_t usec = 0;
	bool watched = sd_watchdog_enabled(0, &usec) > 0, told = getenv("NOTIFY_SOCKET");
	char text[HA_TEXT];

	(void)in;
	snprintf(text, sizeof(text), watched ? "a batond that stands still for %" PRIu64 " s is started again" : told ?
		 "nobody notices a batond that stands still" : "nobody starts batond again when it ends", usec / 1000000);
	doctor_say(r, watched ? "ok" : "warn", "supervisor", text, watched ? "" : told ? "WatchdogSec=5s in its unit" :
		   "run it by its unit, batond.service: Restart=always, RestartSec=0, WatchdogSec=5s");
}

void exam_scripts(const struct exam_in *in, const struct rows *r)
{
	char real[PATH_MAX], why[PATH_MAX + 80], text[HA_TEXT], fix[HA_WHY];
	uint32_t bad = 0;

	for (uint32_t i = 0; i < in->n_scripts; i++) {
		const struct exam_script *s = &in->script[i];

		if (!spawn_check(s->path, real, why, sizeof(why)))
			continue;
		bad++;
		snprintf(text, sizeof(text), "%s: %.80s", s->name, why);
		snprintf(fix, sizeof(fix), "%.150s must be an executable file that only root can change, in directories of the same kind", s->path);
		doctor_say(r, "bad", "scripts", text, fix);
	}
	snprintf(text, sizeof(text), "%u script%s may be run", in->n_scripts, in->n_scripts == 1 ? "" : "s");
	if (in->n_scripts && !bad)
		doctor_say(r, "ok", "scripts", text, "");
}
