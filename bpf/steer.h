/* SPDX-License-Identifier: GPL-2.0 */
/*
 * steer: to which server of a pool does a frame go, and why to that one?
 *
 * Entered by tail call for frames that are for no VIP of a gate, or for a VIP whose gate is open and in whose
 * name pools serve.
 * Source:  design §4.7.
 */
#ifndef STEER_H
#define STEER_H

#include "gate.h"
#include "maps_steer.h"
#include "packet.h"

/* The service or server at an address and port; NULL: none. */
static __always_inline struct bt_service *service_at(const __u8 ip[16], __be16 port, bool ip4)
{
	struct bt_service4_key key4 = { .port = port };
	struct bt_service6_key key6 = { .port = port };

	if (ip4) {
		__builtin_memcpy(&key4.ip, ip + 12, sizeof(key4.ip));
		return bpf_map_lookup_elem(&cfg_service4, &key4);
	}
	__builtin_memcpy(key6.ip, ip, sizeof(key6.ip));
	return bpf_map_lookup_elem(&cfg_service6, &key6);
}

/* The way out, and with it in @ret_verdict what XDP is to do. */
static __always_inline enum bt_steer_exit steer_in(struct xdp_md *ctx, const struct headers *h,
						   const struct bt_stage *stage, __u32 *ret_verdict)
{
	__u8 from[16], to[16];
	__be16 *ports;

	*ret_verdict = XDP_PASS;
	ports = packet_at(ctx, h->l4, 2 * sizeof(*ports));
	if (h->later || !ports || !packet_addresses(ctx, h, from, to))
		return BT_S_NOT_OURS;
	if (!service_at(to, ports[1], h->kind == FRAME_IP4))
		return BT_S_NOT_OURS;
	*ret_verdict = XDP_DROP;
	return stage->now_ns ? BT_S_NO_SERVER : BT_S_NO_NEXT_HOP;
}

#endif
