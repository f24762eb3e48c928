/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/replay.h"

#include <string.h>

#include "bpf/siphash.h"
#include "core/siptext.h"

#define ETH_HEAD	14
#define TAG_BYTES	4
#define TAGS_MAX	2
#define IP4_HEAD	20
#define IP4_OFFSET	0x1fff
#define IP6_HEAD	40
#define EXTS_MAX	6
#define UDP_HEAD	8
#define PROTO_UDP	17
#define KEY_BYTES	640	/* Call-ID, branch and method of most; what is longer is cut, alike in request and answer */

enum replay_flag { SEAT_FINAL = 1, SEAT_PROVISIONAL = 2, SEAT_CANCELLED = 4, SEAT_GIVEN = 8 };

struct bytes {
	const uint8_t *at;
	size_t len;
};

/* ---- the datagram -------------------------------------------------------------------------------- */

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool skip(struct bytes *b, size_t n)
{
	if (n > b->len)
		return false;
	b->at += n;
	b->len -= n;
	return true;
}

/* Behind the Ethernet header and its tags. */
static bool skip_l2(struct bytes *b)
{
	uint32_t type;

	if (b->len < ETH_HEAD)
		return false;
	type = be16(b->at + ETH_HEAD - 2);
	if (!skip(b, ETH_HEAD))
		return false;
	for (int i = 0; i < TAGS_MAX && (type == 0x8100 || type == 0x88a8); i++) {
		if (b->len < TAG_BYTES)
			return false;
		type = be16(b->at + 2);
		skip(b, TAG_BYTES);
	}
	return type == 0x0800 || type == 0x86dd;
}

static bool skip_ip4(struct bytes *b)
{
	size_t head, len;

	if (b->len < IP4_HEAD)
		return false;
	head = (size_t)(b->at[0] & 15) * 4;
	len = be16(b->at + 2);
	if (head < IP4_HEAD || len < head || b->at[9] != PROTO_UDP || be16(b->at + 6) & IP4_OFFSET)
		return false;
	if (len < b->len)
		b->len = len;		/* Ethernet padded it */
	return skip(b, head);
}

/* The headers before UDP; a fragment header is one like others, for only a first fragment is asked about. */
static bool skip_ip6(struct bytes *b)
{
	size_t len;
	uint8_t next;

	if (b->len < IP6_HEAD)
		return false;
	next = b->at[6];
	len = IP6_HEAD + be16(b->at + 4);
	if (len < b->len)
		b->len = len;
	skip(b, IP6_HEAD);
	for (int i = 0; i < EXTS_MAX && next != PROTO_UDP; i++) {
		if (b->len < 8)
			return false;
		len = next == 44 ? 8 : 8 + (size_t)b->at[1] * 8;
		next = b->at[0];
		if (!skip(b, len))
			return false;
	}
	return next == PROTO_UDP;
}

/* What UDP carries; of a receipt that is cut as much as there is. */
static bool payload_of(const struct bt_replay *e, struct bytes *ret)
{
	struct bytes b = { e->frame, e->len <= BT_REPLAY_FRAME ? e->len : 0 };
	size_t len;

	if (!skip_l2(&b) || !b.len || !(b.at[0] >> 4 == 4 ? skip_ip4(&b) : skip_ip6(&b)) || b.len < UDP_HEAD)
		return false;
	len = be16(b.at + 4);
	if (len < UDP_HEAD)
		return false;
	if (len < b.len)
		b.len = len;
	skip(&b, UDP_HEAD);
	*ret = b;
	return true;
}

/* ---- transactions -------------------------------------------------------------------------------- */

static size_t put(uint8_t *buf, size_t at, struct siptext_slice s)
{
	size_t n = s.at ? s.len : 0;

	if (n > KEY_BYTES - at - 1)
		n = KEY_BYTES - at - 1;
	if (n)
		memcpy(buf + at, s.at, n);
	buf[at + n] = '\0';		/* in no message before its body: nothing runs into the next */
	return at + n + 1;
}

/* Of the CSeq's method, or of @method where it is given. */
static uint64_t transaction_of(const struct replay *r, const struct siptext *m, const char *method)
{
	struct siptext_via via = {};
	uint8_t buf[KEY_BYTES];
	size_t at = sizeof(m->cseq);

	(void)siptext_via(m, 0, &via);
	memcpy(buf, &m->cseq, sizeof(m->cseq));
	at = put(buf, at, via.branch);
	at = put(buf, at, method ? (struct siptext_slice){ method, strlen(method) } : m->cseq_method);
	if (at < KEY_BYTES - 1)
		at = put(buf, at, m->first[SIPTEXT_CALL_ID]);
	return siphash(r->rule.key, buf, (__u32)at);
}

/* NULL: there is none, and no room for one. */
static struct replay_seat *seat_of(struct replay *r, uint64_t transaction)
{
	for (uint32_t i = 0; i < REPLAY_SEATS; i++) {
		struct replay_seat *s = &r->seat[(transaction + i) % REPLAY_SEATS];

		if (s->opening == r->opening && s->transaction == transaction)
			return s;
		if (s->opening == r->opening)
			continue;
		if (r->n_seats >= REPLAY_SEATS / 4 * 3)
			return NULL;
		r->n_seats++;
		*s = (struct replay_seat){ transaction, r->opening, 0 };
		return s;
	}
	return NULL;
}

static void mark(struct replay *r, uint64_t transaction, uint32_t flag)
{
	struct replay_seat *s = seat_of(r, transaction);

	if (s)
		s->flags |= flag;
}

/* ---- noting -------------------------------------------------------------------------------------- */

static void note_answer(struct replay *r, const struct siptext *m)
{
	if (m->status >= 200)
		mark(r, transaction_of(r, m, NULL), SEAT_FINAL);
	else if (m->status > 100)
		mark(r, transaction_of(r, m, NULL), SEAT_PROVISIONAL);
}

static void note_request(struct replay *r, const struct bt_replay *e, const struct bytes *b, const struct siptext *m)
{
	struct replay_row *row = &r->row[r->n];

	if (e->at_ns < r->rule.from_ns) {
		r->fates[REPLAY_OLD]++;
		return;
	}
	if (r->n == REPLAY_ROWS) {
		r->fates[REPLAY_FULL]++;
		return;
	}
	r->n++;
	*row = (struct replay_row){ .number = e->seq - 1, .at_ns = e->at_ns, .readable = m != NULL };
	row->transaction = m ? transaction_of(r, m, NULL) : siphash(r->rule.key, b->at, (__u32)b->len);
	row->invite = m && siptext_is(m->method, "INVITE");
	if (m && siptext_is(m->method, "CANCEL"))
		mark(r, transaction_of(r, m, "INVITE"), SEAT_CANCELLED);
}

void replay_note(struct replay *r, const struct bt_replay *e)
{
	struct siptext m;
	struct bytes b;
	bool readable;

	if (!payload_of(e, &b))
		return;
	readable = siptext_read(&m, (const char *)b.at, b.len);
	if (e->kind == BT_REPLAY_RECEIPT) {
		r->rule.shown = true;
		if (readable)
			note_answer(r, &m);
	} else if (e->kind == BT_REPLAY_REQUEST && (!readable || !m.status)) {
		note_request(r, e, &b, readable ? &m : NULL);
	}
}

/* ---- deciding ------------------------------------------------------------------------------------ */

void replay_begin(struct replay *r, const struct replay_rule *rule)
{
	r->rule = *rule;
	r->opening++;
	if (!r->opening) {		/* seats of four thousand million openings ago */
		memset(r->seat, 0, sizeof(r->seat));
		r->opening = 1;
	}
	r->n = r->next = r->n_seats = r->doubtful = 0;
	memset(r->fates, 0, sizeof(r->fates));
}

static enum replay_fate fate_of(const struct replay *r, const struct replay_row *row, const struct replay_seat *s)
{
	bool shown = r->rule.shown && row->readable;

	if (!s)
		return REPLAY_FULL;
	if (s->flags & SEAT_FINAL)
		return REPLAY_ANSWERED;
	if (row->invite && s->flags & SEAT_CANCELLED)
		return REPLAY_CANCELLED;
	if (s->flags & SEAT_GIVEN)
		return REPLAY_TWICE;
	return shown || row->at_ns > r->rule.pulse_ns ? REPLAY_GIVEN : REPLAY_OLD;
}

const struct replay_row *replay_next(struct replay *r)
{
	while (r->next < r->n) {
		struct replay_row *row = &r->row[r->next++];
		struct replay_seat *s = seat_of(r, row->transaction);
		enum replay_fate fate = fate_of(r, row, s);

		r->fates[fate]++;
		if (fate != REPLAY_GIVEN)
			continue;
		s->flags |= SEAT_GIVEN;
		row->doubtful = s->flags & SEAT_PROVISIONAL ||
				(!(r->rule.shown && row->readable) && row->at_ns < r->rule.doubt_ns);
		r->doubtful += row->doubtful;
		return row;
	}
	return NULL;
}
