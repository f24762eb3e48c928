/* SPDX-License-Identifier: GPL-2.0 */
/*
 * count: what went which way, and what was it by its first bytes?
 *
 * Two kinds of counters: one per exit of a program (sum of all exits = total, whatever comes), and
 * liveness of each VIP, from the first bytes of the payload alone: exact, case-sensitive, no
 * parsing.
 * Time:    boot clock, read once per VIP frame by the caller.
 * Cost:    per CPU, no atomics; what pulses tell of all CPUs together (st_seen) is written at most
 *          once a millisecond and CPU (accept_ns: once in BT_ACCEPT_LAG_NS), so that it does not
 *          bounce between caches. What is not told yet stands in st_due.
 * Source:  RFC 3261 §7.1, §7.2 (start lines), §18.3 and RFC 5626 §3.5.1 (CRLF keep-alives).
 */
#ifndef COUNT_H
#define COUNT_H

#include "gate.h"
#include "maps_tc.h"
#include "parse.h"
#include "sip_kind.h"
#include "siphash.h"

#define SEEN_EVERY_NS	1000000ULL

static __always_inline void count_exit(void *map, __u32 exit, __u32 bytes)
{
	struct bt_count *c = bpf_map_lookup_elem(map, &exit);

	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
}

/* Nothing at all, or at most two line ends. */
static __always_inline bool sip_is_keepalive(const struct frame *f, const struct frame_payload *p)
{
	__u8 *byte;

	if (p->len > 4)
		return false;
	for (__u32 i = 0; i < 4 && i < p->len; i++) {
		byte = frame_at(f, p->off + i, 1);
		if (!byte || (*byte != '\r' && *byte != '\n'))
			return false;
	}
	return true;
}

static __always_inline __u32 sip_read(const struct frame *f, const struct frame_payload *p)
{
	__u64 *word;

	if (!p->known)
		return SIP_NOT;
	if (p->len < SIP_HEAD)
		return sip_is_keepalive(f, p) ? SIP_KEEPALIVE : SIP_NOT;
	word = frame_at(f, p->off, SIP_HEAD);
	return word ? sip_kind(siphash_le64(word[0]), siphash_le64(word[1])) : SIP_NOT;
}

/* Tell the sum of all CPUs, now and then. */
static __always_inline void due_tell(struct bt_due *due, struct bt_seen *seen, __u64 now)
{
	if (now - due->told_ns < SEEN_EVERY_NS)
		return;
	__sync_fetch_and_add(&seen->requests, due->requests);
	__sync_fetch_and_add(&seen->wants, due->wants);
	__sync_fetch_and_add(&seen->finals, due->finals);
	*due = (struct bt_due){ .told_ns = now };
}

/*
 * A request that came in. Only one over UDP may be answered after its host has let go: TCP connections end
 * then. And only there is a frame a message.
 */
static __always_inline void seen_request(__u32 group, __u32 method, bool udp, __u64 now)
{
	struct bt_due *due = bpf_map_lookup_elem(&st_due, &group);
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &group);

	if (!due || !seen)
		return;
	due->requests++;
	due->wants += udp && method != BT_M_ACK;
	if (READ_ONCE(seen->asked_ns) <= READ_ONCE(seen->response_ns))	/* once a response told, so once a millisecond */
		WRITE_ONCE(seen->asked_ns, now);
	due_tell(due, seen, now);
}

/* A response that left. */
static __always_inline void seen_response(__u32 group, __u32 class, bool udp, __u64 now)
{
	struct bt_due *due = bpf_map_lookup_elem(&st_due, &group);
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &group);

	if (!due || !seen)
		return;
	due->finals += udp && class;
	due_tell(due, seen, now);
	if (now - seen->response_ns >= SEEN_EVERY_NS)
		seen->response_ns = now;
}

/* A VIP frame of any kind that the open gate let in. Other CPUs' clocks may be a little ahead of @now. */
static __always_inline void seen_accept(__u32 group, __u64 now)
{
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &group);

	if (!seen)
		return;
	if (!READ_ONCE(seen->first_ns))
		__sync_val_compare_and_swap(&seen->first_ns, 0, now);
	if ((__s64)(now - READ_ONCE(seen->accept_ns)) >= BT_ACCEPT_LAG_NS)
		seen->accept_ns = now;
}

/* One UDP or TCP frame, or fragment, that a VIP took (BT_IN) or sent (BT_OUT). */
static __always_inline void live_count(const struct frame *f, const struct bt_vip *vip,
				       enum bt_dir dir, __u32 kind, __u64 now)
{
	bool udp = f->h.proto == IPPROTO_UDP;
	__u32 i = vip->index * BT_DIR__N + dir;
	struct bt_live *live = bpf_map_lookup_elem(&st_live, &i);
	__u32 class = kind - SIP_CLASS_1;

	if (!live)
		return;
	barrier_var(kind);	/* what is compared is the index itself: */
	barrier_var(class);	/* 6.1 knows no bound of a copy */
	if (kind < BT_M__N) {
		live->request[kind]++;
		live->request_ns = now;
		if (dir == BT_IN)
			seen_request(vip->group, kind, udp, now);
	} else if (class <= SIP_CLASS_6 - SIP_CLASS_1) {
		barrier_var(class);
		live->response[class & 7]++;	/* it is below 6; 6.1 has forgotten that where it was kept on the stack */
		live->response_ns = now;
		if (dir == BT_OUT)
			seen_response(vip->group, class, udp, now);
	} else if (kind == SIP_KEEPALIVE) {
		live->keepalive++;
	} else {
		live->other++;
	}
}

static __always_inline bool live_is_counted(const struct frame *f)
{
	return f->h.proto == IPPROTO_UDP || f->h.proto == IPPROTO_TCP;
}

#endif
