/* SPDX-License-Identifier: GPL-2.0 */
/*
 * steer: to which server of a pool does a frame go?
 *
 * Entered by tail call for frames that are for no VIP of a gate, or for a VIP whose gate is open and in whose
 * name pools serve. What is for a service climbs the ladder (ladder.h; TCP: connection.h) and is forwarded
 * (forward.h); what a pool's server sends to others is looked at in server.h. Every frame has one exit, every frame whose
 * server was decided one rung.
 * Cost:    no clock is read and no LRU map written for a datagram of a known dialog.
 * Source:  design §4.7.
 */
#ifndef STEER_H
#define STEER_H

#include "connection.h"
#include "follow.h"
#include "forward.h"
#include "hand.h"
#include "ladder.h"
#include "mark.h"
#include "server.h"
#include "sip_quick.h"
#include "trace.h"

SIP_SCAN(xdp_md)
SIP_QUICK(xdp_md)

#define STEER_WAY	FORWARD_WAY
#define STEER_PASS	STEER_WAY(BT_S_NOT_OURS, XDP_PASS)
#define STEER_DROP(exit) STEER_WAY(exit, XDP_DROP)

/* Ports and payload; false: lengths contradict. A first fragment has what of it fits in. */
static __always_inline bool steer_udp(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	struct udphdr *udp = packet_at(ctx, h->l4, sizeof(*udp));
	__u32 room = h->end - h->l4, len;

	if (!udp || room < sizeof(*udp))
		return false;
	len = h->fragment ? room : bpf_ntohs(udp->len);
	if (len < sizeof(*udp) || len > room)
		return false;
	s->payload = h->l4 + sizeof(*udp);
	s->end = h->l4 + len;
	return true;
}

static __always_inline bool steer_tcp(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	struct tcphdr *tcp = packet_at(ctx, h->l4, sizeof(*tcp));
	__u32 room = h->end - h->l4;

	if (!tcp || room < sizeof(*tcp) || tcp->doff * 4 < sizeof(*tcp) || tcp->doff * 4 > room)
		return false;
	s->tcp_flags = ((__u8 *)tcp)[13] ?: TCP_ACK;
	return true;
}

static __always_inline bool steer_l4(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	return h->proto == IPPROTO_UDP ? steer_udp(ctx, h, s) : steer_tcp(ctx, h, s);
}

static __always_inline void steer_scan(struct xdp_md *ctx, struct steering *s, const struct bt_steer *cfg)
{
	s->m.key[0] = cfg->key[0];
	s->m.key[1] = cfg->key[1];
	s->m.salt = s->pool;
	sip_scan(ctx, s->payload, s->end, &s->m);
}

/* 1, 2: of the pool's own servers the one that sent it. */
static __always_inline __u32 steer_own_server(const struct steering *s, const struct bt_pool *pool)
{
	for (__u32 i = 0; i < BT_SERVERS; i++)
		if (s->from_port == pool->server[i].port && steering_same_ip(s->from, pool->server[i].ip))
			return i + 1;
	return 0;
}

/*
 * A request of a dialog that is known and confirmed needs its method and Call-ID alone, one without a Call-ID nothing more:
 * true, server and rung are written. Else sip_scan() is to look.
 */
static __always_inline bool steer_quick(struct xdp_md *ctx, struct steering *s, struct bt_pool *pool,
					const struct bt_steer *cfg)
{
	__u32 is;

	s->m.key[0] = cfg->key[0];
	s->m.key[1] = cfg->key[1];
	s->m.salt = s->pool;
	is = sip_quick(ctx, s->payload, s->end, &s->m);
	if (is == SIP_QUICK_UNKNOWN || steer_own_server(s, pool))
		return false;
	if (is == SIP_QUICK_FOUND)
		return !(s->m.method == BT_M_INVITE && pool->flags & BT_POOL_KEEP) && ladder_quick(s, pool, cfg->tick_s);
	s->server = s->active;
	s->rung = BT_R_NO_CALL_ID;
	return true;
}

static __always_inline void steer_aim(struct steering *s, struct bt_pool *pool)
{
	__u64 aim = READ_ONCE(pool->aim);

	s->active = BT_AIM_ACTIVE(aim) <= BT_SERVERS ? BT_AIM_ACTIVE(aim) : 0;
	s->reject = BT_AIM_FLAGS(aim) & BT_AIM_REJECT;
	s->draining = BT_AIM_DRAINING(aim) <= BT_SERVERS ? BT_AIM_DRAINING(aim) : 0;
}

/*
 * Sent on by us before: it would go round for ever. So would, by L2 where TTL stays, what a server sends back: its next hop is
 * itself.
 */
static __always_inline bool steer_is_loop(struct xdp_md *ctx, struct bt_pool *pool)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u64 from = eth ? mark_read(eth->h_source) : 0;

	if (!from)
		return false;
	if (from == mark_read(pool->server[0].our_mac) || from == mark_read(pool->server[1].our_mac))
		return true;
	return pool->forward == BT_FWD_L2 &&
	       (from == mark_read(pool->server[0].next_mac) || from == mark_read(pool->server[1].next_mac));
}

/* A request of another pool's server to this pool's service shows who is active there. */
static __always_inline void steer_witness(struct xdp_md *ctx, const struct headers *h, const struct steering *s)
{
	struct bt_service *from;

	if (s->rung == BT_R_DIALOG || !server_shows(s))
		return;
	from = service_at(s->from, s->from_port, h->kind == FRAME_IP4);
	if (from && from->server)
		server_seen(ctx, from->pool, from->server);
}

static __always_inline int steer_hand(struct xdp_md *ctx, const struct headers *h, const struct steering *s,
				      __u32 kind, __u32 exit)
{
	return STEER_DROP(hand_frame(ctx, h, s, kind) ? BT_S_SLOW_FULL : exit);
}

/*
 * A server's request to its own service: where its URI says, userspace finds out. Its dialog is noted: what the callee
 * sends in it comes to the service.
 */
static __always_inline int steer_own(struct xdp_md *ctx, const struct headers *h, struct steering *s,
				     const struct bt_pool *pool, __u32 tick)
{
	s->server = steer_own_server(s, pool);
	if (server_shows(s))
		server_seen(ctx, s->pool, s->server);
	if (steering_has_call_id(s))
		server_dialog(s, pool, tick, false);
	return steer_hand(ctx, h, s, BT_SLOW_FROM_SERVER, BT_S_FROM_SERVER);
}

/* An INVITE that begins a call which is known: the answer may lead it elsewhere. */
static __always_inline bool steer_is_kept(const struct steering *s)
{
	return begins_what(&s->m) == BT_D_CALL &&
	       (s->rung == BT_R_NEW || s->rung == BT_R_DIALOG || s->rung == BT_R_STALE);
}

/* Its server is decided. @quick: its pool, if it was looked at for loops. */
static __always_inline int steer_send(struct xdp_md *ctx, struct headers *h, struct steering *s,
				      struct bt_pool_count *count, struct bt_pool *quick)
{
	__u32 rung = s->rung, i;
	int way = -1;

	barrier_var(rung);	/* 6.1 knows no bound of a copy */
	if (rung < BT_R__N)
		count->rung[rung]++;
	if (!s->server)
		return STEER_DROP(BT_S_NO_SERVER);
	if (h->fragment && !h->later)
		follow_note(ctx, h, s, 0);
	if (quick)
		way = forward_at_once(ctx, quick, pool_server(quick, s->server));
	if (way < 0)
		way = forward_to(ctx, h, s->pool, s->server);
	if ((way & 0xff) == BT_S_SENT) {
		i = s->server == 2;
		count->packets[i]++;
		count->bytes[i] += h->len;
	}
	return way;
}

static __always_inline int steer_climb(struct xdp_md *ctx, struct headers *h, struct steering *s,
				       struct bt_pool *pool, const struct bt_steer *cfg)
{
	struct bt_pool_count *count = bpf_map_lookup_elem(&st_pool, &s->pool);

	if (!count)
		return STEER_DROP(BT_S_BROKEN);
	if (steer_is_loop(ctx, pool))
		return STEER_DROP(BT_S_LOOP);
	if (!steer_l4(ctx, h, s))
		return STEER_DROP(BT_S_MALFORMED);
	steer_aim(s, pool);
	if (s->tcp_flags) {
		connection_ladder(s);
		return steer_send(ctx, h, s, count, pool);
	}
	if (steer_quick(ctx, s, pool, cfg))
		return steer_send(ctx, h, s, count, pool);
	steer_scan(ctx, s, cfg);
	if (steering_is_request(s) && steer_own_server(s, pool))
		return steer_own(ctx, h, s, pool, cfg->tick_s);
	ladder_climb(s, pool, cfg->tick_s);
	if (s->refused)
		return steer_hand(ctx, h, s, BT_SLOW_REJECT, BT_S_HANDED_REJECT);
	steer_witness(ctx, h, s);
	if (pool->flags & BT_POOL_KEEP && steer_is_kept(s))
		hand_frame(ctx, h, s, BT_SLOW_KEEP);
	return steer_send(ctx, h, s, count, pool);
}

/* For the service of @s->pool. */
static __always_inline int steer_to(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_pool *pool = pool_of(s->pool);

	if (!cfg || !pool)
		return STEER_DROP(BT_S_BROKEN);
	return steer_climb(ctx, h, s, pool, cfg);
}

/* A frame of a NAT pool's server, to a client. */
static __always_inline int steer_back(struct xdp_md *ctx, struct headers *h, const struct steering *s)
{
	struct bt_pool_count *count = bpf_map_lookup_elem(&st_pool, &s->pool);
	int way;

	if (!count)
		return STEER_DROP(BT_S_BROKEN);
	way = forward_back(ctx, h, s->pool, s->server);
	if ((way & 0xff) == BT_S_BACK || (way & 0xff) == BT_S_BACK_PASSED)
		count->back++;
	return way;
}

/* From a server of a pool. */
static __always_inline int steer_from(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	int way;

	if (!cfg)
		return STEER_DROP(BT_S_BROKEN);
	if (!steer_l4(ctx, h, s))
		return STEER_PASS;
	if (!s->tcp_flags)
		steer_scan(ctx, s, cfg);
	way = server_in(ctx, h, s);
	return way < 0 ? steer_back(ctx, h, s) : way;
}

/* A later fragment: as its first; if that was not seen, to the active server of the pool at this address. */
static __always_inline int steer_later(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	int follows = follow_find(ctx, h, s);
	struct bt_pool_count *count;
	struct bt_service *service;
	struct bt_pool *pool;

	if (follows == 2)
		return steer_back(ctx, h, s);
	s->rung = BT_R_FRAGMENT;
	if (!follows) {
		service = service_at(s->to, 0, h->kind == FRAME_IP4);
		if (!service || service->server)
			return STEER_PASS;
		s->pool = service->pool;
		s->rung = BT_R_FRAGMENT_LOST;
	}
	pool = pool_of(s->pool);
	count = bpf_map_lookup_elem(&st_pool, &s->pool);
	if (!pool || !count)
		return STEER_DROP(BT_S_BROKEN);
	if (steer_is_loop(ctx, pool))
		return STEER_DROP(BT_S_LOOP);
	if (!follows) {
		steer_aim(s, pool);
		s->server = s->active;
	}
	return steer_send(ctx, h, s, count, NULL);
}

static __always_inline bool steer_has_ports(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	__be16 *ports = packet_at(ctx, h->l4, 2 * sizeof(*ports));

	if (!ports || (h->proto != IPPROTO_UDP && h->proto != IPPROTO_TCP))
		return false;
	s->from_port = ports[0];
	s->to_port = ports[1];
	return true;
}

/*
 * Does an ICMP error tell of a packet that left in a service's name? It is taken as a frame of whom the packet went to. 1,
 * with the pool; 0: it does not.
 */
__noinline int steer_icmp_about(struct xdp_md *ctx, const struct headers *h, struct steering *s)
{
	struct bt_service *service;
	__u64 to[2], quoted[2];
	struct frame about;
	__be16 *ports;

	if (!h || !s || !icmp_about(ctx, h, &about))
		return 0;
	__builtin_memcpy(to, s->to, 16);
	ports = packet_at(ctx, about.h.l4, 2 * sizeof(*ports));
	if (!ports || !packet_addresses(ctx, &about.h, s->to, s->from))
		return 0;
	s->to_port = ports[0];
	s->from_port = ports[1];
	__builtin_memcpy(quoted, s->to, 16);
	if (to[0] != quoted[0] || to[1] != quoted[1])
		return 0;
	s->tcp_flags = about.h.proto == IPPROTO_TCP ? TCP_ACK : 0;
	service = service_at(s->to, s->to_port, h->kind == FRAME_IP4);
	if (!service || service->server)
		return 0;
	s->pool = service->pool;
	return 1;
}

/* The server that has the connection; of UDP most likely the active one. 0: there is none. */
__noinline int steer_icmp_server(const struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_dialog *d = NULL;
	struct bt_pool *pool;
	bool young;

	if (!s || !cfg)
		return 0;
	pool = pool_of(s->pool);
	if (!pool)
		return 0;
	if (s->tcp_flags)
		d = dialog_find(connection_key(s, cfg), &young);
	if (d && dialog_is_current(d, pool))
		return READ_ONCE(d->server) == 2 ? 2 : 1;
	return s->active ?: s->draining;
}

/* An ICMP error about what a server sent in the service's name: to that server. */
static __always_inline int steer_icmp(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	struct bt_pool_count *count;
	struct bt_pool *pool;

	if (!steer_icmp_about(ctx, h, s))
		return STEER_PASS;
	pool = pool_of(s->pool);
	count = bpf_map_lookup_elem(&st_pool, &s->pool);
	if (!pool || !count)
		return STEER_DROP(BT_S_BROKEN);
	if (steer_is_loop(ctx, pool))
		return STEER_DROP(BT_S_LOOP);
	s->rung = BT_R_ICMP;
	steer_aim(s, pool);
	s->server = steer_icmp_server(s);
	if (s->server && forward_icmp(ctx, h, s->pool, s->server))
		return STEER_DROP(BT_S_MALFORMED);
	return steer_send(ctx, h, s, count, NULL);
}

/* Is it for the first service of the pool that this CPU met last? 20 ns less than asking the hash. */
static __always_inline bool steer_is_last(struct steering *s)
{
	__u32 zero = 0, *last = bpf_map_lookup_elem(&st_last, &zero);
	struct bt_pool *pool = last ? pool_of(*last) : NULL;

	if (!pool || s->to_port != pool->port || !steering_same_ip(s->to, pool->service))
		return false;
	s->pool = *last;
	return true;
}

static __always_inline void steer_is_this(struct steering *s, __u32 pool)
{
	__u32 zero = 0, *last = bpf_map_lookup_elem(&st_last, &zero);

	s->pool = pool;
	if (last)
		*last = pool;
}

/* The way out: exit | verdict << 8. */
static __always_inline int steer_way(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	bool ip4 = h->kind == FRAME_IP4;
	struct bt_service *service;

	if ((!ip4 && h->kind != FRAME_IP6) || h->broken || h->deep || !packet_addresses(ctx, h, s->from, s->to))
		return STEER_PASS;
	if (h->later)
		return steer_later(ctx, h, s);
	if (!steer_has_ports(ctx, h, s))
		return steer_icmp(ctx, h, s);
	if (steer_is_last(s))
		return steer_to(ctx, h, s);
	service = service_at(s->to, s->to_port, ip4);
	if (service && !service->server) {
		steer_is_this(s, service->pool);
		return steer_to(ctx, h, s);
	}
	if (!service)
		service = service_at(s->from, s->from_port, ip4);
	if (!service || !service->server)
		return STEER_PASS;
	s->pool = service->pool;
	s->server = service->server;
	return steer_from(ctx, h, s);
}

static __always_inline void steer_trace(const struct headers *h, const struct steering *s, int way)
{
	struct bt_steer *cfg = steer_config();
	struct bt_pool_count *count;

	if (!cfg || !cfg->trace_every || !s->pool)
		return;
	count = bpf_map_lookup_elem(&st_pool, &s->pool);
	if (count && trace_is_due(count, cfg->trace_every))
		trace_emit(s, way & 0xff, h->proto, h->len);
}

/* The whole stage, after BT_X_STEERED was counted. Returns the verdict. */
static __always_inline int steer_in(struct xdp_md *ctx, struct headers *h)
{
	struct steering s = { .rung = BT_R__N };
	int way = steer_way(ctx, h, &s);

	count_exit(&st_steer, way & 0xff, h->len);
	steer_trace(h, &s, way);
	return way >> 8;
}

#endif
