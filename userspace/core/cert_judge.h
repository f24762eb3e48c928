/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cert_judge: is this certificate still good, and for how long?
 *
 * Pure. Time:  wall clock seconds, the one thing a certificate is dated by; it decides no role, it words an alarm.
 * Source:  RFC 5280 §4.1.2.5; RFC 5922: a SIP certificate may name the domain and no host, so a name that does not fit
 *          warns and is no alarm.
 */
#ifndef BATON_CERT_JUDGE_H
#define BATON_CERT_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERT_WARN_DAYS	30
#define CERT_ALARM_DAYS	7

enum cert_level { CERT_WELL, CERT_WARN, CERT_ALARM };
enum cert_named { NAMED_UNKNOWN, NAMED_ADDRESS, NAMED_HOST, NAMED_NOT };

struct cert_seen {
	int err;			/* of reading the file; -EBADMSG: it holds no certificate */
	int64_t begins_s, ends_s;
	enum cert_named named;		/* does it name every VIP, or the name that a VIP's address has? */
};

/* @text: one sentence without the file's name. */
enum cert_level cert_judge(const struct cert_seen *seen, int64_t now_s, char *text, size_t len);

#endif
