// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stalls: when did this machine stand still, whatever ran on it?
 *
 * On each CPU a thread sleeps two milliseconds at a time before every other program, and says how much later it was woken: a line
 * "CPU END_NS LATE_NS STOLEN_MS" (CLOCK_MONOTONIC, and how long before it) for each time beyond the bound. That alone proves
 * little: the kernel is at work for one of the programs here for as long (it verifies a BPF program, it takes a namespace down). That
 * nobody ran is proven where every CPU was late at once, or where the hypervisor had taken this one away: STOLEN_MS, as
 * /proc/stat has it, since a fifth of a second before at most. Whoever reads the lines judges.
 * Ends with its standard input.
 *
 * stalls [-m MILLISECONDS]
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
#define BEAT_NS		(2 * NS_PER_MS)
#define LOOK_EVERY	100		/* beats between looks at what was stolen */
#define CPUS_MAX	256

static uint64_t bound_ns = 15 * NS_PER_MS;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t sleep_until(uint64_t at_ns)
{
	struct timespec ts = { (time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
	return now_ns();
}

/* Since boot; 0 where it is not told. */
static uint64_t stolen_ms(int cpu)
{
	uint64_t ticks = 0;
	char line[512];
	FILE *f = fopen("/proc/stat", "re");
	int n;

	while (f && fgets(line, sizeof(line), f) && !strncmp(line, "cpu", 3))
		if (sscanf(line, "cpu%d %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &n, &ticks) == 2 && n == cpu)
			break;
		else
			ticks = 0;
	if (f)
		fclose(f);
	return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void *watch(void *arg)
{
	int cpu = (int)(intptr_t)arg;
	uint64_t due = now_ns(), stolen = stolen_ms(cpu);

	for (uint32_t n = 1;; n++) {
		uint64_t woken, late;

		due += BEAT_NS;
		woken = sleep_until(due);
		late = woken > due ? woken - due : 0;
		if (late > bound_ns) {
			sleep_until(woken + 10 * NS_PER_MS);	/* it is counted at a tick */
			printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", cpu, woken, late, stolen_ms(cpu) - stolen);
		}
		if (late > bound_ns || !(n % LOOK_EVERY))
			stolen = stolen_ms(cpu);
		if (late > BEAT_NS)
			due = now_ns();
	}
	return NULL;
}

/* Before all others; it cannot be moved to a CPU that runs. */
static int start(int cpu)
{
	struct sched_param first = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };
	pthread_attr_t attr;
	cpu_set_t own;
	pthread_t t;
	int err;

	CPU_ZERO(&own);
	CPU_SET((size_t)cpu, &own);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	pthread_attr_setaffinity_np(&attr, sizeof(own), &own);
	err = pthread_create(&t, &attr, watch, (void *)(intptr_t)cpu);
	pthread_attr_destroy(&attr);
	return err;
}

static int start_all(void)
{
	cpu_set_t may;
	int err = sched_getaffinity(0, sizeof(may), &may) ? errno : 0;

	for (int cpu = 0; cpu < CPUS_MAX && !err; cpu++)
		if (CPU_ISSET((size_t)cpu, &may))
			err = start(cpu);
	return err;
}

int main(int argc, char **argv)
{
	char buf[64];
	int c, err;

	while ((c = getopt(argc, argv, "m:")) != -1) {
		if (c != 'm') {
			fprintf(stderr, "usage: stalls [-m MILLISECONDS]\n");
			return 2;
		}
		bound_ns = strtoull(optarg, NULL, 10) * NS_PER_MS;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = start_all();
	if (err) {
		fprintf(stderr, "stalls: thread of SCHED_FIFO: %s\n", strerror(err));
		return 1;
	}
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	return 0;
}
