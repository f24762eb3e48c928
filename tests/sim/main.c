/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main: run seeds, print what they come to, tell the story of the first that breaks a promise.
 *
 *	sim [-v] [-q] [-k] [-l] [-c] [-p PROFILE] [-r FILE] FROM[-TO] ...
 *
 * -v the whole story; -q no progress; -k go on after a violation; -p one profile; -r seeds from a file first, one a
 * line, "SEED [PROFILE]", or "cSEED [PROFILE]" of -c; -l list profiles; -c groups in mode cluster. Exit: 0 all well, 1 a violation, 2 usage.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BEGIN_NS	(1500 * NS_PER_MS)	/* both have found their roles by then */
#define QUIET_NS	(2600 * NS_PER_MS)	/* as long as it may take until all is well again */

bool telling;
static bool broken;
static char broken_text[512];
static uint64_t hash;
static const char *wanted;
bool in_cluster;

void trace(uint64_t x)
{
	hash = (hash ^ x ^ sim_now) * 0x9e3779b97f4a7c15ULL;
	hash ^= hash >> 29;
}

void tell(const struct host *h, const char *fmt, ...)
{
	va_list ap;

	if (!telling)
		return;
	printf("%12.3f ms  %-2s ", (double)sim_now / 1e6, h ? h->name : "");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* Only the first counts: what follows it is its consequence. */
void violated(const char *rule, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (broken)
		return;
	broken = true;
	n = snprintf(broken_text, sizeof(broken_text), "%s at %.3f ms: ", rule, (double)sim_now / 1e6);
	va_start(ap, fmt);
	vsnprintf(broken_text + n, sizeof(broken_text) - (size_t)n, fmt, ap);
	va_end(ap);
	tell(NULL, "VIOLATION %s", broken_text);
}

bool is_violated(void)
{
	return broken;
}

const char *word_text(uint64_t w)
{
	static const char *const mode[BT_MODE__N] = { "shut", "armed", "open", "relay" };
	static char text[4][24];
	static int i;

	i = (i + 1) % 4;
	snprintf(text[i], sizeof(text[i]), "%u%s %s", BT_WORD_TERM(w),
		 BT_WORD_OWNER(w) == 1 ? "a" : BT_WORD_OWNER(w) == 2 ? "b" : "-", mode[BT_WORD_MODE(w) & 3]);
	return text[i];
}

/* ---- one seed --------------------------------------------------------------------------------- */

static const struct profile *draw_profile(void)
{
	uint32_t sum = 0, at;

	for (uint32_t i = 0; i < n_profiles; i++)
		sum += profiles[i].weight;
	at = (uint32_t)rng_below(&plan, sum);
	for (uint32_t i = 0; i < n_profiles; i++) {
		if (wanted && !strcmp(wanted, profiles[i].name))
			return &profiles[i];
		if (!wanted && at < profiles[i].weight)
			return &profiles[i];
		at -= at < profiles[i].weight ? 0 : profiles[i].weight;
	}
	return &profiles[0];
}

static void set_up(uint64_t seed)
{
	plan.s = seed * 0x2545f4914f6cdd1dULL + 1;
	world.s = seed * 0x9e3779b97f4a7c15ULL + 2;
	interrupts.s = seed * 0xd1342543de82ef95ULL + 3;
	hash = seed;
	broken = false;
	sched_reset();
	net_reset();
	etcd_reset();
	check_reset();
	profile = draw_profile();
	host_reset((uint32_t)rng_between(&plan, 1, 2));
	for (int i = 0; i < HOSTS; i++) {
		host[i].drift_ppm = (int32_t)rng_below(&plan, 400) - 200;
		host[i].service_ns = rng_between(&plan, 100000, 3 * NS_PER_MS);
	}
	client_reset(NS_PER_S / rng_between(&plan, 200, 1000));
	client_ignores_announcements = rng_one_in(&plan, 4);
	stranger_reset(!strcmp(profile->name, "stranger") || (profile->flags & P_NO_LIMIT && rng_one_in(&plan, 3)));
	if (profile->flags & P_NO_LIMIT && rng_one_in(&plan, 8))
		net_filters = true;
	faults_plan(profile, BEGIN_NS, BEGIN_NS + rng_between(&plan, 500 * NS_PER_MS, 2500 * NS_PER_MS));
	for (int i = 0; i < HOSTS; i++)
		host_boot(&host[i], true);
}

static void run_until(uint64_t end)
{
	while (!broken && sched_step(end))
		check_event();
	if (!broken)
		sim_now = end;
}

static bool run_seed(uint64_t seed)
{
	set_up(seed);
	tell(NULL, "seed %" PRIu64 ", %sprofile %s: %s", seed, in_cluster ? "cluster, " : "", profile->name, profile->text);
	run_until(faults_end + QUIET_NS);
	if (!broken)
		check_quiet();
	client_stop();
	if (!broken)
		run_until(sim_now + 100 * NS_PER_MS);
	if (!broken)
		check_end();
	tell(NULL, "end: %" PRIu64 " requests, %" PRIu64 " lost, %" PRIu64 " twice, %u moves, %u faults, hash %016" PRIx64,
	     tally.sent, tally.lost, tally.twice, moves, faults_done, hash);
	return !broken;
}

/* ---- many ------------------------------------------------------------------------------------- */

static struct { uint64_t seeds, bad, moves, faults, sent, lost, hash, virtual_ns; bool keep_on, quiet; } sum;

static void story(uint64_t seed)
{
	printf("seed %" PRIu64 " (%s): %s\n", seed, profile->name, broken_text);
	if (sum.keep_on)
		return;
	telling = true;
	run_seed(seed);
	telling = false;
	printf("again: build/sim/sim -v%s%s%s %" PRIu64 "; keep it: add a line \"%s%" PRIu64 "%s%s\" to tests/sim/regressions\n",
	       in_cluster ? " -c" : "", wanted ? " -p " : "", wanted ? wanted : "", seed, in_cluster ? "c" : "", seed,
	       wanted ? " " : "", wanted ? wanted : "");
}

/* False: stop. */
static bool one(uint64_t seed)
{
	bool ok = run_seed(seed);

	sum.seeds++;
	sum.moves += moves;
	sum.faults += faults_done;
	sum.sent += tally.sent;
	sum.lost += tally.lost;
	sum.virtual_ns += sim_now;
	sum.hash = sum.hash * 31 + hash;
	if (ok)
		return true;
	sum.bad++;
	story(seed);
	return sum.keep_on;
}

static bool range(const char *arg)
{
	char *end;
	uint64_t from = strtoull(arg, &end, 10), to = from, step = 1;

	if (*end == '-')
		to = strtoull(end + 1, &end, 10);
	if (*end == '/')		/* FROM-TO/STEP: every STEPth, for several processes */
		step = strtoull(end + 1, &end, 10);
	if (*end || !step || to < from) {
		fprintf(stderr, "sim: '%s' is not FROM-TO\n", arg);
		exit(2);
	}
	for (uint64_t s = from; s <= to; s += step)
		if (!one(s))
			return false;
	return true;
}

static bool from_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[128], name[32];
	uint64_t seed;
	bool ok = true;
	int n;

	if (!f) {
		perror(path);
		exit(2);
	}
	while (ok && fgets(line, sizeof(line), f)) {
		in_cluster = line[0] == 'c';
		n = sscanf(line + in_cluster, "%" SCNu64 " %31[a-z]", &seed, name);
		wanted = n == 2 ? name : NULL;
		if (n >= 1)
			ok = one(seed);
	}
	fclose(f);
	wanted = NULL;
	in_cluster = false;
	return ok;
}

static void list(void)
{
	for (uint32_t i = 0; i < n_profiles; i++)
		printf("%-12s %s\n", profiles[i].name, profiles[i].text);
}

static int summary(void)
{
	printf("sim: %" PRIu64 " seeds, %.0f s of their time, %" PRIu64 " faults, %" PRIu64 " moves, %" PRIu64
	       " requests (%" PRIu64 " lost), hash %016" PRIx64 ": %" PRIu64 " violations\n",
	       sum.seeds, (double)sum.virtual_ns / 1e9, sum.faults, sum.moves, sum.sent, sum.lost, sum.hash, sum.bad);
	return sum.bad != 0;
}

int main(int argc, char **argv)
{
	const char *regressions = NULL, *one_profile = NULL;
	bool cluster = false;
	int c;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	while ((c = getopt(argc, argv, "vqklcp:r:")) != -1) {
		switch (c) {
		case 'v': telling = true; break;
		case 'q': sum.quiet = true; break;
		case 'k': sum.keep_on = true; break;
		case 'l': list(); return 0;
		case 'c': cluster = true; break;
		case 'p': one_profile = optarg; break;
		case 'r': regressions = optarg; break;
		default: return 2;
		}
	}
	if (regressions && !from_file(regressions))
		return summary();
	wanted = one_profile;
	in_cluster = cluster;
	for (; optind < argc; optind++)
		if (!range(argv[optind]))
			break;
	return summary();
}
