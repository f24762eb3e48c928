// SPDX-License-Identifier: GPL-2.0
/*
 * baton_lookup: which of two SIP servers on this host gets what comes to their VIP's port?
 *
 * Runs where the kernel looks for the socket of a packet that belongs to no connection (sk_lookup). The active server's sockets
 * lie in a sockmap; its workers are chosen by flow. A socket that closes has left the map before its process is gone, so
 * when the active server dies the very next packet finds none and takes the other's: no controller is waited for. A server
 * that never had a socket there (no TCP, say) is not replaced: it refuses as it would alone.
 * TCP connections that stand are found before this is asked: they stay where they are. No payload is seen here: what is of a
 * dialog of a server that is being drained comes with the port that stands for it (local_calls.h).
 * baton_lo: what the programs on every other interface do, for clients on this host itself, in both directions.
 * Source:  Documentation/bpf/prog_sk_lookup.rst, kernel-notes/sk-lookup.md.
 */
#include <linux/pkt_cls.h>

#include "local.h"
#include "local_calls.h"

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

/* Of one build, as this program: no layout of BT_ABI's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bt_local_probe);
} local_probe SEC(".maps");

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
__noinline int assign(struct bpf_sk_lookup *ctx, __u32 place)
{
	__u32 key = place;
	struct bpf_sock *sk = bpf_map_lookup_elem(&local_socks, &key);
	long err;

	if (!sk)
		return false;
	err = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	return !err;
}

/*
 * Any of @n places from @first on, its flow's before all others. This and what it calls are verified once, by themselves, and the
 * place is reckoned without a branch: 6.1 went through more than a million steps of one loop within another.
 */
__noinline int give(struct bpf_sk_lookup *ctx, __u32 first, __u32 n)
{
	__u32 at;

	if (!n || n > BT_LOCAL_SOCKS)
		return false;
	at = flow_hash(ctx) % n;
	for (__u32 i = 0; i < BT_LOCAL_SOCKS; i++) {
		if (i >= n)
			return false;
		if (assign(ctx, first + (at + i) % n))
			return true;
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

/*
 * Whose is it? 0: nobody is chosen yet, or nobody is drained whom that port stands for: the ordinary socket of that port, and none
 * where it is 0. A filter that keeps somebody from the VIP's port does not know that other door.
 */
static __always_inline __u32 server_of(const struct bt_local_way *way, __u64 aim)
{
	__u32 drained = BT_LOCAL_DRAINED(aim);

	if (!way->stands_for)
		return BT_LOCAL_ACTIVE(aim);
	return way->stands_for == BT_LOCAL_ANY || way->stands_for == drained ? drained : 0;
}

static __always_inline int choose(struct bpf_sk_lookup *ctx, const struct bt_local_way *way)
{
	__u32 group = way->group, row = way->row - 1, server, other;
	struct bt_local *own = bpf_map_lookup_elem(&ct_local, &group);
	struct bt_local_seen *seen = bpf_map_lookup_elem(&st_local, &group);
	struct bt_local_row *filled = bpf_map_lookup_elem(&ct_local_row, &row);
	__u64 now = bpf_ktime_get_boot_ns(), aim;
	bool active;

	if (!own || !seen || !filled)
		return SK_PASS;
	aim = READ_ONCE(own->aim);
	server = server_of(way, aim);
	if (server != 1 && server != 2)
		return SK_PASS;
	other = 3 - server;
	active = server == BT_LOCAL_ACTIVE(aim);
	if (give(ctx, BT_LOCAL_PLACE(row, server, 0), sockets_of(filled, server))) {
		if (active)
			note_given(seen, server, now);
		count_exit(&st_local_count, active ? BT_L_ACTIVE : BT_L_DRAINED, 0);
		return SK_PASS;
	}
	if (sockets_of(filled, server) && give(ctx, BT_LOCAL_PLACE(row, other, 0), sockets_of(filled, other))) {
		if (active)
			note_fall(seen, server, now);
		note_given(seen, other, now);
		count_exit(&st_local_count, BT_L_OTHER, 0);
		return SK_PASS;
	}
	count_exit(&st_local_count, BT_L_NOBODY, 0);
	return SK_DROP;
}

/* It asked no server, and got this far: that was the question. */
static __always_inline bool is_probe(struct bpf_sk_lookup *ctx)
{
	__u32 ip4 = ctx->remote_ip4, a = ctx->remote_ip6[0], b = ctx->remote_ip6[1], c = ctx->remote_ip6[2], d = ctx->remote_ip6[3];
	__be16 port = (__be16)ctx->remote_port;
	bool v4 = ctx->family == AF_INET;
	__u32 zero = 0;
	struct bt_local_probe *probe = bpf_map_lookup_elem(&local_probe, &zero);

	barrier_var(ip4);
	barrier_var(c);
	barrier_var(d);
	if (!probe || !probe->port || probe->port != port || probe->from[0] != a || probe->from[1] != b ||
	    probe->from[2] != (v4 ? bpf_htonl(0xffff) : c) || probe->from[3] != (v4 ? ip4 : d))
		return false;
	__sync_fetch_and_add(&probe->seen, 1);
	return true;
}

SEC("sk_lookup")
int baton_lookup(struct bpf_sk_lookup *ctx)
{
	struct bt_local_way *way;
	struct bt_local_key key;

	if (!read_key(ctx, &key))
		return SK_PASS;
	if (is_probe(ctx))
		return SK_DROP;
	way = bpf_map_lookup_elem(&cfg_local, &key);
	return way && way->row ? choose(ctx, way) : SK_PASS;
}

#define HEADERS 128
#define MESSAGE 2048	/* and the headers of SIP */

SIP_SCAN(__sk_buff)

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

static __always_inline void pull(struct __sk_buff *skb, __u32 want)
{
	__u32 len = skb->len < want ? skb->len : want;

	if (skb->data_end - skb->data < len)
		bpf_skb_pull_data(skb, len);
}

/* Does it go to a port with two servers behind it, or, @ret->out, come from one? @ret: its group. */
static __always_inline bool lo_is_call(struct __sk_buff *skb, const struct headers *h, struct bt_local_key *key, struct call *ret)
{
	struct bt_local_way *way = local_end(skb, h, !ret->out, key) ? bpf_map_lookup_elem(&cfg_local, key) : NULL;

	if (!way || !way->row || way->stands_for)
		return false;
	ret->group = way->group;
	return true;
}

static __always_inline void lo_to_drained(struct __sk_buff *skb, const struct headers *h, const struct bt_local_key *to, struct call *c)
{
	__be16 port;

	if (!local_port(to, c->drained, &port))
		return;
	local_rename(skb, h->l4, offsetof(struct udphdr, dest), to->port, port);
	local_leave(c);
}

/*
 * What it tells of a dialog, and whose that is; @out: of the group that it leaves, @by: the server that sent it, or 0. A function
 * of its own: verified once. 0.
 */
__noinline int lo_call(struct __sk_buff *skb, const struct headers *h, __u32 out, __u32 by)
{
	struct bt_local_key key;
	struct sip_msg m = {};
	struct call c = { .out = out };

	if (!h || !lo_is_call(skb, h, &key, &c))
		return 0;
	c.now = bpf_ktime_get_boot_ns();
	if (!local_call(&c, by) || !call_key(c.group, &m))
		return 0;
	pull(skb, MESSAGE);
	sip_scan(skb, h->l4 + sizeof(struct udphdr), h->end, &m);
	if (!call_is_told(&m))
		return 0;
	if (!c.out && local_is_drained(&m, &c))
		lo_to_drained(skb, h, &key, &c);
	call_note(&m, &c);
	return 0;
}

/* A function of its own: its key is off the stack when dialogs are looked at. As local_out(). */
__noinline int lo_out(struct __sk_buff *skb, const struct headers *h)
{
	return h ? local_out(skb, h, is_response(skb, h)) : 0;
}

SEC("tc")
int baton_lo(struct __sk_buff *skb)
{
	struct headers h = {};
	int by;

	pull(skb, HEADERS);
	lo_read(skb, &h);
	if (h.proto != IPPROTO_UDP || h.later)
		return TC_ACT_UNSPEC;
	by = lo_out(skb, &h);
	if (by == LOCAL_HELD)
		return TC_ACT_SHOT;
	lo_call(skb, &h, true, by);
	lo_call(skb, &h, false, 0);	/* it may come from one group's VIP and go to another's */
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
