// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_live: which payload counts as what, by its first bytes?
 *
 * With BATON_CORPUS set to a folder that has rfc4475/ *.dat (messages of RFC 4475), those are
 * counted too, and compared with a reading of their first line by other means.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4 "10.77.0.50"
#define REST " sip:x@y SIP/2.0\r\n\r\n"

/* What the counter of a payload is called here. */
enum { RESPONSE_1 = BT_M__N, KEEPALIVE = RESPONSE_1 + 6, OTHER, NOTHING };

/* The one counter of @live that moved by one since @before. */
static int moved(const struct bt_live *before, const struct bt_live *after)
{
	const uint64_t *a = (const uint64_t *)before, *b = (const uint64_t *)after;
	int which = NOTHING;

	for (int i = 0; i <= OTHER; i++) {
		if (a[i] == b[i])
			continue;
		CHECK(b[i] == a[i] + 1 && which == NOTHING, "counters %d and %d moved", which, i);
		which = i;
	}
	return which;
}

static int count(const struct packet_spec *spec)
{
	struct rig_world before, after;
	struct packet p;
	uint32_t exit;

	rig_world(&before);
	packet_make(&p, spec);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_VIP_ACCEPTED, "%s", rig_xdp_name(exit));
	rig_world(&after);
	return moved(&before.live[0], &after.live[0]);
}

static int count_bytes(const void *payload, uint32_t len)
{
	struct packet_spec spec = { .from = CLIENT4, .to = RIG_VIP4, .payload = payload,
				    .payload_len = len };
	int udp = count(&spec), tcp;

	spec.proto = IPPROTO_TCP;
	tcp = count(&spec);
	CHECK(udp == tcp, "UDP says %d, TCP says %d", udp, tcp);
	return udp;
}

static void expect(const char *text, int want)
{
	int got = count_bytes(text, strlen(text));

	CHECK(got == want, "\"%s\" counts as %d, not %d", text, got, want);
}

static void test_methods(void **state)
{
	static const struct { const char *name; int method; } methods[] = {
#define METHOD(name) { #name, BT_M_##name },
		BT_METHODS(METHOD)
#undef METHOD
	};
	char text[64];

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(methods); i++) {
		snprintf(text, sizeof(text), "%s" REST, methods[i].name);
		expect(text, methods[i].method);
		snprintf(text, sizeof(text), "%s\t" REST, methods[i].name);
		expect(text, OTHER);			/* another blank than SP */
		snprintf(text, sizeof(text), "%sX" REST, methods[i].name);
		expect(text, BT_M_OTHER);		/* a longer method */
		snprintf(text, sizeof(text), "%s" REST, methods[i].name);
		text[0] = tolower(text[0]);
		expect(text, OTHER);			/* methods are case-sensitive */
	}
	expect("FETCH sips:x@y SIP/2.0\r\n\r\n", BT_M_OTHER);
	expect("LONGMETHODXX sip:x@y SIP/2.0\r\n\r\n", BT_M_OTHER);
	expect("GET / HTTP/1.1\r\nHost: y\r\n\r\n", OTHER);
	expect("INVIT sap:x@y SIP/2.0\r\n\r\n", OTHER);
	expect(" INVITE sip:x@y SIP/2.0\r\n\r\n", OTHER);
}

static void test_responses(void **state)
{
	char text[64];

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (int code = 0; code <= 999; code += code % 100 == 1 ? 98 : 1) {
		snprintf(text, sizeof(text), "SIP/2.0 %03d Fine\r\n\r\n", code);
		expect(text, code >= 100 && code < 700 ? RESPONSE_1 + code / 100 - 1 : OTHER);
	}
	expect("SIP/2.0 2000 Fine\r\n\r\n", OTHER);
	expect("SIP/2.0 20 Fine\r\n\r\n", OTHER);
	expect("SIP/2.0 2x0 Fine\r\n\r\n", OTHER);
	expect("SIP/2.0 20\x3a Fine\r\n\r\n", OTHER);
	expect("SIP/2.0  200 Fine\r\n\r\n", OTHER);
	expect("SIP/3.0 200 Fine\r\n\r\n", OTHER);
	expect("sip/2.0 200 Fine\r\n\r\n", OTHER);
}

static void test_short_and_foreign(void **state)
{
	static const unsigned char stun[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	static const unsigned char rtp[32] = { 0x80, 0 };

	(void)state;
	rig_reset();
	rig_open_gate(0);
	expect("", KEEPALIVE);
	expect("\r\n", KEEPALIVE);
	expect("\r\n\r\n", KEEPALIVE);
	expect("\n", KEEPALIVE);
	expect("\r\n\r\n\r\n", OTHER);
	expect("\r\nx", OTHER);
	expect("x", OTHER);
	expect("INVITE sip:x@y", OTHER);		/* 14 bytes: no SIP message is so short */
	expect("SIP/2.0 200 OK\r", OTHER);
	expect("SIP/2.0 200 OK\r\n", RESPONSE_1 + 1);
	CHECK(count_bytes(stun, sizeof(stun)) == OTHER, "STUN");
	CHECK(count_bytes(rtp, sizeof(rtp)) == OTHER, "RTP");
}

static void test_fragments_and_others(void **state)
{
	static const struct { struct packet_spec spec; int want; } cases[] = {
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "INVITE" REST, .fragmented = true,
		    .frag = PACKET_MORE },
		  BT_M_INVITE },
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "INVITE" REST, .fragmented = true,
		    .frag = 64 }, OTHER },
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "INVITE" REST, .proto = IPPROTO_ICMP },
		  NOTHING },
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "INVITE" REST, .padding = 20 },
		  BT_M_INVITE },
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "", .padding = 18 }, KEEPALIVE },
		{ { .from = CLIENT4, .to = RIG_VIP4, .text = "INVITE" REST, .vlans = 2, .ihl = 15 },
		  BT_M_INVITE },
	};

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(cases); i++) {
		int got = count(&cases[i].spec);

		CHECK(got == cases[i].want, "case %zu counts as %d, not %d", i, got, cases[i].want);
	}
}

/* Requests are told to st_seen at once after a quiet millisecond, else with the next one after it. */
static void test_seen(void **state)
{
	struct bt_live shut;
	struct rig_world w;
	struct packet p;
	uint64_t last = 0, n = 0;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	for (int i = 0; i < 3; i++) {
		struct timespec ms2 = { .tv_nsec = 2000000 };

		nanosleep(&ms2, NULL);
		expect("OPTIONS" REST, BT_M_OPTIONS);	/* two frames each: UDP and TCP */
		n += 2;
		rig_world(&w);
		CHECK(w.seen[0].requests > last && w.seen[0].requests <= n, "%lu of %lu",
		      (long)w.seen[0].requests, n);
		last = w.seen[0].requests;
		CHECK(w.live[0].request_ns && !w.seen[0].response_ns, "times");
	}
	expect("SIP/2.0 200 OK\r\n", RESPONSE_1 + 1);
	rig_world(&w);
	CHECK(w.live[0].response_ns && !w.seen[0].response_ns,
	      "a response that came in is none of ours that left");
	shut = w.live[0];
	rig_set_word(0, 0);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4,
					       .text = "OPTIONS" REST });
	CHECK(rig_xdp(&p, NULL, NULL) == BT_X_VIP_SHUT, "shut");
	rig_world(&w);
	CHECK(!memcmp(&shut, &w.live[0], sizeof(shut)), "what is not accepted was counted");
}

/* The first line read by sscanf, where the kernel reads words. */
static int by_hand(const char *msg, size_t len)
{
	static const char *const names[] = {
#define METHOD(name) #name,
		BT_METHODS(METHOD)
#undef METHOD
	};
	char head[17] = "", word[17] = "";
	unsigned code = 0;
	int n = 0;

	memcpy(head, msg, len < 16 ? len : 16);
	if (!strncmp(head, "SIP/2.0 ", 8))
		return sscanf(head + 8, "%4u",
			      &code) == 1 && code >= 100 && code < 700 ? (int)(RESPONSE_1 + code / 100 - 1)
										       : OTHER;
	if (sscanf(head, "%16[A-Z]%n", word, &n) != 1 || head[n] != ' ')
		return OTHER;
	for (int i = 0; i < BT_M_OTHER; i++)
		if (!strcmp(word, names[i]))
			return i;
	return strncasecmp(head + n, " sip", 4) ? OTHER : BT_M_OTHER;
}

static void count_file(const char *path)
{
	char msg[65536];
	FILE *f = fopen(path, "rb");
	size_t len = f ? fread(msg, 1, sizeof(msg), f) : 0;
	int got;

	CHECK(f && len >= 16, "%s: %zu bytes", path, len);
	fclose(f);
	got = count_bytes(msg, len < 1400 ? len : 1400);
	CHECK(got == by_hand(msg, len), "%s counts as %d, not %d", path, got, by_hand(msg, len));
}

static void test_corpus(void **state)
{
	const char *dir = getenv("BATON_CORPUS");
	char pattern[512];
	glob_t files;

	(void)state;
	if (!dir) {
		print_message("BATON_CORPUS is not set: real SIP messages are not counted here\n");
		skip();
	}
	rig_reset();
	rig_open_gate(0);
	snprintf(pattern, sizeof(pattern), "%s/rfc4475/*.dat", dir);
	CHECK(!glob(pattern, 0, NULL, &files) && files.gl_pathc, "nothing matches %s", pattern);
	for (size_t i = 0; i < files.gl_pathc; i++)
		count_file(files.gl_pathv[i]);
	print_message("%zu real messages\n", files.gl_pathc);
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods), cmocka_unit_test(test_responses),
		cmocka_unit_test(test_short_and_foreign), cmocka_unit_test(test_fragments_and_others),
		cmocka_unit_test(test_seen), cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
