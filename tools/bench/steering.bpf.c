// SPDX-License-Identifier: GPL-2.0
/*
 * steering: what stands at both ends of the steering bench besides Baton's own program.
 *
 *   bench_reflect  the least a node can do: two MAC addresses, XDP_TX; no map, no look at the packet
 *   bench_pass     nothing at all
 *   bench_gen      run by BPF_PROG_RUN with live frames: writes the headers anew, the next flow's port and Call-ID
 *   bench_count    the receiver: counts what arrives by server and by whose it is, and drops it
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tools/bench/steering_abi.h"

#define CALL_ID_MAX	1024

const volatile struct bench_given given;
__u32 flows;				/* 0: stop */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_flow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 6);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* Eight hexadecimal digits, as snprintf("%08x") writes them. */
static __always_inline __u64 digits(__u32 n)
{
	__u64 text = 0;

	for (int i = 0; i < 8; i++) {
		__u32 d = n >> (28 - 4 * i) & 0xf;

		text |= (__u64)(d < 10 ? '0' + d : 'a' + d - 10) << 8 * i;
	}
	return text;
}

static __always_inline void copy_mac(__u8 *to, const volatile __u8 *from)
{
	for (int i = 0; i < ETH_ALEN; i++)
		to[i] = from[i];
}

SEC("xdp")
int bench_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp")
int bench_reflect(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	copy_mac(eth->h_dest, given.server_mac);
	copy_mac(eth->h_source, given.node_mac);
	return XDP_TX;
}

SEC("xdp")
int bench_gen(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, *next = bpf_map_lookup_elem(&next_flow, &zero), flow;
	struct udphdr *udp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u32 off = given.call_id_off;

	if (!next || !flows || data + BENCH_HEADERS > end || off > CALL_ID_MAX || data + off + 8 > end)
		return XDP_DROP;
	flow = *next >= flows ? 0 : *next;
	*next = flow + 1;
	for (__u32 i = 0; i < BENCH_HEADERS; i++)
		((__u8 *)data)[i] = given.headers[i];
	udp->source = bpf_htons(10000 + flow);
	*(__u64 *)(data + off) = digits(flow);
	return XDP_TX;
}

SEC("xdp")
int bench_count(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 i = 4;
	__u64 *n;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP;
	if (eth->h_dest[1] == given.server_mac[1] && eth->h_dest[2] == given.server_mac[2])
		i = eth->h_dest[5] == given.server_mac[5] ? 0 : eth->h_dest[5] == given.server_mac[5] + 1 ? 2 : 4;
	i += ip->saddr != given.own_ip;
	n = bpf_map_lookup_elem(&counts, &i);
	if (n)
		++*n;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
