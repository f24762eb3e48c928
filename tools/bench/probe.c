// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe: what does a client of the VIP see? One OPTIONS every millisecond; who answered, when, and
 * for how long nobody did.
 *
 * Every request carries its number in Call-ID; an answer names its server in `Server:`. A line on
 * stdout tells each change of the answering server; the last line is the result, one JSON document.
 * Stdin:    `mark NAME FROM_NS UNTIL_NS` (CLOCK_MONOTONIC: something was done in between), `stop`.
 * Silence:  the time between two answers in a row, whoever gave them; a mark's is the longest that
 *           overlaps it. `late_ms` is the longest time between two of the probe's own sends (a
 *           mark's: within its silence): what lies below it says nothing about the servers.
 * Before,   after: who answered when a mark began, and who once both it and its silence were over.
 * Lost:     a mark counts what was sent from 100 ms before it to 100 ms before the next; of the same requests
 *           `answered_twice` counts those with more than one answer, `waited_ms` is the longest wait for a first one.
 * Time:     CLOCK_MONOTONIC; SCHED_FIFO and locked memory where allowed (`realtime`).
 *
 * probe [-p PORT] [-r RATE] [-s SECONDS] [-w DRAIN_MS] ADDRESS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
#define MS(ns)		((double)(int64_t)(ns) / 1e6)
#define REQUESTS_MAX	20000000ULL	/* rate x seconds, 640 MB */
#define TAGS_MAX	16
#define TAG_LEN		24
#define MARKS_MAX	64
#define SEGMENTS_MAX	256
#define BATCH		32
#define MESSAGE_MAX	2048
#define MARK_LEAD_NS	(100 * NS_PER_MS)
#define FIFO_PRIORITY	80	/* above the controllers: a real client has a machine of its own */

struct request {
	uint64_t sent_ns;	/* 0: not sent */
	uint32_t waited_us;	/* for the first answer */
	uint16_t answers;
	uint8_t by;		/* whose tag it bore */
};

struct arrival {
	uint64_t at_ns;
	uint8_t by;
};

struct mark {
	char name[TAG_LEN];
	uint64_t from_ns, until_ns;
};

struct segment {
	uint8_t by;
	uint64_t first_ns, last_ns, count;
};

static struct {
	struct sockaddr_storage server, local;
	socklen_t server_len;
	char server_text[64], local_text[64];
	uint16_t port;
	unsigned rate, seconds, drain_ms;
	int fd;
	unsigned run;			/* in every Call-ID: answers to another probe are foreign */

	uint64_t capacity, sent, start_ns, end_ns;
	struct request *requests;
	struct arrival *arrivals;
	uint64_t n_arrivals, arrivals_max;
	char tags[TAGS_MAX][TAG_LEN];
	unsigned n_tags;
	struct mark marks[MARKS_MAX];
	unsigned n_marks;
	struct segment segments[SEGMENTS_MAX];
	unsigned n_segments;

	uint64_t answered, twice, by_two, out_of_order, newest, foreign, send_errors, skipped;
	uint64_t last_send_ns, late_ns;
	bool realtime, stdin_open, stopped;
} pr;

static volatile sig_atomic_t interrupted;

static void on_stop(int number)
{
	(void)number;
	interrupted = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* -- what arrives ------------------------------------------------------------------------- */

/* Copies a word of harmless characters; what else it holds ends it, so JSON stays JSON. */
static void copy_word(char dst[TAG_LEN], const char *src)
{
	size_t n = 0;

	while (n < TAG_LEN - 1 && src[n] && (strchr("._-/", src[n]) || (src[n] >= '0' && src[n] <= '9') ||
					     ((src[n] | 0x20) >= 'a' && (src[n] | 0x20) <= 'z'))) {
		dst[n] = src[n];
		n++;
	}
	dst[n] = 0;
}

static uint8_t tag_index(const char *word)
{
	char name[TAG_LEN];

	copy_word(name, word);
	for (unsigned i = 0; i < pr.n_tags; i++)
		if (!strcmp(pr.tags[i], name))
			return (uint8_t)i;
	if (pr.n_tags == TAGS_MAX)
		return TAGS_MAX - 1;
	memcpy(pr.tags[pr.n_tags], name, sizeof(name));
	return (uint8_t)pr.n_tags++;
}

static void note_segment(uint8_t by, uint64_t at_ns)
{
	struct segment *s = pr.n_segments ? &pr.segments[pr.n_segments - 1] : NULL;

	if ((!s || s->by != by) && pr.n_segments < SEGMENTS_MAX) {
		s = &pr.segments[pr.n_segments++];
		*s = (struct segment){ .by = by, .first_ns = at_ns };
		printf("{\"answered_by\":\"%s\",\"at_ms\":%.3f}\n", pr.tags[by], MS(at_ns - pr.start_ns));
		fflush(stdout);
	}
	s->last_ns = at_ns;
	s->count++;
}

static void note_answer(uint64_t seq, uint8_t by, uint64_t at_ns)
{
	struct request *r = &pr.requests[seq];

	if (!r->answers) {
		r->by = by;
		r->waited_us = (uint32_t)((at_ns - r->sent_ns) / 1000);
		pr.answered++;
	} else if (r->answers == 1) {
		pr.twice++;
	}
	if (r->answers && r->by != by)
		pr.by_two++;
	r->answers++;
	pr.out_of_order += seq < pr.newest;
	pr.newest = seq > pr.newest ? seq : pr.newest;
	if (pr.n_arrivals < pr.arrivals_max)
		pr.arrivals[pr.n_arrivals++] = (struct arrival){ at_ns, by };
	note_segment(by, at_ns);
}

static bool from_server(const struct sockaddr_storage *from)
{
	const struct sockaddr_in *f4 = (const void *)from, *s4 = (const void *)&pr.server;
	const struct sockaddr_in6 *f6 = (const void *)from, *s6 = (const void *)&pr.server;

	if (from->ss_family != pr.server.ss_family)
		return false;
	if (from->ss_family == AF_INET)
		return f4->sin_port == s4->sin_port && f4->sin_addr.s_addr == s4->sin_addr.s_addr;
	return f6->sin6_port == s6->sin6_port && !memcmp(&f6->sin6_addr, &s6->sin6_addr, 16);
}

static void take_answer(const char *text, uint64_t at_ns)
{
	const char *call = strstr(text, "\r\nCall-ID: "), *server = strstr(text, "\r\nServer: ");
	uint64_t seq;
	unsigned run;

	if (strncmp(text, "SIP/2.0 ", 8) || !call || sscanf(call + 11, "%" SCNu64 ".%u@", &seq, &run) != 2 ||
	    run != pr.run || seq >= pr.sent) {
		pr.foreign++;
		return;
	}
	note_answer(seq, tag_index(server ? server + 10 : "unnamed"), at_ns);
}

static void take_answers(void)
{
	static char text[BATCH][MESSAGE_MAX];
	struct sockaddr_storage from[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec io[BATCH];
	int n;

	do {
		for (int i = 0; i < BATCH; i++) {
			io[i] = (struct iovec){ text[i], MESSAGE_MAX - 1 };
			msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
							   .msg_iov = &io[i], .msg_iovlen = 1 };
		}
		n = recvmmsg(pr.fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		uint64_t at_ns = now_ns();

		for (int i = 0; i < n; i++) {
			text[i][msgs[i].msg_len] = 0;
			if (from_server(&from[i]))
				take_answer(text[i], at_ns);
			else
				pr.foreign++;
		}
	} while (n == BATCH);
}

/* -- what is asked ------------------------------------------------------------------------ */

static void send_request(uint64_t at_ns)
{
	char text[MESSAGE_MAX];
	uint64_t seq = pr.sent++;
	int len = snprintf(text, sizeof(text),
		"OPTIONS sip:probe@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%u-%" PRIu64 "\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:probe@%s>;tag=%u\r\nTo: <sip:probe@%s>\r\n"
		"Call-ID: %" PRIu64 ".%u@probe\r\nCSeq: 1 OPTIONS\r\nContact: <sip:probe@%s>\r\n"
		"Content-Length: 0\r\n\r\n", pr.server_text, pr.local_text, pr.run, seq,
		pr.local_text, pr.run, pr.server_text, seq, pr.run, pr.local_text);

	if (pr.last_send_ns && at_ns - pr.last_send_ns > pr.late_ns)
		pr.late_ns = at_ns - pr.last_send_ns;
	pr.last_send_ns = at_ns;
	pr.requests[seq].sent_ns = at_ns;
	if (sendto(pr.fd, text, (size_t)len, 0, (struct sockaddr *)&pr.server, pr.server_len) < 0)
		pr.send_errors++;	/* no route, no neighbour: lost like any other */
}

static void take_mark(const char *line)
{
	struct mark *m = &pr.marks[pr.n_marks];
	char name[64];

	if (pr.n_marks == MARKS_MAX ||
	    sscanf(line, "mark %63s %" SCNu64 " %" SCNu64, name, &m->from_ns, &m->until_ns) != 3) {
		fprintf(stderr, "probe: not understood: %s\n", line);
		return;
	}
	copy_word(m->name, name);
	pr.n_marks++;
}

static void take_command(void)
{
	static char line[512];
	static size_t len;
	ssize_t got = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
	char *nl;

	if (got <= 0) {
		pr.stdin_open = false;
		return;
	}
	len += (size_t)got;
	line[len] = 0;
	while ((nl = strchr(line, '\n'))) {
		*nl = 0;
		if (!strcmp(line, "stop"))
			pr.stopped = true;
		else
			take_mark(line);
		len -= (size_t)(nl + 1 - line);
		memmove(line, nl + 1, len + 1);
	}
	if (len == sizeof(line) - 1)
		len = 0;
}

/* Wait until @until_ns at most; take in what comes. */
static void attend(uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = pr.fd, .events = POLLIN },
				{ .fd = pr.stdin_open ? STDIN_FILENO : -1, .events = POLLIN } };
	uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timespec ts = { (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };

	if (ppoll(fds, 2, &ts, NULL) <= 0)
		return;
	if (fds[0].revents)
		take_answers();
	if (fds[1].revents)
		take_command();
}

static void ask(void)
{
	const uint64_t interval = NS_PER_S / pr.rate;
	uint64_t next = pr.start_ns, last = pr.start_ns + pr.seconds * NS_PER_S;

	while (!pr.stopped && !interrupted && pr.sent < pr.capacity) {
		uint64_t now = now_ns();

		if (now >= last)
			break;
		if (now < next) {
			attend(next);
			continue;
		}
		send_request(now);
		next += interval;
		if (now > next + interval) {	/* we were kept off the CPU: no burst to catch up */
			pr.skipped += (now - next) / interval;
			next += (now - next) / interval * interval;
		}
	}
	pr.end_ns = now_ns();
	for (uint64_t until = pr.end_ns + pr.drain_ms * NS_PER_MS; now_ns() < until && pr.answered < pr.sent; )
		attend(until);
}

/* -- what comes out ----------------------------------------------------------------------- */

/* The longest time without an answer that overlaps [from, until]; its beginning in *ret_from. */
static uint64_t silence_in(uint64_t from, uint64_t until, uint64_t *ret_from)
{
	uint64_t longest = 0, before = pr.start_ns;

	*ret_from = from;
	for (uint64_t i = 0; i <= pr.n_arrivals; i++) {
		uint64_t at = i < pr.n_arrivals ? pr.arrivals[i].at_ns : pr.end_ns;

		if (at >= from && before <= until && at > before && at - before > longest) {
			longest = at - before;
			*ret_from = before;
		}
		before = at;
	}
	return longest;
}

/* The longest time between two of our own sends that overlaps [from, until]. */
static uint64_t late_in(uint64_t from, uint64_t until)
{
	uint64_t longest = 0;

	for (uint64_t i = 1; i < pr.sent; i++) {
		uint64_t before = pr.requests[i - 1].sent_ns, at = pr.requests[i].sent_ns;

		if (at >= from && before <= until && at - before > longest)
			longest = at - before;
	}
	return longest;
}

/* What became of the requests that were sent from then until then. */
struct fate {
	uint64_t lost, twice;
	uint32_t waited_us;
};

static struct fate fate_between(uint64_t from, uint64_t until)
{
	struct fate fate = { 0 };

	for (uint64_t i = 0; i < pr.sent; i++) {
		const struct request *r = &pr.requests[i];

		if (r->sent_ns < from || r->sent_ns >= until)
			continue;
		fate.lost += !r->answers;
		fate.twice += r->answers > 1;
		fate.waited_us = r->answers && r->waited_us > fate.waited_us ? r->waited_us : fate.waited_us;
	}
	return fate;
}

/* Who gave the last answer up to then, or the first after it. */
static const char *answered_by(uint64_t at_ns, bool after)
{
	const char *by = "";

	for (uint64_t i = 0; i < pr.n_arrivals; i++) {
		if (pr.arrivals[i].at_ns > at_ns)
			return after ? pr.tags[pr.arrivals[i].by] : by;
		by = pr.tags[pr.arrivals[i].by];
	}
	return after ? "" : by;
}

static void print_marks(void)
{
	printf("\"marks\":[");
	for (unsigned i = 0; i < pr.n_marks; i++) {
		const struct mark *m = &pr.marks[i];
		uint64_t lead = m->from_ns - MARK_LEAD_NS, at;
		uint64_t next = i + 1 < pr.n_marks ? pr.marks[i + 1].from_ns - MARK_LEAD_NS : UINT64_MAX;
		uint64_t silence = silence_in(m->from_ns, m->until_ns, &at), end = at + silence - 1;
		struct fate fate = fate_between(lead, next);

		printf("%s{\"name\":\"%s\",\"at_ms\":%.3f,\"until_ms\":%.3f,\"silence_ms\":%.3f,"
		       "\"silence_from_ms\":%.3f,\"late_ms\":%.3f,\"lost\":%" PRIu64 ",\"answered_twice\":%" PRIu64
		       ",\"waited_ms\":%.3f,\"before\":\"%s\",\"after\":\"%s\"}",
		       i ? "," : "", m->name, MS(m->from_ns - pr.start_ns), MS(m->until_ns - pr.start_ns),
		       MS(silence), MS(at - pr.start_ns), MS(late_in(at, at + silence)), fate.lost, fate.twice,
		       fate.waited_us / 1e3,
		       answered_by(m->from_ns, false), answered_by(end > m->until_ns ? end : m->until_ns, true));
	}
	printf("],");
}

static void print_segments(void)
{
	printf("\"segments\":[");
	for (unsigned i = 0; i < pr.n_segments; i++)
		printf("%s{\"tag\":\"%s\",\"first_ms\":%.3f,\"last_ms\":%.3f,\"count\":%" PRIu64 "}", i ? "," : "",
		       pr.tags[pr.segments[i].by], MS(pr.segments[i].first_ns - pr.start_ns),
		       MS(pr.segments[i].last_ns - pr.start_ns), pr.segments[i].count);
	printf("]");
}

static void print_result(void)
{
	uint64_t at, silence = silence_in(pr.start_ns, pr.end_ns, &at);

	printf("{\"schema\":1,\"realtime\":%s,\"start_ns\":%" PRIu64 ",\"seconds\":%.3f,\"sent\":%" PRIu64
	       ",\"answered\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"answered_twice\":%" PRIu64
	       ",\"answered_by_two\":%" PRIu64 ",\"out_of_order\":%" PRIu64 ",\"foreign\":%" PRIu64
	       ",\"send_errors\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"late_ms\":%.3f,"
	       "\"longest_silence_ms\":%.3f,\"longest_silence_at_ms\":%.3f,", pr.realtime ? "true" : "false",
	       pr.start_ns, MS(pr.end_ns - pr.start_ns) / 1e3, pr.sent, pr.answered, pr.sent - pr.answered,
	       pr.twice, pr.by_two, pr.out_of_order, pr.foreign, pr.send_errors, pr.skipped, MS(pr.late_ns),
	       MS(silence), MS(at - pr.start_ns));
	print_marks();
	print_segments();
	printf("}\n");
}

/* -- set-up ------------------------------------------------------------------------------- */

static int read_address(const char *text)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&pr.server;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&pr.server;

	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(pr.port);
		pr.server_len = sizeof(*in4);
		snprintf(pr.server_text, sizeof(pr.server_text), "%s", text);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(pr.port);
	pr.server_len = sizeof(*in6);
	snprintf(pr.server_text, sizeof(pr.server_text), "[%s]", text);
	return 0;
}

/* Our own address towards the server, for Via and Contact: a connected twin is asked for it. */
static int find_local(void)
{
	int twin = socket(pr.server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(pr.local);
	char host[INET6_ADDRSTRLEN];

	if (twin < 0 || connect(twin, (struct sockaddr *)&pr.server, pr.server_len) ||
	    getsockname(twin, (struct sockaddr *)&pr.local, &len)) {
		int err = -errno;

		if (twin >= 0)
			close(twin);
		return err;
	}
	close(twin);
	bool v4 = pr.local.ss_family == AF_INET;

	inet_ntop(pr.local.ss_family, v4 ? (void *)&((struct sockaddr_in *)&pr.local)->sin_addr :
		  (void *)&((struct sockaddr_in6 *)&pr.local)->sin6_addr, host, sizeof(host));
	((struct sockaddr_in *)&pr.local)->sin_port = 0;	/* the same place in both families */
	if (bind(pr.fd, (struct sockaddr *)&pr.local, len) ||
	    getsockname(pr.fd, (struct sockaddr *)&pr.local, &len))
		return -errno;
	snprintf(pr.local_text, sizeof(pr.local_text), v4 ? "%s:%u" : "[%s]:%u", host,
		 ntohs(((struct sockaddr_in *)&pr.local)->sin_port));
	return 0;
}

static int open_socket(void)
{
	const int room = 4 << 20;

	pr.fd = socket(pr.server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (pr.fd < 0)
		return -errno;
	setsockopt(pr.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return find_local();
}

static int allocate(void)
{
	pr.capacity = (uint64_t)pr.rate * pr.seconds;
	pr.arrivals_max = pr.capacity * 2;	/* answered twice, every one */
	pr.requests = calloc(pr.capacity, sizeof(*pr.requests));
	pr.arrivals = calloc(pr.arrivals_max, sizeof(*pr.arrivals));
	return pr.requests && pr.arrivals ? 0 : -ENOMEM;
}

static void be_punctual(void)
{
	struct sched_param param = { .sched_priority = FIFO_PRIORITY };

	pr.realtime = !mlockall(MCL_CURRENT) && !sched_setscheduler(0, SCHED_FIFO, &param);
}

static int read_options(int argc, char **argv)
{
	int opt;

	pr.port = 5060;
	pr.rate = 1000;
	pr.seconds = 600;
	pr.drain_ms = 500;
	pr.stdin_open = true;
	while ((opt = getopt(argc, argv, "p:r:s:w:")) != -1) {
		unsigned value = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'p': pr.port = (uint16_t)value; break;
		case 'r': pr.rate = value; break;
		case 's': pr.seconds = value; break;
		case 'w': pr.drain_ms = value; break;
		default: return -EINVAL;
		}
	}
	if (optind != argc - 1 || !pr.rate || !pr.seconds || pr.rate > 1000000 ||
	    (uint64_t)pr.rate * pr.seconds > REQUESTS_MAX)
		return -EINVAL;
	return read_address(argv[optind]);
}

int main(int argc, char **argv)
{
	int err = read_options(argc, argv);

	if (err) {
		fputs("usage: probe [-p PORT] [-r RATE] [-s SECONDS] [-w DRAIN_MS] ADDRESS\n", stderr);
		return 2;
	}
	err = open_socket();
	err = err ? err : allocate();
	if (err) {
		fprintf(stderr, "probe: %s port %u: %s\n", pr.server_text, pr.port, strerror(-err));
		return 1;
	}
	signal(SIGINT, on_stop);
	signal(SIGTERM, on_stop);
	be_punctual();
	pr.start_ns = now_ns();
	pr.run = (unsigned)getpid();
	ask();
	print_result();
	return 0;
}
