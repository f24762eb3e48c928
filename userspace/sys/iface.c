/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/iface.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sys/sysctl.h"

struct search {
	const struct iface_net *nets;
	uint32_t n_nets;
	struct iface *found;
	uint32_t n, max;
	bool more;
	int fd;			/* any socket: to ask an interface of what kind it is */
};

static bool is_in(const struct iface_net *net, const struct in6_addr *ip)
{
	uint8_t whole = net->bits / 8, rest = net->bits % 8;

	return !memcmp(&net->ip, ip, whole) &&
	       (!rest || !((net->ip.s6_addr[whole] ^ ip->s6_addr[whole]) >> (8 - rest)));
}

static bool in_any(const struct search *s, const struct in6_addr *ip)
{
	for (uint32_t i = 0; i < s->n_nets; i++)
		if (is_in(&s->nets[i], ip))
			return true;
	return false;
}

/* Its name, if it is there still and frames on it have an Ethernet header. */
static bool is_ethernet(int fd, uint32_t ifindex, char name[IF_NAMESIZE])
{
	struct ifreq req = { 0 };

	if (!if_indextoname(ifindex, name))
		return false;
	memcpy(req.ifr_name, name, IF_NAMESIZE);
	return !ioctl(fd, SIOCGIFHWADDR, &req) && req.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}

static void take(struct search *s, uint32_t ifindex)
{
	struct iface one = { .ifindex = ifindex };
	uint32_t at = 0;

	while (at < s->n && s->found[at].ifindex < ifindex)
		at++;
	if ((at < s->n && s->found[at].ifindex == ifindex) || !is_ethernet(s->fd, ifindex, one.name))
		return;
	if (s->n == s->max) {
		s->more = true;
		return;
	}
	memmove(&s->found[at + 1], &s->found[at], (s->n++ - at) * sizeof(*s->found));
	s->found[at] = one;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	const struct nlattr *attr, *local = NULL;
	struct search *s = arg;
	size_t len;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return MNL_CB_OK;
	len = ifa->ifa_family == AF_INET ? 4 : 16;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
		if (mnl_attr_get_type(attr) == IFA_LOCAL || (mnl_attr_get_type(attr) == IFA_ADDRESS && !local))
			local = attr;
	if (!local || mnl_attr_get_payload_len(local) != len)
		return MNL_CB_OK;
	memcpy(&ip.s6_addr[16 - len], mnl_attr_get_payload(local), len);
	if (in_any(s, &ip))
		take(s, ifa->ifa_index);
	return MNL_CB_OK;
}

int iface_in_nets(struct nl *nl, const struct iface_net *nets, uint32_t n_nets, struct iface *ret, uint32_t max,
		  uint32_t *ret_n, bool *ret_more)
{
	char buf[MNL_NLMSG_HDRLEN + sizeof(struct ifaddrmsg)] __attribute__((aligned(8)));
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(req, sizeof(*ifa));
	struct search s = { .nets = nets, .n_nets = n_nets, .found = ret, .max = max };
	int err;

	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s.fd < 0)
		return -errno;
	req->nlmsg_type = RTM_GETADDR;
	ifa->ifa_family = AF_UNSPEC;
	err = nl_dump(nl, req, on_address, &s);
	close(s.fd);
	if (err)
		return err;
	*ret_n = s.n;
	*ret_more = s.more;
	return 0;
}

void iface_traits(int fd, const char *name, struct iface_traits *ret)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq req = { 0 };

	*ret = (struct iface_traits){ 0 };
	strncpy(req.ifr_name, name, IF_NAMESIZE - 1);
	if (!ioctl(fd, SIOCGIFMTU, &req))
		ret->mtu = (uint32_t)req.ifr_mtu;
	req.ifr_data = (char *)&flags;
	if (!ioctl(fd, SIOCETHTOOL, &req))
		ret->rx_vlan = flags.data & ETH_FLAG_RXVLAN;
}

static bool has_bridge(int fd)
{
	int ifindex[1];
	unsigned long args[] = { BRCTL_GET_BRIDGES, (unsigned long)ifindex, 1 };

	return ioctl(fd, SIOCGIFBR, args) > 0;
}

/* Asked in this order: the ioctl would load the bridge's module, which br_netfilter needs. */
bool iface_bridge_filters(int fd)
{
	int on = 0, on6 = 0;

	if (sysctl_read("net/bridge/bridge-nf-call-iptables", &on) ||
	    sysctl_read("net/bridge/bridge-nf-call-ip6tables", &on6))
		return false;
	return (on || on6) && has_bridge(fd);
}
