/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps_list: how do the simulated kernels learn of a program's maps? By this list of names: sizes and types come
 * from the declarations themselves. Included at the end of xdp.c and tc.c; a new map gets a row here.
 */
#ifndef SIM_MAPS_LIST_H
#define SIM_MAPS_LIST_H

#include <stdint.h>

#define MAPS_OF_TC(X) \
	X(cfg_group) X(cfg_vip4) X(cfg_vip6) X(st_word) X(ct_lease) X(st_linger) X(st_live) X(st_seen) X(st_due) \
	X(st_count_tc) X(ct_drain) X(cfg_steer) X(st_young) X(st_dialog) X(ct_receipt) \
	X(cfg_local) X(ct_local) X(ct_local_sock) X(st_local_count)
#define MAPS_OF_XDP(X) \
	X(meta) X(cfg_node) X(cfg_path) X(cfg_gidx) X(st_heard) X(st_pair) X(st_listen) X(st_neigh) X(st_frag) X(st_count) \
	X(st_stage) X(cfg_service4) X(cfg_service6) X(cfg_pool) X(st_last) X(st_follow) X(st_pool) X(st_pool_seen) \
	X(st_steer) X(cfg_door) X(ct_rules) X(ct_watch) X(st_watch) X(cfg_replay) X(st_replay_at) X(st_replay) X(st_twin)

/* Gives the variable @map its number among the maps of every simulated kernel. */
void kernel_learn(void *map, const char *name, uint32_t type, uint32_t key, uint32_t value, uint32_t max);

#define LEARN_MAP(m) \
	kernel_learn(&m, #m, sizeof(*m.type) / sizeof(int), sizeof(*m.key), sizeof(*m.value), \
		     sizeof(*m.max_entries) / sizeof(int));

#endif
