// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steer_node: the node of the steering bench: Baton's XDP program with one pool, put there without a batond,
 * and what it is compared with, changed from one frame to the next.
 *
 * Runs in the node's namespace. Commands on standard input, a line of JSON for each:
 *
 *   steer | reflect | pass | none     what the interface carries from now on
 *   form l2|nat|ipip                  how the pool's frames are sent
 *   aim ACTIVE DRAINING               who gets new dialogs, who keeps his own (0: nobody)
 *   brake N                           entries that a CPU may make in a tick (which here is for ever)
 *   clear                             forget dialogs and counts
 *   counts                            rungs and exits since, entries there are
 *   cost                              ns of a frame of the first known dialog over a program that passes: least of 15 runs of 4,000
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "baton_abi.h"
#include "tools/bench/steering.h"

#define CPUS_MAX	64
#define SLOT		1
#define RUNS		15
#define REPEAT		4000
#define BRAKE		(1u << 30)

static struct bpf_object *baton, *bench;
static struct bt_pool pool;
static struct bt_steer steer;
static int ifindex;

static const char *const rungs[] = {
#define NAME(name, text) #name,
	BT_RUNGS(NAME)
};
static const char *const exits[] = {
	BT_STEER_EXITS(NAME)
#undef NAME
};

static void die(const char *what)
{
	fprintf(stderr, "steer_node: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(baton, name);

	if (fd < 0)
		die(name);
	return fd;
}

static int prog_fd(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	if (!p)
		die(name);
	return bpf_program__fd(p);
}

static void set(const char *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(map_fd(map), key, value, BPF_ANY))
		die(map);
}

/* ---- the pool ----------------------------------------------------------------------------------------- */

static void mapped(uint8_t ret[16], const char *ip4)
{
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	inet_pton(AF_INET, ip4, ret + 12);
}

static void service(const char *ip4, uint8_t server)
{
	struct bt_service4_key key = { .ip = inet_addr(ip4), .port = htons(BENCH_PORT) };
	struct bt_service value = { .pool = SLOT, .server = server, .first = 1 };

	set("cfg_service4", &key, &value);
}

static void pool_write(void)
{
	uint32_t slot = SLOT;

	set("cfg_pool", &slot, &pool);
}

static void steer_write(void)
{
	uint32_t zero = 0;

	set("cfg_steer", &zero, &steer);
}

static void pool_make(void)
{
	static const uint8_t our[] = BENCH_NODE_MAC, theirs[] = BENCH_SERVER_MAC;
	char ip[32];

	pool = (struct bt_pool){ .aim = BT_AIM(1, 0, 0, 1), .name_hash = 1, .forward = BT_FWD_L2,
				 .port = htons(BENCH_PORT), .name = "bench" };
	mapped(pool.service, BENCH_SERVICE_IP);
	for (int i = 0; i < BT_SERVERS; i++) {
		struct bt_pool_server *s = &pool.server[i];

		*s = (struct bt_pool_server){ .ifindex = (uint32_t)ifindex, .epoch = 1, .port = htons(BENCH_PORT), .mtu = 1500 };
		memcpy(s->our_mac, our, ETH_ALEN);
		memcpy(s->next_mac, theirs, ETH_ALEN);
		s->next_mac[5] = (uint8_t)(s->next_mac[5] + i);
		snprintf(ip, sizeof(ip), "10.79.0.%d", 11 + i);
		mapped(s->ip, ip);
		mapped(s->from, BENCH_NODE_IP);
		service(ip, (uint8_t)(i + 1));
	}
	service(BENCH_SERVICE_IP, 0);
	pool_write();
	steer = (struct bt_steer){ .key = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL }, .tick_s = 1, .n_pools = 1,
				   .new_max = BRAKE };
	steer_write();
}

/* ---- dialogs and counts ---------------------------------------------------------------------------------- */

static unsigned entries(const char *map, bool drop)
{
	uint64_t key, *at = NULL;
	unsigned n = 0;

	while (!bpf_map_get_next_key(map_fd(map), drop ? NULL : at, &key)) {
		if (drop)
			bpf_map_delete_elem(map_fd(map), &key);
		at = &key;
		n++;
	}
	return n;
}

static void zero_counts(void)
{
	static const uint8_t nothing[CPUS_MAX * sizeof(struct bt_pool_count)];
	uint32_t slot = SLOT;

	set("st_pool", &slot, nothing);
	for (uint32_t i = 0; i < BT_S__N; i++)
		set("st_steer", &i, nothing);
}

static void print_counts(void)
{
	static struct bt_pool_count pools[CPUS_MAX];
	struct bt_count each[CPUS_MAX];
	int cpus = libbpf_num_possible_cpus();
	uint32_t slot = SLOT;

	if (cpus > CPUS_MAX || bpf_map_lookup_elem(map_fd("st_pool"), &slot, pools))
		die("st_pool");
	printf("{\"young\":%u,\"dialogs\":%u,\"rungs\":{", entries("st_young", false), entries("st_dialog", false));
	for (int r = 0; r < BT_R__N; r++) {
		uint64_t n = 0;

		for (int c = 0; c < cpus; c++)
			n += pools[c].rung[r];
		printf("%s\"%s\":%llu", r ? "," : "", rungs[r], (unsigned long long)n);
	}
	printf("},\"exits\":{");
	for (uint32_t s = 0; s < BT_S__N; s++) {
		uint64_t n = 0;

		if (bpf_map_lookup_elem(map_fd("st_steer"), &s, each))
			die("st_steer");
		for (int c = 0; c < cpus; c++)
			n += each[c].packets;
		printf("%s\"%s\":%llu", s ? "," : "", exits[s], (unsigned long long)n);
	}
	printf("}}\n");
}

/* ---- what one frame costs ------------------------------------------------------------------------------- */

static uint32_t time_ns(int fd, const uint8_t *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = BENCH_FRAME, .repeat = REPEAT);

	if (bpf_prog_test_run_opts(fd, &opts))
		die("test run");
	return opts.duration;
}

/* Our MAC is taken away meanwhile: a frame that bore it would be one that comes back, and is dropped. */
static void print_cost(void)
{
	uint32_t best = UINT32_MAX, base = UINT32_MAX, ns;
	struct bt_pool kept = pool;
	uint8_t frame[BENCH_FRAME];
	int call_id;

	for (int i = 0; i < BT_SERVERS; i++)
		memset(pool.server[i].our_mac, 0, ETH_ALEN);
	pool_write();
	bench_frame(frame, ntohl(inet_addr(BENCH_GEN_IP)), 10000, 0, "a6c85cf", &call_id);
	for (int i = 0; i < RUNS; i++) {
		ns = time_ns(prog_fd(bench, "bench_pass"), frame);
		base = ns < base ? ns : base;
		ns = time_ns(prog_fd(baton, "baton_xdp"), frame);
		best = ns < best ? ns : best;
	}
	pool = kept;
	pool_write();
	printf("{\"ns\":%d}\n", (int)best - (int)base);
}

/* ---- what the interface carries -------------------------------------------------------------------------- */

static void carry(int fd)
{
	if (bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL))
		die("attach");
	printf("{}\n");
}

static void obey(char *line)
{
	unsigned a, b;
	char word[16];

	line[strcspn(line, "\n")] = 0;
	if (!strcmp(line, "steer"))
		carry(prog_fd(baton, "baton_xdp"));
	else if (!strcmp(line, "reflect") || !strcmp(line, "pass"))
		carry(prog_fd(bench, *line == 'r' ? "bench_reflect" : "bench_pass"));
	else if (!strcmp(line, "none"))
		carry(-1);
	else if (sscanf(line, "form %15s", word) == 1) {
		pool.forward = !strcmp(word, "nat") ? BT_FWD_NAT : !strcmp(word, "ipip") ? BT_FWD_IPIP : BT_FWD_L2;
		pool_write();
		printf("{}\n");
	} else if (sscanf(line, "aim %u %u", &a, &b) == 2) {
		pool.aim = BT_AIM(BT_AIM_SERIAL(pool.aim) + 1, 0, b, a);
		pool_write();
		printf("{}\n");
	} else if (sscanf(line, "brake %u", &a) == 1) {
		steer.new_max = a;
		steer.tick_s++;
		steer_write();
		printf("{}\n");
	} else if (!strcmp(line, "clear")) {
		printf("{\"young\":%u,\"dialogs\":%u}\n", entries("st_young", true), entries("st_dialog", true));
		zero_counts();
	} else if (!strcmp(line, "counts")) {
		print_counts();
	} else if (!strcmp(line, "cost")) {
		print_cost();
	} else {
		printf("{\"error\":\"what is that?\"}\n");
	}
	fflush(stdout);
}

static struct bpf_object *load(const char *path, const struct bench_given *given)
{
	struct bpf_object *o = bpf_object__open(path);
	struct bpf_map *map;

	if (!o)
		die(path);
	bpf_object__for_each_map(map, o)
		if (given && strstr(bpf_map__name(map), ".rodata") && bpf_map__set_initial_value(map, given, sizeof(*given)))
			die("constants");
	if (bpf_object__load(o))
		die(path);
	return o;
}

static void fill_stages(struct bpf_object *o)
{
	static const char *const programs[BT_STAGE__N] = {
#define STAGE_PROGRAM(name, program) [BT_STAGE_##name] = #program,
		BT_STAGES(STAGE_PROGRAM)
#undef STAGE_PROGRAM
	};
	int map = bpf_object__find_map_fd_by_name(o, "stages");

	for (__u32 i = 0; i < BT_STAGE__N; i++) {
		int fd = bpf_program__fd(bpf_object__find_program_by_name(o, programs[i]));

		if (bpf_map_update_elem(map, &i, &fd, BPF_ANY))
			die(programs[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct bench_given given = { .node_mac = BENCH_NODE_MAC, .server_mac = BENCH_SERVER_MAC };
	char line[128];

	if (argc != 4) {
		fprintf(stderr, "usage: steer_node INTERFACE BATON_XDP_OBJECT BENCH_OBJECT\n");
		return 2;
	}
	ifindex = (int)if_nametoindex(argv[1]);
	if (!ifindex)
		die(argv[1]);
	baton = load(argv[2], NULL);
	fill_stages(baton);
	bench = load(argv[3], &given);
	pool_make();
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
