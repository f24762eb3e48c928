// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flood: so many SIP requests a second at one address, for so long. Answers are not read.
 *
 * Sends what is due every millisecond in batches; what the machine cannot do is not made up for, so
 * `pps` in the result may be less than asked.
 *
 * flood [-p PORT] [-r PPS] [-s SECONDS] ADDRESS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
#define BATCH		64
#define REQUEST_MAX	512

static char requests[BATCH][REQUEST_MAX];
static struct iovec io[BATCH];
static struct mmsghdr msgs[BATCH];
static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void make_requests(const char *address)
{
	for (int i = 0; i < BATCH; i++) {
		int len = snprintf(requests[i], REQUEST_MAX,
			"OPTIONS sip:flood@%s SIP/2.0\r\nVia: SIP/2.0/UDP flood.invalid;branch=z9hG4bKflood%d\r\n"
			"Max-Forwards: 70\r\nFrom: <sip:flood@flood.invalid>;tag=%d\r\nTo: <sip:flood@%s>\r\n"
			"Call-ID: flood%d@flood.invalid\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			address, i, i, address, i);

		io[i] = (struct iovec){ requests[i], (size_t)len };
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 };
	}
}

static int open_to(const char *address, uint16_t port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr *to = NULL;
	socklen_t len = 0;

	if (inet_pton(AF_INET, address, &in4.sin_addr) == 1) {
		to = (struct sockaddr *)&in4;
		len = sizeof(in4);
	} else if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) {
		to = (struct sockaddr *)&in6;
		len = sizeof(in6);
	} else {
		return -EINVAL;
	}
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, to, len))
		return -errno;
	return fd;
}

/* Sends @due requests; an error costs one (the far end may be away for a while). */
static uint64_t send_some(int fd, uint64_t due)
{
	uint64_t sent = 0;

	for (uint64_t tried = 0; tried < due && !stopped; ) {
		unsigned want = due - tried < BATCH ? (unsigned)(due - tried) : BATCH;
		int done = sendmmsg(fd, msgs, want, 0);

		sent += done > 0 ? (uint64_t)done : 0;
		tried += done > 0 ? (uint64_t)done : 1;
	}
	return sent;
}

static uint64_t flood(int fd, uint64_t pps, uint64_t seconds)
{
	uint64_t start = now_ns(), end = start + seconds * NS_PER_S, sent = 0, counted = 0, now;

	while ((now = now_ns()) < end && !stopped) {
		uint64_t due = pps * (now - start) / NS_PER_S;
		uint64_t most = pps / 100 + 1;		/* no more than 10 ms' worth at once */

		sent += send_some(fd, due - counted < most ? due - counted : most);
		counted = due;
		nanosleep(&(struct timespec){ .tv_nsec = NS_PER_MS }, NULL);
	}
	printf("{\"schema\":1,\"sent\":%" PRIu64 ",\"seconds\":%.3f,\"pps\":%.0f}\n", sent,
	       (double)(now - start) / 1e9, (double)sent * 1e9 / (double)(now - start + 1));
	return sent;
}

int main(int argc, char **argv)
{
	unsigned long port = 5060, pps = 100000, seconds = 10;
	int opt;

	while ((opt = getopt(argc, argv, "p:r:s:")) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

		port = opt == 'p' ? value : port;
		pps = opt == 'r' ? value : pps;
		seconds = opt == 's' ? value : seconds;
	}
	if (optind != argc - 1 || !pps || !seconds || seconds > 3600 || port > 65535) {
		fputs("usage: flood [-p PORT] [-r PPS] [-s SECONDS, at most 3600] ADDRESS\n", stderr);
		return 2;
	}
	int fd = open_to(argv[optind], (uint16_t)port);

	if (fd < 0) {
		fprintf(stderr, "flood: %s port %lu: %s\n", argv[optind], port, strerror(-fd));
		return 1;
	}
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	make_requests(argv[optind]);
	return flood(fd, pps, seconds) ? 0 : 1;
}
