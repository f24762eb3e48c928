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
				 (v)->server_ill, (v)->orphaned, (v)->reason); \
	} while (0)

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
	CHECK(v->running || !f->link_up || v->server_ill, f, v);
	CHECK(v->running || v->reason[0], f, v);
}

static void blame_law(const struct service_facts *f, const struct service_verdict *v)
{
	struct service_facts up = *f;
	struct service_verdict well;

	up.link_up = true;
	well = service_judge(&up);
	CHECK(v->server_ill == !well.running, f, v);	/* the link never changes whose fault it is */
	CHECK(v->server_ill == well.server_ill, f, v);
	CHECK(!v->server_ill || !strcmp(v->reason, well.reason), f, v);
	CHECK((!strcmp(v->reason, "link-down")) == (!f->link_up && !v->server_ill), f, v);
}

static void orphan_law(const struct service_facts *f, const struct service_verdict *v)
{
	CHECK(v->orphaned == (f->process == PROCESS_GONE && f->listener == LISTENER_THERE), f, v);
	CHECK(!v->orphaned || !v->server_ill, f, v);	/* an alarm, never a move */
}

/* More trouble never makes a server run: facts that get worse cannot turn unavailable into running. */
static void worse_law(const struct service_facts *f, const struct service_verdict *v)
{
	struct service_facts worse = *f;
	struct service_verdict w;

	worse.listener = LISTENER_LOST;
	w = service_judge(&worse);
	CHECK(!w.running && w.server_ill, &worse, &w);
	CHECK(v->running || !w.running, f, v);
}

static void test_running(void **state) { (void)state; for_all(running_law); }
static void test_blame(void **state) { (void)state; for_all(blame_law); }
static void test_orphan(void **state) { (void)state; for_all(orphan_law); }
static void test_worse(void **state) { (void)state; for_all(worse_law); }

/* The words that logs, status and the manual promise. */
static void test_words(void **state)
{
	static const struct {
		struct service_facts f;
		bool running;
		const char *reason;
	} rows[] = {
		{ { PROCESS_NOT_WATCHED, LISTENER_NOT_WATCHED, true }, true, "" },
		{ { PROCESS_ALIVE, LISTENER_THERE, true }, true, "" },
		{ { PROCESS_ALIVE, LISTENER_THERE, false }, false, "link-down" },
		{ { PROCESS_NOT_WATCHED, LISTENER_NEVER_SEEN, true }, true, "listener-not-seen-yet" },
		{ { PROCESS_ALIVE, LISTENER_NEVER_SEEN, true }, true, "listener-not-seen-yet" },
		{ { PROCESS_ALIVE, LISTENER_LOST, true }, false, "listener-lost" },
		{ { PROCESS_NOT_WATCHED, LISTENER_LOST, true }, false, "listener-lost" },
		{ { PROCESS_GONE, LISTENER_LOST, true }, false, "process-gone" },
		{ { PROCESS_GONE, LISTENER_LOST, false }, false, "process-gone" },
		{ { PROCESS_GONE, LISTENER_NOT_WATCHED, true }, false, "process-gone" },
		{ { PROCESS_GONE, LISTENER_NEVER_SEEN, true }, false, "process-not-running" },
		{ { PROCESS_GONE, LISTENER_THERE, true }, true, "main-process-gone" },
		{ { PROCESS_GONE, LISTENER_THERE, false }, false, "link-down" },
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
		cmocka_unit_test(test_worse), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
