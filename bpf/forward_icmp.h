/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forward_icmp: of which packet does an ICMP error tell, and how does the server that sent it learn that it was its?
 *
 * By NAT a packet left in the service's name: what the error quotes gets the server's address and port back, with all
 * checksums that are there; the quoted packet may be cut anywhere behind its ports.
 * Source:  RFC 792, RFC 4443 §3, RFC 5508 §4.
 */
#ifndef FORWARD_ICMP_H
#define FORWARD_ICMP_H

#include "forward_nat.h"
#include "icmp.h"

#define ICMP_QUOTE_AT	8	/* both families: after a header of 8 bytes */

static __always_inline bool icmp_is_error(const struct headers *h, __u8 type)
{
	if (h->kind == FRAME_IP6)
		return h->proto == IPPROTO_ICMPV6 && type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return h->proto == IPPROTO_ICMP &&
	       (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB);
}

/*
 * Is @h such an error? @f->h has the headers of the packet that it quotes, UDP or TCP, whose ports are in the frame; what is
 * said of its length is not checked. False: it is none, or does not show so much.
 */
static __always_inline bool icmp_about(struct xdp_md *ctx, const struct headers *h, struct frame *f)
{
	__u8 *type;

	if (h->kind == FRAME_OTHER || h->fragment || h->broken)
		return false;
	type = packet_at(ctx, h->l4, ICMP_QUOTE_AT);
	if (!type || !icmp_is_error(h, *type))
		return false;
	*f = (struct frame){ .data = (void *)(long)ctx->data, .data_end = (void *)(long)ctx->data_end };
	f->h.len = 2 * FRAME_REACH + 1;	/* it was longer than what is quoted */
	f->h.l3 = h->l4 + ICMP_QUOTE_AT;
	if (h->kind == FRAME_IP6)
		frame_read_ip6(f);
	else
		frame_read_ip4(f);
	if (f->h.broken || f->h.later || (f->h.proto != IPPROTO_UDP && f->h.proto != IPPROTO_TCP))
		return false;
	return packet_at(ctx, f->h.l4, 2 * sizeof(__be16)) != NULL;
}

/* What @quoted was changed by is put into the error's own checksum. 0, or -1: it is no such error. */
static __always_inline int icmp_translate(struct xdp_md *ctx, const struct headers *h, const struct headers *quoted,
					  const struct nat_side *side)
{
	int diff = nat_change(ctx, quoted, side);
	__u16 *check;

	check = packet_at(ctx, h->l4 + offsetof(struct icmphdr, checksum), sizeof(*check));
	if (diff < 0 || !check)
		return -1;
	*check = csum_with(*check, diff);
	return 0;
}

#endif
