/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/hear.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define REQUEST_BYTES	128

struct request {
	char buf[REQUEST_BYTES] __attribute__((aligned(8)));
};

/* NTF_SELF: the interface's own filter, not the table of a bridge above it. */
static int filter(struct nl *nl, uint16_t type, uint16_t flags, uint32_t ifindex, const uint8_t mac[6])
{
	struct request r = { 0 };
	struct nlmsghdr *req = mnl_nlmsg_put_header(r.buf);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(req, sizeof(*nd));

	req->nlmsg_type = type;
	req->nlmsg_flags = flags;
	nd->ndm_family = AF_BRIDGE;
	nd->ndm_ifindex = (int)ifindex;
	nd->ndm_state = NUD_PERMANENT;
	nd->ndm_flags = NTF_SELF;
	mnl_attr_put(req, NDA_LLADDR, 6, mac);
	return nl_ack(nl, req);
}

int hear_add(struct nl *nl, uint32_t ifindex, const uint8_t mac[6])
{
	return filter(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, ifindex, mac);
}

int hear_del(struct nl *nl, uint32_t ifindex, const uint8_t mac[6])
{
	return filter(nl, RTM_DELNEIGH, 0, ifindex, mac);
}

/* An address of the group's own: the kernel joins for as long as it is there. Of this host alone: never a source. */
static int membership(struct nl *nl, uint16_t type, uint16_t flags, uint32_t ifindex, const struct in6_addr *group)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(group);
	const uint8_t *ip = &group->s6_addr[v4 ? 12 : 0];
	uint16_t len = v4 ? 4 : 16;
	struct request r = { 0 };
	struct nlmsghdr *req = mnl_nlmsg_put_header(r.buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(req, sizeof(*ifa));

	req->nlmsg_type = type;
	req->nlmsg_flags = flags;
	ifa->ifa_family = v4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = (uint8_t)(8 * len);
	ifa->ifa_scope = RT_SCOPE_HOST;
	ifa->ifa_index = ifindex;
	mnl_attr_put(req, IFA_LOCAL, len, ip);
	mnl_attr_put(req, IFA_ADDRESS, len, ip);
	mnl_attr_put_u32(req, IFA_FLAGS, IFA_F_MCAUTOJOIN | IFA_F_NOPREFIXROUTE | IFA_F_NODAD);
	return nl_ack(nl, req);
}

int hear_join(struct nl *nl, uint32_t ifindex, const struct in6_addr *group)
{
	return membership(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, group);
}

int hear_leave(struct nl *nl, uint32_t ifindex, const struct in6_addr *group)
{
	return membership(nl, RTM_DELADDR, 0, ifindex, group);
}

static struct ifinfomsg *link_request(struct request *r, uint16_t type, uint32_t ifindex)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(r->buf);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(req, sizeof(*ifi));

	req->nlmsg_type = type;
	ifi->ifi_index = (int)ifindex;
	return ifi;
}

int hear_all(struct nl *nl, uint32_t ifindex, bool on)
{
	struct request r = { 0 };
	struct ifinfomsg *ifi = link_request(&r, RTM_NEWLINK, ifindex);

	ifi->ifi_change = IFF_PROMISC;
	ifi->ifi_flags = on ? IFF_PROMISC : 0;
	return nl_ack(nl, (struct nlmsghdr *)r.buf);
}

static void take_kind(const struct nlattr *nest, struct hear_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct hear_link *link = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	link->told = ifi->ifi_flags & IFF_PROMISC;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) == IFLA_PROMISCUITY && mnl_attr_get_payload_len(attr) >= 4)
			link->all = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			take_kind(attr, link);
	}
	return MNL_CB_OK;
}

int hear_link(struct nl *nl, uint32_t ifindex, struct hear_link *ret)
{
	struct request r = { 0 };
	struct hear_link link = { .all = false };
	int err;

	link_request(&r, RTM_GETLINK, ifindex);
	err = nl_get(nl, (struct nlmsghdr *)r.buf, on_link, &link);
	if (!err)
		*ret = link;
	return err;
}
