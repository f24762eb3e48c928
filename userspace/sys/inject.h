/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inject: datagrams in another's name, and packets in packets.
 *
 * For a node that stands between client and server: each must see the other as the sender. Addresses are 16 bytes, IPv4 as
 * v4-mapped; both ends are of one family. Frames pass the egress hooks as any other, so the gate can still refuse them.
 * Errors:  negative errno. -EMSGSIZE: longer than the way takes; -EAFNOSUPPORT: the ends' families differ.
 * Blocks:  never.
 * Source:  raw(7) (IP_HDRINCL), ipv6(7) (IPV6_HDRINCL), RFC 768, RFC 2003 (IP in IP), RFC 2473.
 */
#ifndef BATON_INJECT_H
#define BATON_INJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/udp.h"

/* Sends alone, hears nothing; close(2) ends it. */
int inject_open(bool v4);
/* @fd: of their family. */
int inject_udp(int fd, const struct udp_addr *from, const struct udp_addr *to, const void *data, size_t len);
/* The whole packet, with what the kernel would add: for whoever puts it elsewhere than into a socket. Its length; 0: longer than @cap. */
size_t inject_make(const struct udp_addr *from, const struct udp_addr *to, const void *data, size_t len, void *buf, size_t cap);
/* @packet (IPv4: @v4, else IPv6) in a packet from @from to @to, which the kernel cuts where it is too long. */
int inject_packet(const struct in6_addr *from, const struct in6_addr *to, bool v4, const void *packet, size_t len);

#endif
