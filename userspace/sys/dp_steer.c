// SPDX-License-Identifier: GPL-2.0-or-later
#include "sys/dp_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bt_steer *dp_steer(struct dp *dp)
{
	return dp->steer.at;
}

struct bt_pool *dp_pools(struct dp *dp)
{
	return dp->pools.at;
}

const volatile struct bt_pool_seen *dp_pools_seen(struct dp *dp)
{
	return dp->pools_seen.at;
}

void dp_aim(struct dp *dp, uint32_t slot, uint64_t aim)
{
	__atomic_store_n(&dp_pools(dp)[slot].aim, aim, __ATOMIC_SEQ_CST);
}

/* ---- services ------------------------------------------------------------------------------------ */

union service_key {
	struct bt_service4_key v4;
	struct bt_service6_key v6;
};

static enum dp_map service_key(const struct dp_place *p, union service_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (IN6_IS_ADDR_V4MAPPED(&p->ip)) {
		memcpy(&ret->v4.ip, &p->ip.s6_addr[12], sizeof(ret->v4.ip));
		ret->v4.port = p->port;
		return DP_cfg_service4;
	}
	memcpy(ret->v6.ip, &p->ip, sizeof(ret->v6.ip));
	ret->v6.port = p->port;
	return DP_cfg_service6;
}

static struct dp_place place_of(enum dp_map map, const union service_key *key)
{
	struct dp_place p = { .ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } } };

	if (map == DP_cfg_service4) {
		memcpy(&p.ip.s6_addr[12], &key->v4.ip, sizeof(key->v4.ip));
		p.port = key->v4.port;
	} else {
		memcpy(&p.ip, key->v6.ip, sizeof(p.ip));
		p.port = key->v6.port;
	}
	return p;
}

int dp_set_service(struct dp *dp, const struct dp_place *p)
{
	union service_key key;
	enum dp_map map = service_key(p, &key);

	dp_hush();
	return bpf_map_update_elem(dp->map[map], &key, &p->is, BPF_ANY) < 0 ? dp_fail(-errno, "set service") : 0;
}

int dp_del_service(struct dp *dp, const struct dp_place *p)
{
	union service_key key;
	enum dp_map map = service_key(p, &key);

	dp_hush();
	return bpf_map_delete_elem(dp->map[map], &key) < 0 && errno != ENOENT ? dp_fail(-errno, "remove service") : 0;
}

int dp_services(struct dp *dp, struct dp_place *ret, uint32_t max)
{
	const enum dp_map maps[] = { DP_cfg_service4, DP_cfg_service6 };
	uint32_t n = 0;

	dp_hush();
	for (int i = 0; i < 2; i++) {
		union service_key key, *prev = NULL;

		for (; n < max && !bpf_map_get_next_key(dp->map[maps[i]], prev, &key); prev = &key) {
			ret[n] = place_of(maps[i], &key);
			if (!bpf_map_lookup_elem(dp->map[maps[i]], &key, &ret[n].is))
				n++;
		}
	}
	return (int)n;
}

/* ---- counters ------------------------------------------------------------------------------------ */

static void add_pool(struct bt_pool_count *to, const struct bt_pool_count *cpu)
{
	for (int r = 0; r < BT_R__N; r++)
		to->rung[r] += cpu->rung[r];
	for (int s = 0; s < BT_SERVERS; s++) {
		to->packets[s] += cpu->packets[s];
		to->bytes[s] += cpu->bytes[s];
	}
	to->back += cpu->back;
}

int dp_pool_count(struct dp *dp, uint32_t slot, struct bt_pool_count *ret)
{
	const struct bt_pool_count *cpu = dp->per_cpu;
	struct bt_pool_count sum = {};

	dp_hush();
	if (bpf_map_lookup_elem(dp->map[DP_st_pool], &slot, dp->per_cpu) < 0)
		return dp_fail(-errno, "get counters of pool");
	for (int c = 0; c < dp->n_cpus; c++)
		add_pool(&sum, &cpu[c]);
	*ret = sum;
	return 0;
}

int dp_steer_counts(struct dp *dp, struct bt_count ret[BT_S__N])
{
	const struct bt_count *cpu = dp->per_cpu;
	struct bt_count sum[BT_S__N] = {};

	dp_hush();
	for (__u32 i = 0; i < BT_S__N; i++) {
		if (bpf_map_lookup_elem(dp->map[DP_st_steer], &i, dp->per_cpu) < 0)
			return dp_fail(-errno, "get counters of steering");
		for (int c = 0; c < dp->n_cpus; c++) {
			sum[i].packets += cpu[c].packets;
			sum[i].bytes += cpu[c].bytes;
		}
	}
	memcpy(ret, sum, sizeof(sum));
	return 0;
}

/* ---- dialogs ------------------------------------------------------------------------------------- */

int dp_walk(struct dp *dp, bool young, struct dp_walk *w)
{
	int fd = dp->map[young ? DP_st_young : DP_st_dialog];
	__u32 next;

	w->n = DP_WALK;
	if (!bpf_map_lookup_batch(fd, w->begun ? &w->at : NULL, &next, w->key, w->row, &w->n, NULL)) {
		w->begun = true;
		w->at = next;
		return 0;
	}
	w->done = true;
	if (errno == ENOENT)	/* the end, perhaps with some on the way */
		return 0;
	w->n = 0;
	return -errno;
}

int dp_forget(struct dp *dp, bool young, uint64_t key)
{
	return bpf_map_delete_elem(dp->map[young ? DP_st_young : DP_st_dialog], &key) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- sampled decisions --------------------------------------------------------------------------- */

#define TRACE_SLICE	64

/* libbpf ends at an error, past the sample that met it: others want their turn too. */
int dp_on_trace(void *arg, void *data, size_t len)
{
	struct dp *dp = arg;

	if (len >= sizeof(struct bt_trace))
		dp->trace_fn(dp->trace_arg, data);
	return ++dp->n_traces < TRACE_SLICE ? 0 : -EAGAIN;
}

int dp_trace_fd(struct dp *dp)
{
	return ring_buffer__epoll_fd(dp->trace);
}

int dp_traces(struct dp *dp, dp_trace_fn *fn, void *arg)
{
	int n;

	dp->trace_fn = fn;
	dp->trace_arg = arg;
	dp->n_traces = 0;
	n = ring_buffer__consume(dp->trace);
	return n < 0 && n != -EAGAIN ? dp_fail(n, "map ev_trace") : dp->n_traces;
}
