/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_own: what the dp_*.c files share among themselves. Nobody else includes it.
 *
 *   dp.c         open, close, remove: in which order the data path comes and goes
 *   dp_load.c    from object files to pinned maps and programs, and to new programs in place of old ones
 *   dp_pins.c    is the pin directory ours alone, and what lies in it?
 *   dp_maps.c    what is written into and read from the maps
 *   dp_attach.c  which interface runs our programs, and how?
 *   dp_tc.c      does our filter stand on an interface's way out?
 *   dp_watch.c   does everything still stand where it was put?
 *   dp_arm.c     how does the watchdog's timer begin?
 *   dp_steer.c   the same of what pools need
 *   dp_hand.c    the XDP program run on one datagram
 *   dp_replay.c  the ring of requests, and frames put before the gate once more
 */
#ifndef BATON_DP_OWN_H
#define BATON_DP_OWN_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sys/dp.h"
#include "sys/dp_steer.h"

#define DP_HAND_BYTES	1024	/* the longest pulse, with its headers, fits twice over */

/* Every map by its name in the objects and of its pin; what one value takes, and how many there are. */
#define DP_MAPS(X) \
	X(meta, struct bt_meta, 1) \
	X(cfg_node, struct bt_node, 1) \
	X(cfg_path, struct bt_path, BT_PATHS_MAX) \
	X(cfg_group, struct bt_group, BT_GROUPS_MAX) \
	X(cfg_gidx, __u32, BT_GROUPS_MAX) \
	X(cfg_vip4, struct bt_vip, BT_VIPS_MAX) \
	X(cfg_vip6, struct bt_vip, BT_VIPS_MAX) \
	X(st_word, __u64, BT_GROUPS_MAX) \
	X(ct_lease, __u64, BT_GROUPS_MAX) \
	X(st_linger, __u64, BT_GROUPS_MAX) \
	X(ct_drain, struct bt_drain, BT_GROUPS_MAX) \
	X(st_heard, struct bt_heard, BT_GROUPS_MAX) \
	X(st_pair, struct bt_pair, 1) \
	X(st_listen, struct bt_listen, BT_LISTEN_MAX) \
	X(st_neigh, struct bt_neigh, BT_NEIGH_MAX) \
	X(st_frag, __u64, BT_FRAG_MAX) \
	X(st_count, struct bt_count, BT_X__N) \
	X(st_count_tc, struct bt_count, BT_T__N) \
	X(st_live, struct bt_live, BT_VIPS_MAX * BT_DIR__N) \
	X(st_seen, struct bt_seen, BT_GROUPS_MAX) \
	X(st_due, struct bt_due, BT_GROUPS_MAX) \
	X(ev_ring, struct { }, BT_RING_BYTES) \
	X(stages, __u32, BT_STAGE__N) \
	X(st_stage, struct bt_stage, 1) \
	X(cfg_steer, struct bt_steer, 1) \
	X(cfg_service4, struct bt_service, BT_SERVICES_MAX) \
	X(cfg_service6, struct bt_service, BT_SERVICES_MAX) \
	X(cfg_pool, struct bt_pool, 1 + BT_POOLS_MAX) \
	X(st_young, struct bt_dialog, BT_YOUNG_MAX) \
	X(st_dialog, struct bt_dialog, BT_DIALOG_MAX) \
	X(st_last, __u32, 1) \
	X(st_follow, struct bt_follow, BT_FOLLOW_MAX) \
	X(st_pool, struct bt_pool_count, 1 + BT_POOLS_MAX) \
	X(st_pool_seen, struct bt_pool_seen, 1 + BT_POOLS_MAX) \
	X(st_steer, struct bt_count, BT_S__N) \
	X(ev_slow, struct { }, BT_SLOW_BYTES) \
	X(ev_trace, struct { }, BT_TRACE_BYTES) \
	X(cfg_door, struct bt_door, BT_DOORS_MAX) \
	X(ct_rules, struct bt_rules, BT_GROUPS_MAX) \
	X(ct_watch, struct bt_watch_own, 1) \
	X(st_watch, struct bt_watch, 1) \
	X(cfg_replay, struct bt_replay_own, 1) \
	X(st_replay_at, struct bt_replay_at, 1) \
	X(st_replay, struct bt_replay, 1) \
	X(ct_receipt, struct bt_receipt, BT_GROUPS_MAX) \
	X(st_twin, __u64, BT_TWIN_MAX) \
	X(cfg_local, struct bt_local_way, BT_LOCAL_ROWS * (1 + BT_SERVERS)) \
	X(ct_local, struct bt_local, BT_GROUPS_MAX) \
	X(ct_local_sock, __u32, BT_LOCAL_KNOWN) \
	X(st_local_count, struct bt_count, BT_L__N)

enum dp_map {
#define DP_ENUM(name, value, entries) DP_##name,
	DP_MAPS(DP_ENUM)
#undef DP_ENUM
	DP_MAP__N
};

struct dp_map_make {
	const char *name;
	uint32_t value_size, entries;
};

extern const struct dp_map_make dp_map_makes[DP_MAP__N];

/* Programs are pinned too: the next life need not load them before it can work. */
enum dp_prog { DP_XDP, DP_TC, DP_PROG__N };

struct dp_prog_make {
	const char *object, *name;	/* the file, the program in it */
	const char *pin, *next;		/* pinned as; while it is being put in place of another */
};

/* How XDP is attached there now. */
void dp_replay_door(struct dp *dp, uint32_t ifindex, bool generic);

extern const struct dp_prog_make dp_prog_makes[DP_PROG__N];

/* The pin of a new entry's program array, until it takes the place of the old one. */
#define DP_STAGES_NEXT	"next-stages"

/* How the pins of dp_local.c begin. */
#define DP_LOCAL_PINS	"local-"

/* A map's array as this process sees it. */
struct dp_view {
	void *at;		/* NULL: not mapped */
	size_t len;
};

/* Owner: whoever called dp_open(); every descriptor is its own. */
struct dp {
	int map[DP_MAP__N];
	atomic_int prog[DP_PROG__N];
	int old_prog[DP_PROG__N];	/* replaced; another thread may be running it still */
	int old_stages;			/* and what it enters */
	pthread_mutex_t attaching;	/* one at a time attaches, detaches or replaces */
	char dir[PATH_MAX];
	int lock;			/* on dir: nobody else's while we live */
	struct dp_view word, lease, linger, drain, watch, rules, heard, seen, steer, pools, pools_seen;
	struct dp_view replay, replay_at;
	uint32_t replay_slots;
	atomic_uint generic[BT_DOORS_MAX];	/* interfaces whose frames meet XDP in the stack; 0: none */
	int pass;			/* program that lets every frame by; 0: not loaded yet */
	struct bt_due *due;		/* one of every CPU: whoever replays reads them there */
	int n_cpus;
	void *per_cpu;		/* room for one value of every CPU */
	struct ring_buffer *ring;
	void (*event_fn)(void *arg, const struct bt_event *ev);
	void *event_arg;
	struct ring_buffer *trace;
	dp_trace_fn *trace_fn;
	void *trace_arg;
	int n_traces;
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

/* Two instructions that let every frame pass, for test runs. Its descriptor, or an error. */
int dp_pass_program(struct dp *dp);

/* The ring of requests: before its object is loaded, behind it. */
int dp_replay_size(struct bpf_object *obj);
int dp_replay_open(struct dp *dp);
void dp_replay_close(struct dp *dp);

/* Of the ring ev_trace. */
int dp_on_trace(void *arg, void *data, size_t len);

/* Load the objects under @obj_dir, of the stages those of the bits in @stages, on new maps, fill meta, pin all. */
int dp_load_new(struct dp *dp, const char *obj_dir, const char *version, uint32_t stages);
/* Is the map behind @fd of this make? -EPROTO. */
int dp_map_check(const struct dp *dp, enum dp_map i, int fd);
int dp_map_index(const char *name);	/* -1: not ours */

/* DIR/NAME into @path. -ENAMETOOLONG. */
int dp_pin_path(char path[PATH_MAX], const char *dir, const char *name);
/* Make @dir if it is missing (0700); refuse it unless it lies on bpffs and only root can change it. */
int dp_pins_open(const char *dir);
/* A descriptor that, until it is closed, makes this fail for everybody else: -EBUSY. It ends with the process. */
int dp_pins_lock(const char *dir);
/* Call @fn with every name in the directory; its first error ends the walk. */
int dp_pins_each(struct dp *dp, int (*fn)(struct dp *dp, const char *name));
/* Unpin all, meta first: what is left after a crash in between counts as half made. */
int dp_pins_discard(struct dp *dp);
int dp_unpin(struct dp *dp, const char *name);
/* The meta map pinned there. -ENOENT: none, or not filled; -EPROTO: it is not Baton's. */
int dp_pins_meta(const struct dp *dp, struct bt_meta *ret);

/* The filter on egress; clsact is made when it is missing. -EBUSY: a foreign one has our place. */
/* Name of the program with this id; "?" when it has gone, or without CAP_SYS_ADMIN. */
void dp_prog_name(__u32 id, char name[BPF_OBJ_NAME_LEN]);
int dp_tc_attach(struct dp *dp, uint32_t ifindex);
int dp_tc_detach(uint32_t ifindex);
/* Put program @fd where ours is; no filter of ours there: nothing to do. */
int dp_tc_replace(uint32_t ifindex, int fd);

/* Put the programs @fd in place on every interface that has ours; one that fails ends it. */
int dp_replace_all(struct dp *dp, const int fd[DP_PROG__N]);

/* Is @name that of a pinned XDP link, and of which interface? */
bool dp_link_name(const char *name, uint32_t *ret_ifindex);

#endif
