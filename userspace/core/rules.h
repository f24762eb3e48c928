/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: which port rules has a group, and what do they let in?
 *
 * Pure. A rule is a range of ports and one or both transports; the first that names a port and transport counts (bpf/rules.h). Hands:
 * what operators want of each. What holds while this host has no role is stopped, whatever they want.
 * Source:  the guide, Windows NLB Cluster, Port Rules.
 */
#ifndef BATON_RULES_H
#define BATON_RULES_H

#include "core/conf.h"

#define RULES_TEXT	24	/* "5060-5080 both" */

/* The rules that act, at most BT_RULES_MAX. In mode cluster without any the sip-ports are; 0: everything is let in. */
uint32_t rules_of(const struct conf_group *g, struct conf_rule ret[BT_RULES_MAX]);

bool rules_overlap(const struct conf_rule *a, const struct conf_rule *b);
/* Is everything of @port, all its transports, named by one of them? */
bool rules_cover(const struct conf_rule *rules, uint32_t n, const struct conf_port *port);

/* What the kernel is told of a rule that operators want @hand, as long as the gate's word has @mode. */
enum bt_rule_state rules_state_of(enum bt_rule_state hand, enum bt_mode mode);
/* Do operators keep out all of the group's SIP? */
bool rules_shut_all(const struct conf_group *g, const struct bt_rules *rules);

const char *rules_state_text(enum bt_rule_state state);		/* stopped enabled draining */
const char *rules_protos_text(uint8_t protos);			/* udp tcp both */
void rules_text(const struct conf_rule *r, char buf[RULES_TEXT]);

#endif
