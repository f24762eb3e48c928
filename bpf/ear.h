/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ear: does this host's receiving side keep up? Silence of a peer may be frames of his that nobody has taken from the NIC yet.
 *
 * A receive queue is emptied in order. What is for a VIP of a cluster comes to the host that does not hold it, too, whoever sends it: when such
 * a frame is met on the queue by which a path's pulses come, all that came before it was met, and what lay behind it in the queue is, a moment
 * later (EAR_BEHIND_NS). So silence up to then is silence. While a receiver stands still nothing is met, and nothing is shown.
 *
 * A queue is what one CPU takes frames from: behind RPS, and from a veth, frames of one receive queue wait for different CPUs (XDP in the stack
 * comes after that), and one keeps up where another stands still.
 *
 * Of 21,000 frames a second and more some pulses may lie farther behind; then queues overflow, and that is another matter. Of slower pulses fewer
 * frames would do, and a long ring holds so many: silence of such is never shown.
 * Time:    boot clock, passed in.
 * Cost:    a look at each path, for VIP frames of clusters and where the gate is not open; a store in EAR_EVERY_NS.
 */
#ifndef EAR_H
#define EAR_H

#include "gate.h"
#include "maps_cluster.h"

#define EAR_EVERY_NS	500000ULL
#define EAR_BEHIND_NS	250000ULL	/* 64 frames, as many as are taken at once, are met sooner */
#define EAR_INTERVAL_NS	3000000ULL	/* between two pulses, at most: 64 frames are 21,000 a second */

static __always_inline struct bt_watch *ear_watch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&st_watch, &zero);
}

static __always_inline bool ear_is_here(const struct xdp_md *ctx, const struct bt_ear *ear)
{
	return READ_ONCE(ear->ifindex) == ctx->ingress_ifindex && READ_ONCE(ear->queue) == READ_ONCE(ctx->rx_queue_index) &&
	       READ_ONCE(ear->cpu) == bpf_get_smp_processor_id();
}

/* A pulse came by @path: this is the queue to ask about. None, if they come too seldom: asked here, where it costs the verifier least. */
static __always_inline void ear_is(const struct xdp_md *ctx, __u64 path, __u64 interval_ns)
{
	bool slow = interval_ns > EAR_INTERVAL_NS;
	struct bt_watch *watch = ear_watch();
	struct bt_ear *ear;

	if (!watch || path >= BT_PATHS_MAX)
		return;
	ear = &watch->ear[path];
	if (!slow && ear_is_here(ctx, ear))
		return;
	WRITE_ONCE(ear->heard_ns, 0);
	WRITE_ONCE(ear->ifindex, slow ? 0 : ctx->ingress_ifindex);
	WRITE_ONCE(ear->queue, READ_ONCE(ctx->rx_queue_index));	/* whole: the verifier knows no half of it */
	WRITE_ONCE(ear->cpu, bpf_get_smp_processor_id());
}

/* Another frame came, for a VIP that the peer may hold. */
static __always_inline void ear_hears(const struct xdp_md *ctx, __u64 now)
{
	struct bt_watch *watch = ear_watch();

	if (!watch)
		return;
	for (int i = 0; i < BT_PATHS_MAX; i++) {
		struct bt_ear *ear = &watch->ear[i];

		if (ear_is_here(ctx, ear) && (__s64)(now - READ_ONCE(ear->heard_ns)) >= (__s64)EAR_EVERY_NS)
			WRITE_ONCE(ear->heard_ns, now);
	}
}

/* From when on silence that was long enough at @quiet was heard as such, nearly to its end; 0: that was not shown. */
static __always_inline __u64 ear_shows(const struct bt_watch *watch, __u64 path, __u64 quiet, __u64 interval_ns)
{
	__u64 heard = READ_ONCE(watch->ear[path].heard_ns);

	if (heard + interval_ns / 2 < quiet)
		return 0;
	return heard + EAR_BEHIND_NS > quiet ? heard + EAR_BEHIND_NS : quiet;
}

#endif
