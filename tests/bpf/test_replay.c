// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_replay: which requests and which answers are kept for a replay, in which order, and who is believed?
 */
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/mark.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4 "10.77.0.50"
#define CLIENT6 "fd00::50"
#define OPTIONS "OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define ANSWER "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define LOOPBACK 1		/* test runs arrive there */
#define ANSWERED 0x4254414eu	/* the first word of an answer's control block when it was judged, */
#define COPY	0x42545243u	/* and of a receipt's: receipt.h */
#define MARK	0x123456789a02ULL

static const uint8_t peer_mac[6] = { 0, 0x16, 0x3e, 0, 0, 2 };
static struct bt_replay entry;

static void set(const char *map, uint32_t i, const void *value)
{
	CHECK(!bpf_map_update_elem(rig_map(map), &i, value, BPF_ANY), "%s: %s", map, strerror(errno));
}

static struct bt_replay_at at(void)
{
	struct bt_replay_at at;
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(rig_map("st_replay_at"), &zero, &at), "st_replay_at");
	return at;
}

static const struct bt_replay *slot(uint32_t i)
{
	CHECK(!bpf_map_lookup_elem(rig_map("st_replay"), &i, &entry), "st_replay");
	return &entry;
}

static void set_vip(const char *map, const char *text, uint32_t group, uint32_t index, uint32_t flags)
{
	struct bt_vip vip = { .group = group, .index = index, .flags = flags, .mac = { 3, 0, 0, 0, 0, 1 } };
	struct in6_addr ip;

	packet_ip(text, &ip);
	CHECK(!bpf_map_update_elem(rig_map(map), strchr(text, ':') ? ip.s6_addr : ip.s6_addr + 12, &vip, BPF_ANY), "%s", text);
}

static void set_flags(uint32_t group, uint32_t flags)
{
	struct bt_group g;

	CHECK(!bpf_map_lookup_elem(rig_map("cfg_group"), &group, &g), "cfg_group");
	g.flags = flags;
	set("cfg_group", group, &g);
}

/* A cluster of both groups, armed at the peer's number; @slots of the ring. */
static void fresh(uint32_t slots, uint64_t window_ns)
{
	struct bt_replay_own own = { .slots = slots, .window_ns = window_ns };
	struct bt_replay_at zero = {};
	struct bt_receipt none = {};

	rig_reset();
	set("cfg_replay", 0, &own);
	set("st_replay_at", 0, &zero);
	memset(&entry, 0, sizeof(entry));
	for (uint32_t i = 0; i < RIG_REPLAY_SLOTS; i++)
		set("st_replay", i, &entry);
	set_vip("cfg_vip4", RIG_VIP4, 0, RIG_V_SIP4, BT_VIP_CLUSTER);
	set_vip("cfg_vip6", RIG_VIP6, 0, RIG_V_SIP6, BT_VIP_CLUSTER);
	set_vip("cfg_vip4", RIG_OTHER4, 1, RIG_V_OTHER4, BT_VIP_CLUSTER);
	for (uint32_t g = 0; g < 2; g++) {
		set_flags(g, BT_GROUP_CLUSTER | BT_GROUP_REPLAY);
		set("ct_receipt", g, &none);
		rig_set_word(g, BT_WORD(7, 2, BT_ARMED));
		rig_set_lease(g, rig_now() + 60 * RIG_SEC);
	}
}

static void expect(const struct packet *p, uint32_t want, const char *what)
{
	uint32_t exit = rig_xdp(p, NULL, NULL);

	CHECK(exit == want, "%s: %s, not %s", what, rig_xdp_name(exit), rig_xdp_name(want));
}

/* The entry of @number is this frame. */
static void expect_kept(uint64_t number, const struct packet *p, uint32_t kind, uint32_t group, const char *what)
{
	const struct bt_replay *e = slot(number % RIG_REPLAY_SLOTS);

	CHECK(e->seq == number + 1, "%s: slot %d has seq %d", what, (int)number, (int)e->seq);
	CHECK(e->kind == kind && e->group == group && e->ifindex == LOOPBACK, "%s: kind %d, group %d, interface %d", what, e->kind,
	      e->group, (int)e->ifindex);
	CHECK(e->len == p->len && !memcmp(e->frame, p->data, p->len), "%s: %d of %d bytes, or others", what, e->len, (int)p->len);
	CHECK(rig_now() - e->at_ns < 60 * RIG_SEC, "%s: its time", what);
}

static void test_kept(void **state)
{
	struct packet p;
	uint64_t n = 0;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	for (int vlans = 0; vlans <= 2; vlans++)
		for (int v6 = 0; v6 <= 1; v6++) {
			packet_make(&p, &(struct packet_spec){ .vlans = vlans, .from = v6 ? CLIENT6 : CLIENT4,
							       .to = v6 ? RIG_VIP6 : RIG_VIP4, .text = OPTIONS });
			expect(&p, BT_X_VIP_COPIED, "a request");
			expect_kept(n++, &p, BT_REPLAY_REQUEST, 0, "a request");
		}
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_OTHER4, .text = "INVITE sip:x SIP/2.0\r\n\r\n" });
	expect(&p, BT_X_VIP_COPIED, "of the other group");
	expect_kept(n++, &p, BT_REPLAY_REQUEST, 1, "of the other group");
	CHECK(at().next == n && at().kept == n && !at().receipts && !at().overrun, "%d, %d kept", (int)at().next, (int)at().kept);
}

static void expect_none(const struct packet_spec *spec, uint32_t want, const char *what)
{
	struct packet p;

	packet_make(&p, spec);
	expect(&p, want, what);
	CHECK(!at().next, "%s: kept", what);
}

static void test_not_kept(void **state)
{
	struct packet_spec spec = { .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS };

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = "ACK sip:x SIP/2.0\r\n\r\n" }, BT_X_VIP_HEARD, "an ACK");
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = ANSWER }, BT_X_VIP_HEARD, "a response");
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = "\r\n\r\n" }, BT_X_VIP_HEARD, "a keep-alive");
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .proto = IPPROTO_TCP }, BT_X_VIP_HEARD, "TCP");
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .fragmented = true, .frag = PACKET_MORE },
		    BT_X_VIP_HEARD, "a first fragment");
	expect_none(&(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .fragmented = true, .frag = 64 },
		    BT_X_VIP_HEARD, "a later fragment");
	set_flags(0, BT_GROUP_CLUSTER);
	expect_none(&spec, BT_X_VIP_HEARD, "replay = no");
	set_flags(0, BT_GROUP_CLUSTER | BT_GROUP_REPLAY);
	rig_set_word(0, BT_WORD(7, 2, BT_SHUT));
	expect_none(&spec, BT_X_VIP_SHUT, "a shut gate opens for nobody");
	rig_set_word(0, BT_WORD(7, 1, BT_OPEN));
	expect_none(&spec, BT_X_VIP_ACCEPTED, "an open gate");
	fresh(0, 0);
	expect_none(&spec, BT_X_VIP_HEARD, "a ring without slots");
}

static void test_modes(void **state)
{
	static const uint64_t words[] = { BT_WORD(7, 2, BT_ARMED), BT_WORD(8, 1, BT_ARMED), BT_WORD(7, 1, BT_RELAY) };
	struct packet p;

	(void)state;
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS });
	for (size_t i = 0; i < N(words); i++) {
		fresh(RIG_REPLAY_SLOTS, 0);
		rig_set_word(0, words[i]);
		rig_set_lease(0, 0);		/* of no matter: it ends while our controller is stopped */
		expect(&p, BT_X_VIP_COPIED, "armed, claiming, or just let go");
		expect_kept(0, &p, BT_REPLAY_REQUEST, 0, "armed, claiming, or just let go");
	}
}

static void test_too_long(void **state)
{
	static char text[2100] = "OPTIONS sip:x@10.77.0.100 SIP/2.0\r\nSubject: ";
	uint32_t head = 14 + 20 + 8;
	struct packet p;

	(void)state;
	memset(text + strlen(text), 'x', sizeof(text) - strlen(text));
	fresh(RIG_REPLAY_SLOTS, 0);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .payload = text, .payload_len = BT_REPLAY_FRAME - head });
	expect(&p, BT_X_VIP_COPIED, "as long as can be kept");
	expect_kept(0, &p, BT_REPLAY_REQUEST, 0, "as long as can be kept");
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .payload = text, .payload_len = BT_REPLAY_FRAME - head + 1 });
	expect(&p, BT_X_VIP_HEARD, "one byte more");
	CHECK(at().too_long == 1 && at().next == 1, "%d too long, %d kept", (int)at().too_long, (int)at().next);
}

/* The ring goes round: the oldest is overwritten, and that is counted if it was younger than the window. */
static void test_wrap(void **state)
{
	struct packet p;

	(void)state;
	for (int young = 0; young <= 1; young++) {
		fresh(RIG_REPLAY_SLOTS / 2, young ? 3600 * RIG_SEC : 0);
		for (uint32_t i = 0; i < RIG_REPLAY_SLOTS; i++) {
			packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS, .sport = 1024 + i });
			expect(&p, BT_X_VIP_COPIED, "a request");
		}
		for (uint32_t i = 0; i < RIG_REPLAY_SLOTS / 2; i++)
			CHECK(slot(i)->seq == RIG_REPLAY_SLOTS / 2 + i + 1, "slot %u has seq %d", i, (int)slot(i)->seq);
		CHECK(!slot(RIG_REPLAY_SLOTS / 2)->seq, "a slot beyond what is configured");
		CHECK(at().overrun == (young ? RIG_REPLAY_SLOTS / 2 : 0), "%d overwritten too young", (int)at().overrun);
	}
}

#define WRITERS 4
#define WRITES 500

static void *write_many(void *arg)
{
	for (int i = 0; i < WRITES; i++)
		rig_verdict(arg, NULL);
	return NULL;
}

/* Several CPUs at once: no number twice, none left out. */
static void test_numbers(void **state)
{
	pthread_t thread[WRITERS];
	uint64_t top = (uint64_t)WRITERS * WRITES, low = top - RIG_REPLAY_SLOTS;
	struct packet p;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = OPTIONS });
	for (int i = 0; i < WRITERS; i++)
		CHECK(!pthread_create(&thread[i], NULL, write_many, &p), "thread");
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	CHECK(at().next == top && at().kept == top, "%d numbers, %d kept of %d", (int)at().next, (int)at().kept, (int)top);
	for (uint64_t n = low; n < top; n++)
		expect_kept(n, &p, BT_REPLAY_REQUEST, 0, "one of many");
}

/* ---- receipts ------------------------------------------------------------------------------------- */

static struct mark_of receipt_mark(uint32_t slot)
{
	return (struct mark_of){ MARK_RECEIPT, rig_name_hash(slot), 0, RIG_PEER_BOOT, RIG_BOOT };
}

static void make_receipt(struct packet *p, const struct mark_of *of, const struct packet_spec *spec)
{
	packet_make(p, spec);
	mark_write(p->data + 6, mark_number(rig_node()->key_in, of));
}

static void test_receipt(void **state)
{
	struct mark_of of;
	struct packet p;
	uint64_t n = 0;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	rig_believe();
	of = receipt_mark(0);
	for (int vlans = 0; vlans <= 2; vlans++)
		for (int v6 = 0; v6 <= 1; v6++) {
			make_receipt(&p, &of, &(struct packet_spec){ .vlans = vlans, .from = v6 ? RIG_VIP6 : RIG_VIP4,
								     .to = v6 ? CLIENT6 : CLIENT4, .text = ANSWER });
			expect(&p, BT_X_RECEIPT, "the peer's copy");
			expect_kept(n++, &p, BT_REPLAY_RECEIPT, 0, "the peer's copy");
		}
	make_receipt(&p, &of, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER, .fragmented = true,
						     .frag = PACKET_MORE });
	expect(&p, BT_X_RECEIPT, "the first piece of a long one");
	expect_kept(n++, &p, BT_REPLAY_RECEIPT, 0, "the first piece of a long one");
	make_receipt(&p, &of, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = OPTIONS });
	expect(&p, BT_X_RECEIPT, "a marked request ends");
	CHECK(at().next == n && at().receipts == n && !at().kept, "%d numbers, %d receipts", (int)at().next, (int)at().receipts);
}

static void expect_forged(const struct mark_of *of, const char *vip, const char *what)
{
	struct packet p;

	make_receipt(&p, of, &(struct packet_spec){ .from = vip, .to = CLIENT4, .text = ANSWER });
	expect(&p, BT_X_NOT_OURS, what);
	CHECK(!at().next, "%s: kept", what);
}

static void test_forged(void **state)
{
	struct mark_of right, of;
	struct packet p;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	right = receipt_mark(0);
	expect_forged(&right, RIG_VIP4, "nobody is believed yet");
	rig_believe();
#define TRY(field, value, what) do { of = right; of.field = value; expect_forged(&of, RIG_VIP4, what); } while (0)
	TRY(kind, MARK_HELP, "another kind");
	TRY(name_hash, rig_name_hash(1), "another group's mark");
	TRY(number, 1, "with a number");
	TRY(boot, RIG_PEER_BOOT + 1, "another life of the peer");
	TRY(to_boot, RIG_BOOT + 1, "another life of ours");
#undef TRY
	expect_forged(&right, RIG_OTHER4, "another group's VIP");
	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER });
	memcpy(p.data + 6, peer_mac, 6);
	expect(&p, BT_X_NOT_OURS, "the peer's plain address");
	set_flags(0, BT_GROUP_CLUSTER);
	expect_forged(&right, RIG_VIP4, "replay = no");
	CHECK(!at().next, "kept");
}

/* ---- copies, on their way out --------------------------------------------------------------------- */

static int listen_on_loopback(void)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = LOOPBACK };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&ll, sizeof(ll)), "packet socket: %s", strerror(errno));
	return fd;
}

/* Did a frame with these bytes leave by the loopback? Others' frames may pass there too. */
static bool left(int fd, const struct packet *p, int wait_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct sockaddr_ll from;
	uint8_t data[PACKET_MAX];
	socklen_t size;
	ssize_t n;

	while (poll(&poll_fd, 1, wait_ms) > 0) {
		size = sizeof(from);
		n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);
		if (n == (ssize_t)p->len && from.sll_pkttype == PACKET_OUTGOING && !memcmp(data, p->data, p->len))
			return true;
	}
	return false;
}

static void show_to(uint32_t group, uint64_t from, uint32_t ifindex)
{
	struct bt_receipt way = { .from = from, .to = mark_read(peer_mac), .ifindex = ifindex };

	set("ct_receipt", group, &way);
}

/* What became of one frame on its way out. */
struct went {
	uint64_t total, exits[BT_T__N];
	int verdict;
	struct packet out;
};

static struct went run_tc(const struct packet *in, const uint32_t cb[4])
{
	struct __sk_buff ctx = { .cb = { cb[0], cb[1], cb[2], cb[3] } };
	uint64_t before[BT_T__N], after[BT_T__N];
	struct went w = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len, .data_out = w.out.data,
		    .data_size_out = PACKET_MAX, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	rig_tc_counts(before);
	CHECK(!bpf_prog_test_run_opts(rig_prog("tc"), &opts), "test run: %s", strerror(errno));
	rig_tc_counts(after);
	w.out.len = opts.data_size_out;
	w.verdict = (int)opts.retval;
	for (uint32_t i = 0; i < BT_T__N; i++)
		w.exits[i] = after[i] - before[i];
	w.total = w.exits[BT_T_TOTAL];
	return w;
}

/* Only the addresses differ: to the peer, from the mark. */
static bool is_receipt(const struct packet *p, const struct packet *of, uint64_t mark)
{
	uint8_t want[12];

	memcpy(want, peer_mac, 6);
	mark_write(want + 6, mark);
	return p->len == of->len && !memcmp(p->data, want, 12) && !memcmp(p->data + 12, of->data + 12, p->len - 12);
}

static bool is_same(const struct packet *p, const struct packet *of)
{
	return p->len == of->len && !memcmp(p->data, of->data, p->len);
}

/* Shown: before the program is done with the frame the answer has left, by the loopback here; what is left in hand is the receipt. */
static void expect_shown(const struct packet_spec *spec, uint32_t exit, bool want, const char *what)
{
	static const uint32_t fresh_cb[4];
	int fd = listen_on_loopback();
	struct packet p;
	struct went w;
	bool is;

	packet_make(&p, spec);
	w = run_tc(&p, fresh_cb);
	CHECK(w.exits[exit] == 1, "%s: %s was counted %d times", what, rig_tc_name(exit), (int)w.exits[exit]);
	CHECK(w.total == 1u + want && w.exits[BT_T_RECEIPT_SENT] == want && w.verdict == TC_ACT_UNSPEC,
	      "%s: %d frames, %d receipts, verdict %d", what, (int)w.total, (int)w.exits[BT_T_RECEIPT_SENT], w.verdict);
	CHECK(want ? is_receipt(&w.out, &p, MARK) : is_same(&w.out, &p), "%s: %s", what,
	      want ? "what goes on is not the receipt" : "the answer itself was changed");
	is = left(fd, &p, want ? 5000 : 20);
	CHECK(is == want, "%s: %s", what, want ? "no answer left before the receipt" : "it left twice");
	close(fd);
}

static void test_shown(void **state)
{
	struct packet_spec spec = { .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER };

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	rig_open_gate(0);
	expect_shown(&spec, BT_T_VIP_SENT, false, "nobody to be shown it");
	show_to(0, MARK, LOOPBACK);
	expect_shown(&spec, BT_T_VIP_SENT, true, "a response");
	spec.text = OPTIONS;
	expect_shown(&spec, BT_T_VIP_SENT, false, "a request");
	spec.text = ANSWER;
	spec.to = RIG_OTHER4;
	expect_shown(&spec, BT_T_VIP_SENT, false, "to another VIP of ours");
	spec.to = CLIENT4;
	spec.proto = IPPROTO_TCP;
	expect_shown(&spec, BT_T_VIP_SENT, false, "over TCP");
	spec.proto = 0;
	rig_set_word(0, BT_WORD(7, 2, BT_RELAY));
	rig_set_linger(0, rig_now() + 60 * RIG_SEC);
	expect_shown(&spec, BT_T_VIP_LINGER, false, "a gate that has let go");
	rig_open_gate(0);
	spec.from = RIG_VIP6;
	spec.to = CLIENT6;
	expect_shown(&spec, BT_T_VIP_SENT, true, "IPv6");
}

/* By another interface: readdressed here, and known there by its control block. */
static void test_shown_elsewhere(void **state)
{
	static const uint32_t fresh_cb[4];
	int fd = listen_on_loopback();
	struct packet p;
	struct went w;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	rig_open_gate(0);
	show_to(0, MARK, 0x7ffffff0);
	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER });
	w = run_tc(&p, fresh_cb);
	CHECK(w.verdict == TC_ACT_REDIRECT && w.total == 1 && w.exits[BT_T_VIP_SENT] == 1 && !w.exits[BT_T_RECEIPT_SENT],
	      "verdict %d, %d frames, %d receipts", w.verdict, (int)w.total, (int)w.exits[BT_T_RECEIPT_SENT]);
	CHECK(is_receipt(&w.out, &p, MARK), "it is not addressed to the peer with the mark, or more was changed");
	CHECK(left(fd, &p, 5000), "the answer has not left");
	close(fd);
}

static void set_up(const char *dev)
{
	struct ifreq req = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", dev);
	CHECK(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &req), "%s up: %s", dev, strerror(errno));
	close(fd);
}

/* A filter behind which nothing leaves by the loopback. */
static void drop_all(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LOOPBACK, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 1, .priority = 1);

	filter.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "drop_all", "GPL", insns, N(insns), NULL);
	CHECK(filter.prog_fd >= 0 && !bpf_tc_hook_create(&hook) && !bpf_tc_attach(&hook, &filter), "a filter: %s", strerror(errno));
	close(filter.prog_fd);
}

/* In a namespace whose loopback is down; @up: up, but it drops all. */
static void expect_no_clone(bool up, int verdict)
{
	static const uint32_t fresh_cb[4];
	const char *what = up ? "it was refused: the answer is in hand still" : "perhaps it left: there is no receipt of it";
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct packet p;
	struct went w;

	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER });
	CHECK(home >= 0 && !unshare(CLONE_NEWNET), "a namespace of its own: %s", strerror(errno));
	if (up) {
		set_up("lo");
		drop_all();
	}
	w = run_tc(&p, fresh_cb);
	CHECK(!setns(home, CLONE_NEWNET), "back: %s", strerror(errno));
	close(home);
	CHECK(w.verdict == verdict && w.total == 1 && w.exits[BT_T_VIP_SENT] == 1 && !w.exits[BT_T_RECEIPT_SENT],
	      "%s: verdict %d, %d frames, %d receipts", what, w.verdict, (int)w.total, (int)w.exits[BT_T_RECEIPT_SENT]);
	CHECK(is_same(&w.out, &p), "%s: the frame was changed", what);
}

static void test_no_clone(void **state)
{
	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	rig_open_gate(0);
	show_to(0, MARK, LOOPBACK);
	expect_no_clone(true, TC_ACT_UNSPEC);
	expect_no_clone(false, TC_ACT_STOLEN);
}

/* The clone comes by once more, and a receipt on another interface, with words in the control block that nobody else can write. */
static void test_known(void **state)
{
	uint32_t right[4] = { ANSWERED, 0, (uint32_t)MARK, (uint32_t)(MARK >> 32) };
	struct packet p;
	struct went w;

	(void)state;
	fresh(RIG_REPLAY_SLOTS, 0);
	rig_set_word(0, BT_WORD(7, 2, BT_SHUT));	/* so that nothing leaves that is judged anew */
	show_to(0, MARK, LOOPBACK);
	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .text = ANSWER });
	w = run_tc(&p, right);
	CHECK(w.verdict == TC_ACT_UNSPEC && !w.total, "an answer that was judged: verdict %d, counted %d times", w.verdict, (int)w.total);
	CHECK(is_same(&w.out, &p), "an answer that was judged was changed");
	right[0] = COPY;
	w = run_tc(&p, right);
	CHECK(w.verdict == TC_ACT_UNSPEC && w.total == 1 && w.exits[BT_T_RECEIPT_SENT] == 1, "a receipt: verdict %d, %d frames, %d receipts",
	      w.verdict, (int)w.total, (int)w.exits[BT_T_RECEIPT_SENT]);
	for (int i = 0; i < 8; i++) {
		uint32_t cb[4] = { i < 4 ? COPY : ANSWERED, right[1], right[2], right[3] };

		cb[i % 4] ^= 1;
		w = run_tc(&p, cb);
		CHECK(w.verdict == TC_ACT_SHOT && w.exits[BT_T_VIP_HELD] == 1, "word %d is another: verdict %d", i % 4, w.verdict);
	}
}

/* ---- ears ---------------------------------------------------------------------------------------- */

#define SLOWEST	3000000	/* interval of pulses whose silence a frame may show */

static struct bt_ear ear(uint32_t path)
{
	struct bt_watch watch;
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(rig_map("st_watch"), &zero, &watch), "st_watch");
	return watch.ear[path];
}

/* The program runs where this thread does: a thread that wanders would be heard by several CPUs. Returns which it is. */
static uint16_t stay(cpu_set_t *ret_was)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(!sched_getaffinity(0, sizeof(*ret_was), ret_was) && !sched_setaffinity(0, sizeof(one), &one), "%s", strerror(errno));
	return (uint16_t)cpu;
}

/* The queue by which a path's pulses come, and every other frame for a VIP that is met there while the gate is not open. */
static void test_ears(void **state)
{
	static const uint8_t macs[12] = { 3, 0, 0, 0, 0, 1, 0, 0x16, 0x3e, 0, 0, 50 };	/* the cluster's, and a client's */
	struct rig_pulse m = rig_pulse(2);
	struct bt_node node, slow;
	uint32_t zero = 0;
	struct bt_watch watch = {};
	struct packet p, p2;
	cpu_set_t was;
	uint64_t now;
	uint16_t cpu;

	(void)state;
	cpu = stay(&was);
	fresh(RIG_REPLAY_SLOTS, 0);
	set("st_watch", 0, &watch);
	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .text = "\r\n\r\n" });
	memcpy(p.data, macs, sizeof(macs));
	expect(&p, BT_X_VIP_HEARD, "a client's");
	CHECK(!ear(0).ifindex && !ear(0).heard_ns, "heard before any pulse came");
	CHECK(!bpf_map_lookup_elem(rig_map("cfg_node"), &zero, &node), "cfg_node");
	slow = node;
	slow.interval_ns = SLOWEST;
	set("cfg_node", 0, &slow);
	rig_believe();
	CHECK(ear(0).ifindex == LOOPBACK && !ear(0).queue && ear(0).cpu == cpu && !ear(0).heard_ns, "interface %u, queue %u, CPU %u of %u",
	      ear(0).ifindex, ear(0).queue, ear(0).cpu, cpu);
	CHECK(!ear(1).ifindex, "the other path's is known");
	now = rig_now();
	expect(&p, BT_X_VIP_HEARD, "a client's");
	CHECK(ear(0).heard_ns >= now, "not heard: %lu ns before", (unsigned long)(now - ear(0).heard_ns));
	CHECK(!ear(1).heard_ns, "heard by a path that has no queue");
	watch.ear[0] = (struct bt_ear){ .ifindex = LOOPBACK, .queue = 1, .cpu = cpu };
	watch.ear[1] = (struct bt_ear){ .ifindex = LOOPBACK + 1, .cpu = cpu };
	watch.ear[2] = (struct bt_ear){ .ifindex = LOOPBACK, .cpu = cpu + 1 };
	set("st_watch", 0, &watch);
	expect(&p, BT_X_VIP_HEARD, "a client's");
	CHECK(!ear(0).heard_ns && !ear(1).heard_ns, "heard by another queue, or another interface");
	CHECK(!ear(2).heard_ns, "heard by a CPU that takes no pulses: the one that does may stand still");
	slow.interval_ns++;
	set("cfg_node", 0, &slow);
	rig_frame(&p2, &m, 0, 0);
	expect(&p2, BT_X_PULSE_ANSWERED, "the peer's second probe");
	CHECK(!ear(0).ifindex, "more frames than are taken at once may lie between two slow pulses");
	set("cfg_node", 0, &node);
	watch.ear[0].queue = 0;
	set("st_watch", 0, &watch);
	rig_open_gate(0);
	p.data[5]++;	/* no interface has an address here */
	expect(&p, BT_X_VIP_ACCEPTED, "open");
	CHECK(!ear(0).heard_ns, "noted where nothing is to be shown");
	CHECK(!sched_setaffinity(0, sizeof(was), &was), "%s", strerror(errno));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept), cmocka_unit_test(test_not_kept), cmocka_unit_test(test_modes),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_wrap), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_receipt), cmocka_unit_test(test_forged), cmocka_unit_test(test_shown),
		cmocka_unit_test(test_shown_elsewhere), cmocka_unit_test(test_no_clone), cmocka_unit_test(test_known),
		cmocka_unit_test(test_ears),
	};

	return cmocka_run_group_tests_name("replay", tests, rig_open, rig_close);
}
