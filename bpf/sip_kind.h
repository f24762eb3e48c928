/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sip_kind: what is this payload by its first 16 bytes: a method, a class of responses, or no SIP?
 *
 * Exact and case-sensitive; on words as they stand in the packet. Compiled for the host too: no map, no helper.
 * Source:  RFC 3261 §7.1, §7.2 (start lines).
 */
#ifndef SIP_KIND_H
#define SIP_KIND_H

#include <linux/types.h>
#include <stdbool.h>
#ifdef __bpf__
#include <bpf/bpf_helpers.h>
#else			/* what of it is used here */
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef barrier_var
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#endif
#endif

#include "baton_abi.h"

#define SIP_HEAD	16	/* no SIP message is shorter; longest start that is looked at */

/* A kind of payload: a method (enum bt_method), a class of responses, or neither. */
enum sip_kind {
	SIP_CLASS_1 = BT_M__N,
	SIP_CLASS_6 = SIP_CLASS_1 + 5,
	SIP_KEEPALIVE,
	SIP_NOT,
};

/* Up to eight characters as the word that they are when loaded little endian. */
#define SIP_CHAR(s, i)	((__u64)(__u8)((i) < sizeof(s) - 1 ? (s)[i] : 0) << 8 * (i))
#define SIP_WORD(s)	(SIP_CHAR(s, 0) | SIP_CHAR(s, 1) | SIP_CHAR(s, 2) | SIP_CHAR(s, 3) | \
			 SIP_CHAR(s, 4) | SIP_CHAR(s, 5) | SIP_CHAR(s, 6) | SIP_CHAR(s, 7))
#define SIP_MASK(s)	(sizeof(s) > 8 ? ~0ULL : (1ULL << 8 * (sizeof(s) - 1)) - 1)
#define SIP_BEGINS(word, s) (((word) & SIP_MASK(s)) == SIP_WORD(s))

/* "SIP/2.0 ddd", and no fourth digit. @rest: the bytes after the first eight. */
static __always_inline __u32 sip_status(__u64 rest)
{
	__u32 class = (rest & 0xff) - '1';

	if (class > 5 || ((rest >> 8 & 0xff) - '0') > 9 || ((rest >> 16 & 0xff) - '0') > 9 ||
	    ((rest >> 24 & 0xff) - '0') <= 9)
		return SIP_NOT;
	return SIP_CLASS_1 + class;
}

/* A method that we do not know: capitals, a blank, and a sip: or sips: URI after it. */
static __always_inline __u32 sip_extension(__u64 word, __u64 rest)
{
	for (int i = 0; i < SIP_HEAD - 4 && (word & 0xff) - 'A' < 26; i++) {
		word = word >> 8 | rest << 56;
		rest >>= 8;
		if (SIP_BEGINS(word | 0x20202000, " sip"))
			return BT_M_OTHER;
	}
	return SIP_NOT;
}

/* A method that we know, and the blank after it. @word, @rest: 16 bytes, little endian. */
static __always_inline __u32 sip_method(__u64 word, __u64 rest)
{
#define SIP_SHORT(name) \
	if (sizeof(#name) <= 8 && SIP_BEGINS(word, #name " ")) \
		return BT_M_##name;
	BT_METHODS(SIP_SHORT)
#undef SIP_SHORT
	if (SIP_BEGINS(word, "REGISTER") && (rest & 0xff) == ' ')
		return BT_M_REGISTER;
	if (SIP_BEGINS(word, "SUBSCRIB") && (rest & 0xffff) == SIP_WORD("E "))
		return BT_M_SUBSCRIBE;
	return SIP_NOT;
}

/* @word, @rest: the first 16 bytes, little endian. */
static __always_inline __u32 sip_kind(__u64 word, __u64 rest)
{
	__u32 method;

	if (SIP_BEGINS(word, "SIP/2.0 "))
		return sip_status(rest);
	method = sip_method(word, rest);
	return method == SIP_NOT ? sip_extension(word, rest) : method;
}

static __always_inline bool sip_is_response(__u32 kind)
{
	return kind >= SIP_CLASS_1 && kind <= SIP_CLASS_6;
}

#endif
