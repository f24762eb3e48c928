/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/request.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	unsigned keys;
	bool built;
} verbs[CTL_VERB__N] = {
#define CTL_ROW(name, word, keys, built, args, help) [CTL_##name] = { word, keys, built },
	CTL_VERBS(CTL_ROW)
#undef CTL_ROW
};

/* One value into @r; false when its type or range is wrong. */
typedef bool read_fn(struct request *r, const json_t *value);

static bool copy_text(char *to, size_t cap, const json_t *value)
{
	size_t len = json_string_length(value);

	if (!json_is_string(value) || !len || len >= cap)
		return false;
	memcpy(to, json_string_value(value), len + 1);
	return true;
}

static bool read_group(struct request *r, const json_t *value)
{
	return copy_text(r->group, sizeof(r->group), value);
}

static bool read_clear(struct request *r, const json_t *value)
{
	return copy_text(r->clear, sizeof(r->clear), value);
}

static bool read_force(struct request *r, const json_t *value)
{
	r->force = json_is_true(value);
	return json_is_boolean(value);
}

static bool read_reject(struct request *r, const json_t *value)
{
	r->reject = json_is_true(value);
	return json_is_boolean(value);
}

static bool read_follow(struct request *r, const json_t *value)
{
	r->follow = json_is_true(value);
	return json_is_boolean(value);
}

static bool read_what(struct request *r, const json_t *value)
{
	const char *what = json_string_value(value);

	r->upgrade = what && !strcmp(what, "upgrade");
	return what && (r->upgrade || !strcmp(what, "switchover"));
}

static bool read_term(struct request *r, const json_t *value)
{
	json_int_t term = json_integer_value(value);	/* 0 when it is no integer */

	if (term < 1 || term > UINT32_MAX)
		return false;
	r->term = (uint32_t)term;
	return true;
}

static bool read_every(struct request *r, const json_t *value)
{
	json_int_t every = json_integer_value(value);	/* 0 when it is no integer */

	if (every < 1 || every > CTL_EVERY_MAX)
		return false;
	r->every = (uint32_t)every;
	return true;
}

static bool read_do(struct request *r, const json_t *value)
{
	static const char *const words[] = {
		[BT_RULE_STOPPED] = "disable", [BT_RULE_ENABLED] = "enable", [BT_RULE_DRAINING] = "drain",
	};
	const char *word = json_string_value(value);

	r->did = true;
	for (int i = 0; word && i < 3; i++)
		if (!strcmp(word, words[i])) {
			r->rule = (enum bt_rule_state)i;
			return true;
		}
	return false;
}

static bool read_port(struct request *r, const json_t *value)
{
	json_int_t port = json_integer_value(value);	/* 0 when it is no integer */

	r->ported = true;
	if (json_is_string(value))
		return !strcmp(json_string_value(value), "all");
	if (port < 1 || port > UINT16_MAX)
		return false;
	r->port = (uint16_t)port;
	return true;
}

static bool read_timeout(struct request *r, const json_t *value)
{
	double s = json_number_value(value);	/* 0 when it is no number */

	if (!(s > 0 && s <= CTL_TIMEOUT_MAX_S))
		return false;
	r->timeout_ns = (uint64_t)(s * 1e9);
	return true;
}

static const struct {
	const char *name;
	unsigned key;
	read_fn *read;
	const char *valid;
} keys[] = {
	{ "group",	CTL_K_GROUP,	read_group,	"a group's name" },
	{ "force",	CTL_K_FORCE,	read_force,	"true or false" },
	{ "timeout_s",	CTL_K_TIMEOUT,	read_timeout,	"a number of seconds, above 0, at most 3600" },
	{ "reject",	CTL_K_REJECT,	read_reject,	"true or false" },
	{ "follow",	CTL_K_FOLLOW,	read_follow,	"true or false" },
	{ "term",	CTL_K_TERM,	read_term,	"a term's number, 1 to 4294967295" },
	{ "every",	CTL_K_EVERY,	read_every,	"a number, 1 to 1000000" },
	{ "what",	CTL_K_WHAT,	read_what,	"switchover or upgrade" },
	{ "do",		CTL_K_DO,	read_do,	"enable, disable or drain" },
	{ "port",	CTL_K_PORT,	read_port,	"a port, 1 to 65535, or \"all\"" },
	{ "clear",	CTL_K_CLEAR,	read_clear,	"an alarm's id" },
};
_Static_assert(CTL_TIMEOUT_MAX_S == 3600, "the text above names it");

static enum ctl_exit read_verb(struct request *r, const json_t *root, char *why, size_t cap)
{
	const char *word = json_string_value(json_object_get(root, "verb"));

	if (!word) {
		snprintf(why, cap, "a request needs \"verb\", a string");
		return CTL_USAGE;
	}
	for (int v = 0; v < CTL_VERB__N; v++)
		if (!strcmp(word, verbs[v].word)) {
			r->verb = (enum ctl_verb)v;
			if (verbs[v].built)
				return CTL_DONE;
			snprintf(why, cap, "not built yet: %s", word);
			return CTL_REFUSED;
		}
	snprintf(why, cap, "unknown verb '%.64s'", word);
	return CTL_USAGE;
}

static enum ctl_exit read_key(struct request *r, const char *name, const json_t *value, char *why, size_t cap)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(name, keys[i].name) || !(keys[i].key & verbs[r->verb].keys))
			continue;
		if (keys[i].read(r, value))
			return CTL_DONE;
		snprintf(why, cap, "\"%s\" must be %s", name, keys[i].valid);
		return CTL_USAGE;
	}
	snprintf(why, cap, "%s does not take \"%.64s\"", verbs[r->verb].word, name);
	return CTL_USAGE;
}

static enum ctl_exit read_object(struct request *r, json_t *root, char *why, size_t cap)
{
	enum ctl_exit bad = read_verb(r, root, why, cap);
	const char *name;
	json_t *value;

	if (bad)
		return bad;
	json_object_foreach(root, name, value) {
		if (!strcmp(name, "verb"))
			continue;
		bad = read_key(r, name, value, why, cap);
		if (bad)
			return bad;
	}
	if (verbs[r->verb].keys & CTL_K_THE_GROUP && !r->group[0]) {
		snprintf(why, cap, "%s needs \"group\"", verbs[r->verb].word);
		return CTL_USAGE;
	}
	if (verbs[r->verb].keys & CTL_K_DO && !(r->did && r->ported)) {
		snprintf(why, cap, "%s needs \"do\" and \"port\"", verbs[r->verb].word);
		return CTL_USAGE;
	}
	return CTL_DONE;
}

enum ctl_exit request_read(struct request *ret, const char *line, size_t len, char *why, size_t cap)
{
	struct request r = { .every = CTL_EVERY };
	enum ctl_exit bad = CTL_USAGE;
	json_error_t err;
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);

	if (!root)
		snprintf(why, cap, "not JSON: %s", err.text);
	else if (!json_is_object(root))
		snprintf(why, cap, "a request is a JSON object");
	else
		bad = read_object(&r, root, why, cap);
	json_decref(root);
	if (!bad)
		*ret = r;
	return bad;
}
