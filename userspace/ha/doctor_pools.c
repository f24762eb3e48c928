/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_pools: do clients find this node, and does it find the servers? */
#include "ha/doctor_own.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>

#include "steer/steer.h"
#include "sys/sysctl.h"

#define TUNNEL4	20	/* bytes that ipip puts before a packet, */
#define TUNNEL6	40	/* and over IPv6 */
#define ETHERNET_MTU	1500

static void say_server(const struct rows *r, const struct steer_view *v, const struct steer_server_view *s)
{
	bool tunnel = !strcmp(v->forward, "ipip");
	uint32_t head = conf_is_v4(&s->at.ip) ? TUNNEL4 : TUNNEL6;
	char text[HA_TEXT];

	if (!s->ifindex) {
		snprintf(text, sizeof(text), "%s: server %s cannot be reached: %.80s", v->name, s->host, s->way);
		doctor_say(r, "bad", "way", text, "ip route get its address; arping it from here; is that host up?");
	} else if (tunnel && s->mtu < ETHERNET_MTU + head) {
		snprintf(text, sizeof(text), "%s: the way to %s takes %u bytes: packets above %u are cut, or their senders told", v->name,
			 s->host, s->mtu, s->mtu - head);
		doctor_say(r, "warn", "way", text, "an MTU of 1540 and more between node and servers, where the network can");
	} else {
		snprintf(text, sizeof(text), "%s: server %s is reached, %s", v->name, s->host, s->state);
		doctor_say(r, strcmp(s->state, "silent") ? "ok" : "warn", "way", text, strcmp(s->state, "silent") ? "" :
			   "it answers no OPTIONS: does its SIP server run, and take requests at that address?");
	}
}

void doctor_pools(struct ha *ha, const struct rows *r)
{
	struct steer_view v;

	for (uint32_t i = 0; i < steer_pools(ha->steer); i++) {
		if (steer_view(ha->steer, i, &v))
			continue;
		for (int k = 0; k < BT_SERVERS; k++)
			say_server(r, &v, &v.server[k]);
	}
}

static bool same_ip(const struct sockaddr *sa, const struct in6_addr *ip)
{
	if (!sa)
		return false;
	if (sa->sa_family == AF_INET)
		return conf_is_v4(ip) && !memcmp(&((const struct sockaddr_in *)sa)->sin_addr, &ip->s6_addr[12], 4);
	return sa->sa_family == AF_INET6 && !memcmp(&((const struct sockaddr_in6 *)sa)->sin6_addr, ip, sizeof(*ip));
}

static void say_service(const struct rows *r, const struct exam_service *s, const struct ifaddrs *list)
{
	char text[HA_TEXT], ip[INET6_ADDRSTRLEN];
	const struct ifaddrs *at = list;

	while (at && !same_ip(at->ifa_addr, &s->ip))
		at = at->ifa_next;
	snprintf(text, sizeof(text), "%s: %s is %s%s", s->pool, conf_ip_text(&s->ip, ip), at ? "on " : "not on this host",
		 at ? at->ifa_name : "");
	if (!at)
		doctor_say(r, "bad", "service", text, "add the address to the interface its clients come in by, or make it a VIP of a [group] "
			   "with mode = proxy; a router that leads it here will do too");
	else if (at->ifa_flags & IFF_LOOPBACK)
		doctor_say(r, "warn", "service", text, "an address on lo is reached by a route to this host alone: where clients ask by ARP it "
			   "belongs on their interface");
	else
		doctor_say(r, "ok", "service", text, "");
}

void exam_services(const struct exam_in *in, const struct rows *r)
{
	struct ifaddrs *list = NULL;

	if (!in->n_services || getifaddrs(&list))
		return;
	for (uint32_t i = 0; i < in->n_services; i++)
		say_service(r, &in->service[i], list);
	freeifaddrs(list);
}

static void say_forwarding(const struct rows *r, const char *path, const char *name)
{
	char text[HA_TEXT], fix[HA_TEXT];
	int on = 0;

	(void)sysctl_read(path, &on);
	snprintf(text, sizeof(text), "forward = nat, and %s is %d", name, on);
	snprintf(fix, sizeof(fix), "sysctl -w %s=1: this host's routing tells XDP where its clients are", name);
	doctor_say(r, on ? "ok" : "bad", "forwarding", text, on ? "" : fix);
}

/* On any interface: which one servers come in by is their routing's affair. */
static bool accepts_local(void)
{
	struct if_nameindex *list = if_nameindex();
	char path[64 + IF_NAMESIZE];
	int on = 0;

	(void)sysctl_read("net/ipv4/conf/all/accept_local", &on);
	for (struct if_nameindex *i = list; !on && i && i->if_index; i++) {
		snprintf(path, sizeof(path), "net/ipv4/conf/%s/accept_local", i->if_name);
		(void)sysctl_read(path, &on);
	}
	if (list)
		if_freenameindex(list);
	return on;
}

/* kernel-notes/xdp-forward */
static void say_local(const struct rows *r)
{
	bool on = accepts_local();

	doctor_say(r, on ? "ok" : "bad", "forwarding", on ? "forward = nat, and this host forwards what bears its own address" :
		   "forward = nat, and no interface has accept_local: the kernel drops answers to clients whose Ethernet address is not known",
		   on ? "" : "sysctl -w net.ipv4.conf.IF.accept_local=1 where the servers come in, and rp_filter 0 or 2");
}

void exam_forwarding(const struct exam_in *in, const struct rows *r)
{
	if (in->nat4)
		say_forwarding(r, "net/ipv4/ip_forward", "net.ipv4.ip_forward");
	if (in->nat4)
		say_local(r);
	if (in->nat6)
		say_forwarding(r, "net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding");
}
