// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_crash: the server's socket is gone; does the gate let go then, and only then?
 *
 * Real sockets in a network namespace of our own; frames come in by its loopback. What a peer must be to take
 * the role over is left out one by one.
 */
#include "rig.h"
#include "word_table.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4	"10.77.0.50"
#define CLIENT6	"fd00::50"
#define OPTIONS	"OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define OPEN	BT_WORD(7, 1, BT_OPEN)
#define LEFT	BT_WORD(7, 1, BT_RELAY)
#define MS	1000000ULL

/* ---- the world ------------------------------------------------------------------------------------ */

static void sleep_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* A server's socket on every address. */
static int server(int family, int type, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, type, 0), one = 1;
	void *at = family == AF_INET ? (void *)&four : (void *)&six;

	CHECK(fd >= 0, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	CHECK(!bind(fd, at, family == AF_INET ? sizeof(four) : sizeof(six)), "bind %u: %s", port, strerror(errno));
	CHECK(type == SOCK_DGRAM || !listen(fd, 5), "listen: %s", strerror(errno));
	return fd;
}

/* Group "sip": 5060 on both transports, 5070 on UDP, 5061 on TCP. */
static void set_group(uint32_t flags)
{
	struct bt_group g;
	uint32_t zero = 0;

	bpf_map_lookup_elem(rig_map("cfg_group"), &zero, &g);
	g.flags = flags;
	g.port[0] = (struct bt_port){ .port = htons(5060), .udp = 1, .tcp = 1 };
	g.port[1] = (struct bt_port){ .port = htons(5070), .udp = 1 };
	g.port[7] = (struct bt_port){ .port = htons(5061), .tcp = 1 };
	bpf_map_update_elem(rig_map("cfg_group"), &zero, &g, 0);
}

/* So slow a pulse that this machine's hiccups do not make the peer's old. */
static void set_interval(uint64_t ns)
{
	struct bt_node node;
	uint32_t zero = 0;

	bpf_map_lookup_elem(rig_map("cfg_node"), &zero, &node);
	node.interval_ns = ns;
	bpf_map_update_elem(rig_map("cfg_node"), &zero, &node, 0);
}

/* What a backup says that could take the role. */
static struct rig_pulse ready(uint64_t seq)
{
	struct rig_pulse m = rig_pulse(seq);

	m.block[0].word = BT_WORD(7, 1, BT_ARMED);
	m.block[0].digest = RIG_DIGEST;
	m.block[0].flags = PULSE_F_KNOWN | PULSE_F_RUNNING | PULSE_F_LEASED;
	return m;
}

static void hear(const struct rig_pulse *m)
{
	struct packet p;
	uint32_t exit;

	rig_frame(&p, m, 0, 0);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_PULSE_ANSWERED, "the peer's pulse: %s", rig_xdp_name(exit));
}

/* Open and leased, the kernel may judge, the peer says @m. */
static void begin(const struct rig_pulse *m)
{
	rig_reset();
	rig_believe();
	set_group(BT_GROUP_LISTENER);
	set_interval(10 * RIG_SEC);
	rig_open_gate(0);
	hear(m);
}

static void begin_ready(void)
{
	struct rig_pulse m = ready(2);

	begin(&m);
}

/* ---- frames --------------------------------------------------------------------------------------- */

static struct packet frame(const struct packet_spec *spec, bool syn)
{
	struct packet p;

	packet_make(&p, spec);
	memcpy(p.data + 6, "\x00\x11\x22\x33\x44\x55", 6);	/* not the peer's */
	if (spec->proto == IPPROTO_TCP)
		p.data[p.l4 + 13] = syn ? 0x02 : 0x10;
	return p;
}

static struct packet request(void)
{
	return frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS }, false);
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* Frames until the word changes, a few: a first miss may have been forgotten by a slow machine. */
static uint32_t after_a_while(const struct packet *p)
{
	uint32_t exit = 0;

	for (int i = 0; i < 5 && rig_word(0) == OPEN; i++) {
		sleep_ms(2);
		exit = rig_xdp(p, NULL, NULL);
	}
	return exit;
}

/* Gone for more than a millisecond, by two frames; the gate has let go, for this reason. */
static void crashes(const struct packet *p, const char *what)
{
	uint64_t before = rig_now(), linger;
	uint32_t zero = 0, exit;
	struct bt_event ev;

	while (rig_event().kind)
		;
	expect(p, BT_X_VIP_UNHEARD, what);
	CHECK(rig_word(0) == OPEN, "%s: the first miss made the word %lx", what, rig_word(0));
	exit = after_a_while(p);
	CHECK(exit == BT_X_VIP_RELAY, "%s: second frame: %s", what, rig_xdp_name(exit));
	CHECK(rig_word(0) == LEFT, "%s: word %lx", what, rig_word(0));
	bpf_map_lookup_elem(rig_map("st_linger"), &zero, &linger);
	CHECK(linger >= before + RIG_LINGER_MS * MS, "%s: lingers until %lu", what, (long)linger);
	ev = rig_event();
	CHECK(ev.kind == BT_EV_WORD && ev.from == OPEN && ev.to == LEFT && ev.arg == (WORD_LEAVE | BT_EV_BY_LISTENER),
	      "%s: event %u %llx -> %llx because of %llx", what, ev.kind, ev.from, ev.to, ev.arg);
}

/* However often it is sent it goes in. */
static void stays(const struct packet *p, const char *what)
{
	for (int i = 0; i < 4; i++) {
		expect(p, BT_X_VIP_ACCEPTED, what);
		sleep_ms(2);
	}
	CHECK(rig_word(0) == OPEN, "%s: word %lx", what, rig_word(0));
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void test_gone(void **state)
{
	static const struct { const char *what; int family, type; struct packet_spec spec; } ways[] = {
		{ "UDP", AF_INET, SOCK_DGRAM, { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS } },
		{ "UDP, two VLAN tags", AF_INET, SOCK_DGRAM,
		  { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .vlans = 2 } },
		{ "UDP, IP options", AF_INET, SOCK_DGRAM,
		  { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .ihl = 9 } },
		{ "UDP over IPv6", AF_INET6, SOCK_DGRAM, { .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS } },
		{ "UDP over IPv6, extension headers", AF_INET6, SOCK_DGRAM,
		  { .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS, .exts = 3 } },
		{ "TCP", AF_INET, SOCK_STREAM, { .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP } },
		{ "TCP over IPv6", AF_INET6, SOCK_STREAM, { .from = CLIENT6, .to = RIG_VIP6, .proto = IPPROTO_TCP } },
	};
	struct packet p;
	int fd;

	(void)state;
	for (size_t i = 0; i < N(ways); i++) {
		begin_ready();
		fd = server(ways[i].family, ways[i].type, 5060);
		p = frame(&ways[i].spec, true);
		stays(&p, ways[i].what);
		close(fd);
		crashes(&p, ways[i].what);
	}
}

static void test_each_port(void **state)
{
	static const struct { uint16_t port; int type; } ports[] = {
		{ 5060, SOCK_DGRAM }, { 5060, SOCK_STREAM }, { 5070, SOCK_DGRAM }, { 5061, SOCK_STREAM },
	};
	struct packet p;
	int fd;

	(void)state;
	for (size_t i = 0; i < N(ports); i++) {
		begin_ready();
		fd = server(AF_INET, ports[i].type, ports[i].port);
		p = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = ports[i].port,
						 .proto = ports[i].type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP },
			  true);
		stays(&p, "listens");
		close(fd);
		crashes(&p, "a configured port");
	}
}

/* In a container, behind DNAT: nothing was ever found, so nothing is missed. */
static void test_never_a_listener(void **state)
{
	struct packet p = request();

	(void)state;
	begin_ready();
	stays(&p, "never a listener");
}

/* Found at an earlier number: that was another opening, perhaps with another server. */
static void test_found_at_another_number(void **state)
{
	struct rig_pulse m = ready(3);
	struct packet p = request();
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	rig_set_word(0, BT_WORD(9, 1, BT_OPEN));
	m.block[0].word = BT_WORD(9, 1, BT_ARMED);
	hear(&m);
	for (int i = 0; i < 4; i++, sleep_ms(2))
		expect(&p, BT_X_VIP_ACCEPTED, "gone before this opening");
	CHECK(rig_word(0) == BT_WORD(9, 1, BT_OPEN), "word %lx", rig_word(0));
}

/* A look-up for one port says nothing of another, nor for UDP of TCP. */
static void test_found_at_another_port(void **state)
{
	struct packet udp = request(), tcp, other;
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&udp, "listens");
	tcp = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP }, true);
	other = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = 5070, .text = OPTIONS }, false);
	stays(&tcp, "TCP, where only UDP listens");
	stays(&other, "a configured port where nobody listens");
	close(fd);
}

/* A server of one VIP says nothing of the group's others: who asks there, where nobody ever listened, moves nothing. */
static void test_found_at_another_address(void **state)
{
	struct packet four = request();
	struct packet six = frame(&(struct packet_spec){ .from = CLIENT6, .to = RIG_VIP6, .text = OPTIONS }, false);
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&four, "listens");
	stays(&six, "nobody listens at the group's IPv6 address");
	close(fd);
	crashes(&four, "gone where it was found");
}

/* A configuration's reload: the socket is away between two frames, or for one. */
static void test_away_for_a_moment(void **state)
{
	struct packet p = request();
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	for (int i = 0; i < 5; i++) {
		close(fd);
		expect(&p, BT_X_VIP_UNHEARD, "a frame meets no socket");
		fd = server(AF_INET, SOCK_DGRAM, 5060);
		expect(&p, BT_X_VIP_ACCEPTED, "and the next one does");
		sleep_ms(2);
	}
	CHECK(rig_word(0) == OPEN, "word %lx", rig_word(0));
	close(fd);
	crashes(&p, "then it is gone");
}

/* Two misses within a millisecond are one; after a second the first is forgotten. */
static void test_times(void **state)
{
	struct packet p = request();
	struct bt_listen l;
	uint32_t zero = 0;
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	expect(&p, BT_X_VIP_UNHEARD, "first");
	bpf_map_lookup_elem(rig_map("st_listen"), &zero, &l);
	CHECK(l.miss_ns && l.number == BT_WORD_NUMBER(OPEN) && l.found == 1, "miss %llu number %llx found %x", l.miss_ns,
	      l.number, l.found);
	l.miss_ns = rig_now() + RIG_SEC;	/* as another CPU, ahead, may have noted it */
	bpf_map_update_elem(rig_map("st_listen"), &zero, &l, 0);
	expect(&p, BT_X_VIP_UNHEARD, "no time has passed");
	l.miss_ns = rig_now() - 1200 * MS;
	bpf_map_update_elem(rig_map("st_listen"), &zero, &l, 0);
	expect(&p, BT_X_VIP_UNHEARD, "the first was long ago");
	CHECK(rig_word(0) == OPEN, "word %lx", rig_word(0));
	after_a_while(&p);
	CHECK(rig_word(0) == LEFT, "then: word %lx", rig_word(0));
}

static void test_not_asked(void **state)
{
	struct packet p = request(), stray, later, ack;
	struct bt_seen busy;
	uint32_t zero = 0;
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	fd = server(AF_INET, SOCK_STREAM, 5070);
	stray = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = 5070, .proto = IPPROTO_TCP }, true);
	stays(&stray, "a transport that the port is not configured for");
	close(fd);
	stays(&stray, "nobody listens there any more");
	stray = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .dport = 5080, .text = OPTIONS }, false);
	stays(&stray, "a stray frame to another port");
	later = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .fragmented = true,
					     .frag = 64 | PACKET_MORE }, false);
	stays(&later, "a later fragment");
	ack = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP }, false);
	stays(&ack, "TCP within a connection");
	for (int i = 0; i < 20; i++, sleep_ms(2)) {
		bpf_map_lookup_elem(rig_map("st_seen"), &zero, &busy);
		busy.response_ns = rig_now() + 100 * MS;
		bpf_map_update_elem(rig_map("st_seen"), &zero, &busy, 0);
		expect(&p, BT_X_VIP_ACCEPTED, "a response has just left");
	}
	set_group(0);
	busy.response_ns = rig_now() - RIG_SEC;
	bpf_map_update_elem(rig_map("st_seen"), &zero, &busy, 0);
	stays(&p, "listener = off");
	set_group(BT_GROUP_LISTENER);
	crashes(&p, "asked");
}

/* An unleased gate lets nobody in, and does not let go for that. */
static void test_unleased(void **state)
{
	struct packet p = request();
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	rig_set_lease(0, rig_now() - 1);
	for (int i = 0; i < 3; i++, sleep_ms(2))
		expect(&p, BT_X_VIP_UNLEASED, "no lease");
	CHECK(rig_word(0) == OPEN, "word %lx", rig_word(0));
}

/* Nobody to take over: the frame goes on to the kernel, whose error tells the client. */
static void test_peer_not_ready(void **state)
{
	static const struct { const char *what; uint64_t word; uint32_t digest, flags; } peers[] = {
		{ "peer not armed", BT_WORD(7, 1, BT_SHUT), RIG_DIGEST, 0 },
		{ "peer armed at a lower number", BT_WORD(6, 1, BT_ARMED), RIG_DIGEST, 0 },
		{ "peer in relay", BT_WORD(7, 1, BT_RELAY), RIG_DIGEST, 0 },
		{ "peer with other VIPs", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST + 1, 0 },
		{ "peer without the group", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST, PULSE_F_KNOWN },
		{ "peer not leased", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST, PULSE_F_LEASED },
		{ "peer's server ill", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST, PULSE_F_RUNNING },
		{ "peer stopping", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST, PULSE_F_STOPPING },
		{ "peer fenced", BT_WORD(7, 1, BT_ARMED), RIG_DIGEST, PULSE_F_FENCED },
	};
	struct packet p = request();
	struct rig_pulse m;
	int fd;

	(void)state;
	for (size_t i = 0; i < N(peers); i++) {
		m = ready(2);
		m.block[0].word = peers[i].word;
		m.block[0].digest = peers[i].digest;
		m.block[0].flags ^= peers[i].flags;
		begin(&m);
		fd = server(AF_INET, SOCK_DGRAM, 5060);
		stays(&p, "listens");
		close(fd);
		stays(&p, peers[i].what);
		m = ready(3);
		hear(&m);
		after_a_while(&p);
		CHECK(rig_word(0) == LEFT, "%s, then ready: word %lx", peers[i].what, rig_word(0));
	}
}

/* When the peer last spoke of the group, and when by the path; 0: long ago. */
static void set_heard(uint64_t group_ns, uint64_t path_ns)
{
	struct bt_pair pair = rig_pair();
	struct bt_heard h;
	uint32_t zero = 0;

	bpf_map_lookup_elem(rig_map("st_heard"), &zero, &h);
	h.at_ns = group_ns ? group_ns : 1;
	bpf_map_update_elem(rig_map("st_heard"), &zero, &h, 0);
	pair.path[0].heard_ns = path_ns ? path_ns : 1;
	bpf_map_update_elem(rig_map("st_pair"), &zero, &pair, 0);
}

/* Frames would go by the interface they came in by: there the peer must be heard, and lately. */
static void test_peer_not_heard_here(void **state)
{
	struct packet p = request();
	struct bt_path path;
	uint32_t zero = 0;
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	set_interval(MS);
	sleep_ms(30);
	stays(&p, "peer's pulse is old");
	set_heard(0, rig_now() + RIG_SEC);
	stays(&p, "heard on the path, but nothing of the group");
	set_heard(rig_now() + RIG_SEC, 0);
	stays(&p, "heard of the group, but by another path");
	set_heard(rig_now(), rig_now());
	set_interval(10 * RIG_SEC);
	bpf_map_lookup_elem(rig_map("cfg_path"), &zero, &path);
	path.ifindex = 77;
	bpf_map_update_elem(rig_map("cfg_path"), &zero, &path, 0);
	stays(&p, "peer is heard on another interface");
	path.ifindex = 1;
	bpf_map_update_elem(rig_map("cfg_path"), &zero, &path, 0);
	after_a_while(&p);
	CHECK(rig_word(0) == LEFT, "heard here: word %lx", rig_word(0));
}

static void test_nobody_met(void **state)
{
	struct packet p = request();
	struct bt_pair pair;
	uint32_t zero = 0;
	int fd;

	(void)state;
	begin_ready();
	fd = server(AF_INET, SOCK_DGRAM, 5060);
	stays(&p, "listens");
	close(fd);
	pair = rig_pair();
	memset(pair.path[0].peer_mac, 0, sizeof(pair.path[0].peer_mac));
	bpf_map_update_elem(rig_map("st_pair"), &zero, &pair, 0);
	stays(&p, "the peer's Ethernet address is not known");
}

/* A connection's own socket, or what is left of one, is no listener; nor does it say that there is none. */
static void test_connection_is_no_listener(void **state)
{
	struct packet p = frame(&(struct packet_spec){ .from = "127.0.0.1", .to = RIG_VIP4, .sport = 40000,
						       .proto = IPPROTO_TCP }, true);
	struct packet fresh = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP },
				    true);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5060) };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(40000) };
	int listener, client, taken;

	(void)state;
	begin_ready();
	CHECK(!system("ip link set lo up && ip addr replace " RIG_VIP4 "/32 dev lo"), "lo");
	listener = server(AF_INET, SOCK_STREAM, 5060);
	inet_pton(AF_INET, RIG_VIP4, &at.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &from.sin_addr);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!bind(client, (void *)&from, sizeof(from)) && !connect(client, (void *)&at, sizeof(at)), "connect: %s",
	      strerror(errno));
	taken = accept(listener, NULL, NULL);
	stays(&fresh, "listens");
	close(listener);
	expect(&fresh, BT_X_VIP_UNHEARD, "first miss");
	stays(&p, "of a connection whose listener is gone");
	rig_xdp(&fresh, NULL, NULL);
	CHECK(rig_word(0) == LEFT, "the connection passed for a listener: word %lx", rig_word(0));
	close(client);
	close(taken);
	CHECK(!system("ip link set lo down && ip addr del " RIG_VIP4 "/32 dev lo"), "lo");
}

/*
 * Found for one client, or by one interface, only: the frame of another, that any stranger can send, is no
 * miss.
 */
static void test_not_for_all(void **state)
{
	struct packet one = frame(&(struct packet_spec){ .from = "127.0.0.1", .to = RIG_VIP4, .text = OPTIONS }, false);
	struct packet stranger = request();
	struct packet syn = frame(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = IPPROTO_TCP }, true);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5060) };
	struct sockaddr_in to = at;
	int udp, tcp;

	(void)state;
	begin_ready();
	CHECK(!system("ip link set lo up && ip addr replace " RIG_VIP4 "/32 dev lo"), "lo");
	inet_pton(AF_INET, RIG_VIP4, &at.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(!bind(udp, (void *)&at, sizeof(at)) && !connect(udp, (void *)&to, sizeof(to)), "connect: %s",
	      strerror(errno));
	stays(&one, "connected to this client");
	stays(&stranger, "and to no other");
	close(udp);
	begin_ready();
	udp = server(AF_INET, SOCK_DGRAM, 5060);
	tcp = server(AF_INET, SOCK_STREAM, 5060);
	CHECK(!setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) &&
	      !setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "bind to lo: %s", strerror(errno));
	stays(&stranger, "UDP, bound to this device");
	stays(&syn, "TCP, bound to this device");
	close(udp);
	close(tcp);
	stays(&stranger, "UDP, as if it came by another");
	stays(&syn, "TCP, as if it came by another");
	CHECK(!system("ip link set lo down && ip addr del " RIG_VIP4 "/32 dev lo"), "lo");
}

static int own_network(void **state)
{
	if (unshare(CLONE_NEWNET)) {
		print_error("a network namespace of its own: %s\n", strerror(errno));
		return -1;
	}
	return rig_open(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone), cmocka_unit_test(test_each_port), cmocka_unit_test(test_never_a_listener),
		cmocka_unit_test(test_found_at_another_number), cmocka_unit_test(test_found_at_another_address),
		cmocka_unit_test(test_found_at_another_port),
		cmocka_unit_test(test_away_for_a_moment), cmocka_unit_test(test_times), cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_unleased), cmocka_unit_test(test_peer_not_ready),
		cmocka_unit_test(test_peer_not_heard_here), cmocka_unit_test(test_nobody_met),
		cmocka_unit_test(test_connection_is_no_listener), cmocka_unit_test(test_not_for_all),
	};

	return cmocka_run_group_tests(tests, own_network, rig_close);
}
