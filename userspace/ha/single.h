/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * single: which of this host's two servers works, as told from outside?
 */
#ifndef BATON_SINGLE_VIEW_H
#define BATON_SINGLE_VIEW_H

#include "baton_abi.h"
#include "core/conf.h"
#include "ha/ha_view.h"

struct ha_server_view {
	char name[BT_NAME_MAX];
	const char *role;		/* active, draining, standby, none */
	const char *service;		/* running, unavailable */
	char reason[HA_TEXT];		/* why; "" */
	uint16_t port;
	int pid;			/* 0: none */
	uint32_t sockets;		/* the kernel has of it */
	const char *answers;		/* in-service, out-of-service, unknown: OPTIONS to its own port */
};

/* How many: BT_SERVERS, or 0 where the group is of another kind. */
uint32_t ha_servers(const struct ha *ha, uint32_t group, struct ha_server_view ret[BT_SERVERS]);
/* Of all such groups: what became of packets; false: there is none. */
bool ha_local_counts(const struct ha *ha, struct bt_count ret[BT_L__N]);

#endif
