/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ref: what libosip2 reads in a message, of what bpf/sip.h reads. */
#ifndef FUZZ_REF_H
#define FUZZ_REF_H

#include <stdbool.h>
#include <stddef.h>

#define REF_TEXT 4096

struct ref {
	bool parsed;		/* it takes the message at all */
	bool request;
	int status;
	char method[REF_TEXT];
	bool call_id, to, to_tag, cseq;
	char id[REF_TEXT];
	char number[REF_TEXT];
	char cseq_method[REF_TEXT];
};

void ref_open(void);
void ref_read(const char *text, size_t len, struct ref *ret);

#endif
