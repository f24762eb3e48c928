// SPDX-License-Identifier: GPL-2.0
/*
 * baton_tc: what may leave in a VIP's name? Egress. Parse, decide, count, return.
 *
 * Linux is a weak host: it sends from any address it is asked to. Only what claims a VIP is ever
 * held back. Every frame is counted once as total and once by the way it went (enum bt_tc_exit).
 */
#include <linux/pkt_cls.h>

#include "count.h"
#include "gate.h"
#include "maps_tc.h"
#include "parse.h"
#include "tos.h"
#include "vip.h"

#define HEADERS 128	/* enough for all headers and the first bytes of SIP, but for long chains */

const volatile int verdicts[BT_T__N] = {
#define VERDICT(name, verdict, text) [BT_T_##name] = TC_ACT_##verdict,
	BT_TC_EXITS(VERDICT)
#undef VERDICT
};

/* The old holder tells its TCP peers that their connection is gone: they connect again, to the new. */
static __always_inline bool frame_is_reset(const struct frame *f)
{
	struct tcphdr *tcp;

	if (!frame_has_l4(f, IPPROTO_TCP))
		return false;
	tcp = frame_at(f, f->h.l4, sizeof(*tcp));
	return tcp && tcp->rst;
}

/*
 * Of a long response only the first fragment shows what it is. The others follow any: those of a request whose
 * first was held are of no use to anybody.
 */
static __always_inline bool frame_follows(const struct frame *f)
{
	return f->h.later && f->h.proto == IPPROTO_UDP;
}

static __always_inline enum bt_tc_exit vip_out(const struct frame *f, const struct bt_vip *vip)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct frame_payload payload;
	struct gate gate;
	__u32 kind;

	if (!frame_payload(f, &payload) || !gate_read(vip->group, now, &gate))
		return BT_T_VIP_HELD;
	kind = sip_read(f, &payload);
	if (gate_is_open(&gate)) {
		if (live_is_counted(f))
			live_count(f, vip, BT_OUT, kind, now);
		return BT_T_VIP_SENT;
	}
	if (!gate_lingers(vip->group, &gate, now))
		return BT_T_VIP_HELD;
	if (frame_follows(f))
		return BT_T_VIP_LINGER;
	if (!sip_is_response(kind))
		return frame_is_reset(f) ? BT_T_VIP_RESET : BT_T_VIP_HELD;
	live_count(f, vip, BT_OUT, kind, now);
	return BT_T_VIP_LINGER;
}

/*
 * Is it for a VIP that is open here? Then its address is missing, or it would not leave: a program of
 * this host must not be served by another that has no right to it, nor look to the peer like a client.
 */
static __always_inline bool goes_to_own(const struct frame *f)
{
	struct bt_vip *vip = vip_of(f, false);

	return vip && group_is_open(vip->group, bpf_ktime_get_boot_ns());
}

/* @ret_group is that of the VIP it leaves from, if it leaves. */
static __always_inline enum bt_tc_exit decide(const struct frame *f, __u32 *ret_group)
{
	struct bt_vip *vip;
	struct who_has who;
	bool open;

	if (who_has_read(&who, f) && who.sender) {
		open = group_is_open(who.sender->group, bpf_ktime_get_boot_ns());
		return open ? BT_T_ARP_SENT : BT_T_ARP_HELD;
	}
	if (goes_to_own(f))
		return BT_T_VIP_OWN;
	vip = vip_of(f, true);
	if (vip) {
		*ret_group = vip->group;
		return vip_out(f, vip);
	}
	return f->h.broken || f->h.deep ? BT_T_TRUNCATED : BT_T_NOT_OURS;
}

__noinline int read_frame(struct __sk_buff *skb, struct headers *ret)
{
	if (ret)
		frame_read(ret, (void *)(long)skb->data, (void *)(long)skb->data_end, skb->len);
	return 0;
}

__noinline int mark_frame(struct __sk_buff *skb, struct headers *h, __u32 group)
{
	if (h)
		tos_set(skb, h, group);
	return 0;
}

SEC("tc")
int baton_tc(struct __sk_buff *skb)
{
	__u32 len = skb->len, exit, group = 0;
	struct frame f = {};

	count_exit(&st_count_tc, BT_T_TOTAL, len);
	/* Headers may lie in page fragments; what cannot be pulled is read as far as it goes. */
	if (skb->data_end - skb->data < HEADERS && skb->data_end - skb->data < len)
		bpf_skb_pull_data(skb, len < HEADERS ? len : HEADERS);
	read_frame(skb, &f.h);
	f.data = (void *)(long)skb->data;
	f.data_end = (void *)(long)skb->data_end;
	exit = decide(&f, &group);
	count_exit(&st_count_tc, exit, len);
	if (exit == BT_T_VIP_SENT || exit == BT_T_VIP_LINGER || exit == BT_T_VIP_RESET)
		mark_frame(skb, &f.h, group);	/* packet pointers are void from here on */
	return exit < BT_T__N ? verdicts[exit] : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
