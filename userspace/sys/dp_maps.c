// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_maps: what is written into the maps, and what is read from them?
 *
 * One system call a value, no allocation. Per-CPU values are summed here, time stamps among them
 * taken as the newest.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <string.h>

static int set(const struct dp *dp, enum dp_map map, const void *key, const void *value,
	       const char *what)
{
	int err = bpf_map_update_elem(dp->map[map], key, value, BPF_ANY) < 0 ? -errno : 0;

	dp_hush();
	return err ? dp_fail(err, "set %s", what) : 0;
}

static int get(const struct dp *dp, enum dp_map map, const void *key, void *ret, const char *what)
{
	int err = bpf_map_lookup_elem(dp->map[map], key, ret) < 0 ? -errno : 0;

	dp_hush();
	return err ? dp_fail(err, "get %s", what) : 0;
}

int dp_set_node(struct dp *dp, const struct bt_node *node)
{
	__u32 zero = 0;

	return set(dp, DP_cfg_node, &zero, node, "node");
}

int dp_get_node(struct dp *dp, struct bt_node *ret)
{
	struct bt_node node;
	__u32 zero = 0;
	int err = get(dp, DP_cfg_node, &zero, &node, "node");

	if (!err)
		*ret = node;
	return err;
}

int dp_set_path(struct dp *dp, uint32_t i, const struct bt_path *path)
{
	return set(dp, DP_cfg_path, &i, path, "path");
}

int dp_get_path(struct dp *dp, uint32_t i, struct bt_path *ret)
{
	struct bt_path path;
	int err = get(dp, DP_cfg_path, &i, &path, "path");

	if (!err)
		*ret = path;
	return err;
}

int dp_get_group(struct dp *dp, uint32_t slot, struct bt_group *ret)
{
	struct bt_group group;
	int err = get(dp, DP_cfg_group, &slot, &group, "group");

	if (!err)
		*ret = group;
	return err;
}

/* A name hash leads to one slot; the one that stood in @slot before leads nowhere any more. */
static int index_group(struct dp *dp, uint32_t slot, __be32 was, __be32 is)
{
	if (was == is)
		return 0;
	if (was && bpf_map_delete_elem(dp->map[DP_cfg_gidx], &was) < 0 && errno != ENOENT)
		return dp_fail(-errno, "unset index of group %u", slot);
	return is ? set(dp, DP_cfg_gidx, &is, &slot, "index of group") : 0;
}

int dp_set_group(struct dp *dp, uint32_t slot, const struct bt_group *group)
{
	struct bt_group was;
	int err = dp_get_group(dp, slot, &was);

	if (!err)
		err = set(dp, DP_cfg_group, &slot, group, "group");
	return err ? err : index_group(dp, slot, was.name_hash, group->name_hash);
}

static enum dp_map vip_key(const struct in6_addr *ip, const void **ret_key)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(ip);

	*ret_key = v4 ? &ip->s6_addr[12] : &ip->s6_addr[0];
	return v4 ? DP_cfg_vip4 : DP_cfg_vip6;
}

int dp_set_vip(struct dp *dp, const struct in6_addr *ip, const struct bt_vip *vip)
{
	const void *key;
	enum dp_map map = vip_key(ip, &key);

	return set(dp, map, key, vip, "VIP");
}

int dp_del_vip(struct dp *dp, const struct in6_addr *ip)
{
	const void *key;
	enum dp_map map = vip_key(ip, &key);

	dp_hush();
	return bpf_map_delete_elem(dp->map[map], key) < 0 ? dp_fail(-errno, "remove VIP") : 0;
}

static struct in6_addr vip_of(enum dp_map map, const uint8_t *key)
{
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&ip.s6_addr[map == DP_cfg_vip4 ? 12 : 0], key, map == DP_cfg_vip4 ? 4 : 16);
	return ip;
}

int dp_vips(struct dp *dp, struct in6_addr *ret, uint32_t max)
{
	const enum dp_map maps[] = { DP_cfg_vip4, DP_cfg_vip6 };
	uint32_t n = 0;

	dp_hush();
	for (int i = 0; i < 2; i++) {
		uint8_t key[16], *prev = NULL;

		for (; !bpf_map_get_next_key(dp->map[maps[i]], prev, key) && n < max; prev = key)
			ret[n++] = vip_of(maps[i], key);
		if (n < max && errno != ENOENT)
			return dp_fail(-errno, "list VIPs");
	}
	return (int)n;
}

int dp_set_door(struct dp *dp, uint32_t ifindex, const uint8_t mac[6])
{
	struct bt_door door = {};

	memcpy(door.mac, mac, sizeof(door.mac));
	return set(dp, DP_cfg_door, &ifindex, &door, "address of interface");
}

int dp_del_door(struct dp *dp, uint32_t ifindex)
{
	dp_hush();
	if (!bpf_map_delete_elem(dp->map[DP_cfg_door], &ifindex) || errno == ENOENT)
		return 0;
	return dp_fail(-errno, "remove address of interface %u", ifindex);
}

int dp_doors(struct dp *dp, uint32_t *ret_ifindex, uint32_t max)
{
	uint32_t n = 0;

	dp_hush();
	for (uint32_t key, *prev = NULL; n < max && !bpf_map_get_next_key(dp->map[DP_cfg_door], prev, &key); prev = &ret_ifindex[n++])
		ret_ifindex[n] = key;
	return n < max && errno != ENOENT ? dp_fail(-errno, "list addresses of interfaces") : (int)n;
}

int dp_pair(struct dp *dp, struct bt_pair *ret)
{
	struct bt_pair pair;
	__u32 zero = 0;

	if (bpf_map_lookup_elem_flags(dp->map[DP_st_pair], &zero, &pair, BPF_F_LOCK) < 0)
		return dp_fail(-errno, "get pair");
	*ret = pair;
	return 0;
}

int dp_set_nonce(struct dp *dp, uint64_t nonce)
{
	struct bt_pair pair;
	__u32 zero = 0;
	int err = dp_pair(dp, &pair);

	if (err)
		return err;
	pair.nonce = nonce;
	if (bpf_map_update_elem(dp->map[DP_st_pair], &zero, &pair, BPF_F_LOCK) < 0)
		return dp_fail(-errno, "set nonce");
	return 0;
}

static int sum_count(struct dp *dp, enum dp_map map, __u32 i, struct bt_count *ret)
{
	const struct bt_count *cpu = dp->per_cpu;
	int err = get(dp, map, &i, dp->per_cpu, "counter");

	if (err)
		return err;
	*ret = (struct bt_count){};
	for (int c = 0; c < dp->n_cpus; c++) {
		ret->packets += cpu[c].packets;
		ret->bytes += cpu[c].bytes;
	}
	return 0;
}

int dp_counts(struct dp *dp, struct bt_count ret_xdp[BT_X__N], struct bt_count ret_tc[BT_T__N])
{
	struct bt_count xdp[BT_X__N], tc[BT_T__N];
	int err = 0;

	for (__u32 i = 0; i < BT_X__N && !err; i++)
		err = sum_count(dp, DP_st_count, i, &xdp[i]);
	for (__u32 i = 0; i < BT_T__N && !err; i++)
		err = sum_count(dp, DP_st_count_tc, i, &tc[i]);
	if (err)
		return err;
	memcpy(ret_xdp, xdp, sizeof(xdp));
	memcpy(ret_tc, tc, sizeof(tc));
	return 0;
}

static void add_live(struct bt_live *to, const struct bt_live *cpu)
{
	for (int m = 0; m < BT_M__N; m++)
		to->request[m] += cpu->request[m];
	for (int class = 0; class < 6; class++)
		to->response[class] += cpu->response[class];
	to->keepalive += cpu->keepalive;
	to->other += cpu->other;
	if (cpu->request_ns > to->request_ns)
		to->request_ns = cpu->request_ns;
	if (cpu->response_ns > to->response_ns)
		to->response_ns = cpu->response_ns;
}

int dp_live(struct dp *dp, uint32_t vip_index, struct bt_live ret[BT_DIR__N])
{
	const struct bt_live *cpu = dp->per_cpu;
	struct bt_live sum[BT_DIR__N] = {};
	int err = 0;

	for (__u32 dir = 0; dir < BT_DIR__N && !err; dir++) {
		__u32 i = vip_index * BT_DIR__N + dir;

		err = get(dp, DP_st_live, &i, dp->per_cpu, "liveness of VIP");
		for (int c = 0; c < dp->n_cpus && !err; c++)
			add_live(&sum[dir], &cpu[c]);
	}
	if (!err)
		memcpy(ret, sum, sizeof(sum));
	return err;
}

int dp_events_fd(struct dp *dp)
{
	return ring_buffer__epoll_fd(dp->ring);
}

int dp_events(struct dp *dp, void (*fn)(void *arg, const struct bt_event *ev), void *arg)
{
	int n;

	dp->event_fn = fn;
	dp->event_arg = arg;
	n = ring_buffer__consume(dp->ring);
	return n < 0 ? dp_fail(n, "map ev_ring") : 0;
}

#define NEIGH_BATCH	256

int dp_neighbours(struct dp *dp, dp_neigh_fn *fn, void *arg)
{
	static struct bt_neigh_key keys[NEIGH_BATCH];
	static struct bt_neigh rows[NEIGH_BATCH];
	__u32 n = NEIGH_BATCH, at, seen = 0;
	void *from = NULL;
	int err = 0;

	while (!err && seen <= BT_NEIGH_MAX) {
		n = NEIGH_BATCH;
		err = bpf_map_lookup_batch(dp->map[DP_st_neigh], from, &at, keys, rows, &n, NULL) < 0 ? -errno : 0;
		if (err && err != -ENOENT)		/* which is the end, perhaps with some on the way */
			return dp_fail(err, "get neighbours");
		for (__u32 i = 0; i < n; i++)
			fn(arg, &keys[i], &rows[i]);
		seen += n;
		from = &at;
	}
	return 0;
}

int dp_neighbour_forget(struct dp *dp, const struct bt_neigh_key *who)
{
	dp_hush();
	return bpf_map_delete_elem(dp->map[DP_st_neigh], who) < 0 && errno != ENOENT ? dp_fail(-errno, "forget neighbour") : 0;
}
