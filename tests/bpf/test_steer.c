// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_steer: which server of a pool does each frame go to, and by which rung, and what stays known?
 *
 * Forwarding is by L2 here: where a frame went shows in its destination MAC. Other forms: test_forward.c.
 */
#include "pool_rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <dirent.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT 1

/* How a frame is wrapped. */
struct wrap {
	bool v6;
	int vlans, ihl, exts;
};

static const struct wrap plain = {};

static int reset(void **state)
{
	(void)state;
	pools_reset();
	pools_make(1, false);
	pools_make(2, true);
	return 0;
}

static uint32_t slot_of(const struct wrap *w)
{
	return w->v6 ? 2 : 1;
}

/* Good until some more were asked for. */
static char *next_text(void)
{
	static char texts[8][1400];
	static uint32_t n;

	return texts[n++ % 8];
}

/* @to: what To has behind its URI. */
static const char *request(const char *method, const char *call_id, const char *to)
{
	char *text = next_text();

	snprintf(text, 1400, "%s sip:bob@example.com SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 10.77.0.50:5060;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
		 "From: <sip:alice@example.com>;tag=F77\r\nTo: <sip:bob@example.com>%s\r\n"
		 "Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:alice@10.77.0.50>\r\nContent-Length: 0\r\n\r\n",
		 method, call_id, to, call_id, method);
	return text;
}

static const char *answer(int status, const char *method, const char *call_id, const char *to)
{
	char *text = next_text();

	snprintf(text, 1400, "SIP/2.0 %d Answer\r\n"
		 "Via: SIP/2.0/UDP 10.77.0.200:5060;branch=z9hG4bKa\r\n"
		 "From: <sip:alice@example.com>;tag=F77\r\nTo: <sip:bob@example.com>%s\r\n"
		 "Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:bob@10.77.0.50>\r\nContent-Length: 0\r\n\r\n",
		 status, to, call_id, method);
	return text;
}

#define TAG ";tag=T1"

static struct packet_spec from_client(const struct wrap *w, const char *text)
{
	return (struct packet_spec){ .vlans = w->vlans, .ihl = w->ihl, .exts = w->exts, .text = text,
				     .from = w->v6 ? POOL_CLIENT6 : POOL_CLIENT4, .sport = 5090,
				     .to = w->v6 ? POOL_SERVICE6 : POOL_SERVICE4 };
}

static void check_sent(const struct packet *in, const struct packet *out, const struct pools_seen *seen, uint32_t server,
		       const char *what)
{
	struct packet want = *in;
	struct bt_pool pool;

	pools_get(SLOT, &pool);
	CHECK(seen->exit == BT_S_SENT && seen->verdict == XDP_TX, "%s: %s with verdict %u, not SENT with XDP_TX", what,
	      pools_exit_name(seen->exit), seen->verdict);
	memcpy(want.data, POOL_MAC(server), 6);
	memcpy(want.data + 6, POOL_OUR_MAC, 6);
	CHECK(out->len == in->len && !memcmp(out->data, want.data, pool.forward == BT_FWD_L2 ? in->len : 12),
	      "%s: sent to server %u (MAC ...%02x), or more was changed than MACs", what, seen->server, out->data[5]);
}

static void expect_packet(const struct packet *in, uint32_t rung, uint32_t server, const char *what)
{
	struct packet out;
	struct pools_seen seen = pools_run(in, &out);

	CHECK(seen.rung == rung, "%s: by rung %s, not %s (exit %s)", what, pools_rung_name(seen.rung), pools_rung_name(rung),
	      pools_exit_name(seen.exit));
	CHECK(seen.server == server, "%s: to server %u, not %u", what, seen.server, server);
	check_sent(in, &out, &seen, server, what);
}

static void expect_spec(const struct packet_spec *spec, uint32_t rung, uint32_t server, const char *what)
{
	struct packet in;

	packet_make(&in, spec);
	expect_packet(&in, rung, server, what);
}

static void expect(const struct wrap *w, const char *text, uint32_t rung, uint32_t server)
{
	struct packet_spec spec = from_client(w, text);
	char what[64];

	snprintf(what, sizeof(what), "%s, %d tags, %.30s", w->v6 ? "IPv6" : "IPv4", w->vlans, text);
	expect_spec(&spec, rung, server, what);
}

static void expect_exit(const struct packet_spec *spec, uint32_t exit, uint32_t verdict, const char *what)
{
	struct pools_seen seen;
	struct packet in, out;

	packet_make(&in, spec);
	seen = pools_run(&in, &out);
	CHECK(seen.exit == exit && seen.verdict == verdict, "%s: %s with verdict %u, not %s with %u", what,
	      pools_exit_name(seen.exit), seen.verdict, pools_exit_name(exit), verdict);
	CHECK(out.len == in.len && !memcmp(out.data, in.data, in.len), "%s: the frame was changed", what);
}

static struct bt_dialog only_entry(const char *map)
{
	struct bt_dialog d = {};

	CHECK(pools_entries(map) == 1 && pools_entry(map, NULL, &d), "%s has %u entries, not one", map, pools_entries(map));
	return d;
}

static void expect_state(const char *map, uint32_t state, const char *after)
{
	struct bt_dialog d = only_entry(map);

	CHECK(d.state == state, "%s: state in %s is %u, not %u", after, map, d.state, state);
}

/* ---- dialogs over UDP ---- */

static void a_call(const struct wrap *w)
{
	uint32_t slot = slot_of(w);
	struct bt_dialog d;

	reset(NULL);
	expect(w, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	d = only_entry("st_young");
	CHECK(d.owner == slot && d.server == 1 && d.epoch == 11 && d.kind == BT_D_CALL && d.state == BT_D_NEW &&
	      d.first_s == 100 && d.last_s == 100, "entry: owner %u server %u epoch %u kind %u state %u first %u last %u",
	      d.owner, d.server, d.epoch, d.kind, d.state, d.first_s, d.last_s);
	pools_aim(slot, BT_AIM(2, 0, 0, 2));
	pools_tick(107);
	expect(w, request("INVITE", "call-one", ""), BT_R_DIALOG, 1);		/* sent again */
	expect(w, request("PRACK", "call-one", TAG), BT_R_DIALOG, 1);
	expect_state("st_dialog", BT_D_EARLY, "PRACK");
	CHECK(!pools_entries("st_young"), "the entry was not moved, but copied");
	expect(w, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	d = only_entry("st_dialog");
	CHECK(d.state == BT_D_CONFIRMED && d.first_s == 100 && d.last_s == 107, "after ACK: state %u first %u last %u", d.state,
	      d.first_s, d.last_s);
	expect(w, request("INVITE", "call-two", ""), BT_R_NEW, 2);
	expect(w, request("BYE", "call-one", TAG), BT_R_DIALOG, 1);
	expect_state("st_dialog", BT_D_ENDING, "BYE");
	expect(w, answer(200, "BYE", "call-one", TAG), BT_R_DIALOG, 1);
	expect_state("st_dialog", BT_D_OVER, "200 to BYE");
}

/*
 * Of a message that has two Call-IDs the first leads, where its dialog is known and confirmed; else it has none that counts. The
 * same line behind the blank line, and one that goes on in the next, are none.
 */
static void test_first_call_id_leads(void **state)
{
	const char *twice = "INFO sip:bob@example.com SIP/2.0\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: call-one\r\ni: other\r\n"
			    "CSeq: 2 INFO\r\nContent-Length: 0\r\n\r\n";
	const char *body = "INFO sip:bob@example.com SIP/2.0\r\nTo: <sip:bob@example.com>;tag=b\r\nCSeq: 2 INFO\r\n\r\n"
			   "Call-ID: call-one\r\nContent-Type: text/plain\r\n\r\n";
	const char *folded = "INFO sip:bob@example.com SIP/2.0\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: call-one\r\n x\r\n"
			     "CSeq: 2 INFO\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	expect(&plain, twice, BT_R_NO_CALL_ID, 1);
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	expect(&plain, twice, BT_R_NO_CALL_ID, 1);
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	pools_aim(slot_of(&plain), BT_AIM(2, 0, 0, 2));
	expect(&plain, twice, BT_R_DIALOG, 1);
	expect(&plain, body, BT_R_NO_CALL_ID, 2);
	expect(&plain, folded, BT_R_NO_CALL_ID, 2);
}

static void test_a_call_stays(void **state)
{
	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++) {
		a_call(&(struct wrap){ .vlans = vlans });
		a_call(&(struct wrap){ .vlans = vlans, .ihl = 15 });
		a_call(&(struct wrap){ .vlans = vlans, .v6 = true });
		a_call(&(struct wrap){ .vlans = vlans, .v6 = true, .exts = 5 });
	}
}

static void test_cancelled(void **state)
{
	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	pools_aim(SLOT, BT_AIM(2, 0, 0, 2));
	expect(&plain, request("CANCEL", "call-one", ""), BT_R_DIALOG, 1);
	expect_state("st_young", BT_D_ENDING, "CANCEL");
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);	/* to the 487 */
	expect_state("st_young", BT_D_ENDING, "ACK to 487");
	expect(&plain, request("INVITE", "call-one", ""), BT_R_DIALOG, 1);	/* with credentials */
	expect_state("st_young", BT_D_NEW, "INVITE once more");
}

static void test_subscriptions(void **state)
{
	static const char *const methods[] = { "SUBSCRIBE", "REFER" };
	struct bt_dialog d;

	for (size_t i = 0; i < 2; i++) {
		reset(state);
		expect(&plain, request(methods[i], "call-one", ""), BT_R_NEW, 1);
		d = only_entry("st_young");
		CHECK(d.kind == BT_D_SUBSCRIPTION, "kind of %s: %u", methods[i], d.kind);
		pools_aim(SLOT, BT_AIM(2, 0, 0, 2));
		expect(&plain, answer(200, "NOTIFY", "call-one", TAG), BT_R_DIALOG, 1);
		expect(&plain, request("SUBSCRIBE", "call-one", TAG), BT_R_DIALOG, 1);
		expect_state("st_dialog", BT_D_CONFIRMED, methods[i]);
	}
}

static void test_outside_of_dialogs(void **state)
{
	static const char *const methods[] = { "OPTIONS", "REGISTER", "MESSAGE", "PUBLISH", "INFO", "NOTIFY", "CANCEL", "BYE", "FOO" };

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		expect(&plain, request(methods[i], "call-one", ""), BT_R_OUTSIDE, 1);
	expect(&plain, answer(200, "OPTIONS", "call-one", TAG), BT_R_OUTSIDE, 1);
	expect(&plain, answer(100, "INVITE", "call-one", ""), BT_R_OUTSIDE, 1);
	expect(&plain, "INVITE sip:b@x SIP/2.0\r\nTo: <sip:b@x>\r\nCSeq: 1 INVITE\r\n\r\n", BT_R_NO_CALL_ID, 1);
	expect(&plain, "INVITE sip:b@x SIP/2.0\r\nCall-ID: a-certain-one\r\nTo: <sip:b@x>\r\nCall-ID: another-one\r\n\r\n",
	       BT_R_NO_CALL_ID, 1);
	expect(&plain, "", BT_R_KEEPALIVE, 1);
	expect(&plain, "\r\n\r\n", BT_R_KEEPALIVE, 1);
	expect(&plain, "\x01\x01 twenty bytes of STUN", BT_R_NOT_SIP, 1);
	expect(&plain, "x", BT_R_NOT_SIP, 1);
	CHECK(!pools_entries("st_young") && !pools_entries("st_dialog"), "something was noted of what is in no dialog");
	pools_aim(SLOT, BT_AIM(2, 0, 1, 2));
	expect(&plain, request("OPTIONS", "call-one", ""), BT_R_OUTSIDE, 2);
	expect(&plain, "\r\n\r\n", BT_R_KEEPALIVE, 2);
}

/* Dialogs that began before this node did, or that a server began: noted where they are sent to. */
static void test_not_known(void **state)
{
	struct bt_dialog d;

	(void)state;
	expect(&plain, request("BYE", "call-one", TAG), BT_R_TAGGED, 1);
	expect(&plain, request("ACK", "call-one", TAG), BT_R_TAGGED, 1);
	expect(&plain, answer(486, "INVITE", "call-one", TAG), BT_R_TAGGED, 1);
	CHECK(!pools_entries("st_young"), "noted, though it ends");
	expect(&plain, request("INFO", "call-one", TAG), BT_R_TAGGED, 1);
	d = only_entry("st_young");
	CHECK(d.kind == BT_D_CALL && d.state == BT_D_CONFIRMED && d.server == 1, "kind %u state %u server %u", d.kind, d.state,
	      d.server);
	pools_aim(SLOT, BT_AIM(2, 0, 0, 2));
	expect(&plain, request("BYE", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&plain, answer(180, "INVITE", "call-two", TAG), BT_R_TAGGED, 2);
}

static void test_stale(void **state)
{
	struct bt_pool pool;
	struct bt_dialog d;

	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&plain, request("INVITE", "call-two", ""), BT_R_NEW, 1);
	pools_get(SLOT, &pool);
	pool.server[0].epoch++;
	pool.aim = BT_AIM(2, 0, 0, 2);
	pools_set(SLOT, &pool);
	expect(&plain, request("INFO", "call-one", TAG), BT_R_STALE, 2);
	d = only_entry("st_dialog");
	CHECK(d.server == 2 && d.epoch == 22, "given to server %u with epoch %u", d.server, d.epoch);
	expect(&plain, request("INFO", "call-one", TAG), BT_R_DIALOG, 2);
	expect(&plain, request("INVITE", "call-two", ""), BT_R_STALE, 2);
	pools_aim(SLOT, BT_AIM(3, 0, 0, 1));
	expect(&plain, request("BYE", "call-one", TAG), BT_R_DIALOG, 2);
}

/* Its server died and no other lives: it is not given away, and is the other's when that comes. */
static void test_stale_without_any(void **state)
{
	struct packet_spec spec;
	struct bt_pool pool;

	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	pools_get(SLOT, &pool);
	pool.server[0].epoch++;
	pool.aim = BT_AIM(2, 0, 0, 0);
	pools_set(SLOT, &pool);
	spec = from_client(&plain, request("INVITE", "call-one", ""));
	expect_exit(&spec, BT_S_NO_SERVER, XDP_DROP, "no server");
	pools_aim(SLOT, BT_AIM(3, 0, 0, 2));
	expect(&plain, request("INVITE", "call-one", ""), BT_R_STALE, 2);
	expect(&plain, request("INVITE", "call-one", ""), BT_R_DIALOG, 2);
}

static void test_drain(void **state)
{
	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	pools_aim(SLOT, BT_AIM(2, 0, 1, 2));
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&plain, request("INVITE", "call-two", ""), BT_R_NEW, 2);
	expect(&plain, request("INFO", "call-old", TAG), BT_R_TAGGED_OLD, 1);
	expect(&plain, request("BYE", "call-eld", TAG), BT_R_TAGGED_OLD, 1);
	pools_aim(SLOT, BT_AIM(3, 0, 0, 2));
	expect(&plain, request("BYE", "call-old", TAG), BT_R_DIALOG, 1);
	expect(&plain, request("BYE", "call-eld", TAG), BT_R_TAGGED, 2);
}

/* Pools do not share Call-IDs. */
static void test_pools_are_apart(void **state)
{
	const struct wrap v6 = { .v6 = true };

	(void)state;
	pools_aim(2, BT_AIM(1, 0, 0, 2));
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	expect(&v6, request("INVITE", "call-one", ""), BT_R_NEW, 2);
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&v6, request("ACK", "call-one", TAG), BT_R_DIALOG, 2);
}

/* ---- the brake, and floods ---- */

static void pin_to_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set), "affinity: %s", strerror(errno));
}

static void test_brake(void **state)
{
	struct bt_steer cfg = pools_config_now();
	char id[32];

	(void)state;
	pin_to_one_cpu();
	cfg.new_max = 3;
	pools_config(&cfg);
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "call-%03d", i);
		expect(&plain, request("INVITE", id, ""), i < 3 ? BT_R_NEW : BT_R_NEW_BRAKED, 1);
	}
	CHECK(pools_entries("st_young") == 3, "%u entries, not 3", pools_entries("st_young"));
	for (int i = 0; i < 3; i++) {	/* moving has a brake of its own */
		snprintf(id, sizeof(id), "call-%03d", i);
		expect(&plain, request("ACK", id, TAG), BT_R_DIALOG, 1);
	}
	CHECK(pools_entries("st_dialog") == 3, "%u entries moved, not 3", pools_entries("st_dialog"));
	expect(&plain, request("INFO", "call-unk", TAG), BT_R_TAGGED, 1);
	CHECK(!pools_entries("st_young"), "noted in spite of the brake");
	pools_tick(101);
	expect(&plain, request("INVITE", "call-004", ""), BT_R_NEW, 1);
}

static void invites(const struct packet *in, uint32_t off, uint32_t first, uint32_t n)
{
	struct packet p = *in;

	for (uint32_t i = first; i < first + n; i++) {
		for (int k = 0; k < 6; k++)
			p.data[off + k] = 'a' + (i >> 4 * k & 15);
		rig_verdict(&p, NULL);
	}
}

/* Twice as many begin as st_young has room for, without a brake: who talks already is still known. */
static void test_a_flood_evicts_no_dialog(void **state)
{
	struct bt_steer cfg = pools_config_now();
	struct packet_spec spec = from_client(&plain, request("INVITE", "aaaaaa@x", ""));
	struct packet in;
	uint32_t off;
	char id[32];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "call-%03d", i);
		expect(&plain, request("INVITE", id, ""), BT_R_NEW, 1);
		expect(&plain, request("ACK", id, TAG), BT_R_DIALOG, 1);
	}
	cfg.new_max = UINT32_MAX;
	pools_config(&cfg);
	packet_make(&in, &spec);
	off = (uint8_t *)memmem(in.data, in.len, "Call-ID: ", 9) - in.data + 9;
	invites(&in, off, 0, 2 * BT_YOUNG_MAX);
	CHECK(pools_entries("st_dialog") == 200, "%u of 200 dialogs are left", pools_entries("st_dialog"));
	CHECK(pools_entries("st_young") <= BT_YOUNG_MAX, "%u begun", pools_entries("st_young"));
	pools_aim(SLOT, BT_AIM(2, 0, 0, 2));
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "call-%03d", i);
		expect(&plain, request("BYE", id, TAG), BT_R_DIALOG, 1);
	}
}

/* ---- TCP ---- */

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static void tcp(const struct wrap *w, uint16_t sport, uint8_t flags, uint32_t rung, uint32_t server)
{
	struct packet_spec spec = from_client(w, flags & SYN ? "" : "INVITE sip:b@x SIP/2.0\r\nCall-ID: nobody-looks\r\n");
	struct packet in;
	char what[64];

	spec.proto = IPPROTO_TCP;
	spec.sport = sport;
	packet_make(&in, &spec);
	in.data[in.l4 + 13] = flags;
	snprintf(what, sizeof(what), "%s port %u flags 0x%02x", w->v6 ? "IPv6" : "IPv4", sport, flags);
	expect_packet(&in, rung, server, what);
}

static void connections(const struct wrap *w)
{
	uint32_t slot = slot_of(w);
	struct bt_dialog d;

	reset(NULL);
	tcp(w, 1001, SYN, BT_R_NEW, 1);
	d = only_entry("st_young");
	CHECK(d.kind == BT_D_CONNECTION && d.state == BT_D_NEW && d.owner == slot, "kind %u state %u owner %u", d.kind,
	      d.state, d.owner);
	pools_aim(slot, BT_AIM(2, 0, 0, 2));
	tcp(w, 1001, SYN, BT_R_CONNECTION, 1);		/* sent again */
	tcp(w, 1001, ACK, BT_R_CONNECTION, 1);
	expect_state("st_dialog", BT_D_CONFIRMED, "ACK");
	tcp(w, 1002, SYN, BT_R_NEW, 2);
	tcp(w, 1001, ACK | FIN, BT_R_CONNECTION, 1);
	expect_state("st_dialog", BT_D_OVER, "FIN");
	tcp(w, 1001, ACK, BT_R_CONNECTION, 1);
	tcp(w, 1001, SYN, BT_R_NEW, 2);			/* the same ports once more */
	tcp(w, 1001, ACK, BT_R_CONNECTION, 2);
	expect_state("st_dialog", BT_D_CONFIRMED, "ACK of the second");
	tcp(w, 1001, RST, BT_R_CONNECTION, 2);
	expect_state("st_dialog", BT_D_OVER, "RST");
}

static void test_connections(void **state)
{
	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++) {
		connections(&(struct wrap){ .vlans = vlans, .ihl = 6 });
		connections(&(struct wrap){ .vlans = vlans, .v6 = true, .exts = 3 });
	}
}

static void test_connections_not_known(void **state)
{
	struct bt_pool pool;

	(void)state;
	tcp(&plain, 1001, ACK, BT_R_CONN_UNKNOWN, 1);
	tcp(&plain, 1001, ACK, BT_R_CONNECTION, 1);
	tcp(&plain, 1002, RST, BT_R_CONN_UNKNOWN, 1);
	tcp(&plain, 1002, RST, BT_R_CONN_UNKNOWN, 1);	/* what ends is not noted */
	pools_aim(SLOT, BT_AIM(2, 0, 1, 2));
	tcp(&plain, 1003, ACK, BT_R_CONN_OLD, 1);
	tcp(&plain, 1004, SYN, BT_R_NEW, 2);
	tcp(&plain, 1001, ACK, BT_R_CONNECTION, 1);
	pools_get(SLOT, &pool);
	pool.server[0].epoch++;
	pool.aim = BT_AIM(3, 0, 0, 2);
	pools_set(SLOT, &pool);
	tcp(&plain, 1001, ACK, BT_R_STALE, 2);
	tcp(&plain, 1001, ACK, BT_R_CONNECTION, 2);
}

static void test_syn_flood(void **state)
{
	struct bt_steer cfg = pools_config_now();

	(void)state;
	pin_to_one_cpu();
	cfg.new_max = 2;
	pools_config(&cfg);
	tcp(&plain, 1001, SYN, BT_R_NEW, 1);
	tcp(&plain, 1002, SYN, BT_R_NEW, 1);
	tcp(&plain, 1003, SYN, BT_R_NEW_BRAKED, 1);
	CHECK(!pools_entries("st_dialog"), "a SYN alone is in st_dialog");
}

/* ---- fragments ---- */

static void fragment(const struct wrap *w, bool first, const char *text, uint32_t rung, uint32_t server)
{
	struct packet_spec spec = from_client(w, text);

	spec.fragmented = true;
	spec.frag = first ? PACKET_MORE : 100;
	expect_spec(&spec, rung, server, first ? "first fragment" : "later fragment");
}

static void fragments(const struct wrap *w)
{
	uint32_t slot = slot_of(w);

	reset(NULL);
	expect(w, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	pools_aim(slot, BT_AIM(2, 0, 0, 2));
	fragment(w, false, "the rest comes first", BT_R_FRAGMENT_LOST, 2);
	fragment(w, true, request("INFO", "call-one", TAG), BT_R_DIALOG, 1);
	fragment(w, false, "the rest", BT_R_FRAGMENT, 1);
	fragment(w, false, "and more of it", BT_R_FRAGMENT, 1);
	pools_tick(103);
	fragment(w, false, "late", BT_R_FRAGMENT_LOST, 2);
	fragment(w, true, request("INVITE", "call-two", ""), BT_R_NEW, 2);
	fragment(w, false, "the rest", BT_R_FRAGMENT, 2);
}

static void test_fragments(void **state)
{
	struct packet_spec spec = { .from = POOL_CLIENT4, .to = RIG_US4, .fragmented = true, .frag = 100, .text = "rest" };

	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++) {
		fragments(&(struct wrap){ .vlans = vlans });
		fragments(&(struct wrap){ .vlans = vlans, .v6 = true, .exts = 2 });
	}
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "a later fragment to another address");
}

/* ---- ways out ---- */

static void test_not_ours(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));

	(void)state;
	spec.dport = 5062;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "another port");
	spec.dport = 5060;
	spec.to = RIG_US4;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "another address");
	spec.to = POOL_SERVER4(1);
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "a server's own address");
	spec.to = POOL_SERVICE4;
	spec.proto = 132;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "SCTP");
}

static void test_no_server(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));
	struct bt_pool pool;

	(void)state;
	pools_aim(SLOT, BT_AIM(2, 0, 0, 0));
	expect_exit(&spec, BT_S_NO_SERVER, XDP_DROP, "no server lives");
	pools_aim(SLOT, BT_AIM(2, 0, 0, 3));
	expect_exit(&spec, BT_S_NO_SERVER, XDP_DROP, "a server 3");
	CHECK(!pools_entries("st_young"), "noted with no server");
	pools_aim(SLOT, BT_AIM(3, 0, 0, 1));
	pools_get(SLOT, &pool);
	pool.server[0].ifindex = 0;
	pools_set(SLOT, &pool);
	expect_exit(&spec, BT_S_NO_NEXT_HOP, XDP_DROP, "no next hop");
	pool.name_hash = 0;
	pools_set(SLOT, &pool);
	expect_exit(&spec, BT_S_BROKEN, XDP_DROP, "an empty slot");
}

static void test_loop(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));
	struct pools_seen seen;
	struct packet in;

	(void)state;
	packet_make(&in, &spec);
	memcpy(in.data + 6, POOL_OUR_MAC, 6);
	seen = pools_run(&in, NULL);
	CHECK(seen.exit == BT_S_LOOP && seen.verdict == XDP_DROP, "%s with verdict %u", pools_exit_name(seen.exit), seen.verdict);
}

static void spoiled(struct packet *p, const char *what)
{
	struct pools_seen seen = pools_run(p, NULL);

	CHECK(seen.exit == BT_S_MALFORMED && seen.verdict == XDP_DROP && seen.rung == BT_R__N, "%s: %s with verdict %u, rung %s", what,
	      pools_exit_name(seen.exit), seen.verdict, pools_rung_name(seen.rung));
}

static void test_malformed(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));
	struct packet p;

	(void)state;
	packet_make(&p, &spec);
	p.data[p.l4 + 4] = 0xff;
	spoiled(&p, "UDP longer than the packet");
	packet_make(&p, &spec);
	p.data[p.l4 + 4] = 0;
	p.data[p.l4 + 5] = 7;
	spoiled(&p, "UDP shorter than its header");
	spec.proto = IPPROTO_TCP;
	packet_make(&p, &spec);
	p.data[p.l4 + 12] = 0x40;
	spoiled(&p, "TCP header of 16 bytes");
	spec.text = "x";
	packet_make(&p, &spec);
	p.data[p.l4 + 12] = 0xf0;
	spoiled(&p, "TCP header beyond the packet");
}

/* A VIP's frames come here only through its gate. */
static void test_behind_a_gate(void **state)
{
	struct bt_vip vip = { .group = 0, .index = RIG_V_SIP4, .flags = BT_VIP_STEERED };
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));
	struct in6_addr ip;
	struct packet in;
	uint32_t exit;

	(void)state;
	packet_ip(RIG_VIP4, &ip);
	CHECK(!bpf_map_update_elem(rig_map("cfg_vip4"), ip.s6_addr + 12, &vip, BPF_ANY), "cfg_vip4");
	pools_service(RIG_VIP4, 5060, SLOT, 0);
	spec.to = RIG_VIP4;
	packet_make(&in, &spec);
	exit = rig_xdp(&in, NULL, NULL);
	CHECK(exit == BT_X_VIP_SHUT, "gate shut: %s", rig_xdp_name(exit));
	rig_open_gate(0);
	expect_spec(&spec, BT_R_NEW, 1, "gate open");
	spec.dport = 5062;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "another port of the VIP");
}

/* ---- userspace is handed something ---- */

static void test_refused(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-two", ""));
	struct bt_slow slow;

	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	pools_aim(SLOT, BT_AIM(2, BT_AIM_REJECT, 0, 1));
	expect_exit(&spec, BT_S_HANDED_REJECT, XDP_DROP, "a new INVITE");
	CHECK(pools_slow(&slow) && slow.kind == BT_SLOW_REJECT && slow.owner == SLOT && slow.status == 0 && slow.call_id &&
	      !memcmp(slow.frame + slow.payload, "INVITE ", 7), "what userspace got: kind %u owner %u payload at %u", slow.kind,
	      slow.owner, slow.payload);
	CHECK(!pools_slow(NULL), "more than one was handed over");
	CHECK(pools_entries("st_young") == 1, "the refused one was noted");
	expect(&plain, request("INVITE", "call-one", ""), BT_R_DIALOG, 1);
	expect(&plain, request("ACK", "call-two", TAG), BT_R_TAGGED, 1);
	expect(&plain, request("SUBSCRIBE", "call-sub", ""), BT_R_NEW, 1);
	expect(&plain, request("REGISTER", "call-reg", ""), BT_R_OUTSIDE, 1);
}

static void test_kept(void **state)
{
	struct bt_slow slow;
	struct bt_pool pool;

	(void)state;
	pools_get(SLOT, &pool);
	pool.flags = BT_POOL_KEEP;
	pools_set(SLOT, &pool);
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	CHECK(pools_slow(&slow) && slow.kind == BT_SLOW_KEEP && slow.server == 1 && slow.call_id, "kind %u server %u", slow.kind,
	      slow.server);
	CHECK(!memcmp(slow.frame, PACKET_MAC_DST, 6), "kept after it was changed");
	expect(&plain, request("ACK", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&plain, request("INVITE", "call-one", TAG), BT_R_DIALOG, 1);
	expect(&plain, request("SUBSCRIBE", "call-two", ""), BT_R_NEW, 1);
	CHECK(!pools_slow(NULL), "kept, though no answer to it can lead it elsewhere");
}

static void fill_slow_ring(const struct packet_spec *spec)
{
	struct packet in;

	packet_make(&in, spec);
	for (int i = 0; i < BT_SLOW_BYTES / 2048; i++)
		rig_verdict(&in, NULL);
}

static void test_slow_full(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-two", ""));

	(void)state;
	pools_aim(SLOT, BT_AIM(2, BT_AIM_REJECT, 0, 1));
	fill_slow_ring(&spec);
	expect_exit(&spec, BT_S_SLOW_FULL, XDP_DROP, "ring full");
}

static uint64_t request_ns(uint32_t slot, uint32_t server)
{
	struct bt_pool_seen seen;

	CHECK(!bpf_map_lookup_elem(rig_map("st_pool_seen"), &slot, &seen), "st_pool_seen");
	return seen.request_ns[server - 1];
}

/* Frames of these tests come from this server's network card. */
static void on_the_wire(uint32_t slot, uint32_t server, enum bt_forward forward)
{
	struct bt_pool pool;

	pools_get(slot, &pool);
	pool.forward = forward;
	memcpy(pool.server[server - 1].next_mac, PACKET_MAC_SRC, 6);
	pools_set(slot, &pool);
}

static void from_own_server(const struct wrap *w)
{
	struct packet_spec spec = from_client(w, request("OPTIONS", "call-one", ""));
	struct bt_slow slow;

	reset(NULL);
	on_the_wire(slot_of(w), 2, BT_FWD_NAT);
	spec.from = w->v6 ? POOL_SERVER6(2) : POOL_SERVER4(2);
	spec.sport = 5060;
	expect_exit(&spec, BT_S_FROM_SERVER, XDP_DROP, "a server's request to its own service");
	CHECK(pools_slow(&slow) && slow.kind == BT_SLOW_FROM_SERVER && slow.server == 2 && slow.owner == slot_of(w),
	      "kind %u server %u owner %u", slow.kind, slow.server, slow.owner);
	CHECK(request_ns(slot_of(w), 2) && !request_ns(slot_of(w), 1), "seen: %llu of server 1, %llu of server 2",
	      (unsigned long long)request_ns(slot_of(w), 1), (unsigned long long)request_ns(slot_of(w), 2));
	reset(NULL);
	spec.sport = 5061;
	expect_spec(&spec, BT_R_OUTSIDE, 1, "a client on the server's host");
}

static void test_from_own_server(void **state)
{
	(void)state;
	from_own_server(&plain);
	from_own_server(&(struct wrap){ .v6 = true, .vlans = 1 });
}

/* The callee's requests come to the service: to the server that called, whoever is active. */
static void test_own_server_calls(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-out", ""));
	struct bt_pool pool;

	(void)state;
	on_the_wire(SLOT, 2, BT_FWD_NAT);
	spec.from = POOL_SERVER4(2);
	spec.sport = 5060;
	expect_exit(&spec, BT_S_FROM_SERVER, XDP_DROP, "a call by the service");
	spec.text = request("ACK", "call-out", TAG);
	expect_exit(&spec, BT_S_FROM_SERVER, XDP_DROP, "its ACK");
	pools_get(SLOT, &pool);
	pool.forward = BT_FWD_L2;
	memcpy(pool.server[1].next_mac, POOL_MAC(2), 6);
	pools_set(SLOT, &pool);
	expect(&plain, request("BYE", "call-out", TAG), BT_R_DIALOG, 2);
}

/* ---- what servers show ---- */

static void server_sends(const struct wrap *w, const char *text, bool shows)
{
	struct packet_spec spec = from_client(w, text);
	uint64_t before = rig_now();

	reset(NULL);
	on_the_wire(slot_of(w), 2, BT_FWD_L2);
	spec.to = spec.from;
	spec.from = w->v6 ? POOL_SERVER6(2) : POOL_SERVER4(2);
	spec.sport = 5060;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "from a server that answers by itself");
	CHECK(!request_ns(slot_of(w), 1) && shows == (request_ns(slot_of(w), 2) >= before), "%.20s: seen %llu", text,
	      (unsigned long long)request_ns(slot_of(w), 2));
}

static void test_who_asks_is_active(void **state)
{
	const struct wrap v6 = { .v6 = true, .vlans = 1 };

	(void)state;
	server_sends(&plain, request("INVITE", "call-one", ""), true);
	server_sends(&plain, request("REGISTER", "call-one", ""), true);
	server_sends(&v6, request("OPTIONS", "call-one", ""), true);
	server_sends(&plain, request("BYE", "call-one", TAG), false);
	server_sends(&plain, answer(200, "OPTIONS", "call-one", TAG), false);
	server_sends(&plain, "\r\n\r\n", false);
	server_sends(&plain, "not SIP, but long enough", false);
}

/* The source address is anybody's to write: it moves no pool. */
static void test_a_forged_source_shows_nothing(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));

	(void)state;
	spec.from = POOL_SERVER4(2);
	spec.sport = 5060;
	expect_exit(&spec, BT_S_FROM_SERVER, XDP_DROP, "to the service");
	spec.to = POOL_CLIENT4;
	expect_exit(&spec, BT_S_NOT_OURS, XDP_PASS, "to a client");
	CHECK(!request_ns(SLOT, 2), "seen: %llu", (unsigned long long)request_ns(SLOT, 2));
}

/* A pool's server asks another pool: it goes there, and shows who is active where it came from. */
static void test_server_asks_another_pool(void **state)
{
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", ""));
	struct bt_pool pool;

	(void)state;
	pools_get(SLOT, &pool);
	pools_set(3, &pool);
	on_the_wire(3, 2, BT_FWD_L2);
	pools_service("10.77.0.99", 5060, 3, 2);
	spec.from = "10.77.0.99";
	spec.sport = 5060;
	expect_spec(&spec, BT_R_NEW, 1, "another pool's server");
	CHECK(request_ns(3, 2), "not seen");
}

static void nat_pool(void)
{
	struct bt_pool pool;

	pools_get(SLOT, &pool);
	pool.forward = BT_FWD_NAT;
	pools_set(SLOT, &pool);
}

static struct pools_seen nat_answer(const char *text)
{
	struct packet_spec spec = { .from = POOL_SERVER4(1), .to = POOL_CLIENT4, .dport = 5090, .text = text };
	struct packet in;

	packet_make(&in, &spec);
	return pools_run(&in, NULL);
}

/* With NAT the answers tell how far it has come. */
static void test_answers(void **state)
{
	static const struct { int status; const char *method; uint32_t state; } steps[] = {
		{ 100, "INVITE", BT_D_NEW }, { 183, "INVITE", BT_D_EARLY }, { 200, "PRACK", BT_D_EARLY },
		{ 200, "INVITE", BT_D_CONFIRMED }, { 491, "INVITE", BT_D_CONFIRMED }, { 200, "BYE", BT_D_OVER },
	};
	char what[32];

	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	nat_pool();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		nat_answer(answer(steps[i].status, steps[i].method, "call-one", TAG));
		snprintf(what, sizeof(what), "%d to %s", steps[i].status, steps[i].method);
		expect_state("st_young", steps[i].state, what);
	}
	reset(state);
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	nat_pool();
	nat_answer(answer(486, "INVITE", "call-one", TAG));
	expect_state("st_young", BT_D_OVER, "486");
}

/* Calls that a server begins are known too. */
static void test_server_begins(void **state)
{
	struct bt_dialog d;

	(void)state;
	on_the_wire(SLOT, 1, BT_FWD_NAT);
	nat_answer(request("INVITE", "call-out", ""));
	d = only_entry("st_young");
	CHECK(d.server == 1 && d.owner == SLOT && d.kind == BT_D_CALL && d.state == BT_D_NEW, "server %u owner %u kind %u state %u",
	      d.server, d.owner, d.kind, d.state);
	CHECK(request_ns(SLOT, 1), "its request was not seen");
}

static void set_overflow(int status)
{
	struct bt_pool pool;

	pools_get(SLOT, &pool);
	pool.forward = BT_FWD_NAT;
	pool.overflow[(status - 300) / 64] = 1ULL << (status - 300) % 64;
	pools_set(SLOT, &pool);
}

static void test_overflow(void **state)
{
	static const int statuses[] = { 300, 363, 364, 503, 699 };
	struct pools_seen seen;
	struct bt_slow slow;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		reset(state);
		expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
		set_overflow(statuses[i]);
		for (int again = 0; again < 2; again++) {
			seen = nat_answer(answer(statuses[i], "INVITE", "call-one", TAG));
			CHECK(seen.exit == BT_S_HANDED_OVERFLOW && seen.verdict == XDP_DROP, "%d: %s", statuses[i], pools_exit_name(seen.exit));
			CHECK(pools_slow(&slow) && slow.kind == BT_SLOW_OVERFLOW && slow.server == 1 && slow.status == statuses[i] && slow.call_id,
			      "%d: kind %u server %u status %u", statuses[i], slow.kind, slow.server, slow.status);
		}
		seen = nat_answer(answer(statuses[i] == 503 ? 502 : 503, "INVITE", "call-one", TAG));
		CHECK(seen.exit != BT_S_HANDED_OVERFLOW, "another status than %d was handed over", statuses[i]);
	}
}

/* Userspace could not read it, and nobody would give it back. */
static void test_no_overflow_of_fragments(void **state)
{
	struct packet_spec spec = { .from = POOL_SERVER4(1), .to = POOL_CLIENT4, .dport = 5090, .fragmented = true, .frag = PACKET_MORE };
	struct pools_seen seen;
	struct packet in;

	(void)state;
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	set_overflow(503);
	spec.text = answer(503, "INVITE", "call-one", TAG);
	packet_make(&in, &spec);
	seen = pools_run(&in, NULL);
	CHECK(seen.exit != BT_S_HANDED_OVERFLOW && seen.verdict != XDP_DROP, "a refusal's first fragment: %s with verdict %u",
	      pools_exit_name(seen.exit), seen.verdict);
	expect_state("st_young", BT_D_OVER, "503");
}

static void test_no_overflow(void **state)
{
	struct pools_seen seen;

	(void)state;
	set_overflow(503);
	seen = nat_answer(answer(503, "INVITE", "call-one", TAG));
	CHECK(seen.exit != BT_S_HANDED_OVERFLOW, "of a call that is not known: %s", pools_exit_name(seen.exit));
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	seen = nat_answer(answer(503, "BYE", "call-one", TAG));
	CHECK(seen.exit != BT_S_HANDED_OVERFLOW, "to BYE: %s", pools_exit_name(seen.exit));
	nat_answer(answer(200, "INVITE", "call-one", TAG));
	seen = nat_answer(answer(503, "INVITE", "call-one", TAG));
	CHECK(seen.exit != BT_S_HANDED_OVERFLOW, "of a confirmed call: %s", pools_exit_name(seen.exit));
}

/* ---- trace ---- */

static void test_trace(void **state)
{
	struct bt_steer cfg = pools_config_now();
	struct bt_trace t;
	struct in6_addr ip;

	(void)state;
	pin_to_one_cpu();
	expect(&plain, request("INVITE", "call-one", ""), BT_R_NEW, 1);
	CHECK(!pools_trace(NULL), "traced while off");
	cfg.trace_every = 1;
	pools_config(&cfg);
	expect(&plain, request("BYE", "call-one", TAG), BT_R_DIALOG, 1);
	CHECK(pools_trace(&t), "nothing was traced");
	packet_ip(POOL_CLIENT4, &ip);
	CHECK(t.pool == SLOT && t.server == 1 && t.proto == IPPROTO_UDP && t.rung == BT_R_DIALOG && t.exit == BT_S_SENT &&
	      t.method == BT_M_BYE && !t.status && t.from_port == htons(5090) && t.to_port == htons(5060) && t.call_id &&
	      t.at_ns && !memcmp(t.from, &ip, 16), "pool %u server %u proto %u rung %s exit %s method %u status %u", t.pool, t.server,
	      t.proto, pools_rung_name(t.rung), pools_exit_name(t.exit), t.method, t.status);
	expect(&plain, answer(200, "INVITE", "call-two", TAG), BT_R_TAGGED, 1);
	CHECK(pools_trace(&t) && t.status == 200 && t.method == BT_M_INVITE, "status %u method %u", t.status, t.method);
	cfg.trace_every = 3;
	pools_config(&cfg);
	for (int i = 1; i <= 6; i++) {
		expect(&plain, "\r\n\r\n", BT_R_KEEPALIVE, 1);
		CHECK(pools_trace(&t) == (i % 3 == 0), "one of three: wrong at the %dth", i);
	}
	CHECK(t.method == BT_M__N && t.rung == BT_R_KEEPALIVE, "method %u rung %s", t.method, pools_rung_name(t.rung));
}

/* ---- whatever comes ---- */

/* Each is counted by one exit, and a decided one by one rung. */
static void balance(const char *what)
{
	static const uint32_t decided[] = { BT_S_SENT, BT_S_NO_SERVER, BT_S_NO_NEXT_HOP, BT_S_TOLD, BT_S_TOO_BIG, BT_S_HANDED_BIG,
					    BT_S_TTL };
	uint64_t counts[BT_X__N], exits = 0, ends = 0, rungs = 0;
	struct bt_pool_count count;

	rig_xdp_counts(counts);
	for (uint32_t i = 0; i < BT_S__N; i++)
		exits += pools_exit_count(i);
	for (size_t i = 0; i < sizeof(decided) / sizeof(decided[0]); i++)
		ends += pools_exit_count(decided[i]);
	for (uint32_t p = 0; p <= 2; p++) {
		pools_count(p, &count);
		for (uint32_t i = 0; i < BT_R__N; i++)
			rungs += count.rung[i];
	}
	CHECK(exits == counts[BT_X_STEERED], "%s: %llu exits of %llu frames", what, (unsigned long long)exits,
	      (unsigned long long)counts[BT_X_STEERED]);
	CHECK(rungs == ends, "%s: %llu rungs of %llu decided frames", what, (unsigned long long)rungs, (unsigned long long)ends);
}

static void test_every_truncation(void **state)
{
	struct packet in, cut;
	struct packet_spec spec;

	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		const struct wrap w = { .v6 = v6, .vlans = 1 };

		spec = from_client(&w, request("INVITE", "call-one", TAG));
		packet_make(&in, &spec);
		for (cut = in; cut.len >= 14; cut.len--)
			rig_verdict(&cut, NULL);
		for (uint32_t n = spec.payload_len = strlen(spec.text); n--;) {	/* whole headers, less and less SIP */
			struct packet_spec less = spec;

			less.payload = spec.text;
			less.text = NULL;
			less.payload_len = n;
			packet_make(&cut, &less);
			rig_verdict(&cut, NULL);
		}
	}
	balance("truncated");
}

static void test_every_byte(void **state)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff, '\r', '\n', ' ', ':', ';' };
	struct packet_spec spec = from_client(&plain, request("INVITE", "call-one", TAG));
	struct packet in, bad;

	(void)state;
	packet_make(&in, &spec);
	for (uint32_t i = 0; i < in.len; i++)
		for (size_t k = 0; k < sizeof(values); k++) {
			bad = in;
			bad.data[i] = values[k];
			rig_verdict(&bad, NULL);
		}
	balance("one byte differs");
}

static uint32_t replay(const char *dir, const char *sub)
{
	static uint8_t bytes[PACKET_MAX - 100];
	char path[512];
	struct dirent *e;
	uint32_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		struct packet_spec spec = from_client(&(struct wrap){ .v6 = n & 1 }, NULL);
		struct packet in;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!f)
			continue;
		spec.payload = bytes;
		spec.payload_len = fread(bytes, 1, 1460, f);
		fclose(f);
		packet_make(&in, &spec);
		rig_verdict(&in, NULL);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void test_corpus(void **state)
{
	const char *dir = getenv("BATON_CORPUS");
	uint32_t n;

	(void)state;
	if (!dir) {
		print_message("BATON_CORPUS is not set: its messages are not steered here\n");
		return;
	}
	n = replay(dir, "rfc4475");
	CHECK(n > 20, "%s has only %u messages", dir, n);
	balance("corpus");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, reset)
		T(test_a_call_stays), T(test_first_call_id_leads), T(test_cancelled), T(test_subscriptions), T(test_outside_of_dialogs), T(test_not_known),
		T(test_stale), T(test_stale_without_any), T(test_drain), T(test_pools_are_apart), T(test_brake),
		T(test_a_flood_evicts_no_dialog), T(test_connections), T(test_connections_not_known), T(test_syn_flood),
		T(test_fragments), T(test_not_ours), T(test_no_server), T(test_loop), T(test_malformed), T(test_behind_a_gate),
		T(test_refused), T(test_kept), T(test_slow_full), T(test_from_own_server), T(test_own_server_calls), T(test_who_asks_is_active),
		T(test_a_forged_source_shows_nothing),
		T(test_server_asks_another_pool), T(test_answers), T(test_server_begins), T(test_overflow), T(test_no_overflow),
		T(test_no_overflow_of_fragments),
		T(test_trace), T(test_every_truncation), T(test_every_byte), T(test_corpus),
	};

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
