/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/vip_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/script_try.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#define VAR	(CONF_PATH_MAX + 24)

struct vip_script {
	const struct conf *conf;
	struct runner *runner;
	pthread_mutex_t lock;
	struct script_try attempt[BT_GROUPS_MAX];
	uint32_t run[BT_GROUPS_MAX];	/* number of the last: the end of an earlier one is no news */
};

static char why[CONF_PATH_MAX + 160];

const char *vip_script_why(void)
{
	return why;
}

/* Tag: run << 8 | slot. */
static void on_end(void *arg, uint32_t tag, int code)
{
	struct vip_script *s = arg;
	uint32_t slot = tag & 0xff;

	pthread_mutex_lock(&s->lock);
	if (s->run[slot] << 8 == (tag & ~0xffu))
		script_try_ended(&s->attempt[slot], code);
	pthread_mutex_unlock(&s->lock);
}

static const char *path_of(const struct conf_group *g, bool up)
{
	return up ? g->opt.sip_vip_script_up : g->opt.sip_vip_script_down;
}

static void run(struct vip_script *s, uint32_t slot, const struct vip *v, bool up, const struct script_try *t, uint32_t number)
{
	const struct conf_group *g = &s->conf->groups[slot];
	char ip[INET6_ADDRSTRLEN], dev[IF_NAMESIZE] = "", node[VAR], group[VAR], vip[VAR], interface[VAR], state[VAR];
	struct runner_job job = {
		.kind = RUN_VIP, .slot = slot, .group = g->name, .path = path_of(g, up),
		.args = (const char *const[]){ g->name, ip, dev, NULL },
		.env = (const char *const[]){ node, group, vip, interface, state, NULL },
		.timeout_ns = g->opt.vip_state_change_timeout_s * NS_PER_S,
		.done = on_end, .arg = s, .tag = number << 8 | slot,
	};

	conf_ip_text(&v->ip, ip);
	if_indextoname(v->ifindex, dev);
	snprintf(node, sizeof(node), "BATON_NODE=%s", s->conf->name);
	snprintf(group, sizeof(group), "BATON_GROUP=%s", g->name);
	snprintf(vip, sizeof(vip), "BATON_VIP=%s", ip);
	snprintf(interface, sizeof(interface), "BATON_INTERFACE=%s", dev);
	snprintf(state, sizeof(state), "BATON_STATE=%s", up ? "up" : "down");
	log_event(LOG_INFO, "vip script", "group=%s vip=%s interface=%s state=%s run=%u script=%s", g->name, ip, dev,
		  up ? "up" : "down", t->runs, job.path);
	if (runner_ask(s->runner, &job))
		on_end(s, job.tag, -1);
}

static void say_failed(const struct conf_group *g, const struct vip *v, const struct script_try *t, bool up)
{
	char ip[INET6_ADDRSTRLEN], dev[IF_NAMESIZE] = "";

	if_indextoname(v->ifindex, dev);
	snprintf(why, sizeof(why), "%s is %s on %s after %u runs of %.80s (exit %d)", conf_ip_text(&v->ip, ip), up ? "not" : "still",
		 dev, t->runs, path_of(g, up), t->code);
}

int vip_script_step(struct vip_script *s, uint32_t slot, const struct vip *vips, const bool *present, bool up)
{
	const struct conf_group *g = &s->conf->groups[slot];
	uint32_t wrong = SCRIPT_NO_VIP, number;
	enum script_step step;
	struct script_try t;

	for (uint32_t i = 0; i < g->n_vips && wrong == SCRIPT_NO_VIP; i++)
		if (present[i] != up)
			wrong = i;
	pthread_mutex_lock(&s->lock);
	step = script_try_step(&s->attempt[slot], up, wrong, g->opt.vip_state_change_timeout_s * NS_PER_S, clock_now_ns());
	number = s->run[slot] += step == SCRIPT_RUN;
	t = s->attempt[slot];
	pthread_mutex_unlock(&s->lock);
	if (step == SCRIPT_RUN)		/* without the lock: the runner holds its own when it tells of an end */
		run(s, slot, &vips[wrong], up, &t, number & 0xffffff);
	if (step == SCRIPT_FAILED)
		say_failed(g, &vips[wrong], &t, up);
	return step == SCRIPT_RIGHT ? 0 : step == SCRIPT_FAILED ? -ETIMEDOUT : -EINPROGRESS;
}

void vip_script_again(struct vip_script *s, uint32_t slot)
{
	pthread_mutex_lock(&s->lock);
	script_try_again(&s->attempt[slot]);
	pthread_mutex_unlock(&s->lock);
}

int vip_script_open(struct vip_script **ret, const struct conf *conf, struct runner *runner)
{
	struct vip_script *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->conf = conf;
	s->runner = runner;
	thread_mutex(&s->lock);
	*ret = s;
	return 0;
}

void vip_script_close(struct vip_script *s)
{
	if (!s)
		return;
	runner_forget(s->runner, s);
	free(s);
}
