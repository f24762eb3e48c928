/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * marks: what does a probe look like whose source address is a test mark, and do such come through?
 *
 * Some networks drop frames whose source address is not the sender's own (port security, clouds). There a
 * hand-over cannot be shown by the frames that are sent on, so it is found out in peace: now and then a probe
 * bears the test mark, and the peer says in its messages whether it has seen one lately.
 *
 * Pure: bytes out, facts in; the clock is passed in.
 * Source:  bpf/mark.h; design §4.2; protocol notes H33.
 */
#ifndef BATON_MARKS_H
#define BATON_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "baton_abi.h"

#define MARKS_HEAD_MAX	62		/* Ethernet, IPv6, UDP */
#define MARKS_EVERY_NS	UINT64_C(1000000000)	/* between two marked probes of a path; x4 once it is known */
#define MARKS_NONE_NS	UINT64_C(5000000000)	/* hearing each other for so long and none seen: none come through */

/* Between whom: addresses v4-mapped for IPv4, port host order, the peer's Ethernet address. */
struct marks_way {
	const struct in6_addr *from, *to;
	uint16_t port;
	const uint8_t *to_mac;
};

/*
 * The frame of the probe @msg, from the mark of @node's life to @peer_boot's, to @buf (MARKS_HEAD_MAX + @len
 * bytes). Returns its length.
 */
size_t marks_frame(const struct bt_node *node, uint64_t peer_boot, const struct marks_way *way, const void *msg,
		   size_t len, void *buf);

/* As in struct bt_receipt: the mark of our answers to @peer_boot's life, and an Ethernet address. @name_hash: the group's, as on the wire. */
uint64_t marks_receipt(const struct bt_node *node, uint64_t peer_boot, __be32 name_hash);
uint64_t marks_number(const uint8_t mac[6]);

enum marks_seen { MARKS_UNKNOWN, MARKS_COME, MARKS_NONE };

/* One path. Zeroed: nothing known. */
struct marks {
	enum marks_seen seen;
	uint64_t since_ns;	/* since when the peer, heard, says that it sees none; 0: it does not say so */
};

/* @heard: the peer is heard on the path now, and marks are sent; @flag: it says that it sees them. */
void marks_note(struct marks *m, bool heard, bool flag, uint64_t now_ns);

#endif
