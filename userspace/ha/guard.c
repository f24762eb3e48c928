/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard: what has the fence to say, and what must it be told?
 *
 * The main loop's side of ha/fence.c: words that changed are passed on, what it found becomes alarms and log lines.
 */
#include "ha/ha_own.h"

#include <stdio.h>
#include <string.h>

#include "sys/log.h"

static const char *xdp_text(const struct door *door)
{
	if (!door->gated)
		return "off";
	return door->mode == DP_GENERIC ? "generic" : "native";
}

static void view_doors(struct ha *ha, const struct fence_report *r)
{
	ha->n_ifaces = r->n_doors;
	for (uint32_t i = 0; i < r->n_doors; i++) {
		memcpy(ha->ifaces[i].name, r->door[i].name, IF_NAMESIZE);
		ha->ifaces[i].xdp = xdp_text(&r->door[i]);
	}
}

static const struct door *same_door(const struct fence_report *r, const struct door *door)
{
	for (uint32_t i = 0; i < r->n_doors; i++)
		if (!strcmp(r->door[i].name, door->name))
			return &r->door[i];
	return NULL;
}

static void alarm_door(struct ha *ha, const struct door *door, bool there)
{
	char text[HA_TEXT];

	snprintf(text, sizeof(text), "no gate on this interface, nftables alone holds it: %.90s", door->why);
	alarm_set(&ha->alarms, there && door->err, "gate-missing", door->name, text, NULL, ha->turn_ns);
	snprintf(text, sizeof(text), "frames to the cluster's address are not heard here: %.90s", strerror(-door->hearing.err));
	alarm_set(&ha->alarms, there && door->hearing.wanted && door->hearing.err, "cluster-unheard", door->name, text, NULL, ha->turn_ns);
	alarm_set(&ha->alarms, there && door->moved, "interface-moved", door->name,
		  "it was renamed or made anew: the gate is on it, but addresses and heartbeat want a restart of batond", "",
		  ha->turn_ns);
}

static void log_door(const struct door *door, const struct door *was)
{
	if (!was)
		log_event(LOG_INFO, "door", "interface=%s xdp=%s named=%s", door->name, xdp_text(door),
			  door->named ? "yes" : "no");
	else if (was->gated && !door->gated)
		log_event(LOG_WARNING, "gate missing", "interface=%s", door->name);
	if (was && door->repairs != was->repairs)
		log_event(LOG_WARNING, "gate repaired", "interface=%s xdp=%s times=%u", door->name, xdp_text(door), door->repairs);
}

/* The first time is no news: until then nothing was there. */
static void log_hearing(const struct door *door, const struct door *was)
{
	const struct hearing *h = &door->hearing, *old = was ? &was->hearing : NULL;

	if (!h->wanted)
		return;
	if (h->all && (!old || !old->all))
		log_event(LOG_WARNING, "promiscuous", "interface=%s why=\"no filter for further addresses, or somebody asked for it\"", door->name);
	if (old && old->times && h->times != old->times)
		log_event(LOG_WARNING, "hearing repaired", "interface=%s times=%u", door->name, h->times - 1);
}

static void tell_doors(struct ha *ha, const struct fence_report *now, const struct fence_report *was)
{
	for (uint32_t i = 0; i < was->n_doors; i++)
		if (!same_door(now, &was->door[i])) {
			log_event(LOG_INFO, "door gone", "interface=%s", was->door[i].name);
			alarm_door(ha, &was->door[i], false);
		}
	for (uint32_t i = 0; i < now->n_doors; i++) {
		log_door(&now->door[i], same_door(was, &now->door[i]));
		log_hearing(&now->door[i], same_door(was, &now->door[i]));
		alarm_door(ha, &now->door[i], true);
	}
	alarm_set(&ha->alarms, now->more, "gate-missing", NULL,
		  "more interfaces reach a VIP's network than there is room for: nftables alone holds the others", NULL, ha->turn_ns);
}

static void tell_tables(struct ha *ha, const struct fence_report *now, const struct fence_report *was)
{
	char text[HA_TEXT];

	snprintf(text, sizeof(text), "no backstop in nftables: %.130s", now->nft_why);
	alarm_set(&ha->alarms, now->nft_err, "nftables", NULL, text, NULL, ha->turn_ns);
	if (now->rebuilt != was->rebuilt)
		log_event(LOG_WARNING, "nftables put back", "times=%u why=\"somebody changed the tables baton\"", now->rebuilt);
	if (!was->egress && now->egress != was->egress)
		log_event(LOG_INFO, "nftables in place", "tables=\"inet arp netdev\"");
}

static void take_report(struct ha *ha)
{
	struct fence_report r;

	fence_report(ha->fence, &r);
	if (!memcmp(&r, &ha->fence_told, sizeof(r)))
		return;
	tell_doors(ha, &r, &ha->fence_told);
	tell_tables(ha, &r, &ha->fence_told);
	view_doors(ha, &r);
	ha->fence_told = r;
	ha_note_change(ha);
}

void guard_follow(struct ha *ha)
{
	bool changed = false;

	for (uint32_t i = 0; i < ha->n_groups; i++) {
		uint64_t word = group_word(ha, &ha->group[i]);

		changed |= word != ha->group[i].fenced_word;
		ha->group[i].fenced_word = word;
	}
	if (changed)
		fence_kick(ha->fence);
	take_report(ha);
}

int guard_open(struct ha *ha, const struct ha_say *say)
{
	int err = fence_open(&ha->fence, ha->conf, ha->dp, ha->ifaces, ha->n_ifaces, ha->n_named, ha->fence_src.fd);

	return err ? ha_fail(say, err, "fence", fence_why()) : 0;
}
