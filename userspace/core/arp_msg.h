/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arp_msg: how does a frame look that tells neighbours who holds an address, or asks them?
 *
 * Pure: bytes into a buffer. Whole Ethernet frames, checksums filled in, nothing padded (drivers do).
 * Buffers: ARP_MSG_MAX bytes; MACs are 6 bytes.
 * Errors:  none; every function returns the length of the frame.
 * Source:  RFC 826, RFC 5227 §1.1 and §3, RFC 4861 §4.3, §4.4 and §7.2.6; for what a Linux neighbour makes of them
 *          kernel-notes/announcements.md.
 */
#ifndef BATON_ARP_MSG_H
#define BATON_ARP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#define ARP_MSG_MAX	86	/* a neighbour advertisement; ARP takes 42 */
#define ARP_MSG_NA	136	/* ICMPv6 type of an advertisement */

/*
 * Gratuitous ARP: "@ip is at @mac", to all. As request (what RFC 5227 calls an announcement), or as
 * reply with @mac as target too, or Linux would not take it for gratuitous.
 */
size_t arp_msg_gratuitous(uint8_t *buf, const uint8_t *mac, struct in_addr ip, bool reply);

/*
 * ARP request of @ip for @router: who is asked must learn the asker, even if it did not know it.
 * @to: where the frame goes, NULL for broadcast.
 */
size_t arp_msg_ask(uint8_t *buf, const uint8_t *mac, struct in_addr ip,
		   struct in_addr router, const uint8_t *to);

/*
 * Unsolicited neighbour advertisement of @ip with override flag, from @ip. @router: this host forwards,
 * so the R flag must be set. To all nodes (@dst and @to NULL), or to @dst; @to NULL: its frame goes
 * to the all-nodes group all the same.
 */
size_t arp_msg_na(uint8_t *buf, const uint8_t *mac, const struct in6_addr *ip,
		  bool router, const struct in6_addr *dst, const uint8_t *to);

/*
 * Who has @ip? Of no address (RFC 5227 probe; a solicitation as duplicate address detection sends
 * it): it changes no neighbour's table, and whoever has it answers, ARP to @mac, IPv6 to all nodes.
 */
size_t arp_msg_probe(uint8_t *buf, const uint8_t *mac, struct in_addr ip);
size_t arp_msg_solicit(uint8_t *buf, const uint8_t *mac, const struct in6_addr *ip);

/*
 * "@ip is at @mac", said by a third party (@from) to one neighbour (@to) that still believes otherwise: ARP in the
 * gratuitous reply form, which Linux takes at once, or an advertisement with override flag. Either family by @ip.
 */
size_t arp_msg_tell(uint8_t *buf, const uint8_t *from, const uint8_t *to, const uint8_t *mac, const struct in6_addr *ip);

/*
 * The same message, sent by a station of another address than the one it speaks of: a cluster's (core/cluster_mac.h) is never a
 * frame's source, or switches would learn where it is.
 */
void arp_msg_from(uint8_t *buf, const uint8_t *from);

#endif
