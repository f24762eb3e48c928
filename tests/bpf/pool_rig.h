/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool_rig: pools in the maps as batond would write them, a frame through the steering stage, what was counted.
 *
 * On top of rig.h. Every run checks by itself that the frame was counted as STEERED with exactly one exit of the stage, and
 * that at most one rung of one pool moved.
 */
#ifndef TEST_POOL_RIG_H
#define TEST_POOL_RIG_H

#include "rig.h"

#define POOL_SERVICE4	"10.77.0.200"
#define POOL_SERVICE6	"fd00::c8"
#define POOL_SERVER4(n)	((n) == 2 ? "10.77.0.12" : "10.77.0.11")
#define POOL_SERVER6(n)	((n) == 2 ? "fd00::12" : "fd00::11")
#define POOL_CLIENT4	"10.77.0.50"
#define POOL_CLIENT6	"fd00::50"
#define POOL_MAC(n)	((n) == 2 ? "\x02\x00\x00\x00\x01\x02" : "\x02\x00\x00\x00\x01\x01")
#define POOL_OUR_MAC	"\x02\x00\x00\x00\x01\x00"
#define POOL_IFINDEX	1	/* test runs come in by it */
#define POOL_SIPHASH_0	0x0123456789abcdefULL
#define POOL_SIPHASH_1	0xfedcba9876543210ULL

struct pools_seen {
	uint32_t exit;		/* enum bt_steer_exit */
	uint32_t verdict;
	uint32_t pool;		/* whose rung moved; 0: none did */
	uint32_t rung;		/* BT_R__N: none */
	uint32_t server;	/* whose packets moved; 0: none's */
};

/* No pool, nothing known, brake at 1,000 a tick, tick 100. */
void pools_reset(void);
/* Slot @slot: an IPv4 or (@v6) IPv6 pool by L2, server 1 active, epochs 11 and 22; its service and servers at port 5060. */
void pools_make(uint32_t slot, bool v6);
void pools_get(uint32_t slot, struct bt_pool *ret);
void pools_set(uint32_t slot, const struct bt_pool *pool);
void pools_aim(uint32_t slot, uint64_t aim);
void pools_service(const char *ip, uint16_t port, uint32_t slot, uint8_t server);
void pools_config(const struct bt_steer *cfg);
struct bt_steer pools_config_now(void);
void pools_tick(uint32_t tick_s);
/* Sum over CPUs. */
void pools_count(uint32_t slot, struct bt_pool_count *ret);
uint64_t pools_exit_count(uint32_t exit);
uint32_t pools_entries(const char *map);	/* of a hash */
void pools_forget(const char *map);
/* Puts a hash map's first entry there; false: it is empty. */
bool pools_entry(const char *map, uint64_t *ret_key, struct bt_dialog *ret);
void pools_entry_set(const char *map, uint64_t key, const struct bt_dialog *d);
/* Oldest of ev_slow or ev_trace into @ret; false: nothing waits. */
bool pools_slow(struct bt_slow *ret);
bool pools_trace(struct bt_trace *ret);

struct pools_seen pools_run(const struct packet *in, struct packet *out);
const char *pools_exit_name(uint32_t exit);
const char *pools_rung_name(uint32_t rung);

#endif
