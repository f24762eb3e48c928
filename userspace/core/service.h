/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service: from what the monitors say, is the group's SIP server running or unavailable?
 *
 * Pure. SERVICE_RUNNING and SERVICE_UNAVAILABLE are the guide's words.
 * A listener is judged only after one was seen (a server in a container never shows one here); the
 * main process gone while a listener is still there is an alarm, not a move.
 */
#ifndef BATON_SERVICE_H
#define BATON_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

enum fact_process { PROCESS_NOT_WATCHED, PROCESS_ALIVE, PROCESS_GONE };
enum fact_listener { LISTENER_NOT_WATCHED, LISTENER_NEVER_SEEN, LISTENER_THERE, LISTENER_LOST };

struct service_facts {
	enum fact_process process;
	enum fact_listener listener;
	bool link_up;			/* interface exists, is up and has its carrier */
};

struct service_verdict {
	bool running;
	bool server_ill;		/* unavailable because of the server, not of the NIC */
	bool orphaned;			/* alarm: main process gone, a listener still serves */
	const char *reason;		/* stable word: "", process-gone, listener-lost, link-down ... */
};

struct service_verdict service_judge(const struct service_facts *facts);

#endif
