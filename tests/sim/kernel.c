/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel: the part of a host's kernel that BPF programs see: maps, clock, sockets, ring; and the hooks that run
 * them. A map's variable in the program bears its number (shim/bpf/bpf_helpers.h); each host has its own values.
 */
#include "sim.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "maps_list.h"
#include "shim/bpf/bpf_helpers.h"

#define HASH_ENTRIES	48	/* so many are kept of a hash; the oldest goes */

struct map {
	const char *name;
	uint32_t type, key, value, max;
};

static struct map maps[MAPS_MAX];	/* from 1 */
static uint32_t n_maps = 1;
struct host *kernel_of;

void sim_xdp_learn(void);
void sim_tc_learn(void);
int sim_xdp_run(struct xdp_md *ctx);
int sim_tc_run(struct __sk_buff *skb);

/* ---- maps ------------------------------------------------------------------------------------- */

static uint32_t find(const char *name)
{
	static struct { const char *name; uint32_t i; } last[8];	/* callers pass literals, again and again */
	uint32_t slot = (uint32_t)((uintptr_t)name >> 3) % 8;

	if (last[slot].name == name)
		return last[slot].i;
	for (uint32_t i = 1; i < n_maps; i++)
		if (!strcmp(maps[i].name, name)) {
			last[slot].name = name;
			return last[slot].i = i;
		}
	return 0;
}

void kernel_learn(void *map, const char *name, uint32_t type, uint32_t key, uint32_t value, uint32_t max)
{
	uint32_t i = find(name);

	if (!i)
		i = n_maps++;
	if (i >= MAPS_MAX) {
		fprintf(stderr, "sim: more than %d maps\n", MAPS_MAX);
		abort();
	}
	maps[i] = (struct map){ name, type, key, value, max };
	*(uintptr_t *)map = i;
}

static bool is_hash(const struct map *m)
{
	return m->type == BPF_MAP_TYPE_HASH || m->type == BPF_MAP_TYPE_LRU_HASH;
}

struct entry {			/* of a hash; key, then value, aligned to 8, follow */
	uint64_t used_at;	/* 0: free */
	char bytes[];
};

static size_t entry_size(const struct map *m)
{
	return sizeof(struct entry) + (m->key + 7) / 8 * 8 + (m->value + 7) / 8 * 8;
}

static size_t map_bytes(const struct map *m)
{
	return is_hash(m) ? HASH_ENTRIES * entry_size(m) : (size_t)m->max * m->value;
}

static struct entry *entry_at(const struct map *m, char *at, int i)
{
	return (struct entry *)(at + (size_t)i * entry_size(m));
}

static void *entry_value(const struct map *m, struct entry *e)
{
	return e->bytes + (m->key + 7) / 8 * 8;
}

static uint64_t uses;

static struct entry *hash_find(const struct map *m, char *at, const void *key)
{
	for (int i = 0; i < HASH_ENTRIES; i++) {
		struct entry *e = entry_at(m, at, i);

		if (e->used_at && !memcmp(e->bytes, key, m->key))
			return e;
	}
	return NULL;
}

static void *lookup(struct host *h, uint32_t i, const void *key)
{
	const struct map *m = &maps[i];
	struct entry *e;
	uint32_t at;

	if (!i || i >= n_maps) {
		fprintf(stderr, "sim: a map that maps_list.h does not name\n");
		abort();
	}
	if (is_hash(m)) {
		e = hash_find(m, h->kernel.map[i], key);
		if (e)
			e->used_at = ++uses;
		return e ? entry_value(m, e) : NULL;
	}
	memcpy(&at, key, sizeof(at));
	return at < m->max ? (char *)h->kernel.map[i] + (size_t)at * m->value : NULL;
}

static int update(struct host *h, uint32_t i, const void *key, const void *value)
{
	const struct map *m = &maps[i];
	struct entry *e, *oldest = NULL;
	void *p;

	if (!is_hash(m)) {
		p = lookup(h, i, key);
		if (p)
			memcpy(p, value, m->value);
		return p ? 0 : -1;
	}
	e = hash_find(m, h->kernel.map[i], key);
	for (int k = 0; !e && k < HASH_ENTRIES; k++) {
		struct entry *x = entry_at(m, h->kernel.map[i], k);

		if (!oldest || x->used_at < oldest->used_at)
			oldest = x;
	}
	e = e ? e : oldest;
	e->used_at = ++uses;
	memcpy(e->bytes, key, m->key);
	memcpy(entry_value(m, e), value, m->value);
	return 0;
}

void kernel_boot(struct host *h)
{
	struct kernel *k = &h->kernel;

	if (n_maps == 1) {
		sim_xdp_learn();
		sim_tc_learn();
	}
	for (uint32_t i = 1; i < n_maps; i++) {
		size_t bytes = map_bytes(&maps[i]) + 64;

		if (!k->map[i])
			k->map[i] = malloc(bytes);
		memset(k->map[i], 0, bytes);
	}
	kernel_timers_end(h);
	k->pinned = k->attached = false;
	k->ring_n = 0;
}

void kernel_element(struct host *h, void *map, void *at, uint32_t *ret_key, void **ret_value)
{
	uint32_t i = (uint32_t)*(uintptr_t *)map;
	char *from = h->kernel.map[i];

	*ret_key = (uint32_t)((size_t)((char *)at - from) / maps[i].value);
	*ret_value = from + (size_t)*ret_key * maps[i].value;
}

void *kernel_map(struct host *h, const char *name)
{
	uint32_t i = find(name);

	return i ? h->kernel.map[i] : NULL;
}

const void *kernel_map_get(struct host *h, const char *name, const void *key)
{
	return lookup(h, find(name), key);
}

int kernel_map_set(struct host *h, const char *name, const void *key, const void *value)
{
	return update(h, find(name), key, value);
}

int kernel_map_del(struct host *h, const char *name, const void *key)
{
	struct entry *e = hash_find(&maps[find(name)], kernel_map(h, name), key);

	if (e)
		e->used_at = 0;
	return e ? 0 : -1;
}

/* ---- helpers ---------------------------------------------------------------------------------- */

void *bpf_map_lookup_elem(void *map, const void *key)
{
	return lookup(kernel_of, (uint32_t)*(uintptr_t *)map, key);
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	if (flags == BPF_NOEXIST && bpf_map_lookup_elem(map, key))
		return -17;
	return update(kernel_of, (uint32_t)*(uintptr_t *)map, key, value);
}

long bpf_map_delete_elem(void *map, const void *key)
{
	uint32_t i = (uint32_t)*(uintptr_t *)map;
	struct entry *e = hash_find(&maps[i], kernel_of->kernel.map[i], key);

	if (!e)
		return -2;
	e->used_at = 0;
	return 0;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	return host_now(kernel_of);
}

__u64 bpf_ktime_get_ns(void)
{
	return host_now(kernel_of);
}

__u32 bpf_get_prandom_u32(void)
{
	return (uint32_t)rng_next(&world);
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

static struct bt_event reserved;

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags)
{
	(void)ring;
	(void)flags;
	return size == sizeof(reserved) && kernel_of->kernel.ring_n < RING_MAX ? &reserved : NULL;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	struct kernel *k = &kernel_of->kernel;

	(void)data;
	(void)flags;
	k->ring[k->ring_n++] = reserved;
	proc_poke(kernel_of);
}

void bpf_ringbuf_discard(void *data, __u64 flags)
{
	(void)data;
	(void)flags;
}

__u64 bpf_ringbuf_query(void *ring, __u64 flags)
{
	(void)ring, (void)flags;
	return 0;
}

/* Nobody is handed a frame here: the ring takes events alone. */
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 off, void *buf, __u32 len)
{
	(void)ctx, (void)off, (void)buf, (void)len;
	return -1;
}

/* Nothing is steered here. */
long bpf_redirect(__u32 ifindex, __u64 flags)
{
	(void)ifindex, (void)flags;
	return XDP_ABORTED;
}

long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *fib, int size, __u32 flags)
{
	(void)ctx, (void)fib, (void)size, (void)flags;
	return -1;
}

long bpf_xdp_adjust_head(struct xdp_md *ctx, int by)
{
	(void)ctx, (void)by;
	return -1;
}

long bpf_xdp_adjust_tail(struct xdp_md *ctx, int by)
{
	(void)ctx, (void)by;
	return -1;
}

__s64 bpf_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed)
{
	(void)from, (void)from_size, (void)to, (void)to_size, (void)seed;
	return -1;
}

long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len)
{
	(void)skb;
	(void)len;
	return 0;
}

/* Nobody's type of service is set here. */
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 off, const void *from, __u32 len, __u64 flags)
{
	(void)skb, (void)off, (void)from, (void)len, (void)flags;
	return -1;
}

/* Nor are answers shown to the peer. */
long bpf_clone_redirect(struct __sk_buff *skb, __u32 ifindex, __u64 flags)
{
	(void)skb, (void)ifindex, (void)flags;
	return -1;
}

long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 off, __u64 from, __u64 to, __u64 size)
{
	(void)skb, (void)off, (void)from, (void)to, (void)size;
	return -1;
}

/* Hosts here have no group with mode = single-host: these are linked, never called. */
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 off, __u64 from, __u64 to, __u64 flags)
{
	(void)skb, (void)off, (void)from, (void)to, (void)flags;
	return -1;
}

long bpf_skb_load_bytes(const void *skb, __u32 off, void *to, __u32 len)
{
	(void)skb, (void)off, (void)to, (void)len;
	return -1;
}

__u64 bpf_get_socket_cookie(void *ctx)
{
	(void)ctx;
	return 0;
}

/* The server's socket; it listens at every address of its host. */
static struct bpf_sock socket_there = { .state = BPF_TCP_LISTEN };

struct bpf_sock *bpf_sk_lookup_udp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags)
{
	(void)ctx;
	(void)size;
	(void)netns;
	(void)flags;
	if (!kernel_of->server || tuple->ipv4.dport != __builtin_bswap16(SIP_PORT))
		return NULL;
	return &socket_there;
}

struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags)
{
	return bpf_sk_lookup_udp(ctx, tuple, size, netns, flags);
}

struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags)
{
	return bpf_sk_lookup_udp(ctx, tuple, size, netns, flags);
}

long bpf_sk_release(void *sock)
{
	(void)sock;
	return 0;
}

/* ---- hooks ------------------------------------------------------------------------------------ */

/* Contexts hold addresses of 32 bits. */
static uint8_t *low_page(void)
{
	static uint8_t *page;

	if (!page)
		page = mmap(NULL, 2 * FRAME_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page == MAP_FAILED) {
		fprintf(stderr, "sim: no memory below 4 GiB\n");
		abort();
	}
	return page;
}

uint32_t kernel_xdp(struct host *h, uint32_t ifindex, struct frame *f)
{
	uint8_t *p = low_page();
	struct xdp_md ctx = { .data = (uint32_t)(uintptr_t)p, .data_end = (uint32_t)(uintptr_t)p + f->len,
			      .ingress_ifindex = ifindex };
	uint32_t verdict;

	if (!h->kernel.attached)
		return XDP_PASS;
	check_word(h);
	memcpy(p, f->data, f->len);
	kernel_of = h;
	verdict = (uint32_t)sim_xdp_run(&ctx);
	kernel_of = NULL;
	f->len = ctx.data_end - ctx.data;
	memcpy(f->data, (void *)(uintptr_t)ctx.data, f->len);
	check_word_of_kernel(h);
	return verdict;
}

bool kernel_tc(struct host *h, uint32_t ifindex, struct frame *f)
{
	uint8_t *p = low_page();
	struct __sk_buff skb = { .len = f->len, .ifindex = ifindex, .data = (uint32_t)(uintptr_t)p,
				 .data_end = (uint32_t)(uintptr_t)p + f->len };
	int verdict;

	if (!h->kernel.attached)
		return true;
	memcpy(p, f->data, f->len);
	kernel_of = h;
	verdict = sim_tc_run(&skb);
	kernel_of = NULL;
	return verdict != TC_ACT_SHOT;
}
