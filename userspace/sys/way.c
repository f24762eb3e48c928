/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/way.h"

#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define REQUEST_BYTES	128

struct request {
	char buf[REQUEST_BYTES] __attribute__((aligned(8)));
};

static bool is_v4(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip);
}

static uint8_t family_of(const struct in6_addr *ip)
{
	return is_v4(ip) ? AF_INET : AF_INET6;
}

static void put_ip(struct nlmsghdr *req, uint16_t type, const struct in6_addr *ip)
{
	mnl_attr_put(req, type, is_v4(ip) ? 4 : 16, &ip->s6_addr[is_v4(ip) ? 12 : 0]);
}

/* False: it is not as long as an address of either family. */
static bool take_ip(const void *bytes, size_t len, struct in6_addr *ret)
{
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (len != 4 && len != 16)
		return false;
	memcpy(&ip.s6_addr[16 - len], bytes, len);
	*ret = ip;
	return true;
}

static void take_metrics(const struct nlattr *nest, struct way *way)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_get_payload_len(attr) >= 4)
			way->mtu = mnl_attr_get_u32(attr);
}

/* An IPv4 route may lead over an IPv6 next hop. */
static void take_via(const struct nlattr *attr, struct way *way)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len > sizeof(*via))
		(void)take_ip(via->rtvia_addr, len - sizeof(*via), &way->hop);
}

struct route_answer {
	struct way way;
	uint8_t type;
};

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	struct route_answer *a = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rt))
		return MNL_CB_OK;
	a->type = rt->rtm_type;
	mnl_attr_for_each(attr, nlh, sizeof(*rt)) {
		const void *bytes = mnl_attr_get_payload(attr);
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == RTA_OIF && len >= 4)
			a->way.ifindex = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			(void)take_ip(bytes, len, &a->way.hop);
		else if (mnl_attr_get_type(attr) == RTA_VIA)
			take_via(attr, &a->way);
		else if (mnl_attr_get_type(attr) == RTA_PREFSRC)
			(void)take_ip(bytes, len, &a->way.from);
		else if (mnl_attr_get_type(attr) == RTA_METRICS)
			take_metrics(attr, &a->way);
	}
	return MNL_CB_OK;
}

int way_find(struct nl *nl, const struct in6_addr *to, struct way *ret)
{
	struct route_answer a = { .way = { .hop = *to } };
	struct request r = { 0 };
	struct nlmsghdr *req = mnl_nlmsg_put_header(r.buf);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(req, sizeof(*rt));
	int err;

	req->nlmsg_type = RTM_GETROUTE;
	rt->rtm_family = family_of(to);
	rt->rtm_dst_len = is_v4(to) ? 32 : 128;
	put_ip(req, RTA_DST, to);
	err = nl_get(nl, req, on_route, &a);
	if (err)
		return err;
	if (a.type == RTN_LOCAL)
		return -EADDRINUSE;
	if (a.type != RTN_UNICAST || !a.way.ifindex)
		return -ENETUNREACH;
	*ret = a.way;
	return 0;
}

struct neighbour_answer {
	uint8_t mac[6];
	uint16_t state;
};

static int on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	struct neighbour_answer *a = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*nd))
		if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == sizeof(a->mac)) {
			memcpy(a->mac, mnl_attr_get_payload(attr), sizeof(a->mac));
			a->state = nd->ndm_state;
		}
	return MNL_CB_OK;
}

static struct nlmsghdr *neighbour_request(struct request *r, uint16_t type, const struct way *way, uint8_t flags)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(r->buf);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(req, sizeof(*nd));

	req->nlmsg_type = type;
	nd->ndm_family = family_of(&way->hop);
	nd->ndm_ifindex = (int)way->ifindex;
	nd->ndm_flags = flags;
	put_ip(req, NDA_DST, &way->hop);
	return req;
}

int way_neighbour(struct nl *nl, const struct way *way, uint8_t ret_mac[6], uint16_t *ret_state)
{
	struct neighbour_answer a = { .state = 0 };
	struct request r = { 0 };
	int err = nl_get(nl, neighbour_request(&r, RTM_GETNEIGH, way, 0), on_neighbour, &a);

	if (err)
		return err;
	memcpy(ret_mac, a.mac, sizeof(a.mac));
	*ret_state = a.state;
	return 0;
}

int way_use(struct nl *nl, const struct way *way)
{
	struct request r = { 0 };
	struct nlmsghdr *req = neighbour_request(&r, RTM_NEWNEIGH, way, NTF_USE);

	req->nlmsg_flags = NLM_F_CREATE;
	return nl_ack(nl, req);
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct way_link *link = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	link->ethernet = ifi->ifi_type == ARPHRD_ETHER;
	link->up = ifi->ifi_flags & IFF_UP && ifi->ifi_flags & IFF_RUNNING;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == IFLA_ADDRESS && len == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), len);
		else if (mnl_attr_get_type(attr) == IFLA_MTU && len >= 4)
			link->mtu = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

int way_link(struct nl *nl, uint32_t ifindex, struct way_link *ret)
{
	struct request r = { 0 };
	struct nlmsghdr *req = mnl_nlmsg_put_header(r.buf);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(req, sizeof(*ifi));
	struct way_link link = { .up = false };
	int err;

	req->nlmsg_type = RTM_GETLINK;
	ifi->ifi_index = (int)ifindex;
	err = nl_get(nl, req, on_link, &link);
	if (!err)
		*ret = link;
	return err;
}
