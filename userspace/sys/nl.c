/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/nl.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "sys/clock.h"

#define RECV_BYTES	32768	/* the largest datagram that a dump makes */
#define BUFFER_BYTES	(4 << 20)
#define ACK_COST	2048	/* of the receive buffer; an sk_buff with a few words, generously */
#define EVENTS_MAX	256	/* datagrams in one nl_events(); the rest waits for the next */

/* What one walk over the answers is looking for. */
struct wanted {
	uint32_t seq, n;	/* sequence numbers seq .. seq + n - 1 are ours */
	uint32_t done;		/* acknowledged so far */
	int err;
	char why[sizeof(((struct nl *)0)->why)];	/* of err */
	nl_result_fn *result;
	mnl_cb_t each;
	void *arg;
	bool torn;		/* a dump that changed while it was read */
};

static void set_option(int fd, int level, int option, int value)
{
	/* Every one is a comfort: older kernels and fewer rights do without. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_options(struct nl *nl)
{
	int fd = nl_fd(nl), bytes = 0;
	socklen_t len = sizeof(bytes);

	set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);	/* as far as allowed ... */
	set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);	/* ... and beyond */
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);
	(void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len);
	nl->acks_max = bytes > ACK_COST ? (uint32_t)bytes / ACK_COST : 1;
}

int nl_open(struct nl *nl, int bus, unsigned groups)
{
	int err;

	*nl = (struct nl){ .sock = mnl_socket_open2(bus, SOCK_CLOEXEC) };
	if (!nl->sock)
		return -errno;
	set_options(nl);
	if (mnl_socket_bind(nl->sock, groups, MNL_SOCKET_AUTOPID)) {
		err = -errno;
		nl_close(nl);
		return err;
	}
	nl->portid = mnl_socket_get_portid(nl->sock);
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

static int send_all(struct nl *nl, const void *msgs, size_t len)
{
	ssize_t n;

	do
		n = mnl_socket_sendto(nl->sock, msgs, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One datagram. -EAGAIN: none waits; -EPERM: one that the kernel did not send, thrown away. */
static ssize_t receive(struct nl *nl, void *buf, size_t len)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t n;

	do
		n = recvmsg(nl_fd(nl), &msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return -EPERM;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int wait_until(struct nl *nl, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = nl_fd(nl), .events = POLLIN };
	uint64_t now;
	int n;

	do {
		now = clock_now_ns();
		if (now >= deadline_ns)
			return -EAGAIN;
		n = poll(&pfd, 1, (int)((deadline_ns - now) / NS_PER_MS) + 1);
	} while (!n || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* The kernel's words in the attributes from @off on, behind an error number. */
static void keep_words(struct nl *nl, const struct nlmsghdr *nlh, size_t off)
{
	const struct nlattr *attr;

	nl->why[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || mnl_nlmsg_get_payload_len(nlh) < off)
		return;
	mnl_attr_for_each(attr, nlh, off) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		snprintf(nl->why, sizeof(nl->why), "%s", mnl_attr_get_str(attr));
	}
}

static void keep_error(struct nl *nl, struct wanted *w, int err)
{
	if (!err || w->err)
		return;
	w->err = err;
	memcpy(w->why, nl->why, sizeof(w->why));
}

static void on_ack(struct nl *nl, struct wanted *w, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	int err;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return;
	err = e->error;
	/* An error brings the whole request back, unless the kernel was told to cap it. */
	keep_words(nl, nlh, nlh->nlmsg_flags & NLM_F_CAPPED || !err ? sizeof(*e) :
		   sizeof(*e) + MNL_ALIGN(e->msg.nlmsg_len) - MNL_NLMSG_HDRLEN);
	if (w->result)
		err = w->result(w->arg, nlh->nlmsg_seq - w->seq, err);
	keep_error(nl, w, err);
	w->done++;
}

static void on_dump_end(struct nl *nl, struct wanted *w, const struct nlmsghdr *nlh)
{
	int err = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	keep_words(nl, nlh, sizeof(err));
	keep_error(nl, w, err < 0 ? err : 0);
	w->done++;
}

/* After an error or a stop the rest of a dump is still read: the next request would find it. */
static void on_data(struct nl *nl, struct wanted *w, const struct nlmsghdr *nlh)
{
	int r;

	if (!w->each)
		return;
	r = w->each(nlh, w->arg);
	if (r > MNL_CB_STOP)
		return;
	w->each = NULL;
	nl->why[0] = '\0';
	keep_error(nl, w, r);
}

static void walk(struct nl *nl, struct wanted *w, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_pid != nl->portid || nlh->nlmsg_seq - w->seq >= w->n)
			continue;	/* the late answer to an earlier request */
		w->torn |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			on_ack(nl, w, nlh);
		else if (nlh->nlmsg_type == NLMSG_DONE)
			on_dump_end(nl, w, nlh);
		else
			on_data(nl, w, nlh);
	}
}

/*
 * After an overrun the kernel drops in silence until we have read everything (netlink_overrun()):
 * leave no rest, or the next answer is lost too and nobody says so.
 */
static void drain(struct nl *nl, void *buf, size_t len)
{
	for (uint32_t i = 0; i <= nl->acks_max; i++)
		if (receive(nl, buf, len) == -EAGAIN)
			return;
}

/* Until all @w->n are acknowledged; what others sent us is ignored. */
static int collect(struct nl *nl, struct wanted *w)
{
	uint64_t deadline_ns = clock_now_ns() + NL_DEADLINE_MS * NS_PER_MS;
	static _Thread_local char buf[RECV_BYTES] __attribute__((aligned(8)));
	ssize_t n;
	int err;

	while (w->done < w->n) {
		n = receive(nl, buf, sizeof(buf));
		if (n == -ENOBUFS)
			drain(nl, buf, sizeof(buf));
		if (n >= 0)
			walk(nl, w, buf, (size_t)n);
		else if (n != -EAGAIN && n != -EPERM)
			return (int)n;
		else if ((err = wait_until(nl, deadline_ns)))
			return err;
		if (clock_now_ns() >= deadline_ns && w->done < w->n)
			return -EAGAIN;	/* others keep us busy */
	}
	return w->err;
}

static int ask(struct nl *nl, struct wanted *w, const void *msgs, size_t len)
{
	int err;

	err = send_all(nl, msgs, len);
	if (!err)
		err = collect(nl, w);
	snprintf(nl->why, sizeof(nl->why), "%s", err == w->err ? w->why : "");
	return err;
}

int nl_ack(struct nl *nl, struct nlmsghdr *req)
{
	struct wanted w = { .seq = ++nl->seq, .n = 1 };

	req->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	req->nlmsg_seq = w.seq;
	return ask(nl, &w, req, req->nlmsg_len);
}

int nl_get(struct nl *nl, struct nlmsghdr *req, mnl_cb_t each, void *arg)
{
	struct wanted w = { .seq = ++nl->seq, .n = 1, .each = each, .arg = arg };

	req->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	req->nlmsg_seq = w.seq;
	return ask(nl, &w, req, req->nlmsg_len);
}

int nl_dump(struct nl *nl, struct nlmsghdr *req, mnl_cb_t each, void *arg)
{
	struct wanted w = { .seq = ++nl->seq, .n = 1, .each = each, .arg = arg };
	int err;

	req->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	req->nlmsg_seq = w.seq;
	err = ask(nl, &w, req, req->nlmsg_len);
	return err ? err : w.torn ? -EINTR : 0;
}

/* Number up to @max requests from @msg on; returns how many, their bytes in @len. */
static uint32_t number(struct nl *nl, struct nlmsghdr *msg, uint32_t max, size_t *len)
{
	uint32_t n = 0;
	int left = (int)*len;

	for (; n < max && mnl_nlmsg_ok(msg, left); n++) {
		msg->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
		msg->nlmsg_seq = ++nl->seq;
		msg = mnl_nlmsg_next(msg, &left);
	}
	*len -= (size_t)left;
	return n;
}

struct slice {
	nl_result_fn *each;
	void *arg;
	uint32_t first;
};

static int slice_result(void *arg, uint32_t i, int err)
{
	struct slice *s = arg;

	return s->each ? s->each(s->arg, s->first + i, err) : err;
}

int nl_batch(struct nl *nl, void *msgs, size_t len, uint32_t n, nl_result_fn *each, void *arg)
{
	struct slice s = { .each = each, .arg = arg };
	struct wanted w = { .result = slice_result, .arg = &s };
	char *at = msgs;
	size_t bytes;
	int err = 0;

	for (; s.first < n; s.first += w.n, at += bytes, len -= bytes) {
		uint32_t left = n - s.first;

		bytes = len;
		w.seq = nl->seq + 1;
		w.n = number(nl, (void *)at, left < nl->acks_max ? left : nl->acks_max, &bytes);
		w.done = 0;
		if (!w.n)
			return -EINVAL;	/* @n says more than @len holds */
		err = ask(nl, &w, at, bytes);
		if (w.done < w.n)	/* not answered: what comes behind it would not be either */
			return err;
	}
	return err;
}

static int run_each(const void *buf, size_t len, mnl_cb_t each, void *arg)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len, r;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		r = each(nlh, arg);
		if (r <= MNL_CB_STOP)
			return r;
	}
	return MNL_CB_OK;
}

int nl_events(struct nl *nl, mnl_cb_t each, void *arg)
{
	static _Thread_local char buf[RECV_BYTES] __attribute__((aligned(8)));
	int err = 0;
	ssize_t n;

	nl->why[0] = '\0';
	for (int i = 0; i < EVENTS_MAX; i++) {
		n = receive(nl, buf, sizeof(buf));
		if (n == -EAGAIN)
			break;
		if (n == -ENOBUFS || n == -EMSGSIZE)
			err = -ENOBUFS;	/* graver than anything else: keep it, read on */
		else if (n == -EPERM)
			err = err ? err : -EPERM;
		else if (n < 0)
			return (int)n;
		else if ((n = run_each(buf, (size_t)n, each, arg)) < 0)
			err = err == -ENOBUFS ? err : (int)n;
	}
	return err;
}
