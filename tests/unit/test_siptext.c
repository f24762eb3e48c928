/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_siptext: messages read, answered, acknowledged and passed on; cut off and mutilated at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/siptext.h"

static const char invite[] =
	"INVITE sip:100@10.77.0.200:5060 SIP/2.0\r\nv: SIP/2.0/UDP 10.77.0.9:5070;rport;branch=z9hG4bKone, SIP/2.0/UDP x.example\r\n"
	"Via: SIP/2.0/UDP 10.1.1.1:5062;branch=z9hG4bKtwo\r\nRoute: <sip:10.77.0.200;lr>, <sip:10.9.9.9:5090;lr>\r\n"
	"Max-Forwards: 69\r\nf: \"A, <b>\" <sip:a@x>;tag=f1\r\nTo: <sip:100@x;tag=no>\r\ni: call-1@x\r\nCSeq: 314 INVITE\r\n"
	"Subject: one\r\n\tand two\r\nContent-Length: 4\r\n\r\nbody";
static const char busy[] =
	"SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 10.77.0.9:5070;rport=5070;branch=z9hG4bKone\r\n"
	"From: \"A, <b>\" <sip:a@x>;tag=f1\r\nTo: <sip:100@x>;tag=t9\r\nCall-ID: call-1@x\r\nCSeq: 314 INVITE\r\n"
	"Content-Length: 0\r\n\r\n";

static struct siptext read_text(const char *text)
{
	struct siptext m;

	if (!siptext_read(&m, text, strlen(text)))
		fail_msg("not read: %s", text);
	return m;
}

static struct siptext_from from(const char *ip, uint16_t port)
{
	struct siptext_from f = { .port = port };

	assert_true(siptext_ip((struct siptext_slice){ ip, strlen(ip) }, &f.ip));
	return f;
}

static void expect(const char *buf, size_t n, const char *want)
{
	if (n != strlen(want) || memcmp(buf, want, n))
		fail_msg("'%.*s'\nis not\n'%s'", (int)n, buf, want);
}

static void what_it_says(void **state)
{
	struct siptext m = read_text(invite), r = read_text(busy);
	struct siptext_via v;

	(void)state;
	assert_int_equal(m.status, 0);
	assert_true(siptext_is(m.method, "INVITE"));
	assert_int_equal(m.cseq, 314);
	assert_int_equal(m.max_forwards, 69);
	assert_int_equal(r.status, 503);
	assert_true(siptext_is(r.cseq_method, "INVITE"));
	assert_true(siptext_via(&m, 0, &v));
	assert_true(siptext_is(v.host, "10.77.0.9") && v.port == 5070 && v.wants_rport && !v.rport && siptext_is(v.branch, "z9hG4bKone"));
	assert_true(siptext_via(&m, 1, &v));
	assert_true(siptext_is(v.host, "x.example") && !v.port && !v.branch.at);
	assert_true(siptext_via(&m, 2, &v));
	assert_true(siptext_is(v.branch, "z9hG4bKtwo"));
	assert_false(siptext_via(&m, 3, &v));
	assert_true(siptext_via(&r, 0, &v));
	assert_int_equal(v.rport, 5070);
}

static void uris(void **state)
{
	static const struct { const char *text, *host; uint16_t port; bool ok, udp; } rows[] = {
		{ "sip:10.0.0.1", "10.0.0.1", 0, true, true }, { "sip:a@10.0.0.1:5090", "10.0.0.1", 5090, true, true },
		{ "<sip:a@[fd00::1]:5090;lr>, <sip:x>", "fd00::1", 5090, true, true },
		{ "\"x <\" <sip:a;b=c@host.example;transport=tcp>", "host.example", 0, true, false },
		{ "sip:host;transport=UDP?x=y@z", "host", 0, true, true },
		{ "sips:10.0.0.1", "", 0, false, false }, { "tel:+1", "", 0, false, false }, { "sip:", "", 0, false, false },
		{ "sip:a:70000", "", 0, false, false }, { "sip:a:0", "", 0, false, false }, { "sip:[fd00::1", "", 0, false, false },
		{ "sip:a:", "", 0, false, false },
	};
	struct siptext_uri u;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool ok = siptext_uri((struct siptext_slice){ rows[i].text, strlen(rows[i].text) }, &u);

		if (ok != rows[i].ok || (ok && (!siptext_is(u.host, rows[i].host) || u.port != rows[i].port || u.udp != rows[i].udp)))
			fail_msg("%s: %d '%.*s' port %u udp %d", rows[i].text, ok, ok ? (int)u.host.len : 0, u.host.at, u.port, u.udp);
	}
}

static void acknowledged_as_by_the_client(void **state)
{
	struct siptext m = read_text(invite), r = read_text(busy);
	char buf[2048];
	size_t n = siptext_ack(buf, sizeof(buf), &m, &r);

	(void)state;
	expect(buf, n, "ACK sip:100@10.77.0.200:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.9:5070;rport;branch=z9hG4bKone\r\n"
	       "Route: <sip:10.77.0.200;lr>, <sip:10.9.9.9:5090;lr>\r\nMax-Forwards: 70\r\nFrom: \"A, <b>\" <sip:a@x>;tag=f1\r\n"
	       "To: <sip:100@x>;tag=t9\r\nCall-ID: call-1@x\r\nCSeq: 314 ACK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(siptext_ack(buf, n - 1, &m, &r), 0);
}

static void refused_with_all_vias(void **state)
{
	struct siptext m = read_text(invite);
	struct siptext_from f = from("192.0.2.7", 40000);
	char buf[2048];
	size_t n = siptext_answer(buf, sizeof(buf), &m, 302, "sip:10.88.0.1:5060", "tt", &f);

	(void)state;
	expect(buf, n, "SIP/2.0 302 Moved Temporarily\r\n"
	       "Via: SIP/2.0/UDP 10.77.0.9:5070;branch=z9hG4bKone;received=192.0.2.7;rport=40000, SIP/2.0/UDP x.example\r\n"
	       "Via: SIP/2.0/UDP 10.1.1.1:5062;branch=z9hG4bKtwo\r\nFrom: \"A, <b>\" <sip:a@x>;tag=f1\r\n"
	       "To: <sip:100@x;tag=no>;tag=tt\r\nCall-ID: call-1@x\r\nCSeq: 314 INVITE\r\n"
	       "Contact: <sip:10.88.0.1:5060>\r\nContent-Length: 0\r\n\r\n");
	for (uint16_t status = 300; status <= 603; status++)
		assert_true(siptext_answer(buf, sizeof(buf), &m, status, NULL, "tt", &f) > 0);
	assert_null(memmem(buf, n, "Contact", 7));
}

static void received_only_where_it_is_needed(void **state)
{
	static const char *const texts[] = { "10.77.0.9", "[fd00::9]:5070", "phone.example", "10.77.0.9;received=6.6.6.6;rport=1" };
	static const char *const wants[] = { "10.77.0.9\r\n", "[fd00::9]:5070;received=10.77.0.9\r\n", "phone.example;received=10.77.0.9\r\n",
					     "10.77.0.9;received=10.77.0.9;rport=5071\r\n" };
	struct siptext_from f = from("10.77.0.9", 5071);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[512], buf[1024];
		struct siptext m;
		size_t n;

		snprintf(text, sizeof(text), "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n"
			 "Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n", texts[i]);
		m = read_text(text);
		n = siptext_answer(buf, sizeof(buf) - 1, &m, 603, NULL, "t", &f);
		buf[n] = '\0';
		if (!strstr(buf, wants[i]))
			fail_msg("'%s' is not in %s", wants[i], buf);
	}
}

static void passed_on_and_back(void **state)
{
	struct siptext m = read_text(invite), back;
	struct siptext_from f = from("10.77.0.9", 5070);
	struct in6_addr ip;
	char buf[2048], reply[2048];
	uint16_t port;
	size_t n = siptext_pass_on(buf, sizeof(buf), &m, "SIP/2.0/UDP 10.0.0.1:4000;branch=z9hG4bKme", true, &f);

	(void)state;
	expect(buf, n, "INVITE sip:100@10.77.0.200:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:4000;branch=z9hG4bKme\r\n"
	       "Via: SIP/2.0/UDP 10.77.0.9:5070;branch=z9hG4bKone;received=10.77.0.9;rport=5070, SIP/2.0/UDP x.example\r\n"
	       "Via: SIP/2.0/UDP 10.1.1.1:5062;branch=z9hG4bKtwo\r\nRoute: <sip:10.9.9.9:5090;lr>\r\n"
	       "Max-Forwards: 68\r\nf: \"A, <b>\" <sip:a@x>;tag=f1\r\nTo: <sip:100@x;tag=no>\r\ni: call-1@x\r\nCSeq: 314 INVITE\r\n"
	       "Subject: one\r\n\tand two\r\nContent-Length: 4\r\n\r\nbody");
	m = read_text("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:4000;branch=z9hG4bKme, SIP/2.0/UDP h;received=10.7.0.9;rport=5071\r\n"
		      "To: b;tag=1\r\nFrom: a;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\nx");
	assert_true(siptext_back(&m, 1, &ip, &port));
	assert_int_equal(port, 5071);
	f = from("10.7.0.9", 0);
	assert_memory_equal(&ip, &f.ip, sizeof(ip));
	n = siptext_pass_back(reply, sizeof(reply), &m);
	expect(reply, n, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;received=10.7.0.9;rport=5071\r\n"
	       "To: b;tag=1\r\nFrom: a;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\nx");
	assert_true(siptext_read(&back, reply, n));
}

static void no_hop_is_left(void **state)
{
	struct siptext m = read_text("ACK sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nMax-Forwards: 0\r\nFrom: a\r\nTo: b\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\n\r\n");
	struct siptext_from f = from("10.77.0.9", 5070);
	char buf[1024];

	(void)state;
	assert_int_equal(siptext_pass_on(buf, sizeof(buf), &m, "x", false, &f), 0);
}

static void refused_messages(void **state)
{
#define REST "Via: SIP/2.0/UDP h\r\nFrom: a\r\nTo: b\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
	static const char *const bad[] = {
		"", "\r\n\r\n", "\r\n\r\n\r\n\r\n", "INVITE sip:x SIP/2.0\r\n\r\n", "INVITE sip:x SIP/3.0\r\n" REST "\r\n", "INVITE SIP/2.0\r\n" REST "\r\n",
		"SIP/2.0 99 x\r\n" REST "\r\n", "SIP/2.0 700 x\r\n" REST "\r\n", "SIP/2.0 2000 x\r\n" REST "\r\n",
		"INVITE sip:x SIP/2.0\r\n" REST, "INVITE sip:x SIP/2.0\r\n" REST "Call-ID: 2\r\n\r\n", "INVITE sip:x SIP/2.0\r\n" REST "t: c\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\n" REST "what is this\r\n\r\n", "INVITE sip:x SIP/2.0\r\n" REST "Max-Forwards: 256\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\n" REST "Max-Forwards: -1\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: a\r\nTo: b\r\nCall-ID: 1\r\nCSeq: 99999999999 INVITE\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: a\r\nTo: b\r\nCall-ID: 1\r\nCSeq: 1\r\n\r\n",
	};
	struct siptext m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (siptext_read(&m, bad[i], strlen(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

/* Everything that may be made of it is made; in buffers of exactly its size, for the sanitizers. */
static void use(const char *data, size_t len)
{
	static const char *const via = "SIP/2.0/UDP 10.0.0.1:4000;branch=z9hG4bKme";
	struct siptext_from f = from("192.0.2.7", 40000);
	struct siptext good = read_text(invite), m, again;
	struct siptext_uri uri;
	char buf[4096];
	uint16_t port;
	size_t n;

	if (!siptext_read(&m, data, len))
		return;
	n = siptext_answer(buf, sizeof(buf), &m, 503, NULL, "tag", &f);
	if (n && !siptext_read(&again, buf, n))
		fail_msg("of '%.*s'\nwas made '%.*s'", (int)len, data, (int)n, buf);
	n = siptext_pass_on(buf, sizeof(buf), &m, via, true, &f);
	if (n && !siptext_read(&again, buf, n))
		fail_msg("of '%.*s'\nwas made '%.*s'", (int)len, data, (int)n, buf);
	siptext_ack(buf, sizeof(buf), &good, &m);
	siptext_ack(buf, sizeof(buf), &m, &good);
	siptext_pass_back(buf, sizeof(buf), &m);
	siptext_uri(m.uri, &uri);
	siptext_uri(m.first[SIPTEXT_ROUTE], &uri);
	siptext_back(&m, 1, &f.ip, &port);
}

static void mutilate(const char *text)
{
	static const char with[] = "\0\r\n \t,;:<>\"=/@[]9A\\\x80\xff";
	size_t len = strlen(text);

	for (size_t n = 0; n <= len; n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, text, n);
		use(copy, n);
		for (size_t i = 0; n == len && i < n; i++)
			for (size_t w = 0; w < sizeof(with) - 1; w++) {
				copy[i] = with[w];
				use(copy, n);
				copy[i] = text[i];
			}
		free(copy);
	}
}

static void every_byte_cut_and_changed(void **state)
{
	(void)state;
	mutilate(invite);
	mutilate(busy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says),
		cmocka_unit_test(uris),
		cmocka_unit_test(acknowledged_as_by_the_client),
		cmocka_unit_test(refused_with_all_vias),
		cmocka_unit_test(received_only_where_it_is_needed),
		cmocka_unit_test(passed_on_and_back),
		cmocka_unit_test(no_hop_is_left),
		cmocka_unit_test(refused_messages),
		cmocka_unit_test(every_byte_cut_and_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
