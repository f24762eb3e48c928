/* SPDX-License-Identifier: GPL-2.0 */
/*
 * conflict: a question or an answer about a VIP came in; may the kernel see it, and does it show
 * that another host uses a VIP that is open here? Such a host is reported, once a second, and not
 * fought. Questions that the stack is not to answer: answer.h.
 */
#ifndef CONFLICT_H
#define CONFLICT_H

#include "event.h"
#include "stage.h"
#include "vip.h"

#define CONFLICT_EVERY_NS 1000000000ULL

static __always_inline __u64 mac_number(const __u8 *mac)
{
	__u64 number = 0;

	for (int i = 0; i < ETH_ALEN; i++)
		number = number << 8 | mac[i];
	return number;
}

static __always_inline void conflict_report(__u32 group, const __u8 *mac, __u64 now)
{
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &group);

	if (!seen || (seen->conflict_ns && now - seen->conflict_ns < CONFLICT_EVERY_NS))
		return;
	seen->conflict_ns = now;
	event_emit(BT_EV_CONFLICT, group, now, 0, 0, mac_number(mac));
}

static __always_inline __u32 who_has_in(const struct who_has *who)
{
	bool asked = who->asks && who->target, conflict;
	__u64 now = bpf_ktime_get_boot_ns();

	conflict = who->sender && group_is_open(who->sender->group, now);
	if (conflict)
		conflict_report(who->sender->group, who->mac, now);
	if (asked && !group_is_open(who->target->group, now))
		return BT_X_ARP_HELD_BACK;
	if (conflict)
		return BT_X_ARP_CONFLICT;
	return asked && who->target->flags & BT_VIP_ANSWERED ? STAGE_EXIT(BT_STAGE_ANSWER) : BT_X_ARP_PASSED;
}

#endif
