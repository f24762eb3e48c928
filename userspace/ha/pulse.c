/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/pulse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/detect.h"
#include "core/marks.h"
#include "core/pulse_msg.h"
#include "core/when.h"
#include "ha/observed.h"
#include "sys/clock.h"
#include "sys/raw.h"
#include "sys/thread.h"

#define PRIORITY	50	/* above the main loop: a probe that is late knows nothing */
#define MARKED_NS	(10 * NS_PER_S)	/* a test mark this young shows that marks come through */
#define ROUND_MAX	64	/* datagrams taken from one socket before the next is served */

struct path {
	int fd;
	uint32_t ifindex;
	struct in6_addr local, peer;
	uint64_t seq;
	struct detect detect;
	bool silent;
	struct marks marks;
	uint64_t probe_top;	/* newest of the peer's probes, and when it came: */
	uint64_t asked_ns;
	uint64_t mark_ns;	/* when a probe last bore the test mark */
};

struct pulse {
	struct dp *dp;
	struct bt_node node;
	uint32_t n_groups;
	int kick, changed;
	bool tell_misses;
	atomic_bool quit;
	pthread_t thread;
	bool running;
	_Atomic uint64_t interval_ns;
	_Atomic uint32_t misses;
	_Atomic uint32_t health[BT_GROUPS_MAX];

	pthread_mutex_t lock;		/* guards what follows against pulse_report() */
	struct path path[BT_PATHS_MAX];
	uint32_t n_paths;
	struct pulse_report report;

	/* the thread's own */
	struct observed observed;
	uint64_t due_ns;
	uint64_t verdict_ns;	/* the next look that is due before that; UINT64_MAX: none */
	uint64_t late;
	struct asking asking;
	struct pulse_say say;
	struct bt_group group[BT_GROUPS_MAX];
};

static char why[160];

const char *pulse_why(void)
{
	return why;
}

/* ---- sending -------------------------------------------------------------------------------- */

static uint64_t ns_since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* Both counts may lag, and each by itself. */
static uint32_t unanswered(uint64_t wants, uint64_t finals)
{
	uint64_t open = wants > finals ? wants - finals : 0;

	return open < UINT32_MAX ? (uint32_t)open : UINT32_MAX;
}

/* As the kernel's answers say it (bpf/drain.h): what the main loop has stopped saying is over. */
static uint32_t drain_flags(struct pulse *p, uint32_t slot, uint64_t now)
{
	const volatile struct bt_drain *drain = &dp_drains(p->dp)[slot];
	uint32_t flags = atomic_load(&p->health[slot]), side = now < drain->until_ns ? BT_DRAIN_SIDE(drain->word) : BT_DRAIN_NONE;

	if (side != BT_DRAIN_MINE)
		flags &= ~(uint32_t)PULSE_F_DRAIN_MINE;
	return side == BT_DRAIN_YOURS ? flags : flags & ~(uint32_t)PULSE_F_DRAIN_YOURS;
}

static void say_group(struct pulse *p, uint32_t slot, uint64_t now, struct pulse_say_group *g)
{
	uint64_t until = atomic_load(&dp_leases(p->dp)[slot]);
	const volatile struct bt_heard *heard = &dp_heard(p->dp)[slot];
	const volatile struct bt_seen *seen = &dp_seen(p->dp)[slot];
	uint64_t responded = seen->response_ns, accepted = seen->accept_ns;

	g->name_hash = p->group[slot].name_hash;
	g->digest = p->group[slot].digest;
	g->word = atomic_load(&dp_words(p->dp)[slot]);
	g->echo = heard->word;
	g->lease_left_us = pulse_us(ns_since(until, now));
	g->resp_age_ms = responded ? pulse_ms(ns_since(now, responded)) : PULSE_NEVER;
	g->flags = drain_flags(p, slot, now) | PULSE_F_KNOWN | (until > now ? PULSE_F_LEASED : 0);
	g->requests = (uint32_t)seen->requests;
	g->accept_age_us = accepted ? pulse_us(ns_since(now, accepted)) : PULSE_NEVER;
	g->unanswered = unanswered(seen->wants, seen->finals);
}

static uint64_t newest_heard(const struct bt_pair *pair)
{
	uint64_t newest = 0;

	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (pair->path[i].heard_ns > newest)
			newest = pair->path[i].heard_ns;
	return newest;
}

static void say_all(struct pulse *p, const struct bt_pair *pair, uint64_t now)
{
	uint64_t heard = newest_heard(pair);

	p->say.to_boot = pair->peer_boot;
	p->say.nonce = pair->nonce;
	p->say.echo = pair->peer_nonce;
	p->say.heard_ms = heard ? pulse_ms(ns_since(now, heard)) : PULSE_NEVER;
	for (uint32_t i = 0; i < p->n_groups; i++)
		say_group(p, i, now, &p->say.group[i]);
}

/* As the kernel's answers say it (bpf/pulse_answer.h). */
static bool marks_seen(const struct bt_path_st *st, uint64_t now)
{
	return st->marked_ns && ns_since(now, st->marked_ns) < MARKED_NS;
}

/* The next probe of a path. Noted before it leaves: the answer may be back before send() returns. */
static size_t next_probe(struct pulse *p, struct path *path, const struct bt_path_st *st, bool punctual, char *buf)
{
	uint64_t now = clock_now_ns();

	p->say.seq = path->seq + 1;
	p->say.flags = marks_seen(st, now) ? PULSE_H_MARKED : 0;
	pthread_mutex_lock(&p->lock);
	detect_sent(&path->detect, ++path->seq, now, punctual);
	pthread_mutex_unlock(&p->lock);
	return pulse_msg_probe(&p->say, buf);
}

/* Where XDP is off nobody is met, and nothing is sent on. */
static bool can_mark(const struct bt_pair *pair, const struct bt_path_st *st)
{
	static const uint8_t unknown[sizeof(st->peer_mac)];

	return pair->peer_boot && memcmp(st->peer_mac, unknown, sizeof(unknown));
}

/* One more probe, from the test mark: now and then, and less often once it is known what comes of it. */
static void probe_marked(struct pulse *p, struct path *path, const struct bt_pair *pair, const struct bt_path_st *st,
			 bool punctual)
{
	uint64_t now = clock_now_ns(), every = path->marks.seen == MARKS_UNKNOWN ? MARKS_EVERY_NS : 4 * MARKS_EVERY_NS;
	struct marks_way way = {
		.from = &path->local, .to = &path->peer, .port = ntohs(p->node.pulse_port), .to_mac = st->peer_mac,
	};
	char buf[PULSE_MSG_MAX], frame[MARKS_HEAD_MAX + PULSE_MSG_MAX];
	struct iovec iov = { .iov_base = frame };
	size_t len;

	if (!can_mark(pair, st) || now - path->mark_ns < every)
		return;
	path->mark_ns = now;
	len = next_probe(p, path, st, punctual, buf);
	iov.iov_len = marks_frame(&p->node, pair->peer_boot, &way, buf, len, frame);
	(void)!raw_send_now(path->ifindex, &iov, 1);
}

static void probe_all(struct pulse *p, const struct bt_pair *pair, bool punctual)
{
	char buf[PULSE_MSG_MAX];
	size_t len;

	say_all(p, pair, clock_now_ns());
	for (uint32_t i = 0; i < p->n_paths; i++) {
		struct path *path = &p->path[i];

		/* First: the other's answer also says that nothing is amiss where no marks come through. */
		probe_marked(p, path, pair, &pair->path[i], punctual);
		len = next_probe(p, path, &pair->path[i], punctual, buf);
		(void)!send(path->fd, buf, len, MSG_DONTWAIT);	/* a lost probe is a missed one */
	}
}

/* ---- judging -------------------------------------------------------------------------------- */

/* A kernel answers for ever; who asks has a controller. */
static void note_asked(struct path *path, const struct bt_path_st *st, uint64_t now)
{
	if (path->probe_top == st->probe_top)
		return;
	path->probe_top = st->probe_top;
	path->asked_ns = now;
}

static bool look_at(struct pulse *p, uint32_t i, const struct bt_pair *pair, uint64_t now)
{
	const struct bt_path_st *st = &pair->path[i];
	struct pulse_path_report *r = &p->report.path[i];
	struct path *path = &p->path[i];
	enum marks_seen seen = path->marks.seen;
	bool was = path->silent, missed = r->missed;

	detect_heard(&path->detect, st);
	note_asked(path, st, now);
	/* Once found, silence ends when something is heard, not when our own probes were late. */
	path->silent = detect_is_silent(&path->detect, st->heard_ns, now) ||
		       (was && st->heard_ns == r->heard_ns);
	marks_note(&path->marks, can_mark(pair, st) && st->heard_ns && !path->silent,
		   st->peer_flags & PULSE_H_MARKED, now);
	*r = (struct pulse_path_report){
		.heard_ns = st->heard_ns, .asked_ns = path->asked_ns, .unauth_ns = st->unauth_ns,
		.peer_heard_ms = st->peer_heard_ms,
		.rtt_us = (uint32_t)(path->detect.rtt_ns / NS_PER_US),
		.loss_ppm = path->detect.loss_ppm, .detect_ns = detect_time_ns(&path->detect),
		.silent = path->silent, .marks = path->marks.seen,
		.missed = path->silent || detect_missed_one(&path->detect, st->heard_ns, now),
	};
	return was != path->silent || seen != path->marks.seen || (p->tell_misses && r->missed && !missed);
}

static void look(struct pulse *p, const struct bt_pair *pair)
{
	uint64_t one = 1, now = clock_now_ns();
	bool news;

	pthread_mutex_lock(&p->lock);
	news = p->report.boots != pair->boots;
	p->report.looked_ns = now;
	p->report.boots = pair->boots;
	p->report.late = p->late;
	for (uint32_t i = 0; i < p->n_paths; i++)
		news |= look_at(p, i, pair, now);
	pthread_mutex_unlock(&p->lock);
	if (news)
		(void)!write(p->changed, &one, sizeof(one));
}

/* ---- the schedule --------------------------------------------------------------------------- */

static void retime(struct pulse *p)
{
	uint64_t interval = atomic_load(&p->interval_ns);
	uint32_t misses = atomic_load(&p->misses);

	pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < p->n_paths; i++) {
		p->path[i].detect.interval_ns = interval;
		p->path[i].detect.misses = misses;
	}
	pthread_mutex_unlock(&p->lock);
}

/*
 * To the kernel's watchdog: somebody asks, so a kernel that lives would have answered. How long silence must be, and since when it was
 * asked as often on time. A beat that is late is not counted: it asks, but whoever was late may be late to hear, too.
 */
static void tell_watchdog(struct pulse *p, bool punctual)
{
	volatile struct bt_watch_own *own = dp_watch_own(p->dp);
	uint64_t now = clock_now_ns();

	asking_note(&p->asking, now, atomic_load(&p->interval_ns), punctual);
	for (uint32_t i = 0; i < p->n_paths; i++) {
		const struct detect *d = &p->path[i].detect;
		uint64_t detect = detect_time_ns(d);

		__atomic_store_n(&own->detect_ns[i], detect, __ATOMIC_RELAXED);
		__atomic_store_n(&own->asking_ns[i], asking_since(&p->asking, detect / d->interval_ns), __ATOMIC_RELEASE);
	}
	__atomic_store_n(&own->asked_ns, now, __ATOMIC_RELEASE);
}

/* When silence will be long enough on one more path, if the next beat would see it later. */
static uint64_t next_verdict(const struct pulse *p)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < p->n_paths; i++) {
		uint64_t at = detect_verdict_ns(&p->path[i].detect, p->report.path[i].heard_ns);

		if (!p->path[i].silent && at < next)	/* silent by now: until it is heard, which the next beat will see */
			next = at;
	}
	return next < p->due_ns ? next : UINT64_MAX;
}

/* Between two beats. Whoever comes late to it may be late to hear, too: then the next beat decides. */
static void look_between(struct pulse *p, uint64_t now)
{
	bool punctual = ns_since(now, p->verdict_ns) <= p->path[0].detect.interval_ns / 4;
	struct bt_pair pair;

	p->verdict_ns = UINT64_MAX;
	if (!punctual || dp_pair(p->dp, &pair))
		return;
	look(p, &pair);
	p->verdict_ns = next_verdict(p);
}

/* One beat: what the kernel heard until now, judged on what was sent until now; then the next probe. */
static void beat(struct pulse *p, uint64_t now)
{
	uint64_t interval = atomic_load(&p->interval_ns), late = ns_since(now, p->due_ns);
	bool punctual = late <= interval / 2;
	struct bt_pair pair;

	if (interval != p->path[0].detect.interval_ns || atomic_load(&p->misses) != p->path[0].detect.misses)
		retime(p);
	p->late += !punctual;
	p->observed.left = OBSERVED_ROUND;
	p->due_ns = punctual ? p->due_ns + interval : now + interval;
	p->verdict_ns = UINT64_MAX;
	if (dp_pair(p->dp, &pair))
		return;
	if (punctual)
		look(p, &pair);
	probe_all(p, &pair, punctual);
	tell_watchdog(p, punctual);
	p->verdict_ns = next_verdict(p);
}

static void probe_besides(struct pulse *p)
{
	struct bt_pair pair;
	uint64_t n;

	(void)!read(p->kick, &n, sizeof(n));
	if (!dp_pair(p->dp, &pair))
		probe_all(p, &pair, true);
}

/*
 * ---- answering by hand ---------------------------------------------------------------------------
 *
 * Where XDP is off, or was taken away: where it stands it takes pulses before a socket sees them. Without this a
 * host whose program somebody detached would hear nothing, and claim, before the fence has put it back.
 */

static void answer(struct pulse *p, struct path *path)
{
	char buf[PULSE_MSG_MAX + 1];
	ssize_t n;
	int len;

	for (int i = 0; i < ROUND_MAX; i++) {
		n = recv(path->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			return;		/* nothing more, or an ICMP error of a probe: no matter */
		len = dp_pulse_by_hand(p->dp, path->ifindex, &path->peer, &path->local,
				       ntohs(p->node.pulse_port), buf, (size_t)n, sizeof(buf));
		if (len > 0)
			(void)!send(path->fd, buf, (size_t)len, MSG_DONTWAIT);
	}
}

/* Until the next beat or look is due or something happens. One call: timers of their own would cost two more. */
static int wait_for(struct pulse *p, struct pollfd *fds, nfds_t n)
{
	uint64_t left = ns_since(earlier(p->verdict_ns, p->due_ns), clock_now_ns());
	struct timespec ts = { (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };

	return ppoll(fds, n, &ts, NULL);
}

static void *run(void *arg)
{
	struct pulse *p = arg;
	struct pollfd fds[1 + BT_PATHS_MAX + 2] = { { .fd = p->kick, .events = POLLIN } };
	nfds_t n_fds = 1, n_paths;
	uint64_t now;
	int n;

	for (uint32_t i = 0; i < p->n_paths; i++)
		fds[n_fds++] = (struct pollfd){ .fd = p->path[i].fd, .events = POLLIN };
	n_paths = n_fds;
	for (int i = 0; i < 2; i++)
		if (p->observed.fd[i] >= 0)
			fds[n_fds++] = (struct pollfd){ .fd = p->observed.fd[i], .events = POLLIN };
	p->due_ns = clock_now_ns();
	p->verdict_ns = UINT64_MAX;
	while (((n = wait_for(p, fds, p->observed.left ? n_fds : n_paths)) >= 0 || errno == EINTR) && !atomic_load(&p->quit)) {
		now = clock_now_ns();
		if (now >= p->due_ns)
			beat(p, now);
		else if (now >= p->verdict_ns)
			look_between(p, now);
		if (n > 0 && fds[0].revents)
			probe_besides(p);
		for (nfds_t i = 1; n > 0 && i < n_paths; i++)
			if (fds[i].revents)
				answer(p, &p->path[i - 1]);
		for (nfds_t i = n_paths; n > 0 && p->observed.left && i < n_fds; i++)
			if (fds[i].revents)
				observed_answer(&p->observed, fds[i].fd, p->dp);
	}
	return NULL;
}

/* ---- building ------------------------------------------------------------------------------- */

static void to_sockaddr(const struct in6_addr *ip, uint16_t port, struct sockaddr_storage *ss, socklen_t *len)
{
	memset(ss, 0, sizeof(*ss));
	if (conf_is_v4(ip)) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, &ip->s6_addr[12], 4);
		*len = sizeof(*sin);
		return;
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_addr = *ip;
	*len = sizeof(*sin6);
}

static void read_local(struct path *path)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(path->fd, (struct sockaddr *)&ss, &len))
		return;
	if (ss.ss_family == AF_INET6) {
		path->local = ((struct sockaddr_in6 *)&ss)->sin6_addr;
		return;
	}
	memset(&path->local, 0, sizeof(path->local));
	path->local.s6_addr[10] = path->local.s6_addr[11] = 0xff;
	memcpy(&path->local.s6_addr[12], &((struct sockaddr_in *)&ss)->sin_addr, 4);
}

static int path_fail(const struct conf_path *c, const char *what)
{
	int err = -errno;

	snprintf(why, sizeof(why), "path %s %s: %s: %s", c->dev, c->peer_text, what, strerror(-err));
	return err;
}

static int bind_any(int fd, int family, uint16_t port)
{
	struct in6_addr any = IN6ADDR_ANY_INIT;
	struct sockaddr_storage ss;
	socklen_t len;

	if (family == AF_INET)
		any.s6_addr[10] = any.s6_addr[11] = 0xff;
	to_sockaddr(&any, port, &ss, &len);
	return bind(fd, (struct sockaddr *)&ss, len);
}

static int path_open(struct path *path, const struct conf *conf, const struct conf_path *c)
{
	int family = conf_is_v4(&c->peer) ? AF_INET : AF_INET6, one = 1, tos = 0xc0;	/* CS6, network control */
	struct sockaddr_storage ss;
	socklen_t len;

	path->peer = c->peer;
	path->ifindex = if_nametoindex(c->dev);
	if (!path->ifindex)
		return path_fail(c, "no such interface");
	path->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (path->fd < 0)
		return path_fail(c, "socket");
	if (family == AF_INET6)
		setsockopt(path->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	setsockopt(path->fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		   family == AF_INET ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (setsockopt(path->fd, SOL_SOCKET, SO_BINDTODEVICE, c->dev, (socklen_t)strlen(c->dev) + 1))
		return path_fail(c, "bind to the interface");
	if (bind_any(path->fd, family, conf->pulse_port))
		return path_fail(c, "bind the pulse port");
	to_sockaddr(&c->peer, conf->pulse_port, &ss, &len);
	if (connect(path->fd, (struct sockaddr *)&ss, len))
		return path_fail(c, "connect");
	read_local(path);
	/* Microseconds since boot: above every number of an earlier life of this controller, whose
	 * boot id we go on with, because a probe takes longer than a microsecond. */
	path->seq = clock_now_ns() / NS_PER_US;
	detect_init(&path->detect, conf->pulse_interval_ns, conf->pulse_misses, path->seq + 1);
	return 0;
}

static int open_paths(struct pulse *p, const struct conf *conf)
{
	int err = 0, own[BT_PATHS_MAX];

	p->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->kick < 0)
		return -errno;
	if (thread_mutex(&p->lock))
		return -ENOMEM;
	p->interval_ns = conf->pulse_interval_ns;
	p->misses = conf->pulse_misses;
	p->tell_misses = conf->arbiter == ARBITER_ROUTER;
	p->n_groups = p->say.n_groups = conf->n_groups;
	p->say.node = &p->node;
	for (uint32_t i = 0; i < conf->n_paths && !err; i++, p->n_paths++)
		err = path_open(&p->path[i], conf, &conf->paths[i]);
	p->report.n_paths = p->n_paths;
	if (err)
		return err;
	for (uint32_t i = 0; i < p->n_paths; i++)
		own[i] = p->path[i].fd;
	return observed_open(&p->observed, conf->pulse_port, own, p->n_paths);
}

int pulse_open(struct pulse **ret, const struct conf *conf)
{
	struct pulse *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	why[0] = '\0';
	for (int i = 0; i < BT_PATHS_MAX; i++)
		p->path[i].fd = -1;
	p->observed.fd[0] = p->observed.fd[1] = -1;
	err = open_paths(p, conf);
	if (err) {
		if (!why[0])
			snprintf(why, sizeof(why), "%s", strerror(-err));
		pulse_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

int pulse_start(struct pulse *p, struct dp *dp, int changed)
{
	int err = dp_get_node(dp, &p->node);

	p->dp = dp;
	p->changed = changed;
	for (uint32_t i = 0; i < p->n_groups && !err; i++)
		err = dp_get_group(dp, i, &p->group[i]);
	if (!err)
		err = thread_start(&p->thread, "pulse", PRIORITY, run, p, &p->report.realtime);
	p->running = !err;
	if (err)
		snprintf(why, sizeof(why), "%s", strerror(-err));
	return err;
}

void pulse_close(struct pulse *p)
{
	uint64_t one = 1;

	if (!p)
		return;
	if (p->running) {
		atomic_store(&p->quit, true);
		(void)!write(p->kick, &one, sizeof(one));
		pthread_join(p->thread, NULL);
	}
	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (p->path[i].fd >= 0)
			close(p->path[i].fd);
	observed_close(&p->observed);
	close(p->kick);
	free(p);
}

void pulse_kick(struct pulse *p)
{
	uint64_t one = 1;

	(void)!write(p->kick, &one, sizeof(one));
}

void pulse_retime(struct pulse *p, uint64_t interval_ns, uint32_t misses)
{
	p->interval_ns = interval_ns;
	p->misses = misses;
}

void pulse_say_health(struct pulse *p, uint32_t slot, uint32_t flags)
{
	p->health[slot] = flags;
}

void pulse_report(struct pulse *p, struct pulse_report *ret)
{
	pthread_mutex_lock(&p->lock);
	*ret = p->report;
	pthread_mutex_unlock(&p->lock);
}

uint64_t pulse_departure_ns(struct pulse *p, uint32_t path, uint64_t seq)
{
	uint64_t at = 0;

	if (path >= p->n_paths)
		return 0;
	pthread_mutex_lock(&p->lock);
	at = detect_departure_ns(&p->path[path].detect, seq);
	pthread_mutex_unlock(&p->lock);
	return at;
}
