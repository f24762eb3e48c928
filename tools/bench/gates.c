// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gates: are two hosts' gates ever open at once?
 *
 * For hosts that are namespaces of one machine, whose kernels share a clock and whose maps can both be read.
 * Looks at the word and the lease of one group on both hosts every PERIOD_NS until SIGTERM, then prints one
 * JSON line. A gate accepts while it is open and its lease has not ended.
 * What lies between two looks is not seen: `late_ns` is the longest such time.
 * Time:    CLOCK_BOOTTIME, as the maps have it.
 *
 * gates [-s SLOT] PIN_DIR PIN_DIR
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "baton_abi.h"

#define PERIOD_NS	50000
#define NS_PER_S	1000000000ULL
#define FIFO_PRIORITY	70

struct host {
	const _Atomic uint64_t *word, *lease;
};

/* One kind of moment: how long in all, how long at most, how often. */
struct stretch {
	uint64_t total_ns, longest_ns, longest_from_ns, from_ns, times;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static const _Atomic uint64_t *map_array(const char *dir, const char *name)
{
	char path[512];
	union bpf_attr attr;
	void *at;
	int fd;

	memset(&attr, 0, sizeof(attr));		/* all of the union, which an initialiser need not do */
	attr.pathname = (uintptr_t)path;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	at = fd < 0 ? MAP_FAILED : mmap(NULL, BT_GROUPS_MAX * sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		fprintf(stderr, "gates: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	close(fd);
	return at;
}

static bool accepts(const struct host *host, uint32_t slot)
{
	uint64_t word = atomic_load(&host->word[slot]);

	return BT_WORD_MODE(word) == BT_OPEN && now_ns() < atomic_load(&host->lease[slot]);
}

static void note(struct stretch *s, bool is, uint64_t now)
{
	if (is && !s->from_ns) {
		s->from_ns = now;
		s->times++;
	}
	if (s->from_ns && now - s->from_ns > s->longest_ns) {
		s->longest_ns = now - s->from_ns;
		s->longest_from_ns = s->from_ns;
	}
	if (!is && s->from_ns) {
		s->total_ns += now - s->from_ns;
		s->from_ns = 0;
	}
}

/* The second host is asked again when both seem open: a gate that opened between two readings is no overlap. */
static void watch(const struct host host[2], uint32_t slot)
{
	struct stretch both = { 0 }, none = { 0 };
	uint64_t looks = 0, late = 0, last = now_ns(), now;
	struct timespec wait = { .tv_nsec = PERIOD_NS };
	bool a, b;

	while (!stopped) {
		a = accepts(&host[0], slot);
		b = accepts(&host[1], slot);
		if (a && b)
			a = accepts(&host[0], slot);
		now = now_ns();
		note(&both, a && b, now);
		note(&none, !a && !b, now);
		late = now - last > late ? now - last : late;
		last = now;
		looks++;
		nanosleep(&wait, NULL);
	}
	note(&both, false, last);
	note(&none, false, last);
	printf("{\"looks\":%" PRIu64 ",\"late_ns\":%" PRIu64 ",\"both_ns\":%" PRIu64 ",\"both_longest_ns\":%" PRIu64
	       ",\"both_times\":%" PRIu64 ",\"both_from_ns\":%" PRIu64 ",\"none_ns\":%" PRIu64
	       ",\"none_longest_ns\":%" PRIu64 "}\n", looks, late, both.total_ns, both.longest_ns, both.times,
	       both.longest_from_ns, none.total_ns, none.longest_ns);
}

int main(int argc, char **argv)
{
	struct sched_param prio = { .sched_priority = FIFO_PRIORITY };
	struct sigaction stop = { .sa_handler = on_signal };	/* no SA_RESTART: nanosleep() ends */
	struct host host[2];
	uint32_t slot = 0;
	int option;

	while ((option = getopt(argc, argv, "s:")) == 's')
		slot = (uint32_t)strtoul(optarg, NULL, 10);
	if (option != -1 || argc - optind != 2 || slot >= BT_GROUPS_MAX) {
		fprintf(stderr, "usage: gates [-s SLOT] PIN_DIR PIN_DIR\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		host[i] = (struct host){ map_array(argv[optind + i], "st_word"), map_array(argv[optind + i], "ct_lease") };
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	sched_setscheduler(0, SCHED_FIFO, &prio);	/* without: late_ns tells what was missed */
	printf("watching\n");
	fflush(stdout);
	watch(host, slot);
	return 0;
}
