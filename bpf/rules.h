/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rules: may what the gate would let in come to this port?
 *
 *   a rule that is enabled	it comes in
 *   stopped			it does not, whatever it is
 *   draining			what begins a connection (TCP) ends here, what begins a dialog (UDP) in the calls stage; the rest
 *				goes on
 *   no rule names it		UDP, and what begins a connection, is not let in; other TCP segments are: those are answers to
 *				connections that this host began itself, from a port of its own
 *
 * Only of VIPs with BT_VIP_RULES, and of UDP and TCP: ICMP tells of what was sent. A later fragment has no port; it is
 * worth nothing without its first, which was asked about, so it is let in.
 * Source:  the guide, Windows NLB Port Rules; RFC 9293 §3.10.7.
 */
#ifndef RULES_H
#define RULES_H

#include "gate.h"
#include "maps_cluster.h"
#include "packet.h"

#define RULE_NONE	(-1)	/* beside enum bt_rule_state */
#define RULES_FLAGS_AT	13	/* of a TCP header */
#define RULES_SYN	0x02
#define RULES_ACK	0x10

/* State of the first rule that names @port, host order. A function of its own: verified once. */
__noinline int rules_state(__u32 group, __u32 port, __u32 proto)
{
	struct bt_rules *rules = bpf_map_lookup_elem(&ct_rules, &group);
	__u32 bit = proto == IPPROTO_TCP ? BT_RULE_TCP : BT_RULE_UDP;

	if (!rules)
		return BT_RULE_STOPPED;
	for (int i = 0; i < BT_RULES_MAX; i++) {
		const struct bt_rule *r = &rules->rule[i];

		if (r->from && port >= r->from && port <= r->to && r->protos & bit)
			return READ_ONCE(r->state);
	}
	return RULE_NONE;
}

/* A first fragment that ends before the flags may be a SYN. */
static __always_inline bool rules_tcp_begins(struct xdp_md *ctx, const struct headers *h)
{
	__u8 *flags = packet_at(ctx, h->l4 + RULES_FLAGS_AT, 1);

	if (!flags || h->end < h->l4 + RULES_FLAGS_AT + 1)
		return true;
	return (*flags & (RULES_SYN | RULES_ACK)) == RULES_SYN;
}

/* The way out of what may not come in; BT_X_TOTAL: it may. A function of its own: verified once. */
__noinline int rules_ask(struct xdp_md *ctx, const struct headers *h, __u32 group)
{
	struct udphdr *udp;
	bool begins;
	int state;

	if (!h || h->later || (h->proto != IPPROTO_UDP && h->proto != IPPROTO_TCP))
		return BT_X_TOTAL;
	udp = packet_at(ctx, h->l4, sizeof(*udp));	/* ports lie alike in TCP */
	if (!udp)
		return BT_X_VIP_RULED_OUT;
	begins = h->proto == IPPROTO_TCP && rules_tcp_begins(ctx, h);
	state = rules_state(group, bpf_ntohs(udp->dest), h->proto);
	if (state == BT_RULE_ENABLED)
		return BT_X_TOTAL;
	if (state == BT_RULE_DRAINING)
		return begins ? BT_X_VIP_RULE_DRAINS : BT_X_TOTAL;
	return state == RULE_NONE && h->proto == IPPROTO_TCP && !begins ? BT_X_TOTAL : BT_X_VIP_RULED_OUT;
}

/* Is the port of this UDP datagram, or first fragment, drained? */
static __always_inline bool rules_drain(struct xdp_md *ctx, const struct headers *h, __u32 group)
{
	struct udphdr *udp = packet_at(ctx, h->l4, sizeof(*udp));

	return udp && h->proto == IPPROTO_UDP && !h->later &&
	       rules_state(group, bpf_ntohs(udp->dest), IPPROTO_UDP) == BT_RULE_DRAINING;
}

#endif
