/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/procev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/thread.h"

#define KTHREADD_NET	"/proc/2/ns/net"	/* pid 2 never leaves the initial namespace; pid 1 may */
#define SIGNALS		32			/* the classic ones */
#define MESSAGE_MAX	256
#define EVENT_AT	(NLMSG_HDRLEN + sizeof(struct cn_msg))
#define AT(field)	(EVENT_AT + offsetof(struct proc_event, field))

/* Packed: cn_msg is 20 bytes long, so the event behind it is not aligned. */
struct order {
	struct nlmsghdr nl;
	struct cn_msg cn;
	__u32 op;
} __attribute__((packed));

/*
 * Pass: acknowledgements, core dumps, and the end of a process (not of a thread) by one of @signals. A filter's
 * loads are big-endian, so its constants are turned round.
 */
static int filter(int fd, uint64_t signals)
{
	struct sock_filter code[16 + SIGNALS] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(what)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_COREDUMP), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(event_data.exit.process_tgid)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(event_data.exit.process_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(event_data.exit.exit_code)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, htonl(0x7f)),
	};
	unsigned short at = 13, wanted = 0;
	struct sock_fprog prog = { .filter = code };

	for (int n = 1; n < SIGNALS; n++)
		wanted += !!(signals & PROCEV_SIGNAL(n));
	for (int n = 1, left = wanted; n < SIGNALS; n++)
		if (signals & PROCEV_SIGNAL(n))
			code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)n),
								  (uint8_t)left--, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	prog.len = at;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

/* The plain order, not the longer one of 6.6 that filters by kind: that one is not acknowledged. */
static int command(int fd, enum proc_cn_mcast_op op, uint32_t number)
{
	struct order o = {
		.nl = { .nlmsg_len = sizeof(o), .nlmsg_type = NLMSG_DONE },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .ack = number, .len = sizeof(o.op) },
		.op = op,
	};

	return send(fd, &o, sizeof(o), 0) < 0 ? -errno : 0;
}

/* One message of the kernel's: 1, its event and its number; 0: of somebody else, or of another kind; or -errno. */
static int take(int fd, struct proc_event *ret, uint32_t *ret_ack)
{
	char buf[MESSAGE_MAX];
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (void *)&from, &from_len);
	struct cn_msg cn;

	if (n < 0)
		return -errno;
	if (from_len < sizeof(from) || from.nl_pid || (size_t)n < EVENT_AT + sizeof(*ret))
		return 0;
	memcpy(&cn, buf + NLMSG_HDRLEN, sizeof(cn));
	if (cn.id.idx != CN_IDX_PROC || cn.id.val != CN_VAL_PROC || cn.len < sizeof(*ret))
		return 0;
	memcpy(ret, buf + EVENT_AT, sizeof(*ret));
	*ret_ack = cn.ack;
	return 1;
}

/* The kernel has answered when send() returns, or it never will: it does not for who is in another pid namespace. */
static int acknowledged(int fd, uint32_t number)
{
	struct proc_event ev;
	uint32_t ack = 0;
	int got;

	for (int i = 0; i < PROCEV_BATCH; i++) {
		got = take(fd, &ev, &ack);
		if (got == 1 && ev.what == PROC_EVENT_NONE && ack == number + 1)
			return -(int)ev.event_data.ack.err;
		if (got < 0 && got != -ENOBUFS)
			break;
	}
	return -EOPNOTSUPP;
}

static int listen_here(int *ret_fd, uint64_t signals)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	uint32_t number = (uint32_t)getpid() << 8;
	int err;

	if (fd < 0)
		return -errno;
	err = filter(fd, signals);
	if (!err && bind(fd, (void *)&at, sizeof(at)))
		err = -errno;
	if (!err)
		err = command(fd, PROC_CN_MCAST_LISTEN, number);
	if (!err)
		err = acknowledged(fd, number);
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

struct errand {
	uint64_t signals;
	int fd, err;
};

/* A thread of its own: setns() moves the one that calls it, and nobody comes back from there. */
static void *listen_there(void *arg)
{
	struct errand *e = arg;
	int ns = open(KTHREADD_NET, O_RDONLY | O_CLOEXEC);

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		e->err = -errno;
	else
		e->err = listen_here(&e->fd, e->signals);
	if (ns >= 0)
		close(ns);
	return NULL;
}

/* Refused: the kernel's end of the connector is not in this network namespace. */
int procev_open(int *ret_fd, uint64_t signals)
{
	struct errand e = { .signals = signals };
	pthread_t thread;
	int err = listen_here(ret_fd, signals);

	if (err != -ECONNREFUSED)
		return err;
	err = thread_start(&thread, "procev", 0, listen_there, &e, NULL);
	if (err)
		return err;
	pthread_join(thread, NULL);
	if (!e.err)
		*ret_fd = e.fd;
	return e.err;
}

/* Before 6.6 the kernel counts who has asked: whoever goes says so. */
void procev_close(int fd)
{
	(void)command(fd, PROC_CN_MCAST_IGNORE, 0);
	close(fd);
}

static bool read_event(const struct proc_event *ev, struct procev *ret)
{
	if (ev->what == PROC_EVENT_COREDUMP)
		*ret = (struct procev){
			PROCEV_DUMP, ev->event_data.coredump.process_tgid, ev->event_data.coredump.parent_tgid, 0,
		};
	else if (ev->what == PROC_EVENT_EXIT)
		*ret = (struct procev){
			PROCEV_END, ev->event_data.exit.process_tgid, ev->event_data.exit.parent_tgid,
			WTERMSIG(ev->event_data.exit.exit_code),
		};
	return ev->what == PROC_EVENT_COREDUMP || ev->what == PROC_EVENT_EXIT;
}

int procev_read(int fd, procev_fn *fn, void *arg)
{
	struct proc_event raw;
	struct procev ev;
	uint32_t ack;
	int got = 0;

	for (int i = 0; i < PROCEV_BATCH && got >= 0; i++) {
		got = take(fd, &raw, &ack);
		if (got == 1 && read_event(&raw, &ev))
			fn(arg, &ev);
	}
	return got >= 0 || got == -EAGAIN ? 0 : got;
}
