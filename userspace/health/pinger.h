/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pinger: who answers SIP when asked? OPTIONS to every [device] and to this host's own SIP server.
 *
 * A device: every oos-check seconds; without an answer every oos-force seconds. Any final answer is life, as the
 * guide has it. The own server is asked at its first VIP and port, over lo: on a backup too; every
 * PINGER_OWN_S seconds, and in bursts when somebody suspects it. One without a UDP port is not asked: PING_UNKNOWN.
 * An answer is believed by its branch, which nobody makes who has not seen the question, and by where it comes from.
 * Threads: one of its own sends and receives; all functions here are main's and never wait.
 * Time:    boot clock nanoseconds. Errors: negative errno.
 * Source:  the guide, oos-check and oos-force; RFC 3261 §11 (OPTIONS), §17.1.2.
 */
#ifndef BATON_PINGER_H
#define BATON_PINGER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/ping.h"

#define PINGER_OWN_S	5	/* the guide's oos-check of a server */

struct pinger;

/* @changed: an eventfd of the caller's, made readable when a state changes and when a burst gets its first answer or ends. */
int pinger_open(struct pinger **ret, const struct conf *conf, int changed);
void pinger_close(struct pinger *p);

/* Devices of a reloaded configuration: those of the same name and contact keep their state. On an error all stay as they were. */
int pinger_reload(struct pinger *p, const struct conf *conf);

/*
 * Ask the group's own server @times times, @gap_ns apart, the first at once. An answer to any of them is known by
 * answered_to_ns >= the @ret_since_ns of this call; silence by pinger_burst_ended().
 */
void pinger_ask(struct pinger *p, uint32_t slot, uint32_t times, uint64_t gap_ns, uint64_t *ret_since_ns);
/* The last burst, and a gap after its last question, are over (or one was answered). */
bool pinger_burst_ended(struct pinger *p, uint32_t slot);

void pinger_server(struct pinger *p, uint32_t slot, struct ping_report *ret);
/* @i: index in conf->devices as last given. Not checked (oos-check unset): PING_UNKNOWN. */
void pinger_device(struct pinger *p, uint32_t i, struct ping_report *ret);

/* Ask it out of turn, not before @at_ns. */
void pinger_hurry(struct pinger *p, uint32_t i, uint64_t at_ns);

struct pinger_counts {
	uint64_t asked, answered;	/* OPTIONS sent, repetitions among them; answers believed */
	uint64_t strangers;		/* datagrams that answer nothing that was asked */
	uint64_t malformed;		/* answers to what was asked that cannot be read */
};

void pinger_counts(struct pinger *p, struct pinger_counts *ret);

#endif
