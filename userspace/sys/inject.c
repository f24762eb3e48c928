/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/inject.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HOPS	64

struct v4_head {
	struct iphdr ip;
	struct udphdr udp;
};

struct v6_head {
	struct ip6_hdr ip;
	struct udphdr udp;
};

int inject_open(bool v4)
{
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW), one = 1, err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_HDRINCL : IPV6_HDRINCL, &one, sizeof(one)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static uint32_t add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

/* Of the pseudo header of either family. */
static uint16_t checksum(const struct in6_addr *from, const struct in6_addr *to, bool v4, const struct udphdr *udp,
			 const void *data, size_t len)
{
	size_t skip = v4 ? 12 : 0;
	uint32_t sum = IPPROTO_UDP + ntohs(udp->len);

	sum = add(sum, &from->s6_addr[skip], sizeof(*from) - skip);
	sum = add(sum, &to->s6_addr[skip], sizeof(*to) - skip);
	sum = add(sum, udp, sizeof(*udp));
	sum = add(sum, data, len);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return htons(sum ? (uint16_t)sum : 0xffff);
}

static void fill_udp(struct udphdr *u, const struct udp_addr *from, const struct udp_addr *to, bool v4, const void *data, size_t len)
{
	*u = (struct udphdr){ .source = htons(from->port), .dest = htons(to->port), .len = htons((uint16_t)(sizeof(*u) + len)) };
	u->check = checksum(&from->ip, &to->ip, v4, u, data, len);
}

/* Length, identification and checksum are the kernel's. */
static void fill_v4(struct v4_head *h, const struct udp_addr *from, const struct udp_addr *to)
{
	h->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = HOPS, .protocol = IPPROTO_UDP };
	memcpy(&h->ip.saddr, &from->ip.s6_addr[12], 4);
	memcpy(&h->ip.daddr, &to->ip.s6_addr[12], 4);
}

static void fill_v6(struct v6_head *h, const struct udp_addr *from, const struct udp_addr *to, size_t len)
{
	h->ip = (struct ip6_hdr){ .ip6_src = from->ip, .ip6_dst = to->ip };
	h->ip.ip6_flow = htonl(6u << 28);
	h->ip.ip6_plen = htons((uint16_t)(sizeof(h->udp) + len));
	h->ip.ip6_nxt = IPPROTO_UDP;
	h->ip.ip6_hlim = HOPS;
}

static int leave(int fd, const void *to, socklen_t to_len, const void *head, size_t head_len, const void *data, size_t len)
{
	struct iovec parts[2] = { { (void *)head, head_len }, { (void *)data, len } };
	struct msghdr m = { .msg_name = (void *)to, .msg_namelen = to_len, .msg_iov = parts, .msg_iovlen = 2 };

	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static struct sockaddr_in at_v4(const struct in6_addr *ip)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	memcpy(&at.sin_addr, &ip->s6_addr[12], 4);
	return at;
}

int inject_udp(int fd, const struct udp_addr *from, const struct udp_addr *to, const void *data, size_t len)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_addr = to->ip };
	struct sockaddr_in at4 = at_v4(&to->ip);
	struct v4_head head4;
	struct v6_head head6;

	if (v4 != IN6_IS_ADDR_V4MAPPED(&from->ip))
		return -EAFNOSUPPORT;
	if (len > UINT16_MAX - sizeof(head6))
		return -EMSGSIZE;
	if (v4) {
		fill_v4(&head4, from, to);
		fill_udp(&head4.udp, from, to, v4, data, len);
		return leave(fd, &at4, sizeof(at4), &head4, sizeof(head4), data, len);
	}
	fill_v6(&head6, from, to, len);
	fill_udp(&head6.udp, from, to, v4, data, len);
	return leave(fd, &at6, sizeof(at6), &head6, sizeof(head6), data, len);
}

static void finish_v4(struct v4_head *h, size_t len)
{
	uint32_t sum;

	h->ip.tot_len = htons((uint16_t)(sizeof(*h) + len));
	sum = add(0, &h->ip, sizeof(h->ip));
	sum = (sum & 0xffff) + (sum >> 16);
	h->ip.check = htons((uint16_t)~(sum + (sum >> 16)));
}

size_t inject_make(const struct udp_addr *from, const struct udp_addr *to, const void *data, size_t len, void *buf, size_t cap)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	size_t head = v4 ? sizeof(struct v4_head) : sizeof(struct v6_head);
	struct v4_head head4;
	struct v6_head head6;

	if (head > cap || len > cap - head)
		return 0;
	if (v4) {
		fill_v4(&head4, from, to);
		fill_udp(&head4.udp, from, to, v4, data, len);
		finish_v4(&head4, len);
	} else {
		fill_v6(&head6, from, to, len);
		fill_udp(&head6.udp, from, to, v4, data, len);
	}
	memcpy(buf, v4 ? (void *)&head4 : (void *)&head6, head);
	memcpy((uint8_t *)buf + head, data, len);
	return head + len;
}

/* ---- packets in packets -------------------------------------------------------------------------- */

/* Without a wish for path MTU discovery the kernel cuts. */
static int cuts(int fd, bool outer_v4)
{
	int dont4 = IP_PMTUDISC_DONT, dont6 = IPV6_PMTUDISC_DONT;

	if (outer_v4)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont4, sizeof(dont4)) ? -errno : 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &dont6, sizeof(dont6)) ? -errno : 0;
}

static int send_from(int fd, const struct in6_addr *from, const struct in6_addr *to, bool outer_v4, const void *packet, size_t len)
{
	struct sockaddr_in6 from6 = { .sin6_family = AF_INET6, .sin6_addr = *from }, to6 = { .sin6_family = AF_INET6, .sin6_addr = *to };
	struct sockaddr_in from4 = at_v4(from), to4 = at_v4(to);
	const void *to_at = outer_v4 ? (void *)&to4 : (void *)&to6, *from_at = outer_v4 ? (void *)&from4 : (void *)&from6;
	socklen_t at_len = outer_v4 ? sizeof(to4) : sizeof(to6);

	if (bind(fd, from_at, at_len))
		return -errno;
	return sendto(fd, packet, len, MSG_NOSIGNAL, to_at, at_len) < 0 ? -errno : 0;
}

/* A socket for each: one that stays would be handed every such packet that comes in. */
int inject_packet(const struct in6_addr *from, const struct in6_addr *to, bool v4, const void *packet, size_t len)
{
	bool outer_v4 = IN6_IS_ADDR_V4MAPPED(to);
	int fd, err;

	if (outer_v4 != IN6_IS_ADDR_V4MAPPED(from))
		return -EAFNOSUPPORT;
	fd = socket(outer_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, v4 ? IPPROTO_IPIP : IPPROTO_IPV6);
	if (fd < 0)
		return -errno;
	err = cuts(fd, outer_v4);
	if (!err)
		err = send_from(fd, from, to, outer_v4, packet, len);
	close(fd);
	return err;
}
