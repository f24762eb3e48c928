// SPDX-License-Identifier: GPL-2.0-or-later
#include "pool_rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#define CPUS_MAX 64

static struct ring_buffer *slow_ring, *trace_ring;
static struct bt_slow slow;
static struct bt_trace trace;

static void set(const char *map, const void *key, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), key, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

static void get(const char *map, const void *key, void *ret)
{
	CHECK(!bpf_map_lookup_elem(rig_map(map), key, ret), "%s: %s", map, strerror(errno));
}

/* Sum of @n u64 of every CPU. */
static void get_sum(const char *map, uint32_t i, uint64_t *ret, size_t n)
{
	static uint64_t per_cpu[CPUS_MAX * 32];
	int cpus = libbpf_num_possible_cpus();

	CHECK(cpus <= CPUS_MAX && n <= 32, "more CPUs or values than this test knows");
	get(map, &i, per_cpu);
	memset(ret, 0, n * sizeof(*ret));
	for (int c = 0; c < cpus; c++)
		for (size_t k = 0; k < n; k++)
			ret[k] += per_cpu[c * n + k];
}

static int keep_slow(void *arg, void *data, size_t size)
{
	(void)arg;
	CHECK(size == sizeof(slow), "ev_slow: %zu bytes", size);
	memcpy(&slow, data, size);
	return -ECANCELED;	/* one at a time */
}

static int keep_trace(void *arg, void *data, size_t size)
{
	(void)arg;
	CHECK(size == sizeof(trace), "ev_trace: %zu bytes", size);
	memcpy(&trace, data, size);
	return -ECANCELED;
}

static bool take(struct ring_buffer **ring, const char *map, ring_buffer_sample_fn fn)
{
	if (!*ring)
		*ring = ring_buffer__new(rig_map(map), fn, NULL, NULL);
	CHECK(*ring, "%s: %s", map, strerror(errno));
	return ring_buffer__consume(*ring) == -ECANCELED;
}

bool pools_slow(struct bt_slow *ret)
{
	bool some = take(&slow_ring, "ev_slow", keep_slow);

	if (some && ret)
		*ret = slow;
	return some;
}

bool pools_trace(struct bt_trace *ret)
{
	bool some = take(&trace_ring, "ev_trace", keep_trace);

	if (some && ret)
		*ret = trace;
	return some;
}

void pools_forget(const char *map)
{
	uint8_t key[64];
	int fd = rig_map(map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		bpf_map_delete_elem(fd, key);
}

uint32_t pools_entries(const char *map)
{
	uint8_t key[64];
	int fd = rig_map(map), err;
	uint32_t n = 0;

	for (err = bpf_map_get_next_key(fd, NULL, key); !err; err = bpf_map_get_next_key(fd, key, key))
		n++;
	return n;
}

bool pools_entry(const char *map, uint64_t *ret_key, struct bt_dialog *ret)
{
	uint64_t key;

	if (bpf_map_get_next_key(rig_map(map), NULL, &key))
		return false;
	if (ret_key)
		*ret_key = key;
	get(map, &key, ret);
	return true;
}

void pools_entry_set(const char *map, uint64_t key, const struct bt_dialog *d)
{
	set(map, &key, d);
}

void pools_config(const struct bt_steer *cfg)
{
	uint32_t zero = 0;

	set("cfg_steer", &zero, cfg);
}

struct bt_steer pools_config_now(void)
{
	struct bt_steer cfg;
	uint32_t zero = 0;

	get("cfg_steer", &zero, &cfg);
	return cfg;
}

void pools_tick(uint32_t tick_s)
{
	struct bt_steer cfg = pools_config_now();

	cfg.tick_s = tick_s;
	pools_config(&cfg);
}

static void zero_array(const char *map, uint32_t entries)
{
	static uint8_t nothing[CPUS_MAX * 256];

	for (uint32_t i = 0; i < entries; i++)
		set(map, &i, nothing);
}

void pools_reset(void)
{
	static const char *const hashes[] = { "cfg_service4", "cfg_service6", "st_young", "st_dialog", "st_follow" };
	struct bt_steer cfg = { .key = { POOL_SIPHASH_0, POOL_SIPHASH_1 }, .tick_s = 100, .n_pools = 1, .new_max = 1000 };

	rig_reset();
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		pools_forget(hashes[i]);
	zero_array("cfg_pool", 1 + BT_POOLS_MAX);
	zero_array("st_pool", 1 + BT_POOLS_MAX);
	zero_array("st_pool_seen", 1 + BT_POOLS_MAX);
	zero_array("st_steer", BT_S__N);
	pools_config(&cfg);
	while (pools_slow(NULL) || pools_trace(NULL))
		;
}

void pools_get(uint32_t slot, struct bt_pool *ret)
{
	get("cfg_pool", &slot, ret);
}

void pools_set(uint32_t slot, const struct bt_pool *pool)
{
	set("cfg_pool", &slot, pool);
}

void pools_aim(uint32_t slot, uint64_t aim)
{
	struct bt_pool pool;

	pools_get(slot, &pool);
	pool.aim = aim;
	pools_set(slot, &pool);
}

void pools_service(const char *ip, uint16_t port, uint32_t slot, uint8_t server)
{
	struct bt_service service = { .pool = slot, .server = server, .first = !server && port };
	struct bt_service4_key key4 = { .port = htons(port) };
	struct bt_service6_key key6 = { .port = htons(port) };
	struct in6_addr addr;

	packet_ip(ip, &addr);
	memcpy(&key4.ip, addr.s6_addr + 12, 4);
	memcpy(key6.ip, &addr, 16);
	if (strchr(ip, ':'))
		set("cfg_service6", &key6, &service);
	else
		set("cfg_service4", &key4, &service);
}

void pools_make(uint32_t slot, bool v6)
{
	struct bt_pool pool = { .aim = BT_AIM(1, 0, 0, 1), .name_hash = 0x1000 + slot, .forward = BT_FWD_L2,
				.port = htons(5060) };
	struct in6_addr ip;

	packet_ip(v6 ? POOL_SERVICE6 : POOL_SERVICE4, &ip);
	memcpy(pool.service, &ip, 16);
	pools_service(v6 ? POOL_SERVICE6 : POOL_SERVICE4, 5060, slot, 0);
	pools_service(v6 ? POOL_SERVICE6 : POOL_SERVICE4, 0, slot, 0);
	for (int n = 1; n <= BT_SERVERS; n++) {
		struct bt_pool_server *s = &pool.server[n - 1];

		*s = (struct bt_pool_server){ .ifindex = POOL_IFINDEX, .epoch = 11 * n, .port = htons(5060), .mtu = 1500 };
		memcpy(s->next_mac, POOL_MAC(n), 6);
		memcpy(s->our_mac, POOL_OUR_MAC, 6);
		packet_ip(v6 ? POOL_SERVER6(n) : POOL_SERVER4(n), &ip);
		memcpy(s->ip, &ip, 16);
		pools_service(v6 ? POOL_SERVER6(n) : POOL_SERVER4(n), 5060, slot, n);
	}
	pools_set(slot, &pool);
}

void pools_count(uint32_t slot, struct bt_pool_count *ret)
{
	get_sum("st_pool", slot, (uint64_t *)ret, sizeof(*ret) / 8);
}

uint64_t pools_exit_count(uint32_t exit)
{
	uint64_t both[2];

	get_sum("st_steer", exit, both, 2);
	return both[0];
}

const char *pools_exit_name(uint32_t exit)
{
	static const char *const text[] = {
#define NAME(name, what) #name,
		BT_STEER_EXITS(NAME)
#undef NAME
	};

	return exit < BT_S__N ? text[exit] : "?";
}

const char *pools_rung_name(uint32_t rung)
{
	static const char *const text[] = {
#define NAME(name, what) #name,
		BT_RUNGS(NAME)
#undef NAME
	};

	return rung < BT_R__N ? text[rung] : "none";
}

#define POOLS	4	/* as many as tests use, and slot 0 */

struct reading {
	uint64_t steered, exit[BT_S__N][2];
	struct bt_pool_count pool[POOLS];
};

static void reading(struct reading *ret)
{
	uint64_t counts[BT_X__N];

	rig_xdp_counts(counts);
	ret->steered = counts[BT_X_STEERED];
	for (uint32_t i = 0; i < BT_S__N; i++)
		get_sum("st_steer", i, ret->exit[i], 2);
	for (uint32_t i = 0; i < POOLS; i++)
		pools_count(i, &ret->pool[i]);
}

static void exit_moved(const struct reading *a, const struct reading *b, uint32_t len, struct pools_seen *ret)
{
	ret->exit = BT_S__N;
	for (uint32_t i = 0; i < BT_S__N; i++) {
		if (a->exit[i][0] == b->exit[i][0])
			continue;
		CHECK(b->exit[i][0] == a->exit[i][0] + 1 && ret->exit == BT_S__N, "exits %s and %s moved", pools_exit_name(ret->exit),
		      pools_exit_name(i));
		CHECK(b->exit[i][1] == a->exit[i][1] + len, "bytes of %s moved by %d, not %u", pools_exit_name(i),
		      (int)(b->exit[i][1] - a->exit[i][1]), len);
		ret->exit = i;
	}
	CHECK(ret->exit < BT_S__N, "no exit of the steering stage moved");
}

static void rung_moved(const struct reading *a, const struct reading *b, uint32_t len, struct pools_seen *ret)
{
	ret->rung = BT_R__N;
	for (uint32_t p = 0; p < POOLS; p++) {
		for (uint32_t i = 0; i < BT_R__N; i++) {
			if (a->pool[p].rung[i] == b->pool[p].rung[i])
				continue;
			CHECK(b->pool[p].rung[i] == a->pool[p].rung[i] + 1 && !ret->pool, "rungs %s and %s moved",
			      pools_rung_name(ret->rung), pools_rung_name(i));
			ret->pool = p;
			ret->rung = i;
		}
		for (uint32_t i = 0; i < BT_SERVERS; i++) {
			if (a->pool[p].packets[i] == b->pool[p].packets[i])
				continue;
			CHECK(b->pool[p].packets[i] == a->pool[p].packets[i] + 1 && !ret->server, "both servers' packets moved");
			CHECK(b->pool[p].bytes[i] == a->pool[p].bytes[i] + len, "bytes to server %u", i + 1);
			ret->server = i + 1;
		}
	}
}

struct pools_seen pools_run(const struct packet *in, struct packet *out)
{
	static struct reading before, after;
	struct pools_seen ret = {};

	reading(&before);
	ret.verdict = rig_verdict(in, out);
	reading(&after);
	CHECK(after.steered == before.steered + 1, "STEERED moved by %d", (int)(after.steered - before.steered));
	exit_moved(&before, &after, in->len, &ret);
	rung_moved(&before, &after, in->len, &ret);
	CHECK((ret.exit == BT_S_SENT) == (ret.server != 0), "%s, but packets of server %u moved", pools_exit_name(ret.exit),
	      ret.server);
	return ret;
}
