/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/service.h"

static const struct {
	const char *word, *event, *text;
} troubles[TROUBLE__N] = {
	[TROUBLE_NONE] = { "", "", "" },
#define SERVICE_ROW(name, word, event, text) [TROUBLE_##name] = { word, event, text },
	SERVICE_TROUBLES(SERVICE_ROW)
#undef SERVICE_ROW
};

static enum service_trouble process_trouble(const struct service_facts *facts)
{
	if (facts->dumping)
		return TROUBLE_CORE_DUMP;
	if (facts->process != PROCESS_GONE || facts->listener == LISTENER_THERE)
		return TROUBLE_NONE;
	return facts->listener == LISTENER_NEVER_SEEN ? TROUBLE_NOT_RUNNING : TROUBLE_GONE;
}

/* Of the server, the host and what it sees; all but the link. */
static enum service_trouble first_trouble(const struct service_facts *f)
{
	const struct {
		bool failed;
		enum service_trouble trouble;
	} rows[] = {
		{ f->listener == LISTENER_LOST,		TROUBLE_LISTENER },
		{ f->port == FACT_FAILED,		TROUBLE_PORT },
		{ f->answers == FACT_FAILED,		TROUBLE_HUNG },
		{ f->nic == FACT_FAILED,		TROUBLE_NIC },
		{ f->management == FACT_FAILED,		TROUBLE_MGMT },
		{ f->vip == FACT_FAILED,		TROUBLE_VIP },
		{ f->traffic == FACT_FAILED,		TROUBLE_TRAFFIC },
		{ f->trunks == FACT_FAILED,		TROUBLE_TRUNKS },
		{ f->msml == FACT_FAILED,		TROUBLE_MSML },
		{ f->init == FACT_FAILED,		TROUBLE_NOT_READY },
	};
	enum service_trouble trouble = process_trouble(f);

	for (uint32_t i = 0; !trouble && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].failed)
			trouble = rows[i].trouble;
	return trouble;
}

/* What is worth telling of a server that runs. */
static const char *remark(const struct service_facts *facts)
{
	if (facts->process == PROCESS_GONE)
		return "main-process-gone";
	if (facts->listener == LISTENER_NEVER_SEEN)
		return "listener-not-seen-yet";
	return facts->mute ? "options-unanswered" : "";
}

struct service_verdict service_judge(const struct service_facts *facts)
{
	struct service_verdict v = { .trouble = first_trouble(facts), .worker = facts->worker ? facts->worker : "" };

	v.unfit = v.trouble != TROUBLE_NONE;
	v.able = v.trouble == TROUBLE_NONE || v.trouble > TROUBLE_HUNG;
	v.running = !v.unfit && facts->link_up;
	v.orphaned = facts->process == PROCESS_GONE && facts->listener == LISTENER_THERE && !facts->dumping;
	v.wounded = v.worker[0] != '\0';
	if (!v.unfit && !facts->link_up)
		v.trouble = TROUBLE_LINK;
	v.reason = v.running ? remark(facts) : troubles[v.trouble].word;
	return v;
}

const char *service_event(enum service_trouble t)
{
	return troubles[t].event;
}

const char *service_text(enum service_trouble t)
{
	return troubles[t].text;
}
