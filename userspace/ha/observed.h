/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observed: who asks us, from any address, who holds the gate, where XDP is off?
 *
 * Where it stands, the kernel answers before a socket sees the question. Here the same program judges and answers it by hand
 * (sys/dp_hand.c): anybody may ask, so no more than OBSERVED_ROUND questions are taken between two beats, and nothing but a datagram of
 * a question's length and type costs more than its reading.
 * Threads: opened and closed by main, the rest by the pulse thread. Errors: negative errno.
 * Source:  include/observe_wire.h; kernel: udp_lib_lport_inuse() (who may share a port).
 */
#ifndef BATON_HA_OBSERVED_H
#define BATON_HA_OBSERVED_H

#include <stdint.h>

#define OBSERVED_ROUND	32	/* between two beats */

struct dp;

struct observed {
	int fd[2];		/* IPv4, IPv6; -1: none */
	uint16_t port;
	uint32_t left;		/* of this round */
};

/*
 * Beside the @n sockets @own that have the port already, which are more particular; it is shared with nobody else, before or
 * after. Without IPv6 there is IPv4 alone.
 */
int observed_open(struct observed *o, uint16_t port, const int *own, uint32_t n);
void observed_close(struct observed *o);
void observed_answer(struct observed *o, int fd, struct dp *dp);

#endif
