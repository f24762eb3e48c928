/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/raw.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sys/clock.h"

int raw_open(void)
{
	/* Protocol 0: nothing that comes in is copied to us. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int open_past_the_gate(void)
{
	int fd = raw_open(), one = 1, err;

	if (fd < 0 || !setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int raw_asker(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* More sockets than threads that send at once (main, pulse, a helper for each group of many VIPs): none of them closes one, and waits. */
#define SHARED 16

struct shared {
	int (*open)(void);
	atomic_int fd[SHARED];		/* whoever takes one out has it alone; -1: none there */
	_Atomic uint64_t used_ns;
};

static struct shared by_the_gate = { raw_open, { [0 ... SHARED - 1] = -1 }, 0 };
static struct shared past_the_gate = { open_past_the_gate, { [0 ... SHARED - 1] = -1 }, 0 };

static int take(struct shared *s)
{
	int fd = -1;

	for (int i = 0; i < SHARED && fd < 0; i++)
		fd = atomic_exchange(&s->fd[i], -1);
	return fd < 0 ? s->open() : fd;
}

static void put_back(struct shared *s, int fd)
{
	int none = -1;

	for (int i = 0; i < SHARED; i++, none = -1)
		if (atomic_compare_exchange_strong(&s->fd[i], &none, fd))
			return;
	close(fd);
}

static int send_by(struct shared *s, uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	int fd = take(s), sent;

	if (fd < 0)
		return fd;
	sent = raw_send(fd, ifindex, frames, n);
	atomic_store(&s->used_ns, clock_now_ns());
	put_back(s, fd);
	return sent;
}

int raw_send_now(uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	return send_by(&by_the_gate, ifindex, frames, n);
}

int raw_send_past_the_gate(uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	return send_by(&past_the_gate, ifindex, frames, n);
}

static void rest(struct shared *s, uint64_t idle_ns)
{
	if (clock_now_ns() < atomic_load(&s->used_ns) + idle_ns)
		return;
	for (int i = 0; i < SHARED; i++) {
		int fd = atomic_exchange(&s->fd[i], -1);

		if (fd >= 0)
			close(fd);
	}
}

void raw_rest(uint64_t idle_ns)
{
	rest(&by_the_gate, idle_ns);
	rest(&past_the_gate, idle_ns);
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

bool raw_link_up(int fd, uint32_t ifindex)
{
	struct ifreq ifr = { 0 };

	return if_indextoname(ifindex, ifr.ifr_name) && !ioctl(fd, SIOCGIFFLAGS, &ifr) &&
	       ifr.ifr_flags & IFF_RUNNING;
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

/* The filter and the small queue come first: until it is bound the socket hears nothing. */
int raw_listen(uint32_t ifindex, uint16_t proto, struct sock_filter *code, uint16_t n)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex, .sll_protocol = htons(proto),
	};
	struct sock_fprog filter = { .len = n, .filter = code };
	int err = 0, little = 0, fd = raw_open();

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

/* An error (the link was down) is no frame, but there may be one behind it. */
bool raw_heard(int fd, uint32_t max)
{
	bool heard = false;
	uint8_t byte;

	for (uint32_t i = 0; i < max; i++) {
		ssize_t got = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		heard |= got >= 0;
	}
	return heard;
}
