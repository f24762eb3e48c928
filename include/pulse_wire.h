/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_wire: the heartbeat between the two hosts, UDP, one datagram a probe and one its answer.
 * Layouts and numbers, never code.
 *
 * Bytes:   network order throughout.
 * Size:    PULSE_HEAD_BYTES + groups * PULSE_GROUP_BYTES; an answer is as long as its probe, so
 *          that the peer's kernel can rewrite it in place and send it back (XDP_TX).
 * MAC:     SipHash-2-4 over every byte after the mac field, key of the sender's direction.
 * Checks:  length, version, pair, MAC, freshness, range; in that order, one counter each.
 * Trust:   a message is believed if `boot` is the believed boot id of its sender and `to_boot` is
 *          ours, and its sequence number is new. A new boot id becomes the believed one with a
 *          message whose `echo` is our present nonce; a retired one cannot come back, because the
 *          nonce is renewed then.
 * Claim:   nothing but the word: armed, its own sender's number. Its acknowledgement is the answer.
 * Mark:    a frame may instead *be* a message: its Ethernet source address is a mark (bpf/mark.h).
 */
#ifndef PULSE_WIRE_H
#define PULSE_WIRE_H

#include <linux/types.h>

#define PULSE_MAGIC	0xba70
#define PULSE_VERSION	3
#define PULSE_GROUPS_MAX 16
#define PULSE_WINDOW	64		/* sequence numbers remembered */
#define PULSE_NEVER	0xffffffffu	/* of an age: there was none */

enum pulse_type { PULSE_PROBE = 1, PULSE_ANSWER = 2 };

/* pulse_group.flags */
enum pulse_flag {
	PULSE_F_KNOWN	= 1 << 0,	/* the sender has this group at all */
	PULSE_F_RUNNING	= 1 << 1,	/* its SIP server is well */
	PULSE_F_FENCED	= 1 << 2,	/* shut by hand */
	PULSE_F_LEASED	= 1 << 3,	/* the sender's lease has not ended */
	PULSE_F_VIP	= 1 << 4,	/* the VIPs are on the sender's interfaces */
	PULSE_F_STOPPING = 1 << 5,	/* being stopped: do not hand over to it */
	PULSE_F_RESTART	= 1 << 6,	/* its controller is being started again, in order */
	PULSE_F_ASKING	= 1 << 7,	/* its server takes requests and answers none: the receiver is to ask its own */
	PULSE_F_ANSWERS	= 1 << 8,	/* asked since the receiver said ASKING, the sender's server has answered */
	PULSE_F_TRUNKS_OOS = 1 << 9,	/* every trunk is out of service, seen from the sender */
	PULSE_F_MSML_OOS = 1 << 10,	/* every media server likewise */
	PULSE_F_NO_SIP	= 1 << 11,	/* sip-pass-check: nothing comes in here, no checked device answers */
	PULSE_F_VIP_DOWN = 1 << 12,	/* control-remote-vip-scripts: the receiver is to run its down script */
	PULSE_F_PORTS	= 1 << 15,	/* every sip-port is listened on at the sender */
	PULSE_F_DRAIN_MINE = 1 << 16,	/* drain: the sender lets go, or has, and keeps what began with it */
	PULSE_F_DRAIN_YOURS = 1 << 17,	/* drain: open, the sender sends back what began with the receiver */
	PULSE_F__ALL	= (1 << 18) - 1
};

/* Two bits more: how often sip-pass-check's time has been doubled by a move, 0 .. PULSE_PASS_MAX. */
#define PULSE_F_PASS_SHIFT	13
#define PULSE_PASS_MAX		2
#define PULSE_F_PASS(flags)	((flags) >> PULSE_F_PASS_SHIFT & 3)

/* pulse_head.flags */
enum pulse_head_flag {
	PULSE_H_MARKED	= 1 << 0,	/* test marks of the receiver come through on this path */
	PULSE_H_STRANGER	= 1 << 1,	/* answer: your life is not yet believed, so it is told nothing of any group */
	PULSE_H__ALL	= (1 << 2) - 1
};

struct pulse_head {
	__be64 mac;
	__be16 magic;
	__u8   version;
	__u8   type;		/* enum pulse_type */
	__u8   pair_id;
	__u8   from;		/* host ids, 1 or 2 */
	__u8   to;
	__u8   n_groups;	/* 1 .. PULSE_GROUPS_MAX */
	__be64 seq;		/* probe: per boot and path, from 1; answer: that of its probe */
	__be64 boot;		/* the sender's boot id */
	__be64 to_boot;		/* the receiver's, as the sender believes it; answer: its probe's boot */
	__be64 nonce;		/* the sender's */
	__be64 echo;		/* probe: receiver's nonce, 0 if unknown; answer: its probe's nonce */
	__be32 heard_ms;	/* since the sender last believed a message of the receiver on any path */
	__be32 flags;		/* PULSE_H_* */
};

struct pulse_group {
	__be32 name_hash;	/* first 32 bits of SipHash-2-4(zero key, name), never 0 */
	__be32 digest;		/* of the settings both hosts must share */
	__be64 word;		/* the sender's */
	__be64 echo;		/* the receiver's, as the sender last heard it */
	__be32 lease_left_us;
	__be32 resp_age_ms;	/* since the last SIP response from its VIPs; PULSE_NEVER */
	__be32 flags;		/* PULSE_F_* */
	__be32 requests;	/* SIP requests seen for its VIPs, wraps */
	__be32 accept_age_us;	/* since its gate last let a VIP frame in; PULSE_NEVER */
	__be32 unanswered;	/* requests it took that still want a final response, about */
};

#define PULSE_HEAD_BYTES	64
#define PULSE_GROUP_BYTES	48
_Static_assert(sizeof(struct pulse_head) == PULSE_HEAD_BYTES, "pulse_head changed: bump PULSE_VERSION");
_Static_assert(sizeof(struct pulse_group) == PULSE_GROUP_BYTES, "pulse_group changed: bump PULSE_VERSION");

#endif
