/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page: how does what batond knows read over HTTP: readiness, metrics, a page for people?
 *
 * Works on a snapshot alone, so it may run in any thread. Text from outside (names, alarms) is escaped for where it
 * stands. Layouts: tests/schema/server.json, batond(8).
 * Returns: malloc'ed text and its length; NULL when memory ran out.
 */
#ifndef BATON_PAGE_H
#define BATON_PAGE_H

#include "baton_abi.h"
#include "ha/ha_view.h"

/* What main publishes for the HTTP thread. */
struct snapshot {
	uint64_t at_ns;				/* boot clock */
	struct ha_view view;
	struct ha_alarm_view alarms[HA_ALARMS_MAX];
	uint32_t n_alarms;
	bool counted;				/* the counters could be read */
	struct bt_count xdp[BT_X__N], tc[BT_T__N];
};

/* What is of each VIP; an array of view.groups' VIPs, by index in the configuration. */
struct snapshot_vip {
	char address[INET6_ADDRSTRLEN];
	bool present;
	struct bt_live live[BT_DIR__N];
};

/* The guide's readiness: 1 and 0, of every group together and of each. */
char *page_server(const struct snapshot *s, size_t *ret_len);
/* Prometheus' text format 0.0.4. */
char *page_metrics(const struct snapshot *s, const struct snapshot_vip *vips, uint64_t now_ns, size_t *ret_len);
char *page_status(const struct snapshot *s, const struct snapshot_vip *vips, size_t *ret_len);

#endif
