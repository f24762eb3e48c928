/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * baton: what does the operator want of batond?
 *
 * Words become one request; its answer is shown, and its exit code is ours (ctl_wire.h). Reasons go
 * to stderr, documents to stdout.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_wire.h"
#include "tools/cli_explain.h"
#include "tools/cli_link.h"
#include "tools/cli_show.h"

#define ANSWER_MS	5000	/* the daemon waits for nothing before it answers; doctor, for 4 s */

static const struct verb {
	const char *word;
	unsigned keys;
	bool built;
	const char *args, *help;
} verbs[CTL_VERB__N] = {
#define CTL_ROW(name, word, keys, built, args, help) [CTL_##name] = { word, keys, built, args, help },
	CTL_VERBS(CTL_ROW)
#undef CTL_ROW
};

/* What the command line said. */
struct words {
	const char *run_dir;
	bool json, force, follow, reject;
	double timeout_s;		/* 0: not said */
	long count, every;		/* of trace; 0: not said */
	enum ctl_verb verb;
	char **args;			/* behind the verb */
	int n_args;
};

static void print_help(void)
{
	puts("usage: baton [-j] [--run-dir DIR] VERB\n");
	for (int v = 0; v < CTL_VERB__N; v++)
		printf("  %-10s %-32s %s%s\n", verbs[v].word, verbs[v].args, verbs[v].help,
		       verbs[v].built ? "" : " (not built yet)");
	puts("\n  -j              print JSON: one document, or one a line (watch, events -f, trace)\n"
	     "  --run-dir DIR   where batond's socket is (" CTL_RUN_DIR ")\n"
	     "  --help, --version\n\n"
	     "exit: 0 done, 1 refused or not true, 2 usage, 3 no daemon, 4 begun but not finished in time");
}

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "baton: %s '%s'; see `baton --help`\n", what, word);
	return CTL_USAGE;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* Edits that turn @a into @b; two letters in the wrong order are one. Words longer than a verb are far. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d[17][17];

	if (n > 16 || m > 16)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	return d[n][m];
}

static int unknown_verb(const char *word)
{
	size_t best = 3;	/* farther than two edits is a guess, not help */
	const char *near = NULL;

	for (int v = 0; v < CTL_VERB__N; v++)
		if (distance(word, verbs[v].word) < best) {
			best = distance(word, verbs[v].word);
			near = verbs[v].word;
		}
	if (!near)
		return usage("unknown verb", word);
	fprintf(stderr, "baton: unknown verb '%s', did you mean '%s'?\n", word, near);
	return CTL_USAGE;
}

static int read_verb(struct words *w, int argc, char **argv, int at)
{
	if (at >= argc) {
		fputs("baton: which verb? see `baton --help`\n", stderr);
		return CTL_USAGE;
	}
	for (int v = 0; v < CTL_VERB__N; v++)
		if (!strcmp(argv[at], verbs[v].word)) {
			w->verb = (enum ctl_verb)v;
			w->args = argv + at + 1;
			w->n_args = argc - at - 1;
			return CTL_DONE;
		}
	return unknown_verb(argv[at]);
}

static int read_timeout(struct words *w, const char *text)
{
	char *end;

	w->timeout_s = strtod(text, &end);
	if (end == text || *end || !(w->timeout_s > 0 && w->timeout_s <= CTL_TIMEOUT_MAX_S))
		return usage("--timeout takes seconds, above 0, at most 3600, not", text);
	return CTL_DONE;
}

static int read_number(long *ret, const char *what, const char *text, long max)
{
	char *end;

	*ret = strtol(text, &end, 10);
	if (end != text && !*end && *ret >= 1 && *ret <= max)
		return CTL_DONE;
	return usage(what, text);
}

enum { OPT_RUN_DIR = 256, OPT_TIMEOUT, OPT_FORCE, OPT_REJECT, OPT_EVERY };

static int read_option(struct words *w, int option, char **argv)
{
	switch (option) {
	case 'j': w->json = true; return CTL_DONE;
	case 'f': w->follow = true; return CTL_DONE;
	case OPT_RUN_DIR: w->run_dir = optarg; return CTL_DONE;
	case OPT_FORCE: w->force = true; return CTL_DONE;
	case OPT_REJECT: w->reject = true; return CTL_DONE;
	case OPT_TIMEOUT: return read_timeout(w, optarg);
	case 'n': return read_number(&w->count, "-n takes a number, from 1 on, not", optarg, LONG_MAX);
	case OPT_EVERY: return read_number(&w->every, "--every takes a number from 1 to 1000000, not", optarg, CTL_EVERY_MAX);
	case 'h': print_help(); exit(CTL_DONE);
	case 'V': puts("baton " BATON_VERSION); exit(CTL_DONE);
	case ':': return usage("a value is missing after", argv[optind - 1]);
	default: return usage("unknown option", argv[optind - 1]);
	}
}

static int read_words(struct words *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
		{ "force", no_argument, NULL, OPT_FORCE }, { "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "every", required_argument, NULL, OPT_EVERY },
		{ "reject", no_argument, NULL, OPT_REJECT },
		{ "follow", no_argument, NULL, 'f' },	{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	{ 0 }
	};
	int option, bad;

	*w = (struct words){ .run_dir = CTL_RUN_DIR };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":jfn:hV", options, NULL)) != -1) {
		bad = read_option(w, option, argv);
		if (bad)
			return bad;
	}
	return read_verb(w, argc, argv, optind);
}

static int misplaced(const struct words *w, const char *what)
{
	const struct verb *v = &verbs[w->verb];

	fprintf(stderr, "baton: %s does not take '%s'; usage: baton %s%s%s\n", v->word, what, v->word,
		*v->args ? " " : "", v->args);
	return CTL_USAGE;
}

static int check_options(const struct words *w)
{
	unsigned keys = verbs[w->verb].keys;

	if (w->force && !(keys & CTL_K_FORCE))
		return misplaced(w, "--force");
	if (w->reject && !(keys & CTL_K_REJECT))
		return misplaced(w, "--reject");
	if (w->timeout_s > 0 && !(keys & CTL_K_TIMEOUT))
		return misplaced(w, "--timeout");
	if (w->follow && !(keys & CTL_K_FOLLOW))
		return misplaced(w, "-f");
	if (w->count && !(keys & CTL_K_EVERY))
		return misplaced(w, "-n");
	if (w->every && !(keys & CTL_K_EVERY))
		return misplaced(w, "--every");
	return CTL_DONE;
}

/* An alarm's id has a blank in it: `alarms clear 00-52029 sip` needs no quotes. */
static int put_clear(const struct words *w, json_t *request)
{
	char id[256] = "";
	size_t n = 0;

	if (strcmp(w->args[0], "clear"))
		return misplaced(w, w->args[0]);
	for (int i = 1; i < w->n_args && n < sizeof(id); i++)
		n += (size_t)snprintf(id + n, sizeof(id) - n, "%s%s", i > 1 ? " " : "", w->args[i]);
	if (!n)
		return usage("an alarm's id is missing after", "alarms clear");
	json_object_set_new(request, "clear", json_string(id));
	return CTL_DONE;
}

static int put_term(const struct words *w, json_t *request)
{
	char *end;
	long long term = strtoll(w->args[0], &end, 10);

	if (w->n_args > 1)
		return misplaced(w, w->args[1]);
	if (end == w->args[0] || *end || term < 1 || term > UINT32_MAX)
		return usage("explain takes a term, a number from 1 to 4294967295, not", w->args[0]);
	json_object_set_new(request, "term", json_integer(term));
	return CTL_DONE;
}

static int put_what(const struct words *w, json_t *request)
{
	if (strcmp(w->args[0], "switchover") && strcmp(w->args[0], "upgrade"))
		return misplaced(w, w->args[0]);
	if (w->n_args > 1)
		return misplaced(w, w->args[1]);
	json_object_set_new(request, "what", json_string(w->args[0]));
	return CTL_DONE;
}

/* PORT or all; what a range has for ports is the rule's. */
static int put_port(const struct words *w, json_t *request)
{
	static const char *const does[] = { "enable", "disable", "drain" };
	char *end;
	long port;

	for (size_t i = 0; i < sizeof(does) / sizeof(does[0]); i++)
		if (!strcmp(w->args[0], does[i]))
			json_object_set_new(request, "do", json_string(does[i]));
	if (!json_object_get(request, "do"))
		return misplaced(w, w->args[0]);
	if (w->n_args < 2)
		return usage("a port, or all, is missing after port", w->args[0]);
	port = strtol(w->args[1], &end, 10);
	if (strcmp(w->args[1], "all") && (end == w->args[1] || *end || port < 1 || port > UINT16_MAX))
		return usage("port takes a number from 1 to 65535, or all, not", w->args[1]);
	json_object_set_new(request, "port", strcmp(w->args[1], "all") ? json_integer(port) : json_string("all"));
	if (w->n_args > 3)
		return misplaced(w, w->args[3]);
	if (w->n_args == 3)
		json_object_set_new(request, "group", json_string(w->args[2]));
	return CTL_DONE;
}

static int put_args(const struct words *w, json_t *request)
{
	unsigned keys = verbs[w->verb].keys;

	if (!w->n_args && keys & CTL_K_THE_GROUP)
		return usage("a group's name is missing after", verbs[w->verb].word);
	if (!w->n_args && keys & CTL_K_DO)
		return usage("enable, disable or drain is missing after", verbs[w->verb].word);
	if (!w->n_args)
		return CTL_DONE;
	if (keys & CTL_K_DO)
		return put_port(w, request);
	if (keys & CTL_K_CLEAR)
		return put_clear(w, request);
	if (keys & CTL_K_TERM)
		return put_term(w, request);
	if (keys & CTL_K_WHAT)
		return put_what(w, request);
	if (!(keys & CTL_K_GROUP))
		return misplaced(w, w->args[0]);
	if (w->n_args > 1)
		return misplaced(w, w->args[1]);
	json_object_set_new(request, "group", json_string(w->args[0]));
	return CTL_DONE;
}

/* Words of verbs that are not built are not looked at: the answer is the same. */
static int make_request(const struct words *w, json_t *request)
{
	int bad;

	json_object_set_new(request, "verb", json_string(verbs[w->verb].word));
	if (!verbs[w->verb].built)
		return CTL_DONE;
	bad = check_options(w);
	if (!bad)
		bad = put_args(w, request);
	if (w->force)
		json_object_set_new(request, "force", json_true());
	if (w->reject)
		json_object_set_new(request, "reject", json_true());
	if (w->follow)
		json_object_set_new(request, "follow", json_true());
	if (w->timeout_s > 0)
		json_object_set_new(request, "timeout_s", json_real(w->timeout_s));
	if (w->every)
		json_object_set_new(request, "every", json_integer(w->every));
	return bad;
}

static bool is_stream(const struct words *w)
{
	return w->verb == CTL_WATCH || w->verb == CTL_TRACE || (w->verb == CTL_EVENTS && w->follow);
}

static bool moves_roles(const struct words *w)
{
	return w->verb == CTL_SWITCHOVER || w->verb == CTL_FENCE || w->verb == CTL_UNFENCE || w->verb == CTL_DRAIN;
}

static int patience_ms(const struct words *w)
{
	if (w->verb == CTL_TRACE || (w->verb == CTL_EVENTS && w->follow))
		return -1;
	if (moves_roles(w))
		return ANSWER_MS + (int)((w->timeout_s > 0 ? w->timeout_s : CTL_TIMEOUT_S) * 1000);
	return ANSWER_MS;
}

static int no_daemon(const char *path, int err)
{
	if (err == -EACCES || err == -EPERM) {
		fprintf(stderr, "baton: %s: %s; only root and members of group " CTL_GROUP " may ask\n",
			path, strerror(-err));
		return CTL_REFUSED;
	}
	fprintf(stderr, "baton: no batond at %s: %s\n"
		"       is it running (`systemctl status batond`)? --run-dir names another place\n",
		path, strerror(-err));
	return CTL_NO_DAEMON;
}

static int no_answer(const struct words *w, int err)
{
	if (err == -EPIPE)
		fputs("baton: batond went away before it had finished\n", stderr);
	else if (err == -ETIMEDOUT)
		fprintf(stderr, "baton: batond does not answer for %d s; is it stopped?\n", patience_ms(w) / 1000);
	else
		fprintf(stderr, "baton: what batond answered cannot be read: %s\n", strerror(-err));
	return moves_roles(w) && err == -ETIMEDOUT ? CTL_UNFINISHED : CTL_NO_DAEMON;
}

static int print_answer(const struct words *w, const json_t *answer)
{
	const json_t *doc = json_object_get(answer, "doc");
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (doc && w->json) {
		json_dumpf(doc, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (doc && w->verb == CTL_EXPLAIN && w->n_args) {
		show_explain(doc, true);
	} else if (doc) {
		show(w->verb, doc);
	}
	if (fflush(stdout)) {
		fprintf(stderr, "baton: cannot write: %s\n", strerror(errno));
		return CTL_REFUSED;
	}
	if (error)
		fprintf(stderr, "baton: %s\n", error);
	return (int)json_integer_value(json_object_get(answer, "exit"));
}

/* Until the answer, or of a stream until its end, which is the daemon's. */
static int listen_to(struct link *l, const struct words *w)
{
	long left = w->count;
	json_t *answer;
	int code, err;

	do {
		err = link_read(l, patience_ms(w), &answer);
		if (err)
			return no_answer(w, err);
		code = print_answer(w, answer);
		json_decref(answer);
	} while (code == CTL_DONE && is_stream(w) && (!w->count || --left));
	return code;
}

static int ask(const struct words *w, const json_t *request)
{
	char path[PATH_MAX];
	struct link l;
	int code, err;

	snprintf(path, sizeof(path), "%s/%s", w->run_dir, CTL_SOCKET);
	err = link_open(&l, path);
	if (err)
		return no_daemon(path, err);
	err = link_send(&l, request);
	code = err ? no_answer(w, err) : listen_to(&l, w);
	link_close(&l);
	return code;
}

int main(int argc, char **argv)
{
	json_t *request = json_object();
	struct words w;
	int code = read_words(&w, argc, argv);

	if (!code)
		code = make_request(&w, request);
	if (!code)
		code = ask(&w, request);
	json_decref(request);
	return code;
}
