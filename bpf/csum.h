/* SPDX-License-Identifier: GPL-2.0 */
/*
 * csum: which checksum is right after a change, without reading what did not change?
 *
 * The Internet checksum does not care for byte order: words are taken as they lie in memory. A difference is a sum of
 * (not old + new) over the words changed; it may be put into every checksum that covers them.
 * Bytes:   words begin at even offsets of what the checksum covers.
 * Source:  RFC 1624 equation 3, RFC 768 (UDP: 0 is none), RFC 8200 §8.1.
 */
#ifndef CSUM_H
#define CSUM_H

#include <linux/types.h>

static inline __attribute__((always_inline)) __u32 csum16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* What the difference becomes when a word changes. */
static inline __attribute__((always_inline)) __u32 csum_changed(__u32 diff, __u16 from, __u16 to)
{
	return diff + (__u16)~from + to;
}

/* What a checksum becomes. */
static inline __attribute__((always_inline)) __u16 csum_with(__u16 check, __u32 diff)
{
	return ~csum16((__u16)~check + csum16(diff));
}

/* UDP's: 0 would say that there is none. */
static inline __attribute__((always_inline)) __u16 csum_udp_with(__u16 check, __u32 diff)
{
	return csum_with(check, diff) ?: 0xffff;
}

/* The checksum over what was summed in words of any width. */
static inline __attribute__((always_inline)) __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

#endif
