/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/certs.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys/background.h"
#include "sys/cert.h"
#include "sys/clock.h"

#define PERIOD_S	60
#define PATIENCE_NS	(30 * NS_PER_S)	/* that long a disk may take */
#define LEAVE_S		1

struct slot {			/* the thread's own, but for report */
	char path[CONF_PATH_MAX];	/* "": none */
	struct in6_addr *vips;
	uint32_t n_vips;
	struct certs_report report;
};

struct certs {
	struct background bg;	/* its lock guards what follows and the reports */
	bool asked;
	uint64_t begun_ns;	/* since when a file is being read; 0: none is */
	uint32_t reading;
	uint64_t version;
	struct slot slot[BT_GROUPS_MAX];
	uint32_t n;
};

/* ---- the thread --------------------------------------------------------------------------------- */

static bool host_of(const struct in6_addr *ip, char name[NI_MAXHOST])
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = *ip };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	bool v4 = IN6_IS_ADDR_V4MAPPED(ip);

	memcpy(&a4.sin_addr, ip->s6_addr + 12, 4);
	return !getnameinfo(v4 ? (void *)&a4 : (void *)&a6, v4 ? sizeof(a4) : sizeof(a6), name, NI_MAXHOST, NULL, 0,
			    NI_NAMEREQD);
}

/* The worst of its VIPs counts. The resolver is asked only for those whose address is not named. */
static enum cert_named who_is_named(const struct slot *s, const struct cert *c)
{
	enum cert_named worst = NAMED_ADDRESS;
	char host[NI_MAXHOST];

	for (uint32_t i = 0; i < s->n_vips && worst != NAMED_NOT; i++)
		if (!cert_names_ip(c, &s->vips[i]))
			worst = host_of(&s->vips[i], host) && cert_names_host(c, host) ? NAMED_HOST : NAMED_NOT;
	return worst;
}

static void publish(struct certs *all, struct slot *s, const struct cert_seen *seen)
{
	struct certs_report now = { .known = true };
	char text[160];

	now.level = cert_judge(seen, time(NULL), text, sizeof(text));
	snprintf(now.text, sizeof(now.text), "the certificate %s (%s)", text, s->path);
	background_lock(&all->bg);
	if (!s->report.known || s->report.level != now.level || strcmp(s->report.text, now.text))
		all->version++;
	s->report = now;
	background_unlock(&all->bg);
}

static void note_reading(struct certs *all, uint32_t slot, uint64_t begun_ns)
{
	background_lock(&all->bg);
	all->reading = slot;
	all->begun_ns = begun_ns;
	background_unlock(&all->bg);
}

static void look(struct certs *all, uint32_t i)
{
	struct slot *s = &all->slot[i];
	struct cert_seen seen = { 0 };
	struct cert *c = NULL;

	note_reading(all, i, clock_now_ns());
	seen.err = cert_open(&c, s->path);
	note_reading(all, i, 0);
	if (!seen.err)
		seen.err = cert_dates(c, &seen.begins_s, &seen.ends_s);
	if (!seen.err)
		seen.named = who_is_named(s, c);
	publish(all, s, &seen);
	cert_close(c);
}

/* With the lock held. */
static void wait_for_work(struct certs *all)
{
	uint64_t until = background_in(PERIOD_S * NS_PER_S);

	while (!all->bg.quit && !all->asked && background_wait(&all->bg, until))
		;
	all->asked = false;
}

static void *run(void *arg)
{
	struct certs *all = arg;

	background_lock(&all->bg);
	while (!all->bg.quit) {
		background_unlock(&all->bg);
		for (uint32_t i = 0; i < all->n; i++)
			if (all->slot[i].path[0])
				look(all, i);
		background_lock(&all->bg);
		if (!all->bg.quit)
			wait_for_work(all);
	}
	background_unlock(&all->bg);
	return NULL;
}

/* ---- the main loop ------------------------------------------------------------------------------ */

void certs_look(struct certs *c)
{
	if (!c)
		return;
	background_lock(&c->bg);
	c->asked = true;
	background_wake(&c->bg);
	background_unlock(&c->bg);
}

/* With the lock held. */
static void note_hanging(struct certs *c, struct slot *s)
{
	struct certs_report late = { .known = true, .level = CERT_ALARM };

	snprintf(late.text, sizeof(late.text), "the certificate is being read for more than %llu s, does its disk hang? (%s)",
		 (unsigned long long)(PATIENCE_NS / NS_PER_S), s->path);
	if (strcmp(s->report.text, late.text))
		c->version++;
	s->report = late;
}

uint64_t certs_version(struct certs *c, uint64_t now_ns)
{
	uint64_t version;

	if (!c)
		return 0;
	background_lock(&c->bg);
	if (c->begun_ns && now_ns > c->begun_ns + PATIENCE_NS)
		note_hanging(c, &c->slot[c->reading]);
	version = c->version;
	background_unlock(&c->bg);
	return version;
}

void certs_report(struct certs *c, uint32_t slot, struct certs_report *ret)
{
	*ret = (struct certs_report){ 0 };
	if (!c || slot >= c->n)
		return;
	background_lock(&c->bg);
	*ret = c->slot[slot].report;
	background_unlock(&c->bg);
}

/* ---- life --------------------------------------------------------------------------------------- */

static bool is_wanted(const struct conf *conf)
{
	for (uint32_t i = 0; i < conf->n_groups; i++)
		if (conf->groups[i].opt.sip_tls_cert[0])
			return true;
	return false;
}

static void destroy(struct certs *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free(c->slot[i].vips);
	free(c);
}

/* The thread may outlive the configuration: it has its own copy of all it needs. */
static int copy(struct certs *c, const struct conf *conf)
{
	for (c->n = 0; c->n < conf->n_groups; c->n++) {
		const struct conf_group *g = &conf->groups[c->n];
		struct slot *s = &c->slot[c->n];

		memcpy(s->path, g->opt.sip_tls_cert, sizeof(s->path));
		s->vips = calloc(g->n_vips ? g->n_vips : 1, sizeof(*s->vips));
		if (!s->vips)
			return -ENOMEM;
		for (s->n_vips = 0; s->n_vips < g->n_vips; s->n_vips++)
			s->vips[s->n_vips] = conf->vips[g->first_vip + s->n_vips].addr.ip;
	}
	return 0;
}

int certs_open(struct certs **ret, const struct conf *conf)
{
	struct certs *c;
	int err;

	*ret = NULL;
	if (!is_wanted(conf))
		return 0;
	c = calloc(1, sizeof(*c));
	err = c ? copy(c, conf) : -ENOMEM;
	if (!err)
		err = background_start(&c->bg, "certs", 0, run, c);
	if (!err)
		*ret = c;
	else if (c)
		destroy(c);
	return err;
}

/* One that hangs is left behind with what it holds: this process is about to end. Before another start leases wait for us. */
void certs_close(struct certs *c, bool hurry)
{
	if (!c)
		return;
	if (hurry)
		background_quit(&c->bg);
	else if (background_stop_within(&c->bg, LEAVE_S * NS_PER_S))
		destroy(c);
}
