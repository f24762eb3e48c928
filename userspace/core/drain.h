/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drain: has the next step of a drain come, or its end?
 *
 *	old holder	off -> asked -> moving -> on -> off
 *	new holder	off -> ready -> back -> off
 *	holder that is stopped with its peer	off -> refusing -> off
 *	one of two servers here	off -> asked -> moving -> on -> off
 *
 * Both name the number at which the new holder will be open before the role moves: its gate then knows with the first
 * frame what to send back. Each says in every pulse that it takes part; whoever stops saying so ends it on both.
 * A drain changes no word: the role moves as by a switchover, and whoever may claim may still claim.
 * Pure. Time: ages in nanoseconds, by the caller.
 * Source: design §4.7.
 */
#ifndef BATON_DRAIN_H
#define BATON_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

enum drain_state {
	DRAIN_OFF,
	DRAIN_ASKED,	/* old holder, open: would keep what it has; the peer has not agreed yet */
	DRAIN_MOVING,	/* the peer has: the role moves */
	DRAIN_ON,	/* the peer holds it, what began here stays here */
	DRAIN_READY,	/* armed, and agreed */
	DRAIN_BACK,	/* holds it, and sends back what began with the peer */
	DRAIN_REFUSING,	/* holds it, new INVITEs are refused */
	DRAIN_STATE__N
};

struct drain_facts {
	enum drain_state state;
	uint64_t number;	/* the drain's: at which the new holder is open; refusing: our word's */
	uint64_t word;
	uint8_t me, peer_id;
	uint64_t age_ns;	/* in this state */
	uint64_t deadline_ns;	/* drain-deadline; 0: none */
	bool empty;		/* nothing has been left for as long as graceful-shutdown-sip-timeout wants */
	bool ended;		/* by undrain */
	bool running, link_up, stopping, fenced;
	bool marked;		/* frames with a foreign source address come through to the peer, and it is met there */
	bool peer_heard;	/* so lately that frames are sent on to it */
	bool mine, yours;	/* it says: I keep what is mine; I send back what is yours */
	bool peer_running;
	uint64_t peer_word;
};

struct drain_step {
	enum drain_state to;	/* the same as before: nothing to be done */
	const char *why;	/* stable word, for the log and `baton calls` */
};

struct drain_step drain_next(const struct drain_facts *f);

/* Of two servers on one host: off -> asked -> moving -> on -> off, and no peer has to agree. */
#define DRAIN_PREPARE_NS	UINT64_C(50000000)	/* a datagram's way from the gate to its socket */

struct drain_servers {
	enum drain_state state;
	uint64_t age_ns, deadline_ns;
	bool empty, ended, stopping;
	bool able;		/* the one that is drained can work */
	bool left;		/* ... and the other is active, at a term of its own */
	bool back;		/* ... or it is active again, by whatever moved it */
	bool found;		/* off: the kernel has been draining it since an earlier life of ours */
};

struct drain_step drain_next_server(const struct drain_servers *f);

/* The number at which @opener opens when @word's is let go; 0: terms have run out. */
uint64_t drain_number(uint64_t word, uint8_t opener);

/* What the kernel is told in this state: enum bt_drain_side. */
uint32_t drain_side(enum drain_state state);
/* What pulses say: PULSE_F_DRAIN_*. */
uint32_t drain_says(enum drain_state state);
const char *drain_text(enum drain_state state);

#endif
