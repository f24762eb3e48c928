/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which port rules does a configuration make, which are refused and with what words, and what do operators keep out by them?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/rules.h"

#define PAIR "[node]\nname = a\nsecret-file = /s\n[peer]\nname = b\npath = eth0 10.77.0.2\n"
#define GROUP PAIR "[group g]\ninterface = eth0\nsip-address = 10.77.0.100/24\n"	/* lines 7 to 9 */

#define GOOD_RULES GROUP "port-rule = 5060-5080 udp\nport-rule = 5060 tcp\nport-rule = 10000-20000 both\n"

static struct conf conf;
static char said[4096];

static void on_error(void *arg, const char *file, unsigned line, const char *text)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "%s:%u: %s\n", file, line, text);
}

static void expect(const char *text, const char *errors)
{
	said[0] = '\0';
	conf_parse(&conf, "conf", text, strlen(text), on_error, NULL);
	assert_string_equal(said, errors);
}

static void good_rules_are_kept_as_written(void **state)
{
	char text[RULES_TEXT];

	(void)state;
	expect(GOOD_RULES, "");
	assert_int_equal(conf.groups[0].n_rules, 3);
	rules_text(&conf.groups[0].rules[0], text);
	assert_string_equal(text, "5060-5080 udp");
	rules_text(&conf.groups[0].rules[1], text);
	assert_string_equal(text, "5060 tcp");
	rules_text(&conf.groups[0].rules[2], text);
	assert_string_equal(text, "10000-20000 both");
}

static void what_is_said_twice_or_backwards_is_refused(void **state)
{
	(void)state;
	expect(GROUP "port-rule = 5080-5060 both\n", "conf:10: port-rule: '5080-5060 both': the range runs backwards\n");
	expect(GROUP "port-rule = 0-5060 both\n", "conf:10: port-rule: port '0': valid is 1 .. 65535\n");
	expect(GROUP "port-rule = 5060-5080 both\nport-rule = 5080-5090 udp\n",
	       "conf:11: port-rule: 5080-5090 udp overlaps 5060-5080 both in line 10\n");
	expect(GROUP "port-rule = 5060-5079 both\nport-rule = 5080-5090 udp\n", "");
	expect(GROUP "port-rule = 5060-5080 udp\nport-rule = 5060-5080 tcp\n", "");
	expect(GROUP "port-rule = 5060 both\nport-rule = 1-65535 tcp\n",
	       "conf:11: port-rule: 1-65535 tcp overlaps 5060 both in line 10\n");
}

static void sip_that_no_rule_lets_in_is_refused(void **state)
{
	(void)state;
	expect(GROUP "port-rule = 5061-5080 both\n", "conf:10: sip-port: 5060 is let in by no port-rule for UDP and TCP both\n");
	expect(GROUP "port-rule = 5060 udp\n", "conf:10: sip-port: 5060 is let in by no port-rule for UDP and TCP both\n");
	expect(GROUP "sip-port = 5060/udp 5061/tls\nport-rule = 5060-5061 udp\n", "conf:10: sip-port: 5061/tls is let in by no port-rule\n");
	expect(GROUP "sip-port = 5060/udp 5061/tls\nport-rule = 5060 udp\nport-rule = 5061 tcp\n", "");
}

static void sixteen_rules_are_all(void **state)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text), GROUP "port-rule = 5060 both\n");

	(void)state;
	for (int i = 1; i < BT_RULES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "port-rule = %d udp\n", 6000 + i);
	expect(text, "");
	snprintf(text + n, sizeof(text) - n, "port-rule = 7000 udp\n");
	expect(text, "conf:26: port-rule: more than 16 port rules\n");
}

static void a_proxy_has_none(void **state)
{
	(void)state;
	expect(GROUP "mode = proxy\nport-rule = 5060 both\n[pool p]\nservice = 10.77.0.100:5060\nserver = x 10.77.0.3:5060\n"
	       "server = y 10.77.0.4:5060\n",
	       "conf:11: port-rule: [group g] has mode = proxy: the services of its pools say which ports are let in\n");
}

static void in_a_cluster_the_sip_ports_are_rules(void **state)
{
	struct conf_group g = { .mode = MODE_CLUSTER, .ports = { { 5060, PORT_UDP_TCP }, { 5061, PORT_TLS }, { 5062, PORT_UDP } },
				.n_ports = 3 };
	struct conf_rule rules[BT_RULES_MAX];

	(void)state;
	assert_int_equal(rules_of(&g, rules), 3);
	assert_int_equal(rules[0].protos, BT_RULE_UDP | BT_RULE_TCP);
	assert_int_equal(rules[1].protos, BT_RULE_TCP);
	assert_int_equal(rules[1].from, 5061);
	assert_int_equal(rules[1].to, 5061);
	assert_int_equal(rules[2].protos, BT_RULE_UDP);
	g.n_rules = 1;
	g.rules[0] = (struct conf_rule){ 5000, 6000, BT_RULE_UDP | BT_RULE_TCP };
	assert_int_equal(rules_of(&g, rules), 1);
	assert_int_equal(rules[0].from, 5000);
	g.n_rules = 0;
	g.mode = MODE_TAKEOVER;
	assert_int_equal(rules_of(&g, rules), 0);
}

static uint32_t digest(const char *text)
{
	expect(text, "");
	return conf_digest(&conf, &conf.groups[0]);
}

static void both_hosts_have_the_same_rules(void **state)
{
	uint32_t none = digest(GROUP), one = digest(GROUP "port-rule = 5060 both\n");

	(void)state;
	assert_int_not_equal(none, one);
	assert_int_not_equal(one, digest(GROUP "port-rule = 5060-5061 both\n"));
	assert_int_not_equal(one, digest(GROUP "port-rule = 5060 udp\nport-rule = 5060 tcp\n"));
	assert_int_equal(digest(GROUP "port-rule = 5060 tcp\nport-rule = 5060 udp\n"),
			 digest(GROUP "port-rule = 5060 udp\nport-rule = 5060 tcp\n"));
}

static void without_a_role_all_are_stopped(void **state)
{
	(void)state;
	for (enum bt_rule_state hand = BT_RULE_STOPPED; hand <= BT_RULE_DRAINING; hand++) {
		assert_int_equal(rules_state_of(hand, BT_SHUT), BT_RULE_STOPPED);
		assert_int_equal(rules_state_of(hand, BT_ARMED), hand);
		assert_int_equal(rules_state_of(hand, BT_OPEN), hand);
		assert_int_equal(rules_state_of(hand, BT_RELAY), hand);
	}
}

static void all_is_shut_only_when_no_sip_comes_in(void **state)
{
	struct conf_group g = { .ports = { { 5060, PORT_UDP_TCP }, { 5061, PORT_TLS } }, .n_ports = 2 };
	struct bt_rules rules = { .rule = {
		{ .from = 5060, .to = 5060, .protos = BT_RULE_UDP, .hand = BT_RULE_STOPPED },
		{ .from = 5060, .to = 5070, .protos = BT_RULE_TCP, .hand = BT_RULE_STOPPED },
		{ .from = 6000, .to = 7000, .protos = BT_RULE_UDP, .hand = BT_RULE_ENABLED },
	} }, none = { .rule = { { .from = 0 } } };

	(void)state;
	assert_true(rules_shut_all(&g, &rules));
	rules.rule[1].hand = BT_RULE_ENABLED;
	assert_false(rules_shut_all(&g, &rules));
	rules.rule[1].hand = BT_RULE_STOPPED;
	rules.rule[0].hand = BT_RULE_DRAINING;
	assert_false(rules_shut_all(&g, &rules));
	assert_false(rules_shut_all(&g, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rules_are_kept_as_written), cmocka_unit_test(what_is_said_twice_or_backwards_is_refused),
		cmocka_unit_test(sip_that_no_rule_lets_in_is_refused), cmocka_unit_test(sixteen_rules_are_all),
		cmocka_unit_test(a_proxy_has_none), cmocka_unit_test(in_a_cluster_the_sip_ports_are_rules),
		cmocka_unit_test(both_hosts_have_the_same_rules), cmocka_unit_test(without_a_role_all_are_stopped),
		cmocka_unit_test(all_is_shut_only_when_no_sip_comes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
