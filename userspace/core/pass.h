/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pass: sip-pass-check. Does any SIP still come in to the primary?
 *
 * Pure; one instance per group. A sign of life is a SIP message that came in, or the answer of a checked device. None
 * for the period: the role is given up, and the other host tries.
 * Double switchover: a holder that sees nothing either gives it back, but takes twice the time, and the next twice that:
 * x1, x2, x4, x4 ... until one of the two has a sign. How far that has come is told by whoever gave the role up:
 * PULSE_F_NO_SIP and its own factor in PULSE_F_PASS, until it holds the role again or sees a sign itself. The holder goes
 * by it as long as it has seen no sign of its own.
 * The verdict holds only for a primary and PASS_HANDOVER_NS more: the other must be able to give the role back.
 * Time:   boot clock nanoseconds. Source: the guide, SIP Traffic Monitoring and sip-pass-check.
 */
#ifndef BATON_PASS_H
#define BATON_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/service.h"

#define PASS_HANDOVER_NS	UINT64_C(500000000)	/* well below the second after which who is ill is shut */
#define PASS_PERIOD_S		10			/* of a [device]-less pair: the guide's 5 + 5 of a server */

struct pass_seen {
	bool on;			/* sip-pass-check */
	uint64_t period_ns;
	bool primary;
	uint64_t primary_ns;		/* since then; names the hold */
	uint64_t sip_ns;		/* last SIP message that came in by a VIP; 0: none */
	uint64_t device_ns;		/* last answer of a checked device; 0: none */
	bool peer_fresh;
	uint32_t peer_flags;		/* PULSE_F_* */
};

struct pass_says {
	enum fact_health traffic;
	uint32_t evidence;		/* PULSE_F_NO_SIP, PULSE_F_PASS */
	uint64_t next_ns;		/* the verdict is due then; UINT64_MAX: none */
};

struct pass {
	bool on, primary;
	uint64_t on_ns, hold_ns;	/* the option is on, this host holds the role, since */
	uint64_t period_ns;		/* as last told, */
	uint32_t doubled;		/* and it is x1, x2, x4 */
	uint64_t given_ns;		/* the verdict; 0: none in this hold */
	uint64_t lost_ns;		/* when the role was gone */
	bool failed;			/* as said to the judge */
	bool blind;			/* the last hold ended, or would, by the verdict, and there was no sign since */
};

/* max(oos-check + oos-force) of the checked devices, oos-force at least 5; none is checked: PASS_PERIOD_S. */
uint64_t pass_period_ns(const struct conf *conf, bool *ret_any);

void pass_turn(struct pass *p, const struct pass_seen *seen, uint64_t now_ns, struct pass_says *ret);

#endif
