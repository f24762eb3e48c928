/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet: a frame made from a few words, for tests. Lengths and checksums are right unless a test
 * spoils them afterwards; this code shares nothing with bpf/parse.h.
 */
#ifndef TEST_PACKET_H
#define TEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#define PACKET_MAX	3000
#define PACKET_MAC_SRC	"\x02\x00\x00\x00\x00\x02"
#define PACKET_MAC_DST	"\x02\x00\x00\x00\x00\x01"

struct packet {
	uint8_t data[PACKET_MAX];
	uint32_t len;
	uint32_t l3, l4, payload;	/* offsets */
};

/* What a test leaves out is: no tags, plain header, UDP, not a fragment, no payload. */
struct packet_spec {
	int vlans;
	const char *from, *to;		/* a colon makes it IPv6 */
	int ihl;			/* IPv4: words; 0 is 5 */
	int exts;			/* IPv6: extension headers before layer 4, a mix of kinds */
	bool fragmented;		/* IPv4: by frag; IPv6: a fragment header (one more) */
	uint16_t frag;			/* offset in 8 bytes, PACKET_MORE */
	uint8_t proto;
	uint16_t sport, dport;		/* 0 is 5060 */
	const void *payload;
	uint32_t payload_len;
	const char *text;		/* instead of payload */
	int padding;			/* bytes after the IP packet */
};

#define PACKET_MORE	0x8000

void packet_make(struct packet *p, const struct packet_spec *spec);
void packet_arp(struct packet *p, int vlans, uint16_t op, const char *sender, const char *target);
/* NS (135) or NA (136). */
void packet_nd(struct packet *p, int vlans, uint8_t type, const char *from, const char *to,
	       const char *target);

void packet_ip(const char *text, struct in6_addr *ret);	/* v4-mapped for IPv4 */
/* Right checksums in IP and UDP? UDP over IPv4 may have none. */
bool packet_sums_ok(const struct packet *p);

#endif
