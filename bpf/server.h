/* SPDX-License-Identifier: GPL-2.0 */
/*
 * server: what does a frame that a pool's own server sent show, and where does it go?
 *
 * Whoever sends requests that begin something is the active server (the guide). Requests within a dialog show nothing: a
 * server that drains sends them too. With NAT all that servers send passes here, so dialogs that they begin are noted, and
 * their answers tell how far a dialog has come. With L2 and IPIP it does not pass.
 * Time:    boot clock, read only here.
 * Source:  the guide, SIP Proxy-based HA Workflow; design §4.7.
 */
#ifndef SERVER_H
#define SERVER_H

#include "connection.h"
#include "follow.h"
#include "forward.h"
#include "hand.h"
#include "ladder.h"
#include "mark.h"

#define SERVER_SEEN_NS	1000000ULL

static __always_inline bool server_shows(const struct steering *s)
{
	return steering_is_request(s) && !(s->m.flags & SIP_F_TO_TAG);
}

/* Anybody can write a server's IP address, but only who is on the way to it its Ethernet address. */
static __always_inline bool server_sent(struct xdp_md *ctx, __u32 slot, __u32 server)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	struct bt_pool *pool = pool_of(slot);

	return eth && pool && mark_read(eth->h_source) == mark_read(pool_server(pool, server)->next_mac);
}

/* A request came from it. At most once a millisecond. 0. */
__noinline int server_seen(struct xdp_md *ctx, __u32 pool, __u32 server)
{
	struct bt_pool_seen *seen = bpf_map_lookup_elem(&st_pool_seen, &pool);
	__u64 now, *at;

	if (!seen || !server || !server_sent(ctx, pool, server))
		return 0;
	at = server == 2 ? &seen->request_ns[1] : &seen->request_ns[0];
	now = bpf_ktime_get_boot_ns();
	if ((__s64)(now - READ_ONCE(*at)) >= (__s64)SERVER_SEEN_NS)
		WRITE_ONCE(*at, now);
	return 0;
}

/* A final answer to the INVITE that began the call, of those that lead it elsewhere? */
static __always_inline bool server_overflows(const struct steering *s, const struct bt_dialog *d, const struct bt_pool *pool)
{
	__u32 bit = s->m.status - 300, i = bit >> 6;

	barrier_var(i);		/* 6.1 knows no bound of a copy */
	if (i >= sizeof(pool->overflow) / sizeof(pool->overflow[0]) || dialog_method(&s->m) != BT_M_INVITE)
		return false;
	return d->state < BT_D_CONFIRMED && d->kind == BT_D_CALL && (pool->overflow[i] >> (bit & 63) & 1);
}

/* A server's message, of a dialog that is known or begins here; @whole: in this frame. True: it must not reach the client. */
static __always_inline bool server_dialog(struct steering *s, const struct bt_pool *pool, __u32 tick, bool whole)
{
	struct bt_dialog *d;
	bool young;

	s->key = s->m.call_id;
	d = dialog_find(s->key, &young);
	if (d && whole && server_overflows(s, d, pool))
		return true;
	if (d) {
		dialog_seen(d, &s->m, tick);
		return false;
	}
	s->kind = begins_what(&s->m);
	s->state = BT_D_NEW;
	if (s->kind)
		dialog_make(s);
	return false;
}

/* NAT: a server ends a connection of a client's with the service. */
static __always_inline void server_connection(const struct steering *s, const struct bt_pool *pool,
					      const struct bt_steer *cfg)
{
	struct steering client = { .pool = s->pool, .from_port = s->to_port, .to_port = pool->port };
	struct bt_dialog *d;
	bool young;

	if (!connection_ends(s))
		return;
	__builtin_memcpy(client.from, s->to, 16);
	__builtin_memcpy(client.to, pool->service, 16);
	d = dialog_find(connection_key(&client, cfg), &young);
	if (d)
		d->state = BT_D_OVER;
}

/* Userspace can read no other one. */
static __always_inline bool server_is_whole(const struct headers *h)
{
	return !h->fragment && h->len <= BT_SLOW_FRAME;
}

/* Full: dropped too, the server sends it again until it gets an ACK. */
static __always_inline int server_overflow(struct xdp_md *ctx, struct headers *h, const struct steering *s)
{
	__u32 exit = hand_frame(ctx, h, s, BT_SLOW_OVERFLOW) ? BT_S_SLOW_FULL : BT_S_HANDED_OVERFLOW;

	return FORWARD_WAY(exit, XDP_DROP);
}

/* Whose frame is neither for a service nor for a server. -1: it goes back, with forward_back(); else exit | verdict << 8. */
__noinline int server_in(struct xdp_md *ctx, struct headers *h, struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_pool *pool;

	if (!h || !s || !cfg)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	pool = pool_of(s->pool);
	if (!pool)
		return FORWARD_WAY(BT_S_BROKEN, XDP_DROP);
	if (server_shows(s))
		server_seen(ctx, s->pool, s->server);
	if (pool->forward != BT_FWD_NAT)
		return FORWARD_WAY(BT_S_NOT_OURS, XDP_PASS);
	if (s->tcp_flags)
		server_connection(s, pool, cfg);
	else if (steering_has_call_id(s) && server_dialog(s, pool, cfg->tick_s, server_is_whole(h)))
		return server_overflow(ctx, h, s);
	if (h->fragment)
		follow_note(ctx, h, s, 1);
	return -1;
}

#endif
