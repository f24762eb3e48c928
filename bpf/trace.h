/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace: what was decided of this frame, for whoever looks (`baton trace`)?
 *
 * One decision in cfg_steer.trace_every of a pool and CPU. Off, it costs a comparison.
 */
#ifndef TRACE_H
#define TRACE_H

#include "steering.h"

static __always_inline __u32 trace_method(const struct sip_msg *m)
{
	if (!(m->flags & SIP_F_SIP))
		return BT_M__N;
	if (!m->status)
		return m->method;
	return m->flags & SIP_F_CSEQ ? m->cseq_method : BT_M_OTHER;
}

/* Full: lost. 0. */
__noinline int trace_emit(const struct steering *s, __u32 exit, __u32 proto, __u32 len)
{
	struct bt_trace *t;

	if (!s)
		return 0;
	t = bpf_ringbuf_reserve(&ev_trace, sizeof(*t), 0);
	if (!t)
		return 0;
	t->at_ns = bpf_ktime_get_boot_ns();
	t->call_id = s->key;
	t->pool = s->pool;
	t->server = s->server;
	t->proto = proto;
	t->rung = s->rung;
	t->exit = exit;
	t->method = trace_method(&s->m);
	t->zero = 0;
	t->status = s->m.status;
	t->from_port = s->from_port;
	t->to_port = s->to_port;
	t->len = len;
	__builtin_memcpy(t->from, s->from, 16);
	__builtin_memcpy(t->to, s->to, 16);
	bpf_ringbuf_submit(t, 0);
	return 0;
}

/* @every > 0: is this one's turn? */
static __always_inline bool trace_is_due(struct bt_pool_count *count, __u32 every)
{
	if (++count->untraced < every)
		return false;
	count->untraced = 0;
	return true;
}

#endif
