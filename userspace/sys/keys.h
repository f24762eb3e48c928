/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys: the pair's secret, and the key of each direction made from it.
 *
 * Errors:  negative errno; keys_read_secret() adds a sentence without the file's name, e.g.
 *          "is open to others (mode 0644), make it 0600".
 * Secrets: never logged; the caller wipes its buffer (explicit_bzero) once the keys are made.
 * Source:  RFC 5869 (HKDF), here with SHA-256 and no salt, by libcrypto.
 */
#ifndef BATON_KEYS_H
#define BATON_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define KEYS_SECRET_MIN	32
#define KEYS_SECRET_MAX	4096

/*
 * A regular file (no symbolic link) of root or of this process' user, closed to group and others,
 * of KEYS_SECRET_MIN .. @cap bytes. -EPERM: others could know or change it; -EINVAL: wrong size
 * or kind.
 */
int keys_read_secret(const char *path, void *buf, size_t cap, size_t *ret_len, char *why,
		     size_t why_len);

/* SipHash key for what host @from_id sends to @to_id, the same on both hosts in any byte order. */
int keys_derive(const void *secret, size_t len, uint8_t from_id, uint8_t to_id,
		uint64_t ret_key[2]);
/* The same for the questions of nodes that steer to the pair, and their answers. */
int keys_derive_observe(const void *secret, size_t len, uint64_t ret_key[2]);

#endif
