/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_own: what the dp_*.c files share among themselves. Nobody else includes it.
 *
 *   dp.c         open, close, remove: in which order the data path comes and goes
 *   dp_pins.c    is the pin directory ours alone, and what lies in it?
 *   dp_maps.c    what is written into and read from the maps
 *   dp_attach.c  which interface runs our programs, and how?
 *   dp_tc.c      does our filter stand on an interface's way out?
 *   dp_hand.c    the XDP program run on one datagram
 */
#ifndef BATON_DP_OWN_H
#define BATON_DP_OWN_H

#include <limits.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sys/dp.h"

#define DP_HAND_BYTES	1024	/* the longest pulse, with its headers, fits twice over */

/* Every map of the data path by its name in the objects, each pinned under that name. */
#define DP_MAPS(X) \
	X(meta) X(cfg_node) X(cfg_path) X(cfg_group) X(cfg_vip4) X(cfg_vip6) X(cfg_gidx) \
	X(st_word) X(ct_lease) X(st_linger) X(st_heard) X(st_pair) \
	X(st_listen) X(st_neigh) X(st_frag) \
	X(st_count) X(st_count_tc) X(st_live) X(st_seen) X(st_due) X(ev_ring)

enum dp_map {
#define DP_ENUM(name) DP_##name,
	DP_MAPS(DP_ENUM)
#undef DP_ENUM
	DP_MAP__N
};

/* A map's array as this process sees it. */
struct dp_view {
	void *at;		/* NULL: not mapped */
	size_t len;
};

/* Owner: whoever called dp_open(). Descriptors of maps and programs belong to the two objects. */
struct dp {
	struct bpf_object *xdp_obj, *tc_obj;
	int xdp_prog, tc_prog;
	int map[DP_MAP__N];
	char dir[PATH_MAX];
	struct dp_view word, lease, linger, heard, seen;
	int n_cpus;
	void *per_cpu;		/* room for one value of every CPU */
	struct ring_buffer *ring;
	void (*event_fn)(void *arg, const struct bt_event *ev);
	void *event_arg;
	uint8_t hand_in[DP_HAND_BYTES], hand_out[DP_HAND_BYTES];
};

/*
 * Leave the words for dp_why() and return @err unchanged. What libbpf said since dp_hush() is
 * appended, or strerror() of @err when it said nothing.
 */
int dp_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, but the words say all: nothing is appended. */
int dp_refuse(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forget what libbpf said: a new purpose begins. */
void dp_hush(void);

/* DIR/NAME into @path. -ENAMETOOLONG. */
int dp_pin_path(char path[PATH_MAX], const char *dir, const char *name);
/* Make @dir if it is missing (0700); refuse it unless it lies on bpffs and only root can change it. */
int dp_pins_open(const char *dir);
/* Call @fn with every name in the directory; its first error ends the walk. */
int dp_pins_each(struct dp *dp, int (*fn)(struct dp *dp, const char *name));
/* Unpin all, meta first: what is left after a crash in between counts as half made. */
int dp_pins_discard(struct dp *dp);
/* The meta map pinned there. -ENOENT: none, or not filled; -EPROTO: it is not Baton's. */
int dp_pins_meta(const struct dp *dp, struct bt_meta *ret);

/* The filter on egress; clsact is made when it is missing. -EBUSY: a foreign one has our place. */
int dp_tc_attach(struct dp *dp, uint32_t ifindex);
int dp_tc_detach(uint32_t ifindex);

/* Is @name that of a pinned XDP link, and of which interface? */
bool dp_link_name(const char *name, uint32_t *ret_ifindex);

#endif
