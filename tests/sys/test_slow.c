/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_slow: frames as the data path hands them over, and what then reaches real sockets: servers, a client, a trunk.
 * Run in a network namespace of its own; all addresses are on its loopback but the foreign client's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include "dp_world.h"
#include "steer/slow_own.h"
#include "sys/clock.h"
#include "sys/dp_own.h"
#include "sys/dp_steer.h"
#include "sys/udp.h"

#define SHOULD_MS	20000		/* generous: how soon something must come */
#define SERVICE		"10.7.7.7"
#define SERVER_A	"10.7.1.1"
#define SERVER_B	"10.7.1.2"
#define CLIENT		"10.7.9.9"
#define FOREIGN		"10.200.0.9"	/* on no interface */
#define CALL		77ULL

static struct conf conf;
static struct dp *dp;
static struct slow *slow;
static int a, b, client;
static uint16_t port_a, port_b, port_c;

static struct in6_addr ip_of(const char *text)
{
	struct in6_addr ip;

	assert_true(siptext_ip((struct siptext_slice){ text, strlen(text) }, &ip));
	return ip;
}

static int listen_at(const char *text, uint16_t *port)
{
	struct in6_addr ip = ip_of(text);
	int fd = udp_open_at(&ip, port);

	assert_true(fd >= 0);
	return fd;
}

static void fill_server(struct bt_pool_server *to, const char *ip, uint16_t port, uint32_t epoch)
{
	struct in6_addr at = ip_of(ip), from = ip_of(SERVICE);

	memcpy(to->ip, &at, 16);
	memcpy(to->from, &from, 16);
	to->port = htons(port);
	to->ifindex = 1;
	to->epoch = epoch;
}

static void fill_pool(void)
{
	struct bt_pool *row = &dp_pools(dp)[1];
	struct in6_addr service = ip_of(SERVICE);

	memset(row, 0, sizeof(*row));
	row->forward = BT_FWD_NAT;
	row->port = htons(5060);
	memcpy(row->service, &service, 16);
	strcpy((char *)row->name, "sales");
	fill_server(&row->server[0], SERVER_A, port_a, 5);
	fill_server(&row->server[1], SERVER_B, port_b, 9);
	row->name_hash = 1;
}

static void fill_conf(void)
{
	memset(&conf, 0, sizeof(conf));
	conf.n_pools = 1;
	strcpy(conf.pools[0].name, "sales");
	conf.pools[0].forward = BT_FWD_NAT;
	conf.pools[0].shutdown_sip_reject_code = 302;
	conf.n_groups = 1;
	conf.groups[0].opt.shutdown_sip_reject_code = 480;
	conf.n_devices = 1;
	strcpy(conf.devices[0].name, "dr");
	strcpy(conf.site.dr_peer_trunk, "dr");
	conf.devices[0].contact = (struct conf_endpoint){ ip_of("192.0.2.1"), 5062 };
}

static int world(void **state)
{
	bool found;

	(void)state;
	a = listen_at(SERVER_A, &port_a);
	b = listen_at(SERVER_B, &port_b);
	client = listen_at(CLIENT, &port_c);
	OK(dp_open(&dp, OBJ, PINS, VERSION, ALL_STAGES, &found));
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	OK(dp_remove(dp));
	dp_close(dp);
	close(a);
	close(b);
	close(client);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	fill_pool();
	fill_conf();
	return slow_open(&slow, &conf, dp);
}

static int teardown(void **state)
{
	uint64_t key = CALL;

	(void)state;
	slow_close(slow);
	bpf_map_delete_elem(dp->map[DP_st_young], &key);
	return 0;
}

/* ---- frames -------------------------------------------------------------------------------------- */

static struct bt_slow frame;

static void put16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

static void put_end(uint8_t *ip, uint8_t *port, const char *text, uint16_t n)
{
	struct in6_addr at = ip_of(text);

	memcpy(ip, &at.s6_addr[12], 4);
	put16(port, n);
}

/* Ethernet, IPv4, UDP. */
static void make(enum bt_slow_kind kind, const char *from, uint16_t from_port, const char *to, uint16_t to_port, const char *text)
{
	uint8_t *ip = frame.frame + 14, *udp = ip + 20;
	size_t len = strlen(text);

	memset(&frame, 0, sizeof(frame));
	frame = (struct bt_slow){ .call_id = CALL, .kind = kind, .owner = 1, .server = 1, .l3 = 14, .payload = 42,
				  .len = (uint16_t)(42 + len) };
	ip[0] = 0x45;
	put16(ip + 2, 28 + len);
	ip[8] = 64;
	ip[9] = 17;
	put_end(ip + 12, udp, from, from_port);
	put_end(ip + 16, udp + 2, to, to_port);
	put16(udp + 4, 8 + len);
	memcpy(udp + 8, text, len);
}

static void take(void)
{
	slow_take(slow, &frame);
}

static const char *message(const char *start, const char *via, uint32_t cseq, const char *method, const char *more)
{
	static char text[2][1024];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s\r\nVia: SIP/2.0/UDP %s\r\n%sFrom: <sip:u@x>;tag=f\r\nTo: <sip:100@x>%s\r\nCall-ID: c1\r\n"
		 "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n", start, via, more, start[0] == 'S' ? ";tag=s" : "", cseq, method);
	return text[turn];
}

static const char *via_of(const char *branch)
{
	static char text[2][128];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), CLIENT ":%u;branch=z9hG4bK%s", port_c, branch);
	return text[turn];
}

static const char *invite(uint32_t cseq)
{
	return message("INVITE sip:100@" SERVICE " SIP/2.0", via_of("one"), cseq, "INVITE", "Max-Forwards: 70\r\n");
}

static const char *refusal(uint32_t cseq)
{
	return message("SIP/2.0 503 Service Unavailable", via_of("one"), cseq, "INVITE", "");
}

static void keep(const char *from)
{
	make(BT_SLOW_KEEP, from, port_c, SERVICE, 5060, invite(1));
	take();
}

static void refuse(uint8_t server, const char *to, const char *text)
{
	make(BT_SLOW_OVERFLOW, server == 1 ? SERVER_A : SERVER_B, server == 1 ? port_a : port_b, to, port_c, text);
	frame.server = server;
	frame.status = 503;
	take();
}

static void set_dialog(uint8_t server, uint32_t epoch, uint8_t state)
{
	struct bt_dialog d = { .epoch = epoch, .owner = 1, .server = server, .kind = BT_D_CALL, .state = state };
	uint64_t key = CALL;

	assert_int_equal(bpf_map_update_elem(dp->map[DP_st_young], &key, &d, BPF_ANY), 0);
}

static struct bt_dialog dialog(void)
{
	struct bt_dialog d;
	bool young;

	OK(dp_dialog_get(dp, CALL, &d, &young));
	return d;
}

/* ---- what came ----------------------------------------------------------------------------------- */

static char got[4096];

static bool hears(int fd, struct udp_addr *from, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = udp_recv(fd, from, got, sizeof(got) - 1);
	assert_true(n >= 0);
	got[n] = '\0';
	return true;
}

static void expect(int fd, const char *who, const char *begins, const char *from_ip, uint16_t from_port)
{
	struct in6_addr ip = ip_of(from_ip);
	struct udp_addr from;

	if (!hears(fd, &from, SHOULD_MS))
		fail_msg("%s was sent nothing, not '%s'", who, begins);
	if (strncmp(got, begins, strlen(begins)))
		fail_msg("%s was sent '%s', not '%s'", who, got, begins);
	if (memcmp(&from.ip, &ip, sizeof(ip)) || from.port != from_port)
		fail_msg("%s was sent '%s' from port %u, not from %s:%u", who, begins, from.port, from_ip, from_port);
}

static void expect_has(const char *text)
{
	if (!strstr(got, text))
		fail_msg("'%s' is not in '%s'", text, got);
}

/* All was sent before: what is there is there. */
static void expect_silence(void)
{
	struct udp_addr from;

	if (hears(a, &from, 0) || hears(b, &from, 0) || hears(client, &from, 0))
		fail_msg("somebody was sent '%s'", got);
}

static struct slow_counts counts(void)
{
	struct slow_counts c;

	slow_counts(slow, &c);
	return c;
}

/* ---- overflow ------------------------------------------------------------------------------------ */

static void refused_by_one_goes_to_the_other(void **state)
{
	(void)state;
	set_dialog(1, 5, BT_D_EARLY);
	keep(FOREIGN);
	refuse(1, FOREIGN, refusal(1));
	expect(b, "the other server", "INVITE sip:100@" SERVICE, FOREIGN, port_c);
	expect_has(via_of("one"));
	expect(a, "who refused", "ACK sip:100@" SERVICE, FOREIGN, port_c);
	expect_has("To: <sip:100@x>;tag=s\r\n");
	expect_has("CSeq: 1 ACK\r\n");
	assert_int_equal(dialog().server, 2);
	assert_int_equal(dialog().epoch, 9);
	refuse(1, FOREIGN, refusal(1));		/* it did not hear the ACK */
	expect(a, "who refused again", "ACK sip:100@" SERVICE, FOREIGN, port_c);
	expect_silence();
	assert_int_equal(counts().overflowed, 1);
}

static void only_once_a_call(void **state)
{
	(void)state;
	set_dialog(1, 5, BT_D_NEW);
	keep(CLIENT);
	refuse(1, CLIENT, refusal(1));
	expect(b, "the other server", "INVITE ", CLIENT, port_c);
	expect(a, "who refused", "ACK ", CLIENT, port_c);
	refuse(2, CLIENT, refusal(1));
	expect(client, "the client", refusal(1), SERVICE, 5060);
	assert_int_equal(dialog().state, BT_D_OVER);
	expect_silence();
}

static void nothing_is_lost_where_it_cannot_go(void **state)
{
	struct bt_pool *row = &dp_pools(dp)[1];

	(void)state;
	refuse(1, CLIENT, refusal(1));		/* not kept */
	expect(client, "the client", refusal(1), SERVICE, 5060);
	assert_int_equal(counts().not_kept, 1);
	keep(CLIENT);
	refuse(1, CLIENT, refusal(2));		/* of another transaction */
	expect(client, "the client", refusal(2), SERVICE, 5060);
	refuse(1, CLIENT, "SIP/2.0 503 what is this");
	expect(client, "the client", "SIP/2.0 503 what", SERVICE, 5060);
	row->flags |= BT_POOL_SILENT(2);
	set_dialog(1, 5, BT_D_NEW);
	refuse(1, CLIENT, refusal(1));
	expect(client, "the client", refusal(1), SERVICE, 5060);
	row->flags = 0;
	refuse(1, CLIENT, refusal(1));		/* the client has heard it: too late */
	expect(client, "the client", refusal(1), SERVICE, 5060);
	expect_silence();
	assert_int_equal(counts().overflowed, 0);
}

/* The caller has hung up; the other server is being drained; the entry is gone. */
static void not_where_it_must_not(void **state)
{
	static const struct { uint64_t aim; uint8_t state; bool known; } rows[] = {
		{ BT_AIM(1, 0, 0, 1), BT_D_ENDING, true }, { BT_AIM(1, 0, 2, 1), BT_D_NEW, true },
		{ BT_AIM(1, BT_AIM_REJECT, 0, 1), BT_D_NEW, true }, { BT_AIM(1, 0, 0, 1), BT_D_NEW, false },
	};
	uint64_t key = CALL;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kept_clear(slow->kept);
		dp_pools(dp)[1].aim = rows[i].aim;
		set_dialog(1, 5, rows[i].state);
		if (!rows[i].known)
			bpf_map_delete_elem(dp->map[DP_st_young], &key);
		keep(CLIENT);
		refuse(1, CLIENT, refusal(1));
		expect(client, "the client", refusal(1), SERVICE, 5060);
	}
	expect_silence();
}

/* ---- refusals ------------------------------------------------------------------------------------ */

static void new_invites_are_refused(void **state)
{
	char first[sizeof(got)];

	(void)state;
	make(BT_SLOW_REJECT, CLIENT, port_c, SERVICE, 5060, invite(1));
	take();
	expect(client, "the client", "SIP/2.0 302 Moved Temporarily\r\n", SERVICE, 5060);
	expect_has("Contact: <sip:192.0.2.1:5062>\r\n");
	strcpy(first, got);
	take();
	expect(client, "the client", first, SERVICE, 5060);	/* To-tag and all */
	frame.owner = BT_OWNER_GROUP | 0;
	take();
	expect(client, "the client", "SIP/2.0 480 Temporarily Unavailable\r\n", SERVICE, 5060);
	assert_null(strstr(got, "Contact"));
	conf.pools[0].shutdown_sip_reject_code = 603;
	assert_int_equal(slow_reload(slow, &conf), 0);
	frame.owner = 1;
	take();
	expect(client, "the client", "SIP/2.0 603 Decline\r\n", SERVICE, 5060);
	frame.frame[14 + 6] = 0x20;			/* a first fragment, the rest of the body is elsewhere */
	put16(frame.frame + 14 + 20 + 4, 3000);
	take();
	expect(client, "the client, whose INVITE came in fragments", "SIP/2.0 603 Decline\r\n", SERVICE, 5060);
	make(BT_SLOW_REJECT, "127.0.0.1", port_c, SERVICE, 5060, invite(1));
	take();						/* nothing to a loopback, malformed */
	make(BT_SLOW_REJECT, CLIENT, port_c, SERVICE, 5060, message("ACK sip:100@x SIP/2.0", via_of("one"), 1, "ACK", ""));
	take();
	expect_silence();
	assert_int_equal(counts().rejected, 5);
	assert_int_equal(counts().malformed, 2);
}

/* ---- packets in packets -------------------------------------------------------------------------- */

static void a_long_packet_is_cut(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_IPIP);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[1473] = "";
	ssize_t n;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	inet_pton(AF_INET, SERVER_B, &at.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	shell("ip link set lo mtu 1500");
	make(BT_SLOW_BIG, FOREIGN, 40000, SERVICE, 5060, text);
	frame.server = 2;
	take();
	assert_int_equal(poll(&p, 1, SHOULD_MS), 1);
	n = recv(fd, got, sizeof(got), 0);	/* put together again by the kernel */
	shell("ip link set lo mtu 65536");
	close(fd);
	assert_int_equal(n, 20 + 1500);
	assert_int_equal((uint8_t)got[9], IPPROTO_IPIP);
	assert_int_equal((uint8_t)got[20 + 8], 63);
	assert_memory_equal(got + 20 + 28, text, 1472);
	assert_int_equal(counts().cut, 1);
}

/* ---- sent on ------------------------------------------------------------------------------------- */

static void send_on(const char *uri, const char *more)
{
	char start[128], via[128];

	snprintf(start, sizeof(start), "INVITE %s SIP/2.0", uri);
	snprintf(via, sizeof(via), SERVER_A ":%u;branch=z9hG4bKb", port_a);
	make(BT_SLOW_FROM_SERVER, SERVER_A, port_a, SERVICE, 5060, message(start, via, 7, "INVITE", more));
	take();
}

static void requests_of_a_server_go_by_their_uri(void **state)
{
	char uri[64], answer[4096], route[128];
	struct udp_addr proxy;
	char *via, *end;

	(void)state;
	snprintf(uri, sizeof(uri), "sip:u@" CLIENT ":%u", port_c);
	send_on(uri, "Route: <sip:" SERVICE ";lr>\r\nMax-Forwards: 10\r\n");
	if (!hears(client, &proxy, SHOULD_MS))
		fail_msg("nothing was sent on");
	assert_null(strstr(got, "Route:"));
	expect_has("Max-Forwards: 9\r\n");
	via = strstr(got, "Via: ");
	end = strstr(got, "From: ");
	snprintf(answer, sizeof(answer), "SIP/2.0 200 OK\r\n%.*sFrom: a\r\nTo: b;tag=1\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n\r\n", (int)(end - via), via);
	assert_int_equal(udp_send(client, &proxy, answer, strlen(answer)), 0);
	expect(a, "the server", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP " SERVER_A, SERVICE, 5060);
	expect_has("branch=z9hG4bKb");
	/* Another way back than that which was asked for, or another call: not ours to send. */
	*strstr(answer, "c1\r\nCSeq") = 'd';
	assert_int_equal(udp_send(client, &proxy, answer, strlen(answer)), 0);
	for (int i = 0; i < SHOULD_MS / 10 && !counts().malformed; i++)
		usleep(10000);
	assert_int_equal(counts().malformed, 1);
	snprintf(route, sizeof(route), "Route: <sip:%s:%u;lr>\r\n", SERVER_B, port_b);
	send_on(uri, route);
	if (!hears(b, &proxy, SHOULD_MS))
		fail_msg("the Route was not followed");
	expect_silence();
}

static void what_cannot_be_sent_on_is_answered(void **state)
{
	(void)state;
	send_on("sip:u@" CLIENT ";transport=tcp", "");
	expect(a, "the server", "SIP/2.0 503 Service Unavailable\r\n", SERVICE, 5060);
	send_on("tel:+4312345", "");
	expect(a, "the server", "SIP/2.0 503 Service Unavailable\r\n", SERVICE, 5060);
	send_on("sip:u@" SERVICE, "");
	expect(a, "the server", "SIP/2.0 482 Loop Detected\r\n", SERVICE, 5060);
	send_on("sip:u@" CLIENT, "Max-Forwards: 0\r\n");
	expect(a, "the server", "SIP/2.0 483 Too Many Hops\r\n", SERVICE, 5060);
	expect_silence();
}

/* The resolver has no name server here: the name is not known, which is said when it is asked for again. */
static void names_are_asked_for(void **state)
{
	struct udp_addr from;
	bool told = false;

	(void)state;
	for (int i = 0; i < SHOULD_MS / 20 && !told; i++) {
		send_on("sip:u@no-such-host.invalid", "");
		told = hears(a, &from, 20);
	}
	if (!told || strncmp(got, "SIP/2.0 503", 11))
		fail_msg("a name that nobody knows: %s", told ? got : "no answer");
	while (hears(a, &from, 0))
		;
}

/* ---- hostile frames ------------------------------------------------------------------------------ */

static void every_truncation(void **state)
{
	static const enum bt_slow_kind kinds[] = { BT_SLOW_KEEP, BT_SLOW_OVERFLOW, BT_SLOW_REJECT, BT_SLOW_BIG, BT_SLOW_FROM_SERVER, 99 };
	struct udp_addr from;

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		make(kinds[k], CLIENT, port_c, SERVICE, 5060, invite(1));
		for (uint16_t n = frame.len; n; n--) {
			frame.len = n - 1;
			take();
		}
		for (uint32_t i = 0; i < 100; i++) {
			make(kinds[k], CLIENT, port_c, SERVICE, 5060, invite(1));
			frame.frame[14 + i % 34] ^= (uint8_t)(1 + i * 37);
			frame.l3 = i % 3 ? 14 : (uint16_t)(i * 1000);
			frame.payload = i % 5 ? 42 : (uint16_t)(i * 700);
			frame.server = (uint8_t)i;
			frame.owner = (uint16_t)(i * 771);
			take();
		}
	}
	while (hears(a, &from, 0) || hears(b, &from, 0) || hears(client, &from, 0))
		;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(refused_by_one_goes_to_the_other),
		TEST(only_once_a_call),
		TEST(nothing_is_lost_where_it_cannot_go),
		TEST(not_where_it_must_not),
		TEST(new_invites_are_refused),
		TEST(a_long_packet_is_cut),
		TEST(requests_of_a_server_go_by_their_uri),
		TEST(what_cannot_be_sent_on_is_answered),
		TEST(names_are_asked_for),
		TEST(every_truncation),
	};

	if (enter_own_world())
		return 1;
	shell("ip link set lo up && for i in " SERVICE " " SERVER_A " " SERVER_B " " CLIENT "; do ip addr add $i/32 dev lo || exit 1; done");
	shell("ip route add 10.200.0.0/16 dev lo");
	return cmocka_run_group_tests(tests, world, world_end);
}
