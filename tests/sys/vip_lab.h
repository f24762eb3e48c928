/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_lab: two fresh network namespaces joined by a veth, for tests of addresses and announcements.
 *
 *	this process: vp-a 10.77.0.1/24 fd00:77::1/64  <--->  peer: vp-b 10.77.0.2/24 fd00:77::2/64
 *
 * The namespaces have no name: they end with the process, whatever becomes of it.
 */
#ifndef VIP_LAB_H
#define VIP_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>

#include "sys/raw.h"
#include "core/conf.h"
#include "ha/vip.h"

static int vp_here = -1, vp_there = -1;

static inline void vp_run(const char *cmd)
{
	int status = system(cmd);

	if (status)
		fail_msg("'%s' ended with %d", cmd, status);
}

static inline void vp_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		fail_msg("setns: %s", strerror(errno));
}

static inline void vp_peer_run(const char *cmd)
{
	vp_enter(vp_there);
	vp_run(cmd);
	vp_enter(vp_here);
}

static inline int vp_new_ns(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		fail_msg("unshare: %s (run as root)", strerror(errno));
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

static inline void vp_lab_fresh(void)
{
	char cmd[256];

	if (vp_here >= 0)
		close(vp_here);
	if (vp_there >= 0)
		close(vp_there);
	vp_there = vp_new_ns();
	vp_here = vp_new_ns();
	snprintf(cmd, sizeof(cmd), "ip link add vp-a type veth peer name vp-b netns /proc/%d/fd/%d",
		 getpid(), vp_there);
	vp_run(cmd);
	vp_peer_run("ip addr add 10.77.0.2/24 dev vp-b && "
		    "ip addr add fd00:77::2/64 dev vp-b nodad && ip link set vp-b up");
	vp_run("ip link set lo up && ip addr add 10.77.0.1/24 dev vp-a && "
	       "ip addr add fd00:77::1/64 dev vp-a nodad && ip link set vp-a up");
}

static inline struct in6_addr vp_ip(const char *text)
{
	struct in6_addr ip;
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	if (inet_pton(AF_INET6, mapped, &ip) != 1)
		fail_msg("'%s' is no address", text);
	return ip;
}

static inline struct vip vp_vip(const char *text, const char *dev)
{
	return (struct vip){ .ip = vp_ip(text), .ifindex = if_nametoindex(dev) };
}

static inline void vp_output(const char *cmd, char *buf, size_t len)
{
	FILE *f = popen(cmd, "r");
	size_t n;

	if (!f)
		fail_msg("'%s': %s", cmd, strerror(errno));
	n = fread(buf, 1, len - 1, f);
	buf[n] = '\0';
	pclose(f);
}

static inline void vp_says(const char *cmd, const char *words)
{
	char out[8192];

	vp_output(cmd, out, sizeof(out));
	if (!strstr(out, words))
		fail_msg("'%s' does not say '%s' but:\n%s", cmd, words, out);
}

static inline void vp_says_not(const char *cmd, const char *words)
{
	char out[8192];

	vp_output(cmd, out, sizeof(out));
	if (strstr(out, words))
		fail_msg("'%s' says '%s':\n%s", cmd, words, out);
}

/* Descriptor, or negative errno. */
static inline int vp_bind_udp(const char *ip, uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = vp_ip(ip), .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Has @fd something to read within @ms, and does it go back to who sent it? */
static inline bool vp_serve(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char buf[64];
	ssize_t n;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
	return n > 0 && sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len) == n;
}

/*
 * The peer sends a datagram to @ip:@port, which @fd serves here, and waits for the answer. Either it
 * is told our MAC beforehand (@told), or it has to ask by ARP.
 */
static inline bool vp_peer_asks(int fd, const char *ip, uint16_t port, bool told)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = vp_ip(ip), .sin6_port = htons(port) };
	char cmd[256], mac[32];
	struct pollfd pfd;
	bool answered;

	vp_output("ip -br link show vp-a | awk '{printf \"%s\", $3}'", mac, sizeof(mac));
	if (told)
		snprintf(cmd, sizeof(cmd), "ip neigh replace %s dev vp-b lladdr %s", ip, mac);
	else
		snprintf(cmd, sizeof(cmd), "ip neigh flush to %s dev vp-b nud all", ip);
	vp_peer_run(cmd);
	vp_enter(vp_there);
	pfd = (struct pollfd){ .fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN };
	vp_enter(vp_here);
	if (sendto(pfd.fd, "ask", 3, 0, (struct sockaddr *)&to, sizeof(to)) != 3)
		fail_msg("the peer could not send to %s: %s", ip, strerror(errno));
	answered = false;
	while (!answered && vp_serve(fd, 300))	/* a datagram of an earlier try may have waited for its ARP */
		answered = poll(&pfd, 1, 100) == 1;
	close(pfd.fd);
	return answered;
}

/* The kernel opens the queue of a link that came up within a second. */
static inline void vp_lab_wait_link(void)
{
	uint32_t ifindex = if_nametoindex("vp-a");
	int fd = raw_open();

	for (int i = 0; i < 300 && !raw_link_up(fd, ifindex); i++)
		usleep(10000);
	assert_true(raw_link_up(fd, ifindex));
	close(fd);
}

#endif
