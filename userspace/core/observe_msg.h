/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observe_msg: how is a host of a pair asked who holds the gate, and what did it answer?
 *
 * Pure. The host's side of it is bpf/pulse_observe.h.
 * Source:  include/observe_wire.h.
 */
#ifndef BATON_OBSERVE_MSG_H
#define BATON_OBSERVE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "observe_wire.h"

/* Host order; a question, and what an answer must show again. */
struct observe_ask {
	uint64_t key[2];	/* of keys_derive_observe() */
	uint8_t pair_id;
	uint32_t name_hash;	/* conf_name_hash() of the group */
	struct in6_addr at;	/* whom it is for */
	uint64_t nonce;		/* never 0 */
};

struct observe_said {
	uint8_t from;		/* host id, 1 or 2 */
	uint8_t flags;		/* OBSERVE_F_* */
	uint64_t word;		/* BT_WORD; 0 without OBSERVE_F_KNOWN */
};

/* @buf: OBSERVE_BYTES. */
void observe_msg_ask(const struct observe_ask *ask, void *buf);
/* The nonce it claims to answer, before anything of it is believed; 0: it is no answer. */
uint64_t observe_msg_nonce(const void *data, size_t len);
/* Is it the answer to that question, whole and with the right MAC? @ret is written only then. */
bool observe_msg_answers(const void *data, size_t len, const struct observe_ask *ask, struct observe_said *ret);

#endif
