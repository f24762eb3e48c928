/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bpf_helpers, of the simulation: the same names as libbpf's, for programs compiled for the host they run on.
 *
 * A map is a variable without memory of its own: its first pointer is its number among the maps of the
 * simulated kernel whose turn it is (kernel.c). Helpers are ordinary functions of kernel.c.
 */
#ifndef SIM_BPF_HELPERS_H
#define SIM_BPF_HELPERS_H

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) __typeof__(val) *name
#undef __always_inline
#undef __noinline
#define __always_inline inline __attribute__((always_inline, unused))
#define __noinline __attribute__((noinline, unused))
#define __array(name, val) __typeof__(val) *name[]
/* Does not come back, as in the kernel: used in the entry program alone. */
#define bpf_tail_call_static(ctx, map, i) do { return sim_stage(ctx, i); } while (0)
struct xdp_md;
int sim_stage(struct xdp_md *ctx, __u32 i);
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#define barrier() __asm__ volatile("" ::: "memory")

/* Parts of <bpf/bpf_helpers.h> that programs use as they are. */
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
__u64 bpf_ktime_get_boot_ns(void);
__u64 bpf_ktime_get_ns(void);
__u32 bpf_get_prandom_u32(void);
__u32 bpf_get_smp_processor_id(void);
static inline long bpf_spin_lock(struct bpf_spin_lock *lock) { lock->val++; return 0; }
static inline long bpf_spin_unlock(struct bpf_spin_lock *lock) { lock->val--; return 0; }
void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
void bpf_ringbuf_discard(void *data, __u64 flags);
__u64 bpf_ringbuf_query(void *ring, __u64 flags);
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 off, void *buf, __u32 len);
long bpf_redirect(__u32 ifindex, __u64 flags);
long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *fib, int size, __u32 flags);
long bpf_xdp_adjust_head(struct xdp_md *ctx, int by);
long bpf_xdp_adjust_tail(struct xdp_md *ctx, int by);
__s64 bpf_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len);
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 off, const void *from, __u32 len, __u64 flags);
long bpf_clone_redirect(struct __sk_buff *skb, __u32 ifindex, __u64 flags);
long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 off, __u64 from, __u64 to, __u64 size);
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 off, __u64 from, __u64 to, __u64 flags);
__u64 bpf_get_socket_cookie(void *ctx);
long bpf_skb_load_bytes(const void *skb, __u32 off, void *to, __u32 len);
struct bpf_sock *bpf_sk_lookup_udp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags);
struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags);
struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags);
long bpf_sk_release(void *sock);
long bpf_timer_init(struct bpf_timer *timer, void *map, __u64 flags);
long bpf_timer_set_callback(struct bpf_timer *timer, void *fn);
long bpf_timer_start(struct bpf_timer *timer, __u64 nsecs, __u64 flags);

#endif
