/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sip_quick: is this a request with a Call-ID in a line as nearly everybody writes it, and which?
 *
 * Reads no further than that line, so that a message of a dialog that is known costs little. Whatever is unusual before it
 * is left to sip_scan(). It knows the first Call-ID alone: a message that has two, or says behind it what sip_scan() would
 * call UNSURE, is one of the first's dialog here. Where both know a Call-ID it is the same.
 * Bytes:   as in sip.h.
 */
#ifndef SIP_QUICK_H
#define SIP_QUICK_H

#include "sip.h"

enum sip_quick {
	SIP_QUICK_UNKNOWN,	/* sip_scan() may know more */
	SIP_QUICK_FOUND,	/* method, call_id and SIP_F_SIP | SIP_F_CALL_ID are written */
	SIP_QUICK_NONE,		/* method and SIP_F_SIP are; no line of its headers is a Call-ID's */
	SIP_QUICK_GO_ON,	/* within here: none so far */
};

#define SIP_QUICK_BLOCK	32	/* bytes that are looked at between two checks, and a word ahead */
#define SIP_QUICK_REACH	(SIP_QUICK_BLOCK + 8)
#define SIP_QUICK_BLOCKS (SIP_WORDS * 8 / SIP_QUICK_BLOCK)
#define SIP_QUICK_START	64	/* words of the start line */

/* Low six bits of a line's first character, of "C", "c", "I", "i", CR and LF; a few more have the same. */
#define SIP_QUICK_MAYBE	(1ULL << ('C' & 63) | 1ULL << ('c' & 63) | 1ULL << ('I' & 63) | 1ULL << ('i' & 63) | \
			 1ULL << '\r' | 1ULL << '\n')

static __always_inline __u64 sip_quick_word(const void *p)
{
	return siphash_le64(*(const sip_raw *)p);
}

/* A line that begins with @name, and may be what is looked for; @*ret_skip: bytes to behind its colon. */
static __always_inline enum sip_quick sip_quick_name(__u64 name, __u32 *ret_skip)
{
	__u64 low = name | 0x0020200020202020ULL;	/* letters: neither CR nor 0x1a becomes a sign */

	*ret_skip = 8;
	if (low == SIP_WORD("call-id:"))
		return SIP_QUICK_FOUND;
	if (SIP_BEGINS(low, "call-id"))
		return SIP_QUICK_UNKNOWN;
	*ret_skip = 2;
	if (sip_byte(low) == 'i') {
		if (sip_byte(name >> 8) == ':')
			return SIP_QUICK_FOUND;
		return sip_byte(name >> 8) <= ' ' ? SIP_QUICK_UNKNOWN : SIP_QUICK_GO_ON;
	}
	if (sip_line_end(name))
		return SIP_QUICK_NONE;
	return sip_byte(name) == '\r' ? SIP_QUICK_UNKNOWN : SIP_QUICK_GO_ON;
}

/* The line behind the one that ends in the word at @p, if there is one. The frame has SIP_QUICK_REACH bytes there. */
static __always_inline enum sip_quick sip_quick_line(const struct sip_text *t, void *p, __u32 *ret_pos)
{
	__u64 word = sip_quick_word(p), stop = SIP_LESS(word, 0x0b), name;
	enum sip_quick is;
	__u32 skip;
	__u64 at;

	if (!stop)
		return SIP_QUICK_GO_ON;
	p += sip_first(stop);
	barrier_var(p);
	if (p + 9 > t->data_end || *(__u8 *)p != '\n')
		return SIP_QUICK_UNKNOWN;
	name = sip_quick_word(p + 1);
	if (SIP_QUICK_MAYBE >> (name & 63) & 1) {
		is = sip_quick_name(name, &skip);
		at = p - t->data;
		barrier_var(at);
		*ret_pos = at + 1 + skip;
		if (is != SIP_QUICK_GO_ON)
			return is;
	}
	return stop & (stop - 1) ? SIP_QUICK_UNKNOWN : SIP_QUICK_GO_ON;
}

static __always_inline enum sip_quick sip_quick_block(const struct sip_text *t, void *p, __u32 *ret_pos)
{
	enum sip_quick is;

	is = sip_quick_line(t, p, ret_pos);
	if (is == SIP_QUICK_GO_ON)
		is = sip_quick_line(t, p + 8, ret_pos);
	if (is == SIP_QUICK_GO_ON)
		is = sip_quick_line(t, p + 16, ret_pos);
	if (is == SIP_QUICK_GO_ON)
		is = sip_quick_line(t, p + 24, ret_pos);
	return is;
}

/* From the end of the start line; FOUND: @*ret_pos is behind the colon. */
static __always_inline enum sip_quick sip_quick_find(const struct sip_text *t, __u32 pos, __u32 *ret_pos)
{
	__u64 n = sip_left(t, pos), i;
	enum sip_quick is;
	void *p;

	if ((__s64)n < SIP_QUICK_REACH)
		return SIP_QUICK_UNKNOWN;
	n = (n - 8) / SIP_QUICK_BLOCK;
	p = t->data + sip_step(pos, 0);
	for (i = 0; i < n && i < SIP_QUICK_BLOCKS; i++) {
		barrier_var(p);
		if (p + SIP_QUICK_REACH > t->data_end)
			return SIP_QUICK_UNKNOWN;
		is = sip_quick_block(t, p, ret_pos);
		if (is != SIP_QUICK_GO_ON)
			return is;
		p += SIP_QUICK_BLOCK;
	}
	if (i < n)
		return SIP_QUICK_UNKNOWN;
	p = t->data + sip_step(t->end - SIP_QUICK_REACH, 0);	/* the last ones, some of them again */
	barrier_var(p);
	if (p + SIP_QUICK_REACH > t->data_end)
		return SIP_QUICK_UNKNOWN;
	is = sip_quick_block(t, p, ret_pos);
	if (is != SIP_QUICK_GO_ON)
		return is;
	return SIP_LESS(sip_quick_word(p + SIP_QUICK_BLOCK), 0x0b) ? SIP_QUICK_UNKNOWN : SIP_QUICK_NONE;
}

/* The Call-ID from @pos, behind the colon. */
static __always_inline enum sip_quick sip_quick_call_id(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	struct siphash s = siphash_begin(m->key[0], m->key[1]);
	__u64 word, stop = 0;
	__u32 len = 0, at, end;
	void *p;

	pos += sip_byte(sip_word(t, pos)) == ' ';
	p = t->data + sip_step(pos, 0);
	siphash13_word(&s, siphash_le64(m->salt));
	for (__u64 i = 0; i < SIP_ID_WORDS; i++) {
		barrier_var(p);
		if (p + 8 > t->data_end)
			return SIP_QUICK_UNKNOWN;
		word = sip_quick_word(p);
		stop = SIP_LESS(word, 0x21);
		if (stop)
			break;
		siphash13_word(&s, siphash_le64(word));
		p += 8;
		len += 8;
	}
	if (!stop)
		return SIP_QUICK_UNKNOWN;
	at = sip_first(stop);
	len += at;
	word &= ~(~0ULL << 8 * at);
	if (!len || len > 256 || sip_left(t, pos + len) < 8)
		return SIP_QUICK_UNKNOWN;
	stop = sip_word(t, pos + len);
	end = sip_line_end(stop);
	if (!end || sip_is_blank(sip_byte(stop >> 8 * end)))
		return SIP_QUICK_UNKNOWN;
	m->call_id = siphash13_end(&s, siphash_le64(word), sizeof(m->salt) + len);
	m->flags |= SIP_F_CALL_ID;
	return SIP_QUICK_FOUND;
}

/* Where the start line of a request of SIP/2.0 ends; 0: it is none, or may be. */
static __always_inline __u32 sip_quick_start(const struct sip_text *t, struct sip_msg *m)
{
	void *p = t->data + sip_step(t->off, 0), *q;
	__u64 word, stop = 0, n;

	barrier_var(p);
	if (t->off < 8 || sip_left(t, t->off) < SIP_QUICK_REACH || p + SIP_HEAD > t->data_end)
		return 0;
	m->status = m->flags = 0;
	word = sip_quick_word(p);
	if (SIP_LESS(word, 0x20) || !sip_read_kind(word, sip_quick_word(p + 8), m) || m->status)
		return 0;
	for (__u64 i = 0; i < SIP_QUICK_START; i++) {
		barrier_var(p);
		if (p + 16 > t->data_end)
			return 0;
		word = sip_quick_word(p + 8);
		stop = SIP_LESS(word, 0x20);
		if (stop)
			break;
		p += 8;
	}
	if (!stop)
		return 0;
	q = p + sip_first(stop);
	barrier_var(q);
	if (q + 16 > t->data_end)
		return 0;
	if (sip_quick_word(q) != SIP_WORD(" SIP/2.0") || !sip_line_end(sip_quick_word(q + 8)))
		return 0;
	m->flags = SIP_F_SIP;
	n = q - t->data;
	barrier_var(n);
	return n + 8;
}

/* In @m the key and the salt stand; UNKNOWN: the rest of it is anything. */
static __always_inline enum sip_quick sip_quick_text(const struct sip_text *t, struct sip_msg *m)
{
	__u32 pos = sip_quick_start(t, m), id = 0;
	enum sip_quick is;

	if (!pos)
		return SIP_QUICK_UNKNOWN;
	is = sip_quick_find(t, pos, &id);
	return is == SIP_QUICK_FOUND ? sip_quick_call_id(t, id, m) : is;
}

/* sip_quick(ctx, off, end, m): the same for a program, verified by itself. */
#define SIP_QUICK(ctx_type) \
SIP_PART(sip_quick, ctx_type, sip_quick_text(&t, m))

#endif
