/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ctl_wire: what baton (the command line) and batond agree on. Numbers, words and tables, never code.
 *
 * Socket:  RUN_DIR/control.sock, UNIX stream. One request a connection: the client sends one JSON
 *          object on one line, what follows that line is not read.
 * Request: {"verb":"switchover","group":"sip","force":true,"timeout_s":10}
 * Reply:   {"exit":0,"doc":{...}} or {"exit":1,"error":"text"} or both; "exit" is what the command
 *          exits with, "doc" what `-j` prints. `watch` and `events -f` get many such lines.
 * Trust:   by the peer's credentials as the kernel tells them, never by what it says.
 */
#ifndef CTL_WIRE_H
#define CTL_WIRE_H

#define CTL_RUN_DIR	"/run/baton"		/* unless [node] run-dir or --run-dir says otherwise */
#define CTL_SOCKET	"control.sock"
#define CTL_LOCK	"lock"
#define CTL_GROUP	"baton"			/* its members may ask, as root may */
#define CTL_SCHEMA	1			/* "schema" of every document */

#define CTL_CLIENTS_MAX		16
#define CTL_REQUEST_MAX		4096		/* bytes, newline included */
#define CTL_REQUEST_S		2		/* a client has this long to send it */
#define CTL_STALL_S		10		/* and this long to take some of its answer */
#define CTL_BACKLOG_MAX		(256 * 1024)	/* unread bytes after which a stream is cut */
#define CTL_WATCH_S		1		/* `watch` says something at least this often */
#define CTL_TIMEOUT_S		10		/* of a switchover that names none */
#define CTL_TIMEOUT_MAX_S	3600
#define CTL_EVERY		100		/* decisions of a CPU of which `trace` shows one, when it does not say */
#define CTL_EVERY_MAX		1000000

enum ctl_exit {
	CTL_DONE,
	CTL_REFUSED,		/* refused, or not true; the reason is in "error" */
	CTL_USAGE,
	CTL_NO_DAEMON,
	CTL_UNFINISHED,		/* begun, but not finished in time */
};

/* Keys of a request beside "verb", and which verb takes which. */
enum ctl_key {
	CTL_K_GROUP	= 1 << 0,	/* "group": string */
	CTL_K_FORCE	= 1 << 1,	/* "force": boolean */
	CTL_K_TIMEOUT	= 1 << 2,	/* "timeout_s": number, > 0 */
	CTL_K_FOLLOW	= 1 << 3,	/* "follow": boolean */
	CTL_K_CLEAR	= 1 << 4,	/* "clear": string, the alarm's id */
	CTL_K_TERM	= 1 << 5,	/* "term": number, 1 .. 4294967295 */
	CTL_K_WHAT	= 1 << 7,	/* "what": "switchover" or "upgrade" */
	CTL_K_EVERY	= 1 << 9,	/* "every": number, 1 .. CTL_EVERY_MAX */
	CTL_K_THE_GROUP	= 1 << 6,	/* "group" may not be left out */
	CTL_K_REJECT	= 1 << 8,	/* "reject": boolean */
	CTL_K_DO	= 1 << 10,	/* "do": "enable", "disable" or "drain"; may not be left out */
	CTL_K_PORT	= 1 << 11,	/* "port": number, 1 .. 65535, or "all"; may not be left out */
};

/* Name, word, keys, whether this version does it, arguments on the command line, help. */
#define CTL_VERBS(X) \
	X(STATUS,     "status",     0, 1, "", "who holds the VIPs, and is the pair well") \
	X(WATCH,      "watch",      0, 1, "", "the same again at every change") \
	X(SWITCHOVER, "switchover", CTL_K_GROUP | CTL_K_FORCE | CTL_K_TIMEOUT, 1, \
	  "[GROUP] [--timeout S] [--force]", "move the role to the other host, from either one") \
	X(DRAIN,      "drain",      CTL_K_GROUP | CTL_K_TIMEOUT | CTL_K_REJECT | CTL_K_FORCE, 1, \
	  "[NAME] [--timeout S] [--reject] [--force]", "let calls end here, send new ones to the peer, or refuse them") \
	X(UNDRAIN,    "undrain",    CTL_K_GROUP, 1, "[NAME]", "undo drain") \
	X(PORT,       "port",       CTL_K_DO | CTL_K_PORT | CTL_K_GROUP, 1, \
	  "enable|disable|drain PORT|all [GROUP]", "what port rules let in on this host") \
	X(FENCE,      "fence",      CTL_K_GROUP | CTL_K_THE_GROUP | CTL_K_FORCE, 1, \
	  "GROUP [--force]", "keep this host from ever taking the role") \
	X(UNFENCE,    "unfence",    CTL_K_GROUP | CTL_K_THE_GROUP, 1, "GROUP", "undo fence") \
	X(READY,      "ready",      CTL_K_WHAT, 1, "[switchover|upgrade]", "would it be safe now?") \
	X(EVENTS,     "events",     CTL_K_FOLLOW, 1, "[-f]", "what happened; -f goes on as it happens") \
	X(EXPLAIN,    "explain",    CTL_K_TERM, 1, "[TERM]", "why a role change happened, and its measured outage") \
	X(COUNTERS,   "counters",   0, 1, "", "packets by their way out, SIP messages by VIP") \
	X(CALLS,      "calls",      0, 1, "", "dialogs and connections known, and how far a drain has come") \
	X(DEVICES,    "devices",    0, 1, "", "devices and the own SIP servers: do they answer?") \
	X(POOLS,      "pools",      0, 1, "", "server pairs behind this node") \
	X(NEIGHBOURS, "neighbours", 0, 1, "", "who still sends VIP frames to this host, which does not hold them") \
	X(OPTIONS,    "options",    0, 1, "", "every option: value, default, valid values, when it takes effect") \
	X(ALARMS,     "alarms",     CTL_K_CLEAR, 1, "[clear ID]", "what is wrong now") \
	X(TRACE,      "trace",      CTL_K_EVERY, 1, "[-n COUNT] [--every N]", "one steering decision in so many, as they are made") \
	X(DOCTOR,     "doctor",     0, 1, "", "check this host's settings, and say how to mend them") \
	X(RELOAD,     "reload",     0, 1, "", "read the configuration again")

enum ctl_verb {
#define CTL_ENUM(name, word, keys, built, args, help) CTL_##name,
	CTL_VERBS(CTL_ENUM)
#undef CTL_ENUM
	CTL_VERB__N
};

#endif
