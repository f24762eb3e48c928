/* SPDX-License-Identifier: GPL-2.0 */
/*
 * siphash: SipHash-2-4 of bytes or of 64-bit words, the same code in the kernel and on the host; and SipHash-1-3, for tables
 * whose keys strangers choose and never see (as Linux's hsiphash(), Rust and Python have it): half the rounds, no MAC.
 *
 * Bytes:   words are little endian in memory, as the paper has it; keys are host order words.
 * Errors:  none. Constant time in the data, not in the length.
 * Source:  Aumasson, Bernstein: SipHash, a fast short-input PRF (2012), §2 and appendix A.
 */
#ifndef BATON_SIPHASH_H
#define BATON_SIPHASH_H

#include <linux/types.h>

struct siphash {
	__u64 v0, v1, v2, v3;
};

static inline __attribute__((always_inline)) __u64 siphash_rotl(__u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline __attribute__((always_inline)) __u64 siphash_le64(__u64 word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

static inline __attribute__((always_inline)) void siphash_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = siphash_rotl(s->v1, 13) ^ s->v0;
	s->v3 = siphash_rotl(s->v3, 16) ^ s->v2;
	s->v0 = siphash_rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = siphash_rotl(s->v1, 17) ^ s->v2;
	s->v3 = siphash_rotl(s->v3, 21) ^ s->v0;
	s->v2 = siphash_rotl(s->v2, 32);
}

static inline __attribute__((always_inline)) struct siphash siphash_begin(__u64 k0, __u64 k1)
{
	return (struct siphash){
		.v0 = k0 ^ 0x736f6d6570736575ULL, .v1 = k1 ^ 0x646f72616e646f6dULL,
		.v2 = k0 ^ 0x6c7967656e657261ULL, .v3 = k1 ^ 0x7465646279746573ULL,
	};
}

/* @word as it was loaded from memory. */
static inline __attribute__((always_inline)) void siphash_word(struct siphash *s, __u64 word)
{
	word = siphash_le64(word);
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

/* @tail: the len % 8 last bytes, as they were loaded into a zeroed word. */
static inline __attribute__((always_inline)) __u64 siphash_end(struct siphash *s, __u64 tail,
							       __u64 len)
{
	siphash_word(s, siphash_le64(siphash_le64(tail) | len << 56));
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline __attribute__((always_inline)) void siphash13_word(struct siphash *s, __u64 word)
{
	word = siphash_le64(word);
	s->v3 ^= word;
	siphash_round(s);
	s->v0 ^= word;
}

static inline __attribute__((always_inline)) __u64 siphash13_end(struct siphash *s, __u64 tail, __u64 len)
{
	siphash13_word(s, siphash_le64(siphash_le64(tail) | len << 56));
	s->v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Whole words of @data into @s, by @absorb; returns the rest as the tail that the end wants. */
static inline __attribute__((always_inline)) __u64 siphash_bytes(struct siphash *s, const void *data, __u64 len,
								 void (*absorb)(struct siphash *s, __u64 word))
{
	const unsigned char *p = data;
	__u64 word, left = len;

	for (; left >= 8; left -= 8, p += 8) {
		__builtin_memcpy(&word, p, 8);
		absorb(s, word);
	}
	word = 0;
	for (__u64 i = 0; i < left; i++)
		((unsigned char *)&word)[i] = p[i];
	return word;
}

/* On the host, or in the kernel of memory whose size the verifier knows. */
static inline __attribute__((unused)) __u64 siphash(const __u64 key[2], const void *data, __u64 len)
{
	struct siphash s = siphash_begin(key[0], key[1]);
	__u64 tail = siphash_bytes(&s, data, len, siphash_word);

	return siphash_end(&s, tail, len);
}

/* The same with fewer rounds. */
static inline __attribute__((unused)) __u64 siphash13(const __u64 key[2], const void *data, __u64 len)
{
	struct siphash s = siphash_begin(key[0], key[1]);
	__u64 tail = siphash_bytes(&s, data, len, siphash13_word);

	return siphash13_end(&s, tail, len);
}

#endif
