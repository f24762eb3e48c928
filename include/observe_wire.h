/* SPDX-License-Identifier: GPL-2.0 */
/*
 * observe_wire: how a node that steers asks the hosts of a pair who holds the gate. UDP to the pulse port, one datagram a
 * question and one its answer. Layouts and numbers, never code.
 *
 * Bytes:   network order throughout.
 * Size:    an answer is as long as its question: the host's kernel rewrites it in place (XDP_TX), and nobody can
 *          make it send more than he sent.
 * MAC:     SipHash-2-4 over every byte after the mac field, with a key of its own, made of the pair's secret; the same
 *          both ways: a question is no answer by its type.
 * Checks:  length, version, pair, MAC, range; in that order, counted as those of pulses are.
 * Trust:   the host answers whoever has the key, from any address: it tells nothing that its pulses do not show on the wire,
 *          and takes nothing in. A recorded question sent again gets an answer, which is worth nothing to anybody. The observer
 *          believes an answer with the nonce of one of its own questions, newer than the last it believed: so it was made
 *          after that question left. `at` is what the host's own address must be: an answer of one host is none of the other.
 * Source:  design §4.7; pulse_wire.h has the same places for magic, version, type and pair_id.
 */
#ifndef OBSERVE_WIRE_H
#define OBSERVE_WIRE_H

#include <linux/types.h>

#include "pulse_wire.h"

#define OBSERVE_VERSION	1	/* magic: PULSE_MAGIC */

enum observe_type { OBSERVE_QUESTION = 16, OBSERVE_ANSWER = 17 };

/* observe.flags, of an answer; a question has 0 */
enum observe_flag {
	OBSERVE_F_KNOWN	= 1 << 0,	/* this host has the group: what follows is of it */
	OBSERVE_F_OPEN	= 1 << 1,	/* its gate is open and leased, now */
	OBSERVE_F_RUNNING = 1 << 2,	/* its SIP server is well */
	OBSERVE_F_STOPPING = 1 << 3,	/* its controller is being stopped: that it falls silent will say nothing of the server */
	OBSERVE_F__ALL	= (1 << 4) - 1
};

struct observe {
	__be64 mac;
	__be16 magic;
	__u8   version;
	__u8   type;		/* enum observe_type */
	__u8   pair_id;
	__u8   from;		/* answer: the host's id, 1 or 2; question: 0 */
	__u8   flags;		/* OBSERVE_F_* */
	__u8   zero;
	__be64 nonce;		/* the observer's; the answer has it again */
	__be32 name_hash;	/* of the group, as in pulses */
	__be32 zero2;
	__be64 word;		/* answer: the host's; question: 0 */
	__u8   at[16];		/* the address that is asked, IPv4 as v4-mapped */
};

#define OBSERVE_BYTES	56
_Static_assert(sizeof(struct observe) == OBSERVE_BYTES, "observe changed: bump OBSERVE_VERSION");
_Static_assert(__builtin_offsetof(struct observe, type) == __builtin_offsetof(struct pulse_head, type), "type has moved");

#endif
