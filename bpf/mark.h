/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mark: which source address says, of a frame sent on, who sent it on and why?
 *
 * A locally administered unicast address, 46 bits of SipHash-2-4 with the sender's pulse key over kind,
 * group, number and both boot ids. Nobody else can make it, and it shows only what is true for ever:
 *
 *   relay  "the sender has let go of this number": as good as a pulse that says so
 *   help   "sent on to the holder by a host that is only armed": nothing may send it on again; bears
 *          no number, so that it is known for what it is whatever the two words are
 *   drain  "I am open at this number, and this belongs to what began with you": taken by a host that is being
 *          drained, by nobody else, and never sent on
 *   receipt "my server gave this answer": borne by its copy, for the host that would replay the request
 *   test   borne by a pulse: do foreign source addresses come through here at all?
 *
 * The same code in the kernel and on the host. A pulse's MAC is made with the same key, but never of so few
 * bytes, and SipHash hashes the length too.
 * Bytes:   all arguments host order, name_hash as in bt_group.
 * Source:  design §4.2; protocol notes H1, H9, H33; IEEE 802 §8.4 (locally administered addresses).
 */
#ifndef BATON_MARK_H
#define BATON_MARK_H

#include "siphash.h"

enum mark_kind { MARK_RELAY = 1, MARK_HELP, MARK_TEST, MARK_DRAIN, MARK_RECEIPT };

#define MARK_BYTES	6
#define MARK_FIRST	0x02	/* locally administered, unicast */
#define MARK_FIRST_MASK	0x03	/* the two bits of the first byte that every mark has alike */

struct mark_of {
	__u32 kind;		/* enum mark_kind */
	__u32 name_hash;	/* of the group; test: 0 */
	__u64 number;		/* relay: the one let go of; drain: the one it is open at; else 0 */
	__u64 boot;		/* the sender's */
	__u64 to_boot;		/* the receiver's */
};

/* As a number: byte 0 of the address in bits 0..7, byte 5 in bits 40..47. */
static inline __attribute__((always_inline)) __u64 mark_number(const __u64 key[2], const struct mark_of *of)
{
	struct siphash s = siphash_begin(key[0], key[1]);
	__u64 hash;

	siphash_word(&s, siphash_le64((__u64)of->kind << 32 | of->name_hash));
	siphash_word(&s, siphash_le64(of->number));
	siphash_word(&s, siphash_le64(of->boot));
	siphash_word(&s, siphash_le64(of->to_boot));
	hash = siphash_end(&s, 0, 32);
	return (hash & ~(__u64)MARK_FIRST_MASK & 0xffffffffffffULL) | MARK_FIRST;
}

/* An address as such a number. */
static inline __attribute__((always_inline)) __u64 mark_read(const __u8 mac[MARK_BYTES])
{
	return (__u64)mac[0] | (__u64)mac[1] << 8 | (__u64)mac[2] << 16 | (__u64)mac[3] << 24 |
	       (__u64)mac[4] << 32 | (__u64)mac[5] << 40;
}

static inline __attribute__((always_inline)) void mark_write(__u8 mac[MARK_BYTES], __u64 number)
{
	for (int i = 0; i < MARK_BYTES; i++)
		mac[i] = (__u8)(number >> 8 * i);
}

#endif
