/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps_cluster: the maps of cluster mode and of addresses that are on both hosts, and who writes them. Layouts and meaning:
 * include/baton_abi.h. What tc uses too is in maps_tc.h.
 */
#ifndef MAPS_CLUSTER_H
#define MAPS_CLUSTER_H

#include "maps_tc.h"

/* Interfaces' own addresses, by ifindex. Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_DOORS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct bt_door);
} cfg_door SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_rules);
} ct_rules SEC(".maps");

/* Written by batond; read by the watchdog. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_watch_own);
} ct_watch SEC(".maps");

/* Written by the watchdog alone; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bt_watch);
} st_watch SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct bt_replay_own);
} cfg_replay SEC(".maps");

/* Written by XDP, but for `done`, which is batond's; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_replay_at);
} st_replay_at SEC(".maps");

/* Requests and receipts, a ring; the loader makes it as long as is asked for. Written by XDP; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_replay);
} st_replay SEC(".maps");

/* Written and read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_TWIN_MAX);
	__type(key, __u64);
	__type(value, __u64);
} st_twin SEC(".maps");

#endif
