/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ctl/ctl_own.h"
#include "ctl/json.h"
#include "ctl/rundir.h"
#include "sys/log.h"

#define WHY_MAX		256
#define PEER_GROUPS_MAX	1024		/* of one asker; who has more is not looked through */
#define S_TO_NS(s)	((s) * 1000000000ULL)

static void client_obey(struct client *c, size_t line_len)
{
	char why[WHY_MAX] = "";
	struct request r;
	enum ctl_exit bad = request_read(&r, c->in, line_len, why, sizeof(why));

	c->deadline_ns = 0;
	if (bad)
		client_answer(c, bad, NULL, why);
	else
		verb_obey(c, &r);
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
	if (!client_is_free(c))
		verb_go_on(c);
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
		if (client_is_free(&ctl->clients[i]))
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
		if (!client_is_free(&ctl->clients[i]) && ctl->clients[i].state == FOLLOWING)
			verb_go_on(&ctl->clients[i]);
}

static void tell_watchers(struct ctl *ctl)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (!client_is_free(&ctl->clients[i]) && ctl->clients[i].state == WATCHING)
			client_say(&ctl->clients[i], CTL_DONE, doc_status(ctl->ha), NULL);
}

static bool is_watched(const struct ctl *ctl)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (!client_is_free(&ctl->clients[i]) && ctl->clients[i].state == WATCHING)
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
	if (c->state == LEAVING || c->state == LISTING)
		return S_TO_NS(CTL_STALL_S);
	return 0;
}

static uint64_t turn_client(struct client *c, uint64_t now_ns)
{
	if (client_is_free(c) || !patience_ns(c))
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
