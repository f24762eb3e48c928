/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/raw.h"

#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int raw_open(void)
{
	/* Protocol 0: nothing that comes in is copied to us. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int raw_mac(int fd, uint32_t ifindex, uint8_t ret_mac[6])
{
	struct ifreq ifr = { 0 };

	if (!if_indextoname(ifindex, ifr.ifr_name))
		return -ENODEV;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -errno;
	if (!(ifr.ifr_flags & IFF_UP))
		return -ENETDOWN;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	memcpy(ret_mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

int raw_send(int fd, uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex };
	struct mmsghdr msgs[RAW_BATCH] = { 0 };
	struct iovec iov[RAW_BATCH];
	int sent;

	if (n > RAW_BATCH)
		n = RAW_BATCH;
	for (uint32_t i = 0; i < n; i++) {
		iov[i] = frames[i];
		msgs[i].msg_hdr.msg_name = &to;
		msgs[i].msg_hdr.msg_namelen = sizeof(to);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	do
		sent = sendmmsg(fd, msgs, n, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
