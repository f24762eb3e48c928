/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps_tc: the maps that both programs use. The loader, or plain bpftool, gives both the same ones
 * by name. Layouts and meaning: include/baton_abi.h.
 *
 * Writers: cfg_* and ct_* batond, st_* the programs (st_word: both, by compare-and-swap alone).
 */
#ifndef MAPS_TC_H
#define MAPS_TC_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "baton_abi.h"

/* Read by both programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct bt_group);
} cfg_group SEC(".maps");

/* Which group an address belongs to. Read by both programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_VIPS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __be32);
	__type(value, struct bt_vip);
} cfg_vip4 SEC(".maps");

struct bt_ip6 {
	__u8 byte[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_VIPS_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct bt_ip6);
	__type(value, struct bt_vip);
} cfg_vip6 SEC(".maps");

/* The words. Written by XDP (pulse.h) and batond, compare-and-swap only; read by all. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} st_word SEC(".maps");

/* Written by batond; a gate is open only before this time. Read by both programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} ct_lease SEC(".maps");

/* Written by whoever left open: XDP, or batond. Read by tc. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} st_linger SEC(".maps");

/* Written by batond: which planned move leaves dialogs where they are. Read by both programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_drain);
} ct_drain SEC(".maps");

/* Where copies of answers go, for a peer that would replay their requests. Written by batond; read by tc. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_receipt);
} ct_receipt SEC(".maps");

/* Which servers of this host stand at a VIP's port, which one is active. Written by batond; read by tc and baton_lookup. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_LOCAL_ROWS * (1 + BT_SERVERS));
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct bt_local_key);
	__type(value, struct bt_local_way);
} cfg_local SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_local);
} ct_local SEC(".maps");

/* Whose socket, of servers that share a port. Written by batond; read by tc and baton_lookup's program on lo. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_LOCAL_KNOWN);
	__type(key, __u64);
	__type(value, __u32);
} ct_local_sock SEC(".maps");

/* Written by tc and baton_lookup; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_L__N);
	__type(key, __u32);
	__type(value, struct bt_count);
} st_local_count SEC(".maps");

/* Written by batond; read by both programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_steer);
} cfg_steer SEC(".maps");

/* Dialogs begun, nothing in-dialog seen yet. Written by XDP and tc; batond deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_YOUNG_MAX);
	__type(key, __u64);
	__type(value, struct bt_dialog);
} st_young SEC(".maps");

/* Dialogs and connections that are known. Written by XDP and tc; batond deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_DIALOG_MAX);
	__type(key, __u64);
	__type(value, struct bt_dialog);
} st_dialog SEC(".maps");

/* Written by XDP (direction in) and tc (direction out); read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_VIPS_MAX * BT_DIR__N);
	__type(key, __u32);
	__type(value, struct bt_live);
} st_live SEC(".maps");

/* Written by XDP (what comes in) and tc (what leaves), first_ns by whoever opens a gate; read by XDP
 * and batond. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bt_seen);
} st_seen SEC(".maps");

/* What this CPU has not yet told to st_seen (count.h). Written by XDP and tc; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_GROUPS_MAX);
	__type(key, __u32);
	__type(value, struct bt_due);
} st_due SEC(".maps");

/* Written by tc; read by batond. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_T__N);
	__type(key, __u32);
	__type(value, struct bt_count);
} st_count_tc SEC(".maps");

#endif
