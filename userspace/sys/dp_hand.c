// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_hand: what would the XDP program answer to this datagram?
 *
 * Where XDP is off the same program runs on a frame built around the datagram (BPF_PROG_RUN), so
 * there is one judge of pulses and not two. It sees the interface that the context names.
 * What lies before the payload in the answer is thrown away: the caller's socket makes its own.
 * Allocates nothing; a run costs one system call.
 */
#include "sys/dp_own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define HOP_LIMIT	64

struct hand_msg {
	const struct in6_addr *from, *to;
	uint16_t port;		/* host order, of both ends */
	const void *payload;
	size_t len;
};

static uint32_t sum_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return len & 1 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

/* RFC 1071; never 0, which in UDP means that there is none. */
static __be16 fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return htons((uint16_t)(sum ? sum : 0xffff));
}

static void put_udp(uint8_t *at, const struct hand_msg *msg)
{
	struct udphdr udp = {
		.source = htons(msg->port), .dest = htons(msg->port),
		.len = htons((uint16_t)(sizeof(udp) + msg->len)),
	};
	uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof(udp) + msg->len);

	sum = sum_words(sum, msg->from, sizeof(*msg->from));	/* the ffff of a mapped address ... */
	sum = sum_words(sum, msg->to, sizeof(*msg->to));	/* ... is a zero in this arithmetic */
	sum = sum_words(sum, &udp, sizeof(udp));
	udp.check = fold(sum_words(sum, msg->payload, msg->len));
	memcpy(at, &udp, sizeof(udp));
	memcpy(at + sizeof(udp), msg->payload, msg->len);
}

static size_t put_ip4(uint8_t *at, const struct hand_msg *msg)
{
	struct iphdr ip = {
		.version = 4, .ihl = sizeof(ip) / 4, .ttl = HOP_LIMIT, .protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(struct udphdr) + msg->len)),
	};

	memcpy(&ip.saddr, &msg->from->s6_addr[12], sizeof(ip.saddr));
	memcpy(&ip.daddr, &msg->to->s6_addr[12], sizeof(ip.daddr));
	ip.check = fold(sum_words(0, &ip, sizeof(ip)));
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t put_ip6(uint8_t *at, const struct hand_msg *msg)
{
	struct ipv6hdr ip = {
		.version = 6, .nexthdr = IPPROTO_UDP, .hop_limit = HOP_LIMIT,
		.payload_len = htons((uint16_t)(sizeof(struct udphdr) + msg->len)),
	};

	memcpy(&ip.saddr, msg->from, sizeof(ip.saddr));
	memcpy(&ip.daddr, msg->to, sizeof(ip.daddr));
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip);
}

/* Returns the number of bytes before the payload. */
static size_t put_frame(uint8_t *at, const struct hand_msg *msg)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(msg->to);
	struct ethhdr eth = {	/* addresses of zeros: nothing is to be learnt from them */
		.h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6),
	};
	size_t head = sizeof(eth);

	memcpy(at, &eth, sizeof(eth));
	head += v4 ? put_ip4(at + head, msg) : put_ip6(at + head, msg);
	put_udp(at + head, msg);
	return head + sizeof(struct udphdr);
}

/* Returns the verdict or negative errno; the frame as the program left it is in hand_out. */
static int run(struct dp *dp, uint32_t ifindex, size_t len, size_t *ret_len)
{
	struct xdp_md ctx = { .data_end = (__u32)len, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		    .data_in = dp->hand_in, .data_size_in = (__u32)len,
		    .data_out = dp->hand_out, .data_size_out = sizeof(dp->hand_out),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(dp->prog[DP_XDP], &opts) < 0)
		return dp_fail(-errno, "run the XDP program on interface %u", ifindex);
	*ret_len = opts.data_size_out;
	return (int)opts.retval;
}

int dp_pulse_by_hand(struct dp *dp, uint32_t ifindex, const struct in6_addr *from, const struct in6_addr *to,
		     uint16_t port, void *msg, size_t len, size_t cap)
{
	struct hand_msg in = { .from = from, .to = to, .port = port, .payload = msg, .len = len };
	size_t head, out = 0;
	int verdict;

	dp_hush();
	if (len > DP_HAND_BYTES - sizeof(struct ethhdr) - sizeof(struct ipv6hdr) - sizeof(struct udphdr))
		return dp_refuse(-EMSGSIZE, "pulse of %zu bytes", len);
	head = put_frame(dp->hand_in, &in);
	verdict = run(dp, ifindex, head + len, &out);
	if (verdict < 0)
		return verdict;
	if (verdict != XDP_TX || out <= head)
		return 0;
	if (out - head > cap)
		return dp_refuse(-EMSGSIZE, "answer of %zu bytes", out - head);
	memcpy(msg, dp->hand_out + head, out - head);
	return (int)(out - head);
}
