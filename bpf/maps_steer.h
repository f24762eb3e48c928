/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps_steer: the maps of the further stages of XDP, and who writes them. Layouts and meaning: include/baton_abi.h.
 */
#ifndef MAPS_STEER_H
#define MAPS_STEER_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "baton_abi.h"
#include "maps_tc.h"

/* Filled by batond, which puts other programs in with the entry's. Its pin keeps it full. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, BT_STAGE__N);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} stages SEC(".maps");

/* Written by baton_xdp, read by the stage it enters, for one frame. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bt_stage);
} st_stage SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_SERVICES_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct bt_service4_key);
	__type(value, struct bt_service);
} cfg_service4 SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_SERVICES_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct bt_service6_key);
	__type(value, struct bt_service);
} cfg_service6 SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 + BT_POOLS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_pool);
} cfg_pool SEC(".maps");

/* Slot of the pool that this CPU met last: its first service is looked at before cfg_service*. Written and read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} st_last SEC(".maps");

/* Written and read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_FOLLOW_MAX);
	__type(key, struct bt_frag_key);
	__type(value, struct bt_follow);
} st_follow SEC(".maps");

/* Written by XDP; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 + BT_POOLS_MAX);
	__type(key, __u32);
	__type(value, struct bt_pool_count);
} st_pool SEC(".maps");

/* Written by XDP; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 + BT_POOLS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_pool_seen);
} st_pool_seen SEC(".maps");

/* Written by XDP; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_S__N);
	__type(key, __u32);
	__type(value, struct bt_count);
} st_steer SEC(".maps");

/* Written by XDP; read by batond. Full: frames are lost and counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BT_SLOW_BYTES);
} ev_slow SEC(".maps");

/* Written by XDP; read by batond. Full: samples are lost. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BT_TRACE_BYTES);
} ev_trace SEC(".maps");

#endif
