/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps: every map of the data path, and who writes it. The XDP object has them all; the tc object
 * has those of maps_tc.h. Layouts and meaning: include/baton_abi.h.
 */
#ifndef MAPS_H
#define MAPS_H

#include "maps_tc.h"

/* Written by batond before attaching; read by whoever finds the pins. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bt_meta);
} meta SEC(".maps");

/* Written by batond; read by XDP. Holds the keys. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct bt_node);
} cfg_node SEC(".maps");

/* Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_PATHS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct bt_path);
} cfg_path SEC(".maps");

/* Slot of a group by the hash of its name. Written by batond; read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __be32);
	__type(value, __u32);
} cfg_gidx SEC(".maps");

/* What the peer last said of each group. Written by XDP; read by batond, without a lock. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_heard);
} st_heard SEC(".maps");

/* Whom we believe. Written by XDP (nonce: first by batond); read by batond with BPF_F_LOCK. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bt_pair);
} st_pair SEC(".maps");

/* Is there still a server's socket? Written and read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_LISTEN_MAX);
	__type(key, __u32);
	__type(value, struct bt_listen);
} st_listen SEC(".maps");

/* Who has not moved to the new holder yet. Written by XDP; read, and forgotten, by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_NEIGH_MAX);
	__type(key, struct bt_neigh_key);
	__type(value, struct bt_neigh);
} st_neigh SEC(".maps");

/* Datagrams begun here. Written and read by XDP. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_FRAG_MAX);
	__type(key, struct bt_frag_key);
	__type(value, __u64);
} st_frag SEC(".maps");

/* Written by XDP; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_X__N);
	__type(key, __u32);
	__type(value, struct bt_count);
} st_count SEC(".maps");

/* Written by XDP; read by batond. Full: events are lost, the maps are the truth. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BT_RING_BYTES);
} ev_ring SEC(".maps");

#endif
