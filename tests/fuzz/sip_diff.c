// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sip_diff: do four readers of SIP agree: the scanner on the host, the same in the kernel, plain.c, and libosip2?
 *
 * On every truncation and every one-byte substitution of messages.h, on the corpus of $BATON_CORPUS, and on messages
 * made of these by chance. Host and kernel must agree to the bit; with plain.c in every field, but where both know of
 * a doubt about this field. Where libosip2 reads otherwise there is a reason in reasons.h, or the test fails and shows
 * the message.
 *
 * sip_diff [-k EVERY] [-n FUZZED] [-s SEED] [-l]
 *   -k: every so many fuzzed messages also go through the kernel; 0: none do
 *   -l: nothing but the corpus, and each of its disagreements with libosip2 with the reason
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>

#include "baton_abi.h"
#include "messages.h"
#include "plain.h"
#include "reasons.h"
#include "ref.h"
#include "tests/bpf/scan.h"

#define TEXT_MAX 3000
#define N_OWN (sizeof(messages) / sizeof(messages[0]))
#define SEEDS_MAX 400

struct text {
	char data[TEXT_MAX + 1];
	size_t len;
	char name[64];	/* of the corpus: file and number in it */
};

static bool list;
static struct text seeds[SEEDS_MAX];
static size_t n_seeds;
static unsigned long n_read, n_kernel, n_agree, n_reason[R__N], n_quick, unexplained;
static uint64_t rng_state = 1;

static const char *const reason_name[] = {
#define NAME(name, what) #name,
	REASONS(NAME)
#undef NAME
};

static const char *method_name(uint8_t method)
{
	static const char *const names[] = {
#define NAME(name) #name,
		BT_METHODS(NAME)
#undef NAME
	};

	return method < BT_M__N ? names[method] : "?";
}

static void show(const struct text *t, const char *what)
{
	fprintf(stderr, "%s, in: ", what);
	for (size_t i = 0; i < t->len; i++) {
		unsigned char c = t->data[i];

		if (c == '\n')
			fprintf(stderr, "\\n\n    ");
		else
			fprintf(stderr, c < ' ' || c > 126 ? "\\x%02x" : "%c", c);
	}
	fputc('\n', stderr);
}

static uint32_t rnd(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (rng_state >> 16) % below;
}

static bool same_method(uint8_t ours, const char *theirs)
{
	for (uint8_t i = 0; i < BT_M_OTHER; i++)
		if (!strcmp(method_name(i), theirs))
			return ours == i;
	return ours == BT_M_OTHER;
}

/* The fields that are compared, in this order, and what makes one doubtful. */
enum field { F_SIP, F_START, F_ID, F_TAG, F_CSEQ, F_NONE };

#define DOUBT_ALL (DOUBT_LINES | DOUBT_TWICE | DOUBT_CUT | DOUBT_LONG)

static const struct {
	const char *name;
	unsigned int doubt;
} fields[] = {
	[F_SIP] = { "SIP or not", 0 },
	[F_START] = { "method or status", 0 },
	[F_ID] = { "Call-ID", DOUBT_ALL | DOUBT_ID },
	[F_TAG] = { "To-tag", DOUBT_ALL | DOUBT_TO },
	[F_CSEQ] = { "CSeq", DOUBT_ALL | DOUBT_CSEQ },
};

static bool same_id(const struct text *t, const struct sip_msg *m, const struct ref *r)
{
	if (r->call_id != !!(m->flags & SIP_F_CALL_ID))
		return false;
	return !r->call_id || (strlen(r->id) == m->call_id_len && !memcmp(t->data + m->call_id_off, r->id, m->call_id_len));
}

static bool same_cseq(const struct sip_msg *m, const struct ref *r)
{
	if (r->cseq != !!(m->flags & SIP_F_CSEQ))
		return false;
	return !r->cseq || (strtoull(r->number, NULL, 10) == m->cseq && same_method(m->cseq_method, r->cseq_method));
}

/* The first field from @from on that the two read differently. */
static enum field difference(const struct text *t, const struct sip_msg *m, const struct ref *r, enum field from)
{
	bool sip = m->flags & SIP_F_SIP;

	if (from <= F_SIP && sip != r->parsed)
		return F_SIP;
	if (!sip || !r->parsed)
		return F_NONE;
	if (from <= F_START && (r->request ? m->status || !same_method(m->method, r->method) : m->status != r->status))
		return F_START;
	if (from <= F_ID && !same_id(t, m, r))
		return F_ID;
	if (from <= F_TAG && r->to_tag != !!(m->flags & SIP_F_TO_TAG))
		return F_TAG;
	return from <= F_CSEQ && !same_cseq(m, r) ? F_CSEQ : F_NONE;
}

/* A line of a name alone, behind it one that begins with a blank and a colon. */
static bool name_is_folded(const struct text *t)
{
	const char *at = t->data;

	while ((at = strchr(at, '\n'))) {
		at++;
		if (*at == ' ' || *at == '\t') {
			at += strspn(at, " \t");
			if (*at == ':')
				return true;
		}
	}
	return false;
}

/* Behind the first line that is not empty comes an empty one. */
static bool is_bare(const struct text *t)
{
	const char *at = strchr(t->data + strspn(t->data, "\r\n"), '\n');

	return at && at[1 + (at[1] == '\r')] == '\n';
}

/* A status, and the line ends: libosip2 looks for the blank on the next. */
static bool has_no_phrase(const struct text *t, const struct sip_msg *m)
{
	const char *end = t->data + strspn(t->data, "\r\n") + strlen("SIP/2.0 200");

	return m->status && (*end == '\r' || *end == '\n');
}

/* @doubt: of plain.c, about this field */
static enum reason reason_of(const struct text *t, const struct sip_msg *m, const struct ref *r, enum field f, unsigned int doubt)
{
	if (m->flags & SIP_F_UNSURE && doubt & fields[f].doubt)
		return R_UNSURE;
	if (f == F_SIP)
		return r->parsed ? R_START : R_REFUSED;
	if (has_no_phrase(t, m))
		return R_PHRASE;
	if (f == F_TAG && strchr(t->data + m->to_off, '"'))
		return R_QUOTE;
	if (f == F_ID && r->call_id && name_is_folded(t))
		return R_FOLDED;
	if (is_bare(t))
		return R_BARE;
	return R__N;
}

static struct sip_msg fresh(void)
{
	return (struct sip_msg){ .key = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL }, .salt = 7 };
}

static void against_kernel(const struct text *t, const struct sip_msg *host)
{
	struct sip_msg m = fresh();

	n_kernel++;
	scan_kernel("scan", t->data, t->len, &m, 1);
	if (!memcmp(&m, host, sizeof(m)))
		return;
	unexplained++;
	show(t, "host and kernel read differently");
}

static void complain(const struct text *t, const struct sip_msg *m, const struct ref *r, const char *who, const char *what)
{
	if (unexplained++ >= 20)
		return;
	show(t, what);
	fprintf(stderr, "  flags %#x status %u id %.*s cseq %u; %s: sip %d status %d id %s tag %d cseq %s %s\n", m->flags, m->status,
		m->call_id_len, t->data + m->call_id_off, m->cseq, who, r->parsed, r->status, r->id, r->to_tag, r->number,
		r->cseq_method);
}

/*
 * A doubt about the field, which the scanner has, too, excuses that nothing is told; for a Call-ID any that the
 * scanner meets before it. What is told is right in any case: another Call-ID or a tag where none is, never.
 */
static bool is_withheld(const struct sip_msg *m, enum field f, unsigned int doubt)
{
	if (f < F_ID || !(m->flags & SIP_F_UNSURE) || !(doubt & fields[f].doubt))
		return false;
	if (f == F_ID)
		return !(m->flags & SIP_F_CALL_ID);
	return f == F_TAG ? !(m->flags & SIP_F_TO_TAG) || doubt & (DOUBT_TWICE | DOUBT_LINES) : true;
}

/* The scanner against RFC 3261 as plain.c reads it. */
static unsigned int against_plain(const struct text *t, const struct sip_msg *m)
{
	static struct ref r;
	unsigned int doubt;
	enum field f;

	plain_read(t->data, t->len, &r, &doubt);
	if (m->lines >= SIP_LINES)
		doubt |= DOUBT_LONG;
	for (f = difference(t, m, &r, F_SIP); f < F_NONE; f = difference(t, m, &r, f + 1))
		if (!is_withheld(m, f, doubt))
			complain(t, m, &r, "plain", fields[f].name);
	if (doubt & ~(DOUBT_CUT | DOUBT_LONG) && !(m->flags & SIP_F_UNSURE))
		complain(t, m, &r, "plain", "sure, where there is a doubt");
	if (!doubt && m->flags & SIP_F_UNSURE)
		complain(t, m, &r, "plain", "unsure, and nothing is doubtful");
	return doubt;
}

static void against_libosip2(const struct text *t, const struct sip_msg *m, unsigned int doubt)
{
	static struct ref r;
	enum reason why;
	enum field f;

	ref_read(t->data, t->len, &r);
	f = difference(t, m, &r, F_SIP);
	if (f == F_NONE) {
		n_agree++;
		return;
	}
	why = reason_of(t, m, &r, f, doubt);
	if (list && why < R__N)
		printf("%s: %s: %s\n", t->name, fields[f].name, reason_name[why]);
	if (why < R__N)
		n_reason[why]++;
	else
		complain(t, m, &r, "libosip2", fields[f].name);
}

/*
 * What sip_quick() finds at once the whole scan must find too, or be unsure of it; and where it sees none, there is none that
 * counts.
 */
static const char *quick_differs(enum sip_quick is, const struct sip_msg *q, const struct sip_msg *m)
{
	bool known = (m->flags & (SIP_F_CALL_ID | SIP_F_UNSURE)) == SIP_F_CALL_ID;

	if (is == SIP_QUICK_UNKNOWN)
		return NULL;
	if (is != SIP_QUICK_FOUND && is != SIP_QUICK_NONE)
		return "quick: an answer that it does not give";
	if (!(m->flags & SIP_F_SIP) || m->status || q->status || q->method != m->method || !(q->flags & SIP_F_SIP))
		return "quick: another start line";
	if (is == SIP_QUICK_NONE)
		return known ? "quick: none, and there is a Call-ID" : NULL;
	n_quick++;
	if (m->flags & SIP_F_UNSURE)
		return NULL;
	return !known || q->call_id != m->call_id ? "quick: another Call-ID" : NULL;
}

static void read_quick(const struct text *t, const struct sip_msg *m, bool kernel)
{
	struct sip_msg host = fresh(), there = fresh();
	enum sip_quick is = scan_host_quick(t->data, t->len, &host);
	const char *what = quick_differs(is, &host, m);

	if (kernel && (scan_kernel_quick(t->data, t->len, &there) != is || (is && memcmp(&there, &host, sizeof(host)))))
		what = "quick: host and kernel read differently";
	if (what && unexplained++ < 20)
		show(t, what);
}

static void read_one(const struct text *t, bool kernel)
{
	struct sip_msg m = fresh();

	n_read++;
	scan_host(t->data, t->len, &m);
	if (kernel)
		against_kernel(t, &m);
	read_quick(t, &m, kernel);
	against_libosip2(t, &m, against_plain(t, &m));
}

static void add_seed(const char *name, unsigned int number, const void *data, size_t len)
{
	struct text *t = &seeds[n_seeds];

	if (len > TEXT_MAX || n_seeds == SEEDS_MAX)
		return;
	memcpy(t->data, data, len);
	t->len = len;
	t->data[len] = 0;
	snprintf(t->name, sizeof(t->name), "%.50s %u", name, number);
	n_seeds++;
}

static void truncations(const struct text *t, bool kernel)
{
	struct text cut = *t;

	for (size_t len = 0; len <= t->len; len++) {
		memcpy(cut.data, t->data, len);
		cut.data[len] = 0;
		cut.len = len;
		read_one(&cut, kernel);
	}
}

static void substitutions(const struct text *t, bool kernel)
{
	struct text other = *t;

	for (size_t i = 0; i < t->len; i++) {
		for (int c = 0; c < 256; c++) {
			if ((char)c == t->data[i])
				continue;
			other.data[i] = c;
			read_one(&other, kernel);
		}
		other.data[i] = t->data[i];
	}
}

/* ---- by chance ---- */

static const char *const words[] = {
	"\r\n", "\n", "\r", " ", "\t", "\r\n ", "\n\t", ":", ";", ";tag=x", ";tag", "tag=", "=", "\"", "\\", "<", ">", ",", "@", "i:", "t:",
	"Call-ID: other\r\n", "\r\nCall-ID: other\r\n", "i: z\r\n", "To: <sip:z>;tag=z\r\n", "t: z\r\n", "CSeq: 9 BYE\r\n", "CSeq", "call-id",
	"To", " SIP/2.0", "SIP/2.0 200 OK", "\r\n\r\n", "\n\n", "0", "4294967296", "INVITE", "invite", "\xff", "\x80", "\x7f", "x\r\n y\r\n",
};

static void cut_out(struct text *t, size_t at, size_t n)
{
	if (at + n > t->len)
		n = t->len - at;
	memmove(t->data + at, t->data + at + n, t->len - at - n);
	t->len -= n;
}

static void put_in(struct text *t, size_t at, const char *what, size_t n)
{
	if (t->len + n > TEXT_MAX)
		return;
	memmove(t->data + at + n, t->data + at, t->len - at);
	memcpy(t->data + at, what, n);
	t->len += n;
}

/* The @n-th line, to its end. */
static size_t line_at(const struct text *t, uint32_t n, size_t *ret_len)
{
	size_t at = 0;
	char *end;

	for (;; n--) {
		end = memchr(t->data + at, '\n', t->len - at);
		*ret_len = end ? (size_t)(end + 1 - t->data) - at : t->len - at;
		if (!n || !end)
			return at;
		at += *ret_len;
	}
}

static void move_line(struct text *t, bool twice)
{
	char line[TEXT_MAX];
	size_t len, at = line_at(t, rnd(12), &len);

	memcpy(line, t->data + at, len);
	if (!twice)
		cut_out(t, at, len);
	at = line_at(t, rnd(12), &(size_t){ 0 });
	put_in(t, at, line, len);
}

static void mutate(struct text *t)
{
	size_t at = t->len ? rnd(t->len) : 0;
	const char *word = words[rnd(sizeof(words) / sizeof(words[0]))];

	switch (rnd(8)) {
	case 0: if (t->len) t->data[at] = rnd(256); break;
	case 1: if (t->len) t->data[at] = " \t\r\n:;=\"<>\\@,/0aA"[rnd(17)]; break;
	case 2: cut_out(t, at, 1 + rnd(4)); break;
	case 3: case 4: put_in(t, at, word, strlen(word)); break;
	case 5: move_line(t, rnd(2)); break;
	case 6: if (t->len && isalpha((unsigned char)t->data[at])) t->data[at] ^= 0x20; break;
	default: if (!rnd(4)) t->len = at;
	}
	t->data[t->len] = 0;
}

static void fuzz(unsigned long n, unsigned long every)
{
	static struct text t;

	for (unsigned long i = 0; i < n; i++) {
		t = seeds[rnd(n_seeds)];
		for (uint32_t k = 1 + rnd(4); k; k--)
			mutate(&t);
		read_one(&t, every && i % every == 0);
	}
}

/* ---- the corpus ---- */

static size_t slurp(const char *path, uint8_t *ret, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(ret, 1, size, f) : 0;

	if (f)
		fclose(f);
	return n;
}

/* Ethernet or raw IPv4, UDP: the payload of each packet of at least 16 bytes. */
static void add_pcap(const char *name, const uint8_t *d, size_t len)
{
	uint32_t link, caplen, ip, number = 0;

	if (len < 24)
		return;
	memcpy(&link, d + 20, 4);
	for (size_t at = 24; at + 16 <= len; at += 16 + caplen) {
		number++;
		memcpy(&caplen, d + at + 8, 4);
		ip = at + 16 + (link == 1 ? 14 : 0);
		if (at + 16 + caplen > len || (link != 1 && link != 101) || caplen < 60 || d[ip] >> 4 != 4 || d[ip + 9] != 17)
			continue;
		ip += (d[ip] & 15) * 4 + 8;
		if (at + 16 + caplen >= ip + 16)
			add_seed(name, number, d + ip, at + 16 + caplen - ip);
	}
}

static void add_folder(const char *root, const char *folder)
{
	static uint8_t data[1 << 22];
	char path[512];
	struct dirent *e;
	DIR *dir;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", root, folder);
	dir = opendir(path);
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/%s", root, folder, e->d_name);
		len = slurp(path, data, sizeof(data));
		if (strstr(e->d_name, ".dat"))
			add_seed(e->d_name, 1, data, len);
		else if (strstr(e->d_name, ".pcap"))
			add_pcap(e->d_name, data, len);
	}
	closedir(dir);
}

static void add_corpus(void)
{
	const char *root = getenv("BATON_CORPUS");
	size_t own = n_seeds;

	if (root) {
		add_folder(root, "rfc4475");
		add_folder(root, "pcap");
	}
	if (n_seeds == own)
		printf("skipped: the corpus ($BATON_CORPUS is not set, or empty)\n");
	else
		printf("corpus: %zu messages\n", n_seeds - own);
}

static void page_has_reasons(void)
{
	static uint8_t page[1 << 16];

	page[slurp("tests/fuzz/README.md", page, sizeof(page) - 1)] = 0;
	for (int i = 0; i < R__N; i++)
		if (!strstr((char *)page, reason_name[i])) {
			fprintf(stderr, "tests/fuzz/README.md does not tell of the reason %s\n", reason_name[i]);
			unexplained++;
		}
}

int main(int argc, char **argv)
{
	unsigned long fuzzed = 100000, every = 10;
	int opt;

	while ((opt = getopt(argc, argv, "k:n:s:l")) != -1) {
		if (opt == 'k')
			every = strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			fuzzed = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			rng_state = strtoul(optarg, NULL, 0) | 1;
		else if (opt == 'l')
			list = true;
		else
			return 2;
	}
	ref_open();
	if (every)
		scan_open();
	page_has_reasons();
	for (size_t i = 0; i < N_OWN; i++)
		add_seed("messages.h", i + 1, messages[i], strlen(messages[i]));
	for (size_t i = 0; i < N_OWN && !list; i++) {
		truncations(&seeds[i], every);
		substitutions(&seeds[i], every);
	}
	add_corpus();
	for (size_t i = 0; i < n_seeds; i++)
		read_one(&seeds[i], every);
	if (!list)
		fuzz(fuzzed, every);
	printf("%lu messages read by host, plain.c and libosip2, %lu of them in the kernel too; libosip2 agrees with %lu\n", n_read, n_kernel, n_agree);
	printf("%lu of them have a Call-ID that is found at once\n", n_quick);
	for (int i = 0; i < R__N; i++)
		printf("%-9s %lu\n", reason_name[i], n_reason[i]);
	if (unexplained)
		fprintf(stderr, "sip_diff: %lu disagreements without a reason\n", unexplained);
	return unexplained ? 1 : 0;
}
