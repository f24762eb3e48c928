/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/term_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "baton_abi.h"
#include "bpf/siphash.h"

/* Not against people, who may write this file anyway, but against half-written and rotten ones. */
static uint64_t check_of(const char *text, size_t len)
{
	static const __u64 key[2] = { 0x626174, 0x6f6e };

	return siphash(key, text, len);
}

size_t term_file_write(const char *group, const struct term_record *rec, char buf[TERM_FILE_MAX])
{
	int n = snprintf(buf, TERM_FILE_MAX, "baton-term 1\ngroup %s\nreserved %" PRIu32 "\nseen %" PRIu32 " %u\n",
			 group, rec->reserved, BT_WORD_TERM(rec->seen), BT_WORD_OWNER(rec->seen));

	n += snprintf(buf + n, TERM_FILE_MAX - (size_t)n, "check %016" PRIx64 "\n", check_of(buf, (size_t)n));
	return (size_t)n;
}

int term_file_read(const char *group, const char *text, size_t len, struct term_record *ret)
{
	char again[TERM_FILE_MAX], name[BT_NAME_MAX];
	struct term_record rec;
	uint32_t term;
	unsigned owner;
	size_t n;

	if (!len || len >= TERM_FILE_MAX || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(again, text, len);
	again[len] = '\0';
	if (sscanf(again, "baton-term 1\ngroup %31s\nreserved %" SCNu32 "\nseen %" SCNu32 " %u\n",
		   name, &rec.reserved, &term, &owner) != 4 || owner > 2)
		return -EBADMSG;
	rec.seen = BT_WORD(term, owner, BT_SHUT);
	/* What we would have written is the only spelling there is. */
	n = term_file_write(group, &rec, again);
	if (n != len || memcmp(again, text, len))
		return -EBADMSG;
	if (rec.reserved > TERM_JUMP_MAX || term > TERM_JUMP_MAX)
		return -ERANGE;
	*ret = rec;
	return 0;
}
