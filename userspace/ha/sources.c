/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sources: what wakes the conductor, and what is noted then? The turn that follows does the judging.
 */
#include "ha/ha_own.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/log.h"

static void drain_eventfd(struct src *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));	/* that we woke is all that matters: the turn looks */
}

static int open_eventfd(struct ha *ha, struct src *src, const char *name)
{
	src->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	src->name = name;
	src->ready = drain_eventfd;
	return src->fd < 0 ? -errno : loop_add(ha->loop, src, EPOLLIN);
}

static void on_kernel_event(void *arg, const struct bt_event *ev)
{
	struct ha *ha = arg;
	struct group *g = &ha->group[ev->group % BT_GROUPS_MAX];

	if (ev->kind == BT_EV_BOOT)
		log_event(LOG_INFO, "peer boot", "peer=%s boot=%016llx", ha->conf->peer_name, ev->to);
	if (ev->kind == BT_EV_CONFLICT && g->conf)
		log_event(LOG_ERR, "vip conflict", "group=%s mac=%012llx", g->conf->name, ev->arg);
	if (ev->kind == BT_EV_WORD && g->conf && ev->arg & BT_EV_BY_LISTENER)
		group_note_lost(g, ev->from);
	if (ev->kind == BT_EV_WORD && g->conf && ev->arg & BT_EV_BY_WATCH)
		group_note_dead(ha, g, ev);
	if (ev->kind == BT_EV_WORD && g->conf)
		chronicle_kernel(ha, g, ev);
	if (ev->kind == BT_EV_WORD && g->conf && ev->arg & BT_EV_BY_WATCH && BT_WORD_MODE(ev->to) == BT_OPEN)
		replays_opened(ha, g, ev->at_ns);
	else if (ev->kind == BT_EV_WORD && g->conf && BT_WORD_MODE(ev->to) == BT_OPEN && BT_WORD_MODE(ev->from) != BT_OPEN)
		replays_passed(ha, g);
	if (ev->kind == BT_EV_WORD && g->conf)
		log_event(LOG_DEBUG, "word change", "group=%s by=kernel from=%#llx to=%#llx", g->conf->name, ev->from, ev->to);
}

void sources_take_events(struct ha *ha)
{
	dp_events(ha->dp, on_kernel_event, ha);
}

static void on_ring(struct src *src, uint32_t events)
{
	struct ha *ha = (struct ha *)((char *)src - offsetof(struct ha, event_src));

	(void)events;
	sources_take_events(ha);
}

/* Two troubles may have one event: it stands while either does. */
static void tell_troubles(struct ha *ha, const struct group *g)
{
	const char *now = service_event(g->service.trouble);
	char text[HA_TEXT];

	for (int t = TROUBLE_NONE + 1; t < TROUBLE__N; t++)
		if (strcmp(service_event(t), now) && t != TROUBLE_VIP)	/* group_tell_vip() */
			alarm_set(&ha->alarms, false, service_event(t), g->conf->name, "", g->conf->alarm_notify, clock_now_ns());
	if (!now[0] || g->service.trouble == TROUBLE_VIP)
		return;
	snprintf(text, sizeof(text), "%s: %s", g->service.reason, g->service.detail[0] ? g->service.detail :
		 service_text(g->service.trouble));
	alarm_set(&ha->alarms, true, now, g->conf->name, text, g->conf->alarm_notify, clock_now_ns());
}

void sources_on_health(void *arg, uint32_t slot, const struct service_verdict *v)
{
	struct ha *ha = arg;
	struct group *g = &ha->group[slot];

	g->service = *v;
	if (v->trouble == TROUBLE_VIP)		/* the placer knows more than the monitor; the last byte stays 0 */
		memcpy(g->service.detail, g->vip_why, SERVICE_DETAIL - 1);
	alarm_set(&ha->alarms, v->orphaned, "main-process-gone", g->conf->name,
		  "the process that server-pidfile or server-unit names has ended, but its SIP ports are served: nothing is moved; "
		  "restart the SIP server in order when it suits",
		  g->conf->alarm_notify, clock_now_ns());
	alarm_set(&ha->alarms, v->wounded, "worker-died", g->conf->name, v->worker, g->conf->alarm_notify, clock_now_ns());
	tell_troubles(ha, g);
	if (ha->pulse)
		group_say(ha, g);
	if (v->running && ha->placer)
		placer_look(ha->placer);	/* a link that came back has lost IPv6 addresses and routes */
	ha_note_change(ha);
}

int sources_open(struct ha *ha, const struct ha_say *say)
{
	int err = open_eventfd(ha, &ha->pulse_src, "pulse");

	if (!err)
		err = open_eventfd(ha, &ha->store_src, "store");
	if (!err)
		err = open_eventfd(ha, &ha->placer_src, "placer");
	if (!err)
		err = open_eventfd(ha, &ha->arbiter_src, "arbiter");
	if (!err)
		err = open_eventfd(ha, &ha->fence_src, "fence");
	ha->event_src = (struct src){ .fd = dp_events_fd(ha->dp), .name = "kernel", .ready = on_ring };
	if (!err)
		err = loop_add(ha->loop, &ha->event_src, EPOLLIN);
	return err ? ha_fail(say, err, "event loop", strerror(-err)) : 0;
}

static void close_source(struct ha *ha, struct src *src, bool own)
{
	if (src->fd < 0)
		return;
	loop_del(ha->loop, src);
	if (own)
		close(src->fd);
}

void sources_close(struct ha *ha)
{
	close_source(ha, &ha->event_src, false);
	close_source(ha, &ha->pulse_src, true);
	close_source(ha, &ha->store_src, true);
	close_source(ha, &ha->placer_src, true);
	close_source(ha, &ha->arbiter_src, true);
	close_source(ha, &ha->fence_src, true);
}
