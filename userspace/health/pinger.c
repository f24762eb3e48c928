/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/pinger.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "health/question.h"
#include "sys/clock.h"
#include "sys/sipmsg.h"
#include "sys/thread.h"
#include "sys/udp.h"

#define PACE_NS		(5 * NS_PER_MS)	/* between the first questions to two devices: theirs are spread ever after */
#define TICK_NS		(20 * NS_PER_MS)	/* devices wait for the next: several are asked each time the thread wakes */
#define SOURCE_KEPT	16		/* questions to one that answers, before it is looked up anew where they leave from */
#define BATCH		16		/* questions before answers are read again */
#define FORWARDS	70
#define FORWARDS_OWN	1		/* it is to answer itself: a proxy that asks itself again must stop at once */

enum { SOCK_V4, SOCK_V6, SOCK_OWN, SOCK_N = SOCK_OWN + BT_GROUPS_MAX };

struct sock {
	int fd;				/* -1: none */
	uint16_t port;
};

struct target {
	uint32_t id;			/* of its questions */
	uint32_t sock;
	struct udp_addr at;
	uint16_t alias_port;		/* of the own server: its answers may come from here too; 0: not */
	struct in6_addr source;		/* of the last question, for its Via: RFC 3581 mends one that is out of date */
	char name[BT_NAME_MAX];
	struct ping ping;
};

struct pinger {
	struct sock sock[SOCK_N];
	int asker[2];			/* by SOCK_V4, SOCK_V6: where would it leave from? */
	int changed, wake;
	uint64_t key[2];
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;		/* of all below */
	bool quit, woken;
	uint32_t next_id, n, n_own;
	struct target *target;		/* the groups' servers, then the devices */
	uint64_t *due;			/* of each: a scan of all is one of these alone */
	struct pinger_counts counts;
	char in[SIPMSG_MAX];		/* the thread's own */
};

/* What the thread takes with it when it lets the lock go. */
struct question {
	uint32_t i, id, serial, sock;
	bool own, sourced;
	struct udp_addr at;
	struct in6_addr source;
};

/* ---- with the lock held -------------------------------------------------------------------------- */

static void wake(struct pinger *p)
{
	uint64_t one = 1;

	if (!p->woken)
		(void)!write(p->wake, &one, sizeof(one));
	p->woken = true;
}

static void tell(struct pinger *p)
{
	uint64_t one = 1;

	(void)!write(p->changed, &one, sizeof(one));
}

static void refresh(struct pinger *p, uint32_t i)
{
	p->due[i] = ping_due(&p->target[i].ping);
}

static int find_id(const struct pinger *p, uint32_t id)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->target[i].id == id)
			return (int)i;
	return -1;
}

/* True with the next thing to send; what only had to be judged is judged on the way. */
static bool next_question(struct pinger *p, uint64_t now_ns, struct question *ret)
{
	bool changed = false, found = false;

	for (uint32_t i = 0; i < p->n && !found; i++) {
		struct target *t = &p->target[i];

		if (p->due[i] > now_ns)
			continue;
		found = ping_turn(&t->ping, now_ns, &changed) != PING_REST;
		refresh(p, i);
		*ret = (struct question){ .i = i, .id = t->id, .serial = t->ping.serial, .sock = t->sock, .own = i < p->n_own,
					  .at = t->at, .source = t->source };
		ret->sourced = t->ping.seen.state == PING_IN_SERVICE && !t->ping.seen.unanswered && t->ping.serial % SOURCE_KEPT;
	}
	if (changed)
		tell(p);
	return found;
}

static uint64_t soonest(const struct pinger *p, uint32_t from, uint32_t to)
{
	uint64_t next = PING_NEVER;

	for (uint32_t i = from; i < to; i++)
		next = p->due[i] < next ? p->due[i] : next;
	return next;
}

/* The own server is asked on time: a burst may be under way. */
static uint64_t next_due(const struct pinger *p)
{
	uint64_t own = soonest(p, 0, p->n_own), device = soonest(p, p->n_own, p->n);

	if (device != PING_NEVER)
		device = (device / TICK_NS + 1) * TICK_NS;
	return own < device ? own : device;
}

/* ---- asking -------------------------------------------------------------------------------------- */

static int write_question(struct pinger *p, struct question *q, char *buf, size_t cap)
{
	struct question_ask ask = { .id = q->id, .serial = q->serial, .to = q->at,
				    .max_forwards = q->own ? FORWARDS_OWN : FORWARDS };
	int err = q->own || q->sourced ? 0 : udp_source(p->asker[q->sock], &q->at, &q->source);

	if (err)
		return err;
	ask.from = (struct udp_addr){ .ip = q->own ? q->at.ip : q->source, .port = p->sock[q->sock].port };
	return question_write(p->key, &ask, buf, cap);
}

/* One that cannot leave goes unanswered, whatever stands in its way. */
static void send_question(struct pinger *p, struct question *q)
{
	char buf[QUESTION_MAX];
	int n = write_question(p, q, buf, sizeof(buf));

	if (n > 0)
		(void)udp_send(p->sock[q->sock].fd, &q->at, buf, (size_t)n);
}

static void note_left(struct pinger *p, const struct question *q)
{
	if (q->i < p->n && p->target[q->i].id == q->id) {
		ping_left(&p->target[q->i].ping, q->serial, clock_now_ns());
		p->target[q->i].source = q->source;
		refresh(p, q->i);
	}
	p->counts.asked++;
}

/* Returns when to go on; 0: at once. */
static uint64_t ask_all(struct pinger *p)
{
	struct question q;
	uint64_t next = 0;

	pthread_mutex_lock(&p->lock);
	for (uint32_t k = 0; k < BATCH && !next; k++) {
		if (!next_question(p, clock_now_ns(), &q)) {
			next = next_due(p);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		send_question(p, &q);
		pthread_mutex_lock(&p->lock);
		note_left(p, &q);
	}
	pthread_mutex_unlock(&p->lock);
	return next;
}

/* ---- answers ------------------------------------------------------------------------------------- */

/* A server that listens on every address may answer from another of this host's. */
static bool comes_from(const struct pinger *p, int i, uint32_t sock, const struct udp_addr *from)
{
	const struct target *t = i < 0 ? NULL : &p->target[i];

	return t && t->sock == sock && (t->at.port == from->port || (t->alias_port && t->alias_port == from->port)) &&
	       ((uint32_t)i < p->n_own || !memcmp(&t->at.ip, &from->ip, sizeof(from->ip)));
}

static void take_answer(struct pinger *p, uint32_t sock, const struct udp_addr *from, size_t len)
{
	uint64_t now_ns = clock_now_ns();
	uint32_t id = 0, serial = 0;
	uint16_t status = 0;
	bool ours = question_of(p->key, p->in, len, &id, &serial), changed = false;
	bool sound = ours && question_status(p->key, id, serial, p->in, len, &status);
	int i;

	pthread_mutex_lock(&p->lock);
	i = ours ? find_id(p, id) : -1;
	if (!comes_from(p, i, sock, from))
		p->counts.strangers++;
	else if (!sound)
		p->counts.malformed++;
	else if (!ping_answered(&p->target[i].ping, serial, status, now_ns, &changed))
		p->counts.strangers++;
	else
		p->counts.answered++;
	if (i >= 0)
		refresh(p, (uint32_t)i);
	if (changed)
		tell(p);
	pthread_mutex_unlock(&p->lock);
}

/* As many as a flood may bring are left for the next turn: questions must go on. */
static void read_answers(struct pinger *p, uint32_t sock)
{
	struct udp_addr from;

	for (int k = 0; k < 4 * BATCH; k++) {
		ssize_t n = udp_recv(p->sock[sock].fd, &from, p->in, sizeof(p->in));

		if (n < 0)
			return;
		take_answer(p, sock, &from, (size_t)n);
	}
}

/* ---- the thread ---------------------------------------------------------------------------------- */

static bool quits(struct pinger *p)
{
	bool quit;

	pthread_mutex_lock(&p->lock);
	p->woken = false;
	quit = p->quit;
	pthread_mutex_unlock(&p->lock);
	return quit;
}

static void wait_until(struct pinger *p, uint64_t next_ns)
{
	struct pollfd fds[SOCK_N + 1] = { { .fd = p->wake, .events = POLLIN } };
	uint64_t now_ns = clock_now_ns(), left_ns = next_ns > now_ns ? next_ns - now_ns : 0, n;
	struct timespec ts = { (time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S) };

	for (uint32_t i = 0; i < SOCK_N; i++)
		fds[i + 1] = (struct pollfd){ .fd = p->sock[i].fd, .events = POLLIN };
	if (ppoll(fds, SOCK_N + 1, next_ns == PING_NEVER ? NULL : &ts, NULL) <= 0)
		return;
	if (fds[0].revents)
		(void)!read(p->wake, &n, sizeof(n));
	for (uint32_t i = 0; i < SOCK_N; i++)
		if (fds[i + 1].revents)
			read_answers(p, i);
}

/* Whatever arrived is read before anything is judged: a thread that came late blames nobody. */
static void *run(void *arg)
{
	struct pinger *p = arg;
	uint64_t next_ns = 0;

	while (!quits(p)) {
		wait_until(p, next_ns);
		next_ns = ask_all(p);
	}
	return NULL;
}

/* ---- opening and reloading ----------------------------------------------------------------------- */

/* The own server's first UDP port; 0: none. */
static uint16_t udp_port(const struct conf_group *g)
{
	for (uint32_t i = 0; i < g->n_ports; i++)
		if (g->ports[i].transport == PORT_UDP_TCP || g->ports[i].transport == PORT_UDP)
			return g->ports[i].port;
	return 0;
}

static int open_own(struct pinger *p, const struct conf *conf, uint32_t slot)
{
	const struct conf_group *g = &conf->groups[slot];
	struct target *t = &p->target[slot];
	struct sock *s = &p->sock[SOCK_OWN + slot];

	t->id = ++p->next_id;
	t->sock = SOCK_OWN + slot;
	if (!udp_port(g) || !g->n_vips)
		return 0;
	t->at = (struct udp_addr){ .ip = conf->vips[g->first_vip].addr.ip, .port = udp_port(g) };
	t->alias_port = g->alias_port;
	s->fd = udp_open_at(&t->at.ip, &s->port);
	if (s->fd < 0)
		return s->fd;
	ping_set(&t->ping, PINGER_OWN_S * NS_PER_S, PINGER_OWN_S * NS_PER_S, clock_now_ns() + PACE_NS * slot);
	return 0;
}

/* A host without IPv6 reaches no IPv6 device: that is out of service, not a reason to stop. */
static int open_sockets(struct pinger *p)
{
	int err = 0;

	for (uint32_t i = SOCK_V4; i <= SOCK_V6; i++) {
		p->asker[i] = udp_asker(i == SOCK_V4);
		p->sock[i].fd = udp_open(i == SOCK_V4, &p->sock[i].port);
		if (i == SOCK_V4 && !err)
			err = p->asker[i] < 0 ? p->asker[i] : p->sock[i].fd < 0 ? p->sock[i].fd : 0;
	}
	return err;
}

static bool is_same(const struct target *t, const struct conf_device *d)
{
	return !strcmp(t->name, d->name) && t->at.port == d->contact.port && !memcmp(&t->at.ip, &d->contact.ip, sizeof(t->at.ip));
}

/* Whoever was known before keeps what is known of it. */
static void set_device(struct pinger *p, struct target *to, const struct target *old, uint32_t n_old,
		       const struct conf_device *d, uint64_t first_ns)
{
	*to = (struct target){ .sock = conf_is_v4(&d->contact.ip) ? SOCK_V4 : SOCK_V6,
			       .at = { .ip = d->contact.ip, .port = d->contact.port } };
	snprintf(to->name, sizeof(to->name), "%s", d->name);
	for (uint32_t i = 0; i < n_old; i++)
		if (is_same(&old[i], d))
			*to = old[i];
	if (!to->id)
		to->id = ++p->next_id;
	ping_set(&to->ping, d->oos_check_s * NS_PER_S, d->oos_force_s * NS_PER_S, first_ns);
}

static uint64_t pace_ns(const struct conf_device *d, uint32_t n)
{
	uint64_t even_ns = d->oos_check_s * NS_PER_S / (n ? n : 1);

	return even_ns < PACE_NS ? even_ns : PACE_NS;
}

static int set_targets(struct pinger *p, const struct conf *conf, struct target *t, uint64_t *due)
{
	uint64_t now_ns = clock_now_ns();
	struct target *old = p->target;
	uint32_t n_old = p->n;

	memcpy(t, old, p->n_own * sizeof(*t));
	for (uint32_t i = 0; i < conf->n_devices; i++)
		set_device(p, &t[p->n_own + i], old + p->n_own, n_old - p->n_own, &conf->devices[i],
			   now_ns + i * pace_ns(&conf->devices[i], conf->n_devices));
	p->target = t;
	p->n = p->n_own + conf->n_devices;
	free(p->due);
	p->due = due;
	for (uint32_t i = 0; i < p->n; i++)
		refresh(p, i);
	free(old);
	return 0;
}

int pinger_reload(struct pinger *p, const struct conf *conf)
{
	uint32_t n = p->n_own + conf->n_devices;
	struct target *t = calloc(n, sizeof(*t));
	uint64_t *due = calloc(n, sizeof(*due));

	if (!t || !due) {
		free(t);
		free(due);
		return -ENOMEM;
	}
	pthread_mutex_lock(&p->lock);
	set_targets(p, conf, t, due);
	wake(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int begin(struct pinger *p, const struct conf *conf)
{
	int err = p->wake < 0 || getrandom(p->key, sizeof(p->key), 0) != sizeof(p->key) ? -errno : sipmsg_open();

	if (!err)
		err = open_sockets(p);
	p->n = p->n_own = conf->n_groups;
	p->target = calloc(p->n, sizeof(*p->target));
	if (!err && !p->target)
		err = -ENOMEM;
	for (uint32_t s = 0; s < p->n_own && !err; s++)
		err = open_own(p, conf, s);
	if (!err)
		err = pinger_reload(p, conf);
	if (!err)
		err = thread_start(&p->thread, "pinger", 0, run, p, NULL);
	p->running = !err;
	return err;
}

int pinger_open(struct pinger **ret, const struct conf *conf, int changed)
{
	struct pinger *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < SOCK_N; i++)
		p->sock[i].fd = -1;
	p->asker[SOCK_V4] = p->asker[SOCK_V6] = -1;
	p->changed = changed;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = thread_mutex(&p->lock);
	if (!err)
		err = begin(p, conf);
	if (err) {
		pinger_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pinger_close(struct pinger *p)
{
	if (!p)
		return;
	if (p->running) {
		pthread_mutex_lock(&p->lock);
		p->quit = true;
		wake(p);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
	}
	for (uint32_t i = 0; i < SOCK_N; i++)
		close_fd(p->sock[i].fd);
	close_fd(p->asker[SOCK_V4]);
	close_fd(p->asker[SOCK_V6]);
	close_fd(p->wake);
	free(p->target);
	free(p->due);
	free(p);
}

/* ---- what main asks ------------------------------------------------------------------------------ */

void pinger_ask(struct pinger *p, uint32_t slot, uint32_t times, uint64_t gap_ns, uint64_t *ret_since_ns)
{
	pthread_mutex_lock(&p->lock);
	*ret_since_ns = clock_now_ns();
	if (p->target[slot].ping.check_ns) {
		ping_burst(&p->target[slot].ping, times, gap_ns, *ret_since_ns);
		refresh(p, slot);
		wake(p);
	}
	pthread_mutex_unlock(&p->lock);
}

bool pinger_burst_ended(struct pinger *p, uint32_t slot)
{
	bool ended;

	pthread_mutex_lock(&p->lock);
	ended = !p->target[slot].ping.burst;
	pthread_mutex_unlock(&p->lock);
	return ended;
}

static void report(struct pinger *p, uint32_t i, struct ping_report *ret)
{
	pthread_mutex_lock(&p->lock);
	if (i < p->n)
		*ret = p->target[i].ping.seen;
	else
		*ret = (struct ping_report){ 0 };
	pthread_mutex_unlock(&p->lock);
}

void pinger_server(struct pinger *p, uint32_t slot, struct ping_report *ret)
{
	report(p, slot, ret);
}

void pinger_device(struct pinger *p, uint32_t i, struct ping_report *ret)
{
	report(p, p->n_own + i, ret);
}

void pinger_hurry(struct pinger *p, uint32_t i, uint64_t at_ns)
{
	pthread_mutex_lock(&p->lock);
	if (p->n_own + i < p->n) {
		ping_hurry(&p->target[p->n_own + i].ping, at_ns);
		refresh(p, p->n_own + i);
		wake(p);
	}
	pthread_mutex_unlock(&p->lock);
}

void pinger_counts(struct pinger *p, struct pinger_counts *ret)
{
	pthread_mutex_lock(&p->lock);
	*ret = p->counts;
	pthread_mutex_unlock(&p->lock);
}
