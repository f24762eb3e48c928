/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sip: what does this SIP message say of itself: request or response, which dialog, which transaction?
 *
 * One pass, eight bytes at a time, to the blank line finds the lines that matter; then the three values are read.
 * What a server may read otherwise than we do is UNSURE, and a Call-ID is never told that may be another: a line that
 * the packet cuts, a header that comes twice, a CR or NUL alone, more than we look at.
 * Bytes:   offsets from the start of the frame, as in parse.h; in struct sip_msg from the start of the payload.
 * Errors:  none; the flags tell. Whoever uses call_id looks for CALL_ID and for UNSURE.
 * Source:  RFC 3261 §7, §20, §25.1; design §4.6. Words: Warren, Hacker's Delight, §6-1.
 */
#ifndef SIP_H
#define SIP_H

#include "sip_kind.h"
#include "siphash.h"

#define SIP_REACH	0x7fff	/* of a frame: the verifier wants a bound */
#define SIP_WORDS	180	/* of the headers that are looked at: 1,440 bytes */
#define SIP_STEPS	192	/* words and line ends, where these are not as usual */
#define SIP_ID_WORDS	33	/* Call-ID: 256 characters and what ends it */
#define SIP_TO_STEPS	32	/* words, quotes, parameters */
#define SIP_BLANKS	6	/* folds in a row, and words of blanks */
#define SIP_LINES	8
#define SIP_ENDS	8	/* line ends before the start line */
#define SIP_DIGITS	12
#define SIP_CSEQ_MAX	0x7fffffff	/* RFC 3261 §8.1.1.5 */
#define SIP_METHOD_WORDS 6

/* sip_msg.flags */
#define SIP_F_SIP	(1u << 0)	/* the start line is one of SIP/2.0 */
#define SIP_F_KEEPALIVE	(1u << 1)	/* nothing, or line ends alone */
#define SIP_F_CALL_ID	(1u << 2)	/* call_id is known; never where another may be meant */
#define SIP_F_TO_TAG	(1u << 3)	/* To has a tag parameter */
#define SIP_F_CSEQ	(1u << 4)	/* cseq and cseq_method are known */
#define SIP_F_WHOLE	(1u << 5)	/* the blank line after the headers was seen */
#define SIP_F_UNSURE	(1u << 6)	/* something is there that may mean otherwise than was read: two Call-IDs, ... */

struct sip_msg {
	__u64 key[2];		/* in: SipHash key */
	__u64 salt;		/* in: hashed before the Call-ID (owner: pool or group) */
	__u64 call_id;		/* SipHash-1-3 of salt and the Call-ID's characters, blanks around it left out */
	__u32 cseq;
	__u16 status;		/* 100..699; 0: a request */
	__u8  method;		/* enum bt_method: a request's */
	__u8  cseq_method;	/* enum bt_method */
	__u32 flags;		/* SIP_F_* */
	__u16 call_id_off;	/* in the payload */
	__u16 call_id_len;
	__u16 to_off;		/* in the payload, behind the header's name; 0: none was seen */
	__u16 cseq_off;
	__u16 lines;		/* the scanner's own: lines whose first two characters were promising, */
	__u16 line[SIP_LINES];	/* and where they begin in the frame */
	__u16 state;	/* where in To it is */
};

struct sip_text {
	void *data, *data_end;
	__u32 off, end;		/* of the payload */
};

#ifdef __bpf__
typedef __u64 sip_raw;
#else
typedef __u64 __attribute__((aligned(1), may_alias)) sip_raw;	/* stands where it stands */
#endif

/* Bytes from @pos to the end. A difference, so that the verifier does not narrow @pos and the end by what it is. */
static __always_inline __s32 sip_left(const struct sip_text *t, __u32 pos)
{
	__u32 left = t->end - pos;

	barrier_var(left);
	return left;
}

/* The eight bytes at @pos, the first lowest; false: there are fewer. */
static __always_inline bool sip_load(const struct sip_text *t, __u32 pos, __u64 *ret_word)
{
	sip_raw *p;

	if (sip_left(t, pos) < 8)
		return false;
	pos &= SIP_REACH;
	barrier_var(pos);
	p = t->data + pos;
	barrier_var(p);
	if ((void *)(p + 1) > t->data_end)
		return false;
	*ret_word = siphash_le64(*p);
	return true;
}

/* The same, with zeros behind the end; false: not one byte. The last word is loaded from before it. */
static __always_inline bool sip_load_last(const struct sip_text *t, __u32 pos, __u64 *ret_word)
{
	__s32 left = sip_left(t, pos);
	__u32 shift = 0;
	sip_raw *p;

	if (left < 8) {
		if (left <= 0)
			return false;
		shift = 8 * (8 - left);
		pos -= 8 - left;
	}
	pos &= SIP_REACH;
	barrier_var(pos);
	p = t->data + pos;
	barrier_var(p);
	if ((void *)(p + 1) > t->data_end)
		return false;
	*ret_word = siphash_le64(*p) >> (shift & 63);
	return true;
}

static __always_inline __u64 sip_word(const struct sip_text *t, __u32 pos)
{
	__u64 word = 0;

	sip_load_last(t, pos, &word);
	return word;
}

/* A step forward, after which all ways here are one to the verifier. */
static __always_inline __u32 sip_step(__u32 pos, __u32 by)
{
	pos = (pos + by) & SIP_REACH;
	barrier_var(pos);
	return pos;
}

#define SIP_EACH(c)	((c) * 0x0101010101010101ULL)
#define SIP_HIGH	SIP_EACH(0x80)

/* High bits of the bytes of @word that are less than @c; above the lowest of them some others' too. */
#define SIP_LESS(word, c) (((word) - SIP_EACH(c)) & ~(word) & SIP_HIGH)
#define SIP_EQUAL(word, c) SIP_LESS((word) ^ SIP_EACH(c), 1)

/* Number of the byte whose high bit is the lowest in @mask, which is not 0. */
static __always_inline __u32 sip_first(__u64 mask)
{
	return ((mask & -mask) >> 7) * 0x0001020304050607ULL >> 56;
}

static __always_inline __u32 sip_byte(__u64 word)
{
	return word & 0xff;
}

static __always_inline bool sip_is_blank(__u32 c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of the line end that @word begins with; 0: it does not. */
static __always_inline __u32 sip_line_end(__u64 word)
{
	if (sip_byte(word) == '\n')
		return 1;
	return (word & 0xffff) == SIP_WORD("\r\n") ? 2 : 0;
}

/* High bits of the bytes of @word that are 0, and of no others. */
#define SIP_ZERO(word)	(~((((word) & ~SIP_HIGH) + ~SIP_HIGH) | (word)) & SIP_HIGH)

/* 1: @x is 0; else 0. Without a branch, of which the verifier would follow both ways. @x is less than 2^63. */
static __always_inline __u32 sip_is_0(__u64 x)
{
	barrier_var(x);
	return (x - 1) >> 63;
}

static __always_inline __u32 sip_line_end_of(__u64 word)
{
	return sip_is_0((word & 0xff) ^ '\n') + 2 * sip_is_0((word & 0xffff) ^ SIP_WORD("\r\n"));
}

/* Behind blanks and folds. */
static __always_inline __u32 sip_skip(const struct sip_text *t, __u32 pos)
{
	__u64 word, other;
	__u32 step;

	for (__u64 i = 0; i < SIP_BLANKS; i++) {
		word = sip_word(t, pos);
		other = ~(SIP_ZERO(word ^ SIP_EACH(' ')) | SIP_ZERO(word ^ SIP_EACH('\t'))) & SIP_HIGH;
		step = other ? sip_first(other) : 8;
		pos = sip_step(pos, step);
		if (step > 5)
			continue;
		word >>= 8 * step;
		step = sip_line_end_of(word);
		if (!sip_is_blank(sip_byte(word >> 8 * step)))
			break;
		pos = sip_step(pos, step + 1);
	}
	return sip_step(pos, 0);
}

/* Nothing more on this line, and the line ends before the packet does. */
static __always_inline bool sip_ends(const struct sip_text *t, __u32 pos)
{
	return sip_line_end(sip_word(t, sip_skip(t, pos)));
}

/* Where the value begins of a header whose name ends at @off of the payload; 0: no colon. */
static __always_inline __u32 sip_value(const struct sip_text *t, __u32 off)
{
	__u32 pos = sip_skip(t, t->off + off);

	return sip_byte(sip_word(t, pos)) == ':' ? sip_skip(t, pos + 1) : 0;
}

/* Behind line ends before the start line. */
static __always_inline __u32 sip_begin(const struct sip_text *t)
{
	__u64 word = sip_word(t, t->off);
	__u32 pos = t->off;

	for (__u64 i = 0; i < SIP_ENDS; i++) {
		if (sip_byte(word) != '\r' && sip_byte(word) != '\n')
			break;
		word >>= 8;
		pos++;
	}
	return sip_step(pos, 0);
}

/*
 * By the first 16 bytes; false: no SIP, whatever comes. What is found goes to memory: the verifier does not follow it
 * there into all that comes.
 */
static __always_inline bool sip_read_kind(__u64 word, __u64 rest, struct sip_msg *m)
{
	__u32 kind = sip_kind(word, rest);

	m->method = kind < BT_M__N ? kind : BT_M_OTHER;
	if (sip_is_response(kind))
		m->status = (rest & 0xf) * 100 + (rest >> 8 & 0xf) * 10 + (rest >> 16 & 0xf);
	if (SIP_BEGINS(word, "SIP/2.0 "))
		return m->status && sip_byte(rest >> 24) <= ' ';
	return sip_byte(word) > ' ' && sip_byte(word) < 0x7f && !SIP_BEGINS(word, "SIP/");
}

/* A start line of SIP/2.0? Returns where it ends; 0: it is none, or cut. */
static __always_inline __u32 sip_start(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	__u64 word, stop;
	__u32 end;

	for (__u64 i = 0; i < SIP_WORDS; i++) {
		if (!sip_load(t, pos, &word) || SIP_LESS(word, 0x20))
			break;
		pos = sip_step(pos, 8);
	}
	stop = SIP_LESS(sip_word(t, pos), 0x20);
	pos = sip_step(pos, sip_first(stop));
	word = sip_word(t, pos);
	end = sip_line_end(word);
	if (!stop || !end || (!m->status && sip_word(t, pos - 8) != SIP_WORD(" SIP/2.0")))
		return 0;
	m->flags |= SIP_F_SIP;
	if (sip_is_blank(sip_byte(word >> 8 * end)))
		m->flags |= SIP_F_UNSURE;	/* a fold, or a header after a blank? */
	return pos;
}

/* A line end, and behind it another? */
static __always_inline bool sip_is_blank_line(__u64 word)
{
	__u32 end = sip_line_end_of(word);

	return (end * sip_line_end_of(word >> 8 * end)) != 0;
}

/* May a line that begins with @word be one that we want? A hash of two characters, whose hits are bits of a word. */
#define SIP_PROMISING 0x0004800007000020ULL	/* of "ca" "cs" "to", "t" and "i" before a colon, blank or line end */

static __always_inline __u32 sip_is_promising(__u64 word)
{
	return SIP_PROMISING >> (((word | 0x2020) & 0xffff) * 59563 >> 11 & 63) & 1;
}

/* Behind the control character that @word begins with, and what it ends. */
static __always_inline __u32 sip_turn(__u32 pos, __u64 word, struct sip_msg *m)
{
	__u32 end = sip_line_end_of(word), odd = sip_is_0(sip_byte(word)) + sip_is_0(sip_byte(word) ^ '\r');
	__u32 line = !sip_is_0(end), n = m->lines;

	m->flags |= odd * !line * SIP_F_UNSURE;
	pos = sip_step(pos, end + !line);
	m->line[n % SIP_LINES] = pos;
	m->lines = n + (line & sip_is_promising(word >> 8 * end));
	return pos;
}

/* Where sip_find_any() is. */
struct sip_finding {
	const struct sip_text *t;
	struct sip_msg *m;
	__u32 pos;
	__u32 ended;	/* at the blank line, or with the packet */
};

/* To behind a word, or before or behind the first control character in it and the line end that this begins. 1: no further. */
static __attribute__((noinline, unused)) long sip_find_step(__u32 i, void *arg)
{
	struct sip_finding *f = arg;
	__u64 word, stop;
	__u32 step;

	(void)i;
	if (!sip_load_last(f->t, f->pos, &word)) {
		f->ended = 1;
		return 1;
	}
	stop = SIP_LESS(word, 0x20);
	step = stop ? sip_first(stop) : 8;
	f->pos = sip_step(f->pos, step);
	if (!stop || step > 4)
		return 0;
	word >>= 8 * step;
	if (sip_is_blank_line(word)) {
		f->m->flags |= SIP_F_WHOLE;
		f->ended = 1;
		return 1;
	}
	f->pos = sip_turn(f->pos, word, f->m);
	return 0;
}

/*
 * From the end of the start line, or any place behind it, to the blank line, however lines end. Few messages come here: a call for
 * each word is dearer than a loop, but the verifier goes through one step instead of all.
 */
static __always_inline void sip_find_any(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	struct sip_finding f = { .t = t, .m = m, .pos = sip_step(pos, 0) };

#ifdef __bpf__
	bpf_loop(SIP_STEPS, sip_find_step, &f, 0);
#else
	for (__u32 i = 0; i < SIP_STEPS && !sip_find_step(i, &f); i++)
		;
#endif
	if (f.ended)
		return;
	m->flags |= SIP_F_UNSURE;
	m->lines = 0;
}

/* High bits of the bytes that are text: letters, digits, signs, blanks, or no ASCII. */
#define SIP_TEXT(word)	(((((word) & SIP_EACH(0x60)) + SIP_EACH(0x60)) | (word)) & SIP_HIGH)

/*
 * The same for lines that end in CRLF: word by word where they stand, so that no load waits for what was found before.
 * 0: to the blank line; else where sip_find_any() is to go on.
 */
static __always_inline __u32 sip_find(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	__u64 n = sip_left(t, pos) >> 3;
	__u64 i = 0, word, text, bit;
	void *p = t->data + sip_step(pos, 0), *q;
	__u32 at, end, lines, line;

	n -= !!n;	/* one word is looked ahead */
	while (i < n && i < SIP_WORDS) {
		do {
			barrier_var(p);
			if (p + 8 > t->data_end)
				return 0;
			word = siphash_le64(*(sip_raw *)p);
			text = SIP_TEXT(word);
			p += 8;
			i++;
			barrier_var(i);
		} while (text == SIP_HIGH && i < n && i < SIP_WORDS);
		if (text == SIP_HIGH)
			break;
		text ^= SIP_HIGH;
		bit = text & -text;
		at = sip_first(text);
		q = p + at;
		barrier_var(q);
		if (q > t->data_end)
			return 0;
		word = siphash_le64(*(sip_raw *)(q - 8));
		pos = p - t->data - 8;
		end = sip_line_end_of(word);
		line = 1 - sip_is_0((at ^ 7) | (end ^ 2));	/* else its second half begins the next word */
		if (!end || text & ~(bit | bit << 8 * (end >> 1)))
			return pos;
		lines = m->lines;
		m->line[lines % SIP_LINES] = pos + at + end;
		m->lines = lines + (line & sip_is_promising(word >> 8 * end));
		if ((line * sip_line_end_of(word >> 8 * end)) != 0) {
			m->flags |= SIP_F_WHOLE;
			return 0;
		}
	}
	return p - t->data;
}

/* A header that comes once, its name ends at @off of the payload. */
static __always_inline void sip_once(struct sip_msg *m, __u16 *ret_off, __u32 off, __u64 behind)
{
	__u32 c = sip_byte(behind);

	if (c != ':' && !sip_is_blank(c) && c != '\r' && c != '\n')
		return;
	if (*ret_off)
		m->flags |= SIP_F_UNSURE;
	*ret_off = off;
}

/* Does a line that begins with @word, at @off of the payload, hold what we want? */
static __always_inline void sip_name(struct sip_msg *m, __u64 word, __u32 off)
{
	__u64 low = word | SIP_EACH(0x20);

	if (SIP_BEGINS(low, "call-id") && (word >> 32 & 0xff) == '-')
		sip_once(m, &m->call_id_off, off + 7, word >> 56);
	else if (SIP_BEGINS(low, "cseq"))
		sip_once(m, &m->cseq_off, off + 4, word >> 32);
	else if (SIP_BEGINS(low, "to"))
		sip_once(m, &m->to_off, off + 2, word >> 16);
	else if (sip_byte(low) == 't')
		sip_once(m, &m->to_off, off + 1, word >> 8);
	else if (sip_byte(low) == 'i')
		sip_once(m, &m->call_id_off, off + 1, word >> 8);
}

static __always_inline void sip_names(const struct sip_text *t, struct sip_msg *m)
{
	for (__u64 i = 0; i < SIP_LINES && i < m->lines; i++)
		sip_name(m, sip_word(t, m->line[i]), m->line[i] - t->off);
	if (m->lines >= SIP_LINES)	/* the next line, whatever it was, stands in the place of the first */
		m->flags |= SIP_F_UNSURE;
}

static __always_inline int sip_read_call_id(const struct sip_text *t, struct sip_msg *m)
{
	struct siphash s = siphash_begin(m->key[0], m->key[1]);
	__u32 pos = sip_value(t, m->call_id_off), len = 0;
	__u64 word = 0, stop = 0;

	m->call_id_off = pos ? pos - t->off : 0;
	siphash13_word(&s, m->salt);
	for (__u64 i = 0; i < SIP_ID_WORDS; i++) {
		word = sip_word(t, pos + len);
		stop = SIP_LESS(word, 0x21);
		if (stop)
			break;
		siphash13_word(&s, siphash_le64(word));
		len += 8;
	}
	if (stop) {
		stop = sip_first(stop);
		word &= ~(~0ULL << 8 * stop);
		len += stop;
	}
	if (!pos || !len || len > 256 || !sip_ends(t, pos + len)) {
		m->flags |= SIP_F_UNSURE;
		return 0;
	}
	m->call_id = siphash13_end(&s, siphash_le64(word), sizeof(m->salt) + len);
	m->call_id_len = len;
	m->flags |= SIP_F_CALL_ID;
	return 0;
}

/* What may change how the value of To goes on. */
enum sip_within { SIP_PLAIN, SIP_QUOTED, SIP_PARAM, SIP_URI };

/* High bits of the bytes that may change how To goes on, whatever it is in. */
static __always_inline __u64 sip_signs(__u64 word)
{
	return SIP_LESS(word, 0x20) | SIP_EQUAL(word, '"') | SIP_EQUAL(word | SIP_EACH(2), '>') | SIP_EQUAL(word, ';') |
	       SIP_EQUAL(word, '\\');
}

/* The state behind @c. */
static __always_inline __u32 sip_goes_on(__u32 in, __u32 c)
{
	if (in == SIP_QUOTED)
		return c == '"' ? SIP_PLAIN : in;
	if (in == SIP_URI)
		return c == '>' ? SIP_PLAIN : in;
	return c == '"' ? SIP_QUOTED : c == '<' ? SIP_URI : c == ';' ? SIP_PARAM : SIP_PLAIN;
}

static __always_inline bool sip_is_tag(__u64 word)
{
	__u32 c = sip_byte(word >> 24);

	return SIP_BEGINS(word | 0x202020, "tag") && (c <= ' ' || c == '=' || c == ';');
}

/*
 * Behind the name of its tag parameter; 0: it has none. The state lies in memory, so that the verifier does not follow
 * each from step to step.
 */
static __always_inline __u32 sip_find_tag(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	__u32 step, c, end;
	__u64 word, stop;

	m->state = SIP_PLAIN;
	for (__u64 i = 0; i < SIP_TO_STEPS; i++) {
		if (!sip_load_last(t, pos, &word))
			break;
		if (m->state == SIP_PARAM && !sip_is_blank(sip_byte(word)) && !sip_line_end(word)) {
			if (sip_is_tag(word))
				return pos + 3;
			m->state = SIP_PLAIN;
		}
		stop = m->state == SIP_PARAM ? SIP_HIGH : sip_signs(word);
		step = stop ? sip_first(stop) : 8;
		pos = sip_step(pos, step);
		if (step > 5)
			continue;
		word >>= 8 * step;
		c = sip_byte(word);
		end = sip_line_end_of(word);
		if (end && !sip_is_blank(sip_byte(word >> 8 * end))) {
			if (m->state == SIP_QUOTED || m->state == SIP_URI)
				break;
			return 0;
		}
		if (!end && c < ' ' && c != '\t')
			m->flags |= SIP_F_UNSURE;
		step = end + 1;
		if (c == '\\' && m->state == SIP_QUOTED)	/* what it escapes is no line end */
			step += !sip_line_end_of(word >> 8);
		if (m->state != SIP_PARAM)
			m->state = sip_goes_on(m->state, c);
		pos = sip_step(pos, step);
	}
	m->flags |= SIP_F_UNSURE;	/* cut, too long, or ends within */
	return 0;
}

static __always_inline int sip_read_to(const struct sip_text *t, struct sip_msg *m)
{
	__u32 pos = sip_value(t, m->to_off), c;

	if (!pos || sip_line_end(sip_word(t, pos))) {
		m->flags |= SIP_F_UNSURE;	/* no colon, or empty */
		return 0;
	}
	pos = sip_find_tag(t, pos, m);
	if (!pos)
		return 0;
	pos = sip_skip(t, pos);
	c = sip_byte(sip_word(t, pos));
	if (c == '=')
		c = sip_byte(sip_word(t, sip_skip(t, pos + 1)));
	else
		c = 0;
	m->flags |= c > ' ' && c != ';' ? SIP_F_TO_TAG : SIP_F_UNSURE;
	return 0;
}

/* Characters before the next blank, control character or end of the packet; 8 * SIP_METHOD_WORDS: too many. */
static __always_inline __u32 sip_token_len(const struct sip_text *t, __u32 pos)
{
	__u32 len = 0;
	__u64 stop;

	for (__u64 i = 0; i < SIP_METHOD_WORDS; i++) {
		stop = SIP_LESS(sip_word(t, pos + len), 0x21);
		if (stop)
			return len + sip_first(stop);
		len += 8;
	}
	return len;
}

/* The method of @len characters at @pos. */
static __always_inline __u32 sip_token(const struct sip_text *t, __u32 pos, __u32 len)
{
	__u64 word = sip_word(t, pos), rest = sip_word(t, pos + 8);
	__u32 method, shift = 8 * (len & 7);
	__u64 below = ~(~0ULL << shift), blank = (__u64)' ' << shift;

	if (len >= SIP_HEAD)
		return BT_M_OTHER;
	if (len < 8)
		word = (word & below) | blank;
	else
		rest = (rest & below) | blank;
	method = sip_method(word, rest);
	return method < BT_M__N ? method : BT_M_OTHER;
}

static __always_inline int sip_read_cseq(const struct sip_text *t, struct sip_msg *m)
{
	__u32 start = sip_value(t, m->cseq_off), pos = start, digit, len;
	__u64 number = 0, word = sip_word(t, pos), rest = sip_word(t, pos + 8);
	bool bad;

	for (__u64 i = 0; i < SIP_DIGITS; i++) {
		digit = sip_byte(word) - '0';
		if (digit > 9)
			break;
		number = number * 10 + digit;
		word = word >> 8 | rest << 56;
		rest >>= 8;
		pos++;
	}
	bad = !start || pos == start || number > SIP_CSEQ_MAX;
	m->cseq = number;	/* from here on the verifier need not know it */
	pos = sip_step(pos, 0);
	start = sip_skip(t, pos);
	len = sip_token_len(t, start);
	if (bad || start == pos || !len || !sip_ends(t, start + len)) {
		m->flags |= SIP_F_UNSURE;
		m->cseq = 0;
		return 0;
	}
	m->cseq_method = sip_token(t, start, len);
	m->flags |= SIP_F_CSEQ;
	return 0;
}

/*
 * The first part: all to the lines. In @m the key and the salt stand; all else is written. Returns where
 * sip_find_any() is to go on; 0: nowhere.
 */
static __always_inline __u32 sip_scan_lines(const struct sip_text *t, struct sip_msg *m)
{
	__u32 pos;

	m->call_id = 0;
	m->cseq = m->status = m->method = m->cseq_method = m->flags = 0;
	m->call_id_off = m->call_id_len = m->to_off = m->cseq_off = m->lines = m->state = 0;
	pos = sip_begin(t);
	if (sip_left(t, pos) <= 0)
		m->flags |= SIP_F_KEEPALIVE;
	if (t->off < 8 || sip_left(t, pos) < SIP_HEAD)
		return 0;
	if (!sip_read_kind(sip_word(t, pos), sip_word(t, pos + 8), m))
		return 0;
	pos = sip_start(t, pos, m);
	if (!pos)
		return 0;
	pos = sip_find(t, pos, m);
	if (!pos)
		sip_names(t, m);
	return pos;
}

/* The second, where lines do not end as usual. */
static __always_inline int sip_scan_rest(const struct sip_text *t, __u32 pos, struct sip_msg *m)
{
	sip_find_any(t, pos, m);
	sip_names(t, m);
	return 0;
}

/*
 * The payload from @off to @end of a frame or buffer, on the host. @off is at least 8: the last word of a payload is
 * loaded from up to 7 bytes before it. Returns 0.
 */
static __always_inline int sip_scan_text(void *data, void *data_end, __u32 off, __u32 end, struct sip_msg *m)
{
	struct sip_text t = { .data = data, .data_end = data_end, .off = off, .end = end };
	__u32 pos;

	if (t.end > data_end - data)
		t.end = data_end - data;
	pos = sip_scan_lines(&t, m);
	if (pos)
		sip_scan_rest(&t, pos, m);
	if (m->call_id_off && !(m->flags & SIP_F_UNSURE))
		sip_read_call_id(&t, m);
	if (m->to_off)
		sip_read_to(&t, m);
	if (m->cseq_off)
		sip_read_cseq(&t, m);
	return 0;
}

/*
 * sip_scan(ctx, off, end, m): the same for a program whose context is a struct xdp_md or __sk_buff, defined where it is
 * used. Each part is verified by itself: a function that is not static.
 */
#define SIP_PART(name, ctx_type, part) \
__noinline int name(struct ctx_type *ctx, __u32 off, __u32 end, struct sip_msg *m) \
{ \
	struct sip_text t = { .data = (void *)(long)ctx->data, .data_end = (void *)(long)ctx->data_end, .off = off, .end = end }; \
\
	return m ? part : 0; \
}

#define SIP_SCAN(ctx_type) \
SIP_PART(sip_scan_lines_of, ctx_type, sip_scan_lines(&t, m)) \
SIP_PART(sip_scan_call_id, ctx_type, sip_read_call_id(&t, m)) \
SIP_PART(sip_scan_to, ctx_type, sip_read_to(&t, m)) \
SIP_PART(sip_scan_cseq, ctx_type, sip_read_cseq(&t, m)) \
__noinline int sip_scan_any(struct ctx_type *ctx, __u32 off, __u32 end, struct sip_msg *m, __u32 pos) \
{ \
	struct sip_text t = { .data = (void *)(long)ctx->data, .data_end = (void *)(long)ctx->data_end, .off = off, .end = end }; \
\
	return m ? sip_scan_rest(&t, pos, m) : 0; \
} \
__noinline int sip_scan(struct ctx_type *ctx, __u32 off, __u32 end, struct sip_msg *m) \
{ \
	__u32 pos, room = (void *)(long)ctx->data_end - (void *)(long)ctx->data; \
\
	if (!m) \
		return 0; \
	if (end > room) \
		end = room; \
	pos = sip_scan_lines_of(ctx, off, end, m); \
	if (pos) \
		sip_scan_any(ctx, off, end, m, pos); \
	if (m->call_id_off && !(m->flags & SIP_F_UNSURE)) \
		sip_scan_call_id(ctx, off, end, m); \
	if (m->to_off) \
		sip_scan_to(ctx, off, end, m); \
	if (m->cseq_off) \
		sip_scan_cseq(ctx, off, end, m); \
	return 0; \
}

#endif
