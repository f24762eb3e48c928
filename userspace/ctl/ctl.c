/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/json.h"
#include "ctl/request.h"
#include "ctl/rundir.h"
#include "ctl_wire.h"
#include "ha/ha_view.h"
#include "sys/log.h"

#define WHY_MAX		256
#define PEER_GROUPS_MAX	1024		/* of one asker; who has more is not looked through */
#define FOLLOW_ROOM	(32 * 1024)	/* log lines wait in the log, not in a client's buffer */
#define VIPS_A_TURN	16		/* about half a millisecond of counters */
#define COUNTERS_END	"]}}\n"		/* what closes "vips" in a line of counters */
#define S_TO_NS(s)	((s) * 1000000000ULL)

enum client_state {
	READING,	/* its request is not complete */
	WAITING,	/* asked the conductor, no answer yet */
	COUNTING,	/* gets counters, a slice a turn */
	LEAVING,	/* answered: closed when it has taken the answer */
	WATCHING,	/* gets the status at every change */
	FOLLOWING,	/* gets log lines */
};

struct client {
	struct src src;		/* first; fd -1: this place is free */
	struct ctl *ctl;
	enum client_state state;
	struct ucred who;
	uint64_t deadline_ns;	/* 0: starts with the next turn */
	uint64_t next_line;	/* FOLLOWING: sequence number in the log */
	uint32_t next_vip;	/* COUNTING: index in the configuration */
	char in[CTL_REQUEST_MAX];
	size_t n_in;
	char *out;		/* what it has not taken yet is out[taken .. n_out) */
	size_t n_out, taken, cap;
};

struct ctl {
	struct src listen;	/* first */
	struct src wake;	/* eventfd: the log has a new line */
	struct loop *loop;
	struct ha *ha;
	struct sockaddr_un addr;
	gid_t group;
	bool has_group;
	bool changed;
	bool deaf;		/* out of descriptors: accepts again after a while */
	uint64_t listen_ns, watch_ns;
	atomic_uint followers;
	struct client clients[CTL_CLIENTS_MAX];
};

static size_t unsent(const struct client *c)
{
	return c->n_out - c->taken;
}

static bool is_free(const struct client *c)
{
	return c->src.fd < 0;
}

static void client_close(struct client *c)
{
	if (is_free(c))
		return;
	if (c->state == WAITING)
		ha_ask_forget(c->ctl->ha, c);
	if (c->state == FOLLOWING)
		atomic_fetch_sub(&c->ctl->followers, 1);
	loop_del(c->ctl->loop, &c->src);
	close(c->src.fd);
	c->src.fd = -1;
	free(c->out);
	c->out = NULL;
	c->n_out = c->taken = c->cap = 0;
}

/* Nothing more is read once the request is there; a client that hangs up is told of anyway. */
static void client_wants(struct client *c)
{
	uint32_t events = c->state == READING ? EPOLLIN : unsent(c) || c->state == COUNTING ? EPOLLOUT : 0;

	if (loop_mod(c->ctl->loop, &c->src, events))
		client_close(c);
}

/* Hands over what the socket takes now. May close the client. */
static void client_flush(struct client *c)
{
	ssize_t n = 0;

	while (unsent(c) && (n = send(c->src.fd, c->out + c->taken, unsent(c), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
		c->taken += (size_t)n;
		c->deadline_ns = 0;
	}
	if (unsent(c) && errno != EAGAIN && errno != EINTR) {
		client_close(c);
		return;
	}
	if (!unsent(c)) {
		c->n_out = c->taken = 0;
		if (c->state == LEAVING) {
			client_close(c);
			return;
		}
	}
	client_wants(c);
}

/* One answer may be as long as it is; what piles up behind an unread one may not. */
static bool make_room(struct client *c, size_t more)
{
	char *out;

	if (unsent(c) && unsent(c) + more > CTL_BACKLOG_MAX)
		return false;
	if (c->taken)
		memmove(c->out, c->out + c->taken, unsent(c));
	c->n_out = unsent(c);
	c->taken = 0;
	if (c->n_out + more <= c->cap)
		return true;
	out = realloc(c->out, c->n_out + more);
	if (!out)
		return false;
	c->out = out;
	c->cap = c->n_out + more;
	return true;
}

/* Closes a client that cannot be told. */
static void client_push(struct client *c, const char *bytes, size_t len)
{
	if (!make_room(c, len)) {
		client_close(c);
		return;
	}
	memcpy(c->out + c->n_out, bytes, len);
	c->n_out += len;
	client_flush(c);
}

/* One line to the client; takes @doc. */
static void client_say(struct client *c, int exit_code, json_t *doc, const char *error)
{
	char *line = reply_line(exit_code, doc, error);

	if (line)
		client_push(c, line, strlen(line));
	else
		client_close(c);
	free(line);
}

/* The last word to a client. It may be gone afterwards. */
static void client_answer(struct client *c, int exit_code, json_t *doc, const char *error)
{
	c->state = LEAVING;
	c->deadline_ns = 0;
	client_say(c, exit_code, doc, error);
}

/* A document, or the one reason that leaves none. */
static void client_answer_doc(struct client *c, json_t *doc)
{
	if (doc)
		client_answer(c, CTL_DONE, doc, NULL);
	else
		client_answer(c, CTL_REFUSED, NULL, "out of memory");
}

static void client_follow(struct client *c)
{
	struct log_line line;

	while (!is_free(c) && unsent(c) < FOLLOW_ROOM && !log_read(c->next_line, &line)) {
		c->next_line = line.seq + 1;
		client_say(c, CTL_DONE, doc_event(&line), NULL);
	}
}

/* Who asked for what, beside what then happened. */
static void log_request(const struct client *c, const char *verb, const char *what, bool force)
{
	log_event(LOG_INFO, "control", "verb=%s arg=\"%s\" force=%s uid=%u pid=%d", verb, what, force ? "yes" : "no",
		  c->who.uid, c->who.pid);
}

static void on_switched(void *arg, int exit_code, const char *text)
{
	struct client *c = arg;

	if (exit_code == CTL_DONE)
		client_answer(c, CTL_DONE, doc_done(text), NULL);
	else
		client_answer(c, exit_code, NULL, text);
}

static bool group_exists(const struct conf *conf, const char *name, char *why, size_t cap)
{
	int n = snprintf(why, cap, "no group '%s' here; groups:", name);

	for (uint32_t i = 0; i < conf->n_groups; i++) {
		if (!strcmp(conf->groups[i].name, name))
			return true;
		if (n > 0 && (size_t)n < cap)
			n += snprintf(why + n, cap - (size_t)n, " %s", conf->groups[i].name);
	}
	return false;
}

static void verb_switchover(struct client *c, const struct request *r)
{
	char why[BT_GROUPS_MAX * (BT_NAME_MAX + 1) + 64];
	const char *group = r->group[0] ? r->group : NULL;

	if (group && !group_exists(ha_conf(c->ctl->ha), group, why, sizeof(why))) {
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	log_request(c, "switchover", r->group, r->force);
	c->state = WAITING;
	client_wants(c);
	if (!is_free(c))
		ha_switchover(c->ctl->ha, group, r->force, r->timeout_ns, on_switched, c);
}

static void verb_status(struct client *c, const struct request *r)
{
	(void)r;
	client_answer_doc(c, doc_status(c->ctl->ha));
}

static void verb_watch(struct client *c, const struct request *r)
{
	(void)r;
	c->state = WATCHING;
	client_say(c, CTL_DONE, doc_status(c->ctl->ha), NULL);
}

static void verb_events(struct client *c, const struct request *r)
{
	if (!r->follow) {
		client_answer_doc(c, doc_events());
		return;
	}
	c->state = FOLLOWING;
	c->next_line = 0;
	atomic_fetch_add(&c->ctl->followers, 1);
	client_wants(c);
	client_follow(c);
}

/* The next VIPs, or the end of the line. What fails now can no longer be said: half a line tells it. */
static void client_count(struct client *c)
{
	int err = 0;
	json_t *vips = doc_counters_vips(c->ctl->ha, c->next_vip, VIPS_A_TURN, &err);
	char *text = json_array_size(vips) ? json_dumps(vips, JSON_COMPACT) : NULL;
	bool first = !c->next_vip;

	c->next_vip += (uint32_t)json_array_size(vips);
	if (text) {
		text[0] = ',';	/* [a,b] is pushed as a,b or ,a,b */
		client_push(c, text + first, strlen(text) - 1 - first);
	} else if (vips && !json_array_size(vips)) {
		c->state = LEAVING;
		client_push(c, COUNTERS_END, strlen(COUNTERS_END));
	} else {
		client_close(c);
	}
	free(text);
	json_decref(vips);
}

static void verb_counters(struct client *c, const struct request *r)
{
	char why[WHY_MAX], *line;
	int err = 0;
	json_t *doc = doc_counters(c->ctl->ha, &err);

	(void)r;
	if (!doc) {
		snprintf(why, sizeof(why), "cannot read the data path's counters: %s", strerror(-err));
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	line = reply_line(CTL_DONE, doc, NULL);
	c->state = COUNTING;
	c->next_vip = 0;
	if (line)
		client_push(c, line, strlen(line) - strlen(COUNTERS_END));
	else
		client_close(c);
	free(line);
}

static void verb_options(struct client *c, const struct request *r)
{
	(void)r;
	client_answer_doc(c, doc_options(ha_conf(c->ctl->ha)));
}

static void verb_alarms(struct client *c, const struct request *r)
{
	char why[WHY_MAX];

	if (!r->clear[0]) {
		client_answer_doc(c, doc_alarms(c->ctl->ha, NULL));
		return;
	}
	if (ha_alarm_clear(c->ctl->ha, r->clear)) {
		snprintf(why, sizeof(why), "no alarm '%s'; `baton alarms` lists them", r->clear);
		client_answer(c, CTL_REFUSED, NULL, why);
		return;
	}
	log_request(c, "alarms-clear", r->clear, false);
	client_answer_doc(c, doc_alarms(c->ctl->ha, r->clear));
}

static void verb_doctor(struct client *c, const struct request *r)
{
	char why[WHY_MAX];
	unsigned bad = 0;
	json_t *doc = doc_doctor(c->ctl->ha, &bad);

	(void)r;
	if (!doc || !bad) {
		client_answer_doc(c, doc);
		return;
	}
	snprintf(why, sizeof(why), "%u check%s bad", bad, bad == 1 ? " is" : "s are");
	client_answer(c, CTL_REFUSED, doc, why);
}

static void verb_reload(struct client *c, const struct request *r)
{
	char why[CONF_PATH_MAX + WHY_MAX] = "";

	(void)r;
	log_request(c, "reload", "", false);
	if (ha_reload(c->ctl->ha, why, sizeof(why)))
		client_answer(c, CTL_REFUSED, NULL, why[0] ? why : "the configuration was refused");
	else
		client_answer_doc(c, doc_done("configuration reloaded"));
}

/* A verb without a row is one that request_read() refuses as not built. */
static void (*const verbs[CTL_VERB__N])(struct client *c, const struct request *r) = {
	[CTL_STATUS]	 = verb_status,
	[CTL_WATCH]	 = verb_watch,
	[CTL_SWITCHOVER] = verb_switchover,
	[CTL_EVENTS]	 = verb_events,
	[CTL_COUNTERS]	 = verb_counters,
	[CTL_OPTIONS]	 = verb_options,
	[CTL_ALARMS]	 = verb_alarms,
	[CTL_DOCTOR]	 = verb_doctor,
	[CTL_RELOAD]	 = verb_reload,
};

static void client_obey(struct client *c, size_t line_len)
{
	char why[WHY_MAX] = "";
	struct request r;
	enum ctl_exit bad = request_read(&r, c->in, line_len, why, sizeof(why));

	c->deadline_ns = 0;
	if (bad)
		client_answer(c, bad, NULL, why);
	else
		verbs[r.verb](c, &r);
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->src.fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {		/* hung up before it had said what it wants */
		client_close(c);
		return;
	}
	c->n_in += (size_t)n;
	end = memchr(c->in, '\n', c->n_in);
	if (end)
		client_obey(c, (size_t)(end - c->in));
	else if (c->n_in == sizeof(c->in))
		client_answer(c, CTL_USAGE, NULL, "request longer than 4096 bytes");
}
_Static_assert(CTL_REQUEST_MAX == 4096, "the text above names it");

static void client_ready(struct src *src, uint32_t events)
{
	struct client *c = (struct client *)src;

	if (c->state == READING) {
		client_read(c);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		client_close(c);
		return;
	}
	client_flush(c);
	if (!is_free(c) && c->state == FOLLOWING)
		client_follow(c);
	else if (!is_free(c) && c->state == COUNTING && !unsent(c))
		client_count(c);
}

/* By what the kernel knows of it, not by what NSS says now: that could block. Fails closed. */
static bool may_ask(const struct ctl *ctl, int fd, const struct ucred *who)
{
	static gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (who->uid == 0)
		return true;
	if (!ctl->has_group)
		return false;
	if (who->gid == ctl->group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == ctl->group)
			return true;
	return false;
}

static void refuse(int fd, const char *error)
{
	char *line = reply_line(CTL_REFUSED, NULL, error);

	/* A fresh socket takes a short line at once; if not, hanging up says enough. */
	if (line && send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
	free(line);
	close(fd);
}

static struct client *free_place(struct ctl *ctl)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (is_free(&ctl->clients[i]))
			return &ctl->clients[i];
	return NULL;
}

static void client_open(struct ctl *ctl, int fd, const struct ucred *who)
{
	struct client *c = free_place(ctl);

	if (!c) {
		refuse(fd, "too many clients, 16 are connected; try again");
		return;
	}
	c->src.fd = fd;
	c->state = READING;
	c->who = *who;
	c->n_in = 0;
	c->deadline_ns = 0;
	if (loop_add(ctl->loop, &c->src, EPOLLIN)) {
		c->src.fd = -1;
		close(fd);
	}
}
_Static_assert(CTL_CLIENTS_MAX == 16, "the text above names it");

static void greet(struct ctl *ctl, int fd)
{
	struct ucred who = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof(who);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) && may_ask(ctl, fd, &who)) {
		client_open(ctl, fd, &who);
		return;
	}
	log_event(LOG_WARNING, "control refused", "uid=%u gid=%u pid=%d", who.uid, who.gid, who.pid);
	refuse(fd, "not allowed: only root and members of group " CTL_GROUP " may ask");
}

/* Out of descriptors the socket would stay readable for ever: look away for a second. */
static void stop_listening(struct ctl *ctl)
{
	ctl->deaf = !loop_mod(ctl->loop, &ctl->listen, 0);
	ctl->listen_ns = 0;
}

static void listen_ready(struct src *src, uint32_t events)
{
	struct ctl *ctl = (struct ctl *)src;
	int fd;

	(void)events;
	while ((fd = accept4(ctl->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		greet(ctl, fd);
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		stop_listening(ctl);
}

static uint64_t turn_listen(struct ctl *ctl, uint64_t now_ns)
{
	if (!ctl->deaf)
		return LOOP_NEVER;
	if (!ctl->listen_ns)
		ctl->listen_ns = now_ns + S_TO_NS(1);
	if (now_ns < ctl->listen_ns)
		return ctl->listen_ns;
	ctl->deaf = loop_mod(ctl->loop, &ctl->listen, EPOLLIN) != 0;
	ctl->listen_ns = 0;
	return ctl->deaf ? now_ns + S_TO_NS(1) : LOOP_NEVER;
}

/* From any thread that logs. Costs a system call only while someone follows. */
static void on_log_line(void *arg)
{
	struct ctl *ctl = arg;

	if (atomic_load_explicit(&ctl->followers, memory_order_relaxed) && eventfd_write(ctl->wake.fd, 1))
		errno = 0;	/* full means it is readable already */
}

static void wake_ready(struct src *src, uint32_t events)
{
	struct ctl *ctl = (struct ctl *)((char *)src - offsetof(struct ctl, wake));
	eventfd_t count;

	(void)events;
	if (eventfd_read(src->fd, &count))
		return;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (!is_free(&ctl->clients[i]) && ctl->clients[i].state == FOLLOWING)
			client_follow(&ctl->clients[i]);
}

static void tell_watchers(struct ctl *ctl)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (!is_free(&ctl->clients[i]) && ctl->clients[i].state == WATCHING)
			client_say(&ctl->clients[i], CTL_DONE, doc_status(ctl->ha), NULL);
}

static bool is_watched(const struct ctl *ctl)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (!is_free(&ctl->clients[i]) && ctl->clients[i].state == WATCHING)
			return true;
	return false;
}

static uint64_t turn_watch(struct ctl *ctl, uint64_t now_ns)
{
	if (!is_watched(ctl)) {
		ctl->watch_ns = LOOP_NEVER;
		return LOOP_NEVER;
	}
	if (ctl->changed || now_ns >= ctl->watch_ns)
		tell_watchers(ctl);
	if (ctl->changed || now_ns >= ctl->watch_ns || ctl->watch_ns == LOOP_NEVER)
		ctl->watch_ns = now_ns + S_TO_NS(CTL_WATCH_S);
	return ctl->watch_ns;
}

/* How long may this client keep its place without doing its part? 0: as long as it likes. */
static uint64_t patience_ns(const struct client *c)
{
	if (c->state == READING)
		return S_TO_NS(CTL_REQUEST_S);
	if (c->state == LEAVING || c->state == COUNTING)
		return S_TO_NS(CTL_STALL_S);
	return 0;
}

static uint64_t turn_client(struct client *c, uint64_t now_ns)
{
	if (is_free(c) || !patience_ns(c))
		return LOOP_NEVER;
	if (!c->deadline_ns)
		c->deadline_ns = now_ns + patience_ns(c);
	if (now_ns < c->deadline_ns)
		return c->deadline_ns;
	if (c->state != READING) {
		client_close(c);
		return LOOP_NEVER;
	}
	client_answer(c, CTL_USAGE, NULL, "no complete request within 2 s");
	return now_ns;		/* its new deadline is not known yet */
}
_Static_assert(CTL_REQUEST_S == 2, "the text above names it");

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t ctl_turn(struct ctl *ctl, uint64_t now_ns)
{
	uint64_t next = sooner(turn_listen(ctl, now_ns), turn_watch(ctl, now_ns));

	ctl->changed = false;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		next = sooner(next, turn_client(&ctl->clients[i], now_ns));
	return next;
}

void ctl_changed(struct ctl *ctl)
{
	if (ctl)
		ctl->changed = true;
}

static void init(struct ctl *ctl, struct loop *loop, struct ha *ha)
{
	ctl->loop = loop;
	ctl->ha = ha;
	ctl->watch_ns = LOOP_NEVER;
	ctl->listen = (struct src){ .fd = -1, .name = "control", .ready = listen_ready };
	ctl->wake = (struct src){ .fd = -1, .name = "control-log", .ready = wake_ready };
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		ctl->clients[i].src = (struct src){ .fd = -1, .name = "control-client", .ready = client_ready };
		ctl->clients[i].ctl = ctl;
	}
	ctl->has_group = rundir_group(&ctl->group);
}

static int open_sources(struct ctl *ctl, const char *run_dir, char *why, size_t len)
{
	int err;

	ctl->listen.fd = rundir_listen(run_dir, &ctl->addr, why, len);
	if (ctl->listen.fd < 0)
		return ctl->listen.fd;
	ctl->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = ctl->wake.fd < 0 ? -errno : loop_add(ctl->loop, &ctl->wake, EPOLLIN);
	if (!err)
		err = loop_add(ctl->loop, &ctl->listen, EPOLLIN);
	if (err)
		snprintf(why, len, "control socket: %s", strerror(-err));
	return err;
}

int ctl_open(struct ctl **ret, struct loop *loop, struct ha *ha, const char *run_dir, char *why, size_t len)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int err;

	if (!ctl) {
		snprintf(why, len, "control socket: out of memory");
		return -ENOMEM;
	}
	init(ctl, loop, ha);
	err = open_sources(ctl, run_dir, why, len);
	if (err) {
		ctl_close(ctl);
		return err;
	}
	log_set_hook(on_log_line, ctl);
	*ret = ctl;
	return 0;
}

static void source_close(struct ctl *ctl, struct src *src)
{
	if (src->fd < 0)
		return;
	loop_del(ctl->loop, src);
	close(src->fd);
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl)
		return;
	log_set_hook(NULL, NULL);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		client_close(&ctl->clients[i]);
	if (ctl->listen.fd >= 0)
		unlink(ctl->addr.sun_path);
	source_close(ctl, &ctl->listen);
	source_close(ctl, &ctl->wake);
	free(ctl);
}
