/* SPDX-License-Identifier: GPL-2.0 */
/*
 * connection: which server has this TCP connection? TLS and WebSockets are TCP here.
 *
 * A segment says nothing of dialogs: messages begin and end anywhere. So a connection stays with the server that
 * its SYN went to; one that is not known is taken for one of before a restart of this node.
 * Source:  RFC 9293 §3.10.7.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "dialog.h"
#include "siphash.h"

#define TCP_FIN	0x01
#define TCP_SYN	0x02
#define TCP_RST	0x04
#define TCP_ACK	0x10

/* SipHash of pool, addresses and ports, as the client's frames have them. */
static __always_inline __u64 connection_key(const struct steering *s, const struct bt_steer *cfg)
{
	struct siphash hash = siphash_begin(cfg->key[0], cfg->key[1]);
	__u64 word[4];

	__builtin_memcpy(word, s->from, 16);
	__builtin_memcpy(word + 2, s->to, 16);
	for (int i = 0; i < 4; i++)
		siphash_word(&hash, word[i]);
	return siphash_end(&hash, (__u64)s->pool << 32 | (__u32)s->from_port << 16 | s->to_port, 39);
}

static __always_inline bool connection_begins(const struct steering *s)
{
	return (s->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline bool connection_ends(const struct steering *s)
{
	return s->tcp_flags & (TCP_FIN | TCP_RST);
}

/* The same addresses and ports once more, not its own SYN a second time. */
static __always_inline bool connection_is_another(const struct steering *s, const struct bt_dialog *d)
{
	return connection_begins(s) && d->state != BT_D_NEW;
}

static __always_inline void connection_known(struct steering *s, struct bt_dialog *d, struct bt_pool *pool,
					     __u32 tick, bool young)
{
	s->rung = BT_R_CONNECTION;
	if (connection_is_another(s, d)) {
		s->rung = BT_R_NEW;
		d->state = BT_D_NEW;
		d->first_s = tick;
		if (s->active)
			dialog_give(d, pool, s->active);
	} else if (!dialog_is_current(d, pool)) {
		s->rung = BT_R_STALE;
		if (s->active)
			dialog_give(d, pool, s->active);
	} else {
		s->server = READ_ONCE(d->server) == 2 ? 2 : 1;
	}
	if (connection_ends(s))
		d->state = BT_D_OVER;
	else if (!connection_begins(s) && d->state == BT_D_NEW)
		d->state = BT_D_CONFIRMED;
	if (d->last_s != tick)
		d->last_s = tick;
	if (young && d->state == BT_D_CONFIRMED)
		dialog_move(s->key, s->pool);
}

static __always_inline void connection_new(struct steering *s)
{
	s->rung = s->draining ? BT_R_CONN_OLD : BT_R_CONN_UNKNOWN;
	s->kind = BT_D_CONNECTION;
	s->state = BT_D_CONFIRMED;
	if (connection_begins(s)) {
		s->rung = BT_R_NEW;
		s->state = BT_D_NEW;
	} else if (s->draining) {
		s->server = s->draining;
	}
	if (!connection_ends(s) && !dialog_make(s) && s->rung == BT_R_NEW)
		s->rung = BT_R_NEW_BRAKED;
}

/* Fills rung and server. 0. */
__noinline int connection_ladder(struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_dialog *d;
	struct bt_pool *pool;
	bool young;

	if (!s || !cfg)
		return 0;
	pool = pool_of(s->pool);
	if (!pool)
		return 0;
	s->key = connection_key(s, cfg);
	s->server = s->active;
	d = dialog_find(s->key, &young);
	if (d)
		connection_known(s, d, pool, cfg->tick_s, young);
	else
		connection_new(s);
	return 0;
}

#endif
