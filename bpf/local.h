/* SPDX-License-Identifier: GPL-2.0 */
/*
 * local: two SIP servers stand on this host behind one VIP; in whose name does what they send leave?
 *
 * Each listens on a port of its own, or both on one. Clients know the VIP's port alone, so UDP that leaves from a server's
 * port gets that one; TCP has it already, for baton_lookup hands connections over unchanged. The server that stands by may
 * finish what it has begun to answer, but asks nobody anything in the VIP's name: its requests are held, unless it is being
 * drained. Whose a datagram is says its port; where both have the same, the socket it came from (its cookie); one that is not known is let go.
 * Written by helpers, not through packet pointers: see tos.h. The helper leaves a checksum that the NIC will make alone, and
 * one of 0, no checksum, as it is.
 * Source:  kernel-notes/tc-rewrites.md, RFC 768.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "count.h"
#include "maps_tc.h"
#include "parse.h"


/* Loaded, not looked at in place: the frame's headers are known, and the stack is short. @to: where to, else from where. */
static __always_inline bool local_end(struct __sk_buff *skb, const struct headers *h, bool to, struct bt_local_key *key)
{
	bool v4 = h->kind == FRAME_IP4;
	__u32 port = to ? offsetof(struct udphdr, dest) : offsetof(struct udphdr, source);
	__u32 ip4 = to ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr);
	__u32 ip6 = to ? offsetof(struct ipv6hdr, daddr) : offsetof(struct ipv6hdr, saddr);

	__builtin_memset(key, 0, sizeof(*key));
	key->proto = IPPROTO_UDP;
	if (h->proto != IPPROTO_UDP || h->later || h->broken || !h->l4)
		return false;	/* later fragments follow their first */
	if (bpf_skb_load_bytes(skb, h->l4 + port, &key->port, sizeof(key->port)))
		return false;
	if (!v4)
		return h->kind == FRAME_IP6 &&
		       !bpf_skb_load_bytes(skb, h->l3 + ip6, key->ip, sizeof(key->ip));
	key->ip[10] = key->ip[11] = 0xff;
	return !bpf_skb_load_bytes(skb, h->l3 + ip4, &key->ip[12], sizeof(__be32));
}

/* Which server sent it? 0: not known. */
static __always_inline __u32 local_server(struct __sk_buff *skb, const struct bt_local_way *way)
{
	__u64 cookie;
	__u32 *server;

	if (way->servers == 1 || way->servers == 2)
		return way->servers;
	cookie = bpf_get_socket_cookie(skb);
	server = bpf_map_lookup_elem(&ct_local_sock, &cookie);
	return server ? *server : 0;
}

static __always_inline bool local_may_send(const struct bt_local_way *way, __u32 server, bool response)
{
	__u32 group = way->group;
	struct bt_local *own = bpf_map_lookup_elem(&ct_local, &group);
	__u64 aim;

	if (response || !own || !server)
		return true;
	aim = READ_ONCE(own->aim);
	return !BT_LOCAL_ACTIVE(aim) || server == BT_LOCAL_ACTIVE(aim) || server == BT_LOCAL_DRAINED(aim);
}

/* @at: of the port in the UDP header. */
static __always_inline void local_rename(struct __sk_buff *skb, __u32 udp, __u32 at, __be16 was, __be16 is)
{
	if (bpf_l4_csum_replace(skb, udp + offsetof(struct udphdr, check), was, is, BPF_F_MARK_MANGLED_0 | sizeof(is)))
		return;
	bpf_skb_store_bytes(skb, udp + at, &is, sizeof(is), 0);
}

#define LOCAL_HELD	(-1)

/*
 * Of a frame from a VIP with two servers; @response: it is a SIP response. Which of them sent it, 0: not known; LOCAL_HELD: it may
 * not leave. Packet pointers are void behind it.
 */
static __always_inline int local_out(struct __sk_buff *skb, const struct headers *h, bool response)
{
	struct bt_local_way *way;
	struct bt_local_key key;
	__u32 l4 = h->l4, server;

	if (!local_end(skb, h, false, &key))
		return 0;
	way = bpf_map_lookup_elem(&cfg_local, &key);
	if (!way || !way->servers)
		return 0;	/* of no server: a resolver, a monitor */
	server = local_server(skb, way);
	if (!local_may_send(way, server, response)) {
		count_exit(&st_local_count, BT_L_HELD, skb->len);
		return LOCAL_HELD;
	}
	count_exit(&st_local_count, way->port == key.port ? BT_L_SENT : BT_L_RENAMED, skb->len);
	if (way->port != key.port)
		local_rename(skb, l4, offsetof(struct udphdr, source), key.port, way->port);
	return server;
}

#endif
