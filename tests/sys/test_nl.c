/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request, one answer, never for ever: also when somebody lies, floods, interrupts or keeps silent? */
#include "vip_lab.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "sys/clock.h"
#include "sys/nl.h"

#define REQ_BYTES 256

static struct nl nl;

static int fresh(void **state)
{
	(void)state;
	vp_lab_fresh();
	return nl_open(&nl, NETLINK_ROUTE, 0);
}

static int done(void **state)
{
	(void)state;
	nl_close(&nl);
	return 0;
}

/* A request to add 10.77.1.@last/@len to interface @ifindex. */
static struct nlmsghdr *new_address(void *buf, uint8_t last, uint8_t len, uint32_t ifindex)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(req, sizeof(*ifa));
	uint8_t ip[4] = { 10, 77, 1, last };

	req->nlmsg_type = RTM_NEWADDR;
	req->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = len;
	ifa->ifa_index = ifindex;
	mnl_attr_put(req, IFA_LOCAL, sizeof(ip), ip);
	mnl_attr_put(req, IFA_ADDRESS, sizeof(ip), ip);
	return req;
}

static uint32_t vp_a(void)
{
	return if_nametoindex("vp-a");
}

static void hands_up_error_and_words(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));

	(void)state;
	assert_int_equal(nl_ack(&nl, new_address(buf, 1, 32, vp_a())), 0);
	assert_string_equal(nl.why, "");
	assert_int_equal(nl_ack(&nl, new_address(buf, 1, 32, vp_a())), -EEXIST);
	assert_string_equal(nl.why, "ipv4: Address already assigned");
	assert_int_equal(nl_ack(&nl, new_address(buf, 2, 77, vp_a())), -EINVAL);
	assert_string_equal(nl.why, "ipv4: Invalid prefix length");
	assert_int_equal(nl_ack(&nl, new_address(buf, 2, 32, vp_a())), 0);
	assert_string_equal(nl.why, "");
}

/* A length below a header's is swallowed by the kernel without an answer. */
static void gives_up_at_the_deadline(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *req = new_address(buf, 1, 32, vp_a());
	uint64_t took_ns, t = clock_now_ns();

	(void)state;
	req->nlmsg_len = 8;
	assert_int_equal(nl_ack(&nl, req), -EAGAIN);
	took_ns = clock_now_ns() - t;
	if (took_ns < NL_DEADLINE_MS * NS_PER_MS || took_ns > NL_DEADLINE_MS * NS_PER_MS + 10 * NS_PER_S)
		fail_msg("gave up after %.1f ms", took_ns / 1e6);
	assert_int_equal(nl_ack(&nl, new_address(buf, 1, 32, vp_a())), 0);
}

struct results {
	uint32_t n;
	int err[64];
	char why[64][64];
};

static int on_result(void *arg, uint32_t i, int err)
{
	struct results *r = arg;

	if (i != r->n)
		fail_msg("result %u came as number %u", i, r->n);
	r->err[r->n] = err;
	snprintf(r->why[r->n++], sizeof(r->why[0]), "%.60s", nl.why);
	return err == -EEXIST ? 0 : err;
}

/* The same in one sendmsg and in slices of three. */
static void batch_tells_every_result_in_order(void **state)
{
	char buf[12 * REQ_BYTES] __attribute__((aligned(8)));
	struct results r;

	for (int slices = 0; slices < 2; slices++) {
		size_t len = 0;

		done(state);
		fresh(state);
		r = (struct results){ 0 };
		for (uint8_t i = 0; i < 10; i++) {	/* 2 repeats 1, 4 and 5 are refused */
			uint8_t prefix = i == 4 ? 99 : 32;

			len += new_address(buf + len, i == 2 ? 1 : i, prefix, i == 5 ? 9999 : vp_a())->nlmsg_len;
		}
		if (slices)
			nl.acks_max = 3;
		assert_int_equal(nl_batch(&nl, buf, len, 10, on_result, &r), -EINVAL);
		assert_string_equal(nl.why, "ipv4: Invalid prefix length");
		assert_int_equal(r.n, 10);
		for (int i = 0; i < 10; i++)
			assert_int_equal(r.err[i], i == 2 ? -EEXIST : i == 4 ? -EINVAL : i == 5 ? -ENODEV : 0);
		assert_string_equal(r.why[2], "ipv4: Address already assigned");
		assert_string_equal(r.why[3], "");
		vp_says("ip -4 addr show dev vp-a", "10.77.1.9/32");
	}
}

static void batch_refuses_a_wrong_count(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *req = new_address(buf, 1, 32, vp_a());

	(void)state;
	nl.acks_max = 1;
	assert_int_equal(nl_batch(&nl, req, req->nlmsg_len, 2, NULL, NULL), -EINVAL);
}

static struct nlmsghdr *get_addresses(void *buf)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);

	mnl_nlmsg_put_extra_header(req, sizeof(struct ifaddrmsg));
	req->nlmsg_type = RTM_GETADDR;
	return req;
}

static int stop_at_second(const struct nlmsghdr *nlh, void *arg)
{
	int *n = arg;

	(void)nlh;
	return ++*n == 2 ? -ENOTUNIQ : MNL_CB_OK;
}

static int count(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	++*(int *)arg;
	return MNL_CB_OK;
}

static void a_dump_ended_early_leaves_no_rest(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	int n = 0;

	(void)state;
	for (int i = 1; i < 250; i++)
		assert_int_equal(nl_ack(&nl, new_address(buf, (uint8_t)i, 32, vp_a())), 0);
	assert_int_equal(nl_dump(&nl, get_addresses(buf), stop_at_second, &n), -ENOTUNIQ);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(nl_dump(&nl, get_addresses(buf), count, &n), 0);
	assert_true(n >= 249 + 2);	/* with vp-a's own two */
}

static void a_dump_hands_up_the_kernels_refusal(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *req = get_addresses(buf);
	int n = 0;

	(void)state;
	((struct ifaddrmsg *)mnl_nlmsg_get_payload(req))->ifa_family = AF_INET;
	((struct ifaddrmsg *)mnl_nlmsg_get_payload(req))->ifa_prefixlen = 7;
	assert_int_equal(nl_dump(&nl, req, count, &n), -EINVAL);
	assert_string_equal(nl.why, "ipv4: Invalid values in header for address dump request");
}

/* What another process of root's may send: it looks like the kernel's in all but the sender. */
static void forge(uint32_t portid, uint16_t type, uint32_t seq)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = portid };
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *msg = new_address(buf, 1, 32, vp_a());
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	msg->nlmsg_type = type;
	msg->nlmsg_pid = portid;
	msg->nlmsg_seq = seq;
	if (sendto(fd, msg, msg->nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail_msg("forging: %s", strerror(errno));
	close(fd);
}

static void events_of_others_are_refused(void **state)
{
	struct nl events;
	int n = 0;

	(void)state;
	assert_int_equal(nl_open(&events, NETLINK_ROUTE, RTMGRP_IPV4_IFADDR), 0);
	forge(events.portid, RTM_NEWADDR, 0);
	assert_int_equal(nl_events(&events, count, &n), -EPERM);
	assert_int_equal(n, 0);
	forge(events.portid, RTM_NEWADDR, 0);
	vp_run("ip addr add 10.77.1.1/32 dev vp-a");
	assert_int_equal(nl_events(&events, count, &n), -EPERM);
	assert_int_equal(n, 1);		/* the true one behind it is not lost */
	assert_int_equal(nl_events(&events, count, &n), 0);
	nl_close(&events);
}

/* A forged acknowledgement: error 0 for the request that comes next. */
static void answers_of_others_are_refused(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));

	(void)state;
	forge(nl.portid, NLMSG_ERROR, nl.seq + 1);
	assert_int_equal(nl_ack(&nl, new_address(buf, 2, 77, vp_a())), -EINVAL);
	assert_string_equal(nl.why, "ipv4: Invalid prefix length");
}

static void lost_events_are_said(void **state)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	struct nl events;
	int n = 0, tiny = 2048;

	(void)state;
	assert_int_equal(nl_open(&events, NETLINK_ROUTE, RTMGRP_IPV4_IFADDR), 0);
	assert_int_equal(setsockopt(nl_fd(&events), SOL_SOCKET, SO_RCVBUFFORCE, &tiny, sizeof(tiny)), 0);
	for (int i = 1; i < 200; i++)
		assert_int_equal(nl_ack(&nl, new_address(buf, (uint8_t)i, 32, vp_a())), 0);
	assert_int_equal(nl_events(&events, count, &n), -ENOBUFS);
	if (n >= 199)
		fail_msg("all %d events fitted into %d bytes", n, tiny);
	n = 0;
	assert_int_equal(nl_events(&events, count, &n), 0);
	assert_int_equal(nl_ack(&nl, new_address(buf, 200, 32, vp_a())), 0);
	assert_int_equal(nl_events(&events, count, &n), 0);
	assert_int_equal(n, 1);
	nl_close(&events);
}

/* Acknowledgements that do not fit are an error, not a wait; slices keep it from happening. */
static void lost_acks_are_said(void **state)
{
	char buf[64 * REQ_BYTES] __attribute__((aligned(8)));
	int tiny = 2048;
	size_t len = 0;

	(void)state;
	assert_int_equal(setsockopt(nl_fd(&nl), SOL_SOCKET, SO_RCVBUFFORCE, &tiny, sizeof(tiny)), 0);
	for (uint8_t i = 0; i < 50; i++)
		len += new_address(buf + len, i, 32, vp_a())->nlmsg_len;
	assert_int_equal(nl_batch(&nl, buf, len, 50, NULL, NULL), -ENOBUFS);
	nl.acks_max = 2;
	assert_int_equal(nl_batch(&nl, buf, len, 50, NULL, NULL), -EEXIST);
}

/* The part that runs under strace: one address, one list. Exit code: errno of the first that failed. */
static int child(void)
{
	char buf[REQ_BYTES] __attribute__((aligned(8)));
	int n = 0, err;

	err = nl_open(&nl, NETLINK_ROUTE, 0);
	if (!err)
		err = nl_ack(&nl, new_address(buf, 77, 32, vp_a()));
	if (!err)
		err = nl_dump(&nl, get_addresses(buf), count, &n);
	return -err;
}

/* Row: what strace puts in, what must come out. */
static void survives_injected_faults(void **state)
{
	static const struct { const char *inject; int err; } rows[] = {
		{ "recvmsg:error=EINTR:when=1+2", 0 },
		{ "sendto:error=EINTR:when=1+2", 0 },
		{ "sendto:error=ENOBUFS:when=1", ENOBUFS },
		{ "sendto:error=ENOBUFS:when=2", ENOBUFS },
		{ "recvmsg:error=ENOBUFS:when=1", ENOBUFS },
		{ "recvmsg:error=ENOMEM:when=2", ENOMEM },
		{ "recvmsg:error=EAGAIN:when=1+2", 0 },
		{ "recvmsg:error=EAGAIN:when=1+1", EAGAIN },
		{ "socket:error=EMFILE:when=1", EMFILE },
		{ "bind:error=EADDRINUSE:when=1", EADDRINUSE },
		{ "setsockopt:error=EPERM", 0 },
	};
	char cmd[512], self[256] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;

		system("ip addr del 10.77.1.77/32 dev vp-a 2>/dev/null");
		snprintf(cmd, sizeof(cmd), "ASAN_OPTIONS=detect_leaks=0 timeout 5 strace -qq -o /dev/null -e trace=network "
			 "-e inject=%s %s child", rows[i].inject, self);
		status = system(cmd);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != rows[i].err)
			fail_msg("%s: status %#x, not errno %d", rows[i].inject, status, rows[i].err);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hands_up_error_and_words, fresh, done),
		cmocka_unit_test_setup_teardown(gives_up_at_the_deadline, fresh, done),
		cmocka_unit_test_setup_teardown(batch_tells_every_result_in_order, fresh, done),
		cmocka_unit_test_setup_teardown(batch_refuses_a_wrong_count, fresh, done),
		cmocka_unit_test_setup_teardown(a_dump_ended_early_leaves_no_rest, fresh, done),
		cmocka_unit_test_setup_teardown(a_dump_hands_up_the_kernels_refusal, fresh, done),
		cmocka_unit_test_setup_teardown(events_of_others_are_refused, fresh, done),
		cmocka_unit_test_setup_teardown(answers_of_others_are_refused, fresh, done),
		cmocka_unit_test_setup_teardown(lost_events_are_said, fresh, done),
		cmocka_unit_test_setup_teardown(lost_acks_are_said, fresh, done),
		cmocka_unit_test_setup_teardown(survives_injected_faults, fresh, done),
	};

	if (argc == 2 && !strcmp(argv[1], "child"))
		return child();
	return cmocka_run_group_tests_name("nl", tests, NULL, NULL);
}
