/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steering: what the two ends of the steering bench agree on, and the INVITE that they measure with.
 *
 * One network, a generator and a node at either end of a veth; servers are MAC addresses behind the generator's
 * end, where a program counts what arrives for them and drops it.
 */
#ifndef BENCH_STEERING_H
#define BENCH_STEERING_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tools/bench/steering_abi.h"

/* Also written in throughput.py. */
#define BENCH_GEN_MAC		{ 0x02, 0x42, 0x10, 0, 0, 9 }
#define BENCH_NODE_MAC		{ 0x02, 0x42, 0x10, 0, 0, 1 }
#define BENCH_SERVER_MAC	{ 0x02, 0x42, 0x10, 0, 0, 11 }	/* of server 1; the second's ends with 12 */
#define BENCH_GEN_IP		"10.79.0.9"
#define BENCH_NODE_IP		"10.79.0.1"
#define BENCH_SERVICE_IP	"10.79.0.100"
#define BENCH_SERVER_IP		"10.79.0.11"
#define BENCH_FLOOD_NET		0xc6120000u	/* 198.18.0.0/15, for measurements (RFC 2544) */
#define BENCH_PORT		5060
#define BENCH_FLOWS_MAX		20000
#define BENCH_INVITE		563		/* bytes of SIP */
#define BENCH_FRAME		(BENCH_HEADERS + BENCH_INVITE)

/* Of bench_count: two for each server, what the generator sent as its own and what as a stranger. */
enum { BENCH_OWN, BENCH_STRANGE, BENCH_KINDS };
#define BENCH_COUNTS		(3 * BENCH_KINDS)	/* server 1, server 2, nobody's */

#define INVITE_MAX		1460

struct invite_spec {
	int len;		/* of the message, filled up in its body; without a Call-ID: in its header */
	int before;		/* no fewer bytes before the Call-ID's line */
	const char *call_id;	/* NULL: it has none, and its header never ends */
	const char *to_tag;	/* NULL: it begins a dialog */
};

static inline int invite_pad(char *to, int at, int until, const char *line)
{
	int len = (int)strlen(line);

	for (; at < until && at + len < INVITE_MAX; at += len)
		memcpy(to + at, line, (size_t)len);
	return at;
}

static inline int invite_body(char *to, int at, int len)
{
	static const char sdp[] = "v=0\r\no=bench 1 1 IN IP4 10.79.0.9\r\ns=-\r\nc=IN IP4 10.79.0.9\r\nt=0 0\r\n"
				  "m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=x:";
	static const char type[] = "Content-Type: application/sdp\r\n";
	int room;

	at += sprintf(to + at, "%s", type);
	room = len - at - (int)sizeof("Content-Length: 000\r\n\r\n") + 1;
	at += sprintf(to + at, "Content-Length: %03d\r\n\r\n", room);
	for (int i = 0; i < room - 2; i++)
		to[at + i] = i < (int)sizeof(sdp) - 1 ? sdp[i] : 'x';
	memcpy(to + len - 2, "\r\n", 2);
	return len;
}

/* Writes it to @to (INVITE_MAX bytes); @ret_call_id (may be NULL) gets where the Call-ID's characters begin. */
static inline int invite_make(char *to, const struct invite_spec *s, int *ret_call_id)
{
	int at = sprintf(to, "INVITE sip:service@" BENCH_SERVICE_IP " SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP " BENCH_GEN_IP ":5062;branch=z9hG4bK776asdhds\r\nMax-Forwards: 70\r\n");

	at += sprintf(to + at, "From: \"Bench\" <sip:caller@bench.example>;tag=1928301774\r\n"
		      "To: <sip:service@" BENCH_SERVICE_IP ">%s%s\r\n", s->to_tag ? ";tag=" : "", s->to_tag ? s->to_tag : "");
	at = invite_pad(to, at, s->before, "Record-Route: <sip:proxy.bench.example;lr>\r\n");
	if (!s->call_id) {
		at = invite_pad(to, at, s->len - 48, "P-Bench-Header: nothing to see here\r\n");
		memset(to + at, 'x', (size_t)(s->len - at));
		return s->len;
	}
	if (ret_call_id)
		*ret_call_id = at + (int)sizeof("Call-ID: ") - 1;
	at += sprintf(to + at, "Call-ID: %s\r\nCSeq: 314159 INVITE\r\nContact: <sip:caller@" BENCH_GEN_IP ":5062>\r\n",
		      s->call_id);
	return invite_body(to, at, s->len);
}

static inline uint16_t bench_ip_sum(const struct iphdr *ip)
{
	const uint16_t *word = (const uint16_t *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static inline void bench_headers(uint8_t *to, uint32_t from_ip, uint16_t from_port)
{
	struct ethhdr eth = { .h_dest = BENCH_NODE_MAC, .h_source = BENCH_GEN_MAC, .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .saddr = htonl(from_ip),
			    .daddr = inet_addr(BENCH_SERVICE_IP), .tot_len = htons(BENCH_FRAME - sizeof(eth)) };
	struct udphdr udp = { .source = htons(from_port), .dest = htons(BENCH_PORT),
			      .len = htons(sizeof(udp) + BENCH_INVITE) };	/* no checksum */

	ip.check = bench_ip_sum(&ip);
	memcpy(to, &eth, sizeof(eth));
	memcpy(to + sizeof(eth), &ip, sizeof(ip));
	memcpy(to + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
}

static inline void bench_frame(uint8_t *to, uint32_t from_ip, uint16_t from_port, uint64_t id, const char *to_tag,
			      int *ret_call_id)
{
	char call_id[48], text[INVITE_MAX];
	struct invite_spec spec = { .len = BENCH_INVITE, .call_id = call_id, .to_tag = to_tag };

	snprintf(call_id, sizeof(call_id), "%08x-%08x@bench.example", (uint32_t)id, (uint32_t)(id >> 32));
	invite_make(text, &spec, ret_call_id);
	bench_headers(to, from_ip, from_port);
	memcpy(to + BENCH_HEADERS, text, BENCH_INVITE);
}

#endif
