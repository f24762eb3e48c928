/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ready.h"

#include <stdio.h>

bool ready_is_whole(const struct judge_facts *f)
{
	const struct peer_facts *p = &f->said;

	return f->peer == PEER_UP && !f->mute && p->known && p->same_digest && p->running && !p->stopping && !p->fenced;
}

const char *ready_impediment(const struct ready_facts *f)
{
	if (f->role == ROLE_PRIMARY)
		return judge_refusal(f->judge);
	if (f->judge->fenced)
		return "fenced by hand";
	if (!f->running)
		return "this host is unavailable, its alarms say why";
	if (BT_WORD_MODE(f->judge->word) != BT_ARMED)
		return "not armed";
	return f->judge->leased ? NULL : "the peer does not answer this host";
}

const char *ready_refusal(const struct ready_facts *f, char *buf, size_t len)
{
	const char *why = ready_impediment(f);

	if (why)
		return why;
	if (f->role != ROLE_PRIMARY && f->role != ROLE_BACKUP)
		return "the role is moving";
	if (!f->running)
		return "this host is unavailable, its alarms say why";
	if (!ready_is_whole(f->judge))
		return "the peer is not well";
	if (f->role == ROLE_BACKUP || f->whole_ns >= READY_AFTER_NS)
		return NULL;
	snprintf(buf, len, "the pair is whole for %u s, not yet for 60", (unsigned)(f->whole_ns / 1000000000));
	return buf;
}

const char *ready_upgrade_refusal(enum role role)
{
	if (role == ROLE_BACKUP)
		return NULL;
	return role == ROLE_PRIMARY ? "a primary never is: switch over first" : "the role is moving";
}
