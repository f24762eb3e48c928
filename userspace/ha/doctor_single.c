/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_single: are both servers of a single-host group where the kernel can give them packets? */
#include "ha/doctor_own.h"

#include <stdio.h>
#include <string.h>

#include "ha/single.h"

static const char *fix_of(const struct ha_server_view *v)
{
	if (strstr(v->reason, "CAP_SYS_PTRACE"))
		return "start batond as root, or with CAP_SYS_PTRACE (conf/batond.service has it)";
	if (strstr(v->reason, "SO_REUSEPORT"))
		return "give each server a port of its own, or have both set SO_REUSEPORT before they bind";
	return v->pid ? "is it bound to the VIP or to every address, at the port of its 'server' line?" : "start it, or mend its pidfile= or unit=";
}

void doctor_single(struct ha *ha, const struct rows *r)
{
	struct ha_server_view servers[BT_SERVERS];
	char text[HA_TEXT + 2 * BT_NAME_MAX];

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		uint32_t n = ha_servers(ha, i, servers);

		for (uint32_t k = 0; k < n; k++) {
			const struct ha_server_view *v = &servers[k];
			bool well = !strcmp(v->service, "running");

			if (well)
				snprintf(text, sizeof(text), "%.31s: server %.31s is %s, the kernel has %u of its sockets at port %u",
					 ha->group[i].conf->name, v->name, v->role, v->sockets, v->port);
			else
				snprintf(text, sizeof(text), "%s: %.158s", ha->group[i].conf->name, v->reason);
			doctor_say(r, well ? "ok" : !strcmp(v->role, "active") ? "bad" : "warn", "servers", text, well ? "" : fix_of(v));
		}
	}
}
