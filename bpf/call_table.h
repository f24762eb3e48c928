/* SPDX-License-Identifier: GPL-2.0 */
/*
 * call_table: which dialogs of a group are known on this host, and how far have they come?
 *
 * For groups whose VIPs this host's own server serves. What clients send makes entries in st_young alone, which a flood
 * may fill; what the own server sends is believed: it moves them to st_dialog, and ends them.
 * Known means begun here at the term that the entry names: whoever takes the role begins with none.
 * Time:    boot clock in seconds.
 * Source:  RFC 3261 §12, §15, RFC 6665 §4.4.1; design §4.7.
 */
#ifndef CALL_TABLE_H
#define CALL_TABLE_H

#include "begins.h"
#include "gate.h"
#include "maps_tc.h"
#include "sip.h"

#define CALL_S	1000000000ULL

/* A message of a group's, on its way in or out. */
struct call {
	__u64 now;
	__u32 group;
	__u32 term;	/* at which this host serves what it now begins; of two servers here: the turn */
	__u8 host;	/* whose they are; of two servers here: which one's */
	__u8 drained;	/* of two servers here the one that is being drained; 0: none */
	bool out;
	bool keeps;	/* this host is drained: it begins nothing */
	bool notes_all;	/* others are being sent back: every request that leaves is noted, for its answers */
};

/* Whose Call-IDs they are, and hashed with which key. False: a map of ours is unfilled. */
static __always_inline bool call_key(__u32 group, struct sip_msg *m)
{
	struct bt_steer *steer;
	__u32 zero = 0;

	steer = bpf_map_lookup_elem(&cfg_steer, &zero);
	if (!steer)
		return false;
	m->key[0] = steer->key[0];
	m->key[1] = steer->key[1];
	m->salt = BT_OWNER_GROUP | group;
	return true;
}

static __always_inline bool call_is_told(const struct sip_msg *m)
{
	return (m->flags & (SIP_F_SIP | SIP_F_CALL_ID | SIP_F_UNSURE)) == (SIP_F_SIP | SIP_F_CALL_ID);
}

/* Is it of something that began before it? */
static __always_inline bool call_goes_on(const struct sip_msg *m)
{
	return m->status || m->flags & SIP_F_TO_TAG || m->method == BT_M_CANCEL || m->method == BT_M_ACK;
}

static __always_inline struct bt_dialog *call_known(__u64 key)
{
	struct bt_dialog *d = bpf_map_lookup_elem(&st_dialog, &key);

	return d ? d : bpf_map_lookup_elem(&st_young, &key);
}

/* Begun here, by this very holding of the role? */
static __always_inline bool call_is_of(const struct bt_dialog *d, __u32 term, __u8 host)
{
	return d && d->epoch == term && d->server == host;
}

static __always_inline bool call_is_final(const struct sip_msg *m, __u8 method)
{
	return m->status >= 200 && m->flags & SIP_F_CSEQ && m->cseq_method == method;
}

static __always_inline bool call_is_ok(const struct sip_msg *m)
{
	return m->status >= 200 && m->status < 300 && m->flags & SIP_F_CSEQ &&
	       (m->cseq_method == BT_M_INVITE || m->cseq_method == BT_M_SUBSCRIBE || m->cseq_method == BT_M_REFER);
}

/* There is no such dialog (RFC 3261 §12.2.2). Of a CANCEL or a PRACK it says that there is no such transaction. */
static __always_inline bool call_is_none(const struct sip_msg *m)
{
	return m->status == 481 && m->flags & SIP_F_CSEQ && m->cseq_method != BT_M_CANCEL && m->cseq_method != BT_M_PRACK;
}

/* How far is it with this message? What our server has ended no client brings back to life. */
static __always_inline __u8 call_state(const struct bt_dialog *d, const struct sip_msg *m, bool out)
{
	bool tagged = m->flags & SIP_F_TO_TAG;

	if (call_is_ok(m) && (out || d->state != BT_D_OVER))
		return BT_D_CONFIRMED;
	if (out && call_is_none(m))
		return BT_D_OVER;
	if (call_is_final(m, BT_M_INVITE) && d->state < BT_D_CONFIRMED)
		return BT_D_OVER;
	if (m->status > 100 && m->status < 200 && d->state == BT_D_NEW)
		return BT_D_EARLY;
	if (!m->status && m->method == BT_M_INVITE && !tagged && d->state == BT_D_OVER)
		return BT_D_NEW;		/* once more, with credentials */
	if (!out)
		return d->state;
	if (!m->status && m->method == BT_M_BYE)
		return BT_D_ENDING;
	if (call_is_final(m, BT_M_BYE) && m->status != 401 && m->status != 407)
		return BT_D_ENDING;
	if (!m->status && tagged && m->method != BT_M_ACK)
		return BT_D_CONFIRMED;		/* our server goes on with it */
	return d->state;
}

/* An entry is made, or one of an earlier holding (@d) made anew. */
static __always_inline void call_make(__u64 key, struct bt_dialog *d, const struct call *c, __u8 kind, __u8 state)
{
	struct bt_dialog fresh = {
		.epoch = c->term, .owner = BT_OWNER_GROUP | c->group, .server = c->host, .kind = kind, .state = state,
		.first_s = c->now / CALL_S,
	};

	fresh.last_s = fresh.first_s;
	if (d)
		*d = fresh;
	else
		bpf_map_update_elem(&st_young, &key, &fresh, BPF_ANY);
}

/* Does our own server say that there is a dialog? What it refuses, and what it does not know, is none. */
static __always_inline bool call_affirms(const struct sip_msg *m)
{
	return !m->status || (m->status >= 200 && m->status < 300);
}

/* It does: then a flood of what begins does not evict it. */
static __always_inline void call_settle(__u64 key)
{
	struct bt_dialog *young = bpf_map_lookup_elem(&st_young, &key), d;

	if (!young || young->kind == BT_D_NONE || young->state < BT_D_CONFIRMED || young->state == BT_D_OVER)
		return;
	d = *young;
	if (!bpf_map_update_elem(&st_dialog, &key, &d, BPF_ANY))
		bpf_map_delete_elem(&st_young, &key);
}

/* What it is, of a dialog that we have not seen begin: NOTIFY and SUBSCRIBE are of subscriptions. */
static __always_inline __u8 call_kind_of(const struct sip_msg *m)
{
	__u8 method = m->status ? m->cseq_method : m->method;

	return method == BT_M_NOTIFY || method == BT_M_SUBSCRIBE || method == BT_M_REFER ? BT_D_SUBSCRIPTION : BT_D_CALL;
}

/* Begins something, or is of something whose beginning was not seen? */
static __always_inline void call_first(const struct sip_msg *m, struct bt_dialog *d, const struct call *c)
{
	__u8 kind = begins_what(m);

	if (kind != BT_D_NONE)
		call_make(m->call_id, d, c, kind, BT_D_NEW);
	else if (!m->status && m->flags & SIP_F_TO_TAG && m->method != BT_M_ACK && m->method != BT_M_BYE)
		call_make(m->call_id, d, c, call_kind_of(m), BT_D_CONFIRMED);
	else if (c->out && c->notes_all && !m->status)
		call_make(m->call_id, d, c, BT_D_NONE, BT_D_NEW);
}

/* It passed: note what it says of its dialog. */
static __always_inline void call_note(const struct sip_msg *m, const struct call *c)
{
	struct bt_dialog *d = call_known(m->call_id);

	if (!d || (!c->keeps && !call_is_of(d, c->term, c->host))) {
		call_first(m, d, c);
	} else {
		d->state = call_state(d, m, c->out);
		d->last_s = c->now / CALL_S;
	}
	if (c->out && call_affirms(m))
		call_settle(m->call_id);
}

/* A connection that goes on here, of which this host is being drained. FIN and RST end it. */
static __always_inline void call_note_tcp(__u64 key, const struct call *c, bool ends)
{
	struct bt_dialog *d = call_known(key);

	if (!d) {
		call_make(key, d, c, BT_D_CONNECTION, ends ? BT_D_ENDING : BT_D_CONFIRMED);
		return;
	}
	if (ends)
		d->state = BT_D_ENDING;
	d->last_s = c->now / CALL_S;
}

#endif
