/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service: from what the monitors say, is the group's SIP server running or unavailable?
 *
 * Pure. SERVICE_RUNNING and SERVICE_UNAVAILABLE are the guide's words.
 * A listener is judged only after one was seen (a server in a container never shows one here); the
 * main process gone while a listener is still there is an alarm, not a move. A monitor that is off, or does not
 * know yet, says nothing: FACT_NOT_WATCHED.
 */
#ifndef BATON_SERVICE_H
#define BATON_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

enum fact_process { PROCESS_NOT_WATCHED, PROCESS_ALIVE, PROCESS_GONE };
enum fact_listener { LISTENER_NOT_WATCHED, LISTENER_NEVER_SEEN, LISTENER_THERE, LISTENER_LOST };
enum fact_health { FACT_NOT_WATCHED, FACT_WELL, FACT_FAILED };

/*
 * What makes a service unavailable: name, the stable word for status and logs, the event number that is
 * raised with it (the guide's, where it has one), a sentence. The first that is found is told: causes stand before
 * their effects. Down to HUNG they are the server's own. The link, which the role is judged by too, comes last.
 */
#define SERVICE_TROUBLES(X) \
	X(CORE_DUMP,	"core-dump",	     "service-unavailable", "the SIP server has crashed and writes its core") \
	X(NOT_RUNNING,	"process-not-running", "service-unavailable", "the SIP server does not run") \
	X(GONE,		"process-gone",	     "service-unavailable", "the SIP server's process has ended") \
	X(LISTENER,	"listener-lost",     "00-04200", "a SIP port is not listened on any more") \
	X(PORT,		"port-cannot-open",  "00-04200", "a SIP port cannot be opened") \
	X(HUNG,		"server-hung",	     "service-unavailable", "the SIP server takes requests and answers nothing, OPTIONS of this host included") \
	X(NIC,		"nic-failed",	     "00-52027", "the NIC of the group, or its own address, has failed") \
	X(MGMT,		"management-nic-failed", "management-nic", "the NIC of the management path has failed") \
	X(VIP,		"vip-failed",	     "00-52029", "the VIPs are not as the role wants them and could not be mended") \
	X(TRAFFIC,	"no-sip-traffic",    "no-sip-traffic", "no SIP message comes in and no checked device answers") \
	X(TRUNKS,	"trunks-out-of-service", "trunks-out-of-service", "every trunk is out of service, seen from this host") \
	X(MSML,		"msml-out-of-service", "msml-out-of-service", "every media server is out of service, seen from this host") \
	X(NOT_READY,	"not-ready",	     "backup-not-ready", "a part that a takeover needs is not ready") \
	X(LINK,		"link-down",	     "00-52027", "clients cannot reach this host: the link is down")

enum service_trouble {
	TROUBLE_NONE,
#define SERVICE_ENUM(name, word, event, text) TROUBLE_##name,
	SERVICE_TROUBLES(SERVICE_ENUM)
#undef SERVICE_ENUM
	TROUBLE__N
};

struct service_facts {
	enum fact_process process;
	enum fact_listener listener;
	bool link_up;			/* interface exists, is up and has its carrier */
	bool dumping;			/* the main process writes its core */
	const char *worker;		/* which one crashed while the server goes on; NULL or "": none */
	enum fact_health port;		/* backup-sip-port-check, and a port that could never be opened */
	enum fact_health answers;	/* failed: hung, and the peer's server is not */
	bool mute;			/* it answers no OPTIONS: that it hangs could not be told */
	enum fact_health nic;		/* sip-nic-monitoring */
	enum fact_health management;	/* tlib-nic-monitoring */
	enum fact_health vip;		/* sip-iptakeover-monitoring */
	enum fact_health traffic;	/* sip-pass-check */
	enum fact_health trunks;	/* switchover-on-trunks-oos */
	enum fact_health msml;		/* switchover-on-msml-oos */
	enum fact_health init;		/* backup-init-check */
};

#define SERVICE_DETAIL	96

struct service_verdict {
	bool running;
	bool unfit;			/* unavailable for more than the link, which is a fact of its own */
	bool able;			/* the server itself is well: what is wrong is around it */
	bool orphaned;			/* alarm: main process gone, a listener still serves */
	bool wounded;			/* alarm: it has lost a worker, */
	const char *worker;		/* this one; else "" */
	enum service_trouble trouble;
	const char *reason;		/* stable word: "", process-gone, listener-lost, link-down ... */
	char detail[SERVICE_DETAIL];	/* the monitor's own words, where the reason leaves a question; "" */
};

struct service_verdict service_judge(const struct service_facts *facts);

/* The id of the alarm that goes with @t, and what it says. TROUBLE_NONE: "". */
const char *service_event(enum service_trouble t);
const char *service_text(enum service_trouble t);

#endif
