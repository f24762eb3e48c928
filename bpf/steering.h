/* SPDX-License-Identifier: GPL-2.0 */
/*
 * steering: what is known of a frame on its way through the steering stage?
 *
 * One struct, on the stack of the stage, filled as far as it has come; functions that are verified by themselves get
 * a pointer to it.
 */
#ifndef STEERING_H
#define STEERING_H

#include "gate.h"
#include "maps_steer.h"
#include "packet.h"
#include "sip.h"

struct steering {
	__u64 key;		/* of its entry in st_dialog or st_young; 0: none */
	__u8 from[16], to[16];	/* IPv4 as v4-mapped */
	__be16 from_port, to_port;
	__u32 pool;		/* slot; 0: not known */
	__u32 server;		/* 1, 2: goes to it, or came from it; 0: none */
	__u32 rung;		/* enum bt_rung; BT_R__N: none */
	__u32 active, draining;	/* the pool's, read once */
	__u32 payload, end;	/* offsets; equal: there is none */
	__u32 tcp_flags;	/* TH_*; 0: no TCP */
	bool reject;		/* new INVITEs are refused */
	bool refused;		/* this one is */
	__u32 kind;		/* enum bt_dialog_kind of an entry to be made */
	__u32 state;		/* enum bt_dialog_state of it */
	struct sip_msg m;	/* UDP alone */
};

/* The service or server at an address and port; NULL: none. Port 0: the pool of the address' first service. */
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

/* Both lie at multiples of four. */
static __always_inline bool steering_same_ip(const __u8 a[16], const __u8 b[16])
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

static __always_inline struct bt_steer *steer_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cfg_steer, &zero);
}

/* NULL: that slot has none. */
static __always_inline struct bt_pool *pool_of(__u32 slot)
{
	struct bt_pool *pool = bpf_map_lookup_elem(&cfg_pool, &slot);

	return pool && pool->name_hash ? pool : NULL;
}

static __always_inline struct bt_pool_server *pool_server(struct bt_pool *pool, __u32 server)
{
	return server == 2 ? &pool->server[1] : &pool->server[0];
}

static __always_inline bool steering_is_sip(const struct steering *s)
{
	return s->m.flags & SIP_F_SIP;
}

static __always_inline bool steering_has_call_id(const struct steering *s)
{
	return (s->m.flags & (SIP_F_CALL_ID | SIP_F_UNSURE)) == SIP_F_CALL_ID;
}

static __always_inline bool steering_is_request(const struct steering *s)
{
	return steering_is_sip(s) && !s->m.status;
}

#endif
