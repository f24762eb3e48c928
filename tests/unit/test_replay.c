/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_replay: which requests are given to the new holder's server, in which order, and once? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/replay.h"

#define FROM	1000
#define PULSE	2000
#define DOUBT	2300

static struct replay r;
static uint64_t number;

/* A frame around @text: @form 0 IPv4, 1 IPv4 in two tags with options and padding, 2 IPv6, 3 IPv6 with an extension header. */
static void frame(struct bt_replay *e, int form, const char *text)
{
	size_t n = strlen(text) + 8, at = 12;
	uint8_t *f = e->frame;
	static const uint8_t tags[] = { 0x88, 0xa8, 0, 7, 0x81, 0, 0, 9 };

	if (form == 1) {
		memcpy(f + at, tags, sizeof(tags));
		at += sizeof(tags);
	}
	f[at++] = form < 2 ? 0x08 : 0x86;
	f[at++] = form < 2 ? 0x00 : 0xdd;
	if (form < 2) {
		size_t head = form ? 24 : 20;

		f[at] = (uint8_t)(0x40 | head / 4);
		f[at + 2] = (uint8_t)((head + n) >> 8);
		f[at + 3] = (uint8_t)(head + n);
		f[at + 9] = 17;
		at += head;
	} else {
		size_t ext = form == 3 ? 16 : 0;

		f[at] = 0x60;
		f[at + 4] = (uint8_t)((ext + n) >> 8);
		f[at + 5] = (uint8_t)(ext + n);
		f[at + 6] = form == 3 ? 0 : 17;
		at += 40;
		if (form == 3) {
			f[at] = 17;
			f[at + 1] = 1;
		}
		at += ext;
	}
	f[at + 4] = (uint8_t)(n >> 8);
	f[at + 5] = (uint8_t)n;
	memcpy(f + at + 8, text, strlen(text));
	e->len = (uint16_t)(at + n + (form == 1 ? 13 : 0));
}

static void note(enum bt_replay_kind kind, uint64_t at_ns, int form, const char *text)
{
	struct bt_replay e = { .kind = (uint8_t)kind, .at_ns = at_ns, .seq = ++number };

	frame(&e, form, text);
	replay_note(&r, &e);
}

static void request(uint64_t at_ns, const char *method, const char *id, int cseq, const char *branch)
{
	char text[600];

	snprintf(text, sizeof(text), "%s sip:x@10.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.9:5060;rport%s%s\r\nVia: SIP/2.0/UDP p;branch=far\r\n"
		 "From: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n\r\n", method, branch ? ";branch=" : "",
		 branch ? branch : "", id, cseq, method);
	note(BT_REPLAY_REQUEST, at_ns, (int)(number % 4), text);
}

static void answer(uint64_t at_ns, int status, const char *method, const char *id, int cseq, const char *branch)
{
	char text[600];

	snprintf(text, sizeof(text), "SIP/2.0 %d Whatever\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=%s;rport=7;received=10.0.0.8\r\n"
		 "Via: SIP/2.0/UDP p;branch=far\r\nt: <sip:x@y>;tag=9\r\nf: <sip:a@b>;tag=1\r\ni: %s\r\nCSeq:  %d  %s\r\n\r\nbody", status,
		 branch, id, cseq, method);
	note(BT_REPLAY_RECEIPT, at_ns, (int)(number % 4), text);
}

static void begin(bool shown)
{
	replay_begin(&r, &(struct replay_rule){ .from_ns = FROM, .pulse_ns = PULSE, .doubt_ns = DOUBT, .shown = shown, .key = { 1, 2 } });
	number = 0;
}

/* Numbers of those that are given, in order, ended by -1. */
static void expect(const char *what, const int *want)
{
	const struct replay_row *row;

	while ((row = replay_next(&r))) {
		if (*want < 0 || row->number != (uint64_t)*want)
			fail_msg("%s: %d is given, not %d", what, (int)row->number, *want);
		want++;
	}
	if (*want >= 0)
		fail_msg("%s: %d is not given", what, *want);
}

#define EXPECT(what, ...) expect(what, (const int[]){ __VA_ARGS__ __VA_OPT__(,) -1 })

static void unanswered_ones_in_order(void **state)
{
	(void)state;
	begin(false);
	for (int i = 0; i < 8; i++)
		request(1100, "OPTIONS", "same", i, "z9hG4bKa");	/* 0 ... 7: before the last pulse */
	answer(1200, 200, "OPTIONS", "same", 1, "z9hG4bKa");
	answer(1200, 404, "OPTIONS", "same", 4, "z9hG4bKa");
	answer(1200, 100, "OPTIONS", "same", 6, "z9hG4bKa");
	EXPECT("no final answer was shown", 0, 2, 3, 5, 6, 7);
	assert_int_equal(r.fates[REPLAY_ANSWERED], 2);
	assert_int_equal(r.fates[REPLAY_GIVEN], 6);
	assert_int_equal(r.doubtful, 0);
}

static void what_is_not_the_same(void **state)
{
	static const struct { int status; const char *method, *id; int cseq; const char *branch; bool same; } rows[] = {
		{ 200, "BYE", "id", 5, "z9hG4bKa", true }, { 481, "BYE", "id", 5, "z9hG4bKa", true },
		{ 200, "BYE", "iD", 5, "z9hG4bKa", false }, { 200, "BYE", "id", 6, "z9hG4bKa", false },
		{ 200, "BYE", "id", 5, "z9hG4bKA", false }, { 200, "INFO", "id", 5, "z9hG4bKa", false },
		{ 200, "BYE", "id2", 5, "z9hG4bKa", false }, { 200, "BYE", "id", 5, "z9hG4bKai", false },
		{ 199, "BYE", "id", 5, "z9hG4bKa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(false);
		answer(1200, rows[i].status, rows[i].method, rows[i].id, rows[i].cseq, rows[i].branch);	/* before it: CPUs race */
		request(1100, "BYE", "id", 5, "z9hG4bKa");
		if (!!replay_next(&r) == rows[i].same)
			fail_msg("row %zu: %d to %s %s %d %s", i, rows[i].status, rows[i].method, rows[i].id, rows[i].cseq, rows[i].branch);
	}
}

static void without_receipts_those_after_the_last_pulse(void **state)
{
	(void)state;
	begin(false);
	request(999, "OPTIONS", "a", 1, "1");
	request(1500, "OPTIONS", "b", 1, "1");
	request(2000, "OPTIONS", "c", 1, "1");
	request(2001, "OPTIONS", "d", 1, "1");
	request(2300, "OPTIONS", "e", 1, "1");
	EXPECT("after the pulse", 3, 4);
	assert_int_equal(r.doubtful, 1);	/* d: the dead may have answered it */
	assert_int_equal(r.fates[REPLAY_OLD], 3);
	begin(true);
	request(999, "OPTIONS", "a", 1, "1");
	request(1500, "OPTIONS", "b", 1, "1");
	request(2001, "OPTIONS", "c", 1, "1");
	EXPECT("receipts are known to come, and none came for these", 1, 2);
	assert_int_equal(r.doubtful, 0);
}

static void once(void **state)
{
	(void)state;
	begin(true);
	request(1100, "REGISTER", "a", 1, "1");
	request(1600, "REGISTER", "a", 1, "1");
	request(1700, "REGISTER", "a", 2, "1");
	request(1800, "REGISTER", "a", 1, NULL);
	EXPECT("a repetition", 0, 2, 3);
	assert_int_equal(r.fates[REPLAY_TWICE], 1);
	request(1900, "REGISTER", "a", 1, "1");		/* a late writer's */
	request(1900, "REGISTER", "b", 1, "1");
	EXPECT("the second look", 5);
}

static void invites(void **state)
{
	(void)state;
	begin(true);
	request(1100, "INVITE", "rings", 1, "1");
	answer(1200, 180, "INVITE", "rings", 1, "1");
	request(1300, "INVITE", "cancelled", 1, "2");
	answer(1310, 180, "INVITE", "cancelled", 1, "2");
	request(1400, "CANCEL", "cancelled", 1, "2");
	request(1500, "INVITE", "other branch", 1, "3");
	request(1600, "CANCEL", "other branch", 1, "4");
	request(1700, "INVITE", "cancelled and over", 1, "5");
	request(1710, "CANCEL", "cancelled and over", 1, "5");
	answer(1720, 200, "CANCEL", "cancelled and over", 1, "5");
	answer(1730, 487, "INVITE", "cancelled and over", 1, "5");
	request(1800, "INVITE", "trying", 1, "6");
	answer(1810, 100, "INVITE", "trying", 1, "6");
	EXPECT("none rings after its CANCEL", 0, 4, 5, 6, 11);
	assert_int_equal(r.doubtful, 1);
	assert_int_equal(r.fates[REPLAY_CANCELLED], 1);
	assert_int_equal(r.fates[REPLAY_ANSWERED], 2);
}

static void what_cannot_be_read(void **state)
{
	static const char odd[] = "OPTIONS sip:x SIP/2.0\nTo: no line ends\n\n";

	(void)state;
	begin(true);
	note(BT_REPLAY_REQUEST, 1500, 0, odd);
	note(BT_REPLAY_REQUEST, 2001, 2, odd);
	note(BT_REPLAY_REQUEST, 2002, 0, odd);
	note(BT_REPLAY_REQUEST, 2400, 0, "OPTIONS sip:y SIP/2.0\n\n");
	note(BT_REPLAY_RECEIPT, 2400, 0, odd);
	EXPECT("by its bytes, after the pulse, once", 1, 3);
	assert_int_equal(r.doubtful, 1);
}

/* Every length and every byte spoilt: nothing is read behind what is there (the sanitizer looks). */
static void hostile(void **state)
{
	struct bt_replay *e, whole = { .kind = BT_REPLAY_REQUEST, .at_ns = 3000, .seq = 1 };
	static struct bt_replay copy;

	(void)state;
	for (int form = 0; form < 4; form++) {
		memset(whole.frame, 0, sizeof(whole.frame));
		frame(&whole, form, "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n");
		for (uint16_t i = 0; i <= whole.len; i++) {
			copy = whole;
			e = &copy;
			begin(false);
			e->len = i;
			replay_note(&r, e);
			e->len = whole.len;
			e->frame[i] ^= 0xff;
			replay_note(&r, e);
			while (replay_next(&r))
				;
		}
		copy.len = 65535;
		replay_note(&r, &copy);
	}
}

static void full(void **state)
{
	char id[16];
	int n = 0;

	(void)state;
	begin(true);
	for (int i = 0; i < REPLAY_ROWS + 5; i++) {
		snprintf(id, sizeof(id), "%d", i);
		request(1100, "OPTIONS", id, 1, "1");
	}
	while (replay_next(&r))
		n++;
	assert_int_equal(n, REPLAY_ROWS);
	assert_int_equal(r.fates[REPLAY_FULL], 5);
	begin(true);
	for (int i = 0; i < REPLAY_SEATS; i++) {
		snprintf(id, sizeof(id), "%d", i);
		answer(1100, 200, "OPTIONS", id, 1, "1");
	}
	request(1200, "OPTIONS", "new", 1, "1");
	assert_null(replay_next(&r));
	assert_int_equal(r.fates[REPLAY_FULL], 1);
	begin(true);
	request(1200, "OPTIONS", "0", 1, "1");
	EXPECT("the next opening has its seats again", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unanswered_ones_in_order), cmocka_unit_test(what_is_not_the_same),
		cmocka_unit_test(without_receipts_those_after_the_last_pulse), cmocka_unit_test(once), cmocka_unit_test(invites),
		cmocka_unit_test(what_cannot_be_read), cmocka_unit_test(hostile), cmocka_unit_test(full),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
