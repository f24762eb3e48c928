/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/who_has.h"

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <unistd.h>

#include "core/arp_msg.h"
#include "core/conf.h"
#include "sys/raw.h"

#define READS	16	/* answers looked at; one says it all */

/* Four bytes of an address as filters compare them: in host order. */
static uint32_t word_of(const struct in6_addr *ip, int i)
{
	__be32 word;

	memcpy(&word, &ip->s6_addr[4 * i], sizeof(word));
	return ntohl(word);
}

/* Go on only if what stands behind the Ethernet header at @at is @value; else @skip instructions on. */
#define UNLESS(size, at, value, skip) \
	BPF_STMT(BPF_LD | (size) | BPF_ABS, ETH_HLEN + (at)), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

/* ARP for IPv4, question or answer, whose sender has the address. */
static int listen_v4(const struct who_has *w)
{
	struct sock_filter code[] = {
		UNLESS(BPF_H, 2, ETH_P_IP, 3),
		UNLESS(BPF_W, 14, word_of(&w->ip, 3), 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return raw_listen(w->ifindex, ETH_P_ARP, code, sizeof(code) / sizeof(code[0]));
}

/* Neighbour advertisements of the address that no router has sent on. */
static int listen_v6(const struct who_has *w)
{
	struct sock_filter code[] = {
		UNLESS(BPF_B, 6, IPPROTO_ICMPV6, 13),
		UNLESS(BPF_B, 7, 255, 11),
		UNLESS(BPF_B, 40, ARP_MSG_NA, 9),
		UNLESS(BPF_W, 48, word_of(&w->ip, 0), 7),
		UNLESS(BPF_W, 52, word_of(&w->ip, 1), 5),
		UNLESS(BPF_W, 56, word_of(&w->ip, 2), 3),
		UNLESS(BPF_W, 60, word_of(&w->ip, 3), 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return raw_listen(w->ifindex, ETH_P_IPV6, code, sizeof(code) / sizeof(code[0]));
}

int who_has_open(struct who_has *w, const struct in6_addr *ip, uint32_t ifindex)
{
	*w = (struct who_has){ .ip = *ip, .ifindex = ifindex };
	w->fd = conf_is_v4(ip) ? listen_v4(w) : listen_v6(w);
	return w->fd < 0 ? w->fd : 0;
}

void who_has_close(struct who_has *w)
{
	close(w->fd);
}

int who_has_ask(const struct who_has *w)
{
	uint8_t buf[ARP_MSG_MAX], mac[6];
	struct iovec frame = { .iov_base = buf };
	struct in_addr v4;
	int err;

	if (!raw_link_up(w->fd, w->ifindex))
		return -ENETDOWN;
	err = raw_mac(w->fd, w->ifindex, mac);
	if (err)
		return err;
	memcpy(&v4, &w->ip.s6_addr[12], sizeof(v4));
	frame.iov_len = conf_is_v4(&w->ip) ? arp_msg_probe(buf, mac, v4) : arp_msg_solicit(buf, mac, &w->ip);
	err = raw_send(w->fd, w->ifindex, &frame, 1);
	return err < 0 ? err : 0;
}

bool who_has_heard(const struct who_has *w)
{
	return raw_heard(w->fd, READS);
}
