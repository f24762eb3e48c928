/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/vip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "core/conf.h"
#include "sys/addr.h"

#define SLOT_BYTES	128	/* more than any of our requests takes */

/* One batch under way: what it takes to judge a refusal and to name its address. */
struct work {
	struct nl *nl;
	const struct vip *vips;
	const int *forgive;	/* errors that mean: is so already; 0 ends */
	bool failed;
};

static char why[256];

const char *vip_why(void)
{
	return why;
}

static const void *ip_bytes(const struct in6_addr *ip)
{
	return conf_is_v4(ip) ? &ip->s6_addr[12] : ip->s6_addr;
}

static uint8_t ip_len(const struct in6_addr *ip)
{
	return conf_is_v4(ip) ? 4 : 16;
}

/* "eth0:baton", cut to what IFNAMSIZ leaves; "" for names that fill it, or unknown interfaces. */
static void make_label(uint32_t ifindex, char label[IF_NAMESIZE])
{
	static const char tag[] = ":baton";
	char dev[IF_NAMESIZE] = "";
	size_t len;

	label[0] = '\0';
	if (!if_indextoname(ifindex, dev))
		return;
	len = strlen(dev);
	if (len + 2 >= IF_NAMESIZE)	/* no room for the colon and a letter */
		return;
	memset(label, 0, IF_NAMESIZE);
	memcpy(label, dev, len);
	strncat(label, tag, IF_NAMESIZE - 1 - len);
}

/*
 * The interface is nearly always that of the address before, and its name costs a system call. Kept
 * for one batch only: interfaces are renamed.
 */
static uint32_t label_known;

static const char *label_of(uint32_t ifindex)
{
	static char label[IF_NAMESIZE];

	if (ifindex != label_known)
		make_label(ifindex, label);
	label_known = ifindex;
	return label;
}

/* IPv6: never chosen for this host's own traffic, yet bound to and answered from as any other. */
static void put_deprecated(struct nlmsghdr *req)
{
	struct ifa_cacheinfo ci = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };

	mnl_attr_put(req, IFA_CACHEINFO, sizeof(ci), &ci);
}

static uint32_t home_of(const struct vip *v)
{
	return v->home ? v->home : v->ifindex;
}

static void put_address(struct nlmsghdr *req, uint16_t type, const struct vip *v)
{
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(req, sizeof(*ifa));
	bool v4 = conf_is_v4(&v->ip);

	req->nlmsg_type = type;
	req->nlmsg_flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	ifa->ifa_family = v4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = v4 ? 32 : 128;
	ifa->ifa_index = home_of(v);
	ifa->ifa_scope = v4 && v->home ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	mnl_attr_put(req, IFA_LOCAL, ip_len(&v->ip), ip_bytes(&v->ip));
	mnl_attr_put(req, IFA_ADDRESS, ip_len(&v->ip), ip_bytes(&v->ip));
}

static void put_add(struct nlmsghdr *req, const struct vip *v)
{
	bool v4 = conf_is_v4(&v->ip);

	put_address(req, RTM_NEWADDR, v);
	mnl_attr_put_u32(req, IFA_FLAGS, IFA_F_NOPREFIXROUTE | (v4 ? 0 : IFA_F_NODAD));
	if (!v4)
		put_deprecated(req);
	else if (label_of(home_of(v))[0])
		mnl_attr_put_strz(req, IFA_LABEL, label_of(home_of(v)));
}

static void put_del(struct nlmsghdr *req, const struct vip *v)
{
	struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(req);

	put_address(req, RTM_DELADDR, v);
	if (v->length)
		ifa->ifa_prefixlen = v->length;
}

static void put_route(struct nlmsghdr *req, uint16_t type, const struct vip *v)
{
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(req, sizeof(*rt));
	bool v4 = conf_is_v4(&v->ip);

	req->nlmsg_type = type;
	/* Appended, not exclusive: the kernel's own may be there already, and goes its own way. */
	req->nlmsg_flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_APPEND : 0;
	rt->rtm_family = v4 ? AF_INET : AF_INET6;
	rt->rtm_dst_len = v4 ? 32 : 128;
	rt->rtm_table = RT_TABLE_LOCAL;
	rt->rtm_protocol = VIP_RTPROT;
	rt->rtm_scope = v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	rt->rtm_type = RTN_LOCAL;
	mnl_attr_put(req, RTA_DST, ip_len(&v->ip), ip_bytes(&v->ip));
	mnl_attr_put_u32(req, RTA_OIF, home_of(v));
}

static void put_route_add(struct nlmsghdr *req, const struct vip *v)
{
	put_route(req, RTM_NEWROUTE, v);
}

static void put_route_del(struct nlmsghdr *req, const struct vip *v)
{
	put_route(req, RTM_DELROUTE, v);
}

static void keep_why(const struct vip *v, const char *words)
{
	char ip[INET6_ADDRSTRLEN], dev[IF_NAMESIZE];

	if (!if_indextoname(home_of(v), dev))
		snprintf(dev, sizeof(dev), "#%u", home_of(v));
	snprintf(why, sizeof(why), "%s on %s: %s", conf_ip_text(&v->ip, ip), dev, words);
}

static int on_result(void *arg, uint32_t i, int err)
{
	struct work *w = arg;

	for (const int *e = w->forgive; *e; e++)
		if (*e == err)
			return 0;
	if (err && !w->failed) {
		w->failed = true;
		keep_why(&w->vips[i], w->nl->why[0] ? w->nl->why : strerror(-err));
	}
	return err;
}

static int run(struct nl *nl, const struct vip *vips, uint32_t n, const int *forgive,
	       void (*put)(struct nlmsghdr *req, const struct vip *v))
{
	static char buf[NL_BATCH_BYTES] __attribute__((aligned(8)));
	struct work w = { .nl = nl, .vips = vips, .forgive = forgive };
	size_t len = 0;
	int err;

	_Static_assert(NL_BATCH_BYTES >= BT_VIPS_MAX * SLOT_BYTES, "one batch holds every address");
	if (n > BT_VIPS_MAX)
		return -E2BIG;
	why[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		struct nlmsghdr *req = mnl_nlmsg_put_header(buf + len);

		put(req, &vips[i]);
		len += req->nlmsg_len;
	}
	err = nl_batch(nl, buf, len, n, on_result, &w);
	if (err && !w.failed)	/* netlink itself */
		snprintf(why, sizeof(why), "%u addresses: %s", n, strerror(-err));
	return err;
}

int vip_add(struct nl *nl, const struct vip *vips, uint32_t n)
{
	static const int there[] = { -EEXIST, 0 };

	label_known = 0;
	return run(nl, vips, n, there, put_add);
}

int vip_del(struct nl *nl, const struct vip *vips, uint32_t n)
{
	/* An interface that is gone took its addresses along. */
	static const int gone[] = { -EADDRNOTAVAIL, -ENODEV, -ENXIO, 0 };

	return run(nl, vips, n, gone, put_del);
}

int vip_route_add(struct nl *nl, const struct vip *vips, uint32_t n)
{
	static const int there[] = { -EEXIST, 0 };

	return run(nl, vips, n, there, put_route_add);
}

int vip_route_del(struct nl *nl, const struct vip *vips, uint32_t n)
{
	static const int gone[] = { -ESRCH, -ENODEV, 0 };

	return run(nl, vips, n, gone, put_route_del);
}

struct search {
	const struct vip *vips;
	uint32_t n, next;	/* the kernel lists them about as we added them: look there first */
	bool *present;
};

static void mark(struct search *s, const struct in6_addr *ip, uint32_t ifindex)
{
	for (uint32_t k = 0; k < s->n; k++) {
		uint32_t i = (s->next + k) % s->n;

		if (home_of(&s->vips[i]) != ifindex || memcmp(&s->vips[i].ip, ip, sizeof(*ip)))
			continue;
		s->present[i] = true;
		s->next = i + 1;
		return;
	}
}

static bool read_address(const struct nlmsghdr *nlh, struct vip *ret)
{
	struct addr a;

	if (!addr_read(nlh, &a))
		return false;
	*ret = (struct vip){ .ip = a.ip, .ifindex = a.ifindex, .length = a.length };
	return true;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	struct vip v;

	if (read_address(nlh, &v))
		mark(arg, &v.ip, v.ifindex);
	return MNL_CB_OK;
}

int vip_present(struct nl *nl, const struct vip *vips, uint32_t n, bool *ret_present)
{
	bool present[BT_VIPS_MAX] = { false };
	struct search s = { .vips = vips, .n = n, .present = present };
	int err = -EINTR;

	if (n > BT_VIPS_MAX)
		return -E2BIG;
	why[0] = '\0';
	for (int tries = 0; tries < 3 && err == -EINTR; tries++) {
		memset(present, 0, sizeof(present));
		err = addr_dump(nl, on_address, &s);
	}
	if (err)
		snprintf(why, sizeof(why), "list of addresses: %s",
			 nl->why[0] ? nl->why : strerror(-err));
	else
		memcpy(ret_present, present, n);
	return err;
}

/* ---- what somebody else has put there ------------------------------------------------------------ */

struct strangers {
	struct search vips;
	struct vip found[BT_VIPS_MAX];
	uint32_t n;
};

static int on_stranger(const struct nlmsghdr *nlh, void *arg)
{
	struct strangers *s = arg;
	struct vip v;
	bool ours = false;

	if (!read_address(nlh, &v))
		return MNL_CB_OK;
	for (uint32_t i = 0; i < s->vips.n && !ours; i++)
		ours = home_of(&s->vips.vips[i]) == v.ifindex && !memcmp(&s->vips.vips[i].ip, &v.ip, sizeof(v.ip));
	if (ours && s->n < BT_VIPS_MAX)
		s->found[s->n++] = v;
	return MNL_CB_OK;
}

int vip_evict(struct nl *nl, const struct vip *vips, uint32_t n)
{
	static struct strangers s;
	int err = -EINTR;

	for (int tries = 0; tries < 3 && err == -EINTR; tries++) {
		s.vips = (struct search){ .vips = vips, .n = n };
		s.n = 0;
		err = addr_dump(nl, on_stranger, &s);
	}
	if (!err)
		return vip_del(nl, s.found, s.n);
	snprintf(why, sizeof(why), "list of addresses: %s", nl->why[0] ? nl->why : strerror(-err));
	return err;
}

/* ---- what is left of an earlier life ------------------------------------------------------------ */

struct leftover {
	const struct in6_addr *ips;
	uint32_t n_ips;
	struct vip found[BT_VIPS_MAX];
	uint32_t n;
	bool more;
};

static bool is_one_of(const struct leftover *l, const struct in6_addr *ip)
{
	for (uint32_t i = 0; i < l->n_ips; i++)
		if (!memcmp(&l->ips[i], ip, sizeof(*ip)))
			return true;
	return false;
}

static void keep(struct leftover *l, const struct vip *v)
{
	if (!v->ifindex || !is_one_of(l, &v->ip))
		return;
	if (l->n < BT_VIPS_MAX)
		l->found[l->n++] = (struct vip){ .ip = v->ip, .ifindex = v->ifindex };
	else
		l->more = true;
}

static int on_left_address(const struct nlmsghdr *nlh, void *arg)
{
	struct vip v;

	if (read_address(nlh, &v))
		keep(arg, &v);
	return MNL_CB_OK;
}

/* Asked of each, as an old kernel would not have filtered. */
static int on_left_route(const struct nlmsghdr *nlh, void *arg)
{
	struct vip v = { .ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } } };
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	size_t len = rt->rtm_family == AF_INET ? 4 : 16;
	const struct nlattr *attr, *dst = NULL;

	if (nlh->nlmsg_type != RTM_NEWROUTE || rt->rtm_protocol != VIP_RTPROT || rt->rtm_type != RTN_LOCAL ||
	    rt->rtm_dst_len != len * 8)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rt))
		if (mnl_attr_get_type(attr) == RTA_DST && mnl_attr_get_payload_len(attr) == len)
			dst = attr;
		else if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_get_payload_len(attr) == sizeof(v.ifindex))
			v.ifindex = mnl_attr_get_u32(attr);
	if (!dst)
		return MNL_CB_OK;
	memcpy(&v.ip.s6_addr[16 - len], mnl_attr_get_payload(dst), len);
	keep(arg, &v);
	return MNL_CB_OK;
}

static int dump_routes(struct nl *nl, uint8_t family, struct leftover *l)
{
	char buf[MNL_NLMSG_HDRLEN + sizeof(struct rtmsg)] __attribute__((aligned(8)));
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(req, sizeof(*rt));

	req->nlmsg_type = RTM_GETROUTE;
	rt->rtm_family = family;
	rt->rtm_table = RT_TABLE_LOCAL;
	rt->rtm_protocol = VIP_RTPROT;
	rt->rtm_type = RTN_LOCAL;
	return nl_dump(nl, req, on_left_route, l);
}

static int find_left(struct nl *nl, bool routes, struct leftover *l)
{
	int err = -EINTR;

	for (int tries = 0; tries < 3 && err == -EINTR; tries++) {
		l->n = 0;
		err = routes ? dump_routes(nl, AF_INET, l) : addr_dump(nl, on_left_address, l);
		if (!err && routes)
			err = dump_routes(nl, AF_INET6, l);
	}
	if (err)
		snprintf(why, sizeof(why), "list of %s: %s", routes ? "routes" : "addresses",
			 nl->why[0] ? nl->why : strerror(-err));
	return err;
}

int vip_forget(struct nl *nl, const struct in6_addr *ips, uint32_t n)
{
	static struct leftover l;	/* at start only */
	int err;

	l = (struct leftover){ .ips = ips, .n_ips = n };
	err = find_left(nl, false, &l);
	if (!err)
		err = vip_del(nl, l.found, l.n);
	if (!err)
		err = find_left(nl, true, &l);
	if (!err)
		err = vip_route_del(nl, l.found, l.n);
	if (err || !l.more)
		return err;
	snprintf(why, sizeof(why), "more than %u addresses are left of an earlier life", BT_VIPS_MAX);
	return -E2BIG;
}
