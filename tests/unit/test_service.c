/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_service: laws over every combination of facts, then the few words that are promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/service.h"

#define CHECK(cond, f, v) \
	do { \
		if (!(cond)) \
			fail_msg("%s: process=%d listener=%d link=%d gave running=%d ill=%d orphaned=%d reason=\"%s\"", \
				 #cond, (f)->process, (f)->listener, (f)->link_up, (v)->running, \
				 (v)->unfit, (v)->orphaned, (v)->reason); \
	} while (0)

#define FACTS(p, l, up)	{ .process = p, .listener = l, .link_up = up }

static void for_all(void (*law)(const struct service_facts *f, const struct service_verdict *v))
{
	for (int p = PROCESS_NOT_WATCHED; p <= PROCESS_GONE; p++)
		for (int l = LISTENER_NOT_WATCHED; l <= LISTENER_LOST; l++)
			for (int up = 0; up <= 1; up++) {
				struct service_facts f = { .process = p, .listener = l, .link_up = up };
				struct service_verdict v = service_judge(&f);

				law(&f, &v);
			}
}

static void running_law(const struct service_facts *f, const struct service_verdict *v)
{
	bool gone = f->process == PROCESS_GONE;

	CHECK(!v->running || f->link_up, f, v);
	CHECK(!v->running || f->listener != LISTENER_LOST, f, v);
	CHECK(!v->running || !gone || f->listener == LISTENER_THERE, f, v);
	CHECK(v->running || !f->link_up || v->unfit, f, v);
	CHECK(v->running || v->reason[0], f, v);
}

static void blame_law(const struct service_facts *f, const struct service_verdict *v)
{
	struct service_facts up = *f;
	struct service_verdict well;

	up.link_up = true;
	well = service_judge(&up);
	CHECK(v->unfit == !well.running, f, v);	/* the link never changes whose fault it is */
	CHECK(v->unfit == well.unfit, f, v);
	CHECK(!v->unfit || !strcmp(v->reason, well.reason), f, v);
	CHECK((!strcmp(v->reason, "link-down")) == (!f->link_up && !v->unfit), f, v);
}

static void orphan_law(const struct service_facts *f, const struct service_verdict *v)
{
	CHECK(v->orphaned == (f->process == PROCESS_GONE && f->listener == LISTENER_THERE), f, v);
	CHECK(!v->orphaned || !v->unfit, f, v);	/* an alarm, never a move */
}

/* More trouble never makes a server run: facts that get worse cannot turn unavailable into running. */
static void worse_law(const struct service_facts *f, const struct service_verdict *v)
{
	struct service_facts worse = *f;
	struct service_verdict w;

	worse.listener = LISTENER_LOST;
	w = service_judge(&worse);
	CHECK(!w.running && w.unfit, &worse, &w);
	CHECK(v->running || !w.running, f, v);
}

static void test_running(void **state) { (void)state; for_all(running_law); }
static void test_blame(void **state) { (void)state; for_all(blame_law); }
static void test_orphan(void **state) { (void)state; for_all(orphan_law); }
static void test_worse(void **state) { (void)state; for_all(worse_law); }

/* Each of the other monitors, by itself: failed it is a trouble of its own word and event, and else it says nothing. */
static void test_monitors(void **state)
{
	static const struct {
		size_t at;
		const char *word, *event;
	} rows[] = {
		{ offsetof(struct service_facts, port), "port-cannot-open", "00-04200" },
		{ offsetof(struct service_facts, answers), "server-hung", "service-unavailable" },
		{ offsetof(struct service_facts, nic), "nic-failed", "00-52027" },
		{ offsetof(struct service_facts, management), "management-nic-failed", "management-nic" },
		{ offsetof(struct service_facts, vip), "vip-failed", "00-52029" },
		{ offsetof(struct service_facts, traffic), "no-sip-traffic", "no-sip-traffic" },
		{ offsetof(struct service_facts, trunks), "trunks-out-of-service", "trunks-out-of-service" },
		{ offsetof(struct service_facts, msml), "msml-out-of-service", "msml-out-of-service" },
		{ offsetof(struct service_facts, init), "not-ready", "backup-not-ready" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int fact = FACT_NOT_WATCHED; fact <= FACT_FAILED; fact++) {
			struct service_facts f = FACTS(PROCESS_ALIVE, LISTENER_THERE, true);
			struct service_verdict v;
			bool bad = fact == FACT_FAILED;

			*(enum fact_health *)((char *)&f + rows[i].at) = fact;
			v = service_judge(&f);
			CHECK(v.running == !bad && v.unfit == bad && !strcmp(v.reason, bad ? rows[i].word : ""), &f, &v);
			CHECK(!strcmp(service_event(v.trouble), bad ? rows[i].event : ""), &f, &v);
			CHECK(v.able == (!bad || v.trouble > TROUBLE_HUNG), &f, &v);
			CHECK(!bad == !service_text(v.trouble)[0], &f, &v);
		}
}

/* A server that writes its core has ended, whatever its sockets and its process still look like. */
static void test_core_dump(void **state)
{
	struct service_facts f = { PROCESS_ALIVE, LISTENER_THERE, true, .dumping = true };
	struct service_verdict v = service_judge(&f);

	(void)state;
	CHECK(!v.running && v.unfit && !v.able && !v.orphaned && !strcmp(v.reason, "core-dump"), &f, &v);
	f.process = PROCESS_GONE;
	v = service_judge(&f);
	CHECK(!v.running && !v.orphaned && !strcmp(v.reason, "core-dump"), &f, &v);
}

/* A dead worker is worth an alarm, and no verdict: whether the server still answers is another fact. */
static void test_worker(void **state)
{
	struct service_facts f = { PROCESS_ALIVE, LISTENER_THERE, true, .worker = "kamailio (pid 7) has crashed" };
	struct service_verdict v = service_judge(&f);

	(void)state;
	CHECK(v.running && v.wounded && !strcmp(v.worker, f.worker), &f, &v);
	f.worker = NULL;
	v = service_judge(&f);
	CHECK(v.running && !v.wounded && !v.worker[0], &f, &v);
}

/* The words that logs, status and the manual promise. */
static void test_words(void **state)
{
	static const struct {
		struct service_facts f;
		bool running;
		const char *reason;
	} rows[] = {
		{ FACTS(PROCESS_NOT_WATCHED, LISTENER_NOT_WATCHED, true), true, "" },
		{ FACTS(PROCESS_ALIVE, LISTENER_THERE, true), true, "" },
		{ { PROCESS_ALIVE, LISTENER_THERE, true, .mute = true }, true, "options-unanswered" },
		{ FACTS(PROCESS_ALIVE, LISTENER_THERE, false), false, "link-down" },
		{ FACTS(PROCESS_NOT_WATCHED, LISTENER_NEVER_SEEN, true), true, "listener-not-seen-yet" },
		{ FACTS(PROCESS_ALIVE, LISTENER_NEVER_SEEN, true), true, "listener-not-seen-yet" },
		{ FACTS(PROCESS_ALIVE, LISTENER_LOST, true), false, "listener-lost" },
		{ FACTS(PROCESS_NOT_WATCHED, LISTENER_LOST, true), false, "listener-lost" },
		{ FACTS(PROCESS_GONE, LISTENER_LOST, true), false, "process-gone" },
		{ FACTS(PROCESS_GONE, LISTENER_LOST, false), false, "process-gone" },
		{ FACTS(PROCESS_GONE, LISTENER_NOT_WATCHED, true), false, "process-gone" },
		{ FACTS(PROCESS_GONE, LISTENER_NEVER_SEEN, true), false, "process-not-running" },
		{ FACTS(PROCESS_GONE, LISTENER_THERE, true), true, "main-process-gone" },
		{ FACTS(PROCESS_GONE, LISTENER_THERE, false), false, "link-down" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service_verdict v = service_judge(&rows[i].f);

		CHECK(v.running == rows[i].running && !strcmp(v.reason, rows[i].reason), &rows[i].f, &v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running), cmocka_unit_test(test_blame), cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_worse), cmocka_unit_test(test_words), cmocka_unit_test(test_monitors), cmocka_unit_test(test_core_dump),
		cmocka_unit_test(test_worker),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
