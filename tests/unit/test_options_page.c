/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is every option of the guide there, with the guide's default, range and moment of effect? Is what is out of its range
 * refused with file, line and range? And which test sees that it does something?
 *
 * An option that acts must name a test that is there and that sets it; one that does not act yet must say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/conf.h"
#include "core/opts.h"
#include "core/where.h"

#define BAD_MAX	5
#define NET(file, test)	"tests/net/test_" file ".py", test
#define SYS(file, test)	"tests/sys/test_" file ".c", test
#define UNIT(file, test) "tests/unit/test_" file ".c", test
#define LATER	NULL, NULL

#define FLAG		{ "yes", "True", "1", "maybe", "" }
#define PLACE		{ "scripts/up", "/a/../b", "/a b", "" }
#define NAMES		{ "a b", "a/b", "12345678901234567890123456789012", "" }
#define SITES		{ "1234567890123456789012345678901234567890123456789012345678901234", "" }

static const struct row {
	enum opt_section section;
	const char *name, *def, *valid, *effect;
	const char *bad[BAD_MAX];	/* below, above, junk; ends at NULL */
	const char *file, *test;	/* that sees it act */
} rows[] = {
	{ SEC_TSERVER, "backup-init-check", "false", "true, false", "restart", FLAG,
	  NET("ready", "test_a_backup_that_is_not_ready_serves_only_as_the_last_one") },
	{ SEC_TSERVER, "backup-init-check-timeout", "60", "15 .. 3600 s", "restart", { "14", "3601", "60s", "-60", "" },
	  NET("ready", "test_a_backup_that_is_not_ready_serves_only_as_the_last_one") },
	{ SEC_TSERVER, "backup-sip-port-check", "true", "true, false", "restart", FLAG, SYS("health", "test_init_port_not_asked") },
	{ SEC_TSERVER, "control-vip-scripts", "false", "true, false", "restart", FLAG, NET("scripts", "test_scripts_place_the_vip") },
	{ SEC_TSERVER, "control-remote-vip-scripts", "true", "true, false", "restart", FLAG,
	  NET("scripts", "test_a_script_that_fails_lets_nobody_serve") },
	{ SEC_TSERVER, "ha-max-calls-sync-at-once", "500", "200 .. 1000", "link up", { "199", "1001", "many", "" }, LATER },
	{ SEC_TSERVER, "network-monitoring-timeout", "1", "1 .. 30 s", "at once", { "0", "31", "1s", "1.5", "" },
	  NET("network", "test_the_period_of_the_checks_is_changed_at_once") },
	{ SEC_TSERVER, "sip-error-codes-overflow", "none", "codes like 503,504 or 487,50X, X only last", "next call",
	  { "5X3", "XXX", "50X,503", "5034", "50" }, NET("overflow", "test_a_refused_call_goes_to_the_other_server") },
	{ SEC_TSERVER, "sip-iptakeover-monitoring", "false", "true, false", "restart", FLAG,
	  NET("network", "test_a_vip_that_cannot_be_kept") },
	{ SEC_TSERVER, "sip-nic-address", "none", "an IP address or host name", "restart", { "10.0.0.256", "a..b", "-a", "a_b", "" },
	  NET("network", "test_nics_that_fail_and_are_well_again") },
	{ SEC_TSERVER, "sip-nic-monitoring", "false", "true, false", "restart", FLAG,
	  NET("network", "test_nics_that_fail_and_are_well_again") },
	{ SEC_TSERVER, "tlib-nic-monitoring", "false", "true, false", "restart", FLAG,
	  NET("network", "test_nics_that_fail_and_are_well_again") },
	{ SEC_TSERVER, "sip-pass-check", "false", "true, false", "at once", FLAG,
	  NET("pass", "test_a_dead_switch_port_moves_the_role_once") },
	{ SEC_TSERVER, "sip-vip-script-up", "none", "an absolute path", "restart", PLACE, NET("scripts", "test_scripts_place_the_vip") },
	{ SEC_TSERVER, "sip-vip-script-down", "none", "an absolute path", "restart", PLACE, NET("scripts", "test_scripts_place_the_vip") },
	{ SEC_TSERVER, "vip-state-change-timeout", "10", "3 .. 60 s", "at once", { "2", "61", "0", "10s", "" },
	  NET("scripts", "test_a_script_that_fails_lets_nobody_serve") },
	{ SEC_TSERVER, "switchover-on-msml-oos", "false", "true, false", "next call", FLAG,
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_TSERVER, "switchover-on-trunks-oos", "false", "true, false", "next call", FLAG,
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_TSERVER, "geo-location", "none", "1 .. 31 of A-Z a-z 0-9 . _ -", "at once", NAMES,
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_TSERVER, "alternative-geo-location", "none", "names with blanks between them", "at once", { "a/b c", "" },
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_TSERVER, "shutdown-sip-reject-code", "603", "300 .. 603", "at once", { "299", "604", "6XX", "" },
	  NET("drain", "test_new_calls_are_refused_while_the_pair_is_stopped") },
	{ SEC_TSERVER, "graceful-shutdown-sip-timeout", "4", "0 .. 32 s", "at once", { "-1", "33", "4s", "" },
	  NET("drain", "test_no_call_is_lost_and_none_changes_its_server") },
	{ SEC_TSERVER, "sip-ip-tos", "none", "0 .. 255", "at once", { "-1", "256", "0x10", "EF", "" }, NET("options", "test_sip_ip_tos") },
	{ SEC_TSERVER, "sip-tls-cert", "none", "an absolute path", "restart", PLACE, NET("options", "test_sip_tls_cert") },

	{ SEC_SYNC, "protocol", "addp", "addp", "link up", { "tcp", "ADDP", "" }, LATER },
	{ SEC_SYNC, "addp-timeout", "5", "1 .. 3600 s", "link up", { "0", "3601", "5s", "" }, LATER },
	{ SEC_SYNC, "addp-remote-timeout", "5", "1 .. 3600 s", "link up", { "0", "3601", "5s", "" }, LATER },
	{ SEC_SYNC, "sync-reconnect-tout", "20", "1 .. 3600 s", "link up", { "0", "3601", "20s", "" }, LATER },

	{ SEC_SITE, "dr-forward", "off", "off, no-agent, oos", "at once", { "on", "OOS", "no_agent", "" }, LATER },
	{ SEC_SITE, "dr-peer-trunk", "none", "1 .. 31 of A-Z a-z 0-9 . _ -", "at once", NAMES, LATER },
	{ SEC_SITE, "dr-peer-location", "none", "a name of 1 .. 63 bytes", "next target detection", SITES, LATER },
	{ SEC_DN, "dr-forward", "none", "off, no-agent, oos", "at once", { "on", "OOS", "no_agent", "" }, LATER },
	{ SEC_DN, "hg-preferred-site", "none", "a name of 1 .. 63 bytes", "next call", SITES, LATER },
	{ SEC_DN, "sca-preferred-site", "none", "a name of 1 .. 63 bytes", "next call", SITES, LATER },

	{ SEC_DEVICE, "contact", "none", "ADDRESS:PORT or [ADDRESS]:PORT", "at once", { "10.0.0.1", "10.0.0.1:0", "a:5060", ":5060", "" },
	  NET("devices", "test_who_answers_is_in_service") },
	{ SEC_DEVICE, "service-type", "device", "trunk, msml, device", "at once", { "gateway", "Trunk", "" },
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_DEVICE, "oos-check", "none", "0 or 1 .. 300 s", "at once", { "-1", "301", "5s", "" },
	  NET("devices", "test_who_answers_is_in_service") },
	{ SEC_DEVICE, "oos-force", "none", "0 or 1 .. 30 s", "at once", { "-1", "31", "5s", "" },
	  NET("devices", "test_who_answers_is_in_service") },
	{ SEC_DEVICE, "geo-location", "none", "1 .. 31 of A-Z a-z 0-9 . _ -", "at once", NAMES,
	  NET("devices", "test_trunks_lost_by_one_host_move_the_role_and_by_both_do_not") },
	{ SEC_DEVICE, "dr-oosp-transfer-enabled", "true", "true, false", "next call", FLAG, LATER },

	{ SEC_POOL, "service", "none", "ADDRESS:PORT or [ADDRESS]:PORT, one line each", "at once", { "10.0.0.1", "10.0.0.1:65536", "" },
	  NET("pools", "test_a_node_of_pools_alone") },
	{ SEC_POOL, "server", "none", "NAME ADDRESS:PORT, two lines", "at once", { "10.0.0.1:5060", "a 10.0.0.1", "" },
	  NET("pools", "test_a_node_of_pools_alone") },
	{ SEC_POOL, "forward", "l2", "l2, ipip, nat", "at once", { "l3", "L2", "" },
	  NET("pools", "test_a_node_of_pools_alone") },
	{ SEC_POOL, "oos-check", "5", "0 or 1 .. 300 s", "at once", { "-1", "301", "5s", "" },
	  NET("watch", "test_options_tell_who_is_active") },
	{ SEC_POOL, "oos-force", "5", "0 or 1 .. 30 s", "at once", { "-1", "31", "5s", "" },
	  NET("watch", "test_options_tell_who_is_active") },
	{ SEC_POOL, "pair-id", "1", "1 .. 255", "at once", { "0", "256", "one", "" },
	  NET("watch", "test_pulses_tell_who_is_active") },
	{ SEC_POOL, "secret-file", "none", "an absolute path", "at once", PLACE,
	  NET("watch", "test_pulses_tell_who_is_active") },
	{ SEC_POOL, "pulse-port", "4270", "1 .. 65535", "at once", { "0", "65536", "pulse", "" },
	  NET("watch", "test_pulses_tell_who_is_active") },
	{ SEC_POOL, "group", "none", "1 .. 31 of A-Z a-z 0-9 . _ -", "at once", NAMES,
	  NET("watch", "test_pulses_tell_who_is_active") },
	{ SEC_POOL, "sip-error-codes-overflow", "none", "codes like 503,504 or 487,50X, X only last", "next call",
	  { "5X3", "XXX", "50X,503", "5034", "50" }, NET("overflow", "test_a_refused_call_goes_to_the_other_server") },
	{ SEC_POOL, "shutdown-sip-reject-code", "none", "300 .. 603", "at once", { "299", "604", "60X", "" },
	  NET("pools", "test_new_calls_are_refused_and_a_server_calls_by_its_service") },
	{ SEC_POOL, "graceful-shutdown-sip-timeout", "none", "0 .. 32 s", "at once", { "-1", "33", "4s", "" }, LATER },
	{ SEC_POOL, "drain-deadline", "0", "0 or 1s .. 86400s", "at once", { "500ms", "86401s", "60", "" },
	  SYS("steer", "a_deadline_ends_it") },

	{ SEC_GROUP, "cluster-mac", "unicast", "unicast, multicast, igmp", "restart", { "broadcast", "Unicast", "" },
	  NET("cluster", "test_the_three_forms_serve_and_move") },
	{ SEC_GROUP, "vip-placement", "netlink", "netlink, resident", "restart", { "lo", "" },
	  NET("resident", "test_only_the_open_gate_says_who_has_it") },
	{ SEC_GROUP, "replay", "yes", "yes, no", "at once", { "true", "" },
	  NET("replay", "test_no_replay") },
	{ SEC_GROUP, "replay-window", "0", "0 or 1ms .. 10s", "at once", { "500us", "11s", "60", "" },
	  NET("replay", "test_a_planned_switchover_replays_nothing") },
	{ SEC_GROUP, "replay-memory", "16MiB", "64KiB .. 1GiB", "restart", { "63KiB", "2GiB", "16", "16MB", "" },
	  NET("replay", "test_requests_of_the_silence_are_answered") },
	{ SEC_GROUP, "sip-address", "none", "ADDRESS/LENGTH [dev IF], one line each", "restart",
	  { "10.0.0.1", "10.0.0.1/33", "127.0.0.1/8", "224.0.0.1/4", "" }, NET("calls", "test_calls_over_ipv6_and_ipv4_move_together") },
	{ SEC_GROUP, "sip-port", "5060", "1 .. 65535, each with /udp, /tcp, /tls, /ws or none", "restart",
	  { "0", "65536", "5060/sctp", "5060,5061", "" }, NET("network", "test_a_port_that_only_one_host_can_open") },
	{ SEC_GROUP, "port-rule", "none", "PORT or FROM-TO, then udp, tcp or both, one line each", "restart",
	  { "0-5060 udp", "5060-65536 udp", "5080-5060 both", "5060 sctp", "5060" },
	  NET("port", "test_a_port_is_drained_disabled_and_enabled_again") },
	{ SEC_GROUP, "server", "none", "NAME PORT pidfile=FILE or NAME PORT unit=NAME.service, two lines", "restart",
	  { "a", "a 5061", "a 5061 file=/run/a", "a 0 pidfile=/run/a", "a 5061/udp pidfile=/run/a" },
	  NET("single", "test_a_crash_is_answered_by_the_other_server") },
	{ SEC_GROUP, "sip-hang-timeout", "300ms", "0 or 100ms .. 60s", "at once", { "99ms", "61s", "300", "-1ms", "" },
	  NET("hang", "test_a_hung_server_moves_once") },
	{ SEC_GROUP, "notify", "none", "an absolute path", "at once", PLACE,
	  NET("scripts", "test_a_hanging_script_delays_no_role_and_no_other_script") },
	{ SEC_GROUP, "alarm-notify", "none", "an absolute path", "at once", PLACE,
	  NET("alarms", "test_what_concerns_the_host_is_told_to_each_script_once") },
	{ SEC_NODE, "http-port", "0", "0 or 1 .. 65535", "restart", { "-1", "65536", "http", "" }, NET("http", "test_a_pair_over_http") },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct opt *option(const struct row *r)
{
	const struct opt *o = opts_find(r->section, r->name);

	if (!o)
		fail_msg("[%s] has no %s", opts_section_name(r->section), r->name);
	return o;
}

static void same(const struct row *r, const char *what, const char *is, const char *want)
{
	if (strcmp(is, want))
		fail_msg("[%s] %s: %s is \"%s\", the guide has \"%s\"", opts_section_name(r->section), r->name, what, is, want);
}

static void rows_are_the_guides(void **state)
{
	char valid[OPTS_TEXT];

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct opt *o = option(&rows[i]);

		opts_valid_text(o, valid);
		same(&rows[i], "the default", opts_default_text(o), rows[i].def);
		same(&rows[i], "what is valid", valid, rows[i].valid);
		same(&rows[i], "the moment of effect", opts_effect_text(o), rows[i].effect);
	}
}

/* ---- what is out of range ---- */

struct told {
	char text[4096];
};

static void tell(void *arg, const char *file, unsigned line, const char *text)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%s:%u: %s\n", file, line, text);
}

/* In [section], or in a [group] that repeats it for itself; the line in question is line 8. */
static void refuse(const struct row *r, enum opt_section section, const char *bad)
{
	static struct conf conf;
	struct told told = { "" };
	char text[1024], head[128], valid[OPTS_TEXT];
	const char *at;

	snprintf(text, sizeof(text), "%s\n\n\n\n\n\n[%s%s]\n%s = %s\n", r->section == SEC_NODE ? "" : "[node]",
		 opts_section_name(section), opts_section_is_named(section) ? " x" : "", r->name, bad);
	conf_parse(&conf, "baton.conf", text, strlen(text), tell, &told);
	snprintf(head, sizeof(head), "baton.conf:8: %s: ", r->name);
	at = strstr(told.text, head);
	if (!at)
		fail_msg("[%s] %s = '%s' was not refused with file, line and name:\n%s", opts_section_name(section), r->name, bad, told.text);
	opts_valid_text(option(r), valid);
	if (bad[0] && strncmp(at + strlen(head), "'", 1) && !strstr(at, "valid is") && !strstr(at, "ADDRESS"))
		fail_msg("[%s] %s = '%s': the error tells neither value nor range:\n%s", opts_section_name(section), r->name, bad, at);
	if (option(r)->kind == OPT_UINT && bad[0] && !strstr(at, valid))
		fail_msg("[%s] %s = '%s': the error does not tell %s:\n%s", opts_section_name(section), r->name, bad, valid, at);
}

static void what_is_out_of_range_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];

		if (!r->bad[0])
			fail_msg("%s: nothing is tried", r->name);
		for (int k = 0; k < BAD_MAX && r->bad[k]; k++) {
			refuse(r, r->section, r->bad[k]);
			if (r->section == SEC_TSERVER)
				refuse(r, SEC_GROUP, r->bad[k]);
		}
	}
}

/* ---- what sees it ---- */

static char *read_file(const char *path)
{
	static char text[1 << 18];
	FILE *f = fopen(path, "r");

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* In Python by its name, in C by its field. */
static bool speaks_of(const char *text, const char *name)
{
	char field[64];

	snprintf(field, sizeof(field), "%s", name);
	for (char *c = field; *c; c++)
		if (*c == '-')
			*c = '_';
	return strstr(text, name) || strstr(text, field);
}

static void what_acts_is_seen_by_a_test(void **state)
{
	char head[128];

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];
		const char *text;

		if (option(r)->idle)
			continue;
		if (!r->test)
			fail_msg("[%s] %s acts, but no test is named here that sees it", opts_section_name(r->section), r->name);
		text = read_file(r->file);
		if (!text)
			fail_msg("%s: %s is not there (run from the top of the tree)", r->name, r->file);
		snprintf(head, sizeof(head), "%s%s(", strstr(r->file, ".py") ? "\ndef " : "static void ", r->test);
		if (!strstr(text, head))
			fail_msg("%s: %s has no %s", r->name, r->file, r->test);
		if (!speaks_of(text, r->name))
			fail_msg("%s: %s does not set it", r->name, r->file);
	}
}

static bool is_listed(const struct opt *o)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (option(&rows[i]) == o)
			return true;
	return false;
}

/* Whole sections of the guide: whoever adds a row there adds one here, with its test. */
static void no_option_of_the_guides_sections_is_missing_here(void **state)
{
	(void)state;
	for (uint32_t row = 0; row < opts_count(); row++) {
		const struct opt *o = opts_get(row);
		bool guides = o->section == SEC_TSERVER || o->section == SEC_SYNC || o->section == SEC_SITE || o->section == SEC_DN ||
			      o->section == SEC_DEVICE || o->section == SEC_POOL;

		if ((guides || o->idle) && !is_listed(o) && strcmp(o->name, "link-port") && strcmp(o->name, "drain-deadline"))
			fail_msg("[%s] %s has no row here", opts_section_name(o->section), o->name);
	}
}

struct idle_told {
	const char *name;
	bool told;
};

static void on_idle(void *arg, const char *section, const char *name, const char *option_name, uint32_t line)
{
	struct idle_told *t = arg;

	(void)section;
	(void)name;
	t->told |= line == 2 && !strcmp(option_name, t->name);
}

static void what_does_not_act_is_warned_of(void **state)
{
	static struct conf conf;

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct opt *o = option(&rows[i]);
		struct idle_told idle = { o->name, false };
		struct told told = { "" };
		char text[512];

		snprintf(text, sizeof(text), "[%s%s]\n%s = %s\n", opts_section_name(o->section),
			 opts_section_is_named(o->section) ? " x" : "", o->name,
			 o->def ? o->def : o->words ? o->words[0] : o->kind == OPT_CODES ? "503" : o->kind == OPT_ENDPOINT ? "10.0.0.1:5060" :
			 o->kind == OPT_SERVER ? "a 10.0.0.1:5060" : o->kind == OPT_FILE ? "/x" : o->kind == OPT_UINT ? "1" : "x");
		conf_parse(&conf, "f", text, strlen(text), tell, &told);
		opts_each_idle(&conf, on_idle, &idle);
		if (idle.told != o->idle)
			fail_msg("[%s] %s: it %s, but a line that sets it is %s", opts_section_name(o->section), o->name,
				 o->idle ? "does not act" : "acts", idle.told ? "warned of" : "passed over in silence");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_the_guides), cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(what_acts_is_seen_by_a_test),
		cmocka_unit_test(no_option_of_the_guides_sections_is_missing_here),
		cmocka_unit_test(what_does_not_act_is_warned_of),
	};

	return cmocka_run_group_tests_name("options_page", tests, NULL, NULL);
}
