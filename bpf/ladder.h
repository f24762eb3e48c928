/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ladder: which server of the pool gets this datagram, and why that one?
 *
 * The rungs are enum bt_rung, first that fits. What is in a dialog that is not known is noted too, so that
 * it stays where it was sent: calls that a server began are seen here only then.
 * Source:  design §4.7.
 */
#ifndef LADDER_H
#define LADDER_H

#include "dialog.h"

/* May a message of a client move its entry? Not the ACK to what refused or cancelled the beginning. */
static __always_inline bool ladder_moves(const struct steering *s, const struct bt_dialog *d)
{
	if (!dialog_is_inside(&s->m) || d->state == BT_D_OVER)
		return false;
	return d->state != BT_D_ENDING || dialog_method(&s->m) == BT_M_BYE;
}

static __always_inline void ladder_known(struct steering *s, struct bt_dialog *d, struct bt_pool *pool,
					 __u32 tick, bool young)
{
	__u32 server = READ_ONCE(d->server) == 2 ? 2 : 1;

	if (READ_ONCE(d->epoch) == READ_ONCE(pool_server(pool, server)->epoch)) {
		s->rung = BT_R_DIALOG;
		s->server = server;
	} else {
		s->rung = BT_R_STALE;
		if (s->active)
			dialog_give(d, pool, s->active);
	}
	dialog_seen(d, &s->m, tick);
	if (young && ladder_moves(s, d))
		dialog_move(s->key, s->pool);
}

/*
 * By a request's method and Call-ID alone. False: the whole message is to be looked at. Where the dialog is confirmed nothing but
 * its end changes it, so neither To nor what comes behind matters.
 */
static __always_inline bool ladder_quick(struct steering *s, struct bt_pool *pool, __u32 tick)
{
	__u64 key = s->m.call_id;
	struct bt_dialog *d = bpf_map_lookup_elem(&st_dialog, &key);

	if (!d || d->state != BT_D_CONFIRMED || !dialog_is_current(d, pool))
		return false;
	s->key = key;
	s->server = READ_ONCE(d->server) == 2 ? 2 : 1;
	s->rung = BT_R_DIALOG;
	dialog_seen(d, &s->m, tick);
	return true;
}

/* The kind of dialog that a message in one, whose beginning was not seen, belongs to. */
static __always_inline __u32 ladder_kind(const struct sip_msg *m)
{
	__u32 method = dialog_method(m);

	return method == BT_M_SUBSCRIBE || method == BT_M_NOTIFY || method == BT_M_REFER ?
	       BT_D_SUBSCRIPTION : BT_D_CALL;
}

/* In a dialog that is not known. One that ends, or was refused, need not be noted. */
static __always_inline void ladder_tagged(struct steering *s)
{
	__u32 method = dialog_method(&s->m);

	s->rung = s->draining ? BT_R_TAGGED_OLD : BT_R_TAGGED;
	s->server = s->draining ?: s->active;
	if (method == BT_M_BYE || method == BT_M_ACK || method == BT_M_CANCEL || s->m.status >= 300)
		return;
	s->kind = ladder_kind(&s->m);
	s->state = s->m.status && s->m.status < 200 ? BT_D_EARLY : BT_D_CONFIRMED;
	dialog_make(s);
}

static __always_inline void ladder_unknown(struct steering *s)
{
	s->kind = begins_what(&s->m);
	if (s->kind == BT_D_CALL && s->reject) {
		s->refused = true;
	} else if (s->kind) {
		s->state = BT_D_NEW;
		s->rung = dialog_make(s) ? BT_R_NEW : BT_R_NEW_BRAKED;
	} else if (dialog_is_inside(&s->m)) {
		ladder_tagged(s);
	} else {
		s->rung = BT_R_OUTSIDE;
	}
}

/* Fills rung, server and, where there is a Call-ID, key. */
static __always_inline void ladder_climb(struct steering *s, struct bt_pool *pool, __u32 tick)
{
	struct bt_dialog *d;
	bool young;

	s->server = s->active;
	s->rung = s->m.flags & SIP_F_KEEPALIVE ? BT_R_KEEPALIVE : BT_R_NOT_SIP;
	if (!steering_is_sip(s))
		return;
	s->rung = BT_R_NO_CALL_ID;
	if (!steering_has_call_id(s))
		return;
	s->key = s->m.call_id;
	d = dialog_find(s->key, &young);
	if (d)
		ladder_known(s, d, pool, tick, young);
	else
		ladder_unknown(s);
}

#endif
