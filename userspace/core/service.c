/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/service.h"

/* What is wrong with the server itself, "" when nothing is. The cause wins over its effect. */
static const char *server_trouble(const struct service_facts *facts)
{
	bool gone = facts->process == PROCESS_GONE;

	if (gone && facts->listener == LISTENER_NEVER_SEEN)
		return "process-not-running";
	if (gone && facts->listener != LISTENER_THERE)
		return "process-gone";
	if (facts->listener == LISTENER_LOST)
		return "listener-lost";
	return "";
}

/* What is worth telling of a server that runs. */
static const char *remark(const struct service_facts *facts)
{
	if (facts->process == PROCESS_GONE)
		return "main-process-gone";
	return facts->listener == LISTENER_NEVER_SEEN ? "listener-not-seen-yet" : "";
}

struct service_verdict service_judge(const struct service_facts *facts)
{
	struct service_verdict v = { .reason = server_trouble(facts) };

	v.server_ill = v.reason[0] != '\0';
	v.running = !v.server_ill && facts->link_up;
	v.orphaned = facts->process == PROCESS_GONE && facts->listener == LISTENER_THERE;
	if (!v.server_ill)
		v.reason = facts->link_up ? remark(facts) : "link-down";
	return v;
}
