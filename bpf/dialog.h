/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dialog: which server knows this dialog or connection, and how far has it come?
 *
 * An entry is made in st_young when something begins, and moves to st_dialog with the first message of a client that is in
 * the dialog: a flood of requests that begin one fills st_young alone. A brake for each pool and CPU holds both.
 * Cost:    these are LRU maps: only making and moving writes to them, what is known is changed in place, and
 *          only where it changes.
 * Time:    ticks (bt_steer.tick_s).
 * Source:  RFC 3261 §12, §13, §15; RFC 6665 (SUBSCRIBE), RFC 3515 (REFER).
 */
#ifndef DIALOG_H
#define DIALOG_H

#include "begins.h"
#include "steering.h"

/* NULL: not known. */
static __always_inline struct bt_dialog *dialog_find(__u64 key, bool *ret_young)
{
	struct bt_dialog *d = bpf_map_lookup_elem(&st_dialog, &key);

	*ret_young = !d;
	return d ?: bpf_map_lookup_elem(&st_young, &key);
}

/* Does its server still live the life in which it took it? */
static __always_inline bool dialog_is_current(const struct bt_dialog *d, struct bt_pool *pool)
{
	return READ_ONCE(d->epoch) == READ_ONCE(pool_server(pool, READ_ONCE(d->server))->epoch);
}

/* Its server died: another one has it now. The server first: the old one's new life must not be read as this one's. */
static __always_inline void dialog_give(struct bt_dialog *d, struct bt_pool *pool, __u32 server)
{
	WRITE_ONCE(d->server, server);
	WRITE_ONCE(d->epoch, READ_ONCE(pool_server(pool, server)->epoch));
}

/* The method of the transaction. */
static __always_inline __u32 dialog_method(const struct sip_msg *m)
{
	if (!m->status)
		return m->method;
	return m->flags & SIP_F_CSEQ ? m->cseq_method : BT_M_OTHER;
}

/* Does a tag in To say that there is a dialog? Answers to these have one, too. */
static __always_inline bool dialog_is_inside(const struct sip_msg *m)
{
	__u32 method = dialog_method(m);

	if (!(m->flags & SIP_F_TO_TAG))
		return false;
	return !m->status || (method != BT_M_OPTIONS && method != BT_M_REGISTER && method != BT_M_MESSAGE &&
			      method != BT_M_PUBLISH);
}

/* A subscription is over by time alone: what ends it is not in what is read here. */
static __always_inline __u32 dialog_after_request(__u32 state, const struct sip_msg *m)
{
	__u32 method = m->method;

	if (method == BT_M_BYE)
		return BT_D_ENDING;
	if (method == BT_M_CANCEL)
		return state < BT_D_CONFIRMED ? BT_D_ENDING : state;
	if (!(m->flags & SIP_F_TO_TAG))	/* anew, with credentials */
		return method == BT_M_INVITE && state != BT_D_CONFIRMED ? BT_D_NEW : state;
	if (method == BT_M_INVITE)
		return BT_D_CONFIRMED;
	if (state >= BT_D_CONFIRMED)
		return state;
	return method == BT_M_PRACK || method == BT_M_UPDATE ? BT_D_EARLY : BT_D_CONFIRMED;
}

static __always_inline __u32 dialog_after_answer(__u32 state, const struct sip_msg *m)
{
	__u32 method = dialog_method(m);

	if (method == BT_M_BYE)
		return m->status >= 200 ? BT_D_OVER : state;
	if (method != BT_M_INVITE && method != BT_M_SUBSCRIBE && method != BT_M_REFER)
		return state;
	if (m->status > 100 && m->status < 200)
		return state == BT_D_NEW ? BT_D_EARLY : state;
	if (m->status < 300)
		return state < BT_D_CONFIRMED && m->status >= 200 ? BT_D_CONFIRMED : state;
	return state == BT_D_CONFIRMED ? state : BT_D_OVER;
}

/* A message of it was seen. */
static __always_inline void dialog_seen(struct bt_dialog *d, const struct sip_msg *m, __u32 tick)
{
	__u32 state = d->state, next;

	next = m->status ? dialog_after_answer(state, m) : dialog_after_request(state, m);
	if (next != state)
		d->state = next;
	if (d->last_s != tick)
		d->last_s = tick;
}

/* May this CPU make (or, @moved, move) one more of this pool's in this tick? */
static __always_inline bool dialog_brake(__u32 pool, bool moved)
{
	struct bt_pool_count *count = bpf_map_lookup_elem(&st_pool, &pool);
	struct bt_steer *cfg = steer_config();
	__u32 *n;

	if (!count || !cfg)
		return false;
	if (count->new_tick != cfg->tick_s) {
		count->new_tick = cfg->tick_s;
		count->new_made = count->new_moved = 0;
	}
	n = moved ? &count->new_moved : &count->new_made;
	if (*n >= cfg->new_max)
		return false;
	++*n;
	return true;
}

/* Note that @s->key is with @s->server from now on. 1; 0: it was not noted. */
__noinline int dialog_make(const struct steering *s)
{
	struct bt_steer *cfg = steer_config();
	struct bt_pool *pool;
	struct bt_dialog d;
	__u64 key;

	if (!s || !cfg)
		return 0;
	key = s->key;		/* 6.1 wants a key on the stack */
	pool = pool_of(s->pool);
	if (!pool || !s->server || !dialog_brake(s->pool, false))
		return 0;
	d = (struct bt_dialog){
		.epoch = READ_ONCE(pool_server(pool, s->server)->epoch), .owner = s->pool, .server = s->server,
		.kind = s->kind, .state = s->state, .first_s = cfg->tick_s, .last_s = cfg->tick_s,
	};
	return !bpf_map_update_elem(&st_young, &key, &d, BPF_ANY);
}

/* It has shown that it is more than a beginning. 0. */
__noinline int dialog_move(__u64 key, __u32 pool)
{
	struct bt_dialog *young = bpf_map_lookup_elem(&st_young, &key);
	struct bt_dialog d;

	if (!young || !dialog_brake(pool, true))
		return 0;
	d = *young;
	if (!bpf_map_update_elem(&st_dialog, &key, &d, BPF_ANY))
		bpf_map_delete_elem(&st_young, &key);
	return 0;
}

#endif
