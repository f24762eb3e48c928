/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/network.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/fault.h"
#include "health/nic.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/resolve.h"
#include "sys/thread.h"

#define PRIORITY	30		/* below the main loop, as the placer */
#define NAMELESS_NS	(10 * NS_PER_S)	/* until a name that nobody knew is asked for again */
#define AGAIN_NS	(100 * NS_PER_MS)	/* to a name that is asked for, and a look that failed */
#define DUMP_TRIES	3
#define WHY		96

/* What was found of one kind of NIC of one group. */
struct finding {
	bool known, well;
	char why[WHY];
};

enum kind { SIP_NIC, MANAGEMENT, KINDS };

struct found {
	struct finding of[KINDS];
	uint32_t vip_news;
};

/* One group, as the thread sees it. */
struct watch {
	bool on[KINDS], vips;
	uint64_t nics;			/* bits of network.nic */
	uint64_t paths[BT_PATHS_MAX];	/* the same, of each path on another NIC */
	bool path_has[BT_PATHS_MAX];	/* an address that it can use */
	struct in6_addr own[RESOLVE_MAX];
	int n_own;			/* 0: the link alone */
	bool own_there;
	struct resolve *asked;
	uint64_t ask_ns;		/* when to ask for the name; 0: there is nothing to ask */
};

struct vip_row {
	struct in6_addr ip;
	uint32_t slot;
};

struct network {
	struct src src;			/* first: the thread has found something */
	struct loop *loop;
	const struct conf *conf;
	void (*changed)(void *arg);
	void *arg;
	struct found now[BT_GROUPS_MAX];	/* main's copy, */
	struct fault fault[BT_GROUPS_MAX][KINDS];	/* and what it makes of it */
	char why[BT_GROUPS_MAX][KINDS][WHY];	/* of what was wrong last */

	pthread_t thread;
	pthread_mutex_t lock;		/* of the four that follow */
	struct found found[BT_GROUPS_MAX];
	uint64_t period_ns;
	bool quit, running;
	int wake;			/* main to thread: retimed, or quit */

	struct nic nic;			/* from here on the thread's own */
	struct nl events;
	struct watch watch[BT_GROUPS_MAX];
	uint32_t news[BT_GROUPS_MAX];
	struct vip_row *vips;		/* sorted */
	uint32_t n_vips;
	bool dirty;			/* an address of a NIC that is watched has come or gone, or the last look failed */
};

/* ---- what the kernel says -------------------------------------------------------------------------- */

static int by_ip(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));	/* the first member of a vip_row */
}

static const struct vip_row *find_vip(const struct network *n, const struct in6_addr *ip)
{
	return n->n_vips ? bsearch(ip, n->vips, n->n_vips, sizeof(*n->vips), by_ip) : NULL;
}

static int on_address(const struct nlmsghdr *msg, void *arg)
{
	struct network *n = arg;
	struct addr a;

	if (!addr_read(msg, &a) || find_vip(n, &a.ip))
		return MNL_CB_OK;
	for (uint32_t s = 0; s < n->conf->n_groups; s++) {
		struct watch *w = &n->watch[s];

		for (int i = 0; i < w->n_own; i++)
			if (!memcmp(&w->own[i], &a.ip, sizeof(a.ip)) && nic_has(&n->nic, w->nics, a.ifindex))
				w->own_there = true;
		for (uint32_t p = 0; p < n->conf->n_paths; p++)
			if (nic_has(&n->nic, w->paths[p], a.ifindex) &&
			    conf_is_v4(&a.ip) == conf_is_v4(&n->conf->paths[p].peer))
				w->path_has[p] = true;
	}
	return MNL_CB_OK;
}

static void forget_addresses(struct network *n)
{
	for (uint32_t s = 0; s < n->conf->n_groups; s++) {
		n->watch[s].own_there = false;
		memset(n->watch[s].path_has, 0, sizeof(n->watch[s].path_has));
	}
}

/* 0, or the list is not to be trusted. */
static int look_at_addresses(struct network *n)
{
	int err = n->nic.ask.sock ? -EINTR : -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		forget_addresses(n);
		err = addr_dump(&n->nic.ask, on_address, n);
	}
	return err;
}

static void note_address(struct network *n, const struct nlmsghdr *msg)
{
	const struct vip_row *vip;
	struct addr a;

	if (!addr_read(msg, &a))
		return;
	vip = find_vip(n, &a.ip);
	if (vip)
		n->news[vip->slot]++;
	else if (nic_has(&n->nic, UINT64_MAX, a.ifindex))
		n->dirty = true;
}

static int on_event(const struct nlmsghdr *msg, void *arg)
{
	struct network *n = arg;

	if (msg->nlmsg_type == RTM_NEWADDR || msg->nlmsg_type == RTM_DELADDR)
		note_address(n, msg);
	else
		nic_take(msg, &n->nic);
	return MNL_CB_OK;
}

/* ---- what is made of it ---------------------------------------------------------------------------- */

static void say(struct finding *f, bool well, const char *why)
{
	f->known = true;
	f->well = well;
	snprintf(f->why, sizeof(f->why), "%s", why);
}

static void weigh_sip(const struct network *n, const struct watch *w, struct finding *f)
{
	if (!nic_all_up(&n->nic, w->nics))
		say(f, false, "the link or carrier of a NIC of the VIPs is gone");
	else if (w->n_own && !w->own_there)
		say(f, false, "sip-nic-address is on none of the NICs of the VIPs");
	else
		say(f, true, "");
}

/* One path that works is enough. */
static void weigh_management(const struct network *n, const struct watch *w, struct finding *f)
{
	const char *why = "";
	bool well = false;

	for (uint32_t p = 0; p < n->conf->n_paths; p++) {
		if (!w->paths[p])
			continue;
		if (!nic_all_up(&n->nic, w->paths[p]))
			why = "the link or carrier of the management path's NIC is gone";
		else if (!w->path_has[p])
			why = "no address that the management path can use is left on its NIC";
		else
			well = true;
	}
	say(f, well, why);
}

/* While a look fails what was found last stands: a list that could not be had says nothing of anybody's address. */
static void publish(struct network *n)
{
	struct found found[BT_GROUPS_MAX];
	uint64_t one = 1;
	bool differs;

	if (n->dirty)
		return;
	memset(found, 0, sizeof(found));
	for (uint32_t s = 0; s < n->conf->n_groups; s++) {
		if (n->watch[s].on[SIP_NIC])
			weigh_sip(n, &n->watch[s], &found[s].of[SIP_NIC]);
		if (n->watch[s].on[MANAGEMENT])
			weigh_management(n, &n->watch[s], &found[s].of[MANAGEMENT]);
		found[s].vip_news = n->news[s];
	}
	pthread_mutex_lock(&n->lock);
	differs = memcmp(n->found, found, sizeof(found)) != 0;
	memcpy(n->found, found, sizeof(found));
	pthread_mutex_unlock(&n->lock);
	if (differs)
		(void)!write(n->src.fd, &one, sizeof(one));
}

/* ---- names ------------------------------------------------------------------------------------------ */

static void hear_name(struct network *n, uint32_t slot, uint64_t now)
{
	struct watch *w = &n->watch[slot];
	int got = resolve_poll(w->asked, w->own);

	if (got == -EAGAIN)
		return;
	resolve_close(w->asked);
	w->asked = NULL;
	w->n_own = got > 0 ? got : 0;
	w->ask_ns = got > 0 ? 0 : now + NAMELESS_NS;
	n->dirty = true;
	if (got > 0)
		log_event(LOG_INFO, "sip-nic-address found", "group=%s name=%s addresses=%d", n->conf->groups[slot].name,
			  n->conf->groups[slot].opt.sip_nic_address, got);
	else
		log_event(LOG_WARNING, "sip-nic-address unknown", "group=%s name=%s again_in_s=10 text=\"nobody knows the name: "
			  "until then only the link is watched\"", n->conf->groups[slot].name, n->conf->groups[slot].opt.sip_nic_address);
}

/* Once it is known it is asked for no more. True: an answer is awaited. */
static bool ask_names(struct network *n, uint64_t now)
{
	bool waits = false;

	for (uint32_t s = 0; s < n->conf->n_groups; s++) {
		struct watch *w = &n->watch[s];

		if (!w->asked && w->ask_ns && now >= w->ask_ns && resolve_start(&w->asked, n->conf->groups[s].opt.sip_nic_address))
			w->ask_ns = now + NAMELESS_NS;
		if (w->asked)
			hear_name(n, s, now);
		waits |= w->asked != NULL;
	}
	return waits;
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static void look(struct network *n)
{
	n->dirty = nic_look(&n->nic) || look_at_addresses(n);
}

/* A late answer would be taken for the next: nic_look() opens another socket. */
static void look_again(struct network *n)
{
	n->dirty = look_at_addresses(n);
	if (n->dirty)
		look(n);
}

static void news_of_all(struct network *n)
{
	for (uint32_t s = 0; s < n->conf->n_groups; s++)
		n->news[s]++;
}

static void take_events(struct network *n)
{
	int err = nl_events(&n->events, on_event, n);

	if (err != -ENOBUFS)
		return;
	(void)nl_events(&n->events, on_event, n);	/* older news first, or it would overwrite the dump's */
	news_of_all(n);
	look(n);
}

static void wait_for_news(struct network *n, uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = nl_fd(&n->events), .events = POLLIN }, { .fd = n->wake, .events = POLLIN } };
	uint64_t now = clock_now_ns(), drop;

	(void)poll(fds, 2, until_ns > now ? (int)((until_ns - now) / NS_PER_MS) + 1 : 0);
	if (fds[1].revents)
		(void)!read(n->wake, &drop, sizeof(drop));
}

static bool is_over(struct network *n, uint64_t *ret_period_ns)
{
	bool quit;

	pthread_mutex_lock(&n->lock);
	quit = n->quit;
	*ret_period_ns = n->period_ns;
	pthread_mutex_unlock(&n->lock);
	return quit;
}

static void *run(void *arg)
{
	struct network *n = arg;
	uint64_t looked = 0, period, now;
	bool waits;

	while (!is_over(n, &period)) {
		now = clock_now_ns();
		take_events(n);
		waits = ask_names(n, now);
		if (now - looked >= period) {
			look(n);
			looked = now;
		} else if (n->dirty) {
			look_again(n);
		}
		publish(n);
		wait_for_news(n, waits || n->dirty ? now + AGAIN_NS : looked + period);
	}
	return NULL;
}

/* ---- what is to be watched ----------------------------------------------------------------------------- */

static int name_nics(struct network *n, uint32_t slot)
{
	const struct conf_group *g = &n->conf->groups[slot];
	struct watch *w = &n->watch[slot];
	int err = nic_name(&n->nic, g->dev, &w->nics);

	for (uint32_t v = 0; v < g->n_vips && !err; v++)
		err = nic_name(&n->nic, n->conf->vips[g->first_vip + v].dev, &w->nics);
	for (uint32_t p = 0; p < n->conf->n_paths && !err; p++) {
		err = nic_name(&n->nic, n->conf->paths[p].dev, &w->paths[p]);
		if (w->paths[p] & w->nics)
			w->paths[p] = 0;
		w->on[MANAGEMENT] |= w->paths[p] && g->opt.tlib_nic_monitoring;
	}
	return err;
}

static void name_address(struct watch *w, const char *text)
{
	struct in_addr v4;

	if (!text[0])
		return;
	if (inet_pton(AF_INET6, text, &w->own[0]) == 1) {
		w->n_own = 1;
	} else if (inet_pton(AF_INET, text, &v4) == 1) {
		w->own[0] = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
		memcpy(&w->own[0].s6_addr[12], &v4, sizeof(v4));
		w->n_own = 1;
	} else {
		w->ask_ns = 1;
	}
}

static int plan(struct network *n, bool *ret_any)
{
	int err = 0;

	for (uint32_t s = 0; s < n->conf->n_groups && !err; s++) {
		const struct conf_tserver *opt = &n->conf->groups[s].opt;
		struct watch *w = &n->watch[s];

		err = name_nics(n, s);
		w->on[SIP_NIC] = opt->sip_nic_monitoring;
		w->vips = opt->sip_iptakeover_monitoring;
		if (w->on[SIP_NIC])
			name_address(w, opt->sip_nic_address);
		if (opt->tlib_nic_monitoring && !w->on[MANAGEMENT])
			log_event(LOG_INFO, "no management nic", "group=%s text=\"every path to the peer lies on a NIC of the VIPs, "
				  "whose link is watched in any case: tlib-nic-monitoring has nothing to add\"", n->conf->groups[s].name);
		*ret_any |= w->on[SIP_NIC] || w->on[MANAGEMENT] || w->vips;
	}
	return err;
}

static int list_vips(struct network *n)
{
	n->vips = calloc(n->conf->n_vips + 1, sizeof(*n->vips));
	if (!n->vips)
		return -ENOMEM;
	for (uint32_t s = 0; s < n->conf->n_groups; s++)
		for (uint32_t v = 0; v < n->conf->groups[s].n_vips; v++)
			n->vips[n->n_vips++] = (struct vip_row){
				.ip = n->conf->vips[n->conf->groups[s].first_vip + v].addr.ip, .slot = s,
			};
	qsort(n->vips, n->n_vips, sizeof(*n->vips), by_ip);
	return 0;
}

static uint64_t shortest_period(const struct conf *conf)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t s = 0; s < conf->n_groups; s++)
		if (conf->groups[s].opt.network_monitoring_timeout_s * NS_PER_S < least)
			least = conf->groups[s].opt.network_monitoring_timeout_s * NS_PER_S;
	return least;
}

/* ---- main's part ----------------------------------------------------------------------------------------- */

static void on_found(struct src *src, uint32_t events)
{
	struct network *n = (struct network *)src;	/* src is its first member */
	uint64_t drop;

	(void)events;
	(void)!read(n->src.fd, &drop, sizeof(drop));
	pthread_mutex_lock(&n->lock);
	memcpy(n->now, n->found, sizeof(n->now));
	pthread_mutex_unlock(&n->lock);
	network_turn(n, clock_now_ns());
	n->changed(n->arg);
}

static void tell(const struct network *n, uint32_t slot, enum kind kind)
{
	static const char *const what[KINDS] = { "sip", "management" }, *const failed[KINDS] = { "00-52027", "management-nic" },
			  *const well[KINDS] = { "00-52028", "management-nic" };
	bool bad = n->fault[slot][kind].failed;

	log_event(bad ? LOG_ERR : LOG_INFO, bad ? "nic failed" : "nic well", "event=%s group=%s nic=%s why=\"%s\"",
		  bad ? failed[kind] : well[kind], n->conf->groups[slot].name, what[kind], bad ? n->why[slot][kind] : "");
}

uint64_t network_turn(struct network *n, uint64_t now_ns)
{
	uint64_t next = LOOP_NEVER;

	for (uint32_t s = 0; n && s < n->conf->n_groups; s++)
		for (int k = 0; k < KINDS; k++) {
			struct fault_rule rule = { 1, n->conf->groups[s].opt.network_monitoring_timeout_s * NS_PER_S };
			const struct finding *f = &n->now[s].of[k];
			uint64_t due;

			if (!f->well)
				memcpy(n->why[s][k], f->why, WHY);
			if (f->known && fault_look(&n->fault[s][k], &rule, f->well, now_ns))
				tell(n, s, k);
			due = fault_due(&n->fault[s][k], &rule);
			next = due < next ? due : next;
		}
	return next;
}

static enum fact_health fact(const struct network *n, uint32_t slot, enum kind kind)
{
	if (!n || !n->now[slot].of[kind].known)
		return FACT_NOT_WATCHED;
	return n->fault[slot][kind].failed ? FACT_FAILED : FACT_WELL;
}

enum fact_health network_nic(const struct network *n, uint32_t slot)
{
	return fact(n, slot, SIP_NIC);
}

enum fact_health network_management(const struct network *n, uint32_t slot)
{
	return fact(n, slot, MANAGEMENT);
}

const char *network_nic_why(const struct network *n, uint32_t slot)
{
	return n ? n->why[slot][SIP_NIC] : "";
}

const char *network_management_why(const struct network *n, uint32_t slot)
{
	return n ? n->why[slot][MANAGEMENT] : "";
}

uint32_t network_vip_news(const struct network *n, uint32_t slot)
{
	return n && n->watch[slot].vips ? n->now[slot].vip_news : 0;
}

static void wake_thread(struct network *n)
{
	uint64_t one = 1;

	(void)!write(n->wake, &one, sizeof(one));
}

void network_retime(struct network *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->period_ns = shortest_period(n->conf);
	pthread_mutex_unlock(&n->lock);
	wake_thread(n);
}

static int start(struct network *n)
{
	int err = thread_mutex(&n->lock);

	n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->src.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!err && (n->wake < 0 || n->src.fd < 0))
		err = -errno;
	if (!err)
		err = list_vips(n);
	/* Events first, then the look: nothing falls between. */
	if (!err)
		err = nl_open(&n->events, NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (!err)
		err = loop_add(n->loop, &n->src, EPOLLIN);
	if (err)
		return err;
	err = thread_start(&n->thread, "network", PRIORITY, run, n, NULL);
	n->running = !err;
	return err;
}

int network_open(struct network **ret, struct loop *loop, const struct conf *conf, void (*changed)(void *arg), void *arg)
{
	struct network *n = calloc(1, sizeof(*n));
	bool any = false;
	int err;

	*ret = NULL;
	if (!n)
		return -ENOMEM;
	n->wake = n->src.fd = -1;
	n->src.name = "network";
	n->src.ready = on_found;
	n->loop = loop;
	n->conf = conf;
	n->changed = changed;
	n->arg = arg;
	n->period_ns = shortest_period(conf);
	err = plan(n, &any);
	if (!err && any)
		err = start(n);
	if (err || !any)
		network_close(n);
	else
		*ret = n;
	return err;
}

void network_close(struct network *n)
{
	if (!n)
		return;
	if (n->running) {
		pthread_mutex_lock(&n->lock);
		n->quit = true;
		pthread_mutex_unlock(&n->lock);
		wake_thread(n);
		pthread_join(n->thread, NULL);
	}
	if (n->src.fd >= 0) {
		loop_del(n->loop, &n->src);
		close(n->src.fd);
	}
	if (n->wake >= 0)
		close(n->wake);
	for (uint32_t s = 0; s < BT_GROUPS_MAX; s++)
		resolve_close(n->watch[s].asked);
	nl_close(&n->events);
	nl_close(&n->nic.ask);
	free(n->vips);
	free(n);
}
