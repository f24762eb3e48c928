/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define GROUP(n)	(1u << ((n) - 1))
#define GROUPS		(GROUP(SKNLGRP_INET_TCP_DESTROY) | GROUP(SKNLGRP_INET_UDP_DESTROY) | \
			 GROUP(SKNLGRP_INET6_TCP_DESTROY) | GROUP(SKNLGRP_INET6_UDP_DESTROY))

#define SPORT_AT	(NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_sport))
#define DPORT_AT	(NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_dport))

int diag_open(struct nl *nl)
{
	return nl_open(nl, NETLINK_SOCK_DIAG, 0);
}

/*
 * Ours is the destination for UDP and the source for TCP: "swapped for historical reasons"
 * (net/ipv4/udp_diag.c).
 */
static void fill_id(struct inet_diag_sockid *id, const struct diag_at *at)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&at->ip), udp = at->proto == IPPROTO_UDP;
	__be32 *ip = udp ? id->idiag_dst : id->idiag_src;

	memcpy(ip, &at->ip.s6_addr[v4 ? 12 : 0], v4 ? 4 : 16);
	*(udp ? &id->idiag_dport : &id->idiag_sport) = htons(at->port);
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* The found socket comes before the acknowledgement; that there is one is all we ask. */
int diag_there(struct nl *nl, const struct diag_at *at)
{
	char buf[256];
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *ask = mnl_nlmsg_put_extra_header(req, sizeof(*ask));

	req->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	ask->sdiag_family = IN6_IS_ADDR_V4MAPPED(&at->ip) ? AF_INET : AF_INET6;
	ask->sdiag_protocol = at->proto;
	ask->idiag_states = ~0u;
	fill_id(&ask->id, at);
	return nl_ack(nl, req);
}

/* Pass if not connected and the port is one of ours: a busy host's closing calls must not wake us. */
static int filter_ports(int fd, const uint16_t *ports, uint32_t n)
{
	struct sock_filter code[DIAG_PORTS_MAX + 5];	/* jumps count the instructions to skip */
	struct sock_fprog prog = { .filter = code };
	uint32_t at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, DPORT_AT);
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, (uint8_t)(n + 1));
	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SPORT_AT);
	for (uint32_t i = 0; i < n; i++)
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i],
							  (uint8_t)(n - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	prog.len = (unsigned short)at;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

int diag_events_open(struct nl *nl, const uint16_t *ports, uint32_t n)
{
	int err;

	if (n > DIAG_PORTS_MAX)
		return -E2BIG;
	err = nl_open(nl, NETLINK_SOCK_DIAG, GROUPS);
	if (err)
		return err;
	err = filter_ports(nl_fd(nl), ports, n);
	if (err)
		nl_close(nl);
	return err;
}

struct told {
	diag_ended_fn *fn;
	void *arg;
};

static struct in6_addr local_of(const struct inet_diag_msg *m)
{
	struct in6_addr ip = { 0 };

	if (m->idiag_family == AF_INET6) {
		memcpy(&ip, m->id.idiag_src, sizeof(ip));
	} else if (m->id.idiag_src[0]) {
		ip.s6_addr[10] = ip.s6_addr[11] = 0xff;
		memcpy(&ip.s6_addr[12], m->id.idiag_src, 4);
	}
	return ip;
}

static int on_ended(const struct nlmsghdr *msg, void *arg)
{
	const struct told *told = arg;
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr;
	struct diag_at at = { 0 };

	if (msg->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(msg) < sizeof(*m) ||
	    m->id.idiag_dport)
		return MNL_CB_OK;
	at.ip = local_of(m);
	at.port = ntohs(m->id.idiag_sport);
	mnl_attr_for_each(attr, msg, sizeof(*m))
		if (mnl_attr_get_type(attr) == INET_DIAG_PROTOCOL &&
		    mnl_attr_get_payload_len(attr) == 1)
			at.proto = mnl_attr_get_u8(attr);
	told->fn(told->arg, &at);
	return MNL_CB_OK;
}

int diag_events(struct nl *nl, diag_ended_fn *ended, void *arg)
{
	struct told told = { .fn = ended, .arg = arg };

	return nl_events(nl, on_ended, &told);
}

/* ---- ending connections ------------------------------------------------------------------------- */

#define END_MAX		256	/* in one round: there is another as long as one is full */
#define ROUNDS_MAX	256
#define STATE(s)	(1u << (s))
#define CONNECTED	(STATE(TCP_ESTABLISHED) | STATE(TCP_SYN_SENT) | STATE(TCP_SYN_RECV) | STATE(TCP_FIN_WAIT1) | \
			 STATE(TCP_FIN_WAIT2) | STATE(TCP_CLOSE_WAIT) | STATE(TCP_LAST_ACK) | STATE(TCP_CLOSING))

struct ending {
	diag_ours_fn *ours;
	void *arg;
	struct inet_diag_sockid id[END_MAX];
	uint32_t n;
};

static int on_connection(const struct nlmsghdr *msg, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(msg);
	struct ending *e = arg;
	struct in6_addr local;

	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*m) || e->n == END_MAX)
		return MNL_CB_OK;
	local = local_of(m);
	if (e->ours(e->arg, &local))
		e->id[e->n++] = m->id;
	return MNL_CB_OK;
}

static struct nlmsghdr *put_request(char *buf, uint16_t type, uint8_t family, struct inet_diag_req_v2 **ret_ask)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);

	req->nlmsg_type = type;
	*ret_ask = mnl_nlmsg_put_extra_header(req, sizeof(**ret_ask));
	(*ret_ask)->sdiag_family = family;
	(*ret_ask)->sdiag_protocol = IPPROTO_TCP;
	(*ret_ask)->idiag_states = CONNECTED;
	return req;
}

static int end_one(struct nl *nl, uint8_t family, const struct inet_diag_sockid *id)
{
	struct inet_diag_req_v2 *ask;
	char buf[256];
	struct nlmsghdr *req = put_request(buf, SOCK_DESTROY, family, &ask);

	ask->id = *id;
	return nl_ack(nl, req);
}

/* Gone by itself meanwhile: well, too. */
static int end_family(struct nl *nl, uint8_t family, struct ending *e, uint32_t *ended)
{
	struct inet_diag_req_v2 *ask;
	char buf[256];
	int err;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		e->n = 0;
		err = nl_dump(nl, put_request(buf, SOCK_DIAG_BY_FAMILY, family, &ask), on_connection, e);
		for (uint32_t i = 0; i < e->n && (!err || err == -EINTR); i++) {
			err = end_one(nl, family, &e->id[i]);
			*ended += !err;
			err = err == -ENOENT ? 0 : err;
		}
		if (err || e->n < END_MAX)
			return err;
	}
	return -E2BIG;
}

int diag_end_tcp(struct nl *nl, diag_ours_fn *ours, void *arg, uint32_t *ret_ended)
{
	struct ending e = { .ours = ours, .arg = arg };
	int err, err6;

	*ret_ended = 0;
	err = end_family(nl, AF_INET, &e, ret_ended);
	err6 = end_family(nl, AF_INET6, &e, ret_ended);
	return err ? err : err6;
}

/* Port 0 is nobody's: whoever can end connections says that there is none. */
int diag_can_end(struct nl *nl)
{
	struct inet_diag_sockid nobody = { .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };

	nobody.idiag_src[0] = nobody.idiag_dst[0] = htonl(INADDR_LOOPBACK);
	return end_one(nl, AF_INET, &nobody) == -EOPNOTSUPP ? -EOPNOTSUPP : 0;
}
