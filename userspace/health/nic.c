/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/nic.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sys/log.h"

#define DUMP_TRIES	3		/* a dump that changed while it was read is asked again */
#define CARRIER		(1u << 16)	/* IFF_LOWER_UP, which <net/if.h> does not know */

int nic_name(struct nic *nic, const char *name, uint64_t *mask)
{
	uint32_t i;

	if (!name[0])
		return 0;
	for (i = 0; i < nic->n && strcmp(nic->links[i].name, name); i++)
		;
	if (i == NIC_MAX)
		return -ENOSPC;
	if (i == nic->n)
		snprintf(nic->links[nic->n++].name, IF_NAMESIZE, "%s", name);
	*mask |= 1ULL << i;
	return 0;
}

static void set_link(struct nic_link *l, uint32_t ifindex, bool up)
{
	l->ifindex = ifindex;
	l->up = ifindex && up;
	l->met = true;
}

/* A name that has left its index (renamed, moved to another namespace) is gone. */
static void take_link(struct nic *nic, uint32_t ifindex, const char *name, bool up)
{
	for (uint32_t i = 0; i < nic->n; i++) {
		struct nic_link *l = &nic->links[i];

		if (!strcmp(l->name, name))
			set_link(l, ifindex, up);
		else if (l->ifindex == ifindex)
			set_link(l, 0, false);
	}
}

static void drop_link(struct nic *nic, uint32_t ifindex)
{
	for (uint32_t i = 0; i < nic->n; i++)
		if (nic->links[i].ifindex == ifindex)
			set_link(&nic->links[i], 0, false);
}

static const char *name_of(const struct nlmsghdr *msg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, msg, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	return NULL;
}

/* A bridge says RTM_DELLINK with family AF_BRIDGE of a port that merely leaves it: not for us. */
int nic_take(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(msg);
	struct nic *nic = arg;
	const char *name;

	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*m) || m->ifi_family != AF_UNSPEC)
		return MNL_CB_OK;
	if (msg->nlmsg_type == RTM_DELLINK)
		drop_link(nic, (uint32_t)m->ifi_index);
	name = msg->nlmsg_type == RTM_NEWLINK ? name_of(msg) : NULL;
	if (name)
		take_link(nic, (uint32_t)m->ifi_index, name,
			  m->ifi_flags & IFF_UP && m->ifi_flags & CARRIER);
	return MNL_CB_OK;
}

static int dump(struct nic *nic)
{
	char buf[128];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);

	req->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(req, sizeof(struct ifinfomsg));
	for (uint32_t i = 0; i < nic->n; i++)
		nic->links[i].met = false;
	return nl_dump(&nic->ask, req, nic_take, nic);
}

/* After a failure a late answer may still come: only a new socket is in step again. */
static int dump_anew(struct nic *nic)
{
	int err;

	nl_close(&nic->ask);
	err = nl_open(&nic->ask, NETLINK_ROUTE, 0);
	return err ? err : dump(nic);
}

int nic_look(struct nic *nic)
{
	int err = nic->ask.sock ? dump(nic) : -EAGAIN;

	for (int i = 1; i < DUMP_TRIES && err == -EINTR; i++)
		err = dump(nic);
	if (err)
		err = dump_anew(nic);
	nic->stale = err;
	if (err)
		return err;
	for (uint32_t i = 0; i < nic->n; i++)
		if (!nic->links[i].met)
			set_link(&nic->links[i], 0, false);
	return 0;
}

static void on_ready(struct src *src, uint32_t events)
{
	struct nic *nic = (struct nic *)src;	/* src is its first member */
	int err = nl_events(&nic->events, nic_take, nic);

	(void)events;
	if (err == -ENOBUFS) {	/* older news first, or it would overwrite the dump's */
		(void)nl_events(&nic->events, nic_take, nic);
		err = nic_look(nic);
	}
	if (err && err != -EPERM)	/* -EPERM: a stranger's message, dropped */
		log_event(LOG_WARNING, "link events", "error=\"%s\"", strerror(-err));
	nic->changed(nic->arg);
}

int nic_open(struct nic *nic, struct loop *loop, void (*changed)(void *arg), void *arg)
{
	int err = nl_open(&nic->events, NETLINK_ROUTE, RTMGRP_LINK);

	/* Events first, then the look: nothing falls between. */
	if (!err)
		err = nic_look(nic);
	if (err)
		return err;
	nic->changed = changed;
	nic->arg = arg;
	nic->src = (struct src){ .fd = nl_fd(&nic->events), .name = "nic", .ready = on_ready };
	err = loop_add(loop, &nic->src, EPOLLIN);
	if (!err)
		nic->loop = loop;
	return err;
}

void nic_close(struct nic *nic)
{
	if (nic->loop)
		loop_del(nic->loop, &nic->src);
	nic->loop = NULL;
	nl_close(&nic->ask);
	nl_close(&nic->events);
}

bool nic_is_up(const struct nic *nic, const char *name)
{
	for (uint32_t i = 0; i < nic->n; i++)
		if (!strcmp(nic->links[i].name, name))
			return nic->links[i].up;
	return false;
}

bool nic_has(const struct nic *nic, uint64_t mask, uint32_t ifindex)
{
	for (uint32_t i = 0; i < nic->n; i++)
		if (mask & 1ULL << i && nic->links[i].ifindex == ifindex)
			return true;
	return false;
}

bool nic_all_up(const struct nic *nic, uint64_t mask)
{
	for (uint32_t i = 0; i < nic->n; i++)
		if (mask & 1ULL << i && !nic->links[i].up)
			return false;
	return true;
}
