/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind_try: could a server open this address and port now?
 *
 * A socket is bound and closed at once; it never takes a packet of the network, and a server that starts in that
 * moment is in the way only if it asks for neither SO_REUSEADDR nor SO_REUSEPORT (UDP: both ends must). To be asked
 * only where sys/diag.h finds no listener: against one it proves nothing.
 * Errors:  0: it could; negative errno, the kernel's own: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES ...
 * Blocks:  never. Source: kernel-notes/bind-try.md.
 */
#ifndef BATON_BIND_TRY_H
#define BATON_BIND_TRY_H

#include <stdint.h>
#include <netinet/in.h>

/* @ip v4-mapped for IPv4, @port in host order, @proto IPPROTO_UDP or IPPROTO_TCP. */
int bind_try(const struct in6_addr *ip, uint16_t port, uint8_t proto);

#endif
