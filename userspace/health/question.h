/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * question: what does an OPTIONS of ours look like, and is this an answer to it?
 *
 * An answer is believed by its branch, which nobody makes who has not seen the question; then by CSeq and Call-ID. Who asks
 * looks besides at where it comes from.
 * Threads: any; nothing is kept. Errors: negative errno.
 * Source:  RFC 3261 §11 (OPTIONS), §8.1.3.
 */
#ifndef BATON_QUESTION_H
#define BATON_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/udp.h"

#define QUESTION_MAX	1024

struct question_ask {
	uint32_t id, serial;		/* of whom is asked; of the question, never 0 */
	struct udp_addr to;
	struct udp_addr from;
	uint32_t max_forwards;
};

/* @key: random, of this process. Returns the length. */
int question_write(const uint64_t key[2], const struct question_ask *ask, char *buf, size_t cap);
/* Is it an answer to what we asked? Known before anything else of it is looked at. */
bool question_of(const uint64_t key[2], const char *in, size_t len, uint32_t *ret_id, uint32_t *ret_serial);
/* And a sound one? */
bool question_status(const uint64_t key[2], uint32_t id, uint32_t serial, const char *in, size_t len, uint16_t *ret);

#endif
