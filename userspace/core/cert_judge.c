/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cert_judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S	86400

static const char *names_text(enum cert_named named)
{
	return named == NAMED_ADDRESS ? ", names the VIP's address" : named == NAMED_HOST ? ", names the VIP's host name" :
	       named == NAMED_NOT ? ", names neither a VIP's address nor its host name" : "";
}

enum cert_level cert_judge(const struct cert_seen *s, int64_t now_s, char *text, size_t len)
{
	int64_t left = s->ends_s - now_s, days = left / DAY_S;

	if (s->err == -EBADMSG) {
		snprintf(text, len, "holds no certificate that can be read as PEM");
		return CERT_ALARM;
	}
	if (s->err) {
		snprintf(text, len, "cannot be read: %s", strerror(-s->err));
		return CERT_ALARM;
	}
	if (now_s < s->begins_s) {
		snprintf(text, len, "is not valid yet, in %" PRId64 " days", (s->begins_s - now_s + DAY_S - 1) / DAY_S);
		return CERT_ALARM;
	}
	if (left <= 0) {
		snprintf(text, len, "ended %" PRId64 " days ago", -left / DAY_S);
		return CERT_ALARM;
	}
	snprintf(text, len, "ends in %" PRId64 " days%s", days, names_text(s->named));
	if (days < CERT_ALARM_DAYS)
		return CERT_ALARM;
	return days < CERT_WARN_DAYS || s->named == NAMED_NOT ? CERT_WARN : CERT_WELL;
}
