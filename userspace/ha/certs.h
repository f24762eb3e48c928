/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certs: is the certificate of each group's SIP server (sip-tls-cert) there, whole, and good for long enough?
 *
 * Each host looks at its own file: the backup's is wanted the moment it takes over. A thread reads them, at the start,
 * once a minute and on reload, so one that was written anew is known by itself; a disk or a resolver that hangs stops nothing
 * but the next look, and is told. The wall clock is read here, to know how many days are left; no role depends on it.
 * Threads: all calls from main.
 */
#ifndef BATON_CERTS_H
#define BATON_CERTS_H

#include "core/cert_judge.h"
#include "core/conf.h"

#define CERTS_TEXT	512

struct certs;

struct certs_report {
	bool known;		/* it was looked at; else nothing else is true */
	enum cert_level level;
	char text[CERTS_TEXT];	/* the file's name last */
};

/* *@ret is NULL when no group has one; NULL is fine for all others. */
int certs_open(struct certs **ret, const struct conf *conf);
void certs_close(struct certs *c, bool hurry);	/* hurry: a file or a resolver that hangs is not waited for, not even a second */
void certs_look(struct certs *c);	/* now, not only in a minute */
/* Changes whenever a report may read differently. */
uint64_t certs_version(struct certs *c, uint64_t now_ns);
void certs_report(struct certs *c, uint32_t slot, struct certs_report *ret);

#endif
