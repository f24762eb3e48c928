/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig: both programs loaded, maps filled as batond would, nothing attached; a frame in, what came
 * out.
 *
 * This host is 1, its peer 2. Two groups: "sip" (slot 0) and "other" (slot 1). Three paths, all by
 * the interface that test runs arrive on: two IPv4, one IPv6.
 * Every run checks by itself that exactly one exit moved, and the total with it.
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "baton_abi.h"
#include "packet.h"
#include "pulse_wire.h"

#define RIG_VIP4	"10.77.0.100"
#define RIG_VIP6	"fd00::64"
#define RIG_OTHER4	"10.77.0.101"
#define RIG_OTHER6	"fd00::65"
#define RIG_US4		"10.77.0.1"
#define RIG_US6		"fd00::1"
#define RIG_PEER4	"10.77.0.2"		/* path 0 */
#define RIG_PEER6	"fd00::2"		/* path 1 */
#define RIG_PEER4B	"10.78.0.2"		/* path 2 */
#define RIG_PORT	4270
#define RIG_BOOT	0x1111222233334444ULL
#define RIG_NONCE	0xaaaabbbbccccddddULL
#define RIG_PEER_BOOT	0x5555666677778888ULL
#define RIG_LINGER_MS	32000
#define RIG_DIGEST	0x01020304u
#define RIG_SEC		1000000000ULL
#define RIG_REPLAY_SLOTS 64	/* of st_replay, as batond would have it */
#define RIG_INTERVAL_NS	100000000ULL	/* between two pulses: so long that no test is too slow for it */

#define CHECK(cond, ...) do { if (!(cond)) { \
	print_error("%s:%d: %s\n    ", __FILE__, __LINE__, #cond); print_error(__VA_ARGS__); print_error("\n"); \
	fail(); } } while (0)

/* All that a frame may change and that is not a counter of exits. */
struct rig_world {
	uint64_t word[BT_GROUPS_MAX], lease[BT_GROUPS_MAX], linger[BT_GROUPS_MAX];
	struct bt_heard heard[BT_GROUPS_MAX];
	struct bt_seen seen[BT_GROUPS_MAX];
	struct bt_live live[8];		/* of the VIPs of the rig: in, out, in, out ... */
	struct bt_pair pair;
};

enum rig_vip { RIG_V_SIP4, RIG_V_SIP6, RIG_V_OTHER4, RIG_V_OTHER6 };

int rig_open(void **state);	/* group set-up and tear-down of cmocka */
int rig_close(void **state);
void rig_reset(void);		/* maps as in the beginning, every word shut at 0, no lease */

uint64_t rig_now(void);
void rig_set_word(uint32_t slot, uint64_t word);
void rig_set_lease(uint32_t slot, uint64_t until_ns);
void rig_set_linger(uint32_t slot, uint64_t until_ns);
void rig_open_gate(uint32_t slot);	/* open, own number 7, leased for a minute */
uint64_t rig_word(uint32_t slot);
int rig_map(const char *name);		/* descriptor */
const struct bt_node *rig_node(void);
__be32 rig_name_hash(uint32_t slot);

void rig_world(struct rig_world *ret);
/* Name of the first part that differs, or NULL. */
const char *rig_world_diff(const struct rig_world *a, const struct rig_world *b);

/* Run it; returns the exit. @out (may be NULL) gets the frame as it left, @verdict (may be NULL) the verdict. */
uint32_t rig_xdp(const struct packet *in, struct packet *out, uint32_t *verdict);
/* The same without a look at the counters: many runs. Returns the verdict. */
uint32_t rig_verdict(const struct packet *in, struct packet *out);
void rig_xdp_counts(uint64_t ret[BT_X__N]);
void rig_tc_counts(uint64_t ret[BT_T__N]);
void rig_local_counts(uint64_t ret[BT_L__N]);
uint32_t rig_tc(const struct packet *in, int *verdict);
uint32_t rig_tc_frame(const struct packet *in, struct packet *out, int *verdict);	/* @out (may be NULL) gets the frame as it left */
const char *rig_xdp_name(uint32_t exit);
const char *rig_tc_name(uint32_t exit);
uint32_t rig_run(int prog, const struct packet *in, struct packet *out);	/* any program, no look at counters: what it returned */
struct bpf_object *rig_object(const char *which);	/* one more, on the rig's maps and its own; the caller closes it */
int rig_prog(const char *which);	/* "xdp", "tc", or a stage of XDP: "watch" */

/* A pulse from the peer in host order; rig_pulse() gives a sound probe about group "sip". */
struct rig_block {
	__be32 name_hash;
	uint32_t digest;
	uint64_t word, echo;
	uint32_t lease_left_us, resp_age_ms, flags, requests, accept_age_us, unanswered;
};

struct rig_pulse {
	uint16_t magic;
	uint8_t version, type, pair_id, from, to, n_groups;
	uint64_t seq, boot, to_boot, nonce, echo;
	uint32_t heard_ms, flags;
	struct rig_block block[PULSE_GROUPS_MAX + 1];
	__u64 key[2];
};

struct rig_pulse rig_pulse(uint64_t seq);
/* Sign and frame it as it comes by @path 0, 1 or 2. */
void rig_frame(struct packet *p, const struct rig_pulse *m, uint32_t path, int vlans);
/* Read what our host sent back; false when its MAC is wrong. */
bool rig_answer(const struct packet *p, struct rig_pulse *ret);
/* The peer's boot becomes the believed one, by a probe numbered 1 on path 0 about a word of 0. */
void rig_believe(void);
struct bt_pair rig_pair(void);

/* Oldest event that waits; kind 0: none. */
struct bt_event rig_event(void);

#endif
