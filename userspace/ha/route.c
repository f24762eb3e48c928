/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <linux/rtnetlink.h>

/* IPv6: better than the 1024 of an operator's own route, with which it would else become one multipath. */
#define METRIC6		512
#define ROUTE_BYTES	160	/* more than any of our requests takes */

/* One batch under way: what it takes to judge a refusal and to name its route. */
struct work {
	struct nl *nl;
	const struct conf_route *routes;
	uint32_t ifindex;
	int forgive;		/* the error that means: is so already */
	bool failed;
};

static char why[256];

const char *route_why(void)
{
	return why;
}

static void put_ip(struct nlmsghdr *req, uint16_t type, const struct in6_addr *ip)
{
	if (conf_is_v4(ip))
		mnl_attr_put(req, type, 4, &ip->s6_addr[12]);
	else
		mnl_attr_put(req, type, 16, ip);
}

/* @source NULL: any will do, which is what a deletion says. */
static void put_route(struct nlmsghdr *req, uint16_t type, const struct conf_route *r,
		      const struct in6_addr *source, uint32_t ifindex)
{
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(req, sizeof(*rt));

	req->nlmsg_type = type;
	/* Not exclusive: IPv4 puts ours before an operator's own, which is back when ours goes. */
	req->nlmsg_flags = type == RTM_NEWROUTE ? NLM_F_CREATE : 0;
	rt->rtm_family = conf_is_v4(&r->net.ip) ? AF_INET : AF_INET6;
	rt->rtm_dst_len = r->net.prefix_len;
	rt->rtm_table = RT_TABLE_MAIN;
	rt->rtm_protocol = VIP_RTPROT;
	rt->rtm_scope = RT_SCOPE_UNIVERSE;
	rt->rtm_type = RTN_UNICAST;
	put_ip(req, RTA_DST, &r->net.ip);
	put_ip(req, RTA_GATEWAY, &r->via);
	mnl_attr_put_u32(req, RTA_OIF, ifindex);
	if (!conf_is_v4(&r->net.ip))
		mnl_attr_put_u32(req, RTA_PRIORITY, METRIC6);
	if (source)
		put_ip(req, RTA_PREFSRC, source);
}

static void keep_why(const struct conf_route *r, uint32_t ifindex, const char *words)
{
	char net[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN], dev[IF_NAMESIZE];

	if (!if_indextoname(ifindex, dev))
		snprintf(dev, sizeof(dev), "#%u", ifindex);
	snprintf(why, sizeof(why), "%s/%u via %s on %s: %s", conf_ip_text(&r->net.ip, net),
		 r->net.prefix_len, conf_ip_text(&r->via, via), dev, words);
}

static int on_result(void *arg, uint32_t i, int err)
{
	struct work *w = arg;

	if (err == w->forgive)
		return 0;
	if (err && !w->failed) {
		w->failed = true;
		keep_why(&w->routes[i], w->ifindex, w->nl->why[0] ? w->nl->why : strerror(-err));
	}
	return err;
}

static const struct in6_addr *source_for(const struct conf_route *r, const struct vip *vips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (conf_is_v4(&vips[i].ip) == conf_is_v4(&r->net.ip))
			return &vips[i].ip;
	return NULL;
}

static int run(struct work *w, void *buf, size_t len, uint32_t n)
{
	int err = nl_batch(w->nl, buf, len, n, on_result, w);

	if (err && !w->failed)	/* netlink itself */
		snprintf(why, sizeof(why), "%u routes: %s", n, strerror(-err));
	return err;
}

int route_add(struct nl *nl, const struct vip *vips, uint32_t n_vips, const struct conf_route *routes,
	      uint32_t n_routes, uint32_t ifindex)
{
	struct work w = { .nl = nl, .routes = routes, .ifindex = ifindex, .forgive = -EEXIST };
	char buf[CONF_ROUTES_MAX * ROUTE_BYTES] __attribute__((aligned(8)));
	size_t len = 0;

	if (n_routes > CONF_ROUTES_MAX)
		return -E2BIG;
	why[0] = '\0';
	for (uint32_t i = 0; i < n_routes; i++) {
		struct nlmsghdr *req = mnl_nlmsg_put_header(buf + len);
		const struct in6_addr *source = source_for(&routes[i], vips, n_vips);

		if (!source) {
			keep_why(&routes[i], ifindex, "the group has no virtual address of this family");
			return -EADDRNOTAVAIL;
		}
		put_route(req, RTM_NEWROUTE, &routes[i], source, ifindex);
		len += req->nlmsg_len;
	}
	return run(&w, buf, len, n_routes);
}

int route_del(struct nl *nl, const struct conf_route *routes, uint32_t n_routes, uint32_t ifindex)
{
	struct work w = { .nl = nl, .routes = routes, .ifindex = ifindex, .forgive = -ESRCH };
	char buf[CONF_ROUTES_MAX * ROUTE_BYTES] __attribute__((aligned(8)));
	size_t len = 0;

	if (n_routes > CONF_ROUTES_MAX)
		return -E2BIG;
	why[0] = '\0';
	for (uint32_t i = 0; i < n_routes; i++) {
		struct nlmsghdr *req = mnl_nlmsg_put_header(buf + len);

		put_route(req, RTM_DELROUTE, &routes[i], NULL, ifindex);
		len += req->nlmsg_len;
	}
	return run(&w, buf, len, n_routes);
}
