/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/runner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/log.h"
#include "sys/spawn.h"
#include "sys/thread.h"

#define JOBS		128
#define JOB_BYTES	1024		/* path, arguments and environment of one */
#define LANES		(RUN__N * BT_GROUPS_MAX)
#define LINE_BYTES	160
#define PERIOD_MS	100		/* while anything runs */
#define READ_BYTES	16384		/* of a script's output at a time: one that floods gets no further than ten such a second */
#define MERCY_NS	(2 * NS_PER_S)
#define NONE		0xffff

static const char *const kinds[RUN__N] = { [RUN_NOTIFY] = "notify", [RUN_ALARM] = "alarm-notify", [RUN_VIP] = "vip-script" };
/* Alarms come in swarms. */
static const uint32_t depth[RUN__N] = { [RUN_NOTIFY] = 8, [RUN_ALARM] = 48, [RUN_VIP] = 8 };

struct job {
	char text[JOB_BYTES];		/* strings one after the other: path, arguments, environment */
	char group[BT_NAME_MAX];
	uint8_t n_args, n_env;
	uint16_t next;
	uint64_t timeout_ns;
	runner_done_fn *done;
	void *arg;
	uint32_t tag;
};

/* What one lane's script prints, until a line is whole. */
struct output {
	char line[LINE_BYTES + 1];
	uint32_t len, lines, left_out;
	bool cut;
};

struct lane {
	uint16_t first, last, waiting;
	uint16_t job;			/* runs; NONE: nothing */
	struct spawn child;
	uint64_t began_ns, ends_ns;	/* when it is told to end, */
	bool told, shot;		/* was told, was killed */
	struct output out;
};

struct runner {
	pthread_t thread;
	pthread_mutex_t lock;
	int wake;
	bool quit;
	uint64_t quit_ns;		/* at the latest */
	struct job job[JOBS];
	uint16_t free;
	struct lane lane[LANES];
};

/* ---- the queue, with the lock held -------------------------------------------------------------- */

static enum runner_kind kind_of(const struct runner *r, const struct lane *l)
{
	return (enum runner_kind)((l - r->lane) / BT_GROUPS_MAX);
}

static void give_back(struct runner *r, uint16_t j)
{
	r->job[j].next = r->free;
	r->free = j;
}

static uint16_t take_first(struct lane *l, struct runner *r)
{
	uint16_t j = l->first;

	if (j == NONE)
		return NONE;
	l->first = r->job[j].next;
	if (l->first == NONE)
		l->last = NONE;
	l->waiting--;
	return j;
}

static void leave_out_oldest(struct runner *r, struct lane *l)
{
	uint16_t j = take_first(l, r);
	struct job *job = &r->job[j];

	log_event(LOG_ERR, "script left out", "what=%s group=\"%s\" script=%s waiting=%u why=\"the one before it has not ended\"",
		  kinds[kind_of(r, l)], job->group, job->text, l->waiting + 1);
	if (job->done)
		job->done(job->arg, job->tag, -1);
	give_back(r, j);
}

/* All strings of @list behind each other; -E2BIG when they do not fit. */
static int pack(struct job *j, size_t *at, const char *const *list, uint32_t max, uint8_t *ret_n)
{
	uint8_t n = 0;

	for (; list[n] && n < max; n++) {
		size_t len = strlen(list[n]) + 1;

		if (*at + len > sizeof(j->text))
			return -E2BIG;
		memcpy(j->text + *at, list[n], len);
		*at += len;
	}
	*ret_n = n;
	return 0;
}

static int fill(struct job *j, const struct runner_job *from)
{
	const char *const path[] = { from->path, NULL };
	size_t at = 0;
	uint8_t one;
	int err = pack(j, &at, path, 1, &one);

	if (!err)
		err = pack(j, &at, from->args, SPAWN_ARGS_MAX, &j->n_args);
	if (!err)
		err = pack(j, &at, from->env, SPAWN_ENV_MAX, &j->n_env);
	snprintf(j->group, sizeof(j->group), "%s", from->group ? from->group : "");
	j->timeout_ns = from->timeout_ns;
	j->done = from->done;
	j->arg = from->arg;
	j->tag = from->tag;
	return err;
}

static void append(struct runner *r, struct lane *l, uint16_t j)
{
	if (l->last == NONE)
		l->first = j;
	else
		r->job[l->last].next = j;
	l->last = j;
	l->waiting++;
}

static int ask(struct runner *r, const struct runner_job *job)
{
	struct lane *l = &r->lane[job->kind * BT_GROUPS_MAX + job->slot % BT_GROUPS_MAX];
	uint16_t j;
	int err;

	if (l->waiting && (l->waiting >= depth[job->kind] || r->free == NONE))
		leave_out_oldest(r, l);
	j = r->free;
	err = j == NONE ? -ENOBUFS : fill(&r->job[j], job);
	if (err) {
		log_event(LOG_ERR, "script left out", "what=%s group=\"%s\" script=%s why=\"%s\"", kinds[job->kind],
			  job->group ? job->group : "", job->path, strerror(-err));
		return err;
	}
	r->free = r->job[j].next;
	r->job[j].next = NONE;
	append(r, l, j);
	return 0;
}

int runner_ask(struct runner *r, const struct runner_job *job)
{
	uint64_t one = 1;
	int err;

	pthread_mutex_lock(&r->lock);
	err = ask(r, job);
	pthread_mutex_unlock(&r->lock);
	(void)!write(r->wake, &one, sizeof(one));
	return err;
}

void runner_forget(struct runner *r, const void *arg)
{
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < JOBS; i++)
		if (r->job[i].arg == arg)
			r->job[i].done = NULL;
	pthread_mutex_unlock(&r->lock);
}

/* ---- what a script prints ----------------------------------------------------------------------- */

static void end_line(struct runner *r, struct lane *l)
{
	struct output *o = &l->out;

	if (!o->len)
		return;
	o->line[o->len] = '\0';
	if (o->lines++ < RUNNER_LINES)
		log_event(LOG_INFO, "script output", "what=%s group=\"%s\" script=%s line=\"%s%s\"", kinds[kind_of(r, l)],
			  r->job[l->job].group, r->job[l->job].text, o->line, o->cut ? "..." : "");
	else
		o->left_out++;
	o->len = 0;
	o->cut = false;
}

/* Nothing a script prints can end the line, or the quotes, that it is logged in. */
static void take_byte(struct runner *r, struct lane *l, char c)
{
	struct output *o = &l->out;

	if (c == '\n') {
		end_line(r, l);
		return;
	}
	if (o->len == LINE_BYTES) {
		o->cut = true;
		return;
	}
	o->line[o->len++] = c == '"' ? '\'' : c == '\t' ? ' ' : c >= ' ' && c <= '~' ? c : '?';
}

static void read_output(struct runner *r, struct lane *l)
{
	char buf[4096];
	ssize_t n;

	for (size_t all = 0; all < READ_BYTES && (n = read(l->child.out, buf, sizeof(buf))) > 0; all += (size_t)n)
		for (ssize_t i = 0; i < n; i++)
			take_byte(r, l, buf[i]);
}

/* ---- one script --------------------------------------------------------------------------------- */

/* With the lock held; it is dropped while the kernel makes a process. */
static void start(struct runner *r, struct lane *l)
{
	const char *args[SPAWN_ARGS_MAX + 1] = { 0 }, *env[SPAWN_ENV_MAX + 1] = { 0 };
	struct job *j = &r->job[l->job = take_first(l, r)];
	const char *at = j->text + strlen(j->text) + 1;
	int err;

	for (uint32_t i = 0; i < j->n_args; i++, at += strlen(at) + 1)
		args[i] = at;
	for (uint32_t i = 0; i < j->n_env; i++, at += strlen(at) + 1)
		env[i] = at;
	pthread_mutex_unlock(&r->lock);
	err = spawn_script(j->text, args, env, &l->child);
	pthread_mutex_lock(&r->lock);
	l->out = (struct output){ 0 };
	l->told = l->shot = false;
	l->began_ns = clock_now_ns();
	l->ends_ns = l->began_ns + j->timeout_ns;
	if (!err)
		return;
	log_event(LOG_ERR, "script not run", "what=%s group=\"%s\" script=%s error=\"%s\"", kinds[kind_of(r, l)], j->group,
		  j->text, strerror(-err));
	if (j->done)
		j->done(j->arg, j->tag, SPAWN_REFUSED);
	give_back(r, l->job);
	l->job = NONE;
}

static void log_end(struct runner *r, const struct lane *l, const struct spawn_end *end)
{
	const struct job *j = &r->job[l->job];
	bool refused = !end->by_signal && end->code == SPAWN_REFUSED;

	log_event(refused ? LOG_ERR : end->code ? LOG_WARNING : LOG_DEBUG, refused ? "script not run" : "script ended",
		  "what=%s group=\"%s\" script=%s %s=%d timed_out=%s took_ms=%llu lines_left_out=%u", kinds[kind_of(r, l)], j->group,
		  j->text, end->by_signal ? "signal" : "code", end->code, l->told ? "yes" : "no",
		  (unsigned long long)((clock_now_ns() - l->began_ns) / NS_PER_MS), l->out.left_out);
}

static bool reap(struct runner *r, struct lane *l)
{
	struct job *j = &r->job[l->job];
	struct spawn_end end;

	read_output(r, l);
	if (!spawn_reap(&l->child, &end))
		return false;
	end_line(r, l);
	log_end(r, l, &end);
	if (j->done)
		j->done(j->arg, j->tag, end.by_signal ? 128 + end.code : end.code);
	give_back(r, l->job);
	l->job = NONE;
	return true;
}

static void end_late(struct runner *r, struct lane *l, uint64_t now_ns)
{
	const struct job *j = &r->job[l->job];

	if (l->shot || now_ns < l->ends_ns)
		return;
	log_event(LOG_WARNING, "script timed out", "what=%s group=\"%s\" script=%s timeout_s=%llu signal=%s", kinds[kind_of(r, l)],
		  j->group, j->text, (unsigned long long)(j->timeout_ns / NS_PER_S), l->told ? "KILL" : "TERM");
	spawn_signal(&l->child, l->told ? SIGKILL : SIGTERM);
	l->shot = l->told;
	l->told = true;
	l->ends_ns = now_ns + MERCY_NS;
}

/* ---- the thread --------------------------------------------------------------------------------- */

static bool is_ours(const struct runner *r, pid_t pid)
{
	for (const struct lane *l = r->lane; l < r->lane + LANES; l++)
		if (l->job != NONE && l->child.pid == pid)
			return true;
	return false;
}

/* Scripts that ran on while batond was started again in place: nobody else waits for them. */
static void bury_strangers(const struct runner *r)
{
	pid_t pid;

	while ((pid = spawn_ended()) && !is_ours(r, pid))
		spawn_forget(pid);
}

/* With the lock held: everything that can be done now. Returns how many run. */
static uint32_t turn(struct runner *r)
{
	uint64_t now_ns = clock_now_ns();
	uint32_t running = 0;

	for (struct lane *l = r->lane; l < r->lane + LANES; l++) {
		if (l->job != NONE && !reap(r, l))
			end_late(r, l, now_ns);
		if (l->job == NONE && l->first != NONE)
			start(r, l);
		running += l->job != NONE;
	}
	bury_strangers(r);
	return running;
}

/* Output is looked at every PERIOD_MS only: a flood costs no more than that. The end of a script is heard at once. */
static void wait_for_work(struct runner *r, uint32_t running)
{
	struct pollfd fds[LANES + 1] = { { .fd = r->wake, .events = POLLIN } };
	nfds_t n = 1;
	uint64_t count;

	for (struct lane *l = r->lane; l < r->lane + LANES; l++)
		if (l->job != NONE && l->child.pidfd >= 0)
			fds[n++] = (struct pollfd){ .fd = l->child.pidfd, .events = POLLIN };
	pthread_mutex_unlock(&r->lock);
	poll(fds, n, running ? PERIOD_MS : -1);
	if (fds[0].revents)
		(void)!read(r->wake, &count, sizeof(count));
	pthread_mutex_lock(&r->lock);
}

static void *run(void *arg)
{
	struct runner *r = arg;
	uint32_t running;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		running = turn(r);
		if (r->quit && (!running || clock_now_ns() >= r->quit_ns))
			break;
		wait_for_work(r, running);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int runner_open(struct runner **ret)
{
	struct runner *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	for (uint32_t i = 0; i < LANES; i++)
		r->lane[i].first = r->lane[i].last = r->lane[i].job = NONE;
	for (uint16_t i = 0; i < JOBS; i++)
		r->job[i].next = i + 1 < JOBS ? i + 1 : NONE;
	err = thread_mutex(&r->lock);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!err && r->wake < 0)
		err = -errno;
	if (!err)
		err = thread_start(&r->thread, "runner", 0, run, r, NULL);
	if (err) {
		if (r->wake >= 0)
			close(r->wake);
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

/* What is left of a job that runs is its own: KillMode=process lets a script finish. */
static void tell_what_is_left(const struct runner *r)
{
	for (const struct lane *l = r->lane; l < r->lane + LANES; l++) {
		if (l->job != NONE)
			log_event(LOG_WARNING, "script still runs", "what=%s group=\"%s\" script=%s waiting=%u",
				  kinds[kind_of(r, l)], r->job[l->job].group, r->job[l->job].text, l->waiting);
	}
}

void runner_close(struct runner *r, uint64_t grace_ns)
{
	uint64_t one = 1;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	r->quit_ns = clock_now_ns() + grace_ns;
	pthread_mutex_unlock(&r->lock);
	(void)!write(r->wake, &one, sizeof(one));
	pthread_join(r->thread, NULL);
	tell_what_is_left(r);
	for (struct lane *l = r->lane; l < r->lane + LANES; l++)
		if (l->job != NONE) {
			close(l->child.out);
			if (l->child.pidfd >= 0)
				close(l->child.pidfd);
		}
	close(r->wake);
	free(r);
}
