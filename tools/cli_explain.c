/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cli_explain.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/service.h"
#include "tools/cli_table.h"

#define LINE_CAP	1024
#define HANDS_SHOWN	8

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key, const char *value)
{
	return !strcmp(str(o, key), value);
}

static bool has(const json_t *o, const char *key)
{
	return json_is_integer(json_object_get(o, key));
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	char line[LINE_CAP];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put_clean(line);
	puts("");
}

/* Stable words are for scripts; a person gets a sentence. What is not here is shown as it is. */
static const char *cause_text(const char *cause)
{
	static const struct {
		const char *word, *text;
	} causes[] = {
		{ "peer-lost",		"nothing was heard from the peer any more" },
		{ "alone",		"this host was alone: no peer was ever heard" },
		{ "peer-stalled",	"the peer's controller had stopped renewing its lease" },
		{ "vip-silent",		"the peer could not be believed, and nobody answered for the VIP" },
		{ "switchover",		"an operator asked for it" },
		{ "drain",		"an operator drained its holder" },
		{ "fence",		"an operator fenced this host" },
		{ "stop",		"this host's controller was stopped" },
		{ "first-start",	"both hosts were new, and this one is preferred" },
		{ "nobody-holds",	"nobody held the role" },
		{ "higher-number",	"the peer had a higher term" },
		{ "renumber",		"the peer knew a higher term that nobody held" },
		{ "not-heard",		"both hosts held the role, and the peer did not hear this one" },
		{ "service-unavailable", "the SIP server here was unavailable" },
		{ "listener-lost",	"the SIP server's socket here was gone, as the kernel saw with a frame in hand" },
		{ "link-down",		"the clients' link was down here" },
	};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (!strcmp(cause, causes[i].word))
			return causes[i].text;
	return cause;
}

/* "core-dump" and "core-dump: what the monitor says" are one trouble. NULL: of none that is known here. */
static const char *trouble_text(const char *reason)
{
	static const struct {
		const char *word, *text;
	} troubles[] = {
#define TROUBLE_ROW(name, word, event, text) { word, text },
		SERVICE_TROUBLES(TROUBLE_ROW)
#undef TROUBLE_ROW
	};
	size_t len = strcspn(reason, ":");

	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
		if (strlen(troubles[i].word) == len && !strncmp(reason, troubles[i].word, len))
			return troubles[i].text;
	return NULL;
}

static bool is_alone(const json_t *c)
{
	return is(json_object_get(json_object_get(c, "then"), "peer"), "state", "none");
}

/* Two servers on one host: what moves is not the role. */
static bool is_of_servers(const json_t *c)
{
	return is_alone(c) && is(c, "from", "primary") && is(c, "to", "primary");
}

/* Why it let go only the peer knows: the reader is sent there. */
static void let_go_text(const json_t *c, const json_t *then, char *to, size_t len)
{
	const json_t *peer = json_object_get(then, "peer");

	snprintf(to, len, "the peer %slet go: `baton explain %" JSON_INTEGER_FORMAT "` there says why",
		 json_is_true(json_object_get(peer, "stopping")) ? "was being stopped and " :
		 json_is_true(json_object_get(peer, "fenced")) ? "was fenced by hand and " :
		 is(peer, "service", "unavailable") ? "was unavailable and " : "", num(c, "term"));
}

static void say_cause(const json_t *c, char *to, size_t len)
{
	const json_t *then = json_object_get(c, "then");
	const char *trouble = trouble_text(is_of_servers(c) ? str(c, "cause") : str(then, "service_reason"));

	if (is(c, "cause", "peer-let-go"))
		let_go_text(c, then, to, len);
	else if (is_alone(c) && is(c, "cause", "alone"))
		snprintf(to, len, "no other host can have it");
	else if (is_of_servers(c) && is(c, "cause", "drain"))
		snprintf(to, len, "an operator drained the other");
	else if (is_of_servers(c) && trouble)
		snprintf(to, len, "%s", trouble);
	else
		snprintf(to, len, "%s", is(c, "cause", "service-unavailable") && trouble ? trouble : cause_text(str(c, "cause")));
}

static const char *head(const json_t *c)
{
	if (is(c, "to", "primary"))
		return is(c, "from", "primary") ? "stayed with" : "came to";
	return is(c, "from", "primary") ? "left" : is(c, "to", "backup") ? "did not come to" : "is moving at";
}

static void say_path(const json_t *p)
{
	if (is(p, "link", "down"))
		say("  %s: no link here", str(p, "interface"));
	else if (!has(p, "heard_us_ago"))
		say("  %s: nothing ever heard", str(p, "interface"));
	else
		say("  %s: last heard %.1f ms before; silence counts after %.1f ms, loss %.2f %%", str(p, "interface"),
		    (double)num(p, "heard_us_ago") / 1e3, (double)num(p, "detect_us") / 1e3, (double)num(p, "loss_ppm") / 1e4);
}

static void say_peer(const json_t *p)
{
	if (!has(p, "said_us_ago")) {
		say("  the peer (%s) had said nothing of this group", str(p, "state"));
		return;
	}
	say("  the peer (%s) had last said, %.1f ms before: gate %s at term %" JSON_INTEGER_FORMAT ", lease left %.0f ms,"
	    " SIP server %s%s%s", str(p, "state"), (double)num(p, "said_us_ago") / 1e3, str(p, "gate"), num(p, "term"),
	    (double)num(p, "lease_left_us") / 1e3, str(p, "service"),
	    json_is_true(json_object_get(p, "fenced")) ? ", fenced by hand" : "",
	    json_is_true(json_object_get(p, "stopping")) ? ", stopping" : "");
}

static void say_then(const json_t *c)
{
	const json_t *then = json_object_get(c, "then"), *p;
	size_t i;

	if (is_of_servers(c))		/* the cause has said it */
		return;
	say("What was known then:");
	json_array_foreach(json_object_get(then, "paths"), i, p)
		say_path(p);
	if (!is_alone(c))
		say_peer(json_object_get(then, "peer"));
	say("  this host's SIP server was %s%s%s", str(then, "service"), *str(then, "service_reason") ? ": " : "",
	    str(then, "service_reason"));
}

static void say_steps(const json_t *steps)
{
	const json_t *s;
	size_t i;

	say("What happened:");
	json_array_foreach(steps, i, s)
		say("  %+10.3f ms  %s%s%s", (double)num(s, "at_us") / 1e3, str(s, "text"),
		    is(s, "by", "controller") ? "" : ", by the kernel: ",
		    is(s, "by", "pulse") ? "a pulse showed it" : is(s, "by", "mark") ? "a frame sent on showed it" :
		    is(s, "by", "listener") ? "no socket took the frame" :
		    is(s, "by", "watchdog") ? "its watchdog found the peer dead" : "");
}

/* One store moved it; the gate, the addresses and the network were not touched. */
static void say_move(const json_t *steps)
{
	const json_t *s;
	size_t i;

	say("What happened:");
	json_array_foreach(steps, i, s)
		if (is(s, "step", "asked"))
			say("  %+10.3f ms  %s", (double)num(s, "at_us") / 1e3, str(s, "text"));
		else if (is(s, "step", "opened"))
			say("  %+10.3f ms  the other server got the traffic%s", (double)num(s, "at_us") / 1e3,
			    is(s, "by", "controller") ? "" : ", by the kernel: no socket of the active one was left");
}

static void say_outage(const json_t *c, const json_t *o)
{
	if (json_is_true(json_object_get(o, "measured")))
		say("Outage: %.3f ms from the last frame that the old %s to the first that this one did%s.",
		    (double)num(o, "outage_us") / 1e3, is_of_servers(c) ? "server got" : "holder let in",
		    num(o, "outage_us") <= 0 ? ": none" : "");
	else if (is(c, "from", "primary") && !is(c, "to", "primary"))
		say("Outage: measured by the new holder: ask `baton explain %" JSON_INTEGER_FORMAT "` there.", num(c, "term"));
	else
		say("Outage: not measured: no client's frame came before, or none since.");
	if (has(o, "unanswered"))
		say("The old holder still owed %" JSON_INTEGER_FORMAT " requests an answer: so many at most were seen twice.",
		    num(o, "unanswered"));
	if (num(o, "relayed") || num(o, "helped") || num(o, "taken"))
		say("Frames sent on to the new holder: %" JSON_INTEGER_FORMAT " as its predecessor, %" JSON_INTEGER_FORMAT
		    " as its backup; taken from the predecessor: %" JSON_INTEGER_FORMAT ".", num(o, "relayed"),
		    num(o, "helped"), num(o, "taken"));
}

static void say_replay(const json_t *r)
{
	char doubt[64] = "";

	if (!json_is_object(r))
		return;
	if (json_is_true(json_object_get(r, "late"))) {
		say("Replayed nothing: clients had repeated their requests by then.");
		return;
	}
	if (num(r, "doubtful"))
		snprintf(doubt, sizeof(doubt), " (%" JSON_INTEGER_FORMAT " may have been answered before)", num(r, "doubtful"));
	say("Replayed %" JSON_INTEGER_FORMAT " requests%s in %.1f ms; %" JSON_INTEGER_FORMAT " of the window were answered, %"
	    JSON_INTEGER_FORMAT " cancelled, %" JSON_INTEGER_FORMAT " lost.", num(r, "replayed"), doubt, (double)num(r, "took_us") / 1e3,
	    num(r, "answered"), num(r, "cancelled"), num(r, "lost"));
	if (num(r, "missing_us"))
		say("replay-memory is too small: the first %.1f ms of the window were overwritten.", (double)num(r, "missing_us") / 1e3);
}

static void show_change(const json_t *c, const char *node)
{
	char cause[LINE_CAP / 2];

	say_cause(c, cause, sizeof(cause));
	if (is_of_servers(c))
		say("%s: server %s on %s got the traffic because %s.", str(c, "group"), str(c, "owner"), node, cause);
	else
		say("%s: the role %s %s because %s.", str(c, "group"), head(c), node, cause);
	say("Term %" JSON_INTEGER_FORMAT "%s%s, %s; here %s -> %s (%s).", num(c, "term"), *str(c, "owner") ? " of " : "",
	    str(c, "owner"), str(c, "time"), str(c, "from"), str(c, "to"), str(c, "cause"));
	say_then(c);
	if (is_of_servers(c))
		say_move(json_object_get(c, "steps"));
	else
		say_steps(json_object_get(c, "steps"));
	say_outage(c, json_object_get(c, "outage"));
	say_replay(json_object_get(c, "replay"));
}

static const char *wanted_text(const json_t *hand, const char *key)
{
	return is(hand, key, "stopped") ? "disabled" : str(hand, key);
}

/* By the name that this host has for the user; without one the number must do. */
static void say_hand(const json_t *hand)
{
	const struct passwd *user = getpwuid((uid_t)num(hand, "uid"));

	say("  %s  group %s, rule %s: %s -> %s, by %s (uid %" JSON_INTEGER_FORMAT ")", str(hand, "time"), str(hand, "group"), str(hand, "rule"),
	    wanted_text(hand, "from"), wanted_text(hand, "to"), user ? user->pw_name : "nobody known here", num(hand, "uid"));
}

static void show_hands(const json_t *hands)
{
	size_t n = json_array_size(hands);

	if (!n)
		return;
	say("%s", "");
	say("Port rules changed by hand on this host (`baton status` shows what holds):");
	for (size_t i = 0; i < n && i < HANDS_SHOWN; i++)
		say_hand(json_array_get(hands, i));
	if (n > HANDS_SHOWN)
		say("  and %zu before: `baton -j explain`", n - HANDS_SHOWN);
}

/* Groups may have moved together: of each its newest is told. */
static bool is_newest(const json_t *changes, size_t i)
{
	const char *group = str(json_array_get(changes, i), "group");

	for (size_t k = 0; k < i; k++)
		if (is(json_array_get(changes, k), "group", group))
			return false;
	return true;
}

void show_explain(const json_t *doc, bool all)
{
	const json_t *changes = json_object_get(doc, "changes");
	size_t n = json_array_size(changes);

	if (!n)
		say("no role change is on record on %s yet", str(doc, "node"));
	for (size_t i = 0; i < n; i++) {
		if (!all && !is_newest(changes, i))
			continue;
		if (i)
			say("%s", "");
		show_change(json_array_get(changes, i), str(doc, "node"));
	}
	show_hands(json_object_get(doc, "port_changes"));
}
