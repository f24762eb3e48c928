// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_lookup: which of two servers on this host gets what comes to their VIP's port?
 *
 * First the program alone, by test runs: who asks, and the cookie of the socket that was chosen. Then it stands where batond
 * puts it, in a network namespace of this test, and real sockets talk over the loopback.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define VIP4 "127.0.0.100"	/* the loopback has them without being told */
#define VIP6 "::1"
#define PORT 5060
#define WORKERS 3
#define LOOPBACK 1
#define WAIT_S 20		/* for what comes at once unless the machine stands still */
#define REQUEST "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define RESPONSE "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c\r\n\r\n"

static const uint16_t own_port[1 + BT_SERVERS] = { 0, 5061, 5062 };

static const struct row {
	const char *vip, *bound_to, *what;
	uint8_t proto;
} rows[] = {
	{ VIP4, "127.0.0.1", "UDP, IPv4", IPPROTO_UDP }, { VIP4, "127.0.0.1", "TCP, IPv4", IPPROTO_TCP },
	{ VIP6, "::1", "UDP, IPv6", IPPROTO_UDP }, { VIP6, "::1", "TCP, IPv6", IPPROTO_TCP },
};

static struct bpf_object *lookup;
static int sock[N(rows)][1 + BT_SERVERS][WORKERS];	/* -1: none */

/* ---- sockets ---------------------------------------------------------------------------------------- */

static socklen_t address(const char *ip, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(ip, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		CHECK(inet_pton(AF_INET6, ip, &six->sin6_addr) == 1, "%s", ip);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	CHECK(inet_pton(AF_INET, ip, &four->sin_addr) == 1, "%s", ip);
	return sizeof(*four);
}

/* Bound, a TCP one listens; port 0: any. All may be one group of workers to the kernel: which it is is ours to say. */
static int server_socket(const char *ip, uint16_t port, uint8_t proto)
{
	struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_storage at;
	socklen_t len = address(ip, port, &at);
	int one = 1, fd = socket(at.ss_family, (proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) &&
	      !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) && !bind(fd, (struct sockaddr *)&at, len) &&
	      (proto != IPPROTO_TCP || !listen(fd, 8)), "server at %s port %u: %s", ip, port, strerror(errno));
	return fd;
}

static uint64_t cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t c;

	CHECK(!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &c, &len), "cookie: %s", strerror(errno));
	return c;
}

static void close_socket(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- what batond would have said -------------------------------------------------------------------- */

static int map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lookup, name);

	CHECK(fd >= 0, "no map %s", name);
	return fd;
}

static void set(const char *name, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(map(name), &i, value, BPF_ANY), "%s[%u]: %s", name, i, strerror(errno));
}

static void set_way(const char *vip, uint16_t port, uint8_t proto, const struct bt_local_way *way)
{
	struct bt_local_key key = { .port = htons(port), .proto = proto };
	struct in6_addr ip;

	packet_ip(vip, &ip);
	memcpy(key.ip, &ip, sizeof(key.ip));
	CHECK(!bpf_map_update_elem(map("cfg_local"), &key, way, BPF_ANY), "%s port %u: %s", vip, port, strerror(errno));
}

static void set_aim(uint32_t drained, uint32_t active)
{
	struct bt_local own = { BT_LOCAL(1, drained, active) };

	set("ct_local", 0, &own);
}

static void set_active(uint32_t active)
{
	set_aim(0, active);
}

static void set_filled(uint32_t row, uint32_t first, uint32_t second)
{
	struct bt_local_row filled = { { first, second } };

	set("ct_local_row", row, &filled);
}

static void place(uint32_t row, uint32_t server, uint32_t i, int fd)
{
	uint64_t value = (uint32_t)fd;

	set("local_socks", BT_LOCAL_PLACE(row, server, i), &value);
}

static void drop_sockets(void)
{
	for (uint32_t r = 0; r < N(rows); r++)
		for (uint32_t s = 1; s <= BT_SERVERS; s++)
			for (uint32_t i = 0; i < WORKERS; i++)
				close_socket(&sock[r][s][i]);
}

static void place_new(uint32_t row, uint32_t server, uint32_t i, uint16_t port, const char *ip)
{
	close_socket(&sock[row][server][i]);
	sock[row][server][i] = server_socket(ip, port, rows[row].proto);
	place(row, server, i, sock[row][server][i]);
}

static void zero(void)
{
	static const struct bt_local_seen unseen;

	rig_reset();
	drop_sockets();
	set("st_local", 0, &unseen);
}

/* Each server has @workers sockets for each of the rows, at any port. */
static void fresh(uint32_t active, uint32_t workers)
{
	zero();
	set_active(active);
	for (uint32_t r = 0; r < N(rows); r++) {
		set_way(rows[r].vip, PORT, rows[r].proto, &(struct bt_local_way){ .row = 1 + r, .port = htons(PORT) });
		for (uint32_t s = 1; s <= BT_SERVERS; s++) {
			if (rows[r].proto == IPPROTO_UDP)
				set_way(rows[r].vip, own_port[s], IPPROTO_UDP, &(struct bt_local_way){ .servers = (uint8_t)s, .port = htons(PORT) });
			for (uint32_t i = 0; i < workers; i++)
				place_new(r, s, i, 0, rows[r].bound_to);
		}
		set_filled(r, workers, workers);
	}
}

static struct bt_local_seen seen(void)
{
	struct bt_local_seen s;
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(map("st_local"), &zero, &s), "st_local");
	return s;
}

/* ---- one question ------------------------------------------------------------------------------------ */

struct question {
	const char *vip;
	uint16_t port, from;
	uint8_t proto;
};

struct answer {
	int verdict;
	uint64_t cookie;	/* 0: nobody was chosen */
	uint32_t counted;	/* BT_L__N: nothing moved */
};

static uint32_t what_moved(const uint64_t *before)
{
	uint64_t after[BT_L__N];
	uint32_t moved = BT_L__N;

	rig_local_counts(after);
	for (uint32_t i = 0; i < BT_L__N; i++) {
		CHECK(after[i] == before[i] || (after[i] == before[i] + 1 && moved == BT_L__N), "counters %u and %u moved", moved, i);
		if (after[i] != before[i])
			moved = i;
	}
	return moved;
}

static void fill_question(struct bpf_sk_lookup *ctx, const struct question *q)
{
	struct in6_addr ip, client;

	packet_ip(q->vip, &ip);
	packet_ip(strchr(q->vip, ':') ? "fd00::50" : "10.77.0.50", &client);
	*ctx = (struct bpf_sk_lookup){ .protocol = q->proto, .local_port = q->port, .remote_port = htons(q->from) };
	if (strchr(q->vip, ':')) {
		ctx->family = AF_INET6;
		memcpy(ctx->local_ip6, &ip, sizeof(ip));
		memcpy(ctx->remote_ip6, &client, sizeof(client));
		return;
	}
	ctx->family = AF_INET;
	memcpy(&ctx->local_ip4, ip.s6_addr + 12, 4);
	memcpy(&ctx->remote_ip4, client.s6_addr + 12, 4);
}

static struct answer ask(const struct question *q)
{
	struct bpf_sk_lookup ctx, out;
	uint64_t before[BT_L__N];
	int fd = bpf_program__fd(bpf_object__find_program_by_name(lookup, "baton_lookup"));
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .ctx_out = &out, .ctx_size_out = sizeof(out),
		    .repeat = 1);

	fill_question(&ctx, q);
	rig_local_counts(before);
	CHECK(!bpf_prog_test_run_opts(fd, &opts), "test run: %s", strerror(errno));
	return (struct answer){ (int)opts.retval, out.cookie, what_moved(before) };
}

static struct question about(uint32_t row)
{
	return (struct question){ rows[row].vip, PORT, 40000, rows[row].proto };
}

/* @fd -1: nobody. */
static void check_answer(struct answer is, int verdict, int fd, uint32_t counted, const char *what)
{
	uint64_t want = fd < 0 ? 0 : cookie(fd);

	CHECK(is.cookie == want, "%s: socket %llu was chosen, not %llu", what, (unsigned long long)is.cookie, (unsigned long long)want);
	CHECK(is.verdict == verdict, "%s: verdict %d, not %d", what, is.verdict, verdict);
	CHECK(is.counted == counted, "%s: counted as %u, not %u", what, is.counted, counted);
}

static void expect(const struct question *q, int verdict, int fd, uint32_t counted, const char *what)
{
	check_answer(ask(q), verdict, fd, counted, what);
}

/* Of a row: its question goes to that server's only socket. */
static void expect_server(uint32_t row, uint32_t server, uint32_t counted)
{
	struct question q = about(row);

	expect(&q, SK_PASS, sock[row][server][0], counted, rows[row].what);
}

/* ---- the program alone ------------------------------------------------------------------------------- */

static void test_roles(void **state)
{
	struct question q;

	(void)state;
	for (uint32_t active = 1; active <= BT_SERVERS; active++) {
		fresh(active, 1);
		for (uint32_t r = 0; r < N(rows); r++)
			expect_server(r, active, BT_L_ACTIVE);
		set_active(3 - active);
		for (uint32_t r = 0; r < N(rows); r++)
			expect_server(r, 3 - active, BT_L_ACTIVE);
	}
	for (uint32_t active = 0; active <= 3; active += 3) {
		set_active(active);
		for (uint32_t r = 0; r < N(rows); r++) {
			q = about(r);
			expect(&q, SK_PASS, -1, BT_L__N, "no server is known to be active: the ordinary lookup");
		}
	}
}

static void test_not_the_vip(void **state)
{
	static const struct question others[] = {
		{ VIP4, 5061, 40000, IPPROTO_UDP }, { VIP4, 5062, 40000, IPPROTO_UDP }, { VIP4, 5061, 40000, IPPROTO_TCP },
		{ VIP4, 5059, 40000, IPPROTO_UDP }, { VIP4, PORT << 8 & 0xff00, 40000, IPPROTO_UDP }, { VIP4, 0, 40000, IPPROTO_UDP },
		{ VIP6, 5061, 40000, IPPROTO_UDP }, { VIP6, 5061, 40000, IPPROTO_TCP }, { "127.0.0.101", PORT, 40000, IPPROTO_UDP },
		{ "::2", PORT, 40000, IPPROTO_TCP }, { "::127.0.0.100", PORT, 40000, IPPROTO_UDP }, { VIP4, PORT, 40000, 132 },
	};

	(void)state;
	fresh(1, 1);
	for (size_t i = 0; i < N(others); i++)
		expect(&others[i], SK_PASS, -1, BT_L__N, others[i].vip);
}

static uint32_t probes(const char *ip, uint16_t port, const struct question *asks)
{
	struct bt_local_probe probe = { .port = htons(port) };
	uint32_t zero = 0;
	struct in6_addr from;

	packet_ip(ip, &from);
	memcpy(probe.from, &from, sizeof(probe.from));
	set("local_probe", 0, &probe);
	for (uint32_t r = 0; r < N(rows); r++) {
		struct question q = { rows[r].vip, asks->port, asks->from, rows[r].proto };
		bool v4 = !strchr(rows[r].vip, ':'), is = asks->from == port && strcmp(ip, v4 ? "10.77.0.50" : "fd00::50") == 0;
		bool served = !is && asks->port == PORT;

		expect(&q, is ? SK_DROP : SK_PASS, served ? sock[r][1][0] : -1, served ? BT_L_ACTIVE : BT_L__N, is ? "the probe" : "no probe");
	}
	CHECK(!bpf_map_lookup_elem(map("local_probe"), &zero, &probe), "local_probe");
	return probe.seen;
}

/* A datagram of the doctor's: counted as seen and as nothing else, whatever it came to; nobody else's is taken for it. */
static void test_probe(void **state)
{
	static const struct question asks[] = { { .port = PORT, .from = 40000 }, { .port = 5062, .from = 40000 }, { .port = 0, .from = 40000 } };

	(void)state;
	fresh(1, 1);
	for (size_t i = 0; i < N(asks); i++) {
		const struct {
			const char *ip;
			uint16_t port;
			uint32_t seen;
		} by[] = {
			{ "10.77.0.50", 40000, 2 }, { "fd00::50", 40000, 2 }, { "10.77.0.50", 40001, 0 }, { "10.77.0.51", 40000, 0 },
			{ "fd00::51", 40000, 0 }, { "::", 0, 0 },
		};

		for (size_t k = 0; k < N(by); k++)
			CHECK(probes(by[k].ip, by[k].port, &asks[i]) == by[k].seen, "%s port %u, to port %u: not seen %u times", by[k].ip, by[k].port,
			      asks[i].port, by[k].seen);
	}
}

/* What a map of another make, or a half-written one, could say. */
static void test_odd_maps(void **state)
{
	struct question q = about(0);
	struct bt_local_way way = { .row = 1 + BT_LOCAL_ROWS, .port = htons(PORT) };

	(void)state;
	fresh(1, 1);
	set_filled(0, BT_LOCAL_SOCKS + 1, 1);
	expect(&q, SK_PASS, sock[0][2][0], BT_L_OTHER, "more sockets than there are places");
	set_filled(0, 0xffffffff, 0xffffffff);
	expect(&q, SK_DROP, -1, BT_L_NOBODY, "both have more sockets than there are places");
	set_way(VIP4, PORT, IPPROTO_UDP, &way);
	expect(&q, SK_PASS, -1, BT_L__N, "a row that is none");
	way = (struct bt_local_way){ .row = 1, .group = BT_GROUPS_MAX };
	set_way(VIP4, PORT, IPPROTO_UDP, &way);
	expect(&q, SK_PASS, -1, BT_L__N, "a group that is none");
}

/* Sockets of the other protocol or family are not taken, but the next that fits is. */
static void test_odd_sockets(void **state)
{
	struct question q = about(0);

	(void)state;
	fresh(1, 1);
	set_filled(0, 3, 1);
	place(0, 1, 0, sock[1][1][0]);
	place(0, 1, 1, sock[2][1][0]);
	place(0, 1, 2, sock[0][1][0]);
	for (q.from = 1024; q.from < 1064; q.from++)
		expect(&q, SK_PASS, sock[0][1][0], BT_L_ACTIVE, "one of three fits");
}

/* One client's packets go to one worker; all workers have some; a worker's are taken by its fellows when it closes. */
static void test_workers(void **state)
{
	int worker_of[200], n[WORKERS] = {};

	(void)state;
	fresh(2, WORKERS);
	for (uint32_t r = 0; r < N(rows); r++) {
		struct question q = about(r);

		memset(n, 0, sizeof(n));
		for (size_t i = 0; i < N(worker_of); i++) {
			struct answer is;

			q.from = (uint16_t)(1024 + i * 7);
			is = ask(&q);
			worker_of[i] = -1;
			for (int w = 0; w < WORKERS; w++)
				if (is.cookie == cookie(sock[r][2][w]))
					n[worker_of[i] = w]++;
			CHECK(worker_of[i] >= 0, "%s: given to nobody's socket", rows[r].what);
			CHECK(ask(&q).cookie == is.cookie, "%s: another worker the second time", rows[r].what);
		}
		for (int w = 0; w < WORKERS; w++)
			CHECK(n[w] > (int)N(worker_of) / WORKERS / 4, "%s: worker %d got %d of %zu", rows[r].what, w, n[w], N(worker_of));
		close_socket(&sock[r][2][1]);
		for (size_t i = 0; i < N(worker_of); i++) {
			int w = worker_of[i] == 1 ? 2 : worker_of[i];

			q.from = (uint16_t)(1024 + i * 7);
			expect(&q, SK_PASS, sock[r][2][w], BT_L_ACTIVE, "a worker has gone");
		}
	}
	CHECK(!seen().fell, "given to the other server, while the active one has workers");
}

static void test_a_crash(void **state)
{
	struct question q;

	(void)state;
	for (uint32_t active = 1; active <= BT_SERVERS; active++) {
		uint32_t other = 3 - active, falls = 0;

		fresh(active, 1);
		for (uint32_t r = 0; r < N(rows); r++) {
			expect_server(r, active, BT_L_ACTIVE);
			close_socket(&sock[r][active][0]);
			expect_server(r, other, BT_L_OTHER);
			CHECK(seen().fell == ++falls && seen().fell_from == active && seen().fell_ns >= seen().first_ns[active - 1],
			      "fell %llu times, from %u", (unsigned long long)seen().fell, seen().fell_from);
			close_socket(&sock[r][other][0]);
			q = about(r);
			expect(&q, SK_DROP, -1, BT_L_NOBODY, "both are gone");
			place_new(r, active, 0, 0, rows[r].bound_to);
			expect_server(r, active, BT_L_ACTIVE);
		}
	}
}

/* Without a socket there a server refuses, as it would alone. */
static void test_never_served(void **state)
{
	struct question q;

	(void)state;
	fresh(1, 1);
	for (uint32_t r = 0; r < N(rows); r++) {
		q = about(r);
		set_filled(r, 0, 1);
		expect(&q, SK_DROP, -1, BT_L_NOBODY, "the active one never had a socket there");
		set_filled(r, 1, 0);
		expect_server(r, 1, BT_L_ACTIVE);
		close_socket(&sock[r][1][0]);
		expect(&q, SK_DROP, -1, BT_L_NOBODY, "the other never had a socket there");
	}
	CHECK(!seen().fell, "counted as taken by the other");
}

/* A port that stands for a server gives it what comes, while that one is drained; else it is any port. */
static void test_a_drain(void **state)
{
	struct question own = { VIP4, 5061, 40000, IPPROTO_UDP }, any = { VIP4, 0, 40000, IPPROTO_UDP };

	(void)state;
	fresh(2, 1);
	set_way(VIP4, 5061, IPPROTO_UDP, &(struct bt_local_way){ .row = 1, .servers = 1, .stands_for = 1, .port = htons(PORT) });
	set_way(VIP4, 0, IPPROTO_UDP, &(struct bt_local_way){ .row = 1, .stands_for = BT_LOCAL_ANY, .port = htons(PORT) });
	expect(&own, SK_PASS, -1, BT_L__N, "nobody is drained: the socket of that port");
	expect(&any, SK_PASS, -1, BT_L__N, "nobody is drained: no way around a filter of the VIP's port");
	set_aim(1, 2);
	expect(&own, SK_PASS, sock[0][1][0], BT_L_DRAINED, "server 1 is drained");
	expect(&any, SK_PASS, sock[0][1][0], BT_L_DRAINED, "server 1 is drained, both have one port");
	expect_server(0, 2, BT_L_ACTIVE);
	CHECK(!seen().given_ns[0], "what the drained one gets is none of its turn");
	set_aim(1, 1);
	expect(&own, SK_PASS, sock[0][1][0], BT_L_ACTIVE, "prepared: the active one is still the same");
	set_aim(2, 1);
	expect(&own, SK_PASS, -1, BT_L__N, "the other is drained");
	expect(&any, SK_PASS, sock[0][2][0], BT_L_DRAINED, "the other is drained, both have one port");
	set_aim(1, 2);
	close_socket(&sock[0][1][0]);
	expect(&own, SK_PASS, sock[0][2][0], BT_L_OTHER, "the drained one is gone");
	CHECK(!seen().fell, "the active one's fall was noted");
	expect_server(0, 2, BT_L_ACTIVE);
}

static void test_what_was_seen(void **state)
{
	uint64_t before = rig_now(), first;
	struct bt_local_seen s;

	(void)state;
	fresh(1, 1);
	expect_server(0, 1, BT_L_ACTIVE);
	s = seen();
	first = s.first_ns[0];
	CHECK(first >= before && s.given_ns[0] == first && !s.first_ns[1] && !s.given_ns[1], "the first to server 1");
	expect_server(1, 1, BT_L_ACTIVE);
	s = seen();
	CHECK(s.first_ns[0] == first && s.given_ns[0] > first, "the second to server 1");
	set_active(2);
	expect_server(0, 2, BT_L_ACTIVE);
	s = seen();
	CHECK(s.first_ns[1] > first && s.given_ns[1] == s.first_ns[1] && s.first_ns[0] == first, "the first to server 2");
	s.first_ns[0] = 0;
	set("st_local", 0, &s);
	set_active(1);
	expect_server(2, 1, BT_L_ACTIVE);
	CHECK(seen().first_ns[0] > s.first_ns[1], "the first of server 1's next turn");
}

/* ---- where batond puts it: real sockets, the loopback ------------------------------------------------ */

struct stand {
	struct bpf_link *link;
	struct bpf_tc_hook hook;
};

static void attach(struct stand *s)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(bpf_object__find_program_by_name(lookup, "baton_lo")));
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err;

	CHECK(netns >= 0, "netns: %s", strerror(errno));
	s->link = bpf_program__attach_netns(bpf_object__find_program_by_name(lookup, "baton_lookup"), netns);
	CHECK(s->link, "baton_lookup: %s", strerror(errno));
	close(netns);
	s->hook = (struct bpf_tc_hook){ .sz = sizeof(s->hook), .ifindex = LOOPBACK, .attach_point = BPF_TC_EGRESS };
	err = bpf_tc_hook_create(&s->hook);
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&s->hook, &opts);
	CHECK(!err, "baton_lo: %s", strerror(-err));
}

static void detach(struct stand *s)
{
	s->hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	CHECK(!bpf_tc_hook_destroy(&s->hook), "clsact of the loopback stays");
	bpf_link__destroy(s->link);
}

static int client_socket(const char *vip, int type)
{
	struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(strchr(vip, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), "client: %s", strerror(errno));
	return fd;
}

static void say(int fd, const char *text, const struct sockaddr_storage *to, socklen_t len)
{
	ssize_t n = sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, len);

	CHECK(n == (ssize_t)strlen(text), "send: %s", strerror(errno));
}

/* What comes there next is @text; from where, into @from. */
static void hears(int fd, const char *text, struct sockaddr_storage *from, const char *what)
{
	socklen_t len = sizeof(*from);
	char got[256];
	ssize_t n;

	memset(from, 0, sizeof(*from));
	n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)from, &len);
	CHECK(n >= 0, "%s: nothing came: %s", what, strerror(errno));
	CHECK((size_t)n == strlen(text) && !memcmp(got, text, (size_t)n), "%s: heard %.*s", what, (int)n, got);
}

static void comes_from(const struct sockaddr_storage *from, const char *ip, uint16_t port, const char *what)
{
	struct sockaddr_storage want;
	socklen_t len = address(ip, port, &want);

	CHECK(!memcmp(from, &want, len), "%s: it did not come from %s port %u, but port %u", what, ip, port,
	      ntohs(((const struct sockaddr_in *)from)->sin_port));
}

/* A client asks at the VIP: @server hears it, and its answer comes from where the client asked. */
static void served_by(const char *vip, int client, int server, const char *what)
{
	struct sockaddr_storage to, from;
	socklen_t len = address(vip, PORT, &to);

	say(client, REQUEST, &to, len);
	hears(server, REQUEST, &from, what);
	say(server, RESPONSE, &from, len);
	hears(client, RESPONSE, &from, what);
	comes_from(&from, vip, PORT, what);
}

/* A server asks, then answers, the client of its own accord: does the question arrive? */
static void may_ask(const char *vip, int server, int client, bool asks, const char *what)
{
	struct sockaddr_storage to = {}, from;
	socklen_t len = sizeof(to);

	CHECK(!getsockname(client, (struct sockaddr *)&to, &len), "%s", strerror(errno));
	if (to.ss_family == AF_INET)
		((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&to)->sin6_addr = in6addr_loopback;
	if (sendto(server, REQUEST, strlen(REQUEST), 0, (struct sockaddr *)&to, len) < 0)
		CHECK(!asks, "%s: %s", what, strerror(errno));	/* a held frame may be told to its sender */
	say(server, RESPONSE, &to, len);
	if (asks) {
		hears(client, REQUEST, &from, what);
		comes_from(&from, vip, PORT, what);
	}
	hears(client, RESPONSE, &from, what);
	comes_from(&from, vip, PORT, what);
}

/* Both servers of the row at their places, with sockets at these ports of the VIP. */
static void serve(uint32_t row, uint16_t first, uint16_t second)
{
	place_new(row, 1, 0, first, rows[row].vip);
	place_new(row, 2, 0, second, rows[row].vip);
	set_filled(row, 1, 1);
}

static void udp_story(uint32_t row, const char *vip, const int *server)
{
	int client = client_socket(vip, SOCK_DGRAM);

	set_active(1);
	served_by(vip, client, server[1], "the first is active");
	may_ask(vip, server[1], client, true, "the active one asks");
	may_ask(vip, server[2], client, false, "the one that stands by asks");
	set_active(2);
	served_by(vip, client, server[2], "a move");
	may_ask(vip, server[2], client, true, "the new one asks");
	may_ask(vip, server[1], client, false, "the old one asks");
	close_socket(&sock[row][2][0]);
	served_by(vip, client, server[1], "a crash, and nobody has moved anything");
	close(client);
}

static void test_real_udp(void **state)
{
	struct stand stand;

	(void)state;
	fresh(1, 0);
	attach(&stand);
	for (uint32_t r = 0; r < N(rows); r += 2) {
		int server[1 + BT_SERVERS];

		serve(r, own_port[1], own_port[2]);
		server[1] = sock[r][1][0];
		server[2] = sock[r][2][0];
		udp_story(r, rows[r].vip, server);
	}
	detach(&stand);
}

static void know(int fd, uint32_t server)
{
	uint64_t c = cookie(fd);

	CHECK(!bpf_map_update_elem(map("ct_local_sock"), &c, &server, BPF_ANY), "ct_local_sock: %s", strerror(errno));
}

/* Whose a datagram is says the socket's cookie alone. */
static void test_real_udp_at_one_port(void **state)
{
	struct stand stand;

	(void)state;
	fresh(1, 0);
	attach(&stand);
	for (uint32_t r = 0; r < N(rows); r += 2) {
		int server[1 + BT_SERVERS], client = client_socket(rows[r].vip, SOCK_DGRAM);

		set_way(rows[r].vip, PORT, IPPROTO_UDP, &(struct bt_local_way){ .row = 1 + r, .servers = 3, .port = htons(PORT) });
		serve(r, PORT, PORT);
		server[1] = sock[r][1][0];
		server[2] = sock[r][2][0];
		set_active(1);
		served_by(rows[r].vip, client, server[1], "sockets that nobody knows yet");
		may_ask(rows[r].vip, server[2], client, true, "a socket that nobody knows asks");
		close(client);
		know(server[1], 1);
		know(server[2], 2);
		udp_story(r, rows[r].vip, server);
	}
	detach(&stand);
}

static int connects(const char *vip, int want, const char *what)
{
	struct sockaddr_storage to;
	socklen_t len = address(vip, PORT, &to);
	int fd = client_socket(vip, SOCK_STREAM), err;

	err = connect(fd, (struct sockaddr *)&to, len) ? errno : 0;
	CHECK(err == want, "%s: connect: %s, not %s", what, strerror(err), strerror(want));
	return fd;
}

/* The connection that waits at @listener, as it sees itself. */
static int accepted(int listener, const char *vip, const char *what)
{
	struct sockaddr_storage own = {};
	socklen_t len = sizeof(own);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	CHECK(fd >= 0, "%s: nobody connects: %s", what, strerror(errno));
	CHECK(!getsockname(fd, (struct sockaddr *)&own, &len), "%s", strerror(errno));
	comes_from(&own, vip, PORT, what);
	return fd;
}

static void still_talk(int client, int server, const char *what)
{
	char c = 0;

	CHECK(send(client, "?", 1, MSG_NOSIGNAL) == 1 && recv(server, &c, 1, 0) == 1 && c == '?', "%s: %s", what, strerror(errno));
	CHECK(send(server, "!", 1, MSG_NOSIGNAL) == 1 && recv(client, &c, 1, 0) == 1 && c == '!', "%s: %s", what, strerror(errno));
}

static void tcp_story(uint32_t row, const char *vip)
{
	int client[3], server[3];

	set_active(1);
	client[0] = connects(vip, 0, "the first is active");
	server[0] = accepted(sock[row][1][0], vip, "the first is active");
	still_talk(client[0], server[0], "a connection");
	set_active(2);
	client[1] = connects(vip, 0, "a move");
	server[1] = accepted(sock[row][2][0], vip, "a move");
	still_talk(client[0], server[0], "a connection to the server that now stands by");
	close_socket(&sock[row][2][0]);
	client[2] = connects(vip, 0, "a crash");
	server[2] = accepted(sock[row][1][0], vip, "a crash");
	for (int i = 0; i < 3; i++)
		still_talk(client[i], server[i], "all connections that stand");
	close_socket(&sock[row][1][0]);
	close(connects(vip, ECONNREFUSED, "nobody is left"));
	for (int i = 0; i < 3; i++) {
		close(client[i]);
		close(server[i]);
	}
}

static void test_real_tcp(void **state)
{
	struct stand stand;

	(void)state;
	fresh(1, 0);
	attach(&stand);
	for (uint32_t r = 1; r < N(rows); r += 2) {
		serve(r, own_port[1], own_port[2]);
		tcp_story(r, rows[r].vip);
	}
	detach(&stand);
}

/* ---- a checksum that the NIC will make --------------------------------------------------------------- */

static uint32_t sum16(const uint8_t *b, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The next frame on the loopback from the VIP's port: into @frame, and whether its checksum is yet to be made. */
static ssize_t next_answer(int tap, uint8_t *frame, size_t size, bool *partial)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct cmsghdr align;
	} control;

	for (;;) {
		struct iovec io = { frame, size };
		struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(tap, &m, 0);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		struct tpacket_auxdata aux;

		CHECK(n >= 0, "no answer was seen to pass: %s", strerror(errno));
		if (n < 14 + 20 + 8 + 7 || frame[14 + 9] != IPPROTO_UDP || memcmp(frame + 14 + 20 + 8, "SIP/2.0", 7) || !c)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		*partial = aux.tp_status & TP_STATUS_CSUMNOTREADY;
		return n;
	}
}

static int tap_loopback(void)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = LOOPBACK };
	struct timeval wait = { .tv_sec = WAIT_S };
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));

	CHECK(fd >= 0 && !setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) &&
	      !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) && !bind(fd, (struct sockaddr *)&ll, sizeof(ll)),
	      "packet socket: %s", strerror(errno));
	return fd;
}

/* What stands in its place is the sum of the pseudo-header, where no port is: renaming must leave it. */
static void test_offloaded_sum(void **state)
{
	int client = client_socket(VIP4, SOCK_DGRAM), tap;
	struct stand stand;
	uint8_t frame[512];
	bool partial;
	ssize_t n;
	uint32_t want, is;

	(void)state;
	fresh(1, 0);
	attach(&stand);
	serve(0, own_port[1], own_port[2]);
	tap = tap_loopback();
	served_by(VIP4, client, sock[0][1][0], "an answer");
	n = next_answer(tap, frame, sizeof(frame), &partial);
	CHECK(partial, "the loopback makes sums now: this test sees nothing");
	CHECK((frame[14 + 20] << 8 | frame[14 + 21]) == PORT, "not renamed: it left from port %u", frame[14 + 20] << 8 | frame[14 + 21]);
	want = sum16(frame + 14 + 12, 8, IPPROTO_UDP + (uint32_t)n - 14 - 20);
	is = (uint32_t)(frame[14 + 26] << 8 | frame[14 + 27]);
	CHECK(is == want, "the sum of the pseudo-header is %04x, and was made %04x", want, is);
	close(tap);
	close(client);
	detach(&stand);
}

/* ---------------------------------------------------------------------------------------------------- */

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &ifr), "lo: %s", strerror(errno));
	close(fd);
}

static int open_all(void **state)
{
	int err;

	CHECK(!unshare(CLONE_NEWNET), "a network namespace: %s", strerror(errno));
	raise_loopback();
	memset(sock, 0xff, sizeof(sock));
	err = rig_open(state);
	lookup = rig_object("lookup");
	return err;
}

static int close_all(void **state)
{
	drop_sockets();
	bpf_object__close(lookup);
	return rig_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles), cmocka_unit_test(test_not_the_vip), cmocka_unit_test(test_probe), cmocka_unit_test(test_odd_maps),
		cmocka_unit_test(test_odd_sockets), cmocka_unit_test(test_workers), cmocka_unit_test(test_a_crash),
		cmocka_unit_test(test_never_served), cmocka_unit_test(test_a_drain), cmocka_unit_test(test_what_was_seen),
		cmocka_unit_test(test_real_udp),
		cmocka_unit_test(test_real_udp_at_one_port), cmocka_unit_test(test_real_tcp), cmocka_unit_test(test_offloaded_sum),
	};

	return cmocka_run_group_tests_name("lookup", tests, open_all, close_all);
}
