/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sip: what the scanner reads in a message, in the kernel and on the host, whole and cut at each byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "baton_abi.h"
#include "bpf/siphash.h"
#include "scan.h"
#include "sip_texts.h"

#define W	(SIP_F_SIP | SIP_F_WHOLE)
#define ID	SIP_F_CALL_ID
#define TAG	SIP_F_TO_TAG
#define CSEQ	SIP_F_CSEQ
#define UNSURE	SIP_F_UNSURE
#define ALL	(W | ID | CSEQ)
#define START	"INVITE sip:x@y SIP/2.0\r\n"

struct expected {
	const char *name, *text;
	uint32_t flags;
	const char *id;
	uint16_t status;
	uint8_t method;
	uint32_t cseq;
	uint8_t cseq_method;
};

static const struct expected table[] = {
	{ "an INVITE", TEXT_INVITE, ALL, "8f1c2a9e-77d0-41b6-a1f5-2b9c60e4d7aa", 0, BT_M_INVITE, 1, BT_M_INVITE },
	{ "Call-ID after 800 bytes", TEXT_LATE, ALL, "8f1c2a9e-77d0-41b6-a1f5-2b9c60e4d7aa", 0, BT_M_INVITE, 1, BT_M_INVITE },
	{ "1,400 bytes without", TEXT_NONE, W, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "compact", "BYE sip:x SIP/2.0\r\ni: a\r\nt: <sip:x>;tag=1\r\nCSeq: 2 BYE\r\n\r\n", ALL | TAG, "a", 0, BT_M_BYE, 2, BT_M_BYE },
	{ "any case, blanks", "ACK sip:x SIP/2.0\r\nCALL-id \t: \t a \t\r\nTO\t:<sip:x> ; TaG = 1\r\ncSEQ : 02\tACK \r\n\r\n", ALL | TAG, "a", 0,
		BT_M_ACK, 2, BT_M_ACK },
	{ "folds", START "Call-ID:\r\n a\r\nTo:\r\n\t<sip:x>\r\n ;tag=1\r\nCSeq: 3\r\n INVITE\r\n\r\n", ALL | TAG, "a", 0, BT_M_INVITE, 3, BT_M_INVITE },
	{ "LF alone", "INVITE sip:x SIP/2.0\nCall-ID: a\nTo: <sip:x>\nCSeq: 3 INVITE\n\n", ALL, "a", 0, BT_M_INVITE, 3, BT_M_INVITE },
	{ "a response", "SIP/2.0 183 Session Progress\r\nCall-ID: a@b\r\nTo: sip:x;tag=1\r\nCSeq: 3 PRACK\r\n\r\n", ALL | TAG, "a@b", 183,
		BT_M_OTHER, 3, BT_M_PRACK },
	{ "method in small letters", "invite sip:x SIP/2.0\r\nCall-ID: a\r\nCSeq: 3 invite\r\n\r\n", ALL, "a", 0, BT_M_OTHER, 3, BT_M_OTHER },
	{ "line ends first", "\r\n\r\n" START "Call-ID: a\r\n\r\n", W | ID, "a", 0, BT_M_INVITE, 0, 0 },
	{ "Call-ID in the body alone", START "CSeq: 1 INVITE\r\n\r\nCall-ID: a\r\n", W | CSEQ, NULL, 0, BT_M_INVITE, 1, BT_M_INVITE },
	{ "Call-ID twice", START "Call-ID: a\r\ni: b\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "Call-ID empty", START "Call-ID: \r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "Call-ID of two words", START "Call-ID: a b\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "Call-ID without an end", START "Call-ID: a", SIP_F_SIP | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "no blank line", START "Call-ID: a\r\n", SIP_F_SIP | ID, "a", 0, BT_M_INVITE, 0, 0 },
	{ "a name that is longer", START "Call-IDs: a\r\nTop: b;tag=1\r\nI-x: c\r\n\r\n", W, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "CR alone", START "X: a\rCall-ID: b\r\nCall-ID: a\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "tag in a quotation", START "To: \"a;tag=1 \\\" <;tag=2>\" <sip:x;tag=3>\r\n\r\n", W, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "To empty", START "Call-ID: a\r\nTo: \r\n\r\n", W | ID | UNSURE, "a", 0, BT_M_INVITE, 0, 0 },
	{ "a quotation that escapes the line's end", START "To: \"a\\\nX: \";tag=1\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "CSeq without a colon", START "CSeq 1 INVITE\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "a status line broken", "SIP/2.; 180 Ringing SIP/2.0\r\nCall-ID: a\r\n\r\n", 0, NULL, 0, 0, 0, 0 },
	{ "CSeq too large", START "CSeq: 2147483648 INVITE\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "more promising lines than are kept", START "Call-ID: a\r\nTop: 1\r\nTop: 2\r\nTop: 3\r\nTop: 4\r\nTop: 5\r\nTop: 6\r\n"
		"Top: 7\r\nX: y\r\n\r\n", W | UNSURE, NULL, 0, BT_M_INVITE, 0, 0 },
	{ "keep-alive", "\r\n\r\n", SIP_F_KEEPALIVE, NULL, 0, 0, 0, 0 },
	{ "nothing", "", SIP_F_KEEPALIVE, NULL, 0, 0, 0, 0 },
	{ "RTP", "\x80\x08\x12\x34 and what it carries, which is long enough", 0, NULL, 0, 0, 0, 0 },
	{ "STUN", "\x01\x01 a binding response that came to this port", 0, NULL, 0, 0, 0, 0 },
	{ "SSDP", "M-SEARCH * HTTP/1.1\r\nCall-ID: a\r\n\r\n", 0, NULL, 0, 0, 0, 0 },
};

static struct sip_msg scan(const char *name, const char *text, size_t len)
{
	struct sip_msg host = { .key = { 1, 2 }, .salt = 3 }, kernel = host;

	scan_host(text, len, &host);
	scan_kernel("scan", text, len, &kernel, 1);
	if (memcmp(&host, &kernel, sizeof(host)))
		fail_msg("%s, %zu bytes: flags %#x on the host, %#x in the kernel", name, len, host.flags, kernel.flags);
	return host;
}

static uint64_t hash_of(const char *id)
{
	uint64_t words[64] = { 3 }, key[2] = { 1, 2 };

	memcpy(words + 1, id, strlen(id));
	return siphash13((const __u64 *)key, words, 8 + strlen(id));
}

static void check_id(const struct expected *e, const struct sip_msg *m)
{
	if (!(m->flags & SIP_F_CALL_ID))
		return;
	if (m->call_id_len != strlen(e->id) || memcmp(e->text + m->call_id_off, e->id, m->call_id_len))
		fail_msg("%s: Call-ID %.*s, not %s", e->name, m->call_id_len, e->text + m->call_id_off, e->id);
	if (m->call_id != hash_of(e->id))
		fail_msg("%s: hash %llx, not SipHash-2-4 of salt and %s", e->name, (unsigned long long)m->call_id, e->id);
}

static void whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct expected *e = &table[i];
		struct sip_msg m = scan(e->name, e->text, strlen(e->text));

		if (m.flags != e->flags)
			fail_msg("%s: flags %#x, not %#x", e->name, m.flags, e->flags);
		check_id(e, &m);
		if (!(m.flags & SIP_F_SIP))
			continue;
		if (m.status != e->status || (!m.status && m.method != e->method))
			fail_msg("%s: status %u, method %u", e->name, m.status, m.method);
		if (m.cseq != e->cseq || m.cseq_method != e->cseq_method)
			fail_msg("%s: CSeq %u of method %u", e->name, m.cseq, m.cseq_method);
	}
}

/* Of a message that is cut there is its own Call-ID or none. */
static void cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (size_t len = 0; len < strlen(table[i].text); len++) {
			struct sip_msg m = scan(table[i].name, table[i].text, len);

			if (m.flags & SIP_F_CALL_ID && table[i].id && !(m.flags & UNSURE))
				check_id(&table[i], &m);
		}
}

static void at_each_place_and_of_each_length(void **state)
{
	char text[800], id[300];

	(void)state;
	memset(id, 'c', sizeof(id));
	for (int before = 0; before < 8; before++)
		for (int len = 1; len <= 260; len++) {
			int n = snprintf(text, sizeof(text), START "X: %.*s\r\nCall-ID: %.*s\r\n\r\n", before, id, len, id);
			struct sip_msg m = scan("a Call-ID", text, n);
			bool fits = len <= 256;

			if (!!(m.flags & SIP_F_CALL_ID) != fits || !!(m.flags & UNSURE) == fits || (fits && m.call_id_len != len))
				fail_msg("Call-ID of %d characters, %d in the line before: flags %#x, %u", len, before, m.flags,
					 m.call_id_len);
		}
}

/* Far more than is looked at: no Call-ID is told, whatever stands before. */
static void too_long(void **state)
{
	static char text[3800];
	struct sip_msg m;
	int n = snprintf(text, sizeof(text), START "Call-ID: a\r\n");

	(void)state;
	while (n < 3700)
		n += snprintf(text + n, sizeof(text) - n, "X-%d: y\r\n", n);
	m = scan("long", text, n);
	if (m.flags != (SIP_F_SIP | UNSURE))
		fail_msg("3,700 bytes of headers: flags %#x", m.flags);
}

static int open_all(void **state)
{
	(void)state;
	scan_open();
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	scan_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(cut),
		cmocka_unit_test(at_each_place_and_of_each_length),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
