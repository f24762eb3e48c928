// SPDX-License-Identifier: GPL-2.0
/*
 * baton_tc: what may leave in a VIP's name? Egress. Parse, decide, count, return.
 *
 * Linux is a weak host: it sends from any address it is asked to. Only what claims a VIP is ever
 * held back. Every frame is counted once as total and once by the way it went (enum bt_tc_exit).
 */
#include <linux/pkt_cls.h>

#include "call_table.h"
#include "count.h"
#include "drain.h"
#include "gate.h"
#include "local.h"
#include "local_calls.h"
#include "maps_tc.h"
#include "parse.h"
#include "receipt.h"
#include "tos.h"
#include "vip.h"

#define ND_SOURCE_OPTION 1	/* RFC 4861 §4.6.1 */
#define ND_TARGET_OPTION 2
#define HEADERS 128	/* enough for all headers and the first bytes of SIP, but for long chains */
#define MESSAGE 2048	/* and for the headers of SIP */

SIP_SCAN(__sk_buff)

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

/* What is to be done with a frame from a VIP, beside letting it go. */
struct leaving {
	__u32 group;
	__u32 sip;	/* its dialog is to be noted */
	__u32 receipt;	/* it is to be shown to the peer */
	__u32 local;	/* two servers of this host may have sent it; 2: it is a response */
	__u32 by;	/* of them this one has; 0: not known */
	__u64 now;
};

/* Left to this host by the new holder: all that its server says, but who has the VIP. */
static __always_inline enum bt_tc_exit kept_out(const struct frame *f, const struct bt_vip *vip, __u32 kind, __u64 now)
{
	if (live_is_counted(f))
		live_count(f, vip, BT_OUT, kind, now);
	return BT_T_VIP_KEPT;
}

static __always_inline enum bt_tc_exit vip_out(const struct frame *f, const struct bt_vip *vip, struct leaving *ret)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct frame_payload payload;
	struct gate gate;
	__u32 kind;

	if (!frame_payload(f, &payload) || !gate_read(vip->group, now, &gate))
		return BT_T_VIP_HELD;
	kind = sip_read(f, &payload);
	ret->now = now;
	if (vip->flags & BT_VIP_LOCAL)
		ret->local = 1 + sip_is_response(kind);
	ret->sip = vip->flags & BT_VIP_CALLS && kind < SIP_KEEPALIVE && f->h.proto == IPPROTO_UDP;
	if (gate_is_open(&gate)) {
		if (live_is_counted(f))
			live_count(f, vip, BT_OUT, kind, now);
		ret->receipt = receipt_is_due(f, vip, kind);
		return BT_T_VIP_SENT;
	}
	if (BT_WORD_MODE(gate.word) != BT_OPEN && drain_keeps_any(vip->group, now))
		return kept_out(f, vip, kind, now);
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

/* The Ethernet address that an advertisement or solicitation says is its sender's: its first option, as every stack here has it. */
static __always_inline __u64 nd_says(const struct frame *f)
{
	__u8 *option = frame_at(f, f->h.l4 + sizeof(struct frame_nd), 2 + MARK_BYTES);

	return option && (option[0] == ND_SOURCE_OPTION || option[0] == ND_TARGET_OPTION) && option[1] == 1 ? mark_read(option + 2) : 0;
}

/*
 * Who has a cluster's VIP at another address than the one that both hosts hear would be met by one host alone. The
 * stack says so when it asks for, or answers, somebody in the VIP's name.
 */
static __always_inline bool claims_wrongly(const struct who_has *who, const struct frame *f)
{
	__u64 says;

	if (!(who->sender->flags & BT_VIP_CLUSTER))
		return false;
	says = f->h.kind == FRAME_ARP ? mark_read(who->mac) : nd_says(f);
	return says != mark_read(who->sender->mac);
}

/* Of ARP and neighbour discovery that says who has a VIP; 0: it does not. Verified once by itself, with a stack of its own. */
__noinline int claim_out(struct __sk_buff *skb, const struct headers *h)
{
	struct frame f = { .data = (void *)(long)skb->data, .data_end = (void *)(long)skb->data_end };
	struct who_has who;
	bool open;

	if (!h)
		return 0;
	f.h = *h;
	if (!who_has_read(&who, &f) || !who.sender)
		return 0;
	open = group_is_open(who.sender->group, bpf_ktime_get_boot_ns()) && !claims_wrongly(&who, &f);
	return open ? BT_T_ARP_SENT : BT_T_ARP_HELD;
}

/* @ret is of the VIP it leaves from, if it leaves. */
static __always_inline enum bt_tc_exit decide(struct __sk_buff *skb, const struct frame *f, struct leaving *ret)
{
	enum bt_tc_exit claim = 0;
	struct bt_vip *vip;

	if (f->h.kind == FRAME_ARP || frame_has_l4(f, IPPROTO_ICMPV6))
		claim = claim_out(skb, &f->h);
	if (claim)
		return claim;
	if (goes_to_own(f))
		return BT_T_VIP_OWN;
	vip = vip_of(f, true);
	if (vip) {
		ret->group = vip->group;
		return vip_out(f, vip, ret);
	}
	return f->h.broken || f->h.deep ? BT_T_TRUNCATED : BT_T_NOT_OURS;
}

__noinline int read_frame(struct __sk_buff *skb, struct headers *ret)
{
	if (ret)
		frame_read(ret, (void *)(long)skb->data, (void *)(long)skb->data_end, skb->len);
	return 0;
}

/* Who this host is in the group, by the word; of one that is drained by the number of its drain, which is the peer's. */
static __always_inline bool call_begin(struct call *c, __u32 by)
{
	__u64 *word, own, drain;

	word = bpf_map_lookup_elem(&st_word, &c->group);
	if (!word)
		return false;
	own = READ_ONCE(*word);
	drain = drain_read(c->group, c->now, BT_DRAIN_GRACE_NS);
	c->keeps = BT_WORD_MODE(own) != BT_OPEN;
	c->notes_all = drain_is(c->group, own, BT_DRAIN_YOURS, c->now);
	c->term = BT_WORD_TERM(c->keeps ? drain : own);
	c->host = c->keeps ? BT_HOSTS - BT_WORD_OWNER(drain) : BT_WORD_OWNER(own);
	local_call(c, by);
	return true;
}

/* SIP over UDP that leaves: note its dialog. A function of its own: verified once. 0. */
__noinline int note_call(struct __sk_buff *skb, const struct headers *h, const struct leaving *leaving)
{
	struct sip_msg m = {};
	struct call c = { .out = true };

	if (!h || !leaving)
		return 0;
	c.group = leaving->group;
	c.now = leaving->now;
	if (!call_begin(&c, leaving->by) || !call_key(c.group, &m))
		return 0;
	sip_scan(skb, h->l4 + sizeof(struct udphdr), h->end, &m);
	if (call_is_told(&m))
		call_note(&m, &c);
	return 0;
}

__noinline int mark_frame(struct __sk_buff *skb, struct headers *h, __u32 group)
{
	if (h)
		tos_set(skb, h, group);
	return 0;
}

/* A function of its own: verified once. As local_out(). */
__noinline int local_frame(struct __sk_buff *skb, struct headers *h, __u32 response)
{
	return h ? local_out(skb, h, response) : 0;
}

static __always_inline void pull(struct __sk_buff *skb, __u32 want)
{
	__u32 len = skb->len < want ? skb->len : want;

	if (skb->data_end - skb->data < len)
		bpf_skb_pull_data(skb, len);
}

/* What it says of its VIP's group. Packet pointers are void behind it. */
static __always_inline void follow(struct __sk_buff *skb, struct headers *h, const struct leaving *leaving, __u32 exit)
{
	if (leaving->sip && !h->later && (exit == BT_T_VIP_SENT || exit == BT_T_VIP_KEPT)) {
		pull(skb, MESSAGE);
		note_call(skb, h, leaving);
	}
	if (exit == BT_T_VIP_SENT || exit == BT_T_VIP_LINGER || exit == BT_T_VIP_RESET || exit == BT_T_VIP_KEPT)
		mark_frame(skb, h, leaving->group);
}

SEC("tc")
int baton_tc(struct __sk_buff *skb)
{
	__u32 len = skb->len, known = receipt_known(skb), exit;
	struct leaving leaving = {};
	struct frame f = {};

	if (known)
		return known == RECEIPT_ANSWER ? TC_ACT_UNSPEC : receipt_counted(BT_T_RECEIPT_SENT, len);
	count_exit(&st_count_tc, BT_T_TOTAL, len);
	pull(skb, HEADERS);	/* headers may lie in page fragments; what cannot be pulled is read as far as it goes */
	read_frame(skb, &f.h);
	f.data = (void *)(long)skb->data;
	f.data_end = (void *)(long)skb->data_end;
	exit = decide(skb, &f, &leaving);
	if (leaving.local && exit == BT_T_VIP_SENT) {
		leaving.by = local_frame(skb, &f.h, leaving.local == 2);
		if ((int)leaving.by == LOCAL_HELD)
			exit = BT_T_VIP_HELD;
	}
	count_exit(&st_count_tc, exit, len);
	follow(skb, &f.h, &leaving, exit);
	if (exit == BT_T_VIP_SENT && leaving.receipt)
		return receipt_send(skb, leaving.group);
	return exit < BT_T__N ? verdicts[exit] : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
