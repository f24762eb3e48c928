/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stages: a stage that a frame comes to is never left out, and what costs most is loaded only where it is needed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/conf.h"
#include "core/stages.h"

#define NO_MODE	-1

static const struct one {
	const char *what;
	int mode[2];
	uint32_t n_pools;
	bool steer, calls, cluster;
} cases[] = {
	{ "takeover", { MODE_TAKEOVER, NO_MODE }, 0, .calls = true },
	{ "single-host", { MODE_SINGLE_HOST, NO_MODE }, 0, .calls = true },
	{ "cluster", { MODE_CLUSTER, NO_MODE }, 0, .calls = true, .cluster = true },
	{ "pools alone", { NO_MODE, NO_MODE }, 1, .steer = true },
	{ "proxy", { MODE_PROXY, NO_MODE }, 2, .steer = true },
	{ "proxy, whose pools are to come", { MODE_PROXY, NO_MODE }, 0, .steer = true },
	{ "takeover beside pools", { MODE_TAKEOVER, NO_MODE }, 1, .steer = true, .calls = true },
	{ "cluster beside pools", { MODE_CLUSTER, NO_MODE }, 1, .steer = true, .calls = true, .cluster = true },
	{ "takeover, then cluster", { MODE_TAKEOVER, MODE_CLUSTER }, 0, .calls = true, .cluster = true },
	{ "proxy, then takeover", { MODE_PROXY, MODE_TAKEOVER }, 1, .steer = true, .calls = true },
};

static void check(const struct one *t, enum bt_stage_id id, const char *stage, bool want)
{
	static struct conf conf;	/* large */
	bool is;

	conf.n_groups = (t->mode[0] != NO_MODE) + (t->mode[1] != NO_MODE);
	conf.n_pools = t->n_pools;
	for (uint32_t i = 0; i < conf.n_groups; i++)
		conf.groups[i].mode = (enum conf_mode)t->mode[i];
	is = stages_of(&conf) & STAGE_BIT(id);
	if (is != want)
		fail_msg("%s: the stage %s is %s, expected %s", t->what, stage, is ? "loaded" : "left out", want ? "loaded" : "left out");
}

static void each_configuration_has_its_stages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check(&cases[i], BT_STAGE_STEER, "steer", cases[i].steer);
		check(&cases[i], BT_STAGE_CALLS, "calls", cases[i].calls);
		check(&cases[i], BT_STAGE_CLUSTER, "cluster", cases[i].cluster);
		check(&cases[i], BT_STAGE_PULSE, "pulse", true);
		check(&cases[i], BT_STAGE_ANSWER, "answer", true);
		check(&cases[i], BT_STAGE_WATCH, "watch", true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_configuration_has_its_stages) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
