// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * answerer: a SIP server in one process and one file: every request gets its 200 OK.
 *
 * Via, From, To, Call-ID and CSeq are copied; `Server: TAG` tells who answered. It keeps no state:
 * the To tag is a hash of the Call-ID, so two of them answer one call alike, as a pair of servers
 * does that shares its calls. An INVITE gets a session description; an ACK gets nothing.
 * Hostile:  what is not a request with those five headers is dropped; an answer that does not fit
 *           its buffer is dropped too.
 * Source:   RFC 3261 §8.2.6, §18.2.2.
 *
 * answerer -t TAG [-p PORT] [-d DELAY_US] [-m MEGABYTES] [-x TEXT] [-k] [ADDRESS ...]    (no address: any, IPv4 and IPv6)
 * -k: its calls are its own: in a dialog that another of them began it answers 481.
 * -m: so much memory of its own, for a core of that size.
 * -x: a request with TEXT anywhere in it is dropped, as servers do with scanners.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKS_MAX	16
#define BATCH		64
#define REQUEST_MAX	4096
#define ANSWER_MAX	6144
#define CONTROL_MAX	64
#define VIAS_MAX	64

enum header { H_VIA, H_FROM, H_TO, H_CALL_ID, H_CSEQ, H__N };

static const struct {
	const char *name;
	char compact;
} header_names[H__N] = {
	[H_VIA]     = { "Via", 'v' },
	[H_FROM]    = { "From", 'f' },
	[H_TO]      = { "To", 't' },
	[H_CALL_ID] = { "Call-ID", 'i' },
	[H_CSEQ]    = { "CSeq", 0 },
};

struct span {
	const char *at;
	size_t len;
};

struct request {
	struct span one[H__N];		/* but Via */
	struct span via[VIAS_MAX];
	unsigned n_via;
	bool invite;
};

struct answer {
	char text[ANSWER_MAX];
	size_t len;
	bool full;
};

/* One datagram of a batch: where it came from and, for a socket on any address, where it went to. */
struct slot {
	char request[REQUEST_MAX];
	struct answer answer;
	struct sockaddr_in6 from;
	union {
		char bytes[CONTROL_MAX];
		struct cmsghdr align;
	} control;
};

static struct slot slots[BATCH];
static const char *tag = "answerer";
static unsigned delay_us;
static const char *unwanted;
static bool keeps;
static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	(void)number;
	stopped = 1;
}

/* The next header line with its folded continuations, without the line end; len 0 at the end. */
static struct span next_line(const char **at, const char *end)
{
	struct span line = { .at = *at };
	const char *p = *at;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p = nl ? nl + 1 : end;
		if (p == end || p == line.at + 1 || (*p != ' ' && *p != '\t'))
			break;
	}
	*at = p;
	while (p > line.at && (p[-1] == '\n' || p[-1] == '\r'))
		p--;
	line.len = (size_t)(p - line.at);
	return line;
}

static enum header header_of(struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	size_t len = colon ? (size_t)(colon - line.at) : 0;

	while (len && (line.at[len - 1] == ' ' || line.at[len - 1] == '\t'))
		len--;
	for (enum header h = 0; h < H__N; h++) {
		if (len == strlen(header_names[h].name) && !strncasecmp(line.at, header_names[h].name, len))
			return h;
		if (len == 1 && header_names[h].compact && (line.at[0] | 0x20) == header_names[h].compact)
			return h;
	}
	return H__N;
}

static void put(struct answer *a, const char *text, size_t len)
{
	if (len > sizeof(a->text) - a->len) {
		a->full = true;
		return;
	}
	memcpy(a->text + a->len, text, len);
	a->len += len;
}

static void puts_line(struct answer *a, const char *text)
{
	put(a, text, strlen(text));
	put(a, "\r\n", 2);
}

static bool has_tag(struct span to)
{
	for (size_t i = 0; i + 5 <= to.len; i++)
		if (to.at[i] == ';' && !strncasecmp(to.at + i + 1, "tag=", 4))
			return true;
	return false;
}

static uint32_t fnv(struct span s)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (uint8_t)s.at[i]) * 16777619u;
	return hash;
}

/* A request line is "METHOD URI SIP/2.0"; an ACK is never answered. */
static bool is_answerable(struct span line)
{
	static const char version[] = " SIP/2.0";
	const size_t len = sizeof(version) - 1;

	return line.len > len + 4 && memcmp(line.at, "SIP/2.0", 7) && memcmp(line.at, "ACK ", 4) &&
	       !memcmp(line.at + line.len - len, version, len);
}

static void put_to(struct answer *a, struct span to, uint32_t hash)
{
	char text[32];

	put(a, to.at, to.len);
	if (!has_tag(to)) {
		snprintf(text, sizeof(text), ";tag=%08x%s", hash, keeps ? tag : "");
		put(a, text, strlen(text));
	}
	put(a, "\r\n", 2);
}

static void put_tail(struct answer *a, bool invite)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
				  "m=audio 9 RTP/AVP 0\r\n";
	char text[256];

	snprintf(text, sizeof(text), "Server: %s\r\nContact: <sip:%s@answerer.invalid>\r\n%s"
		 "Content-Length: %zu\r\n\r\n", tag, tag, invite ? "Content-Type: application/sdp\r\n" : "",
		 invite ? sizeof(sdp) - 1 : 0);
	put(a, text, strlen(text));
	if (invite)
		put(a, sdp, sizeof(sdp) - 1);
}

/* Did another one give it its tag? */
static bool is_foreign(struct span to)
{
	size_t len = strlen(tag);

	return keeps && has_tag(to) && (to.len < len || memcmp(to.at + to.len - len, tag, len));
}

/* False: not a request with the five headers. */
static bool read_request(struct request *r, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	struct span line = next_line(&at, end);

	*r = (struct request){ .invite = !strncmp(text, "INVITE ", 7) };
	if (!is_answerable(line))
		return false;
	while ((line = next_line(&at, end)).len) {
		enum header h = header_of(line);

		if (h == H_VIA && r->n_via == VIAS_MAX)
			return false;
		if (h == H_VIA)
			r->via[r->n_via++] = line;
		else if (h < H__N && !r->one[h].at)
			r->one[h] = line;
	}
	return r->n_via && r->one[H_FROM].at && r->one[H_TO].at && r->one[H_CALL_ID].at && r->one[H_CSEQ].at;
}

static void put_line(struct answer *a, struct span line)
{
	put(a, line.at, line.len);
	put(a, "\r\n", 2);
}

/* Fills @a from the request; false when nothing is to be sent. */
static bool answer_request(struct answer *a, const char *text, size_t len)
{
	struct request r;

	if (!read_request(&r, text, len))
		return false;
	a->len = 0;
	a->full = false;
	puts_line(a, is_foreign(r.one[H_TO]) ? "SIP/2.0 481 Call/Transaction Does Not Exist" : "SIP/2.0 200 OK");
	for (unsigned i = 0; i < r.n_via; i++)
		put_line(a, r.via[i]);
	put_line(a, r.one[H_FROM]);
	put_to(a, r.one[H_TO], fnv(r.one[H_CALL_ID]));
	put_line(a, r.one[H_CALL_ID]);
	put_line(a, r.one[H_CSEQ]);
	put_tail(a, r.invite);
	return !a->full;
}

static struct msghdr slot_msg(struct slot *s, struct iovec *io, size_t control_len)
{
	return (struct msghdr){
		.msg_name = &s->from, .msg_namelen = sizeof(s->from), .msg_iov = io, .msg_iovlen = 1,
		.msg_control = control_len ? s->control.bytes : NULL, .msg_controllen = control_len,
	};
}

static int take_batch(int fd, struct mmsghdr *msgs, struct iovec *io)
{
	for (int i = 0; i < BATCH; i++) {
		io[i] = (struct iovec){ slots[i].request, sizeof(slots[i].request) };
		msgs[i].msg_hdr = slot_msg(&slots[i], &io[i], CONTROL_MAX);
	}
	return recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);
}

/* The answer leaves from the address that was asked: pktinfo comes in and goes out as it is. */
static void answer_batch(int fd, struct mmsghdr *msgs, struct iovec *io, int n)
{
	int out = 0;

	for (int i = 0; i < n; i++) {
		struct slot *s = &slots[i];
		struct msghdr *in = &msgs[i].msg_hdr;

		if (unwanted && memmem(s->request, msgs[i].msg_len, unwanted, strlen(unwanted)))
			continue;
		if ((in->msg_flags & MSG_TRUNC) || !answer_request(&s->answer, s->request, msgs[i].msg_len))
			continue;
		io[out] = (struct iovec){ s->answer.text, s->answer.len };
		socklen_t name_len = in->msg_namelen;
		size_t control_len = in->msg_controllen;

		msgs[out].msg_hdr = slot_msg(s, &io[out], control_len);
		msgs[out].msg_hdr.msg_namelen = name_len;
		out++;
	}
	for (int sent = 0; sent < out; ) {
		int done = sendmmsg(fd, msgs + sent, (unsigned)(out - sent), 0);

		sent += done > 0 ? done : 1;	/* one that cannot be sent must not hold up the rest */
	}
}

static void serve(struct pollfd *fds, nfds_t n)
{
	static struct mmsghdr msgs[BATCH];
	static struct iovec io[BATCH];

	while (!stopped) {
		if (poll(fds, n, 1000) <= 0)
			continue;
		for (nfds_t i = 0; i < n; i++) {
			int got = fds[i].revents ? take_batch(fds[i].fd, msgs, io) : 0;

			if (got > 0 && delay_us)
				usleep(delay_us);
			if (got > 0)
				answer_batch(fds[i].fd, msgs, io, got);
		}
	}
}

static int address_of(const char *text, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		*ret_len = sizeof(*in4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	*ret_len = sizeof(*in6);
	return 0;
}

/* Bound before the address is there (freebind): the backup's server waits for its VIP like that. */
static int bind_socket(const char *text, uint16_t port)
{
	const int on = 1, room = 4 << 20;
	struct sockaddr_storage addr;
	socklen_t len;
	int err = address_of(text, port, &addr, &len);
	int fd = err ? err : socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err ? err : -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (addr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));	/* for IPv6 sockets too */
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (addr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (!bind(fd, (struct sockaddr *)&addr, len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void grow(size_t megabytes)
{
	char *memory = megabytes ? malloc(megabytes << 20) : NULL;

	if (memory)
		memset(memory, 1, megabytes << 20);
	__asm__ volatile("" : : "r"(memory) : "memory");	/* it is wanted, though nobody reads it */
}

static int usage(void)
{
	fputs("usage: answerer -t TAG [-p PORT] [-d DELAY_US] [-m MEGABYTES] [-x TEXT] [-k] [ADDRESS ...]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const char *const any[] = { "0.0.0.0", "::" };
	struct pollfd fds[SOCKS_MAX];
	uint16_t port = 5060;
	nfds_t n = 0;
	int opt;

	while ((opt = getopt(argc, argv, "t:p:d:m:x:k")) != -1) {
		switch (opt) {
		case 't': tag = optarg; break;
		case 'p': port = (uint16_t)atoi(optarg); break;
		case 'd': delay_us = (unsigned)atoi(optarg); break;
		case 'm': grow((size_t)atoi(optarg)); break;
		case 'x': unwanted = optarg; break;
		case 'k': keeps = true; break;
		default: return usage();
		}
	}
	const char *const *addresses = optind < argc ? (const char *const *)argv + optind : any;
	int n_addresses = optind < argc ? argc - optind : 2;

	for (int i = 0; i < n_addresses && n < SOCKS_MAX; i++) {
		int fd = bind_socket(addresses[i], port);

		if (fd < 0) {
			fprintf(stderr, "answerer: %s port %u: %s\n", addresses[i], port, strerror(-fd));
			return 1;
		}
		fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	printf("answerer: %s serves port %u\n", tag, port);
	fflush(stdout);
	serve(fds, n);
	return 0;
}
