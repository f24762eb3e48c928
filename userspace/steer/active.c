/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steer/active.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/observe_msg.h"
#include "core/when.h"
#include "health/question.h"
#include "sys/clock.h"
#include "sys/dp.h"
#include "sys/dp_steer.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/sipmsg.h"
#include "sys/thread.h"
#include "sys/udp.h"

#define PRIORITY	1		/* above what is ordinary: who is late flips late */
#define HOST_NS		(100 * NS_PER_US)	/* of a beat for each host: at most 10,000 questions a second */
#define SLOW_AFTER	100		/* questions without an answer: no batond there, asked now and then */
#define SLOW_EVERY	32		/* beats */
#define LOOK_NS		(10 * NS_PER_MS)	/* how often requests of servers are looked for */
#define BATCH		64		/* datagrams of one socket before the next is served */
#define FORWARDS	70
#define HOSTS_MAX	(BT_POOLS_MAX * BT_SERVERS)

enum { SOCK_SIP4, SOCK_SIP6, SOCK_HOST4, SOCK_HOST6, SOCK_N };

/* The batond on a server's host. */
struct host {
	struct udp_addr at;
	struct observe_ask ask;		/* but for the nonce: base + serial */
	uint64_t base;
	uint64_t serial, told;		/* of the newest question, of the newest that was answered */
};

struct watched {
	char name[BT_NAME_MAX];
	uint32_t id;			/* of its OPTIONS: 2 * id + server - 1 */
	uint32_t slot;			/* in the maps; 0: not known */
	bool observed;
	struct udp_addr at[BT_SERVERS];
	struct host host[BT_SERVERS];
	struct pool pool;
};

/* What the thread takes with it when it lets the lock go. */
struct letter {
	struct udp_addr to;
	uint8_t msg[OBSERVE_BYTES];
};

struct active {
	struct dp *dp;
	int fd[SOCK_N];
	uint16_t port[SOCK_N];
	int asker[2];			/* by SOCK_SIP4, SOCK_SIP6: where would it leave from? */
	int changed, wake;
	uint64_t key[2];
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;		/* of all below */
	bool quit;
	uint32_t next_id, n, n_hosts;
	struct watched *pools;
	uint64_t beat_ns, beat_due_ns, beats;
	struct active_counts counts;
	struct letter letters[HOSTS_MAX];	/* the thread's own, as is */
	char in[SIPMSG_MAX];
};

/* ---- with the lock held -------------------------------------------------------------------------- */

static void tell(struct active *a)
{
	uint64_t one = 1;
	bool changed = false;

	for (uint32_t i = 0; i < a->n; i++) {
		changed |= a->pools[i].pool.changed;
		a->pools[i].pool.changed = false;
	}
	if (changed)
		(void)!write(a->changed, &one, sizeof(one));
}

static struct watched *find_id(struct active *a, uint32_t id)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (a->pools[i].id == id)
			return &a->pools[i];
	return NULL;
}

static bool is_from(const struct udp_addr *at, const struct udp_addr *from)
{
	return at->port == from->port && !memcmp(&at->ip, &from->ip, sizeof(at->ip));
}

/* ---- requests of servers ------------------------------------------------------------------------- */

static void look(struct active *a, uint64_t now_ns)
{
	const volatile struct bt_pool_seen *seen = a->dp ? dp_pools_seen(a->dp) : NULL;

	for (uint32_t i = 0; seen && i < a->n; i++)
		for (uint32_t k = 0; a->pools[i].slot && k < a->pools[i].pool.n_servers; k++)
			pool_request(&a->pools[i].pool, k + 1, seen[a->pools[i].slot].request_ns[k], now_ns);
}

/* ---- OPTIONS ------------------------------------------------------------------------------------- */

struct question {
	struct question_ask ask;
	struct pool_do what;
	bool v6;
};

static bool next_question(struct active *a, uint64_t now_ns, struct question *ret)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct watched *w = &a->pools[i];
		struct pool_do what = pool_turn(&w->pool, now_ns);
		const struct udp_addr *to;

		if (what.act == POOL_REST)
			continue;
		to = &w->at[what.server - 1];
		*ret = (struct question){
			.what = what, .v6 = !conf_is_v4(&to->ip),
			.ask = { .id = 2 * w->id + what.server - 1, .serial = what.serial, .to = *to, .max_forwards = FORWARDS },
		};
		a->counts.asked++;
		return true;
	}
	return false;
}

/* One that cannot leave goes unanswered, whatever stands in its way. */
static void send_question(struct active *a, struct question *q)
{
	int sock = q->v6 ? SOCK_SIP6 : SOCK_SIP4, n;
	char buf[QUESTION_MAX];

	q->ask.from.port = a->port[sock];
	if (udp_source(a->asker[sock], &q->ask.to, &q->ask.from.ip))
		return;
	n = question_write(a->key, &q->ask, buf, sizeof(buf));
	if (n > 0)
		(void)udp_send(a->fd[sock], &q->ask.to, buf, (size_t)n);
}

static void ask_all(struct active *a)
{
	struct question q;
	struct watched *w;

	for (uint32_t n = 0; n < BATCH; n++) {
		pthread_mutex_lock(&a->lock);
		if (!next_question(a, clock_now_ns(), &q)) {
			tell(a);
			pthread_mutex_unlock(&a->lock);
			return;
		}
		pthread_mutex_unlock(&a->lock);
		send_question(a, &q);
		pthread_mutex_lock(&a->lock);
		w = find_id(a, q.ask.id / 2);
		if (w)
			pool_left(&w->pool, q.what.server, q.what.serial, clock_now_ns());
		pthread_mutex_unlock(&a->lock);
	}
}

static bool take_answer(struct active *a, const struct udp_addr *from, size_t len)
{
	uint32_t id = 0, serial = 0, server;
	uint16_t status = 0;
	struct watched *w;

	if (!question_of(a->key, a->in, len, &id, &serial))
		return false;
	w = find_id(a, id / 2);
	server = id % 2 + 1;
	if (!w || !is_from(&w->at[server - 1], from) || !question_status(a->key, id, serial, a->in, len, &status))
		return false;
	if (status >= 200 && !pool_answered(&w->pool, server, serial, clock_now_ns()))
		return false;
	a->counts.answered++;
	return true;
}

/* ---- hosts --------------------------------------------------------------------------------------- */

static bool is_due(const struct active *a, const struct pool_server *s, uint32_t turn)
{
	return s->unheard < SLOW_AFTER || (a->beats + turn) % SLOW_EVERY == 0;
}

static void write_letter(struct host *h, struct letter *to)
{
	h->ask.nonce = h->base + ++h->serial;
	to->to = h->at;
	observe_msg_ask(&h->ask, to->msg);
}

/* Returns how many letters there are. */
static uint32_t write_letters(struct active *a, uint64_t now_ns)
{
	uint32_t n = 0;

	a->beats++;
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; a->pools[i].observed && k < a->pools[i].pool.n_servers; k++) {
			struct watched *w = &a->pools[i];

			if (!is_due(a, &w->pool.server[k], i))
				continue;
			pool_observed(&w->pool, k + 1, now_ns);
			write_letter(&w->host[k], &a->letters[n++]);
		}
	a->counts.observed += n;
	return n;
}

static void beat(struct active *a)
{
	uint64_t now_ns = clock_now_ns();
	uint32_t n = 0;

	pthread_mutex_lock(&a->lock);
	look(a, now_ns);
	if (a->n_hosts && now_ns >= a->beat_due_ns) {
		n = write_letters(a, now_ns);
		a->beat_due_ns = later(a->beat_due_ns + a->beat_ns, now_ns + a->beat_ns / 2);
	}
	tell(a);
	pthread_mutex_unlock(&a->lock);
	for (uint32_t i = 0; i < n; i++)
		(void)udp_send(a->fd[conf_is_v4(&a->letters[i].to.ip) ? SOCK_HOST4 : SOCK_HOST6], &a->letters[i].to,
			       a->letters[i].msg, OBSERVE_BYTES);
}

/* The question that this nonce is of, if it was asked lately and nothing newer is answered; 0: none. */
static uint64_t serial_of(const struct watched *w, const struct host *h, uint64_t nonce)
{
	uint64_t serial = nonce - h->base;

	return serial && serial <= h->serial && serial > h->told && h->serial - serial < w->pool.times.misses ? serial : 0;
}

static void hear(struct watched *w, uint32_t k, const struct observe_said *said)
{
	struct pool_told told = {
		.number = BT_WORD_NUMBER(said->word), .open = said->flags & OBSERVE_F_OPEN,
		.running = said->flags & OBSERVE_F_RUNNING, .stopping = said->flags & OBSERVE_F_STOPPING,
	};

	pool_told(&w->pool, k + 1, said->flags & OBSERVE_F_KNOWN ? &told : NULL, clock_now_ns());
}

static bool take_letter(struct active *a, const struct udp_addr *from, size_t len)
{
	uint64_t nonce = observe_msg_nonce(a->in, len), serial;
	struct observe_said said;

	for (uint32_t i = 0; nonce && i < a->n; i++)
		for (uint32_t k = 0; a->pools[i].observed && k < a->pools[i].pool.n_servers; k++) {
			struct host *h = &a->pools[i].host[k];

			serial = serial_of(&a->pools[i], h, nonce);
			if (!serial || !is_from(&h->at, from))
				continue;
			h->ask.nonce = nonce;
			if (!observe_msg_answers(a->in, len, &h->ask, &said))
				return false;
			h->told = serial;
			hear(&a->pools[i], k, &said);
			a->counts.told++;
			return true;
		}
	return false;
}

/* ---- the thread ---------------------------------------------------------------------------------- */

static void take(struct active *a, int sock, const struct udp_addr *from, size_t len)
{
	bool known;

	pthread_mutex_lock(&a->lock);
	known = sock < SOCK_HOST4 ? take_answer(a, from, len) : take_letter(a, from, len);
	a->counts.strangers += !known;
	pthread_mutex_unlock(&a->lock);
}

static void read_all(struct active *a, int sock)
{
	struct udp_addr from;

	for (int i = 0; i < BATCH; i++) {
		ssize_t n = udp_recv(a->fd[sock], &from, a->in, sizeof(a->in));

		if (n < 0)
			return;
		take(a, sock, &from, (size_t)n);
	}
}

static bool quits(struct active *a, uint64_t *ret_next)
{
	uint64_t next = clock_now_ns() + LOOK_NS;
	bool quit;

	pthread_mutex_lock(&a->lock);
	for (uint32_t i = 0; i < a->n; i++)
		next = earlier(next, pool_due(&a->pools[i].pool));
	if (a->n_hosts)
		next = earlier(next, a->beat_due_ns);
	quit = a->quit;
	pthread_mutex_unlock(&a->lock);
	*ret_next = next;
	return quit;
}

static void wait_until(struct active *a, uint64_t next_ns)
{
	struct pollfd fds[SOCK_N + 1] = { { .fd = a->wake, .events = POLLIN } };
	uint64_t now_ns = clock_now_ns(), left_ns = next_ns > now_ns ? next_ns - now_ns : 0, n;
	struct timespec ts = { (time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S) };

	for (int i = 0; i < SOCK_N; i++)
		fds[i + 1] = (struct pollfd){ .fd = a->fd[i], .events = POLLIN };
	if (ppoll(fds, SOCK_N + 1, &ts, NULL) <= 0)
		return;
	if (fds[0].revents)
		(void)!read(a->wake, &n, sizeof(n));
	for (int i = 0; i < SOCK_N; i++)
		if (fds[i + 1].revents)
			read_all(a, i);
}

/* Whatever arrived is read before anything is judged: a thread that came late blames nobody. */
static void *run(void *arg)
{
	struct active *a = arg;
	uint64_t next_ns;

	while (!quits(a, &next_ns)) {
		wait_until(a, next_ns);
		beat(a);
		ask_all(a);
	}
	return NULL;
}

/* ---- opening and reloading ----------------------------------------------------------------------- */

static int fail_secret(const struct conf_pool *c, int err, const char *why)
{
	log_event(LOG_ERR, "pool secret", "pool=%s file=%s error=\"%s\"", c->name, c->secret_file, why);
	return err;
}

static int read_key(const struct conf_pool *c, uint64_t ret[2])
{
	char secret[KEYS_SECRET_MAX], text[160];
	size_t len;
	int err = keys_read_secret(c->secret_file, secret, sizeof(secret), &len, text, sizeof(text));

	if (err)
		return fail_secret(c, err, text);
	err = keys_derive_observe(secret, len, ret);
	explicit_bzero(secret, sizeof(secret));
	return err ? fail_secret(c, err, strerror(-err)) : 0;
}

/* Numbers go on from a random one: no answer to an earlier life of ours is one to this. */
static int set_host(struct host *h, const struct conf_pool *c, uint32_t k, const uint64_t key[2])
{
	struct host to = {
		.at = { .ip = c->server[k].at.ip, .port = c->pulse_port }, .base = h->base, .serial = h->serial, .told = h->told,
		.ask = { .key = { key[0], key[1] }, .pair_id = c->pair_id, .at = c->server[k].at.ip,
			 .name_hash = conf_name_hash(c->group[0] ? c->group : c->name) },
	};

	if (!to.base && getrandom(&to.base, sizeof(to.base), 0) != sizeof(to.base))
		return -errno;
	*h = to;
	return 0;
}

static uint32_t slot_of(const struct active *a, const char *name)
{
	const struct bt_pool *rows = a->dp ? dp_pools(a->dp) : NULL;

	for (uint32_t i = 1; rows && i <= BT_POOLS_MAX; i++)
		if (rows[i].name_hash && !strncmp((const char *)rows[i].name, name, sizeof(rows[i].name)))
			return i;
	return 0;
}

static bool is_same(const struct watched *w, const struct conf_pool *c)
{
	bool same = !strcmp(w->name, c->name) && w->pool.n_servers == c->n_servers;

	for (uint32_t k = 0; same && k < c->n_servers; k++)
		same = w->at[k].port == c->server[k].at.port && !memcmp(&w->at[k].ip, &c->server[k].at.ip, sizeof(w->at[k].ip));
	return same;
}

/* Other servers are others; but deaths are counted on, as whoever reads them counts the difference. */
static void recall(const struct active *a, struct watched *w, const struct conf_pool *c)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (strcmp(a->pools[i].name, c->name))
			continue;
		if (is_same(&a->pools[i], c))
			*w = a->pools[i];
		for (int k = 0; k < BT_SERVERS; k++)
			w->pool.seen.server[k].deaths = a->pools[i].pool.seen.server[k].deaths;
	}
}

static uint32_t first_of(const struct active *a, const struct watched *w, const struct conf_pool *c)
{
	uint32_t was = w->slot ? BT_AIM_ACTIVE(dp_pools(a->dp)[w->slot].aim) : 0;

	return was && was <= c->n_servers ? was : 1;
}

static int set_pool(struct active *a, struct watched *w, const struct conf *conf, const struct conf_pool *c, uint64_t now_ns)
{
	struct pool_times times = { .check_ns = c->oos_check_s * NS_PER_S, .force_ns = c->oos_force_s * NS_PER_S,
				    .misses = conf->pulse_misses };
	uint64_t key[2] = { 0 };
	int err = c->secret_file[0] ? read_key(c, key) : 0;

	recall(a, w, c);
	if (!w->id)
		w->id = ++a->next_id;
	memcpy(w->name, c->name, sizeof(w->name));
	w->slot = slot_of(a, c->name);
	for (uint32_t k = 0; k < c->n_servers; k++) {
		w->at[k] = (struct udp_addr){ .ip = c->server[k].at.ip, .port = c->server[k].at.port };
		err = err ? err : set_host(&w->host[k], c, k, key);
	}
	explicit_bzero(key, sizeof(key));
	w->observed = c->secret_file[0] && !err;
	pool_set(&w->pool, &times, c->n_servers, first_of(a, w, c), now_ns);
	if (!w->observed)
		pool_unobserved(&w->pool, now_ns);
	return err;
}

/* Keys are among them. */
static void free_pools(struct watched *pools, uint32_t n)
{
	if (pools)
		explicit_bzero(pools, n * sizeof(*pools));
	free(pools);
}

static void use(struct active *a, const struct conf *conf, struct watched *pools, uint64_t now_ns)
{
	free_pools(a->pools, a->n);
	a->pools = pools;
	a->n = conf->n_pools;
	a->n_hosts = 0;
	for (uint32_t i = 0; i < a->n; i++)
		a->n_hosts += a->pools[i].observed ? a->pools[i].pool.n_servers : 0;
	a->beat_ns = later(conf->pulse_interval_ns, a->n_hosts * HOST_NS);
	a->beat_due_ns = now_ns;
}

int active_reload(struct active *a, const struct conf *conf)
{
	struct watched *pools = calloc(conf->n_pools ? conf->n_pools : 1, sizeof(*pools));
	uint64_t now_ns = clock_now_ns(), one = 1;
	int err = 0, one_err;

	if (!pools)
		return -ENOMEM;
	pthread_mutex_lock(&a->lock);
	for (uint32_t i = 0; i < conf->n_pools; i++) {
		one_err = set_pool(a, &pools[i], conf, &conf->pools[i], now_ns);
		err = err ? err : one_err;
	}
	use(a, conf, pools, now_ns);
	pthread_mutex_unlock(&a->lock);
	(void)!write(a->wake, &one, sizeof(one));
	return err;
}

/* A host without IPv6 reaches no IPv6 server: that is silence, not a reason to stop. */
static int open_sockets(struct active *a)
{
	int err = 0;

	for (int i = 0; i < SOCK_N; i++) {
		bool v4 = i == SOCK_SIP4 || i == SOCK_HOST4;

		a->fd[i] = udp_open(v4, &a->port[i]);
		if (v4 && a->fd[i] < 0 && !err)
			err = a->fd[i];
	}
	for (int i = SOCK_SIP4; i <= SOCK_SIP6; i++)
		a->asker[i] = udp_asker(i == SOCK_SIP4);
	return err ? err : a->asker[SOCK_SIP4] < 0 ? a->asker[SOCK_SIP4] : 0;
}

static int begin(struct active *a, const struct conf *conf)
{
	int err = a->wake < 0 || getrandom(a->key, sizeof(a->key), 0) != sizeof(a->key) ? -errno : sipmsg_open();

	if (!err)
		err = open_sockets(a);
	if (!err)
		err = active_reload(a, conf);
	if (!err)
		err = thread_start(&a->thread, "active", PRIORITY, run, a, NULL);
	a->running = !err;
	return err;
}

int active_open(struct active **ret, const struct conf *conf, struct dp *dp, int changed)
{
	struct active *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->dp = dp;
	a->changed = changed;
	for (int i = 0; i < SOCK_N; i++)
		a->fd[i] = -1;
	a->asker[SOCK_SIP4] = a->asker[SOCK_SIP6] = -1;
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = thread_mutex(&a->lock);
	if (!err)
		err = begin(a, conf);
	if (err) {
		active_close(a);
		return err;
	}
	*ret = a;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void active_close(struct active *a)
{
	uint64_t one = 1;

	if (!a)
		return;
	if (a->running) {
		pthread_mutex_lock(&a->lock);
		a->quit = true;
		pthread_mutex_unlock(&a->lock);
		(void)!write(a->wake, &one, sizeof(one));
		pthread_join(a->thread, NULL);
	}
	for (int i = 0; i < SOCK_N; i++)
		close_fd(a->fd[i]);
	close_fd(a->asker[SOCK_SIP4]);
	close_fd(a->asker[SOCK_SIP6]);
	close_fd(a->wake);
	free_pools(a->pools, a->n);
	explicit_bzero(a->key, sizeof(a->key));
	free(a);
}

void active_report(struct active *a, uint32_t i, struct active_report *ret)
{
	pthread_mutex_lock(&a->lock);
	*ret = i < a->n ? a->pools[i].pool.seen : (struct active_report){ .active = 1, .cause = ACTIVE_START };
	pthread_mutex_unlock(&a->lock);
}

void active_counts(struct active *a, struct active_counts *ret)
{
	pthread_mutex_lock(&a->lock);
	*ret = a->counts;
	pthread_mutex_unlock(&a->lock);
}
