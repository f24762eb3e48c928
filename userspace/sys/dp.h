/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp: the data path in the kernel: load, fill, attach, pin, read.
 *
 * Only this file knows libbpf. Maps are filled, then programs are attached; on the way out
 * detached, then unpinned. Pins live in one directory that must be ours alone (root, 0700).
 * A controller that dies leaves everything working: maps and XDP links are pinned, clsact holds the
 * tc filter. meta is pinned last, so pins without it are what a crash left and are made anew.
 * Errors:  negative errno; what the kernel or libbpf said is left in dp_why(), per thread.
 * Threads: opened and changed by the main thread, attached and repaired by any, renewed by any; dp_words() and the
 *          other mapped arrays, and dp_pair(), may be read by any.
 */
#ifndef BATON_DP_H
#define BATON_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "baton_abi.h"

struct dp;

enum dp_mode { DP_OFF, DP_NATIVE, DP_GENERIC };		/* how XDP is attached to an interface */

/*
 * Pinned maps and programs of the same ABI found in @pin_dir are taken over with all they hold, and nothing is
 * loaded (@ret_found = true); without any, the two objects under @obj_dir are loaded, of the stages of XDP those whose
 * bits (1 << BT_STAGE_...) are set in @stages, maps made, meta filled and all pinned. A controller that died before dp_set_node() leaves them found, but with a node of boot 0.
 * Another ABI, or a directory of somebody else's: -EPROTO. @pin_dir not ours: -EPERM; open already, here or in
 * another process: -EBUSY. No bpf file system: -ENOENT. Nothing is attached. @ret is freed by dp_close().
 */
int dp_open(struct dp **ret, const char *obj_dir, const char *pin_dir, const char *version, uint32_t stages, bool *ret_found);

/* Which stages stand, in bits as @stages. Not while a renewal runs. */
uint32_t dp_stages(const struct dp *dp);

/*
 * Put the programs of the objects under @obj_dir in place of those that work, if they are others or one of @stages is missing
 * (@ret_changed): every link and filter in one step, same mode. A stage that stands already stays one, wanted or not. On error
 * the old ones work on; -EPROTO: the objects are of another ABI. Takes tenths of a second: for a thread of its own, one at a time;
 * others may go on using @dp meanwhile.
 */
int dp_renew(struct dp *dp, const char *obj_dir, uint32_t stages, bool *ret_changed);

/* Could a batond that comes with these objects go on with the pins of this one? -EPROTO: no; the files say. */
int dp_objects_fit(const char *obj_dir);

/* Close descriptors; what is pinned lives on and keeps working. NULL is fine. */
void dp_close(struct dp *dp);

/*
 * Detach everything this pin directory knows of; remove tc filters, pins and the directory itself.
 * dp_close() is still due.
 */
int dp_remove(struct dp *dp);

/*
 * One line: what went wrong in the last call that failed; after DP_GENERIC by @any, why native was
 * refused. @dp may be NULL: dp_open() has none to give when it fails.
 */
const char *dp_why(const struct dp *dp);

int dp_set_node(struct dp *dp, const struct bt_node *node);
int dp_get_node(struct dp *dp, struct bt_node *ret);
int dp_set_path(struct dp *dp, uint32_t i, const struct bt_path *path);
int dp_get_path(struct dp *dp, uint32_t i, struct bt_path *ret);
int dp_set_group(struct dp *dp, uint32_t slot, const struct bt_group *group);
int dp_get_group(struct dp *dp, uint32_t slot, struct bt_group *ret);
/* v4-mapped addresses go to cfg_vip4, others to cfg_vip6. */
int dp_set_vip(struct dp *dp, const struct in6_addr *ip, const struct bt_vip *vip);
int dp_del_vip(struct dp *dp, const struct in6_addr *ip);
/* How many there are, of both families, @max at most; while nobody changes them. */
int dp_vips(struct dp *dp, struct in6_addr *ret, uint32_t max);
/* An interface's own Ethernet address, for answers about VIPs of BT_VIP_ANSWERED. */
int dp_set_door(struct dp *dp, uint32_t ifindex, const uint8_t mac[6]);
int dp_del_door(struct dp *dp, uint32_t ifindex);	/* not there: 0 */
/* Those that there are, @max at most; while nobody changes them. */
int dp_doors(struct dp *dp, uint32_t *ret_ifindex, uint32_t max);
/* Our first nonce; only while the maps are new and nothing is attached. */
int dp_set_nonce(struct dp *dp, uint64_t nonce);

/*
 * Attach XDP (bpf_link, pinned as link-<ifindex>; a link found there is updated in place, same mode) and
 * the tc program (clsact egress, preference 1, handle 1). @want DP_NATIVE or DP_GENERIC: that or an
 * error, -EBUSY if a link found is of the other mode; @any: native, else generic. A program of
 * somebody else's in the place of either: -EBUSY, named in dp_why(). @ret_mode is what the kernel
 * says that it became. Interface numbers are those of the caller's network namespace.
 */
int dp_attach(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode);
/* Remove our two programs; nothing there is fine. The clsact qdisc stays: others may use it. */
int dp_detach(struct dp *dp, uint32_t ifindex);

/*
 * Is what dp_attach() put there still there? XDP: the pinned link sits on the interface (three system calls).
 * tc: our filter is there and no other is asked before it (a dump). Any thread.
 */
bool dp_xdp_stands(const struct dp *dp, uint32_t ifindex);
bool dp_tc_stands(uint32_t ifindex);
/*
 * tcx programs on the way out, which the kernel (6.6 on) asks before every tc filter, and the name of the first, or its number; 0 where
 * there are none or the kernel has no such thing. Takes rtnl. Any thread.
 */
#define DP_NAME_MAX	16
int dp_tcx_before(uint32_t ifindex, char ret_name[DP_NAME_MAX]);
/*
 * Put back what is missing, as dp_attach() would; a filter of ours that stands behind another is taken out
 * first. One thread at a time with dp_attach() and dp_detach().
 */
int dp_repair(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode);

/* Mapped arrays of BT_GROUPS_MAX; valid until dp_close(). */
_Atomic uint64_t *dp_words(struct dp *dp);
_Atomic uint64_t *dp_leases(struct dp *dp);
_Atomic uint64_t *dp_lingers(struct dp *dp);
volatile struct bt_drain *dp_drains(struct dp *dp);
volatile struct bt_rules *dp_rules(struct dp *dp);
/* In this order for the programs, which read both parts: one is in force or none. */
void dp_set_drain(struct dp *dp, uint32_t slot, uint64_t word, uint64_t until_ns);
const volatile struct bt_heard *dp_heard(struct dp *dp);
const volatile struct bt_seen *dp_seen(struct dp *dp);
/* By what the watchdog judges. The prober writes what it asks, main the rest. */
volatile struct bt_watch_own *dp_watch_own(struct dp *dp);
/*
 * Let the watchdog look from now on, by the program that works; one that looks already goes on. After dp_renew() again, or the
 * earlier program would go on looking. It ends by generation 0, and with the pins.
 */
int dp_arm(struct dp *dp);
/* How often it has looked, and how often too late. One system call. */
int dp_watched(struct dp *dp, uint64_t *ret_looks, uint64_t *ret_late);
/* bt_seen.first_ns = 0: for whoever is about to open the gate. */
void dp_forget_first(struct dp *dp, uint32_t slot);

/* A consistent copy (BPF_F_LOCK). One system call. */
int dp_pair(struct dp *dp, struct bt_pair *ret);

/* Summed over CPUs. */
int dp_counts(struct dp *dp, struct bt_count ret_xdp[BT_X__N], struct bt_count ret_tc[BT_T__N]);
int dp_live(struct dp *dp, uint32_t vip_index, struct bt_live ret[BT_DIR__N]);

/*
 * Who still sends VIP frames here although the gate is not open. One system call per 256 of them; what comes or goes
 * meanwhile may be missing or told twice.
 */
typedef void dp_neigh_fn(void *arg, const struct bt_neigh_key *who, const struct bt_neigh *what);
int dp_neighbours(struct dp *dp, dp_neigh_fn *fn, void *arg);
int dp_neighbour_forget(struct dp *dp, const struct bt_neigh_key *who);	/* not there: 0 */

/* Descriptor of ev_ring for epoll; dp_events() hands each waiting event to @fn. */
int dp_events_fd(struct dp *dp);
int dp_events(struct dp *dp, void (*fn)(void *arg, const struct bt_event *ev), void *arg);

/*
 * Responder where XDP is off: run the very same XDP program (BPF_PROG_RUN) on the UDP payload @msg
 * that came in on @ifindex from @from to @to. Returns the length of the answer left in @msg, 0 when
 * there is none, or negative errno. Any one thread at a time.
 */
int dp_pulse_by_hand(struct dp *dp, uint32_t ifindex, const struct in6_addr *from, const struct in6_addr *to,
		     uint16_t port, void *msg, size_t len, size_t cap);

#endif
