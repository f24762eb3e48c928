// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_seen: what does a group tell of the frames it took: the last, the first, how many want an answer?
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENT4	"10.77.0.50"
#define REQUEST(method) #method " sip:x@10.77.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"
#define RESPONSE(status) "SIP/2.0 " #status " Text\r\nVia: SIP/2.0/UDP c\r\n\r\n"

/* What a CPU has not told it tells at its own next frame. */
static void stay_here(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	CHECK(!sched_setaffinity(0, sizeof(cpus), &cpus), "affinity");
}

static struct bt_seen seen(void)
{
	struct rig_world w;

	rig_world(&w);
	return w.seen[0];
}

static struct bt_due due(void)
{
	struct bt_due cpu[64], sum = { 0 };
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(rig_map("st_due"), &zero, cpu), "st_due");
	for (int c = 0; c < libbpf_num_possible_cpus(); c++) {
		sum.wants += cpu[c].wants;
		sum.finals += cpu[c].finals;
	}
	return sum;
}

static void in(const char *text, uint8_t proto, uint32_t want)
{
	struct packet p;
	uint32_t exit;

	packet_make(&p, &(struct packet_spec){ .from = CLIENT4, .to = RIG_VIP4, .proto = proto, .text = text });
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == want, "%s", rig_xdp_name(exit));
}

static void out(const char *text, uint8_t proto)
{
	struct packet p;

	packet_make(&p, &(struct packet_spec){ .from = RIG_VIP4, .to = CLIENT4, .proto = proto, .text = text });
	rig_tc(&p, NULL);
}

static void test_accepted(void **state)
{
	uint64_t before, first, last;

	(void)state;
	rig_reset();
	rig_set_word(0, BT_WORD(7, 2, BT_SHUT));
	in(REQUEST(OPTIONS), 0, BT_X_VIP_SHUT);
	CHECK(!seen().first_ns && !seen().accept_ns, "a shut gate accepted at %lu", (long)seen().accept_ns);
	rig_open_gate(0);
	before = rig_now();
	in("of any kind", IPPROTO_ICMP, BT_X_VIP_ACCEPTED);
	first = seen().first_ns;
	CHECK(first >= before && first <= rig_now() && seen().accept_ns == first, "first %lu last %lu, not before %lu",
	      (long)first, (long)seen().accept_ns, (long)before);
	while (rig_now() < first + 2 * BT_ACCEPT_LAG_NS)
		;
	before = rig_now();
	in(REQUEST(OPTIONS), 0, BT_X_VIP_ACCEPTED);
	last = seen().accept_ns;
	CHECK(last >= before && last <= rig_now(), "last %lu, not after %lu", (long)last, (long)before);
	CHECK(seen().first_ns == first, "the first moved to %lu", (long)seen().first_ns);
	rig_set_lease(0, rig_now() - 1);
	in(REQUEST(OPTIONS), 0, BT_X_VIP_UNLEASED);
	CHECK(seen().accept_ns == last, "without a lease: %lu", (long)seen().accept_ns);
}

/* Another CPU, a little ahead, has noted a later frame: that stays. */
static void test_clock_ahead(void **state)
{
	struct bt_seen ahead = { .accept_ns = rig_now() + RIG_SEC, .first_ns = 1 };
	uint32_t zero = 0;

	(void)state;
	rig_reset();
	rig_open_gate(0);
	bpf_map_update_elem(rig_map("st_seen"), &zero, &ahead, 0);
	in(REQUEST(OPTIONS), 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().accept_ns == ahead.accept_ns, "went back by %ld ns", (long)(ahead.accept_ns - seen().accept_ns));
}

/* When the kernel opens the gate the first frame is to be told anew; when it shuts one it is not forgotten. */
static void test_first_is_of_this_opening(void **state)
{
	struct bt_seen old = { .first_ns = 4711 };
	struct rig_pulse m = rig_pulse(2);
	uint32_t zero = 0;
	struct packet p;

	(void)state;
	rig_reset();
	rig_believe();
	rig_set_word(0, BT_WORD(7, 2, BT_ARMED));
	rig_set_lease(0, rig_now() + 60 * RIG_SEC);
	bpf_map_update_elem(rig_map("st_seen"), &zero, &old, 0);
	m.block[0].word = BT_WORD(7, 2, BT_OPEN);
	rig_frame(&p, &m, 0, 0);
	rig_xdp(&p, NULL, NULL);
	CHECK(seen().first_ns == 4711 && rig_word(0) == BT_WORD(7, 2, BT_ARMED), "forgotten, yet word %lx", rig_word(0));
	m.seq = 3;
	m.block[0].word = BT_WORD(7, 2, BT_RELAY);
	rig_frame(&p, &m, 0, 0);
	rig_xdp(&p, NULL, NULL);
	CHECK(rig_word(0) == BT_WORD(8, 1, BT_OPEN) && !seen().first_ns, "word %lx, first %lu", rig_word(0),
	      (long)seen().first_ns);
	in(REQUEST(OPTIONS), 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().first_ns > 4711, "the first frame is not noted");
	m.seq = 4;
	m.block[0].word = BT_WORD(9, 2, BT_OPEN);
	rig_frame(&p, &m, 0, 0);
	rig_xdp(&p, NULL, NULL);
	CHECK(rig_word(0) == BT_WORD(9, 2, BT_RELAY) && seen().first_ns > 4711, "word %lx, first %lu", rig_word(0),
	      (long)seen().first_ns);
}

static void test_wants_and_finals(void **state)
{
	static const struct { const char *text; uint8_t proto; bool out; uint64_t wants, finals; } steps[] = {
		{ REQUEST(INVITE), 0, false, 1, 0 }, { REQUEST(ACK), 0, false, 1, 0 },
		{ REQUEST(BYE), 0, false, 2, 0 }, { REQUEST(OPTIONS), IPPROTO_TCP, false, 2, 0 },
		{ RESPONSE(200), 0, false, 2, 0 }, { "\r\n\r\n", 0, false, 2, 0 },
		{ RESPONSE(100), 0, true, 2, 0 }, { RESPONSE(183), 0, true, 2, 0 },
		{ RESPONSE(200), 0, true, 2, 1 }, { RESPONSE(200), IPPROTO_TCP, true, 2, 1 },
		{ REQUEST(OPTIONS), 0, true, 2, 1 }, { RESPONSE(604), 0, true, 2, 2 },
	};

	(void)state;
	stay_here();
	rig_reset();
	rig_open_gate(0);
	for (size_t i = 0; i < N(steps); i++) {
		if (steps[i].out)
			out(steps[i].text, steps[i].proto);
		else
			in(steps[i].text, steps[i].proto, BT_X_VIP_ACCEPTED);
		CHECK(seen().wants + due().wants == steps[i].wants && seen().finals + due().finals == steps[i].finals,
		      "step %zu: %lu want an answer, %lu have one", i, (long)(seen().wants + due().wants),
		      (long)(seen().finals + due().finals));
	}
	for (uint64_t end = rig_now() + 10 * RIG_SEC; rig_now() < end && seen().wants + seen().finals != 4;)
		in(REQUEST(ACK), 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().wants == 2 && seen().finals == 2, "told: %lu want an answer, %lu have one", (long)seen().wants,
	      (long)seen().finals);
	rig_set_word(0, BT_WORD(7, 1, BT_RELAY));
	rig_set_linger(0, rig_now() + RIG_SEC);
	out(RESPONSE(486), 0);
	CHECK(seen().finals + due().finals == 3, "an answer that lingers is not counted: %lu",
	      (long)(seen().finals + due().finals));
}

/* When did the first request come in that nothing has answered? */
static void test_asked(void **state)
{
	uint64_t first;

	(void)state;
	stay_here();
	rig_reset();
	rig_open_gate(0);
	in(REQUEST(OPTIONS), 0, BT_X_VIP_ACCEPTED);
	first = seen().asked_ns;
	CHECK(first && first <= rig_now(), "asked at %lu", (long)first);
	in(REQUEST(INVITE), IPPROTO_TCP, BT_X_VIP_ACCEPTED);
	in("no request, sixteen bytes", 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().asked_ns == first, "a later one is noted: %lu after %lu", (long)seen().asked_ns, (long)first);
	out(RESPONSE(200), 0);
	CHECK(seen().response_ns > first && seen().asked_ns == first, "answered at %lu, asked at %lu", (long)seen().response_ns,
	      (long)seen().asked_ns);
	in("no request, sixteen bytes", 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().asked_ns == first, "what is no request is noted");
	in(REQUEST(OPTIONS), 0, BT_X_VIP_ACCEPTED);
	CHECK(seen().asked_ns > seen().response_ns, "the first since the answer is not noted: %lu, answered %lu",
	      (long)seen().asked_ns, (long)seen().response_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_clock_ahead),
		cmocka_unit_test(test_first_is_of_this_opening), cmocka_unit_test(test_wants_and_finals),
		cmocka_unit_test(test_asked),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
