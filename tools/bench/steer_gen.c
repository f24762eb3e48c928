// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steer_gen: the generator and the receiver of the steering bench: so many INVITEs in, how many came out where?
 *
 * Runs in the generator's namespace; its interface carries bench_count. Commands on standard input, a line of
 * JSON for each:
 *
 *   warm FLOWS                        each flow's first INVITE, then one with a tag in To: its dialog is known
 *   run socket|live FLOWS MS          as many as go, by an AF_PACKET socket (sendmmsg) or by XDP live frames
 *   flood PPS MS KNOWN KNOWN_PPS      INVITEs of ever new dialogs from random addresses; beside them the known flows, one by one
 *
 * What is counted is what arrived between the first and the last tenth of the time.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/bench/steering.h"

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
#define BATCH		64
#define LIVE_BATCH	64
#define LIVE_REPEAT	20000
#define STRIDE		640
#define WARM_PPS	100000
#define CPUS_MAX	64

static struct bpf_object *obj;
static int sock, counts_fd, ifindex, call_id_at;
static uint8_t *frames, scratch[BATCH][STRIDE];
static uint64_t strange;	/* how many strangers there were: each has another Call-ID */

static void die(const char *what)
{
	fprintf(stderr, "steer_gen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec ts = { (time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* ---- frames ------------------------------------------------------------------------------------- */

static void flows_make(uint32_t flows, const char *to_tag)
{
	uint32_t ip = ntohl(inet_addr(BENCH_GEN_IP));

	for (uint32_t i = 0; i < flows; i++)
		bench_frame(frames + i * STRIDE, ip, (uint16_t)(10000 + i), i, to_tag, &call_id_at);
}

/* ---- sending -------------------------------------------------------------------------------------- */

static void socket_open(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_protocol = 0 };
	int one = 1, bytes = 4 << 20;

	sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);	/* protocol 0: it receives nothing */
	if (sock < 0 || bind(sock, (struct sockaddr *)&to, sizeof(to)))
		die("packet socket");
	if (setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		die("packet socket's options");
}

/* Returns how many went. A full queue is no error: what it dropped does not arrive. */
static unsigned send_frames(uint8_t *const frame[], unsigned n)
{
	struct mmsghdr msgs[BATCH];
	struct iovec io[BATCH];
	int done;

	for (unsigned i = 0; i < n; i++) {
		io[i] = (struct iovec){ frame[i], BENCH_FRAME };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &io[i], .msg_iovlen = 1 } };
	}
	done = sendmmsg(sock, msgs, n, 0);
	if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("send");
	return done < 0 ? 0 : (unsigned)done;
}

static unsigned send_flows(uint32_t *next, uint32_t flows, unsigned n)
{
	uint8_t *batch[BATCH];

	for (unsigned i = 0; i < n; i++) {
		batch[i] = frames + *next * STRIDE;
		*next = *next + 1 >= flows ? 0 : *next + 1;
	}
	return send_frames(batch, n);
}

static uint64_t socket_until(uint64_t end, uint32_t flows)
{
	static uint32_t next;
	uint64_t sent = 0;

	if (next >= flows)
		next = 0;
	while (now_ns() < end)
		sent += send_flows(&next, flows, BATCH);
	return sent;
}

static void set_flows(uint32_t flows)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(obj, ".bss");
	uint32_t zero = 0;

	if (!bss || bpf_map_update_elem(bpf_map__fd(bss), &zero, &flows, BPF_ANY))
		die("flows");
}

/* Frames that are made by the kernel and never were a socket's. */
static uint64_t live_until(uint64_t end, uint32_t flows)
{
	struct bpf_program *gen = bpf_object__find_program_by_name(obj, "bench_gen");
	struct xdp_md ctx = { .data_end = BENCH_FRAME, .ingress_ifindex = (uint32_t)ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frames, .data_size_in = BENCH_FRAME, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = LIVE_REPEAT, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = LIVE_BATCH);
	uint64_t sent = 0;

	set_flows(flows);
	while (now_ns() < end) {
		if (bpf_prog_test_run_opts(bpf_program__fd(gen), &opts))
			die("live frames");
		sent += LIVE_REPEAT;
	}
	return sent;
}

/* ---- counting ---------------------------------------------------------------------------------------- */

static void counts_read(uint64_t ret[BENCH_COUNTS])
{
	uint64_t each[CPUS_MAX];
	int cpus = libbpf_num_possible_cpus();

	for (uint32_t i = 0; i < BENCH_COUNTS; i++) {
		if (cpus > CPUS_MAX || bpf_map_lookup_elem(counts_fd, &i, each))
			die("counts");
		ret[i] = 0;
		for (int c = 0; c < cpus; c++)
			ret[i] += each[c];
	}
}

static void counts_print(const uint64_t a[BENCH_COUNTS], const uint64_t b[BENCH_COUNTS])
{
	for (int i = 0; i < BENCH_COUNTS; i++)
		printf("%s%llu", i ? "," : "\"counts\":[", (unsigned long long)(b[i] - a[i]));
	printf("]}\n");
	fflush(stdout);
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static void run(const char *how, uint32_t flows, uint64_t ms)
{
	uint64_t (*until)(uint64_t, uint32_t) = strcmp(how, "live") ? socket_until : live_until;
	uint64_t a[BENCH_COUNTS], b[BENCH_COUNTS], begin, end, sent;

	flows_make(flows, "a6c85cf");
	until(now_ns() + ms * NS_PER_MS / 10, flows);
	counts_read(a);
	begin = now_ns();
	sent = until(begin + ms * NS_PER_MS, flows);
	end = now_ns();
	counts_read(b);
	printf("{\"sent\":%llu,\"seconds\":%.6f,", (unsigned long long)sent, (double)(end - begin) / NS_PER_S);
	counts_print(a, b);
}

static void paced(uint32_t flows, const char *to_tag)
{
	uint64_t begin = now_ns();
	uint32_t next = 0;

	flows_make(flows, to_tag);
	for (uint32_t i = 0; i < flows; i += BATCH) {
		send_flows(&next, flows, flows - i < BATCH ? flows - i : BATCH);
		sleep_until(begin + (uint64_t)i * NS_PER_S / WARM_PPS);
	}
	usleep(20000);
}

static void warm(uint32_t flows)
{
	uint64_t a[BENCH_COUNTS], b[BENCH_COUNTS];

	counts_read(a);
	paced(flows, NULL);
	paced(flows, "a6c85cf");
	counts_read(b);
	printf("{\"sent\":%u,", 2 * flows);
	counts_print(a, b);
}

static unsigned send_strangers(unsigned n, int id_at)
{
	uint8_t *batch[BATCH];

	for (unsigned i = 0; i < n; i++) {
		uint64_t id = ++strange, r = id * 0x9e3779b97f4a7c15ULL;
		char digits[9];

		bench_headers(scratch[i], BENCH_FLOOD_NET | (r >> 40 & 0x1ffff), (uint16_t)(1024 + (r >> 20) % 60000));
		snprintf(digits, sizeof(digits), "%08x", (uint32_t)id);
		memcpy(scratch[i] + BENCH_HEADERS + id_at, digits, 8);
		batch[i] = scratch[i];
	}
	return send_frames(batch, n);
}

/* What is due each millisecond; what the machine cannot do is not made up for. */
static void flood(uint64_t pps, uint64_t ms, uint32_t known, uint64_t known_pps)
{
	uint64_t a[BENCH_COUNTS], b[BENCH_COUNTS], begin, sent = 0, own = 0, due, left;
	uint32_t next = 0;
	int id_at;

	for (int i = 0; i < BATCH; i++)
		bench_frame(scratch[i], BENCH_FLOOD_NET, 5060, 1ULL << 32, NULL, &id_at);
	flows_make(known, "a6c85cf");
	counts_read(a);
	begin = now_ns();
	for (uint64_t t = 1; t <= ms; t++) {
		for (due = t * pps / 1000 - (t - 1) * pps / 1000; due; due -= left) {
			left = due < BATCH ? due : BATCH;
			sent += send_strangers((unsigned)left, id_at);
		}
		due = t * known_pps / 1000 - (t - 1) * known_pps / 1000;
		if (due)
			own += send_flows(&next, known, due < BATCH ? (unsigned)due : BATCH);
		sleep_until(begin + t * NS_PER_MS);
	}
	usleep(20000);
	printf("{\"sent\":%llu,\"own\":%llu,\"seconds\":%.6f,", (unsigned long long)sent, (unsigned long long)own,
	       (double)(now_ns() - begin) / NS_PER_S);
	counts_read(b);
	counts_print(a, b);
}

static void obey(const char *line)
{
	unsigned long long flows, ms, pps, known;
	char how[16];

	if (sscanf(line, "warm %llu", &flows) == 1 && flows && flows <= BENCH_FLOWS_MAX)
		warm((uint32_t)flows);
	else if (sscanf(line, "run %15s %llu %llu", how, &flows, &ms) == 3 && flows && flows <= BENCH_FLOWS_MAX)
		run(how, (uint32_t)flows, ms);
	else if (sscanf(line, "flood %llu %llu %llu %llu", &pps, &ms, &flows, &known) == 4 && flows && flows <= BENCH_FLOWS_MAX)
		flood(pps, ms, (uint32_t)flows, known);
	else
		printf("{\"error\":\"what is that?\"}\n");
	fflush(stdout);
}

/* ---- start ---------------------------------------------------------------------------------------------- */

static struct bpf_map *rodata(struct bpf_object *o)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o)
		if (strstr(bpf_map__name(map), ".rodata"))
			return map;
	return NULL;
}

static void load(const char *path)
{
	struct bench_given c = { .own_ip = inet_addr(BENCH_GEN_IP), .node_mac = BENCH_NODE_MAC, .server_mac = BENCH_SERVER_MAC };

	bench_frame(frames, ntohl(c.own_ip), 10000, 0, "a6c85cf", &call_id_at);
	memcpy(c.headers, frames, BENCH_HEADERS);
	c.call_id_off = (uint32_t)(BENCH_HEADERS + call_id_at);
	obj = bpf_object__open(path);
	if (!obj || bpf_map__set_initial_value(rodata(obj), &c, sizeof(c)) || bpf_object__load(obj))
		die(path);
	counts_fd = bpf_object__find_map_fd_by_name(obj, "counts");
	if (bpf_xdp_attach(ifindex, bpf_program__fd(bpf_object__find_program_by_name(obj, "bench_count")),
			   XDP_FLAGS_DRV_MODE, NULL))
		die("attach bench_count");
}

int main(int argc, char **argv)
{
	char line[128];

	if (argc != 3) {
		fprintf(stderr, "usage: steer_gen INTERFACE OBJECT\n");
		return 2;
	}
	ifindex = (int)if_nametoindex(argv[1]);
	frames = calloc(BENCH_FLOWS_MAX, STRIDE);
	if (!ifindex || !frames)
		die(argv[1]);
	load(argv[2]);
	socket_open();
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
