/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event: what should wake the controller? Advisory: when the ring is full an event is lost, and the
 * maps are the truth.
 */
#ifndef EVENT_H
#define EVENT_H

#include "maps.h"

static __always_inline void event_emit(__u32 kind, __u32 group, __u64 now, __u64 from, __u64 to,
				       __u64 arg)
{
	struct bt_event *ev = bpf_ringbuf_reserve(&ev_ring, sizeof(*ev), 0);

	if (!ev)
		return;
	*ev = (struct bt_event){ now, kind, group, from, to, arg };
	bpf_ringbuf_submit(ev, 0);
}

#endif
