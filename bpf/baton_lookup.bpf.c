// SPDX-License-Identifier: GPL-2.0
/*
 * baton_lookup: which of two SIP servers on this host gets what comes to their VIP's port?
 *
 * Runs where the kernel looks for the socket of a packet that belongs to no connection (sk_lookup). The active server's sockets
 * lie in a sockmap; its workers are chosen by flow. A socket that closes has left the map before its process is gone, so
 * when the active server dies the very next packet finds none and takes the other's: no controller is waited for. A server
 * that never had a socket there (no TCP, say) is not replaced: it refuses as it would alone.
 * TCP connections that stand are found before this is asked: they stay where they are.
 * baton_lo: what the tc program does on every interface that frames leave by, for clients on this host itself.
 * Source:  Documentation/bpf/prog_sk_lookup.rst, kernel-notes/sk-lookup.md.
 */
#include <linux/pkt_cls.h>

#include "local.h"

#define AF_INET		2	/* <sys/socket.h> is the host's, not a program's */
#define AF_INET6	10

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, BT_LOCAL_PLACES);
	__type(key, __u32);
	__type(value, __u64);
} local_socks SEC(".maps");

/* Written by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_LOCAL_ROWS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_local_row);
} ct_local_row SEC(".maps");

/* Written here, and first_ns = 0 by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_local_seen);
} st_local SEC(".maps");

/* Every field is read whatever the family: the verifier wants the context itself in each load, not a pointer into it. */
static __always_inline bool read_key(struct bpf_sk_lookup *ctx, struct bt_local_key *key)
{
	__u32 ip4 = ctx->local_ip4, a = ctx->local_ip6[0], b = ctx->local_ip6[1], c = ctx->local_ip6[2], d = ctx->local_ip6[3];
	bool v4 = ctx->family == AF_INET;
	__u32 *ip = (__u32 *)key->ip;

	barrier_var(ip4);
	barrier_var(c);
	barrier_var(d);
	__builtin_memset(key, 0, sizeof(*key));
	key->port = bpf_htons((__u16)ctx->local_port);
	key->proto = (__u8)ctx->protocol;
	ip[0] = a;
	ip[1] = b;
	ip[2] = v4 ? bpf_htonl(0xffff) : c;
	ip[3] = v4 ? ip4 : d;
	return v4 || ctx->family == AF_INET6;
}

/* Packets of one client go to one worker. */
static __always_inline __u32 flow_hash(const struct bpf_sk_lookup *ctx)
{
	__u32 h = (__u32)ctx->remote_port * 0x9e3779b1u;

	h ^= ctx->remote_ip4;	/* 0 in the other family */
	h ^= ctx->remote_ip6[0] ^ ctx->remote_ip6[1] ^ ctx->remote_ip6[2] ^ ctx->remote_ip6[3];
	h *= 0x85ebca6bu;
	return h ^ h >> 15;
}

/* One place: is a socket there that takes it? */
static __always_inline bool assign(struct bpf_sk_lookup *ctx, __u32 place)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&local_socks, &place);
	long err;

	if (!sk)
		return false;
	err = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	return !err;
}

static __always_inline bool give(struct bpf_sk_lookup *ctx, __u32 row, __u32 server, __u32 n)
{
	__u32 at;

	if (!n || n > BT_LOCAL_SOCKS || !server || server > BT_SERVERS)
		return false;
	at = flow_hash(ctx) % n;
	for (__u32 i = 0; i < BT_LOCAL_SOCKS && i < n; i++) {
		if (assign(ctx, BT_LOCAL_PLACE(row, server, at)))
			return true;
		at = at + 1 < n ? at + 1 : 0;
	}
	return false;
}

/* How many that server has there. */
static __always_inline __u32 sockets_of(const struct bt_local_row *filled, __u32 server)
{
	__u32 i = server - 1;

	barrier_var(i);		/* what is compared is the index itself: 6.1 knows no bound of a copy */
	return i < BT_SERVERS ? filled->n[i] : 0;
}

static __always_inline void note_given(struct bt_local_seen *seen, __u32 server, __u64 now)
{
	__u32 i = server - 1;

	barrier_var(i);
	if (i >= BT_SERVERS)
		return;
	seen->given_ns[i] = now;
	if (!seen->first_ns[i])
		seen->first_ns[i] = now;
}

static __always_inline void note_fall(struct bt_local_seen *seen, __u32 from, __u64 now)
{
	seen->fell_from = from;
	seen->fell_ns = now;
	__sync_fetch_and_add(&seen->fell, 1);
}

static __always_inline int choose(struct bpf_sk_lookup *ctx, const struct bt_local_way *way)
{
	__u32 group = way->group, row = way->row - 1, active, other;
	struct bt_local *own = bpf_map_lookup_elem(&ct_local, &group);
	struct bt_local_seen *seen = bpf_map_lookup_elem(&st_local, &group);
	struct bt_local_row *filled = bpf_map_lookup_elem(&ct_local_row, &row);
	__u64 now = bpf_ktime_get_boot_ns();

	if (!own || !seen || !filled)
		return SK_PASS;
	active = own->active;
	if (active != 1 && active != 2)
		return SK_PASS;		/* batond has not looked yet */
	other = 3 - active;
	if (give(ctx, row, active, sockets_of(filled, active))) {
		note_given(seen, active, now);
		count_exit(&st_local_count, BT_L_ACTIVE, 0);
		return SK_PASS;
	}
	if (sockets_of(filled, active) && give(ctx, row, other, sockets_of(filled, other))) {
		note_fall(seen, active, now);
		note_given(seen, other, now);
		count_exit(&st_local_count, BT_L_OTHER, 0);
		return SK_PASS;
	}
	count_exit(&st_local_count, BT_L_NOBODY, 0);
	return SK_DROP;
}

SEC("sk_lookup")
int baton_lookup(struct bpf_sk_lookup *ctx)
{
	struct bt_local_way *way;
	struct bt_local_key key;

	if (!read_key(ctx, &key))
		return SK_PASS;
	way = bpf_map_lookup_elem(&cfg_local, &key);
	return way && way->row ? choose(ctx, way) : SK_PASS;
}

#define HEADERS 128

/* What frame_read() finds out, of the plain frames that this host sends to itself: no tags, no extension headers. */
static __always_inline void lo_read(struct __sk_buff *skb, struct headers *h)
{
	struct frame f = { .data = (void *)(long)skb->data, .data_end = (void *)(long)skb->data_end };
	struct ipv6hdr *ip6 = frame_at(&f, ETH_HLEN, sizeof(*ip6));
	struct iphdr *ip = frame_at(&f, ETH_HLEN, sizeof(*ip));

	h->len = h->end = skb->len;
	h->l3 = ETH_HLEN;
	if (skb->protocol == bpf_htons(ETH_P_IP) && ip) {
		h->kind = FRAME_IP4;
		h->proto = ip->protocol;
		h->later = ip->frag_off & bpf_htons(IP_OFFSET);
		h->l4 = ETH_HLEN + ip->ihl * 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6) && ip6) {
		h->kind = FRAME_IP6;
		h->proto = ip6->nexthdr;
		h->l4 = ETH_HLEN + sizeof(*ip6);
	}
}

static __always_inline bool is_response(struct __sk_buff *skb, const struct headers *h)
{
	char begins[8] = {};

	return !bpf_skb_load_bytes(skb, h->l4 + sizeof(struct udphdr), begins, sizeof(begins)) &&
	       !__builtin_memcmp(begins, "SIP/2.0 ", sizeof(begins));
}

SEC("tc")
int baton_lo(struct __sk_buff *skb)
{
	__u32 want = skb->len < HEADERS ? skb->len : HEADERS;
	struct headers h = {};

	if (skb->data_end - skb->data < want)
		bpf_skb_pull_data(skb, want);
	lo_read(skb, &h);
	if (h.proto != IPPROTO_UDP || h.later)
		return TC_ACT_UNSPEC;
	return local_out(skb, &h, is_response(skb, &h)) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
