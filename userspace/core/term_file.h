/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * term_file: what must a group remember over a reboot?
 *
 * Two facts: the highest term this host may ever have used (written before it is used), and the
 * highest number it had seen then. Text, so that a person can read it at night:
 *
 *     baton-term 1
 *     group sip
 *     reserved 8
 *     seen 7 1
 *     check 9c1f03aa55d2e7b1
 *
 * Errors:  -EBADMSG for anything else, a wrong check and another group included; -ERANGE for a
 *          term above TERM_JUMP_MAX: a jump that no life of a pair explains (protocol.md H31).
 */
#ifndef BATON_TERM_FILE_H
#define BATON_TERM_FILE_H

#include <stddef.h>
#include <stdint.h>

#define TERM_FILE_MAX	256
#define TERM_JUMP_MAX	0x80000000u

struct term_record {
	uint32_t reserved;
	uint64_t seen;		/* as a word, mode shut */
};

size_t term_file_write(const char *group, const struct term_record *rec, char buf[TERM_FILE_MAX]);
int term_file_read(const char *group, const char *text, size_t len, struct term_record *ret);

#endif
