/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steer/slow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf/siphash.h"
#include "steer/slow_own.h"
#include "sys/log.h"
#include "sys/thread.h"
#include "sys/udp.h"

#define BATCH	256	/* frames before answers are looked at */

/* ---- helps --------------------------------------------------------------------------------------- */

int slow_send(struct slow *s, const struct kept_end *from, const struct kept_end *to, const void *data, size_t len)
{
	const struct udp_addr src = { from->ip, from->port }, dst = { to->ip, to->port };
	int fd = s->raw[IN6_IS_ADDR_V4MAPPED(&to->ip) ? 0 : 1];
	int err = fd < 0 ? -EAFNOSUPPORT : inject_udp(fd, &src, &dst, data, len);

	if (err)
		slow_counted(s, SLOW_FAILED);
	return err;
}

bool slow_pool_of(struct slow *s, const struct bt_pool *row, struct slow_pool *ret)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->conf.n_pools && !found; i++) {
		found = !strncmp(s->conf.pool[i].name, (const char *)row->name, sizeof(row->name));
		if (found)
			*ret = s->conf.pool[i];
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

void slow_hash(const struct slow *s, char ret[SLOW_HEX], const struct siptext_slice *piece, uint32_t n)
{
	__u64 sum = n, both[2] = { s->key[0], s->key[1] };

	for (uint32_t i = 0; i < n; i++) {
		both[0] = s->key[0] ^ sum;	/* each piece under what those before it came to: they do not run together */
		sum = siphash(both, piece[i].at, piece[i].len);
	}
	snprintf(ret, SLOW_HEX, "%016llx", (unsigned long long)sum);
}

/* ---- frames -------------------------------------------------------------------------------------- */

/* Too long for the way in a packet of our own: the kernel cuts that. */
static void cut(struct slow *s, const struct bt_slow *n)
{
	struct handed_ip p;
	struct bt_pool row;
	const struct bt_pool_server *to;

	if (n->server < 1 || n->server > BT_SERVERS || !handed_ip(n, &p)) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	if (dp_pool_get(s->dp, n->owner, &row)) {
		slow_counted(s, SLOW_FAILED);
		return;
	}
	to = &row.server[n->server - 1];
	slow_counted(s, inject_packet((const struct in6_addr *)to->from, (const struct in6_addr *)to->ip, p.v4, p.packet, p.len) ?
			SLOW_FAILED : SLOW_CUT);
}

void slow_take(struct slow *s, const struct bt_slow *n)
{
	switch ((enum bt_slow_kind)n->kind) {
	case BT_SLOW_KEEP:
		slow_keep(s, n);
		break;
	case BT_SLOW_OVERFLOW:
		slow_overflow(s, n);
		break;
	case BT_SLOW_REJECT:
		slow_reject(s, n);
		break;
	case BT_SLOW_BIG:
		cut(s, n);
		break;
	case BT_SLOW_FROM_SERVER:
		slow_sent_on(s, n);
		break;
	}
}

static void on_frame(void *arg, const struct bt_slow *n)
{
	slow_take(arg, n);
}

static void *run(void *arg)
{
	struct slow *s = arg;
	struct pollfd fds[] = { { .fd = s->wake, .events = POLLIN }, { .fd = dp_slow_fd(s->ring), .events = POLLIN },
				{ .events = POLLIN }, { .events = POLLIN } };
	uint64_t n;

	while (!atomic_load(&s->quit)) {
		fds[2].fd = s->own[0];
		fds[3].fd = s->own[1];
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			(void)!read(s->wake, &n, sizeof(n));
		dp_slow_read(s->ring, BATCH, on_frame, s);
		for (int i = 0; i < 2; i++)
			if (s->own[i] >= 0)
				slow_answers(s, i == 0);
	}
	return NULL;
}

/* ---- configuration ------------------------------------------------------------------------------- */

static const struct conf_device *device_of(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_devices && name[0]; i++)
		if (!strcmp(c->devices[i].name, name))
			return &c->devices[i];
	return NULL;
}

static void fill_contact(char ret[SLOW_CONTACT], const struct conf *conf)
{
	const struct conf_device *d = device_of(conf, conf->site.dr_peer_trunk);
	char ip[INET6_ADDRSTRLEN];

	ret[0] = '\0';
	if (d)
		snprintf(ret, SLOW_CONTACT, conf_is_v4(&d->contact.ip) ? "sip:%s:%u" : "sip:[%s]:%u",
			 conf_ip_text(&d->contact.ip, ip), d->contact.port);
}

static void fill_pool(struct slow_pool *to, const struct conf_pool *from)
{
	memcpy(to->name, from->name, sizeof(to->name));
	to->reject = (uint16_t)from->shutdown_sip_reject_code;
	if (from->forward != BT_FWD_NAT && from->sip_error_codes_overflow[0])
		log_event(LOG_WARNING, "option idle", "pool=%s option=sip-error-codes-overflow text=\"only with forward = nat: else the "
			  "servers' answers do not pass this node\"", from->name);
}

static void wake(struct slow *s)
{
	uint64_t one = 1;

	(void)!write(s->wake, &one, sizeof(one));
}

/* What only pools need. A host without IPv6 has none of its sockets. */
static int for_pools(struct slow *s)
{
	struct kept *kept;

	if (atomic_load(&s->kept))
		return 0;
	for (int i = 0; i < 2; i++)
		if (s->own[i] < 0)
			s->own[i] = udp_open(i == 0, &s->own_port[i]);
	if (s->own[0] < 0)
		return s->own[0];
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	kept_clear(kept);
	atomic_store(&s->kept, kept);
	wake(s);
	return 0;
}

static int take_conf(struct slow *s, const struct conf *conf)
{
	static struct slow_conf next;
	int err = conf->n_pools ? for_pools(s) : 0;

	if (err)
		return err;
	memset(&next, 0, sizeof(next));
	next.n_pools = conf->n_pools;
	for (uint32_t i = 0; i < conf->n_pools; i++)
		fill_pool(&next.pool[i], &conf->pools[i]);
	for (uint32_t i = 0; i < conf->n_groups; i++)
		next.group_reject[i] = (uint16_t)conf->groups[i].opt.shutdown_sip_reject_code;
	fill_contact(next.contact, conf);
	pthread_mutex_lock(&s->lock);
	s->conf = next;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int slow_reload(struct slow *s, const struct conf *conf)
{
	return s ? take_conf(s, conf) : 0;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static int open_sockets(struct slow *s)
{
	for (int i = 0; i < 2; i++) {
		s->raw[i] = inject_open(i == 0);
		s->asker[i] = udp_asker(i == 0);
	}
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->raw[0] < 0)
		return s->raw[0];
	return s->wake < 0 ? -errno : 0;
}

static int begin(struct slow *s, const struct conf *conf)
{
	int err = thread_mutex(&s->lock);

	if (!err && getrandom(s->key, sizeof(s->key), 0) != sizeof(s->key))
		err = -errno;
	if (!err)
		err = open_sockets(s);
	if (!err)
		err = take_conf(s, conf);
	if (!err && s->dp)
		err = dp_slow_open(&s->ring, s->dp);
	if (!err && s->ring)
		err = thread_start(&s->thread, "slow", 0, run, s, NULL);
	s->running = !err && s->ring;
	return err;
}

int slow_open(struct slow **ret, const struct conf *conf, struct dp *dp)
{
	struct slow *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->dp = dp;
	s->wake = -1;
	for (int i = 0; i < 2; i++)
		s->raw[i] = s->own[i] = s->asker[i] = -1;
	err = begin(s, conf);
	if (err)
		slow_close(s);
	else
		*ret = s;
	return err;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void slow_close(struct slow *s)
{
	if (!s)
		return;
	atomic_store(&s->quit, true);
	if (s->running) {
		wake(s);
		pthread_join(s->thread, NULL);
	}
	dp_slow_close(s->ring);
	slow_forget_names(s);
	for (int i = 0; i < 2; i++) {
		close_fd(s->raw[i]);
		close_fd(s->own[i]);
		close_fd(s->asker[i]);
	}
	close_fd(s->wake);
	free(atomic_load(&s->kept));
	free(s);
}

void slow_counts(const struct slow *s, struct slow_counts *ret)
{
	uint64_t n[SLOW_COUNT__N] = { 0 };

	for (int i = 0; s && i < SLOW_COUNT__N; i++)
		n[i] = atomic_load_explicit(&s->count[i], memory_order_relaxed);
	*ret = (struct slow_counts){ .kept = n[SLOW_KEPT], .overflowed = n[SLOW_OVERFLOWED], .not_kept = n[SLOW_NOT_KEPT],
				     .rejected = n[SLOW_REJECTED], .cut = n[SLOW_CUT], .sent_on = n[SLOW_SENT_ON],
				     .malformed = n[SLOW_MALFORMED], .failed = n[SLOW_FAILED] };
}
