// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_forward: does a frame come to its pool's server as it should, byte for byte, and back? What may not go on is told
 * or dropped.
 *
 * Expected frames are made by hand and summed up from the beginning; the programs change checksums by the difference.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE4	"192.0.2.10"
#define SERVICE6	"2001:db8::10"
#define CLIENT4		"198.51.100.7"
#define CLIENT6		"2001:db8:1::7"
#define SERVER4		"203.0.113.20"
#define SERVER6		"2001:db8:2::20"
#define FROM4		"203.0.113.1"
#define FROM6		"2001:db8:2::1"
#define NEXT_MAC	"\x02\x00\x00\x00\x00\x14"
#define OUR_MAC		"\x02\x00\x00\x00\x00\x0a"
#define SERVER_PORT	5070
#define LO		1
#define POOL		1
#define INVITE		"INVITE sip:1@example.com SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n" \
			"To: <sip:c@d>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

static const char *const steer_names[BT_S__N] = {
#define NAME(name, text) #name,
	BT_STEER_EXITS(NAME)
#undef NAME
};

static void put_map(const char *map, const void *key, const void *value)
{
	int err = bpf_map_update_elem(rig_map(map), key, value, BPF_ANY);

	CHECK(!err, "%s: %s", map, strerror(errno));
}

static void put_service(const char *text, uint16_t port, struct bt_service service)
{
	struct bt_service4_key key4 = { .port = htons(port) };
	struct bt_service6_key key6 = { .port = htons(port) };
	struct in6_addr ip;

	packet_ip(text, &ip);
	memcpy(&key4.ip, ip.s6_addr + 12, 4);
	memcpy(key6.ip, &ip, 16);
	if (strchr(text, ':'))
		put_map("cfg_service6", &key6, &service);
	else
		put_map("cfg_service4", &key4, &service);
}

/* A pool whose server 1 is active and is reached as @forward says. */
struct way {
	int forward;
	const char *service, *server, *from;
	uint32_t ifindex;
	uint16_t mtu, port;
};

static void set_pool(const struct way *w)
{
	struct bt_steer steer = { .key = { 1, 2 }, .tick_s = 100, .n_pools = 1, .new_max = 1000000 };
	struct bt_pool pool = { .aim = BT_AIM(1, 0, 0, 1), .name_hash = 1, .forward = w->forward, .port = htons(5060) };
	uint32_t zero = 0, one = POOL;

	packet_ip(w->service, (struct in6_addr *)pool.service);
	for (int i = 0; i < BT_SERVERS; i++) {
		struct bt_pool_server *s = &pool.server[i];

		s->ifindex = w->ifindex;
		s->epoch = 1;
		s->mtu = w->mtu;
		s->port = htons(w->port ? w->port : 5060);
		memcpy(s->next_mac, NEXT_MAC, 6);
		memcpy(s->our_mac, OUR_MAC, 6);
		packet_ip(w->server, (struct in6_addr *)s->ip);
		if (w->from)
			packet_ip(w->from, (struct in6_addr *)s->from);
		s->ip[15] += i;
		s->next_mac[5] += i;
	}
	put_map("cfg_pool", &one, &pool);
	put_map("cfg_steer", &zero, &steer);
	put_service(w->service, 5060, (struct bt_service){ POOL, 0, 1 });
	put_service(w->service, 0, (struct bt_service){ POOL, 0, 0 });	/* for fragments whose first was not seen */
	put_service(w->service, 5061, (struct bt_service){ POOL, 0, 0 });
	if (w->from)
		put_service(w->server, w->port ? w->port : 5060, (struct bt_service){ POOL, 1, 0 });
}

static void exits(uint64_t ret[BT_S__N])
{
	static struct bt_count per_cpu[1024];
	int cpus = libbpf_num_possible_cpus();

	for (uint32_t i = 0; i < BT_S__N; i++) {
		CHECK(!bpf_map_lookup_elem(rig_map("st_steer"), &i, per_cpu), "st_steer");
		ret[i] = 0;
		for (int c = 0; c < cpus; c++)
			ret[i] += per_cpu[c].packets;
	}
}

static uint32_t steer_once(const struct packet *in, struct packet *out, uint32_t *ret_verdict)
{
	uint64_t before[BT_S__N], after[BT_S__N];
	uint32_t exit = BT_S__N;

	exits(before);
	*ret_verdict = rig_verdict(in, out);
	exits(after);
	for (uint32_t i = 0; i < BT_S__N; i++) {
		if (after[i] == before[i])
			continue;
		CHECK(exit == BT_S__N && after[i] == before[i] + 1, "%s moved by %d", steer_names[i], (int)(after[i] - before[i]));
		exit = i;
	}
	CHECK(exit < BT_S__N, "the frame was not steered");
	return exit;
}

/* ---- frames made and summed up by this file ---- */

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void set16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v & 0xff;
}

static uint32_t sum16(const uint8_t *b, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? b[i] : b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool is6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

static void sum_ip(uint8_t *ip)
{
	if (is6(ip))
		return;
	set16(ip + 10, 0);
	set16(ip + 10, ~sum16(ip, (ip[0] & 15) * 4, 0));
}

/* The checksum of @len bytes of UDP, TCP, ICMP or ICMPv6 at @l4; a UDP checksum of 0 over IPv4 stays. */
static void sum_l4(uint8_t *ip, uint8_t *l4, uint8_t proto, uint32_t len)
{
	uint32_t at = proto == IPPROTO_UDP ? 6 : proto == IPPROTO_TCP ? 16 : 2;
	uint32_t pseudo = proto == IPPROTO_ICMP ? 0 : sum16(ip + (is6(ip) ? 8 : 12), is6(ip) ? 32 : 8, proto + len);
	uint16_t sum;

	if (proto == IPPROTO_UDP && !is6(ip) && !get16(l4 + at))
		return;
	set16(l4 + at, 0);
	sum = ~sum16(l4, len, pseudo);
	set16(l4 + at, proto == IPPROTO_UDP && !sum ? 0xffff : sum);
}

static void sum_all(struct packet *p, uint8_t proto)
{
	uint8_t *ip = p->data + p->l3;

	sum_ip(ip);
	sum_l4(ip, p->data + p->l4, proto, p->l3 + (is6(ip) ? 40 + get16(ip + 4) : get16(ip + 2)) - p->l4);
}

static void set_address(struct packet *p, const char *text, bool source)
{
	uint8_t *ip = p->data + p->l3;
	struct in6_addr a;

	packet_ip(text, &a);
	if (is6(ip))
		memcpy(ip + (source ? 8 : 24), &a, 16);
	else
		memcpy(ip + (source ? 12 : 16), a.s6_addr + 12, 4);
}

static void set_macs(struct packet *p, const char *to, const char *from)
{
	memcpy(p->data, to, 6);
	memcpy(p->data + 6, from, 6);
}

static uint8_t *ttl_of(struct packet *p)
{
	return p->data + p->l3 + (is6(p->data + p->l3) ? 7 : 8);
}

/* VLAN tags off. */
static void strip_tags(struct packet *p)
{
	uint32_t tags = p->l3 - 14;

	memmove(p->data + 12, p->data + 12 + tags, p->len - 12 - tags);
	p->l3 -= tags, p->l4 -= tags, p->payload -= tags, p->len -= tags;
}

/* @n bytes of room before IP, and the Ethertype of what will be there. */
static void make_room(struct packet *p, uint32_t n, uint16_t type)
{
	memmove(p->data + p->l3 + n, p->data + p->l3, p->len - p->l3);
	p->len += n;
	set16(p->data + p->l3 - 2, type);
}

static void expect(const struct packet *in, const struct packet *want, uint32_t exit, uint32_t verdict, const char *what)
{
	struct packet out;
	uint32_t got_verdict, got = steer_once(in, &out, &got_verdict);

	CHECK(got == exit && got_verdict == verdict, "%s: %s with verdict %u, not %s with %u", what, steer_names[got], got_verdict,
	      steer_names[exit], verdict);
	if (!want)
		return;
	CHECK(out.len == want->len, "%s: left with %u bytes, not %u", what, out.len, want->len);
	for (uint32_t i = 0; i < want->len; i++)
		CHECK(out.data[i] == want->data[i], "%s: byte %u (%d of IP) is 0x%02x, not 0x%02x", what, i, (int)(i - want->l3),
		      out.data[i], want->data[i]);
}

static const char *name_of(const char *what, int v6, int vlans)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s, IPv%d, %d tags", what, v6 ? 6 : 4, vlans);
	return text;
}

static struct packet_spec spec_of(int v6, int vlans)
{
	return (struct packet_spec){ .vlans = vlans, .from = v6 ? CLIENT6 : CLIENT4, .to = v6 ? SERVICE6 : SERVICE4, .text = INVITE };
}

static struct way way_of(int forward, int v6, uint32_t ifindex)
{
	return (struct way){ .forward = forward, .service = v6 ? SERVICE6 : SERVICE4, .server = v6 ? SERVER6 : SERVER4,
			     .from = v6 ? FROM6 : FROM4, .ifindex = ifindex, .mtu = 1500, .port = SERVER_PORT };
}

/* ---- L2 ---- */

static void l2_case(int v6, int vlans, uint32_t ifindex)
{
	struct way way = way_of(BT_FWD_L2, v6, ifindex);
	struct packet_spec spec = spec_of(v6, vlans);
	struct packet in, want;

	set_pool(&way);
	packet_make(&in, &spec);
	want = in;
	if (ifindex != LO)
		strip_tags(&want);
	set_macs(&want, NEXT_MAC, OUR_MAC);
	expect(&in, &want, BT_S_SENT, ifindex == LO ? XDP_TX : XDP_REDIRECT, name_of("L2", v6, vlans));
}

static void test_l2(void **state)
{
	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++)
		for (int v6 = 0; v6 <= 1; v6++) {
			l2_case(v6, vlans, LO);
			l2_case(v6, vlans, 777);
		}
}

static void test_nowhere(void **state)
{
	struct way way = way_of(BT_FWD_L2, 0, 0);
	struct packet_spec spec = spec_of(0, 0);
	struct packet in;

	(void)state;
	packet_make(&in, &spec);
	set_pool(&way);
	expect(&in, &in, BT_S_NO_NEXT_HOP, XDP_DROP, "no next hop");
	for (way.forward = 0; way.forward < BT_FWD__N; way.forward++) {
		way.ifindex = LO;
		set_pool(&way);
		memcpy(in.data + 6, OUR_MAC, 6);
		expect(&in, &in, BT_S_LOOP, XDP_DROP, "sent by ourselves");
		memcpy(in.data + 6, NEXT_MAC, 6);
		expect(&in, NULL, way.forward == BT_FWD_L2 ? BT_S_LOOP : BT_S_SENT, way.forward == BT_FWD_L2 ? XDP_DROP : XDP_TX,
		       "sent by the next hop");
	}
}

static void test_ttl(void **state)
{
	struct packet_spec spec;
	struct packet in, want;

	(void)state;
	for (int v6 = 0; v6 <= 1; v6++)
		for (int forward = 0; forward < BT_FWD__N; forward++)
			for (int ttl = 0; ttl <= 2; ttl++) {
				struct way way = way_of(forward, v6, LO);
				bool ends = forward != BT_FWD_L2 && ttl < 2;

				set_pool(&way);
				spec = spec_of(v6, 0);
				packet_make(&in, &spec);
				*ttl_of(&in) = ttl;
				sum_all(&in, IPPROTO_UDP);
				want = in;
				expect(&in, ends ? &want : NULL, ends ? BT_S_TTL : BT_S_SENT, ends ? XDP_DROP : XDP_TX, "TTL");
			}
}

/* ---- IPIP ---- */

/* The outer header that the frame @want, which has room for it, must have; an identification is taken from @got. */
static void put_outer(struct packet *want, int outer6, const uint8_t *inner, const struct packet *got)
{
	uint8_t tos = is6(inner) ? (uint8_t)(inner[0] << 4 | inner[1] >> 4) : inner[1];
	uint32_t len = is6(inner) ? 40 + get16(inner + 4) : get16(inner + 2);
	uint8_t *o = want->data + want->l3;
	bool df = !is6(inner) && inner[6] & 0x40;

	memset(o, 0, outer6 ? 40 : 20);
	if (outer6) {
		o[0] = 0x60 | tos >> 4;
		o[1] = tos << 4;
		set16(o + 4, len);
		o[6] = is6(inner) ? 41 : 4;
		o[7] = 64;
	} else {
		o[0] = 0x45;
		o[1] = tos;
		set16(o + 2, len + 20);
		if (!df)
			memcpy(o + 4, got->data + want->l3 + 4, 2);
		o[6] = df ? 0x40 : 0;
		o[8] = 64;
		o[9] = is6(inner) ? 41 : 4;
	}
	set_address(want, outer6 ? FROM6 : FROM4, true);
	set_address(want, outer6 ? SERVER6 : SERVER4, false);
	sum_ip(o);
}

static void ipip_case(int inner6, int outer6, int vlans, bool df, uint32_t ifindex)
{
	struct way way = way_of(BT_FWD_IPIP, outer6, ifindex);
	struct packet_spec spec = spec_of(inner6, vlans);
	struct packet in, want, got;
	uint32_t verdict, room = outer6 ? 40 : 20;
	uint8_t *ip;

	way.service = inner6 ? SERVICE6 : SERVICE4;
	set_pool(&way);
	packet_make(&in, &spec);
	ip = in.data + in.l3;
	if (inner6) {
		ip[0] = 0x6b;	/* traffic class 0xb8 and ECN 3, a flow label */
		ip[1] = 0xb9;
	} else {
		ip[1] = 0xbb;
		ip[6] = df ? 0x40 : 0;
		sum_ip(ip);
	}
	want = in;
	--*ttl_of(&want);
	sum_ip(want.data + want.l3);
	if (ifindex != LO)
		strip_tags(&want);
	make_room(&want, room, outer6 ? 0x86dd : 0x0800);
	set_macs(&want, NEXT_MAC, OUR_MAC);
	CHECK(steer_once(&in, &got, &verdict) == BT_S_SENT, "IPIP: not sent");
	put_outer(&want, outer6, want.data + want.l3 + room, &got);
	CHECK(verdict == (ifindex == LO ? XDP_TX : XDP_REDIRECT), "IPIP: verdict %u", verdict);
	CHECK(got.len == want.len && !memcmp(got.data, want.data, want.len), "IPv%d in IPv%d, %d tags, DF %d: not as expected",
	      inner6 ? 6 : 4, outer6 ? 6 : 4, vlans, df);
}

static void test_ipip(void **state)
{
	(void)state;
	for (int i = 0; i < 16; i++)
		for (int vlans = 0; vlans <= 2; vlans++)
			ipip_case(i & 1, !!(i & 2), vlans, i & 4, i & 8 ? 777 : LO);
}

/* What may be cut is given pieces of their own to be known by. */
static void test_ipip_id(void **state)
{
	struct way way = way_of(BT_FWD_IPIP, 0, LO);
	struct packet_spec spec = spec_of(0, 0);
	uint32_t verdict, same = 0;
	uint16_t last = 0;
	struct packet in, got;

	(void)state;
	set_pool(&way);
	packet_make(&in, &spec);
	in.data[in.l3 + 6] = 0;
	sum_ip(in.data + in.l3);
	for (int i = 0; i < 50; i++) {
		steer_once(&in, &got, &verdict);
		same += get16(got.data + in.l3 + 4) == last;
		last = get16(got.data + in.l3 + 4);
	}
	CHECK(same < 5, "%u of 50 packets that may be cut have the identification of the one before", same);
}

/* ---- NAT ---- */

static uint32_t some(uint32_t n)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

static void some_address(char *text, size_t n, int v6)
{
	if (v6)
		snprintf(text, n, "2001:%x:%x:%x:%x:%x:%x:%x", some(65536), some(65536), some(65536), some(65536), some(65536),
			 some(65536), some(65536));
	else
		snprintf(text, n, "%u.%u.%u.%u", 1 + some(126), some(256), some(256), 1 + some(254));
}

/* The last two bytes of the payload make the checksum that computes as @check. */
static void bend(struct packet *p, uint8_t proto, uint16_t check)
{
	uint32_t at = proto == IPPROTO_UDP ? 6 : 16;
	uint8_t *last = p->data + p->len - 2;
	uint32_t sum;

	set16(last, 0);
	sum_all(p, proto);
	sum = get16(p->data + p->l4 + at) + (uint16_t)~check;	/* what the words are still short of */
	sum = (sum & 0xffff) + (sum >> 16);
	if ((p->len - p->l4) & 1)
		sum = (sum & 0xff) << 8 | sum >> 8;
	set16(last, sum);
	sum_all(p, proto);
}

/* One random packet to the service and what must become of it. @proto and @how decide about its checksum. */
static void nat_case(int v6, uint8_t proto, int how)
{
	static uint8_t payload[1400];
	char client[64], server[64];
	struct packet_spec spec = { .vlans = some(3), .from = client, .to = v6 ? SERVICE6 : SERVICE4, .ihl = v6 ? 0 : 5 + some(11),
				    .exts = v6 ? some(4) : 0, .proto = proto, .sport = 1 + some(65535),
				    .dport = some(4) ? 5060 : 5061, .payload = payload, .payload_len = some(sizeof(payload)) };
	struct way way = { .forward = BT_FWD_NAT, .service = spec.to, .server = server, .ifindex = LO, .port = 1 + some(65535) };
	struct packet in, want;

	some_address(client, sizeof(client), v6);
	some_address(server, sizeof(server), v6);
	for (uint32_t i = 0; i < spec.payload_len; i++)
		payload[i] = some(256);
	set_pool(&way);
	packet_make(&in, &spec);
	sum_all(&in, proto);
	if (how == 1 && proto == IPPROTO_UDP && !v6)
		set16(in.data + in.l4 + 6, 0);
	if (how == 2 && spec.payload_len >= 2)
		bend(&in, proto, some(2) ? 0 : some(65536));
	want = in;
	--*ttl_of(&want);
	set_address(&want, server, false);
	if (spec.dport == 5060)
		set16(want.data + want.l4 + 2, way.port);
	sum_all(&want, proto);
	if (how == 3 && spec.payload_len >= 2) {	/* now the other way round: the result is 0 */
		bend(&want, proto, 0);
		memcpy(in.data + in.len - 2, want.data + want.len - 2, 2);
		sum_all(&in, proto);
	}
	set_macs(&want, NEXT_MAC, OUR_MAC);
	expect(&in, &want, BT_S_SENT, XDP_TX, name_of(proto == IPPROTO_UDP ? "NAT of UDP" : "NAT of TCP", v6, spec.vlans));
}

static void test_nat(void **state)
{
	uint32_t zeros = 0;

	(void)state;
	for (int i = 0; i < 8000; i++) {
		nat_case(i & 1, i & 2 ? IPPROTO_UDP : IPPROTO_TCP, i >> 2 & 3);
		zeros += (i >> 2 & 3) == 3;
	}
	CHECK(zeros, "no checksum of 0 was met");
}

/* The first fragment has the checksum of a whole that is not here; later ones have addresses alone. */
static void test_nat_fragments(void **state)
{
	(void)state;
	for (int v6 = 0; v6 <= 1; v6++)
		for (int later = 0; later <= 1; later++) {
			struct way way = way_of(BT_FWD_NAT, v6, LO);
			struct packet_spec spec = spec_of(v6, 0);
			uint8_t *from, *to, *l4;
			struct packet in, want;
			uint32_t sum;

			set_pool(&way);
			spec.fragmented = true;
			spec.frag = later ? 64 : PACKET_MORE;
			packet_make(&in, &spec);
			want = in;
			--*ttl_of(&want);
			set_address(&want, v6 ? SERVER6 : SERVER4, false);
			sum_ip(want.data + want.l3);
			set_macs(&want, NEXT_MAC, OUR_MAC);
			if (!later) {
				from = in.data + in.l3 + (v6 ? 24 : 16);
				to = want.data + want.l3 + (v6 ? 24 : 16);
				l4 = want.data + want.l4;
				set16(l4 + 2, SERVER_PORT);
				/* not old + new of what changed, RFC 1624 */
				sum = (uint16_t)~get16(l4 + 6) + (uint16_t)~5060 + SERVER_PORT;
				sum = sum16(to, v6 ? 16 : 4, sum) + (0xffff - sum16(from, v6 ? 16 : 4, 0));
				set16(l4 + 6, ~sum16((const uint8_t *)"", 0, sum));
			}
			expect(&in, &want, BT_S_SENT, XDP_TX, name_of(later ? "later fragment" : "first fragment", v6, 0));
		}
}

/* A TCP header that ends in a first fragment before its checksum cannot be translated. */
static void test_nat_cut(void **state)
{
	struct way way = way_of(BT_FWD_NAT, 0, LO);
	struct packet_spec spec = spec_of(0, 0);
	uint32_t verdict, exit;
	struct packet in;

	(void)state;
	set_pool(&way);
	spec.proto = IPPROTO_TCP;
	spec.text = "";
	spec.fragmented = true;
	spec.frag = PACKET_MORE;
	packet_make(&in, &spec);
	in.len = in.l4 + 8;
	set16(in.data + in.l3 + 2, 28);
	sum_ip(in.data + in.l3);
	exit = steer_once(&in, NULL, &verdict);
	CHECK(verdict == XDP_DROP, "a TCP header of 8 bytes: %s, verdict %u", steer_names[exit], verdict);
}

/* ---- too long ---- */

static void sized(struct packet *p, int v6, int vlans, uint32_t len, bool df)
{
	static char text[1600];
	struct packet_spec spec = spec_of(v6, vlans);

	memset(text, 'x', sizeof(text));
	memcpy(text, INVITE, strlen(INVITE));
	spec.text = NULL;
	spec.payload = text;
	spec.payload_len = len - (v6 ? 48 : 28);
	packet_make(p, &spec);
	if (!v6 && !df) {
		p->data[p->l3 + 6] = 0;
		sum_ip(p->data + p->l3);
	}
}

/* What the sender of @in must be told: @mtu, by @from. */
static void told(struct packet *ret, const struct packet *in, const char *from, uint32_t mtu, const struct packet *got)
{
	bool v6 = is6(in->data + in->l3);
	uint32_t quote = v6 ? 1232 : 548, head = v6 ? 48 : 28;
	uint8_t *ip;

	*ret = *in;
	make_room(ret, head, v6 ? 0x86dd : 0x0800);
	memcpy(ret->data, in->data + 6, 6);
	memcpy(ret->data + 6, in->data, 6);
	ret->len = ret->l3 + head + quote;
	ret->l4 = ret->l3 + head - 8;
	ip = ret->data + ret->l3;
	memset(ip, 0, head);
	if (v6) {
		ip[0] = 0x60;
		set16(ip + 4, 8 + quote);
		ip[6] = IPPROTO_ICMPV6;
		ip[7] = 64;
		memcpy(ip + 24, in->data + in->l3 + 8, 16);
		ip[40] = 2;
		set16(ip + 46, mtu);
	} else {
		ip[0] = 0x45;
		ip[1] = 0xc0;
		set16(ip + 2, head + quote);
		memcpy(ip + 4, got->data + ret->l3 + 4, 2);
		ip[8] = 64;
		ip[9] = IPPROTO_ICMP;
		memcpy(ip + 16, in->data + in->l3 + 12, 4);
		ip[20] = 3;
		ip[21] = 4;
		set16(ip + 26, mtu);
	}
	set_address(ret, from, true);
	sum_all(ret, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static void expect_told(const struct packet *in, const char *from, uint32_t mtu, const char *what)
{
	struct packet want, got;
	uint32_t verdict, exit = steer_once(in, &got, &verdict);

	CHECK(exit == BT_S_TOLD && verdict == XDP_TX, "%s: %s, verdict %u", what, steer_names[exit], verdict);
	told(&want, in, from, mtu, &got);
	CHECK(got.len == want.len, "%s: the answer has %u bytes, not %u", what, got.len, want.len);
	for (uint32_t i = 0; i < want.len; i++)
		CHECK(got.data[i] == want.data[i], "%s: byte %u of the answer is 0x%02x, not 0x%02x", what, i, got.data[i], want.data[i]);
}

static void drain_slow(void);

static void big_case(int forward, int v6, int outer6, int vlans)
{
	struct way way = way_of(forward, outer6, LO);
	uint32_t room = forward == BT_FWD_IPIP ? (outer6 ? 40 : 20) : 0, fits = 1400 - room;
	const char *what = name_of(forward == BT_FWD_IPIP ? "IPIP, MTU 1400" : "NAT, MTU 1400", v6, vlans);
	struct packet p;

	way.service = v6 ? SERVICE6 : SERVICE4;
	way.mtu = 1400;
	set_pool(&way);
	sized(&p, v6, vlans, fits - 1, true);
	expect(&p, NULL, BT_S_SENT, XDP_TX, what);
	sized(&p, v6, vlans, fits, true);
	expect(&p, NULL, BT_S_SENT, XDP_TX, what);
	sized(&p, v6, vlans, fits + 1, true);
	expect_told(&p, way.service, fits, what);
	if (v6)
		return;
	sized(&p, v6, vlans, fits + 1, false);
	if (forward == BT_FWD_IPIP)
		expect(&p, &p, BT_S_HANDED_BIG, XDP_DROP, what);
	else
		expect(&p, NULL, BT_S_SENT, XDP_PASS, what);
	drain_slow();
}

static struct bt_slow slow_last;
static uint32_t slow_n;

static int slow_keep(void *arg, void *data, size_t size)
{
	(void)arg;
	memcpy(&slow_last, data, size < sizeof(slow_last) ? size : sizeof(slow_last));
	slow_n++;
	return 0;
}

static void drain_slow(void)
{
	static struct ring_buffer *ring;

	if (!ring)
		ring = ring_buffer__new(rig_map("ev_slow"), slow_keep, NULL, NULL);
	CHECK(ring, "ev_slow: %s", strerror(errno));
	slow_n = 0;
	ring_buffer__consume(ring);
}

static void test_too_big(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		for (int vlans = 0; vlans <= 2; vlans++)
			if (i & 1 || !(i & 4) == !(i & 2))
				big_case(i & 1 ? BT_FWD_IPIP : BT_FWD_NAT, !!(i & 2), !!(i & 4), vlans);
}

static void test_handed_big(void **state)
{
	struct way way = way_of(BT_FWD_IPIP, 0, LO);
	struct packet p;

	(void)state;
	set_pool(&way);
	drain_slow();
	sized(&p, 0, 1, 1490, false);
	expect(&p, &p, BT_S_HANDED_BIG, XDP_DROP, "may be cut");
	drain_slow();
	CHECK(slow_n == 1 && slow_last.kind == BT_SLOW_BIG && slow_last.owner == POOL && slow_last.server == 1 &&
	      slow_last.l3 == p.l3 && slow_last.len == p.len && !memcmp(slow_last.frame, p.data, p.len),
	      "%u frames in the ring, kind %u, server %u, %u bytes", slow_n, slow_last.kind, slow_last.server, slow_last.len);
}

/* IPv6 of up to 1280 bytes must get through: in pieces if need be. Nobody is told less than 1280. */
static void test_ip6_min(void **state)
{
	struct way way = way_of(BT_FWD_IPIP, 1, LO);
	struct packet p;

	(void)state;
	way.mtu = 1300;
	set_pool(&way);
	sized(&p, 1, 0, 1280, false);
	expect(&p, &p, BT_S_HANDED_BIG, XDP_DROP, "1280 bytes by a way for 1260");
	sized(&p, 1, 0, 1281, false);
	expect_told(&p, SERVICE6, 1280, "1281 bytes by a way for 1260");
	drain_slow();
}

/* Whom nobody may tell. */
static void test_mute(void **state)
{
	static const char *const from[] = { "0.0.0.1", "127.0.0.1", "224.0.0.5", "255.255.255.255" };
	struct way way = way_of(BT_FWD_IPIP, 0, LO);
	struct packet p;

	(void)state;
	way.mtu = 1400;
	set_pool(&way);
	for (size_t i = 0; i < sizeof(from) / sizeof(*from); i++) {
		sized(&p, 0, 0, 1390, true);
		set_address(&p, from[i], true);
		sum_all(&p, IPPROTO_UDP);
		expect(&p, &p, BT_S_TOO_BIG, XDP_DROP, from[i]);
	}
	sized(&p, 0, 0, 1390, true);
	p.data[0] |= 1;
	expect(&p, &p, BT_S_TOO_BIG, XDP_DROP, "by a multicast MAC");
	sized(&p, 0, 0, 1390, true);
	set16(p.data + p.l3 + 6, 0x4000 | 10);
	sum_ip(p.data + p.l3);
	expect(&p, &p, BT_S_TOO_BIG, XDP_DROP, "a later fragment with DF");
	set_pool(&(struct way){ .forward = BT_FWD_IPIP, .service = SERVICE6, .server = SERVER6, .from = FROM6, .ifindex = LO, .mtu = 1400 });
	sized(&p, 1, 0, 1390, true);
	memset(p.data + p.l3 + 8, 0, 16);
	sum_all(&p, IPPROTO_UDP);
	expect(&p, &p, BT_S_TOO_BIG, XDP_DROP, "from ::");
	p.data[p.l3 + 8] = 0xff;
	sum_all(&p, IPPROTO_UDP);
	expect(&p, &p, BT_S_TOO_BIG, XDP_DROP, "from ff00::");
}

/* ---- ICMP errors ---- */

/* An error of @type about the packet @about, of which it quotes @quote bytes, from a router. */
static void icmp_error(struct packet *ret, const struct packet *about, const char *to, uint8_t type, uint32_t quote)
{
	bool v6 = is6(about->data + about->l3);
	static uint8_t body[1500];

	memset(body, 0, 8);
	body[0] = type;
	body[1] = type == 3 ? 4 : 0;
	set16(body + 6, 1400);
	memcpy(body + 8, about->data + about->l3, quote);
	packet_make(ret, &(struct packet_spec){ .from = v6 ? "2001:db8:9::9" : "10.9.9.9", .to = to,
						.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, .payload = body,
						.payload_len = 8 + quote });
	sum_all(ret, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* @left as the server sent it, and as it went on in the service's name. */
static void icmp_pair(struct packet *sent, struct packet *left, int v6, uint8_t proto, int exts)
{
	struct packet_spec spec = { .from = v6 ? SERVER6 : SERVER4, .to = v6 ? CLIENT6 : CLIENT4, .proto = proto,
				    .sport = SERVER_PORT, .dport = 40000, .text = INVITE, .exts = v6 ? exts : 0, .ihl = v6 ? 0 : 5 + exts };

	packet_make(sent, &spec);
	sum_all(sent, proto);
	*left = *sent;
	set_address(left, v6 ? SERVICE6 : SERVICE4, true);
	set16(left->data + left->l4, 5060);
	sum_all(left, proto);
}

static void icmp_case(int v6, uint8_t proto, uint8_t type, int exts, uint32_t quote_l4)
{
	struct packet sent, left, in, want;
	struct way way = way_of(BT_FWD_NAT, v6, LO);
	uint32_t quote;

	set_pool(&way);
	icmp_pair(&sent, &left, v6, proto, exts);
	quote = left.l4 - left.l3 + quote_l4;
	icmp_error(&in, &left, v6 ? SERVICE6 : SERVICE4, type, quote);
	icmp_error(&want, &sent, v6 ? SERVER6 : SERVER4, type, quote);
	--*ttl_of(&want);
	sum_ip(want.data + want.l3);
	set_macs(&want, NEXT_MAC, OUR_MAC);
	expect(&in, &want, BT_S_SENT, XDP_TX, name_of("ICMP error, NAT", v6, 0));
	way.forward = BT_FWD_L2;
	set_pool(&way);
	want = in;
	set_macs(&want, NEXT_MAC, OUR_MAC);
	expect(&in, &want, BT_S_SENT, XDP_TX, name_of("ICMP error, L2", v6, 0));
}

static void test_icmp(void **state)
{
	static const uint8_t types[2][4] = { { 3, 11, 12, 3 }, { 1, 2, 3, 4 } };

	(void)state;
	for (int v6 = 0; v6 <= 1; v6++)
		for (int type = 0; type < 4; type++)
			for (uint32_t quote = 8; quote <= 64; quote += 7)
				for (int exts = 0; exts <= 3; exts++) {
					icmp_case(v6, IPPROTO_UDP, types[v6][type], exts, quote);
					icmp_case(v6, IPPROTO_TCP, types[v6][type], exts, quote);
				}
}

/* Not errors, or not about the service. */
static void test_icmp_others(void **state)
{
	struct packet sent, left, in;

	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		struct way way = way_of(BT_FWD_NAT, v6, LO);

		set_pool(&way);
		icmp_pair(&sent, &left, v6, IPPROTO_UDP, 0);
		icmp_error(&in, &left, way.service, v6 ? 128 : 8, 60);
		expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "an echo request");
		icmp_error(&in, &left, way.service, v6 ? 137 : 5, 60);
		expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "a redirect");
		icmp_error(&in, &left, way.service, v6 ? 1 : 3, v6 ? 43 : 23);
		expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "quotes no whole ports");
		icmp_error(&in, &left, v6 ? "2001:db8::11" : "192.0.2.11", v6 ? 1 : 3, 60);
		expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "to another address than the packet came from");
		set16(left.data + left.l4, 4999);
		icmp_error(&in, &left, way.service, v6 ? 1 : 3, 60);
		expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "about another program of the service's address");
	}
}

/* ---- back ---- */

#define SINK_MAC	"\x02\x00\x00\x00\x00\x99"
#define OUT_MAC		"\x02\x00\x00\x00\x00\x98"

static void sh(const char *command)
{
	CHECK(!system(command), "failed: %s", command);
}

static void write_all(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) > 0, "%s: %s", path, strerror(errno));
	close(fd);
}

static void routes(bool on)
{
	write_all("/proc/sys/net/ipv4/ip_forward", on ? "1" : "0");
	write_all("/proc/sys/net/ipv6/conf/all/forwarding", on ? "1" : "0");
}

static void back_frame(struct packet *p, int v6, int vlans, uint8_t proto, uint16_t port, const char *to, uint32_t len)
{
	static char text[1600];
	struct packet_spec spec = { .vlans = vlans, .from = v6 ? SERVER6 : SERVER4, .to = to, .proto = proto, .sport = port,
				    .dport = 40000, .payload = text, .payload_len = len };

	memset(text, 'y', sizeof(text));
	memcpy(text, "SIP/2.0 200 OK\r\n", 16);
	packet_make(p, &spec);
	sum_all(p, proto);
}

static void back_want(struct packet *want, const struct packet *in, int v6, uint8_t proto, bool sent)
{
	*want = *in;
	set_address(want, v6 ? SERVICE6 : SERVICE4, true);
	if (get16(want->data + want->l4) == SERVER_PORT)
		set16(want->data + want->l4, 5060);
	if (sent)
		--*ttl_of(want);
	sum_all(want, proto);
	if (sent)
		set_macs(want, SINK_MAC, OUT_MAC);
}

static void back_case(int v6, uint8_t proto)
{
	struct way way = way_of(BT_FWD_NAT, v6, LO);
	struct packet in, want;

	set_pool(&way);
	back_frame(&in, v6, 0, proto, SERVER_PORT, v6 ? CLIENT6 : CLIENT4, 100);
	back_want(&want, &in, v6, proto, true);
	expect(&in, &want, BT_S_BACK, XDP_REDIRECT, name_of("back", v6, 0));
	back_frame(&in, v6, 0, proto, SERVER_PORT, v6 ? "2001:db8:1::8" : "198.51.100.8", 101);
	back_want(&want, &in, v6, proto, false);
	expect(&in, &want, BT_S_BACK_PASSED, XDP_PASS, name_of("back, no neighbour known", v6, 0));
	back_frame(&in, v6, 1, proto, SERVER_PORT, v6 ? CLIENT6 : CLIENT4, 102);
	back_want(&want, &in, v6, proto, false);
	expect(&in, &want, BT_S_BACK_PASSED, XDP_PASS, name_of("back, tagged", v6, 1));
	back_frame(&in, v6, 0, proto, SERVER_PORT, v6 ? "2001:db8:1::1" : "198.51.100.1", 100);
	expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, name_of("to this host itself", v6, 0));
	back_frame(&in, v6, 0, proto, SERVER_PORT, v6 ? CLIENT6 : CLIENT4, 100);
	*ttl_of(&in) = 1;
	sum_all(&in, proto);
	expect(&in, &in, BT_S_TTL, XDP_DROP, name_of("back, TTL 1", v6, 0));
}

static void back_big(int v6)
{
	struct way way = way_of(BT_FWD_NAT, v6, LO);
	struct packet in, want;

	set_pool(&way);
	back_frame(&in, v6, 0, IPPROTO_UDP, SERVER_PORT, v6 ? CLIENT6 : CLIENT4, 1400 - (v6 ? 48 : 28));
	expect(&in, NULL, BT_S_BACK, XDP_REDIRECT, name_of("back, as long as the way", v6, 0));
	back_frame(&in, v6, 0, IPPROTO_UDP, SERVER_PORT, v6 ? CLIENT6 : CLIENT4, 1401 - (v6 ? 48 : 28));
	expect_told(&in, way.service, 1400, name_of("back, longer than the way", v6, 0));
	if (v6)
		return;
	in.data[in.l3 + 6] = 0;
	sum_ip(in.data + in.l3);
	back_want(&want, &in, v6, IPPROTO_UDP, false);
	expect(&in, &want, BT_S_BACK_PASSED, XDP_PASS, "back, longer than the way, may be cut");
}

static void test_back(void **state)
{
	struct way way = way_of(BT_FWD_NAT, 0, LO);
	struct packet in;

	(void)state;
	sh("ip link set lo up && ip link add out0 address 02:00:00:00:00:98 type veth peer name out1 && ip link set out0 mtu 1400 up && ip link set out1 up && "
	   "ip addr add 198.51.100.1/24 dev out0 && ip addr add 2001:db8:1::1/64 dev out0 nodad && "
	   "ip neigh add " CLIENT4 " lladdr 02:00:00:00:00:99 dev out0 && ip neigh add " CLIENT6 " lladdr 02:00:00:00:00:99 dev out0");
	routes(false);
	set_pool(&way);
	back_frame(&in, 0, 0, IPPROTO_UDP, SERVER_PORT, CLIENT4, 100);
	expect(&in, &in, BT_S_NOT_OURS, XDP_PASS, "back, but this host does not route");
	routes(true);
	for (int v6 = 0; v6 <= 1; v6++) {
		back_case(v6, IPPROTO_UDP);
		back_case(v6, IPPROTO_TCP);
		back_big(v6);
	}
}

static int open_alone(void **state)
{
	if (unshare(CLONE_NEWNET))
		return -1;
	return rig_open(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_l2), cmocka_unit_test(test_nowhere), cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_ipip), cmocka_unit_test(test_ipip_id), cmocka_unit_test(test_nat),
		cmocka_unit_test(test_nat_fragments), cmocka_unit_test(test_nat_cut), cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_handed_big), cmocka_unit_test(test_ip6_min), cmocka_unit_test(test_mute),
		cmocka_unit_test(test_icmp), cmocka_unit_test(test_icmp_others), cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, open_alone, rig_close);
}
