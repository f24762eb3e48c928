/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sipmsg: what libosip2 writes, and good answers cut off and mutilated byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "sys/sipmsg.h"

static const char plain[] =
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:4444;rport=4444;received=10.0.0.1;branch=z9hG4bKabc\r\n"
	"From: <sip:baton@10.0.0.1:4444>;tag=1\r\nTo: <sip:10.0.0.2>;tag=2\r\nCall-ID: cid1\r\nCSeq: 7 OPTIONS\r\n"
	"Allow: INVITE, ACK, BYE\r\nContent-Length: 0\r\n\r\n";
static const char compact[] =
	"SIP/2.0 503 Service Unavailable, \"later\"\r\nt: x\r\nv : SIP/2.0/UDP [fd00::1]:4444\r\n\t;branch=z9hG4bKabc;rport\r\n"
	"i:cid1@host\r\nCSEQ:  7   OPTIONS\r\nc: multipart/mixed;boundary=x\r\nl: 4000000000\r\n\r\n--x\r\n\r\nbody";

static int parse(const char *text, struct sipmsg_answer *a)
{
	memset(a, 0, sizeof(*a));
	return sipmsg_parse_answer(text, strlen(text), a);
}

static void a_request_has_what_rfc_3261_asks_for(void **state)
{
	const struct sipmsg_ask v6 = { .to = "[fd00::50]:5060", .from = "[fd00::1]:4444", .branch = "z9hG4bKabc", .call_id = "cid1",
				       .tag = "t1", .cseq = 7, .max_forwards = 70 };
	static const char *const lines[] = {
		"Via: SIP/2.0/UDP [fd00::1]:4444;rport;branch=z9hG4bKabc\r\n", "From: <sip:baton@[fd00::1]:4444>;tag=t1\r\n",
		"To: <sip:[fd00::50]:5060>\r\n", "Call-ID: cid1\r\n", "CSeq: 7 OPTIONS\r\n", "Max-Forwards: 70\r\n",
		"Contact: <sip:baton@[fd00::1]:4444>\r\n", "Content-Length: 0\r\n\r\n",
	};
	char buf[1024];
	int n = sipmsg_options(buf, sizeof(buf) - 1, &v6);

	(void)state;
	assert_true(n > 0);
	buf[n] = '\0';
	assert_int_equal(strncmp(buf, "OPTIONS sip:[fd00::50]:5060 SIP/2.0\r\n", 37), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(buf, lines[i]))
			fail_msg("'%s' is not in '%s'", lines[i], buf);
	assert_int_equal(sipmsg_options(buf, 100, &v6), -EMSGSIZE);
}

static void answers_are_read(void **state)
{
	struct sipmsg_answer a;

	(void)state;
	assert_int_equal(parse(plain, &a), 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.cseq, 7);
	assert_string_equal(a.method, "OPTIONS");
	assert_string_equal(a.branch, "z9hG4bKabc");
	assert_string_equal(a.call_id, "cid1");
	assert_int_equal(parse(compact, &a), 0);
	assert_int_equal(a.status, 503);
	assert_string_equal(a.branch, "z9hG4bKabc");
	assert_string_equal(a.call_id, "cid1@host");
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "\r\n\r\n", "SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 abc OK\r\nCSeq: 7 OPTIONS\r\n\r\n",
		"OPTIONS sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCall-ID: 1\r\nCSeq: 7 OPTIONS\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nCall-ID: 1\r\nCSeq: 7 OPTIONS\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCSeq: 7 OPTIONS\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCall-ID: 1\r\nCSeq: -7 OPTIONS\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCall-ID: 1\r\nCSeq: 99999999999 OPTIONS\r\n\r\n",
		"SIP/2.0 99 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCall-ID: 1\r\nCSeq: 7 OPTIONS\r\n\r\n",
		"SIP/2.0 700 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nCall-ID: 1\r\nCSeq: 7 OPTIONS\r\n\r\n",
	};
	char nul[sizeof(plain)], big[SIPMSG_MAX + 64];
	struct sipmsg_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &a) != -EBADMSG || a.status)
			fail_msg("row %zu: %d, status %u", i, parse(bad[i], &a), a.status);
	memcpy(nul, plain, sizeof(nul));
	nul[30] = '\0';
	assert_int_equal(sipmsg_parse_answer(nul, sizeof(nul) - 1, &a), -EBADMSG);
	memset(big, 'a', sizeof(big));
	memcpy(big, plain, 40);
	assert_int_equal(sipmsg_parse_answer(big, sizeof(big), &a), -EMSGSIZE);
}

/* Exactly as long as it is: reading behind it is seen by the sanitizer. */
static int parse_alone(const char *text, size_t len, struct sipmsg_answer *a)
{
	char *alone = malloc(len ? len : 1);
	size_t n;
	int err;

	assert_non_null(alone);
	memcpy(alone, text, len);
	err = sipmsg_parse_answer(alone, len, a);
	sipmsg_branch_of(alone, len, &n);
	free(alone);
	return err;
}

static void every_beginning_of_an_answer_is_survived(void **state)
{
	struct sipmsg_answer a;

	(void)state;
	for (size_t n = 0; n < sizeof(plain) - 1; n++)
		assert_int_not_equal(parse_alone(plain, n, &a), 0);
	for (size_t n = 0; n < sizeof(compact) - 1; n++)
		parse_alone(compact, n, &a);
}

static void mutate_each_byte(const char *text, size_t len)
{
	char bad[512];
	struct sipmsg_answer a = { 0 };

	for (size_t at = 0; at < len; at++)
		for (int byte = 0; byte < 256; byte += 1 + byte % 5) {
			memcpy(bad, text, len);
			bad[at] = (char)byte;
			if (!parse_alone(bad, len, &a) && (a.status < 100 || a.status > 699))
				fail_msg("byte %zu as %#x: status %u", at, (unsigned)byte, a.status);
		}
}

static void every_mutilated_byte_is_survived(void **state)
{
	(void)state;
	mutate_each_byte(plain, sizeof(plain) - 1);
	mutate_each_byte(compact, sizeof(compact) - 1);
}

static void headers_that_do_not_matter_do_not_harm(void **state)
{
	char text[SIPMSG_MAX + 1];
	struct sipmsg_answer a;
	int n = snprintf(text, sizeof(text), "SIP/2.0 404 Not Found\r\nFrom: <sip:a@x\r\nContact: <<<\r\nTo:\r\nno colon\r\nWarning: \"\r\n");

	(void)state;
	for (int i = 0; i < 200; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "X-%d: a,b\r\n", i);
	snprintf(text + n, sizeof(text) - (size_t)n, "%s", strstr(plain, "Via:"));
	assert_int_equal(parse(text, &a), 0);
	assert_int_equal(a.status, 404);
}

static void the_branch_is_found_at_once(void **state)
{
	size_t n = 0;
	const char *text = sipmsg_branch_of(plain, strlen(plain), &n);

	(void)state;
	assert_int_equal(n, 3);
	assert_memory_equal(text, "abc", 3);
	assert_null(sipmsg_branch_of("z9hG4b", 6, &n));
	assert_non_null(sipmsg_branch_of("z9hG4bK", 7, &n));
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_what_rfc_3261_asks_for),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(every_beginning_of_an_answer_is_survived),
		cmocka_unit_test(every_mutilated_byte_is_survived),
		cmocka_unit_test(headers_that_do_not_matter_do_not_harm),
		cmocka_unit_test(the_branch_is_found_at_once),
	};

	if (sipmsg_open())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
