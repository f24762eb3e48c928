/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse_msg: what bytes does a probe have?
 *
 * Only probes are made here: answers are the peer's kernel's, and so is all reading of what comes in.
 * Source:  include/pulse_wire.h.
 */
#ifndef BATON_PULSE_MSG_H
#define BATON_PULSE_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "baton_abi.h"
#include "pulse_wire.h"

#define PULSE_MSG_MAX	(PULSE_HEAD_BYTES + PULSE_GROUPS_MAX * PULSE_GROUP_BYTES)

/* Host order throughout, except name_hash and digest, which stay as in bt_group. */
struct pulse_say_group {
	__be32 name_hash, digest;
	uint64_t word, echo;
	uint32_t lease_left_us, resp_age_ms, flags, requests, accept_age_us, unanswered;
};

struct pulse_say {
	const struct bt_node *node;
	uint64_t seq, to_boot, nonce, echo;
	uint32_t heard_ms;
	uint32_t flags;			/* PULSE_H_* */
	struct pulse_say_group group[BT_GROUPS_MAX];
	uint32_t n_groups;
};

/* Write the probe to @buf (PULSE_MSG_MAX bytes), signed with node->key_out. Returns its length. */
size_t pulse_msg_probe(const struct pulse_say *say, void *buf);

/* Microseconds or milliseconds that fit the wire: @ns cut at the field's greatest honest value. */
uint32_t pulse_us(uint64_t ns);
uint32_t pulse_ms(uint64_t ns);

#endif
