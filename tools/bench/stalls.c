// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stalls: when did this whole machine stand still?
 *
 * Sleeps a millisecond at a time before every other program and says how much later it was woken: a line
 * "END_NS LATE_NS" (CLOCK_MONOTONIC, and how long before it) for each time beyond the bound. Nothing on a
 * machine that late keeps a promise of milliseconds, so a test that failed meanwhile says nothing.
 * Ends with its standard input.
 *
 * stalls [-m MILLISECONDS]
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
#define LOOK_EVERY	256		/* beats between looks at standard input */

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

static int input_ended(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char buf[64];

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, buf, sizeof(buf)) <= 0;
}

static void watch(uint64_t bound_ns)
{
	uint64_t due = now_ns();

	for (uint32_t n = 1; n % LOOK_EVERY || !input_ended(); n++) {
		uint64_t woken;

		due += NS_PER_MS;
		woken = sleep_until(due);
		if (woken > due + bound_ns)
			printf("%" PRIu64 " %" PRIu64 "\n", woken, woken - due);
		if (woken > due + NS_PER_MS)
			due = woken;
	}
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };
	uint64_t bound_ms = 15;
	int c;

	while ((c = getopt(argc, argv, "m:")) != -1) {
		if (c != 'm') {
			fprintf(stderr, "usage: stalls [-m MILLISECONDS]\n");
			return 2;
		}
		bound_ms = strtoull(optarg, NULL, 10);
	}
	if (sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("stalls: SCHED_FIFO");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	watch(bound_ms * NS_PER_MS);
	return 0;
}
