/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/addr.h"

#include <string.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

bool addr_read(const struct nlmsghdr *nlh, struct addr *ret)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *local = NULL;
	uint32_t flags;
	size_t len;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) || (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return false;
	flags = ifa->ifa_flags;
	len = ifa->ifa_family == AF_INET ? 4 : 16;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
			local = attr;
		else if (type == IFA_FLAGS && mnl_attr_get_payload_len(attr) == sizeof(flags))
			flags = mnl_attr_get_u32(attr);
	}
	if (!local || mnl_attr_get_payload_len(local) != len || flags & IFA_F_DADFAILED)
		return false;
	*ret = (struct addr){
		.ifindex = ifa->ifa_index, .length = ifa->ifa_prefixlen,
	};
	if (len == 4)
		ret->ip.s6_addr[10] = ret->ip.s6_addr[11] = 0xff;
	memcpy(&ret->ip.s6_addr[16 - len], mnl_attr_get_payload(local), len);
	return true;
}

int addr_dump(struct nl *nl, mnl_cb_t each, void *arg)
{
	char buf[MNL_NLMSG_HDRLEN + sizeof(struct ifaddrmsg)] __attribute__((aligned(8)));
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(req, sizeof(*ifa));

	req->nlmsg_type = RTM_GETADDR;
	ifa->ifa_family = AF_UNSPEC;
	return nl_dump(nl, req, each, arg);
}
