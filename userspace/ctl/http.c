/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/where.h"
#include "ctl/page.h"
#include "sys/clock.h"
#include "sys/httpd.h"
#include "sys/loop.h"

#define EVERY_NS	NS_PER_S		/* between two copies while nothing changes */
#define PAUSE_NS	(100 * NS_PER_MS)	/* ... and at least between two */
#define VIPS_A_TURN	16			/* about half a millisecond of counters */
#define WORDS_MAX	128

/* A snapshot and what of it has as many rows as there are VIPs. */
struct copy {
	struct snapshot s;
	struct snapshot_vip *vips;
};

struct http {
	struct httpd *httpd;
	struct ha *ha;
	int fd;
	uint32_t n_vips;
	struct copy next;		/* main's */
	struct copy published;		/* under the lock */
	struct copy read;		/* the server's thread's */
	pthread_mutex_t lock;
	uint32_t at;			/* the next VIP whose counters are read */
	uint64_t round_ns, last_ns;	/* its round began; the last copy */
	bool changed;
};

/* ---- main ----------------------------------------------------------------------------------------- */

static void copy(struct copy *to, const struct copy *from, uint32_t n_vips)
{
	to->s = from->s;
	memcpy(to->vips, from->vips, n_vips * sizeof(*to->vips));
}

/* Counters of a thousand VIPs take longer than the loop may stand: some in each turn. */
static void read_vips(struct http *h, uint64_t now_ns)
{
	uint32_t end = h->n_vips - h->at > VIPS_A_TURN ? h->at + VIPS_A_TURN : h->n_vips;

	if (!h->at && h->round_ns && now_ns < h->round_ns + EVERY_NS)
		return;
	if (!h->at)
		h->round_ns = now_ns;
	for (; h->at < end; h->at++) {
		struct bt_live live[BT_DIR__N];

		if (!ha_live(h->ha, h->at, live))
			memcpy(h->next.vips[h->at].live, live, sizeof(live));
	}
	if (h->at == h->n_vips)
		h->at = 0;
}

static void look(struct http *h, uint64_t now_ns)
{
	struct snapshot *s = &h->next.s;

	ha_view(h->ha, &s->view);
	s->n_alarms = ha_alarms(h->ha, s->alarms);
	s->counted = !ha_counts(h->ha, s->xdp, s->tc);
	for (uint32_t i = 0; i < h->n_vips; i++)
		h->next.vips[i].present = ha_vip_present(h->ha, i);
	s->at_ns = now_ns;
}

/* Somebody copies it out just now: the next turn will do. */
static bool publish(struct http *h)
{
	if (pthread_mutex_trylock(&h->lock))
		return false;
	copy(&h->published, &h->next, h->n_vips);
	pthread_mutex_unlock(&h->lock);
	return true;
}

uint64_t http_turn(struct http *h, uint64_t now_ns)
{
	uint64_t due;

	if (!h || !h->httpd)
		return LOOP_NEVER;
	due = h->last_ns + (h->changed || h->at ? PAUSE_NS : EVERY_NS);
	if (now_ns < due)
		return due;
	h->last_ns = now_ns;
	read_vips(h, now_ns);
	look(h, now_ns);
	h->changed = !publish(h);
	return now_ns + (h->changed || h->at ? PAUSE_NS : EVERY_NS);
}

void http_changed(struct http *h)
{
	if (h)
		h->changed = true;
}

/* ---- the server's thread ---------------------------------------------------------------------------- */

static void say(struct httpd_answer *ret, unsigned status, const char *words)
{
	*ret = (struct httpd_answer){ .status = status, .type = "text/plain; charset=utf-8", .body = strdup(words), .len = strlen(words) };
}

static bool too_old(struct http *h, uint64_t now_ns, struct httpd_answer *ret)
{
	uint64_t age = now_ns > h->read.s.at_ns ? now_ns - h->read.s.at_ns : 0;
	char words[WORDS_MAX];

	if (age < HTTP_STALE_NS)
		return false;
	snprintf(words, sizeof(words), "batond's main loop has said nothing for %u s\n", (unsigned)(age / NS_PER_S));
	say(ret, 503, words);
	return true;
}

static void serve(void *arg, const char *path, const char *query, struct httpd_answer *ret)
{
	bool server = !strcmp(path, "/server") && !strcmp(query, "sipServer");
	bool metrics = !strcmp(path, "/metrics"), page = !strcmp(path, "/");
	uint64_t now = clock_now_ns();
	struct http *h = arg;

	if (!server && !metrics && !page) {
		say(ret, 404, "here are /, /metrics and /server?sipServer\n");
		return;
	}
	pthread_mutex_lock(&h->lock);
	copy(&h->read, &h->published, h->n_vips);
	pthread_mutex_unlock(&h->lock);
	if (too_old(h, now, ret))
		return;
	ret->status = 200;
	ret->type = server ? "application/json" : metrics ? "text/plain; version=0.0.4; charset=utf-8" : "text/html; charset=utf-8";
	ret->body = server ? page_server(&h->read.s, &ret->len) : metrics ? page_metrics(&h->read.s, h->read.vips, now, &ret->len) :
		    page_status(&h->read.s, h->read.vips, &ret->len);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static int make_copies(struct http *h, const struct conf *conf)
{
	struct copy *const copies[] = { &h->next, &h->published, &h->read };

	h->n_vips = conf->n_vips;
	for (int i = 0; i < 3; i++) {
		copies[i]->vips = calloc(h->n_vips ? h->n_vips : 1, sizeof(*copies[i]->vips));
		if (!copies[i]->vips)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < h->n_vips; i++)
		conf_ip_text(&conf->vips[i].addr.ip, h->next.vips[i].address);
	return 0;
}

int http_open(struct http **ret, const struct conf *conf, char *why, size_t len)
{
	uint32_t line = where_from(conf, SEC_NODE, 0, opts_find(SEC_NODE, "http-port"));
	bool six = strchr(conf->http_address, ':');
	char where[WHERE_TEXT];
	struct http *h;
	int err = 0;

	*ret = NULL;
	if (!conf->http_port)
		return 0;
	h = calloc(1, sizeof(*h));
	if (h) {
		pthread_mutex_init(&h->lock, NULL);
		h->fd = httpd_listen(conf->http_address, conf->http_port);
		err = h->fd < 0 ? h->fd : make_copies(h, conf);
	}
	if (h && !err) {
		*ret = h;
		return 0;
	}
	err = err ? err : -ENOMEM;
	where_text(conf, line, where);
	snprintf(why, len, "%s: http-port: cannot listen on %s%s%s:%u: %s", where, six ? "[" : "", conf->http_address, six ? "]" : "",
		 conf->http_port, strerror(-err));
	http_close(h);
	return err;
}

int http_start(struct http *h, struct ha *ha, char *why, size_t len)
{
	uint64_t now = clock_now_ns();
	int err;

	if (!h)
		return 0;
	h->ha = ha;
	read_vips(h, now);
	look(h, now);
	publish(h);
	h->last_ns = now;
	err = httpd_start(&h->httpd, h->fd, serve, h);
	h->fd = -1;
	if (err)
		snprintf(why, len, "HTTP server: %s", strerror(-err));
	return err;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	httpd_stop(h->httpd);
	if (h->fd >= 0)
		close(h->fd);
	pthread_mutex_destroy(&h->lock);
	free(h->next.vips);
	free(h->published.vips);
	free(h->read.vips);
	free(h);
}
